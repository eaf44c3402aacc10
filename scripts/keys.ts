// Makes, lists, rotates and revokes API keys. Run it as: npm run keys -- COMMAND …
import { OVERLAPS, type Overlap } from '@/lib/api-keys/rotate-api-key'
import { show } from './cli/connect'
import { modeOf, oneOf, required, scopesOf, tenantOf, timeOf } from './cli/options'
import { type Command, runCommand } from './cli/run-command'

const HELP = `npm run keys -- create --tenant ten_… --mode test|live [--scopes verify,settle,…] [--name NAME] [--expires DATE]
npm run keys -- list --tenant ten_…
npm run keys -- rotate --tenant ten_… --key key_… [--overlap now|1h|24h|7d]
npm run keys -- revoke --tenant ten_… --key key_…
A key is shown once, when it is made; only its hash is stored.`

const OVERLAP_NAMES = Object.keys(OVERLAPS) as Overlap[]

const COMMANDS: Readonly<Record<string, Command>> = {
  create: (options) => {
    const input = {
      tenantId: tenantOf(options),
      mode: modeOf(options),
      name: options['name'] ?? '',
      scopes: scopesOf(options),
      expiresAt: timeOf(options, 'expires'),
    }
    return async (admin) => show(await admin.createApiKey(input))
  },
  list: (options) => {
    const tenantId = tenantOf(options)
    return async (admin) => show(await admin.listApiKeys(tenantId))
  },
  rotate: (options) => {
    const overlap = oneOf('overlap', options['overlap'] ?? '24h', OVERLAP_NAMES)
    const input = { tenantId: tenantOf(options), id: required(options, 'key'), overlap }
    return async (admin) => show(await admin.rotateApiKey(input))
  },
  revoke: (options) => {
    const [tenantId, id] = [tenantOf(options), required(options, 'key')]
    return async (admin) => show(await admin.revokeApiKey(tenantId, id))
  },
}

void runCommand(HELP, ['tenant', 'mode', 'scopes', 'name', 'expires', 'key', 'overlap'], COMMANDS)

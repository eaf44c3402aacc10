// Gives a tenant other limits than its plan's, with the reason for it. Run it as: npm run limits -- COMMAND …
import { LIMIT_NAMES } from '@/lib/usage/limits'
import { show } from './cli/connect'
import { modeOf, OptionError, oneOf, required, tenantOf, timeOf } from './cli/options'
import { type Command, runCommand } from './cli/run-command'

const HELP = `npm run limits -- set --tenant ten_… --limit minute|hour|month --value N|unlimited --reason TEXT [--mode test|live] [--until DATE]
npm run limits -- list --tenant ten_…
npm run limits -- remove --tenant ten_… --override lim_…`

const COMMANDS: Readonly<Record<string, Command>> = {
  set: (options) => {
    const tenantId = tenantOf(options)
    const override = {
      name: oneOf('limit', required(options, 'limit'), LIMIT_NAMES),
      mode: options['mode'] ? modeOf(options) : null,
      value: limitValue(required(options, 'value')),
      reason: required(options, 'reason'),
      endsAt: timeOf(options, 'until'),
    }
    return async (admin) => show(await admin.overrideLimit(tenantId, override))
  },
  list: (options) => {
    const tenantId = tenantOf(options)
    return async (admin) => show(await admin.listOverrides(tenantId))
  },
  remove: (options) => {
    const [tenantId, id] = [tenantOf(options), required(options, 'override')]
    return async (admin) => {
      if (!(await admin.removeOverride(tenantId, id))) throw new Error(`The tenant has no override ${id} in force.`)
    }
  },
}

function limitValue(text: string): number | null {
  if (text === 'unlimited') return null
  if (!/^\d{1,15}$/.test(text)) throw new OptionError(`--value must be a whole number or "unlimited" (got "${text}").`)
  return Number(text)
}

void runCommand(HELP, ['tenant', 'limit', 'value', 'reason', 'mode', 'until', 'override'], COMMANDS)

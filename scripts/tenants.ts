// Makes and changes tenants. Run it as: npm run tenants -- COMMAND …
import { show } from './cli/connect'
import { planOf, required, tenantOf, termsOf } from './cli/options'
import { type Command, runCommand } from './cli/run-command'

const HELP = `npm run tenants -- create --name NAME [--plan free|starter|pro|enterprise]
npm run tenants -- list
npm run tenants -- show --tenant ten_…
npm run tenants -- set-plan --tenant ten_… --plan PLAN
npm run tenants -- set-terms --tenant ten_… [--wait-until mined|final] [--settled-by-other accept|refuse]
npm run tenants -- suspend --tenant ten_…
npm run tenants -- resume --tenant ten_…`

const COMMANDS: Readonly<Record<string, Command>> = {
  create: (options) => {
    const input = { name: required(options, 'name'), plan: planOf({ plan: 'free', ...options }) }
    return async (admin) => show(await admin.createTenant(input))
  },
  list: () => async (admin) => show(await admin.listTenants()),
  show: (options) => {
    const id = tenantOf(options)
    return async (admin) => {
      const [tenant, keys, overrides] = await Promise.all([
        admin.findTenant(id),
        admin.listApiKeys(id),
        admin.listOverrides(id),
      ])
      show({ tenant, keys, overrides })
    }
  },
  'set-plan': (options) => {
    const [id, plan] = [tenantOf(options), planOf(options)]
    return async (admin) => show(await admin.changeTenant(id, { plan }))
  },
  'set-terms': (options) => {
    const [id, terms] = [tenantOf(options), termsOf(options)]
    return async (admin) => show(await admin.changeTenant(id, terms))
  },
  suspend: (options) => {
    const id = tenantOf(options)
    return async (admin) => show(await admin.changeTenant(id, { status: 'suspended' }))
  },
  resume: (options) => {
    const id = tenantOf(options)
    return async (admin) => show(await admin.changeTenant(id, { status: 'active' }))
  },
}

void runCommand(HELP, ['name', 'plan', 'tenant', 'wait-until', 'settled-by-other'], COMMANDS)

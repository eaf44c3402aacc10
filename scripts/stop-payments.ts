// The emergency stop: takes no new settlements. Run it as: npm run stop-payments -- OPTIONS
import { ALL_NETWORKS } from '@/lib/settlements/stop-payments'
import { show, withAdmin } from './cli/connect'
import { OptionError, type Options, required } from './cli/options'
import { readOptions } from './cli/read-options'
import type { Command } from './cli/run-command'

const HELP = `npm run stop-payments -- --network eip155:84532|all --reason TEXT   takes no new settlements, within a second or two
npm run stop-payments -- --network eip155:84532|all --resume        takes them again
npm run stop-payments -- --list
What was taken before is finished, and /verify goes on. A stop of all networks and those of single ones are apart: each
is resumed by its own name. Processes with X402_PAYMENTS_DISABLED=true stay stopped whatever is resumed here.`

const stop: Command = (options) => {
  const order = { network: networkOf(options), reason: required(options, 'reason') }
  return async (admin) => show(await admin.stopPayments(order))
}

const resume: Command = (options) => {
  if (options['reason'] !== undefined) throw new OptionError('--reason is for a stop; --resume needs none.')
  const network = networkOf(options)
  return async (admin) => show({ stillStopped: await admin.resumePayments(network) })
}

const list: Command = (options) => {
  if (options['network'] !== undefined) throw new OptionError('--list shows every stop; it takes no other option.')
  return async (admin) => show(await admin.listPaymentStops())
}

function networkOf(options: Options): string {
  const network = required(options, 'network')
  return network === 'all' ? ALL_NETWORKS : network
}

function commandOf(options: Options): Command {
  if (options['list'] !== undefined) return list
  return options['resume'] === undefined ? stop : resume
}

const FLAGS = { values: ['network', 'reason'], switches: ['resume', 'list'] }

void withAdmin(readOptions(HELP, FLAGS, (options) => commandOf(options)(options)))

// Lists authorizations that have had no outcome for too long. Run it as: npm run stale [-- options]
import type { Stale } from '@/lib/settlements/list-stale'
import { readOptions } from './cli/read-options'
import { networkOf, secondsOf, withReconciler } from './cli/with-reconciler'

const HELP = `npm run stale [-- --seconds 900] [--network eip155:84532] [--json]
Lists rows older than that which are queued, broadcast or reorged, or failed with an authorization still alive.
Ends with 0 when there are none, 1 when there are, 2 when it could not be done.`

const options = readOptions(HELP, { values: ['seconds', 'network'], switches: ['json'] }, (given) => ({
  seconds: secondsOf(given, 'seconds', 900),
  network: networkOf(given),
  isJson: given['json'] !== undefined,
}))

void withReconciler(
  () => undefined,
  async (reconciler) => {
    const rows = await reconciler.listStale(options.network, options.seconds)
    process.stdout.write(options.isJson ? `${JSON.stringify(rows.map(toJson), null, 2)}\n` : toTable(rows))
    return rows.length === 0 ? 0 : 1
  },
)

function toJson({ amount, validBefore, ...row }: Stale) {
  return { ...row, amount: amount.toString(), validBefore: validBefore.toString() }
}

function toTable(rows: readonly Stale[]): string {
  if (rows.length === 0) return `No authorization is older than ${options.seconds} s without an outcome.\n`
  const head = ['settlement', 'state', 'age', 'network', 'payer', 'amount', 'transaction', 'what to do']
  const lines = rows.map(({ id, state, ageSeconds, network, payer, amount, transactionHash, advice }) => [
    ...[id, state, `${ageSeconds} s`, network, payer, amount.toString(), transactionHash ?? '-', advice],
  ])
  const widths = head.map((_, column) => Math.max(...[head, ...lines].map((line) => (line[column] ?? '').length)))
  const toLine = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return `${[head, ...lines].map(toLine).join('\n')}\n\n${rows.length} without an outcome.\n`
}

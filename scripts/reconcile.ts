// Compares settlements and ledger with the chain. Run it as: npm run reconcile [-- options]
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SECOND_MS } from '@/lib/core/clock'
import { env } from '@/lib/env'
import type { Progress, ReconcileReport } from '@/lib/settlements/reconcile'
import { reportJson, reportMarkdown } from '@/lib/settlements/reconcile/write-report'
import { OptionError, type Options } from './cli/options'
import { readOptions } from './cli/read-options'
import { networkOf, secondsOf, withReconciler } from './cli/with-reconciler'

const HELP = `npm run reconcile [-- --network eip155:84532] [--from DATE] [--to DATE] [--dry-run] [--json]
  --from, --to   rows created in this time; the sums of the ledger are always those of all of it
  --dry-run      writes no report. Rows and ledger are never changed, with it or without
  --json         prints the report as JSON
  --grace N      looks at what differs again N seconds after the start, for rows change meanwhile (15)
  --open N       a row may be under way for N seconds (900)
Ends with 0 when all agree (PASS), 1 when something differs (FAIL), 2 when it could not be done.`

const FLAGS = { values: ['network', 'from', 'to', 'grace', 'open'], switches: ['dry-run', 'json'] }
const PROGRESS_MS = 2 * SECOND_MS

const options = readOptions(HELP, FLAGS, (given) => ({
  network: networkOf(given),
  span: { from: dateOf(given, 'from'), to: dateOf(given, 'to') },
  graceSeconds: secondsOf(given, 'grace', 15),
  openSeconds: secondsOf(given, 'open', 900),
  isDry: given['dry-run'] !== undefined,
  isJson: given['json'] !== undefined,
}))

void withReconciler(progressTo(process.stderr), async (reconciler) => {
  const { network, isDry, isJson, ...input } = options
  const report = await reconciler.reconcile(network, input)
  process.stdout.write(isJson ? reportJson(report) : reportMarkdown(report))
  if (!isDry) process.stderr.write(`Written to ${await keep(report)}\n`)
  return report.result === 'PASS' ? 0 : 1
})

function dateOf(given: Options, name: string): Date | null {
  const text = given[name]
  if (text === undefined) return null
  const date = new Date(text)
  if (Number.isNaN(date.getTime()))
    throw new OptionError(`--${name} must be a date or an RFC 3339 time (got "${text}").`)
  return date
}

/** Says every two seconds how far it is. */
function progressTo(output: NodeJS.WritableStream) {
  let lastMs = Date.now()
  return ({ network, part, done, total }: Progress) => {
    if (Date.now() - lastMs < PROGRESS_MS) return
    lastMs = Date.now()
    output.write(`${network}: ${done} of ${total} ${part}\n`)
  }
}

/** The report under a name that sorts by time, for programs and for people. */
async function keep(report: ReconcileReport): Promise<string> {
  const folder = join(env().X402_DATA_DIR, 'reports')
  await mkdir(folder, { recursive: true })
  const path = join(folder, `reconcile-${report.startedAt.toISOString().replace(/[:.]/g, '-')}`)
  await writeFile(`${path}.json`, reportJson(report))
  await writeFile(`${path}.md`, reportMarkdown(report))
  return `${path}.md`
}

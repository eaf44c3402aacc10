import type { ReconcileReport } from '@/lib/settlements/reconcile'
import type { Discrepancy } from './classes'

/** A reader sees so many of them; the JSON beside it has all. */
const MOST_SHOWN = 200
const ORDER = { high: 0, medium: 1, low: 2 }

/** The report as JSON: amounts are texts already, times RFC 3339. */
export function reportJson(report: ReconcileReport): string {
  return `${JSON.stringify({ ...report, classes: countClasses(report.discrepancies) }, null, 2)}\n`
}

/** The report for people, as Markdown: what was looked at, what differs by class, and each with what to do. */
export function reportMarkdown({
  result,
  startedAt,
  finishedAt,
  span,
  networks,
  discrepancies,
}: ReconcileReport): string {
  const seconds = ((finishedAt.getTime() - startedAt.getTime()) / 1000).toFixed(1)
  const lines = [
    `# Reconciliation: ${result}`,
    '',
    `${startedAt.toISOString()}, ${seconds} s. Rows created ${spanText(span)}.`,
    '',
    ...table(
      ['network', 'settlements', 'transactions'],
      networks.map(({ network, settlements, transactions }) => [network, settlements, transactions]),
    ),
  ]
  if (discrepancies.length === 0) lines.push('Settlements, ledger and chain agree.')
  else lines.push(...findings(discrepancies))
  return `${lines.join('\n').trimEnd()}\n`
}

function findings(discrepancies: readonly Discrepancy[]): string[] {
  const sorted = [...discrepancies].sort((a, b) => ORDER[a.severity] - ORDER[b.severity])
  const shown = sorted.slice(0, MOST_SHOWN)
  const rest = sorted.length - shown.length
  return [
    `## ${sorted.length} differ`,
    '',
    ...table(
      ['class', 'severity', 'count'],
      countClasses(sorted).map(({ class: name, severity, count }) => [name, severity, count]),
    ),
    ...shown.flatMap(describe),
    ...(rest > 0 ? [`… and ${rest} more, all of them in the JSON beside this page.`] : []),
  ]
}

function describe({ class: name, severity, network, subject, expected, found, fix }: Discrepancy): string[] {
  return [
    `### ${severity}: ${name}`,
    '',
    `${subject} on ${network}`,
    '',
    `- expected: ${expected}`,
    `- found: ${found}`,
    `- fix: ${fix}`,
    '',
  ]
}

/** How often each class was found, by severity. */
function countClasses(discrepancies: readonly Discrepancy[]) {
  const counts = new Map<string, Pick<Discrepancy, 'class' | 'severity'> & { count: number }>()
  for (const { class: name, severity } of discrepancies) {
    const key = `${severity} ${name}`
    counts.set(key, { class: name, severity, count: (counts.get(key)?.count ?? 0) + 1 })
  }
  return [...counts.values()].sort((a, b) => ORDER[a.severity] - ORDER[b.severity] || b.count - a.count)
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line), '']
}

function spanText({ from, to }: ReconcileReport['span']): string {
  if (!from && !to) return 'at any time'
  return [from && `from ${from.toISOString()}`, to && `before ${to.toISOString()}`].filter(Boolean).join(' ')
}

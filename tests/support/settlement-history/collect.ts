import type { ChainTransfer } from '@/tests/support/chain-history'

/** Where a transfer stands, as text. */
export function placeOf(transfer: { hash: string; position: number } | undefined): string {
  return transfer ? `${transfer.hash}/${transfer.position}` : 'nowhere'
}

/** Transfers by the payment that each is of. */
export function byKey(transfers: readonly ChainTransfer[]): Map<string, ChainTransfer> {
  return new Map(transfers.map((transfer) => [transfer.paymentKey, transfer]))
}

/** What was there before, each time that it comes again. */
export function repeated(values: readonly string[]): string[] {
  const seen = new Set<string>()
  return values.filter((value) => seen.size === seen.add(value).size)
}

/** Sums of amounts by a name that each has. */
export function sumBy<T extends { amount: string | bigint }>(values: readonly T[], of: (value: T) => string) {
  const sums = new Map<string, bigint>()
  for (const value of values) sums.set(of(value), (sums.get(of(value)) ?? 0n) + BigInt(value.amount))
  return sums
}

/** Counts by a name that each has. */
export function countBy<T>(values: readonly T[], of: (value: T) => string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const value of values) counts[of(value)] = (counts[of(value)] ?? 0) + 1
  return counts
}

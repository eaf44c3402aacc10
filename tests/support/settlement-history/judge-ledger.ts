import { sumBy } from './collect'
import type { Judged } from './history'

/** I5 */
export async function ledgerIsTrue(judged: Judged): Promise<string[]> {
  const { records } = judged
  const sums = [...sumBy(records.ledger, ({ asset }) => asset)]
  const accounts = sumBy(records.ledger, ({ account }) => account)
  const unbalanced = sums.flatMap(([asset, sum]) => (sum === 0n ? [] : [`the entries of ${asset} add up to ${sum}`]))
  const flying = records.flights.filter(({ in_flight }) => in_flight !== '0')
  const differences = [...payersOf(judged), ...(await sellersOf(judged)), ...walletsOf(judged)].flatMap(
    ({ account, moved }) => {
      const entered = balanceOf(accounts, account)
      return entered === moved ? [] : [`${account}: the chain has moved ${moved}, the ledger says ${entered}`]
    },
  )
  return [
    ...unbalanced,
    ...differences,
    ...flying.map((one) => `${one.in_flight} of ${one.payer} are in flight for ever`),
  ]
}

/** An account of the ledger; of a seller, those of all his tenants. */
type Moved = { account: string; moved: bigint }

function balanceOf(accounts: ReadonlyMap<string, bigint>, account: string): bigint {
  const [kind, address] = account.split(':') as [string, string]
  const own = [...accounts].filter(([name]) => name.startsWith(`${kind}:`) && name.endsWith(`:${address}`))
  return own.reduce((sum, [, amount]) => sum + amount, 0n)
}

function payersOf({ records, onChain }: Judged): Moved[] {
  const known = new Set(records.rows.map(({ key }) => key))
  const paid = onChain.transfers.filter(({ paymentKey }) => known.has(paymentKey))
  return [...sumBy(paid, ({ payer }) => payer)].map(([payer, sum]) => ({ account: `payer:${payer}`, moved: -sum }))
}

function sellersOf({ sellers }: Judged): Promise<Moved[]> {
  const read = [...sellers].map(async ([seller, { tokens, tokensNow }]) => ({
    account: `seller:${seller}`,
    moved: (await tokensNow()) - tokens,
  }))
  return Promise.all(read)
}

function walletsOf({ wallets, onChain }: Judged): Moved[] {
  return [...wallets].map(([wallet, before]) => ({
    account: `wallet:${wallet}`,
    moved: (onChain.wallets.get(wallet)?.balance ?? 0n) - before.balance,
  }))
}

import type { Hex } from '@/lib/core/hex'
import { type Discrepancy, discrepancy } from './classes'
import type { MissingRow, ReconcileStore } from './facts'
import type { ChainReads } from './read-chain'

type Input = { network: string; store: ReconcileStore; reads: ChainReads }

/** What belongs to no row: traces of rows that are gone, the sums of the ledger, money in flight, wallets. */
export async function checkNetwork(input: Input): Promise<Discrepancy[]> {
  const { network, store } = input
  const [missing, stray, unbalanced, flights] = await Promise.all([
    store.missingRows(network),
    store.strayEntries(network),
    store.unbalanced(network),
    store.idleFlights(network),
  ])
  return [
    ...missing.map((row) => missingRow(network, row)),
    ...stray.map(({ transactionHash, isGas, accounts }) =>
      discrepancy(isGas ? 'gas_entry_without_transaction' : 'ledger_entry_without_row', {
        network,
        subject: transactionHash,
        expected: isGas ? 'a transaction of ours' : 'a settlement',
        found: `entries of ${accounts.join(', ')}`,
      }),
    ),
    ...unbalanced.map(({ asset, sum }) =>
      discrepancy('ledger_not_zero', { network, subject: asset, expected: '0', found: `${sum} of ${asset}` }),
    ),
    ...flights.map(({ asset, payer, inFlight }) =>
      discrepancy('in_flight_not_zero_when_idle', {
        network,
        subject: payer,
        expected: '0, for nothing of this payer is under way',
        found: `${inFlight} of ${asset}`,
      }),
    ),
    ...(await checkWallets(input)),
  ]
}

/** One trace alone is a trace that is wrong; more of them are of a row that was there. */
function missingRow(network: string, { settlementId, used, ledger, member, hasEvents }: MissingRow): Discrepancy {
  const traces = Object.entries({
    'a used transfer': used,
    'ledger entries': ledger,
    'an attempt': member,
    events: hasEvents,
  })
  const named = traces.filter(([, isThere]) => isThere).map(([name]) => name)
  const alone = used ? 'used_transfer_without_row' : 'ledger_entry_without_row'
  const name = named.length === 1 && !member ? alone : 'row_missing'
  const found = `no such row, but ${named.join(', ')} of it`
  return discrepancy(name, { network, settlementId, expected: `settlement ${settlementId}`, found })
}

async function checkWallets({ network, store, reads }: Input): Promise<Discrepancy[]> {
  const found: Discrepancy[] = []
  const addresses = (await store.wallets(network)).map(({ address }) => address)
  // The chain first: what is sent between the two reads is then known to the database.
  const nonces = new Map(
    await Promise.all(addresses.map(async (address) => [address, await reads.walletNonce(address)] as const)),
  )
  for (const { address, nextNonce } of await store.wallets(network)) {
    const mined = nonces.get(address)
    if (mined === undefined) continue
    const wrong =
      nextNonce < mined
        ? behind(network, address, nextNonce, mined)
        : await ahead({ network, store, reads }, address, nextNonce, mined)
    if (wrong) found.push(wrong)
  }
  return found
}

function behind(network: string, subject: Hex, next: bigint, mined: bigint): Discrepancy {
  const expected = `next nonce ${mined} or higher`
  return discrepancy('wallet_nonce_behind', { network, subject, expected, found: `${next}` })
}

/** Every nonce that is allocated and not mined has its transaction, or those behind it wait for ever. */
async function ahead(
  { network, store }: Input,
  subject: Hex,
  next: bigint,
  mined: bigint,
): Promise<Discrepancy | null> {
  if (next === mined) return null
  const known = new Set(await store.noncesFrom(network, subject, mined))
  const missing: bigint[] = []
  for (let nonce = mined; nonce < next && missing.length < 5; nonce++) if (!known.has(nonce)) missing.push(nonce)
  if (missing.length === 0) return null
  const expected = `a transaction for each nonce from ${mined} to ${next - 1n}`
  return discrepancy('wallet_nonce_ahead', { network, subject, expected, found: `none for ${missing.join(', ')}` })
}

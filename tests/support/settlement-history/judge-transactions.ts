import { isPaid } from '@/lib/core/settlement-states'
import type { ChainHistory } from '@/tests/support/chain-history'
import { byKey, placeOf, repeated } from './collect'
import type { Judged } from './history'
import type { Records, Transaction } from './records'

/** I6 */
export function walletsAreWhole(judged: Judged): string[] {
  const { records, onChain, wallets } = judged
  const wrong = [...wallets].flatMap(([wallet, before]) => {
    const own = records.transactions.filter((transaction) => transaction.wallet === wallet)
    const { latest, pending } = onChain.wallets.get(wallet) as { latest: bigint; pending: bigint }
    const mined = latest - before.nonce
    return [
      ...(latest === pending ? [] : [`${wallet}: ${pending - latest} transactions wait on the chain`]),
      ...(mined === BigInt(own.length)
        ? []
        : [`${wallet}: ${mined} nonces on the chain, ${own.length} in the database`]),
      ...own.flatMap((transaction, index) => wrongNonce(judged, transaction, before.nonce + BigInt(index))),
    ]
  })
  return [...wrong, ...transfersOfRows(records, onChain)]
}

function wrongNonce({ onChain }: Judged, { wallet, nonce, state, mined_hash }: Transaction, wanted: bigint): string[] {
  const mined = onChain.transactions.find((one) => one.sender === wallet && one.nonce === BigInt(nonce))
  return [
    ...(BigInt(nonce) === wanted ? [] : [`${wallet}: nonce ${nonce} stands where ${wanted} should`]),
    ...(state === 'decided' ? [] : [`${wallet}: nonce ${nonce} is ${state}`]),
    ...(mined?.hash === mined_hash ? [] : [`${wallet}: nonce ${nonce} was mined as ${mined?.hash}, not ${mined_hash}`]),
  ]
}

/** Each paid row has exactly the one transfer that the chain has for it. */
function transfersOfRows({ rows, used }: Records, { transfers }: ChainHistory): string[] {
  const made = byKey(transfers)
  const usedBy = new Map(used.map((one) => [one.settlement_id, `${one.transaction_hash}/${one.position}`]))
  const wrong = rows.flatMap(({ id, key, state, transaction_hash, position }) => {
    const wanted = isPaid(state) ? placeOf(made.get(key)) : undefined
    const names = isPaid(state) ? `${transaction_hash}/${position}` : undefined
    const isRight = usedBy.get(id) === wanted && names === wanted
    return isRight ? [] : [`${id} is ${state} by ${names}, uses ${usedBy.get(id)}, and was paid by ${wanted}`]
  })
  return [...wrong, ...repeated([...usedBy.values()]).map((place) => `${place} is used twice`)]
}

/** I7 */
export function nothingReverted({ onChain, records, mayRevert = new Set() }: Judged): string[] {
  const members = new Map(records.transactions.map(({ wallet, nonce, members }) => [`${wallet}/${nonce}`, members]))
  return onChain.transactions.flatMap(({ hash, succeeded, sender, nonce }) => {
    const own = members.get(`${sender}/${nonce}`) ?? []
    const isExcused = own.length > 0 && own.every((key) => mayRevert.has(key))
    return succeeded || isExcused ? [] : [`${hash} reverted, with ${own.length} payments`]
  })
}

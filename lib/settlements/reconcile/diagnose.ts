import { addressWord, type Hex, word } from '@/lib/core/hex'
import { AUTHORIZATION_USED, TRANSFER } from '@/lib/core/token'
import { findTransfer } from '@/lib/settlements/judge'
import type { SignedTransfer } from '@/lib/settlements/settlement'
import type { Log, Receipt } from '@/lib/settlements/settlement-chain'

type Payment = Pick<SignedTransfer, 'asset' | 'payer' | 'payTo' | 'amount' | 'nonce'>

/** What a receipt says of a payment; `position` is that of the Transfer which belongs to it. */
export type Diagnosis =
  | { kind: 'paid'; position: number }
  | { kind: 'receipt_reverted' | 'transfer_missing' | 'authorization_log_missing' }
  | { kind: 'transfer_wrong_amount' | 'transfer_wrong_recipient'; position: number; to: Hex; amount: bigint }

/** The judge's verdict, and where it is no, what is wrong: reconciliation has to name it. */
export function diagnose({ succeeded, logs }: Receipt, payment: Payment): Diagnosis {
  if (!succeeded) return { kind: 'receipt_reverted' }
  const position = findTransfer(logs, payment)
  if (position !== null) return { kind: 'paid', position }
  const used = logs.findIndex((log) => isUse(log, payment))
  if (used < 0) {
    const isThere = logs.some((log) => isTransferOf(log, payment))
    return { kind: isThere ? 'authorization_log_missing' : 'transfer_missing' }
  }
  const next = logs[used + 1]
  if (!next || !isTransferFrom(next, payment)) return { kind: 'transfer_missing' }
  const to: Hex = `0x${next.topics[2]?.slice(-40) ?? ''}`
  const kind = to === payment.payTo ? 'transfer_wrong_amount' : 'transfer_wrong_recipient'
  return { kind, position: next.position, to, amount: BigInt(next.data) }
}

/** The transfers of a receipt, each with the authorization in the log before it, if that is one. */
export function transfersOf({ succeeded, logs }: Receipt) {
  if (!succeeded) return []
  return logs.flatMap((log, index) => {
    if (log.topics[0] !== TRANSFER || log.topics.length !== 3) return []
    const before = logs[index - 1]
    const isUsed = before?.topics[0] === AUTHORIZATION_USED && before.address === log.address
    const authorization = isUsed ? authorizationText(log.address, before.topics[1] ?? '', before.topics[2] ?? '') : null
    return [{ position: log.position, asset: log.address, from: log.topics[1]?.slice(-40), authorization }]
  })
}

/** One text for an authorization, however it is written. */
export function authorizationOf({ asset, payer, nonce }: { asset: Hex; payer: Hex; nonce: Hex }): string {
  return authorizationText(asset, `0x${addressWord(payer)}`, nonce)
}

function authorizationText(asset: string, payerWord: string, nonce: string): string {
  return `${asset}/${payerWord}/${nonce}`
}

function isUse({ address, topics }: Log, { asset, payer, nonce }: Payment): boolean {
  const [event, by, used] = topics
  return address === asset && event === AUTHORIZATION_USED && by === `0x${addressWord(payer)}` && used === nonce
}

function isTransferFrom({ address, topics }: Log, { asset, payer }: Payment): boolean {
  return address === asset && topics[0] === TRANSFER && topics[1] === `0x${addressWord(payer)}`
}

function isTransferOf(log: Log, payment: Payment): boolean {
  const isTo = log.topics[2] === `0x${addressWord(payment.payTo)}`
  return isTransferFrom(log, payment) && isTo && log.data === `0x${word(payment.amount)}`
}

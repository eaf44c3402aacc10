import { type Hex, isHex, lowerHex } from '@/lib/core/hex'
import type { Log, Receipt } from '@/lib/settlements/settlement-chain'
import { fieldsOf, orNull, readEach, toAddress, toBytes32, toQuantity } from './decode'
import type { RpcCall } from './rpc-endpoint'

const MAX_TOPICS = 4

/** Asks for the receipt of a transaction; the result is `Found<Receipt>`. */
export function receiptCall(hash: Hex): RpcCall {
  const read = (result: unknown) => {
    const receipt = toReceipt(result)
    return receipt?.transactionHash === lowerHex(hash) ? receipt : null
  }
  return { method: 'eth_getTransactionReceipt', params: `["${hash}"]`, decode: orNull(read) }
}

/** A receipt as a node gives it, or null when it is none. */
function toReceipt(result: unknown): Receipt | null {
  const fields = fieldsOf(result)
  const transactionHash = toBytes32(fields['transactionHash'])
  const blockHash = toBytes32(fields['blockHash'])
  const [blockNumber, status, gasUsed] = [fields['blockNumber'], fields['status'], fields['gasUsed']].map(toQuantity)
  const feeWei = toFee(fields)
  const logs = toLogs(fields['logs'], transactionHash)
  if (!transactionHash || !blockHash || blockNumber == null || status == null || gasUsed == null) return null
  if (status > 1n || feeWei === null || !logs) return null
  return { transactionHash, blockNumber, blockHash, succeeded: status === 1n, gasUsed, feeWei, logs }
}

/** OP stack rollups name the fee for the data by itself; Arbitrum counts it into the gas. */
function toFee(fields: Record<string, unknown>): bigint | null {
  const [gasUsed, price] = [toQuantity(fields['gasUsed']), toQuantity(fields['effectiveGasPrice'])]
  const l1Fee = fields['l1Fee'] == null ? 0n : toQuantity(fields['l1Fee'])
  return gasUsed === null || price === null || l1Fee === null ? null : gasUsed * price + l1Fee
}

/** A log's own index counts within the block and moves with a reorg; its position in the transaction does not. */
function toLogs(value: unknown, transactionHash: Hex | null): Log[] | null {
  const logs = readEach(value, toIndexedLog)
  if (!logs || logs.some((log) => log.transactionHash !== transactionHash)) return null
  logs.sort((a, b) => Number(a.index - b.index))
  return logs.map(({ address, topics, data }, position) => ({ address, topics, data, position }))
}

type IndexedLog = Omit<Log, 'position'> & { index: bigint; transactionHash: Hex }

/** A log as a node gives it, or null when it is none or was taken back. */
export function toIndexedLog(value: unknown): IndexedLog | null {
  const fields = fieldsOf(value)
  const { data } = fields
  const [address, transactionHash] = [toAddress(fields['address']), toBytes32(fields['transactionHash'])]
  const index = toQuantity(fields['logIndex'])
  const topics = readEach(fields['topics'], toBytes32)
  if (!address || !transactionHash || index === null || !topics || topics.length > MAX_TOPICS) return null
  if (typeof data !== 'string' || !isHex(data) || fields['removed'] === true) return null
  return { address, topics, data: lowerHex(data), index, transactionHash }
}

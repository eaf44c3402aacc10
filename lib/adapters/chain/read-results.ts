import { AppError } from '@/lib/core/errors'
import type { NetworkRpc } from './network-rpc'
import type { RpcAnswer, RpcCall } from './rpc-endpoint'

/** The result of one call. @throws AppError `rpc_unavailable` */
export async function readOne<T>(rpc: NetworkRpc, call: RpcCall): Promise<T> {
  const { answers } = await rpc.sendWhole([call])
  return resultOf<T>(call.method, answers[0])
}

/** The results of many calls, in batches of at most `most`. @throws AppError `rpc_unavailable` when one is missing */
export async function readMany<T>(rpc: NetworkRpc, calls: readonly RpcCall[], most: number): Promise<T[]> {
  const batches = Array.from({ length: Math.ceil(calls.length / most) }, (_, index) =>
    calls.slice(index * most, (index + 1) * most),
  )
  const read = async (batch: readonly RpcCall[]) => {
    const { answers } = await rpc.sendWhole(batch)
    return batch.map(({ method }, index) => resultOf<T>(method, answers[index]))
  }
  return (await Promise.all(batches.map(read))).flat()
}

/** What `decode` of the call gave. @throws AppError `rpc_unavailable` */
export function resultOf<T>(method: string, answer: RpcAnswer | undefined): T {
  if (!answer || 'error' in answer) throw unreadable(method, answer)
  return answer.result as T
}

/** Our failure to read, with the node's words for the log. */
export function unreadable(method: string, answer: RpcAnswer | undefined): AppError {
  const said = answer && 'error' in answer ? `${answer.error.code} ${answer.error.message}` : 'no answer'
  return new AppError('rpc_unavailable', { retryAfterSeconds: 1, cause: new Error(`${method}: ${said}`) })
}

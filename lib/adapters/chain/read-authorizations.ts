import type { Hex } from '@/lib/core/hex'
import { authorizationStateCall, MULTICALL3 } from '@/lib/core/token'
import { decodeAggregate, encodeAggregate } from './multicall'
import type { NetworkRpc } from './network-rpc'
import { readMany } from './read-results'
import type { RpcCall } from './rpc-endpoint'

type Authorization = { asset: Hex; payer: Hex; nonce: Hex }

const PER_CALL = 100
const BASE_GAS = 200_000
const GAS_EACH = 80_000

/** `authorizationState` of each at a block. @throws AppError `rpc_unavailable` also when a token does not say */
export async function readAuthorizationStates(
  rpc: NetworkRpc,
  authorizations: readonly Authorization[],
  block: bigint,
  mostCalls: number,
): Promise<boolean[]> {
  const calls: RpcCall[] = []
  for (let at = 0; at < authorizations.length; at += PER_CALL) {
    calls.push(statesCall(authorizations.slice(at, at + PER_CALL), block))
  }
  return (await readMany<boolean[]>(rpc, calls, mostCalls)).flat()
}

function statesCall(authorizations: readonly Authorization[], block: bigint): RpcCall {
  const data = encodeAggregate(
    authorizations.map(({ asset, payer, nonce }) => ({
      target: asset,
      data: authorizationStateCall(payer, nonce),
    })),
  )
  const gas = BASE_GAS + GAS_EACH * authorizations.length
  const transaction = { to: MULTICALL3, data, gas: `0x${gas.toString(16)}` }
  return {
    method: 'eth_call',
    params: JSON.stringify([transaction, `0x${block.toString(16)}`]),
    decode: (result) => toStates(decodeAggregate(result, authorizations.length)),
  }
}

function toStates(results: readonly { ok: boolean; data: Hex }[] | null): boolean[] | null {
  if (!results?.every(({ ok, data }) => ok && /^0x0{63}[01]$/.test(data))) return null
  return results.map(({ data }) => data.endsWith('1'))
}

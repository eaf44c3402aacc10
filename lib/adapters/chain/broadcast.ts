import { type Hex, isHex } from '@/lib/core/hex'
import { keccak } from '@/lib/core/keccak'
import type { SendOutcome } from '@/lib/settlements/settlement-chain'
import { toBytes32 } from './decode'
import type { Answered, NetworkRpc } from './network-rpc'
import { RpcFailure } from './rpc-endpoint'
import { classifySendError } from './send-errors'

/** What nodes' pools take at most. */
const MAX_RAW_BYTES = 131_072
/** Failures before a connection stood: the bytes never left. */
const NOT_CONNECTED = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/

/**
 * Hands a signed transaction to endpoint after endpoint until one says what became of it; twice the same bytes are
 * harmless. Never throws. `refused` is told only when no endpoint can have taken it.
 */
export async function broadcast(rpc: NetworkRpc, raw: Hex): Promise<SendOutcome> {
  if (!isHex(raw) || raw.length === 2) return { kind: 'refused', cause: 'invalid', message: 'it is not hex' }
  const bytes = Buffer.from(raw.slice(2), 'hex')
  if (bytes.length > MAX_RAW_BYTES) {
    return { kind: 'refused', cause: 'invalid', message: `${bytes.length} bytes, and pools take ${MAX_RAW_BYTES}` }
  }
  const hash = `0x${keccak(bytes)}`
  const call = {
    method: 'eth_sendRawTransaction',
    params: `["${raw}"]`,
    decode: (result: unknown) => (toBytes32(result) === hash ? hash : null),
  }
  try {
    const tries = await rpc.offer([call], (answered) => outcomeOf(answered).kind !== 'unknown')
    return together(tries)
  } catch (error) {
    return { kind: 'unknown', message: (error as Error).message }
  }
}

function together(tries: readonly (Answered | RpcFailure)[]): SendOutcome {
  const last = tries.at(-1)
  if (!last) return { kind: 'unknown', message: 'no endpoint is fit to be asked' }
  const outcome = outcomeOf(last)
  if (outcome.kind !== 'refused') return outcome
  // One that was asked before and whose answer was lost may have it, and pools do not all know the same.
  const open = tries.slice(0, -1).find((tried) => !(tried instanceof RpcFailure && neverLeft(tried)))
  if (!open) return outcome
  return { kind: 'unknown', message: `${messageOf(open)}; then: ${outcome.message}` }
}

function outcomeOf(tried: Answered | RpcFailure): SendOutcome {
  if (tried instanceof RpcFailure) return { kind: 'unknown', message: tried.message }
  const [answer] = tried.answers
  if (!answer) return { kind: 'unknown', message: 'no answer' }
  if ('error' in answer) return classifySendError(answer.error.message, answer.error.code)
  return { kind: 'sent' }
}

function messageOf(tried: Answered | RpcFailure): string {
  const outcome = outcomeOf(tried)
  return 'message' in outcome ? outcome.message : outcome.kind
}

function neverLeft({ cause }: RpcFailure): boolean {
  const { code } = (cause ?? {}) as { code?: unknown }
  return typeof code === 'string' && NOT_CONNECTED.test(code)
}

import { type Clock, MINUTE_MS, SECOND_MS } from '@/lib/core/clock'
import { type RpcAnswer, type RpcCall, type RpcEndpoint, RpcFailure } from './rpc-endpoint'

export type Head = { number: bigint; timestampSeconds: number }

export type EndpointHealthOptions = {
  chainId: number
  /** Seconds; 0 turns the check off. */
  maxHeadAgeSeconds: number
  now: Clock
}

const HEAD_CHECK_MS = SECOND_MS
const CHAIN_ID_CHECK_MS = MINUTE_MS
const FAILURES_TO_REST = 3
const FIRST_REST_MS = SECOND_MS
const LONGEST_REST_MS = 30 * SECOND_MS

const HEAD_CALL: RpcCall = { method: 'eth_getBlockByNumber', params: '["latest",false]' }
export const CHAIN_ID_CALL: RpcCall = { method: 'eth_chainId', params: '[]' }

/**
 * What is known of one endpoint: whether it is on the right chain, how fresh its head is, and whether it rests after
 * failing. Head and chain id are asked for in the batches that go there anyway, so a watched endpoint costs no request
 * of its own and no batch is believed whose head was not looked at within the last second.
 */
export class EndpointHealth {
  head: Head | null = null
  problem: string | null = null
  private headCheckedAt = Number.NEGATIVE_INFINITY
  private chainIdCheckedAt = Number.NEGATIVE_INFINITY
  private failures = 0
  private restsUntil = 0
  private restMs = FIRST_REST_MS

  constructor(
    readonly endpoint: RpcEndpoint,
    private readonly options: EndpointHealthOptions,
  ) {}

  /** A resting endpoint is asked only when there is no other, and then once a rest. */
  isResting(): boolean {
    return this.options.now() < this.restsUntil
  }

  /** The calls with which a batch must begin. */
  dueProbes(): RpcCall[] {
    const now = this.options.now()
    const probes: RpcCall[] = []
    // The chain id first: the head of another chain says nothing of ours.
    if (now - this.chainIdCheckedAt >= CHAIN_ID_CHECK_MS) probes.push(CHAIN_ID_CALL)
    if (now - this.headCheckedAt >= HEAD_CHECK_MS) probes.push(HEAD_CALL)
    return probes
  }

  /** Looks at the answers to the probes. @throws RpcFailure when this endpoint must not be believed. */
  readProbes(probes: readonly RpcCall[], answers: readonly RpcAnswer[], highestKnown: bigint): void {
    for (const [index, probe] of probes.entries()) {
      const answer = answers.slice(index, index + 1)
      if (probe === CHAIN_ID_CALL) this.checkChainId(readChainId(answer))
      else this.checkHead(resultOf(answer), highestKnown)
    }
  }

  succeeded(): void {
    this.failures = 0
    this.restMs = FIRST_REST_MS
    this.restsUntil = 0
    this.problem = null
  }

  /** After three failures in a row, or one that no retry mends, the endpoint rests; each time for longer. */
  failed(error: RpcFailure): void {
    this.failures += error instanceof UnfitEndpoint ? FAILURES_TO_REST : 1
    this.problem = error.message
    if (this.failures < FAILURES_TO_REST) return
    this.restsUntil = this.options.now() + this.restMs
    this.restMs = Math.min(this.restMs * 2, LONGEST_REST_MS)
    this.headCheckedAt = Number.NEGATIVE_INFINITY
    this.chainIdCheckedAt = Number.NEGATIVE_INFINITY
  }

  private checkChainId(chainId: number): void {
    if (chainId !== this.options.chainId) {
      throw new UnfitEndpoint(`its chain id is ${chainId}, not ${this.options.chainId}`)
    }
    this.chainIdCheckedAt = this.options.now()
  }

  private checkHead(result: unknown, highestKnown: bigint): void {
    const block = result as { number?: unknown; timestamp?: unknown } | null
    const [number, timestampSeconds] = [toNumber(block?.number), toNumber(block?.timestamp)]
    if (Number.isNaN(number) || Number.isNaN(timestampSeconds)) throw new RpcFailure('its head is not a block')
    this.head = { number: BigInt(number), timestampSeconds }
    const { maxHeadAgeSeconds, now } = this.options
    const ageSeconds = Math.floor(now() / SECOND_MS) - timestampSeconds
    if (maxHeadAgeSeconds > 0 && ageSeconds > maxHeadAgeSeconds) {
      throw new UnfitEndpoint(`its head is ${ageSeconds} s old`)
    }
    const behind = highestKnown - this.head.number
    if (maxHeadAgeSeconds > 0 && behind >= MAX_BLOCKS_BEHIND) {
      throw new UnfitEndpoint(`it is ${behind} blocks behind`)
    }
    this.headCheckedAt = now()
  }
}

const MAX_BLOCKS_BEHIND = 20n

/** An endpoint that answers, but of the wrong chain or from the past: asking again at once is of no use. */
export class UnfitEndpoint extends RpcFailure {}

/** The answer to the question for the chain id. @throws RpcFailure when it is none */
export function readChainId(answers: readonly RpcAnswer[]): number {
  const chainId = toNumber(resultOf(answers))
  if (Number.isNaN(chainId)) throw new RpcFailure('its chain id is not a number')
  return chainId
}

function resultOf([answer]: readonly RpcAnswer[]): unknown {
  if (!answer || 'error' in answer) throw new RpcFailure('a question about the chain itself was refused')
  return answer.result
}

function toNumber(value: unknown): number {
  return typeof value === 'string' && /^0x[0-9a-f]{1,13}$/i.test(value) ? Number(value) : Number.NaN
}

import { type Clock, SECOND_MS } from '@/lib/core/clock'
import { type RpcAnswer, type RpcCall, type RpcEndpoint, RpcFailure } from './rpc-endpoint'

export type Head = { number: bigint; timestampSeconds: number }

export type EndpointHealthOptions = {
  chainId: number
  /** Seconds; 0 turns the check off. */
  maxHeadAgeSeconds: number
  now: Clock
}

const CHECK_MS = SECOND_MS
const FAILURES_TO_REST = 3
const FIRST_REST_MS = SECOND_MS
const LONGEST_REST_MS = 30 * SECOND_MS
const TRIAL_MS = SECOND_MS
const MAX_BLOCKS_BEHIND = 20n
/** How far the clocks of a chain and of this machine may be apart. */
const MAX_SECONDS_AHEAD = 60

const CHAIN_ID_CALL: RpcCall = { method: 'eth_chainId', params: '[]', decode: toNumber }
const HEAD_CALL: RpcCall = { method: 'eth_getBlockByNumber', params: '["latest",false]', decode: toHead }
const PROBES: readonly RpcCall[] = [CHAIN_ID_CALL, HEAD_CALL]
export const PROBE_COUNT = PROBES.length

/**
 * What is known of one endpoint: whether it is on the right chain, how fresh its head is, and whether it rests after
 * failing. Both are asked for in the batches that go there anyway, so a watched endpoint costs no request of its own
 * and no batch is believed whose endpoint was not looked at within the last second.
 */
export class EndpointHealth {
  head: Head | null = null
  /** What was wrong the last time, and nothing since. */
  problem: RpcFailure | null = null
  private checkedAt = Number.NEGATIVE_INFINITY
  private failures = 0
  private restsUntil = 0
  private restMs = FIRST_REST_MS
  private triedAt = Number.NEGATIVE_INFINITY

  constructor(
    readonly endpoint: RpcEndpoint,
    private readonly options: EndpointHealthOptions,
  ) {}

  isResting(): boolean {
    return this.options.now() < this.restsUntil
  }

  /** One that rests is tried all the same when there is no other, by one batch a second. */
  mayTry(): boolean {
    const now = this.options.now()
    if (now - this.triedAt < TRIAL_MS) return false
    this.triedAt = now
    return true
  }

  /** The calls with which a batch must begin. */
  dueProbes(): readonly RpcCall[] {
    return this.options.now() - this.checkedAt >= CHECK_MS ? PROBES : []
  }

  /** Looks at the answers to the probes. @throws RpcFailure when this endpoint must not be believed */
  readProbes([chainId, head]: readonly RpcAnswer[], highestKnown: bigint): void {
    // The chain id first: the head of another chain says nothing of ours.
    this.checkChainId(resultOf(CHAIN_ID_CALL, chainId) as number)
    this.checkHead(resultOf(HEAD_CALL, head) as Head, highestKnown)
    this.checkedAt = this.options.now()
  }

  /** Asks for the chain id alone, whatever else is wrong. @throws RpcFailure */
  async chainId(timeoutMs: number): Promise<number> {
    const [answer] = await this.endpoint.send([CHAIN_ID_CALL], timeoutMs)
    return resultOf(CHAIN_ID_CALL, answer) as number
  }

  succeeded(): void {
    this.failures = 0
    this.restMs = FIRST_REST_MS
    this.restsUntil = 0
    this.problem = null
  }

  /** After three failures in a row, or one that no retry mends, the endpoint rests; each time for longer. */
  failed(error: RpcFailure): void {
    this.problem = error
    this.checkedAt = Number.NEGATIVE_INFINITY
    // Batches that were under way together fail together: that is one outage and not many.
    if (this.isResting()) return
    this.failures += error instanceof UnfitEndpoint ? FAILURES_TO_REST : 1
    if (this.failures < FAILURES_TO_REST) return
    this.triedAt = this.options.now()
    this.restsUntil = this.triedAt + this.restMs
    this.restMs = Math.min(this.restMs * 2, LONGEST_REST_MS)
  }

  private checkChainId(chainId: number): void {
    if (chainId === this.options.chainId) return
    throw new UnfitEndpoint(`its chain id is ${chainId}, not ${this.options.chainId}`)
  }

  private checkHead(head: Head, highestKnown: bigint): void {
    const { maxHeadAgeSeconds, now } = this.options
    const ageSeconds = Math.floor(now() / SECOND_MS) - head.timestampSeconds
    const behind = highestKnown - head.number
    if (maxHeadAgeSeconds > 0) {
      if (ageSeconds > maxHeadAgeSeconds) throw new UnfitEndpoint(`its head is ${ageSeconds} s old`)
      if (-ageSeconds > MAX_SECONDS_AHEAD) throw new UnfitEndpoint(`its head is of ${-ageSeconds} s from now`)
      if (behind >= MAX_BLOCKS_BEHIND) throw new UnfitEndpoint(`it is ${behind} blocks behind`)
    }
    this.head = head
  }
}

/** An endpoint that answers, but of the wrong chain or from the past: asking again at once is of no use. */
export class UnfitEndpoint extends RpcFailure {}

function resultOf({ method }: RpcCall, answer: RpcAnswer | undefined): unknown {
  if (!answer || 'error' in answer) throw new RpcFailure(`${method} was refused`)
  return answer.result
}

function toHead(block: unknown): Head | null {
  const { number, timestamp } = (block ?? {}) as { number?: unknown; timestamp?: unknown }
  const [height, timestampSeconds] = [toNumber(number), toNumber(timestamp)]
  return height === null || timestampSeconds === null ? null : { number: BigInt(height), timestampSeconds }
}

function toNumber(value: unknown): number | null {
  return typeof value === 'string' && /^0x[0-9a-f]{1,13}$/i.test(value) ? Number(value) : null
}

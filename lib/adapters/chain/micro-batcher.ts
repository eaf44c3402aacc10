import { AppError } from '@/lib/core/errors'
import type { Answered } from './network-rpc'
import type { RpcAnswer, RpcCall } from './rpc-endpoint'

type Waiting = { call: RpcCall; resolve: (answer: BatchedAnswer) => void; reject: (error: unknown) => void }
export type BatchedAnswer = { answer: RpcAnswer; head: bigint }

/** While a batch is under way, the next one gathers for at most this long: at c=1 nobody waits, at c=50 all share. */
const GATHER_MS = 5
const MAX_IN_FLIGHT = 32
const MAX_WAITING = 10_000

/**
 * Puts the calls of all requests in flight into few batches. When nothing is under way a call leaves at once, with
 * whatever else came in the same turn of the event loop; otherwise it leaves when the batch before it returns, when
 * 5 ms are over or when a batch is full, whichever is first.
 */
export class MicroBatcher {
  private waiting: Waiting[] = []
  private inFlight = 0
  private turn: NodeJS.Immediate | null = null
  private timer: NodeJS.Timeout | null = null

  constructor(
    private readonly send: (calls: readonly RpcCall[]) => Promise<Answered>,
    private readonly maxBatch: number,
  ) {}

  call(call: RpcCall): Promise<BatchedAnswer> {
    return new Promise((resolve, reject) => {
      if (this.waiting.length >= MAX_WAITING) {
        reject(new AppError('rpc_unavailable', { retryAfterSeconds: 1 }))
        return
      }
      this.waiting.push({ call, resolve, reject })
      this.schedule()
    })
  }

  private schedule(): void {
    // A batch that comes back sends the next.
    if (this.inFlight >= MAX_IN_FLIGHT) return
    if (this.inFlight === 0 || this.waiting.length >= this.maxBatch) {
      this.turn ??= setImmediate(() => this.flush())
    } else {
      this.timer ??= setTimeout(() => this.flush(), GATHER_MS)
    }
  }

  private flush(): void {
    if (this.turn) clearImmediate(this.turn)
    if (this.timer) clearTimeout(this.timer)
    this.turn = null
    this.timer = null
    while (this.waiting.length > 0 && this.inFlight < MAX_IN_FLIGHT) {
      void this.dispatch(this.waiting.splice(0, this.maxBatch))
      if (this.waiting.length < this.maxBatch) break
    }
    if (this.waiting.length > 0) this.schedule()
  }

  private async dispatch(batch: Waiting[]): Promise<void> {
    this.inFlight++
    try {
      const { answers, head } = await this.send(batch.map(({ call }) => call))
      for (const [index, { resolve }] of batch.entries()) resolve({ answer: answers[index] as RpcAnswer, head })
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      this.inFlight--
      if (this.waiting.length > 0) this.flush()
    }
  }
}

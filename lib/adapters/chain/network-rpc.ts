import { type Clock, SECOND_MS } from '@/lib/core/clock'
import { AppError } from '@/lib/core/errors'
import { EndpointHealth, UnfitEndpoint } from './endpoint-health'
import { isOutOfGas, type RpcAnswer, type RpcCall, RpcEndpoint, RpcFailure } from './rpc-endpoint'

export type NetworkRpcOptions = {
  chainId: number
  urls: readonly string[]
  maxHeadAgeSeconds: number
  now: Clock
}

/** All attempts of one batch together: the answer to the caller is due within 3 s. */
const BUDGET_MS = 2_300
const COMPARE_HEADS_MS = 3 * SECOND_MS
const CHECK_TIMEOUT_MS = SECOND_MS

export type Answered = { answers: readonly RpcAnswer[]; head: bigint }

type Progress = { answered: Answered | null; failure: RpcFailure | null }

/** The endpoints of one network: the first that is fit answers, the next ones when it fails. */
export class NetworkRpc {
  readonly endpoints: readonly EndpointHealth[]
  httpRequests = 0
  private headsComparedAt = Number.NEGATIVE_INFINITY

  constructor(private readonly options: NetworkRpcOptions) {
    this.endpoints = options.urls.map((url) => new EndpointHealth(new RpcEndpoint(url), options))
  }

  /**
   * Sends one batch. What one endpoint refuses, the next is asked for; what it answers, it need not answer again.
   *
   * @throws AppError `rpc_unavailable` when no endpoint gave answers that can be believed
   */
  async send(calls: readonly RpcCall[]): Promise<Answered> {
    const deadline = this.options.now() + BUDGET_MS
    this.compareHeads()
    const candidates = this.candidates()
    let progress: Progress = { answered: null, failure: this.endpoints[0]?.problem ?? null }
    for (const [index, candidate] of candidates.entries()) {
      const timeoutMs = Math.floor((deadline - this.options.now()) / (candidates.length - index))
      const before = progress.answered
      const fillIn = () => this.fillIn(candidate, calls, before, timeoutMs)
      if (timeoutMs > 0) progress = { ...progress, ...(await this.attempt(fillIn)) }
      if (progress.answered && !progress.answered.answers.some(isRefused)) break
    }
    if (progress.answered) return progress.answered
    throw unavailable(progress.failure)
  }

  /**
   * Sends one batch whose answers all come from one endpoint. An error to a call is an answer and speaks against no
   * endpoint; the next one is asked all the same, and where none does without error, the first one's answers count.
   *
   * @throws AppError `rpc_unavailable` when no endpoint gave answers that can be believed
   */
  async sendWhole(calls: readonly RpcCall[]): Promise<Answered> {
    const tries = await this.offer(calls, ({ answers }) => !answers.some(isRefused))
    const answered = tries.filter((tried): tried is Answered => !(tried instanceof RpcFailure))
    const best = answered.find(({ answers }) => !answers.some(isRefused)) ?? answered[0]
    if (best) return best
    throw unavailable((tries.at(-1) as RpcFailure | undefined) ?? this.endpoints[0]?.problem ?? null)
  }

  /** Gives one batch to endpoint after endpoint until what one answers is enough; tells what each one came to. */
  async offer(
    calls: readonly RpcCall[],
    isEnough: (answered: Answered) => boolean,
  ): Promise<readonly (Answered | RpcFailure)[]> {
    const deadline = this.options.now() + BUDGET_MS
    this.compareHeads()
    const candidates = this.candidates()
    const tries: (Answered | RpcFailure)[] = []
    for (const [index, candidate] of candidates.entries()) {
      const timeoutMs = Math.floor((deadline - this.options.now()) / (candidates.length - index))
      if (timeoutMs <= 0) break
      const { answered, failure } = await this.attempt(() => this.ask(candidate, calls, timeoutMs, false))
      if (answered) tries.push(answered)
      else if (failure) tries.push(failure)
      if (answered && isEnough(answered)) break
    }
    return tries
  }

  /** The chain id of every endpoint that answers. @throws AppError `rpc_unavailable` when none does */
  async chainIds(): Promise<number[]> {
    const asked = await Promise.allSettled(this.endpoints.map((health) => health.chainId(BUDGET_MS)))
    const ids = asked.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
    const [failure] = asked.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as RpcFailure] : []))
    if (ids.length === 0) throw unavailable(failure ?? null)
    return ids
  }

  /** Looks at every endpoint that was not looked at within the last second. Throws when none is fit to be asked. */
  async check(): Promise<void> {
    await Promise.allSettled(this.candidates().map((health) => this.ask(health, [], CHECK_TIMEOUT_MS)))
    const problems = this.endpoints.map(({ problem }) => problem)
    if (problems.every((problem) => problem !== null)) throw unavailable(problems[0] ?? null)
  }

  async close(): Promise<void> {
    await Promise.all(this.endpoints.map(({ endpoint }) => endpoint.close()))
  }

  private candidates(): EndpointHealth[] {
    const fit = this.endpoints.filter((health) => !health.isResting())
    return fit.length > 0 ? fit : this.endpoints.filter((health) => health.mayTry())
  }

  private async attempt(ask: () => Promise<Answered>): Promise<Partial<Progress>> {
    try {
      return { answered: await ask() }
    } catch (error) {
      if (error instanceof RpcFailure) return { failure: error }
      throw error
    }
  }

  /** Asks for what is still open: everything at first, later only what the endpoint before refused. */
  private async fillIn(
    health: EndpointHealth,
    calls: readonly RpcCall[],
    before: Answered | null,
    timeoutMs: number,
  ): Promise<Answered> {
    if (!before) return this.ask(health, calls, timeoutMs)
    const open = calls.filter((_, index) => isRefused(before.answers[index]))
    const { answers, head } = await this.ask(health, open, timeoutMs)
    let next = 0
    const merged = before.answers.map((answer) => (isRefused(answer) ? (answers[next++] as RpcAnswer) : answer))
    return { answers: merged, head: head < before.head ? head : before.head }
  }

  private async ask(
    health: EndpointHealth,
    calls: readonly RpcCall[],
    timeoutMs: number,
    errorsAreFailure = true,
  ): Promise<Answered> {
    try {
      const answered = await this.exchange(health, calls, timeoutMs)
      const { answers } = answered
      if (errorsAreFailure && answers.length > 0 && answers.every(isRefused)) throw new RpcFailure(describe(answers[0]))
      health.succeeded()
      return answered
    } catch (error) {
      if (error instanceof RpcFailure) health.failed(error)
      throw error
    }
  }

  private async exchange(health: EndpointHealth, calls: readonly RpcCall[], timeoutMs: number): Promise<Answered> {
    const probes = health.dueProbes()
    // Not the head that another batch learns meanwhile: these answers may be of an older block than that.
    const head = health.head?.number ?? 0n
    if (probes.length + calls.length === 0) return { answers: [], head }
    this.httpRequests++
    const answers = await health.endpoint.send([...probes, ...calls], timeoutMs)
    if (probes.length === 0) return { answers, head }
    health.readProbes(answers, this.highestHead(health))
    return { answers: answers.slice(probes.length), head: health.head?.number ?? head }
  }

  private highestHead(except: EndpointHealth): bigint {
    return this.endpoints.reduce(
      (highest, health) =>
        health !== except && health.head && health.head.number > highest ? health.head.number : highest,
      0n,
    )
  }

  /** With several endpoints their heads are asked for now and then, for one that lags shows only beside another. */
  private compareHeads(): void {
    if (this.endpoints.length < 2 || this.options.now() - this.headsComparedAt < COMPARE_HEADS_MS) return
    this.headsComparedAt = this.options.now()
    for (const health of this.endpoints) {
      // Its failure is kept with the endpoint's health; there is nobody here to tell.
      if (!health.isResting()) this.ask(health, [], CHECK_TIMEOUT_MS).catch(() => undefined)
    }
  }
}

/** Says what is wrong where it can be said to anybody: what an endpoint itself answers may hold its URL. */
function unavailable(failure: RpcFailure | null): AppError {
  const options = { retryAfterSeconds: 1, cause: failure }
  if (!(failure instanceof UnfitEndpoint)) return new AppError('rpc_unavailable', options)
  const message = `The chain could not be read: ${failure.message}. This says nothing about the payment.`
  return new AppError('rpc_unavailable', { ...options, message })
}

/** An error that is not the contract's: a limit, an overload, an unknown method. Running out of gas is the contract's. */
function isRefused(answer: RpcAnswer | undefined): boolean {
  return answer !== undefined && 'error' in answer && !isOutOfGas(answer)
}

function describe(answer: RpcAnswer | undefined): string {
  return answer && 'error' in answer ? `error ${answer.error.code}: ${answer.error.message}` : 'no answer'
}

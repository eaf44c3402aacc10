export type Sample<Answer> = {
  /** Milliseconds since 1970, with their fractions. */
  sentAt: number
  /** From sending to the whole answer. */
  ms: number
  answer: Answer
}

export type Load<Answer> = {
  /** What was answered, in this order. */
  soFar: readonly Sample<Answer>[]
  /** Sends no more, and settles once everything that was sent has its answer. */
  end(): Promise<Sample<Answer>[]>
}

/** The time with its fractions: in two thirds of a millisecond a service here answers. */
export function preciseNow(): number {
  return performance.timeOrigin + performance.now()
}

/**
 * Sends so many requests a second, whether or not the ones before were answered: a service that slows down does not
 * slow its callers down, so what it delays is seen. `send` must not reject.
 */
export function startLoad<Answer>(perSecond: number, send: (index: number) => Promise<Answer>): Load<Answer> {
  const samples: Sample<Answer>[] = []
  const open = new Set<Promise<void>>()
  const startedAt = preciseNow()
  let sent = 0

  const sendOne = async (index: number) => {
    const sentAt = preciseNow()
    const answer = await send(index)
    samples.push({ sentAt, ms: preciseNow() - sentAt, answer })
  }
  const sendDue = () => {
    const due = 1 + Math.floor(((preciseNow() - startedAt) * perSecond) / 1_000)
    while (sent < due) {
      const one = sendOne(sent++).finally(() => open.delete(one))
      open.add(one)
    }
  }
  const timer = setInterval(sendDue, Math.max(1, 400 / perSecond))

  return {
    soFar: samples,
    async end() {
      clearInterval(timer)
      await Promise.all(open)
      return samples.sort((a, b) => a.sentAt - b.sentAt)
    },
  }
}

/** The value that a share of all values does not pass, in whole tenths; 0 of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const index = Math.min(sorted.length - 1, Math.floor(sorted.length * share))
  return Math.round((sorted[index] ?? 0) * 10) / 10
}

/** Median, p95, p99 and maximum of what was measured. */
export function latencies(samples: readonly { ms: number }[]) {
  const values = samples.map(({ ms }) => ms)
  return {
    p50Ms: percentile(values, 0.5),
    p95Ms: percentile(values, 0.95),
    p99Ms: percentile(values, 0.99),
    maxMs: percentile(values, 1),
  }
}

/**
 * The most by which any of the samples took longer than the slowest of the controls that were under way beside it. On a
 * machine that others share every process stands still now and then; that is not the service's doing.
 */
export function mostBeyond(samples: readonly Timed[], controls: readonly Timed[]): number {
  const beyond = samples.map(
    (sample) => sample.ms - Math.max(0, ...controls.filter((it) => overlap(it, sample)).map(({ ms }) => ms)),
  )
  return percentile(beyond, 1)
}

type Timed = { sentAt: number; ms: number }
const overlap = (a: Timed, b: Timed) => a.sentAt <= b.sentAt + b.ms && b.sentAt <= a.sentAt + a.ms

// The client of bench:settle, in a process of its own: what it costs is neither side's, and neither side waits for it.
import { Pool } from 'undici'

export type SettleJob = {
  url: string
  /** A path that costs the server little: connections are opened by it before the clock runs. */
  warmPath: string
  key: string | null
  bodies: readonly string[]
  inFlight: number
  /** After so many seconds no further payment is sent. */
  seconds: number
}

export type SettleAnswers = {
  settled: number
  /** From the first payment sent to the last answer. */
  wallMs: number
  p50Ms: number
  p95Ms: number
  p99Ms: number
  /** Answers that were not a success, by their reason. */
  refusals: Record<string, number>
}

const PATIENCE_MS = 240_000

async function main(): Promise<void> {
  process.once('disconnect', () => process.exit(0))
  const job = await nextMessage<SettleJob>()
  const timeouts = { headersTimeout: PATIENCE_MS, bodyTimeout: PATIENCE_MS }
  const pool = new Pool(new URL(job.url).origin, { connections: job.inFlight, pipelining: 1, ...timeouts })
  await openConnections(pool, job)
  process.send?.({ ready: true })
  await nextMessage()
  process.send?.(await settleAll(pool, job))
  await pool.destroy()
}

function nextMessage<T>(): Promise<T> {
  return new Promise((resolve) => process.once('message', (message) => resolve(message as T)))
}

/** A thousand connections at once overflow a server's queue, and some of them take seconds: that is not measured. */
async function openConnections(pool: Pool, { warmPath, inFlight }: SettleJob): Promise<void> {
  const ask = async () => {
    const answer = await pool.request({ path: warmPath, method: 'GET' }).catch(() => null)
    await answer?.body.dump()
  }
  // Twice: those that were open first may have been closed while the last ones were coming.
  for (let turn = 0; turn < 2; turn++) await Promise.all(Array.from({ length: inFlight }, ask))
}

/** A closed loop: so many are in flight until all are sent or the time is over. */
async function settleAll(pool: Pool, { url, key, bodies, inFlight, seconds }: SettleJob): Promise<SettleAnswers> {
  const path = `${new URL(url).pathname}/settle`.replace('//', '/')
  const headers = { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) }
  const times: number[] = []
  const refusals: Record<string, number> = {}
  let [next, settled] = [0, 0]
  const startedAt = performance.now()
  const settleOne = async (body: string) => {
    const sentAt = performance.now()
    const reason = await pool
      .request({ path, method: 'POST', headers, body })
      .then(async (answer) => reasonOf(answer.statusCode, await answer.body.text()))
      .catch((error: { code?: string; name: string }) => error.code ?? error.name)
    times.push(performance.now() - sentAt)
    if (reason === null) settled++
    else refusals[reason] = (refusals[reason] ?? 0) + 1
  }
  const work = async () => {
    while (next < bodies.length && performance.now() - startedAt < seconds * 1_000) {
      await settleOne(bodies[next++] as string)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, work))
  const wallMs = performance.now() - startedAt
  times.sort((a, b) => a - b)
  const at = (part: number) => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0
  return { settled, wallMs, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), refusals }
}

/** Null for a success; only what is none is parsed. */
function reasonOf(status: number, text: string): string | null {
  if (status === 200 && text.includes('"success":true')) return null
  try {
    const answer = JSON.parse(text) as { errorReason?: string; error?: { code?: string } }
    return `${status} ${answer.error?.code ?? answer.errorReason ?? 'without a reason'}`
  } catch {
    return `${status} without JSON`
  }
}

void main()

import { afterEach, describe, expect, it, vi } from 'vitest'
import { isAppError } from '@/lib/core/errors'
import { createReadiness, type SettlingState } from '@/lib/settlements/readiness'
import { PAUSES } from '@/lib/settlements/report-network'
import { network } from '@/tests/support/parsed-payment'
import { addressOf, BASE_SEPOLIA } from '@/tests/support/payment-rows'

const ETHEREUM = network('eip155:1')

type Said = { stops?: string[]; ageSeconds?: number; isListed?: boolean; problem?: string | null; isSilent?: boolean }

/** What the database says: a worker can settle on Base Sepolia, unless it is said otherwise. */
function said({
  stops = [],
  ageSeconds = 2,
  isListed = true,
  problem = null,
  isSilent = false,
}: Said = {}): SettlingState {
  const report = {
    problem,
    wallets: [],
    queue: { waiting: 0, oldestSeconds: 0 },
    open: { transactions: 0, oldestSeconds: 0 },
    stuckNonces: [],
    unattended: [],
  }
  return {
    stops: new Map(stops.map((id) => [id, 'an incident'])),
    networks: new Map(isSilent ? [] : [[BASE_SEPOLIA.id, { ageSeconds, isListed, unableSeconds: null, report }]]),
    signers: new Map([[BASE_SEPOLIA.id, [addressOf(1)]]]),
  }
}

const started: { stop(): void }[] = []
afterEach(() => {
  for (const one of started.splice(0)) one.stop()
  vi.useRealTimers()
})

async function readiness(first: SettlingState | Error, { isDisabled = false }: { isDisabled?: boolean } = {}) {
  let now: SettlingState | Error = first
  let reads = 0
  const problems: string[] = []
  const created = createReadiness({
    isDisabled,
    onProblem: (message) => void problems.push(message),
    read: async () => {
      reads++
      if (now instanceof Error) throw now
      return now
    },
  })
  started.push(created)
  await created.start()
  const refusal = (of = BASE_SEPOLIA) =>
    created.requireReady(of).then(
      () => null,
      (error: unknown) => (isAppError(error) ? { code: error.code, after: error.retryAfterSeconds } : String(error)),
    )
  return {
    ...created,
    refusal,
    problems,
    reads: () => reads,
    becomes: (state: SettlingState | Error) => {
      now = state
    },
  }
}

describe('a new settlement is taken', () => {
  it('where a worker can settle', async () => {
    expect(await (await readiness(said())).refusal()).toBeNull()
  })

  it.each<[string, Said, string]>([
    ['an operator stopped the network', { stops: [BASE_SEPOLIA.id] }, 'network_paused'],
    ['an operator stopped all', { stops: ['*'] }, 'network_paused'],
    ['it is stopped and there is no worker either', { stops: ['*'], isSilent: true }, 'network_paused'],
    ['no worker was ever heard of', { isSilent: true }, 'settlement_unavailable'],
    ['its worker fell silent', { ageSeconds: 31 }, 'settlement_unavailable'],
    ['there is no gas', { problem: 'no wallet has money for gas' }, 'settlement_unavailable'],
  ])('and not where %s', async (_, state, code) => {
    expect(await (await readiness(said(state))).refusal()).toEqual({ code, after: expect.any(Number) })
  })

  it.each(PAUSES)('and paused, not failed, while %s', async (problem) => {
    expect(await (await readiness(said({ problem }))).refusal()).toMatchObject({ code: 'network_paused' })
  })

  it('and not while the environment forbids it, whatever the database says', async () => {
    expect(await (await readiness(said(), { isDisabled: true })).refusal()).toMatchObject({ code: 'network_paused' })
  })

  it('where another network is stopped', async () => {
    expect(await (await readiness(said({ stops: [ETHEREUM.id] }))).refusal()).toBeNull()
  })

  it('and not on a network of which nobody spoke', async () => {
    expect(await (await readiness(said())).refusal(ETHEREUM)).toMatchObject({ code: 'settlement_unavailable' })
  })
})

describe('what is known of settling', () => {
  it('is read again before a refusal: it may have been mended within the second', async () => {
    const known = await readiness(said({ stops: ['*'] }))
    known.becomes(said())
    expect(await known.refusal()).toBeNull()
  })

  it('is not read for each request while all is well', async () => {
    const known = await readiness(said())
    const before = known.reads()
    for (let request = 0; request < 100; request++) await known.refusal()
    expect(known.reads()).toBe(before)
  })

  it('is as old as a second, so that a stop holds within one', async () => {
    vi.useFakeTimers()
    const known = await readiness(said())
    known.becomes(said({ stops: ['*'] }))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await known.refusal()).toMatchObject({ code: 'network_paused' })
  })

  it('stays what it was when the database is away, and that is told', async () => {
    vi.useFakeTimers()
    const known = await readiness(said())
    known.becomes(new Error('the database is away'))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await known.refusal()).toBeNull()
    expect(known.problems).toEqual(['the state of settling could not be read'])
  })

  it('is nothing before the database was ever reached: then nothing is taken', async () => {
    expect(await (await readiness(new Error('away'))).refusal()).toMatchObject({ code: 'settlement_unavailable' })
  })

  it('is not read any more once it was stopped', async () => {
    vi.useFakeTimers()
    const known = await readiness(said())
    known.stop()
    const before = known.reads()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(known.reads()).toBe(before)
  })
})

describe('a network is listed', () => {
  it.each<[string, Said, boolean]>([
    ['that can settle', {}, true],
    ['that cannot settle for a moment, for sellers exit at start when a kind is missing', { problem: 'x' }, true],
    ['whose worker was silent for five minutes', { ageSeconds: 300 }, true],
    ['whose worker was silent for longer', { ageSeconds: 301 }, false],
    ['that could not settle for too long', { isListed: false }, false],
    ['of which no worker ever spoke: it verifies', { isSilent: true }, true],
    ['that an operator stopped', { stops: ['*'] }, true],
  ])('%s', async (_, state, isListed) => {
    expect((await readiness(said(state))).isListed(BASE_SEPOLIA)).toBe(isListed)
  })

  it('with the wallets that settle there', async () => {
    const known = await readiness(said())
    expect([known.signers(BASE_SEPOLIA), known.signers(ETHEREUM)]).toEqual([[addressOf(1)], []])
  })
})

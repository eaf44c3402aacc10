import { Pool } from 'undici'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEV_ACCOUNTS } from '@/scripts/local/dev-accounts'
import { decode, type Receipt, signPayments } from './buyers'
import { transfersTo } from './chain-facts'
import { startSeller } from './sellers'
import { keyOf, openStage, SETTLER, type Stage } from './stage'

// A buyer who sends one payment as often as he can: to two routes of one price, of two sellers' processes, each of
// which asks a web process of its own. The packages are unmodified, and cannot tell a repeated success from a first.

const PAYMENTS = process.env['PAYPROOF_LONG'] === '1' ? 50 : 20
const TIMES = 200
const AT_ONCE = 4
const PRICE = 10_000n
const ROUTES = ['/weather', '/news']
/** A repeat that is verified after the first was served is refused there already. */
const REFUSED_AS_REPEAT = ['duplicate_settlement', 'invalid_exact_evm_nonce_already_used']
const PAYER_KEYS = DEV_ACCOUNTS.filter((account) => account !== SETTLER).map(keyOf)

type Answer = { status: number; reason: string }

const payTo = privateKeyToAccount(generatePrivateKey()).address
const stops: (() => Promise<unknown>)[] = []
const sellers: { url: string; pool: Pool }[] = []
let stage: Stage

beforeAll(async () => {
  stage = await openStage([{}, {}])
  stops.push(stage.stop)
  for (const web of stage.webs) {
    const { url, stop } = await startSeller('express-seller.mjs', { facilitator: web.base, key: stage.key, payTo })
    stops.push(stop)
    const pool = new Pool(url, { connections: TIMES * AT_ONCE, headersTimeout: 120_000, bodyTimeout: 120_000 })
    stops.push(() => pool.destroy())
    sellers.push({ url, pool })
  }
})

afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
})

async function present(payment: string, time: number, routes: readonly string[]): Promise<Answer> {
  const { pool } = sellers[time % sellers.length] as { pool: Pool }
  const path = routes[Math.floor(time / sellers.length) % routes.length] as string
  const { statusCode, headers, body } = await pool.request({
    path,
    method: 'GET',
    headers: { 'payment-signature': payment },
  })
  await body.dump()
  const receipt = decode<Receipt>(headerOf(headers['payment-response']))
  const required = decode<{ error?: string }>(headerOf(headers['payment-required']))
  return { status: statusCode, reason: receipt?.errorReason ?? required?.error ?? 'none' }
}

function headerOf(value: string | string[] | undefined): string | null {
  return typeof value === 'string' ? value : null
}

function presentOften(payment: string, times: number, routes: readonly string[]): Promise<Answer[]> {
  return Promise.all(Array.from({ length: times }, (_, time) => present(payment, time, routes)))
}

function count(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { status, reason } of answers) {
    const name = status === 402 && REFUSED_AS_REPEAT.includes(reason) ? '402 as a repeat' : `${status} ${reason}`
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

const sellerUrl = () => sellers[0]?.url ?? ''

describe('one payment, one grant', () => {
  it(`${PAYMENTS} payments sent ${TIMES} times at once are served once each, and move their money once`, async () => {
    const payments = await signPayments(`${sellerUrl()}/weather`, PAYER_KEYS, PAYMENTS)
    expect(new Set(payments).size).toBe(PAYMENTS)
    const before = (await transfersTo(stage.running.chain, payTo)).length
    for (let first = 0; first < PAYMENTS; first += AT_ONCE) {
      const wave = payments.slice(first, first + AT_ONCE)
      const answers = await Promise.all(wave.map((payment) => presentOften(payment, TIMES, ROUTES)))
      for (const each of answers) expect(count(each)).toEqual({ '200 none': 1, '402 as a repeat': TIMES - 1 })
    }
    const transfers = (await transfersTo(stage.running.chain, payTo)).slice(before)
    expect(transfers.map(({ amount }) => amount)).toEqual(Array(PAYMENTS).fill(PRICE))
  })

  it('most repeats that come together are refused by the settlement itself', async () => {
    const [payment = ''] = await signPayments(`${sellerUrl()}/weather`, PAYER_KEYS, 1)
    const answers = await presentOften(payment, TIMES, ROUTES)
    const duplicates = answers.filter(({ reason }) => reason === 'duplicate_settlement').length
    expect(count(answers)).toEqual({ '200 none': 1, '402 as a repeat': TIMES - 1 })
    expect(duplicates).toBeGreaterThan(0)
  })

  it('a route that is paid upfront serves once when it is asked five times at once with one payment', async () => {
    const [payment = ''] = await signPayments(`${sellerUrl()}/upfront`, PAYER_KEYS, 1)
    const before = (await transfersTo(stage.running.chain, payTo)).length
    const answers = await presentOften(payment, 5, ['/upfront'])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 402, 402, 402, 402])
    const reasons = answers.filter(({ status }) => status === 402).map(({ reason }) => reason)
    expect(reasons).toEqual(Array(4).fill('duplicate_settlement'))
    expect(await transfersTo(stage.running.chain, payTo)).toHaveLength(before + 1)
  })
})

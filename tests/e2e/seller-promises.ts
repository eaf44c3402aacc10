import { type Address, getAddress } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { DEV_PAYER } from '@/scripts/local/dev-accounts'
import { call } from '@/tests/support/api'
import { buy, type Outcome, present } from './buyers'
import { broadcasts, duringStandstill, transfersTo } from './chain-facts'
import { type RecordingProxy, startRecordingProxy } from './recording-proxy'
import { type Seller, startSeller } from './sellers'
import { keyOf, openStage, type Stage } from './stage'

type Packages = {
  seller: string
  /** Scripts of clients, each of which must get through; the first pays in the other tests. */
  buyers: readonly [string, ...string[]]
  x402Version: 1 | 2
}

/** How long a web process waits for a block before it says that the settlement is pending, where it is to say so. */
const SHORT_WAIT_MS = 3_000
const PRICE = 10_000n
const PAYER_KEY = keyOf(DEV_PAYER)

type World = {
  stage: Stage
  payTo: Address
  /** A seller whose facilitator waits as long as it does in the field, and one whose facilitator soon gives up. */
  seller: Seller
  hasty: Seller
  /** What the hasty one and its facilitator say to each other. */
  hastyTalk: RecordingProxy
}

/** What holds for every seller's package: served and paid, refused, pending; the packages are unmodified. */
export function promiseToSellers({ seller: script, buyers, x402Version }: Packages): void {
  let world: World | null = null
  const stops: (() => Promise<unknown>)[] = []
  const here = (): World => {
    if (!world) throw new Error('the stage is not open')
    return world
  }

  beforeAll(async () => {
    const stage = await openStage([{}, { X402_SETTLE_WAIT_MS: String(SHORT_WAIT_MS) }])
    stops.push(stage.stop)
    const [web, hastyWeb] = stage.webs
    if (!web || !hastyWeb) throw new Error('two web processes are needed')
    const hastyTalk = await startRecordingProxy(hastyWeb.url)
    stops.push(hastyTalk.stop)
    const payTo = privateKeyToAccount(generatePrivateKey()).address
    const start = async (facilitator: string) => {
      const started = await startSeller(script, { facilitator, key: stage.key, payTo })
      stops.push(started.stop)
      return started
    }
    const seller = await start(web.base)
    const hasty = await start(hastyWeb.base.replace(hastyWeb.url, hastyTalk.url))
    world = { stage, payTo, seller, hasty, hastyTalk }
  })

  afterAll(async () => {
    for (const stop of stops.reverse()) await stop()
  })

  const received = () => transfersTo(here().stage.running.chain, here().payTo)
  const receivedBy = async ({ receipt }: Outcome) =>
    (await received()).filter(({ transaction }) => transaction === receipt?.transaction)

  /** A higher fee may have taken the place of the hash that was told first: either finds the settlement. */
  const minedHashOf = async (hash: string | undefined): Promise<string | null> => {
    const { stage } = here()
    const url = `${stage.webs[0]?.base}/settlements?transaction=${hash}`
    return (await call(url, { key: stage.key })).body.data[0]?.transaction ?? null
  }

  describe('a payment', () => {
    it.each(buyers)('is asked for, signed, verified, settled and served with its receipt: %s', async (buyer) => {
      const outcome = await buy(buyer, `${here().seller.url}/weather`, PAYER_KEY)
      expect(outcome).toMatchObject({ status: 200, body: { served: expect.anything() }, receipt: { success: true } })
      expect(getAddress(outcome.receipt?.payer ?? '0x')).toBe(DEV_PAYER.address)
      expect(await receivedBy(outcome)).toEqual([
        {
          from: DEV_PAYER.address.toLowerCase(),
          amount: PRICE,
          transaction: outcome.receipt?.transaction,
        },
      ])
    })

    it('is served once: presented again it moves nothing and gives nothing', async () => {
      const url = `${here().seller.url}/weather`
      const first = await buy(buyers[0], url, PAYER_KEY)
      expect(first.status).toBe(200)
      const before = await received()
      const again = await present(url, first.payment ?? '', x402Version)
      expect(again).toMatchObject({ status: 402 })
      expect(reasonOf(again)).toMatch(/^(duplicate_settlement|invalid_exact_evm_nonce_already_used)/)
      expect(await received()).toEqual(before)
    })
  })

  describe('a refused payment', () => {
    const refusals = [
      { who: 'a payer without money', path: '/weather', key: generatePrivateKey() },
      { who: 'a price beyond what the payer has', path: '/dear', key: PAYER_KEY },
    ]
    it.each(refusals)('of $who is answered 402 with the reason, and nothing is broadcast', async ({ path, key }) => {
      const { chain } = here().stage.running
      const before = { transfers: await received(), broadcasts: await broadcasts(chain) }
      const outcome = await buy(buyers[0], `${here().seller.url}${path}`, key)
      expect(outcome.status).toBe(402)
      expect(outcome.payment).not.toBeNull()
      expect(reasonOf(outcome)).toMatch(/insufficient_(balance|funds)$/)
      expect({ transfers: await received(), broadcasts: await broadcasts(chain) }).toEqual(before)
    })
  })

  describe('a payment whose block is late', () => {
    if (x402Version === 2) {
      it('is pending with its hash, asked about once more by the package, and served', async () => {
        const { stage, hasty, hastyTalk } = here()
        const asked = hastyTalk.settleRequests()
        const answered = hastyTalk.settleAnswers().length
        const outcome = await duringStandstill(stage.running.chain, async (goOn) => {
          const buying = buy(buyers[0], `${hasty.url}/weather`, PAYER_KEY)
          await vi.waitUntil(() => hastyTalk.settleRequests() === asked + 2, { timeout: 30_000, interval: 20 })
          await goOn()
          return buying
        })
        expect(outcome).toMatchObject({ status: 200, receipt: { success: true } })
        const [pending, settled, ...more] = hastyTalk.settleAnswers().slice(answered)
        const transaction = outcome.receipt?.transaction
        expect(pending).toMatchObject({ success: false, errorReason: 'settlement_pending' })
        expect(settled).toMatchObject({ success: true, transaction })
        expect(await minedHashOf(pending?.transaction)).toBe(transaction)
        expect(more).toEqual([])
        expect(await receivedBy(outcome)).toHaveLength(1)
      })
    }

    it('is 402 as long as nobody knows, and the same payment is served once its block is there', async () => {
      const { stage, hasty } = here()
      const url = `${hasty.url}/weather`
      const before = (await received()).length
      const late = await duringStandstill(stage.running.chain, () => buy(buyers[0], url, PAYER_KEY))
      expect(late.status).toBe(402)
      expect(reasonOf(late)).toBe('settlement_pending')
      await vi.waitUntil(async () => (await received()).length === before + 1, { timeout: 30_000, interval: 50 })
      const served = await present(url, late.payment ?? '', x402Version)
      expect(served).toMatchObject({ status: 200, receipt: { success: true } })
      // The receipt of v1 is none where the settlement failed, so there is no hash to compare.
      if (late.receipt) expect(await minedHashOf(late.receipt.transaction)).toBe(served.receipt?.transaction)
      expect(await receivedBy(served)).toHaveLength(1)
      expect(await received()).toHaveLength(before + 1)
    })
  })

  if (x402Version === 2) {
    describe('a route that is paid upfront', () => {
      it('serves once, though nothing was verified and the same payment comes five times', async () => {
        const url = `${here().seller.url}/upfront`
        const first = await buy(buyers[0], url, PAYER_KEY)
        expect(first).toMatchObject({ status: 200, receipt: { success: true } })
        for (let time = 2; time <= 5; time++) {
          const again = await present(url, first.payment ?? '', x402Version)
          expect(again).toMatchObject({ status: 402, receipt: { success: false, errorReason: 'duplicate_settlement' } })
          expect(again.receipt?.transaction).toBe(first.receipt?.transaction)
        }
        expect(await receivedBy(first)).toHaveLength(1)
      })

      it('is refused by the settlement itself, with the reason in the receipt, and nothing is broadcast', async () => {
        const { chain } = here().stage.running
        const before = { transfers: await received(), broadcasts: await broadcasts(chain) }
        const outcome = await buy(buyers[0], `${here().seller.url}/upfront`, generatePrivateKey())
        const errorReason = 'invalid_exact_evm_insufficient_balance'
        expect(outcome).toMatchObject({ status: 402, receipt: { success: false, errorReason, transaction: '' } })
        expect({ transfers: await received(), broadcasts: await broadcasts(chain) }).toEqual(before)
      })
    })
  }
}

/** Why a payment was not taken: of the settlement where there was one, else of the verification. */
function reasonOf({ receipt, error }: Outcome): string | null {
  return receipt?.errorReason ?? error
}

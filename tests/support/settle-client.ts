import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'

/**
 * `success` grants; `duplicate` says that it was granted before; `refused` is a verdict; `pending` bears a hash;
 * `unavailable` is our own failure; `lost`: there was no answer at all.
 */
type SettleOutcome = 'success' | 'duplicate' | 'refused' | 'pending' | 'unavailable' | 'lost'

/** One call of /settle as its caller saw it. */
export type SettleCall = {
  paymentKey: string
  idempotencyKey: string | null
  /** Milliseconds since 1970. */
  sentAt: number
  endedAt: number
  status: number
  outcome: SettleOutcome
  /** The reason or the code of the error; of a broken connection, its code. */
  reason: string | null
  transaction: string
}

export type SettleClient = {
  /** Every call, in the order of their answers. */
  calls: readonly SettleCall[]
  /** Never rejects: a broken connection is an outcome too. */
  settle(body: string, idempotencyKey?: string | null): Promise<SettleCall>
  /** Sends the same body again and again, until there is an answer after which nobody would ask again. */
  settleUntilFinal(body: string, idempotencyKey?: string | null): Promise<SettleCall>
  close(): Promise<void>
}

type Options = {
  /** Where to ask now: a process that was killed comes back elsewhere. */
  base(): string
  key: string
  /** After so long a caller gives up. */
  patienceMs?: number
}

const PATIENCE_MS = 120_000
const RETRY_MS = 150
const FINAL: readonly SettleOutcome[] = ['success', 'duplicate', 'refused']

type Answer = { success?: boolean; errorReason?: string; transaction?: string; error?: { code: string } }

/** A seller's server that settles, and writes down what it was answered. */
export function createSettleClient({ base, key, patienceMs = PATIENCE_MS }: Options): SettleClient {
  const timeouts = { headersTimeout: 60_000, bodyTimeout: 60_000, connectTimeout: 5_000 }
  const dispatcher = new Agent({ connections: 512, pipelining: 1, ...timeouts })
  const calls: SettleCall[] = []

  async function ask(body: string, idempotencyKey: string | null) {
    const headers = {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      ...(idempotencyKey !== null && { 'idempotency-key': idempotencyKey }),
    }
    const response = await request(`${base()}/settle`, { method: 'POST', headers, body, dispatcher })
    return { status: response.statusCode, answer: (await response.body.json()) as Answer }
  }

  async function settle(body: string, idempotencyKey: string | null = null): Promise<SettleCall> {
    const call = { paymentKey: paymentKeyOf(body), idempotencyKey, sentAt: Date.now() }
    const seen = await ask(body, idempotencyKey).then(read, (error: { code?: string; name: string }) => ({
      status: 0,
      outcome: 'lost' as const,
      reason: error.code ?? error.name,
      transaction: '',
    }))
    const made = { ...call, ...seen, endedAt: Date.now() }
    calls.push(made)
    return made
  }

  async function settleUntilFinal(body: string, idempotencyKey: string | null = null): Promise<SettleCall> {
    const deadline = Date.now() + patienceMs
    for (;;) {
      const call = await settle(body, idempotencyKey)
      if (FINAL.includes(call.outcome) || Date.now() > deadline) return call
      await sleep(RETRY_MS)
    }
  }

  return { calls, settle, settleUntilFinal, close: () => dispatcher.destroy() }
}

function read({ status, answer }: { status: number; answer: Answer }) {
  const { success, errorReason, transaction = '', error } = answer
  return {
    status,
    outcome: outcomeOf(status, success, errorReason),
    reason: error?.code ?? errorReason ?? null,
    transaction,
  }
}

function outcomeOf(status: number, success: boolean | undefined, reason: string | undefined): SettleOutcome {
  if (status !== 200) return 'unavailable'
  if (success) return 'success'
  if (reason === 'duplicate_settlement') return 'duplicate'
  return reason === 'settlement_pending' ? 'pending' : 'refused'
}

type Body = {
  paymentPayload: { payload: { authorization: { from: string; nonce: string } } }
  paymentRequirements: { asset: string; network: string }
}

/** What identifies a payment for ever, written as the database writes it. */
export function paymentKeyOf(body: string): string {
  const { paymentPayload, paymentRequirements } = JSON.parse(body) as Body
  const { from, nonce } = paymentPayload.payload.authorization
  return [nonce, from, paymentRequirements.asset, paymentRequirements.network].join('/').toLowerCase()
}

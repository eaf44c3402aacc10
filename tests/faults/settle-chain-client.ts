import { Pool } from 'undici'
import type { SignedPayment } from './settle-chain-payments'

export type SettleAnswer = {
  status: number
  success: boolean
  reason: string | null
  transaction: string
  extra: Record<string, unknown>
  /** The code of the error envelope, on any status but 200. */
  code: string | null
  ms: number
}

/** Every call of a client and what it was answered, for the judge. */
export type Call = { nonce: string; answer: SettleAnswer }

export type SettleClient = {
  history: Call[]
  settle(payment: SignedPayment): Promise<SettleAnswer>
  verify(payment: SignedPayment): Promise<{ isValid: boolean; reason: string | null }>
  get(path: string): Promise<{ status: number; body: unknown }>
  close(): Promise<void>
}

const PATIENCE_MS = 90_000
const CONNECTIONS = 256

/** A seller's server that remembers what it was answered. */
export function createSettleClient(base: string, key: string, history: Call[] = []): SettleClient {
  const url = new URL(base)
  const pool = new Pool(url.origin, {
    connections: CONNECTIONS,
    headersTimeout: PATIENCE_MS,
    bodyTimeout: PATIENCE_MS,
  })
  const authorization = `Bearer ${key}`

  async function post(path: string, body: string) {
    const headers = { 'content-type': 'application/json', authorization }
    const answer = await pool.request({ path: `${url.pathname}${path}`, method: 'POST', headers, body })
    return { status: answer.statusCode, body: (await answer.body.json()) as Record<string, unknown> }
  }

  return {
    history,
    async settle({ body: sent, transfer: { nonce } }) {
      const startedAt = performance.now()
      const { status, body } = await post('/settle', sent)
      const answer: SettleAnswer = {
        status,
        success: body['success'] === true,
        reason: (body['errorReason'] as string | undefined) ?? null,
        transaction: (body['transaction'] as string | undefined) ?? '',
        extra: (body['extra'] as Record<string, unknown> | undefined) ?? {},
        code: (body['error'] as { code?: string } | undefined)?.code ?? null,
        ms: performance.now() - startedAt,
      }
      history.push({ nonce, answer })
      return answer
    },
    async verify({ body: sent }) {
      const { body } = await post('/verify', sent)
      return {
        isValid: body['isValid'] === true,
        reason: (body['invalidReason'] as string | undefined) ?? null,
      }
    },
    async get(path) {
      const answer = await pool.request({ path: `${url.pathname}${path}`, method: 'GET', headers: { authorization } })
      return { status: answer.statusCode, body: await answer.body.json() }
    },
    close: () => pool.destroy(),
  }
}

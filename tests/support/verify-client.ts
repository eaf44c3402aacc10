import { Pool } from 'undici'

export type VerifyAnswer = {
  /** 0: there was no answer, and `code` is what became of the connection. */
  status: number
  /** The code of the error, null for a verdict. */
  code: string | null
  isValid: boolean | null
  reason: string | null
  requestId: string | null
}

export type VerifyClient = {
  /** Never rejects: a broken connection is an outcome too. */
  verify(key: string, body: string): Promise<VerifyAnswer>
  /** A request that needs nothing but the process: as slow as the machine is at that moment. */
  livez(): Promise<void>
  close(): Promise<void>
}

/** A client with kept connections, as a tenant's server has one, cheap enough to send hundreds of requests a second. */
export function createVerifyClient(url: string): VerifyClient {
  const pool = new Pool(url, { connections: 256, pipelining: 1, headersTimeout: 60_000, bodyTimeout: 60_000 })
  return {
    async verify(key, body) {
      try {
        const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
        const response = await pool.request({ path: '/api/v1/x402/verify', method: 'POST', headers, body })
        const requestId = response.headers['x-request-id']
        const answer = (await response.body.json()) as {
          isValid?: boolean
          invalidReason?: string
          error?: { code: string }
        }
        return {
          status: response.statusCode,
          code: answer.error?.code ?? null,
          isValid: answer.isValid ?? null,
          reason: answer.invalidReason ?? null,
          requestId: typeof requestId === 'string' ? requestId : null,
        }
      } catch (error) {
        const { code, name } = error as { code?: string; name: string }
        return { status: 0, code: code ?? name, isValid: null, reason: null, requestId: null }
      }
    },
    async livez() {
      const { body } = await pool.request({ path: '/livez', method: 'GET' })
      await body.dump()
    },
    close: () => pool.destroy(),
  }
}

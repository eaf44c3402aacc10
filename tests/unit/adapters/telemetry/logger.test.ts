import { afterEach, describe, expect, it, vi } from 'vitest'
import { createLogger, scrub } from '@/lib/adapters/telemetry/logger'
import { generateKey } from '@/lib/api-keys/key-format'
import { fastestMs } from '@/tests/support/fastest-ms'

const KEY = generateKey('live')
const SECRETS: [string, string][] = [
  ['a live API key', KEY],
  ['a test API key', generateKey('test')],
  ['a webhook secret', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
  ['a live Stripe key', 'sk_live_51H8x2eZvKYlo2C'],
  ['a test Stripe key', 'sk_test_51H8x2eZvKYlo2C'],
  ['a private key or a nonce', `0x${'a1'.repeat(32)}`],
  ['a signature', `0x${'b2'.repeat(65)}`],
]

const URLS = [
  'postgres://payproof:hunter2@db.internal:5432/payproof',
  'postgresql://payproof:hun%40ter2@db.internal/payproof',
  'redis://default:hunter2@redis.internal:6379',
  'rediss://:hunter2@redis.internal:6379/0',
  'https://user:hunter2@rpc.example/v1',
]

describe('scrub', () => {
  it.each(SECRETS)('takes %s out, wherever it stands', (_, secret) => {
    for (const line of [secret, `{"msg":"failed with ${secret}."}`, `"${secret}","${secret}"`, `key=${secret}&x=1`]) {
      expect(scrub(line)).not.toContain(secret)
      expect(scrub(line)).not.toContain(secret.slice(-12))
    }
  })

  it.each(URLS)('takes the password out of %s', (url) => {
    const scrubbed = scrub(`{"msg":"connect ${url} failed"}`)
    expect(scrubbed).not.toMatch(/hunter2|hun%40ter2/)
    expect(scrubbed).toContain(new URL(url).hostname)
  })

  it('leaves alone what is no secret', () => {
    const line = JSON.stringify({
      requestId: 'req_01kaj5e8q0abcdefghjkmnpqrs',
      payer: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C',
      url: 'https://seller.example:8443/weather?at=12:00',
      path: '/api/v1/x402/verify',
      time: '2026-11-21T12:00:00.000Z',
    })
    expect(scrub(line)).toBe(line)
  })

  it('leaves valid JSON behind', () => {
    const line = JSON.stringify({ secrets: SECRETS.map(([, secret]) => secret), urls: URLS })
    expect(JSON.parse(scrub(line)).secrets).toHaveLength(SECRETS.length)
  })

  it.each([
    ['one word', 'x'.repeat(16_000)],
    ['hex', '0x'.repeat(8_000)],
    ['beginnings of URLs', 'postgres://a:'.repeat(1_200)],
    ['colons and slashes', '://:'.repeat(4_000)],
    ['beginnings of keys', 'x402_live_'.repeat(1_600)],
  ])('a path as long as a stranger may send it, of %s, costs no time', async (_, path) => {
    const line = JSON.stringify({ path })
    expect(await fastestMs(() => scrub(line))).toBeLessThan(50)
  })
})

describe('createLogger', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  it('leaks no secret by message, error, stack, cause or nested field', () => {
    const lines: string[] = []
    vi.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0)
    const logger = createLogger('info')
    const cause = new Error(`inner ${KEY}`)
    logger.info({ a: { b: { apiKey: KEY } } }, `message ${KEY}`)
    logger.error({ err: new Error(`outer ${KEY}`, { cause }) }, 'request')
    logger.warn({ headers: { authorization: `Bearer ${KEY}` }, list: [KEY], [KEY]: 1 })
    expect(lines).toHaveLength(3)
    expect(lines.join('')).not.toContain(KEY.slice(10))
    for (const line of lines) expect(JSON.parse(line)).toBeTypeOf('object')
  })

  it('writes nothing below its level', () => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
    createLogger('error').info('quiet')
    createLogger('silent').error('quiet')
    expect(write).not.toHaveBeenCalled()
  })
})

import { describe, expect, it } from 'vitest'
import { ERRORS, type ErrorCode } from '@/lib/core/error-catalogue'
import { AppError } from '@/lib/core/errors'
import { idTimeMs, newId } from '@/lib/core/ids'
import type { LogEntry } from '@/lib/verifications/log-entry'
import { type Attempt, recordVerification } from '@/lib/verifications/record-verification'

const NOW = 1_800_000_000_000
const attempt: Attempt = {
  tenantId: newId('tenant', NOW),
  mode: 'test',
  keyId: newId('apiKey', NOW),
  requestId: 'req_1',
  startedAt: NOW,
  retentionDays: 7,
  periodStartMs: NOW - 1_000,
  resource: null,
  request: '{"x402Version":2}',
}
const NOTHING = { x402Version: null, network: null, block: null, record: null }
const FACTS = {
  x402Version: 2,
  network: { id: 'eip155:84532' },
  block: 7n,
  record: {
    payer: '0xaa',
    payTo: '0xbb',
    amount: 10_000n,
    nonce: '0xcc',
    asset: { address: '0x036CbD53842c5426634e7929541eC2318f3dCF7e' },
  },
}

function record(
  judge: () => Promise<{ valid: true } | { valid: false; reason: string }>,
  changes: Partial<Attempt> = {},
  facts = FACTS,
) {
  const entries: LogEntry[] = []
  let us = 5_000
  const microseconds = () => {
    us += 1_234.4
    return us
  }
  const log = { append: (entry: LogEntry) => void entries.push(entry) }
  return { entries, outcome: recordVerification({ log, microseconds }, { ...attempt, ...changes }, facts, judge) }
}

describe('recordVerification', () => {
  it('keeps a valid payment with all that is known of it', async () => {
    const { entries, outcome } = record(async () => ({ valid: true }))
    expect(await outcome).toEqual({ valid: true })
    expect(entries).toEqual([
      {
        id: expect.stringMatching(/^ver_/),
        tenantId: attempt.tenantId,
        mode: 'test',
        keyId: attempt.keyId,
        requestId: 'req_1',
        atMs: NOW,
        retentionDays: 7,
        periodStartMs: NOW - 1_000,
        outcome: 'valid',
        reason: null,
        x402Version: 2,
        network: 'eip155:84532',
        asset: '0x036cbd53842c5426634e7929541ec2318f3dcf7e',
        payer: '0xaa',
        payTo: '0xbb',
        amount: 10_000n,
        nonce: '0xcc',
        resource: null,
        block: 7n,
        durationUs: 1_234,
        request: attempt.request,
      },
    ])
    expect(idTimeMs('verification', entries[0]?.id ?? '')).toBe(NOW)
  })

  it('keeps a refused payment with its reason', async () => {
    const { entries, outcome } = record(async () => ({ valid: false, reason: 'invalid_network' }), {}, NOTHING as never)
    expect(await outcome).toEqual({ valid: false, reason: 'invalid_network' })
    expect(entries).toEqual([
      expect.objectContaining({ outcome: 'invalid', reason: 'invalid_network', network: null, amount: null }),
    ])
  })

  const codes = Object.keys(ERRORS) as ErrorCode[]
  it.each(codes.filter((code) => ERRORS[code].status < 500))(
    '%s is a caller’s mistake and leaves no row',
    async (code) => {
      const error = new AppError(code)
      const { entries, outcome } = record(() => Promise.reject(error))
      await expect(outcome).rejects.toBe(error)
      expect(entries).toEqual([])
    },
  )

  it.each(codes.filter((code) => ERRORS[code].status >= 500))('%s is our failure and leaves a row', async (code) => {
    const error = new AppError(code)
    const { entries, outcome } = record(() => Promise.reject(error))
    await expect(outcome).rejects.toBe(error)
    expect(entries).toEqual([expect.objectContaining({ outcome: 'error', reason: code, network: 'eip155:84532' })])
  })

  it('what nobody foresaw is our failure too, and its words are not in the row', async () => {
    const { entries, outcome } = record(() => Promise.reject(new Error('hunter2')))
    await expect(outcome).rejects.toThrow('hunter2')
    expect(entries).toEqual([expect.objectContaining({ outcome: 'error', reason: 'internal_error' })])
  })

  it.each([
    ['https://seller.example/weather?key=secret#top', 'https://seller.example/weather'],
    ['https://seller.example/weather#a?b', 'https://seller.example/weather'],
    ['?secret', null],
    ['', null],
    ['\0a\0b', 'ab'],
    [`/${'x'.repeat(9_000)}`, `/${'x'.repeat(511)}`],
  ])('the resource %j is kept as %j: without what may be secret, bounded and storable', async (resource, kept) => {
    const { entries } = record(async () => ({ valid: true }), { resource })
    await Promise.resolve()
    expect(entries[0]?.resource).toBe(kept)
  })
})

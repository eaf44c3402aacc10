import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Id, newId } from '@/lib/core/ids'
import { getVerification } from '@/lib/verifications/get-verification'
import { type ListVerificationsInput, listVerifications } from '@/lib/verifications/list-verifications'
import type { LogOwner, VerificationPage, VerificationRow } from '@/lib/verifications/verification-store'

const NOW = Date.parse('2026-11-21T12:00:00Z')
const DAY = 86_400_000
const now = () => NOW
const owner: LogOwner = { tenantId: newId('tenant', NOW), mode: 'test' }

function row(id: string, atMs: number, changes: Partial<VerificationRow> = {}): VerificationRow {
  return {
    at: new Date(atMs),
    id,
    mode: 'test',
    key_id: 'key_1',
    request_id: 'req_1',
    outcome: 'valid',
    reason: null,
    x402_version: 2,
    network: 'eip155:84532',
    asset: '0x036cbd53842c5426634e7929541ec2318f3dcf7e',
    payer: '0x209693bc6afc0c5328ba36faf03c514ef312287c',
    pay_to: '0x209693bc6afc0c5328ba36faf03c514ef312287c',
    amount: '1500000',
    nonce: `0x${'ab'.repeat(32)}`,
    resource: 'https://seller.example/weather',
    block: '7',
    duration_us: 1_234,
    ...changes,
  }
}

/** Rows in memory, read as the database reads them: newest first, by time and then by id. */
function storeOf(rows: readonly VerificationRow[]) {
  const pages: VerificationPage[] = []
  const list = async (_: LogOwner, page: VerificationPage) => {
    pages.push(page)
    return [...rows]
      .sort((a, b) => b.at.getTime() - a.at.getTime() || (a.id < b.id ? 1 : -1))
      .filter(({ at }) => at.getTime() >= page.fromMs && at.getTime() < page.toMs)
      .filter((entry) => !page.filters.outcome || entry.outcome === page.filters.outcome)
      .filter((entry) => isBefore(entry, page.before))
      .slice(0, page.limit)
  }
  return { pages, verifications: { list } }
}

function isBefore({ at, id }: VerificationRow, before: VerificationPage['before']): boolean {
  if (!before) return true
  return at.getTime() < before.atMs || (at.getTime() === before.atMs && id < before.id)
}

const madeAt = (atMs: number, changes: Partial<VerificationRow> = {}) => row(newId('verification', atMs), atMs, changes)
const input = (changes: Partial<ListVerificationsInput> = {}): ListVerificationsInput => ({
  owner,
  retentionDays: 7,
  filters: {},
  limit: 10,
  ...changes,
})

describe('listVerifications', () => {
  it('goes through every row once, newest first, whatever the size of a page', async () => {
    const ages = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(ages, fc.integer({ min: 1, max: 10 }), async (seconds, limit) => {
        const rows = seconds.map((age) => madeAt(NOW - age * 1_000))
        const { verifications } = storeOf(rows)
        const seen: string[] = []
        let cursor: string | undefined
        do {
          const page = await listVerifications({ now, verifications }, input({ limit, cursor }))
          expect(page.data.length).toBeLessThanOrEqual(limit)
          expect(page.hasMore).toBe(page.nextCursor !== null)
          seen.push(...page.data.map(({ id }) => id))
          cursor = page.nextCursor ?? undefined
        } while (cursor !== undefined)
        expect(seen).toEqual(
          rows
            .map(({ id }) => id)
            .sort()
            .reverse(),
        )
      }),
    )
  })

  it('a full last page has nothing after it', async () => {
    const { verifications } = storeOf([madeAt(NOW), madeAt(NOW - 1)])
    const page = await listVerifications({ now, verifications }, input({ limit: 2 }))
    expect([page.hasMore, page.nextCursor]).toEqual([false, null])
  })

  it('shows nothing older than the plan keeps the log', async () => {
    const { verifications, pages } = storeOf([madeAt(NOW - 8 * DAY), madeAt(NOW - 6 * DAY)])
    const { data } = await listVerifications({ now, verifications }, input())
    expect(data).toHaveLength(1)
    expect(pages[0]?.fromMs).toBe(NOW - 7 * DAY)
  })

  it('a span beyond the retention is refused rather than cut', async () => {
    const { verifications } = storeOf([])
    const asked = listVerifications({ now, verifications }, input({ from: new Date(NOW - 7 * DAY - 1) }))
    await expect(asked).rejects.toMatchObject({ code: 'parameter_invalid', problems: [{ param: 'from' }] })
    const from = new Date(NOW - 7 * DAY)
    expect((await listVerifications({ now, verifications }, input({ from }))).data).toEqual([])
  })

  it('passes the span and the filters on', async () => {
    const { verifications, pages } = storeOf([])
    const [from, to] = [new Date(NOW - DAY), new Date(NOW - 1)]
    await listVerifications({ now, verifications }, input({ from, to, filters: { outcome: 'error' } }))
    expect(pages[0]).toMatchObject({ fromMs: NOW - DAY, toMs: NOW - 1, filters: { outcome: 'error' }, limit: 11 })
  })
})

describe('a cursor', () => {
  async function firstCursor(changes: Partial<ListVerificationsInput> = {}): Promise<string> {
    const rows = Array.from({ length: 5 }, (_, index) => madeAt(NOW - index))
    const page = await listVerifications(
      { now, verifications: storeOf(rows).verifications },
      input({ limit: 2, ...changes }),
    )
    return page.nextCursor as string
  }

  const reuse = (cursor: string, changes: Partial<ListVerificationsInput> = {}) =>
    listVerifications({ now, verifications: storeOf([]).verifications }, input({ cursor, ...changes }))
  const refused = { code: 'parameter_invalid', problems: [{ param: 'cursor' }] }

  it('goes on with the same filters', async () => {
    const filters = { outcome: 'valid' } as const
    await expect(reuse(await firstCursor({ filters }), { filters })).resolves.toBeDefined()
  })

  it.each([
    ['another filter', { filters: { outcome: 'valid' } }],
    ['another span', { from: new Date(NOW - DAY) }],
    ['another end', { to: new Date(NOW) }],
  ] as [string, Partial<ListVerificationsInput>][])('with %s is refused', async (_, changes) => {
    await expect(reuse(await firstCursor(), changes)).rejects.toMatchObject(refused)
  })

  it('another size of page is no other list', async () => {
    await expect(reuse(await firstCursor(), { limit: 50 })).resolves.toBeDefined()
  })

  it('that was changed, cut off or made up is refused, and never breaks anything', async () => {
    const cursor = await firstCursor()
    const wrong = [
      '',
      'x',
      cursor.slice(0, -1),
      `${cursor}0`,
      `!${cursor.slice(1)}`,
      cursor.toUpperCase(),
      '\0'.repeat(38),
    ]
    for (const text of wrong) await expect(reuse(text)).rejects.toMatchObject(refused)
    await fc.assert(
      fc.asyncProperty(fc.string(), async (text) => {
        await expect(reuse(text)).rejects.toMatchObject(refused)
      }),
    )
  })
})

describe('a row as it is shown', () => {
  const shown = async (changes: Partial<VerificationRow>) => {
    const { verifications } = storeOf([madeAt(NOW, changes)])
    return (await listVerifications({ now, verifications }, input())).data[0]
  }

  it('has addresses with their checksum, and the amount also in tokens', async () => {
    expect(await shown({})).toMatchObject({
      at: '2026-11-21T12:00:00.000Z',
      isValid: true,
      asset: '0x036CbD53842c5426634e7929541eC2318f3dCF7e',
      symbol: 'USDC',
      payer: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C',
      amount: '1500000',
      amountTokens: '1.5',
      durationMs: 1.234,
    })
  })

  it('of a token that we do not list has no amount in tokens', async () => {
    expect(await shown({ asset: null })).toMatchObject({
      asset: null,
      symbol: null,
      amountTokens: null,
      amount: '1500000',
    })
  })

  it('of which nothing was known is shown as such', async () => {
    const nothing = { network: null, asset: null, payer: null, pay_to: null, amount: null, nonce: null, block: null }
    const expected = { network: null, payer: null, payTo: null, amount: null, amountTokens: null, isValid: false }
    expect(await shown({ ...nothing, outcome: 'invalid', reason: 'invalid_payload' })).toMatchObject(expected)
  })

  it('an amount beyond every number is exact', async () => {
    const amount = ((1n << 256n) - 1n).toString()
    expect(await shown({ amount })).toMatchObject({
      amount,
      amountTokens: `${amount.slice(0, -6)}.${amount.slice(-6)}`,
    })
  })
})

describe('getVerification', () => {
  const find = (id: string, retentionDays = 7, stored: (VerificationRow & { request: string }) | null = null) => {
    const asked: number[] = []
    const verifications = {
      find: async (_: LogOwner, __: string, atMs: number) => {
        asked.push(atMs)
        return stored
      },
    }
    return { asked, found: getVerification({ now, verifications }, { owner, id, retentionDays }) }
  }

  it('gives a row as JSON with the request as it came, found by the time its id carries', async () => {
    const request = '{"x402Version":2, "big":12345678901234567890.10, "a":1,"a":2}'
    const stored = { ...madeAt(NOW - 5), request }
    const { asked, found } = find(stored.id, 7, stored)
    expect(await found).toContain(`"request":${request}}`)
    expect(JSON.parse(await found)).toMatchObject({ id: stored.id, isValid: true, request: { x402Version: 2 } })
    expect(asked).toEqual([NOW - 5])
  })

  it.each(['', 'ver_', 'x', newId('request', NOW), `${newId('verification', NOW)}0`])(
    '%j is not found, without a question',
    async (id) => {
      const { asked, found } = find(id)
      await expect(found).rejects.toMatchObject({ code: 'resource_not_found' })
      expect(asked).toEqual([])
    },
  )

  it('what is past the retention is not found, though the row may still be there', async () => {
    const id: Id<'verification'> = newId('verification', NOW - 8 * DAY)
    await expect(find(id, 7, { ...row(id, NOW - 8 * DAY), request: '{}' }).found).rejects.toMatchObject({
      code: 'resource_not_found',
    })
  })

  it('another tenant’s row is not there', async () => {
    await expect(find(newId('verification', NOW)).found).rejects.toMatchObject({
      code: 'resource_not_found',
      status: 404,
    })
  })
})

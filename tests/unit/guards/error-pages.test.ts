import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ERRORS, type ErrorCode } from '@/lib/core/error-catalogue'
import { SETTLEMENT_STATES } from '@/lib/core/settlement-states'
import { NETWORKS } from '@/lib/networks/networks'
import { REASONS } from '@/lib/payments/verdict'
import { SETTLEMENT_REASONS } from '@/lib/settlements/reasons'
import { STATUS_OF } from '@/lib/settlements/to-settlement'

const CODES = Object.keys(ERRORS) as ErrorCode[]
const pageOf = (code: string) => readFileSync(`docs/errors/${code}.md`, 'utf8')

describe('docs/errors', () => {
  it.each(CODES)('%s has its page, which says its status', (code) => {
    const page = pageOf(code)
    expect(page).toMatch(new RegExp(`^# .*${code}`))
    expect(page).toContain(String(ERRORS[code].status))
  })

  it('has no page without a code', () => {
    expect(readdirSync('docs/errors').sort()).toEqual(CODES.map((code) => `${code}.md`).sort())
  })
})

describe('docs/reasons.md', () => {
  const all = [...REASONS, ...SETTLEMENT_REASONS]

  it.each(all)('explains %s', (reason) => {
    expect(readFileSync('docs/reasons.md', 'utf8')).toContain(`\`${reason}\``)
  })

  it('has no reason twice in its list', () => {
    expect(new Set(all).size).toBe(all.length)
  })
})

describe('docs/settlement.md', () => {
  const page = readFileSync('docs/settlement.md', 'utf8')
  const rows = page.split('\n').filter((line) => line.startsWith('|'))

  it.each(SETTLEMENT_STATES)('says what %s is, and which of the four statuses it has', (state) => {
    const row = rows.find((line) => line.startsWith(`| \`${state}\` |`)) ?? ''
    expect(row.split('|')[2]?.trim()).toBe(STATUS_OF[state])
  })

  it.each(NETWORKS)(
    'names the confirmations and the block time of $name',
    ({ name, confirmations, blockTimeSeconds }) => {
      const row =
        rows.find((line) =>
          line
            .split('|')[1]
            ?.split(',')
            .some((one) => one.trim() === name),
        ) ?? ''
      expect(
        row
          .split('|')
          .slice(2, 4)
          .map((cell) => cell.trim()),
      ).toEqual([`${confirmations}`, `${blockTimeSeconds} s`])
    },
  )

  it.each(SETTLEMENT_REASONS.filter((reason) => reason !== 'invalid_exact_evm_transaction_failed'))(
    'says what to do after %s',
    (reason) => {
      expect(page).toContain(`\`${reason}\``)
    },
  )
})

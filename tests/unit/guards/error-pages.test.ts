import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ERRORS, type ErrorCode } from '@/lib/core/error-catalogue'
import { REASONS } from '@/lib/payments/verdict'

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
  it.each(REASONS)('explains %s', (reason) => {
    expect(readFileSync('docs/reasons.md', 'utf8')).toContain(`\`${reason}\``)
  })

  it('has no reason twice in its list', () => {
    expect(new Set(REASONS).size).toBe(REASONS.length)
  })
})

import { describe, expect, it } from 'vitest'
import { decodeMetered, encodeMetered, METER, meterParams } from '@/lib/adapters/chain/meter'
import { METER_CODE, METERED_OPCODES_GAS } from '@/lib/adapters/chain/meter-code'
import { type Hex, word } from '@/lib/core/hex'

const TARGET: Hex = '0x036CbD53842c5426634e7929541eC2318f3dCF7e'
const ACCOUNT: Hex = '0x00000000000000000000000000000000000000AA'
const call = (data: Hex, gas = 200_000n) => ({ target: TARGET, account: ACCOUNT, data, gas })
const spent = (gas: bigint) => gas + METERED_OPCODES_GAS
const result = (...words: (bigint | number)[]) => words.map(word).join('')

describe('the program', () => {
  it('is small and is all opcodes', () => {
    expect(METER_CODE).toMatch(/^0x(?:[0-9a-f]{2}){50,140}$/)
    expect(METER_CODE).not.toContain('undefined')
    expect(METER_CODE.endsWith('f3')).toBe(true)
  })
})

describe('the calldata', () => {
  it('names the length of the answer, then each call with its data as it is', () => {
    expect(encodeMetered([call('0xaabbcc'), call('0x', 7n)])).toBe(
      `0x${[
        word(256),
        ...[TARGET.slice(2).toLowerCase().padStart(64, '0'), ACCOUNT.slice(2).toLowerCase().padStart(64, '0')],
        ...[word(200_000), word(3), 'aabbcc'],
        ...[TARGET.slice(2).toLowerCase().padStart(64, '0'), ACCOUNT.slice(2).toLowerCase().padStart(64, '0')],
        ...[word(7), word(0)],
      ].join('')}`,
    )
  })

  it('goes out with the meter put at its address, and gas for all calls up to what nodes give', () => {
    const [transaction, block, override] = JSON.parse(meterParams([call('0xaa'), call('0xbb')], 291n))
    expect(block).toBe('0x123')
    expect(override).toEqual({ [METER]: { code: METER_CODE } })
    expect(transaction.to).toBe(METER)
    expect(Object.keys(transaction)).toEqual(['to', 'data', 'gas'])
    expect(Number(transaction.gas)).toBeGreaterThan(400_000)
    expect(Number(transaction.gas)).toBeLessThan(600_000)
    const [dear] = JSON.parse(meterParams([call('0xaa', 10n ** 12n)], 1n))
    expect(Number(dear.gas)).toBeLessThan(50_000_000)
  })
})

describe('the answer', () => {
  it('is read call by call', () => {
    const answer = `0x${result(1, spent(60_000n), 5, 1)}${result(1, spent(1n), 0, 2)}${result(0, spent(0n), 9, 3)}`
    expect(decodeMetered(answer, 3)).toEqual([
      { ok: true, gasUsed: 60_000n, word: 5n, hasCode: false },
      { ok: true, gasUsed: 1n, word: null, hasCode: true },
      { ok: false, gasUsed: 0n, word: null, hasCode: true },
    ])
    expect(decodeMetered('0x', 0)).toEqual([])
  })

  it('of a call that had less gas than named counts when it succeeded, and is none when it failed', () => {
    expect(decodeMetered(`0x${result(1, spent(9n), 0, 4)}`, 1)).toHaveLength(1)
    expect(decodeMetered(`0x${result(0, spent(9n), 0, 4)}`, 1)).toBeNull()
  })

  it.each([
    ['nothing', '0x'],
    ['null', null],
    ['a number', 7],
    ['a word too few', `0x${result(1, spent(9n), 0)}`],
    ['a word too many', `0x${result(1, spent(9n), 0, 0, 0)}`],
    ['no hex', `0x${'z'.repeat(256)}`],
    ['an ok of 2', `0x${result(2, spent(9n), 0, 0)}`],
    ['unknown flags', `0x${result(1, spent(9n), 0, 8)}`],
    ['less gas than the opcodes cost', `0x${result(1, 3n, 0, 0)}`],
  ])('is refused when it is %s', (_, answer) => {
    expect(decodeMetered(answer, 1)).toBeNull()
  })
})

import { addressWord, type Hex, word } from '@/lib/core/hex'

const AGGREGATE3 = '0x82ad56cb'
const WORD = 64
const HEX = /^0x[0-9a-f]*$/i

/** Multicall3 `aggregate3`, each call allowed to fail. */
export function encodeAggregate(calls: readonly { target: Hex; data: Hex }[]): Hex {
  let offsets = ''
  let tuples = ''
  for (const { target, data } of calls) {
    const hex = data.slice(2)
    offsets += word((calls.length * WORD + tuples.length) / 2)
    tuples += `${addressWord(target)}${word(1)}${word(96)}${word(hex.length / 2)}${hex.padEnd(Math.ceil(hex.length / WORD) * WORD, '0')}`
  }
  return `${AGGREGATE3}${word(32)}${word(calls.length)}${offsets}${tuples}`
}

/** The results of `aggregate3`, or null when the answer is not what the contract would give to `count` calls. */
export function decodeAggregate(answer: unknown, count: number): { ok: boolean; data: Hex }[] | null {
  if (typeof answer !== 'string' || !HEX.test(answer)) return null
  const hex = answer.slice(2)
  if (wordAt(hex, 0) !== 32 || wordAt(hex, 1) !== count) return null
  const results: { ok: boolean; data: Hex }[] = []
  for (let index = 0; index < count; index++) {
    const offset = wordAt(hex, 2 + index)
    const tuple = 2 + offset / 32
    const ok = wordAt(hex, tuple)
    const length = wordAt(hex, tuple + 2)
    const start = (tuple + 3) * WORD
    if (wordAt(hex, tuple + 1) !== 64 || !(ok === 0 || ok === 1) || !(start + length * 2 <= hex.length)) return null
    results.push({ ok: ok === 1, data: `0x${hex.slice(start, start + length * 2)}` })
  }
  return results
}

/** A word as a number; NaN beyond the end, which no comparison lets through. */
function wordAt(hex: string, index: number): number {
  const text = hex.slice(index * WORD, (index + 1) * WORD)
  return text.length === WORD ? Number(`0x${text}`) : Number.NaN
}

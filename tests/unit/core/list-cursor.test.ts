import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { newId } from '@/lib/core/ids'
import { listTag, readCursor, writeCursor } from '@/lib/core/list-cursor'

const timeMs = fc.integer({ min: 0, max: 36 ** 9 - 1 })

describe('a cursor', () => {
  it('is read as it was written, whatever the row’s time and the id’s own are', () => {
    fc.assert(
      fc.property(timeMs, timeMs, fc.string(), (atMs, idMs, name) => {
        const tag = listTag([name])
        const position = { atMs, id: newId('settlement', idMs) }
        expect(readCursor('settlement', tag, writeCursor(tag, position))).toEqual(position)
      }),
    )
  })

  it('of another list, of another kind or with a character changed is refused', () => {
    const tag = listTag(['settlements', {}])
    const cursor = writeCursor(tag, { atMs: 1, id: newId('settlement', 1) })
    const foreign = writeCursor(tag, { atMs: 1, id: newId('verification', 1) })
    const wrong = [
      foreign,
      '',
      tag,
      cursor.slice(0, -1),
      `${cursor}!`,
      `${cursor}-`,
      ` ${cursor}`,
      `${cursor}000000000`,
    ]
    for (const text of wrong) expect(() => readCursor('settlement', tag, text)).toThrow()
    expect(() => readCursor('settlement', listTag(['payments', {}]), cursor)).toThrow()
  })

  it('holds any text without an exception of ours that is no refusal', () => {
    const tag = listTag([])
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => readCursor('settlement', tag, tag + text)).toThrow('parameter')
      }),
    )
  })
})

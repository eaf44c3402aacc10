import { createHash } from 'node:crypto'
import { AppError } from './errors'
import { type IdKind, idTimeMs } from './ids'

export type ListPosition = { atMs: number; id: string }

const TAG_CHARS = 8
const ID_CHARS = 30
/** Of one width, so that a cursor that was cut off is told from a whole one. */
const TIME_CHARS = 9
const TIME = /^[0-9a-z]{9}$/

/** Names a list with its filters, so that a cursor of another one is told apart. */
export function listTag(parts: unknown): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, TAG_CHARS)
}

/** Where a page ended: its list's tag, the last id shown and the row's time. Opaque to the caller. */
export function writeCursor(tag: string, { atMs, id }: ListPosition): string {
  return `${tag}${id}${atMs.toString(36).padStart(TIME_CHARS, '0')}`
}

/** @throws AppError `parameter_invalid` for a cursor of another list, or one that is none */
export function readCursor(kind: IdKind, tag: string, cursor: string): ListPosition {
  const id = cursor.slice(TAG_CHARS, TAG_CHARS + ID_CHARS)
  const time = cursor.slice(TAG_CHARS + ID_CHARS)
  if (cursor.startsWith(tag) && idTimeMs(kind, id) !== null && TIME.test(time)) {
    return { atMs: Number.parseInt(time, 36), id }
  }
  const problem = {
    param: 'cursor',
    message: 'is not a cursor of this list',
    fix: 'Send nextCursor as it came, with the same filters.',
  }
  throw new AppError('parameter_invalid', { problems: [problem] })
}

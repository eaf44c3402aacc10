import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { marked } from 'marked'

const SEGMENT = /^[a-z0-9][a-z0-9_-]{0,99}$/

export type ReadDocument = { title: string; html: string }

/** A page of `docs/` as HTML, or null when there is none. Links between documents lose their `.md`. */
export async function readDocument(path: readonly string[]): Promise<ReadDocument | null> {
  if (path.length === 0 || path.length > 3 || !path.every((segment) => SEGMENT.test(segment))) return null
  const file = join(process.cwd(), 'docs', ...path)
  const text = await readFile(`${file}.md`, 'utf8').catch(nullWhenMissing)
  if (text === null) return null
  const html = await marked.parse(text.replace(/\]\((?!\w+:)([^)#\s]+)\.md(#[^)]*)?\)/g, ']($1$2)'))
  return { title: /^# (.+)$/m.exec(text)?.[1] ?? 'Payproof', html }
}

function nullWhenMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'EISDIR') return null
  throw error
}

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

/** The folders of lib that an adapter may take code from; of all the others it takes types alone. */
const CODE = ['core', 'adapters']

const files = readdirSync('lib/adapters', { recursive: true, encoding: 'utf8' }).filter((path) => /\.tsx?$/.test(path))
const STATEMENT = /^(import|export)\b([^'"]*?)from\s+'@\/lib\/([^/']+)[^']*'/gms

/** The imports of a file that bring more than types out of a domain. */
function codeFromDomains(text: string): string[] {
  return [...text.matchAll(STATEMENT)]
    .filter(([, , , folder = '']) => !CODE.includes(folder))
    .filter(([, , names = '']) => !isOnlyTypes(names))
    .map(([statement]) => statement)
}

function isOnlyTypes(names: string): boolean {
  if (names.trim().startsWith('type ')) return true
  const inBraces = /^\s*\{([^}]*)\}\s*$/s.exec(names)?.[1]
  return inBraces?.split(',').every((name) => name.trim() === '' || name.trim().startsWith('type ')) ?? false
}

describe('an adapter imports only the types of the port that it implements', () => {
  it.each(files)('%s', (file) => {
    const text = readFileSync(join('lib/adapters', file), 'utf8')
    expect(codeFromDomains(text)).toEqual([])
    expect(text).not.toMatch(/import\('@\/lib\/(?!core|adapters)/)
  })

  it('there are adapters, and they have ports', () => {
    const all = files.map((file) => readFileSync(join('lib/adapters', file), 'utf8')).join('\n')
    expect([...all.matchAll(STATEMENT)].filter(([, , , folder = '']) => !CODE.includes(folder)).length).toBeGreaterThan(
      10,
    )
  })

  it.each([
    "import { effectiveLimits } from '@/lib/usage/limits'",
    "import { type Limits, effectiveLimits } from '@/lib/usage/limits'",
    "import {\n  type Limits,\n  effectiveLimits,\n} from '@/lib/usage/limits'",
    "import * as limits from '@/lib/usage/limits'",
    "export { effectiveLimits } from '@/lib/usage/limits'",
  ])('%j would be seen', (statement) => {
    expect(codeFromDomains(statement)).toHaveLength(1)
  })

  it.each([
    "import type { Limits } from '@/lib/usage/limits'",
    "import { type Limits, type Period } from '@/lib/usage/limits'",
    "import { word } from '@/lib/core/hex'\nimport type { Limits } from '@/lib/usage/limits'",
  ])('%j is right', (statement) => {
    expect(codeFromDomains(statement)).toEqual([])
  })
})

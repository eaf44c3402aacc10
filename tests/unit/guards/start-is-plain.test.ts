import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

// `npm start` and `npm test` run before `npm ci` ever did: nothing may be imported that is not there yet.
const files = readdirSync('scripts').filter((name) => name.endsWith('.mjs'))
const IMPORT =
  /(?:^(?:import|export)\b[^'"\n]*\bfrom\s*|^import\s*|\bimport\s*\(\s*|\brequire\s*\(\s*)['"]([^'"]+)['"]/gm

describe('the bootstrap needs nothing but Node', () => {
  it('is there', () => {
    expect(files).toEqual(expect.arrayContaining(['start.mjs', 'prepare.mjs', 'test.mjs', 'check-lock.mjs']))
  })

  it.each(files)('scripts/%s imports only what Node has, and its neighbours', (file) => {
    const imported = [...readFileSync(join('scripts', file), 'utf8').matchAll(IMPORT)].map(([, name]) => name as string)
    const neighbours = files.map((name) => `./${name}`)
    expect(imported.filter((name) => !name.startsWith('node:') && !neighbours.includes(name))).toEqual([])
  })

  it.each(['start.mjs', 'test.mjs'])('scripts/%s asks for the least Node before all else', (file) => {
    const text = readFileSync(join('scripts', file), 'utf8')
    const [asked, used] = [text.indexOf('\nrequireNode()'), text.search(/\bawait (install|setUp)\(/)]
    expect(asked).toBeGreaterThan(0)
    expect(used).toBeGreaterThan(asked)
  })
})

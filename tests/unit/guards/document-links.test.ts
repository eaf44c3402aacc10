import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'

const DOCS = readdirSync('docs', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.md'))
  .map((path) => join('docs', path))
const PAGES = ['README.md', 'PRODUCTION_SETUP.md', 'CONTRIBUTING.md', 'SECURITY.md', ...DOCS]

/** Where the links of a page lead, as paths of the checkout; those to other sites are left out. */
function targetsOf(page: string): string[] {
  const links = [...readFileSync(page, 'utf8').matchAll(/\]\((?![\w+]+:|#)([^)#\s]+)(?:#[^)]*)?\)/g)]
  return links.map(([, link]) => normalize(join(dirname(page), link ?? '')))
}

describe('the links between documents', () => {
  it.each(PAGES)('of %s lead somewhere', (page) => {
    expect(targetsOf(page).filter((target) => !existsSync(target))).toEqual([])
  })

  it.each(DOCS)('of %s stay inside of docs, for the site shows nothing else', (page) => {
    expect(targetsOf(page).filter((target) => !target.startsWith('docs/'))).toEqual([])
  })

  it('are found at all', () => {
    expect(PAGES.flatMap(targetsOf).length).toBeGreaterThan(10)
  })
})

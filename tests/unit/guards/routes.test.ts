import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const files = readdirSync('pages/api', { recursive: true, encoding: 'utf8' }).filter((path) => /\.[jt]sx?$/.test(path))

describe('a route is a declaration', () => {
  it('there are routes', () => {
    expect(files).toContain('v1/x402/verify.ts')
  })

  it.each(files)('pages/api/%s', (file) => {
    const text = readFileSync(join('pages/api', file), 'utf8')
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(25)
    expect(text).toMatch(/bodyParser: false/)
    expect(text).toMatch(/export default route\(/)
    expect(text).not.toMatch(/\b(if|try|catch|switch|for|while)\b\s*[({]/)
  })
})

import { describe, expect, it } from 'vitest'
import { readDocument } from '@/lib/http/read-document'

describe('readDocument', () => {
  it('gives a page of docs with its title', async () => {
    const document = await readDocument(['errors', 'invalid_json'])
    expect(document?.title).toContain('invalid_json')
    expect(document?.html).toContain('<h1')
  })

  it.each([
    [[]],
    [['..', 'package']],
    [['errors', '..', '..', 'README']],
    [['errors/../../README']],
    [['errors', 'no_such_code']],
    [['errors']],
    [['%2e%2e', 'package']],
    [['errors', 'invalid_json.md']],
    [['errors', 'invalid_json\0']],
    [['Errors', 'INVALID_JSON']],
    [['a', 'b', 'c', 'd']],
  ])('%j is no page, and nothing outside of docs is read', async (path) => {
    expect(await readDocument(path)).toBeNull()
  })
})

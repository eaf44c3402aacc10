import fc from 'fast-check'
import { keccak256 } from 'viem'
import { afterEach, describe, expect, it, vi } from 'vitest'

const vectors = fc.uint8Array({ maxLength: 300 })

async function agreesWithViem(): Promise<void> {
  const { keccak, keccakReady } = await import('@/lib/core/keccak')
  await keccakReady
  fc.assert(
    fc.property(vectors, (bytes) => {
      expect(`0x${keccak(bytes)}`).toBe(keccak256(bytes))
    }),
    { numRuns: 1_000 },
  )
  expect(keccak(new Uint8Array(0))).toBe('c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470')
}

describe('keccak', () => {
  afterEach(() => {
    vi.doUnmock('hash-wasm')
    vi.resetModules()
  })

  it('equals viem’s for 1,000 inputs', agreesWithViem)

  it('equals viem’s where WASM is not to be had', async () => {
    vi.doMock('hash-wasm', () => ({ createKeccak: () => Promise.reject(new Error('no WASM here')) }))
    await agreesWithViem()
  })

  it('is right before WASM is ready', async () => {
    vi.doMock('hash-wasm', () => ({ createKeccak: () => new Promise(() => undefined) }))
    const { keccak } = await import('@/lib/core/keccak')
    expect(`0x${keccak(Buffer.from('early'))}`).toBe(keccak256(Buffer.from('early')))
  })
})

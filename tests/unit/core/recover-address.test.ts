import { randomBytes } from 'node:crypto'
import { bytesToHex, recoverAddress as recoverAddressOfViem, serializeSignature } from 'viem'
import { generatePrivateKey, privateKeyToAddress, sign } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Hex } from '@/lib/core/hex'

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 })

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const FIELD = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2fn
const HALF_ORDER = ORDER / 2n

type Signed = { digest: Uint8Array; signature: Hex; address: Hex; byViem: string }

const hex32 = (value: bigint) => value.toString(16).padStart(64, '0')
const assemble = (r: bigint, s: bigint, v: number): Hex => `0x${hex32(r)}${hex32(s)}${v.toString(16).padStart(2, '0')}`
const withV = (signature: Hex, v: number): Hex => `${signature.slice(0, 130)}${v.toString(16).padStart(2, '0')}` as Hex

async function signRandom(): Promise<Signed> {
  const privateKey = generatePrivateKey()
  const digest = randomBytes(32)
  const signature = serializeSignature(await sign({ hash: bytesToHex(digest), privateKey }))
  const byViem = (await recoverAddressOfViem({ hash: digest, signature })).toLowerCase()
  return { digest, signature, address: privateKeyToAddress(privateKey).toLowerCase() as Hex, byViem }
}

const signed: Signed[] = []
beforeAll(async () => {
  for (let index = 0; index < 300; index++) signed.push(await signRandom())
})

/** Loads the module anew with the better implementations taken away, as on a machine where they cannot be loaded. */
async function load(missing: readonly string[]) {
  vi.resetModules()
  for (const name of missing) {
    vi.doMock(name, () => {
      throw new Error(`${name} is not to be had here`)
    })
  }
  const { parseEcdsaSignature, recoverAddress, secp256k1Implementation } = await import('@/lib/core/recover-address')
  const recover = (digest: Uint8Array, signature: Hex) => {
    const parsed = parseEcdsaSignature(signature)
    return parsed && recoverAddress(digest, parsed)
  }
  return { recover, parseEcdsaSignature, name: await secp256k1Implementation() }
}

const IMPLEMENTATIONS = [
  { name: 'native', missing: [] },
  { name: 'wasm', missing: ['secp256k1/bindings'] },
  { name: 'javascript', missing: ['secp256k1/bindings', '@bitauth/libauth'] },
]

function unload(): void {
  for (const name of ['secp256k1/bindings', '@bitauth/libauth']) vi.doUnmock(name)
  vi.resetModules()
}

describe.each(IMPLEMENTATIONS)('recoverAddress by $name', ({ name, missing }) => {
  let loaded: Awaited<ReturnType<typeof load>>
  const recover = (digest: Uint8Array, signature: Hex) => loaded.recover(digest, signature)
  beforeAll(async () => {
    loaded = await load(missing)
  })
  afterAll(unload)

  it('is the implementation that serves when those before it cannot be loaded', () => {
    expect(loaded.name).toBe(name)
  })

  it('equals viem’s on 300 random signatures', async () => {
    for (const { digest, signature, address, byViem } of signed) {
      expect(await recover(digest, signature)).toBe(address)
      expect(byViem).toBe(address)
    }
  })

  it('v of 0 and 27, and of 1 and 28, mean the same; the other parity is somebody else', async () => {
    for (const { digest, signature, address } of signed.slice(0, 20)) {
      const v = Number.parseInt(signature.slice(130), 16)
      expect(await recover(digest, withV(signature, v - 27))).toBe(address)
      expect(await recover(digest, withV(signature, 55 - v))).not.toBe(address)
      expect(await recover(digest, withV(signature, 28 - v))).toBe(await recover(digest, withV(signature, 55 - v)))
    }
  })

  it('any other v is nobody', async () => {
    const { digest, signature } = signed[0] as Signed
    for (let v = 0; v < 256; v++) {
      if ([0, 1, 27, 28].includes(v)) continue
      expect(await recover(digest, withV(signature, v))).toBeNull()
    }
  })

  it('the twin with a high s recovers to the same account, and is told by its flag', async () => {
    const { parseEcdsaSignature } = loaded
    for (const { digest, signature, address } of signed.slice(0, 20)) {
      const s = BigInt(`0x${signature.slice(66, 130)}`)
      const v = Number.parseInt(signature.slice(130), 16)
      const twin = assemble(BigInt(`0x${signature.slice(2, 66)}`), ORDER - s, 55 - v)
      expect(await recover(digest, twin)).toBe(address)
      expect([parseEcdsaSignature(signature)?.isLowS, parseEcdsaSignature(twin)?.isLowS]).toEqual([true, false])
    }
  })

  it.each([
    ['r of zero', 0n, 1n],
    ['s of zero', 1n, 0n],
    ['both of zero', 0n, 0n],
    ['r of the order', ORDER, 1n],
    ['s of the order', 1n, ORDER],
    ['r above the order and below the field', ORDER + 1n, 1n],
    ['r of the field', FIELD, 1n],
    ['s of all ones', 1n, (1n << 256n) - 1n],
    ['r of all ones', (1n << 256n) - 1n, 1n],
    ['r that is no point of the curve', 5n, 1n],
  ])('%s is nobody, and does not throw', async (_, r, s) => {
    const { digest } = signed[0] as Signed
    expect(await recover(digest, assemble(r, s, 27))).toBeNull()
    expect(await recover(digest, assemble(r, s, 28))).toBeNull()
  })

  it('random bytes give the same answer as viem, and never throw', async () => {
    for (let index = 0; index < 60; index++) {
      const digest = randomBytes(32)
      const signature = `0x${randomBytes(64).toString('hex')}${index % 2 === 0 ? '1b' : '1c'}` as Hex
      const wanted = await recoverAddressOfViem({ hash: digest, signature }).catch(() => null)
      expect(await recover(digest, signature)).toBe(wanted?.toLowerCase() ?? null)
    }
  })
})

describe('parseEcdsaSignature', () => {
  afterAll(unload)

  it('is null for anything that is not 65 bytes long', async () => {
    const { parseEcdsaSignature } = await load([])
    for (const length of [0, 1, 64, 66, 130, 1_000]) {
      expect(parseEcdsaSignature(`0x${'11'.repeat(length)}`)).toBeNull()
    }
  })

  it('half of the order is the highest s that counts as low', async () => {
    const { parseEcdsaSignature } = await load([])
    expect(parseEcdsaSignature(assemble(1n, HALF_ORDER, 27))?.isLowS).toBe(true)
    expect(parseEcdsaSignature(assemble(1n, HALF_ORDER + 1n, 27))?.isLowS).toBe(false)
  })

  it('takes r, s and v apart', async () => {
    const { parseEcdsaSignature } = await load([])
    const parsed = parseEcdsaSignature(assemble(1n, 2n, 28))
    expect(Buffer.from(parsed?.rs ?? []).toString('hex')).toBe(hex32(1n) + hex32(2n))
    expect(parsed?.v).toBe(28)
  })
})

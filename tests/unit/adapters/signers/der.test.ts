import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { lowS, publicKeyOfSpki, readDerSignature } from '@/lib/adapters/signers/der'

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const pair = () => generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
const bytes = (hex: string) => Buffer.from(hex, 'hex')
const hex32 = (n: bigint) => n.toString(16).padStart(64, '0')

describe('publicKeyOfSpki', () => {
  it('is the key that OpenSSL writes', () => {
    const { publicKey } = pair()
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
    const wanted = Buffer.concat([bytes('04'), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
    const der = publicKey.export({ type: 'spki', format: 'der' })
    expect(Buffer.from(publicKeyOfSpki(der) ?? [])).toEqual(wanted)
    expect(publicKeyOfSpki(der.subarray(0, -1))).toBeNull()
    expect(publicKeyOfSpki(Buffer.concat([der, bytes('00')]))).toBeNull()
  })

  it.each([
    ['P-256', () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).publicKey],
    ['RSA', () => generateKeyPairSync('rsa', { modulusLength: 2_048 }).publicKey],
    ['Ed25519', () => generateKeyPairSync('ed25519').publicKey],
  ])('is null for a key of %s', (_, make) => {
    expect(
      publicKeyOfSpki(
        createPublicKey(make().export({ type: 'spki', format: 'pem' })).export({ type: 'spki', format: 'der' }),
      ),
    ).toBeNull()
  })

  it('is null for nothing', () => {
    expect(publicKeyOfSpki(new Uint8Array())).toBeNull()
  })
})

describe('readDerSignature', () => {
  it('reads what OpenSSL writes, 300 times, short numbers and high ones', () => {
    const { privateKey, publicKey } = pair()
    for (let index = 0; index < 300; index++) {
      const message = Buffer.from(`message ${index}`)
      const read = readDerSignature(sign('sha256', message, privateKey))
      const p1363 = bytes(`${hex32(read?.r ?? 0n)}${hex32(read?.s ?? 0n)}`)
      expect(verify('sha256', message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, p1363)).toBe(true)
      const low = bytes(`${hex32(read?.r ?? 0n)}${hex32(lowS(read?.s ?? 0n))}`)
      expect(verify('sha256', message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, low)).toBe(true)
    }
  })

  const order = hex32(ORDER)
  it.each([
    ['nothing', ''],
    ['a sequence of nothing', '3000'],
    ['one number', '3003020101'],
    ['three numbers', '3009020101020101020101'],
    ['bytes behind it', '300602010102010100'],
    ['bytes behind the numbers', '300702010102010100'],
    ['a length too long', '3007020101020101'],
    ['a length too short', '3005020101020101'],
    ['a number longer than what is there', '3006020101020801'],
    ['no number but a string', '3006040101020101'],
    ['no sequence but a set', '3106020101020101'],
    ['an empty number', '30050200020101'],
    ['r of zero', '3006020100020101'],
    ['s of zero', '3006020101020100'],
    ['a negative r', '3006020181020101'],
    ['r of the order', `3026022100${order}020101`],
    ['s of the order', `3026020101022100${order}`],
  ])('%s is none', (_, der) => {
    expect(readDerSignature(bytes(der))).toBeNull()
  })

  it('the smallest and the largest numbers are read', () => {
    expect(readDerSignature(bytes('3006020101020102'))).toEqual({ r: 1n, s: 2n })
    const largest = readDerSignature(bytes(`3026022100${hex32(ORDER - 1n)}020101`))
    expect(largest).toEqual({ r: ORDER - 1n, s: 1n })
  })
})

it('half of the order is the highest s that stays', () => {
  const half = ORDER / 2n
  expect([lowS(1n), lowS(half), lowS(half + 1n), lowS(ORDER - 1n)]).toEqual([1n, half, half, 1n])
})

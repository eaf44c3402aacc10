import { execFileSync } from 'node:child_process'
import { chmod, chown, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadSigners, type SignerSources } from '@/lib/adapters/signers/load-signers'
import type { Hex } from '@/lib/core/hex'

const NONE: SignerSources = { keys: undefined, keyFile: undefined, kmsKeys: undefined, kmsEndpoint: undefined }
const load = (sources: Partial<SignerSources>) => loadSigners({ ...NONE, ...sources })
const addressOf = (key: Hex) => privateKeyToAddress(key).toLowerCase()
const addresses = async (sources: Partial<SignerSources>) => (await load(sources)).map(({ address }) => address)
const messageOf = (sources: Partial<SignerSources>) =>
  load(sources).then(
    () => '',
    (error: Error) => `${error.message}${error.stack}${JSON.stringify(error)}${String(error.cause)}`,
  )

let folder: string
let files = 0
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'payproof-keys-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function keyFile(text: string, mode = 0o600): Promise<string> {
  const path = join(folder, `keys-${files++}`)
  await writeFile(path, text)
  await chmod(path, mode)
  return path
}

const [A, B, C] = [generatePrivateKey(), generatePrivateKey(), generatePrivateKey()]

describe('keys from the environment', () => {
  it('nothing set is no signer', async () => {
    expect(await load({})).toEqual([])
    expect(await load({ keys: '', keyFile: '', kmsKeys: '' })).toEqual([])
    expect(await load({ keys: ' , ', kmsKeys: ',' })).toEqual([])
  })

  it('every key of the list is a signer, in its order, with its address in lower case', async () => {
    expect(await addresses({ keys: ` ${A}, ${B.toUpperCase().replace('0X', '0x')} ,` })).toEqual([A, B].map(addressOf))
  })

  it.each([
    ['one twice', `${A},${B},${A}`],
    ['one twice in another case', `${A},${A.toUpperCase().replace('0X', '0x')}`],
  ])('%s is refused by its address', async (_, keys) => {
    const message = await messageOf({ keys })
    expect(message).toContain(addressOf(A))
    expect(message).not.toContain(A.slice(2))
  })

  it.each([
    A.slice(0, -1),
    `${A}0`,
    A.slice(2),
    `${A.slice(0, -1)}g`,
    `0x${'f'.repeat(64)}`,
    `0x${'0'.repeat(64)}`,
    `${A} ${B}`,
    `${A};${B}`,
    'hunter2-hunter2-hunter2',
  ])('a bad key is named by its place and never shown: case %#', async (bad) => {
    const message = await messageOf({ keys: `${C},${bad}` })
    expect(message).toContain('X402_SIGNER_KEYS: key 2')
    for (const secret of [bad, A.slice(2, 20), B.slice(2, 20), C.slice(2, 20)]) expect(message).not.toContain(secret)
  })
})

describe('keys from a file', () => {
  it.each([0o600, 0o400])('mode %o is read, one key a line', async (mode) => {
    expect(await addresses({ keyFile: await keyFile(`${A}\n\n  ${B}\r\n`, mode) })).toEqual([A, B].map(addressOf))
  })

  it.each([0o640, 0o604, 0o660, 0o644, 0o666, 0o610, 0o601, 0o620, 0o602, 0o777, 0o440])(
    'mode %o lets others at it, and is refused with the mode to set',
    async (mode) => {
      const message = await messageOf({ keyFile: await keyFile(A, mode) })
      expect(message).toContain(`has mode 0${mode.toString(8)}`)
      expect(message).toContain('0600')
      expect(message).not.toContain(A.slice(2, 20))
    },
  )

  it('a link is judged by the file behind it', async () => {
    const link = join(folder, 'link')
    await symlink(await keyFile(A, 0o644), link)
    expect(await messageOf({ keyFile: link })).toContain('has mode 0644')
  })

  it.runIf(process.getuid?.() === 0)('a file of another user is refused, though root could read it', async () => {
    const path = await keyFile(A)
    await chown(path, 65_534, 65_534)
    expect(await messageOf({ keyFile: path })).toContain('belongs to another user')
  })

  it('a folder, a pipe and a file that is not there are told apart', async () => {
    const pipe = join(folder, 'pipe')
    execFileSync('sh', ['-c', 'mkfifo -m 600 "$0"', pipe])
    const directory = join(folder, 'directory')
    await mkdir(directory, { mode: 0o700 })
    expect(await messageOf({ keyFile: directory })).toContain('is not a file')
    expect(await messageOf({ keyFile: pipe })).toContain('is not a file')
    expect(await messageOf({ keyFile: join(folder, 'nothing') })).toContain('cannot be read (ENOENT)')
  })

  it('a bad line is named and never shown', async () => {
    const path = await keyFile(`${A}\n\n${B.slice(0, -1)}\n`)
    const message = await messageOf({ keyFile: path })
    expect(message).toContain(`X402_SIGNER_KEY_FILE: line 3 of ${path}`)
    for (const secret of [A, B]) expect(message).not.toContain(secret.slice(2, 20))
  })

  it('an empty file has no signer', async () => {
    expect(await load({ keyFile: await keyFile('\n \n') })).toEqual([])
  })

  it('a key that stands in the environment and in the file is refused', async () => {
    const keyFileOfA = await keyFile(`${B}\n${A}\n`)
    expect(await messageOf({ keys: A, keyFile: keyFileOfA })).toContain(`${addressOf(A)} is set twice`)
    expect(await addresses({ keys: C, keyFile: keyFileOfA })).toEqual([C, B, A].map(addressOf))
  })
})

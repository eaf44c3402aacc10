import { constants, type FileHandle, open } from 'node:fs/promises'
import type { DigestSigner } from '@/lib/settlements/signer'
import { createKmsSigner } from './kms-signer'
import { createLocalSigner } from './local-signer'

export type SignerSources = {
  /** Private keys, separated by commas. */
  keys: string | undefined
  /** A file with a private key on each line, which nobody but its owner may read. */
  keyFile: string | undefined
  /** Ids, ARNs or aliases of keys in AWS KMS, separated by commas. */
  kmsKeys: string | undefined
  kmsEndpoint: string | undefined
}

/** Bits of a mode that let others than the owner at a file. */
const OTHERS = 0o077

/**
 * Every key that this process signs with, from wherever it is set.
 *
 * @throws when one cannot be used, or stands twice; the message says which, and never shows a private key
 */
export async function loadSigners({ keys, keyFile, kmsKeys, kmsEndpoint }: SignerSources): Promise<DigestSigner[]> {
  const fromFile = keyFile ? (await readKeyFile(keyFile)).split('\n') : []
  const signers = [
    ...(await loadLocal(keys?.split(',') ?? [], (place) => `X402_SIGNER_KEYS: key ${place}`)),
    ...(await loadLocal(fromFile, (place) => `X402_SIGNER_KEY_FILE: line ${place} of ${keyFile}`)),
    ...(await loadKms(kmsKeys?.split(',') ?? [], kmsEndpoint)),
  ]
  for (const [index, { address }] of signers.entries()) {
    const isFirst = signers.findIndex((signer) => signer.address === address) === index
    if (!isFirst) throw new Error(`The signing key of ${address} is set twice. Set every key once.`)
  }
  return signers
}

async function loadLocal(entries: readonly string[], nameOf: (place: number) => string): Promise<DigestSigner[]> {
  const signers: DigestSigner[] = []
  for (const [index, entry] of entries.entries()) {
    const key = entry.trim()
    if (key === '') continue
    const signer = await createLocalSigner(key)
    if (!signer) throw new Error(`${nameOf(index + 1)} is not a private key: 0x and 64 hex digits are needed.`)
    signers.push(signer)
  }
  return signers
}

function loadKms(entries: readonly string[], endpoint: string | undefined): Promise<DigestSigner[]> {
  const ids = entries.map((entry) => entry.trim()).filter(Boolean)
  return Promise.all(ids.map((keyId) => createKmsSigner({ keyId, endpoint })))
}

/** The text of a file that is looked at after it was opened, so that it is the same file. */
async function readKeyFile(path: string): Promise<string> {
  // Without waiting: a pipe in the place of the file would hold up the start for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`X402_SIGNER_KEY_FILE: ${path} cannot be read (${error.code}).`)
  })
  try {
    const problem = await problemOf(file)
    if (problem) throw new Error(`X402_SIGNER_KEY_FILE: ${path} ${problem}`)
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

async function problemOf(file: FileHandle): Promise<string | null> {
  const stats = await file.stat()
  if (!stats.isFile()) return 'is not a file.'
  if (process.getuid && stats.uid !== process.getuid()) return 'belongs to another user; it must belong to this one.'
  if ((stats.mode & OTHERS) === 0) return null
  const mode = (stats.mode & 0o777).toString(8).padStart(4, '0')
  return `has mode ${mode}: others may get at it. Make it 0600 or 0400.`
}

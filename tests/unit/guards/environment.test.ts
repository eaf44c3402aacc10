import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { EnvSchema, parseEnv } from '@/lib/env'
import { NETWORKS } from '@/lib/networks/networks'

const RPC = 'X402_RPC_EIP155_'
const NAMES = Object.keys(EnvSchema.shape)
const isRpc = (name: string) => name.startsWith(RPC)

const examples = () =>
  [...readFileSync('.env.example', 'utf8').matchAll(/^#? ?([A-Z][A-Z0-9_]*)=/gm)].map(([, name]) => name as string)

/** What the setup page names in backticks: every variable, by its form or as the first cell of a row. */
function documented(): string[] {
  const text = readFileSync('PRODUCTION_SETUP.md', 'utf8')
  const inText = [...text.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*|_?<[^`>]*>)?`/g)]
  const inRows = [...text.matchAll(/^\|\s*`([A-Z][A-Z0-9_]*)(?:<[^`>]*>)?`/gm)]
  return [...inText, ...inRows].map(([, name]) => name as string)
}

describe('.env.example', () => {
  it.each(NAMES)('has %s', (name) => {
    expect(examples()).toContain(name)
  })

  it('shows how an RPC is set, for networks that there are', () => {
    const chainIds = examples()
      .filter(isRpc)
      .map((name) => Number(name.slice(RPC.length)))
    expect(chainIds.length).toBeGreaterThan(0)
    for (const chainId of chainIds) expect(NETWORKS.map((network) => network.chainId)).toContain(chainId)
  })

  it('is a valid environment as it stands, its suggestions too', () => {
    const lines = [...readFileSync('.env.example', 'utf8').matchAll(/^#? ?([A-Z][A-Z0-9_]*)=(.*)$/gm)]
    const source = Object.fromEntries(lines.map(([, name, value]) => [name, value]))
    expect(parseEnv(source).rpcUrls.size).toBeGreaterThan(0)
  })

  it('has nothing that nobody reads, and nothing twice', () => {
    expect(examples().filter((name) => !isRpc(name) && !NAMES.includes(name))).toEqual([])
    expect(new Set(examples()).size).toBe(examples().length)
  })
})

describe('PRODUCTION_SETUP.md', () => {
  it.each(NAMES)('explains %s', (name) => {
    expect(readFileSync('PRODUCTION_SETUP.md', 'utf8')).toMatch(new RegExp(`\`${name}[\`=]`))
  })

  it('explains how an RPC is set', () => {
    expect(readFileSync('PRODUCTION_SETUP.md', 'utf8')).toContain(RPC)
  })

  it('names no variable that nobody reads', () => {
    const unknown = documented().filter((name) => !NAMES.includes(name) && !`${name}_`.startsWith(RPC))
    expect(unknown).toEqual([])
  })
})

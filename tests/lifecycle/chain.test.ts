import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest'
import { LOCAL_USDC, type RunningChain, startLocalChain } from '@/scripts/local/chain'
import { DEV_ACCOUNTS } from '@/scripts/local/dev-accounts'
import { isAlive, stopByPid } from '@/scripts/local/processes'

const NOT_CLEAN = 'The local chain was not stopped cleanly: its last seconds may be lost.'
const MULTICALL3 = '0xca11bde05977b3631167028862be2a173976ca11'

let folder: string
let said: string[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'payproof-chain-'))
  said = []
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function start(): Promise<RunningChain> {
  said = []
  const chain = await startLocalChain({ blockSeconds: 0, folder, say: (text) => said.push(text) })
  onTestFinished(() => chain.stop())
  return chain
}

/** Whether the last of what is built is there: the money of the last account. */
async function isWhole({ chain }: RunningChain): Promise<boolean> {
  const account = DEV_ACCOUNTS.at(-1)?.address.slice(2).padStart(64, '0')
  return BigInt(await chain.call<string>('eth_call', [{ to: LOCAL_USDC, data: `0x70a08231${account}` }, 'latest'])) > 0n
}

it('a chain that was stopped goes on where it was, without a word', async () => {
  const first = await start()
  const block = await first.chain.call('eth_blockNumber')
  await first.stop()
  const second = await start()
  expect(second.wasBuilt).toBe(false)
  expect(BigInt(await second.chain.call<string>('eth_blockNumber'))).toBeGreaterThan(BigInt(block as string))
  expect(await isWhole(second)).toBe(true)
  expect(said).toEqual([])
})

it('a chain that was killed has lost its last seconds: the next start says so, the one after has nothing to say', async () => {
  const first = await start()
  await first.stop()
  const second = await start()
  process.kill(second.pid, 'SIGKILL')
  await vi.waitFor(() => expect(isAlive(second.pid)).toBe(false), { timeout: 20_000 })
  await second.stop()
  const third = await start()
  expect(said).toEqual([NOT_CLEAN])
  expect(third.wasBuilt).toBe(false)
  await third.stop()
  await start()
  expect(said).toEqual([])
})

it('one that an earlier start left running is ended in peace, so that nothing is lost', async () => {
  const first = await start()
  const second = await start()
  expect(isAlive(first.pid)).toBe(false)
  expect(second.wasBuilt).toBe(false)
  expect(await isWhole(second)).toBe(true)
  expect(said).toEqual([])
})

it('a state that cannot be read is kept aside, and the start says that the chain is built anew and what is gone', async () => {
  await writeFile(join(folder, 'chain.json'), '{"accounts": {')
  const chain = await start()
  expect(said).toEqual([expect.stringMatching(/cannot be read.*built anew.*are gone.*chain\.json\.unreadable\.$/)])
  expect(await readFile(join(folder, 'chain.json.unreadable'), 'utf8')).toBe('{"accounts": {')
  expect(chain.wasBuilt).toBe(true)
  expect(await isWhole(chain)).toBe(true)
})

it('half a chain, of a build that was cut short, is never gone on with', async () => {
  const first = await start()
  await first.stop()
  const file = join(folder, 'chain.json')
  const state = JSON.parse(await readFile(file, 'utf8'))
  expect(state.accounts).toHaveProperty(MULTICALL3)
  delete state.accounts[MULTICALL3]
  delete state.accounts[LOCAL_USDC.toLowerCase()]
  await writeFile(file, JSON.stringify(state))
  const second = await start()
  expect(second.wasBuilt).toBe(true)
  expect(await isWhole(second)).toBe(true)
})

it('the pid of a dead chain that somebody else has now is left alone', async () => {
  const innocent = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', 'anvil'], { stdio: 'ignore' })
  const pid = innocent.pid as number
  onTestFinished(() => stopByPid(pid, 'SIGKILL', 1_000))
  await writeFile(join(folder, 'chain.pid'), String(pid))
  await start()
  expect(said).toEqual([NOT_CLEAN])
  expect([innocent.exitCode, innocent.signalCode]).toEqual([null, null])
})

it('a start that fails leaves no chain behind', async () => {
  let stop: (() => Promise<void>) | null = null
  const starting = startLocalChain({
    blockSeconds: 0,
    folder,
    onSpawn(given) {
      stop = given
      throw new Error('stopping')
    },
  })
  await expect(starting).rejects.toThrow('stopping')
  expect(stop).not.toBeNull()
  expect(existsSync(join(folder, 'chain.pid'))).toBe(false)
})

import { existsSync } from 'node:fs'
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Address } from 'viem'
import { connectLocalChain, type LocalChain } from './chain-rpc'
import { DEV_ACCOUNTS, TOKEN_OWNER } from './dev-accounts'
import { freePort, isAlive, spawnApart, stopByPid } from './processes'
import { deployMulticall3, deployToken, mint } from './usdc'

export type RunningChain = { url: string; chain: LocalChain; pid: number; stop(): Promise<void>; wasBuilt: boolean }

export type ChainOptions = {
  /** Seconds between blocks; 0: a block for every transaction at once. */
  blockSeconds: number
  /** The state is kept here across starts; null: it is gone with the process. */
  folder: string | null
  extraArgs?: readonly string[]
}

export const LOCAL_CHAIN_ID = 84_532
export const LOCAL_USDC: Address = '0x036CbD53842c5426634e7929541eC2318f3dCF7e'

const PREFERRED_PORT = 8_545
const BLOCK_GAS_LIMIT = 120_000_000
const KEPT_BLOCKS = 1_000
const FUNDS = 1_000_000_000_000n

/**
 * Starts anvil as a stand-in for Base Sepolia, with Circle's USDC at its address there, Multicall3 and funded payers.
 * The state is built from the npm packages the first time and kept after that.
 */
export async function startLocalChain(options: ChainOptions): Promise<RunningChain> {
  const { folder, blockSeconds } = options
  if (folder) await mkdir(folder, { recursive: true })
  if (folder) await stopLeftOver(join(folder, 'chain.pid'))
  const stateFile = folder ? join(folder, 'chain.json') : null
  const isNew = !stateFile || !(await cutBlocks(stateFile))

  const port = await freePort(PREFERRED_PORT)
  const pid = await spawnAnvil(port, stateFile, options)
  const url = `http://127.0.0.1:${port}`
  const chain = connectLocalChain(url)
  await answering(chain, pid)
  if (isNew) await build(chain)
  await chain.call('evm_setBlockGasLimit', [`0x${BLOCK_GAS_LIMIT.toString(16)}`])
  // A state that was loaded goes on at the time it was left at.
  await chain.call('anvil_setTime', [Math.floor(Date.now() / 1000)])
  await chain.call('evm_mine')
  if (blockSeconds > 0) await chain.call('evm_setIntervalMining', [blockSeconds])
  return { url, chain, pid, wasBuilt: isNew, stop: () => stopByPid(pid, 'SIGINT', 15_000) }
}

async function spawnAnvil(
  port: number,
  stateFile: string | null,
  { folder, extraArgs = [] }: ChainOptions,
): Promise<number> {
  const args = [
    ...['--host', '127.0.0.1', '--port', String(port), '--chain-id', String(LOCAL_CHAIN_ID)],
    ...['--enable-tx-gas-limit', '--slots-in-an-epoch', '1', '--silent'],
    // anvil writes its state only on a clean exit, and every five seconds when it is told to.
    ...(stateFile ? ['--state', stateFile, '--state-interval', '5'] : []),
    ...extraArgs,
  ]
  const log = folder ? await open(join(folder, 'chain.log'), 'a') : null
  const out = log ? log.fd : 'ignore'
  const child = spawnApart(findAnvil(), args, { stdio: ['ignore', out, out] })
  const pid = await new Promise<number>((resolve, reject) => {
    child.once('error', () =>
      reject(new Error('anvil is not there. Install it from Foundry so that it is on the PATH.')),
    )
    child.once('spawn', () => resolve(child.pid as number))
  })
  await log?.close()
  child.unref()
  if (folder) await writeFile(join(folder, 'chain.pid'), String(pid))
  return pid
}

/** npm has anvil for Linux on x64 alone; elsewhere it is taken from the PATH. */
function findAnvil(): string {
  try {
    const manifest = createRequire(join(process.cwd(), 'package.json')).resolve(
      '@foundry-rs/anvil-linux-amd64/package.json',
    )
    return join(dirname(manifest), 'bin/anvil')
  } catch {
    return 'anvil'
  }
}

async function answering(chain: LocalChain, pid: number): Promise<void> {
  for (;;) {
    if (!isAlive(pid)) throw new Error('anvil ended while starting; see .data/chain.log')
    const answered = await chain.call('eth_chainId').catch(() => null)
    if (answered !== null) return
    await sleep(20)
  }
}

async function build(chain: LocalChain): Promise<void> {
  const owner = TOKEN_OWNER.address
  await deployMulticall3(chain, owner)
  await deployToken(chain, { address: LOCAL_USDC, name: 'USDC', symbol: 'USDC', currency: 'USD' }, owner)
  for (const { address } of DEV_ACCOUNTS) await mint(chain, LOCAL_USDC, owner, address, FUNDS)
}

/**
 * Keeps the newest thousand blocks of a saved state: anvil saves every block, in no order, 1.7 KB each. False when
 * there is no state, or none that can be read, so that it is built anew.
 */
async function cutBlocks(stateFile: string): Promise<boolean> {
  if (!existsSync(stateFile)) return false
  try {
    const state = JSON.parse(await readFile(stateFile, 'utf8')) as { blocks?: { header: { number: string } }[] }
    const blocks = (state.blocks ?? []).sort((a, b) => Number(b.header.number) - Number(a.header.number))
    if (blocks.length > KEPT_BLOCKS) {
      await writeFile(`${stateFile}.cut`, JSON.stringify({ ...state, blocks: blocks.slice(0, KEPT_BLOCKS) }))
      await rename(`${stateFile}.cut`, stateFile)
    }
    return true
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    await rename(stateFile, `${stateFile}.unreadable`)
    return false
  }
}

async function stopLeftOver(pidFile: string): Promise<void> {
  if (!existsSync(pidFile)) return
  const pid = Number(await readFile(pidFile, 'utf8'))
  if (pid > 0 && isAlive(pid) && (await isAnvil(pid))) await stopByPid(pid, 'SIGINT', 15_000)
  await rm(pidFile, { force: true })
}

/** A pid may have gone to somebody else since. */
async function isAnvil(pid: number): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => 'anvil')
  return commandLine.includes('anvil')
}

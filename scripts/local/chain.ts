import type { ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Address } from 'viem'
import { connectLocalChain, type LocalChain } from './chain-rpc'
import { CHAIN_PATIENCE_MS, type ChainFiles, openChain } from './chain-state'
import { DEV_ACCOUNTS, TOKEN_OWNER } from './dev-accounts'
import { askToEnd, freePort, isAlive, type OnSpawn, type Running, spawnApart } from './processes'
import { deployMulticall3, deployToken, mint } from './usdc'

export type RunningChain = { url: string; chain: LocalChain; pid: number; stop(): Promise<void>; wasBuilt: boolean }

export type ChainOptions = {
  /** Seconds between blocks; 0: a block for every transaction at once. */
  blockSeconds: number
  /** The state is kept here across starts; null: it is gone with the process. */
  folder: string | null
  extraArgs?: readonly string[]
  onSpawn?: OnSpawn
  /** Told when something of a kept state is lost. */
  say?: (text: string) => void
}

export const LOCAL_CHAIN_ID = 84_532
export const LOCAL_USDC: Address = '0x036CbD53842c5426634e7929541eC2318f3dCF7e'

const PREFERRED_PORT = 8_545
const EPOCH = '--slots-in-an-epoch'
const BLOCK_GAS_LIMIT = 120_000_000
const FUNDS = 1_000_000_000_000n

/**
 * Starts anvil as a stand-in for Base Sepolia, with Circle's USDC at its address there, Multicall3 and funded payers.
 * The state is built from the npm packages the first time and kept after that.
 */
export async function startLocalChain(options: ChainOptions): Promise<RunningChain> {
  const { folder, say = () => undefined } = options
  const kept = folder ? await openChain(folder, say) : null
  const isNew = !kept?.isBuilt
  const port = await freePort(PREFERRED_PORT)
  const { pid, stop } = await spawnAnvil(port, kept?.files ?? null, options)
  try {
    const url = `http://127.0.0.1:${port}`
    const chain = connectLocalChain(url)
    await answering(chain, pid)
    if (isNew) await build(chain)
    await setUp(chain, options)
    return { url, chain, pid, wasBuilt: isNew, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function setUp(chain: LocalChain, { blockSeconds }: ChainOptions): Promise<void> {
  await chain.call('evm_setBlockGasLimit', [`0x${BLOCK_GAS_LIMIT.toString(16)}`])
  // A state that was loaded goes on at the time it was left at.
  await chain.call('anvil_setTime', [Math.floor(Date.now() / 1000)])
  await chain.call('evm_mine')
  if (blockSeconds > 0) await chain.call('evm_setIntervalMining', [blockSeconds])
}

async function spawnAnvil(
  port: number,
  files: ChainFiles | null,
  { onSpawn, extraArgs = [] }: ChainOptions,
): Promise<Running> {
  const args = [
    ...['--host', '127.0.0.1', '--port', String(port), '--chain-id', String(LOCAL_CHAIN_ID)],
    ...['--enable-tx-gas-limit', '--silent'],
    // Two epochs back is finalized; tests of what is not yet so ask for longer ones.
    ...(extraArgs.includes(EPOCH) ? [] : [EPOCH, '1']),
    // anvil writes its state only on a clean exit, and every five seconds when it is told to.
    ...(files ? ['--state', files.state, '--state-interval', '5'] : []),
    ...extraArgs,
  ]
  const log = files ? await open(files.log, 'a') : null
  const out = log ? log.fd : 'ignore'
  const child = spawnApart(findAnvil(), args, { stdio: ['ignore', out, out] })
  child.once('error', () => undefined)
  child.unref()
  void log?.close()
  const { pid } = child
  if (pid === undefined) throw new Error('anvil is not there. Install it from Foundry so that it is on the PATH.')
  const stop = () => stopAnvil(child, pid, files)
  try {
    if (files) writeFileSync(files.pid, String(pid))
    onSpawn?.(stop)
  } catch (error) {
    await stop()
    throw error
  }
  return { pid, stop }
}

/** An end that was not clean leaves the file with the pid, for the next start to see. */
async function stopAnvil(child: ChildProcess, pid: number, files: ChainFiles | null): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const isClean = await askToEnd(pid, 'SIGINT', CHAIN_PATIENCE_MS)
  if (!isClean) process.kill(pid, 'SIGKILL')
  else if (files) await rm(files.pid, { force: true })
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
    if (!isAlive(pid)) throw new Error('anvil ended while starting; see chain.log in the data folder')
    const answered = await chain.call('eth_chainId').catch(() => null)
    if (answered !== null) return
    await sleep(20)
  }
}

async function build(chain: LocalChain): Promise<void> {
  const owner = TOKEN_OWNER.address
  await deployToken(chain, { address: LOCAL_USDC, name: 'USDC', symbol: 'USDC', currency: 'USD' }, owner)
  for (const { address } of DEV_ACCOUNTS) await mint(chain, LOCAL_USDC, owner, address, FUNDS)
  // The last: by it a saved state is known to be complete.
  await deployMulticall3(chain, owner)
}

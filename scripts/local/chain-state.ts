import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { askToEnd, commandLineOf, isAlive } from './processes'
import { MULTICALL3 } from './usdc'

type SavedState = {
  accounts?: Record<string, { code?: string }>
  blocks?: { header: { number: string } }[]
}

/** Where a data folder keeps its chain; `pid` is there while the chain runs, and after an end that was not clean. */
export type ChainFiles = { state: string; pid: string; log: string }

/** How long anvil may take to save its state. */
export const CHAIN_PATIENCE_MS = 15_000

const KEPT_BLOCKS = 1_000
const NOT_CLEAN = 'The local chain was not stopped cleanly: its last seconds may be lost.'

/** Makes the saved chain of a folder ready to be loaded, and says when something of it is lost. */
export async function openChain(folder: string, say: (text: string) => void) {
  await mkdir(folder, { recursive: true })
  const inFolder = (name: string) => join(resolve(folder), name)
  const files: ChainFiles = { state: inFolder('chain.json'), pid: inFolder('chain.pid'), log: inFolder('chain.log') }
  if (!(await stopLeftOver(files))) say(NOT_CLEAN)
  return { files, isBuilt: await prepareState(files.state, say) }
}

/** One that an earlier start left behind saves its state when it is asked to end. False when there was no clean end. */
async function stopLeftOver({ pid: file, state }: ChainFiles): Promise<boolean> {
  if (!existsSync(file)) return true
  const pid = Number(await readFile(file, 'utf8'))
  const isOurs = pid > 0 && isAlive(pid) && isAnvil(await commandLineOf(pid), state)
  const isClean = isOurs && (await askToEnd(pid, 'SIGINT', CHAIN_PATIENCE_MS))
  if (isOurs && !isClean) process.kill(pid, 'SIGKILL')
  await rm(file, { force: true })
  return isClean
}

/** A pid may have gone to somebody else since. */
function isAnvil(commandLine: string | null, state: string): boolean {
  return commandLine?.includes('anvil') === true && commandLine.includes(` --state ${state} `)
}

/** False when there is no state to go on with: none at all, none that can be read, or that of a build cut short. */
async function prepareState(file: string, say: (text: string) => void): Promise<boolean> {
  if (!existsSync(file)) return false
  try {
    const state = JSON.parse(await readFile(file, 'utf8')) as SavedState
    if (isComplete(state)) {
      await cutBlocks(file, state)
      return true
    }
    await rm(file)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    await rename(file, `${file}.unreadable`)
    say(
      'The state of the local chain cannot be read, so the chain is built anew: balances and payments on it are gone. ' +
        `What was there is kept in ${file}.unreadable.`,
    )
  }
  return false
}

/** Multicall3 comes to its address last. */
function isComplete({ accounts = {} }: SavedState): boolean {
  const code = accounts[MULTICALL3.toLowerCase()]?.code
  return code !== undefined && code !== '0x'
}

/** Keeps the newest thousand blocks: anvil saves every block, in no order, 1.7 KB each. */
async function cutBlocks(file: string, state: SavedState): Promise<void> {
  const blocks = (state.blocks ?? []).sort((a, b) => Number(b.header.number) - Number(a.header.number))
  if (blocks.length <= KEPT_BLOCKS) return
  await writeFile(`${file}.cut`, JSON.stringify({ ...state, blocks: blocks.slice(0, KEPT_BLOCKS) }))
  await rename(`${file}.cut`, file)
}

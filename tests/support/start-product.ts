import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EnvSchema } from '@/lib/env'
import { NETWORKS } from '@/lib/networks/networks'
import { freePort } from '@/scripts/local/processes'
import type { Quickstart } from '@/scripts/local/quickstart'

export type Product = {
  child: ChildProcess
  port: number
  /** Milliseconds from the command to the line that says it is ready. */
  readyMs: number
  output(): string
  quickstart(): Promise<Quickstart>
  /** Sends a signal to the command itself and waits for its end; gives its exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>
}

export type StartOptions = { folder: string; env?: Record<string, string>; port?: number; uid?: number; gid?: number }

const READY = 'Ctrl-C stops everything.'
const PATIENCE_MS = 90_000
/** What is set counts more than a .env that somebody keeps in the checkout, and blank means not set. */
const BLANK = Object.fromEntries(
  [...Object.keys(EnvSchema.shape), ...NETWORKS.map(({ chainId }) => `X402_RPC_EIP155_${chainId}`)].map((name) => [
    name,
    '',
  ]),
)

/** Runs what `npm start` runs, with its data in `folder`, until it says that it is ready. */
export async function startProduct({ folder, env, port, uid, gid }: StartOptions): Promise<Product> {
  const chosen = port ?? (await freePort(0))
  const startedAt = performance.now()
  const environment: Record<string, string | undefined> = {
    ...BLANK,
    NODE_ENV: 'production',
    PATH: process.env['PATH'],
    HOME: folder,
    X402_DATA_DIR: folder,
    PORT: String(chosen),
    ...env,
  }
  const child = spawn(process.execPath, ['scripts/start.mjs'], {
    env: environment as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (output += chunk))
  const deadline = Date.now() + PATIENCE_MS
  const isReady = () => output.includes(READY) || output.includes('Make a tenant and a key')
  while (!isReady() && child.exitCode === null && Date.now() < deadline) await sleep(20)
  const readyMs = performance.now() - startedAt
  if (!isReady() && child.exitCode === null) child.kill('SIGKILL')
  return {
    child,
    port: chosen,
    readyMs,
    output: () => output,
    quickstart: async () => JSON.parse(await readFile(join(folder, 'quickstart.json'), 'utf8')),
    async end(signal) {
      if (child.exitCode !== null) return child.exitCode
      const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
      child.kill(signal)
      return ended
    },
  }
}

/** The processes whose command line or environment names a folder: what a start of it has left running. */
export function processesOf(folder: string): { pid: number; command: string }[] {
  const found: { pid: number; command: string }[] = []
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    const command = readProc(pid, 'cmdline')
    if (command && (command.includes(folder) || readProc(pid, 'environ').includes(`X402_DATA_DIR=${folder}\0`))) {
      found.push({ pid, command: command.replaceAll('\0', ' ').trim() })
    }
  }
  return found
}

/** Waits until nothing of a folder runs, and gives what still does when patience ends. */
export async function waitForNone(folder: string, patienceMs: number): Promise<{ pid: number; command: string }[]> {
  const deadline = Date.now() + patienceMs
  let left = processesOf(folder)
  while (left.length > 0 && Date.now() < deadline) {
    await sleep(50)
    left = processesOf(folder)
  }
  return left
}

/** A process may end while it is looked at. */
function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}

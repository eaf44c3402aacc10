import { type ChildProcess, fork } from 'node:child_process'
import { type OnSpawn, type Running, stopByPid } from './processes'

const START_TIMEOUT_MS = 60_000
/** A request's objects die young; with room for them a tenth of the time in garbage collection is saved. */
const YOUNG_HEAP = ['--max-semi-space-size=64', '--min-semi-space-size=16']
const STOP_PATIENCE_MS = 20_000

/**
 * Starts one process of the product and waits until it says that it is ready. A channel joins it to us, so that it
 * ends by itself when we are killed; `onDeath` is called when it ends without being asked to.
 */
export async function startChild(
  file: string,
  env: NodeJS.ProcessEnv,
  onDeath: () => void,
  nodeArgs: readonly string[] = [],
  onSpawn?: OnSpawn,
): Promise<Running> {
  const child = fork(file, {
    execArgv: [...YOUNG_HEAP, ...nodeArgs, '--import', 'tsx'],
    env,
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const pid = child.pid as number
  let stopping = false
  const stop = async () => {
    stopping = true
    if (child.exitCode === null && child.signalCode === null) await stopByPid(pid, 'SIGTERM', STOP_PATIENCE_MS)
  }
  try {
    onSpawn?.(stop)
    await readyOf(child, file)
  } catch (error) {
    await stop()
    throw error
  }
  child.on('exit', (code, signal) => {
    if (stopping) return
    process.stderr.write(`${file} ended unexpectedly (${signal ?? code}); stopping the rest.\n`)
    onDeath()
  })
  return { pid, stop }
}

function readyOf(child: ChildProcess, file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${file} was not ready within a minute`)), START_TIMEOUT_MS)
    child.on('message', (message: { ready?: boolean }) => {
      if (message.ready) resolve()
    })
    child.on('error', reject)
    child.once('exit', (code) => reject(new Error(`${file} ended with ${code} while starting`)))
    child.once('exit', () => clearTimeout(late))
    child.once('message', () => clearTimeout(late))
  })
}

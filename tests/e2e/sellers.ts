import { type ChildProcess, fork, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Address } from 'viem'
import { type Running, stopByPid } from '@/scripts/local/processes'

const FOLDER = 'tests/official'
export const PYTHON = `${FOLDER}/.venv/bin/python`
const STOP_PATIENCE_MS = 5_000

export type Seller = Running & { url: string }
export type SellerOptions = { facilitator: string; key: string; payTo: Address }

/** The environment of a script of the official packages: what is set here and nothing else. */
export function scriptEnvironment(variables: Record<string, string>): NodeJS.ProcessEnv {
  const noCache = { PYTHONDONTWRITEBYTECODE: '1' }
  return { PATH: process.env['PATH'], NODE_ENV: 'production', ...noCache, ...variables }
}

/** Starts a seller's server that stands on an official package, and waits until it listens. */
export async function startSeller(script: string, { facilitator, key, payTo }: SellerOptions): Promise<Seller> {
  const env = scriptEnvironment({ FACILITATOR_URL: facilitator, API_KEY: key, PAY_TO: payTo })
  const child = script.endsWith('.py') ? startPython(script, env) : startNode(script, env)
  const pid = child.pid
  const stop = async () => {
    if (pid !== undefined && child.exitCode === null && child.signalCode === null) {
      await stopByPid(pid, 'SIGTERM', STOP_PATIENCE_MS)
    }
  }
  try {
    const port = await portOf(child, script)
    return { url: `http://127.0.0.1:${port}`, pid: pid as number, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function startNode(script: string, env: NodeJS.ProcessEnv): ChildProcess {
  return fork(`${FOLDER}/${script}`, { env, execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
}

function startPython(script: string, env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(PYTHON, [`${FOLDER}/${script}`], { env, stdio: ['pipe', 'pipe', 'inherit'] })
}

function portOf(child: ChildProcess, script: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`${script} ended with ${code} while starting`)))
    child.once('message', ({ port }: { port: number }) => resolve(port))
    // Python has no channel: the first line that it prints is the message.
    if (child.stdout) createInterface(child.stdout).once('line', (line) => resolve(JSON.parse(line).port))
  })
}

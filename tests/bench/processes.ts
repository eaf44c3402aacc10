import { execFileSync, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { freePort, stopByPid } from '@/scripts/local/processes'

export type BenchServer = { name: string; url: string; pid: number; stop(): Promise<void> }

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** CPU of a process with all its threads, user and system, in milliseconds. */
export function cpuMs(pid: number): number {
  return readCpu(pid).own
}

/** CPU of a process and everything it started, those that have ended included. */
export function treeCpuMs(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number)
  const { own, ofEnded } = readCpu(pid)
  return own + ofEnded + children.reduce((sum, child) => sum + cpuMs(child), 0)
}

function readCpu(pid: number): { own: number; ofEnded: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ms = (first: number) => ((Number(fields[first]) + Number(fields[first + 1])) * 1_000) / TICKS_PER_SECOND
  return { own: ms(11), ofEnded: ms(13) }
}

/** Starts a program of plain Node that says over its channel when it is ready. */
export async function startNode(
  name: string,
  file: string,
  args: readonly string[],
  env: Record<string, string | undefined> = {},
  path = '',
): Promise<BenchServer> {
  const port = await freePort(0)
  const child = fork(file, [String(port), ...args], {
    env: { PATH: process.env['PATH'], NODE_ENV: 'production', ...env, PORT: String(port) } as NodeJS.ProcessEnv,
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve())
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code} while starting`)))
  })
  const pid = child.pid as number
  return { name, url: `http://127.0.0.1:${port}${path}`, pid, stop: () => stopByPid(pid, 'SIGTERM', 5_000) }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

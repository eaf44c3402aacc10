import { type ChildProcess, execFile, type SpawnOptions, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

/** A process that we started or found, to be ended by its pid. */
export type Running = { pid: number; stop(): Promise<void> }

export type Stop = () => Promise<void>

/** Takes what ends a process, in the moment in which there is one: long before it is ready. */
export type OnSpawn = (stop: Stop) => void

/**
 * Starts a process in a group of its own: Ctrl-C in the terminal then reaches only the one who started it, which stops
 * the others in order.
 */
export function spawnApart(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  return spawn(command, args, { ...options, detached: true })
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** The command line of a process, with spaces between; '' when there is no such process, null when nobody can tell. */
export async function commandLineOf(pid: number): Promise<string | null> {
  if (existsSync('/proc/self/cmdline')) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    return line.replaceAll('\0', ' ').trim()
  }
  try {
    return (await promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', String(pid)])).stdout.trim()
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? null : ''
  }
}

/** Asks a process to end, waits, and ends it by force when it does not. */
export async function stopByPid(pid: number, signal: NodeJS.Signals, patienceMs: number): Promise<void> {
  if (!(await askToEnd(pid, signal, patienceMs))) process.kill(pid, 'SIGKILL')
}

/** Asks a process to end and waits. Gives whether it did. */
export async function askToEnd(pid: number, signal: NodeJS.Signals, patienceMs: number): Promise<boolean> {
  if (!isAlive(pid)) return true
  process.kill(pid, signal)
  const deadline = Date.now() + patienceMs
  while (isAlive(pid) && Date.now() < deadline) await sleep(20)
  return !isAlive(pid)
}

/** A port of loopback that is free now: the preferred one, or one that the system picks. */
export async function freePort(preferred: number): Promise<number> {
  for (const port of [preferred, 0]) {
    const found = await tryPort(port)
    if (found !== null) return found
  }
  throw new Error('no free port on 127.0.0.1')
}

/** The first free port from `first` upwards, so that a second start is found near the first. */
export async function nextFreePort(first: number): Promise<number> {
  for (let port = first; port < first + 100; port++) {
    if ((await tryPort(port)) !== null) return port
  }
  throw new Error(`no free port from ${first} to ${first + 99}`)
}

function tryPort(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(null))
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : null))
    })
  })
}

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type BenchServer, cpuMs, treeCpuMs } from './processes'

const run = promisify(execFile)

export type Side = { server: BenchServer; key?: string }
export type Round = {
  perSecond: number
  p50Ms: number
  p95Ms: number
  p99Ms: number
  cpuMsEach: number
  besideMsEach: number
  wrong: number
}

export type Pids = { chain: number; redis: number; postgres: number }
export type Load = { bodies: string; connections: number; seconds: number; offset: number; pids: Pids }

/** Loads one side with wrk for a while. CPU is user and system time of all its processes and the chain's. */
export async function load(
  { server, key }: Side,
  { bodies, connections, seconds, offset, pids }: Load,
): Promise<Round> {
  const before = {
    side: treeCpuMs(server.pid) + cpuMs(pids.chain),
    beside: cpuMs(pids.redis) + treeCpuMs(pids.postgres),
  }
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', 'tests/bench/verify.lua']
  const { stdout } = await run('wrk', [
    ...args,
    `${server.url}/verify`,
    '--',
    bodies,
    String(offset),
    ...(key ? [key] : []),
  ])
  const after = {
    side: treeCpuMs(server.pid) + cpuMs(pids.chain),
    beside: cpuMs(pids.redis) + treeCpuMs(pids.postgres),
  }
  const result = JSON.parse(/RESULT (.*)/.exec(stdout)?.[1] ?? 'null')
  const { requests, valid, durationUs, p50Us, p95Us, p99Us, timeouts, socketErrors } = result
  return {
    perSecond: valid / (durationUs / 1e6),
    p50Ms: p50Us / 1_000,
    p95Ms: p95Us / 1_000,
    p99Ms: p99Us / 1_000,
    cpuMsEach: (after.side - before.side) / requests,
    besideMsEach: (after.beside - before.beside) / requests,
    wrong: requests - valid + timeouts + socketErrors,
  }
}

import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { freePort, stopByPid } from '@/scripts/local/processes'

export type TestRedis = {
  url: string
  port: number
  pid(): number
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>
  /** Starts it again on the same port, empty. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** A redis-server of its own, on loopback and a free port, without persistence. */
export async function startRedis(): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'payproof-redis-'))
  const port = await freePort(0)
  const url = `redis://127.0.0.1:${port}`
  let pid = await launch(folder, port, url)
  const kill = () => stopByPid(pid, 'SIGKILL', 2_000)
  return {
    url,
    port,
    pid: () => pid,
    kill,
    async restart() {
      pid = await launch(folder, port, url)
    },
    async stop() {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function launch(folder: string, port: number, url: string): Promise<number> {
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder]
  const child = spawn('redis-server', args, { stdio: 'ignore', detached: true })
  child.unref()
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => 20, maxRetriesPerRequest: null })
  client.on('error', () => undefined)
  await client.connect().catch(() => undefined)
  for (let attempt = 0; attempt < 200; attempt++) {
    const answer = await client.ping().catch(() => null)
    if (answer === 'PONG') break
    await sleep(20)
  }
  client.disconnect()
  return child.pid as number
}

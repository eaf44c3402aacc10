import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, describe, expect, inject, it, vi } from 'vitest'
import { freePort, isAlive } from '@/scripts/local/processes'
import { call } from '@/tests/support/api'
import { magicBody } from '@/tests/support/magic'
import { createTenantWithKey } from '@/tests/support/tenants'

const { databaseUrl, redisUrl, rpcUrl } = inject('service')
const { key } = await createTenantWithKey(databaseUrl)

type Web = { child: ChildProcess; pid: number; base: string }
const started: Web[] = []
afterEach(() => {
  for (const { pid } of started.splice(0)) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
})

/** A web process whose output comes to us, as it would to a terminal or a collector of logs. */
async function startPiped(): Promise<Web> {
  const port = await freePort(0)
  const child = fork('server.ts', {
    execArgv: ['--import', 'tsx'],
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      PORT: String(port),
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      X402_RPC_EIP155_84532: rpcUrl,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const web = { child, pid: child.pid as number, base: `http://127.0.0.1:${port}/api/v1/x402` }
  started.push(web)
  child.stdout?.resume()
  child.stderr?.resume()
  await once(child, 'message')
  return web
}

/** The terminal is closed, and then the process has something to say. */
async function stopReading({ child, base }: Web): Promise<void> {
  child.stdout?.destroy()
  child.stderr?.destroy()
  for (let time = 0; time < 3; time++) {
    const { status } = await call(`${base}/verify`, { key, body: magicBody('RPC unavailable') })
    expect(status).toBe(503)
  }
}

const ended = ({ pid }: Web) => vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 8_000, interval: 50 })

describe('a web process', () => {
  it('stops when it is told to', async () => {
    const web = await startPiped()
    process.kill(web.pid, 'SIGTERM')
    await ended(web)
    expect(web.child.exitCode).toBe(0)
  })

  it('answers and stops as before when nobody reads its output any more', async () => {
    const web = await startPiped()
    await stopReading(web)
    expect((await call(`${web.base}/verify`, { key, body: magicBody('valid') })).body).toMatchObject({ isValid: true })
    process.kill(web.pid, 'SIGTERM')
    await ended(web)
    expect(web.child.signalCode).toBeNull()
  })

  it('ends by itself when its supervisor is gone, and with it whoever read the output', async () => {
    const web = await startPiped()
    await stopReading(web)
    web.child.disconnect()
    await ended(web)
    expect(web.child.signalCode).toBeNull()
  })
})

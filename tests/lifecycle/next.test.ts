import { type ChildProcess, spawn } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningChain, startLocalChain } from '@/scripts/local/chain'
import type { LocalPostgres } from '@/scripts/local/postgres'
import { freePort, stopByPid } from '@/scripts/local/processes'
import { call } from '@/tests/support/api'
import { buildPayment } from '@/tests/support/build-payment'
import { createDatabase, startTestPostgres } from '@/tests/support/stack'
import { createTenantWithKey } from '@/tests/support/tenants'

let postgres: LocalPostgres
let chain: RunningChain
let databaseUrl: string

beforeAll(async () => {
  postgres = await startTestPostgres()
  chain = await startLocalChain({ blockSeconds: 1, folder: null })
  databaseUrl = await createDatabase(postgres.url)
})

afterAll(async () => {
  await chain.stop()
  await postgres.stop()
})

/** Next by itself, without the custom server. */
async function startNext(
  command: 'start' | 'dev',
  env: Record<string, string> = {},
): Promise<{ url: string; child: ChildProcess }> {
  const port = await freePort(0)
  const args = ['node_modules/next/dist/bin/next', command, '-H', '127.0.0.1', '-p', String(port)]
  const child = spawn(process.execPath, args, {
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: command === 'dev' ? 'development' : 'production',
      NEXT_TELEMETRY_DISABLED: '1',
      PORT: String(port),
      DATABASE_URL: databaseUrl,
      X402_RPC_EIP155_84532: chain.url,
      ...env,
    } as NodeJS.ProcessEnv,
    detached: true,
    stdio: 'ignore',
  })
  const url = `http://127.0.0.1:${port}`
  await expect
    .poll(async () => (await fetch(`${url}/livez`).catch(() => null))?.status, { timeout: 60_000, interval: 200 })
    .toBe(200)
  return { url, child }
}

describe.each(['start', 'dev'] as const)('next %s', (command) => {
  it('serves the same routes as the custom server, pages and API', async () => {
    const { url, child } = await startNext(command)
    try {
      const { key } = await createTenantWithKey(databaseUrl)
      const base = `${url}/api/v1/x402`
      expect((await call(`${base}/verify`, { key, body: await buildPayment() })).body).toMatchObject({ isValid: true })
      await expect
        .poll(async () => (await call(`${base}/verifications`, { key })).body.data, { timeout: 3_000 })
        .toMatchObject([{ outcome: 'valid' }])
      const { data } = (await call(`${base}/verifications`, { key })).body
      expect((await call(`${base}/verifications/${data[0].id}`, { key })).body.request.x402Version).toBe(2)
      expect((await call(`${base}/nothing`)).body.error.code).toBe('route_not_found')
      expect((await call(`${url}/readyz`)).body).toEqual({ status: 'ready' })
      expect((await call(url)).body).toContain('Payproof')
    } finally {
      await stopByPid(child.pid as number, 'SIGTERM', 5_000)
    }
  })
})

import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, stopByPid } from '@/scripts/local/processes'
import { type WebOptions, webEnvironment } from '@/tests/support/stack'
import type { BenchServer } from './processes'

/** The same routes under plain `next start`, without the custom server. */
export async function startNextStart(options: WebOptions): Promise<BenchServer> {
  const port = await freePort(0)
  const child = spawn(
    process.execPath,
    ['node_modules/next/dist/bin/next', 'start', '-H', '127.0.0.1', '-p', String(port)],
    { env: webEnvironment(options, port), detached: true, stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const pid = child.pid as number
  const url = `http://127.0.0.1:${port}`
  for (let attempt = 0; attempt < 300; attempt++) {
    const answer = await fetch(`${url}/livez`).catch(() => null)
    if (answer?.ok)
      return { name: 'next start', url: `${url}/api/v1/x402`, pid, stop: () => stopByPid(pid, 'SIGTERM', 5_000) }
    await sleep(100)
  }
  throw new Error('next start did not answer within 30 s')
}

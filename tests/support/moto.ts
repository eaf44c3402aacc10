import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, isAlive, spawnApart, stopByPid } from '@/scripts/local/processes'

const SERVER = 'tests/official/.venv/bin/moto_server'
const PATIENCE_MS = 60_000

/** PyPI's moto: many services of AWS, in memory, on loopback and a free port. */
export async function startMoto(): Promise<{ url: string; stop(): Promise<void> }> {
  if (!existsSync(SERVER)) throw new Error(`${SERVER} is not there: "npm test" installs it.`)
  const port = await freePort(0)
  const child = spawnApart(SERVER, ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' })
  child.unref()
  const pid = child.pid as number
  const url = `http://127.0.0.1:${port}`
  const stop = () => stopByPid(pid, 'SIGTERM', 2_000)
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const answer = await fetch(`${url}/moto-api/`).catch(() => null)
    if (answer?.ok) return { url, stop }
    if (!isAlive(pid)) throw new Error('moto ended while starting')
    if (Date.now() > deadline) {
      await stop()
      throw new Error('moto did not answer')
    }
    await sleep(100)
  }
}

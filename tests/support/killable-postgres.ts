import { readFile, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { isAlive, spawnApart, stopByPid } from '@/scripts/local/processes'
import { queryDatabase } from './database'
import { startTestPostgres } from './stack'

export type KillablePostgres = {
  url: string
  /** Ends the server without a word; what it had not committed is gone. */
  kill(): Promise<void>
  /** Starts it again on the same data and port, and waits until it has recovered. */
  restart(): Promise<void>
  stop(): Promise<void>
}

const PATIENCE_MS = 60_000
const STOP_PATIENCE_MS = 15_000

/** A Postgres that can die and come back where it was. */
export async function startKillablePostgres(): Promise<KillablePostgres> {
  const postgres = await startTestPostgres()
  const [command = '', ...args] = (await readFile(`/proc/${postgres.pid}/cmdline`, 'utf8')).split('\0').slice(0, -1)
  const { uid, gid } = await stat(`/proc/${postgres.pid}`)
  let { pid } = postgres
  const spawnServer = () => {
    const child = spawnApart(command, args, { stdio: 'ignore', ...(process.getuid?.() === 0 && { uid, gid }) })
    child.once('error', () => undefined)
    child.unref()
    pid = child.pid ?? pid
  }
  return {
    url: postgres.url,
    async kill() {
      process.kill(pid, 'SIGKILL')
      while (isAlive(pid)) await sleep(10)
    },
    async restart() {
      const deadline = Date.now() + PATIENCE_MS
      spawnServer()
      while (!(await isUp(postgres.url))) {
        if (Date.now() > deadline) throw new Error('postgres did not come back')
        await sleep(50)
        // Its children may hold its memory for a moment longer, and then it does not start.
        if (!isAlive(pid)) spawnServer()
      }
    },
    async stop() {
      await stopByPid(pid, 'SIGINT', STOP_PATIENCE_MS)
      await postgres.stop()
    },
  }
}

function isUp(url: string): Promise<boolean> {
  return queryDatabase(url, 'SELECT 1').then(
    () => true,
    () => false,
  )
}

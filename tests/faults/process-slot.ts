import { isAlive } from '@/scripts/local/processes'

type Started = { pid: number; stop(): Promise<void> }

/** The place of one process of the product, in which another may stand after it was killed. */
export type ProcessSlot<Process extends Started = Started> = {
  name: string
  now(): Process
  /** Ends it as a machine does that loses its power: nothing of it runs any more when this answers. */
  kill(): Promise<void>
  /** Starts another in its place. */
  restart(): Promise<void>
  pause(): void
  resume(): void
  stop(): Promise<void>
}

export async function openSlot<Process extends Started>(
  name: string,
  start: () => Promise<Process>,
): Promise<ProcessSlot<Process>> {
  let current = await start()
  const signal = (what: NodeJS.Signals) => {
    if (isAlive(current.pid)) process.kill(current.pid, what)
  }
  return {
    name,
    now: () => current,
    kill() {
      signal('SIGKILL')
      // It is told to stop as well, so that its end is not taken for a surprise.
      return current.stop()
    },
    async restart() {
      current = await start()
    },
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    stop() {
      signal('SIGCONT')
      return current.stop()
    },
  }
}

import { readdirSync, readFileSync } from 'node:fs'

/** Milliseconds of CPU that a process has used so far, over all its threads. */
export function cpuMs(pid: number): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    return threads.reduce((sum, thread) => sum + runtimeNs(`/proc/${pid}/task/${thread}/schedstat`), 0) / 1e6
  } catch {
    return ticksMs(pid)
  }
}

/** The kernel's own count of a thread, in nanoseconds. */
function runtimeNs(file: string): number {
  return Number(readFileSync(file, 'utf8').split(' ', 1)[0])
}

/** utime and stime, in ticks of 10 ms, for kernels that count no finer. */
function ticksMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

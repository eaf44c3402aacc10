/** Takes what is to be stopped when all is over. */
export type AtEnd = (stop: () => Promise<unknown>) => void

/** Runs something that starts processes and servers; what it hands to `atEnd` is stopped in the end, last first. */
export async function withCleanup<T>(run: (atEnd: AtEnd) => Promise<T>): Promise<T> {
  const stops: (() => Promise<unknown>)[] = []
  try {
    return await run((stop) => void stops.push(stop))
  } finally {
    for (const stop of stops.reverse()) await stop()
  }
}

/** Milliseconds of the quickest of several runs: what the code costs, without what else the machine was doing. */
export async function fastestMs(run: () => unknown, times = 10): Promise<number> {
  let fastest = Number.POSITIVE_INFINITY
  for (let index = 0; index < times; index++) {
    const startedAt = performance.now()
    await run()
    fastest = Math.min(fastest, performance.now() - startedAt)
  }
  return fastest
}

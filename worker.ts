import { surviveClosedOutput } from '@/lib/adapters/telemetry/closed-output'
import { startWorker } from '@/lib/create-worker'

// The worker process: what must be done whether or not anybody asks. Web answers without it.

async function main(): Promise<void> {
  surviveClosedOutput()
  const worker = await startWorker()
  const stop = async () => {
    await worker.stop()
    process.exit(0)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop())
  // The supervisor is gone, perhaps while we were starting: nobody would ever stop this process.
  process.once('disconnect', () => void stop())
  if (process.connected === false) return void stop()
  process.send?.({ ready: true })
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
})

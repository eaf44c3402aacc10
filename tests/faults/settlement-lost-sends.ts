import { setTimeout as sleep } from 'node:timers/promises'
import { type RpcProxy, startRpcProxy } from '@/tests/support/rpc-proxy'
import { HISTORY_BOUNDS, type History } from '@/tests/support/settlement-history/history'
import { type AtEnd, withCleanup } from '@/tests/support/with-cleanup'
import type { DatabaseStage, Scenario } from './scenario'
import { openLane } from './settlement-lane'

type LostSendFigures = { lost: number; sent: number; firstAnswers: Record<string, number>; history: History }

/** Longer than a wallet gathers, so that nearly every payment goes into a transaction of its own. */
const APART_MS = 200

/** A node takes our transactions, and we never hear that it did. */
export function lostSendScenario(times: number): Scenario<LostSendFigures, DatabaseStage> {
  return {
    name: `the answer to a send is lost ${times} times`,
    bounds: {
      ...HISTORY_BOUNDS,
      'no send was answered': ({ lost }) => lost >= times,
      'every payment is settled at its first call, and none is reported as failed': ({ sent, firstAnswers }) =>
        firstAnswers['success'] === sent,
      'nobody is charged twice': ({ sent, history: { facts } }) => facts.transfers === sent,
    },
    run: (stage) => withCleanup((atEnd) => runLostSends(stage, times, atEnd)),
  }
}

async function runLostSends(stage: DatabaseStage, times: number, atEnd: AtEnd): Promise<LostSendFigures> {
  let lost = 0
  const loseSends = (proxy: RpcProxy) => {
    proxy.fault = async ({ questions, response, ask }) => {
      const entries = await ask(questions)
      if (!questions.some(({ method }) => method === 'eth_sendRawTransaction')) {
        return void response.end(JSON.stringify(entries))
      }
      lost++
      response.socket?.resetAndDestroy()
    }
  }
  const workerRpcUrl = async (url: string) => {
    const proxy = await startRpcProxy(url)
    atEnd(proxy.stop)
    loseSends(proxy)
    return proxy.url
  }
  const lane = await openLane({ postgresUrl: stage.databaseUrl, workerRpcUrl }, atEnd)
  const calls = []
  while (lost < times) {
    calls.push(lane.client.settle(lane.newBody()))
    await sleep(APART_MS)
  }
  const firstAnswers: Record<string, number> = {}
  for (const { outcome } of await Promise.all(calls)) firstAnswers[outcome] = (firstAnswers[outcome] ?? 0) + 1
  return { lost, sent: calls.length, firstAnswers, history: await lane.judge() }
}

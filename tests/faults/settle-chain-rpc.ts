import type { Hex } from 'viem'
import type { Exchange, RpcFault } from '@/tests/support/rpc-proxy'

/** Takes every broadcast in the place of the node, and passes all else on. Gives what the node is to have said. */
export function onBroadcast(
  handle: (raw: Hex, exchange: Pick<Exchange, 'ask'>) => Promise<{ result: unknown } | { error: unknown }>,
): RpcFault {
  return async ({ questions, response, ask }) => {
    const answers = []
    for (const question of questions) {
      if (question.method !== 'eth_sendRawTransaction') answers.push(...(await ask([question])))
      else {
        const [raw] = question.params as [Hex]
        answers.push({ jsonrpc: '2.0', id: question.id, ...(await handle(raw, { ask })) })
      }
    }
    response.end(JSON.stringify(answers))
  }
}

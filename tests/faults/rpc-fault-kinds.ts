import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Hex } from 'viem'
import type { RpcQuestion } from '@/tests/support/rpc-node'
import type { Exchange, RpcEntry, RpcFault } from '@/tests/support/rpc-proxy'

export type RpcFaultKind = {
  name: string
  fault: RpcFault
  /** It shows only beside another endpoint. */
  needsSecond?: true
  /** It answers as readily as before, and what gives it away is looked at once a second. */
  showsAfterMs?: number
  /** Its failures are known only after their time is up, so that it has to last longer for as many of them. */
  isSilent?: true
  /** It is no more than slow, so that an answer in time is as good as a refusal to give one. */
  mayAnswer?: true
}

/** Every way in which an endpoint fails us. `staleBlock` is where one that has stopped stands. */
export function rpcFaultKinds(staleBlock: Hex): readonly RpcFaultKind[] {
  return [...SILENT, ...BROKEN, ...CONFUSED, ...misplaced(staleBlock)]
}

/** The first ones take longest. */
const SILENT: readonly RpcFaultKind[] = [
  { name: 'no answer', isSilent: true, fault: () => undefined },
  { name: 'an answer after 5 s', isSilent: true, fault: delayed(5_000) },
  {
    name: 'a body that never ends',
    isSilent: true,
    fault: (exchange) => partOf(exchange, (response, half) => response.write(half)),
  },
  { name: 'an answer after 2 s', isSilent: true, mayAnswer: true, fault: delayed(2_000) },
]

const BROKEN: readonly RpcFaultKind[] = [
  { name: 'HTTP 500', fault: ({ response }) => write(response, 'Internal Server Error', { status: 500 }) },
  { name: 'HTTP 429', fault: ({ response }) => write(response, '{"error":"slow down"}', { status: 429 }) },
  { name: 'connection reset', fault: ({ response }) => response.socket?.resetAndDestroy() },
  { name: 'garbage', fault: ({ response }) => write(response, randomBytes(500)) },
  { name: 'HTML with 200', fault: ({ response }) => write(response, '<!doctype html><h1>Blocked</h1>') },
  {
    name: 'a body cut off',
    fault: (exchange) => partOf(exchange, (response, half) => response.write(half, () => response.socket?.destroy())),
  },
]

const CONFUSED: readonly RpcFaultKind[] = [
  {
    name: 'foreign ids',
    fault: changed((entries) => entries.map((entry) => ({ ...entry, id: entry.id + 1_000_000 }))),
  },
  { name: 'an empty list', fault: changed(() => []) },
  { name: 'one object for a list', fault: changed(([first]) => first) },
  { name: 'a list without its last', fault: changed((entries) => entries.slice(0, -1)) },
  {
    name: 'an error for every call',
    fault: changed((entries) => entries.map(({ id }) => ({ id, error: { code: -32_005, message: 'limit exceeded' } }))),
  },
  { name: 'null for every call', fault: changed((entries) => entries.map(({ id }) => ({ id, result: null }))) },
  {
    name: 'nothing behind any contract',
    fault: changed((entries, questions) =>
      entries.map((entry, index) => (questions[index]?.method === 'eth_call' ? { id: entry.id, result: '0x' } : entry)),
    ),
  },
]

/** These answer readily, out of a state that is not the chain's: believed, they would refuse good payments. */
function misplaced(staleBlock: Hex): readonly RpcFaultKind[] {
  const from =
    (change: (head: Head) => Head, chainId?: Hex): RpcFault =>
    async ({ questions, response, ask }) => {
      const past = JSON.stringify(questions).replaceAll('"latest"]', `"${staleBlock}"]`)
      const entries = await ask(JSON.parse(past) as RpcQuestion[])
      const lies = entries.map((entry, index) => {
        const method = questions[index]?.method
        if (method === 'eth_chainId' && chainId) return { ...entry, result: chainId }
        return method === 'eth_getBlockByNumber' ? { ...entry, result: change(entry.result as Head) } : entry
      })
      write(response, JSON.stringify(lies))
    }
  const old = (head: Head) => ({ ...head, timestamp: hex(Number(head.timestamp) - 3_600) })
  const behind = (head: Head) => ({ ...head, number: hex(Math.max(0, Number(head.number) - 30)) })
  return [
    { name: 'the wrong chain', fault: from((head) => head, '0x1'), showsAfterMs: 1_100 },
    { name: 'a head of an hour ago', fault: from(old), showsAfterMs: 1_100 },
    { name: 'a head 30 blocks behind', fault: from(behind), showsAfterMs: 1_100, needsSecond: true },
  ]
}

type Head = { number: Hex; timestamp: Hex }
const hex = (value: number): Hex => `0x${value.toString(16)}`

function write(response: ServerResponse, body: string | Buffer, { status = 200 } = {}): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(body)
}

function delayed(ms: number): RpcFault {
  return async ({ questions, response, ask }) => {
    const entries = await ask(questions)
    await sleep(ms, null, { ref: false })
    if (response.writable) write(response, JSON.stringify(entries))
  }
}

function changed(change: (entries: RpcEntry[], questions: RpcQuestion[]) => unknown): RpcFault {
  return async ({ questions, response, ask }) =>
    write(response, JSON.stringify(change(await ask(questions), questions)))
}

/** The right head of an answer and half of its body. */
async function partOf(
  { questions, response, ask }: Exchange,
  go: (response: ServerResponse, half: string) => unknown,
): Promise<void> {
  const body = JSON.stringify(await ask(questions))
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
  go(response, body.slice(0, body.length >> 1))
}

import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, vi } from 'vitest'
import { NetworkRpc, type NetworkRpcOptions } from '@/lib/adapters/chain/network-rpc'
import type { RpcCall } from '@/lib/adapters/chain/rpc-endpoint'
import { SECOND_MS } from '@/lib/core/clock'
import { type RpcNode, type RpcQuestion, sendJson, startRpcNode } from './rpc-node'

export const START_MS = 1_800_000_000_000
export const CALLS: RpcCall[] = ['a', 'b', 'c'].map((name) => ({ method: `eth_${name}`, params: '[]' }))
export const GOOD = CALLS.map(({ method }) => ({ result: `${method} []` }))

/** Nodes of a test file and connections to them, by a clock that moves only when a test says so. All end with their test. */
export function setUpNetworkRpc() {
  vi.setConfig({ testTimeout: 15_000, hookTimeout: 60_000 })
  const running: RpcNode[] = []
  const opened: NetworkRpc[] = []
  const clock = { ms: START_MS }

  beforeEach(() => {
    clock.ms = START_MS
  })

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((rpc) => rpc.close()))
    await Promise.all(running.splice(0).map((node) => node.stop()))
  })

  /** A node whose head is of now, by the test's clock. */
  async function startNode(changes: Partial<RpcNode> = {}): Promise<RpcNode> {
    const node = await startRpcNode({ head: { number: 1_000, timestamp: START_MS / SECOND_MS }, ...changes })
    running.push(node)
    return node
  }

  function connect(nodes: readonly RpcNode[], options: Partial<NetworkRpcOptions> = {}): NetworkRpc {
    const urls = nodes.map(({ url }) => url)
    const rpc = new NetworkRpc({ chainId: 84532, urls, maxHeadAgeSeconds: 30, now: () => clock.ms, ...options })
    opened.push(rpc)
    return rpc
  }

  /** Lets time pass, and the chain grow with it. */
  function pass(ms: number, ...nodes: RpcNode[]): void {
    clock.ms += ms
    for (const node of nodes) {
      node.head = { number: node.head.number + Math.floor(ms / 2_000), timestamp: Math.floor(clock.ms / SECOND_MS) }
    }
  }

  /** Waits until what goes on beside the calls (the comparing of heads) has had its answers. */
  async function settled(rpc: NetworkRpc): Promise<void> {
    const answered = () => running.reduce((sum, node) => sum + node.bodies.length, 0)
    const deadline = performance.now() + 500
    while (answered() < rpc.httpRequests && performance.now() < deadline)
      await new Promise((next) => setImmediate(next))
    await new Promise((next) => setTimeout(next, 5))
  }

  return { clock, startNode, connect, pass, settled }
}

export const refused = { error: { code: -32_005, message: 'rate limit' } }

/** The code with which a batch fails, or null. */
export const outage = (rpc: NetworkRpc, calls = CALLS) =>
  rpc.send(calls).then(
    () => null,
    (error: { code: string }) => error.code,
  )

/** Every way in which a node can answer with nothing of use. */
export const FAULTS: Record<string, (questions: RpcQuestion[], response: ServerResponse) => void> = {
  500: (_, response) => sendJson(response, {}, 500),
  429: (_, response) => sendJson(response, {}, 429),
  HTML: (_, response) => response.end('<html></html>'),
  garbage: (_, response) => response.end('}{'),
  'a reset': (_, response) => response.destroy(),
  'foreign ids': (questions, response) =>
    sendJson(
      response,
      questions.map(() => ({ id: 4_711, result: '0x1' })),
    ),
  'a part of the batch': (questions, response) => sendJson(response, [{ id: questions[0]?.id, result: '0x1' }]),
}

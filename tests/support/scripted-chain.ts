import { keccak256 } from 'viem'
import { afterEach, beforeEach } from 'vitest'
import { type Chain, type ChainOptions, createChain } from '@/lib/adapters/chain/create-chain'
import { type Hex, word } from '@/lib/core/hex'
import { network } from './parsed-payment'
import { type RpcNode, type RpcQuestion, sendJson, startRpcNode } from './rpc-node'

export const base = network('eip155:84532')
export const RAW: Hex = '0x02aabbcc'
export const HASH = keccak256(RAW)
export const USDC: Hex = '0x036cbd53842c5426634e7929541ec2318f3dcf7e'
export const PAYER: Hex = '0x00000000000000000000000000000000000000aa'
export const NONCE: Hex = `0x${'ab'.repeat(32)}`
export const hex = (value: number | bigint): Hex => `0x${value.toString(16)}`
export const hash = (value: number): Hex => `0x${word(value)}`

export type Answer = { result: unknown } | { error: { code: number; message: string } }
export type Answering = (question: RpcQuestion) => Answer

/** Chains over nodes whose every answer the test gives, by a clock that moves only when it says so. All end with their test. */
export function setUpScriptedChain() {
  const nodes: RpcNode[] = []
  const chains: Chain[] = []
  const clock = { ms: 1_800_000_000_000 }

  beforeEach(() => {
    clock.ms = 1_800_000_000_000
  })

  afterEach(async () => {
    await Promise.all(chains.splice(0).map((chain) => chain.close()))
    await Promise.all(nodes.splice(0).map((node) => node.stop()))
  })

  const block = (number: number) => ({ number: hex(number), hash: hash(number), timestamp: hex(clock.ms / 1_000) })

  /** A node whose every answer the test gives; blocks up to 1,000 are there unless it says otherwise. */
  async function startNode(answer: Answering): Promise<RpcNode> {
    const node = await startRpcNode()
    node.misbehave = (questions, response) =>
      sendJson(
        response,
        questions.map((question) => ({ jsonrpc: '2.0', id: question.id, ...answer(question) })),
      )
    nodes.push(node)
    return node
  }

  /** What a node says that is asked for nothing special. */
  const usual: Answering = ({ method, params }) => {
    if (method === 'eth_chainId') return { result: hex(84_532) }
    if (method !== 'eth_getBlockByNumber') return { error: { code: -32_601, message: 'no such method' } }
    if (params[0] === 'latest') return { result: { ...block(1_000), baseFeePerGas: hex(7) } }
    if (params[0] === 'finalized') return { result: block(990) }
    return { result: Number(params[0]) <= 1_000 ? block(Number(params[0])) : null }
  }

  const answering =
    (method: string, answer: Answering): Answering =>
    (question) =>
      question.method === method ? answer(question) : usual(question)

  function open(urls: readonly string[], options: Partial<ChainOptions> = {}) {
    const chain = createChain({
      now: () => clock.ms,
      urls: new Map([[base, urls]]),
      maxBatch: 50,
      maxHeadAgeSeconds: undefined,
      ...options,
    })
    chains.push(chain)
    return chain
  }

  async function openWith(...answers: Answering[]) {
    const started = await Promise.all(answers.map(startNode))
    return { nodes: started, chain: open(started.map(({ url }) => url)) }
  }

  return { clock, nodes, block, startNode, usual, answering, open, openWith }
}

export const unavailable = { code: 'rpc_unavailable' }

import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool } from 'undici'
import type { RpcQuestion } from './rpc-node'

export type RpcEntry = { id: number; result?: unknown; error?: unknown }

export type Exchange = {
  questions: RpcQuestion[]
  response: ServerResponse
  /** What the node itself gives. */
  ask(questions: RpcQuestion[]): Promise<RpcEntry[]>
}

/** Answers, or does not, in the place of the node. */
export type RpcFault = (exchange: Exchange) => unknown

export type RpcProxy = {
  url: string
  /** Null: everything is passed on. */
  fault: RpcFault | null
  /** Sees every batch that comes. */
  onBatch: ((body: string) => void) | null
  stop(): Promise<void>
}

/** Stands before a real JSON-RPC node, and lets it fail on command. */
export async function startRpcProxy(target: string): Promise<RpcProxy> {
  const node = new Pool(target, { connections: 64 })
  const post = async (body: string) => {
    const headers = { 'content-type': 'application/json' }
    return (await node.request({ path: '/', method: 'POST', headers, body })).body.text()
  }
  const answer = async (body: string, response: ServerResponse) => {
    proxy.onBatch?.(body)
    if (!proxy.fault) return void response.end(await post(body))
    const ask = async (questions: RpcQuestion[]) => JSON.parse(await post(JSON.stringify(questions))) as RpcEntry[]
    await proxy.fault({ questions: JSON.parse(body) as RpcQuestion[], response, ask })
  }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on(
      'end',
      () => void answer(Buffer.concat(chunks).toString('latin1'), response).catch(() => response.destroy()),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy: RpcProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fault: null,
    onBatch: null,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await node.destroy()
    },
  }
  return proxy
}

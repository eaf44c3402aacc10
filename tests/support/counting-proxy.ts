import { createServer, request as sendRequest } from 'node:http'
import type { AddressInfo } from 'node:net'

export type CountingProxy = { url: string; requests(): number; reset(): void; stop(): Promise<void> }

/** Passes JSON-RPC on to a node and counts the HTTP requests. */
export async function startCountingProxy(target: string): Promise<CountingProxy> {
  let count = 0
  const { hostname, port } = new URL(target)
  const server = createServer((incoming, outgoing) => {
    count++
    const passed = sendRequest(
      { hostname, port, method: incoming.method, path: incoming.url, headers: incoming.headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      },
    )
    passed.on('error', () => outgoing.destroy())
    incoming.pipe(passed)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => count,
    reset() {
      count = 0
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

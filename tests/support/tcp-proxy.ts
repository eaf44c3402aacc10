import { type AddressInfo, createServer, connect as openSocket, type Socket } from 'node:net'

export type TcpProxy = {
  /** The target's URL, by way of the proxy. */
  url: string
  /** Every answer comes so many milliseconds late. */
  delayAnswers(ms: number): void
  /** Breaks every connection, and every new one. */
  cut(): void
  /** What is sent still arrives, but no answer comes back any more, on old connections and on new ones. */
  loseAnswers(): void
  /** As it was at first: what was held back comes now, and a connection whose answers were lost is broken. */
  mend(): void
  stop(): Promise<void>
}

type Mode = 'pass' | 'cut' | 'deaf'
type Connection = { client: Socket; held: Buffer[]; hasLost: boolean }

/** Stands before a server that speaks over TCP, and lets it fail as a network does. */
export async function startTcpProxy(targetUrl: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(targetUrl)
  const connections = new Set<Connection>()
  let mode: Mode = 'pass'
  let delayMs = 0

  const server = createServer((client) => {
    if (mode === 'cut') return void client.resetAndDestroy()
    const target = openSocket(Number(port), hostname)
    const connection: Connection = { client, held: [], hasLost: false }
    connections.add(connection)
    const end = () => {
      connections.delete(connection)
      client.destroy()
      target.destroy()
    }
    for (const socket of [client, target]) socket.setNoDelay(true).on('error', end).on('close', end)
    client.on('data', (chunk) => target.write(chunk))
    target.on('data', (chunk) => {
      if (mode === 'deaf') connection.hasLost = true
      else if (delayMs === 0) client.write(chunk)
      else holdBack(connection, chunk, delayMs)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  const url = new URL(targetUrl)
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    delayAnswers(ms) {
      delayMs = ms
    },
    cut() {
      mode = 'cut'
      for (const { client } of connections) client.resetAndDestroy()
    },
    loseAnswers() {
      mode = 'deaf'
    },
    mend() {
      mode = 'pass'
      delayMs = 0
      for (const { client, held, hasLost } of connections) {
        if (hasLost) client.resetAndDestroy()
        else for (const chunk of held.splice(0)) client.write(chunk)
      }
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const { client } of connections) client.resetAndDestroy()
      }),
  }
}

function holdBack({ client, held }: Connection, chunk: Buffer, delayMs: number): void {
  held.push(chunk)
  setTimeout(() => {
    if (held[0] === chunk) client.write(held.shift() as Buffer)
  }, delayMs).unref()
}

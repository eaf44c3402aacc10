import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

type Settled = { success: boolean; errorReason?: string; transaction: string }

export type RecordingProxy = {
  url: string
  /** How often settlement was asked for. */
  settleRequests(): number
  /** What was answered to it, in the order of the answers. */
  settleAnswers(): Settled[]
  stop(): Promise<void>
}

/** Stands between a seller and the service, and keeps what is said about settlements. */
export async function startRecordingProxy(target: string): Promise<RecordingProxy> {
  let requests = 0
  const answers: Settled[] = []
  const pass = async (incoming: IncomingMessage) => {
    const isSettle = incoming.url?.endsWith('/settle') ?? false
    if (isSettle) requests++
    const body = incoming.method === 'POST' ? await text(incoming) : null
    const answer = await fetch(`${target}${incoming.url}`, {
      method: incoming.method ?? 'GET',
      headers: { authorization: incoming.headers.authorization ?? '', 'content-type': 'application/json' },
      body,
    })
    const answered = await answer.text()
    if (isSettle) answers.push(JSON.parse(answered) as Settled)
    return { status: answer.status, answered }
  }
  const server = createServer((incoming, outgoing) => {
    pass(incoming).then(
      ({ status, answered }) => outgoing.writeHead(status, { 'content-type': 'application/json' }).end(answered),
      () => outgoing.destroy(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    settleRequests: () => requests,
    settleAnswers: () => answers,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

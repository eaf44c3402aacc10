import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'

export type FakeResponse = ServerResponse & {
  sent: { status: number; headers: Record<string, string>; text: string } | null
}

/** A response as Node gives it to a handler, which keeps what was sent. */
export function fakeResponse(): FakeResponse {
  const response = Object.assign(new EventEmitter(), {
    sent: null as FakeResponse['sent'],
    statusCode: 200,
    headersSent: false,
    destroyed: false,
    writeHead(status: number, headers: Record<string, string>) {
      Object.assign(response, { statusCode: status, headersSent: true })
      response.sent = { status, headers, text: '' }
    },
    end(text = '') {
      if (response.sent) response.sent.text = text
      response.emit('finish')
    },
  })
  return response as unknown as FakeResponse
}

import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

export type FakeRequestOptions = {
  method?: string
  url?: string
  headers?: Record<string, string | string[]>
  /** The body, in the pieces in which it comes. */
  chunks?: readonly (string | Uint8Array)[]
  remoteAddress?: string
  /** The sender hangs up before the body is over. */
  breaksOff?: boolean
}

/** A request as Node gives it to a handler, without a network. */
export function fakeRequest(options: FakeRequestOptions = {}): IncomingMessage {
  const {
    chunks = [],
    headers = {},
    breaksOff = false,
    method = 'POST',
    url = '/',
    remoteAddress = '192.0.2.1',
  } = options
  const stream = new Readable({ read: () => undefined })
  for (const chunk of chunks) stream.push(Buffer.from(chunk as string))
  if (breaksOff) setImmediate(() => stream.destroy())
  else stream.push(null)
  return Object.assign(stream, {
    headers,
    rawHeaders: Object.entries(headers).flatMap(([name, value]) => [value].flat().flatMap((one) => [name, one])),
    method,
    url,
    complete: !breaksOff,
    socket: { remoteAddress },
  }) as unknown as IncomingMessage
}

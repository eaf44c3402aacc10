import type { IncomingMessage, ServerResponse } from 'node:http'
import { knows } from './cacheable'
import type { Reply } from './endpoint'
import { respondText } from './respond'

/** Answers with what a handler gave; without the body when the caller has it already. */
export function sendReply(
  request: IncomingMessage,
  response: ServerResponse,
  { status = 200, body, json, headers: extra, onUnsent }: Reply,
  ownHeaders: Record<string, string>,
): void {
  if (onUnsent) watchDelivery(response, onUnsent)
  const headers = { ...ownHeaders, ...extra }
  const isKnown = knows(request.headers['if-none-match'], headers['ETag'])
  respondText(response, isKnown ? 304 : status, isKnown ? null : (json ?? written(body)), headers)
}

/** An answer has left when its last byte was handed to the connection. */
function watchDelivery(response: ServerResponse, onUnsent: () => void): void {
  if (response.destroyed) onUnsent()
  else
    response.once('close', () => {
      if (!response.writableFinished) onUnsent()
    })
}

function written(body: unknown): string | null {
  return body === undefined ? null : JSON.stringify(body)
}

/** What is still coming of a body we will not read is let run for a moment, so that the answer reaches the sender. */
export function closeAfter(request: IncomingMessage, response: ServerResponse, headers: Record<string, string>): void {
  headers['Connection'] = 'close'
  request.resume()
  response.once('finish', () => setTimeout(() => request.destroy(), 250).unref())
}

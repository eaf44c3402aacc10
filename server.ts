import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import next from 'next'
import { surviveClosedOutput } from '@/lib/adapters/telemetry/closed-output'
import type { ErrorCode } from '@/lib/core/error-catalogue'
import { AppError } from '@/lib/core/errors'
import { newId } from '@/lib/core/ids'
import { env } from '@/lib/env'
import { cleanTarget, problemOfTarget } from '@/lib/http/request-target'
import { errorBody, rawErrorAnswer, respond } from '@/lib/http/respond'
import { SECURITY_HEADERS } from '@/lib/http/security-headers'
import { publicUrl, servicesStarted } from '@/lib/services'
import livez from '@/pages/api/livez'
import readyz from '@/pages/api/readyz'
import settle from '@/pages/api/v1/x402/settle'
import supported from '@/pages/api/v1/x402/supported'
import verify from '@/pages/api/v1/x402/verify'

// The web process: Next, with a short way past its router for the routes that are hot. Their files are ordinary API
// routes, which `next dev` and `next start` serve as well, with some 0.3 ms more of CPU a request.

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

const HOT_ROUTES: ReadonlyMap<string, Handler> = new Map([
  ['/api/v1/x402/verify', verify],
  ['/api/v1/x402/settle', settle],
  ['/api/v1/x402/supported', supported],
  ['/livez', livez],
  ['/readyz', readyz],
])

const DRAIN_MS = 10_000
const SWEEP_MS = 50
let isStopping = false

async function main(): Promise<void> {
  surviveClosedOutput()
  const { PORT, HOST } = env()
  const app = next({ dev: false, hostname: HOST, port: PORT })
  const services = servicesStarted()
  await app.prepare()
  const passToNext = app.getRequestHandler()

  // Without the option Node refuses a request that names no host by itself, and not in JSON.
  const server = createServer({ requireHostHeader: false, connectionsCheckingInterval: 1_000 }, (request, response) => {
    if (isStopping) response.shouldKeepAlive = false
    const problem = problemOfTarget(request)
    if (problem) return refuse(problem, response)
    const url = cleanTarget(request.url ?? '/')
    request.url = url
    const handler = HOT_ROUTES.get(url.split('?', 1)[0] as string)
    if (handler) return void handler(request, response)
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value)
    return void passToNext(request, response)
  })
  harden(server)
  stopOnSignal(
    server,
    async () => (await services).stop(),
    async () => (await services).drain(),
  )

  await services
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(PORT, HOST, resolve))
  process.send?.({ ready: true, port: PORT })
}

function refuse(message: string, response: ServerResponse): void {
  const error = new AppError('malformed_request', { message })
  const context = { requestId: newId('request', Date.now()), publicUrl: publicUrl(), errorShape: undefined }
  respond(response, error.status, errorBody(error, context), { 'X-Request-Id': context.requestId })
}

/** Slow senders are cut off, upgrades ignored, and what Node itself refuses is answered in JSON too. */
function harden(server: Server): void {
  server.headersTimeout = 10_000
  server.requestTimeout = 15_000
  server.keepAliveTimeout = 65_000
  server.maxHeadersCount = 100
  // What a client expects beside 100-continue we do not do, and need not know (RFC 9110, 10.1.1).
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  server.on('connect', (_, socket: Socket) => endRaw(socket, NO_TUNNEL))
  // Next listens for upgrades, and refuses them. Without a listener Node answers such a request as any other, which is
  // what a client that offers h2c, as Java's does, is content with (RFC 9110, 7.8).
  server.on('newListener', (event, listener) => {
    if (event === 'upgrade') queueMicrotask(() => server.off('upgrade', listener))
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
    endRaw(socket, new AppError(REFUSED_BY_NODE[error.code ?? ''] ?? 'malformed_request'))
  })
}

function endRaw(socket: Socket, error: AppError): void {
  // Whoever has gone already needs no answer.
  socket.on('error', () => socket.destroy())
  const context = { requestId: newId('request', Date.now()), publicUrl: publicUrl(), errorShape: undefined }
  socket.end(rawErrorAnswer(error, context))
}

const NO_TUNNEL = new AppError('malformed_request', { message: 'This is no proxy: CONNECT is not answered.' })
const REFUSED_BY_NODE: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}

/** On a signal: no new connections, the last answer on each that is open, the log to the database, and out. */
function stopOnSignal(server: Server, stop: () => Promise<void>, drain: () => Promise<void>): void {
  const begin = async () => {
    if (isStopping) return
    isStopping = true
    await drain()
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    // A connection that was in use at the signal is idle when its answer has left.
    const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS)
    await Promise.race([closed, sleep(DRAIN_MS)])
    clearInterval(sweep)
    await stop()
    process.exit(0)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void begin())
  // The supervisor is gone, perhaps while we were starting: nobody would ever stop this process.
  process.on('disconnect', () => void begin())
  if (process.connected === false) void begin()
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
})

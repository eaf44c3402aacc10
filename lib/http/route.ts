import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '@/lib/core/clock'
import { AppError, toAppError } from '@/lib/core/errors'
import { newId } from '@/lib/core/ids'
import type { LimitReport } from '@/lib/core/limit-report'
import type { Scope } from '@/lib/core/scopes'
import { apiKeyOf } from './api-key-header'
import type { Caller, Endpoint, Endpoints, Method, Parser, Reply } from './endpoint'
import { idempotencyKeyOf } from './idempotency-key'
import { rateLimitHeaders } from './rate-limit-headers'
import { readJsonBody } from './read-body'
import { paramsOf, queryOf, type RoutedRequest } from './request-parameters'
import { errorBody, errorHeaders, preflightHeaders, respond } from './respond'
import { closeAfter, sendReply } from './send-reply'

/** A limit that let the request through. `end` is called once, and says whether the answer was a verdict. */
type TakenLimit = { reports: readonly LimitReport[]; end(isVerdict: boolean): void }

export type RouteDeps<Services, Identity extends Caller = Caller> = {
  now: Clock
  publicUrl: string
  services: Services
  /** @throws AppError `api_key_invalid`, `api_key_expired`, `tenant_suspended`, `database_unavailable` */
  authenticate(key: string, request: IncomingMessage): Promise<Identity>
  /** Both throw `rate_limit_exceeded` or `quota_exceeded`, with the headers of the limit. */
  limitCaller(caller: Identity, kind: 'verification' | 'request'): Promise<TakenLimit>
  limitAddress(request: IncomingMessage, kind: 'anonymous' | 'public'): Promise<TakenLimit>
  logRequest(line: RequestLine): void
}

export type RequestLine = {
  requestId: string
  method: string
  path: string
  status: number
  durationMs: number
  caller: Caller | null
  error: AppError | null
}

/** One request on its way, as far as it has come. */
type Passage<Identity> = { requestId: string; startedAt: number; caller: Identity | null; limit: TakenLimit | null }

/** Answers one request by the table of a route. Never throws: whatever goes wrong becomes the one error envelope. */
export async function handleRequest<Services, Identity extends Caller>(
  deps: RouteDeps<Services, Identity>,
  endpoints: Endpoints<Services, Identity>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const startedAt = deps.now()
  const passage: Passage<Identity> = { requestId: newId('request', startedAt), startedAt, caller: null, limit: null }
  const endpoint = endpointFor(endpoints, request.method)
  let error: AppError | null = null
  let isVerdict = false
  try {
    const reply = endpoint
      ? await pass(deps, endpoint, request as RoutedRequest, passage)
      : answerWithoutEndpoint(endpoints, request)
    isVerdict = reply.isVerdict === true
    sendReply(request, response, reply, headersOf(deps, passage))
  } catch (thrown) {
    error = toAppError(thrown)
    const { errorShape } = endpoint ?? Object.values(endpoints)[0] ?? {}
    const context = { requestId: passage.requestId, publicUrl: deps.publicUrl, errorShape }
    const headers = { ...headersOf(deps, passage), ...errorHeaders(error, startedAt) }
    if (error.code === 'body_too_large' || error.code === 'request_timeout') closeAfter(request, response, headers)
    respond(response, error.status, errorBody(error, context), headers)
  } finally {
    passage.limit?.end(isVerdict)
    logPassage(deps, request, response, passage, error)
  }
}

function endpointFor<Services, Identity>(
  endpoints: Endpoints<Services, Identity>,
  method = '',
): Endpoint<Services, Identity> | undefined {
  const name = method === 'HEAD' ? 'GET' : method
  return Object.hasOwn(endpoints, name) ? endpoints[name as Method] : undefined
}

/** Key, limit, scope, query, body, handler: in this order, save that the body is read while the limit is asked. */
async function pass<Services, Identity extends Caller>(
  deps: RouteDeps<Services, Identity>,
  endpoint: Endpoint<Services, Identity>,
  request: RoutedRequest,
  passage: Passage<Identity>,
): Promise<Reply> {
  passage.caller = await identify(deps, endpoint, request)
  const body = endpoint.body ? readJsonBody(request) : null
  // Awaited below; a body that fails while the limit refuses must not end the process.
  body?.catch(() => undefined)
  passage.limit = await takeLimit(deps, endpoint, request, passage.caller)
  if (endpoint.auth === 'key') requireScope(endpoint.scope, passage.caller as Identity)
  const query = parse(endpoint.query, endpoint.query && queryOf(request))
  const json = await body
  const context = {
    requestId: passage.requestId,
    startedAt: passage.startedAt,
    query,
    body: parse(endpoint.body, json?.value),
    bodyText: json?.text ?? '',
    params: paramsOf(request),
    idempotencyKey: endpoint.takesIdempotencyKey ? idempotencyKeyOf(request) : null,
    isGone: () => request.socket?.destroyed === true,
  }
  if (endpoint.auth === 'key') return endpoint.handle(deps.services, { ...context, caller: passage.caller as Identity })
  return endpoint.handle(deps.services, { ...context, caller: passage.caller })
}

async function identify<Services, Identity extends Caller>(
  deps: RouteDeps<Services, Identity>,
  endpoint: Endpoint<Services, Identity>,
  request: IncomingMessage,
): Promise<Identity | null> {
  if (endpoint.auth === 'none') return null
  try {
    const key = apiKeyOf(request)
    if (key === null && endpoint.auth === 'open') return null
    if (key === null) throw new AppError('api_key_missing')
    return await deps.authenticate(key, request)
  } catch (error) {
    const { status, code } = toAppError(error)
    await limitRefused(deps, request, status)
    // The open routes must not go down with the database: without it they answer as to somebody without a key.
    if (endpoint.auth === 'open' && code === 'database_unavailable') return null
    throw error
  }
}

/** Without a key that is good, the limit of the address counts: so nobody tries keys at leisure. */
async function limitRefused<Services, Identity extends Caller>(
  deps: RouteDeps<Services, Identity>,
  request: IncomingMessage,
  status: number,
): Promise<void> {
  if (status === 401) await deps.limitAddress(request, 'anonymous')
  if (status === 403) await deps.limitAddress(request, 'public')
}

function requireScope(scope: Scope | null, { scopes }: Caller): void {
  if (scope === null || scopes.has(scope)) return
  throw new AppError('insufficient_scope', { message: `The API key lacks the scope "${scope}".` })
}

function takeLimit<Services, Identity extends Caller>(
  deps: RouteDeps<Services, Identity>,
  { limit }: Endpoint<Services, Identity>,
  request: IncomingMessage,
  caller: Identity | null,
): Promise<TakenLimit> {
  if (limit === 'public') return deps.limitAddress(request, 'public')
  return caller ? deps.limitCaller(caller, limit) : deps.limitAddress(request, 'anonymous')
}

function parse(parser: Parser<never> | undefined, input: unknown): never {
  if (!parser) return undefined as never
  const parsed = parser(input)
  if ('value' in parsed) return parsed.value
  throw new AppError(parsed.code, { problems: parsed.problems })
}

function answerWithoutEndpoint<Services, Identity extends Caller>(
  endpoints: Endpoints<Services, Identity>,
  request: IncomingMessage,
): Reply {
  const methods = [...Object.keys(endpoints), 'OPTIONS']
  if (request.method === 'OPTIONS') return { status: 204, headers: preflightHeaders(methods) }
  throw new AppError('method_not_allowed', {
    message: `The route does not answer ${request.method}; it answers ${methods.join(', ')}.`,
    headers: { Allow: methods.join(', ') },
  })
}

function headersOf<Services, Identity extends Caller>(
  deps: RouteDeps<Services, Identity>,
  { requestId, limit }: Passage<Identity>,
): Record<string, string> {
  return { 'X-Request-Id': requestId, ...(limit && rateLimitHeaders(limit.reports, deps.now())) }
}

function logPassage<Services, Identity extends Caller>(
  deps: RouteDeps<Services, Identity>,
  request: IncomingMessage,
  { statusCode }: ServerResponse,
  { requestId, startedAt, caller }: Passage<Identity>,
  error: AppError | null,
): void {
  deps.logRequest({
    requestId,
    method: request.method ?? '',
    path: (request.url ?? '').split('?', 1)[0] ?? '',
    status: statusCode,
    durationMs: deps.now() - startedAt,
    caller,
    error,
  })
}

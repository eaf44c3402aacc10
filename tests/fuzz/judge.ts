import { ERRORS, type ErrorCode } from '@/lib/core/error-catalogue'
import { MAGIC_PAYERS } from '@/lib/payments/magic-payments'
import { REASONS } from '@/lib/payments/verdict'
import { type Exchange, type RawAnswer, readAnswers } from './raw-http'
import type { FuzzRequest } from './request'
import { BASE, cleaned, isApi } from './routes'

export type Judged = { answers: RawAnswer[]; complaints: string[] }

type JsonBody = Record<string, unknown>

/** Whose payments end in an outage of the chain by design. */
const UNAVAILABLE = Object.keys(MAGIC_PAYERS).find((payer) => MAGIC_PAYERS[payer]?.verify === 'rpc_unavailable') ?? ''
/** Refused before there is a route, so without the shape that a route adds. */
const BEFORE_ROUTE: readonly string[] = ['malformed_request', 'headers_too_large', 'request_timeout']
const WITH_FIELDS: readonly string[] = ['parameter_missing', 'parameter_invalid']

const STACK = /\n\s+at |\bat \S+ \(|node:internal|\.tsx?:\d+/
const INSIDE =
  /node_modules|\.next\/|\/lib\/\w|PrismaClient|SELECT .* FROM|INSERT INTO|syntax error at|invalid byte seq/

/** Everything that is wrong with how a request was answered; of a sound service this is nothing. */
export function judge(request: FuzzRequest, { received, isClosed }: Exchange): Judged {
  const { answers, problem } = readAnswers(received, request.method)
  const complaints = answers.flatMap((answer) => judgeAnswer(request, answer))
  if (problem) complaints.push(`not well-formed HTTP: ${problem}`)
  if (!isClosed) complaints.push('not answered in time')
  if (answers.length === 0 && !problem && !request.mayBeSilent) complaints.push('closed without an answer')
  return { answers, complaints }
}

function judgeAnswer(request: FuzzRequest, answer: RawAnswer): string[] {
  const text = answer.body.toString('utf8')
  const isJson = answer.headers.get('content-type')?.startsWith('application/json') ?? false
  const body = isJson && text !== '' ? parse(text) : null
  const complaints = [...leaks(text, isJson), ...failure(request, answer.status, body)]
  if (body === undefined) complaints.push('not JSON')
  if (isApi(request.target)) complaints.push(...apiAnswer(request, answer, body))
  return complaints.map((complaint) => `${answer.status}: ${complaint}`)
}

function apiAnswer(request: FuzzRequest, answer: RawAnswer, body: JsonBody | null | undefined): string[] {
  const { status } = answer
  if (status >= 300 && status < 400 && status !== 304) return ['a redirect']
  if (status >= 400 && request.method !== 'HEAD') return envelope(request, answer, body)
  return status === 200 && cleaned(request.target) === `${BASE}/verify` ? verdict(body) : []
}

function leaks(text: string, isJson: boolean): string[] {
  const found = STACK.exec(text) ?? (isJson ? INSIDE.exec(text) : null)
  if (found) return [`shows the inside: ${JSON.stringify(found[0])}`]
  return text.includes(process.cwd()) ? ['shows a path of the machine'] : []
}

/** A 5xx is our failure, save the two that are asked for. */
function failure({ bytes, target }: FuzzRequest, status: number, body: JsonBody | null | undefined): string[] {
  if (status < 500) return []
  const code = (body?.['error'] as JsonBody | undefined)?.['code']
  if (status === 503 && code === 'settlement_unavailable' && cleaned(target) === `${BASE}/settle`) return []
  const isMagic = bytes.includes(UNAVAILABLE) && [`${BASE}/verify`, `${BASE}/settle`].includes(cleaned(target))
  return status === 503 && code === 'rpc_unavailable' && isMagic ? [] : [`a failure of ours: ${String(code)}`]
}

function envelope({ target, method }: FuzzRequest, answer: RawAnswer, body: JsonBody | null | undefined): string[] {
  const error = body?.['error'] as JsonBody | undefined
  const code = String(error?.['code']) as ErrorCode
  if (!error || !Object.hasOwn(ERRORS, code)) return ['no error envelope']
  const wanted = ERRORS[code]
  const complaints: string[] = []
  const need = (holds: boolean, what: string) => void (holds || complaints.push(`${code}: ${what}`))
  need(wanted.status === answer.status, 'another status than the catalogue says')
  need(wanted.type === error['type'] && wanted.retryable === error['retryable'], 'type or retryable')
  need(isText(error['message']), 'no message')
  need(/^req_[0-9a-z]{26}$/.test(String(error['requestId'])), 'no requestId')
  need(String(error['docUrl']).endsWith(`/docs/errors/${code}`), 'no docUrl')
  need(!WITH_FIELDS.includes(code) || hasFields(error), 'no field with its fix')
  need(method !== 'GET' || error['param'] !== 'body', 'names the body of a request that has none')
  const header = answer.headers.get('x-request-id')
  need(header === undefined || header === error['requestId'], 'X-Request-Id is not the one in the body')
  need(BEFORE_ROUTE.includes(code) || hasShape(cleaned(target), body as JsonBody, code), 'no protocol shape')
  return complaints
}

function hasFields({ errors, param }: JsonBody): boolean {
  if (!Array.isArray(errors) || errors.length === 0 || errors[0].param !== param) return false
  return errors.every((error) => isText(error.param) && isText(error.message) && isText(error.fix))
}

/** Official clients read the reason of a refusal from the body, whatever the status. */
function hasShape(path: string, body: JsonBody, code: string): boolean {
  if (path === `${BASE}/verify`) return body['isValid'] === false && body['invalidReason'] === code
  if (path !== `${BASE}/settle`) return true
  return body['success'] === false && body['errorReason'] === code && body['transaction'] === ''
}

function verdict(body: JsonBody | null | undefined): string[] {
  if (body?.['isValid'] === true) return isText(body['payer']) ? [] : ['valid without a payer']
  if (body?.['isValid'] !== false) return ['no verdict']
  const isKnown = (REASONS as readonly unknown[]).includes(body['invalidReason'])
  if (!isKnown) return [`the reason ${String(body['invalidReason'])} is not on the list`]
  return isText(body['invalidMessage']) ? [] : ['a refusal without a message']
}

/** The id of a request that got a verdict, for the log must have it. */
export function verdictId({ status, headers, body }: RawAnswer): string | null {
  const isVerdict = status === 200 && /^\{"isValid":(true|false)[,}]/.test(body.subarray(0, 20).toString('latin1'))
  return isVerdict ? (headers.get('x-request-id') ?? '') : null
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

/** Undefined: not JSON. */
function parse(text: string): JsonBody | null | undefined {
  try {
    return JSON.parse(text) as JsonBody | null
  } catch {
    return undefined
  }
}

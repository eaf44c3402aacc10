import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { AppError } from '@/lib/core/errors'
import { singleHeader } from './single-header'

export const MAX_BODY_BYTES = 64 * 1024
const MAX_DEPTH = 16

/** A body as it came, and as what it says. */
export type JsonBody = { text: string; value: unknown }

/**
 * Reads a JSON body: at most 64 KiB, UTF-8, at most 16 levels deep, without keys that reach for a prototype.
 *
 * @throws AppError `body_too_large`, `unsupported_media_type`, `invalid_json`, `parameter_invalid`
 */
export async function readJsonBody(request: IncomingMessage): Promise<JsonBody> {
  requireJson(request)
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw new AppError('body_too_large')
  const bytes = await readBytes(request)
  if (bytes.length === 0) throw new AppError('invalid_json', { message: 'The body is empty. Send one JSON object.' })
  if (!isUtf8(bytes)) throw new AppError('invalid_json', { message: 'The body is not valid UTF-8.' })
  const text = bytes.toString('utf8')
  const value = parseJson(text)
  requireTame(value, 'body', 1)
  return { text, value }
}

function requireJson(request: IncomingMessage): void {
  const type = singleHeader(request, 'Content-Type')?.split(';', 1)[0]?.trim().toLowerCase() ?? 'application/json'
  const isJson = type === 'application/json' || (type.startsWith('application/') && type.endsWith('+json'))
  if (!isJson || request.headers['content-encoding']) throw new AppError('unsupported_media_type')
}

function readBytes(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= MAX_BODY_BYTES) chunks.push(chunk)
      else reject(new AppError('body_too_large'))
    })
    request.on('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)))
    request.on('error', () => reject(new AppError('request_timeout')))
    request.on('close', () => {
      if (!request.complete) reject(new AppError('request_timeout'))
    })
  })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new AppError('invalid_json', {
      message: `The body is not valid JSON: ${(error as Error).message}`,
      cause: error,
    })
  }
}

function requireTame(value: unknown, param: string, depth: number): void {
  if (typeof value !== 'object' || value === null) return
  if (depth > MAX_DEPTH) throw refused(param, 'is nested too deep', `Keep the body within ${MAX_DEPTH} levels.`)
  for (const key in value) {
    if (key === '__proto__' || key === 'constructor' || key === 'prototype') {
      throw refused(param, `holds the reserved key "${key}"`, 'Leave that key out.')
    }
    const inner = (value as Record<string, unknown>)[key]
    if (typeof inner === 'object' && inner !== null) requireTame(inner, `${param}.${key.slice(0, 40)}`, depth + 1)
  }
}

function refused(path: string, message: string, fix: string): AppError {
  const param = path.replace(/^body\.?/, '').slice(0, 200) || 'body'
  return new AppError('parameter_invalid', { problems: [{ param, message, fix }] })
}

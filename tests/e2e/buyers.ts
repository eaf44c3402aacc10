import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Hex } from 'viem'
import { PYTHON, scriptEnvironment } from './sellers'

const MOST_OUTPUT = 16 * 1024 * 1024

export type Receipt = {
  success: boolean
  transaction: string
  network: string
  payer?: string
  errorReason?: string
}

/** What a buyer sees in the end. */
export type Outcome = {
  status: number
  body: unknown
  receipt: Receipt | null
  /** Why the seller asks for money, where it does. */
  error: string | null
  /** The payment that was sent, as it stood in its header. */
  payment: string | null
}

/** Buys with a client of the official packages: 402, a signature, and the same request with the payment. */
export async function buy(script: string, url: string, payerKey: Hex): Promise<Outcome> {
  return JSON.parse(await run(script, [url], payerKey)) as Outcome
}

/** Payments for one route, signed by the official client, as they stand in their headers. */
export async function signPayments(url: string, payerKeys: readonly Hex[], count: number): Promise<string[]> {
  return JSON.parse(await run('sign-payments.mjs', [url, String(count)], payerKeys.join(','))) as string[]
}

/** Presents a payment that is there already, as a buyer does who was not served yet. */
export async function present(url: string, payment: string, x402Version: 1 | 2): Promise<Outcome> {
  const isV1 = x402Version === 1
  const response = await fetch(url, { headers: { [isV1 ? 'X-PAYMENT' : 'PAYMENT-SIGNATURE']: payment } })
  const body = (await response.json()) as { error?: string }
  const receipt = decode<Receipt>(response.headers.get(isV1 ? 'x-payment-response' : 'payment-response'))
  const required = decode<{ error?: string }>(response.headers.get('payment-required'))
  return { status: response.status, body, receipt, error: (isV1 ? body : required)?.error ?? null, payment }
}

/** What is in a header of x402. */
export function decode<T>(header: string | null): T | null {
  return header === null ? null : (JSON.parse(Buffer.from(header, 'base64').toString('utf8')) as T)
}

async function run(script: string, args: readonly string[], payerKey: string): Promise<string> {
  const program = script.endsWith('.py') ? PYTHON : process.execPath
  const env = scriptEnvironment({ PAYER_KEY: payerKey })
  const options = { env, maxBuffer: MOST_OUTPUT, timeout: 120_000 }
  return (await promisify(execFile)(program, [`tests/official/${script}`, ...args], options)).stdout
}

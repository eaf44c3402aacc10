import { request } from 'node:http'
import { describe, expect, inject, it } from 'vitest'
import { call } from '@/tests/support/api'
import { buildPayment } from '@/tests/support/build-payment'
import { createTenantWithKey } from '@/tests/support/tenants'

const service = inject('service')
const { key } = await createTenantWithKey(service.databaseUrl)

/** A request with headers that fetch does not let through. */
function send(path: string, method: string, headers: Record<string, string>, body = ''): Promise<[number, string]> {
  const { hostname, port } = new URL(service.url)
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method, headers, agent: false }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve([response.statusCode ?? 0, text]))
    })
    sent.on('error', reject)
    sent.on('connect', (response) => resolve([response.statusCode ?? 0, '']))
    sent.end(body)
  })
}

describe('a connection', () => {
  it('that offers HTTP/2, as Java’s client does by itself, is answered in HTTP/1.1', async () => {
    // Next begins to listen for upgrades when it is asked for the first time.
    expect((await call(`${service.base}/pricing`)).status).toBe(200)
    const offer = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABkAAQAAP__' }
    for (const path of ['/livez', '/api/v1/x402/pricing']) expect((await send(path, 'GET', offer))[0]).toBe(200)
    const headers = { ...offer, authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    const [status, text] = await send('/api/v1/x402/verify', 'POST', headers, JSON.stringify(await buildPayment()))
    expect([status, JSON.parse(text).isValid]).toEqual([200, true])
  })

  it('that asks for a tunnel, or for another host, gets neither', async () => {
    const { host } = new URL(service.url)
    expect((await send('127.0.0.1:22', 'CONNECT', {}))[0]).toBe(400)
    for (const target of [`http://${host}/livez`, `http://${host}/api/v1/x402/pricing`, '*']) {
      const [status, text] = await send(target, target === '*' ? 'OPTIONS' : 'GET', {})
      expect([status, JSON.parse(text).error.code]).toEqual([400, 'malformed_request'])
    }
  })
})

import type { IncomingMessage } from 'node:http'

/**
 * The address that the limits without a key count. `X-Forwarded-For` is believed only as far as our own proxies wrote
 * it: with one proxy its last entry, with two the last but one. Whatever stands before that the caller wrote.
 */
export function clientAddress(request: IncomingMessage, trustedProxies: number): string {
  const peer = normalise(request.socket.remoteAddress ?? 'unknown')
  if (trustedProxies === 0) return peer
  const header = request.headers['x-forwarded-for']
  const entries = (Array.isArray(header) ? header.join(',') : (header ?? '')).split(',').map((entry) => entry.trim())
  return normalise(entries.at(-trustedProxies) || peer)
}

/** One spelling an address: IPv4 in IPv6 as IPv4, an IPv6 network by its /64, which one customer usually holds whole. */
function normalise(address: string): string {
  const text = address.replace(/^::ffff:(?=\d+\.)/i, '').toLowerCase()
  if (!text.includes(':')) return text.slice(0, 64)
  const [head = '', tail] = text.split('::')
  const before = head.split(':').filter(Boolean)
  const after = tail === undefined ? [] : tail.split(':').filter(Boolean)
  const zeros = tail === undefined ? [] : new Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0')
  return `${[...before, ...zeros, ...after].slice(0, 4).join(':')}::/64`
}

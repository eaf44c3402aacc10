import type { IncomingMessage } from 'node:http'
import { isIPv6 } from 'node:net'

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
function normalise(entry: string): string {
  const address = withoutPortAndZone(entry).replace(/^::ffff:(?=\d+\.)/i, '')
  if (!isIPv6(address)) return address.slice(0, 64)
  const [before = [], after] = address.split('::').map((half) => half.split(':').filter(Boolean))
  const zeros = new Array<string>(after ? 8 - before.length - after.length : 0).fill('0')
  const groups = [...before, ...zeros, ...(after ?? [])].slice(0, 4)
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}

/** Some proxies write the port behind the address; a zone is of the machine that wrote it. */
function withoutPortAndZone(entry: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(entry)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(entry)?.[1]
  return (bracketed ?? entry).replace(/%.*$/, '')
}

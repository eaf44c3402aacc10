import { describe, expect, it } from 'vitest'
import { clientAddress } from '@/lib/http/client-address'
import { fakeRequest } from '@/tests/support/fake-request'

function addressOf(remoteAddress: string, forwarded?: string | string[], trustedProxies = 0): string {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }
  return clientAddress(fakeRequest({ remoteAddress, headers }), trustedProxies)
}

describe('X-Forwarded-For', () => {
  it('without a proxy of ours is not believed at all', () => {
    expect(addressOf('192.0.2.1', '198.51.100.7')).toBe('192.0.2.1')
  })

  it.each([
    [1, '198.51.100.7', '198.51.100.7'],
    [1, 'spoofed, 198.51.100.7', '198.51.100.7'],
    [1, '10.0.0.1, 127.0.0.1, 198.51.100.7', '198.51.100.7'],
    [2, '198.51.100.7, 203.0.113.9', '198.51.100.7'],
    [2, 'spoofed, 198.51.100.7, 203.0.113.9', '198.51.100.7'],
    [1, ' 198.51.100.7 ', '198.51.100.7'],
  ])('with %i of our proxies %j tells %s', (trusted, header, address) => {
    expect(addressOf('192.0.2.1', header, trusted)).toBe(address)
  })

  it('with fewer entries than proxies of ours the peer counts', () => {
    expect(addressOf('192.0.2.1', undefined, 1)).toBe('192.0.2.1')
    expect(addressOf('192.0.2.1', '', 1)).toBe('192.0.2.1')
    expect(addressOf('192.0.2.1', '198.51.100.7', 2)).toBe('192.0.2.1')
  })

  it('sent twice is read as one list', () => {
    expect(addressOf('192.0.2.1', ['spoofed', '198.51.100.7'], 1)).toBe('198.51.100.7')
  })

  it('one caller has one address, whatever it writes before what our proxy writes', () => {
    const addresses = ['', 'a', '1.2.3.4', '::1, ::2', 'x'.repeat(5_000)].map((own) =>
      addressOf('192.0.2.1', `${own}, 198.51.100.7`, 1),
    )
    expect(new Set(addresses)).toEqual(new Set(['198.51.100.7']))
  })

  it('a port that a proxy writes behind the address makes no other caller', () => {
    for (const port of [1_024, 50_001]) {
      expect(addressOf('192.0.2.1', `198.51.100.7:${port}`, 1)).toBe('198.51.100.7')
      expect(addressOf('192.0.2.1', `[2001:db8::1]:${port}`, 1)).toBe('2001:db8:0:0::/64')
    }
  })

  it('an entry of any length is bounded', () => {
    expect(addressOf('192.0.2.1', 'x'.repeat(10_000), 1).length).toBeLessThanOrEqual(64)
    expect(addressOf('192.0.2.1', `${'x:'.repeat(5_000)}`, 1).length).toBeLessThanOrEqual(64)
    expect(addressOf('192.0.2.1', `${'x'.repeat(10_000)}:1`, 1).length).toBeLessThanOrEqual(64)
  })
})

describe('one spelling for one caller', () => {
  it.each(['::ffff:192.0.2.1', '::FFFF:192.0.2.1', '192.0.2.1'])('%s is IPv4', (peer) => {
    expect(addressOf(peer)).toBe('192.0.2.1')
  })

  it.each([
    '2001:db8::1',
    '2001:DB8::ffff',
    '2001:db8:0:0:1:2:3:4',
    '2001:db8:0:0::',
    '2001:0db8::1',
    '2001:db8:0000:0::5',
  ])('%s is the network that its customer holds whole', (peer) => {
    expect(addressOf(peer)).toBe('2001:db8:0:0::/64')
  })

  it('two networks are two callers', () => {
    expect(addressOf('2001:db8:0:1::1')).not.toBe(addressOf('2001:db8:0:2::1'))
    expect(addressOf('2001:db8:1::1')).toBe('2001:db8:1:0::/64')
  })

  it('a zone makes no other caller', () => {
    expect(addressOf('fe80::1%eth0')).toBe(addressOf('fe80::1%eth1'))
  })

  it('a peer that is gone has an address all the same', () => {
    const request = fakeRequest()
    Object.assign(request, { socket: {} })
    expect(clientAddress(request, 0)).toBe('unknown')
  })
})

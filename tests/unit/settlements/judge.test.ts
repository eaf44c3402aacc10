import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findTransfer } from '@/lib/settlements/judge'
import {
  addressOf,
  aSettlement,
  authorizationUsed,
  nonceOf,
  paying,
  placed,
  transfer,
} from '@/tests/support/payment-rows'

const OTHER_TOKEN = addressOf(0x77)
const payment = aSettlement()

describe('what counts as paid', () => {
  it('is the authorization’s own log, and as the very next one its exact transfer', () => {
    expect(findTransfer(placed(...paying(payment)), payment)).toBe(1)
  })

  it('is found wherever the pair stands in its transaction, by the position of the transfer there', () => {
    const others = Array.from({ length: 7 }, () => paying(aSettlement())).flat()
    expect(findTransfer(placed(...others, ...paying(payment), ...others), payment)).toBe(15)
  })

  it('is named by the position that the log bears, for its index in a list may be another', () => {
    const [used, moved] = placed(...paying(payment))
    if (!used || !moved) throw new Error('two logs were expected')
    expect(
      findTransfer(
        [
          { ...used, position: 40 },
          { ...moved, position: 41 },
        ],
        payment,
      ),
    ).toBe(41)
  })

  it.each([
    ['nothing at all', []],
    ['only the authorization', [authorizationUsed(payment)]],
    ['only the transfer', [transfer(payment)]],
    ['both in the wrong order', [transfer(payment), authorizationUsed(payment)]],
    ['another log in between', [authorizationUsed(payment), transfer(aSettlement()), transfer(payment)]],
    ['less than the amount', [authorizationUsed(payment), transfer({ ...payment, amount: payment.amount - 1n })]],
    ['more than the amount', [authorizationUsed(payment), transfer({ ...payment, amount: payment.amount + 1n })]],
    ['a transfer to somebody else', [authorizationUsed(payment), transfer({ ...payment, payTo: addressOf(1) })]],
    ['a transfer from somebody else', [authorizationUsed(payment), transfer({ ...payment, payer: addressOf(1) })]],
    ['the authorization of another nonce', paying({ ...payment, nonce: nonceOf(987_654) })],
    ['the authorization of another payer', paying({ ...payment, payer: addressOf(1) })],
    ['another token', paying({ ...payment, asset: OTHER_TOKEN })],
    ['another token’s transfer', [authorizationUsed(payment), transfer({ ...payment, asset: OTHER_TOKEN })]],
    ['another token’s authorization', [authorizationUsed({ ...payment, asset: OTHER_TOKEN }), transfer(payment)]],
  ])('is not: %s', (_, logs) => {
    expect(findTransfer(placed(...logs), payment)).toBeNull()
  })

  it('is not a log of the same topics with more in it than the event has', () => {
    const [used, moved] = placed(...paying(payment))
    if (!used || !moved) throw new Error('two logs were expected')
    expect(findTransfer([used, { ...moved, topics: [...moved.topics, nonceOf(1)] }], payment)).toBeNull()
    expect(findTransfer([used, { ...moved, data: `${moved.data}00` }], payment)).toBeNull()
  })

  it('twins: two payments of one payer and one amount, of which one was carried out, are not both paid by it', () => {
    const twin = aSettlement({ payer: payment.payer, payTo: payment.payTo, amount: payment.amount })
    const logs = placed(...paying(payment))
    expect([payment, twin].map((one) => findTransfer(logs, one))).toEqual([1, null])
  })

  it('decoy: the nonce re-signed as a transfer of nothing, beside a true payment, pays nothing', () => {
    const other = aSettlement({ payer: payment.payer, payTo: payment.payTo, amount: payment.amount })
    const decoy = [authorizationUsed(payment), transfer({ ...payment, payTo: payment.payer, amount: 0n })]
    for (const logs of [
      placed(...decoy, ...paying(other)),
      placed(...paying(other), ...decoy),
      placed(authorizationUsed(payment), ...paying(other)),
    ]) {
      expect(findTransfer(logs, payment)).toBeNull()
      expect(findTransfer(logs, other)).not.toBeNull()
    }
  })
})

describe('whatever a transaction holds', () => {
  // Few payers, sellers, amounts and nonces, so that much is alike.
  const few = fc.integer({ min: 1, max: 2 })
  const anyPayment = fc
    .record({ payer: few, payTo: few, amount: few, nonce: fc.integer({ min: 1, max: 6 }), token: few })
    .map(({ payer, payTo, amount, nonce, token }) => ({
      asset: addressOf(token),
      payer: addressOf(payer),
      payTo: addressOf(payTo),
      amount: BigInt(amount),
      nonce: nonceOf(nonce),
    }))
  const anyLog = anyPayment.chain((one) => fc.constantFrom(authorizationUsed(one), transfer(one)))
  const anyLogs = fc.array(anyLog, { maxLength: 12 }).map((logs) => placed(...logs))

  it('no transfer pays for two authorizations', () => {
    fc.assert(
      fc.property(anyLogs, fc.array(anyPayment, { maxLength: 12 }), (logs, payments) => {
        const byKey = new Map(payments.map((one) => [`${one.asset}/${one.payer}/${one.nonce}`, one]))
        const found = [...byKey.values()].map((one) => findTransfer(logs, one)).filter((place) => place !== null)
        expect(new Set(found).size).toBe(found.length)
      }),
    )
  })

  it('what is found is the exact transfer, and right before it stands the authorization', () => {
    fc.assert(
      fc.property(anyLogs, anyPayment, (logs, one) => {
        const place = findTransfer(logs, one)
        if (place === null) return
        expect(logs[place]).toMatchObject(transfer(one))
        expect(logs[place - 1]).toMatchObject(authorizationUsed(one))
      }),
    )
  })

  it('a payment that was carried out is found among any others', () => {
    fc.assert(
      fc.property(fc.nat({ max: 5 }), fc.nat({ max: 5 }), (before, after) => {
        const others = (count: number) => Array.from({ length: count }, () => paying(aSettlement())).flat()
        const logs = placed(...others(before), ...paying(payment), ...others(after))
        expect(findTransfer(logs, payment)).toBe(2 * before + 1)
      }),
    )
  })
})

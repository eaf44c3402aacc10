import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Hex } from '@/lib/core/hex'
import {
  GAS_POSITION,
  gasEntries,
  type LedgerEntry,
  NATIVE_ASSET,
  shareEqually,
  transferEntries,
} from '@/lib/settlements/ledger'
import { addressOf, aSettlement, nonceOf, USDC } from '@/tests/support/payment-rows'

const block = { transactionHash: nonceOf(1), blockNumber: 7n, blockHash: nonceOf(2) }
const sumOf = (entries: readonly LedgerEntry[]) => entries.reduce((sum, { amount }) => sum + amount, 0n)
const wei = fc.bigInt({ min: 0n, max: 10n ** 24n })

describe('the entries of a transfer', () => {
  it('take from the payer what they give to the seller, tied to the transfer and its block', () => {
    const paid = aSettlement({ amount: 1_234n })
    const [out, into] = transferEntries(paid, { ...block, position: 3 })
    const common = { ...block, position: 3, asset: USDC, settlementId: paid.id }
    expect(out).toEqual({ ...common, account: `payer:${paid.payer}`, amount: -1_234n })
    expect(into).toEqual({ ...common, account: `seller:${paid.tenantId}:${paid.payTo}`, amount: 1_234n })
  })

  it('keep two sellers of one address apart: an account names its tenant', () => {
    const [mine, theirs] = [aSettlement({ tenantId: 'ten_a' as never }), aSettlement({ tenantId: 'ten_b' as never })]
    const accounts = [mine, theirs].map((paid) => transferEntries(paid, { ...block, position: 1 })[1]?.account)
    expect(new Set(accounts).size).toBe(2)
  })

  it('add up to zero, whatever is paid', () => {
    fc.assert(
      fc.property(wei, (amount) => {
        expect(sumOf(transferEntries(aSettlement({ amount }), { ...block, position: 0 }))).toBe(0n)
      }),
    )
  })
})

describe('the entries of a transaction’s gas', () => {
  const wallet: Hex = addressOf(0xcafe)
  const gas = (feeWei: bigint, shares: { tenantId: string; wei: bigint }[]) =>
    gasEntries({ ...block, wallet, feeWei, shares })

  it('take the fee from the wallet and give each tenant the sum of its payments’ shares', () => {
    const shares = [
      { tenantId: 'ten_a', wei: 4n },
      { tenantId: 'ten_b', wei: 3n },
      { tenantId: 'ten_a', wei: 3n },
    ]
    expect(gas(10n, shares).map(({ account, amount }) => [account, amount])).toEqual([
      [`wallet:${wallet}`, -10n],
      ['gas:ten_a', 7n],
      ['gas:ten_b', 3n],
    ])
  })

  it('belong to no log and no settlement, and to no token', () => {
    for (const entry of gas(10n, [{ tenantId: 'ten_a', wei: 10n }])) {
      expect(entry).toMatchObject({ ...block, position: GAS_POSITION, asset: NATIVE_ASSET, settlementId: null })
    }
  })

  it('of an empty transfer, which is for no payment, are our own', () => {
    expect(gas(21n, []).map(({ account, amount }) => [account, amount])).toEqual([
      [`wallet:${wallet}`, -21n],
      ['gas:platform', 21n],
    ])
  })

  it('add up to zero, whoever shares them, and no account stands twice', () => {
    const members = fc.array(fc.constantFrom('ten_a', 'ten_b', 'ten_c'), { maxLength: 100 })
    fc.assert(
      fc.property(wei, members, (feeWei, tenants) => {
        const parts = shareEqually(feeWei, tenants.length)
        const shares = tenants.map((tenantId, index) => ({ tenantId, wei: parts[index] ?? 0n }))
        const entries = gas(feeWei, shares)
        expect(sumOf(entries)).toBe(0n)
        expect(new Set(entries.map(({ account }) => account)).size).toBe(entries.length)
      }),
    )
  })
})

describe('equal shares', () => {
  it('give what cannot be divided to the first', () => {
    expect(shareEqually(10n, 3)).toEqual([4n, 3n, 3n])
    expect(shareEqually(2n, 3)).toEqual([2n, 0n, 0n])
    expect(shareEqually(5n, 1)).toEqual([5n])
  })

  it('among nobody are none', () => {
    expect(shareEqually(10n, 0)).toEqual([])
  })

  it('add up to the whole, and differ by less than their number', () => {
    fc.assert(
      fc.property(wei, fc.integer({ min: 1, max: 100 }), (whole, count) => {
        const parts = shareEqually(whole, count)
        expect(parts).toHaveLength(count)
        expect(parts.reduce((sum, part) => sum + part, 0n)).toBe(whole)
        const [first = 0n, ...rest] = parts
        for (const part of rest) expect(first - part).toBeLessThan(BigInt(count))
        expect(parts.every((part) => part >= 0n)).toBe(true)
      }),
    )
  })
})

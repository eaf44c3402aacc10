import type { Fees } from './settlement-chain'
import type { Attempt } from './settler-store'

export type FeeOffer = { maxFeeWei: bigint; tipWei: bigint }

/** Room for the base fee to double: it can grow by an eighth a block (EIP-1559). */
export function firstOffer({ baseFeeWei, tipWei }: Fees, capWei: bigint): FeeOffer {
  return capped({ maxFeeWei: 2n * baseFeeWei + tipWei, tipWei }, capWei)
}

/**
 * A higher offer for the same nonce: a quarter more than the last, or what the market asks now when that is higher; the
 * cap at most. Null: below the cap there is none that nodes would take, for they want both fees to grow by a tenth.
 */
export function higherOffer(last: Pick<Attempt, 'maxFeeWei' | 'tipWei'>, fees: Fees, capWei: bigint): FeeOffer | null {
  const market = firstOffer(fees, capWei)
  if (tenthMore(last.maxFeeWei) > capWei) return null
  const least = { maxFeeWei: quarterMore(last.maxFeeWei), tipWei: quarterMore(last.tipWei) }
  const tipWei = least.tipWei > market.tipWei ? least.tipWei : market.tipWei
  const maxFeeWei = least.maxFeeWei > market.maxFeeWei ? least.maxFeeWei : market.maxFeeWei
  return capped({ maxFeeWei: maxFeeWei > tipWei ? maxFeeWei : tipWei, tipWei }, capWei)
}

function tenthMore(wei: bigint): bigint {
  return (wei * 11n) / 10n + 1n
}

function quarterMore(wei: bigint): bigint {
  return (wei * 5n) / 4n + 1n
}

function capped({ maxFeeWei, tipWei }: FeeOffer, capWei: bigint): FeeOffer {
  const max = maxFeeWei < capWei ? maxFeeWei : capWei
  return { maxFeeWei: max, tipWei: tipWei < max ? tipWei : max }
}

import type { Fees } from './settlement-chain'
import type { Attempt } from './settler-store'

export type FeeOffer = { maxFeeWei: bigint; tipWei: bigint }

/** Room for the base fee to double: it can grow by an eighth a block (EIP-1559). */
export function firstOffer({ baseFeeWei, tipWei }: Fees, capWei: bigint): FeeOffer {
  return capped({ maxFeeWei: 2n * baseFeeWei + tipWei, tipWei }, capWei)
}

/**
 * A higher offer for the same nonce: a quarter more than the last, for nodes take a replacement only when both fees
 * grow by a tenth or more, or what the market asks now when that is higher. Null: the cap is reached.
 */
export function higherOffer(last: Pick<Attempt, 'maxFeeWei' | 'tipWei'>, fees: Fees, capWei: bigint): FeeOffer | null {
  const market = firstOffer(fees, capWei)
  const least = { maxFeeWei: quarterMore(last.maxFeeWei), tipWei: quarterMore(last.tipWei) }
  if (least.maxFeeWei > capWei) return null
  const tipWei = least.tipWei > market.tipWei ? least.tipWei : market.tipWei
  const maxFeeWei = least.maxFeeWei > market.maxFeeWei ? least.maxFeeWei : market.maxFeeWei
  return capped({ maxFeeWei: maxFeeWei > tipWei ? maxFeeWei : tipWei, tipWei }, capWei)
}

function quarterMore(wei: bigint): bigint {
  return (wei * 5n) / 4n + 1n
}

function capped({ maxFeeWei, tipWei }: FeeOffer, capWei: bigint): FeeOffer {
  const max = maxFeeWei < capWei ? maxFeeWei : capWei
  return { maxFeeWei: max, tipWei: tipWei < max ? tipWei : max }
}

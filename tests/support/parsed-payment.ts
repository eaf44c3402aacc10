import { networkById } from '@/lib/networks/find-network'
import type { Asset, Network } from '@/lib/networks/networks'
import type { ExactEip3009Payment } from '@/lib/payments/exact-eip3009/payment'

/** A network of our own table, by its CAIP-2 id. */
export function network(id: Network['id']): Network {
  const found = networkById(id)
  if (!found) throw new Error(`the table has no ${id}`)
  return found
}

/** The USDC of a network. */
export function usdc({ assets }: Network): Asset {
  return assets[0] as Asset
}

export type PaymentChanges = Omit<Partial<ExactEip3009Payment>, 'terms' | 'accepted' | 'authorization'> & {
  terms?: Partial<ExactEip3009Payment['terms']>
  accepted?: Partial<ExactEip3009Payment['accepted']>
  authorization?: Partial<ExactEip3009Payment['authorization']>
}

/** A payment as the parser gives it: nothing is wrong with it unless a change says so. Its signature is nobody's. */
export function parsedPayment(changes: PaymentChanges = {}): ExactEip3009Payment {
  const on = changes.network ?? network('eip155:84532')
  const asset = usdc(on)
  const terms = {
    scheme: 'exact',
    network: on.id as string,
    amount: 10_000n,
    asset: asset.address.toLowerCase() as `0x${string}`,
    payTo: '0x209693bc6afc0c5328ba36faf03c514ef312287c' as const,
    ...changes.terms,
  }
  return {
    x402Version: 2,
    domain: { name: asset.name, version: asset.version },
    asset,
    signature: `0x${'11'.repeat(64)}1b`,
    payer: '0x00000000000000000000000000000000000000Aa',
    ...changes,
    network: on,
    terms,
    accepted: { ...terms, ...changes.accepted },
    authorization: {
      from: '0x00000000000000000000000000000000000000aa',
      to: terms.payTo,
      value: terms.amount,
      validAfter: 0n,
      validBefore: 4_102_444_800n,
      nonce: `0x${'ab'.repeat(32)}`,
      ...changes.authorization,
    },
  }
}

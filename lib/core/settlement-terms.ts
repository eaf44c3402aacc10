/** Paid once mined, or once the network calls the block finalized. */
export type WaitUntil = 'mined' | 'final'

/** What a tenant has chosen for its settlements. */
export type SettlementTerms = {
  /** Where a request does not say, and only on networks that are final within seconds. */
  waitUntil: WaitUntil
  /** Whether a payment that somebody else settled is answered as paid. */
  acceptsOthers: boolean
}

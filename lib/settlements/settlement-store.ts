import type { SettlementRefusal } from './reasons'
import type { Binding, PaymentKey, Settlement, SettlementId, SignedTransfer } from './settlement'

/** What a request brings along to take a payment key. */
export type Claim = SignedTransfer &
  Binding & {
    id: SettlementId
    keyId: string
    requestId: string
    x402Version: 1 | 2
    resource: string | null
    /** The buyer's own id of the purchase (extension `payment-identifier`): recorded, never a reason to grant. */
    paymentIdentifier: string | null
    seenUnusedBlock: bigint
    isMagic: boolean
    /** The body as it came, as JSON text. */
    request: string
  }

/** The budget of gas that is used up: nothing was written. */
export type OverBudget = 'tenant_gas' | 'payer_gas'

/** `held`: another row has the key. */
export type ClaimOutcome = 'claimed' | 'held' | OverBudget

/** Whose answer a success is. */
export type Grant = { requestId: string; keyHash: string | null }

/** The settlements as the web process needs them. Every call throws `database_unavailable` when it cannot be made. */
export type SettlementStore = {
  /** The row that holds a payment key now. */
  findHeld(key: PaymentKey): Promise<Settlement | null>
  find(id: SettlementId): Promise<Settlement | null>
  claim(claim: Claim): Promise<ClaimOutcome>
  /** Keeps an attempt that was refused before it could claim, for audit. */
  recordRefusal(claim: Claim, refusal: SettlementRefusal): Promise<void>
  /** True for one caller of a settlement, ever. */
  grant(id: SettlementId, grant: Grant): Promise<boolean>
  /** The same Idempotency-Key asks again: the grant is that request's from now on. False: it is not that key's. */
  repeatGrant(id: SettlementId, requestId: string, keyHash: string): Promise<boolean>
  /** The answer that bore a grant did not leave. */
  takeBackGrant(id: SettlementId, requestId: string): Promise<void>
  /** Queues a failed settlement again whose authorization is still alive. False: its row has changed. */
  retry(id: SettlementId, version: number): Promise<boolean | OverBudget>
  /** Frees the key of a row that nobody signed while it was waited for. False: it was, or has changed. */
  releaseLate(id: SettlementId, version: number): Promise<boolean>
  /** Advances a magic settlement, which no worker looks at. */
  playMagic(id: SettlementId, version: number, transition: 'sign' | 'mine' | 'fail'): Promise<boolean>
  /** False: the tenant has used this Idempotency-Key for something else within the last 24 h. */
  rememberKey(key: { tenantId: string; mode: string; keyHash: string; fingerprint: string }): Promise<boolean>
}

/** Resolves when a settlement has changed, or after so many milliseconds: then the row tells. */
export type WaitForChange = (id: string, ms: number) => Promise<void>

import { createHash } from 'node:crypto'
import type { Hex } from '@/lib/core/hex'
import { newId, type TenantId } from '@/lib/core/ids'
import { transferEntries } from '@/lib/settlements/ledger'
import type { MinedTransfer, Settlement, SettlementId } from '@/lib/settlements/settlement'
import type { Claim, SettlementStore } from '@/lib/settlements/settlement-store'
import type {
  Decision,
  Lease,
  MemberOutcome,
  OpenTransaction,
  Ready,
  SettlerStore,
  SignResult,
} from '@/lib/settlements/settler-store'

export type Facts = {
  /** In the order in which they were claimed: state, version, and whether it holds its key and waits. */
  rows: string[]
  /** The names of all changes of each row. */
  changes: string[]
  flights: bigint
  usedTransfers: number
  /** Sums of the ledger that are not zero, by account. */
  ledger: Record<string, bigint>
  nextNonce: bigint | null
}

/** Both sides of the stores over one database, real or not. */
export type StoreStage = {
  web: SettlementStore
  worker: SettlerStore
  /** So much time passes. */
  elapse(ms: number): Promise<void>
  facts(network: string): Promise<Facts>
}

export const TENANTS = ['ten_a', 'ten_b'] as TenantId[]
const ASSET: Hex = `0x${'a5'.repeat(20)}`
export const SELLER: Hex = `0x${'5e'.repeat(20)}`
export const WALLET: Hex = `0x${'3a'.repeat(20)}`
const YEAR_SECONDS = 31_536_000n
const digest = (text: string): Hex => `0x${createHash('sha256').update(text).digest('hex')}`
/** A payer of this name, the same each time. */
export const payerOf = (name: string): Hex => `0x${digest(`payer ${name}`).slice(2, 42)}`

/** What a scenario does with a stage; what it sees goes to `tell`. */
export class Play {
  readonly told: unknown[] = []
  private signed = 0

  constructor(
    readonly stage: StoreStage,
    readonly network: string,
  ) {}

  get web(): SettlementStore {
    return this.stage.web
  }

  get worker(): SettlerStore {
    return this.stage.worker
  }

  tell(value: unknown): void {
    this.told.push(value)
  }

  async tellFacts(): Promise<void> {
    this.told.push(await this.stage.facts(this.network))
  }

  claim(name: string, changes: Partial<Claim> = {}): Claim {
    return {
      ...{ id: newId('settlement', Date.now()), tenantId: 'ten_a' as TenantId, mode: 'test', keyId: 'key' },
      ...{ requestId: 'req', x402Version: 2, network: this.network, asset: ASSET, payer: payerOf(name) },
      ...{ payTo: SELLER, amount: 100n, nonce: digest(`${this.network} ${name}`), validAfter: 0n, callData: '0x01' },
      validBefore: BigInt(Math.floor(Date.now() / 1_000)) + YEAR_SECONDS,
      ...{ requirementsHash: 'terms', resource: null, paymentIdentifier: null, seenUnusedBlock: 1n, isMagic: false },
      request: '{}',
      ...changes,
    }
  }

  /** A queued row. */
  async queued(name: string, changes: Partial<Claim> = {}): Promise<SettlementId> {
    const claim = this.claim(name, changes)
    const outcome = await this.web.claim(claim)
    if (outcome !== 'claimed') throw new Error(`the claim was ${outcome}`)
    return claim.id
  }

  async row(id: SettlementId): Promise<Settlement> {
    const row = await this.web.find(id)
    if (!row) throw new Error('there is no such row')
    return row
  }

  take(): Promise<Ready[]> {
    return this.worker.takeReady(this.network, 10)
  }

  async lease(owner = 'one'): Promise<Lease> {
    await this.worker.registerWallet(this.network, WALLET, 0n)
    const lease = await this.worker.lease(this.network, WALLET, owner)
    if (!lease) throw new Error('the wallet is leased to another')
    return lease
  }

  sign(lease: Lease, rows: readonly Ready[], { balance = 1_000n, block = 10n } = {}): Promise<SignResult> {
    const candidates = rows.map((row) => ({ row, balance }))
    const build = async (_rows: readonly Ready[], nonce: bigint) => this.attempt(`nonce ${nonce}`)
    return this.worker.sign({ lease, block, candidates, build })
  }

  attempt(text: string, kind: 'settle' | 'cancel' = 'settle') {
    const raw: Hex = `0x${(++this.signed).toString(16).padStart(4, '0')}`
    return { raw, hash: digest(`${this.network} ${text} ${this.signed}`), kind, gas: 1n, maxFeeWei: 10n, tipWei: 1n }
  }

  /** A row that was signed, with its transaction. */
  async sent(name: string): Promise<{ id: SettlementId; transaction: OpenTransaction; lease: Lease }> {
    const id = await this.queued(name)
    const lease = await this.lease()
    const { transaction } = await this.sign(lease, await this.take())
    if (!transaction) throw new Error('nothing was signed')
    return { id, transaction, lease }
  }

  /** Decides a transaction in a block, with one outcome for each member. */
  async decide(transaction: OpenTransaction, block: bigint, outcomes: readonly MemberOutcome[]): Promise<boolean> {
    const members = await this.worker.membersOf(transaction.id)
    const hash = transaction.attempts.at(-1)?.hash ?? '0x'
    const at = { blockNumber: block, blockHash: digest(`block ${block}`) }
    const pairs = members.map((row, index) => ({ row, outcome: outcomes[index] as MemberOutcome, gasWei: 5n }))
    const entries = pairs.flatMap(({ row, outcome }) => {
      if (outcome.kind === 'mined') {
        return transferEntries(row, { ...at, transactionHash: hash, position: outcome.position })
      }
      return outcome.kind === 'other' ? transferEntries(row, outcome.transfer) : []
    })
    const mined: Decision['mined'] = { ...at, hash, succeeded: true, feeWei: 5n }
    return this.worker.decide({ transaction, mined, outcomes: pairs, entries, shares: [] })
  }

  unfinal(transaction: OpenTransaction, block: bigint) {
    return { transactionId: transaction.id, blockNumber: block, blockHash: digest(`block ${block}`) }
  }

  transfer(text: string, block: bigint, position = 1): MinedTransfer {
    return { transactionHash: digest(text), position, blockNumber: block, blockHash: digest(`block ${block}`) }
  }

  async preempt(id: SettlementId, transfer: MinedTransfer, row?: Settlement): Promise<boolean> {
    const paid = row ?? (await this.row(id))
    return this.worker.preempt(paid, transfer, transferEntries(paid, transfer))
  }

  async fails(call: () => Promise<unknown>): Promise<string> {
    return call().then(
      () => 'done',
      (error: Error) => error.name,
    )
  }
}

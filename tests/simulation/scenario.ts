import { createHash } from 'node:crypto'
import { addressWord, type Hex, word } from '@/lib/core/hex'
import type { TenantId } from '@/lib/core/ids'
import type { TransitionName } from '@/lib/core/settlement-states'
import { NETWORKS, type Network } from '@/lib/networks/networks'
import type { Authorization, State } from './chain-state'
import type { Random } from './random'

const FAULTS = [
  ...['crash', 'standstill', 'handover', 'client_dies', 'client_standstill'],
  ...['reorg', 'pool_lost', 'unsent', 'unanswered', 'failing', 'lagging', 'refused', 'fees'],
  ...['store_fails', 'store_answer_lost', 'deaf'],
  ...['submitted', 'cancelled', 'decoy', 'drained', 'code'],
] as const

export type FaultKind = (typeof FAULTS)[number]

/** Faults in which nobody but ourselves and our own machines have a part. */
export const OWN_FAULTS: ReadonlySet<string> = new Set([
  ...['crash', 'standstill', 'handover', 'client_dies', 'client_standstill'],
  ...['pool_lost', 'unsent', 'unanswered', 'failing', 'store_fails', 'store_answer_lost', 'deaf'],
])

/** At a step; or so many steps after the nth change of that name, to come when it hurts. */
export type Fault = {
  kind: FaultKind
  atStep: number | null
  after: { transition: TransitionName; nth: number; steps: number } | null
}

export type SimPayment = { name: string; seller: TenantId; authorization: Authorization }

export type SimClient = {
  payment: SimPayment
  seller: TenantId
  startMs: number
  requests: number
  keyHash: string | null
  waitUntil: 'mined' | 'final'
  /** Calls /verify first. */
  verifies: boolean
  /** Hangs up before a success is written. */
  isFickle: boolean
}

export type Scenario = {
  network: Network
  wallets: Hex[]
  payments: SimPayment[]
  clients: SimClient[]
  faults: Fault[]
  genesis: State
  waitMs: number
  /** After so many steps the world is left in quiet. */
  activeSteps: number
}

const [NETWORK] = NETWORKS.filter(({ id }) => id === 'eip155:84532') as [Network]
const ASSET: Hex = '0x036cbd53842c5426634e7929541ec2318f3dcf7e'
const SELLERS = ['ten_a', 'ten_b'] as TenantId[]
const address = (text: string): Hex => `0x${createHash('sha256').update(text).digest('hex').slice(0, 40)}`
const bytes32 = (text: string): Hex => `0x${createHash('sha256').update(text).digest('hex')}`

/** Draws more of what some fault needs to show itself. */
export type Lean = { theme?: readonly FaultKind[]; waitMs?: number }

/** What a seed says of a world: who pays whom, who asks when, and what goes wrong. */
export function drawScenario(random: Random, nowMs: number, lean: Lean = {}): Scenario {
  const payments = drawPayments(random, nowMs)
  const activeSteps = random.between(150, 500)
  const theme = lean.theme ?? random.pick(THEMES)
  const faults = Array.from({ length: random.between(theme === FAULTS ? 0 : 3, theme === FAULTS ? 4 : 7) }, () =>
    drawFault(random, random.pick(theme), activeSteps),
  )
  return {
    network: { ...NETWORK, confirmations: random.chance(0.7) ? 1 : 2 },
    wallets: [address('wallet 1'), address('wallet 2')].slice(0, random.chance(0.75) ? 1 : 2),
    payments,
    clients: payments.flatMap((payment) => drawClients(random, payment)),
    faults,
    genesis: drawGenesis(random, payments),
    waitMs: random.chance(0.8) ? (lean.waitMs ?? 25_000) : 4_000,
    activeSteps,
  }
}

/** Mostly a few of any kind; sometimes many of those that make each other worse. */
const THEMES: readonly (readonly FaultKind[])[] = [
  ...[FAULTS, FAULTS, FAULTS],
  ['reorg', 'reorg', 'reorg', 'drained', 'standstill', 'submitted', 'code'],
  ['reorg', 'drained', 'lagging', 'client_dies', 'cancelled'],
  ['standstill', 'standstill', 'crash', 'store_answer_lost', 'unanswered', 'client_standstill'],
  ['submitted', 'submitted', 'standstill', 'client_standstill', 'store_answer_lost'],
  ['lagging', 'lagging', 'submitted', 'cancelled', 'reorg', 'decoy'],
]

const AFTER: readonly TransitionName[] = ['claim', 'sign', 'sign', 'sign', 'mine', 'mine', 'fail', 'retry', 'resume']

function drawFault(random: Random, kind: FaultKind, activeSteps: number): Fault {
  if (random.chance(0.4)) return { kind, atStep: random.between(5, activeSteps), after: null }
  const after = { transition: random.pick(AFTER), nth: random.between(1, 2), steps: random.between(0, 12) }
  return { kind, atStep: null, after }
}

function drawPayments(random: Random, nowMs: number): SimPayment[] {
  const payers = random.chance(0.5) ? ['x'] : ['x', 'y', 'z']
  const nowSeconds = BigInt(Math.floor(nowMs / 1_000))
  return Array.from({ length: random.between(1, 3) }, (_, index) => {
    const seller = random.pick(SELLERS)
    const signed = {
      asset: ASSET,
      payer: address(`payer ${payers[index % payers.length]}`),
      payTo: address(`seller ${seller}`),
      amount: random.pick([100n, 100n, 250n]),
      validAfter: nowSeconds - 60n,
      validBefore: nowSeconds + BigInt(random.pick([12, 30, 60, 60])),
      nonce: bytes32(`nonce ${index}`),
    }
    return { name: `payment ${index}`, seller, authorization: { ...signed, callData: callDataOf(signed) } }
  })
}

function callDataOf(signed: Omit<Authorization, 'callData'>): Hex {
  const { payer, payTo, amount, validAfter, validBefore, nonce } = signed
  const words = [addressWord(payer), addressWord(payTo), word(amount), word(validAfter), word(validBefore)]
  return `0xcf092995${words.join('')}${nonce.slice(2)}`
}

function drawClients(random: Random, payment: SimPayment): SimClient[] {
  return Array.from({ length: random.between(1, 2) }, (_, index) => ({
    payment,
    seller: random.chance(0.1) ? random.pick(SELLERS) : payment.seller,
    startMs: random.chance(0.5) ? 0 : random.between(0, 12_000),
    requests: random.between(1, 4),
    keyHash: random.chance(0.3) ? `key of ${payment.name}, client ${index}` : null,
    waitUntil: random.chance(0.85) ? 'mined' : 'final',
    verifies: random.chance(0.4),
    isFickle: random.chance(0.1),
  }))
}

function drawGenesis(random: Random, payments: readonly SimPayment[]): State {
  const balances = new Map<string, bigint>()
  const isRich = random.chance(0.7)
  for (const { authorization } of payments) {
    const before = isRich ? (balances.get(authorization.payer) ?? 0n) : 0n
    balances.set(authorization.payer, before + authorization.amount)
  }
  return { balances, authorizations: new Map(), code: new Map(), nonces: new Map() }
}

import type { Candidate } from './settler-store'

export type Measured = Candidate & { gasUsed: bigint; hasCode: boolean }

/** Nodes refuse transactions over 131,072 bytes, and Ethereum and Base a gas limit over 16.8 M (EIP-7825). */
const MOST_MEMBERS = 100
const MOST_BYTES = 120_000
const MOST_GAS = 8_000_000n
/** What aggregate3 adds to the calldata of one call: offset, target, flag, offset, length, and padding. */
const BYTES_OF_A_CALL = 32 * 6

/** A byte of calldata at its dearest (EIP-2028). */
const GAS_OF_A_BYTE = 16n
/**
 * What a simulated call did not pay: the first access to the payer's balance and nonce, which were read before it
 * (EIP-2929), and what aggregate3 does around each call.
 */
const GAS_AROUND_A_CALL = 2n * 2_100n + 3_000n

/** What a transaction of these may use: as simulated, and a margin for a state that has moved since. */
export function gasLimitOf(members: readonly Pick<Measured, 'gasUsed' | 'row'>[]): bigint {
  const used = members.reduce((sum, { gasUsed, row }) => {
    const bytes = BigInt(BYTES_OF_A_CALL + row.callData.length / 2)
    return sum + gasUsed + GAS_AROUND_A_CALL + bytes * GAS_OF_A_BYTE
  }, 0n)
  return (used * 13n) / 10n + 50_000n
}

/**
 * Packs payments into transactions, in their order. Payers with code go alone and last: one of them could use up the gas
 * of all others (EIP-7702 makes any account such a one).
 */
export function packBatches(candidates: readonly Measured[]): Measured[][] {
  const alone: Measured[][] = []
  const shared: Measured[][] = []
  let open: Measured[] = []
  for (const candidate of candidates) {
    if (candidate.hasCode || candidate.row.isAlone) {
      alone.push([candidate])
      continue
    }
    if (open.length > 0 && !fits([...open, candidate])) {
      shared.push(open)
      open = []
    }
    open.push(candidate)
  }
  if (open.length > 0) shared.push(open)
  return [...shared, ...alone]
}

/** The first of a batch, as many as may be signed with so much gas. */
export function withinGas(batch: readonly Measured[], mostGas: bigint): Measured[] {
  let count = batch.length
  while (count > 0 && gasLimitOf(batch.slice(0, count)) > mostGas) count--
  return batch.slice(0, count)
}

function fits(members: readonly Measured[]): boolean {
  const bytes = members.reduce((sum, { row }) => sum + BYTES_OF_A_CALL + row.callData.length / 2, 68)
  return members.length <= MOST_MEMBERS && bytes <= MOST_BYTES && gasLimitOf(members) <= MOST_GAS
}

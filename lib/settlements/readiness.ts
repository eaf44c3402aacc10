import { AppError, toAppError } from '@/lib/core/errors'
import type { Hex } from '@/lib/core/hex'
import type { Network } from '@/lib/networks/networks'
import { PAUSES } from './report-network'
import type { NetworkReport } from './settler-store'

/** What the database says of settling: written by the workers and by operators. */
export type SettlingState = {
  /** Stopped networks with the reason; `*` stops all. */
  stops: ReadonlyMap<string, string>
  networks: ReadonlyMap<
    string,
    { ageSeconds: number; isListed: boolean; unableSeconds: number | null; report: NetworkReport }
  >
  /** Addresses that pay the gas, by network. */
  signers: ReadonlyMap<string, readonly Hex[]>
}

export type ReadinessDeps = {
  read(): Promise<SettlingState>
  isDisabled: boolean
  onProblem(message: string, cause: unknown): void
}

export type Readiness = ReturnType<typeof createReadiness>

const REFRESH_MS = 1_000
/** A worker that was not heard of for so long settles nothing. */
const SILENT_SECONDS = 30
/** Sellers exit at start when a kind is missing, so a network is dropped late. */
const DROP_SECONDS = 300

/** Whether new settlements can be taken, as of a second ago. */
export function createReadiness({ read, isDisabled, onProblem }: ReadinessDeps) {
  let state: SettlingState = { stops: new Map(), networks: new Map(), signers: new Map() }
  let timer: NodeJS.Timeout | null = null

  async function refresh(): Promise<void> {
    try {
      state = await read()
    } catch (error) {
      // The last state goes on; a claim needs the database itself and says what is wrong.
      onProblem('the state of settling could not be read', toAppError(error).cause ?? error)
    }
  }

  const problem = (network: Network) => problemOf(state, network, isDisabled)

  return {
    start(): Promise<void> {
      timer ??= setInterval(() => void refresh(), REFRESH_MS).unref()
      return refresh()
    },
    stop(): void {
      if (timer) clearInterval(timer)
    },
    /** @throws AppError `network_paused`, `settlement_unavailable` */
    async requireReady(network: Network): Promise<void> {
      if (problem(network) === null) return
      // What is wrong may have been mended within the second.
      await refresh()
      const still = problem(network)
      if (still) throw still
    },
    /** False when nothing could be settled there for five minutes. */
    isListed({ id }: Network): boolean {
      const found = state.networks.get(id)
      return !found || (found.isListed && found.ageSeconds <= DROP_SECONDS)
    },
    signers: (network: Network): readonly Hex[] => state.signers.get(network.id) ?? [],
    state: (): SettlingState => state,
  }
}

function problemOf({ stops, networks }: SettlingState, { id }: Network, isDisabled: boolean): AppError | null {
  if (isDisabled || stops.has(id) || stops.has('*')) return new AppError('network_paused', { retryAfterSeconds: 60 })
  const found = networks.get(id)
  const isHeard = found !== undefined && found.ageSeconds <= SILENT_SECONDS
  if (!isHeard) return new AppError('settlement_unavailable', { retryAfterSeconds: 5 })
  const { problem } = found.report
  if (problem === null) return null
  const code = PAUSES.includes(problem) ? 'network_paused' : 'settlement_unavailable'
  return new AppError(code, { retryAfterSeconds: 30, cause: new Error(problem) })
}

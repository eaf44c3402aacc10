import type { Clock } from '@/lib/core/clock'
import { AppError } from '@/lib/core/errors'
import { networkById } from '@/lib/networks/find-network'
import { NETWORKS } from '@/lib/networks/networks'

/** The stop that holds for every network. */
export const ALL_NETWORKS = '*'

/** An operator's order to take no new settlements. */
export type PaymentStop = { network: string; reason: string; stoppedAt: Date }

export type PaymentStopStore = {
  /** A network that is stopped already keeps the time of its first stop, under the new reason. */
  put(stop: PaymentStop): Promise<PaymentStop>
  /** False: it was not stopped. */
  remove(network: string): Promise<boolean>
  list(): Promise<PaymentStop[]>
}

export type StopPaymentsDeps = { now: Clock; stops: PaymentStopStore }

/**
 * The emergency stop: from the next second on every web process refuses new settlements of a network, or of all.
 * What was taken before is finished, and verification goes on.
 *
 * @throws AppError `parameter_invalid`
 */
export async function stopPayments(
  { now, stops }: StopPaymentsDeps,
  { network, reason }: { network: string; reason: string },
): Promise<PaymentStop> {
  requireKnown(network)
  if (reason.trim().length === 0) throw invalid('reason', 'is missing', 'Say why, for whoever finds it stopped.')
  return stops.put({ network, reason: reason.trim(), stoppedAt: new Date(now()) })
}

/**
 * Takes a stop back. One of all networks and those of single ones are apart: each is taken back by its own name.
 *
 * @throws AppError `parameter_invalid`
 */
export async function resumePayments(
  { stops }: Pick<StopPaymentsDeps, 'stops'>,
  network: string,
): Promise<PaymentStop[]> {
  requireKnown(network)
  if (await stops.remove(network)) return stops.list()
  throw invalid('network', 'is not stopped', 'The list of stops shows which are.')
}

function requireKnown(network: string): void {
  if (network === ALL_NETWORKS || networkById(network)) return
  const known = NETWORKS.map(({ id }) => id).join(', ')
  throw invalid('network', `"${network}" is not known`, `Name one of ${known}, or all.`)
}

function invalid(param: string, message: string, fix: string): AppError {
  return new AppError('parameter_invalid', { problems: [{ param, message, fix }] })
}

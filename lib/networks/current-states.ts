import { toAppError } from '@/lib/core/errors'
import type { ChainReader } from './chain-reader'
import type { NetworkState } from './served-networks'

export type CurrentStatesDeps = {
  networks: { states(): readonly NetworkState[] }
  chain: Pick<ChainReader, 'check'>
}

/** The networks as they are at this moment: one that passed its start check may have lost its RPC since. */
export function currentStates({ networks, chain }: CurrentStatesDeps): Promise<NetworkState[]> {
  return Promise.all(
    networks.states().map(async (state): Promise<NetworkState> => {
      if (state.status !== 'served') return state
      try {
        await chain.check(state.network)
        return state
      } catch (error) {
        return { ...state, status: 'unreachable', problems: [toAppError(error).message] }
      }
    }),
  )
}

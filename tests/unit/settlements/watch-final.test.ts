import { expect, it } from 'vitest'
import { AppError } from '@/lib/core/errors'
import { newId } from '@/lib/core/ids'
import type { WalletDeps } from '@/lib/settlements/settler'
import type { SettlerStore, Unfinal } from '@/lib/settlements/settler-store'
import { watchFinal } from '@/lib/settlements/watch-final'
import { aSettlement, BASE_SEPOLIA, NOW, nonceOf } from '@/tests/support/payment-rows'

const unfinal = (number: number, hash = number): Unfinal => ({
  transactionId: newId('transaction', NOW + number),
  blockNumber: BigInt(number),
  blockHash: nonceOf(hash),
})
const [OLD, GONE, YOUNG] = [unfinal(90), unfinal(91, 0xdead), unfinal(120)]
const OTHER_GONE = aSettlement({
  state: 'settled_by_other',
  mined: { transactionHash: nonceOf(7), blockNumber: 92n, blockHash: nonceOf(0xbeef), position: 0 },
})

/** What a round did, upon a chain whose block of each number has a hash of that number. */
async function watch(finalized: bigint | AppError) {
  const [final, reopened, problems]: [unknown[], unknown[], string[]] = [[], [], []]
  const store: Partial<SettlerStore> = {
    unfinal: async () => [OLD, GONE, YOUNG],
    unfinalOthers: async () => [OTHER_GONE],
    finalize: async (decided) => final.push(...decided),
    reopen: async (decided) => void reopened.push(decided),
    reopenOther: async (row) => reopened.push(row.id) > 0,
  }
  const chain = {
    finalized: async () => {
      if (finalized instanceof AppError) throw finalized
      return { number: finalized, hash: nonceOf(Number(finalized)), timestampSeconds: NOW / 1_000 }
    },
    blocks: async (_: unknown, numbers: readonly bigint[]) =>
      numbers.map((number) => ({ number, hash: nonceOf(Number(number)), timestampSeconds: NOW / 1_000 })),
  }
  const onProblem = (message: string) => void problems.push(message)
  await watchFinal({ chain, store, network: BASE_SEPOLIA, onProblem } as unknown as WalletDeps)
  return { final, reopened, problems }
}

it('what the network calls final is final, what has lost its block is open again, and the rest waits', async () => {
  const { final, reopened } = await watch(100n)
  expect([final, reopened]).toEqual([[OLD], [GONE, OTHER_GONE.id]])
})

it('a node that does not say what is final makes nothing final, and what has lost its block is open again', async () => {
  const { final, reopened, problems } = await watch(new AppError('rpc_unavailable'))
  expect([final, reopened]).toEqual([[], [GONE, OTHER_GONE.id]])
  expect(problems).toContain('what is final could not be read')
})

import { expect, it } from 'vitest'
import type { Settlement } from '@/lib/settlements/settlement'
import type { WalletDeps } from '@/lib/settlements/settler'
import type { SettlerStore } from '@/lib/settlements/settler-store'
import { watchFailed } from '@/lib/settlements/watch-failed'
import { aSettlement, BASE_SEPOLIA, NOW, nonceOf } from '@/tests/support/payment-rows'

const FINAL_BLOCK = { number: 5_000n, hash: nonceOf(1), timestampSeconds: NOW / 1_000 }

/** What a round of watching wrote, upon a chain in which none of these authorizations is used, or only in its newest block. */
async function watch(rows: readonly Settlement[], isUsedAt: (at: 'latest' | 'finalized') => boolean = () => false) {
  const expired: string[] = []
  const written: [readonly string[], bigint][] = []
  const store: Partial<SettlerStore> = {
    watched: async () => [...rows],
    expire: async ({ id }) => expired.push(id) > 0,
    seenUnused: async (ids, block) => void written.push([ids, block]),
  }
  const chain = {
    finalized: async () => FINAL_BLOCK,
    authorizationStates: async (_: unknown, asked: readonly unknown[], at: 'latest' | 'finalized') => ({
      block: FINAL_BLOCK,
      used: asked.map(() => isUsedAt(at)),
    }),
  }
  await watchFailed({ chain, store, network: BASE_SEPOLIA, onProblem: () => undefined } as unknown as WalletDeps)
  return { written, expired }
}

it('one that is watched for long is searched for from the newest final block at which it was unused', async () => {
  const [long, young] = [4_000n - 1n, 4_000n].map((seenUnusedBlock) =>
    aSettlement({ state: 'failed', seenUnusedBlock }),
  )
  expect((await watch([long, young] as Settlement[])).written).toEqual([[[long?.id], 5_000n]])
})

it('and not from a block at which it was used', async () => {
  const row = aSettlement({ state: 'failed', seenUnusedBlock: 1n })
  expect((await watch([row], (at) => at === 'finalized')).written).toEqual([[[], 5_000n]])
})

it('and one whose time is over ends', async () => {
  const row = aSettlement({ state: 'failed', seenUnusedBlock: 1n, validBefore: BigInt(NOW / 1_000) })
  expect(await watch([row])).toEqual({ written: [], expired: [row.id] })
})

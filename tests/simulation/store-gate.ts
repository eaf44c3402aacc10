import type { SettlementStore } from '@/lib/settlements/settlement-store'
import type { SettlerStore } from '@/lib/settlements/settler-store'
import type { Process } from './scheduler'
import type { World } from './world'

/** A store as one process sees it: every call waits for its turn, and may fail before or after it was carried out. */
export function behindGate<Store extends SettlerStore | SettlementStore>(
  world: World,
  process: Process,
  store: Store,
  failure: () => Error,
): Store {
  const { scheduler, random, trouble } = world
  return new Proxy(store, {
    get(target, name: string) {
      const call = target[name as keyof Store] as (...given: unknown[]) => Promise<unknown>
      return async (...given: unknown[]) => {
        await scheduler.gate(process, `store.${name}`)
        if (random.chance(trouble.storeFails)) {
          if (name === 'takeBackGrant') world.excused.add(given[0] as string)
          throw failure()
        }
        const result = await call.apply(target, given)
        if (random.chance(trouble.storeAnswerLost)) throw failure()
        return result
      }
    },
  })
}

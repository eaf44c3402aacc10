import { PLAN_IDS, PLANS } from '@/lib/core/plans'

/** The table of plans, as it is shown. Prices are US dollars a month; null: without limit. */
export function listPlans() {
  return { data: PLAN_IDS.map((id) => ({ id, ...PLANS[id] })), hasMore: false, nextCursor: null }
}

import { AppError } from '@/lib/core/errors'
import { type Mode, PLANS, type PlanId } from '@/lib/core/plans'

export type SettlementUnits = {
  /** False: so many were taken in this period already. */
  take(tenantId: string, periodStart: Date, most: number): Promise<boolean>
  giveBack(tenantId: string, periodStart: Date): Promise<void>
}

type Subject = { tenantId: string; mode: Mode; plan: PlanId }

/** The month's settlements of a plan. Only live ones count: test mode is never billed. */
export function settlementQuota(units: SettlementUnits, { tenantId, mode, plan }: Subject, periodStart: Date) {
  const most = PLANS[plan].liveSettlementsPerMonth
  return {
    /** @throws AppError `quota_exceeded` */
    async take(): Promise<void> {
      if (mode === 'test' || (await units.take(tenantId, periodStart, most))) return
      const message =
        most === 0
          ? 'This plan settles in test mode only. Choose a larger plan to settle on a mainnet. Nothing was sent.'
          : `The ${most} settlements of this period are used up. Nothing was sent. Choose a larger plan.`
      throw new AppError('quota_exceeded', { message })
    },
    async giveBack(): Promise<void> {
      if (mode === 'live') await units.giveBack(tenantId, periodStart)
    },
  }
}

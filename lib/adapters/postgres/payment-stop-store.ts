import type { PaymentStopStore } from '@/lib/settlements/stop-payments'
import type { PrismaClient } from './prisma'

/** The emergency stops, by Prisma. */
export function createPaymentStopStore(prisma: PrismaClient): PaymentStopStore {
  return {
    put: ({ network, reason, stoppedAt }) =>
      prisma.paymentStop.upsert({
        where: { network },
        create: { network, reason, stoppedAt },
        update: { reason },
      }),
    remove: async (network) => (await prisma.paymentStop.deleteMany({ where: { network } })).count > 0,
    list: () => prisma.paymentStop.findMany({ orderBy: { stoppedAt: 'asc' } }),
  }
}

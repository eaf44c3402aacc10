import { paymentStatsQuery } from '@/lib/contracts/queries'
import { keyEndpoint, route } from '@/lib/services'

export const config = { api: { bodyParser: false, externalResolver: true } }

export default route({
  GET: keyEndpoint({
    scope: 'payments:read',
    limit: 'request',
    query: paymentStatsQuery,
    handle: async (services, { caller, query }) => ({ body: await services.paymentStats(caller, query.period) }),
  }),
})

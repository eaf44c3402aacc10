import { listPaymentsQuery } from '@/lib/contracts/queries'
import { keyEndpoint, route } from '@/lib/services'

export const config = { api: { bodyParser: false, externalResolver: true } }

export default route({
  GET: keyEndpoint({
    scope: 'payments:read',
    limit: 'request',
    query: listPaymentsQuery,
    handle: async (services, { caller, query }) => ({ body: await services.listPayments(caller, query) }),
  }),
})

import { listSettlementsQuery } from '@/lib/contracts/queries'
import { keyEndpoint, route } from '@/lib/services'

export const config = { api: { bodyParser: false, externalResolver: true } }

export default route({
  GET: keyEndpoint({
    scope: 'settle',
    limit: 'request',
    query: listSettlementsQuery,
    handle: async (services, { caller, query }) => ({ body: await services.listSettlements(caller, query) }),
  }),
})

import { settlementQuery } from '@/lib/contracts/queries'
import { keyEndpoint, route } from '@/lib/services'

export const config = { api: { bodyParser: false, externalResolver: true } }

export default route({
  GET: keyEndpoint({
    scope: 'settle',
    limit: 'request',
    query: settlementQuery,
    handle: async (services, { caller, params, query }) => ({
      body: await services.getSettlement(caller, params['id'], query.wait),
    }),
  }),
})

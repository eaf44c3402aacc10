import { analyticsQuery } from '@/lib/contracts/queries'
import { keyEndpoint, route } from '@/lib/services'

export const config = { api: { bodyParser: false, externalResolver: true } }

export default route({
  GET: keyEndpoint({
    scope: 'usage:read',
    limit: 'request',
    query: analyticsQuery,
    handle: async (services, { caller, query }) => ({ body: await services.analytics(caller, query.days) }),
  }),
})

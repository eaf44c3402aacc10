import { listVerificationsQuery } from '@/lib/contracts/queries'
import { keyEndpoint, route } from '@/lib/services'

export const config = { api: { bodyParser: false, externalResolver: true } }

export default route({
  GET: keyEndpoint({
    scope: 'logs:read',
    limit: 'request',
    query: listVerificationsQuery,
    handle: async (services, { caller, query }) => ({ body: await services.listVerifications(caller, query) }),
  }),
})

import { keyEndpoint, route } from '@/lib/services'

export const config = { api: { bodyParser: false, externalResolver: true } }

export default route({
  GET: keyEndpoint({
    scope: 'payments:read',
    limit: 'request',
    handle: async (services, { caller, params }) => ({ body: await services.getPayment(caller, params['id']) }),
  }),
})

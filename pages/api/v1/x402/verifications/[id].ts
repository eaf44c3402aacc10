import { keyEndpoint, route } from '@/lib/services'

export const config = { api: { bodyParser: false, externalResolver: true } }

export default route({
  GET: keyEndpoint({
    scope: 'logs:read',
    limit: 'request',
    handle: async (services, { caller, params }) => ({ json: await services.getVerification(caller, params['id']) }),
  }),
})

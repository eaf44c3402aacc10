import { keyEndpoint, route } from '@/lib/services'

export const config = { api: { bodyParser: false, externalResolver: true } }

export default route({
  GET: keyEndpoint({
    scope: null,
    limit: 'request',
    handle: async (services, { caller }) => ({ body: await services.listNetworks(caller.mode) }),
  }),
})

import { openEndpoint, route } from '@/lib/services'

export const config = { api: { bodyParser: false, externalResolver: true } }

export default route({
  GET: openEndpoint({
    limit: 'request',
    handle: (services) => ({ body: services.pricing() }),
  }),
})

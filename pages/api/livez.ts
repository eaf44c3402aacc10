import { publicEndpoint, route } from '@/lib/services'

export const config = { api: { bodyParser: false, externalResolver: true } }

export default route({
  GET: publicEndpoint({
    limit: 'public',
    handle: () => ({ body: { status: 'ok' } }),
  }),
})

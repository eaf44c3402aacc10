import { routeNotFound } from '@/lib/http/route-not-found'
import { publicEndpoint, route } from '@/lib/services'

export const config = { api: { bodyParser: false, externalResolver: true } }

const nothingHere = publicEndpoint({ limit: 'public', handle: routeNotFound })

export default route({ GET: nothingHere, POST: nothingHere, PUT: nothingHere, PATCH: nothingHere, DELETE: nothingHere })

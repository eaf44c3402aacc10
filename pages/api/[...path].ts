import { routeNotFound } from '@/lib/http/route-not-found'
import { openEndpoint, route } from '@/lib/services'

export const config = { api: { bodyParser: false, externalResolver: true } }

const nothingHere = openEndpoint({ limit: 'public', handle: routeNotFound })

export default route({ GET: nothingHere, POST: nothingHere, PUT: nothingHere, PATCH: nothingHere, DELETE: nothingHere })

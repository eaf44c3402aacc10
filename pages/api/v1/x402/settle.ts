import { paymentBody, settleErrorShape } from '@/lib/contracts/x402'
import { keyEndpoint, route } from '@/lib/services'

export const config = { api: { bodyParser: false, externalResolver: true } }

export default route({
  POST: keyEndpoint({
    scope: 'settle',
    limit: 'request',
    body: paymentBody,
    errorShape: settleErrorShape,
    takesIdempotencyKey: true,
    handle: (services, context) => services.settle(context),
  }),
})

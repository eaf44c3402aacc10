import { paymentBody, verifyErrorShape } from '@/lib/contracts/x402'
import { keyEndpoint, route } from '@/lib/services'

export const config = { api: { bodyParser: false, externalResolver: true } }

export default route({
  POST: keyEndpoint({
    scope: 'verify',
    limit: 'verification',
    body: paymentBody,
    errorShape: verifyErrorShape,
    handle: (services, context) => services.verify(context),
  }),
})

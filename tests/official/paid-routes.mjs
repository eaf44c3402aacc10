// The routes that the sellers of x402 v2 ask money for.
import { HTTPFacilitatorClient, x402ResourceServer } from '@x402/core/server'
import { ExactEvmScheme } from '@x402/evm/exact/server'
import { facilitator, payTo } from './seller-settings.mjs'

const NETWORK = 'eip155:84532'

function asks(price, extra = {}) {
  return { accepts: { scheme: 'exact', price, network: NETWORK, payTo, maxTimeoutSeconds: 600, extra } }
}

export const routes = {
  // Two routes of one price: a payment for the one fits the other.
  'GET /weather': asks('$0.01'),
  'GET /news': asks('$0.01'),
  // Settled before the handler runs, and never verified.
  'GET /upfront': asks('$0.01', { paymentFlow: 'upfront' }),
  // More than any buyer has.
  'GET /dear': asks('$2000000'),
}

export const PATHS = Object.keys(routes).map((route) => route.slice('GET '.length))

export const resourceServer = new x402ResourceServer(new HTTPFacilitatorClient(facilitator)).register(
  NETWORK,
  new ExactEvmScheme(),
)

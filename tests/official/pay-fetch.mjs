// A buyer with unmodified @x402/fetch: asks once, pays by itself, prints what came of it. usage: URL
import { decodePaymentRequiredHeader } from '@x402/core/http'
import { ExactEvmScheme } from '@x402/evm'
import { decodePaymentResponseHeader, wrapFetchWithPaymentFromConfig } from '@x402/fetch'
import { privateKeyToAccount } from 'viem/accounts'

const [url] = process.argv.slice(2)
let payment = null
const recordingFetch = (request) => {
  payment = request.headers.get('payment-signature')
  return fetch(request)
}
const fetchAndPay = wrapFetchWithPaymentFromConfig(recordingFetch, {
  schemes: [{ network: 'eip155:*', client: new ExactEvmScheme(privateKeyToAccount(process.env.PAYER_KEY)) }],
  spendControls: { maxAmountPerPayment: false },
})

const response = await fetchAndPay(url)
const receipt = response.headers.get('payment-response')
const required = response.headers.get('payment-required')
const outcome = {
  status: response.status,
  body: await response.json(),
  receipt: receipt && decodePaymentResponseHeader(receipt),
  error: required && decodePaymentRequiredHeader(required).error,
  payment,
}
console.log(JSON.stringify(outcome))

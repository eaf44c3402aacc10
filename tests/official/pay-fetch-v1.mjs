// A buyer with unmodified x402-fetch, the package of x402 v1. usage: URL
import { createSigner, decodeXPaymentResponse, wrapFetchWithPayment } from 'x402-fetch'

const [url] = process.argv.slice(2)
const NO_LIMIT = 10n ** 18n
let payment = null
const recordingFetch = (input, init) => {
  payment = init?.headers?.['X-PAYMENT'] ?? null
  return fetch(input, init)
}
const signer = await createSigner('base-sepolia', process.env.PAYER_KEY)
const fetchAndPay = wrapFetchWithPayment(recordingFetch, signer, NO_LIMIT)

const response = await fetchAndPay(url)
const receipt = response.headers.get('x-payment-response')
const body = await response.json()
const outcome = {
  status: response.status,
  body,
  receipt: receipt && decodeXPaymentResponse(receipt),
  error: body.error ?? null,
  payment,
}
console.log(JSON.stringify(outcome))

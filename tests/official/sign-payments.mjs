// Signs many payments for one route with the official client, and prints their headers. usage: URL COUNT
import { x402Client, x402HTTPClient } from '@x402/core/client'
import { ExactEvmScheme } from '@x402/evm'
import { privateKeyToAccount } from 'viem/accounts'

const [url, count] = process.argv.slice(2)
const clients = process.env.PAYER_KEY.split(',').map((key) =>
  x402Client.fromConfig({
    schemes: [{ network: 'eip155:*', client: new ExactEvmScheme(privateKeyToAccount(key)) }],
  }),
)

const response = await fetch(url)
const required = new x402HTTPClient(clients[0]).getPaymentRequiredResponse((name) => response.headers.get(name))
const payments = []
for (let index = 0; index < Number(count); index++) {
  const client = clients[index % clients.length]
  const payload = await client.createPaymentPayload(required)
  payments.push(new x402HTTPClient(client).encodePaymentSignatureHeader(payload)['PAYMENT-SIGNATURE'])
}
console.log(JSON.stringify(payments))

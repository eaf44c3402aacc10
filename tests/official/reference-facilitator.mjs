// The reference facilitator as its README builds it: express, @x402/core and @x402/evm, one viem client. The other
// side of the benches. usage: PORT RPC_URL [wallet key] [--nonce-manager]
import { parseArgs } from 'node:util'
import { x402Facilitator } from '@x402/core/facilitator'
import { toFacilitatorEvmSigner } from '@x402/evm'
import { ExactEvmScheme } from '@x402/evm/exact/facilitator'
import express from 'express'
import { createWalletClient, http, publicActions } from 'viem'
import { nonceManager, privateKeyToAccount } from 'viem/accounts'
import { baseSepolia } from 'viem/chains'

// The third of the keys that anvil prints for everybody: development only.
const DEVELOPMENT_KEY = '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a'
const { positionals, values: flags } = parseArgs({
  allowPositionals: true,
  options: { 'nonce-manager': { type: 'boolean', default: false } },
})
const [port, rpcUrl, key = DEVELOPMENT_KEY] = positionals

// Settlements side by side need a nonce each; viem's polling of once a second would add to its latency.
const forManyAtOnce = flags['nonce-manager']
const account = privateKeyToAccount(key, forManyAtOnce ? { nonceManager } : {})
const transport = http(rpcUrl, forManyAtOnce ? { timeout: 60_000 } : {})
const polling = forManyAtOnce ? { pollingInterval: 100 } : {}
const client = createWalletClient({ account, chain: baseSepolia, transport, ...polling }).extend(publicActions)
const signer = toFacilitatorEvmSigner({
  address: account.address,
  getCode: (args) => client.getCode(args),
  readContract: (args) => client.readContract({ ...args, args: args.args ?? [] }),
  verifyTypedData: (args) => client.verifyTypedData(args),
  writeContract: (args) => client.writeContract({ ...args, args: args.args ?? [] }),
  sendTransaction: (args) => client.sendTransaction(args),
  waitForTransactionReceipt: (args) => client.waitForTransactionReceipt(args),
})
const facilitator = new x402Facilitator().register('eip155:84532', new ExactEvmScheme(signer))

const app = express()
app.use(express.json())
app.post('/verify', async (request, response) => {
  const { paymentPayload, paymentRequirements } = request.body
  response.json(await facilitator.verify(paymentPayload, paymentRequirements))
})
app.post('/settle', async (request, response) => {
  const { paymentPayload, paymentRequirements } = request.body
  response.json(await facilitator.settle(paymentPayload, paymentRequirements))
})
app.get('/supported', (_, response) => {
  response.json(facilitator.getSupported())
})
app.listen(Number(port), '127.0.0.1', () => process.send?.({ ready: true }))

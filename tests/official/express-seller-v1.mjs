// A seller's server with unmodified x402-express, the package of x402 v1.
import express from 'express'
import { paymentMiddleware } from 'x402-express'
import { facilitator, payTo, tellReady } from './seller-settings.mjs'

const NETWORK = 'base-sepolia'
const routes = {
  'GET /weather': { price: '$0.01', network: NETWORK },
  'GET /dear': { price: '$2000000', network: NETWORK },
}

const app = express()
app.use(paymentMiddleware(payTo, routes, facilitator))
for (const path of ['/weather', '/dear']) app.get(path, (_, response) => response.json({ served: path }))
const server = app.listen(0, '127.0.0.1', () => tellReady(server))

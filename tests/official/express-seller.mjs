// A seller's server with unmodified @x402/express.
import { paymentMiddleware } from '@x402/express'
import express from 'express'
import { PATHS, resourceServer, routes } from './paid-routes.mjs'
import { tellReady } from './seller-settings.mjs'

const app = express()
app.use(paymentMiddleware(routes, resourceServer))
for (const path of PATHS) app.get(path, (_, response) => response.json({ served: path }))
const server = app.listen(0, '127.0.0.1', () => tellReady(server))

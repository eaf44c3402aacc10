// A seller's server with unmodified @x402/hono.
import { serve } from '@hono/node-server'
import { paymentMiddleware } from '@x402/hono'
import { Hono } from 'hono'
import { PATHS, resourceServer, routes } from './paid-routes.mjs'
import { tellReady } from './seller-settings.mjs'

const app = new Hono()
app.use(paymentMiddleware(routes, resourceServer))
for (const path of PATHS) app.get(path, (context) => context.json({ served: path }))
const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, () => tellReady(server))

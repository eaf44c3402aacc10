import { promiseToSellers } from './seller-promises'

promiseToSellers({ seller: 'hono-seller.mjs', buyers: ['pay-fetch.mjs'], x402Version: 2 })

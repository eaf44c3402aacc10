import { promiseToSellers } from './seller-promises'

promiseToSellers({ seller: 'express-seller.mjs', buyers: ['pay-fetch.mjs'], x402Version: 2 })

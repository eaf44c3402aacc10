import { promiseToSellers } from './seller-promises'

promiseToSellers({ seller: 'express-seller-v1.mjs', buyers: ['pay-fetch-v1.mjs'], x402Version: 1 })

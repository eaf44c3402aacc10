import { promiseToSellers } from './seller-promises'

promiseToSellers({ seller: 'fastapi_seller.py', buyers: ['httpx_client.py', 'requests_client.py'], x402Version: 2 })

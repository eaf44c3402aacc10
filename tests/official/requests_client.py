# A buyer with requests and unmodified x402 for Python: asks once, pays by itself, prints what came of it. usage: URL
import sys

import requests
from outcome import account, tell
from x402 import x402ClientSync
from x402.http.clients.requests import wrapRequestsWithPayment
from x402.mechanisms.evm.exact import register_exact_evm_client

client = x402ClientSync()
client.set_spend_controls(False)
register_exact_evm_client(client, account())
session = wrapRequestsWithPayment(requests.Session(), client)
response = session.get(sys.argv[1], timeout=90)
payment = response.request.headers.get("PAYMENT-SIGNATURE")
tell(response.status_code, response.json(), response.headers, payment)

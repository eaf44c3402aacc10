# A buyer with httpx and unmodified x402 for Python: asks once, pays by itself, prints what came of it. usage: URL
import asyncio
import sys

import httpx
from outcome import account, tell
from x402 import x402Client
from x402.http.clients.httpx import x402AsyncTransport
from x402.mechanisms.evm.exact import register_exact_evm_client


class Recording(httpx.AsyncHTTPTransport):
    payment: str | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.payment = request.headers.get("payment-signature")
        return await super().handle_async_request(request)


async def main() -> None:
    client = x402Client()
    client.set_spend_controls(False)
    register_exact_evm_client(client, account())
    transport = Recording()
    async with httpx.AsyncClient(transport=x402AsyncTransport(client, transport), timeout=90) as http:
        response = await http.get(sys.argv[1])
    tell(response.status_code, response.json(), response.headers, transport.payment)


asyncio.run(main())

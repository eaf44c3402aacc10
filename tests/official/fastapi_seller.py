# A seller's server with the unmodified FastAPI middleware of x402 for Python. Prints its port when it listens.
import json
import os
import socket
import threading

import uvicorn
from fastapi import FastAPI
from x402 import x402ResourceServer
from x402.http import HTTPFacilitatorClient
from x402.http.middleware.fastapi import payment_middleware
from x402.http.types import PaymentOption, RouteConfig
from x402.mechanisms.evm.exact import ExactEvmServerScheme

NETWORK = "eip155:84532"
HEADERS = {"Authorization": f"Bearer {os.environ['API_KEY']}"}


def asks(price: str, extra: dict[str, str] | None = None) -> RouteConfig:
    option = PaymentOption(
        scheme="exact",
        pay_to=os.environ["PAY_TO"],
        price=price,
        network=NETWORK,
        max_timeout_seconds=600,
        extra=extra,
    )
    return RouteConfig(accepts=option)


facilitator = HTTPFacilitatorClient(
    {
        "url": os.environ["FACILITATOR_URL"],
        "create_headers": lambda: {"verify": HEADERS, "settle": HEADERS, "supported": HEADERS},
    }
)
server = x402ResourceServer(facilitator)
server.register(NETWORK, ExactEvmServerScheme())
routes = {
    "GET /weather": asks("$0.01"),
    "GET /upfront": asks("$0.01", {"paymentFlow": "upfront"}),
    "GET /dear": asks("$2000000"),
}

app = FastAPI()
app.middleware("http")(payment_middleware(routes, server))


@app.get("/weather")
@app.get("/upfront")
@app.get("/dear")
async def serve() -> dict[str, bool]:
    return {"served": True}


def end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(0)


threading.Thread(target=end_with_parent, daemon=True).start()
listening = socket.create_server(("127.0.0.1", 0), backlog=512)
print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])

# What the buyers in Python share: who pays, and one line of JSON about what came of it.
import json
import os
from collections.abc import Mapping

from eth_account import Account
from eth_account.signers.local import LocalAccount
from x402.http.utils import decode_payment_required_header, decode_payment_response_header


def account() -> LocalAccount:
    return Account.from_key(os.environ["PAYER_KEY"])


def tell(status: int, body: object, headers: Mapping[str, str], payment: str | None) -> None:
    receipt = headers.get("PAYMENT-RESPONSE")
    required = headers.get("PAYMENT-REQUIRED")
    outcome = {
        "status": status,
        "body": body,
        "receipt": receipt
        and decode_payment_response_header(receipt).model_dump(by_alias=True, exclude_none=True),
        "error": required and decode_payment_required_header(required).error,
        "payment": payment,
    }
    print(json.dumps(outcome))

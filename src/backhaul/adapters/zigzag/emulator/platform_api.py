"""What does the platform's own REST interface answer?

The two `PUT` operations and `POST /token` are documented; field names of the token call are not, so
the usual spellings are taken and given. The look-up by order number is **inferred** from a title only
(facts/zigzag 3.1) and says so in its answer. Error bodies are ours.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from secrets import token_bytes
from threading import Lock
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

from backhaul.adapters.zigzag.emulator.story import Json
from backhaul.adapters.zigzag.emulator.tape import Tape

TOKEN_SECONDS: Final = 30 * 60
MOST_PRODUCTS: Final = 40
MOST_STOCK: Final = 2_147_483_647
ISO_2: Final = 2
MESSAGE_KEYS: Final = frozenset({
    "PleaseContactOurCustomerService",
    "ThisItemCanNotBeReturned",
    "PleaseContactUsToCreateReturn",
    "ProductIsNonReturnable",
    "PleaseContactOurCustomerServiceTeam",
    "ProductIsNonRetunable",
    "GiftCardCannotBeReturned",
    "ThisProductIsNotReturnable",
})  # fmt: skip
USER_NAMES: Final = ("username", "userName", "user", "email", "client_id")
PASSWORDS: Final = ("password", "passWord", "pass", "client_secret")

Answer: TypeAlias = tuple[int, Json]


class Tokens:
    """Gives and checks tokens of 30 real minutes: JWT in form, signed with a key of this process."""

    def __init__(self) -> None:
        """Draw a signing key."""
        self._lock, self._key = Lock(), token_bytes(32)

    def give(self, user: str) -> str:
        """Give a token."""
        head = _part({"alg": "HS256", "typ": "JWT"})
        claims = _part({"sub": user, "iat": int(time.time()), "exp": int(time.time()) + TOKEN_SECONDS})
        return f"{head}.{claims}.{self._signature(f'{head}.{claims}')}"

    def accept(self, authorization: str) -> bool:
        """Say whether a request's `Authorization` header holds a token of ours that still lives."""
        kind, _, token = authorization.partition(" ")
        signed, _, signature = token.rpartition(".")
        if kind.lower() != "bearer" or not hmac.compare_digest(signature, self._signature(signed)):
            return False
        claims = signed.partition(".")[2]
        expires = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"]
        return bool(expires > time.time())

    def expire(self) -> None:
        """Make every token given so far worthless."""
        with self._lock:
            self._key = token_bytes(32)

    def _signature(self, signed: str) -> str:
        return _text(hmac.new(self._key, signed.encode(), hashlib.sha256).digest())


def _part(claims: Mapping[str, object]) -> str:
    return _text(json.dumps(claims).encode())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def ask_token(tokens: Tokens, raw: bytes, content_type: str) -> Answer:
    """Answer `POST /token`, from JSON or a form, whichever of the usual names are used."""
    try:
        asked = json.loads(raw) if "json" in content_type else dict(parse_qsl(raw.decode()))
    except ValueError:
        return 400, {"message": "The body is neither JSON nor a form."}
    user = next((asked[name] for name in USER_NAMES if asked.get(name)), None)
    if not user or not any(asked.get(name) for name in PASSWORDS):
        return 401, {"message": "A user name and a password are needed."}
    token = tokens.give(str(user))
    return 200, {"token": token, "access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS}


def update_stock(tape: Tape, asked: Json) -> Answer:
    """Answer `PUT /Return/api/v1/ExchangeStocks/Update`: absolute quantities replace the present ones."""
    rows = asked.get("exchangeStocks")
    if not asked.get("retailerCode") or not isinstance(rows, list):
        return 400, {"message": "retailerCode and exchangeStocks are needed."}
    wrong = [n for n, row in enumerate(rows) if not _is_stock_row(row)]
    if wrong:
        return 400, {"message": "Some rows are not valid; nothing was changed.", "rows": wrong}
    stock = tape.setting("stock") or {}
    for row in rows:
        stock[f"{asked['retailerCode']}|{row['sku']}|{row['warehouseDcCode']}"] = row["availableQuantity"]
    tape.keep(stock=stock)
    return 200, {"updated": len(rows)}


def _is_stock_row(row: Any) -> bool:
    if not isinstance(row, dict) or not row.get("sku") or not row.get("warehouseDcCode"):
        return False
    quantity = row.get("availableQuantity")
    return isinstance(quantity, int) and not isinstance(quantity, bool) and 0 <= quantity <= MOST_STOCK


def forbid_returns(tape: Tape, asked: Json) -> Answer:
    """Answer `PUT /Return/api/v1/NonReturnableProducts`: at most 40 rows; invalid ones are left out silently."""
    rows = asked.get("nonReturnableProducts")
    if not asked.get("retailerCode") or not isinstance(rows, list):
        return 400, {"message": "retailerCode and nonReturnableProducts are needed."}
    if len(rows) > MOST_PRODUCTS:
        return 400, {"message": f"At most {MOST_PRODUCTS} products; {len(rows)} were sent."}
    known = tape.setting("non_returnable") or {}
    for row in filter(_is_product_row, rows):
        known[f"{asked['retailerCode']}|{row['sku']}|{row.get('countryIso2Code') or ''}"] = row["isReturnable"]
    tape.keep(non_returnable=known)
    return 200, {"message": "Accepted"}


def _is_product_row(row: Any) -> bool:
    if not isinstance(row, dict) or not row.get("sku") or not isinstance(row.get("isReturnable"), bool):
        return False
    country = row.get("countryIso2Code") or ""
    return len(country) in {0, ISO_2} and row.get("messageKey", "ProductIsNonReturnable") in MESSAGE_KEYS


def look_up(tape: Tape, order: str, now: str) -> Answer:
    """Answer `GET /Return/api/v1/returns?orderNumber=` with the returns that touch an order, as they stand now."""
    found = [
        body["return"]
        for body, _ in tape.youngest(now)
        if any(line["orderNumber"] == order for line in body["return"]["lines"])
    ]
    return 200, {"inferred": "path and shape are ours; not public", "returns": found}

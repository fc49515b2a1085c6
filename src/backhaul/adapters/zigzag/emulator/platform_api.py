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
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from secrets import token_bytes
from threading import Lock
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

from backhaul.adapters.zigzag.emulator.story import Json, utc_text
from backhaul.adapters.zigzag.emulator.tape import Tape

TOKEN_SECONDS: Final = 30 * 60
MOST_PRODUCTS: Final = 40
MOST_STOCK: Final = 2_147_483_647
ISO_2: Final = 2
PAGE: Final = 50
MOST_IN_A_PAGE: Final = 500
INFERRED: Final = "path and shape are ours; not public"
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


@dataclass(slots=True)
class Misconduct:
    """How the interface misbehaves until told otherwise, and what it was asked meanwhile.

    Each fault answers requests whose method and path begin as it says, after the first `after` of them, `times` times; one that is
    `applied` does what was asked before it answers wrongly, as if the answer were lost.
    """

    omitted: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()
    faults: list[Json] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def fault_of(self, method: str, target: str) -> Json | None:
        """Write down a request, and give the fault it meets, if it meets one."""
        with self.lock:
            self.asked.append(f"{method} {target}")
            for fault in self.faults:
                if not f"{method} {target}".startswith(fault.get("path", "")) or fault["times"] <= 0:
                    continue
                if fault["after"] > 0:
                    fault["after"] -= 1
                    continue
                fault["times"] -= 1
                return fault
        return None


class Tokens:
    """Gives and checks tokens of 30 real minutes: JWT in form, signed with a key of this process."""

    def __init__(self) -> None:
        """Draw a signing key."""
        self._lock, self._key = Lock(), token_bytes(32)
        self.given = 0

    def give(self, user: str) -> str:
        """Give a token, and count it."""
        with self._lock:
            self.given += 1
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


def forbid_returns(tape: Tape, asked: Json, left_out: Collection[str] = ()) -> Answer:
    """Answer `PUT /Return/api/v1/NonReturnableProducts`: at most 40 rows; invalid ones are left out silently, as are SKUs `left_out`."""
    rows = asked.get("nonReturnableProducts")
    if not asked.get("retailerCode") or not isinstance(rows, list):
        return 400, {"message": "retailerCode and nonReturnableProducts are needed."}
    if len(rows) > MOST_PRODUCTS:
        return 400, {"message": f"At most {MOST_PRODUCTS} products; {len(rows)} were sent."}
    known = tape.setting("non_returnable") or {}
    for row in (row for row in rows if _is_product_row(row) and row["sku"] not in left_out):
        known[f"{asked['retailerCode']}|{row['sku']}|{row.get('countryIso2Code') or ''}"] = row["isReturnable"]
    tape.keep(non_returnable=known)
    return 200, {"message": "Accepted"}


def list_products(tape: Tape, query: Mapping[str, str]) -> Answer:
    """Answer `GET /Return/api/v1/NonReturnableProducts?retailerCode=`: what stands there, all of it."""
    standing = (tape.setting("non_returnable") or {}).items()
    rows = [(*key.split("|"), may) for key, may in standing if key.startswith(f"{query['retailerCode']}|")]
    return 200, {"inferred": INFERRED, "total": len(rows), "products": [
        {"sku": sku, **({"countryIso2Code": country} if country else {}), "isReturnable": may} for _, sku, country, may in rows]}


def _is_product_row(row: Any) -> bool:
    if not isinstance(row, dict) or not row.get("sku") or not isinstance(row.get("isReturnable"), bool):
        return False
    country = row.get("countryIso2Code") or ""
    return len(country) in {0, ISO_2} and row.get("messageKey", "ProductIsNonReturnable") in MESSAGE_KEYS


def looked_up(body: Json) -> Json:
    """Write a return as a look-up gives it: as it stands after its youngest event, with that event's time and count."""
    return {
        **body["return"],
        "retailerCode": body["retailerCode"],
        "updatedAt": body["occurredAt"],
        "sequence": body["sequence"],
    }


def look_up(tape: Tape, query: Mapping[str, str], now: str, omitted: Collection[str]) -> Answer:
    """Answer `GET /Return/api/v1/returns` by `orderNumber`, or by `changedSince` a page at a time, oldest change first.

    A list may leave returns out without a word (`omitted`); asked for by its order, a return is always given.
    """
    standing = [body for body, _ in tape.youngest(now)]
    if "orderNumber" in query:
        found = [body for body in standing if _touches(body, query["orderNumber"])]
        return 200, {"inferred": INFERRED, "returns": [looked_up(body) for body in found]}
    since = utc_text(datetime.fromisoformat(query["changedSince"]).astimezone(UTC))
    changed = sorted(
        (body for body in standing if body["occurredAt"] >= since and body["return"]["returnId"] not in omitted),
        key=lambda body: (body["occurredAt"], body["return"]["returnId"]),
    )
    page, size = int(query.get("page", 1)), int(query.get("pageSize", PAGE))
    if page < 1 or not 1 <= size <= MOST_IN_A_PAGE:
        return 400, {"message": f"page begins at 1 and pageSize ends at {MOST_IN_A_PAGE}."}
    part = changed[(page - 1) * size : page * size]
    following = page + 1 if page * size < len(changed) else None
    told = {"inferred": INFERRED, "total": len(changed), "nextPage": following}
    return 200, {**told, "returns": [looked_up(body) for body in part]}


def _touches(body: Json, order: str) -> bool:
    return any(line["orderNumber"] == order for line in body["return"]["lines"])


def look_at(tape: Tape, return_id: str, now: str) -> Answer:
    """Answer `GET /Return/api/v1/returns/{returnId}` with one return as it stands now."""
    for body, _ in tape.youngest(now):
        if body["return"]["returnId"] == return_id:
            return 200, looked_up(body)
    return 404, {"message": f"No return {return_id}."}

"""In which ways can the server misbehave, and when does it?

What each kind does to a request is told here where an answer is enough, and in `server` where the connection itself is hurt. When a fault
strikes tells `loopback`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from backhaul.adapters.finance_scm.emulator.model import INDEXED
from backhaul.adapters.odata_server import Answer, decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backhaul.adapters.loopback import Fault

# kind: path it waits for when the caller names none
KINDS: Mapping[str, str] = {
    "slow": "^/data/",
    "drip": "^/data/",
    "throttle": "^/data/",
    "error-before": "^/data/",
    "error-after": "^/data/",
    "answer-lost": "^/data/",
    "late-commit": "^/data/",
    "cut-body": "^/data/",
    "html": "^/data/",
    "other-record": "^/data/",
    "page-short": "^/data/",
    "token-expired": "^/(data|metadata|api)/",
    "forbidden": "^/data/",
    "batch-part-missing": r"^/data/\$batch",
    "batch-part-429": r"^/data/\$batch",
    "row-error": "ImportFromPackage",
    "import-stuck": "ImportFromPackage",
    "visibility-refuses": "transaction/adjustment/bulk",
    "lagging-read": "^/data/",
}
METHODS: Mapping[str, str] = {"lagging-read": "GET", "page-short": "GET"}
PAGE = b"<!DOCTYPE html><html><head><title>Please wait</title></head><body><h1>The service is being updated</h1></body></html>"
_NAMES = re.compile(
    rb'"(%s)":"([^"]*)"' % "|".join(sorted({c for columns in INDEXED.values() for c in columns} | {"LedgerVoucher"})).encode()
)


def instead(fault: Fault) -> Answer | None:
    """Give the answer of kinds that keep the request from being processed."""
    told = fault.told
    if fault.kind == "throttle":
        wait = (
            {}
            if told.get("retryAfter", told.get("seconds", 1)) is None
            else {"Retry-After": str(told.get("retryAfter", told.get("seconds", 1)))}
        )
        body = b'{"message":"The request was throttled because of high resource utilization. Please retry later."}'
        return Answer(status=429, body=body, headers={"Content-Type": "application/json", **wait})
    if fault.kind == "error-before":
        return failure(int(told.get("status", 500)))
    if fault.kind == "token-expired":
        return Answer(status=401, headers={"WWW-Authenticate": 'Bearer error="invalid_token", error_description="The token expired"'})
    if fault.kind == "forbidden":
        return Answer(status=403)
    if fault.kind == "html" and not told.get("commit"):
        return Answer(status=200, body=PAGE, headers={"Content-Type": "text/html; charset=utf-8"})
    return None


def afterwards(fault: Fault, answer: Answer) -> Answer:
    """Change the answer of kinds that strike after processing."""
    if fault.kind == "error-after":
        return failure(int(fault.told.get("status", 500)))
    if fault.kind == "html":
        return Answer(status=200, body=PAGE, headers={"Content-Type": "text/html; charset=utf-8"})
    if fault.kind == "other-record":
        return Answer(status=answer.status, body=_NAMES.sub(rb'"\1":"\2-OTHER"', answer.body), headers=answer.headers)
    if fault.kind == "page-short":
        page = decode(answer.body)
        if fault.told.get("drop", "nextLink") == "rows":
            page["value"] = page["value"][: int(fault.told.get("keep", 0))]
        page.pop("@odata.nextLink", None)
        return Answer(status=answer.status, body=encode(page), headers=answer.headers)
    return answer


def failure(status: int) -> Answer:
    """Give an error nobody can learn anything from."""
    body = encode({"error": {"code": "", "message": "An error has occurred."}})
    return Answer(status=status, body=body, headers={"Content-Type": "application/json"})

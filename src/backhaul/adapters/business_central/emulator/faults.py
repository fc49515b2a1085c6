"""In which ways can the server misbehave, and when does it?

What each kind does to a request is told here where an answer is enough, and in `server` where the connection itself is hurt. When a fault
strikes tells `loopback`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from backhaul.adapters.odata_server import Answer, decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backhaul.adapters.loopback import Fault

EVERYWHERE = "^/v2.0/"
# kind: path it waits for when the caller names none
KINDS: Mapping[str, str] = {
    "slow": EVERYWHERE,
    "drip": EVERYWHERE,
    "throttle": EVERYWHERE,
    "error-before": EVERYWHERE,
    "error-after": EVERYWHERE,
    "answer-lost": EVERYWHERE,
    "late-commit": EVERYWHERE,
    "cut-body": EVERYWHERE,
    "html": EVERYWHERE,
    "other-record": EVERYWHERE,
    "page-short": EVERYWHERE,
    "token-expired": EVERYWHERE,
    "forbidden": EVERYWHERE,
    "posted-but-400": r"Microsoft\.NAV\.|\$batch",
    "batch-cut": r"\$batch$",
    "batch-part-missing": r"\$batch$",
    "batch-part-429": r"\$batch$",
    "batch-part-500": r"\$batch$",
    "batch-part-400": r"\$batch$",
    "lagging-read": EVERYWHERE,
    "changed-meanwhile": EVERYWHERE,
    "job-stuck": "restart",
}
METHODS: Mapping[str, str] = {"lagging-read": "GET", "page-short": "GET", "posted-but-400": "POST"}
PAGE = b"<!DOCTYPE html><html><head><title>Please wait</title></head><body><h1>The service is being updated</h1></body></html>"
_NAMES = re.compile(rb'"(number|externalDocumentNumber|documentNumber)":"([^"]*)"')


def instead(fault: Fault) -> Answer | None:
    """Give the answer of kinds that keep the request from being processed."""
    told = fault.told
    if fault.kind == "throttle":
        wait = told.get("retryAfter", told.get("seconds"))
        answer = failure(429, "Application_TooManyRequests", "Too many requests.")
        if wait is not None:
            answer.headers["Retry-After"] = str(wait)
        return answer
    if fault.kind == "error-before":
        return failure(int(told.get("status", 500)))
    if fault.kind == "token-expired":
        return rejected()
    if fault.kind == "forbidden":
        return failure(403, "Authorization_RequestDenied", "The caller does not have the permissions this needs.")
    if fault.kind == "html" and not told.get("commit"):
        return Answer(status=200, body=PAGE, headers={"Content-Type": "text/html; charset=utf-8"})
    return None


def afterwards(fault: Fault, answer: Answer) -> Answer:
    """Change the answer of kinds that strike after processing."""
    if fault.kind == "error-after":
        return failure(int(fault.told.get("status", 500)))
    if fault.kind == "posted-but-400":
        return failure(400, "Internal_DataNotFoundFilter", "There is no Sales Cr. Memo Header within the filter. Filters: No.: ''")
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


def failure(status: int, code: str = "Internal_ServerError", text: str = "An error occurred.") -> Answer:
    """Give an error; the usual one says nothing anybody could learn from."""
    body = encode({"error": {"code": code, "message": text + "  CorrelationId:  00000000-0000-4000-8000-000000000500."}})
    return Answer(status=status, body=body, headers={"Content-Type": "application/json"})


def rejected() -> Answer:
    """Refuse a token."""
    answer = failure(401, "Authentication_InvalidCredentials", "The server has rejected the client credentials.")
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer

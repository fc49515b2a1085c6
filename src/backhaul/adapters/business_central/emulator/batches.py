"""What does a `$batch` do?

JSON only, at most 100 operations, in their order. It stops at the first that fails unless the caller prefers to go on. With
`Isolation: snapshot` all run in one transaction, but what AL commits on the way stays (facts/business-central 5).
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from backhaul.adapters.business_central.emulator import refusals as no
from backhaul.adapters.business_central.emulator.faults import failure
from backhaul.adapters.odata_server import Answer, Call, Refused, answer_json, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST = 100


class _Failed(Exception):  # noqa: N818 - caught ten lines below
    """An operation failed, so what the others wrote is undone."""


def batch(call: Call, answering: Callable[[Call], Answer], transaction: Callable[[], Any], spoil: Mapping[int, str],
          until: int = MOST) -> Answer:
    """Answer a batch; `answering` answers one operation, `spoil` names operations that go wrong, `until` where the batch is cut."""
    told = _read(call)
    onwards = "odata.continue-on-error" in call.headers.get("prefer", "")
    snapshot = call.headers.get("isolation", "").lower() == "snapshot"
    answers: list[dict[str, Any]] = []
    try:
        with transaction() if snapshot else nullcontext():
            for at, each in enumerate(told[:until]):
                if not _one(at, each, call, answering, spoil, answers) and (snapshot or not onwards):
                    raise _Failed  # noqa: TRY301 - it undoes the transaction around it
    except _Failed:
        pass
    if "application/json" not in call.headers.get("accept", ""):
        return _multipart(answers)
    return answer_json(200, {"responses": answers})


def _read(call: Call) -> list[dict[str, Any]]:
    try:
        told = decode(call.body)["requests"]
    except (msgspec.DecodeError, KeyError, TypeError) as wrong:
        raise no.refusal("BadRequest", f"The batch is not understood: {wrong}") from wrong
    if len(told) > MOST:
        raise no.batch_too_large(MOST)
    if len({str(each.get("id")) for each in told}) != len(told):
        raise no.refusal("BadRequest", "The ids of the operations of a batch must differ.")
    return list(told)


def _one(at: int, told: Mapping[str, Any], outer: Call, answering: Callable[[Call], Answer], spoil: Mapping[int, str],  # noqa: PLR0913, PLR0917 - an operation and all around it
         answers: list[dict[str, Any]]) -> bool:
    trouble = spoil.get(at)
    if trouble in {"429", "500"}:
        answer = failure(int(trouble)) if trouble == "500" else failure(429, "Application_TooManyRequests", "Too many requests.")
    else:
        answer = answering(_call(told, outer))
        if trouble == "400":
            answer = failure(400, "Internal_DataNotFoundFilter", "There is no Sales Cr. Memo Header within the filter. Filters: No.: ''")
    if trouble != "missing":
        shown: dict[str, Any] = {"id": str(told["id"]), "status": answer.status, "headers": answer.headers}
        if answer.body:
            shown["body"] = decode(answer.body) if "json" in answer.headers.get("Content-Type", "") else answer.body.decode()
        answers.append(shown)
    return answer.status < 400


def _call(told: Mapping[str, Any], outer: Call) -> Call:
    """Read one operation; its address may be absolute, rooted or relative to the service root."""
    parts = urlsplit(str(told.get("url", "")))
    path = parts.path
    for mark in ("/api/v2.0/", "/ODataV4/"):
        if mark in path:
            path = path.partition(mark)[2]
    if "/api/" in path:
        path = "/".join(path.partition("/api/")[2].split("/")[3:])
    headers = {name.lower(): str(value) for name, value in (told.get("headers") or {}).items()}
    kept = {name: outer.headers[name] for name in ("accept-language", "company", "data-access-intent") if name in outer.headers}
    body = told.get("body")
    return Call(method=str(told.get("method", "GET")).upper(), path=path.lstrip("/"), query=parts.query, headers=kept | headers,
                body=b"" if body is None else encode(body))


def _multipart(answers: list[dict[str, Any]]) -> Answer:
    """Answer as the platform does when nobody asked for JSON."""
    mark = "batchresponse_5c0e0d0f"
    parts = [f"--{mark}\r\nContent-Type: application/http\r\nContent-ID: {each['id']}\r\n\r\nHTTP/1.1 {each['status']} \r\n"
             f"Content-Type: application/json\r\n\r\n{json.dumps(each.get('body', ''), default=str)}\r\n" for each in answers]
    return Answer(status=200, body="".join([*parts, f"--{mark}--\r\n"]).encode(),
                  headers={"Content-Type": f"multipart/mixed; boundary={mark}"})


def refused_as(refused: Refused, correlation: str, language: str, asked: str) -> Answer:
    """Write a refusal the way it leaves: with a correlation id, and in the tenant's language unless English was asked for."""
    body = refused.body if isinstance(refused.body, dict) else {"error": {"code": "Unknown", "message": str(refused.body)}}
    error = body["error"]
    text = str(error["message"])
    if not asked.lower().startswith("en") and not language.lower().startswith("en"):
        text = f"({language}) {error['code']}"
    return answer_json(refused.status, {"error": {"code": error["code"], "message": f"{text}  CorrelationId:  {correlation}."}})

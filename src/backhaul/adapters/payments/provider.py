"""How is a payment provider asked for what it paid, without a surprise?

Providers differ, so address, list, paging and words are the profile's. The key goes to one host only and after no redirect; an answer has
bounds of size and time; nothing is tried twice by itself. Each page is given as its bytes, to be kept before it is read.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx

from backhaul.adapters import outgoing
from backhaul.adapters.payments.sheet import Columns, read
from backhaul.adapters.zigzag.reader import Path, get, normalise, read_json
from backhaul.adapters.zigzag.webhook import Revealing
from backhaul.application.ports import Unusable
from backhaul.application.take_payments import Row
from backhaul.domain.errors import Misconfigured, NeedsOperator, RetryLater

BODY: Final = 20 * 1024 * 1024
PAGES: Final = 10_000
LOCAL: Final = frozenset({"127.0.0.1", "::1", "localhost"})
PLACES: Final = ("since", "until", "page")
PAGING: Final = ("none", "number", "cursor")
BUSY: Final = frozenset({408, 429, 500, 502, 503, 504})


class Api(Columns, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[payouts.api]`: where a provider lists its payments, how the next page is asked for, and how a payment in it is read.

    In `path` ``{since}``, ``{until}`` and ``{page}`` stand for what is asked. `paging` as that of the platform's look-ups. `key` is a
    reference; it travels in `header` behind `prefix`.
    """

    base_url: str
    path: str
    key: str
    header: str = "authorization"
    prefix: str = "Bearer "
    items: str = ""
    paging: str = "none"
    first: str = "1"
    next: str = ""
    time_format: str = "%Y-%m-%dT%H:%M:%SZ"
    every: str = "1h"
    overlap: str = "2d"
    at_most: str = "30d"
    timeout: str = "30s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of an answer, byte for byte, and the payments in it."""

    name: str
    body: bytes
    rows: tuple[Row, ...]


def flaws(api: Api) -> Iterator[tuple[str, str]]:
    """Say what is wrong with how a provider is asked: the setting, and a sentence."""
    if not _is_safe(api.base_url):
        yield "base_url", f"'{api.base_url}' must begin with https://, or a key would travel in the open"
    left = api.path
    for place in PLACES:
        left = left.replace("{" + place + "}", "")
    if not api.path.startswith("/") or "{" in left:
        yield "path", f"a path begins with / and may leave open {', '.join(PLACES)}"
    if api.paging not in PAGING:
        yield "paging", f"paging is one of {', '.join(PAGING)}"
    elif (api.paging != "none") != ("{page}" in api.path):
        yield "path", "a path with {page} needs paging, and paging needs {page}"
    if (api.paging == "cursor") != bool(api.next):
        yield "next", "a cursor stands where next says, and only a cursor does"
    if api.paging == "number" and not api.first.isdecimal():
        yield "first", "the first page has a number"


def _is_safe(base_url: str) -> bool:
    parts = urlsplit(base_url)
    return bool(parts.netloc) and "@" not in parts.netloc and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL))


def pages(api: Api, key: Revealing, since: datetime, until: datetime, *, timeout: float) -> Iterator[Page]:
    """Give every page of what was paid or changed between two moments; what was given before it raised is good, and is not all.

    Raises `RetryLater` when the same may succeed later, `NeedsOperator` and `Misconfigured` when it will not.
    """
    if not key.reveal():
        message = "payouts.api.key: the reference leads nowhere"
        raise Misconfigured(message)
    page, before = api.first, b""
    with httpx.Client(timeout=timeout, follow_redirects=False, trust_env=False, transport=outgoing.Transport()) as http:
        for number in range(1, PAGES + 1):
            body = _get(http, api, key, _path(api, since, until, page), timeout)
            told, items = _taken_apart(api, body)
            if items and body == before:
                message = f"{api.provider} gave the same page twice; nobody knows what comes after it"
                raise RetryLater(message)
            rows = tuple(_row(api, place, item) for place, item in enumerate(items, start=1))
            yield Page(name=f"{api.provider} {since.isoformat()} page {number}", body=body, rows=rows)
            following = _next(api, told, page, full=bool(items))
            if not following:
                return
            page, before = following, body
    message = f"{api.provider} has more than {PAGES} pages"
    raise NeedsOperator(message)


def _path(api: Api, since: datetime, until: datetime, page: str) -> str:
    said = {name: moment.astimezone(UTC).strftime(api.time_format) for name, moment in (("since", since), ("until", until))}
    path = api.path
    for name, value in {**said, "page": page}.items():
        path = path.replace("{" + name + "}", quote(value, safe=""))
    return path


def _get(http: httpx.Client, api: Api, key: Revealing, path: str, timeout: float) -> bytes:
    """Make one exchange within bounds of time and size."""
    where, until = path.partition("?")[0], time.monotonic() + timeout
    headers = {api.header: f"{api.prefix}{key.reveal()}", "Accept": "application/json"}
    try:
        with http.stream("GET", api.base_url.rstrip("/") + path, headers=headers) as answer:
            chunks, size = [], 0
            for chunk in answer.iter_bytes():
                size += len(chunk)
                if size > BODY or time.monotonic() > until:
                    message = f"The answer of {api.provider} to {where} is too large or too slow ({size} bytes so far)."
                    raise RetryLater(message)
                chunks.append(chunk)
    except httpx.HTTPError as error:
        message = f"{api.provider} did not answer {where}: {outgoing.why(error)}."
        raise RetryLater(message) from error
    if answer.is_redirect:
        message = f"{api.base_url}{where} redirects; name the address itself, because a key is not sent after it"
        raise Misconfigured(message)
    if answer.status_code in BUSY:
        message = f"{api.provider} is busy or away ({answer.status_code} at {where})."
        raise RetryLater(message)
    if not answer.is_success:
        message = f"{api.provider} answers {answer.status_code} to {where}. Check payouts.api.path and key."
        raise NeedsOperator(message)
    return b"".join(chunks)


def _taken_apart(api: Api, body: bytes) -> tuple[Any, list[Any]]:
    """Read an answer and give the list in it; an answer without one says nothing, not even that there was nothing."""
    try:
        told = normalise(read_json(body))
        found = get(told, Path.of(api.items).flat) if api.items else told
    except Unusable as unusable:
        message = f"The answer of {api.provider} cannot be read: {unusable}"
        raise NeedsOperator(message) from unusable
    if not isinstance(found, list):
        message = f"The answer of {api.provider} holds no list at '{api.items or 'its top'}', not even an empty one."
        raise NeedsOperator(message)
    return told, found


def _row(api: Api, place: int, item: Any) -> Row:  # noqa: ANN401  JSON
    return read(f"item {place}", item, api) if isinstance(item, dict) else Row(at=f"item {place}", flaw="it is no object")


def _next(api: Api, told: Any, page: str, *, full: bool) -> str:  # noqa: ANN401  JSON
    """Say how the next page is asked for; empty after the last."""
    if api.paging == "number":
        return str(int(page) + 1) if full else ""
    following = get(told, Path.of(api.next).flat) if api.paging == "cursor" else None
    return str(following) if isinstance(following, str | int) and not isinstance(following, bool) and following != "" else ""


__all__ = ["PAGING", "Api", "Page", "flaws", "pages"]

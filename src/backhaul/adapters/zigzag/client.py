"""How is the platform asked, and told, without a surprise?

ZigZag's host and its rule for tokens are public, the names in its answers are not (facts/zigzag 2.1): paths,
names and paging are the profile's. A token lives 30 minutes, is renewed before it ends by one thread for all,
and goes to one host only. Nothing in here tries twice by itself, with one exception: an answer of 401 is
followed by one new token and one repeat. Whatever is asked for later is said with `RetryLater`.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from backhaul.adapters import outgoing
from backhaul.adapters.zigzag.reader import Path, bare_key, get, normalise, read_json
from backhaul.adapters.zigzag.webhook import Revealing
from backhaul.application.ports import Clock, Found, Unusable
from backhaul.domain.errors import Misconfigured, NeedsOperator, RetryLater
from backhaul.domain.pushing import Row

BODY: Final = 20 * 1024 * 1024
"""A larger answer is not read to its end."""
PAGES: Final = 10_000
"""A list that goes on after so many pages has no end."""
TOLD: Final = 300
"""So much of the platform's own words goes into a sentence of ours."""
LONGEST_WAIT: Final = 3600.0
"""An answer that asks for more than an hour is asked again after one."""
STOCK: Final = "/Return/api/v1/ExchangeStocks/Update"
PRODUCTS: Final = "/Return/api/v1/NonReturnableProducts"
GONE: Final = frozenset({404, 410})
BUSY: Final = frozenset({429, 503})
LOCAL: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """One question the platform answers: where, where in the answer the list stands, and how the next page is asked for.

    `paging` is ``none``, ``number`` (pages from `first` on, until one is empty) or ``cursor`` (from `first` on, what
    stands at `next` is the next page, until nothing does). `total` is where the answer says how many there are in all. `ref` is where an
    item names its return; `payload` the name of the payload profile that reads an item.
    """

    name: str
    path: str
    items: str = ""
    ref: str
    payload: str = ""
    paging: str = "none"
    first: str = "1"
    next: str = ""
    total: str = ""
    since_format: str = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where the platform is, as whom we ask, and how its token is spelled."""

    base_url: str
    username: Revealing
    password: Revealing
    token_path: str = "/token"  # noqa: S105  a path
    token_form: bool = False
    username_field: str = "username"
    password_field: str = "password"  # noqa: S105  a name
    token_field: str = "token"  # noqa: S105  a name
    renew_after: timedelta = timedelta(minutes=25)
    timeout: float = 30.0
    lookups: Mapping[str, Lookup] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    """A token and when it is to be replaced."""

    text: str = field(repr=False)
    renew_at: datetime


class ZigZagClient:
    """One tenant's way to the platform; implements `PlatformApi`. Threads may share it."""

    def __init__(self, access: Access, clock: Clock) -> None:
        """Pin the host; a plain connection to anywhere but this machine is a `Misconfigured`."""
        parts = urlsplit(access.base_url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOCAL):
            message = f"platform.base_url: '{access.base_url}' must begin with https://, or a password would travel in the open"
            raise Misconfigured(message)
        self._access, self._clock, self._base = access, clock, access.base_url.rstrip("/")
        self._origin = (parts.scheme, parts.netloc)
        self._http = httpx.Client(timeout=access.timeout, follow_redirects=False, trust_env=False,
                                  transport=outgoing.Transport())
        self._renewing, self._token = Lock(), _Token(text="", renew_at=datetime.min.replace(tzinfo=UTC))
        self._not_before = self._token.renew_at

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    # --- asking

    def look_up(self, name: str, values: Mapping[str, str | datetime]) -> Iterator[Found]:
        """Give every item of a look-up, page by page and byte for byte; see the port for what it raises."""
        lookup = self._access.lookups.get(name)
        if lookup is None:
            message = f"platform.lookups: there is no look-up '{name}'; there are {', '.join(sorted(self._access.lookups)) or 'none'}"
            raise Misconfigured(message)
        page, told, before, read = lookup.first, 1, b"", 0
        while told <= PAGES:
            body = self._get(lookup, values, page)
            items = _items(lookup, body) if body is not None else []
            if items and body == before:
                message = f"look-up '{name}' gave the same page twice; nobody knows what comes after it"
                raise RetryLater(message)
            yield from (Found(ref=_ref(lookup, item), body=item) for item in items)
            read += len(items)
            following = _next(lookup, body, items, told)
            if not following:
                _check_total(lookup, body, read)
                return
            page, told, before = following, told + 1, body or b""
        message = f"look-up '{name}' has more than {PAGES} pages"
        raise NeedsOperator(message)

    def _get(self, lookup: Lookup, values: Mapping[str, str | datetime], page: str) -> bytes | None:
        said = {name: value.astimezone(UTC).strftime(lookup.since_format) if isinstance(value, datetime) else value
                for name, value in values.items()} | {"page": page}
        path = lookup.path
        for name, value in said.items():
            path = path.replace("{" + name + "}", quote(value, safe=""))
        if "{" in path:
            message = f"platform.lookups.{lookup.name}.path: nothing is known to stand for {path[path.index('{'):]}"
            raise Misconfigured(message)
        status, body = self._send("GET", path, None)
        if status in GONE and ("return" in values or "order" in values):
            return None
        return self._judged(f"look-up '{lookup.name}'", status, body)

    # --- telling

    def put(self, path: str, body: Mapping[str, Any]) -> bytes:
        """Replace what the platform has by absolute values; a time-out says nothing, so the same is sent whole again later."""
        return self._judged(f"PUT {path}", *self._send("PUT", path, msgspec.json.encode(body)))

    def put_stock(self, retailer: str, rows: Sequence[Row]) -> None:
        """Tell absolute quantities (facts/zigzag 3.2)."""
        self.put(STOCK, {"retailerCode": retailer, "exchangeStocks": [
            {"sku": row.sku, "warehouseDcCode": row.at, "availableQuantity": row.value} for row in rows]})

    def put_returnable(self, retailer: str, rows: Sequence[Row], *, message_key: str, country_field: str) -> None:
        """Tell what may be returned; no country means every one. Invalid rows are left out without a word (facts/zigzag 3.3)."""
        self.put(PRODUCTS, {"retailerCode": retailer, "nonReturnableProducts": [
            {"sku": row.sku, **({country_field: row.at} if row.at else {}), "messageKey": message_key, "isReturnable": row.value}
            for row in rows]})

    def listed(self, lookup: str, retailer: str, *, country_field: str, returnable_field: str) -> Mapping[str, Mapping[str, bool]]:
        """Ask for the list of products that may, or may not, be returned; see the port. An item that says neither is `NeedsOperator`."""
        found: dict[str, dict[str, bool]] = {}
        for item in self.look_up(lookup, {"retailer": retailer}):
            told = normalise(read_json(item.body))
            country, may = get(told, Path.of(country_field).flat), get(told, Path.of(returnable_field).flat) if returnable_field else False
            if not item.ref or not isinstance(may, bool) or not isinstance(country, str | None):
                message = (f"look-up '{lookup}' lists a product whose SKU, country or '{returnable_field}' cannot be read: "
                           f"{item.body[:TOLD].decode(errors='replace')}")
                raise NeedsOperator(message)
            found.setdefault(item.ref, {})[country or ""] = may
        return found

    # --- the wire

    def _send(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        """Send once; on 401 take a new token and send once more."""
        token = self._current("")
        status, answer = self._once(method, path, body, token)
        if status == httpx.codes.UNAUTHORIZED:
            token = self._current(token)
            status, answer = self._once(method, path, body, token)
            if status == httpx.codes.UNAUTHORIZED:
                message = (f"The platform refuses a token it gave a moment ago ({method} {path.partition('?')[0]}). "
                           "Ask it whether this user may use its API.")
                raise NeedsOperator(message)
        return status, answer

    def _once(self, method: str, path: str, body: bytes | None, token: str) -> tuple[int, bytes]:
        return self._exchange(method, path, body, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})

    def _exchange(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Make one exchange with the pinned host, within bounds of time and size."""
        now = self._clock.now()
        if now < self._not_before:
            wait = (self._not_before - now).total_seconds()
            message = f"The platform asked to be left alone for another {wait:.0f} s."
            raise RetryLater(message, after_seconds=wait)
        url = self._base + path
        parts = urlsplit(url)
        if not path.startswith("/") or (parts.scheme, parts.netloc) != self._origin:
            message = f"'{path}' leads away from {self._base}; a token goes nowhere else"
            raise Misconfigured(message)
        until = time.monotonic() + self._access.timeout
        try:
            with self._http.stream(method, url, content=body, headers={**headers, "Accept": "application/json"}) as answer:
                chunks, size = [], 0
                for chunk in answer.iter_bytes():
                    size += len(chunk)
                    if size > BODY or time.monotonic() > until:
                        message = f"The platform's answer to {method} {parts.path} is too large or too slow ({size} bytes so far)."
                        raise RetryLater(message)
                    chunks.append(chunk)
        except httpx.HTTPError as error:
            message = f"The platform did not answer {method} {parts.path}: {outgoing.why(error)}."
            raise RetryLater(message) from error
        if answer.is_redirect:
            message = f"{self._base}{parts.path} redirects; name the address itself, because a token is not sent after it"
            raise Misconfigured(message)
        if answer.status_code in BUSY:
            wait = self._wait(answer.headers.get("retry-after", ""))
            self._not_before = now + timedelta(seconds=wait)
            message = f"The platform is busy ({answer.status_code}) and asks for {wait:.0f} s."
            raise RetryLater(message, after_seconds=wait)
        return answer.status_code, b"".join(chunks)

    def _wait(self, told: str) -> float:
        """Read Retry-After: seconds, or a date."""
        if told.isascii() and told.isdecimal():
            return min(float(told), LONGEST_WAIT)
        try:
            at = parsedate_to_datetime(told)
        except ValueError:
            return 60.0
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return min(max((at - self._clock.now()).total_seconds(), 1.0), LONGEST_WAIT)

    def _judged(self, what: str, status: int, body: bytes) -> bytes:
        if httpx.codes.is_success(status):
            return body
        said = " ".join(body[:TOLD].decode(errors="replace").split())
        message = f"The platform answers {status} to {what}: {said or 'nothing'}."
        if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.REQUEST_TIMEOUT:
            raise RetryLater(message)
        raise NeedsOperator(message)

    # --- the token

    def _current(self, refused: str) -> str:
        """Give a token that is not the refused one. However many threads ask, one asks the platform."""
        with self._renewing:
            if self._token.text in {"", refused} or self._clock.now() >= self._token.renew_at:
                self._token = self._ask()
            return self._token.text

    def _ask(self) -> _Token:
        access, now = self._access, self._clock.now()
        said = {access.username_field: access.username.reveal(), access.password_field: access.password.reveal()}
        if not all(said.values()):
            message = "platform: user name or password is missing; their references lead nowhere"
            raise Misconfigured(message)
        form = str(httpx.QueryParams(said)).encode() if access.token_form else msgspec.json.encode(said)
        kind = "application/x-www-form-urlencoded" if access.token_form else "application/json"
        status, body = self._exchange("POST", access.token_path, form, {"Content-Type": kind})
        if status in {400, 401, 403, 404, 405, 415}:
            message = (f"The platform gives no token ({status} at {access.token_path}). "
                       "Check platform.username, platform.password, token_path, token_form and the names of the token's fields.")
            raise Misconfigured(message)
        self._judged("the request for a token", status, body)
        try:
            text = get(normalise(read_json(body)), Path.of(access.token_field).flat)
        except Unusable:
            text = None
        if not isinstance(text, str) or not text or not text.isascii() or not text.isprintable():
            message = f"platform.token_field: the platform's answer holds no token at '{access.token_field}'"
            raise Misconfigured(message)
        return _Token(text=text, renew_at=now + access.renew_after)


# --- reading an answer -----------------------------------------------------------------------------------

_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])


def _at(body: bytes, path: str) -> bytes | None:
    """Give what stands at a path, as its bytes; None if nothing does."""
    here: bytes = body
    for key in Path.of(path).flat if path else ():
        found = [bytes(raw) for name, raw in _FIELDS.decode(here).items() if bare_key(name) == key]
        if len(found) != 1:
            return None
        here = found[0]
    return here


def _items(lookup: Lookup, body: bytes) -> Sequence[bytes]:
    """Cut a list into its items without changing a byte; one object is a list of one."""
    try:
        found = _at(body, lookup.items)
        if found is None or found.strip() == b"null":
            return _missing(lookup, found)
        return [bytes(item) for item in _LIST.decode(found)] if found.lstrip()[:1] == b"[" else [found]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        message = f"look-up '{lookup.name}': the answer is no JSON that can be read: {error}"
        raise NeedsOperator(message) from error


def _missing(lookup: Lookup, found: bytes | None) -> Sequence[bytes]:
    if found is None:
        message = f"look-up '{lookup.name}': the answer holds nothing at '{lookup.items}', not even an empty list"
        raise NeedsOperator(message)
    return []


def _ref(lookup: Lookup, item: bytes) -> str:
    """Read which return an item is about; empty if it does not say so in a way that can be read."""
    try:
        told = get(normalise(read_json(item)), Path.of(lookup.ref).flat)
    except Unusable:
        return ""
    return str(told) if isinstance(told, (str, int)) and not isinstance(told, bool) else ""


def _next(lookup: Lookup, body: bytes | None, items: Sequence[bytes], told: int) -> str:
    """Say how the next page is asked for; empty after the last."""
    if body is None or lookup.paging == "none":
        return ""
    if lookup.paging == "number":
        return str(int(lookup.first) + told) if items else ""
    following = _plain(_at(body, lookup.next))
    return "" if following is None else str(following)


def _check_total(lookup: Lookup, body: bytes | None, read: int) -> None:
    total = _plain(_at(body, lookup.total)) if lookup.total and body is not None else None
    if isinstance(total, int) and read < total:
        message = f"look-up '{lookup.name}' says it has {total} and gave {read}"
        raise RetryLater(message)


def _plain(raw: bytes | None) -> str | int | None:
    try:
        return None if raw is None else msgspec.json.decode(raw, type=str | int | None)
    except msgspec.MsgspecError:
        return None


@dataclass(frozen=True, slots=True)
class Moment:
    """A clock that is asked through a function."""

    ask: Callable[[], datetime] = lambda: datetime.now(UTC)

    def now(self) -> datetime:
        """Give the current time in UTC."""
        return self.ask()

"""How do we speak OData to Dynamics 365, and what does each of its answers mean?

The client half: token, paging, `$batch`, ETag, waiting times, error bodies, and `classify_answer`, which is
reliability appendix A as a table. Wire behaviour follows facts/finance-scm 4. Nothing here repeats a write by itself, except the one
resend after a 401, because authentication comes before processing. Headers, bodies and query strings are never logged.
"""

import logging
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final
from urllib.parse import urljoin, urlsplit
from uuid import uuid4

import httpx
import msgspec
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.client import OAuth2Client

from backhaul.adapters import outgoing
from backhaul.adapters.odata.assertion import KIND, assertion
from backhaul.adapters.odata.batch import Change, read_parts, write_batch
from backhaul.adapters.odata.network import Transport, until
from backhaul.adapters.odata.query import Query, day_of, enum, keyed, noon, number, quoted
from backhaul.domain.errors import Misconfigured, RetryLater

log = logging.getLogger(__name__)

MOST_PAGES: Final = 1000
DEFAULT_WAIT, LONGEST_WAIT = 30.0, 600.0
Row = dict[str, Any]
Whole = tuple["Answer", httpx.Headers, bytes]
"""An answer, its headers and its bytes."""

_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=Decimal)

# --- what an answer means (reliability appendix A) -----------------------------------------------


class Meaning(StrEnum):
    """What we know after an answer, or after none."""

    OK = "ok"
    NO = "no"
    UNKNOWN = "unknown"
    PENDING = "pending"


class Then(StrEnum):
    """What happens next."""

    RECORD = "record"
    RETRY = "retry"
    RESOLVE = "resolve"
    ALERT = "resolve and alert"
    POLL = "poll"
    EXCEPTION = "exception"
    REFRESH = "refresh"
    CIRCUIT = "circuit"
    REREAD = "reread"
    WAIT = "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was observed of one write. `status` None: no complete answer. `whole`: body complete, readable and about our record.

    `atomic`: one record or one change set was asked for; `change_set`: the answer stands for a whole change set inside a `$batch`;
    `explained`: the body is a well-formed error.
    """

    sent: bool = True
    status: int | None = None
    whole: bool = False
    atomic: bool = True
    change_set: bool = False
    explained: bool = False
    other_record: bool = False


Verdict = tuple[Meaning, Then]


def _status(*codes: int) -> Callable[[Seen], bool]:
    return lambda seen: seen.status in codes


def _hundred(first: int) -> Callable[[Seen], bool]:
    return lambda seen: seen.status is not None and seen.status // 100 == first


ANSWERS: Final[tuple[tuple[Callable[[Seen], bool], Verdict], ...]] = (
    (lambda seen: not seen.sent, (Meaning.NO, Then.RETRY)),
    (lambda seen: seen.status is None, (Meaning.UNKNOWN, Then.RESOLVE)),
    (_status(202), (Meaning.PENDING, Then.POLL)),
    (lambda seen: _hundred(2)(seen) and seen.other_record, (Meaning.UNKNOWN, Then.ALERT)),
    (lambda seen: _hundred(2)(seen) and seen.whole, (Meaning.OK, Then.RECORD)),
    (_hundred(2), (Meaning.UNKNOWN, Then.RESOLVE)),
    (lambda seen: seen.change_set and seen.explained and seen.status in {400, 422, 500}, (Meaning.NO, Then.EXCEPTION)),
    (lambda seen: seen.status in {400, 422} and seen.atomic and seen.explained, (Meaning.NO, Then.EXCEPTION)),
    (_status(400, 422), (Meaning.UNKNOWN, Then.RESOLVE)),
    (_status(401), (Meaning.NO, Then.REFRESH)),
    (_status(403), (Meaning.NO, Then.CIRCUIT)),
    (_status(404, 405, 413, 414, 415), (Meaning.NO, Then.EXCEPTION)),
    (_status(408, 409), (Meaning.UNKNOWN, Then.RESOLVE)),
    (_status(412, 428), (Meaning.NO, Then.REREAD)),
    (_status(429), (Meaning.NO, Then.WAIT)),
    (_hundred(3), (Meaning.UNKNOWN, Then.ALERT)),
    (_hundred(5), (Meaning.UNKNOWN, Then.RESOLVE)),
)
"""Rows of reliability appendix A; the first that fits decides. "A failed change set = no" is read as: it says so in a well-formed error."""


def classify_answer(seen: Seen) -> Verdict:
    """Say what an answer to an ERP write means; anything not listed is unknown."""
    return next((verdict for fits, verdict in ANSWERS if fits(seen)), (Meaning.UNKNOWN, Then.RESOLVE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer, whole or part of a batch. `body` is decoded JSON, None when there was none or it could not be read.

    `request` names the request, and what the environment calls it, for whoever asks the vendor about it.
    """

    sent: bool = True
    status: int | None = None
    body: Any = None
    empty: bool = False
    wait: float | None = None
    etag: str = ""
    change_set: bool = False
    note: str = ""
    request: str = field(default="", compare=False)

    @property
    def good(self) -> bool:
        """Tell whether it is a success with a readable body, or with none."""
        return self.status is not None and self.status // 100 == 2 and (self.empty or self.body is not None)  # noqa: PLR2004

    def verdict(self, *, atomic: bool = True, ours: Callable[[Row], bool] | None = None) -> Verdict:
        """Classify it; `ours` tells whether a returned record is the one that was sent, None where no record comes back."""
        record = isinstance(self.body, dict)
        other = ours is not None and record and not ours(self.body)
        whole = self.good if ours is None else record and not other
        return classify_answer(Seen(sent=self.sent, status=self.status, whole=whole, other_record=other, atomic=atomic,
                                    change_set=self.change_set, explained=bool(_error_text(self.body))))

    @property
    def sentence(self) -> str:
        """Say in one sentence what came of it, for a person."""
        told = "; ".join(infolog(self.body))
        return told or self.note or (f"The ERP answered {self.status}." if self.status else "There was no complete answer.")


# --- errors and waiting times (facts/finance-scm 6) -------------------------------------------

KINDS: Final = (
    ("ITEM_BLOCKED", ("blocked for",)),
    ("MISSING_FIELD", ("must be filled in", "is mandatory")),
    ("UNKNOWN_REFERENCE", ("is not found in the related table", "does not exist")),
    ("RETRYABLE", ("update conflict", "deadlock")),
    ("DUPLICATE", ("already exists",)),
)


def _error_text(body: Any) -> str:  # noqa: ANN401  JSON
    if not isinstance(body, dict):
        return ""
    error = body.get("error")
    inner = error.get("innererror") if isinstance(error, dict) else None
    texts = [part.get(name) for part, name in ((inner, "message"), (error, "message"), (body, "Message"), (body, "message"))
             if isinstance(part, dict)]
    return next((text for text in texts if isinstance(text, str) and text), "")


def infolog(body: Any) -> tuple[str, ...]:  # noqa: ANN401  JSON
    """Give the useful sentences of an error body by the parser rules of `errors.json`; stack traces never pass."""
    text = _error_text(body)
    sentences = text.rpartition("Infolog:")[2].split(";")
    clean = (part.strip().removeprefix("Warning:").removeprefix("Error:").removeprefix("Info:").strip() for part in sentences)
    return tuple(dict.fromkeys(part for part in clean if part and not part.startswith(
        ("validateWrite failed on data source", "validateField failed on data source"))))


def kind_of(sentence: str) -> str:
    """Name the kind of an error sentence, empty when it is none we know."""
    return next((kind for kind, signs in KINDS if any(sign in sentence for sign in signs)), "")


def waiting_time(header: str | None, now: datetime) -> float:
    """Read `Retry-After` (seconds or a date) in seconds: 30 when missing, unreadable or negative, never above 600."""
    if header is None:
        return DEFAULT_WAIT
    try:
        seconds = float(header)
    except ValueError:
        try:
            when = parsedate_to_datetime(header)
        except ValueError:
            return DEFAULT_WAIT
        seconds = ((when if when.tzinfo else when.replace(tzinfo=UTC)) - now).total_seconds()
    return min(seconds, LONGEST_WAIT) if seconds >= 0 else DEFAULT_WAIT


# --- $batch ------------------------------------------------------------------------------------------


def read_batch(content_type: str, body: bytes, sizes: Sequence[int], now: datetime, *,
               reads: int = 0) -> list[Answer | None]:
    """Give one answer per request, in the order sent; None where the server gave none (ERP-18).

    `sizes` tells how many requests stood in each top-level part; the first `reads` of them are reads. An answer belongs to the request
    whose Content-ID it carries; where it carries none, to its place, if the server gave as many parts as were sent. One bad answer in
    place of a whole change set goes to all its requests.
    """
    answers: list[Answer | None] = [None] * sum(sizes)
    tops = read_parts(content_type, body)
    starts = [sum(sizes[:at]) for at in range(len(sizes))]
    top_of = [at for at, size in enumerate(sizes) for _ in range(size)]
    for at, top in enumerate(tops):
        in_place = len(tops) == len(sizes) and (not top.nested or len(top.parts) == sizes[at])
        for nth, part in enumerate(top.parts):
            spot = int(part.id) - 1 if part.id.isdigit() else starts[at] + nth if in_place and not part.id else -1
            answer = read_answer(part.status, part.headers, part.body, now)
            if not 0 <= spot < len(answers) or answers[spot] is not None:
                continue
            answers[spot] = answer
            first, size = starts[top_of[spot]], sizes[top_of[spot]]
            if (not top.nested or len(top.parts) == 1) and top_of[spot] >= reads and not answer.good:
                answers[first:first + size] = [replace(answer, change_set=True)] * size
    return answers


def read_answer(status: int | None, headers: Mapping[str, str], body: bytes, now: datetime) -> Answer:
    """Read one answer; a body that is no JSON stays unread."""
    try:
        content = _decoder.decode(body) if body else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        content = None
    etag = content.get("@odata.etag", "") if isinstance(content, dict) else ""
    return Answer(status=status, body=content, empty=not body and status == 204, etag=etag or headers.get("etag", ""),  # noqa: PLR2004
                  wait=waiting_time(headers.get("retry-after"), now) if status in {429, 503} else None)


# --- one connection ----------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where an environment is and how long it may take. Seconds, bytes. The secret never shows."""

    base_url: str
    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    client_certificate: str = field(default="", repr=False)
    """Certificate and key in PEM; where there is one, no secret is sent."""
    scope: str = ""
    timeout: float = 120.0
    largest: int = 64 * 1024 * 1024
    page_size: int = 0
    blob_hosts: tuple[str, ...] = (".blob.core.windows.net",)


class OData:
    """One environment. Reads raise `RetryLater` when they cannot be whole; writes always give answers.

    `post`, `batch` and `put_blob` raise `RetryLater` only when there is no token, so that nothing was sent.
    """

    def __init__(self, connection: Connection, *, now: Callable[[], datetime] = lambda: datetime.now(UTC),
                 request_id: Callable[[], str] = lambda: str(uuid4())) -> None:
        """Open nothing yet; the first request fetches the token."""
        self.connection, self.now, self.request_id = connection, now, request_id
        self.root = connection.base_url.rstrip("/")
        for url in (self.root, connection.token_url):
            _require_safe(url)
        # The affinity cookie is dropped so that load spreads over the servers (facts/finance-scm 4).
        self.http = httpx.Client(transport=Transport(), follow_redirects=False, timeout=connection.timeout, trust_env=False,
                                 cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])))
        self.close = weakref.finalize(self, self.http.close)
        self.calls = 0
        self._lock = threading.Lock()
        self._token, self._expires = "", datetime.min.replace(tzinfo=UTC)

    # token

    def token(self, *, instead_of: str = "") -> str:
        """Give a token that is still good; many may ask at once, one fetches (single flight)."""
        with self._lock:
            if not self._token or self._token == instead_of or self.now() >= self._expires:
                self._token, self._expires = self._fetch_token()
            return self._token

    def _fetch_token(self) -> tuple[str, datetime]:
        told = self.connection
        entra = OAuth2Client(self.http, client_id=told.client_id, scope=told.scope or f"{self.root}/.default")
        before = until.set(outgoing.end_of(told.timeout))
        try:
            token = entra.fetch_token(told.token_url, grant_type="client_credentials", client_id=told.client_id, auth=httpx.Auth(),
                                      **self._proof())
            return token["access_token"], self.now() + timedelta(seconds=max(float(token.get("expires_in", 0)) - 60, 0))
        except OAuth2Error as refused:
            if refused.error in {"temporarily_unavailable", "server_error"}:
                message = f"No token for {urlsplit(self.root).hostname}: {refused.error}. Nothing was sent."
                raise RetryLater(message) from None
            message = f"The token service refuses client {told.client_id}: {refused.error}. Check client_id, secret or certificate, scope."
            raise Misconfigured(message) from None
        except (httpx.HTTPError, KeyError, TypeError, ValueError) as away:
            message = f"No token for {urlsplit(self.root).hostname}: the token service gave none ({_why(away)}). Nothing was sent."
            raise RetryLater(message) from None
        finally:
            until.reset(before)

    def _proof(self) -> Mapping[str, str]:
        """Prove who we are: by a word signed with the certificate's key, or by the secret."""
        told = self.connection
        if not told.client_certificate:
            return {"client_secret": told.client_secret}
        return {"client_assertion_type": KIND, "client_assertion": assertion(
            told.client_certificate, told.client_id, told.token_url, now=self.now(), identity=self.request_id())}

    # one request

    def send(self, method: str, url: str, *, content: bytes = b"", headers: Mapping[str, str] | None = None) -> Whole:
        """Make one request with our token, on the environment's own host only; on 401 refresh once and resend once."""
        if not self.is_ours(url):
            return Answer(sent=False, note=f"{urlsplit(url).hostname} is not the environment's host: refused."), httpx.Headers(), b""
        token = self.token()
        told = {"Accept": "application/json", **(headers or {})}
        given = self._once(method, url, content, {**told, "Authorization": f"Bearer {token}"})
        if given[0].status == 401:  # noqa: PLR2004
            given = self._once(method, url, content, {**told, "Authorization": f"Bearer {self.token(instead_of=token)}"})
        return given

    def _once(self, method: str, url: str, content: bytes, headers: Mapping[str, str]) -> Whole:
        self.calls += 1
        left: list[bool] = []
        mine = self.request_id()

        def trace(event: str, _info: Mapping[str, Any]) -> None:
            if event.endswith("send_request_headers.started"):
                left.append(True)

        before = until.set(outgoing.end_of(self.connection.timeout))
        try:
            with self.http.stream(method, url, content=content or None, headers={**headers, "x-ms-client-request-id": mine},
                                  extensions={"trace": trace}) as response:
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > self.connection.largest:
                        return (Answer(note=f"The answer is larger than {self.connection.largest} bytes.", request=mine), response.headers,
                                b"")
                aid = response.headers.get("ms-dyn-aid", "")
                answer = replace(read_answer(response.status_code, response.headers, bytes(body), self.now()),
                                 request=f"{mine}, activity {aid}" if aid else mine)
                log.info("erp_answer", extra={"request": mine, "status": response.status_code, "aid": aid})
                return answer, response.headers, bytes(body)
        except httpx.HTTPError as broken:
            log.warning("erp_no_answer", extra={"request": mine, "error": type(broken).__name__, "sent": bool(left)})
            note = f"{'No complete answer' if left else 'Nothing was sent'}: {outgoing.why(broken)}."
            return Answer(sent=bool(left), note=note, request=mine), httpx.Headers(), b""
        finally:
            until.reset(before)

    def is_ours(self, url: str) -> bool:
        """Tell whether an address is on the environment's own scheme, host and port, without user information."""
        there, here = urlsplit(url), urlsplit(self.root)
        return (there.scheme, there.netloc) == (here.scheme, here.netloc) and "@" not in there.netloc

    # reads

    def get(self, url: str) -> Any:  # noqa: ANN401  JSON
        """Read one address; raise `RetryLater` when there is no good answer, None when it does not exist."""
        answer, _, _ = self.send("GET", url, headers=self._prefer())
        return self._readable(answer)

    def _prefer(self) -> dict[str, str]:
        return {"Prefer": f"odata.maxpagesize={self.connection.page_size}"} if self.connection.page_size else {}

    def _readable(self, answer: Answer | None) -> Any:  # noqa: ANN401  JSON
        if answer is not None and answer.status == 404:  # noqa: PLR2004
            return None
        if answer is None or not answer.good:
            message = f"A read at {urlsplit(self.root).hostname} is not whole: {answer.sentence if answer else 'a part has no answer.'}"
            if answer is not None and answer.status in {400, 403}:
                raise Misconfigured(message)
            raise RetryLater(message, after_seconds=answer.wait if answer else None)
        return answer.body

    def pages(self, first: Any) -> Iterator[Row]:  # noqa: ANN401  JSON
        """Give the rows of a first page and of all pages after it; bounded, same host, never twice the same (ERP-31, ERP-32)."""
        page, seen, count = first, set[str](), 0
        promised = first.get("@odata.count") if isinstance(first, dict) else None
        while True:
            rows = page.get("value") if isinstance(page, dict) else None
            if not isinstance(rows, list):
                message = f"Page {len(seen) + 1} of a read is no list of records: the read is incomplete."
                raise RetryLater(message)
            count += len(rows)
            yield from (row for row in rows if isinstance(row, dict))
            link = page.get("@odata.nextLink")
            if not link:
                break
            link = urljoin(f"{self.root}/data/", str(link))
            if link in seen or len(seen) >= MOST_PAGES or not self.is_ours(link):
                message = f"Page {len(seen) + 2} of a read leads to a page we do not follow: the read is incomplete."
                raise RetryLater(message)
            seen.add(link)
            page = self.get(link)
            if page is None:
                message = f"Page {len(seen) + 1} of a read does not exist: the read is incomplete."
                raise RetryLater(message)
        if isinstance(promised, int) and count < promised:
            message = f"A read promised {promised} records and gave {count}: the read is incomplete."
            raise RetryLater(message)

    def read(self, queries: Sequence[Query], *, optional: frozenset[str] = frozenset()) -> list[list[Row]]:
        """Answer all queries with one `$batch` of GETs, plus one GET per further page; rows per query, in order.

        A set in `optional` that does not exist or cannot be asked gives no rows.
        """
        addresses = [(at, address) for at, query in enumerate(queries) for address in query.addresses(self.root)]
        rows: list[list[Row]] = [[] for _ in queries]
        if not addresses:
            return rows
        answers = self._batch([address for _, address in addresses], ())
        for (at, _), answer in zip(addresses, answers, strict=True):
            if queries[at].entity_set in optional and answer is not None and answer.status in {400, 403, 404}:
                log.warning("erp_set_not_readable", extra={"set": queries[at].entity_set, "status": answer.status})
                continue
            page = self._readable(answer)
            if page is None:
                message = f"The environment has no entity set {queries[at].entity_set}."
                raise Misconfigured(message)
            rows[at] += self.pages(page)
        return rows

    # writes

    def batch(self, change_sets: Sequence[Sequence[Change]]) -> list[list[Answer]]:
        """Send change sets in one `$batch`; one answer per change. A missing one has no status."""
        flat = iter(self._batch((), change_sets))
        return [[next(flat) or Answer(note="The batch has no answer for this part.") for _ in changes] for changes in change_sets]

    def _batch(self, reads: Sequence[str], change_sets: Sequence[Sequence[Change]]) -> list[Answer | None]:
        boundary = f"batch_{self.request_id()}"
        sizes = [1] * len(reads) + [len(changes) for changes in change_sets]
        answer, headers, body = self.send(
            "POST", f"{self.root}/data/$batch", content=write_batch(boundary, self.root, reads, change_sets),
            headers={"Content-Type": f"multipart/mixed; boundary={boundary}", "Accept": "multipart/mixed",
                     "Prefer": ",".join(["odata.continue-on-error", *self._prefer().values()])})
        if answer.status in {200, 202} and headers.get("content-type", "").lower().startswith("multipart/"):
            return [part and replace(part, request=answer.request)
                    for part in read_batch(headers["content-type"], body, sizes, self.now(), reads=len(reads))]
        if answer.status is not None and answer.status // 100 == 2:  # noqa: PLR2004
            answer = Answer(note="The answer to the batch is no multipart message.", request=answer.request)
        return [answer] * sum(sizes)

    def post(self, address: str, body: Row) -> Answer:
        """Call an action or create one record; `address` below `/data/`."""
        answer, _, _ = self.send("POST", f"{self.root}/data/{address}", content=_encoder.encode(body),
                                 headers={"Content-Type": "application/json; charset=utf-8"})
        return answer

    def put_blob(self, url: str, content: bytes) -> Answer:
        """Upload a package to its signed address: an allowed host, no token, and the address is never logged (ERP-19)."""
        host = urlsplit(url).hostname or ""
        if not self.is_ours(url) and not (url.startswith("https://") and host.endswith(self.connection.blob_hosts) and "@" not in url):
            return Answer(sent=False, note=f"The blob host {host} is not on the allow-list.")
        return self._once("PUT", url, content, {"x-ms-blob-type": "BlockBlob", "Content-Type": "application/zip"})[0]


def _why(error: Exception) -> str:
    return outgoing.why(error) if isinstance(error, httpx.HTTPError) else type(error).__name__


def _require_safe(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost", "::1"}):
        message = f"'{parts.scheme}://{parts.hostname}' is not https."
        raise Misconfigured(message)


__all__ = [
    "ANSWERS", "Answer", "Change", "Connection", "Meaning", "OData", "Query", "Row", "Seen", "Then", "Verdict", "Whole",
    "classify_answer", "day_of", "enum", "infolog", "keyed", "kind_of", "noon", "number", "quoted", "read_batch", "waiting_time",
]

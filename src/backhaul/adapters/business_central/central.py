"""How do we speak to one company of Business Central?

Token, 401, paging and size limits are those of every OData service (`adapters.odata`); here are the JSON `$batch`, the language every
request pins, the company in the path, and the pace. Wire behaviour follows facts/business-central 2, 5 and 6. No write is repeated here.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

import msgspec

from backhaul.adapters.odata import Answer, Connection, OData, Query, Row, Whole, quoted, waiting_time
from backhaul.domain.errors import Misconfigured, RetryLater

API: Final = "api/v2.0"
PUBLISHED: Final = "ODataV4"
"""Pages and queries that an environment publishes as services; another surface, with names of its own."""
EXTENSION: Final = "api/backhaul/returns/v1.0"
"""The API of our own extension."""
LANGUAGE: Final = "en-US"
"""Errors are translated; only pinned texts can be told apart (facts/business-central 5)."""
SAFE: Final = "$,()"

_encode = msgspec.json.Encoder(decimal_format="number").encode


class Ask(Query):
    """A question as Business Central wants it: no company in the query, GUIDs and numbers without quotes (`numeric`)."""

    __slots__ = ()

    def _address(self, root: str, values: Sequence[str]) -> str:
        any_of = " or ".join(f"{self.column} eq {value if self.numeric else quoted(value)}" for value in values)
        condition = " and ".join(part for part in (self.where, f"({any_of})" if any_of else "") if part)
        options = {**self.limited, "$filter": condition, "$select": ",".join(self.select), "$expand": self.expand}
        told = "&".join(f"{name}={quote(text, safe=SAFE)}" for name, text in options.items() if text)
        return f"{root}/{self.entity_set}?{told}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write; `address` below the company. The document it is about must carry this ETag, if one is named."""

    method: str
    address: str
    body: Row | None = None
    etag: str = ""
    service: str = API


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one application user may ask of an environment; online limits change, so they are options (facts/business-central 6)."""

    operations: int = 100
    per_minute: int = 900


class Central(OData):
    """One company. Reads raise `RetryLater` when they cannot be whole.

    Writes give answers; without a token they raise, as long as nothing of them was sent.
    """

    def __init__(self, connection: Connection, company: str, limits: Limits, *, company_id: str = "",  # noqa: PLR0913  where and how fast
                 sleep: Callable[[float], None] = time.sleep, age: Callable[[], float] = time.monotonic) -> None:
        """Open nothing yet; the company's id is learned when first needed."""
        super().__init__(connection)
        self.company, self.limits, self.sleep, self.age = company, limits, sleep, age
        self._id, self._sent = company_id, deque[float]()
        self.version = ""

    # pace and language

    def send(self, method: str, url: str, *, content: bytes = b"", headers: Mapping[str, str] | None = None) -> Whole:
        """Make one request in the pinned language, never faster than the limit."""
        self._wait()
        return super().send(method, url, content=content, headers={"Accept-Language": LANGUAGE, **(headers or {})})

    def _wait(self) -> None:
        now = self.age()
        while self._sent and self._sent[0] <= now - 60:
            self._sent.popleft()
        if len(self._sent) >= self.limits.per_minute:
            self.sleep(self._sent[0] + 60 - now)
            self._sent.popleft()
        self._sent.append(self.age())

    # the company

    @property
    def path(self) -> str:
        """Give the company's path below the service; its id is asked for once."""
        if not self._id:
            page = self.get(f"{self.root}/{API}/companies?$filter={quote(f'name eq {quoted(self.company)}', safe=SAFE)}")
            rows = [row for row in (self.pages(page) if page else ()) if row.get("name") == self.company]
            if len(rows) != 1:
                message = f"The environment has no company named '{self.company}', letter by letter; option company names it."
                raise Misconfigured(message)
            self._id, self.version = str(rows[0]["id"]), str(rows[0].get("systemVersion") or "")
        return f"companies({self._id})"

    def below(self, service: str) -> str:
        """Give the company's path below a service: published ones know it by name."""
        return self.path if service != PUBLISHED else f"Company({quote(quoted(self.company), safe=SAFE)})"

    # reads

    def read(self, queries: Sequence[Query], *, optional: Collection[str] = frozenset(), service: str = API) -> list[list[Row]]:
        """Answer all queries with as few batches of GETs as fit, plus one GET per further page; rows per query, in order.

        A set in `optional` that does not exist or cannot be asked gives no rows.
        """
        rows: list[list[Row]] = [[] for _ in queries]
        if all(query.column and not query.values for query in queries):
            return rows
        asked = [(at, address) for at, query in enumerate(queries) for address in query.addresses(self.below(service))]
        for (at, _), answer in zip(asked, self.ask([address for _, address in asked], service), strict=True):
            if queries[at].entity_set in optional and answer.status in {400, 401, 403, 404}:
                continue
            page = self._readable(answer)
            if page is None:
                message = f"The environment has no entity set {queries[at].entity_set}."
                raise Misconfigured(message)
            for row in self.pages(page):
                rows[at].append(self._with_all_lines(row))
        return rows

    def ask(self, addresses: Sequence[str], service: str = API) -> list[Answer]:
        """Read some addresses below a service in one batch, and give whatever came of each."""
        return self._batches([Write(method="GET", address=address, service=service) for address in addresses])

    def _with_all_lines(self, row: Row) -> Row:
        """Follow the pages of expanded lines, which a server may cut as it may cut any list."""
        for name in [name for name in row if name.endswith("@odata.nextLink")]:
            lines = name.removesuffix("@odata.nextLink")
            row[lines] = [*row[lines], *self.pages(self.get(str(row[name])))]
        return row

    # writes

    def write(self, writes: Sequence[Write], *, atomic: bool = False) -> list[Answer]:
        """Send writes that do not depend on each other, each with its own outcome; what comes after a request that failed is not sent.

        `atomic`: all of them or none, which holds only for what commits nothing by itself, and for one service.
        """
        told = [replace(each, address=f"{self.below(each.service)}/{each.address}") for each in writes]
        answers: dict[int, Answer] = {}
        for service in dict.fromkeys(each.service for each in told):
            mine = [at for at, each in enumerate(told) if each.service == service]
            given = self._batches([told[at] for at in mine], atomic=atomic, begun=bool(answers))
            answers |= dict(zip(mine, given, strict=True))
        return [answers[at] for at in range(len(told))]

    def act(self, address: str, service: str = API) -> Answer:
        """Call an action on one document, in a request of its own."""
        return self.send("POST", f"{self.root}/{service}/{self.below(service)}/{address}")[0]

    def _batches(self, writes: Sequence[Write], *, atomic: bool = False, begun: bool = False) -> list[Answer]:
        """Make requests of as many operations as fit. Once something was sent (`begun`), what was not is told by answers, not raised."""
        answers: list[Answer] = []
        for first in range(0, len(writes), self.limits.operations):
            try:
                given, failed = self._batch_of(writes[first:first + self.limits.operations], atomic=atomic)
            except (RetryLater, Misconfigured) as stopped:
                if not (begun or answers):
                    raise
                given, failed = [], str(stopped)
            answers += given
            if failed is not None:
                left = len(writes) - len(answers)
                return answers + [Answer(sent=False, note=f"Nothing was sent: {failed}")] * left
        return answers

    def _batch_of(self, writes: Sequence[Write], *, atomic: bool) -> tuple[list[Answer], str | None]:
        """Make one `$batch`; give an answer per operation, and why the request as a whole failed, if it did."""
        operations = [{"id": str(at), "method": each.method, "url": each.address, "headers": _headers(each),
                       **({"body": each.body} if each.body is not None else {})} for at, each in enumerate(writes, 1)]
        how = {"Isolation": "snapshot"} if atomic else {"Prefer": "odata.continue-on-error"}
        answer, _, _ = self.send("POST", f"{self.root}/{writes[0].service}/$batch", content=_encode({"requests": operations}), headers={
            "Content-Type": "application/json", "Accept": "application/json", **how})
        parts = answer.body.get("responses") if isinstance(answer.body, dict) else None
        if not isinstance(parts, list):
            if answer.status is not None and answer.status // 100 == 2:  # noqa: PLR2004
                answer = Answer(note="The answer to the batch is no list of answers.", request=answer.request)
            return [answer] * len(writes), f"a request before it failed: {answer.sentence}"
        told = {str(part.get("id")): part for part in parts if isinstance(part, dict)}
        return [replace(self._part(told.get(str(at))), request=answer.request) for at in range(1, len(writes) + 1)], None

    def _part(self, part: Row | None) -> Answer:
        if part is None or not isinstance(part.get("status"), int):
            return Answer(note="The batch has no answer for this part.")
        headers = {str(name).casefold(): str(value) for name, value in (part.get("headers") or {}).items()}
        body = part.get("body")
        etag = str(body.get("@odata.etag") or "") if isinstance(body, dict) else ""
        return Answer(status=part["status"], body=body if isinstance(body, dict | list) else None, empty=body is None or body == "",
                      etag=etag or headers.get("etag", ""),
                      wait=waiting_time(headers.get("retry-after"), self.now()) if part["status"] in {429, 503} else None)


def _headers(write: Write) -> dict[str, str]:
    told = {"Accept-Language": LANGUAGE}
    if write.body is not None:
        told["Content-Type"] = "application/json"
    return told | ({"If-Match": write.etag} if write.etag else {})


"""How does a file become deliveries, once, and what became of each row?

A message of a JSON file keeps its own bytes, so it is the same delivery as the webhook's. Rows of a table and elements of XML are put
together into messages by the same paths the profile has for JSON; such a message has other bytes than the webhook's, so it comes in under
a source of its own and its facts, not its bytes, tell repeats.
"""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

from backhaul.adapters.zigzag.files import forms
from backhaul.adapters.zigzag.files.layout import Layout, Message, Refused
from backhaul.adapters.zigzag.payload import Payload, aliases
from backhaul.adapters.zigzag.reader import Path as FieldPath, get, normalise, read_json
from backhaul.adapters.zigzag.webhook import EVENT_ID, Source
from backhaul.adapters.zigzag.wire import ZigZagWire
from backhaul.application import receive
from backhaul.application.ports import Tx, Unusable
from backhaul.domain.delivery import Delivery, DeliveryState
from backhaul.domain.errors import Misconfigured
from backhaul.domain.exception_case import Finding
from backhaul.domain.rules import Rules

GROUP: Final = 500
"""So many deliveries in one transaction."""
OUTCOMES: Final = ("stored", "duplicate", "conflict", "unusable")
OWN_BYTES: Final = frozenset({"json", "jsonl"})
"""Forms whose messages keep the bytes the platform gave them."""
NEUTRAL: Final = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins like this is a formula to a spreadsheet (reliability C15)."""
ENDING: Final = ".result.csv"


class Store(Protocol):
    """A store, as far as files need it."""

    def begin(self) -> AbstractContextManager[Tx]:
        """Open a transaction."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """What became of one row: ``stored``, ``duplicate``, ``conflict``, ``unusable`` or ``refused``, and why."""

    row: int
    return_ref: str
    outcome: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A file that lies before us: its name, its bytes, and where it came from, by the source and form the profile or a person names."""

    name: str
    content: bytes
    source: str = ""
    form: str = ""
    folder: str = ""

    @property
    def sha256(self) -> str:
        """Give the hash that tells whether it came before."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def about(self) -> str:
        """Give the reference under which an exception speaks of this content."""
        return f"file:{self.sha256[:16]}"


class Told(Protocol):
    """What a profile says that matters here."""

    @property
    def rules(self) -> Rules:
        """Name the tenant and its teams."""
        ...

    @property
    def sources(self) -> Sequence[Source]:
        """Give the webhook's sources."""
        ...

    @property
    def wire(self) -> Payload:
        """Say how messages are read."""
        ...

    @property
    def files(self) -> Layout:
        """Say how files are laid out."""
        ...


def import_file(store: Store, profile: Told, path: Path, *, now: datetime, source: str = "",  # noqa: PLR0913  each is named
                result: Path | None = None) -> Mapping[str, Any]:
    """Take a file in, once by its content, and write what became of each row beside it; give the counts.

    `source` is the webhook's source, by default the only one. A file that broke off half-way may be given again: what was kept then is a
    duplicate now. One that cannot be taken in stays where it is, is owned by a team, and is a `Refused`; a source nobody configured is a
    `Misconfigured`.
    """
    _source(profile, source)
    limit = profile.files.max_bytes
    with path.open("rb") as file:
        content = file.read(limit + 1)
    arrived = Arrived(name=str(path), content=content, source=source)
    beside = result or path.with_name(f"{path.name}{ENDING}")
    try:
        if len(content) > limit:
            raise too_large(str(path), path.stat().st_size, limit)
        counts = take(store, profile, arrived, now=now, keep_results=beside.write_bytes)
    except Refused as refused:
        own(store, profile, arrived.about, refused.code, str(refused), now=now)
        raise
    return {"file": str(path), "sha256": arrived.sha256, **counts, **({} if counts["seen"] else {"result": str(beside)})}


def take(store: Store, profile: Told, file: Arrived, *, now: datetime, keep_results: Callable[[bytes], object]) -> Mapping[str, Any]:
    """Take a file in, once by its content; give the counts. Its results are kept before it counts as taken, so that they never lack.

    Raises `Refused` before anything of it is kept.
    """
    tenant = profile.rules.tenant
    with store.begin() as tx:
        if tx.import_seen(tenant, file.sha256):
            return {"seen": True, "rows": 0}
    form = forms.form_of(file.name, file.content, file.form)
    source = _source(profile, file.source) + ("" if form in OWN_BYTES else f"-{form}")
    found = iter(forms.messages(file.name, file.content, form, profile.wire, profile.files))
    wire, results = ZigZagWire(profile.wire), list[RowResult]()
    while group := list(islice(found, GROUP)):
        parcels = [
            Delivery(tenant=tenant, source=source, identity=_identity(message.body, profile.wire), body=message.body, received_at=now,
                     channel=f"file:{Path(file.name).name}#{message.rows[0]}")
            for message in group
        ]
        with store.begin() as tx:
            states = receive.keep(tx, parcels)
        for message, parcel, state in zip(group, parcels, states, strict=True):
            results += _results(wire, message, parcel, state)
    keep_results(written(sorted(results, key=lambda each: each.row)))
    counts = Counter(each.outcome for each in results)
    told = {"rows": len(results), **{name: counts[name] for name in OUTCOMES}}
    with store.begin() as tx:
        tx.save_import(tenant, Path(file.name).name, file.sha256, now, len(results))
        tx.close_exceptions(tenant, file.about, apart_from=(), resolution="taken in", at=now)
        tx.record(tenant, subject=file.about, action="take-file", at=now, actor="backhaul",
                  detail={"name": Path(file.name).name, "folder": file.folder, "sha256": file.sha256, "form": form, **told})
    return {"seen": False, **told}


def too_large(name: str, size: int, limit: int) -> Refused:
    """Say that a file has more bytes than it may have."""
    return Refused(name, f"it has {size} bytes and may have {limit}", "send it in parts, or raise max_bytes in [files]")


def own(store: Store, profile: Told, about: str, code: str, sentence: str, *, now: datetime) -> None:  # noqa: PLR0913  each is named
    """Give trouble with a file or folder to the team whose work it is."""
    with store.begin() as tx:
        receive.own(tx, profile.rules.tenant, about, Finding(code=code, sentence=sentence), rules=profile.rules, now=now)


def _source(profile: Told, asked: str) -> str:
    names = [source.name for source in profile.sources]
    if asked in names or (not asked and len(names) == 1):
        return asked or names[0]
    message = f"source '{asked}' is not in the profile" if asked else "say which source"
    message = f"{message}: {', '.join(names)}"
    raise Misconfigured(message)


# --- what became of them ---------------------------------------------------------------------------------


def _identity(body: bytes, payload: Payload) -> str:
    told = _told(body, payload.fields.event_id)
    return told if EVENT_ID.fullmatch(told) else hashlib.sha256(body).hexdigest()


def _told(body: bytes, paths: str | tuple[str, ...]) -> str:
    try:
        message = normalise(read_json(body))
        found = [get(message, FieldPath.of(text).flat) for text in aliases(paths) if not text.startswith("header:")]
    except Unusable:
        return ""
    return next((str(value) for value in found if isinstance(value, (str, int)) and value != ""), "")


def _results(wire: ZigZagWire, message: Message, delivery: Delivery, state: DeliveryState) -> Iterable[RowResult]:
    ref = message.ref or _told(message.body, wire.payload.fields.return_ref)
    outcome, reason = "stored", ""
    if state is DeliveryState.DUPLICATE:
        outcome, reason = "duplicate", "it came before"
    elif state is DeliveryState.QUARANTINED:
        outcome, reason = "conflict", "this event came before and said something else"
    else:
        try:
            wire.facts(delivery)
        except Unusable as unusable:
            outcome, reason = "unusable", str(unusable)
    return (RowResult(row=row, return_ref=ref, outcome=outcome, reason=reason) for row in message.rows)


def written(results: Iterable[RowResult]) -> bytes:
    """Write a result file: row, return, outcome, reason."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(("row", "return", "outcome", "reason"))
    for result in results:
        table.writerow((result.row or "", _cell(result.return_ref), result.outcome, _cell(result.reason)))
    return text.getvalue().encode()


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(NEUTRAL) else text

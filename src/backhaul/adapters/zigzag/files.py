"""How does a file become deliveries, once, and what became of each row?

The second channel beside the webhook (facts/zigzag 7.2): JSON, JSON Lines and CSV. A message of a
JSON file keeps its own bytes, so it is the same delivery as the webhook's. The rows of a CSV file are
put together into messages by the same paths the profile has for JSON; such a message has other bytes
than the webhook's, so it comes in under a source of its own and its facts, not its bytes, tell repeats.
"""

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from backhaul.adapters.zigzag.payload import Payload, aliases
from backhaul.adapters.zigzag.reader import Path as FieldPath, bare_key, get, normalise, read_json
from backhaul.adapters.zigzag.webhook import EVENT_ID, Source
from backhaul.adapters.zigzag.wire import ZigZagWire
from backhaul.application import receive
from backhaul.application.ports import Tx, Unusable
from backhaul.domain.delivery import Delivery, DeliveryState
from backhaul.domain.errors import Misconfigured

GROUP: Final = 500
"""So many deliveries in one transaction."""
OUTCOMES: Final = ("stored", "duplicate", "conflict", "unusable")
NEUTRAL: Final = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins like this is a formula to a spreadsheet (reliability C15)."""


class ImportTx(Tx, Protocol):
    """A transaction that remembers which files came."""

    def import_seen(self, tenant: str, sha256: str) -> bool:
        """Tell whether a file of this content was taken in before."""
        ...

    def save_import(self, tenant: str, name: str, sha256: str, at: datetime, rows: int) -> None:
        """Remember a file that was taken in whole."""
        ...


class ImportStore(Protocol):
    """A store whose transactions remember files."""

    def begin(self) -> AbstractContextManager[ImportTx]:
        """Open a transaction."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a file: its bytes, and the first row it stands on."""

    row: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """What became of one message: ``stored``, ``duplicate``, ``conflict`` or ``unusable``, and why."""

    row: int
    return_ref: str
    outcome: str
    reason: str = ""


class Told(Protocol):
    """What a profile says that matters here."""

    @property
    def tenant(self) -> str:
        """Name the tenant."""
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
    def columns(self) -> Mapping[str, str]:
        """Give the path of each CSV column that is not called like the last key of its path."""
        ...


def import_file(store: ImportStore, profile: Told, path: Path, *, now: datetime, source: str = "",  # noqa: PLR0913  each is named
                result: Path | None = None) -> Mapping[str, Any]:
    """Take a file in, once by its content, and write what became of each row beside it; give the counts.

    `source` is the webhook's source, by default the only one; CSV rows come in under ``<source>-csv``. A file
    that broke off half-way may be given again: what was kept then is a duplicate now. A file of no known
    form, or a source nobody configured, is a `Misconfigured`.
    """
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    beside = result or path.with_name(f"{path.name}.result.csv")
    told = {"file": str(path), "sha256": sha256, "seen": False}
    with store.begin() as tx:
        if tx.import_seen(profile.tenant, sha256):
            return {**told, "seen": True, "rows": 0}
    source = _source(profile, source) + ("-csv" if path.suffix.lower() == ".csv" else "")
    wire = ZigZagWire(profile.wire)
    results: list[RowResult] = []
    waiting = iter(messages(path, content, profile.wire, profile.columns))
    while group := list(islice(waiting, GROUP)):
        parcels = [
            Delivery(tenant=profile.tenant, source=source, identity=_identity(message.body, profile.wire), body=message.body,
                     received_at=now, channel=f"file:{path.name}#{message.row}")
            for message in group
        ]
        with store.begin() as tx:
            states = receive.keep(tx, parcels)
        results += (_result(wire, message, parcel, state)
                    for message, parcel, state in zip(group, parcels, states, strict=True))
    with store.begin() as tx:
        tx.save_import(profile.tenant, path.name, sha256, now, len(results))
    write_results(beside, results)
    counts = Counter(each.outcome for each in results)
    return {**told, "rows": len(results), **{name: counts[name] for name in OUTCOMES}, "result": str(beside)}


def _source(profile: Told, asked: str) -> str:
    names = [source.name for source in profile.sources]
    if asked in names or (not asked and len(names) == 1):
        return asked or names[0]
    message = f"source '{asked}' is not in the profile" if asked else "say which source"
    message = f"{message}: {', '.join(names)}"
    raise Misconfigured(message)


def messages(path: Path, content: bytes, payload: Payload, columns: Mapping[str, str]) -> Iterable[Message]:
    """Split a file into messages by its ending: ``.json``, ``.jsonl``/``.ndjson`` or ``.csv``."""
    kind = path.suffix.lower()
    if kind == ".json":
        return _json(content)
    if kind in {".jsonl", ".ndjson"}:
        return (Message(row=row, body=line.strip()) for row, line in enumerate(content.splitlines(), start=1) if line.strip())
    if kind == ".csv":
        return _csv(path, content, payload, columns)
    message = f"{path}: a file of kind '{kind}' is not known; json, jsonl, ndjson or csv"
    raise Misconfigured(message)


def _json(content: bytes) -> Iterator[Message]:
    """Give each element of a list with the bytes it has in the file; anything else is one message."""
    try:
        elements = msgspec.json.decode(content, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        yield Message(row=1, body=content)
        return
    for row, element in enumerate(elements, start=1):
        yield Message(row=row, body=bytes(element))


# --- CSV -------------------------------------------------------------------------------------------------


def _csv(path: Path, content: bytes, payload: Payload, columns: Mapping[str, str]) -> Iterator[Message]:
    """Put the rows of one event together into a message; rows of one event stand next to each other or not."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{path}: not UTF-8 at byte {error.start}"
        raise Misconfigured(message) from error
    first = text.partition("\n")[0]
    mark = max(",;|\t", key=first.count)
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=mark, restkey="", strict=True)
    targets = _targets(table.fieldnames or (), payload, columns)
    groups: dict[tuple[str, ...], list[tuple[int, Mapping[str, Any]]]] = {}
    keys = _group_columns(targets, payload)
    if not keys:
        message = f"{path}: no column holds the event id, or the return and its event; map it in [files.columns]"
        raise Misconfigured(message)
    try:
        for row, cells in enumerate(table, start=2):
            groups.setdefault(tuple((cells.get(key) or "").strip() for key in keys), []).append((row, cells))
    except csv.Error as error:
        message = f"{path}:{table.line_num}: no valid CSV: {error}"
        raise Misconfigured(message) from error
    for rows in groups.values():
        body = msgspec.json.encode(_assemble([cells for _, cells in rows], targets))
        yield Message(row=rows[0][0], body=body)


def _targets(names: Sequence[str], payload: Payload, columns: Mapping[str, str]) -> dict[str, str]:
    """Find the path of each column: as the profile says, else the shallowest path whose last key it is called."""
    said = {bare_key(name): path for name, path in columns.items()}
    known = [text for name in payload.fields.__struct_fields__ for text in aliases(getattr(payload.fields, name))
             if not text.startswith("header:")]
    found: dict[str, str] = {}
    for name in names:
        bare = bare_key(name)
        fits = sorted((text for text in known if FieldPath.of(text).flat[-1] == bare), key=lambda text: len(FieldPath.of(text).flat))
        if bare in said:
            found[name] = said[bare]
        elif fits:
            found[name] = fits[0]
    return found


def _group_columns(targets: Mapping[str, str], payload: Payload) -> list[str]:
    """Give the columns that tell one event's rows from another's."""
    def of(*names: str) -> list[str]:
        wanted = [{FieldPath.of(text).flat for text in aliases(getattr(payload.fields, name)) if not text.startswith("header:")}
                  for name in names]
        columns = [next((column for column, text in targets.items() if _plain(text).flat in paths), "") for paths in wanted]
        return columns if all(columns) else []

    return of("event_id") or of("return_ref", "event", "occurred_at") or of("return_ref", "status", "occurred_at") \
        or of("return_ref", "event")


def _plain(text: str) -> FieldPath:
    return FieldPath.of(re.sub(r"\[\d+\]", "[]", text))


def _assemble(rows: Sequence[Mapping[str, Any]], targets: Mapping[str, str]) -> dict[str, Any]:
    """Build one message: head fields once, one element of the lines' list per row; empty cells say nothing."""
    built: dict[str, Any] = {}
    for number, cells in enumerate(rows):
        for column, text in targets.items():
            cell = (cells.get(column) or "").strip()
            if cell:
                _put(built, text, cell, number)
    return _dense(built)  # type: ignore[no-any-return]  # a dict stays a dict


def _put(node: dict[Any, Any], text: str, cell: str, number: int) -> None:
    """Set a value at a path; ``[]`` is the row's own element, ``[1]`` the second. Lists are dicts by number here."""
    steps: list[str | int] = []
    for step in text.split("."):
        name, _, place = step.partition("[")
        steps.append(name)
        if place:
            steps.append(int(place[:-1]) if place != "]" else number)
    for key in steps[:-1]:
        node = node.setdefault(key, {})
    node.setdefault(steps[-1], cell)


def _dense(node: Any) -> Any:  # noqa: ANN401  a JSON value
    if not isinstance(node, dict):
        return node
    if node and all(isinstance(key, int) for key in node):
        return [_dense(node[key]) for key in sorted(node)]
    return {key: _dense(value) for key, value in node.items()}


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


def _result(wire: ZigZagWire, message: Message, delivery: Delivery, state: DeliveryState) -> RowResult:
    ref = _told(message.body, wire.payload.fields.return_ref)
    if state is DeliveryState.DUPLICATE:
        return RowResult(row=message.row, return_ref=ref, outcome="duplicate", reason="it came before")
    if state is DeliveryState.QUARANTINED:
        return RowResult(row=message.row, return_ref=ref, outcome="conflict", reason="this event came before and said something else")
    try:
        wire.facts(delivery)
    except Unusable as reason:
        return RowResult(row=message.row, return_ref=ref, outcome="unusable", reason=str(reason))
    return RowResult(row=message.row, return_ref=ref, outcome="stored")


def write_results(path: Path, results: Sequence[RowResult]) -> None:
    """Write the result file: row, return, outcome, reason."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("row", "return", "outcome", "reason"))
        for result in results:
            table.writerow((result.row, _cell(result.return_ref), result.outcome, _cell(result.reason)))


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(NEUTRAL) else text

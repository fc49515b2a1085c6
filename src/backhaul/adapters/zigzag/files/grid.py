"""Which messages do the rows of a table make?

Rows of one event become one message, by the same paths the profile has for JSON. What is wrong with one of its rows is wrong with the
message: a message that lacks a line says something else than was meant. Such rows are kept as a note that says why, and nothing of them
is posted (IN-07, IN-08).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

import msgspec

from backhaul.adapters.zigzag.files.layout import TOTALS, Layout, Message, Refused, Row, Trailer
from backhaul.adapters.zigzag.payload import Payload, aliases
from backhaul.adapters.zigzag.reader import Path, bare_key, exact
from backhaul.adapters.zigzag.wire import UNUSABLE

GROUPS: Final = (("event_id",), ("return_ref", "event", "occurred_at"), ("return_ref", "status", "occurred_at"), ("return_ref", "event"))
"""What tells one event's rows from another's: the first of these whose columns are all there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A head and rows as wide as it."""

    columns: Sequence[str]
    rows: Sequence[Row]


class _Contradiction(Exception):  # noqa: N818  raised and caught inside this module
    """Two rows of one event disagree."""


def table(name: str, rows: Iterable[Row], layout: Layout, *, even: bool) -> Table:
    """Take the head off, check every row against it and the trailer against them; with `even`, a row must not be short either."""
    said = (row for row in rows if row.flaw or any(row.cells))
    head = next(said, None)
    if head is None:
        raise Refused(name, "it is empty", "ask the sender for the file anew")
    if head.flaw:
        raise Refused(name, f"in its head, {head.flaw}", "write the names of the columns as plain text")
    columns = list(_trimmed(head.cells))
    twice = {bare_key(column): column for number, column in enumerate(columns) if bare_key(column) and
             bare_key(column) in map(bare_key, columns[:number])}
    if twice:
        raise Refused(name, f"two columns are called {', '.join(twice.values())}", "give each column a name of its own")
    found: list[Row] = []
    trailers: list[Row] = []
    mark = layout.trailer.mark if layout.trailer else ""
    for row in said:
        if mark and row.cells and row.cells[0] == mark:
            trailers.append(row)
            continue
        if trailers:
            raise Refused(name, f"row {row.number} stands behind the trailer", "ask the sender for the file anew", code=TOTALS)
        found.append(_fitted(row, len(columns), even=even))
        if len(found) > layout.max_rows:
            raise Refused(name, f"it has more than {layout.max_rows} rows", "send it in parts, or raise max_rows in [files]")
    if mark and layout.trailer:
        _check_totals(name, layout.trailer, columns, found, trailers)
    return Table(columns=columns, rows=found)


def _trimmed(cells: Sequence[str]) -> Sequence[str]:
    width = max((place for place, cell in enumerate(cells, start=1) if cell), default=0)
    return cells[:width]


def _fitted(row: Row, width: int, *, even: bool) -> Row:
    """Give a row of the head's width; one that holds more, or was cut off, is flawed: its cells may stand under the wrong names."""
    held = _trimmed(row.cells)
    flaw = row.flaw
    if len(held) > width or (even and len(row.cells) < width):
        flaw = flaw or f"it has {max(len(held), len(row.cells)) if even else len(held)} cells and the head has {width}"
    return replace(row, cells=[*row.cells[:width], *[""] * (width - len(row.cells))], flaw=flaw)


def _check_totals(name: str, trailer: Trailer, columns: Sequence[str], rows: Sequence[Row], trailers: Sequence[Row]) -> None:
    """Compare what the trailer says with what is there; a file that differs from its own word was cut off or changed."""
    now = "nothing of it was taken in; ask the sender for the whole file"
    if len(trailers) != 1:
        what = f"it has {len(trailers) or 'no'} rows that begin with '{trailer.mark}' and needs one at its end"
        raise Refused(name, what, now, code=TOTALS)
    said = trailers[0]

    def cell(place: int) -> Decimal | None:
        return exact(said.cells[place - 1]) if place <= len(said.cells) else None

    if trailer.rows and cell(trailer.rows) != len(rows):
        raise Refused(name, f"its trailer in row {said.number} says {cell(trailer.rows)} rows and it holds {len(rows)}", now, code=TOTALS)
    if trailer.total:
        place = next((place for place, column in enumerate(columns) if bare_key(column) == bare_key(trailer.of)), None)
        if place is None:
            raise Refused(name, f"it has no column '{trailer.of}' to add up", now, code=TOTALS)
        numbers = [exact(row.cells[place]) if row.cells[place] else Decimal(0) for row in rows]
        total = None if None in numbers else sum((number for number in numbers if number is not None), Decimal(0))
        if total is None or cell(trailer.total) != total:
            told = "cannot be added up" if total is None else f"adds up to {total}"
            what = f"its trailer in row {said.number} says {cell(trailer.total)} and its column '{trailer.of}' {told}"
            raise Refused(name, what, now, code=TOTALS)


# --- messages --------------------------------------------------------------------------------------------


def messages(name: str, told: Table, payload: Payload, layout: Layout) -> Iterator[Message]:
    """Put the rows of one event together into a message; rows of one event stand next to each other or not."""
    targets = _targets(name, told.columns, payload, layout.columns)
    keys = _group_columns(targets, payload)
    if not keys:
        raise Refused(name, "no column holds the event id, or the return and its event", "map it in [files.columns]")
    places = {column: place for place, column in enumerate(told.columns)}
    ref = next(iter(_columns(targets, payload, "return_ref")), "")
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in told.rows:
        key = tuple(row.cells[places[column]] for column in keys)
        missing = next((column for column, cell in zip(keys, key, strict=True) if not cell), "")
        if missing:  # nothing says which event it belongs to, so it stands alone
            flawed = replace(row, flaw=row.flaw or f"the column '{missing}' is empty, so nothing says what the row belongs to")
            groups[*key, str(row.number), ""] = [flawed]
        else:
            groups.setdefault(key, []).append(row)
    for rows in groups.values():
        numbers = [row.number for row in rows]
        cells = [{column: row.cells[place] for column, place in places.items() if row.cells[place]} for row in rows]
        named = cells[0].get(ref, "")
        flaws = [f"row {row.number}: {row.flaw}" for row in rows if row.flaw]
        try:
            body = msgspec.json.encode(_assemble(numbers, cells, targets))
        except _Contradiction as contradiction:
            flaws.append(str(contradiction))
        if flaws:
            yield flawed_message(numbers, cells, "; ".join(flaws[:3]) + (
                f"; rows {', '.join(map(str, numbers[:20]))} are one message, so none of them counts" if len(rows) > 1 else ""), named)
        else:
            yield Message(rows=numbers, body=body, ref=named)


def flawed_message(numbers: Sequence[int], cells: Sequence[Mapping[str, Any]], flaw: str, ref: str = "") -> Message:
    """Keep rows that make no message as a note which says why, whenever it is read."""
    note = {UNUSABLE: flaw, "rows": {str(number): each for number, each in zip(numbers, cells, strict=True)}}
    return Message(rows=numbers, body=msgspec.json.encode(note), ref=ref, flaw=flaw)


def _targets(name: str, columns: Sequence[str], payload: Payload, told: Mapping[str, str]) -> dict[str, str]:
    """Find the path of each column: as the profile says, else the shallowest path whose last key it is called."""
    said = {bare_key(column): path for column, path in told.items()}
    known = [text for field in payload.fields.__struct_fields__ for text in aliases(getattr(payload.fields, field))
             if not text.startswith("header:")]
    found: dict[str, str] = {}
    for column in columns:
        bare = bare_key(column)
        fits = sorted((text for text in known if Path.of(text).flat[-1] == bare), key=lambda text: len(Path.of(text).flat))
        if bare and (bare in said or fits):
            path = said[bare] if bare in said else fits[0]
            other = next((each for each, its in found.items() if its == path), None)
            if other is not None:
                raise Refused(name, f"the columns '{other}' and '{column}' both mean {path}", "leave one of them out")
            found[column] = path
    return found


def _group_columns(targets: Mapping[str, str], payload: Payload) -> list[str]:
    """Give the columns that tell one event's rows from another's."""
    for fields in GROUPS:
        columns = [next(iter(_columns(targets, payload, field)), "") for field in fields]
        if all(columns):
            return columns
    return []


def _columns(targets: Mapping[str, str], payload: Payload, field: str) -> Iterator[str]:
    paths = {Path.of(text).flat for text in aliases(getattr(payload.fields, field)) if not text.startswith("header:")}
    return (column for column, text in targets.items() if _plain(text).flat in paths)


def _plain(text: str) -> Path:
    return Path.of(re.sub(r"\[\d+\]", "[]", text))


def _assemble(numbers: Sequence[int], rows: Sequence[Mapping[str, str]], targets: Mapping[str, str]) -> Any:  # noqa: ANN401  a JSON value
    """Build one message: head fields once, one element of the lines' list per row; empty cells say nothing."""
    built: dict[str, Any] = {}
    for number, cells in enumerate(rows):
        for column, text in targets.items():
            cell = cells.get(column, "")
            held = _put(built, text, cell, number) if cell else cell
            if held != cell:
                message = f"row {numbers[number]} says '{cell}' in '{column}' and another row of the same event says '{held}'"
                raise _Contradiction(message)
    return _dense(built)


def _put(node: dict[Any, Any], text: str, cell: str, number: int) -> str:
    """Set a value at a path and give what stands there; ``[]`` is the row's own element, ``[1]`` the second. Lists are dicts by number."""
    steps: list[str | int] = []
    for step in text.split("."):
        name, _, place = step.partition("[")
        steps.append(name)
        if place:
            steps.append(int(place[:-1]) if place != "]" else number)
    for key in steps[:-1]:
        node = node.setdefault(key, {})
    return str(node.setdefault(steps[-1], cell))


def _dense(node: Any) -> Any:  # noqa: ANN401  a JSON value
    if not isinstance(node, dict):
        return node
    if node and all(isinstance(key, int) for key in node):
        return [_dense(node[key]) for key in sorted(node)]
    return {key: _dense(value) for key, value in node.items()}

"""What do the rows of a statement say: the shop's availability, or the platform's totals of its days?

CSV, XLSX, JSON lines or one JSON list; the profile says what the columns are called. A row that cannot be read refuses the file: a
statement that lacks a row says something else than was meant.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from backhaul.adapters.zigzag.files import csv_rows, forms, grid, xlsx_rows
from backhaul.adapters.zigzag.files.layout import Layout, Refused
from backhaul.adapters.zigzag.reader import bare_key, exact
from backhaul.domain.availability import Offered
from backhaul.domain.oversight import Total

Told = tuple[int, Mapping[str, Any]]
"""A row's number as a person counts, and its values by what we call their columns."""


def offered(name: str, content: bytes, columns: Mapping[str, str], layout: Layout) -> Sequence[Offered]:
    """Read what the shop offers: `sku`, `warehouse` and `units`; the same SKU at the same place twice is refused."""
    found: dict[tuple[str, str], Offered] = {}
    for number, row in _rows(name, content, columns, layout):
        sku, at, units = (str(row.get("sku") or "").strip(), str(row.get("warehouse") or "").strip(), _number(name, number, row, "units"))
        if not sku or units is None:
            raise Refused(name, f"row {number} names no SKU or no units", "ask the sender for the file anew")
        if (sku, at) in found:
            raise Refused(name, f"row {number} states {sku} at '{at}' a second time", "ask the sender for one row each")
        found[sku, at] = Offered(sku=sku, at=at, units=units)
    return list(found.values())


def totals(name: str, content: bytes, columns: Mapping[str, str], layout: Layout) -> Sequence[Total]:
    """Read the platform's totals: a `day`, and of it as many of `returns`, `units` and `net` as are told."""
    found: dict[date, Total] = {}
    for number, row in _rows(name, content, columns, layout):
        try:
            day = date.fromisoformat(str(row.get("day") or "").strip()[:10])
        except ValueError:
            raise Refused(name, f"row {number} has no day like 2026-01-31", "ask the sender for the file anew") from None
        returns = _number(name, number, row, "returns")
        if day in found:
            raise Refused(name, f"row {number} states {day} a second time", "ask the sender for one row a day")
        found[day] = Total(day=day, returns=None if returns is None else int(returns), units=_number(name, number, row, "units"),
                           net=_number(name, number, row, "net"))
    return list(found.values())


def _number(name: str, number: int, row: Mapping[str, Any], column: str) -> Decimal | None:
    told = row.get(column)
    if told is None or str(told).strip() == "":
        return None
    value = exact(told if isinstance(told, str) else str(told))
    if value is None:
        raise Refused(name, f"in row {number}, '{told}' is no number for {column}", "ask the sender for the file anew")
    return value


def _rows(name: str, content: bytes, columns: Mapping[str, str], layout: Layout) -> Iterator[Told]:
    """Give each row with the columns the profile names, by our names for them; a file that lacks one is refused."""
    form = forms.form_of(name, content)
    if form in {"csv", "xlsx"}:
        yield from _of_table(name, content, form, columns, layout)
        return
    try:
        lines = [line for line in content.splitlines() if line.strip()]
        told = msgspec.json.decode(content) if form == "json" else [msgspec.json.decode(line) for line in lines]
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Refused(name, f"it is no valid JSON: {str(error)[:100]}", "ask the sender for the file anew") from error
    if not isinstance(told, list) or not all(isinstance(row, dict) for row in told):
        raise Refused(name, "it is no list of rows", "send CSV, XLSX, JSON lines, or one JSON list of objects")
    for number, row in enumerate(told, start=1):
        yield number, {ours: row.get(theirs) for ours, theirs in columns.items()}


def _of_table(name: str, content: bytes, form: str, columns: Mapping[str, str], layout: Layout) -> Iterator[Told]:
    rows = csv_rows.rows(name, content) if form == "csv" else xlsx_rows.rows(name, content, layout)
    table = grid.table(name, rows, layout, even=form == "csv")
    places = {bare_key(column): place for place, column in enumerate(table.columns)}
    if lacking := [theirs for theirs in columns.values() if bare_key(theirs) not in places]:
        raise Refused(name, f"it has no column {', '.join(lacking)}", "name its columns in the profile's [statements] or [availability]")
    for row in table.rows:
        if row.flaw:
            raise Refused(name, f"row {row.number}: {row.flaw}", "ask the sender for the file anew")
        yield row.number, {ours: row.cells[places[bare_key(theirs)]] for ours, theirs in columns.items()}

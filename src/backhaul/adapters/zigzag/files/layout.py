"""What can a file of returns look like, and into which pieces is it taken apart?

The `[files]` part of a profile, and the records the readers share.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from backhaul.adapters.zigzag.reader import Path
from backhaul.domain.errors import Misconfigured

REFUSED: Final = "FILE_REFUSED"
TOTALS: Final = "FILE_TOTALS_DIFFER"


class Trailer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a file says of itself, so that one that was cut off is not taken for the whole.

    In CSV and XLSX the row whose first cell is `mark`; `rows` and `total` say in which of its cells (from 1) the number of rows
    and the sum of the column `of` stand. In XML and JSON the number of rows stands at the path `rows_at`.
    """

    mark: str = ""
    rows: int = 0
    total: int = 0
    of: str = ""
    rows_at: str = ""


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How this tenant's files are laid out.

    `columns` names the path of each column that is not called like the last key of its path. `sheet` is XLSX's, by default the first that
    is not hidden. `row` is the path of the element that repeats in XML; with `whole` each is a message, else each child of it a column.
    """

    columns: dict[str, str] = {}
    sheet: str = ""
    row: str = ""
    whole: bool = False
    max_bytes: int = 25_000_000
    max_unpacked: int = 200_000_000
    max_rows: int = 100_000
    trailer: Trailer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row as it stands in a file: its number as a person counts, its cells as texts, and what is wrong with one of them."""

    number: int
    cells: Sequence[str]
    flaw: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a file: its bytes, the rows it stands on, the return it names, and why it is none, if it is none."""

    rows: Sequence[int]
    body: bytes
    ref: str = ""
    flaw: str = ""


class Refused(Misconfigured):
    """A file is not taken in at all; says which one, what is wrong and what to do now. `code` is the kind of exception it makes."""

    def __init__(self, name: str, what: str, now: str, *, code: str = REFUSED) -> None:
        """Put the sentence together."""
        super().__init__(f"{name}: {what}; {now}")
        self.code = code


def flaws(layout: Layout) -> Iterator[tuple[str, str]]:
    """Say what is wrong with the `[files]` part: the setting, and a sentence."""
    for column, path in layout.columns.items():
        try:
            Path.of(re.sub(r"\[\d+\]", "[]", path))
        except ValueError as error:
            yield f"columns.{column}", str(error)
    for name in ("max_bytes", "max_unpacked", "max_rows"):
        if getattr(layout, name) < 1:
            yield name, "at least 1 is needed"
    if layout.whole and not layout.row:
        yield "whole", "whole messages need the path of their element: row"
    if layout.row and not _is_path(layout.row):
        yield "row", f"'{layout.row}' is no path; write it like Root.Data"
    if layout.trailer:
        yield from ((f"trailer{key}", sentence) for key, sentence in _trailer_flaws(layout.trailer))


def _trailer_flaws(trailer: Trailer) -> Iterator[tuple[str, str]]:
    if not trailer.mark and not trailer.rows_at:
        yield "", "a trailer needs mark (CSV and XLSX) or rows_at (XML and JSON)"
    if trailer.mark and min(trailer.rows, trailer.total) < 0:
        yield "", "cells are counted from 1"
    if trailer.mark and not trailer.rows and not trailer.total:
        yield ".mark", "say which cell of the trailer holds the number of rows, or the total"
    if bool(trailer.total) != bool(trailer.of):
        yield ".total", "total names a cell of the trailer and of the column it adds up; one needs the other"
    if trailer.rows_at and not _is_path(trailer.rows_at):
        yield ".rows_at", f"'{trailer.rows_at}' is no path; write it like Root.Header.Rows"


def _is_path(text: str) -> bool:
    """Tell whether a text is a path that goes through no list."""
    try:
        return not Path.of(text).lists
    except ValueError:
        return False

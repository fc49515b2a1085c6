"""How does a value leave for a spreadsheet or for paper as what it is, and never as a formula it brought along?"""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from fpdf import FPDF
from fpdf.enums import TableCellFillMode
from fpdf.fonts import FontFace
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from backhaul.application.material import Formula, Sheet

CELL: Final = 32_000
"""Characters in one cell; a spreadsheet holds few more."""
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Beginnings that a spreadsheet may take for a formula, in their wide forms as well."""
OLDEST: Final = (1980, 1, 1, 0, 0, 0)
"""The first moment a ZIP archive can name."""
MOMENT: Final = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")
ON_PAPER: Final = 500
"""Rows of one section on paper; the workbook has all."""
WORDS: Final = 60
"""Characters of one cell on paper."""


def safe(value: object) -> str | Decimal | int | datetime | date | None:
    """Give a value that a spreadsheet shows as what it is: numbers as numbers, text as text."""
    if value is None or isinstance(value, (Decimal, int, datetime, date)):
        return value
    text = "".join(letter if letter.isprintable() or letter in "\t\n\r" else " " for letter in str(value))[:CELL]
    return f"'{text}" if str(value).lstrip(" \ufeff").startswith(FORMULA) else text


def cell(page: Any, value: Any) -> Any:  # noqa: ANN401  openpyxl's
    """Give text as a cell that can be nothing but text; a spreadsheet knows no time zones, so times are said in UTC without one."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    if not isinstance(value, str):
        return value
    made = WriteOnlyCell(page, value=value)
    made.data_type = "s"
    return made


def csv_file(headings: Sequence[Any], rows: Iterable[Sequence[Any]]) -> bytes:
    """Write rows as CSV by RFC 4180: CRLF, quotes doubled, and a mark at its beginning by which a spreadsheet knows that it is UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(headings)
    for row in rows:
        writer.writerow([_plain(safe(value)) for value in row])
    return ("\ufeff" + text.getvalue()).encode()


def _plain(value: object) -> object:
    """Write what CSV has no type for: exact decimals, times in UTC."""
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else "" if value is None else value


def workbook(sheets: Sequence[Sheet]) -> bytes:
    """Write sheets as one workbook; only a `Formula` becomes one. Equal sheets make equal bytes."""
    book = Workbook(write_only=True)
    for sheet in sheets:
        page = book.create_sheet(sheet.name)
        page.freeze_panes = "A2"
        bold = [WriteOnlyCell(page, value=heading) for heading in sheet.headings]
        for heading in bold:
            heading.font = Font(bold=True)
        page.append(bold)
        for row in sheet.rows:
            page.append([f"={value.expression}" if isinstance(value, Formula) else cell(page, safe(value)) for value in row])
    out = io.BytesIO()
    book.save(out)
    return _without_moments(out.getvalue())


def _without_moments(written: bytes) -> bytes:
    """Write an archive anew without the moments at which it was written."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(written)) as before, zipfile.ZipFile(out, "w") as after:
        for name in before.namelist():
            content = MOMENT.sub(rb"\g<1>1980-01-01T00:00:00Z", before.read(name))
            after.writestr(zipfile.ZipInfo(name, OLDEST), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def paper(title: str, sheets: Sequence[Sheet], at: datetime) -> bytes:
    """Write sheets as one PDF with the same figures; `at` is the moment it is dated, so that equal sheets make equal bytes."""
    document = FPDF(orientation="L")
    document.set_creation_date(at)
    document.set_title(_latin(title))
    document.add_page()
    document.set_font("Helvetica", "B", 14)
    document.cell(text=_latin(title), new_x="LMARGIN", new_y="NEXT")
    for sheet in sheets:
        document.set_font("Helvetica", "B", 11)
        document.cell(h=9, text=_latin(sheet.name), new_x="LMARGIN", new_y="NEXT")
        document.set_font("Helvetica", size=6)
        with document.table(headings_style=FontFace(emphasis="BOLD"), cell_fill_mode=TableCellFillMode.NONE) as table:
            for row in (sheet.headings, *sheet.rows[:ON_PAPER]):
                table.row([said(value) for value in (*row, *(None,) * (len(sheet.headings) - len(row)))])
        if more := len(sheet.rows) - ON_PAPER if len(sheet.rows) > ON_PAPER else 0:
            document.cell(text=f"and {more} more rows, in the workbook", new_x="LMARGIN", new_y="NEXT")
    return bytes(document.output())


def said(value: object) -> str:
    """Write a value for paper, in the letters its plain fonts have."""
    if isinstance(value, Formula):
        return said(value.value)
    if isinstance(value, Decimal):
        return f"{value.normalize():f}" if value else "0"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
    text = "" if value is None else str(value)
    return _latin(text if len(text) <= WORDS else f"{text[:WORDS]}...")


def _latin(text: str) -> str:
    return text.replace("\u2192", "->").encode("latin-1", "replace").decode("latin-1")

"""What do the rows of a workbook say, as the person who wrote them sees it?

Values, not formulas. A number is what a spreadsheet shows of it, fifteen digits, so that 0.1 + 0.2 is 0.3 and a price is exact. Whatever
cannot be told exactly is a flaw of its row, never a guess: a formula nobody computed, an error, a number too long to be kept.
A workbook is a stranger's archive of XML: its unpacked size is known before anything of it is unpacked, and its own word on how many
rows it has is not asked for.
"""

import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from datetime import date, time, timedelta
from decimal import Decimal
from itertools import pairwise, zip_longest
from typing import Any, Final

import openpyxl
from openpyxl.utils import get_column_letter

from backhaul.adapters.zigzag.files.layout import Layout, Refused, Row

PARTS: Final = 2000
"""So many files at most in the archive that is a workbook."""
WIDE: Final = 1000
"""So many columns at most."""
DIGITS: Final = 15
"""What a spreadsheet keeps of a number."""
FORMULA: Final = re.compile(rb"<(?:\w+:)?f[\s/>]")
NUMBERED: Final = re.compile(rb"<(?:\w+:)?row\b[^>]*?\sr=[\"'](\d{1,9})[\"']")
"""The number a row says it has."""
PADDED: Final = re.compile(r"0{2,}")
"""A number format that shows a number with leading zeros, as codes often are."""


def rows(name: str, content: bytes, layout: Layout) -> Iterator[Row]:
    """Give the rows of the sheet the profile names, the head first."""
    _check(name, content, layout)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl tells of decorations it leaves out
            yield from _rows(name, content, layout)
    except Refused:
        raise
    except Exception as error:  # a damaged workbook fails inside openpyxl in a dozen ways
        raise Refused(name, f"the workbook is damaged ({type(error).__name__}: {str(error)[:100]})",
                      "open it, save it anew and send it again") from error


def _check(name: str, content: bytes, layout: Layout) -> None:
    """Refuse an archive that is none, is locked, or would unpack to more than it may; nothing is unpacked for that."""
    try:
        parts = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:  # the last is how zipfile names a compression it does not know
        raise Refused(name, f"the workbook is damaged or cut off ({error})", "ask the sender for the file anew") from error
    if any(part.flag_bits & 1 for part in parts):
        raise Refused(name, "it is protected by a password", "save it without one and send it again")
    size = sum(part.file_size for part in parts)
    if size > layout.max_unpacked or len(parts) > PARTS:
        raise Refused(name, f"its {len(content)} bytes unpack to {size} in {len(parts)} parts, more than may be unpacked",
                      "look at who sent it; a large honest file goes through with max_unpacked in [files]")
    if not any(part.filename == "[Content_Types].xml" for part in parts):
        raise Refused(name, "it is an archive and no workbook", "unpack it and send the file in it")


def _rows(name: str, content: bytes, layout: Layout) -> Iterator[Row]:
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    try:
        title = _sheet(name, book, layout.sheet)
        formulas = _cells(content, title) if _has_formulas(name, content) else iter(())
        sheet = book[title]
        sheet.reset_dimensions()
        for number, (cells, alike) in enumerate(zip_longest(sheet.iter_rows(), formulas, fillvalue=()), start=1):
            if number > layout.max_rows + 2:
                raise Refused(name, f"it has more than {layout.max_rows} rows", "send it in parts, or raise max_rows in [files]")
            if len(cells) > WIDE:
                raise Refused(name, f"row {number} has more than {WIDE} columns", "send only the columns the profile reads")
            told = [_told(cell, formula) for cell, formula in zip_longest(cells, alike[:len(cells)])]
            flaw = next((f"cell {_place(column)}{number} {flaw}" for column, (_, flaw) in enumerate(told) if flaw), "")
            yield Row(number=number, cells=[text for text, _ in told], flaw=flaw)
    finally:
        book.close()


def _sheet(name: str, book: Any, asked: str) -> str:  # noqa: ANN401  a workbook
    sheets = [sheet for sheet in book.worksheets if hasattr(sheet, "reset_dimensions")]
    if asked and asked not in (sheet.title for sheet in sheets):
        there = ", ".join(sheet.title for sheet in sheets)
        raise Refused(name, f"it has no sheet '{asked}', only {there}", "rename the sheet, or name it in [files]")
    if not sheets:
        raise Refused(name, "it has no sheet", "ask the sender for the file anew")
    return asked or next((sheet for sheet in sheets if sheet.sheet_state == "visible"), sheets[0]).title


def _has_formulas(name: str, content: bytes) -> bool:
    """Tell whether any sheet has a formula: only then it is read twice. Rows out of order are refused; openpyxl would leave them out."""
    found = False
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for part in archive.infolist():
            if "worksheets/" not in part.filename or not part.filename.endswith(".xml"):
                continue
            text = archive.read(part)
            numbers = [int(number) for number in NUMBERED.findall(text)]
            if any(after <= before for before, after in pairwise(numbers)):
                raise Refused(name, "the rows of a sheet do not stand in order", "open it, save it anew and send it again")
            found = found or FORMULA.search(text) is not None
    return found


def _cells(content: bytes, title: str) -> Iterator[Any]:
    """Give the cells once more, formulas as formulas: a formula without a value looks like an empty cell otherwise."""
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
    try:
        book[title].reset_dimensions()
        yield from book[title].iter_rows()
    finally:
        book.close()


def _told(cell: Any, formula: Any) -> tuple[str, str]:  # noqa: ANN401  cells of a library
    """Give what a cell says as text, and what is wrong with it."""
    value, kind = cell.value, getattr(cell, "data_type", "n")
    if kind == "e":
        return "", f"holds the error {value}"
    if value is None:
        computed = getattr(formula, "data_type", "") == "f"
        return "", "holds a formula whose value was not saved; open the file, save it and send it again" if computed else ""
    if isinstance(value, bool):
        return ("true" if value else "false"), ""
    if isinstance(value, (int, float)):
        return _number(value, str(getattr(cell, "number_format", "")))
    if isinstance(value, (time, timedelta)):
        return "", f"holds a time of day or a duration ({value}) and no moment"
    return (value.isoformat() if isinstance(value, date) else str(value).strip()), ""


def _number(value: float, shown: str) -> tuple[str, str]:
    if not abs(value) < 10**DIGITS:
        return "", f"holds a number of more than {DIGITS} digits, which no spreadsheet keeps exactly; write it as text"
    text = format(Decimal(format(value, f".{DIGITS}g")) if isinstance(value, float) else Decimal(value), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return (text.zfill(len(shown)) if PADDED.fullmatch(shown) and text.isdigit() else text), ""


def _place(column: int) -> str:
    """Name a column as a spreadsheet does."""
    return get_column_letter(column + 1)

"""Which payments stand in a file or an answer, and which of its rows say none?

One row is one payment. Columns are found as other files' are: case, spaces and punctuation do not count. A row that cannot be read whole is
given with what is wrong with it, and never guessed at: a payment with a guessed amount would prove anything.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from backhaul.adapters.zigzag.files import csv_rows, forms, xlsx_rows
from backhaul.adapters.zigzag.files.layout import Layout, Refused
from backhaul.adapters.zigzag.reader import Path, bare_key, exact, get, normalise, read_json
from backhaul.application.ports import Unusable
from backhaul.application.take_payments import Row
from backhaul.domain.payments import Payment, PaymentStatus
from backhaul.domain.returns import NOTHING

FORMS: Final = ("csv", "xlsx", "jsonl", "json")
FIELDS: Final = ("reference", "status", "amount", "currency", "day", "fee", "bonus", "exchange", "returns", "orders", "notes", "provider")
NEEDED: Final = ("reference", "status", "amount", "currency", "day")
PAID_FOR: Final = ("returns", "orders", "notes")
LONGEST: Final = 128
NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
SEVERAL: Final = re.compile(r"[;,\s]+")


class Columns(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[payouts.file]`, `[payouts.api]`: where each field of a payment stands, as a column's name or a path, and what its words mean.

    `statuses` gives the provider's words for pending, failed, paid and reversed; ours are known without. `minor` amounts are in the
    smallest unit of the currency, two digits.
    """

    provider: str
    columns: dict[str, str] = {}
    statuses: dict[str, PaymentStatus] = {}
    zone: str = "UTC"
    minor: bool = False


def flaws(columns: Columns) -> Iterator[tuple[str, str]]:
    """Say what is wrong with how payments are read: the setting, and a sentence."""
    if not NAME.fullmatch(columns.provider):
        yield "provider", "a provider needs a name of small letters, digits and hyphens"
    for field, path in columns.columns.items():
        if field not in FIELDS:
            yield f"columns.{field}", f"a payment has no '{field}'; it has {', '.join(FIELDS)}"
        try:
            if Path.of(path).lists:
                yield f"columns.{field}", f"'{path}' goes through a list; one row is one payment"
        except ValueError as error:
            yield f"columns.{field}", str(error)
    try:
        ZoneInfo(columns.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield "zone", f"there is no time zone '{columns.zone}'"


def rows_of(name: str, content: bytes, columns: Columns, layout: Layout) -> Iterator[Row]:
    """Read a file. Raises `Refused` when nothing of it may be taken in."""
    if len(content) > layout.max_bytes:
        raise Refused(name, f"it has {len(content)} bytes and may have {layout.max_bytes}", "send it in parts, or raise max_bytes")
    form = forms.form_of(name, content)
    if form not in FORMS:
        raise Refused(name, f"payments come as one of {', '.join(FORMS)}, not as {form}", "export it in one of these")
    said = _tabled(name, content, form, layout) if form in {"csv", "xlsx"} else _objects(name, content, form)
    for number, (at, told, flaw) in enumerate(said, start=1):
        if number > layout.max_rows:
            raise Refused(name, f"it has more than {layout.max_rows} rows", "send it in parts, or raise max_rows in [files]")
        yield Row(at=at, flaw=flaw) if flaw else read(at, told, columns)


def _tabled(name: str, content: bytes, form: str, layout: Layout) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    told = csv_rows.rows(name, content) if form == "csv" else xlsx_rows.rows(name, content, layout)
    said = (row for row in told if row.flaw or any(row.cells))
    head = next(said, None)
    if head is None:
        raise Refused(name, "it is empty", "ask the sender for the file anew")
    keys = [bare_key(cell) for cell in head.cells]
    if twice := {key for key in keys if key and keys.count(key) > 1}:
        raise Refused(name, f"two columns are called {', '.join(sorted(twice))}", "give each column a name of its own")
    for row in said:
        held = max((place for place, cell in enumerate(row.cells, start=1) if cell), default=0)
        wide = f"it has {held} cells and the head has {len(keys)}" if held > len(keys) else ""
        yield f"row {row.number}", {key: cell for key, cell in zip(keys, row.cells, strict=False) if key and cell}, row.flaw or wide


def _objects(name: str, content: bytes, form: str) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Give the objects of JSON lines, or of a JSON file that is a list."""
    try:
        parts: Iterable[bytes] = [line for line in content.splitlines() if line.strip()] if form == "jsonl" else \
            [bytes(each) for each in msgspec.json.decode(content, type=list[msgspec.Raw])]
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Refused(name, "it is JSON and no list of payments", "send a list, or one payment on each line") from error
    for number, part in enumerate(parts, start=1):
        try:
            told = normalise(read_json(part))
        except Unusable as unusable:
            yield f"row {number}", {}, str(unusable)
            continue
        yield (f"row {number}", told, "") if isinstance(told, Mapping) else (f"row {number}", {}, "it is no object")


# --- one row


def read(at: str, told: Mapping[str, Any], columns: Columns) -> Row:
    """Read one payment from a row whose keys are bare."""
    try:
        said = {field: get(told, Path.of(columns.columns.get(field, field)).flat) for field in FIELDS}
        return Row(at=at, payment=_payment(said, columns))
    except (Unusable, ValueError) as wrong:
        return Row(at=at, flaw=str(wrong))


def _payment(said: Mapping[str, Any], columns: Columns) -> Payment:
    if missing := [field for field in NEEDED if said[field] in {None, ""}]:
        message = f"nothing is said of {', '.join(missing)}"
        raise ValueError(message)
    amount, fee, bonus, exchange = (_amount(field, said[field], minor=columns.minor) for field in ("amount", "fee", "bonus", "exchange"))
    if min(amount, fee, bonus) < 0:
        message = "amount, fee and bonus are not negative; a payment that came back has a status of its own"
        raise ValueError(message)
    returns, orders, notes = (_names(said[field]) for field in PAID_FOR)
    if not (returns or orders or notes):
        message = "it names neither a return, nor an order, nor a credit note that it pays"
        raise ValueError(message)
    return Payment(reference=_word("reference", said["reference"]), provider=_word("provider", said["provider"] or columns.provider),
                   status=_status(str(said["status"]), columns), currency=_currency(str(said["currency"])),
                   day=_day(str(said["day"]), columns.zone), amount=amount, fee=fee, bonus=bonus, exchange=exchange,
                   returns=returns, orders=orders, notes=notes)


def _amount(field: str, value: object, *, minor: bool) -> Decimal:
    if value in {None, ""}:
        return NOTHING
    number = exact(value)
    if number is None:
        message = f"{field} '{value}' is no number"
        raise ValueError(message)
    return number / 100 if minor else number


def _word(field: str, value: object) -> str:
    text = str(value).strip()
    if not text or len(text) > LONGEST or not text.isprintable():
        message = f"{field} is empty, longer than {LONGEST} characters, or not printable"
        raise ValueError(message)
    return text


def _names(value: object) -> tuple[str, ...]:
    """Read one name or several; a list in JSON, or with semicolons, commas or spaces between them."""
    parts = value if isinstance(value, list) else SEVERAL.split(str(value or ""))
    return tuple(dict.fromkeys(_word("what it pays", part) for part in parts if str(part).strip()))


def _status(text: str, columns: Columns) -> PaymentStatus:
    known = {bare_key(word): status for word, status in columns.statuses.items()}
    known = {**{status.value: status for status in PaymentStatus}, **known}
    if (status := known.get(bare_key(text))) is None:
        message = f"status '{text}' means nothing here; [payouts] statuses says what a word means"
        raise ValueError(message)
    return status


def _currency(text: str) -> str:
    code = text.strip().upper()
    if not re.fullmatch(r"[A-Z]{3}", code, re.ASCII):
        message = f"'{text}' is no currency code"
        raise ValueError(message)
    return code


def _day(text: str, zone: str) -> date:
    """Read a day, or a moment as the day it is in the zone of the books."""
    try:
        if len(text.strip()) == len("2026-01-01"):
            return date.fromisoformat(text.strip())
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        message = f"day '{text}' is no day like 2026-10-31"
        raise ValueError(message) from None
    return moment.astimezone(ZoneInfo(zone)).date() if moment.tzinfo else moment.date()

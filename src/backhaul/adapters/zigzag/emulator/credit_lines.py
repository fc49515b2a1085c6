"""Which returns do the real credit lines tell of?

Reads the columns of UCI "Online Retail" (see `examples/online-retail/README.md`). One credit note
(invoice `C…`) is one return; each row is one line. Nothing synthetic is added here: that is `rule`.
Quantities are negative in the file and positive in a return. Prices are net, in pounds. The file's
times carry no zone and are read as UTC.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

BEFORE_THE_DATA: Final = "PRE-2010-12"
"""Order reference of goods a customer bought before the data starts."""

NOT_GOODS: Final = frozenset(
    {"AMAZONFEE", "BANK CHARGES", "C2", "CRUK", "D", "DOT", "M", "m", "PADS", "POST", "S"},
)
"""Codes that are no goods, for rows that come without a product file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditLine:
    """One line of a credit note. `unit_price` is net, as text with at least two decimals."""

    sku: str
    description: str
    quantity: Decimal
    unit_price: str
    order: str | None
    goods: bool

    @property
    def net(self) -> Decimal:
        """Quantity times net price, unrounded."""
        return self.quantity * Decimal(self.unit_price)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNote:
    """One credit note: who gave it back, when, and what."""

    number: str
    customer: str | None
    country: str
    at: datetime
    lines: tuple[CreditLine, ...]


def rows_of(file: Path) -> Iterator[dict[str, str]]:
    """Give the rows of a CSV file in UTF-8, keyed by its heading."""
    with file.open(encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text)


def find_file(folder: Path, ending: str) -> Path | None:
    """Find the file of a folder whose name ends so (`credit-lines.csv`), whatever stands before it."""
    return min(folder.glob(f"*{ending}"), default=None)


def read_folder(folder: Path) -> tuple[CreditNote, ...]:
    """Read a folder's credit lines, and its product file where it has one.

    Raises `FileNotFoundError` when no file's name ends in `credit-lines.csv`.
    """
    file = find_file(folder, "credit-lines.csv")
    if file is None:
        message = f"No file '*credit-lines.csv' in {folder}; give the folder of the example data."
        raise FileNotFoundError(message)
    products = find_file(folder, "products.csv")
    stock = {row["StockCode"]: row["IsStock"] for row in rows_of(products)} if products else {}
    return read_rows(rows_of(file), stock)


def read_rows(rows: Iterable[Mapping[str, str]], stock: Mapping[str, str] | None = None) -> tuple[CreditNote, ...]:
    """Group credit lines into credit notes, oldest first. `stock` tells by SKU whether it is goods ("1")."""
    notes: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        notes.setdefault(row["InvoiceNo"], []).append(row)
    read = (_note(number, own, stock or {}) for number, own in notes.items())
    return tuple(sorted(read, key=lambda note: (note.at, note.number)))


def _note(number: str, rows: list[Mapping[str, str]], stock: Mapping[str, str]) -> CreditNote:
    first = rows[0]
    return CreditNote(
        number=number,
        customer=first.get("CustomerID") or None,
        country=first.get("Country") or "United Kingdom",
        at=min(datetime.fromisoformat(row["InvoiceDate"]).replace(tzinfo=UTC) for row in rows),
        lines=tuple(_line(row, stock) for row in rows),
    )


def _line(row: Mapping[str, str], stock: Mapping[str, str]) -> CreditLine:
    goods = _is_goods(row, stock)
    known = goods and bool(row.get("CustomerID"))
    return CreditLine(
        sku=row["StockCode"],
        description=row.get("Description") or "",
        quantity=abs(Decimal(row["Quantity"])),
        unit_price=price_text(row["UnitPrice"]),
        order=(row.get("OrigInvoiceNo") or BEFORE_THE_DATA) if known else None,
        goods=goods,
    )


def _is_goods(row: Mapping[str, str], stock: Mapping[str, str]) -> bool:
    sku = row["StockCode"]
    if sku in stock:
        return stock[sku] == "1"
    return row.get("match") != "non_stock" and sku not in NOT_GOODS and not sku.startswith("gift_")


def price_text(price: str) -> str:
    """Write a price with at least two decimals and no exponent: "27.5" becomes "27.50", "0.001" stays."""
    amount = Decimal(price)
    decimals = -int(amount.as_tuple().exponent)
    return f"{amount:f}" if decimals > 2 else f"{amount:.2f}"

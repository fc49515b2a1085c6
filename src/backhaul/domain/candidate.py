"""Which sale could these goods come from, and what speaks for it?

Goods without a return, or whose order nobody knows, are some item that somebody bought. Every line of a sale of that item is a candidate;
they are ranked by what speaks for each, and both what does and what does not is told. A person chooses; nothing is ever decided by a rank.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from backhaul.domain.original import names
from backhaul.domain.return_line import NOTHING
from backhaul.domain.validation import Sale, SaleLine, Taken

RECENT: Final = 100
"""Days from a sale to a return that are usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What is known of the goods: item, units, currency, and whatever else somebody could tell.

    `line_sku` is what the line is said to be, where another item is looked for; `span` the days its sale is looked for on.
    """

    sku: str
    units: Decimal
    currency: str
    customer: str = ""
    order: str = ""
    price: Decimal | None = None
    came_on: date | None = None
    line_sku: str = ""
    span: tuple[date, date] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One line of a sale that the goods may come from. `left` units of it are not returned yet; `rank` says how much speaks for it."""

    order: str
    lot: str
    customer: str
    currency: str
    unit_price: Decimal
    sold_on: date | None
    left: Decimal
    why: tuple[str, ...]
    against: tuple[str, ...]
    rank: tuple[bool, ...]


def candidates(sought: Sought, sales: Iterable[Sale], taken: Mapping[tuple[str, str], Taken],
               awaited: Mapping[str, str]) -> tuple[Candidate, ...]:
    """Give every line of these sales that sold the item, what speaks most first; of those found by days alone, what was sold last.

    `taken` is what our returns take by order and lot, `awaited` the return that announced the item of an order and still waits for it.
    """
    found = [_candidate(sought, sale, line, lot, taken.get((sale.number, lot), Taken()), awaited.get(sale.number, ""))
             for sale in sales for lot, line in zip(names(sale.of(sought.sku)), sale.of(sought.sku), strict=True)]
    def how(each: Candidate) -> tuple[object, ...]:
        days = (sought.came_on - each.sold_on).days if sought.span and sought.came_on and each.sold_on else 0
        return tuple(not speaks for speaks in each.rank), len(each.against), days < 0, abs(days), each.order, each.lot

    return tuple(sorted(found, key=how))


def _candidate(sought: Sought, sale: Sale, line: SaleLine, lot: str, taken: Taken, awaited: str) -> Candidate:  # noqa: PLR0913, PLR0917  private
    left = max(line.quantity - line.returned - taken.units, NOTHING)
    days = (sought.came_on - sale.sold_on).days if sought.came_on and sale.sold_on else None
    told: list[tuple[bool | None, str, str]] = [
        (sale.number == sought.order or None, "it is the order that was named", ""),
        (bool(awaited) or None, f"return {awaited} announced it, and it has not come", ""),
        (sale.customer == sought.customer if sought.customer else None, f"{sale.customer} bought it",
         f"{sale.customer or 'nobody named'} bought it, not {sought.customer}"),
        (line.unit_price == sought.price if sought.price is not None else None, f"it was sold at {line.unit_price}",
         f"it was sold at {line.unit_price}, not at {sought.price}"),
        (left >= sought.units, f"{left} of {line.quantity} are not returned yet",
         f"{left} of {line.quantity} are not returned yet, and {sought.units} came"),
        (0 <= days <= RECENT if days is not None else None, f"it was sold {days} days before",
         f"it was sold {f'{days} days before' if days is not None and days > RECENT else 'after the goods came'}"),
    ]
    against = [no for speaks, _, no in told if speaks is False]
    if sale.currency != sought.currency:
        against.append(f"it was sold in {sale.currency}, the return is in {sought.currency}")
    if sought.line_sku not in {"", sought.sku}:
        against.append(f"it sold {sought.sku}, and the line is {sought.line_sku}: correct that first")
    return Candidate(
        order=sale.number, lot=lot, customer=sale.customer, currency=sale.currency, unit_price=line.unit_price, sold_on=sale.sold_on,
        left=left, why=tuple(yes for speaks, yes, _ in told if speaks), against=tuple(against),
        rank=tuple(bool(speaks) for speaks, _, _ in told))

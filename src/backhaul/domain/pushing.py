"""What should the platform hold of our stock, and what of that has it not been told?

All values are absolute. So to tell one again is harmless, and after an answer that was lost the whole present state is told
once more; a difference is never sent.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from backhaul.domain.disposition import Place, Sellability

MOST: Final = 2_147_483_647
"""The platform takes no larger quantity (facts/zigzag 3.2)."""
Told: TypeAlias = Mapping[str, Mapping[str, int | bool | None]]
"""By SKU and warehouse or country: what the platform confirmed; None where a request is or was under way and nobody knows."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """What an ERP says of SKUs: units on sale by SKU and warehouse, which are stopped or discontinued, which name nothing we may count."""

    units: Mapping[tuple[str, str], int]
    stopped: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Row:
    """One absolute value for the platform: units of a SKU at a warehouse, or whether a SKU may be returned from a country."""

    sku: str
    at: str
    value: int | bool


def statuses(sellability: Sellability, warehouse: str) -> frozenset[str]:
    """Give the inventory statuses under which a warehouse sells; an empty one means that its places tell by location alone."""
    return frozenset(place.status for place in sellability.places if place.warehouse == warehouse)


def unreadable(sellability: Sellability, warehouse: str, targets: Collection[Place]) -> Iterator[str]:
    """Say why the units on sale in a warehouse cannot be told from those that are not.

    On-hand is read by warehouse, or by warehouse and status, never by location. So goods that are not on sale must lie in another
    warehouse or under another status.
    """
    sold = statuses(sellability, warehouse)
    if not sold:
        yield f"no sellable place is in warehouse '{warehouse}', so nothing there is on sale"
    elif "" in sold and len(sold) > 1:
        yield f"some sellable places in '{warehouse}' name a status and some do not; name one for all or for none"
    for place in sorted(set(targets), key=lambda each: (each.location, each.status)):
        if place.warehouse == warehouse and not sellability.sells(place) and ("" in sold or not place.status or place.status in sold):
            yield (f"{warehouse}/{place.location} holds goods that are not on sale, and on-hand stock is not told by location; "
                   "keep them in a warehouse of their own, or give both places an inventory status")


def stock_rows(stock: Stock, skus: Collection[str], warehouses: Mapping[str, str]) -> list[Row]:
    """Give what each warehouse of the platform has to offer of each SKU; nothing of what is stopped, no row of what is unknown."""
    return sorted(Row(sku=sku, at=code, value=0 if sku in stock.stopped else min(max(stock.units.get((sku, warehouse), 0), 0), MOST))
                  for sku in skus if sku not in stock.unknown for code, warehouse in warehouses.items())


def returnable_rows(stock: Stock, skus: Collection[str], countries: Sequence[str], told: Told) -> list[Row]:
    """Forbid what is stopped; allow again what we once forbade. Of what we never forbade nothing is said."""
    return sorted(Row(sku=sku, at=country, value=sku not in stock.stopped) for sku in skus if sku not in stock.unknown
                  for country in countries or ("",) if sku in stock.stopped or country in told.get(sku, {}))


def untold(rows: Sequence[Row], told: Told) -> list[Row]:
    """Give those rows the platform did not confirm with this value."""
    return [row for row in rows if told.get(row.sku, {}).get(row.at) != row.value or told[row.sku][row.at] is None]


def omitted(told: Told, listed: Mapping[str, Mapping[str, bool]]) -> list[Row]:
    """Give what the platform took, by its answer, and does not list so.

    A product it does not list may be returned; no country is every one.
    """
    return sorted(
        Row(sku=sku, at=country, value=value) for sku, values in told.items() for country, value in values.items() if value is not None
        and bool(value) is any(not may for where, may in listed.get(sku, {}).items() if not country or where in {"", country}))


def with_told(told: Told, rows: Sequence[Row], *, known: bool) -> dict[str, dict[str, int | bool | None]]:
    """Give what the platform holds once these rows are confirmed, or while nobody knows."""
    after = {sku: dict(values) for sku, values in told.items()}
    for row in rows:
        after.setdefault(row.sku, {})[row.at] = row.value if known else None
    return after


def blocks(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut rows into blocks of at most so many."""
    return (rows[start:start + size] for start in range(0, len(rows), size))

"""Does the shop sell what the warehouse has on sale?

The shop states what it offers, the ERP says what is on hand where stock is sold; a difference belongs to the warehouse. What the shop was
told last explains one that is only on its way: then it shows that, and the ERP has moved on since.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from backhaul.domain.oversight import Irregular
from backhaul.domain.pushing import Stock

Place = tuple[str, str]
"""A legal entity, and a warehouse of its ERP."""


class Standing(StrEnum):
    """How what the shop offers stands to what is on hand."""

    SAME = "same"
    IN_FLIGHT = "in-flight"
    """The shop shows what it was told last; the ERP has other units by now, and it will be told."""
    DIFFERS = "differs"
    UNKNOWN = "unknown"
    """The profile names no warehouse for the shop's code, or the SKU names nothing the ERP can count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What the shop says it can sell of a SKU, at the place it calls `at`."""

    sku: str
    at: str
    units: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One SKU at one place, from both sides; `told` is what the shop was told last, None where nobody knows."""

    sku: str
    at: str
    entity: str
    warehouse: str
    shop: Decimal
    erp: Decimal
    told: Decimal | None
    standing: Standing

    @property
    def apart(self) -> Decimal:
        """Count what the shop offers beyond what is on hand."""
        return self.shop - self.erp


def compare(offered: Iterable[Offered], places: Mapping[str, Place], stocks: Mapping[str, Stock],
            told: Mapping[tuple[str, str, str], int], tolerance: Decimal) -> Iterator[Compared]:
    """Compare each row, and as nothing what the shop was told of and does not state; `told` is by entity, warehouse and SKU."""
    stated = {(each.sku, each.at): each for each in offered}
    left_out = {(sku, at): Offered(sku=sku, at=at, units=Decimal(0)) for at, (entity, warehouse) in places.items()
                for told_entity, told_warehouse, sku in told if (told_entity, told_warehouse) == (entity, warehouse)}
    for (sku, at), each in sorted({**left_out, **stated}.items()):
        entity, warehouse = places.get(at, ("", ""))
        stock = stocks.get(entity)
        known = told.get((entity, warehouse, sku))
        last = None if known is None else Decimal(known)
        if stock is None or sku in stock.unknown:
            yield Compared(sku=sku, at=at, entity=entity, warehouse=warehouse, shop=each.units, erp=Decimal(0), told=last,
                           standing=Standing.UNKNOWN)
            continue
        erp = Decimal(0 if sku in stock.stopped else max(stock.units.get((sku, warehouse), 0), 0))
        standing = Standing.SAME if abs(each.units - erp) <= tolerance \
            else Standing.IN_FLIGHT if last is not None and abs(each.units - last) <= tolerance else Standing.DIFFERS
        yield Compared(sku=sku, at=at, entity=entity, warehouse=warehouse, shop=each.units, erp=erp, told=last, standing=standing)


def differing(rows: Iterable[Compared]) -> Iterator[Irregular]:
    """Give what the shop sells otherwise than it is on hand, as findings: each SKU at each place, by its units."""
    for row in rows:
        if row.standing is Standing.DIFFERS:
            yield Irregular(kind="AVAILABILITY_DIFFERS", subject=f"{row.sku} at {row.at}", count=abs(int(row.apart)), entity=row.entity,
                            sentence=f"The shop offers {row.shop:f} of {row.sku} at {row.at}; {row.erp:f} are on sale in {row.warehouse}.")

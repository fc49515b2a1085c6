"""How many units of an item are on sale, as far as Business Central tells that without a guess?

API v2.0 tells stock of an item over all locations. By location it is told by the query service `ItemLedgerEntries`, whose open entries
add up to what lies there (facts/business-central 4); where that is not published, nothing is told at all.
"""

from collections.abc import Collection
from decimal import ROUND_FLOOR, Decimal
from typing import Final
from urllib.parse import quote

from backhaul.adapters.business_central.central import SAFE, Central
from backhaul.adapters.business_central.masters import Masters
from backhaul.adapters.business_central.wire import NO_BIN
from backhaul.adapters.odata import number, quoted
from backhaul.domain.disposition import Sellability
from backhaul.domain.errors import Misconfigured
from backhaul.domain.pushing import Stock
from backhaul.domain.validation import ItemState, Questions

ENTRIES: Final = "ItemLedgerEntries"
COLUMNS: Final = ("Item_No", "Location_Code", "Remaining_Quantity")
AT_ONCE: Final = 40


def stock(central: Central, masters: Masters, sellability: Sellability, skus: Collection[str], warehouses: Collection[str]) -> Stock:
    """Give what lies at locations that sell; `Misconfigured` where a location sells from some bins only, or nothing tells by location."""
    for warehouse in sorted(warehouses):
        if {place.location for place in sellability.places if place.warehouse == warehouse} != {NO_BIN}:
            message = (f"Stock of location '{warehouse}' cannot be told: it must sell as a whole (a sellable place with location "
                       f"'{NO_BIN}'), for Business Central tells stock by location and not by bin.")
            raise Misconfigured(message)
    told = masters.answer(Questions(legal_entity=masters.told.company, items=frozenset(skus)))
    # Entries do not name variants, so an item with variants is not told apart (facts/business-central 4).
    items = {sku: item for sku in skus if (item := told.items.get(sku)) and not (item.service or item.also or item.needs_variant)
             and not (item.erp and item.erp.dimensions)}
    names = {sku: item.erp.number if item.erp else sku for sku, item in items.items()}
    sums = _sums(central, masters.told.company, sorted(set(names.values())))
    units = {(sku, warehouse): int(sums.get((name, warehouse), Decimal(0)).to_integral_value(ROUND_FLOOR))
             for sku, name in names.items() for warehouse in warehouses}
    return Stock(units=units, stopped=frozenset(sku for sku, item in items.items() if item.state is not ItemState.ACTIVE),
                 unknown=frozenset(skus) - items.keys())


def _sums(central: Central, company: str, names: list[str]) -> dict[tuple[str, str], Decimal]:
    """Add up the open entries of these items, by item and location."""
    sums: dict[tuple[str, str], Decimal] = {}
    for first in range(0, len(names), AT_ONCE):
        any_of = " or ".join(f"Item_No eq {quoted(name)}" for name in names[first:first + AT_ONCE])
        asked = f"$filter={quote(f'Open eq true and ({any_of})', safe=SAFE)}&$select={','.join(COLUMNS)}"
        page = central.get(f"{central.root}/ODataV4/Company({quote(quoted(company), safe=SAFE)})/{ENTRIES}?{asked}")
        if page is None:
            message = f"Stock by location cannot be told: the query service {ENTRIES} is not published in '{company}'."
            raise Misconfigured(message)
        for row in central.pages(page):
            at = str(row.get("Item_No")), str(row.get("Location_Code"))
            sums[at] = sums.get(at, Decimal(0)) + number(row.get("Remaining_Quantity"))
    return sums

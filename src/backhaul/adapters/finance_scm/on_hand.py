"""How many units of an item are on sale, as far as the ERP tells that without a guess?

Stock on hand is told by warehouse, or by warehouse and inventory status; no public set tells it by location (`WarehousesOnHandV2`,
`WarehouseInventoryStatusesOnHandV2`). Where that does not part what is on sale from what is not, nothing is told at all.
"""

from collections.abc import Collection, Mapping
from decimal import ROUND_FLOOR, Decimal
from typing import Final

from backhaul.adapters.finance_scm import wire
from backhaul.adapters.finance_scm.masters import Masters
from backhaul.adapters.finance_scm.preflight import lacking
from backhaul.adapters.odata import OData, Query, Row, number, quoted
from backhaul.domain.disposition import Sellability
from backhaul.domain.errors import Misconfigured
from backhaul.domain.posting import ErpItem
from backhaul.domain.pushing import Stock, statuses
from backhaul.domain.validation import Item, ItemState, MasterData, Questions

BY_WAREHOUSE: Final = "WarehousesOnHandV2"
BY_STATUS: Final = "WarehouseInventoryStatusesOnHandV2"
COLUMNS: Final = ("dataAreaId", "ItemNumber", *wire.PRODUCT, "InventoryWarehouseId", "AvailableOnHandQuantity")


def stock(masters: Masters, sellability: Sellability, skus: Collection[str], warehouses: Collection[str]) -> Stock:
    """Give what is available and on sale; `Misconfigured` names the location that makes a warehouse untellable."""
    told = masters.answer(Questions(legal_entity=masters.told.company, items=frozenset(skus)))
    items = {sku: item for sku in skus if (item := told.items.get(sku)) is not None and _countable(item)}
    sums: dict[tuple[ErpItem, str], Decimal] = {}
    for warehouse in sorted(warehouses):
        _refuse_mixed(told, sellability, warehouse)
    for warehouse, row in _rows(masters, sellability, items, warehouses):
        at = wire.item_of(row), warehouse
        sums[at] = sums.get(at, Decimal(0)) + number(row.get("AvailableOnHandQuantity"))
    units = {(sku, warehouse): int(sums.get((_erp(sku, item), warehouse), Decimal(0)).to_integral_value(ROUND_FLOOR))
             for sku, item in items.items() for warehouse in warehouses}
    return Stock(units=units, stopped=frozenset(sku for sku, item in items.items() if item.state is not ItemState.ACTIVE),
                 unknown=frozenset(skus) - items.keys())


def _countable(item: Item) -> bool:
    """Tell whether one of the SKU is one unit of one item or variant that has stock."""
    return not (item.service or item.also or item.needs_variant) and item.counts in {"", item.unit}


def _erp(sku: str, item: Item) -> ErpItem:
    return item.erp or ErpItem(number=sku)


def _refuse_mixed(told: MasterData, sellability: Sellability, warehouse: str) -> None:
    """Where no status tells, every location the ERP has in a warehouse must be on sale."""
    sold = statuses(sellability, warehouse)
    if not sold or ("" in sold and len(sold) > 1):
        message = f"Stock of warehouse '{warehouse}' cannot be told: it sells nothing, or not all its sellable places name a status."
        raise Misconfigured(message)
    others = [place.location for place in told.places if place.warehouse == warehouse and not sellability.sells(place)]
    if "" in sold and others:
        message = (f"Stock of warehouse '{warehouse}' cannot be told: location '{min(others)}' is not on sale ({len(others)} are not), "
                   "and the ERP tells stock by warehouse or status, never by location. Sell from a warehouse of its own, or by status.")
        raise Misconfigured(message)


def needs_unmet(odata: OData, sellability: Sellability, warehouses: Collection[str]) -> list[str]:
    """Name what the environment lacks to tell the stock of these warehouses; where none is told, nothing is asked."""
    by_status = {"" not in statuses(sellability, warehouse) for warehouse in warehouses}
    columns: dict[bool, tuple[str, ...]] = {False: COLUMNS, True: (*COLUMNS, "InventoryStatusId")}
    return lacking(odata, {(BY_STATUS if each else BY_WAREHOUSE): columns[each] for each in sorted(by_status)})


def _rows(masters: Masters, sellability: Sellability, items: Mapping[str, Item],
          warehouses: Collection[str]) -> list[tuple[str, Row]]:
    """Read on-hand of these items with one `$batch`, and keep what lies in these warehouses under a status that sells."""
    company, numbers = masters.told.company, tuple(sorted({_erp(sku, item).number for sku, item in items.items()}))
    by_status = {warehouse for warehouse in warehouses if "" not in statuses(sellability, warehouse)}
    asked = [(BY_WAREHOUSE, COLUMNS, set(warehouses) - by_status), (BY_STATUS, (*COLUMNS, "InventoryStatusId"), by_status)]
    asked = [each for each in asked if each[2] and numbers]
    answers = masters.odata.read([Query(entity_set=name, select=columns, where=f"dataAreaId eq {quoted(company)}", column="ItemNumber",
                                        values=numbers) for name, columns, _ in asked]) if asked else []
    return [(str(row["InventoryWarehouseId"]), row) for (name, _, mine), rows in zip(asked, answers, strict=True) for row in rows
            if row.get("InventoryWarehouseId") in mine and str(row.get("dataAreaId")).casefold() == company.casefold()
            and (name == BY_WAREHOUSE or row.get("InventoryStatusId") in statuses(sellability, str(row["InventoryWarehouseId"])))]

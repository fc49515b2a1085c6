"""May this row be written, and what does the platform fill in by itself?

Checks are rows of tables (mandatory, not editable, references); behind them one function per document sets defaults and totals.
The sentences follow facts/finance-scm 6.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from backhaul.adapters.finance_scm.emulator.ledger import PRODUCT, ZERO, Place, currency_of, is_stocked, tax_on, unit_cost
from backhaul.adapters.odata_server import Refused, Row, infolog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from backhaul.adapters.finance_scm.emulator.model import World

MANDATORY: Mapping[str, tuple[tuple[str, str], ...]] = {
    "ReturnOrderHeadersV2": (("CustomerAccountNumber", "Customer account"),),
    "ReturnOrderLinesV2": (("ReturnOrderNumber", "Sales order"), ("ItemNumber", "Item number")),
    "SalesOrderHeadersV2": (("OrderingCustomerAccountNumber", "Customer account"),),
    "SalesOrderLines": (("SalesOrderNumber", "Sales order"), ("ItemNumber", "Item number")),
    "ItemArrivalJournalHeadersV2": (("JournalNameId", "Name"),),
    "ItemArrivalJournalLinesV2": (("JournalNumber", "Journal"), ("ItemNumber", "Item number")),
    "InventoryAdjustmentJournalHeaders": (("JournalNameId", "Name"),),
    "InventoryAdjustmentJournalEntriesV2": (("JournalNumber", "Journal"), ("ItemNumber", "Item number"), ("InventorySiteId", "Site")),
    "InventoryMovementJournalHeaders": (("JournalNameId", "Name"),),
    "InventoryMovementJournalEntriesV4": (("JournalNumber", "Journal"), ("ItemNumber", "Item number"), ("InventorySiteId", "Site")),
    # the caller's number, as observed on a live system (facts/finance-scm 1.4)
    "InventoryTransferJournalHeaders": (("JournalNumber", "Journal"), ("JournalNameId", "Name")),
    "InventoryTransferJournalEntries": (("JournalNumber", "Journal"), ("ItemNumber", "Item number"), ("SourceInventorySiteId", "Site")),
}

# Columns the platform fills; a value sent for them is refused unless the setting `editable` names "Set.Column".
FILLED: Mapping[str, tuple[str, ...]] = {
    "ReturnOrderHeadersV2": (
        "ReturnOrderNumber", "RMANumber", "ReturnStatus", "ReturnOrderStatus", "OrderTotalAmount", "OrderTotalTaxAmount",
        "OrderTotalChargesAmount", "TotalDiscountAmount", "ReplacementSalesOrderNumber", "IsReplacementSalesOrderCreated",
    ),
    "ReturnOrderLinesV2": (
        "ReturnInventoryLotId", "ReturningInventoryLotId", "ReturnStatus", "LineAmount", "TotalTaxAmount", "TotalChargesAmount",
        "TotalDiscountAmount", "ReturnedSalesQuantity", "ActualReturnArrivalDate", "ReturnClosedDate", "RMANumber",
        "CustomerAccountNumber", "InvoiceCustomerAccountNumber",
    ),
    "SalesOrderHeadersV2": ("SalesOrderStatus", "OrderTotalAmount", "OrderTotalTaxAmount", "OrderTotalChargesAmount"),
    "SalesOrderLines": ("InventoryLotId", "SalesOrderLineStatus"),
    "ItemArrivalJournalHeadersV2": ("IsPosted", "PostedDateTime", "PostedUserId"),
    "InventoryAdjustmentJournalHeaders": ("IsPosted", "PostedDateTime", "PostedUserId"),
    "InventoryMovementJournalHeaders": ("IsPosted", "PostedDateTime", "PostedUserId"),
    "InventoryTransferJournalHeaders": ("IsPosted", "PostedDateTime", "PostedUserId"),
}  # fmt: skip

# (column, set it points to, label of the field, label of the table)
REFERENCES: Mapping[str, tuple[tuple[str, str, str, str], ...]] = {
    "ReturnOrderHeadersV2": (
        ("CustomerAccountNumber", "CustomersV3", "Customer account", "Customers"),
        ("InvoiceCustomerAccountNumber", "CustomersV3", "Invoice account", "Customers"),
        ("CustomerReturnReasonCode", "ReturnReasonCodeBiEntities", "Return reason code", "Return reason codes"),
        ("DefaultReturnWarehouseId", "Warehouses", "Warehouse", "Warehouses"),
        ("DefaultReturnSiteId", "OperationalSitesV2", "Site", "Sites"),
    ),
    "ReturnOrderLinesV2": (
        ("ReturnOrderNumber", "ReturnOrderHeadersV2", "Sales order", "Sales orders"),
        ("ItemNumber", "ReleasedProductsV2", "Item number", "Items"),
        ("ReturnDispositionCode", "ReturnDispositionCodes", "Disposition code", "Disposition codes"),
        ("ReturnWarehouseId", "Warehouses", "Warehouse", "Warehouses"),
        ("ReturnSiteId", "OperationalSitesV2", "Site", "Sites"),
    ),
    "SalesOrderHeadersV2": (
        ("OrderingCustomerAccountNumber", "CustomersV3", "Customer account", "Customers"),
        ("InvoiceCustomerAccountNumber", "CustomersV3", "Invoice account", "Customers"),
        ("DefaultShippingWarehouseId", "Warehouses", "Warehouse", "Warehouses"),
    ),
    "SalesOrderLines": (
        ("SalesOrderNumber", "SalesOrderHeadersV2", "Sales order", "Sales orders"),
        ("ItemNumber", "ReleasedProductsV2", "Item number", "Items"),
        ("ShippingWarehouseId", "Warehouses", "Warehouse", "Warehouses"),
    ),
    "ItemArrivalJournalLinesV2": (
        ("JournalNumber", "ItemArrivalJournalHeadersV2", "Journal", "Journals"),
        ("ItemNumber", "ReleasedProductsV2", "Item number", "Items"),
        ("ReturnDispositionCodeId", "ReturnDispositionCodes", "Disposition code", "Disposition codes"),
        ("ReceivingWarehouseId", "Warehouses", "Warehouse", "Warehouses"),
    ),
    "InventoryAdjustmentJournalEntriesV2": (
        ("JournalNumber", "InventoryAdjustmentJournalHeaders", "Journal", "Journals"),
        ("ItemNumber", "ReleasedProductsV2", "Item number", "Items"),
        ("InventoryWarehouseId", "Warehouses", "Warehouse", "Warehouses"),
    ),
    "InventoryMovementJournalEntriesV4": (
        ("JournalNumber", "InventoryMovementJournalHeaders", "Journal", "Journals"),
        ("ItemNumber", "ReleasedProductsV2", "Item number", "Items"),
        ("InventoryWarehouseId", "Warehouses", "Warehouse", "Warehouses"),
    ),
    "InventoryTransferJournalEntries": (
        ("JournalNumber", "InventoryTransferJournalHeaders", "Journal", "Journals"),
        ("ItemNumber", "ReleasedProductsV2", "Item number", "Items"),
        ("SourceWarehouseId", "Warehouses", "Warehouse", "Warehouses"),
        ("DestinationWarehouseId", "Warehouses", "Warehouse", "Warehouses"),
    ),
}

# (site, warehouse, location) columns that must agree
PLACES: Mapping[str, tuple[str, str, str]] = {
    "ReturnOrderHeadersV2": ("DefaultReturnSiteId", "DefaultReturnWarehouseId", ""),
    "ReturnOrderLinesV2": ("ReturnSiteId", "ReturnWarehouseId", "ReturnWarehouseLocationId"),
    "SalesOrderHeadersV2": ("DefaultShippingSiteId", "DefaultShippingWarehouseId", ""),
    "SalesOrderLines": ("ShippingSiteId", "ShippingWarehouseId", "ShippingWarehouseLocationId"),
    "ItemArrivalJournalLinesV2": ("ReceivingInventorySiteId", "ReceivingWarehouseId", "ReceivingWarehouseLocationId"),
    "InventoryAdjustmentJournalEntriesV2": ("InventorySiteId", "InventoryWarehouseId", "WarehouseLocationId"),
    "InventoryMovementJournalEntriesV4": ("InventorySiteId", "InventoryWarehouseId", "WarehouseLocationId"),
    "InventoryTransferJournalEntries": ("SourceInventorySiteId", "SourceWarehouseId", "SourceWarehouseLocationId"),
}
# lines of goods, and the prefixes under which they name product dimensions; labels as in the mandatory-dimension sentence
SIDES: Mapping[str, tuple[str, ...]] = {
    "ReturnOrderLinesV2": ("",),
    "SalesOrderLines": ("",),
    "ItemArrivalJournalLinesV2": ("",),
    "InventoryAdjustmentJournalEntriesV2": ("",),
    "InventoryMovementJournalEntriesV4": ("",),
    "InventoryTransferJournalEntries": ("Source", "Destination"),
}
LABELS = tuple(column.removeprefix("Product").removesuffix("Id") for column in PRODUCT)
DESTINATION = ("DestinationInventorySiteId", "DestinationWarehouseId", "DestinationWarehouseLocationId")
DOCUMENTS = frozenset({"ReturnOrderHeadersV2", "ReturnOrderLinesV2", "SalesOrderHeadersV2", "SalesOrderLines"})
SOURCES: Mapping[str, str] = {
    "ReturnOrderHeadersV2": "SalesTable (SalesTable)",
    "ReturnOrderLinesV2": "SalesLine (SalesLine)",
    "SalesOrderHeadersV2": "SalesTable (SalesTable)",
    "SalesOrderLines": "SalesLine (SalesLine)",
    "ItemArrivalJournalHeadersV2": "WMSJournalTable (WMSJournalTable)",
    "ItemArrivalJournalLinesV2": "WMSJournalTrans (WMSJournalTrans)",
    "InventoryAdjustmentJournalHeaders": "InventJournalTable (InventJournalTable)",
    "InventoryAdjustmentJournalEntriesV2": "InventJournalTrans (InventJournalTrans)",
    "InventoryMovementJournalHeaders": "InventJournalTable (InventJournalTable)",
    "InventoryMovementJournalEntriesV4": "InventJournalTrans (InventJournalTrans)",
    "InventoryTransferJournalHeaders": "InventJournalTable (InventJournalTable)",
    "InventoryTransferJournalEntries": "InventJournalTrans (InventJournalTrans)",
}


def no(world: World, entity_set: str, sentence: str, check: str = "validateWrite") -> Refused:
    """Refuse a write with one Infolog sentence."""
    return infolog(world.catalogue.sets[entity_set].entity, sentence, check=check, source=SOURCES.get(entity_set, entity_set))


def is_editable(world: World, entity_set: str, column: str) -> bool:
    """Whether a caller may set the column."""
    if f"{entity_set}.{column}" in world.settings["readOnly"]:
        return False
    return column not in FILLED.get(entity_set, ()) or f"{entity_set}.{column}" in world.settings["editable"]


def check(world: World, entity_set: str, row: Row, sent: Mapping[str, Any]) -> None:
    """Run the tables of checks over a row about to be written."""
    for column in sent:
        if (
            not is_editable(world, entity_set, column)
            and sent[column] not in {"", None}
            and sent[column] != world.catalogue.sets[entity_set].defaults[column]
        ):
            raise no(world, entity_set, f"Field '{column}' cannot be edited.", "validateField")
    for column, label in MANDATORY.get(entity_set, ()):
        if not row.get(column):
            raise no(world, entity_set, f"Field '{label}' must be filled in.")
    for column, target, label, table in REFERENCES.get(entity_set, ()):
        if (value := sent.get(column)) and world.one(target, row["dataAreaId"], value) is None:
            raise no(
                world, entity_set, f"The value '{value}' in field '{label}' is not found in the related table '{table}'.", "validateField"
            )
    for side in SIDES.get(entity_set, ()):
        check_variant(world, entity_set, row, side)
    if entity_set in PLACES:
        check_place(world, entity_set, row)
    if entity_set == "InventoryTransferJournalEntries":
        check_place(world, entity_set, row, DESTINATION)


def check_variant(world: World, entity_set: str, row: Row, side: str) -> None:
    """Refuse a master without the dimensions its variants use, a variant that is not released, and dimensions of a plain product."""
    company, number = row["dataAreaId"], row["ItemNumber"]
    item = world.one("ReleasedProductsV2", company, number) or {}
    told = tuple(row.get(f"{side}{column}") or "" for column in PRODUCT)
    master = item.get("ProductSubType") == "ProductMaster"
    mine = [r for r in world.tables.where("ReleasedProductVariantsV2", "ItemNumber", number) if master and r["dataAreaId"] == company]
    released = {tuple(r.get(column) or "" for column in PRODUCT) for r in mine}
    used = [any(values) for values in zip(*released, strict=True)] or [False] * len(PRODUCT)
    for label, value, active in zip(LABELS, told, used, strict=True):
        if active and not value:
            raise no(world, entity_set, f"Inventory dimension {label} is mandatory and must consequently be specified.")
        if value and not active:
            raise no(world, entity_set, f"Inventory dimension {label} is not active for item {number} and must not be specified.")
    if master and told not in released:
        variant = ", ".join(f"{label} {value}" for label, value in zip(LABELS, told, strict=True) if value) or "without dimensions"
        raise no(world, entity_set, f"Product variant {variant} of item {number} is not released in {company}.")


def check_place(world: World, entity_set: str, row: Row, columns: tuple[str, str, str] | None = None) -> None:
    """Derive the site from the warehouse and refuse dimensions that do not belong together."""
    site, warehouse, location = columns or PLACES[entity_set]
    if found := world.one("Warehouses", row["dataAreaId"], row.get(warehouse, "")):
        derived = found.get("OperationalSiteId", "")
        if row.get(site) and row[site] != derived:
            raise no(world, entity_set, f"Warehouse {row[warehouse]} is not associated with site {row[site]}.")
        row[site] = derived
    place = row.get(location) if location else ""
    if place and world.one("WarehouseLocations", row["dataAreaId"], row.get(warehouse, ""), place) is None:
        raise no(
            world,
            entity_set,
            f"The value '{place}' in field 'Location' is not found in the related table 'Inventory locations'.",
            "validateField",
        )


# ---------------------------------------------------------------- return orders


def _customer(world: World, entity_set: str, company: str, account: str) -> Row:
    customer = world.one("CustomersV3", company, account)
    if customer is None:
        raise no(world, entity_set, f"Customer {account} does not exist.")
    if customer.get("OnHoldStatus", "No") in {"All", "Invoice"}:
        raise no(world, entity_set, f"Customer {account} is on hold for {customer['OnHoldStatus']}.")
    return customer


def _sellable(world: World, entity_set: str, company: str, item: str) -> None:
    stops = world.one("ProductDefaultOrderSettings", company, item)
    if stops and stops.get("IsSalesProcessingStopped") == "Yes":
        raise no(world, entity_set, f"Item '{item}' is blocked for 'Sales order'.")


def new_return_header(world: World, row: Row) -> Row:
    """Fill a return order header: two different numbers, invoice account, currency, state."""
    customer = _customer(world, "ReturnOrderHeadersV2", row["dataAreaId"], row["CustomerAccountNumber"])
    row["ReturnOrderNumber"] = row.get("ReturnOrderNumber") or world.number("RO-")
    row["RMANumber"] = row.get("RMANumber") or world.number("RMA-")
    row["InvoiceCustomerAccountNumber"] = (
        row.get("InvoiceCustomerAccountNumber") or customer.get("InvoiceAccount") or row["CustomerAccountNumber"]
    )
    row["CurrencyCode"] = row.get("CurrencyCode") or currency_of(world, row["dataAreaId"], customer)
    row["LanguageId"] = row.get("LanguageId") or customer.get("LanguageId", "")
    return row | {"ReturnStatus": "Created", "ReturnOrderStatus": "Backorder"}


def new_return_line(world: World, row: Row) -> Row:
    """Fill a return order line: lot, site, price, cost, tax; refuse what is not coming back."""
    company, name = row["dataAreaId"], "ReturnOrderLinesV2"
    header = world.one("ReturnOrderHeadersV2", company, row["ReturnOrderNumber"])
    item = world.one("ReleasedProductsV2", company, row["ItemNumber"])
    if header is None or item is None:
        raise no(world, name, "The order or the item does not exist.")
    if header["ReturnStatus"] in {"Closed", "Canceled"}:
        raise no(world, name, f"Return order {row['ReturnOrderNumber']} is {header['ReturnStatus'].lower()} and cannot be changed.")
    _sellable(world, name, company, row["ItemNumber"])
    row["ReturnInventoryLotId"] = row.get("ReturnInventoryLotId") or world.number("LOT-", width=8)
    if not row.get("ReturnWarehouseId"):
        row["ReturnWarehouseId"] = header.get("DefaultReturnWarehouseId", "")
        row["ReturnSiteId"] = row.get("ReturnSiteId") or header.get("DefaultReturnSiteId", "")
        check_place(world, name, row)
    if not row.get("ReturnSiteId"):
        raise no(world, name, "Inventory dimension Site is mandatory and must consequently be specified.")
    siblings = [r for r in world.tables.where(name, "ReturnOrderNumber", row["ReturnOrderNumber"]) if r["dataAreaId"] == company]
    row["LineCreationSequenceNumber"] = 1 + max((int(r["LineCreationSequenceNumber"]) for r in siblings), default=0)
    row["SalesPrice"] = row.get("SalesPrice", item.get("SalesPrice", ZERO))
    row["SalesUnitSymbol"] = row.get("SalesUnitSymbol") or item.get("SalesUnitSymbol", "")
    row["LineDescription"] = row.get("LineDescription") or item.get("SearchName", "")
    row["ReturnUnitCost"] = row.get("ReturnUnitCost") or unit_cost(item)
    if world.settings.get("itemDefaulting"):  # defaulting that comes after the caller's value (facts/finance-scm 4)
        row["SalesPrice"] = item.get("SalesPrice", ZERO)
    if row["ItemNumber"] in world.settings.get("standardCost", []):  # such items ignore the return cost (facts/finance-scm 8)
        row["ReturnUnitCost"] = unit_cost(item)
    for column in ("CustomerAccountNumber", "InvoiceCustomerAccountNumber", "RMANumber"):
        row[column] = header[column]
    if row.get("ReturningInventoryLotId"):
        _link_original(world, row)
    return price_return_line(world, row | {"ReturnStatus": "Awaiting"})


def _link_original(world: World, row: Row) -> None:
    original = world.one("SalesOrderLines", row["dataAreaId"], row["ReturningInventoryLotId"])
    if original is None or any((original.get(c) or "") != (row.get(c) or "") for c in ("ItemNumber", *PRODUCT)):
        raise no(world, "ReturnOrderLinesV2", f"Lot {row['ReturningInventoryLotId']} is not an invoiced lot of item {row['ItemNumber']}.")
    others = world.tables.where("ReturnOrderLinesV2", "ReturningInventoryLotId", row["ReturningInventoryLotId"])
    returned = sum((-r["ReturnSalesQuantity"] for r in others if r["ReturnInventoryLotId"] != row["ReturnInventoryLotId"]), ZERO)
    if returned - row["ReturnSalesQuantity"] > original["OrderedSalesQuantity"]:
        raise no(world, "ReturnOrderLinesV2", "The quantity exceeds what was invoiced on the original lot.")
    row["ReturnUnitCost"] = original.get("_unitCost", row["ReturnUnitCost"])


def price_return_line(world: World, row: Row) -> Row:
    """Compute amount and tax of a return line."""
    company = row["dataAreaId"]
    if row.get("ReturnSalesQuantity", ZERO) >= 0:
        raise no(world, "ReturnOrderLinesV2", "Quantity on a returned order line must be negative.")
    header = world.one("ReturnOrderHeadersV2", company, row["ReturnOrderNumber"]) or {}
    customer = world.one("CustomersV3", company, row["InvoiceCustomerAccountNumber"]) or {}
    item = world.one("ReleasedProductsV2", company, row["ItemNumber"]) or {}
    currency = header["CurrencyCode"]
    amount = world.round(row["ReturnSalesQuantity"] * row["SalesPrice"], currency)
    groups = (customer.get("SalesTaxGroup", ""), item.get("SalesSalesTaxItemGroupCode", ""))
    return row | {"LineAmount": amount, "TotalTaxAmount": tax_on(world, company, groups, amount, currency, world.today())}


def total_return(world: World, company: str, number: str) -> None:
    """Bring the totals of a return order up to date; the total amount includes tax."""
    lines = [r for r in world.tables.where("ReturnOrderLinesV2", "ReturnOrderNumber", number) if r["dataAreaId"] == company]
    tax = sum((line["TotalTaxAmount"] for line in lines), ZERO)
    net = sum((line["LineAmount"] for line in lines), ZERO)
    charge = Decimal(str(world.settings.get("headerCharge", 0)))  # automatic, by reason code (facts/finance-scm 1.7)
    if header := world.one("ReturnOrderHeadersV2", company, number):
        world.keep("ReturnOrderHeadersV2", header, OrderTotalAmount=net + tax + charge, OrderTotalTaxAmount=tax)


# ---------------------------------------------------------------- sales orders


def new_sales_header(world: World, row: Row) -> Row:
    """Fill a sales order header."""
    customer = _customer(world, "SalesOrderHeadersV2", row["dataAreaId"], row["OrderingCustomerAccountNumber"])
    row["SalesOrderNumber"] = row.get("SalesOrderNumber") or world.number("SO-")
    row["InvoiceCustomerAccountNumber"] = (
        row.get("InvoiceCustomerAccountNumber") or customer.get("InvoiceAccount") or row["OrderingCustomerAccountNumber"]
    )
    row["CurrencyCode"] = row.get("CurrencyCode") or currency_of(world, row["dataAreaId"], customer)
    row["SalesTaxGroupCode"] = row.get("SalesTaxGroupCode") or customer.get("SalesTaxGroup", "")
    return row | {"SalesOrderStatus": "Backorder", "OrderCreationDateTime": world.stamp()}


def new_sales_line(world: World, row: Row) -> Row:
    """Fill a sales order line; a negative quantity brings goods back (mode C)."""
    company = row["dataAreaId"]
    header = world.one("SalesOrderHeadersV2", company, row["SalesOrderNumber"]) or {}
    item = world.one("ReleasedProductsV2", company, row["ItemNumber"]) or {}
    _sellable(world, "SalesOrderLines", company, row["ItemNumber"])
    if header["SalesOrderStatus"] != "Backorder":
        raise no(
            world,
            "SalesOrderLines",
            f"Sales order {row['SalesOrderNumber']} is {header['SalesOrderStatus'].lower()} and cannot be changed.",
        )
    if not row.get("OrderedSalesQuantity"):
        raise no(world, "SalesOrderLines", "Field 'Quantity' must be filled in.")
    if not row.get("ShippingWarehouseId"):
        row["ShippingWarehouseId"] = header.get("DefaultShippingWarehouseId", "")
        row["ShippingSiteId"] = row.get("ShippingSiteId") or header.get("DefaultShippingSiteId", "")
        check_place(world, "SalesOrderLines", row)
    if not row.get("ShippingSiteId") and is_stocked(item):
        raise no(world, "SalesOrderLines", "Inventory dimension Site is mandatory and must consequently be specified.")
    row["InventoryLotId"] = row.get("InventoryLotId") or world.number("LOT-", width=8)
    siblings = [r for r in world.tables.where("SalesOrderLines", "SalesOrderNumber", row["SalesOrderNumber"]) if r["dataAreaId"] == company]
    row["LineCreationSequenceNumber"] = 1 + max((int(r["LineCreationSequenceNumber"]) for r in siblings), default=0)
    row["LineNumber"] = row.get("LineNumber") or Decimal(row["LineCreationSequenceNumber"])
    row["SalesPrice"] = row.get("SalesPrice", item.get("SalesPrice", ZERO))
    row["SalesTaxGroupCode"] = row.get("SalesTaxGroupCode") or header.get("SalesTaxGroupCode", "")
    row["SalesTaxItemGroupCode"] = row.get("SalesTaxItemGroupCode") or item.get("SalesSalesTaxItemGroupCode", "")
    row["LineDescription"] = row.get("LineDescription") or item.get("SearchName", "")
    row["SalesUnitSymbol"] = row.get("SalesUnitSymbol") or item.get("SalesUnitSymbol", "")
    row["_unitCost"] = unit_cost(item)
    return price_sales_line(world, row | {"SalesOrderLineStatus": "Backorder"})


def price_sales_line(world: World, row: Row) -> Row:
    """Compute the net amount of a sales line: discount amount per unit first, then the percentage."""
    header = world.one("SalesOrderHeadersV2", row["dataAreaId"], row["SalesOrderNumber"]) or {}
    unit = row["SalesPrice"] - row.get("LineDiscountAmount", ZERO)
    amount = unit * row["OrderedSalesQuantity"] * (100 - row.get("LineDiscountPercentage", ZERO)) / 100
    return row | {"LineAmount": world.round(amount, header["CurrencyCode"])}


# ---------------------------------------------------------------- journals


def new_journal(world: World, entity_set: str, row: Row) -> Row:
    """Draw a journal number; a name of another type of journal is none of this one's."""
    kind = str(world.settings["journalNames"].get(row["JournalNameId"], {}).get("type", ""))
    if kind and not entity_set.startswith(f"Inventory{kind}"):
        sentence = f"The value '{row['JournalNameId']}' in field 'Name' is not found in the related table 'Inventory journal names'."
        raise no(world, entity_set, sentence, "validateField")
    prefix = "ARR-" if entity_set.startswith("ItemArrival") else "INV-"
    return row | {"JournalNumber": row.get("JournalNumber") or world.number(prefix), "IsPosted": "No"}


def new_journal_line(world: World, entity_set: str, header_set: str, row: Row) -> Row:
    """Give a journal line its number and refuse lines of a posted journal."""
    company, number = row["dataAreaId"], row["JournalNumber"]
    header = world.one(header_set, company, number) or {}
    if header.get("IsPosted") == "Yes":
        raise no(world, entity_set, f"Journal {number} has been posted and cannot be changed.")
    quantity = "ItemQuantity" if entity_set == "ItemArrivalJournalLinesV2" else "InventoryQuantity"
    if not row.get(quantity):
        raise no(world, entity_set, "Field 'Quantity' must be filled in.")
    if quantity == "ItemQuantity" and row[quantity] < 0:
        raise no(world, entity_set, "Quantity on an arrival line must be positive.")
    siblings = [r for r in world.tables.where(entity_set, "JournalNumber", number) if r["dataAreaId"] == company]
    if not row.get("LineNumber"):
        row["LineNumber"] = Decimal(1 + int(max((r["LineNumber"] for r in siblings), default=ZERO)))
    row["TransactionDate"] = row.get("TransactionDate") or world.today()
    return row


NEW: Mapping[str, Callable[[World, Row], Row]] = {
    "ReturnOrderHeadersV2": new_return_header,
    "ReturnOrderLinesV2": new_return_line,
    "SalesOrderHeadersV2": new_sales_header,
    "SalesOrderLines": new_sales_line,
    "ItemArrivalJournalHeadersV2": lambda w, r: new_journal(w, "ItemArrivalJournalHeadersV2", r),
    "InventoryAdjustmentJournalHeaders": lambda w, r: new_journal(w, "InventoryAdjustmentJournalHeaders", r),
    "ItemArrivalJournalLinesV2": lambda w, r: new_journal_line(w, "ItemArrivalJournalLinesV2", "ItemArrivalJournalHeadersV2", r),
    "InventoryAdjustmentJournalEntriesV2": lambda w, r: new_journal_line(
        w, "InventoryAdjustmentJournalEntriesV2", "InventoryAdjustmentJournalHeaders", r
    ),
    "InventoryMovementJournalHeaders": lambda w, r: new_journal(w, "InventoryMovementJournalHeaders", r),
    "InventoryMovementJournalEntriesV4": lambda w, r: new_journal_line(
        w, "InventoryMovementJournalEntriesV4", "InventoryMovementJournalHeaders", r
    ),
    "InventoryTransferJournalHeaders": lambda w, r: new_journal(w, "InventoryTransferJournalHeaders", r),
    "InventoryTransferJournalEntries": lambda w, r: new_journal_line(
        w, "InventoryTransferJournalEntries", "InventoryTransferJournalHeaders", r
    ),
}


def place_of(row: Mapping[str, Any], columns: tuple[str, str, str], status: str = "") -> Place:
    """Read a place from three columns, with the product dimensions of the same side."""
    site, warehouse, location = columns
    side = next((side for side in ("Source", "Destination") if site.startswith(side)), "")
    return Place(
        site=row.get(site, ""),
        warehouse=row.get(warehouse, ""),
        location=row.get(location, ""),
        status=row.get(status, ""),
        product=tuple(row.get(f"{side}{column}") or "" for column in PRODUCT),
    )

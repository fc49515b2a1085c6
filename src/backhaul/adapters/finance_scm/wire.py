"""What do our documents look like in the words of Finance & Supply Chain Management, and theirs in ours?

Entity shapes both ways; names exactly as in facts/finance-scm 1. Nothing here calls anybody. Quantities and amounts keep the ERP's sign: a
return order line and a credit are negative. Field choices follow facts/finance-scm 1.1 to 1.6.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final, TypeVar

from backhaul.adapters.odata import Change, Row, day_of, keyed, noon, number
from backhaul.domain.disposition import Place, Sellability
from backhaul.domain.errors import Misconfigured
from backhaul.domain.posting import (
    ErpDocument,
    ErpItem,
    Goods,
    JournalLine,
    OrderLine,
    Posting,
    PostingKey,
    PostingKind,
    Receipt,
    ReturnOrder,
    Spare,
    named,
)
from backhaul.domain.rules import LegalEntity

RETURN_ORDERS: Final = "ReturnOrderHeadersV2"
RETURN_LINES: Final = "ReturnOrderLinesV2"
SALES_ORDERS: Final = "SalesOrderHeadersV2"
SALES_LINES: Final = "SalesOrderLines"
JOURNALS: Final = "ItemArrivalJournalHeadersV2"
JOURNAL_LINES: Final = "ItemArrivalJournalLinesV2"
ADJUSTMENTS: Final = "InventoryAdjustmentJournalHeaders"
ADJUSTMENT_LINES: Final = "InventoryAdjustmentJournalEntriesV2"
MOVEMENTS: Final = "InventoryMovementJournalHeaders"
MOVEMENT_LINES: Final = "InventoryMovementJournalEntriesV4"
TRANSFERS: Final = "InventoryTransferJournalHeaders"
TRANSFER_LINES: Final = "InventoryTransferJournalEntries"
STOCK_JOURNALS: Final = "InventoryJournalTableBiEntities"
STOCK_JOURNAL_LINES: Final = "InventoryJournalTransBiEntities"
SURPLUS: Final = frozenset({ADJUSTMENTS, ADJUSTMENT_LINES, MOVEMENTS, MOVEMENT_LINES, TRANSFERS, TRANSFER_LINES, STOCK_JOURNALS,
                            STOCK_JOURNAL_LINES})
"""Sets that only inventory journals need."""
PRODUCT: Final = ("ProductConfigurationId", "ProductSizeId", "ProductColorId", "ProductStyleId", "ProductVersionId")
"""The five product dimensions, which together with the item say which variant it is (facts/finance-scm 1.5)."""
_DIMENSIONS: Final = ("ItemNumber", "ProductConfigurationId", "ProductColorId", "ProductSizeId", "ProductStyleId", "ProductVersionId",
                      "InventorySiteId", "InventoryWarehouseId", "ItemBatchNumber", "ItemSerialNumber", "WarehouseLocationId",
                      "LicensePlateNumber", "InventoryStatusId")
INVOICES: Final = "SalesInvoiceHeadersV2"
INVOICE_LINES: Final = "SalesInvoiceV2Lines"
STOCK: Final = "InventTransBiEntities"
LEDGER: Final = "GeneralJournalAccountEntries"
CUSTOMER_LEDGER: Final = "CustTransBiEntities"
FREE_TEXT: Final = "FreeTextInvoiceHeaders"

SELECT: Final[Mapping[str, tuple[str, ...]]] = {
    RETURN_ORDERS: ("dataAreaId", "ReturnOrderNumber", "RMANumber", "CustomersOrderReference", "CustomerRequisitionNumber",
                    "CustomerAccountNumber", "CurrencyCode", "ReturnStatus", "IsReturnProcessingStopped",
                    "OrderTotalAmount", "OrderTotalTaxAmount"),
    RETURN_LINES: ("dataAreaId", "ReturnOrderNumber", "ReturnInventoryLotId", "RMANumber", "ItemNumber", "ExternalItemNumber",
                   "ReturnSalesQuantity", "SalesPrice", "LineAmount", "TotalTaxAmount", "ReturnUnitCost", "ReturnWarehouseId",
                   "ReturnWarehouseLocationId", "OrderedInventoryStatusId", "ReturnDispositionCode", "ReturnStatus",
                   "LineCreationSequenceNumber", *PRODUCT),
    SALES_ORDERS: ("dataAreaId", "SalesOrderNumber", "CustomersOrderReference", "OrderingCustomerAccountNumber", "CurrencyCode",
                   "SalesOrderPoolId", "SalesOrderStatus", "OrderTotalAmount", "OrderTotalTaxAmount", "OrderCreationDateTime"),
    SALES_LINES: ("dataAreaId", "InventoryLotId", "SalesOrderNumber", "ItemNumber", "ExternalItemNumber", "OrderedSalesQuantity",
                  "SalesPrice", "SalesPriceQuantity", "LineAmount", "CurrencyCode", "SalesTaxGroupCode", "SalesTaxItemGroupCode",
                  "ShippingWarehouseId", "ShippingWarehouseLocationId", "OrderedInventoryStatusId", "LineCreationSequenceNumber",
                  *PRODUCT),
    JOURNALS: ("dataAreaId", "JournalNumber", "JournalNameId", "JournalDescription", "IsPosted", "PostedDateTime"),
    JOURNAL_LINES: ("dataAreaId", "JournalNumber", "LineNumber", "ItemNumber", "ItemQuantity", "TransactionReferenceNumber",
                    "ReferenceInventoryLotId", "ReturnItemNumber", "ReturnDispositionCodeId", "ReceivingWarehouseId",
                    "ReceivingWarehouseLocationId", "ReceivingInventoryStatusId", "TransactionDate", *PRODUCT),
    ADJUSTMENTS: ("dataAreaId", "JournalNumber", "JournalNameId", "IsPosted"),
    ADJUSTMENT_LINES: ("dataAreaId", "JournalNumber", *_DIMENSIONS, "LineNumber"),
    MOVEMENTS: ("dataAreaId", "JournalNumber", "JournalNameId", "IsPosted"),
    MOVEMENT_LINES: ("dataAreaId", "JournalNumber", *_DIMENSIONS, "InventoryGtdId", "InventoryOwnerId", "InventoryProfileId", "LineNumber"),
    TRANSFERS: ("dataAreaId", "JournalNumber", "JournalNameId", "IsPosted"),
    TRANSFER_LINES: ("dataAreaId", "JournalNumber", "LineNumber", "ItemNumber", "DestinationWarehouseId", "DestinationWarehouseLocationId",
                     "DestinationInventoryStatusId"),
    STOCK_JOURNALS: ("dataAreaId", "JournalId", "JournalNameId", "Posted", "PostedDateTime"),
    STOCK_JOURNAL_LINES: ("dataAreaId", "JournalId", "LineNum", "ItemId", "Qty", "CostAmount", "Voucher", "TransDate", "InventTransId",
                          "InventLocationId", "WMSLocationId"),
    INVOICES: ("dataAreaId", "InvoiceNumber", "InvoiceDate", "LedgerVoucher", "SalesOrderNumber", "CustomersOrderReference",
               "InvoiceCustomerAccountNumber", "CurrencyCode", "TotalInvoiceAmount", "TotalTaxAmount"),
    INVOICE_LINES: ("dataAreaId", "InvoiceNumber", "InvoiceDate", "LedgerVoucher", "LineCreationSequenceNumber", "ProductNumber",
                    "InvoicedQuantity", "SalesUnitSymbol", "SalesPrice", "LineAmount", "LineTotalTaxAmount", "LineTotalChargeAmount",
                    "CurrencyCode", *PRODUCT),
    LEDGER: ("Voucher", "AccountingDate", "LedgerAccount", "PostingType", "TransactionCurrencyAmount", "AccountingCurrencyAmount",
             "DataArea"),
    STOCK: ("dataAreaId", "ReferenceId", "InventTransId", "Qty", "StatusIssue", "VoucherPhysical", "CostAmountPhysical", "CostAmountPosted",
            "CostAmountAdjustment"),
    CUSTOMER_LEDGER: ("Voucher", "Invoice", "AccountNum", "AmountCur", "CurrencyCode", "TransDate", "TransType"),
    FREE_TEXT: ("dataAreaId", "FreeTextNumber", "CorrectedInvoiceId"),
}
"""The columns we read; whole rows of these entities can have over 250 (facts/finance-scm 4)."""

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    RETURN_ORDERS: ("dataAreaId", "ReturnOrderNumber"),
    RETURN_LINES: ("dataAreaId", "ReturnOrderNumber", "ReturnInventoryLotId"),
    SALES_ORDERS: ("dataAreaId", "SalesOrderNumber"),
    SALES_LINES: ("dataAreaId", "InventoryLotId"),
    JOURNALS: ("dataAreaId", "JournalNumber"),
    JOURNAL_LINES: ("dataAreaId", "JournalNumber", "LineNumber"),
    ADJUSTMENTS: ("dataAreaId", "JournalNumber"),
    ADJUSTMENT_LINES: SELECT[ADJUSTMENT_LINES],
    MOVEMENTS: ("dataAreaId", "JournalNumber"),
    MOVEMENT_LINES: SELECT[MOVEMENT_LINES],
    TRANSFERS: ("dataAreaId", "JournalNumber"),
    TRANSFER_LINES: ("dataAreaId", "JournalNumber", "LineNumber"),
}
PARENT: Final[Mapping[str, tuple[str, str]]] = {
    RETURN_ORDERS: (RETURN_LINES, "ReturnOrderNumber"),
    SALES_ORDERS: (SALES_LINES, "SalesOrderNumber"),
    JOURNALS: (JOURNAL_LINES, "JournalNumber"),
    ADJUSTMENTS: (ADJUSTMENT_LINES, "JournalNumber"),
    MOVEMENTS: (MOVEMENT_LINES, "JournalNumber"),
    TRANSFERS: (TRANSFER_LINES, "JournalNumber"),
}
"""A header's lines and the column that names it: a journal cannot be deleted while lines exist (facts/finance-scm 6)."""
SET_OF: Final[Mapping[str, str]] = {
    PostingKind.FEE_ORDER: SALES_ORDERS,
    PostingKind.FEE_LINE: SALES_LINES, PostingKind.RECEIPT: JOURNALS, PostingKind.ADJUSTMENT: ADJUSTMENTS,
}

NAMES: Final = {"adjustment": "ZZ-INV", "movement": "ZZ-MOV", "transfer": "ZZ-TRF"}
PROJECTS: Final = {"adjustment": "ZZ-INVENT-ADJ", "movement": "ZZ-INVENT-MOV", "transfer": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of one legal entity, read once."""

    company: str
    sku: str
    journal_name: str
    journal_names: Mapping[str, str]
    projects: Mapping[str, str]
    by_package: bool
    activities: Mapping[str, str]
    voucher_rules: Mapping[str, str]
    hold_pool: str
    invoice_pool: str
    sales_origin: str
    site: str
    language: str
    data_project: str
    discontinued: frozenset[str]
    standard_cost: frozenset[str]
    link_lots: bool
    batch_jobs: tuple[str, ...]
    master_ttl: float
    poll_seconds: float

    @classmethod
    def of(cls, entity: LegalEntity) -> "Settings":
        """Read the options; a number that is none is `Misconfigured`. The company is the entity's own id unless told."""
        told = entity.options
        try:
            return cls(
                company=told.get("company", entity.id), sku=entity.choice("sku", "item", "variant", "barcode"),
                journal_name=told.get("journal_name", "ZZ-ARR"),
                journal_names={kind: told.get(f"{kind}_journal_name", name) for kind, name in NAMES.items()},
                projects={kind: told.get(f"{kind}_project", name) for kind, name in PROJECTS.items()},
                activities=_activities(entity),
                by_package=entity.choice("journals_by", "package", "odata", "visibility") != "odata",
                voucher_rules={"VoucherNumberSelectionRule": "DateChange", "VoucherNumberAllocationRule": "Post",
                               "PostingDetailLevel": entity.choice("posting_detail", "Summary", "Detail")},
                hold_pool=told.get("hold_pool", "HOLD"), invoice_pool=told.get("invoice_pool", "INV"),
                sales_origin=told.get("sales_origin", ""),
                site=told.get("site", ""), language=told.get("language", "en-gb"),
                data_project=told.get("data_project", "ZZ-RETURNS"), master_ttl=float(told.get("master_ttl_seconds", "86400")),
                discontinued=entity.words("discontinued_states", "Discontinued"),
                standard_cost=entity.words("standard_cost_groups"),
                batch_jobs=tuple(filter(None, map(str.strip, told.get("batch_jobs", "").split(";")))),
                link_lots=entity.choice("original_lot", "auto", "never") == "auto",
                poll_seconds=float(told.get("poll_seconds", "10")))
        except ValueError as wrong:
            message = f"Legal entity {entity.id}: an option cannot be used: {wrong}."
            raise Misconfigured(message) from None


def _activities(entity: LegalEntity) -> dict[str, str]:
    """Give the activity of the queue by data project, where packages go by the queue."""
    told = entity.options
    if entity.choice("packages_by", "import", "queue") == "import":
        return {}
    projects = {kind: told.get(f"{kind}_project", name) for kind, name in {"data": "ZZ-RETURNS", **PROJECTS}.items()}
    return {project: told[f"{kind}_activity"] for kind, project in projects.items() if f"{kind}_activity" in told}


# --- ours to theirs ----------------------------------------------------------------------------------


def return_order(posting: Posting, told: Settings) -> Change:
    """Write the head of a return order; our mark stands in CustomersOrderReference, the sale in CustomerRequisitionNumber."""
    head = _document(posting, ReturnOrder)
    body = {
        "dataAreaId": told.company, "CustomerAccountNumber": head.customer, "InvoiceCustomerAccountNumber": head.customer,
        "CustomersOrderReference": posting.key.marker, "CustomerRequisitionNumber": head.order,
        "CustomerReturnReasonCode": head.reason, "CurrencyCode": head.currency, "DefaultReturnSiteId": told.site,
        "DefaultReturnWarehouseId": head.warehouse, "LanguageId": told.language,
    }
    return Change(method="POST", address=RETURN_ORDERS, body=given(body))


def sales_order(posting: Posting, told: Settings) -> Change:
    """Write the head of a sales order for what is credited, in the pool no job invoices."""
    head = _document(posting, ReturnOrder)
    body = {
        "dataAreaId": told.company, "OrderingCustomerAccountNumber": head.customer, "InvoiceCustomerAccountNumber": head.customer,
        "CustomersOrderReference": posting.key.marker, "CustomerRequisitionNumber": head.order, "CurrencyCode": head.currency,
        "SalesOrderPoolId": told.hold_pool, "SalesOrderOriginCode": told.sales_origin, "DefaultShippingSiteId": told.site,
        "DefaultShippingWarehouseId": head.warehouse, "LanguageId": told.language,
    }
    return Change(method="POST", address=SALES_ORDERS, body=given(body))


def return_line(posting: Posting, order: str, told: Settings, *, linked: bool = False) -> Change:
    """Write a line expected back; the quantity is negative, the item comes first because it sets defaults (facts/finance-scm 4).

    Where people receive, it says what was accepted and where it goes, so that they have only to confirm it. `linked`: the ERP takes the
    cost from the lot of the sale itself, where its units come from a single one (books 7).
    """
    line = _document(posting, OrderLine)
    goes = line.intake
    lot = line.original_lot if linked and not line.original_lot.startswith(f"{line.sku}#") else ""  # a name of ours is no lot
    body: Row = {
        "dataAreaId": told.company, "ReturnOrderNumber": order, **item_columns(line), "ExternalItemNumber": posting.key.marker,
        "ReturnSalesQuantity": -line.quantity, "SalesPrice": line.unit_price, "ReturningInventoryLotId": lot,
        "ReturnUnitCost": None if lot else line.unit_cost,
        "ReturnSiteId": told.site, "ReturnWarehouseId": (goes.place.warehouse if goes else "") or line.warehouse,
    }
    if goes:
        body |= {"ReturnDispositionCode": goes.erp_disposition, "ReturnWarehouseLocationId": goes.place.location,
                 "OrderedInventoryStatusId": goes.place.status}
    return Change(method="POST", address=RETURN_LINES, body=given(body))


def sales_line(posting: Posting, order: str, told: Settings, *, about: str = "", tax_group: str = "") -> Change:
    """Write a line of a sales order: negative for what the customer is given, positive for what is taken from him.

    Goods are taken into stock by the invoice, at the place the line names. `about` is the number of the credit note a debit takes back, and
    `tax_group` the tax group of the goods it was for; without it the ERP takes the item's own.
    """
    line = _document(posting, OrderLine)
    goes = line.intake
    body: Row = {
        "dataAreaId": told.company, "SalesOrderNumber": order, **item_columns(line), "ExternalItemNumber": posting.key.marker,
        "OrderedSalesQuantity": -line.quantity, "SalesPrice": line.unit_price,
        "LineDescription": f"{line.description} {about}".strip()[:60], "SalesTaxItemGroupCode": tax_group,
    }
    if goes:
        body |= {"ShippingSiteId": told.site, "ShippingWarehouseId": goes.place.warehouse or line.warehouse,
                 "ShippingWarehouseLocationId": goes.place.location, "OrderedInventoryStatusId": goes.place.status}
    return Change(method="POST", address=SALES_LINES, body=given(body))


def release(order: str, etag: str, told: Settings) -> Change:
    """Move a sales order into the pool the invoice job takes; doing it twice is doing it once."""
    return Change(method="PATCH", address=keyed(SALES_ORDERS, dataAreaId=told.company, SalesOrderNumber=order), etag=etag,
                  body={"SalesOrderPoolId": told.invoice_pool})


def stop(order: str, told: Settings) -> Change:
    """Keep the packing slip and invoice jobs from taking a return order further; a person lifts it."""
    return Change(method="PATCH", address=keyed(RETURN_ORDERS, dataAreaId=told.company, ReturnOrderNumber=order),
                  body={"IsReturnProcessingStopped": "Yes"})


def removal(entity: str, ids: Mapping[str, Any]) -> Change:
    """Delete one spare draft; a part of the key that is missing is a `KeyError`.

    Without If-Match: removing lines in the same change set may already have touched their header.
    """
    keys = {name: Decimal(ids[name]) if name == "LineNumber" else str(ids[name]) for name in KEYS[entity]}
    return Change(method="DELETE", address=keyed(entity, **keys))


def set_of(spare: Spare) -> str:
    """Name the entity set of a spare, which is named by its set or by the kind of posting it is a spare of; an order is one of two."""
    if spare.entity == PostingKind.ORDER:
        return SALES_ORDERS if "SalesOrderNumber" in spare.ids else RETURN_ORDERS
    return SET_OF.get(spare.entity, spare.entity)


def arrival_line(posting: Posting, line: ErpDocument, day: date, told: Settings) -> dict[str, str]:
    """Write one line of an arrival journal (facts/finance-scm 1.3): quantity positive, lot and RMA number of the return order line."""
    receipt = _document(posting, Receipt)
    return {
        "LineNumber": str(line_number(posting.key)), **item_columns(receipt), "ItemQuantity": format(receipt.quantity, "f"),
        "IsReturnOrder": "Yes", "TransactionReferenceType": "Sales", "TransactionReferenceNumber": line.ids["ReturnOrderNumber"],
        "ReferenceInventoryLotId": line.ids["ReturnInventoryLotId"], "ReturnItemNumber": line.ids.get("RMANumber", ""),
        "ReturnDispositionCodeId": receipt.erp_disposition, "ReceivingInventorySiteId": told.site,
        "ReceivingWarehouseId": receipt.place.warehouse, "ReceivingWarehouseLocationId": receipt.place.location,
        "ReceivingInventoryStatusId": receipt.place.status, "TransactionDate": noon(day),
    }


def item_columns(units: Goods | JournalLine, side: str = "") -> dict[str, str]:
    """Write which item, and which variant of it, units are; a transfer names the variant on each of its sides."""
    item = named(units)
    return {"ItemNumber": item.number, **{f"{side}{name}": value for name, value in item.dimensions}}


def line_number(key: PostingKey) -> int:
    """Give the journal line number of a receipt: nine digits of its key, because the line has no other field for a mark."""
    return 100_000_000 + int.from_bytes(hashlib.sha256(str(key).encode()).digest()[:8], "big") % 900_000_000


def given(body: Row) -> Row:
    """Leave out what was not told."""
    return {name: value for name, value in body.items() if value not in {"", None}}


D = TypeVar("D")


def _document(posting: Posting, kind: type[D]) -> D:
    if not isinstance(posting.document, kind):
        message = f"{posting.key} carries a {type(posting.document).__name__}, not a {kind.__name__}"
        raise TypeError(message)
    return posting.document


# --- theirs to ours ----------------------------------------------------------------------------------


def ids_of(row: Row, *names: str) -> dict[str, str]:
    """Keep what later steps need, as text; empty values are left out."""
    return {name: format(row[name], "f") if isinstance(row[name], Decimal) else str(row[name]) for name in names
            if row.get(name) not in {"", None}}


def key_of(row: Row, entity: str) -> dict[str, str]:
    """Give the whole key of a record, as text; a dimension nobody uses is an empty part of it."""
    return dict.fromkeys(KEYS[entity], "") | ids_of(row, *KEYS[entity])


def item_of(row: Row, number: str = "ItemNumber") -> ErpItem:
    """Read which item, and which variant of it, a record is about; dimensions nobody uses are empty."""
    return ErpItem(number=str(row.get(number) or ""), dimensions=tuple((name, str(row[name])) for name in PRODUCT if row.get(name)))


def _item_of_all(rows: Sequence[Row]) -> ErpItem | None:
    """Read what the parts of a line are about; parts that differ are no one item, and so none that was wanted."""
    items = sorted({item_of(row) for row in rows if row.get("ItemNumber")})
    return items[0] if len(items) == 1 else ErpItem(number=" and ".join(map(str, items))) if items else None


def _etag(row: Row) -> dict[str, str]:
    return {"etag": str(row["@odata.etag"])} if row.get("@odata.etag") else {}


def order_document(row: Row) -> ErpDocument:
    """Read the head of a return order or sales order. Amounts with the ERP's sign, gross with tax."""
    tax, gross = row.get("OrderTotalTaxAmount"), row.get("OrderTotalAmount")
    return ErpDocument(
        number=str(row.get("ReturnOrderNumber") or row.get("SalesOrderNumber")), currency=str(row.get("CurrencyCode") or ""),
        tax=None if tax is None else number(tax), gross=None if gross is None else number(gross),
        ids=ids_of(row, "ReturnOrderNumber", "SalesOrderNumber", "RMANumber", "CustomersOrderReference", "SalesOrderPoolId",
                   "ReturnStatus") | _etag(row))


def line_document(rows: Sequence[Row]) -> ErpDocument:
    """Read one line we wrote: one row, or the parts a partial arrival split it into (facts/finance-scm 8).

    The part that is still awaited keeps the lot later arrivals need; quantity and net are those of all parts.
    """
    row = next((part for part in rows if part.get("ReturnStatus") == "Awaiting"), rows[0])
    quantity = sum((number(part.get("ReturnSalesQuantity", part.get("OrderedSalesQuantity"))) for part in rows), Decimal(0))
    ids = ids_of(row, "ReturnOrderNumber", "SalesOrderNumber", "RMANumber", "ReturnInventoryLotId", "InventoryLotId", "ItemNumber",
                 "ExternalItemNumber", "SalesPrice", "LineCreationSequenceNumber", "ReturnStatus", "ReturnWarehouseId")
    taxes = [number(part["TotalTaxAmount"]) for part in rows if part.get("TotalTaxAmount") is not None]
    return ErpDocument(
        number=ids.get("ReturnInventoryLotId") or ids.get("InventoryLotId", ""), ids=ids, quantity=quantity,
        tax=sum(taxes, Decimal(0)) if len(taxes) == len(rows) else None,
        net=sum((number(part.get("LineAmount")) for part in rows), Decimal(0)), currency=str(row.get("CurrencyCode") or ""),
        item=_item_of_all(rows), place=place_of(row) if row.get("ReturnStatus", "Awaiting") == "Awaiting" else None)


def place_of(row: Row) -> Place | None:
    """Say where the units of an order line go, as far as it says so."""
    warehouse, location = ((row.get(name) or row.get(other) or "") for name, other in (
        ("ReturnWarehouseId", "ShippingWarehouseId"), ("ReturnWarehouseLocationId", "ShippingWarehouseLocationId")))
    return Place(warehouse=str(warehouse), location=str(location), status=str(row.get("OrderedInventoryStatusId") or "")) \
        if warehouse else None


def arrived_document(rows: Sequence[Row], wanted: Place) -> ErpDocument:
    """Read what people registered for one line: all its parts, open until the packing slip; a place that is not the wanted one shows."""
    first = rows[0]
    places = [place for row in rows if (place := place_of(row))]
    return ErpDocument(
        number=str(first["ReturnOrderNumber"]), open=any(row.get("ReturnStatus") == "Registered" for row in rows),
        quantity=-sum((number(row.get("ReturnSalesQuantity")) for row in rows), Decimal(0)),
        item=_item_of_all(rows), place=next((place for place in places if place != wanted), wanted if places else None),
        disposition=" and ".join(sorted({str(row.get("ReturnDispositionCode") or "") for row in rows} - {""})),
        ids=ids_of(first, "ReturnOrderNumber", "RMANumber", "ExternalItemNumber", "ReturnDispositionCode", "ReturnStatus")
        | {"ReferenceInventoryLotId": str(first["ReturnInventoryLotId"])})


def receipt_document(header: Row, line: Row) -> ErpDocument:
    """Read one line of an arrival journal, open until the job has posted it; it makes no ledger voucher (books 4)."""
    return ErpDocument(
        number=str(header["JournalNumber"]), open=header.get("IsPosted") != "Yes", quantity=number(line.get("ItemQuantity")),
        posted_on=day_of(line.get("TransactionDate")),
        ids=ids_of(line, "JournalNumber", "LineNumber", "ItemNumber", "ReferenceInventoryLotId", "ReturnDispositionCodeId",
                   "ReceivingWarehouseId", "ReceivingWarehouseLocationId", "ReceivingInventoryStatusId")
        | ids_of(header, "JournalDescription", "PostedDateTime")
        | {"ReturnOrderNumber": str(line.get("TransactionReferenceNumber") or ""), "RMANumber": str(line.get("ReturnItemNumber") or "")})


def credit_document(header: Row, line: Row) -> ErpDocument:
    """Read one line of a posted credit note; a credit is negative."""
    net, tax, charge = (number(line.get(name)) for name in ("LineAmount", "LineTotalTaxAmount", "LineTotalChargeAmount"))
    return ErpDocument(
        number=str(header["InvoiceNumber"]), quantity=number(line.get("InvoicedQuantity")), net=net, tax=tax,
        gross=net + tax + charge, charge=charge, currency=str(header.get("CurrencyCode") or ""),
        voucher=str(header.get("LedgerVoucher") or ""), posted_on=day_of(header.get("InvoiceDate")),
        ids=ids_of(header, "InvoiceNumber", "InvoiceDate", "LedgerVoucher", "SalesOrderNumber", "CustomersOrderReference")
        | ids_of(line, "LineCreationSequenceNumber", "ProductNumber"))


def credits_document(fits: Sequence[tuple[Row, Row]]) -> ErpDocument:
    """Read the credit of one line that arrived in parts: the sums of its credit note lines, under the number of the last."""
    parts = sorted((credit_document(header, line) for header, line in fits), key=lambda part: (part.posted_on or date.min, part.number))
    zero = Decimal(0)
    sums = {name: sum((getattr(part, name) or zero for part in parts), zero) for name in ("quantity", "net", "tax", "gross")}
    return replace(parts[-1], quantity=sums["quantity"], net=sums["net"], tax=sums["tax"], gross=sums["gross"])


# --- the third look at damaged goods -----------------------------------------------------------------


def unsellable_on_sale(receipt: Receipt, warehouse: str, sellability: Sellability) -> str:
    """Say what is wrong when goods that may not be sold would go where stock is sold; empty when nothing is (INV-06).

    Code of its own on purpose: it reads neither the mapping nor `Sellability.sells`, and forgives neither case nor blanks nor a missing
    status, so that it errs to the safe side. `warehouse` is where the order line expects the goods, for a target that names none.
    """
    def plain(text: str) -> str:
        return text.strip().upper()

    target = (plain(receipt.place.warehouse or warehouse), plain(receipt.place.location), plain(receipt.place.status))
    if receipt.disposition in sellability.dispositions and receipt.condition in sellability.conditions:
        return ""
    for shelf in sellability.places:
        there = (plain(shelf.warehouse), plain(shelf.location), plain(shelf.status))
        if may_be(there, target):
            return (f"{receipt.quantity} x {receipt.sku}: condition '{receipt.condition}', disposition '{receipt.disposition}' is not "
                    f"sellable, yet {receipt.place.warehouse or warehouse}/{receipt.place.location} is on sale. Nothing was sent.")
    return ""


def may_be(one: tuple[str, str, str], other: tuple[str, str, str]) -> bool:
    """Tell whether two places may be one: same warehouse, and nothing that is said of both differs."""
    return one[0] == other[0] and all(not a or not b or a == b for a, b in zip(one[1:], other[1:], strict=True))

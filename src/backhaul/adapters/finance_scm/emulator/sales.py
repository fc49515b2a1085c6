"""How do the sales that people return get into the emulated books?

`load` writes invoiced sales orders at once: order, lines, invoice, stock issue at cost, ledger. What is sold must have been in stock,
so one opening receipt per item and place comes first.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from backhaul.adapters.finance_scm.emulator.documents import place_of
from backhaul.adapters.finance_scm.emulator.jobs import SALES_PLACE, issue
from backhaul.adapters.finance_scm.emulator.ledger import (
    ZERO,
    Document,
    InvoiceLine,
    Place,
    PostingFailed,
    book,
    currency_of,
    home,
    invoice,
    is_stocked,
    item_of,
    move,
    on_hand,
    tax_on,
    unit_cost,
)
from backhaul.adapters.finance_scm.emulator.model import World, noon

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backhaul.adapters.odata_server import Row


def load(world: World, orders: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Create invoiced sales orders; gives numbers and lots per order."""
    drafts = [_draft(world, order) for order in orders]
    _stock_up(world, [(header, line) for header, lines in drafts for line in lines])
    return [_post(world, header, lines) for header, lines in drafts]


def _warehouse(world: World, company: str, told: Mapping[str, Any]) -> Row:
    wanted = told.get("warehouse") or world.settings.get("salesWarehouses", {}).get(company)
    rows = [r for r in world.tables.rows("Warehouses") if r["dataAreaId"] == company and wanted in {None, r["WarehouseId"]}]
    if not rows:
        message = f"No warehouse {wanted or ''} in {company}: seed Warehouses first."
        raise PostingFailed(message)
    return rows[0]


def _draft(world: World, told: Mapping[str, Any]) -> tuple[Row, list[Row]]:
    company, number, date = told["legalEntity"], told["salesOrder"], noon(str(told["date"]))
    customer = world.one("CustomersV3", company, told["customer"])
    if customer is None or world.one("SalesOrderHeadersV2", company, number) is not None:
        message = f"Sales order {number}: customer {told['customer']} does not exist in {company}, or the order exists already."
        raise PostingFailed(message)
    warehouse = _warehouse(world, company, told)
    header: Row = {
        "dataAreaId": company,
        "SalesOrderNumber": number,
        "SalesOrderName": told["customer"],
        "OrderingCustomerAccountNumber": told["customer"],
        "InvoiceCustomerAccountNumber": customer.get("InvoiceAccount") or told["customer"],
        "CustomersOrderReference": told.get("reference", number),
        "CurrencyCode": told.get("currency") or currency_of(world, company, customer),
        "SalesTaxGroupCode": customer.get("SalesTaxGroup", ""),
        "SalesOrderStatus": "Invoiced",
        "DefaultShippingWarehouseId": warehouse["WarehouseId"],
        "DefaultShippingSiteId": warehouse.get("OperationalSiteId", ""),
        "OrderCreationDateTime": date,
        "RequestedShippingDate": date,
    }
    lines = [_draft_line(world, header, line, at) for at, line in enumerate(told["lines"], 1)]
    return header, lines


def _draft_line(world: World, header: Row, told: Mapping[str, Any], at: int) -> Row:
    company = header["dataAreaId"]
    item = item_of(world, company, told["item"])
    quantity, price = Decimal(told["quantity"]), Decimal(told["price"])
    warehouse = _warehouse(world, company, told) if told.get("warehouse") else None
    return {
        "dataAreaId": company,
        "InventoryLotId": world.number("LOT-", width=8),
        "SalesOrderNumber": header["SalesOrderNumber"],
        "LineNumber": Decimal(at),
        "LineCreationSequenceNumber": at,
        "ItemNumber": told["item"],
        "OrderedSalesQuantity": quantity,
        "SalesPrice": price,
        "LineAmount": world.round(quantity * price, header["CurrencyCode"]),
        "LineDescription": told.get("text") or item.get("SearchName", ""),
        "ExternalItemNumber": told.get("externalItem", ""),
        "SalesUnitSymbol": item.get("SalesUnitSymbol", ""),
        "SalesTaxGroupCode": header["SalesTaxGroupCode"],
        "SalesTaxItemGroupCode": told.get("taxItemGroup") or item.get("SalesSalesTaxItemGroupCode", ""),
        "ShippingWarehouseId": warehouse["WarehouseId"] if warehouse else header["DefaultShippingWarehouseId"],
        "ShippingSiteId": warehouse.get("OperationalSiteId", "") if warehouse else header["DefaultShippingSiteId"],
        "ShippingWarehouseLocationId": told.get("location", ""),
        "SalesOrderLineStatus": "Invoiced",
        **told.get("dimensions", {}),
        "_unitCost": unit_cost(item),
        "_stocked": "Yes" if is_stocked(item) else "No",
    }


def _stock_up(world: World, lines: Sequence[tuple[Row, Row]]) -> None:
    """Bring in what the sales need beyond what lies there, as one opening receipt per item and place."""
    needs: dict[tuple[str, str, Place], Decimal] = defaultdict(Decimal)
    first: dict[tuple[str, str, Place], tuple[str, Row]] = {}
    for header, line in lines:
        if line["_stocked"] == "Yes":
            at = (line["dataAreaId"], line["ItemNumber"], place_of(line, SALES_PLACE))
            needs[at] += line["OrderedSalesQuantity"]
            if at not in first or header["OrderCreationDateTime"] < first[at][0]:
                first[at] = (header["OrderCreationDateTime"], header | {"_unitCost": line["_unitCost"]})
    stock = on_hand(world)
    totals: dict[str, Document] = {}
    costs: dict[str, Decimal] = defaultdict(Decimal)
    for (company, item, place), needed in needs.items():
        missing = needed - stock.get((company, item, place), ZERO)
        if missing <= 0:
            continue
        date, header = first[company, item, place]
        if company not in totals or date < totals[company].date:
            voucher = totals[company].voucher if company in totals else world.number("OPEN-")
            totals[company] = Document(
                company=company, voucher=voucher, number=voucher, date=date, text="Opening stock for sales",
                currency=home(world, company, header["CurrencyCode"]),
            )
        document = totals[company]
        cost = world.round(missing * header["_unitCost"], document.currency)
        costs[company] += cost
        row = {"InventTransId": world.number("LOT-", width=8), "ReferenceId": document.number, "ReferenceCategory": "InventTransaction"}
        dates = {"DatePhysical": date, "DateFinancial": date, "Voucher": document.voucher, "VoucherPhysical": document.voucher}
        move(
            world,
            company,
            item,
            missing,
            place,
            **row,
            **dates,
            StatusReceipt="Purchased",
            CostAmountPosted=cost,
            CurrencyCode=document.currency,
        )
    for company, document in totals.items():
        book(world, document, [("inventory", costs[company], "InventReceipt"), ("opening", -costs[company], "InventOffset")])


def _post(world: World, header: Row, lines: Sequence[Row]) -> Row:
    company, currency = header["dataAreaId"], header["CurrencyCode"]
    number, voucher, date = world.number("SI-"), world.number("SIV-"), header["OrderCreationDateTime"]
    document = Document(
        company=company, voucher=voucher, number=number, date=date, currency=currency, text=f"Order {header['SalesOrderNumber']}"
    )
    drafts = []
    for line in lines:
        tax = tax_on(world, company, (line["SalesTaxGroupCode"], line["SalesTaxItemGroupCode"]), line["LineAmount"], currency, date)
        place = place_of(line, SALES_PLACE)
        drafts.append(
            InvoiceLine(
                item=line["ItemNumber"],
                text=line["LineDescription"],
                quantity=line["OrderedSalesQuantity"],
                price=line["SalesPrice"],
                net=line["LineAmount"],
                tax=tax,
                place=place,
                unit=line["SalesUnitSymbol"],
                sequence=int(line["LineCreationSequenceNumber"]),
            )
        )
        world.keep("SalesOrderLines", line)
        if line["_stocked"] == "Yes":
            issue(world, document, line, place, -line["OrderedSalesQuantity"])
    tax = sum((draft.tax for draft in drafts), ZERO)
    net = sum((draft.net for draft in drafts), ZERO)
    world.keep("SalesOrderHeadersV2", header, OrderTotalAmount=net + tax, OrderTotalTaxAmount=tax)
    invoice(world, document, header, header["InvoiceCustomerAccountNumber"], drafts)
    lots = [{"item": line["ItemNumber"], "inventoryLotId": line["InventoryLotId"], "line": line["LineNumber"]} for line in lines]
    return {"salesOrder": header["SalesOrderNumber"], "invoice": number, "voucher": voucher, "lines": lots}

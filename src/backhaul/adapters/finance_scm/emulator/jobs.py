"""What do the recurring batch jobs post, and when?

Four jobs: the mode A posting class for arrival journals (facts/finance-scm 2.2, `extensions/finance-scm/`), its sibling for inventory
journals, and the two standard ones, packing slip and invoice (facts/finance-scm 2.1). Each document is its own transaction: what fails
stays as it is and is logged.

Reading of facts/finance-scm 8, "reducing the arrival quantity splits the line into a new lot and leaves the rest Expected": the part that
arrives moves to a NEW line with a new lot, the ORIGINAL lot keeps the expected rest. A registration that takes all that is still expected
splits nothing, so a line that arrives whole keeps its lot. Hence several journal lines, in one journal or in later ones, may name the
original lot; the parts are recognised by ExternalItemNumber and the other columns, which are copied.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from backhaul.adapters.finance_scm.emulator.documents import new_sales_header, new_sales_line, place_of, price_return_line, total_return
from backhaul.adapters.finance_scm.emulator.ledger import (
    PRODUCT,
    ZERO,
    Document,
    InvoiceLine,
    Place,
    PostingFailed,
    at_cost,
    automatic_charge,
    book,
    home,
    invoice,
    is_stocked,
    item_of,
    move,
    on_hand,
    require_open,
    settle,
    tax_on,
)
from backhaul.adapters.finance_scm.emulator.model import TITLES, World, stamp
from backhaul.adapters.finance_scm.emulator.signals import telling
from backhaul.adapters.finance_scm.emulator.stock import each, post_inventory, refuse_twin
from backhaul.adapters.finance_scm.emulator.visibility import synchronise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from backhaul.adapters.odata_server import Row

ARRIVALS, ARRIVAL_LINES = "ItemArrivalJournalHeadersV2", "ItemArrivalJournalLinesV2"
ORDERS, LINES = "ReturnOrderHeadersV2", "ReturnOrderLinesV2"
TOLD: Mapping[str, str] = {"legalEntity": "dataAreaId", "order": "ReturnOrderNumber", "item": "ItemNumber", "lot": "ReturnInventoryLotId"}
STOCKLESS = frozenset({"CreditOnly"})
SCRAPPING = frozenset({"Scrap", "ReplaceScrap"})
RETURN_PLACE = ("ReturnSiteId", "ReturnWarehouseId", "ReturnWarehouseLocationId")
SALES_PLACE = ("ShippingSiteId", "ShippingWarehouseId", "ShippingWarehouseLocationId")
ARRIVAL_PLACE = ("ReceivingInventorySiteId", "ReceivingWarehouseId", "ReceivingWarehouseLocationId")


# ---------------------------------------------------------------- arrivals (mode A)


def post_arrivals(world: World) -> int:
    """Post open arrival journals with the configured journal name."""
    names = world.settings["arrivalJournalNames"]
    found = [r for r in world.tables.where(ARRIVALS, "IsPosted", "No") if r["JournalNameId"] in names]
    return each(world, "arrivals", [(r["dataAreaId"], r["JournalNumber"]) for r in found], _post_arrival)


def _post_arrival(world: World, company: str, number: str) -> str:
    header = world.one(ARRIVALS, company, number) or {}
    refuse_twin(world, ARRIVALS, "JournalDescription", header)
    lines = [r for r in world.tables.where(ARRIVAL_LINES, "JournalNumber", number) if r["dataAreaId"] == company]
    if not lines:
        message = f"Journal {number} has no lines."
        raise PostingFailed(message)
    for line in lines:
        _register(world, header, line)
    world.keep(ARRIVALS, header, IsPosted="Yes", PostedDateTime=world.stamp(), PostedUserId="batch")
    return f"{len(lines)} lines"


def _expected(world: World, line: Row) -> Row:
    company, lot = line["dataAreaId"], line["ReferenceInventoryLotId"]
    found = next((r for r in world.tables.where(LINES, "ReturnInventoryLotId", lot) if r["dataAreaId"] == company), None)
    problem = ""
    if found is None:
        problem = f"Lot {lot} does not exist."
    elif line.get("IsReturnOrder") != "Yes":
        problem = "The line does not refer to a returned order."
    elif line["TransactionReferenceNumber"] != found["ReturnOrderNumber"]:
        problem = f"Lot {lot} does not belong to order {line['TransactionReferenceNumber']}."
    elif line["ItemNumber"] != found["ItemNumber"]:
        problem = f"Lot {lot} is item {found['ItemNumber']}, not {line['ItemNumber']}."
    elif any((line.get(column) or "") != (found.get(column) or "") for column in PRODUCT):
        problem = f"Lot {lot} is another variant of item {found['ItemNumber']}."
    elif line.get("ReturnItemNumber") not in {None, "", found["RMANumber"]}:
        problem = f"RMA number {line['ReturnItemNumber']} does not belong to lot {lot}."
    elif found["ReturnStatus"] != "Awaiting" or line["ItemQuantity"] > -found["ReturnSalesQuantity"]:
        left = -found["ReturnSalesQuantity"] if found["ReturnStatus"] == "Awaiting" else ZERO
        problem = f"Quantity {line['ItemQuantity']} cannot be registered for lot {lot}: only {left} is expected."
    if problem or found is None:
        raise PostingFailed(problem)
    return found


def _register(world: World, header: Row, line: Row) -> None:
    expected = _expected(world, line)
    company = line["dataAreaId"]
    code = line.get("ReturnDispositionCodeId") or header.get("DefaultReturnDispositionCodeId") or expected.get("ReturnDispositionCode", "")
    disposition = world.one("ReturnDispositionCodes", company, code)
    if disposition is None:
        message = f"Disposition code '{code}' must be specified for lot {expected['ReturnInventoryLotId']}."
        raise PostingFailed(message)
    place = place_of(line, ARRIVAL_PLACE, "ReceivingInventoryStatusId")
    if not place.warehouse:
        place = Place(
            site=header.get("DefaultReceivingSiteId") or expected["ReturnSiteId"],
            warehouse=header.get("DefaultReceivingWarehouseId") or expected["ReturnWarehouseId"],
            location=header.get("DefaultReceivingWarehouseLocationId", ""),
            product=place.product,
        )
    arrived = _split(world, expected, line["ItemQuantity"])
    registered = world.keep(
        LINES,
        arrived,
        ReturnStatus="Registered",
        ReturnDispositionCode=code,
        ReturnSiteId=place.site,
        ReturnWarehouseId=place.warehouse,
        ReturnWarehouseLocationId=place.location,
        OrderedInventoryStatusId=place.status,
        ActualReturnArrivalDate=line["TransactionDate"],
        _action=disposition["DispositionAction"],
    )
    item = item_of(world, company, line["ItemNumber"])
    if is_stocked(item) and registered["_action"] not in STOCKLESS:
        move(
            world, company, line["ItemNumber"], line["ItemQuantity"], place, **_trans(registered), StatusReceipt="Registered", _return="Yes"
        )
    order = world.one(ORDERS, company, expected["ReturnOrderNumber"]) or {}
    if order["ReturnStatus"] == "Created":
        world.keep(ORDERS, order, ReturnStatus="Open")
    total_return(world, company, expected["ReturnOrderNumber"])


def _split(world: World, expected: Row, quantity: Decimal) -> Row:
    """Give the line that arrives; a smaller quantity becomes a new line with a new lot."""
    if quantity == -expected["ReturnSalesQuantity"]:
        return expected
    company, number = expected["dataAreaId"], expected["ReturnOrderNumber"]
    rest = price_return_line(world, expected | {"ReturnSalesQuantity": expected["ReturnSalesQuantity"] + quantity})
    world.keep(LINES, rest)
    siblings = [r for r in world.tables.where(LINES, "ReturnOrderNumber", number) if r["dataAreaId"] == company]
    part = {
        **{column: value for column, value in expected.items() if column not in {"_id", "_v"}},
        "ReturnInventoryLotId": world.number("LOT-", width=8),
        "ReturnSalesQuantity": -quantity,
        "LineCreationSequenceNumber": 1 + max(int(r["LineCreationSequenceNumber"]) for r in siblings),
    }
    return world.keep(LINES, price_return_line(world, part))


def _trans(line: Row) -> Row:
    return {"InventTransId": line["ReturnInventoryLotId"], "ReferenceId": line["ReturnOrderNumber"], "ReferenceCategory": "Sales"}


# ---------------------------------------------------------------- arrivals by people or a device (mode B)


def arrive(world: World, told: Mapping[str, Any]) -> list[Row]:
    """Let a clerk or a device register awaited return lines: all that fit what is told, as the lines say or as told otherwise."""
    registered = []
    for line in list(world.tables.where(LINES, "ReturnStatus", "Awaiting")):
        fits = all(line.get(column) == told[name] for name, column in TOLD.items() if name in told)
        order = world.one(ORDERS, line["dataAreaId"], line["ReturnOrderNumber"]) or {}
        if not fits or ("reference" in told and order.get("CustomersOrderReference") != told["reference"]):
            continue
        _register(world, {}, {
            "dataAreaId": line["dataAreaId"], "IsReturnOrder": "Yes", "ItemNumber": line["ItemNumber"],
            **{column: line.get(column, "") for column in PRODUCT},
            "TransactionReferenceNumber": line["ReturnOrderNumber"], "ReferenceInventoryLotId": line["ReturnInventoryLotId"],
            "ItemQuantity": Decimal(str(told.get("quantity", -line["ReturnSalesQuantity"]))), "TransactionDate": world.today(),
            "ReturnDispositionCodeId": told.get("disposition") or line.get("ReturnDispositionCode", ""),
            "ReceivingInventorySiteId": line.get("ReturnSiteId", ""),
            "ReceivingWarehouseId": told.get("warehouse") or line.get("ReturnWarehouseId", ""),
            "ReceivingWarehouseLocationId": told.get("location") or line.get("ReturnWarehouseLocationId", ""),
            "ReceivingInventoryStatusId": told.get("status") or line.get("OrderedInventoryStatusId", "")})
        registered.append(line)
    return registered


# ---------------------------------------------------------------- packing slip


def _orders_with(world: World, status: str) -> list[tuple[str, str]]:
    return list(dict.fromkeys((r["dataAreaId"], r["ReturnOrderNumber"]) for r in world.tables.where(LINES, "ReturnStatus", status)))


def _lines_with(world: World, company: str, number: str, status: str) -> list[Row]:
    return [r for r in world.tables.where(LINES, "ReturnOrderNumber", number) if r["dataAreaId"] == company and r["ReturnStatus"] == status]


def _cost(world: World, order: Row, line: Row) -> Decimal:
    return world.round(-line["ReturnSalesQuantity"] * line["ReturnUnitCost"], home(world, order["dataAreaId"], order["CurrencyCode"]))


def post_packing_slips(world: World) -> int:
    """Receive what is registered on open return orders."""
    return each(world, "packing-slip", _orders_with(world, "Registered"), _post_packing_slip)


def _post_packing_slip(world: World, company: str, number: str) -> str:
    order = world.one(ORDERS, company, number) or {}
    if order.get("IsReturnProcessingStopped") == "Yes":
        message = f"Processing of return order {number} is stopped."
        raise PostingFailed(message)
    slip, date = world.number("PS-"), world.today()
    document = Document(
        company=company, voucher=f"{slip}-V", number=slip, date=date, currency=order["CurrencyCode"], text=f"Return {number}"
    )
    require_open(world, company, date, "Sales", "Invent")
    lines = _lines_with(world, company, number, "Registered")
    for line in lines:
        _receive(world, document, order, line)
        if line["_action"].startswith("Replace"):
            _replace(world, order, line)
        world.keep(LINES, line, ReturnStatus="Received", ReturnedSalesQuantity=line["ReturnSalesQuantity"])
    if not _lines_with(world, company, number, "Awaiting"):
        world.keep(ORDERS, order, ReturnOrderStatus="Delivered")
    return f"{slip}: {len(lines)} lines"


def _replace(world: World, order: Row, line: Row) -> None:
    """Make the sales order that a replacing disposition code brings with it, for the same goods."""
    company = order["dataAreaId"]
    head = new_sales_header(world, {"dataAreaId": company, "OrderingCustomerAccountNumber": order["CustomerAccountNumber"],
                                    "CurrencyCode": order["CurrencyCode"], "DefaultShippingWarehouseId": line["ReturnWarehouseId"],
                                    "DefaultShippingSiteId": line["ReturnSiteId"]})
    head = world.keep("SalesOrderHeadersV2", head)
    goods = {"dataAreaId": company, "SalesOrderNumber": head["SalesOrderNumber"], "ItemNumber": line["ItemNumber"],
             "OrderedSalesQuantity": -line["ReturnSalesQuantity"]}
    world.keep("SalesOrderLines", new_sales_line(world, goods))
    world.keep(ORDERS, order, ReplacementSalesOrderNumber=head["SalesOrderNumber"], IsReplacementSalesOrderCreated="Yes")


def _receipt_of(world: World, line: Row) -> Row | None:
    found = world.tables.where("InventTransBiEntities", "InventTransId", line["ReturnInventoryLotId"])
    return next((r for r in found if r["dataAreaId"] == line["dataAreaId"] and r["Qty"] > 0), None)


def _receive(world: World, document: Document, order: Row, line: Row) -> None:
    receipt = _receipt_of(world, line)
    if receipt is None:  # credit only, or a service: nothing physical
        return
    cost, action, document = _cost(world, order, line), line["_action"], at_cost(world, document)
    physical = {"DatePhysical": document.date, "VoucherPhysical": document.voucher, "PackingSlipId": document.number}
    world.keep("InventTransBiEntities", receipt, StatusReceipt="Received", CostAmountPhysical=cost, DateStatus=document.date, **physical)
    book(world, document, [("inventory-physical", cost, "SalesPackingSlip"), ("physical-offset", -cost, "SalesPackingSlipOffset")])
    if action in SCRAPPING:
        issue, role, text = {"CostAmountPosted": -cost}, "scrap", "InventScrap"
    elif action == "ReturnToCust":
        issue, role, text = {"CostAmountPosted": -cost}, "cogs", "SalesIssue"
    else:
        return
    place = place_of(line, RETURN_PLACE, "OrderedInventoryStatusId")
    dates = {**physical, "DateFinancial": document.date, "Voucher": document.voucher, "CurrencyCode": document.currency}
    move(
        world,
        document.company,
        line["ItemNumber"],
        line["ReturnSalesQuantity"],
        place,
        **_trans(line),
        **issue,
        **dates,
        StatusIssue="Sold",
    )
    book(world, document, [(role, cost, text), ("inventory", -cost, "InventIssue")])


# ---------------------------------------------------------------- invoices


def post_invoices(world: World) -> int:
    """Credit what is received, and invoice the sales orders of the configured pools."""
    failures = each(world, "invoice", _orders_with(world, "Received"), _post_credit_note)
    pools = world.settings["invoicePools"]
    found = [r for r in world.tables.where("SalesOrderHeadersV2", "SalesOrderPoolId", *pools) if r["SalesOrderStatus"] == "Backorder"]
    return failures + each(world, "invoice", [(r["dataAreaId"], r["SalesOrderNumber"]) for r in found], _post_sales_order)


def _post_credit_note(world: World, company: str, number: str) -> str:
    order, date = world.one(ORDERS, company, number) or {}, world.today()
    require_open(world, company, date, "Sales", "Cust", "Invent")
    lines = _lines_with(world, company, number, "Received")
    credited = [line for line in lines if line["_action"] != "ReturnToCust"]
    customer, currency = world.one("CustomersV3", company, order["InvoiceCustomerAccountNumber"]) or {}, order["CurrencyCode"]
    note = world.number("CN-") if credited else ""
    voucher = world.number("SIV-")
    document = Document(company=company, voucher=voucher, number=note or number, date=date, currency=currency, text=f"Return {number}")
    for line in lines:
        _finish(world, document, order, line)
    if credited:
        drafts = []
        for line in credited:
            item = item_of(world, company, line["ItemNumber"])
            groups = (customer.get("SalesTaxGroup", ""), item.get("SalesSalesTaxItemGroupCode", ""))
            tax = tax_on(world, company, groups, line["LineAmount"], currency, date)
            charge = automatic_charge(world, company, line.get("ReturnDispositionCode", ""))
            drafts.append(_draft(line, "ReturnSalesQuantity", tax, place_of(line, RETURN_PLACE), item, charge))
        invoice(world, document, order, order["InvoiceCustomerAccountNumber"], drafts)
    open_lines = _lines_with(world, company, number, "Awaiting") + _lines_with(world, company, number, "Registered")
    if not open_lines:
        world.keep(ORDERS, order, ReturnStatus="Closed", ReturnOrderStatus="Invoiced")
    settle(world, company, order.get("CustomersOrderReference", ""))
    return f"{note}: {len(lines)} lines"


def _draft(line: Row, quantity: str, tax: Decimal, place: Place, item: Row, charge: Decimal = ZERO) -> InvoiceLine:  # noqa: PLR0913, PLR0917 - an invoice line has that many sides
    return InvoiceLine(
        item=line["ItemNumber"],
        text=line.get("LineDescription", ""),
        quantity=line[quantity],
        price=line["SalesPrice"],
        net=line["LineAmount"],
        tax=tax,
        place=place,
        unit=line.get("SalesUnitSymbol", ""),
        sequence=int(line["LineCreationSequenceNumber"]),
        charge=charge,
        account=str(item.get("_salesAccount") or ""),
    )


def _finish(world: World, document: Document, order: Row, line: Row) -> None:
    """Post the cost side of a credited line: from physical to financial, or the loss of a credit without goods."""
    cost, receipt, document = _cost(world, order, line), _receipt_of(world, line), at_cost(world, document)
    if receipt is not None:
        book(world, document, [("physical-offset", cost, "SalesPackingSlipOffset"), ("inventory-physical", -cost, "SalesPackingSlip")])
        book(world, document, [("inventory", cost, "SalesIssue"), ("cogs", -cost, "SalesConsump")])
        posted = {
            "Voucher": document.voucher,
            "InvoiceId": document.number,
            "DateFinancial": document.date,
            "CurrencyCode": document.currency,
        }
        world.keep("InventTransBiEntities", receipt, StatusReceipt="Purchased", CostAmountPosted=cost, DateStatus=document.date, **posted)
    elif line["_action"] in STOCKLESS:
        book(world, document, [("scrap", cost, "InventScrap"), ("cogs", -cost, "SalesConsump")])
    world.keep(LINES, line, ReturnStatus="Invoiced", ReturnClosedDate=document.date)


def _post_sales_order(world: World, company: str, number: str) -> str:
    order, date = world.one("SalesOrderHeadersV2", company, number) or {}, world.today()
    lines = [r for r in world.tables.where("SalesOrderLines", "SalesOrderNumber", number) if r["dataAreaId"] == company]
    if not lines:
        message = f"Sales order {number} has no lines."
        raise PostingFailed(message)
    currency = order["CurrencyCode"]
    total = sum((line["LineAmount"] for line in lines), ZERO)
    note, voucher = world.number("CN-" if total < 0 else "SI-"), world.number("SIV-")
    document = Document(company=company, voucher=voucher, number=note, date=date, currency=currency, text=f"Order {number}")
    drafts = []
    for line in lines:
        ship(world, document, line)
        groups = (line.get("SalesTaxGroupCode", ""), line.get("SalesTaxItemGroupCode", ""))
        tax = tax_on(world, company, groups, line["LineAmount"], currency, date)
        drafts.append(_draft(line, "OrderedSalesQuantity", tax, place_of(line, SALES_PLACE), item_of(world, company, line["ItemNumber"])))
        world.keep("SalesOrderLines", line, SalesOrderLineStatus="Invoiced")
    invoice(world, document, order, order["InvoiceCustomerAccountNumber"], drafts)
    world.keep("SalesOrderHeadersV2", order, SalesOrderStatus="Invoiced")
    settle(world, company, order.get("CustomersOrderReference", ""))
    return f"{note}: {len(lines)} lines"


def ship(world: World, document: Document, line: Row) -> None:
    """Move the goods of a sales line: out for a sale, back in for a negative quantity."""
    item = item_of(world, document.company, line["ItemNumber"])
    if not is_stocked(item):
        return
    quantity, place = -line["OrderedSalesQuantity"], place_of(line, SALES_PLACE, "OrderedInventoryStatusId")
    available = on_hand(world, document.company, line["ItemNumber"]).get((document.company, line["ItemNumber"], place), ZERO)
    if available + quantity < 0:
        message = f"{-quantity} cannot be picked because only {available} is available from the inventory of item {line['ItemNumber']}."
        raise PostingFailed(message)
    issue(world, document, line, place, quantity)


def issue(world: World, document: Document, line: Row, place: Place, quantity: Decimal) -> Decimal:
    """Write the inventory transaction and the cost of one sales line; gives the cost, receipts positive."""
    document = at_cost(world, document)
    cost = world.round(quantity * line.get("_unitCost", ZERO), document.currency)
    book(world, document, [("inventory", cost, "SalesIssue"), ("cogs", -cost, "SalesConsump")])
    status = {"StatusReceipt": "Purchased", "_return": "Yes"} if quantity > 0 else {"StatusIssue": "Sold"}
    row = {
        "InventTransId": line["InventoryLotId"],
        "ReferenceId": line["SalesOrderNumber"],
        "ReferenceCategory": "Sales",
        "InvoiceId": document.number,
    }
    dates = {
        "DatePhysical": document.date,
        "DateFinancial": document.date,
        "Voucher": document.voucher,
        "VoucherPhysical": document.voucher,
    }
    move(
        world,
        document.company,
        line["ItemNumber"],
        quantity,
        place,
        **row,
        **dates,
        **status,
        CostAmountPosted=cost,
        CurrencyCode=document.currency,
    )
    return cost


# ---------------------------------------------------------------- schedule

JOBS: Mapping[str, Callable[[World], int]] = {
    "arrivals": post_arrivals,
    "inventory": post_inventory,
    "visibility": synchronise,
    "packing-slip": post_packing_slips,
    "invoice": lambda world: telling(world, post_invoices),
}


def run(world: World, job: str) -> None:
    """Run one job now and show it among the batch jobs."""
    failures = JOBS[job](world)
    at = world.stamp()
    row = {"BatchJobRecId": world.tables.last_id + 1, "JobDescription": TITLES[job], "Status": "Error" if failures else "Finished"}
    world.keep("BatchJobs", row | {"OrigStartDateTime": at, "StartDateTime": at, "EndDateTime": at, "ExecutingBy": "batch"})


def advance(world: World, until: datetime) -> list[str]:
    """Move the clock on and run what falls due on the way, each run stamped with its own time."""
    ran = []
    if world.clock is not None:
        since = datetime.fromisoformat(world.clock)
        for at, job in world.due(since, until):
            if job in world.settings["jobStates"]:  # held, canceled, or stopped by an error: it waits for nobody's time
                continue
            world.clock = stamp(at)
            run(world, job)
            ran.append(f"{stamp(at)} {job}")
    world.clock = stamp(until)
    return ran

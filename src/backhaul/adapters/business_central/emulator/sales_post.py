"""What happens when a sales document is posted?

As codeunit Sales-Post does it: commit first, check, draw the posted number and commit that, then post everything or nothing. So a draft
stays when posting fails, and keeps the number it was to get (facts/business-central 1). Whatever goes wrong arrives as one dialog text.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from backhaul.adapters.business_central.emulator import ledger, refusals as no
from backhaul.adapters.business_central.emulator.documents import CREDITS, check_cost_link, total, vat_setup
from backhaul.adapters.business_central.emulator.ledger import BLANK, INVOICE, MEMO, Document
from backhaul.adapters.business_central.emulator.model import NEVER, ZERO, World
from backhaul.adapters.odata_server import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backhaul.adapters.odata_server import Row

SHIPMENT, SOLD = "Sales_x0020_Shipment", "Sales_x0020_Invoice"
RECEIPT, CREDITED = "Sales_x0020_Return_x0020_Receipt", "Sales_x0020_Credit_x0020_Memo"
STOCKED = frozenset({"Inventory", ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One posting: a document, what is to be done with it, and the lines it is done to."""

    header: Row
    lines: Sequence[Row]
    receive: bool
    invoice: bool
    checked: bool = True

    @property
    def sign(self) -> int:
        """+1 where goods come in and the customer is credited, -1 where they go out and he is charged."""
        return 1 if self.header["type"] in CREDITS else -1


def post(world: World, header: Row, *, receive: bool, invoice: bool, checked: bool = True) -> Row:
    """Post a document and give the posted one; a refusal leaves the draft and the number drawn for it."""
    world.tables.commit()
    try:
        job = Job(header=header, lines=[line for line in world.lines(header) if line["quantity"]], receive=receive, invoice=invoice,
                  checked=checked)
        if checked:
            _check(world, job)
        header = _number(world, job)
        world.tables.commit()
        with world.tables.transaction():
            posted = _post(world, replace(job, header=header))
    except Refused as refused:
        raise no.dialog(no.told(refused)) from refused
    world.tables.commit()
    return posted


def is_stocked(world: World, line: Row) -> bool:
    """Whether a line moves stock."""
    item = world.one("items", line["company"], "number", line["number"]) if line["type"] == "Item" else None
    return item is not None and item.get("type", "Inventory") in STOCKED


# ---------------------------------------------------------------- checks


def _record(header: Row) -> str:
    return f"Sales Header: Document Type={header['type']}, No.={header['number']}"


def _check(world: World, job: Job) -> None:
    header, settings = job.header, world.settings
    if "sales" in settings["noPermission"]:
        raise no.dialog("Sorry, the current permissions prevented the action. (TableData 114 Sales Cr.Memo Header Insert)")
    if not job.receive and not job.invoice:
        raise no.dialog('Please enter "Yes" in Ship and/or Invoice and/or Receive.')
    check_date(world, header["company"], header["postingDate"])
    customer = world.one("customers", header["company"], "number", header["billToCustomerNumber"]) or {}
    if customer.get("blocked") == "All":
        raise no.customer_blocked("post", header["billToCustomerNumber"], "All")
    if customer.get("privacyBlocked"):
        raise no.dialog(f"You cannot post this type of document when Customer {customer['number']} is blocked for privacy.")
    if settings["externalDocumentMandatory"] and not header["externalDocumentNumber"]:
        raise no.missing_value("External Document No.", _record(header))
    if settings["approval"]:
        raise no.dialog("This document can only be released when the approval process is complete.")
    if not job.lines:
        raise no.dialog("There is nothing to post.")
    for line in job.lines:
        _check_line(world, job, line)
    if job.invoice and (header["gross"] < 0):
        raise no.dialog("Amount must be negative in Gen. Journal Line Journal Template Name='',Journal Batch Name='',Line No.='0'.")


def check_date(world: World, company: str, date: str) -> None:
    """Refuse a posting date outside the allowed range or in a closed inventory period."""
    setup = next(iter(world.of("generalLedgerSetup", company)), {})
    first, last = setup.get("allowPostingFrom", NEVER), setup.get("allowPostingTo", NEVER)
    if (first != NEVER and date < first) or (last != NEVER and date > last):
        raise no.dialog("Posting Date is not within your range of allowed posting dates.")
    closed = str(world.settings["inventoryClosedUntil"])
    if closed and date <= closed:
        raise no.dialog(f"You cannot post before {closed} because the Inventory Period is already closed. "
                        "You must re-open the period first.")


def _check_line(world: World, job: Job, line: Row) -> None:
    header, settings = job.header, world.settings
    record = f"Sales Line: Document Type={header['type']}, Document No.={header['number']}, Line No.={line['sequence']}"
    if line["type"] == "Charge":
        raise no.dialog(f"You must assign item charge {line['number']} if you want to invoice it.")
    if vat_setup(world, header["company"], header["vatBus"], line["taxCode"]).get("blocked"):
        raise no.dialog(f"Setup is blocked in VAT Posting Setup for VAT Bus. Posting Group {header['vatBus']} and VAT Prod. Posting Group "
                        f"{line['taxCode']}.")
    sales_account(world, header, line)
    if line["type"] != "Item":
        return
    item = world.one("items", header["company"], "number", line["number"]) or {}
    if item.get("blocked"):
        raise no.dialog(f"You cannot choose Item {line['number']} because the Blocked check box is selected on its Item card.")
    if not is_stocked(world, line):
        return
    if settings["locationMandatory"] and not line["location"]:
        raise no.missing_value("Location Code", record)
    if (settings["variantMandatory"] or item.get("variantMandatory")) and not line["variantCode"] and world.one(
            "itemVariants", header["company"], "itemNumber", line["number"]):
        raise no.missing_value("Variant Code", record)
    if item.get("itemTrackingCode"):
        raise no.dialog(f"You must assign a {'serial' if item['itemTrackingCode'].startswith('SN') else 'lot'} number for item "
                        f"{line['number']}.")
    _check_goods(world, job, line, record)


def _check_goods(world: World, job: Job, line: Row, record: str) -> None:
    header = job.header
    returned = job.sign > 0 and line["quantity"] > 0
    if returned and world.settings["exactCostReversingMandatory"] and not line["applFromItemEntry"]:
        raise no.missing_value("Appl.-from Item Entry", record)
    if returned and line["applFromItemEntry"] and not line["received"]:
        check_cost_link(world, line)
    place = world.one("locations", header["company"], "code", line["location"]) or {}
    if header["type"] == "Return Order" and job.receive and line["toReceive"] and place.get("requireReceive"):
        raise no.dialog(f"Warehouse handling is required for Document Type = {header['type']}, Document No. = {header['number']}, "
                        f"Line No. = {line['sequence']}.")


def general_setup(world: World, header: Row, prod: str) -> Row:
    """Give the general posting set-up of a pair of groups; while a company has none at all, the accounts of the settings serve."""
    rows = list(world.of("generalPostingSetups", header["company"]))
    for row in rows:
        if (row.get("genBusPostingGroup", ""), row.get("genProdPostingGroup", "")) == (header["genBus"], prod):
            return row
    if rows:
        raise no.no_related("General Posting Setup", f"Gen. Bus. Posting Group='{header['genBus']}',Gen. Prod. Posting Group='{prod}'")
    return {"salesAccount": "sales", "salesCreditMemoAccount": "sales-returns", "cogsAccount": "cogs"}


def sales_account(world: World, header: Row, line: Row) -> str:
    """Give the account the net of a line goes to."""
    if line["type"] == "Account":
        return str(line["number"])
    setup = general_setup(world, header, line["genProd"])
    if setup.get("blocked"):
        raise no.dialog(f"Setup is blocked in General Posting Setup for Gen. Bus. Posting Group {header['genBus']} and Gen. Prod. Posting "
                        f"Group {line['genProd']}.")
    column, caption = (("salesCreditMemoAccount", "Sales Credit Memo Account") if header["type"] in CREDITS
                       else ("salesAccount", "Sales Account"))
    if not setup.get(column):
        raise no.dialog(f"{caption} is missing in General Posting Setup.")
    return str(setup[column])


# ---------------------------------------------------------------- posting


def _number(world: World, job: Job) -> Row:
    """Draw the numbers the posted documents get; a second try gets the same ones."""
    header = job.header
    changes = {}
    if job.invoice and not header["postingNumber"]:
        changes["postingNumber"] = world.number("postedCreditMemo" if job.sign > 0 else "postedInvoice")
    if _has_receipt(world, job) and not header["receiptNumber"]:
        changes["receiptNumber"] = world.number("returnReceipt" if job.sign > 0 else "shipment")
    return world.put("sales", header, **changes) if changes else header


def _has_receipt(world: World, job: Job) -> bool:
    if job.header["type"] == "Credit Memo":
        return bool(world.settings["returnReceiptOnCreditMemo"])
    return job.receive


def _document(job: Job, number: str, kind: str = BLANK) -> Document:
    header = job.header
    return Document(company=header["company"], number=number, date=header["postingDate"], text=f"{header['type']} {header['draftNumber']}",
                    kind=kind, external=header["externalDocumentNumber"], currency=header["currency"])


def _post(world: World, job: Job) -> Row:
    if job.header["type"] == "Return Order":
        return _return_order(world, job)
    header, number = job.header, job.header["postingNumber"]
    kind = MEMO if job.sign > 0 else INVOICE
    if ledger.entry_of(world, header["company"], kind, number):
        raise no.dialog(f"Sales {'Credit Memo' if job.sign > 0 else 'Invoice'} {number} already exists.")
    document = _document(job, number, kind)
    goods = _document(job, header["receiptNumber"]) if header["receiptNumber"] else replace(document, kind=BLANK)
    moved = {True: (RECEIPT, SHIPMENT), False: (CREDITED, SOLD)}[bool(header["receiptNumber"])][job.sign < 0]
    costs: list[tuple[str, Decimal]] = []
    for line in job.lines:
        if line["type"] == "Item":
            entry = _move(world, job, goods, line, line["quantity"], moved)
            costs += _invoice_goods(world, job, replace(document, kind=BLANK), line, entry, line["quantity"])
    if header["receiptNumber"]:
        _posted_copy(world, job, "Return Receipt" if job.sign > 0 else "Shipment", header["receiptNumber"], {
            line["id"]: line["quantity"] for line in job.lines})
    lcy = _money(world, job, document, job.lines, costs)
    posted = world.put("sales", header, number=number, posted=True, state="Released", grossLcy=lcy)
    for line in world.lines(header):
        world.tables.remove("salesLines", line["id"])
        world.put("salesLines", {c: v for c, v in line.items() if c != "id"})
    _apply(world, posted, kind)
    return world.tables.find("sales", posted["id"]) or posted


def _move(world: World, job: Job, document: Document, line: Row, quantity: Decimal, kind: str) -> Row:  # noqa: PLR0913, PLR0917 - a movement has that many sides
    """Move the goods of a line; what is linked to a sale counts as returned of it."""
    signed = job.sign * quantity
    linked = line["applFromItemEntry"] if signed > 0 and job.sign > 0 else 0
    entry = ledger.item_entry(world, document, {
        "itemNumber": line["number"], "variantCode": line["variantCode"], "location": line["location"], "bin": line["bin"],
        "entryType": "Sale", "documentType": kind, "documentLine": line["sequence"], "sourceType": "Customer",
        "sourceNumber": job.header["customerNumber"], "description": line["description"], "quantity": signed, "unit": line["unit"],
        "stocked": is_stocked(world, line), "applFromItemEntry": linked, "returnReasonCode": line["returnReasonCode"]})
    if linked:
        origin = check_cost_link(world, {**line, "quantity": quantity})
        world.put("itemLedger", origin, notReturned=origin["notReturned"] - quantity)
        world.put("itemApplications", {"company": document.company, "entryNumber": world.entry("itemApplications"),
                                       "applFromItemEntry": linked, "itemLedgerEntryNumber": entry["entryNumber"], "quantity": quantity,
                                       "postingDate": document.date})
    return entry


def _cost(world: World, job: Job, line: Row, quantity: Decimal) -> Decimal:
    """Give the cost of goods of a line: that of the sale they are linked to, else the line's own; signed as their quantity in stock."""
    if not is_stocked(world, line):
        return ZERO
    signed = job.sign * quantity
    if line["applFromItemEntry"] and signed > 0:
        origin = next(iter(world.of("itemLedger", line["company"], "entryNumber", line["applFromItemEntry"])))
        return world.round(origin["costAmountActual"] * signed / origin["quantity"])
    return world.round(signed * line["unitCost"])


def _invoice_goods(world: World, job: Job, document: Document, line: Row, entry: Row, quantity: Decimal  # noqa: PLR0913, PLR0917 - the same
                   ) -> list[tuple[str, Decimal]]:
    """Value goods finally, taking back what they were expected to be worth."""
    fresh = world.tables.find("itemLedger", entry["id"]) or entry
    share = quantity / abs(fresh["quantity"]) if fresh["quantity"] else ZERO
    expected = world.round(fresh["costAmountExpected"] * share) if fresh["costAmountExpected"] else ZERO
    net = ledger.local(world, document, line["net"] * quantity / line["quantity"])
    value = ledger.value_entry(world, document, entry, {
        "costAmountActual": _cost(world, job, line, quantity), "costAmountExpected": -expected, "invoicedQuantity": job.sign * quantity,
        "salesAmountActual": -job.sign * world.round(net), "documentType": CREDITED if job.sign > 0 else SOLD})
    return ledger.post_cost(world, value, "cogs")


def _money(world: World, job: Job, document: Document, lines: Sequence[Row], costs: Sequence[tuple[str, Decimal]]) -> Decimal:
    """Book the sales side with the cost side in one transaction; gives the customer's amount in local currency, positive."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    taxes: dict[tuple[str, Decimal], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for line in lines:
        sums[sales_account(world, job.header, line)] += line["net"]
        taxes[line["vatIdentifier"], line["taxPercent"]][0] += line["net"]
        taxes[line["vatIdentifier"], line["taxPercent"]][1] += line["tax"]
    entries = [(account, job.sign * ledger.local(world, document, net)) for account, net in sorted(sums.items())]
    for (identifier, rate), (base, tax) in sorted(taxes.items()):
        lcy = job.sign * ledger.local(world, document, tax)
        entries.append(("vat", lcy))
        world.put("vatLedger", {"company": document.company, "entryNumber": world.entry("vatLedger"), "postingDate": document.date,
                                "documentNumber": document.number, "documentType": document.kind, "type": "Sale",
                                "vatIdentifier": identifier, "vatPercent": rate, "vatBusPostingGroup": job.header["vatBus"],
                                "base": job.sign * ledger.local(world, document, base), "amount": lcy})
    gross = sum((line["gross"] for line in lines), ZERO)
    lcy = sum((amount for _, amount in entries), ZERO)
    ledger.book(world, document, [*entries, ("customer", -lcy), *costs])
    ledger.customer_entry(world, document, job.header["billToCustomerNumber"], -job.sign * gross, -lcy)
    return abs(lcy)


def _apply(world: World, posted: Row, kind: str) -> None:
    """Apply the posted document to what its head names, then to payouts that carry its reference."""
    company = posted["company"]
    entry = ledger.entry_of(world, company, kind, posted["number"]) or {}
    if posted["appliesToNumber"]:
        other = ledger.open_entry(world, company, INVOICE, posted["appliesToNumber"], posted["billToCustomerNumber"])
        ledger.apply(world, entry, other, abs(entry["remaining"]))
    if kind == MEMO:
        for reference in {posted["externalDocumentNumber"], posted["yourReference"]}:
            ledger.settle(world, company, reference)


def _posted_copy(world: World, job: Job, kind: str, number: str, quantities: dict[str, Decimal]) -> Row:
    """Write a posted document beside the draft it came from, with the quantities of its lines; comments go along."""
    header = job.header
    ours = {"type": kind, "posted": True, "number": number, "state": "Released"}
    order = header["number"] if header["type"] == "Return Order" else header["orderNumber"] if kind == "Shipment" else ""
    copied = world.put("sales", {c: v for c, v in header.items() if c not in {"id", "_n", "_v"}} | ours
                       | {"orderNumber": order if kind in {"Shipment", "Return Receipt"} else "",
                          "returnOrderNumber": header["number"] if header["type"] == "Return Order" else ""})
    for line in world.lines(header):
        if line["type"] == "Comment" or quantities.get(line["id"]):
            quantity = quantities.get(line["id"], ZERO)
            discount = world.round(line["discountAmount"] * quantity / line["quantity"], header["currency"]) if quantity else ZERO
            world.put("salesLines", {c: v for c, v in line.items() if c != "id"}
                      | {"documentId": copied["id"], "kind": kind, "quantity": quantity, "discountAmount": discount})
    return copied


# ---------------------------------------------------------------- return orders


def _return_order(world: World, job: Job) -> Row:
    posted = job.header
    if job.receive:
        posted = _receive(world, job)
    if job.invoice:
        posted = _invoice_order(world, job)
        lines = [line for line in world.lines(job.header) if line["quantity"]]
        if all(line["invoiced"] == line["quantity"] for line in lines):
            for line in world.lines(job.header):
                world.tables.remove("salesLines", line["id"])
            world.tables.remove("sales", job.header["id"])
    return posted


def _receive(world: World, job: Job) -> Row:
    header = job.header
    document = _document(job, header["receiptNumber"])
    quantities: dict[str, Decimal] = {}
    costs: list[tuple[str, Decimal]] = []
    for line in job.lines:
        quantity = line["toReceive"]
        if not quantity:
            continue
        quantities[line["id"]] = quantity
        if line["type"] == "Item":
            entry = _move(world, job, document, line, quantity, RECEIPT)
            value = ledger.value_entry(world, document, entry, {"costAmountExpected": _cost(world, job, line, quantity), "expected": True})
            costs += ledger.post_cost(world, value, "cogs")
            world.put("receipts", {"company": header["company"], "line": line["id"], "entry": entry["id"], "left": quantity})
        received = line["received"] + quantity
        world.put("salesLines", line, received=received, toReceive=line["quantity"] - received, toInvoice=received - line["invoiced"])
    if not quantities:
        raise no.dialog("There is nothing to post.")
    if costs:
        ledger.book(world, document, costs)
    copied = _posted_copy(world, job, "Return Receipt", header["receiptNumber"], quantities)
    world.put("sales", world.tables.find("sales", header["id"]) or header, receiptNumber="", lastReceiptNumber=header["receiptNumber"])
    return copied


def _invoice_order(world: World, job: Job) -> Row:
    header, number = world.tables.find("sales", job.header["id"]) or job.header, job.header["postingNumber"]
    document = _document(job, number, MEMO)
    lines = [line for line in world.lines(header) if line["toInvoice"]]
    if not lines:
        raise no.dialog("There is nothing to post.")
    costs: list[tuple[str, Decimal]] = []
    for line in lines:
        if abs(line["toInvoice"]) > abs(line["received"] - line["invoiced"]):
            raise no.dialog(f"You cannot invoice more than you have received for return order {header['number']}.")
        costs += _invoice_received(world, job, replace(document, kind=BLANK), line) if line["type"] == "Item" else []
    copied = total(world, _posted_copy(world, job, "Credit Memo", number, {line["id"]: line["toInvoice"] for line in lines}))
    parts = [line for line in world.lines(copied) if line["quantity"]]
    if copied["gross"] < 0:
        raise no.dialog("Amount must be negative in Gen. Journal Line Journal Template Name='',Journal Batch Name='',Line No.='0'.")
    lcy = _money(world, job, document, parts, costs)
    for line in lines:
        current = world.tables.find("salesLines", line["id"]) or line
        invoiced = current["invoiced"] + line["toInvoice"]
        world.put("salesLines", current, invoiced=invoiced, toInvoice=current["received"] - invoiced)
    world.put("sales", header, postingNumber="")
    posted = world.put("sales", copied, grossLcy=lcy)
    _apply(world, posted, MEMO)
    return world.tables.find("sales", posted["id"]) or posted


def _invoice_received(world: World, job: Job, document: Document, line: Row) -> list[tuple[str, Decimal]]:
    """Value what was received of a line, oldest receipt first."""
    costs: list[tuple[str, Decimal]] = []
    left = line["toInvoice"]
    for receipt in [row for row in world.tables.rows("receipts") if row["line"] == line["id"] and row["left"]]:
        quantity = min(left, receipt["left"]) if left > 0 else max(left, receipt["left"])
        if quantity:
            entry = world.tables.find("itemLedger", receipt["entry"]) or {}
            costs += _invoice_goods(world, job, document, line, entry, quantity)
            world.put("receipts", receipt, left=receipt["left"] - quantity)
            left -= quantity
    return costs


"""What does the returns API of the extension do?

The emulator's reading of `extensions/business-central`: an inbox whose key makes a repeat harmless, steps that make a return order of a
request and post it, item journals, and the ledgers in full (facts/business-central 4).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from backhaul.adapters.business_central.emulator import documents, item_journals, refusals as no, sales_post
from backhaul.adapters.business_central.emulator.ledger import MEMO, entry_of
from backhaul.adapters.business_central.emulator.model import NEVER, NOWHERE, ZERO, World
from backhaul.adapters.business_central.emulator.pages import line_type
from backhaul.adapters.business_central.emulator.service import Page
from backhaul.adapters.odata_server import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from backhaul.adapters.odata_server import Row

VERSION = "1.0.0.0"
PLACES = (("location", "locationCode"), ("bin", "binCode"), ("taxCode", "vatProdPostingGroup"))


# ---------------------------------------------------------------- the inbox


def _key(row: Mapping[str, Any]) -> str:
    return f"Source System='{row['sourceSystem']}',External Id='{row['externalId']}'"


def _insert(world: World, company: str, values: Row, _: Row | None) -> Row:
    for name, caption in (("sourceSystem", "Source System"), ("externalId", "External Id")):
        if not values.get(name):
            raise no.missing_value(caption, "Return Request")
    known = world.of("returnRequests", company, "externalId", values["externalId"])
    if any(row["sourceSystem"] == values["sourceSystem"] for row in known):
        raise no.duplicate("Return Request", _key(values))
    return world.put("returnRequests", {
        "company": company, "status": "New", "returnOrderId": NOWHERE, "returnOrderNumber": "", "creditMemoId": NOWHERE,
        "creditMemoNumber": "", "returnReceiptNumber": "", "lastError": "", "errorCode": "", **values})


def _insert_line(world: World, company: str, values: Row, parent: Row | None) -> Row:
    if parent is None:
        raise no.dialog("A return request line is written below its request.")
    request = world.tables.find("returnRequests", parent["id"]) or parent
    if request["status"] != "New":
        raise no.must_be("Status", "New", f"Return Request: {_key(request)}", request["status"])
    lines = world.tables.where("returnRequestLines", "requestId", parent["id"])
    if any(line["externalLineId"] == values.get("externalLineId", "") for line in lines):
        raise no.duplicate("Return Request Line", f"{_key(request)},External Line Id='{values.get('externalLineId', '')}'")
    return world.put("returnRequestLines", {"company": company, "requestId": parent["id"], "sequence": (len(lines) + 1) * documents.STEP,
                                            "lineType": "Item", "quantity": ZERO, **values})


def _update(world: World, _: str, row: Row, values: Row) -> Row:
    if row["status"] not in {"New", "Failed"}:
        raise no.refusal("Application_FieldValidationException", f"Status must not be {row['status']} in Return Request: {_key(row)}.")
    return world.put("returnRequests", row, **values)


# ---------------------------------------------------------------- steps


def step(name: str) -> Callable[[World, str, Row], None]:
    """Make the action that takes one step; an error is kept beside the request, after reading what was posted all the same."""

    def take(world: World, _: str, row: Row) -> None:
        world.tables.commit()
        try:
            with world.tables.transaction():
                STEPS[name](world, row)
        except Refused as refused:
            request = _result(world, world.tables.find("returnRequests", row["id"]) or row)
            body = refused.body if isinstance(refused.body, dict) else {}
            world.put("returnRequests", request, lastError=no.told(refused), errorCode=body.get("error", {}).get("code", ""),
                      status="Failed" if request["status"] == "New" else request["status"])
            world.tables.commit()
            raise no.dialog(no.told(refused)) from refused

    return take


def validate(world: World, company: str, row: Row) -> None:
    """Say whether a return order could be made, and make none."""
    if world.one("customers", company, "number", row.get("customerNumber", "")) is None:
        raise no.missing_value("Customer No.", f"Return Request: {_key(row)}")
    for line in _lines(world, row):
        cost_link(world, line)


def retry(world: World, _: str, row: Row) -> None:
    """Open a request that failed before it had a return order."""
    if row["status"] != "Failed":
        raise no.must_be("Status", "Failed", f"Return Request: {_key(row)}", row["status"])
    world.put("returnRequests", row, status="New", lastError="", errorCode="")


def _lines(world: World, request: Row) -> list[Row]:
    return sorted(world.tables.where("returnRequestLines", "requestId", request["id"]), key=lambda line: int(line["sequence"]))


def make_order(world: World, request: Row) -> Row:
    """Make the return order of a request, once; gives the request as it is then."""
    if request["returnOrderId"] != NOWHERE:
        return request
    company = request["company"]
    customer = world.one("customers", company, "number", request.get("customerNumber", ""))
    if customer is None:
        raise no.refusal("Internal_InvalidTableRelation", "The field Sell-to Customer No. of table Sales Header contains a value "
                                                          f"({request.get('customerNumber', '')}) that cannot be found in the related "
                                                          "table (Customer).")
    told: Row = {"currency": documents.currency(world, company, request.get("currencyCode", ""))}
    for ours, theirs in (("externalDocumentNumber", "externalDocumentNumber"), ("yourReference", "yourReference"),
                         ("location", "locationCode"), ("reasonCode", "reasonCode"), ("appliesToNumber", "appliesToInvoiceNumber")):
        told[ours] = request.get(theirs, "")
    told |= {name: request[name] for name in ("postingDate", "documentDate") if request.get(name, NEVER) != NEVER}
    header = documents.new_header(world, company, "Return Order", customer, told)
    for line in _lines(world, request):
        _make_line(world, header, line)
    header = world.tables.find("sales", header["id"]) or header
    return world.put("returnRequests", request, returnOrderId=header["id"], returnOrderNumber=header["number"], status="Ordered",
                     **_totals(header))


def _totals(header: Mapping[str, Any]) -> Row:
    return {"totalAmountExcludingTax": header["net"], "totalTaxAmount": header["tax"], "totalAmountIncludingTax": header["gross"]}


def _make_line(world: World, header: Row, line: Row) -> None:
    told: Row = {"sequence": line["sequence"], "type": line["lineType"]}
    entry = 0
    if line["lineType"] != "Comment":
        entry = cost_link(world, line)
        told |= {"number": line.get("number", ""), "variantCode": line.get("variantCode", ""), "quantity": line["quantity"],
                 "returnReasonCode": line.get("returnReasonCode", "")}
        told |= {ours: line[theirs] for ours, theirs in PLACES if line.get(theirs)}
        told |= {"applFromItemEntry": entry} if entry else {}
        told |= {"unitPrice": line.get("unitPrice", ZERO), "discountAmount": line.get("lineDiscountAmount", ZERO)}
    if line.get("description"):
        told["description"] = line["description"]
    written = documents.new_line(world, header, told)
    world.put("returnRequestLines", line, applFromItemEntry=entry, taxPercent=written["taxPercent"], amountExcludingTax=written["net"],
              amountIncludingTax=written["gross"])


def cost_link(world: World, line: Row) -> int:
    """Give the entry goods were sold with: the one that is named, or the only one of that item on the document that is."""
    if line["lineType"] != "Item" or line["quantity"] <= 0:
        return 0
    reason = world.one("returnReasons", line["company"], "code", line.get("returnReasonCode", ""))
    if reason is not None and reason.get("inventoryValueZero"):
        return 0
    wanted = line.get("originalDocumentNumber", "")
    if line.get("applFromItemEntry") or not wanted:
        return int(line.get("applFromItemEntry", 0))
    found = {each["itemLedgerEntryNumber"] for each in returnable(world, line["company"])
             if wanted in {each["documentNumber"], each["orderNumber"], each["externalDocumentNumber"]}
             and (each["itemNumber"], each["variantCode"]) == (line.get("number", ""), line.get("variantCode", ""))
             and -each["shippedQuantityNotReturned"] >= line["quantity"]}
    where = f"Line {line['externalLineId']}: "
    if len(found) > 1:
        raise no.dialog(f"{where}item {line['number']} stands on several lines of {wanted}; say which by its item ledger entry.")
    if not found:
        raise no.dialog(f"{where}nothing of item {line.get('number', '')} on {wanted} can be returned.")
    return int(found.pop())


def returnable(world: World, company: str) -> list[Row]:
    """Say with which entry each line of a posted invoice left the stock; what is left of it is negative, as in the table."""
    found: list[Row] = []
    for invoice in [row for row in world.of("sales", company, "type", "Invoice") if row["posted"]]:
        entries = {row["documentLine"]: row for row in world.of("itemLedger", company, "documentNumber", invoice["receiptNumber"])}
        found += [_left_with(invoice, line, entry) for line in world.lines(invoice)
                  if line["type"] == "Item" and (entry := entries.get(line["sequence"]))]
    return found


def _left_with(invoice: Row, line: Row, entry: Row) -> Row:
    return {
        "company": invoice["company"], "_n": entry["_n"], "itemLedgerEntryNumber": entry["entryNumber"],
        "documentNumber": invoice["number"], "orderNumber": invoice["orderNumber"],
        "externalDocumentNumber": invoice["externalDocumentNumber"], "customerNumber": invoice["customerNumber"],
        "lineNumber": line["sequence"], "itemNumber": line["number"], "variantCode": line["variantCode"],
        "locationCode": line["location"], "postingDate": invoice["postingDate"],
        "currencyCode": invoice["currency"], "quantity": entry["quantity"], "shippedQuantityNotReturned": -entry["notReturned"],
        "unitPrice": line["unitPrice"], "lineDiscountAmount": line["discountAmount"], "taxPercent": line["taxPercent"],
        "vatProdPostingGroup": line["taxCode"], "unitCost": line["unitCost"]}


def post_order(world: World, request: Row, *, receive: bool, invoice: bool) -> None:
    """Receive or invoice what a request asks for; what is done already is not done again."""
    if request["status"] == "Invoiced" or (receive and not invoice and request["status"] == "Received"):
        return
    if not receive and request["status"] != "Received":
        raise no.dialog(f"Return request {request['externalId']} is not received yet.")
    request = make_order(world, request)
    order = world.tables.find("sales", request["returnOrderId"])
    if order is None:
        raise no.no_related("Sales Header", f"Document Type='Return Order',No.='{request['returnOrderNumber']}'")
    request = world.put("returnRequests", request, **_totals(order))
    wanted = Decimal(request.get("expectedAmountIncludingTax", ZERO))
    if wanted and wanted != order["gross"]:
        raise no.dialog(f"The return order comes to {order['gross']} including VAT, not to {wanted}.")
    sales_post.post(world, order, receive=receive and request["status"] != "Received", invoice=invoice)
    _result(world, request)


def _result(world: World, request: Row) -> Row:
    """Read what was posted from the posted documents themselves."""
    number = request["returnOrderNumber"]
    for row in world.of("sales", request["company"], "returnOrderNumber", number) if number else ():
        if row["type"] == "Return Receipt" and request["status"] != "Invoiced":
            request = world.put("returnRequests", request, returnReceiptNumber=row["number"], status="Received", lastError="",
                                errorCode="")
        elif row["type"] == "Credit Memo":
            request = world.put("returnRequests", request, creditMemoId=row["id"], creditMemoNumber=row["number"], status="Invoiced",
                                lastError="", errorCode="", **_totals(row))
    return request


STEPS: Mapping[str, Callable[[World, Row], object]] = {
    "process": make_order,
    "postReceive": lambda world, row: post_order(world, row, receive=True, invoice=False),
    "postInvoice": lambda world, row: post_order(world, row, receive=False, invoice=True),
    "postReceiveAndInvoice": lambda world, row: post_order(world, row, receive=True, invoice=True),
}


# ---------------------------------------------------------------- orders and posted documents


def _state(state: str) -> Callable[[World, str, Row], None]:
    return lambda world, _, row: (world.put("sales", row, state=state), None)[1]


def _post(*, receive: bool, invoice: bool) -> Callable[[World, str, Row], None]:
    return lambda world, _, row: (sales_post.post(world, row, receive=receive, invoice=invoice), None)[1]


HEAD: Mapping[str, Any] = {"currencyCode": "currency", "locationCode": "location", "appliesToDocNumber": "appliesToNumber",
                           "amountExcludingTax": "net", "amountIncludingTax": "gross",
                           "status": lambda _, row: row["state"].replace(" ", "_x0020_"),
                           "remainingAmount": lambda world, row: (entry_of(world, row["company"], MEMO, row["number"]) or {}).get(
                               "remaining", ZERO)}
LINES: Mapping[str, Any] = {
    "documentNumber": lambda world, row: (world.tables.find("sales", row["documentId"]) or {}).get("number", ""), "lineNumber": "sequence",
    "lineType": line_type, "locationCode": "location", "binCode": "bin", "amountExcludingTax": "net", "amountIncludingTax": "gross",
    "returnQtyToReceive": "toReceive", "returnQtyReceived": "received", "quantityInvoiced": "invoiced"}


def _heads(kind: str, *, posted: bool, **actions: Callable[[World, str, Row], None]) -> Page:
    return Page(table="sales", where=lambda row: row["type"] == kind and row["posted"] is posted, columns=HEAD, actions=actions)


def _below(kind: str) -> Page:
    return Page(table="salesLines", where=lambda row: row["kind"] == kind, columns=LINES, link=("documentNumber", "number"))


def _capabilities(world: World, company: str) -> list[Row]:
    told = world.settings
    return [{"company": company, "_n": 1, "id": company, "extensionVersion": VERSION,
             **{name: told[name] for name in ("exactCostReversingMandatory", "returnReceiptOnCreditMemo", "locationMandatory",
                                              "automaticCostPosting", "expectedCostPosting", "externalDocumentMandatory")},
             "archiveReturnOrders": False, "returnOrderNumbers": True, "returnReceiptNumbers": True, "creditMemoNumbers": True,
             "canPostSales": "sales" not in told["noPermission"], "canPostItems": "items" not in told["noPermission"]}]


PAGES: Mapping[str, Page] = {
    "capabilities": Page(rows=_capabilities),
    "returnRequests": Page(table="returnRequests", insert=_insert, update=_update, caption="Return Request", actions={
        "validate": validate, "retry": retry, **{name: step(name) for name in STEPS}}),
    "returnRequestLines": Page(table="returnRequestLines", insert=_insert_line, link=("requestId", "id"), caption="Return Request Line"),
    "returnableLines": Page(rows=returnable),
    "salesReturnOrders": _heads("Return Order", posted=False, release=_state("Released"), reopen=_state("Open"),
                                postReceive=_post(receive=True, invoice=False), postInvoice=_post(receive=False, invoice=True),
                                postReceiveAndInvoice=_post(receive=True, invoice=True)),
    "salesReturnOrderLines": _below("Return Order"),
    "postedReturnReceipts": _heads("Return Receipt", posted=True),
    "postedReturnReceiptLines": _below("Return Receipt"),
    "postedCreditMemos": _heads("Credit Memo", posted=True),
    "postedCreditMemoLines": _below("Credit Memo"),
    "itemJournalBatches": Page(table="itemJournalBatches", insert=item_journals.new_batch, caption="Item Journal Batch",
                               actions={"post": item_journals.post}),
    "itemJournalLines": Page(table="itemJournalLines", insert=item_journals.new_line, delete=item_journals.delete_line,
                             link=("batchId", "id"), caption="Item Journal Line"),
    "itemLedgerEntriesExt": Page(table="itemLedger", columns={
        "locationCode": "location", "documentLineNumber": "documentLine", "remainingQuantity": "remaining",
        "shippedQuantityNotReturned": lambda _, row: -row["notReturned"]}),
    "valueEntries": Page(table="valueLedger", columns={"locationCode": "location", "expectedCost": "expected"}),
    "itemApplicationEntries": Page(table="itemApplications", columns={"outboundItemEntryNumber": "applFromItemEntry"}),
    "glEntriesExt": Page(table="generalLedger", columns={"transactionNumber": "transaction"}),
    "custLedgerEntries": Page(table="customerLedger", columns={"currencyCode": "currency", "remainingAmount": "remaining"}),
    "vatEntries": Page(table="vatLedger", columns={"vatProdPostingGroup": "vatIdentifier"}),
    "itemsExt": Page(table="items", columns={"vatProdPostingGroup": "taxGroupCode",
                                             "genProdPostingGroup": "generalProductPostingGroupCode"}),
    "itemVariantsExt": Page(table="itemVariants"),
    "locationsExt": Page(table="locations"),
    "itemReferences": Page(table="itemReferences"),
    "returnReasons": Page(table="returnReasons"),
    "vatPostingSetups": Page(table="vatPostingSetups"),
    "generalPostingSetups": Page(table="generalPostingSetups"),
}

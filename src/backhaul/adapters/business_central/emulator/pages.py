"""What does API v2.0 show and let write?

One `Page` per entity set of the contract. Drafts and posted documents stand together in one set, as in the real one; what a draft may hold
is said by `documents`, what posting does by `sales_post`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from backhaul.adapters.business_central.emulator import documents, general_journals, refusals as no, sales_post, subscriptions
from backhaul.adapters.business_central.emulator.ledger import INVOICE, MEMO, entry_of
from backhaul.adapters.business_central.emulator.model import NOWHERE, ZERO, World
from backhaul.adapters.business_central.emulator.service import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from backhaul.adapters.odata_server import Row

HEADER: Mapping[str, str] = {
    "creditMemoDate": "documentDate", "invoiceDate": "documentDate", "shortcutDimension1Code": "dimension1",
    "shortcutDimension2Code": "dimension2", "customerPurchaseOrderReference": "yourReference", "pricesIncludeTax": "pricesIncludingVat",
    "totalAmountExcludingTax": "net", "totalTaxAmount": "tax", "totalAmountIncludingTax": "gross", "customerReturnReasonId": "reasonId",
    "invoiceNumber": "appliesToNumber"}
LINE: Mapping[str, str] = {
    "lineObjectNumber": "number", "unitOfMeasureCode": "unit", "invoiceDiscountAllocation": "allocated", "netAmount": "net",
    "netTaxAmount": "tax", "netAmountIncludingTax": "gross", "totalTaxAmount": "tax", "itemVariantId": "variantId", "lineType": "type"}


# ---------------------------------------------------------------- looking up


def id_of(table: str, column: str, source: str) -> Callable[[World, Row], str]:
    """Show the id of the record a code of ours names."""

    def look(world: World, row: Row) -> str:
        code = row.get(source, "")
        found = world.one(table, row["company"], column, code) if code else None
        return str(found["id"]) if found else NOWHERE

    return look


def currency_shown(world: World, row: Row) -> str:
    """Show a document's currency; the local one has a code too."""
    return str(row.get("currency") or world.settings["localCurrency"])


def status_of(kind: str) -> Callable[[World, Row], str]:
    """Show how far a document has come; `Open` is a released draft or a posted one that is not settled."""

    def look(world: World, row: Row) -> str:
        if not row["posted"]:
            return {"Open": "Draft", "Pending Approval": "In_x0020_Review"}.get(row["state"], "Open")
        if row["canceled"]:
            return "Canceled"
        if row["corrective"]:
            return "Corrective"
        entry = entry_of(world, row["company"], kind, row["number"])
        return "Open" if entry and entry["open"] else "Paid"

    return look


def remaining(world: World, row: Row) -> Decimal:
    """Show what of a posted invoice is not settled."""
    entry = entry_of(world, row["company"], INVOICE, row["number"]) if row["posted"] else None
    return Decimal(entry["remaining"]) if entry else ZERO


def inventory(world: World, row: Row) -> Decimal:
    """Show what of an item is in stock, wherever it lies."""
    entries = world.of("itemLedger", row["company"], "itemNumber", row["number"])
    return sum((entry["quantity"] for entry in entries if entry["stocked"]), ZERO)


def balance_of(world: World, row: Row) -> Decimal:
    """Show what a customer owes."""
    entries = world.of("customerLedger", row["company"], "customerNumber", row["number"])
    return sum((entry["amountLcy"] for entry in entries), ZERO)


def _of_type(kind: str) -> Callable[[World, Row], str]:
    return lambda _, row: str(row["objectId"]) if row["type"] == kind else NOWHERE


# ---------------------------------------------------------------- writing memos and invoices


def _head_changes(world: World, company: str, values: Row) -> Row:
    """Turn fields of API v2.0 into columns of ours; they are checked on the way."""
    changes: Row = {}
    for name, value in values.items():
        if name in {"currencyCode", "currencyId"}:
            changes["currency"] = documents.currency(world, company, _code(world, "currencies", value) if name == "currencyId" else value)
        elif name == "invoiceId":
            changes["appliesToNumber"] = _invoice(world, company, value) if value != NOWHERE else ""
        elif name == "customerReturnReasonId":
            reason = world.tables.find("customerReturnReasons", value)
            if value != NOWHERE and reason is None:
                raise no.dialog('The "customerReturnReasonId" does not match to a Reason Code.')
            changes |= {"reasonId": value, "reasonCode": reason["code"] if reason else ""}
        elif name in {"billToCustomerId", "billToCustomerNumber"}:
            changes |= _bill_to(world, company, name, value)
        else:
            changes[HEADER.get(name, name)] = value
    return changes


def _code(world: World, table: str, identity: str) -> str:
    row = world.tables.find(table, identity)
    return str(row["code"]) if row else ("" if identity == NOWHERE else identity)


def _invoice(world: World, company: str, identity: str) -> str:
    row = world.tables.find("sales", identity)
    if row is None or row["type"] != "Invoice" or row["company"] != company:
        raise no.dialog('The "invoiceId" does not match to an Invoice.')
    return str(row["number"])


def _bill_to(world: World, company: str, name: str, value: str) -> Row:
    if value in {"", NOWHERE}:
        return {}
    row = world.tables.find("customers", value) if name == "billToCustomerId" else world.one("customers", company, "number", value)
    if row is None:
        raise no.dialog("The bill-to customer cannot be found.")
    return {"billToCustomerId": row["id"], "billToCustomerNumber": row["number"], "billToName": row.get("displayName", ""),
            "vatBus": row.get("vatBusPostingGroup", ""), "genBus": row.get("genBusPostingGroup", "")}


def insert_header(kind: str) -> Callable[[World, str, Row, Row | None], Row]:
    """Make the rule that creates a draft."""

    def insert(world: World, company: str, values: Row, _: Row | None) -> Row:
        customer = documents.find_customer(world, company, values)
        return documents.new_header(world, company, kind, customer, _head_changes(world, company, values))

    return insert


def update_header(world: World, company: str, row: Row, values: Row) -> Row:
    """Change a draft."""
    _unposted(row)
    if {"customerId", "customerNumber"} & values.keys():
        customer = documents.find_customer(world, company, values)
        values |= {"billToCustomerId": customer["id"]}
        row = world.put("sales", row, customerId=customer["id"], customerNumber=customer["number"],
                        customerName=customer.get("displayName", ""))
    return documents.change_header(world, row, _head_changes(world, company, values))


def _unposted(row: Row) -> None:
    if row["posted"]:
        noun = "credit memo" if row["type"] == "Credit Memo" else "invoice"
        raise no.dialog(f"The {noun} has been posted and can no longer be modified.")
    if row["state"] != "Open":
        raise no.must_be("Status", "Open", f"Sales Header: Document Type={row['type']}, No.={row['number']}", row["state"])


def delete_header(world: World, _: str, row: Row) -> None:
    """Delete a draft; a posted document is only marked as printed, because set-up forbids more."""
    if row["posted"]:
        world.put("sales", row, printed=True)
        raise no.dialog("You cannot delete posted sales documents that are posted after the date of the setup.")
    documents.delete_header(world, row)


def post(world: World, _: str, row: Row) -> None:
    """Post a draft."""
    noun = "credit memo" if row["type"] == "Credit Memo" else "invoice"
    if row["posted"]:
        raise no.dialog(f"The action can be applied to a draft {noun} only.")
    if not world.lines(row):
        raise no.dialog(f"Please add at least one line item to the {noun}.")
    sales_post.post(world, row, receive=True, invoice=True)


def send(_world: World, _: str, row: Row) -> None:
    """Send a posted document to the customer; nothing leaves this machine."""
    if not row["posted"]:
        raise no.dialog("The action can be applied to a posted credit memo only.")


def cancel(_world: World, _: str, row: Row) -> None:
    """Cancel a posted memo: not emulated further than its refusals."""
    if not row["posted"]:
        raise no.dialog("The action can be applied to a posted credit memo only.")
    if row["canceled"]:
        raise no.dialog("The credit memo cannot be cancelled because it has already been canceled.")
    raise no.dialog(f"You cannot cancel this posted sales credit memo {row['number']} because it was not created by correcting an invoice.")


def post_and_send(world: World, company: str, row: Row) -> None:
    """Post and send."""
    post(world, company, row)


def make_corrective(world: World, _: str, row: Row) -> None:
    """Refuse what is no use for a paid invoice (facts/business-central 1)."""
    if not row["posted"]:
        raise no.dialog("The action can be applied to a posted invoice only.")
    left = remaining(world, row)
    if not left:
        raise no.dialog("The invoice is closed. The corrective credit memo will not be applied to the invoice.")
    if left != row["gross"]:
        raise no.dialog("The invoice is partially paid or credited. The corrective credit memo may not be fully closed by the invoice.")
    raise no.refusal("Application_CallbackNotAllowed", "Microsoft Dynamics 365 Business Central attempted to issue a client callback to "
                                                       "show a confirmation dialog box. Client callbacks are not supported.")


def restart(world: World, _: str, row: Row) -> None:
    """Let a job queue entry run again; it runs in the background, after this answer."""
    world.put("jobQueueEntries", row, status="Ready", pending=True)


# ---------------------------------------------------------------- writing lines


def _line_changes(world: World, header: Row, values: Row) -> Row:
    """Turn fields of a line of API v2.0 into columns of ours, in their order."""
    told = _subject(world, header, values)
    for name, value in values.items():
        if name in {"documentId", "unitOfMeasureId"}:
            continue
        if name == "itemVariantId":
            told["variantCode"] = _variant(world, value)
        elif name == "locationId":
            told["location"] = _place(world, value)
        elif name == "lineObjectNumber":
            told["number"] = str(value).strip().upper()
        else:
            told[LINE.get(name, name)] = value
    if "number" in told and "type" not in told and told["number"]:
        told["type"] = "Item"
    return told


def _subject(world: World, header: Row, values: Row) -> Row:
    """Take out of the values what a line is about, told by id."""
    item, account = (values.pop(name, NOWHERE) for name in ("itemId", "accountId"))
    if NOWHERE not in {item, account}:
        raise no.dialog('Both "itemId" and "accountId" are specified. Specify only one of them.')
    for identity, table, kind in ((item, "items", "Item"), (account, "accounts", "Account")):
        if identity != NOWHERE:
            row = world.tables.find(table, identity)
            if row is None or row["company"] != header["company"]:
                raise no.dialog(f"{kind} does not exist.")
            return {"type": kind, "number": row["number"]}
    return {}


def _variant(world: World, identity: str) -> str:
    row = world.tables.find("itemVariants", identity)
    if identity != NOWHERE and row is None:
        raise no.dialog('The "itemVariantId" does not match to an Item Variant.')
    return str(row["code"]) if row else ""


def _place(world: World, identity: str) -> str:
    row = world.tables.find("locations", identity)
    if identity != NOWHERE and row is None:
        raise no.dialog('The "locationId" does not match to a Location.')
    return str(row["code"]) if row else ""


def _header(world: World, company: str, identity: str, kind: str) -> Row:
    row = world.tables.find("sales", identity)
    if row is None or row["type"] != kind or row["company"] != company:
        raise no.dialog("You must specify a valid Document Id.")
    return row


def insert_line(kind: str) -> Callable[[World, str, Row, Row | None], Row]:
    """Make the rule that creates a line of a draft."""

    def insert(world: World, company: str, values: Row, parent: Row | None) -> Row:
        header = parent or _header(world, company, str(values.get("documentId", NOWHERE)), kind)
        header = world.tables.find("sales", header["id"]) or header
        _unposted(header)
        return documents.new_line(world, header, _line_changes(world, header, values))

    return insert


def update_line(world: World, _: str, row: Row, values: Row) -> Row:
    """Change a line of a draft."""
    header = world.tables.find("sales", row["documentId"]) or {}
    _unposted(header)
    return documents.change_line(world, header, row, _line_changes(world, header, values))


def remove_line(world: World, _: str, row: Row) -> None:
    """Delete a line of a draft."""
    header = world.tables.find("sales", row["documentId"]) or {}
    _unposted(header)
    documents.delete_line(world, header, row)


# ---------------------------------------------------------------- masters


def insert_master(table: str, key: str, caption: str) -> Callable[[World, str, Row, Row | None], Row]:
    """Make the rule that creates a record of master data."""

    def insert(world: World, company: str, values: Row, _: Row | None) -> Row:
        if world.one(table, company, key, values.get(key, "")):
            raise no.duplicate(caption, f"{key}='{values.get(key, '')}'")
        return world.put(table, {"company": company, **values})

    return insert


def update_master(table: str) -> Callable[[World, str, Row, Row], Row]:
    """Make the rule that changes a record of master data."""
    return lambda world, _, row, values: world.put(table, row, **values)


def delete_master(table: str) -> Callable[[World, str, Row], None]:
    """Make the rule that deletes a record of master data."""
    return lambda world, _, row: world.tables.remove(table, row["id"])


def master(table: str, key: str, caption: str, columns: Mapping[str, Any] | None = None, link: tuple[str, str] = ("", "")) -> Page:
    """Give the page of a table of master data."""
    return Page(table=table, columns=columns or {}, insert=insert_master(table, key, caption), update=update_master(table),
                delete=delete_master(table), caption=caption, link=link)


def _sales(kind: str, *, caption: str, extra: Mapping[str, Any]) -> Page:
    ledger_kind = MEMO if kind == "Credit Memo" else INVOICE
    columns: dict[str, Any] = {
        **HEADER, "currencyCode": currency_shown, "currencyId": id_of("currencies", "code", "currency"), "status": status_of(ledger_kind),
        **extra}
    return Page(table="sales", where=lambda row: row["type"] == kind, columns=columns, insert=insert_header(kind), update=update_header,
                delete=delete_header, caption=caption, actions={
                    "post": post, "postAndSend": post_and_send, "send": send, "cancel": cancel, "cancelAndSend": cancel,
                    **({"makeCorrectiveCreditMemo": make_corrective} if kind == "Invoice" else {})})


def _sales_lines(kind: str) -> Page:
    columns: dict[str, Any] = {
        **LINE, "itemId": _of_type("Item"), "accountId": _of_type("Account"), "discountAppliedBeforeTax": lambda _, __: True,
        "amountExcludingTax": "amount", "amountIncludingTax": lambda _, row: row["amount"] + row["tax"],
        "unitOfMeasureId": id_of("unitsOfMeasure", "code", "unit")}
    return Page(table="salesLines", where=lambda row: row["kind"] == kind, columns=columns,
                link=("documentId", "id"), filtered_by="documentId", insert=insert_line(kind), update=update_line, delete=remove_line,
                caption="Sales Line")


def _invoice_id(world: World, row: Row) -> str:
    number = row["appliesToNumber"]
    found = [each for each in world.of("sales", row["company"], "number", number) if each["type"] == "Invoice"] if number else []
    return str(found[0]["id"]) if found else NOWHERE


def _of_document(kind: str) -> Page:
    return Page(table="sales", where=lambda row: row["type"] == kind, columns={
        **HEADER, "currencyCode": currency_shown, "sellToCustomerNumber": "customerNumber", "sellToCustomerName": "customerName",
        "pricesIncludingVAT": "pricesIncludingVat", "locationCode": "location", "vatBusPostingGroup": "vatBus",
        "genBusPostingGroup": "genBus", "status": lambda _, row: row["state"].replace(" ", "_x0020_"),
        **{f"{side}{theirs}": f"{side}{ours}" for side in ("sellTo", "billTo") for theirs, ours in (
            ("Address", "AddressLine1"), ("Address2", "AddressLine2"), ("CountryRegionCode", "Country"), ("County", "State"))}})


def _number_of_document(world: World, row: Row) -> str:
    return str((world.tables.find("sales", row["documentId"]) or {}).get("number", ""))


LINE_TYPES: Mapping[str, str] = {"Comment": "_x0020_", "Account": "G_x002F_L_x0020_Account", "Charge": "Charge_x0020__x0028_Item_x0029_"}


def line_type(_: World, row: Row) -> str:
    """Show a line's type as the sales line tables name it."""
    return LINE_TYPES.get(row["type"], row["type"])


def _return_lines(world: World, company: str) -> list[Row]:
    return [line for order in world.of("sales", company, "type", "Return Order") for line in world.lines(order)]


PAGES: Mapping[str, Page] = {
    "companies": Page(table="companies", columns={"systemVersion": lambda world, _: world.settings["version"]}, caption="Company"),
    "subscriptions": Page(table="subscriptions", insert=subscriptions.insert, update=subscriptions.update, delete=subscriptions.delete,
                          caption="Webhook Subscription"),
    "items": master("items", "number", "Item", {
        "inventory": inventory, "taxGroupId": id_of("taxGroups", "code", "taxGroupCode"),
        "baseUnitOfMeasureId": id_of("unitsOfMeasure", "code", "baseUnitOfMeasureCode"),
        "generalProductPostingGroupId": id_of("generalProductPostingGroups", "code", "generalProductPostingGroupCode"),
        "inventoryPostingGroupId": id_of("inventoryPostingGroups", "code", "inventoryPostingGroupCode")}),
    "itemVariants": master("itemVariants", "id", "Item Variant", {"itemId": id_of("items", "number", "itemNumber")}, ("itemId", "id")),
    "unitsOfMeasure": master("unitsOfMeasure", "code", "Unit of Measure"),
    "inventoryPostingGroups": Page(table="inventoryPostingGroups"),
    "generalProductPostingGroups": Page(table="generalProductPostingGroups"),
    "locations": master("locations", "code", "Location"),
    "customers": master("customers", "number", "Customer", {"currencyCode": lambda world, row: row.get("currencyCode")
                                                           or world.settings["localCurrency"]}),
    "currencies": master("currencies", "code", "Currency"),
    "currencyExchangeRates": Page(table="currencyExchangeRates"),
    "taxGroups": master("taxGroups", "code", "Tax Group", {"taxType": lambda _, __: "VAT"}),
    "paymentTerms": master("paymentTerms", "code", "Payment Terms"),
    "paymentMethods": master("paymentMethods", "code", "Payment Method"),
    "countriesRegions": master("countriesRegions", "code", "Country/Region"),
    "accounts": Page(table="accounts", columns={"netChange": lambda world, row: sum(
        (entry["amount"] for entry in world.of("generalLedger", row["company"], "accountNumber", row["number"])), ZERO)}),
    "generalLedgerSetup": Page(table="generalLedgerSetup"),
    "accountingPeriods": Page(table="accountingPeriods"),
    "customerReturnReasons": master("customerReturnReasons", "code", "Reason Code"),
    "salesInvoices": _sales("Invoice", caption="Sales Invoice", extra={"remainingAmount": remaining}),
    "salesInvoiceLines": _sales_lines("Invoice"),
    "salesShipments": _of_document("Shipment"),
    "salesShipmentLines": Page(table="salesLines", columns={**LINE, "lineType": line_type, "documentNo": _number_of_document},
                               link=("documentId", "id"), filtered_by="documentId"),
    "salesCreditMemos": _sales("Credit Memo", caption="Sales Credit Memo", extra={"invoiceId": _invoice_id}),
    "salesCreditMemoLines": _sales_lines("Credit Memo"),
    "salesReturnOrders": _of_document("Return Order"),
    "salesReturnOrderLines": Page(rows=_return_lines, columns={
        **LINE, "lineType": line_type, "documentType": lambda _, __: "Return_x0020_Order", "documentNumber": _number_of_document,
        "lineDiscountPercent": "discountPercent", "lineDiscountAmount": "discountAmount", "lineAmount": "amount",
        "amountIncludingTax": "gross", "returnQtyToReceive": "toReceive", "returnQtyReceived": "received"},
        link=("documentNumber", "number")),
    "returnReceipts": _of_document("Return Receipt"),
    "taxAreas": master("taxAreas", "code", "Tax Area", {"taxType": lambda _, __: "VAT"}),
    "shipmentMethods": master("shipmentMethods", "code", "Shipment Method"),
    "customerFinancialDetails": Page(table="customers", columns={"balance": balance_of, "overdueAmount": lambda _, __: ZERO}),
    "salesOrders": Page(table="salesOrders", caption="Sales Order"),
    "salesOrderLines": Page(table="salesOrderLines", link=("documentId", "id"), filtered_by="documentId", caption="Sales Line"),
    "journals": Page(table="journals", insert=insert_master("journals", "code", "Gen. Journal Batch"), update=update_master("journals"),
                     delete=delete_master("journals"), actions={"post": general_journals.post}, caption="Gen. Journal Batch"),
    "journalLines": Page(table="journalLines", link=("journalId", "id"), insert=general_journals.new_line,
                         update=update_master("journalLines"), delete=delete_master("journalLines"), caption="Gen. Journal Line"),
    "jobQueueLogEntries": Page(table="jobLog", columns={"description": "job", "errorMessage": "message", "endDateTime": "at"}),
    "jobQueueEntries": Page(table="jobQueueEntries", actions={"restart": restart}),
    "itemLedgerEntries": Page(table="itemLedger", caption="Item Ledger Entry"),
    "generalLedgerEntries": Page(table="generalLedger", caption="G/L Entry", columns={
        "debitAmount": lambda _, row: max(row["amount"], ZERO), "creditAmount": lambda _, row: max(-row["amount"], ZERO),
        "accountId": id_of("accounts", "number", "accountNumber")}),
}

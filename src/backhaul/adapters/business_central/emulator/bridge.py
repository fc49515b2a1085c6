"""What do the published ODataV4 services show and let write?

`salesDocuments` and `salesDocumentLines` are pages of the base application, served until version 30: the caller may give a document's id,
and a line may hold a return reason and a cost link. The ledgers beside them are queries and stay (facts/business-central 4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backhaul.adapters.business_central.emulator import documents, refusals as no
from backhaul.adapters.business_central.emulator.filters import decoded
from backhaul.adapters.business_central.emulator.model import NOWHERE, ZERO, World
from backhaul.adapters.business_central.emulator.service import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from backhaul.adapters.odata_server import Row

HEADER: Mapping[str, str] = {
    "currencyCode": "currency", "locationCode": "location", "appliesToDocType": "appliesToType", "appliesToDocNumber": "appliesToNumber",
    "vatBusPostingGroup": "vatBus", "genBusPostingGroup": "genBus", "amount": "net", "amountIncludingVAT": "gross",
    "sellToCustomerNumber": "customerNumber", "sellToCustomerName": "customerName", "documentType": "type", "status": "state",
    "postingNumber": "postingNumber", "returnReceiptNumber": "receiptNumber", "lastReturnReceiptNumber": "lastReceiptNumber"}
LINE: Mapping[str, str] = {
    "lineNumber": "sequence", "locationCode": "location", "binCode": "bin", "vatProdPostingGroup": "taxCode", "unitOfMeasureCode": "unit",
    "lineDiscountAmount": "discountAmount", "lineDiscountPercent": "discountPercent", "returnQtyToReceive": "toReceive",
    "returnQtyReceived": "received", "qtyToInvoice": "toInvoice", "quantityInvoiced": "invoiced", "vatPercent": "taxPercent",
    "lineAmount": "amount", "amount": "net", "amountIncludingVat": "gross", "unitCostLcy": "unitCost", "vatIdentifier": "vatIdentifier"}
COMPUTED = frozenset({"amount", "amountIncludingVAT", "amountIncludingVat", "status", "vatPercent", "lineAmount", "returnQtyReceived",
                      "quantityInvoiced", "vatIdentifier", "sellToCustomerName", "unitCostLcy"})
CODES = frozenset({"externalDocumentNumber", "currencyCode", "locationCode", "reasonCode", "variantCode", "binCode", "returnReasonCode",
                   "vatBusPostingGroup", "vatProdPostingGroup", "appliesToDocNumber", "number", "sellToCustomerNumber"})
TYPES: Mapping[str, str] = {" ": "Comment", "": "Comment", "G/L Account": "Account", "Charge (Item)": "Charge"}
SHOWN: Mapping[str, str] = {"Comment": " ", "Account": "G/L Account", "Charge": "Charge (Item)"}


def _told(values: Mapping[str, Any], names: Mapping[str, str]) -> Row:
    """Turn fields of a service into columns of ours, in their order."""
    if computed := COMPUTED & values.keys():
        raise no.read_only(min(computed))
    return {names.get(name, name): value.strip().upper() if name in CODES else value for name, value in values.items()}


# ---------------------------------------------------------------- documents


def _insert(world: World, company: str, values: Row, _: Row | None) -> Row:
    kind, identity = str(values.pop("documentType", "")), str(values.pop("id", NOWHERE))
    if kind not in documents.SERIES:
        raise no.bad_enum(kind, ",".join(documents.SERIES))
    if identity != NOWHERE and world.tables.find("sales", identity):
        raise no.duplicate("Sales Header", f"SystemId='{identity}'")
    number = str(values.pop("sellToCustomerNumber", "")).strip().upper()
    if values.pop("number", ""):
        raise no.dialog("You may not enter numbers manually. If you want to enter numbers manually, please activate Manual Nos. in "
                        f"No. Series {documents.SERIES[kind]}.")
    customer = world.one("customers", company, "number", number)
    if customer is None:
        raise no.refusal("Internal_InvalidTableRelation", "The field Sell-to Customer No. of table Sales Header contains a value "
                                                          f"({number}) that cannot be found in the related table (Customer).")
    told = _head(world, company, values)
    return documents.new_header(world, company, kind, customer, told | ({"id": identity} if identity != NOWHERE else {}))


def _head(world: World, company: str, values: Row) -> Row:
    told = _told(values, HEADER)
    if "currency" in told:
        told["currency"] = documents.currency(world, company, told["currency"])
    if told.get("location") and world.one("locations", company, "code", told["location"]) is None:
        raise no.not_in_table("Location Code", told["location"], "Location")
    return told


def _update(world: World, company: str, row: Row, values: Row) -> Row:
    if {"documentType", "number", "id", "sellToCustomerNumber"} & values.keys():
        raise no.read_only(min({"documentType", "number", "id", "sellToCustomerNumber"} & values.keys()))
    return documents.change_header(world, row, _head(world, company, values))


def _open(world: World, company: str) -> list[Row]:
    return [row for row in world.of("sales", company, "posted", False) if row["type"] in documents.SERIES]  # noqa: FBT003 - a value of a column


# ---------------------------------------------------------------- lines


def _header_of(world: World, company: str, values: Mapping[str, Any]) -> Row:
    for row in _open(world, company):
        if (row["type"], row["number"]) == (values.get("documentType"), values.get("documentNumber")):
            return row
    raise no.no_related("Sales Header", f"Document Type='{values.get('documentType')}',No.='{values.get('documentNumber')}'")


def _line(values: Row) -> Row:
    for name in ("documentType", "documentNumber"):
        values.pop(name, None)
    told = _told(values, LINE)
    if "type" in told:
        told["type"] = TYPES.get(told["type"], told["type"])
    return told


def _insert_line(world: World, company: str, values: Row, _: Row | None) -> Row:
    header = _header_of(world, company, values)
    return documents.new_line(world, header, _line(values))


def _update_line(world: World, _: str, row: Row, values: Row) -> Row:
    return documents.change_line(world, world.tables.find("sales", row["documentId"]) or {}, row, _line(values))


def _delete_line(world: World, _: str, row: Row) -> None:
    documents.delete_line(world, world.tables.find("sales", row["documentId"]) or {}, row)


def _lines(world: World, company: str) -> list[Row]:
    return [line for row in _open(world, company) for line in world.lines(row)]


def _of_header(column: str) -> Callable[[World, Row], Any]:
    return lambda world, row: (world.tables.find("sales", row["documentId"]) or {}).get(column, "")


# ---------------------------------------------------------------- ledgers


def _plain(column: str) -> Callable[[World, Row], str]:
    """Show an enumeration the way people see it; an empty one is a blank."""
    return lambda _, row: decoded(row[column])


def _customer_name(world: World, row: Row) -> str:
    return str((world.one("customers", row["company"], "number", row["customerNumber"]) or {}).get("displayName", ""))


ENTRY: Mapping[str, Any] = {"Entry_No": "entryNumber", "Posting_Date": "postingDate", "Document_Date": "postingDate",
                            "Document_No": "documentNumber", "Document_Type": _plain("documentType")}
PAGES: Mapping[str, Page] = {
    "salesDocuments": Page(table="sales", where=lambda row: not row["posted"] and row["type"] in documents.SERIES, columns=HEADER,
                           caption="Sales Header", insert=_insert, update=_update,
                           delete=lambda world, _, row: documents.delete_header(world, row)),
    "salesDocumentLines": Page(table="salesLines", rows=_lines, caption="Sales Line", insert=_insert_line, update=_update_line,
                               delete=_delete_line, columns={
        **LINE, "documentType": "kind", "documentNumber": _of_header("number"), "sellToCustomerNumber": _of_header("customerNumber"),
        "type": lambda _, row: SHOWN.get(row["type"], row["type"]), "vatBusPostingGroup": _of_header("vatBus")}),
    "ItemLedgerEntries": Page(table="itemLedger", columns={
        **ENTRY, "Entry_Type": _plain("entryType"), "Item_No": "itemNumber", "Location_Code": "location", "Quantity": "quantity",
        "Remaining_Quantity": "remaining", "Invoiced_Quantity": "invoicedQuantity", "Open": lambda _, row: row["remaining"] != 0,
        "Cost_Amount_Actual": "costAmountActual", "Cost_Amount_Expected": "costAmountExpected", "Sales_Amount_Actual": "salesAmountActual",
        "Item_Description": "description", "Unit_of_Measure_Code": "unit", "AuxiliaryIndex1": lambda _, __: ""}),
    "ValueEntries": Page(table="valueLedger", columns={
        **ENTRY, "Item_No": "itemNumber", "Item_Ledger_Entry_No": "itemLedgerEntryNumber", "Location_Code": "location",
        "Invoiced_Quantity": "invoicedQuantity", "Cost_Amount_Actual": "costAmountActual", "Cost_Amount_Expected": "costAmountExpected",
        "Sales_Amount_Actual": "salesAmountActual", "Cost_Posted_to_G_L": "costPostedToGl", "Expected_Cost": "expected",
        "AuxiliaryIndex1": lambda _, __: ""}),
    "G_LEntries": Page(table="generalLedger", columns={
        **ENTRY, "Transaction_No": "transaction", "G_L_Account_No": "accountNumber", "Amount": "amount",
        "Debit_Amount": lambda _, row: max(row["amount"], ZERO), "Credit_Amount": lambda _, row: max(-row["amount"], ZERO)}),
    "Cust_LedgerEntries": Page(table="customerLedger", columns={
        **ENTRY, "Customer_No": "customerNumber", "Customer_Name": _customer_name, "Open": "open", "Currency_Code": "currency",
        "Amount": "amount", "Remaining_Amount": "remaining", "Amount_LCY": "amountLcy", "Original_Amt_LCY": "amountLcy",
        "Debit_Amount": lambda _, row: max(row["amount"], ZERO), "Credit_Amount": lambda _, row: max(-row["amount"], ZERO),
        "AuxiliaryIndex1": lambda _, __: ""}),
}

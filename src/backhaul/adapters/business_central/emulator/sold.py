"""How do the sales that people return get into the emulated books?

`load` writes and posts one invoice per order: shipment, item ledger entries at cost, ledgers, and the customer's payment, because a web
shop is paid before it ships. What is sold must have been in stock, so one opening adjustment per item and place comes first.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from backhaul.adapters.business_central.emulator import documents, ledger, sales_post
from backhaul.adapters.business_central.emulator.ledger import INVOICE, PAYMENT, Document
from backhaul.adapters.business_central.emulator.model import ZERO, World

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backhaul.adapters.odata_server import Row

ADJUSTED = "Positive_x0020_Adjmt_x002E_"


def load(world: World, orders: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Create posted invoices; gives numbers and item ledger entries per order."""
    drafts = [_draft(world, order) for order in orders]
    _stock_up(world, [header for header, _ in drafts])
    return [_post(world, header, told) for header, told in drafts]


def _draft(world: World, told: Mapping[str, Any]) -> tuple[Row, Mapping[str, Any]]:
    company = ledger.company_id(world, str(told["legalEntity"]))
    customer = world.one("customers", company, "number", str(told["customer"]).upper())
    if customer is None:
        message = f"Sales order {told['salesOrder']}: customer {told['customer']} does not exist in {told['legalEntity']}."
        raise ValueError(message)
    date = str(told["date"])[:10]
    header = documents.new_header(world, company, "Invoice", customer, {
        "externalDocumentNumber": str(told.get("reference", told["salesOrder"])).upper()[:35], "orderNumber": str(told["salesOrder"]),
        "yourReference": str(told.get("yourReference", "")), "postingDate": date, "documentDate": date, "dueDate": date,
        "currency": documents.currency(world, company, str(told.get("currency", "")))})
    for line in told["lines"]:
        place = line.get("warehouse") or told.get("warehouse") or world.settings.get("salesLocation") or _first_place(world, company)
        documents.new_line(world, header, {
            "type": "Item", "number": str(line["item"]).upper(), "variantCode": line.get("variant", ""),
            "quantity": Decimal(str(line["quantity"])), "location": place, "unitPrice": Decimal(str(line["price"])),
            **({"taxCode": line["taxCode"]} if line.get("taxCode") else {}),
            **({"discountPercent": Decimal(str(line["discountPercent"]))} if line.get("discountPercent") else {})}, totalled=False)
    return documents.total(world, header), told


def _first_place(world: World, company: str) -> str:
    row = next(iter(world.of("locations", company)), None)
    if row is None:
        message = "There is no location to sell from: seed locations first."
        raise ValueError(message)
    return str(row["code"])


def _stock_up(world: World, headers: Sequence[Row]) -> None:
    needs: dict[tuple[str, str, str, str], Decimal] = defaultdict(Decimal)
    first: dict[str, str] = {}
    for header in headers:
        first[header["company"]] = min(header["postingDate"], first.get(header["company"], header["postingDate"]))
        for line in world.lines(header):
            if sales_post.is_stocked(world, line):
                needs[header["company"], line["number"], line["variantCode"], line["location"]] += line["quantity"]
    stock: dict[tuple[str, str, str, str], Decimal] = defaultdict(Decimal)
    for (company, item, variant, place, _), quantity in ledger.on_hand(world).items():
        stock[company, item, variant, place] += quantity
    costs: dict[str, list[tuple[str, Decimal]]] = defaultdict(list)
    numbers: dict[str, str] = {}
    for (company, item, variant, place), needed in needs.items():
        if (missing := needed - stock[company, item, variant, place]) > 0:
            if company not in numbers:
                numbers[company] = world.number("opening")
            document = Document(company=company, number=numbers[company], date=first[company], text="Opening stock for sales")
            costs[company] += receive(world, document, (item, variant, place, ""), missing)
    for company, entries in costs.items():
        ledger.book(world, Document(company=company, number=numbers[company], date=first[company], text="Opening stock for sales"), entries)


def receive(world: World, document: Document, place: tuple[str, str, str, str], quantity: Decimal) -> list[tuple[str, Decimal]]:
    """Bring in stock at the item's cost, against the opening account."""
    item = world.one("items", document.company, "number", place[0]) or {}
    entry = ledger.item_entry(world, document, {
        "itemNumber": place[0], "variantCode": place[1], "location": place[2], "bin": place[3], "entryType": ADJUSTED,
        "documentType": "_x0020_", "documentLine": 0, "description": document.text, "quantity": quantity, "stocked": True,
        "unit": item.get("baseUnitOfMeasureCode", "")})
    value = ledger.value_entry(world, document, entry, {
        "costAmountActual": world.round(quantity * Decimal(item.get("unitCost", ZERO))), "invoicedQuantity": quantity})
    return ledger.post_cost(world, value, "opening")


def _post(world: World, header: Row, told: Mapping[str, Any]) -> Row:
    posted = sales_post.post(world, header, receive=True, invoice=True, checked=False)
    company = posted["company"]
    entry = ledger.entry_of(world, company, INVOICE, posted["number"]) or {}
    if told.get("paid", world.settings["salesPaid"]) and entry["open"]:
        document = Document(company=company, number=world.number("payment"), date=posted["postingDate"], kind=PAYMENT,
                            text=f"Payment {posted['number']}", external=posted["externalDocumentNumber"], currency=posted["currency"])
        ledger.book(world, document, [("bank", entry["amountLcy"]), ("customer", -entry["amountLcy"])])
        paid = ledger.customer_entry(world, document, posted["billToCustomerNumber"], -entry["amount"], -entry["amountLcy"])
        ledger.apply(world, entry, paid, abs(entry["amount"]))
    shipment = posted["receiptNumber"]
    moved = list(world.of("itemLedger", company, "documentNumber", shipment))
    return {"salesOrder": told["salesOrder"], "invoice": posted["number"], "invoiceId": posted["id"], "shipment": shipment,
            "lines": [{"item": row["itemNumber"], "itemLedgerEntry": row["entryNumber"], "line": row["documentLine"]} for row in moved]}

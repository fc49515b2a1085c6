"""What do the books say after a document is posted?

Item ledger, value entries, customer ledger with applications, VAT entries and general ledger. Every transaction goes through `book`, which
refuses what does not balance. Payouts are booked as books 3 says. The ledgers are kept in local currency at one rate per currency, so there
is no gain or loss on exchange.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from backhaul.adapters.business_central.emulator.model import ZERO, World
from backhaul.adapters.business_central.emulator.refusals import dialog, no_entry_within
from backhaul.adapters.odata_server import Row, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LEDGERS = ("generalLedger", "customerLedger", "vatLedger", "itemLedger", "valueLedger", "applications", "itemApplications")
MEMO, INVOICE, PAYMENT, REFUND, BLANK = "Credit_x0020_Memo", "Invoice", "Payment", "Refund", "_x0020_"
RECEIPTS = frozenset({"Sales_x0020_Return_x0020_Receipt", "Sales_x0020_Credit_x0020_Memo"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a transaction is about; an empty currency is the local one."""

    company: str
    number: str
    date: str
    text: str
    kind: str = BLANK
    external: str = ""
    currency: str = ""


def account(world: World, company: str, number: str) -> Row:
    """Give a G/L account, opening it if nobody has."""
    row = world.one("accounts", company, "number", number)
    if row is None:
        role = next((role for role, known in world.settings["accounts"].items() if known == number), number)
        row = world.put("accounts", {"company": company, "number": number, "displayName": role, "accountType": "Posting",
                                     "directPosting": True, "blocked": False})
    return row


def local(world: World, document: Document, amount: Decimal) -> Decimal:
    """Give an amount in local currency."""
    if not document.currency:
        return amount
    rate = world.settings["exchangeRates"].get(document.currency)
    if rate is None:
        rows = [row for row in world.of("currencyExchangeRates", document.company, "currencyCode", document.currency)
                if row.get("startingDate", "") <= document.date]
        row = max(rows, key=lambda each: str(each.get("startingDate", "")), default=None)
        if row is None:
            raise dialog(f"There is no Currency Exchange Rate within the filter. Filters: Currency Code: {document.currency}, "
                         f"Starting Date: ..{document.date}")
        rate = Decimal(row["relationalExchangeRateAmount"]) / Decimal(row["exchangeRateAmount"])
    return world.round(amount * Decimal(str(rate)))


def book(world: World, document: Document, entries: Sequence[tuple[str, Decimal]]) -> int:
    """Post one transaction; entries are (account number or its role, amount in local currency with debit positive)."""
    if (difference := sum((amount for _, amount in entries), ZERO)) != 0:
        raise dialog(f"The transaction cannot be completed because it will cause inconsistencies in the G/L Entry table: {difference}.")
    transaction = world.entry("transaction")
    for role, amount in entries:
        if amount == 0:
            continue
        number = world.settings["accounts"].get(role, role)
        account(world, document.company, number)
        world.put("generalLedger", {
            "company": document.company, "entryNumber": world.entry("generalLedger"), "transaction": transaction,
            "postingDate": document.date, "documentNumber": document.number, "documentType": document.kind, "accountNumber": number,
            "description": document.text, "amount": amount, "externalDocumentNumber": document.external})
    return transaction


def customer_entry(world: World, document: Document, customer: str, amount: Decimal, lcy: Decimal) -> Row:
    """Put one open entry into the customer's account; debit positive."""
    return world.put("customerLedger", {
        "company": document.company, "entryNumber": world.entry("customerLedger"), "customerNumber": customer, "postingDate": document.date,
        "documentType": document.kind, "documentNumber": document.number, "externalDocumentNumber": document.external,
        "description": document.text, "currency": document.currency, "amount": amount, "remaining": amount, "amountLcy": lcy,
        "open": amount != 0})


def apply(world: World, one: Row, other: Row, amount: Decimal) -> None:
    """Apply two entries of opposite sign to each other up to an amount."""
    part = min(amount, abs(one["remaining"]), abs(other["remaining"]))
    for entry in (one, other):
        left = entry["remaining"] - (part if entry["remaining"] > 0 else -part)
        world.put("customerLedger", entry, remaining=left, open=left != 0)
    world.put("applications", {"company": one["company"], "entryNumber": world.entry("applications"), "one": one["id"],
                               "other": other["id"], "amount": part, "sign": 1 if one["amount"] > 0 else -1, "date": world.today()})


def entry_of(world: World, company: str, kind: str, number: str) -> Row | None:
    """Give the customer ledger entry of a document."""
    return next((row for row in world.of("customerLedger", company, "documentNumber", number) if row["documentType"] == kind), None)


def open_entry(world: World, company: str, kind: str, number: str, customer: str) -> Row:
    """Give the open entry a document is to be applied to, or refuse as the posting does."""
    row = entry_of(world, company, kind, number)
    if row is None or not row["open"] or row["customerNumber"] != customer:
        raise no_entry_within("Cust. Ledger Entry", f"Document Type: {kind}, Document No.: {number}, Customer No.: {customer}, Open: Yes")
    return row


# ---------------------------------------------------------------- goods


def item_entry(world: World, document: Document, told: Row) -> Row:
    """Record one movement; inbound quantities are positive. `told` holds the item's side of it."""
    quantity = told["quantity"]
    return world.put("itemLedger", {
        "company": document.company, "entryNumber": world.entry("itemLedger"), "postingDate": document.date,
        "documentNumber": document.number, "externalDocumentNumber": document.external, "sourceType": BLANK, "sourceNumber": "",
        "remaining": max(quantity, ZERO), "notReturned": max(-quantity, ZERO), "invoicedQuantity": ZERO, "salesAmountActual": ZERO,
        "costAmountActual": ZERO, "costAmountExpected": ZERO, "applFromItemEntry": 0, "returnReasonCode": "", **told})


def value_entry(world: World, document: Document, entry: Row, told: Row) -> Row:
    """Value a movement or a part of it, and let the movement show its sums."""
    row = world.put("valueLedger", {
        "company": document.company, "entryNumber": world.entry("valueLedger"), "itemLedgerEntryNumber": entry["entryNumber"],
        "itemNumber": entry["itemNumber"], "postingDate": document.date, "documentNumber": document.number,
        "documentType": entry["documentType"], "location": entry["location"], "entryType": "Direct Cost", "costAmountActual": ZERO,
        "costAmountExpected": ZERO, "salesAmountActual": ZERO, "invoicedQuantity": ZERO, "costPostedToGl": ZERO, "expected": False,
        "returnReasonCode": entry["returnReasonCode"], "externalDocumentNumber": document.external, **told})
    fresh = world.tables.find("itemLedger", entry["id"]) or entry
    world.put("itemLedger", fresh, **{name: fresh[name] + row[name] for name in (
        "costAmountActual", "costAmountExpected", "salesAmountActual", "invoicedQuantity")})
    return row


def post_cost(world: World, value: Row, offset: str) -> list[tuple[str, Decimal]]:
    """Give the G/L side of a value entry, if costs are posted automatically; expected cost goes to the interim accounts."""
    if not world.settings["automaticCostPosting"]:
        return []
    cost, expected = value["costAmountActual"], value["costAmountExpected"]
    entries = [("inventory", cost), (offset, -cost)] if cost else []
    if expected and world.settings["expectedCostPosting"]:
        entries += [("inventory-interim", expected), (f"{offset}-interim", -expected)]
        cost += expected
    world.put("valueLedger", value, costPostedToGl=cost)
    return entries


def on_hand(world: World, company: str | None = None) -> dict[tuple[str, str, str, str, str], Decimal]:
    """Add up stock per company, item, variant, location and bin; service items have none."""
    stock: dict[tuple[str, str, str, str, str], Decimal] = defaultdict(Decimal)
    for row in world.tables.rows("itemLedger"):
        if row["stocked"] and company in {None, row["company"]}:
            stock[row["company"], row["itemNumber"], row["variantCode"], row["location"], row.get("bin", "")] += row["quantity"]
    return stock


# ---------------------------------------------------------------- payouts


def company_id(world: World, name: str) -> str:
    """Find a company by name or id."""
    for row in world.tables.rows("companies"):
        if name.lower() in {row["id"], row["name"].lower()}:
            return str(row["id"])
    message = f"There is no company '{name}'."
    raise ValueError(message)


def pay_out(world: World, told: Mapping[str, Any]) -> Row:
    """Book what the payment process paid to a customer, then settle what fits (books 3)."""
    company, amount, booking = company_id(world, told["legalEntity"]), Decimal(str(told["amount"])), told["booking"]
    if booking not in {"clearing", "customer"}:
        message = f"Booking '{booking}' is neither 'clearing' nor 'customer'."
        raise ValueError(message)
    currency = "" if told["currency"] == world.settings["localCurrency"] else told["currency"]
    reference = str(told["reference"])
    document = Document(company=company, number=world.number("payment"), date=str(told["date"])[:10], text=f"Payout {reference}",
                        kind=REFUND if booking == "customer" else BLANK, external=reference, currency=currency)
    lcy = local(world, document, amount)
    book(world, document, [("refund-clearing" if booking == "clearing" else "customer", lcy), ("bank", -lcy)])
    entry = customer_entry(world, document, told["customer"], amount, lcy) if booking == "customer" else None
    payout = world.put("payouts", {**told, "reference": reference.upper(), "company": company, "amount": amount, "left": amount,
                                   "voucher": document.number, "entry": entry["id"] if entry else "", "currency": currency})
    settle(world, company, reference)
    return world.tables.find("payouts", payout["id"]) or payout


def settle(world: World, company: str, reference: str) -> None:
    """Match open payouts with posted memos that carry their reference in a field people search."""
    wanted = reference.upper()
    if not wanted:
        return
    memos = {row["id"]: row for column in ("externalDocumentNumber", "yourReference") for value in {wanted, reference}
             for row in world.of("sales", company, column, value) if row["type"] == "Credit Memo" and row["posted"]}
    for payout in list(world.of("payouts", company, "reference", wanted)):
        for memo in memos.values():
            entry = entry_of(world, company, MEMO, memo["number"])
            current = world.tables.find("payouts", payout["id"]) or payout
            if entry and entry["remaining"] < 0 < current["left"]:
                _settle(world, entry, current, min(-entry["remaining"], current["left"]))


def _settle(world: World, memo: Row, payout: Row, amount: Decimal) -> None:
    if payout["booking"] == "clearing":
        document = Document(company=memo["company"], number=world.number("settlement"), date=world.today(), kind=PAYMENT,
                            text=f"Settlement {payout['reference']}", external=payout["reference"], currency=memo["currency"])
        lcy = local(world, document, amount)
        book(world, document, [("customer", lcy), ("refund-clearing", -lcy)])
        paid = customer_entry(world, document, memo["customerNumber"], amount, lcy)
    else:
        paid = world.tables.find("customerLedger", payout["entry"]) or {}
    apply(world, memo, paid, amount)
    world.put("payouts", payout, left=payout["left"] - amount)


def settle_as_told(world: World, told: Mapping[str, Any]) -> Row:
    """Settle a payout with the memo a clerk names, or write off what is open of it where none is named."""
    company, reference = company_id(world, told["legalEntity"]), str(told["payout"]).upper()
    payout = next((row for row in world.of("payouts", company, "reference", reference) if row["left"]), None)
    if payout is None:
        message = f"No open payout {reference} in {told['legalEntity']}."
        raise ValueError(message)
    amount = min(Decimal(str(told["amount"])), payout["left"])
    if told.get("creditNote"):
        memo = entry_of(world, company, MEMO, told["creditNote"])
        if memo is None:
            message = f"There is no posted credit memo {told['creditNote']}."
            raise ValueError(message)
        _settle(world, memo, payout, min(amount, -memo["remaining"]))
        return {"settled": amount}
    document = Document(company=company, number=world.number("writeOff"), date=world.today(), text=f"Written off {reference}",
                        external=reference, currency=payout["currency"], kind=PAYMENT)
    lcy = local(world, document, amount)
    role = "refund-clearing" if payout["booking"] == "clearing" else "customer"
    book(world, document, [("payout-loss", lcy), (role, -lcy)])
    if role == "customer":
        entry = customer_entry(world, document, payout["customer"], -amount, -lcy)
        apply(world, entry, world.tables.find("customerLedger", payout["entry"]) or {}, amount)
    world.put("payouts", payout, left=payout["left"] - amount)
    return {"writtenOff": amount}


# ---------------------------------------------------------------- proof


def trial_balance(rows: Iterable[Row]) -> dict[str, Decimal]:
    """Add up the general ledger per account."""
    balance: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        balance[row["accountNumber"]] += row["amount"]
    return dict(sorted(balance.items()))


def checks(world: World) -> dict[str, bool]:
    """Prove that the ledgers agree with each other, each by adding up both sides anew."""
    tables, accounts = world.tables, world.settings["accounts"]
    general, customers, values, items = (tables.rows(name) for name in ("generalLedger", "customerLedger", "valueLedger", "itemLedger"))
    balance = trial_balance(general)
    per_transaction: dict[int, Decimal] = defaultdict(Decimal)
    for row in general:
        per_transaction[row["transaction"]] += row["amount"]
    applied: dict[str, Decimal] = defaultdict(Decimal)
    for row in tables.rows("applications"):
        applied[row["one"]] += row["amount"] * row["sign"]
        applied[row["other"]] -= row["amount"] * row["sign"]
    cost: dict[int, Decimal] = defaultdict(Decimal)
    for row in values:
        cost[row["itemLedgerEntryNumber"]] += row["costAmountActual"] + row["costAmountExpected"]
    returned: dict[int, Decimal] = defaultdict(Decimal)
    for row in tables.rows("itemApplications"):
        returned[row["applFromItemEntry"]] += row["quantity"]
    stock = sum((balance.get(accounts[role], ZERO) for role in ("inventory", "inventory-interim")), ZERO)
    return {
        "transactions": not any(per_transaction.values()),
        "customers": sum((row["amountLcy"] for row in customers), ZERO) == balance.get(accounts["customer"], ZERO),
        "applications": all(row["amount"] - applied[row["id"]] == row["remaining"] and row["open"] == (row["remaining"] != 0)
                            for row in customers),
        "vat": sum((row["amount"] for row in tables.rows("vatLedger")), ZERO) == balance.get(accounts["vat"], ZERO),
        "inventory": sum((row["costPostedToGl"] for row in values), ZERO) == stock,
        "values": all(cost[row["entryNumber"]] == row["costAmountActual"] + row["costAmountExpected"] for row in items),
        "returns": all(row["notReturned"] == max(-row["quantity"], ZERO) - returned[row["entryNumber"]] >= 0 for row in items),
    }


def statement(world: World) -> Row:
    """Tell all ledgers in short, with a digest over every entry of them."""
    tables = world.tables
    general, items = tables.rows("generalLedger"), tables.rows("itemLedger")
    digest = hashlib.sha256()
    for name in LEDGERS:
        for row in tables.rows(name):
            digest.update(encode([name, sorted((c, str(v)) for c, v in row.items() if c[0] != "_" and c != "lastModifiedDateTime")]))
    proof = checks(world)
    stock: dict[str, Decimal] = defaultdict(Decimal)
    for (_, item, variant, location, bin_code), quantity in on_hand(world).items():
        stock[f"{'/'.join(filter(None, (item, variant)))}||{location}|{bin_code}"] += quantity
    received = [row for row in items if row["stocked"] and row["documentType"] in RECEIPTS and row["quantity"] > 0]
    return {
        "digest": digest.hexdigest(),
        "creditNotes": [_credit_note(world, row) for row in tables.where("sales", "type", "Credit Memo") if row["posted"]],
        "trialBalance": trial_balance(general),
        "stock": dict(sorted((place, quantity) for place, quantity in stock.items() if quantity)),
        "inventoryValue": sum((row["costAmountActual"] + row["costAmountExpected"] for row in tables.rows("valueLedger")), ZERO),
        "inventoryTransactions": len(items),
        "unitsReceived": sum((row["quantity"] for row in received), ZERO),
        "payouts": [{c: v for c, v in row.items() if c[0] != "_" and c not in {"id", "company"}} | {"open": row["left"]}
                    for row in tables.rows("payouts")],
        "drafts": [{"number": row["number"], "type": row["type"], "reference": row["externalDocumentNumber"], "gross": row["gross"]}
                   for row in tables.rows("sales") if not row["posted"]],
        "balanced": all(proof.values()),
        "checks": proof,
        "vouchers": len({row["transaction"] for row in general}),
    }


def _credit_note(world: World, memo: Row) -> Row:
    """Tell a posted memo; what is credited is negative, so that statements of all emulated ERPs read alike."""
    name = (world.tables.find("companies", memo["company"]) or {}).get("name", "")
    taxed = [row for row in world.of("generalLedger", memo["company"], "documentNumber", memo["number"])
             if row["accountNumber"] == world.settings["accounts"]["vat"]]
    rate = Decimal(memo["gross"] / memo["grossLcy"]) if memo.get("grossLcy") else Decimal(1)
    lines = [{"item": line["number"], "variant": line["variantCode"], "text": line["description"], "quantity": -line["quantity"],
              "price": line["unitPrice"], "net": -line["net"], "tax": -line["tax"], "site": "", "warehouse": line["location"],
              "bin": line["bin"], "reason": line["returnReasonCode"], "applFromItemEntry": line["applFromItemEntry"]}
             for line in world.lines(memo) if line["type"] != "Comment"]
    return {
        "legalEntity": name, "number": memo["number"], "voucher": memo["number"], "date": memo["postingDate"],
        "order": memo["returnOrderNumber"] or memo["draftNumber"], "reference": memo["externalDocumentNumber"],
        "customer": memo["billToCustomerNumber"], "currency": memo["currency"] or world.settings["localCurrency"], "net": -memo["net"],
        "tax": -memo["tax"], "gross": -memo["gross"], "appliesTo": memo["appliesToNumber"],
        "ledgerTax": world.round(sum((row["amount"] for row in taxed), ZERO) * rate, memo["currency"]), "lines": lines}

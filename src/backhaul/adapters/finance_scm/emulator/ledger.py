"""What do the books say after a document is posted?

Every posting goes through `book`, which refuses a voucher that does not balance or falls into a closed period. Accounts come from the
setting `accounts`; the postings are those of books 3. Amounts in another currency than the books' stand in both, at
a rate the setting `exchangeRates` holds by company and currency; there is one rate for all days, so no gain or loss on exchange.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from backhaul.adapters.finance_scm.emulator.model import World, noon
from backhaul.adapters.odata_server import EMPTY_DATE, Row, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ZERO = Decimal(0)
LEDGERS = ("GeneralJournalAccountEntries", "CustTransBiEntities", "InventTransBiEntities", "SalesInvoiceHeadersV2", "SalesInvoiceV2Lines")
RECEIVED = frozenset({"Purchased", "Received"})
ISSUED = frozenset({"Sold", "Deducted"})


class PostingFailed(Exception):  # noqa: N818 - it reads as what is said
    """A document cannot be posted; the text is the Infolog."""


PRODUCT = ("ProductConfigurationId", "ProductSizeId", "ProductColorId", "ProductStyleId", "ProductVersionId")
PLAIN = ("",) * len(PRODUCT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where stock lies, and of which variant of its item it is: what the platform calls inventory dimensions."""

    site: str
    warehouse: str
    location: str = ""
    status: str = ""
    product: tuple[str, ...] = PLAIN

    @property
    def variant(self) -> dict[str, str]:
        """The product dimensions as columns."""
        return dict(zip(PRODUCT, self.product, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a voucher is about."""

    company: str
    voucher: str
    number: str
    date: str
    currency: str
    text: str


def require_open(world: World, company: str, date: str, *modules: str) -> None:
    """Refuse a date whose period is not open, or in which nobody may post in one of these modules; a date no period covers is open."""
    for status in world.tables.rows("LedgerFiscalPeriodsV2"):
        period = world.one("FiscalPeriods", status["Calendar"], status["YearName"], status["PeriodName"])
        if status["LegalEntityId"] != company or not period or not period["StartDate"][:10] <= date[:10] <= period["EndDate"][:10]:
            continue
        if period["Type"] == "Operating" and status["PeriodStatus"] != "Open":
            message = f"Fiscal period for {date[:10]} is not open in ledger {company}."
            raise PostingFailed(message)
        for module in ("Ledger", *modules):
            if period["Type"] == "Operating" and status[f"{module}AccessLevel"] == "None":
                message = f"Period {status['PeriodName']} is closed for module {module} in ledger {company}."
                raise PostingFailed(message)


def home(world: World, company: str, otherwise: str = "GBP") -> str:
    """Give the currency a company keeps its books in."""
    return str(world.settings.get("currencies", {}).get(company, otherwise))


def exchanged(world: World, document: Document, amount: Decimal) -> Decimal:
    """Give an amount in the currency of the books, at the rate table's rate, rounded to it."""
    books = home(world, document.company, document.currency)
    if document.currency == books:
        return amount
    rate = world.settings.get("exchangeRates", {}).get(document.company, {}).get(document.currency)
    if rate is None:
        message = f"No exchange rate from {document.currency} to {books} has been found for {document.date[:10]}."
        raise PostingFailed(message)
    return world.round(amount * Decimal(str(rate)), books)


def in_accounting_currency(world: World, document: Document, entries: Sequence[tuple[str, Decimal, str]]) -> list[Decimal]:
    """Exchange the lines of a voucher; what rounding leaves over goes to its largest line that is not the customer's."""
    amounts = [exchanged(world, document, amount) for _, amount, _ in entries]
    left = sum(amounts, ZERO)
    if left:
        largest = max((at for at, (role, _, _) in enumerate(entries) if role != "customer"), key=lambda at: abs(amounts[at]))
        amounts[largest] -= left
    return amounts


def at_cost(world: World, document: Document) -> Document:
    """Give the document as its cost side is booked: cost is kept in the currency of the books, whatever the sale was in."""
    return replace(document, currency=home(world, document.company, document.currency))


def book(world: World, document: Document, entries: Sequence[tuple[str, Decimal, str]]) -> None:
    """Post one voucher; entries are (role of the account or its number, amount with debit positive, posting type)."""
    require_open(world, document.company, document.date)
    if (difference := sum((amount for _, amount, _ in entries), ZERO)) != 0:
        message = f"The transactions on voucher {document.voucher} do not balance as per {document.date[:10]}: {difference}."
        raise PostingFailed(message)
    accounts = world.settings["accounts"]
    at_home = in_accounting_currency(world, document, entries)
    for (role, amount, kind), accounting in zip(entries, at_home, strict=True):
        if amount == 0:
            continue
        row: Row = {
            "GeneralJournalAccountEntryRecId": world.tables.last_id + 1,
            "JournalNumber": document.voucher,
            "Voucher": document.voucher,
            "AccountingDate": document.date,
            "DocumentDate": document.date,
            "DocumentNumber": document.number,
            "PostingLayer": "Current",
            "LedgerAccount": accounts.get(role, role),
            "AccountDisplayValue": accounts.get(role, role),
            "Account": accounts.get(role, role),
            "TransactionCurrencyCode": document.currency,
            "TransactionCurrencyAmount": amount,
            "TransactionCurrencyDebitAmount": max(amount, ZERO),
            "TransactionCurrencyCreditAmount": max(-amount, ZERO),
            "AccountingCurrencyAmount": accounting,
            "ReportingCurrencyAmount": accounting,
            "Description": document.text,
            "PostingType": kind,
            "IsCredit": "Yes" if amount < 0 else "No",
            "LedgerName": document.company,
            "DataArea": document.company,
        }
        world.keep("GeneralJournalAccountEntries", row)


def customer_entry(world: World, document: Document, customer: str, amount: Decimal, kind: str, invoice: str = "") -> Row:  # noqa: PLR0913, PLR0917 - a voucher has that many sides
    """Put one line into the customer's account; debit positive."""
    row: Row = {
        "SourceKey": world.tables.last_id + 1,
        "dataAreaId": document.company,
        "SysDataAreaId": document.company,
        "AccountNum": customer,
        "OrderAccount": customer,
        "Voucher": document.voucher,
        "Invoice": invoice,
        "CurrencyCode": document.currency,
        "Txt": document.text,
        "AmountCur": amount,
        "AmountMST": exchanged(world, document, amount),
        "TransDate": document.date,
        "DocumentDate": document.date,
        "DueDate": document.date,
        "TransType": kind,
    }
    return world.keep("CustTransBiEntities", row)


def move(world: World, company: str, item: str, quantity: Decimal, place: Place, **more: Any) -> Row:
    """Record one inventory transaction; receipts positive, issues negative."""
    row: Row = {
        "dataAreaId": company,
        "SourceKey": world.tables.last_id + 1,
        "SysDataAreaId": company,
        "ItemId": item,
        "Qty": quantity,
        "InventSiteId": place.site,
        "InventLocationId": place.warehouse,
        "WMSLocationId": place.location,
        "InventStatusId": place.status,
        "InventDimId": "|".join((place.site, place.warehouse, place.location, place.status, *filter(None, place.product))),
        "_product": [*place.product],
        "DateStatus": world.today(),
        **more,
    }
    return world.keep("InventTransBiEntities", row)


def on_hand(world: World, company: str | None = None, item: str | None = None) -> dict[tuple[str, str, Place], Decimal]:
    """Add up physical stock per company, item and place; registered but not received does not count."""
    stock: dict[tuple[str, str, Place], Decimal] = defaultdict(Decimal)
    rows = world.tables.rows("InventTransBiEntities") if item is None else world.tables.where("InventTransBiEntities", "ItemId", item)
    for row in rows:
        if company not in {None, row["dataAreaId"]}:
            continue
        if row.get("StatusReceipt") in RECEIVED or row.get("StatusIssue") in ISSUED:
            place = Place(
                site=row["InventSiteId"],
                warehouse=row["InventLocationId"],
                location=row["WMSLocationId"],
                status=row["InventStatusId"],
                product=tuple(row.get("_product", PLAIN)),
            )
            stock[row["dataAreaId"], row["ItemId"], place] += row["Qty"]
    return stock


# ---------------------------------------------------------------- masters that money needs


def tax_rate(world: World, company: str, group: str, item_group: str, date: str) -> Decimal:
    """Give the percentage where the customer's and the item's tax group meet, valid on the date."""
    codes = {r["TaxCodeId"] for r in world.tables.where("TaxItemGroups", "TaxItemGroupCode", item_group) if r["dataAreaId"] == company}
    rate = ZERO
    for data in world.tables.where("TaxGroupDatas", "TaxGroupId", group):
        if data["dataAreaId"] != company or data["TaxCodeId"] not in codes or data.get("ExemptTax") == "Yes":
            continue
        for value in world.tables.where("TaxCodeValues", "TaxCodeId", data["TaxCodeId"]):
            begins, ends = value.get("FromDate", EMPTY_DATE), value.get("ToDate", EMPTY_DATE)
            if value["dataAreaId"] == company and begins[:10] <= date[:10] and (ends == EMPTY_DATE or date[:10] <= ends[:10]):
                rate += value["Value"]
    return rate


def tax_on(world: World, company: str, groups: tuple[str, str], amount: Decimal, currency: str, date: str) -> Decimal:  # noqa: PLR0913, PLR0917 - a voucher has that many sides
    """Compute the tax on one line, rounded per line."""
    return world.round(amount * tax_rate(world, company, groups[0], groups[1], date) / 100, currency)


def item_of(world: World, company: str, number: str) -> Row:
    """Give an item or fail as a posting."""
    item = world.one("ReleasedProductsV2", company, number)
    if item is None:
        message = f"Item {number} does not exist in {company}."
        raise PostingFailed(message)
    return item


def unit_cost(item: Mapping[str, Any]) -> Decimal:
    """Give the cost in the item master."""
    return Decimal(item.get("_unitCost", item.get("UnitCost", ZERO)))


def is_stocked(item: Mapping[str, Any]) -> bool:
    """Whether the item has stock at all."""
    return str(item.get("ProductType", "Item")) != "Service"


def currency_of(world: World, company: str, customer: Mapping[str, Any]) -> str:
    """Give the customer's currency, else that of the company."""
    return str(customer.get("SalesCurrencyCode") or world.settings.get("currencies", {}).get(company, "") or "GBP")


# ---------------------------------------------------------------- invoices and credit notes


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """One line of an invoice or credit note; amounts have the sign of the quantity."""

    item: str
    text: str
    quantity: Decimal
    price: Decimal
    net: Decimal
    tax: Decimal
    place: Place
    unit: str = ""
    sequence: int = 0
    charge: Decimal = ZERO
    account: str = ""


def automatic_charge(world: World, company: str, disposition: str) -> Decimal:
    """Give the charge that comes with a disposition code by set-up, untaxed; what is charged reduces the credit."""
    return Decimal(str(world.settings.get("dispositionCharges", {}).get(company, {}).get(disposition, 0)))


def invoice(world: World, document: Document, order: Mapping[str, Any], customer: str, lines: Sequence[InvoiceLine]) -> Row:
    """Write invoice header and lines, the customer's account and the sales side of the voucher."""
    net, tax, charges = (sum(part, ZERO) for part in zip(*((line.net, line.tax, line.charge) for line in lines), strict=True))
    head: Row = {
        "dataAreaId": document.company,
        "InvoiceNumber": document.number,
        "InvoiceDate": document.date,
        "LedgerVoucher": document.voucher,
        "SalesOrderNumber": order.get("ReturnOrderNumber") or order.get("SalesOrderNumber", ""),
        "CustomersOrderReference": order.get("CustomersOrderReference", ""),
        "SalesOrderOriginCode": order.get("SalesOrderOriginCode", ""),
        "InvoiceCustomerAccountNumber": customer,
        "CurrencyCode": document.currency,
        "TotalInvoiceAmount": net + tax + charges,
        "TotalTaxAmount": tax,
        "_open": net + tax + charges,
        "_postedAt": world.stamp(),
    }
    header = world.keep("SalesInvoiceHeadersV2", head)
    for at, line in enumerate(lines, 1):
        row: Row = {
            "dataAreaId": document.company,
            "InvoiceNumber": document.number,
            "InvoiceDate": document.date,
            "LedgerVoucher": document.voucher,
            "LineCreationSequenceNumber": line.sequence or at,
            "ProductNumber": line.item,
            "ProductName": line.text,
            "ProductDescription": line.text,
            "InvoicedQuantity": line.quantity,
            "SalesPrice": line.price,
            "SalesUnitSymbol": line.unit,
            "LineAmount": line.net,
            "LineTotalTaxAmount": line.tax,
            "LineTotalChargeAmount": line.charge,
            "CurrencyCode": document.currency,
            "InventorySiteId": line.place.site,
            "InventoryWarehouseId": line.place.warehouse,
            **line.place.variant,
        }
        world.keep("SalesInvoiceV2Lines", row)
    apart: dict[str, Decimal] = defaultdict(Decimal)  # lines of items with a sales account of their own
    for line in lines:
        apart[line.account or ("revenue" if line.quantity > 0 else "sales-returns")] -= line.net
    kinds = {"revenue": "SalesRevenue", "sales-returns": "SalesReturn"}
    entries = [
        ("customer", net + tax + charges, "CustBalance"),
        *((account, amount, kinds.get(account, "SalesRevenue")) for account, amount in sorted(apart.items())),
        ("vat", -tax, "Tax"),
        ("charges", -charges, "MarkupCust"),
    ]
    book(world, document, entries)
    customer_entry(world, document, customer, net + tax + charges, "Sales", document.number)
    return header


def take_back(world: World, told: Mapping[str, Any]) -> Row:
    """Post against a credit note what a clerk does: a voucher of the general journal, or a free text invoice that corrects it.

    Without `net` and `tax` all of it is taken back. Reading of facts/finance-scm 1.6: a voucher that names the note as its invoice shows
    that number on the customer's account, a free text invoice its own.
    """
    company = told["legalEntity"]
    notes = world.tables.where("SalesInvoiceHeadersV2", "InvoiceNumber", told["invoice"])
    note = next(row for row in notes if row["dataAreaId"] == company)
    tax = Decimal(told.get("tax", -note["TotalTaxAmount"]))
    net = Decimal(told["net"]) if "net" in told else -note["TotalInvoiceAmount"] - tax
    free = told["by"] == "free-text"
    number, customer = world.number("FTI") if free else note["InvoiceNumber"], note["InvoiceCustomerAccountNumber"]
    voucher, currency = world.number("REV"), note["CurrencyCode"]
    document = Document(company=company, voucher=voucher, number=number, date=world.today(), currency=currency, text="Reversal")
    book(world, document, [("customer", net + tax, "CustBalance"), ("sales-returns", -net, "SalesReturn"), ("vat", -tax, "Tax")])
    if free:
        row = {"dataAreaId": document.company, "InvoiceIdentifier": world.tables.last_id + 1, "FreeTextNumber": number, "IsPosted": "Yes"}
        about = {"CorrectedInvoiceId": note["InvoiceNumber"], "CorrectedInvoiceDate": note["InvoiceDate"], "InvoiceDate": document.date}
        world.keep("FreeTextInvoiceHeaders", row | about | {"CustomerAccount": customer, "CurrencyCode": document.currency})
    return customer_entry(world, document, customer, net + tax, "Sales", number)


# ---------------------------------------------------------------- payouts


def pay_out(world: World, told: Mapping[str, Any]) -> Row:
    """Book what the payment process paid to a customer, then settle what fits (books 3)."""
    amount, booking, date = Decimal(told["amount"]), told["booking"], noon(str(told["date"]))
    number = world.number("PAY")
    document = Document(
        company=told["legalEntity"],
        voucher=number,
        number=told["reference"],
        date=date,
        currency=told["currency"],
        text=f"Payout {told['reference']}",
    )
    if booking not in {"clearing", "customer"}:
        message = f"Booking '{booking}' is neither 'clearing' nor 'customer'."
        raise PostingFailed(message)
    role = "refund-clearing" if booking == "clearing" else "customer"
    book(world, document, [(role, amount, "Payment"), ("bank", -amount, "Bank")])
    entry = customer_entry(world, document, told["customer"], amount, "Payment") if booking == "customer" else None
    source = Decimal(entry["SourceKey"]) if entry else ZERO
    payout = {**told, "amount": amount, "_open": amount, "voucher": number, "sourceKey": source}
    world.tables.put("_Payouts", (number,), payout)
    settle(world, told["legalEntity"], told["reference"])
    return payout


def settle(world: World, company: str, reference: str) -> None:
    """Match open payouts with open credit notes of the same reference; with clearing, book Dr customer / Cr clearing."""
    notes = (
        [n for n in world.tables.where("SalesInvoiceHeadersV2", "CustomersOrderReference", reference) if n["dataAreaId"] == company]
        if reference
        else []
    )
    for payout in list(world.tables.where("_Payouts", "reference", reference)):
        for note in notes:
            fresh = world.one("SalesInvoiceHeadersV2", company, note["InvoiceNumber"], note["InvoiceDate"], note["LedgerVoucher"])
            current = world.tables.find("_Payouts", (payout["voucher"],))
            if fresh and current and current["legalEntity"] == company and fresh["_open"] < 0 < current["_open"]:
                _settle_pair(world, fresh, current, min(-fresh["_open"], current["_open"]))


def document_of(world: World, note: Row) -> Document:
    """Give what a settlement of a credit note is about."""
    number, currency = note["InvoiceNumber"], note["CurrencyCode"]
    return Document(company=note["dataAreaId"], voucher="", number=number, date=world.today(), currency=currency, text="")


def _settle_pair(world: World, note: Row, payout: Row, amount: Decimal) -> None:
    company, customer = note["dataAreaId"], note["InvoiceCustomerAccountNumber"]
    if payout["booking"] == "clearing":
        voucher = world.number("SET")
        text = f"Settlement {payout['reference']}"
        document = Document(
            company=company, voucher=voucher, number=payout["reference"], date=world.today(), currency=note["CurrencyCode"], text=text
        )
        book(world, document, [("customer", amount, "CustBalance"), ("refund-clearing", -amount, "Clearing")])
        entry = customer_entry(world, document, customer, amount, "Payment")
    else:
        entry = world.one("CustTransBiEntities", int(payout["sourceKey"])) or {}
    credit = next(r for r in world.tables.where("CustTransBiEntities", "Invoice", note["InvoiceNumber"]) if r["dataAreaId"] == company)
    _mark(world, document_of(world, note), ((entry, amount), (credit, -amount)))
    world.keep("SalesInvoiceHeadersV2", note, _open=note["_open"] + amount)
    world.tables.put("_Payouts", (payout["voucher"],), {**payout, "_open": payout["_open"] - amount})


def _mark(world: World, document: Document, rows: Iterable[tuple[Row, Decimal]]) -> None:
    """Settle transactions of a customer with each other, and close those of which nothing is left."""
    for row, settled in rows:
        total = row.get("SettleAmountCur", ZERO) + settled
        closed = world.today() if total == row["AmountCur"] else EMPTY_DATE
        world.keep("CustTransBiEntities", row, SettleAmountCur=total, SettleAmountMST=exchanged(world, document, total), Closed=closed)


def settle_as_told(world: World, told: Mapping[str, Any]) -> Row:
    """Settle a payout with the credit note a clerk names, or write off what is open of it where no note is named."""
    company, reference = told["legalEntity"], told["payout"]
    open_ones = [row for row in world.tables.where("_Payouts", "reference", reference) if row["legalEntity"] == company and row["_open"]]
    payout = next(iter(open_ones), None)
    if payout is None:
        message = f"No open payout {reference} in {company}."
        raise PostingFailed(message)
    amount = min(Decimal(told["amount"]), payout["_open"])
    if told.get("creditNote"):
        notes = world.tables.where("SalesInvoiceHeadersV2", "InvoiceNumber", told["creditNote"])
        note = next(row for row in notes if row["dataAreaId"] == company)
        _settle_pair(world, note, payout, min(amount, -note["_open"]))
        return {"settled": amount}
    voucher = world.number("WO-")
    document = Document(company=company, voucher=voucher, number=reference, date=world.today(), currency=payout["currency"],
                        text=f"Written off {reference}")
    role = "refund-clearing" if payout["booking"] == "clearing" else "customer"
    book(world, document, [("payout-loss", amount, "LedgerJournal"), (role, -amount, "LedgerJournal")])
    if role == "customer":  # whoever books it marks the payment it is about, so that both are settled
        entry = customer_entry(world, document, payout["customer"], -amount, "Payment")
        paid = world.one("CustTransBiEntities", int(payout["sourceKey"])) or {}
        _mark(world, document, ((paid, amount), (entry, -amount)))
    world.tables.put("_Payouts", (payout["voucher"],), {**payout, "_open": payout["_open"] - amount})
    return {"writtenOff": amount}


# ---------------------------------------------------------------- proof


def trial_balance(rows: Iterable[Row]) -> dict[str, Decimal]:
    """Add up the general ledger per account."""
    balance: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        balance[row["LedgerAccount"]] += row["AccountingCurrencyAmount"]
    return dict(sorted(balance.items()))


def statement(world: World) -> Row:
    """Tell all ledgers in short, with a digest over every row of them."""
    tables, accounts = world.tables, world.settings["accounts"]
    general = list(tables.rows("GeneralJournalAccountEntries"))
    digest = hashlib.sha256()
    for name in LEDGERS:
        for key, row in sorted((world.catalogue.sets[name].key_of(row), row) for row in tables.rows(name)):
            digest.update(encode([name, key, sorted((c, str(v)) for c, v in row.items() if c[0] != "_")]))
    per_voucher: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in general:
        per_voucher[row["DataArea"], row["Voucher"]] += row["AccountingCurrencyAmount"]
    balance = trial_balance(general)
    customers = sum((row["AmountMST"] for row in tables.rows("CustTransBiEntities")), ZERO)
    moves = list(tables.rows("InventTransBiEntities"))
    value = sum((inventory_value(row) for row in moves), ZERO)
    booked = balance.get(accounts["inventory"], ZERO) + balance.get(accounts["inventory-physical"], ZERO)
    checks = {
        "vouchers": not any(per_voucher.values()),
        "customers": customers == balance.get(accounts["customer"], ZERO),
        "inventory": value == booked,
    }
    received = [r for r in moves if r.get("_return") == "Yes" and r.get("StatusReceipt") in RECEIVED]
    stock: dict[str, Decimal] = defaultdict(Decimal)
    for (_, item, place), quantity in on_hand(world).items():
        name = "/".join((item, *filter(None, place.product)))
        stock[f"{name}|{place.site}|{place.warehouse}|{place.location}"] += quantity
    return {
        "digest": digest.hexdigest(),
        "creditNotes": [_credit_note(world, r) for r in tables.rows("SalesInvoiceHeadersV2") if r["TotalInvoiceAmount"] < 0],
        "trialBalance": balance,
        "stock": dict(sorted((place, quantity) for place, quantity in stock.items() if quantity)),
        "inventoryValue": value,
        "inventoryTransactions": len(moves),
        "unitsReceived": sum((r["Qty"] for r in received), ZERO),
        "payouts": [{k.lstrip("_"): v for k, v in r.items() if k not in {"_id", "_v"}} for r in tables.rows("_Payouts")],
        "balanced": all(checks.values()),
        "checks": checks,
        "vouchers": len(per_voucher),
    }


def inventory_value(row: Mapping[str, Any]) -> Decimal:
    """Value one inventory transaction: posted cost when invoiced, else physical cost."""
    if row.get("StatusReceipt") == "Purchased" or row.get("StatusIssue") == "Sold":
        return Decimal(row.get("CostAmountPosted", ZERO))
    return Decimal(row.get("CostAmountPhysical", ZERO))


def _booked(world: World, head: Mapping[str, Any], role: str) -> Decimal:
    """Add up what the general ledger holds of a voucher on one account, in transaction currency; debit positive, so tax given back is."""
    account = world.settings["accounts"][role]
    rows = world.tables.where("GeneralJournalAccountEntries", "Voucher", head["LedgerVoucher"])
    mine = [r for r in rows if r["LedgerAccount"] == account and r["DataArea"] == head["dataAreaId"]]
    return sum((r["TransactionCurrencyAmount"] for r in mine), ZERO)


def _credit_note(world: World, head: Mapping[str, Any]) -> Row:
    lines = [
        {
            "item": r["ProductNumber"],
            "variant": "/".join(r[column] for column in PRODUCT if r.get(column)),
            "text": r["ProductName"],
            "quantity": r["InvoicedQuantity"],
            "price": r["SalesPrice"],
            "net": r["LineAmount"],
            "tax": r["LineTotalTaxAmount"],
            "site": r["InventorySiteId"],
            "warehouse": r["InventoryWarehouseId"],
        }
        for r in world.tables.where("SalesInvoiceV2Lines", "InvoiceNumber", head["InvoiceNumber"])
        if r["dataAreaId"] == head["dataAreaId"]
    ]
    return {
        "legalEntity": head["dataAreaId"],
        "number": head["InvoiceNumber"],
        "voucher": head["LedgerVoucher"],
        "date": head["InvoiceDate"],
        "order": head["SalesOrderNumber"],
        "reference": head["CustomersOrderReference"],
        "customer": head["InvoiceCustomerAccountNumber"],
        "currency": head["CurrencyCode"],
        "net": head["TotalInvoiceAmount"] - head["TotalTaxAmount"],
        "tax": head["TotalTaxAmount"],
        "gross": head["TotalInvoiceAmount"],
        "ledgerTax": _booked(world, head, "vat"),
        "lines": lines,
    }

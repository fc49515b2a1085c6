"""What stands on the clearing and interim accounts of a company, on its customers, and in stock that is valued only as expected?

Accounts by posting date; what customers were paid by ledger entries of theirs, which only the extension or published pages show, and so
are values that are still expected (facts/business-central 3 and 4).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from backhaul.adapters.business_central.central import EXTENSION, PUBLISHED, Ask
from backhaul.adapters.business_central.looking import LEDGER, LEDGER_COLUMNS, Side
from backhaul.adapters.business_central.wire import plain
from backhaul.adapters.odata import Row, day_of, number
from backhaul.domain.open_side import Booked, Came, OpenSides, Outstanding

NOTHING: Final = Decimal(0)
PAID: Final = frozenset({"Payment", "Refund"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """Where a mode shows a ledger, and what its columns are called there."""

    service: str
    entity: str
    columns: Mapping[str, str]

    def ask(self, where: str, column: str = "", values: Sequence[str] = ()) -> Ask:
        """Ask for all of these columns."""
        return Ask(entity_set=self.entity, select=tuple(self.columns.values()), where=where, column=column, values=tuple(values))


CUSTOMERS: Final[Mapping[str, _Names]] = {
    "A": _Names(service=EXTENSION, entity="custLedgerEntries", columns={
        "day": "postingDate", "document": "documentNumber", "kind": "documentType", "customer": "customerNumber", "amount": "amount",
        "left": "remainingAmount", "currency": "currencyCode", "text": "externalDocumentNumber"}),
    "B": _Names(service=PUBLISHED, entity="Cust_LedgerEntries", columns={
        "day": "Posting_Date", "document": "Document_No", "kind": "Document_Type", "customer": "Customer_No", "amount": "Amount",
        "left": "Remaining_Amount", "currency": "Currency_Code"})}
VALUES: Final[Mapping[str, _Names]] = {
    "A": _Names(service=EXTENSION, entity="valueEntries", columns={
        "entry": "itemLedgerEntryNumber", "day": "postingDate", "document": "documentNumber", "item": "itemNumber",
        "expected": "costAmountExpected"}),
    "B": _Names(service=PUBLISHED, entity="ValueEntries", columns={
        "entry": "Item_Ledger_Entry_No", "day": "Posting_Date", "document": "Document_No", "item": "Item_No",
        "expected": "Cost_Amount_Expected", "type": "Item_Ledger_Entry_Type"})}


def open_sides(side: Side, accounts: Collection[str], first: date, last: date, *, payments: bool) -> OpenSides:
    """Read the entries of these accounts, what customers were paid, and what is valued as expected, each between two days."""
    mode, unread = side.mode.letter, list[str]()
    span = f"postingDate ge {first.isoformat()} and postingDate le {last.isoformat()}"
    (ledger,) = side.central.read([Ask(entity_set=LEDGER, select=(*LEDGER_COLUMNS, "description"), where=span, column="accountNumber",
                                       values=tuple(accounts))])
    outstanding: tuple[Outstanding, ...] = ()
    if payments and mode in CUSTOMERS:
        outstanding = tuple(_outstanding(side, CUSTOMERS[mode], first, last))
    elif payments:
        unread.append("what customers were paid is shown by no page of this deployment mode")
    came = tuple(_came(side, mode, first, last))
    return OpenSides(booked=tuple(_booked(ledger)), outstanding=outstanding, came=came, unread=tuple(unread), payments_unread=bool(unread))


def _booked(ledger: Sequence[Row]) -> Iterator[Booked]:
    for row in ledger:
        if day := day_of(row.get("postingDate")):
            yield Booked(account=str(row.get("accountNumber")), voucher=str(row.get("documentNumber") or ""), day=day,
                         amount=number(row.get("debitAmount")) - number(row.get("creditAmount")), text=str(row.get("description") or ""))


def _span(names: _Names, first: date, last: date) -> str:
    return f"{names.columns['day']} ge {first.isoformat()} and {names.columns['day']} le {last.isoformat()}"


def _outstanding(side: Side, names: _Names, first: date, last: date) -> Iterator[Outstanding]:
    (rows,) = side.central.read([names.ask(_span(names, first, last))], service=names.service)
    paid = [row for row in rows if plain(_said(row, names, "kind")) in PAID and number(_said(row, names, "amount")) > 0]
    texts = {} if "text" in names.columns else _texts(side, {str(_said(row, names, "document")) for row in paid})
    for row in paid:
        document, day = str(_said(row, names, "document") or ""), day_of(_said(row, names, "day"))
        if day is not None:
            yield Outstanding(
                customer=str(_said(row, names, "customer") or ""), document=document, day=day, amount=number(_said(row, names, "amount")),
                left=number(_said(row, names, "left")), currency=str(_said(row, names, "currency") or "") or side.currency,
                text=str(_said(row, names, "text") or "") if "text" in names.columns else texts.get(document, ""))


def _texts(side: Side, documents: Collection[str]) -> Mapping[str, str]:
    """Read what the general ledger calls these documents, where the customers' page does not say what they are about."""
    (rows,) = side.central.read([Ask(entity_set=LEDGER, select=("documentNumber", "description"), column="documentNumber",
                                     values=tuple(documents))])
    return {str(row.get("documentNumber")): str(row.get("description") or "") for row in rows}


def _came(side: Side, mode: str, first: date, last: date) -> Iterator[Came]:
    """Give what came in at an expected cost, and when the last of that was taken back; what is credited with its receipt never was open."""
    names = VALUES.get(mode)
    if names is None:
        return
    (rows,) = side.central.read([names.ask(_span(names, first, last))], service=names.service)
    by_entry: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: str(_said(row, names, "day"))):
        if number(_said(row, names, "expected")):
            by_entry.setdefault(str(_said(row, names, "entry")), []).append(row)
    for told in by_entry.values():
        begin, end, cost = told[0], told[-1], number(_said(told[0], names, "expected"))
        day = day_of(_said(begin, names, "day"))
        left = sum((number(_said(row, names, "expected")) for row in told), NOTHING)
        if cost > 0 and day is not None:
            yield Came(document=str(_said(begin, names, "document") or ""), item=str(_said(begin, names, "item") or ""), units=NOTHING,
                       cost=cost, day=day, credited_on=None if left else day_of(_said(end, names, "day")))


def _said(row: Row, names: _Names, column: str) -> object:
    return row.get(names.columns[column]) if column in names.columns else None

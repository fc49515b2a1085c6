"""What stands on the clearing and packing-slip accounts of a company, on its customers, and in stock that is not credited yet?

Accounts by their main account, whatever dimensions stand behind it, by the wildcard F&O filters know (facts/finance-scm 4); customers by
their transactions of the type Payment; stock by its physical date, and financially since its invoice.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Final

from backhaul.adapters.finance_scm import wire
from backhaul.adapters.finance_scm.entries import RECEIVED
from backhaul.adapters.odata import OData, Query, Row, day_of, enum, number, quoted
from backhaul.domain.errors import Misconfigured
from backhaul.domain.open_side import Booked, Came, OpenSides, Outstanding
from backhaul.domain.posting import is_mark

ENTRIES: Final = (*wire.SELECT[wire.LEDGER], "Description", "DocumentNumber", "TransactionCurrencyCode")
CUSTOMERS: Final = ("Voucher", "Txt", "AccountNum", "AmountCur", "SettleAmountCur", "CurrencyCode", "TransDate", "Closed", "TransType")
MOVES: Final = ("dataAreaId", "ReferenceId", "InventTransId", "ItemId", "Qty", "CostAmountPhysical", "DatePhysical", "DateFinancial",
                "VoucherPhysical", "StatusReceipt")


def open_sides(odata: OData, told: wire.Settings, accounts: Collection[str], first: date, last: date, *,  # noqa: PLR0913  all it asks by
               payments: bool) -> OpenSides:
    """Read the entries of these accounts, what customers were paid, and what came in, each between two days."""
    company = f"dataAreaId eq {quoted(told.company)}"
    # The day of an entry is a text there, so that it cannot be asked by (facts/finance-scm 1.6): whole accounts are read.
    queries = [Query(entity_set=wire.LEDGER, select=ENTRIES, column="LedgerAccount",
                     values=tuple(form for account in accounts for form in (account, f"{account}-*")))]
    if payments:
        queries.append(Query(entity_set=wire.CUSTOMER_LEDGER, select=CUSTOMERS, where=(
            f"{_span(company, 'TransDate', first, last)} and AmountCur gt 0 and TransType eq {enum('LedgerTransType', 'Payment')}")))
    ledger, *paid = odata.read(queries)
    unread: list[str] = []
    came = _came(odata, _span(company, "DatePhysical", first, last), unread)
    booked = (each for each in _booked(ledger, told.company, accounts) if first <= each.day <= last)
    return OpenSides(booked=tuple(booked), outstanding=tuple(_outstanding(paid[0] if paid else ())), came=came, unread=tuple(unread))


def _span(where: str, column: str, first: date, last: date) -> str:
    return f"{where} and {column} ge {first.isoformat()}T00:00:00Z and {column} le {last.isoformat()}T23:59:59Z"


def _booked(ledger: Sequence[Row], company: str, accounts: Collection[str]) -> Iterator[Booked]:
    for row in ledger:
        account = str(row.get("LedgerAccount") or "")
        main = next((name for name in accounts if account == name or account.startswith(f"{name}-")), "")
        day = day_of(row.get("AccountingDate"))
        if main and day and str(row.get("DataArea") or company).casefold() == company.casefold():
            yield Booked(account=main, voucher=str(row.get("Voucher") or ""), day=day, amount=number(row.get("AccountingCurrencyAmount")),
                         text=f"{row.get('DocumentNumber') or ''} {row.get('Description') or ''}".strip(),
                         currency=str(row.get("TransactionCurrencyCode") or ""), in_currency=number(row.get("TransactionCurrencyAmount")))


def _outstanding(paid: Sequence[Row]) -> Iterator[Outstanding]:
    for row in paid:
        if day := day_of(row.get("TransDate")):
            amount = number(row.get("AmountCur"))
            yield Outstanding(customer=str(row.get("AccountNum") or ""), document=str(row.get("Voucher") or ""), day=day, amount=amount,
                              left=amount - number(row.get("SettleAmountCur")), currency=str(row.get("CurrencyCode") or ""),
                              text=str(row.get("Txt") or ""), closed_on=day_of(row.get("Closed")))


def _came(odata: OData, span: str, unread: list[str]) -> tuple[Came, ...]:
    """Read what came in on orders; an environment need not show its stock transactions, and then says so."""
    where = f"{span} and Qty gt 0 and ReferenceCategory eq {enum('InventTransType', 'Sales')}"
    try:
        (moves,) = odata.read([Query(entity_set=wire.STOCK, select=MOVES, where=where)])
    except Misconfigured as away:
        unread.append(f"what is received and not credited cannot be read: {away}")
        return ()
    orders = {str(row.get("ReferenceId") or "") for row in moves} - {""}
    named = ((wire.RETURN_LINES, "ReturnOrderNumber"), (wire.SALES_LINES, "SalesOrderNumber"))
    lines, sales = odata.read([Query(entity_set=entity, select=wire.SELECT[entity], column=column, values=tuple(orders))
                               for entity, column in named])
    marks = {str(row.get("ReturnInventoryLotId") or row.get("InventoryLotId")): str(row.get("ExternalItemNumber") or "")
             for row in (*lines, *sales)}
    return tuple(_units(row, marks) for row in moves if row.get("StatusReceipt") in RECEIVED and day_of(row.get("DatePhysical")))


def _units(row: Row, marks: Mapping[str, str]) -> Came:
    mark, voucher = marks.get(str(row.get("InventTransId")), ""), str(row.get("VoucherPhysical") or "")
    return Came(mark=mark if is_mark(mark) else "", document=voucher, item=str(row.get("ItemId") or ""),
                units=number(row.get("Qty")), cost=number(row.get("CostAmountPhysical")), day=day_of(row.get("DatePhysical")) or date.min,
                credited_on=day_of(row.get("DateFinancial")) if row.get("StatusReceipt") == "Purchased" else None)

"""What do the books of a company show of returns between two days: stock, credit notes, losses and ledger, ours or not?

Read by date from what is posted, so that it needs no belief of ours about what should be there. A line's mark is reached the only way there
is: an invoice line names the number of its order line (`LineCreationSequenceNumber`), a stock transaction its lot, and the order line
carries our mark (facts/finance-scm 1.1, 1.6). What somebody posted against a credit note is found by its number: as the customer's
reference of an order, in the customer's ledger, or as what a free text invoice corrects. A few batches of reads, plus pages.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

from backhaul.adapters.finance_scm import wire
from backhaul.adapters.finance_scm.looking import NOTE_LINES, TAX
from backhaul.adapters.finance_scm.routes import Mode
from backhaul.adapters.odata import OData, Query, Row, day_of, enum, number, quoted
from backhaul.domain.disposition import Place
from backhaul.domain.entry import Entry, Shown, Side
from backhaul.domain.errors import Misconfigured
from backhaul.domain.posting import PostingKind, is_mark
from backhaul.domain.proof import Status

SALES: Final = frozenset({"SalesRevenue", "SalesReturn", "SalesDiscount"})
OWED: Final = frozenset({"CustBalance"})
CHARGES: Final = frozenset({"MarkupCust"})
"""Posting types of the sales side of a voucher (LedgerPostingType); inferred (facts/finance-scm 1.6)."""
MOVED: Final = (*wire.SELECT[wire.STOCK], "ItemId", "InventLocationId", "WMSLocationId", "InventStatusId", "DatePhysical", "StatusReceipt",
                "CurrencyCode")
RECEIVED: Final = frozenset({"Purchased", "Received"})
GONE: Final = frozenset({"Sold", "Deducted"})
SETTLES: Final = frozenset({"Payment", "Settlement"})
"""Transactions of a customer that name a credit note because they pay or settle it, and take nothing of it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Back:
    """What was posted against a credit note: its number, its voucher, and what it takes back with tax, more than nothing."""

    document: str
    voucher: str
    gross: Decimal


@dataclass(slots=True)
class _Books:
    """What was read of one company, row by row."""

    notes: Sequence[Row]
    note_lines: Mapping[tuple[str, str], Sequence[Row]]
    owed: Mapping[str, Row]
    ledger: Mapping[str, Sequence[Row]]
    moves: Sequence[Row]
    journals: Sequence[Row]
    arrived: Mapping[tuple[str, int], Row]
    open_lines: Sequence[Row]
    back: Mapping[str, Sequence[_Back]] = field(default_factory=dict)
    heads: Mapping[str, Row] = field(default_factory=dict)
    by_sequence: Mapping[tuple[str, int], Row] = field(default_factory=dict)
    by_lot: Mapping[tuple[str, str], Row] = field(default_factory=dict)


def entries_between(odata: OData, told: wire.Settings, mode: Mode, first: date, last: date) -> Shown:
    """Read every record of a return posted between two days, and every draft of ours that is not posted yet."""
    unread: dict[Side, str] = {}
    books = _read(odata, told, mode, first, last, unread)
    return Shown(entries=(*_credits(books), *_drafts(books), *_stock(books), *_losses(books), *_journals(books), *_ledger(books)),
                 unread=tuple(unread.values()), missing=frozenset(unread))


# --- reading


def _read(  # noqa: PLR0913, PLR0917  all it asks by
    odata: OData, told: wire.Settings, mode: Mode, first: date, last: date, unread: dict[Side, str],
) -> _Books:
    company = f"dataAreaId eq {quoted(told.company)}"

    def span(column: str) -> str:
        return f"{company} and {column} ge {first.isoformat()}T00:00:00Z and {column} le {last.isoformat()}T23:59:59Z"

    def ask(entity: str, where: str = company, *, column: str = "", values: Iterable[str] = (), expand: str = "") -> Query:
        return Query(entity_set=entity, select=MOVED if entity == wire.STOCK else wire.SELECT[entity], where=where, column=column,
                     values=tuple({*values} - {""}), expand=expand)

    notes, charged, owed, open_lines, open_orders = odata.read([
        ask(wire.INVOICES, f"{span('InvoiceDate')} and TotalInvoiceAmount lt 0", expand=NOTE_LINES),
        # What takes more than it gives is no credit in total; the ERP cannot be asked for the beginning of a mark.
        ask(wire.INVOICES, f"{span('InvoiceDate')} and TotalInvoiceAmount ge 0"),
        ask(wire.CUSTOMER_LEDGER, f"{span('TransDate')} and AmountCur lt 0"),
        ask(wire.RETURN_LINES, f"{company} and ReturnStatus ne {enum('ReturnStatusLine', 'Invoiced')}"),
        ask(wire.SALES_ORDERS, f"{company} and SalesOrderStatus eq {enum('SalesStatus', 'Backorder')}", column="SalesOrderPoolId",
            values=(told.hold_pool, told.invoice_pool))])
    back = _taken_back(odata, company, last, {str(row["InvoiceNumber"]) for row in notes}, charged)
    charged = [row for row in charged if is_mark(str(row.get("CustomersOrderReference") or ""))]
    came = _optional(odata, ask(wire.STOCK, f"{span('DatePhysical')} and Qty gt 0 and ReferenceCategory eq "
                                            f"{enum('InventTransType', 'Sales')}"), Side.STOCK, unread)
    # Where nothing of a return's usual way goes by journal, an environment need not show them.
    quietly = unread if mode.route.writes_off is PostingKind.ISSUE else {}
    journals = _optional(odata, ask(wire.STOCK_JOURNAL_LINES, f"{span('TransDate')} and Qty lt 0"), Side.LOSS, quietly)
    orders = {str(row.get("SalesOrderNumber") or "") for row in (*notes, *charged)} | {str(row.get("ReferenceId") or "") for row in came}
    waiting = {str(row["SalesOrderNumber"]) for row in open_orders if is_mark(str(row.get("CustomersOrderReference") or ""))}
    vouchers = {str(row.get("LedgerVoucher") or "") for row in (*notes, *charged)} | {
        str(row.get("Voucher") or "") for row in owed if row.get("Invoice")} | {str(row.get("VoucherPhysical") or "") for row in came} | {
        str(row.get("Voucher") or "") for row in journals} | {each.voucher for some in back.values() for each in some}
    taken, heads, lines, sales_heads, sales_lines, moves, ledger, arrived = odata.read([
        ask(wire.INVOICE_LINES, column="InvoiceNumber", values=(str(row["InvoiceNumber"]) for row in charged)),
        ask(wire.RETURN_ORDERS, column="ReturnOrderNumber", values=orders),
        ask(wire.RETURN_LINES, column="ReturnOrderNumber", values=orders),
        ask(wire.SALES_ORDERS, column="SalesOrderNumber", values=orders),
        ask(wire.SALES_LINES, column="SalesOrderNumber", values=orders | waiting),
        ask(wire.STOCK, column="ReferenceId", values=() if Side.STOCK in unread else orders),
        ask(wire.LEDGER, "", column="Voucher", values=vouchers),
        ask(wire.TRANSFER_LINES, column="JournalNumber", values=(str(row["JournalId"]) for row in journals))])
    note_lines = {_name(row): list(row.get(NOTE_LINES) or ()) for row in notes}
    for row in taken:
        note_lines.setdefault(_name(row), []).append(row)
    by_voucher: dict[str, list[Row]] = {}
    for row in ledger:
        if str(row.get("DataArea") or told.company).casefold() == told.company.casefold():
            by_voucher.setdefault(str(row.get("Voucher")), []).append(row)
    mine = [*lines, *sales_lines]
    return _Books(
        notes=[*notes, *charged], note_lines=note_lines, owed={str(row["Voucher"]): row for row in owed if row.get("Invoice")},
        ledger=by_voucher, moves=moves, journals=journals,
        arrived={(str(row["JournalNumber"]), int(number(row.get("LineNumber")))): row for row in arrived},
        open_lines=[*open_lines, *(row for row in sales_lines if str(row["SalesOrderNumber"]) in waiting)],
        back=back, heads={_order(row): row for row in (*heads, *sales_heads)},
        by_sequence={(_order(row), int(number(row.get("LineCreationSequenceNumber")))): row for row in mine},
        by_lot={(_order(row), str(row.get("ReturnInventoryLotId") or row.get("InventoryLotId"))): row for row in mine})


def _taken_back(odata: OData, company: str, last: date, notes: Collection[str], charged: Sequence[Row]) -> Mapping[str, Sequence[_Back]]:
    """Find what was posted against these credit notes until a day, by the number of the note.

    An environment need not show free text invoices. What they are called in the customer's ledger is their number; inferred.
    """
    select, until = wire.SELECT[wire.CUSTOMER_LEDGER], f"{company} and AmountCur gt 0 and TransDate le {last.isoformat()}T23:59:59Z"
    found: dict[str, list[_Back]] = {}
    free, owed = odata.read([
        Query(entity_set=wire.FREE_TEXT, select=wire.SELECT[wire.FREE_TEXT], where=f"{company} and IsPosted eq {enum('NoYes', 'Yes')}",
              column="CorrectedInvoiceId", values=tuple(notes)),
        Query(entity_set=wire.CUSTOMER_LEDGER, select=select, where=until, column="Invoice", values=tuple(notes))],
        optional=frozenset({wire.FREE_TEXT}))
    corrects = {str(row.get("FreeTextNumber")): str(row.get("CorrectedInvoiceId")) for row in free if row.get("FreeTextNumber")}
    (named,) = odata.read([Query(entity_set=wire.CUSTOMER_LEDGER, select=select, where=until, column="Invoice", values=tuple(corrects))])
    for row in (*owed, *named):
        if row.get("TransType") not in SETTLES:
            number_, voucher = str(row.get("Invoice")), str(row.get("Voucher"))
            found.setdefault(corrects.get(number_, number_), []).append(
                _Back(document=number_ if number_ in corrects else voucher, voucher=voucher, gross=number(row.get("AmountCur"))))
    for row in charged:
        if (note := str(row.get("CustomersOrderReference") or "")) in notes and number(row.get("TotalInvoiceAmount")) > 0:
            found.setdefault(note, []).append(_Back(document=str(row["InvoiceNumber"]), voucher=str(row.get("LedgerVoucher") or ""),
                                                    gross=number(row.get("TotalInvoiceAmount"))))
    return found


def _optional(odata: OData, query: Query, side: Side, unread: dict[Side, str]) -> Sequence[Row]:
    """Read a set that an environment may not show; then say which side is not known."""
    try:
        (rows,) = odata.read([query])
    except Misconfigured as away:
        unread[side] = f"the {side.value} side cannot be read: {away}"
        return ()
    return rows


def _order(row: Row) -> str:
    return str(row.get("ReturnOrderNumber") or row.get("SalesOrderNumber") or "")


def _name(row: Row) -> tuple[str, str]:
    return str(row.get("InvoiceNumber")), str(row.get("LedgerVoucher"))


def _mark(row: Row | None) -> str:
    text = str((row or {}).get("ExternalItemNumber") or "")
    return text if is_mark(text) else ""


# --- the sides


def _credits(books: _Books) -> Iterator[Entry]:
    """Give every line of every credit note; what takes from a customer has the other sign. A note without lines says so."""
    for head in books.notes:
        order, voucher = str(head.get("SalesOrderNumber") or ""), str(head.get("LedgerVoucher") or "")
        lines = books.note_lines.get(_name(head), ())
        about: dict[str, Any] = {"side": Side.CREDIT, "document": str(head.get("InvoiceNumber")), "voucher": voucher,
                 "customer": str(head.get("InvoiceCustomerAccountNumber") or "") or None,
                 "sale": str(books.heads.get(order, {}).get("CustomerRequisitionNumber") or "") or None,
                 "currency": str(head.get("CurrencyCode") or "") or None, "posted_on": day_of(head.get("InvoiceDate"))}
        if not lines:
            yield Entry(**about, status=Status.EMPTY)
        undone, rest = _undone(head, lines, books.back.get(str(head.get("InvoiceNumber")), ()))
        marks = [_mark(books.by_sequence.get((order, int(number(line.get("LineCreationSequenceNumber")))))) for line in lines]
        for at, (mark, line) in enumerate(zip(marks, lines, strict=True)):
            told = about | ({"status": Status.REVERSED, "document": undone[at]} if at in undone else {})
            yield Entry(**told, mark=mark, item=str(line.get("ProductNumber") or "") or None,
                        unit=str(line.get("SalesUnitSymbol") or "") or None,
                        units=-number(line.get("InvoicedQuantity")), net=-number(line.get("LineAmount")),
                        tax=-number(line.get("LineTotalTaxAmount")))
        for each in rest:  # of a note with one line it can only be that line's
            net = _sums(books.ledger.get(each.voucher, ()))[0] or -each.gross
            yield Entry(**about | {"document": each.document}, mark=marks[0] if len(marks) == 1 else "", units=Decimal(0), net=net,
                        tax=-each.gross - net)
    invoiced = {str(head.get("LedgerVoucher")) for head in books.notes}
    for voucher, owed in books.owed.items():
        if voucher not in invoiced:  # a credit that no sales invoice stands for: free text, or by journal
            net, _ = _sums(books.ledger.get(voucher, ()))
            yield Entry(side=Side.CREDIT, document=str(owed.get("Invoice")), voucher=voucher, net=net,
                        posted_on=day_of(owed.get("TransDate")), customer=str(owed.get("AccountNum") or "") or None,
                        currency=str(owed.get("CurrencyCode") or "") or None)


def _undone(head: Row, lines: Sequence[Row], back: Sequence[_Back]) -> tuple[Mapping[int, str], Sequence[_Back]]:
    """Say which lines of a credit note are taken back whole, each by which document, and what takes something else back.

    Together they take back the whole note, or each just what one line gave with its tax and charges.
    """
    if back and sum((each.gross for each in back), Decimal(0)) == -number(head.get("TotalInvoiceAmount")):
        return dict.fromkeys(range(len(lines)), back[0].document), ()
    undone: dict[int, str] = {}
    rest: list[_Back] = []
    for each in back:
        mine = next((at for at, line in enumerate(lines) if at not in undone and each.gross == -sum(
            number(line.get(name)) for name in ("LineAmount", "LineTotalTaxAmount", "LineTotalChargeAmount"))), None)
        if mine is None:
            rest.append(each)
        else:
            undone[mine] = each.document
    return undone, rest


def _drafts(books: _Books) -> Iterator[Entry]:
    """Give the lines of ours that wait on an order: nothing of them is credited yet."""
    for row in books.open_lines:
        if mark := _mark(row):
            yield Entry(side=Side.CREDIT, document=_order(row), mark=mark, status=Status.DRAFT)


def _stock(books: _Books) -> Iterator[Entry]:
    """Give what came in on orders; what came in and went out again without credit moved nothing."""
    passed = _passed(books)
    for row in books.moves:
        if number(row.get("Qty")) > 0 and row.get("StatusReceipt") in RECEIVED and _lot(row) not in passed:
            yield _moved(books, row, Side.STOCK, 1)


def _losses(books: _Books) -> Iterator[Entry]:
    """Give what left stock again by its own disposition on a return order."""
    passed = _passed(books)
    for row in books.moves:
        if number(row.get("Qty")) < 0 and row.get("StatusIssue") in GONE and _lot(row) not in passed:
            yield _moved(books, row, Side.LOSS, -1)


def _journals(books: _Books) -> Iterator[Entry]:
    """Give what inventory journals took out of stock, and what a transfer brought to another place by it."""
    for row in books.journals:
        if not row.get("Voucher"):
            continue
        journal, line = str(row.get("JournalId")), int(number(row.get("LineNum")))
        about: dict[str, Any] = {"side": Side.STOCK, "document": journal, "journal": journal, "mark": str(line),
                                 "voucher": str(row["Voucher"]), "item": str(row.get("ItemId") or "") or None,
                                 "posted_on": day_of(row.get("TransDate"))}
        yield Entry(**about, units=number(row.get("Qty")), cost=number(row.get("CostAmount")), place=Place(
            warehouse=str(row.get("InventLocationId") or ""), location=str(row.get("WMSLocationId") or "")))
        if end := books.arrived.get((journal, line)):
            yield Entry(**about, units=-number(row.get("Qty")), cost=-number(row.get("CostAmount")), place=Place(
                warehouse=str(end.get("DestinationWarehouseId") or ""), location=str(end.get("DestinationWarehouseLocationId") or ""),
                status=str(end.get("DestinationInventoryStatusId") or "")))


def _passed(books: _Books) -> Collection[tuple[str, str]]:
    """Name the lots that came in and went out again and were never credited: goods that went back to the customer."""
    sums: dict[tuple[str, str], Decimal] = {}
    for row in books.moves:
        if row.get("StatusReceipt") in RECEIVED or row.get("StatusIssue") in GONE:
            sums[_lot(row)] = sums.get(_lot(row), Decimal(0)) + number(row.get("Qty"))
    credited = {(order, str(sold.get("ReturnInventoryLotId"))) for head in books.notes
                for order in [str(head.get("SalesOrderNumber") or "")] for line in books.note_lines.get(_name(head), ())
                if (sold := books.by_sequence.get((order, int(number(line.get("LineCreationSequenceNumber"))))))}
    return {lot for lot, units in sums.items() if not units and lot not in credited}


def _lot(row: Row) -> tuple[str, str]:
    return str(row.get("ReferenceId") or ""), str(row.get("InventTransId") or "")


def _moved(books: _Books, row: Row, side: Side, sign: int) -> Entry:
    order, lot = _lot(row)
    posted = number(row.get("CostAmountPosted")) + number(row.get("CostAmountAdjustment"))
    cost = posted or number(row.get("CostAmountPhysical"))
    head = books.heads.get(order, {})
    customer = str(head.get("CustomerAccountNumber") or head.get("OrderingCustomerAccountNumber") or "") or None
    return Entry(side=side, document=str(row.get("VoucherPhysical") or order), voucher=str(row.get("VoucherPhysical") or ""),
                 customer=customer, sale=str(head.get("CustomerRequisitionNumber") or "") or None,
                 mark=_mark(books.by_lot.get((order, lot))), item=str(row.get("ItemId") or "") or None,
                 place=Place(warehouse=str(row.get("InventLocationId") or ""), location=str(row.get("WMSLocationId") or ""),
                             status=str(row.get("InventStatusId") or "")),
                 units=sign * number(row.get("Qty")), cost=sign * cost, posted_on=day_of(row.get("DatePhysical")))


def _ledger(books: _Books) -> Iterator[Entry]:
    """Give each voucher of a credit as the general ledger has it, from both of its sides, with what was posted against the credit."""
    against_it = {str(head.get("LedgerVoucher")): {each.voucher for each in books.back.get(str(head.get("InvoiceNumber")), ())}
                  for head in books.notes}
    apart = {voucher for some in against_it.values() for voucher in some}
    for voucher, own in books.ledger.items():
        if voucher in apart:
            continue
        rows = [*own, *(row for other in against_it.get(voucher, ()) for row in books.ledger.get(other, ()))]
        net, against = _sums(rows)
        days = [day for row in rows if (day := day_of(row.get("AccountingDate")))]
        yield Entry(side=Side.LEDGER, document=voucher, voucher=voucher, net=net, against=against, posted_on=min(days, default=None))


def _sums(rows: Iterable[Row]) -> tuple[Decimal, Decimal]:
    """Add up what a voucher books on accounts of sales and returns, and what it takes off the customer less tax and charges.

    Goods and their cost balance by themselves; where they do not, an entry of theirs is gone, and the other side says by how much.
    """
    net = other = goods = Decimal(0)
    for row in rows:
        kind = str(row.get("PostingType"))
        net += number(row.get("TransactionCurrencyAmount")) if kind in SALES else Decimal(0)
        other += number(row.get("TransactionCurrencyAmount")) if kind in OWED | TAX | CHARGES else Decimal(0)
        goods += number(row.get("AccountingCurrencyAmount")) if kind not in SALES | OWED | TAX | CHARGES else Decimal(0)
    return net, -other - goods

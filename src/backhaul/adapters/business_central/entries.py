"""What do the books of a company show of returns between two days: stock, credit memos and ledger, ours or not?

Read by posting date from what is posted. A memo's line carries our mark itself, except where the extension made it: then its request says
which line is which. Item ledger entries name no line, so those of a document go to its lines by item and units; what is left of an item
belongs to no line of ours (facts/business-central 3 and 4).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from backhaul.adapters.business_central import bridge, inbox, wire
from backhaul.adapters.business_central.central import EXTENSION, PUBLISHED, Ask
from backhaul.adapters.business_central.journals import ENTRIES, SELECT
from backhaul.adapters.business_central.looking import LEDGER, LEDGER_COLUMNS, LEDGER_TYPE, STOCK_TYPES, Side as Books
from backhaul.adapters.business_central.masters import COLUMNS, STOCK, Masters
from backhaul.adapters.business_central.wire import DRAFTS, ENDED, INVOICES, LINES_OF, MEMOS, NO_BIN, plain
from backhaul.adapters.odata import Row, day_of, number, quoted
from backhaul.domain.disposition import Place
from backhaul.domain.entry import Entry, Shown, Side
from backhaul.domain.posting import PostingKind, is_mark
from backhaul.domain.proof import Status

NOTHING: Final = Decimal(0)
CANCELLED: Final = "Canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One line of a document that is not a comment, with the mark of ours it belongs to; `goods` moves stock."""

    row: Row
    mark: str
    goods: bool

    @property
    def item(self) -> str:
        """Name its item or account."""
        return str(self.row.get("lineObjectNumber") or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """How the books of one company are read: as its ledger side, with its places, and the items that are services."""

    books: Books
    masters: Masters
    services: frozenset[str]

    def entries(self, first: date, last: date) -> Shown:
        """Read every record of a return posted between two days, and every draft of ours that is not posted yet."""
        span = f"postingDate ge {first.isoformat()} and postingDate le {last.isoformat()}"
        memos, charged, ledger, moved = self.books.central.read([
            Ask(entity_set=MEMOS, select=wire.SELECT[MEMOS], where=span, expand=LINES_OF[MEMOS]),
            Ask(entity_set=INVOICES, select=wire.SELECT[INVOICES], where=f"{span} and startswith(externalDocumentNumber,'ZZ')",
                expand=LINES_OF[INVOICES]),
            Ask(entity_set=LEDGER, select=LEDGER_COLUMNS, where=span), Ask(entity_set=STOCK, select=COLUMNS[STOCK], where=span)])
        booked = {kind: _by(row for row in ledger if plain(row.get("documentType")) == LEDGER_TYPE[kind]) for kind in (MEMOS, INVOICES)}
        charged = [row for row in charged if is_mark(str(row.get("externalDocumentNumber") or ""))]
        requests = self._requests(memos)
        entries = list[Entry]()
        unread: list[str] = [] if self._named else [
            "the options receivable_accounts and tax_accounts are not set, so what the general ledger books of a memo is not compared"]
        stock = [row for row in moved if plain(row.get("documentType")) in STOCK_TYPES and str(row.get("itemNumber")) not in self.services]
        values = self._values(memos)
        for kind, heads in ((MEMOS, memos), (INVOICES, charged)):
            for head in heads:
                entries += self._document(kind, head, requests, booked[kind])
        ours = {str(head["number"]): self._lines(head, MEMOS, requests) for head in memos if _is_posted(head, booked[MEMOS])}
        entries += self._came(ours, {str(head["number"]): head for head in memos}, stock, values, requests)
        entries += self._booked(booked, {str(head["number"]) for head in (*memos, *charged)})
        goods = _by(row for row in ledger if not plain(row.get("documentType")))
        entries += self._ledger(booked, goods, [*memos, *charged], unread)
        entries += [*self._journals(span, goods), *self._waiting()]
        return Shown(entries=tuple(entries), unread=tuple(unread))

    @property
    def _named(self) -> bool:
        return bool(self.books.told.receivable_accounts and self.books.told.tax_accounts)

    # --- reading

    def _requests(self, memos: Sequence[Row]) -> Mapping[str, Row]:
        """Read the requests that memos were made of, by the mark both carry; only our extension has them."""
        marks = {text for row in memos if is_mark(text := str(row.get("externalDocumentNumber") or ""))}
        if not self.books.mode.inboxed or not marks:
            return {}
        (rows,) = self.books.central.read([Ask(
            entity_set=inbox.REQUESTS, select=inbox.SELECT[inbox.REQUESTS], where=f"sourceSystem eq '{inbox.SENDER}'", column="externalId",
            values=tuple(marks), expand=inbox.LINES)], service=EXTENSION)
        return {str(row.get("externalDocumentNumber")): row for row in rows}

    def _values(self, memos: Sequence[Row]) -> Mapping[str, Sequence[Row]]:
        """Read what goods of memos came back at where a job received them: they stand under its receipts, their values under the memo."""
        if not self.books.mode.bridged:
            return {}
        return bridge.Bridge(central=self.books.central).values({str(row["number"]) for row in memos})

    def _lines(self, head: Row, kind: str, requests: Mapping[str, Row]) -> list[_Line]:
        """Give the lines of a document that are no comments, each with its mark."""
        rows = [row for row in head.get(LINES_OF[kind]) or () if plain(row.get("lineType")) != "Comment" and number(row.get("quantity"))]
        left = list(requests.get(str(head.get("externalDocumentNumber") or ""), {}).get(inbox.LINES) or ())
        found = []
        for row in rows:
            mark = str(row.get("description2") or "")
            wanted = (str(row.get("lineObjectNumber") or ""), number(row.get("quantity")), number(row.get("unitPrice")))
            alike = next((line for line in left if (str(line.get("number") or ""), number(line.get("quantity")),
                                                    number(line.get("unitPrice"))) == wanted), None)
            if alike is not None:
                left.remove(alike)
                mark = str(alike.get("externalLineId") or "")
            item = str(row.get("lineObjectNumber") or "")
            found.append(_Line(row=row, mark=mark if is_mark(mark) else "",
                               goods=plain(row.get("lineType")) == "Item" and item not in self.services))
        return found

    # --- the sides

    def _document(self, kind: str, head: Row, requests: Mapping[str, Row], booked: Mapping[str, Sequence[Row]]) -> Iterator[Entry]:
        """Give every line of a memo, or of an invoice of ours that takes from a customer; a draft is told as one."""
        sign = 1 if kind == MEMOS else -1
        status = Status.REVERSED if plain(head.get("status")) == CANCELLED else \
            Status.POSTED if _is_posted(head, booked) else Status.DRAFT
        lines, document = self._lines(head, kind, requests), str(head["number"])
        about: dict[str, Any] = {
            "side": Side.CREDIT, "document": document, "voucher": document, "customer": str(head.get("customerNumber") or "") or None,
            "currency": str(head.get("currencyCode") or "") or self.books.currency, "posted_on": day_of(head.get("postingDate"))}
        if status is Status.DRAFT:
            yield from (Entry(side=Side.CREDIT, document=document, mark=line.mark, status=status) for line in lines if line.mark)
            return
        if not lines:
            yield Entry(**about, status=Status.EMPTY)
        for line in lines:
            goods = plain(line.row.get("lineType")) == "Item"
            item, unit = (line.item, str(line.row.get("unitOfMeasureCode") or "") or None) if goods else (None, None)
            yield Entry(**about, status=status, mark=line.mark, item=item, unit=unit, tax_code=str(line.row.get("taxCode") or "") or None,
                        units=sign * number(line.row.get("quantity")),
                        net=sign * number(line.row.get("netAmount")), tax=sign * number(line.row.get("netTaxAmount")))

    def _came(self, ours: Mapping[str, Sequence[_Line]], heads: Mapping[str, Row], stock: Sequence[Row],
              values: Mapping[str, Sequence[Row]], requests: Mapping[str, Row]) -> Iterator[Entry]:
        """Bring what came into stock to the lines of its memo, by item and units; what is left of an item belongs to none."""
        by_document = _by(stock)
        taken: dict[str, Decimal] = {}
        for document, lines in ours.items():
            head = heads[document]
            receipt = str(requests.get(str(head.get("externalDocumentNumber") or ""), {}).get("returnReceiptNumber") or "")
            rows = [(str(row.get("Item_No")), number(row.get("Invoiced_Quantity")), number(row.get("Cost_Amount_Actual")))
                    for row in values.get(document, ())] or [
                (str(row.get("itemNumber")), number(row.get("quantity")), number(row.get("costAmountActual")))
                for row in (*by_document.get(document, ()), *(by_document.get(receipt, ()) if receipt else ()))]
            left = [row for row in rows if row[1] > 0 and row[0] not in self.services]
            for line in sorted((line for line in lines if line.goods), key=lambda line: not line.mark):
                units = number(line.row.get("quantity"))
                mine = [row for row in left if row[0] == line.item and row[1] == units][:1]
                mine = mine or [row for row in left if row[0] == line.item][:1]
                for item, came, cost in mine:
                    left.remove((item, came, cost))
                    taken[item] = taken.get(item, NOTHING) + came
                    yield Entry(side=Side.STOCK, document=receipt or document, voucher=document, mark=line.mark, item=item, units=came,
                                cost=cost, place=self._place(line.row), posted_on=day_of(head.get("postingDate")),
                                customer=str(head.get("customerNumber") or "") or None)
        yield from self._strays(stock, taken)

    def _strays(self, stock: Sequence[Row], taken: Mapping[str, Decimal]) -> Iterator[Entry]:
        """Give what came in of an item beyond what memos credit, as the last receipts of it."""
        rest = dict(taken)
        for row in sorted(stock, key=lambda row: int(number(row.get("entryNumber")))):
            item, units = str(row.get("itemNumber")), number(row.get("quantity"))
            known = min(rest.get(item, NOTHING), units)
            rest[item] = rest.get(item, NOTHING) - known
            if units > known:
                cost = number(row.get("costAmountActual")) * (units - known) / units
                yield Entry(side=Side.STOCK, document=str(row.get("documentNumber")), item=item, units=units - known, cost=cost,
                            posted_on=day_of(row.get("postingDate")))

    def _journals(self, span: str, goods: Mapping[str, Sequence[Row]]) -> Iterator[Entry]:
        """Give what item journals moved and what of it is booked, by the extension that writes them; an entry carries our line's number."""
        if PostingKind.ISSUE not in self.books.mode.route.goods:
            return
        (rows,) = self.books.central.read([Ask(entity_set=ENTRIES, select=SELECT[ENTRIES], where=span)], service=EXTENSION)
        for row in rows:
            if mark := str(row.get("externalDocumentNumber") or ""):
                number_ = str(row.get("documentNumber"))
                yield Entry(side=Side.STOCK, document=number_, voucher=number_, journal=number_, mark=mark,
                            item=str(row.get("itemNumber") or "") or None, units=number(row.get("quantity")),
                            cost=number(row.get("costAmountActual")), posted_on=day_of(row.get("postingDate")),
                            place=Place(warehouse=str(row.get("locationCode") or ""), location=NO_BIN))
        for document in sorted({str(row.get("documentNumber")) for row in rows} & goods.keys()):
            apart = sum((number(row.get("debitAmount")) - number(row.get("creditAmount")) for row in goods[document]), NOTHING)
            yield Entry(side=Side.LEDGER, document=document, voucher=document, net=NOTHING, against=-apart,
                        posted_on=min((day for row in goods[document] if (day := day_of(row.get("postingDate")))), default=None))

    def _place(self, row: Row) -> Place | None:
        code = self.masters.location_of(str(row.get("locationId") or ""))
        return Place(warehouse=code, location=NO_BIN) if code else None

    def _booked(self, booked: Mapping[str, Mapping[str, Sequence[Row]]], known: set[str]) -> Iterator[Entry]:
        """Give credits the general ledger holds that no memo stands for: by journal, say."""
        for document, rows in booked[MEMOS].items():
            if document not in known:
                yield Entry(side=Side.CREDIT, document=document, voucher=document, net=self._sums(rows)[0], currency=self.books.currency,
                            posted_on=min((day for row in rows if (day := day_of(row.get("postingDate")))), default=None))

    def _ledger(self, booked: Mapping[str, Mapping[str, Sequence[Row]]], goods: Mapping[str, Sequence[Row]], heads: Sequence[Row],
                unread: list[str]) -> Iterator[Entry]:
        """Give each document of a credit as the general ledger has it; one in a foreign currency as it says itself, for the books differ.

        What it books of `goods` balances by itself; where it does not, an entry is gone, and the other side says by how much.
        """
        by_number = {str(head["number"]): head for head in heads}
        foreign = set[str]()
        for kind, documents in booked.items():
            for document, rows in documents.items():
                head = by_number.get(document)
                if head is None and kind == INVOICES:
                    continue
                currency = str((head or {}).get("currencyCode") or "") or self.books.currency
                net, against = self._sums(rows)
                apart = sum((number(row.get("debitAmount")) - number(row.get("creditAmount")) for row in goods.get(document, ())), NOTHING)
                against = None if against is None else against - apart
                if head is not None and (currency != self.books.currency or not self._named):
                    foreign |= {currency} - {self.books.currency}
                    sign = 1 if kind == MEMOS else -1
                    net, against = sign * number(head.get("totalAmountExcludingTax")), None
                yield Entry(side=Side.LEDGER, document=document, voucher=document, net=net, against=against,
                            posted_on=min((day for row in rows if (day := day_of(row.get("postingDate")))), default=None))
        if foreign:
            unread.append(f"credits in {', '.join(sorted(foreign))} are booked in {self.books.currency}, so that the general ledger holds "
                          "them is known, and not how much of each")

    def _sums(self, rows: Iterable[Row]) -> tuple[Decimal, Decimal | None]:
        """Add up what a document books on accounts of sales and returns, and what it takes off the customer less tax."""
        told, sums = self.books.told, {"owed": NOTHING, "tax": NOTHING, "rest": NOTHING}
        for row in rows:
            account = str(row.get("accountNumber"))
            kind = "owed" if account in told.receivable_accounts else "tax" if account in told.tax_accounts else "rest"
            sums[kind] += number(row.get("debitAmount")) - number(row.get("creditAmount"))
        return sums["rest"], -sums["owed"] - sums["tax"] if self._named else None

    def _waiting(self) -> Iterator[Entry]:
        """Give the lines of ours that wait on a request or a return order: nothing of them is credited yet."""
        if self.books.mode.inboxed:
            (rows,) = self.books.central.read([Ask(
                entity_set=inbox.REQUESTS, select=inbox.SELECT[inbox.REQUESTS],
                where=f"sourceSystem eq '{inbox.SENDER}' and status ne '{inbox.DONE}'", expand=inbox.LINES)], service=EXTENSION)
            for row in rows:
                yield from (Entry(side=Side.CREDIT, document=str(row.get("externalId")), mark=str(line["externalLineId"]),
                                  status=Status.DRAFT) for line in row.get(inbox.LINES) or ())
        if PostingKind.ORDER_LINE in self.books.mode.bridged:
            (rows,) = self.books.central.read([Ask(
                entity_set=bridge.LINES, select=bridge.SELECT[bridge.LINES], where=f"documentType eq {quoted(bridge.RETURN_ORDER)}")],
                service=PUBLISHED)
            yield from (Entry(side=Side.CREDIT, document=str(row.get("documentNumber")), mark=mark, status=Status.DRAFT)
                        for row in rows if is_mark(mark := str(row.get("description2") or "")))


def _is_posted(head: Row, booked: Mapping[str, Sequence[Row]]) -> bool:
    """Tell whether it is posted: `Open` is a released draft as well, so then the general ledger says it (facts/business-central 3.3)."""
    status = plain(head.get("status"))
    return status not in DRAFTS and (status in ENDED or str(head["number"]) in booked)


def _by(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row.get("documentNumber")), []).append(row)
    return found

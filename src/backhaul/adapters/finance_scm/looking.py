"""What does the ERP hold with our marks?

Reading only. `find` asks everything in one `$batch` of GETs and a second one only where an answer leaves a question; `credits_between`
reads the ledger side. Servers may fold case, so every mark is compared again here, letter by letter (ERP-22).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final

from backhaul.adapters.finance_scm import wire
from backhaul.adapters.finance_scm.journals import SHAPES, stock_document, type_of
from backhaul.adapters.finance_scm.routes import Mode
from backhaul.adapters.finance_scm.visibility import SIGN, sent, settled
from backhaul.adapters.odata import OData, Query, Row, day_of, number, quoted
from backhaul.domain.allocation import journal, split
from backhaul.domain.disposition import JournalType, Place
from backhaul.domain.posting import (
    Adjustment,
    CreditNote,
    ErpDocument,
    JournalLine,
    OrderLine,
    Posting,
    PostingKey,
    PostingKind,
    Receipt,
    Spare,
    Transfer,
    named,
)

Found = dict[PostingKey, ErpDocument]
OURS: Final = 100_000_000
"""Arrival line numbers from here on are the ones we gave (`wire.line_number`)."""
ARRIVED: Final = frozenset({"Registered", "Received", "Invoiced"})
NOTE_LINES: Final = "SalesInvoiceLinesV2"
COST: Final = frozenset({"SalesConsump"})
TAX: Final = frozenset({"Tax"})
"""Posting types of the cost of goods sold and of sales tax (LedgerPostingType); inferred (facts/finance-scm 1.6)."""


class Look:
    """One look: what is asked for, then the tables that came back."""

    def __init__(self, odata: OData, told: wire.Settings, mode: Mode, postings: Collection[Posting],  # noqa: PLR0913, PLR0917  all it looks for
                 basis: Mapping[PostingKey, ErpDocument],
                 batches: Mapping[PostingKey, str], allocations: Mapping[str, Sequence[JournalLine]] | None = None) -> None:
        """Sort out which documents can be asked for by which column."""
        self.odata, self.told, self.mode, self.basis, self.batches = odata, told, mode, basis, batches
        self.postings = sorted(postings, key=lambda posting: posting.key)
        self.promised = {key: line for batch, lines in (allocations or {}).items() for line in lines for share in line.shares
                         if batches.get(key := PostingKey.parse(share.key)) == batch}
        self.order = orders_of(self.postings, basis)
        self.used: set[tuple[str, ...]] = set()

    def run(self) -> Found:
        """Ask, then match each posting with what came back."""
        kind = PostingKind
        sold = self.mode.sales
        heads, lines = {kind.ORDER, kind.FEE_ORDER}, {kind.ORDER_LINE, kind.FEE_LINE, kind.CREDIT_NOTE, kind.FEE_CREDIT_NOTE}
        by_hand, by_journal = self.mode.receives_by_hand, self.mode.receives_by_journal
        self.heads = self._ask(wire.RETURN_ORDERS, "CustomersOrderReference", self._marks(*heads - sold))
        self.sales_heads = self._ask(wire.SALES_ORDERS, "CustomersOrderReference", self._marks(*heads & sold))
        self.releases = self._ask(wire.SALES_ORDERS, "SalesOrderNumber", self._orders(kind.RELEASE, kind.FEE_RELEASE))
        self.stops = self._ask(wire.RETURN_ORDERS, "ReturnOrderNumber", self._orders(kind.STOP))
        self.lines = self._ask(wire.RETURN_LINES, "ReturnOrderNumber", self._orders(*lines - sold, *([kind.RECEIPT] if by_hand else ())))
        self.sales_lines = self._ask(wire.SALES_LINES, "SalesOrderNumber", self._orders(*lines & sold))
        self.journals = self._ask(wire.JOURNALS, "JournalDescription", [self.batches.get(posting.key, "") for posting in self.postings
                                                                       if posting.key.kind is kind.RECEIPT and by_journal])
        self.arrivals = self._ask(wire.JOURNAL_LINES, "TransactionReferenceNumber",
                                  self._orders(kind.RECEIPT, kind.CREDIT_NOTE) if by_journal else ())
        # The navigation is named after its lines' version, the set is not: SalesInvoiceV2Lines (facts/finance-scm 1.6). First level only
        # (facts/finance-scm 4).
        self.invoices = self._ask(wire.INVOICES, "SalesOrderNumber", self._orders(kind.CREDIT_NOTE, kind.FEE_CREDIT_NOTE), NOTE_LINES)
        # What came back to stock stands under the return order; where the set is not there, cost is not compared.
        self.stock = self._ask(wire.STOCK, "ReferenceId", self._orders(kind.CREDIT_NOTE))
        self.totals = self._ask(wire.RETURN_ORDERS, "ReturnOrderNumber", self._orders(*{kind.ORDER_LINE} - sold))
        mine = [posting for posting in self.postings if posting.key in self.promised]
        # By line number, so that a journal with another number than the batch's key is seen as well.
        self.stock_lines = self._ask(wire.STOCK_JOURNAL_LINES, "LineNum", {str(self.promised[posting.key].number) for posting in mine})
        self.stock_journals = self._ask(wire.STOCK_JOURNALS, "JournalId", {self.batches.get(posting.key, "") for posting in mine})
        self.moved = self._ask(wire.TRANSFER_LINES, "JournalNumber", {self.batches.get(posting.key, "") for posting in mine
                                                                      if isinstance(posting.document, Transfer)})
        seen = [posting for posting in mine if posting.key.kind in SIGN and type_of(posting) is JournalType.ADJUSTMENT] \
            if self.mode.adjusts_once else []
        self.seen_heads = self._ask(wire.STOCK_JOURNALS, "JournalNameId", {
            journal(posting.document)[0] or self.told.journal_names[JournalType.ADJUSTMENT] for posting in seen})
        self.seen_lines = self._ask(wire.STOCK_JOURNAL_LINES, "ItemId", {named(self.promised[posting.key]).number for posting in seen})
        spares = [posting.document for posting in self.postings if isinstance(posting.document, Spare)]
        self.left = {entity: self._ask(entity, wire.KEYS[entity][1], [spare.ids.get(wire.KEYS[entity][1], "") for spare in spares
                                                                      if wire.set_of(spare) == entity]) for entity in wire.KEYS}
        tables = [self.heads, self.sales_heads, self.releases, self.stops, self.lines, self.sales_lines, self.journals,
                  self.arrivals, self.invoices, self.stock_lines, self.stock_journals, self.moved, self.stock, self.totals,
                  self.seen_heads, self.seen_lines, *self.left.values()]
        self._fill(tables)
        self.with_lines = self._orders_with_lines()
        self.posted_twins = self._posted_twins()
        self.stock_heads = self._stock_heads()
        readers = {
            kind.ORDER: self._order, kind.FEE_ORDER: self._order, kind.ORDER_LINE: self._line, kind.FEE_LINE: self._line,
            kind.RECEIPT: self._receipt if by_journal else self._arrived, kind.FEE_CREDIT_NOTE: self._sales_credit,
            kind.CREDIT_NOTE: self._sales_credit if kind.CREDIT_NOTE in sold else self._credit if by_journal else self._credit_by_hand,
            kind.RELEASE: self._release, kind.FEE_RELEASE: self._release, kind.STOP: self._stopped,
            kind.SPARE: self._spare, kind.ADJUSTMENT: self._moved, kind.TRANSFER: self._moved,
            kind.ISSUE: self._moved,
        }
        found = {posting.key: readers[posting.key.kind](posting) for posting in self.postings}
        return self._with_accounts({key: document for key, document in found.items() if document is not None})

    def _with_accounts(self, found: Found) -> Found:
        """Learn which ledger accounts the vouchers touched, where somebody expects one; asked only then (books 7)."""
        expecting = {posting.key for posting in self.postings if getattr(posting.document, "expected_account", "")}
        asked = {key: _vouchers(document) for key, document in found.items() if key in expecting and not document.open}
        if not any(asked.values()):
            return found
        (rows,) = self.odata.read([Query(entity_set=wire.LEDGER, select=wire.SELECT[wire.LEDGER], column="Voucher",
                                         values=tuple({voucher for vouchers in asked.values() for voucher in vouchers}))])
        mine = [row for row in rows if str(row.get("DataArea") or self.told.company).casefold() == self.told.company.casefold()]
        touched = {key: tuple(dict.fromkeys(str(row.get("LedgerAccount")) for row in mine if row.get("Voucher") in vouchers))
                   for key, vouchers in asked.items()}
        return {key: replace(document, accounts=touched.get(key, ())) for key, document in found.items()}

    # asking

    def _marks(self, *kinds: PostingKind) -> list[str]:
        return [posting.key.marker for posting in self.postings if posting.key.kind in kinds]

    def _orders(self, *kinds: PostingKind) -> list[str]:
        return [self.order[posting.key] for posting in self.postings if posting.key.kind in kinds]

    def _ask(self, entity: str, column: str, values: Collection[str], expand: str = "") -> "Table":
        return Table(Query(entity_set=entity, select=wire.SELECT[entity], where=f"dataAreaId eq {quoted(self.told.company)}",
                           column=column, values=tuple({*values} - {""}), expand=expand, numeric=column == "LineNum"), self.told.company)

    def _fill(self, tables: Sequence["Table"]) -> None:
        for table, rows in zip(tables, self.odata.read([table.query for table in tables], optional=frozenset({wire.STOCK})), strict=True):
            table.take(rows)

    def _orders_with_lines(self) -> frozenset[str]:
        """Learn which of several heads with one mark have lines; asked only when there are several."""
        twins: dict[str, list[str]] = {wire.RETURN_ORDERS: [], wire.SALES_ORDERS: []}
        for table in (self.heads, self.sales_heads):
            for mark in table.query.values:
                rows = table.of(mark)
                twins[table.query.entity_set] += [_order_number(row) for row in rows] if len(rows) > 1 else []
        asked = [self._ask(lines, column, twins[entity]) for entity, (lines, column) in wire.PARENT.items() if entity in twins]
        if any(twins.values()):
            self._fill(asked)
        return frozenset(_order_number(row) for table in asked for row in table.rows)

    def _posted_twins(self) -> frozenset[str]:
        """Learn which journals hold arrival lines that look like one whose credit is looked for; asked only when there are several."""
        numbers = set[str]()
        for posting in self.postings:
            if posting.key.kind is PostingKind.CREDIT_NOTE and len(alike := self._alike(posting)) > 1:
                numbers |= {str(row["JournalNumber"]) for row in alike}
        table = self._ask(wire.JOURNALS, "JournalNumber", numbers)
        if numbers:
            self._fill([table])
        return frozenset(str(row["JournalNumber"]) for row in table.rows if row.get("IsPosted") == "Yes")

    # drafts

    def _order(self, posting: Posting) -> ErpDocument | None:
        sold = posting.key.kind in self.mode.sales
        rows = sorted((self.sales_heads if sold else self.heads).of(posting.key.marker),
                      key=lambda row: (_order_number(row) not in self.with_lines, _order_number(row)))
        if not rows:
            return None
        entity = wire.SALES_ORDERS if sold else wire.RETURN_ORDERS
        drafts = [row for row in rows[1:] if (row.get("SalesOrderPoolId") == self.told.hold_pool if sold
                                             else row.get("ReturnStatus") in {None, "None", "Created"})]
        return replace(wire.order_document(rows[0]), copies=len(rows), spares=tuple(_spare(entity, row) for row in drafts))

    def _line(self, posting: Posting) -> ErpDocument | None:
        """Find a line by its mark; parts that a partial arrival made are one line, what goes beyond its quantity are copies."""
        sold = posting.key.kind in self.mode.sales
        rows = [row for row in (self.sales_lines if sold else self.lines).of(self.order[posting.key])
                if row.get("ExternalItemNumber") == posting.key.marker]
        if not rows or not isinstance(posting.document, OrderLine):
            return None
        rows.sort(key=lambda row: (row.get("ReturnStatus", "Awaiting") == "Awaiting", str(row.get("ReturnInventoryLotId")
                                                                                         or row.get("InventoryLotId"))))
        kept, more, left = list[Row](), list[Row](), abs(posting.document.quantity)
        for row in rows:
            quantity = abs(number(row.get("OrderedSalesQuantity" if sold else "ReturnSalesQuantity")))
            (kept if quantity <= left or not kept else more).append(row)
            left -= quantity if row in kept else Decimal(0)
        entity = wire.SALES_LINES if sold else wire.RETURN_LINES
        drafts = tuple(_spare(entity, row) for row in more if row.get("ReturnStatus", "Awaiting") == "Awaiting")
        document = replace(wire.line_document(kept), copies=1 + len(more), spares=drafts)
        return document if sold else replace(document, unexplained=self._unexplained(self.order[posting.key]))

    def _unexplained(self, order: str) -> Decimal | None:
        """Give what a return order's total holds beyond its lines and their tax, while nothing of it is received."""
        head, lines = next(iter(self.totals.of(order)), {}), self.lines.of(order)
        awaited = all(row.get("ReturnStatus") == "Awaiting" for row in lines)
        if not awaited or head.get("OrderTotalAmount") is None or head.get("OrderTotalTaxAmount") is None:
            return None
        return number(head["OrderTotalAmount"]) - number(head["OrderTotalTaxAmount"]) - sum(
            (number(row.get("LineAmount")) for row in lines), Decimal(0))

    def _release(self, posting: Posting) -> ErpDocument | None:
        rows = self.releases.of(self.order[posting.key])
        return wire.order_document(rows[0]) if rows and rows[0].get("SalesOrderPoolId") == self.told.invoice_pool else None

    def _stopped(self, posting: Posting) -> ErpDocument | None:
        rows = self.stops.of(self.order[posting.key])
        return wire.order_document(rows[0]) if rows and rows[0].get("IsReturnProcessingStopped") == "Yes" else None

    def _spare(self, posting: Posting) -> ErpDocument | None:
        """Give a spare that is still there, as open; one that is gone is not found, which is what its posting wants."""
        if not isinstance(posting.document, Spare):
            return None
        entity, ids = wire.set_of(posting.document), posting.document.ids
        names = [name for name in wire.KEYS[entity] if name != "dataAreaId"]
        there = any(all(wire.ids_of(row, name).get(name) == ids.get(name) for name in names) for row in self.left[entity].rows)
        return ErpDocument(number=ids.get(names[-1], ""), ids=dict(ids), open=True) if there else None

    # receipts

    def _receipt(self, posting: Posting) -> ErpDocument | None:
        """Find the line in the batch's journal: the posted one, else the open one, which the ERP's job has still to post."""
        journals = sorted(self.journals.of(self.batches.get(posting.key, "")), key=lambda row: str(row["JournalNumber"]))
        posted = [row for row in journals if row.get("IsPosted") == "Yes"]
        for head in posted or journals:  # an open one may be empty: every row of its package was refused
            rows = [row for row in self.arrivals.of(self.order[posting.key]) if row.get("JournalNumber") == head["JournalNumber"]]
            line = self._arrival(posting, rows)
            if line is not None:
                spares = tuple(_spare(wire.JOURNALS, row) for row in journals if row is not head and row.get("IsPosted") != "Yes")
                return replace(wire.receipt_document(head, line), copies=len(journals), spares=spares)
        return None

    def _arrival(self, posting: Posting, rows: Sequence[Row]) -> Row | None:
        receipt, mine = posting.document, wire.line_number(posting.key)
        if not isinstance(receipt, Receipt):
            return None
        wanted = (named(receipt), receipt.quantity, receipt.erp_disposition)
        same = [row for row in rows
                if (wire.item_of(row), number(row.get("ItemQuantity")), row.get("ReturnDispositionCodeId")) == wanted]
        numbered = [row for row in same if number(row.get("LineNumber")) == mine]
        others = [row for row in same if number(row.get("LineNumber")) < OURS and row.get("ReferenceInventoryLotId") == self._lot(posting)]
        return self._once(numbered or others, "JournalNumber", "LineNumber")

    def _lot(self, posting: Posting) -> str:
        return next((self.basis[key].ids.get("ReturnInventoryLotId", "") for key in posting.needs if key in self.basis), "")

    def _arrived(self, posting: Posting) -> ErpDocument | None:
        """Find what people registered for an order line: the parts of it that are no longer awaited."""
        receipt, mark = posting.document, posting.needs[0].marker if posting.needs else ""
        rows = [row for row in self.lines.of(self.order[posting.key])
                if row.get("ExternalItemNumber") == mark and row.get("ReturnStatus") in ARRIVED]
        return wire.arrived_document(rows, receipt.place) if rows and isinstance(receipt, Receipt) else None

    # inventory journals

    def _stock_heads(self) -> dict[str, Row]:
        """Give the head of every journal that holds a line of ours; others than the batches' own are asked only when there are any."""
        more = {str(row["JournalId"]) for row in self.stock_lines.rows} - {*self.stock_journals.query.values}
        table = self._ask(wire.STOCK_JOURNALS, "JournalId", more)
        if more:
            self._fill([table])
        return {str(row["JournalId"]): row for row in (*self.stock_journals.rows, *table.rows)}

    def _moved(self, posting: Posting) -> ErpDocument | None:
        """Find the line its units went into, in whichever journal, and take its share of it by what was committed.

        What leaves stock is negative in the ERP, and a transfer shows the side it leaves.
        """
        line = self.promised.get(posting.key)
        rows = [row for row in self.stock_lines.of(str(line.number)) if row.get("ItemId") == named(line).number] if line else []
        if line is None or not rows:
            return self._settled(posting, line) if line else None
        own = self.batches.get(posting.key, "")
        rows.sort(key=lambda row: (not self._is_posted(row), row["JournalId"] != own, str(row["JournalId"])))
        row = rows[0]
        sign = 1 if isinstance(posting.document, Adjustment) else -1
        units, cost = split(line, sign * number(row.get("Qty")), sign * number(row.get("CostAmount")), posting.currency)[posting.key]
        heads = SHAPES[type_of(posting)].heads
        spares = tuple(_spare(heads, {"dataAreaId": row["dataAreaId"], "JournalNumber": row["JournalId"]})
                       for row in rows[1:] if not self._is_posted(row))
        head = self.stock_heads.get(str(row["JournalId"]), {})
        return replace(stock_document(head, row, sign * units, sign * cost, self._place(posting, row)), copies=len(rows), spares=spares)

    def _settled(self, posting: Posting, line: JournalLine) -> ErpDocument | None:
        """Find what went through Inventory Visibility by totals; nothing was asked for where nothing goes that way."""
        posted = {str(row["JournalId"]) for row in self.seen_heads.rows if row.get("Posted") == "Yes"}
        return settled(posting, line, sent(self.promised, self.basis), (
            row for row in self.seen_lines.rows if str(row["JournalId"]) in posted)) if posted else None

    def _place(self, posting: Posting, row: Row) -> Place | None:
        """Say where a line has its units, a transfer where it took them, as far as the records tell."""
        told = (str(row.get("InventLocationId") or ""), str(row.get("WMSLocationId") or ""), "")
        if isinstance(posting.document, Transfer):
            ends = (each for each in self.moved.of(str(row["JournalId"])) if number(each.get("LineNumber")) == number(row.get("LineNum")))
            end = next(ends, {})
            told = (str(end.get("DestinationWarehouseId") or ""), str(end.get("DestinationWarehouseLocationId") or ""),
                    str(end.get("DestinationInventoryStatusId") or ""))
        return Place(warehouse=told[0], location=told[1], status=told[2]) if told[0] else None

    def _is_posted(self, row: Row) -> bool:
        return self.stock_heads.get(str(row["JournalId"]), {}).get("Posted") == "Yes"

    # credits

    def _receipt_of(self, posting: Posting) -> Mapping[str, str]:
        return next((self.basis[key].ids for key in posting.needs if key in self.basis), {})

    def _alike(self, posting: Posting) -> list[Row]:
        """Give the arrival lines that nothing but their number tells from the one this credit is for, itself included."""
        ids, note = self._receipt_of(posting), posting.document
        return [row for row in self.arrivals.of(self.order[posting.key]) if isinstance(note, CreditNote)
                and (row.get("ReferenceInventoryLotId"), row.get("ReturnDispositionCodeId"), number(row.get("ItemQuantity")))
                == (ids.get("ReferenceInventoryLotId"), ids.get("ReturnDispositionCodeId"), note.quantity)]

    def _credit(self, posting: Posting) -> ErpDocument | None:
        """Find the credit note line of a receipt: lines that look alike belong to the arrivals that look alike, first to first."""
        ids = self._receipt_of(posting)
        lot = next((row for row in self.lines.rows if row.get("ReturnInventoryLotId") == ids.get("ReferenceInventoryLotId")), {})
        fits = self._invoiced(posting, self.lines, str(lot.get("ExternalItemNumber") or ""), ids.get("ReturnDispositionCodeId", ""))
        mine = (ids.get("JournalNumber", ""), ids.get("LineNumber", ""))
        twins = sorted(tuple(wire.ids_of(row, "JournalNumber", "LineNumber").values()) for row in self._alike(posting)
                       if str(row["JournalNumber"]) in self.posted_twins)
        place = twins.index(mine) if mine in twins else 0
        return self._note(fits[place:])

    def _mark_of(self, posting: Posting) -> str:
        """Give the mark of the order line a credit is for."""
        return next((mark for key in posting.needs if key in self.basis and (mark := self.basis[key].ids.get("ExternalItemNumber"))), "")

    def _sales_credit(self, posting: Posting) -> ErpDocument | None:
        return self._note(self._invoiced(posting, self.sales_lines, self._mark_of(posting), ""))

    def _credit_by_hand(self, posting: Posting) -> ErpDocument | None:
        """Find the credit of a line that people may have received in several goes: all its invoice lines, once they are all there."""
        note, mark = posting.document, self._mark_of(posting)
        order = self.order[posting.key]
        parts = {row.get("LineCreationSequenceNumber") for row in self.lines.of(order) if row.get("ExternalItemNumber") == mark} - {None, 0}
        fits = [(header, line) for header in self.invoices.of(order) for line in header.get(NOTE_LINES) or ()
                if line.get("LineCreationSequenceNumber") in parts]
        units = -sum((number(line.get("InvoicedQuantity")) for _, line in fits), Decimal(0))
        if not fits or not isinstance(note, CreditNote):
            return self._note(self._invoiced(posting, self.lines, mark, ""))
        return wire.credits_document(fits) if units >= note.quantity else None

    def _invoiced(self, posting: Posting, lines: "Table", mark: str, disposition: str) -> list[tuple[Row, Row]]:
        """Give the invoice lines that can be this credit, oldest first.

        An invoice line has no lot (facts/finance-scm 1.6); its LineCreationSequenceNumber leads to the order line and so to our mark.
        Where it leads nowhere, item, variant and quantity decide. Lines at our price come before others.
        """
        note, order = posting.document, self.order[posting.key]
        if not isinstance(note, CreditNote):
            return []
        fits = []
        for header in self.invoices.of(order):
            for line in header.get(NOTE_LINES) or ():
                if number(line.get("InvoicedQuantity")) != -note.quantity:
                    continue
                sequence = line.get("LineCreationSequenceNumber")
                sources = [row for row in lines.of(order) if sequence and row.get("LineCreationSequenceNumber") == sequence]
                marked = [row for row in sources if row.get("ExternalItemNumber") == mark]
                if any(disposition in {"", row.get("ReturnDispositionCode", "")} for row in marked) \
                        or (not sources and wire.item_of(line, "ProductNumber") == named(note)):
                    fits.append((header, line))
        fits.sort(key=lambda fit: (number(fit[1].get("SalesPrice")) != note.unit_price, str(fit[0]["InvoiceDate"]),
                                   str(fit[0]["InvoiceNumber"]), number(fit[1].get("LineCreationSequenceNumber"))))
        return fits

    def _note(self, fits: Sequence[tuple[Row, Row]]) -> ErpDocument | None:
        for header, line in fits:
            joined = {**header, **line}
            if self._once([joined], "InvoiceNumber", "LedgerVoucher", "LineCreationSequenceNumber") is not None:
                return self._valued(wire.credit_document(header, line), header, line)
        return None

    def _valued(self, document: ErpDocument, header: Row, line: Row) -> ErpDocument:
        """Add what the units of a credit note line came back to stock at, and the voucher of their receipt."""
        order, sequence = str(header.get("SalesOrderNumber")), line.get("LineCreationSequenceNumber")
        lots = {row.get("ReturnInventoryLotId") or row.get("InventoryLotId") for row in (*self.lines.of(order), *self.sales_lines.of(order))
                if sequence and row.get("LineCreationSequenceNumber") == sequence}
        came = [row for row in self.stock.of(order) if row.get("InventTransId") in lots and number(row.get("Qty")) > 0]
        if not came:
            return document
        cost = sum((number(row.get("CostAmountPosted")) + number(row.get("CostAmountAdjustment")) for row in came), Decimal(0))
        slips = ",".join(sorted({str(row["VoucherPhysical"]) for row in came if row.get("VoucherPhysical")}))
        return replace(document, cost=cost, ids={**document.ids, **({"VoucherPhysical": slips} if slips else {})})

    def _once(self, rows: Sequence[Row], *names: str) -> Row | None:
        """Give the first row nobody else has been given."""
        for row in rows:
            key = tuple(str(row.get(name)) for name in names)
            if key not in self.used:
                self.used.add(key)
                return row
        return None


class Table:
    """The rows one query brought, found again by its column, exactly."""

    def __init__(self, query: Query, company: str) -> None:
        """Keep the question."""
        self.query, self.company, self.rows = query, company, list[Row]()
        self.by: dict[str, list[Row]] = {}

    def take(self, rows: Sequence[Row]) -> None:
        """Keep the rows that answer it letter by letter, each once."""
        wanted, seen = frozenset(self.query.values), set[str]()
        for row in rows:
            value = str(int(number(row.get(self.query.column)))) if self.query.numeric else str(row.get(self.query.column))
            if value in wanted and str(row.get("dataAreaId")).casefold() == self.company.casefold() and repr(row) not in seen:
                seen.add(repr(row))
                self.rows.append(row)
                self.by.setdefault(value, []).append(row)

    def of(self, value: str) -> list[Row]:
        """Give the rows with this value."""
        return self.by.get(value, [])


def orders_of(postings: Collection[Posting], basis: Mapping[PostingKey, ErpDocument]) -> dict[PostingKey, str]:
    """Give the number of the order each posting hangs on: from what it needs, else from any document of its line or its fees."""
    alike: dict[tuple[str, str], list[ErpDocument]] = {}
    for key, document in sorted(basis.items(), key=lambda known: str(known[0])):
        alike.setdefault((key.return_ref, key.subject), []).append(document)
    orders: dict[PostingKey, str] = {}
    for posting in postings:
        near = [basis[key] for key in posting.needs if key in basis]
        near += alike.get((posting.key.return_ref, posting.key.subject), [])
        numbers = (document.ids.get("ReturnOrderNumber") or document.ids.get("SalesOrderNumber") for document in near)
        orders[posting.key] = next((told for told in numbers if told), "")
    return orders


def _vouchers(document: ErpDocument) -> set[str]:
    """Give the vouchers of a document: its own, and those of the packing slips that received its units."""
    return {document.voucher, *document.ids.get("VoucherPhysical", "").split(",")} - {""}


def _order_number(row: Row) -> str:
    return str(row.get("ReturnOrderNumber") or row.get("SalesOrderNumber") or "")


def _spare(entity: str, row: Row) -> Spare:
    return Spare(entity=entity, ids=wire.ids_of(row, *wire.KEYS[entity]))


def credits_between(odata: OData, told: wire.Settings, first: date, last: date) -> Iterator[ErpDocument]:
    """Read every credit document between two posting dates from the ledger side: two calls, plus pages.

    The invoice journal and the customer ledger are read by date, the general ledger by the vouchers they name. Amounts come from the
    ledgers: gross from the customer's account, tax and cost from the accounts (accounting currency), net is gross less tax.
    """
    company = f"dataAreaId eq {quoted(told.company)}"
    span = "{0} ge " + f"{first.isoformat()}T00:00:00Z and " + "{0} le " + f"{last.isoformat()}T23:59:59Z"
    headers, entries = odata.read([
        Query(entity_set=wire.INVOICES, select=wire.SELECT[wire.INVOICES],
              where=f"{company} and {span.format('InvoiceDate')} and TotalInvoiceAmount lt 0"),
        Query(entity_set=wire.CUSTOMER_LEDGER, select=wire.SELECT[wire.CUSTOMER_LEDGER],
              where=f"{company} and {span.format('TransDate')} and AmountCur lt 0"),
    ])
    by_voucher = {str(row.get("LedgerVoucher")): row for row in headers}
    owed = {str(row.get("Voucher")): row for row in entries if row.get("Invoice")}
    vouchers = tuple({*by_voucher, *owed} - {"", "None"})
    (ledger,) = odata.read([Query(entity_set=wire.LEDGER, select=wire.SELECT[wire.LEDGER], column="Voucher", values=vouchers)])
    accounts: dict[str, list[Row]] = {}
    for row in ledger:
        if str(row.get("DataArea") or told.company).casefold() == told.company.casefold():
            accounts.setdefault(str(row.get("Voucher")), []).append(row)
    for voucher in sorted(vouchers):
        yield _credit(voucher, by_voucher.get(voucher, {}), owed.get(voucher, {}), accounts.get(voucher, []))


def _credit(voucher: str, header: Row, owed: Row, accounts: Sequence[Row]) -> ErpDocument:
    """Put one credit together; what the ledgers do not say stays unknown, so that a missing entry shows."""
    gross = number(owed["AmountCur"]) if "AmountCur" in owed else None
    tax = -sum((number(row.get("TransactionCurrencyAmount")) for row in accounts if row.get("PostingType") in TAX), Decimal(0))
    cost = [number(row.get("AccountingCurrencyAmount")) for row in accounts if row.get("PostingType") in COST]
    return ErpDocument(
        number=str(header.get("InvoiceNumber") or owed.get("Invoice") or voucher), voucher=voucher,
        ids=wire.ids_of(header, "InvoiceNumber", "InvoiceDate", "SalesOrderNumber", "CustomersOrderReference", "TotalInvoiceAmount")
        | wire.ids_of(owed, "AccountNum"),
        gross=gross, tax=tax if accounts else None, net=None if gross is None or not accounts else gross - tax,
        cost=sum(cost, Decimal(0)) if cost else None, currency=str(owed.get("CurrencyCode") or header.get("CurrencyCode") or ""),
        posted_on=day_of(owed.get("TransDate")) or day_of(header.get("InvoiceDate")))

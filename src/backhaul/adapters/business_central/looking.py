"""What does Business Central hold with our marks?

Reading only. A look asks for documents by mark and by id with one `$batch`, and for ledger entries with a second one only where a document
is posted. Servers fold case, so every mark is compared again here, letter by letter (ERP-22). Posted or not is never told by `Open` alone:
a released draft says so too (facts/business-central 3.3).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Final

from backhaul.adapters.business_central import bridge, inbox, wire
from backhaul.adapters.business_central.bridge import Bridge
from backhaul.adapters.business_central.central import EXTENSION, PUBLISHED, Ask, Central
from backhaul.adapters.business_central.inbox import Inbox
from backhaul.adapters.business_central.masters import COLUMNS, STOCK, Masters
from backhaul.adapters.business_central.routes import CREDITS, HEADS, LINES, RELEASES, Mode
from backhaul.adapters.business_central.wire import INVOICES, LINES_OF, MEMOS, NO_BIN, plain
from backhaul.adapters.odata import Row, day_of, number
from backhaul.domain.disposition import Outcome, Place
from backhaul.domain.posting import CreditNote, ErpDocument, Posting, PostingKey, ReturnOrder, Spare, is_mark

Found = dict[PostingKey, ErpDocument]
LEDGER: Final = "generalLedgerEntries"
LEDGER_COLUMNS: Final = ("entryNumber", "postingDate", "documentNumber", "documentType", "accountNumber", "debitAmount", "creditAmount")
LEDGER_TYPE: Final[Mapping[str, str]] = {MEMOS: "Credit Memo", INVOICES: "Invoice"}
STOCK_TYPES: Final = frozenset({"Sales Credit Memo", "Sales Return Receipt"})
CUSTOMERS_SIDE: Final = {
    "A": (EXTENSION, "custLedgerEntries", "postingDate", "documentNumber", "documentType", "amount"),
    "B": (PUBLISHED, "Cust_LedgerEntries", "Posting_Date", "Document_No", "Document_Type", "Amount")}
"""Where a mode shows the customer ledger, and how its set names day, document, type and amount (facts/business-central 4)."""


@dataclass(slots=True, kw_only=True)
class Entries:
    """What the ledgers say of posted documents, by their numbers."""

    ledger: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    stock: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    values: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    """What goods of a return order came back at: they stand under its receipt, their values under the memo."""

    def holds(self, document: str, entity: str) -> bool:
        """Tell whether the general ledger has a document of this kind under this number."""
        return any(plain(row.get("documentType")) == LEDGER_TYPE[entity] for row in self.ledger.get(document, ()))


def head_of(posting: Posting, basis: Mapping[PostingKey, ErpDocument]) -> Mapping[str, str]:
    """Give the ids of the document a posting hangs on, from whatever it needs; empty while that is unknown."""
    return next((basis[key].ids for key in posting.needs if key in basis and basis[key].ids.get("id")), {})


def draft_numbers(basis: Mapping[PostingKey, ErpDocument]) -> dict[str, str]:
    """Give the numbers documents had as drafts, by id; posting replaces them."""
    return {document.ids["id"]: document.number for key, document in basis.items() if key.kind in HEADS and document.ids.get("id")}


class Look:
    """One look: what is asked for, then the documents that came back."""

    def __init__(self, central: Central, masters: Masters, mode: Mode, postings: Collection[Posting],
                 basis: Mapping[PostingKey, ErpDocument]) -> None:
        """Sort out which documents are asked for by which column."""
        self.central, self.masters, self.mode, self.basis = central, masters, mode, basis
        self.bridge, self.inbox = Bridge(central=central), Inbox(central=central)
        self.postings = sorted(postings, key=lambda posting: posting.key)
        self.drafts = draft_numbers(basis)
        self.rows: dict[tuple[str, str], Row] = {}
        self.entries = Entries()

    def run(self) -> Found:
        """Ask, then match each posting with what came back."""
        marks: dict[str, set[str]] = {MEMOS: set(), INVOICES: set()}
        ids: dict[str, set[str]] = {MEMOS: set(), INVOICES: set()}
        for posting in self.postings:
            head, document = head_of(posting, self.basis), posting.document
            if posting.key.kind in self.mode.bridged | self.mode.inboxed:
                marks[MEMOS] |= self._memo_marks(posting, head)
            elif isinstance(document, ReturnOrder):
                marks[wire.kind_of(document)].add(posting.key.marker)
            elif isinstance(document, Spare):
                ids.setdefault(wire.entity_of(document), set()).add(document.ids["id"])
            elif head:
                ids[head["entity"]].add(head["id"])
        asked = [(entity, Ask(entity_set=entity, select=wire.SELECT[entity], column=column, values=tuple(values), expand=LINES_OF[entity],
                              numeric=column == "id"))
                 for column, table in (("externalDocumentNumber", marks), ("id", ids)) for entity, values in table.items()
                 if entity in LINES_OF]
        for (entity, _), rows in zip(asked, self.central.read([each for _, each in asked]), strict=True):
            self.rows |= {(entity, str(row["id"])): row for row in rows}
        self.orders, self.lines = self._return_orders()
        self.requests = self._requests()
        self.entries = self._ledgers()
        found = {posting.key: self._of(posting) for posting in self.postings}
        return {key: document for key, document in found.items() if document is not None}

    def _memo_marks(self, posting: Posting, head: Mapping[str, str]) -> set[str]:
        """Give the mark a posted memo would carry; a return order of the bridge is gone once it is posted, and only the memo shows it."""
        if posting.key.kind in HEADS & self.mode.bridged:
            return {posting.key.marker}
        asks = CREDITS | RELEASES | self.mode.bridged
        return {head["externalDocumentNumber"]} if posting.key.kind in asks and head.get("externalDocumentNumber") else set()

    def _of(self, posting: Posting) -> ErpDocument | None:
        kind = posting.key.kind
        if kind in self.mode.bridged | self.mode.inboxed:
            return self._bridged(posting) if kind in self.mode.bridged else self._inboxed(posting)
        if kind in HEADS or isinstance(posting.document, Spare):
            return self._spare(posting.document) if isinstance(posting.document, Spare) else self._head(posting)
        head = head_of(posting, self.basis)
        row = self.rows.get((head["entity"], head["id"])) if head else None
        if row is None:
            return None
        if kind in LINES:
            return self._line(posting.key.marker, row, head["entity"])
        if kind in RELEASES:
            return wire.head_document(row, head["entity"]) if self._posted(row, head["entity"]) else None
        return self._credit(posting, row, head["entity"]) if kind in CREDITS else None

    # what a bridge carries

    def _return_orders(self) -> tuple[Mapping[str, Row], Mapping[str, Sequence[Row]]]:
        """Read the return orders that are asked about, and spares among them."""
        mine = [posting for posting in self.postings if posting.key.kind in self.mode.bridged and posting.key.kind not in CREDITS]
        marks = {posting.key.marker for posting in mine if posting.key.kind in HEADS}
        ids = {head.get("id", "") for posting in mine if (head := head_of(posting, self.basis))} - {""}
        ids |= {posting.document.ids["id"] for posting in self.postings if isinstance(posting.document, Spare)
                and wire.entity_of(posting.document) == bridge.ORDERS}
        return self.bridge.rows(marks, ids) if marks or ids else ({}, {})

    def _bridged(self, posting: Posting) -> ErpDocument | None:
        """Find a document of a return order: on the order while it is there, in the memo once it is posted."""
        kind, head = posting.key.kind, head_of(posting, self.basis)
        memo = self._memo_of(posting.key.marker if kind in HEADS else head.get("externalDocumentNumber", ""))
        if kind in HEADS:
            return wire.head_document(memo, MEMOS) if memo else self.bridge.head_of(posting.key.marker, self.orders, self.lines)
        if kind in LINES and memo:
            return self._line(posting.key.marker, memo, MEMOS)
        order = self.orders.get(head.get("id", ""))
        lines = self.lines.get(str(order["number"]), ()) if order else ()
        if kind in LINES:
            return self.bridge.line_of(posting.key.marker, order, lines) if order else None
        if kind in CREDITS:
            return self._credit(posting, memo, MEMOS) if memo else None
        # What was let go and is not posted is let go once more, for that starts the job as well.
        return wire.head_document(memo, MEMOS) if memo else None

    def _requests(self) -> Mapping[str, Row]:
        """Read the requests of our inbox that are asked about."""
        mine = [posting for posting in self.postings if posting.key.kind in self.mode.inboxed]
        marks = {posting.key.marker for posting in mine if posting.key.kind in HEADS}
        ids = {head.get("id", "") for posting in mine if (head := head_of(posting, self.basis))} - {""}
        return self.inbox.rows(marks, ids) if marks or ids else {}

    def _inboxed(self, posting: Posting) -> ErpDocument | None:
        """Find a document of a request: the request itself, its lines, and what was posted of it."""
        kind, head = posting.key.kind, head_of(posting, self.basis)
        if kind in HEADS:
            row = next((row for row in self.requests.values() if row.get("externalId") == posting.key.marker), None)
            return inbox.head_document(row) if row else None
        row = self.requests.get(head.get("id", ""))
        if row is None or kind in LINES:
            return inbox.line_document(posting.key.marker, row, posting.currency) if row else None
        if plain(row.get("status")) != inbox.DONE:
            return None
        return inbox.head_document(row) if kind in RELEASES else self._credited(posting, row)

    def _credited(self, posting: Posting, request: Row) -> ErpDocument | None:
        """Find the credit of a line in the memo its request names, with what its units came back at."""
        memo = self._memo_of(str(request.get("externalDocumentNumber") or ""))
        lines = (line for key in posting.needs if key in self.basis and (mark := self.basis[key].ids.get("mark"))
                 if (line := inbox.line_document(mark, request, posting.currency)))
        wanted = next(lines, None)
        row = inbox.credited_line(wanted, request, memo) if memo and wanted else None
        if memo is None or wanted is None or row is None:
            return None
        line = inbox.renamed(wire.line_document(row, wire.ids_of(memo, MEMOS), self._place(row), self.masters.item_of(row)),
                             wanted.ids["mark"])
        head, number_ = wire.head_document(memo, MEMOS), str(memo["number"])
        accounts = dict.fromkeys(str(each.get("accountNumber")) for each in self.entries.ledger.get(number_, ()))
        told = getattr(posting.document, "expected_account", "")
        cost = None if _scrapped(posting) else self._worth(line, request)
        return wire.credit_document(head, line, cost, tuple(accounts) if told else ())

    def _worth(self, line: ErpDocument, request: Row) -> Decimal | None:
        """Give what the units of a line came back to stock at: its share, by units, of the receipt's entries for the item."""
        return cost_of([(number(each.get("quantity")), number(each.get("costAmountActual")))
                        for each in self.entries.stock.get(str(request.get("returnReceiptNumber") or ""), ())
                        if line.item and each.get("itemNumber") == line.item.number], line)

    def _memo_of(self, mark: str) -> Row | None:
        """Give the posted memo that carries the mark of its return order."""
        return next((row for (entity, _), row in self.rows.items() if entity == MEMOS and row.get("externalDocumentNumber") == mark
                     and self.entries.holds(str(row["number"]), MEMOS)), None) if mark else None

    # the ledgers

    def _ledgers(self) -> Entries:
        """Read the ledger entries of documents that may be posted, where something is asked that only they say."""
        numbers = {str(row["number"]) for row in self.rows.values() if plain(row.get("status")) not in wire.DRAFTS}
        asking = any(posting.key.kind in CREDITS | RELEASES | self.mode.bridged for posting in self.postings)
        receipts = {str(row.get("returnReceiptNumber") or "") for row in self.requests.values()} - {""}
        entries = entries_of(self.central, numbers | receipts if asking else set())
        return replace(entries, values=self.bridge.values(numbers)) if asking and self.mode.bridged and numbers else entries

    def _posted(self, row: Row, entity: str) -> bool:
        told = wire.is_posted(row, self.drafts.get(str(row["id"]), ""))
        return self.entries.holds(str(row["number"]), entity) if told is None else told

    # documents

    def _head(self, posting: Posting) -> ErpDocument | None:
        """Find a head by its mark: what has lines of ours counts before what has none, drafts beyond the first are spares."""
        entity = wire.kind_of(posting.document) if isinstance(posting.document, ReturnOrder) else MEMOS
        rows = [row for (kind, _), row in self.rows.items() if kind == entity and row.get("externalDocumentNumber") == posting.key.marker]
        rows.sort(key=lambda row: (plain(row.get("status")) in wire.DRAFTS, -len(row.get(LINES_OF[entity]) or ()), str(row.get("number"))))
        if not rows:
            return None
        spares = tuple(Spare(entity=entity, ids={"id": str(row["id"])}) for row in rows[1:] if plain(row.get("status")) == "Draft")
        return replace(wire.head_document(rows[0], entity), copies=len(rows), spares=spares)

    def _spare(self, spare: Spare) -> ErpDocument | None:
        """Give a spare that is still there, as open; one that is gone is not found, which is what its posting wants."""
        there = {(bridge.ORDERS, identity): row for identity, row in self.orders.items()} | self.rows
        row = there.get((wire.entity_of(spare), spare.ids["id"]))
        return ErpDocument(number=str(row["number"]), ids=dict(spare.ids), open=True) if row else None

    def _line(self, mark: str, row: Row, entity: str) -> ErpDocument | None:
        """Find a line by its mark; what the document's total holds beyond our lines is told with each of them."""
        lines = [line for line in row.get(LINES_OF[entity]) or () if line.get("description2") == mark]
        if not lines:
            return None
        ids = wire.ids_of(row, entity)
        document = wire.line_document(lines[0], ids, self._place(lines[0]), self.masters.item_of(lines[0]))
        return replace(document, currency=str(row.get("currencyCode") or ""), copies=len(lines), unexplained=_unexplained(row, entity))

    def _place(self, line: Row) -> Place | None:
        code = self.masters.location_of(str(line.get("locationId") or ""))
        return Place(warehouse=code, location=NO_BIN) if code else None

    def _credit(self, posting: Posting, row: Row, entity: str) -> ErpDocument | None:
        """Find the credit of a line in its document once that is posted, with what its units came back at and the accounts it touched."""
        mark = next((mark for key in posting.needs if key in self.basis and (mark := self.basis[key].ids.get("mark"))), "")
        line = self._line(mark, row, entity) if mark else None
        if line is None or not (posting.key.kind in self.mode.bridged or self._posted(row, entity)):
            return None
        document = str(row["number"])
        accounts = dict.fromkeys(str(each.get("accountNumber")) for each in self.entries.ledger.get(document, ()))
        wanted = getattr(posting.document, "expected_account", "")
        cost = None if _scrapped(posting) else self._cost(line, row)
        return wire.credit_document(wire.head_document(row, entity), line, cost, tuple(accounts) if wanted else ())

    def _cost(self, line: ErpDocument, row: Row) -> Decimal | None:
        """Give what the units of a line came back to stock at: its share, by units, of the document's entries for the item."""
        document, item = str(row["number"]), line.item.number if line.item else ""
        if worth := self.entries.values.get(document):
            return cost_of([(number(each.get("Invoiced_Quantity")), number(each.get("Cost_Amount_Actual"))) for each in worth
                            if each.get("Item_No") == item], line)
        entries = self.entries.stock.get(document, ())
        return cost_of([(number(each.get("quantity")), number(each.get("costAmountActual"))) for each in entries
                        if each.get("itemNumber") == item and plain(each.get("documentType")) in STOCK_TYPES], line)


def cost_of(entries: Iterable[tuple[Decimal, Decimal]], line: ErpDocument) -> Decimal | None:
    """Give what the units of a line came back at, of the units and costs of all entries of its item in the document.

    Entries name no line: one of the same units is taken before a share of all. What came back at nothing is scrap, and says nothing.
    """
    known = [(abs(units), cost) for units, cost in entries if units and cost]
    units = abs(line.quantity or Decimal(0))
    alike = [cost for each, cost in known if each == units]
    total = sum((each for each, _ in known), Decimal(0))
    return alike[0] if alike else sum((cost for _, cost in known), Decimal(0)) * units / total if total else None


def _scrapped(posting: Posting) -> bool:
    """Tell whether goods may come back worth nothing; their cost is no difference."""
    return isinstance(posting.document, CreditNote) and posting.document.outcome is Outcome.SCRAPPED


def _unexplained(row: Row, entity: str) -> Decimal | None:
    """Give what a document's total holds beyond lines with a mark: a charge or discount nobody of ours asked for."""
    if row.get("totalAmountExcludingTax") is None:
        return None
    lines = (line for line in row.get(LINES_OF[entity]) or () if is_mark(str(line.get("description2") or "")))
    return number(row["totalAmountExcludingTax"]) - sum((number(line.get("netAmount")) for line in lines), Decimal(0))


def entries_of(central: Central, numbers: Iterable[str]) -> Entries:
    """Read general ledger and item ledger by document number, with one batch."""
    wanted = tuple(numbers)
    ledger, stock = central.read([Ask(entity_set=LEDGER, select=LEDGER_COLUMNS, column="documentNumber", values=wanted),
                                  Ask(entity_set=STOCK, select=COLUMNS[STOCK], column="documentNumber", values=wanted)])
    return Entries(ledger=_by(ledger), stock=_by(stock))


def _by(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row.get("documentNumber")), []).append(row)
    return found


# --- the ledger side ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """How the ledger side of one company is read: its mode, the accounts its options name, the currency of its books."""

    central: Central
    mode: Mode
    told: wire.Settings
    currency: str


def credits_between(side: Side, first: date, last: date) -> Iterator[ErpDocument]:
    """Read every credit memo between two posting dates from the ledger side: three calls, four where a mode shows what customers owe.

    General ledger, item ledger and the memos themselves are read by date. In A and B gross is what the customer ledger says, and a memo
    it lacks has none. Otherwise gross comes, and tax always, from the accounts the options name, which are kept in the currency of the
    books; without such options, and in another currency, a memo keeps its own amounts, and the ledger says only that it holds it.
    """
    span = f"postingDate ge {first.isoformat()} and postingDate le {last.isoformat()}"
    memos, ledger, stock = side.central.read([
        Ask(entity_set=MEMOS, select=wire.SELECT[MEMOS], where=span), Ask(entity_set=LEDGER, select=LEDGER_COLUMNS, where=span),
        Ask(entity_set=STOCK, select=COLUMNS[STOCK], where=span)])
    booked = _by(row for row in ledger if plain(row.get("documentType")) == LEDGER_TYPE[MEMOS])
    owed = _owed(side, first, last) if booked else {}
    heads = {str(row["number"]): row for row in memos if plain(row.get("status")) not in wire.DRAFTS}
    goods = _by(row for row in stock if plain(row.get("documentType")) in STOCK_TYPES)
    for document in sorted({*booked, *(name for name, row in heads.items() if plain(row.get("status")) in wire.ENDED)}):
        read = _credit(side, document, heads.get(document, {}), booked.get(document, []), goods.get(document, []))
        if booked.get(document) and owed:
            gross = owed.get(document)
            read = replace(read, gross=gross, net=None if gross is None else gross - (read.tax or Decimal(0)))
        yield read


def _owed(side: Side, first: date, last: date) -> dict[str, Decimal]:
    """Read what memos took off what customers owe, in the currency of each; nothing where the mode or the company does not show it.

    A company that booked memos has such entries, so none at all means that they are not shown.
    """
    if side.mode.letter not in CUSTOMERS_SIDE:
        return {}
    service, entity, day, document, kind, amount = CUSTOMERS_SIDE[side.mode.letter]
    (rows,) = side.central.read([Ask(
        entity_set=entity, select=(document, kind, amount), where=f"{day} ge {first.isoformat()} and {day} le {last.isoformat()}")],
        optional=frozenset({entity}), service=service)
    found: dict[str, Decimal] = {}
    for row in rows:
        if plain(row.get(kind)) == LEDGER_TYPE[MEMOS]:
            found[str(row[document])] = found.get(str(row[document]), Decimal(0)) + number(row.get(amount))
    return found


def _credit(side: Side, document: str, row: Row, booked: Sequence[Row], goods: Sequence[Row]) -> ErpDocument:
    """Put one credit together; what the ledgers do not say stays unknown, so that a missing entry shows."""
    days = [day for each in booked if (day := day_of(each.get("postingDate")))]
    ids = {name: str(row[name]) for name in ("id", "externalDocumentNumber", "customerNumber") if row.get(name)}
    cost = sum((number(each.get("costAmountActual")) for each in goods), Decimal(0)) if goods else None
    named = bool(side.told.receivable_accounts and side.told.tax_accounts)
    currency = str(row.get("currencyCode") or "")
    if not booked or not named or currency not in {"", side.currency}:
        mine = wire.head_document(row, MEMOS) if row and booked else ErpDocument(number=document)
        return replace(mine, number=document, voucher=document if booked else "", ids=ids, cost=cost, posted_on=min(days, default=None))
    gross, tax = (_on(booked, accounts) for accounts in (side.told.receivable_accounts, side.told.tax_accounts))
    return ErpDocument(number=document, voucher=document, ids=ids, gross=gross, tax=-tax, net=gross + tax, cost=cost,
                       currency=currency, posted_on=min(days, default=None))


def _on(booked: Iterable[Row], accounts: Collection[str]) -> Decimal:
    """Give what a document debited to accounts, less what it credited to them."""
    return sum((number(each.get("debitAmount")) - number(each.get("creditAmount")) for each in booked
                if str(each.get("accountNumber")) in accounts), Decimal(0))

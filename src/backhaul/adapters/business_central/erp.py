"""How does one legal entity in Dynamics 365 Business Central keep our postings?

A draft is written head by head and line by line in batches, read back and compared, and only then posted, each document by a call of its
own: posting is what makes stock, credit and ledger move, at once (facts/business-central 1 and 12). Whatever may have had an effect comes
back as an outcome; an error from posting hides a success now and then, so the document is read again by its id before anything is said.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit

from backhaul.adapters.business_central import bridge, described, inbox, on_hand, preflight, subscriptions, wire
from backhaul.adapters.business_central.bridge import Bridge
from backhaul.adapters.business_central.central import EXTENSION, Ask, Central, Limits, Write
from backhaul.adapters.business_central.entries import Reader
from backhaul.adapters.business_central.inbox import Inbox
from backhaul.adapters.business_central.journals import Journals
from backhaul.adapters.business_central.looking import Look, Side, credits_between, draft_numbers, entries_of, head_of
from backhaul.adapters.business_central.masters import LOCATIONS, REASONS, Masters
from backhaul.adapters.business_central.refusals import POSTED, TAKEN, says, sentence_of
from backhaul.adapters.business_central.routes import HEADS, LINES, RELEASES, mode_of
from backhaul.adapters.business_central.sides import open_sides
from backhaul.adapters.business_central.wire import Invoice
from backhaul.adapters.odata import Answer, Connection, Meaning, Row, Then
from backhaul.adapters.odata.assertion import credentials
from backhaul.application.listening import Listening
from backhaul.application.ports import Capabilities
from backhaul.domain.entry import Shown
from backhaul.domain.errors import Misconfigured, RetryLater
from backhaul.domain.open_side import OpenSides
from backhaul.domain.posting import (
    JOURNALS,
    ErpDocument,
    JournalLine,
    OrderLine,
    Posted,
    Posting,
    PostingBatch,
    PostingKey,
    PostingKind,
    PostingOutcome,
    Rejected,
    Release,
    ReturnOrder,
    Route,
    Spare,
    Unconfirmed,
    intake,
)
from backhaul.domain.pushing import Stock
from backhaul.domain.rules import LegalEntity, Rules
from backhaul.domain.validation import MasterData, Questions

log = logging.getLogger(__name__)
CHANGED: Final = frozenset({409, 412})
"""The record is another than the one that was read; nothing was done to it (`Request_EntityChanged`)."""
NOT_RUN: Final = frozenset({401, 403, 404, 405, 413, 415, 429})
"""What an action answers that was never begun."""


def connect(entity: LegalEntity, rules: Rules, secrets: Mapping[str, str]) -> "BusinessCentral":
    """Open a legal entity's company by its options; what is missing or malformed is `Misconfigured`. Sends nothing yet."""
    told = entity.options
    try:
        where = urlsplit(told["base_url"])
        proof = credentials(secrets)
        connection = Connection(
            base_url=told["base_url"], token_url=told["token_url"], client_id=told["client_id"], client_secret=proof.secret,
            client_certificate=proof.certificate,
            scope=told.get("scope", f"{where.scheme}://{where.netloc}/.default"), timeout=float(told.get("timeout_seconds", "600")),
            page_size=int(told.get("page_size", "0")))
    except (KeyError, ValueError) as wrong:
        message = f"Legal entity {entity.id}: option or secret {wrong} is missing or no number."
        raise Misconfigured(message) from None
    mode_of(entity)
    settings = wire.Settings.of(entity)
    limits = Limits(operations=settings.operations, per_minute=settings.per_minute)
    return BusinessCentral(Central(connection, settings.company, limits, company_id=settings.company_id), settings, entity, rules)


class BusinessCentral:
    """The port `Erp`, for one legal entity."""

    def __init__(self, central: Central, told: wire.Settings, entity: LegalEntity, rules: Rules, *,
                 age: Callable[[], float] = time.monotonic) -> None:
        """Keep what it works with."""
        self.central, self.told, self.entity, self.rules = central, told, entity, rules
        self.mode, self.linked = mode_of(entity), dict[str, int]()
        self.bridge, self.inbox = Bridge(central=central), Inbox(central=central)
        self.journals = Journals(central=central, told=told, entity=entity, rules=rules)
        self.masters = Masters(central=central, told=told, rates=entity.id in rules.taxes, clock=age)

    @property
    def route(self) -> Route:
        """Say which documents the mode needs."""
        return self.mode.route

    def capabilities(self) -> Capabilities:
        """Probe the company: version, surfaces, what its mode lacks and what it loses."""
        missing, notes = preflight.probe(self.central, self.mode, self.told, self.entity, self.rules)
        shown = described.contract(self.central, self.mode)
        missing += described.lacking(shown, told=missing)
        return Capabilities(erp="business-central", deployment=self.mode.letter, route=self.mode.route, missing=tuple(missing),
                            notes=tuple(notes), contract=shown)

    def master_data(self, questions: Questions) -> MasterData:
        """Answer with two batches at most; items, customers and places are kept for `master_ttl_seconds`."""
        return self.masters.answer(questions)

    def find(self, postings: Collection[Posting], basis: Mapping[PostingKey, ErpDocument],
             batches: Mapping[PostingKey, str],
             allocations: Mapping[str, Sequence[JournalLine]] | None = None) -> Mapping[PostingKey, ErpDocument]:
        """Look for documents by mark and by id, with one `$batch` of reads, or two where something is posted; journals take one more."""
        sold = [posting for posting in postings if not isinstance(posting.document, JOURNALS)]
        found = Look(self.central, self.masters, self.mode, sold, basis).run() if sold else {}
        moved = [posting for posting in postings if isinstance(posting.document, JOURNALS)]
        return {**found, **self.journals.find(moved, batches, allocations or {})} if moved else found

    def documents(self, first: date, last: date) -> Iterator[ErpDocument]:
        """Read every credit memo between two posting dates, inclusive, from the ledger side."""
        return credits_between(Side(central=self.central, mode=self.mode, told=self.told, currency=self.entity.currency), first, last)

    def entries(self, first: date, last: date) -> Shown:
        """Read stock, credit memos and ledger between two posting dates, inclusive."""
        books = Side(central=self.central, mode=self.mode, told=self.told, currency=self.entity.currency)
        services = {rule.service_item for rule in self.rules.fees.values()} | {self.rules.debit_item}
        return Reader(books=books, masters=self.masters, services=frozenset(services - {""})).entries(first, last)

    def open_sides(self, accounts: Collection[str], first: date, last: date, *, payments: bool) -> OpenSides:
        """Read accounts, payments to customers and what is valued as expected between two days, inclusive."""
        books = Side(central=self.central, mode=self.mode, told=self.told, currency=self.entity.currency)
        return open_sides(books, accounts, first, last, payments=payments)

    def stock(self, skus: Collection[str], warehouses: Collection[str]) -> Stock:
        """Count what is on sale by location, where the environment publishes that."""
        return on_hand.stock(self.central, self.masters, self.rules.sellability, skus, warehouses)

    def listen(self, address: str, secret: str) -> Listening:
        """Have the company tell `address` of changes to memos, items and customers."""
        return subscriptions.listen(self.central, address, secret)

    # --- post ----------------------------------------------------------------------------------------

    def post(self, batch: PostingBatch) -> Sequence[PostingOutcome]:
        """Send drafts and removals in batches, postings one by one; one outcome per posting, in order."""
        moved = [posting for posting in batch.postings if isinstance(posting.document, JOURNALS)]
        outcomes: dict[PostingKey, PostingOutcome] = self.journals.post(batch, moved) if moved else {}
        self.linked = self._linked(batch)
        writes = self._writes(batch, outcomes)
        for (posting, _), answer in zip(writes, self.central.write([write for _, write in writes]) if writes else (), strict=True):
            outcomes[posting.key] = self._outcome(posting, answer, batch.basis)
        try:
            self._process(batch, outcomes)
        except (RetryLater, Misconfigured) as stopped:
            log.warning("requests_not_processed", extra={"batch": batch.key, "error": str(stopped)})  # `find` reads what became of them
        outcomes |= self._post_each(batch, outcomes.keys(), begun=bool(writes))
        for posting in batch.postings:
            log.info("posting_%s", type(outcomes[posting.key]).__name__.lower(), extra={"posting": str(posting.key), "batch": batch.key})
        return [outcomes[posting.key] for posting in batch.postings]

    def _writes(self, batch: PostingBatch, outcomes: dict[PostingKey, PostingOutcome]) -> list[tuple[Posting, Write]]:
        """Write down what may leave; what may not, or names what nobody knows, is refused before anything is sent."""
        invoices, etags, ended = self._invoices(batch), self._etags(batch), self._ended(batch)
        writes: list[tuple[Posting, Write]] = []
        for posting in batch.postings:
            if memo := ended.get(posting.key):
                outcomes[posting.key] = Unconfirmed(sentence=f"Credit memo {memo} is what it was posted as; nothing was sent.")
                continue
            if posting.key.kind in RELEASES or isinstance(posting.document, JOURNALS):
                continue
            if wrong := self._on_sale(posting):
                outcomes[posting.key] = Rejected(sentence=wrong)
                continue
            if isinstance(posting.document, Spare) and posting.key not in etags:
                outcomes[posting.key] = Rejected(sentence=f"{posting.document.ids['id']} is no draft any more; it was not removed.")
                continue
            try:
                writes.append((posting, self._write(posting, batch, invoices, etags)))
            except (KeyError, TypeError) as unknown:
                outcomes[posting.key] = Rejected(sentence=f"{posting.key.kind.value} of {posting.key.return_ref} cannot be written: "
                                                          f"{unknown} is not known. Nothing was sent.")
        return writes

    def _ended(self, batch: PostingBatch) -> dict[PostingKey, str]:
        """Give, for what would go to a return order that is posted already, the number of its memo.

        Posting deletes a return order, so its id no longer refuses a second one. Whoever does not remember the first, as a database that
        was restored, would credit twice.
        """
        mine = [posting for posting in batch.postings if posting.key.kind in self.mode.bridged]
        heads = {posting.key: posting.key.marker for posting in mine if posting.key.kind in HEADS}
        (rows,) = self.central.read([Ask(entity_set=wire.MEMOS, select=wire.SELECT[wire.MEMOS], column="externalDocumentNumber",
                                         values=tuple(set(heads.values())))]) if heads else ((),)
        memos = {str(row.get("externalDocumentNumber")): str(row["number"]) for row in rows}
        hanging = {posting.key: head["number"] for posting in mine if (head := head_of(posting, batch.basis)).get("entity") == wire.MEMOS}
        return {key: memos[mark] for key, mark in heads.items() if mark in memos} | hanging

    def _on_sale(self, posting: Posting) -> str:
        """Say what is wrong with a line that would take goods on sale."""
        brought = intake(posting.document)
        return wire.unsellable_on_sale(brought, self.rules.sellability) if brought else ""

    def _write(self, posting: Posting, batch: PostingBatch, invoices: dict[str, Invoice],
               etags: Mapping[PostingKey, str]) -> Write:
        """Write one posting; what it hangs on must be in the basis, else `KeyError`."""
        document = posting.document
        if isinstance(document, ReturnOrder):
            return self._head(posting, document, invoices, batch.posting_on)
        if isinstance(document, OrderLine):
            return self._line(posting, document, batch.basis)
        if isinstance(document, Spare):
            return wire.removal(document, etags[posting.key])
        message = f"how to send a {posting.key.kind.value}, which posting makes itself,"
        raise TypeError(message)

    def _head(self, posting: Posting, document: ReturnOrder, invoices: dict[str, Invoice], on: date | None) -> Write:
        kind, invoice = posting.key.kind, invoices.get(document.order)
        if kind in self.mode.bridged:
            return bridge.head(posting, self.entity.currency, invoice, on=on)
        applied = invoice is not None and self._applies(document, invoices)
        if kind in self.mode.inboxed:
            return inbox.head(posting, self.entity.currency, invoice, applied=applied, on=on)
        reason = self.masters.list_of(REASONS)[document.reason] if document.reason else ""
        return wire.head(posting, reason_id=reason, invoice=invoice, applied=applied, on=on)

    def _line(self, posting: Posting, document: OrderLine, basis: Mapping[PostingKey, ErpDocument]) -> Write:
        kind, ids = posting.key.kind, basis[posting.needs[0]].ids
        if kind in self.mode.bridged | self.mode.inboxed:
            entry = self.linked.get(document.original_lot)
            return bridge.line(posting, ids, entry=entry) if kind in self.mode.bridged else inbox.line(posting, ids, entry=entry)
        about = basis[posting.needs[1]].number if len(posting.needs) > 1 and kind is PostingKind.FEE_LINE else ""
        place = document.intake.place.warehouse if document.intake else ""
        return wire.line(posting, ids, about=about, location_id=self.masters.list_of(LOCATIONS)[place] if place else "",
                         variant_id=self.masters.variant_id(document.item) if document.item else "")

    def _applies(self, head: ReturnOrder, invoices: dict[str, Invoice]) -> bool:
        """Tell whether a memo is applied to its invoice, and take what it comes to off what is open for the next one (books 7)."""
        invoice = invoices[head.order]
        if not self.told.apply_to_invoice or not invoice.covers(head):
            return False
        left = invoice.remaining - head.net * (1 + invoice.rate / 100)
        invoices[head.order] = Invoice(id=invoice.id, number=invoice.number, date=invoice.date, customer=invoice.customer,
                                       currency=invoice.currency, rate=invoice.rate, remaining=max(left, Decimal(0)))
        return True

    def _linked(self, batch: PostingBatch) -> dict[str, int]:
        """Find the entries that lines on return orders went out by; only such lines can name them."""
        lots = {posting.document.original_lot for posting in batch.postings
                if posting.key.kind in self.mode.bridged | self.mode.inboxed and isinstance(posting.document, OrderLine)} - {""}
        if not lots:
            return {}
        return self.inbox.entries(lots) if self.mode.inboxed else self.masters.entries(lots)

    def _invoices(self, batch: PostingBatch) -> dict[str, Invoice]:
        """Read the invoices that heads refer to, as they are now."""
        orders = {posting.document.order for posting in batch.postings if isinstance(posting.document, ReturnOrder)} - {""}
        return self.masters.invoices(orders) if orders else {}

    def _etags(self, batch: PostingBatch) -> dict[PostingKey, str]:
        """Read spares once more: only what is a draft now, and still is when it is removed, may be (facts/business-central 3.3)."""
        spares = {posting.key: posting.document for posting in batch.postings if isinstance(posting.document, Spare)}
        if not spares:
            return {}
        asked = [Ask(entity_set=entity, select=wire.SELECT[entity], column="id", numeric=True, values=tuple(
            {each.ids["id"] for each in spares.values() if wire.entity_of(each) == entity})) for entity in wire.LINES_OF]
        orders, _ = self.bridge.rows((), {each.ids["id"] for each in spares.values() if wire.entity_of(each) == bridge.ORDERS})
        rows = {(entity, str(row["id"])): row for entity, found in zip(wire.LINES_OF, self.central.read(asked), strict=True)
                for row in found if wire.plain(row.get("status")) == "Draft"}
        rows |= {(bridge.ORDERS, identity): row for identity, row in orders.items()}
        tags = {key: str(rows.get((wire.entity_of(spare), spare.ids["id"]), {}).get("@odata.etag") or "") for key, spare in spares.items()}
        return {key: tag for key, tag in tags.items() if tag}

    def _outcome(self, posting: Posting, answer: Answer, basis: Mapping[PostingKey, ErpDocument]) -> PostingOutcome:
        """Turn one answer into an outcome by reliability appendix A; the record that came back must carry our mark."""
        kind = posting.key.kind
        marked = "externalLineId" if kind in self.mode.inboxed else "description2"
        column = "externalDocumentNumber" if kind in HEADS else marked if kind in LINES else None
        meaning, then = answer.verdict(ours=None if column is None else lambda row: row.get(column) == posting.key.marker)
        if meaning is Meaning.OK:
            return Posted(document=self._document(posting, answer.body if isinstance(answer.body, dict) else {}, basis))
        if kind in LINES | self.mode.bridged | self.mode.inboxed and says(answer, TAKEN):
            return Unconfirmed(sentence=f"It has been written already: {sentence_of(answer)}", request=answer.request)
        if answer.status in CHANGED:
            return Rejected(sentence=sentence_of(answer), request=answer.request, transient=True)
        if meaning is Meaning.NO:
            return _refused(answer, then)
        if then is Then.ALERT:
            log.error("erp_answer_strange", extra={"posting": str(posting.key), "status": answer.status})
        return Unconfirmed(sentence=f"Nobody knows: {sentence_of(answer)}", request=answer.request)

    def _document(self, posting: Posting, row: Row, basis: Mapping[PostingKey, ErpDocument]) -> ErpDocument:
        if posting.key.kind in self.mode.inboxed:
            return self._requested(posting, row, basis)
        bridged = posting.key.kind in self.mode.bridged
        if isinstance(posting.document, ReturnOrder):
            return bridge.head_document(row) if bridged else wire.head_document(row, wire.kind_of(posting.document))
        if isinstance(posting.document, Spare):
            return ErpDocument(number=posting.document.ids["id"], ids=dict(posting.document.ids))
        head = basis[posting.needs[0]].ids
        return bridge.line_document(row, head["id"]) if bridged else wire.line_document(row, head, None, None)

    def _requested(self, posting: Posting, row: Row, basis: Mapping[PostingKey, ErpDocument]) -> ErpDocument:
        if isinstance(posting.document, ReturnOrder):
            return inbox.head_document(row)
        head = basis[posting.needs[0]].ids
        return ErpDocument(number=f"{head['externalId']}:{posting.key.marker}", currency="", ids={
            "id": head["id"], "entity": inbox.REQUESTS, "mark": posting.key.marker,
            "externalDocumentNumber": head["externalDocumentNumber"]})

    def _process(self, batch: PostingBatch, outcomes: Mapping[PostingKey, PostingOutcome]) -> None:
        """Have return orders made of requests all of whose lines in this batch were taken, so that their totals can be compared.

        That is a draft as well, and made once; what comes of it is read by `find`.
        """
        lines: dict[str, list[PostingOutcome]] = {}
        for posting in batch.postings:
            if posting.key.kind in LINES & self.mode.inboxed:
                lines.setdefault(batch.basis[posting.needs[0]].ids["id"], []).append(outcomes[posting.key])
        self.inbox.process([each for each, told in lines.items() if all(isinstance(outcome, Posted) for outcome in told)])

    # --- posting: one document, one call ---------------------------------------------------------------

    def _post_each(self, batch: PostingBatch, done: Collection[PostingKey], *, begun: bool) -> dict[PostingKey, PostingOutcome]:
        """Post documents that are not done yet, one after the other; once the service is away or busy the rest is not sent (INV-21).

        As long as nothing of the batch was sent (`begun`), what stops us is raised; then it is the outcome of what was not sent.
        """
        outcomes: dict[PostingKey, PostingOutcome] = self._let_go(batch, done, begun=begun)
        begun = begun or bool(outcomes)
        away: Answer | None = None
        for posting in batch.postings:
            if posting.key.kind not in RELEASES - self.mode.bridged:
                continue
            if away is not None:
                outcomes[posting.key] = Rejected(sentence=f"Nothing was sent: {sentence_of(away)}", request=away.request, transient=True,
                                                 after_seconds=away.wait)
                continue
            document, ids = posting.document, head_of(posting, batch.basis)
            whole = isinstance(document, Release) and set(document.lines) == {key.marker for key in posting.needs[1:]}
            if not ids or not whole or any(key not in batch.basis for key in posting.needs):
                outcomes[posting.key] = Rejected(sentence=f"{posting.key.kind.value} of {posting.key.return_ref}: not every line it must "
                                                          "hold is known. Nothing was sent.")
                continue
            try:
                answer = self._act(posting.key.kind, ids)
            except (RetryLater, Misconfigured) as stopped:
                if not begun:
                    raise
                outcomes[posting.key] = _unsent(stopped)
                continue
            begun = True
            away = answer if answer.status in {429, 503} or not answer.sent else None
            outcomes[posting.key] = self._posted(posting, answer, batch.basis)
        return outcomes

    def _act(self, kind: PostingKind, ids: Mapping[str, str]) -> Answer:
        """Post one document: what the inbox made a return order of is received and invoiced in one step."""
        if kind in self.mode.inboxed:
            return self.central.act(f"{inbox.REQUESTS}({ids['id']})/Microsoft.NAV.postReceiveAndInvoice", EXTENSION)
        return self.central.act(f"{ids['entity']}({ids['id']})/Microsoft.NAV.post")

    def _let_go(self, batch: PostingBatch, done: Collection[PostingKey], *, begun: bool) -> dict[PostingKey, PostingOutcome]:
        """Let return orders be posted by the ERP's job, each in one transaction, then start that job once."""
        mine = [posting for posting in batch.postings if posting.key.kind in RELEASES & self.mode.bridged and posting.key not in done]
        outcomes: dict[PostingKey, PostingOutcome] = {}
        if not mine:
            return outcomes
        heads = {posting.key: head_of(posting, batch.basis) for posting in mine}
        try:
            _, lines = self.bridge.rows((), {head["id"] for head in heads.values() if head})
        except (RetryLater, Misconfigured) as stopped:
            if not begun:
                raise
            return {posting.key: _unsent(stopped) for posting in mine}
        for posting in mine:
            head = heads[posting.key]
            rows = lines.get(head.get("number", ""), [])
            compared = {key.marker: batch.basis[key] for key in posting.needs[1:] if key in batch.basis}
            if wrong := bridge.altered(rows, compared) if rows else "it is not there":
                outcomes[posting.key] = Rejected(sentence=f"Return order {head.get('number', '')}: {wrong}. Nothing was sent.")
                continue
            try:
                answers = self.bridge.let_go(rows)
            except (RetryLater, Misconfigured) as stopped:
                if not (begun or outcomes):
                    raise
                outcomes[posting.key] = _unsent(stopped)
            else:
                outcomes[posting.key] = _let_go(answers, head)
        if any(isinstance(outcome, Posted) for outcome in outcomes.values()):
            self._start_job()
        return outcomes

    def _start_job(self) -> None:
        """Ask the ERP's job to begin; where that fails it comes in its own time."""
        try:
            answer = self.bridge.start_job()
        except (RetryLater, Misconfigured) as stopped:
            log.warning("posting_job_not_asked", extra={"error": str(stopped)})
        else:
            log.info("posting_job_asked", extra={"status": answer.status, "good": answer.good})

    def _posted(self, posting: Posting, answer: Answer, basis: Mapping[PostingKey, ErpDocument]) -> PostingOutcome:
        """Say what became of a document: an error may follow a success, so a refusal is believed only once the document was read again."""
        meaning, then = answer.verdict()
        ids = head_of(posting, basis)
        mine = ErpDocument(number=basis[posting.needs[0]].number, ids={name: text for name, text in ids.items() if name != "etag"})
        if meaning is Meaning.OK:
            return Posted(document=mine)
        if not answer.sent or answer.status in NOT_RUN:
            return _refused(answer, then)
        if answer.status is None or (meaning is Meaning.UNKNOWN and answer.status not in CHANGED):
            return Unconfirmed(sentence=f"Nobody knows: {sentence_of(answer)}", request=answer.request)
        return self._despite(posting, answer, mine, basis)

    def _despite(self, posting: Posting, answer: Answer, mine: ErpDocument, basis: Mapping[PostingKey, ErpDocument]) -> PostingOutcome:
        """Read a document again that posting refused: it may be posted all the same (facts/business-central 1)."""
        ids = mine.ids
        try:
            there = self._is_posted(ids, draft_numbers(basis).get(ids["id"], ""))
        except (RetryLater, Misconfigured) as unread:
            return Unconfirmed(sentence=f"It answered '{sentence_of(answer)}', and cannot be read again: {unread}", request=answer.request)
        if there:
            log.warning("posted_despite_error", extra={"posting": str(posting.key), "status": answer.status})
            return Posted(document=mine)
        if says(answer, POSTED):
            return Unconfirmed(sentence=f"It says that it is posted, and reads as a draft: {sentence_of(answer)}",
                               request=answer.request)
        return Rejected(sentence=sentence_of(answer), request=answer.request, transient=answer.status in CHANGED)

    def _is_posted(self, ids: Mapping[str, str], draft: str) -> bool:
        if ids["entity"] == inbox.REQUESTS:
            return wire.plain(self.inbox.rows((), {ids["id"]}).get(ids["id"], {}).get("status")) == inbox.DONE
        (rows,) = self.central.read([Ask(entity_set=ids["entity"], select=wire.SELECT[ids["entity"]], column="id", numeric=True,
                                         values=(ids["id"],))])
        row = next(iter(rows), {})
        told = wire.is_posted(row, draft) if row else False
        return entries_of(self.central, {str(row["number"])}).holds(str(row["number"]), ids["entity"]) if told is None else told


def _let_go(answers: Sequence[Answer], head: Mapping[str, str]) -> PostingOutcome:
    """Say what became of letting all lines of a return order be received, in one transaction."""
    verdicts = [answer.verdict()[0] for answer in answers]
    bad = next((answer for meaning, answer in zip(verdicts, answers, strict=True) if meaning is not Meaning.OK), None)
    if bad is None:
        ids = {name: text for name, text in head.items() if name != "etag"}
        return Posted(document=ErpDocument(number=head["number"], ids=ids))
    if any(meaning is Meaning.UNKNOWN and answer.status not in CHANGED for meaning, answer in zip(verdicts, answers, strict=True)):
        return Unconfirmed(sentence=f"Nobody knows: {sentence_of(bad)}", request=bad.request)
    return Rejected(sentence=sentence_of(bad), request=bad.request, transient=bad.status in CHANGED)


def _unsent(stopped: RetryLater | Misconfigured) -> Rejected:
    """Say that a posting was not sent, of a batch of which something was."""
    return Rejected(sentence=str(stopped), transient=True, after_seconds=getattr(stopped, "after_seconds", None))


def _refused(answer: Answer, then: Then) -> Rejected:
    """Say what a clean refusal comes to: again after a wait or a new token, never by itself, or once somebody gave the right."""
    busy = then in {Then.RETRY, Then.WAIT, Then.REFRESH}
    return Rejected(sentence=sentence_of(answer), request=answer.request, transient=busy or then is Then.REREAD,
                    after_seconds=answer.wait, counts=not busy)


__all__ = ["BusinessCentral", "connect"]

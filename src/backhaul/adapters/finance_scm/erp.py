"""How does one legal entity in Dynamics 365 Finance & Supply Chain Management keep our postings?

Orders are created by OData, arrivals by one data package per batch, inventory journals as `journals` says; which of them a deployment
mode needs says `routes`. The ERP's own jobs post arrival, journal, packing slip and invoice (facts/finance-scm 2.1 to 2.4). `post` makes
one effectful request and gives an outcome per posting. Everything that may have had an effect comes back as an outcome; `RetryLater` is
raised only when there was no token, so that nothing was sent.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from backhaul.adapters.finance_scm import on_hand, package, wire
from backhaul.adapters.finance_scm.entries import entries_between
from backhaul.adapters.finance_scm.imports import Imports, refused
from backhaul.adapters.finance_scm.journal_names import ENTITIES, names_unmet
from backhaul.adapters.finance_scm.journals import Journals
from backhaul.adapters.finance_scm.looking import Look, credits_between
from backhaul.adapters.finance_scm.masters import Masters
from backhaul.adapters.finance_scm.preflight import links_original_lot, needs_unmet, public_sets
from backhaul.adapters.finance_scm.routes import STOCK, mode_of
from backhaul.adapters.finance_scm.sides import open_sides
from backhaul.adapters.finance_scm.visibility import Options, Visibility
from backhaul.adapters.odata import Answer, Change, Connection, Meaning, OData, Query, Row, Then, kind_of, quoted
from backhaul.adapters.odata.assertion import credentials
from backhaul.application.ports import Capabilities
from backhaul.domain.disposition import JournalType
from backhaul.domain.entry import Shown
from backhaul.domain.errors import Misconfigured, RetryLater
from backhaul.domain.open_side import OpenSides
from backhaul.domain.plan import LOST
from backhaul.domain.posting import (
    ErpDocument,
    JournalLine,
    OrderLine,
    Pending,
    Posted,
    Posting,
    PostingBatch,
    PostingKey,
    PostingKind,
    PostingOutcome,
    Receipt,
    Rejected,
    Release,
    Route,
    Spare,
    Stop,
    Unconfirmed,
)
from backhaul.domain.pushing import Stock
from backhaul.domain.rules import LegalEntity, Rules
from backhaul.domain.validation import MasterData, Questions

log = logging.getLogger(__name__)
GROUPS: Final = frozenset({PostingKind.ORDER_LINE, PostingKind.FEE_LINE})
TRIES: Final = 3
K = PostingKind


def connect(entity: LegalEntity, rules: Rules, secrets: Mapping[str, str]) -> "FinanceScm":
    """Open a legal entity's ERP by its options; what is missing or malformed is `Misconfigured`. Sends nothing yet."""
    told = entity.options
    try:
        proof = credentials(secrets)
        connection = Connection(
            base_url=told["base_url"], token_url=told["token_url"], client_id=told["client_id"], client_secret=proof.secret,
            client_certificate=proof.certificate, scope=told.get("scope", ""), timeout=float(told.get("timeout_seconds", "120")),
            page_size=int(told.get("page_size", "0")))
    except (KeyError, ValueError) as wrong:
        message = f"Legal entity {entity.id}: option or secret {wrong} is missing or no number."
        raise Misconfigured(message) from None
    mode_of(entity)
    return FinanceScm(OData(connection), wire.Settings.of(entity), entity, rules)


class FinanceScm:
    """The port `Erp`, for one legal entity."""

    def __init__(self, odata: OData, told: wire.Settings, entity: LegalEntity, rules: Rules, *,  # noqa: PLR0913  what it works with
                 now: Callable[[], datetime] = lambda: datetime.now(UTC), sleep: Callable[[float], None] = time.sleep,
                 age: Callable[[], float] = time.monotonic) -> None:
        """Keep what it works with; clock and sleep can be handed in."""
        self.odata, self.told, self.entity, self.rules, self.now, self.sleep = odata, told, entity, rules, now, sleep
        self.mode, self.masters, self.complete = mode_of(entity), Masters(odata, told, age), False
        self.linked: bool | None = None
        self.imports = Imports(odata=odata, told=told, sleep=sleep)
        chosen = Options.of(entity)
        self.visibility = Visibility(odata.connection, chosen, told.company) if chosen else None
        self.journals = Journals(odata=odata, told=told, entity=entity, rules=rules, masters=self.masters, imports=self.imports, now=now,
                                 visibility=self.visibility)

    @property
    def route(self) -> Route:
        """Say which documents the mode needs."""
        return self.mode.route

    def capabilities(self) -> Capabilities:
        """Probe the metadata service: which needs of its mode the environment leaves unmet, by name.

        The masters its mode needs are read once, until nothing is missing: the daily look at the contract costs no call of data.
        """
        surplus = any(entity == self.entity.id for entity, _ in self.rules.surplus)
        mapped = frozenset(row.erp_disposition for row in self.rules.mapping if row.when.legal_entity == self.entity.id)
        journals = surplus or self._loses_by_journal()
        missing, notes, contract = needs_unmet(self.odata, self.told, self.mode, mapped=mapped, journals=journals,
                                               masters=not self.complete)
        if journals and not missing and not self.complete:
            wanted = self.rules.journals(self.entity.id) | {(JournalType.ADJUSTMENT, "")}
            more = names_unmet(self.odata, self.told, wanted, public_sets(self.odata, ENTITIES))
            missing, notes = missing + more[0], notes + more[1]
        if self.visibility:
            more = self.visibility.needs_unmet()
            missing, notes = missing + more[0], notes + more[1]
        self.complete = self.complete or not missing
        offered = self.rules.offered.get(self.entity.id, frozenset())
        untold = on_hand.needs_unmet(self.odata, self.rules.sellability, offered)
        return Capabilities(erp="finance-scm", deployment=self.mode.letter, route=self.mode.route, missing=tuple(missing),
                            notes=tuple(notes), contract=contract, untold=tuple(untold))

    def _loses_by_journal(self) -> bool:
        """Tell whether a mapping row of ours needs an inventory journal for its loss."""
        return self.mode.route.writes_off is K.ISSUE and any(
            row.credit and row.outcome in LOST and row.when.legal_entity == self.entity.id for row in self.rules.mapping)

    def master_data(self, questions: Questions) -> MasterData:
        """Answer with one `$batch`; items, customers and places are kept for `master_ttl_seconds`."""
        return self.masters.answer(questions)

    def find(self, postings: Collection[Posting], basis: Mapping[PostingKey, ErpDocument],
             batches: Mapping[PostingKey, str],
             allocations: Mapping[str, Sequence[JournalLine]] | None = None) -> Mapping[PostingKey, ErpDocument]:
        """Look for documents by their marks, with one `$batch` of reads, or two where something must be learned first."""
        return Look(self.odata, self.told, self.mode, postings, basis, batches, allocations).run() if postings else {}

    def documents(self, first: date, last: date) -> Iterator[ErpDocument]:
        """Read every credit document between two posting dates, inclusive, from the ledger side."""
        return credits_between(self.odata, self.told, first, last)

    def entries(self, first: date, last: date) -> Shown:
        """Read stock, credit notes, losses and ledger between two posting dates, inclusive."""
        return entries_between(self.odata, self.told, self.mode, first, last)

    def open_sides(self, accounts: Collection[str], first: date, last: date, *, payments: bool) -> OpenSides:
        """Read accounts, payments to customers and open receipts between two days, inclusive."""
        return open_sides(self.odata, self.told, accounts, first, last, payments=payments)

    def stock(self, skus: Collection[str], warehouses: Collection[str]) -> Stock:
        """Count what is on sale, by warehouse or by status, and say which items are stopped."""
        return on_hand.stock(self.masters, self.rules.sellability, skus, warehouses)

    # --- post ----------------------------------------------------------------------------------------

    def post(self, batch: PostingBatch) -> Sequence[PostingOutcome]:
        """Send a batch with one effectful request; one outcome per posting, in order. Kinds may be mixed, journals travel alone."""
        outcomes: dict[PostingKey, PostingOutcome] = {}
        kind = next((kind for kind in (K.RECEIPT, *STOCK) for posting in batch.postings if posting.key.kind is kind), None)
        mine = [posting for posting in batch.postings if posting.key.kind is kind]
        others = [posting for posting in batch.postings if posting.key.kind is not kind]
        if mine and others:
            outcomes |= {posting.key: Rejected(sentence="A journal travels in a batch of its own. Nothing was sent.") for posting in others}
            others = []
        if others:
            outcomes |= self._send(batch, others)
        if mine:
            outcomes |= self._receive(batch, mine) if kind is K.RECEIPT else self.journals.post(batch, mine)
        for posting in batch.postings:
            outcome = outcomes[posting.key]
            log.info("posting_%s", type(outcome).__name__.lower(), extra={"posting": str(posting.key), "batch": batch.key})
        return [outcomes[posting.key] for posting in batch.postings]

    def _send(self, batch: PostingBatch, postings: Sequence[Posting]) -> dict[PostingKey, PostingOutcome]:
        """Write orders, lines, releases and removals in one `$batch`: a change set per document, so that one does not sink others."""
        outcomes: dict[PostingKey, PostingOutcome] = {}
        groups: dict[str, list[tuple[Posting, Change]]] = {}
        spared, groups_of = self._lines_of_spares(postings), self._tax_of_debits(postings, batch.basis)
        for posting in sorted(postings, key=_children_first):
            if wrong := self._on_sale(posting):
                outcomes[posting.key] = Rejected(sentence=wrong)
                continue
            try:
                changes = self._changes(posting, batch.basis, spared, groups_of)
            except (KeyError, TypeError) as unknown:
                outcomes[posting.key] = Rejected(sentence=f"{posting.key.kind.value} of {posting.key.return_ref} cannot be written: "
                                                          f"{unknown} is not known. Nothing was sent.")
                continue
            group = changes[-1].body.get("ReturnOrderNumber") or changes[-1].body.get("SalesOrderNumber") \
                if posting.key.kind in GROUPS and changes[-1].body else str(posting.key)
            groups.setdefault(str(group), []).extend((posting, change) for change in changes)
        if not groups:
            return outcomes
        sets = list(groups.values())
        answers = self.odata.batch([[change for _, change in group] for group in sets])
        for group, given in zip(sets, answers, strict=True):
            for (posting, _), answer in zip(group, given, strict=True):
                outcomes[posting.key] = self._outcome(posting, answer, atomic=len(sets) == 1, basis=batch.basis)
        return outcomes | self._again(batch, sets, answers)

    def _on_sale(self, posting: Posting) -> str:
        """Say what is wrong with a line that would take goods on sale by itself; what a receipt of ours brings in is looked at there."""
        line = posting.document
        accepted = line.intake if isinstance(line, OrderLine) else None
        return wire.unsellable_on_sale(accepted, line.warehouse, self.rules.sellability) if accepted and isinstance(line, OrderLine) else ""

    def _changes(self, posting: Posting, basis: Mapping[PostingKey, ErpDocument],
                 spared: Mapping[PostingKey, list[Change]], groups_of: Mapping[str, str]) -> list[Change]:
        """Write what one posting needs; what it hangs on must be in the basis, else `KeyError`."""
        kind, document, sold = posting.key.kind, posting.document, posting.key.kind in self.mode.sales
        if kind in {K.ORDER, K.FEE_ORDER}:
            return [wire.sales_order(posting, self.told) if sold else wire.return_order(posting, self.told)]
        if kind in GROUPS:
            order = basis[posting.needs[0]].ids["SalesOrderNumber" if sold else "ReturnOrderNumber"]
            credit = basis[posting.needs[1]] if kind is K.FEE_LINE and len(posting.needs) > 1 else None
            about = credit.number if credit else ""
            group = groups_of[credit.ids["ProductNumber"]] if credit else ""
            return [wire.sales_line(posting, order, self.told, about=about, tax_group=group) if sold else
                    wire.return_line(posting, order, self.told, linked=self._links(posting))]
        if isinstance(document, Stop):
            return [wire.stop(basis[posting.needs[0]].ids["ReturnOrderNumber"], self.told)]
        if isinstance(document, Release):
            head = basis[posting.needs[0]]
            if set(document.lines) != {key.marker for key in posting.needs[1:]} or any(key not in basis for key in posting.needs[1:]):
                message = "every line it must hold"
                raise KeyError(message)
            return [wire.release(head.ids["SalesOrderNumber"], head.ids.get("etag", ""), self.told)]
        if isinstance(document, Spare):
            return [*spared.get(posting.key, ()), wire.removal(wire.set_of(document), {"dataAreaId": self.told.company, **document.ids})]
        message = f"how to send a {kind.value}, which the ERP makes itself,"
        raise TypeError(message)

    def _tax_of_debits(self, postings: Sequence[Posting], basis: Mapping[PostingKey, ErpDocument]) -> dict[str, str]:
        """Learn how the goods are taxed whose credit is taken back: a debit has their tax, not that of its service item (books 6)."""
        notes = [basis[key] for each in postings if each.key.kind is K.FEE_LINE for key in each.needs[1:] if key in basis]
        items = {note.ids["ProductNumber"] for note in notes if "ProductNumber" in note.ids}
        if not items:
            return {}
        (rows,) = self.odata.read([Query(entity_set="ReleasedProductsV2", where=f"dataAreaId eq {quoted(self.told.company)}",
                                         select=("dataAreaId", "ItemNumber", "SalesSalesTaxItemGroupCode"), column="ItemNumber",
                                         values=tuple(sorted(items)))])
        return {str(row["ItemNumber"]): str(row.get("SalesSalesTaxItemGroupCode") or "") for row in rows}

    def _links(self, posting: Posting) -> bool:
        """Learn once whether the original lot may be named; asked when the first line has one."""
        if self.linked is None and self.told.link_lots and isinstance(posting.document, OrderLine) and posting.document.original_lot:
            self.linked = links_original_lot(self.odata)
        return bool(self.linked)

    def _outcome(self, posting: Posting, answer: Answer, *, atomic: bool, basis: Mapping[PostingKey, ErpDocument]) -> PostingOutcome:
        """Turn one answer into an outcome by reliability appendix A; the record that came back must carry our mark."""
        kind = posting.key.kind
        column = {K.ORDER: "CustomersOrderReference", K.FEE_ORDER: "CustomersOrderReference",
                  K.ORDER_LINE: "ExternalItemNumber", K.FEE_LINE: "ExternalItemNumber"}.get(kind)
        meaning, then = answer.verdict(
            atomic=atomic, ours=None if column is None else lambda row: row.get(column) == posting.key.marker)
        if meaning is Meaning.OK:
            return Posted(document=self._document(posting, answer, basis))
        if kind is K.SPARE and answer.status == 404:  # noqa: PLR2004  it is gone, which is what we wanted; `find` looks again
            return Posted(document=self._document(posting, answer, basis))
        if meaning is Meaning.NO:
            return refused(answer, then)
        if then is Then.ALERT:
            log.error("erp_answer_strange", extra={"posting": str(posting.key), "status": answer.status})
        return Unconfirmed(sentence=f"Nobody knows: {answer.sentence}", request=answer.request)

    def _document(self, posting: Posting, answer: Answer, basis: Mapping[PostingKey, ErpDocument]) -> ErpDocument:
        row: Row = answer.body if isinstance(answer.body, dict) else {}
        if posting.key.kind in {K.ORDER, K.FEE_ORDER}:
            return wire.order_document(row)
        if posting.key.kind in GROUPS:
            return wire.line_document([row])
        if isinstance(posting.document, Spare):
            return ErpDocument(number=next(reversed(list(posting.document.ids.values())), ""), ids=dict(posting.document.ids))
        head = basis[posting.needs[0]]
        if isinstance(posting.document, Stop):
            return ErpDocument(number=head.ids["ReturnOrderNumber"], ids={"ReturnOrderNumber": head.ids["ReturnOrderNumber"]})
        ids = {name: text for name, text in head.ids.items() if name != "etag"}
        return ErpDocument(number=head.number, currency=head.currency,
                           ids={**ids, "SalesOrderPoolId": self.told.invoice_pool, **({"etag": answer.etag} if answer.etag else {})})

    def _again(self, batch: PostingBatch, sets: Sequence[Sequence[tuple[Posting, Change]]],
               answers: Sequence[Sequence[Answer]]) -> dict[PostingKey, PostingOutcome]:
        """After a stale ETag (412, no effect): read the order again, make sure it holds exactly its lines, and release it (ERP-06)."""
        stale = [group[0][0] for group, given in zip(sets, answers, strict=True)
                 if isinstance(group[0][0].document, Release) and given[0].status == 412]  # noqa: PLR2004
        outcomes: dict[PostingKey, PostingOutcome] = {}
        for _ in range(TRIES if stale else 0):
            try:
                changes = self._checked(batch, [posting for posting in stale if posting.key not in outcomes], outcomes)
                given = self.odata.batch([[change] for _, change in changes]) if changes else []
            except (RetryLater, Misconfigured) as away:
                log.warning("release_not_read_again", extra={"batch": batch.key, "error": str(away)})
                break
            if not changes:
                break
            for (posting, _), (answer,) in zip(changes, given, strict=True):
                if answer.status != 412:  # noqa: PLR2004
                    outcomes[posting.key] = self._outcome(posting, answer, atomic=len(changes) == 1, basis=batch.basis)
        return outcomes

    def _checked(self, batch: PostingBatch, stale: Sequence[Posting],
                 outcomes: dict[PostingKey, PostingOutcome]) -> list[tuple[Posting, Change]]:
        orders = {posting.key: batch.basis[posting.needs[0]].ids["SalesOrderNumber"] for posting in stale}
        company = f"dataAreaId eq {quoted(self.told.company)}"
        heads, lines = self.odata.read([
            Query(entity_set=name, select=wire.SELECT[name], where=company, column="SalesOrderNumber", values=tuple(orders.values()))
            for name in (wire.SALES_ORDERS, wire.SALES_LINES)])
        changes = []
        for posting in stale:
            head = next((row for row in heads if row.get("SalesOrderNumber") == orders[posting.key]), {})
            marks = sorted(str(row.get("ExternalItemNumber")) for row in lines if row.get("SalesOrderNumber") == orders[posting.key])
            if isinstance(posting.document, Release) and marks == sorted(posting.document.lines):
                changes.append((posting, wire.release(orders[posting.key], str(head.get("@odata.etag", "")), self.told)))
            else:
                outcomes[posting.key] = Rejected(sentence=f"Sales order {orders[posting.key]} was changed: it no longer holds exactly our "
                                                          "lines. It was not released.")
        return changes

    def _lines_of_spares(self, postings: Sequence[Posting]) -> dict[PostingKey, list[Change]]:
        """Learn the lines of spare headers: lines go before their header, in its change set."""
        heads = [(posting, posting.document) for posting in postings
                 if isinstance(posting.document, Spare) and wire.set_of(posting.document) in wire.PARENT]
        removals: dict[PostingKey, list[Change]] = {}
        company = f"dataAreaId eq {quoted(self.told.company)}"
        asked = [Query(entity_set=lines, select=wire.SELECT[lines], where=company, column=column, values=(spare.ids.get(column, ""),))
                 for _, spare in heads for lines, column in (wire.PARENT[wire.set_of(spare)],)]
        for (posting, spare), rows in zip(heads, self.odata.read(asked), strict=True):
            entity, column = wire.PARENT[wire.set_of(spare)]
            removals[posting.key] = [wire.removal(entity, wire.key_of(row, entity)) for row in rows
                                     if row.get(column) == spare.ids.get(column)]
        return removals

    # --- receipts: one package, one journal ----------------------------------------------------------

    def _receive(self, batch: PostingBatch, postings: Sequence[Posting]) -> dict[PostingKey, PostingOutcome]:
        """Send one arrival journal for all receipts of the batch; rows that may not leave are refused before anything is sent."""
        outcomes: dict[PostingKey, PostingOutcome] = {}
        rows: dict[PostingKey, dict[str, str]] = {}
        for posting in postings:
            line = next((batch.basis[key] for key in posting.needs if key in batch.basis), None)
            known = line is not None and {"ReturnOrderNumber", "ReturnInventoryLotId"} <= set(line.ids)
            if line is None or not known or not isinstance(posting.document, Receipt):
                outcomes[posting.key] = Rejected(sentence=f"Receipt of {posting.key.return_ref}: its order line is not known. "
                                                          "Nothing was sent.")
            elif wrong := wire.unsellable_on_sale(posting.document, line.ids.get("ReturnWarehouseId", ""), self.rules.sellability):
                outcomes[posting.key] = Rejected(sentence=wrong)
            else:
                accepted = (posting.accepted_at or self.now()).astimezone(ZoneInfo(self.entity.zone)).date()
                rows[posting.key] = wire.arrival_line(posting, line, accepted, self.told)
        if rows:
            names = [each.document.journal for each in postings if isinstance(each.document, Receipt)]
            header = {"JournalNameId": names[0] or self.told.journal_name, "JournalDescription": batch.key}
            content = package.pack(self.told.data_project, header, list(rows.values()))
            outcomes |= self.imports.run(batch.key, self.told.data_project, content, tuple(rows), lambda: self._row_by_row(batch.key, rows))
        return outcomes

    def _row_by_row(self, key: str, rows: Mapping[PostingKey, dict[str, str]]) -> dict[PostingKey, PostingOutcome]:
        """Say for each row of a finished import with errors whether it is in the journal: the journal decides, the error list explains."""
        errors = package.row_errors(self.imports.asked("GetExecutionErrors", key))
        company = f"dataAreaId eq {quoted(self.told.company)}"
        try:
            journals, lines = self.odata.read([
                Query(entity_set=wire.JOURNALS, select=wire.SELECT[wire.JOURNALS], where=company, column="JournalDescription",
                      values=(key,)),
                Query(entity_set=wire.JOURNAL_LINES, select=wire.SELECT[wire.JOURNAL_LINES], where=company,
                      column="TransactionReferenceNumber", values=tuple(row["TransactionReferenceNumber"] for row in rows.values()))])
        except (RetryLater, Misconfigured) as away:
            return dict.fromkeys(rows, Unconfirmed(sentence=f"The import of {key} had errors and the journal cannot be read: {away}"))
        numbers = {row.get("JournalNumber") for row in journals if row.get("JournalDescription") == key}
        there = {(str(row.get("ReferenceInventoryLotId")), str(int(row.get("LineNumber") or 0))) for row in lines
                 if row.get("JournalNumber") in numbers}
        all_told = "; ".join(dict.fromkeys(sentence for _, sentence in errors)) or "the error list is empty"
        outcomes: dict[PostingKey, PostingOutcome] = {}
        for at, (posting, row) in enumerate(rows.items(), 1):
            told = [sentence for record, sentence in errors if record in {row["LineNumber"], str(at)}] if len(errors) > 1 else []
            sentence = f"The arrival line was not imported: {'; '.join(told) or all_told}"
            taken = (row["ReferenceInventoryLotId"], row["LineNumber"]) in there
            outcomes[posting] = Pending(reference=key) if taken else Rejected(sentence=sentence, transient=kind_of(sentence) == "RETRYABLE")
        return outcomes


def _children_first(posting: Posting) -> tuple[bool, PostingKey]:
    spare = posting.document
    return isinstance(spare, Spare) and wire.set_of(spare) in wire.PARENT, posting.key

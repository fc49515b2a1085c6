"""Step 3. Tell the ERP, with effect once.

`send` commits an attempt for every posting, makes one request, and records one outcome per posting.
`look` asks the ERP what it holds and settles everything that is open: it verifies drafts, adopts what a
lost answer left behind, finds what the ERP's own jobs have made, and only where that is safe lets a
posting be sent again. Nothing is ever sent again because of a time-out alone.

Whatever stops the adapter, no attempt stays without an outcome. What it raises on purpose says that nothing was sent (`ports.Erp`): the
attempt is put back, and what a person has to mend gets an owner. Of anything else nobody knows what left before it: that is looked for.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from backhaul.application.ports import RETRIED, Erp, KeptPosting, PostingState, Store, Tx
from backhaul.application.read_back import unconfirmed
from backhaul.application.standstill import goes_on, stops
from backhaul.domain.allocation import allocate, journal, unkept
from backhaul.domain.disposition import Sellability
from backhaul.domain.errors import Misconfigured, NeedsOperator, RetryLater
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.kits import KitMode
from backhaul.domain.matching import BEFORE_ARRIVAL, Break, BreakKind, classify
from backhaul.domain.money import Money
from backhaul.domain.period import before_jobs, jobs_done, predicted_posting
from backhaul.domain.posting import (
    DOCUMENTS,
    JOURNALS,
    Adjustment,
    ErpDocument,
    Issue,
    Nature,
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
    Route,
    Spare,
    Stop,
    Transfer,
    Unconfirmed,
    intake,
    mark,
    per_currency,
)
from backhaul.domain.returns import NOTHING, fold
from backhaul.domain.routing import Whereabouts, owner_of
from backhaul.domain.rules import LegalEntity, Rules
from backhaul.domain.trail import digest

EXISTS: Final = frozenset({PostingState.POSTED, PostingState.VERIFIED})
OPEN: Final = frozenset({PostingState.UNCONFIRMED, PostingState.PENDING, PostingState.AWAITED, PostingState.POSTED})
DRAFTED: Final = frozenset({BreakKind.WRONG_AMOUNT, BreakKind.WRONG_TAX, BreakKind.WRONG_PLACE, BreakKind.WRONG_TOTAL})
"""What the ERP computed or defaulted otherwise, while nothing is received yet."""
SHY_LOOKS: Final = 3
"""How often a draft we know of may be missing from an answer (a lagging read) before a person is asked."""
LOOK_AGAIN: Final = timedelta(minutes=5)
log = logging.getLogger(__name__)
BACKOFF: Final = (timedelta(seconds=30), timedelta(hours=1))
"""First and longest wait before a request that never reached the ERP is made again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where one legal entity's postings are sent from: the store, the ERP, and what was decided."""

    store: Store
    erp: Erp
    rules: Rules
    entity: LegalEntity
    route: Route


def waiting(desk: Desk) -> frozenset[PostingKind]:
    """Tell which kinds have something that was judged and not sent; most turns have none of most."""
    with desk.store.begin() as tx:
        return tx.kinds_in_state(desk.rules.tenant, desk.entity.id, PostingState.READY)


def send(desk: Desk, kinds: Collection[PostingKind], now: datetime) -> int:
    """Send every READY posting of these kinds whose needs are met, one request per batch, unless writes are paused; give how many."""
    with desk.store.begin() as tx:
        if tx.paused(desk.rules.tenant, desk.entity.id):
            return 0
        ready = tx.in_state(desk.rules.tenant, desk.entity.id, {PostingState.READY}, kinds=kinds)
        due = [row for row in ready if row.look_at is None or row.look_at <= now]
        due = _approved(tx, desk, _confirmed(tx, desk, due))
        basis = _basis(tx, due)
    going = [row for row in due if _may_go(desk.route, row, basis)]
    gone = 0
    for batch in _batches(desk, going, basis, now):
        company = {posting.key for posting in batch.postings}
        rows = [row for row in going if row.posting.key in company]
        with desk.store.begin() as tx:
            if tx.paused(desk.rules.tenant, desk.entity.id):  # asked in the transaction that commits the attempts (INV-32)
                return gone
            rows = _approved(tx, desk, _confirmed(tx, desk, rows))
            entry = _Entry.open(tx, desk, now, rows)
            safe = entry.allocated(replace(batch, postings=tuple(
                each for each in batch.postings if each.key in entry.rows and entry.is_safe(each))))
            tx.start(safe, at=now)
        gone += len(company)
        if not safe.postings:
            continue
        outcomes, why = _asked(desk, safe)
        with desk.store.begin() as tx:
            entry = _Entry.open(tx, desk, now, rows)
            for posting, outcome in zip(safe.postings, outcomes, strict=True):
                entry.record(posting, safe.key, outcome)
            if why:
                at_stake = ((entry.at_stake(posting), posting.currency) for posting in safe.postings)
                stops(tx, desk.rules, desk.entity, f"send {safe.kind.value}", now=now, money=per_currency(at_stake),
                      why=f"{len(safe.postings)} x {safe.kind.value}: {why}")
            elif not all(isinstance(outcome, Rejected) and outcome.transient for outcome in outcomes):
                goes_on(tx, desk.rules, desk.entity, f"send {safe.kind.value}", now=now)
    return gone


def _asked(desk: Desk, batch: PostingBatch) -> tuple[Sequence[PostingOutcome], str]:
    """Send a batch and give one outcome per posting, whatever stops the adapter; and what a person has to mend, if that stopped it."""
    try:
        return desk.erp.post(batch), ""
    except RetryLater as busy:
        outcome, why = Rejected(sentence=str(busy), transient=True, after_seconds=busy.after_seconds), ""
    except (Misconfigured, NeedsOperator) as wrong:
        outcome, why = Rejected(sentence=str(wrong), transient=True, after_seconds=BACKOFF[1].total_seconds()), str(wrong)
    except Exception as broken:
        # The adapter is third-party code that has sent we know not what; this is the one place that can keep it from being lost.
        log.exception("adapter_broke", extra={"batch": batch.key, "kind": batch.kind.value})
        return [Unconfirmed(sentence=f"Nobody knows: the adapter broke with {type(broken).__name__}: {broken}")] * len(batch.postings), ""
    return [outcome] * len(batch.postings), why


def _confirmed(tx: Tx, desk: Desk, rows: Sequence[KeptPosting]) -> list[KeptPosting]:
    """Leave out what would be the first of its kind to leave while the platform has not told what its sender, who cannot sign, told.

    What was tried before was confirmed then, and its content is fixed; it must be settled whatever was heard since.
    """
    fresh = {row.posting.key.return_ref for row in rows if not row.attempts}
    unread = unconfirmed(tx, desk.rules, fresh)
    return [row for row in rows if row.attempts or row.posting.key.return_ref not in unread]


def _approved(tx: Tx, desk: Desk, rows: Sequence[KeptPosting]) -> list[KeptPosting]:
    """Leave out what is in a batch that waits for somebody's approval."""
    waiting = tx.unapproved(desk.rules.tenant, desk.entity.id)
    return [row for row in rows if row.window not in waiting]


def look(desk: Desk, now: datetime) -> int:
    """Ask the ERP about everything open that is due to be looked at, and settle it; give how many changed."""
    with desk.store.begin() as tx:
        for row in tx.in_state(desk.rules.tenant, desk.entity.id, {PostingState.SENDING}):
            # Its worker stopped between committing the attempt and recording the answer.
            tx.finish(row.posting, row.batch, outcome="unconfirmed", detail="no answer was recorded", at=now)
            tx.set_state(row.posting.key, PostingState.UNCONFIRMED, look_at=now, looks=0, at=now)
        _begin_to_wait(tx, desk, now)
        due = tx.in_state(desk.rules.tenant, desk.entity.id, OPEN, look_until=now)
        basis = _basis(tx, due)
        # What the ERP makes of a document can only be found once that document is.
        rows = [row for row in due if row.state is not PostingState.AWAITED or _may_go(desk.route, row, basis)]
        rows += _sent_twice(desk.route, rows, basis)
        kin = _told_by_totals(tx, desk, rows)
        allocations = tx.allocations(desk.rules.tenant, {
            row.batch for row in (*rows, *kin.values()) if isinstance(row.posting.document, JOURNALS)})
    if not rows:
        return 0
    found = desk.erp.find(
        [row.posting for row in rows],
        {key: row.document for key, row in {**kin, **basis}.items() if row.document},
        {row.posting.key: row.batch for row in (*kin.values(), *basis.values(), *rows) if row.batch}, allocations)
    with desk.store.begin() as tx:
        entry = _Entry.open(tx, desk, now, rows, basis)
        return sum(entry.settle(row, found.get(row.posting.key)) for row in rows)


def _begin_to_wait(tx: Tx, desk: Desk, now: datetime) -> None:
    """Start waiting for what others make of documents that stood before it was wanted: nothing that we send will set it off any more."""
    awaited = [kind for kind, nature in desk.route.nature.items() if nature is Nature.AWAITED]
    ready = tx.in_state(desk.rules.tenant, desk.entity.id, {PostingState.READY}, kinds=awaited)
    basis = _basis(tx, ready)
    for row in ready:
        if _may_go(desk.route, row, basis):
            tx.set_state(row.posting.key, PostingState.AWAITED, look_at=now, looks=0, at=now)


def _sent_twice(route: Route, rows: Sequence[KeptPosting], basis: Mapping[PostingKey, KeptPosting]) -> list[KeptPosting]:
    """Give the drafts beneath these that were sent more than once: the one given up for lost may have landed since."""
    asked = {row.posting.key for row in rows}
    return [row for key, row in basis.items() if key not in asked and row.attempts > 1 and row.state is PostingState.VERIFIED
            and route.nature.get(key.kind) is Nature.DRAFT]


def _told_by_totals(tx: Tx, desk: Desk, rows: Sequence[KeptPosting]) -> Mapping[PostingKey, KeptPosting]:
    """Give all stock movements that were sent, or may have been, of kinds that can only be found by their sums."""
    kinds = {row.posting.key.kind for row in rows if isinstance(row.posting.document, JOURNALS)
             and desk.route.nature.get(row.posting.key.kind) is Nature.ONCE}
    alike = [kind for kind, nature in desk.route.nature.items() if nature is Nature.ONCE and DOCUMENTS[kind] in JOURNALS]
    sent = tx.in_state(desk.rules.tenant, desk.entity.id, EXISTS | OPEN, kinds=alike) if kinds else ()
    return {row.posting.key: row for row in sent}


def _basis(tx: Tx, rows: Iterable[KeptPosting]) -> dict[PostingKey, KeptPosting]:
    """Fetch what these postings need, and what that needs in turn."""
    known: dict[PostingKey, KeptPosting] = {}
    asked = {key for row in rows for key in row.posting.needs}
    while asked:
        found = tx.documents(asked)
        known.update(found)
        asked = {key for row in found.values() for key in row.posting.needs} - known.keys()
    return known


def _may_go(route: Route, row: KeptPosting, basis: Mapping[PostingKey, KeptPosting]) -> bool:
    """Tell whether what it rests on is there: a draft needs its head to exist, an effect everything to be verified."""
    enough = EXISTS if route.nature.get(row.posting.key.kind) is Nature.DRAFT else {PostingState.VERIFIED}
    return all(key in basis and basis[key].state in enough for key in row.posting.needs)


def _batches(desk: Desk, rows: Sequence[KeptPosting], basis: Mapping[PostingKey, KeptPosting],
             now: datetime) -> list[PostingBatch]:
    """Group postings that travel together: one window, one journal; a batch that was in doubt keeps its company and its key."""
    groups: dict[tuple[str, str, tuple[str, str, str]], list[KeptPosting]] = {}
    for row in rows:
        groups.setdefault((row.window, row.batch, journal(row.posting.document)), []).append(row)
    day = predicted_posting(desk.entity, now)
    return [
        PostingBatch(
            key=sent_before or mark(f"batch|{window}|{digest(sorted(str(row.posting.key) for row in group))}"),
            tenant=desk.rules.tenant, legal_entity=desk.entity.id, period=desk.entity.calendar.period_of(day),
            kind=group[0].posting.key.kind, posting_on=day,
            postings=tuple(row.posting for row in group),
            basis={key: need.document for row in group for key, need in _needs_of(row, basis).items() if need.document})
        for (window, sent_before, _), group in sorted(groups.items())
    ]


def _needs_of(row: KeptPosting, basis: Mapping[PostingKey, KeptPosting]) -> dict[PostingKey, KeptPosting]:
    needs: dict[PostingKey, KeptPosting] = {}
    asked = list(row.posting.needs)
    while asked:
        key = asked.pop()
        if key in basis and key not in needs:
            needs[key] = basis[key]
            asked.extend(basis[key].posting.needs)
    return needs


@dataclass(slots=True, kw_only=True)
class _Entry:
    """One transaction in which outcomes are written down: the postings at hand, their families and heads."""

    tx: Tx
    desk: Desk
    now: datetime
    rows: Mapping[PostingKey, KeptPosting]
    family: Mapping[str, Sequence[KeptPosting]]
    basis: Mapping[PostingKey, KeptPosting]
    moved: set[PostingKey] = field(default_factory=set)

    @classmethod
    def open(cls, tx: Tx, desk: Desk, now: datetime, rows: Sequence[KeptPosting],
             basis: Mapping[PostingKey, KeptPosting] | None = None) -> "_Entry":
        refs = sorted({row.posting.key.return_ref for row in rows})
        return cls(tx=tx, desk=desk, now=now, rows={row.posting.key: row for row in rows}, basis=basis or {},
                   family=tx.postings(desk.rules.tenant, refs))

    def nature(self, posting: Posting) -> Nature:
        return self.desk.route.nature.get(posting.key.kind, Nature.KEYED)

    # --- after a request

    def is_safe(self, posting: Posting) -> bool:
        """Assert at the send boundary, in production too, what must never be violated; what fails goes to its owner."""
        for sentence in _dangers(self.desk, posting):
            self.reject(posting, sentence)
            return False
        return True

    def allocated(self, batch: PostingBatch) -> PostingBatch:
        """Say which journal lines stand for which postings; what cannot travel as it was promised before goes to its owner."""
        promised = self.tx.allocations(self.desk.rules.tenant, [batch.key]).get(batch.key, ()) if batch.postings else ()
        lost = unkept(promised, allocate(batch))
        for posting in batch.postings:
            if posting.key in lost:
                self.reject(posting, "Its journal line was sent before together with others that cannot be sent again. "
                                     "Look for it in the ERP.")
        batch = replace(batch, postings=tuple(posting for posting in batch.postings if posting.key not in lost))
        return replace(batch, allocation=allocate(batch))

    def record(self, posting: Posting, batch: str, outcome: PostingOutcome) -> None:
        """Write down what came of one attempt."""
        key, now = posting.key, self.now
        match outcome:
            case Posted(document=document):
                self.tx.finish(posting, batch, outcome="posted", detail=document.number, at=now)
                if self.nature(posting) is Nature.DRAFT:
                    self.move(key, PostingState.POSTED, document=document, look_at=now)
                else:
                    self.move(key, PostingState.VERIFIED, document=document)
                self.await_children(posting)
            case Pending(reference=reference):
                self.tx.finish(posting, batch, outcome="pending", detail=reference, at=now)
                self.move(key, PostingState.PENDING, look_at=jobs_done(self.desk.entity, now))
                self.await_children(posting)
            case Unconfirmed(sentence=sentence):
                self.tx.finish(posting, batch, outcome="unconfirmed", detail=_answered(outcome), at=now)
                self.move(key, PostingState.UNCONFIRMED, look_at=now, note=sentence)
            case Rejected(sentence=sentence, transient=True, after_seconds=after):
                self.tx.finish(posting, batch, outcome="not sent", detail=_answered(outcome), at=now)
                self.later(posting, sentence, after)
            case Rejected(sentence=sentence):
                self.tx.finish(posting, batch, outcome="rejected", detail=_answered(outcome), at=now)
                self.reject(posting, sentence)

    def later(self, posting: Posting, sentence: str, after_seconds: float | None) -> None:
        """Let a request that provably had no effect be made again, not too soon and not for ever (INV-20, INV-21)."""
        attempts = self.rows[posting.key].attempts if posting.key in self.rows else 0
        if attempts + 1 >= self.desk.rules.attempts:
            self.reject(posting, f"{attempts + 1} attempts, the last: {sentence}")
            return
        wait = max(min(BACKOFF[0] * 2**attempts, BACKOFF[1]), timedelta(seconds=after_seconds or 0))
        self.move(posting.key, PostingState.READY, look_at=self.now + wait, note=sentence, batch="")

    def reject(self, posting: Posting, sentence: str) -> None:
        """Hand a posting the ERP refused to its owner; what needs it waits with it."""
        if posting.key.kind is PostingKind.SPARE:
            # It could not be removed, so it is no spare any more: the next look says what it is.
            self.move(posting.key, PostingState.VERIFIED, note=sentence)
            return
        self.move(posting.key, PostingState.REJECTED, note=sentence)
        self.raise_(posting, "ERP_REJECTED", f"{posting.key.kind.value}: {sentence}")

    def await_children(self, posting: Posting) -> None:
        """Start waiting for what the ERP's own job will make of this."""
        for row in self.family.get(posting.key.return_ref, ()):
            child = row.posting
            waits = row.state is PostingState.READY and child.key not in self.moved
            if waits and self.nature(child) is Nature.AWAITED and posting.key in child.needs:
                # Who was told by an event that it is there already looks now; that look is not one of the daily ones.
                self.move(child.key, PostingState.AWAITED, look_at=row.look_at or self.next_look(child), looks=-1 if row.look_at else 0)

    # --- after a look

    def settle(self, row: KeptPosting, document: ErpDocument | None) -> bool:
        """Decide about one posting from what the ERP holds; tell whether something is to be done now."""
        if row.state is PostingState.VERIFIED and (document is None or document.copies == 1):
            return False
        if document is None:
            return self.absent(row)
        if document.copies > 1:
            return self.several(row, document)
        if document.open and self.nature(row.posting) is Nature.AWAITED and (breaks := self.breaks(row.posting, document)):
            # People did it, and the ERP's job has still to take it further: time to keep it from doing so.
            self.differs(row, document, breaks)
            self.stop(row, breaks[0].sentence)
            return True
        if document.open:
            # Not there yet, and surely not lost: the ERP's job has still to post it.
            self.wait(row, PostingState.PENDING)
            self.await_children(row.posting)
            return row.state is not PostingState.PENDING
        return self.adopt(row, document)

    def adopt(self, row: KeptPosting, document: ErpDocument) -> bool:
        """Take the ERP's document as ours if it says what we wanted; otherwise a person compares."""
        if breaks := self.breaks(row.posting, document):
            self.differs(row, document, breaks)
        else:
            self.move(row.posting.key, PostingState.VERIFIED, document=document, looks=row.looks + 1)
            self.await_children(row.posting)
        return True

    def breaks(self, posting: Posting, document: ErpDocument) -> list[Break]:
        """Give every way in which the ERP's document is not what was wanted."""
        return [*classify(posting, document, self.desk.rules.tolerances_of(
            self.desk.entity.id, posting.currency, self.now.date())), *self.on_sale(posting, document)]

    def on_sale(self, posting: Posting, document: ErpDocument) -> Iterable[Break]:
        """Notice goods that may not be sold and were brought to where stock is sold, whatever was wanted (INV-06)."""
        wanted, place = posting.document, document.place
        if isinstance(wanted, Receipt) and place and self.desk.rules.sellability.sells(place) and not _may_be_sold(self.desk, wanted):
            yield Break(kind=BreakKind.WRONG_PLACE, sentence=f"{wanted.sku} is {wanted.condition}/{wanted.disposition} and was brought to "
                                                             f"{place.warehouse}/{place.location}, where stock is sold.")

    def differs(self, row: KeptPosting, document: ErpDocument, breaks: Sequence[Break]) -> None:
        """Hand a document that says something else to its owner; goods that may not be sold and lie on sale are louder than the rest."""
        drafted = row.posting.key.kind in BEFORE_ARRIVAL and all(each.kind in DRAFTED for each in breaks)
        by_hand = isinstance(row.posting.document, Receipt) and self.nature(row.posting) is Nature.AWAITED
        code = "DAMAGED_ON_SALE" if any(self.on_sale(row.posting, document)) else "ARRIVAL_DIFFERS" if by_hand \
            else "TOTALS_DIFFER" if drafted else "ERP_DIFFERS"
        self.move(row.posting.key, PostingState.REJECTED, document=document, note=breaks[0].sentence)
        self.raise_(row.posting, code, " ".join(each.sentence for each in breaks))

    def stop(self, row: KeptPosting, why: str) -> None:
        """Write down, as a posting of its own, that the ERP's jobs may not take this order further, where the route has a way to say so."""
        subject = next((posting.needs[0].subject for key in row.posting.needs if (kept := self.basis.get(key))
                        for posting in (kept.posting,) if posting.needs), "")
        key = replace(row.posting.key, kind=PostingKind.STOP, subject=subject or row.posting.key.subject)
        if PostingKind.STOP in self.desk.route.goods and key not in self.moved and not self.tx.documents([key]):
            self.tx.fix(Posting(key=key, document=Stop(return_ref=key.return_ref, why=why), needs=row.posting.needs,
                                currency=row.posting.currency),
                        mapping_version=self.desk.rules.version, window=row.window, at=self.now)
            self.moved.add(key)

    def several(self, row: KeptPosting, document: ErpDocument) -> bool:
        """More than one carries our mark: spare drafts are removed, posted ones freeze the line."""
        if document.spares and self.nature(row.posting) in (Nature.DRAFT, Nature.KEYED):
            for spare in document.spares:
                self.remove(row, spare)
            self.move(row.posting.key, PostingState.UNCONFIRMED, look_at=self.now, looks=row.looks + 1,
                      note=f"{document.copies} copies; removing the spare ones")
        else:
            self.move(row.posting.key, PostingState.REJECTED, document=document, note="duplicate in the ERP")
            self.raise_(row.posting, "DUPLICATE",
                        f"The ERP holds {document.copies} documents with mark {row.posting.key.marker}: {document.number} and more.")
        return True

    def remove(self, row: KeptPosting, spare: Spare) -> None:
        """Write the removal of a spare draft as a posting of its own, with its own attempt."""
        subject = f"{row.posting.key.kind.value}:{digest(spare)[:16]}"
        key = replace(row.posting.key, kind=PostingKind.SPARE, subject=subject)
        if key not in self.moved and not self.tx.documents([key]):
            self.tx.fix(Posting(key=key, document=spare, currency=row.posting.currency),
                        mapping_version=self.desk.rules.version, window=row.window, at=self.now)
        self.moved.add(key)

    def absent(self, row: KeptPosting) -> bool:
        """Settle what the ERP shows nothing of; what that means depends on what we know and what a second one would do."""
        posting, key = row.posting, row.posting.key
        if key.kind is PostingKind.SPARE:
            self.move(key, PostingState.VERIFIED, note="gone")
            return True
        if row.state is PostingState.UNCONFIRMED and self.nature(posting) in (Nature.DRAFT, Nature.KEYED):
            return self.again(row)
        if row.state is PostingState.POSTED and row.looks + 1 >= SHY_LOOKS:
            self.move(key, PostingState.REJECTED, note="missing in the ERP")
            number = row.document.number if row.document else ""
            self.raise_(posting, "ERP_DIFFERS", f"{key.kind.value} {number} is no longer in the ERP.")
            return True
        self.wait(row, row.state)
        return False

    def again(self, row: KeptPosting) -> bool:
        """Let a draft or a keyed effect that is nowhere to be found be sent again."""
        posting = row.posting
        head = self.basis.get(posting.needs[0]) if posting.needs else None
        if row.attempts >= self.desk.rules.attempts and not row.note.startswith(RETRIED):
            self.reject(posting, f"{row.attempts} attempts had no effect that can be found")
        elif posting.key.kind in self.desk.route.whole and head and head.document and head.state in EXISTS:
            self.remove(head, Spare(entity=head.posting.key.kind.value, ids=head.document.ids))
            if head.posting.key not in self.moved:
                self.move(head.posting.key, PostingState.UNCONFIRMED, look_at=self.now, note="replaced: a line on it is in doubt")
            self.move(posting.key, PostingState.UNCONFIRMED, look_at=self.now, looks=row.looks + 1, note="its head is replaced")
        else:
            self.move(posting.key, PostingState.READY, look_at=self.now, note="not found; safe to send again")
        return True

    def next_look(self, posting: Posting) -> datetime:
        """Say when the ERP may have made something: after its jobs, and before them for what people do that a job then takes further."""
        done = jobs_done(self.desk.entity, self.now)
        by_hand = isinstance(posting.document, Receipt) and self.nature(posting) is Nature.AWAITED
        return min(done, before_jobs(self.desk.entity, self.now)) if by_hand else done

    def wait(self, row: KeptPosting, state: PostingState) -> None:
        """Look again later; ask a person when it takes too long, and keep looking all the same."""
        daily = state in (PostingState.PENDING, PostingState.AWAITED)
        deadlines = self.desk.rules.deadlines
        patience = deadlines.erp_job.days if daily else deadlines.unconfirmed / LOOK_AGAIN
        next_look = self.next_look(row.posting) if daily else self.now + LOOK_AGAIN
        self.move(row.posting.key, state, look_at=next_look, looks=row.looks + 1)
        if row.looks + 1 > patience:
            self.raise_(row.posting, "OVERDUE_IN_ERP" if daily else "UNCONFIRMED_TOO_LONG",
                        f"{row.posting.key.kind.value} for {row.posting.line_id or row.posting.key.return_ref}: "
                        f"{row.looks + 1} looks found nothing.")

    # --- writing

    def move(self, key: PostingKey, state: PostingState, *, document: ErpDocument | None = None,  # noqa: PLR0913
             look_at: datetime | None = None, looks: int = 0, note: str = "", batch: str | None = None) -> None:
        self.tx.set_state(key, state, document=document, look_at=look_at, looks=looks, note=note, at=self.now, batch=batch)
        self.moved.add(key)
        self.tx.touch(self.desk.rules.tenant, [key.return_ref])

    def raise_(self, posting: Posting, code: str, sentence: str) -> None:
        """Open work for the team that owns this, beside what stands about the line already."""
        tenant, ref = self.desk.rules.tenant, posting.key.return_ref
        finding = Finding(code=code, line_id=posting.line_id, sentence=sentence)
        earlier = [each for row in self.tx.exceptions(tenant, refs=[ref]) if row.case.line_id == finding.line_id
                   for each in row.case.findings if each != finding]
        work = ExceptionCase.about(
            tenant=tenant, return_ref=ref, line_id=finding.line_id, findings=(finding, *earlier),
            money=Money(amount=self.at_stake(posting), currency=posting.currency), now=self.now, teams=self.desk.rules.teams)
        self.tx.open_exception(replace(work, owner=owner_of(work, self._whereabouts(ref), self.desk.rules.routing, self.desk.rules.teams)))

    def _whereabouts(self, ref: str) -> Whereabouts:
        """Say by what the exceptions of a return are routed; it is folded only where brand or warehouse decide."""
        if not any(rule.retailers or rule.warehouses for rule in self.desk.rules.routing):
            return Whereabouts(legal_entity=self.desk.entity.id)
        known = fold(ref, self.tx.facts(self.desk.rules.tenant, [ref]).get(ref, ()))
        return Whereabouts(legal_entity=self.desk.entity.id, retailer=known.retailer, warehouse=known.warehouse)

    def at_stake(self, posting: Posting) -> Decimal:
        """Give the credit that waits for this posting: its own, its line's, or the whole return's."""
        rows = self.family.get(posting.key.return_ref, ())
        return posting.net or sum(
            (row.posting.net for row in rows if not posting.line_id or row.posting.line_id == posting.line_id), NOTHING)


def _answered(outcome: Rejected | Unconfirmed) -> str:
    """Say what the ERP answered and to which request, by which its vendor finds it again; what is found anew each time says it without."""
    return f"{outcome.sentence} (request {outcome.request})" if outcome.request else outcome.sentence


def _may_be_sold(desk: Desk, goods: Receipt) -> bool:
    rules = desk.rules.sellability
    return goods.disposition in rules.dispositions and goods.condition in rules.conditions


def _dangers(desk: Desk, posting: Posting) -> Iterable[str]:
    """Say what must not leave: goods that are not sellable on their way to sale, nothing, or what only the ERP makes."""
    document, sellable = posting.document, desk.rules.sellability
    if brought := intake(document):
        if sellable.sells(brought.place) and not _may_be_sold(desk, brought):
            yield f"{brought.sku} is {brought.condition}/{brought.disposition} and would go on sale."
        if brought.quantity <= 0:
            yield f"{brought.sku}: nothing to receive."
    if isinstance(document, OrderLine) and not desk.route.holds_back and posting.key.kind is PostingKind.ORDER_LINE \
            and (brought is None or brought.quantity != document.quantity):
        yield f"{document.sku}: the ERP would credit it by itself, and nobody has accepted {document.quantity}."
    if isinstance(document, Adjustment) and sellable.sells(document.place):
        yield f"{document.sku}: nobody has graded it and it would go on sale."
    if isinstance(document, JOURNALS):
        yield from _moves(document, sellable)
    kit = desk.rules.kits.get(getattr(document, "sku", ""))
    if kit and kit.mode is KitMode.EXPLODED:
        yield f"{kit.sku} is exploded into its components and is no item of its own."
    if desk.route.nature.get(posting.key.kind) is Nature.AWAITED:
        yield f"{posting.key.kind.value} is made by the ERP itself and never sent."


def _moves(document: Adjustment | Transfer | Issue, sellable: Sellability) -> Iterable[str]:
    """Say what is wrong with units an inventory journal would bring in, move or take out."""
    if document.quantity <= 0:
        yield f"{document.sku}: nothing to take into stock, move or take out."
    places = (document.source, document.target) if isinstance(document, Transfer) else (document.place,)
    for place in places:
        if not (place.warehouse and place.location):
            yield f"{document.sku}: '{place.warehouse}/{place.location}' is no place; a warehouse and a location are needed."
    if isinstance(document, Transfer):
        graded = document.disposition in sellable.dispositions and document.condition in sellable.conditions
        if sellable.sells(document.target) and not graded:
            yield f"{document.sku} is {document.condition or 'ungraded'}/{document.disposition or 'ungraded'} and would be moved on sale."
        if document.source == document.target:
            yield f"{document.sku}: it would be moved to where it is."

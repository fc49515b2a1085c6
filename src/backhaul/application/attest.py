"""What do the platform, the ERP and we ourselves say of a period, so that it can be proved?

Three testimonies, each from its own source (INV-24): what was accepted, folded from the platform's stored facts; what the books of every
legal entity's ERP show, read by date and brought to its line by its mark or the committed batch; and what we hold, a third opinion. A line
belongs to the period of its acceptance in its entity's zone and calendar. What could not be read is a reason, and a proof with a reason
is never clean. Only returns of which something changed since the last proof are folded; of the others what was worked out then still
holds.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from backhaul.application.fold_ports import FoldStore
from backhaul.application.folded import Effort, Sort, folded
from backhaul.application.ports import FIXED, Erp, KeptException, KeptPosting, PostingState, Store, Tx
from backhaul.domain.charges import debited_line
from backhaul.domain.entry import Entry, Side
from backhaul.domain.errors import BackhaulError, Misconfigured
from backhaul.domain.expectation import Expected, Fixed, expect
from backhaul.domain.facts import Decided, Fact
from backhaul.domain.fiscal_calendar import Period
from backhaul.domain.kits import explode
from backhaul.domain.pairing import Confirmed, Given, Suggested, Waiting, suggest
from backhaul.domain.posting import CreditNote, PostingKey, PostingKind, named
from backhaul.domain.proof import Held, Words
from backhaul.domain.returns import NOTHING, fold
from backhaul.domain.rules import Rules

Row = dict[str, Any]
Line = tuple[str, str]
"""A line of a return: the return's reference, and its own."""
BEFORE: Final = timedelta(days=31)
"""How long before a period its records are looked for: a credit can be dated before the goods were accepted, which is a finding."""
ZONES: Final = timedelta(hours=15)
"""No zone is further from UTC."""
LATE_ALREADY: Final = frozenset({"OVERDUE_IN_ERP", "UNCONFIRMED_TOO_LONG", "PROOF_BROKEN"})
"""Findings that say that something is late or broken; a line with no other one does not wait for a decision."""
AFTERWARDS: Final = frozenset({"REJECTED_AFTER_CREDIT", "GRADE_CHANGED_AFTER_POSTING"})
"""Findings about what is posted already: no credit waited for whoever decided about them."""
LOSS: Final = "loss:"
GRADE: Final = "grade:"
DEBITED, REGRADED = "debited", "re-graded"
MOVES: Final = (LOSS, GRADE, "debit:")
"""How the subjects of journal effects begin that move a line's units: written off, put elsewhere, or gone again with their debit."""
DEBIT: Final = "charge:debit-"
"""How the subject of an effect begins that takes back the credit of a line."""
TELLING: Final = ("side", "line", "document", "voucher", "units", "net")
"""What of a record says whether it is another one than before."""
PARTS: Final = 6
"""Up to which part of a line marks are computed again that we do not remember."""
SPELLED: Final = frozenset({"item", "unit", "customer", "warehouse", "location", "tax_code"})
UNSETTLED: Final = frozenset({PostingState.SENDING, PostingState.UNCONFIRMED})
CREDITS: Final = frozenset({PostingKind.CREDIT_NOTE, PostingKind.FEE_CREDIT_NOTE})
DRAFTS: Final = frozenset({PostingKind.ORDER_LINE, PostingKind.FEE_LINE})


@dataclass(slots=True, kw_only=True)
class Testimony:
    """The three sides as rows for extracts, and why they are not whole, if they are not."""

    accepted: list[Row] = field(default_factory=list)
    records: list[Row] = field(default_factory=list)
    held: list[Row] = field(default_factory=list)
    payouts: list[Row] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    about: dict[str, Sequence[str]] = field(default_factory=dict)
    """Which of the reasons are about one legal entity alone."""
    away: set[str] = field(default_factory=set)
    """Legal entities whose ERP was not read: nothing of theirs is called late or missing."""
    stockless: set[str] = field(default_factory=set)
    """Legal entities whose ERP told nothing of stock."""
    asked: dict[str, tuple[date, date]] = field(default_factory=dict)
    """Which days were asked of the books of each legal entity, the first and the last."""
    shown: dict[str, Sequence[Entry]] = field(default_factory=dict)
    """Everything the books of each legal entity showed, whoever wrote it."""
    suggested: Suggested = field(default_factory=Suggested)
    """Which credits and receipts without a mark could belong to which lines."""
    effort: Effort = field(default_factory=Effort)
    """How much of the platform's side had to be worked out."""
    late: list[Row] = field(default_factory=list)
    """What was read of debits and re-grades that were posted in another period than the credit of their line (`of`)."""
    elsewhere: dict[str, set[str]] = field(default_factory=dict)
    """What was read of lines of other periods, by period: what this reading found posted, their own proof has to find as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What we hold of a line ourselves, by its id: `read_back` is the net amount its credit notes were read back with."""

    line_id: str
    state: Held
    read_back: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One return as a proof takes it: whose it is, what should follow from each of its lines, and what we hold of them.

    `unowned_on`: since when it has accepted units although its retailer belongs to no legal entity.
    """

    retailer: str
    announced: bool
    entity: str | None
    unowned_on: date | None = None
    expected: tuple[Expected, ...] = ()
    held: tuple[Opinion, ...] = ()


def forget(told: Testimony, refs: Collection[str]) -> None:
    """Take back what was accepted of returns the platform, asked itself, does not know: what messages told stays an opinion of ours."""
    mine = [row for row in told.accepted if row["line"].partition("|")[0] in refs]
    known = {row["line"] for row in told.held}
    told.accepted = [row for row in told.accepted if row not in mine]
    told.held += [{"line": row["line"], "state": Held.POSTED.value, "read_back": None} for row in mine if row["line"] not in known]


def attest(store: FoldStore, erps: Mapping[str, Erp | BackhaulError], rules: Rules, period: str, day: date, *,  # noqa: PLR0913  whose, and how
           turn: int = 0, anew: bool = False) -> Testimony:
    """Hear all three about a period, as of the end of a day.

    `erps` gives each legal entity's ERP, or what stands in the way of asking it. In the ERP nothing is written; here what was worked out
    is kept under a `turn`, and taken from before unless everything is to be worked out `anew`.
    """
    told, whole = Testimony(), rules.span(period)
    spans = {entity.id: entity.calendar.span(period) for entity in rules.having(period)}
    told.asked = {entity: (span.first - BEFORE, max(day, span.last)) for entity, span in spans.items()}
    shown = {entity: _shown(entity, erps.get(entity), *days, told) for entity, days in told.asked.items()}
    told.shown = shown
    marks = _marks(store, rules, [entry for entries in shown.values() for entry in entries])
    with store.look() as tx:
        _unread(tx, rules.tenant, whole, told.reasons)
        confirmed = Confirmed(tx.matches(rules.tenant))
        refs = {*tx.moved(rules.tenant, *_span(whole)), *marks.refs, *confirmed.refs}
    mine: dict[Line, Expected | str] = {}
    beside: set[str] = set()
    for ref, each in folded(store, rules, JUDGED, sorted(refs), turn=turn, anew=anew, effort=told.effort):
        if each.announced and not each.expected:
            beside.add(ref)
        _judge(ref, each, rules, whole, told, mine)
    marks.recompute(rules, (line for line, expected in mine.items() if isinstance(expected, Expected)))
    _choose(_records(rules, shown, marks, confirmed, told.late), period, mine, beside, told)
    told.reasons += _fallen(confirmed, mine, told)
    told.suggested = suggest(confirmed.loose, _waiting(told))
    return told


# --- the platform's side


def _span(period: Period) -> tuple[datetime, datetime]:
    """Give the moments between which a period lies, in whatever zone."""
    begins, last = (datetime.combine(day, time(), tzinfo=UTC) for day in (period.first, period.last))
    return begins - ZONES, last + timedelta(days=1) + ZONES


def _unread(tx: Tx, tenant: str, period: Period, reasons: list[str]) -> None:
    """Say what came in and is not among the facts: deliveries nobody has read yet, and those that cannot be."""
    if waiting := len(tx.undigested(tenant, 1_000_000)):
        reasons.append(f"{waiting} deliveries of the platform are stored and not read yet")
    begins, _ = _span(period)
    if dead := len(tx.kept(tenant, since=begins, unreadable=True)):
        reasons.append(f"{dead} deliveries of the platform could not be read, or not whole")


def judged(tx: Tx, rules: Rules, refs: Sequence[str]) -> Mapping[str, Judged]:
    """Fold returns, and say what should follow from them and what we hold of that."""
    facts, kept = tx.facts(rules.tenant, refs), tx.postings(rules.tenant, refs)
    opened: dict[str, list[KeptException]] = {}
    for row in tx.exceptions(rules.tenant, open_only=False, refs=refs):
        opened.setdefault(row.case.return_ref, []).append(row)
    ended = {ref for ref, told in facts.items() if any(isinstance(fact, Decided) for fact in told)}
    by_hand: dict[str, list[Given]] = {}  # of what nobody closed, all that was accepted is expected anyhow
    for line in [line for match in (tx.matches(rules.tenant) if ended else ()) if match.side is Side.CREDIT for line in match.lines
                 if line.return_ref in ended]:
        by_hand.setdefault(line.return_ref, []).append(line)
    return {ref: _return(ref, facts.get(ref, ()), kept.get(ref, ()), opened.get(ref, ()), by_hand.get(ref, ()), rules) for ref in refs}


def _return(ref: str, facts: Sequence[Fact], kept: Sequence[KeptPosting], exceptions: Sequence[KeptException],  # noqa: PLR0913, PLR0917  what is known
            by_hand: Sequence[Given], rules: Rules) -> Judged:
    case = explode(fold(ref, facts), rules.kits)
    entity, announced = rules.entity_of(case.retailer), case.announced_at is not None
    if entity is None:
        accepted = case.inspected_at and any(line.accepted for line in case.lines)
        return Judged(retailer=case.retailer, announced=announced, entity=None,
                      unowned_on=case.inspected_at.date() if case.inspected_at and accepted else None)
    freed: dict[str, datetime] = {}
    for row in exceptions:
        if row.closed_at is not None and row.case.holds and not {finding.code for finding in row.case.findings} <= AFTERWARDS:
            freed[row.case.line_id] = max(row.closed_at, freed.get(row.case.line_id, row.closed_at))
    expected = tuple(expect(case, facts, rules, entity, fixed=_fixed(kept, by_hand), freed=freed))
    return Judged(retailer=case.retailer, announced=announced, entity=entity.id, expected=expected,
                  held=tuple(opinion for each in expected for opinion in _held(each.line_id, kept, exceptions)))


JUDGED: Final = Sort(name="proof", form=2, kind=Judged, work_out=judged)


def _fixed(kept: Sequence[KeptPosting], by_hand: Sequence[Given]) -> Mapping[str, Fixed]:
    """Say what was fixed of each line, of what was not refused, or was credited of it by hand."""
    found: dict[str, Fixed] = {}
    for row in kept:
        note = row.posting.document
        if isinstance(note, CreditNote) and row.state in FIXED - {PostingState.REJECTED}:
            before = found.get(note.line_id, Fixed(tax=NOTHING))
            tax = None if note.tax is None or before.tax is None else before.tax + note.tax
            found[note.line_id] = Fixed(units=before.units + note.quantity, tax=tax, item=named(note).number)
    for line in by_hand:
        before = found.get(line.line_id, Fixed())
        found[line.line_id] = replace(before, units=before.units + line.units, tax=None)
    return found


def _judge(ref: str, each: Judged, rules: Rules, period: Period, told: Testimony,  # noqa: PLR0913, PLR0917  of what, and where to
           mine: dict[Line, Expected | str]) -> None:
    """Take the lines of a return that were accepted in the period, and what we hold of them; remember of which period the others are."""
    if each.entity is None:
        if each.unowned_on and each.unowned_on in period:
            told.reasons.append(f"return {ref} has accepted units, and its retailer '{each.retailer}' belongs to no legal entity")
        return
    held = {opinion.line_id: opinion for opinion in each.held if each.entity not in told.away}
    for expected in each.expected:
        day = expected.accepted.accepted_on
        when = "" if day is None else rules.entity(each.entity).calendar.period_of(day)
        inside = bool(expected.accepted.units) and when == period.name
        mine[ref, expected.line_id] = expected if inside or not expected.accepted.units else when
        if inside:
            told.accepted.append(_known(told, each.entity, _accepted_row(ref, expected)))
            if opinion := held.get(expected.line_id):
                told.held.append({"line": name_of(ref, expected.line_id), "state": opinion.state.value, "read_back": opinion.read_back})


def _known(told: Testimony, entity: str, row: Row) -> Row:
    """Expect nothing of what an ERP did not tell: what it was not asked for is not missing there."""
    if entity in told.away:
        row |= {"due_on": None, "period": None}
    return row | {"stocked": NOTHING, "sellable": None, "scrapped": NOTHING} if entity in told.stockless else row


def _accepted_row(ref: str, expected: Expected) -> Row:
    accepted = expected.accepted
    told = {name: getattr(accepted, name) for name in (
        "fee", "announced", "units", "stocked", "sellable", "scrapped", "net", "tax", "cost", "accepted_on", "due_on", "period", "account")}
    return {"line": name_of(ref, expected.line_id), **told, **_words(accepted.words)}


def _words(words: Words) -> Row:
    """Write words so that what an ERP holds to be one, which is blind to case, is written alike."""
    told = {each.name: getattr(words, each.name) for each in fields(words)}
    return {name: spelled(word) if word and name in SPELLED else word for name, word in told.items()}


def spelled(word: str) -> str:
    """Write a word as every side does that an ERP holds to be one however it is written."""
    return word.strip().upper()


def name_of(ref: str, line_id: str) -> str:
    """Name a line of a return in extracts."""
    return f"{ref}|{line_id}"


# --- our own opinion


def _held(line_id: str, kept: Sequence[KeptPosting], exceptions: Sequence[KeptException]) -> Iterator[Opinion]:
    """Say what we believe of a line: in doubt, waiting for a decision, drafted, or posted with the amount we read back."""
    notes = [row for row in kept if row.posting.key.kind in CREDITS and line_id in {row.posting.line_id, debited_line(row.posting)}]
    drafts = [row for row in kept if row.posting.key.kind in DRAFTS and row.posting.line_id == line_id]
    if any(note.state in UNSETTLED for note in (*notes, *drafts)):
        yield Opinion(line_id=line_id, state=Held.UNCONFIRMED)
    elif _waits(line_id, exceptions):
        yield Opinion(line_id=line_id, state=Held.WAITING)
    elif notes and all(note.state is PostingState.VERIFIED and note.document for note in notes):
        net = [note.document.net for note in notes if note.document]
        known = None if None in net else -sum((amount for amount in net if amount is not None), NOTHING)
        yield Opinion(line_id=line_id, state=Held.POSTED, read_back=known)
    elif drafts and all(draft.state is PostingState.VERIFIED for draft in drafts):
        yield Opinion(line_id=line_id, state=Held.DRAFT)


def _waits(line_id: str, exceptions: Sequence[KeptException]) -> bool:
    """Tell whether an open exception holds a line for a person, for another reason than that it is late or broken."""
    return any(row.closed_at is None and row.case.holds and row.case.line_id in {line_id, ""}
               and any(finding.code not in LATE_ALREADY for finding in row.case.findings) for row in exceptions)


# --- the ERP's side


def _shown(entity: str, erp: Erp | BackhaulError | None, first: date, last: date, told: Testimony) -> Sequence[Entry]:
    """Read one legal entity's books; what stands in the way is a reason, and so is what of them cannot be read."""
    try:
        if erp is None or isinstance(erp, BackhaulError):
            raise erp or Misconfigured("nothing is connected")
        shown = erp.entries(first, last)
    except BackhaulError as away:
        told.about[entity] = (f"{entity}: the ERP was not read: {away}",)
        told.reasons += told.about[entity]
        told.away.add(entity)
        return ()
    told.about[entity] = tuple(f"{entity}: {sentence}" for sentence in shown.unread)
    told.reasons += told.about[entity]
    told.stockless |= {entity} if Side.STOCK in shown.missing else set()
    return shown.entries


@dataclass(slots=True, kw_only=True)
class _Marks:
    """Where marks lead: to a line, or, for a line of a journal, to all lines it was committed to stand for, with the units of each."""

    lines: dict[str, Line]
    debits: set[str]
    shares: dict[tuple[str, str], list[tuple[Line, PostingKey, Decimal]]]
    unknown: set[str]
    homes: Mapping[Line, str]
    """Of lines that were debited or moved after their credit: the period of that credit, as we read it back."""

    @property
    def refs(self) -> set[str]:
        """Give the returns they lead to."""
        return {ref for ref, _ in self.lines.values()} | {line[0] for shares in self.shares.values() for line, _, _ in shares}

    def recompute(self, rules: Rules, lines: Iterable[Line]) -> None:
        """Bring marks we do not remember to the lines they are made of: a mark holds no time and no chance, so our tables may be lost."""
        for ref, line_id in lines if self.unknown else ():
            for entity in rules.entities:
                for kind, part in ((kind, part) for kind in DRAFTS for part in range(1, PARTS)):
                    key = PostingKey(tenant=rules.tenant, legal_entity=entity.id, return_ref=ref, subject=f"line:{line_id}", kind=kind,
                                     part=part)
                    if key.marker in self.unknown:
                        self.lines[key.marker] = (ref, line_id)


def _marks(store: Store, rules: Rules, entries: Collection[Entry]) -> _Marks:
    """Bring marks to their lines, and lines of journals to those of returns by what was committed before they were sent."""
    wanted = {entry.mark for entry in entries if entry.mark and not entry.journal}
    with store.look() as tx:
        keys = tx.marked(rules.tenant, wanted)
        committed = tx.allocations(rules.tenant, {entry.journal for entry in entries if entry.journal})
        changed = {key.return_ref for key in keys.values() if key.subject.startswith(DEBIT)} | {
            key.return_ref for lines in committed.values() for line in lines for share in line.shares
            if (key := PostingKey.parse(share.key)).subject.startswith(MOVES)}
        kept = tx.postings(rules.tenant, changed) if changed else {}
    shares: dict[tuple[str, str], list[tuple[Line, PostingKey, Decimal]]] = {}
    for journal, line in ((journal, line) for journal, lines in committed.items() for line in lines):
        for share in line.shares:
            key = PostingKey.parse(share.key)
            if key.subject.startswith(MOVES):
                shares.setdefault((journal, str(line.number)), []).append(((key.return_ref, _line_of(key)), key, share.quantity))
    return _Marks(lines={mark: (key.return_ref, _line_of(key)) for mark, key in keys.items()},
                  debits={mark for mark, key in keys.items() if key.subject.startswith(DEBIT)}, shares=shares,
                  unknown={mark for mark in wanted if mark not in keys}, homes=_homes(rules, kept))


def _homes(rules: Rules, kept: Mapping[str, Sequence[KeptPosting]]) -> Mapping[Line, str]:
    """Say in which period each line of these returns was credited first."""
    days: dict[Line, tuple[date, str]] = {}
    for ref, row in ((ref, row) for ref, rows in kept.items() for row in rows):
        if row.posting.key.kind is PostingKind.CREDIT_NOTE and row.document and row.document.posted_on:
            at, found = (ref, row.posting.line_id), (row.document.posted_on, row.posting.key.legal_entity)
            days[at] = min(found, days.get(at, found))
    return {at: rules.entity(entity).calendar.period_of(day) for at, (day, entity) in days.items()}


def _line_of(key: PostingKey) -> str:
    """Give the line an effect is about; what takes a credit back is about the line whose credit it was."""
    if key.subject.startswith(DEBIT):
        return key.subject.split(":", 2)[2]
    return key.subject if key.subject.startswith("charge:") else key.subject.partition(":")[2]


def _fallen(confirmed: Confirmed, mine: Mapping[Line, Expected | str], told: Testimony) -> Iterator[str]:
    """Say which matches of the period's lines fell, because a record is not in the books any more as it was confirmed."""
    for match in confirmed.matches:
        ours = any(isinstance(mine.get((line.return_ref, line.line_id)), Expected) for line in match.lines)
        unread = told.away | (told.stockless if match.side is Side.STOCK else set())
        if match.legal_entity not in unread and ours and (gone := confirmed.fallen(match)):
            yield (f"match {match.id} of {', '.join(name_of(line.return_ref, line.line_id) for line in match.lines)}: {', '.join(gone)} "
                   f"is not in the books as {match.actor} and {match.approver} confirmed it; revoke it or mend the record")


def _waiting(told: Testimony) -> Iterator[Waiting]:
    """Give the lines of the period of which the books show no posted credit, and those of which they show no receipt."""
    there = {(row["side"], row["line"]) for row in told.records if row["side"] != Side.LEDGER.value and row["status"] == "posted"}
    for row in told.accepted:
        ref, _, line_id = row["line"].partition("|")
        line = Waiting(return_ref=ref, line_id=line_id, **{name: row[name] for name in (
            "entity", "item", "customer", "sale", "currency", "units", "net")})
        if row["units"] and row["net"] and (Side.CREDIT.value, row["line"]) not in there:
            yield line
        if row["stocked"] and (Side.STOCK.value, row["line"]) not in there:
            yield replace(line, side=Side.STOCK, units=row["stocked"], **{name: row[name] for name in (
                "warehouse", "location", "sellable")})


def _records(rules: Rules, shown: Mapping[str, Sequence[Entry]], marks: _Marks, confirmed: Confirmed,
             late: list[Row]) -> Iterator[tuple[Line | None, Row]]:
    """Write every record as a row, beside the line it belongs to; None where it carries no mark at all.

    A line of a journal that was not committed for returns is a movement of the warehouse's own, and none of theirs. What is posted beside
    a credit, later, is of the period of that credit, or no month could be proved once the next one began; it is told as `late`.
    """
    for entity, entries in shown.items():
        for entry in entries:
            if entry.journal:
                for line, key, units in marks.shares.get((entry.journal, entry.mark), ()):
                    share = _share(rules, entity, entry, key, units, name_of(*line))
                    if not key.subject.startswith(LOSS):
                        _bring_home(share, marks.homes.get(line), REGRADED if key.subject.startswith(GRADE) else "", late)
                    yield line, share
                continue
            own = marks.lines.get(entry.mark, ("", entry.mark)) if entry.mark else None
            # A debit names a service item of its own.
            told = replace(entry, item=None, unit=None, tax_code=None) if entry.mark in marks.debits else entry
            row = _record(rules, entity, told, name_of(*own) if own else "")
            if own is not None and entry.mark in marks.debits:
                _bring_home(row, marks.homes.get(own), DEBITED, late)
            theirs = confirmed.of(row) if own is None and entry.side in {Side.CREDIT, Side.STOCK} else []
            if theirs:
                yield from theirs
            else:
                yield own, row


def _bring_home(row: Row, home: str | None, what: str, late: list[Row]) -> None:
    """Take what is posted beside a credit to the period of the credit, whose day says nothing of it; tell where it was posted elsewhere."""
    if row["period"] is None or home is None:
        return
    if what and row["period"] != home and (what == DEBITED or (row["units"] or NOTHING) > 0):  # of a move one half is enough
        late.append({"what": what, "of": home, "posted_in": row["period"], **{name: row[name] for name in (
            "entity", "currency", "line", "units", "net")}, "currency": row["currency"] or ""})
    row |= {"period": home, "posted_on": None}


def _share(rules: Rules, entity: str, entry: Entry, key: PostingKey, units: Decimal, line: str) -> Row:  # noqa: PLR0913, PLR0917  what it is of
    """Write a line's share of what a journal moved: a loss has the sign of one, any other movement that of stock.

    A line whose units were moved lies at several places, one after the other, so that only what may be sold of it is compared.
    """
    told = units if (entry.units or NOTHING) > 0 else -units
    cost = None if entry.cost is None or not entry.units else entry.cost * told / entry.units
    if key.subject.startswith(LOSS):
        return _record(rules, entity, replace(entry, side=Side.LOSS, units=-told, cost=None if cost is None else -cost), line)
    return _record(rules, entity, replace(entry, units=told, cost=cost), line) | {"moved": True}


def _record(rules: Rules, entity: str, entry: Entry, line: str) -> Row:
    place = entry.place if entry.side is Side.STOCK else None
    sellable = None if place is None or entry.units is None else entry.units if rules.sellability.sells(place) else NOTHING
    words = Words(entity=entity, item=entry.item, unit=entry.unit, tax_code=entry.tax_code, customer=entry.customer, sale=entry.sale,
                  currency=entry.currency,
                  warehouse=place.warehouse or None if place else None, location=place.location or None if place else None)
    return {"side": entry.side.value, "line": line, "document": entry.document, "voucher": entry.voucher, "status": entry.status.value,
            "units": entry.units, "sellable": sellable, "net": entry.net, "tax": entry.tax, "cost": entry.cost, "against": entry.against,
            "posted_on": entry.posted_on, "period": rules.entity(entity).calendar.period_of(entry.posted_on) if entry.posted_on else None,
            **_words(words)}


def _choose(records: Iterable[tuple[Line | None, Row]], period: str, mine: Mapping[Line, Expected | str], beside: Collection[str],
            told: Testimony) -> None:
    """Keep the records of the period's lines, and of the period's days those that belong to no line the platform knows.

    A record of a line that nothing was accepted of is judged in the period of its own day, as nothing accepted. Of returns `beside` the
    proof (before go-live, or of no legal entity of ours) nothing is expected.
    """
    ledger: list[Row] = []
    left: dict[tuple[str, str], Decimal] = {}
    refused: dict[str, Row] = {}
    vouchers: set[tuple[str, str]] = set()
    for line, row in records:
        voucher = (row["entity"], row["voucher"])
        if row["side"] == Side.LEDGER.value:
            ledger.append(row)
            continue
        known = mine.get(line) if line else None
        expected = known if isinstance(known, Expected) else None
        elsewhere = line is not None and expected is None and (line in mine or line[0] in beside)
        if isinstance(known, str) and row["status"] == "posted":
            told.elsewhere.setdefault(known, set()).add("|".join(str(row[name]) for name in TELLING))
        unexpected = expected is None or not expected.accepted.units
        if elsewhere or (unexpected and (row["period"] != period or row["status"] not in ({"posted"} if line else {"posted", "empty"}))):
            if row["side"] == Side.CREDIT.value and row["status"] == "posted":
                left[voucher] = left.get(voucher, NOTHING) + (row["net"] or NOTHING)
            continue
        if expected is not None and line is not None and unexpected:
            refused[row["line"]] = _accepted_row(line[0], expected)
        told.records.append(row)
        if row["side"] == Side.CREDIT.value:
            vouchers.add(voucher)
    moved = {row["line"] for row in told.records if row.get("moved")}
    for row in told.records:
        if row["line"] in moved and row["side"] == Side.STOCK.value:
            row |= {"warehouse": None, "location": None}
    told.accepted += refused.values()
    told.records += _ledger_of(ledger, vouchers, left, _unbalanced(told.records, ledger))


def _unbalanced(records: Iterable[Row], ledger: Iterable[Row]) -> Mapping[tuple[str, str], Decimal]:
    """Say by how much vouchers of receipts do not balance, or are gone, at the credit voucher of the first line each is about.

    Where none of them is in the ledger, the ERP books receipts with the credit, and none is missing.
    """
    booked = {(row["entity"], row["voucher"]): (row["against"] or NOTHING) - (row["net"] or NOTHING) for row in ledger}
    credits_: dict[str, tuple[str, str]] = {}
    came: dict[tuple[str, str], dict[str, Decimal]] = {}
    for row in records:
        voucher = (row["entity"], row["voucher"])
        if row["status"] == "posted" and row["voucher"] and row["line"] and row["side"] == Side.CREDIT.value:
            credits_[row["line"]] = min(voucher, credits_.get(row["line"], voucher))
        elif row["voucher"] and row["line"] and row["side"] == Side.STOCK.value and not row.get("moved"):
            lines = came.setdefault(voucher, {})
            lines[row["line"]] = lines.get(row["line"], NOTHING) + (row["cost"] or NOTHING)
    receipts = {voucher: lines for voucher, lines in came.items() if voucher not in credits_.values()}
    found: dict[tuple[str, str], Decimal] = {}
    for voucher, lines in receipts.items() if any(voucher in booked for voucher in receipts) else ():
        apart = booked[voucher] if voucher in booked else -sum(lines.values(), NOTHING)
        if apart and min(lines) in credits_:
            at = credits_[min(lines)]
            found[at] = found.get(at, NOTHING) + apart
    return found


def _ledger_of(ledger: Iterable[Row], vouchers: Collection[tuple[str, str]], left: Mapping[tuple[str, str], Decimal],
               apart: Mapping[tuple[str, str], Decimal]) -> Iterator[Row]:
    """Keep the vouchers of these credits, less what they book of lines of other periods; that it was read stands there in any case.

    What is `apart` of a receipt's own voucher is told with the credit of its line, as an entry that is gone on the other side.
    """
    yield {"side": Side.LEDGER.value, "status": "posted", "voucher": "", "net": NOTHING, "against": NOTHING}
    for row in ledger:
        voucher = (row["entity"], row["voucher"])
        if voucher in vouchers:
            less, beside = left.get(voucher, NOTHING), apart.get(voucher, NOTHING)
            yield row | {"net": None if row["net"] is None else row["net"] - less,
                         "against": None if row["against"] is None else row["against"] - less + beside}


__all__ = ["Testimony", "attest", "forget", "judged", "name_of", "spelled"]

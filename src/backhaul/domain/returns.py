"""What do we know about this return?

`fold` makes a `ReturnCase` from the set of facts about it. Shuffling or repeating the facts changes
nothing (INV-13); of two facts of a kind the newer one by the source's own counter or time decides, and
two of equal age that disagree are a finding, never a matter of luck.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from backhaul.domain.beside import Beside
from backhaul.domain.exception_case import KINDS, Finding
from backhaul.domain.facts import (
    RANK,
    Announced,
    AnnouncedLine,
    Charged,
    Concluded,
    Confirmed,
    Correctable,
    Corrected,
    Counting,
    Decided,
    Decision,
    Exchanged,
    Fact,
    HandedIn,
    Inspected,
    LineRef,
    LinesMinted,
    Lost,
    Mapped,
    Matched,
    MintedLine,
    Progressed,
    Received,
    Refunded,
    Reread,
    SentBack,
    Stage,
    Unreadable,
)
from backhaul.domain.goods import found_lines, grade, grant, less_matched, lost, matched_surplus, receive, shares, wrong_items
from backhaul.domain.reading import standing as what_counts
from backhaul.domain.return_line import NOTHING, Part, ReturnLine

__all__ = ["NOTHING", "Part", "ReturnCase", "ReturnLine", "fold"]

BESIDE = (Unreadable, Reread, LinesMinted, Decided, Concluded, Matched, SentBack, Mapped, Corrected, Confirmed, HandedIn)
"""Facts that do not say that the goods moved: what nobody could read, and what we or people said beside the messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnCharge:
    """Money beside the goods as it is known now: of one line, or of the return where `line_id` is empty."""

    code: str
    amount: Decimal
    prepaid: bool = False
    line_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnCase:
    """One ZigZag return and how far its goods have come.

    `reached` says when each stage was first reached by any of them, `parcels` the same of each parcel the messages name. `lost`: the
    carrier lost it, or a parcel of it. `reread`: a message of it is read otherwise than it was at first. `corrections` are all that were
    made, oldest first; `holding` names those that hold. `sent_back` says which batches with documents of it somebody refused, oldest
    first; `outcomes` what people said of what is not accepted; `mapped` by which earlier version its goods go, if two people said so.
    """

    ref: str
    customer: str | None = None
    country: str = ""
    currency: str = ""
    warehouse: str = ""
    retailer: str = ""
    announced_at: datetime | None = None
    inspected_at: datetime | None = None
    reached: Mapping[Stage, datetime] = field(default_factory=dict)
    parcels: Mapping[str, Mapping[Stage, datetime]] = field(default_factory=dict)
    lost: bool = False
    lines: tuple[ReturnLine, ...] = ()
    refunds: tuple[Refunded, ...] = ()
    charges: tuple[ReturnCharge, ...] = ()
    exchange: Exchanged | None = None
    findings: tuple[Finding, ...] = ()
    unminted: tuple[MintedLine, ...] = ()
    reread: bool = False
    corrections: tuple[Corrected, ...] = ()
    holding: frozenset[str] = frozenset()
    sent_back: tuple[SentBack, ...] = ()
    outcomes: tuple[Concluded, ...] = ()
    mapped: Mapped | None = None

    @property
    def stage(self) -> Stage | None:
        """Tell how far the goods have come; nothing known yet is None."""
        return max(self.reached, key=RANK.__getitem__, default=None)

    def has_reached(self, stage: Stage) -> bool:
        """Tell whether this stage or a later one was reached; a cancelled return has reached only itself."""
        goods = [reached for reached in self.reached if reached is not Stage.CANCELLED]
        return stage in self.reached or any(RANK[reached] >= RANK[stage] for reached in goods)

    @property
    def called_off(self) -> bool:
        """Tell whether it was cancelled before anything arrived; goods that came all the same are dealt with as any others."""
        return Stage.CANCELLED in self.reached and not any(line.parts or line.received for line in self.lines)

    @property
    def net(self) -> Decimal:
        """Give the announced net value of all lines, positive, in the return's currency."""
        return sum((line.net for line in self.lines), NOTHING)


def fold(ref: str, facts: Iterable[Fact]) -> ReturnCase:
    """Say what the facts about one return add up to, whatever their order and however often each came."""
    known = {fact.identity: fact for fact in facts}
    standing = what_counts(known.values())
    reread = any(not isinstance(known[identity], Unreadable) for identity in known.keys() - standing.keys())
    ordered = [fact for _, fact in sorted(standing.items(), key=_age)]
    reached: dict[Stage, datetime] = {}
    parcels: dict[str, dict[Stage, datetime]] = {}
    for progressed in _of(ordered, Progressed):
        for stages in (reached, *([parcels.setdefault(progressed.parcel, {})] if progressed.parcel else [])):
            stages[progressed.stage] = min(stages.get(progressed.stage, progressed.at), progressed.at)
    announcements = _of(ordered, Announced)
    findings = [Finding(code=bad.code, sentence=bad.sentence, hint=bad.value) for bad in _of(ordered, Unreadable)]
    refunds = tuple({paid.reference: paid for paid in _of(ordered, Refunded)}.values())
    if not announcements:
        if any(not isinstance(fact, BESIDE) for fact in ordered):
            findings.append(Finding(code="UNREADABLE", sentence=f"Return {ref} moved, but nobody announced it."))
        return ReturnCase(ref=ref, reached=reached, parcels=parcels, refunds=refunds, findings=tuple(findings), reread=reread)
    latest = announcements[-1]
    beside = Beside(corrections := _of(ordered, Corrected))
    names = _name_lines(latest.lines, _minted(_of(ordered, LinesMinted)), beside)
    findings += (*_conflicts(ordered), *names.findings)
    inspections = [names.ours(fact, "grades") for fact in _of(ordered, Inspected)]
    counts = [names.ours(fact, "counts") for fact in _of(ordered, Received)]
    lines = receive(names.lines, counts, findings)
    matches = _of(ordered, Matched)
    latest_match = {each.line_id: each for each in matches}
    lines, blind = grade(lines, inspections, counts, findings), any(each.blind for each in announcements)
    lines = [beside.line(line, unsold=blind and not line.order) for line in lines]
    lines, surplus = [less_matched(line, latest_match) for line in lines], [*matched_surplus(lines, latest_match)]
    lines = [_blind(line) for line in lines] if blind else lines
    lines = _match([*lines, *found_lines(lines), *surplus], latest_match)
    sent_back = tuple(_of(ordered, SentBack))
    lines = _decide(lines, _of(ordered, Decided), sent_back)
    findings += (finding for line in lines for finding in (*_implausible(line, names.told), *wrong_items(line)))
    customer = beside.says(Correctable.CUSTOMER, latest.customer) or latest.customer or next(
        (each.customer for each in reversed(matches) if each.customer), None)
    warehouse = beside.says(Correctable.WAREHOUSE, latest.warehouse) or latest.warehouse
    return ReturnCase(
        ref=ref, customer=customer, country=latest.country, currency=latest.currency,
        warehouse=warehouse, retailer=latest.retailer, announced_at=announcements[0].at,
        inspected_at=inspections[-1].at if inspections else None, reached=reached, parcels=parcels,
        lost=bool(_of(ordered, Lost)), lines=tuple(lines), refunds=refunds, charges=_charges(lines, _of(ordered, Charged), names, findings),
        exchange=next(reversed(_of(ordered, Exchanged)), None), findings=tuple(findings), unminted=names.fresh, reread=reread,
        corrections=tuple(corrections), holding=frozenset(beside.holding), sent_back=sent_back,
        outcomes=tuple(_of(ordered, Concluded)), mapped=_mapped(_of(ordered, Mapped)),
    )


def _age(known: tuple[str, Fact]) -> tuple[int, datetime, str]:
    identity, fact = known
    return (-1 if fact.version is None else fact.version, fact.at, identity)


def _mapped(said: Sequence[Mapped]) -> Mapped | None:
    """Give the choice of an earlier version that stands; one of no version takes the others back."""
    return said[-1] if said and said[-1].profile else None


F = TypeVar("F", bound=Fact)


def _of(facts: Sequence[Fact], kind: type[F]) -> list[F]:
    return [fact for fact in facts if isinstance(fact, kind)]


def _conflicts(facts: Sequence[Fact]) -> list[Finding]:
    """Find messages of one age that disagree and among which luck would decide (INV-13); what a newer one settled is settled.

    The source's counter is the age where there is one. Increments add up and so never disagree, and parcels speak each for itself.
    """
    found = []
    parcels = sorted({("", ""), *((each.parcel, each.node) for each in (*_of(facts, Received), *_of(facts, Inspected))
                                  if isinstance(each, Received | Inspected))})
    for kind, parcel in [(kind, parcel) for kind in (Announced, Received, Inspected) for parcel in parcels]:
        told = [fact for fact in _of(facts, kind) if getattr(fact, "counting", None) is not Counting.INCREMENT
                and (getattr(fact, "parcel", ""), getattr(fact, "node", "")) == parcel]
        if not told:
            continue
        rivals = [fact for fact in told if _moment(fact) == _moment(told[-1])]
        says = {replace(fact, at=told[-1].at, version=None).identity for fact in rivals} if len(rivals) > 1 else ()
        if len(says) > 1:
            found.append(Finding(code="EVENT_CONTENT_CONFLICT", sentence=f"{len(says)} messages '{kind.__name__}' of "
                                                                         f"{told[-1].at.isoformat()} disagree."))
    return found


def _moment(fact: Fact) -> int | datetime:
    return fact.at if fact.version is None else fact.version


def _minted(facts: Sequence[LinesMinted]) -> list[MintedLine]:
    """Give every id once, as it was first given: two workers may have given it at the same time."""
    first: dict[str, MintedLine] = {}
    for line in (line for fact in facts for line in fact.lines):
        first.setdefault(line.line_id, line)
    return list(first.values())


M = TypeVar("M", Received, Inspected)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """What the lines of a return are called. `aliases` are the platform's ids of lines that had one of ours before.

    `skus` are SKUs that no line is told to have, and the line that has it by a correction, or had it before one.
    """

    lines: list[ReturnLine]
    told: frozenset[str]
    fresh: tuple[MintedLine, ...]
    aliases: Mapping[str, str]
    skus: Mapping[str, str]
    findings: tuple[Finding, ...]

    def ours(self, fact: M, what: str) -> M:
        """Give a message about lines with our ids in it."""
        about = [replace(each, line=self.ref(each.line)) for each in getattr(fact, what)]
        return replace(fact, **{what: tuple(about)})  # type: ignore[arg-type]  # each kind its own field

    def ref(self, told: LineRef) -> LineRef:
        """Give how a message names a line, by our id where that is known."""
        line_id = self.skus.get(told.sku) if told.line_id is None else self.aliases.get(told.line_id, told.line_id)
        return told if line_id == told.line_id else replace(told, line_id=line_id)


def _charges(lines: Sequence[ReturnLine], told: Sequence[Charged], names: _Names, findings: list[Finding]) -> tuple[ReturnCharge, ...]:
    """Give what the newest message says of charges; those of one code on one line are one."""
    amounts: dict[tuple[str, str, bool], Decimal] = {}
    for charge in told[-1].charges if told else ():
        line_id = ""
        if charge.line is not None:
            ref = names.ref(charge.line)
            line_id = next((line for line, _ in shares(lines, ref, Decimal(1), {})), "")
            if not line_id:
                findings.append(Finding(code="UNKNOWN_LINE", sentence=f"'{charge.code}' is charged for {ref.sku}, which is not announced."))
        if charge.amount < 0:
            findings.append(Finding(code="IMPLAUSIBLE_AMOUNT", line_id=line_id, sentence=f"'{charge.code}' comes to {charge.amount}."))
        key = (charge.code, line_id, charge.prepaid)
        amounts[key] = amounts.get(key, NOTHING) + charge.amount
    return tuple(ReturnCharge(code=code, line_id=line_id, prepaid=prepaid, amount=amount)
                 for (code, line_id, prepaid), amount in sorted(amounts.items()))


def _name_lines(announced: Sequence[AnnouncedLine], minted: Sequence[MintedLine], beside: Beside) -> _Names:
    """Give each announced line its id: the platform's own, the one it got at first sight, or a new one.

    A new id is the SKU and an ordinal by (price, quantity, order) among the lines of that SKU. A line that
    was minted and is announced no more stays, with nothing announced. A line that gets an id of the platform
    only later keeps ours, so that nothing is asked of the ERP under two keys; so does one whose SKU people corrected,
    when the platform announces it as they said.
    """
    def same_corrected(told: AnnouncedLine, line: MintedLine) -> bool:
        return told.ref.sku in beside.once(line.line_id) and (not told.ref.line_id or _is_ours(line))

    free = list(minted)
    named: dict[int, str] = {}
    waiting = sorted(range(len(announced)), key=lambda at: _ordinal(announced[at]))
    for same in (_same_id, _same_line, _same_sale, _same_sku, same_corrected):
        for at in [at for at in waiting if at not in named]:
            for line in free:
                if same(announced[at], line):
                    named[at] = line.line_id
                    free.remove(line)
                    break
    counters: dict[str, int] = defaultdict(int)
    for line in minted:
        counters[line.sku] += 1
    fresh: list[MintedLine] = []
    for at in [at for at in waiting if at not in named]:
        told = announced[at]
        counters[told.ref.sku] += 1
        named[at] = told.ref.line_id or f"{told.ref.sku}#{counters[told.ref.sku]}"
        fresh.append(MintedLine(line_id=named[at], sku=told.ref.sku, quantity=told.quantity,
                                unit_price=told.unit_price, order=told.order))
    lines = [
        ReturnLine(line_id=named[at], sku=told.ref.sku, announced=told.quantity, unit_price=told.unit_price,
                   order=told.order, ordered_on=told.ordered_on, description=told.description, reason=told.reason)
        for at, told in enumerate(announced)
    ]
    lines += [
        ReturnLine(line_id=line.line_id, sku=line.sku, announced=NOTHING, unit_price=line.unit_price, order=line.order)
        for line in free
    ]
    twice = sorted(line_id for line_id, count in Counter(line.line_id for line in lines).items() if count > 1)
    return _Names(
        # Ours count up, so a longer id is a later one: A#2 stands before A#10.
        lines=sorted(lines, key=lambda line: (len(line.line_id), line.line_id)),
        told=frozenset(named.values()), fresh=tuple({line.line_id: line for line in fresh}.values()),
        aliases={told.ref.line_id: named[at] for at, told in enumerate(announced) if told.ref.line_id}, skus=beside.otherwise(lines),
        findings=tuple(Finding(code="AMBIGUOUS_LINE", sentence=f"Several lines have the id '{line_id}'.") for line_id in twice))


def _ordinal(line: AnnouncedLine) -> tuple[str, Decimal, Decimal, str, int]:
    return (line.ref.sku, line.unit_price or NOTHING, line.quantity, line.order or "", line.ref.nth)


def _same_id(told: AnnouncedLine, line: MintedLine) -> bool:
    return told.ref.line_id == line.line_id


def _same_line(told: AnnouncedLine, line: MintedLine) -> bool:
    return _same_sale(told, line) and told.quantity == line.quantity


def _same_sale(told: AnnouncedLine, line: MintedLine) -> bool:
    return _same_sku(told, line) and (told.unit_price, told.order) == (line.unit_price, line.order)


def _same_sku(told: AnnouncedLine, line: MintedLine) -> bool:
    """Tell whether they can be one line; two ids of the platform that differ never are."""
    return told.ref.sku == line.sku and (not told.ref.line_id or _is_ours(line))


def _is_ours(line: MintedLine) -> bool:
    """Tell whether we gave its id, not the platform."""
    return line.line_id.startswith(f"{line.sku}#")


def _blind(line: ReturnLine) -> ReturnLine:
    """Take what came without a return as what it is: goods whose sale nobody knows. Reported, they are there."""
    return line if line.order else replace(line, blind=True, received=line.announced if line.received is None else line.received)


def _match(lines: list[ReturnLine], latest: Mapping[str, Matched]) -> list[ReturnLine]:
    """Make blind goods that people matched with a sale lines like any other; the newest match decides, more units are surplus."""
    return [
        replace(line, order=found.order, unit_price=found.unit_price, announced=found.units, blind=False, matched=True)
        if line.blind and (found := latest.get(line.line_id)) else line for line in lines]


def _decide(lines: list[ReturnLine], decisions: Sequence[Decided], sent_back: Sequence[SentBack]) -> list[ReturnLine]:
    """Apply what people decided; a waiver holds for the quantity and price that were seen, and for no more units than were seen.

    One about a batch that was sent back ends when another one is.
    """
    waived: dict[str, set[str]] = defaultdict(set)
    closed: set[str] = set()
    claimed: dict[str, Decimal] = {}
    debits: dict[str, Decided] = {}
    granted: dict[tuple[str, str], Decimal] = {}
    about = {line.line_id: line for line in lines}
    for decided in decisions:
        line = about.get(decided.line_id)
        if decided.decision is Decision.CLOSE:
            closed.add(decided.line_id)
        elif decided.decision is Decision.DEBIT:
            debits[decided.line_id] = decided
        elif decided.decision is Decision.CLAIM:
            claimed[decided.line_id] = max(decided.units or NOTHING, claimed.get(decided.line_id, NOTHING))
        elif decided.decision is Decision.CREDIT:
            at = (decided.line_id, decided.goods)
            granted[at] = max(decided.units or NOTHING, granted.get(at, NOTHING))
        elif line and decided.code in KINDS and KINDS[decided.code].waivable and decided.about in (None, line.net) \
                and not (KINDS[decided.code].counted and decided.units is not None and line.stray + line.astray > decided.units) \
                and not (KINDS[decided.code].graded and decided.grades != line.grades) \
                and not (decided.code == "BATCH_SENT_BACK" and any(each.at >= decided.at for each in _about(decided, sent_back))):
            waived[decided.line_id].add(decided.code)
    lines = [replace(line, debit_to=debit.units, debit_goods=debit.goods) if (debit := debits.get(line.line_id)) else line
             for line in lines]
    lines = [lost(line, claimed[line.line_id]) if line.line_id in claimed else line for line in lines]
    for (line_id, disposition), units in granted.items():
        lines = [grant(line, units, disposition) if line.line_id == line_id else line for line in lines]
    return [
        replace(line, waived=frozenset(waived[line.line_id]), closed=line.line_id in closed)
        if line.line_id in waived or line.line_id in closed else line
        for line in lines
    ]


def _about(decided: Decided, sent_back: Sequence[SentBack]) -> Iterable[SentBack]:
    """Give what was sent back of the line of a decision: of it, of a component of it, or of the whole return."""
    return (each for each in sent_back if each.line_id in {"", decided.line_id} or each.line_id.startswith(f"{decided.line_id}/"))


def _implausible(line: ReturnLine, told: Collection[str]) -> Iterable[Finding]:
    """Find quantities that cannot be: each number at most the one before it, whole and positive.

    More counted than announced is a surplus, for which the rules have a place or not. A line that is announced no more (`told`
    names the others) and of which nothing came is no trouble.
    """
    def bad(sentence: str) -> Finding:
        return Finding(code="IMPLAUSIBLE_QUANTITY", line_id=line.line_id, sentence=sentence)

    if line.line_id in told and not _is_count(line.announced):
        yield bad(f"{line.sku}: announced quantity is {line.announced}.")
    if line.received and not _is_count(line.received):
        yield bad(f"{line.sku}: received quantity is {line.received}.")
    if line.received is not None and line.received > line.announced and not line.surplus:
        yield bad(f"{line.sku}: {line.received} arrived, {line.announced} were announced.")
    ceiling, graded = line.announced if line.received is None else line.received, line.graded
    if graded > ceiling:
        yield bad(f"{line.sku}: {graded} were inspected, {ceiling} are there.")
    elif line.surplus and graded > line.announced:
        yield bad(f"{line.sku}: {graded} were inspected and not all accepted alike, {line.announced} were announced: "
                  "nobody can tell which those are.")
    if not all(_is_count(part.quantity) for part in line.parts):
        yield bad(f"{line.sku}: a graded quantity is negative or fractional.")
    if (line.line_id in told or line.matched) and not line.blind and (line.unit_price is None or line.unit_price < 0):
        yield Finding(code="IMPLAUSIBLE_AMOUNT", line_id=line.line_id, sentence=f"{line.sku}: unit price is {line.unit_price}.")


def _is_count(quantity: Decimal) -> bool:
    return quantity > 0 and quantity == quantity.to_integral_value()

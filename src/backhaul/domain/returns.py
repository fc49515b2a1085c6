"""What do we know about this return?

`fold` makes a `ReturnCase` from the set of facts about it. Shuffling or repeating the facts changes
nothing (INV-13); of two facts of a kind the newer one by the source's own counter or time decides, and
two of equal age that disagree are a finding, never a matter of luck.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeVar

from backhaul.domain.exception_case import Finding
from backhaul.domain.facts import (
    RANK,
    Announced,
    AnnouncedLine,
    Counting,
    Decided,
    Decision,
    Fact,
    Grade,
    Inspected,
    LineRef,
    LinesMinted,
    MintedLine,
    Progressed,
    Received,
    Refunded,
    Stage,
    Unreadable,
)

NOTHING: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Units of one line that were found alike and are treated alike."""

    condition: str
    disposition: str
    quantity: Decimal
    accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnLine:
    """One line of a return. Quantities are units so far; `unit_price` is net; `order` the original sale's number."""

    line_id: str
    sku: str
    announced: Decimal
    unit_price: Decimal | None
    order: str | None = None
    description: str = ""
    reason: str = ""
    received: Decimal | None = None
    parts: tuple[Part, ...] = ()
    waived: frozenset[str] = frozenset()
    closed: bool = False

    @property
    def accepted(self) -> Decimal:
        """Count the units the warehouse accepted."""
        return sum((part.quantity for part in self.parts if part.accepted), NOTHING)

    @property
    def rejected(self) -> Decimal:
        """Count the units the warehouse refused; they stay the customer's and are never valued stock."""
        return sum((part.quantity for part in self.parts if not part.accepted), NOTHING)

    @property
    def net(self) -> Decimal:
        """Give the announced net value, positive."""
        return self.announced * (self.unit_price or NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnCase:
    """One ZigZag return and how far its goods have come. `reached` says when each stage was first reached."""

    ref: str
    customer: str | None = None
    country: str = ""
    currency: str = ""
    warehouse: str = ""
    retailer: str = ""
    announced_at: datetime | None = None
    inspected_at: datetime | None = None
    reached: Mapping[Stage, datetime] = field(default_factory=dict)
    lines: tuple[ReturnLine, ...] = ()
    refunds: tuple[Refunded, ...] = ()
    findings: tuple[Finding, ...] = ()
    unminted: tuple[MintedLine, ...] = ()

    @property
    def stage(self) -> Stage | None:
        """Tell how far the goods have come; nothing known yet is None."""
        return max(self.reached, key=RANK.__getitem__, default=None)

    def has_reached(self, stage: Stage) -> bool:
        """Tell whether this stage or a later one was reached; a cancelled return has reached only itself."""
        goods = [reached for reached in self.reached if reached is not Stage.CANCELLED]
        return stage in self.reached or any(RANK[reached] >= RANK[stage] for reached in goods)

    @property
    def net(self) -> Decimal:
        """Give the announced net value of all lines, positive, in the return's currency."""
        return sum((line.net for line in self.lines), NOTHING)


def fold(ref: str, facts: Iterable[Fact]) -> ReturnCase:
    """Say what the facts about one return add up to, whatever their order and however often each came."""
    known = {fact.identity: fact for fact in facts}
    ordered = sorted(known.values(), key=_age)
    reached: dict[Stage, datetime] = {}
    for progressed in _of(ordered, Progressed):
        reached[progressed.stage] = min(reached.get(progressed.stage, progressed.at), progressed.at)
    announcements = _of(ordered, Announced)
    findings = [Finding(code=bad.code, sentence=bad.sentence, hint=bad.value) for bad in _of(ordered, Unreadable)]
    if not announcements:
        if reached:
            findings.append(Finding(code="UNREADABLE", sentence=f"Return {ref} moved, but nobody announced it."))
        return ReturnCase(ref=ref, reached=reached, findings=tuple(findings))
    latest = announcements[-1]
    minted = [line for fact in _of(ordered, LinesMinted) for line in fact.lines]
    lines, unminted = _name_lines(latest.lines, minted)
    findings += _conflicts(ordered)
    lines = _receive(lines, _of(ordered, Received), findings)
    lines = _grade(lines, _of(ordered, Inspected), findings)
    lines = _decide(lines, _of(ordered, Decided))
    findings += (finding for line in lines for finding in _implausible(line))
    inspections = _of(ordered, Inspected)
    return ReturnCase(
        ref=ref, customer=latest.customer, country=latest.country, currency=latest.currency,
        warehouse=latest.warehouse, retailer=latest.retailer, announced_at=announcements[0].at,
        inspected_at=inspections[-1].at if inspections else None, reached=reached, lines=tuple(lines),
        refunds=tuple({paid.reference: paid for paid in _of(ordered, Refunded)}.values()),
        findings=tuple(findings), unminted=unminted,
    )


def _age(fact: Fact) -> tuple[int, datetime, str]:
    return (-1 if fact.version is None else fact.version, fact.at, fact.identity)


F = TypeVar("F", bound=Fact)


def _of(facts: Sequence[Fact], kind: type[F]) -> list[F]:
    return [fact for fact in facts if isinstance(fact, kind)]


def _conflicts(facts: Sequence[Fact]) -> list[Finding]:
    """Find facts of one kind and one age that disagree; increments are told apart by their event."""
    seen: dict[tuple[str, int | None, datetime], int] = defaultdict(int)
    for fact in facts:
        if isinstance(fact, (Announced, Received, Inspected)) and getattr(fact, "counting", None) is not Counting.INCREMENT:
            seen[fact.kind, fact.version, fact.at] += 1
    return [
        Finding(code="EVENT_CONTENT_CONFLICT", sentence=f"{count} messages '{kind}' of {at.isoformat()} disagree.")
        for (kind, _version, at), count in seen.items() if count > 1
    ]


def _name_lines(
    announced: Sequence[AnnouncedLine], minted: Sequence[MintedLine],
) -> tuple[list[ReturnLine], tuple[MintedLine, ...]]:
    """Give each announced line its id: the platform's own, the one it got at first sight, or a new one.

    A new id is the SKU and an ordinal by (price, quantity, order) among the lines of that SKU. A line
    that was minted and is announced no more stays, with nothing announced.
    """
    free = list(minted)
    named: dict[int, str] = {}
    waiting = sorted(range(len(announced)), key=lambda at: _ordinal(announced[at]))
    for same in (_same_line, _same_sale, _same_sku):
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
                   order=told.order, description=told.description, reason=told.reason)
        for at, told in enumerate(announced)
    ]
    lines += [
        ReturnLine(line_id=line.line_id, sku=line.sku, announced=NOTHING, unit_price=line.unit_price, order=line.order)
        for line in free
    ]
    return sorted(lines, key=lambda line: line.line_id), tuple(fresh)


def _ordinal(line: AnnouncedLine) -> tuple[str, Decimal, Decimal, str, int]:
    return (line.ref.sku, line.unit_price or NOTHING, line.quantity, line.order or "", line.ref.nth)


def _same_line(told: AnnouncedLine, line: MintedLine) -> bool:
    if told.ref.line_id:
        return told.ref.line_id == line.line_id
    return (told.ref.sku, told.quantity, told.unit_price, told.order) == (
        line.sku, line.quantity, line.unit_price, line.order)


def _same_sale(told: AnnouncedLine, line: MintedLine) -> bool:
    return not told.ref.line_id and (told.ref.sku, told.unit_price, told.order) == (
        line.sku, line.unit_price, line.order)


def _same_sku(told: AnnouncedLine, line: MintedLine) -> bool:
    return not told.ref.line_id and told.ref.sku == line.sku


def _shares(
    lines: Sequence[ReturnLine], ref: LineRef, quantity: Decimal, taken: dict[str, Decimal],
) -> list[tuple[str, Decimal]]:
    """Say which lines a message's units belong to.

    The platform's id decides, else all that the message repeats of the announcement. Where that leaves
    several lines of one SKU, units fill them in the order of their ids, cheapest first, each up to what
    was announced; what is left over stands on the last.
    """
    if ref.line_id is not None:
        fits = [line for line in lines if line.line_id == ref.line_id]
    else:
        fits = [
            line for line in lines
            if line.sku == ref.sku
            and ref.quantity in (None, line.announced)
            and ref.unit_price in (None, line.unit_price)
            and ref.order in (None, line.order)
        ]
        told = ref.quantity is not None or ref.unit_price is not None or ref.order is not None
        if not fits and told:
            fits = [line for line in lines if line.sku == ref.sku]
        elif told and len(fits) > ref.nth:
            fits = [fits[ref.nth]]
    if len(fits) <= 1:
        return [(line.line_id, quantity) for line in fits]
    shares: list[tuple[str, Decimal]] = []
    left = quantity
    for line in fits:
        room = max(line.announced - taken.get(line.line_id, NOTHING), NOTHING)
        share = left if line is fits[-1] else min(left, room)
        if share:
            shares.append((line.line_id, share))
            taken[line.line_id] = taken.get(line.line_id, NOTHING) + share
            left -= share
    return shares


def _receive(lines: list[ReturnLine], messages: Sequence[Received], findings: list[Finding]) -> list[ReturnLine]:
    """Count what arrived: the newest total, or the sum of increments."""
    counted: dict[str, Decimal] = {}
    for message in _deciding(messages):
        taken: dict[str, Decimal] = {}
        for count in message.counts:
            shares = _shares(lines, count.line, count.quantity, taken)
            if not shares:
                findings.append(Finding(code="UNKNOWN_LINE", sentence=f"{count.quantity} x {count.line.sku} arrived unannounced."))
            for line_id, share in shares:
                counted[line_id] = counted.get(line_id, NOTHING) + share
    return [replace(line, received=counted.get(line.line_id)) for line in lines]


def _grade(lines: list[ReturnLine], messages: Sequence[Inspected], findings: list[Finding]) -> list[ReturnLine]:
    """Sum up what the warehouse accepted and refused, per line, condition and disposition."""
    graded: dict[str, dict[tuple[bool, str, str], Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for message in _deciding(messages):
        taken: dict[str, Decimal] = {}
        for grade in sorted(message.grades, key=_best_first):
            shares = _shares(lines, grade.line, grade.quantity, taken)
            if not shares:
                findings.append(Finding(code="UNKNOWN_LINE", sentence=f"{grade.quantity} x {grade.line.sku} inspected unannounced."))
            for line_id, share in shares:
                graded[line_id][grade.accepted, grade.condition, grade.disposition] += share
    return [
        replace(line, parts=tuple(
            Part(accepted=accepted, condition=condition, disposition=disposition, quantity=quantity)
            for (accepted, condition, disposition), quantity in sorted(graded[line.line_id].items()) if quantity
        )) if line.line_id in graded else line
        for line in lines
    ]


def _best_first(grade: Grade) -> tuple[bool, str, str]:
    return (not grade.accepted, grade.condition, grade.disposition)


C = TypeVar("C", Received, Inspected)


def _deciding(messages: Sequence[C]) -> list[C]:
    totals = [message for message in messages if message.counting is Counting.CUMULATIVE]
    return totals[-1:] or list(messages)


def _decide(lines: list[ReturnLine], decisions: Sequence[Decided]) -> list[ReturnLine]:
    waived: dict[str, set[str]] = defaultdict(set)
    closed: set[str] = set()
    for decided in decisions:
        if decided.decision is Decision.WAIVE:
            waived[decided.line_id].add(decided.code)
        else:
            closed.add(decided.line_id)
    return [
        replace(line, waived=frozenset(waived[line.line_id]), closed=line.line_id in closed)
        if line.line_id in waived or line.line_id in closed else line
        for line in lines
    ]


def _implausible(line: ReturnLine) -> Iterable[Finding]:
    """Find quantities that cannot be: each number at most the one before it, whole and positive."""
    def bad(sentence: str) -> Finding:
        return Finding(code="IMPLAUSIBLE_QUANTITY", line_id=line.line_id, sentence=sentence)

    if line.announced <= 0 or line.announced != line.announced.to_integral_value():
        yield bad(f"{line.sku}: announced quantity is {line.announced}.")
    if line.received is not None and line.received > line.announced:
        yield bad(f"{line.sku}: {line.received} arrived, {line.announced} were announced.")
    ceiling = line.announced if line.received is None else line.received
    if line.accepted + line.rejected > ceiling:
        yield bad(f"{line.sku}: {line.accepted + line.rejected} were inspected, {ceiling} are there.")
    if any(part.quantity < 0 or part.quantity != part.quantity.to_integral_value() for part in line.parts):
        yield bad(f"{line.sku}: a graded quantity is negative or fractional.")
    if line.unit_price is None or line.unit_price < 0:
        yield Finding(code="IMPLAUSIBLE_AMOUNT", line_id=line.line_id, sentence=f"{line.sku}: unit price is {line.unit_price}.")

"""What is returned stock worth, and what is owed for returns that nobody credited yet?

Two sets of figures for the end of a period. What came back: units at the cost the ERP booked, at the cost they went out at, and written
down as the tenant's policy says. What will be refunded: the liability at selling price, net and VAT apart, and the right to get goods
back, at cost less what it takes to recover them and what they lose (IFRS 15, ASC 606). Nothing is guessed: without a policy nothing is
written down, and units of which a cost or a rate is not known are counted apart.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from backhaul.domain.disposition import Outcome
from backhaul.domain.money import rounded
from backhaul.domain.proof import NOTHING
from backhaul.domain.roll_forward import Flow, Rolled, Whose

WHOLE: Final = Decimal(1)
SELLABLE: Final = "sellable"
SCRAP: Final = "scrap"
UNGRADED: Final = "ungraded"
"""Units nobody has said yet how they are: those that are expected, too."""
NO_GOODS: Final = "without goods"
"""What is credited without goods: there is nothing to recover."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the tenant's accountants decided, and where they say so.

    `classes` names the class of a disposition where it is not its own word, `write_down` the part of its cost that a class loses,
    `recovery` what it costs a legal entity to get one unit back, in the currency of its books.
    """

    source: str = ""
    classes: Mapping[str, str] = field(default_factory=dict)
    write_down: Mapping[str, Decimal] = field(default_factory=dict)
    recovery: Mapping[str, Decimal] = field(default_factory=dict)

    def kind(self, disposition: str, outcome: Outcome) -> str:
        """Name the class of units: as the policy calls their disposition, else by what the mapping does with them."""
        if outcome in {Outcome.WITHOUT_GOODS, Outcome.SENT_BACK}:
            return NO_GOODS
        usual = {Outcome.RESTOCKED: SELLABLE, Outcome.SCRAPPED: SCRAP}.get(outcome, disposition.lower())
        return self.classes.get(disposition, usual)

    def loses(self, kind: str) -> Decimal | None:
        """Say which part of its cost a class loses; None where nobody decided. What is on sale loses nothing, and scrap all of it."""
        return self.write_down.get(kind, {SELLABLE: NOTHING, SCRAP: WHOLE, NO_GOODS: WHOLE}.get(kind))


# --- what came back


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """Units of a return that an ERP took into stock: what it booked, and what they cost when they were issued, where that is known."""

    whose: Whose
    kind: str
    units: Decimal
    day: date
    booked: Decimal | None = None
    original: Decimal | None = None
    return_ref: str = ""
    line_id: str = ""
    document: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Valued:
    """One row: units of a class in a warehouse. `compared` is booked less original, of units of which both are known.

    `unbooked` and `untraced` count units whose booked or original cost nobody knows; `value` is None where no policy names the class.
    """

    whose: Whose
    kind: str
    units: Decimal
    booked: Decimal
    original: Decimal
    compared: Decimal
    unbooked: Decimal
    untraced: Decimal
    part: Decimal | None
    written_down: Decimal | None

    @property
    def value(self) -> Decimal | None:
        """Give what is left of the booked cost."""
        return None if self.written_down is None else self.booked - self.written_down


def valued(returned: Iterable[Returned], policy: Policy) -> tuple[Valued, ...]:
    """Add up what came back by legal entity, warehouse, currency and class."""
    by: dict[tuple[Whose, str], list[Returned]] = {}
    for each in returned:
        by.setdefault((each.whose, each.kind), []).append(each)
    return tuple(_valued(whose, kind, mine, policy) for (whose, kind), mine in sorted(by.items()))


def _valued(whose: Whose, kind: str, mine: Sequence[Returned], policy: Policy) -> Valued:
    booked, part = _sum(each.booked for each in mine), policy.loses(kind)
    return Valued(
        whose=whose, kind=kind, units=_sum(each.units for each in mine), booked=booked, original=_sum(each.original for each in mine),
        compared=_sum(each.booked - each.original for each in mine if each.booked is not None and each.original is not None),
        unbooked=_sum(each.units for each in mine if each.booked is None),
        untraced=_sum(each.units for each in mine if each.original is None), part=part,
        written_down=None if part is None else rounded(booked * part, whose.currency))


@dataclass(frozen=True, slots=True, kw_only=True)
class Regraded:
    """Units of a line that an ERP moved to the place of another grade on a `day`: their classes before and since, and what they cost.

    `received` is when it had taken them into stock and credited them; `mark` names the transfer.
    """

    whose: Whose
    before: str
    after: str
    units: Decimal
    day: date
    cost: Decimal | None
    return_ref: str
    line_id: str
    sku: str
    mark: str
    received: date | None = None

    def loses(self, policy: Policy) -> Decimal | None:
        """Say what they lose by it, below nothing where they gain; None where nobody decided that, or knows what they cost."""
        before, after = policy.loses(self.before), policy.loses(self.after)
        if self.cost is None or before is None or after is None:
            return None
        return rounded(self.cost * after, self.whose.currency) - rounded(self.cost * before, self.whose.currency)


# --- what is owed


class Where(StrEnum):
    """How far units have come whose credit is not made; in the order in which they come."""

    EXPECTED = "expected"
    """Announced, and not here."""
    RECEIVED = "received"
    """The warehouse has them, and the ERP has not taken them into stock."""
    IN_STOCK = "in stock"
    """The ERP has them; what *received, not credited* is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owing:
    """Units of one line that are to be refunded: net and VAT in the currency of the return, cost in that of the `books`.

    `accepted`: the warehouse said by then that they are; the others may be refused yet.
    """

    whose: Whose
    where: Where
    kind: str
    units: Decimal
    net: Decimal
    books: str
    since: date
    return_ref: str
    line_id: str
    tax: Decimal | None = None
    cost: Decimal | None = None
    accepted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Liability:
    """One row: what is to be refunded, and what is got for it. `untaxed` and `uncosted` count units of which that is not known.

    `decrease` is what the goods lose; of `undecided` units no policy says how much. Nothing is recovered at less than nothing.
    """

    whose: Whose
    where: Where
    books: str
    units: Decimal
    net: Decimal
    tax: Decimal
    untaxed: Decimal
    cost: Decimal
    uncosted: Decimal
    recovery: Decimal
    decrease: Decimal
    undecided: Decimal

    @property
    def gross(self) -> Decimal:
        """Give what customers are to get."""
        return self.net + self.tax

    @property
    def asset(self) -> Decimal:
        """Give the right to recover goods."""
        return max(self.cost - self.recovery - self.decrease, NOTHING)


def liabilities(owing: Iterable[Owing], policy: Policy) -> tuple[Liability, ...]:
    """Add up what is owed by legal entity, brand, warehouse, currency, and how far the units have come."""
    by: dict[tuple[Whose, Where, str], list[Owing]] = {}
    for each in owing:
        by.setdefault((each.whose, each.where, each.books), []).append(each)
    order = list(Where)
    return tuple(_liability(whose, where, books, mine, policy)
                 for (whose, where, books), mine in sorted(by.items(), key=lambda told: (told[0][0], order.index(told[0][1]))))


def _liability(whose: Whose, where: Where, books: str, mine: Sequence[Owing], policy: Policy) -> Liability:
    goods = [each for each in mine if each.kind != NO_GOODS]
    known = [each for each in goods if each.cost is not None]
    return Liability(
        whose=whose, where=where, books=books, units=_sum(each.units for each in mine), net=_sum(each.net for each in mine),
        tax=_sum(each.tax for each in mine), untaxed=_sum(each.units for each in mine if each.tax is None),
        cost=_sum(each.cost for each in known), uncosted=_sum(each.units for each in goods if each.cost is None),
        recovery=_sum(recoverable(each, policy).recovery for each in known),
        decrease=_sum(recoverable(each, policy).decrease for each in known),
        undecided=_sum(each.units for each in goods if policy.loses(each.kind) is None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recoverable:
    """What the right to recover the goods of one line comes to."""

    recovery: Decimal
    decrease: Decimal


def recoverable(each: Owing, policy: Policy) -> Recoverable:
    """Take off what a line's units lose by their class, and what it costs to get back those that are not here; at most their cost."""
    cost = each.cost or NOTHING
    decrease = rounded(cost * (policy.loses(each.kind) or NOTHING), each.books)
    wanted = policy.recovery.get(each.whose.entity, NOTHING) * each.units if each.where is Where.EXPECTED else NOTHING
    return Recoverable(recovery=min(wanted, cost - decrease), decrease=decrease)


# --- what they tie to


@dataclass(frozen=True, slots=True, kw_only=True)
class Tied:
    """What a figure says beside the roll-forward's, of one legal entity, brand, warehouse and currency.

    `memo` and `memo_tax` are the selling price and VAT of *received, not credited*, `paid` the closing of *paid, not credited*; None where
    it was not rolled. A memo is in the currency of the books, so that of a return in another currency nothing is compared.
    """

    whose: Whose
    in_stock: Decimal
    in_stock_tax: Decimal
    memo: Decimal | None
    memo_tax: Decimal | None
    gross: Decimal
    paid: Decimal | None

    @property
    def difference(self) -> Decimal | None:
        """Give what is owed for goods in stock beyond the memo."""
        return None if self.memo is None else self.in_stock - self.memo

    @property
    def to_pay(self) -> Decimal | None:
        """Give what customers are still to be paid; below nothing where more is paid than is owed."""
        return None if self.paid is None else self.gross - self.paid


def tied(owing: Sequence[Owing], rolled: Rolled | None) -> tuple[Tied, ...]:
    """Set what is owed beside both roll-forwards, for all that either of them knows."""
    whoses = {each.whose for each in owing} | {row.whose for row in (rolled.rows if rolled else ()) if row.closing or row.price}
    by: dict[Whose, list[Owing]] = {}
    for each in owing:
        by.setdefault(each.whose, []).append(each)
    return tuple(_tied(whose, by.get(whose, ()), rolled) for whose in sorted(whoses))


def _tied(whose: Whose, mine: Sequence[Owing], rolled: Rolled | None) -> Tied:
    here = [each for each in mine if each.where is Where.IN_STOCK]
    foreign = any(each.books != whose.currency for each in mine)
    found = {row.flow: row for row in (rolled.rows if rolled else ()) if row.whose == whose}
    received, paid = found.get(Flow.RECEIVED), found.get(Flow.PAID)
    told = rolled is not None and not foreign
    return Tied(
        whose=whose, in_stock=_sum(each.net for each in here), in_stock_tax=_sum(each.tax for each in here),
        memo=(received.price if received else NOTHING) if told else None,
        memo_tax=(received.tax if received else NOTHING) if told else None,
        gross=_sum(each.net + (each.tax or NOTHING) for each in mine),
        paid=(paid.closing if paid else NOTHING) if rolled is not None else None)


# --- all of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a period's end is told of returned stock and of refunds; `reasons` say what could not be read."""

    first: date
    day: date
    policy: Policy
    returned: tuple[Returned, ...] = ()
    regraded: tuple[Regraded, ...] = ()
    """Units of earlier periods that got another grade in this one; those of this one are in `returned` by their new class."""
    owing: tuple[Owing, ...] = ()
    ties: tuple[Tied, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """Say what nobody decided or knows, in one sentence each."""
        return (*self.reasons, *_remarks(self))


def _remarks(figures: Figures) -> Iterator[str]:
    rows, owed = valued(figures.returned, figures.policy), liabilities(figures.owing, figures.policy)
    undecided = sorted({row.kind for row in rows if row.part is None} | {
        each.kind for each in figures.owing if figures.policy.loses(each.kind) is None})
    if undecided:
        yield f"[valuation] decides no write-down of {', '.join(undecided)}: nothing is taken off their cost"
    for count, sentence in (
            (_sum(row.untraced for row in rows), "units came back of which nobody knows what they cost when they were issued"),
            (_sum(row.unbooked for row in rows), "units came back of which the ERP does not say at which cost it booked them"),
            (_sum(row.untaxed for row in owed), "units are owed of which no VAT rate is known: their VAT is not in the liability"),
            (_sum(row.uncosted for row in owed), "units are owed of which no cost is known: they are not in the right to recover goods")):
        if count:
            yield f"{count:f} {sentence}"


METHOD: Final[Mapping[str, str]] = {
    "booked": "What the ERP booked for the receipts of the period that carry a mark of ours, at the cost it says now.",
    "original": "What the same units cost when they were issued: by the lines of the sale that were chosen when the return was prepared.",
    "written_down": "The booked cost times the part its class loses by [valuation]; goods on sale lose nothing, scrap all of it.",
    "value": "The booked cost less what is written down.",
    "net": "Units announced or received and not credited at the end of the last day, less those refused, at the net price of their sale.",
    "tax": "That times the rate of the original sale, line by line, where a rate is known.",
    "cost": "The same units at the cost of their original issue.",
    "recovery": "What [valuation] says it costs to get a unit back, for units that are not here, at most what is left of their cost.",
    "decrease": "The cost times the part that the class of the units loses; what is not graded yet is of the class 'ungraded'.",
    "asset": "The cost less recovery and decrease; what is credited without goods brings nothing back.",
    "to_pay": "The liability with VAT less what is paid and not credited: what of it customers have already is no debt to them any more.",
}
"""How each figure is worked out."""


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((amount for amount in amounts if amount is not None), NOTHING)

"""What was paid and is not credited, what was received and is not credited, and does the ledger say the same?

Two roll-forwards that are never added (books 3): payments at gross, goods at cost. Beside the first stands what is credited and not paid,
never netted. Opening, movements by name and closing come from what we know; the balance is what the ERP's books show at the end of the
day, and the difference is the balance less the closing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from backhaul.domain.fiscal_calendar import Period
from backhaul.domain.proof import NOTHING


class Flow(StrEnum):
    """What a figure is about."""

    PAID = "paid"
    """Paid, not credited, at gross."""
    RECEIVED = "received"
    """Received, not credited, at cost."""
    CREDITED = "credited"
    """Credited, not paid: it stands beside what is paid."""


NAMES: Final[Mapping[Flow, tuple[str, ...]]] = {
    Flow.PAID: ("payouts", "reversed", "settled", "written_off", "exchange_difference"),
    Flow.RECEIVED: ("received", "credited"),
    Flow.CREDITED: ("credited", "exchanged", "settled"),
}
"""The movements of each, in the order in which they are shown."""
AGES: Final[Mapping[str, int]] = {"0-7": 7, "8-14": 14, "15-30": 30, "31-60": 60}
OLDEST: Final = "over 60"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Whose:
    """Whose money or goods they are. `brand` is the retailer's code, `warehouse` the platform's; both empty where nobody knows."""

    entity: str
    brand: str = ""
    warehouse: str = ""
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One thing that changed what is open of one `item`: a payment, or units that came. `price` and `tax` are its memo at selling price.

    `units` are those that came, negative where their credit took them back; nothing where the ERP does not count them.
    """

    flow: Flow
    whose: Whose
    name: str
    item: str
    day: date
    amount: Decimal
    return_ref: str = ""
    line_id: str = ""
    document: str = ""
    price: Decimal = NOTHING
    tax: Decimal = NOTHING
    units: Decimal = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """One entry of what a roll-forward is tied to: of an account, of a customer, or of stock. `open` is what it comes to at the day."""

    flow: Flow
    whose: Whose
    account: str
    document: str
    day: date
    open: Decimal
    text: str = ""
    return_ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollForward:
    """One row: opening + movements = closing, and what the account says. `balance` is None where it could not be read.

    `ageing` parts the closing by days since its items began. `beside`: of payments what is credited and not paid; `price` and `tax`: of
    goods what their closing is at selling price.
    """

    flow: Flow
    whose: Whose
    first: date
    day: date
    opening: Decimal
    movements: Mapping[str, Decimal]
    closing: Decimal
    account: str
    balance: Decimal | None
    ageing: Mapping[str, Decimal]
    beside: Decimal = NOTHING
    price: Decimal = NOTHING
    tax: Decimal = NOTHING

    @property
    def difference(self) -> Decimal | None:
        """Give what the account has beyond the closing; None where it could not be read."""
        return None if self.balance is None else self.balance - self.closing


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolled:
    """Both roll-forwards for the days from `first` to `day`, with all they are made of; `reasons` say what could not be read."""

    first: date
    day: date
    rows: tuple[RollForward, ...]
    movements: tuple[Movement, ...] = ()
    ties: tuple[Tie, ...] = ()
    reasons: tuple[str, ...] = ()
    days: Mapping[str, Period] = field(default_factory=dict)
    """The days of each legal entity, where calendars differ."""

    def within(self, entity: str) -> Period:
        """Give the days for which the rows of a legal entity are."""
        return self.days.get(entity) or Period(name="", first=self.first, last=self.day)

    @property
    def differing(self) -> Mapping[tuple[Flow, str, str], Decimal]:
        """Give by flow, legal entity and currency what does not tie; one brand's difference never pays another's."""
        found: dict[tuple[Flow, str, str], Decimal] = {}
        for row in self.rows:
            if row.difference:
                key = (row.flow, row.whose.entity, row.whose.currency)
                found[key] = found.get(key, NOTHING) + row.difference
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class CellLine:
    """One line under a figure: what it is, since when, and which return it leads to."""

    item: str
    name: str
    day: date
    amount: Decimal
    days: int
    return_ref: str = ""
    line_id: str = ""
    document: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What the rows of a legal entity are tied to in one flow, by name; `read` is False where it could not be read."""

    name: str
    read: bool = True


@dataclass(slots=True)
class _Item:
    since: date
    open: Decimal = NOTHING
    price: Decimal = NOTHING
    tax: Decimal = NOTHING
    came: Decimal = NOTHING


def roll(movements: Sequence[Movement], ties: Sequence[Tie], tied_to: Mapping[tuple[Flow, str], Account],
         days: Mapping[str, Period]) -> tuple[RollForward, ...]:
    """Give one row for each flow, legal entity, brand, warehouse and currency that moved, or on whose account something stands.

    `days` says by legal entity for which days; of one that is not among them there is no row.
    """
    known = [each for each in movements if each.whose.entity in days and each.day <= days[each.whose.entity].last]
    wanted = {(each.flow, each.whose) for each in known} | {(tie.flow, tie.whose) for tie in ties if tie.whose.entity in days}
    wanted = {(Flow.PAID if flow is Flow.CREDITED else flow, whose) for flow, whose in wanted}
    by: dict[tuple[Flow, Whose], list[Movement]] = {}
    for each in known:
        by.setdefault((each.flow, each.whose), []).append(each)
    found = []
    for flow, whose in sorted(wanted):
        told = tied_to.get((flow, whose.entity), Account(name="", read=False))
        balance = sum((tie.open for tie in ties if (tie.flow, tie.whose) == (flow, whose)), NOTHING) if told.read else None
        beside = by.get((Flow.CREDITED, whose), []) if flow is Flow.PAID else []
        row = _row(flow, whose, by.get((flow, whose), []), days[whose.entity], told.name, balance, _sum(beside))
        if row.opening or row.closing or row.balance or row.beside or any(row.movements.values()):
            found.append(row)
    return tuple(found)


def _row(flow: Flow, whose: Whose, mine: Sequence[Movement], days: Period, account: str,  # noqa: PLR0913, PLR0917  a row of so many figures
         balance: Decimal | None, beside: Decimal) -> RollForward:
    items = _items(mine)
    ageing = dict.fromkeys((*AGES, OLDEST), NOTHING)
    for item in items.values():
        if item.open:
            ageing[age(item.since, days.last)] += item.open
    return RollForward(
        flow=flow, whose=whose, first=days.first, day=days.last, opening=_sum(each for each in mine if each.day < days.first),
        movements={name: _sum(each for each in mine if each.name == name and each.day >= days.first) for name in NAMES[flow]},
        closing=_sum(mine), account=account, balance=balance, ageing=ageing, beside=beside,
        price=sum((item.price * item.open / item.came for item in items.values() if item.came and item.price), NOTHING),
        tax=sum((item.tax * item.open / item.came for item in items.values() if item.came and item.tax), NOTHING))


def _items(mine: Iterable[Movement]) -> Mapping[str, _Item]:
    found: dict[str, _Item] = {}
    for each in sorted(mine, key=lambda each: each.day):
        item = found.setdefault(each.item, _Item(each.day))
        item.open += each.amount
        if each.amount > 0:
            item.came, item.price, item.tax = item.came + each.amount, item.price + each.price, item.tax + each.tax
    return found


def _sum(movements: Iterable[Movement]) -> Decimal:
    return sum((each.amount for each in movements), NOTHING)


def age(since: date, day: date) -> str:
    """Name how old something is at the end of a day."""
    return next((name for name, days in AGES.items() if (day - since).days <= days), OLDEST)


# --- what is under a figure?


def lines_under(rolled: Rolled, flow: Flow, whose: Whose, cell: str) -> tuple[CellLine, ...]:
    """Give the lines under one figure of a row, oldest first.

    `cell` is ``opening``, ``closing``, ``beside``, ``balance``, an age, or the name of a movement. Their amounts sum to the figure.
    """
    days = rolled.within(whose.entity)
    if cell == "balance":
        return tuple(CellLine(item=tie.document, name=tie.account, day=tie.day, amount=tie.open, days=(days.last - tie.day).days,
                              return_ref=tie.return_ref, document=tie.document, text=tie.text)
                     for tie in sorted(rolled.ties, key=lambda tie: (tie.day, tie.document))
                     if (tie.flow, tie.whose) == (flow, whose) and tie.open)
    about = Flow.CREDITED if cell == "beside" else flow
    mine = [each for each in rolled.movements if (each.flow, each.whose) == (about, whose) and each.day <= days.last]
    if cell in NAMES[flow]:
        return tuple(CellLine(item=each.item, name=each.name, day=each.day, amount=each.amount, days=(days.last - each.day).days,
                              return_ref=each.return_ref, line_id=each.line_id, document=each.document)
                     for each in sorted(mine, key=lambda each: (each.day, each.item)) if each.name == cell and each.day >= days.first)
    if cell == "opening":
        mine = [each for each in mine if each.day < days.first]
    return tuple(line for line in _open(mine, days.last) if cell not in {*AGES, OLDEST} or age(line.day, days.last) == cell)


def _open(mine: Sequence[Movement], day: date) -> Iterable[CellLine]:
    """Give what is open of each item, with what it began with."""
    first: dict[str, Movement] = {}
    for each in sorted(mine, key=lambda each: each.day):
        first.setdefault(each.item, each)
    for name, item in sorted(_items(mine).items(), key=lambda told: (told[1].since, told[0])):
        if item.open:
            each = first[name]
            yield CellLine(item=name, name="open", day=item.since, amount=item.open, days=(day - item.since).days,
                           return_ref=each.return_ref, line_id=each.line_id, document=each.document)

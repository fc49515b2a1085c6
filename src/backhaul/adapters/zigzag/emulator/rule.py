"""What does the synthetic rule add to a real credit note?

The data have no reason, condition, disposition, warehouse, stage time or VAT. This module makes them
up from **one seed**, and everything it gives is synthetic. Each thing has a random source of its own,
`Random("{seed}:{what it is about}")`, so a result depends neither on the order of the calls nor on
which other returns are loaded.

Per return: warehouse `GB-DC-02` for 15 % and `GB-DC-01` for the rest; transit 2-14 days with a tail
(4 %) up to 35; inspection 0-3 days after receipt, completion some hours after that; 3 % wholly
rejected at inspection; 1 % never arrive (half of them were never sent and are cancelled after 28 days,
the others are lost by the carrier); 5 % refunded at the first carrier scan, gross; 1 % carry a
disposition nobody mapped (`DONATE`) on their first graded line.

Per line of goods: one of six reasons; 2 % `KEEP` (the customer keeps it, nothing travels, graded at
registration with condition `NONE`); 3 % arrive short; of those with more than one piece 2 % are partly
rejected and 2 % split over two grades. Grades A 80 %, B 10 %, C 6 %, D 4 %. Rejected pieces are put
aside (`QUARANTINE`) but stay the customer's; their outcome says `REJECTED`.

Lines that are no goods are not received or graded; they fall due when the return is completed, which
is 1-3 days after registration where nothing travels.

Per SKU: 1 % of goods are in a state that stops a return in the ERP (`item_state`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Final, Literal, TypeAlias

from backhaul.adapters.zigzag.emulator.credit_lines import CreditLine, CreditNote

ItemState: TypeAlias = Literal["active", "blocked", "discontinued", "missing"]

REASONS: Final[Mapping[int, str]] = {
    1: "Changed my mind",
    2: "Arrived damaged",
    3: "Not as described",
    4: "Wrong item sent",
    5: "Arrived too late",
    6: "Ordered more than needed",
}
REASON_WEIGHTS: Final = (34, 20, 16, 12, 6, 12)

GRADES: Final[tuple[tuple[str, int, tuple[str, ...]], ...]] = (
    ("A", 80, ("RESELL",)),
    ("B", 10, ("OUTLET", "REFURBISH")),
    ("C", 6, ("QUARANTINE",)),
    ("D", 4, ("SCRAP",)),
)
"""Condition, its weight in per cent, and the dispositions it may get."""

WAREHOUSES: Final[tuple[tuple[str, int], ...]] = (("GB-DC-01", 85), ("GB-DC-02", 15))
UNMAPPED_DISPOSITION: Final = "DONATE"

REJECTED_RETURNS: Final = 0.03
NEVER_ARRIVE: Final = 0.01
REFUNDED_AT_SCAN: Final = 0.05
UNMAPPED_RETURNS: Final = 0.01
LONG_TRANSIT: Final = 0.04
KEPT_LINES: Final = 0.02
SHORT_LINES: Final = 0.03
PARTLY_REJECTED: Final = 0.02
SPLIT_GRADES: Final = 0.02
CANCELLED_AFTER: Final = timedelta(days=28)

ITEM_STATES: Final[tuple[tuple[ItemState, float], ...]] = (
    ("blocked", 0.004),
    ("discontinued", 0.003),
    ("missing", 0.003),
)

EU_COUNTRIES: Final = frozenset({
    "Austria", "Belgium", "Bulgaria", "Croatia", "Cyprus", "Czech Republic", "Denmark", "EIRE", "Estonia",
    "European Community", "Finland", "France", "Germany", "Greece", "Hungary", "Ireland", "Italy", "Latvia",
    "Lithuania", "Luxembourg", "Malta", "Netherlands", "Poland", "Portugal", "Romania", "Slovakia",
    "Slovenia", "Spain", "Sweden",
})  # fmt: skip
TAX_RATES: Final[Mapping[str, Decimal]] = {
    "UK-STD": Decimal(20),
    "EU-B2C": Decimal(20),
    "EXPORT": Decimal(0),
}
"""Tax group to rate in per cent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """How some pieces of a line were found, and whether they were accepted."""

    condition: str
    disposition: str
    quantity: Decimal
    accepted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePlan:
    """What will happen to one line. `received` and `grades` stay None where nothing is received or graded."""

    reason: int
    kept: bool = False
    received: Decimal | None = None
    grades: tuple[Grade, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnPlan:
    """What will happen to one return, and when (UTC). A time is None where the step never comes."""

    warehouse: str
    registered: datetime
    lines: tuple[LinePlan, ...]
    labelled: datetime | None = None
    scanned: datetime | None = None
    refunded: datetime | None = None
    received: datetime | None = None
    inspected: datetime | None = None
    completed: datetime | None = None
    cancelled: datetime | None = None


def tax_group(country: str) -> str:
    """Name the ERP's tax group for a customer's country. A simplification, and no advice on tax."""
    if country == "United Kingdom":
        return "UK-STD"
    return "EU-B2C" if country in EU_COUNTRIES else "EXPORT"


def gross(net: Decimal, country: str) -> Decimal:
    """Add VAT to one line's net amount; both are rounded to pennies, half away from zero."""
    penny = Decimal("0.01")
    rounded = net.quantize(penny, ROUND_HALF_UP)
    return rounded + (rounded * TAX_RATES[tax_group(country)] / 100).quantize(penny, ROUND_HALF_UP)


def item_state(sku: str, seed: int = 7) -> ItemState:
    """Say in which state the ERP holds an item. Meant for the goods that occur in the credit lines."""
    drawn = _random(seed, "item", sku).random()
    for state, share in ITEM_STATES:
        if drawn < share:
            return state
        drawn -= share
    return "active"


def plan_return(note: CreditNote, seed: int = 7) -> ReturnPlan:
    """Make up the life of one return: its warehouse, its times and what happens to each line."""
    lines = tuple(_plan_line(seed, f"{note.number}:{n}", line) for n, line in enumerate(note.lines))
    plan = _travel(note, seed, lines)
    if plan.inspected is None:
        return replace(plan, lines=tuple(_untouched(line) for line in plan.lines))
    if _random(seed, note.number, "rejected").random() < REJECTED_RETURNS:
        return replace(plan, lines=tuple(_reject(line) for line in plan.lines))
    if _random(seed, note.number, "unmapped").random() < UNMAPPED_RETURNS:
        return replace(plan, lines=_donate(plan.lines))
    return plan


def _random(seed: int, *about: str) -> Random:
    return Random(":".join((str(seed), *about)))


def _plan_line(seed: int, where: str, line: CreditLine) -> LinePlan:
    reason = _random(seed, where, "reason").choices(tuple(REASONS), REASON_WEIGHTS)[0]
    if not line.goods:
        return LinePlan(reason=reason)
    if _random(seed, where, "keep").random() < KEPT_LINES:
        kept = Grade(condition="NONE", disposition="KEEP", quantity=line.quantity)
        return LinePlan(reason=reason, kept=True, grades=(kept,))
    received = _received(_random(seed, where, "short"), line.quantity)
    return LinePlan(reason=reason, received=received, grades=_grades(_random(seed, where, "grade"), received))


def _received(random: Random, announced: Decimal) -> Decimal:
    if random.random() < SHORT_LINES and _whole(announced):
        return Decimal(random.randrange(int(announced)))
    return announced


def _grades(random: Random, received: Decimal) -> tuple[Grade, ...]:
    if not received:
        return ()
    condition = random.choices(range(len(GRADES)), [weight for _, weight, _ in GRADES])[0]
    whole = _grade(random, condition, received)
    drawn = random.random()
    if drawn >= PARTLY_REJECTED + SPLIT_GRADES or received < 2 or not _whole(received):
        return (whole,)
    second = Decimal(random.randrange(1, int(received)))
    first = replace(whole, quantity=received - second)
    if drawn < PARTLY_REJECTED:
        return (first, Grade(condition="C", disposition="QUARANTINE", quantity=second, accepted=False))
    other = random.choice([n for n in range(len(GRADES)) if n != condition])
    return (first, _grade(random, other, second))


def _grade(random: Random, condition: int, quantity: Decimal) -> Grade:
    name, _, dispositions = GRADES[condition]
    return Grade(condition=name, disposition=random.choice(dispositions), quantity=quantity)


def _whole(quantity: Decimal) -> bool:
    return quantity > 0 and quantity == quantity.to_integral_value()


def _travel(note: CreditNote, seed: int, lines: tuple[LinePlan, ...]) -> ReturnPlan:
    """Give a return its warehouse and times."""
    random = _random(seed, note.number, "travel")
    names, weights = zip(*WAREHOUSES, strict=True)
    stay = ReturnPlan(warehouse=random.choices(names, weights)[0], registered=note.at, lines=lines)
    if all(line.received is None for line in lines):
        return replace(stay, completed=note.at + timedelta(minutes=random.randint(24 * 60, 72 * 60)))
    labelled = note.at + timedelta(minutes=random.randint(1, 30))
    days = random.randint(15, 35) if random.random() < LONG_TRANSIT else round(random.triangular(2, 14, 4))
    midnight = note.at.replace(hour=0, minute=0, second=0) + timedelta(days=days)
    received = midnight + timedelta(minutes=random.randint(7 * 60, 18 * 60))
    share = random.uniform(0.1, 0.6)
    scanned = labelled + timedelta(minutes=round((received - labelled).total_seconds() / 60 * share))
    inspected = received + timedelta(days=random.randint(0, 3), minutes=random.randint(30, 240))
    plan = replace(
        stay,
        labelled=labelled,
        scanned=scanned,
        received=received,
        inspected=inspected,
        completed=inspected + timedelta(minutes=random.randint(60, 12 * 60)),
    )
    if _random(seed, note.number, "refund").random() < REFUNDED_AT_SCAN:
        plan = replace(plan, refunded=scanned + timedelta(minutes=random.randint(1, 5)))
    return _lose(plan, _random(seed, note.number, "never arrives"))


def _lose(plan: ReturnPlan, random: Random) -> ReturnPlan:
    """Let a few parcels never arrive."""
    drawn = random.random()
    if drawn >= NEVER_ARRIVE:
        return plan
    lost = replace(plan, received=None, inspected=None, completed=None)
    if drawn >= NEVER_ARRIVE / 2:
        return lost
    return replace(lost, scanned=None, refunded=None, cancelled=plan.registered + CANCELLED_AFTER)


def _untouched(line: LinePlan) -> LinePlan:
    """Forget what would have been received, of a return that never arrives or does not travel."""
    return line if line.kept else replace(line, received=None, grades=None)


def _reject(line: LinePlan) -> LinePlan:
    if line.kept or not line.received:
        return line
    rejected = Grade(condition="C", disposition="QUARANTINE", quantity=line.received, accepted=False)
    return replace(line, grades=(rejected,))


def _donate(lines: tuple[LinePlan, ...]) -> tuple[LinePlan, ...]:
    """Give the first graded line that travelled a disposition nobody mapped."""
    for n, line in enumerate(lines):
        if line.grades and not line.kept:
            grades = tuple(
                replace(grade, disposition=UNMAPPED_DISPOSITION) if grade.accepted else grade for grade in line.grades
            )
            return (*lines[:n], replace(line, grades=grades), *lines[n + 1 :])
    return lines

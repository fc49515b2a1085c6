"""What is wrong with the house as a whole, and not with any one line?

Journals that do not balance, counters that differ, a message that never came, lines that wait because something changed under them. Each
rule takes what was seen and gives what is irregular; nothing is said of what was not seen.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from backhaul.domain.disposition import Circumstance, MappingRow, choose
from backhaul.domain.entry import Entry, Side
from backhaul.domain.facts import Fact

NOTHING: Final = Decimal(0)
Voucher = tuple[str, str]
"""A legal entity, and a voucher of its ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Irregular:
    """One thing that is wrong: its class, what it is about, a sentence, and how much money or how many things it is."""

    kind: str
    subject: str
    sentence: str
    amount: Decimal = NOTHING
    count: int = 1
    entity: str = ""
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What the platform says a day came to, by another way than its messages; what it does not say is None and is not compared."""

    day: date
    returns: int | None = None
    units: Decimal | None = None
    net: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """A line nothing of which is credited: what it is worth, and what may have changed under it."""

    line: str
    entity: str
    currency: str
    net: Decimal
    sku: str
    fixed_under: str
    """The version of the profile its documents were fixed under; empty where none is."""
    circumstances: tuple[Circumstance, ...] = ()


def unbalanced(ledger: Iterable[tuple[str, Entry]], ours: Collection[Voucher], laid: Collection[Voucher],
               currencies: Mapping[str, str]) -> Iterator[Irregular]:
    """Find vouchers of returns whose entries do not add up to nothing, and that no line stands for: of those a line has its own class.

    `ours` are the vouchers of what belongs to returns, `laid` those that are held against a line.
    """
    for entity, entry in ledger:
        voucher = (entity, entry.voucher)
        if entry.side is not Side.LEDGER or entry.net is None or entry.against is None or voucher not in ours or voucher in laid:
            continue
        if apart := entry.net - entry.against:
            yield Irregular(kind="UNBALANCED_JOURNAL", subject=f"{entity} {entry.voucher}", amount=apart, entity=entity,
                            currency=currencies.get(entity, ""),
                            sentence=f"Voucher {entry.voucher} of {entity} adds up to {apart:f} instead of nothing.")


def blocked(waiting: Iterable[Waits], stopped: Collection[tuple[str, str]]) -> Iterator[Irregular]:
    """Find lines that wait although their item (legal entity, SKU) is blocked by now."""
    for line in waiting:
        if (line.entity, line.sku) in stopped:
            yield Irregular(kind="ITEM_BLOCKED_SINCE", subject=line.line, amount=line.net, entity=line.entity, currency=line.currency,
                            sentence=f"{line.line} waits, and item {line.sku} is blocked in the ERP of {line.entity} by now.")


def remapped(waiting: Iterable[Waits], now: Sequence[MappingRow], before: Mapping[str, Sequence[MappingRow]]) -> Iterator[Irregular]:
    """Find lines that wait under an earlier version (`before`, by its name) that sent their units elsewhere than the rows of `now` do."""
    for line in waiting:
        rows = before.get(line.fixed_under)
        apart = [when for when in line.circumstances if rows is not None and choose(rows, when) not in {None, choose(now, when)}]
        if apart:
            yield Irregular(kind="MAPPING_CHANGED_SINCE", subject=line.line, amount=line.net, entity=line.entity, currency=line.currency,
                            sentence=f"{line.line} waits under version {line.fixed_under}; by now {apart[0].disposition} at "
                                     f"{apart[0].warehouse} goes elsewhere.")


def gaps(told: Mapping[str, Iterable[Fact]]) -> Iterator[Irregular]:
    """Find returns of which a message never came: the platform counts those of each return from 1, and a number is not there."""
    for ref, facts in sorted(told.items()):
        known = {fact.version for fact in facts if fact.version is not None}
        if missing := sorted(set(range(1, max(known, default=0))) - known):
            yield Irregular(kind="EVENT_GAP", subject=ref, count=len(missing),
                            sentence=f"Of return {ref} message {', '.join(map(str, missing))} never came; the last is {max(known)}.")


def miscounted(told: Iterable[Total], counted: Mapping[date, Total]) -> Iterator[Irregular]:
    """Find days of which the platform's own total is not what was received; `counted` is that, of every day that has any."""
    for each in told:
        mine = counted.get(each.day, Total(day=each.day))
        apart = {name: ours - theirs for name in ("returns", "units", "net")
                 if (theirs := getattr(each, name)) is not None and (ours := getattr(mine, name) or NOTHING) != theirs}
        if apart:
            says = ", ".join(f"{name} {difference:+f}" for name, difference in ((name, Decimal(value)) for name, value in apart.items()))
            yield Irregular(kind="COUNTER_MISMATCH", subject=each.day.isoformat(), amount=Decimal(apart.get("net", NOTHING)),
                            count=abs(int(apart.get("returns", 0))) or 1,
                            sentence=f"Of {each.day.isoformat()} was received, against what the platform's total says: {says}.")

"""Which days do an ERP's books refuse, and what would they take instead?

An ERP tells its periods by their days, never by our names: its calendar may be another one than the profile states, and then every day
is judged by what the books say of that day.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final

from backhaul.domain.fiscal_calendar import Calendar, Period
from backhaul.domain.rules import LegalEntity

ONE: Final = timedelta(days=1)
SOON: Final = timedelta(days=60)
"""How long before a calendar ends it is said."""


class Status(StrEnum):
    """Whether a period takes postings."""

    OPEN = "open"
    ON_HOLD = "on hold"
    """Nothing is taken now; it may be opened again."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an ERP's books say of some days: their status, and of which module where that is not all of them.

    `shape` is False where the days are no period of its calendar, but only a range that postings are kept to.
    """

    first: date
    last: date
    status: Status
    name: str = ""
    module: str = ""
    shape: bool = True

    def __str__(self) -> str:
        """Say it in words."""
        return f"{self.name or f'{self.first} to {self.last}'} is {self.status.value}{f' for {self.module}' if self.module else ''}"


def plain(told: Iterable[Told]) -> list[dict[str, Any]]:
    """Write what the books say as plain values."""
    return [{"first": each.first.isoformat(), "last": each.last.isoformat(), "status": each.status.value, "name": each.name,
             "module": each.module, "shape": each.shape} for each in told]


def read(rows: Iterable[Mapping[str, Any]]) -> list[Told]:
    """Read what the books said as it was written."""
    return [Told(first=date.fromisoformat(row["first"]), last=date.fromisoformat(row["last"]), status=Status(row["status"]),
                 name=row["name"], module=row["module"], shape=row["shape"]) for row in rows]


def refusal(told: Iterable[Told], day: date) -> Told | None:
    """Give what refuses a posting on a day; a day nobody says anything of is taken."""
    return next((each for each in told if each.status is not Status.OPEN and each.first <= day <= each.last), None)


def whole(told: Sequence[Told], period: Period) -> Told | None:
    """Give what refuses the last day of a period no day of which is taken; nothing where any day is."""
    day, found = period.first, refusal(told, period.first)
    while found is not None and found.last < period.last:
        day = found.last + ONE
        found = refusal(told, day)
    return found


def why_refused(entity: LegalEntity, told: Sequence[Told], period: str, day: date | None = None) -> str:
    """Say why a period, or its `day` on which something would be posted, takes nothing; empty where it does."""
    if not period:
        return f"No period of the calendar of {entity.id} holds {day or 'the day on which it would be posted'}."
    if period in entity.closed_periods:
        return f"Period {period} of {entity.id} is closed."
    found = refusal(told, day) if day is not None else None
    if found is None and entity.calendar.has(period):
        found = whole(told, entity.calendar.span(period))
    if found is None:
        return ""
    return f"Period {period} of {entity.id} is {found.status.value}{f' for {found.module}' if found.module else ''}."


def opens(entity: LegalEntity, told: Sequence[Told], period: str) -> str:
    """Name the first period after this one that takes postings, of the next three years; empty where there is none."""
    name = entity.calendar.following(period) if entity.calendar.has(period) else ""
    for _ in range(36):
        if not name or not why_refused(entity, told, name):
            break
        name = entity.calendar.following(name)
    return name if name and not why_refused(entity, told, name) else ""


def ending(calendar: Calendar, today: date) -> Iterator[str]:
    """Say that a calendar that is laid out period by period soon lists no more of them."""
    if calendar.listed and calendar.listed[-1].last < today + SOON:
        yield f"the profile's calendar ends on {calendar.listed[-1].last}; nothing is posted on a day after that"


def apart(calendar: Calendar, told: Sequence[Told]) -> Iterator[str]:
    """Say where an ERP's periods have other days than the calendar states, each period of the ERP at most once."""
    for each in told:
        mine = calendar.on(each.first) if each.shape else None
        called = each.name or f"the period from {each.first} to {each.last}"
        if each.shape and mine is None:
            yield f"{called} in the ERP begins on {each.first}, and no period of the profile's calendar holds that day"
        elif mine is not None and (mine.first, mine.last) != (each.first, each.last):
            yield (f"{called} in the ERP is {each.first} to {each.last}, and period {mine.name} of the profile's calendar is {mine.first} "
                   f"to {mine.last}")

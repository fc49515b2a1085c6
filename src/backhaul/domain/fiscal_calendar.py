"""Which days does a fiscal period have, and in which period does a day lie?

A legal entity's books are closed by its own calendar (books 5): calendar months, weeks in fours and fives, or periods listed one by one.
Whatever is not a month stands here as a list, so that a year of 53 weeks is somebody's word and nobody's guess; a day before or after
the list lies in no period, and nothing is posted on it.
"""

import calendar
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

from backhaul.domain.errors import NeedsOperator

MONTH: Final = re.compile(r"[12]\d{3}-(0[1-9]|1[0-2])", re.ASCII)
NAME: Final = re.compile(r"[12]\d{3}-(0[1-9]|1[0-3])", re.ASCII)
"""How a period is called: its fiscal year, and which of its periods it is; only a list has a thirteenth."""
ONE: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One fiscal period, with its first day and its last."""

    name: str
    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        """Tell whether a day lies in it."""
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The periods of a legal entity's books: those that are listed, in order and without gaps, or calendar months where none is."""

    listed: tuple[Period, ...] = ()

    def on(self, day: date) -> Period | None:
        """Give the period a day lies in; nothing before and after what is listed."""
        if not self.listed:
            return _month(day)
        at = bisect_right(self.listed, day, key=lambda each: each.first)
        return self.listed[at - 1] if at and day in self.listed[at - 1] else None

    def period_of(self, day: date) -> str:
        """Name the period a day lies in; empty before and after what is listed."""
        if not self.listed:  # asked for every record of a proof
            return day.isoformat()[:7]
        period = self.on(day)
        return period.name if period else ""

    def over(self, day: date) -> str:
        """Name the last period that was over before a day; empty where none that is listed was."""
        now = self.on(day)
        if now is None and self.listed and self.listed[-1].last < day:
            return self.listed[-1].name
        return self.before(now.name) if now else ""

    def has(self, period: str) -> bool:
        """Tell whether there is a period of this name."""
        return self._named(period) is not None

    def span(self, name: str) -> Period:
        """Give the period of this name, or stop with those there are."""
        found = self._named(name)
        if found is None:
            there = f"{self.listed[0].name} to {self.listed[-1].name}" if self.listed else "calendar months like 2026-10"
            message = f"there is no period '{name[:20]}' in this calendar; it has {there}"
            raise NeedsOperator(message)
        return found

    def first(self, period: str) -> date:
        """Give the first day of a period."""
        return self.span(period).first

    def last(self, period: str) -> date:
        """Give the last day of a period."""
        return self.span(period).last

    def before(self, period: str) -> str:
        """Name the period before this one; empty before the first that is listed."""
        return self.period_of(self.first(period) - ONE)

    def following(self, period: str) -> str:
        """Name the period after this one; empty after the last that is listed."""
        return self.period_of(self.last(period) + ONE)

    def _named(self, name: str) -> Period | None:
        if self.listed:
            return next((each for each in self.listed if each.name == name), None)
        return _month(date.fromisoformat(f"{name}-01")) if MONTH.fullmatch(name) else None


MONTHS: Final = Calendar()
"""Calendar months: the calendar of whoever states none, and of VAT."""


def _month(day: date) -> Period:
    return Period(name=day.isoformat()[:7], first=day.replace(day=1), last=day.replace(day=calendar.monthrange(day.year, day.month)[1]))


def flaws(periods: Sequence[Period]) -> Iterator[str]:
    """Say what is wrong with periods listed one by one: each day lies in exactly one, and their names are in the order of their days."""
    for each in periods:
        if not NAME.fullmatch(each.name):
            yield f"'{each.name}' is no period like 2026-01 or 2026-13"
        if each.last < each.first:
            yield f"{each.name} ends on {each.last}, before it begins on {each.first}"
    for one, other in pairwise(periods):
        if other.name <= one.name:
            yield f"{other.name} stands after {one.name}; periods are listed in order, each once"
        elif other.first <= one.last:
            yield f"{other.name} begins on {other.first}, and {one.name} lasts until {one.last}: these days lie in both"
        elif other.first != one.last + ONE:
            yield f"no period holds the days from {one.last + ONE} to {other.first - ONE}, between {one.name} and {other.name}"


# --- weeks


PATTERNS: Final[Mapping[str, tuple[int, int, int]]] = {"4-4-5": (4, 4, 5), "4-5-4": (4, 5, 4), "5-4-4": (5, 4, 4)}
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTH_NAMES: Final = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
                      "december")
RULE: Final = re.compile(
    rf"({'|'.join(WEEKDAYS)}) (nearest|on or before|on or after) ([1-9]|1\d|2[0-8]) ({'|'.join(MONTH_NAMES)})", re.ASCII)
"""How a rule says when a year begins: the Sunday nearest 1 February is the day after the Saturday nearest 31 January."""
EARLIEST: Final = {"nearest": -3, "on or before": -6, "on or after": 0}
WEEK: Final = timedelta(weeks=1)
SHORT: Final = 52


@dataclass(frozen=True, slots=True, kw_only=True)
class Weeks:
    """Years of 52 weeks in quarters of a pattern, `begins` the first day of the first of them, and those that have 53 by name.

    The last period of a long year has the week more. With a `rule` every year has to begin by it as well.
    """

    pattern: str
    begins: date
    years: int
    year: int
    long: frozenset[int] = frozenset()
    rule: str = ""

    @property
    def periods(self) -> tuple[Period, ...]:
        """Give the twelve periods of every year, in order."""
        found: list[Period] = []
        for year, begins in self._begins():
            first = begins
            for number, weeks in enumerate(PATTERNS[self.pattern] * 4, start=1):
                more = 1 if number == 12 and year in self.long else 0  # noqa: PLR2004  the last of twelve
                after = first + WEEK * (weeks + more)
                found.append(Period(name=f"{year:04d}-{number:02d}", first=first, last=after - ONE))
                first = after
        return tuple(found)

    def flaws(self) -> Iterator[str]:
        """Say what is wrong with what is stated: pattern, years, or a year that the rule begins on another day."""
        if self.pattern not in PATTERNS:
            yield f"weeks = '{self.pattern}' is none of {', '.join(PATTERNS)}"
        if not 1 <= self.years <= 100:  # noqa: PLR2004  nobody plans further
            yield f"years = {self.years}: say how many years are laid out, from 1 to 100"
            return
        named = range(self.year, self.year + self.years)
        if strange := sorted(self.long - {*named}):
            yield f"long_years names {', '.join(map(str, strange))}, and the years laid out are {named[0]} to {named[-1]}"
        yield from self._apart() if self.rule else ()

    def _begins(self) -> Iterator[tuple[int, date]]:
        begins = self.begins
        for year in range(self.year, self.year + self.years):
            yield year, begins
            begins += WEEK * (SHORT + (year in self.long))

    def _apart(self) -> Iterator[str]:
        """Say where the rule begins a year on another day than the weeks that are stated."""
        if not RULE.fullmatch(self.rule):
            yield f"rule = '{self.rule}' is nothing like 'sunday nearest 1 february' (nearest, on or before, on or after)"
            return
        about = range(self.begins.year - 1, self.begins.year + 2)
        base = next((year for year in about if by_rule(self.rule, year) == self.begins), None)
        if base is None:
            yield f"begins = {self.begins}, and '{self.rule}' is {by_rule(self.rule, self.begins.year)}"
            return
        for year, begins in self._begins():
            told = by_rule(self.rule, base + year - self.year + 1)
            after = begins + WEEK * (SHORT + (year in self.long))
            if after != told:
                yield (f"{year} begins on {begins} and '{self.rule}' begins the next on {told}, so that it has {(told - begins) // WEEK} "
                       f"weeks; long_years {'names' if year in self.long else 'does not name'} it")
                return


def by_rule(rule: str, year: int) -> date:
    """Give the day that a rule names in, or about, a calendar year."""
    told = RULE.fullmatch(rule)
    assert told is not None  # noqa: S101  the only caller looked
    weekday, how, day, month = told.groups()
    from_ = date(year, MONTH_NAMES.index(month) + 1, int(day)) + timedelta(days=EARLIEST[how])
    return from_ + timedelta(days=(WEEKDAYS.index(weekday) - from_.weekday()) % 7)


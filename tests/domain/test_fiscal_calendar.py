"""Fiscal calendars: every day lies in exactly one period, and a year of 53 weeks is somebody's word."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from backhaul.domain.errors import NeedsOperator
from backhaul.domain.fiscal_calendar import MONTHS, PATTERNS, Calendar, Period, Weeks, flaws
from backhaul.testing import builders

RETAIL = Weeks(pattern="4-4-5", begins=date(2026, 2, 1), years=5, year=2026, long=frozenset({2028}), rule="sunday nearest 1 february")


def weeks(**changes: Any) -> Weeks:
    return replace(RETAIL, **changes)


DAYS = st.dates(min_value=date(2026, 2, 1), max_value=date(2031, 2, 1))
CALENDARS = st.one_of(st.just(MONTHS), st.builds(
    lambda pattern, long: Calendar(listed=weeks(pattern=pattern, long=frozenset(long), rule="").periods),
    st.sampled_from(sorted(PATTERNS)), st.sets(st.sampled_from(range(2026, 2031)))))


@given(CALENDARS, DAYS)
@settings(derandomize=True, deadline=None, max_examples=200)
def test_every_day_lies_in_exactly_one_period_between_its_first_day_and_its_last(calendar: Calendar, day: date) -> None:
    period = calendar.period_of(day)
    if not period:
        assert day > calendar.listed[-1].last
        return

    assert calendar.first(period) <= day <= calendar.last(period)
    assert all(day not in each for each in calendar.listed if each.name != period)
    assert calendar.period_of(calendar.last(period) + timedelta(days=1)) != period != calendar.period_of(
        calendar.first(period) - timedelta(days=1))


@given(CALENDARS, DAYS)
@settings(derandomize=True, deadline=None, max_examples=200)
def test_next_and_previous_are_each_others_inverse_and_names_are_in_the_order_of_their_days(calendar: Calendar, day: date) -> None:
    period = calendar.period_of(day)

    if period and (after := calendar.following(period)):
        assert calendar.before(after) == period < after
    if period and (before := calendar.before(period)):
        assert calendar.following(before) == period > before


@pytest.mark.parametrize(("day", "last", "period"), [
    (date(2026, 1, 31), date(2026, 1, 31), "2026-01"), (date(2026, 2, 1), date(2026, 2, 28), "2026-02"),
    (date(2028, 2, 29), date(2028, 2, 29), "2028-02"), (date(2026, 12, 1), date(2026, 12, 31), "2026-12"),
])
def test_a_period_is_a_calendar_month_unless_a_calendar_says_otherwise(day: date, last: date, period: str) -> None:
    assert (MONTHS.period_of(day), MONTHS.last(period), MONTHS.first(period)) == (period, last, last.replace(day=1))


def test_quarters_of_four_four_and_five_weeks_end_mid_month() -> None:
    calendar = Calendar(listed=RETAIL.periods)

    assert [(each.last - each.first).days // 7 + 1 for each in calendar.listed[:12]] == [4, 4, 5] * 4
    assert (calendar.first("2026-10"), calendar.last("2026-10")) == (date(2026, 11, 1), date(2026, 11, 28))
    assert calendar.last("2026-12") == date(2027, 1, 30)


def test_the_last_period_of_a_long_year_has_the_week_more() -> None:
    calendar = Calendar(listed=RETAIL.periods)

    assert [(calendar.last(f"{year}-12") - calendar.first(f"{year}-12")).days + 1 for year in range(2026, 2031)] == [35, 35, 42, 35, 35]
    assert all(one.last + timedelta(days=1) == other.first for one, other in pairwise(calendar.listed))


@pytest.mark.parametrize(("told", "says"), [
    (weeks(), ""), (weeks(rule=""), ""), (weeks(pattern="4-5-4"), ""),
    (weeks(begins=date(2025, 12, 29), rule="monday nearest 1 january", long=frozenset({2026})), ""),
    (weeks(begins=date(2026, 1, 1), rule="thursday on or after 28 december", years=1, long=frozenset()), ""),
    (weeks(pattern="4-4-4"), "weeks = '4-4-4' is none of 4-4-5, 4-5-4, 5-4-4"),
    (weeks(years=0), "years = 0: say how many years are laid out, from 1 to 100"),
    (weeks(long=frozenset({2028, 2031})), "long_years names 2031, and the years laid out are 2026 to 2030"),
    (weeks(long=frozenset()), ("2028 begins on 2028-01-30 and 'sunday nearest 1 february' begins the next on 2029-02-04, so that it has 53 "
                               "weeks; long_years does not name it")),
    (weeks(long=frozenset({2027, 2028})), ("2027 begins on 2027-01-31 and 'sunday nearest 1 february' begins the next on 2028-01-30, so "
                                           "that it has 52 weeks; long_years names it")),
    (weeks(begins=date(2026, 2, 2)), "begins = 2026-02-02, and 'sunday nearest 1 february' is 2026-02-01"),
    (weeks(rule="in spring"), "rule = 'in spring' is nothing like 'sunday nearest 1 february' (nearest, on or before, on or after)"),
])
def test_a_leap_week_is_stated_and_never_guessed(told: Weeks, says: str) -> None:
    assert [*told.flaws()] == ([says] if says else [])


@pytest.mark.parametrize(("periods", "says"), [
    ([("2026-01", 1, 31), ("2026-02", 32, 59)], []),
    ([("2026-12", 1, 28), ("2026-13", 29, 35)], []),
    ([("2026-1", 1, 31)], ["'2026-1' is no period like 2026-01 or 2026-13"]),
    ([("2026-01", 31, 1)], ["2026-01 ends on 2026-01-01, before it begins on 2026-01-31"]),
    ([("2026-01", 1, 31), ("2026-02", 33, 59)], ["no period holds the days from 2026-02-01 to 2026-02-01, between 2026-01 and 2026-02"]),
    ([("2026-01", 1, 31), ("2026-02", 31, 59)],
     ["2026-02 begins on 2026-01-31, and 2026-01 lasts until 2026-01-31: these days lie in both"]),
    ([("2026-02", 1, 31), ("2026-01", 32, 59)], ["2026-01 stands after 2026-02; periods are listed in order, each once"]),
])
def test_listed_periods_leave_no_day_out_and_share_none(periods: list[tuple[str, int, int]], says: list[str]) -> None:
    first = date(2025, 12, 31)
    told = [Period(name=name, first=first + timedelta(days=begins), last=first + timedelta(days=ends)) for name, begins, ends in periods]

    assert [*flaws(told)] == says


def test_the_period_of_a_name_has_all_days_it_has_in_any_calendar_of_a_tenant() -> None:
    ours = builders.rules(entities=(builders.entity(), builders.entity(id="ie01", calendar=Calendar(listed=RETAIL.periods))))

    assert ours.span("2026-10") == Period(name="2026-10", first=date(2026, 10, 1), last=date(2026, 11, 28))
    assert [entity.id for entity in ours.having("2031-01")] == ["gb01"]
    assert (ours.knows("2030-12"), ours.knows("2026-13")) == (True, False)
    with pytest.raises(NeedsOperator, match="there is no period '2026-13'"):
        ours.span("2026-13")


def test_a_day_that_is_not_listed_lies_in_no_period_and_a_period_that_is_not_is_named() -> None:
    calendar = Calendar(listed=RETAIL.periods)

    assert (calendar.period_of(date(2026, 1, 31)), calendar.period_of(date(2031, 2, 2))) == ("", "")
    assert (calendar.before("2026-01"), calendar.following("2030-12")) == ("", "")
    assert [calendar.over(day) for day in (date(2026, 2, 20), date(2026, 3, 20), date(2035, 1, 1), date(2020, 1, 1))] == [
        "", "2026-01", "2030-12", ""]
    with pytest.raises(NeedsOperator, match=r"no period '2026-13' in this calendar; it has 2026-01 to 2030-12"):
        calendar.span("2026-13")
    with pytest.raises(NeedsOperator, match="calendar months like 2026-10"):
        MONTHS.first("2026-13")

"""What the books refuse is judged by days, whatever the periods are called here and there."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from backhaul.domain.fiscal_calendar import Calendar, Weeks
from backhaul.domain.period_status import Status, Told, apart, ending, opens, plain, read, refusal, why_refused
from backhaul.testing.builders import entity

RETAIL = Calendar(listed=Weeks(pattern="4-4-5", begins=date(2026, 2, 1), years=1, year=2026).periods)
SHOP = entity(calendar=RETAIL)


def month(number: int, status: Status = Status.CLOSED, module: str = "") -> Told:
    first = date(2026, number, 1)
    last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return Told(first=first, last=last, status=status, name=f"M{number}", module=module, shape=not module)


@pytest.mark.parametrize(("period", "day", "told", "says"), [
    ("2026-10", None, [month(11)], "Period 2026-10 of gb01 is closed."),
    ("2026-10", None, [month(11, Status.ON_HOLD)], "Period 2026-10 of gb01 is on hold."),
    ("2026-10", None, [month(11, Status.OPEN), month(11, Status.ON_HOLD, "sales")], "Period 2026-10 of gb01 is on hold for sales."),
    ("2026-11", None, [month(12)], ""),
    ("2026-11", date(2026, 11, 30), [month(12)], ""),
    ("2026-11", date(2026, 12, 1), [month(12)], "Period 2026-11 of gb01 is closed."),
    ("2026-11", None, [month(11), month(12, Status.ON_HOLD)], "Period 2026-11 of gb01 is on hold."),
    ("2026-10", date(2026, 11, 9), [month(10)], ""),
    ("", date(2030, 1, 1), [], "No period of the calendar of gb01 holds 2030-01-01."),
    ("", None, [], "No period of the calendar of gb01 holds the day on which it would be posted."),
])
def test_a_period_is_refused_where_the_day_is_or_where_no_day_of_it_is_taken(period: str, day: date | None, told: list[Told], says: str,
                                                                             ) -> None:
    assert why_refused(SHOP, told, period, day) == says


def test_what_the_profile_calls_closed_is_closed_whatever_the_books_say() -> None:
    ours = replace(SHOP, closed_periods=frozenset({"2026-10"}))

    assert why_refused(ours, [month(11, Status.OPEN)], "2026-10") == "Period 2026-10 of gb01 is closed."
    assert why_refused(ours, [], "2026-13") == "", "a period nobody knows is nobody's to close"


def test_the_next_period_that_takes_postings_is_found_over_those_that_do_not() -> None:
    assert opens(SHOP, [month(11), month(12)], "2026-09") == "2026-12", "some of its days are in January"
    assert opens(SHOP, [Told(first=date(2026, 10, 1), last=date.max, status=Status.CLOSED, shape=False)], "2026-09") == ""
    assert opens(SHOP, [], "2026-12") == opens(SHOP, [], "2025-01") == ""
    assert opens(entity(), [Told(first=date(2026, 10, 1), last=date.max, status=Status.CLOSED, shape=False)], "2026-09") == ""


def test_a_calendar_of_the_erp_that_is_another_one_is_found_and_a_range_of_dates_is_none() -> None:
    mine = [Told(first=each.first, last=each.last, status=Status.OPEN, name=each.name) for each in RETAIL.listed]

    assert [*apart(RETAIL, mine)] == []
    assert [*apart(RETAIL, [Told(first=date.min, last=date(2026, 3, 3), status=Status.CLOSED, shape=False)])] == []
    assert [*apart(RETAIL, [month(11), month(1), replace(month(11), name="")])] == [
        "M11 in the ERP is 2026-11-01 to 2026-11-30, and period 2026-10 of the profile's calendar is 2026-11-01 to 2026-11-28",
        "M1 in the ERP begins on 2026-01-01, and no period of the profile's calendar holds that day",
        ("the period from 2026-11-01 to 2026-11-30 in the ERP is 2026-11-01 to 2026-11-30, and period 2026-10 of the profile's calendar "
         "is 2026-11-01 to 2026-11-28")]


def test_the_end_of_a_calendar_is_said_two_months_before() -> None:
    last = RETAIL.listed[-1].last

    assert [*ending(RETAIL, last - timedelta(days=60))] == []
    assert [*ending(RETAIL, last - timedelta(days=59))] == [
        "the profile's calendar ends on 2027-01-30; nothing is posted on a day after that"]
    assert [*ending(entity().calendar, last)] == []


def test_what_the_books_said_is_kept_as_it_was() -> None:
    told = [month(10), month(11, Status.ON_HOLD, "sales"), replace(month(12), name="")]

    assert read(plain(told)) == told
    assert [str(each) for each in told] == ["M10 is closed", "M11 is on hold for sales", "2026-12-01 to 2026-12-31 is closed"]
    assert refusal(told, date(2026, 9, 1)) is None

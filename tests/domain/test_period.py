"""Windows and periods: month end, year end, zones and the days the clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st

from backhaul.domain.fiscal_calendar import MONTHS, Calendar, Weeks
from backhaul.domain.period import before_jobs, closes, cut_off, due_by, jobs_done, landing, leaves, predicted_posting, turn
from backhaul.domain.rules import Close, LegalEntity, Window
from backhaul.testing.builders import entity

LONDON, AUCKLAND = ZoneInfo("Europe/London"), ZoneInfo("Pacific/Auckland")
NIGHTLY = (time(1, 0), time(1, 30), time(2, 0))


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def shuts(window: Window, now: datetime, *, count: int = 1, oldest: datetime | None = None, last: datetime | None = None,
          whose: LegalEntity | None = None) -> bool:
    return closes(window, whose or entity(), oldest=oldest or now - timedelta(days=1), count=count, last=last, now=now)


@pytest.mark.parametrize(("now", "posted"), [
    (utc(2025, 12, 31, 0, 59), date(2025, 12, 31)), (utc(2025, 12, 31, 1, 0), date(2026, 1, 1)),
    (utc(2025, 12, 30, 18, 0), date(2025, 12, 31)), (utc(2026, 2, 28, 23, 0), date(2026, 3, 1)),
])
def test_what_is_sent_after_the_first_job_is_posted_the_next_day(now: datetime, posted: date) -> None:
    nightly = entity(job_times=NIGHTLY)

    assert predicted_posting(nightly, now) == posted
    assert jobs_done(nightly, now) == datetime.combine(posted, time(2, 30), tzinfo=UTC)


def test_without_jobs_the_erp_posts_at_once_on_the_entitys_own_day() -> None:
    now = utc(2025, 12, 31, 11, 30)

    assert predicted_posting(entity(), now) == date(2025, 12, 31)
    assert predicted_posting(entity(zone="Pacific/Auckland"), now) == date(2026, 1, 1)
    assert jobs_done(entity(), now) == now


@pytest.mark.parametrize("close", list(Close))
def test_an_empty_window_never_closes_and_a_full_one_always_does(close: Close) -> None:
    window, now = Window(close=close, cap=3), utc(2026, 3, 2, 0, 0)

    assert not shuts(window, now, count=0)
    assert shuts(window, now, count=3)


def test_in_real_time_every_return_travels_alone() -> None:
    assert shuts(Window(close=Close.AT_ONCE), utc(2026, 3, 2))


def test_an_interval_counts_from_the_oldest_return() -> None:
    window, now = Window(close=Close.EVERY, every=timedelta(minutes=15)), utc(2026, 3, 2, 12)

    assert not shuts(window, now, oldest=now - timedelta(minutes=14))
    assert shuts(window, now, oldest=now - timedelta(minutes=15))


DAILY = Window(close=Close.DAILY, at=time(18, 0))


@pytest.mark.parametrize(("now", "shut"), [
    (datetime(2026, 3, 2, 17, 59, tzinfo=LONDON), False), (datetime(2026, 3, 2, 18, 0, tzinfo=LONDON), True),
    (utc(2026, 7, 1, 16, 59), False), (utc(2026, 7, 1, 17, 0), True),
])
def test_a_daily_window_closes_at_the_entitys_own_time(now: datetime, shut: bool) -> None:  # noqa: FBT001
    window_before = now - timedelta(hours=23)

    assert shuts(DAILY, now, oldest=now - timedelta(hours=2), last=window_before) is shut


def test_a_daily_window_closes_once_a_day() -> None:
    cut = datetime(2026, 3, 2, 18, 0, tzinfo=LONDON)

    assert not shuts(DAILY, cut + timedelta(hours=1), oldest=cut - timedelta(hours=1), last=cut)


def test_what_becomes_due_after_the_daily_cut_waits_for_the_next() -> None:
    cut = datetime(2026, 3, 2, 18, 0, tzinfo=LONDON)
    due = cut + timedelta(minutes=5)

    assert not shuts(DAILY, cut + timedelta(hours=1), oldest=due, last=None)
    assert shuts(DAILY, cut + timedelta(days=1), oldest=due, last=None)


def test_a_daily_cut_that_nobody_was_awake_for_is_made_up_for_the_next_morning() -> None:
    cut = datetime(2026, 3, 2, 18, 0, tzinfo=LONDON)

    assert shuts(DAILY, cut + timedelta(hours=15), oldest=cut - timedelta(hours=3), last=cut - timedelta(days=1))
    assert not shuts(DAILY, cut + timedelta(hours=16), oldest=cut - timedelta(hours=3), last=cut + timedelta(hours=15))


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)])
def test_a_daily_window_closes_once_on_the_days_the_clocks_change(day: date) -> None:
    window = Window(close=Close.DAILY, at=time(1, 30))
    start, last, closed = datetime.combine(day, time(0, 0), tzinfo=LONDON).astimezone(UTC), None, 0

    for quarter in range(4 * 20):
        now = start + timedelta(minutes=15 * quarter)
        if shuts(window, now, oldest=start, last=last):
            last, closed = now, closed + 1

    assert closed == 1


PERIOD = Window(close=Close.PERIOD, at=time(18, 0), lead=timedelta(days=1))


@pytest.mark.parametrize(("now", "shut"), [
    (utc(2025, 12, 15, 12), False), (utc(2025, 12, 30, 17, 59), False), (utc(2025, 12, 30, 18, 0), True),
    (utc(2025, 12, 31, 0, 30), True), (utc(2025, 12, 31, 1, 0), False), (utc(2026, 1, 1, 0, 0), False),
    (utc(2026, 2, 27, 18, 0), True), (utc(2028, 2, 27, 18, 0), False), (utc(2028, 2, 28, 18, 0), True),
    (utc(2026, 7, 30, 17, 0), True), (utc(2026, 7, 30, 16, 59), False),
])
def test_the_periods_window_closes_the_day_before_its_end_so_that_the_jobs_post_inside_it(now: datetime, shut: bool) -> None:  # noqa: FBT001
    nightly = entity(job_times=NIGHTLY)

    assert shuts(PERIOD, now, whose=nightly) is shut
    assert not shut or MONTHS.period_of(predicted_posting(nightly, now)) == MONTHS.period_of(now.astimezone(LONDON).date())


@given(st.datetimes(min_value=datetime(2025, 11, 1), max_value=datetime(2027, 3, 1), timezones=st.just(UTC)),  # noqa: DTZ001  the zone is added
       st.sampled_from(["Europe/London", "Pacific/Auckland", "America/Los_Angeles"]))
@settings(derandomize=True, deadline=None, max_examples=150)
def test_no_period_window_ever_carries_into_the_next_period(now: datetime, zone: str) -> None:
    nightly = entity(job_times=NIGHTLY, zone=zone)
    here = now.astimezone(ZoneInfo(zone)).date()

    assert not shuts(PERIOD, now, whose=nightly) or MONTHS.period_of(predicted_posting(nightly, now)) == MONTHS.period_of(here)


RETAIL = Calendar(listed=Weeks(pattern="4-4-5", begins=date(2025, 2, 2), years=4, year=2025).periods)
WINDOWS = st.sampled_from([Window(close=close, at=time(18, 0)) for close in Close])


@given(st.datetimes(min_value=datetime(2025, 11, 1), max_value=datetime(2027, 3, 1), timezones=st.just(UTC)),  # noqa: DTZ001  the zone is added
       st.sampled_from(["Europe/London", "Pacific/Auckland"]), st.sampled_from([MONTHS, RETAIL]), st.sampled_from([(), NIGHTLY]),
       st.none() | st.times(), WINDOWS)
@settings(derandomize=True, deadline=None, max_examples=300)
def test_nothing_leaves_between_the_cut_off_of_a_period_and_its_turn(
    now: datetime, zone: str, calendar: Calendar, jobs: tuple[time, ...], off: time | None, window: Window,
) -> None:
    mine = entity(zone=zone, calendar=calendar, job_times=jobs, cut_off=off)
    period = calendar.period_of(predicted_posting(mine, now))

    assert cut_off(mine, period) <= turn(mine, period)
    assert leaves(mine, now) >= now
    assert (leaves(mine, now) > now) is (cut_off(mine, period) <= now)
    assert not shuts(window, now, whose=mine) or now < cut_off(mine, period)
    assert landing(mine, now) in calendar.span(calendar.period_of(landing(mine, now)))


def test_the_window_of_a_period_closes_before_its_cut_off_where_that_is_earlier() -> None:
    noon = entity(cut_offs={"2026-03": datetime(2026, 3, 20, 12)}, zone="UTC")  # noqa: DTZ001  by the entity's own clock

    assert not shuts(PERIOD, utc(2026, 3, 19, 11, 59), whose=noon)
    assert shuts(PERIOD, utc(2026, 3, 19, 12), whose=noon)
    assert not shuts(PERIOD, utc(2026, 3, 20, 12), whose=noon), "it is cut off"
    assert shuts(PERIOD, utc(2026, 4, 29, 18), whose=noon), "other periods end as ever"
    assert due_by(PERIOD, noon, utc(2026, 3, 21)) == date(2026, 4, 29)


def test_a_window_of_a_retailers_period_closes_before_the_end_of_its_fifth_week() -> None:
    shop = entity(calendar=RETAIL, zone="UTC")

    assert (RETAIL.first("2025-12"), RETAIL.last("2025-12")) == (date(2025, 12, 28), date(2026, 1, 31))
    assert not shuts(PERIOD, utc(2025, 12, 30, 18), whose=shop), "the month's end is nothing to it"
    assert shuts(PERIOD, utc(2026, 1, 30, 18), whose=shop)
    assert due_by(PERIOD, shop, utc(2025, 12, 29)) == date(2026, 1, 30)


def test_after_the_last_period_that_is_laid_out_a_periods_window_waits_for_none() -> None:
    shop = entity(calendar=Calendar(listed=RETAIL.listed[:12]), zone="UTC")

    assert shuts(PERIOD, utc(2026, 3, 2, 18), whose=shop)
    assert due_by(PERIOD, shop, utc(2026, 3, 1)) == date(2026, 3, 1)
    assert due_by(PERIOD, shop, utc(2026, 1, 31)) == date(2026, 1, 31)


def test_new_year_comes_first_in_auckland() -> None:
    new_year = datetime(2026, 1, 1, 0, 30, tzinfo=AUCKLAND)

    assert not shuts(PERIOD, new_year, whose=entity(zone="Pacific/Auckland"))
    assert shuts(PERIOD, new_year - timedelta(hours=1), whose=entity(zone="Pacific/Auckland"))


@pytest.mark.parametrize(("now", "look"), [
    (utc(2026, 3, 2, 0, 44), utc(2026, 3, 2, 0, 45)), (utc(2026, 3, 2, 0, 45), utc(2026, 3, 3, 0, 45)),
    (utc(2026, 3, 2, 12, 0), utc(2026, 3, 3, 0, 45))])
def test_what_people_did_is_looked_at_before_the_first_job_takes_it_further(now: datetime, look: datetime) -> None:
    assert before_jobs(entity(job_times=NIGHTLY), now) == look
    assert before_jobs(entity(), now) == now + timedelta(minutes=15)


@pytest.mark.parametrize(("window", "since", "due"), [
    (Window(close=Close.AT_ONCE), utc(2026, 3, 4, 12), date(2026, 3, 4)),
    (Window(close=Close.EVERY, every=timedelta(hours=18)), utc(2026, 3, 4, 12), date(2026, 3, 5)),
    (Window(close=Close.DAILY), utc(2026, 3, 4, 12), date(2026, 3, 4)),
    (Window(close=Close.DAILY), utc(2026, 3, 4, 19), date(2026, 3, 5)),
    (Window(close=Close.PERIOD), utc(2026, 3, 4, 12), date(2026, 3, 30)),
    (Window(close=Close.PERIOD), utc(2026, 3, 30, 19), date(2026, 4, 29)),
])
def test_what_is_due_is_posted_at_the_latest_when_its_window_has_closed(window: Window, since: datetime, due: date) -> None:
    assert due_by(window, entity(), since) == due


def test_a_window_that_closes_after_the_first_job_is_posted_the_next_day() -> None:
    assert due_by(Window(close=Close.DAILY), entity(job_times=NIGHTLY), utc(2026, 3, 4, 12)) == date(2026, 3, 5)

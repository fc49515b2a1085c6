"""Does what waits land in the period the ERP's jobs put it in?"""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest

from backhaul.domain.planner import Landing, Waiting, last_call, schedule
from backhaul.domain.rules import Close, Window
from backhaul.testing import builders

ENTITY = replace(builders.entity(), zone="Europe/London", job_times=(time(20, 0), time(22, 0)))
LAST = datetime(2026, 10, 31, tzinfo=UTC)
DAILY = Window(close=Close.DAILY, at=time(18, 0))


def landing(since: datetime, window: Window, now: datetime, *, batch: str = "", jobs: tuple[time, ...] = ENTITY.job_times) -> list[Landing]:
    waiting = Waiting(legal_entity=ENTITY.id, leg="", since=since, batch=batch, net=Decimal(5), currency="GBP")
    return [slot.landing for slot in schedule([(waiting, window)], replace(ENTITY, job_times=jobs), "2026-10", now)]


@pytest.mark.parametrize(("jobs", "expected"), [
    ((time(20, 0),), datetime(2026, 10, 31, 20, tzinfo=UTC)), ((), datetime(2026, 11, 1, 0, tzinfo=UTC))])
def test_the_last_call_is_before_the_first_job_of_the_last_day(jobs: tuple[time, ...], expected: datetime) -> None:
    assert last_call(replace(ENTITY, job_times=jobs), "2026-10") == expected


def test_a_batch_that_left_before_the_job_lands_in_and_one_after_it_does_not() -> None:
    assert landing(LAST.replace(hour=19), DAILY, LAST.replace(hour=21), batch="B1") == [Landing.IN]
    assert landing(LAST.replace(hour=20, minute=1), DAILY, LAST.replace(hour=21), batch="B2") == [Landing.AFTER]


def test_what_is_due_after_the_daily_cut_misses_the_period_unless_its_window_closes_sooner() -> None:
    assert landing(LAST.replace(hour=17), DAILY, LAST.replace(hour=17)) == [Landing.IN]
    assert landing(LAST.replace(hour=19), DAILY, LAST.replace(hour=19)) == [Landing.MISSES]
    assert landing(LAST.replace(hour=19), DAILY, LAST.replace(hour=20, minute=30)) == [Landing.AFTER]


def test_another_time_of_the_job_moves_the_batch_to_another_period() -> None:
    sent, now = LAST.replace(hour=19), LAST.replace(hour=19)

    assert landing(sent, DAILY, now, batch="B1") == [Landing.IN]
    assert landing(sent, DAILY, now, batch="B1", jobs=(time(6, 0),)) == [Landing.AFTER]


def test_what_waited_too_long_lands_with_the_next_job_and_rows_add_up() -> None:
    told = schedule([(Waiting(legal_entity=ENTITY.id, leg="", since=LAST - timedelta(days=days), net=Decimal(5), currency="GBP"), DAILY)
                     for days in (9, 8)], ENTITY, "2026-10", LAST.replace(hour=21))

    assert [(slot.lands_on, slot.period, slot.landing, slot.count, slot.net) for slot in told] == [
        (date(2026, 11, 1), "2026-11", Landing.AFTER, 2, Decimal(10))]


def test_moving_the_cut_off_moves_the_batches() -> None:
    waiting = [(Waiting(legal_entity=ENTITY.id, leg="", since=LAST.replace(hour=hour), net=Decimal(5), currency="GBP"),
                Window(close=Close.EVERY, every=timedelta(hours=1))) for hour in (9, 13)]
    earlier = replace(ENTITY, cut_off=time(12, 0))
    by_name = replace(earlier, cut_offs={"2026-10": datetime(2026, 10, 30, 17)})  # noqa: DTZ001  by the entity's own clock

    told = {name: [(slot.lands_on.isoformat(), slot.landing) for slot in schedule(waiting, entity, "2026-10", LAST.replace(hour=8))]
            for name, entity in (("none", ENTITY), ("noon", earlier), ("the day before", by_name))}

    assert told == {"none": [("2026-10-31", Landing.IN)],
                    "noon": [("2026-10-31", Landing.IN), ("2026-11-01", Landing.AFTER)],
                    "the day before": [("2026-11-01", Landing.AFTER)]}
    assert [last_call(entity, "2026-10") for entity in (ENTITY, earlier, by_name)] == [
        LAST.replace(hour=20), LAST.replace(hour=12), datetime(2026, 10, 30, 17, tzinfo=UTC)]


def test_a_batch_on_its_way_lands_by_the_job_that_finds_it_whatever_the_cut_off() -> None:
    sent = Waiting(legal_entity=ENTITY.id, leg="", since=LAST.replace(hour=13), batch="B1")

    (slot,) = schedule([(sent, DAILY)], replace(ENTITY, cut_off=time(12, 0)), "2026-10", LAST.replace(hour=14))

    assert (slot.lands_on, slot.landing) == (LAST.date(), Landing.IN)

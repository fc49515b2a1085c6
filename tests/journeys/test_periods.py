"""A window never crosses a period, and nothing moves to another one in silence."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from backhaul.application import resolve
from backhaul.domain.facts import Decision
from backhaul.domain.rules import Close, Window
from tests.journeys.stage import TENANT, World, life, line, open_world

LAST_OF_DECEMBER = datetime(2010, 12, 31, 9, tzinfo=UTC)


@pytest.fixture(params=[Close.PERIOD, Close.DAILY, Close.EVERY])
def world_at_the_end_of_december(erp: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=request.param))
    world.at = datetime(2010, 12, 28, 9, tzinfo=UTC)
    world.control("clock", {"now": world.at.isoformat()})
    yield world
    world.house.close()


@pytest.fixture
def daily(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY))
    yield world
    world.house.close()


def tell_one(world: World, ref: str) -> None:
    world.tell(*life(ref, [line("TEA", 1, "4.25", received=1, grades=[("A", "RESELL", 1, True)])], at=world.at - timedelta(hours=5)))


def test_what_is_sent_in_a_window_is_posted_in_its_period(world_at_the_end_of_december: World) -> None:
    world = world_at_the_end_of_december
    for day in range(8):
        tell_one(world, f"R-{day}")
        world.pass_evenings(1, turns=2)

    world.at = datetime(2011, 1, 29, 9, tzinfo=UTC)
    world.pass_evenings(3, turns=2)

    windows = {window.key: window for window in _windows(world)}
    notes = [row for row in world.postings() if row.posting.key.kind.value == "credit-note" and row.document]
    assert len(notes) == 8
    assert {window.period for window in windows.values()} == {"2010-12", "2011-01"}
    for row in notes:
        assert row.document is not None
        assert f"{row.document.posted_on:%Y-%m}" == windows[row.window].period
    assert [window.ledger["posted_in_another_period"] for window in windows.values() if window.ledger.get("count")] \
        == [[]] * sum(bool(window.ledger.get("count")) for window in windows.values())
    assert all(window.ledger["agrees"] for window in windows.values())


def _windows(world: World) -> list:  # type: ignore[type-arg]
    with world.house.store.begin() as tx:
        return list(tx.windows(TENANT, "gb01"))


def test_a_return_accepted_on_the_evening_of_the_last_day_belongs_to_the_next_period(daily: World) -> None:
    daily.at = LAST_OF_DECEMBER - timedelta(days=1)
    daily.control("clock", {"now": daily.at.isoformat()})
    tell_one(daily, "R-1")
    daily.turn()

    daily.pass_evenings(3, turns=2)

    (note,) = daily.ledgers["creditNotes"]
    assert [window.period for window in _windows(daily)] == ["2011-01"]
    assert note["date"].startswith("2011-01-01")


def test_a_closed_period_holds_the_line_and_its_opening_lets_it_go(daily: World) -> None:
    daily.ask_anew()
    daily.control("periods", {"month": "2010-12", "status": "closed"})
    tell_one(daily, "R-1")
    daily.turn()
    daily.pass_evenings(4, turns=2)
    held = (daily.credits, daily.exceptions(), daily.placed(), daily.rows("ReturnOrderHeadersV2"))

    daily.control("periods", {"month": "2010-12", "status": "open"})
    daily.pass_evenings(3, turns=2)

    assert held == ([], {"PERIOD_CLOSED": 1}, {"held": Decimal("-4.25")}, [])
    assert daily.credits == [("TEA", Decimal(1), Decimal("4.25"))]
    assert {note["date"][:7] for note in daily.ledgers["creditNotes"]} == {"2010-12"}
    assert daily.exceptions() == {}


def test_what_missed_its_closed_period_is_not_posted_in_the_next_one_until_two_people_agree(daily: World) -> None:
    daily.ask_anew()
    daily.control("periods", {"month": "2010-12", "status": "closed"})
    tell_one(daily, "R-1")
    daily.turn()
    daily.pass_evenings(36, turns=1)
    held = (daily.credits, daily.exceptions())

    with daily.house.store.begin() as tx:
        (row,) = tx.exceptions(TENANT)
    resolve.decide(daily.house.store, TENANT, row.id, Decision.WAIVE, actor="ann", approver="bob", reason="agreed with audit", now=daily.at)
    daily.pass_evenings(4, turns=2)

    assert held == ([], {"PERIOD_MISSED": 1})
    assert daily.credits == [("TEA", Decimal(1), Decimal("4.25"))]
    assert daily.exceptions() == {}


def test_a_period_that_closes_while_goods_are_under_way_makes_somebody_look(daily: World) -> None:
    tell_one(daily, "R-1")
    daily.turn()
    daily.pass_evenings(1, turns=1)
    daily.control("periods", {"month": "2010-12", "status": "closed"})

    daily.pass_evenings(5, turns=2)

    assert daily.credits == []
    assert daily.exceptions() == {"OVERDUE_IN_ERP": 1}


def test_turns_at_every_hour_of_the_last_days_cross_no_period(daily: World) -> None:
    for hour in range(24 * 4):
        daily.at = datetime.combine(datetime(2010, 12, 29).date(), time(0), tzinfo=UTC) + timedelta(hours=hour)  # noqa: DTZ001
        daily.control("clock", {"now": daily.at.isoformat()})
        if hour % 6 == 0:
            tell_one(daily, f"R-{hour}")
        daily.turn() if hour % 3 == 0 else None

    daily.pass_evenings(3, turns=1)

    periods = {window.key: window.period for window in _windows(daily)}
    for row in daily.postings():
        if row.posting.key.kind.value == "credit-note" and row.document:
            assert f"{row.document.posted_on:%Y-%m}" == periods[row.window]

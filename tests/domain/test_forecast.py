"""Does a forecast say what simulated teams really left open at the cut-off?"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from backhaul.domain.forecast import Item, outlook, paces

START = datetime(2026, 10, 1, tzinfo=UTC)
CUT_OFF = START + timedelta(days=30)


def item(day: float, team: str = "finance", cause: str = "PRICE_ABOVE_SOLD", amount: str = "10.00", closed: float | None = None) -> Item:
    return Item(team=team, cause=cause, currency="GBP", amount=Decimal(amount), opened_at=START + timedelta(days=day),
                closed_at=None if closed is None else START + timedelta(days=closed))


def lived(opened: int, a_day: int, until: int) -> list[Item]:
    """Simulate a team that has much to do from the first day and closes so many a day, the oldest first."""
    rows = [item(number / 1000, amount=str(number)) for number in range(opened)]
    return [replace(row, closed_at=START + timedelta(days=number // a_day + 1)) if number // a_day + 1 <= until else row
            for number, row in enumerate(rows)]


def left(items: Sequence[Item], now: datetime) -> list[tuple[int, Decimal]]:
    return [(each.left, each.left_amount) for each in outlook(items, now, {"gb01": CUT_OFF})]


@pytest.mark.parametrize(("opened", "a_day"), [(100, 2), (200, 5), (90, 3), (500, 7)])
def test_ten_days_before_the_cut_off_it_says_what_a_steady_team_will_leave(opened: int, a_day: int) -> None:
    really = [each for each in lived(opened, a_day, 30) if each.closed_at is None]

    told = left(lived(opened, a_day, 20), START + timedelta(days=20))

    assert told == ([(len(really), sum((each.amount for each in really), Decimal(0)))] if opened > 20 * a_day else [])


def test_a_team_that_closed_nothing_leaves_everything_and_others_do_not_help_it() -> None:
    items = [item(1), item(2, team="warehouse", cause="UNMAPPED_DISPOSITION"), *(item(3, closed=4 + day) for day in range(10))]

    told = outlook(items, START + timedelta(days=20), {"gb01": CUT_OFF})

    assert [(each.team, each.open, each.left) for each in told] == [("finance", 1, 0), ("warehouse", 1, 1)]


def test_the_oldest_is_closed_first_so_the_youngest_is_left_with_its_cause_and_value() -> None:
    items = [item(1, amount="5.00"), item(2, cause="TAX_DIFFERS", amount="80.00"), item(0, closed=18)]

    told = outlook(items, START + timedelta(days=20), {"gb01": START + timedelta(days=40)})

    assert [(each.cause, each.amount, each.left_amount) for each in told] == [
        ("PRICE_ABOVE_SOLD", Decimal("5.00"), Decimal(0)), ("TAX_DIFFERS", Decimal("80.00"), Decimal("80.00"))]


def test_after_the_cut_off_what_is_open_is_left() -> None:
    items = [item(1), *(item(3, closed=4) for _ in range(9))]

    assert left(items, CUT_OFF + timedelta(days=3)) == [(1, Decimal("10.00"))]


def test_a_pace_is_of_the_last_four_weeks_and_never_of_less_than_a_day() -> None:
    old = [item(-90, closed=-80), item(1, closed=10)]

    assert [(each.closed, each.days) for each in paces(old, START + timedelta(days=20)).values()] == [(1, Decimal(28))]
    assert [each.a_day for each in paces([item(1, closed=1)], START + timedelta(days=1)).values()] == [Decimal(1)]
    assert outlook([], START, {"gb01": CUT_OFF}) == ()


def test_each_legal_entity_is_wanted_at_its_own_cut_off_and_what_belongs_to_none_at_the_earliest() -> None:
    closed = [item(0, closed=day) for day in range(1, 11)]
    items = [*closed, *(replace(item(11), legal_entity=entity) for entity in ("", "gb01", "ie01"))]

    told = outlook(items, START + timedelta(days=20), {"gb01": START + timedelta(days=20), "ie01": START + timedelta(days=30)})

    assert [(each.legal_entity, each.left) for each in told] == [("", 1), ("gb01", 1), ("ie01", 0)]

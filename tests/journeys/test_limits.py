"""Many small credits add up: above what a customer or a day may get without a person, the next one waits for two people."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from backhaul.application import resolve
from backhaul.domain.facts import Decision
from backhaul.domain.rules import Close, Limits, Window
from tests.journeys.stage import DAILY, TENANT, World, life, line, open_world


@pytest.fixture(params=["finance-scm", "business-central"])
def daily(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Give the small world on either ERP."""
    central = request.param == "business-central"
    erp = request.getfixturevalue("central_erp" if central else "erp")
    world = open_world(erp, f"sqlite:///{tmp_path / 'daily.sqlite'}", window=DAILY, mode="C" if central else "A", kind=request.param)
    yield world
    world.house.close()


def comes_back(world: World, *refs: str, customer: str = "10001") -> None:
    """Tell of returns of one tea each."""
    for ref in refs:
        world.tell(*life(ref, [line("TEA", 1, "4.25", received=1, grades=[("A", "RESELL", 1, True)])], at=world.at, customer=customer))


def waiting(world: World) -> list[str]:
    with world.house.store.begin() as tx:
        return [row.case.findings[0].sentence for row in tx.exceptions(TENANT) if row.case.kind == "CREDIT_ABOVE_LIMIT"]


@pytest.mark.parametrize(("limits", "says"), [
    (Limits(customer_day=Decimal("8.50")), "4.25 on top of 8.50 GBP to 10001 within a day; up to 8.50 goes out without a person."),
    (Limits(day=Decimal(9)), "4.25 on top of 8.50 GBP in gb01 within a day; up to 9 goes out without a person."),
    (Limits(order=Decimal(9)), "4.25 on top of 8.50 GBP of order 500001; up to 9 goes out without a person."),
])
def test_of_many_small_credits_in_one_window_those_above_the_limit_wait_and_two_people_let_them_go(
        daily: World, limits: Limits, says: str) -> None:
    daily.change_rules(limits=limits)
    comes_back(daily, "R-1", "R-2", "R-3")
    daily.pass_days(2)
    held = waiting(daily)
    with daily.house.store.begin() as tx:
        number = next(row.id for row in tx.exceptions(TENANT) if row.case.kind == "CREDIT_ABOVE_LIMIT")

    resolve.decide(daily.house.store, TENANT, number, Decision.WAIVE, actor="ann", approver="bob", reason="all fine", now=daily.at)
    daily.pass_days(4)

    assert held == [says]
    assert [net for _, _, net in daily.credits] == [Decimal("4.25")] * 3
    assert waiting(daily) == []


def test_credits_of_several_windows_of_a_day_add_up_and_those_of_the_day_before_do_not(daily: World) -> None:
    daily.change_rules(limits=Limits(customer_day=Decimal("8.50")))
    comes_back(daily, "R-1", "R-2")
    daily.pass_days(2)
    first = waiting(daily)
    daily.change_rules(window=Window(close=Close.AT_ONCE))
    comes_back(daily, "R-3")
    daily.later(60)
    same_day = waiting(daily)
    daily.pass_days(4)

    assert first == []
    assert same_day == ["4.25 on top of 8.50 GBP to 10001 within a day; up to 8.50 goes out without a person."]
    assert waiting(daily) == []
    assert [net for _, _, net in daily.credits] == [Decimal("4.25")] * 3

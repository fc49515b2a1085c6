"""The platform has a value wrong: two people correct it, the return goes on, and nobody is credited twice for it."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.application import correct
from backhaul.application.ports import KeptException
from backhaul.domain.facts import Correctable, Corrected
from tests.journeys.stage import DAILY, TENANT, World, life, line, message, open_world
from tests.journeys.test_kinds_goods_parts import gained, stock


@pytest.fixture(params=["finance-scm", "business-central"])
def daily(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Give the small world on either ERP."""
    central = request.param == "business-central"
    erp = request.getfixturevalue("central_erp" if central else "erp")
    world = open_world(erp, f"sqlite:///{tmp_path / 'daily.sqlite'}", window=DAILY, mode="C" if central else "A", kind=request.param)
    yield world
    world.house.close()


def trouble(world: World, kind: str) -> KeptException:
    with world.house.store.begin() as tx:
        return next(row for row in tx.exceptions(TENANT) if row.case.kind == kind)


def say(world: World, kind: str, what: str, value: str, **more: Any) -> None:
    """Correct a value for an exception of a kind, as Ann proposes and Bob approves."""
    number = trouble(world, kind).id
    with world.house.store.begin() as tx:
        content = correct.content_of(tx, TENANT, number, what=what, value=value, **more)
    correct.correct(world.house.store, world.house.profiles[TENANT].rules, content, actor="ann", approver="bob", reason="the slip",
                    now=world.at)


def good(sku: str, quantity: int, price: str, **more: Any) -> dict[str, Any]:
    return line(sku, quantity, price, received=quantity, grades=[("A", "RESELL", quantity, True)], **more)


@pytest.mark.parametrize(("told", "customer", "kind", "what", "value"), [
    (good("TEE", 2, "4.25"), "10001", "SKU_UNKNOWN", "sku", "TEA"),
    (good("TEA", 2, "4.25", order="599999"), "10001", "ORDER_UNKNOWN", "order", "500001"),
    (good("TEA", 2, "9.99"), "10001", "PRICE_ABOVE_SOLD", "unit-price", "4.25"),
    (good("TEA", 2, "4.25"), "19999", "CUSTOMER_UNKNOWN", "customer", "10001"),
])
def test_a_value_the_platform_has_wrong_is_corrected_and_the_return_is_credited_once(
        daily: World, told: dict[str, Any], customer: str, kind: str, what: str, value: str) -> None:
    daily.tell(*life("R-1", [told], at=daily.at, customer=customer))
    daily.pass_days(2)
    before = daily.credits
    assert kind in daily.exceptions()

    say(daily, kind, what, value)
    daily.pass_days(4)

    assert before == []
    assert daily.credits == [("TEA", 2, Decimal("8.50"))]
    assert daily.exceptions() == {}, "it closed itself"
    assert daily.state("R-1") == "settled"


def test_the_platform_mends_it_as_well_and_the_customer_is_still_credited_once(daily: World) -> None:
    daily.tell(*life("R-1", [good("TEE", 2, "4.25")], at=daily.at))
    daily.pass_days(2)
    say(daily, "SKU_UNKNOWN", "sku", "TEA")
    daily.pass_days(4)

    daily.tell(message("R-1", "ReturnCompleted", 9, [good("TEA", 2, "4.25")], at=daily.at))
    daily.pass_days(3)

    assert daily.credits == [("TEA", 2, Decimal("8.50"))]
    assert daily.exceptions() == {}


@pytest.mark.parametrize(("what", "told", "value", "back"), [
    ("unit-price", "4.25", "2", "4.25"), ("order", "500001", "500002", "500001"), ("sku", "TEE", "CUP", "TEA")])
def test_a_correction_after_the_credit_is_a_persons_work_and_no_second_credit(
        daily: World, what: str, told: str, value: str, back: str) -> None:
    daily.tell(*life("R-1", [good("TEE", 2, "4.25")], at=daily.at))
    daily.pass_days(2)
    say(daily, "SKU_UNKNOWN", "sku", "TEA")
    daily.pass_days(4)
    once = daily.credits

    with daily.house.store.begin() as tx:  # as one that was approved in the moment in which the documents were fixed
        tx.add_facts(TENANT, [Corrected(return_ref="R-1", at=daily.at, what=Correctable(what), line_id="TEE#1", told=told, value=value,
                                        actor="ann", approver="bob", reason="late")])
    daily.pass_days(3)
    late = daily.exceptions()
    say(daily, "CHANGED_AFTER_POSTING", what, back)
    daily.pass_days(2)

    assert daily.credits == once == [("TEA", 2, Decimal("8.50"))]
    assert late == {"CHANGED_AFTER_POSTING": 1}
    assert daily.exceptions() == {}, "taken back"


@pytest.mark.parametrize("daily", ["finance-scm"], indirect=True)
def test_a_grade_corrected_after_the_credit_moves_the_goods_once_and_the_credit_stands(daily: World) -> None:
    daily.tell(*life("R-1", [good("TEA", 2, "4.25")], at=daily.at))
    daily.pass_days(4)
    before = stock(daily)

    with daily.house.store.begin() as tx:  # as ones that were approved in the moment in which the documents were fixed
        tx.add_facts(TENANT, [
            Corrected(return_ref="R-1", at=daily.at, what=what, line_id="TEA#1", told=told, value=value, actor="ann", approver="bob",
                      reason="late")
            for what, told, value in ((Correctable.CONDITION, "A", "C"), (Correctable.DISPOSITION, "RESELL", "QUARANTINE"))])
    daily.pass_days(4)

    assert daily.credits == [("TEA", 2, Decimal("8.50"))]
    assert gained(daily, before) == {"TEA GB-DC-01 QUAR": 2}
    assert (before["TEA GB-DC-01 SALE"], stock(daily).get("TEA GB-DC-01 SALE", 0)) == (2, 0)
    assert daily.exceptions() == {"REGRADED": 1}

"""An exchange: the platform sends the other goods, what came back is credited as usual, and the ERP makes no order of its own."""

from dataclasses import replace
from decimal import Decimal

import pytest

from backhaul.bootstrap import connect
from backhaul.domain.rules import Close, Effect, FeeRule, Window
from backhaul.entrypoints.story import trace
from tests.journeys.stage import TENANT, World, life, line

REPLACING = {"dataAreaId": "gb01", "DispositionCode": "ZREPLACE", "DispositionAction": "ReplaceCredit", "DispositionDescription": "Replace"}


def swap(world: World, **more: object) -> None:
    messages = life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])], at=world.at)
    for message in messages:
        message["return"] |= {"exchange": {"orderNumber": "ZZ-SWAP-77", "difference": "3.10"}} | more
    world.tell(*messages)


@pytest.fixture(autouse=True)
def daily(world: World) -> None:
    world.change_rules(window=Window(close=Close.DAILY))


def orders(world: World) -> int:
    return len(world.rows("SalesOrderHeadersV2"))


def test_the_goods_are_credited_and_no_replacement_order_is_made(world: World) -> None:
    before = orders(world)
    swap(world)

    world.pass_days(6)

    assert world.credits == [("TEA", 2, Decimal("8.50"))]
    assert orders(world) == before
    assert {row["IsReplacementSalesOrderCreated"] for row in world.rows("ReturnOrderHeadersV2")} <= {"No", ""}
    told = trace(world.house, TENANT, "R-1") or {}
    assert told["exchange"] == {"order": "ZZ-SWAP-77", "difference": "3.10"}
    assert any("exchanged by the platform's order ZZ-SWAP-77, difference 3.10 GBP" in fact["says"] for fact in told["facts"])
    assert (world.exceptions(), world.state("R-1"), world.ledgers["balanced"]) == ({}, "settled", True)


def test_what_was_paid_on_top_is_booked_where_the_profile_says(world: World) -> None:
    world.change_rules(fees={**world.house.profiles[TENANT].rules.fees, "UPCHARGE": FeeRule(effect=Effect.PREPAID)})
    swap(world, fees=[{"code": "UPCHARGE", "amount": "3.10"}])

    world.pass_days(6)

    assert world.credits == [("TEA", 2, Decimal("8.50"))], "the upcharge was taken before and is never deducted from the credit"


def test_a_code_that_makes_a_replacement_order_is_refused_at_start_and_by_the_judge(world: World) -> None:
    world.control("seed", {"settings": {}, "rows": {"ReturnDispositionCodes": [REPLACING]}})
    rules = world.house.profiles[TENANT].rules
    world.change_rules(mapping=[replace(row, erp_disposition="ZREPLACE") if row.when.disposition == "RESELL" else row
                                for row in rules.mapping])
    before = orders(world)
    profile = world.house.profiles[TENANT]
    swap(world)

    probed = connect(profile, "gb01").capabilities()
    world.pass_days(6)

    assert any("'ZREPLACE' does, and the platform owns exchanges" in need for need in probed.missing)
    assert (world.credits, world.exceptions()) == ([], {"REPLACEMENT_ORDER": 1})
    assert orders(world) == before


def test_the_emulated_erp_would_have_made_one(world: World) -> None:
    world.control("seed", {"settings": {}, "rows": {"ReturnDispositionCodes": [{**REPLACING, "DispositionCode": "ZCREDIT"}]}})
    world.ask_anew()
    desk = world.house.desk(TENANT, "gb01")
    blind = type("Blind", (), {"__getattr__": lambda _, name: getattr(desk.erp, name),
                               "master_data": lambda _, asked: replace(desk.erp.master_data(asked), replacing=frozenset())})()
    world.house.adopt(replace(desk, erp=blind))
    before = orders(world)
    swap(world)

    world.pass_days(6)

    assert orders(world) == before + 1, "a mapping nobody checks makes a second replacement"

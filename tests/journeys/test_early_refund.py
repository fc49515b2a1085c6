"""Paid at first scan: no credit until the goods are accepted, an open side with its age, and an account at zero when it is over."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.application import resolve
from backhaul.domain.facts import Decision
from backhaul.domain.rules import Booking, Close, Window
from backhaul.entrypoints.story import payments
from tests.journeys.stage import TENANT, World, life, line, message, open_world

GOODS = line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])
CLEARING, CUSTOMERS, LOSS = "202900", "130100", "604900"


@pytest.fixture(params=[Booking.CLEARING, Booking.CUSTOMER])
def shop(request: Any, erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY))
    entity = replace(world.house.desk(TENANT, "gb01").entity, refund_booking=request.param)
    world.change_rules(entities=(entity,))
    world.house.adopt(replace(world.house.desk(TENANT, "gb01"), entity=entity))
    yield world
    world.house.close()


def booking(world: World) -> str:
    return str(world.house.profiles[TENANT].rules.entities[0].refund_booking.value)


def pay_at_first_scan(world: World, amount: str = "10.20") -> None:
    """Announce two teas, scan them, and pay; the shop tells us, its payment process tells the ERP."""
    bare = GOODS | {"quantityReceived": None, "grades": None}
    refund = {"amount": amount, "currency": "GBP", "reference": "PAY-1", "paidAt": world.at.strftime("%Y-%m-%dT%H:%M:%SZ")}
    told = message("R-1", "RefundIssued", 2, [bare], at=world.at + timedelta(hours=1))
    told["return"]["refund"] = refund
    world.tell(message("R-1", "ReturnCreated", 1, [bare], at=world.at), told)
    world.control("payouts", {"payouts": [{"legalEntity": "gb01", "customer": "10001", "amount": amount, "currency": "GBP",
                                           "reference": "PAY-1", "date": "2010-12-01", "booking": booking(world)}]})


def moved(world: World, before: dict[str, Any]) -> dict[str, Decimal]:
    """Give what changed on clearing, customers and losses since."""
    now = world.ledgers["trialBalance"]
    return {name: change for name in (CLEARING, CUSTOMERS, LOSS)
            if (change := Decimal(str(now.get(name, 0))) - Decimal(str(before.get(name, 0))))}


def clerk(world: World) -> None:
    """Let somebody book in the ERP what is proposed."""
    for payment in payments(world.house, TENANT, world.at):
        for each in payment["settlements"]:
            what = {"legalEntity": "gb01", "payout": payment["reference"], "amount": each["amount"]}
            world.control("settlements", what | {"creditNote": each["document"]})


def test_it_is_open_with_amount_and_age_until_the_goods_are_credited_and_then_the_account_is_at_zero(shop: World) -> None:
    before = dict(shop.ledgers["trialBalance"])
    pay_at_first_scan(shop)
    shop.pass_days(9)

    (open_one,) = payments(shop.house, TENANT, shop.at)
    assert (open_one["return"], open_one["open"], open_one["days"], open_one["booking"]) == ("R-1", "10.20", 9, booking(shop))
    assert moved(shop, before) == {CLEARING if booking(shop) == "clearing" else CUSTOMERS: Decimal("10.20")}
    assert (shop.credits, shop.exceptions()) == ([], {})
    shop.tell(*life("R-1", [GOODS], at=shop.at)[1:])
    shop.pass_days(5)
    (answered,) = payments(shop.house, TENANT, shop.at)
    assert (answered["open"], [each["amount"] for each in answered["settlements"]]) == ("0.00", ["10.20"])
    assert moved(shop, before) == ({CLEARING: Decimal("10.20"), CUSTOMERS: Decimal("-10.20")} if booking(shop) == "clearing" else {})

    clerk(shop)

    assert moved(shop, before) == {}, "customer and clearing are where they were"
    assert shop.credits == [("TEA", 2, Decimal("8.50"))]
    assert (shop.exceptions(), shop.ledgers["balanced"]) == ({}, True)


def test_what_never_arrives_is_owned_after_its_deadline_and_written_off_with_approval(shop: World) -> None:
    before = dict(shop.ledgers["trialBalance"])
    pay_at_first_scan(shop)
    shop.pass_days(30)
    assert shop.exceptions() == {}
    shop.pass_days(32)

    (row,) = shop.open()
    assert row.case.kind == "PAID_NOT_ARRIVED"
    clerk(shop)
    assert sum(moved(shop, before).values()) == Decimal("10.20"), "nothing is written off before two people said so"
    resolve.decide(shop.house.store, TENANT, row.id, Decision.CLOSE, actor="ann", approver="bob", reason="lost, no claim", now=shop.at)
    shop.turn()
    (given_up,) = payments(shop.house, TENANT, shop.at)
    assert (given_up["open"], given_up["settlements"]) == ("0.00", [{"document": "", "amount": "10.20"}])
    clerk(shop)

    assert moved(shop, before) == {LOSS: Decimal("10.20")}
    assert (shop.credits, shop.exceptions(), shop.state("R-1"), shop.ledgers["balanced"]) == ([], {}, "closed", True)


def test_what_was_paid_beyond_the_credit_stays_open(shop: World) -> None:
    pay_at_first_scan(shop, "12.00")
    shop.tell(*life("R-1", [GOODS], at=shop.at)[1:])

    shop.pass_days(6)

    (payment,) = payments(shop.house, TENANT, shop.at)
    assert (payment["paid"], payment["open"]) == ("12.00", "1.80")

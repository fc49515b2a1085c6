"""Credit without goods, and goods without credit: kept, lost on the way, or sent back to the customer."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.application import resolve
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.facts import Decision
from backhaul.domain.rules import Close, Window
from tests.journeys.stage import TENANT, World, life, line, message, open_world
from tests.journeys.test_kinds_goods_parts import bare, gained, good, money, parcel, stock


@pytest.fixture
def daily(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY))
    yield world
    world.house.close()


def claim(world: World, *, approver: str = "ben") -> None:
    resolve.decide(world.house.store, TENANT, world.open()[0].id, Decision.CLAIM, actor="ada", approver=approver,
                   reason="carrier agreed, claim 4711", now=world.at)


def lose(world: World, told: dict[str, Any]) -> None:
    for number, kind in enumerate(("ReturnCreated", "CarrierFirstScan", "ParcelLost"), start=1):
        world.tell(message("R-1", kind, number, [bare(told)], at=world.at))
    world.pass_evenings(2, turns=2)


def test_what_the_customer_keeps_is_credited_and_moves_no_stock(daily: World) -> None:
    before = stock(daily)
    daily.tell(*life("R-1", [line("TEA", 2, "4.25", grades=[("NONE", "KEEP", 2, True)])], at=daily.at))

    daily.pass_evenings(3, turns=2)

    assert money(daily) == [("TEA", 2, "8.50")]
    assert (gained(daily, before), daily.ledgers["unitsReceived"]) == ({}, 0)
    assert daily.placed() == {"credited_without_goods": Decimal("-8.50")}


def test_a_lost_parcel_is_credited_without_goods_when_two_people_claim_it_and_not_before(daily: World) -> None:
    before = stock(daily)
    lose(daily, good("TEA", 2, "4.25"))
    held = (daily.exceptions(), daily.placed(), daily.credits)

    with pytest.raises(NeedsOperator, match="somebody other"):
        claim(daily, approver="Ada")
    claim(daily)
    daily.pass_evenings(3, turns=2)

    assert held == ({"PARCEL_LOST": 1}, {"held": Decimal("-8.50")}, [])
    assert money(daily) == [("TEA", 2, "8.50")]
    assert (gained(daily, before), daily.ledgers["unitsReceived"]) == ({}, 0)
    assert (daily.state("R-1"), daily.exceptions()) == ("settled", {})
    assert daily.placed() == {"credited_without_goods": Decimal("-8.50")}


def test_a_parcel_that_is_found_after_its_credit_is_not_credited_again_and_somebody_is_told(daily: World) -> None:
    told = good("TEA", 2, "4.25")
    lose(daily, told)
    claim(daily)
    daily.pass_evenings(3, turns=2)

    daily.tell(message("R-1", "ParcelReceived", 4, [told | {"grades": None}], at=daily.at),
               message("R-1", "ReturnInspected", 5, [told], at=daily.at))
    daily.pass_evenings(3, turns=2)

    assert money(daily) == [("TEA", 2, "8.50")]
    assert daily.exceptions() == {"GRADE_CHANGED_AFTER_POSTING": 1}


def test_of_two_parcels_the_one_that_came_is_credited_with_goods_and_the_lost_one_by_claim(daily: World) -> None:
    before, whole, one = stock(daily), good("TEA", 5, "4.25"), good("TEA", 2, "4.25", of=5)
    daily.tell(message("R-1", "ReturnCreated", 1, [bare(whole)], at=daily.at),
               parcel("P-1", message("R-1", "ReturnInspected", 2, [one], at=daily.at)),
               parcel("P-2", message("R-1", "ParcelLost", 3, [bare(whole)], at=daily.at)))
    daily.pass_evenings(2, turns=2)

    claim(daily)
    daily.pass_evenings(3, turns=2)

    assert money(daily) == [("TEA", 2, "8.50"), ("TEA", 3, "12.75")]
    assert gained(daily, before) == {"TEA GB-DC-01 SALE": 2}
    assert daily.placed() == {"credited_restocked": Decimal("-8.50"), "credited_without_goods": Decimal("-12.75")}


def test_goods_paid_for_that_never_came_can_be_claimed_and_an_empty_box_too(daily: World) -> None:
    paid = message("R-1", "RefundIssued", 2, [bare(good("TEA", 2, "4.25"))], at=daily.at)
    paid["return"]["refund"] = {"amount": "10.20", "currency": "GBP", "reference": "PAY-1", "paidAt": "2010-12-01T10:00:00Z"}
    daily.tell(message("R-1", "ReturnCreated", 1, [bare(good("TEA", 2, "4.25"))], at=daily.at), paid)
    daily.turn()
    daily.at += timedelta(days=61)
    daily.pass_evenings(1, turns=1)
    claim(daily)
    daily.tell(*life("R-2", [line("CUP", 1, "2.95", received=1, grades=[("A", "EMPTY", 1, False)])], at=daily.at))
    daily.pass_evenings(3, turns=2)

    claim(daily)
    daily.pass_evenings(3, turns=2)

    assert money(daily) == [("CUP", 1, "2.95"), ("TEA", 2, "8.50")]
    assert daily.exceptions() == {}
    assert daily.ledgers["unitsReceived"] == 0


def test_a_platform_that_says_lost_by_itself_credits_nothing_and_what_was_not_lost_cannot_be_claimed(daily: World) -> None:
    daily.tell(*life("R-1", [line("TEA", 2, "4.25", grades=[("NONE", "LOST", 2, True)])], at=daily.at))
    daily.pass_evenings(3, turns=2)

    with pytest.raises(NeedsOperator, match="nothing that was lost"):
        claim(daily)

    assert daily.credits == []
    assert daily.exceptions() == {"UNMAPPED_DISPOSITION": 1}


@pytest.mark.parametrize("accepted", ["accepted", "rejected"])
def test_what_is_sent_back_to_the_customer_comes_in_and_goes_out_and_is_not_credited(daily: World, accepted: str) -> None:
    before = stock(daily)
    daily.tell(*life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("D", "SHIPBACK", 2, accepted == "accepted")]),
                             good("CUP", 1, "2.95")], at=daily.at))

    daily.pass_evenings(4, turns=2)

    moves = sorted(row["Qty"] for row in daily.rows("InventTransBiEntities") if (row["ItemId"], row["WMSLocationId"]) == ("TEA", "RETDOCK"))
    assert moves == [-2, 2]
    assert money(daily) == [("CUP", 1, "2.95")]
    assert gained(daily, before) == {"CUP GB-DC-01 SALE": 1}
    assert daily.placed() == {"credited_restocked": Decimal("-2.95"), "rejected": Decimal("-8.50")}
    assert (daily.state("R-1"), daily.exceptions()) == ("settled", {})
    assert daily.ledgers["balanced"]


def test_rejected_goods_make_no_document_unless_a_row_says_how_they_go_back(daily: World) -> None:
    daily.tell(*life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("D", "SCRAP", 2, False)])], at=daily.at))

    daily.pass_evenings(3, turns=2)

    assert (daily.credits, daily.ledgers["unitsReceived"], daily.state("R-1")) == ([], 0, "closed")

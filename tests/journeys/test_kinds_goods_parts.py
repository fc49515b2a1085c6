"""Goods that come in parts: of a line, of an order, of a return, in one parcel or several, and more or fewer than announced."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.application import resolve
from backhaul.domain.facts import Decision
from backhaul.domain.rules import Close, Window
from tests.journeys.stage import TENANT, World, life, line, message, open_world, sold

GOOD = ("A", "RESELL")


@pytest.fixture
def daily(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY))
    yield world
    world.house.close()


def good(sku: str, units: int, price: str, *, of: int | None = None, **more: Any) -> dict[str, Any]:
    """Write a line of which so many units came back as they were sold."""
    return line(sku, of or units, price, received=units, grades=[(*GOOD, units, True)], **more)


def bare(told: dict[str, Any]) -> dict[str, Any]:
    """Write the line as it was announced."""
    return told | {"quantityReceived": None, "grades": None}


def parcel(name: str, told: dict[str, Any]) -> dict[str, Any]:
    """Say which parcel a message is about."""
    return told | {"return": told["return"] | {"parcelId": name}}


def money(world: World) -> list[tuple[str, int, str]]:
    return [(item, int(units), f"{net:.2f}") for item, units, net in world.credits]


def stock(world: World) -> dict[str, int]:
    """Give what stands where, of the places goods come back to."""
    return {place.replace("|S1|", " ").replace("|", " "): int(units) for place, units in world.ledgers["stock"].items()}


def gained(world: World, before: dict[str, int]) -> dict[str, int]:
    return {place: units - before.get(place, 0) for place, units in stock(world).items() if units != before.get(place, 0)}


# --- partial, and partial again -----------------------------------------------------------------------


def test_two_returns_of_one_order_line_are_two_credits_and_a_third_stops_at_what_was_sold(daily: World) -> None:
    before = stock(daily)
    for number, units in enumerate((4, 3, 4), start=1):
        daily.tell(*life(f"R-{number}", [good("TEA", units, "4.25")], at=daily.at))
        daily.pass_evenings(3, turns=2)

    assert money(daily) == [("TEA", 3, "12.75"), ("TEA", 4, "17.00")]
    assert gained(daily, before) == {"TEA GB-DC-01 SALE": 7}
    assert daily.exceptions() == {"QUANTITY_ABOVE_SOLD": 1}
    assert daily.placed() == {"credited_restocked": Decimal("-29.75"), "held": Decimal("-17.00")}
    assert daily.ledgers["balanced"]


def test_one_return_that_is_inspected_in_two_steps_is_credited_twice_for_two_halves(daily: World) -> None:
    before = stock(daily)
    half, whole = good("TEA", 2, "4.25", of=4) | {"quantityReceived": 4}, good("TEA", 4, "4.25")
    daily.tell(message("R-1", "ReturnCreated", 1, [bare(whole)], at=daily.at), message("R-1", "ReturnInspected", 2, [half], at=daily.at))
    daily.pass_evenings(3, turns=2)
    first = money(daily)

    daily.tell(message("R-1", "ReturnInspected", 3, [whole], at=daily.at))
    daily.tell(message("R-1", "ReturnCompleted", 4, [whole], at=daily.at))
    daily.pass_evenings(3, turns=2)

    assert first == [("TEA", 2, "8.50")]
    assert money(daily) == [("TEA", 2, "8.50")] * 2
    assert gained(daily, before) == {"TEA GB-DC-01 SALE": 4}
    assert len(daily.rows("ReturnOrderHeadersV2")) == 1
    assert (daily.state("R-1"), daily.exceptions()) == ("settled", {})


# --- fewer and more -----------------------------------------------------------------------------------


def test_of_fewer_units_the_rest_waits_as_expected_and_is_closed_after_its_deadline(daily: World) -> None:
    before = stock(daily)
    daily.tell(*life("R-1", [good("TEA", 1, "4.25", of=3)], at=daily.at))
    daily.pass_evenings(3, turns=2)
    waiting = (daily.state("R-1"), daily.placed())
    expected = sorted((row["ReturnStatus"], row["ReturnSalesQuantity"]) for row in daily.rows("ReturnOrderLinesV2"))

    daily.at += timedelta(days=60)
    daily.pass_evenings(1, turns=1)

    assert waiting == ("waiting", {"credited_restocked": Decimal("-4.25"), "waiting": Decimal("-8.50")})
    assert expected == [("Awaiting", -2), ("Invoiced", -1)]
    assert (daily.state("R-1"), daily.placed()) == ("settled", {"credited_restocked": Decimal("-4.25"), "rejected": Decimal("-8.50")})
    assert gained(daily, before) == {"TEA GB-DC-01 SALE": 1}


def test_what_two_people_said_about_a_surplus_holds_for_what_they_saw_and_not_for_more(daily: World) -> None:
    more = good("TEA", 2, "4.25") | {"quantityReceived": 3}
    daily.tell(*life("R-1", [more], at=daily.at))
    daily.pass_evenings(3, turns=2)
    resolve.decide(daily.house.store, TENANT, daily.open()[0].id, Decision.WAIVE, actor="ann", approver="bob", reason="ours to keep",
                   now=daily.at)
    daily.pass_evenings(1, turns=1)
    agreed = daily.exceptions()

    daily.tell(message("R-1", "ParcelReceived", 9, [more | {"quantityReceived": 5, "grades": None}], at=daily.at))
    daily.pass_evenings(3, turns=2)

    assert agreed == {}
    assert daily.exceptions() == {"SURPLUS": 1}
    assert stock(daily)["TEA GB-DC-01 QUAR"] == 3, "all of it is stock, nobody is credited for it"
    assert money(daily) == [("TEA", 2, "8.50")]


# --- an order older than the ERP's data ------------------------------------------------------------------


@pytest.fixture
def vase(daily: World, erp: str, tmp_path: Path) -> World:
    sold(erp, tmp_path / "dear", ("500009", "VASE", 9, "20.00"))
    return daily


def old(order: str, day: str | None) -> dict[str, Any]:
    return good("VASE", 1, "20.00", order=order) | ({"orderedOn": day} if day else {})


def test_goods_of_an_order_the_erp_never_had_are_credited_by_the_policy_as_reference_or_day_tell(vase: World) -> None:
    history = vase.house.profiles[TENANT].rules.history
    assert history
    vase.change_rules(history=replace(history, before=date(2010, 11, 1)))
    vase.tell(*life("R-1", [old("PRE-2010-12", None)], at=vase.at), *life("R-2", [old("OLD-77", "2010-10-31")], at=vase.at),
              *life("R-3", [old("OLD-78", "2010-11-01T00:30:00+02:00")], at=vase.at))

    vase.pass_evenings(3, turns=2)

    assert money(vase) == [("VASE", 1, "20.00")] * 3, "half past midnight in Athens is the day before in London"
    assert {row["CustomerRequisitionNumber"] for row in vase.rows("ReturnOrderHeadersV2")} == {""}
    assert vase.exceptions() == {}


def test_an_unknown_order_of_a_later_day_or_of_none_is_no_history_and_waits(vase: World) -> None:
    history = vase.house.profiles[TENANT].rules.history
    assert history
    vase.change_rules(history=replace(history, before=date(2010, 11, 1)))
    vase.tell(*life("R-1", [old("OLD-77", "2010-11-01")], at=vase.at), *life("R-2", [old("OLD-78", None)], at=vase.at))

    vase.pass_evenings(3, turns=2)

    assert vase.credits == []
    assert vase.exceptions() == {"ORDER_UNKNOWN": 2}
    assert {row.case.owner for row in vase.open()} == {"customer-service"}


# --- cancelled, several returns, several parcels -------------------------------------------------------------


def test_a_parcel_that_comes_although_its_return_was_cancelled_is_dealt_with_as_any_other(daily: World) -> None:
    before, told = stock(daily), good("TEA", 2, "4.25")
    for number, kind in enumerate(("ReturnCreated", "LabelIssued", "ReturnCancelled"), 1):
        daily.tell(message("R-1", kind, number, [bare(told)], at=daily.at + timedelta(hours=number)))
    daily.pass_evenings(2, turns=2)
    cancelled = (daily.state("R-1"), daily.placed())

    daily.tell(message("R-1", "ParcelReceived", 4, [told | {"grades": None}], at=daily.at),
               message("R-1", "ReturnInspected", 5, [told], at=daily.at))
    daily.pass_evenings(3, turns=2)

    assert cancelled == ("closed", {"rejected": Decimal("-8.50")})
    assert (daily.state("R-1"), daily.placed()) == ("settled", {"credited_restocked": Decimal("-8.50")})
    assert money(daily) == [("TEA", 2, "8.50")]
    assert gained(daily, before) == {"TEA GB-DC-01 SALE": 2}


def test_several_returns_of_one_order_have_a_return_order_each_and_one_claim_on_the_sale(daily: World) -> None:
    daily.tell(*life("R-1", [good("TEA", 6, "4.25"), good("CUP", 1, "2.95")], at=daily.at),
               *life("R-2", [good("TEA", 6, "4.25"), good("CUP", 2, "2.95")], at=daily.at))

    daily.pass_evenings(3, turns=2)

    assert money(daily) == [("CUP", 1, "2.95"), ("CUP", 2, "5.90"), ("TEA", 6, "25.50")]
    assert [row["CustomerRequisitionNumber"] for row in daily.rows("ReturnOrderHeadersV2")] == ["500001", "500001"]
    assert daily.exceptions() == {"QUANTITY_ABOVE_SOLD": 1}


def test_what_two_parcels_of_one_return_hold_adds_up_and_nothing_is_credited_twice(daily: World) -> None:
    before, told = stock(daily), good("TEA", 5, "4.25")
    one, other = good("TEA", 2, "4.25", of=5), good("TEA", 3, "4.25", of=5)
    first = parcel("P-1", message("R-1", "ReturnInspected", 3, [one], at=daily.at))
    daily.tell(message("R-1", "ReturnCreated", 1, [bare(told)], at=daily.at),
               parcel("P-1", message("R-1", "ParcelReceived", 2, [one | {"grades": None}], at=daily.at)), first)
    daily.pass_evenings(3, turns=2)
    early = money(daily)

    daily.tell(parcel("P-2", message("R-1", "ParcelReceived", 4, [other | {"grades": None}], at=daily.at)),
               parcel("P-2", message("R-1", "ReturnInspected", 5, [other], at=daily.at)),
               first | {"eventId": "sent again"},
               message("R-1", "ReturnCompleted", 6, [told], at=daily.at + timedelta(hours=1)))
    daily.pass_evenings(3, turns=2)

    assert early == [("TEA", 2, "8.50")]
    assert money(daily) == [("TEA", 2, "8.50"), ("TEA", 3, "12.75")]
    assert gained(daily, before) == {"TEA GB-DC-01 SALE": 5}
    assert (daily.state("R-1"), daily.exceptions()) == ("settled", {})


def test_a_second_parcel_nobody_grades_is_asked_after_although_the_first_was_graded(daily: World) -> None:
    told, one = good("TEA", 5, "4.25"), good("TEA", 2, "4.25", of=5)
    daily.tell(message("R-1", "ReturnCreated", 1, [bare(told)], at=daily.at),
               parcel("P-1", message("R-1", "ParcelReceived", 2, [one | {"grades": None}], at=daily.at)),
               parcel("P-1", message("R-1", "ReturnInspected", 3, [one], at=daily.at)),
               parcel("P-2", message("R-1", "ParcelReceived", 4, [one | {"quantityReceived": 3, "grades": None}], at=daily.at)))
    daily.pass_evenings(3, turns=2)
    early = daily.exceptions()

    daily.at += timedelta(days=70)
    daily.pass_evenings(1, turns=1)

    assert (early, daily.exceptions()) == ({}, {"NOT_INSPECTED": 1})
    assert money(daily) == [("TEA", 2, "8.50")]
    assert daily.placed() == {"credited_restocked": Decimal("-8.50"), "held": Decimal("-12.75")}

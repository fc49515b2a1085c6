"""Goods that pass a hub: stock once, at the node the profile chooses, and never received twice."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backhaul.adapters.zigzag.payload import Hub
from backhaul.domain.rules import Close, Window
from tests.journeys.stage import TENANT, World, line, message, open_world
from tests.journeys.test_kinds_goods_parts import bare, gained, money, stock

HUB, A, OUTLET, SCRAP = "GB-DC-02", ("A", "RESELL"), ("B", "OUTLET"), ("D", "SCRAP")


@pytest.fixture
def daily(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY))
    yield world
    world.house.close()


def choose(world: World, means: Hub) -> None:
    """Say what a receipt at the hub means."""
    profile = world.house.profiles[TENANT]
    world.house.profiles = {TENANT: replace(profile, wire=msgspec.structs.replace(profile.wire, hubs={HUB: means}))}


def at(node: str, told: dict[str, Any]) -> dict[str, Any]:
    return told | {"return": told["return"] | {"receivedAt": node}}


def tea(*grades: tuple[tuple[str, str], int]) -> dict[str, Any]:
    return line("TEA", 2, "4.25", received=2, grades=[(*how, units, True) for how, units in grades])


def hub(world: World, told: dict[str, Any]) -> None:
    world.tell(message("R-1", "ReturnCreated", 1, [bare(told)], at=world.at),
               at(HUB, message("R-1", "ParcelReceived", 2, [told | {"grades": None}], at=world.at)),
               at(HUB, message("R-1", "ReturnInspected", 3, [told], at=world.at)))


def test_where_the_hub_is_a_status_goods_become_stock_at_their_destination_only(daily: World) -> None:
    choose(daily, Hub.STATUS)
    before = stock(daily)
    hub(daily, tea((A, 2)))
    daily.pass_evenings(3, turns=2)
    on_the_way = (daily.credits, gained(daily, before), daily.state("R-1"), daily.rows("ReturnOrderHeadersV2"))

    daily.tell(at("GB-DC-01", message("R-1", "ParcelReceived", 4, [tea() | {"grades": None}], at=daily.at)),
               at("GB-DC-01", message("R-1", "ReturnInspected", 5, [tea((A, 2))], at=daily.at)))
    daily.pass_evenings(3, turns=2)

    assert on_the_way == ([], {}, "waiting", [])
    assert gained(daily, before) == {"TEA GB-DC-01 SALE": 2}
    assert money(daily) == [("TEA", 2, "8.50")]
    assert daily.ledgers["unitsReceived"] == 2


def test_where_the_hub_takes_stock_the_destination_gets_it_by_a_transfer_and_nothing_is_received_twice(daily: World) -> None:
    choose(daily, Hub.STOCK)
    before = stock(daily)
    hub(daily, tea((A, 1), (OUTLET, 1)))
    daily.pass_evenings(3, turns=2)
    first, value = (gained(daily, before), money(daily)), daily.ledgers["inventoryValue"]

    daily.tell(at("GB-DC-01", message("R-1", "ParcelReceived", 4, [tea() | {"grades": None}], at=daily.at)))
    daily.pass_evenings(3, turns=2)

    assert first == ({"TEA GB-DC-02 SALE": 1, "TEA GB-DC-02 OUTLET": 1}, [("TEA", 1, "4.25")] * 2)
    assert gained(daily, before) == {"TEA GB-DC-01 SALE": 1, "TEA GB-DC-01 OUTLET": 1}
    assert (daily.ledgers["inventoryValue"], daily.ledgers["unitsReceived"]) == (value, 2)
    assert money(daily) == first[1]
    assert (daily.state("R-1"), daily.exceptions()) == ("settled", {})
    assert daily.ledgers["balanced"]


def test_what_the_destination_finds_otherwise_moves_to_the_place_of_its_grade_and_finance_is_told(daily: World) -> None:
    choose(daily, Hub.STOCK)
    before = stock(daily)
    hub(daily, tea((A, 2)))
    daily.pass_evenings(3, turns=2)

    daily.tell(at("GB-DC-01", message("R-1", "ReturnInspected", 4, [tea((A, 1), (SCRAP, 1))], at=daily.at)))
    daily.pass_evenings(3, turns=2)

    assert gained(daily, before) == {"TEA GB-DC-01 SALE": 1, "TEA GB-DC-01 SCRAP": 1}
    assert daily.exceptions() == {"REGRADED": 1}
    assert money(daily) == [("TEA", 2, "8.50")]


def test_goods_that_are_at_their_destination_before_the_hub_was_posted_are_received_there_at_once(daily: World) -> None:
    choose(daily, Hub.STOCK)
    before = stock(daily)
    hub(daily, tea((A, 2)))
    daily.tell(at("GB-DC-01", message("R-1", "ParcelReceived", 4, [tea() | {"grades": None}], at=daily.at)))

    daily.pass_evenings(3, turns=2)

    assert gained(daily, before) == {"TEA GB-DC-01 SALE": 2}
    assert daily.ledgers["unitsReceived"] == 2
    assert not daily.rows("InventoryTransferJournalHeaders")


def test_a_receipt_at_a_place_the_profile_does_not_know_waits_for_a_person(daily: World) -> None:
    hub(daily, tea((A, 2)))

    daily.pass_evenings(2, turns=2)

    assert daily.credits == []
    assert daily.exceptions() == {"UNREADABLE": 1}


def test_stock_at_a_hub_that_never_comes_on_waits_with_a_date_and_is_then_asked_after_with_its_cost(daily: World) -> None:
    choose(daily, Hub.STOCK)
    hub(daily, tea((A, 1), (OUTLET, 1)))
    daily.pass_evenings(3, turns=2)
    waiting = (daily.state("R-1"), daily.exceptions())
    with daily.house.store.begin() as tx:
        due = tx.cases(TENANT, ["R-1"])["R-1"].due_at

    daily.at += timedelta(days=30)
    daily.turn()
    asked, state = daily.open(), daily.state("R-1")
    daily.tell(at("GB-DC-01", message("R-1", "ParcelReceived", 4, [tea() | {"grades": None}], at=daily.at)))
    daily.pass_evenings(4, turns=2)

    assert waiting == ("waiting", {})
    assert due == datetime(2010, 12, 31, 9, tzinfo=UTC)
    assert [(row.case.kind, row.case.owner, row.case.money.amount > 0) for row in asked] == [("HUB_STOCK_OVERDUE", "warehouse", True)]
    assert state == "settled"
    assert (daily.state("R-1"), daily.exceptions(), money(daily)) == ("settled", {}, [("TEA", 1, "4.25")] * 2)


def test_goods_a_hub_only_reported_are_held_with_their_money_instead_of_closed_and_go_on_when_they_come(daily: World) -> None:
    choose(daily, Hub.STATUS)
    hub(daily, tea((A, 2)))
    daily.turn()
    waiting = (daily.state("R-1"), daily.exceptions())
    daily.at += timedelta(days=30)
    daily.turn()
    asked = daily.open()
    daily.at += timedelta(days=40)
    daily.turn()
    later = daily.state("R-1")

    daily.tell(at("GB-DC-01", message("R-1", "ParcelReceived", 4, [tea() | {"grades": None}], at=daily.at)),
               at("GB-DC-01", message("R-1", "ReturnInspected", 5, [tea((A, 2))], at=daily.at)))
    daily.pass_evenings(3, turns=2)

    assert waiting == ("waiting", {})
    assert [(row.case.kind, str(row.case.money.amount), row.case.line_id) for row in asked] == [("NOT_RECEIVED", "-8.50", "TEA#1")]
    assert (later, money(daily), daily.exceptions()) == ("held", [("TEA", 2, "8.50")], {})


def test_what_the_hub_scrapped_never_comes_on_whether_the_destination_repeats_its_grade_or_counts_the_rest_alone(daily: World) -> None:
    choose(daily, Hub.STOCK)
    before = stock(daily)
    hub(daily, tea((A, 1), (SCRAP, 1)))
    daily.pass_evenings(3, turns=2)
    first, value = (gained(daily, before), money(daily)), daily.ledgers["inventoryValue"]

    daily.tell(at("GB-DC-01", message("R-1", "ReturnInspected", 4, [tea((A, 1), (SCRAP, 1))], at=daily.at)))
    daily.pass_evenings(3, turns=2)

    assert first == ({"TEA GB-DC-02 SALE": 1}, [("TEA", 1, "4.25")] * 2)
    assert gained(daily, before) == {"TEA GB-DC-01 SALE": 1}
    assert (money(daily), daily.ledgers["unitsReceived"], daily.ledgers["inventoryValue"]) == (first[1], 2, value)
    assert (daily.state("R-1"), daily.exceptions()) == ("settled", {})


def test_what_the_hub_scrapped_and_the_destination_finds_good_waits_for_a_person_and_goes_on_no_shelf(daily: World) -> None:
    choose(daily, Hub.STOCK)
    before = stock(daily)
    hub(daily, tea((SCRAP, 2)))
    daily.pass_evenings(3, turns=2)

    daily.tell(at("GB-DC-01", message("R-1", "ReturnInspected", 4, [tea((A, 2))], at=daily.at)))
    daily.pass_evenings(3, turns=2)

    assert gained(daily, before) == {}
    assert daily.exceptions() == {"GRADE_CHANGED_AFTER_POSTING": 1}
    assert daily.ledgers["unitsReceived"] == 2

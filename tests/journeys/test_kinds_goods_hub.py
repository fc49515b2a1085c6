"""Goods that pass a hub: stock once, at the node the profile chooses, and never received twice."""

from collections.abc import Iterator
from dataclasses import replace
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

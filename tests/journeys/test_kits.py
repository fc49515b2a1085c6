"""Kits: whole as one item, or in parts that are the whole to the penny; the parent of an exploded kit is never in stock."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from backhaul.application import resolve
from backhaul.application.post import _dangers
from backhaul.domain.facts import Decision
from backhaul.domain.kits import Component, Kit, KitMode, flaws, prices
from backhaul.domain.posting import OrderLine
from backhaul.domain.rules import Close, Window
from tests.journeys.stage import TENANT, World, life, line, open_world

ORDER = "500009"
PARTS = (Component(sku="CUP", quantity=Decimal(2), share=Decimal("0.6")), Component(sku="POT", quantity=Decimal(1), share=Decimal("0.4")))
SET = Kit(sku="TEASET", mode=KitMode.EXPLODED, components=PARTS, remainder="POT")


@pytest.fixture
def shop(erp: str, tmp_path: Path) -> Iterator[World]:
    """Three tea sets were sold at 19.99 each; a set is two cups and a pot."""
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY))
    item = {"dataAreaId": "gb01", "ItemNumber": "TEASET", "ProductType": "Item", "SalesUnitSymbol": "ea", "InventoryUnitSymbol": "ea",
            "SalesSalesTaxItemGroupCode": "FULL", "SalesPrice": 19.99, "_unitCost": 9.0}
    world.control("seed", {"settings": {}, "rows": {"ReleasedProductsV2": [item]}})
    world.control("sales", {"orders": [{"legalEntity": "gb01", "salesOrder": ORDER, "customer": "10001", "currency": "GBP",
                                        "date": "2010-11-20", "lines": [{"item": "TEASET", "quantity": 3, "price": 19.99}]}]})
    world.change_rules(kits={"TEASET": SET})
    yield world
    world.house.close()


def bring_back(world: World, ref: str, sku: str, quantity: int, price: str) -> None:
    goods = line(sku, quantity, price, order=ORDER, received=quantity, grades=[("A", "RESELL", quantity, True)])
    world.tell(*life(ref, [goods], at=world.at))


def received(world: World) -> dict[str, int]:
    """Count what came back into stock, by item."""
    found: dict[str, int] = {}
    for row in world.rows("InventTransBiEntities"):
        if row["ReferenceCategory"] == "Sales" and Decimal(str(row["Qty"])) > 0:
            found[row["ItemId"]] = found.get(row["ItemId"], 0) + int(row["Qty"])
    return found


def account(world: World) -> Decimal:
    return sum((Decimal(str(note["gross"])) for note in world.ledgers["creditNotes"]), Decimal(0))


def test_an_exploded_kit_is_credited_in_parts_that_are_the_whole_to_the_penny(shop: World) -> None:
    bring_back(shop, "R-1", "TEASET", 2, "19.99")

    shop.pass_days(6)

    assert shop.credits == [("CUP", 4, Decimal("24.00")), ("POT", 2, Decimal("15.98"))]
    assert sum(net for _, _, net in shop.credits) == 2 * Decimal("19.99")
    assert account(shop) == Decimal("-47.98"), "39.98 and VAT of 4.80 and 3.20, each line by itself"
    assert received(shop) == {"CUP": 4, "POT": 2}, "the parent is never in stock again"
    assert shop.placed() == {"credited_restocked": Decimal("-39.98")}
    assert (shop.exceptions(), shop.state("R-1"), shop.ledgers["balanced"]) == ({}, "settled", True)


def test_a_part_of_a_kit_comes_back_alone_and_the_rest_is_capped_by_it(shop: World) -> None:
    bring_back(shop, "R-1", "CUP", 1, "6.00")
    shop.pass_days(6)
    bring_back(shop, "R-2", "TEASET", 3, "19.99")
    shop.pass_days(6)

    assert shop.credits == [("CUP", 1, Decimal("6.00")), ("POT", 3, Decimal("23.97"))]
    assert shop.exceptions() == {"QUANTITY_ABOVE_SOLD": 1}, "six cups were sold and one is back"
    (row,) = shop.open()
    assert row.case.line_id == "TEASET#1/CUP"
    resolve.decide(shop.house.store, TENANT, row.id, Decision.CLOSE, actor="ann", approver="bob", reason="kept", now=shop.at)
    shop.turn()
    assert shop.exceptions() == {}


def test_a_kit_that_comes_back_whole_only_is_one_item_and_its_parts_are_held(shop: World) -> None:
    shop.change_rules(kits={"TEASET": replace(SET, mode=KitMode.WHOLE)})
    bring_back(shop, "R-1", "TEASET", 1, "19.99")
    bring_back(shop, "R-2", "CUP", 1, "6.00")

    shop.pass_days(6)

    assert shop.credits == [("TEASET", 1, Decimal("19.99"))]
    assert received(shop) == {"TEASET": 1}
    assert shop.exceptions() == {"KIT_NOT_WHOLE": 1}


def test_the_parent_of_an_exploded_kit_never_leaves(shop: World) -> None:
    shop.change_rules(kits={})
    bring_back(shop, "R-1", "TEASET", 1, "19.99")
    shop.pass_days(1)
    (posting,) = [row.posting for row in shop.postings() if isinstance(row.posting.document, OrderLine)]

    shop.change_rules(kits={"TEASET": SET})

    assert list(_dangers(shop.house.desk(TENANT, "gb01"), posting)) == ["TEASET is exploded into its components and is no item of its own."]


def test_prices_of_parts_add_up_in_every_currency_and_flaws_are_said() -> None:
    for price, currency in ((Decimal("19.99"), "GBP"), (Decimal(1001), "JPY"), (Decimal("7.777"), "KWD"), (Decimal("0.01"), "GBP")):
        told = prices(SET, price, currency)
        assert told["CUP"] * 2 + told["POT"] == price

    assert list(flaws(SET)) == []
    assert len(list(flaws(replace(SET, remainder="CUP")))) == 1
    assert len(list(flaws(replace(SET, components=PARTS[:1])))) == 2
    assert len(list(flaws(replace(SET, components=(*PARTS, PARTS[0]))))) == 2
    assert len(list(flaws(replace(SET, components=(replace(PARTS[0], quantity=Decimal("0.5")), PARTS[1]))))) == 1

"""Two companies of one tenant, and two tenants: equal ids of returns, orders and goods never meet (INV-22)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backhaul.application import receive
from backhaul.application.ports import Capabilities, KeptPosting
from backhaul.bootstrap import connect
from backhaul.domain.delivery import Delivery
from backhaul.domain.errors import RetryLater
from backhaul.domain.posting import ErpDocument, OrderLine, PostingBatch, PostingOutcome
from backhaul.domain.rules import Close, Window
from backhaul.domain.validation import MasterData, Questions
from backhaul.entrypoints import worker
from tests.journeys.stage import TENANT, World, life, line, sold

AWAY = "No token for the other company. Nothing was sent."


@dataclass(frozen=True, slots=True)
class AwayErp:
    """An ERP whose token service does not answer: nothing can be asked and nothing is sent."""

    def capabilities(self) -> Capabilities:
        raise RetryLater(AWAY)

    def master_data(self, _questions: Questions) -> MasterData:
        raise RetryLater(AWAY)

    def post(self, _batch: PostingBatch) -> list[PostingOutcome]:
        raise RetryLater(AWAY)

    def find(self, *_told: Any) -> Mapping[Any, ErpDocument]:
        raise RetryLater(AWAY)

    def documents(self, _first: date, _last: date) -> Iterator[ErpDocument]:
        raise RetryLater(AWAY)


def test_a_company_whose_erp_is_away_keeps_no_other_company_waiting(world: World) -> None:
    desk = world.house.desk(TENANT, "gb01")
    away = replace(desk.entity, id="aa01", retailers=frozenset({"OTHER"}))
    rows = [replace(row, when=replace(row.when, legal_entity="aa01")) for row in desk.rules.mapping]
    world.change_rules(entities=(away, desk.entity), mapping=(*desk.rules.mapping, *rows), window=Window(close=Close.DAILY))
    world.house.adopt(replace(desk, entity=away, erp=AwayErp(), rules=world.house.profiles[TENANT].rules))
    goods = [line("TEA", 1, "4.25", received=1, grades=[("A", "RESELL", 1, True)])]
    world.tell(*life("R-1", goods, at=world.at), *[each | {"retailerCode": "OTHER"} for each in life("R-2", goods, at=world.at)])

    world.pass_evenings(4, turns=2)
    with pytest.raises(RetryLater, match="No token"):
        worker.post(world.house, TENANT, world.at)

    assert world.credits == [("TEA", Decimal(1), Decimal("4.25"))]
    assert world.state("R-2") == "planned"


@pytest.fixture
def brands(world: World, tmp_path: Path) -> World:
    """Two brands with a company each: the same order numbers and SKUs in both, and return ids unique only within a brand."""
    sold(world.erp, tmp_path / "second", ("500001", "TEA", 3, "5.00"), company="ie01")
    world.control("seed", {"settings": {"defaultCompany": "gb01", "currencies": {"gb01": "GBP", "ie01": "GBP"}}, "rows": {}})
    desk, profile = world.house.desk(TENANT, "gb01"), world.house.profiles[TENANT]
    other = replace(desk.entity, id="ie01", retailers=frozenset({"QX777"}))
    rows = [replace(row, when=replace(row.when, legal_entity="ie01")) for row in desk.rules.mapping]
    rules = replace(desk.rules, entities=(desk.entity, other), mapping=(*desk.rules.mapping, *rows), window=Window(close=Close.DAILY))
    profile = replace(profile, rules=rules, wire=msgspec.structs.replace(profile.wire, ids_per_retailer=True))
    world.house.profiles = {TENANT: profile}
    for entity in (desk.entity, other):
        world.house.adopt(replace(desk, entity=entity, rules=rules, erp=connect(profile, entity.id)))
    return world


def bring_back(world: World, quantity: int, price: str, *, retailer: str, ref: str = "R-1") -> None:
    goods = [line("TEA", quantity, price, received=quantity, grades=[("A", "RESELL", quantity, True)])]
    world.tell(*[each | {"retailerCode": retailer, "eventId": f"{retailer}-{each['eventId']}"} for each in life(ref, goods, at=world.at)])


def credited(world: World) -> dict[str, list[Decimal]]:
    """Give the net of every credit note, by company."""
    found: dict[str, list[Decimal]] = {}
    for note in world.ledgers["creditNotes"]:
        found.setdefault(note["legalEntity"], []).append(-Decimal(str(note["net"])))
    return {company: sorted(nets) for company, nets in sorted(found.items())}


def order_lines(world: World) -> list[KeptPosting]:
    return [row for row in world.postings() if isinstance(row.posting.document, OrderLine)]


def test_equal_returns_orders_and_goods_of_two_brands_never_meet(brands: World) -> None:
    bring_back(brands, 10, "4.25", retailer="QX501")
    bring_back(brands, 3, "5.00", retailer="QX777")

    brands.pass_days(6)

    assert credited(brands) == {"gb01": [Decimal("42.50")], "ie01": [Decimal("15.00")]}
    assert {row.posting.key.return_ref: row.posting.key.legal_entity for row in order_lines(brands)} == {
        "QX501:R-1": "gb01", "QX777:R-1": "ie01"}
    assert {row["dataAreaId"]: -Decimal(str(row["ReturnSalesQuantity"])) for row in brands.rows("ReturnOrderLinesV2")} == {
        "gb01": 10, "ie01": 3}
    assert len({row.posting.key.marker for row in order_lines(brands)}) == 2
    assert (brands.exceptions(), brands.ledgers["balanced"]) == ({}, True)


def test_what_one_company_sold_covers_no_return_of_the_other(brands: World) -> None:
    bring_back(brands, 4, "4.25", retailer="QX777")
    bring_back(brands, 10, "4.25", retailer="QX501")
    bring_back(brands, 1, "5.00", retailer="QX501", ref="R-2")

    brands.pass_days(6)

    assert credited(brands) == {"gb01": [Decimal("42.50")]}, "ten were sold there, and three in the other company"
    assert brands.exceptions() == {"QUANTITY_ABOVE_SOLD": 2}


def test_a_return_that_names_no_brand_is_set_aside_where_ids_are_the_brands(brands: World) -> None:
    bring_back(brands, 1, "4.25", retailer="")

    brands.pass_days(2)

    assert credited(brands) == {}
    assert {row.case.kind for row in brands.open()} == {"UNREADABLE"}
    assert "names no retailer" in brands.open()[0].case.findings[0].sentence


def test_two_tenants_with_equal_everything_share_nothing(brands: World) -> None:
    first = brands.house.profiles[TENANT]
    wire = msgspec.structs.replace(first.wire, ids_per_retailer=False)
    desk = brands.house.desk(TENANT, "gb01")
    twin = replace(desk.rules.entities[1], id="gb01", options={**desk.entity.options, "company": "ie01"}, retailers=frozenset({"QX501"}))
    rules = replace(desk.rules, tenant="other", entities=(twin,), mapping=[row for row in desk.rules.mapping
                                                                         if row.when.legal_entity == "gb01"])
    second = replace(first, rules=rules, wire=wire)
    brands.house.profiles = {TENANT: replace(first, wire=wire), "other": second}
    brands.house.adopt(replace(desk, entity=twin, rules=rules, erp=connect(second, "gb01")))
    bring_back(brands, 2, "4.25", retailer="QX501")
    goods = [line("TEA", 3, "5.00", received=3, grades=[("A", "RESELL", 3, True)])]
    with brands.house.store.begin() as tx:
        receive.keep(tx, [Delivery(tenant="other", source="main", identity=str(each["eventId"]), body=msgspec.json.encode(each),
                                   received_at=brands.at) for each in life("R-1", goods, at=brands.at)])

    for _ in range(6):
        brands.pass_days()
        worker.turn(brands.house, "other", brands.at)

    assert credited(brands) == {"gb01": [Decimal("8.50")], "ie01": [Decimal("15.00")]}
    with brands.house.store.begin() as tx:
        assert [[row.posting.key.tenant for row in tx.postings(tenant, ["R-1"])["R-1"]] for tenant in (TENANT, "other")] == [
            [TENANT] * 4, ["other"] * 4]
        for tenant in (TENANT, "other"):
            assert {entry.tenant for entry in tx.trail(tenant)} == {tenant}

"""Portal and ERP agree: what is on sale is told as absolute values, what is stopped cannot be returned, and nothing damaged is offered."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backhaul.adapters.zigzag.emulator import serve
from backhaul.application.lease import held
from backhaul.domain.errors import Misconfigured
from backhaul.entrypoints import worker
from backhaul.profile import Profile
from backhaul.testing.interrupting import Fuse, Interrupted, InterruptingStore
from tests.journeys.reaching import TABLES, adopt, ask, reaching
from tests.journeys.stage import TENANT, World

PUSH = TABLES + """
[push]
non_returnable = true
skus = ["TEA", "CUP", "NOSUCH"]
message_key = "ProductIsNonReturnable"
countries = ["GB"]

[push.retailers.QX501]
GB-DC-01 = "GB-SHOP"
"""
SELLABLE = '{ warehouse = "GB-DC-01", location = "SALE" },'
BY_STATUS = (SELLABLE, SELLABLE + ' { warehouse = "GB-SHOP", location = "SALE", status = "OK" },')
WHOLE = (SELLABLE, SELLABLE + ' { warehouse = "GB-SHOP", location = "SALE" },')
STOCK, PRODUCTS = "PUT /Return/api/v1/ExchangeStocks", "PUT /Return/api/v1/NonReturnable"


@pytest.fixture
def platform() -> Iterator[str]:
    with serve() as platform:
        yield platform.base_url


def profile(world: World, platform: str, folder: Path, *, change: tuple[str, str] = WHOLE, tables: str = PUSH) -> Profile:
    return reaching(folder / "push", world.erp, platform, tables=tables, change=change)


@pytest.fixture
def shop(world: World, platform: str, tmp_path: Path) -> World:
    adopt(world, profile(world, platform, tmp_path))
    world.house._desks.clear()
    own = {"dataAreaId": "gb01", "WarehouseId": "GB-SHOP"}
    world.control("seed", {"settings": {}, "rows": {
        "Warehouses": [own | {"WarehouseName": "On sale", "OperationalSiteId": "GB"}],
        "WarehouseLocations": [own | {"WarehouseLocationId": "SALE"}]}})
    lie(world, "TEA", 7, "GB-SHOP", "SALE", status="OK")
    lie(world, "TEA", 5, "GB-DC-01", "QUAR")
    return world


def lie(world: World, item: str, units: int, warehouse: str, location: str, *, status: str = "") -> None:
    """Let units lie somewhere in the ERP."""
    row = {"dataAreaId": "gb01", "SourceKey": 900_000 + len(world.log), "ItemId": item, "InventTransId": f"LOT-{len(world.log)}",
           "Qty": units, "StatusReceipt": "Purchased", "StatusIssue": "None", "InventSiteId": "GB", "InventLocationId": warehouse,
           "WMSLocationId": location, "InventStatusId": status, "ReferenceId": "P-1"}
    world.log.append(item)
    world.control("seed", {"settings": {}, "rows": {"InventTransBiEntities": [row]}})


class Virtual:
    """The clock of a world, for a client that is asked to wait."""

    def __init__(self, world: World) -> None:
        self.world = world

    def now(self) -> datetime:
        return self.world.at


def stop(world: World, item: str, stopped: str) -> None:
    row = {"dataAreaId": "gb01", "ItemNumber": item, "IsSalesProcessingStopped": stopped, "IsInventoryProcessingStopped": "No"}
    world.control("seed", {"settings": {}, "rows": {"ProductDefaultOrderSettings": [row]}})
    world.ask_anew()


def run(world: World, **more: Any) -> dict[str, Any]:
    return dict(worker.push_now(world.house, TENANT, world.at, **more)[0])


def told(platform: str) -> tuple[dict[str, int], dict[str, bool]]:
    state = ask(platform, "platform")
    return state["exchangeStocks"], state["nonReturnableProducts"]


def asked(platform: str) -> list[str]:
    return [each.split("?")[0] for each in ask(platform, "api")["asked"] if each.startswith("PUT")]


def test_only_what_is_on_sale_is_told_and_only_once(shop: World, platform: str) -> None:
    plan = run(shop, plan_only=True)
    untouched = told(platform)

    first, again = run(shop), run(shop)

    assert untouched == ({}, {})
    assert plan["stock"] == first["stock"]
    assert told(platform) == ({"QX501|TEA|GB-DC-01": 7, "QX501|CUP|GB-DC-01": 0}, {})
    assert (first["complete"], first["sent"], first["unknown_skus"]) == (True, 2, ["NOSUCH"])
    assert (again["complete"], again["sent"]) == (True, 0)
    assert len(asked(platform)) == 1


def test_a_status_that_sells_is_counted_and_no_other(shop: World, platform: str, tmp_path: Path) -> None:
    adopt(shop, profile(shop, platform, tmp_path, change=BY_STATUS))
    shop.house._desks.clear()
    lie(shop, "TEA", 3, "GB-SHOP", "SALE", status="BAD")

    done = run(shop)

    assert done["complete"]
    assert told(platform)[0]["QX501|TEA|GB-DC-01"] == 7


def test_a_stopped_item_cannot_be_returned_until_it_is_released(shop: World, platform: str) -> None:
    run(shop)
    stop(shop, "TEA", "Yes")
    run(shop)
    stopped = told(platform)
    stop(shop, "TEA", "No")

    run(shop)

    assert stopped[0]["QX501|TEA|GB-DC-01"] == 0
    assert stopped[1] == {"QX501|TEA|GB": False}
    assert told(platform)[0]["QX501|TEA|GB-DC-01"] == 7
    assert told(platform)[1] == {"QX501|TEA|GB": True}


def test_what_failed_is_told_again_as_the_present_value_and_is_owned_while_it_lasts(shop: World, platform: str) -> None:
    ask(platform, "api", {"faults": [{"path": STOCK, "status": 500, "times": 2}]})
    first = run(shop)
    quiet = shop.exceptions()
    shop.at += timedelta(hours=7)
    lie(shop, "TEA", 2, "GB-SHOP", "SALE", status="OK")
    second, owned = run(shop), shop.exceptions()

    third = run(shop)

    assert (first["complete"], second["complete"], third["complete"]) == (False, False, True)
    assert (quiet, owned, shop.exceptions()) == ({}, {"PUSH_FAILED": 1}, {})
    assert told(platform)[0]["QX501|TEA|GB-DC-01"] == 9


@pytest.mark.parametrize("at", range(1, 13))
def test_dying_anywhere_is_harmless(shop: World, platform: str, at: int) -> None:
    whole = shop.house.store
    run(shop)
    lie(shop, "TEA", 4, "GB-SHOP", "SALE", status="OK")
    shop.house.store = InterruptingStore(whole, Fuse(at=at))  # type: ignore[assignment]  # a wrapper is a store as well
    try:
        run(shop)
    except Interrupted:
        shop.at += timedelta(hours=1)
    shop.house.store = whole
    lie(shop, "TEA", -4, "GB-SHOP", "SALE", status="OK")

    done = run(shop)

    assert done["complete"]
    assert told(platform)[0]["QX501|TEA|GB-DC-01"] == 7


def test_of_two_workers_one_sends(shop: World, platform: str) -> None:
    with held(shop.house.store, TENANT, "push:QX501", holder="other", now=shop.at, lasting=timedelta(minutes=5), elapsed=lambda: 0.0):
        done = run(shop)

    assert (done["complete"], done["sent"]) == (False, 0)
    assert "other acts for it" in done["sentence"]
    assert asked(platform) == []


def test_a_turn_pushes_when_it_is_due_and_waits_as_long_as_the_platform_asks(shop: World, platform: str) -> None:
    ask(platform, "clock", {"now": shop.at.isoformat()})
    ask(platform, "api", {"faults": [{"path": STOCK, "status": 503, "times": 1, "retryAfter": 1800}]})
    shop.house.clock = Virtual(shop)
    shop.house._apis.clear()
    shop.turn()
    busy = len(asked(platform))
    shop.at += timedelta(minutes=20)
    shop.turn()
    waited = len(asked(platform))
    shop.at += timedelta(minutes=11)

    shop.turn()

    assert (busy, waited) == (1, 1)
    assert told(platform)[0]["QX501|TEA|GB-DC-01"] == 7


def test_a_location_of_the_erp_that_is_not_on_sale_stops_the_push_and_is_owned(shop: World, platform: str) -> None:
    row = {"dataAreaId": "gb01", "WarehouseId": "GB-SHOP", "WarehouseLocationId": "RETDOCK"}
    shop.control("seed", {"settings": {}, "rows": {"WarehouseLocations": [row]}})

    done = run(shop)

    assert "RETDOCK" in done["sentence"]
    assert asked(platform) == []
    assert shop.exceptions() == {"PUSH_FAILED": 1}


@pytest.mark.parametrize(("old", "new", "says"), [
    ('"GB-SHOP"', '"GB-DC-01"', "not told by location"), ('"GB-SHOP"', '"NOWHERE"', "no sellable place"),
    ("QX501]", "QX999]", "belongs to no legal entity"), ('message_key = "ProductIsNonReturnable"', "", "needs the portal's message"),
    ('countries = ["GB"]', 'countries = ["UK1"]', "no country"), ("[push]", '[push]\nevery = "soon"', "no duration"),
])
def test_a_profile_that_cannot_push_is_refused_and_says_why(world: World, platform: str, tmp_path: Path, old: str, new: str,
                                                           says: str) -> None:
    assert old in PUSH

    with pytest.raises(Misconfigured, match=says):
        profile(world, platform, tmp_path, tables=PUSH.replace(old, new))

"""Portal and ERP agree: what is on sale is told as absolute values, what is stopped cannot be returned, and nothing damaged is offered."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backhaul.adapters.zigzag.emulator import serve
from backhaul.application import pausing, push, resolve
from backhaul.application.lease import held
from backhaul.bootstrap import connect, examine
from backhaul.domain.errors import Misconfigured, NeedsOperator
from backhaul.entrypoints import worker
from backhaul.profile import Profile
from backhaul.testing.interrupting import Fuse, Interrupted, InterruptingStore
from tests.journeys.reaching import TABLES, adopt, ask, reaching
from tests.journeys.stage import TENANT, World, line, message

PUSH = TABLES + """
[push]
non_returnable = true
skus = ["TEA", "CUP", "NOSUCH"]
message_key = "ProductIsNonReturnable"
countries = ["GB"]

[push.retailers.QX501]
GB-DC-01 = "GB-SHOP"
"""
LISTED = PUSH.replace("[push]", """
[platform.lookups.forbidden]
path = "/Return/api/v1/NonReturnableProducts?retailerCode={retailer}"
items = "products"
total = "total"
return = "sku"

[push]
listed = "forbidden\"""")
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


def listing(shop: World, platform: str, folder: Path, tables: str = LISTED) -> None:
    """Let the profile name the look-up that lists products, from here on."""
    adopt(shop, profile(shop, platform, folder, tables=tables))
    shop.house._desks.clear()
    shop.house._apis.clear()


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


def test_nothing_is_told_while_writes_are_paused(shop: World, platform: str) -> None:
    rules = shop.house.profiles[TENANT].rules
    due_before = push.due(shop.house.store, rules, "QX501", shop.at)
    pausing.pause(shop.house.store, rules, "gb01", actor="person 1", reason="wrong accounts", now=shop.at)

    done = run(shop)

    assert due_before
    assert (done["sent"], done["complete"]) == (0, False)
    assert "paused" in done["sentence"]
    assert asked(platform) == []
    assert not push.due(shop.house.store, rules, "QX501", shop.at)


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


@pytest.mark.parametrize("path", [STOCK, PRODUCTS])
def test_after_a_lost_answer_the_present_values_are_told_whole(shop: World, platform: str, path: str) -> None:
    """The platform has taken it and its answer is lost; until we tell it again, the item is released and more has come."""
    stop(shop, "TEA", "Yes")
    ask(platform, "api", {"faults": [{"path": path, "status": 504, "applied": True}]})
    lost, taken = run(shop), told(platform)
    stop(shop, "TEA", "No")
    lie(shop, "TEA", 2, "GB-SHOP", "SALE", status="OK")

    done, again = run(shop), run(shop)

    assert (lost["complete"], taken[0]["QX501|TEA|GB-DC-01"]) == (False, 0)
    assert told(platform)[0] == {"QX501|TEA|GB-DC-01": 9, "QX501|CUP|GB-DC-01": 0}
    assert told(platform)[1].get("QX501|TEA|GB", True), "it may be returned"
    assert (done["complete"], again["sent"]) == (True, 0)


def test_what_the_platform_leaves_out_without_a_word_is_owned_told_again_and_closes_itself(
    shop: World, platform: str, tmp_path: Path,
) -> None:
    listing(shop, platform, tmp_path)
    stop(shop, "TEA", "Yes")
    stop(shop, "CUP", "Yes")
    ask(platform, "api", {"leaveOut": ["TEA"]})
    first, owned = run(shop), shop.open()
    again, same = run(shop), shop.open()
    ask(platform, "api", {})

    third, fourth = run(shop), run(shop)

    assert (first["complete"], first["omitted"]) == (True, [{"sku": "TEA", "country": "GB", "returnable": False}])
    assert [(row.case.kind, row.case.owner) for row in owned] == [("PUSH_OMITTED", "integration")]
    assert "TEA in GB (not returnable)" in owned[0].case.findings[0].sentence
    assert ([row.id for row in same], again["sent"]) == ([owned[0].id], 1), "one exception, and only what was left out is told again"
    assert (third["omitted"], shop.exceptions()) == ([], {})
    assert (fourth["sent"], told(platform)[1]) == (0, {"QX501|TEA|GB": False, "QX501|CUP|GB": False})


def test_a_release_the_platform_did_not_hear_is_found_as_well_and_a_failed_push_closes_nothing(
    shop: World, platform: str, tmp_path: Path,
) -> None:
    listing(shop, platform, tmp_path)
    stop(shop, "TEA", "Yes")
    run(shop)
    stop(shop, "TEA", "No")
    ask(platform, "api", {"leaveOut": ["TEA"]})
    released = run(shop)
    ask(platform, "api", {"faults": [{"path": "GET /Return/api/v1/NonReturnable", "status": 500}]})

    failed = run(shop)

    assert released["omitted"] == [{"sku": "TEA", "country": "GB", "returnable": True}]
    assert (failed["complete"], failed["omitted"], shop.exceptions()) == (False, None, {"PUSH_OMITTED": 1})


def test_a_list_that_cannot_be_read_stops_the_push_and_is_owned(shop: World, platform: str, tmp_path: Path) -> None:
    listing(shop, platform, tmp_path, tables=LISTED.replace("[push]", '[push]\nreturnable_field = "mayComeBack"'))
    stop(shop, "TEA", "Yes")

    done = run(shop)

    assert "cannot be read" in done["sentence"]
    assert shop.exceptions() == {"PUSH_FAILED": 1}


def test_whoever_retries_what_is_about_no_return_is_told_so_and_nothing_becomes_a_return(shop: World, platform: str) -> None:
    ask(platform, "api", {"faults": [{"path": STOCK, "status": 400}]})
    run(shop)
    first = message("R-1", "ReturnCreated", 1, [line("TEA", 1, "4.25")], at=shop.at)
    shop.tell(first, {**first, "occurredAt": "2010-12-01T07:00:00Z"})
    shop.turn()
    kinds = {row.case.kind: row.id for row in shop.open()}

    for number in kinds.values():
        with pytest.raises(NeedsOperator, match="is about no return"):
            resolve.retry(shop.house.store, TENANT, number, route=shop.house.desk(TENANT, "gb01").route, actor="ann", now=shop.at)
    shop.turn()

    assert set(kinds) == {"PUSH_FAILED", "EVENT_CONTENT_CONFLICT"}
    with shop.house.store.begin() as tx:
        assert sorted(tx.cases(TENANT)) == ["R-1"]


@pytest.mark.parametrize(("change", "lacks"), [(WHOLE, "WarehousesOnHandV2"), (BY_STATUS, "WarehouseInventoryStatusesOnHandV2")])
def test_doctor_names_what_an_environment_lacks_to_tell_stock_and_no_posting_waits_for_it(
    shop: World, platform: str, tmp_path: Path, change: tuple[str, str], lacks: str,
) -> None:
    pushing = profile(shop, platform, tmp_path, change=change)
    whole = examine(pushing, "gb01", shop.house.store, shop.at)
    shop.control("metadata", {"gone": [f"{lacks}.AvailableOnHandQuantity"], "changed": {}})

    without = examine(pushing, "gb01", shop.house.store, shop.at)

    assert whole["missing"] == []
    assert without["missing"] == [f"to tell stock to the platform: {lacks}.AvailableOnHandQuantity"]
    assert connect(pushing, "gb01").capabilities().missing == ()


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
    ("[push]", '[push]\nlisted = "nowhere"', "no .platform.lookups.nowhere"),
])
def test_a_profile_that_cannot_push_is_refused_and_says_why(world: World, platform: str, tmp_path: Path, old: str, new: str,
                                                           says: str) -> None:
    assert old in PUSH

    with pytest.raises(Misconfigured, match=says):
        profile(world, platform, tmp_path, tables=PUSH.replace(old, new))

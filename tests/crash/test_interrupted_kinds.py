"""A fee, units too many, a loss, a transfer and sizes: whatever moment the process dies at, each happens once."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backhaul.adapters.zigzag.payload import Hub
from backhaul.application.lease import LASTING
from backhaul.application.ports import Capabilities
from backhaul.bootstrap import House
from backhaul.domain.posting import Adjustment, Issue, Transfer
from backhaul.domain.rules import Close, Effect, FeeRule, Window
from backhaul.testing.interrupting import Fuse, Interrupted, InterruptingErp, InterruptingStore
from tests.crash.test_interrupted_anywhere import Noting
from tests.journeys.stage import MORNING, TENANT, WIRE, World, line, message, open_world, sold

ARRIVES = 3
HUB, DESTINATION = "GB-DC-02", "GB-DC-01"
DEATHS = ("after post adjustment", "after post transfer", "after post issue", "after post fee-line", "before post fee-release")
PROBED: dict[tuple[str, str], Capabilities] = {}


def fresh(erp: str, folder: Path) -> None:
    """Let the ERP hold a shirt in size M, sold at 20.00, and a service item for the fee."""
    WIRE.post(f"{erp}/control/reset", json={}).raise_for_status()
    sold(erp, folder, ("500001", "TEA", 10, "4.25"))
    item = {"dataAreaId": "gb01", "SalesUnitSymbol": "ea", "SalesSalesTaxItemGroupCode": "FULL"}
    rows = {"ReleasedProductsV2": [
        item | {"ItemNumber": "SHIRT", "ProductSubType": "ProductMaster", "ProductType": "Item", "SalesPrice": 25, "_unitCost": 9},
        item | {"ItemNumber": "SVC-FEE", "ProductType": "Service"}],
        "ReleasedProductVariantsV2": [{"dataAreaId": "gb01", "ProductMasterNumber": "SHIRT", "ItemNumber": "SHIRT", "ProductSizeId": "M",
                                       "ProductColorId": "RED", "ProductVariantNumber": "SHIRT-M"}]}
    WIRE.post(f"{erp}/control/seed", json={"settings": {"now": "2010-12-01T08:00:00Z"}, "rows": rows}).raise_for_status()
    sale = {"legalEntity": "gb01", "salesOrder": "500009", "customer": "10001", "currency": "GBP", "date": "2010-11-20", "lines": [
        {"item": "SHIRT", "dimensions": {"ProductSizeId": "M", "ProductColorId": "RED"}, "quantity": 10, "price": "20.00"}]}
    WIRE.post(f"{erp}/control/sales", json={"orders": [sale]}).raise_for_status()


def open_at(erp: str, file: Path, fuse: Fuse) -> World:
    """Open a world in mode C whose platform names sizes, deducts a fee and lets goods pass a hub that takes stock."""
    world = open_world(erp, f"sqlite:///{file}", window=Window(close=Close.DAILY), mode="C")
    profile = world.house.profiles[TENANT]
    (entity, *others) = profile.rules.entities
    rules = replace(profile.rules, entities=(replace(entity, options={**entity.options, "sku": "variant"}), *others),
                    fees={"RETURNFEE": FeeRule(service_item="SVC-FEE", effect=Effect.DEDUCT)})
    profile = replace(profile, rules=rules, wire=msgspec.structs.replace(profile.wire, hubs={HUB: Hub.STOCK}))
    world.house = House(settings=world.house.settings, store=world.house.store, profiles={TENANT: profile}, capabilities=PROBED)
    desk = world.house.desk(TENANT, "gb01")
    world.house.store = InterruptingStore(desk.store, fuse)  # type: ignore[assignment]  # a wrapper is a store as well
    world.house.adopt(replace(desk, erp=InterruptingErp(desk.erp, fuse), store=world.house.store))
    return world


def shirts(units: int, received: int | None = None, *grades: tuple[str, str, int, bool]) -> dict[str, Any]:
    return line("SHIRT-M", units, "20.00", order="500009", received=received, grades=grades or None)


def heard(ref: str, kind: str, number: int, told: dict[str, Any], node: str = "") -> dict[str, Any]:
    said = message(ref, kind, number, [told], at=MORNING)
    said["return"] |= {"fees": [{"code": "RETURNFEE", "amount": "2.00"}] if node else []} | ({"receivedAt": node} if node else {})
    return said


def story(world: World) -> None:
    """Three shirts come to the hub where two were announced, for a fee, and go on to their destination; another is scrapped there."""
    good, worn = shirts(2, 3, ("A", "RESELL", 2, True)), shirts(1, 1, ("D", "SCRAP", 1, True))
    world.tell(heard("R-1", "ReturnCreated", 1, shirts(2)), heard("R-1", "ParcelReceived", 2, shirts(2, 3), HUB),
               heard("R-1", "ReturnInspected", 3, good, HUB), heard("R-1", "ReturnCompleted", 4, good, HUB),
               heard("R-2", "ReturnCreated", 1, shirts(1)), heard("R-2", "ReturnInspected", 2, worn))
    world.turn()
    while world.at.day < 7:
        if world.at.day == ARRIVES:
            world.tell(heard("R-1", "ParcelReceived", 5, shirts(2, 3), DESTINATION))
        world.pass_days()


def ended(world: World) -> tuple[Any, ...]:
    """Say what the books hold: stock by size and place, what was credited and charged, and that the ledgers agree."""
    told = world.ledgers
    stock = {place: Decimal(str(units)) for place, units in told["stock"].items() if place.startswith("SHIRT") and Decimal(str(units))}
    fees = [Decimal(str(row["LineAmount"])) for row in world.rows("SalesInvoiceV2Lines") if row["ProductNumber"] == "SVC-FEE"]
    return stock, world.credits, fees, told["balanced"]


@pytest.mark.timeout(900)
def test_whatever_moment_it_dies_at_fee_surplus_loss_transfer_and_size_happen_once(finance_scm: str, tmp_path: Path) -> None:
    noted = Noting(at=0)
    fresh(finance_scm, tmp_path / "sales")
    calm = open_at(finance_scm, tmp_path / "calm.sqlite", noted)
    story(calm)
    wanted = ended(calm)
    kinds = {type(row.posting.document) for row in calm.postings()}
    trouble = calm.exceptions()
    calm.house.close()
    assert set(DEATHS) <= set(noted.seen)

    for point in sorted(noted.seen.index(death) + 1 for death in DEATHS):
        fuse = Fuse(at=point)
        fresh(finance_scm, tmp_path / "sales")
        world = open_at(finance_scm, tmp_path / f"{point}.sqlite", fuse)
        with pytest.raises(Interrupted):
            story(world)
        at = world.at
        world.house.close()
        world = open_at(finance_scm, tmp_path / f"{point}.sqlite", Fuse())
        world.at = at + LASTING  # the lease of the dead one has to be over
        story(world)
        left = ended(world)
        world.house.close()
        assert left == wanted, f"after dying at point {point}, {fuse.where}"

    assert {Adjustment, Issue, Transfer} <= kinds
    assert trouble == {"SURPLUS": 1}
    assert wanted[1:] == ([("SHIRT", 1, Decimal("20.00")), ("SHIRT", 2, Decimal("40.00"))], [Decimal("2.00")], True)

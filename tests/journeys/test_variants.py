"""What the platform calls a SKU is a size of a shirt in the ERP: the size that came back is the size in stock and on the credit note."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.application.ports import PostingState
from backhaul.bootstrap import House
from backhaul.domain.posting import Adjustment, CreditNote, ErpItem, OrderLine, Receipt
from backhaul.domain.rules import Close, Window
from tests.journeys.stage import TENANT, WIRE, World, life, line, message, open_world

DAILY = Window(close=Close.DAILY)
SIZES = {"M": ("SHIRT-M", "5000001"), "L": ("SHIRT-L", "5000002"), "XL": ("SHIRT-XL", "5000003")}
"""Size to variant number and barcode."""
VARIANT, BARCODE = 0, 1


def variant(size: str, number: str, **more: str) -> dict[str, str]:
    return {"dataAreaId": "gb01", "ProductMasterNumber": "SHIRT", "ItemNumber": "SHIRT", "ProductSizeId": size, "ProductColorId": "RED",
            "ProductVariantNumber": number, **more}


def barcode(code: str, size: str = "", item: str = "SHIRT", unit: str = "ea") -> dict[str, Any]:
    return {"dataAreaId": "gb01", "ItemNumber": item, "ProductSizeId": size, "ProductColorId": "RED" if size else "",
            "ProductQuantityUnitSymbol": unit, "BarcodeSetupId": "EAN13", "Barcode": code, "ProductQuantity": 1}


@pytest.fixture
def closet(erp: str) -> str:
    """Let the ERP hold a shirt of three sizes, and a sale of ten M at 20.00 and six L at 22.00."""
    shirt = {"dataAreaId": "gb01", "ItemNumber": "SHIRT", "ProductSubType": "ProductMaster", "ProductType": "Item", "SalesUnitSymbol": "ea",
             "SalesSalesTaxItemGroupCode": "FULL", "SalesPrice": 25, "_unitCost": 9}
    rows = {"ReleasedProductsV2": [shirt], "ReleasedProductVariantsV2": [variant(size, names[VARIANT]) for size, names in SIZES.items()],
            "ProductBarcodesV3": [*(barcode(names[BARCODE], size) for size, names in SIZES.items()), barcode("5000099", item="TEA")]}
    WIRE.post(f"{erp}/control/seed", json={"settings": {}, "rows": rows}).raise_for_status()
    lines = [{"item": "SHIRT", "dimensions": {"ProductSizeId": size, "ProductColorId": "RED"}, "quantity": units, "price": price}
             for size, units, price in (("M", 10, "20.00"), ("L", 6, "22.00"))]
    sale = {"legalEntity": "gb01", "salesOrder": "500009", "customer": "10001", "currency": "GBP", "date": "2010-11-20", "lines": lines}
    WIRE.post(f"{erp}/control/sales", json={"orders": [sale]}).raise_for_status()
    return erp


def worn(erp: str, tmp_path: Path, sku: str, mode: str = "A") -> World:
    """Open a world whose platform names things as the option says; its ERP is probed for that."""
    world = open_world(erp, f"sqlite:///{tmp_path / 'closet.sqlite'}", window=DAILY, mode=mode)
    profile = world.house.profiles[TENANT]
    (entity, *others) = profile.rules.entities
    rules = replace(profile.rules, entities=(replace(entity, options={**entity.options, "sku": sku}), *others))
    world.house = House(settings=world.house.settings, store=world.house.store, profiles={TENANT: replace(profile, rules=rules)})
    return world


@pytest.fixture(params=["variant", "barcode"])
def named(closet: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[World, int]]:
    """Give a world, and which of a size's names its platform sends."""
    world = worn(closet, tmp_path, request.param)
    yield world, VARIANT if request.param == "variant" else BARCODE
    world.house.close()


@pytest.fixture
def daily(closet: str, tmp_path: Path) -> Iterator[World]:
    world = worn(closet, tmp_path, "variant")
    yield world
    world.house.close()


@pytest.fixture
def scanned(closet: str, tmp_path: Path) -> Iterator[World]:
    world = worn(closet, tmp_path, "barcode")
    yield world
    world.house.close()


def good(sku: str, units: int, price: str, *, received: int | None = None, order: str | None = "500009") -> dict[str, Any]:
    return line(sku, units, price, order=order, received=received or units, grades=[("A", "RESELL", units, True)])


def notes(world: World) -> list[tuple[str, str, Decimal, Decimal]]:
    """Give what was credited: item, variant, units and net."""
    return sorted((each["item"], each["variant"], -Decimal(str(each["quantity"])), -Decimal(str(each["net"])))
                  for note in world.ledgers["creditNotes"] for each in note["lines"])


def shirts(world: World) -> dict[str, int]:
    """Give the stock of what comes back, per variant and place."""
    return {place.replace("|S1|", " ").replace("|", " "): int(units) for place, units in world.ledgers["stock"].items()
            if place.startswith("SHIRT") and units}


def test_two_sizes_come_back_each_as_itself_in_stock_and_on_the_credit_note(named: tuple[World, int]) -> None:
    world, name = named
    medium, large = SIZES["M"][name], SIZES["L"][name]
    world.tell(*life("R-1", [good(medium, 2, "20.00"), good(large, 1, "22.00")], at=world.at))

    world.pass_days(4)

    assert world.exceptions() == {}
    assert notes(world) == [("SHIRT", "L/RED", 1, Decimal("22.00")), ("SHIRT", "M/RED", 2, Decimal("40.00"))]
    assert shirts(world) == {"SHIRT/M/RED GB-DC-01 SALE": 2, "SHIRT/L/RED GB-DC-01 SALE": 1}
    assert world.state("R-1") == "settled"
    assert {row.posting.document.item for row in world.postings()
            if isinstance(row.posting.document, OrderLine | Receipt | CreditNote) and row.posting.document.sku == medium} == {
        ErpItem(number="SHIRT", dimensions=(("ProductSizeId", "M"), ("ProductColorId", "RED")))}
    on_hand = {row["ProductSizeId"]: row["OnHandQuantity"] for row in world.rows("WarehousesOnHandV2")
               if row["ItemNumber"] == "SHIRT" and row["OnHandQuantity"]}
    assert on_hand == {"M": 2, "L": 1}


@pytest.mark.parametrize("mode", ["B", "C"])
def test_whoever_receives_a_size_it_is_that_size(closet: str, tmp_path: Path, mode: str) -> None:
    world = worn(closet, tmp_path, "variant", mode)
    world.tell(*life("R-1", [good("SHIRT-M", 2, "20.00"), good("SHIRT-L", 1, "22.00")], at=world.at))
    world.pass_days(2)

    if mode == "B":
        world.arrive()
    world.pass_days(3)
    world.house.close()

    assert world.exceptions() == {}
    assert notes(world) == [("SHIRT", "L/RED", 1, Decimal("22.00")), ("SHIRT", "M/RED", 2, Decimal("40.00"))]
    assert shirts(world) == {"SHIRT/M/RED GB-DC-01 SALE": 2, "SHIRT/L/RED GB-DC-01 SALE": 1}


def test_a_size_that_was_changed_on_the_order_is_not_credited_until_somebody_has_compared(closet: str, tmp_path: Path) -> None:
    world = worn(closet, tmp_path, "variant", "B")
    world.tell(*life("R-1", [good("SHIRT-M", 1, "20.00")], at=world.at))
    world.pass_days(2)
    (row,) = world.rows("ReturnOrderLinesV2")
    changed = {name: value for name, value in row.items() if name[0] != "@"} | {"ProductSizeId": "L"}
    world.control("seed", {"rows": {"ReturnOrderLinesV2": [changed]}})

    world.arrive()
    world.later(7 * 60 - 31)  # before the jobs of the night
    world.pass_days(3)
    told = world.exceptions()
    world.house.close()

    assert told == {"ARRIVAL_DIFFERS": 1}
    assert notes(world) == []


def test_surplus_of_two_sizes_is_two_lines_of_one_journal(named: tuple[World, int]) -> None:
    world, name = named
    world.tell(*life("R-1", [good(SIZES["M"][name], 1, "20.00", received=3), good(SIZES["L"][name], 1, "22.00", received=2)], at=world.at))

    world.pass_days(4)

    assert shirts(world) == {"SHIRT/M/RED GB-DC-01 SALE": 1, "SHIRT/L/RED GB-DC-01 SALE": 1,
                             "SHIRT/M/RED GB-DC-01 QUAR": 2, "SHIRT/L/RED GB-DC-01 QUAR": 1}
    kept = [row for row in world.postings() if isinstance(row.posting.document, Adjustment)]
    assert [row.state for row in kept] == [PostingState.VERIFIED] * 2
    assert len({row.document.number for row in kept if row.document}) == 1
    assert sorted((row.document.quantity, row.document.cost) for row in kept if row.document) == [(1, 9), (2, 18)]


@pytest.mark.parametrize("kind", ["answer-lost", "late-commit", "cut-body"])
@pytest.mark.parametrize("where", [
    {"path": r"\$batch", "body": "POST [^ ]*/ReturnOrderLinesV2 "}, {"path": "ImportFromPackage"}], ids=["lines", "imports"])
def test_a_lost_answer_about_a_size_finds_that_size_again(daily: World, kind: str, where: dict[str, str]) -> None:
    daily.tell(*life("R-1", [good("SHIRT-M", 2, "20.00", received=3), good("SHIRT-L", 2, "22.00", received=3)], at=daily.at))
    daily.arm(kind, **where, times=2)

    daily.pass_evenings(6)

    assert notes(daily) == [("SHIRT", "L/RED", 2, Decimal("44.00")), ("SHIRT", "M/RED", 2, Decimal("40.00"))]
    assert shirts(daily) == {"SHIRT/M/RED GB-DC-01 SALE": 2, "SHIRT/L/RED GB-DC-01 SALE": 2,
                             "SHIRT/M/RED GB-DC-01 QUAR": 1, "SHIRT/L/RED GB-DC-01 QUAR": 1}
    assert daily.exceptions() == {"SURPLUS": 2}


@pytest.mark.parametrize("option", ["item", "variant"])
def test_a_sku_that_names_the_shirt_and_no_size_is_held(closet: str, tmp_path: Path, option: str) -> None:
    world = worn(closet, tmp_path, option)
    world.tell(*life("R-1", [good("SHIRT", 1, "20.00"), good("TEA", 1, "4.25", order="500001")], at=world.at))

    world.pass_days(4)
    world.house.close()

    assert world.exceptions() == {"VARIANT_UNKNOWN": 1}
    assert notes(world) == [("TEA", "", 1, Decimal("4.25"))]
    assert shirts(world) == {}


def test_a_size_nobody_sold_is_neither_credited_nor_restocked_as_another(daily: World) -> None:
    daily.tell(*life("R-1", [good("SHIRT-XL", 1, "20.00")], at=daily.at), *life("R-2", [good("shirt-m", 1, "20.00")], at=daily.at))

    daily.pass_days(4)

    assert daily.exceptions() == {"ORDER_LINE_UNKNOWN": 1, "SKU_UNKNOWN": 1}
    assert (notes(daily), shirts(daily)) == ([], {})


def test_a_barcode_on_two_sizes_of_a_box_or_of_a_size_not_released_is_held(scanned: World) -> None:
    scanned.control("seed", {"rows": {"ProductBarcodesV3": [
        barcode("5000009", "M"), barcode("5000009", "L"), barcode("5000010", "S"), barcode("5000011", "M", unit="box")]}})
    codes = ("5000009", "5000010", "5000011")
    scanned.tell(*(each for code in codes for each in life(f"R-{code}", [good(code, 1, "20.00")], at=scanned.at)),
                 *life("R-1", [good("5000099", 1, "4.25", order="500001"), good("CUP", 1, "2.95", order="500001")], at=scanned.at))

    scanned.pass_days(4)

    told = {finding.code: finding.sentence for row in scanned.open() for finding in row.case.findings}
    assert told == {"SKU_AMBIGUOUS": "SKU '5000009' names SHIRT/L/RED and SHIRT/M/RED in gb01.",
                    "VARIANT_UNKNOWN": "SKU '5000010' is SHIRT/S/RED, and gb01 has released no such variant.",
                    "ORDER_LINE_UNKNOWN": "Order 500009 sold no '5000010'.",
                    "UNIT_UNKNOWN": "SKU '5000011' counts box, the item is sold by ea."}
    assert notes(scanned) == [("CUP", "", 1, Decimal("2.95")), ("TEA", "", 1, Decimal("4.25"))]
    assert shirts(scanned) == {}


def test_two_barcodes_of_one_size_are_one_size_however_they_came(scanned: World) -> None:
    scanned.control("seed", {"rows": {"ProductBarcodesV3": [barcode("5000008", "L")]}})
    scanned.tell(*life("R-1", [good("5000002", 3, "22.00", received=4)], at=scanned.at),
                 *life("R-2", [good("5000008", 2, "22.00", received=4)], at=scanned.at))
    scanned.pass_days(4)
    scanned.tell(*life("R-3", [good("5000008", 2, "22.00")], at=scanned.at))

    scanned.pass_days(4)

    assert notes(scanned) == [("SHIRT", "L/RED", 2, Decimal("44.00")), ("SHIRT", "L/RED", 3, Decimal("66.00"))]
    assert shirts(scanned) == {"SHIRT/L/RED GB-DC-01 SALE": 5, "SHIRT/L/RED GB-DC-01 QUAR": 3}
    kept = [row for row in scanned.postings() if isinstance(row.posting.document, Adjustment)]
    assert [row.state for row in kept] == [PostingState.VERIFIED] * 2
    assert scanned.exceptions() == {"QUANTITY_ABOVE_SOLD": 1, "SURPLUS": 2}, "six were sold, whatever they are called"


def test_a_code_that_names_another_size_in_the_middle_of_a_return_is_held_until_it_is_mended(daily: World) -> None:
    told = good("SHIRT-M", 1, "20.00")
    daily.tell(*(message("R-1", kind, number, [told | {"grades": None}], at=daily.at)
                 for number, kind in enumerate(("ReturnCreated", "ParcelReceived"), start=1)))
    daily.pass_days(2)
    daily.control("seed", {"rows": {"ReleasedProductVariantsV2": [variant("M", "SHIRT-M2"), variant("L", "SHIRT-M")]}})
    daily.ask_anew()

    daily.tell(message("R-1", "ReturnInspected", 3, [told], at=daily.at))
    daily.pass_days(3)

    (held,) = [finding for row in daily.open() for finding in row.case.findings if finding.code == "SKU_AMBIGUOUS"]
    assert held.sentence == "SKU 'SHIRT-M' was SHIRT/M/RED when the first document of the line was made, and is SHIRT/L/RED now."
    assert (notes(daily), shirts(daily)) == ([], {})

    daily.control("seed", {"rows": {"ReleasedProductVariantsV2": [variant("M", "SHIRT-M"), variant("L", "SHIRT-L")]}})
    daily.pass_days(3)

    assert notes(daily) == [("SHIRT", "M/RED", 1, Decimal("20.00"))]
    assert shirts(daily) == {"SHIRT/M/RED GB-DC-01 SALE": 1}


def test_a_variant_that_was_taken_off_is_held_like_an_item(daily: World) -> None:
    daily.control("seed", {"rows": {"ReleasedProductVariantsV2": [variant("M", "SHIRT-M", ProductLifecycleStateId="Discontinued")]}})
    daily.tell(*life("R-1", [good("SHIRT-M", 1, "20.00"), good("SHIRT-L", 1, "22.00")], at=daily.at))

    daily.pass_days(4)

    assert daily.exceptions() == {"SKU_DISCONTINUED": 1}
    assert notes(daily) == [("SHIRT", "L/RED", 1, Decimal("22.00"))]

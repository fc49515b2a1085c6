"""Is a size of a shirt the same size in every document, on the way out and on the way back?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from tests.adapters.finance_scm.yard import QUAR, Yard
from tests.journeys.stage import WIRE

from backhaul.adapters.finance_scm import erp as adapter, wire
from backhaul.adapters.finance_scm.emulator import serve
from backhaul.domain.disposition import JournalType, Outcome, Place
from backhaul.domain.errors import Misconfigured
from backhaul.domain.matching import BreakKind, classify
from backhaul.domain.posting import (
    Adjustment,
    ErpDocument,
    ErpItem,
    Issue,
    OrderLine,
    Pending,
    Posted,
    Posting,
    PostingBatch,
    PostingKey,
    PostingKind,
    Receipt,
    Rejected,
    ReturnOrder,
    Transfer,
    Unconfirmed,
)
from backhaul.domain.rules import Surplus, Tolerances
from backhaul.domain.validation import Item, ItemState, Questions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backhaul.domain.posting import Document

K = PostingKind
HUB = Place(warehouse="HUB", location="IN")


def size(letter: str, color: str = "RED") -> ErpItem:
    return ErpItem(number="SHIRT", dimensions=(("ProductSizeId", letter), ("ProductColorId", color)))


def variant(letter: str, **more: str) -> dict[str, str]:
    return {"ProductMasterNumber": "SHIRT", "ItemNumber": "SHIRT", "ProductSizeId": letter, "ProductColorId": "RED",
            "ProductVariantNumber": f"SHIRT-{letter}", **more}


def barcode(code: str, letter: str = "", item: str = "SHIRT", unit: str = "ea", quantity: int = 1) -> dict[str, Any]:
    return {"ItemNumber": item, "ProductSizeId": letter, "ProductColorId": "RED" if letter else "", "ProductQuantityUnitSymbol": unit,
            "BarcodeSetupId": "EAN", "Barcode": code, "ProductQuantity": quantity}


SHIRTS: dict[str, Any] = {"rows": {
    "ReleasedProductsV2": [{"ItemNumber": "SHIRT", "ProductSubType": "ProductMaster", "SalesUnitSymbol": "ea", "_unitCost": 9},
                           {"ItemNumber": "6", "SalesUnitSymbol": "ea", "_unitCost": 1}],
    "ReleasedProductVariantsV2": [variant("M"), variant("L"), variant("S", ProductLifecycleStateId="Discontinued")],
    "ProductBarcodesV3": [
        barcode("1", "M"), barcode("2", "L"), barcode("3", "M"), barcode("4", "M"), barcode("4", "L"), barcode("5", "XL"),
        barcode("6", "M"), barcode("7", item="m"), barcode("8"), barcode("9", "M", quantity=6), barcode("10", "M", unit="box")],
    "Warehouses": [{"WarehouseId": "HUB", "OperationalSiteId": "S1"}],
    "WarehouseLocations": [{"WarehouseId": "HUB", "WarehouseLocationId": "IN"}]}}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(tmp_path_factory.mktemp("erp") / "fscm.sqlite") as running:
        yield running.base_url


@pytest.fixture
def closet(url: str) -> Yard:
    """Give a yard whose ERP holds a shirt of three sizes, and whose SKUs are variant numbers."""
    WIRE.post(f"{url}/control/reset", json={}, timeout=10).raise_for_status()
    yard = Yard(url, sku="variant")
    yard.control("seed", SHIRTS)
    return yard


def option(yard: Yard, sku: str, **more: str) -> Yard:
    entity = yard.rules.entities[0]
    yard.erp = adapter.connect(replace(entity, options={**entity.options, "sku": sku, **more}), yard.rules, {"client_secret": "secret"})
    return yard


def items(yard: Yard, *codes: str, orders: tuple[str, ...] = ()) -> dict[str, Item]:
    return dict(yard.erp.master_data(Questions(legal_entity="usmf", items=frozenset(codes), orders=frozenset(orders))).items)


# --- what a code names


def test_a_variant_number_names_its_item_and_its_dimensions_and_a_plain_item_itself(closet: Yard) -> None:
    told = items(closet, "SHIRT-M", "SHIRT-S", "SHIRT", "m", "SHIRT-XL", "shirt-l")

    assert told == {
        "SHIRT-M": Item(number="SHIRT-M", erp=size("M"), unit="ea"),
        "SHIRT-S": Item(number="SHIRT-S", erp=size("S"), unit="ea", state=ItemState.DISCONTINUED),
        "SHIRT": Item(number="SHIRT", needs_variant=True, unit="ea"), "m": Item(number="m", unit="ea")}


def test_a_barcode_names_a_variant_or_several_or_counts_another_unit(closet: Yard) -> None:
    told = items(option(closet, "barcode"), *map(str, range(1, 11)), "m")

    assert {code: (item.erp, item.needs_variant, item.also, item.counts) for code, item in told.items()} == {
        "1": (size("M"), False, (), "ea"), "2": (size("L"), False, (), "ea"), "3": (size("M"), False, (), "ea"),
        "4": (None, False, ("SHIRT/L/RED", "SHIRT/M/RED"), ""), "5": (size("XL"), True, (), "ea"),
        "6": (None, False, ("6", "SHIRT/M/RED"), ""), "7": (ErpItem(number="m"), False, (), "ea"),
        "8": (ErpItem(number="SHIRT"), True, (), "ea"), "9": (size("M"), False, (), "6 ea"), "10": (size("M"), False, (), "box"),
        "m": (None, False, (), "")}


def test_a_stop_of_the_item_stops_its_variants(closet: Yard) -> None:
    closet.control("seed", {"rows": {"ProductDefaultOrderSettings": [{"ItemNumber": "SHIRT", "IsSalesProcessingStopped": "Yes"}]}})

    assert items(closet, "SHIRT-M")["SHIRT-M"].state is ItemState.BLOCKED


def test_codes_cost_one_more_call_and_none_while_they_are_remembered(closet: Yard) -> None:
    items(closet, "m")
    before = closet.erp.odata.calls
    items(closet, "SHIRT-M", "m")
    first = closet.erp.odata.calls - before

    items(closet, "SHIRT-M", "m")

    assert (first, closet.erp.odata.calls - before - first) == (2, 1)


def test_a_sale_is_told_by_the_codes_that_were_asked_for_and_returns_by_hand_count_for_their_size(closet: Yard) -> None:
    lines = [{"item": "SHIRT", "dimensions": {"ProductSizeId": letter, "ProductColorId": "RED"}, "quantity": 4, "price": "20"}
             for letter in "ML"]
    closet.control("sales", {"orders": [{"legalEntity": "usmf", "salesOrder": "SO1", "customer": "C1", "currency": "GBP",
                                         "date": "2024-12-20", "warehouse": "RET", "lines": lines}]})
    head = closet.write("ReturnOrderHeadersV2", {"CustomerAccountNumber": "C1", "CustomerRequisitionNumber": "SO1",
                                                 "DefaultReturnWarehouseId": "RET"})
    closet.write("ReturnOrderLinesV2", {"ReturnOrderNumber": head["ReturnOrderNumber"], "ItemNumber": "SHIRT", "ProductSizeId": "L",
                                        "ProductColorId": "RED", "ReturnSalesQuantity": -1, "SalesPrice": 20})
    asked = Questions(legal_entity="usmf", items=frozenset({"1", "3", "SHIRT"}), orders=frozenset({"SO1"}))

    sale = option(closet, "barcode").erp.master_data(asked).sales["SO1"]

    assert [(line.sku, line.also, line.returned) for line in sale.lines] == [
        ("1", ("3",), 0), ("SHIRT|ProductSizeId=L|ProductColorId=RED", (), 1)]
    assert (sale.of("3"), sale.of("SHIRT")) == (sale.lines[:1], ())


# --- what is written


def posting(kind: PostingKind, document: Document, ref: str = "R1", subject: str = "line:1", *needs: PostingKey) -> Posting:
    key = PostingKey(tenant="t", legal_entity="usmf", return_ref=ref, subject=subject, kind=kind)
    return Posting(key=key, currency="GBP", accepted_at=datetime(2025, 1, 9, 12, tzinfo=UTC), document=document, needs=needs)


def came(letter: str, units: int, ref: str, sku: str = "") -> Posting:
    return posting(K.ADJUSTMENT, Adjustment(line_id="1", sku=sku or f"SHIRT-{letter}", item=size(letter), quantity=Decimal(units),
                                            place=QUAR), ref)


@pytest.mark.parametrize("by", ["package", "odata"])
def test_every_kind_of_journal_moves_the_size_it_was_told_and_no_other(closet: Yard, by: str) -> None:
    option(closet, "variant", journals_by=by)
    came_in = (came("M", 5, "R1"), came("L", 4, "R2"), came("M", 1, "R3", sku="3"))
    moved = posting(K.TRANSFER, Transfer(line_id="1", sku="SHIRT-M", item=size("M"), quantity=Decimal(2), source=QUAR, target=HUB))
    lost = posting(K.ISSUE, Issue(line_id="1", sku="SHIRT-L", item=size("L"), quantity=Decimal(1), place=QUAR,
                                  journal_type=JournalType.MOVEMENT, expected_account="605000"))

    for key, wanted in (("ZZB1", came_in), ("ZZB2", (moved,)), ("ZZB3", (lost,))):
        assert closet.post(*wanted, key=key) == [Pending(reference=key)] * len(wanted)
        closet.control("jobs/run", {"job": "inventory"})
        found = closet.find(*wanted)
        assert [document.open for document in found.values()] == [False] * len(wanted)

    assert len(closet.allocations["ZZB1"]) == 2, "two codes of one size are one line"
    assert closet.ledgers()["stock"] == {"SHIRT/M/RED|S1|RET|QUAR": 4, "SHIRT/L/RED|S1|RET|QUAR": 3, "SHIRT/M/RED|S1|HUB|IN": 2}


@pytest.mark.parametrize("fault", ["answer-lost", "late-commit"])
def test_a_journal_of_two_sizes_whose_answer_was_lost_is_found_and_comes_in_once(closet: Yard, fault: str) -> None:
    wanted = (came("M", 2, "R1"), came("L", 1, "R2"))
    closet.control("faults", {"kind": fault, "path": "ImportFromPackage", "after": 1})

    outcomes = closet.post(*wanted)
    closet.erp.find(wanted, {}, closet.batches, closet.allocations)
    again = closet.post(*wanted)
    closet.control("jobs/run", {"job": "inventory"})

    assert all(isinstance(outcome, Pending | Unconfirmed) for outcome in outcomes)
    assert not any(isinstance(outcome, Posted) for outcome in again)
    assert sorted(document.quantity or 0 for document in closet.find(*wanted).values()) == [1, 2]
    assert closet.ledgers()["stock"] == {"SHIRT/M/RED|S1|RET|QUAR": 2, "SHIRT/L/RED|S1|RET|QUAR": 1}


def returned(letter: str = "M", ref: str = "R1") -> tuple[Posting, Posting, Posting]:
    head = posting(K.ORDER, ReturnOrder(return_ref=ref, customer="C1", currency="GBP", warehouse="RET"), ref, "order:")
    line = posting(K.ORDER_LINE, OrderLine(line_id="1", sku="X", item=size(letter), quantity=Decimal(1), unit_price=Decimal(20),
                                           warehouse="RET"), ref, "line:1", head.key)
    receipt = posting(K.RECEIPT, Receipt(line_id="1", sku="X", item=size(letter), quantity=Decimal(1), condition="A", disposition="RESELL",
                                         erp_disposition="CR", place=QUAR, outcome=Outcome.NON_SELLABLE), ref, "line:1", line.key)
    return head, line, receipt


def test_an_arrival_of_another_size_is_not_taken_for_ours(closet: Yard) -> None:
    head, line, receipt = returned()
    basis: dict[PostingKey, ErpDocument] = {}
    for wanted in (head, line):
        (outcome,) = closet.erp.post(_batch(closet, wanted, basis))
        assert isinstance(outcome, Posted)
        basis[wanted.key] = outcome.document
    told = wire.arrival_line(receipt, basis[line.key], date(2025, 1, 9), closet.erp.told)
    closet.write("ItemArrivalJournalHeadersV2", {"JournalNumber": "A1", "JournalNameId": "ZZ-ARR", "JournalDescription": "ZZB9"})
    closet.write("ItemArrivalJournalLinesV2", {**_plain(told), "JournalNumber": "A1", "ProductSizeId": "L"})
    batches = {receipt.key: "ZZB9"}

    assert (told["ItemNumber"], told["ProductSizeId"], told["ProductColorId"]) == ("SHIRT", "M", "RED")
    assert closet.erp.find([receipt], basis, batches) == {}
    (entry,) = closet.control("jobs/run", {"job": "arrivals"})["log"]
    assert "another variant" in entry["message"]


def test_a_line_whose_size_somebody_changed_is_found_and_differs(closet: Yard) -> None:
    head, line, _ = returned()
    basis: dict[PostingKey, ErpDocument] = {}
    for wanted in (head, line):
        (outcome,) = closet.erp.post(_batch(closet, wanted, basis))
        assert isinstance(outcome, Posted)
        assert BreakKind.WRONG_ITEM not in {each.kind for each in classify(wanted, outcome.document, Tolerances())}
        basis[wanted.key] = outcome.document
    ids = basis[line.key].ids
    address = (f"ReturnOrderLinesV2(dataAreaId='usmf',ReturnOrderNumber='{ids['ReturnOrderNumber']}',"
               f"ReturnInventoryLotId='{ids['ReturnInventoryLotId']}')")

    closet.write(address, {"ProductSizeId": "L"}, method="PATCH")
    found = closet.erp.find([line], basis, {})

    (told,) = [each.sentence for each in classify(line, found[line.key], Tolerances()) if each.kind is BreakKind.WRONG_ITEM]
    assert told.startswith("Wanted SHIRT/M/RED for 1, the ERP has SHIRT/L/RED in ")


def _batch(yard: Yard, wanted: Posting, basis: dict[PostingKey, ErpDocument]) -> Any:
    return PostingBatch(key="ZZB1", tenant="t", legal_entity=yard.rules.entities[0].id, kind=wanted.key.kind, period="2025-01",
                        postings=(wanted,), basis=basis)


def _plain(told: dict[str, str]) -> dict[str, Any]:
    return {name: float(value) if name in {"LineNumber", "ItemQuantity"} else value for name, value in told.items() if value}


# --- what the ERP refuses, and what must be there


@pytest.mark.parametrize(("item", "says"), [
    (ErpItem(number="SHIRT"), "Inventory dimension Size is mandatory and must consequently be specified."),
    (ErpItem(number="SHIRT", dimensions=(("ProductSizeId", "M"),)), "Inventory dimension Color is mandatory"),
    (size("XXL"), "Product variant Size XXL, Color RED of item SHIRT is not released in usmf."),
    (ErpItem(number="m", dimensions=(("ProductSizeId", "M"),)), "Inventory dimension Size is not active for item m"),
])
def test_the_emulated_erp_takes_no_line_without_its_released_variant(closet: Yard, item: ErpItem, says: str) -> None:
    wanted = posting(K.ADJUSTMENT, Adjustment(line_id="1", sku="X", item=item, quantity=Decimal(1), place=QUAR))

    (outcome,) = closet.post(wanted)

    assert isinstance(outcome, Rejected)
    assert says in outcome.sentence
    assert closet.ledgers()["stock"] == {}


def test_only_the_sets_an_option_asks_are_needed(closet: Yard) -> None:
    closet.rules = replace(closet.rules, surplus={("usmf", "RET"): Surplus(place=QUAR)})

    for sku in ("item", "variant", "barcode"):
        assert option(closet, sku).erp.capabilities().missing == ()
    with pytest.raises(Misconfigured, match="option sku = 'ean'; allowed is item, variant, barcode"):
        option(closet, "ean")

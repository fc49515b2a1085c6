"""Somebody receives a line's goods by hand: people say so, the proof believes them, and we neither receive nor credit them again."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.adapters.business_central.central import Ask, Write
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.proposal import ProposalKind
from tests.journeys.stage import DAILY, TENANT, World, life, line, open_world
from tests.journeys.test_matches import agree, ask, suggested
from tests.journeys.test_proof_of_a_period import STOCK, _Stockless, change, lived, proved

D = Decimal
LINE = "C900010|POT#1"


@pytest.fixture
def world(erp: str, tmp_path: Path) -> Iterator[World]:
    """Give the December in which everything is posted already."""
    world = lived(open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=DAILY), tmp_path)
    yield world
    world.house.close()


def returned_by_hand(world: World, location: str = "SALE") -> datetime:
    """Let somebody make a return order of one pot by hand and register it, and the ERP's jobs receive and credit it; say when it began."""
    began = world.at
    head = world.write("ReturnOrderHeadersV2", {
        "dataAreaId": "gb01", "CustomerAccountNumber": "10001", "CustomersOrderReference": "by hand",
        "CustomerRequisitionNumber": "500002", "DefaultReturnWarehouseId": "GB-DC-01"})
    world.write("ReturnOrderLinesV2", {"dataAreaId": "gb01", "ReturnOrderNumber": head["ReturnOrderNumber"], "ItemNumber": "POT",
                                       "ReturnSalesQuantity": -1, "SalesPrice": 12.5})
    world.arrive(reference="by hand", warehouse="GB-DC-01", location=location, disposition="ZCREDIT")
    world.pass_evenings(2)
    return began


def announced(world: World, at: datetime, disposition: tuple[str, str] = ("A", "RESELL")) -> None:
    """Hear late of the return whose pot it is, accepted when the pot came."""
    world.tell(*life("C900010", [line("POT", 1, "12.50", order="500002", received=1, grades=[(*disposition, 1, True)])], at=at))
    world.later()


def of_side(world: World, side: str) -> dict[str, Any]:
    (told,) = [each for each in suggested(world) if each["side"] == side]
    return told


def came(world: World) -> Decimal:
    """Say how many pots ever came into stock on orders."""
    return sum((D(str(row["Qty"])) for row in world.rows(STOCK) if row["ItemId"] == "POT" and row["Qty"] > 0), D(0))


def made(world: World) -> set[str]:
    """Say how far the postings of the return came."""
    return {row.state.value for row in world.postings() if row.posting.key.return_ref == "C900010"}


def test_a_return_made_by_hand_is_the_lines_receipt_and_credit_and_neither_is_made_again(world: World) -> None:
    announced(world, returned_by_hand(world))
    before = came(world)
    told = of_side(world, "stock")
    assert (told["rule"], told["ambiguous"], told["lines"][0][:3]) == ("one to one", False, ["C900010", "POT#1", "1"])
    assert told["evidence"].endswith(
        "at GB-DC-01/SALE, on sale, as C900010|POT#1 waits for: legal entity gb01, the same customer, order 500002, item POT.")

    agree(world, ask(world, ProposalKind.PAIR, told))
    world.pass_evenings(2)
    assert (came(world), made(world) <= {"held", "planned"}) == (before, True), "nothing is received again, nor credited by us"
    (work,) = [row for row in world.open() if row.case.return_ref == "C900010"]
    assert (work.case.kind, "received by" in work.case.findings[0].sentence) == ("RECEIVED_BY_HAND", True)

    agree(world, ask(world, ProposalKind.PAIR, of_side(world, "credit")))
    proof, found = proved(world)
    assert (proof.complete, proof.orphans, proof.proved, found) == (True, 0, 6, [])

    agree(world, ask(world, ProposalKind.CLOSE, {"exception": work.id}))
    world.pass_evenings(1)
    proof, found = proved(world)
    assert (came(world), proof.complete, proof.proved, found) == (before, True, 6, [])


def test_goods_received_by_hand_wait_for_their_credit_and_are_received_by_us_once_the_match_is_revoked(world: World) -> None:
    announced(world, returned_by_hand(world))
    before = came(world)
    agree(world, ask(world, ProposalKind.PAIR, of_side(world, "stock")))
    world.pass_evenings(1)

    proof, found = proved(world)
    assert proof.awaited["DECISION_AWAITED"][0] == 2
    assert (proof.orphans, [each.kind for each in found]) == (1, ["DUPLICATE_BY_HAND"]), "the credit by hand, like that of another pot"

    agree(world, ask(world, ProposalKind.UNPAIR, {"match": 1}))
    world.pass_evenings(4)
    assert came(world) == before + 1
    assert "EXTRA_IN_ERP" in [each.kind for each in proved(world)[1]]


def test_damaged_goods_that_were_received_on_sale_stay_damaged_on_sale_when_they_are_matched(world: World) -> None:
    announced(world, returned_by_hand(world), ("B", "OUTLET"))
    told = of_side(world, "stock")
    assert told["evidence"].endswith("The goods do not lie as they should, which stays a break: DAMAGED_ON_SALE, WRONG_LOCATION.")

    agree(world, ask(world, ProposalKind.PAIR, told))
    world.pass_evenings(1)

    _, found = proved(world)
    assert {kind for each in found if each.line == LINE for kind in (each.kind, *each.also)} >= {"DAMAGED_ON_SALE"}


def test_a_receipt_is_of_no_line_for_which_documents_of_ours_are_on_their_way(world: World) -> None:
    began = returned_by_hand(world)
    announced(world, began)
    told = of_side(world, "stock")
    asked = ask(world, ProposalKind.PAIR, told)
    world.pass_evenings(1)

    for late in (lambda: agree(world, asked), lambda: ask(world, ProposalKind.PAIR, told)):
        with pytest.raises(NeedsOperator, match=r"C900010\|POT#1: our .*, so that this receipt would be a second one"):
            late()


def test_goods_that_our_own_credit_never_brought_in_are_found_received_by_hand_and_nobody_waits(world: World) -> None:
    pot = next(row for row in world.rows(STOCK) if row["ItemId"] == "POT" and row["Qty"] == 1)
    change(world, STOCK, pot, Qty=0)
    assert [(each.line, each.kind) for each in proved(world)[1]] == [("C900002|POT#1", "CREDIT_WITHOUT_STOCK")]
    change(world, STOCK, pot, SourceKey=990_001, ReferenceId="RMA-HAND", InventTransId="LOT-HAND")

    agree(world, ask(world, ProposalKind.PAIR, of_side(world, "stock")))
    world.pass_evenings(1)

    proof, found = proved(world)
    assert (proof.complete, proof.orphans, found) == (True, 0, [])
    assert [row for row in world.open() if row.case.return_ref == "C900002"] == []
    desk = world.house.desk(TENANT, "gb01")
    world.house.adopt(replace(desk, erp=_Stockless(desk.erp)))  # type: ignore[arg-type]  the proof asks it nothing else
    assert proved(world)[0].reasons == ("gb01: the stock side cannot be read",), "what was not read did not fall"


def test_a_line_that_is_closed_without_a_credit_is_shown_as_goods_nobody_accepted(world: World) -> None:
    announced(world, returned_by_hand(world))
    agree(world, ask(world, ProposalKind.PAIR, of_side(world, "stock")))
    world.pass_evenings(1)
    (work,) = [row for row in world.open() if row.case.return_ref == "C900010"]

    agree(world, ask(world, ProposalKind.CLOSE, {"exception": work.id}))
    world.pass_evenings(1)

    assert (LINE, "REJECTED_BUT_RECEIVED") in [(each.line, each.kind) for each in proved(world)[1]]


def test_a_receipt_that_somebody_takes_elsewhere_is_not_the_one_that_was_confirmed(world: World) -> None:
    announced(world, returned_by_hand(world))
    before = came(world)
    agree(world, ask(world, ProposalKind.PAIR, of_side(world, "stock")))
    pot = max((row for row in world.rows(STOCK) if row["ItemId"] == "POT" and row["Qty"] == 1), key=lambda row: row["SourceKey"])
    change(world, STOCK, pot, WMSLocationId="OUTLET")
    world.pass_evenings(2)

    (said,) = proved(world)[0].reasons
    assert said.startswith(f"match 1 of {LINE}: {pot['VoucherPhysical']} is not in the books as ann and bob confirmed it")
    assert came(world) == before, "the goods may still have come"


def test_a_memo_by_hand_in_business_central_is_the_lines_receipt_and_credit(central_erp: str, tmp_path: Path) -> None:
    world = open_world(central_erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=DAILY, mode="C", kind="business-central")
    lived(world, tmp_path)
    central: Any = world.house.desk(TENANT, "gb01").erp.central  # type: ignore[attr-defined]  of the adapter
    ((place,),) = central.read([Ask(entity_set="locations", select=("id", "code"), where="code eq 'GB-DC-01'")])
    (memo,) = central.write([Write(method="POST", address="salesCreditMemos", body={"customerNumber": "10001"})])
    central.write([Write(method="POST", address="salesCreditMemoLines", body={
        "documentId": memo.body["id"], "lineType": "Item", "lineObjectNumber": "POT", "locationId": place["id"], "quantity": 1,
        "unitPrice": 12.5})])
    assert central.act(f"salesCreditMemos({memo.body['id']})/Microsoft.NAV.post").status == 204
    announced(world, world.at)

    told = [of_side(world, side) for side in ("stock", "credit")]
    assert all("the same customer" in each["evidence"] for each in told)

    for each in told:
        agree(world, ask(world, ProposalKind.PAIR, each))
    world.pass_evenings(2)

    proof, found = proved(world)
    assert (proof.proved, proof.orphans, found) == (6, 0, [])
    assert made(world) <= {"held", "planned"}
    world.house.close()

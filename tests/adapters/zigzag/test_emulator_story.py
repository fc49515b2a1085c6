"""What the emulator's events say, in both shapes and as flat rows."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from backhaul.adapters.zigzag.emulator.credit_lines import CreditLine, CreditNote, read_folder
from backhaul.adapters.zigzag.emulator.rule import Grade, LinePlan, ReturnPlan, plan_return
from backhaul.adapters.zigzag.emulator.story import Json, flat_rows, tell, whole
from backhaul.adapters.zigzag.emulator.truth import truth_of

EXAMPLES = Path(__file__).parents[3] / "examples"


def line(sku: str, quantity: int, price: str, *, goods: bool = True) -> CreditLine:
    order = "536374" if goods else None
    return CreditLine(sku=sku, description="", quantity=Decimal(quantity), unit_price=price, order=order, goods=goods)


def day(number: int) -> datetime:
    return datetime(2011, 1, number, 9, 0, tzinfo=UTC)


@pytest.fixture
def told() -> list[Json]:
    """A return of five mugs, one of them rejected and one short, a kept card and the postage."""
    note = CreditNote(
        number="C536379",
        customer="14527",
        country="United Kingdom",
        at=day(1),
        lines=(line("MUG", 5, "2.00"), line("CARD", 2, "0.50"), line("POST", 1, "3.00", goods=False)),
    )
    accepted = Grade(condition="A", disposition="RESELL", quantity=Decimal(3))
    rejected = Grade(condition="C", disposition="QUARANTINE", quantity=Decimal(1), accepted=False)
    kept = Grade(condition="NONE", disposition="KEEP", quantity=Decimal(2))
    plan = ReturnPlan(
        warehouse="GB-DC-01",
        registered=day(1),
        labelled=day(2),
        scanned=day(3),
        refunded=day(4),
        received=day(5),
        inspected=day(6),
        completed=day(7),
        lines=(
            LinePlan(reason=1, received=Decimal(4), grades=(accepted, rejected)),
            LinePlan(reason=2, kept=True, grades=(kept,)),
            LinePlan(reason=3),
        ),
    )
    return [event.body for event in tell(note, plan, "QX501")]


def test_a_return_tells_its_life_in_order(told: list[Json]) -> None:
    names = [body["eventType"] for body in told]

    assert names == [
        "ReturnCreated", "LabelIssued", "CarrierFirstScan", "RefundIssued", "ParcelReceived", "ReturnInspected",
        "ReturnCompleted",
    ]  # fmt: skip
    assert [body["sequence"] for body in told] == [1, 2, 3, 4, 5, 6, 7]
    assert len({body["eventId"] for body in told}) == 7
    assert told[0]["occurredAt"] == "2011-01-01T09:00:00Z"


def test_a_kept_item_is_graded_at_registration_and_never_received(told: list[Json]) -> None:
    cards = [body["return"]["lines"][1] for body in told]

    assert all(card["grades"][0]["disposition"] == "KEEP" for card in cards)
    assert all(card["quantityReceived"] is None for card in cards)


def test_quantities_appear_when_they_are_known(told: list[Json]) -> None:
    mugs = [body["return"]["lines"][0] for body in told]

    assert [mug["quantityReceived"] for mug in mugs] == [None, None, None, None, 4, 4, 4]
    assert [mug["grades"] is None for mug in mugs] == [True] * 5 + [False] * 2


def test_a_refund_at_first_scan_is_gross_and_stays_told(told: list[Json]) -> None:
    refunds = [body["return"]["refund"] for body in told]

    assert refunds[:3] == [None, None, None]
    assert {refund["amount"] for refund in refunds[3:]} == {"16.80"}


def test_the_truth_at_the_end_adds_up_to_what_was_announced(told: list[Json]) -> None:
    truth = truth_of(told[-1], [True, True, False])
    amounts = {key: Decimal(value) for key, value in truth["amounts"].items()}

    assert truth["lines"][0]["accepted"] == {"RESELL": 3}
    assert (truth["lines"][0]["rejected"], truth["lines"][0]["short"]) == (1, 1)
    assert truth["lines"][2]["serviceDue"] == 1
    assert amounts["announcedNet"] == Decimal("14.00")
    assert amounts["acceptedNet"] + amounts["rejectedNet"] + amounts["shortNet"] == amounts["announcedNet"]
    assert amounts["waitingNet"] == 0


def test_before_inspection_goods_and_services_are_waiting(told: list[Json]) -> None:
    truth = truth_of(told[0], [True, True, False])

    assert [line["waiting"] for line in truth["lines"]] == [5, 0, 1]
    assert truth["amounts"]["waitingNet"] == "13.00"


def test_the_other_shape_says_the_same_without_type_or_id(told: list[Json]) -> None:
    changed = whole(told[-1])

    assert not {"eventId", "eventType"} & changed.keys()
    assert (changed["ReturnId"], changed["Status"]) == ("C536379", "COMPLETED")
    assert changed["Lines"][0]["qty_received"] == 4
    assert changed["Lines"][0]["Grades"][1]["Outcome"] == "REJECTED"
    assert changed["Refund"]["Amount"] == "16.80"


def test_a_flat_row_stands_for_one_line_of_one_event(told: list[Json]) -> None:
    rows = list(flat_rows(told))

    assert len(rows) == 21
    assert len({tuple(row) for row in rows}) == 1
    assert rows[-3]["grade2Outcome"] == "REJECTED"
    assert rows[0]["quantityReceived"] == ""


def test_awkward_quantities_are_told_as_they_are() -> None:
    notes = {note.number: note for note in read_folder(EXAMPLES / "edge-cases")}

    said = {
        number: next(tell(notes[number], plan_return(notes[number]), "QX501")).body["return"]["lines"][0]
        for number in ("C900005", "C900007", "C900008")
    }

    assert [said[number]["quantity"] for number in sorted(said)] == [74215, 1.5, 0]

"""The odd credit lines of `examples/edge-cases`, from the platform over the webhook to the ledger."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest

from backhaul.application.process import Picture, pictures
from backhaul.entrypoints import worker
from backhaul.entrypoints.demo.run import Stage, set_stage
from tests.journeys.stage import EXAMPLES, TENANT

FOLDER = EXAMPLES / "edge-cases"
DAYS = [day for month in (2, 3, 4) for day in (datetime(2011, month, number, tzinfo=UTC) for number in (2, 6, 10, 15, 20, 25, 27, 28))]
"""The evenings on which turns are taken: enough for what the platform says, and both of those on which the period's window may close."""


class Told:
    """The edge cases played to their end, read once for all tests of this module."""

    def __init__(self, stage: Stage) -> None:
        self.now = datetime.combine(datetime(2011, 5, 2, tzinfo=UTC), time(18, 30), tzinfo=UTC)
        days = sorted({*DAYS, *[datetime(2011, month, last, tzinfo=UTC) for month, last in ((3, 30), (3, 31), (4, 29), (4, 30))]})
        for day in (*days, self.now):
            now = day.replace(hour=18, minute=30)
            stage.control(stage.erp, "clock", {"now": now.isoformat()})
            stage.control(stage.platform, "clock", {"now": now.isoformat()})
            worker.turn(stage.house, TENANT, now)
        rules = stage.house.profiles[TENANT].rules
        with stage.house.store.begin() as tx:
            self.known: dict[str, Picture] = pictures(tx, rules, sorted(tx.cases(TENANT)))
            self.exceptions = tx.exceptions(TENANT)
        self.placed = {ref: picture.placements(rules, self.now) for ref, picture in self.known.items()}
        self.credits = [(note["customer"], line["item"], -Decimal(str(line["quantity"])), -Decimal(str(line["net"])))
                        for note in stage.control(stage.erp, "ledgers")["creditNotes"] for line in note["lines"]]
        with (FOLDER / "credit-lines.csv").open(encoding="utf-8", newline="") as file:
            self.lines = list(csv.DictReader(file))

    def holds(self, ref: str) -> set[str]:
        return {finding.code for row in self.exceptions if row.case.return_ref == ref for finding in row.case.findings}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with pytest.MonkeyPatch.context() as environment:
        for name in ("BACKHAUL_ERP_URL", "BACKHAUL_ERP_TOKEN_URL", "BACKHAUL_ERP_SECRET", "BACKHAUL_ZIGZAG_SECRET"):
            environment.setenv(name, "secret")
        with set_stage(tmp_path_factory.mktemp("edge") / "state", data=FOLDER) as stage:
            yield Told(stage)


def test_every_line_is_placed_and_the_places_add_up_to_the_input(told: Told) -> None:
    total = sum((Decimal(line["Quantity"]) * Decimal(line["UnitPrice"]) for line in told.lines), Decimal(0))
    tiny = [line for line in told.lines if Decimal(line["UnitPrice"]) < Decimal("0.01")]

    placed = sum((each.net for places in told.placed.values() for each in places), Decimal(0))
    rounding = sum((Decimal(line["Quantity"]) * Decimal(line["UnitPrice"]) for line in tiny), Decimal(0))

    assert set(told.known) == {line["InvoiceNo"] for line in told.lines}
    assert sum(len(picture.case.lines) for picture in told.known.values()) == len(told.lines)
    assert abs(placed - total) <= abs(rounding) + Decimal("0.005") * len(tiny)
    assert placed.quantize(Decimal("0.01")) == total.quantize(Decimal("0.01"))


def test_each_return_has_as_many_units_in_places_as_were_announced(told: Told) -> None:
    for ref, picture in told.known.items():
        announced = sum((line.announced for line in picture.case.lines), Decimal(0))
        assert sum((each.quantity for each in told.placed[ref]), Decimal(0)) == announced, ref


def test_codes_that_differ_in_case_only_never_meet(told: Told) -> None:
    small = [line for line in told.known["C900002"].case.lines if line.sku == "85099b"]
    large = [line for line in told.known["C900002"].case.lines if line.sku == "85099B"]

    credited = {item: units for _, item, units, _ in told.credits if item.casefold() == "85099b"}

    assert [line.announced for line in small] == [3]
    assert [line.announced for line in large] == [4]
    assert credited in ({"85099B": 4}, {})
    assert told.holds("C900002") & {"SKU_UNKNOWN", "ORDER_LINE_UNKNOWN"}


def test_manual_lines_in_two_cases_stay_two_lines(told: Told) -> None:
    (first, second) = sorted(told.known["C900001"].case.lines, key=lambda line: line.sku)

    assert (first.sku, first.announced, second.sku, second.announced) == ("M", 2, "m", 1)
    assert told.holds("C900001") <= {"UNMAPPED_FEE", "SKU_UNKNOWN", "ORDER_MISSING"}


def test_a_tenth_of_a_penny_is_rounded_once(told: Told) -> None:
    assert all(net == net.quantize(Decimal("0.01")) for _, _, _, net in told.credits)
    assert sum((each.net for each in told.placed["C900003"]), Decimal(0)) in {
        Decimal("-0.004"), Decimal("-0.003"), Decimal("-0.001"), Decimal(0)}


@pytest.mark.parametrize("ref", ["C900007", "C900008"])
def test_fractions_of_a_piece_and_no_piece_are_held(told: Told, ref: str) -> None:
    assert told.holds(ref) == {"IMPLAUSIBLE_QUANTITY"}


def test_of_thirty_credits_of_twenty_sold_at_most_twenty_are_given(told: Told) -> None:
    units = sum((units for _, item, units, _ in told.credits if item == "EDGE-OVER"), Decimal(0))
    above = [row for row in told.exceptions if row.case.kind == "QUANTITY_ABOVE_SOLD"]

    assert units <= 20
    assert len(above) + units >= 30 - sum(
        ref.startswith("C9001") and picture_state(told, ref) in {"waiting", "closed"} for ref in told.known)


def picture_state(told: Told, ref: str) -> str:
    places = {each.where.value for each in told.placed[ref]}
    return "waiting" if "waiting" in places else "closed" if "rejected" in places else "held" if "held" in places else "credited"


def test_one_line_of_many_pieces_and_one_item_at_two_prices_are_exact(told: Told) -> None:
    many = told.known["C900005"].case.lines
    twice = [(line.announced, line.unit_price) for line in told.known["C900006"].case.lines]

    assert [(line.announced, line.net) for line in many] == [(Decimal(74215), Decimal("77183.60"))]
    assert sorted(twice) == [(Decimal(2), Decimal("4.76")), (Decimal(2), Decimal("5.95"))]
    assert sum((each.net for each in told.placed["C900006"]), Decimal(0)) == Decimal("-21.42")


def test_odd_text_is_carried_unchanged(told: Told) -> None:
    described = {line.description for line in told.known["C900004"].case.lines}

    assert described == {line["Description"] for line in told.lines if line["InvoiceNo"] == "C900004"}


def test_the_last_turn_was_late_enough(told: Told) -> None:
    assert told.now - timedelta(days=60) > datetime(2011, 2, 3, tzinfo=UTC)

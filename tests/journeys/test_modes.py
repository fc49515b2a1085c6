"""Whoever receives the goods, people or the invoice: credit follows acceptance once, and what was done otherwise is seen in time."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from backhaul.application import resolve
from backhaul.application.ports import PostingState
from backhaul.domain.errors import Misconfigured
from backhaul.domain.posting import PostingKind, Receipt
from backhaul.domain.rules import Close, Window
from tests.journeys.stage import TENANT, World, life, line, message, open_world

DAILY = Window(close=Close.DAILY)
BEFORE_THE_JOBS = 7 * 60
"""Minutes from our evening turn until after one in the morning, when nobody's job has run yet."""


@pytest.fixture
def by_hand(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'b.sqlite'}", window=DAILY, mode="B")
    yield world
    world.house.close()


@pytest.fixture
def by_invoice(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'c.sqlite'}", window=DAILY, mode="C")
    yield world
    world.house.close()


def stock(world: World) -> dict[str, int]:
    return {place.replace("|S1|GB-DC-01|", " "): int(units) for place, units in world.ledgers["stock"].items() if units}


def receipts(world: World) -> list[PostingState]:
    return [row.state for row in world.postings() if isinstance(row.posting.document, Receipt)]


def quarantined(world: World, units: int = 2) -> None:
    """Let damaged goods be accepted for quarantine, and their order line be written."""
    world.tell(*life("R-1", [line("POT", units, "12.50", order="500002", received=units, grades=[("C", "QUARANTINE", units, True)])],
                     at=world.at))
    world.turn()
    world.pass_days()


def retry_all(world: World) -> None:
    route = world.house.desk(TENANT, "gb01").route
    for row in world.open():
        resolve.retry(world.house.store, TENANT, row.id, route=route, actor="ada", now=world.at)


# --- mode B ------------------------------------------------------------------------------------------


def test_what_people_register_as_it_was_accepted_is_credited_once_and_lies_where_the_mapping_says(by_hand: World) -> None:
    by_hand.tell(*life("R-1", [
        line("TEA", 3, "4.25", received=3, grades=[("A", "RESELL", 2, True), ("D", "SCRAP", 1, True)]),
        line("CUP", 2, "2.95", received=2, grades=[("B", "OUTLET", 1, True), ("NONE", "KEEP", 1, True)])], at=by_hand.at))
    by_hand.turn()
    by_hand.pass_days()

    by_hand.arrive()
    by_hand.pass_days(3)

    assert by_hand.credits == [("CUP", 1, Decimal("2.95")), ("CUP", 1, Decimal("2.95")), ("TEA", 1, Decimal("4.25")),
                               ("TEA", 2, Decimal("8.50"))]
    assert stock(by_hand) == {"TEA SALE": 2, "CUP OUTLET": 1}
    assert by_hand.exceptions() == {}
    assert by_hand.control("calls")["by"].get("POST ImportFromPackage") is None, "a receipt is never sent"


def test_the_erp_has_nothing_to_credit_before_the_warehouse_accepted(by_hand: World) -> None:
    told = life("R-1", [line("TEA", 3, "4.25", received=3, grades=[("A", "RESELL", 2, True)])], at=by_hand.at)
    by_hand.tell(*told[:2])
    by_hand.pass_days(2)
    early = by_hand.arrive()

    by_hand.tell(*told[2:])
    by_hand.pass_days(2)
    registered = by_hand.arrive()
    by_hand.pass_days(3)

    assert early == [], "there is no line somebody could register"
    assert [row["ReturnSalesQuantity"] for row in registered] == [-2], "three were announced, two accepted"
    assert by_hand.credits == [("TEA", 2, Decimal("8.50"))]


def test_what_nobody_registers_is_told_after_the_deadline_and_found_all_the_same_later(by_hand: World) -> None:
    quarantined(by_hand)
    by_hand.pass_days(5)
    overdue = by_hand.exceptions()

    by_hand.arrive()
    by_hand.pass_days(3)

    assert overdue == {"OVERDUE_IN_ERP": 1}
    assert by_hand.credits == [("POT", 2, Decimal("25.00"))]
    assert by_hand.exceptions() == {}


@pytest.mark.parametrize(("told", "kind"), [
    ({"quantity": 1}, "ARRIVAL_DIFFERS"), ({"disposition": "ZOUTLET"}, "ARRIVAL_DIFFERS"), ({"location": "OUTLET"}, "ARRIVAL_DIFFERS"),
    ({"warehouse": "GB-DC-02", "location": "QUAR"}, "ARRIVAL_DIFFERS"), ({"location": "SALE"}, "DAMAGED_ON_SALE"),
    ({"disposition": "ZCREDIT", "location": "SALE"}, "DAMAGED_ON_SALE")], ids=str)
def test_an_arrival_that_is_not_what_was_accepted_stops_the_order_before_the_erp_credits_it(
    by_hand: World, told: dict[str, object], kind: str,
) -> None:
    quarantined(by_hand)
    by_hand.arrive(**told)

    by_hand.later(BEFORE_THE_JOBS - 31)
    by_hand.pass_days(3)

    assert by_hand.exceptions() == {kind: 1}
    assert by_hand.open()[0].case.owner == "warehouse"
    assert by_hand.open()[0].case.money.amount == Decimal("-25.00")
    assert by_hand.credits == []
    (order,) = by_hand.rows("ReturnOrderHeadersV2")
    assert order["IsReturnProcessingStopped"] == "Yes"
    assert receipts(by_hand) == [PostingState.REJECTED]


def test_a_partial_arrival_goes_on_once_the_rest_is_registered_and_the_stop_is_lifted(by_hand: World) -> None:
    quarantined(by_hand)
    by_hand.arrive(quantity=1)
    by_hand.later(BEFORE_THE_JOBS - 31)
    stopped = by_hand.exceptions()

    by_hand.arrive()
    (order,) = by_hand.rows("ReturnOrderHeadersV2")
    lifted = {name: value for name, value in order.items() if "@" not in name} | {"IsReturnProcessingStopped": "No"}
    by_hand.control("seed", {"rows": {"ReturnOrderHeadersV2": [lifted]}})
    retry_all(by_hand)
    by_hand.pass_days(3)

    assert stopped == {"ARRIVAL_DIFFERS": 1}
    assert by_hand.credits == [("POT", 1, Decimal("12.50"))] * 2
    assert by_hand.placed() == {"credited_non_sellable": Decimal("-25.00")}
    assert by_hand.exceptions() == {}


def test_an_arrival_that_differs_and_was_credited_already_is_still_told_and_nothing_is_stopped(by_hand: World) -> None:
    quarantined(by_hand)
    by_hand.arrive(disposition="ZOUTLET")
    by_hand.control("jobs/run", {"job": "packing-slip"})
    by_hand.control("jobs/run", {"job": "invoice"})
    by_hand.pass_days(2)

    assert by_hand.exceptions() == {"ARRIVAL_DIFFERS": 1}
    assert all(row.posting.key.kind is not PostingKind.STOP for row in by_hand.postings())


@pytest.mark.parametrize("fault", [{"kind": "answer-lost"}, {"kind": "late-commit", "after": 2}, {"kind": "error-after", "status": 504}],
                         ids=lambda fault: str(fault["kind"]))
def test_whatever_becomes_of_the_stop_the_order_is_stopped(by_hand: World, fault: dict[str, object]) -> None:
    quarantined(by_hand)
    by_hand.arrive(location="SALE")
    by_hand.arm(**fault, path=r"\$batch", body="PATCH [^ ]*/ReturnOrderHeadersV2")  # type: ignore[arg-type]  # a fault is a table

    for _ in range(4):
        by_hand.later(BEFORE_THE_JOBS // 4 - 6)
    by_hand.pass_days(2)

    assert by_hand.credits == []
    assert by_hand.exceptions() == {"DAMAGED_ON_SALE": 1}


# --- mode C ------------------------------------------------------------------------------------------


def test_the_invoice_receives_the_stock_and_losses_leave_it_by_one_journal(by_invoice: World) -> None:
    by_invoice.tell(*life("R-1", [
        line("TEA", 3, "4.25", received=3, grades=[("A", "RESELL", 2, True), ("D", "SCRAP", 1, True)]),
        line("CUP", 2, "2.95", received=2, grades=[("B", "OUTLET", 1, True), ("NONE", "KEEP", 1, True)])], at=by_invoice.at))

    by_invoice.pass_days(4)

    assert by_invoice.credits == [("CUP", 1, Decimal("2.95")), ("CUP", 1, Decimal("2.95")), ("TEA", 1, Decimal("4.25")),
                                  ("TEA", 2, Decimal("8.50"))]
    assert stock(by_invoice) == {"TEA SALE": 2, "CUP OUTLET": 1}
    assert by_invoice.exceptions() == {}
    assert by_invoice.rows("ReturnOrderHeadersV2") == []
    assert by_invoice.control("calls")["by"]["POST ImportFromPackage"] == 1, "both losses in one journal"


def test_a_negative_order_waits_in_its_pool_until_it_holds_exactly_the_accepted_units(by_invoice: World) -> None:
    by_invoice.tell(*life("R-1", [line("TEA", 3, "4.25", received=3, grades=[("A", "RESELL", 2, True)])], at=by_invoice.at))
    by_invoice.arm("forbidden", path=r"\$batch", body="PATCH [^ ]*/SalesOrderHeadersV2")
    by_invoice.pass_days(3)
    held = [row for row in by_invoice.rows("SalesOrderHeadersV2") if row["CustomersOrderReference"].startswith("ZZ")]

    retry_all(by_invoice)
    by_invoice.pass_days(3)

    assert [(row["SalesOrderPoolId"], row["SalesOrderStatus"]) for row in held] == [("HOLD", "Backorder")]
    assert by_invoice.credits == [("TEA", 2, Decimal("8.50"))]


def test_a_line_that_lands_late_is_neither_credited_nor_received_twice(by_invoice: World) -> None:
    by_invoice.tell(*life("R-1", [line("TEA", 3, "4.25", received=3, grades=[("A", "RESELL", 2, True)])], at=by_invoice.at))
    by_invoice.turn()
    by_invoice.arm("late-commit", after=3, path=r"\$batch", body="POST [^ ]*/SalesOrderLines ")

    by_invoice.pass_evenings(5, turns=3)

    assert by_invoice.credits == [("TEA", 2, Decimal("8.50"))]
    assert stock(by_invoice) == {"TEA SALE": 2}
    assert by_invoice.exceptions() == {}


def test_what_is_accepted_later_makes_an_order_of_its_own(by_invoice: World) -> None:
    told = life("R-1", [line("TEA", 3, "4.25", received=3, grades=[("A", "RESELL", 1, True)])], at=by_invoice.at)
    by_invoice.tell(*told[:3])
    by_invoice.pass_days(3)

    more = [line("TEA", 3, "4.25", received=3, grades=[("A", "RESELL", 3, True)])]
    by_invoice.tell(message("R-1", "ReturnInspected", 9, more, at=by_invoice.at))
    by_invoice.pass_days(3)

    assert by_invoice.credits == [("TEA", 1, Decimal("4.25")), ("TEA", 2, Decimal("8.50"))]
    assert stock(by_invoice) == {"TEA SALE": 3}


def test_damaged_goods_whose_place_has_gone_on_sale_since_are_not_sent(by_invoice: World) -> None:
    by_invoice.arm("throttle", path=r"\$batch", body="POST [^ ]*/SalesOrderHeadersV2 ", times=60)
    quarantined(by_invoice)
    rules = by_invoice.house.profiles[TENANT].rules
    places = rules.sellability.places | {place for row in rules.mapping if (place := row.place).location == "QUAR"}

    by_invoice.change_rules(sellability=type(rules.sellability)(places=places, dispositions=rules.sellability.dispositions,
                                                                conditions=rules.sellability.conditions))
    by_invoice.control("faults", {"kind": "slow", "seconds": 0})
    by_invoice.pass_days(3)

    assert by_invoice.credits == []
    assert stock(by_invoice) == {}


# --- all of them -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["D", "", "X"])
def test_a_mode_nobody_built_is_refused_at_start(erp: str, tmp_path: Path, mode: str) -> None:
    world = open_world(erp, f"sqlite:///{tmp_path / 'x.sqlite'}", mode=mode)

    with pytest.raises(Misconfigured, match=f"deployment '{mode}' is not supported here; allowed are A, B, C"):
        world.house.desk(TENANT, "gb01")
    world.house.close()

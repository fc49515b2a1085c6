"""What holds a line, whom it waits for, and how it goes on."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.application import resolve
from backhaul.domain.disposition import Circumstance, MappingRow, Outcome, Place
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.facts import Decision
from backhaul.domain.rules import Close, Window
from tests.journeys.stage import TENANT, World, life, line, open_world, sold


@pytest.fixture
def daily(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY))
    world.ask_anew()
    yield world
    world.house.close()


def good(sku: str, units: int, price: str, **more: Any) -> dict[str, Any]:
    """Write a line that came back as it was sold."""
    return line(sku, units, price, received=units, grades=[("A", "RESELL", units, True)], **more)


def money(world: World) -> list[tuple[str, int, str]]:
    return [(item, int(units), f"{net:.2f}") for item, units, net in world.credits]


def decide(world: World, decision: Decision, *, actor: str = "ada", approver: str = "ben") -> None:
    """Decide about the oldest open exception."""
    resolve.decide(world.house.store, TENANT, world.open()[0].id, decision, actor=actor, approver=approver, reason="looked at it",
                   now=world.at)


def set_item(world: World, sku: str, **stops: str) -> None:
    """Stop an item in the ERP, or let it go again."""
    told = {"IsSalesProcessingStopped": "No", "IsInventoryProcessingStopped": "No", "IsProcurementProcessingstopped": "No"} | stops
    world.control("seed", {"rows": {"ProductDefaultOrderSettings": [{"dataAreaId": "gb01", "ItemNumber": sku} | told]}})


def test_a_disposition_nobody_mapped_holds_its_line_only_and_goes_on_when_the_profile_gains_a_row(daily: World) -> None:
    donated = line("CUP", 2, "2.95", received=2, grades=[("A", "DONATE", 2, True)])
    daily.tell(*life("R-1", [good("TEA", 2, "4.25"), donated], at=daily.at))
    daily.turn()
    daily.pass_evenings(3, turns=2)
    held = (money(daily), daily.exceptions(), [str(row.case.money) for row in daily.open()])

    rules = daily.house.profiles[TENANT].rules
    row = MappingRow(when=Circumstance(legal_entity="gb01", warehouse="GB-DC-01", disposition="DONATE", condition="A",
                                       reason="Changed my mind"),
                     outcome=Outcome.NON_SELLABLE, erp_disposition="ZOUTLET", place=Place(warehouse="GB-DC-01", location="OUTLET"))
    daily.change_rules(mapping=(*rules.mapping, row), version="2026-02")
    daily.house.reviewed.clear()
    daily.pass_evenings(3, turns=2)

    assert held == ([("TEA", 2, "8.50")], {"UNMAPPED_DISPOSITION": 1}, ["-5.90 GBP"])
    assert money(daily) == [("CUP", 2, "5.90"), ("TEA", 2, "8.50")]
    assert daily.exceptions() == {}
    assert {row.mapping_version.split("+")[0] for row in daily.postings() if row.posting.line_id == "CUP#1"} != {"2026-01"}


def test_blocked_discontinued_and_unknown_items_are_three_exceptions_and_their_neighbours_go_on(daily: World, tmp_path: Path) -> None:
    set_item(daily, "TEA", IsSalesProcessingStopped="Yes")
    set_item(daily, "CUP", IsInventoryProcessingStopped="Yes")
    daily.tell(*life("R-1", [
        good("TEA", 1, "4.25"), good("CUP", 1, "2.95"), good("NEW", 1, "1.00"), good("POT", 1, "12.50", order="500002")], at=daily.at))
    daily.turn()

    daily.pass_evenings(3, turns=2)

    assert daily.exceptions() == {"SKU_BLOCKED": 1, "SKU_DISCONTINUED": 1, "SKU_UNKNOWN": 1}
    assert {row.case.owner for row in daily.open()} == {"warehouse", "integration"}
    assert money(daily) == [("POT", 1, "12.50")]


def test_an_item_that_is_unblocked_goes_on_by_itself_on_a_return_order_of_its_own(daily: World) -> None:
    set_item(daily, "TEA", IsSalesProcessingStopped="Yes")
    daily.tell(*life("R-1", [good("TEA", 1, "4.25"), good("CUP", 1, "2.95")], at=daily.at))
    daily.turn()
    daily.pass_evenings(3, turns=2)
    held = (money(daily), daily.exceptions())

    set_item(daily, "TEA")
    daily.pass_evenings(4, turns=2)

    assert held == ([("CUP", 1, "2.95")], {"SKU_BLOCKED": 1})
    assert money(daily) == [("CUP", 1, "2.95"), ("TEA", 1, "4.25")]
    assert daily.exceptions() == {}
    assert len(daily.rows("ReturnOrderHeadersV2")) == 2


def test_a_warehouse_code_in_the_wrong_case_is_held_with_a_hint_and_never_guessed(daily: World) -> None:
    daily.tell(*life("R-1", [good("TEA", 1, "4.25")], at=daily.at, warehouse="gb-dc-01"))
    daily.turn()

    daily.pass_evenings(3, turns=2)

    findings = [finding for row in daily.open() for finding in row.case.findings]
    assert {finding.code for finding in findings} <= {"WAREHOUSE_UNKNOWN", "UNMAPPED_DISPOSITION"}
    assert any("GB-DC-01" in finding.hint for finding in findings)
    assert daily.credits == []


def test_without_a_customer_the_configured_account_is_credited_up_to_its_limit_per_line(daily: World, erp: str, tmp_path: Path) -> None:
    sold(erp, tmp_path / "dear", ("500009", "VASE", 4, "200.00"))
    daily.tell(*life("R-1", [good("VASE", 1, "200.00", order=None)], at=daily.at, customer=None),
               *life("R-2", [good("VASE", 2, "200.00", order=None)], at=daily.at, customer=None))
    daily.turn()

    daily.pass_evenings(3, turns=2)

    assert money(daily) == [("VASE", 1, "200.00")]
    assert {note["customer"] for note in daily.ledgers["creditNotes"]} == {"WALKIN-GB"}
    assert daily.exceptions() == {"NO_CUSTOMER": 1}
    assert daily.state("R-2") == "held"


def test_the_allowance_for_goods_sold_before_the_data_start_counts_over_all_returns_of_a_customer(
        daily: World, erp: str, tmp_path: Path) -> None:
    sold(erp, tmp_path / "dear", ("500009", "VASE", 9, "200.00"))
    for number in (1, 2, 3):
        daily.tell(*life(f"R-{number}", [good("VASE", 1, "200.00", order="PRE-2010-12")], at=daily.at))
    daily.tell(*life("R-4", [good("VASE", 1, "200.00", order="PRE-2010-12")], at=daily.at, customer="10002"))
    daily.turn()

    daily.pass_evenings(3, turns=2)

    assert money(daily) == [("VASE", 1, "200.00")] * 3
    assert daily.exceptions() == {"HISTORY_ALLOWANCE": 1}
    assert daily.state("R-3") == "held"


def test_of_thirty_credits_on_twenty_sold_ten_are_held_also_over_several_windows(daily: World, erp: str, tmp_path: Path) -> None:
    sold(erp, tmp_path / "many", ("500007", "PEN", 20, "3.35"))
    for day in range(3):
        for number in range(10):
            daily.tell(*life(f"R-{day}-{number}", [good("PEN", 1, "3.35", order="500007")], at=daily.at))
        daily.pass_evenings(1, turns=1)

    daily.pass_evenings(3, turns=2)

    assert money(daily) == [("PEN", 1, "3.35")] * 20
    assert daily.exceptions() == {"QUANTITY_ABOVE_SOLD": 10}
    assert daily.placed() == {"credited_restocked": Decimal("-67.00"), "held": Decimal("-33.50")}


def test_a_price_above_the_sale_is_credited_when_two_people_say_so(daily: World) -> None:
    daily.tell(*life("R-1", [good("TEA", 1, "9.99")], at=daily.at))
    daily.turn()
    daily.pass_evenings(2, turns=2)
    held = (daily.credits, daily.exceptions())

    decide(daily, Decision.WAIVE)
    daily.pass_evenings(3, turns=2)

    assert held == ([], {"PRICE_ABOVE_SOLD": 1})
    assert money(daily) == [("TEA", 1, "9.99")]
    assert daily.exceptions() == {}


@pytest.mark.parametrize("approver", ["ada", " ADA ", "", "  "])
def test_one_person_alone_cannot_waive_anything(daily: World, approver: str) -> None:
    daily.tell(*life("R-1", [good("TEA", 1, "9.99")], at=daily.at))
    daily.turn()
    daily.pass_evenings(1, turns=1)

    with pytest.raises(NeedsOperator, match="somebody other than 'ada'"):
        decide(daily, Decision.WAIVE, approver=approver)
    daily.pass_evenings(2, turns=2)

    assert daily.credits == []
    assert daily.exceptions() == {"PRICE_ABOVE_SOLD": 1}


def test_what_must_not_be_waived_is_refused_with_a_sentence(daily: World) -> None:
    daily.tell(*life("R-1", [good("NEW", 1, "1.00")], at=daily.at))
    daily.turn()
    daily.pass_evenings(1, turns=1)

    with pytest.raises(NeedsOperator, match="cannot be waived"):
        decide(daily, Decision.WAIVE)

    assert daily.exceptions() == {"SKU_UNKNOWN": 1}


def test_a_line_that_is_closed_is_never_credited_and_its_neighbour_is(daily: World) -> None:
    daily.tell(*life("R-1", [good("TEA", 1, "9.99"), good("CUP", 1, "2.95")], at=daily.at))
    daily.turn()
    daily.pass_evenings(2, turns=2)

    decide(daily, Decision.CLOSE)
    daily.pass_evenings(3, turns=2)

    assert money(daily) == [("CUP", 1, "2.95")]
    assert daily.exceptions() == {}
    assert daily.placed() == {"credited_restocked": Decimal("-2.95"), "rejected": Decimal("-9.99")}
    assert daily.state("R-1") == "settled"


def test_a_retry_looks_before_it_sends_and_adopts_what_is_there(daily: World) -> None:
    daily.tell(*life("R-1", [good("TEA", 1, "4.25")], at=daily.at))
    daily.turn()
    # The error is well-formed and the request had one record only: provably refused, says reliability appendix A, and yet it was saved.
    daily.arm("error-after", status=400, path=r"\$batch", body="POST [^ ]*/ReturnOrderLinesV2 ")
    daily.pass_evenings(1, turns=2)
    refused = daily.exceptions()

    route = daily.house.desk(TENANT, "gb01").route
    for row in daily.open():
        resolve.retry(daily.house.store, TENANT, row.id, route=route, actor="ada", now=daily.at)
    daily.pass_evenings(3, turns=2)

    assert refused == {"ERP_REJECTED": 1}
    assert money(daily) == [("TEA", 1, "4.25")]
    assert len(daily.rows("ReturnOrderLinesV2")) == 1
    assert daily.exceptions() == {}


def test_a_refused_line_whose_units_another_return_took_meanwhile_names_that_return_and_stays_where_it_is(daily: World) -> None:
    goods = [line("POT", 3, "12.50", order="500002", received=3, grades=[("A", "RESELL", 3, True)])]
    daily.tell(*life("R-1", goods, at=daily.at))
    daily.arm("forbidden", path=r"\$batch", body="POST [^ ]*/ReturnOrderLinesV2 ", times=1)
    daily.pass_evenings(2, turns=3)
    (refused,) = daily.open()
    daily.tell(*life("R-2", goods, at=daily.at))
    daily.pass_evenings(3, turns=2)

    with pytest.raises(NeedsOperator, match=r"taken by RETURN R-2; 3 x POT of order 500002") as told:
        resolve.retry(daily.house.store, TENANT, refused.id, route=daily.house.desk(TENANT, "gb01").route, actor="ann", now=daily.at)
    daily.pass_evenings(1, turns=2)

    (owned,) = daily.open()
    assert "\n" not in str(told.value)
    assert (owned.id, owned.case.owner, owned.case.return_ref) == (refused.id, "finance", "R-1")
    assert {finding.code for finding in owned.case.findings} == {"UNITS_TAKEN", "ERP_REJECTED"}
    assert daily.credits == [("POT", Decimal(3), Decimal("37.50"))]


def test_what_the_api_answered_to_a_key_is_forgotten_when_nobody_would_ask_any_more(world: World) -> None:
    with world.house.store.begin() as tx:
        tx.keep_answer("person 1", "key-1", request="r", status=201, body={"note": 1}, at=world.at)

    world.turn()
    with world.house.store.look() as tx:
        soon = tx.answer("person 1", "key-1")
    world.at += timedelta(days=31)
    world.turn()

    assert soon is not None
    with world.house.store.look() as tx:
        assert tx.answer("person 1", "key-1") is None

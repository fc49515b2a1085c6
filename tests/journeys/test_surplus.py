"""More came than was announced: it is in stock, not on sale, nobody is credited for it, and somebody knows."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.application import resolve
from backhaul.application.ports import PostingState
from backhaul.application.post import _dangers
from backhaul.application.process import pictures
from backhaul.domain.disposition import Place
from backhaul.domain.errors import Misconfigured, NeedsOperator
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.facts import Decided, Decision
from backhaul.domain.money import Money
from backhaul.domain.posting import Adjustment
from backhaul.domain.rules import Close, Window
from backhaul.profile import load_profile
from tests.journeys.stage import EXAMPLES, TENANT, World, life, line, message, open_world

DAILY = Window(close=Close.DAILY)
QUAR = Place(warehouse="GB-DC-01", location="QUAR")


@pytest.fixture
def daily(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'daily.sqlite'}", window=DAILY)
    yield world
    world.house.close()


def surplus_life(world: World, ref: str, *, came: int = 3, **more: Any) -> None:
    """Announce two, accept two, and count more."""
    world.tell(*life(ref, [line("TEA", 2, "4.25", received=came, grades=[("A", "RESELL", 2, True)])], at=world.at, **more))


def journals(world: World) -> list[tuple[str, str, PostingState, Decimal, str]]:
    """Give what we know of the journals: return, state, cost read back and voucher."""
    with world.house.store.begin() as tx:
        rows = [row for kept in tx.postings(TENANT, sorted(tx.cases(TENANT))).values() for row in kept
                if isinstance(row.posting.document, Adjustment)]
    return sorted((row.posting.key.return_ref, row.document.number if row.document else "", row.state,
                   (row.document.cost if row.document else None) or Decimal(0), row.document.voucher if row.document else "")
                  for row in rows)


def stock(world: World) -> dict[str, int]:
    return {place.replace("|S1|", " ").replace("|", " "): int(units) for place, units in world.ledgers["stock"].items()
            if "SALE" in place or "QUAR" in place}


def test_units_nobody_announced_come_into_quarantine_without_credit_and_somebody_is_told(daily: World) -> None:
    surplus_life(daily, "R-1", came=3)
    surplus_life(daily, "R-2", came=4, customer="10002")
    daily.tell(*life("R-3", [line("CUP", 1, "2.95", received=1, grades=[("A", "RESELL", 1, True)])], at=daily.at))
    before = stock(daily)

    daily.pass_days(4)

    assert daily.credits == [("CUP", 1, Decimal("2.95")), ("TEA", 2, Decimal("8.50")), ("TEA", 2, Decimal("8.50"))]
    moved = {place: units - before.get(place, 0) for place, units in stock(daily).items() if units != before.get(place, 0)}
    assert moved == {"TEA GB-DC-01 QUAR": 3, "TEA GB-DC-01 SALE": 4, "CUP GB-DC-01 SALE": 1}
    first, second = journals(daily)
    assert (first[1], first[4]) == (second[1], second[4]), "one journal, one voucher for the window"
    assert (first[2], second[2]) == (PostingState.VERIFIED, PostingState.VERIFIED)
    assert second[3] == 2 * first[3] > 0, "cost is split by units"
    assert Decimal(str(daily.ledgers["unitsReceived"])) == 5, "units without a return document are no receipt"
    assert daily.exceptions() == {"SURPLUS": 2}
    with daily.house.store.begin() as tx:
        (told, _) = tx.exceptions(TENANT)
        states = {ref: case.state.value for ref, case in tx.cases(TENANT).items() if case.state}
        placed = [each for picture in pictures(tx, daily.house.profiles[TENANT].rules, ["R-1", "R-2"]).values()
                  for each in picture.placements(daily.house.profiles[TENANT].rules, daily.at)]
    assert (told.case.owner, told.case.money.amount, told.case.line_id) == ("warehouse", 0, "TEA#1")
    assert states == {"R-1": "settled", "R-2": "settled", "R-3": "settled"}
    assert {(each.where.value, each.quantity, each.net) for each in placed} == {("credited_restocked", 2, Decimal("-8.50"))}


def test_whoever_dealt_with_a_surplus_says_so_and_it_is_closed(daily: World) -> None:
    surplus_life(daily, "R-1")
    daily.pass_days(4)
    with daily.house.store.begin() as tx:
        number = tx.exceptions(TENANT)[0].id

    resolve.decide(daily.house.store, TENANT, number, Decision.WAIVE, actor="ann", approver="bob", reason="ours to keep", now=daily.at)
    daily.pass_days()

    assert daily.exceptions() == {}
    assert stock(daily)["TEA GB-DC-01 QUAR"] == 1


def test_without_a_place_the_announced_units_go_on_and_the_others_wait_for_a_person(daily: World) -> None:
    surplus_life(daily, "R-1")
    daily.change_rules(surplus={})

    daily.pass_days(4)

    assert daily.credits == [("TEA", 2, Decimal("8.50"))]
    assert journals(daily) == []
    assert daily.exceptions() == {"SURPLUS": 1}


def test_a_retry_after_a_difference_looks_first_and_brings_nothing_in_twice(daily: World) -> None:
    surplus_life(daily, "R-1")
    daily.pass_days(4)
    with daily.house.store.begin() as tx:
        (row,) = [row for row in tx.postings(TENANT, ["R-1"])["R-1"] if isinstance(row.posting.document, Adjustment)]
        assert row.document
        tx.set_state(row.posting.key, PostingState.REJECTED, at=daily.at, note="somebody compared")
        finding = Finding(code="ERP_DIFFERS", sentence="Another quantity.", line_id="TEA#1")
        number = tx.open_exception(ExceptionCase.about(
            tenant=TENANT, return_ref="R-1", line_id="TEA#1", findings=(finding,), money=Money(amount=Decimal(0), currency="GBP"),
            now=daily.at, teams={}))
        tx.touch(TENANT, ["R-1"])
    daily.turn()
    before = stock(daily)

    desk = daily.house.desk(TENANT, "gb01")
    assert resolve.retry(daily.house.store, TENANT, number, route=desk.route, actor="ann", now=daily.at) == 1
    daily.pass_days(3)

    assert stock(daily) == before
    assert [state for _, _, state, _, _ in journals(daily)] == [PostingState.VERIFIED]


def test_a_refused_journal_line_goes_out_in_a_new_journal_once_its_cause_is_mended(daily: World) -> None:
    surplus_life(daily, "R-1")
    daily.control("faults", {"kind": "row-error", "rows": [1], "times": 2})
    daily.pass_days(2)
    refused = journals(daily)

    desk = daily.house.desk(TENANT, "gb01")
    with daily.house.store.begin() as tx:
        number = tx.exceptions(TENANT)[0].id
    for _ in range(3):
        if any(state is PostingState.REJECTED for _, _, state, _, _ in journals(daily)):
            resolve.retry(daily.house.store, TENANT, number, route=desk.route, actor="ann", now=daily.at)
        daily.pass_days(2)

    assert [state for _, _, state, _, _ in refused] == [PostingState.REJECTED]
    assert [state for _, _, state, _, _ in journals(daily)] == [PostingState.VERIFIED]
    assert stock(daily)["TEA GB-DC-01 QUAR"] == 1


@pytest.mark.parametrize("fault", [
    {"kind": "answer-lost"}, {"kind": "late-commit", "after": 1}, {"kind": "late-commit", "after": 4}, {"kind": "late-commit"},
    {"kind": "error-before", "status": 503}, {"kind": "error-after", "status": 504}, {"kind": "cut-body"},
], ids=lambda fault: f"{fault['kind']}-{fault.get('after', fault.get('status', ''))}")
def test_whatever_becomes_of_the_request_the_units_come_in_once(daily: World, fault: dict[str, Any]) -> None:
    daily.tell(*life("R-1", [line("TEA", 2, "4.25", received=3, grades=[("Z", "NOBODY", 2, True)])], at=daily.at))
    surplus_life(daily, "R-2", customer="10002")
    before = stock(daily)
    daily.control("faults", {**fault, "path": "ImportFromPackage", "times": 2})

    for _ in range(6):
        daily.pass_days()
        daily.at += timedelta(minutes=10)
        daily.turn()

    assert stock(daily)["TEA GB-DC-01 QUAR"] - before.get("TEA GB-DC-01 QUAR", 0) == 1
    assert [state for _, _, state, _, _ in journals(daily) if state is not PostingState.HELD] == [PostingState.VERIFIED]


@pytest.mark.parametrize(("table", "says"), [
    ('[surplus.gb01.GB-DC-01]\nlocation = "sale "', "is on sale"), ('[surplus.gb01.GB-DC-01]\nlocation = ""', "needs a location"),
    ('[surplus.gb01.GB-DC-01]\nlocation = "Q*"', "wildcard"), ('[surplus.gb01.NOWHERE]\nlocation = "QUAR"', "has no warehouse"),
    ('[surplus.fr01.GB-DC-01]\nlocation = "QUAR"', "no legal entity"), ('[surplus.gb01.GB-DC-01]\nplace = "QUAR"', "unknown field"),
])
def test_a_profile_that_would_put_surplus_on_sale_or_nowhere_is_refused_with_its_line(tmp_path: Path, table: str, says: str) -> None:
    text = (EXAMPLES / "profiles" / "online-retail.toml").read_text(encoding="utf-8")
    told = text.replace('[surplus.gb01.GB-DC-01]\nlocation = "QUAR"', table)
    assert told != text
    (tmp_path / "profile.toml").write_text(told, encoding="utf-8")
    at = told.splitlines().index(table.splitlines()[0]) + 1

    with pytest.raises(Misconfigured, match=says) as refused:
        load_profile(tmp_path / "profile.toml", offline=True)

    assert f"profile.toml:{at}:" in str(refused.value) or f"profile.toml:{at + 1}:" in str(refused.value)


def test_units_whose_journal_line_cannot_travel_as_promised_wait_for_a_person(daily: World) -> None:
    surplus_life(daily, "R-1")
    surplus_life(daily, "R-2", customer="10002")
    daily.arm("error-before", status=503, path="ImportFromPackage", times=60)
    daily.pass_days(4)
    assert [state for _, _, state, _, _ in journals(daily)] == [PostingState.REJECTED] * 2, "given up after many attempts in doubt"
    desk = daily.house.desk(TENANT, "gb01")
    number = next(row.id for row in daily.open() if row.case.return_ref == "R-2" and row.case.line_id == "TEA#1")

    resolve.retry(daily.house.store, TENANT, number, route=desk.route, actor="ann", now=daily.at)
    daily.turn()

    told = [finding.sentence for row in daily.open() if row.case.return_ref == "R-2" for finding in row.case.findings]
    assert any("sent before together with others" in sentence for sentence in told)
    assert [state for _, _, state, _, _ in journals(daily)] == [PostingState.REJECTED] * 2
    assert stock(daily).get("TEA GB-DC-01 QUAR", 0) == 0


def test_a_place_that_has_gone_on_sale_since_is_noticed_at_the_last_moment(daily: World) -> None:
    surplus_life(daily, "R-1")
    daily.arm("throttle", path="GetAzureWriteUrl", times=40)
    daily.pass_days(2)
    assert [state for _, _, state, _, _ in journals(daily)] == [PostingState.READY]
    right = daily.house.profiles[TENANT].rules.sellability

    daily.change_rules(sellability=replace(right, places=right.places | {QUAR}))
    daily.pass_days(2)

    assert [state for _, _, state, _, _ in journals(daily)] == [PostingState.REJECTED]
    assert any("would go on sale" in row.note for row in daily.postings())
    assert stock(daily).get("TEA GB-DC-01 QUAR", 0) == 0


def test_nothing_is_no_surplus_and_goods_on_sale_are_none(daily: World) -> None:
    desk = daily.house.desk(TENANT, "gb01")
    surplus_life(daily, "R-1")
    daily.pass_days(2)
    (posting,) = [row.posting for row in daily.postings() if isinstance(row.posting.document, Adjustment)]
    assert isinstance(posting.document, Adjustment)

    assert list(_dangers(desk, posting)) == []
    assert len(list(_dangers(desk, replace(posting, document=replace(posting.document, quantity=Decimal(0)))))) == 1
    assert len(list(_dangers(desk, replace(posting, document=replace(posting.document, place=replace(QUAR, location="sale")))))) == 1


def match(world: World, *, order: str = "500002", price: str = "12.50", approver: str = "ben") -> None:
    row = next(row for row in world.open() if any(finding.code in {"SURPLUS", "ORDER_LINE_UNKNOWN"} for finding in row.case.findings))
    resolve.match(world.house.store, TENANT, row.id, order=order, unit_price=Decimal(price), actor="ada", approver=approver,
                  reason="two orders in one parcel", now=world.at)


def pots(world: World, *, graded: int = 2) -> None:
    """Announce one pot without its order's second one, which lies in the parcel as well; both are as good as new."""
    world.tell(*life("R-1", [line("POT", 1, "12.50", order="500002", received=2, grades=[("A", "RESELL", graded, True)])], at=world.at))


@pytest.mark.parametrize("days", [0, 4], ids=["before its journal", "after its journal"])
def test_surplus_that_is_matched_with_its_order_leaves_quarantine_once_and_is_credited_once(daily: World, days: int) -> None:
    before = stock(daily)
    pots(daily)
    daily.turn()
    daily.pass_days(days)
    quarantined = stock(daily).get("POT GB-DC-01 QUAR", 0)
    match(daily)

    daily.pass_days(6)

    assert quarantined == bool(days)
    assert daily.credits == [("POT", Decimal(1), Decimal("12.50"))] * 2
    assert {place: units for place, units in stock(daily).items() if units != before.get(place, 0) and units} == {"POT GB-DC-01 SALE": 2}
    assert Decimal(str(daily.ledgers["unitsReceived"])) == 2
    assert (daily.state("R-1"), daily.exceptions(), daily.ledgers["balanced"]) == ("settled", {}, True)
    with daily.house.store.begin() as tx:
        assert any(entry.action == "exception.match" and entry.detail["approver"] == "ben" for entry in tx.trail(TENANT, subject="R-1"))


def test_surplus_nobody_graded_waits_for_its_inspection_and_the_announced_unit_goes_on(daily: World) -> None:
    pots(daily, graded=1)
    daily.pass_days(4)
    match(daily)
    daily.pass_days(3)
    waiting = (daily.credits, daily.state("R-1"), stock(daily).get("POT GB-DC-01 QUAR", 0))

    both = line("POT", 1, "12.50", order="500002", received=2, grades=[("A", "RESELL", 2, True)])
    daily.tell(message("R-1", "ReturnInspected", 5, [both], at=daily.at))
    daily.pass_days(5)

    assert waiting == ([("POT", Decimal(1), Decimal("12.50"))], "waiting", 0)
    assert daily.credits == [("POT", Decimal(1), Decimal("12.50"))] * 2
    assert (stock(daily).get("POT GB-DC-01 QUAR", 0), daily.exceptions()) == (0, {})


@pytest.mark.parametrize(("wrong", "kind"), [({"order": "500009"}, "ORDER_UNKNOWN"), ({"order": "500001"}, "ORDER_LINE_UNKNOWN"),
                                             ({"price": "99.00"}, "PRICE_ABOVE_SOLD")])
def test_a_match_the_sale_does_not_bear_out_moves_neither_goods_nor_money(daily: World, wrong: dict[str, str], kind: str) -> None:
    pots(daily)
    daily.pass_days(4)
    before = stock(daily)
    match(daily, **wrong)

    daily.pass_days(4)

    assert daily.credits == [("POT", Decimal(1), Decimal("12.50"))]
    assert stock(daily) == before
    assert daily.exceptions() == {kind: 1}


def test_more_than_the_sale_has_left_is_not_credited_whoever_matches_it(daily: World) -> None:
    daily.tell(*life("R-0", [line("POT", 3, "12.50", order="500002", received=3, grades=[("A", "RESELL", 3, True)])], at=daily.at))
    daily.pass_days(3)
    pots(daily)
    daily.pass_days(4)
    match(daily)

    daily.pass_days(4)

    assert sum(units for _, units, _ in daily.credits) == 4, "as many as the order sold"
    assert daily.exceptions() == {"QUANTITY_ABOVE_SOLD": 1}


def test_surplus_of_a_line_that_is_closed_is_still_reversed_before_it_is_received(daily: World) -> None:
    pots(daily)
    daily.pass_days(4)
    match(daily)
    with daily.house.store.begin() as tx:
        tx.add_facts(TENANT, [Decided(return_ref="R-1", at=daily.at, decision=Decision.CLOSE, line_id="POT#1", actor="ada", approver="ben",
                                      reason="done")])
    daily.pass_days(6)

    assert stock(daily).get("POT GB-DC-01 QUAR", 0) == 0
    assert daily.credits == [("POT", Decimal(1), Decimal("12.50"))] * 2


def test_one_person_is_not_enough_to_match_a_surplus(daily: World) -> None:
    pots(daily)
    daily.pass_days(2)

    with pytest.raises(NeedsOperator, match="somebody other than 'ada'"):
        match(daily, approver="ada")

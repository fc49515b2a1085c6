"""Goods nobody announced: alone, or in the place of others. They are stock once, never on sale unseen, and nobody is credited by luck."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.application import hand_in, resolve
from backhaul.application.ports import PostingState
from backhaul.domain.access import Scope
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.facts import Decision
from backhaul.domain.posting import PostingKind
from backhaul.domain.rules import Close, Window
from backhaul.entrypoints import handing
from tests.journeys.stage import TENANT, World, life, line, message, open_world
from tests.journeys.test_kinds_goods_parts import gained, money, stock

RESELL = ("A", "RESELL")


@pytest.fixture
def daily(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY))
    yield world
    world.house.close()


def found(sku: str, units: int = 1, *, instead: str, announced: int = 1) -> dict[str, Any]:
    """Write a line in whose place another SKU was found, as good as new and, says the warehouse, accepted."""
    told = line(sku, announced, "4.25", received=announced, grades=[(*RESELL, units, True)])
    told["grades"][0]["foundSku"] = instead
    if announced > units:
        told["grades"] += line(sku, 1, "4.25", grades=[(*RESELL, announced - units, True)])["grades"]
    return told


def match(
    world: World, kind: str = "BLIND", *, order: str = "500001", price: str = "2.95", customer: str = "", approver: str = "ben",
) -> None:
    row = next(row for row in world.open() if any(finding.code == kind for finding in row.case.findings))
    resolve.match(world.house.store, TENANT, row.id, order=order, unit_price=Decimal(price), customer=customer, actor="ada",
                  approver=approver, reason="the label in the box", now=world.at)


def waive(world: World, kind: str) -> None:
    row = next(row for row in world.open() if row.case.kind == kind)
    resolve.decide(world.house.store, TENANT, row.id, Decision.WAIVE, actor="ada", approver="ben", reason="settled", now=world.at)


# --- a wrong item in the place of the announced one ------------------------------------------------------------


def test_another_product_is_not_credited_as_the_announced_one_and_is_stock_only_as_itself(daily: World) -> None:
    before = stock(daily)
    daily.tell(*life("R-1", [found("TEA", instead="CUP")], at=daily.at))
    daily.pass_evenings(3, turns=2)

    assert daily.credits == []
    assert gained(daily, before) == {"CUP GB-DC-01 QUAR": 1}
    assert daily.exceptions() == {"BLIND": 1, "WRONG_ITEM_OTHER_PRODUCT": 1}
    assert {row.case.owner for row in daily.open()} == {"customer-service"}
    assert daily.placed() == {"held": Decimal("-4.25")}


def test_once_matched_what_came_is_credited_as_what_it_is_and_the_journal_is_reversed_first(daily: World) -> None:
    before = stock(daily)
    daily.tell(*life("R-1", [found("TEA", instead="CUP")], at=daily.at))
    daily.pass_evenings(3, turns=2)

    match(daily)
    waive(daily, "WRONG_ITEM_OTHER_PRODUCT")
    seen = [gained(daily, before)]
    for _ in range(12):
        daily.later(120)
        seen.append(gained(daily, before))
    daily.pass_evenings(4, turns=2)

    assert money(daily) == [("CUP", 1, "2.95")]
    assert gained(daily, before) == {"CUP GB-DC-01 SALE": 1}
    assert all(sum(places.values()) <= 1 for places in seen), "stock once at every moment"
    assert daily.placed() == {"credited_restocked": Decimal("-2.95"), "rejected": Decimal("-4.25")}
    assert (daily.state("R-1"), daily.exceptions()) == ("settled", {})
    assert daily.ledgers["balanced"]


def test_another_item_of_the_same_return_is_its_own_case_and_the_good_unit_waits_until_somebody_looked(daily: World) -> None:
    cup = line("CUP", 1, "2.95", received=1, grades=[(*RESELL, 1, True)])
    daily.tell(*life("R-1", [found("TEA", 1, announced=2, instead="CUP"), cup], at=daily.at))
    daily.pass_evenings(3, turns=2)
    held = (money(daily), daily.exceptions())

    waive(daily, "WRONG_ITEM_OTHER_LINE")
    daily.pass_evenings(3, turns=2)

    assert held == ([("CUP", 1, "2.95")], {"BLIND": 1, "WRONG_ITEM_OTHER_LINE": 1})
    assert money(daily) == [("CUP", 1, "2.95"), ("TEA", 1, "4.25")]
    assert daily.exceptions() == {"BLIND": 1}


@pytest.mark.parametrize(("word", "kind", "owner"), [
    ("FOREIGN", "WRONG_ITEM_FOREIGN", "warehouse"), ("EMPTY", "WRONG_ITEM_EMPTY", "customer-service")])
def test_foreign_goods_and_an_empty_box_are_never_stock_and_each_has_an_owner(daily: World, word: str, kind: str, owner: str) -> None:
    before = stock(daily)
    daily.tell(*life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("A", word, 2, True)])], at=daily.at))
    daily.pass_evenings(3, turns=2)
    held = (daily.exceptions(), [row.case.owner for row in daily.open()], daily.placed())

    waive(daily, kind)
    daily.pass_evenings(3, turns=2)

    assert held == ({kind: 1}, [owner], {"held": Decimal("-8.50")})
    assert (daily.credits, gained(daily, before)) == ([], {})
    assert (daily.state("R-1"), daily.placed()) == ("closed", {"rejected": Decimal("-8.50")})


def test_what_was_waived_of_one_wrong_item_does_not_cover_a_second(daily: World) -> None:
    told = line("TEA", 2, "4.25", received=2, grades=[("A", "FOREIGN", 1, False), (*RESELL, 1, True)])
    daily.tell(*life("R-1", [told], at=daily.at))
    daily.pass_evenings(1, turns=2)
    waive(daily, "WRONG_ITEM_FOREIGN")
    daily.pass_evenings(3, turns=2)
    first = (money(daily), daily.exceptions())

    more = line("TEA", 2, "4.25", received=2, grades=[("A", "FOREIGN", 2, False)])
    daily.tell(message("R-1", "ReturnInspected", 9, [more], at=daily.at))
    daily.pass_evenings(1, turns=2)

    assert first == ([("TEA", 1, "4.25")], {})
    assert "WRONG_ITEM_FOREIGN" in {finding.code for row in daily.open() for finding in row.case.findings}


# --- blind ---------------------------------------------------------------------------------------------------------


def blind(world: World, ref: str = "B-1", *, units: int = 2, sku: str = "TEA") -> None:
    """Report goods that came without a return: no customer, no order, no price."""
    told = line(sku, units, "0", order=None, grades=[(*RESELL, units, True)]) | {"unitPrice": None, "quantityReceived": units}
    world.tell(message(ref, "GoodsUnexpected", 1, [told | {"grades": None}], at=world.at, customer=None),
               message(ref, "ReturnInspected", 2, [told], at=world.at, customer=None))


def test_blind_goods_come_in_without_credit_and_are_credited_once_two_people_matched_them(daily: World) -> None:
    before = stock(daily)
    blind(daily)
    daily.pass_evenings(3, turns=2)
    taken = (gained(daily, before), daily.credits, daily.exceptions(), daily.rows("ReturnOrderHeadersV2"))

    match(daily, price="4.25", customer="10001")
    seen = []
    for _ in range(12):
        daily.later(120)
        seen.append(sum(gained(daily, before).values()))
    daily.pass_evenings(4, turns=2)

    assert taken == ({"TEA GB-DC-01 QUAR": 2}, [], {"BLIND": 1}, [])
    assert max(seen) <= 2, "stock once at every moment"
    assert money(daily) == [("TEA", 2, "8.50")]
    assert {note["customer"] for note in daily.ledgers["creditNotes"]} == {"10001"}
    assert gained(daily, before) == {"TEA GB-DC-01 SALE": 2}
    assert (daily.state("B-1"), daily.exceptions()) == ("settled", {})
    assert sorted(row.posting.key.kind for row in daily.postings() if row.posting.key.subject.startswith("surplus:")) == [
        PostingKind.ADJUSTMENT, PostingKind.ISSUE]


def test_a_parcel_that_somebody_registered_by_hand_goes_the_way_of_blind_goods_to_its_credit(daily: World) -> None:
    before, rules = stock(daily), daily.house.profiles[TENANT].rules
    told = {"retailer": "", "warehouse": "GB-DC-01", "parcel": "1Z99", "note": "no slip", "items": [
        {"sku": "TEA", "units": "2", "condition": "A", "disposition": "RESELL", "accepted": "yes", "reason": "Changed my mind"}]}
    parcel, known = handing.judged(daily.house.store, rules, Scope.whole(TENANT), "gb01", told, actor="wanda", now=daily.at)
    ref = hand_in.register(daily.house.store, rules, parcel, "form 1", now=daily.at, known=known)
    again = hand_in.register(daily.house.store, rules, parcel, "form 1", now=daily.at + timedelta(seconds=2))
    daily.pass_evenings(3, turns=2)
    taken = (gained(daily, before), daily.credits, [(row.case.kind, row.case.owner, row.case.return_ref) for row in daily.open()])

    match(daily, price="4.25", customer="10001")
    daily.pass_evenings(6, turns=2)

    assert again == ref
    assert taken == ({"TEA GB-DC-01 QUAR": 2}, [], [("BLIND", "customer-service", ref)])
    assert money(daily) == [("TEA", 2, "8.50")]
    assert gained(daily, before) == {"TEA GB-DC-01 SALE": 2}
    assert (daily.state(ref), daily.exceptions()) == ("settled", {})


def test_goods_found_without_a_return_and_a_return_of_the_same_sale_are_credited_both_once_people_told_them_apart(daily: World) -> None:
    blind(daily, units=1)
    daily.pass_evenings(3, turns=2)
    match(daily, price="4.25", customer="10001")
    daily.pass_evenings(6, turns=2)
    daily.tell(*life("R-1", [line("TEA", 1, "4.25", received=1, grades=[(*RESELL, 1, True)])], at=daily.at),
               *life("R-2", [line("CUP", 1, "2.95", received=1, grades=[(*RESELL, 1, True)])], at=daily.at))
    daily.pass_evenings(4, turns=2)
    held = (money(daily), daily.exceptions(), [row.case.findings[0].sentence for row in daily.open()])

    waive(daily, "POSSIBLY_SAME_GOODS")
    daily.pass_evenings(4, turns=2)

    assert held == ([("CUP", 1, "2.95"), ("TEA", 1, "4.25")], {"POSSIBLY_SAME_GOODS": 1}, [
        "Of goods that came without a return, B-1 takes TEA of order 500001 as well."])
    assert money(daily) == [("CUP", 1, "2.95"), ("TEA", 1, "4.25"), ("TEA", 1, "4.25")]
    assert daily.exceptions() == {}


def test_goods_without_a_return_that_are_matched_with_a_sale_a_return_was_credited_of_wait_as_well(daily: World) -> None:
    blind(daily, units=1)
    daily.tell(*life("R-1", [line("TEA", 1, "4.25", received=1, grades=[(*RESELL, 1, True)])], at=daily.at))
    daily.pass_evenings(4, turns=2)

    match(daily, price="4.25", customer="10001")
    daily.pass_evenings(4, turns=2)

    assert money(daily) == [("TEA", 1, "4.25")]
    assert [(row.case.return_ref, row.case.kind, row.case.findings[0].sentence) for row in daily.open()] == [
        ("B-1", "POSSIBLY_SAME_GOODS", "These goods came without a return, and R-1 takes TEA of order 500001 as well.")]


def test_of_two_such_returns_in_one_window_the_second_waits(daily: World) -> None:
    blind(daily, units=1)
    daily.pass_evenings(3, turns=2)
    daily.tell(*life("R-1", [line("TEA", 1, "4.25", received=1, grades=[(*RESELL, 1, True)])], at=daily.at))
    match(daily, price="4.25", customer="10001")
    daily.pass_evenings(6, turns=2)

    assert money(daily) == [("TEA", 1, "4.25")]
    assert [row.case.kind for row in daily.open()] == ["POSSIBLY_SAME_GOODS"]


@pytest.mark.parametrize(("wrong", "kind"), [
    ({"order": "999999"}, "ORDER_UNKNOWN"), ({"order": "500002"}, "ORDER_LINE_UNKNOWN"), ({"price": "9.99"}, "PRICE_ABOVE_SOLD"),
    ({"customer": "10002"}, "MATCH_DIFFERS")])
def test_a_match_the_erp_does_not_bear_out_moves_neither_goods_nor_money(daily: World, wrong: dict[str, str], kind: str) -> None:
    before = stock(daily)
    blind(daily)
    daily.pass_evenings(3, turns=2)

    match(daily, **{"price": "4.25", "customer": "10001"} | wrong)
    daily.pass_evenings(3, turns=2)

    assert daily.credits == []
    assert gained(daily, before) == {"TEA GB-DC-01 QUAR": 2}
    assert kind in {finding.code for row in daily.open() for finding in row.case.findings}


def test_a_match_is_mended_by_a_newer_one(daily: World) -> None:
    blind(daily)
    daily.pass_evenings(3, turns=2)
    match(daily, order="999999", price="4.25", customer="10001")
    daily.pass_evenings(2, turns=2)
    wrong = daily.exceptions()

    match(daily, "ORDER_UNKNOWN", price="4.25", customer="10001")
    daily.pass_evenings(4, turns=2)

    assert wrong == {"ORDER_UNKNOWN": 1}

    assert money(daily) == [("TEA", 2, "8.50")]
    assert daily.exceptions() == {}


@pytest.mark.parametrize(("told", "says"), [
    ({"approver": "ada"}, "somebody other"), ({"order": " "}, "names the order"), ({"price": "-1"}, "names the order"),
    ({"kind": "PRICE_ABOVE_SOLD"}, "nothing to match")])
def test_one_person_half_a_match_or_nothing_to_match_is_refused(daily: World, told: dict[str, str], says: str) -> None:
    blind(daily)
    daily.tell(*life("R-1", [line("TEA", 1, "9.99", received=1, grades=[(*RESELL, 1, True)])], at=daily.at))
    daily.pass_evenings(2, turns=2)

    with pytest.raises(NeedsOperator, match=says):
        match(daily, **{"price": "4.25"} | told)

    assert daily.exceptions() == {"BLIND": 1, "PRICE_ABOVE_SOLD": 1}


def test_blind_goods_that_are_kept_are_stock_without_credit_and_the_case_is_closed(daily: World) -> None:
    before = stock(daily)
    blind(daily)
    daily.pass_evenings(2, turns=2)

    waive(daily, "BLIND")
    daily.pass_evenings(2, turns=2)

    assert (daily.state("B-1"), daily.exceptions(), daily.credits) == ("closed", {}, [])
    assert gained(daily, before) == {"TEA GB-DC-01 QUAR": 2}


def test_a_match_before_the_journal_went_out_makes_no_journal_at_all(daily: World) -> None:
    before = stock(daily)
    blind(daily)
    daily.turn()

    match(daily, price="4.25", customer="10001")
    daily.pass_evenings(4, turns=2)

    assert money(daily) == [("TEA", 2, "8.50")]
    assert gained(daily, before) == {"TEA GB-DC-01 SALE": 2}
    assert {row.posting.key.kind for row in daily.postings()} & {PostingKind.ADJUSTMENT, PostingKind.ISSUE} == set()


@pytest.mark.parametrize("fault", [
    {"kind": "answer-lost"}, {"kind": "late-commit"}, {"kind": "error-after", "status": 504}, {"kind": "error-before", "status": 503}],
    ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}")
def test_whatever_becomes_of_the_requests_matched_goods_are_reversed_once_and_credited_once(daily: World, fault: dict[str, Any]) -> None:
    before = stock(daily)
    blind(daily)
    daily.pass_evenings(3, turns=2)
    match(daily, price="4.25", customer="10001")
    daily.control("faults", {**fault, "path": "ImportFromPackage", "times": 2})

    for _ in range(7):
        daily.pass_evenings(1, turns=2)

    assert money(daily) == [("TEA", 2, "8.50")]
    assert gained(daily, before) == {"TEA GB-DC-01 SALE": 2}
    assert {row.state for row in daily.postings()} == {PostingState.VERIFIED}

"""Matching: what we wanted and what the ERP recorded, compared to the penny."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from backhaul.domain.disposition import Place
from backhaul.domain.matching import BreakKind, classify
from backhaul.domain.posting import ErpItem, Posting, PostingKind
from backhaul.domain.rules import Tolerances
from backhaul.testing.builders import WAREHOUSE, accepted, arrived, case_of, line, of_kind, plan, recorded

POSTINGS = plan(case_of(*arrived(line("MUG", 2, "10.00"), grades=[accepted("MUG", 2)]))).postings


def wanted(kind: PostingKind) -> Posting:
    return of_kind(POSTINGS, kind)[0]


def breaks(posting: Posting, tolerance: str = "0.01", **changes: Any) -> list[BreakKind]:
    found = classify(posting, recorded(posting, **changes), Tolerances(amount=Decimal(tolerance)))
    return [each.kind for each in found if each.sentence]


@pytest.mark.parametrize("posting", POSTINGS, ids=lambda posting: posting.key.kind.value)
def test_a_document_that_says_what_was_wanted_has_no_break(posting: Posting) -> None:
    assert breaks(posting) == []


@pytest.mark.parametrize(("changes", "kind"), [
    ({"item": ErpItem(number="MUG", dimensions=(("size", "L"),))}, BreakKind.WRONG_ITEM), ({"copies": 2}, BreakKind.DUPLICATE),
    ({"quantity": Decimal(1)}, BreakKind.WRONG_QUANTITY),
    ({"net": Decimal("-20.02")}, BreakKind.WRONG_AMOUNT), ({"net": Decimal("20.00")}, BreakKind.WRONG_AMOUNT),
    ({"currency": "EUR"}, BreakKind.WRONG_CURRENCY),
])
def test_every_difference_has_its_name(changes: dict[str, Any], kind: BreakKind) -> None:
    assert breaks(wanted(PostingKind.CREDIT_NOTE), **changes) == [kind]


def test_several_differences_are_all_told() -> None:
    assert breaks(wanted(PostingKind.CREDIT_NOTE), copies=3, quantity=Decimal(3), net=Decimal(0), currency="EUR") == [
        BreakKind.DUPLICATE, BreakKind.WRONG_QUANTITY, BreakKind.WRONG_AMOUNT, BreakKind.WRONG_CURRENCY]


@pytest.mark.parametrize(("changes", "kinds"), [
    ({"disposition": "ZSCRAP"}, [BreakKind.WRONG_DISPOSITION]), ({"disposition": "ZCREDIT"}, []), ({"disposition": ""}, []),
    ({"place": Place(warehouse="ELSEWHERE", location="SALE")}, [BreakKind.WRONG_PLACE]),
    ({"place": Place(warehouse=WAREHOUSE, location="OUTLET")}, [BreakKind.WRONG_PLACE]),
    ({"place": Place(warehouse=WAREHOUSE, location="")}, []),
    ({"place": Place(warehouse=WAREHOUSE, location="SALE", status="OK")}, []),
])
def test_goods_that_came_another_way_than_they_were_accepted_are_a_break(changes: dict[str, Any], kinds: list[BreakKind]) -> None:
    assert breaks(wanted(PostingKind.RECEIPT), **changes) == kinds


def test_a_difference_within_tolerance_is_none_and_a_penny_above_is_one() -> None:
    note = wanted(PostingKind.CREDIT_NOTE)

    assert breaks(note, net=Decimal("-20.01")) == []
    assert breaks(note, net=Decimal("-20.01"), tolerance="0") == [BreakKind.WRONG_AMOUNT]


def test_the_erp_writes_returned_units_with_a_minus() -> None:
    assert breaks(wanted(PostingKind.ORDER_LINE), quantity=Decimal(-2)) == []


def test_money_credited_for_a_free_item_is_a_break() -> None:
    note = wanted(PostingKind.CREDIT_NOTE)
    free = replace(note, net=Decimal(0))

    assert breaks(free, net=Decimal("-20.00")) == [BreakKind.WRONG_AMOUNT]
    assert breaks(free) == []


def test_what_the_erp_does_not_say_is_not_compared() -> None:
    assert breaks(wanted(PostingKind.CREDIT_NOTE), quantity=None, net=None, currency="") == []
    assert breaks(wanted(PostingKind.ORDER), quantity=Decimal(9), net=Decimal(-99)) == []

"""Matching: what we wanted and what the ERP recorded, compared to the penny."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from backhaul.domain.disposition import Place
from backhaul.domain.matching import BreakKind, classify, remarks
from backhaul.domain.posting import CreditNote, ErpItem, Issue, LotShare, OrderLine, Posting, PostingKind, Transfer
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


# --- drafts, journals and charges ------------------------------------------------------------------------

QUAR, SALE = Place(warehouse=WAREHOUSE, location="QUAR"), Place(warehouse=WAREHOUSE, location="SALE")


def journaled(document: Transfer | Issue) -> Posting:
    kind = PostingKind.TRANSFER if isinstance(document, Transfer) else PostingKind.ISSUE
    return Posting(key=replace(wanted(PostingKind.RECEIPT).key, kind=kind), document=document, currency="GBP")


LEAVING = journaled(Issue(line_id="MUG#1", sku="MUG", quantity=Decimal(2), place=QUAR))


@pytest.mark.parametrize(("posting", "changes", "kind"), [
    (journaled(Transfer(line_id="MUG#1", sku="MUG", quantity=Decimal(2), source=SALE, target=QUAR)), {"place": SALE}, "wrong place"),
    (LEAVING, {"place": SALE, "quantity": Decimal(-2)}, "wrong place"), (LEAVING, {"place": QUAR}, "wrong quantity"),
    (wanted(PostingKind.CREDIT_NOTE), {"charge": Decimal("1.50")}, "wrong charge"),
    (wanted(PostingKind.ORDER_LINE), {"net": Decimal("-19.98")}, "wrong amount"),
    (wanted(PostingKind.ORDER_LINE), {"tax": Decimal("-3.50")}, "wrong tax"),
    (wanted(PostingKind.ORDER_LINE), {"place": Place(warehouse="ELSEWHERE", location="")}, "wrong place"),
    (wanted(PostingKind.ORDER_LINE), {"unexplained": Decimal("0.02")}, "wrong total"),
])
def test_what_the_erp_made_of_a_draft_a_journal_or_a_charge_is_compared(posting: Posting, changes: dict[str, Any], kind: str) -> None:
    if isinstance(posting.document, OrderLine):
        posting = replace(posting, document=replace(posting.document, tax_rate=Decimal(20)))

    assert breaks(posting, **changes) == [BreakKind(kind)]


def test_a_draft_taxed_at_the_rate_of_the_sale_is_as_it_should_be() -> None:
    drafted = wanted(PostingKind.ORDER_LINE)
    assert isinstance(drafted.document, OrderLine)
    taxed = replace(drafted, document=replace(drafted.document, tax_rate=Decimal(20)))

    assert breaks(taxed, tax=Decimal("-4.00"), unexplained=Decimal("0.00")) == []


def test_finance_is_told_of_another_account_and_of_a_cost_that_was_not_final_or_is_another() -> None:
    ordered, note = wanted(PostingKind.ORDER_LINE), wanted(PostingKind.CREDIT_NOTE)
    assert isinstance(ordered.document, OrderLine)
    assert isinstance(note.document, CreditNote)
    line_of = replace(ordered, document=replace(ordered.document, unit_cost=Decimal(4), lots=(
        LotShare(lot="L1", quantity=Decimal(1), final=False), LotShare(lot="L2", quantity=Decimal(1)))))
    credit = replace(note, document=replace(note.document, expected_account="5100"))

    def told(cost: str, *accounts: str) -> list[str]:
        pairs = [(line_of, recorded(line_of)), (credit, recorded(credit, cost=Decimal(cost), accounts=accounts, voucher="V1"))]
        return [finding.code for finding in remarks(pairs, Tolerances())]

    assert told("8.00", "5100-UK") == ["COST_NOT_FINAL"]
    assert told("8.00") == ["COST_NOT_FINAL"]
    assert told("9.00", "51001", "4000") == ["ACCOUNT_DIFFERS", "COST_NOT_FINAL", "COST_DIFFERS"]

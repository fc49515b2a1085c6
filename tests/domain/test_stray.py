"""Units no return document stands for: into stock once, out of it again before they are received, never credited unmatched."""

from dataclasses import replace
from decimal import Decimal

import pytest

from backhaul.domain.disposition import Place
from backhaul.domain.facts import Grade, Instead, LineRef, Matched, Stage
from backhaul.domain.posting import Adjustment, Issue, PostingKind as K
from backhaul.domain.rules import Surplus
from backhaul.testing.builders import (
    REF,
    ROUTE,
    ROUTES,
    accepted,
    after,
    announced,
    case_of,
    inspected,
    line,
    of_kind,
    plan,
    reached,
    received,
    rules,
)

RULES = rules(surplus={("gb01", "GB-DC-01"): Surplus(place=Place(warehouse="GB-DC-01", location="QUAR"))})
BLIND = (announced(line(quantity=2, price=None, order=None), blind=True), reached(Stage.RECEIVED),
         inspected(accepted("MUG", 2), at=after(1)))
MATCH = Matched(return_ref=REF, at=after(2), line_id="MUG#1", order="SO-1", unit_price=Decimal(10), units=Decimal(2), customer="C1",
                actor="ann", approver="bob", reason="found the slip")


@pytest.mark.parametrize("name", ROUTES)
def test_blind_goods_are_not_credited_and_what_receives_them_once_matched_needs_the_reversal_first(name: str) -> None:
    route = replace(ROUTES[name], goods=tuple(dict.fromkeys((*ROUTES[name].goods, K.ADJUSTMENT, K.ISSUE))))
    taken = plan(case_of(*BLIND), decided=RULES, route=route)
    matched = plan(case_of(*BLIND, MATCH), taken.postings, RULES, route=route)

    (gone,) = of_kind(matched.postings, K.ISSUE)
    receiving = of_kind(matched.postings, K.RECEIPT if route.holds_back else K.ORDER_LINE)
    assert [type(posting.document) for posting in taken.postings] == [Adjustment]
    assert isinstance(gone.document, Issue)
    assert (gone.document.quantity, gone.document.place.location, gone.needs) == (2, "QUAR", (taken.postings[0].key,))
    assert receiving
    assert all(gone.key in posting.needs for posting in receiving)
    assert sum(posting.net for posting in matched.postings) == -20
    assert plan(case_of(*BLIND, MATCH), (*taken.postings, *matched.postings), RULES, route=route).postings == ()


def test_where_the_route_cannot_reverse_a_journal_a_person_does_it_first() -> None:
    taken = plan(case_of(*BLIND), decided=RULES)

    route = replace(ROUTE, goods=tuple(kind for kind in ROUTE.goods if kind is not K.ISSUE))
    told = plan(case_of(*BLIND, MATCH), taken.postings, RULES, route=route)

    assert "CHANGED_AFTER_POSTING" in {finding.code for finding in told.findings}


def found(instead: Instead | None = None, sku: str = "") -> Grade:
    return Grade(line=LineRef(sku="MUG"), quantity=Decimal(1), condition="A", disposition="RESELL", accepted=True, found=sku,
                 instead=instead)


@pytest.mark.parametrize(("grade", "code", "stock"), [
    (found(sku="CUP"), "WRONG_ITEM_OTHER_LINE", ["CUP"]), (found(sku="POT"), "WRONG_ITEM_OTHER_PRODUCT", ["POT"]),
    (found(Instead.FOREIGN), "WRONG_ITEM_FOREIGN", []), (found(Instead.FOREIGN, "POT"), "WRONG_ITEM_FOREIGN", []),
    (found(Instead.EMPTY), "WRONG_ITEM_EMPTY", []), (found(Instead.OTHER_PRODUCT), "WRONG_ITEM_OTHER_PRODUCT", []),
    (found(sku="MUG"), "", [])])
def test_what_lay_in_the_place_of_an_item_is_never_received_or_credited_as_that_item(grade: Grade, code: str, stock: list[str]) -> None:
    case = case_of(announced(line("MUG"), line("CUP")), reached(Stage.RECEIVED), inspected(grade, at=after(1)))

    wanted = plan(case, decided=RULES).postings
    mugs = [posting for posting in wanted if posting.line_id == "MUG#1" and posting.key.kind in {K.RECEIPT, K.CREDIT_NOTE}]

    assert [finding.code for finding in case.findings] == [code] * bool(code)
    assert bool(mugs) is (not code)
    assert [posting.document.sku for posting in wanted if isinstance(posting.document, Adjustment)] == stock


def test_a_journal_that_was_reversed_is_not_reversed_again_when_more_goods_are_matched() -> None:
    more = (received(("MUG", 3), at=after(3)), inspected(accepted("MUG", 3), at=after(3)))
    first = plan(case_of(*BLIND), decided=RULES).postings
    second = plan(case_of(*BLIND, *more), first, RULES).postings
    back = plan(case_of(*BLIND, *more, MATCH), (*first, *second), RULES).postings
    gone = of_kind(back, K.ISSUE)

    later = replace(MATCH, at=after(4), units=Decimal(3))
    rest = plan(case_of(*BLIND, *more, MATCH, later), (*first, *second, *back), RULES).postings

    assert [posting.document.quantity for posting in (*first, *second) if isinstance(posting.document, Adjustment)] == [2, 1]
    assert [(posting.document.quantity, posting.needs) for posting in gone if isinstance(posting.document, Issue)] == [(2, (first[0].key,))]
    assert [(posting.document.quantity, posting.needs) for posting in of_kind(rest, K.ISSUE) if isinstance(posting.document, Issue)] == [
        (1, (second[0].key,))]

"""Whatever the warehouse says after posting: a unit comes in once, is lost at most once, and never goes on sale by mistake."""

from decimal import Decimal
from itertools import product

import pytest

from backhaul.domain.disposition import MappingRow, Outcome, Place
from backhaul.domain.facts import Decided, Decision, Stage
from backhaul.domain.posting import CreditNote, Issue, OrderLine, PostingKind as K, Receipt, Transfer
from backhaul.testing.builders import (
    MAPPING,
    REF,
    ROUTES,
    SELLABILITY,
    accepted,
    after,
    announced,
    case_of,
    inspected,
    line,
    plan,
    reached,
    received,
    refused,
    row,
    rules,
    when,
)

CREDITED = tuple(each for each in MAPPING if each.credit)
COME = (announced(line(quantity=3)), received(("MUG", 3)), reached(Stage.INSPECTED))


def graded(target: MappingRow, units: int, at: int, *rest: MappingRow) -> object:
    grades = [accepted("MUG", units, target.when.disposition, target.when.condition)]
    grades += [accepted("MUG", 3 - units, each.when.disposition, each.when.condition) for each in rest]
    return inspected(*grades, at=after(at))


@pytest.mark.parametrize("name", ROUTES)
@pytest.mark.parametrize(("first", "then"), list(product(CREDITED, CREDITED)),
                         ids=lambda target: target.when.disposition)
def test_a_unit_of_another_grade_comes_in_once_and_goes_on_sale_only_if_it_may(first: MappingRow, then: MappingRow, name: str) -> None:
    told = [*COME, graded(first, 3, 1)]
    made = plan(case_of(*told), route=ROUTES[name]).postings

    wanted = plan(case_of(*told, graded(first, 1, 2, then)), made, route=ROUTES[name]).postings
    everything = [posting.document for posting in (*made, *wanted)]

    assert sum(each.quantity for each in everything if isinstance(each, CreditNote)) == 3, "the credit stands"
    assert sum(each.quantity for each in everything if isinstance(each, Receipt)) in {0, 3}
    assert sum(each.quantity for each in everything if isinstance(each, Issue)) <= 3
    for moved in (each for each in everything if isinstance(each, Transfer)):
        assert not SELLABILITY.sells(moved.target) or (moved.disposition, moved.condition) == ("RESELL", "A")
        assert moved.source != moved.target
    assert plan(case_of(*told, graded(first, 1, 2, then)), (*made, *wanted), route=ROUTES[name]).postings == (), "once more, nothing more"


def test_a_wrong_row_that_came_past_the_profile_moves_nothing_on_sale() -> None:
    wrong = row(when("SCRAP", "D"), "SALE", Outcome.SCRAPPED, place=Place(warehouse="GB-DC-01", location="SALE"))
    right = row(when("OUTLET", "B"), "OUTLET", Outcome.NON_SELLABLE)
    told = [*COME, graded(right, 3, 1)]
    made = plan(case_of(*told), decided=rules(mapping=[right])).postings

    wanted = plan(case_of(*told, graded(wrong, 3, 2)), made, rules(mapping=[right, wrong]))

    assert wanted.postings == ()
    assert {finding.code for finding in wanted.findings} == {"DAMAGED_TO_SELLABLE", "GRADE_CHANGED_AFTER_POSTING"}


@pytest.mark.parametrize("name", ROUTES)
def test_rejected_after_credit_is_debited_once_and_leaves_stock_once_whatever_is_derived_how_often(name: str) -> None:
    decided = rules(debit_item="SVC-DEBIT")
    told = [*COME, inspected(accepted("MUG", 3), at=after(1))]
    fixed = list(plan(case_of(*told), decided=decided, route=ROUTES[name]).postings)
    told.append(inspected(accepted("MUG", 1), refused("MUG", 2), at=after(2)))
    approved = Decided(return_ref=REF, at=after(3), decision=Decision.DEBIT, line_id="MUG#1", units=Decimal(1), goods="leave",
                       actor="ann", approver="bob", reason="worn")

    before = plan(case_of(*told), fixed, decided, route=ROUTES[name])
    for _ in range(3):
        fixed += plan(case_of(*told, approved), fixed, decided, route=ROUTES[name]).postings
    further = plan(case_of(*told, approved, inspected(refused("MUG", 3), at=after(4))), fixed, decided, route=ROUTES[name])

    assert ([finding.code for finding in before.findings], before.postings) == (["REJECTED_AFTER_CREDIT"], ())
    debits = [posting.document for posting in fixed if posting.key.kind is K.FEE_LINE]
    assert [(each.quantity, each.unit_price) for each in debits if isinstance(each, OrderLine)] == [(-2, Decimal("10.00"))]
    assert [posting.net for posting in fixed if posting.key.kind is K.FEE_CREDIT_NOTE] == [Decimal("20.00")]
    gone = [posting for posting in fixed if isinstance(posting.document, Issue)]
    assert [posting.document.quantity for posting in gone if isinstance(posting.document, Issue)] == [2]
    assert all(any(need.kind is K.FEE_CREDIT_NOTE for need in posting.needs) for posting in gone), "goods leave once the debit stands"
    assert [finding.code for finding in further.findings] == ["REJECTED_AFTER_CREDIT"], "a further rejection needs its own approval"

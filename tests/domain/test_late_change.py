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


def debit(units: int, at: int = 3) -> Decided:
    return Decided(return_ref=REF, at=after(at), decision=Decision.DEBIT, line_id="MUG#1", units=Decimal(units), goods="leave",
                   actor="ann", approver="bob", reason="worn")


def test_units_accepted_again_after_their_debit_are_a_persons_work() -> None:
    by, told = rules(debit_item="SVC-DEBIT"), [*COME, inspected(accepted("MUG", 3), at=after(1))]
    made = list(plan(case_of(*told), decided=by).postings)
    told += [inspected(accepted("MUG", 1), refused("MUG", 2), at=after(2)), debit(1)]
    made += plan(case_of(*told), made, by).postings

    again = plan(case_of(*told, inspected(accepted("MUG", 3), at=after(4))), made, by)

    assert again.postings == ()
    assert [(finding.code, finding.sentence) for finding in again.findings] == [
        ("GRADE_CHANGED_AFTER_POSTING", "2 x MUG are accepted again after their credit was debited.")]


def test_a_debit_without_a_service_item_for_it_is_not_made() -> None:
    told = [*COME, inspected(accepted("MUG", 3), at=after(1))]
    made = plan(case_of(*told)).postings

    then = plan(case_of(*told, inspected(accepted("MUG", 1), refused("MUG", 2), at=after(2)), debit(1)), made)

    assert (then.postings, {finding.code for finding in then.findings}) == ((), {"SERVICE_ITEM_UNKNOWN", "REJECTED_AFTER_CREDIT"})


def test_what_never_was_stock_leaves_none_when_its_credit_is_debited() -> None:
    by, told = rules(debit_item="SVC-DEBIT"), [*COME, inspected(accepted("MUG", 3, "KEEP", "NONE"), at=after(1))]
    made = plan(case_of(*told), decided=by).postings

    then = plan(case_of(*told, inspected(refused("MUG", 3), at=after(2)), debit(0)), made, by).postings

    assert [posting.net for posting in then if posting.key.kind is K.FEE_CREDIT_NOTE] == [Decimal("30.00")]
    assert not [posting for posting in then if isinstance(posting.document, Issue)]


def test_of_units_that_were_moved_since_only_as_many_leave_as_were_debited() -> None:
    by, told = rules(debit_item="SVC-DEBIT"), [*COME, inspected(accepted("MUG", 3), at=after(1))]
    made = list(plan(case_of(*told), decided=by).postings)
    for say in ([inspected(accepted("MUG", 2), accepted("MUG", 1, "OUTLET", "B"), at=after(2))],
                [inspected(accepted("MUG", 1), accepted("MUG", 1, "OUTLET", "B"), refused("MUG", 1), at=after(3)), debit(2, 4)], []):
        told += say
        made += plan(case_of(*told), made, by).postings

    assert [posting.document.quantity for posting in made if isinstance(posting.document, Transfer)] == [1]
    assert [posting.document.quantity for posting in made if isinstance(posting.document, Issue)] == [1]
    assert plan(case_of(*told), made, by).findings[0].code == "REGRADED"


def test_another_grade_that_lies_in_the_same_place_moves_nothing_and_is_told_once() -> None:
    by = rules(mapping=[*MAPPING, row(when("OUTLET", "C"), "OUTLET", Outcome.NON_SELLABLE)])
    told = [*COME, inspected(accepted("MUG", 3, "OUTLET", "B"), at=after(1))]
    made = plan(case_of(*told), decided=by).postings

    then = plan(case_of(*told, inspected(accepted("MUG", 3, "OUTLET", "C"), at=after(2))), made, by)

    assert (then.postings, [finding.code for finding in then.findings]) == ((), ["REGRADED"])


def test_a_transfer_alone_says_nothing_of_units_nobody_received() -> None:
    told = [*COME, inspected(accepted("MUG", 3), at=after(1))]
    made = plan(case_of(*told)).postings
    regraded = case_of(*told, inspected(accepted("MUG", 3, "OUTLET", "B"), at=after(2)))
    moved = plan(regraded, made).postings

    then = plan(regraded, moved).postings

    assert [posting.document.quantity for posting in then if isinstance(posting.document, Receipt)] == [3]


def test_goods_sent_back_that_are_accepted_after_all_are_a_persons_work() -> None:
    by = rules(mapping=[*MAPPING, row(when("BACK", "D"), "QUAR", Outcome.SENT_BACK, credit=False)])
    told = [*COME, inspected(refused("MUG", 3), at=after(1))]
    made = plan(case_of(*told), decided=by).postings

    then = plan(case_of(*told, inspected(refused("MUG", 1), accepted("MUG", 2), at=after(2))), made, by)

    assert [posting.document.quantity for posting in made if isinstance(posting.document, Receipt)] == [3]
    assert [finding.sentence for finding in then.findings] == ["MUG: 3 were sent back to the customer as D/BACK, now it is 1."]

"""What people correct stands beside what was told: both are read, nothing is credited twice, and nothing damaged goes on sale by it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from backhaul.domain.beside import written
from backhaul.domain.disposition import Outcome
from backhaul.domain.facts import Charge, Charged, Fact, LineRef, Matched, Stage
from backhaul.domain.posting import CreditNote, OrderLine, Posting, Receipt, Transfer
from backhaul.domain.returns import ReturnCase, ReturnLine
from backhaul.testing.builders import (
    MAPPING,
    REF,
    ROUTES,
    WAREHOUSE,
    accepted,
    after,
    announced,
    arrived,
    case_of,
    corrected,
    entity,
    inspected,
    line,
    minted,
    plan,
    reached,
    received,
    refused,
    row,
    rules,
    when,
)


def only(case: ReturnCase) -> ReturnLine:
    assert len(case.lines) == 1
    return case.lines[0]


def codes(case: ReturnCase, made: tuple[Posting, ...] = (), **more: Any) -> list[str]:
    return [finding.code for finding in plan(case, made, **more).findings]


COME = arrived(line("MUG", 3), grades=[accepted("MUG", 3)])


# --- what holds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("what", "told", "value", "name", "now"), [
    ("sku", "MUG", "MUG-1", "sku", "MUG-1"),
    ("quantity", "3", "2", "announced", Decimal(2)),
    ("unit-price", "10", "9.5", "unit_price", Decimal("9.5")),
    ("order", "SO-1", "SO-2", "order", "SO-2"),
])
def test_a_value_of_a_line_is_what_people_say_and_the_message_stays_as_it_came(
        what: str, told: str, value: str, name: str, now: object) -> None:
    before = case_of(announced(line("MUG", 3)))

    case = case_of(announced(line("MUG", 3)), fact := corrected(what, told, value))

    assert getattr(only(case), name) == now
    assert replace(only(case), **{name: getattr(only(before), name)}, corrected=frozenset()) == only(before)
    assert (case.corrections, case.holding, only(case).corrected) == ((fact,), {fact.identity}, {fact.what})


def test_the_head_of_a_return_is_corrected_alike() -> None:
    case = case_of(announced(), corrected("customer", "C1", "C2", ""), corrected("warehouse", WAREHOUSE, "GB-DC-02", ""))

    assert (case.customer, case.warehouse) == ("C2", "GB-DC-02")
    assert case_of(announced(customer=None), corrected("customer", "", "C2", "")).customer == "C2"


def test_a_newer_message_that_tells_something_else_is_newer_and_one_that_repeats_itself_is_not() -> None:
    fact = corrected("unit-price", "10", "9", at=after(1))

    again = case_of(announced(), fact, announced(at=after(2)))
    otherwise = case_of(announced(), fact, announced(line(price="8.00"), at=after(2)))

    assert only(again).unit_price == 9
    assert (only(otherwise).unit_price, otherwise.holding) == (8, frozenset())


def test_of_several_the_newest_holds_and_one_is_taken_back_by_saying_what_was_told() -> None:
    first, second, back = (corrected("order", "SO-1", order, at=after(day)) for day, order in ((1, "SO-2"), (2, "SO-3"), (3, "SO-1")))

    assert only(case_of(second, announced(), first)).order == "SO-3"
    taken_back = case_of(back, second, announced(), first)
    assert (only(taken_back).order, taken_back.holding) == ("SO-1", frozenset())


def test_what_is_said_of_a_line_that_is_not_there_changes_nothing() -> None:
    case = case_of(announced(), fact := corrected("sku", "MUG", "CUP", "MUG#2"))

    assert replace(case, corrections=()) == case_of(announced())
    assert case.corrections == (fact,)


def test_numbers_are_written_alike() -> None:
    assert [written(value) for value in (Decimal("10.00"), Decimal(10), Decimal("1E+2"), Decimal("0.50"), None, "x ")] == [
        "10", "10", "100", "0.5", "", "x "]


# --- which line a message is about ----------------------------------------------------------------------


def test_messages_find_a_line_by_its_old_name_and_by_its_new_one() -> None:
    told = (announced(line("mug", 2)), minted(case_of(announced(line("mug", 2)))))
    fact = corrected("sku", "mug", "MUG", "mug#1", at=after(1))

    old = case_of(*told, fact, received(("mug", 2), at=after(2)), inspected(accepted("mug", 2), at=after(3)))
    new = case_of(*told, fact, received(("MUG", 2), at=after(2)), inspected(accepted("MUG", 2), at=after(3)),
                  Charged(return_ref=REF, at=after(3), charges=(Charge(code="FEE", amount=Decimal(1), line=LineRef(sku="MUG")),)))

    assert (only(old).sku, only(old).accepted, old.findings) == ("MUG", 2, ())
    assert (only(new).sku, only(new).accepted, new.findings) == ("MUG", 2, ())
    assert new.charges[0].line_id == "mug#1"


def test_a_name_that_two_lines_were_given_is_nobodys() -> None:
    case = case_of(announced(line("A"), line("B")), corrected("sku", "A", "X", "A#1"), corrected("sku", "B", "X", "B#1"),
                   inspected(accepted("X")))

    assert [finding.code for finding in case.findings] == ["UNKNOWN_LINE"]


@pytest.mark.parametrize("line_id", [None, "L7"])
def test_a_line_that_is_announced_anew_as_people_said_is_the_same_line_and_is_credited_once(line_id: str | None) -> None:
    first = [*arrived(line("mug", 2), grades=[accepted("mug", 2)]), corrected("sku", "mug", "MUG", "mug#1", at=after(3))]
    first.append(minted(case_of(*first)))
    made = plan(case_of(*first)).postings
    renamed = line("MUG", 2, line_id=line_id)

    case = case_of(*first, announced(renamed, at=after(4)), inspected(accepted(renamed, 2), at=after(5)))

    assert (only(case).line_id, only(case).sku, only(case).accepted) == ("mug#1", "MUG", 2)
    assert sum(each.document.quantity for each in made if isinstance(each.document, CreditNote)) == 2
    assert plan(case, made).postings == ()
    assert codes(case, made) == []


# --- how units were found -------------------------------------------------------------------------------


def test_a_corrected_grade_remembers_what_the_inspection_told_and_units_that_are_alike_now_are_together() -> None:
    told = arrived(line("MUG", 3), grades=[accepted("MUG", 1, "OUTLET", "B"), accepted("MUG", 2, "OUTLET", "b")])

    case = case_of(*told, corrected("condition", "b", "B"))

    (part,) = only(case).parts
    assert (part.quantity, part.condition, part.disposition, part.told) == (3, "B", "OUTLET", {("b", "OUTLET")})
    assert only(case).grades == "3 B/OUTLET"


def test_no_correction_accepts_what_was_refused() -> None:
    told = arrived(line("MUG", 1), grades=[refused("MUG", 1, "BACK", "D")])

    case = case_of(*told, corrected("disposition", "BACK", "SCRAP"))

    assert (only(case).accepted, only(case).rejected) == (0, 1)
    assert plan(case).postings == plan(case_of(*told)).postings


@pytest.mark.parametrize("name", ROUTES)
@pytest.mark.parametrize(("condition", "disposition"), [("D", "SCRAP"), ("a", "RESELL"), ("A", "RESEL"), ("B", "OUTLET")])
def test_what_was_not_found_sellable_never_goes_on_sale_whatever_people_say(condition: str, disposition: str, name: str) -> None:
    told = arrived(line("MUG", 1), grades=[accepted("MUG", 1, disposition, condition)])
    lies = [corrected("condition", condition, "A"), corrected("disposition", disposition, "RESELL")]

    case = case_of(*told, *lies)

    assert only(case).grades == "1 A/RESELL"
    assert "DAMAGED_TO_SELLABLE" in codes(case, route=ROUTES[name])
    assert not [each for each in plan(case, route=ROUTES[name]).postings if isinstance(each.document, Receipt | CreditNote)]


def test_nor_does_it_move_there_after_posting() -> None:
    told = arrived(line("MUG", 1), grades=[accepted("MUG", 1, "QUARANTINE", "C")])
    made = plan(case_of(*told)).postings
    lies = [corrected("condition", "C", "A"), corrected("disposition", "QUARANTINE", "RESELL")]

    later = plan(case_of(*told, *lies), made)

    assert (later.postings, [finding.code for finding in later.findings]) == ((), ["GRADE_CHANGED_AFTER_POSTING", "DAMAGED_TO_SELLABLE"])


def test_an_inspection_that_says_so_makes_it_sellable() -> None:
    told = arrived(line("MUG", 1), grades=[accepted("MUG", 1, "SCRAP", "D")])

    case = case_of(*told, corrected("condition", "D", "C"), inspected(accepted("MUG", 1), at=after(4)))

    assert codes(case) == []
    assert [each.document.outcome for each in plan(case).postings if isinstance(each.document, CreditNote)] == [Outcome.RESTOCKED]


def test_a_grade_nobody_mapped_is_corrected_to_one_that_is_and_the_line_goes_on() -> None:
    told = arrived(line("MUG", 1), grades=[accepted("MUG", 1, "SCRAPP", "D")])

    assert codes(case_of(*told)) == ["UNMAPPED_DISPOSITION"]
    assert codes(case_of(*told, corrected("disposition", "SCRAPP", "SCRAP"))) == []


# --- goods without a return -----------------------------------------------------------------------------


def test_of_blind_goods_the_item_is_corrected_and_the_sale_is_matched() -> None:
    told = announced(line("mug", 2, None, order=None), blind=True)
    told = replace(told, customer=None)
    match = Matched(return_ref=REF, at=after(2), line_id="mug#1", order="SO-1", unit_price=Decimal(4), units=Decimal(2), actor="ann",
                    approver="bob", reason="slip")
    says = (corrected("sku", "mug", "MUG", "mug#1"), corrected("order", "", "SO-9", "mug#1"), corrected("unit-price", "", "99", "mug#1"),
            corrected("quantity", "2", "5", "mug#1"))

    blind, matched = only(case_of(told, *says)), only(case_of(told, *says, match))

    assert (blind.sku, blind.blind, blind.order, blind.unit_price, blind.announced) == ("MUG", True, None, None, 2)
    assert (matched.sku, matched.order, matched.unit_price, matched.announced) == ("MUG", "SO-1", 4, 2)


# --- after documents were made ---------------------------------------------------------------------------


LATE = [("sku", "MUG", "CUP", "MUG#1"), ("sku", "MUG", "POST", "MUG#1"), ("quantity", "3", "2", "MUG#1"), ("quantity", "3", "9", "MUG#1"),
        ("unit-price", "10", "11", "MUG#1"), ("unit-price", "10", "1", "MUG#1"), ("order", "SO-1", "SO-2", "MUG#1"),
        ("order", "SO-1", "PRE-2025", "MUG#1"), ("condition", "A", "B", "MUG#1"), ("disposition", "RESELL", "OUTLET", "MUG#1"),
        ("condition", "A", "D", "MUG#1"), ("disposition", "RESELL", "SCRAP", "MUG#1"), ("customer", "C1", "C2", ""),
        ("warehouse", WAREHOUSE, "GB-DC-02", "")]
TWO_HOUSES = entity(warehouses={WAREHOUSE: WAREHOUSE, "GB-DC-02": "GB-DC-02"})


@given(st.lists(st.sampled_from(LATE), min_size=1, max_size=4), st.sampled_from(sorted(ROUTES)), st.integers(1, 3), st.booleans())
@settings(derandomize=True, deadline=None, max_examples=150)
def test_whatever_people_correct_after_the_credit_nothing_is_credited_twice(
        late: list[tuple[str, str, str, str]], name: str, units: int, comes_on: bool) -> None:  # noqa: FBT001  drawn
    by, route = rules(entities=(TWO_HOUSES,)), ROUTES[name]
    known: list[Fact] = [announced(line("MUG", 3)), received(("MUG", 3)), inspected(accepted("MUG", units), at=after(1)),
                         reached(Stage.INSPECTED)]
    made = plan(case_of(*known), decided=by, route=route).postings
    known += [corrected(*each, at=after(2, hours=hour)) for hour, each in enumerate(late)]
    known += [inspected(accepted("MUG", 3), at=after(3))] if comes_on else []
    case = case_of(*known)

    for _ in range(2):
        blocked = frozenset(finding.line_id for finding in plan(case, made, decided=by, route=route).findings if finding.blocks)
        made += tuple(each for each in plan(case, made, decided=by, route=route).postings if not {"", each.line_id} & blocked)

    credited = sum(each.document.quantity for each in made if isinstance(each.document, CreditNote))
    assert units <= credited <= (3 if comes_on else units)
    received_units = sum(each.document.quantity for each in made if isinstance(each.document, Receipt))
    assert received_units <= (3 if comes_on else units)
    assert len({each.key for each in made}) == len(made)


@pytest.mark.parametrize("late", [each for each in LATE if each[0] not in {"quantity", "condition", "disposition"}])
def test_what_is_corrected_after_the_documents_were_made_is_a_persons_work(late: tuple[str, str, str, str]) -> None:
    by = rules(entities=(TWO_HOUSES,))
    made = plan(case_of(*COME), decided=by).postings

    later = plan(case_of(*COME, corrected(*late)), made, decided=by)
    back = plan(case_of(*COME, corrected(*late), corrected(late[0], late[1], late[1], late[3], at=after(4))), made, decided=by)

    found = [(finding.code, finding.line_id) for finding in later.findings if finding.code == "CHANGED_AFTER_POSTING"]
    assert found == [("CHANGED_AFTER_POSTING", late[3])]
    assert not [each for each in later.postings if isinstance(each.document, CreditNote)]
    assert (back.postings, back.findings) == ((), ())


@pytest.mark.parametrize(("late", "kind"), [
    (("customer", "C1", "C2", ""), "customer C2"), (("order", "SO-1", "SO-2", "MUG#1"), "order SO-2")])
def test_what_was_made_by_a_correction_that_is_taken_back_is_noticed(late: tuple[str, str, str, str], kind: str) -> None:
    told = [*COME, corrected(*late)]
    made = plan(case_of(*told)).postings

    (finding,) = plan(case_of(*told, corrected(late[0], late[1], late[1], late[3], at=after(4))), made).findings

    assert (finding.code, kind in finding.sentence) == ("CHANGED_AFTER_POSTING", True)


def test_a_grade_corrected_after_posting_moves_the_goods_and_the_credit_stands() -> None:
    told = arrived(line("MUG", 2), grades=[accepted("MUG", 2)])
    made = plan(case_of(*told)).postings

    later = plan(case_of(*told, corrected("condition", "A", "B"), corrected("disposition", "RESELL", "OUTLET")), made)

    (moved,) = (each.document for each in later.postings)
    assert isinstance(moved, Transfer)
    assert (moved.quantity, moved.source.location, moved.target.location) == (2, "SALE", "OUTLET")
    assert [finding.code for finding in later.findings] == ["REGRADED"]


def test_fewer_units_after_the_credit_are_a_debit_to_approve() -> None:
    made = plan(case_of(*COME)).postings

    later = plan(case_of(*COME, corrected("quantity", "3", "2")), made)

    assert "REJECTED_AFTER_CREDIT" in [finding.code for finding in later.findings]
    assert not [each for each in later.postings if isinstance(each.document, CreditNote | OrderLine)]


def test_a_row_of_another_warehouse_is_used_for_what_was_not_posted_yet() -> None:
    by = rules(entities=(TWO_HOUSES,), mapping=(*MAPPING, row(when(warehouse="GB-DC-02"), "BACKROOM", Outcome.NON_SELLABLE)))

    postings = plan(case_of(*COME, corrected("warehouse", WAREHOUSE, "GB-DC-02", "")), decided=by).postings

    assert {each.document.place.location for each in postings if isinstance(each.document, Receipt)} == {"BACKROOM"}

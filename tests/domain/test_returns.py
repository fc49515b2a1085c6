"""The fold: a return is what the set of facts about it says, whatever their order and however often they came."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from backhaul.domain.disposition import Outcome
from backhaul.domain.facts import (
    Announced,
    AnnouncedLine,
    Corrected,
    Counting,
    Decision,
    Fact,
    LineRef,
    LinesMinted,
    Lost,
    MintedLine,
    Stage,
)
from backhaul.domain.returns import ReturnCase, ReturnLine
from backhaul.testing.builders import (
    NOON,
    REF,
    accepted,
    after,
    announced,
    case_of,
    claimed,
    closed,
    corrected,
    inspected,
    line,
    minted,
    paid,
    plan,
    reached,
    received,
    refused,
    row,
    rules,
    unreadable,
    waived,
    when,
)

SKUS = st.sampled_from(["MUG", "mug", "CUP"])
PRICES = st.sampled_from(["4.00", "9.00", None])
MOMENTS = st.integers(0, 3).map(after)
VERSIONS = st.sampled_from([None, None, 1, 2])
COUNTINGS = st.sampled_from(Counting)


@st.composite
def told_lines(draw: st.DrawFn) -> tuple[AnnouncedLine, ...]:
    """Announce up to four lines, equal ones told apart as the wire does it; ids of the platform come in all of them or none."""
    named = draw(st.booleans())
    seen: Counter[Any] = Counter()
    lines = []
    for number, (sku, units, price) in enumerate(draw(st.lists(st.tuples(SKUS, st.integers(1, 2), PRICES), min_size=1, max_size=4))):
        nth = seen[sku, units, price]
        seen[sku, units, price] += 1
        lines.append(line(sku, units, price, nth=nth, line_id=f"L{number}-{sku}" if named else None))
    return tuple(lines)


REFS = st.builds(LineRef, sku=SKUS) | told_lines().map(lambda lines: lines[-1].ref)
CORRECTIONS = st.builds(
    lambda told, at: corrected(*told, at=at), st.sampled_from([
        ("sku", "MUG", "CUP"), ("sku", "MUG", "mug"), ("sku", "mug", "MUG", "mug#1"), ("quantity", "1", "2"),
        ("quantity", "2", "1", "L0-MUG"), ("unit-price", "4", "9"), ("unit-price", "", "4"), ("order", "SO-1", "SO-2"),
        ("condition", "A", "B"), ("disposition", "RESELL", "OUTLET"),
        ("condition", "D", "C"), ("customer", "C1", "C2", ""), ("warehouse", "GB-DC-01", "GB-DC-02", "")]), MOMENTS)
GRADES = st.builds(
    lambda ref, units, good: replace(accepted("x", units) if good else refused("x", units), line=ref),
    REFS, st.integers(0, 3), st.booleans())
ANNOUNCEMENTS = st.builds(lambda lines, at, version: announced(*lines, at=at, version=version), told_lines(), MOMENTS, VERSIONS)
FACTS = st.one_of(
    ANNOUNCEMENTS,
    st.builds(reached, st.sampled_from(Stage), MOMENTS),
    st.builds(lambda grades, at, version, counting, event: inspected(*grades, at=at, version=version, counting=counting, event=event),
              st.lists(GRADES, max_size=3), MOMENTS, VERSIONS, COUNTINGS, st.sampled_from("ab")),
    st.builds(lambda sku, units, at, counting, event: received((sku, units), at=at, counting=counting, event=event),
              SKUS, st.integers(0, 3), MOMENTS, COUNTINGS, st.sampled_from("ab")),
    st.builds(paid, st.sampled_from(["1.00", "2.00"]), MOMENTS, st.sampled_from(["P1", "P2"])),
    st.builds(closed, st.sampled_from(["MUG#1", "L0-MUG"])), st.just(waived("TAX_DIFFERS")), st.just(unreadable()),
    CORRECTIONS,
)


@given(st.data(), st.lists(FACTS, max_size=7))
@settings(derandomize=True, deadline=None, max_examples=120)
def test_neither_order_nor_repetition_of_facts_matters(data: st.DataObject, facts: list[Fact]) -> None:
    repeated = data.draw(st.lists(st.sampled_from(facts), max_size=4)) if facts else []

    shuffled = data.draw(st.permutations([*facts, *repeated]))

    assert case_of(*shuffled) == case_of(*facts)


@given(st.data(), st.lists(CORRECTIONS, min_size=1, max_size=4), st.lists(FACTS, max_size=5), told_lines())
@settings(derandomize=True, deadline=None, max_examples=120)
def test_corrections_come_whenever_they_come_and_only_what_holds_changes_anything(
    data: st.DataObject, corrections: list[Fact], others: list[Fact], lines: tuple[AnnouncedLine, ...],
) -> None:
    facts = [announced(*lines, at=after(hours=1)), *others]

    case = case_of(*data.draw(st.permutations([*facts, *corrections, *corrections[:2]])))

    assert case == case_of(*facts, *corrections)
    plain = case_of(*(fact for fact in facts if not isinstance(fact, Corrected)))
    if not case.holding and not any(each.what == "sku" for each in case.corrections):
        bare = replace(case, corrections=(), lines=tuple(replace(each, corrected=frozenset()) for each in case.lines))
        assert bare == replace(plain, lines=tuple(replace(each, corrected=frozenset()) for each in plain.lines))


@given(st.data(), st.lists(ANNOUNCEMENTS, min_size=1, max_size=5))
@settings(derandomize=True, deadline=None, max_examples=120)
def test_an_id_once_given_never_changes_whenever_it_was_written_down(data: st.DataObject, announcements: list[Announced]) -> None:
    known: list[Fact] = []
    writes = st.booleans()
    given_ids: dict[str, tuple[str, ...]] = {}
    for number, fact in enumerate(announcements):
        known.append(fact)
        case = case_of(*known)
        if case.unminted and data.draw(writes):
            known.append(minted(case, after(hours=number)))
            given_ids |= {each.line_id: (each.sku,) for each in case.unminted}

    case = case_of(*known)

    named = {each.line_id: (each.sku,) for each in case.lines}
    assert {line_id: named.get(line_id) for line_id in given_ids} == given_ids
    assert len(named) == len(case.lines)


@given(told_lines(), st.lists(told_lines(), max_size=3))
@settings(derandomize=True, deadline=None, max_examples=80)
def test_what_was_announced_and_minted_is_named_alike_when_it_is_told_again(
    first: tuple[AnnouncedLine, ...], others: list[tuple[AnnouncedLine, ...]],
) -> None:
    facts: list[Fact] = [announced(*first)]
    facts.append(minted(case_of(*facts)))
    named = {each.line_id: (each.sku, each.announced, each.unit_price) for each in case_of(*facts).lines}
    for number, lines in enumerate(others, start=1):
        facts.append(announced(*lines, at=after(number)))
        facts.append(minted(case_of(*facts), after(number)))

    again = case_of(*facts, announced(*first, at=after(9)))

    assert named == {each.line_id: (each.sku, each.announced, each.unit_price) for each in again.lines if each.announced}


def only(case: ReturnCase) -> ReturnLine:
    assert len(case.lines) == 1
    return case.lines[0]


def codes(case: ReturnCase) -> list[str]:
    return [finding.code for finding in case.findings]


# --- heads and stages --------------------------------------------------------------------------------


def test_nothing_known_is_an_empty_case() -> None:
    case = case_of()

    assert (case.stage, case.lines, case.findings, case.net) == (None, (), (), 0)


@pytest.mark.parametrize("fact", [reached(Stage.RECEIVED), received(("MUG", 1)), inspected(accepted()), paid()])
def test_a_return_nobody_announced_is_shown_to_a_person(fact: Fact) -> None:
    case = case_of(fact)

    assert codes(case) == ["UNREADABLE"]
    assert "nobody announced it" in case.findings[0].sentence
    assert codes(case_of(fact, announced(line("MUG")))) == []


def test_a_payment_without_a_return_is_not_forgotten() -> None:
    assert [refund.reference for refund in case_of(paid()).refunds] == ["PAY-1"]


def test_a_message_that_could_not_be_read_stays_a_finding() -> None:
    assert codes(case_of(unreadable())) == ["UNREADABLE"]
    assert codes(case_of(unreadable(), announced())) == ["UNREADABLE"]


def test_a_late_event_never_moves_a_return_back() -> None:
    case = case_of(announced(), reached(Stage.COMPLETED, after(5)), reached(Stage.RECEIVED, after(6)), reached(Stage.RECEIVED, after(2)))

    assert case.stage is Stage.COMPLETED
    assert case.reached[Stage.RECEIVED] == after(2)
    assert case.has_reached(Stage.INSPECTED)


def test_a_cancelled_return_has_reached_nothing_else() -> None:
    case = case_of(announced(), reached(Stage.LABELLED), reached(Stage.CANCELLED))

    assert case.has_reached(Stage.CANCELLED)
    assert not case.has_reached(Stage.RECEIVED)
    assert case.called_off


@pytest.mark.parametrize("fact", [received(("MUG", 1)), inspected(accepted()), inspected(refused())])
def test_a_return_is_not_called_off_any_more_when_its_goods_have_come(fact: Fact) -> None:
    assert not case_of(announced(), reached(Stage.CANCELLED), fact).called_off
    assert case_of(announced(), reached(Stage.CANCELLED), received(("MUG", 0))).called_off


def test_the_sources_own_counter_beats_its_clock() -> None:
    case = case_of(announced(line("MUG", 1), version=2), announced(line("MUG", 5), version=1, at=after(9)),
                   announced(line("MUG", 7), at=after(10)))

    assert only(case).announced == 1
    assert codes(case) == []


def test_payments_are_known_by_their_reference() -> None:
    case = case_of(announced(), paid("1.00"), paid("2.00", after(1)), paid("3.00", reference="PAY-2"))

    assert {refund.reference: refund.money.amount for refund in case.refunds} == {"PAY-1": 2, "PAY-2": 3}
    assert len(case.refunds) == 2


# --- conflicts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rivals", [
    (announced(line("MUG", 1)), announced(line("MUG", 2))),
    (announced(line("MUG", 1), version=3), announced(line("MUG", 2), version=3, at=after(1))),
    (announced(), inspected(accepted()), inspected(refused())),
    (announced(), received(("MUG", 1)), received(("MUG", 0))),
])
def test_two_messages_of_one_age_that_disagree_are_a_finding_and_no_matter_of_luck(rivals: tuple[Fact, ...]) -> None:
    assert codes(case_of(*rivals)) == ["EVENT_CONTENT_CONFLICT"]


def test_a_newer_message_settles_a_conflict() -> None:
    case = case_of(announced(line("MUG", 1)), announced(line("MUG", 2)), announced(line("MUG", 1), at=after(1)))

    assert codes(case) == []
    assert only(case).announced == 1


def test_a_message_told_again_with_another_time_is_no_conflict() -> None:
    assert codes(case_of(announced(version=3), announced(version=3, at=after(1)))) == []


def test_increments_of_one_moment_do_not_disagree() -> None:
    case = case_of(announced(line("MUG", 2)), received(("MUG", 1), event="a", counting=Counting.INCREMENT),
                   received(("MUG", 1), event="b", counting=Counting.INCREMENT))

    assert codes(case) == []
    assert only(case).received == 2


# --- line ids ----------------------------------------------------------------------------------------


def test_equal_skus_get_an_ordinal_by_price_and_identical_lines_one_each() -> None:
    case = case_of(announced(line("MUG", 1, "9.00"), line("MUG", 1, "4.00"), line("MUG", 1, "9.00", nth=1)))

    assert [(each.line_id, each.unit_price) for each in case.lines] == [("MUG#1", 4), ("MUG#2", 9), ("MUG#3", 9)]


def test_skus_that_differ_only_in_case_never_meet() -> None:
    case = case_of(announced(line("M", 1), line("m", 2)), received(("m", 2)), inspected(accepted("m", 2), refused("M", 1)))

    assert [(each.line_id, each.received, each.accepted, each.rejected) for each in case.lines] == [("M#1", None, 0, 1), ("m#1", 2, 2, 0)]


def test_a_new_cheaper_line_does_not_push_the_ids_of_others() -> None:
    first = announced(line("MUG", 1, "5.00"), line("MUG", 1, "9.00"))

    case = case_of(first, minted(case_of(first)),
                   announced(line("MUG", 1, "4.00"), line("MUG", 1, "5.00"), line("MUG", 1, "9.00"), at=after(1)))

    assert {each.line_id: each.unit_price for each in case.lines} == {"MUG#1": 5, "MUG#2": 9, "MUG#3": 4}
    assert [each.line_id for each in case.unminted] == ["MUG#3"]


@pytest.mark.parametrize("changed", [line("MUG", 3, "5.00"), line("MUG", 2, "6.00"), line("MUG", 2, "5.00", order="SO-2")])
def test_a_line_that_changes_keeps_its_id(changed: AnnouncedLine) -> None:
    first = announced(line("MUG", 2, "5.00"))

    case = case_of(first, minted(case_of(first)), announced(changed, at=after(1)))

    assert only(case).line_id == "MUG#1"
    assert (only(case).announced, only(case).unit_price) == (changed.quantity, changed.unit_price)


def test_a_line_that_vanishes_stays_with_nothing_announced_and_is_no_trouble() -> None:
    first = announced(line("MUG"), line("CUP", price=None))

    case = case_of(first, minted(case_of(first)), announced(line("MUG"), at=after(1)))

    assert [(each.line_id, each.announced) for each in case.lines] == [("CUP#1", 0), ("MUG#1", 1)]
    assert codes(case) == []


def test_units_of_a_line_that_vanished_are_trouble() -> None:
    first = announced(line("MUG"), line("CUP"))

    case = case_of(first, minted(case_of(first)), announced(line("MUG"), at=after(1)), inspected(accepted("CUP")))

    assert codes(case) == ["IMPLAUSIBLE_QUANTITY"]


def test_the_platforms_own_ids_are_used_as_they_are() -> None:
    case = case_of(announced(line("MUG", line_id="17"), line("MUG", line_id="4")), inspected(accepted(line("MUG", line_id="17"))))

    assert [(each.line_id, each.accepted) for each in case.lines] == [("4", 0), ("17", 1)]


def test_an_id_of_the_platform_that_comes_later_does_not_make_a_second_line_of_one() -> None:
    first = announced(line("MUG"))

    case = case_of(first, minted(case_of(first)), announced(line("MUG", line_id="L7"), at=after(1)),
                   received((line("MUG", line_id="L7"), 1)), inspected(accepted(line("MUG", line_id="L7"))))

    assert (only(case).line_id, only(case).received, only(case).accepted) == ("MUG#1", 1, 1)
    assert codes(case) == []


def test_two_ids_of_the_platform_are_two_lines_even_if_one_is_gone() -> None:
    first = announced(line("MUG", line_id="L1"))

    case = case_of(first, minted(case_of(first)), announced(line("MUG", line_id="L2"), at=after(1)))

    assert {each.line_id: each.announced for each in case.lines} == {"L1": 0, "L2": 1}


def test_an_id_of_the_platform_that_is_left_out_later_is_remembered() -> None:
    first = announced(line("MUG", line_id="L1"))

    case = case_of(first, minted(case_of(first)), announced(line("MUG"), at=after(1)))

    assert only(case).line_id == "L1"


def test_one_id_for_two_lines_stops_the_return() -> None:
    case = case_of(announced(line("MUG", line_id="L1"), line("CUP", line_id="L1")))

    assert codes(case) == ["AMBIGUOUS_LINE"]
    assert case.findings[0].line_id == ""


def test_ids_written_down_by_two_workers_at_once_are_given_once() -> None:
    first = announced(line("MUG"), line("CUP"))
    case = case_of(first)

    both = case_of(first, minted(case), minted(case, after(hours=1)), LinesMinted(return_ref=REF, at=after(2), lines=(
        MintedLine(line_id="MUG#1", sku="MUG", quantity=Decimal(9), unit_price=None, order=None),)))

    assert both.lines == case.lines
    assert both.unminted == ()


def test_the_tenth_equal_line_does_not_stand_before_the_second() -> None:
    lines = [line("MUG", nth=nth, reason=str(nth)) for nth in range(11)]

    case = case_of(announced(*lines), inspected(*(accepted(each, 1, condition=each.reason) for each in lines)))

    assert [each.line_id for each in case.lines] == [f"MUG#{number}" for number in range(1, 12)]
    assert all(each.reason == each.parts[0].condition for each in case.lines)


# --- which line a message means ----------------------------------------------------------------------


TWO_PRICES = announced(line("MUG", 2, "9.00"), line("MUG", 1, "4.00"))


def spread(case: ReturnCase) -> list[Decimal | None]:
    return [each.received for each in case.lines]


def test_all_that_a_message_repeats_of_the_announcement_decides() -> None:
    assert spread(case_of(TWO_PRICES, received((line("MUG", 2, "9.00"), 2)))) == [None, 2]


def test_equal_lines_are_told_apart_by_their_place_in_the_message() -> None:
    first, second = line("MUG"), line("MUG", nth=1)

    assert spread(case_of(announced(first, second), received((second, 1)))) == [None, 1]
    assert spread(case_of(announced(first, second), received((line("MUG", nth=5), 1)))) == [1, 0]


def test_a_bare_sku_fills_its_lines_cheapest_first_and_no_further_than_announced() -> None:
    assert spread(case_of(TWO_PRICES, received(("MUG", 1)))) == [1, 0]
    assert spread(case_of(TWO_PRICES, received(("MUG", 2)))) == [1, 1]
    assert spread(case_of(TWO_PRICES, received(("MUG", 1), ("MUG", 2)))) == [1, 2]


def test_units_beyond_all_lines_stand_on_the_last_as_its_surplus() -> None:
    case = case_of(TWO_PRICES, received(("MUG", 4)))

    assert spread(case) == [1, 3]
    assert [each.surplus for each in case.lines] == [0, 1]


def test_a_message_that_repeats_something_outdated_still_finds_its_sku() -> None:
    assert spread(case_of(TWO_PRICES, received((line("MUG", 9, "8.00"), 3)))) == [1, 2]


def test_what_one_part_of_a_message_took_is_gone_for_the_next() -> None:
    assert spread(case_of(TWO_PRICES, received((line("MUG", 1, "4.00"), 1), ("MUG", 1)))) == [1, 1]


def test_what_earlier_increments_took_is_gone_for_later_ones() -> None:
    counted = [received(("MUG", 1), event=event, at=after(hours=number), counting=Counting.INCREMENT) for number, event in enumerate("abc")]

    assert spread(case_of(TWO_PRICES, *counted)) == [1, 2]


def test_units_nobody_announced_are_a_finding() -> None:
    case = case_of(announced(line("MUG")), received(("mug", 1)), inspected(accepted(line("MUG", line_id="L9"))))

    assert codes(case) == ["UNKNOWN_LINE", "UNKNOWN_LINE"]
    assert (only(case).received, only(case).parts) == (None, ())


def test_nothing_counted_is_a_count_of_nothing() -> None:
    case = case_of(announced(line("MUG")), received(("MUG", 0)))

    assert only(case).received == 0
    assert codes(case) == []


# --- totals and increments ---------------------------------------------------------------------------


def test_the_newest_total_decides() -> None:
    case = case_of(announced(line("MUG", 3)), received(("MUG", 2), at=after(2)), received(("MUG", 3), at=after(1)))

    assert only(case).received == 2


def test_increments_after_a_total_count_and_those_before_are_in_it() -> None:
    case = case_of(announced(line("MUG", 5)), received(("MUG", 2), event="a", counting=Counting.INCREMENT),
                   received(("MUG", 3), at=after(1)), received(("MUG", 1), event="b", at=after(2), counting=Counting.INCREMENT))

    assert only(case).received == 4


def test_grades_are_summed_by_condition_and_disposition() -> None:
    case = case_of(announced(line("MUG", 5)), inspected(
        accepted("MUG", 1), accepted("MUG", 1), accepted("MUG", 1, "SCRAP", "D"), refused("MUG", 2), accepted("MUG", 0, "OUTLET", "B")))

    assert [(part.accepted, part.condition, part.disposition, part.quantity) for part in only(case).parts] == [
        (False, "D", "BACK", 2), (True, "A", "RESELL", 2), (True, "D", "SCRAP", 1)]
    assert (only(case).accepted, only(case).rejected) == (3, 2)


def test_accepted_units_come_before_refused_ones_where_a_message_does_not_tell_lines_apart() -> None:
    case = case_of(TWO_PRICES, inspected(refused("MUG", 2), accepted("MUG", 1)))

    assert [(each.accepted, each.rejected) for each in case.lines] == [(1, 0), (0, 2)]


def test_a_later_inspection_replaces_an_earlier_one() -> None:
    case = case_of(announced(line("MUG", 2)), inspected(accepted("MUG", 2)), inspected(accepted("MUG", 1), refused("MUG", 1), at=after(1)))

    assert (only(case).accepted, only(case).rejected, case.inspected_at) == (1, 1, after(1))


# --- what cannot be ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("facts", "code"), [
    ([announced(line("MUG", 0))], "IMPLAUSIBLE_QUANTITY"), ([announced(line("MUG", -1))], "IMPLAUSIBLE_QUANTITY"),
    ([announced(line("MUG", "1.5"))], "IMPLAUSIBLE_QUANTITY"), ([announced(line("MUG", price=None))], "IMPLAUSIBLE_AMOUNT"),
    ([announced(line("MUG", price="-1"))], "IMPLAUSIBLE_AMOUNT"),
    ([announced(line("MUG", 2)), received(("MUG", "0.5"))], "IMPLAUSIBLE_QUANTITY"),
    ([announced(line("MUG", 1)), received(("MUG", 2)), inspected(accepted("MUG", 3))], "IMPLAUSIBLE_QUANTITY"),
    ([announced(line("MUG", 1)), received(("MUG", 2)), inspected(accepted("MUG", 1), refused("MUG", 1))], "IMPLAUSIBLE_QUANTITY"),
    ([announced(line("MUG", 1)), received(("MUG", 2)), inspected(refused("MUG", 2))], "IMPLAUSIBLE_QUANTITY"),
    ([announced(line("MUG", 2)), inspected(accepted("MUG", 3))], "IMPLAUSIBLE_QUANTITY"),
    ([announced(line("MUG", 2)), received(("MUG", 1)), inspected(accepted("MUG", 1), refused("MUG", 1))], "IMPLAUSIBLE_QUANTITY"),
    ([announced(line("MUG", 2)), inspected(accepted("MUG", "1.5"))], "IMPLAUSIBLE_QUANTITY"),
    ([announced(line("MUG", 2)), inspected(accepted("MUG", -1))], "IMPLAUSIBLE_QUANTITY"),
])
def test_a_number_that_cannot_be_is_a_finding_about_its_line(facts: list[Fact], code: str) -> None:
    case = case_of(*facts)

    assert {(finding.code, finding.line_id) for finding in case.findings} == {(code, "MUG#1")}


def test_surplus_units_that_were_accepted_alike_leave_the_announced_ones_their_grade() -> None:
    case = case_of(announced(line("MUG", 2)), received(("MUG", 3)), inspected(accepted("MUG", 3)))

    assert codes(case) == []
    assert (only(case).accepted, only(case).received, only(case).surplus) == (2, 3, 1)


def test_units_of_a_line_that_is_announced_no_more_are_no_surplus() -> None:
    first = case_of(announced(line("MUG", 2)))

    case = case_of(announced(line("MUG", 2)), minted(first), announced(line("CUP"), at=after(1)), received(("MUG", 2), at=after(2)))

    assert codes(case) == ["IMPLAUSIBLE_QUANTITY"]
    assert all(not each.surplus for each in case.lines)


def test_a_negative_count_is_told() -> None:
    case = case_of(announced(line("MUG", 1)), received(("MUG", -1)))

    assert "received quantity is -1" in case.findings[0].sentence


def test_a_free_item_is_no_trouble() -> None:
    assert codes(case_of(announced(line("MUG", price="0.00")))) == []


# --- decisions ---------------------------------------------------------------------------------------


def test_a_waiver_and_a_closing_hold_for_their_line_alone() -> None:
    case = case_of(announced(line("MUG"), line("CUP")), waived("TAX_DIFFERS"), waived("PRICE_ABOVE_SOLD"), closed("CUP#1"))

    assert [(each.line_id, sorted(each.waived), each.closed) for each in case.lines] == [
        ("CUP#1", [], True), ("MUG#1", ["PRICE_ABOVE_SOLD", "TAX_DIFFERS"], False)]


@pytest.mark.parametrize("code", ["DAMAGED_TO_SELLABLE", "SKU_UNKNOWN", "NO_SUCH_KIND", ""])
def test_what_cannot_be_waived_is_not_waived_by_a_fact_that_says_so(code: str) -> None:
    assert only(case_of(announced(), waived(code))).waived == frozenset()


def test_a_decision_about_a_line_that_is_not_there_changes_nothing() -> None:
    other = replace(closed(), decision=Decision.CLOSE, line_id="CUP#9")

    assert case_of(announced(), other).lines == case_of(announced()).lines


def test_the_value_of_a_return_is_that_of_its_lines() -> None:
    case = case_of(announced(line("MUG", 3, "1.10"), line("CUP", 2, None), at=NOON + timedelta(days=1)))

    assert case.net == Decimal("3.30")


def test_how_units_were_found_is_one_sentence() -> None:
    case = case_of(announced(line(quantity=3)), inspected(accepted("MUG", 2), node="HUB"), inspected(refused("MUG", 1)))

    assert sorted(case.lines[0].grades.split(", ")) == ["1 A/RESELL at HUB", "1 D/BACK rejected"]


def test_lost_parcels_are_told_and_what_is_lost_is_credited_by_decision_alone() -> None:
    kept = row(when("LOST", "NONE"), "", Outcome.WITHOUT_GOODS)
    told = (announced(line(quantity=2)), reached(Stage.RECEIVED), Lost(return_ref=REF, at=after(1)))

    assert [finding.code for finding in plan(case_of(*told)).findings] == ["PARCEL_LOST"]
    for mapped, codes in ((kept, []), (row(when("LOST", "NONE"), "SALE"), ["DAMAGED_TO_SELLABLE"]),
                          (row(when("LOST", "NONE"), "QUAR", Outcome.NON_SELLABLE), ["UNMAPPED_DISPOSITION"])):
        wanted = plan(case_of(*told, claimed(units=2)), decided=rules(mapping=[mapped]))
        assert [finding.code for finding in wanted.findings] == codes
        assert sum(posting.net for posting in wanted.postings) == (0 if codes else -20)

"""Where every unit is: each in one place, and the places add up to what was announced."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings, strategies as st

from backhaul.domain.disposition import MappingRow
from backhaul.domain.facts import Decided, Decision, Fact, Stage
from backhaul.domain.placement import CREDITED, Where, due_at, is_over, place, unmapped
from backhaul.domain.posting import CreditNote, ErpDocument, Posting
from backhaul.domain.returns import ReturnCase
from backhaul.testing.builders import (
    MAPPING,
    NOON,
    REF,
    accepted,
    after,
    announced,
    arrived,
    case_of,
    closed,
    inspected,
    line,
    plan,
    reached,
    received,
    recorded,
    refused,
    rules,
    waived,
)

RULES = rules()
LATE = after(days=100)


def places(case: ReturnCase, posted: list[Posting] | None = None, *, held: frozenset[str] = frozenset(), now: datetime = NOON,
           known: bool = True) -> dict[Where, tuple[int, Decimal]]:
    """Sum up units and money by place."""
    documents = [(posting, recorded(posting)) for posting in posted or []]
    sums: dict[Where, tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    for each in place(case, RULES, RULES.entities[0] if known else None, posted=documents, held=held, now=now):
        count, net = sums[each.where]
        sums[each.where] = (count + int(each.quantity), net + each.net)
    return dict(sums)


def credits(case: ReturnCase) -> list[Posting]:  # noqa: A001  the trade's word
    return [posting for posting in plan(case).postings if isinstance(posting.document, CreditNote)]


# --- the identity ------------------------------------------------------------------------------------

GRADES = st.lists(st.builds(
    lambda sku, units, way: (accepted if way[2] else refused)(sku, units, way[1], way[0]), st.sampled_from(["MUG", "CUP", "POST"]),
    st.integers(0, 4), st.sampled_from([*((row.when.condition, row.when.disposition, True) for row in MAPPING), ("D", "BACK", False),
                                        ("A", "DONATE", True)])), max_size=5)


@st.composite
def stories(draw: st.DrawFn) -> list[Fact]:
    """Tell any return with prices in pennies, plausible or not."""
    lines = [line(sku, units, price) for sku, units, price in draw(st.lists(st.tuples(
        st.sampled_from(["MUG", "CUP", "POST"]), st.integers(-1, 4), st.sampled_from(["0.00", "4.35", "9.99"])), min_size=1, max_size=4))]
    facts: list[Fact] = [announced(*lines), *(reached(stage) for stage in draw(st.lists(st.sampled_from(Stage), max_size=3)))]
    facts += [inspected(*draw(GRADES), at=after(1))] if draw(st.booleans()) else []
    facts += [received((sku, draw(st.integers(0, 4)))) for sku in draw(st.sampled_from([[], ["MUG"], ["CUP"]]))]
    return [*facts, *([closed()] if draw(st.booleans()) else [])]


@given(stories(), st.data(), st.sampled_from([NOON, LATE]), st.sampled_from([frozenset(), frozenset({""}), frozenset({"MUG#1"})]))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_the_places_hold_every_announced_unit_and_every_penny_once(
    facts: list[Fact], data: st.DataObject, now: datetime, held: frozenset[str],
) -> None:
    case = case_of(*facts)
    wanted = credits(case)
    posted = [posting for posting in wanted if data.draw(st.booleans())]

    found = list(place(case, RULES, RULES.entities[0], posted=[(each, recorded(each)) for each in posted], held=held, now=now))

    for each in case.lines:
        mine = [placement for placement in found if placement.line_id == each.line_id]
        assert sum(placement.quantity for placement in mine) == each.announced
        assert sum(placement.net for placement in mine) == -each.net
        assert all(placement.quantity > 0 or placement.where is Where.HELD for placement in mine)
    assert sum(placement.net for placement in found) == -case.net


def test_a_third_of_a_penny_stays_visible_as_what_the_documents_say() -> None:
    case = case_of(*arrived(line("MUG", 3, "0.335"), grades=[accepted("MUG", 2), accepted("MUG", 1, "SCRAP", "D")]))

    found = places(case, credits(case))

    drift = sum(net for _, net in found.values()) + case.net
    assert drift == Decimal("-0.005")
    assert abs(drift) <= len(credits(case)) * Decimal("0.005")


# --- the eight places --------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [row for row in MAPPING if row.credit], ids=lambda row: row.when.disposition)
def test_credited_units_stand_where_their_outcome_says_at_the_erps_own_amount(row: MappingRow) -> None:
    case = case_of(*arrived(line("MUG", 2), grades=[accepted("MUG", 2, row.when.disposition, row.when.condition)]))
    note = credits(case)[0]

    said = [(note, recorded(note, net=Decimal("-19.99")))]
    found = list(place(case, RULES, RULES.entities[0], posted=said, held=frozenset(), now=NOON))

    assert [(each.where, each.quantity, each.net) for each in found] == [(CREDITED[row.outcome], 2, Decimal("-19.99"))]


def test_without_an_amount_read_back_ours_stands() -> None:
    case = case_of(*arrived(grades=[accepted()]))
    note = credits(case)[0]

    found = list(place(case, RULES, RULES.entities[0], posted=[(note, ErpDocument(number="1"))], held=frozenset(), now=NOON))

    assert [each.net for each in found] == [Decimal("-10.00")]


def test_a_credited_fee_stands_on_its_service_item() -> None:
    case = case_of(announced(line("POST", 1, "3.50")), reached(Stage.COMPLETED))

    assert places(case, credits(case)) == {Where.SERVICE_ITEM: (1, Decimal("-3.50"))}


def test_accepted_units_wait_for_their_credit_and_refused_ones_are_the_customers() -> None:
    case = case_of(*arrived(line("MUG", 3), grades=[accepted("MUG", 2), refused("MUG")]))

    assert places(case) == {Where.WAITING: (2, Decimal(-20)), Where.REJECTED: (1, Decimal(-10))}


def test_an_exception_holds_what_is_open_on_its_line_and_not_what_was_refused() -> None:
    case = case_of(*arrived(line("MUG", 3), line("CUP"), grades=[accepted("MUG"), refused("MUG"), accepted("CUP")]))

    assert places(case, held=frozenset({"MUG#1"})) == {
        Where.REJECTED: (1, Decimal(-10)), Where.HELD: (2, Decimal(-20)), Where.WAITING: (1, Decimal(-10))}
    assert places(case, held=frozenset({""}))[Where.HELD] == (3, Decimal(-30))


def test_units_accepted_without_a_credit_are_not_credited() -> None:
    case = case_of(*arrived(line("MUG", 2), grades=[accepted("MUG", 1, "GIFT"), accepted("MUG", 1)]))

    assert places(case, credits(case)) == {Where.REJECTED: (1, Decimal(-10)), Where.CREDITED_RESTOCKED: (1, Decimal(-10))}
    assert places(case, known=False) == {Where.WAITING: (2, Decimal(-20))}


def test_a_closed_line_gets_no_credit() -> None:
    case = case_of(*arrived(line("MUG", 2), grades=[accepted("MUG")]), closed())

    assert places(case) == {Where.REJECTED: (2, Decimal(-20))}


def test_more_credited_than_is_announced_now_stands_out() -> None:
    case = case_of(*arrived(line("MUG", 2), grades=[accepted("MUG", 2)]))
    less = replace(case, lines=tuple(replace(each, announced=Decimal(1)) for each in case.lines))

    found = places(less, credits(case))

    assert found == {Where.CREDITED_RESTOCKED: (2, Decimal(-20)), Where.HELD: (-1, Decimal(10))}


# --- what is over, and until when we wait ------------------------------------------------------------


def test_units_that_never_come_are_closed_after_their_deadline() -> None:
    case = case_of(announced(line("MUG", 2)), reached(Stage.LABELLED))

    assert places(case, now=after(days=59)) == {Where.WAITING: (2, Decimal(-20))}
    assert places(case, now=after(days=60)) == {Where.REJECTED: (2, Decimal(-20))}
    assert due_at(case, RULES) == after(days=60)


def test_units_that_are_here_and_not_graded_are_never_closed_by_a_date() -> None:
    case = case_of(announced(line("MUG", 3)), received(("MUG", 2)), reached(Stage.RECEIVED))

    assert places(case, now=LATE) == {Where.WAITING: (2, Decimal(-20)), Where.REJECTED: (1, Decimal(-10))}
    assert places(case, now=LATE, held=frozenset({"MUG#1"})) == {Where.HELD: (3, Decimal(-30))}


def test_goods_that_come_on_the_last_day_have_time_to_be_inspected() -> None:
    case = case_of(announced(), reached(Stage.RECEIVED, after(days=59)))

    assert due_at(case, RULES) == after(days=66)
    assert not is_over(case, case.lines[0], RULES, after(days=61))
    assert is_over(case, case.lines[0], RULES, after(days=66))


def test_a_return_nobody_announced_is_due_never_and_over_never() -> None:
    lone, some = case_of(reached(Stage.RECEIVED)), case_of(announced())

    assert due_at(lone, RULES) is None
    assert not is_over(lone, some.lines[0], RULES, LATE)


def test_a_return_called_off_is_over_at_once_and_one_whose_goods_came_is_not() -> None:
    cancelled = [announced(), reached(Stage.CANCELLED)]

    assert places(case_of(*cancelled)) == {Where.REJECTED: (1, Decimal(-10))}
    assert places(case_of(*cancelled, received(("MUG", 1)))) == {Where.WAITING: (1, Decimal(-10))}


def test_carriage_that_was_counted_as_if_it_were_goods_is_not_waited_for() -> None:
    case = case_of(announced(line("POST", 1, "3.50")), received(("POST", 1)), reached(Stage.RECEIVED))

    assert places(case, now=LATE) == {Where.REJECTED: (1, Decimal("-3.50"))}


def test_carriage_of_goods_that_never_came_is_closed_with_them() -> None:
    case = case_of(announced(line("MUG"), line("POST", 1, "3.50")), reached(Stage.LABELLED))

    assert places(case, now=after(days=59)) == {Where.WAITING: (2, Decimal("-13.50"))}
    assert places(case, now=LATE) == {Where.REJECTED: (2, Decimal("-13.50"))}


def test_carriage_is_over_when_all_goods_were_refused() -> None:
    lines = (line("MUG"), line("POST", 1, "3.50"))

    refused_all = case_of(*arrived(*lines, grades=[refused()], stage=Stage.COMPLETED))
    not_yet = case_of(*arrived(*lines, grades=[refused()]))
    fees_alone = case_of(announced(lines[1]), reached(Stage.COMPLETED))

    assert places(refused_all) == {Where.REJECTED: (2, Decimal("-13.50"))}
    assert places(not_yet)[Where.WAITING] == (1, Decimal("-3.50"))
    assert places(fees_alone) == {Where.WAITING: (1, Decimal("-3.50"))}


def test_goods_nobody_announced_wait_until_somebody_has_looked() -> None:
    blind = (announced(line(quantity=2, price=None, order=None), blind=True), reached(Stage.RECEIVED), received(("MUG", 2)))

    assert places(case_of(*blind)) == {Where.WAITING: (2, Decimal(0))}
    assert places(case_of(*blind, waived("BLIND"))) == places(case_of(*blind, closed())) == {Where.REJECTED: (2, Decimal(0))}


def test_a_debit_takes_units_out_of_where_their_credit_had_put_them() -> None:
    told, by = [*arrived(line(quantity=2), grades=[accepted("MUG", 2)])], rules(debit_item="SVC-DEBIT")
    made = list(plan(case_of(*told), decided=by).postings)
    told += [inspected(accepted("MUG", 1), refused("MUG", 1), at=after(3)), Decided(
        return_ref=REF, at=after(4), decision=Decision.DEBIT, line_id="MUG#1", units=Decimal(1), goods="leave", actor="ann",
        approver="bob", reason="worn")]

    made += plan(case_of(*told), made, by).postings

    assert places(case_of(*told), made) == {Where.CREDITED_RESTOCKED: (1, Decimal(-10)), Where.REJECTED: (1, Decimal(-10))}


def test_what_nobody_mapped_is_named_once_for_each_code_and_only_while_somebody_waits_for_it() -> None:
    strange = [accepted("MUG", 1, "MYSTERY", "A"), accepted("MUG", 1, "MYSTERY", "B"), accepted("CUP", 1, "MYSTERY", "B"),
               accepted("CUP", 1), refused("CUP", 1, "MYSTERY", "C")]
    case = case_of(*arrived(line("MUG", 2), line("CUP", 3), grades=strange))

    found = unmapped(case, RULES, RULES.entities[0])
    after_all = unmapped(case_of(*arrived(line("MUG", 2), line("CUP", 3), grades=strange), closed()), RULES, RULES.entities[0])

    assert sorted((when.legal_entity, when.warehouse, when.disposition, when.condition) for when in found) == [
        ("gb01", case.warehouse, "MYSTERY", "A"), ("gb01", case.warehouse, "MYSTERY", "B")]
    assert [when.condition for when in after_all] == ["B"], "of the line that is still open"

"""The plan: which documents the ERP should hold, each wanted once, credit only for what was accepted."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from backhaul.domain.disposition import MappingRow, Outcome, Place, Sellability, choose
from backhaul.domain.facts import AnnouncedLine, Counting, Fact, Grade, Stage
from backhaul.domain.money import in_words, rounded
from backhaul.domain.plan import derive_postings
from backhaul.domain.posting import (
    DOCUMENTS,
    CreditNote,
    Nature,
    OrderLine,
    Posting,
    PostingBatch,
    PostingKey,
    PostingKind,
    Receipt,
    Release,
    ReturnOrder,
    Route,
    Transfer,
    mark,
    per_currency,
)
from backhaul.domain.returns import ReturnCase
from backhaul.domain.rules import FeeRule, Rules, Triggers
from backhaul.testing.builders import (
    FEES,
    MAPPING,
    REF,
    ROUTE,
    WAREHOUSE,
    accepted,
    after,
    announced,
    arrived,
    case_of,
    closed,
    entity,
    inspected,
    line,
    minted,
    of_kind,
    paid,
    plan,
    reached,
    received,
    recorded,
    refused,
    row,
    rules,
    when,
)

K = PostingKind
TEXT = st.text(alphabet=st.sampled_from("A%|27C5é漢 #\n"), max_size=8)
KEYS = st.builds(PostingKey, tenant=TEXT, legal_entity=TEXT, return_ref=TEXT, subject=TEXT, kind=st.sampled_from(PostingKind),
                 part=st.integers(1, 99), generation=st.integers(0, 9))


def kinds(postings: Iterable[Posting]) -> list[PostingKind]:
    return [posting.key.kind for posting in postings]


def codes(case: ReturnCase, fixed: Sequence[Posting] = (), decided: Rules | None = None) -> list[str]:
    return [finding.code for finding in plan(case, fixed, decided).findings]


def receipts(postings: Iterable[Posting], line_id: str | None = None) -> list[Receipt]:
    return [posting.document for posting in postings if isinstance(posting.document, Receipt) and line_id in (None, posting.line_id)]


def notes(postings: Iterable[Posting]) -> list[CreditNote]:
    return [posting.document for posting in postings if isinstance(posting.document, CreditNote)]


def units(documents: Iterable[Receipt] | Iterable[CreditNote]) -> Decimal:
    return sum((document.quantity for document in documents), Decimal(0))


# --- keys and marks ----------------------------------------------------------------------------------


@given(KEYS)
@settings(derandomize=True, deadline=None)
def test_a_key_is_read_back_from_its_text(key: PostingKey) -> None:
    assert PostingKey.parse(str(key)) == key
    assert str(key).count("|") == 6


@given(KEYS, KEYS)
@settings(derandomize=True, deadline=None)
def test_two_keys_share_a_text_or_a_mark_only_if_they_are_one(one: PostingKey, other: PostingKey) -> None:
    assert (str(one) == str(other)) is (one == other)
    assert (one.marker == other.marker) is (one == other)


def test_a_mark_is_short_and_any_field_of_an_erp_takes_it() -> None:
    marks = {mark(f"shop|gb01|R{number}|line:MUG#1|receipt|1|0") for number in range(3000)}

    assert len(marks) == 3000
    assert {len(each) for each in marks} == {20}
    assert set("".join(marks)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    assert all(each.startswith("ZZ") for each in marks)


def test_marks_of_skus_that_differ_in_case_differ_where_case_does_not_count() -> None:
    assert mark("line:M#1").casefold() != mark("line:m#1").casefold()


def test_a_fingerprint_changes_with_the_content_and_not_with_the_time() -> None:
    posting = plan(case_of(*arrived(grades=[accepted()]))).postings[-1]
    assert isinstance(posting.document, CreditNote)

    assert replace(posting, accepted_at=after(9)).fingerprint == posting.fingerprint
    assert replace(posting, document=replace(posting.document, net=Decimal("9.99"))).fingerprint != posting.fingerprint
    assert replace(posting, document=replace(posting.document, net=Decimal("10.0"))).fingerprint == posting.fingerprint


# --- random returns ----------------------------------------------------------------------------------

WAYS = [("A", "RESELL", True), ("B", "OUTLET", True), ("D", "SCRAP", True), ("D", "SCRAP", False), ("NONE", "KEEP", True)]
LINES = st.lists(st.tuples(st.sampled_from(["MUG", "mug", "CUP"]), st.integers(1, 4), st.sampled_from(["4.00", "9.99"]),
                           st.sampled_from(["SO-1", "SO-2", "PRE-2025", None])), min_size=1, max_size=3)


@st.composite
def announcements(draw: st.DrawFn) -> list[AnnouncedLine]:
    """Announce goods, identical lines among them."""
    seen: Counter[Any] = Counter()
    lines = []
    for sku, quantity, price, order in draw(LINES):
        nth = seen[sku, quantity, price, order]
        seen[sku, quantity, price, order] += 1
        lines.append(line(sku, quantity, price, order=order, nth=nth))
    return lines


@st.composite
def growing(draw: st.DrawFn) -> tuple[list[AnnouncedLine], list[list[Grade]]]:
    """Grade the units of a return one by one; give what each of several messages says is graded so far."""
    lines = draw(announcements())
    order = draw(st.permutations([number for number, told in enumerate(lines) for _ in range(int(told.quantity))]))
    graded: dict[tuple[int, str, str, bool], int] = defaultdict(int)
    totals: list[list[Grade]] = []
    for number in order:
        graded[number, *draw(st.sampled_from(WAYS))] += 1
        if draw(st.booleans()):
            totals.append([_grade(lines, at, condition, disposition, good, quantity)
                           for (at, condition, disposition, good), quantity in graded.items()])
    return lines, totals


def _grade(lines: list[AnnouncedLine], at: int, condition: str, disposition: str, good: bool, quantity: int) -> Grade:  # noqa: FBT001
    return (accepted if good else refused)(lines[at], quantity, disposition, condition)


@given(growing(), st.booleans())
@settings(derandomize=True, deadline=None, max_examples=100)
def test_units_accepted_one_after_the_other_are_each_received_and_credited_once(
    story: tuple[list[AnnouncedLine], list[list[Grade]]], minting: bool,  # noqa: FBT001
) -> None:
    lines, totals = story
    facts: list[Fact] = [announced(*lines), reached(Stage.INSPECTED)]
    fixed: list[Posting] = []

    for number, grades in enumerate(totals, start=1):
        facts.append(inspected(*grades, at=after(number)))
        case = case_of(*facts)
        facts += [minted(case)] if minting and case.unminted else []
        wanted = plan(case, fixed)
        assert wanted.findings == ()
        fixed += wanted.postings
        assert plan(case, fixed).postings == ()
        for each in case.lines:
            assert units(receipts(fixed, each.line_id)) == each.accepted
    assert len({posting.key for posting in fixed}) == len(fixed)
    assert [(note.line_id, note.quantity, note.net) for note in notes(fixed)] == [
        (receipt.line_id, receipt.quantity, _price(fixed, receipt.line_id) * receipt.quantity) for receipt in receipts(fixed)]


def _price(postings: Iterable[Posting], line_id: str) -> Decimal:
    return next(posting.document.unit_price for posting in postings
                if isinstance(posting.document, OrderLine) and posting.line_id == line_id)


COUNTS = st.integers(-1, 4)
REGRADES = st.lists(st.builds(
    lambda sku, quantity, way: (accepted if way[2] else refused)(sku, quantity, way[1], way[0]),
    st.sampled_from(["MUG", "mug", "CUP", "POST"]), COUNTS, st.sampled_from([*WAYS, ("A", "DONATE", True)])), max_size=4)
STAGES = st.lists(st.sampled_from(Stage), max_size=3)


@st.composite
def any_facts(draw: st.DrawFn) -> list[Fact]:
    """Tell any story, plausible or not: recounts, changed minds, fees, cancelled and closed lines."""
    lines = [*draw(announcements()), *([line("POST", 1, "3.50", order=None)] if draw(st.booleans()) else [])]
    facts: list[Fact] = [announced(*lines), *(reached(stage) for stage in draw(STAGES))]
    facts += [inspected(*grades, at=after(number)) for number, grades in enumerate(draw(st.lists(REGRADES, max_size=3)), start=1)]
    facts += [received((sku, count), at=after(number)) for number, (sku, count) in enumerate(
        draw(st.lists(st.tuples(st.sampled_from(["MUG", "CUP"]), COUNTS), max_size=2)))]
    return [*facts, *([closed()] if draw(st.booleans()) else [])]


@given(any_facts())
@settings(derandomize=True, deadline=None, max_examples=150)
def test_whatever_happens_the_plan_keeps_the_laws(facts: list[Fact]) -> None:
    case = case_of(*facts)
    wanted = plan(case)

    for each in case.lines:
        mine = [posting for posting in wanted.postings if posting.line_id == each.line_id]
        goods = of_kind(mine, K.RECEIPT, K.CREDIT_NOTE)
        assert not goods or each.accepted > 0
        assert units(notes(of_kind(goods, K.CREDIT_NOTE))) == units(receipts(goods)) <= max(each.accepted, Decimal(0))
        assert all(document.quantity > 0 for document in receipts(mine))
        assert len(of_kind(mine, K.FEE_CREDIT_NOTE)) <= 1
        if not (case.findings or wanted.findings):
            there = each.announced if each.received is None else each.received
            assert units(receipts(mine)) <= each.accepted <= there <= each.announced
    for receipt in receipts(wanted.postings):
        assert_exact_and_fit(case, receipt)
    assert len({posting.key for posting in wanted.postings}) == len(wanted.postings)
    assert plan(case, wanted.postings).postings == ()


def assert_exact_and_fit(case: ReturnCase, receipt: Receipt) -> None:
    """Compare a receipt with the mapping row it must come from (INV-05, INV-06)."""
    found = choose(MAPPING, when(receipt.disposition, receipt.condition, receipt.reason, case.warehouse))
    assert found is not None
    assert (found.place, found.erp_disposition, found.outcome) == (receipt.place, receipt.erp_disposition, receipt.outcome)
    assert receipt.place.location != "SALE" or (receipt.disposition, receipt.condition) == ("RESELL", "A")


@given(st.lists(st.lists(REGRADES, max_size=3), min_size=1, max_size=3), announcements())
@settings(derandomize=True, deadline=None, max_examples=100)
def test_however_often_the_warehouse_changes_its_mind_no_unit_is_credited_twice(
    rounds: list[list[list[Grade]]], lines: list[AnnouncedLine],
) -> None:
    facts: list[Fact] = [announced(*lines), reached(Stage.INSPECTED)]
    fixed: list[Posting] = []
    most: dict[str, Decimal] = defaultdict(Decimal)

    for number, inspections in enumerate(rounds):
        facts += [inspected(*grades, at=after(number, hour)) for hour, grades in enumerate(inspections)]
        case = case_of(*facts)
        fixed += plan(case, fixed).postings
        for each in case.lines:
            most[each.line_id] = max(most[each.line_id], each.accepted)

    assert len({posting.key for posting in fixed}) == len(fixed)
    for line_id, ever_accepted in most.items():
        assert units(receipts(fixed, line_id)) <= ever_accepted


PLACES = st.builds(Place, warehouse=st.just(WAREHOUSE), location=st.sampled_from(["SALE", "sale", "QUAR", ""]),
                   status=st.sampled_from(["", "OK", "HELD"]))
FLAWED = st.builds(lambda disposition, condition, place, outcome, credit: MappingRow(
    when=when(disposition, condition), outcome=outcome, erp_disposition="Z", place=place, credit=credit),
    st.sampled_from(["RESELL", "SCRAP", "*"]), st.sampled_from(["A", "D"]), PLACES, st.sampled_from(Outcome), st.booleans())


@given(st.lists(FLAWED, max_size=5), st.sets(PLACES, max_size=2), st.sampled_from(["RESELL", "SCRAP"]), st.sampled_from(["A", "D"]))
@settings(derandomize=True, deadline=None, max_examples=150)
def test_even_a_flawed_mapping_puts_nothing_on_sale_that_is_not_sellable(
    mapping: list[MappingRow], places: set[Place], disposition: str, condition: str,
) -> None:
    sellability = Sellability(places=frozenset(places), dispositions=frozenset({"RESELL"}), conditions=frozenset({"A"}))
    case = case_of(*arrived(grades=[accepted("MUG", 1, disposition, condition)]))

    wanted = plan(case, decided=rules(mapping=mapping, sellability=sellability))

    exact = [each for each in mapping if each.when == when(disposition, condition)]
    for receipt in receipts(wanted.postings):
        assert exact[0].place == receipt.place
        assert receipt.place not in places or (disposition, condition) == ("RESELL", "A")
    assert exact or [finding.code for finding in wanted.findings] == ["UNMAPPED_DISPOSITION"]


@pytest.mark.parametrize("each", MAPPING, ids=lambda each: each.when.disposition)
def test_every_mapping_row_makes_at_most_one_receipt_and_one_loss_per_unit(each: MappingRow) -> None:
    case = case_of(*arrived(line("MUG", 3), grades=[accepted("MUG", 3, each.when.disposition, each.when.condition)], stage=Stage.COMPLETED))

    wanted = plan(case).postings

    stock = receipts(wanted)
    assert units(stock) == (3 if each.credit else 0)
    assert sum(receipt.quantity for receipt in stock if receipt.outcome is Outcome.SCRAPPED) <= 3
    assert set(kinds(wanted)) <= {K.ORDER, K.ORDER_LINE, K.RECEIPT, K.CREDIT_NOTE}
    assert [note.outcome for note in notes(wanted)] == ([each.outcome] if each.credit else [])


# --- what is due when --------------------------------------------------------------------------------


def test_nothing_is_wanted_before_the_goods_are_here() -> None:
    for stage in (Stage.REGISTERED, Stage.LABELLED, Stage.SCANNED, Stage.ARRIVED):
        assert plan(case_of(announced(), reached(stage))).postings == ()


def test_a_refund_at_first_scan_makes_no_document() -> None:
    case = case_of(announced(), reached(Stage.SCANNED), paid())

    assert plan(case) == plan(case_of())


def test_the_return_order_is_wanted_on_receipt_and_the_credit_after_inspection() -> None:
    facts = [announced(line("MUG", 2)), reached(Stage.RECEIVED), received(("MUG", 2))]

    assert kinds(plan(case_of(*facts)).postings) == [K.ORDER, K.ORDER_LINE]
    facts += [inspected(accepted("MUG", 2))]
    assert kinds(plan(case_of(*facts)).postings) == [K.ORDER, K.ORDER_LINE, K.RECEIPT, K.CREDIT_NOTE]


def test_an_item_the_customer_keeps_is_credited_without_waiting_for_goods() -> None:
    case = case_of(announced(), reached(Stage.REGISTERED), inspected(accepted("MUG", 1, "KEEP", "NONE")))

    wanted = plan(case).postings

    assert kinds(wanted) == [K.ORDER, K.ORDER_LINE, K.RECEIPT, K.CREDIT_NOTE]
    assert receipts(wanted)[0].outcome is Outcome.WITHOUT_GOODS
    assert receipts(wanted)[0].place.location == ""


def test_a_tenant_may_credit_only_when_all_is_completed() -> None:
    late = rules(triggers=Triggers(goods=Stage.COMPLETED))

    assert K.CREDIT_NOTE not in kinds(plan(case_of(*arrived(grades=[accepted()])), decided=late).postings)
    assert K.CREDIT_NOTE in kinds(plan(case_of(*arrived(grades=[accepted()], stage=Stage.COMPLETED)), decided=late).postings)


def test_each_document_needs_the_one_before_it() -> None:
    order, order_line, receipt, note = plan(case_of(*arrived(grades=[accepted()]))).postings

    assert (order.needs, order_line.needs, receipt.needs, note.needs) == ((), (order.key,), (order_line.key,), (receipt.key,))
    assert (note.net, note.currency, note.accepted_at, note.line_id, order.line_id) == (Decimal("-10.00"), "GBP", after(2), "MUG#1", "")
    assert all(isinstance(posting.document, DOCUMENTS[posting.key.kind]) for posting in (order, order_line, receipt, note))


def test_lines_of_one_sale_share_a_return_order_and_history_has_none_to_name() -> None:
    case = case_of(announced(line("MUG", order="SO-1"), line("CUP", order="SO-1"), line("POT", order="PRE-2025"), line("PAN", order=None)),
                   reached(Stage.RECEIVED))

    heads = of_kind(plan(case).postings, K.ORDER)

    assert [(head.key.subject, head.document.order) for head in heads if isinstance(head.document, ReturnOrder)] == [
        ("order:SO-1", "SO-1"), ("order:", "")]
    assert "order:PRE-2025" in {posting.key.subject for posting in plan(case, decided=rules(history=None)).postings}


def test_a_return_without_a_customer_goes_to_the_configured_account() -> None:
    head = plan(case_of(announced(customer=None), reached(Stage.RECEIVED))).postings[0].document

    assert isinstance(head, ReturnOrder)
    assert (head.customer, head.warehouse, head.reason) == ("WALKIN", WAREHOUSE, "ZZ")


def test_skus_that_differ_only_in_case_have_documents_of_their_own() -> None:
    case = case_of(*arrived(line("M", 1, "4.00"), line("m", 1, "9.00"), grades=[accepted("M"), accepted("m")]))

    assert [(note.sku, note.net) for note in notes(plan(case).postings)] == [("M", 4), ("m", 9)]


def test_a_price_below_a_penny_is_rounded_per_document_as_the_erp_does() -> None:
    case = case_of(*arrived(line("MUG", 3, "0.335"), grades=[accepted("MUG", 2), accepted("MUG", 1, "SCRAP", "D")]))

    assert [note.net for note in notes(plan(case).postings)] == [Decimal("0.67"), Decimal("0.34")]


# --- held, refused, cancelled, closed ----------------------------------------------------------------


def test_donated_goods_nobody_mapped_hold_their_line_only() -> None:
    case = case_of(*arrived(line("MUG", 2), line("CUP"), grades=[accepted("MUG", 1), accepted("MUG", 1, "DONATE"), accepted("CUP")]))

    wanted = plan(case)

    assert [(finding.code, finding.line_id, finding.hint) for finding in wanted.findings] == [("UNMAPPED_DISPOSITION", "MUG#1", "")]
    assert "1 x MUG" in wanted.findings[0].sentence
    assert [(receipt.line_id, receipt.quantity) for receipt in receipts(wanted.postings)] == [("CUP#1", 1), ("MUG#1", 1)]


@pytest.mark.parametrize(("told", "hint"), [("resell", "looks like RESELL"), ("DONATE", ""), ("RESELL", "")])
def test_a_near_miss_is_a_hint_to_a_person(told: str, hint: str) -> None:
    case = case_of(*arrived(grades=[accepted("MUG", 1, told, "B")]))

    assert [finding.hint for finding in plan(case).findings] == [hint]


def test_a_mapping_row_that_would_sell_damaged_goods_stops_the_line() -> None:
    case = case_of(*arrived(grades=[accepted("MUG", 1, "SCRAP", "D")]))

    wanted = plan(case, decided=rules(mapping=(row(when("SCRAP", "D")),)))

    assert [finding.code for finding in wanted.findings] == ["DAMAGED_TO_SELLABLE"]
    assert receipts(wanted.postings) == []


def test_refused_goods_are_never_received_nor_credited() -> None:
    case = case_of(*arrived(line("MUG", 2), grades=[refused("MUG", 2)]))

    assert kinds(plan(case).postings) == [K.ORDER, K.ORDER_LINE]


def test_a_return_called_off_wants_nothing_and_one_whose_goods_came_all_the_same_does() -> None:
    cancelled = [announced(), reached(Stage.RECEIVED), reached(Stage.CANCELLED)]

    assert plan(case_of(*cancelled)).postings == ()
    assert kinds(plan(case_of(*cancelled, received(("MUG", 1)))).postings) == [K.ORDER, K.ORDER_LINE]
    assert K.CREDIT_NOTE in kinds(plan(case_of(*cancelled[::2], inspected(accepted()))).postings)


def test_a_closed_line_and_a_line_without_units_want_nothing() -> None:
    case = case_of(*arrived(line("MUG"), line("CUP", 0), grades=[accepted("MUG")]), closed())

    assert plan(case).postings == ()


# --- what changes after documents were made ----------------------------------------------------------


def made(*facts: Fact) -> list[Posting]:
    return list(plan(case_of(*facts)).postings)


def test_a_regrade_after_posting_wants_a_transfer_and_a_note_and_where_nothing_can_move_it_a_person() -> None:
    before = arrived(line("MUG", 2), grades=[accepted("MUG", 2)])
    case = case_of(*before, inspected(accepted("MUG", 1), accepted("MUG", 1, "OUTLET", "B"), at=after(5)))
    bare = replace(ROUTE, goods=tuple(kind for kind in ROUTE.goods if kind is not K.TRANSFER))

    wanted, stuck = plan(case, made(*before)), plan(case, made(*before), route=bare)

    assert [finding.code for finding in wanted.findings] == ["REGRADED"]
    (moved,) = [posting.document for posting in wanted.postings]
    assert isinstance(moved, Transfer)
    assert (moved.quantity, moved.source.location, moved.target.location) == (1, "SALE", "OUTLET")
    assert plan(case, (*made(*before), *wanted.postings)).postings == ()
    assert ([finding.code for finding in stuck.findings], stuck.postings) == (["GRADE_CHANGED_AFTER_POSTING"], ())


def test_a_rejection_after_credit_is_a_finding_with_what_was_posted() -> None:
    before = arrived(line("MUG", 2), grades=[accepted("MUG", 2)])

    wanted = plan(case_of(*before, inspected(accepted("MUG", 1), refused("MUG", 1), at=after(5))), made(*before))

    assert [(finding.code, finding.sentence) for finding in wanted.findings] == [
        ("REJECTED_AFTER_CREDIT", "MUG: 1 as A/RESELL were credited; 1 are accepted now.")]


def test_a_return_called_off_after_credit_is_not_forgotten() -> None:
    before = arrived(grades=[accepted()])

    case = case_of(before[0], *before[2:], inspected(accepted("MUG", 0), at=after(5)), reached(Stage.CANCELLED))

    assert case.called_off
    assert codes(case, made(*before)) == ["REJECTED_AFTER_CREDIT"]


def test_a_line_that_vanishes_after_credit_is_not_forgotten() -> None:
    before = [*arrived(line("MUG"), line("CUP"), grades=[accepted("MUG"), accepted("CUP")])]
    before.append(minted(case_of(*before)))

    case = case_of(*before, announced(line("MUG"), at=after(5)), inspected(accepted("MUG"), at=after(6)))

    assert [(finding.code, finding.line_id) for finding in case.findings] == [("IMPLAUSIBLE_QUANTITY", "CUP#1")]
    assert plan(case, made(*before)).postings == ()


@pytest.mark.parametrize("changed", [line("MUG", 3, line_id="L1"), line("MUG", 2, "12.00", line_id="L1"), line("CUP", 2, line_id="L1")])
def test_another_item_price_or_more_units_than_the_erp_has_are_a_finding(changed: AnnouncedLine) -> None:
    before = [announced(line("MUG", 2, line_id="L1")), reached(Stage.RECEIVED)]

    assert codes(case_of(*before, announced(changed, at=after(5))), made(*before)) == ["CHANGED_AFTER_POSTING"]


def test_fewer_units_or_another_sale_do_not_make_a_second_return_order() -> None:
    before = [announced(line("MUG", 2, order=None)), reached(Stage.RECEIVED)]
    before.append(minted(case_of(*before)))

    wanted = plan(case_of(*before, announced(line("MUG", 1, order="SO-1"), at=after(5))), made(*before))

    assert (wanted.postings, wanted.findings) == ((), ())


def test_a_return_that_moves_to_another_company_is_not_credited_there_again() -> None:
    before = arrived(grades=[accepted()])
    elsewhere = rules(entities=(entity(id="ie01"),))

    wanted = plan(case_of(*before), made(*before), elsewhere)

    assert wanted.postings == ()
    assert [(finding.code, finding.line_id) for finding in wanted.findings] == [("CHANGED_AFTER_POSTING", "")]


def test_a_fee_that_was_goods_when_its_documents_were_made_does_not_become_a_second_credit() -> None:
    before = arrived(grades=[accepted()])
    now_a_fee = rules(fees={"MUG": FeeRule(service_item="SVC-MANUAL")})
    fee = list(plan(case_of(announced(), reached(Stage.COMPLETED)), decided=now_a_fee).postings)

    assert plan(case_of(*before, reached(Stage.COMPLETED)), made(*before), now_a_fee).postings == ()
    assert codes(case_of(*before), made(*before), now_a_fee) == ["CHANGED_AFTER_POSTING"]
    assert plan(case_of(*before), fee).postings == ()
    assert codes(case_of(*before), fee) == ["CHANGED_AFTER_POSTING"]


def test_increments_and_totals_credit_the_same_units() -> None:
    by_total = case_of(*arrived(line("MUG", 2), grades=[accepted("MUG", 2)]))
    steps = [inspected(accepted("MUG"), event=event, at=after(2), counting=Counting.INCREMENT) for event in "ab"]

    by_steps = case_of(announced(line("MUG", 2)), *steps, reached(Stage.INSPECTED, after(2)))

    assert [posting.fingerprint for posting in plan(by_steps).postings] == [posting.fingerprint for posting in plan(by_total).postings]


# --- fees --------------------------------------------------------------------------------------------

CARRIAGE = line("POST", 1, "3.50", order=None)


def test_carriage_is_credited_through_its_service_item_when_the_return_is_completed() -> None:
    lines = (line("MUG"), CARRIAGE)

    assert not of_kind(plan(case_of(*arrived(*lines, grades=[accepted()]))).postings, *ROUTE.fees)
    wanted = of_kind(plan(case_of(*arrived(*lines, grades=[accepted()], stage=Stage.COMPLETED))).postings, *ROUTE.fees)

    assert kinds(wanted) == [K.FEE_ORDER, K.FEE_LINE, K.FEE_CREDIT_NOTE, K.FEE_RELEASE]
    assert [(note.sku, note.net, note.outcome) for note in notes(wanted)] == [("SVC-CARRIAGE", Decimal("3.50"), None)]


def test_carriage_is_not_credited_when_all_goods_were_refused() -> None:
    all_refused = arrived(line("MUG", 2), CARRIAGE, grades=[refused("MUG", 2)], stage=Stage.COMPLETED)
    half_refused = arrived(line("MUG", 2), CARRIAGE, grades=[accepted("MUG"), refused("MUG")], stage=Stage.COMPLETED)

    assert not of_kind(plan(case_of(*all_refused)).postings, *ROUTE.fees)
    assert of_kind(plan(case_of(*half_refused)).postings, K.FEE_CREDIT_NOTE)


def test_a_held_line_is_left_out_and_still_counts_when_carriage_is_judged() -> None:
    case, decided = case_of(*arrived(line("MUG", 1), line("CUP"), CARRIAGE, grades=[refused("MUG", 2), accepted("CUP")],
                                     stage=Stage.COMPLETED)), rules()
    all_refused = replace(case, lines=tuple(each for each in case.lines if each.sku != "CUP"))

    def without(some: ReturnCase, *held: str) -> list[PostingKind]:
        return kinds(derive_postings(some, decided, decided.entities[0], ROUTE, apart_from=held).postings)

    assert without(case, "MUG#1", "POST#1") == [K.ORDER, K.ORDER_LINE, K.RECEIPT, K.CREDIT_NOTE]
    assert without(all_refused, "MUG#1") == []
    assert without(case, "") == []


def test_a_return_of_fees_alone_is_credited() -> None:
    case = case_of(announced(CARRIAGE, line("D", 2, "1.00", order=None)), reached(Stage.COMPLETED))

    assert [(note.sku, note.net) for note in notes(plan(case).postings)] == [("SVC-DISCOUNT", 2), ("SVC-CARRIAGE", Decimal("3.50"))]


def test_a_marketplace_charge_is_no_customer_return() -> None:
    wanted = plan(case_of(announced(line("AMAZONFEE", 1, "9.00", order=None)), reached(Stage.COMPLETED)))

    assert ([finding.code for finding in wanted.findings], wanted.postings) == (["NOT_A_CUSTOMER_RETURN"], ())


def release_of(postings: Iterable[Posting], part: int = 1) -> Release:
    found = [posting.document for posting in of_kind(postings, K.FEE_RELEASE) if posting.key.part == part]
    assert len(found) == 1
    assert isinstance(found[0], Release)
    return found[0]


def test_a_release_lists_exactly_the_lines_of_its_order() -> None:
    case = case_of(announced(CARRIAGE, line("D", 2, "1.00", order=None), line("MUG")), reached(Stage.COMPLETED))

    wanted = plan(case).postings

    lines = of_kind(wanted, K.FEE_LINE)
    assert sorted(release_of(wanted).lines) == sorted(posting.key.marker for posting in lines)
    release = of_kind(wanted, K.FEE_RELEASE)[0]
    assert set(release.needs) == {of_kind(wanted, K.FEE_ORDER)[0].key, *(posting.key for posting in lines)}
    assert all(release.key in posting.needs for posting in of_kind(wanted, K.FEE_CREDIT_NOTE))


def test_a_fee_that_comes_after_the_release_travels_on_an_order_of_its_own() -> None:
    facts: list[Fact] = [announced(CARRIAGE), reached(Stage.COMPLETED)]
    facts.append(minted(case_of(*facts)))
    fixed = list(plan(case_of(*facts)).postings)
    case = case_of(*facts, announced(CARRIAGE, line("D", 1, "1.00", order=None), at=after(1)))

    later = plan(case, fixed).postings

    assert kinds(later) == [K.FEE_ORDER, K.FEE_LINE, K.FEE_CREDIT_NOTE, K.FEE_RELEASE]
    assert {posting.key.part for posting in of_kind(later, K.FEE_ORDER, K.FEE_RELEASE)} == {2}
    assert release_of(later, 2).lines == (of_kind(later, K.FEE_LINE)[0].key.marker,)
    assert plan(case, [*fixed, *later]).postings == ()


def test_a_fee_line_on_an_order_not_released_yet_is_joined_by_the_next() -> None:
    facts: list[Fact] = [announced(CARRIAGE), reached(Stage.COMPLETED)]
    drafts = of_kind(plan(case_of(*facts)).postings, K.FEE_ORDER, K.FEE_LINE)
    case = case_of(announced(CARRIAGE, line("D", 1, "1.00", order=None)), reached(Stage.COMPLETED))

    wanted = plan(case, drafts).postings

    assert kinds(wanted) == [K.FEE_LINE, K.FEE_CREDIT_NOTE, K.FEE_CREDIT_NOTE, K.FEE_RELEASE]
    assert len(release_of(wanted).lines) == 2


def test_a_fee_order_without_lines_is_never_released() -> None:
    case = case_of(announced(CARRIAGE), reached(Stage.COMPLETED))
    head = of_kind(plan(case).postings, K.FEE_ORDER)

    assert plan(case_of(announced(CARRIAGE)), head).postings == ()


def test_a_fee_that_changes_after_its_order_was_made_is_a_finding() -> None:
    facts = [announced(CARRIAGE), reached(Stage.COMPLETED)]
    case = case_of(*facts, announced(line("POST", 1, "4.50", order=None), at=after(1)))

    assert codes(case, made(*facts)) == ["CHANGED_AFTER_POSTING"]
    assert codes(case_of(*facts), made(*facts), rules(fees={**FEES, "POST": FeeRule(service_item="SVC-POSTAGE")})) == []


def test_a_fee_below_a_penny_is_rounded_once() -> None:
    case = case_of(announced(line("POST", 3, "0.335", order=None)), reached(Stage.COMPLETED))

    assert [note.net for note in notes(plan(case).postings)] == [rounded(Decimal("1.005"), "GBP")]


# --- routes and batches ------------------------------------------------------------------------------


def test_drafts_of_goods_and_fees_travel_together_then_each_effect_alone_and_spares_last() -> None:
    assert ROUTE.steps == tuple(kind for kind in PostingKind if kind not in {K.RELEASE, K.STOP, K.SPARE})
    assert ROUTE.waves == (frozenset({K.ORDER, K.FEE_ORDER}), frozenset({K.ORDER_LINE, K.FEE_LINE}), frozenset({K.RECEIPT}),
                           frozenset({K.ADJUSTMENT}), frozenset({K.TRANSFER}), frozenset({K.ISSUE}), frozenset({K.FEE_RELEASE}),
                           frozenset({K.SPARE}))


def test_a_route_may_use_one_kind_for_goods_and_fees() -> None:
    memo = Route(goods=(K.ORDER, K.CREDIT_NOTE), fees=(K.ORDER, K.FEE_LINE, K.CREDIT_NOTE),
                 nature={K.ORDER: Nature.DRAFT, K.FEE_LINE: Nature.DRAFT, K.CREDIT_NOTE: Nature.ONCE})

    assert memo.steps == (K.ORDER, K.CREDIT_NOTE, K.FEE_LINE)
    assert memo.waves == (frozenset({K.ORDER}), frozenset({K.FEE_LINE}), frozenset({K.CREDIT_NOTE}), frozenset({K.SPARE}))


def test_a_batch_has_control_totals_and_a_fingerprint_of_all_it_carries() -> None:
    wanted = plan(case_of(*arrived(line("MUG", 2), line("CUP", 1, "2.50"), grades=[accepted("MUG", 2), accepted("CUP")]))).postings
    batch = PostingBatch(key="b", tenant="shop", legal_entity="gb01", kind=K.CREDIT_NOTE, period="2026-03",
                         postings=tuple(of_kind(wanted, K.CREDIT_NOTE)))

    assert batch.controls == {"count": "2", "units": "3", "net": "-22.50"}
    assert replace(batch, postings=batch.postings[::-1]).fingerprint != batch.fingerprint
    assert replace(batch, period="2026-04").fingerprint == batch.fingerprint
    assert replace(batch, postings=tuple(of_kind(wanted, K.ORDER))).controls["units"] == "0"


def test_the_plan_is_the_same_for_the_same_case() -> None:
    case, decided = case_of(*arrived(grades=[accepted()])), rules()

    assert derive_postings(case, decided, decided.entities[0], ROUTE) == derive_postings(case, decided, decided.entities[0], ROUTE)
    assert {posting.key.return_ref for posting in plan(case).postings} == {REF}
    assert recorded(plan(case).postings[-1]).net == Decimal("-10.00")


def test_sums_never_mix_currencies_and_one_alone_is_written_as_a_number() -> None:
    both = per_currency([(Decimal("1.50"), "GBP"), (Decimal(2), "EUR"), (Decimal("0.50"), "GBP")])

    assert (in_words(both), in_words({"GBP": Decimal(2)}), in_words({})) == ("2 EUR, 2.00 GBP", "2", "0")

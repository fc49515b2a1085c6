"""Units nobody announced: wanted in stock where nothing is sold, put together per journal line, and taken apart again to the cent."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from backhaul.domain.allocation import allocate, journal, split, unkept
from backhaul.domain.disposition import JournalType, Place
from backhaul.domain.exception_case import Finding
from backhaul.domain.facts import Stage
from backhaul.domain.plan import Plan, derive_postings
from backhaul.domain.posting import Adjustment, ErpItem, Issue, Posting, PostingBatch, PostingKey, PostingKind, Route, Stop, Transfer
from backhaul.domain.returns import ReturnCase
from backhaul.domain.rules import Rules, Surplus
from backhaul.domain.validation import places_exist
from backhaul.testing.builders import (
    ROUTE,
    WAREHOUSE,
    accepted,
    after,
    announced,
    case_of,
    closed,
    inspected,
    line,
    master,
    matter,
    of_kind,
    plan,
    reached,
    received,
    rules,
)

K = PostingKind
QUAR = Place(warehouse=WAREHOUSE, location="QUAR")


def decided(place: Place = QUAR, **more: str) -> Rules:
    return rules(surplus={("gb01", WAREHOUSE): Surplus(place=place, **more)})


def counted(units: int, *, announced_units: int = 2, graded: int = 2, sku: str = "MUG") -> ReturnCase:
    return case_of(announced(line(sku, announced_units)), received((sku, units), at=after(1)), reached(Stage.RECEIVED, after(1)),
                   inspected(accepted(sku, graded), at=after(2)), reached(Stage.INSPECTED, after(2)))


def adjustments(told: Plan) -> list[tuple[int, Decimal]]:
    return [(posting.key.part, posting.document.quantity) for posting in of_kind(told.postings, K.ADJUSTMENT)
            if isinstance(posting.document, Adjustment)]


def codes(findings: Iterable[Finding]) -> list[str]:
    return [finding.code for finding in findings]


# --- what is wanted ------------------------------------------------------------------------------------


def test_surplus_units_come_into_stock_without_credit_and_the_announced_ones_go_on() -> None:
    told = plan(counted(3), decided=decided(journal="ZZ-QUA", expected_account="5100"))

    (wanted,) = of_kind(told.postings, K.ADJUSTMENT)
    assert wanted.document == Adjustment(
        line_id="MUG#1", sku="MUG", quantity=Decimal(1), place=QUAR, journal="ZZ-QUA", expected_account="5100")
    assert (wanted.key.subject, wanted.needs, wanted.net, wanted.accepted_at) == ("surplus:MUG#1", (), 0, after(2))
    assert [posting.net for posting in of_kind(told.postings, K.CREDIT_NOTE)] == [Decimal("-20.00")]
    assert [(finding.code, finding.line_id, finding.blocks) for finding in told.findings] == [("SURPLUS", "MUG#1", False)]


def test_surplus_units_that_were_graded_too_are_neither_received_nor_credited() -> None:
    told = plan(counted(3, graded=3), decided=decided())

    assert [posting.document.quantity for posting in of_kind(told.postings, K.ORDER_LINE, K.RECEIPT, K.CREDIT_NOTE)] == [2, 2, 2]  # type: ignore[union-attr]  # all have one
    assert adjustments(told) == [(1, 1)]


def test_without_a_place_nothing_is_posted_for_them_and_somebody_is_told() -> None:
    told = plan(counted(3))
    elsewhere = plan(counted(3), decided=rules(surplus={("gb01", "GB-DC-02"): Surplus(place=QUAR)}))

    assert adjustments(told) == adjustments(elsewhere) == []
    assert of_kind(told.postings, K.CREDIT_NOTE)
    assert codes(told.findings) == codes(elsewhere.findings) == ["SURPLUS"]
    assert "nobody decided" in told.findings[0].sentence


def test_an_erp_without_such_journals_gets_none() -> None:
    bare = Route(goods=tuple(kind for kind in ROUTE.goods if kind is not K.ADJUSTMENT), fees=ROUTE.fees, nature=ROUTE.nature)

    told = derive_postings(counted(3), decided(), decided().entities[0], bare)

    assert adjustments(told) == []
    assert codes(told.findings) == ["SURPLUS"]


def test_they_wait_for_the_inspection_because_a_recount_may_come_first() -> None:
    case = case_of(announced(line("MUG", 2)), received(("MUG", 3)), reached(Stage.RECEIVED))

    told = plan(case, decided=decided())

    assert adjustments(told) == []
    assert codes(told.findings) == ["SURPLUS"]


def test_a_place_on_sale_is_refused_again_when_they_are_prepared() -> None:
    told = plan(counted(3), decided=decided(Place(warehouse=WAREHOUSE.lower(), location="sale ")))

    assert adjustments(told) == []
    assert codes(told.findings) == ["SURPLUS", "DAMAGED_TO_SELLABLE"]


def test_units_counted_later_are_another_part() -> None:
    first = plan(counted(3), decided=decided()).postings

    assert adjustments(plan(counted(3), first, decided())) == []
    assert adjustments(plan(counted(5), first, decided())) == [(2, 2)]


def test_a_unit_that_is_announced_after_all_has_its_journal_reversed_first() -> None:
    first = of_kind(plan(counted(3), decided=decided()).postings, K.ADJUSTMENT)

    told = plan(counted(3, announced_units=3, graded=3), first, decided())

    assert codes(told.findings) == ["CHANGED_AFTER_POSTING"]
    assert "reverse the journal first" in told.findings[0].sentence


def test_units_the_erp_expects_already_are_no_surplus_when_fewer_are_announced() -> None:
    first = of_kind(plan(counted(3, announced_units=3, graded=3), decided=decided()).postings, K.ORDER, K.ORDER_LINE)

    told = plan(counted(3), first, decided())

    assert adjustments(told) == []
    assert codes(told.findings) == ["CHANGED_AFTER_POSTING"]


def test_a_fee_has_no_surplus_and_a_closed_line_none_either() -> None:
    fee = plan(case_of(announced(line("POST", 1)), received(("POST", 2)), reached(Stage.COMPLETED)), decided=decided())
    done = plan(case_of(announced(line("MUG", 1)), received(("MUG", 2)), reached(Stage.INSPECTED), closed()), decided=decided())

    assert codes(fee.findings) == ["IMPLAUSIBLE_QUANTITY"]
    assert not fee.postings or adjustments(fee) == []
    assert done == Plan()


def test_a_place_the_erp_does_not_have_is_found_before_anything_is_sent() -> None:
    here = matter(counted(3), decided=decided(), erp=master(places=frozenset({Place(warehouse=WAREHOUSE, location="SALE")})))

    assert codes(places_exist(here)) == ["WAREHOUSE_UNKNOWN"]
    assert codes(places_exist(replace(here, master=master()))) == []


# --- together, and apart again ---------------------------------------------------------------------------


def want(ref: str, sku: str = "MUG", quantity: int = 1, place: Place = QUAR, cost: str | None = None) -> Posting:
    return Posting(
        key=PostingKey(tenant="shop", legal_entity="gb01", return_ref=ref, subject=f"surplus:{sku}#1", kind=K.ADJUSTMENT), currency="GBP",
        document=Adjustment(line_id=f"{sku}#1", sku=sku, quantity=Decimal(quantity), place=place,
                            unit_cost=None if cost is None else Decimal(cost)))


def batch(*postings: Posting, key: str = "ZZB1") -> PostingBatch:
    return PostingBatch(key=key, tenant="shop", legal_entity="gb01", kind=K.ADJUSTMENT, period="2026-03", postings=postings)


def test_units_of_one_item_and_place_are_one_line() -> None:
    other = Place(warehouse=WAREHOUSE, location="OUTLET")

    lines = allocate(batch(want("R2", quantity=2), want("R1"), want("R1", "CUP"), want("R3", place=other)))

    assert [(each.sku, each.place, each.quantity, len(each.shares)) for each in lines] == [
        ("CUP", QUAR, 1, 1), ("MUG", other, 1, 1), ("MUG", QUAR, 3, 2)]
    assert len({each.number for each in lines}) == 3
    assert all(100_000_000 <= each.number < 1_000_000_000 for each in lines)
    assert [PostingKey.parse(share.key).return_ref for share in lines[2].shares] == ["R1", "R2"]


def test_codes_that_the_erp_calls_by_one_name_are_one_line_and_sizes_are_lines_of_their_own() -> None:
    def sized(ref: str, sku: str, item: ErpItem | None) -> Posting:
        return replace(want(ref), document=replace(want(ref, sku).document, item=item))  # type: ignore[type-var]  # an adjustment has one

    medium, large = (ErpItem(number="MUG", dimensions=(("size", letter),)) for letter in "ML")

    lines = allocate(batch(sized("R1", "1", medium), sized("R2", "2", large), sized("R3", "3", medium),
                           sized("R4", "4", ErpItem(number="CUP")), want("R5", "CUP")))

    assert [(each.sku, each.item, each.quantity) for each in lines] == [
        ("4", ErpItem(number="CUP"), 2), ("2", large, 1), ("1", medium, 2)]
    assert len({each.number for each in lines}) == 3
    assert [each.number for each in allocate(batch(want("R5", "CUP")))] == [lines[0].number]


def test_the_order_of_postings_changes_nothing_and_another_batch_has_other_numbers() -> None:
    one, two = want("R1"), want("R2")

    assert allocate(batch(one, two)) == allocate(batch(two, one))
    assert {each.number for each in allocate(batch(one))}.isdisjoint({each.number for each in allocate(batch(one, key="ZZB2"))})


def test_two_lines_whose_marks_are_equal_get_different_numbers() -> None:
    first, second = allocate(batch(want("R1", "S12364"), want("R2", "S27173")))

    assert (first.number, second.number) == (778773606, 778773607)


def test_a_line_is_worth_what_its_units_are_worth_if_that_is_known_of_each() -> None:
    (known,) = allocate(batch(want("R1", cost="2.50"), want("R2", quantity=3, cost="3.00")))
    (partly,) = allocate(batch(want("R1", cost="2.50"), want("R2")))

    assert (known.cost, partly.cost) == (Decimal("11.50"), None)


def test_units_that_change_their_place_share_a_line_only_if_both_ends_are_the_same() -> None:
    shelf, outlet = Place(warehouse=WAREHOUSE, location="SALE"), Place(warehouse=WAREHOUSE, location="OUTLET")

    lines = allocate(batch(*(replace(want(ref), key=replace(want(ref).key, kind=K.TRANSFER), document=Transfer(
        line_id="MUG#1", sku="MUG", quantity=Decimal(2), source=QUAR, target=target))
        for ref, target in (("R1", shelf), ("R2", outlet), ("R3", shelf)))))

    assert [(each.place, each.target, each.quantity, each.cost) for each in lines] == [(QUAR, outlet, 2, None), (QUAR, shelf, 4, None)]
    assert len({each.number for each in lines}) == 2


def test_an_account_is_part_of_a_line_only_where_it_is_sent() -> None:
    def lost(ref: str, kind: JournalType, account: str) -> Posting:
        return replace(want(ref), key=replace(want(ref).key, kind=K.ISSUE), document=Issue(
            line_id="MUG#1", sku="MUG", quantity=Decimal(1), place=QUAR, journal_type=kind, expected_account=account))

    one = allocate(batch(lost("R1", JournalType.ADJUSTMENT, "5100"), lost("R2", JournalType.ADJUSTMENT, "5200")))
    two = allocate(batch(lost("R1", JournalType.MOVEMENT, "5100"), lost("R2", JournalType.MOVEMENT, "5200")))

    assert [each.account for each in one] == [""]
    assert [each.account for each in two] == ["5100", "5200"]


def test_other_kinds_need_no_journal_lines() -> None:
    assert allocate(batch(*plan(counted(2)).postings)) == ()


def test_a_line_that_was_promised_goes_out_whole_or_not_at_all() -> None:
    one, two, cup = want("R1"), want("R2"), want("R3", "CUP")
    promised = allocate(batch(one, two, cup))

    assert unkept((), allocate(batch(one))) == frozenset()
    assert unkept(promised, allocate(batch(one, two))) == frozenset()
    assert unkept(promised, allocate(batch(one, cup))) == {one.key}


def test_too_few_units_show_on_every_posting_of_the_line() -> None:
    (both,) = allocate(batch(want("R1", quantity=2), want("R2", quantity=2)))

    assert [units for units, _ in split(both, Decimal(3), Decimal(9), "GBP").values()] == [Decimal("1.5"), Decimal("1.5")]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=12), st.decimals("0.00", "9999.99", places=2))
def test_units_and_cost_of_a_line_are_all_given_back_to_the_cent(quantities: list[int], cost: Decimal) -> None:
    wanted = [want(f"R{at:02d}", quantity=quantity) for at, quantity in enumerate(quantities)]
    (whole,) = allocate(batch(*wanted))

    parts = split(whole, whole.quantity, cost, "GBP")

    assert {posting.key: posting.document.quantity for posting in wanted} == {key: units for key, (units, _) in parts.items()}  # type: ignore[union-attr]  # adjustments
    assert sum(share for _, share in parts.values()) == cost
    assert all(share == share.quantize(Decimal("0.01")) and share >= 0 for _, share in parts.values())


@pytest.mark.parametrize(("document", "travels"), [
    (Transfer(line_id="1", sku="MUG", quantity=Decimal(1), source=QUAR, target=QUAR, journal="T"), ("T", "transfer", "")),
    (Adjustment(line_id="1", sku="MUG", quantity=Decimal(1), place=QUAR, expected_account="5100"), ("", "adjustment", "")),
    (Stop(return_ref="R1", why="touched by hand"), ("", "", "")),
])
def test_a_document_names_the_journal_it_travels_in(document: Transfer | Adjustment | Stop, travels: tuple[str, str, str]) -> None:
    assert journal(document) == travels

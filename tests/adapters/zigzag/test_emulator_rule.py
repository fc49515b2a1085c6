"""The synthetic rule: repeatable, within its promises, and honest about the real data."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from backhaul.adapters.zigzag.emulator.credit_lines import (
    BEFORE_THE_DATA,
    CreditNote,
    price_text,
    read_folder,
    read_rows,
)
from backhaul.adapters.zigzag.emulator.rule import ReturnPlan, gross, item_state, plan_return, tax_group

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def notes() -> tuple[CreditNote, ...]:
    return read_folder(EXAMPLES / "online-retail")


@pytest.fixture(scope="module")
def plans(notes: tuple[CreditNote, ...]) -> list[ReturnPlan]:
    return [plan_return(note) for note in notes]


def test_every_credit_line_of_the_file_is_in_exactly_one_return(notes: tuple[CreditNote, ...]) -> None:
    lines = [line for note in notes for line in note.lines]

    assert (len(notes), len(lines)) == (1363, 3162)
    assert sum(not line.goods for line in lines) == 194
    assert -sum((line.net for line in lines), Decimal(0)) == Decimal("-310696.44")


def test_only_goods_with_a_customer_refer_to_an_order(notes: tuple[CreditNote, ...]) -> None:
    lines = [(note, line) for note in notes for line in note.lines]

    assert all((line.order is not None) == (line.goods and note.customer is not None) for note, line in lines)
    assert sum(line.order == BEFORE_THE_DATA for _, line in lines) == 742


def test_a_return_has_the_same_life_whatever_else_is_loaded(notes: tuple[CreditNote, ...]) -> None:
    alone, in_company = plan_return(notes[700]), [plan_return(note) for note in reversed(notes[600:800])]

    assert alone in in_company
    assert plan_return(notes[700], seed=8) != alone


def test_a_life_goes_forward_in_time(plans: list[ReturnPlan]) -> None:
    for plan in plans:
        steps = (plan.labelled, plan.scanned, plan.refunded, plan.received, plan.inspected, plan.completed)
        times = [plan.registered, *(step for step in steps if step)]

        assert times == sorted(times)


def test_what_is_graded_was_received_and_nothing_is_received_beyond_what_was_announced(
    notes: tuple[CreditNote, ...], plans: list[ReturnPlan]
) -> None:
    pairs = [
        (line, told)
        for note, plan in zip(notes, plans, strict=True)
        for line, told in zip(note.lines, plan.lines, strict=True)
    ]

    for line, told in pairs:
        graded = sum((grade.quantity for grade in told.grades or ()), Decimal(0))
        assert graded == (line.quantity if told.kept else told.received or 0)
        assert graded <= line.quantity
        assert line.goods or (told.received is None and told.grades is None)


def test_the_shares_are_near_what_the_docstring_promises(plans: list[ReturnPlan]) -> None:
    lines = [line for plan in plans for line in plan.lines]
    grades = Counter(grade.condition for line in lines for grade in line.grades or () if grade.accepted)
    travelling = [plan for plan in plans if plan.labelled]

    assert 0.13 < sum(plan.warehouse == "GB-DC-02" for plan in plans) / len(plans) < 0.18
    assert 0.03 < sum(bool(plan.refunded) for plan in travelling) / len(travelling) < 0.07
    assert 0.003 < sum(plan.received is None for plan in travelling) / len(travelling) < 0.02
    assert 0.77 < grades["A"] / (grades.total() - grades["NONE"]) < 0.83
    assert 0.01 < sum(line.kept for line in lines) / len(lines) < 0.03


def test_all_three_item_states_occur_and_nearly_all_items_are_active(notes: tuple[CreditNote, ...]) -> None:
    goods = {line.sku for note in notes for line in note.lines if line.goods}

    states = Counter(map(item_state, goods))

    assert states == {"active": 1042, "blocked": 4, "discontinued": 2, "missing": 1}


@pytest.mark.parametrize(
    ("country", "group", "paid"),
    [("United Kingdom", "UK-STD", "12.00"), ("EIRE", "EU-B2C", "12.00"), ("Japan", "EXPORT", "10.00")],
)
def test_tax_follows_the_customers_country(country: str, group: str, paid: str) -> None:
    assert tax_group(country) == group
    assert gross(Decimal(10), country) == Decimal(paid)


@pytest.mark.parametrize(("price", "text"), [("27.5", "27.50"), ("0.001", "0.001"), ("3", "3.00")])
def test_a_price_is_written_with_at_least_two_decimals(price: str, text: str) -> None:
    assert price_text(price) == text


def test_the_edge_cases_are_read_as_they_stand() -> None:
    notes = {note.number: note for note in read_folder(EXAMPLES / "edge-cases")}

    assert [line.sku for line in notes["C900001"].lines] == ["m", "M"]
    assert [line.sku for line in notes["C900002"].lines] == ["85099b", "85099B"]
    assert notes["C900007"].lines[0].quantity == Decimal("1.5")
    assert notes["C900008"].lines[0].quantity == 0
    assert sum(number.startswith("C9001") for number in notes) == 30
    assert all(plan_return(note, seed).lines for note in notes.values() for seed in range(20))


def test_a_return_that_never_arrives_is_never_graded(plans: list[ReturnPlan]) -> None:
    lost = [plan for plan in plans if plan.labelled and not plan.received]

    assert lost
    assert not any(line.received is not None or (line.grades and not line.kept) for p in lost for line in p.lines)
    assert all((plan.cancelled is None) == (plan.scanned is not None) for plan in lost)


def test_rows_without_a_product_file_know_the_usual_codes_that_are_no_goods() -> None:
    row = {"InvoiceNo": "C1", "Quantity": "-1", "InvoiceDate": "2011-01-01 00:00:00", "UnitPrice": "1"}

    [note] = read_rows([{**row, "StockCode": code} for code in ("POST", "22423", "gift_0001_10")])

    assert [line.goods for line in note.lines] == [False, True, False]
    assert (note.customer, note.country) == (None, "United Kingdom")

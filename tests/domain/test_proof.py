"""Is every way in which the sides of a return can differ found, once, under its name and with its amount?"""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from backhaul.domain.discrepancy import CLASSES, Level
from backhaul.domain.proof import (
    SEVERAL,
    Accepted,
    Broken,
    Discrepancy,
    Held,
    Line,
    Record,
    Records,
    Standing,
    Status,
    Verdict,
    Words,
    classify,
    gather,
    lacking,
    paired,
    stray,
)
from backhaul.domain.tolerance import LetGo, Measure, Tolerance, ToleranceRow, ambiguous

D = Decimal
DAY = date(2026, 10, 31)
TIGHT = Tolerance()
WORDS = Words(entity="gb01", item="TEA", unit="ea", customer="10001", sale="500001", warehouse="GB-DC-01", location="BULK", currency="GBP",
              tax_code="STD")
ACCEPTED = Accepted(words=WORDS, units=D(2), announced=D(3), stocked=D(2), sellable=D(2), net=D("8.50"), tax=D("1.70"), cost=D("4.00"),
                    accepted_on=date(2026, 10, 5), expected_on=date(2026, 10, 6), due_on=date(2026, 10, 12), period="2026-10")
CREDIT = Records(posted=1, words=WORDS, units=D(2), net=D("8.50"), tax=D("1.70"), first_on=date(2026, 10, 6), last_on=date(2026, 10, 6),
                 period="2026-10")
STOCK = Records(posted=1, words=WORDS, units=D(2), sellable=D(2), cost=D("4.00"), first_on=date(2026, 10, 6), last_on=date(2026, 10, 6))
CLEAN = Line(key="R1|TEA#1", accepted=ACCEPTED, stock=STOCK, credit=CREDIT, lacking=D(0), held=Held.POSTED, read_back=D("8.50"))
NONE = Records()


def line(**more: Any) -> Line:
    """Change what one side of the clean line says: `credit__net=...`, `accepted__words__item=...`, or a side whole."""
    changed: Any = CLEAN
    for path, value in more.items():
        changed = _changed(changed, path.split("__"), value)
    return changed  # type: ignore[no-any-return]


def _changed(record: Any, path: list[str], value: Any) -> Any:
    return replace(record, **{path[0]: value if len(path) == 1 else _changed(getattr(record, path[0]), path[1:], value)})


def kinds(verdict: Verdict) -> list[tuple[str, Decimal]]:
    return [(each.kind, each.amount) for each in verdict.discrepancies]


SEEDED: Mapping[str, tuple[Line, str]] = {
    "MISSING_AT_SOURCE": (line(accepted=None, held=None), "8.50"),
    "UNKNOWN_AT_SOURCE": (line(accepted=None), "8.50"),
    "REJECTED_BUT_CREDITED": (line(accepted__units=D(0), accepted__net=D(0), stock=NONE), "8.50"),
    "REJECTED_BUT_RECEIVED": (line(accepted__units=D(0), accepted__net=D(0), credit=NONE), "4.00"),
    "POSTED_WITHOUT_LINES": (line(credit=Records(empty=1)), "-8.50"),
    "REVERSED_IN_ERP": (line(credit=Records(reversed=1)), "-8.50"),
    "SIGN_ERROR": (line(credit__units=D(-2), credit__net=D("-8.50")), "-17.00"),
    "DUPLICATE_CREDIT": (line(credit__posted=2, credit__units=D(4), credit__net=D("17.00")), "8.50"),
    "PARTLY_ACCEPTED_FULLY_CREDITED": (line(credit__units=D(3), credit__net=D("12.75")), "4.25"),
    "RECEIVED_TWICE": (line(stock__posted=2, stock__units=D(4), stock__cost=D("8.00")), "4.00"),
    "SCRAPPED_TWICE": (line(accepted__scrapped=D(1), loss=Records(posted=2, units=D(2), cost=D("4.00"))), "4.00"),
    "CREDIT_WITHOUT_STOCK": (line(stock=NONE), "8.50"),
    "STUCK_UNCONFIRMED": (line(credit=NONE, held=Held.UNCONFIRMED), "-8.50"),
    "DRAFT_NEVER_POSTED": (line(credit=Records(drafts=1), held=Held.DRAFT), "-8.50"),
    "DELETED_DRAFT": (line(credit=NONE, held=Held.DRAFT), "-8.50"),
    "STOCK_WITHOUT_CREDIT": (line(credit=NONE), "-8.50"),
    "FEE_MISSING": (line(credit=NONE, stock=NONE, accepted__fee=True, accepted__stocked=D(0)), "-8.50"),
    "MISSING_IN_ERP": (line(credit=NONE, stock=NONE), "-8.50"),
    "WRONG_ENTITY": (line(credit__words__entity="us01"), "8.50"),
    "WRONG_CUSTOMER": (line(credit__words__customer="10002"), "8.50"),
    "WRONG_SALES_ORDER": (line(credit__words__sale="500002"), "8.50"),
    "WRONG_ITEM": (line(stock__words__item="tea"), "4.00"),
    "FEE_WRONG_ITEM": (line(accepted__fee=True, credit__words__item="POST"), "8.50"),
    "WRONG_UNIT": (line(credit__words__unit="box"), "8.50"),
    "WRONG_CURRENCY": (line(credit__words__currency="EUR"), "8.50"),
    "WRONG_QUANTITY": (line(credit__units=D(1), credit__net=D("4.25")), "-4.25"),
    "DAMAGED_ON_SALE": (line(accepted__sellable=D(0)), "4.00"),
    "SELLABLE_KEPT_BACK": (line(stock__sellable=D(0)), "4.00"),
    "WRONG_WAREHOUSE": (line(stock__words__warehouse="GB-DC-02"), "4.00"),
    "WRONG_LOCATION": (line(stock__words__location="RETURNS"), "4.00"),
    "EDITED_AFTER_POSTING": (line(credit__net=D("9.50")), "1.00"),
    "ROUNDING_DRIFT": (line(credit__net=D("8.51"), read_back=D("8.51")), "0.01"),
    "WRONG_AMOUNT": (line(credit__net=D("9.50"), read_back=D("9.50")), "1.00"),
    "WRONG_TAX_CODE": (line(credit__words__tax_code="LOW"), "8.50"),
    "WRONG_TAX_AMOUNT": (line(credit__tax=D("0.85")), "-0.85"),
    "VALUATION_DRIFT": (line(stock__cost=D("5.00")), "1.00"),
    "CREDIT_BEFORE_ACCEPTANCE": (line(credit__first_on=date(2026, 10, 4)), "8.50"),
    "WRONG_PERIOD": (line(credit__period="2026-11"), "8.50"),
    "LATE": (line(credit__last_on=date(2026, 10, 13)), "8.50"),
    "WRONG_DATE": (line(credit__last_on=date(2026, 10, 7)), "8.50"),
    "LEDGER_MISSING": (line(lacking=D("8.50")), "8.50"),
    "LEDGER_DIFFERS": (line(lacking=D("0.50")), "0.50"),
}


EARLY = date(2026, 10, 8)
"""Nothing of the clean line is late yet."""
AT_ONCE: Mapping[str, tuple[Line, str, str]] = {
    "a part of the units is charged": (line(credit__units=D(-1), credit__net=D("-4.25")), "SIGN_ERROR", "-12.75"),
    "units left stock instead of coming in": (
        line(credit=NONE, held=None, stock__units=D(-2), stock__cost=D("-4.00")), "SIGN_ERROR", "-8.00"),
    "a part of the units credits more than all of them": (
        line(credit__units=D(1), credit__net=D("500.00"), read_back=D("500.00")), "WRONG_AMOUNT", "491.50"),
    "the first unit of two that may not be sold is on sale": (
        line(credit=NONE, held=None, accepted__sellable=D(0), stock__units=D(1), stock__sellable=D(1)), "DAMAGED_ON_SALE", "4.00"),
    "a fee is charged twice": (
        line(accepted__fee=True, accepted__units=D(-1), accepted__net=D("-5.00"), accepted__announced=None, accepted__stocked=D(0),
             stock=NONE, credit__posted=2, credit__units=D(-2), credit__net=D("-10.00")), "DUPLICATE_CREDIT", "-5.00"),
    "goods that were refused are written off": (
        line(accepted__units=D(0), accepted__net=D(0), credit=NONE, stock=NONE, loss=Records(posted=1, units=D(2), cost=D("4.00"))),
        "SCRAPPED_TWICE", "4.00"),
    "units came late into the stock of another period": (
        line(stock__first_on=date(2026, 11, 2), stock__last_on=date(2026, 11, 2), stock__period="2026-11"), "WRONG_PERIOD", "4.00"),
}


@pytest.mark.parametrize("story", AT_ONCE)
def test_what_no_rest_can_make_right_is_not_in_timing(story: str) -> None:
    told, kind, amount = AT_ONCE[story]

    assert kinds(classify(told, EARLY, TIGHT)) == [(kind, D(amount))]


def test_goods_that_were_stock_before_they_were_accepted_are_no_discrepancy() -> None:
    early = line(stock__first_on=date(2026, 9, 30), stock__last_on=date(2026, 9, 30), stock__period="2026-09")

    assert classify(early, DAY, TIGHT).standing is Standing.PROVED


@pytest.mark.parametrize(("what", "more"), [
    ("STOCK_WITHOUT_CREDIT", {"credit": NONE}), ("DUPLICATE_CREDIT", {"credit__posted": 2, "credit__units": D(4), "credit__net": D(17)})])
def test_damaged_goods_on_sale_are_said_beside_whatever_else_is_wrong_with_the_line(what: str, more: dict[str, Any]) -> None:
    verdict = classify(line(accepted__sellable=D(0), **more), DAY, TIGHT)

    assert [kind for kind, _ in kinds(verdict)] == [what, "DAMAGED_ON_SALE"]


def test_too_few_units_of_which_some_are_on_sale_that_may_not_be_are_both() -> None:
    short = line(accepted__sellable=D(0), stock__units=D(1), stock__sellable=D(1), stock__cost=D("2.00"))

    assert kinds(classify(short, DAY, TIGHT)) == [("WRONG_QUANTITY", D("-2.00")), ("DAMAGED_ON_SALE", D("2.00"))]


@pytest.mark.parametrize("kind", SEEDED)
def test_a_seeded_discrepancy_is_found_once_with_its_amount(kind: str) -> None:
    seeded, amount = SEEDED[kind]

    verdict = classify(seeded, DAY, TIGHT)

    assert kinds(verdict) == [(kind, D(amount))]
    assert verdict.standing is Standing.BROKEN


def test_every_class_about_one_line_is_seeded() -> None:
    assert SEEDED.keys() == {name for name, each in CLASSES.items() if each.level is Level.LINE}
    assert len(CLASSES) >= 50


def test_a_credit_that_was_taken_back_whole_of_goods_that_left_again_is_no_difference() -> None:
    back = {"accepted__units": D(0), "accepted__net": D(0), "credit__posted": 2, "credit__units": D(0), "credit__net": D(0),
            "stock__posted": 2, "stock__units": D(0), "stock__cost": D(0)}

    kinds = [[each.kind for each in classify(line(**back | more), DAY, TIGHT).discrepancies] for more in (
        {}, {"credit__net": D("4.25")}, {"credit__units": D(1)}, {"stock__units": D(1)}, {"stock__posted": 1})]

    assert kinds == [[], ["REJECTED_BUT_CREDITED"], ["REJECTED_BUT_CREDITED"], ["REJECTED_BUT_RECEIVED"], ["REJECTED_BUT_RECEIVED"]]


def test_a_clean_line_raises_no_alarm() -> None:
    assert classify(CLEAN, DAY, TIGHT) == Verdict(key=CLEAN.key, standing=Standing.PROVED)


def test_what_was_rejected_and_left_no_trace_is_proved() -> None:
    nothing = line(accepted__units=D(0), accepted__net=D(0), credit=NONE, stock=NONE)

    assert classify(nothing, DAY, TIGHT).standing is Standing.PROVED


@pytest.mark.parametrize(("name", "side"), [("tax", "accepted"), ("cost", "accepted"), ("sellable", "accepted"), ("announced", "accepted"),
                                            ("accepted_on", "accepted"), ("due_on", "accepted"), ("expected_on", "accepted"),
                                            ("period", "accepted"), ("tax", "credit"), ("period", "credit"), ("first_on", "credit"),
                                            ("last_on", "credit"), ("cost", "stock"), ("sellable", "stock")])
def test_what_is_not_known_on_one_side_is_not_compared(name: str, side: str) -> None:
    assert classify(line(**{f"{side}__{name}": None}), DAY, TIGHT).standing is Standing.PROVED


@pytest.mark.parametrize("word", [field.name for field in fields(Words)])
@pytest.mark.parametrize("side", ["accepted", "credit", "stock"])
def test_a_word_that_is_not_told_is_not_compared(side: str, word: str) -> None:
    assert classify(line(**{f"{side}__words__{word}": None}), DAY, TIGHT).standing is Standing.PROVED


@pytest.mark.parametrize(("more", "why"), [
    ({"credit": NONE, "stock": NONE}, "ERP_AWAITED"), ({"credit": NONE}, "CREDIT_AWAITED"),
    ({"credit": Records(drafts=1), "held": Held.DRAFT}, "JOB_AWAITED"), ({"credit__units": D(1), "credit__net": D("4.25")}, "REST_AWAITED"),
    ({"stock__units": D(1), "stock__sellable": D(1), "stock__cost": D("2.00")}, "REST_AWAITED"),
])
def test_until_it_is_late_a_line_is_in_timing_and_says_what_it_waits_for(more: dict[str, Any], why: str) -> None:
    verdict = classify(line(**more), date(2026, 10, 12), TIGHT)

    assert (verdict.standing, verdict.why, verdict.since) == (Standing.TIMING, why, date(2026, 10, 5))


def test_short_stock_is_a_wrong_quantity_once_it_is_late() -> None:
    short = line(stock__units=D(1), stock__sellable=D(1), stock__cost=D("2.00"))

    assert kinds(classify(short, DAY, TIGHT)) == [("WRONG_QUANTITY", D("-2.00"))]


def test_a_line_with_two_troubles_is_counted_under_the_first_and_names_the_other() -> None:
    both = line(credit__words__customer="10002", credit__net=D("9.50"), read_back=D("9.50"))

    assert kinds(classify(both, DAY, TIGHT)) == [("WRONG_CUSTOMER", D("9.50")), ("WRONG_AMOUNT", D("1.00"))]


def test_a_tolerance_lets_go_of_just_what_it_says() -> None:
    within = replace(TIGHT, net=D("1.00"), tax=D("0.85"), cost=D("1.00"))

    for kind in ("ROUNDING_DRIFT", "WRONG_AMOUNT", "WRONG_TAX_AMOUNT", "VALUATION_DRIFT"):
        assert classify(SEEDED[kind][0], DAY, within).standing is Standing.PROVED, kind
    assert classify(line(credit__net=D("9.51"), read_back=D("9.51")), DAY, within).standing is Standing.BROKEN


def test_records_of_one_side_are_put_together_and_drafts_are_not_money() -> None:
    first = Record(status=Status.POSTED, words=WORDS, units=D(1), net=D("4.25"), posted_on=date(2026, 10, 6), period="2026-10")
    second = replace(first, words=replace(WORDS, sale="500002", unit=None), posted_on=date(2026, 10, 8), net=D("4.00"))

    told = gather([first, second, Record(status=Status.DRAFT, units=D(9), net=D(9)), Record(status=Status.REVERSED),
                   Record(status=Status.EMPTY)])

    assert (told.posted, told.drafts, told.reversed, told.empty) == (2, 1, 1, 1)
    assert (told.units, told.net, told.tax, told.words.sale, told.words.unit) == (D(2), D("8.25"), None, SEVERAL, "ea")
    assert (told.first_on, told.last_on, told.period) == (date(2026, 10, 6), date(2026, 10, 8), "2026-10")
    assert gather([]) == Records()


def test_one_removed_ledger_line_breaks_the_one_line_it_was_about() -> None:
    credited = {"a": D("8.50"), "b": D("2.00"), "c": D("8.50")}

    assert lacking(credited, D("19.00")) == {}
    assert lacking(credited, D("17.00")) == {"b": D("2.00")}
    assert lacking(credited, D("10.50")) == {"a": D("8.50")}
    assert lacking(credited, None) == credited
    assert lacking(credited, D("18.00")) == {"a": D("1.00")}


def test_what_the_ledger_lacks_of_a_voucher_is_laid_at_the_line_that_was_edited_by_it() -> None:
    credited, accepted = {"A": D("5.00"), "B": D("9.50")}, {"A": D("5.00"), "B": D("8.50")}

    assert lacking(credited, D("13.50"), None, accepted) == {"B": D("1.00")}
    assert lacking(credited, D("13.40"), None, accepted) == {"A": D("1.10")}


def test_an_entry_that_is_gone_on_the_other_side_of_a_voucher_is_lacking_as_well() -> None:
    credited = {"a": D("8.50"), "b": D("2.00")}

    assert lacking(credited, D("10.50"), D("10.50")) == {}
    assert lacking(credited, D("10.50"), D("8.50")) == {"b": D("2.00")}
    assert lacking(credited, D("10.50"), D("12.60")) == {"a": D("-2.10")}


@pytest.mark.parametrize("more", [
    {"credit": NONE, "stock": NONE}, {"credit": NONE}, {"credit__units": D(1), "credit__net": D("4.25")},
])
def test_what_an_open_exception_holds_is_not_late_while_somebody_has_to_decide(more: dict[str, Any]) -> None:
    verdict = classify(line(held=Held.WAITING, read_back=None, **more), date(2026, 12, 31), TIGHT)

    assert (verdict.standing, verdict.why, verdict.since) == (Standing.TIMING, "DECISION_AWAITED", date(2026, 10, 5))


def test_an_open_exception_hides_nothing_that_is_wrong_with_what_is_posted() -> None:
    assert classify(line(held=Held.WAITING, read_back=None), DAY, TIGHT).standing is Standing.PROVED
    assert kinds(classify(line(held=Held.WAITING, read_back=None, credit__net=D("9.50")), DAY, TIGHT)) == [("WRONG_AMOUNT", D("1.00"))]


def broken(key: str, kind: str, amount: str, **more: Any) -> Broken:
    told = {"entity": "gb01", "currency": "GBP", "document": "CN-1", "net": D(0), "credited": D(0), "item": "", "told_item": ""}
    verdict = Verdict(key=key, standing=Standing.BROKEN, discrepancies=(Discrepancy(kind=kind, amount=D(amount)),))
    return Broken(verdict=verdict, **(told | more))


def test_two_lines_of_one_document_with_each_others_amount_are_called_swapped() -> None:
    lines = [broken("b", "WRONG_AMOUNT", "-2", net=D(5), credited=D(3)), broken("a", "WRONG_AMOUNT", "2", net=D(3), credited=D(5)),
             broken("c", "WRONG_AMOUNT", "2", net=D(3), credited=D(5), document="CN-2")]

    assert list(paired(lines)) == [("SWAPPED_AMOUNTS", "a", "b")]


def test_two_lines_with_each_others_item_are_called_swapped_although_every_total_is_right() -> None:
    lines = [broken("a", "WRONG_ITEM", "5", item="TEA", told_item="CUP"), broken("b", "WRONG_ITEM", "5", item="CUP", told_item="TEA"),
             broken("c", "WRONG_ITEM", "5", item="POT", told_item="CUP")]

    assert list(paired(lines)) == [("SWAPPED_ITEMS", "a", "b")]


def test_plus_ten_and_minus_ten_on_different_days_are_named_together() -> None:
    lines = [broken("a", "WRONG_AMOUNT", "10", document="CN-1", net=D(1), credited=D(11)),
             broken("b", "WRONG_AMOUNT", "-10", document="CN-7", net=D(40), credited=D(30)),
             broken("c", "WRONG_AMOUNT", "10", currency="EUR", net=D(1), credited=D(11)), broken("d", "WRONG_QUANTITY", "0"),
             broken("e", "WRONG_QUANTITY", "0"), broken("f", "LATE", "-10")]

    assert list(paired(lines)) == [("OFFSETTING", "a", "b")]


def test_a_record_without_our_mark_is_suggested_never_matched() -> None:
    assert stray([]) == ("EXTRA_IN_ERP", "")
    assert stray([("b", False), ("a", False)]) == ("SUGGESTED_MATCH", "a")
    assert stray([("a", False), ("b", True)]) == ("DUPLICATE_BY_HAND", "b")
    assert stray([], empty=True) == ("POSTED_WITHOUT_LINES", "")


# --- tolerances


def row(amount: str, measure: Measure = Measure.NET, **more: Any) -> ToleranceRow:
    return ToleranceRow(measure=measure, amount=D(amount), currency="GBP", **more)


def test_a_difference_within_a_tolerance_is_let_go_under_the_name_of_its_row_and_proves_the_line() -> None:
    rows = Tolerance(rows=(row("0.02"), row("0.05", Measure.TAX, entity="gb01"), row("1", Measure.COST)))

    near = classify(line(credit__net=D("8.52"), credit__tax=D("1.65"), stock__cost=D("4.50"), read_back=None), DAY, rows)
    far = classify(line(credit__net=D("8.53"), stock__cost=D("4.50"), read_back=None), DAY, rows)

    assert (near.standing, near.discrepancies) == (Standing.PROVED, ())
    assert near.let_go == (LetGo(measure=Measure.NET, amount=D("0.02"), row="net GBP"),
                           LetGo(measure=Measure.TAX, amount=D("-0.05"), row="tax GBP gb01"),
                           LetGo(measure=Measure.COST, amount=D("0.50"), row="cost GBP"))
    assert (kinds(far), [each.row for each in far.let_go]) == ([("WRONG_AMOUNT", D("0.03"))], ["cost GBP"])


def test_the_most_particular_row_holds_and_of_these_the_latest_that_began() -> None:
    began, later = date(2026, 10, 1), date(2026, 10, 20)
    rows = Tolerance(net=D("0.09"), books={"ie01": "EUR"}, rows=(
        row("1"), row("2", entity="gb01"), row("3", account="4030"), row("4", entity="gb01", since=began),
        row("5", entity="gb01", since=later), row("6", Measure.COST)))

    def chosen(measure: Measure = Measure.NET, entity: str = "gb01", currency: str = "GBP", account: str = "") -> Decimal:
        return rows.choose(measure, entity=entity, currency=currency, account=account, on=date(2026, 10, 5)).amount

    assert [chosen(), chosen(entity="ie01"), chosen(account="4030"), chosen(currency="EUR")] == [D(4), D(1), D(3), D("0.09")]
    assert [chosen(Measure.COST), chosen(Measure.COST, entity="ie01")] == [D(6), D(0)]  # a cost is in the currency of the books
    assert list(ambiguous((*rows.rows, row("7", since=began), row("8", entity="gb01", since=began)))) == ["net GBP gb01 2026-10-01"]

"""The judge: what the ERP would refuse, and what it would take and should not."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from backhaul.domain.facts import AnnouncedLine, Fact, Matched, Stage
from backhaul.domain.period_status import Status, Told
from backhaul.domain.posting import ErpItem
from backhaul.domain.returns import ReturnCase
from backhaul.domain.rules import Limits, OriginRule
from backhaul.domain.tax import TaxSpan, TaxTable
from backhaul.domain.validation import CHECKS, Claims, Customer, ItemState, MasterData, Matter, Taken, questions, validate
from backhaul.testing.builders import (
    MAPPING,
    REF,
    WAREHOUSE,
    accepted,
    after,
    announced,
    arrived,
    case_of,
    entity,
    item,
    line,
    master,
    matter,
    reached,
    received,
    row,
    rules,
    sale,
    sold,
    waived,
    when,
)


def graded(*lines: AnnouncedLine, more: Sequence[Fact] = (), **head: Any) -> ReturnCase:
    """Tell a return whose lines were all accepted as good."""
    lines = lines or (line(),)
    facts = arrived(*lines, grades=[accepted(each, each.quantity) for each in lines], stage=Stage.COMPLETED)
    return case_of(announced(*lines, **head), *facts[1:], *more)


def codes(case: ReturnCase, **about: Any) -> list[str]:
    return [finding.code for finding in validate(matter(case, **about))]


def found(case: ReturnCase, **about: Any) -> list[tuple[str, str, str]]:
    return [(finding.code, finding.sentence, finding.hint) for finding in validate(matter(case, **about))]


def test_a_return_that_fits_its_sale_has_nothing_against_it() -> None:
    assert codes(graded()) == []
    assert len(CHECKS) == 14


@pytest.mark.parametrize(("limits", "taken", "says"), [
    (Limits(credit=Decimal("10.00")), "0", []),
    (Limits(credit=Decimal("9.99")), "0", ["10.00 GBP for MUG; up to 9.99 goes out without a person."]),
    (Limits(order=Decimal("30.00")), "20.00", []),
    (Limits(order=Decimal("29.99")), "20.00", ["10.00 on top of 20.00 GBP of order SO-1; up to 29.99 goes out without a person."]),
    (Limits(credit=Decimal(10), order=Decimal("29.99")), "20.00", [
        "10.00 on top of 20.00 GBP of order SO-1; up to 29.99 goes out without a person."]),
    (Limits(customer_day=Decimal("17.00")), "20.00", []),
    (Limits(customer_day=Decimal("16.99")), "20.00", [
        "10.00 on top of 7 GBP to C1 within a day; up to 16.99 goes out without a person."]),
    (Limits(day=Decimal("42.00")), "20.00", []),
    (Limits(day=Decimal("41.99")), "20.00", ["10.00 on top of 32 GBP in gb01 within a day; up to 41.99 goes out without a person."]),
    (Limits(customer_day=Decimal(9), day=Decimal(9)), "20.00", [
        "10.00 on top of 7 GBP to C1 within a day; up to 9 goes out without a person."]),
])
def test_a_credit_above_a_limit_of_its_line_or_order_waits_until_it_is_waived(limits: Limits, taken: str, says: list[str]) -> None:
    case, earlier = graded(), Claims(lots={("SO-1", "other"): Taken(units=Decimal(1), net=Decimal(taken)),
                                           ("SO-2", "other"): Taken(units=Decimal(9), net=Decimal(900))},
                                     today={("C1", "GBP"): Decimal(7), ("C2", "GBP"): Decimal(25), ("C1", "EUR"): Decimal(900)})
    decided = rules(limits=limits)

    told = [finding for finding in validate(matter(case, decided=decided, claims=earlier)) if finding.code == "CREDIT_ABOVE_LIMIT"]

    assert [finding.sentence for finding in told] == says
    again = graded(more=[waived("CREDIT_ABOVE_LIMIT")])
    assert "CREDIT_ABOVE_LIMIT" not in codes(again, decided=decided, claims=earlier)


def test_who_has_no_account_of_their_own_is_limited_by_the_day_alone() -> None:
    decided, earlier = rules(limits=Limits(customer_day=Decimal(9))), Claims(today={("WALKIN", "GBP"): Decimal(7)})
    case = graded(customer=None)

    assert "CREDIT_ABOVE_LIMIT" not in codes(case, decided=decided, claims=earlier)
    assert "CREDIT_ABOVE_LIMIT" in codes(case, decided=rules(limits=Limits(day=Decimal(9))), claims=earlier)


# --- items -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("changes", "code"), [
    ({"state": ItemState.BLOCKED}, "SKU_BLOCKED"), ({"state": ItemState.DISCONTINUED}, "SKU_DISCONTINUED"),
    ({"unit": ""}, "UNIT_UNKNOWN"), ({"service": True}, "UNMAPPED_FEE"),
])
def test_an_item_that_cannot_come_back_is_named_with_its_reason(changes: dict[str, Any], code: str) -> None:
    assert codes(graded(), erp=master(items=[item(**changes)])) == [code]


SHIRT = ErpItem(number="SHIRT", dimensions=(("size", "M"),))


@pytest.mark.parametrize(("changes", "code", "says"), [
    ({"needs_variant": True}, "VARIANT_UNKNOWN", "SKU 'MUG' names an item with variants and none of them in gb01."),
    ({"needs_variant": True, "erp": SHIRT}, "VARIANT_UNKNOWN", "SKU 'MUG' is SHIRT/M, and gb01 has released no such variant."),
    ({"also": ("SHIRT/L", "SHIRT/M"), "state": ItemState.BLOCKED}, "SKU_AMBIGUOUS", "SKU 'MUG' names SHIRT/L and SHIRT/M in gb01."),
    ({"erp": SHIRT, "counts": "box"}, "UNIT_UNKNOWN", "SKU 'MUG' counts box, the item is sold by ea."),
])
def test_a_code_that_names_no_one_variant_is_held_whatever_its_state(changes: dict[str, Any], code: str, says: str) -> None:
    assert found(graded(), erp=master(items=[replace(item(unit="ea"), **changes)])) == [(code, says, "")]
    assert codes(graded(), erp=master(items=[replace(item(), erp=SHIRT)])) == []


def test_a_code_that_names_another_item_than_when_the_line_began_is_held() -> None:
    began, now = matter(graded()), master(items=[replace(item(), erp=SHIRT)])
    plain = ErpItem(number="MUG")

    assert [finding.code for finding in validate(replace(began, master=now, made=plain))] == ["SKU_AMBIGUOUS"]
    assert validate(replace(began, master=now, made=SHIRT)) == validate(replace(began, made=plain)) == ()


def test_a_line_of_a_sale_answers_to_all_its_names() -> None:
    line_of = replace(sold("5000001"), also=("5000002",))
    told = sale("SO-1", line_of)

    assert (told.of("5000001"), told.of("5000002"), told.of("500")) == ((line_of,), (line_of,), ())


def test_a_sku_that_differs_only_in_case_or_spaces_is_shown_and_never_used() -> None:
    case = graded(line("mug"))

    assert found(case, erp=master(items=[item("MUG"), item(" Mug")], sales=[sale("SO-1", sold("mug"))])) == [
        ("SKU_UNKNOWN", "SKU 'mug' is not in the item master of gb01.", "looks like  Mug, MUG")]
    assert codes(case, erp=master(items=[], sales=[sale("SO-1", sold("mug"))])) == ["SKU_UNKNOWN"]


@pytest.mark.parametrize("items", [
    [], [item("SVC-CARRIAGE")], [item("SVC-CARRIAGE", service=True, state=ItemState.BLOCKED)]])
def test_a_fee_needs_an_active_service_item(items: list[Any]) -> None:
    fee = graded(line("POST", 1, "3.50", order=None))

    assert codes(fee) == []
    assert codes(fee, erp=master(items=items)) == ["SERVICE_ITEM_UNKNOWN"]


# --- places ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("near", [WAREHOUSE.lower(), f" {WAREHOUSE}", f"{WAREHOUSE} "])
def test_a_warehouse_code_that_almost_fits_is_shown_and_never_used(near: str) -> None:
    case = graded(warehouse=near)

    (code, sentence, hint), = found(case)

    assert (code, hint) == ("WAREHOUSE_UNKNOWN", f"looks like {WAREHOUSE}")
    assert f"'{near}'" in sentence


def test_a_warehouse_the_erp_does_not_have_is_a_finding() -> None:
    assert codes(graded(), erp=master(warehouses=frozenset({"GB-DC-02"}))) == ["WAREHOUSE_UNKNOWN"]
    assert found(graded(warehouse="XX")) == [("WAREHOUSE_UNKNOWN", "Warehouse 'XX' has no exact match in gb01.", "")]


def test_locations_and_codes_are_compared_letter_by_letter() -> None:
    lower_case = rules(mapping=(row(location="Sale"),))

    assert codes(graded(), decided=rules(mapping=(row(location="A1"),))) == ["WAREHOUSE_UNKNOWN"]
    assert codes(graded(), decided=lower_case) == ["WAREHOUSE_UNKNOWN"]
    assert codes(graded(), decided=rules(mapping=(row(erp_disposition="zcredit"),))) == ["DISPOSITION_CODE_UNKNOWN"]
    assert codes(graded(), decided=rules(entities=(entity(return_reason="zz"),))) == ["DISPOSITION_CODE_UNKNOWN"]
    assert codes(graded(), decided=rules(entities=(entity(return_reason=""),))) == []


def test_an_item_the_customer_keeps_needs_no_location() -> None:
    kept = case_of(*arrived(grades=[accepted("MUG", 1, "KEEP", "NONE")]))
    nowhere = replace(MAPPING[4], place=replace(MAPPING[4].place, warehouse=""))
    elsewhere = replace(MAPPING[4], place=replace(MAPPING[4].place, warehouse="XX"))

    assert codes(kept) == []
    assert codes(kept, decided=rules(mapping=(nowhere,))) == []
    assert codes(kept, decided=rules(mapping=(elsewhere,))) == ["WAREHOUSE_UNKNOWN"]


# --- customers ---------------------------------------------------------------------------------------


def test_the_customer_must_be_known_and_free() -> None:
    held = {"C1": Customer(account="C1", on_hold=True, tax_group="UK20")}

    assert codes(graded(), erp=master(customers={})) == ["CUSTOMER_UNKNOWN"]
    assert codes(graded(), erp=master(customers=held)) == ["CUSTOMER_ON_HOLD"]


def test_without_a_customer_the_configured_account_serves_up_to_its_limit() -> None:
    at_the_limit, above = graded(line("MUG", 5), customer=None), graded(line("MUG", 5, "10.01"), customer=None)
    erp = master(sales=[sale("SO-1", sold("MUG", 5, "10.01"))])

    assert codes(at_the_limit, erp=erp) == []
    assert codes(above, erp=erp) == ["NO_CUSTOMER"]
    assert codes(at_the_limit, erp=erp, decided=rules(entities=(entity(no_customer_account=""),))) == ["NO_CUSTOMER"]


# --- the original sale -------------------------------------------------------------------------------


def test_a_line_without_its_sale_needs_a_person() -> None:
    assert codes(graded(line(order=None))) == ["ORDER_MISSING"]
    assert codes(graded(line(order="SO-9"))) == ["ORDER_UNKNOWN"]
    assert codes(graded(), erp=master(sales=[sale("SO-1", sold("mug"))])) == ["ORDER_LINE_UNKNOWN"]


def test_the_currency_is_that_of_the_sale_and_of_the_company() -> None:
    assert codes(graded(), erp=master(sales=[sale(currency="EUR")])) == ["CURRENCY_DIFFERS"]
    assert codes(graded(currency="EUR"), erp=master(sales=[sale(currency="EUR")])) == ["CURRENCY_DIFFERS"]
    assert codes(graded(currency="")) == ["CURRENCY_DIFFERS", "CURRENCY_DIFFERS"]


@pytest.mark.parametrize(("claimed", "returned", "quantity", "fits"), [
    (0, 0, 3, True), (0, 0, 4, False), (1, 0, 2, True), (1, 0, 3, False), (0, 2, 1, True), (1, 2, 1, False)])
def test_never_more_comes_back_than_was_sold_and_is_not_returned_yet(claimed: int, returned: int, quantity: int, fits: bool) -> None:  # noqa: FBT001
    erp = master(sales=[sale("SO-1", sold("MUG", 2, returned=Decimal(returned)), sold("MUG", 1))])
    claims = Claims(lots={("SO-1", "MUG#1"): Taken(units=Decimal(claimed)), ("SO-1", "mug#1"): Taken(units=Decimal(9))})

    assert codes(graded(line("MUG", quantity)), erp=erp, claims=claims) == ([] if fits else ["QUANTITY_ABOVE_SOLD"])


def test_of_thirty_credits_for_twenty_units_sold_ten_are_held() -> None:
    erp = master(sales=[sale("SO-1", sold("MUG", 20))])
    taken, held = Decimal(0), 0

    for _ in range(30):
        blocked = codes(graded(), erp=erp, claims=Claims(lots={("SO-1", "MUG#1"): Taken(units=taken)}))
        taken, held = taken + (not blocked), held + (blocked == ["QUANTITY_ABOVE_SOLD"])

    assert (taken, held) == (20, 10)


def test_the_price_is_never_above_that_of_the_sale() -> None:
    erp = master(sales=[sale("SO-1", sold("MUG", 1, "9.00"), sold("MUG", 1, "9.99"))])

    assert found(graded(), erp=erp) == [("PRICE_ABOVE_SOLD", "MUG is to be credited at 10.00, order SO-1 sold it at 9.99.", "")]
    assert codes(graded(line("MUG", 1, "9.99")), erp=erp) == []
    assert codes(graded(line("MUG", 1, None)), erp=erp) == []


def test_a_fee_has_no_sale() -> None:
    assert codes(graded(line("POST", 1, "99.00", order="SO-9"))) == []


# --- goods sold before the data starts ---------------------------------------------------------------

OLD = line("MUG", 2, "15.00", order="PRE-2025")


@pytest.mark.parametrize(("used", "code"), [("70.00", []), ("70.01", ["HISTORY_ALLOWANCE"])])
def test_history_is_credited_up_to_the_customers_allowance(used: str, code: list[str]) -> None:
    assert codes(graded(OLD), claims=Claims(history={"C1": Decimal(used), "C2": Decimal(999)})) == code


def test_history_is_credited_at_no_more_than_the_items_highest_price() -> None:
    dear = graded(line("MUG", 1, "15.01", order="PRE-2025"))

    assert codes(dear) == ["PRICE_ABOVE_SOLD"]
    assert codes(dear, erp=master(items=[item(highest_price=None)])) == []
    assert codes(dear, erp=master(items=[])) == ["SKU_UNKNOWN"]


def test_without_a_history_policy_an_old_order_is_an_unknown_one() -> None:
    assert codes(graded(OLD), decided=rules(history=None)) == ["ORDER_UNKNOWN"]


def test_goods_of_nobody_without_a_sale_are_capped_by_price_and_limit() -> None:
    assert codes(graded(line(order=None), customer=None)) == []
    assert codes(graded(line("MUG", 1, "15.01", order=None), customer=None)) == ["PRICE_ABOVE_SOLD"]
    assert codes(graded(line("MUG", 4, "15.00", order=None), customer=None)) == ["NO_CUSTOMER"]
    assert codes(graded(line(order=""), customer=None)) == ["ORDER_MISSING"]


def test_a_fee_is_no_matter_of_history() -> None:
    assert codes(graded(line("POST", 1, "999.00", order="PRE-2025"))) == []


# --- tax and period ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("then", "code"), [
    ({}, []), ({"tax_group": "IE23"}, ["TAX_DIFFERS"]), ({"tax_item_group": "REDUCED"}, ["TAX_DIFFERS"]),
    ({"tax_group": "", "tax_item_group": ""}, []), ({"tax_group": "UK20", "tax_item_group": ""}, []),
])
def test_tax_is_that_of_the_sale_or_a_review(then: dict[str, str], code: list[str]) -> None:
    assert codes(graded(), erp=master(sales=[sale("SO-1", sold(**then))])) == code


def test_every_line_of_the_sale_is_compared() -> None:
    erp = master(sales=[sale("SO-1", sold(), sold(tax_group="IE23"))])

    assert codes(graded(), erp=erp) == ["TAX_DIFFERS"]
    assert "UK20/FULL" in found(graded(), erp=erp)[0][1]


CLOSED = Told(first=date(2025, 12, 1), last=date(2025, 12, 31), status=Status.CLOSED)


def test_nothing_is_posted_into_a_closed_period() -> None:
    closed_by_us = rules(entities=(entity(closed_periods=frozenset({"2025-12"})),))

    assert codes(graded(), erp=master(periods=[CLOSED]), period="2025-12") == ["PERIOD_CLOSED"]
    assert codes(graded(), decided=closed_by_us, period="2025-12") == ["PERIOD_CLOSED"]
    assert codes(graded(), decided=closed_by_us, period="2026-01") == []


# --- waivers and questions ---------------------------------------------------------------------------


def test_a_waiver_lets_one_finding_of_one_line_stand() -> None:
    erp = master(sales=[sale("SO-1", sold("MUG", 1, "9.00", tax_group="IE23"), sold("CUP", 1, "9.00"))], items=[item("MUG"), item("CUP")])
    case = graded(line("MUG"), line("CUP"), more=[waived("PRICE_ABOVE_SOLD")])

    assert codes(case, erp=erp, number=1) == ["TAX_DIFFERS"]
    assert codes(case, erp=erp, number=0) == ["PRICE_ABOVE_SOLD"]


def test_a_check_is_a_row_that_can_be_left_out() -> None:
    judged = matter(graded(), erp=MasterData())

    assert validate(judged, checks=()) == ()
    assert {finding.line_id for finding in validate(judged)} == {"MUG#1"}


def test_the_erp_is_asked_only_about_what_matters() -> None:
    cases = [graded(line("MUG"), line("POST", order=None), line("CUP", order="PRE-2025"), line("AMAZONFEE", order=None)),
             graded(line("MUG", order="SO-2"), customer=None)]

    asked = questions(entity(), rules(), cases)

    assert (asked.legal_entity, asked.items, asked.customers, asked.orders) == (
        "gb01", {"MUG", "CUP", "SVC-CARRIAGE"}, {"C1", "WALKIN"}, {"SO-1", "SO-2"})
    assert "PRE-2025" in questions(entity(), rules(history=None), cases).orders
    assert questions(entity(no_customer_account=""), rules(), [case_of(announced(customer=None))]).customers == frozenset()


def test_a_matter_knows_the_account_it_credits() -> None:
    judged: Matter = matter(graded(customer=None))

    assert judged.customer == "WALKIN"
    assert not judged.is_history
    assert matter(graded(OLD)).is_history


def test_a_return_under_way_is_judged_by_its_order_alone() -> None:
    waiting = case_of(announced(), reached(Stage.RECEIVED))

    assert codes(waiting, decided=rules(mapping=(row(when(), "NOWHERE"),))) == []


# --- what is rarer ------------------------------------------------------------------------------------


def test_a_disposition_code_that_makes_a_replacement_order_is_not_used() -> None:
    assert codes(graded(), erp=master(replacing=frozenset({"ZCREDIT"}))) == ["REPLACEMENT_ORDER"]


def test_goods_nobody_announced_have_no_customer_no_sale_and_no_currency_to_fit() -> None:
    blind = case_of(announced(line(order=None), blind=True, customer=None, currency="XXX"), received(("MUG", 1)))

    assert codes(blind, erp=master(customers={}, sales=[])) == []


def test_goods_matched_with_the_sale_of_somebody_else_are_looked_at() -> None:
    match = Matched(return_ref=REF, at=after(3), line_id="MUG#1", order="SO-1", unit_price=Decimal(10), units=Decimal(1), actor="ann",
                    approver="bob", reason="found the slip")
    case = case_of(announced(line(order=None), blind=True), received(("MUG", 1)), match)

    assert codes(case, erp=master(sales=[sale(customer="WALKIN")])) == ["MATCH_DIFFERS"]
    assert codes(case) == []


def test_the_same_goods_are_not_credited_once_as_found_and_once_as_announced() -> None:
    about = matter(graded())

    assert [each.sentence for each in validate(replace(about, alike=frozenset({"R-9", "R-8"})))] == [
        "Of goods that came without a return, R-8, R-9 takes MUG of order SO-1 as well."]
    assert validate(replace(about, alike=frozenset({"R-9"}), postings=())) == ()


def test_no_more_money_is_credited_than_is_left_of_what_was_paid_though_units_are() -> None:
    erp = master(sales=[sale("SO-1", sold("MUG", 2))])
    claims = Claims(lots={("SO-1", "MUG#1"): Taken(units=Decimal(1), net=Decimal(15))})

    assert codes(graded(), erp=erp, claims=claims) == ["VALUE_ABOVE_SOLD"]
    assert Taken(units=Decimal(3), net=Decimal(30)) - Taken(units=Decimal(1), net=Decimal(10)) == Taken(units=Decimal(2), net=Decimal(20))


def test_units_of_several_lines_of_a_sale_are_divided_only_where_the_profile_says_so() -> None:
    erp, case = master(sales=[sale("SO-1", sold(), sold())]), graded(line("MUG", 2))

    assert codes(case, erp=erp) == []
    assert codes(case, erp=erp, decided=rules(origin=OriginRule(divide=False))) == ["SPANS_SALE_LINES"]


@pytest.mark.parametrize(("goods", "code"), [
    (line(), []), (OLD, ["CURRENCY_DIFFERS"])])
def test_a_limit_in_the_companys_own_currency_covers_nothing_in_another(goods: AnnouncedLine, code: list[str]) -> None:
    sells_in_euro = rules(entities=(entity(currencies={"EUR": "the bank"}),))

    assert codes(graded(goods, currency="EUR"), erp=master(sales=[sale(currency="EUR")]), decided=sells_in_euro) == code


def test_what_missed_its_period_waits_while_that_is_closed() -> None:
    february = replace(CLOSED, first=date(2026, 2, 1), last=date(2026, 2, 28))
    missed = replace(matter(graded(), erp=master(periods=[february])), missed=frozenset({"2026-02"}))

    assert [finding.code for finding in validate(missed)] == ["PERIOD_MISSED"]
    assert validate(replace(missed, master=master())) == ()


def test_nobody_knows_how_goods_were_taxed_whose_sale_the_erp_does_not_have() -> None:
    taxes = TaxTable(values={"STD": (TaxSpan(percent=Decimal(20)),)})

    assert matter(graded(OLD), erp=master(taxes=taxes)).rate is None

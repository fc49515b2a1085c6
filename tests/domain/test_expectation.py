"""Is what should follow from an acceptance worked out to the unit and the penny, and put into the month it was accepted in?"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from backhaul.domain.disposition import Outcome
from backhaul.domain.expectation import Expected, Fixed, accepted_at, expect
from backhaul.domain.facts import Charge, Charged, Fact, Matched, Stage
from backhaul.domain.rules import By, Close, Effect, FeeRule, Rules, Triggers, Window
from backhaul.testing.builders import (
    FEES,
    NOON,
    REF,
    accepted,
    after,
    announced,
    arrived,
    case_of,
    claimed,
    closed,
    entity,
    inspected,
    line,
    reached,
    received,
    refused,
    row,
    rules,
    when,
)

D = Decimal
RULES = rules()


def expected(*facts: Fact, decided: Rules = RULES, fixed: Mapping[str, Fixed] | None = None,
             freed: Mapping[str, datetime] | None = None) -> dict[str, Expected]:
    """Say what should follow from these facts, by line."""
    found = expect(case_of(*facts), facts, decided, decided.entities[0], fixed=fixed or {}, freed=freed or {})
    return {each.line_id: each for each in found}


def test_accepted_units_are_expected_as_credit_and_as_stock_where_they_may_be_sold() -> None:
    (mug,) = expected(*arrived(line(quantity=3), grades=[accepted(quantity=2), accepted(quantity=1, disposition="OUTLET", condition="B")]),
                      fixed={"MUG#1": Fixed(units=D(3), tax=D("6.00"), item="MUG-ERP")}).values()

    told = mug.accepted
    assert (mug.line_id, mug.at, told.accepted_on) == ("MUG#1", after(2), date(2026, 3, 4))
    assert (told.units, told.net, told.tax, told.stocked, told.sellable, told.scrapped) == (D(3), D("30.00"), D("6.00"), D(3), D(2), D(0))
    assert (told.words.item, told.words.customer, told.words.sale, told.words.currency) == ("MUG-ERP", "C1", "SO-1", "GBP")
    assert (told.words.warehouse, told.words.location) == (None, None)  # two places


def test_scrap_is_received_and_written_off_and_what_the_customer_keeps_is_neither() -> None:
    cup = line("CUP")
    told = expected(*arrived(line(), cup, grades=[accepted(disposition="SCRAP", condition="D"),
                                                  accepted("CUP", disposition="KEEP", condition="NONE")]))

    scrap, kept = told["MUG#1"].accepted, told["CUP#1"].accepted
    assert (scrap.stocked, scrap.scrapped, scrap.sellable, scrap.words.location) == (D(1), D(1), D(0), "SCRAP")
    assert (kept.units, kept.net, kept.stocked, kept.words.warehouse) == (D(1), D("10.00"), D(0), None)


def test_what_was_refused_or_is_taken_without_credit_is_expected_nowhere_and_what_nobody_mapped_is_still_owed() -> None:
    refusal, gift, donation = (expected(*arrived(line(), grades=[grade]))["MUG#1"] for grade in (
        refused(), accepted(disposition="GIFT"), accepted(disposition="DONATE")))

    assert (refusal.at, refusal.accepted.units) == (None, D(0))
    assert (gift.at, gift.accepted.units, gift.accepted.stocked) == (None, D(0), D(0))
    assert (donation.at, donation.accepted.net, donation.accepted.stocked) == (after(2), D("10.00"), D(0))


def test_what_is_mapped_on_sale_and_may_not_be_sold_is_not_expected_on_sale() -> None:
    wrong = rules(mapping=(row(when("OUTLET", "B"), "SALE", Outcome.NON_SELLABLE),))

    assert expected(*arrived(line(), grades=[accepted(disposition="OUTLET", condition="B")]), decided=wrong)["MUG#1"].accepted.sellable == 0


def test_a_line_is_accepted_when_the_first_of_its_units_are_and_each_line_for_itself() -> None:
    mug, cup = line(quantity=2), line("CUP")
    facts = [announced(mug, cup), received((mug, 2), (cup, 1), at=after(1)), inspected(accepted(mug, 1), at=after(2), version=1),
             inspected(accepted(mug, 2), accepted(cup), at=after(30), version=2)]

    assert accepted_at(case_of(*facts), facts, {}) == {"MUG#1": after(2), "CUP#1": after(30)}


def test_what_people_decide_is_accepted_when_they_decide() -> None:
    lost = [announced(line()), claimed(at=after(9))]
    blind = [announced(line(order=None), blind=True), received(("MUG", 1), at=after(1)), inspected(accepted(), at=after(2)),
             Matched(return_ref=REF, at=after(5), line_id="MUG#1", order="SO-1", unit_price=D(10), units=D(1), actor="ann", approver="bob",
                     reason="found")]
    waiver = [*arrived(line(), grades=[accepted()]), closed("NO#1", at=after(8))]

    assert accepted_at(case_of(*lost), lost, {}) == {"MUG#1": after(9)}
    assert accepted_at(case_of(*blind), blind, {}) == {"MUG#1": after(5)}
    assert accepted_at(case_of(*waiver), waiver, {}) == {"MUG#1": after(2)}
    assert accepted_at(case_of(announced()), [announced()], {}) == {}


def test_blind_goods_and_a_return_called_off_expect_nothing() -> None:
    blind = expected(announced(line(order=None), blind=True), received(("MUG", 1), at=after(1)), inspected(accepted(), at=after(2)))
    cancelled = expected(announced(line(), line("POST", order=None)), reached(Stage.CANCELLED, after(1)))

    assert blind["MUG#1"].accepted.units == 0
    assert {name: each.accepted.units for name, each in cancelled.items()} == {"MUG#1": D(0), "POST#1": D(0)}


def test_a_closed_line_is_owed_what_was_credited_before_it_was_closed() -> None:
    facts = [*arrived(line(quantity=3), grades=[accepted(quantity=3)]), closed()]

    one = expected(*facts, fixed={"MUG#1": Fixed(units=D(1))})["MUG#1"].accepted
    none, all_ = expected(*facts)["MUG#1"], expected(*facts, fixed={"MUG#1": Fixed(units=D(3))})["MUG#1"].accepted

    assert (one.units, one.net, one.stocked) == (D(1), D("10.00"), D(1))
    assert (none.at, none.accepted.units) == (None, D(0))
    assert all_.units == 3


def test_goods_sold_before_the_data_start_name_no_sale() -> None:
    assert expected(*arrived(line(order="PRE-2025"), grades=[accepted()]))["MUG#1"].accepted.words.sale is None


def test_a_fee_is_due_when_the_return_is_complete_unless_all_goods_were_refused_or_people_closed_it() -> None:
    post = line("POST", 1, "3.50", order=None)
    facts = arrived(line(), post, grades=[accepted()])
    done = reached(Stage.COMPLETED, after(4))

    waits, due, shut = expected(*facts)["POST#1"], expected(*facts, done)["POST#1"], expected(*facts, done, closed("POST#1"))["POST#1"]
    refusal = expected(*arrived(line(), post, grades=[refused()]), done)["POST#1"]
    foreign = expected(*arrived(line("AMAZONFEE"), grades=[]), done)["AMAZONFEE#1"]

    assert (waits.at, waits.accepted.units) == (None, D(0))
    assert (due.at, due.accepted.fee, due.accepted.net, due.accepted.words.item) == (after(4), True, D("3.50"), "SVC-CARRIAGE")
    assert (shut.accepted.units, refusal.accepted.units) == (D(0), D(0))
    assert (foreign.accepted.units, foreign.accepted.words.item) == (D(1), "AMAZONFEE")


def test_a_charge_that_is_taken_is_expected_with_the_other_sign_and_one_that_is_given_as_a_credit() -> None:
    decided = rules(fees={**FEES, "LABEL": FeeRule(service_item="SVC-LABEL", effect=Effect.DEDUCT, by=By.SERVICE_ITEM)})
    charges = Charged(return_ref=REF, at=NOON, charges=(Charge(code="LABEL", amount=D("2.00")), Charge(code="POST", amount=D("3.00"))))
    facts = [*arrived(line(), grades=[accepted()]), charges]

    told = expected(*facts, reached(Stage.COMPLETED, after(4)), decided=decided)

    assert (told["charge:LABEL:"].accepted.units, told["charge:LABEL:"].accepted.net) == (D(-1), D("-2.00"))
    assert (told["charge:POST:"].accepted.units, told["charge:POST:"].accepted.net) == (D(1), D("3.00"))
    assert set(expected(*facts, decided=decided)) == {"MUG#1"}


def test_what_was_announced_before_go_live_is_no_matter_of_the_proof() -> None:
    facts = arrived(line(), grades=[accepted()])

    assert expected(*facts, decided=rules(go_live=after(1))) == {}
    assert set(expected(*facts, decided=rules(go_live=NOON))) == {"MUG#1"}


def test_it_is_late_after_its_window_and_the_days_the_erp_has_and_only_once_a_person_let_it_go_on() -> None:
    facts = arrived(line(), grades=[accepted()])
    daily = rules(window=Window(close=Close.DAILY))

    told = expected(*facts, decided=daily)["MUG#1"].accepted
    freed = expected(*facts, decided=daily, freed={"": after(20)})["MUG#1"].accepted

    assert (told.due_on, told.period) == (date(2026, 3, 6), "2026-03")
    assert freed.due_on == date(2026, 3, 24)
    assert expected(*facts, decided=daily, freed={"CUP#1": after(20)})["MUG#1"].accepted.due_on == told.due_on


def test_which_period_it_should_be_posted_in_is_left_open_where_either_would_do() -> None:
    (at_the_end,) = expected(*(replace(fact, at=fact.at + timedelta(days=26)) for fact in arrived(line(), grades=[accepted()])),
                             decided=rules(window=Window(close=Close.DAILY))).values()

    assert (at_the_end.accepted.due_on, at_the_end.accepted.period) == (date(2026, 4, 1), None)


def test_what_is_accepted_before_its_trigger_has_no_day_by_which_it_is_due() -> None:
    later: dict[str, Any] = {"triggers": Triggers(goods=Stage.COMPLETED)}
    facts = arrived(line(), grades=[accepted()])

    assert expected(*facts, decided=rules(**later))["MUG#1"].accepted.due_on is None
    assert expected(*facts, reached(Stage.COMPLETED, after(3)), decided=rules(**later))["MUG#1"].accepted.due_on is not None


def test_the_month_is_that_of_the_legal_entitys_zone() -> None:
    auckland = rules(entities=(entity(zone="Pacific/Auckland"),))

    assert expected(*arrived(line(), grades=[accepted()]), decided=auckland)["MUG#1"].accepted.accepted_on == date(2026, 3, 5)

"""Charges beside the goods: each once, by the rule of its code, taken from nothing that is not there."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from backhaul.domain import charges
from backhaul.domain.disposition import MappingRow
from backhaul.domain.facts import Charge, Charged, Stage
from backhaul.domain.plan import derive_postings
from backhaul.domain.posting import CreditNote, OrderLine, Posting, PostingKind as K
from backhaul.domain.returns import ReturnCase
from backhaul.domain.rules import By, Effect, FeeRule, Per, Rules
from backhaul.domain.validation import charges_have_items
from backhaul.testing.builders import FEES, NOON, REF, ROUTE, accepted, arrived, case_of, item, line, master, of_kind, plan, row, rules

TWO = (line("MUG", 1, "10.00"), line("CUP", 1, "5.00"))
RETURN_FEE = FeeRule(service_item="SVC-FEE", effect=Effect.DEDUCT, tax_included=Decimal(20))
RESTOCK = FeeRule(service_item="SVC-RESTOCK", effect=Effect.DEDUCT, amount=Decimal("2.50"))
BY_ERP = FeeRule(by=By.ERP, effect=Effect.DEDUCT, amount=Decimal("1.50"))


def decided(*, mapping: Sequence[MappingRow] = (row(),), **fees: FeeRule) -> Rules:
    return rules(fees=FEES | fees, mapping=mapping, debit_item="SVC-DEBIT")


def told(code: str = "FEE", amount: str = "3.00", **more: Any) -> Charge:
    return Charge(code=code, amount=Decimal(amount), **more)


def returned(*said: Charge) -> ReturnCase:
    grades = [accepted(each, 1) for each in TWO]
    return case_of(*arrived(*TWO, grades=grades, stage=Stage.COMPLETED), Charged(return_ref=REF, at=NOON, charges=said))


def served(postings: Sequence[Posting]) -> list[tuple[str, str, Decimal]]:
    return [(posting.document.line_id, posting.document.sku, posting.document.quantity * posting.document.unit_price)
            for posting in of_kind(postings, K.FEE_LINE) if isinstance(posting.document, OrderLine)]


def test_a_charge_is_given_or_taken_net_on_its_own_service_item_and_only_once() -> None:
    case, by = returned(told(amount="3.60"), told("POST", "4.00"), told("FEE", "0.00", prepaid=True)), decided(FEE=RETURN_FEE)

    wanted = plan(case, decided=by).postings

    assert served(wanted) == [("charge:FEE:", "SVC-FEE", Decimal("-3.00")), ("charge:POST:", "SVC-CARRIAGE", Decimal("4.00"))]
    assert plan(case, wanted, by).postings == ()


def test_what_was_paid_before_is_never_taken_again() -> None:
    prepaid = FeeRule(effect=Effect.PREPAID)

    assert served(plan(returned(told(prepaid=True)), decided=decided(FEE=RETURN_FEE)).postings) == []
    assert served(plan(returned(told()), decided=decided(FEE=prepaid)).postings) == []


def test_a_charge_nobody_mapped_or_that_is_no_matter_of_a_return_is_somebodys_work() -> None:
    found = plan(returned(told("WRAPPING"), told("AMAZONFEE")), decided=decided()).findings

    assert [finding.code for finding in found] == ["NOT_A_CUSTOMER_RETURN", "UNMAPPED_FEE"]


@pytest.mark.parametrize(("now", "says"), [
    (told(amount="6.00"), "charge:FEE is booked with 3.00, now it is 5.00."), (told(amount="3.60"), ""),
    (told(amount="3.60", prepaid=True), "charge:FEE is booked with 3.00, now it is 0."), (told("POST", "1.00"), "")])
def test_a_charge_told_differently_after_it_was_booked_is_noticed(now: Charge, says: str) -> None:
    by = decided(FEE=RETURN_FEE)
    booked = plan(returned(told(amount="3.60")), decided=by).postings

    found = plan(returned(now), booked, by).findings

    assert [finding.sentence for finding in found if finding.code == "CHANGED_AFTER_POSTING"] == ([says] if says else [])


@pytest.mark.parametrize(("per", "ids"), [(Per.RETURN, ["charge:RESTOCK:"]), (Per.LINE, ["charge:RESTOCK:CUP#1", "charge:RESTOCK:MUG#1"])])
def test_a_mapping_row_takes_its_charge_once_per_return_or_once_per_line(per: Per, ids: list[str]) -> None:
    rule = FeeRule(service_item="SVC-RESTOCK", effect=Effect.DEDUCT, amount=Decimal("2.50"), per=per)
    by = decided(mapping=(row(charge="RESTOCK"),), RESTOCK=rule)

    wanted = served(plan(returned(), decided=by).postings)

    assert wanted == [(each, "SVC-RESTOCK", Decimal("-2.50")) for each in ids]


def test_what_the_platform_tells_of_a_charge_counts_instead_of_the_rows_amount() -> None:
    by = decided(mapping=(row(charge="RESTOCK"),), RESTOCK=RESTOCK)

    assert served(plan(returned(told("RESTOCK", "1.00")), decided=by).postings) == [("charge:RESTOCK:", "SVC-RESTOCK", Decimal("-1.00"))]


def test_what_belongs_to_a_line_waits_with_it() -> None:
    case, by = returned(told("POST", "4.00", line=TWO[1].ref)), decided()

    wanted = derive_postings(case, by, by.entities[0], ROUTE, apart_from={"CUP#1"}).postings

    assert served(plan(case, decided=by).postings) == [("charge:POST:CUP#1", "SVC-CARRIAGE", Decimal("4.00"))]
    assert served(wanted) == []


@pytest.mark.parametrize(("said", "charge"), [
    ((), "1.50"), ((told("SELF", "0.70"),), "0.70"), ((told("SELF", "0.70", prepaid=True),), "0")])
def test_what_the_erp_charges_by_itself_is_expected_of_the_credit_and_not_sent(said: tuple[Charge, ...], charge: str) -> None:
    by = decided(mapping=(row(charge="SELF"),), SELF=BY_ERP)

    wanted = plan(returned(*said), decided=by).postings

    notes = [posting.document for posting in of_kind(wanted, K.CREDIT_NOTE)]
    assert [note.charge for note in notes if isinstance(note, CreditNote)] == [Decimal(charge)] * 2
    assert served(wanted) == []


def test_the_erp_is_asked_about_every_service_item_a_return_may_need() -> None:
    by = decided(mapping=(row(charge="RESTOCK"),), RESTOCK=RESTOCK)

    assert list(charges.services(returned(told("POST"), told("WRAPPING")), by)) == ["SVC-DEBIT", "SVC-CARRIAGE", "SVC-RESTOCK"]


def test_a_charge_without_an_active_service_item_is_held_with_its_line() -> None:
    wanted = plan(returned(told("POST", line=TWO[1].ref)), decided=decided()).postings

    assert [(each.code, each.line_id) for each in charges_have_items(wanted, master(items=[item()]))] == [("SERVICE_ITEM_UNKNOWN", "CUP#1")]
    assert list(charges_have_items(wanted, master())) == []


def test_a_charge_of_a_line_that_is_not_announced_or_below_nothing_is_told() -> None:
    case = returned(told("POST", "4.00", line=line("JUG").ref), told("POST", "-1.00"))

    assert {finding.code for finding in case.findings} == {"UNKNOWN_LINE", "IMPLAUSIBLE_AMOUNT"}

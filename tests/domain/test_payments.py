"""Is a claim matched, under way or broken, and which credit answers which payment?"""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from backhaul.domain.payments import (
    Claim,
    Clock,
    Credit,
    Payment,
    PaymentStatus,
    PayoutRules,
    Settled,
    Waits,
    answers,
    compare,
    newest,
    together,
)
from backhaul.domain.proof import Standing

D = Decimal
NOTE = Credit(document="CN-1", gross=D("10.20"), day=date(2026, 10, 5))
PAID = Payment(provider="psp", reference="P-1", status=PaymentStatus.PAID, amount=D("10.20"), currency="GBP", day=date(2026, 10, 6))
CLAIM = Claim(key="R1", entity="gb01", currency="GBP", credits=(NOTE,), payments=(PAID,))
LATE, EARLY = date(2026, 11, 30), date(2026, 10, 10)


def said(claim: Claim, day: date = LATE) -> tuple[str, list[tuple[str, Decimal]], str]:
    verdict = compare(claim, day, D(0), Waits())
    return verdict.standing.value, [(each.kind, each.amount) for each in verdict.discrepancies], verdict.why


def test_a_claim_that_is_paid_as_credited_is_proved_and_so_is_one_nothing_is_known_of() -> None:
    assert said(CLAIM) == ("proved", [], "")
    assert said(replace(CLAIM, credits=(), payments=())) == ("proved", [], "")
    assert compare(replace(CLAIM, payments=()), EARLY, D(0), Waits()).since == NOTE.day


@pytest.mark.parametrize(("claim", "kind", "amount"), [
    (replace(CLAIM, payments=()), "CREDIT_WITHOUT_PAYOUT", "-10.20"),
    (replace(CLAIM, credits=()), "PAYOUT_WITHOUT_CREDIT", "10.20"),
    (replace(CLAIM, payments=(PAID, replace(PAID, reference="P-2"))), "PAID_TWICE", "10.20"),
    (replace(CLAIM, payments=(replace(PAID, amount=D(9)),)), "PAYOUT_DIFFERS", "-1.20"),
    (replace(CLAIM, payments=(PAID, replace(PAID, reference="P-2", amount=D(3))), written_off=D(1)), "PAYOUT_DIFFERS", "2.00"),
    (replace(CLAIM, payments=(replace(PAID, status=PaymentStatus.FAILED),)), "PAYOUT_FAILED", "-10.20"),
    (replace(CLAIM, credits=(), payments=(replace(PAID, status=PaymentStatus.FAILED),)), "PAYOUT_FAILED", "-10.20"),
    (replace(CLAIM, payments=(), exchanged=D("12.20")), "PAYOUT_DIFFERS", "2.00"),
])
def test_each_way_of_being_wrong_has_its_class_and_its_money(claim: Claim, kind: str, amount: str) -> None:
    assert said(claim) == ("broken", [(kind, D(amount))], "")


def test_what_is_not_late_is_under_way_and_says_what_it_waits_for() -> None:
    pending = replace(PAID, status=PaymentStatus.PENDING)

    assert said(replace(CLAIM, payments=()), EARLY)[2] == "PAYOUT_AWAITED"
    assert said(replace(CLAIM, payments=(pending,)), EARLY)[2] == "PAYOUT_PENDING"
    assert said(replace(CLAIM, credits=(), payments=(pending,)))[2] == "PAYOUT_PENDING"
    assert said(replace(CLAIM, credits=()), EARLY)[2] == "NOTE_AWAITED"
    assert said(replace(CLAIM, payments=(replace(PAID, amount=D(20)),), more=True), EARLY)[2] == "NOTE_AWAITED"
    assert said(replace(CLAIM, credits=(replace(NOTE, pay_by=date(2027, 1, 1)),), payments=()))[2] == "PAYOUT_AWAITED"
    assert said(replace(CLAIM, credits=(), credit_by=date(2027, 1, 1)))[2] == "NOTE_AWAITED"


def test_a_note_settled_with_another_document_is_said_beside_whatever_else_is_wrong() -> None:
    wrong = Settled(document="CN-1", other="INV-9", amount=D("10.20"), right=False)

    assert said(replace(CLAIM, settled=(wrong, replace(wrong, right=True)))) == ("broken", [("SETTLED_TO_WRONG_INVOICE", D("10.20"))], "")
    assert [kind for kind, _ in said(replace(CLAIM, payments=(), settled=(wrong,)))[1]] == [
        "CREDIT_WITHOUT_PAYOUT", "SETTLED_TO_WRONG_INVOICE"]


def test_what_came_back_pays_nothing_and_what_was_given_up_is_answered() -> None:
    assert said(replace(CLAIM, payments=(replace(PAID, status=PaymentStatus.REVERSED),)))[1][0][0] == "CREDIT_WITHOUT_PAYOUT"
    assert compare(replace(CLAIM, credits=(), written_off=D("10.20")), LATE, D(0), Waits()).standing is Standing.PROVED


def test_credits_answer_payments_oldest_first_and_the_rest_is_given_up_on_its_day() -> None:
    second = replace(PAID, reference="P-2", day=date(2026, 10, 9), amount=D(5))
    claim = replace(CLAIM, payments=(second, PAID, replace(PAID, reference="P-3", status=PaymentStatus.FAILED)))

    told = [(each.payment.reference, each.document, each.amount, each.day) for each in answers(claim, date(2026, 10, 20))]

    assert told == [("P-1", "CN-1", D("10.20"), date(2026, 10, 6)), ("P-2", "", D(5), date(2026, 10, 20))]
    assert len(list(answers(claim))) == 1


def test_returns_tied_by_payments_are_one_claim_and_a_payment_is_what_says_most_of_it() -> None:
    tied = together([("a", frozenset({"R3", "R2"})), ("b", frozenset({"R1"})), ("c", frozenset({"R2", "R1"})), ("d", frozenset())])

    assert tied == {"R1": "R1", "R2": "R1", "R3": "R1"}
    pending = replace(PAID, status=PaymentStatus.PENDING)
    assert list(newest([pending, PAID, pending])) == [PAID]


def test_a_country_has_its_own_clock_or_that_of_all() -> None:
    rules = PayoutRules(credit_within=30, clocks={"GB": Clock(days=14, source="VAT Notice 700/18")})

    assert (rules.clock("GB").days, rules.clock("DE").days) == (14, 30)


def test_a_payment_is_known_again_whatever_becomes_of_it_and_whatever_it_names_and_not_at_another_amount() -> None:
    told = Payment(provider="psp", reference="P-1", status=PaymentStatus.PENDING, amount=Decimal("10.20"), currency="GBP",
                   day=date(2011, 1, 1))
    same = replace(told, status=PaymentStatus.PAID, amount=Decimal("10.200"), returns=("R",))

    assert told.key == same.key
    assert told.key not in {replace(told, **other).key for other in (  # type: ignore[arg-type]  one field each
        {"amount": Decimal(10)}, {"fee": Decimal(1)}, {"day": date(2011, 1, 2)}, {"currency": "EUR"}, {"reference": "P-2"})}

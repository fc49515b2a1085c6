"""Does the engine say of every claim what the reference says of it, and is each class of payment found once, with its money?"""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings, strategies as st
from tests.application.test_reconcile import CREDIT, DAY, LINE, STOCK, TIGHT, extract

from backhaul.application.payments import PAYOUTS, prove_payments, report, strays
from backhaul.application.reconcile import ACCEPTED, RECORDS, Books, prove
from backhaul.domain.errors import Misconfigured
from backhaul.domain.payments import Claim, Credit, Payment, PaymentStatus, Settled, Waits, compare

D = Decimal
WAITS = Waits(pay=14, credit=14)
PAID = {"provider": "psp", "reference": "P-1", "pays": "R1", "status": "paid", "amount": "10.20", "currency": "GBP", "day": "2026-10-07"}
"""The claim of the clean month is paid: 8.50 net and 1.70 tax."""


def found(folder: Path, payouts: Sequence[dict[str, Any]], *, day: date = DAY, credited: Sequence[dict[str, Any]] = (CREDIT,),
          ) -> tuple[dict[str, Any], list[tuple[str, str, Decimal, str]]]:
    """Prove lines and payments by way of extracts; give the figures of payments, and what is not matched."""
    files = [extract(folder, "a", ACCEPTED, [LINE]), extract(folder, "r", RECORDS, [*credited, STOCK])]
    with Books(*files) as books:
        prove(books, day, TIGHT)
        told = prove_payments(books, extract(folder, "p", PAYOUTS, payouts), day, D(0), WAITS)
        lines = [each.kind for each in books.found()]
        report(books)
        assert len(list(books.found())) == len(lines) + told["broken"]
        return dict(told), [(each.standing, each.kind, each.amount, each.also) for each in strays(books)]


@pytest.mark.parametrize("more", [{}, {"fee": "1.20", "amount": "9.00"}, {"bonus": "2.00", "amount": "12.20"},
                                  {"exchange": "-0.30", "amount": "9.90"}, {"pays": "CN-1"}, {"pays": "R1; R2"}])
def test_a_claim_is_matched_whatever_fee_bonus_and_exchange_explain_and_however_it_is_named(tmp_path: Path, more: dict[str, str]) -> None:
    told, open_ = found(tmp_path, [PAID | more])

    assert (told["count"], told["matched"], told["broken"], open_) == (1, 1, 0, [])


def test_without_a_status_all_are_paid_and_without_a_currency_in_that_of_their_credit(tmp_path: Path) -> None:
    columns = [name for name in PAYOUTS if name != "status"]
    payment = {name: value for name, value in PAID.items() if name not in {"status", "currency"}}

    with Books(extract(tmp_path, "a", ACCEPTED, [LINE]), extract(tmp_path, "r", RECORDS, [CREDIT, STOCK])) as books:
        prove(books, DAY, TIGHT)
        told = prove_payments(books, extract(tmp_path, "p", columns, [payment]), DAY, D(0), WAITS)

    assert (told["count"], told["matched"]) == (1, 1)


@pytest.mark.parametrize(("more", "why"), [
    ({"status": "Paid"}, "the status 'Paid'"), ({"status": ""}, "the status ''"), ({"kind": "Payment"}, "the kind 'Payment'"),
    ({"amount": ""}, "what was paid for 'R1' .* the amount ''")])
def test_a_payment_that_would_count_as_nothing_is_refused(tmp_path: Path, more: dict[str, str], why: str) -> None:
    with pytest.raises(Misconfigured, match=why):
        found(tmp_path, [PAID | more])


SEEDED: dict[str, tuple[list[dict[str, Any]], bool, Decimal]] = {
    "CREDIT_WITHOUT_PAYOUT": ([PAID | {"pays": "R9", "amount": "0", "status": "pending"}], True, D("-10.20")),
    "PAYOUT_WITHOUT_CREDIT": ([PAID], False, D("10.20")),
    "PAID_TWICE": ([PAID, PAID | {"reference": "P-2", "day": "2026-10-08"}], True, D("10.20")),
    "PAYOUT_DIFFERS": ([PAID | {"amount": "10.70"}], True, D("0.50")),
    "PAYOUT_FAILED": ([PAID | {"status": "failed"}], True, D("-10.20")),
    "SETTLED_TO_WRONG_INVOICE": ([PAID, {"kind": "settled", "pays": "R1", "reference": "CN-1", "other": "INV-9", "amount": "10.20",
                                         "currency": "GBP", "more": "true"}], True, D("10.20")),
}


@pytest.mark.parametrize("kind", sorted(SEEDED))
def test_each_class_of_payment_is_found_once_with_its_money_and_no_line_is_touched(tmp_path: Path, kind: str) -> None:
    payouts, credited, amount = SEEDED[kind]

    told, open_ = found(tmp_path, payouts, credited=[CREDIT] if credited else [])

    assert [each for each in open_ if each[0] == "broken"] == [("broken", kind, amount, "")]
    assert told["by_class"] == {kind: {"count": 1, "amount": amount}}


def test_what_is_not_late_yet_is_in_timing_and_a_payment_told_twice_counts_as_what_says_most(tmp_path: Path) -> None:
    early = date(2026, 10, 10)

    assert found(tmp_path, [PAID], day=early, credited=[])[1] == [("timing", "NOTE_AWAITED", D("10.20"), "")]
    assert found(tmp_path, [PAID | {"status": "pending"}], day=early)[1] == [("timing", "PAYOUT_PENDING", D("-10.20"), "")]
    assert found(tmp_path, [PAID | {"pays": "R9", "status": "reversed"}], day=early)[1] == [
        ("timing", "PAYOUT_AWAITED", D("-10.20"), "")]
    assert found(tmp_path, [PAID | {"status": "pending", "day": "2026-10-06"}, PAID])[1] == []


def world(seed: int) -> list[Claim]:
    """Make claims of every sort: early, twice, failed, reversed, exchanged, given up, with fees and bonus, matched or not."""
    dice = Random(seed)

    def amount() -> Decimal:
        return D(dice.choice(("10.00", "10.00", "4.00", "6.00", "10.50")))

    def day() -> date:
        return date(2026, 10, 1) + timedelta(days=dice.randrange(30))

    claims = []
    for number in range(dice.randrange(1, 25)):
        key = f"R{number:03}"
        # a deadline of a claim is told with its rows, so that either all of a kind have it or none
        pay_by, credit_by = (day() if dice.random() < 0.5 else None for _ in range(2))
        notes = tuple(Credit(document=f"CN-{key}-{each}", gross=amount(), day=day(), pay_by=pay_by) for each in range(dice.randrange(3)))
        payments = tuple(Payment(
            provider="psp", reference=f"P-{key}-{each}", status=dice.choice(list(PaymentStatus)), amount=amount(), currency="GBP",
            day=day(), fee=D(dice.choice((0, 0, 1))), bonus=D(dice.choice((0, 0, 2))), exchange=D(dice.choice((0, 0, "-0.30"))))
            for each in range(dice.randrange(4)))
        settled = tuple(Settled(document=f"CN-{key}-0", other="INV-1", amount=amount(), right=dice.random() < 0.5)
                        for _ in range(dice.randrange(2)))
        if notes or payments:
            claims.append(Claim(key=key, entity="gb01", currency="GBP", credits=notes, payments=payments, settled=settled,
                                written_off=dice.choice((D(0), D(0), amount())), exchanged=dice.choice((D(0), D(0), amount())),
                                credit_by=credit_by, more=bool(notes) and dice.random() < 0.3))
    return claims


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(min_value=0), tolerance=st.sampled_from([D(0), D("0.50")]))
@example(seed=7, tolerance=D(0))
def test_the_engine_says_of_every_claim_what_the_reference_says(seed: int, tolerance: Decimal) -> None:
    claims = world(seed)
    rows = [{**row, "due_on": row.get("due_on")} for claim in claims for row in written(claim)]

    with TemporaryDirectory() as folder, Books("", "") as books:
        prove_payments(books, extract(Path(folder), "p", PAYOUTS, rows), DAY, tolerance, WAITS)
        told = {claim: (standing, tuple((each["kind"], each["amount"]) for each in wrong), why, since)
                for claim, standing, wrong, why, since in books.rows("SELECT claim, standing, wrong, why, since FROM paid_verdicts")}

    wanted = {claim.key: compare(claim, DAY, tolerance, WAITS) for claim in claims}
    assert told == {key: (verdict.standing.value, tuple((each.kind, each.amount) for each in verdict.discrepancies), verdict.why,
                          next(claim for claim in claims if claim.key == key).began) for key, verdict in wanted.items()}


def written(claim: Claim) -> list[dict[str, Any]]:
    """Write a claim as the extract has it."""
    about = {"pays": claim.key, "entity": claim.entity, "currency": claim.currency}
    rows: list[dict[str, Any]] = [about | {"kind": "credit", "reference": each.document, "amount": each.gross, "day": each.day,
                                           "due_on": each.pay_by, "more": claim.more} for each in claim.credits]
    rows += [about | {"kind": "payment", "provider": each.provider, "reference": each.reference, "status": each.status.value,
                      "amount": each.amount, "fee": each.fee, "bonus": each.bonus, "exchange": each.exchange, "day": each.day,
                      "due_on": claim.credit_by} for each in claim.payments]
    rows += [about | {"kind": "settled", "reference": each.document, "other": each.other, "amount": each.amount, "more": not each.right}
             for each in claim.settled]
    rows += [about | {"kind": kind, "amount": amount} for kind, amount in (("given-up", claim.written_off), ("exchanged", claim.exchanged))]
    # where no claim has a credit note, the engine would take the records' instead, and there are none
    return rows

"""What customers were paid is open until a credit note, or two people, answer for it."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from backhaul.domain.facts import Fact
from backhaul.domain.money import Money
from backhaul.domain.payouts import Payout, payouts
from backhaul.domain.posting import ErpDocument, Posting, PostingKind as K
from backhaul.domain.returns import ReturnCase
from backhaul.domain.rules import Booking
from backhaul.testing.builders import accepted, after, arrived, case_of, closed, line, of_kind, paid, plan, recorded

TWO = (line("MUG", 1, "10.00"), line("CUP", 1, "5.00"))


def returned(*more: Fact) -> ReturnCase:
    return case_of(*arrived(*TWO, grades=[accepted(each, 1) for each in TWO]), *more)


def notes(*grosses: str | None) -> list[tuple[Posting, ErpDocument]]:
    """Give credit notes N1, N2 … of these gross amounts; without one, net and tax are told instead."""
    credits_ = of_kind(plan(returned()).postings, K.CREDIT_NOTE)
    return [(posting, recorded(posting, number=f"N{number}", gross=None if gross is None else -Decimal(gross), tax=Decimal(-2)))
            for number, (posting, gross) in enumerate(zip(credits_, grosses, strict=False), 1)]


def settled(case: ReturnCase, credited: Sequence[tuple[Posting, ErpDocument]] = ()) -> list[tuple[str, Decimal, list[tuple[str, Decimal]]]]:
    found: Sequence[Payout] = payouts(case, credited, Booking.CLEARING)
    return [(each.reference, each.open, [(one.document, one.amount) for one in each.settlements]) for each in found]


def test_a_payment_without_a_credit_note_is_open() -> None:
    assert settled(returned(paid("12.00"))) == [("PAY-1", Decimal(12), [])]


def test_credit_notes_answer_the_oldest_payment_first_and_what_is_left_of_them_the_next() -> None:
    case = returned(paid("5.00", after(3), "PAY-2"), paid("8.00", after(1), "PAY-1"))

    assert settled(case, notes("12.00")) == [("PAY-1", Decimal(0), [("N1", Decimal(8))]), ("PAY-2", Decimal(1), [("N1", Decimal(4))])]


def test_a_credit_note_without_a_gross_counts_with_its_net_and_tax() -> None:
    assert settled(returned(paid("12.00")), notes(None)) == [("PAY-1", Decimal(5), [("N1", Decimal(7))])]


def test_a_credit_note_no_payment_needs_any_more_settles_nothing() -> None:
    assert settled(returned(paid("12.00")), notes("12.00", "6.00")) == [("PAY-1", Decimal(0), [("N1", Decimal(12))])]


def test_a_fee_that_was_taken_makes_the_credit_it_was_taken_from_smaller() -> None:
    assert settled(returned(paid("9.00")), notes("12.00", "-3.00")) == [("PAY-1", Decimal(0), [("N1", Decimal(9))])]


def test_a_payment_in_another_currency_is_answered_by_no_credit_note() -> None:
    foreign = replace(paid("12.00"), money=Money(amount=Decimal(12), currency="EUR"))

    assert settled(returned(foreign), notes("12.00")) == [("PAY-1", Decimal(12), [])]


def test_what_two_people_closed_without_credit_is_written_off_once_nothing_else_is_to_come() -> None:
    one, both = returned(paid("12.00"), closed("MUG#1")), returned(paid("12.00"), closed("MUG#1"), closed("CUP#1"))

    assert settled(one) == [("PAY-1", Decimal(12), [])]
    assert settled(both) == [("PAY-1", Decimal(0), [("", Decimal(12))])]
    assert settled(one, [each for each in notes("12.00", "6.00") if each[0].line_id == "CUP#1"])[0][1] == 0

"""Read again, a message says what the profile of now makes of it; what it said before stays beside, and counts no more."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest

from backhaul.domain.facts import Announced, Fact, Reread, Stage
from backhaul.domain.reading import MOVED, Reading, read_again, standing
from backhaul.domain.returns import fold
from backhaul.testing.builders import REF, after, announced, case_of, inspected, line, minted, plan, reached, unreadable


def said(*facts: Fact, by: str = "m1") -> list[Fact]:
    """Let a message say this."""
    return [replace(fact, delivery=by) for fact in facts]


def again(known: list[Fact], *readings: Sequence[Fact], hours: float = 1, made: frozenset[str] = frozenset(),
          asked: str = "ann") -> list[Fact]:
    """Read messages again, each by what it says now, and give everything that is kept then."""
    heard = {fact.identity: fact for fact in reversed([*known, *(fact for reading in readings for fact in reading)])}
    by_ref: dict[str, list[Fact]] = {}
    for fact in heard.values():
        by_ref.setdefault(fact.return_ref, []).append(fact)
    told = [Reading(message=reading[0].delivery, asked=asked, said=reading) for reading in readings]
    return [*heard.values(), *read_again(told, by_ref, made, at=after(hours=hours), profile="2")]


def prices(known: list[Fact], ref: str = REF) -> list[Decimal | None]:
    return [each.unit_price for each in fold(ref, (fact for fact in known if fact.return_ref == ref)).lines if each.announced]


GROSS, NET = said(announced(line(price="12.00"))), said(announced(line(price="10.00")))


def test_a_message_read_otherwise_says_what_it_says_now_and_nothing_conflicts() -> None:
    known = again(GROSS, NET)

    case = case_of(*known)

    assert prices(known) == [Decimal(10)]
    assert (case.findings, case.reread) == ((), True)
    assert GROSS[0] in known, "the old fact stays"
    assert [(fact.profile, fact.asked, fact.at) for fact in known if isinstance(fact, Reread)] == [("2", "ann", after(hours=1))]


@pytest.mark.parametrize("seed", range(5))
def test_neither_order_nor_repetition_matters_to_what_was_read_again_twice_and_back(seed: int) -> None:
    known = again(again(again(GROSS, NET), GROSS), NET)
    shuffled = known * 2
    Random(seed).shuffle(shuffled)

    assert case_of(*shuffled) == case_of(*known)
    assert prices(shuffled) == [Decimal(10)]


def test_a_profile_that_was_mended_wrongly_is_taken_back_by_reading_once_more() -> None:
    there_and_back = again(again(GROSS, NET), GROSS)

    assert prices(there_and_back) == [Decimal(12)]
    assert case_of(*there_and_back).findings == ()


def test_reading_twice_by_the_same_profile_keeps_nothing_new() -> None:
    once = again(GROSS, NET)

    twice = again(once, NET, hours=9, asked="bob")

    assert {fact.identity for fact in twice} == {fact.identity for fact in once}
    assert again(GROSS, GROSS) == GROSS, "and what says the same as ever needs no word beside it"


def test_what_another_message_says_all_the_same_counts_whichever_of_the_two_is_read_first() -> None:
    """Two messages said the same, so it is kept once, under the name of the first; only that one is read otherwise now."""
    twin = said(*NET, by="m2")
    other = said(*GROSS, by="m2")

    for readings in ([NET, other], [other, NET]):
        assert [finding.code for finding in case_of(*again(GROSS, *readings)).findings] == ["EVENT_CONTENT_CONFLICT"]
    assert prices(again(again(GROSS, NET), other, NET)) != [], "nor does a later reading lose it"
    assert case_of(*again(GROSS, NET, twin)).findings == (), "read alike again, they agree again"


def test_what_could_not_be_read_is_heard_no_more_once_it_can_be_and_again_if_it_still_cannot() -> None:
    unclear = said(announced(), unreadable())

    assert [finding.code for finding in case_of(*again(unclear, unclear)).findings] == ["UNREADABLE"]
    assert case_of(*again(unclear, unclear[:1])).findings == ()
    assert case_of(*again(unclear, unclear[:1])).reread is False, "nothing that was read is read otherwise"
    old = [*unclear, Reread(return_ref=REF, at=after(hours=1), instead_of=(unclear[1].identity,))]
    assert case_of(*old).findings == (), "as versions before wrote it"
    assert [finding.code for finding in case_of(*again(old, unclear)).findings] == ["UNREADABLE"]


def test_a_later_message_decides_over_an_earlier_one_however_often_that_is_read_again() -> None:
    later = said(announced(line(price="9.00"), at=after(hours=2)), by="m2")

    assert prices(again([*GROSS, *later], NET, hours=5)) == [Decimal(9)]


def test_a_message_that_is_read_as_about_another_return_leaves_the_first_one_empty() -> None:
    elsewhere = [replace(fact, return_ref="R2") for fact in NET]

    known = again(GROSS, elsewhere)

    assert (prices(known), prices(known, "R2")) == ([], [Decimal(10)])
    assert fold(REF, (fact for fact in known if fact.return_ref == REF)).findings == ()


def test_what_is_read_as_another_return_after_documents_were_made_waits_for_a_person() -> None:
    elsewhere = [replace(fact, return_ref="R2") for fact in NET]

    known = again(GROSS, elsewhere, made=frozenset({REF}))
    twice = again(known, elsewhere, made=frozenset({REF}), hours=7)

    found = fold("R2", (fact for fact in known if fact.return_ref == "R2")).findings
    assert [(finding.code, finding.line_id) for finding in found] == [(MOVED, "")]
    assert {fact.identity for fact in twice} == {fact.identity for fact in known}


def test_only_what_a_message_says_of_this_return_is_looked_at() -> None:
    both = [*GROSS, *(replace(fact, return_ref="R2") for fact in GROSS), *said(inspected(), by="m3")]

    known = again(both, [*NET, *(replace(fact, return_ref="R2") for fact in GROSS)])

    assert (prices(known), prices(known, "R2")) == ([Decimal(10)], [Decimal(12)])
    assert [fact.return_ref for fact in known if isinstance(fact, Reread)] == [REF]
    assert len(standing(known)) == len(known) - 1
    assert all(isinstance(fact, Announced) for fact in known if fact.identity not in standing(known))


@pytest.mark.parametrize(("now", "says"), [
    (announced(customer="C2"), "is C2's in GBP and no longer names what it named; documents were made for C1 in GBP."),
    (announced(line("CUP")), "is C1's in GBP and no longer names MUG#1; documents were made for MUG#1."), (announced(country="FR"), ""),
    (announced(line("CUP", line_id="L2")), "is C1's in GBP and no longer names MUG#1; documents were made for MUG#1.")])
def test_documents_of_what_a_message_no_longer_says_are_a_persons_work(now: Announced, says: str) -> None:
    come = (reached(Stage.RECEIVED), minted(case_of(announced())))
    made = plan(case_of(announced(), *come)).postings

    then = plan(case_of(*again(said(announced()), said(now)), *come), made)

    assert then.postings == ()
    assert [finding.sentence.removeprefix("Read by the profile of now, the return ") for finding in then.findings] == [says] * bool(says)


def test_a_line_the_platform_numbers_itself_is_missed_as_well_and_another_is_not_credited_beside_it() -> None:
    one, other, come = announced(line(line_id="L1")), announced(line("CUP", line_id="L2")), reached(Stage.RECEIVED)
    made = plan(case_of(one, come)).postings

    then = plan(case_of(*again(said(one), said(other)), come), made)

    assert then.postings == ()
    assert [finding.code for finding in then.findings] == ["CHANGED_AFTER_POSTING"]

"""What can a customer be told who waits for a credit?"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from backhaul.domain.answering import REASONS, answer
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.facts import Stage
from backhaul.domain.money import Money
from backhaul.domain.placement import Placement, Where

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def lies(where: Where, net: str = "-12.50") -> Placement:
    return Placement(line_id="1", where=where, quantity=Decimal(1), net=Decimal(net))


def trouble(code: str, now: datetime = NOON) -> ExceptionCase:
    return ExceptionCase.about(tenant="acme", return_ref="R1", line_id="1", findings=[Finding(code=code, sentence="?")], teams={},
                               money=Money(amount=Decimal("12.50"), currency="GBP"), now=now)


def test_whoever_was_credited_or_refused_waits_for_nothing() -> None:
    over = [lies(Where.CREDITED_RESTOCKED), lies(Where.REJECTED)]

    told = answer("R1", Stage.COMPLETED, over, [trouble("REGRADED")], since=NOON, due_at=None)

    assert told is None


@pytest.mark.parametrize("stage", [None, *Stage])
def test_every_stage_has_a_reason_and_a_sentence_to_read_out(stage: Stage | None) -> None:
    told = answer("R1", stage, [lies(Where.WAITING)], [], since=NOON, due_at=NOON + timedelta(days=60))

    assert told is not None
    assert (told.reason, told.net, told.next_at) == (REASONS[stage or Stage.REGISTERED][0], Decimal("12.50"), NOON + timedelta(days=60))
    assert told.sentence.endswith("You hear from us by 01 May 2026.")


def test_without_a_date_none_is_promised() -> None:
    told = answer("R1", Stage.INSPECTED, [lies(Where.WAITING)], [], since=None, due_at=None)

    assert told is not None
    assert told.sentence == REASONS[Stage.INSPECTED][1]


def test_what_holds_it_says_who_decides_and_by_when_the_first_due_first() -> None:
    later, sooner = trouble("HISTORY_ALLOWANCE"), trouble("SKU_UNKNOWN")

    told = answer("R1", Stage.INSPECTED, [lies(Where.HELD)], [later, sooner], since=NOON, due_at=None)

    assert told is not None
    assert told.reason == "The item master does not know this SKU. Integration decides."
    assert (told.owner, told.since, told.next_at) == ("integration", NOON, NOON + timedelta(days=2))
    assert "by 04 March 2026" in told.sentence


def test_what_is_held_without_money_is_told_too() -> None:
    assert answer("R1", Stage.ARRIVED, [], [trouble("SKU_UNKNOWN")], since=NOON, due_at=None) is not None

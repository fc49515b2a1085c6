"""What can a customer be told who waits for a credit?"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from backhaul.domain.answering import REASONS, STEPS, Step, answer, waits_for
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

    told = answer("R1", Stage.COMPLETED, over, [trouble("REGRADED")], since=NOON, due_at=None, now=NOON)

    assert told is None


@pytest.mark.parametrize("stage", [None, *Stage])
def test_every_stage_has_a_reason_and_a_sentence_to_read_out(stage: Stage | None) -> None:
    told = answer("R1", stage, [lies(Where.WAITING)], [], since=NOON, due_at=NOON + timedelta(days=60), now=NOON)

    assert told is not None
    assert (told.reason, told.net, told.next_at) == (REASONS[stage or Stage.REGISTERED][0], Decimal("12.50"), NOON + timedelta(days=60))
    assert told.sentence.endswith("You hear from us by 01 May 2026.")


def test_without_a_date_none_is_promised() -> None:
    told = answer("R1", Stage.INSPECTED, [lies(Where.WAITING)], [], since=None, due_at=None, now=NOON)

    assert told is not None
    assert told.sentence == REASONS[Stage.INSPECTED][1]


def test_what_holds_it_says_who_decides_and_by_when_the_first_due_first() -> None:
    later, sooner = trouble("HISTORY_ALLOWANCE"), trouble("SKU_UNKNOWN")

    told = answer("R1", Stage.INSPECTED, [lies(Where.HELD)], [later, sooner], since=NOON - timedelta(days=9), due_at=None, now=NOON)

    assert told is not None
    assert told.reason == "The item master does not know this SKU. Integration decides."
    assert (told.owner, told.since, told.next_at) == ("integration", NOON - timedelta(days=9), NOON + timedelta(days=2))
    assert "by 04 March 2026" in told.sentence


@pytest.mark.parametrize(("stage", "where"), [
    (None, "is known to us and its parcel has not come yet"), (Stage.LABELLED, "is known to us and its parcel has not come yet"),
    (Stage.SCANNED, "is on its way to us"), (Stage.ARRIVED, "is with us"), (Stage.INSPECTED, "is with us"),
    (Stage.CANCELLED, "was cancelled")])
def test_what_has_not_come_is_never_said_to_be_with_us(stage: Stage | None, where: str) -> None:
    told = answer("R1", stage, [lies(Where.HELD)], [trouble("CURRENCY_DIFFERS")], since=NOON, due_at=None, now=NOON)

    assert told is not None
    assert told.sentence.startswith(f"Your return R1 {where}; one thing has to be settled first.")


@pytest.mark.parametrize("stage", [None, *Stage])
def test_a_day_that_is_over_is_never_named_as_one_to_come(stage: Stage | None) -> None:
    told = answer("R1", stage, [lies(Where.WAITING)], [], since=NOON, due_at=NOON, now=NOON + timedelta(days=1))

    assert told is not None
    assert told.overdue
    team = told.owner.replace("-", " ")
    assert told.reason.endswith(f", overdue since 02 March 2026; ask {team}.")
    assert told.sentence.endswith(f"It should have been done by 02 March 2026 and is overdue; we ask our {team} team and will tell you.")


def test_what_is_due_today_can_still_be_done_today() -> None:
    told = answer("R1", Stage.ARRIVED, [lies(Where.WAITING)], [], since=NOON, due_at=NOON, now=NOON + timedelta(hours=11))

    assert told is not None
    assert (told.overdue, told.owner) == (False, "")
    assert told.sentence.endswith("You hear from us by 02 March 2026.")


def test_a_team_that_is_late_with_its_decision_is_named_with_the_day_it_was_due() -> None:
    held = trouble("SKU_UNKNOWN")

    on_the_day = answer("R1", Stage.INSPECTED, [lies(Where.HELD)], [held], since=NOON, due_at=None, now=held.due_at)
    after_it = answer("R1", Stage.INSPECTED, [lies(Where.HELD)], [held], since=NOON, due_at=None, now=held.due_at + timedelta(days=1))

    assert on_the_day is not None
    assert after_it is not None
    assert (on_the_day.overdue, after_it.overdue, after_it.next_at) == (False, True, held.due_at)
    assert after_it.reason == "The item master does not know this SKU. Integration decides, overdue since 04 March 2026."
    assert after_it.sentence.endswith("It should have been settled by 04 March 2026 and is overdue; we ask our integration team "
                                      "and will tell you.")


def test_what_is_held_without_money_is_told_too() -> None:
    assert answer("R1", Stage.ARRIVED, [], [trouble("SKU_UNKNOWN")], since=NOON, due_at=None, now=NOON) is not None


@pytest.mark.parametrize("step", list(Step))
def test_what_the_credit_waits_for_is_told_before_how_far_the_goods_have_come(step: Step) -> None:
    told = answer("R1", Stage.COMPLETED, [lies(Where.WAITING)], [], since=NOON, due_at=NOON, now=NOON, step=step)
    late = answer("R1", Stage.COMPLETED, [lies(Where.WAITING)], [], since=NOON, due_at=NOON, now=NOON + timedelta(days=1), step=step)

    assert told is not None
    assert late is not None
    assert told.reason == STEPS[step][0]
    assert told.sentence == f"{STEPS[step][1]} You hear from us by 02 March 2026."
    assert (late.overdue, late.owner) == (True, "finance")


def test_a_decision_that_waits_for_approval_is_said_instead_of_who_decides() -> None:
    told = answer("R1", Stage.INSPECTED, [lies(Where.HELD)], [trouble("SKU_UNKNOWN")], since=None, due_at=None, now=NOON, proposed=True)

    assert told is not None
    assert told.reason == "The item master does not know this SKU. A decision was proposed and waits for approval."


def test_only_money_that_is_not_placed_for_good_is_waited_for() -> None:
    assert waits_for([lies(Where.WAITING, "-1"), lies(Where.HELD, "-2"), lies(Where.REJECTED, "-4"), lies(Where.SERVICE_ITEM, "8")]) == 3

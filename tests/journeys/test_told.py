"""What customer service reads out follows the credit through the ERP."""

from datetime import datetime, time, timedelta
from pathlib import Path

import pytest

from backhaul.application import approvals, casework
from backhaul.application.effects import EFFECTS
from backhaul.domain.access import Scope
from backhaul.domain.answering import REASONS, STEPS, Step
from backhaul.domain.facts import Stage
from backhaul.domain.rules import Close, Window
from tests.journeys.stage import TENANT, World, life, line, open_world

TEA = line("TEA", 3, "4.25", received=3, grades=[("A", "RESELL", 3, True)])
NEXT_BATCH, THEIRS = REASONS[Stage.INSPECTED][0], STEPS[Step.AWAITED][0]


def told(world: World) -> list[str]:
    """Give why each of who waits is not credited."""
    found, _ = casework.waiting(world.house.store, world.house.profiles[TENANT].rules, Scope.whole(TENANT), world.at, limit=9)
    return [each.answer.reason for each in found]


def evening(world: World) -> list[str]:
    world.at = datetime.combine(world.at.date() + timedelta(days=1), time(18, 15), tzinfo=world.at.tzinfo)
    world.later(15)
    return told(world)


@pytest.mark.parametrize("mode", ["A", "B", "C"])
def test_a_credit_waits_for_the_next_batch_then_for_the_erp_and_then_nobody_waits(erp: str, tmp_path: Path, mode: str) -> None:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY), mode=mode)
    world.tell(*life("R-1", [TEA], at=world.at))
    world.turn()
    before, sent = told(world), evening(world)
    if mode == "B":  # there a person registers what arrived; elsewhere a batch or a release goes on
        world.arrive()
    for _ in range(3):
        evening(world)

    assert (before, sent, told(world)) == ([NEXT_BATCH], [THEIRS], [])
    world.house.close()


def test_a_batch_that_waits_for_approval_is_the_reason_until_somebody_gave_it(erp: str, tmp_path: Path) -> None:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY, approve=True))
    world.tell(*life("R-1", [TEA], at=world.at))
    world.turn()
    before, closed = told(world), evening(world)
    with world.house.store.look() as tx:
        [asked] = tx.proposals(Scope.whole(TENANT))
    approvals.approve(world.house.store, EFFECTS, world.house.profiles[TENANT].rules, asked.id, shown=asked.sha256, approver="person 2",
                      now=world.at)
    approved = told(world)
    world.later(15)

    assert (before, closed) == ([NEXT_BATCH], [STEPS[Step.UNAPPROVED][0]])
    assert (approved, told(world)) == ([STEPS[Step.UNDER_WAY][0]], [THEIRS])
    world.house.close()

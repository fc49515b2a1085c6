"""What was announced before go-live is nobody's by accident: it is not posted, and it is not forgotten."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from backhaul.application import resolve
from backhaul.domain.facts import Decision
from backhaul.domain.lifecycle import ReturnState
from tests.journeys.stage import MORNING, TENANT, World, life, line, open_world

TEA = [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])]
CREDIT = [("TEA", Decimal(2), Decimal("8.50"))]
Start = Callable[[datetime | None], World]


@pytest.fixture
def start(erp: str, tmp_path: Path) -> Iterator[Start]:
    """Start the service with a cut-off date, on the store an earlier start left, at the moment it stopped."""
    running: list[World] = []

    def begin(go_live: datetime | None) -> World:
        world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}")
        profile = world.house.profiles[TENANT]
        world.house.profiles = {TENANT: replace(profile, rules=replace(profile.rules, go_live=go_live))}
        if running:
            world.at, world.sent = running[-1].at, running[-1].sent
            running[-1].house.close()
        running.append(world)
        return world

    yield begin
    running[-1].house.close()


def state(world: World, ref: str) -> ReturnState | None:
    with world.house.store.begin() as tx:
        return tx.cases(TENANT, [ref])[ref].state


def postings(world: World, ref: str) -> int:
    with world.house.store.begin() as tx:
        return len(tx.postings(TENANT, [ref]).get(ref, ()))


def test_a_return_of_the_time_before_is_one_exception_with_its_money_and_no_posting(start: Start) -> None:
    world = start(MORNING + timedelta(days=1))
    lines = [*TEA, line("CUP", 1, "2.95", received=1, grades=[("A", "NO SUCH WORD", 1, True)])]
    world.tell(*life("R-1", lines, at=world.at))

    world.pass_days(32)

    with world.house.store.begin() as tx:
        (row,) = tx.exceptions(TENANT)
    assert (row.case.kind, row.case.owner, row.case.line_id) == ("BEFORE_GO_LIVE", "finance", "")
    assert row.case.money.amount == Decimal("-11.45")
    assert row.case.due_at - row.case.opened_at == timedelta(days=30)
    assert "before go-live on 02 December 2010 at 09:00 UTC" in row.case.findings[0].sentence
    assert postings(world, "R-1") == 0
    assert state(world, "R-1") is ReturnState.HELD
    assert world.credits == []


def test_a_return_of_the_very_moment_is_ours(start: Start) -> None:
    told = life("R-1", TEA, at=MORNING)
    world = start(MORNING + timedelta(hours=1))
    world.tell(*told)

    world.pass_days(32)

    assert told[0]["occurredAt"] == (MORNING + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert world.exceptions() == {}
    assert world.credits == CREDIT


def test_an_exception_closes_itself_and_the_return_goes_its_way_when_the_date_moves(start: Start) -> None:
    world = start(MORNING + timedelta(days=1))
    world.tell(*life("R-1", TEA, at=world.at))
    world.pass_days()
    assert world.exceptions() == {"BEFORE_GO_LIVE": 1}

    world = start(MORNING)
    world.turn()
    assert world.exceptions() == {}
    world.pass_days(32)

    assert world.credits == CREDIT
    assert state(world, "R-1") is ReturnState.SETTLED


def test_what_is_planned_when_the_date_moves_the_other_way_is_not_posted(start: Start) -> None:
    world = start(None)
    world.tell(*life("R-1", TEA, at=world.at))
    world.turn()
    assert state(world, "R-1") is ReturnState.PLANNED

    world = start(MORNING + timedelta(days=1))
    world.pass_days(32)

    assert world.exceptions() == {"BEFORE_GO_LIVE": 1}
    assert postings(world, "R-1") == 0
    assert world.credits == []


def test_what_was_begun_here_is_finished_here_wherever_the_date_moves(start: Start) -> None:
    world = start(None)
    world.tell(*life("R-1", TEA, at=world.at))
    world.turn()
    while state(world, "R-1") is not ReturnState.POSTING:
        world.pass_days()

    world = start(world.at + timedelta(days=1))
    world.pass_days(3)

    assert world.exceptions() == {}
    assert world.credits == CREDIT


def test_a_return_that_is_to_be_credited_by_nobody_needs_nobody(start: Start) -> None:
    world = start(MORNING + timedelta(days=1))
    world.tell(*life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("D", "RESELL", 2, False)])], at=world.at))

    world.pass_days(2)

    assert world.exceptions() == {}
    assert state(world, "R-1") is ReturnState.CLOSED


def test_finance_closes_what_it_credited_in_the_old_way(start: Start) -> None:
    world = start(MORNING + timedelta(days=1))
    world.tell(*life("R-1", TEA, at=world.at))
    world.pass_days()
    with world.house.store.begin() as tx:
        (row,) = tx.exceptions(TENANT)

    resolve.decide(world.house.store, TENANT, row.id, Decision.CLOSE, actor="ann", approver="bob", reason="old system, CN-4711",
                   now=world.at)
    world.pass_days(2)

    assert world.exceptions() == {}
    assert state(world, "R-1") is ReturnState.CLOSED
    world = start(MORNING)
    world.pass_days(32)
    assert world.credits == []


def test_a_mapping_row_that_was_added_frees_what_waited_for_it_at_the_next_start(start: Start) -> None:
    world = start(None)
    profile = world.house.profiles[TENANT]
    world.house.profiles = {TENANT: replace(profile, rules=replace(profile.rules, mapping=()))}
    world.tell(*life("R-1", TEA, at=world.at))
    world.pass_days(32)
    assert world.exceptions() == {"UNMAPPED_DISPOSITION": 1}

    world = start(None)
    world.pass_days(33)

    assert world.exceptions() == {}
    assert world.credits == CREDIT

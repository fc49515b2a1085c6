"""Once writes are paused nothing leaves; reading, judging and looking go on, and two people let writes leave again (INV-32)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from backhaul.application import approvals, pausing
from backhaul.application.effects import EFFECTS
from backhaul.application.lease import LeasedStore, held
from backhaul.application.ports import PostingState
from backhaul.application.post import Desk, send
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.posting import PostingBatch, PostingKind
from backhaul.domain.proposal import ProposalKind
from tests.journeys.stage import DAILY, TENANT, World, life, line, open_world


@pytest.fixture
def daily(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=DAILY)
    yield world
    world.house.close()


def tea(daily: World, ref: str) -> list[dict[str, Any]]:
    return life(ref, [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])], at=daily.at)


def pause(daily: World, entity: str = "gb01") -> int:
    rules = daily.house.profiles[TENANT].rules
    return pausing.pause(daily.house.store, rules, entity, actor="person 1", reason="wrong accounts", now=daily.at)


@contextmanager
def turn(daily: World) -> Iterator[Desk]:
    """Give the desk as a worker has it in its turn."""
    desk, house = daily.house.desk(TENANT, "gb01"), daily.house
    with held(desk.store, TENANT, "gb01", holder="test", now=daily.at, lasting=house.lasting, elapsed=house.elapsed) as lease:
        yield replace(desk, store=LeasedStore(store=desk.store, lease=lease))


def unpause(daily: World, number: int, *, approver: str = "person 2") -> None:
    rules = daily.house.profiles[TENANT].rules
    asked = approvals.propose(daily.house.store, EFFECTS, rules, ProposalKind.UNPAUSE, {"pause": number}, proposer="person 1",
                              reason="accounts are right", now=daily.at)
    approvals.approve(daily.house.store, EFFECTS, rules, asked.id, shown=asked.sha256, approver=approver, now=daily.at)


@pytest.mark.parametrize("entity", ["gb01", ""])
def test_nothing_leaves_while_writes_are_paused_and_everything_does_after_two_people_said_so(daily: World, entity: str) -> None:
    number = pause(daily, entity)
    daily.tell(*tea(daily, "R-1"))
    daily.pass_evenings(2)
    before = (daily.ledgers["creditNotes"], daily.rows("ReturnOrderHeadersV2"), {row.attempts for row in daily.postings()})
    with pytest.raises(NeedsOperator, match="somebody other"):
        unpause(daily, number, approver="person 1")

    unpause(daily, number)
    daily.pass_evenings(4)

    assert before == ([], [], {0})
    assert [(item, int(units), f"{net:.2f}") for item, units, net in daily.credits] == [("TEA", 2, "8.50")]
    assert daily.state("R-1") == "settled"


def test_what_was_under_way_is_found_while_writes_are_paused_and_nothing_goes_on_from_there(daily: World) -> None:
    unpaused = pause(daily)
    daily.tell(*tea(daily, "R-1"))
    daily.pass_evenings(2)
    unpause(daily, unpaused)
    daily.arm("answer-lost", path=r"\$batch", body="POST [^ ]*/ReturnOrderHeadersV2 ")
    with turn(daily) as desk:
        send(desk, [PostingKind.ORDER], daily.at)
    doubtful = {row.state for row in daily.postings() if row.attempts}

    pause(daily)
    daily.later(15)

    assert doubtful == {PostingState.UNCONFIRMED}
    assert {row.state for row in daily.postings() if row.attempts} == {PostingState.VERIFIED}
    assert {row.posting.key.kind for row in daily.postings() if row.attempts} == {PostingKind.ORDER}
    assert len(daily.rows("ReturnOrderHeadersV2")) == 1


def test_the_database_lets_no_attempt_begin_while_writes_are_paused_whatever_code_asks(daily: World) -> None:
    number = pause(daily)
    daily.tell(*tea(daily, "R-1"))
    daily.pass_evenings(2)
    [order] = [row for row in daily.postings() if row.posting.key.kind is PostingKind.ORDER]
    batch = PostingBatch(key="B", tenant=TENANT, legal_entity="gb01", kind=PostingKind.ORDER, period="2010-12", postings=(order.posting,))

    with turn(daily) as desk, pytest.raises(IntegrityError, match="writes are paused"), desk.store.begin() as tx:
        tx.start(batch, at=daily.at)

    unpause(daily, number)
    with turn(daily) as desk:
        assert send(desk, [PostingKind.ORDER], daily.at) == 1

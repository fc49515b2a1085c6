"""At most one worker acts for a legal entity; one that was frozen past its lease can neither send nor record."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.application.lease import LASTING, HeldElsewhere, held
from backhaul.domain.errors import RetryLater
from backhaul.domain.rules import Close, Window
from backhaul.entrypoints import worker
from tests.journeys.stage import TENANT, World, life, line, open_world

ROOT = Path(__file__).resolve().parents[2]
DAILY = Window(close=Close.DAILY)
WANTED = [("SVC-CARRIAGE", Decimal(1), Decimal("7.50")), ("TEA", Decimal(2), Decimal("8.50"))]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    name: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "migrated_postgres_url")
    return name


@pytest.fixture
def world(erp: str, url: str) -> Iterator[World]:
    world = open_world(erp, url, window=DAILY)
    yield world
    world.house.close()


def tell_one(world: World) -> None:
    world.tell(*life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)]), line("POST", 1, "7.50", order=None)],
                     at=world.at))


def take(world: World, holder: str = "another") -> None:
    """Let another worker take the lease now."""
    with world.house.store.begin() as tx:
        assert tx.take_lease(TENANT, "gb01", holder=holder, now=world.at, until=world.at + LASTING).fence


def test_a_turn_without_the_lease_reads_what_came_in_and_says_that_somebody_else_acts(world: World) -> None:
    take(world)
    tell_one(world)

    said = worker.turn(world.house, TENANT, world.at)

    assert (said["read"]["deliveries"], said["post"]) == (4, {"sent": 0, "windows": 0, "elsewhere": ["gb01"]})
    assert {row.state.value for row in world.postings()} == {"planned"}


def test_a_lease_that_is_over_is_taken_and_one_that_was_given_back_at_once(world: World) -> None:
    take(world)
    tell_one(world)
    early = worker.post(world.house, TENANT, world.at + LASTING - timedelta(seconds=1))["elsewhere"]
    late = worker.post(world.house, TENANT, world.at + LASTING)["elsewhere"]
    again = worker.post(world.house, TENANT, world.at + LASTING)["elsewhere"]

    assert (early, late, again) == (["gb01"], [], [])


def test_a_turn_that_fails_gives_its_lease_back(world: World) -> None:
    with pytest.raises(RetryLater, match="away"), lease(world):
        raise RetryLater("the ERP is away")

    assert worker.post(world.house, TENANT, world.at)["elsewhere"] == []


def lease(world: World, **more: Any) -> Any:
    return held(world.house.store, TENANT, "gb01", **{
        "holder": "me", "now": world.at, "lasting": LASTING, "elapsed": time.monotonic} | more)


def test_a_lease_is_for_one_legal_entity_and_one_holder(world: World) -> None:
    with lease(world):
        with pytest.raises(HeldElsewhere, match="me acts for it, at the latest until 2010-12-01 09:05:00 UTC"), lease(world):
            pass
        with held(world.house.store, TENANT, "us01", holder="me", now=world.at, lasting=LASTING, elapsed=time.monotonic) as other:
            assert other.fence.token == 1


def test_a_worker_whose_own_clock_says_that_its_lease_is_over_calls_nobody(world: World) -> None:
    seconds = iter([0.0, 0.0, 299.0, 300.0, 300.0, 599.0, 600.0])

    with lease(world, elapsed=lambda: next(seconds)) as mine:
        with mine.renewing(world.house.store):
            pass
        mine.check()
        with pytest.raises(RetryLater, match="stood still for 300 s"):
            mine.check()
        with mine.renewing(world.house.store):  # nobody took over, so it may go on
            pass
        mine.check()
        with pytest.raises(RetryLater, match="stood still"):
            mine.check()


def test_whoever_was_followed_writes_nothing_and_gives_nothing_back(world: World) -> None:
    with lease(world) as mine:
        with world.house.store.begin() as tx:
            after = tx.take_lease(TENANT, "gb01", holder="another", now=world.at + LASTING, until=world.at + 3 * LASTING)
        with pytest.raises(RetryLater, match="took over after token 1"), mine.renewing(world.house.store) as tx:
            tx.touch(TENANT, ["R-9"])

    with world.house.store.begin() as tx:
        assert after.fence is not None
        assert after.fence.token == 2
        assert tx.touched(TENANT, 9) == []
        assert tx.take_lease(TENANT, "gb01", holder="third", now=world.at + LASTING, until=world.at + LASTING).holder == "another"


FROZEN = """
import sys, time
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from backhaul.domain.errors import RetryLater
from backhaul.domain.rules import Close, Window
from backhaul.entrypoints import worker
from tests.journeys.stage import TENANT, open_world

erp, url, moment, kind, where, marks = sys.argv[1:]
marks = Path(marks)


def stand_still():
    (marks / "there").touch()
    while not (marks / "go").exists():
        time.sleep(0.01)


class Store:
    def __init__(self, store):
        self.store, self.sending = store, False

    @contextmanager
    def begin(self, fence=None):
        with self.store.begin(fence) as tx:
            start = tx.start
            def noticed(batch, *, at):
                self.sending = any(posting.key.kind.value == kind for posting in batch.postings)
                start(batch, at=at)
            tx.start = noticed
            yield tx
        if self.sending and where == "before the request":
            self.sending = False
            stand_still()


class Erp:
    def __init__(self, erp):
        self.erp = erp

    def __getattr__(self, name):
        return getattr(self.erp, name)

    def post(self, batch):
        if where == "in the request" and any(posting.key.kind.value == kind for posting in batch.postings):
            stand_still()
        return self.erp.post(batch)


world = open_world(erp, url, window=Window(close=Close.DAILY))
world.house.lasting = timedelta(seconds=1)
desk = world.house.desk(TENANT, "gb01")
world.house.adopt(replace(desk, store=Store(desk.store), erp=Erp(desk.erp)))
try:
    print("done", worker.turn(world.house, TENANT, datetime.fromisoformat(moment)), flush=True)
except RetryLater as stopped:
    print("stopped", stopped, flush=True)
"""
"""A worker that stands still when it is about to send, or with the request on its way, until it is told to go on."""


@pytest.mark.parametrize(("kind", "where"), [
    ("receipt", "before the request"), ("receipt", "in the request"), ("order-line", "in the request")])
def test_a_worker_that_was_frozen_past_its_lease_credits_nothing_twice(
        world: World, url: str, tmp_path: Path, kind: str, where: str) -> None:
    tell_one(world)
    worker.read(world.house, TENANT, world.at)
    world.at = world.at.replace(day=2, hour=18, minute=30)
    world.control("clock", {"now": world.at.isoformat()})
    frozen = subprocess.Popen(
        [sys.executable, "-c", FROZEN, world.erp, url, world.at.isoformat(), kind, where, str(tmp_path)], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"})
    wait_for(tmp_path / "there", frozen)
    os.kill(frozen.pid, signal.SIGSTOP)
    time.sleep(1.2)

    for _ in range(3):
        world.later(10)
    before = receipts(world)
    (tmp_path / "go").touch()
    os.kill(frozen.pid, signal.SIGCONT)
    said, trouble = frozen.communicate(timeout=60)
    after = receipts(world)
    world.pass_evenings(4, turns=3)

    assert frozen.returncode == 0, trouble
    assert said.startswith("stopped")
    assert "took over" in said
    assert after == before or where == "in the request"
    assert world.credits == WANTED
    assert world.exceptions() == {}
    keys = [row.posting.key for row in world.postings()]
    with world.house.store.begin() as tx:
        attempts = tx.attempts(keys)
    assert all(attempt.outcome for attempt in attempts)


def wait_for(mark: Path, process: "subprocess.Popen[str]") -> None:
    until = time.monotonic() + 60
    while not mark.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until, "the worker never came that far"
        time.sleep(0.02)


def receipts(world: World) -> list[str]:
    """Name the arrival journals the ERP holds."""
    return sorted(row["JournalDescription"] for row in world.rows("ItemArrivalJournalHeadersV2"))


def test_two_workers_at_the_same_time_credit_once(erp: str, url: str) -> None:
    worlds = [open_world(erp, url, window=DAILY) for _ in range(2)]
    first = worlds[0]
    for number in range(4):
        first.tell(*life(f"R-{number}", [line("TEA", 1, "4.25", received=1, grades=[("A", "RESELL", 1, True)])], at=first.at))
    said: list[Any] = []

    def take_turns(world: World) -> None:
        for _ in range(2):
            with suppress(RetryLater):
                said.append(worker.turn(world.house, TENANT, first.at))

    for day in range(2, 6):
        first.at = first.at.replace(day=day, hour=18, minute=30)
        first.control("clock", {"now": first.at.isoformat()})
        both = [threading.Thread(target=take_turns, args=[world]) for world in worlds]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()

    assert first.credits == [("TEA", Decimal(1), Decimal("4.25"))] * 4
    assert first.exceptions() == {}
    assert sum(turn["post"]["windows"] for turn in said) == 1
    for world in worlds:
        world.house.close()

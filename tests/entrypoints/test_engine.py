"""Work goes on after the process that did it is gone, and the engine's file is no part of the memory."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from dbos import DBOS
from tests.journeys.conftest import erp, finance_scm
from tests.journeys.stage import TENANT, World, life, line, open_world

from backhaul.adapters.engine import Engine
from backhaul.domain.errors import RetryLater
from backhaul.domain.rules import Close, Window
from backhaul.entrypoints import worker

__all__ = ["erp", "finance_scm"]
ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2010, 12, 2, 18, 30, tzinfo=UTC)
ONE_TURN = """
import sys
from datetime import datetime
from dbos import DBOS
from backhaul.adapters.engine import Engine
from backhaul.domain.rules import Close, Window
from backhaul.entrypoints import worker
from tests.journeys.stage import TENANT, open_world

erp, url, engine_url, moment, taken_up = sys.argv[1:]
world = open_world(erp, url, window=Window(close=Close.DAILY))
with Engine(engine_url, worker.steps(world.house)) as engine:
    done = DBOS.retrieve_workflow(taken_up).get_result() if taken_up else engine.turn(TENANT, datetime.fromisoformat(moment))
    print(done, flush=True)
"""
"""One process with one turn: begun anew, or taken up by the id it has."""


@pytest.fixture
def daily(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY))
    yield world
    world.house.close()


def tell_one(world: World) -> None:
    world.tell(*life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)]), line("POST", 1, "7.50", order=None)],
                     at=world.at))
    world.turn()


def begin(world: World, tmp_path: Path, *, taken_up: str = "") -> "subprocess.Popen[str]":
    arguments = [world.erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", f"sqlite:///{tmp_path / 'engine.sqlite'}", NOW.isoformat(),
                 taken_up]
    return subprocess.Popen([sys.executable, "-c", ONE_TURN, *arguments], cwd=ROOT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"})


@pytest.mark.parametrize("at", ["ReturnOrderHeadersV2", "ReturnOrderLinesV2", "ImportFromPackage"])
def test_a_turn_that_was_killed_is_taken_up_by_the_next_process_and_credits_once(daily: World, tmp_path: Path, at: str) -> None:
    tell_one(daily)
    daily.control("clock", {"now": NOW.isoformat()})
    package = at == "ImportFromPackage"
    daily.arm("slow", seconds=2, **({"path": at} if package else {"path": r"\$batch", "body": f"POST [^ ]*/{at} "}))
    first = begin(daily, tmp_path)
    wait_until_sending(daily, {"ReturnOrderHeadersV2": "order", "ReturnOrderLinesV2": "order-line", "ImportFromPackage": "receipt"}[at])

    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    second = begin(daily, tmp_path, taken_up=f"turn:{TENANT}:20101202T183000:1")
    told, trouble = second.communicate(timeout=60)
    daily.at = NOW
    daily.pass_evenings(4, turns=2)

    assert first.returncode == -signal.SIGKILL
    assert second.returncode == 0, trouble
    assert "windows" in told
    assert daily.credits == [("SVC-CARRIAGE", Decimal(1), Decimal("7.50")), ("TEA", Decimal(2), Decimal("8.50"))]
    assert daily.exceptions() == {}


def wait_until_sending(world: World, kind: str) -> None:
    until = time.monotonic() + 30
    while not any(row.posting.key.kind.value == kind and row.state.value == "sending" for row in world.postings()):
        assert time.monotonic() < until, "the first process never sent anything"
        time.sleep(0.02)
    time.sleep(0.2)


def test_a_turn_is_named_after_verb_tenant_window_and_run_and_a_failed_one_gets_the_next_number(tmp_path: Path) -> None:
    tries: list[str] = []

    def post(tenant: str, _now: datetime) -> dict[str, int]:
        tries.append(tenant)
        if len(tries) == 1:
            message = "the ERP is away"
            raise RetryLater(message)
        return {"sent": len(tries)}

    with Engine(f"sqlite:///{tmp_path / 'engine.sqlite'}", {"post": post}) as engine:
        with pytest.raises(RetryLater, match="away"):
            engine.turn("shop", NOW)
        second = engine.turn("shop", NOW)
        states = [DBOS.get_workflow_status(f"turn:shop:20101202T183000:{run}") for run in (1, 2, 3)]

    assert second == {"post": {"sent": 2}}
    assert [state.status if state else None for state in states] == ["ERROR", "SUCCESS", None]


def test_one_tenant_in_trouble_keeps_no_other_waiting(tmp_path: Path) -> None:
    worked: list[str] = []

    def post(tenant: str, _now: datetime) -> dict[str, int]:
        if tenant == "away":
            message = "the ERP is away"
            raise RetryLater(message)
        worked.append(tenant)
        return {}

    with Engine(f"sqlite:///{tmp_path / 'engine.sqlite'}", {"post": post}) as engine, pytest.raises(RetryLater):
        engine._scheduled(NOW, ["away", "shop", "other"])

    assert worked == ["shop", "other"]


def test_the_engines_file_may_be_deleted_between_turns_and_nothing_is_lost(daily: World, tmp_path: Path) -> None:
    tell_one(daily)
    file = tmp_path / "engine.sqlite"

    for day in (2, 3, 4, 5):
        now = NOW.replace(day=day)
        daily.control("clock", {"now": now.isoformat()})
        with Engine(f"sqlite:///{file}", worker.steps(daily.house)) as engine:
            engine.turn(TENANT, now)
        for left in tmp_path.glob("engine.sqlite*"):
            left.unlink()

    assert daily.credits == [("SVC-CARRIAGE", Decimal(1), Decimal("7.50")), ("TEA", Decimal(2), Decimal("8.50"))]
    assert daily.exceptions() == {}

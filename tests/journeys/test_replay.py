"""Telling it again, in any order and any number of times, changes no ledger."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from backhaul.domain.rules import Close, Window
from tests.journeys.stage import TENANT, World, life, line, message, open_world


@pytest.fixture
def daily(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY))
    yield world
    world.house.close()


def stories(world: World) -> list[dict[str, Any]]:
    """Four returns: two grades with a fee, a later second part, a refused one, one that is cancelled."""
    second = [line("CUP", 4, "2.95", received=2, grades=[("A", "RESELL", 2, True)])]
    rest = [line("CUP", 4, "2.95", received=4, grades=[("A", "RESELL", 3, True), ("C", "QUARANTINE", 1, True)])]
    return [
        *life("R-1", [line("TEA", 3, "4.25", received=3, grades=[("A", "RESELL", 2, True), ("D", "SCRAP", 1, True)]),
                      line("POST", 1, "7.50", order=None)], at=world.at),
        *life("R-2", second, at=world.at)[:3],
        message("R-2", "ReturnInspected", 4, rest, at=world.at.replace(hour=15)),
        *life("R-3", [line("POT", 1, "12.50", order="500002", received=1, grades=[("A", "QUARANTINE", 1, False)])], at=world.at),
        message("R-4", "ReturnCreated", 1, [line("TEA", 1, "4.25")], at=world.at),
        message("R-4", "ReturnCancelled", 2, [line("TEA", 1, "4.25")], at=world.at.replace(hour=12)),
    ]


def test_a_finished_world_told_again_three_times_in_any_order_changes_no_ledger(daily: World) -> None:
    told = stories(daily)
    daily.tell(*told)
    daily.turn()
    daily.pass_evenings(3, turns=2)
    before, postings = daily.ledgers["digest"], len(daily.postings())

    again = told * 3
    Random(7).shuffle(again)
    daily.tell(*again)
    daily.pass_evenings(3, turns=2)

    assert daily.ledgers["digest"] == before
    assert len(daily.postings()) == postings
    assert daily.exceptions() == {}


def test_the_same_content_under_new_event_ids_changes_no_ledger(daily: World) -> None:
    told = stories(daily)
    daily.tell(*told)
    daily.turn()
    daily.pass_evenings(3, turns=2)
    before = daily.ledgers["digest"]

    again = [each | {"eventId": f"again-{number}"} for number, each in enumerate(told * 2)]
    Random(8).shuffle(again)
    daily.tell(*again)
    daily.pass_evenings(3, turns=2)

    assert daily.ledgers["digest"] == before
    assert daily.exceptions() == {}


@pytest.mark.parametrize("seed", range(6))
def test_any_order_from_the_start_gives_the_same_credits(daily: World, seed: int) -> None:
    told = stories(daily) * 2
    Random(seed).shuffle(told)

    for message_ in told:
        daily.tell(message_)
        if seed % 2:
            daily.turn()
    daily.pass_evenings(3, turns=2)

    assert [(item, int(units), str(net)) for item, units, net in daily.credits] == [
        ("CUP", 1, "2.95"), ("CUP", 3, "8.85"), ("SVC-CARRIAGE", 1, "7.5"), ("TEA", 1, "4.25"), ("TEA", 2, "8.5")]
    assert daily.exceptions() == {}
    assert daily.state("R-3") == "closed"
    assert daily.state("R-4") == "closed"


@pytest.mark.parametrize("seed", range(4))
def test_the_days_in_between_make_no_difference_to_what_is_credited_in_all(daily: World, seed: int) -> None:
    told = stories(daily)
    Random(seed).shuffle(told)

    for at, message_ in enumerate(told):
        daily.tell(message_)
        if at % 3 == 0:
            daily.pass_evenings(1, turns=2)
    daily.pass_evenings(4, turns=2)

    sums: dict[str, tuple[int, float]] = {}
    for item, units, net in daily.credits:
        had = sums.get(item, (0, 0.0))
        sums[item] = (had[0] + int(units), had[1] + float(net))
    assert sums == {"CUP": (4, 11.8), "SVC-CARRIAGE": (1, 7.5), "TEA": (3, 12.75)}
    assert daily.exceptions() == {}


def test_running_every_job_again_sends_nothing(daily: World) -> None:
    daily.tell(*stories(daily))
    daily.turn()
    daily.pass_evenings(3, turns=2)
    before = daily.ledgers["digest"]
    daily.control("calls/reset", {})

    with daily.house.store.begin() as tx:
        tx.touch(TENANT, sorted(tx.cases(TENANT)))
    daily.pass_evenings(2, turns=3)

    assert daily.ledgers["digest"] == before
    assert daily.control("calls")["counted"] == 0

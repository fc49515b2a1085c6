"""Does somebody get the proof they want, one at a time, and is the platform asked before anything is proved?"""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from backhaul.application.summon import WAITS, summon, wanted
from backhaul.domain.errors import NeedsOperator
from backhaul.entrypoints import months
from tests.journeys.reaching import ask
from tests.journeys.stage import TENANT, World, life, line
from tests.journeys.test_sweep import TEA, happen, let_be, swept

PERIOD = "2010-12"


@pytest.fixture
def asking(swept: World, tmp_path: Path) -> World:
    swept.house.settings = replace(swept.house.settings, state_dir=tmp_path)
    return swept


def want(world: World, period: str = PERIOD) -> None:
    summon(world.house.store, world.house.profiles[TENANT].rules, period, actor="person 7", now=world.at)


def step(world: World) -> str:
    with world.house.store.look() as tx:
        return str(wanted(tx, TENANT).get("step", ""))


def test_a_proof_somebody_wants_is_run_at_the_next_turn_under_their_name_and_only_one_is_wanted_at_a_time(asking: World) -> None:
    want(asking)
    waiting = step(asking)
    with pytest.raises(NeedsOperator, match="that person 7 wanted is not done"):
        want(asking, "2010-11")
    told = months.prove_when_due(asking.house, TENANT, asking.at)
    want(asking, "2010-11")

    with asking.house.store.begin() as tx:
        (run,) = tx.proofs(TENANT, PERIOD)
    assert (waiting, told, run.actor) == (WAITS, {PERIOD: run.id}, "person 7")


@pytest.mark.parametrize("period", ["2011-01", "2010-13", "2010-1", "December", ""])
def test_a_month_that_has_not_begun_or_is_none_is_not_wanted(asking: World, period: str) -> None:
    with pytest.raises(NeedsOperator, match="is no period"):
        want(asking, period)


def test_what_stops_a_proof_is_told_and_somebody_may_ask_again(asking: World) -> None:
    want(asking)
    asking.house.settings = replace(asking.house.settings, state_dir=Path("/dev/null"))
    with pytest.raises(OSError, match="/dev/null"):
        months.prove_when_wanted(asking.house, TENANT, asking.at)

    with asking.house.store.look() as tx:
        assert tx.recall(TENANT, "proof-wanted")["outcome"].startswith("stopped: ")
    want(asking)


def test_a_return_whose_messages_never_came_is_proved_because_the_platform_was_asked(asking: World, platform: str) -> None:
    happen(platform, "C900001", asking.at)
    asking.at += timedelta(hours=8)
    let_be(platform, asking.at)

    with months.prove_month(asking.house, TENANT, PERIOD, asking.at.date(), now=asking.at) as (proof, _, _more):
        pass

    assert (proof.lines, proof.complete) == (1, True)
    assert proof.relied_on.startswith("the platform's own list of what changed from 20")
    assert "whole, beside" in proof.relied_on


def test_a_line_of_a_return_the_platform_does_not_know_is_told_from_one_the_erp_lacks(asking: World, platform: str) -> None:
    asking.tell(*life("C900009", [line("TEA", 1, "4.25", received=1, grades=[("A", "RESELL", 1, True)])], at=asking.at))
    happen(platform, "C900001", asking.at, TEA)
    asking.at += timedelta(hours=8)
    let_be(platform, asking.at)

    with months.prove_month(asking.house, TENANT, PERIOD, asking.at.date(), now=asking.at) as (proof, books, _):
        found = [(each.line, each.kind) for each in books.found()]

    assert found == [("C900009|TEA#1", "UNKNOWN_AT_SOURCE")]
    assert proof.lines == 1


def test_a_platform_that_does_not_answer_makes_the_proof_incomplete_and_one_nobody_can_ask_is_said(
    asking: World, world: World, platform: str,
) -> None:
    ask(platform, "api", {"faults": [{"path": "GET /Return/api/v1/returns", "status": 503, "times": 99}]})
    with months.prove_month(asking.house, TENANT, PERIOD, asking.at.date(), now=asking.at) as (proof, _, _more):
        away = proof
    profile = asking.house.profiles[TENANT]
    asking.house.profiles = {TENANT: replace(profile, reach=None)}
    with months.prove_month(asking.house, TENANT, PERIOD, asking.at.date(), now=asking.at) as (proof, _, _more):
        alone = proof

    assert (away.complete, away.reasons[0][:43]) == (False, "the platform could not be asked what change")
    assert (alone.complete, alone.relied_on[:22]) == (True, "what the platform sent")


__all__ = ["swept"]

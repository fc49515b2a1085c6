"""A replay shows what it would touch, does that and nothing else, and never changes what was fixed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backhaul.adapters.zigzag.payload import Basis, Words
from backhaul.application import replay
from backhaul.application.ports import FIXED
from backhaul.application.replay import Selection
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.facts import Reread
from backhaul.domain.rules import Close, Window
from backhaul.entrypoints import worker
from tests.journeys.stage import TENANT, World, life, line, open_world

GOOD = [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])]
ODD = [line("CUP", 1, "2.95", received=1, grades=[("PERFECT", "RESELL", 1, True)])]


@pytest.fixture
def world(erp: str, tmp_path: Path) -> Iterator[World]:
    """A world whose windows close every evening, so that three days are enough."""
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY, at=time(18)))
    yield world
    world.house.close()


def say(world: World, **words: str) -> None:
    """Let the profile know these conditions, and no other word, from here on."""
    profile = world.house.profiles[TENANT]
    wire = msgspec.structs.replace(profile.wire, conditions=Words(map={"A": "A", **words}))
    world.house.profiles = {TENANT: replace(profile, wire=wire)}
    world.house._platforms.clear()


def plan(world: World, **more: Any) -> dict[str, Any]:
    return dict(worker.replay_plan(world.house, TENANT, world.at, selection=Selection(**more), actor="ann"))


def run(world: World, number: str) -> dict[str, Any]:
    return dict(worker.replay_run(world.house, TENANT, world.at, number=number, tell=lambda _done, _of: None, actor="ann"))


def fixed(world: World) -> dict[str, tuple[str, str]]:
    return {str(row.posting.key): (row.posting.fingerprint, row.mapping_version) for row in world.postings() if row.state in FIXED}


def begin(world: World) -> None:
    """Let one return be credited and another be unreadable in part."""
    say(world)
    world.tell(*life("R-1", GOOD, at=world.at))
    world.tell(*life("R-2", ODD, at=world.at, customer="10002"))
    world.pass_days(3)
    assert [item for item, *_ in world.credits] == ["TEA"]


def test_a_plan_tells_what_it_would_touch_and_touches_nothing(world: World) -> None:
    begin(world)
    say(world, PERFECT="A")
    before = world.postings()

    told = plan(world, unreadable=True)

    assert (told["deliveries"], told["returns"], told["unusable"]) == (2, 1, 0)
    assert told["facts"] > 0
    assert told["added"] > 0
    assert (told["credit_before"], told["credit_after"]) == ("0", "-2.95")
    assert (told["fixed"], told["mapping_version"]) == (0, world.house.profiles[TENANT].version)
    assert world.postings() == before


def test_a_run_does_what_was_shown_and_leaves_fixed_postings_alone(world: World) -> None:
    begin(world)
    say(world, PERFECT="A")
    before, told = fixed(world), plan(world)

    done = run(world, told["replay"])
    world.pass_days(3)

    assert (done["state"], done["read_again"]) == ("done", 8)
    assert told["fixed"] == len(before) > 0
    assert sum(told["fixed_under"].values()) == len(before)
    assert before.items() <= fixed(world).items()
    assert [item for item, *_ in world.credits] == ["CUP", "TEA"]
    assert world.exceptions() == {}
    with world.house.store.begin() as tx:
        acts = [(entry.action, entry.actor) for entry in tx.trail(TENANT, subject=f"replay:{told['replay']}")]
    assert acts == [("replay.plan", "ann"), ("replay.run", "ann"), ("replay.done", "ann")]


def test_a_plan_is_refused_when_the_world_moved(world: World) -> None:
    begin(world)
    told = plan(world)
    world.tell(*life("R-3", GOOD, at=world.at, customer="10002"))
    world.turn()

    with pytest.raises(NeedsOperator, match="have changed; make a plan anew"):
        run(world, told["replay"])


def test_a_plan_is_refused_under_another_profile_and_runs_once(world: World) -> None:
    begin(world)
    told = plan(world)
    world.change_rules(version="another")
    with pytest.raises(NeedsOperator, match="have changed"):
        run(world, told["replay"])

    again = plan(world)
    run(world, again["replay"])

    with pytest.raises(NeedsOperator, match="is done"):
        run(world, again["replay"])
    with pytest.raises(NeedsOperator, match="no replay nothing"):
        run(world, "nothing")


def test_a_cancelled_plan_does_not_run_and_a_running_one_stops_at_its_next_step(world: World) -> None:
    begin(world)
    told = plan(world)
    replay.cancel(world.house.store, TENANT, told["replay"], actor="bob", now=world.at)
    with pytest.raises(NeedsOperator, match="is cancelled"):
        run(world, told["replay"])
    told = plan(world)

    def stop(done: int, _of: int) -> None:
        if done == 3:
            replay.cancel(world.house.store, TENANT, told["replay"], actor="bob", now=world.at)

    done = worker.replay_run(world.house, TENANT, world.at, number=told["replay"], tell=stop, actor="ann", step=3)

    assert (done["state"], done["read_again"], done["of"]) == ("cancelled", 3, 8)
    assert [item for item, *_ in world.credits] == ["TEA"]


def test_a_run_whose_process_died_goes_on_where_it_stopped(world: World) -> None:
    begin(world)
    say(world, PERFECT="A")
    told = plan(world)

    def die(_done: int, _of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        worker.replay_run(world.house, TENANT, world.at, number=told["replay"], tell=die, actor="ann", step=3)
    done = run(world, told["replay"])
    world.pass_days(3)

    assert (done["state"], done["read_again"]) == ("done", 8)
    assert [item for item, *_ in world.credits] == ["CUP", "TEA"]


# --- read otherwise ---------------------------------------------------------------------------------------


def read_as(world: World, basis: Basis = Basis.NET, **fields: tuple[str, ...]) -> None:
    """Let the profile take prices for net or gross from here on, and find these fields elsewhere."""
    profile = world.house.profiles[TENANT]
    wire = msgspec.structs.replace(profile.wire, amounts=basis, tax_rate=Decimal(20),
                                   fields=msgspec.structs.replace(profile.wire.fields, **fields))
    world.house.profiles = {TENANT: replace(profile, wire=wire)}
    world.house._platforms.clear()


def replay_all(world: World) -> dict[str, Any]:
    told = plan(world)
    run(world, told["replay"])
    return told


def test_a_price_that_was_read_wrongly_is_credited_as_it_is_read_after_the_profile_was_mended(world: World) -> None:
    read_as(world, Basis.GROSS)
    world.tell(*life("R-1", GOOD, at=world.at))
    world.turn()
    read_as(world, Basis.NET)

    told = replay_all(world)
    replay_all(world)
    world.pass_days(3)

    assert (told["findings"], told["changed"] > 0, told["credit_after"]) == (0, True, "-8.50")
    assert (world.credits, world.exceptions()) == ([("TEA", 2, Decimal("8.50"))], {})
    with world.house.store.begin() as tx:
        rereads = [fact for fact in tx.facts(TENANT, ["R-1"])["R-1"] if isinstance(fact, Reread)]
    assert {(fact.profile, fact.asked) for fact in rereads} == {
        (world.house.profiles[TENANT].rules.version, f"read again by ann, replay {told['replay']}")}
    assert len(rereads) == len({fact.message for fact in rereads}), "the second replay had nothing to add"


def test_what_was_credited_by_the_old_reading_stays_and_the_other_price_is_a_finding_with_an_owner(world: World) -> None:
    read_as(world, Basis.GROSS)
    world.tell(*life("R-1", GOOD, at=world.at))
    world.pass_days(3)
    before, credited = fixed(world), world.credits
    read_as(world, Basis.NET)

    told = replay_all(world)
    world.pass_days(3)

    assert (told["findings"], told["added"]) == (1, 0)
    assert (fixed(world), world.credits) == (before, credited)
    assert [(row.case.kind, row.case.owner) for row in world.open()] == [("CHANGED_AFTER_POSTING", "finance")]
    read_as(world, Basis.GROSS)
    replay_all(world)
    assert world.exceptions() == {}, "mended back, it agrees again"


def test_another_item_in_the_place_of_a_credited_one_is_not_credited_beside_it(world: World) -> None:
    world.tell(*life("R-1", [{**GOOD[0], "variantSku": "CUP", "orderNumber": "500001"}], at=world.at))
    world.pass_days(3)
    read_as(world, sku=("return.lines[].variantSku",))

    told = replay_all(world)
    world.pass_days(3)

    assert (told["added"], [item for item, *_ in world.credits]) == (0, ["TEA"])
    assert "CHANGED_AFTER_POSTING" in {finding.code for row in world.open() for finding in row.case.findings}


def test_a_return_that_is_read_under_another_name_after_its_credit_is_not_credited_twice(world: World) -> None:
    world.tell(*({**each, "number": "Z-9"} for each in life("R-1", GOOD, at=world.at)))
    world.pass_days(3)
    read_as(world, return_ref=("number",))

    told = replay_all(world)
    world.pass_days(3)

    assert (told["added"], world.credits) == (0, [("TEA", 2, Decimal("8.50"))])
    assert {row.case.return_ref: row.case.kind for row in world.open()} == dict.fromkeys(("R-1", "Z-9"), "CHANGED_AFTER_POSTING")


def test_a_return_that_is_read_under_another_name_before_anything_was_made_is_credited_under_that(world: World) -> None:
    world.tell(*({**each, "number": "Z-9"} for each in life("R-1", GOOD, at=world.at)))
    world.turn()
    read_as(world, return_ref=("number",))

    replay_all(world)
    world.pass_days(3)

    assert (world.credits, world.exceptions()) == ([("TEA", 2, Decimal("8.50"))], {})
    assert {row.posting.key.return_ref for row in world.postings()} == {"Z-9"}

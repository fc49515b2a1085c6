"""Surplus comes into stock through Inventory Visibility: once, whatever becomes of the call, and a person decides where nobody can ask."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.application import resolve
from backhaul.application.lease import LASTING
from backhaul.application.ports import PostingState
from backhaul.bootstrap import House
from backhaul.domain.errors import Misconfigured, NeedsOperator
from backhaul.domain.posting import Adjustment
from backhaul.domain.rules import Close, Window
from backhaul.testing.interrupting import Fuse, Interrupted, InterruptingErp
from tests.journeys.stage import TENANT, World, life, line, open_world

BULK = "transaction/adjustment/bulk"


@pytest.fixture
def visible(erp: str, tmp_path: Path) -> Iterator[World]:
    world = seen(open_world(erp, f"sqlite:///{tmp_path / 'visible.sqlite'}", window=Window(close=Close.DAILY)))
    yield world
    world.house.close()


def seen(world: World, **more: str) -> World:
    """Let adjustments of the legal entity go through Inventory Visibility; its environment is probed for that."""
    profile = world.house.profiles[TENANT]
    (entity, *others) = profile.rules.entities
    options = {**entity.options, "journals_by": "visibility", "visibility_url": world.erp, "visibility_environment": "env-1",
               "visibility_source": "backhaul", "visibility_measure": "returned", "visibility_token_url": f"{world.erp}/security/token"}
    rules = replace(profile.rules, entities=(replace(entity, options=options | more), *others))
    world.house = House(settings=world.house.settings, store=world.house.store, profiles={TENANT: replace(profile, rules=rules)})
    return world


def bring(world: World, ref: str, surplus: int = 1, **more: Any) -> None:
    """Announce two, accept two, count more."""
    world.tell(*life(ref, [line("TEA", 2, "4.25", received=2 + surplus, grades=[("A", "RESELL", 2, True)])], at=world.at, **more))


def quarantine(world: World) -> int:
    return int(sum(Decimal(str(units)) for place, units in world.ledgers["stock"].items() if place.startswith("TEA") and "QUAR" in place))


def doubted(world: World) -> int:
    """Give the number of the exception about what nobody knows, after an evening of looking."""
    deadlines = world.house.profiles[TENANT].rules.deadlines
    world.change_rules(deadlines=replace(deadlines, unconfirmed=timedelta(minutes=10)))
    world.pass_evenings(2)
    return next(row.id for row in world.open() if row.case.kind == "UNCONFIRMED_TOO_LONG")


def states(world: World) -> list[PostingState]:
    return sorted(row.state for row in world.postings() if isinstance(row.posting.document, Adjustment))


def calls(world: World) -> int:
    return int(world.control("calls")["by"].get(f"POST {BULK}", 0))


def test_units_of_two_returns_are_one_call_and_one_journal_and_are_read_back_by_their_sum(visible: World) -> None:
    bring(visible, "R-1", 1)
    bring(visible, "R-2", 3, customer="10002")

    visible.pass_days(4)

    assert quarantine(visible) == 4
    assert calls(visible) == 1
    kept = [row.document for row in visible.postings() if isinstance(row.posting.document, Adjustment) and row.document]
    assert states(visible) == [PostingState.VERIFIED] * 2
    assert [each.quantity for each in kept] == [1, 3]
    assert len({(each.number, each.voucher) for each in kept}) == 1
    assert visible.exceptions() == {"SURPLUS": 2}


def test_a_second_window_is_read_back_beside_the_first(visible: World) -> None:
    bring(visible, "R-1", 1)
    visible.pass_days(4)

    bring(visible, "R-2", 2, customer="10002")
    visible.pass_days(4)

    assert (quarantine(visible), calls(visible)) == (3, 2)
    assert states(visible) == [PostingState.VERIFIED] * 2


@pytest.mark.parametrize("kind", ["answer-lost", "cut-body", "late-commit"])
def test_a_lost_answer_is_never_sent_again_and_its_units_are_found_by_the_sum(visible: World, kind: str) -> None:
    bring(visible, "R-1", 1)
    visible.arm(kind, path=BULK, times=9)

    visible.pass_evenings(5)

    assert (quarantine(visible), calls(visible)) == (1, 1)
    assert states(visible) == [PostingState.VERIFIED]


@dataclass(slots=True)
class Dying(Fuse):
    """A fuse that blows the first time it passes a named point."""

    name: str = ""

    def pass_(self, where: str) -> None:
        if where == self.name and not self.where:
            self.where = where
            raise Interrupted(where)


@pytest.mark.parametrize(("name", "came"), [("after post adjustment", 1), ("before post adjustment", 0)])
def test_a_process_that_dies_around_the_call_never_makes_it_again(erp: str, tmp_path: Path, name: str, came: int) -> None:
    url = f"sqlite:///{tmp_path / 'dying.sqlite'}"
    world = seen(open_world(erp, url, window=Window(close=Close.DAILY)))
    desk = world.house.desk(TENANT, "gb01")
    world.house.adopt(replace(desk, erp=InterruptingErp(desk.erp, Dying(name=name))))
    bring(world, "R-1", 1)
    with pytest.raises(Interrupted):
        world.pass_days(3)
    at = world.at + LASTING  # the lease of the dead one has to be over
    world.house.close()

    world = seen(open_world(erp, url, window=Window(close=Close.DAILY)))
    world.at = at
    world.pass_days(3)
    told = quarantine(world), calls(world), states(world)
    world.house.close()

    assert told == (came, came, [PostingState.VERIFIED if came else PostingState.UNCONFIRMED])


def test_what_was_never_taken_waits_for_two_people_and_then_goes_once_more(visible: World) -> None:
    bring(visible, "R-1", 1)
    visible.arm("error-before", status=503, path=BULK)
    number, waiting = doubted(visible), states(visible)
    route = visible.house.desk(TENANT, "gb01").route

    with pytest.raises(NeedsOperator, match="somebody other than"):
        resolve.settle(visible.house.store, TENANT, number, found="", route=route, actor="ann", approver="ann", reason="looked",
                       now=visible.at)
    assert resolve.settle(visible.house.store, TENANT, number, found="", route=route, actor="ann", approver="bob",
                          reason="no such transaction in the app", now=visible.at) == 1
    visible.pass_evenings(3)

    assert waiting == [PostingState.UNCONFIRMED]
    assert (quarantine(visible), calls(visible)) == (1, 2)
    assert states(visible) == [PostingState.VERIFIED]
    assert visible.exceptions() == {"SURPLUS": 1}


def test_what_somebody_found_by_hand_is_not_sent_again(visible: World) -> None:
    bring(visible, "R-1", 1)
    visible.control("seed", {"settings": {"schedule": {"visibility": []}}, "rows": {}})
    visible.arm("answer-lost", path=BULK)
    number = doubted(visible)

    resolve.settle(visible.house.store, TENANT, number, found="IVT-1", route=visible.house.desk(TENANT, "gb01").route, actor="ann",
                   approver="bob", reason="seen in the app", now=visible.at)
    visible.pass_evenings(2)

    assert calls(visible) == 1
    assert states(visible) == [PostingState.VERIFIED]
    assert visible.exceptions() == {"SURPLUS": 1}


def test_throttling_waits_as_told_and_sends_again_because_nothing_was_done(visible: World) -> None:
    bring(visible, "R-1", 1)
    visible.arm("throttle", path=BULK, times=2, seconds=60)

    visible.pass_evenings(3)

    assert (quarantine(visible), calls(visible)) == (1, 3)
    assert states(visible) == [PostingState.VERIFIED]


def test_of_a_call_that_was_refused_in_part_the_others_stand_and_the_refused_goes_out_when_it_is_mended(visible: World) -> None:
    bring(visible, "R-1", 1)
    bring(visible, "R-2", 2, customer="10002")
    visible.arm("visibility-refuses", rows=[1])
    visible.pass_days(3)
    refused, there = states(visible), quarantine(visible)
    (row,) = [row for row in visible.open() if row.case.kind == "ERP_REJECTED"]

    resolve.retry(visible.house.store, TENANT, row.id, route=visible.house.desk(TENANT, "gb01").route, actor="ann", now=visible.at)
    visible.pass_days(3)

    assert refused == [PostingState.REJECTED, PostingState.VERIFIED]
    assert there in {1, 2}
    assert any("are not configured" in finding.sentence for finding in row.case.findings)
    assert quarantine(visible) == 3
    assert states(visible) == [PostingState.VERIFIED] * 2


def test_what_supply_chain_management_did_not_post_is_never_called_done(visible: World) -> None:
    bring(visible, "R-1", 1)
    visible.control("seed", {"settings": {"schedule": {"visibility": []}}, "rows": {}})

    visible.pass_days(9)

    assert (quarantine(visible), calls(visible)) == (0, 1)
    assert states(visible) == [PostingState.PENDING]
    assert visible.exceptions() == {"OVERDUE_IN_ERP": 1}


@pytest.mark.parametrize(("more", "says"), [
    ({"visibility_environment": "env-2"}, "The security service refuses client backhaul for environment env-2"),
    ({"visibility_url": "http://iv.example"}, "is not https"),
])
def test_a_start_without_the_add_in_is_refused_and_says_why(visible: World, more: dict[str, str], says: str) -> None:
    with pytest.raises(Misconfigured, match=says):
        seen(visible, **more).house.desk(TENANT, "gb01")


def test_an_option_that_is_missing_is_named(visible: World) -> None:
    profile = visible.house.profiles[TENANT]
    (entity, *others) = profile.rules.entities
    options = {name: value for name, value in entity.options.items() if name != "visibility_measure"}
    rules = replace(profile.rules, entities=(replace(entity, options=options), *others))
    house = House(settings=visible.house.settings, store=visible.house.store, profiles={TENANT: replace(profile, rules=rules)})

    with pytest.raises(Misconfigured, match="needs the option 'visibility_measure'"):
        house.desk(TENANT, "gb01")

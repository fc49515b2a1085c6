"""A message that never came is asked for; what a list leaves out is noticed; nothing is skipped because something failed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backhaul.application.ports import Found
from backhaul.application.sweep import SweepPlan, Swept, sweep
from backhaul.domain.errors import Misconfigured
from backhaul.entrypoints import worker
from tests.journeys.reaching import TABLES, adopt, ask, reaching
from tests.journeys.stage import TENANT, World, life, line

TEA = [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])]
STATUS = {"ReturnCreated": "REGISTERED", "ParcelReceived": "RECEIVED", "ReturnInspected": "INSPECTED", "ReturnCompleted": "COMPLETED"}


@pytest.fixture
def swept(world: World, platform: str, tmp_path: Path) -> World:
    adopt(world, reaching(tmp_path / "reach", world.erp, platform))
    return world


def happen(platform: str, ref: str, at: datetime, lines: Sequence[Any] = TEA, *, until: str = "ReturnCompleted",
           test: bool = False) -> list[dict[str, Any]]:
    """Let a return's life happen at the platform, up to an event; give the messages it would send."""
    told = life(ref, lines, at=at)
    for each in told:
        each["return"] |= {"status": STATUS[each["eventType"]], "test": test}
    told = told[:1 + [each["eventType"] for each in told].index(until)]
    ask(platform, "tell", {"events": told})
    return told


def let_be(platform: str, at: datetime) -> None:
    ask(platform, "clock", {"now": at.isoformat()})


def run(world: World, **more: Any) -> dict[str, Any]:
    return dict(worker.sweep_now(world.house, TENANT, world.at, **more))


def refs(world: World) -> set[str]:
    with world.house.store.begin() as tx:
        return set(tx.cases(TENANT))


def test_what_no_message_told_is_found_and_credited_once_whatever_comes_later(swept: World, platform: str) -> None:
    told = happen(platform, "R-1", swept.at)
    swept.at += timedelta(hours=6)
    let_be(platform, swept.at)

    swept.pass_days(32)
    swept.tell(*told)
    swept.pass_days(2)

    assert [item for item, *_ in swept.credits] == ["TEA"]
    assert swept.state("R-1") == "settled"
    assert swept.exceptions() == {}


def test_the_message_and_the_sweep_of_the_same_content_are_one_fact(swept: World, platform: str) -> None:
    told = happen(platform, "R-1", swept.at)
    swept.tell(*told)
    swept.turn()
    swept.at += timedelta(hours=6)
    let_be(platform, swept.at)

    done, again = run(swept), run(swept)
    swept.turn()

    with swept.house.store.begin() as tx:
        facts = [fact for fact in tx.facts(TENANT, ["R-1"])["R-1"] if fact.kind == "Announced"]
    assert (done["complete"], done["named"], done["kept"], done["news"], done["recovered"]) == (True, 1, 1, 0, 0)
    assert (again["kept"], again["news"]) == (0, 0)
    assert len(facts) == len({fact.identity for fact in facts}) == 4


def test_a_sweep_that_breaks_off_keeps_what_it_read_and_does_not_advance(swept: World, platform: str) -> None:
    for number in range(1, 6):
        happen(platform, f"R-{number}", swept.at + timedelta(minutes=number))
    swept.at += timedelta(hours=6)
    let_be(platform, swept.at)
    ask(platform, "api", {"faults": [{"path": "GET /Return/api/v1/returns?", "after": 1, "status": 500, "times": 1}]})

    broken, whole = run(swept), run(swept)

    assert (broken["complete"], broken["named"]) == (False, 2)
    assert "500" in broken["sentence"]
    assert whole["since"] == broken["since"]
    assert (whole["complete"], whole["named"], whole["kept"]) == (True, 5, 3)
    with swept.house.store.begin() as tx:
        assert tx.recall(TENANT, "sweep:changed")["reached"] == swept.at.isoformat()


def test_an_answer_that_is_shorter_than_it_says_is_not_whole(swept: World, platform: str) -> None:
    happen(platform, "R-1", swept.at)
    swept.at += timedelta(hours=6)
    let_be(platform, swept.at)
    profile = swept.house.profiles[TENANT]
    assert profile.reach is not None
    plain = profile.reach.access.lookups["changed"]
    lookups = {**profile.reach.access.lookups, "changed": replace(plain, path=plain.path.replace("page={page}", "page=1"), paging="none")}
    adopt(swept, replace(profile, reach=replace(profile.reach, access=replace(profile.reach.access, lookups=lookups))))
    for number in range(2, 5):
        happen(platform, f"R-{number}", swept.at - timedelta(hours=6))

    done = run(swept)

    assert not done["complete"]
    assert "says it has 4 and gave 2" in done["sentence"]


def test_what_the_list_leaves_out_is_asked_for_one_by_one(swept: World, platform: str) -> None:
    happen(platform, "R-1", swept.at)
    told = happen(platform, "R-2", swept.at)
    swept.tell(told[0])
    swept.turn()
    swept.at += timedelta(hours=6)
    let_be(platform, swept.at)
    ask(platform, "api", {"omit": ["R-2"]})

    done = run(swept)
    swept.turn()

    assert (done["complete"], done["named"], done["left_out"], done["missing"]) == (True, 1, 1, [])
    assert (done["recovered"], done["news"]) == (1, 2)
    with swept.house.store.begin() as tx:
        assert any(fact.kind == "Inspected" for fact in tx.facts(TENANT, ["R-2"])["R-2"])


def test_what_the_platform_does_not_know_at_all_has_an_owner_until_it_does(swept: World, platform: str) -> None:
    told = life("R-9", TEA, at=swept.at)
    swept.tell(told[0])
    swept.turn()
    swept.at += timedelta(hours=2)
    let_be(platform, swept.at)

    done = run(swept)

    assert done["missing"] == ["R-9"]
    assert swept.exceptions() == {"PLATFORM_OMITS": 1}
    happen(platform, "R-9", told[0] and swept.at - timedelta(hours=2))
    let_be(platform, swept.at + timedelta(hours=3))
    swept.at += timedelta(hours=3)
    run(swept)
    assert swept.exceptions() == {}


def test_after_an_outage_it_catches_up_once_and_says_what_it_did_not_look_at(swept: World, platform: str) -> None:
    let_be(platform, swept.at)
    first = run(swept)
    swept.at += timedelta(days=25)
    happen(platform, "R-1", swept.at - timedelta(days=3))
    let_be(platform, swept.at)

    done = run(swept)

    assert first["complete"]
    assert done["complete"]
    assert datetime.fromisoformat(done["since"]) == swept.at - timedelta(days=20)
    assert done["recovered"] == 1
    assert swept.exceptions() == {"SWEEP_GAP": 1}
    assert run(swept)["since"] == (swept.at - timedelta(hours=2)).isoformat()


def test_a_turn_sweeps_when_it_is_time_and_a_platform_that_is_away_holds_up_nothing(swept: World, platform: str) -> None:
    let_be(platform, swept.at)
    swept.turn()
    once = len(ask(platform, "api")["asked"])
    swept.later(10)
    between = len(ask(platform, "api")["asked"])
    swept.later(25)
    later = len(ask(platform, "api")["asked"])
    ask(platform, "api", {"faults": [{"path": "", "status": 503, "times": 10_000}]})

    swept.tell(*life("R-1", TEA, at=swept.at))
    swept.pass_days(2)

    assert once > 0
    assert between == once
    assert later > once
    assert "SWEEP_INCOMPLETE" in swept.exceptions()
    assert "R-1" in refs(swept)


def test_a_test_at_the_platform_is_kept_and_never_becomes_a_return(swept: World, platform: str) -> None:
    happen(platform, "R-1", swept.at, test=True)
    swept.at += timedelta(hours=6)
    let_be(platform, swept.at)

    done = run(swept)
    swept.pass_days(32)

    assert (done["kept"], done["news"]) == (1, 0)
    assert refs(swept) == set()
    assert swept.credits == []


def test_what_a_sweep_brings_of_the_time_before_go_live_is_held(swept: World, platform: str) -> None:
    swept.change_rules(go_live=swept.at + timedelta(days=1))
    happen(platform, "R-1", swept.at)
    swept.at += timedelta(hours=6)
    let_be(platform, swept.at)

    swept.turn()
    swept.pass_days(32)

    assert swept.exceptions()["BEFORE_GO_LIVE"] == 1
    assert swept.credits == []


@pytest.mark.parametrize(("old", "new", "says"), [
    ('path = "/Return/api/v1/returns/{return}"', 'path = "/Return/api/v1/returns/{retrun}"', "nothing stands for {retrun}"),
    ('paging = "number"', 'paging = "none"', "do not fit"), ('paging = "number"', 'paging = "cursor"', "a cursor needs"),
    ('changed = "changed"', 'changed = "all"', r"no \[platform.lookups.all\]"), ('one = "one"', 'one = "changed"', "does not say where"),
    ('items = "returns"', 'items = "all[].returns"', "without"), ('payload = "standing"', 'payload = "stading"', "no .payloads.stading"),
    ('password = "env:BACKHAUL_ZIGZAG_PASSWORD"', 'password = "hunter2"', "by reference"),
    ('every = "30m"', 'every = "soon"', "no duration"),
])
def test_a_profile_that_cannot_ask_is_refused_and_says_why(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in TABLES

    with pytest.raises(Misconfigured, match=says):
        reaching(tmp_path, "http://127.0.0.1:1", "http://127.0.0.1:2", tables=TABLES.replace(old, new))


def test_when_a_turn_is_over_asking_one_by_one_goes_on_with_the_next_and_misses_nothing_between(swept: World, platform: str) -> None:
    """The list leaves three returns out; there is time for one in each turn, and the first one moves on before the last was asked for."""
    for number in (1, 2, 3):
        swept.tell(*happen(platform, f"R-{number}", swept.at, until="ReturnCreated"))
    swept.at += timedelta(hours=6)
    let_be(platform, swept.at)
    worker.read(swept.house, TENANT, swept.at)
    ask(platform, "api", {"omit": ["R-1", "R-2", "R-3"]})
    begun = swept.at

    first = run(swept, patience=0.0)
    happen(platform, "R-1", begun - timedelta(hours=1))
    swept.at += timedelta(hours=3)
    let_be(platform, swept.at)
    second, third = run(swept, patience=0.0), run(swept, patience=0.0)
    with swept.house.store.begin() as tx:
        reached = tx.recall(TENANT, "sweep:changed")["reached"]
    asked = [each.rsplit("/", 1)[1] for each in ask(platform, "api")["asked"] if "/returns/" in each]
    ask(platform, "api", {})
    fourth = run(swept, patience=0.0)

    assert [done["complete"] for done in (first, second, third)] == [False, False, True]
    assert "time to ask for 1" in first["sentence"]
    assert asked == ["R-1", "R-2", "R-3"], "each once"
    with swept.house.store.begin() as tx:
        assert tx.recall(TENANT, "sweep:changed")["reached"] == swept.at.isoformat()
    assert (reached, fourth["news"]) == (begun.isoformat(), 1), "what R-1 did after it was asked for"


@dataclass(slots=True)
class LongList:
    """A platform that lists more than one turn has time for, newest first, and changes between two turns."""

    bodies: dict[str, bytes]
    pages: int = 0

    def look_up(self, _name: str, _told: Mapping[str, Any]) -> Iterator[Found]:
        self.pages += 1
        return (Found(ref=ref, body=body) for ref, body in reversed(self.bodies.items()))


def test_a_list_longer_than_a_turn_goes_on_in_the_next_and_nothing_of_it_is_skipped(swept: World) -> None:
    listed = LongList({f"R-{number}": b'{"returnId": "R-%d"}' % number for number in range(450)})
    house, plan = swept.house, SweepPlan(changed="changed")

    def turn() -> Swept:
        return sweep(house.store, house.platform(TENANT), listed, house.profiles[TENANT].rules, plan, swept.at,  # type: ignore[arg-type]
                     enough=lambda: True)

    first = turn()
    listed.bodies |= {"R-449": b'{"returnId": "R-449", "changed": 1}', "R-450": b'{"returnId": "R-450"}'}
    listed.bodies["R-0"] = listed.bodies.pop("R-0")
    swept.at += timedelta(minutes=5)
    second, third = turn(), turn()
    with house.store.begin() as tx:
        kept = [each.body for each in tx.undigested(TENANT, 1000)]
        memory = tx.recall(TENANT, "sweep:changed")

    assert [(done.complete, done.kept) for done in (first, second, third)] == [(False, 200), (False, 201), (True, 51)]
    assert "time to keep 200 items" in first.sentence
    assert len(kept) == len(set(kept)) == 452
    assert set(listed.bodies.values()) <= set(kept)
    assert (memory["reached"], memory["held"]) == ((swept.at - timedelta(minutes=5)).isoformat(), []), "what changed since is asked again"

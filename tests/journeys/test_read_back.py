"""What a sender told that cannot sign moves nothing before the platform itself told the same."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backhaul.application.ports import PostingState
from backhaul.application.post import send
from backhaul.application.process import pictures
from backhaul.domain.errors import Misconfigured
from backhaul.domain.facts import Confirmed
from backhaul.domain.plan import derive_postings
from tests.journeys.reaching import TABLES, adopt, ask, reaching
from tests.journeys.stage import TENANT, World, life, line

STATUS = {"ReturnCreated": "REGISTERED", "ParcelReceived": "RECEIVED", "ReturnInspected": "INSPECTED", "ReturnCompleted": "COMPLETED"}
BACK = TABLES.replace("[platform]", '[platform]\nread_back = "one"', 1)
CREDITED = ["TEA"]


@pytest.fixture
def unsigned(world: World, platform: str, tmp_path: Path) -> World:
    """A world whose only source signs nothing, without a sweep of its own."""
    tables = BACK.replace('[sweep]\nchanged = "changed"\none = "one"\nevery = "30m"\noverlap = "2h"\nat_most = "20d"\n', "")
    adopt(world, reaching(tmp_path / "reach", world.erp, platform, tables=tables))
    world.change_rules(read_back=frozenset({"main"}))
    return world


def tea(accepted: bool = True) -> list[dict[str, Any]]:  # noqa: FBT001, FBT002  reads as a sentence at the call
    return [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, accepted)])]


def life_of(world: World, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    told = life("R-1", lines, at=world.at)
    for each in told:
        each["return"] |= {"status": STATUS[each["eventType"]]}
    return told


def know(world: World, platform: str, told: list[dict[str, Any]]) -> None:
    ask(platform, "tell", {"events": told})
    ask(platform, "clock", {"now": (world.at + timedelta(days=200)).isoformat()})


def confirmations(world: World) -> int:
    with world.house.store.begin() as tx:
        return sum(isinstance(fact, Confirmed) for fact in tx.facts(TENANT, ["R-1"])["R-1"])


def test_what_the_platform_tells_as_well_goes_its_way_and_nobody_is_asked(unsigned: World, platform: str) -> None:
    told = life_of(unsigned, tea())
    know(unsigned, platform, told)
    unsigned.tell(*told)

    unsigned.turn()
    quiet = unsigned.exceptions()
    unsigned.pass_days(32)

    assert quiet == {}
    assert [item for item, *_ in unsigned.credits] == CREDITED
    assert confirmations(unsigned) == 1
    assert unsigned.state("R-1") == "settled"


def test_while_the_platform_is_away_nothing_leaves_and_it_goes_on_when_it_is_back(unsigned: World, platform: str) -> None:
    told = life_of(unsigned, tea())
    know(unsigned, platform, told)
    ask(platform, "api", {"faults": [{"path": "", "status": 500, "times": 10_000}]})
    unsigned.tell(*told)

    unsigned.pass_days(32)
    away = unsigned.exceptions(), unsigned.credits, {row.state for row in unsigned.postings()}
    ask(platform, "api", {})
    unsigned.pass_days(32)

    assert away == ({"NOT_READ_BACK": 1}, [], {PostingState.HELD})
    assert unsigned.exceptions() == {}
    assert [item for item, *_ in unsigned.credits] == CREDITED


def test_a_forged_acceptance_is_never_credited(unsigned: World, platform: str) -> None:
    know(unsigned, platform, life_of(unsigned, tea(accepted=False)))
    unsigned.tell(*life_of(unsigned, tea()))

    unsigned.pass_days(33)

    (row,) = unsigned.open()
    told = {finding.code: finding.sentence for finding in row.case.findings}
    assert row.case.owner == "integration"
    assert told.keys() == {"EVENT_CONTENT_CONFLICT", "READ_BACK_DIFFERS"}
    assert "messages say" in told["READ_BACK_DIFFERS"]
    assert unsigned.credits == []
    assert {each.state for each in unsigned.postings()} <= {PostingState.HELD}


def test_a_return_the_platform_does_not_know_is_never_credited(unsigned: World) -> None:
    unsigned.tell(*life_of(unsigned, tea()))

    unsigned.pass_days(33)

    assert unsigned.exceptions() == {"READ_BACK_DIFFERS": 1}
    assert unsigned.credits == []


def test_a_message_that_was_early_agrees_a_little_later(unsigned: World, platform: str) -> None:
    told = life_of(unsigned, tea())
    know(unsigned, platform, told[:2])
    unsigned.tell(*told)
    unsigned.turn()
    early = unsigned.exceptions()

    ask(platform, "tell", {"events": told})
    unsigned.later(15)
    later = unsigned.exceptions()

    assert (early, later) == ({"READ_BACK_DIFFERS": 1}, {})


def test_a_forgery_after_the_order_was_made_lets_the_credit_wait(unsigned: World, platform: str) -> None:
    told = life_of(unsigned, tea(accepted=False))
    know(unsigned, platform, told[:2])
    unsigned.tell(*told[:2])
    unsigned.turn()
    forged = life_of(unsigned, tea())
    unsigned.tell(*[each | {"eventId": f"x{number}"} for number, each in enumerate(forged[2:])])

    unsigned.pass_days(33)

    assert unsigned.credits == []
    assert unsigned.exceptions() == {"READ_BACK_DIFFERS": 1}


def test_what_was_made_ready_past_the_judge_is_stopped_where_it_would_leave(unsigned: World) -> None:
    unsigned.tell(*life_of(unsigned, tea()))
    unsigned.turn()
    desk = unsigned.house.desk(TENANT, "gb01")
    with unsigned.house.store.begin() as tx:
        tx.keep_sellable(TENANT, desk.rules.version, desk.rules.sellability)
        picture = pictures(tx, desk.rules, ["R-1"])["R-1"]
        for posting in derive_postings(picture.case, desk.rules, desk.entity, desk.route).postings:
            tx.fix(posting, mapping_version=desk.rules.version, window="w", at=unsigned.at)

    sent = [send(desk, wave, unsigned.at) for wave in desk.route.waves]

    assert sum(sent) == 0
    assert all(row.state is PostingState.READY and row.attempts == 0 for row in unsigned.postings())
    assert unsigned.rows("ReturnOrderHeadersV2") == []


@pytest.mark.parametrize(("tables", "old", "new", "says"), [
    (TABLES, 'auth = "hmac"', 'auth = "bearer"', "signs nothing"), ("", 'auth = "hmac"', 'auth = "header"', "signs nothing"),
    (TABLES, 'auth = "hmac"', 'auth = "hmac"\nread_back = true', "needs platform.read_back"),
    (BACK.replace('read_back = "one"', 'read_back = "two"'), "", "", "no .platform.lookups.two"),
    (BACK.replace('read_back = "one"', 'read_back = "changed"'), "", "", "does not say where"),
])
def test_a_profile_that_would_believe_anybody_is_refused(tmp_path: Path, tables: str, old: str, new: str, says: str) -> None:
    with pytest.raises(Misconfigured, match=says):
        reaching(tmp_path, "http://127.0.0.1:1", "http://127.0.0.1:2", tables=tables, change=(old, new))


def test_what_is_read_back_is_a_choice_of_the_profile(tmp_path: Path) -> None:
    def chosen(new: str) -> frozenset[str]:
        return reaching(tmp_path, "http://127.0.0.1:1", "http://127.0.0.1:2", tables=BACK, change=('auth = "hmac"', new)).rules.read_back

    assert chosen('auth = "hmac"') == frozenset()
    assert chosen('auth = "bearer"') == {"zigzag"}
    assert chosen('auth = "bearer"\nread_back = false') == frozenset()
    assert chosen('auth = "hmac"\nread_back = true') == {"zigzag"}

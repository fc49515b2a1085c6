"""A return is judged by the mapping of when its goods were accepted, because two people said so, and nothing else of it changes."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from backhaul.application import approvals, people, rejudge, versions
from backhaul.application.attest import attest
from backhaul.application.effects import EFFECTS
from backhaul.application.ports import PostingState
from backhaul.application.rejudge import Earlier
from backhaul.bootstrap import keep, kept_as
from backhaul.domain.access import Action
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.posting import Receipt
from backhaul.domain.proposal import Proposal
from backhaul.domain.rules import Close, Window
from backhaul.entrypoints import cli, rejudging, versioning, worker
from backhaul.entrypoints.demo.team import employ
from backhaul.entrypoints.rejudging import Compared
from backhaul.entrypoints.web.app import create_app, serve
from tests.entrypoints.visiting import PASSPHRASE, SIGN_IN, Browser
from tests.journeys.stage import EXAMPLES, MORNING, TENANT, WIRE, World, life, line, open_world

OUTLET = ('erp_disposition = "ZOUTLET"\nlocation = "OUTLET"', 'erp_disposition = "ZOUTLET"\nlocation = "QUAR"')
GONE = ('disposition = "OUTLET"', 'disposition = "OUTLET-2"')


@pytest.fixture
def world(erp: str, tmp_path: Path) -> Iterator[World]:
    """Give a world in which the example's profile is the first version, and goods wait for the evening."""
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY))
    profile = world.house.profiles[TENANT]
    with world.house.store.begin() as tx:
        versions.begin(tx, kept_as(profile), by_approval=False, now=MORNING)
    keep(world.house.store, profile, MORNING)
    yield world
    world.house.close()


def bring(world: World, *refs: str) -> None:
    """Tell of goods for the outlet, and plan them."""
    for ref in refs:
        world.tell(*life(ref, [line("TEA", 1, "4.25", received=1, grades=[("B", "OUTLET", 1, True)])], at=world.at))
    world.later(300)


def change(world: World, *changes: tuple[str, str], name: str = "2026-02") -> None:
    """Let another version of the profile come into force by two people, and the worker take it."""
    holds = world.house.profiles[TENANT]
    text = holds.text.replace('version = "2026-01"', f'version = "{name}"', 1)
    for was, becomes in changes:
        assert was in text
        text = text.replace(was, becomes)
    draft = world.house.drafted(TENANT, text)
    told = versioning.difference(world.house.store, holds, draft)
    asked = versioning.propose(world.house.store, holds, draft, told, proposer="ann", reason="the outlet moved", now=world.at)
    approvals.approve(world.house.store, EFFECTS, holds.rules, asked.id, shown=asked.sha256, approver="bob", now=world.at)
    worker.take_version(world.house, TENANT)
    world.change_rules(window=Window(close=Close.DAILY))
    world.later()


def compared(world: World, ref: str = "R-1") -> Compared:
    house = world.house
    return rejudging.compare(house.store, house.profiles[TENANT].rules, lambda entity: house.desk(TENANT, entity).erp, ref, now=world.at)


def proposed(world: World, told: Compared) -> Proposal:
    return rejudging.propose(world.house.store, world.house.profiles[TENANT].rules, told, proposer="ann", reason="agreed when they came",
                             now=world.at)


def approved(world: World, asked: Proposal, by: str = "bob") -> str:
    return approvals.approve(world.house.store, EFFECTS, world.house.profiles[TENANT].rules, asked.id, shown=asked.sha256, approver=by,
                             now=world.at).result


def brought(world: World) -> dict[str, tuple[str, str]]:
    """Say of each return where its goods were received, and by which version."""
    return {row.posting.key.return_ref: (row.posting.document.place.location, row.mapping_version.partition("+")[0])
            for row in world.postings() if isinstance(row.posting.document, Receipt) and row.state is PostingState.VERIFIED}


def test_one_return_goes_by_the_mapping_it_was_accepted_under_and_its_neighbour_by_the_present_one(world: World) -> None:
    bring(world, "R-1", "R-2")
    change(world, OUTLET)
    told = compared(world)
    untouched = compared(world)

    done = approved(world, proposed(world, told))
    world.pass_days(40)

    places = [row["fields"]["place"] for row in told.difference if "place" in row.get("fields", {})]
    assert {(was["location"], becomes["location"]) for was, becomes in places} == {("QUAR", "OUTLET")}
    assert told == untouched, "to look changes nothing"
    assert done == f"R-1 goes by version {told.original['version']}"
    assert brought(world) == {"R-1": ("OUTLET", "2026-01"), "R-2": ("QUAR", "2026-02")}
    assert world.credits == [("TEA", 1, Decimal("4.25"))] * 2
    assert world.exceptions() == {}


def test_the_proof_expects_the_goods_where_the_chosen_version_sends_them(world: World) -> None:
    bring(world, "R-1", "R-2")
    change(world, OUTLET)
    approved(world, proposed(world, compared(world)))
    world.pass_days(40)
    rules = world.house.profiles[TENANT].rules

    told = attest(world.house.store, {"gb01": world.house.desk(TENANT, "gb01").erp}, rules, "2010-12", world.at.date())

    assert sorted((row["line"].partition("|")[0], row["location"]) for row in told.accepted) == [("R-1", "OUTLET"), ("R-2", "QUAR")]


def test_what_is_held_because_the_present_mapping_no_longer_knows_it_goes_on_by_the_original(world: World) -> None:
    bring(world, "R-1")
    change(world, GONE)
    world.pass_days(1)
    held = world.exceptions()

    told = compared(world)
    approved(world, proposed(world, told))
    world.pass_days(40)

    assert held == {"UNMAPPED_DISPOSITION": 1}
    assert ("UNMAPPED_DISPOSITION", "found only in force") in [(row["kind"], row["change"]) for row in told.difference]
    assert brought(world) == {"R-1": ("OUTLET", "2026-01")}
    assert world.exceptions() == {}


def test_nobody_chooses_alone_and_only_what_was_shown(world: World) -> None:
    bring(world, "R-1")
    change(world, OUTLET)
    asked = proposed(world, compared(world))

    with pytest.raises(NeedsOperator, match="somebody other than 'ann'"):
        approved(world, asked, by="Ann ")
    with pytest.raises(NeedsOperator, match="not what was shown"):
        approvals.approve(world.house.store, EFFECTS, world.house.profiles[TENANT].rules, asked.id, shown="0" * 64, approver="bob",
                          now=world.at)
    world.pass_days(1)
    with pytest.raises(NeedsOperator, match="what was sent is never judged anew"):
        approved(world, asked)
    world.pass_days(40)

    assert brought(world) == {"R-1": ("QUAR", "2026-02")}


def test_what_was_sent_stays_and_is_offered_no_other_version(world: World) -> None:
    bring(world, "R-1")
    change(world, OUTLET)
    world.pass_days(40)
    told = compared(world)

    with pytest.raises(NeedsOperator, match="both versions come to the same"):
        proposed(world, told)
    house = world.house
    with pytest.raises(NeedsOperator, match="never judged anew"):
        rejudge.propose(house.store, EFFECTS, house.profiles[TENANT].rules, "R-1", told.choice, [{"kind": "made up"}], proposer="ann",
                        reason="r", now=world.at)


def test_a_choice_is_taken_back_by_two_people_as_it_was_made(world: World) -> None:
    bring(world, "R-1")
    change(world, OUTLET)
    first = compared(world)
    approved(world, proposed(world, first))
    world.later()

    back = compared(world)
    done = approved(world, proposed(world, back))
    again = compared(world)
    world.pass_days(40)

    assert (back.goes_by, back.choice.version, done) == (
        first.original["version"], "", f"R-1 goes by version {first.present['version']}")
    assert (again.goes_by, again.choice) == (first.goes_by, first.choice)
    assert brought(world) == {"R-1": ("QUAR", "2026-02")}


def test_a_version_that_holds_now_or_was_not_the_one_of_then_or_is_not_known_is_refused(world: World) -> None:
    bring(world, "R-1")
    with pytest.raises(NeedsOperator, match="holds now as well"):
        compared(world)
    change(world, OUTLET)
    rules, told = world.house.profiles[TENANT].rules, compared(world)

    def offer(choice: Earlier, ref: str = "R-1") -> None:
        rejudge.propose(world.house.store, EFFECTS, rules, ref, choice, [{"kind": "any"}], proposer="ann", reason="r", now=world.at)

    with pytest.raises(NeedsOperator, match="accepted under version 2026-01"):
        offer(Earlier(version="2026-00+00000000", sha256="0", rows=()))
    with pytest.raises(NeedsOperator, match="by the version that holds already"):
        offer(rejudging.PRESENT)
    with pytest.raises(NeedsOperator, match="no return 'R-404'"):
        offer(told.choice, "R-404")
    bare = rejudge.content_of("R-1", told.choice, told.shown)
    assert (bare["version"], bare["sha256"]) == (told.original["version"], told.choice.sha256)


def test_a_program_and_a_terminal_see_the_same_difference_and_propose_what_they_saw(world: World, tmp_path: Path) -> None:
    bring(world, "R-1")
    change(world, OUTLET)
    employ(world.house.store, TENANT, datetime.now(UTC))
    with world.house.store.look() as tx:
        wanda = next(each for each in tx.people() if each.name == "Wanda Warehouse")
    token = people.issue_token(world.house.store, wanda, name="t", scopes={Action.SEE, Action.PROPOSE}, lasts=timedelta(days=1),
                               secret="s" * 43, now=datetime.now(UTC))
    environ = {"BACKHAUL_ERP_URL": world.erp, "BACKHAUL_ERP_TOKEN_URL": f"{world.erp}/demo/oauth2/v2.0/token",
               "BACKHAUL_ERP_SECRET": "secret", "BACKHAUL_ZIGZAG_SECRET": "0" * 32,
               "BACKHAUL_PROFILE": str(EXAMPLES / "profiles" / "online-retail.toml"),
               "BACKHAUL_DATABASE_URL": f"sqlite:///{tmp_path / 'backhaul.sqlite'}"}

    with serve(create_app(world.house, sign_in=SIGN_IN)) as server:
        def call(method: str, path: str, **more: Any) -> httpx.Response:
            return WIRE.request(method, f"{server.base_url}/api/v1/{TENANT}{path}", **more,
                                headers={"authorization": f"Bearer {token}", "idempotency-key": f"key-{more}"[:60]})

        seen = call("GET", "/return/versions", params={"ref": "R-1"}).json()
        told = {"return_ref": "R-1", "reason": "agreed", "shown": seen["shown"]}
        stale = call("POST", "/versions", json=told | {"shown": "0" * 64})
        made = call("POST", "/versions", json=told)
    words = ["exceptions", "by-version", "R-1"]
    typed = CliRunner().invoke(cli.app, [*words, "--json"], env=environ)
    shown = CliRunner().invoke(cli.app, [*words, "--propose", "--actor", "cli", "--reason", "agreed"], env=environ)

    assert typed.exit_code == shown.exit_code == 0, typed.output + shown.output
    assert (stale.status_code, made.status_code, made.json()["kind"]) == (409, 201, "version")
    assert {row["kind"] for row in seen["difference"]} == {row["kind"] for row in json.loads(typed.stdout)["difference"]} != set()
    assert "OUTLET" in shown.output
    assert "waits for somebody else" in shown.output


def test_in_the_console_both_stand_side_by_side_and_an_approver_sees_the_difference(world: World) -> None:
    bring(world, "R-1")
    change(world, GONE)
    world.pass_days(1)
    employ(world.house.store, TENANT, datetime.now(UTC))
    number = world.open()[0].id
    with serve(create_app(world.house, sign_in=SIGN_IN)) as server:
        wanda, anton = Browser(server.base_url), Browser(server.base_url)
        wanda.enter("Wanda Warehouse", PASSPHRASE)
        anton.enter("Anton Approver", PASSPHRASE)
        exception = wanda.get(f"/exceptions/{number}")
        page = wanda.get("/by-version?ref=R-1")
        told = wanda.post("/by-version/propose", **wanda.fill(page, reason="agreed when they came"))
        shown = anton.get(told.headers["location"])
        yes = anton.post(told.headers["location"].partition("?")[0] + "/approve", **anton.fill(shown))
        life_of = wanda.get("/returns/R-1")

    assert "Present and original mapping side by side" in exception.text
    assert page.text.index("What differs") < page.text.index("The present mapping")
    assert "GB-DC-01/OUTLET" in page.text
    assert "lot LOT-" in page.text
    assert "&#39;lot&#39;" not in page.text, "what a program writes is no words"
    assert told.status_code == yes.status_code == 303
    assert "What differs between the present mapping and the original one" in shown.text
    assert "Two people said by which version" in life_of.text
    assert "Compare with version 2026-02" in life_of.text

"""People resolve in the console what only people can: a form asks for all that its decision needs, and what was approved is done."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape
from pathlib import Path
from re import DOTALL, search

import pytest

from backhaul.application.ports import PostingState
from backhaul.domain.access import Scope
from backhaul.domain.rules import Close, Window
from backhaul.entrypoints.demo.team import employ
from backhaul.entrypoints.web.app import create_app, serve
from tests.entrypoints.visiting import PASSPHRASE, SIGN_IN, Browser
from tests.journeys.stage import TENANT, World, open_world
from tests.journeys.test_batch_approval import At
from tests.journeys.test_kinds_goods_late import SCRAP, A, credited, invoices, regrade, tea
from tests.journeys.test_kinds_goods_parts import gained
from tests.journeys.test_visibility import BULK, bring, calls, doubted, quarantine, seen, states


@pytest.fixture
def daily(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY))
    world.change_rules(debit_item="SVC-MANUAL")
    yield world
    world.house.close()


@pytest.fixture
def visible(erp: str, tmp_path: Path) -> Iterator[World]:
    world = seen(open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY)))
    yield world
    world.house.close()


def two(world: World, home: str) -> tuple[Browser, Browser]:
    """Let somebody who proposes and somebody who approves come in."""
    employ(world.house.store, TENANT, datetime.now(UTC))
    fiona, anton = Browser(home), Browser(home)
    fiona.enter("Fiona Finance", PASSPHRASE)
    anton.enter("Anton Approver", PASSPHRASE)
    return fiona, anton


def offered(page: str, name: str) -> list[str]:
    """Give what a list of a form offers."""
    found = search(rf'<select id="{name}".*?</select>', page, DOTALL)
    return [each.split('"')[0] for each in found[0].split('<option value="')[1:]] if found else []


def test_a_debit_is_proposed_in_the_console_with_what_becomes_of_the_goods_and_done_once_it_is_approved(daily: World) -> None:
    before = credited(daily, (A, 2))
    regrade(daily, tea((A, 1), (SCRAP, 1, True)))
    daily.pass_evenings(2, turns=2)
    number = daily.open()[0].id
    with serve(create_app(daily.house, sign_in=SIGN_IN, clock=At(daily.at))) as server:
        fiona, anton = two(daily, server.base_url)
        page = fiona.get(f"/exceptions/{number}")
        told = fiona.fill(page, kind="debit", reason="photos show wear")
        nowhere = fiona.post(f"/exceptions/{number}/propose", **told)
        empty = fiona.post(f"/exceptions/{number}/propose", **told, goods="")
        with daily.house.store.look() as tx:
            early = tx.proposals(Scope.whole(TENANT))
        asked = fiona.post(f"/exceptions/{number}/propose", **told, goods="leave")
        where = asked.headers["location"].split("?")[0]
        approval = anton.get(where)
        yes = anton.post(f"{where}/approve", **anton.fill(approval))
        claimed = fiona.post(f"/exceptions/{number}/propose", **fiona.fill(page, kind="claim", reason="x"))
    daily.pass_evenings(5, turns=2)

    assert offered(page.text, "kind") == ["close", "debit"]
    assert offered(page.text, "goods") == ["", "leave", "write-off"]
    assert (nowhere.status_code, empty.status_code, early) == (409, 409, [])
    assert "a debit says what becomes of the goods" in nowhere.text
    assert (asked.status_code, yes.status_code, claimed.status_code) == (303, 303, 409)
    assert "the goods go back to the customer" in approval.text
    assert [amount for _, amount, _ in invoices(daily)] == [Decimal("4.25")]
    assert gained(daily, before) == {"TEA GB-DC-01 SALE": 1}
    assert (daily.state("R-1"), daily.exceptions()) == ("settled", {})


def test_what_the_erp_cannot_be_asked_about_is_settled_in_the_console_and_goes_once_more(visible: World) -> None:
    bring(visible, "R-1", 1)
    visible.arm("error-before", status=503, path=BULK)
    number = doubted(visible)
    with serve(create_app(visible.house, sign_in=SIGN_IN, clock=At(visible.at))) as server:
        fiona, anton = two(visible, server.base_url)
        page = fiona.get(f"/exceptions/{number}")
        told = fiona.fill(page, kind="settle", reason="no such transaction in the app")
        unclear = [fiona.post(f"/exceptions/{number}/propose", **told, **more) for more in ({}, {"found": "IVT-1", "absent": "yes"})]
        asked = fiona.post(f"/exceptions/{number}/propose", **told, found="", absent="yes")
        where = asked.headers["location"].split("?")[0]
        approval = anton.get(where)
        yes = anton.post(f"{where}/approve", **anton.fill(approval))
    visible.pass_evenings(3)

    assert "settle" in offered(page.text, "kind")
    assert [each.status_code for each in unclear] == [409, 409]
    assert (asked.status_code, yes.status_code) == (303, 303)
    assert "it is surely not there, and is sent once more" in unescape(approval.text)
    assert (quarantine(visible), calls(visible), states(visible)) == (1, 2, [PostingState.VERIFIED])


def test_what_somebody_found_is_settled_in_the_console_by_its_number_and_not_sent_again(visible: World) -> None:
    bring(visible, "R-1", 1)
    visible.control("seed", {"settings": {"schedule": {"visibility": []}}, "rows": {}})
    visible.arm("answer-lost", path=BULK)
    number = doubted(visible)
    with serve(create_app(visible.house, sign_in=SIGN_IN, clock=At(visible.at))) as server:
        fiona, anton = two(visible, server.base_url)
        asked = fiona.post(f"/exceptions/{number}/propose", **fiona.fill(
            fiona.get(f"/exceptions/{number}"), kind="settle", found="IVT-1", reason="seen in the app"))
        where = asked.headers["location"].split("?")[0]
        yes = anton.post(f"{where}/approve", **anton.fill(anton.get(where)))
    visible.pass_evenings(2)

    assert yes.status_code == 303
    assert (calls(visible), states(visible)) == (1, [PostingState.VERIFIED])
    assert visible.exceptions() == {"SURPLUS": 1}


def test_what_carries_a_mark_is_found_by_it_so_the_console_does_not_offer_to_settle_it(daily: World) -> None:
    daily.control("seed", {"settings": {"schedule": {"invoice": []}}, "rows": {}})
    credited(daily, (A, 2))
    daily.pass_days(6)
    (row,) = daily.open()
    with serve(create_app(daily.house, sign_in=SIGN_IN, clock=At(daily.at))) as server:
        fiona, _ = two(daily, server.base_url)
        page = fiona.get(f"/exceptions/{row.id}")
        refused = fiona.post(f"/exceptions/{row.id}/propose", **fiona.fill(page, kind="settle", absent="yes", reason="x"))

    assert row.case.kind == "OVERDUE_IN_ERP"
    assert offered(page.text, "kind") == ["close"]
    assert (refused.status_code, "what carries a mark is looked for" in refused.text) == (409, True)

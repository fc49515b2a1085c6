"""The ERP tells that it posted an invoice: a credit is found sooner by that, and just as well without."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backhaul.adapters.zigzag.webhook import Kind, Proof, Source
from backhaul.application.ports import PostingState
from backhaul.domain.posting import PostingKind
from backhaul.domain.rules import Close, Window
from backhaul.entrypoints.web.app import Running, create_app, serve
from tests.journeys.stage import TENANT, WIRE, World, life, line, open_world

TOKEN = "a secret of the test"  # noqa: S105  it opens nothing else


class Known:
    """A secret that is there."""

    def reveal(self) -> str:
        return TOKEN


@pytest.fixture
def hooked(erp: str, tmp_path: Path) -> Iterator[tuple[World, Running]]:
    """Give a world whose profile knows one sender of events, and the route it is reached by."""
    world = open_world(erp, f"sqlite:///{tmp_path / 'signals.sqlite'}", window=Window(close=Close.AT_ONCE))
    signal = Source(name="fo", tenant=TENANT, proof=Proof(kind=Kind.BEARER, secrets=(Known(),)))
    world.house.profiles = {TENANT: replace(world.house.profiles[TENANT], signals=(signal,))}
    with serve(create_app(world.house)) as server:
        yield world, server
    world.house.close()
    assert set(server.app.census) <= {200, 401, 500, "closed"}


def listens(world: World, server: Running, **more: Any) -> None:
    told = {"url": f"{server.base_url}/hooks/dynamics/fo", "headers": {"Authorization": f"Bearer {TOKEN}"}} | more
    world.control("seed", {"settings": {"businessEvents": told}, "rows": {}})


def waiting(world: World) -> None:
    """Bring a return to where only the ERP's jobs are missing, long before we would look again."""
    world.tell(*life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])], at=world.at))
    for _ in range(3):
        world.later()
    assert world.credits == []


def run_jobs(world: World) -> None:
    for job in ("arrivals", "packing-slip", "invoice"):
        world.control("jobs/run", {"job": job})


def credit(world: World) -> PostingState:
    (state,) = [row.state for row in world.postings() if row.posting.key.kind is PostingKind.CREDIT_NOTE]
    return state


def event(**more: str) -> bytes:
    return json.dumps({"InvoiceId": "CN-1", "LegalEntity": "gb01", "SalesOrderId": "RO-1"} | more).encode()


def order(world: World) -> str:
    return next(str(row.document.number) for row in world.postings() if row.posting.key.kind is PostingKind.ORDER and row.document)


def heeded(world: World, subject: str, action: str) -> list[dict[str, Any]]:
    """Give what the trail says of events, without the posting."""
    with world.house.store.begin() as tx:
        told = [dict(entry.detail) for entry in tx.trail(TENANT, subject=subject) if entry.action == action]
    return [{name: value for name, value in each.items() if name != "posting"} for each in told]


def send(server: Running, body: bytes, *, token: str = TOKEN, source: str = "fo") -> int:
    return WIRE.post(f"{server.base_url}/hooks/dynamics/{source}", content=body, headers={"Authorization": f"Bearer {token}"}).status_code


def test_an_event_finds_the_credit_within_the_minute(hooked: tuple[World, Running]) -> None:
    world, server = hooked
    waiting(world)
    listens(world, server)

    run_jobs(world)
    world.later()

    assert credit(world) is PostingState.VERIFIED
    assert server.app.census == {200: 1}
    assert world.exceptions() == {}
    (number,) = [row.document.number for row in world.postings() if row.posting.key.kind is PostingKind.CREDIT_NOTE and row.document]
    told = heeded(world, "R-1", "event.heeded")
    assert told
    assert all(each == {"orders": [order(world)], "documents": [number]} for each in told)


def test_without_an_event_nothing_is_lost_but_time(hooked: tuple[World, Running]) -> None:
    world, server = hooked
    waiting(world)
    listens(world, server, url=f"{server.base_url}/hooks/dynamics/fo", headers={"Authorization": "Bearer forged"})

    run_jobs(world)
    world.later()
    sooner = credit(world)
    world.pass_days(2)

    assert sooner is not PostingState.VERIFIED
    assert credit(world) is PostingState.VERIFIED
    assert server.app.census == {401: 1}


def test_an_event_that_comes_five_times_credits_once(hooked: tuple[World, Running]) -> None:
    world, server = hooked
    waiting(world)
    listens(world, server, copies=5)

    run_jobs(world)
    world.later()

    assert credit(world) is PostingState.VERIFIED
    assert len(world.credits) == 1
    assert server.app.census == {200: 5}


@pytest.mark.parametrize("body", [
    b"", b"no json", b"[]", b'{"LegalEntity": 1}', b'{"LegalEntity":"gb01","SalesOrderId":""}', b"\xff", event(LegalEntity="us01"), event(),
])
def test_an_event_that_says_nothing_of_ours_is_kept_and_changes_nothing(hooked: tuple[World, Running], body: bytes) -> None:
    world, server = hooked
    waiting(world)
    told = body.replace(b"RO-1", order(world).encode()) if b"us01" in body else body
    run_jobs(world)
    before = [(row.state, row.look_at, row.looks) for row in world.postings()]

    status = send(server, told)
    world.turn()

    assert status == 200
    assert [(row.state, row.look_at, row.looks) for row in world.postings()] == before
    assert world.exceptions() == {}


def test_events_about_a_credit_that_is_not_there_make_nobody_impatient(hooked: tuple[World, Running]) -> None:
    world, server = hooked
    waiting(world)
    before = [(row.state, row.looks) for row in world.postings()]

    for number in range(6):
        assert send(server, event(SalesOrderId=order(world), InvoiceId=f"LIE-{number}")) == 200
        world.later()

    assert [row.state for row in world.postings()] == [state for state, _ in before]
    assert all(row.looks <= looks for row, (_, looks) in zip(world.postings(), before, strict=True))
    assert world.exceptions() == {}
    assert world.credits == []


def test_events_of_a_sender_the_profile_no_longer_names_are_set_aside_with_a_word(hooked: tuple[World, Running]) -> None:
    world, server = hooked
    waiting(world)
    assert send(server, event(SalesOrderId=order(world))) == 200
    world.house.profiles = {TENANT: replace(world.house.profiles[TENANT], signals=())}

    world.later()
    world.later()

    told = {"events": 1, "why": "the profile has no [signal] table"}
    assert [{name: each[name] for name in told} for each in heeded(world, "events", "event.ignored")] == [told]
    with world.house.store.begin() as tx:
        assert list(tx.undigested(TENANT, 10, events=True)) == []


def test_a_stranger_is_not_told_who_is_known(hooked: tuple[World, Running]) -> None:
    world, server = hooked
    waiting(world)
    before = [(row.state, row.look_at) for row in world.postings()]
    strangers = [("forged", "fo"), (TOKEN, "nobody")]

    statuses = [send(server, event(SalesOrderId=order(world)), token=token, source=source) for token, source in strangers]
    world.turn()

    assert [(row.state, row.look_at) for row in world.postings()] == before
    assert statuses == [401, 401]

"""Business Central tells us of changes: a posted memo is found and a mended item judged sooner, and just as well without a word."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backhaul.adapters.zigzag.webhook import Kind, Proof, Source
from backhaul.application import listening
from backhaul.application.ports import PostingState
from backhaul.bootstrap import examine
from backhaul.domain.posting import PostingKind
from backhaul.entrypoints.web.app import Running, create_app, serve
from backhaul.profile import Misconfigured, load_profile
from tests.journeys.stage import CENTRAL, EXAMPLES, TENANT, WIRE, World, life, line
from tests.journeys.test_central_modes import opened

STATE = "a secret of the test"
TEA = [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])]


class Known:
    """A secret that is there."""

    def reveal(self) -> str:
        return STATE


def signalled(world: World, server: Running, *, address: str = "") -> None:
    """Let the profile name Business Central as a sender, at the address of this server or at another."""
    address = address or f"{server.base_url}/hooks/dynamics/bc"
    signal = Source(name="bc", tenant=TENANT, address=address, proof=Proof(kind=Kind.CLIENT_STATE, secrets=(Known(),)))
    world.house.profiles = {TENANT: replace(world.house.profiles[TENANT], signals=(signal,))}


@pytest.fixture(params=["B", "C"])
def heard(request: pytest.FixtureRequest, central_erp: str, tmp_path: Path) -> Iterator[tuple[World, Running]]:
    """Give a world that is told, and the server it is told at."""
    world = opened(central_erp, tmp_path, request.param)
    signal = Source(name="bc", tenant=TENANT, proof=Proof(kind=Kind.CLIENT_STATE, secrets=(Known(),)))
    world.house.profiles = {TENANT: replace(world.house.profiles[TENANT], signals=(signal,))}
    with serve(create_app(world.house)) as server:
        signalled(world, server)
        yield world, server
    world.house.close()
    assert set(server.app.census) <= {200, 401}


def subscriptions(world: World) -> dict[str, dict[str, Any]]:
    """Give what the ERP was asked to tell, by set."""
    answer = WIRE.get(f"{world.erp}{CENTRAL}/api/v2.0/subscriptions", headers=world._signed_in())
    assert answer.status_code == 200, answer.text
    rows = [dict(row) for row in answer.json()["value"]]
    return {str(row["resource"]).rpartition("/")[2]: row for row in rows}


def notify(world: World) -> int:
    """Let half a minute pass, and our turn."""
    taken = int(world.control("notifications", {})["taken"])
    world.later()
    return taken


def credit(world: World) -> PostingState:
    (state,) = [row.state for row in world.postings() if row.posting.key.kind is PostingKind.CREDIT_NOTE]
    return state


def test_it_is_asked_once_to_tell_of_memos_items_and_customers_and_asks_back_whether_we_want_to_hear(heard: tuple[World, Running]) -> None:
    world, server = heard

    world.later()
    world.later()

    told = subscriptions(world)
    assert sorted(told) == ["customers", "items", "salesCreditMemos"]
    assert {row["clientState"] for row in told.values()} == {STATE}
    assert server.app.census == {200: 3}, "one handshake each, and no second asking"
    notes = examine(world.house.profiles[TENANT], "gb01", world.house.store, world.at)["notes"]
    assert any("tells http" in note and "of changes until 2010-12-04" in note for note in notes)


def test_an_item_that_is_mended_ends_what_waits_for_it_long_before_the_next_window(heard: tuple[World, Running]) -> None:
    world, _ = heard
    world.control("seed", {"rows": {"items": [{"number": "TEA", "blocked": True}]}})
    world.tell(*life("R-1", TEA, at=world.at))
    world.turn()
    world.pass_evenings(1, turns=2)
    notify(world)
    blocked = world.exceptions()

    world.control("seed", {"rows": {"items": [{"number": "TEA", "blocked": False}]}})
    taken = notify(world)

    assert (blocked, taken, world.exceptions()) == ({"SKU_BLOCKED": 1}, 1, {})
    assert world.credits == [], "what is sent is still the window's"
    world.pass_evenings(1, turns=3)
    assert len(world.credits) == 1


def test_what_nobody_tells_is_found_with_the_next_window(heard: tuple[World, Running]) -> None:
    world, server = heard
    signalled(world, server, address="http://127.0.0.1:9/hooks/dynamics/bc")
    world.control("seed", {"rows": {"items": [{"number": "TEA", "blocked": True}]}})
    world.tell(*life("R-1", TEA, at=world.at))
    world.turn()
    world.pass_evenings(1, turns=2)
    world.control("seed", {"rows": {"items": [{"number": "TEA", "blocked": False}]}})

    deaf = notify(world), world.exceptions(), subscriptions(world)
    world.pass_evenings(2, turns=3)

    assert deaf == (0, {"SKU_BLOCKED": 1}, {})
    assert (len(world.credits), world.exceptions()) == (1, {})
    with world.house.store.begin() as tx:
        (entry,) = tx.trail(TENANT, subject="listening:gb01")
        assert (entry.action, "did not answer the handshake" in str(entry.detail["trouble"])) == ("listening.failed", True)
        assert "Everything is found all the same" in listening.note(tx, TENANT, world.house.profiles[TENANT].rules.entities[0])


def test_a_memo_its_job_posted_is_looked_for_at_once(central_erp: str, tmp_path: Path) -> None:
    world = opened(central_erp, tmp_path, "B")
    signal = Source(name="bc", tenant=TENANT, proof=Proof(kind=Kind.CLIENT_STATE, secrets=(Known(),)))
    world.house.profiles = {TENANT: replace(world.house.profiles[TENANT], signals=(signal,))}
    with serve(create_app(world.house)) as server:
        signalled(world, server)
        world.tell(*life("R-1", TEA, at=world.at))
        world.turn()
        world.arm("job-stuck")
        world.pass_evenings(1, turns=1)
        waiting = credit(world)

        world.control("jobs/run", {"job": "batch-post"})
        notify(world)

    assert (waiting, credit(world)) == (PostingState.AWAITED, PostingState.VERIFIED)
    world.house.close()


def test_it_is_renewed_before_it_ends_and_begun_anew_when_it_was_dropped(heard: tuple[World, Running]) -> None:
    world, _ = heard
    world.later()
    first = {name: datetime.fromisoformat(row["expirationDateTime"]) for name, row in subscriptions(world).items()}

    world.later(60 * 24)
    renewed = {name: datetime.fromisoformat(row["expirationDateTime"]) for name, row in subscriptions(world).items()}
    for row in subscriptions(world).values():
        WIRE.delete(f"{world.erp}{CENTRAL}/api/v2.0/subscriptions('{row['subscriptionId']}')",
                    headers=world._signed_in() | {"If-Match": "*"}).raise_for_status()
    world.later(60 * 7)

    assert all(renewed[name] - end >= timedelta(hours=23) for name, end in first.items())
    assert sorted(subscriptions(world)) == ["customers", "items", "salesCreditMemos"]


@pytest.mark.parametrize("body", [
    b"", b"{}", b"[]", b'{"value": []}', b'{"value": [{"clientState": "guessed"}]}', b'{"value": [{"resource": "companies(1)/items(2)"}]}',
    b'{"value": [{"clientState": "' + STATE.encode() + b'"}, {"clientState": "other"}]}', b"\xff", b'{"value": 1}',
])
def test_who_does_not_know_what_the_erp_was_told_is_refused(heard: tuple[World, Running], body: bytes) -> None:
    _, server = heard

    assert WIRE.post(f"{server.base_url}/hooks/dynamics/bc", content=body).status_code == 401


def test_a_handshake_is_answered_with_its_token_as_plain_text_and_by_nobody_else(heard: tuple[World, Running]) -> None:
    _, server = heard
    token = "<script>alert(1)</script>"  # noqa: S105  it is to be given back

    asked = WIRE.post(f"{server.base_url}/hooks/dynamics/bc", params={"validationToken": token})
    others = [WIRE.post(f"{server.base_url}/hooks/{path}", params={"validationToken": token}).status_code
              for path in ("dynamics/nobody", "zigzag/zigzag")]
    strange = WIRE.post(f"{server.base_url}/hooks/dynamics/bc", params={"validationToken": "two words"}).status_code

    assert (asked.status_code, asked.text, asked.headers["content-type"]) == (200, token, "text/plain; charset=us-ascii")
    assert asked.headers["x-content-type-options"] == "nosniff"
    assert (others, strange) == ([401, 401], 401)


SIGNAL = '[signal.bc]\nauth = "client-state"\nsecret = "env:BACKHAUL_ERP_SECRET"\n'


@pytest.mark.parametrize(("example", "table", "says"), [
    ("online-retail-business-central", SIGNAL + 'subscribe = "https://x.example.com/hooks/dynamics/other"', "ends in /hooks/dynamics/bc"),
    ("online-retail-business-central", SIGNAL + 'subscribe = "http://returns.example.com/hooks/dynamics/bc"', "reach us by HTTPS"),
    ("online-retail", SIGNAL + 'subscribe = "https://returns.example.com/hooks/dynamics/bc"', "no legal entity of this profile"),
    ("online-retail-business-central", SIGNAL.replace("client-state", "bearer") + 'subscribe = "https://x.example.com/hooks/dynamics/bc"',
     'only a signal with auth = "client-state"'),
    ("online-retail-business-central", SIGNAL.replace("signal.bc", "source.bc"), "the platform cannot"),
])
def test_a_subscription_nobody_could_make_is_refused_with_its_line(tmp_path: Path, example: str, table: str, says: str) -> None:
    text = (EXAMPLES / "profiles" / f"{example}.toml").read_text(encoding="utf-8")
    file = tmp_path / "profile.toml"
    file.write_text(text + "\n" + table, encoding="utf-8")

    with pytest.raises(Misconfigured, match=says):
        load_profile(file, dict.fromkeys(("BACKHAUL_ERP_URL", "BACKHAUL_ERP_TOKEN_URL", "BACKHAUL_ERP_SECRET", "BACKHAUL_ZIGZAG_SECRET"),
                                         "http://127.0.0.1:1"))

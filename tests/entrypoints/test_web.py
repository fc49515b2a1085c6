"""The door of the console: who is let in, for how long, what a stranger learns, and what every answer carries."""

import csv
import hashlib
import html
import io
import json
import logging
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
from openpyxl import load_workbook
from tests.entrypoints.test_hooks import House
from tests.entrypoints.visiting import PASSPHRASE, SIGN_IN, WIRE, Browser
from tests.stores import open_store

from backhaul.adapters.sql import lists, tables
from backhaul.adapters.sql.store import SqlStore
from backhaul.adapters.zigzag.wire import ZigZagWire
from backhaul.application import books, casework, pausing, people
from backhaul.application.extracts import SIDES, write
from backhaul.application.hand_in import ByHand
from backhaul.application.ports import KeptCase, KeptWindow, PostingState
from backhaul.application.proof_ports import KeptProof, KeptStatement, KeptStray, KeptWithin
from backhaul.application.receive import digest, keep
from backhaul.application.summon import conclude
from backhaul.config import SignIn, load_profile
from backhaul.domain.access import RIGHTS, Action, Grant, Role, Scope
from backhaul.domain.availability import Compared, Standing
from backhaul.domain.delivery import BY_HAND, Delivery
from backhaul.domain.errors import Misconfigured
from backhaul.domain.exception_case import KINDS, ExceptionCase, Finding
from backhaul.domain.facts import Corrected, HandedIn
from backhaul.domain.fiscal_calendar import Period
from backhaul.domain.job_schedule import Job, Standing as JobStanding
from backhaul.domain.lifecycle import ReturnState
from backhaul.domain.money import Money
from backhaul.domain.oversight import Irregular
from backhaul.domain.payments import Payment, PaymentStatus, PayoutRules
from backhaul.domain.period_status import Status, Told
from backhaul.domain.posting import Posting as Effect, PostingBatch, PostingKey, PostingKind, ReturnOrder
from backhaul.domain.proposal import Proposal, ProposalKind
from backhaul.domain.resolution import meanwhile
from backhaul.domain.roll_forward import Account, Flow, Movement, Rolled, Tie, Whose, roll
from backhaul.domain.team import Team
from backhaul.domain.validation import MasterData, Questions, Sale, SaleLine
from backhaul.entrypoints import rolling
from backhaul.entrypoints.demo.team import TEAM, employ
from backhaul.entrypoints.web import exports
from backhaul.entrypoints.web.app import console_app, create_app
from backhaul.entrypoints.web.door import IDLE, LONGEST, SESSION, SIGNING_IN, STEP_UP, Leaving, local
from backhaul.entrypoints.web.serving import Running, serve
from backhaul.secret import Secret
from backhaul.testing.builders import ROUTE, announced, line

EXAMPLES = Path(__file__).parents[2] / "examples"
PROFILE = load_profile(EXAMPLES / "profiles" / "online-retail.toml", {}, offline=True)
TENANT = PROFILE.tenant
EVIL = "<script>alert(1)</script>\"'&\u202e"
REF = json.loads((EXAMPLES / "payloads" / "typed.json").read_text(encoding="utf-8"))["return"]["returnId"]
ACCOUNT = re.compile(r"\b(?:15834|7701)\b")
"""Accounts of these stories as words of their own: a hash may hold the same digits by chance."""
OPEN = {"/health", "/ready", "/sign-in", "/sign-in/leave", "/sign-in/return", "/sign-in/local"}
"""What anybody may ask for; static files and the platform's route beside it."""


class Now:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def now(self) -> datetime:
        return self.at


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill a store once, with one inspected return that was read, one hostile one, sixty in a list, and the team of the demo."""
    path = tmp_path_factory.mktemp("filled") / "backhaul.sqlite"
    kept = open_store(f"sqlite:///{path}")
    told = json.loads((EXAMPLES / "payloads" / "typed.json").read_text(encoding="utf-8"))
    evil = json.loads(json.dumps(told)) | {"eventId": "e-2"}
    evil["return"] |= {"returnId": "C/2 evil", "customer": EVIL}
    evil["return"]["lines"][0] |= {"description": EVIL, "reason": EVIL, "sku": EVIL}
    now = datetime.now(UTC)
    with kept.begin() as tx:
        keep(tx, [Delivery(tenant=TENANT, source="zigzag", identity=each["eventId"], body=json.dumps(each).encode(), received_at=now)
                  for each in (told, evil)])
    digest(kept, ZigZagWire(PROFILE.wire), PROFILE.rules, now=now)
    with kept.begin() as tx:
        case = KeptCase(tenant=TENANT, ref=told["return"]["returnId"], legal_entity="gb01", state=ReturnState.HELD, stage="inspected",
                        customer="15834", currency="GBP", net=Decimal("1234.5"), updated_at=now, waits_since=now)
        tx.save_case(case)
        tx.save_case(replace(case, ref="C/2 evil", customer=EVIL))
        tx.save_case(replace(case, ref="DE-1", legal_entity="de01", customer="=2+5"))
        for number in range(60):
            tx.save_case(replace(case, ref=f"R{number:03d}", state=ReturnState.SETTLED, waits_since=None))
        tx.open_exception(ExceptionCase.about(
            tenant=TENANT, return_ref="C/2 evil", line_id="", money=Money(amount=Decimal("-12.50"), currency="GBP"), now=now, teams={},
            findings=(Finding(code="SKU_UNKNOWN", sentence='=HYPERLINK("x") ' + EVIL),)))
    employ(kept, TENANT, now)
    kept.close()
    return path


@pytest.fixture
def store(filled: Path, tmp_path: Path) -> Iterator[SqlStore]:
    """Give a copy of the filled store."""
    kept = open_store(f"sqlite:///{shutil.copy(filled, tmp_path / 'backhaul.sqlite')}")
    yield kept
    kept.close()


@pytest.fixture
def clock() -> Now:
    return Now()


@pytest.fixture
def server(store: SqlStore, clock: Now, tmp_path: Path) -> Iterator[Running]:
    with serve(create_app(House(store, {TENANT: PROFILE}, tmp_path), clock=clock, sign_in=SIGN_IN)) as running:
        yield running


@pytest.fixture
def browser(server: Running) -> Browser:
    """Give a browser in which Fiona of finance is signed in."""
    return inside(server)


def inside(server: Running, name: str = "Fiona Finance") -> Browser:
    came = Browser(server.base_url)
    assert came.enter(name, PASSPHRASE).status_code == 303
    return came


def token(browser: Browser) -> str:
    return browser.cookies[urlsplit(browser.home).netloc][SESSION]


def carry(browser: Browser, value: str) -> None:
    browser.cookies[urlsplit(browser.home).netloc][SESSION] = value


def routes(server: Running) -> list[tuple[str, str, dict[str, Any]]]:
    """Give every route of the console: its path with its parameters filled in, its method, and what it says about itself."""
    assert server.base_url
    pages = console_app(House(None, {TENANT: PROFILE}), clock=Now(), sign_in=SIGN_IN)
    found = []
    for route in pages.routes:
        path = route.path_format.replace("{number}", "1").replace("{name}", "returns.csv").replace("{rest}", "C536807")
        path = path.replace("{period}", "2010-12").replace("{kind}", "LATE").replace("{code}", "SKU_UNKNOWN")
        for handler in getattr(route, "route_handlers", ()):
            found += [(path, method, handler.opt) for method in sorted(handler.http_methods) if method != "OPTIONS"]
    assert len(found) > 15
    return found


# --- the door --------------------------------------------------------------------------------------------------------


def test_whoever_is_not_signed_in_is_sent_to_the_door_whatever_they_ask_for(server: Running) -> None:
    stranger = Browser(server.base_url)

    for path, method, told in routes(server):
        answer = stranger.send(method, path)
        if path in OPEN or path.startswith("/static"):
            continue
        assert not told.get("open"), path
        if method in {"GET", "HEAD"}:
            assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/sign-in"), path
        else:
            assert answer.status_code in {401, 403}, (path, method)


def test_no_page_waits_for_somebody_who_writes(server: Running, browser: Browser, store: SqlStore) -> None:
    with store.begin() as tx:
        tx.remember(TENANT, "of-this-test", {"writing": True})  # SQLite has one writer at a time
        for path, method, told in routes(server):
            if method == "GET" and path not in OPEN and not path.startswith("/static") and not told.get("anybody"):
                assert browser.get(path).status_code in {200, 303, 403, 404, 409}, path


def test_a_session_is_new_at_every_sign_in_and_the_one_before_is_over(server: Running, browser: Browser) -> None:
    before = token(browser)
    browser.enter("Fiona Finance", PASSPHRASE)
    after = token(browser)

    assert after != before
    carry(browser, before)
    assert browser.get("/").status_code == 303


def test_a_sign_in_stands_in_the_trail_of_the_installation_and_one_that_failed_does_not(server: Running, store: SqlStore) -> None:
    Browser(server.base_url).enter("Fiona Finance", "not the passphrase")
    Browser(server.base_url).enter("Nobody Here", PASSPHRASE)
    inside(server)

    with store.read() as connection:
        (row,) = [row for row in lists.trail(connection, "", subject="", before=None, limit=99) if row.action == "session.began"]
    assert (row.subject, row.actor, dict(row.detail)) == (row.actor, row.subject, {"issuer": "local"})


def test_a_cookie_somebody_brings_along_becomes_no_session(server: Running) -> None:
    victim = Browser(server.base_url)
    carry_first = "A" * 43
    victim.get("/sign-in")
    carry(victim, carry_first)
    victim.enter("Fiona Finance", PASSPHRASE)

    assert token(victim) != carry_first


def test_signing_out_ends_the_session_on_the_server(browser: Browser) -> None:
    kept, page = token(browser), browser.get("/")
    assert browser.post("/sign-out", **browser.fill(page)).headers["location"] == "/sign-in?out=1"

    carry(browser, kept)
    assert browser.get("/").status_code == 303
    assert page.headers["cache-control"] == "no-store"  # so that going back shows nothing


def test_a_session_ends_when_nobody_uses_it_and_at_the_end_of_the_day(server: Running, clock: Now) -> None:
    idle, busy = inside(server), inside(server)
    for _ in range(int(LONGEST / (IDLE * 0.9))):
        clock.at += IDLE * 0.9
        assert busy.get("/").status_code == 200

    assert idle.get("/").status_code == 303
    clock.at += IDLE * 0.9
    assert busy.get("/").status_code == 303


def test_what_is_taken_away_ends_with_the_next_request(server: Running, store: SqlStore, clock: Now, browser: Browser) -> None:
    assert browser.get("/").status_code == 200
    with store.begin() as tx:
        fiona = tx.person(issuer="local", subject="Fiona Finance")
        assert fiona is not None
        mine = [kept for kept in tx.grants(TENANT) if kept.person == fiona.number]
    for kept in mine:
        people.revoke(store, TENANT, kept.id, actor="person 6", now=clock.at)

    assert browser.get("/").status_code == 303
    with store.begin() as tx:
        assert not tx.sessions_of("local", "Fiona Finance")


def test_the_database_keeps_no_token_and_lets_no_session_begin_again(store: SqlStore, browser: Browser, clock: Now) -> None:
    with store.begin() as tx:
        (kept,) = tx.sessions_of("local", "Fiona Finance")
        assert token(browser) not in repr(kept)
        assert tx.end_session(kept.hash, at=clock.at, reason="by an administrator")
        assert not tx.end_session(kept.hash, at=clock.at, reason="twice")

    assert browser.get("/").status_code == 303
    with store.engine.connect() as connection, pytest.raises(Exception, match="stays as it was"):
        connection.exec_driver_sql("UPDATE sessions SET ended_at = NULL, reason = ''")


def test_ten_wrong_passphrases_and_the_door_is_shut_for_this_address(server: Running) -> None:
    guesser = Browser(server.base_url)
    for _ in range(10):
        assert guesser.enter("Fiona Finance", "guess").status_code == 403

    answer = guesser.enter("Fiona Finance", PASSPHRASE)
    assert answer.status_code == 429
    assert "Wait a quarter of an hour" in answer.text


def test_without_a_passphrase_there_is_no_local_sign_in(store: SqlStore) -> None:
    with serve(create_app(House(store, {TENANT: PROFILE}))) as server:
        stranger = Browser(server.base_url)
        page = stranger.get("/sign-in")
        assert "No way to sign in is set" in page.text
        assert stranger.post("/sign-in/local", name="Fiona Finance", passphrase="").status_code == 404


@pytest.mark.parametrize(("asked", "given"), [
    ("/returns?state=held", "/returns?state=held"), ("//evil.example.com", "/"), ("https://evil.example.com", "/"),
    ("/\\evil.example.com", "/"),
    ("", "/"), ("/a\nb", "/"), ("/" + "a" * 2000, "/"), ("javascript:alert(1)", "/")])
def test_a_sign_in_leads_to_a_page_of_ours_only(asked: str, given: str) -> None:
    assert local(asked) == given


def test_what_a_browser_carries_through_a_sign_in_is_read_as_it_was_written_or_not_at_all() -> None:
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    leaving = Leaving.begin(now, "/returns?state=held", anew=True)

    assert Leaving.read(leaving.cookie) == leaving
    assert leaving.proof("state") not in leaving.cookie
    for broken in ("", "a.b", "a.9.x.y.z", "a.nine.once.%2F", "a.99999999999999.once.%2F"):
        assert Leaving.read(broken) is None
    changed = leaving._replace(returns_to="/trail")
    assert changed.proof("state") != leaving.proof("state")
    assert timedelta(minutes=5) <= SIGNING_IN <= timedelta(minutes=15)
    assert timedelta(minutes=15) >= STEP_UP


# --- forms ---------------------------------------------------------------------------------------------------------------


def posts(server: Running) -> list[str]:
    return [path for path, method, told in routes(server) if method == "POST" and not told.get("open")]


def test_a_form_of_another_session_or_another_site_changes_nothing(server: Running, browser: Browser) -> None:
    other = browser.fill(inside(server).get("/"))
    mine = browser.fill(browser.get("/"))

    for path in posts(server):
        assert browser.post(path).status_code == 403, path
        assert browser.post(path, **other).status_code == 403, path
        for headers in ({"origin": "https://evil.example.com", "sec-fetch-site": "cross-site"}, {"origin": "null"},
                        {"sec-fetch-site": "same-site"}):
            assert browser.send("POST", path, mine, headers).status_code == 403, (path, headers)
    assert browser.get("/").status_code == 200  # nobody was signed out


def test_a_form_that_nobody_says_came_from_us_is_refused(browser: Browser) -> None:
    mine = browser.fill(browser.get("/"))
    answer = WIRE.post(f"{browser.home}/sign-out", data=mine, headers={"cookie": f"{SESSION}={token(browser)}"})

    assert answer.status_code == 403


def test_json_dressed_as_text_and_a_method_in_a_header_change_nothing(browser: Browser) -> None:
    kept = {"cookie": f"{SESSION}={token(browser)}", "origin": browser.home, "sec-fetch-site": "same-origin"}
    text = json.dumps(browser.fill(browser.get("/")))

    assert WIRE.post(f"{browser.home}/sign-out", content=text, headers=kept | {"content-type": "text/plain"}).status_code == 403
    assert WIRE.get(f"{browser.home}/sign-out", headers=kept | {"x-http-method-override": "POST"}).status_code == 405
    for method in ("OPTIONS", "TRACE", "PUT", "DELETE", "PATCH"):
        assert WIRE.request(method, f"{browser.home}/sign-out", headers=kept).status_code in {204, 401, 403, 404, 405}, method
    assert browser.get("/").status_code == 200


def test_a_file_is_attached_as_it_came_and_what_is_no_evidence_is_refused(store: SqlStore, browser: Browser) -> None:
    with store.look() as tx:
        number = next(row.id for row in tx.exceptions(TENANT))
    path, picture = f"/exceptions/{number}", b"\x89PNG\r\n\x1a\n" + b"x" * 3_000_000

    def attach(name: str, body: bytes, **more: str) -> httpx.Response:
        return browser.send("POST", f"{path}/evidence", browser.fill(browser.get(path)) | more, files={"file": (name, body)})

    kept = attach("damage.png", picture)
    refused = [attach(*each).status_code for each in (("run.exe", b"MZ\0\0"), ("large.png", picture * 4))]
    strange = attach("damage.png", picture, other="field")
    none = browser.post(f"{path}/evidence", **browser.fill(browser.get(path)))
    page = browser.get(path)

    assert kept.headers["location"] == f"{path}?done=attached"
    assert (refused, strange.status_code, none.status_code) == ([409, 413], 409, 409)
    assert "damage.png" in page.text
    assert browser.get("/evidence/1").content == picture


def test_somebody_makes_a_token_sees_it_once_and_ends_it(store: SqlStore, server: Running, clock: Now) -> None:
    mine, theirs = inside(server, "Fiona Finance"), inside(server, "Oskar Operator")
    told = {"name": "the month-end sheet", "days": "30", "may see": "yes"}

    made = mine.post("/tokens/make", **mine.fill(mine.get("/tokens")) | told)
    token = re.search(r"<code class=\"mono\">(bh_[^<]+)</code>", made.text)
    again = mine.get("/tokens")
    beyond = theirs.post("/tokens/make", **theirs.fill(theirs.get("/tokens")) | told | {"may approve": "yes", "days": "400"})
    stranger = theirs.post("/tokens/1/end", **theirs.fill(theirs.get("/")))
    with store.look() as tx:
        (row,) = tx.tokens(next(each.number for each in tx.people() if each.subject == "Fiona Finance"))
    assert token
    works = people.who_holds(store, token[1], clock.at)
    ended = mine.post(f"/tokens/{row.id}/end", **mine.fill(mine.get("/")))

    assert (made.status_code, row.scopes, row.name) == (200, {"see"}, "the month-end sheet")
    assert works is not None
    assert works.only == {Action.SEE}
    assert token[1] not in again.text
    assert (beyond.status_code, stranger.status_code, ended.status_code) == (409, 409, 303)
    assert people.who_holds(store, token[1], clock.at) is None


def test_who_signed_in_long_ago_proves_again_before_a_token_is_made(server: Running, clock: Now) -> None:
    mine = inside(server, "Fiona Finance")
    clock.at += STEP_UP + timedelta(minutes=1)

    page = mine.get("/tokens")
    sent = mine.post("/tokens/make", **mine.fill(mine.get("/")) | {"name": "x", "days": "1", "may see": "yes"})

    assert "sign in again" in page.text
    assert (sent.status_code, "anew=1" in sent.headers["location"]) == (303, True)


# --- every answer ------------------------------------------------------------------------------------------------------------


def test_every_answer_has_the_security_headers_and_no_page_has_a_script_or_style_of_its_own(server: Running, browser: Browser) -> None:
    for path in (*(path for path, method, _ in routes(server) if method == "GET"), "/nowhere", "/returns/nobody", "/?tenant=other",
                 "/static/none", "/messages/x", "/returns?after=rubbish"):
        answer = browser.get(path)
        assert answer.status_code < 500, path
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy or "sandbox" in policy, path
        assert "unsafe" not in policy or path.endswith(".svg")
        for name, value in {"x-content-type-options": "nosniff", "cache-control": "no-store", "referrer-policy": "same-origin",
                            "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin"}.items():
            assert answer.headers[name] == value, (path, name)
        assert "strict-transport-security" not in answer.headers
        if answer.headers["content-type"].startswith("text/html"):
            assert " style=" not in answer.text
            assert "<style" not in answer.text
            assert "<script>" not in answer.text


def test_in_production_a_browser_is_told_to_come_by_tls_only(store: SqlStore) -> None:
    proper = SignIn(production=True, url="https://returns.example.com", issuer="https://login.example.com", client="c",
                    secret=Secret("env:S", {"S": "s"}))
    with serve(create_app(House(store, {TENANT: PROFILE}), sign_in=proper)) as server:
        answer = Browser(server.base_url).get("/sign-in")

    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
    assert "Sign in with login.example.com" in answer.text


@pytest.mark.parametrize("path", ["/", "/exceptions", "/exceptions/1", "/returns/C%2F2%20evil", "/messages/2", "/search?q=C/2"])
def test_hostile_text_is_shown_as_text(browser: Browser, path: str) -> None:
    page = browser.get(path).text

    assert "<script>" not in page
    assert "evil" in page or "&lt;script&gt;" in page


def test_health_tells_a_stranger_that_we_work_and_nothing_else(server: Running) -> None:
    for path in ("/health", "/ready"):
        answer = Browser(server.base_url).get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok", "database": "ok"})


def test_health_fails_loudly_when_the_database_is_away(tmp_path: Path) -> None:
    gone = SqlStore(f"sqlite:///{tmp_path / 'empty.sqlite'}")
    with serve(create_app(House(gone, {TENANT: PROFILE}))) as server:
        answer = httpx.get(f"{server.base_url}/health", trust_env=False)
    gone.close()

    assert (answer.status_code, answer.json()["database"]) == (500, "failing")


def test_what_fails_is_told_by_a_number_and_the_log_has_the_rest(store: SqlStore, server: Running, browser: Browser,
                                                                 caplog: pytest.LogCaptureFixture) -> None:
    with store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE windows RENAME TO gone")
    with caplog.at_level(logging.ERROR, logger="backhaul.web"):
        answer = browser.get("/batches")

    assert answer.status_code == 500
    number = caplog.records[-1].number  # type: ignore[attr-defined]  # a field of ours
    assert number in answer.text
    for word in ("sqlalchemy", "Traceback", "windows", "OperationalError"):
        assert word not in answer.text


# --- what is seen --------------------------------------------------------------------------------------------------------------


def test_the_list_is_paged_along_its_order_and_narrowed_by_state(browser: Browser) -> None:
    seen, address = [], "/returns"
    for _ in range(3):
        page = browser.get(address).text
        seen += [part.split("<")[0] for part in page.split('<th scope="row"><a href="')[1:] for part in [part.split(">", 1)[1]]]
        if 'rel="next"' not in page:
            break
        address = page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")

    assert len(seen) == len(set(seen)) == 63
    assert "R057" in browser.get("/returns?state=settled").text
    assert "R057" not in browser.get("/returns?state=held").text
    assert "1,234.50 GBP" in page


def test_one_return_shows_its_four_sides_its_lines_and_one_line_of_time(browser: Browser) -> None:
    page = browser.get("/returns/C536807").text

    for text in ("PICNIC BASKET WICKER LARGE", "A/RESELL", "Platform", "Warehouse", "Ledger", "Time line", "message as it came"):
        assert text in page
    answer = browser.get("/returns/nobody")
    assert answer.status_code == 404
    assert "nobody ever heard of this return" in answer.text


@pytest.mark.parametrize(("asked", "found"), [
    ("C5368", "C536807"), ("15834", "C536807"), ("e-2", "C/2 evil"), ("%25", "No return that you may see"),
    ("c536807", "No return that you may see")])
def test_a_return_is_found_by_any_of_its_ids_letter_by_letter(browser: Browser, asked: str, found: str) -> None:
    assert found in browser.get(f"/search?q={asked}").text


def test_what_lies_outside_somebodys_legal_entities_is_not_there(server: Running, store: SqlStore, clock: Now) -> None:
    number = people.add(store, issuer="local", subject="Grete", name="Grete", actor="set-up", now=clock.at)
    with store.begin() as tx:
        people.give(tx, number, Grant(role=Role.FINANCE, tenant=TENANT, entities=frozenset({"de01"})), granted_by="set-up",
                    approved_by="board", now=clock.at)
    grete = inside(server, "Grete")

    assert "DE-1" in grete.get("/returns").text
    for path in ("/returns", "/search?q=C", "/exceptions", "/", "/exports/returns.csv", "/waiting", "/exports/waiting.csv",
                 "/exports/waiting.csv?who=C536807"):
        page = grete.get(path).text
        assert "C536807" not in page, path
        assert "R007" not in page, path
    for path in ("/returns/C536807", "/exceptions/1", "/messages/1", "/messages/1/bytes"):
        assert grete.get(path).status_code == 404, path
    assert "Nobody who waits is called so" in grete.get("/waiting?who=C536807").text
    assert grete.get("/trail").status_code == 403  # it tells of all entities


class Strict(House):
    """A house in which nothing that is asked for makes a version."""

    def mapped(self, *_: Any, **__: Any) -> Any:
        message = "mapping: this row says nothing"
        raise Misconfigured(message)


def test_no_route_lets_in_a_role_or_a_tenant_it_should_not(store: SqlStore, clock: Now) -> None:
    """The matrix of routes, methods, roles, reach and tenants, made from the table of routes; signing out comes last."""
    for name, role in TEAM.items():
        number = people.add(store, issuer="local", subject=f"{name} GB", name=name, actor="admin", now=clock.at)
        with store.begin() as tx:
            people.give(tx, number, Grant(role=role, tenant=TENANT, entities=frozenset({"gb01"})), granted_by="a", approved_by="b",
                        now=clock.at)
    unexpected = []
    with serve(create_app(Strict(store, {TENANT: PROFILE, "other": PROFILE}), clock=clock, sign_in=SIGN_IN)) as server:
        asked = [each for each in routes(server) if each[0] not in OPEN and not each[0].startswith("/static")]
        for (name, role), part in product(TEAM.items(), ("", " GB")):
            browser = inside(server, name + part)
            form = {"form_token": browser.fill(browser.get("/"))["form_token"], "entity": "gb01", "legal_entity": "gb01"}
            for (path, method, told), tenant in product(sorted(asked, key=lambda each: each[0] == "/sign-out"), ("other", TENANT)):
                action = told.get("action")
                if part and (tenant == "other" or (method == "GET" and not told.get("whole"))):
                    continue  # as for who sees all of the tenant
                rights = [RIGHTS.get(each, ()) for each in (action, told.get("also", action))]
                allowed = tenant == TENANT and all(role in each for each in rights) and not (part and told.get("whole"))
                answer = browser.send(method, f"{path}?tenant={tenant}&entity=gb01", form if method == "POST" else None)
                shut = answer.status_code == 403 or (tenant == "other" and answer.status_code == 404)
                if not told.get("anybody") and (shut is allowed or answer.status_code >= 500 or action is None):
                    unexpected.append((method, path, name + part, tenant, answer.status_code))
    assert unexpected == []


@pytest.mark.parametrize(("name", "path", "status"), [
    ("Vera Viewer", "/trail", 403), ("Udo Auditor", "/trail", 200), ("Vera Viewer", "/messages/1", 403),
    ("Wanda Warehouse", "/messages/1", 403), ("Fiona Finance", "/messages/1", 200), ("Ada Admin", "/messages/1/bytes", 403),
    ("Vera Viewer", "/exports/trail.csv", 403),
    ("Vera Viewer", "/exports/returns.csv", 200)])
def test_a_role_sees_what_its_rows_allow(server: Running, name: str, path: str, status: int) -> None:
    assert inside(server, name).get(path).status_code == status


PERSONAL = ("/returns", "/returns/C536807", "/search?q=C536807", "/waiting", "/waiting?who=C536807", "/exports/returns.csv",
            "/exports/waiting.csv", "/exports/exceptions.csv", "/exceptions/2", "/approvals/1",
            "/approvals", "/exports/approvals.csv")
"""Pages and lists that name the customer of a return."""


@pytest.mark.parametrize(("name", "seen"), [("Vera Viewer", False), ("Wanda Warehouse", False), ("Ada Admin", False),
                                            ("Fiona Finance", True), ("Udo Auditor", True)])
def test_a_customer_is_masked_on_every_page_for_whom_they_are_masked_on_one(
        server: Running, browser: Browser, store: SqlStore, clock: Now, name: str, seen: bool) -> None:  # noqa: FBT001  a case of the table
    with store.begin() as tx:
        tx.open_exception(ExceptionCase.about(
            tenant=TENANT, return_ref="C536807", line_id="", money=Money(amount=Decimal(1), currency="GBP"), now=clock.at, teams={},
            findings=(Finding(code="CUSTOMER_UNKNOWN", sentence="?"),)))
    asked = browser.post("/exceptions/2/correct", **browser.fill(
        browser.get("/exceptions/2"), which='["customer", "", "15834"]', value="15835", reason="15834 never bought it"))
    theirs = inside(server, name)

    assert asked.headers["location"].startswith("/approvals/1")
    for path in PERSONAL:
        assert bool(re.search(r"\b15834\b", theirs.get(path).text)) is seen, path
        assert seen or "***" in theirs.get(path).text, path
    assert ("trail" in theirs.get("/returns/C536807").text) is (name not in {"Vera Viewer", "Wanda Warehouse"})


SAID = (
    ("CUSTOMER_UNKNOWN", "The ERP does not know customer '15834'."),
    ("CUSTOMER_ON_HOLD", "Customer '15834' is on hold."),
    ("MATCH_DIFFERS", "Order 500002 was sold to 7701, the return credits 15834."),
    ("HISTORY_ALLOWANCE", "4.25 on top of 10 goes beyond the allowance of 12 for customer 15834 (policy h1)."),
    ("CREDIT_ABOVE_LIMIT", "4.25 on top of 10 GBP to 15834 within a day; up to 12 goes out without a person."),
    ("CHANGED_AFTER_POSTING", "Documents were made for customer 7701, which is 15834 by a correction."),
    ("CHANGED_AFTER_POSTING", "Read by the profile of now, the return is 15834's in GBP and names no more; documents were made for 7701."),
)
"""What the sentences of each kind say that name a customer's account, the return's own or another's."""


@pytest.mark.parametrize(("code", "sentence"), SAID)
def test_no_sentence_shows_an_account_to_whom_it_is_masked_in_a_column(
        server: Running, store: SqlStore, clock: Now, code: str, sentence: str) -> None:
    with store.begin() as tx:
        number = tx.open_exception(ExceptionCase.about(
            tenant=TENANT, return_ref="C536807", line_id="", money=Money(amount=Decimal(1), currency="GBP"), now=clock.at, teams={},
            findings=(Finding(code=code, sentence=sentence),)))
        tx.record(TENANT, subject="C536807", action="exception.seen", at=clock.at, actor="backhaul", detail={"left": {"1": sentence}})
    told = {name: {path: inside(server, name).get(path).text for path in (
        f"/exceptions/{number}", "/exceptions", f"/exceptions?kind={code}", "/returns/C536807", "/exports/exceptions.csv")}
        for name in ("Vera Viewer", "Fiona Finance", "Ada Admin")}
    trails = [{path: inside(server, name).get(path).text for path in ("/trail", "/exports/trail.csv")}
              for name in ("Ada Admin", "Fiona Finance")]

    for name in ("Vera Viewer", "Ada Admin"):
        assert [path for path, page in told[name].items() if ACCOUNT.search(page)] == [], name
        assert "***" in told[name]["/exports/exceptions.csv"]
    assert html.unescape(told["Fiona Finance"][f"/exceptions/{number}"]).count(sentence) == 1
    assert [path for path, page in trails[0].items() if ACCOUNT.search(page)] == []
    assert all(sentence in html.unescape(page) for page in trails[1].values())


def test_what_the_erp_said_shows_no_account_to_whom_it_is_masked_in_a_column(server: Running, store: SqlStore, clock: Now) -> None:
    head = Effect(key=PostingKey(tenant=TENANT, legal_entity="gb01", return_ref="C536807", subject="order:500002", kind=PostingKind.ORDER),
                   document=ReturnOrder(return_ref="C536807", customer="15834", currency="GBP", warehouse="11"), currency="GBP")
    says = "Account 15834 is stopped for invoicing, bill-to customer no. 7701; ask 15834."
    with store.begin() as tx:
        tx.fix(head, mapping_version="m1", window="W1", at=clock.at)
        tx.start(PostingBatch(key="B1", tenant=TENANT, legal_entity="gb01", kind=PostingKind.ORDER, period="2011-03", postings=(head,)),
                 at=clock.at)
        tx.finish(head, "B1", outcome="rejected", detail=says, at=clock.at)
        tx.set_state(head.key, PostingState.REJECTED, note=says, at=clock.at)
        number = tx.open_exception(ExceptionCase.about(
            tenant=TENANT, return_ref="C536807", line_id="", money=Money(amount=Decimal(1), currency="GBP"), now=clock.at, teams={},
            findings=(Finding(code="ERP_REJECTED", sentence=f"The ERP refused it: {says}"),)))

    for name, seen in (("Vera Viewer", False), ("Ada Admin", False), ("Fiona Finance", True)):
        for path in (f"/exceptions/{number}", "/exceptions?kind=ERP_REJECTED", "/returns/C536807", "/exports/exceptions.csv"):
            page = html.unescape(inside(server, name).get(path).text)
            assert set(ACCOUNT.findall(page)) == ({"15834", "7701"} if seen else set()), (name, path)
            assert "stopped for invoicing" in page, (name, path)


def test_what_people_say_about_an_exception_stands_beside_it_under_their_names_and_as_text(
        server: Running, browser: Browser, store: SqlStore) -> None:
    assert "Nobody has said anything" in browser.get("/exceptions/1").text
    said = browser.post("/exceptions/1/comment", **browser.fill(browser.get("/exceptions/1"), text="Rang them. " + EVIL))
    wanda = inside(server, "Wanda Warehouse")
    page = wanda.get("/exceptions/1").text

    assert (said.status_code, said.headers["location"]) == (303, "/exceptions/1?done=noted")
    assert "Fiona Finance" in page
    assert "Rang them. " in page
    assert EVIL not in page
    moved = wanda.post("/exceptions/1/hand-over", **wanda.fill(wanda.get("/exceptions/1"), team="finance", note="Which price?"))
    assert moved.status_code == 303
    page = browser.get("/exceptions/1").text
    assert "Handed over to finance: Which price?" in page
    with store.begin() as tx:
        (row,) = tx.exceptions(TENANT)
        assert row.case.owner == "finance"


def test_a_file_that_was_attached_is_downloaded_by_whoever_may_see_its_return(
        server: Running, browser: Browser, store: SqlStore, clock: Now) -> None:
    photo = b"\x89PNG\r\n\x1a\n<script>alert(1)</script>"
    note = casework.attach(store, TENANT, 1, name='a"b.png', body=photo, actor="person 1", now=clock.at)
    number = people.add(store, issuer="local", subject="Grete", name="Grete", actor="set-up", now=clock.at)
    with store.begin() as tx:
        people.give(tx, number, Grant(role=Role.FINANCE, tenant=TENANT, entities=frozenset({"de01"})), granted_by="set-up",
                    approved_by="board", now=clock.at)

    given = browser.get(f"/evidence/{note}")

    assert f'href="/evidence/{note}"' in browser.get("/exceptions/1").text
    assert (given.content, given.headers["content-type"]) == (photo, "application/octet-stream")
    assert given.headers["content-disposition"] == 'attachment; filename="a_b.png"'
    assert inside(server, "Grete").get(f"/evidence/{note}").status_code == 404
    assert browser.get(f"/evidence/{note + 1}").status_code == 404


def test_whoever_may_not_say_anything_about_an_exception_leaves_no_word(server: Running, store: SqlStore, clock: Now) -> None:
    number = people.add(store, issuer="local", subject="Grete", name="Grete", actor="set-up", now=clock.at)
    with store.begin() as tx:
        people.give(tx, number, Grant(role=Role.FINANCE, tenant=TENANT, entities=frozenset({"de01"})), granted_by="set-up",
                    approved_by="board", now=clock.at)
    for name, status in (("Vera Viewer", 403), ("Udo Auditor", 403), ("Grete", 404)):
        came = inside(server, name)
        form = came.fill(came.get("/"))
        assert came.post("/exceptions/1/comment", **form, text="a word").status_code == status, name
        assert came.post("/exceptions/1/hand-over", **form, team="finance", note="a word").status_code == status, name
        assert came.post("/exceptions/1/retry", **form).status_code == status, name
    fiona = inside(server)
    nobody = fiona.post("/exceptions/1/hand-over", **fiona.fill(fiona.get("/")), team="nobody", note="a word")
    empty = fiona.post("/exceptions/1/comment", **fiona.fill(fiona.get("/")), text=" ")

    assert (nobody.status_code, empty.status_code) == (409, 409)
    assert "handed over to one of" in nobody.text
    with store.begin() as tx:
        assert tx.notes(TENANT, [1]) == []


@dataclass
class Posting(House):
    """A house that can ask an ERP which documents it wants, as the one that posts can."""

    def desk(self, tenant: str, legal_entity: str) -> SimpleNamespace:
        assert (tenant, legal_entity) == (TENANT, "gb01")
        return SimpleNamespace(route=ROUTE)


def test_trying_again_is_recorded_and_where_no_erp_can_be_asked_it_is_refused(server: Running, store: SqlStore, clock: Now) -> None:
    here = inside(server)
    assert here.post("/exceptions/1/retry", **here.fill(here.get("/"))).status_code == 409
    with serve(create_app(Posting(store, {TENANT: PROFILE}), clock=clock, sign_in=SIGN_IN)) as posting:
        there = inside(posting)
        answer = there.post("/exceptions/1/retry", **there.fill(there.get("/")))

    assert (answer.status_code, answer.headers["location"]) == (303, "/exceptions/1?done=retried")
    with store.read() as connection:
        assert any(row.action == "exception.retried" for row in lists.trail(connection, TENANT, subject="C/2 evil", before=None, limit=9))


def test_a_value_is_corrected_from_the_page_of_its_exception_and_shown_before_and_after_it_is(
        server: Running, browser: Browser, store: SqlStore) -> None:
    page = browser.get("/exceptions/1")
    form = browser.fill(page)
    sku = next(value for value in re.findall(r'<option value="([^"]*)">SKU of line', page.text) if "alert" in value)
    which = {"which": html.unescape(sku), "value": "85123A", "reason": "The slip says so"}
    asked = browser.post("/exceptions/1/correct", **form, **which)
    where = asked.headers["location"].partition("?")[0]
    anton = inside(server, "Anton Approver")
    waits = anton.get(where)
    own = browser.post(f"{where}/approve", **browser.fill(browser.get(where)), shown="0" * 64)
    approved = anton.post(f"{where}/approve", **anton.fill(waits))
    told = browser.get("/returns/C%2F2%20evil").text

    assert (asked.status_code, own.status_code, approved.status_code) == (303, 403, 303)
    assert "Before and after" in waits.text
    assert "<dt>After</dt><dd><strong>85123A</strong></dd>" in waits.text
    assert "Somebody corrected a value: sku of line" in told
    assert '<span class="quiet small">told:' in told
    assert "<td>The slip says so</td><td>Fiona Finance</td><td>Anton Approver</td>" in told
    assert EVIL not in waits.text + told + browser.get("/exceptions/1").text
    with store.begin() as tx:
        [fact] = [fact for fact in tx.facts(TENANT, ["C/2 evil"])["C/2 evil"] if isinstance(fact, Corrected)]
        assert (fact.told, fact.value) == (EVIL, "85123A")


@pytest.mark.parametrize("more", [{"which": "x"}, {"which": '["sku"]'}, {"which": '["nothing", "", ""]'}, {"which": '["customer", "", ""]'},
                                  {"kind": "correct"}])
def test_what_is_not_offered_is_not_corrected(browser: Browser, store: SqlStore, more: dict[str, str]) -> None:
    path = "/exceptions/1/propose" if "kind" in more else "/exceptions/1/correct"

    answer = browser.post(path, **browser.fill(browser.get("/")), **({"value": "x"} if "which" in more else {}), reason="x", **more)

    assert answer.status_code == 409
    with store.begin() as tx:
        assert tx.proposals(Scope.whole(TENANT)) == []


@pytest.mark.parametrize(("codes", "ways"), [
    (["PARCEL_LOST"], ["close", "claim"]), (["SURPLUS"], ["waive", "close", "match"]), (["PRICE_ABOVE_SOLD"], ["waive", "close"]),
    (["PRICE_ABOVE_SOLD", "SKU_UNKNOWN"], ["close"]), (["REJECTED_AFTER_CREDIT"], ["close", "debit"]),
    (["BLIND"], ["waive", "close", "match"])])
def test_the_page_offers_the_ways_out_that_fit_all_that_was_found(
        browser: Browser, store: SqlStore, clock: Now, codes: list[str], ways: list[str]) -> None:
    with store.begin() as tx:
        number = tx.open_exception(ExceptionCase.about(
            tenant=TENANT, return_ref="R001", line_id="", money=Money(amount=Decimal(-1), currency="GBP"), now=clock.at, teams={},
            findings=tuple(Finding(code=code, sentence="so it is") for code in codes)))

    page = browser.get(f"/exceptions/{number}").text

    assert re.findall(r'<option value="(\w+)">', page.partition('id="kind"')[2].partition("</select>")[0]) == ways


def test_only_who_may_correct_something_is_offered_it(server: Running) -> None:
    pages = {name: inside(server, name).get("/exceptions/1").text for name in ("Fiona Finance", "Wanda Warehouse", "Vera Viewer")}

    assert {name: "Correct a value" in page for name, page in pages.items()} == {
        "Fiona Finance": True, "Wanda Warehouse": True, "Vera Viewer": False}


class Selling:
    """An ERP that sold two cups to somebody, and one more by another order."""

    def master_data(self, questions: Questions) -> MasterData:
        lines = {name: SaleLine(sku="CUP", quantity=Decimal(units), unit_price=Decimal("2.95"), lot=f"{name}/1")
                 for name, units in (("SO-1", 2), ("SO-2", 1))}
        told = {name: Sale(number=name, customer=EVIL, currency="GBP", lines=(line,)) for name, line in lines.items()}
        wanted = EVIL in questions.buyers or questions.sold is not None
        return MasterData(sales={name: sale for name, sale in told.items() if name in questions.orders or wanted},
                          left_out=questions.sold is not None)


@dataclass
class Asking(House):
    """A house that can ask an ERP what it sold."""

    def desk(self, tenant: str, legal_entity: str) -> SimpleNamespace:
        assert (tenant, legal_entity) == (TENANT, "gb01")
        return SimpleNamespace(route=ROUTE, erp=Selling())


def unplaced(store: SqlStore, clock: Now, *, blind: bool) -> int:
    """Tell of a cup whose sale nobody knows."""
    told = announced(line("CUP", 2, None if blind else "2.95", order=None), blind=blind, customer=None)
    with store.begin() as tx:
        tx.add_facts(TENANT, [replace(told, return_ref="R000")])
        return tx.open_exception(ExceptionCase.about(
            tenant=TENANT, return_ref="R000", line_id="CUP#1", money=Money(amount=Decimal("-5.90"), currency="GBP"), now=clock.at, teams={},
            findings=(Finding(code="BLIND" if blind else "ORDER_MISSING", line_id="CUP#1", sentence="no order"),)))


@pytest.mark.parametrize("blind", [True, False])
def test_a_sale_is_looked_for_shown_with_its_reasons_and_chosen(store: SqlStore, clock: Now, blind: bool) -> None:  # noqa: FBT001  both sorts
    number = unplaced(store, clock, blind=blind)
    with store.begin() as tx:
        tx.save_case(replace(tx.cases(TENANT, ["R000"])["R000"], customer=""))
    with serve(create_app(Asking(store, {TENANT: PROFILE}), clock=clock, sign_in=SIGN_IN)) as asking:
        fiona = inside(asking)
        offered = fiona.get(f"/exceptions/{number}").text
        empty = fiona.get(f"/exceptions/{number}/sales")
        nothing = fiona.get(f"/exceptions/{number}/sales?order=SO-9").text
        found = fiona.get(f"/exceptions/{number}/sales?{urlencode({'customer': EVIL})}")
        choices = [html.unescape(each) for each in re.findall(r'type="radio" name="choice" value="([^"]*)"', found.text)]
        on_days = fiona.get(f"/exceptions/{number}/sales?from=2010-11-19&to=2010-11-21").text
        no_day = fiona.get(f"/exceptions/{number}/sales?from=yesterday")
        wrong = fiona.post(f"/exceptions/{number}/choose", **fiona.fill(found), choice="SO-1", reason="x")
        asked = fiona.post(f"/exceptions/{number}/choose", **fiona.fill(found), choice=choices[0], reason="The slip says so")
        anton = inside(asking, "Anton Approver").get(f"/exceptions/{number}/sales").status_code
        missing = fiona.get("/exceptions/999/sales").status_code

    assert f'href="/exceptions/{number}/sales?list=' in offered
    assert (empty.status_code, "Name what you know" in empty.text, "Nothing that was found" in nothing) == (200, True, True)
    assert found.text.index("SO-1") < found.text.index("SO-2"), "of two units, an order of one is not the first"
    assert "1 of 1 are not returned yet, and 2 came" in found.text
    assert EVIL not in found.text
    assert "19 Nov 2010 to 21 Nov 2010; there are more sales than are shown" in on_days
    assert 'value="2010-11-19"' in on_days
    assert (no_day.status_code, "a day is written like 2026-03-01" in no_day.text) == (409, True)
    assert (wrong.status_code, asked.status_code, anton, missing) == (409, 303, 403, 404)
    with store.begin() as tx:
        [proposal] = tx.proposals(Scope.whole(TENANT))
    assert proposal.kind.value == ("match" if blind else "correct")
    assert dict(proposal.content) == ({"exception": number, "order": "SO-1", "unit_price": "2.95", "customer": EVIL} if blind else
                                      {"exception": number, "what": "order", "line": "CUP#1", "told": "", "value": "SO-1"})


def test_the_warehouse_finds_the_sale_of_a_blind_parcel_and_chooses_it_without_being_shown_whose_it_is(store: SqlStore, clock: Now) -> None:
    number, who = unplaced(store, clock, blind=True), html.escape(EVIL)
    with store.begin() as tx:
        tx.save_case(replace(tx.cases(TENANT, ["R000"])["R000"], customer=""))
    with serve(create_app(Asking(store, {TENANT: PROFILE}), clock=clock, sign_in=SIGN_IN)) as asking:
        wanda, anton = inside(asking, "Wanda Warehouse"), inside(asking, "Anton Approver")
        offered = wanda.get(f"/exceptions/{number}").text
        found = wanda.get(f"/exceptions/{number}/sales?order=SO-1")
        choices = [html.unescape(each) for each in re.findall(r'type="radio" name="choice" value="([^"]*)"', found.text)]
        by_customer = wanda.get(f"/exceptions/{number}/sales?{urlencode({'customer': EVIL})}")
        made_up = wanda.post(f"/exceptions/{number}/choose", **wanda.fill(found), choice='{"order": "SO-9", "unit_price": "1"}', reason="x")
        asked = wanda.post(f"/exceptions/{number}/choose", **wanda.fill(found), choice=choices[0], reason="The slip says so")
        where = asked.headers["location"].partition("?")[0]
        mine, theirs = wanda.get(where).text, anton.get(where).text

    assert f'href="/exceptions/{number}/sales?list=' in offered
    assert "2 of 2 are not returned yet" in found.text
    assert "<td>***</td>" in found.text
    assert 'name="customer"' not in found.text
    assert (by_customer.status_code, made_up.status_code, asked.status_code) == (403, 409, 303)
    assert "no order 'SO-9'" in html.unescape(made_up.text)
    assert not [page for page in (found.text, mine) if who in page or EVIL in page or "alert" in page]
    assert "alert" in theirs, "who approves sees whom it credits"
    with store.begin() as tx:
        [proposal] = tx.proposals(Scope.whole(TENANT))
    assert dict(proposal.content) == {"exception": number, "order": "SO-1", "unit_price": "2.95", "customer": EVIL}


def test_an_approver_sees_what_would_be_posted_or_why_nobody_can_say(server: Running, store: SqlStore, clock: Now) -> None:
    number = unplaced(store, clock, blind=True)
    fiona = inside(server)
    made = fiona.post(f"/exceptions/{number}/propose", **fiona.fill(fiona.get("/"), kind="match", order="SO-1", unit_price="2.95",
                                                                   reason="slip"))
    path = made.headers["location"].partition("?")[0]
    with serve(create_app(Asking(store, {TENANT: PROFILE}), clock=clock, sign_in=SIGN_IN)) as asking:
        seen = inside(asking, "Anton Approver").get(path).text

    unseen = inside(server, "Anton Approver").get(path).text

    assert ("What would be posted" in seen, "in period" in seen or "No document would be made" in seen) == (True, True)
    assert "none can be asked from here" in unseen


def test_a_write_down_is_shown_with_its_lines_accounts_and_period(server: Running, store: SqlStore, clock: Now) -> None:
    lost = {"line": "CUP#1", "sku": EVIL, "units": "2", "before": "sellable", "after": "outlet", "cost": "5.00", "loses": "2.00",
            "moved_on": "2010-12-09", "transfer": "ZZ1"}
    content = {"exception": 99, "amount": "2.00", "currency": "GBP", "debit": "520300", "credit": "", "period": "2010-12", "why": "F-12",
               "journals": ["ZZJOURNAL"], "lines": [lost]}
    with store.begin() as tx:
        kept, _ = tx.add_proposal(Proposal(
            tenant=TENANT, legal_entity="gb01", kind=ProposalKind.WRITE_DOWN, subject="R000", content=content, basis="b", reason="F-12",
            money=Money(amount=Decimal("-2.00"), currency="GBP"), proposer="backhaul", proposed_at=clock.at, needed=2,
            expires_at=clock.at + timedelta(days=30)))

    page = inside(server, "Anton Approver").get(f"/approvals/{kept.id}").text

    assert all(text in page for text in ("What the goods lose", "Debit 520300", "an account nobody named for allowance", "ZZJOURNAL",
                                         "in period 2010-12", "0 of 2"))
    assert "<script>" not in page.replace('<script src="/static/backhaul.js" defer></script>', "")


def typed(page: Browser, **more: str) -> dict[str, str]:
    """Fill in the form for a parcel as it is drawn, with one item."""
    shown = page.get("/parcels?entity=gb01")
    return page.fill(shown, retailer="ZZ1", warehouse="GB-DC-01", parcel="1Z99", note="no slip", **{
        "sku-2": EVIL.rstrip("\u202e"), "units-2": "3", "grade-2": '["A","RESELL"]', "accepted-2": "yes"}, **more)


def test_a_parcel_is_registered_by_a_form_once_and_what_is_wrong_stays_typed(server: Running, store: SqlStore, clock: Now) -> None:
    wanda, retailer = inside(server, "Wanda Warehouse"), min(PROFILE.rules.entity("gb01").retailers)
    form = typed(wanda) | {"retailer": retailer}

    wrong = wanda.post("/parcels/register", **form | {"warehouse": "nowhere", "units-2": "many", "came_on": "2009-01-01"})
    nothing = [each for each in raw(store) if each.source == BY_HAND]
    made = [wanda.post("/parcels/register", **form) for _ in range(2)]
    shown = wanda.get(made[0].headers["location"])
    sought = wanda.get("/search?q=JD-77")
    digest(store, ByHand(), PROFILE.rules, now=clock.at)
    kept = [each.state for each in raw(store) if each.source == BY_HAND]
    unknown = wanda.post("/parcels/register", **typed(wanda) | {"retailer": retailer})

    assert wrong.status_code == 400
    named = dict(re.findall(r'<li><a href="#(refused[-0-9]*)">([^<]+)</a>: [^<]{9,}</li>', wrong.text))
    marks = dict(re.findall(r'name="([^"]+)"[^>]* aria-invalid="true" aria-describedby="([^"]+)"', wrong.text))
    assert {name: named[marks[name]] for name in marks} == {
        "warehouse": "Warehouse it lies in", "came_on": "Came on, if not today", "units-2": "Units"}
    assert [mark for mark in named if not re.search(rf'<span class="refused" id="{mark}">[^<]{{9,}}</span>', wrong.text)] == []
    assert wrong.text.count(" autofocus") == 1
    assert [text for text in ('value="many"', "no slip", "selected>A/RESELL") if text not in wrong.text] == []
    assert (form["sku-2"] in html.unescape(wrong.text), "<script>" in wrong.text) == (True, False)
    assert nothing == []
    assert ('href="/parcels?parcel=JD-77"' in sought.text, 'value="JD-77"' in wanda.get("/parcels?parcel=JD-77").text) == (True, True)
    ref, = {re.search(r"HAND-[0-9A-F]{12}", each.headers["location"])[0] for each in made}  # type: ignore[index]  # it is there
    assert f"Write {ref} on the parcel" in shown.text
    assert kept == ["digested", "duplicate"]
    with store.look() as tx:
        told = tx.facts(TENANT, [ref])[ref]
    assert next(fact.actor for fact in told if isinstance(fact, HandedIn)).startswith("person ")
    assert unknown.status_code == 303, "no return of hers has the number yet"
    with store.begin() as tx:
        tx.save_case(KeptCase(tenant=TENANT, ref=ref, legal_entity="gb01", state=ReturnState.HELD, updated_at=clock.at))
        number = tx.open_exception(ExceptionCase.about(tenant=TENANT, return_ref=ref, line_id="", money=Money(
            amount=Decimal(0), currency="GBP"), now=clock.at, teams={}, findings=(Finding(code="BLIND", sentence="3 came."),)))
    page = wanda.get(f"/exceptions/{number}").text
    assert ("Said with the parcel in hand" in page, "no slip" in page, "<dt>Label</dt>" in page) == (True, True, False)
    asked = wanda.post("/parcels/register", **typed(wanda) | {"retailer": retailer})
    still = wanda.post("/parcels/register", **typed(wanda, another="yes") | {"retailer": retailer, "units-2": "many"})
    assert re.search(r'name="another" value="yes" checked', still.text), "who said that it is another one has said so"
    assert 'name="another"' not in wanda.get("/parcels?entity=gb01").text
    assert (asked.status_code, f"belongs to return {ref}" in html.unescape(asked.text), 'name="another"' in asked.text) == (400, True, True)
    assert wanda.post("/parcels/register", **typed(wanda, another="yes") | {"retailer": retailer}).status_code == 303


def test_a_parcel_is_registered_for_ones_own_legal_entities_with_a_key_and_with_something_in_it(server: Running) -> None:
    wanda = inside(server, "Wanda Warehouse")
    form = typed(wanda)

    assert wanda.post("/parcels/register", **form | {"legal_entity": "nobody"}).status_code == 404
    assert "names no key" in wanda.post("/parcels/register", **form | {"key": ""}).text
    empty = {name: text for name, text in form.items() if not name.endswith("-2")}
    assert "say what lay in it" in wanda.post("/parcels/register", **empty).text
    assert "no row of the mapping has" in html.unescape(wanda.post("/parcels/register", **form | {"grade-2": "nonsense"}).text)
    assert inside(server, "Oskar Operator").get("/parcels").status_code == 403
    assert 'href="/parcels"' in wanda.get("/exceptions").text
    assert 'href="/parcels"' not in inside(server, "Oskar Operator").get("/exceptions").text


def raw(store: SqlStore) -> list[Any]:
    with store.read() as connection:
        return list(connection.execute(tables.deliveries.select().order_by(tables.deliveries.c.id)))


def test_where_no_erp_can_be_asked_no_sale_is_found_and_where_no_line_is_meant_none_is_chosen(
        browser: Browser, store: SqlStore, clock: Now) -> None:
    number = unplaced(store, clock, blind=True)

    away = browser.get(f"/exceptions/{number}/sales?order=SO-1")
    form = browser.fill(browser.get("/"), choice='{"order": "SO-1", "unit_price": "1"}', reason="x")
    nowhere = browser.post("/exceptions/1/choose", **form)

    assert (away.status_code, nowhere.status_code) == (409, 409)
    assert "none can be asked from here" in away.text


def test_every_kind_of_exception_is_explained_to_each_team_and_led_to_from_where_it_is_met(browser: Browser, server: Running) -> None:
    listed = browser.get("/catalogue").text
    told = html.unescape(browser.get("/catalogue/SKU_UNKNOWN").text)
    met, theirs = html.unescape(browser.get("/exceptions/1").text), inside(server, "Wanda Warehouse").get("/exceptions/1").text

    for code in KINDS:
        assert f'href="/catalogue/{code}"' in listed
    assert all(meanwhile("SKU_UNKNOWN", team) in told for team in Team)
    assert "Close it with a reason" in told
    assert 'href="/catalogue/SKU_UNKNOWN"' in met
    assert meanwhile("SKU_UNKNOWN", Team.FINANCE) in met
    assert meanwhile("SKU_UNKNOWN", Team.WAREHOUSE) in theirs
    assert meanwhile("SKU_UNKNOWN", Team.FINANCE) not in theirs
    assert browser.get("/catalogue/NOTHING").status_code == 404


def test_customer_service_sees_who_waits_why_and_what_they_can_be_told(browser: Browser, server: Running) -> None:
    everybody = browser.get("/waiting").text
    found = browser.get("/waiting?who=C536807").text
    nobody = browser.get("/waiting?who=nobody%25").text

    assert "C536807" in everybody
    assert "C/2 evil" in everybody
    assert "R007" not in everybody, "what is settled waits for nothing"
    assert "Your return C/2 evil is with us; one thing has to be settled first." in everybody
    assert "Order " in found
    assert "C/2 evil" not in found
    assert "Nobody who waits is called so" in nobody
    assert EVIL not in everybody
    assert "C/2 evil" in browser.get("/exports/waiting.csv").text
    assert "C/2 evil" not in browser.get("/exports/waiting.csv?who=C536807").text
    assert 'action="/waiting/promise' not in inside(server, "Vera Viewer").get("/waiting").text


@pytest.mark.parametrize("due", ["", "tomorrow", "2001-01-01", "2026-13-01"])
def test_a_promise_without_a_day_to_come_is_none(browser: Browser, due: str) -> None:
    form = browser.fill(browser.get("/waiting?who=C536807"), text="You hear from us", due=due)

    assert browser.post("/waiting/promise", **form).status_code == 409
    assert "Promised until" not in browser.get("/waiting").text


def test_who_waits_is_narrowed_to_promises_and_to_those_of_which_the_day_is_over(server: Running, store: SqlStore, clock: Now) -> None:
    def promise(ref: str, text: str, days: int) -> None:
        casework.promise(store, Scope(tenant=TENANT, entities=None), ref, text=text, due_at=clock.at + timedelta(days=days),
                         actor="person 1", now=clock.at)

    def waits(**asked: str) -> list[str]:
        return [row[0] for row in sheet(browser, "waiting", **asked)]

    promise("C/2 evil", "We call you", 9)
    promise("C/2 evil", "We call you back", 1)
    promise("C536807", "You hear from us", 3)
    promise("R007", "It is settled meanwhile", 1)

    clock.at += timedelta(days=2)
    browser = inside(server)
    made, past = browser.get("/waiting?promise=made").text, browser.get("/waiting?promise=past").text

    assert waits(promise="made") == ["C/2 evil", "C536807"], "what was promised for the soonest first"
    assert waits(promise="past") == ["C/2 evil"]
    assert waits(promise="past", who="C536807") == []
    assert waits(promise="made", who="C536807") == ["C536807"]
    assert sheet(browser, "waiting", promise="past")[0][-2:] == [
        "We call you; We call you back", (clock.at - timedelta(days=1)).isoformat()]
    assert ("C536807" in made, "C/2 evil" in made, "R007" in made) == (True, True, False)
    assert ("C536807" in past, "C/2 evil" in past) == (False, True)
    assert "promise past" in past.casefold()
    assert "/exports/waiting.csv?promise=past" in past


def test_what_a_customer_was_promised_is_shown_to_whoever_looks_next(browser: Browser, server: Running, clock: Now) -> None:
    due = (clock.at + timedelta(days=3)).date().isoformat()
    answer = browser.post("/waiting/promise", **browser.fill(browser.get("/waiting?who=C536807"), text="You hear from us " + EVIL, due=due))
    page = inside(server, "Wanda Warehouse").get("/waiting?who=C536807").text

    assert answer.status_code == 303
    assert "You hear from us" in page
    assert "Fiona Finance" in page
    assert EVIL not in page
    assert browser.post("/waiting/promise", **browser.fill(browser.get("/"), ref="nobody", text="x", due=due)).status_code == 409


CAUSE = {"kind": "PRICE_ABOVE_SOLD", "entity": "gb01", "currency": "GBP", "decision": "waive"}


def trouble(store: SqlStore, clock: Now, *refs: str) -> None:
    """Open an exception of one cause about each of these returns."""
    with store.begin() as tx:
        for ref in refs:
            tx.open_exception(ExceptionCase.about(
                tenant=TENANT, return_ref=ref, line_id="", money=Money(amount=Decimal("-2.50"), currency="GBP"), now=clock.at, teams={},
                findings=(Finding(code="PRICE_ABOVE_SOLD", sentence="dearer than sold"),)))


def test_one_decision_about_all_of_a_cause_is_planned_proposed_approved_and_can_be_stopped_from_the_pages(
        server: Running, browser: Browser, store: SqlStore, clock: Now) -> None:
    trouble(store, clock, "R001", "R002")
    listed = browser.get("/exceptions?kind=PRICE_ABOVE_SOLD").text
    plan = browser.get(f"/causes?{urlencode(CAUSE)}")
    asked = browser.post("/causes/propose", **browser.fill(plan, reason="The price list of March was wrong"))
    number = asked.headers["location"].split("/")[-1].partition("?")[0]
    anton = inside(server, "Anton Approver")
    waits = anton.get(f"/approvals/{number}")
    approved = anton.post(f"/approvals/{number}/approve", **anton.fill(waits))
    runs = browser.get(f"/approvals/{number}").text
    stopped = browser.post(f"/causes/{number}/stop", **browser.fill(browser.get("/")))

    assert 'action="/causes"' in listed
    assert "<strong>2</strong>" in plan.text
    assert "-5.00 GBP" in plan.text
    assert (asked.status_code, approved.status_code, stopped.status_code) == (303, 303, 303)
    assert "0 decided, 2 to do" in runs
    assert "0 decided, 2 to do; stopped" in browser.get(f"/approvals/{number}").text


def test_one_correction_of_all_in_which_the_same_value_is_wrong_begins_on_the_page_of_one(
        server: Running, browser: Browser, store: SqlStore, clock: Now) -> None:
    with store.begin() as tx:
        for ref in ("A-1", "A-2"):
            tx.add_facts(TENANT, [replace(announced(line("OLD-7")), return_ref=ref)])
            tx.save_case(KeptCase(tenant=TENANT, ref=ref, legal_entity="gb01", state=ReturnState.HELD, updated_at=clock.at))
            number = tx.open_exception(ExceptionCase.about(
                tenant=TENANT, return_ref=ref, line_id="OLD-7#1", money=Money(amount=Decimal("-2.50"), currency="GBP"), now=clock.at,
                teams={}, findings=(Finding(code="SKU_UNKNOWN", sentence="nobody knows it", line_id="OLD-7#1"),)))
    cause = {"kind": "SKU_UNKNOWN", "entity": "gb01", "currency": "GBP", "decision": "correct", "what": "sku", "told": "OLD-7"}

    page = browser.get(f"/exceptions/{number}").text
    values = browser.get(f"/causes?{urlencode(cause)}").text
    plan = browser.get(f"/causes?{urlencode(cause | {'value': 'NEW-7'})}")
    asked = browser.post("/causes/propose", **browser.fill(plan, reason="The supplier renamed it"))
    anton = inside(server, "Anton Approver")
    shown = anton.get(asked.headers["location"]).text

    assert "is told in 1 others: correct all" in page
    assert "OLD-7" in values
    assert 'name="value"' in values
    assert "<strong>NEW-7</strong>" in plan.text
    assert asked.status_code == 303
    assert "NEW-7" in shown
    assert browser.get(f"/causes?{urlencode(cause | {'value': 'OLD-7'})}").text.count("Nothing is open of this cause") == 1


def test_what_was_refused_for_one_cause_is_tried_again_by_one_plan_that_the_page_of_one_leads_to(
        server: Running, browser: Browser, store: SqlStore, clock: Now) -> None:
    numbers = []
    for ref in ("R001", "R002"):
        head = Effect(key=PostingKey(tenant=TENANT, legal_entity="gb01", return_ref=ref, subject="order:1", kind=PostingKind.ORDER),
                      document=ReturnOrder(return_ref=ref, customer="15834", currency="GBP", warehouse="11"), currency="GBP")
        with store.begin() as tx:
            tx.fix(head, mapping_version="m1", window="W1", at=clock.at)
            tx.set_state(head.key, PostingState.REJECTED, note="no such warehouse", at=clock.at)
            numbers.append(tx.open_exception(ExceptionCase.about(
                tenant=TENANT, return_ref=ref, line_id="", money=Money(amount=Decimal("-2.50"), currency="GBP"), now=clock.at, teams={},
                findings=(Finding(code="ERP_REJECTED", sentence="The ERP refused it: no such warehouse"),))))
    cause = CAUSE | {"kind": "ERP_REJECTED", "decision": "retry"}

    listed, page = browser.get("/exceptions?kind=ERP_REJECTED").text, html.unescape(browser.get(f"/exceptions/{numbers[0]}").text)
    plan = browser.get(f"/causes?{urlencode(cause)}")
    asked = browser.post("/causes/propose", **browser.fill(plan, reason="The warehouse exists now"))
    where = asked.headers["location"].partition("?")[0]
    anton = inside(server, "Anton Approver")
    approved = anton.post(f"{where}/approve", **anton.fill(anton.get(where)))

    assert '<option value="retry">' in listed
    assert f"/causes?{urlencode({name: cause[name] for name in ('kind', 'entity', 'currency', 'decision')})}" in page
    assert "2 × order" in plan.text.lower()  # noqa: RUF001  as the page writes it
    assert (asked.status_code, approved.status_code) == (303, 303)
    assert "2 exceptions will be tried again" in anton.get(where).text


def test_a_plan_is_narrowed_to_one_value_that_is_told(browser: Browser, store: SqlStore, clock: Now) -> None:
    with store.begin() as tx:
        for ref, sku in (("A-1", "OLD-7"), ("A-2", "OLD-7"), ("A-3", "OLD-8")):
            tx.add_facts(TENANT, [replace(announced(line(sku)), return_ref=ref)])
            tx.save_case(KeptCase(tenant=TENANT, ref=ref, legal_entity="gb01", state=ReturnState.HELD, updated_at=clock.at))
            tx.open_exception(ExceptionCase.about(
                tenant=TENANT, return_ref=ref, line_id=f"{sku}#1", money=Money(amount=Decimal("-2.50"), currency="GBP"), now=clock.at,
                teams={}, findings=(Finding(code="SKU_UNKNOWN", sentence="nobody knows it", line_id=f"{sku}#1"),)))
    cause = CAUSE | {"kind": "SKU_UNKNOWN", "decision": "close"}

    every = html.unescape(browser.get(f"/causes?{urlencode(cause)}").text)
    narrowed = cause | {"what": "sku", "told": "OLD-7"}
    plan = browser.get(f"/causes?{urlencode(narrowed)}")
    asked = browser.post("/causes/propose", **browser.fill(plan, reason="Never ours"))

    assert "Or only those of one value" in every
    assert "told=OLD-7" in every
    assert "told=OLD-8" in every
    assert "<dd><strong>2</strong></dd>" in plan.text
    assert "SKU is told as <strong>OLD-7</strong>" in plan.text
    assert asked.status_code == 303
    assert browser.get(f"/causes?{urlencode(narrowed | {'value': 'NEW-7'})}").status_code == 409


def test_what_came_up_after_the_plan_was_shown_is_not_decided_with_it(browser: Browser, store: SqlStore, clock: Now) -> None:
    trouble(store, clock, "R001")
    plan = browser.get(f"/causes?{urlencode(CAUSE)}")
    trouble(store, clock, "R002")

    answer = browser.post("/causes/propose", **browser.fill(plan, reason="The price list of March was wrong"))

    assert answer.status_code == 409
    assert "changed since the plan was shown" in answer.text


@pytest.mark.parametrize("more", [{"decision": "match"}, {"kind": "NOTHING"}, {"decision": ""}])
def test_what_cannot_be_decided_about_many_alike_has_no_plan(browser: Browser, more: dict[str, str]) -> None:
    assert browser.get(f"/causes?{urlencode(CAUSE | more)}").status_code == 409


def test_whoever_may_not_propose_for_a_legal_entity_sees_no_plan_of_it(server: Running) -> None:
    assert inside(server, "Vera Viewer").get(f"/causes?{urlencode(CAUSE)}").status_code == 403


def test_a_pause_of_a_legal_entity_is_shown_to_whoever_may_see_that_entity(server: Running, store: SqlStore, clock: Now) -> None:
    number = people.add(store, issuer="local", subject="Grete", name="Grete", actor="set-up", now=clock.at)
    with store.begin() as tx:
        people.give(tx, number, Grant(role=Role.FINANCE, tenant=TENANT, entities=frozenset({"de01"})), granted_by="set-up",
                    approved_by="board", now=clock.at)
    pausing.pause(store, PROFILE.rules, "gb01", actor="person 1", reason="the books of gb01 are closed", now=clock.at)

    assert "the books of gb01 are closed" in inside(server).get("/").text
    assert "the books of gb01 are closed" not in inside(server, "Grete").get("/").text


# --- what is taken away ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", exports.SHEETS)
def test_every_list_leaves_as_text_and_as_a_workbook_without_a_formula(server: Running, name: str) -> None:
    browser = inside(server, "Ada Admin" if exports.SHEETS[name].action is Action.SEE_PEOPLE else "Fiona Finance")
    rows = list(csv.reader(io.StringIO(browser.get(f"/exports/{name}.csv").content.decode("utf-8-sig"))))
    book = load_workbook(io.BytesIO(browser.get(f"/exports/{name}.xlsx").content))

    cells = [cell for row in book.active.iter_rows() for cell in row]  # type: ignore[union-attr]  # there is one sheet
    assert [cell.value for cell in cells[:len(rows[0])]] == rows[0]
    assert not [cell for cell in cells if cell.data_type == "f"]
    assert not [text for row in rows for text in row if text.startswith(("=", "+", "@", "\t", "\r"))]


def test_a_negative_amount_stays_a_number_and_a_formula_becomes_text(browser: Browser) -> None:
    (_, row) = csv.reader(io.StringIO(browser.get("/exports/exceptions.csv").content.decode("utf-8-sig")))
    assert row[8] == "-12.50"
    assert row[12].startswith("'=HYPERLINK")

    sheet = load_workbook(io.BytesIO(browser.get("/exports/exceptions.xlsx").content)).active
    assert sheet is not None
    assert sheet["I2"].value == -12.5
    assert sheet["M2"].value.startswith("'=HYPERLINK")
    returns = browser.get("/exports/returns.csv").text
    assert "'=2+5" in returns


@pytest.mark.parametrize("text", [
    "=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "\0=1", " =1", "\ufeff=1", "\uff1d1", "=cmd|' /C calc'!A0"])
def test_every_beginning_of_a_formula_is_made_text(text: str) -> None:
    assert str(exports.safe(text)).startswith("'")
    assert exports.safe(Decimal(-1)) == Decimal(-1)


@pytest.mark.parametrize("name", ["returns", "returns.exe", "nothing.csv", "..%2Fapp.csv"])
def test_an_export_that_is_none_is_not_there(browser: Browser, name: str) -> None:
    assert browser.get(f"/exports/{name}").status_code == 404


def sheet(browser: Browser, name: str, **query: str) -> list[list[str]]:
    """Give the rows of an export, its headings aside."""
    address = f"/exports/{name}.csv?{urlencode(query)}"
    return list(csv.reader(io.StringIO(browser.get(address).content.decode("utf-8-sig"))))[1:]


def test_approvals_causes_and_people_leave_with_what_their_pages_show_to_whom_they_show_it(server: Running, store: SqlStore) -> None:
    browser, ada = inside(server), inside(server, "Ada Admin")
    page = browser.get("/exceptions/1")
    browser.send("POST", "/exceptions/1/propose", browser.fill(page, kind="close", reason='=HYPERLINK("y") nothing comes'))

    (asked,), (cause,) = sheet(browser, "approvals"), sheet(browser, "causes")
    team = sheet(ada, "people")

    assert (asked[1], asked[2], asked[3], asked[5]) == ("C/2 evil", "close", "open", "'=HYPERLINK(\"y\") nothing comes")
    assert cause[0] == "SKU_UNKNOWN"
    assert cause[3:5] == ["1", "0"]
    assert cause[7:] == ["-12.50", "GBP"]
    assert ["Fiona Finance", "finance"] in [[row[1], row[4]] for row in team]
    assert browser.get("/exports/people.csv").status_code == 403
    assert "/exports/people.csv" in ada.get("/administration").text
    assert "/exports/people.csv" not in browser.get("/administration").text
    with store.look() as tx:
        assert len(team) >= len(tx.grants(TENANT))


def test_the_content_of_a_batch_leaves_to_whoever_may_see_its_legal_entity(server: Running, store: SqlStore, clock: Now) -> None:
    head = Effect(key=PostingKey(tenant=TENANT, legal_entity="gb01", return_ref=REF, subject="order:500002", kind=PostingKind.ORDER),
                  document=ReturnOrder(return_ref=REF, customer="15834", currency="GBP", warehouse="11"), currency="GBP")
    with store.begin() as tx:
        tx.close_window(KeptWindow(key="gb01|2010-12|1", tenant=TENANT, legal_entity="gb01", period="2010-12", number=1,
                                   closed_at=clock.at, returns=1))
        tx.fix(head, mapping_version="m1", window="gb01|2010-12|1", at=clock.at)
    number = people.add(store, issuer="local", subject="Grete", name="Grete", actor="set-up", now=clock.at)
    with store.begin() as tx:
        people.give(tx, number, Grant(role=Role.FINANCE, tenant=TENANT, entities=frozenset({"de01"})), granted_by="set-up",
                    approved_by="board", now=clock.at)

    (row,) = sheet(inside(server), "batch-content", batch="gb01|2010-12|1")

    assert row[:3] == ["gb01|2010-12|1", REF, PostingKind.ORDER.value]
    assert row[-1] == "GBP"
    assert sheet(inside(server, "Grete"), "batch-content", batch="gb01|2010-12|1") == []
    assert "/exports/batch-content.csv?batch=gb01" in inside(server).get("/batches/gb01%7C2010-12%7C1").text


def test_batches_and_the_trail_are_narrowed_to_days_on_their_pages_and_in_what_leaves(
    server: Running, store: SqlStore, clock: Now,
) -> None:
    day = date(2020, 3, 31)
    at = datetime(2020, 3, 31, 23, 59, 59, tzinfo=UTC)
    with store.begin() as tx:
        for number, moment in enumerate((at, at + timedelta(seconds=1))):
            tx.close_window(KeptWindow(key=f"W{number}", tenant=TENANT, legal_entity="gb01", period="2020-03", number=number,
                                       closed_at=moment, returns=1))
    browser, auditor = inside(server), inside(server, "Udo Auditor")

    assert [row[0] for row in sheet(browser, "batches", since="2020-03-31", until="2020-03-31")] == ["W0"]
    assert [row[0] for row in sheet(browser, "batches", since="2020-04-01")] == ["W1"]
    assert sheet(browser, "batches", until=f"{day - timedelta(days=1)}") == []
    assert ">W1<" not in browser.get("/batches?until=2020-03-31").text
    assert "No batch was closed on these days" in browser.get("/batches?until=2010-01-01").text
    assert 'value="2020-03-31"' in browser.get("/batches?until=2020-03-31").text
    today = f"{clock.at.date()}"
    rest = [row for row in sheet(auditor, "trail") if row[1] >= today]
    assert sheet(auditor, "trail", since=today)[-len(rest):] == rest
    assert sheet(auditor, "trail", until="2010-01-01") == []
    assert [row[0] for row in sheet(auditor, "trail", before="3")] == ["2", "1"]
    assert "Nothing is recorded on these days" in auditor.get("/trail?until=2010-01-01").text
    assert browser.get("/batches?since=yesterday").status_code == 409


def test_an_export_that_ends_at_its_most_says_so_whichever_list_it_is(
    browser: Browser, store: SqlStore, clock: Now,
) -> None:
    with store.engine.begin() as connection:  # as one statement: fifty thousand windows close in years
        connection.execute(tables.windows.insert(), [
            {"key": f"W{number}", "tenant": TENANT, "legal_entity": "gb01", "period": "2020-03", "number": number, "closed_at": clock.at,
             "returns": 1, "controls": "{}", "ledger": "{}"} for number in range(exports.MOST + 1)])

    rows = sheet(browser, "batches")

    assert len(rows) == exports.MOST + 1
    assert rows[-1] == [f"Only the first {exports.MOST} rows are here; filter the list to get the rest."]
    assert rows[-2][0] == "W1"


def test_whatever_stands_in_an_address_is_a_value_and_no_command(browser: Browser) -> None:
    values = ["'; DROP TABLE cases; --", '" OR 1=1', "%00", "2026-01-01|x", "2026-01-01T00:00:00+00:00|'", "9" * 40, "-1", "\u202e"]
    names = ("state", "after", "owner", "kind", "entity", "subject", "q", "team")
    for path in ("/returns", "/exceptions", "/batches", "/trail", "/search", "/exports/returns.csv", "/exports/proof.csv"):
        for value in values:
            url = httpx.URL(f"{browser.home}{path}", params=dict.fromkeys(names, value))
            assert browser.send("GET", str(url)).status_code == 200, (path, value)


def test_charts_are_drawn_for_people_and_reach_nothing(browser: Browser) -> None:
    for name in ("held", "flow", "age"):
        answer = browser.get(f"/charts/{name}.svg")
        assert answer.headers["content-type"] == "image/svg+xml"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "<script" not in answer.text


# --- the proof -------------------------------------------------------------------------------------------------------


def proved(store: SqlStore, ref: str, *, broken: int = 1, complete: bool = True, period: str = "2010-12",
           stock: str = "0") -> None:
    """Keep a run that found lines of this return broken, and one that waits."""
    at = datetime(2011, 1, 3, 5, tzinfo=UTC)
    lines = [KeptStray(line=f"{ref}|L{number:03d}", return_ref=ref, line_id=f"L{number:03d}", standing="broken", kind="WRONG_AMOUNT",
                       amount=Decimal("1.5"), entity="gb01", currency="GBP", document="=CN-1", since=date(2010, 12, 7))
             for number in range(broken)]
    lines.append(KeptStray(line="", return_ref="", line_id="", standing="orphan", kind="EXTRA_IN_ERP", amount=Decimal(7), document="CN-9"))
    lines.append(KeptStray(line=f"{ref}|W", return_ref=ref, line_id="W", standing="timing", kind="DECISION_AWAITED", amount=Decimal(2)))
    figures = {"lines": 9, "proved": 8 - broken, "in_timing": 1, "broken": broken, "orphans": 1, "complete": complete,
               "reasons": [] if complete else ["gb01: the ERP was not read: <b>away</b>"], "stock_difference": stock,
               "credit_difference": "1.5", "ledger_difference": "-1.5",
               "by_class": {"WRONG_AMOUNT": {"count": broken, "amount": "1.5"}, "EXTRA_IN_ERP": {"count": 1, "amount": "7"}},
               "within": 1, "let_go": [{"row": "tax GBP <2>", "limit": "0.02", "owner": "finance", "reason": "by document", "count": 1,
                                        "amount": {"GBP": "-0.01"}, "gross": {"GBP": "0.01"}}],
               "late": [{"entity": "gb01", "currency": "GBP", "what": "debited", "of": "2010-12", "posted_in": "2011-01", "lines": 3,
                         "units": "-3", "net": "-12.75"}],
               "awaited": {"DECISION_AWAITED": {"count": 1, "amount": "2"}}, "house": {"EVENT_GAP": {"count": 2, "amount": "0"}},
               "entities": {"gb01": {"lines": 9, "proved": 8 - broken, "in_timing": 1, "broken": broken, "orphans": 1, "complete": complete,
                                     "reasons": [], "stock_difference": stock, "credit_difference": {"GBP": "1.5", "EUR": "-0.25"},
                                     "ledger_difference": {}, "by_class": {}, "awaited": {}}}}
    gap = Irregular(kind="EVENT_GAP", subject="=R<7>", sentence="Of return =R<7> message 2, 3 never came.", count=2)
    with store.begin() as tx:
        tx.keep_proof(KeptProof(tenant=TENANT, period=period, day=at.date(), at=at, actor="backhaul", complete=complete, figures=figures,
                                extracts=[{"side": "accepted", "rows": 9, "sha256": "abc123"}]), lines, [gap], [
            KeptWithin(line=f"{ref}|TEA", return_ref=ref, line_id="TEA", measure="tax", amount=Decimal("-0.01"), row="tax GBP <2>",
                       entity="gb01", currency="GBP", document="CN-1")])


def test_a_month_says_what_was_changed_after_its_credit_in_another_one(store: SqlStore, browser: Browser) -> None:
    proved(store, REF)

    page = browser.get("/proof?period=2010-12").text

    assert "gb01: 3 lines credited in 2010-12 are debited in 2011-01, -3 units, net -12.75 GBP." in page


def test_a_month_that_was_never_proved_says_how_to_prove_it(browser: Browser) -> None:
    assert "backhaul reconcile --period" in browser.get("/proof").text
    assert browser.get("/proof?period=2010-12").status_code == 404
    assert browser.get("/proof/2010-12/LATE").status_code == 404


def test_three_clicks_lead_from_a_balance_to_what_the_platform_sent(store: SqlStore, server: Running) -> None:
    proved(store, REF)
    browser, page = inside(server), ""

    month = browser.get("/proof").text
    assert "Credited beyond what was accepted" in month
    assert "abc123" in month
    assert "-0.25 EUR, 1.5 GBP" in month
    for to in ("/proof/2010-12/NOT_PROVED", f"/returns/{REF}", "/messages/1"):
        page = page or month
        assert f'href="{to}' in page, to
        page = browser.get(to).text
    assert REF in page


def test_what_a_tolerance_let_go_is_shown_with_its_owner_and_line_by_line(store: SqlStore, browser: Browser) -> None:
    proved(store, REF)

    month = browser.get("/proof").text
    lines = browser.get("/proof/2010-12/WITHIN_TOLERANCE?row=tax GBP <2>").text
    sheet = list(csv.reader(io.StringIO(browser.get("/exports/within.csv").content.decode("utf-8-sig"))))

    assert "tax GBP &lt;2&gt;" in month
    assert "by document" in month
    assert f'href="/returns/{REF}' in lines
    assert browser.get("/proof/2010-12/WITHIN_TOLERANCE?row=other").status_code == 404
    assert [row[1:3] for row in sheet[1:]] == [["tax GBP <2>", "tax"]]


def test_a_run_that_could_not_read_everything_says_so_and_why(store: SqlStore, browser: Browser) -> None:
    proved(store, REF, complete=False)

    page = browser.get("/proof").text

    assert "Incomplete" in page
    assert "gb01: the ERP was not read: &lt;b&gt;away&lt;/b&gt;" in page
    assert "belong" in browser.get("/proof/2010-12/EXTRA_IN_ERP").text
    assert "holds it for a person" in browser.get("/proof/2010-12/DECISION_AWAITED").text


def test_many_lines_of_a_class_come_page_by_page_and_leave_as_a_sheet(store: SqlStore, browser: Browser) -> None:
    proved(store, REF, broken=lists.PAGE + 2)
    proved(store, REF, period="2010-11")

    first = browser.get("/proof/2010-12/WRONG_AMOUNT").text
    second = browser.get(f"/proof/2010-12/WRONG_AMOUNT?after={lists.PAGE}").text
    rows = list(csv.reader(io.StringIO(browser.get("/exports/proof.csv?kind=WRONG_AMOUNT").content.decode("utf-8-sig"))))

    assert (first.count("<tr>"), second.count("<tr>")) == (lists.PAGE + 1, 3)
    assert "Next page" in first
    assert "Next page" not in second
    assert len(rows) == lists.PAGE + 3
    assert rows[1][:6] == ["2010-12", "broken", "WRONG_AMOUNT", "finance", REF, "L000"]
    assert rows[1][7:9] == ["'=CN-1", "1.5"]
    assert len(list(csv.reader(io.StringIO(browser.get("/exports/proof.csv?period=2010-11").text)))) == 4


def test_the_work_a_break_makes_leads_to_the_proof_it_comes_from(store: SqlStore, browser: Browser) -> None:
    proved(store, REF)
    with store.begin() as tx:
        number = tx.open_exception(ExceptionCase.about(
            tenant=TENANT, return_ref="proof:2010-12", line_id=f"{REF}|L000", money=Money(amount=Decimal("1.50"), currency="GBP"),
            now=datetime.now(UTC), teams={}, findings=(Finding(code="PROOF_BROKEN", sentence="WRONG_AMOUNT: it differs."),)))

    assert f'href="/exceptions/{number}?list=' in browser.get("/exceptions?kind=PROOF_BROKEN").text
    assert 'href="/proof?period=2010-12"' in browser.get(f"/exceptions/{number}").text


def test_what_is_wrong_with_the_house_is_led_to_from_the_month_and_leaves_as_a_sheet(store: SqlStore, browser: Browser) -> None:
    proved(store, REF)

    month = browser.get("/proof").text
    page = browser.get("/proof/2010-12/EVENT_GAP").text
    rows = list(csv.reader(io.StringIO(browser.get("/exports/house.csv").content.decode("utf-8-sig"))))

    assert 'href="/proof/2010-12/EVENT_GAP"' in month
    assert "message 2, 3 never came" in page
    assert "=R&lt;7&gt;" in page
    assert rows[1][1:4] == ["EVENT_GAP", "integration", "'=R<7>"]
    assert browser.get("/proof/2010-12/AUDIT_GAP").status_code == 404


def test_what_the_shop_offers_otherwise_than_is_on_sale_is_listed_counted_and_leaves_as_a_sheet(store: SqlStore, browser: Browser) -> None:
    empty = browser.get("/availability").text
    stated = KeptStatement(tenant=TENANT, sort="availability", name="shop.csv", sha256="ab12", body=b"x", rows=900, actor="fiona",
                           at=datetime(2011, 1, 3, 5, tzinfo=UTC))
    rows = [Compared(sku=f"S{number:03d}", at="WEB", entity="gb01", warehouse="GB-SHOP", shop=Decimal(number), erp=Decimal(0),
                     told=Decimal(number), standing=Standing.DIFFERS if number else Standing.IN_FLIGHT) for number in range(lists.PAGE + 2)]
    with store.begin() as tx:
        tx.keep_statement(stated, [])
        tx.keep_statement(stated, rows)

    first = browser.get("/availability").text
    second = browser.get(f"/availability?after={lists.PAGE}").text

    assert "backhaul availability --file" in empty
    assert "900" in first
    assert ("S001" in first, "S000" in first, "S000" in second) == (True, False, True)
    assert len(list(csv.reader(io.StringIO(browser.get("/exports/availability.csv").text)))) == lists.PAGE + 3
# --- the roll-forward ------------------------------------------------------------------------------------------------


def rolled_forward(store: SqlStore, period: str = "2010-12") -> None:
    """Keep a proof of a month that rolled one payment forward, which the clearing account lacks a part of."""
    whose, first, last = Whose(entity="gb01", brand="QX501", warehouse="GB-DC-01", currency="GBP"), date(2010, 12, 1), date(2010, 12, 31)
    moves = (Movement(flow=Flow.PAID, whose=whose, name="payouts", item="psp:=P-1", day=date(2010, 12, 4), amount=Decimal("10.20"),
                      return_ref=REF, document="=P-1"),)
    ties = (Tie(flow=Flow.PAID, whose=whose, account="202900", document="V1", day=date(2010, 12, 4), open=Decimal("9.00"), text="Payout"),)
    rows = roll(moves, ties, {(Flow.PAID, "gb01"): Account(name="202900")}, {"gb01": Period(name="2010-12", first=first, last=last)})
    rolling.keep(store, TENANT, period, Rolled(first=first, day=last, rows=rows, movements=moves, ties=ties, reasons=("<b>half</b> read",)))
    at = datetime(2011, 1, 3, 5, tzinfo=UTC)
    with store.begin() as tx:
        tx.keep_proof(KeptProof(tenant=TENANT, period=period, day=at.date(), at=at, actor="backhaul", complete=True, extracts=[], figures={
            "lines": 0, "proved": 0, "in_timing": 0, "broken": 0, "orphans": 0, "reasons": [], "stock_difference": "0", "by_class": {},
            "credit_difference": "0", "ledger_difference": "0", "awaited": {}, "roll_forward": [rolling.figures(row) for row in rows],
            "payouts": {"count": 2, "matched": 1, "in_timing": 0, "broken": 1, "source": "platform", "awaited": {},
                        "by_class": {"PAID_TWICE": {"count": 1, "amount": "10.20"}}}}), [
            KeptStray(line="", return_ref=REF, line_id="", standing="broken", kind="PAID_TWICE", amount=Decimal("10.20"), currency="GBP")])


def test_nothing_rolled_forward_says_how_to(browser: Browser) -> None:
    assert "backhaul roll-forward --period" in browser.get("/roll-forward").text
    assert browser.get("/roll-forward?period=2010-12").status_code == 404
    assert browser.get("/roll-forward/lines?flow=paid&cell=closing").status_code == 404
    assert "Nothing to show" in browser.get("/charts/roll-forward.svg?flow=paid").text


def test_three_clicks_lead_from_what_is_paid_and_not_credited_to_what_the_platform_sent(store: SqlStore, server: Running) -> None:
    rolled_forward(store)
    browser, page = inside(server), ""

    month = browser.get("/roll-forward").text

    for told in ("10.20", "-1.20", "9.00", "202900", "&lt;b&gt;half&lt;/b&gt; read", "Incomplete"):
        assert told in month, told
    for to in ("/roll-forward/lines?", f"/returns/{REF}", "/messages/1"):
        page = page or month
        address = re.search(f'href="({re.escape(to)}[^"]*)"', page)
        assert address, to
        page = browser.get(html.unescape(address[1])).text
    assert REF in page


def test_a_roll_forward_is_drawn_and_leaves_as_a_sheet_and_so_do_the_lists_beside_it(store: SqlStore, browser: Browser) -> None:
    rolled_forward(store)

    chart = browser.get("/charts/roll-forward.svg?flow=paid&period=2010-12")
    (_, row) = csv.reader(io.StringIO(browser.get("/exports/roll-forward.csv").content.decode("utf-8-sig")))

    assert (chart.status_code, chart.headers["content-type"]) == (200, "image/svg+xml")
    assert "GBP" in chart.text
    assert row[:7] == ["2010-12", "paid", "gb01", "QX501", "GB-DC-01", "GBP", "0"]
    assert row[10:12] == ["9.00", "-1.20"]
    for name in ("uncredited", "settlements"):
        assert browser.get(f"/exports/{name}.xlsx?period=2010-12").status_code == 200
    where = {"flow": "paid", "entity": "gb01", "brand": "QX501", "warehouse": "GB-DC-01", "currency": "GBP"}
    (line,) = sheet(browser, "roll-forward-lines", period="2010-12", cell="closing", **where)
    assert line[6:] == ["closing", REF, "", "psp:=P-1", "'=P-1", "2010-12-04", "27", "10.20", ""]
    assert "/exports/roll-forward-lines.csv?period=2010-12" in browser.get(
        f"/roll-forward/lines?{urlencode({'period': '2010-12', 'cell': 'closing'} | where)}").text
    assert sheet(browser, "roll-forward-lines", period="2010-12", cell="nothing", **where) == []


@pytest.fixture
def provided(store: SqlStore) -> Iterator[Browser]:
    """Give a browser of finance where the profile names a payment provider."""
    rules = replace(PROFILE.rules, payouts=PayoutRules(providers=("psp",)))
    with serve(create_app(House(store, {TENANT: replace(PROFILE, rules=rules)}), clock=Now(), sign_in=SIGN_IN)) as running:
        yield inside(running)


def test_payments_without_a_credit_note_are_listed_for_the_vat_period_that_is_chosen(store: SqlStore, provided: Browser) -> None:
    rolled_forward(store)
    with store.begin() as tx:
        tx.keep_payments(TENANT, [Payment(provider="psp", reference=f"=P-{number}", status=PaymentStatus.PAID, amount=Decimal("10.20"),
                                          currency="GBP", day=day, returns=(REF,)) for number, day in enumerate((
                                              date(2010, 11, 30), date(2010, 12, 4), date(2011, 1, 31), date(2011, 2, 1)))],
                         sheet="", at=datetime(2011, 2, 1, 5, tzinfo=UTC))
    led = re.search('href="([^"]*/uncredited[^"]*)"', provided.get("/roll-forward").text)
    assert led

    month, quarter = provided.get(html.unescape(led[1])).text, provided.get("/roll-forward/uncredited?period=2010-12&until=2011-01").text
    sheet = re.search('href="([^"]*exports/uncredited.csv[^"]*)"', quarter)
    assert sheet
    rows = list(csv.reader(io.StringIO(provided.get(html.unescape(sheet[1])).content.decode("utf-8-sig"))))

    assert [f"=P-{number}" in month for number in range(4)] == [False, True, False, False]
    assert [f"=P-{number}" in quarter for number in range(4)] == [False, True, True, False]
    assert [row[6] for row in rows[1:]] == ["'=P-1", "'=P-2"]
    assert "no payment of it waits" in provided.get("/roll-forward/uncredited").text.lower(), "without a period it is this month"
    assert provided.get("/roll-forward/uncredited?period=2010-13").status_code == 404
    assert "/roll-forward/uncredited?period=2010-12" in provided.get("/close?period=2010-12").text


def test_payments_that_are_broken_stand_on_the_page_of_the_proof(store: SqlStore, browser: Browser) -> None:
    rolled_forward(store)

    page = browser.get("/proof").text

    assert "What customers were paid" in page
    assert "stands in for" in page
    assert "Holds" not in page
    assert "holds" not in browser.get("/").text.partition("Proof of the months")[2].partition("</table>")[0].lower()
    assert 'href="/proof/2010-12/PAID_TWICE"' in page
    assert REF in browser.get("/proof/2010-12/PAID_TWICE").text


def test_who_may_have_a_month_proved_asks_once_and_sees_how_far_it_is(store: SqlStore, server: Running) -> None:
    fiona, vera = inside(server, "Fiona Finance"), inside(server, "Vera Viewer")
    page = fiona.get("/proof")
    asked = fiona.send("POST", "/proof/now", fiona.fill(page, period="2010-12"))
    shown = fiona.get("/proof").text
    again = fiona.send("POST", "/proof/now", fiona.fill(page, period="2010-12"))
    conclude(store, TENANT, outcome="stopped: gb01 does not answer")
    stopped = fiona.get("/proof").text
    refused = vera.send("POST", "/proof/now", vera.fill(vera.get("/tokens"), period="2010-12"))

    assert (asked.status_code, again.status_code, refused.status_code) == (303, 409, 403)
    assert "The proof of 2010-12 that Fiona Finance wanted waits for the next turn" in shown
    assert "Prove now" not in shown
    assert "gb01 does not answer" in stopped
    assert "Prove now" in stopped
    assert "Prove now" not in vera.get("/proof").text


def test_a_close_looks_ahead_on_its_page_in_its_chart_and_by_no_month_that_is_none(browser: Browser) -> None:
    page = browser.get("/close?period=2010-12").text

    chart = browser.get("/charts/close.svg?period=2010-12")

    assert "What will still be open at the cut-off" in page
    assert "SKU unknown" in page
    assert "Nothing waits for a window or is on its way." in page
    assert "left at the cut-off" in chart.text
    assert "Nothing to show" in browser.get("/charts/close.svg?period=2010-13").text


def test_a_close_says_what_the_books_would_refuse_and_which_period_would_take_it(browser: Browser, store: SqlStore, clock: Now) -> None:
    here = PROFILE.rules.entity("gb01")
    head = Effect(key=PostingKey(tenant=TENANT, legal_entity="gb01", return_ref="R-9", subject="order:500002", kind=PostingKind.ORDER),
                  document=ReturnOrder(return_ref="R-9", customer="15834", currency="GBP", warehouse="11"), currency="GBP")
    with store.begin() as tx:
        tx.plan(TENANT, "R-9", [head], held_lines=(), now=clock.at)
        books.keep(tx, TENANT, here, MasterData(
            periods=[Told(first=clock.at.date(), last=date.max, status=Status.ON_HOLD, module="sales")],
            jobs=[Job(name="Invoice <b>", standing=JobStanding.WITHHELD)]), clock.at)
    period = here.calendar.period_of(clock.at.date())

    page = browser.get(f"/close?period={period}").text

    assert "is on hold for sales. It could be posted in no period yet." in page
    assert ">Refused<" in page
    assert ">Job withheld<" in page
    assert "The job &#39;Invoice &lt;b&gt;&#39; of gb01 is withheld" in page


def test_a_month_is_signed_on_its_page_and_what_moves_then_is_told_there(store: SqlStore, server: Running, clock: Now) -> None:
    fiona, wanda, anton = (inside(server, name) for name in ("Fiona Finance", "Wanda Warehouse", "Anton Approver"))
    proved(store, REF)

    page = wanda.get("/close?period=2010-12")
    form = wanda.fill(page)
    refused = fiona.post("/close/sign", **form | fiona.fill(fiona.get("/close")) | {
        name: form[name] for name in ("period", "entity", "signer", "shown")})
    signed = wanda.post("/close/sign", **form)
    after = wanda.get(signed.headers["location"]).text
    proved(store, REF, stock="2")
    moved = wanda.get("/close?period=2010-12").text
    clock.at += STEP_UP * 2
    anew = anton.post("/close/sign", **anton.fill(anton.get("/close?period=2010-12")) | {
        "period": "2010-12", "entity": form["entity"], "signer": "reviewer", "shown": form["shown"]})
    wrong = wanda.post("/close/sign", **wanda.fill(wanda.get("/")) | {"period": "2010-1", "signer": "warehouse"})

    assert form["signer"] == "warehouse"
    assert (refused.status_code, signed.status_code, wrong.status_code) == (403, 303, 409)
    assert "Your signature is kept" in after
    assert "Signed by Wanda Warehouse" in after
    assert "stock difference: 0 → 2" in moved
    assert anew.headers["location"].startswith("/sign-in")
    assert fiona.get("/close").status_code == 200
    assert fiona.get("/close?period=2010-1").status_code == 404


def test_the_pack_of_a_month_is_downloaded_as_workbook_and_paper_by_who_may_see_the_trail(
    store: SqlStore, server: Running, browser: Browser, tmp_path: Path,
) -> None:
    extracts = []
    for side in SIDES:
        write(side, [], str(tmp_path / side) + ".parquet")
        content = (tmp_path / f"{side}.parquet").read_bytes()
        extracts.append({"side": side, "rows": 0, "file": str(tmp_path / f"{side}.parquet"), "sha256": hashlib.sha256(content).hexdigest()})
    at = datetime(2011, 1, 3, 5, tzinfo=UTC)
    with store.begin() as tx:
        tx.keep_proof(KeptProof(tenant=TENANT, period="2010-12", day=at.date(), at=at, actor="backhaul", complete=True,
                                figures={"credit_difference": "0"}, extracts=extracts), [])

    page = browser.get("/close?period=2010-12").text
    seen = inside(server, "Udo Auditor").get("/close-pack/2010-12.xlsx")
    book, paper = browser.get("/close-pack/2010-12.xlsx"), browser.get("/close-pack/2010-12.pdf")
    unwritten = not (tmp_path / "packs").exists()
    wanda = inside(server, "Wanda Warehouse")
    theirs = wanda.post("/close/archive", **wanda.fill(wanda.get("/")), period="2010-12").status_code
    asked = browser.fill(browser.get("/")) | {"period": "2010-12"}
    put_away = [browser.post("/close/archive", **asked | more) for more in ({"form_token": "forged"}, {"period": "2010-1"}, {})]
    after = browser.get(put_away[-1].headers["location"]).text

    with store.look() as tx:
        packed = [entry for entry in tx.trail(TENANT, subject="close:2010-12") if entry.action == "close.packed"]
        fiona = next(person.actor for person in tx.people() if person.name == "Fiona Finance")
    archived = {file.suffix: file.read_bytes() for file in (tmp_path / "packs" / TENANT / "2010-12").iterdir()}
    assert (seen.content, unwritten) == (book.content, True), "a download writes nothing"
    assert (theirs, [each.status_code for each in put_away]) == (403, [403, 409, 303])
    assert ("No pack of this month" in page, f"<code>{hashlib.sha256(book.content).hexdigest()[:16]}</code>" in after) == (True, True)
    assert archived == {".xlsx": book.content, ".pdf": paper.content}
    assert [(entry.actor, entry.detail["sha256"]["pdf"]) for entry in packed] == [(fiona, hashlib.sha256(paper.content).hexdigest())]
    assert "/close-pack/2010-12.pdf" in page
    assert "Tie-out" in load_workbook(io.BytesIO(book.content)).sheetnames
    assert paper.content.startswith(b"%PDF")
    assert "/close-pack/" not in browser.get("/close?period=2010-11").text
    assert [browser.get(f"/close-pack/{name}").status_code for name in ("2010-12.doc", "2010-1.pdf", "2010-11.pdf")] == [404, 404, 409]
    assert inside(server, "Wanda Warehouse").get("/close-pack/2010-12.pdf").status_code == 403


def test_a_proof_is_shown_to_who_may_see_every_legal_entity(store: SqlStore, server: Running) -> None:
    proved(store, REF)
    with store.begin() as tx:
        (number,) = [person.number for person in tx.people() if person.name == "Vera Viewer"]
        for kept in tx.grants(TENANT):
            if kept.person == number:
                tx.revoke_grant(TENANT, kept.id, actor="ada", at=datetime.now(UTC))
        people.give(tx, number, Grant(role=Role.VIEWER, tenant=TENANT, entities=frozenset({"gb01"})), granted_by="a", approved_by="b",
                    now=datetime.now(UTC))
    vera = inside(server, "Vera Viewer")

    assert "/proof" not in vera.get("/").text
    assert {vera.get(path).status_code for path in ("/proof", "/proof/2010-12/WRONG_AMOUNT", "/exports/proof.csv", "/availability",
                                                    "/exports/availability.csv", "/exports/house.csv")} == {403}
    assert [vera.get(path).status_code for path in (
        "/proof", "/proof/2010-12/WRONG_AMOUNT", "/exports/proof.csv", "/roll-forward", "/roll-forward/lines", "/charts/roll-forward.svg",
        "/exports/roll-forward.csv", "/exports/uncredited.csv", "/exports/settlements.csv")] == [403] * 9

"""A controller sees how things stand; whatever a stranger wrote stays text."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.entrypoints.test_hooks import House

from backhaul.adapters.sql.store import SqlStore
from backhaul.adapters.zigzag.wire import ZigZagWire
from backhaul.application.ports import KeptCase
from backhaul.application.receive import digest, keep
from backhaul.config import load_profile
from backhaul.domain.delivery import Delivery
from backhaul.domain.lifecycle import ReturnState
from backhaul.entrypoints.web.app import create_app, serve

EXAMPLES = Path(__file__).parents[2] / "examples"
PROFILE = load_profile(EXAMPLES / "profiles" / "online-retail.toml", {}, offline=True)
TENANT = PROFILE.tenant
EVIL = "<script>alert(1)</script>\"'&\u202e"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """Give a store with one inspected return that was read, one hostile one, and sixty in a list."""
    kept = SqlStore(f"sqlite:///{tmp_path / 'backhaul.sqlite'}")
    kept.migrate()
    told = json.loads((EXAMPLES / "payloads" / "typed.json").read_text(encoding="utf-8"))
    evil = json.loads(json.dumps(told).replace("Changed my mind", "EVIL")) | {"eventId": "e-2"}
    evil["return"] |= {"returnId": "C/2 evil", "customer": EVIL}
    evil["return"]["lines"][0] |= {"description": EVIL, "reason": EVIL, "sku": EVIL}
    now = datetime.now(UTC)
    with kept.begin() as tx:
        keep(tx, [Delivery(tenant=TENANT, source="zigzag", identity=each["eventId"], body=json.dumps(each).encode(), received_at=now)
                  for each in (told, evil)])
    digest(kept, ZigZagWire(PROFILE.wire), PROFILE.rules, now=now)
    with kept.begin() as tx:
        case = KeptCase(tenant=TENANT, ref=told["return"]["returnId"], legal_entity="gb01", state=ReturnState.HELD, stage="inspected",
                        customer="15834", currency="GBP", net=Decimal("1234.5"), updated_at=now)
        tx.save_case(case)
        tx.save_case(replace(case, ref="C/2 evil", customer=EVIL))
        for number in range(60):
            tx.save_case(replace(case, ref=f"R{number:03d}", state=ReturnState.SETTLED))
    yield kept
    kept.close()


@pytest.fixture
def browser(store: SqlStore) -> Iterator[httpx.Client]:
    """Give a browser on a running server."""
    with serve(create_app(House(store, {TENANT: PROFILE}))) as server, httpx.Client(base_url=server.base_url, trust_env=False) as client:
        yield client


def test_health_tells_what_is_stored_and_how_long_it_waits(browser: httpx.Client) -> None:
    answer = browser.get("/health")

    told = answer.json()
    assert answer.status_code == 200
    assert (told["status"], told["database"]) == ("ok", "ok")
    assert told["profiles"] == {TENANT: PROFILE.version}
    assert told["deliveries"][TENANT]["digested"] == 2
    assert told["oldest_undigested_seconds"] is None


def test_health_fails_loudly_when_the_database_is_away(tmp_path: Path) -> None:
    gone = SqlStore(f"sqlite:///{tmp_path / 'empty.sqlite'}")
    with serve(create_app(House(gone, {TENANT: PROFILE}))) as server:
        answer = httpx.get(f"{server.base_url}/health", trust_env=False)
    gone.close()

    assert (answer.status_code, answer.json()["database"]) == (500, "failing")


def test_the_list_shows_state_goods_and_money_and_can_be_searched_and_paged(browser: httpx.Client) -> None:
    first = browser.get("/").text
    assert "1,234.50 GBP" in first
    assert "62 returns" in first
    assert "Page 1 of 2" in first

    assert "Page 2 of 2" in browser.get("/?page=2").text
    found = browser.get("/", params={"q": "r007"}).text
    assert "R007" in found
    assert "R008" not in found
    assert "60 returns" in browser.get("/?state=settled").text
    assert "No return fits" in browser.get("/?q=%25").text  # a wildcard of the database is a letter like any other


def test_one_return_shows_its_lines_and_what_was_said(browser: httpx.Client) -> None:
    page = browser.get("/cases/C536807").text

    for text in ("PICNIC BASKET WICKER LARGE", "A/RESELL", "Announced", "Trail", "PRE-2010-12"):
        assert text in page


@pytest.mark.parametrize("path", ["/", "/cases/C%2F2%20evil"])
def test_hostile_text_is_shown_as_text(browser: httpx.Client, path: str) -> None:
    page = browser.get(path).text

    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_every_answer_has_the_security_headers_and_no_page_needs_a_script(browser: httpx.Client) -> None:
    for path in ("/", "/cases/C536807", "/cases/nobody", "/nowhere", "/health", "/static/backhaul.css", "/?page=x"):
        answer = browser.get(path)
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "style=" not in answer.text
        assert "<script" not in answer.text


def test_what_is_not_there_is_said_in_a_sentence(browser: httpx.Client) -> None:
    answer = browser.get("/cases/nobody")

    assert answer.status_code == 404
    assert "nobody ever heard of this return" in answer.text
    assert browser.get("/?tenant=other").status_code == 404
    told: Any = browser.post("/")
    assert told.status_code == 405

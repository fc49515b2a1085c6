# ruff: noqa: F811  fixtures come by import and are asked for by name
"""A day at the console: a list worked through, a form sent back with what was typed, people let in and out."""

import html
import re
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest
from tests.entrypoints.test_web import (  # noqa: F401  fixtures are found by their names
    TENANT,
    Now,
    browser,
    clock,
    filled,
    inside,
    server,
    store,
)
from tests.entrypoints.visiting import Browser

from backhaul.adapters.sql.store import SqlStore
from backhaul.application import people
from backhaul.application.ports import KeptWindow
from backhaul.application.proof_ports import KeptProof
from backhaul.domain.access import Grant, Role
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.money import Money
from backhaul.entrypoints.web.door import STEP_UP
from backhaul.entrypoints.web.serving import Running


def link(page: httpx.Response, words: str) -> str:
    """Give where a link of a page leads; empty if there is none of these words."""
    found = re.search(rf'<a[^>]* href="([^"]+)"[^>]*>{words}</a>', page.text)
    return html.unescape(found[1]) if found else ""


@pytest.fixture
def three(store: SqlStore, clock: Now) -> list[int]:
    """Open three exceptions of one cause, due one after the other, with one of another cause between them."""
    opened = []
    for number, code in enumerate(("TAX_DIFFERS", "PRICE_ABOVE_SOLD", "TAX_DIFFERS", "TAX_DIFFERS")):
        with store.begin() as tx:
            kept = tx.open_exception(ExceptionCase.about(
                tenant=TENANT, return_ref="C536807", line_id=str(number), money=Money(amount=Decimal(-1), currency="GBP"),
                now=clock.at + timedelta(minutes=number), teams={}, findings=(Finding(code=code, sentence="Too late"),)))
        opened += [kept] if code == "TAX_DIFFERS" else []
    return opened


def test_a_list_is_worked_through_from_page_to_page_also_past_what_was_resolved(
    browser: Browser, three: list[int], server: Running, clock: Now,
) -> None:
    one = browser.get(link(browser.get("/exceptions?kind=TAX_DIFFERS"), "C536807"))
    said = browser.post(html.unescape(re.findall(r'action="([^"]+/propose[^"]*)"', one.text)[0]), **browser.fill(one), kind="close",
                        reason="It came all the same")
    waits = browser.get(said.headers["location"])
    two = browser.get(link(waits, "Next"))
    anton = inside(server, "Anton Approver")
    shown = anton.get(said.headers["location"])
    clock.at += STEP_UP * 2
    stale = anton.post(html.unescape(re.findall(r'action="([^"]+/approve[^"]*)"', shown.text)[0]), **anton.fill(shown))
    anton = inside(server, "Anton Approver")
    anton.post(f"{waits.url.path}/approve", **anton.fill(anton.get(waits.url.path)))
    back = browser.get(link(two, "Previous"))
    last = browser.get(link(two, "Next"))

    assert [each.url.path for each in (one, two, last)] == [f"/exceptions/{number}" for number in three]
    assert [">1 of 3<" in one.text, ">2 of 3<" in two.text] == [True, True]
    assert (link(one, "Previous"), link(last, "Next")) == ("", "")
    assert ("list=" in said.headers["location"], waits.url.path.startswith("/approvals/")) == (True, True)
    assert "list%3D" in stale.headers["location"], "who proves anew who they are comes back to the list as well"
    assert back.url.path == one.url.path
    assert link(back, "Next")
    assert link(last, "To the list") == "/exceptions?kind=TAX_DIFFERS"


@pytest.mark.parametrize("told", ["", "at=yesterday|1", "at=2026-11-27T00:00:00Z|9999999999999999999", "at=0001-01-01T00:00:00%2b14:00|1",
                                  "kind=<script>&at=2026-11-27T00:00:00Z|1", "&&&=", "%ff"])
def test_whatever_an_address_says_of_a_list_the_page_of_an_exception_is_there(browser: Browser, told: str) -> None:
    page = browser.get(f"/exceptions/1?{httpx.QueryParams(list=told)}")

    assert page.status_code == 200
    assert "<script>" not in page.text


# --- a form that is refused ------------------------------------------------------------------------------------------------


def test_a_refused_comment_comes_back_on_its_page_with_what_was_typed_and_why_beside_it(browser: Browser) -> None:
    page, typed = browser.get("/exceptions/1"), 'Rang "them" <b>twice</b>\n& wrote'

    long = browser.post("/exceptions/1/comment", **browser.fill(page, text=typed + "x" * 2100))
    handed = browser.post("/exceptions/1/hand-over", **browser.fill(page, team="warehouse", note=""))
    again = browser.post("/exceptions/1/comment", **browser.fill(long, text=typed))

    assert (long.status_code, handed.status_code, again.status_code) == (409, 409, 303)
    assert long.text.count("<h1>") == 1
    assert f"\n{html.escape(typed)}x" in long.text
    assert re.search(r'<textarea id="text"[^>]* autofocus aria-invalid="true" aria-describedby="refused">', long.text)
    assert re.search(r'</textarea><span class="refused" id="refused">this form takes text of at most', long.text)
    assert '<option value="warehouse" selected>' in handed.text
    assert re.search(r'name="note"[^>]* aria-invalid="true"[^>]*><span class="refused" id="refused">a hand-over names', handed.text)


def test_a_pause_of_a_legal_entity_nobody_has_is_refused_with_those_there_are(browser: Browser, store: SqlStore) -> None:
    told = browser.post("/administration/pause", **browser.fill(browser.get("/administration")), legal_entity="nowhere", reason="A test")

    assert (told.status_code, "there are gb01" in html.unescape(told.text)) == (409, True)
    with store.look() as tx:
        assert tx.pauses(TENANT) == []


def test_of_several_forms_that_go_to_one_address_the_one_that_was_sent_comes_back(browser: Browser, server: Running) -> None:
    blank = browser.fill(browser.get("/administration"))
    for entity in ("gb01", ""):
        browser.post("/administration/pause", **blank, legal_entity=entity, reason="wrong accounts")
    page = browser.get("/administration")

    refused = browser.post("/administration/unpause", **browser.fill(page) | {"pause": "2", "reason": " "})
    gone = browser.post("/administration/unpause", **browser.fill(page) | {"pause": "99", "reason": "All is well"})
    none = inside(server, "Vera Viewer")
    not_theirs = none.post("/administration/pause", **none.fill(none.get("/administration")), reason="Look at this")

    assert re.search(r'<input id="unpause-2" name="reason"[^>]* aria-invalid="true"[^>]*><span class="refused"', refused.text)
    assert (gone.status_code, 'value="All is well"' in gone.text, "has no pause 99" in gone.text) == (409, True, True)
    assert (not_theirs.status_code, "<dt>Reason</dt><dd>Look at this</dd>" in not_theirs.text) == (403, True)  # no such form for them


@pytest.mark.parametrize("page", ["https://evil.example.com/", "//evil.example.com/", "/nowhere", "/static/backhaul.css", "", "x",
                                  "/sign-in", "/exports/returns.csv", "/exceptions/1?list=%ff"])
def test_whatever_page_a_form_says_it_is_on_nothing_of_another_site_is_asked_or_shown(browser: Browser, page: str) -> None:
    typed = "</textarea><script>alert(1)</script>"
    refused = browser.post("/exceptions/1/hand-over", **browser.fill(browser.get("/exceptions/1")) | {"form_page": page},
                           team=typed, note=typed)

    assert refused.status_code == 409
    assert refused.headers["content-type"].startswith("text/html")
    assert "default-src" in refused.headers["content-security-policy"]
    assert "<script>alert" not in refused.text


# --- addresses -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["online-retail//gb01/2010-12", "//", "a%2F/b c", "plain"])
def test_a_batch_is_found_by_its_address_whatever_its_key_holds(browser: Browser, store: SqlStore, clock: Now, key: str) -> None:
    with store.begin() as tx:
        tx.close_window(KeptWindow(key=key, tenant=TENANT, legal_entity="gb01", period="2010-12", number=7, closed_at=clock.at, returns=1,
                                  controls={}, ledger={}))

    address = re.findall(r'<th scope="row"><a href="(/batches/[^"]+)"', browser.get("/batches").text)[0]
    page = browser.get(html.unescape(address))

    assert page.status_code == 200
    assert html.escape(key) in page.text


# --- people ----------------------------------------------------------------------------------------------------------------


def form_of(page: httpx.Response, words: str) -> tuple[str, dict[str, str]]:
    """Give where the form of a page goes that holds these words, and its hidden fields, as its button sends them."""
    form = next(each for each in re.findall(r"<form.*?</form>", page.text, re.DOTALL) if words in each)
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return html.unescape(re.findall(r' action="([^"]+)"', form)[0]), {html.unescape(name): html.unescape(value) for name, value in hidden}


def test_an_administrator_signs_somebody_out_by_the_button_beside_their_name(browser: Browser, server: Running) -> None:
    ada = inside(server, "Ada Admin")
    came = browser.get("/exceptions").status_code
    address, form = form_of(ada.get("/administration"), "Sign Fiona Finance out")
    told = ada.post(address, **form)
    said = ada.get(told.headers["location"])

    gone, again = browser.get("/exceptions"), inside(server).get("/exceptions")

    assert (came, told.status_code, "The sessions have ended." in said.text) == (200, 303, True)
    assert (gone.status_code, gone.headers["location"].partition("?")[0]) == (303, "/sign-in")
    assert again.status_code == 200, "a role was not taken away"
    assert "Sign Fiona Finance out" not in said.text


def test_a_role_is_proposed_on_the_page_of_people_and_opens_its_pages_once_a_second_admin_approved_it(
    server: Running, store: SqlStore, clock: Now,
) -> None:
    ada, wanda = inside(server, "Ada Admin"), inside(server, "Wanda Warehouse")
    number = people.add(store, issuer="local", subject="Bea Admin", name="Bea Admin", actor="set-up", now=clock.at)
    with store.begin() as tx:
        people.give(tx, number, Grant(role=Role.ADMIN, tenant=TENANT, entities=None), granted_by="set-up", approved_by="board",
                    now=clock.at)
        theirs = next(person.number for person in tx.people() if person.name == "Wanda Warehouse")
    before = wanda.get("/trail").status_code
    page = ada.get("/administration")
    address, form = form_of(page, 'id="grant-role"')

    asked = ada.post(address, **form, person=str(theirs), role="auditor", legal_entity="", reason="She audits in December")
    where = asked.headers["location"].partition("?")[0]
    meanwhile = wanda.get("/trail").status_code
    shown = ada.get(where)
    own = ada.post(f"{where}/approve", **ada.fill(shown))
    bea = inside(server, "Bea Admin")
    address, form = form_of(bea.get(where), "Approve</button>")
    yes = bea.post(address, **form)

    assert f'<option value="{theirs}">{theirs}: Wanda Warehouse</option>' in page.text
    assert (asked.status_code, before, meanwhile) == (303, 403, 403)
    assert [each for each in ("Grant: Wanda Warehouse", "auditor for all legal entities", "warehouse for ") if each not in shown.text] == []
    assert "<dt>Money</dt>" not in shown.text
    assert (own.status_code, yes.status_code) == (409, 303)
    assert wanda.get("/trail").status_code == 200
    assert "Take auditor away from Wanda Warehouse" in ada.get("/administration").text


def test_a_role_that_is_taken_away_by_its_button_closes_its_pages_at_once(server: Running, browser: Browser) -> None:
    ada = inside(server, "Ada Admin")
    before = browser.get("/proof").status_code
    address, form = form_of(ada.get("/administration"), "Take finance away from Fiona Finance")
    told = ada.post(address, **form)
    after, said = browser.get("/proof"), ada.get(told.headers["location"])
    again = ada.post(address, **form)

    assert (before, told.status_code) == (200, 303)
    assert (after.status_code, after.headers["location"].partition("?")[0]) == (303, "/sign-in"), "it was her only one"
    assert "The role is taken away." in said.text
    assert "Take finance away from Fiona Finance" not in said.text
    assert (again.status_code, "that holds" in again.text) == (409, True)


# --- the first page --------------------------------------------------------------------------------------------------------


def test_the_first_page_says_of_each_month_what_did_not_prove_in_money_to_who_may_see_the_proof(
    server: Running, browser: Browser, store: SqlStore, clock: Now,
) -> None:
    def keep(period: str, *, complete: bool = True, broken: int = 0, **own: object) -> None:
        with store.begin() as tx:
            tx.keep_proof(KeptProof(tenant=TENANT, period=period, day=clock.at.date(), at=clock.at, actor="backhaul", complete=complete,
                                    extracts=[], figures={"lines": 1009, "proved": 1000, "in_timing": 9 - broken, "broken": broken,
                                                          "orphans": 0, "entities": {"gb01": own}}), [])

    keep("2010-09", broken=2, by_class={"WRONG_AMOUNT": {"count": 2, "amount": {"GBP": "-12.50", "EUR": "3"}},
                                        "MISSING_IN_ERP": {"count": 1, "amount": {"GBP": "12.50"}}})
    keep("2010-08", complete=False)
    for month in ("10", "11", "12"):
        keep(f"2010-{month}", awaited={"DECISION_AWAITED": {"count": 9, "amount": {"GBP": "1234.5"}}})
    keep("2010-07")
    number = people.add(store, issuer="local", subject="Grete", name="Grete", actor="set-up", now=clock.at)
    with store.begin() as tx:
        people.give(tx, number, Grant(role=Role.FINANCE, tenant=TENANT, entities=frozenset({"gb01"})), granted_by="set-up",
                    approved_by="board", now=clock.at)

    page = browser.get("/").text
    rows = dict(re.findall(r'<a href="/proof\?period=([\d-]+)">[^<]+</a></th>(.*?)</tr>', page, re.DOTALL))

    assert list(rows) == ["2010-12", "2010-11", "2010-10", "2010-09", "2010-08"], "three months, and before them what does not hold"
    assert [each for each in rows if ">Holds<" in rows[each]] == ["2010-12", "2010-11", "2010-10"]
    assert ["1,000 of 1,009" in rows["2010-12"], "1,234.50 GBP" in rows["2010-12"]] == [True, True]
    assert '<a href="/proof/2010-09/NOT_PROVED">3.00 EUR, 25.00 GBP</a>' in rows["2010-09"], "nothing cancels another"
    assert ">Incomplete<" in rows["2010-08"]
    assert "Proof of the months" not in inside(server, "Grete").get("/").text

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
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.money import Money
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
    browser: Browser, three: list[int], server: Running,
) -> None:
    one = browser.get(link(browser.get("/exceptions?kind=TAX_DIFFERS"), "C536807"))
    said = browser.post(html.unescape(re.findall(r'action="([^"]+/propose[^"]*)"', one.text)[0]), **browser.fill(one), kind="close",
                        reason="It came all the same")
    waits = browser.get(said.headers["location"])
    two = browser.get(link(waits, "Next"))
    anton = inside(server, "Anton Approver")
    anton.post(f"{waits.url.path}/approve", **anton.fill(anton.get(waits.url.path)))
    back = browser.get(link(two, "Previous"))
    last = browser.get(link(two, "Next"))

    assert [each.url.path for each in (one, two, last)] == [f"/exceptions/{number}" for number in three]
    assert [">1 of 3<" in one.text, ">2 of 3<" in two.text] == [True, True]
    assert (link(one, "Previous"), link(last, "Next")) == ("", "")
    assert ("list=" in said.headers["location"], waits.url.path.startswith("/approvals/")) == (True, True)
    assert back.url.path == one.url.path
    assert link(back, "Next")
    assert link(last, "To the list") == "/exceptions?kind=TAX_DIFFERS"


@pytest.mark.parametrize("told", ["", "at=yesterday|1", "at=2026-11-27T00:00:00Z|9999999999999999999", "at=0001-01-01T00:00:00%2b14:00|1",
                                  "kind=<script>&at=2026-11-27T00:00:00Z|1", "&&&=", "%ff"])
def test_whatever_an_address_says_of_a_list_the_page_of_an_exception_is_there(browser: Browser, told: str) -> None:
    page = browser.get(f"/exceptions/1?{httpx.QueryParams(list=told)}")

    assert page.status_code == 200
    assert "<script>" not in page.text

"""What the console looks like, in light and dark; `make images` puts the light ones into the documentation."""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from backhaul.config import SignIn
from backhaul.entrypoints.web.app import console_app
from tests.browser.conftest import Stage, looking, reported
from tests.journeys.stage import TENANT

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / os.environ.get("BACKHAUL_IMAGES", "build/images")
PAGES = {"today": "/", "exceptions": "/exceptions", "exception": "/exceptions/1", "returns": "/returns", "return": "/returns/R-1001",
         "message": "/messages/1", "batches": "/batches", "batch": "/batches/online-retail%3Agb01%3A2010-12%3A1", "mappings": "/mappings",
         "administration": "/administration", "flows": "/flows", "trail": "/trail", "approvals": "/approvals", "search": "/search?q=R-10",
         "waiting": "/waiting", "proof": "/proof", "close": "/close?period=2010-11",
         "credits by hand": "/proof/match",
         "roll-forward": "/roll-forward?period=2010-11",
         "payments without a credit note": "/roll-forward/uncredited?period=2010-11",
         "figures": "/figures?period=2010-11", "journals": "/journals?period=2010-11",
         "lines of a figure": "/figures/lines?period=2010-11&entity=gb01&warehouse=GB-DC-01&currency=GBP&kind=sellable",
         "lines rolled forward": "/roll-forward/lines?period=2010-11&flow=paid&cell=closing",
         "availability": "/availability",
         "lines of a class": "/proof/2010-12/DECISION_AWAITED", "one cause": "/exceptions?kind=PRICE_ABOVE_SOLD",
         "plan": "/causes?kind=PRICE_ABOVE_SOLD&entity=gb01&currency=GBP&decision=waive",
         "by version": "/by-version?ref=R-2002",
         "wrong values": "/causes?kind=SKU_UNKNOWN&entity=gb01&currency=GBP&decision=correct",
         "correction of all": "/causes?kind=SKU_UNKNOWN&entity=gb01&currency=GBP&decision=correct&what=sku&told=MUG&value=CUP",
         "mapping-draft": "/mappings/draft?legal_entity=gb01&warehouse=GB-DC-01&disposition=MYSTERY&condition=A&reason=Changed+my+mind"
                          "&outcome=scrapped&location=SCRAP&erp_disposition=ZSCRAP&version=2026-01.1",
         "mapping-wrong": "/mappings/draft?legal_entity=gb01&warehouse=GB-DC-01&disposition=DONATE&condition=D&outcome=restocked"
                          "&location=SALE&version=2026-01.1",
         "profile-draft": "/profile/draft?table=fees&found=GIFT",
         "tokens": "/tokens", "catalogue": "/catalogue", "kind": "/catalogue/UNMAPPED_DISPOSITION",
         "comparison": "/comparison", "sign-in": "/sign-in", "error": "/returns/nobody"}
SHOWN = {"today", "exceptions", "exception", "waiting", "return", "batch", "mappings", "flows"}
"""Pages whose image stands in the documentation."""


TABLETS = (768, 820)
"""Widths of tablets that are held upright."""
NO_PAGES = ("/static", "/exports/", "/charts/", "/close-pack/", "/journal-lines/",
            "/evidence/", "/health", "/ready", "/sign-in/", "/messages/{number}/bytes",
            "/administration/personal-data")
"""Addresses that answer with a file, a figure or another address."""
NOBODY = {
    "an empty list of returns": ("Fiona Finance", "/returns?state=closed"), "nobody waits": ("Oskar Operator", "/waiting?who=nobody"),
    "nothing found": ("Fiona Finance", "/search?q=nobody"), "a team without work": ("Fiona Finance", "/exceptions?owner=nobody"),
    "nothing in the trail": ("Udo Auditor", "/trail?subject=nobody"), "not allowed": ("Vera Viewer", "/trail"),
    "people and their grants": ("Ada Admin", "/administration"), "a return as a viewer sees it": ("Vera Viewer", "/returns/R-1001"),
    "a held return": ("Wanda Warehouse", "/returns/R-2002"), "what waits for approval": ("Anton Approver", "/approvals"),
    "the sale of goods": ("Oskar Operator", "/exceptions/{order}/sales?order=500001"),
    "the sale of goods without customers": ("Wanda Warehouse", "/exceptions/{order}/sales?order=500001"),
    "a proposal": ("Anton Approver", "/approvals/1"), "a proposal of somebody else's right": ("Fiona Finance", "/approvals/1"),
    "a parcel to register": ("Wanda Warehouse", "/parcels?entity=gb01"),
    "an exception of a code": ("Wanda Warehouse", "/exceptions/{code}"),
}
"""Who looks where, so that a page is empty, refused, or shows other parts of itself."""


def test_every_page_there_is_is_looked_at(console: Stage) -> None:
    app = console_app(console.world.house, clock=console.clock, sign_in=SignIn())
    there = {route.path_format for route in app.routes for handler in getattr(route, "route_handlers", ())
             if "GET" in handler.http_methods and not route.path_format.startswith(NO_PAGES)}
    seen = [urlsplit(path).path for path in (*PAGES.values(), *(path for _, path in NOBODY.values()))]

    left = {path for path in there if not any(re.fullmatch(re.sub(r"\\{[a-z]+\\}", "[^/]+", re.escape(path)), each) for each in seen)}

    assert len(there) > 20
    assert left == set()


@pytest.mark.parametrize("state", NOBODY)
def test_every_state_of_a_page_can_be_read_by_everybody(chromium: Browser, console: Stage, state: str) -> None:
    name, path = NOBODY[state]
    with console.world.house.store.look() as tx:
        numbers = {row.case.kind: row.id for row in tx.exceptions(TENANT)}
    flaws: list[str] = []

    with looking(chromium, console, name, scheme="dark") as page:
        page.goto(path.format(order=numbers.get("ORDER_UNKNOWN", 1), code=numbers.get("UNMAPPED_DISPOSITION", 1)))
        flaws += reported(page)
        page.emulate_media(color_scheme="light")

    assert flaws == []


@pytest.mark.parametrize("name", PAGES)
def test_every_page_can_be_read_by_everybody_in_light_and_dark(chromium: Browser, console: Stage, name: str) -> None:
    with looking(chromium, console, "Fiona Finance", audited=False) as page:
        page.goto(PAGES[name])
        flaws = reported(page)
        if name in SHOWN:
            IMAGES.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=IMAGES / f"{name}.png", animations="disabled")
        page.emulate_media(color_scheme="dark")
        flaws += reported(page)

    assert flaws == []


def test_the_auditor_finds_what_is_wrong(chromium: Browser, console: Stage) -> None:
    with looking(chromium, console, "Fiona Finance", audited=False) as page:
        page.goto("/")
        page.evaluate("document.querySelector('main').innerHTML = '<img src=/static/mark.svg><p class=faint>faint</p>'")
        page.evaluate("document.querySelector('.faint').style.color = '#eee'")
        found = " ".join(reported(page))

    assert "image-alt" in found
    assert "color-contrast" in found


def too_wide(page: Page, width: int) -> list[str]:
    """Say how a page is not usable with a finger at a width: it scrolls sideways, or has what is too small to be hit."""
    page.set_viewport_size({"width": width, "height": 1024})
    wide = page.evaluate("document.documentElement.scrollWidth")
    small = page.evaluate("""[...document.querySelectorAll('main button, main .button, main select, main input, main textarea')]
        .filter(each => each.offsetHeight && !['checkbox', 'radio'].includes(each.type) && each.offsetHeight < 40)
        .map(each => `${each.outerHTML.slice(0, 80)}: ${each.offsetHeight}`)""")
    return [*([f"{wide} wide at {width}"] if wide > width else []), *(f"{each} high at {width}" for each in small)]


@pytest.mark.parametrize("name", PAGES)
def test_a_tablet_in_a_warehouse_shows_every_page_without_scrolling_sideways(chromium: Browser, console: Stage, name: str) -> None:
    with looking(chromium, console, "Fiona Finance", width=768, audited=False) as page:
        page.goto(PAGES[name])
        page.wait_for_load_state("load")
        found = [flaw for width in TABLETS for flaw in too_wide(page, width)]

    assert found == []


@pytest.mark.parametrize("state", NOBODY)
def test_a_tablet_shows_every_state_of_a_page_without_scrolling_sideways(chromium: Browser, console: Stage, state: str) -> None:
    name, path = NOBODY[state]
    with console.world.house.store.look() as tx:
        numbers = {row.case.kind: row.id for row in tx.exceptions(TENANT)}
    with looking(chromium, console, name, width=768, audited=False) as page:
        page.goto(path.format(order=numbers.get("ORDER_UNKNOWN", 1), code=numbers.get("UNMAPPED_DISPOSITION", 1)))
        page.wait_for_load_state("load")
        found = [flaw for width in TABLETS for flaw in too_wide(page, width)]

    assert found == []

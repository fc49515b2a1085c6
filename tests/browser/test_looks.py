"""What the console looks like, in light and dark; `make images` puts the light ones into the documentation."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Stage, looking, reported

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / os.environ.get("BACKHAUL_IMAGES", "build/images")
PAGES = {"today": "/", "exceptions": "/exceptions", "exception": "/exceptions/1", "returns": "/returns", "return": "/returns/R-1001",
         "message": "/messages/1", "batches": "/batches", "batch": "/batches/online-retail%3Agb01%3A2010-12%3A1", "mappings": "/mappings",
         "administration": "/administration", "flows": "/flows", "trail": "/trail", "approvals": "/approvals", "search": "/search?q=R-10",
         "waiting": "/waiting", "proof": "/proof",
         "lines of a class": "/proof/2010-12/DECISION_AWAITED", "one cause": "/exceptions?kind=PRICE_ABOVE_SOLD",
         "plan": "/causes?kind=PRICE_ABOVE_SOLD&entity=gb01&currency=GBP&decision=waive",
         "mapping-draft": "/mappings/draft?legal_entity=gb01&warehouse=GB-DC-01&disposition=MYSTERY&condition=A&reason=Changed+my+mind"
                          "&outcome=scrapped&location=SCRAP&erp_disposition=ZSCRAP&version=2026-01.1",
         "mapping-wrong": "/mappings/draft?legal_entity=gb01&warehouse=GB-DC-01&disposition=DONATE&condition=D&outcome=restocked"
                          "&location=SALE&version=2026-01.1",
         "tokens": "/tokens", "catalogue": "/catalogue", "kind": "/catalogue/UNMAPPED_DISPOSITION",
         "comparison": "/comparison", "sign-in": "/sign-in", "error": "/returns/nobody"}
SHOWN = {"today", "exceptions", "exception", "waiting", "return", "batch", "mappings", "flows"}
"""Pages whose image stands in the documentation."""


@pytest.mark.parametrize("name", PAGES)
def test_every_page_can_be_read_by_everybody_in_light_and_dark(chromium: Browser, console: Stage, name: str) -> None:
    with looking(chromium, console, "Fiona Finance") as page:
        page.goto(PAGES[name])
        flaws = reported(page)
        if name in SHOWN:
            IMAGES.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=IMAGES / f"{name}.png", animations="disabled")
        page.emulate_media(color_scheme="dark")
        flaws += reported(page)

    assert flaws == []


def test_the_auditor_finds_what_is_wrong(chromium: Browser, console: Stage) -> None:
    with looking(chromium, console, "Fiona Finance") as page:
        page.goto("/")
        page.evaluate("document.querySelector('main').innerHTML = '<img src=/static/mark.svg><p class=faint>faint</p>'")
        page.evaluate("document.querySelector('.faint').style.color = '#eee'")
        found = " ".join(reported(page))

    assert "image-alt" in found
    assert "color-contrast" in found


@pytest.mark.parametrize("name", ["today", "exceptions", "waiting", "return"])
def test_a_tablet_in_a_warehouse_shows_a_page_without_scrolling_sideways(chromium: Browser, console: Stage, name: str) -> None:
    with looking(chromium, console, "Wanda Warehouse", width=768) as page:
        page.goto(PAGES[name])
        assert page.evaluate("document.documentElement.scrollWidth") <= 768
        heights = page.evaluate("[...document.querySelectorAll('main button, main .button')].map(each => each.offsetHeight)")
        assert all(height >= 40 for height in heights)

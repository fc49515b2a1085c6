"""The day of each who works here: what they come for is done from the first page, with keys or a finger, and without a script as well."""

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.money import Money
from tests.browser.conftest import PASSPHRASE, Stage, looking, reported, tell
from tests.journeys.stage import TENANT, life, line


def press(page: Page, *keys: str) -> None:
    """Press keys once the page listens to them: what it shows is there before its script is."""
    page.wait_for_load_state()
    for key in keys:
        page.keyboard.press(key)


def open_exception(page: Page, cause: str) -> None:
    """Go from today to the one exception of a cause."""
    page.goto("/")
    page.get_by_role("region", name="Causes").get_by_role("link", name=cause).click()
    page.get_by_role("region", name="Exceptions").locator("tbody a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(cause)


def propose(page: Page, what: str, reason: str) -> str:
    """Propose a decision; give the address where it waits."""
    page.get_by_label("What is to be done").select_option(what)
    page.get_by_label("Reason").fill(reason)
    page.get_by_role("button", name="Propose").click()
    expect(page.get_by_role("status")).to_contain_text("somebody else approves it")
    return page.url.split("?")[0]


def test_finance_decides_a_difference_and_somebody_else_approves_it_after_proving_who_they_are(chromium: Browser, console: Stage) -> None:
    with looking(chromium, console, "Fiona Finance") as page:
        open_exception(page, "Price above sold")
        expect(page.get_by_text("-19.90 GBP")).to_be_visible()
        waits = propose(page, "waive", "Agreed with the customer by phone")
        expect(page.get_by_text("You proposed this")).to_be_visible()
        assert page.get_by_role("button", name="Approve").count() == 0

    with looking(chromium, console, "Anton Approver") as page:
        console.clock.at += console.step_up
        page.goto("/approvals")
        page.get_by_role("link", name="R-2003").click()
        page.get_by_role("link", name="sign in again").click()
        page.get_by_label("Name").fill("Anton Approver")
        page.get_by_label("Passphrase").fill(PASSPHRASE)
        page.get_by_role("button", name="Sign in").click()
        assert page.url.split("?")[0] == waits
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Approved")
        console.signed_in["Anton Approver"] = page.context.cookies()

    with looking(chromium, console, "Udo Auditor") as page:
        page.goto("/trail?subject=R-2003")
        expect(page.get_by_text("Proposal.approved")).to_be_visible()


def test_finance_comes_from_a_batch_to_the_message_as_it_came_in_three_clicks(chromium: Browser, console: Stage) -> None:
    with looking(chromium, console, "Fiona Finance") as page:
        page.goto("/batches")
        page.get_by_role("region", name="Batches").locator("tbody a").last.click()
        page.get_by_role("region", name="Content").locator("tbody a").first.click()
        page.get_by_role("link", name="message as it came").first.click()
        expect(page.locator("pre")).to_contain_text("eventType")


def test_the_warehouse_finds_the_code_nobody_mapped_and_says_what_becomes_of_its_line(chromium: Browser, console: Stage) -> None:
    with looking(chromium, console, "Wanda Warehouse", width=900) as page:
        page.goto("/mappings")
        row = page.get_by_role("region", name="Coverage").locator("tbody tr").first
        expect(row).to_contain_text("MYSTERY")
        expect(row).to_contain_text("Unmapped")
        expect(row.get_by_role("link", name="Map this code")).to_be_visible()
        open_exception(page, "Unmapped disposition")
        page.get_by_role("link", name="Map MYSTERY, condition A").click()
        page.get_by_label("What becomes of the goods").select_option("scrapped")
        page.get_by_label("Location").fill("SCRAP")
        page.get_by_role("button", name="Show what it would change").click()
        expect(page.get_by_role("region", name="Goods of the past")).to_contain_text("held")
        expect(page.locator("pre ins").first).to_contain_text("version")
        open_exception(page, "Unmapped disposition")
        propose(page, "close", "Sent back to the customer")


def test_customer_service_reads_out_why_somebody_waits_and_records_what_they_said(chromium: Browser, console: Stage) -> None:
    with looking(chromium, console, "Oskar Operator") as page:
        page.goto("/")
        press(page, "g", "n")
        page.get_by_label("Return, order, customer or parcel").fill("R-2005")
        page.get_by_role("button", name="Find").click()
        expect(page.get_by_role("region", name="Not credited")).to_contain_text("one thing has to be settled first")
        page.get_by_text("Record a promise").click()
        page.get_by_label("Until").fill((console.clock.at + timedelta(days=2)).date().isoformat())
        page.get_by_role("button", name="Record").click()
        expect(page.get_by_text("What the customer was told is kept.")).to_be_visible()
        page.goto("/waiting?who=R-2005")
        expect(page.get_by_text("Promised until")).to_be_visible()


def test_customer_service_finds_a_return_by_the_order_the_customer_names(chromium: Browser, console: Stage) -> None:
    with looking(chromium, console, "Oskar Operator") as page:
        page.goto("/")
        press(page, "/")
        page.keyboard.type("R-2005")
        press(page, "Enter")
        page.get_by_role("link", name="R-2005").click()
        expect(page.locator(".finding")).to_contain_text("Order '999999' is not in gb01.")
        press(page, "r", "Enter")
        page.get_by_role("link", name="Find the sale").click()
        page.get_by_label("Sales order").fill("500001")
        page.get_by_role("button", name="Look for it").click()
        page.get_by_label("Order 500001 at 4.25").check()
        page.get_by_label("Reason").fill("The customer gave the number wrongly")
        page.get_by_role("button", name="Propose this order").click()
        expect(page.get_by_role("status")).to_contain_text("somebody else approves it")


def test_a_pause_is_on_every_page_at_once_and_two_end_it(chromium: Browser, console: Stage) -> None:
    with looking(chromium, console, "Ada Admin") as page:
        page.goto("/administration")
        page.get_by_label("Why nothing may be posted").fill("The ERP is being restored")
        page.get_by_role("button", name="Pause now").click()
        for path in ("/", "/returns", "/flows"):
            page.goto(path)
            expect(page.locator(".paused")).to_contain_text("The ERP is being restored")
        assert reported(page) == []
        page.goto("/administration")
        page.get_by_label("Why writes may leave again").fill("It is restored")
        page.get_by_role("button", name="Propose to go on").click()
        number = int(page.url.split("?")[0].rsplit("/", 1)[1])
    with console.world.house.store.begin() as tx:
        kept = tx.proposal(TENANT, number)
        assert kept is not None
        tx.end_pause(TENANT, int(kept.content["pause"]), actor="a test", approver="its end", at=console.clock.at)


def test_an_auditor_sees_everything_and_finds_nothing_to_press(chromium: Browser, console: Stage) -> None:
    with looking(chromium, console, "Udo Auditor") as page:
        for path in ("/", "/exceptions/1", "/approvals", "/administration", "/trail"):
            page.goto(path)
            buttons = [each for each in page.get_by_role("button").all_inner_texts() if each not in {"Sign out", "Filter"}]
            assert buttons == [], path


def test_keys_lead_everywhere(chromium: Browser, console: Stage) -> None:
    with looking(chromium, console, "Fiona Finance") as page:
        for key, path in (("e", "/exceptions"), ("r", "/returns"), ("b", "/batches"), ("p", "/approvals"), ("t", "/")):
            page.goto("/flows")
            press(page, "g")
            with page.expect_navigation():
                press(page, key)
            assert page.url == console.url + path
        page.goto("/returns")
        press(page, "j", "j", "k")
        assert page.evaluate("document.activeElement.closest('tr').rowIndex") == 1
        page.goto("/exceptions")
        with page.expect_navigation():
            page.locator("[data-rows] th a").first.click()
        first = page.url
        for key in ("j", "k"):
            with page.expect_navigation():
                press(page, key)
            assert (page.url == first) is (key == "k")
        press(page, "?")
        expect(page.get_by_role("heading", name="Keys")).to_be_visible()


def test_everything_works_without_a_script(chromium: Browser, console: Stage) -> None:
    with looking(chromium, console, "Fiona Finance", script=False) as page:
        open_exception(page, "SKU unknown")
        propose(page, "close", "No such item was ever sold")
        page.get_by_label("Reason").fill("A mistake of mine")
        page.get_by_role("button", name="Take it back").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Withdrawn")


# --- what strangers write ------------------------------------------------------------------------------------------------

SHELLS = ("{}", '"{}', "'{}", '">{}', "'>{}", "</script>{}", "</title>{}", "</textarea>{}", "<!--{}-->", "]]>{}")
CORES = (
    "<script>window.pwned=1</script>", "<img src=x onerror=window.pwned=1>", "<svg onload=window.pwned=1>",
    "<details open ontoggle=window.pwned=1>", "<iframe srcdoc='<script>parent.pwned=1</script>'>",
    "<a href=javascript:window.pwned=1>x</a>", "<input autofocus onfocus=window.pwned=1>",
    "<style>*{background:url(//evil.example.com)}</style>", "<base href=//evil.example.com>",
    "<meta http-equiv=refresh content=0;url=//evil>", "<form action=//evil><button>x", "<object data=javascript:window.pwned=1>",
    "<link rel=stylesheet href=//evil>", "{{ 7*7 }}", "{% x %}", "<math><mtext><img src=x onerror=window.pwned=1>",
    "onmouseover=window.pwned=1 x=", "javascript:window.pwned=1", "<ScRiPt>window.pwned=1</sCrIpT>",
    "&lt;script&gt;window.pwned=1&lt;/script&gt;")
PAYLOADS = [shell.format(core) if "{}" in shell else core for shell in SHELLS for core in CORES]


def test_two_hundred_hostile_texts_run_nowhere(chromium: Browser, console: Stage) -> None:
    assert len(set(PAYLOADS)) == 200
    world, (first, *_) = console.world, PAYLOADS
    lines = [line(f"X{number}", 1, "1.00", order=text, received=1, grades=[("A", text, 1, True)], reason=text)
             | {"sku": text, "description": text} for number, text in enumerate(PAYLOADS)]
    tell(world, *life("X-1", lines, at=world.at, customer=first))
    world.turn()
    with world.house.store.begin() as tx:
        tx.open_exception(ExceptionCase.about(
            tenant=TENANT, return_ref="X-1", line_id=first, money=Money(amount=world.credits[0][2], currency="GBP"), now=world.at, teams={},
            findings=tuple(Finding(code="SKU_UNKNOWN", sentence=text, hint=text, line_id=first) for text in PAYLOADS)))
        number = next(row.id for row in tx.exceptions(TENANT) if row.case.return_ref == "X-1" and row.case.line_id == first)
    with looking(chromium, console, "Fiona Finance") as page:
        for path in ("/returns/X-1", f"/exceptions/{number}", "/exceptions", "/", "/search?q=X-1", "/trail?subject=X-1", "/mappings"):
            page.goto(path)
            assert page.evaluate("window.pwned") is None, path
            assert page.evaluate("document.querySelectorAll('main script, main iframe, main object, main base, main style').length") == 0
        for text in PAYLOADS[::20]:
            page.locator("[data-find]").fill(text)
            page.locator("[data-find]").press("Enter")
            page.wait_for_url(re.compile("/search"))
            assert page.evaluate("window.pwned") is None
            page.goto("/mappings/draft?" + urlencode({"legal_entity": "gb01"} | dict.fromkeys((
                "warehouse", "disposition", "condition", "reason", "outcome", "to_warehouse", "location", "status", "version"), text)))
            assert page.evaluate("window.pwned") is None
        page.goto(f"/exceptions/{number}")
        propose(page, "close", "".join(PAYLOADS)[:1000])
        assert page.evaluate("window.pwned") is None


def test_a_script_inside_a_page_is_stopped_by_the_policy_and_that_is_seen(chromium: Browser, console: Stage) -> None:
    def slip_one_in() -> None:
        with looking(chromium, console, "Fiona Finance") as page:
            page.goto("/")
            page.evaluate("document.querySelector('main').innerHTML = '<img src=x onerror=window.pwned=1>'")
            page.wait_for_timeout(200)
            assert page.evaluate("window.pwned") is None

    with pytest.raises(AssertionError, match="Content Security Policy"):
        slip_one_in()

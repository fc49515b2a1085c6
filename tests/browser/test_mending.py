"""A value the platform has wrong, and goods whose sale nobody knows: both are mended from the exception, without a script as well."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Stage, looking, reported
from tests.browser.test_days import open_exception


def take_back(page: Page) -> None:
    """Withdraw what was proposed, so that the days of the others begin as this one did."""
    page.get_by_label("Reason").fill("Only to look")
    page.get_by_role("button", name="Take it back").click()
    expect(page.get_by_role("status")).to_contain_text("nothing was done")


@pytest.mark.parametrize("script", [True, False])
def test_finance_corrects_the_item_of_a_line_and_sees_before_and_after(chromium: Browser, console: Stage, script: bool) -> None:  # noqa: FBT001  both ways
    with looking(chromium, console, "Fiona Finance", script=script) as page:
        open_exception(page, "SKU unknown")
        flaws = reported(page) if script else []
        page.get_by_label("What the messages have wrong").select_option(label="SKU of line MUG#1: MUG")
        page.get_by_label("What it is", exact=True).fill("TEA")
        page.get_by_label("Why it is that").fill("The slip in the parcel says so")
        page.get_by_role("button", name="Ask for the correction").click()
        expect(page.get_by_role("status")).to_contain_text("somebody else approves it")
        expect(page.get_by_role("heading", name="Before and after")).to_be_visible()
        expect(page.get_by_text("14.00 before, 14.00 after")).to_be_visible()
        flaws += reported(page) if script else []
        take_back(page)

    assert flaws == []


@pytest.mark.parametrize("script", [True, False])
def test_finance_finds_the_sale_of_goods_whose_order_nobody_knows(chromium: Browser, console: Stage, script: bool) -> None:  # noqa: FBT001  both ways
    with looking(chromium, console, "Fiona Finance", script=script, width=1024) as page:
        open_exception(page, "Order unknown")
        page.get_by_role("link", name="Find the sale").click()
        page.get_by_label("Sales order").fill("500001")
        page.get_by_role("button", name="Look for it").click()
        expect(page.get_by_text("it is the order that was named")).to_be_visible()
        expect(page.get_by_text("10001 bought it, not 10002")).to_be_visible()
        flaws = reported(page) if script else []
        page.emulate_media(color_scheme="dark")
        flaws += reported(page) if script else []
        page.get_by_role("radio").first.check()
        page.get_by_label("Reason").fill("The slip in the parcel says so")
        page.get_by_role("button", name="Propose this order").click()
        expect(page.get_by_role("status")).to_contain_text("somebody else approves it")
        take_back(page)

    assert flaws == []


@pytest.mark.parametrize("script", [True, False])
def test_what_was_typed_is_still_there_where_a_form_was_refused_and_the_reader_begins_at_what_is_wrong(
    chromium: Browser, console: Stage, script: bool,  # noqa: FBT001  both ways
) -> None:
    with looking(chromium, console, "Fiona Finance", script=script) as page:
        open_exception(page, "SKU unknown")
        page.get_by_label("Hand over to").select_option("warehouse")
        page.get_by_label("What they should know").fill(" ")
        page.get_by_role("button", name="Hand over").click()
        expect(page.get_by_role("alert")).to_contain_text("a hand-over names the team")
        expect(page.get_by_label("Hand over to")).to_have_value("warehouse")
        expect(page.get_by_label("What they should know")).to_be_focused()
        expect(page.get_by_label("What they should know")).to_have_accessible_description("a hand-over names the team and says what they "
                                                                                          "should know")
        flaws = reported(page) if script else []
        page.emulate_media(color_scheme="dark")
        flaws += reported(page) if script else []

    assert flaws == []

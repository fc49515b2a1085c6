"""What the profile names and what an ERP lists are compared in the console before a return has to find out, on both ERPs."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from backhaul.entrypoints.demo.team import employ
from backhaul.entrypoints.web.app import create_app, serve
from tests.entrypoints.visiting import PASSPHRASE, SIGN_IN, Browser
from tests.journeys.stage import TENANT, WIRE, World


@pytest.fixture(params=["world", "central"])
def looked(request: pytest.FixtureRequest) -> Iterator[tuple[World, Browser]]:
    """Give a world on either ERP and a browser in which Fiona of finance is signed in."""
    world: World = request.getfixturevalue(request.param)
    employ(world.house.store, TENANT, datetime.now(UTC))
    with serve(create_app(world.house, sign_in=SIGN_IN)) as server:
        fiona = Browser(server.base_url)
        fiona.enter("Fiona Finance", PASSPHRASE)
        yield world, fiona


def rows(browser: Browser) -> dict[tuple[str, str], dict[str, str]]:
    text = browser.get("/exports/comparison.csv").content.decode("utf-8-sig")
    return {(row["List"], row["Code"]): row for row in csv.DictReader(io.StringIO(text))}


def test_codes_are_compared_in_both_directions_and_what_is_stopped_says_why(looked: tuple[World, Browser]) -> None:
    world, fiona = looked
    fees = {**world.house.profiles[TENANT].rules.fees}
    fees["GIFT"] = type(fees["POST"])(service_item="SVC-NOBODY")
    world.change_rules(fees=fees)

    page, told = fiona.get("/comparison"), rows(fiona)

    assert page.status_code == 200
    assert "Needs somebody" in page.text
    assert "SVC-NOBODY" in page.text
    assert told["service item", "SVC-NOBODY"]["Stands"] == "missing"
    assert told["service item", "SVC-CARRIAGE"]["Stands"] == "both"
    assert told["warehouse", "GB-DC-01"]["Stands"] == "both"
    assert {row["Legal entity"] for row in told.values()} == {"gb01"}


def test_an_erp_that_is_away_is_said_and_nothing_else_is(looked: tuple[World, Browser]) -> None:
    world, fiona = looked
    world.ask_anew()
    world.arm(kind="error-before", status=503, times=50)

    page, told = fiona.get("/comparison"), rows(fiona)
    WIRE.delete(f"{world.erp}/control/faults")

    assert page.status_code == 200
    assert "could not be asked" in page.text
    assert [row["Stands"] for row in told.values()] == ["not asked"], "a sheet that could not be filled says so"

"""What the profile names and what an ERP lists are compared in the console before a return has to find out, on both ERPs."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from backhaul.domain.tax import TaxSpan, TaxTable
from backhaul.entrypoints.demo.team import employ
from backhaul.entrypoints.web.app import create_app, serve
from tests.entrypoints.visiting import PASSPHRASE, SIGN_IN, Browser
from tests.journeys.stage import TENANT, WIRE, World, life, line


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


def test_goods_that_came_back_are_looked_for_in_the_item_master_and_tax_groups_among_those_of_the_erp(
    looked: tuple[World, Browser], request: pytest.FixtureRequest,
) -> None:
    world, fiona = looked
    central = request.node.callspec.params["looked"] == "central"
    before = fiona.get("/comparison").text
    world.tell(*life("R-1", [line("TEA", 1, "4.25"), line("NOWHERE", 1, "1.00"), line("POST", 1, "3.00")], at=world.at))
    world.turn()
    if central:
        world.control("seed", {"rows": {"taxAreas": [{"code": "UK-STD", "displayName": "Home"}, {"code": "FAR", "displayName": "Far"}]}})
    world.ask_anew()
    world.change_rules(taxes={"gb01": TaxTable(
        groups={"UK-STD": frozenset({"a"}), "GONE": frozenset({"b"})}, items={"FULL": frozenset({"a", "b"})},
        values={"a": (TaxSpan(percent=Decimal(19)),), "b": (TaxSpan(percent=Decimal(19)),)})})

    page, told = fiona.get("/comparison").text, rows(fiona)

    assert "Tax is not compared" in before
    assert "Items: 2 codes of goods in the latest 1 returns" in page
    assert {code: row["Stands"] for (listed, code), row in told.items() if listed == "item"} == {"TEA": "both", "NOWHERE": "missing"}
    assert (told["tax group", "UK-STD"]["Stands"], told["tax group", "GONE"]["Stands"]) == ("both", "missing")
    if central:
        assert told["tax group", "FAR"]["Stands"] == "unnamed"
        assert not [code for listed, code in told if listed in {"tax rate", "item tax group"}], "this ERP tells neither"
    else:
        assert told["item tax group", "FULL"]["Stands"] == "both"
        assert (told["tax rate", "UK-STD / FULL"]["Stands"], told["tax rate", "UK-STD / FULL"]["Says"]) == (
            "differs", "19 % in the profile, 20 % in the ERP")


def test_an_erp_that_is_away_is_said_and_nothing_else_is(looked: tuple[World, Browser]) -> None:
    world, fiona = looked
    world.ask_anew()
    world.arm(kind="error-before", status=503, times=50)

    page, told = fiona.get("/comparison"), rows(fiona)
    WIRE.delete(f"{world.erp}/control/faults")

    assert page.status_code == 200
    assert "could not be asked" in page.text
    assert [row["Stands"] for row in told.values()] == ["not asked"], "a sheet that could not be filled says so"

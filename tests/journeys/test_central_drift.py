"""An update of Business Central takes a field away: nothing more is sent, it is named, and nothing is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backhaul.adapters.business_central.routes import MODES
from backhaul.bootstrap import examine
from tests.journeys.stage import TENANT, World, life, line
from tests.journeys.test_central_modes import opened

FIELDS = {"A": "returnRequestLines.externalLineId", "B": "salesDocumentLines.applFromItemEntry", "C": "salesCreditMemoLines.description2"}


@pytest.fixture(params=sorted(MODES))
def world(request: pytest.FixtureRequest, central_erp: str, tmp_path: Path) -> Iterator[World]:
    world = opened(central_erp, tmp_path, request.param)
    yield world
    world.house.close()


def gone(world: World, *names: str) -> None:
    world.control("seed", {"settings": {"gone": list(names)}, "rows": {}})


def tea(world: World, ref: str) -> None:
    world.tell(*life(ref, [line("TEA", 1, "4.25", received=1, grades=[("A", "RESELL", 1, True)])], at=world.at))


def test_a_field_that_goes_stops_the_line_is_named_and_goes_on_once_it_is_back(world: World) -> None:
    field = FIELDS[world.house.desk(TENANT, "gb01").entity.deployment]
    world.pass_evenings(1, turns=1)
    gone(world, field)
    tea(world, "R-1")

    world.pass_evenings(2, turns=2)
    held = (world.credits, world.exceptions())
    sentence = world.open()[0].case.findings[0].sentence
    gone(world)
    world.pass_evenings(3, turns=2)

    assert held == ([], {"CONTRACT_DRIFT": 1})
    assert f"{field} is gone" in sentence
    assert (len(world.credits), world.exceptions()) == (1, {})


def test_a_field_that_was_never_there_and_a_set_nobody_may_read_are_named_at_start(world: World) -> None:
    profile = world.house.profiles[TENANT]
    field = FIELDS[world.house.desk(TENANT, "gb01").entity.deployment]
    world.control("seed", {"settings": {"gone": [field], "forbidden": ["customers"]}, "rows": {}})

    told = examine(profile, "gb01", world.house.store, world.at)

    assert any(field in each for each in told["missing"]) or told["drift"]
    assert any("entity set customers" in each and "permissions prevented" in each for each in told["missing"])


def test_what_the_description_says_of_what_nobody_uses_stops_nothing(world: World) -> None:
    world.pass_evenings(1, turns=1)
    gone(world, "customers.phoneNumber", "paymentMethods")
    tea(world, "R-1")

    world.pass_evenings(2, turns=3)

    assert (len(world.credits), world.exceptions()) == (1, {})

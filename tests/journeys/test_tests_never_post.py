"""A test at the platform is kept and becomes nothing, however it comes in."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backhaul.adapters.zigzag.files.intake import import_file
from backhaul.application import receive
from backhaul.domain.delivery import Delivery
from tests.journeys.reaching import adopt, reaching
from tests.journeys.stage import EXAMPLES, TENANT, World, life, line, open_world

TEA = [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])]


def marked(world: World) -> list[dict[str, Any]]:
    told = life("R-1", TEA, at=world.at)
    for each in told:
        each["return"]["test"] = True
    return told


def nothing_came_of_it(world: World) -> bool:
    world.pass_days(2)
    with world.house.store.begin() as tx:
        known = len(tx.cases(TENANT))
    return known == 0 and world.postings() == [] and world.exceptions() == {}


def test_a_message_marked_as_a_test(world: World) -> None:
    world.tell(*marked(world))

    assert nothing_came_of_it(world)


def test_a_file_of_tests(world: World, tmp_path: Path) -> None:
    file = tmp_path / "tests.json"
    file.write_text(json.dumps(marked(world)), encoding="utf-8")

    told = import_file(world.house.store, world.house.profiles[TENANT], file, source="zigzag", result=None, now=world.at)

    assert told["stored"] == 4
    assert nothing_came_of_it(world)


@pytest.fixture
def whole(erp: str, tmp_path: Path) -> Iterator[World]:
    """A world whose platform tells the whole return at every change."""
    world = open_world(erp, f"sqlite:///{tmp_path / 'whole.sqlite'}")
    adopt(world, reaching(tmp_path / "reach", erp, "http://127.0.0.1:1", tables="", example="whole-return"))
    yield world
    world.house.close()


@pytest.mark.parametrize("word", [True, "true", 1])
def test_a_whole_return_marked_as_a_test(whole: World, word: object) -> None:
    sample = json.loads((EXAMPLES / "payloads" / "whole-return.json").read_text(encoding="utf-8")) | {"isTest": word}
    with whole.house.store.begin() as tx:
        receive.keep(tx, [Delivery(tenant=TENANT, source="zigzag", identity="1", body=json.dumps(sample).encode(), received_at=whole.at)])

    assert nothing_came_of_it(whole)


def test_whatever_comes_from_a_source_that_only_tests(world: World) -> None:
    profile = world.house.profiles[TENANT]
    adopt(world, replace(profile, sources=tuple(replace(each, name="main", tests_only=True) for each in profile.sources)))

    world.tell(*life("R-1", TEA, at=world.at))

    assert nothing_came_of_it(world)

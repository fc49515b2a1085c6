"""What a preview shows is what is posted; and another mapping shows what it would change, before it does."""

import json
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from backhaul.bootstrap import keep, recall
from backhaul.domain.errors import Misconfigured, RetryLater
from backhaul.domain.rules import Close, Window
from backhaul.entrypoints import preview as previews, worker
from backhaul.profile import load_profile
from tests.journeys.stage import EXAMPLES, TENANT, World, life, line, open_world

PROFILE = EXAMPLES / "profiles" / "online-retail.toml"


@pytest.fixture
def world(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY))
    yield world
    world.house.close()


def tell(world: World) -> None:
    """Tell of goods in two grades, an item nobody knows, and carriage."""
    world.tell(*life("R-1", [
        line("TEA", 3, "4.25", received=3, grades=[("A", "RESELL", 2, True), ("B", "OUTLET", 1, True)]),
        line("NEW", 1, "1.00", received=1, grades=[("A", "RESELL", 1, True)]), line("POST", 1, "7.50", order=None)], at=world.at))
    worker.read(world.house, TENANT, world.at)


def look(world: World, mapping: str = "") -> dict[str, Any]:
    told = previews.preview(world.house, TENANT, "R-1", mapping=mapping, now=world.at)
    assert told is not None
    return json.loads(json.dumps(dict(told)))  # type: ignore[no-any-return]


def shown(told: Any) -> str:
    text = StringIO()
    previews.show(Console(width=400, file=text), told)
    return text.getvalue()


def becomes(told: dict[str, Any]) -> dict[str, str]:
    return {each["key"]: each["becomes"] for each in told["documents"]}


def test_a_preview_equals_what_is_then_fixed_and_posted_to_the_byte(world: World) -> None:
    tell(world)
    world.at = world.at.replace(day=2, hour=18, minute=30)
    world.control("clock", {"now": world.at.isoformat()})

    told = look(world)
    again = look(world)
    world.turn()

    made = {each["key"]: each["fingerprint"] for each in told["documents"] if each["becomes"] == "made"}
    fixed = {str(row.posting.key): row.posting.fingerprint for row in world.postings() if row.window}
    assert made == fixed
    assert len(made) == 10
    assert told == again
    assert {each["becomes"] for each in told["documents"] if each["line"] == "NEW#1"} == {"held"}
    assert {(each["code"], each["owner"]) for each in told["findings"]} == {
        ("SKU_UNKNOWN", "integration"), ("ORDER_LINE_UNKNOWN", "integration")}
    assert told["money"] == {"made": "-20.25", "held": "-1.00"}


def test_a_preview_keeps_nothing(world: World) -> None:
    tell(world)
    with world.house.store.begin() as tx:
        before = list(tx.trail(TENANT)), tx.exceptions(TENANT), tx.cases(TENANT), tx.postings(TENANT, ["R-1"])

    look(world)

    with world.house.store.begin() as tx:
        assert (list(tx.trail(TENANT)), tx.exceptions(TENANT), tx.cases(TENANT), tx.postings(TENANT, ["R-1"])) == before
    assert world.rows("ReturnOrderHeadersV2") == []


def test_what_is_made_already_is_shown_with_its_number_and_its_version(world: World) -> None:
    tell(world)
    world.pass_evenings(3, turns=2)

    told = look(world)

    done = [each for each in told["documents"] if each["becomes"] == "verified"]
    assert len(done) == 10
    assert all(each["number"] and each["mapping"].startswith("2026-01+") for each in done)
    assert "made" not in told["money"]


def test_without_the_erp_the_plan_is_shown_and_what_was_not_checked_is_said(world: World) -> None:
    tell(world)
    desk = world.house.desk(TENANT, "gb01")

    class Away:
        route = desk.route

        def master_data(self, _: Any) -> Any:
            raise RetryLater("nobody answers")

    world.house.adopt(replace(desk, erp=Away()))  # type: ignore[arg-type]  # all a preview asks for

    told = look(world)

    assert not told["asked"]
    assert set(becomes(told).values()) == {"made if it passes the checks"}
    assert "original sale" in told["not_checked"]
    assert "No erp answered" in shown(told)


def other_mapping(folder: Path, version: str = "2026-02") -> Path:
    """Write the profile anew: what is graded B goes to quarantine, and carriage is another item."""
    text = PROFILE.read_text(encoding="utf-8").replace('version = "2026-01"', f'version = "{version}"', 1)
    changed = text.replace('location = "OUTLET"', 'location = "QUAR"').replace('POST = "SVC-CARRIAGE"', 'POST = "SVC-MANUAL"')
    assert changed != text
    path = folder / "other.toml"
    path.write_text(changed, encoding="utf-8")
    return path


def test_another_mapping_shows_its_difference_first_and_nothing_else(world: World, tmp_path: Path) -> None:
    tell(world)

    told = look(world, str(other_mapping(tmp_path)))

    assert next(iter(told)) == "difference"
    changed = {(each["kind"], each["line"]): each.get("fields") for each in told["difference"]}
    assert changed[("receipt", "TEA#1")]["place"][1]["location"] == "QUAR"
    assert changed[("fee-line", "POST#1")]["sku"] == ["SVC-CARRIAGE", "SVC-MANUAL"]
    assert set(changed) == {("receipt", "TEA#1"), ("fee-line", "POST#1"), ("fee-credit-note", "POST#1")}
    assert "→ SVC-MANUAL" in shown(told)


def test_what_the_other_mapping_would_hold_is_told_as_such(world: World, tmp_path: Path) -> None:
    tell(world)
    path = other_mapping(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace('POST = "SVC-MANUAL"', "POST = { customer_return = false }"), encoding="utf-8")

    told = look(world, str(path))

    assert {(each["kind"], each["change"]) for each in told["difference"] if each["line"] == "POST#1"} >= {
        ("NOT_A_CUSTOMER_RETURN", "found only with the other"), ("fee-credit-note", "only in force")}
    assert "NOT_A_CUSTOMER_RETURN POST#1, found only with the other" in shown(told)


def test_a_version_that_was_in_force_can_be_compared_with_by_name(world: World, tmp_path: Path) -> None:
    tell(world)
    keep(world.house.store, load_profile(PROFILE, offline=True), world.at)
    keep(world.house.store, load_profile(other_mapping(tmp_path), offline=True), world.at)

    same, other = look(world, "2026-01"), look(world, recall(world.house.store, TENANT, "2026-02").version)

    assert same["difference"] == []
    assert "No difference" in shown(same)
    assert other["compared"]["with"].startswith("2026-02+")
    assert len(other["difference"]) == 3
    with pytest.raises(Misconfigured, match="no profile of tenant 'online-retail' was in force under version '2025-01'"):
        look(world, "2025-01")


def test_every_posting_of_a_profile_that_was_in_force_can_be_explained(world: World, tmp_path: Path) -> None:
    keep(world.house.store, load_profile(PROFILE, offline=True), world.at)
    tell(world)
    world.pass_evenings(1, turns=1)

    versions = {row.mapping_version for row in world.postings() if row.mapping_version}

    assert [recall(world.house.store, TENANT, version).text for version in versions] == [PROFILE.read_text(encoding="utf-8")]


def test_another_content_under_the_same_version_is_refused_with_both_hashes(world: World, tmp_path: Path) -> None:
    mine, other = load_profile(PROFILE, offline=True), load_profile(other_mapping(tmp_path, "2026-01"), offline=True)
    for _ in range(2):
        keep(world.house.store, mine, world.at)

    with pytest.raises(Misconfigured, match="Give the changed profile a version of its own") as refused:
        keep(world.house.store, other, world.at)

    assert mine.sha256 in str(refused.value)
    assert other.sha256 in str(refused.value)
    with world.house.store.begin() as tx:
        assert [entry.action for entry in tx.trail(TENANT)] == ["profile"]


def test_a_profile_of_another_tenant_and_a_return_nobody_heard_of_are_told(world: World, tmp_path: Path) -> None:
    tell(world)
    path = other_mapping(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace('tenant = "online-retail"', 'tenant = "another"'), encoding="utf-8")

    with pytest.raises(Misconfigured, match="profile of tenant 'another'"):
        look(world, str(path))
    assert previews.preview(world.house, TENANT, "R-9", now=world.at) is None

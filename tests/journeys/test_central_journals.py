"""Units without a return document, units that are graded anew and units that leave, in Business Central: once, by an item journal."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.application import resolve
from backhaul.application.ports import KeptPosting, PostingState
from backhaul.domain.disposition import JournalType, Place
from backhaul.domain.posting import JOURNALS, PostingKind
from backhaul.domain.rules import Surplus
from backhaul.testing.interrupting import Fuse, Interrupted
from tests.journeys.stage import DAILY, TENANT, World, life, line, message, open_world
from tests.journeys.test_central_modes import opened

QUAR = Place(warehouse="DC1-QUAR", location="-")
SURPLUS = {("gb01", "GB-DC-01"): Surplus(place=QUAR)}
AT: Mapping[str, Mapping[str, str]] = {
    "batch": {"path": r"\$batch", "body": r'"POST","url":"[^"]*/itemJournalBatches"'},
    "lines": {"path": r"\$batch", "body": r'"POST","url":"[^"]*/itemJournalLines"'},
    "posting": {"path": r"itemJournalBatches.*Microsoft\.NAV\.post"},
}
FAULTS: Mapping[str, Mapping[str, Any]] = {
    "lost": {"kind": "answer-lost"}, "late": {"kind": "late-commit", "after": 2}, "much later": {"kind": "late-commit"},
    "after": {"kind": "error-after", "status": 504}, "busy": {"kind": "throttle", "retryAfter": "7"},
    "before": {"kind": "error-before", "status": 503},
}
CASES = [pytest.param(AT[at], FAULTS[fault], id=f"{fault} | {at}") for at, faults in (
    ("batch", ("lost", "late")), ("lines", ("lost", "late", "before")), ("posting", tuple(FAULTS))) for fault in faults]


class At(Fuse):
    """A fuse that blows once, at the first point of a name."""

    name = ""

    def pass_(self, where: str) -> None:
        if where == self.name and not self.where:
            self.where = where
            raise Interrupted(where)


@pytest.fixture
def stocked(central_erp: str, tmp_path: Path) -> Iterator[World]:
    """Give mode A with a place for units nobody announced."""
    world = opened(central_erp, tmp_path, "A")
    world.change_rules(surplus=SURPLUS)
    yield world
    world.house.close()


def surplus_life(world: World, ref: str, *, came: int = 3, **more: Any) -> None:
    """Announce two, accept two, and count more."""
    world.tell(*life(ref, [line("TEA", 2, "4.25", received=came, grades=[("A", "RESELL", 2, True)])], at=world.at, **more))


def journals(world: World) -> list[KeptPosting]:
    return [row for row in world.postings() if isinstance(row.posting.document, JOURNALS)]


def stock(world: World) -> dict[str, int]:
    return {place: int(units) for place, units in world.ledgers["stock"].items() if "DC1" in place}


def drafts(world: World) -> list[Any]:
    erp: Any = world.house.desk(TENANT, "gb01").erp
    told = erp.journals.central.get(f"{erp.central.root}/api/backhaul/returns/v1.0/{erp.central.path}/itemJournalLines")
    return list(told["value"])


def test_units_of_two_returns_come_into_quarantine_by_one_line_of_one_journal(stocked: World) -> None:
    surplus_life(stocked, "R-1", came=3)
    surplus_life(stocked, "R-2", came=4, customer="10002")

    stocked.pass_evenings(3, turns=2)

    assert stocked.credits == [("TEA", Decimal(2), Decimal("8.50"))] * 2
    assert stock(stocked) == {"TEA||DC1-QUAR|": 3}
    first, second = (row.document for row in journals(stocked))
    assert first is not None
    assert second is not None
    assert (first.number, first.ids) == (second.number, second.ids), "one journal, one line, one entry"
    assert (first.quantity, second.quantity, second.cost) == (1, 2, 2 * (first.cost or 0)) != (1, 2, 0)
    assert {row.state for row in journals(stocked)} == {PostingState.VERIFIED}
    assert (stocked.exceptions(), stocked.ledgers["balanced"], drafts(stocked)) == ({"SURPLUS": 2}, True, [])


def test_another_grade_after_posting_is_a_reclassification_and_net_zero(stocked: World) -> None:
    stocked.tell(*life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("C", "QUARANTINE", 2, True)])], at=stocked.at))
    stocked.pass_evenings(2, turns=3)
    before, value = stock(stocked), stocked.ledgers["inventoryValue"]

    stocked.tell(message("R-1", "ReturnInspected", 9, [line("TEA", 2, "4.25", received=2, grades=[("B", "OUTLET", 2, True)])],
                         at=stocked.at))
    stocked.pass_evenings(2, turns=3)

    assert (before, stock(stocked)) == ({"TEA||DC1-QUAR|": 2}, {"TEA||DC1-OUTLET|": 2})
    assert stocked.ledgers["inventoryValue"] == value
    assert stocked.credits == [("TEA", Decimal(2), Decimal("8.50"))], "the customer's credit stands"
    assert [(row.posting.key.kind, row.state) for row in journals(stocked)] == [(PostingKind.TRANSFER, PostingState.VERIFIED)]


@pytest.mark.parametrize(("at", "fault"), CASES)
def test_whatever_happens_to_a_request_the_units_come_in_once(
    stocked: World, at: Mapping[str, str], fault: Mapping[str, Any],
) -> None:
    surplus_life(stocked, "R-1")
    stocked.turn()
    stocked.arm(**{**fault, **at})

    stocked.pass_evenings(3, turns=3)

    assert stock(stocked) == {"TEA||DC1-QUAR|": 1}
    assert [row.state for row in journals(stocked)] == [PostingState.VERIFIED]
    assert (stocked.ledgers["balanced"], drafts(stocked)) == (True, [])


@pytest.mark.parametrize("point", ["before post adjustment", "after post adjustment"])
def test_whenever_the_process_dies_the_units_come_in_once(central_erp: str, tmp_path: Path, point: str) -> None:
    fuse = At()
    fuse.name = point
    world = open_world(central_erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=DAILY, mode="A", kind="business-central", fuse=fuse)
    desk = world.house.desk(TENANT, "gb01")
    world.change_rules(surplus=SURPLUS)
    surplus_life(world, "R-1")
    world.turn()

    for _ in range(3):
        try:
            world.pass_evenings(1, turns=2)
        except Interrupted:
            world.house.adopt(desk)
            world.change_rules(surplus=SURPLUS)
    world.pass_evenings(1, turns=2)

    assert fuse.where == point
    assert stock(world) == {"TEA||DC1-QUAR|": 1}
    assert [row.state for row in journals(world)] == [PostingState.VERIFIED]
    world.house.close()


def test_a_line_that_comes_again_after_posting_is_refused_by_the_extension(stocked: World) -> None:
    surplus_life(stocked, "R-1")
    stocked.turn()
    stocked.arm(kind="late-commit", after=4, **AT["lines"])

    stocked.pass_evenings(3, turns=3)

    assert (stock(stocked), drafts(stocked)) == ({"TEA||DC1-QUAR|": 1}, [])


def test_what_posting_refuses_is_taken_back_and_goes_out_in_a_new_journal_once_it_is_mended(stocked: World) -> None:
    surplus_life(stocked, "R-1")
    stocked.control("seed", {"settings": {"noPermission": ["items"]}, "rows": {}})
    stocked.pass_evenings(2, turns=3)
    (refused,) = journals(stocked)
    left = drafts(stocked)
    stocked.control("seed", {"settings": {"noPermission": []}, "rows": {}})
    number = next(row.id for row in stocked.open() if any(each.code == "ERP_REJECTED" for each in row.case.findings))

    resolve.retry(stocked.house.store, TENANT, number, route=stocked.house.desk(TENANT, "gb01").route, actor="ann", now=stocked.at)
    stocked.pass_evenings(2, turns=2)

    assert (refused.state, left) == (PostingState.REJECTED, []), "nothing stands that somebody could post by hand"
    assert "permissions prevented" in refused.note
    assert stock(stocked) == {"TEA||DC1-QUAR|": 1}
    assert [row.state for row in journals(stocked)] == [PostingState.VERIFIED]


def test_units_nobody_graded_never_go_where_stock_is_sold(stocked: World) -> None:
    surplus_life(stocked, "R-1")
    stocked.change_rules(surplus={("gb01", "GB-DC-01"): Surplus(place=Place(warehouse="GB-DC-01", location="-"))})

    stocked.pass_evenings(2, turns=3)

    assert not [row for row in journals(stocked) if row.attempts]
    assert any(finding.code == "DAMAGED_TO_SELLABLE" for row in stocked.open() for finding in row.case.findings)


@pytest.mark.parametrize("mode", ["B", "C"])
def test_without_item_journals_surplus_units_are_people_s_work_and_said_to_be(central_erp: str, tmp_path: Path, mode: str) -> None:
    world = opened(central_erp, tmp_path, mode)
    world.change_rules(surplus=SURPLUS)
    surplus_life(world, "R-1")

    world.pass_evenings(2, turns=3)

    assert (journals(world), world.exceptions(), stock(world)) == ([], {"SURPLUS": 1}, {})
    erp: Any = world.house.desk(TENANT, "gb01").erp
    erp.rules = replace(erp.rules, surplus=SURPLUS)
    notes = erp.capabilities().notes
    assert any("Inventory journals are lost" in note for note in notes)
    assert any("its units are found and not posted in this mode" in note for note in notes)
    world.house.close()


def test_a_journal_nobody_may_post_or_whose_account_nobody_can_send_is_refused_at_start(stocked: World) -> None:
    rule = Surplus(place=QUAR, journal_type=JournalType.MOVEMENT, expected_account="7170")
    erp: Any = stocked.house.desk(TENANT, "gb01").erp
    erp.rules = replace(erp.rules, surplus={("gb01", "GB-DC-01"): rule})
    stocked.control("seed", {"settings": {"noPermission": ["items"]}, "rows": {}})

    missing = erp.capabilities().missing

    assert [each for each in missing if "surplus" in each] == [
        "the right to post item journals, which [surplus] needs",
        "[surplus]: an item journal takes its account from posting setup, so journal_type = 'movement' cannot be sent"]

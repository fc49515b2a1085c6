"""The same returns through every deployment mode of Business Central: who makes the document differs, what is credited does not."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.adapters.business_central.routes import MODES
from backhaul.domain.posting import OrderLine, PostingKind
from tests.journeys.stage import DAILY, TENANT, World, life, line, open_world, sold_centrally

CREDITS = [("CUP", Decimal(1), Decimal("2.95")), ("SVC-CARRIAGE", Decimal(1), Decimal("7.50")), ("TEA", Decimal(1), Decimal("4.25")),
           ("TEA", Decimal(2), Decimal("8.50"))]
HEADS = {"A": '"POST","url":"[^"]*/returnRequests"', "B": '"POST","url":"[^"]*/salesDocuments"'}
LINES = {"A": '"POST","url":"[^"]*/returnRequestLines"', "B": '"POST","url":"[^"]*/salesDocumentLines"'}
POSTS = {"A": {"path": "postReceiveAndInvoice"}, "B": {"path": r"\$batch", "body": '"PATCH"'}}
CREDITED = {PostingKind.CREDIT_NOTE, PostingKind.FEE_CREDIT_NOTE}
MOST = {"A": 2, "B": 3.2, "C": 3.2}
"""HTTP calls per return at a hundred in one cycle."""


def opened(erp: str, folder: Path, mode: str) -> World:
    world = open_world(erp, f"sqlite:///{folder / 'backhaul.sqlite'}", window=DAILY, mode=mode, kind="business-central")
    reasons = {"RESELL": "BACK", "OUTLET": "BACK", "SCRAP": "WASTE"} if mode != "C" else {}
    world.change_rules(mapping=[replace(row, erp_disposition=reasons.get(row.when.disposition, row.erp_disposition))
                                for row in world.house.profiles[TENANT].rules.mapping])
    return world


@pytest.fixture(params=sorted(MODES))
def world(request: pytest.FixtureRequest, central_erp: str, tmp_path: Path) -> Iterator[World]:
    world = opened(central_erp, tmp_path, request.param)
    yield world
    world.house.close()


@pytest.fixture(params=sorted({*MODES} - {"C"}))
def ordering(request: pytest.FixtureRequest, central_erp: str, tmp_path: Path) -> Iterator[World]:
    """Give the modes that make return orders."""
    world = opened(central_erp, tmp_path, request.param)
    yield world
    world.house.close()


def story(world: World) -> None:
    world.tell(*life("R-1", [line("TEA", 3, "4.25", received=3, grades=[("A", "RESELL", 2, True), ("D", "SCRAP", 1, True)]),
                             line("CUP", 1, "2.95", received=1, grades=[("B", "OUTLET", 1, True)]), line("POST", 1, "7.50", order=None)],
                     at=world.at))


def test_the_same_return_ends_alike_in_every_mode(world: World) -> None:
    story(world)

    world.pass_evenings(2, turns=3)

    assert (world.credits, world.exceptions(), world.state("R-1")) == (CREDITS, {}, "settled")
    assert world.ledgers["balanced"]
    assert {place: units for place, units in world.ledgers["stock"].items() if "DC1" in place} == {
        "CUP||DC1-OUTLET|": 1, "TEA||DC1-SCRAP|": 1}


def test_a_document_is_posted_on_the_day_that_was_predicted_and_says_so(world: World) -> None:
    story(world)
    world.turn()
    world.at = datetime.combine(world.at.date() + timedelta(days=1), time(18, 15), tzinfo=UTC)
    world.control("clock", {"now": (world.at + timedelta(days=9)).isoformat()})

    for _ in range(5):
        world.at += timedelta(minutes=15)
        world.turn()

    days = {row.document.posted_on for row in world.postings() if row.document and row.posting.key.kind in CREDITED}
    assert days == {world.at.date()}, "not the day of the ERP's own clock"
    assert (world.credits, world.exceptions()) == (CREDITS, {})


def test_lines_that_are_alike_are_each_read_back_and_their_tax_adds_up_to_the_document_s(world: World) -> None:
    world.tell(*life("R-1", [line("TEA", 1, "0.33", received=1, grades=[("A", "RESELL", 1, True)]) for _ in range(3)], at=world.at))

    world.pass_evenings(2, turns=3)

    credited = [row.document for row in world.postings() if row.posting.key.kind is PostingKind.CREDIT_NOTE and row.document]
    (memo,) = world.ledgers["creditNotes"]
    assert (len(credited), len({document.ids["sequence"] for document in credited})) == (3, 3)
    assert sum(document.tax or 0 for document in credited) == Decimal(str(memo["tax"])) == Decimal("-0.20")


def test_what_the_customer_keeps_is_told_from_goods_of_the_same_price(world: World) -> None:
    world.tell(*life("R-1", [line("TEA", 1, "4.25", received=1, grades=[("A", "RESELL", 1, True)]),
                             line("CUP", 1, "2.95", grades=[("NONE", "KEEP", 1, True)]),
                             line("TEA", 1, "2.95", received=1, grades=[("A", "RESELL", 1, True)])], at=world.at))

    world.pass_evenings(2, turns=3)

    assert (world.credits, world.exceptions(), world.state("R-1")) == (
        [("6130", Decimal(1), Decimal("2.95")), ("TEA", Decimal(1), Decimal("2.95")), ("TEA", Decimal(1), Decimal("4.25"))], {}, "settled")


def test_goods_come_back_at_the_cost_they_left_with_and_scrap_at_none(ordering: World) -> None:
    ordering.control("seed", {"rows": {"items": [{"number": "TEA", "unitCost": 9}, {"number": "CUP", "unitCost": 9}]}})
    story(ordering)

    ordering.pass_evenings(2, turns=3)

    lines = [each for note in ordering.ledgers["creditNotes"] for each in note["lines"]]
    assert {(each["item"], each["quantity"], each["reason"], bool(each["applFromItemEntry"])) for each in lines if each["reason"]} == {
        ("TEA", -2, "BACK", True), ("TEA", -1, "WASTE", False), ("CUP", -1, "BACK", True)}
    assert (ordering.credits, ordering.exceptions()) == (CREDITS, {}), "a cost of 9 each would be a finding"


@pytest.mark.parametrize("fault", [{"kind": "answer-lost"}, {"kind": "late-commit", "after": 2}, {"kind": "error-after", "status": 504},
                                   {"kind": "error-before", "status": 503}], ids=["lost", "late", "after", "before"])
@pytest.mark.parametrize("at", ["head", "line", "posting"])
def test_every_accepted_line_is_credited_once_whatever_happens_to_a_request(ordering: World, fault: Mapping[str, Any], at: str) -> None:
    mode = ordering.house.desk(TENANT, "gb01").entity.deployment
    writes = {"head": {"path": r"\$batch", "body": HEADS[mode]}, "line": {"path": r"\$batch", "body": LINES[mode]}, "posting": POSTS[mode]}
    story(ordering)
    ordering.turn()
    ordering.arm(**{**fault, **writes[at]})

    ordering.pass_evenings(2, turns=3)

    assert (ordering.credits, ordering.exceptions(), ordering.state("R-1")) == (CREDITS, {}, "settled")
    assert (ordering.ledgers["balanced"], ordering.ledgers["unitsReceived"]) == (True, 4)


def test_what_is_not_released_no_job_can_post(central_erp: str, tmp_path: Path) -> None:
    world = opened(central_erp, tmp_path, "B")
    story(world)
    world.turn()
    world.arm(kind="error-before", status=503, times=99, path=r"\$batch", body='"PATCH"')
    world.pass_evenings(1, turns=2)

    world.control("jobs/run", {"job": "batch-post"})

    (draft,) = [each for each in world.ledgers["drafts"] if each["type"] == "Return Order"]
    assert draft["gross"] > 0
    assert not [each for each in world.credits if each[0] == "TEA"]
    assert any(isinstance(row.posting.document, OrderLine) and row.document for row in world.postings())
    world.house.close()


def test_a_hundred_returns_in_one_cycle_take_few_calls_each(central_erp: str, ordering: World, tmp_path: Path) -> None:
    mode = ordering.house.desk(TENANT, "gb01").entity.deployment
    sold_centrally(central_erp, tmp_path / "many", *[(f"6000{number:02d}", "TEA", 3, "4.25") for number in range(100)])
    for number in range(100):
        ordering.tell(*life(f"R-{number:03d}", [line("TEA", 2, "4.25", order=f"6000{number:02d}", received=2, grades=[
            ("A", "RESELL", 1, True), ("B", "OUTLET", 1, True)])], at=ordering.at))
    ordering.turn()
    ordering.control("calls/reset", {})

    ordering.pass_evenings(2, turns=3)

    calls = ordering.control("calls")
    assert (len(ordering.credits), ordering.exceptions()) == (200, {})
    assert calls["counted"] <= MOST[mode] * 100, calls["by"]

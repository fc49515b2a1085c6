"""Three walls stand between damaged goods and the shelf; each holds alone."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.journeys.conftest import erp, finance_scm
from tests.journeys.stage import TENANT, World, life, line, open_world

from backhaul.application.post import _dangers
from backhaul.domain.disposition import MappingRow, Outcome, Place, Sellability, flaws
from backhaul.domain.posting import ErpDocument, Issue, Posting, PostingBatch, PostingKey, PostingKind, Receipt, Rejected, Transfer
from backhaul.domain.rules import Close, Rules, Window

__all__ = ["erp", "finance_scm"]
KEY = PostingKey(tenant=TENANT, legal_entity="gb01", return_ref="R-1", subject="line:1", kind=PostingKind.ORDER_LINE)
SHELF = Place(warehouse="GB-DC-01", location="SALE")
NOWHERE = Sellability(places=frozenset(), dispositions=frozenset(), conditions=frozenset())


@pytest.fixture
def daily(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY))
    yield world
    world.house.close()


def wrong(rules: Rules) -> Rules:
    """Map scrapped goods to the shelf, and forget which places are on sale, so that the mapping's own check sees nothing."""
    rows = [replace(row, place=SHELF) if row.outcome is Outcome.SCRAPPED else row for row in rules.mapping]
    return replace(rules, mapping=rows, sellability=NOWHERE)


def broken_goods(world: World) -> None:
    world.tell(*life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("D", "SCRAP", 2, True)])], at=world.at))
    world.turn()


def on_the_shelf(world: World) -> Decimal:
    return Decimal(str(world.ledgers["stock"].get("TEA|S1|GB-DC-01|SALE", 0)))


def test_the_check_of_the_mapping_refuses_the_row_when_it_is_saved(daily: World) -> None:
    right = daily.house.profiles[TENANT].rules
    row: MappingRow = next(row for row in wrong(right).mapping if row.outcome is Outcome.SCRAPPED)

    told = list(flaws([row], right.sellability))

    assert any("not sellable" in sentence for sentence in told)


def test_a_wrong_row_that_came_past_the_profile_holds_the_line_when_it_is_prepared(daily: World) -> None:
    right = daily.house.profiles[TENANT].rules
    daily.change_rules(mapping=wrong(right).mapping)
    broken_goods(daily)

    daily.pass_evenings(3, turns=2)

    assert daily.exceptions() == {"DAMAGED_TO_SELLABLE": 1}
    assert daily.credits == []


def prepared_with_a_wrong_mapping(world: World) -> Rules:
    """Let everything be prepared under wrong rules, and keep it from being sent for now; give the right rules."""
    right = world.house.profiles[TENANT].rules
    bad = wrong(right)
    world.change_rules(mapping=bad.mapping, sellability=bad.sellability)
    broken_goods(world)
    world.arm("throttle", path=r"\$batch", body="POST [^ ]*/ReturnOrderHeadersV2 ")
    world.pass_evenings(1, turns=1)
    assert any(row.posting.key.kind is PostingKind.RECEIPT and row.state.value == "ready" for row in world.postings())
    return right


def test_the_send_boundary_stops_what_was_prepared_wrong(daily: World) -> None:
    right, shelf = prepared_with_a_wrong_mapping(daily), on_the_shelf(daily)
    bad = daily.house.desk(TENANT, "gb01").rules
    daily.change_rules(sellability=right.sellability, mapping=bad.mapping)
    # The adapter is left with the wrong list, so that nobody but the send boundary can see it.
    daily.house.desk(TENANT, "gb01").erp.rules = bad  # type: ignore[attr-defined]

    daily.pass_evenings(3, turns=2)

    assert daily.rows("ItemArrivalJournalHeadersV2") == []
    assert on_the_shelf(daily) == shelf
    assert "ERP_REJECTED" in {finding.code for row in daily.open() for finding in row.case.findings}
    assert any("would go on sale" in row.note for row in daily.postings())


def test_the_adapter_stops_what_was_prepared_and_sent_wrong(daily: World) -> None:
    right, shelf = prepared_with_a_wrong_mapping(daily), on_the_shelf(daily)
    daily.house.desk(TENANT, "gb01").erp.rules = right  # type: ignore[attr-defined]

    daily.pass_evenings(3, turns=2)

    assert daily.rows("ItemArrivalJournalHeadersV2") == []
    assert on_the_shelf(daily) == shelf
    assert daily.exceptions() == {"ERP_REJECTED": 1}
    assert any("on sale" in row.note and "Nothing was sent" in row.note for row in daily.postings())


@pytest.mark.parametrize(("condition", "disposition"), [("D", "SCRAP"), ("A", "SCRAP"), ("D", "RESELL"), ("a", "RESELL"), ("", "")])
@pytest.mark.parametrize("place", [SHELF, Place(warehouse="gb-dc-01", location="sale"), Place(warehouse="GB-DC-01 ", location=" SALE"),
                                   Place(warehouse="GB-DC-02", location="SALE", status="anything")])
def test_each_wall_alone_sees_every_way_to_write_the_shelf(daily: World, condition: str, disposition: str, place: Place) -> None:
    desk = daily.house.desk(TENANT, "gb01")
    key = replace(KEY, kind=PostingKind.RECEIPT)
    receipt = Receipt(line_id="1", sku="TEA", quantity=Decimal(1), condition=condition, disposition=disposition, erp_disposition="ZCREDIT",
                      place=place, outcome=Outcome.RESTOCKED)
    posting = Posting(key=key, document=receipt, needs=(KEY,), currency="GBP")
    batch = PostingBatch(key="ZZTEST", tenant=TENANT, legal_entity="gb01", kind=PostingKind.RECEIPT, period="2010-12", postings=(posting,),
                         basis={KEY: ErpDocument(
                             number="LOT-1", ids={"ReturnOrderNumber": "R1", "ReturnInventoryLotId": "LOT-1", "RMANumber": "1"})})
    daily.control("calls/reset", {})

    (outcome,) = desk.erp.post(batch)

    assert list(_dangers(desk, posting))
    assert isinstance(outcome, Rejected)
    assert daily.control("calls")["counted"] == 0


def test_what_is_moved_on_sale_without_a_grade_that_sells_or_out_of_nowhere_does_not_leave(daily: World) -> None:
    desk = daily.house.desk(TENANT, "gb01")
    dock = Place(warehouse="GB-DC-01", location="QUAR")
    right = Transfer(line_id="1", sku="TEA", quantity=Decimal(1), source=dock, target=SHELF, condition="A", disposition="RESELL")
    lost = Issue(line_id="1", sku="TEA", quantity=Decimal(1), place=dock)

    def said(document: Transfer | Issue) -> int:
        return len(list(_dangers(desk, Posting(key=replace(KEY, kind=PostingKind.TRANSFER), document=document))))

    assert said(right) == said(lost) == said(replace(right, target=replace(SHELF, location="BAD"), condition="D")) == 0
    assert said(replace(right, condition="D")) == said(replace(right, disposition="")) == 1
    assert said(replace(right, quantity=Decimal(0))) == said(replace(lost, quantity=Decimal(-1))) == 1
    assert said(replace(right, source=replace(dock, location=""))) == said(replace(lost, place=replace(dock, warehouse=""))) == 1
    assert said(replace(right, source=SHELF)) == 1

"""Do units change their place, and leave stock, by one journal, once, with quantity and value that follow them?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from tests.adapters.finance_scm.yard import QUAR, SALE, Yard

from backhaul.adapters.finance_scm import erp as adapter
from backhaul.domain.disposition import JournalType, Place
from backhaul.domain.matching import BreakKind, classify
from backhaul.domain.posting import (
    Adjustment,
    Issue,
    Pending,
    Posted,
    Posting,
    PostingKey,
    PostingKind,
    Rejected,
    Transfer,
    Unconfirmed,
)
from backhaul.domain.rules import Tolerances

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backhaul.domain.posting import Document, ErpDocument

HUB = Place(warehouse="HUB", location="IN")


def posting(kind: PostingKind, document: Document, ref: str = "R1") -> Posting:
    key = PostingKey(tenant="t", legal_entity="usmf", return_ref=ref, subject="line:m#1", kind=kind)
    return Posting(key=key, currency="GBP", accepted_at=datetime(2025, 1, 9, 12, tzinfo=UTC), document=document)


def transfer(ref: str = "R1", quantity: int = 1, target: Place = HUB, *, sku: str = "m", source: Place = QUAR, **more: Any) -> Posting:
    return posting(PostingKind.TRANSFER, Transfer(line_id="m#1", sku=sku, quantity=Decimal(quantity), source=source, target=target, **more),
                   ref)


def issue(ref: str = "R1", quantity: int = 1, place: Place = QUAR, **more: Any) -> Posting:
    return posting(PostingKind.ISSUE, Issue(line_id="m#1", sku="m", quantity=Decimal(quantity), place=place, **more), ref)


def adjustment(ref: str = "R1", quantity: int = 1, place: Place = QUAR, **more: Any) -> Posting:
    return posting(PostingKind.ADJUSTMENT, Adjustment(line_id="m#1", sku="m", quantity=Decimal(quantity), place=place, **more), ref)


@pytest.fixture
def stocked(yard: Yard) -> Yard:
    """Give a yard with six units in quarantine, by a journal."""
    yard.control("seed", {"rows": {"Warehouses": [{"WarehouseId": "HUB", "OperationalSiteId": "S1"}],
                                   "WarehouseLocations": [{"WarehouseId": "HUB", "WarehouseLocationId": "IN"}]}})
    yard.post(adjustment("R0", 6), key="ZZB0")
    yard.control("jobs/run", {"job": "inventory"})
    assert yard.ledgers()["stock"] == {"m|S1|RET|QUAR": 6}
    return yard


def posted(yard: Yard, *wanted: Posting) -> Mapping[PostingKey, ErpDocument]:
    """Let the ERP's job run, and look."""
    yard.control("jobs/run", {"job": "inventory"})
    return yard.find(*wanted)


def test_units_that_change_their_place_are_one_line_and_net_zero(stocked: Yard) -> None:
    wanted = (transfer("R1", 1), transfer("R2", 2))
    before = stocked.ledgers()

    assert stocked.post(*wanted) == [Pending(reference="ZZB1")] * 2
    assert all(document.open for document in stocked.find(*wanted).values())
    found = posted(stocked, *wanted)
    after = stocked.ledgers()

    assert after["stock"] == {"m|S1|RET|QUAR": 3, "m|S1|HUB|IN": 3}
    assert (after["inventoryValue"], after["trialBalance"]) == (before["inventoryValue"], before["trialBalance"])
    assert [(each.number, each.quantity, each.cost, each.place) for each in found.values()] == [
        ("ZZB1", -1, Decimal("-3.33"), HUB), ("ZZB1", -2, Decimal("-6.66"), HUB)]
    assert not [each for want in wanted for each in classify(want, found[want.key], Tolerances())]


def test_units_that_leave_stock_are_a_loss_at_their_cost(stocked: Yard) -> None:
    wanted = (issue("R1", 1), issue("R2", 3))

    assert stocked.post(*wanted) == [Pending(reference="ZZB1")] * 2
    found = posted(stocked, *wanted)

    assert stocked.ledgers()["stock"] == {"m|S1|RET|QUAR": 2}
    assert [(each.quantity, each.cost, bool(each.voucher)) for each in found.values()] == [
        (-1, Decimal("-3.33"), True), (-3, Decimal("-9.99"), True)]
    assert not [each for want in wanted for each in classify(want, found[want.key], Tolerances())]


@pytest.mark.parametrize("by", ["package", "odata"])
def test_a_movement_carries_the_account_it_was_told(stocked: Yard, by: str) -> None:
    stocked.erp = adapter.connect(replace(stocked.rules.entities[0], options={**stocked.rules.entities[0].options, "journals_by": by}),
                                  stocked.rules, {"client_secret": "secret"})
    lost = issue(journal_type=JournalType.MOVEMENT, expected_account="605000")

    assert stocked.post(lost) == [Pending(reference="ZZB1")]
    found = posted(stocked, lost)

    assert found[lost.key].cost == Decimal("-3.33")
    assert Decimal(str(stocked.ledgers()["trialBalance"]["605000"])) == Decimal("3.33")


@pytest.mark.parametrize("make", [transfer, issue])
@pytest.mark.parametrize("by", ["package", "odata"])
def test_when_the_answer_is_lost_the_journal_is_found_and_sending_it_again_moves_nothing(stocked: Yard, make: Any, by: str) -> None:
    stocked.erp = adapter.connect(replace(stocked.rules.entities[0], options={**stocked.rules.entities[0].options, "journals_by": by}),
                                  stocked.rules, {"client_secret": "secret"})
    wanted = (make("R1"), make("R2", 2))
    stocked.erp.masters.site("RET")
    for path in ("ImportFromPackage", r"\$batch"):
        stocked.control("faults", {"kind": "answer-lost", "path": path})

    lost = stocked.post(*wanted)
    stocked.drop_faults()
    found = stocked.find(*wanted)
    again = stocked.post(*wanted)
    stocked.control("jobs/run", {"job": "inventory"})
    after = stocked.post(*wanted)

    assert all(isinstance(outcome, Unconfirmed) for outcome in lost)
    assert all(document.open for document in found.values())
    assert again == after == [Pending(reference="ZZB1")] * 2, "what is there is there"
    assert stocked.ledgers()["stock"]["m|S1|RET|QUAR"] == 3
    assert [document.copies for document in stocked.find(*wanted).values()] == [1, 1]


def test_a_line_the_erp_refuses_is_refused_for_its_returns_and_for_no_other(stocked: Yard) -> None:
    wanted = (transfer("R1"), transfer("R2", sku="nobody"), transfer("R3", target=Place(warehouse="HUB", location="NOWHERE")))

    outcomes = stocked.post(*wanted)

    assert [type(outcome) for outcome in outcomes] == [Pending, Rejected, Rejected]
    assert "nobody" in outcomes[1].sentence
    assert "NOWHERE" in outcomes[2].sentence
    assert set(posted(stocked, *wanted)) == {wanted[0].key}


def test_what_never_arrived_is_not_found_and_nothing_is_known_of_it(stocked: Yard) -> None:
    stocked.erp.masters.site("HUB")
    stocked.control("faults", {"kind": "error-before", "status": 503, "path": r"\$batch"})

    (outcome,) = stocked.post(transfer())

    assert isinstance(outcome, Unconfirmed)
    assert stocked.find(transfer()) == {}


def test_what_is_not_there_cannot_be_moved_and_stays_open(stocked: Yard) -> None:
    too_much = transfer("R1", 7)

    stocked.post(too_much)

    assert posted(stocked, too_much)[too_much.key].open
    assert stocked.ledgers()["stock"] == {"m|S1|RET|QUAR": 6}


def test_units_graded_as_not_sellable_or_not_at_all_are_never_moved_on_sale(stocked: Yard) -> None:
    shelf = Place(warehouse="ret ", location="Dock")
    damaged = transfer("R1", target=shelf, condition="C", disposition="RESELL")
    ungraded, fit = transfer("R2", target=SALE), transfer("R3", target=SALE, condition="A", disposition="RESELL")

    assert [type(outcome) for outcome in stocked.post(damaged, key="ZZB2")] == [Rejected]
    together = stocked.post(ungraded, fit, key="ZZB3")
    alone = stocked.post(fit, key="ZZB4")
    posted(stocked, fit)

    assert [type(outcome) for outcome in together] == [Rejected, Rejected], "one line goes whole or not at all"
    assert alone == [Pending(reference="ZZB4")]
    assert stocked.ledgers()["stock"] == {"m|S1|RET|QUAR": 5, "m|S1|RET|DOCK": 1}


def test_a_second_journal_is_seen_and_the_open_one_goes(stocked: Yard) -> None:
    wanted = transfer()
    stocked.post(wanted)
    (line,) = stocked.allocations["ZZB1"]
    stocked.write("InventoryTransferJournalHeaders", {"JournalNumber": "TWIN", "JournalNameId": "ZZ-TRF"})
    stocked.write("InventoryTransferJournalEntries", {
        "JournalNumber": "TWIN", "LineNumber": line.number, "ItemNumber": "m", "InventoryQuantity": 1, "SourceInventorySiteId": "S1",
        "SourceWarehouseId": "RET", "SourceWarehouseLocationId": "QUAR", "DestinationWarehouseId": "HUB",
        "DestinationWarehouseLocationId": "IN"})
    seen = stocked.find(wanted)[wanted.key]
    spare = Posting(key=replace(wanted.key, kind=PostingKind.SPARE), document=seen.spares[0])

    (removed,) = stocked.post(spare, key="ZZB2")

    assert (seen.number, seen.copies, seen.spares[0].ids["JournalNumber"]) == ("ZZB1", 2, "TWIN")
    assert isinstance(removed, Posted)
    assert stocked.find(wanted)[wanted.key].copies == 1


def test_a_transfer_somebody_sent_elsewhere_is_a_difference(stocked: Yard) -> None:
    wanted = transfer()
    stocked.post(wanted)
    (line,) = stocked.allocations["ZZB1"]
    stocked.write(f"InventoryTransferJournalEntries(dataAreaId='usmf',JournalNumber='ZZB1',LineNumber={line.number})",
                  {"DestinationWarehouseId": "RET", "DestinationWarehouseLocationId": "DOCK"}, method="PATCH")

    found = posted(stocked, wanted)

    assert [each.kind for each in classify(wanted, found[wanted.key], Tolerances())] == [BreakKind.WRONG_PLACE]


def test_an_issue_that_brought_units_in_is_a_difference(stocked: Yard) -> None:
    wanted = issue()
    stocked.post(wanted)
    document = posted(stocked, wanted)[wanted.key]

    turned = replace(document, quantity=Decimal(1))

    assert [each.kind for each in classify(wanted, turned, Tolerances())] == [BreakKind.WRONG_QUANTITY]


@pytest.mark.parametrize(("told", "says"), [
    ({"type": "Movement"}, "adjustment journal name ZZ-INV"),
    ({"type": "Adjustment", "DefaultVoucherNumberAllocationRule": "Entering"}, "DefaultVoucherNumberAllocationRule is Entering"),
    ({"type": "Adjustment", "WillPostingDeleteLinesByDefault": "Yes"}, "WillPostingDeleteLinesByDefault is Yes"),
], ids=["other-type", "voucher-when-entered", "lines-deleted"])
def test_a_journal_name_that_does_not_keep_the_rules_is_refused_at_start(yard: Yard, told: dict[str, str], says: str) -> None:
    yard.control("seed", {"settings": {"journalNames": {"ZZ-INV": told}}, "rows": {}})

    able = yard.erp.capabilities()

    assert any(says in line for line in able.missing)


def test_what_finance_chose_otherwise_is_worth_a_note(yard: Yard) -> None:
    yard.control("seed", {"settings": {"journalNames": {"ZZ-INV": {"type": "Adjustment", "DefaultPostingSummationLevel": "Detail"}}},
                          "rows": {}})

    able = yard.erp.capabilities()

    assert able.missing == ()
    assert any("DefaultPostingSummationLevel is Detail, here Summary is meant" in note for note in able.notes)


@pytest.mark.parametrize("by", ["package", "odata"])
def test_a_name_of_another_type_is_refused_for_every_line_with_the_reason_of_its_header(stocked: Yard, by: str) -> None:
    stocked.erp = adapter.connect(replace(stocked.rules.entities[0], options={**stocked.rules.entities[0].options, "journals_by": by}),
                                  stocked.rules, {"client_secret": "secret"})

    outcomes = stocked.post(issue("R1", journal="ZZ-TRF"), issue("R2", journal="ZZ-TRF"))

    assert [type(outcome) for outcome in outcomes] == [Rejected, Rejected]
    assert all("'ZZ-TRF' in field 'Name'" in outcome.sentence for outcome in outcomes)
    assert posted(stocked, issue()) == {}


@pytest.fixture
def queued(stocked: Yard) -> Yard:
    """Give a yard whose packages go by the recurring-integration queue."""
    options = {**stocked.rules.entities[0].options, "packages_by": "queue", "adjustment_activity": "6f1c-adj"}
    stocked.erp = adapter.connect(replace(stocked.rules.entities[0], options=options), stocked.rules, {"client_secret": "secret"})
    stocked.erp.masters.site("RET")
    return stocked


def test_a_package_goes_by_the_queue_in_two_calls(queued: Yard) -> None:
    wanted, before = issue("R1", 2), queued.erp.odata.calls

    assert queued.post(wanted) == [Pending(reference="ZZB1")]

    assert queued.erp.odata.calls - before == 2, "enqueue, jobstatus"
    assert posted(queued, wanted)[wanted.key].quantity == -2


def test_rows_the_queue_could_not_import_are_refused_alone_with_their_reason(queued: Yard) -> None:
    wanted = (issue("R1"), issue("R2", place=Place(warehouse="RET", location="NOWHERE")))

    outcomes = queued.post(*wanted)

    assert [type(outcome) for outcome in outcomes] == [Pending, Rejected]
    assert "NOWHERE" in outcomes[1].sentence


@pytest.mark.parametrize("kind", ["answer-lost", "late-commit"])
def test_an_unknown_answer_of_the_queue_is_looked_for_before_anything_is_sent_again(queued: Yard, kind: str) -> None:
    wanted = issue("R1", 2)
    queued.control("faults", {"kind": kind, "path": "enqueue", **({"after": 1} if kind == "late-commit" else {})})

    (lost,) = queued.post(wanted)
    queued.find(wanted)
    found = queued.find(wanted)
    (again,) = queued.post(wanted)
    posted(queued, wanted)

    assert isinstance(lost, Unconfirmed)
    assert found[wanted.key].open
    assert again == Pending(reference="ZZB1"), "what is there is there"
    assert queued.ledgers()["stock"] == {"m|S1|RET|QUAR": 4}


def test_a_queue_that_does_not_know_us_took_nothing(queued: Yard) -> None:
    queued.control("faults", {"kind": "error-before", "status": 403, "path": "enqueue"})

    (outcome,) = queued.post(issue())

    assert isinstance(outcome, Rejected)
    assert queued.find(issue()) == {}

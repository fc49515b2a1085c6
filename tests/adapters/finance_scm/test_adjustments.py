"""Do units nobody announced come into the ERP's stock by one journal, once, and is each return's share of it read back?"""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
from defusedxml.ElementTree import fromstring
from tests.adapters.finance_scm.yard import QUAR

from backhaul.adapters.finance_scm import erp as adapter
from backhaul.adapters.finance_scm.package import pack_rows
from backhaul.domain.allocation import allocate
from backhaul.domain.disposition import Place
from backhaul.domain.posting import (
    Adjustment,
    JournalLine,
    Pending,
    Posted,
    Posting,
    PostingBatch,
    PostingKey,
    PostingKind,
    Rejected,
    ReturnOrder,
    Unconfirmed,
)
from backhaul.domain.rules import Rules

if TYPE_CHECKING:

    from tests.adapters.finance_scm.yard import Yard


ADJUSTMENT_ENTITY, ADJUSTMENT_FILE = "Inventory adjustment journal headers and lines V2", "Inventory adjustment.csv"


def surplus(ref: str = "R1", sku: str = "m", quantity: int = 1, place: Place = QUAR, **more: Any) -> Posting:
    key = PostingKey(tenant="t", legal_entity="usmf", return_ref=ref, subject=f"surplus:{sku}#1", kind=PostingKind.ADJUSTMENT)
    document = Adjustment(line_id=f"{sku}#1", sku=sku, quantity=Decimal(quantity), place=place, **more)
    return Posting(key=key, currency="GBP", accepted_at=datetime(2025, 1, 9, 12, tzinfo=UTC), document=document)


def test_several_returns_become_one_journal_line_and_each_gets_its_share_back(yard: Yard) -> None:
    wanted = (surplus("R1", quantity=1), surplus("R2", quantity=2), surplus("R2", sku="M"))
    yard.erp.masters.site("RET")
    before = yard.erp.odata.calls

    assert yard.post(*wanted) == [Pending(reference="ZZB1")] * 3
    assert yard.erp.odata.calls - before == 4, "write address, upload, import, status"
    assert all(document.open and document.cost is None for document in yard.find(*wanted).values())
    assert yard.control("jobs/run", {"job": "inventory"})["log"][0]["outcome"] == "posted"
    found = [yard.find(*wanted)[posting.key] for posting in wanted]

    assert [(each.number, each.quantity, each.cost, each.open, each.copies) for each in found] == [
        ("ZZB1", 1, Decimal("3.33"), False, 1), ("ZZB1", 2, Decimal("6.66"), False, 1), ("ZZB1", 1, Decimal(7), False, 1)]
    assert {each.voucher for each in found} == {found[0].voucher}
    assert found[0].voucher
    assert found[0].posted_on == datetime(2025, 1, 9, tzinfo=UTC).date()
    told = yard.ledgers()
    assert told["stock"] == {"m|S1|RET|QUAR": 3, "M|S1|RET|QUAR": 1}
    assert told["creditNotes"] == []
    assert told["unitsReceived"] == 0


def test_a_unit_cost_that_is_known_is_sent_and_another_journal_name_too(yard: Yard) -> None:
    wanted = (surplus("R1", unit_cost=Decimal("2.50"), journal="ZZ-QUA"), surplus("R2", quantity=3, unit_cost=Decimal(3), journal="ZZ-QUA"))
    yard.control("seed", {"settings": {"inventoryJournalNames": ["ZZ-QUA"]}, "rows": {}})

    yard.post(*wanted)
    yard.control("jobs/run", {"job": "inventory"})
    found = yard.find(*wanted)

    assert sum((found[posting.key].cost or 0 for posting in wanted), Decimal(0)) == Decimal("11.50")


def test_a_line_the_import_refuses_is_refused_for_all_its_returns_and_for_no_other(yard: Yard) -> None:
    wanted = (surplus("R1"), surplus("R2"), surplus("R3", sku="nobody"))

    outcomes = yard.post(*wanted)

    assert [type(outcome) for outcome in outcomes] == [Pending, Pending, Rejected]
    assert "'nobody'" in outcomes[2].sentence
    assert not outcomes[2].transient
    assert set(yard.find(*wanted)) == {wanted[0].key, wanted[1].key}


def test_a_whole_journal_in_error_leaves_nothing(yard: Yard) -> None:
    yard.control("faults", {"kind": "row-error", "rows": [1]})

    (outcome,) = yard.post(surplus())

    assert isinstance(outcome, Rejected)
    assert yard.find(surplus()) == {}
    assert yard.ledgers()["stock"] == {}


def test_when_the_answer_is_lost_the_journal_is_found_and_sending_it_again_changes_nothing(yard: Yard) -> None:
    wanted = (surplus("R1"), surplus("R2", quantity=2))
    yard.erp.masters.site("RET")
    yard.control("faults", {"kind": "answer-lost", "path": "ImportFromPackage"})

    lost = yard.post(*wanted)
    found = yard.find(*wanted)
    again = yard.post(*wanted)
    yard.control("jobs/run", {"job": "inventory"})
    after = yard.post(*wanted)

    assert all(isinstance(outcome, Unconfirmed) for outcome in lost)
    assert all(document.open for document in found.values())
    assert again == after == [Pending(reference="ZZB1")] * 2, "what is there is there"
    assert yard.ledgers()["stock"] == {"m|S1|RET|QUAR": 3}
    assert [document.copies for document in yard.find(*wanted).values()] == [1, 1]


def test_what_never_arrived_is_not_found(yard: Yard) -> None:
    yard.erp.masters.site("RET")
    yard.control("faults", {"kind": "error-before", "status": 503, "path": "ImportFromPackage"})

    (outcome,) = yard.post(surplus())

    assert isinstance(outcome, Unconfirmed)
    assert yard.find(surplus()) == {}


def test_a_failure_before_the_import_is_no_effect(yard: Yard) -> None:
    yard.erp.masters.site("RET")
    yard.control("faults", {"kind": "error-before", "status": 503, "path": "GetAzureWriteUrl"})

    (outcome,) = yard.post(surplus())

    assert isinstance(outcome, Rejected)
    assert outcome.transient


def test_a_duplicate_journal_is_seen_and_the_open_one_goes(yard: Yard) -> None:
    wanted = (surplus("R1"), surplus("R2", sku="M"))
    yard.post(*wanted)
    yard.write_twin("ZZB1", "INV-TWIN")
    seen = yard.find(*wanted)
    spares = [Posting(key=PostingKey(tenant="t", legal_entity="usmf", return_ref="R1", subject=f"{at}", kind=PostingKind.SPARE),
                      document=spare)
              for at, spare in enumerate(document for found in seen.values() for document in found.spares)]

    removed = yard.post(*spares, key="ZZB2")

    assert [(document.number, document.copies) for document in seen.values()] == [("ZZB1", 2)] * 2
    assert {spare.document.ids["JournalNumber"] for spare in spares} == {"INV-TWIN"}  # type: ignore[union-attr]  # spares
    assert all(isinstance(outcome, Posted) for outcome in removed)
    assert [document.copies for document in yard.find(*wanted).values()] == [1, 1]


def test_two_posted_journals_leave_no_spare_so_that_a_person_looks(yard: Yard) -> None:
    yard.post(surplus())
    yard.write_twin("ZZB1", "INV-TWIN")
    yard.control("jobs/run", {"job": "inventory"})

    found = yard.find(surplus())[surplus().key]

    assert (found.copies, found.spares, found.open) == (2, (), False)


def test_a_journal_somebody_changed_shows_on_every_return_of_its_line(yard: Yard) -> None:
    wanted = (surplus("R1"), surplus("R2"))
    yard.allocations["ZZB1"] = allocate(PostingBatch(
        key="ZZB1", tenant="t", legal_entity="usmf", kind=PostingKind.ADJUSTMENT, period="2025-01", postings=wanted))
    yard.write_twin("ZZB1", "ZZB1")
    yard.allocations["ZZB1"] = tuple(
        JournalLine(number=each.number, sku=each.sku, place=each.place, shares=tuple(
            type(share)(key=share.key, quantity=Decimal(2)) for share in each.shares)) for each in yard.allocations["ZZB1"])
    yard.batches = {posting.key: "ZZB1" for posting in wanted}

    assert [document.quantity for document in yard.find(*wanted).values()] == [1, 1], "two were wanted of each"


def test_units_nobody_graded_never_leave_for_a_place_that_sells(yard: Yard) -> None:
    outcomes = yard.post(surplus("R1", place=Place(warehouse="ret ", location="Dock")), surplus("R2", sku="M"))

    assert [type(outcome) for outcome in outcomes] == [Rejected, Pending]
    assert "is on sale" in outcomes[0].sentence


def test_without_a_committed_allocation_nothing_is_sent(yard: Yard) -> None:
    (outcome,) = yard.post(surplus(), allocated=False)

    assert isinstance(outcome, Rejected)
    assert "never committed" in outcome.sentence
    assert yard.find(surplus()) == {}


def test_a_journal_travels_alone(yard: Yard) -> None:
    key = PostingKey(tenant="t", legal_entity="usmf", return_ref="R1", subject="order:", kind=PostingKind.ORDER)
    order = Posting(key=key, document=ReturnOrder(return_ref="R1", customer="C1", currency="GBP", warehouse="RET", reason="SIZE"))

    assert [type(outcome) for outcome in yard.post(order, surplus())] == [Rejected, Pending]


def test_a_journal_is_dated_in_the_period_that_was_judged(yard: Yard) -> None:
    early = Posting(key=surplus().key, currency="GBP", accepted_at=datetime(2024, 12, 30, 12, tzinfo=UTC), document=surplus().document)
    yard.post(early)
    yard.control("jobs/run", {"job": "inventory"})

    assert yard.find(early)[early.key].posted_on == datetime(2025, 1, 1, tzinfo=UTC).date()


def test_the_environment_is_asked_for_inventory_journals_only_where_surplus_has_a_place(yard: Yard) -> None:
    with_place = yard.erp.capabilities()
    bare = adapter.connect(yard.rules.entities[0], Rules(
        tenant="t", version="1", entities=yard.rules.entities, mapping=(), fees={}, sellability=yard.rules.sellability),
        {"client_secret": "secret"}).capabilities()

    assert with_place.missing == bare.missing == ()
    assert any("number from outside" in note for note in with_place.notes)
    assert not any("number from outside" in note for note in bare.notes)


def test_the_environment_is_asked_about_several_names_at_once_and_one_by_one_where_it_reads_no_or(yard: Yard) -> None:
    together = yard.erp.capabilities()
    before = yard.erp.odata.calls
    yard.control("faults", [{"kind": "error-before", "status": 400, "path": "^/metadata/.*%20or%20", "times": 1000}])

    apart = yard.erp.capabilities()

    assert (apart.missing, apart.contract) == (together.missing, together.contract)
    assert before < 10
    assert yard.erp.odata.calls - before > 15
    assert all(len(call["path"]) < 1_950 for call in httpx.get(f"{yard.url}/control/calls").json()["log"])


def test_the_package_is_one_csv_file_of_the_entity_and_quotes_what_it_must() -> None:
    lines = [{"JournalNumber": "ZZB1", "ItemNumber": 'a "b", c', "UnitCost": ""},
             {"JournalNumber": "ZZB1", "ItemNumber": "m", "UnitCost": ""}]

    with zipfile.ZipFile(io.BytesIO(pack_rows("ZZ-INVENT-ADJ", ADJUSTMENT_ENTITY, ADJUSTMENT_FILE, lines))) as archive:
        told = {element.tag.rpartition("}")[2]: element.text for element in fromstring(archive.read("Manifest.xml")).iter()}
        rows = list(csv.reader(io.StringIO(archive.read(ADJUSTMENT_FILE).decode("utf-8-sig"), newline="")))

    assert (told["EntityName"], told["InputFilePath"], told["SourceFormat"]) == (ADJUSTMENT_ENTITY, ADJUSTMENT_FILE, "CSV-Comma")
    assert told["DefinitionGroupName"] == "ZZ-INVENT-ADJ"
    assert rows == [["JOURNALNUMBER", "ITEMNUMBER"], ["ZZB1", 'a "b", c'], ["ZZB1", "m"]]

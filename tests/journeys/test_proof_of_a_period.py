"""Is a month proved from what the platform told and what the ERP's books show, and is nothing called clean that was not read?"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from backhaul.adapters.sql.proofs import strays
from backhaul.application import resolve
from backhaul.application.extracts import files_of, table_of
from backhaul.application.lease import held
from backhaul.application.reconcile import Found, Proof
from backhaul.domain.entry import Shown, Side
from backhaul.domain.errors import RetryLater
from backhaul.domain.facts import Decision
from backhaul.domain.rules import Close, Tolerances
from backhaul.domain.tolerance import Measure, ToleranceRow
from backhaul.entrypoints import months, worker
from backhaul.entrypoints.chaining import sha256_of
from backhaul.entrypoints.cli import app
from backhaul.entrypoints.demo import run
from backhaul.entrypoints.months import prove_month
from tests.journeys.stage import DAILY, MORNING, TENANT, World, life, line, open_world

D = Decimal
GOOD, MIXED = ("A", "RESELL", 2, True), [("B", "OUTLET", 1, True), ("D", "SCRAP", 1, True)]
LEDGER, NOTES, NOTE_LINES, STOCK = ("GeneralJournalAccountEntries", "SalesInvoiceHeadersV2", "SalesInvoiceV2Lines", "InventTransBiEntities")


@pytest.fixture
def month(erp: str, tmp_path: Path) -> Iterator[World]:
    """Give a December on Finance & SCM in which all that can become of a line became of one, and all of it is posted."""
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=DAILY)
    yield lived(world, tmp_path)
    world.house.close()


def lived(world: World, folder: Path) -> World:
    """Let returns come, be accepted in every way, and be credited."""
    world.house.settings = replace(world.house.settings, state_dir=folder)
    world.tell(*life("C900001", [line("TEA", 2, "4.25", received=2, grades=[GOOD]),
                                 line("CUP", 2, "2.95", received=2, grades=MIXED)], at=MORNING))
    world.tell(*life("C900002", [line("POT", 1, "12.50", order="500002", received=1, grades=[("A", "RESELL", 1, True)]),
                                 line("POST", 1, "3.50", order=None)], at=MORNING))
    world.tell(*life("C900003", [line("TEA", 1, "4.25", grades=[("NONE", "KEEP", 1, True)]),
                                 line("CUP", 1, "2.95", received=1, grades=[("D", "SCRAP", 1, False)])], at=MORNING))
    world.tell(*life("C900004", [line("CUP", 1, "2.95", received=1, grades=[("A", "DONATE", 1, True)])], at=MORNING))
    world.pass_evenings(6)
    return world


def proved(world: World, period: str = "2010-12", day: date | None = None) -> tuple[Proof, list[Found]]:
    """Prove a month as the command does."""
    with prove_month(world.house, TENANT, period, day or world.at.date(), now=world.at) as (proof, books, _):
        return proof, list(books.found())


def classes(found: list[Found]) -> list[tuple[str, str, Decimal]]:
    return [(each.line, each.kind, each.amount) for each in found]


def change(world: World, entity: str, row: Mapping[str, Any], **columns: Any) -> None:
    """Let somebody change a record of the ERP behind everybody's back."""
    told = {name: value for name, value in row.items() if not name.startswith("@")} | columns
    world.control("seed", {"rows": {entity: [told]}})


def one(world: World, entity: str, **columns: Any) -> dict[str, Any]:
    """Read the one record of the ERP that says so."""
    (row,) = [row for row in world.rows(entity) if all(row.get(name) == value for name, value in columns.items())]
    return row


def test_a_month_is_proved_to_the_unit_and_the_penny_and_what_a_person_must_decide_waits(month: World) -> None:
    proof, found = proved(month)

    assert (proof.lines, proof.proved, proof.in_timing, proof.broken, proof.orphans) == (6, 5, 1, 0, 0)
    assert (proof.complete, found) == (True, [])
    assert proof.awaited == {"DECISION_AWAITED": (1, D("2.95"))}
    assert {proof.stock_difference, proof.credit_difference, proof.ledger_difference} == {D(0)}


def test_the_month_before_and_the_month_after_have_none_of_it(month: World) -> None:
    assert [proved(month, period)[0].lines for period in ("2010-11", "2011-01")] == [0, 0]


@pytest.mark.parametrize("kind", ["SalesReturn", "Tax", "CustBalance", "SalesConsump"])
def test_one_ledger_entry_that_is_gone_breaks_exactly_one_line_by_its_amount(month: World, kind: str) -> None:
    voucher = one(month, NOTE_LINES, ProductNumber="POT", InvoicedQuantity=-1)["LedgerVoucher"]
    entries = [row for row in month.rows(LEDGER) if (row["Voucher"], row["PostingType"]) == (voucher, kind)]
    change(month, LEDGER, entries[0], TransactionCurrencyAmount=0, AccountingCurrencyAmount=0)

    proof, found = proved(month)

    assert (proof.proved, proof.broken, [each.line for each in found]) == (4, 1, ["C900002|POT#1"])
    assert abs(found[0].amount) == abs(D(str(entries[0]["TransactionCurrencyAmount"])))
    assert found[0].kind == ("LEDGER_MISSING" if kind == "SalesReturn" else "LEDGER_DIFFERS")


@pytest.mark.parametrize("gone", [1, 2])
def test_an_entry_of_a_receipts_voucher_that_is_gone_breaks_one_line_and_so_does_the_whole_voucher(month: World, gone: int) -> None:
    voucher = next(row for row in month.rows(STOCK) if row["ItemId"] == "POT" and row["Qty"] == 1)["VoucherPhysical"]
    entries = [row for row in month.rows(LEDGER) if row["Voucher"] == voucher]
    for entry in entries[:gone]:
        change(month, LEDGER, entry, TransactionCurrencyAmount=0, AccountingCurrencyAmount=0, Voucher="LOST")

    proof, found = proved(month)

    assert (len(entries), proof.broken) == (2, 1)
    assert [(each.line, each.kind, abs(each.amount)) for each in found] == [
        ("C900002|POT#1", "LEDGER_DIFFERS", abs(D(str(entries[0]["AccountingCurrencyAmount"]))))]


def test_what_a_tolerance_lets_go_is_proved_within_it_and_listed_under_its_row(month: World) -> None:
    pot = next(row for row in month.rows(STOCK) if row["ItemId"] == "POT" and row["Qty"] == 1)
    name = "CostAmountPosted" if pot["CostAmountPosted"] else "CostAmountPhysical"
    change(month, STOCK, pot, **{name: pot[name] + 0.03})

    proof, found = proved(month)
    month.change_rules(tolerances=Tolerances(rows=(ToleranceRow(measure=Measure.COST, amount=D("0.02"), currency="GBP"),)))
    strict, broken = proved(month)

    assert (proof.within, proof.broken, found) == (1, 0, [])
    assert {row: (each.count, each.amount) for row, each in proof.let_go.items()} == {"cost": (1, {"GBP": D("0.03")})}
    assert (strict.within, classes(broken)) == (0, [("C900002|POT#1", "VALUATION_DRIFT", D("0.03"))])


def test_a_credit_in_another_unit_of_measure_is_found(month: World) -> None:
    change(month, NOTE_LINES, one(month, NOTE_LINES, ProductNumber="POT", InvoicedQuantity=-1), SalesUnitSymbol="box")

    _, found = proved(month)

    assert classes(found) == [("C900002|POT#1", "WRONG_UNIT", D("12.50"))]


def test_two_lines_with_each_others_amount_are_named_although_every_total_is_right(month: World) -> None:
    tea, cup = (one(month, NOTE_LINES, ProductNumber=item, InvoicedQuantity=-units) for item, units in (("TEA", 2), ("POT", 1)))
    change(month, NOTE_LINES, tea, LineAmount=-9.50)
    change(month, NOTE_LINES, cup, LineAmount=-11.50)

    proof, found = proved(month)

    assert proof.credit_difference == 0
    assert {(each.line, each.kind, each.other) for each in found} >= {
        ("C900001|TEA#1", "OFFSETTING", "C900002|POT#1"), ("C900002|POT#1", "OFFSETTING", "C900001|TEA#1")}


def test_a_credit_by_hand_is_an_orphan_and_one_like_ours_a_second_credit(month: World) -> None:
    note = one(month, NOTES, InvoiceNumber=one(month, NOTE_LINES, ProductNumber="POT", InvoicedQuantity=-1)["InvoiceNumber"])
    pot = one(month, NOTE_LINES, ProductNumber="POT", InvoicedQuantity=-1)
    by_hand = {"InvoiceNumber": "CN-HAND", "LedgerVoucher": "V-HAND"}
    change(month, NOTES, note, **by_hand, SalesOrderNumber="", CustomersOrderReference="")
    change(month, NOTE_LINES, pot, **by_hand)
    change(month, NOTE_LINES, pot, **by_hand, LineCreationSequenceNumber=99, ProductNumber="TEA", InvoicedQuantity=-7, LineAmount=-1.00)

    proof, found = proved(month)

    assert proof.orphans == 2
    assert {(each.document, each.kind, each.other) for each in found} == {
        ("CN-HAND", "DUPLICATE_BY_HAND", "C900002|POT#1"), ("CN-HAND", "EXTRA_IN_ERP", "")}


def taken_back(world: World, item: str, by: str, **part: str) -> str:
    """Let a clerk take back the credit note an item stands on, or a part of it; give what took it back."""
    note = next(row["InvoiceNumber"] for row in world.rows(NOTE_LINES) if row["ProductNumber"] == item and row["InvoicedQuantity"] < 0)
    row = world.control("reversals", {"legalEntity": "gb01", "invoice": note, "by": by, **part})
    return str(row["Invoice"] if by == "free-text" else row["Voucher"])


@pytest.mark.parametrize("by", ["voucher", "free-text"])
def test_a_credit_note_that_somebody_took_back_is_reversed_line_by_line_and_no_orphan(month: World, by: str) -> None:
    number = taken_back(month, "TEA", by)

    proof, found = proved(month)

    assert (proof.orphans, proof.complete) == (0, True)
    assert [(each.line, each.kind, each.amount, each.document) for each in found] == [
        ("C900001|CUP#1", "REVERSED_IN_ERP", D("-5.90"), number), ("C900001|TEA#1", "REVERSED_IN_ERP", D("-8.50"), number)]


def test_what_takes_back_just_one_line_of_a_note_reverses_that_line_alone(month: World) -> None:
    tea = one(month, NOTE_LINES, ProductNumber="TEA", InvoicedQuantity=-2)

    number = taken_back(month, "TEA", "free-text", net=str(-D(str(tea["LineAmount"]))), tax=str(-D(str(tea["LineTotalTaxAmount"]))))
    proof, found = proved(month)

    assert [(each.line, each.kind, each.amount, each.document) for each in found] == [
        ("C900001|TEA#1", "REVERSED_IN_ERP", D("-8.50"), number)]
    assert proof.orphans == 0


def test_an_order_by_hand_that_names_the_note_and_takes_a_part_of_its_only_line_is_that_lines_difference(month: World) -> None:
    note = one(month, NOTES, InvoiceNumber=one(month, NOTE_LINES, ProductNumber="POT", InvoicedQuantity=-1)["InvoiceNumber"])
    (entry,) = [row for row in month.rows(LEDGER) if (row["Voucher"], row["PostingType"]) == (note["LedgerVoucher"], "SalesReturn")]
    change(month, NOTES, note, InvoiceNumber="INV-HAND", LedgerVoucher="V-HAND", SalesOrderNumber="", TotalInvoiceAmount=2.40,
           TotalTaxAmount=0.40, CustomersOrderReference=note["InvoiceNumber"])
    for at, (kind, amount) in enumerate((("SalesReturn", -2), ("Tax", -0.40), ("CustBalance", 2.40))):
        change(month, LEDGER, entry, GeneralJournalAccountEntryRecId=990_000 + at, Voucher="V-HAND", PostingType=kind,
               TransactionCurrencyAmount=amount, AccountingCurrencyAmount=amount)

    proof, found = proved(month)

    assert [(each.line, each.kind, each.amount) for each in found] == [("C900002|POT#1", "EDITED_AFTER_POSTING", D("-2.00"))]
    assert proof.orphans == 0


def test_a_payment_of_the_note_takes_nothing_back_and_a_part_of_several_lines_is_a_record_of_its_own(month: World) -> None:
    taken_back(month, "POT", "voucher")
    reversal = next(row for row in month.rows("CustTransBiEntities") if row["Voucher"].startswith("REV"))
    change(month, "CustTransBiEntities", reversal, TransType="Payment")
    number = taken_back(month, "TEA", "free-text", net="1.00", tax="0.20")

    proof, found = proved(month)

    assert proof.orphans == 1
    assert [(each.line, each.kind, each.amount, each.document) for each in found] == [("", "EXTRA_IN_ERP", D("-1.00"), number)]


def test_a_receipt_that_is_gone_and_one_on_the_wrong_shelf_are_found(month: World) -> None:
    pot = next(row for row in month.rows(STOCK) if row["ItemId"] == "POT" and row["Qty"] == 1)
    scrap = next(row for row in month.rows(STOCK) if row["ItemId"] == "CUP" and row["Qty"] == 1 and row["WMSLocationId"] == "OUTLET")
    change(month, STOCK, pot, Qty=0)
    change(month, STOCK, scrap, WMSLocationId="SALE")

    _, found = proved(month)

    assert {(each.line, each.kind) for each in found} == {("C900001|CUP#1", "DAMAGED_ON_SALE"), ("C900002|POT#1", "CREDIT_WITHOUT_STOCK")}


def test_what_somebody_changed_in_the_erp_is_found_by_its_class_one_after_the_other(month: World) -> None:
    pot, post = one(month, NOTE_LINES, ProductNumber="POT", InvoicedQuantity=-1), one(month, NOTE_LINES, LineAmount=-3.5)
    note = one(month, NOTES, InvoiceNumber=pot["InvoiceNumber"])
    came = next(row for row in month.rows(STOCK) if row["ItemId"] == "POT" and row["Qty"] == 1)
    order = one(month, "ReturnOrderHeadersV2", ReturnOrderNumber=note["SalesOrderNumber"])
    seeded: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
        "WRONG_CUSTOMER": (NOTES, note, {"InvoiceCustomerAccountNumber": "10007"}),
        "WRONG_CURRENCY": (NOTES, note, {"CurrencyCode": "EUR"}),
        "WRONG_SALES_ORDER": ("ReturnOrderHeadersV2", order, {"CustomerRequisitionNumber": "500999"}),
        "WRONG_ITEM": (NOTE_LINES, pot, {"ProductNumber": "TEA"}),
        "FEE_WRONG_ITEM": (NOTE_LINES, post, {"ProductNumber": "TEA"}),
        "WRONG_QUANTITY": (NOTE_LINES, pot, {"InvoicedQuantity": -2}),
        "SIGN_ERROR": (NOTE_LINES, pot, {"InvoicedQuantity": 1, "LineAmount": 12.50}),
        "WRONG_TAX_AMOUNT": (NOTE_LINES, pot, {"LineTotalTaxAmount": -2.00}),
        "WRONG_WAREHOUSE": (STOCK, came, {"InventLocationId": "GB-RET-01"}),
        "SELLABLE_KEPT_BACK": (STOCK, came, {"WMSLocationId": "OUTLET"}),
        "CREDIT_WITHOUT_STOCK": (STOCK, came, {"Qty": 0}),
        "VALUATION_DRIFT": (STOCK, came, {"CostAmountPhysical": 99, "CostAmountPosted": 99}),
    }

    found = {}
    for kind, (entity, row, columns) in seeded.items():
        change(month, entity, row, **columns)
        _, broken = proved(month)
        found[kind] = {(each.line.partition("#")[0], named) for each in broken for named in (each.kind, *each.also)}
        change(month, entity, row)
    clean, left = proved(month)

    assert {kind for kind in seeded if (f"C900002|{'POST' if kind.startswith('FEE') else 'POT'}", kind) not in found[kind]} == set(), found
    assert (clean.broken, left) == (0, [])


@pytest.mark.parametrize(("kind", "day"), [
    ("CREDIT_BEFORE_ACCEPTANCE", "2010-11-28"), ("LATE", "2010-12-28"), ("WRONG_PERIOD", "2011-01-15")])
def test_a_credit_of_another_day_than_it_should_have_been_is_found_by_what_that_means(month: World, kind: str, day: str) -> None:
    pot = one(month, NOTE_LINES, ProductNumber="POT", InvoicedQuantity=-1)
    note = one(month, NOTES, InvoiceNumber=pot["InvoiceNumber"])
    for entity, row in ((NOTES, note), (NOTE_LINES, pot)):
        change(month, entity, row, InvoiceNumber="CN-2", InvoiceDate=f"{day}T12:00:00Z")
    change(month, NOTES, note, TotalInvoiceAmount=0, CustomersOrderReference="")  # as if it had been this one from the start

    _, found = proved(month, day=date(2011, 1, 20))

    assert [each.kind for each in found if each.line == "C900002|POT#1"] == [kind]


def test_an_edited_document_is_told_from_one_that_was_wrong_from_the_start(month: World) -> None:
    pot = one(month, NOTE_LINES, ProductNumber="POT", InvoicedQuantity=-1)
    change(month, NOTE_LINES, pot, LineAmount=-13.50)

    _, found = proved(month)

    assert classes(found) == [("C900002|POT#1", "EDITED_AFTER_POSTING", D("1.00"))]
    assert found[0].also == ("LEDGER_DIFFERS",)


def test_marks_lead_to_their_lines_although_we_forgot_all_we_did_and_one_the_platform_does_not_know_is_an_orphan(
    month: World, tmp_path: Path,
) -> None:
    other = open_world(month.erp, f"sqlite:///{tmp_path / 'other.sqlite'}", window=DAILY)
    other.house.settings, other.at = replace(other.house.settings, state_dir=tmp_path / "other"), month.at
    with month.house.store.begin() as tx:
        facts = tx.facts(TENANT, ["C900001", "C900003", "C900004"])
    with other.house.store.begin() as tx:
        tx.add_facts(TENANT, [fact for known in facts.values() for fact in known])

    proof, found = proved(other)
    other.house.close()

    assert (proof.lines, proof.proved, proof.orphans) == (4, 3, 2)
    assert sorted((each.kind, each.amount) for each in found) == [
        ("MISSING_AT_SOURCE", D("3.50")), ("MISSING_AT_SOURCE", D("12.50")), ("MISSING_IN_ERP", D("-2.95"))]


class _Away:
    """An ERP that shows everything but its books."""

    def __init__(self, erp: Any, *unread: str) -> None:
        self.erp, self.unread = erp, unread
        self.master_data = erp.master_data

    def entries(self, first: date, last: date) -> Shown:
        """Say that nobody answers, or leave a side out."""
        if not self.unread:
            message = "gb01 does not answer"
            raise RetryLater(message)
        return replace(self.erp.entries(first, last), unread=self.unread)


def test_a_month_is_incomplete_when_its_erp_or_a_side_of_it_was_not_read(month: World) -> None:
    desk = month.house.desk(TENANT, "gb01")
    month.house.adopt(replace(desk, erp=_Away(desk.erp)))  # type: ignore[arg-type]  the proof asks it nothing else
    away, _ = proved(month)
    month.house.adopt(replace(desk, erp=_Away(desk.erp, "losses by journal cannot be read")))  # type: ignore[arg-type]
    half, _ = proved(month)

    assert (away.complete, away.reasons) == (False, ("gb01: the ERP was not read: gb01 does not answer",))
    assert (away.broken, away.in_timing) == (0, 6)  # what was not asked for is not missing there
    assert (half.complete, half.reasons, half.broken) == (False, ("gb01: losses by journal cannot be read",), 0)


def test_an_erp_that_nobody_can_reach_is_named_and_one_that_tells_no_stock_accuses_nobody_of_losing_it(
    month: World, tmp_path: Path,
) -> None:
    desk = month.house.desk(TENANT, "gb01")
    month.house.adopt(replace(desk, erp=_Stockless(desk.erp)))  # type: ignore[arg-type]  the proof asks it nothing else
    stockless, found = proved(month)
    gone = open_world("http://127.0.0.1:9", f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=DAILY)
    gone.house.settings, gone.house.capabilities, gone.at = replace(gone.house.settings, state_dir=tmp_path / "gone"), {}, month.at
    away, _ = proved(gone)
    gone.house.close()

    assert (stockless.complete, stockless.broken, found) == (False, 0, [])
    assert (away.complete, away.broken, away.in_timing) == (False, 0, 6)
    assert away.reasons[0].startswith("gb01: the ERP was not read:")


class _Stockless:
    """An ERP that does not show what came into stock."""

    def __init__(self, erp: Any) -> None:
        self.erp = erp
        self.master_data = erp.master_data

    def entries(self, first: date, last: date) -> Shown:
        """Leave the stock side out, and say so."""
        shown = self.erp.entries(first, last)
        return Shown(entries=tuple(each for each in shown.entries if each.side in {Side.CREDIT, Side.LEDGER}),
                     unread=("the stock side cannot be read",), missing=frozenset({Side.STOCK}))


def test_a_credit_that_no_sales_invoice_stands_for_is_an_orphan(month: World) -> None:
    entry = next(row for row in month.rows("CustTransBiEntities") if row["AmountCur"] < 0)
    change(month, "CustTransBiEntities", entry, SourceKey=99, Voucher="V-FREE", Invoice="FTI-1", AmountCur=-6)
    sales = next(row for row in month.rows(LEDGER) if row["PostingType"] == "SalesReturn")
    change(month, LEDGER, sales, GeneralJournalAccountEntryRecId=99, Voucher="V-FREE", TransactionCurrencyAmount=5)

    _, found = proved(month)

    assert [(each.document, each.kind, each.amount) for each in found] == [("FTI-1", "EXTRA_IN_ERP", D(5))]


def test_a_month_is_incomplete_while_messages_wait_or_cannot_be_read_or_units_belong_to_nobody(month: World) -> None:
    stranger = [told | {"retailerCode": "NOBODY"} for told in life("C900009", [
        line("TEA", 1, "4.25", received=1, grades=[("A", "RESELL", 1, True)])], at=month.at)]
    month.tell(*stranger, {"eventId": "broken", "eventType": "ReturnCreated"})
    waiting, _ = proved(month)
    month.later()
    read, _ = proved(month)

    assert waiting.reasons == ("5 deliveries of the platform are stored and not read yet",)
    assert read.reasons == ("1 deliveries of the platform could not be read, or not whole",
                            "return C900009 has accepted units, and its retailer 'NOBODY' belongs to no legal entity")


def test_what_is_under_way_is_in_timing_until_it_is_late(erp: str, tmp_path: Path) -> None:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=DAILY)
    world.house.settings = replace(world.house.settings, state_dir=tmp_path)
    world.tell(*life("C900001", [line("TEA", 2, "4.25", received=2, grades=[GOOD])], at=MORNING))
    world.at = MORNING + timedelta(hours=5)
    world.turn()

    soon, _ = proved(world)
    late, found = proved(world, day=date(2010, 12, 20))
    world.house.close()

    assert soon.awaited == {"ERP_AWAITED": (1, D("8.50"))}
    assert (late.broken, classes(found)) == (1, [("C900001|TEA#1", "MISSING_IN_ERP", D("-8.50"))])


@pytest.mark.parametrize("mode", ["B", "C"])
def test_the_other_modes_of_finance_and_scm_are_proved_as_well(erp: str, tmp_path: Path, mode: str) -> None:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=DAILY, mode=mode)
    world.house.settings = replace(world.house.settings, state_dir=tmp_path)
    world.tell(*life("C900001", [line("TEA", 2, "4.25", received=2, grades=[GOOD]),
                                 line("CUP", 2, "2.95", received=2, grades=MIXED)], at=MORNING))
    for _ in range(7):
        world.pass_evenings(1)
        if mode == "B":
            world.arrive()
    proof, found = proved(world)
    world.house.close()

    assert (proof.complete, proof.lines, found) == (True, 2, [])
    assert (proof.proved, proof.awaited) == (2, {})


@pytest.mark.parametrize("mode", ["A", "B", "C"])
def test_business_central_is_proved_in_every_mode(central_erp: str, tmp_path: Path, mode: str) -> None:
    world = open_world(central_erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=DAILY, mode=mode, kind="business-central")
    profile = world.house.profiles[TENANT]
    world.house.profiles = {TENANT: replace(profile, rules=run.SHOWS["business-central"].suited(profile.rules))}
    lived(world, tmp_path)

    proof, found = proved(world)
    world.house.close()

    assert (proof.complete, proof.reasons, found) == (True, (), [])
    assert (proof.lines, proof.proved, proof.in_timing) == (6, 5, 1)
    assert {proof.stock_difference, proof.credit_difference, proof.ledger_difference} == {D(0)}


class _Retaxed:
    """Business Central in which somebody gave the memo line of the pot another tax code and unit before it was posted."""

    def __init__(self, erp: Any) -> None:
        self.erp = erp

    def __getattr__(self, name: str) -> Any:
        return getattr(self.erp, name)

    def entries(self, first: date, last: date) -> Shown:
        shown: Shown = self.erp.entries(first, last)
        return replace(shown, entries=tuple(
            replace(each, tax_code="OTHER", unit="box") if each.tax_code and each.item == "POT" else each for each in shown.entries))


def test_what_people_did_in_business_central_beside_us_is_found_and_what_its_options_leave_open_is_said(
    central_erp: str, tmp_path: Path,
) -> None:
    world = open_world(central_erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=DAILY, mode="C", kind="business-central")
    lived(world, tmp_path)
    day = "2010-12-03"
    world.control("seed", {"rows": {
        "itemLedger": [{"entryNumber": 9001, "itemNumber": "TEA", "postingDate": day, "entryType": "Sale", "quantity": 3,
                        "documentType": "Sales_x0020_Credit_x0020_Memo", "documentNumber": "CM-HAND", "costAmountActual": 6}],
        "generalLedger": [{"entryNumber": 9002, "postingDate": day, "documentNumber": "CM-JOURNAL", "accountNumber": "6120", "amount": 5,
                           "documentType": "Credit_x0020_Memo"}]}})
    desk = world.house.desk(TENANT, "gb01")
    world.house.adopt(replace(desk, erp=_Retaxed(desk.erp)))  # type: ignore[arg-type]  everything else it asks the ERP
    _, found = proved(world)
    world.house.adopt(desk)
    erp: Any = desk.erp
    erp.told = replace(erp.told, receivable_accounts=frozenset())
    half, _ = proved(world)
    world.house.close()

    assert sorted((each.document, each.kind, each.amount) for each in found if not each.line) == [
        ("CM-HAND", "EXTRA_IN_ERP", D(6)), ("CM-JOURNAL", "EXTRA_IN_ERP", D(5))]
    assert [(each.line, each.kind, each.also) for each in found if each.line] == [("C900002|POT#1", "WRONG_UNIT", ("WRONG_TAX_CODE",))]
    assert not half.complete
    assert "receivable_accounts" in half.reasons[0]


# --- what stays of a run


def broken_out(world: World) -> list[tuple[str, str, str, str]]:
    """Give the open exceptions of the proof: about what, whose, how much, and what they say first."""
    return [(row.case.line_id, row.case.owner, str(row.case.money), row.case.kind.removeprefix("PROOF_"))
            for row in world.open() if row.case.return_ref == "proof:2010-12"]


def test_a_break_is_work_for_the_team_of_its_class_and_closes_itself_when_it_is_gone(month: World) -> None:
    pot = one(month, NOTE_LINES, ProductNumber="POT", InvoicedQuantity=-1)
    cup = next(row for row in month.rows(STOCK) if row["ItemId"] == "CUP" and row["Qty"] == 1 and row["WMSLocationId"] == "OUTLET")
    change(month, NOTE_LINES, pot, LineAmount=-13.50)
    change(month, STOCK, cup, WMSLocationId="SALE")
    proved(month)
    first = broken_out(month)
    change(month, NOTE_LINES, pot)
    proved(month)
    second = broken_out(month)
    change(month, STOCK, cup)
    proved(month)

    assert sorted(first) == [("C900001|CUP#1", "warehouse", "2.66 GBP", "DAMAGED_ON_SALE"),
                             ("C900002|POT#1", "finance", "1.00 GBP", "EDITED_AFTER_POSTING")]
    assert [row[0] for row in second] == ["C900001|CUP#1"]
    assert broken_out(month) == []


def test_a_break_that_two_people_accepted_is_broken_all_the_same_and_comes_back_only_when_it_is_another(month: World) -> None:
    pot = one(month, NOTE_LINES, ProductNumber="POT", InvoicedQuantity=-1)
    change(month, NOTE_LINES, pot, LineAmount=-13.50)
    proved(month)
    (row,) = [row for row in month.open() if row.case.return_ref == "proof:2010-12"]
    resolve.decide(month.house.store, TENANT, row.id, Decision.CLOSE, actor="ann", approver="bob", reason="agreed with the customer",
                   now=month.at)

    same, _ = proved(month)
    accepted = broken_out(month)
    change(month, NOTE_LINES, pot, LineAmount=-14.50)
    proved(month)

    assert (same.broken, accepted) == (1, [])
    assert [row[2:] for row in broken_out(month)] == [("2.00 GBP", "EDITED_AFTER_POSTING")]


def test_a_run_that_could_not_read_everything_closes_nothing_and_one_of_an_earlier_day_changes_nobodys_work(month: World) -> None:
    pot = one(month, NOTE_LINES, ProductNumber="POT", InvoicedQuantity=-1)
    change(month, NOTE_LINES, pot, LineAmount=-13.50)
    proved(month)
    change(month, NOTE_LINES, pot)
    desk = month.house.desk(TENANT, "gb01")
    month.house.adopt(replace(desk, erp=_Away(desk.erp)))  # type: ignore[arg-type]  the proof asks it nothing else
    proved(month)
    away = broken_out(month)
    month.house.adopt(desk)
    proved(month, day=month.at.date() - timedelta(days=3))

    assert len(away) == len(broken_out(month)) == 1


def test_a_look_at_an_earlier_day_says_of_which_returns_it_knows_more_than_was_known_then(month: World) -> None:
    month.tell(*life("C900007", [line("TEA", 1, "4.25", received=1, grades=[GOOD])], at=month.at))
    month.later()

    today, _ = proved(month)
    earlier, _ = proved(month, day=month.at.date() - timedelta(days=3))
    with month.house.store.look() as tx:
        kept = [(each.day, each.complete) for each in tx.proofs(TENANT, "2010-12")]
    proved(month, day=date(2030, 1, 1))
    again, _ = proved(month)
    with month.house.store.look() as tx:
        latest = tx.proofs(TENANT, "2010-12", limit=1)[0]

    assert latest.day == month.at.date(), "a look ahead keeps no later run from being kept"
    assert kept == [(month.at.date(), True)], "what was signed rests on the later run"
    assert (again.lines, again.proved, again.complete) == (today.lines, today.proved, True)
    assert today.reasons == ()
    assert [reason.partition(";")[0] for reason in earlier.reasons] == [
        f"as of {month.at.date() - timedelta(days=3)} was asked, and to 1 returns of the month (as C900007) more happened since"]


def test_a_proof_whose_reader_went_away_holds_its_month_no_longer(month: World) -> None:
    def read_half() -> None:
        with prove_month(month.house, TENANT, "2010-12", month.at.date(), now=month.at):
            raise SystemExit(1)  # as a console does whose pipe was closed

    with pytest.raises(SystemExit):
        read_half()

    assert proved(month)[0].lines == 6


def test_a_month_that_did_not_begin_yet_is_not_clean(month: World) -> None:
    proof, _ = proved(month, "2012-06")

    assert [reason.partition(",")[0] for reason in proof.reasons] == ["2012-06 begins on 2012-06-01"]


def test_a_run_stays_with_who_ran_it_what_was_read_and_what_it_proved_in_the_database_and_in_the_trail(month: World) -> None:
    with prove_month(month.house, TENANT, "2010-12", month.at.date(), now=month.at, actor="fiona") as (proof, _, more):
        files = {file["file"]: file["sha256"] for each in more["extracts"] for file in files_of(each)}
    with month.house.store.begin() as tx:
        (kept,) = tx.proofs(TENANT, "2010-12")
        (entry,) = [entry for entry in tx.trail(TENANT, subject="proof:2010-12") if entry.action == "proof.run"]
    with month.house.store.read() as connection:
        (waiting,) = strays(connection, TENANT, "2010-12")

    assert (kept.id, kept.actor, kept.at, kept.complete) == (more["proof"], "fiona", month.at, True)
    assert (kept.figures["lines"], D(kept.figures["credit_difference"])) == (proof.lines, D(0))
    assert {each["side"]: each["sha256"] for each in kept.extracts} == entry.detail["extracts"]
    assert {name: sha256_of(Path(name)) for name in files} == files != {}
    assert (entry.actor, entry.detail["proved"]) == ("fiona", 5)
    assert (waiting.return_ref, waiting.standing, waiting.kind, waiting.amount) == ("C900004", "timing", "DECISION_AWAITED", D("2.95"))


def test_what_was_accepted_in_one_month_and_credited_in_another_is_added_up(month: World) -> None:
    pot = one(month, NOTE_LINES, ProductNumber="POT", InvoicedQuantity=-1)
    note = one(month, NOTES, InvoiceNumber=pot["InvoiceNumber"])
    change(month, NOTES, note, InvoiceDate="2011-01-03T12:00:00Z")
    change(month, NOTE_LINES, pot, InvoiceDate="2011-01-03T12:00:00Z")

    proof, _ = proved(month, day=date(2011, 1, 4))

    assert proof.across == [{"entity": "gb01", "currency": "GBP", "credited_in": "2011-01", "lines": 1, "net": D("12.50")}]


def test_a_second_credit_for_a_line_of_a_month_long_closed_is_found_the_next_morning(month: World) -> None:
    for day in (datetime(2011, 1, 5, 6, tzinfo=UTC), datetime(2011, 2, 12, 6, tzinfo=UTC)):
        months.prove_when_due(month.house, TENANT, day)
    pot = one(month, NOTE_LINES, ProductNumber="POT", InvoicedQuantity=-1)
    note = one(month, NOTES, InvoiceNumber=pot["InvoiceNumber"])
    change(month, NOTES, note, InvoiceNumber="CN-2", LedgerVoucher="V-2", InvoiceDate="2011-02-15T12:00:00Z")
    change(month, NOTE_LINES, pot, InvoiceNumber="CN-2", LedgerVoucher="V-2", InvoiceDate="2011-02-15T12:00:00Z")

    with month.house.store.begin() as tx:  # the runs of weeks of other months lie between
        latest = tx.proofs(TENANT, "2011-02", limit=1)[0]
        for _ in range(101):
            tx.keep_proof(latest, [])

    told = months.prove_when_due(month.house, TENANT, datetime(2011, 2, 16, 6, tzinfo=UTC))
    quiet = months.prove_when_due(month.house, TENANT, datetime(2011, 2, 17, 6, tzinfo=UTC))

    assert (set(told), told["2010-12"]["broken"], set(quiet)) == ({"2011-02", "2010-12"}, 1, {"2011-02"})
    assert [kind for *_, kind in broken_out(month)] == ["DUPLICATE_CREDIT"]


def test_a_break_of_a_month_before_closes_when_it_is_mended_and_what_waits_there_is_looked_at_every_week(month: World) -> None:
    pot = one(month, NOTE_LINES, ProductNumber="POT", InvoicedQuantity=-1)
    change(month, NOTE_LINES, pot, LineAmount=-13.50)
    months.prove_when_due(month.house, TENANT, datetime(2011, 1, 5, 6, tzinfo=UTC))
    before = broken_out(month)
    change(month, NOTE_LINES, pot)

    proved_on = [day for day in (11, 12, 13, 19) if "2010-12" in months.prove_when_due(
        month.house, TENANT, datetime(2011, 1, day, 6, tzinfo=UTC))]

    assert ([kind for *_, kind in before], broken_out(month)) == (["EDITED_AFTER_POSTING"], [])
    assert proved_on == [11, 19], "at once, and a week after that, because something of the month still waits"


def test_months_that_are_open_are_proved_once_a_day(month: World) -> None:
    months.prove_when_due(month.house, TENANT, month.at)
    again = months.prove_when_due(month.house, TENANT, month.at)
    early = months.prove_when_due(month.house, TENANT, datetime(2010, 12, 8, 3, tzinfo=UTC))
    done = months.prove_when_due(month.house, TENANT, datetime(2010, 12, 20, 6, tzinfo=UTC))
    with held(month.house.store, TENANT, "proof:2011-01", holder="another", now=datetime(2011, 1, 2, 6, tzinfo=UTC),
              lasting=timedelta(hours=1), elapsed=lambda: 0):
        elsewhere = months.prove_when_due(month.house, TENANT, datetime(2011, 1, 2, 6, tzinfo=UTC))
    month.house.settings = replace(month.house.settings, state_dir=Path("/dev/null"))
    with pytest.raises(OSError, match="/dev/null"):
        months.prove_when_due(month.house, TENANT, datetime(2011, 1, 3, 6, tzinfo=UTC))
    broke_off = months.steps(month.house)["prove"](TENANT, datetime(2011, 1, 3, 6, 1, tzinfo=UTC))
    with month.house.store.begin() as tx:
        ran = [proof.period for proof in tx.proofs(TENANT)]

    assert (again, early) == ({}, {})
    assert (set(done), done["2010-12"]["lines"]) == ({"2010-12"}, 6)
    assert "elsewhere" in elsewhere
    assert broke_off == {}
    assert ran == ["2010-12", "2010-12", "2010-11", "2010-12"]


# --- a demo that ended


REMOVED = {
    "finance-scm": (LEDGER, lambda row: row["PostingType"] == "SalesReturn" and row["TransactionCurrencyAmount"]),
    "business-central": ("generalLedger", lambda row: row["documentType"].startswith("Credit") and row["accountNumber"] == "2310")}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["finance-scm", "business-central"])
def test_a_demo_is_proved_after_it_ended_and_one_removed_ledger_line_breaks_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str,
) -> None:
    state = tmp_path / "demo"
    for name in ("BACKHAUL_ERP_URL", "BACKHAUL_ERP_TOKEN_URL", "BACKHAUL_ERP_SECRET", "BACKHAUL_ZIGZAG_SECRET", "BACKHAUL_PROFILE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    with run.set_stage(state, limit=40, kind=kind) as stage:
        profile = stage.house.profiles[TENANT]
        daily = replace(profile.rules, window=replace(profile.rules.window, close=Close.DAILY))
        stage.house.profiles = {TENANT: replace(profile, rules=daily)}
        run.play(stage, lambda tenant, now: worker.turn(stage.house, tenant, now), lambda *_: None, last=date(2011, 1, 3))
        credited = -sum((D(str(note["net"])) for note in stage.control(stage.erp, "ledgers")["creditNotes"]), D(0))
    monkeypatch.setenv("BACKHAUL_DATABASE_URL", f"sqlite:///{state / 'backhaul.sqlite'}")

    before = [told(period) for period in ("2010-12", "2011-01")]
    amount = remove(state / f"{kind}.sqlite", *REMOVED[kind])
    after = [told(period) for period in ("2010-12", "2011-01")]

    assert all(each["complete"] and not each["broken"] and not each["orphans"] for each in before)
    assert {D(row["difference"]) for row in before[0]["roll_forward"]} == {D(0)}, "finance settles on the month's last evening"
    assert sum((net_of(each) for each in before), D(0)) - sum(
        (D(row["amount"]) for each in before for row in each["awaited"].values()), D(0)) == credited
    assert sum(each["broken"] for each in after) == 1
    (row,) = [row for each in after for row in each["by_class"].values()]
    assert (row["count"], abs(D(row["amount"]))) == (1, amount)


def told(period: str) -> dict[str, Any]:
    """Prove a month of an ended demo from the command line."""
    answer = CliRunner().invoke(app, ["reconcile", "--period", period, "--json"], catch_exceptions=False)
    return dict(json.loads(answer.stdout))


def net_of(answer: Mapping[str, Any]) -> Decimal:
    """Add up what was accepted, from the extract that stayed."""
    (table,) = [table_of(each) for each in answer["extracts"] if each["side"] == "accepted"]
    with duckdb.connect() as engine:
        return D((engine.execute(f"SELECT sum(net) FROM {table}").fetchone() or (0,))[0] or 0)  # noqa: S608  files of ours


def remove(file: Path, table: str, fits: Any) -> Decimal:
    """Remove the last fitting entry of the ledger from the kept state of an emulator; give its amount."""
    with sqlite3.connect(file) as state:
        columns = [row[1] for row in state.execute("PRAGMA table_info(rows)")]
        rows = state.execute(f"SELECT * FROM rows WHERE {columns[0]} = ?", (table,)).fetchall()  # noqa: S608  a column of its own
        key, row = [(row[1], parsed) for row in rows if fits(parsed := json.loads(row[2]))][-1]
        state.execute(f"DELETE FROM rows WHERE {columns[0]} = ? AND {columns[1]} = ?", (table, key))  # noqa: S608
    return abs(D(str(row.get("TransactionCurrencyAmount", row.get("amount")))))



"""Is what is wrong with the house as a whole found once, with its amount or its count, and is a clean house left alone?"""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.adapters.sql.proofs import house
from backhaul.application.state import StatementPlan
from backhaul.bootstrap import keep
from backhaul.domain.errors import Misconfigured
from backhaul.entrypoints.months import prove_month
from backhaul.entrypoints.stating import take
from tests.journeys.stage import DAILY, MORNING, TENANT, World, life, line, open_world
from tests.journeys.test_held import set_item
from tests.journeys.test_proof_of_a_period import LEDGER, MIXED, NOTE_LINES, NOTES, STOCK, broken_out, change, lived, one, proved

D = Decimal
COUNTED = StatementPlan(counted=True, totals={"day": "day", "returns": "returns", "units": "units", "net": "net"})
TOTALS = "day,returns,units,net\n2010-12-01,4,7,34.10\n2010-12-02,,,\n"
"""What the platform says came of the month's first day, kept goods and all; nothing of the second."""


@pytest.fixture
def month(erp: str, tmp_path: Path) -> Iterator[World]:
    """Give a December in which all that can become of a line became of one, of which the platform counts and totals its messages."""
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=DAILY)
    profile = world.house.profiles[TENANT]
    world.house.profiles = {TENANT: replace(profile, statements=COUNTED)}
    yield lived(world, tmp_path)
    world.house.close()


def irregular(world: World, period: str = "2010-12") -> list[tuple[str, str, Decimal, int]]:
    """Prove the month and give what is wrong with the house: class, subject, amount and count, as the database has it."""
    with prove_month(world.house, TENANT, period, world.at.date(), now=world.at) as (proof, _, _more):
        told = {each.kind for each in proof.house}
    with world.house.store.read() as connection:
        kept = house(connection, TENANT, period)
    assert {each.kind for each in kept} == told
    return [(each.kind, each.subject, each.amount, each.count) for each in kept]


def state(world: World, sort: str, content: str) -> Any:
    return take(world.house, TENANT, sort, f"{sort}.csv", content.encode(), actor="fiona", now=world.at)


def raw(folder: Path, *statements: str) -> None:
    """Let somebody change the database behind everybody's back."""
    with sqlite3.connect(folder / "backhaul.sqlite") as database:
        for statement in statements:
            database.execute(statement)


def test_a_clean_house_is_left_alone_whatever_is_looked_at(month: World) -> None:
    state(month, "totals", TOTALS)

    assert irregular(month) == []


def test_what_the_platforms_totals_say_otherwise_is_a_finding_of_its_day_with_the_difference(month: World) -> None:
    state(month, "totals", "day,returns,units,net\n2010-12-01,9,9,99.00\n2010-12-04,1,,\n")
    state(month, "totals", TOTALS.replace("7,34.10", "8,37.05"))

    found = irregular(month)

    assert found == [("COUNTER_MISMATCH", "2010-12-01", D("-2.95"), 1), ("COUNTER_MISMATCH", "2010-12-04", D(0), 1)]
    assert ("COUNTER_MISMATCH 2010-12-01", "integration", "-2.95 ", "COUNTER_MISMATCH") in broken_out(month)


@pytest.mark.parametrize(("content", "why"), [
    ("day,returns\n2010-12-01,1\n", "it has no column units, net"), ("day,returns,units,net\nMonday,1,1,1\n", "row 2 has no day"),
    ("day,returns,units,net\n2010-12-01,x,1,1\n", "'x' is no number for returns"),
    ("day,returns,units,net\n2010-12-01,1,1,1\n2010-12-01,1,1,1\n", "a second time")])
def test_a_statement_that_cannot_be_read_whole_is_refused_and_nothing_of_it_is_kept(world: World, content: str, why: str) -> None:
    profile = world.house.profiles[TENANT]
    world.house.profiles = {TENANT: replace(profile, statements=COUNTED)}

    with pytest.raises(Misconfigured, match=why):
        state(world, "totals", content)

    with world.house.store.look() as tx:
        assert tx.statements(TENANT, "totals") == []


def test_a_message_that_never_came_is_told_by_the_platforms_own_counter(month: World) -> None:
    told = life("C900007", [line("TEA", 1, "4.25", received=1, grades=[("A", "RESELL", 1, True)])], at=MORNING + timedelta(days=5))
    month.tell(told[0], told[2], told[3])
    month.pass_evenings(4)

    assert irregular(month) == [("EVENT_GAP", "C900007", D(0), 1)]


def test_a_trail_that_was_altered_and_work_without_a_team_are_found(month: World, tmp_path: Path) -> None:
    raw(tmp_path, "DROP TRIGGER trail_fixed", "UPDATE trail SET actor = 'nobody' WHERE sequence = 3",
        "INSERT INTO exceptions (tenant, return_ref, line_id, kind, owner, severity, amount, currency, opened_at, due_at, findings, "
        "resolution, actor) SELECT tenant, 'C777777', line_id, kind, ' ', severity, amount, currency, opened_at, due_at, findings, "
        "resolution, actor FROM exceptions WHERE closed_at IS NULL LIMIT 1")
    (number, amount), = [(row.id, row.case.money.amount) for row in month.open() if row.case.return_ref == "C777777"]

    assert irregular(month) == [("AUDIT_GAP", "entry 3", D(0), 1), ("UNOWNED_EXCEPTION", f"exception {number}", amount, 1)]


def test_a_credit_by_hand_whose_voucher_does_not_balance_is_found_beside_the_orphan_it_is(month: World) -> None:
    pot = one(month, NOTE_LINES, ProductNumber="POT", InvoicedQuantity=-1)
    note = one(month, NOTES, InvoiceNumber=pot["InvoiceNumber"])
    by_hand = {"InvoiceNumber": "CN-HAND", "LedgerVoucher": "V-HAND"}
    change(month, NOTES, note, **by_hand, SalesOrderNumber="", CustomersOrderReference="")
    change(month, NOTE_LINES, pot, **by_hand, ProductNumber="TEA", InvoicedQuantity=-7, LineAmount=-12.50)
    sales = next(row for row in month.rows(LEDGER) if row["PostingType"] == "SalesReturn")
    change(month, LEDGER, sales, GeneralJournalAccountEntryRecId=99, Voucher="V-HAND", TransactionCurrencyAmount=12.5,
           AccountingCurrencyAmount=12.5)

    assert irregular(month) == [("UNBALANCED_JOURNAL", "gb01 V-HAND", D("12.5"), 1)]


@pytest.mark.parametrize("kind", ["finance-scm", "business-central"])
def test_the_voucher_of_a_journal_that_writes_goods_off_is_looked_at_as_well(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str,
) -> None:
    central = kind == "business-central"
    world = open_world(request.getfixturevalue("central_erp" if central else "erp"), f"sqlite:///{tmp_path / 'backhaul.sqlite'}",
                       window=DAILY, mode="A" if central else "C", kind=kind)
    world.house.settings = replace(world.house.settings, state_dir=tmp_path)
    graded = [("A", "RESELL", 2, True)] if central else MIXED
    world.tell(*life("C900001", [line("CUP", 2, "2.95", received=2, grades=graded)], at=MORNING))
    world.pass_evenings(4)
    if central:
        again = life("C900001", [line("CUP", 2, "2.95", received=2, grades=[("B", "OUTLET", 2, True)])], at=world.at)[2]
        world.tell(again | {"eventId": "again", "sequence": 9})
        world.pass_evenings(4)
    clean = irregular(world)
    desk = world.house.desk(TENANT, "gb01")
    entries = desk.erp.entries(MORNING.date() - timedelta(days=9), world.at.date()).entries
    voucher, day = next((entry.voucher, entry.posted_on) for entry in entries if entry.journal and (entry.units or 0) < 0)
    world.control("seed", {"rows": {"generalLedger": [{
        "entryNumber": 9009, "postingDate": str(day), "documentNumber": voucher, "documentType": "_x0020_", "accountNumber": "2130",
        "amount": 5}]} if central else {LEDGER: [{"DataArea": "gb01", "GeneralJournalAccountEntryRecId": 9009,
        "Voucher": voucher, "PostingType": "InventLoss", "AccountingDate": f"{day}T12:00:00Z", "AccountingCurrencyAmount": 5,
        "TransactionCurrencyAmount": 5}]}})
    found = irregular(world)
    world.house.close()

    assert clean == []
    assert found == [("UNBALANCED_JOURNAL", f"gb01 {voucher}", D(5), 1)]


def test_a_line_that_waits_while_its_item_is_blocked_is_found_with_its_money(month: World) -> None:
    set_item(month, "CUP", IsInventoryProcessingStopped="Yes")
    month.ask_anew()

    assert irregular(month) == [("ITEM_BLOCKED_SINCE", "C900004|CUP#1", D("2.95"), 1)]


def test_a_line_that_waits_under_a_mapping_that_sends_its_units_elsewhere_by_now_is_found_with_its_money(month: World) -> None:
    profile = month.house.profiles[TENANT]
    keep(month.house.store, profile, month.at)
    month.tell(*life("C900008", [line("TEA", 1, "4.25", received=1, grades=[("A", "RESELL", 1, True)])], at=month.at)[:3])
    while not any(row.mapping_version and row.posting.key.return_ref == "C900008" for row in month.postings()):
        month.later(120)
    other = tuple(replace(row, erp_disposition="ELSE") if row.when.disposition == "RESELL" else row for row in profile.rules.mapping)
    month.house.profiles = {TENANT: replace(profile, rules=replace(profile.rules, version="later+1", mapping=other))}

    assert irregular(month) == [("MAPPING_CHANGED_SINCE", "C900008|TEA#1", D("4.25"), 1)]


def test_units_that_came_back_at_another_cost_than_they_went_out_at_break_their_line_by_the_difference(month: World) -> None:
    came = next(row for row in month.rows(STOCK) if row["ItemId"] == "POT" and row["Qty"] == 1)
    change(month, STOCK, came, CostAmountPosted=came["CostAmountPosted"] + 2)

    _, found = proved(month)

    assert [(each.line, each.kind, each.amount) for each in found] == [("C900002|POT#1", "VALUATION_DRIFT", D(2))]


def test_an_issue_whose_cost_is_not_final_is_a_finding_and_its_line_is_not_compared(month: World) -> None:
    came = next(row for row in month.rows(STOCK) if row["ItemId"] == "POT" and row["Qty"] == 1)
    went = next(row for row in month.rows(STOCK) if row["ItemId"] == "POT" and row["Qty"] < -1)
    change(month, STOCK, came, CostAmountPosted=came["CostAmountPosted"] + 2)
    change(month, STOCK, went, StatusIssue="Deducted")

    assert [(kind, subject) for kind, subject, _, _ in irregular(month)] == [("COST_NOT_FINAL", "C900002|POT#1")]
    assert proved(month)[1] == []


def test_nothing_is_said_of_an_item_at_standard_cost(month: World) -> None:
    came = next(row for row in month.rows(STOCK) if row["ItemId"] == "POT" and row["Qty"] == 1)
    change(month, STOCK, came, CostAmountPosted=came["CostAmountPosted"] + 2)
    (pot,) = [row for row in month.rows("ReleasedProductsV2") if row["ItemNumber"] == "POT"]
    erp: Any = month.house.desk(TENANT, "gb01").erp
    erp.masters.told = replace(erp.told, master_ttl=0, standard_cost=frozenset({pot["ItemModelGroupId"]}))

    assert proved(month)[1] == []



"""Are journals proposed for what a month lacks, is what finance posted of them known again, and does what was posted by hand stand out?"""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from backhaul.application import pack as packs
from backhaul.application.ledger import Ledger, Proposed, own_accounts, read_ledger
from backhaul.application.month_end import MONTH_END
from backhaul.domain.availability import Compared, Standing as Stands
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.general_journal import Journal, Role, Sort, Standing
from backhaul.domain.oversight import Irregular
from backhaul.domain.rules import Booking, TiedTo
from backhaul.domain.valuation import Policy
from backhaul.entrypoints import journaling, packing
from backhaul.entrypoints.months import prove_month
from backhaul.entrypoints.spreadsheet import workbook
from tests.journeys.stage import TENANT, World, life, line
from tests.journeys.test_close import recalculated
from tests.journeys.test_roll_forward import LEDGER, SCM, TEAS, paid, rolled, shop

D = Decimal
NAMED = {"clearing": "202900", "received": "140110", "returns": "401200", "tax": "202199", "liability": "209100", "recoverable": "149100",
         "cost": "510100", "write_down": "520300", "allowance": "149900"}
TIED = replace(SCM, named=NAMED)
NUMBERS = count(9_000_000)
POLICY = Policy(source="F-12", write_down={"quarantine": D("0.40")})
EVE = datetime(2010, 12, 31, 16, tzinfo=UTC)
CUPS = line("CUP", 1, "2.95", received=1, grades=[("C", "QUARANTINE", 1, True)])


def december(erp: str, folder: Path, tied: TiedTo = TIED) -> World:
    """Open a shop in which one return is accepted on New Year's Eve, too late for the ERP's jobs of the year."""
    world = shop(erp, folder, Booking.CLEARING, tied=tied)
    world.change_rules(valuation=POLICY)
    world.house.settings = replace(world.house.settings, state_dir=folder)
    world.tell(*life("R-1", [CUPS], at=world.at))
    world.pass_days(3)
    world.at = EVE
    world.tell(*life("R-2", [TEAS], at=EVE - timedelta(hours=8)))
    world.pass_days(3)
    return world


@pytest.fixture
def scm(erp: str, tmp_path: Path) -> Iterator[World]:
    world = december(erp, tmp_path)
    yield world
    world.house.close()


def proposals(world: World) -> dict[Sort, Proposed]:
    """Prove December as of today, and give what is proposed for it."""
    with prove_month(world.house, TENANT, "2010-12", world.at.date(), now=world.at):
        pass
    return {each.journal.sort: each for each in journaling.proposed(world.house.store, world.house.profiles[TENANT].rules, "2010-12")}


def ledger(world: World) -> Ledger:
    found = journaling.kept(world.house.store, TENANT, "2010-12")
    assert found is not None
    return found


def post(world: World, journal: Journal, day: date, sign: int = 1) -> None:
    """Let finance post a journal in the ERP, leg by leg, as its lines leave from here."""
    for number, leg in enumerate(journal.legs):
        entry(world, f"GJ-{day:%m%d}-{number}", leg.account, day, sign * leg.amount, DocumentNumber=journal.marker, Description=leg.text)


def entry(world: World, voucher: str, account: str, day: date, amount: Decimal, **more: Any) -> None:
    told = {"GeneralJournalAccountEntryRecId": next(NUMBERS), "Voucher": voucher, "LedgerAccount": account,
            "AccountDisplayValue": account, "AccountingDate": f"{day}T12:00:00Z", "DataArea": "gb01", "DocumentNumber": "",
            "Description": "",
            "AccountingCurrencyAmount": float(amount), "TransactionCurrencyAmount": float(amount), "TransactionCurrencyCode": "GBP"}
    world.control("seed", {"rows": {LEDGER: [told | more]}})


def test_what_is_accepted_in_one_month_and_credited_in_the_next_is_accrued_and_what_lost_worth_is_written_down(scm: World) -> None:
    told = proposals(scm)

    accrual, goods, down = (told[sort].journal for sort in (Sort.ACCRUAL, Sort.GOODS, Sort.WRITE_DOWN))
    assert [(leg.account, leg.amount) for leg in accrual.legs] == [("401200", D("8.50")), ("202199", D("1.70")), ("209100", D("-10.20"))]
    assert (accrual.day, accrual.reverses_on, accrual.lines) == (date(2010, 12, 31), date(2011, 1, 1), ("R-2|TEA#1",))
    assert (goods.legs[0].account, goods.legs[0].amount > 0) == ("149100", True)
    assert (down.missing, down.reverses_on, [leg.account for leg in down.legs]) == ((), None, ["520300", "149900"])
    assert {each.standing for each in told.values()} == {Standing.PROPOSED}
    assert all(each.read for each in told.values())


def test_what_finance_posted_is_known_by_its_marker_and_an_accrual_that_is_not_taken_back_stands_out(scm: World) -> None:
    before = proposals(scm)
    post(scm, before[Sort.ACCRUAL].journal, date(2010, 12, 31))
    post(scm, before[Sort.WRITE_DOWN].journal, date(2010, 12, 31))

    once = proposals(scm)
    post(scm, before[Sort.ACCRUAL].journal, date(2011, 1, 1), sign=-1)
    twice = proposals(scm)

    assert {sort: each.standing for sort, each in once.items()} == {
        Sort.ACCRUAL: Standing.NOT_REVERSED, Sort.GOODS: Standing.PROPOSED, Sort.WRITE_DOWN: Standing.POSTED}
    assert twice[Sort.ACCRUAL].standing is Standing.REVERSED
    (sheet,) = journaling.sheets(scm.house.profiles[TENANT].rules, tuple(twice.values()))
    assert {row[-3] for row in sheet.rows} == {before[Sort.GOODS].journal.marker}, "what is posted leaves no more"


def test_what_somebody_posted_by_hand_on_accounts_of_returns_stands_out_and_what_is_ours_does_not(scm: World) -> None:
    paid(scm, "R-9", [TEAS], "10.20")
    scm.turn()
    entry(scm, "HAND-1", "202900", date(2010, 12, 20), D("7.00"), Description="correction, see mail")
    entry(scm, "HAND-2", "401200", date(2010, 12, 21), D("-3.00"))
    journal = proposals(scm)[Sort.GOODS].journal
    post(scm, journal, date(2010, 12, 31))

    proposals(scm)

    assert [(each.entry.voucher, each.role) for each in ledger(scm).posted if each.manual] == [
        ("HAND-1", "clearing"), ("HAND-2", "returns")]
    with scm.house.store.look() as tx:
        kept = tx.proofs(TENANT, "2010-12")[0]
        (file,) = [Path(each["file"]) for each in kept.extracts if each["side"] == "accounts"]
    assert {entity: each["count"] for entity, each in kept.figures["by_hand"].items()} == {"gb01": 2}
    read = [json.loads(each) for each in file.read_text(encoding="utf-8").splitlines()]
    assert {each["role"] for each in read if not each["manual"]} >= {"clearing", "returns", "received", "recoverable"}
    assert {each.role for each in ledger(scm).posted if not each.manual} == {"recoverable"}, "the extract has the others"


def test_the_pack_holds_all_of_the_months_end_and_a_spreadsheet_works_it_out_again(scm: World, tmp_path: Path) -> None:
    entry(scm, "HAND-1", "202900", date(2010, 12, 20), D("7.00"), Description="=1+1")
    proposals(scm)
    store, rules = scm.house.store, scm.house.profiles[TENANT].rules
    material = replace(
        packs.gather(store, rules, "2010-12", lambda *_: None, journaling.month_end(store, rules, "2010-12")),
        house=(Irregular(kind="EVENT_GAP", subject="R-1", sentence="Message 2 never came."),), available=(Compared(
            sku="TEA", at="shop", entity="gb01", warehouse="GB-DC-01", shop=D(3), erp=D(1), told=None, standing=Stands.DIFFERS),))
    sheets = packs.pack(material)
    (tmp_path / "pack.xlsx").write_bytes(workbook(sheets))

    found = recalculated(tmp_path / "pack.xlsx")

    for sheet in sheets:
        for number, row in enumerate(sheet.rows, start=2):
            assert len(row) <= len(sheet.headings), sheet.name
            for column, value in zip(packs.COLUMNS, row, strict=False):
                if isinstance(value, packs.Formula):
                    told = found[sheet.name.upper(), f"{column}{number}"]
                    assert told == value.value if isinstance(value.value, str) else float(told) == pytest.approx(float(value.value)), sheet
    rows = {sheet.name: sheet.rows for sheet in sheets}
    assert {name for name in MONTH_END if not rows[name]} == {"Paid without credit note"}, "every payment of it has one"
    assert [row[3:6] for row in rows["Posted by hand"]] == [("HAND-1", date(2010, 12, 20), D(7))]
    assert {row[12].value for row in rows["Journals proposed"]} == {0}
    assert [(row[4], row[6], row[8].value) for row in rows["Refunds"]] == [("received", D("8.50"), D("10.20"))]
    assert sum(row[13].value for row in rows["Paid, not credited"]) == D(7)
    assert [row[6].value for row in rows["Availability"]] == [2]
    assert "accounts" in {row[5] for row in rows["Extracts"]}


def test_an_extract_of_the_accounts_that_was_changed_makes_no_pack(scm: World) -> None:
    proposals(scm)
    with scm.house.store.look() as tx:
        (file,) = [Path(each["file"]) for each in tx.proofs(TENANT, "2010-12")[0].extracts if each["side"] == "accounts"]
    before = packing.made(scm.house.store, scm.house.profiles[TENANT].rules, "2010-12", "pdf")
    file.write_text(file.read_text(encoding="utf-8").replace("gb01", "gb02", 1), encoding="utf-8")

    with pytest.raises(NeedsOperator, match="is not what was proved any more"):
        packing.made(scm.house.store, scm.house.profiles[TENANT].rules, "2010-12", "pdf")
    assert before.startswith(b"%PDF")


def test_accounts_nobody_named_are_said_and_a_ledger_that_was_not_read_says_nothing_of_what_is_posted(erp: str, tmp_path: Path) -> None:
    world = december(erp, tmp_path, tied=replace(SCM, named={"clearing": "202900"}))
    rules = world.house.profiles[TENANT].rules
    world.arm("throttle", times=10_000)

    told = proposals(world)

    assert set(own_accounts(rules, rules.entity("gb01")).values()) == {Role.CLEARING, Role.RECEIVED}
    assert told[Sort.ACCRUAL].journal.missing == ("returns", "tax", "liability")
    assert not told[Sort.ACCRUAL].read
    read = [read_ledger(world.house.store, {}, each, {}, rolled(world), world.at.date()) for each in (rules, replace(rules, accounts={}))]
    assert [(set(each.accounts), each.unread) for each in read] == [({"gb01"}, {"gb01": "nothing is connected"}), (set(), {})]
    material = packs.gather(world.house.store, rules, "2010-12", lambda *_: None, journaling.month_end(world.house.store, rules, "2010-12"))
    assert [row[:2] for sheet in packs.pack(material) if sheet.name == "Posted by hand" for row in sheet.rows] == [("gb01", "not read")]
    world.house.close()

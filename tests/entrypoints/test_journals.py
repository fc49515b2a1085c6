"""Do proposed journals stand on a page, leave in the shape of the ERP they go to, and say which account nobody named?"""

import csv
import io
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from tests.entrypoints.test_api import Shop, shop
from tests.entrypoints.test_cli import Shell, erp, finance_scm, sentence, shell
from tests.entrypoints.test_figures import FIGURES, MINE
from tests.entrypoints.test_web import PROFILE, REF, TENANT, Now, clock, filled, inside, rolled_forward, server, store

from backhaul.adapters.sql.store import SqlStore
from backhaul.application.ledger import Ledger
from backhaul.domain.access import Role as PersonRole
from backhaul.domain.errors import Misconfigured, NeedsOperator
from backhaul.domain.general_journal import Role
from backhaul.domain.rules import Rules, TiedTo
from backhaul.domain.valuation import Owing, Where
from backhaul.entrypoints import journaling, valuing
from backhaul.entrypoints.web.serving import Running

__all__ = ["Now", "clock", "erp", "filled", "finance_scm", "server", "shell", "shop", "store"]
D = Decimal
DAY = date(2010, 12, 31)
OWED = Owing(whose=MINE, where=Where.IN_STOCK, kind="outlet", units=D(1), net=D("12.50"), tax=D("2.50"), cost=D(6), books="GBP", since=DAY,
             return_ref=REF, line_id="TEA#1", accepted=True)
TOLD = replace(FIGURES, owing=(OWED,), returned=FIGURES.returned[:1])
READ = Ledger(day=DAY, accounts={"gb01": {}}, unread={})
NAMED = {role.value: f"9{number:03}" for number, role in enumerate(Role)}


def found(store: Any, tenant: str = TENANT, period: str = "2010-12", ledger: Ledger = READ) -> None:
    """Keep what the last proof of a month found."""
    valuing.keep(store, tenant, period, TOLD)
    journaling.keep(store, tenant, period, ledger)


def named(rules: Rules, erp: str = "") -> Rules:
    """Name every account, and another ERP where one is told."""
    entities = tuple(replace(entity, erp=erp or entity.erp) for entity in rules.entities)
    return replace(rules, entities=entities, accounts={"gb01": TiedTo(named=NAMED)})


def test_proposals_stand_on_a_page_that_says_which_account_nobody_named(store: SqlStore, server: Running) -> None:
    rolled_forward(store)
    browser = inside(server)
    before = browser.get("/journals").text
    found(store)

    page = browser.get("/journals?period=2010-12").text
    (_, *rows) = csv.reader(io.StringIO(browser.get("/exports/journals.csv?period=2010-12").content.decode("utf-8-sig")))
    sheet = browser.get("/journal-lines/gb01.csv?period=2010-12")

    assert "backhaul reconcile --period" in before
    for told in ("Nobody named an account for returns, tax, liability", "15.00", "12.50", "taken back on", REF):
        assert told in page, told
    assert [row[8] for row in rows if row[2] == "accrual"] == ["not named"] * 3
    assert sheet.text.splitlines()[1:] == [], "what names no account cannot be posted"
    assert [browser.get(path).status_code for path in (
        "/journal-lines/gb09.csv?period=2010-12", "/journal-lines/gb01.pdf?period=2010-12", "/journals?period=2011-12")] == [404] * 3
    assert "/journals?period=2010-12" in browser.get("/close?period=2010-12").text


def test_where_nothing_is_to_be_posted_the_page_says_so(store: SqlStore, server: Running) -> None:
    valuing.keep(store, TENANT, "2010-12", replace(TOLD, owing=(), returned=()))
    journaling.keep(store, TENANT, "2010-12", READ)

    assert "Nothing is to be posted" in inside(server).get("/journals?period=2010-12").text


def test_lines_leave_for_finance_and_scm_as_those_of_a_general_journal(store: SqlStore) -> None:
    found(store)
    rules = named(PROFILE.rules)

    (sheet,) = journaling.sheets(rules, journaling.proposed(store, rules, "2010-12"))
    book = load_workbook(io.BytesIO(journaling.written([sheet], "xlsx")))

    rows = [dict(zip(sheet.headings, row, strict=True)) for row in sheet.rows]
    accrual = [row for row in rows if row["Voucher"] == "1"]
    assert [(row["AccountDisplayValue"], row["DebitAmount"], row["CreditAmount"]) for row in accrual] == [
        (NAMED["returns"], D("12.50"), 0), (NAMED["tax"], D("2.50"), 0), (NAMED["liability"], 0, D("15.00"))]
    assert {(row["TransDate"], row["ReverseEntry"], row["ReverseDate"], len(row["Document"])) for row in accrual} == {
        (DAY, "Yes", date(2011, 1, 1), 20)}
    assert all(sum(row["DebitAmount"] - row["CreditAmount"] for row in rows if row["Voucher"] == voucher) == 0 for voucher in "123")
    assert [cell.value for cell in book["gb01"][1]] == list(journaling.SCM)


def test_lines_leave_for_business_central_with_the_reversal_as_lines_of_their_own(store: SqlStore) -> None:
    found(store)
    rules = named(PROFILE.rules, erp="business-central")

    (sheet,) = journaling.sheets(rules, journaling.proposed(store, rules, "2010-12"), "gb01")
    told = list(csv.DictReader(io.StringIO(journaling.written([sheet], "csv").decode("utf-8-sig"))))

    accrual = [row for row in told if row["documentNumber"] == told[0]["documentNumber"]]
    assert [(row["postingDate"], row["accountNumber"], row["amount"]) for row in accrual] == [
        *(("2010-12-31", NAMED[role], amount) for role, amount in (("returns", "12.50"), ("tax", "2.50"), ("liability", "-15.00"))),
        *(("2011-01-01", NAMED[role], amount) for role, amount in (("returns", "-12.50"), ("tax", "-2.50"), ("liability", "15.00")))]
    assert {row["currencyCode"] for row in told} == {""}, "in the currency of the books"
    assert [int(row["lineNumber"]) for row in told] == [10_000 * number for number in range(1, len(told) + 1)]


def test_a_csv_is_of_one_legal_entity_and_of_one_there_is(store: SqlStore) -> None:
    rules = PROFILE.rules
    two = replace(rules, entities=(*rules.entities, replace(rules.entities[0], id="gb02")))

    with pytest.raises(NeedsOperator, match="say which of gb01, gb02"):
        journaling.written(journaling.sheets(two, ()), "csv")
    with pytest.raises(Misconfigured, match="no legal entity 'gb09'"):
        journaling.sheets(two, (), "gb09")
    assert journaling.proposed(store, rules, "2010-12") == ()


def test_a_program_reads_proposals_and_whether_the_ledger_was_read(shop: Shop) -> None:
    found(shop.store, "acme", "2011-02", replace(READ, unread={"gb": "away"}))
    valuing.keep(shop.store, "acme", "2011-02", replace(TOLD, owing=(replace(OWED, whose=replace(MINE, entity="gb")),), returned=()))
    viewer = shop.token(PersonRole.VIEWER)

    told = shop.call("GET", "/acme/close/journals", viewer, period="2011-02").json()["journals"]

    assert [(each["sort"], each["standing"], each["amount"]) for each in told] == [
        ("accrual", "not read", "15.00"), ("accrual of goods", "not read", "6.00")]
    assert told[0]["missing"] == ["returns", "tax", "liability"]
    assert shop.call("GET", "/acme/close/journals", viewer, period="2011-01").json() == {"journals": []}
    assert shop.call("GET", "/acme/close/journals", shop.token(PersonRole.VIEWER, "gb"), period="2011-02").status_code == 403


def test_a_terminal_lists_proposals_and_writes_their_lines(shell: Shell) -> None:
    profile = Path(shell.environment["BACKHAUL_PROFILE"])
    profile.write_text(profile.read_text(encoding="utf-8").replace(
        "[accounts.gb01]\n", '[accounts.gb01]\nrecoverable = "149100"\ncost = "510100"\n'), encoding="utf-8")
    shell.run("reconcile", "--period", "2010-12")
    kept = SqlStore(shell.environment["BACKHAUL_DATABASE_URL"])
    found(kept)
    kept.close()
    file = shell.folder / "lines.csv"

    told = shell.told("close", "journals", "--period", "2010-12", "--to", str(file))
    shown = shell.run("close", "journals", "--period", "2010-12", "--entity", "gb01").stdout

    assert [(each["sort"], each["missing"]) for each in told["journals"]] == [
        ("accrual", ["returns", "tax", "liability"]), ("accrual of goods", []), ("write-down", ["write_down", "allowance"])]
    assert (told["lines"], len(file.read_text(encoding="utf-8-sig").splitlines())) == (2, 3)
    assert "nobody named an account for returns" in shown
    assert "none posted by us" in shown
    assert "no .xlsx and no .csv" in sentence(shell.run("close", "journals", "--period", "2010-12", "--to", "lines.pdf"))
    assert "[accounts]" in sentence(shell.run("close", "journals", "--period", "2010-11"))

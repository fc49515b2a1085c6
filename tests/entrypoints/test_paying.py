"""Can anybody take in what was paid, list what is not credited, and roll it forward, from a terminal?"""

import json
from collections import Counter
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table
from tests.entrypoints.test_cli import Shell, erp, finance_scm, sentence, shell
from tests.entrypoints.test_proving import LEFT, RIGHT
from typer.testing import CliRunner

from backhaul.adapters.sql.store import SqlStore
from backhaul.application.pairing import keep
from backhaul.domain.entry import Side
from backhaul.domain.pairing import Loose, Waiting, suggest
from backhaul.entrypoints.cli import app
from backhaul.entrypoints.terminal import columns

__all__ = ["erp", "finance_scm", "shell"]
HEAD = "Refund ID,status,amount,currency,day,returns,provider\n"
ACCOUNTS = """
[accounts.gb01]
clearing = "202900"
received = ["140110"]
since = 2010-12-01
"""
MORE = """
[payouts]
credit_within = 14

[payouts.clocks.GB]
days = 14
source = "a notice"

[payouts.file]
provider = "psp"
columns = { reference = "Refund ID" }
"""


@pytest.fixture
def shop(shell: Shell) -> Shell:
    """A shell whose profile says how payments are read, beside the accounts it has."""
    profile = Path(shell.environment["BACKHAUL_PROFILE"])
    profile.write_text(profile.read_text(encoding="utf-8") + MORE, encoding="utf-8")
    return shell


def taken(shop: Shell, *rows: str) -> str:
    file = shop.folder / f"psp-{len(rows)}.csv"
    file.write_text(HEAD + "\n".join(rows), encoding="utf-8")
    return str(file)


def test_payments_come_in_once_and_what_is_set_aside_makes_the_status_say_so(shop: Shell) -> None:
    good = taken(shop, "P-1,paid,4.00,GBP,2010-12-04,R-1,")

    first = shop.told("payouts", "import", good)
    again = shop.told("payouts", "import", good)
    flawed = shop.told("payouts", "import", taken(shop, "P-1,paid,5.00,GBP,2010-12-04,R-1,", "P-2,paid,,GBP,2010-12-04,R-1,"), status=1)

    assert [(told["seen"], told["new"], told["aside"]) for told in (first, again, flawed)] == [(False, 1, 0), (True, 0, 0), (False, 0, 2)]
    assert "new 1" in shop.run("payouts", "import", taken(shop, "P-7,paid,1,GBP,2010-12-04,R-1,", "", "")).stdout
    assert "[payouts.api]" in sentence(shop.run("payouts", "ask"))


def test_an_amount_in_a_narrow_terminal_is_folded_and_not_cut() -> None:
    table = Table(*columns("entity", "closing", "account says", "difference"))
    table.add_row("gb01", "1234567.89", "1234567.89", "0.00")

    with (narrow := Console(width=30, file=StringIO())).capture() as shown:
        narrow.print(table)

    assert "…" not in shown.get()
    assert Counter(each for each in shown.get() if each.isdigit()) == Counter("01" + 2 * "123456789" + "000")


def test_what_is_paid_and_not_credited_is_listed_and_rolled_forward_beside_the_account(shop: Shell) -> None:
    shop.told("payouts", "import", taken(shop, "P-1,paid,4.00,GBP,2010-12-04,R-1,"))

    (open_one,) = shop.told("payouts", "uncredited", "--period", "2010-10", "--until", "2010-12")["uncredited"]
    rolled = shop.told("roll-forward", "--period", "2010-12", "--lines", status=1)
    shown = shop.run("roll-forward", "--period", "2010-12", "--lines").stdout

    assert (open_one["open"], open_one["payment"]["reference"], open_one["due_on"]) == ("4.00", "P-1", "2010-12-18")
    (row,) = rolled["rows"]
    assert (rolled["complete"], row["account"], row["closing"], row["balance"], row["difference"]) == (True, "202900", "4.00", "0", "-4.00")
    assert [(each["item"], each["days"]) for each in row["lines"]] == [("psp:P-1", 27)]
    assert "Paid, not credited" in shown
    assert "psp:P-1" in shown
    assert shop.told("roll-forward", "--period", "2010-11")["rows"] == []
    assert shop.told("payouts", "settlements") == {"settlements": []}
    assert shop.told("payouts") == {"payouts": []}
    assert "4.00 GBP of 4.00" in shop.run("payouts", "uncredited", "--period", "2010-12").stdout
    assert shop.run("payouts", "settlements").exit_code == shop.run("payouts").exit_code == 0


def test_what_a_proof_suggests_is_listed_by_its_kind_and_proposed_and_revoked_by_its_key(shop: Shell) -> None:
    shop.told("payouts", "import", taken(shop, "P-1,paid,4.00,GBP,2010-12-04,R-I,"))
    store, owed = SqlStore(shop.environment["BACKHAUL_DATABASE_URL"]), {
        "side": Side.PAYMENT, "line_id": "", "entity": "gb01", "currency": "GBP", "units": Decimal(0)}
    paid = [Loose(key=f"k{net}", side=Side.PAYMENT, entity="gb01", document=f"P-{net}", voucher="psp", currency="GBP", net=Decimal(net))
            for net in (4, 1)]
    keep(store, "online-retail", "2010-12", suggest(paid, [
        Waiting(**owed, return_ref="R-1", net=Decimal(4)),
        *(Waiting(**owed, return_ref=f"S-{number}", net=Decimal(1)) for number in range(20))]))
    store.close()

    (each, given_up) = shop.told("match", "list", "--period", "2010-12")["suggested"]
    shown = shop.run("match", "list", "--period", "2010-12").stdout
    asked = shop.told("match", "propose", each["key"], "--period", "2010-12", "--actor", "ann", "--reason", "a typing error")

    assert (each["side"], "key" in given_up) == ("payment", False)
    assert f"{each['key']}  payment, one to one: P-4 of psp pays 4 GBP" in shown
    assert "not looked for: P-1: 20 claims are owed 1, too many to choose among" in shown
    shop.told("approve", str(asked["proposal"]), "--shown", asked["shown"], "--approver", "bob")
    assert "match 1  R-1| paid by P-4, confirmed by ann and bob: a typing error" in shop.run("match", "list", "--period", "2010-12").stdout
    assert shop.told("match", "revoke", "1", "--actor", "ann", "--reason", "no")["proposal"] > asked["proposal"]
    assert "suggests no match 'nothing'" in sentence(shop.run(
        "match", "propose", "nothing", "--period", "2010-12", "--actor", "ann", "--reason", "x"))


def test_a_profile_without_payouts_or_accounts_is_told_so(shell: Shell) -> None:
    profile = Path(shell.environment["BACKHAUL_PROFILE"])
    profile.write_text(profile.read_text(encoding="utf-8").replace(ACCOUNTS, ""), encoding="utf-8")

    assert "[payouts.file]" in sentence(shell.run("payouts", "import", taken(shell, "P-1,paid,4.00,GBP,2010-12-04,R-1,")))
    assert "names no clearing account" in shell.run("roll-forward", "--period", "2010-12").stdout
    assert "there is no period '2010-13'" in sentence(shell.run("roll-forward", "--period", "2010-13"))


@pytest.mark.parametrize(("mine", "says"), [
    ("days = 0", "at least one day"), ('provider = "No Name"', "small letters"), ("pay_within = 0", "days are counted from one"),
    ('columns = { price = "x" }', "has no 'price'"), ("[accounts.gb09]", "there is no legal entity 'gb09'")])
def test_what_cannot_be_in_the_part_on_payouts_is_refused_with_its_line(shop: Shell, mine: str, says: str) -> None:
    key = mine.split("=", maxsplit=1)[0].strip()
    profile, told = Path(shop.environment["BACKHAUL_PROFILE"]), ACCOUNTS if key.startswith("[acc") else MORE
    line = next((each for each in told.splitlines() if each.startswith(key[:4] if key[0] == "[" else key)),
                "credit_within = 14")
    profile.write_text(profile.read_text(encoding="utf-8").replace(told, told.replace(line, mine)), encoding="utf-8")

    assert says in sentence(shop.run("payouts", "import", taken(shop, "P-1,paid,4.00,GBP,2010-12-04,R-1,")))


def test_exported_payments_are_compared_without_a_database(tmp_path: Path) -> None:
    (tmp_path / "left.csv").write_text(LEFT, encoding="utf-8")
    (tmp_path / "right.csv").write_text(RIGHT.format(net="8.50"), encoding="utf-8")
    (tmp_path / "paid.csv").write_text("pays,reference,status,amount,day\nR1,P-1,paid,8.50,2026-10-08\nR1,P-2,paid,8.50,2026-10-09\n",
                                       encoding="utf-8")
    words = ["reconcile", "--left", str(tmp_path / "left.csv"), "--right", str(tmp_path / "right.csv"), "--day", "2026-10-31",
             "--payouts", str(tmp_path / "paid.csv")]

    told = CliRunner().invoke(app, [*words, "--json"])
    shown = CliRunner().invoke(app, [*words, "--report", str(tmp_path / "broken.csv")], env={"COLUMNS": "200"})

    assert (told.exit_code, shown.exit_code) == (1, 1)
    answer = json.loads(told.stdout)
    assert (answer["broken"], answer["payouts"]["by_class"]) == (0, {"PAID_TWICE": {"count": 1, "amount": "8.5000"}})
    assert "1 claims of customers: 0 paid as credited, 0 in timing, 1 broken" in shown.stdout
    assert (tmp_path / "broken.csv").read_text(encoding="utf-8").splitlines()[1].startswith("R1,PAID_TWICE,8.5000,CN-1")

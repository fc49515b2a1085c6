"""Is what returned goods are worth, and what is owed, told on pages, in sheets, by program and in a terminal, to who may see it all?"""

import csv
import html
import io
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.entrypoints.test_api import Shop, shop
from tests.entrypoints.test_cli import Shell, erp, finance_scm, sentence, shell
from tests.entrypoints.test_web import REF, TENANT, Now, clock, filled, inside, rolled_forward, server, store
from tests.entrypoints.visiting import Browser

from backhaul.adapters.sql.store import SqlStore
from backhaul.domain.access import Role
from backhaul.domain.roll_forward import Whose
from backhaul.domain.valuation import Figures, Owing, Policy, Returned, Tied, Where
from backhaul.entrypoints import valuing
from backhaul.entrypoints.web.serving import Running

__all__ = ["Now", "clock", "erp", "filled", "finance_scm", "server", "shell", "shop", "store"]
D = Decimal
MINE = Whose(entity="gb01", brand="QX501", warehouse="GB-DC-01", currency="GBP")
DAY = date(2010, 12, 31)
FIGURES = Figures(
    first=date(2010, 12, 1), day=DAY, policy=Policy(source="<i>F-12</i>", write_down={"quarantine": D("0.40")}),
    reasons=("<b>half</b> read",),
    returned=(Returned(whose=MINE, kind="quarantine", units=D(2), day=DAY, booked=D(10), original=D(9), return_ref=REF, line_id="TEA#1"),
              Returned(whose=MINE, kind="outlet", units=D(1), day=DAY, return_ref=REF, line_id="TEA#1")),
    owing=(Owing(whose=MINE, where=Where.EXPECTED, kind="ungraded", units=D(1), net=D("12.50"), books="GBP", since=DAY, return_ref=REF,
                 line_id="TEA#1"),),
    ties=(Tied(whose=MINE, in_stock=D(0), in_stock_tax=D(0), memo=D("1.25"), memo_tax=D(0), gross=D("12.50"), paid=D(3)),))


def test_the_figures_stand_on_a_page_with_what_nobody_decided_and_lead_to_the_return(store: SqlStore, server: Running) -> None:
    rolled_forward(store)
    valuing.keep(store, TENANT, "2010-12", FIGURES)
    browser = inside(server)

    page = browser.get("/figures").text
    back, owed = (browser.get(f"/figures/lines?period=2010-12&entity=gb01&brand=QX501&warehouse=GB-DC-01&currency=GBP&{which}").text
                  for which in ("kind=quarantine", "where=expected"))

    for told in ("6.00", "not known", "&lt;b&gt;half&lt;/b&gt; read", "&lt;i&gt;F-12", "decides no write-down of outlet, ungraded", "-1.25",
                 "9.50"):
        assert told in page, told
    for lines in (back, owed):
        assert f"/returns/{REF}" in lines
    assert browser.get("/figures/lines?period=2010-12&entity=gb02&kind=quarantine").status_code == 404
    assert "/figures?period=2010-12" in browser.get("/roll-forward").text
    assert "/figures?period=2010-12" in browser.get("/close?period=2010-12").text


def test_where_no_proof_found_it_out_the_page_says_how(server: Running) -> None:
    browser = inside(server)

    assert "backhaul reconcile --period" in browser.get("/figures").text
    assert browser.get("/figures?period=2010-12").status_code == 404


def test_the_figures_leave_as_sheets(store: SqlStore, server: Running) -> None:
    rolled_forward(store)
    valuing.keep(store, TENANT, "2010-12", FIGURES)
    browser = inside(server)

    (_, outlet, quarantine), (_, owed, tied) = (rows(browser, sheet) for sheet in ("returned-stock", "refund-figures"))

    assert quarantine[5:] == ["quarantine", "2", "10", "9", "1", "0", "0", "0.40", "4.00", "6.00"]
    assert outlet[10:] == ["1", "1", "", "", ""]
    assert owed[5:10] == ["expected", "1", "12.50", "0", "12.50"]
    assert tied[-5:] == ["1.25", "0", "-1.25", "3", "9.50"]


def rows(browser: Browser, sheet: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(browser.get(f"/exports/{sheet}.csv?period=2010-12").content.decode("utf-8-sig"))))


def test_the_lines_under_a_figure_leave_as_a_sheet(store: SqlStore, server: Running) -> None:
    rolled_forward(store)
    valuing.keep(store, TENANT, "2010-12", FIGURES)
    where = "period=2010-12&entity=gb01&brand=QX501&warehouse=GB-DC-01&currency=GBP"
    browser = inside(server)

    told = [list(csv.reader(io.StringIO(browser.get(f"/exports/figure-lines.csv?{where}&{which}").content.decode("utf-8-sig"))))
            for which in ("kind=quarantine", "where=expected", "kind=nothing")]

    assert [len(rows) for rows in told] == [2, 2, 1]
    assert told[0][1][5] == told[1][1][5] == REF
    assert told[1][1][9] == "1"
    assert f"/exports/figure-lines.xlsx?{where}" in html.unescape(browser.get(f"/figures/lines?{where}&kind=quarantine").text)


def test_a_program_reads_figures_and_their_lines_of_the_whole_tenant_only(shop: Shop) -> None:
    valuing.keep(shop.store, "acme", "2011-02", FIGURES)
    viewer = shop.token(Role.VIEWER)

    told: Any = shop.call("GET", "/acme/close/figures", viewer, period="2011-02").json()
    lines = shop.call("GET", "/acme/close/figure-lines", viewer, period="2011-02", offset=1).json()

    assert [(row["class"], row["value"]) for row in told["returned"]] == [("outlet", None), ("quarantine", "6.00")]
    assert (told["refunds"][0]["gross"], told["ties"][0]["to_pay"], told["policy"]["source"]) == ("12.50", "9.50", "<i>F-12</i>")
    assert set(told["method"]) >= {"booked", "value", "net", "tax", "asset"}
    assert (lines["total"], [(line["about"], line["units"]) for line in lines["lines"]]) == (3, [("returned", "1"), ("refund", "1")])
    assert shop.call("GET", "/acme/close/figures", viewer, period="2011-03").json() == {}
    assert shop.call("GET", "/acme/close/figure-lines", viewer, period="2011-03").json() == {"total": 0, "lines": []}
    for path in ("/acme/close/figures", "/acme/close/figure-lines"):
        assert shop.call("GET", path, shop.token(Role.VIEWER, "gb"), period="2011-02").status_code == 403


def test_a_terminal_shows_what_the_last_proof_found_and_says_where_nothing_was(shell: Shell) -> None:
    profile = Path(shell.environment["BACKHAUL_PROFILE"])
    profile.write_text(f'{profile.read_text(encoding="utf-8")}\n[valuation]\nsource = "F-12"\n', encoding="utf-8")

    shell.run("reconcile", "--period", "2010-12")
    told = shell.told("close", "figures", "--period", "2010-12", "--lines")
    shown = shell.run("close", "figures", "--period", "2010-12").stdout

    assert "[accounts]" in sentence(shell.run("close", "figures", "--period", "2010-11"))
    assert (told["returned"], told["lines"], told["policy"]["source"]) == ([], [], "F-12")
    assert "What came back, 2010-12-01 to" in shown


@pytest.mark.parametrize(("mine", "says"), [
    ('source = " "', "say who decided"), ('source = "F"\nwrite_down = { outlet = "1.2" }', "from 0 to 1"),
    ('source = "F"\nrecovery = { gb09 = "1" }', "there is no legal entity 'gb09'"),
    ('source = "F"\nrecovery = { gb01 = "-1" }', "nothing or more")])
def test_what_cannot_be_in_the_part_on_valuation_is_refused(shell: Shell, mine: str, says: str) -> None:
    profile = Path(shell.environment["BACKHAUL_PROFILE"])
    profile.write_text(f'{profile.read_text(encoding="utf-8")}\n[valuation]\n{mine}\n', encoding="utf-8")

    assert says in sentence(shell.run("close", "figures", "--period", "2010-12"))

"""Does the pack of a month say what its proof says, and nothing beside it?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.application import pack as packs
from backhaul.application.material import MonthEnd, Sides
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.money import Money
from backhaul.domain.rules import Booking, Tolerances
from backhaul.domain.tolerance import Measure, ToleranceRow
from backhaul.entrypoints import journaling
from backhaul.entrypoints.months import prove_month
from backhaul.entrypoints.spreadsheet import workbook
from tests.journeys.stage import TENANT, World, life
from tests.journeys.test_close import recalculated
from tests.journeys.test_journals import CUPS, EVE, TIED, entry
from tests.journeys.test_proof_of_a_period import LEDGER, NOTE_LINES, change, one
from tests.journeys.test_roll_forward import TEAS, paid, shop

D = Decimal
DECEMBER = "2010-12"
CREDIT, UNITS, BOOKED = (6, 7, 8), (12, 13, 14), (16, 17, 18)
"""Of the tie-out the columns of each difference: as it comes to, as the proof kept it, and whether the two tie."""


def new_years_eve(erp: str, folder: Path) -> World:
    """Open a shop of which one return is credited, one came too late for the ERP's jobs, and one is paid and on its way."""
    world = shop(erp, folder, Booking.CLEARING, tied=TIED)
    world.house.settings = replace(world.house.settings, state_dir=folder)
    world.tell(*life("R-1", [CUPS], at=world.at))
    world.pass_days(3)
    world.at = EVE
    world.tell(*life("R-2", [TEAS], at=EVE - timedelta(hours=8)))
    paid(world, "R-9", [TEAS], "10.20")
    world.turn()
    return world


@pytest.fixture
def eve(erp: str, tmp_path: Path) -> Iterator[World]:
    world = new_years_eve(erp, tmp_path)
    yield world
    world.house.close()


def material(world: World, day: date | None = None) -> packs.Material:
    """Prove December as of a day, and collect its pack."""
    with prove_month(world.house, TENANT, DECEMBER, day or world.at.date(), now=world.at):
        pass
    store, rules = world.house.store, world.house.profiles[TENANT].rules
    return packs.gather(store, rules, DECEMBER, lambda *_: None, journaling.month_end(store, rules, DECEMBER))


def plain(sheets: Sequence[packs.Sheet]) -> Mapping[str, list[list[Any]]]:
    """Give the rows of each sheet, of a formula what it comes to."""
    return {sheet.name: [[cell.value if isinstance(cell, packs.Formula) else cell for cell in row] for row in sheet.rows]
            for sheet in sheets}


def is_worked_out_again(sheets: Sequence[packs.Sheet], file: Path) -> int:
    """Compare every formula with what another spreadsheet makes of it; give how many there are."""
    file.write_bytes(workbook(sheets))
    found, compared = recalculated(file), 0
    for sheet in sheets:
        for number, row in enumerate(sheet.rows, start=2):
            for column, value in zip(packs.COLUMNS, row, strict=False):
                if isinstance(value, packs.Formula):
                    told = found[sheet.name.upper(), f"{column}{number}"]
                    assert told == value.value if isinstance(value.value, str) else float(told) == pytest.approx(float(value.value)), sheet
                    compared += 1
    return compared


# --- the tie-out


def test_credit_units_and_ledger_of_a_month_tie_to_its_proof_whatever_is_in_timing(eve: World, tmp_path: Path) -> None:
    made = material(eve)
    sheets = packs.pack(made)
    told = plain(sheets)

    (row,) = told["Tie-out"]
    assert sorted((each.kind, each.line) for each in made.strays if each.standing == "timing") == [
        ("ERP_AWAITED", "R-2|TEA#1"), ("NOTE_AWAITED", "")]
    assert [row[column] for columns in (CREDIT, UNITS, BOOKED) for column in columns] == [D(0), D(0), "ties"] * 3
    assert (row[5], row[11], row[15]) == (D("8.50"), D(2), D("2.95")), "the claim of R-9 is no line"
    assert [(each[2], each[6]) for each in told["Not credited"]] == [("R-2", D("8.50")), (None, D("8.50"))]
    assert is_worked_out_again(sheets, tmp_path / "pack.xlsx")


def test_what_the_ledger_lacks_and_what_stock_has_too_much_are_tied_as_well_and_another_figure_differs(eve: World, tmp_path: Path) -> None:
    sales = next(row for row in eve.rows(LEDGER) if row["PostingType"] == "SalesReturn")
    change(eve, LEDGER, sales, TransactionCurrencyAmount=2.0, AccountingCurrencyAmount=2.0)
    made = material(eve)
    own = made.proof.figures["entities"]["gb01"]

    def tied(figures: Mapping[str, Any]) -> tuple[packs.Sheet, ...]:
        return packs.pack(replace(made, proof=replace(made.proof, figures={"entities": {"gb01": figures}} if figures else {})))

    found = {name: [plain(tied(figures))["Tie-out"][0][column] for _, _, column in (CREDIT, UNITS, BOOKED)] for name, figures in (
        ("as kept", own), ("of another", own | {"stock_difference": 1, "ledger_difference": {}}), ("of before", {}))}

    assert [plain(tied(own))["Tie-out"][0][column] for column in BOOKED] == [D("-0.95"), D("-0.95"), "ties"]
    assert found == {"as kept": ["ties"] * 3, "of another": ["ties", "differs", "differs"], "of before": ["not kept"] * 3}
    assert all(is_worked_out_again(tied(figures), tmp_path / "pack.xlsx") for figures in (own | {"stock_difference": 1}, {}))


def test_units_are_tied_over_all_currencies_of_a_legal_entity_and_a_ledger_that_was_not_read_says_so(eve: World, tmp_path: Path) -> None:
    made = material(eve)
    (pounds,) = made.sides
    foreign = Sides(entity="gb01", currency="EUR", received=D(-1))
    sheets = packs.pack(replace(made, sides=[foreign, replace(pounds, received=pounds.received + 1, booked=None)]))

    told = plain(sheets)["Tie-out"]

    assert [[row[column] for column in UNITS] for row in told] == [[D(-1), D(0), "ties"], [D(1), D(0), "ties"]]
    assert [[row[column] for column in (15, 16, 18)] for row in told] == [["not read"] * 3] * 2
    assert is_worked_out_again(sheets, tmp_path / "pack.xlsx")


def test_the_vat_list_of_a_month_stays_in_its_pack_as_it_was_when_the_month_was_proved(eve: World) -> None:
    made = material(eve)
    before = plain(packs.pack(replace(made, end=replace(made.end, uncredited=None))))["Paid without credit note"]

    (row,) = plain(packs.pack(made))["Paid without credit note"]

    assert row[:4] == ["gb01", "QX501", "GB-DC-01", "GBP"]
    assert row[4:12] == ["R-9", "platform", "PAY-R-9", date(2010, 12, 31), D("10.20"), D("10.20"), "United Kingdom", row[11]]
    assert row[12] == "no"
    assert [each[0] for each in before] == ["not kept"]


# --- what was open


def test_work_about_the_proof_and_about_accounts_is_among_the_open_items_with_whose_it_is(eve: World, tmp_path: Path) -> None:
    cup = one(eve, NOTE_LINES, ProductNumber="CUP", InvoicedQuantity=-1)
    change(eve, NOTE_LINES, cup, LineAmount=-13.50)
    entry(eve, "HAND-1", "202900", date(2010, 12, 3), D("-7.00"), Description="correction")
    material(eve)
    with eve.house.store.begin() as tx:
        for ref, line_id in (("proof:payouts", "R-2 GBP"), ("proof:2010-11", "CN-7 MISSING_AT_SOURCE"), ("contract:gb01", "")):
            tx.open_exception(ExceptionCase.about(
                tenant=TENANT, return_ref=ref, line_id=line_id, money=Money(amount=D("-1.00"), currency="GBP"), teams={}, now=eve.at,
                findings=(Finding(code="PROOF_BROKEN", sentence="It differs."),)))
    eve.at += timedelta(days=3)
    sheets = packs.pack(material(eve))

    told = plain(sheets)

    assert {(row[0], row[1], row[3], row[5]) for row in told["Open items"]} >= {
        ("gb01", "PROOF_EDITED_AFTER_POSTING", "proof:2010-12", D("10.55")), ("gb01", "ROLL_FORWARD_DIFFERS", "roll-forward", D("7.00")),
        ("gb01", "PROOF_BROKEN", "proof:payouts", D("1.00")), ("none known", "PROOF_BROKEN", "proof:2010-11", D("1.00")),
        ("gb01", "PROOF_BROKEN", "contract:gb01", D("1.00"))}
    assert [(row[0], row[3], row[8]) for row in told["Ageing"] if row[1] == "PROOF_BROKEN"] == [
        ("gb01", 2, D("2.00")), ("none known", 1, D("1.00"))]
    assert is_worked_out_again(sheets, tmp_path / "pack.xlsx")


def test_what_was_done_before_the_month_was_over_or_came_up_after_it_was_not_open_then(eve: World) -> None:
    material(eve)
    with eve.house.store.begin() as tx:
        for line_id, opened in (("gb01 early", eve.at), ("gb01 kept", eve.at), ("gb01 late", eve.at + timedelta(days=2))):
            tx.open_exception(ExceptionCase.about(
                tenant=TENANT, return_ref="roll-forward", line_id=line_id, money=Money(amount=D("1.00"), currency="GBP"), teams={},
                now=opened, findings=(Finding(code="ROLL_FORWARD_DIFFERS", sentence="It differs."),)))
        for left, at in (({"gb01 kept", "gb01 late"}, timedelta(hours=1)), ({"gb01 late"}, timedelta(days=3))):
            tx.close_exceptions(TENANT, "roll-forward", apart_from=left, at=eve.at + at, resolution="the account agrees")

    told = plain(packs.pack(packs.gather(eve.house.store, eve.house.profiles[TENANT].rules, DECEMBER, lambda *_: None)))

    assert [row[4] for row in told["Open items"] if row[3] == "roll-forward"] == ["gb01 kept"]


# --- what was read


def test_a_pack_says_what_was_asked_of_whom_and_within_what_it_might_differ_for_both_months_it_is_made_of(eve: World) -> None:
    eve.change_rules(tolerances=Tolerances(rows=(
        ToleranceRow(measure=Measure.TAX, amount=D("0.05"), currency="GBP", owner="fiona", reason="the ERP rounds"),)))
    alone = material(eve)
    eve.at += timedelta(days=2)
    with prove_month(eve.house, TENANT, "2011-01", eve.at.date(), now=eve.at) as (_, _books, january):
        made = material(eve)
    read = eve.house.profiles[TENANT].rules.version
    eve.change_rules(version="2099-01")

    told = plain(packs.pack(made))
    before = plain(packs.pack(replace(made, after=None, end=MonthEnd(), proof=replace(made.proof, figures={}))))

    december = {(row[2], row[3]): tuple(row[4:]) for row in told["Extract parameters"] if row[1] == DECEMBER}
    assert december["", "proved as of the end of"] == (date(2011, 1, 2),)
    assert december["", "read by the rules of version"] == (read,)
    assert [december["gb01", what] for what in ("ERP", "company", "books read from", "books read until")] == [
        ("finance-scm",), ("gb01",), (date(2010, 10, 31),), (date(2011, 1, 2),)]
    assert "202900" in december["gb01", "accounts read"][0]
    assert december["", "tolerance, tax GBP"] == (D("0.05"), "fiona", "the ERP rounds")
    assert december["", "tolerance, net"] == (D(0), "finance", "what holds where no row does")
    assert {row[1] for row in told["Extract parameters"]} == {DECEMBER, "2011-01"}
    assert {(row[5], row[7]) for row in told["Extracts"] if row[8] == "2011-01"} >= {
        (each["side"], each["sha256"]) for each in january["extracts"]}
    assert {row[3] for row in told["Extracts"]} == {read}
    assert ({row[3] for row in before["Extracts"]}, {row[1] for row in before["Extract parameters"]}) == ({"not kept"}, {DECEMBER})
    assert {row[8] for row in plain(packs.pack(alone))["Extracts"]} == {DECEMBER}

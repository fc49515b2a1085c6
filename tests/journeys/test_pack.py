"""Does the pack of a month say what its proof says, and nothing beside it?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.application import pack as packs
from backhaul.application.material import Sides
from backhaul.domain.rules import Booking
from backhaul.entrypoints import journaling
from backhaul.entrypoints.months import prove_month
from backhaul.entrypoints.spreadsheet import workbook
from tests.journeys.stage import TENANT, World, life
from tests.journeys.test_close import recalculated
from tests.journeys.test_journals import CUPS, EVE, TIED
from tests.journeys.test_proof_of_a_period import LEDGER, change
from tests.journeys.test_roll_forward import TEAS, paid, shop

D = Decimal
DECEMBER = "2010-12"
CREDIT, UNITS, BOOKED = (6, 7, 8), (12, 13, 14), (16, 17, 18)
"""Of the tie-out the columns of each difference: as it comes to, as the proof kept it, and whether the two tie."""


@pytest.fixture
def eve(erp: str, tmp_path: Path) -> Iterator[World]:
    """Give New Year's Eve of a shop: one return is credited, one came too late for the ERP's jobs, and one is paid and on its way."""
    world = shop(erp, tmp_path, Booking.CLEARING, tied=TIED)
    world.house.settings = replace(world.house.settings, state_dir=tmp_path)
    world.tell(*life("R-1", [CUPS], at=world.at))
    world.pass_days(3)
    world.at = EVE
    world.tell(*life("R-2", [TEAS], at=EVE - timedelta(hours=8)))
    paid(world, "R-9", [TEAS], "10.20")
    world.turn()
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

"""The demo on Business Central, its first returns, in every deployment mode: the same identities to the cent, and few calls."""

import csv
import shutil
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from backhaul.entrypoints import worker
from backhaul.entrypoints.demo import run
from backhaul.entrypoints.demo.summary import summarise

RETURNS = 25
FILE = "online-retail-credit-lines.csv"


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the example's files with its first returns alone."""
    folder = tmp_path_factory.mktemp("few") / "online-retail"
    shutil.copytree(run.examples() / "online-retail", folder)
    first = list(dict.fromkeys(line["InvoiceNo"] for line in kept(folder / FILE, "", set())))[:RETURNS]
    lines = kept(folder / FILE, "InvoiceNo", set(first))
    kept(folder / "online-retail-products.csv", "StockCode", {line["StockCode"] for line in lines})
    for sales in ("online-retail-sales-lines.csv", "online-retail-nonstock-sales-lines.csv"):
        kept(folder / sales, "InvoiceNo", {line["OrigInvoiceNo"] for line in lines} - {""})
    return folder


def kept(path: Path, column: str, values: set[str]) -> list[dict[str, str]]:
    """Leave the rows of a file that hold one of these values, and give them; without a column, all of them."""
    with path.open(encoding="utf-8", newline="") as file:
        told = csv.DictReader(file)
        rows = [row for row in told if not column or row[column] in values]
        names = list(told.fieldnames or ())
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return rows


@pytest.mark.parametrize("mode", ["A", "B", "C"])
def test_every_line_ends_in_one_place_to_the_cent_in_every_mode(few: Path, tmp_path: Path, mode: str) -> None:
    last = run.FIRST + timedelta(days=33)
    with run.set_stage(tmp_path / "state", kind="business-central", mode=mode, data=few) as stage:
        run.play(stage, lambda tenant, now: worker.turn(stage.house, tenant, now), lambda *_: None, last=last)
        summary = summarise(stage, few, now=datetime.combine(last, run.EVENING, tzinfo=UTC))

    assert summary["returns"] == RETURNS
    assert (summary["lines_in"], summary["difference"]) == (summary["lines_placed"], "0.00")
    assert Decimal(summary["parts"]["credited_restocked"]) < 0
    assert (summary["duplicate_credits"], summary["credits_not_in_erp"], summary["ledgers_balanced"]) == (0, 0, True)
    assert summary["holds"]

"""The demo on Business Central, its first returns, in every deployment mode: the same identities to the cent, and few calls."""

import csv
import shutil
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from backhaul.entrypoints.demo import run

RETURNS = 25
FILE = "online-retail-credit-lines.csv"


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the example's files with its first returns alone."""
    folder = tmp_path_factory.mktemp("few") / "online-retail"
    shutil.copytree(run.examples() / "online-retail", folder)
    with (folder / FILE).open(encoding="utf-8", newline="") as file:
        told = csv.DictReader(file)
        lines, names = list(told), list(told.fieldnames or ())
    first = list(dict.fromkeys(line["InvoiceNo"] for line in lines))[:RETURNS]
    with (folder / FILE).open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, names)
        rows.writeheader()
        rows.writerows(line for line in lines if line["InvoiceNo"] in first)
    return folder


@pytest.mark.parametrize("mode", ["A", "B", "C"])
def test_every_line_ends_in_one_place_to_the_cent_in_every_mode(few: Path, tmp_path: Path, mode: str) -> None:
    summary = run.run(tmp_path / "state", lambda *_: None, compare=False, kind="business-central", mode=mode, data=few,
                      last=run.FIRST + timedelta(days=36))

    assert summary["returns"] == RETURNS
    assert (summary["lines_in"], summary["difference"]) == (summary["lines_placed"], "0.00")
    assert Decimal(summary["parts"]["credited_restocked"]) < 0
    assert (summary["duplicate_credits"], summary["credits_not_in_erp"], summary["ledgers_balanced"]) == (0, 0, True)
    assert summary["holds"]

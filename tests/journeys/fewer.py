"""The example's data, with its first returns alone: for a demo that need not be whole."""

import csv
import shutil
from pathlib import Path

from backhaul.entrypoints.demo import run

FILE = "online-retail-credit-lines.csv"


def first_returns(folder: Path, many: int) -> Path:
    """Copy the example's files into a folder, with so many of its returns."""
    shutil.copytree(run.examples() / "online-retail", folder)
    first = list(dict.fromkeys(line["InvoiceNo"] for line in kept(folder / FILE, "", set())))[:many]
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

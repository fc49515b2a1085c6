"""Write returns.csv as a workbook, numbers as numbers: python write_xlsx.py returns.csv returns.xlsx."""

import csv
import sys
from pathlib import Path

import openpyxl


def main(source: str, target: str) -> None:
    """Read the rows of one file and write them into the other."""
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Returns", 0)
    for number, row in enumerate(csv.reader(Path(source).read_text(encoding="utf-8").splitlines())):
        sheet.append([float(cell) if number and cell.replace(".", "", 1).isdigit() and len(cell) < 10 else cell or None for cell in row])  # noqa: PLR2004
    book.save(target)


if __name__ == "__main__":
    main(*sys.argv[1:])

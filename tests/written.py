"""How do the same returns look as a file of every form? Written with other means than they are read with, where there are any."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import openpyxl

from backhaul.adapters.zigzag.emulator.clock import body_bytes
from backhaul.adapters.zigzag.emulator.story import flat_rows

NUMBERS = frozenset({"quantity", "quantityReceived", "unitPrice", "sequence", "grade1Quantity", "grade2Quantity", "refundAmount"})
"""Columns a person would write as numbers into a spreadsheet."""


def as_file(bodies: Sequence[Mapping[str, Any]], kind: str) -> bytes:
    """Write events as a file: json, jsonl, csv, xlsx, xml (a row each line) or whole (an element each event)."""
    if kind in {"json", "jsonl"}:
        lines = [body_bytes(dict(body), "typed") for body in bodies]
        return b"\n".join(lines) if kind == "jsonl" else b"[" + b",\n".join(lines) + b"]"
    if kind == "whole":
        root = Element("Returns")
        for body in bodies:
            _grow(SubElement(root, "Event"), body)
        return tostring(root, encoding="utf-8", xml_declaration=True)
    rows = list(flat_rows([dict(body) for body in bodies]))
    return {"csv": as_csv, "xlsx": as_xlsx, "xml": as_xml}[kind](rows)


def as_csv(rows: Sequence[Mapping[str, str]]) -> bytes:
    text = io.StringIO()
    table = csv.DictWriter(text, fieldnames=list(rows[0]))
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().encode()


def as_xlsx(rows: Sequence[Mapping[str, Any]], *, title: str = "Returns", more: Iterable[Sequence[Any]] = ()) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    sheet.append(list(rows[0]))
    for number, row in enumerate(rows, start=2):
        for place, (name, value) in enumerate(row.items(), start=1):
            cell = sheet.cell(number, place, float(value) if name in NUMBERS and value else value or None)
            cell.data_type = "s" if isinstance(cell.value, str) else cell.data_type  # a text that begins like a formula stays a text
    for row in more:
        sheet.append(list(row))
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def as_xml(rows: Sequence[Mapping[str, str]], *, head: str = "") -> bytes:
    root = Element("Root")
    if head:
        SubElement(SubElement(root, "Header"), "Rows").text = head
    for row in rows:
        data = SubElement(root, "Data")
        for name, value in row.items():
            SubElement(data, name).text = value
    return tostring(root, encoding="utf-8", xml_declaration=True)


def _grow(element: Element, value: Any) -> None:
    """Write a JSON value below an element: a list as elements of one name, null as nothing."""
    for key, item in value.items():
        for each in item if isinstance(item, list) else [item]:
            if each is None:
                continue
            child = SubElement(element, key)
            if isinstance(each, Mapping):
                _grow(child, each)
            else:
                child.text = str(each).lower() if isinstance(each, bool) else str(each)

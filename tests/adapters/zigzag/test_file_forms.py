"""A file says the same in every form; what it does not say exactly is a row's flaw; what could harm us is refused whole."""

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pytest
from hypothesis import given, settings, strategies as st
from tests.journeys.stage import line, message
from tests.written import as_csv, as_file, as_xlsx, as_xml, saved

from backhaul.adapters.zigzag.emulator.story import flat_rows
from backhaul.adapters.zigzag.files.forms import FORMS, form_of, messages
from backhaul.adapters.zigzag.files.layout import TOTALS, Layout, Message, Refused, Trailer
from backhaul.adapters.zigzag.wire import ZigZagWire
from backhaul.application.ports import Unusable
from backhaul.domain.delivery import Delivery
from backhaul.profile import load_profile

EXAMPLES = Path(__file__).parents[3] / "examples"
PROFILE = load_profile(EXAMPLES / "profiles" / "online-retail.toml", {}, offline=True)
NOW = datetime(2011, 6, 1, tzinfo=UTC)
LAYOUT = msgspec.structs.replace(PROFILE.files, row="Root.Data")
WHOLE = msgspec.structs.replace(PROFILE.files, row="Returns.Event", whole=True)


def body(ref: str = "R-1", *lines: Mapping[str, Any]) -> dict[str, Any]:
    """Write an inspected return; the emulator's flat rows also want what it calls its own."""
    told = message(ref, "ReturnInspected", 3, lines or [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])], at=NOW)
    told["return"] |= {"returnOrderId": 7, "shipmentNumber": 9, "trackingNumber": "ZZ9"}
    return told


def read(content: bytes, name: str, layout: Layout = LAYOUT) -> Sequence[Message]:
    """Take a file apart."""
    return messages(name, content, form_of(name, content), PROFILE.wire, layout)


def said(found: Sequence[Message]) -> set[str]:
    """Give the facts of messages by their identity, and why the others give none."""
    wire = ZigZagWire(PROFILE.wire)
    told = set()
    for number, each in enumerate(found):
        try:
            told |= {fact.identity for fact in wire.facts(Delivery(
                tenant="t", source="s", identity=str(number), body=each.body, received_at=NOW))}
        except Unusable as reason:
            told.add(f"unusable: {reason}")
    return told


def sheet(change: Callable[[Any], None], *bodies: dict[str, Any]) -> bytes:
    """Write a workbook, then change it as a person would."""
    book = openpyxl.load_workbook(io.BytesIO(as_file(bodies or [body()], "xlsx")))
    change(book)
    return saved(book)


def repacked(content: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """Change one part inside a workbook."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            new.writestr(part, change(old.read(part)) if part == name else old.read(part))
    return out.getvalue()


# --- every form says the same

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="\"'"), min_size=1, max_size=12)
PRICES = st.decimals(min_value=0, max_value=9999, places=2).map(lambda price: format(price, "f"))
LINES = st.builds(
    lambda sku, units, price, order, graded: line(sku, units, price, order=order, received=units if graded else None,
                                                  grades=[("A", "RESELL", units, True)] if graded else None),
    WORDS, st.integers(1, 50), PRICES, WORDS, st.booleans())
RETURNS = st.lists(st.lists(LINES, min_size=1, max_size=4), min_size=1, max_size=5)


@settings(max_examples=12, deadline=None)
@given(RETURNS)
def test_the_same_rows_give_the_same_facts_from_csv_json_xlsx_and_xml(returns: list[list[dict[str, Any]]]) -> None:
    bodies = [body(f"R-{number}", *lines) for number, lines in enumerate(returns)]

    told = {kind: said(read(as_file(bodies, kind), f"a.{kind.replace('whole', 'xml')}", WHOLE if kind == "whole" else LAYOUT))
            for kind in ("json", "jsonl", "csv", "xlsx", "xml", "whole")}

    assert not [each for each in told["json"] if each.startswith("unusable")]
    assert all(facts == told["json"] for facts in told.values())


def test_the_content_tells_the_form_where_the_ending_does_not() -> None:
    for kind in FORMS:
        assert form_of("returns.dat", as_file([body(), body("R-2")], kind)) == kind
    assert form_of("returns.txt", as_file([body()], "csv"), "csv") == "csv"


# --- what a spreadsheet says


def test_numbers_come_without_the_noise_of_floats() -> None:
    def noisy(book: Any) -> None:
        rows = [cell.value for cell in book.active[1]]
        book.active.cell(2, rows.index("unitPrice") + 1, 0.1 + 0.2)
        book.active.cell(2, rows.index("sku") + 1, 22501)

    told = json.loads(read(sheet(noisy), "a.xlsx")[0].body)["return"]["lines"][0]

    assert (told["unitPrice"], told["sku"], told["quantity"]) == ("0.3", "22501", "2")


def test_a_date_is_a_moment_in_the_zone_of_the_profile_and_a_code_keeps_its_zeros() -> None:
    def dated(book: Any) -> None:
        head = [cell.value for cell in book.active[1]]
        book.active.cell(2, head.index("occurredAt") + 1, datetime(2011, 7, 1, 11, 0, 1))  # noqa: DTZ001  a spreadsheet has no zones
        book.active.cell(2, head.index("sku") + 1, 42).number_format = "00000"

    found = read(sheet(dated), "a.xlsx")
    facts = ZigZagWire(PROFILE.wire).facts(Delivery(
        tenant="t", source="s", identity="1", body=found[0].body, received_at=datetime(2011, 7, 2, tzinfo=UTC)))

    assert facts[0].at == datetime(2011, 7, 1, 10, 0, 1, tzinfo=UTC)
    assert json.loads(found[0].body)["return"]["lines"][0]["sku"] == "00042"


@pytest.mark.parametrize(("value", "reason"), [
    ("=A2*2", "holds a formula whose value was not saved"), ("#N/A", "holds the error #N/A"), (1234567890123456, "more than 15 digits"),
    (datetime(2011, 7, 1, 11, 0).time(), "time of day"),  # noqa: DTZ001  a spreadsheet has no zones
])
def test_a_cell_that_says_nothing_exact_spoils_its_message_and_no_other(value: Any, reason: str) -> None:
    def spoiled(book: Any) -> None:
        head = [cell.value for cell in book.active[1]]
        book.active.cell(3, head.index("description") + 1, value)

    two = body("R-1", line("TEA", 2, "4.25"), line("CUP", 1, "2.95"))
    found = read(sheet(spoiled, two, body("R-2")), "a.xlsx")

    assert [(list(each.rows), bool(each.flaw)) for each in found] == [([2, 3], True), ([4], False)]
    assert reason in found[0].flaw
    assert "R-1" in (found[0].ref, *found[0].flaw.split())
    assert f"unusable: {found[0].flaw}" in said(found)


def test_a_formula_with_its_value_is_that_value() -> None:
    content = sheet(lambda book: book.active.cell(2, [cell.value for cell in book.active[1]].index("unitPrice") + 1, "=4+0.25"))

    computed = repacked(content, "xl/worksheets/sheet1.xml", lambda text: re.sub(rb"(<f>4\+0.25</f>)<v ?/>|(<f>4\+0.25</f>)<v></v>",
                                                                                rb"\1\2<v>4.25</v>", text))

    assert json.loads(read(computed, "a.xlsx")[0].body)["return"]["lines"][0]["unitPrice"] == "4.25"


def test_the_sheet_is_the_one_the_profile_names_else_the_first_that_is_shown() -> None:
    def more(book: Any) -> None:
        book.create_sheet("Notes", 0).append(["nothing to see"])
        book["Notes"].sheet_state = "hidden"

    content = sheet(more)

    assert len(read(content, "a.xlsx")) == 1
    with pytest.raises(Refused, match=r"a\.xlsx: it has no sheet 'Other', only Notes, Returns"):
        read(content, "a.xlsx", msgspec.structs.replace(LAYOUT, sheet="Other"))
    with pytest.raises(Refused, match="no column holds the event id"):
        read(content, "a.xlsx", msgspec.structs.replace(LAYOUT, sheet="Notes"))


def test_a_workbook_that_lies_about_its_size_is_read_to_its_end() -> None:
    content = as_file([body(f"R-{number}") for number in range(5)], "xlsx")

    lying = repacked(content, "xl/worksheets/sheet1.xml", lambda text: re.sub(rb'<dimension ref="[^"]+"', b'<dimension ref="A1:B2"', text))

    assert len(read(lying, "a.xlsx")) == 5


# --- rows that make no message


def test_a_row_without_its_event_stands_alone_and_joins_no_other_return() -> None:
    rows = [dict(row) for row in flat_rows([body("R-1"), body("R-2"), body("R-3")])]
    rows[1]["eventId"] = rows[2]["eventId"] = ""

    found = read(as_csv(rows), "a.csv")

    assert [(list(each.rows), each.ref, bool(each.flaw)) for each in found] == [([2], "R-1", False), ([3], "R-2", True), ([4], "R-3", True)]


def test_rows_of_one_event_that_disagree_about_its_return_are_not_decided_by_luck() -> None:
    rows = [dict(row) for row in flat_rows([body("R-1", line("TEA", 2, "4.25"), line("CUP", 1, "2.95"))])]
    rows[1]["returnId"] = "R-2"

    found = read(as_csv(rows), "a.csv")

    assert "row 3 says 'R-2' in 'returnId' and another row of the same event says 'R-1'" in found[0].flaw


def test_a_row_that_is_cut_off_or_shifted_is_a_flaw() -> None:
    lines = as_csv([dict(row) for row in flat_rows([body("R-1"), body("R-2"), body("R-3")])]).splitlines(keepends=True)

    found = read(lines[0] + b"," .join([lines[1].strip(), b"more\r\n"]) + lines[2] + lines[3][:40], "a.csv")

    assert [bool(each.flaw) for each in found] == [True, False, True]


def test_an_element_inside_a_cell_or_text_beside_elements_is_a_flaw() -> None:
    deep = as_xml([dict(row) for row in flat_rows([body()])]).replace(b"<sku>TEA</sku>", b"<sku><a>TEA</a></sku>")
    mixed = as_file([body()], "whole").replace(b"<lines>", b"and<lines>", 1)

    assert "<sku> holds elements of its own" in read(deep, "a.xml")[0].flaw
    assert "holds text beside elements" in read(mixed, "a.xml", WHOLE)[0].flaw


def test_attributes_are_columns_and_namespaces_count_for_nothing() -> None:
    rows = [dict(row) for row in flat_rows([body()])]
    text = as_xml(rows).replace(b"<Root>", b'<x:Root xmlns:x="urn:x">').replace(b"</Root>", b"</x:Root>")
    text = text.replace(b"<Data>", b'<Data sku="TEA">').replace(b"<sku>TEA</sku>", b"")

    assert said(read(text, "a.xml")) == said(read(as_csv(rows), "a.csv"))


# --- totals


COUNTED = msgspec.structs.replace(LAYOUT, trailer=Trailer(mark="END", rows=2, total=3, of="quantity", rows_at="Root.Header.Rows"))


def test_a_file_that_keeps_its_word_comes_in() -> None:
    rows = [dict(row) for row in flat_rows([body("R-1"), body("R-2")])]

    assert len(read(as_csv(rows) + b"END,2,4\r\n", "a.csv", COUNTED)) == 2
    assert len(read(as_xlsx(rows, more=[("END", 2, 4)]), "a.xlsx", COUNTED)) == 2
    assert len(read(as_xml(rows, head="2"), "a.xml", COUNTED)) == 2


@pytest.mark.parametrize(("tail", "reason"), [
    (b"END,3,4\r\n", "its trailer in row 4 says 3 rows and it holds 2"), (b"END,2,5\r\n", "says 5 and its column 'quantity' adds up to 4"),
    (b"", "no rows that begin with 'END'"), (b"END\r\n", "says None rows"), (b"END,2,4\r\nEND,2,4\r\n", "2 rows that begin with"),
])
def test_a_file_that_breaks_its_word_is_not_taken_in_at_all(tail: bytes, reason: str) -> None:
    rows = [dict(row) for row in flat_rows([body("R-1"), body("R-2")])]

    with pytest.raises(Refused, match=re.escape(reason)) as refused:
        read(as_csv(rows) + tail, "a.csv", COUNTED)

    assert refused.value.code == TOTALS


def test_xml_and_json_are_counted_as_well() -> None:
    rows = [dict(row) for row in flat_rows([body("R-1"), body("R-2")])]
    listed = msgspec.structs.replace(LAYOUT, trailer=Trailer(rows_at="count"))
    wire = msgspec.structs.replace(PROFILE.wire, messages="returns")

    with pytest.raises(Refused, match="says 3 rows and holds 2"):
        read(as_xml(rows, head="3"), "a.xml", COUNTED)
    with pytest.raises(Refused, match="names no number of rows"):
        read(as_xml(rows), "a.xml", COUNTED)
    with pytest.raises(Refused, match="says 2 rows and holds 1"):
        messages("a.json", json.dumps({"count": 2, "returns": [body()]}).encode(), "json", wire, listed)
    assert messages("a.json", json.dumps({"count": 1, "returns": [body()]}).encode(), "json", wire, listed)


# --- what could harm us


LAUGHS = b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><Root><Data><sku>&b;</sku></Data></Root>'
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><Root><Data><sku>&x;</sku></Data></Root>'


def bomb() -> bytes:
    """Write a small workbook that unpacks to much."""
    return repacked(as_file([body()], "xlsx"), "xl/worksheets/sheet1.xml", lambda text: text + b" " * 3_000_000)


def locked() -> bytes:
    """Write an archive whose parts say that they are encrypted."""
    content = bytearray(as_file([body()], "xlsx"))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        for found in list(re.finditer(re.escape(mark), content)):
            content[found.start() + place] |= 1
    return bytes(content)


HOSTILE: list[tuple[str, Callable[[], bytes], str]] = [
    ("empty.csv", lambda: b" \r\n", "it is empty"),
    ("head.csv", lambda: b"eventId,sku\r\n", "it holds no row"),
    ("a.csv", lambda: as_file([body()], "xlsx"), "it should be csv and its content is xlsx"),
    ("a.xlsx", lambda: as_file([body()], "csv"), "its content is no workbook"),
    ("a.xml", lambda: as_file([body()], "json"), "it should be xml and its content is json"),
    ("a.json", lambda: as_file([body()], "whole"), "it should be json and its content is xml"),
    ("a.pdf", lambda: b"%PDF-1.7 ...", "it is a PDF"),
    ("a.csv", lambda: b"\x1f\x8b\x08\x00...", "packed with gzip"),
    ("a.xlsx", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "protected by a password"),
    ("a.xls", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 Workbook", "a workbook of the old kind"),
    ("a.xlsx", locked, "protected by a password"),
    ("a.xlsx", lambda: as_file([body()], "xlsx")[:-40], "damaged or cut off"),
    ("a.xlsx", lambda: repacked(as_file([body()], "xlsx"), "xl/worksheets/sheet1.xml", lambda text: text[:-30]), "the workbook is damaged"),
    ("a.xlsx", lambda: repacked(as_file([body()], "xlsx"), "xl/worksheets/sheet1.xml", lambda _: LAUGHS), "the workbook is damaged"),
    ("a.xlsx", lambda: repacked(as_file([body()], "xlsx"), "xl/worksheets/sheet1.xml",
                                lambda text: text.replace(b'<row r="2"', b'<row r="99999999"')), "more than 200 rows"),
    ("a.xlsx", lambda: repacked(as_file([body(), body("R-2")], "xlsx"), "xl/worksheets/sheet1.xml",
                                lambda text: text.replace(b'<row r="3"', b'<row r="2"')), "do not stand in order"),
    ("a.xlsx", lambda: sheet(lambda book: book.active.cell(2, 2000, "far")), "more than 1000 columns"),
    ("a.xlsx", bomb, "more than may be unpacked"),
    ("a.zip", lambda: repacked(as_file([body()], "xlsx"), "[Content_Types].xml", lambda _: b""), "damaged"),
    ("a.xml", lambda: LAUGHS, "document type or entities"),
    ("a.xml", lambda: OUTSIDE, "document type or entities"),
    ("a.xml", lambda: b"<Root><Data><sku>TEA</sku>", "no valid XML"),
    ("a.xml", lambda: b"<Root>" + b"<a>" * 5000 + b"</a>" * 5000 + b"</Root>", "nested deeper than 32"),
    ("a.xml", lambda: b"<Other><Row/></Other>", "no element at Root.Data"),
    ("a.csv", lambda: b"sku,SKU\r\n1,2\r\n", "two columns are called SKU"),
    ("a.csv", lambda: b'eventId,sku\r\n"1,2\r\n', "no valid CSV"),
    ("a.csv", lambda: as_csv([dict(row) for row in flat_rows([body()])] * 300), "more than 200 rows"),
    ("a.jsonl", lambda: b"{}\n" * 300, "more than 200 messages"),
    ("a.xml", lambda: b"<Root>" + b"<Data><sku>1</sku></Data>" * 300 + b"</Root>", "more than 200 rows"),
]


@pytest.mark.parametrize(("name", "content", "reason"), HOSTILE, ids=[f"{number}: {told[2]}" for number, told in enumerate(HOSTILE)])
def test_a_file_that_is_none_of_ours_is_refused_with_its_name_and_what_to_do(name: str, content: Callable[[], bytes], reason: str) -> None:
    small = msgspec.structs.replace(LAYOUT, max_rows=200, max_unpacked=1_000_000)

    with pytest.raises(Refused, match=re.escape(reason)) as refused:
        read(content(), name, small)

    assert str(refused.value).startswith(f"{name}: ")
    assert ";" in str(refused.value)

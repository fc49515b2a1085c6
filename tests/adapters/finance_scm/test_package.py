"""Is an arrival journal packed as data management wants it?"""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from defusedxml.ElementTree import fromstring

from backhaul.adapters.finance_scm.package import ENTITY, FILE, inner, pack, row_errors, unpack, write_address

HEADER = {"JournalNameId": "ZZ-ARR", "JournalDescription": "ZZ & co <1>"}
LINES = [{"LineNumber": "100000001", "ItemNumber": "M\u00fcsli", "ItemQuantity": "3", "ReceivingInventoryStatusId": ""},
         {"LineNumber": "100000002", "ItemNumber": "m", "ItemQuantity": "2"}]


def test_what_was_packed_comes_out_in_upper_case() -> None:
    header, lines = unpack(pack("ZZ-RETURNS", HEADER, LINES))

    assert header == {"JOURNALNAMEID": "ZZ-ARR", "JOURNALDESCRIPTION": "ZZ & co <1>"}
    assert lines[0] == {"LINENUMBER": "100000001", "ITEMNUMBER": "M\u00fcsli", "ITEMQUANTITY": "3"}
    assert len(lines) == 2


def test_the_manifest_names_the_composite_entity_and_its_file() -> None:
    with zipfile.ZipFile(io.BytesIO(pack("ZZ-RETURNS", HEADER, LINES))) as archive:
        told = {element.tag.rpartition("}")[2]: element.text for element in fromstring(archive.read("Manifest.xml")).iter()}
        names = archive.namelist()

    assert names == ["Manifest.xml", "PackageHeader.xml", FILE]
    assert (told["EntityName"], told["InputFilePath"], told["SourceFormat"]) == (ENTITY, FILE, "XML-Element")
    assert told["DefinitionGroupName"] == "ZZ-RETURNS"


def test_the_journal_number_is_left_to_the_erp() -> None:
    assert b"JOURNALNUMBER" not in zipfile.ZipFile(io.BytesIO(pack("P", HEADER, LINES))).read(FILE)


def test_the_same_journal_is_the_same_bytes() -> None:
    assert pack("P", HEADER, LINES) == pack("P", HEADER, LINES)


@pytest.mark.parametrize("content", [b"", b"PK", pack("P", {}, [])[:50]])
def test_what_is_no_package_is_said_so(content: bytes) -> None:
    with pytest.raises(ValueError, match="no package"):
        unpack(content)


def test_values_that_are_json_inside_a_string() -> None:
    assert write_address(json.dumps({"BlobId": "1", "BlobUrl": "https://x/y?sig=1"})) == "https://x/y?sig=1"
    assert [write_address(junk) for junk in (None, "", "no json", "[]", 7)] == [""] * 5
    assert row_errors(json.dumps([{"RecordId": "2", "Field": "ITEMNUMBER", "ErrorMessage": "no."}, "x"])) == [("2", "ITEMNUMBER no.")]
    assert row_errors("") == []
    assert inner("{") is None

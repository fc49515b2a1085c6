"""A profile is written in one place, and every other word of it stays as somebody wrote it."""


import pytest

from backhaul.domain.errors import Misconfigured
from backhaul.domain.exception_case import Finding
from backhaul.domain.resolution import UNMAPPED
from backhaul.entrypoints.web.pages.drafts import PLACES, Way, filled, ways
from backhaul.toml_rows import passages, rewritten, with_entry, with_key

TEXT = """version = "1"
tenant = "shop"

# who
[[legal_entities]]
id = "gb01"
retailers = ["QX501"]   # one brand

[legal_entities.warehouses]
A = "B"

[[legal_entities]]
id = "de01"
retailers = []

# no products
[fees]
D = "SVC-D"   # discount
"""


def test_a_place_is_a_table_without_those_in_it_and_without_what_is_said_of_the_next() -> None:
    assert [(each.first, each.end) for each in passages(TEXT, "legal_entities")] == [(4, 7), (11, 14)]
    assert [each.text for each in passages(TEXT, "fees")] == ['[fees]\nD = "SVC-D"   # discount']
    assert passages(TEXT, "")[0].text == 'version = "1"\ntenant = "shop"'
    assert passages(TEXT, "surplus") == []


def test_other_words_stand_in_one_place_and_nothing_else_moves() -> None:
    [place] = passages(TEXT, "fees")

    written = rewritten(TEXT, place, with_key(place.text, "GIFT WRAP").replace('""', '"SVC-G"'), version="2")

    assert written == TEXT.replace('"1"', '"2"') + '"GIFT WRAP" = "SVC-G"\n'
    with pytest.raises(Misconfigured, match="is no TOML"):
        rewritten(TEXT, place, "[fees]\nD =", version="2")


def test_what_was_found_is_filled_in_once_and_its_meaning_is_left_to_say() -> None:
    gb, de = passages(TEXT, "legal_entities")

    assert with_entry(gb.text, "retailers", "B2") == '[[legal_entities]]\nid = "gb01"\nretailers = ["QX501", "B2"]   # one brand'
    assert with_entry(de.text, "retailers", "B2").endswith('retailers = ["B2"]')
    assert [with_entry(gb.text, *told) for told in (("retailers", "QX501"), ("id", "x"), ("nothing", "x"))] == [gb.text] * 3
    assert with_key("[fees]\nD = 1", "D") == "[fees]\nD = 1"
    assert filled("mapping", "[[mapping]]", "ZZ") == "[[mapping]]"
    assert filled("", 'version = "1"', "") == 'version = "1"\ndebit_item = ""'


def test_every_kind_that_a_mapping_ends_leads_to_a_place_of_the_profile() -> None:
    assert set(PLACES) == UNMAPPED - {"UNMAPPED_DISPOSITION"}


@pytest.mark.parametrize(("code", "sentence", "table", "found"), [
    ("UNMAPPED_FEE", "The return comes with 3.00 GBP of 'GIFT', which nobody mapped.", "fees", "GIFT"),
    ("UNKNOWN_LEGAL_ENTITY", "Retailer code 'B2' belongs to no legal entity.", "legal_entities", "B2"),
    ("SERVICE_ITEM_UNKNOWN", "'GIFT' is mapped to 'SVC-G', which is no active service item.", "fees", "GIFT"),
    ("SERVICE_ITEM_UNKNOWN", "A debit was approved, and the profile names no service item for debits.", "", ""),
    ("DISPOSITION_CODE_UNKNOWN", "The ERP has no return reason 'ZZ'.", "legal_entities", "ZZ"),
    ("DAMAGED_TO_SELLABLE", "CUP: units without a return would go on sale at A/SALE.", "surplus", ""),
])
def test_a_finding_says_where_it_leads(code: str, sentence: str, table: str, found: str) -> None:
    assert ways((Finding(code=code, sentence=sentence), Finding(code="NO_CUSTOMER", sentence="?"))) == [Way(table=table, found=found)]

"""Where goods go: by an exact row or nowhere, and damaged goods never on sale."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from backhaul.domain.disposition import (
    Circumstance,
    JournalType,
    MappingRow,
    Outcome,
    Place,
    Sellability,
    choose,
    fit,
    flaws,
    near_misses,
)
from backhaul.testing.builders import MAPPING, SELLABILITY, WAREHOUSE, row, when

WORDS = st.sampled_from(["RESELL", "resell", "RESELL ", "SCRAP", "A", "a", "*", ""])
CIRCUMSTANCES = st.builds(Circumstance, legal_entity=st.just("gb01"), warehouse=st.sampled_from([WAREHOUSE, WAREHOUSE.lower()]),
                          disposition=WORDS, condition=WORDS, reason=WORDS)
PLACES = st.builds(Place, warehouse=st.sampled_from([WAREHOUSE, WAREHOUSE.lower()]), location=st.sampled_from(["SALE", "sale ", "QUAR"]),
                   status=st.sampled_from(["", "AVAILABLE", "Available", "BLOCKED"]))
ROWS = st.builds(MappingRow, when=CIRCUMSTANCES, outcome=st.sampled_from(Outcome), erp_disposition=st.just("Z"), place=PLACES)


def complaints(*rows: MappingRow, sellability: Sellability = SELLABILITY) -> Sequence[str]:
    return list(flaws(rows, sellability))


@given(st.lists(ROWS, max_size=5), CIRCUMSTANCES)
@settings(derandomize=True, deadline=None)
def test_a_row_is_found_only_by_its_exact_circumstance(rows: list[MappingRow], circumstance: Circumstance) -> None:
    found = choose(rows, circumstance)

    assert (found is None) == all(each.when != circumstance for each in rows)
    assert found is None or found.when == circumstance


@given(ROWS, st.sets(PLACES, max_size=2))
@settings(derandomize=True, deadline=None)
def test_no_fit_row_lets_goods_that_are_not_sellable_near_a_place_on_sale(each: MappingRow, places: set[Place]) -> None:
    sellability = Sellability(places=frozenset(places), dispositions=frozenset({"RESELL"}), conditions=frozenset({"A"}))
    codes = {(place.warehouse.casefold(), place.location.strip().casefold()) for place in places
             if "" in (place.status, each.place.status) or place.status.casefold() == each.place.status.casefold()}
    target = (each.place.warehouse.casefold(), each.place.location.strip().casefold())

    damaged_to_sale = target in codes and not (each.when.disposition == "RESELL" and each.when.condition == "A")

    assert fit(each, sellability) is not damaged_to_sale


def test_the_example_mapping_has_no_flaw() -> None:
    assert complaints(*MAPPING) == []


@pytest.mark.parametrize("field", ["legal_entity", "warehouse", "disposition", "condition", "reason"])
@pytest.mark.parametrize("wildcard", ["*", "?", "DAMAGED*"])
def test_no_wildcard_can_stand_in_a_mapping(field: str, wildcard: str) -> None:
    flawed = row(replace(when("OUTLET", "B"), **{field: wildcard}), "OUTLET", Outcome.NON_SELLABLE)

    assert [f"{field} holds a wildcard" in sentence for sentence in complaints(flawed)] == [True]


@pytest.mark.parametrize("empty", [{"legal_entity": ""}, {"warehouse": ""}, {"disposition": "", "condition": ""}])
def test_a_row_for_goods_of_which_nothing_is_said_is_a_default_route(empty: dict[str, str]) -> None:
    flawed = replace(row(replace(when("OUTLET", "B"), **empty), "OUTLET", Outcome.NON_SELLABLE),
                     place=Place(warehouse=WAREHOUSE, location="OUTLET"))

    assert [sentence.endswith("that would be a default route") for sentence in complaints(flawed)] == [True]


def test_a_reason_may_be_left_out_and_a_platform_without_grades_is_no_flaw() -> None:
    assert complaints(row(when("OUTLET", "", ""), "OUTLET", Outcome.NON_SELLABLE)) == []


@pytest.mark.parametrize("place", [
    Place(warehouse=WAREHOUSE, location="SALE"), Place(warehouse=WAREHOUSE, location="sale"),
    Place(warehouse=WAREHOUSE.lower(), location=" SALE"), Place(warehouse=WAREHOUSE, location="SALE", status="AVAILABLE"),
])
def test_damaged_goods_are_kept_from_sale_however_the_place_is_spelt(place: Place) -> None:
    damaged = replace(row(when("SCRAP", "D"), outcome=Outcome.SCRAPPED), place=place)

    sentences = complaints(damaged)

    assert not fit(damaged, SELLABILITY)
    assert any("not sellable, yet its target" in sentence for sentence in sentences)
    assert any("says scrapped, yet" in sentence for sentence in sentences)


def test_another_inventory_status_of_the_same_location_is_another_place() -> None:
    sellability = replace(SELLABILITY, places=frozenset({Place(warehouse=WAREHOUSE, location="SALE", status="AVAILABLE")}))
    blocked = replace(row(when("QUARANTINE", "C"), outcome=Outcome.NON_SELLABLE),
                      place=Place(warehouse=WAREHOUSE, location="SALE", status="BLOCKED"))

    assert fit(blocked, sellability)
    assert not fit(replace(blocked, place=replace(blocked.place, status="available")), sellability)


def test_good_disposition_with_a_bad_grade_is_not_sellable() -> None:
    assert any("not sellable" in sentence for sentence in complaints(row(when("RESELL", "D"))))


def test_what_is_restocked_goes_exactly_where_the_list_says() -> None:
    for location in ("QUAR", "sale"):
        assert any("says restocked, yet" in sentence for sentence in complaints(row(location=location)))


def test_two_rows_for_one_circumstance_are_a_flaw() -> None:
    assert any("two rows" in sentence for sentence in complaints(row(), row(location="SALE")))


def test_goods_need_a_place_and_what_the_customer_keeps_needs_none() -> None:
    assert any("need a warehouse and a location" in sentence for sentence in complaints(row(when("OUTLET", "B"), "", Outcome.NON_SELLABLE)))
    assert complaints(row(when("KEEP", "NONE"), "", Outcome.WITHOUT_GOODS)) == []


@pytest.mark.parametrize("told", ["resell", " RESELL", "Re-Sell", "RESELL\u200b", "\uff32ESELL", "R\u0435SELL"])
def test_a_near_miss_is_shown_and_never_used(told: str) -> None:
    assert choose(MAPPING, when(told)) is None
    assert near_misses(MAPPING, when(told)) == ("RESELL",)


def test_another_word_is_no_near_miss() -> None:
    assert near_misses(MAPPING, when("DONATE")) == ()


@pytest.mark.parametrize(("changes", "says"), [
    ({"outcome": Outcome.SENT_BACK}, "says sent_back, yet credits"), ({"journal_type": JournalType.MOVEMENT}, "say expected_account"),
    ({"journal": "ZZ-*"}, "holds a wildcard"), ({"expected_account": "51*"}, "holds a wildcard")])
def test_a_row_that_contradicts_itself_is_a_flaw(changes: dict[str, Any], says: str) -> None:
    outlet = row(when("OUTLET", "B"), "OUTLET", **{"outcome": Outcome.NON_SELLABLE} | changes)

    assert any(says in sentence for sentence in complaints(outlet))

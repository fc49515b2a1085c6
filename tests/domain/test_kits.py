"""A kit comes back whole or in parts, and the parts are worth the whole to the cent."""

from decimal import Decimal
from typing import Any

import pytest

from backhaul.domain.facts import Charge, Charged
from backhaul.domain.kits import Component, Kit, KitMode, explode, flaws, prices, whole_only
from backhaul.domain.validation import validate, with_components
from backhaul.testing.builders import NOON, REF, accepted, announced, arrived, case_of, line, master, matter, rules, sale, sold


def part(sku: str, quantity: str, share: str) -> Component:
    return Component(sku=sku, quantity=Decimal(quantity), share=Decimal(share))


SET = Kit(sku="SET", mode=KitMode.EXPLODED, components=(part("CUP", "6", "0.5"), part("POT", "1", "0.5")), remainder="POT")
BOX = Kit(sku="BOX", mode=KitMode.WHOLE, components=(part("CUP", "6", "0.5"), part("POT", "1", "0.5")))
KITS = {"SET": SET, "BOX": BOX}


def test_the_parts_of_a_kit_add_up_to_its_price_and_the_named_one_takes_what_rounding_leaves() -> None:
    assert prices(SET, Decimal("10.01"), "GBP") == {"CUP": Decimal("0.83"), "POT": Decimal("5.03")}


@pytest.mark.parametrize(("changes", "says"), [
    ({}, []), ({"mode": KitMode.WHOLE, "remainder": ""}, []),
    ({"components": (part("CUP", "6", "0.5"), part("CUP", "6", "0.5"))}, ["components are", "remainder names"]),
    ({"components": (part("CUP", "1.5", "0.5"), part("POT", "1", "0.5"))}, ["a component has"]),
    ({"components": (part("CUP", "6", "0.4"), part("POT", "1", "0.5"))}, ["the shares of"]),
    ({"remainder": "CUP"}, ["remainder names"]),
])
def test_a_kit_that_cannot_be_divided_to_the_cent_is_refused(changes: dict[str, Any], says: list[str]) -> None:
    kit = Kit(**{"sku": "SET", "mode": SET.mode, "components": SET.components, "remainder": "POT"} | changes)

    assert [" ".join(each.split()[:len(start.split())]) for each, start in zip(flaws(kit), says, strict=True)] == says


def test_an_exploded_kit_is_its_components_counted_graded_and_charged_as_it_was() -> None:
    kit = line("SET", 2, "10.01", order=None)
    case = case_of(*arrived(kit, line("JUG"), grades=[accepted("SET", 2), accepted("JUG", 1)]),
                   Charged(return_ref=REF, at=NOON, charges=(Charge(code="POST", amount=Decimal(4), line=kit.ref),
                                                             Charge(code="D", amount=Decimal(1)))))

    parts = explode(case, KITS)

    assert {each.line_id: (each.announced, each.received, each.accepted) for each in parts.lines} == {
        "SET#1/CUP": (12, 12, 12), "SET#1/POT": (2, 2, 2), "JUG#1": (1, 1, 1)}
    assert sum(each.net for each in parts.lines) == sum(each.net for each in case.lines)
    assert [charge.line_id for charge in parts.charges] == ["", "SET#1/CUP"]


def test_what_is_found_about_a_kit_holds_for_each_of_its_parts() -> None:
    case = case_of(announced(line("SET", -1, None), line("JUG", -1)))

    parts = explode(case, KITS)

    assert {finding.line_id for finding in case.findings} == {"SET#1", "JUG#1"}
    assert {finding.line_id for finding in parts.findings} == {"SET#1/CUP", "SET#1/POT", "JUG#1"}
    assert [each.unit_price for each in parts.lines if each.sku in {"CUP", "POT"}] == [None, None]


def test_a_return_without_kits_stays_as_it_is() -> None:
    case = case_of(*arrived(line("BOX"), grades=[accepted("BOX", 1)]))

    assert explode(case, KITS) is case
    assert whole_only("CUP", KITS) == ("BOX",)


def test_a_part_of_a_kit_that_comes_back_whole_only_is_held_and_that_of_an_exploded_one_is_not() -> None:
    case = case_of(*arrived(line("CUP", 6, "0.83"), grades=[accepted("CUP", 6)]))
    by = rules(kits=KITS)
    whole, exploded = (sale("SO-1", sold(sku, 1, "10.01")) for sku in ("BOX", "SET"))

    assert [each.code for each in validate(matter(case, decided=by, erp=master(sales=[whole])))] == ["SKU_UNKNOWN", "KIT_NOT_WHOLE"]
    assert [each.code for each in validate(matter(case, decided=by, erp=master(sales=[with_components(exploded, by)])))] == ["SKU_UNKNOWN"]
    assert with_components(whole, by) is whole

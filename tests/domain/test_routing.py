"""Whose work is an exception?"""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.money import Money
from backhaul.domain.routing import RoutingRule, Whereabouts, owner_of

CASE = ExceptionCase.about(
    tenant="acme", return_ref="R1", line_id="1", findings=[Finding(code="SKU_UNKNOWN", sentence="?")], teams={},
    money=Money(amount=Decimal("12.50"), currency="GBP"), now=datetime(2026, 3, 2, tzinfo=UTC))
AT = Whereabouts(retailer="QX501", legal_entity="gb01", warehouse="GB-DC-01")


@pytest.mark.parametrize(("rule", "fits"), [
    (RoutingRule(team="special"), True),
    (RoutingRule(team="special", kinds=frozenset({"SKU_UNKNOWN"}), retailers=frozenset({"QX501"}), legal_entities=frozenset({"gb01"}),
                 warehouses=frozenset({"GB-DC-01"}), above=Decimal(12)), True),
    (RoutingRule(team="special", kinds=frozenset({"BLIND"})), False),
    (RoutingRule(team="special", retailers=frozenset({"QX502"})), False),
    (RoutingRule(team="special", legal_entities=frozenset({"de01"})), False),
    (RoutingRule(team="special", warehouses=frozenset({"gb-dc-01"})), False),
    (RoutingRule(team="special", above=Decimal("12.50")), False),
])
def test_a_rule_fits_when_everything_it_names_does(rule: RoutingRule, fits: object) -> None:
    assert owner_of(CASE, AT, [rule], {}) == ("special" if fits else "integration")


def test_the_first_rule_that_fits_decides_then_the_team_of_the_kind() -> None:
    rules = [RoutingRule(team="dear", above=Decimal(100)), RoutingRule(team="first"), RoutingRule(team="second")]

    assert owner_of(CASE, AT, rules, {}) == "first"
    assert owner_of(CASE, AT, (), {"SKU_UNKNOWN": "masters"}) == "masters"
    assert owner_of(replace(CASE, money=Money(amount=Decimal(-101), currency="GBP")), AT, rules, {}) == "dear"

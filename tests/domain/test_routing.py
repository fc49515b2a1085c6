"""Whose work is an exception?"""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.money import Money
from backhaul.domain.routing import RoutingRule, Whereabouts, owner_of, routed

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


def test_what_is_about_no_return_is_routed_by_its_kind_and_money_alone_and_a_fallen_signature_is_its_signers() -> None:
    fell = ExceptionCase.about(
        tenant="acme", return_ref="close:2026-03", line_id="gb01 warehouse", teams={}, findings=[
            Finding(code="SIGNATURE_FELL", sentence="?")], money=CASE.money, now=CASE.opened_at)
    of_gb = RoutingRule(team="gb", legal_entities=frozenset({"gb01"}))
    of_kind = RoutingRule(team="close", kinds=frozenset({"SIGNATURE_FELL"}))

    assert [routed(fell, rules, teams).owner for rules, teams in (
        ([of_gb], {}), ([of_gb, of_kind], {}), ([], {"SIGNATURE_FELL": "books"}))] == ["warehouse", "close", "books"]
    assert routed(replace(fell, line_id="gb01 reviewer"), [], {}).owner == "finance"
    assert routed(CASE, [of_gb], {}, AT).owner == "gb"


def test_the_first_rule_that_fits_decides_then_the_team_of_the_kind() -> None:
    rules = [RoutingRule(team="dear", above=Decimal(100)), RoutingRule(team="first"), RoutingRule(team="second")]

    assert owner_of(CASE, AT, rules, {}) == "first"
    assert owner_of(CASE, AT, (), {"SKU_UNKNOWN": "masters"}) == "masters"
    assert owner_of(replace(CASE, money=Money(amount=Decimal(-101), currency="GBP")), AT, rules, {}) == "dear"

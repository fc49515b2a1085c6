"""One deployment, a legal entity on each ERP: the same messages, and neither knows of the other."""

from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest

from backhaul.bootstrap import connect
from backhaul.domain.disposition import Sellability
from backhaul.domain.rules import Close, Window
from backhaul.profile import load_profile
from tests.journeys.stage import CENTRAL, EXAMPLES, TENANT, WIRE, World, life, line

GOODS = [line("TEA", 3, "4.25", received=3, grades=[("A", "RESELL", 2, True), ("D", "SCRAP", 1, True)]),
         line("POST", 1, "7.50", order=None)]
WANTED = [("SVC-CARRIAGE", Decimal(1), Decimal("7.50")), ("TEA", Decimal(1), Decimal("4.25")), ("TEA", Decimal(2), Decimal("8.50"))]


@pytest.fixture
def both(world: World, central_erp: str) -> World:
    """Finance & SCM keeps gb01, Business Central keeps ie01; each has a retailer code and decisions of its own."""
    second = load_profile(EXAMPLES / "profiles" / "online-retail-business-central.toml", {
        "BACKHAUL_ERP_URL": central_erp + CENTRAL, "BACKHAUL_ERP_TOKEN_URL": f"{central_erp}/demo/oauth2/v2.0/token",
        "BACKHAUL_ERP_SECRET": "secret", "BACKHAUL_ZIGZAG_SECRET": "0" * 32}).rules
    profile = world.house.profiles[TENANT]
    first = profile.rules
    other = replace(second.entities[0], id="ie01", retailers=frozenset({"QX777"}))
    rules = replace(
        first, entities=(*first.entities, other), window=Window(close=Close.DAILY),
        mapping=(*first.mapping, *[replace(row, when=replace(row.when, legal_entity="ie01")) for row in second.mapping]),
        sellability=Sellability(places=first.sellability.places | second.sellability.places, dispositions=first.sellability.dispositions,
                                conditions=first.sellability.conditions))
    profile = replace(profile, rules=rules, wire=msgspec.structs.replace(profile.wire, ids_per_retailer=True))
    world.house.profiles = {TENANT: profile}
    desk = world.house.desk(TENANT, "gb01")
    world.house.adopt(replace(desk, rules=rules, erp=connect(profile, "gb01")))
    return world


def credits_of(erp: str) -> list[tuple[str, Decimal, Decimal]]:
    ledgers = msgspec.json.decode(WIRE.get(f"{erp}/control/ledgers").content)
    assert ledgers["balanced"]
    return sorted((each["item"], -Decimal(str(each["quantity"])), -Decimal(str(each["net"])))
                  for note in ledgers["creditNotes"] for each in note["lines"])


def tell_both(world: World) -> None:
    for retailer in ("QX501", "QX777"):
        told = life("R-1", GOODS, at=world.at)
        world.tell(*[each | {"retailerCode": retailer, "eventId": f"{retailer}-{each['eventId']}"} for each in told])


def test_each_legal_entity_posts_to_its_own_erp_and_the_same_return_ends_alike(both: World, central_erp: str) -> None:
    tell_both(both)

    both.pass_days(5)

    assert both.credits == credits_of(central_erp) == WANTED
    assert both.exceptions() == {}
    owners = {row.posting.key.return_ref: row.posting.key.legal_entity for row in both.postings()}
    assert owners == {"QX501:R-1": "gb01", "QX777:R-1": "ie01"}
    assert both.house.desk(TENANT, "ie01").route != both.house.desk(TENANT, "gb01").route


def test_an_erp_that_is_away_keeps_the_other_one_not_waiting(both: World, central_erp: str) -> None:
    both.house.desk(TENANT, "ie01")
    WIRE.post(f"{central_erp}/control/faults", json={"kind": "error-before", "status": 503, "times": 999}).raise_for_status()
    tell_both(both)

    both.pass_evenings(5, turns=1)

    assert both.credits == WANTED
    assert credits_of(central_erp) == []
    assert both.state("QX777:R-1") in {"planned", "posting"}

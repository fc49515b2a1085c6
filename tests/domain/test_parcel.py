"""Is what somebody says of a parcel in hand taken as goods nobody announced, or refused by name?"""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from backhaul.domain.facts import HandedIn, Inspected, Received, Stage
from backhaul.domain.parcel import MOST_ITEMS, NotAParcel, Parcel, choices_of, facts_of, judge, ref_of
from backhaul.domain.returns import fold
from backhaul.testing.builders import NOON, after, entity, rules

TODAY = date(2026, 3, 2)
CHOICES = choices_of(rules(), entity())
MUG = {"sku": " MUG ", "units": "2", "condition": "A", "disposition": "RESELL", "accepted": "yes", "reason": "Changed my  mind"}
TOLD = {"retailer": "QX501", "warehouse": "GB-DC-01", "came_on": "2026-03-01", "items": [MUG], "parcel": "1Z 99", "label": "J. Doe",
        "note": "no slip\nin it", "evidence": "shelf 4"}


def judged(**told: Any) -> Parcel:
    return judge({**TOLD, **told}, CHOICES, actor="person 7", today=TODAY)


def test_a_parcel_is_read_as_it_was_said_and_a_day_that_is_not_said_is_today() -> None:
    parcel = judged()

    assert (parcel.items[0].sku, parcel.items[0].units, parcel.items[0].accepted) == ("MUG", 2, True)
    assert (parcel.items[0].reason, parcel.note, parcel.came_on) == ("Changed my mind", "no slip in it", date(2026, 3, 1))
    assert (parcel.actor, parcel.currency) == ("person 7", "GBP")
    assert judged(came_on="").came_on == TODAY


def test_what_has_one_answer_only_need_not_be_said() -> None:
    one = replace(CHOICES, retailers=("QX501",), warehouses=("GB-DC-01",))

    parcel = judge({**TOLD, "retailer": "", "warehouse": ""}, one, actor="person 7", today=TODAY)

    assert (parcel.retailer, parcel.warehouse) == ("QX501", "GB-DC-01")


def test_what_the_profile_knows_is_what_can_be_chosen() -> None:
    abroad = entity(currencies={"EUR": "ecb", "GBP": "none"}, retailers=frozenset({"B", "A"}), warehouses={"W1": "1"})

    told = choices_of(rules(entities=(abroad,)), abroad)

    assert (told.retailers, told.warehouses, told.currencies) == (("A", "B"), ("W1",), ("GBP", "EUR"))
    assert ("A", "RESELL") in told.grades
    assert ("NONE", "KEEP") not in told.grades, "goods in hand are not goods that never come"
    assert choices_of(rules(), entity(id="other")).grades == ()


@pytest.mark.parametrize(("told", "field"), [
    ({"retailer": "nobody"}, "retailer"), ({"warehouse": "gb-dc-01"}, "warehouse"), ({"currency": "XXX"}, "currency"),
    ({"came_on": "1 March"}, "came_on"), ({"came_on": "2026-03-03"}, "came_on"), ({"came_on": "2025-02-01"}, "came_on"),
    ({"parcel": "9" * 61}, "parcel"), ({"label": "a\u202eb"}, "label"),
    ({"items": []}, "items"), ({"items": [MUG] * (MOST_ITEMS + 1)}, "items"),
    ({"items": [MUG, MUG | {"sku": " "}]}, "items[1].sku"), ({"items": [MUG | {"units": "0"}]}, "items[0].units"),
    ({"items": [MUG | {"units": "1.5"}]}, "items[0].units"), ({"items": [MUG | {"units": "100000"}]}, "items[0].units"),
    ({"items": [MUG | {"condition": "Z"}]}, "items[0].condition"), ({"items": [MUG | {"accepted": ""}]}, "items[0].accepted"),
    ({"items": [MUG | {"sku": "9" * 61}]}, "items[0].sku")])
def test_what_cannot_be_is_refused_by_the_name_of_its_field(told: dict[str, Any], field: str) -> None:
    with pytest.raises(NotAParcel) as refused:
        judged(**told)

    assert [*refused.value.fields] == [field]
    assert field in str(refused.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(NotAParcel) as refused:
        judged(warehouse="elsewhere", items=[MUG | {"units": "x", "accepted": "maybe"}])

    assert {*refused.value.fields} == {"warehouse", "items[0].units", "items[0].accepted"}


def test_what_a_parcel_tells_folds_into_goods_nobody_announced_that_were_counted_and_graded() -> None:
    worn = MUG | {"units": "1", "condition": "D", "disposition": "SCRAP", "accepted": "no", "reason": ""}
    grades = (("A", "RESELL"), ("D", "SCRAP"))
    parcel = judge({**TOLD, "items": [worn, MUG, MUG | {"sku": "CUP", "units": "1", "reason": ""}]}, replace(CHOICES, grades=grades),
                   actor="person 7", today=TODAY)

    told = facts_of(parcel, "HAND-1", at=NOON, delivery="sha", event="e")
    case = fold("HAND-1", told)

    assert [(line.sku, line.blind, line.stray, line.accepted, line.rejected, line.reason) for line in case.lines] == [
        ("CUP", True, 1, 1, 0, ""), ("MUG", True, 3, 2, 1, "Changed my mind")]
    assert (case.customer, case.warehouse, case.retailer, case.findings) == (None, "GB-DC-01", "QX501", ())
    assert case.reached == {Stage.RECEIVED: datetime(2026, 3, 1, 12, tzinfo=UTC), Stage.INSPECTED: NOON}
    assert [*case.parcels] == ["1Z 99"]
    assert {type(fact) for fact in told} >= {HandedIn, Received, Inspected}
    assert {fact.delivery for fact in told} == {"sha"}


def test_what_comes_today_did_not_come_later_than_it_was_said() -> None:
    early = facts_of(judged(came_on="2026-03-02"), "HAND-1", at=after(hours=-4), delivery="sha", event="e")

    assert {fact.at for fact in early} == {after(hours=-4)}


def test_a_registration_has_one_reference_whoever_asks_again() -> None:
    assert ref_of("acme", "one") == ref_of("acme", "one") != ref_of("acme", "two")
    assert ref_of("acme", "one") != ref_of("other", "one")
    assert ref_of("acme", "one").startswith("HAND-")

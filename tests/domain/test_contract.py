"""What an environment shows is compared with what was recorded of it, field by field."""

from dataclasses import replace

import pytest

from backhaul.domain.contract import Contract, Trait, compare

PRICE = Trait(type="Edm.Decimal")
USED = frozenset({"Lines", "Lines.Price", "Lines.Lot", "Status"})
RECORDED = Contract(sets={"Lines": {"Price": PRICE, "Lot": Trait(type="Edm.String"), "Memo": Trait(type="Edm.String")}},
                    enums={"Status": ("Open", "Posted")}, used=USED)


def shown(field: str, trait: Trait | None, *, enums: tuple[str, ...] = ("Open", "Posted")) -> Contract:
    """Show the recorded contract with one field as it is now."""
    now = {**RECORDED.sets["Lines"], field: trait}
    return Contract(sets={"Lines": {name: each for name, each in now.items() if each}}, enums={"Status": enums}, used=USED)


def test_an_environment_that_shows_the_same_has_not_drifted_and_its_contract_outlives_the_store() -> None:
    kept = Contract.of(RECORDED.plain())

    drift = compare(kept, RECORDED)

    assert not drift.stops
    assert not drift.notes


@pytest.mark.parametrize(("field", "trait", "sentence"), [
    ("Price", None, "Lines.Price is gone"),
    ("Price", replace(PRICE, type="Edm.String"), "Lines.Price: type was Edm.Decimal, is Edm.String"),
    ("Price", replace(PRICE, editable=False), "Lines.Price: AllowEdit was yes, is no"),
    ("Price", replace(PRICE, mandatory=True), "Lines.Price: IsMandatory was no, is yes"),
    ("Price", replace(PRICE, key=True), "Lines.Price: key was no, is yes"),
])
def test_a_used_field_that_is_gone_or_changed_stops_the_line_by_name(field: str, trait: Trait | None, sentence: str) -> None:
    now = shown(field, trait)

    drift = compare(RECORDED, now)

    assert drift.stops == (sentence,)
    assert drift.notes == ()


@pytest.mark.parametrize(("field", "trait", "sentence"), [
    ("Memo", None, "Lines.Memo is gone"),
    ("Memo", Trait(type="Edm.Int64"), "Lines.Memo: type was Edm.String, is Edm.Int64"),
    ("Added", Trait(type="Edm.String", mandatory=True), "Lines.Added is new, and mandatory"),
])
def test_what_nobody_uses_may_change_and_is_noted(field: str, trait: Trait | None, sentence: str) -> None:
    now = shown(field, trait)

    drift = compare(RECORDED, now)

    assert drift.stops == ()
    assert drift.notes == (sentence,)


def test_what_may_be_written_now_or_need_not_be_any_more_hinders_nobody_and_is_noted() -> None:
    strict = replace(PRICE, editable=False, mandatory=True)

    drift = compare(shown("Price", strict), RECORDED)

    assert drift.stops == ()
    assert drift.notes == ("Lines.Price: AllowEdit was no, is yes", "Lines.Price: IsMandatory was yes, is no")


def test_a_renamed_field_stops_the_line_and_its_new_name_is_shown() -> None:
    fields = {name: trait for name, trait in RECORDED.sets["Lines"].items() if name != "Price"}
    now = replace(RECORDED, sets={"Lines": {**fields, "UnitPrice": PRICE}})

    drift = compare(RECORDED, now)

    assert drift.stops == ("Lines.Price is gone; new and of its kind: UnitPrice",)
    assert drift.notes == ("Lines.UnitPrice is new",)


def test_a_lost_member_stops_the_line_and_a_new_one_does_not() -> None:
    now = shown("Price", PRICE, enums=("Open", "Closed"))

    drift = compare(RECORDED, now)

    assert drift.stops == ("enumeration Status lost its member Posted",)
    assert drift.notes == ("enumeration Status has a new member Closed",)


def test_a_set_or_enumeration_that_is_gone_stops_the_line_unless_nobody_asked_about_it() -> None:
    nothing = Contract(sets={}, enums={}, used=USED)
    unasked = replace(nothing, used=frozenset())

    asked_for = compare(RECORDED, nothing)

    assert asked_for.stops == ("entity set Lines is gone", "enumeration Status is gone")
    assert compare(RECORDED, unasked).stops == ()


def test_a_set_that_is_asked_about_for_the_first_time_joins_the_contract_and_overwrites_nothing() -> None:
    more = Contract(sets={"Lines": {}, "Heads": {"Number": PRICE}}, enums={"Kind": ("A",)})

    wider = RECORDED.widened(more)

    assert not RECORDED.covers(more)
    assert not RECORDED.covers(replace(more, sets={}))
    assert wider.covers(more)
    assert wider.sets == {**RECORDED.sets, "Heads": {"Number": PRICE}}
    assert wider.enums == {"Status": ("Open", "Posted"), "Kind": ("A",)}

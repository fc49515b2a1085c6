"""Which value may be corrected, by whom, and what may never be said?"""

from decimal import Decimal

import pytest

from backhaul.domain.access import RIGHTS, Role
from backhaul.domain.correction import CORRECTIONS, Weighed, choices, fitting, weigh
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.exception_case import KINDS
from backhaul.domain.facts import Correctable, Fact, Grade, Instead, LineRef, Matched
from backhaul.testing.builders import (
    REF,
    SELLABILITY,
    accepted,
    after,
    announced,
    arrived,
    claimed,
    corrected,
    inspected,
    line,
    received,
)

C = Correctable
EVERYTHING = frozenset(KINDS)


def weighed(*facts: Fact, codes: frozenset[str] = EVERYTHING, line_id: str = "") -> Weighed:
    """Weigh the last of these facts, a correction, against the others."""
    *known, wanted = facts
    return weigh(choices(REF, known, codes, line_id), known, wanted, SELLABILITY)  # type: ignore[arg-type]  # the last one is a correction


def offered(*facts: Fact, codes: frozenset[str] = EVERYTHING, line_id: str = "") -> list[tuple[str, str, str, str]]:
    return [(each.what.value, each.line_id, each.told, each.now) for each in choices(REF, facts, codes, line_id)]


def test_every_value_has_a_rule_with_a_right_that_somebody_has_and_trouble_that_exists() -> None:
    assert set(CORRECTIONS) == set(Correctable)
    for rule in CORRECTIONS.values():
        assert RIGHTS[rule.right]
        assert rule.fits <= set(KINDS)
        assert rule.means


def test_who_may_correct_what_is_data() -> None:
    may = {what: RIGHTS[rule.right] for what, rule in CORRECTIONS.items()}

    assert may[C.UNIT_PRICE] == {Role.FINANCE}
    assert may[C.CUSTOMER] == {Role.OPERATOR, Role.FINANCE}
    assert may[C.CONDITION] == may[C.DISPOSITION] == {Role.WAREHOUSE}
    assert may[C.SKU] == may[C.QUANTITY] == may[C.ORDER] == may[C.WAREHOUSE] == {Role.OPERATOR, Role.WAREHOUSE, Role.FINANCE}
    assert not any(role in allowed for allowed in may.values() for role in (Role.VIEWER, Role.APPROVER, Role.ADMIN, Role.AUDITOR))


def test_what_was_found_says_what_can_be_corrected() -> None:
    assert fitting(["SKU_UNKNOWN"]) == (C.SKU,)
    assert fitting(["NO_CUSTOMER", "ORDER_MISSING"]) == (C.UNIT_PRICE, C.ORDER, C.CUSTOMER)
    assert fitting(["UNMAPPED_DISPOSITION"]) == (C.CONDITION, C.DISPOSITION, C.WAREHOUSE)
    assert fitting(["DUPLICATE"]) == ()
    assert fitting(["CHANGED_AFTER_POSTING"]) == tuple(Correctable), "whatever led to it can be taken back"


def test_a_person_is_offered_each_value_as_it_is_told_and_as_it_holds() -> None:
    facts = arrived(line("MUG", 2), line("CUP", 1, None, order=None), grades=[accepted("MUG", 1), accepted("MUG", 1, "SCRAPP", "D")])
    facts = (*facts, corrected("sku", "CUP", "CUP-1", "CUP#1"))

    assert offered(*facts, codes=frozenset({"SKU_UNKNOWN"})) == [("sku", "CUP#1", "CUP", "CUP-1"), ("sku", "MUG#1", "MUG", "MUG")]
    assert offered(*facts, codes=frozenset({"SKU_UNKNOWN"}), line_id="MUG#1") == [("sku", "MUG#1", "MUG", "MUG")]
    assert offered(*facts, codes=frozenset({"IMPLAUSIBLE_AMOUNT", "ORDER_MISSING"}), line_id="CUP#1") == [
        ("unit-price", "CUP#1", "", ""), ("order", "CUP#1", "", "")]
    assert offered(*facts, codes=frozenset({"UNMAPPED_DISPOSITION"}), line_id="MUG#1/PART") == [
        ("condition", "MUG#1", "A", "A"), ("condition", "MUG#1", "D", "D"), ("disposition", "MUG#1", "RESELL", "RESELL"),
        ("disposition", "MUG#1", "SCRAPP", "SCRAPP"), ("warehouse", "", "GB-DC-01", "GB-DC-01")]
    assert offered(announced(customer=None), codes=frozenset({"CUSTOMER_UNKNOWN"})) == [("customer", "", "", "")]


def test_what_a_sale_says_of_goods_is_matched_and_not_corrected() -> None:
    blind = announced(line("MUG", 1, None, order=None), blind=True)
    match = Matched(return_ref=REF, at=after(1), line_id="MUG#1", order="SO-1", unit_price=Decimal(4), units=Decimal(1), actor="ann",
                    approver="bob", reason="slip")
    other = Grade(line=LineRef(sku="MUG"), quantity=Decimal(1), condition="A", disposition="RESELL", accepted=False, found="POT",
                  instead=Instead.OTHER_PRODUCT)

    assert {each[0] for each in offered(blind)} == {each[0] for each in offered(blind, match)} == {"sku", "customer", "warehouse"}
    assert {each[1] for each in offered(*arrived(grades=[other]))} == {"MUG#1", ""}, "what lay in its place is no line of the messages"
    lost = offered(announced(), received(("MUG", 0)), inspected(), claimed(), codes=frozenset({"UNMAPPED_DISPOSITION"}))
    assert [each[0] for each in lost] == ["warehouse"], "nobody found what was lost"


def test_before_and_after_are_shown_with_their_money() -> None:
    facts = (announced(line("MUG", 2), line("CUP", 1, "3.00")), corrected("unit-price", "10", "9"))

    price = weighed(*facts, corrected("unit-price", "10", "4.5", at=after(1)))
    customer = weighed(*facts, corrected("customer", "C1", "C2", ""))

    assert price == Weighed(what=C.UNIT_PRICE, line_id="MUG#1", told="10", before="9", after="4.5", net_before=Decimal(18),
                            net_after=Decimal(9))
    assert (customer.before, customer.after, customer.net_before, customer.net_after) == ("C1", "C2", 21, 21)


def test_a_correction_is_taken_back_by_saying_what_was_told_whatever_that_is() -> None:
    facts = (announced(line("MUG", 1, None)), corrected("unit-price", "", "9"))

    assert weighed(*facts, corrected("unit-price", "", "", at=after(1))).after == ""


@pytest.mark.parametrize(("wanted", "says"), [
    (corrected("sku", "CUP", "POT"), "sku of line MUG#1 is told as 'MUG', not as 'CUP'"),
    (corrected("sku", "MUG", "CUP", "MUG#2"), "sku of line MUG#2 is nothing that can be corrected for this"),
    (corrected("customer", "C1", "C2", "MUG#1"), "customer of line MUG#1 is nothing"),
    (corrected("sku", "MUG", "MUG"), "is 'MUG' already"),
    *((corrected("sku", "MUG", value), "1 to 60 characters") for value in ("", " CUP", "CUP ", "C\nP", "C" * 61, "C\x00")),
    *((corrected("quantity", "2", value), "no number of units")
      for value in ("0", "-1", "1.5", "x", "NaN", "Infinity", "1e3", "02", "9" * 13)),
    *((corrected("unit-price", "10", value), "no net price") for value in ("-1", "1.0", "1,5", "0.0000001", "sNaN", "1e99")),
])
def test_what_cannot_be_is_refused_with_a_sentence(wanted: Fact, says: str) -> None:
    with pytest.raises(NeedsOperator, match=says):
        weighed(*arrived(line("MUG", 2), grades=[accepted("MUG", 2)]), wanted)


@pytest.mark.parametrize(("what", "value"), [("quantity", "1"), ("unit-price", "0"), ("unit-price", "0.000001"), ("sku", "ÄÖ 1")])
def test_what_can_be_is_weighed(what: str, value: str) -> None:
    told = {"quantity": "2", "unit-price": "10", "sku": "MUG"}[what]

    assert weighed(announced(line("MUG", 2)), corrected(what, told, value)).after == value


@pytest.mark.parametrize(("condition", "disposition", "wanted", "allowed"), [
    ("D", "SCRAP", corrected("condition", "D", "A"), False),
    ("D", "SCRAP", corrected("disposition", "SCRAP", "RESELL"), False),
    ("a", "RESELL", corrected("condition", "a", "A"), False),
    ("A", "RESEL", corrected("disposition", "RESEL", "RESELL"), False),
    ("D", "SCRAP", corrected("disposition", "SCRAP", "QUARANTINE"), True),
    ("A", "RESELL", corrected("disposition", "RESELL", "OUTLET"), True),
])
def test_nothing_becomes_sellable_that_no_inspection_found_so(condition: str, disposition: str, wanted: Fact, allowed: bool) -> None:  # noqa: FBT001  a row of the table
    facts = arrived(line("MUG", 1), grades=[accepted("MUG", 1, disposition, condition)])

    if allowed:
        assert weighed(*facts, wanted).before != weighed(*facts, wanted).after
        return
    with pytest.raises(NeedsOperator, match="the warehouse has to inspect them again"):
        weighed(*facts, wanted)


def test_a_grade_that_was_corrected_away_from_what_sells_may_go_back_to_what_was_found() -> None:
    facts = (*arrived(line("MUG", 1), grades=[accepted("MUG", 1)]), corrected("condition", "A", "B"))

    assert weighed(*facts, corrected("condition", "A", "A", at=after(1))).after == "A"

"""What is told to the platform is absolute, whole where nobody knows, and never of goods that may be damaged."""

import pytest

from backhaul.domain.disposition import Place, Sellability
from backhaul.domain.pushing import MOST, Row, Stock, blocks, omitted, returnable_rows, stock_rows, unreadable, untold, with_told

SHOP = Place(warehouse="W", location="SALE")


def selling(*places: Place) -> Sellability:
    return Sellability(places=frozenset(places), dispositions=frozenset(), conditions=frozenset())


def test_stopped_is_none_negative_is_none_and_unknown_is_not_told() -> None:
    stock = Stock(units={("A", "W"): 3, ("B", "W"): 9, ("C", "W"): -2, ("D", "W"): MOST + 1},
                  stopped=frozenset({"B"}), unknown=frozenset({"X"}))

    rows = stock_rows(stock, {"A", "B", "C", "D", "X"}, {"DC": "W"})

    assert [(row.sku, row.at, row.value) for row in rows] == [("A", "DC", 3), ("B", "DC", 0), ("C", "DC", 0), ("D", "DC", MOST)]


def test_only_what_was_forbidden_is_allowed_again() -> None:
    stock = Stock(units={}, stopped=frozenset({"B"}))

    rows = returnable_rows(stock, {"A", "B", "C"}, ("GB",), {"A": {"GB": False}})

    assert [(row.sku, row.value) for row in rows] == [("A", True), ("B", False)]


def test_a_value_nobody_knows_is_told_again_even_where_it_would_equal_the_one_before() -> None:
    row = Row(sku="A", at="DC", value=5)
    known = with_told({}, [row], known=True)
    sending = with_told(known, [Row(sku="A", at="DC", value=0)], known=False)

    again = untold([row], sending)

    assert untold([row], known) == []
    assert again == [row]
    assert untold([Row(sku="A", at="DC", value=0)], sending) == [Row(sku="A", at="DC", value=0)]


@pytest.mark.parametrize(("told", "listed", "left_out"), [
    ({"GB": False}, {"GB": False}, False), ({"GB": False}, {"": False}, False), ({"GB": False}, {}, True),
    ({"GB": False}, {"IE": False}, True),
    ({"GB": True}, {}, False), ({"GB": True}, {"GB": True}, False), ({"GB": True}, {"GB": False}, True),
    ({"": False}, {"GB": False}, False), ({"": True}, {"GB": False}, True), ({"GB": None}, {}, False),
])
def test_what_is_listed_otherwise_than_told_was_left_out(told: dict[str, bool | None], listed: dict[str, bool], left_out: bool) -> None:  # noqa: FBT001
    found = omitted({"A": told}, {"A": listed})

    assert [(row.at, row.value) for row in found] == (list(told.items()) if left_out else [])


def test_blocks_hold_everything_once() -> None:
    rows = list(range(81))

    cut = list(blocks(rows, 40))

    assert [len(block) for block in cut] == [40, 40, 1]
    assert [row for block in cut for row in block] == rows


@pytest.mark.parametrize(("sellable", "target", "says"), [
    ([SHOP], SHOP, ""), ([SHOP], Place(warehouse="OTHER", location="QUAR"), ""),
    ([SHOP], Place(warehouse="W", location="QUAR"), "not told by location"),
    ([], Place(warehouse="W", location="QUAR"), "no sellable place"),
    ([SHOP, Place(warehouse="W", location="TOP", status="OK")], SHOP, "some do not"),
    ([Place(warehouse="W", location="SALE", status="OK")], Place(warehouse="W", location="QUAR", status="BAD"), ""),
    ([Place(warehouse="W", location="SALE", status="OK")], Place(warehouse="W", location="QUAR", status="OK"), "not told by location"),
    ([Place(warehouse="W", location="SALE", status="OK")], Place(warehouse="W", location="QUAR"), "not told by location"),
])
def test_a_warehouse_that_mixes_what_is_on_sale_with_what_is_not_is_refused(sellable: list[Place], target: Place, says: str) -> None:
    found = list(unreadable(selling(*sellable), "W", [target]))

    assert any(says in sentence for sentence in found) if says else found == []

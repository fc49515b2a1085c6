"""Which line of the sale do returned units come from?"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from backhaul.domain import original
from backhaul.domain.posting import LotShare, OrderLine
from backhaul.domain.rules import OriginRule, Prefer
from backhaul.domain.validation import Origin, SaleLine, Taken
from backhaul.testing.builders import sold

CHEAP = sold("MUG", 5, "2.00", lot="L1", unit_cost=Decimal("1.00"))
DEAR = sold("MUG", 3, "4.00", lot="L2", unit_cost=Decimal("1.60"))
LATE = sold("MUG", 5, "4.00", lot="L3", unit_cost=Decimal("1.80"))
SALE = (CHEAP, DEAR, LATE)


def chosen(quantity: int, price: str, *, lots: Sequence[SaleLine] = SALE, taken: Mapping[str, Taken] | None = None,
           prefer: Sequence[Prefer] = OriginRule().prefer) -> dict[str, Decimal]:
    origin = original.trace(lots, Decimal(quantity), Decimal(price), taken or {}, OriginRule(prefer=tuple(prefer)))
    return {share.lot: share.quantity for share in origin.shares}


def test_the_price_decides_then_the_quantity_then_the_higher_price_and_the_older_line() -> None:
    assert chosen(1, "2.00") == {"L1": 1}
    assert chosen(5, "4.00") == {"L3": 5}, "of two lines at that price the one that sold just so many"
    assert chosen(1, "4.00") == {"L2": 1}, "the older of two"
    assert chosen(4, "4.00") == {"L3": 4}, "the one that has them all"
    assert chosen(1, "1.50") == {"L2": 1}, "no line at that price: the dearest"


def test_the_tenant_may_rank_otherwise() -> None:
    assert chosen(1, "1.50", prefer=[Prefer.LOWEST_PRICE]) == {"L1": 1}
    assert chosen(1, "1.50", prefer=[Prefer.OLDEST]) == {"L1": 1}
    assert chosen(3, "1.50", prefer=[Prefer.EXACT_QUANTITY]) == {"L2": 3}
    assert chosen(1, "3.00", prefer=[Prefer.LOWEST_PRICE]) == {"L2": 1}, "a line sold for less comes last, whatever the rule"


def test_what_one_line_does_not_cover_is_divided_and_costs_what_it_cost() -> None:
    origin = original.trace(SALE, Decimal(7), Decimal("4.00"), {}, OriginRule())

    assert [(share.lot, share.quantity) for share in origin.shares] == [("L2", 3), ("L3", 4)]
    assert (origin.missing, origin.dearer, origin.beyond) == (0, (), 0)
    assert original.unit_cost(origin.shares) == Decimal("1.714286")
    assert original.unit_cost(origin.shares[:1]) == Decimal("1.60")
    assert original.unit_cost((LotShare(lot="L1", quantity=Decimal(1)), *origin.shares)) is None
    assert original.unit_cost(()) is None


def test_units_are_capped_and_so_is_the_value_of_each_line() -> None:
    gone = {"L2": Taken(units=Decimal(2), net=Decimal("11.00")), "L3": Taken(units=Decimal(5), net=Decimal("20.00"))}

    one = original.trace(SALE, Decimal(1), Decimal("4.00"), gone, OriginRule())
    two = original.trace(SALE, Decimal(2), Decimal("4.00"), gone, OriginRule())
    ten = original.trace(SALE, Decimal(10), Decimal("2.00"), gone, OriginRule())

    assert (one.missing, one.dearer, one.beyond) == (0, (), Decimal("3.00")), "one unit is left, and one pound of its money"
    assert (two.missing, two.dearer) == (0, (Decimal("2.00"),)), "the second would come from the line sold at 2.00"
    assert ten.missing == 4
    assert original.trace((), Decimal(1), Decimal(1), {}, OriginRule()) == Origin()


def test_a_choice_that_was_written_down_is_kept_whatever_the_rule_says_now() -> None:
    fixed = OrderLine(line_id="1", sku="MUG", quantity=Decimal(2), unit_price=Decimal("2.00"), warehouse="W",
                      lots=(LotShare(lot="L2", quantity=Decimal(2)),))

    still = original.again(SALE, [fixed], {})
    taken = original.again(SALE, [fixed], {"L2": Taken(units=Decimal(2), net=Decimal(8))})
    lost = original.again((CHEAP,), [fixed], {})

    assert ([share.lot for share in still.shares], still.missing) == (["L2"], 0)
    assert taken.missing == 1
    assert lost.missing == 2, "the line of the sale is gone"


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 500)), min_size=1, max_size=5),
       st.lists(st.tuples(st.integers(1, 9), st.integers(1, 500)), max_size=12))
def test_no_line_of_a_sale_ever_gives_more_units_or_money_than_it_took(lots: list[tuple[int, int]], returns: list[tuple[int, int]]) -> None:
    sale = tuple(sold("MUG", units, Decimal(pence) / 100, lot=f"L{at}") for at, (units, pence) in enumerate(lots))
    taken: dict[str, Taken] = {}

    for units, pence in returns:
        price = Decimal(pence) / 100
        origin = original.trace(sale, Decimal(units), price, taken, OriginRule())
        if not (origin.missing or origin.dearer or origin.beyond):
            for share in origin.shares:
                taken[share.lot] = taken.get(share.lot, Taken()) + Taken(units=share.quantity, net=share.quantity * price)

    for line in sale:
        assert taken.get(line.lot, Taken()).units <= line.quantity
        assert taken.get(line.lot, Taken()).net <= line.quantity * line.unit_price


@pytest.mark.parametrize("quantity", [1, 4, 8, 13])
def test_every_unit_has_a_line(quantity: int) -> None:
    assert sum(chosen(quantity, "4.00").values()) == quantity

"""Is every way told in which the shop offers something else than is on sale, and what is only on its way told apart?"""

from decimal import Decimal

from backhaul.domain.availability import Compared, Offered, Standing, compare, differing
from backhaul.domain.pushing import Stock

D = Decimal
PLACES = {"WEB": ("gb01", "GB-SHOP")}
STOCK = {"gb01": Stock(units={("TEA", "GB-SHOP"): 7, ("CUP", "GB-SHOP"): 4, ("POT", "GB-SHOP"): -2}, stopped=frozenset({"CUP"}),
                       unknown=frozenset({"NOSUCH"}))}


def compared(sku: str, units: str, *, at: str = "WEB", told: int | None = None, tolerance: str = "0") -> Compared:
    known = {} if told is None else {("gb01", "GB-SHOP", sku): told}
    (row,) = compare([Offered(sku=sku, at=at, units=D(units))], PLACES, STOCK, known, D(tolerance))
    return row


def test_what_is_on_sale_is_the_same_and_what_is_stopped_or_owed_is_nothing() -> None:
    assert {compared("TEA", "7").standing, compared("CUP", "0").standing, compared("POT", "0").standing} == {Standing.SAME}
    assert compared("TEA", "9", tolerance="2").standing is Standing.SAME


def test_what_the_shop_was_told_last_is_on_its_way_and_anything_else_differs() -> None:
    assert compared("TEA", "5", told=5).standing is Standing.IN_FLIGHT
    assert (compared("TEA", "5", told=6).standing, compared("TEA", "5", told=6).apart) == (Standing.DIFFERS, D(-2))
    assert compared("CUP", "4").standing is Standing.DIFFERS


def test_a_place_nobody_named_and_a_code_the_erp_cannot_count_are_unknown() -> None:
    assert [compared("TEA", "1", at="SHOP").standing, compared("NOSUCH", "1").standing] == [Standing.UNKNOWN] * 2


def test_what_the_shop_was_told_of_and_leaves_out_counts_as_nothing_offered() -> None:
    rows = [*compare([], PLACES, STOCK, {("gb01", "GB-SHOP", "TEA"): 7, ("us01", "US", "CUP"): 1}, D(0))]

    assert [(row.sku, row.shop, row.erp, row.standing) for row in rows] == [("TEA", D(0), D(7), Standing.DIFFERS)]


def test_only_what_differs_is_a_finding_with_its_units() -> None:
    (found,) = differing([compared("TEA", "5", told=5), compared("TEA", "9"), compared("NOSUCH", "1")])

    assert (found.kind, found.subject, found.count, found.amount) == ("AVAILABILITY_DIFFERS", "TEA at WEB", 2, D(0))


def test_ten_thousand_rows_that_agree_raise_no_alarm() -> None:
    stock = {"gb01": Stock(units={(f"S{number}", "GB-SHOP"): number for number in range(10_000)})}
    offered = [Offered(sku=f"S{number}", at="WEB", units=D(number)) for number in range(10_000)]

    assert not [*differing(compare(offered, PLACES, stock, {}, D(0)))]

"""Every sale of the item is a candidate; what speaks most stands first, and what speaks against is said."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from backhaul.domain.candidate import RECENT, Sought, candidates
from backhaul.domain.validation import Sale, SaleLine, Taken

CAME = date(2026, 3, 2)
SOUGHT = Sought(sku="MUG", units=Decimal(2), currency="GBP", came_on=CAME)


def sale(number: str = "SO-1", *lines: SaleLine, customer: str = "C1", sold_on: date | None = date(2026, 2, 20),
         currency: str = "GBP") -> Sale:
    return Sale(number=number, customer=customer, currency=currency, sold_on=sold_on, lines=lines or (sold(),))


def sold(price: str = "10", units: int = 3, lot: str = "L1", sku: str = "MUG", returned: int = 0) -> SaleLine:
    return SaleLine(sku=sku, quantity=Decimal(units), unit_price=Decimal(price), lot=lot, returned=Decimal(returned))


def test_a_sale_that_did_not_sell_the_item_is_no_candidate_and_each_of_its_lines_that_did_is_one() -> None:
    found = candidates(SOUGHT, [sale("SO-1", sold(sku="CUP")), sale("SO-2", sold("10", lot=""), sold("9", lot=""))], {}, {})

    assert [(each.order, each.lot, each.unit_price) for each in found] == [("SO-2", "MUG#1", 10), ("SO-2", "MUG#2", 9)]


def test_what_is_not_known_speaks_neither_for_a_sale_nor_against_it() -> None:
    (found,) = candidates(replace(SOUGHT, came_on=None), [sale()], {}, {})

    assert (found.why, found.against, found.left) == (("3 of 3 are not returned yet",), (), 3)
    assert candidates(SOUGHT, [sale(sold_on=None)], {}, {})[0].why == found.why


def test_all_that_is_known_is_told_for_and_against() -> None:
    known = replace(SOUGHT, customer="C1", price=Decimal(10), order="SO-1")
    good = sale()
    bad = sale("SO-2", sold("9", 3, returned=1), customer="", sold_on=date(2025, 3, 2), currency="EUR")
    later = sale("SO-3", customer="C2", sold_on=date(2026, 3, 3))

    best, *others = candidates(known, [bad, later, good], {("SO-2", "L1"): Taken(units=Decimal(1))}, {"SO-1": "R7"})

    assert best.why == ("it is the order that was named", "return R7 announced it, and it has not come", "C1 bought it",
                        "it was sold at 10", "3 of 3 are not returned yet", "it was sold 10 days before")
    assert best.against == ()
    told = {each.order: each for each in others}
    assert told["SO-2"].against == ("nobody named bought it, not C1", "it was sold at 9, not at 10",
                                    "1 of 3 are not returned yet, and 2 came", "it was sold 365 days before",
                                    "it was sold in EUR, the return is in GBP")
    assert told["SO-3"].against == ("C2 bought it, not C1", "it was sold after the goods came")
    assert [each.order for each in others] == ["SO-3", "SO-2"]


def test_units_never_come_to_less_than_nothing_and_a_usual_time_has_an_end() -> None:
    first = date.fromordinal(CAME.toordinal() - RECENT)

    (gone,) = candidates(SOUGHT, [sale("SO-1", sold(returned=3), sold_on=first)], {("SO-1", "L1"): Taken(units=Decimal(1))}, {})
    (old,) = candidates(SOUGHT, [sale(sold_on=date.fromordinal(first.toordinal() - 1))], {}, {})

    assert (gone.left, gone.why) == (0, ("it was sold 100 days before",))
    assert old.against == ("it was sold 101 days before",)


def test_what_speaks_most_stands_first_and_equals_stand_by_their_names() -> None:
    sales = [sale("SO-9"), sale("SO-2"), sale("SO-3", customer="C2"), sale("SO-4", sold("8"))]

    found = candidates(replace(SOUGHT, customer="C2", price=Decimal(8)), sales, {}, {"SO-9": "R1"})

    assert [each.order for each in found] == ["SO-9", "SO-3", "SO-4", "SO-2"]


def test_of_those_found_by_days_alone_what_was_sold_last_stands_first_and_another_item_is_told_against_it() -> None:
    seen = replace(SOUGHT, span=(date(2026, 2, 1), CAME), line_sku="CUP")
    days = {"SO-1": date(2026, 2, 3), "SO-2": date(2026, 2, 27), "SO-3": None, "SO-4": date(2026, 3, 4)}

    found = candidates(seen, [sale(number, sold_on=day) for number, day in days.items()], {}, {})

    assert [each.order for each in found if each.sold_on] == ["SO-2", "SO-1", "SO-4"]
    assert all(each.against[-1] == "it sold MUG, and the line is CUP: correct that first" for each in found)

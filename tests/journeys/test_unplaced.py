"""Goods came and nobody knows their sale: the ERP and our own record say which it could be, and a person chooses."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from backhaul.application import correct, resolve
from backhaul.application.seek import Days, Search, days_of, seek
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.validation import OF_ITEM
from tests.journeys.stage import COMPANY, DAILY, TENANT, World, life, line, load_central_world, load_world, message, open_world, sold


@pytest.fixture(params=["finance-scm", "business-central"])
def daily(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Give the small world on either ERP."""
    central = request.param == "business-central"
    erp = request.getfixturevalue("central_erp" if central else "erp")
    world = open_world(erp, f"sqlite:///{tmp_path / 'daily.sqlite'}", window=DAILY, mode="C" if central else "A", kind=request.param)
    yield world
    world.house.close()


def number_of(world: World, *kinds: str) -> int:
    with world.house.store.begin() as tx:
        return next(row.id for row in tx.exceptions(TENANT) if row.case.kind in kinds)


def look(world: World, number: int, *, related: tuple[str, ...] = (), days: Days | None = None, **asked: str) -> Search:
    desk = world.house.desk(TENANT, "gb01")
    return seek(world.house.store, desk.erp, desk.rules, desk.entity, number, related=related, days=days, **asked)  # type: ignore[arg-type]  # words


def good(sku: str, units: int, price: str | None, order: str | None) -> dict[str, object]:
    return line(sku, units, price or "0", order=order, received=units, grades=[("A", "RESELL", units, True)])


def test_a_line_that_names_no_order_gets_one_that_its_customer_bought_by_and_is_credited_once(daily: World) -> None:
    daily.tell(*life("R-1", [good("TEA", 2, "4.25", None)], at=daily.at))
    daily.pass_days(2)
    number = number_of(daily, "ORDER_MISSING")

    told = look(daily, number)
    best = told.found[0]
    with daily.house.store.begin() as tx:
        content = correct.content_of(tx, TENANT, number, what="order", value=best.order)
    correct.correct(daily.house.store, daily.house.profiles[TENANT].rules, content, actor="ann", approver="bob", reason="looked",
                    now=daily.at)
    daily.pass_days(4)

    assert (told.matches, told.sought.customer, [each.order for each in told.found]) == (False, "10001", ["500001"])
    assert (best.unit_price, best.left, best.against) == (Decimal("4.25"), 10, ())
    assert best.why[:2] == ("10001 bought it", "it was sold at 4.25")
    assert daily.credits == [("TEA", 2, Decimal("8.50"))]
    assert daily.exceptions() == {}


def test_the_order_that_somebody_names_is_shown_with_what_speaks_against_it(daily: World) -> None:
    daily.tell(*life("R-1", [good("TEA", 2, "4.25", "599999")], at=daily.at, customer="10002"))
    daily.pass_days(2)

    (named,) = look(daily, number_of(daily, "ORDER_UNKNOWN"), order="500001").found

    assert named.why[0] == "it is the order that was named"
    assert named.against == ("10001 bought it, not 10002",)
    assert look(daily, number_of(daily, "ORDER_UNKNOWN"), order="500002").found == (), "it sold no tea"


def test_surplus_is_matched_with_a_sale_that_another_return_waits_for(daily: World) -> None:
    daily.tell(message("R-2", "ReturnCreated", 1, [line("TEA", 1, "4.25")], at=daily.at))
    daily.tell(*life("R-1", [line("TEA", 2, "4.25", received=3, grades=[("A", "RESELL", 2, True)])], at=daily.at))
    daily.pass_days(3)
    number = number_of(daily, "SURPLUS")

    told = look(daily, number, customer="10001", related=("R-2", "R-1"))
    best = told.found[0]
    resolve.match(daily.house.store, TENANT, number, order=best.order, unit_price=best.unit_price, actor="ann", approver="bob",
                  reason="looked", now=daily.at)

    assert (told.matches, told.sought.units, best.order) == (True, 1, "500001")
    assert best.why[0] == "return R-2 announced it, and it has not come"
    assert best.left == 8, "what is credited already is taken"


def test_whoever_says_nothing_is_asked_and_what_is_about_no_line_is_nobodys_search(daily: World) -> None:
    daily.tell(*life("R-1", [good("TEA", 2, "4.25", "599999")], at=daily.at, customer=None))
    daily.tell(*life("R-2", [good("CUP", 1, "9.99", "500001")], at=daily.at))
    daily.pass_days(2)

    with pytest.raises(NeedsOperator, match="name the order, the customer or days of the sale"):
        look(daily, number_of(daily, "ORDER_UNKNOWN", "NO_CUSTOMER"))
    with pytest.raises(NeedsOperator, match="about no one line whose sale could be looked for"):
        look(daily, number_of(daily, "PRICE_ABOVE_SOLD"), order="500001")


def test_goods_of_which_nothing_but_item_and_days_is_known_are_found_by_them(daily: World) -> None:
    daily.tell(*life("R-1", [good("TEA", 2, "4.25", "599999")], at=daily.at, customer=None))
    daily.pass_days(2)
    number = number_of(daily, "ORDER_UNKNOWN")

    told = look(daily, number, days=Days(first=date(2010, 11, 15)))
    before, after = (look(daily, number, days=Days(first=day, last=day)) for day in (date(2010, 11, 19), date(2010, 11, 21)))
    other = look(daily, number, days=Days(first=date(2010, 11, 20), last=date(2010, 11, 20), item="CUP"))

    assert told.sought.span == (date(2010, 11, 15), date(2010, 12, 1))
    assert "500001" in [each.order for each in told.found]
    assert {each.sold_on for each in told.found} == {date(2010, 11, 20)}
    assert "it was sold 11 days before" in told.found[0].why
    assert (before.found, after.found, told.more) == ((), (), False)
    assert other.found[0].against[-1] == "it sold CUP, and the line is TEA: correct that first"
    assert all("correct that first" not in " ".join(each.against) for each in told.found)


def test_where_an_item_was_sold_more_often_than_is_looked_at_the_newest_are_shown_and_that_there_are_more(
        daily: World, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    central = "business-central" in request.node.name
    sold(daily.erp, tmp_path / "more", *((f"6{number:05d}", "TEA", 1, "4.25") for number in range(OF_ITEM)),
         company=COMPANY if central else "gb01", loader=load_central_world if central else load_world)
    daily.tell(*life("R-1", [good("TEA", 2, "4.25", "599999")], at=daily.at, customer=None))
    daily.pass_days(2)

    told = look(daily, number_of(daily, "ORDER_UNKNOWN"), days=Days(first=date(2010, 11, 15), last=date(2010, 11, 25)))

    assert told.more
    assert OF_ITEM - 2 <= len(told.found) <= OF_ITEM


@pytest.mark.parametrize(("days", "says"), [
    (Days(first=date(2010, 11, 20), last=date(2010, 11, 19)), "not from 2010-11-20 to 2010-11-19"),
    (Days(first=date(2010, 1, 1), last=date(2010, 11, 19)), "over 100 days at most"),
])
def test_days_that_are_none_or_too_many_are_refused(world: World, days: Days, says: str) -> None:
    world.tell(*life("R-1", [good("TEA", 2, "4.25", "599999")], at=world.at, customer=None))
    world.pass_days(40)

    with pytest.raises(NeedsOperator, match=says):
        look(world, number_of(world, "ORDER_UNKNOWN"), days=days)


@pytest.mark.parametrize(("days", "came_on", "first", "last"), [
    (Days(item="x"), date(2026, 3, 20), date(2026, 3, 6), date(2026, 3, 20)),
    (Days(last=date(2026, 3, 2)), None, date(2026, 2, 16), date(2026, 3, 2)),
    (Days(first=date(2026, 3, 2)), None, date(2026, 3, 2), date(2026, 3, 16)),
    (Days(first=date(2026, 3, 2)), date(2026, 3, 9), date(2026, 3, 2), date(2026, 3, 9)),
])
def test_what_is_left_open_of_the_days_is_two_weeks_and_ends_when_the_goods_came(days: Days, came_on: date | None, first: date,
                                                                                 last: date) -> None:
    span = days.span("TEA", came_on)

    assert (span.first, span.last) == (first, last)


def test_days_are_read_as_they_are_written_and_nobody_knows_until_when_says_so() -> None:
    assert days_of("", "", "") is None
    assert days_of("2026-03-01", "", " CUP ") == Days(first=date(2026, 3, 1), item=" CUP ")
    with pytest.raises(NeedsOperator, match="written like 2026-03-01"):
        days_of("1 March", "", "")
    with pytest.raises(NeedsOperator, match="until which day"):
        Days(item="CUP").span("TEA", None)

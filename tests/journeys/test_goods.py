"""Goods that come in part, late, broken, not at all, or that nobody has to send."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from backhaul.domain.rules import Close, Window
from tests.journeys.stage import TENANT, World, life, line, message, open_world


@pytest.fixture
def daily(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY))
    yield world
    world.house.close()


def money(world: World) -> list[tuple[str, int, str]]:
    return [(item, int(units), f"{net:.2f}") for item, units, net in world.credits]


def test_what_is_accepted_in_part_is_credited_in_part_and_the_rest_is_closed(daily: World) -> None:
    daily.tell(*life("R-1", [line("TEA", 3, "4.25", received=3, grades=[("A", "RESELL", 2, True), ("C", "QUARANTINE", 1, False)])],
                     at=daily.at))
    daily.turn()

    daily.pass_evenings(3, turns=2)

    assert money(daily) == [("TEA", 2, "8.50")]
    assert daily.placed() == {"credited_restocked": Decimal("-8.50"), "rejected": Decimal("-4.25")}
    assert daily.state("R-1") == "settled"


def test_the_rest_of_a_short_receipt_waits_until_its_deadline_and_is_closed_then(daily: World) -> None:
    daily.tell(*life("R-1", [line("TEA", 3, "4.25", received=1, grades=[("A", "RESELL", 1, True)])], at=daily.at))
    daily.turn()
    daily.pass_evenings(3, turns=2)
    waiting = (daily.state("R-1"), daily.placed())

    daily.at += timedelta(days=60)
    daily.pass_evenings(1, turns=1)

    assert waiting == ("waiting", {"credited_restocked": Decimal("-4.25"), "waiting": Decimal("-8.50")})
    assert daily.placed() == {"credited_restocked": Decimal("-4.25"), "rejected": Decimal("-8.50")}
    assert daily.state("R-1") == "settled"
    assert daily.exceptions() == {}


def test_a_return_that_is_refused_at_inspection_is_closed_without_credit_and_its_fee_with_it(daily: World) -> None:
    daily.tell(*life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("D", "QUARANTINE", 2, False)]),
                             line("POST", 1, "7.50", order=None)], at=daily.at))
    daily.turn()

    daily.pass_evenings(3, turns=2)

    assert daily.credits == []
    assert daily.ledgers["unitsReceived"] == 0
    assert daily.placed() == {"rejected": Decimal("-16.00")}
    assert daily.state("R-1") == "closed"


def test_two_grades_of_one_line_lie_in_two_places_and_are_credited_as_two(daily: World) -> None:
    daily.tell(*life("R-1", [line("TEA", 5, "4.25", received=5, grades=[("A", "RESELL", 3, True), ("B", "OUTLET", 2, True)])], at=daily.at))
    daily.turn()
    before = daily.ledgers["stock"]

    daily.pass_evenings(3, turns=2)

    stock = {place: Decimal(str(units)) - Decimal(str(before.get(place, 0))) for place, units in daily.ledgers["stock"].items()}
    assert money(daily) == [("TEA", 2, "8.50"), ("TEA", 3, "12.75")]
    assert {place: int(units) for place, units in stock.items() if units} == {"TEA|S1|GB-DC-01|OUTLET": 2, "TEA|S1|GB-DC-01|SALE": 3}


def test_a_second_part_that_is_accepted_later_is_credited_beside_the_first(daily: World) -> None:
    first = [line("CUP", 4, "2.95", received=2, grades=[("A", "RESELL", 2, True)])]
    daily.tell(*life("R-1", first, at=daily.at)[:3])
    daily.turn()
    daily.pass_evenings(3, turns=2)
    then = money(daily)

    daily.tell(message("R-1", "ReturnInspected", 4, at=daily.at,
                       lines=[line("CUP", 4, "2.95", received=4, grades=[("A", "RESELL", 2, True), ("D", "SCRAP", 2, True)])]))
    daily.pass_evenings(3, turns=2)

    assert then == [("CUP", 2, "5.90")]
    assert money(daily) == [("CUP", 2, "5.90"), ("CUP", 2, "5.90")]
    assert daily.exceptions() == {}
    assert daily.state("R-1") == "settled"


def test_an_item_the_customer_keeps_is_credited_at_once_and_goods_beside_it_when_they_have_come(daily: World) -> None:
    kept = line("CUP", 1, "2.95", grades=[("NONE", "KEEP", 1, True)])
    goods = line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])
    bare = goods | {"quantityReceived": None, "grades": None}
    daily.tell(message("R-1", "ReturnCreated", 1, [kept | {"grades": None}, bare], at=daily.at),
               message("R-1", "ReturnInspected", 2, [kept, bare], at=daily.at + timedelta(hours=1)))
    daily.turn()
    daily.pass_evenings(3, turns=2)
    early = money(daily)

    daily.tell(message("R-1", "ParcelReceived", 3, [kept, goods | {"grades": None}], at=daily.at),
               message("R-1", "ReturnInspected", 4, [kept, goods], at=daily.at + timedelta(hours=1)))
    daily.pass_evenings(3, turns=2)

    assert early == [("CUP", 1, "2.95")]
    assert money(daily) == [("CUP", 1, "2.95"), ("TEA", 2, "8.50")]
    assert daily.ledgers["unitsReceived"] == 2
    assert daily.exceptions() == {}


def test_a_refund_at_the_first_scan_is_no_credit_and_is_asked_after_when_the_goods_do_not_come(daily: World) -> None:
    bare = [line("TEA", 2, "4.25")]
    paid = message("R-1", "RefundIssued", 3, bare, at=daily.at)
    paid["return"]["refund"] = {"amount": "10.20", "currency": "GBP", "reference": "PAY-1", "paidAt": "2010-12-01T10:00:00Z"}
    daily.tell(message("R-1", "ReturnCreated", 1, bare, at=daily.at), message("R-1", "CarrierFirstScan", 2, bare, at=daily.at), paid)
    daily.turn()
    daily.pass_evenings(3, turns=2)
    meanwhile = (daily.credits, daily.state("R-1"), daily.exceptions())

    daily.at += timedelta(days=60)
    daily.pass_evenings(1, turns=1)

    assert meanwhile == ([], "waiting", {})
    assert daily.credits == []
    assert daily.exceptions() == {"PAID_NOT_ARRIVED": 1}
    assert daily.placed() == {"held": Decimal("-8.50")}


def test_goods_that_come_after_all_close_the_question_and_are_credited(daily: World) -> None:
    bare = [line("TEA", 2, "4.25")]
    paid = message("R-1", "RefundIssued", 2, bare, at=daily.at)
    paid["return"]["refund"] = {"amount": "10.20", "currency": "GBP", "reference": "PAY-1", "paidAt": "2010-12-01T10:00:00Z"}
    daily.tell(message("R-1", "ReturnCreated", 1, bare, at=daily.at), paid)
    daily.turn()
    daily.at += timedelta(days=61)
    daily.pass_evenings(1, turns=1)
    asked = daily.exceptions()

    daily.tell(message("R-1", "ParcelReceived", 3, [line("TEA", 2, "4.25", received=2)], at=daily.at),
               message("R-1", "ReturnInspected", 4, [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])],
                       at=daily.at + timedelta(hours=1)))
    daily.pass_evenings(3, turns=2)

    assert asked == {"PAID_NOT_ARRIVED": 1}
    assert money(daily) == [("TEA", 2, "8.50")]
    assert daily.exceptions() == {}


def test_a_return_that_is_cancelled_after_its_label_is_closed_without_a_word_to_the_erp(daily: World) -> None:
    bare = [line("TEA", 2, "4.25"), line("POST", 1, "7.50", order=None)]
    daily.house.desk(TENANT, "gb01").erp.capabilities()  # the look at the environment that every start begins with
    daily.tell(*[message("R-1", kind, number, bare, at=daily.at + timedelta(hours=number))
                 for number, kind in enumerate(("ReturnCreated", "LabelIssued", "ReturnCancelled"), 1)])
    daily.control("calls/reset", {})
    daily.turn()

    daily.pass_evenings(3, turns=2)

    assert daily.placed() == {"rejected": Decimal("-16.00")}
    assert daily.state("R-1") == "closed"
    assert daily.control("calls")["counted"] == 0

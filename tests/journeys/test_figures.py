"""Do the figures of a month's end come from live data: what came back, what is owed, and do they tie to the roll-forwards?"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from backhaul.application.value import value
from backhaul.domain.errors import RetryLater
from backhaul.domain.roll_forward import Flow
from backhaul.domain.rules import Booking
from backhaul.domain.valuation import UNGRADED, Figures, Policy, Where, liabilities, valued
from backhaul.entrypoints import valuing
from backhaul.entrypoints.months import prove_month
from tests.journeys.stage import TENANT, World, life, line
from tests.journeys.test_roll_forward import CUPS, POT, TEAS, clerk, closing, paid, rolled, shop

D = Decimal
POLICY = Policy(source="F-12", write_down={UNGRADED: D("0.10"), "quarantine": D("0.40")}, recovery={"gb01": D("0.50")})
QUARANTINED = line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 1, True), ("C", "QUARANTINE", 1, True)])


@pytest.fixture
def scm(erp: str, tmp_path: Path) -> Iterator[World]:
    world = shop(erp, tmp_path, Booking.CLEARING)
    world.change_rules(valuation=POLICY)
    world.house.settings = replace(world.house.settings, state_dir=tmp_path)
    world.control("seed", {"settings": {"schedule": {"invoice": ["20:00"]}}, "rows": {}})  # so that received goods lie for a day
    yield world
    world.house.close()


def figures(world: World) -> Figures:
    """Prove the month as of today, and give what was kept."""
    with prove_month(world.house, TENANT, "2010-12", world.at.date(), now=world.at):
        pass
    return valuing.asked(world.house.store, TENANT, "2010-12")


def until_goods_lie(world: World) -> None:
    """Let days pass until goods are in stock and not credited."""
    for _ in range(5):
        world.pass_days()
        clerk(world)
        if closing(rolled(world), Flow.RECEIVED):
            return
    pytest.fail("nothing was received")


def test_what_is_owed_ties_to_both_roll_forwards_and_what_is_announced_is_valued_by_its_sale(scm: World) -> None:
    paid(scm, "R-1", [TEAS], "10.20")
    paid(scm, "R-2", [POT], "15.00")
    scm.pass_days()
    scm.tell(*life("R-1", [TEAS], at=scm.at - timedelta(hours=9))[1:])
    until_goods_lie(scm)

    told = figures(scm)

    owed = {row.where: row for row in liabilities(told.owing, told.policy)}
    (tie,) = told.ties
    assert {where: (row.units, row.net, row.tax) for where, row in owed.items()} == {
        Where.IN_STOCK: (2, D("8.50"), D("1.70")), Where.EXPECTED: (1, D("12.50"), D("2.50"))}
    assert (tie.memo, tie.difference, tie.memo_tax) == (D("8.50"), 0, D("1.70"))
    assert (tie.gross, tie.paid, tie.to_pay) == (D("25.20"), D("25.20"), 0)
    assert owed[Where.IN_STOCK].cost == closing(rolled(scm), Flow.RECEIVED)
    assert owed[Where.EXPECTED].asset == owed[Where.EXPECTED].cost - D("0.50") - (owed[Where.EXPECTED].cost / 10).quantize(D("0.01"))
    assert told.remarks == ()


def test_what_came_back_is_valued_by_its_class_and_a_past_end_is_what_was_known_then(scm: World) -> None:
    scm.tell(*life("R-1", [QUARANTINED], at=scm.at), *life("R-3", [CUPS], at=scm.at))
    scm.pass_days(4)

    told = figures(scm)

    rows = {row.kind: row for row in valued(told.returned, told.policy)}
    assert {kind: row.units for kind, row in rows.items()} == {"sellable": 2, "quarantine": 1}
    assert rows["quarantine"].booked == rows["quarantine"].original > 0
    assert rows["quarantine"].value == rows["quarantine"].booked - (rows["quarantine"].booked * D("0.4")).quantize(D("0.01"))
    assert {(row.compared, row.unbooked, row.untraced) for row in rows.values()} == {(0, 0, 0)}
    assert told.owing == ()


def test_the_figures_of_a_past_day_are_what_was_known_then(scm: World) -> None:
    began = scm.at.date()
    scm.tell(*life("R-1", [TEAS], at=scm.at))
    scm.pass_days(4)
    scm.tell(*life("R-2", [POT], at=scm.at)[:1])
    scm.turn()
    rolled_then = rolled(scm, day=began)

    then = value(scm.house.store, {"gb01": scm.house.desk(TENANT, "gb01").erp}, scm.house.profiles[TENANT].rules, {}, rolled_then)
    now = figures(scm)

    assert [(each.return_ref, each.where, each.net) for each in then.owing] == [("R-1", Where.RECEIVED, D("8.50"))]
    assert [(each.return_ref, each.where, each.net) for each in now.owing] == [("R-2", Where.EXPECTED, D("12.50"))]


def test_an_erp_that_cannot_be_asked_is_a_remark_and_its_costs_are_not_known(scm: World) -> None:
    scm.tell(*life("R-2", [POT], at=scm.at)[:1])
    scm.turn()

    told = value(scm.house.store, {"gb01": RetryLater("away")}, scm.house.profiles[TENANT].rules, {}, rolled(scm))

    (row,) = liabilities(told.owing, told.policy)
    assert (row.net, row.untaxed, row.uncosted, row.asset) == (D("12.50"), 1, 1, 0)
    assert "gb01: what announced goods cost when they were issued was not read: away" in told.remarks

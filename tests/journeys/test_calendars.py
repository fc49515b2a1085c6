"""A retailer's weeks, two calendars in one tenant, an earlier cut-off, and books that refuse: told before anything is posted."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.application import close
from backhaul.application.attest import attest
from backhaul.application.close_ahead import ahead
from backhaul.application.pack import gather
from backhaul.bootstrap import examine
from backhaul.domain.fiscal_calendar import MONTHS, Calendar, Weeks
from backhaul.domain.planner import Landing
from backhaul.domain.rules import Close, LegalEntity, Window
from backhaul.domain.signature import Signer
from backhaul.entrypoints import worker
from backhaul.entrypoints.months import being_closed, prove_month
from tests.journeys.stage import TENANT, World, life, line, open_world

RETAIL = Calendar(listed=Weeks(pattern="4-4-5", begins=date(2010, 1, 31), years=2, year=2010).periods)
"""Its eleventh period is 28 November to 25 December, its twelfth 26 December to 29 January."""
CHRISTMAS = datetime(2010, 12, 25, 12, tzinfo=UTC)
DAILY = Window(close=Close.DAILY)


@pytest.fixture
def shop(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=DAILY)
    world.at = CHRISTMAS
    world.control("clock", {"now": world.at.isoformat()})
    world.ask_anew()
    change(world, calendar=RETAIL)
    yield world
    world.house.close()


def change(world: World, *others: LegalEntity, **more: Any) -> LegalEntity:
    """Let the legal entity have another calendar or cut-off from here on, and let there be others beside it."""
    entity = replace(world.house.desk(TENANT, "gb01").entity, **more)
    world.house.adopt(replace(world.house.desk(TENANT, "gb01"), entity=entity))
    world.change_rules(entities=(entity, *others))
    return entity


def tell_one(world: World, ref: str, retailer: str = "QX501") -> None:
    goods = [line("TEA", 1, "4.25", received=1, grades=[("A", "RESELL", 1, True)])]
    world.tell(*[each | {"retailerCode": retailer} for each in life(ref, goods, at=world.at - timedelta(hours=5))])


def planned(world: World, period: str) -> list[tuple[str, str, Landing, str]]:
    """Give where what waits lands, and where instead if the books would refuse it."""
    seen = ahead(world.house.store, world.house.profiles[TENANT].rules, period, world.at)
    return [(slot.lands_on.isoformat(), slot.period, slot.landing, slot.instead if slot.refused else "") for slot in seen.slots]


def accepted(world: World, period: str) -> list[str]:
    rules = world.house.profiles[TENANT].rules
    told = attest(world.house.store, {"gb01": world.house.desk(TENANT, "gb01").erp}, rules, period, world.at.date())
    return sorted(row["line"].partition("|")[0] for row in told.accepted)


def test_a_return_of_a_periods_last_day_belongs_to_it_and_that_its_batch_lands_in_the_next_is_told_before(shop: World) -> None:
    tell_one(shop, "R-1")
    shop.turn()

    told = planned(shop, "2010-11")
    shop.pass_evenings(3, turns=2)

    assert told == [("2010-12-26", "2010-12", Landing.AFTER, "")], "Christmas is the last day of the eleventh period"
    with shop.house.store.begin() as tx:
        assert [window.period for window in tx.windows(TENANT, "gb01")] == ["2010-12"]
    assert accepted(shop, "2010-11") == ["R-1"]
    assert accepted(shop, "2010-12") == []


def test_a_retailers_period_is_proved_closed_and_signed_for_by_its_own_last_day(shop: World) -> None:
    tell_one(shop, "R-1")
    shop.turn()
    shop.pass_evenings(3, turns=2)
    mine = close.Close(rules=shop.house.profiles[TENANT].rules, period="2010-11", legal_entity="gb01")

    with prove_month(shop.house, TENANT, "2010-11", shop.at.date(), now=shop.at) as (proof, _, _):
        figures = (proof.lines, proof.proved, proof.broken, proof.complete)
    seen = close.status(shop.house.store, mine, shop.at)
    files = {row[0] for row in gather(shop.house.store, mine.rules, "2010-11", lambda _file, _sha: None).sample}
    signed = close.sign(shop.house.store, mine, Signer.WAREHOUSE, shown=next(row.sha256 for row in seen.lists if row.signer == "warehouse"),
                        actor="will", now=shop.at)

    assert figures == (1, 1, 0, True)
    assert (seen.over, seen.cut_off, seen.steps[3]["by"]) == (True, CHRISTMAS.replace(hour=1), "2010-12-26")
    assert files == {"gb01"}
    (fell,) = close.check(shop.house.store, replace(mine.rules, entities=(replace(mine.entity, calendar=Calendar(
        listed=RETAIL.listed[12:])),)), sources=(), now=shop.at)
    assert (fell.id, fell.moved) == (signed.id, ("the calendar has no period 2010-11 any more",))


def test_each_legal_entitys_open_periods_are_proved_the_current_one_of_the_first_before_all(shop: World) -> None:
    other = replace(shop.house.desk(TENANT, "gb01").entity, id="gb02", calendar=MONTHS)
    change(shop, other)
    rules = shop.house.profiles[TENANT].rules

    assert [being_closed(rules, date(2010, 12, day)) for day in (5, 20, 26)] == [
        ["2010-11", "2010-10", "2010-12"], ["2010-11", "2010-12"], ["2010-12", "2010-11"]]
    assert being_closed(replace(rules, entities=rules.entities[:1]), date(2020, 1, 1)) == []


def test_two_companies_of_one_tenant_give_the_same_name_to_other_days(shop: World) -> None:
    desk = shop.house.desk(TENANT, "gb01")
    other = replace(desk.entity, id="gb02", calendar=MONTHS, retailers=frozenset({"OTHER"}))
    change(shop, other)
    shop.change_rules(mapping=(*desk.rules.mapping, *(replace(row, when=replace(row.when, legal_entity="gb02"))
                                                      for row in desk.rules.mapping)))
    shop.at = datetime(2010, 12, 28, 12, tzinfo=UTC)

    tell_one(shop, "R-1")
    tell_one(shop, "R-2", "OTHER")

    worker.digest(shop.house, TENANT, shop.at)
    seen = ahead(shop.house.store, shop.house.profiles[TENANT].rules, "2010-12", shop.at)

    assert {entity: at.date().isoformat() for entity, at in seen.cut_offs.items()} == {"gb01": "2011-01-29", "gb02": "2010-12-31"}
    assert (accepted(shop, "2010-11"), accepted(shop, "2010-12")) == ([], ["R-1", "R-2"])
    assert shop.house.profiles[TENANT].rules.span("2010-12") == replace(RETAIL.span("2010-12"), first=date(2010, 12, 1))


def test_an_earlier_cut_off_moves_the_batch_and_nothing_leaves_between_it_and_the_next_period(shop: World) -> None:
    change(shop, job_times=())
    tell_one(shop, "R-1")
    shop.turn()

    whole = planned(shop, "2010-11")
    change(shop, cut_off=time(17, 0))
    moved = planned(shop, "2010-11")
    shop.at = CHRISTMAS.replace(hour=19)
    shop.turn()
    over = (planned(shop, "2010-11"), shop.rows("ReturnOrderHeadersV2"))
    shop.at = CHRISTMAS + timedelta(days=1)
    shop.turn()

    assert whole == [("2010-12-25", "2010-11", Landing.IN, "")]
    assert moved == [("2010-12-26", "2010-12", Landing.MISSES, "")]
    assert over == ([("2010-12-26", "2010-12", Landing.AFTER, "")], []), "the daily window of 18:00 would have closed inside the period"
    with shop.house.store.begin() as tx:
        assert [window.period for window in tx.windows(TENANT, "gb01")] == ["2010-12"]


def test_what_waits_lands_by_the_jobs_the_erp_has_and_jobs_that_stop_are_named(shop: World) -> None:
    named = {"batch_jobs": "Sales packing slip, returned orders; Sales invoice, returned orders"}
    entity = shop.house.desk(TENANT, "gb01").entity
    change(shop, options={**entity.options, **named})
    tell_one(shop, "R-1")
    shop.turn()

    def seen() -> tuple[list[str], list[tuple[str, str, Landing, str]], list[str]]:
        notes = examine(shop.house.profiles[TENANT], "gb01", shop.house.store, shop.at)["notes"]
        coming = ahead(shop.house.store, shop.house.profiles[TENANT].rules, "2010-11", shop.at)
        return [note.split(":")[0] for note in notes if note.startswith("JOB_")], planned(shop, "2010-11"), [
            each.code for each in coming.jobs]

    as_stated = planned(shop, "2010-11")
    shop.control("seed", {"settings": {"schedule": {"packing-slip": ["20:30"], "invoice": ["21:00"]}}, "rows": {}})
    moved = seen()
    shop.control("seed", {"settings": {"jobStates": {"invoice": "Hold"}}, "rows": {}})
    withheld = seen()

    assert as_stated == [("2010-12-26", "2010-12", Landing.AFTER, "")]
    assert moved == (["JOB_TIMES_DIFFER"], [("2010-12-25", "2010-11", Landing.IN, "")], ["JOB_TIMES_DIFFER"])
    assert withheld == (["JOB_WITHHELD"], as_stated, ["JOB_WITHHELD"]), "without a whole schedule the profile is planned with"


def test_what_the_books_would_refuse_is_told_before_it_is_sent_with_the_period_that_takes_it(shop: World) -> None:
    shop.control("periods", [{"from": "2010-12-26", "to": "2011-01-29", "status": "on hold", "name": "P12"},
                             {"from": "2011-01-30", "to": "2011-02-26", "status": "open", "name": "P01"}])
    told = examine(shop.house.profiles[TENANT], "gb01", shop.house.store, shop.at)
    tell_one(shop, "R-1")
    shop.turn()

    before = planned(shop, "2010-11")
    shop.pass_evenings(2, turns=2)

    assert [note for note in told["notes"] if note.startswith("periods")] == ["periods: P12 of 2010 is on hold"]
    assert before == [("2010-12-26", "2010-12", Landing.AFTER, "2011-01")]
    assert (shop.exceptions(), shop.rows("ReturnOrderHeadersV2")) == ({"PERIOD_CLOSED": 1}, [])
    with shop.house.store.look() as tx:
        (row,) = tx.exceptions(TENANT)
    assert row.case.findings[0].sentence == "Period 2010-12 of gb01 is on hold."
    assert row.case.money.amount == Decimal("-4.25")


@pytest.mark.parametrize("closes", list(Close))
def test_after_its_calendars_last_day_a_line_is_held_where_people_see_it(shop: World, closes: Close) -> None:
    change(shop, calendar=Calendar(listed=RETAIL.listed[:11]))
    shop.change_rules(window=Window(close=closes))
    shop.at = CHRISTMAS + timedelta(days=2)
    tell_one(shop, "R-1")
    shop.turn()
    shop.pass_evenings(1, turns=2)

    told = examine(shop.house.profiles[TENANT], "gb01", shop.house.store, shop.at)

    assert (shop.exceptions(), shop.credits) == ({"PERIOD_CLOSED": 1}, [])
    assert "No period of the calendar of gb01 holds 2010-12-" in shop.open()[0].case.findings[0].sentence
    assert told["calendar"] == ["the profile's calendar ends on 2010-12-25; nothing is posted on a day after that"]


def test_business_central_tells_its_periods_by_the_days_they_begin_and_takes_nothing_outside_its_range(central: World) -> None:
    change(central, calendar=RETAIL)
    central.at = CHRISTMAS
    begins = {"P11": "2010-11-28", "P12": "2010-12-26", "P01": "2011-01-31"}
    central.control("seed", {"rows": {"accountingPeriods": [
        {"startingDate": day, "name": name, "closed": False} for name, day in begins.items()]}})
    central.control("periods", {"to": "2010-12-25"})

    told = examine(central.house.profiles[TENANT], "gb01", central.house.store, central.at)
    tell_one(central, "R-1")
    central.turn()
    before = planned(central, "2010-11")
    central.pass_evenings(1, turns=2)

    assert told["calendar"] == [
        "P12 in the ERP is 2010-12-26 to 2011-01-30, and period 2010-12 of the profile's calendar is 2010-12-26 to 2011-01-29"]
    assert told["notes"][-1] == "periods: 2010-12-26 to 9999-12-31 is closed"
    assert before == [("2010-12-25", "2010-11", Landing.IN, "")]
    assert central.exceptions() == {"PERIOD_CLOSED": 1}, "the evening of the 26th is outside the range of posting dates"


def test_an_erp_with_another_calendar_is_a_finding_of_the_doctor(shop: World) -> None:
    shop.control("periods", [{"month": "2010-12", "status": "open", "name": "December"}])

    told = examine(shop.house.profiles[TENANT], "gb01", shop.house.store, shop.at)

    assert told["calendar"] == [
        "December of 2010 in the ERP is 2010-12-01 to 2010-12-31, and period 2010-11 of the profile's calendar is 2010-11-28 to 2010-12-25"]

"""Real time for one kind of posting and windows for another: what each leg waits for, what it costs, and that nothing is credited twice."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.application.lease import LASTING
from backhaul.application.ports import KeptWindow
from backhaul.domain.rules import Close, Leg, Window
from backhaul.testing.interrupting import Fuse, Interrupted
from tests.journeys.stage import TENANT, WIRE, World, life, line, open_world, sold

AT_ONCE, HOURLY, DAILY = Window(close=Close.AT_ONCE), Window(every=timedelta(hours=1)), Window(close=Close.DAILY)
DRAFTS_AT_ONCE = {Leg.ORDER: AT_ONCE}


def open_in(erp: str, folder: Path, windows: Mapping[Leg, Window], *, rest: Window = DAILY, name: str = "backhaul",
            fuse: Fuse | None = None) -> World:
    """Open a world whose legs have these windows, and the rest another."""
    world = open_world(erp, f"sqlite:///{folder / name}.sqlite", window=rest, fuse=fuse)
    world.change_rules(windows=windows)
    return world


@pytest.fixture
def mixed(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_in(erp, tmp_path, DRAFTS_AT_ONCE)
    yield world
    world.house.close()


def tea(units: int = 1, **more: Any) -> dict[str, Any]:
    return line("TEA", units, "4.25", received=units, grades=[("A", "RESELL", units, True)], **more)


def closed(world: World) -> list[KeptWindow]:
    with world.house.store.begin() as tx:
        return list(tx.windows(TENANT, "gb01"))


def states(world: World) -> dict[str, str]:
    return {row.posting.key.kind.value: row.state.value for row in world.postings()}


def test_a_return_order_is_drafted_at_once_and_the_receipt_waits_for_the_evening(mixed: World) -> None:
    mixed.tell(*life("R-1", [tea()], at=mixed.at - timedelta(hours=5)))

    mixed.later()
    drafted = states(mixed), len(mixed.rows("ReturnOrderHeadersV2")), mixed.credits, mixed.state("R-1")
    mixed.pass_evenings(3, turns=2)

    assert drafted == ({"order": "verified", "order-line": "verified", "receipt": "planned", "credit-note": "planned"}, 1, [], "planned")
    assert mixed.credits == [("TEA", Decimal(1), Decimal("4.25"))]
    assert set(states(mixed).values()) == {"verified"}
    assert mixed.state("R-1") == "settled"


def test_every_leg_has_its_own_numbers_control_totals_and_sheets(mixed: World) -> None:
    for number in range(3):
        mixed.tell(*life(f"R-{number}", [tea()], at=mixed.at - timedelta(hours=5)))

    mixed.later()
    mixed.pass_evenings(3, turns=2)

    assert [(window.key, window.leg, window.number, window.returns) for window in closed(mixed)] == [
        ("online-retail:gb01:2010-12:order:1", "order", 1, 1), ("online-retail:gb01:2010-12:order:2", "order", 2, 1),
        ("online-retail:gb01:2010-12:order:3", "order", 3, 1), ("online-retail:gb01:2010-12:1", "", 1, 3)]
    assert [window.controls["by_kind"] for window in closed(mixed)] == [{"order": 1, "order-line": 1}] * 3 + [
        {"credit-note": 3, "receipt": 3}]
    assert [Decimal(window.controls["net"]) for window in closed(mixed)] == [0, 0, 0, Decimal("-12.75")]
    assert [(window.ledger["agrees"], window.ledger["count"]) for window in closed(mixed)] == [(True, 0)] * 3 + [(True, 3)]
    assert len(mixed.rows("ItemArrivalJournalHeadersV2")) == 1


def test_what_the_erp_refuses_of_a_draft_is_known_on_the_day_the_goods_came(mixed: World) -> None:
    mixed.tell(*life("R-1", [tea()], at=mixed.at - timedelta(hours=5))[:2])
    mixed.arm("error-before", status=400, path=r"\$batch", body="POST [^ ]*/ReturnOrderLinesV2 ", times=9)

    mixed.later()

    assert mixed.exceptions() == {"ERP_REJECTED": 1}
    assert mixed.credits == []


def test_a_leg_that_closes_first_takes_along_what_it_needs(erp: str, tmp_path: Path) -> None:
    world = open_in(erp, tmp_path, {Leg.GOODS: AT_ONCE})
    world.tell(*life("R-1", [tea(), line("POST", 1, "7.50", order=None)], at=world.at - timedelta(hours=5)))

    world.later()
    drafted = {(row.posting.key.kind.value, row.window) for row in world.postings() if row.window}
    world.pass_evenings(3, turns=2)
    world.house.close()

    assert drafted == {(kind, "online-retail:gb01:2010-12:goods:1") for kind in ("order", "order-line", "receipt", "credit-note")}
    assert world.credits == [("SVC-CARRIAGE", Decimal(1), Decimal("7.50")), ("TEA", Decimal(1), Decimal("4.25"))]


def test_a_held_line_is_judged_again_by_every_leg_and_goes_on_in_its_order(mixed: World) -> None:
    mixed.ask_anew()
    stops = {"IsSalesProcessingStopped": "Yes", "IsInventoryProcessingStopped": "No", "IsProcurementProcessingstopped": "No"}
    item = {"dataAreaId": "gb01", "ItemNumber": "TEA"}
    mixed.control("seed", {"rows": {"ProductDefaultOrderSettings": [item | stops]}})
    cup = line("CUP", 1, "2.95", received=1, grades=[("A", "RESELL", 1, True)])
    mixed.tell(*life("R-1", [tea(), cup], at=mixed.at - timedelta(hours=5)))
    mixed.later()
    held = mixed.exceptions(), [row["ReturnItemNumber"] if "ReturnItemNumber" in row else row["ItemNumber"]
                                for row in mixed.rows("ReturnOrderLinesV2")]
    mixed.pass_evenings(2, turns=2)
    still = mixed.exceptions(), mixed.credits

    mixed.control("seed", {"rows": {"ProductDefaultOrderSettings": [item | dict.fromkeys(stops, "No")]}})
    mixed.pass_evenings(4, turns=2)

    assert held == ({"SKU_BLOCKED": 1}, ["CUP"])
    assert still == ({"SKU_BLOCKED": 1}, [("CUP", Decimal(1), Decimal("2.95"))])
    assert mixed.credits == [("CUP", Decimal(1), Decimal("2.95")), ("TEA", Decimal(1), Decimal("4.25"))]
    assert mixed.exceptions() == {}


def test_a_draft_of_december_is_received_and_credited_in_january_by_a_window_of_january(mixed: World) -> None:
    mixed.at = datetime(2010, 12, 30, 9, tzinfo=UTC)
    mixed.control("clock", {"now": mixed.at.isoformat()})
    told = life("R-1", [tea()], at=datetime(2010, 12, 30, 4, tzinfo=UTC))
    mixed.tell(*told[:2])
    mixed.later()
    mixed.pass_evenings(3, turns=1)

    mixed.tell(*told[2:])
    mixed.pass_evenings(3, turns=2)

    assert [(window.leg, window.period, window.number) for window in closed(mixed)] == [("order", "2010-12", 1), ("", "2011-01", 1)]
    assert [note["date"][:7] for note in mixed.ledgers["creditNotes"]] == ["2011-01"]
    assert all(window.ledger["agrees"] and not window.ledger.get("posted_in_another_period") for window in closed(mixed))


@pytest.mark.parametrize("fault", [
    {"kind": "answer-lost", "times": 2, "path": r"\$batch", "body": "POST "}, {"kind": "late-commit", "path": r"\$batch", "body": "POST "},
    {"kind": "late-commit", "path": "Import"}], ids=["lost", "late-draft", "late-receipt"])
def test_a_lost_or_late_answer_in_any_leg_credits_once(mixed: World, fault: Mapping[str, Any]) -> None:
    told = life("R-1", [tea(), line("POST", 1, "7.50", order=None)], at=mixed.at - timedelta(hours=5))
    mixed.tell(*told)
    mixed.arm(**fault)

    for _ in range(3):
        mixed.later(10)
    mixed.pass_evenings(4, turns=3)
    mixed.tell(*told)
    mixed.pass_evenings(1, turns=2)

    assert mixed.credits == [("SVC-CARRIAGE", Decimal(1), Decimal("7.50")), ("TEA", Decimal(1), Decimal("4.25"))]
    assert mixed.exceptions() == {}


def test_a_worker_that_dies_in_any_leg_credits_once(finance_scm: str, tmp_path: Path) -> None:
    died = 0
    for point in range(3, 120, 13):
        WIRE.post(f"{finance_scm}/control/reset", json={}).raise_for_status()
        sold(finance_scm, tmp_path / "sales", ("500001", "TEA", 10, "4.25"))
        WIRE.post(f"{finance_scm}/control/seed", json={"settings": {"now": "2010-12-01T08:00:00Z"}, "rows": {}}).raise_for_status()
        world = open_in(finance_scm, tmp_path, DRAFTS_AT_ONCE, name=str(point), fuse=Fuse(at=point))
        try:
            tell_and_wait(world)
        except Interrupted:
            died += 1
            world.house.close()
            world = replace(open_in(finance_scm, tmp_path, DRAFTS_AT_ONCE, name=str(point)), at=world.at + LASTING)
            tell_and_wait(world)
        credited = world.credits
        world.house.close()
        assert credited == [("SVC-CARRIAGE", Decimal(1), Decimal("7.50")), ("TEA", Decimal(2), Decimal("8.50"))], point

    assert died == 9


def tell_and_wait(world: World) -> None:
    world.tell(*life("R-1", [tea(2), line("POST", 1, "7.50", order=None)], at=datetime(2010, 12, 1, 4, tzinfo=UTC)))
    world.turn()
    while world.at.day < 4:
        world.pass_days()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a setting cost for the same returns: ERP calls each, credit vouchers and arrival journals per 100."""

    calls: float
    vouchers: float
    journals: float


def cost_of(erp: str, folder: Path, name: str, windows: Mapping[Leg, Window], *, rest: Window = DAILY, returns: int = 20) -> Cost:
    """Play the same returns, five an hour, each inspected on the day after it came."""
    WIRE.post(f"{erp}/control/reset", json={}).raise_for_status()
    sold(erp, folder / name, *[(f"6000{number:02d}", "TEA", 3, "4.25") for number in range(returns)])
    WIRE.post(f"{erp}/control/seed", json={"settings": {"now": "2010-12-01T08:00:00Z"}, "rows": {}}).raise_for_status()
    world = open_in(erp, folder, windows, rest=rest, name=name)
    told = [life(f"R-{number:02d}", [tea(2, order=f"6000{number:02d}")], at=world.at - timedelta(hours=5)) for number in range(returns)]
    world.house.desk(TENANT, "gb01").erp.capabilities()
    world.control("calls/reset", {})
    for start in range(0, returns, 5):
        world.tell(*(each for life_ in told[start:start + 5] for each in life_[:2]))
        world.later(60)
    world.at = datetime(2010, 12, 2, 9, tzinfo=UTC)
    for start in range(0, returns, 5):
        world.tell(*(each for life_ in told[start:start + 5] for each in life_[2:]))
        world.later(60)
    world.pass_evenings(3, turns=2)
    calls, notes = world.control("calls")["counted"], world.ledgers["creditNotes"]
    assert world.credits == [("TEA", Decimal(2), Decimal("8.50"))] * returns
    journals = len(world.rows("ItemArrivalJournalHeadersV2"))
    world.house.close()
    vouchers = len({note["voucher"] for note in notes})
    return Cost(calls=calls / returns, vouchers=100 * vouchers / returns, journals=100 * journals / returns)


def test_drafts_at_once_cost_calls_and_drafts_by_the_hour_hardly_any(erp: str, tmp_path: Path, record_property: Any) -> None:
    windows = cost_of(erp, tmp_path, "windows", {})
    hourly = cost_of(erp, tmp_path, "hourly", {Leg.ORDER: HOURLY})
    drafts = cost_of(erp, tmp_path, "drafts", DRAFTS_AT_ONCE)
    alone = cost_of(erp, tmp_path, "alone", {}, rest=AT_ONCE)

    for name, cost in (("windows", windows), ("hourly", hourly), ("drafts", drafts), ("alone", alone)):
        record_property(name, str(cost))
    assert {cost.vouchers for cost in (windows, hourly, drafts, alone)} == {100}
    assert (hourly.journals, drafts.journals, alone.journals) == (5, 5, 100)
    assert hourly.calls <= windows.calls + 0.5
    assert drafts.calls <= 0.5 * alone.calls

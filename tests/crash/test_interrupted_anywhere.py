"""Whatever moment the process dies at, every accepted line has exactly one credit note in the end."""

import shutil
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path

import httpx
import pytest

from backhaul.adapters.sql.store import SqlStore
from backhaul.application.lease import LASTING
from backhaul.domain.rules import Close, Window
from backhaul.testing.interrupting import Fuse, Interrupted
from tests.journeys.stage import World, life, line, open_world, sold

LAST_DAY = 4
DAILY = Window(close=Close.DAILY)
WANTED = [("CUP", Decimal(2), Decimal("5.90")), ("SVC-CARRIAGE", Decimal(1), Decimal("7.50")),
          ("TEA", Decimal(1), Decimal("4.25")), ("TEA", Decimal(2), Decimal("8.50"))]


def fresh(erp: str, folder: Path) -> None:
    """Empty the ERP and load the sales again."""
    httpx.post(f"{erp}/control/reset", json={}).raise_for_status()
    sold(erp, folder, ("500001", "TEA", 10, "4.25"), ("500001", "CUP", 6, "2.95"))
    httpx.post(f"{erp}/control/seed", json={"settings": {"now": "2010-12-01T08:00:00Z"}, "rows": {}}).raise_for_status()


def story(world: World) -> None:
    """A return of three lines, one of them graded in two ways; told again after a death, it changes nothing."""
    world.tell(*life("R-1", [
        line("TEA", 3, "4.25", received=3, grades=[("A", "RESELL", 2, True), ("D", "SCRAP", 1, True)]),
        line("CUP", 2, "2.95", received=2, grades=[("B", "OUTLET", 2, True)]),
        line("POST", 1, "7.50", order=None),
    ], at=datetime(2010, 12, 1, 9, tzinfo=UTC)))
    world.turn()
    while world.at.day < LAST_DAY:
        world.pass_days()


@pytest.mark.timeout(900)
def test_a_process_that_dies_at_any_point_credits_each_accepted_line_once(finance_scm: str, tmp_path: Path) -> None:
    template = tmp_path / "template.sqlite"
    empty = SqlStore(f"sqlite:///{template}")
    empty.migrate()
    empty.close()
    died: list[str] = []

    for point in count(1):
        fresh(finance_scm, tmp_path / "sales")
        file = tmp_path / f"{point}.sqlite"
        shutil.copy(template, file)
        fuse = Fuse(at=point)
        world = open_world(finance_scm, f"sqlite:///{file}", window=DAILY, fuse=fuse)
        try:
            story(world)
        except Interrupted as where:
            died.append(str(where))
            world.house.close()
            at = world.at
            world = open_world(finance_scm, f"sqlite:///{file}", window=DAILY)
            world.at = at + LASTING  # the lease of the dead one has to be over
            story(world)
        credited = world.credits
        world.house.close()
        assert credited == WANTED, f"after dying at point {point}, {fuse.where}"
        if not fuse.where:
            break

    assert {"before commit", "after commit", "before post receipt", "after post receipt", "after post fee-release",
            "after find", "after master_data"} <= set(died)
    assert len(died) > 100

"""Whatever moment the process dies at, every accepted line has exactly one credit note in the end."""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from backhaul.application.lease import LASTING
from backhaul.testing.interrupting import Fuse, Interrupted
from tests.journeys.stage import DAILY, WIRE, World, life, line, open_world, sold, sold_centrally

BY_HAND = ("finance-scm", "B")
"""Where people register what arrives."""
WANTED = [("CUP", Decimal(2), Decimal("5.90")), ("SVC-CARRIAGE", Decimal(1), Decimal("7.50")),
          ("TEA", Decimal(1), Decimal("4.25")), ("TEA", Decimal(2), Decimal("8.50"))]


@dataclass(slots=True)
class Noting(Fuse):
    """A fuse that never blows and writes down what it passes."""

    seen: list[str] = field(default_factory=list)

    def pass_(self, where: str) -> None:
        self.seen.append(where)


def fresh(erp: str, folder: Path, kind: str) -> None:
    """Empty the ERP and load the sales again."""
    if kind == "business-central":
        sold_centrally(erp, folder)
        return
    WIRE.post(f"{erp}/control/reset", json={}).raise_for_status()
    sold(erp, folder, ("500001", "TEA", 10, "4.25"), ("500001", "CUP", 6, "2.95"))
    WIRE.post(f"{erp}/control/seed", json={"settings": {"now": "2010-12-01T08:00:00Z"}, "rows": {}}).raise_for_status()


def story(world: World, days: int, *, arrive: bool) -> None:
    """A return of three lines, one of them graded in two ways; told again after a death, it changes nothing. People register by day."""
    world.tell(*life("R-1", [
        line("TEA", 3, "4.25", received=3, grades=[("A", "RESELL", 2, True), ("D", "SCRAP", 1, True)]),
        line("CUP", 2, "2.95", received=2, grades=[("B", "OUTLET", 2, True)]),
        line("POST", 1, "7.50", order=None),
    ], at=datetime(2010, 12, 1, 9, tzinfo=UTC)))
    world.turn()
    while world.at.day < days:
        if arrive:
            world.arrive()
        world.pass_days()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("kind", "mode", "days", "first", "every", "through"), [
    # Every point of mode A, in two halves that two processes can take.
    ("finance-scm", "A", 4, 1, 2, {"before commit", "before post receipt", "after post fee-release", "after find"}),
    ("finance-scm", "A", 4, 2, 2, {"after commit", "after post receipt", "after master_data"}),
    # What differs in the other modes is which kinds are sent: each of them is hit, and every so manieth point besides; `make crash`
    # takes every point of every mode.
    ("finance-scm", "B", 5, 1, 8, {"after post order-line", "before post fee-release"}),
    ("finance-scm", "C", 6, 1, 8, {"after post order-line", "before post release", "after post issue"}),
    ("business-central", "A", 4, 1, 10, {"after post fee-order", "after post order-line", "after post release"}),
    ("business-central", "B", 4, 1, 10, {"after post fee-order", "after post order-line", "after post release"}),
    ("business-central", "C", 4, 1, 10, {"after post fee-order", "after post order-line", "before post release", "after post release"}),
])
def test_a_process_that_dies_at_any_point_credits_each_accepted_line_once(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, mode: str, days: int, first: int, every: int, through: set[str],
) -> None:
    erp = request.getfixturevalue(kind.replace("-", "_"))

    def open_at(point: int, fuse: Fuse | None = None) -> World:
        file = tmp_path / f"{point}.sqlite"
        if not file.exists():
            fresh(erp, tmp_path / "sales", kind)
        return open_world(erp, f"sqlite:///{file}", window=DAILY, fuse=fuse, mode=mode, kind=kind)

    noted = Noting(at=0)
    calm = open_at(0, noted)
    story(calm, days, arrive=(kind, mode) == BY_HAND)
    stock = calm.ledgers["stock"]
    calm.house.close()
    every = 1 if os.environ.get("BACKHAUL_EVERY_POINT") else every
    points = {noted.seen.index(where) + 1 for where in through} | set(range(first, len(noted.seen) + 1, every))

    for point in sorted(points):
        fuse = Fuse(at=point)
        world = open_at(point, fuse)
        with pytest.raises(Interrupted):
            story(world, days, arrive=(kind, mode) == BY_HAND)
        at = world.at
        world.house.close()
        world = open_at(point)
        world.at = at + LASTING  # the lease of the dead one has to be over
        story(world, days, arrive=(kind, mode) == BY_HAND)
        credited, left = world.credits, world.ledgers["stock"]
        world.house.close()
        assert credited == WANTED, f"after dying at point {point}, {fuse.where}"
        assert left == stock, f"after dying at point {point}, {fuse.where}"

    assert through <= set(noted.seen)
    assert len(points) > 100 / every

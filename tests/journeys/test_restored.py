"""A database that was restored from a backup knows nothing of what was posted since: is none of it posted again? (part of INV-29)"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.testing.interrupting import Fuse
from tests.crash import test_interrupted_kinds as kinds
from tests.journeys.stage import DAILY, World, life, line, open_world

TEA = line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])
CUP = line("CUP", 1, "2.95", received=1, grades=[("A", "RESELL", 1, True)])
POT = line("POT", 1, "12.50", order="500002", received=1, grades=[("D", "SCRAP", 1, True)])


def backed_up(folder: Path) -> None:
    """Take a backup as SQLite does it."""
    with closing(sqlite3.connect(folder / "books.sqlite")) as book, closing(sqlite3.connect(folder / "backup.sqlite")) as there:
        book.backup(there)


def restored(world: World, folder: Path, again: Callable[[], World]) -> World:
    """Lose the database, put the backup in its place, and start anew at the same time."""
    at = world.at
    world.house.close()
    for end in ("", "-wal", "-shm"):
        (folder / f"books.sqlite{end}").unlink(missing_ok=True)
    (folder / "backup.sqlite").rename(folder / "books.sqlite")
    world = again()
    world.at = at
    return world


def days(world: World, number: int, *, arrives: bool) -> None:
    for _ in range(number):
        world.pass_evenings()
        if arrives:
            world.arrive()


def held(world: World) -> tuple[Any, ...]:
    """Say what the ERP holds: stock, credits, how many entries, and that they agree."""
    told = world.ledgers
    stock = {place: Decimal(str(units)) for place, units in told["stock"].items() if Decimal(str(units))}
    return stock, world.credits, len(told["creditNotes"]), told["unitsReceived"], told["trialBalance"], told["balanced"]


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind in ("finance-scm", "business-central") for mode in "ABC"])
def test_goods_and_credits_of_after_the_backup_are_not_posted_again(
        kind: str, mode: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = request.getfixturevalue("erp" if kind == "finance-scm" else "central_erp")
    arrives = kind == "finance-scm" and mode != "A"

    def opened() -> World:
        return open_world(url, f"sqlite:///{tmp_path / 'books.sqlite'}", window=DAILY, mode=mode, kind=kind)

    world = opened()
    world.tell(*life("R-1", [TEA], at=world.at))
    days(world, 1, arrives=arrives)  # R-1 is under way when the backup is taken
    backed_up(tmp_path)
    world.tell(*life("R-2", [CUP], at=world.at), *life("R-3", [POT], at=world.at))
    days(world, 6, arrives=arrives)
    before, refs = held(world), ("R-1", "R-2", "R-3")
    settled = {world.state(ref) for ref in refs}
    world = restored(world, tmp_path, opened)
    world.tell(*life("R-3", [POT], at=world.at))  # told again on other days, and so in other windows
    days(world, 2, arrives=arrives)
    world.tell(*life("R-2", [CUP], at=world.at))
    days(world, 6, arrives=arrives)
    after, owned = held(world), {row.case.return_ref for row in world.open()}
    unowned = {ref: world.state(ref) for ref in refs if ref not in owned}
    world.house.close()

    assert after == before
    assert len(before[1]) == 3
    assert settled == {"settled"}
    assert set(unowned.values()) <= {"settled"}, "what was posted since is found, or somebody has it"
    assert not owned or (kind, mode) not in {("business-central", "B"), ("business-central", "C")}, "there all of it is found"


def test_packages_of_journals_and_fees_of_after_the_backup_are_not_posted_again(finance_scm: str, tmp_path: Path) -> None:
    kinds.fresh(finance_scm, tmp_path / "sales")

    def opened() -> World:
        return kinds.open_at(finance_scm, tmp_path / "books.sqlite", Fuse())

    world = opened()
    backed_up(tmp_path)
    kinds.story(world)
    before = kinds.ended(world), held(world)
    world = restored(world, tmp_path, opened)
    kinds.story(world)
    for _ in range(6):
        world.pass_days()
    after = kinds.ended(world), held(world)
    world.house.close()

    assert after == before

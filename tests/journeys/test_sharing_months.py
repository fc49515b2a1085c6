"""Do several workers on one database share the months that are to be proved, never two at the same one, and stays what each run read?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from backhaul.application.extracts import files_of
from backhaul.application.lease import HeldElsewhere, held
from backhaul.domain.entry import Shown
from backhaul.domain.errors import RetryLater
from backhaul.entrypoints import months
from backhaul.entrypoints.chaining import sha256_of
from tests.journeys.stage import DAILY, MORNING, TENANT, World, life, line, open_world

TEA = line("TEA", 1, "4.25", received=1, grades=[("A", "RESELL", 1, True)])


@pytest.fixture(params=["sqlite", "postgresql"])
def shared(erp: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """Give a December in which a return is credited, on either database."""
    url = f"sqlite:///{tmp_path / 'backhaul.sqlite'}" if request.param == "sqlite" else request.getfixturevalue("migrated_postgres_url")
    world = open_world(erp, url, window=DAILY)
    world.house.settings = replace(world.house.settings, state_dir=tmp_path)
    world.tell(*life("C900001", [TEA], at=MORNING))
    world.pass_evenings(2)
    yield world
    world.house.close()


def runs(world: World) -> list[str]:
    with world.house.store.begin() as tx:
        return [kept.period for kept in tx.proofs(TENANT)]


def test_a_second_worker_proves_the_other_month_and_is_told_who_proves_the_first(shared: World) -> None:
    other = replace(shared.house, worker="other")

    with months.prove_month(shared.house, TENANT, "2010-12", shared.at.date(), now=shared.at):
        with pytest.raises(HeldElsewhere, match=f"proof:2010-12: {shared.house.worker} acts for it"), \
                months.prove_month(other, TENANT, "2010-12", shared.at.date(), now=shared.at):
            pass
        told = months.prove_when_due(other, TENANT, shared.at)

    assert (set(told), runs(shared)) == ({"elsewhere", "2010-11"}, ["2010-11", "2010-12"])


def test_a_worker_that_died_leaves_its_month_to_the_next(shared: World) -> None:
    with shared.house.store.begin() as tx:
        tx.take_lease(TENANT, "proof:2010-12", holder="dead", now=shared.at, until=shared.at + months.PROVING)

    soon = months.prove_when_due(shared.house, TENANT, shared.at + timedelta(minutes=1))
    later = months.prove_when_due(shared.house, TENANT, shared.at + timedelta(minutes=31))

    assert (set(soon), set(later)) == ({"elsewhere", "2010-11"}, {"2010-12"})


def test_a_worker_whose_month_somebody_took_over_keeps_nothing(shared: World) -> None:
    def take_over() -> None:
        with shared.house.store.begin() as tx:
            late = shared.at + timedelta(hours=1)
            tx.take_lease(TENANT, "proof:2010-12", holder="other", now=late, until=late + months.PROVING)

    desk = shared.house.desk(TENANT, "gb01")
    shared.house.adopt(replace(desk, erp=_Slow(desk.erp, take_over)))  # type: ignore[arg-type]  the proof asks it nothing else
    with pytest.raises(RetryLater, match="another worker took over"), \
            months.prove_month(shared.house, TENANT, "2010-12", shared.at.date(), now=shared.at):
        pass

    assert runs(shared) == []
    assert not [*shared.house.settings.state_dir.glob(f"extracts/{TENANT}/2010-12/*/[!n]*")]
    shared.house.adopt(desk)
    with months.prove_month(shared.house, TENANT, "2010-12", shared.at.date(), now=shared.at + timedelta(hours=2)) as (proof, _, more):
        assert (proof.lines, more["effort"]["judged"]) == (1, 1), "what was judged and not kept is not believed"


def test_a_month_that_is_proved_for_longer_than_a_lease_lasts_stays_held(shared: World) -> None:
    spent = [0.0]

    def read_for_an_hour() -> None:
        spent[0] += 60 * 60

    shared.house.elapsed = lambda: spent[0]
    desk = shared.house.desk(TENANT, "gb01")
    shared.house.adopt(replace(desk, erp=_Slow(desk.erp, read_for_an_hour)))  # type: ignore[arg-type]  as above

    with months.prove_month(shared.house, TENANT, "2010-12", shared.at.date(), now=shared.at) as (proof, _books, _):
        later = shared.at + timedelta(minutes=75)
        with pytest.raises(HeldElsewhere, match=f"{shared.house.worker} acts for it"), \
                held(shared.house.store, TENANT, "proof:2010-12", holder="other", now=later, lasting=months.PROVING, elapsed=lambda: 0):
            pass

    assert (proof.lines, len(runs(shared))) == (1, 1), "nobody had taken over, so that one long step is no reason to stop"


def test_what_an_earlier_run_of_the_same_day_read_is_not_written_over(shared: World) -> None:
    with months.prove_month(shared.house, TENANT, "2010-12", shared.at.date(), now=shared.at) as (_, _books, first):
        pass
    shared.tell(*life("C900002", [TEA], at=shared.at))
    shared.later()
    with months.prove_month(shared.house, TENANT, "2010-12", shared.at.date(), now=shared.at) as (proof, _books, second):
        pass

    assert proof.lines == 2
    assert first["extracts"] != second["extracts"]
    files = [file for each in first["extracts"] for file in files_of(each)]
    assert [sha256_of(Path(file["file"])) for file in files] == [file["sha256"] for file in files]
    assert not list(Path(files[0]["file"]).parent.glob("new-*"))


@dataclass
class _Slow:
    """An ERP whose books take so long to read that something happens meanwhile."""

    erp: Any
    meanwhile: Callable[[], None]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.erp, name)

    def entries(self, first: date, last: date) -> Shown:
        """Read, and let it happen."""
        self.meanwhile()
        shown: Shown = self.erp.entries(first, last)
        return shown

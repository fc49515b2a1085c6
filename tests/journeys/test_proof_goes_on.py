"""Is only what changed worked out again for the next proof of a month, and does that proof say what one of everything would say?"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from backhaul.application import resolve
from backhaul.application.claims import claims
from backhaul.application.folded import begin
from backhaul.domain.facts import Decision
from backhaul.domain.rules import Rules
from backhaul.entrypoints.months import prove_month
from tests.journeys.stage import DAILY, MORNING, TENANT, World, life, line, open_world

GOOD = ("A", "RESELL", 1, True)
SORTS = [line("TEA", 1, "4.25", received=1, grades=[GOOD]), line("CUP", 1, "2.95", received=1, grades=[("D", "SCRAP", 1, True)]),
         line("CUP", 1, "2.95", received=1, grades=[("A", "DONATE", 1, True)]), line("TEA", 1, "4.25", grades=[("NONE", "KEEP", 1, True)]),
         line("CUP", 1, "2.95", received=1, grades=[("D", "SCRAP", 1, False)])]


@pytest.fixture(params=["sqlite", "postgresql"])
def month(erp: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """Give a December in which two returns are credited."""
    url = f"sqlite:///{tmp_path / 'backhaul.sqlite'}" if request.param == "sqlite" else request.getfixturevalue("migrated_postgres_url")
    world = open_world(erp, url, window=DAILY)
    world.house.settings = replace(world.house.settings, state_dir=tmp_path)
    world.tell(*life("C900001", [SORTS[0]], at=MORNING), *life("C900002", [SORTS[1]], at=MORNING))
    world.pass_evenings(3)
    yield world
    world.house.close()


def proved(world: World, *, anew: bool = False) -> tuple[Any, dict[str, int]]:
    """Prove the month as the command does: all that is said of it, and how many returns were worked out for that."""
    with prove_month(world.house, TENANT, "2010-12", world.at.date(), now=world.at, anew=anew) as (proof, books, more):
        figures = {name: value for name, value in asdict(proof).items() if name != "relied_on"}
        return (figures, list(books.found()), {each["side"]: each["sha256"] for each in more["extracts"]}), more["effort"]


def test_nothing_is_worked_out_again_of_returns_to_which_nothing_happened(month: World) -> None:
    _, first = proved(month)
    whole, second = proved(month)
    month.tell(*life("C900003", [SORTS[2]], at=month.at))
    month.later()
    grown, third = proved(month)
    again, asked = proved(month, anew=True)

    assert (first["worked_out"], second["worked_out"], second["kept"]) == (2, 0, 2)
    assert (third["worked_out"], third["kept"], asked["worked_out"]) == (1, 2, 3)
    assert (whole[0]["lines"], grown[0]["lines"]) == (2, 3)
    assert again == grown


@pytest.mark.parametrize("month", ["sqlite"], indirect=True)
def test_whatever_happens_day_after_day_the_next_proof_says_what_one_of_everything_would(month: World) -> None:
    chance, effort = Random(20101201), []
    for number in range(4):
        month.tell(*life(f"C91000{number}", [chance.choice(SORTS)], at=month.at))
        month.later()
        if waits := [row for row in month.open() if row.case.return_ref.startswith("C9")]:
            resolve.decide(month.house.store, TENANT, chance.choice(waits).id, Decision.CLOSE, actor="ann", approver="bob",
                           reason="agreed", now=month.at)
        month.pass_evenings(1)

        onward, spent = proved(month)
        whole, _ = proved(month, anew=True)
        effort.append(spent["worked_out"])

        assert onward == whole, f"evening {number}"

    assert effort[-1] < 2 + len(effort)


def test_other_rules_work_everything_out_again_and_the_proof_says_why(month: World) -> None:
    proved(month)
    month.change_rules(deadlines=replace(rules_of(month).deadlines, erp_job=timedelta(days=9)))

    with prove_month(month.house, TENANT, "2010-12", month.at.date(), now=month.at) as (proof, _, more):
        assert more["effort"] == {"kept": 0, "worked_out": 2, "other_rules": 2}

    assert "2 of them because the rules changed since" in proof.relied_on
    assert proved(month)[1]["worked_out"] == 0


def test_claims_are_those_of_a_full_reading_and_a_long_history_is_not_folded_again(month: World) -> None:
    store = month.house.store
    counting: Any = _Counting(store)
    turn = begin(store, rules_of(month))
    full = claims(store, rules_of(month), turn=turn)
    month.tell(*life("C900003", [SORTS[0]], at=month.at))
    month.pass_evenings(3)

    seen = claims(counting, rules_of(month))

    assert counting.read == {"C900003"}
    assert seen == claims(store, rules_of(month), anew=True) != full
    assert {ref for each in seen for ref in each.refs} == {"C900001", "C900002", "C900003"}


class _Counting:
    """A store that tells of which returns somebody reads the facts."""

    def __init__(self, store: Any) -> None:
        self.store, self.read = store, set[str]()

    @contextmanager
    def look(self) -> Iterator[Any]:
        """Give what a look gives, and remember what is asked of it."""
        with self.store.look() as tx:
            yield _Reading(tx, self.read)


class _Reading:
    """A transaction that remembers of which returns facts were asked for."""

    def __init__(self, tx: Any, read: set[str]) -> None:
        self.tx, self.read = tx, read

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tx, name)

    def facts(self, tenant: str, refs: Any) -> Any:
        self.read |= set(refs)
        return self.tx.facts(tenant, refs)


def rules_of(world: World) -> Rules:
    return world.house.profiles[TENANT].rules

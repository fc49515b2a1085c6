"""Is only what changed worked out again for the next proof of a month, and does that proof say what one of everything would say?"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from backhaul.application import resolve
from backhaul.application.advance import History
from backhaul.application.claims import claims
from backhaul.application.extracts import files_of
from backhaul.application.folded import begin
from backhaul.application.reconcile import as_they_stand
from backhaul.domain.facts import Decision
from backhaul.domain.rules import Rules
from backhaul.entrypoints.chaining import LINED
from backhaul.entrypoints.cli import app
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


def files(world: World) -> dict[str, list[str]]:
    """Prove the month; give the files of each side."""
    with prove_month(world.house, TENANT, "2010-12", world.at.date(), now=world.at) as (_, _books, more):
        return {each["side"]: [file["file"] for file in files_of(each)] for each in more["extracts"]}


def test_nothing_is_worked_out_again_of_returns_to_which_nothing_happened(month: World) -> None:
    _, first = proved(month)
    whole, second = proved(month)
    month.tell(*life("C900003", [SORTS[2]], at=month.at))
    month.later()
    grown, third = proved(month)
    again, asked = proved(month, anew=True)

    assert (first["worked_out"], second["worked_out"], second["kept"]) == (2, 0, 2)
    assert (third["worked_out"], third["kept"], asked["worked_out"]) == (1, 2, 3)
    assert [each["judged"] for each in (first, second, third, asked)] == [2, 0, 1, 3]
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
        assert more["effort"] == {"kept": 0, "worked_out": 2, "other_rules": 2, "judged": 2}

    assert "2 of them because the rules changed since" in proof.relied_on
    assert proved(month)[1]["worked_out"] == 0


def test_an_erp_that_answers_at_another_address_is_no_other_rule(month: World) -> None:
    proved(month)
    entities = rules_of(month).entities
    month.change_rules(entities=tuple(replace(each, options={**each.options, "base_url": "https://moved.example"}) for each in entities))
    moved = proved(month)[1]
    month.change_rules(entities=tuple(replace(each, options={**each.options, "sku": "external"}) for each in entities))
    differs = proved(month)[1]

    assert (moved["worked_out"], moved["judged"]) == (0, 0)
    assert differs["other_rules"] == 2


def test_a_run_adds_only_what_is_new_to_the_files_and_they_prove_the_month_by_themselves(month: World, tmp_path: Path) -> None:
    before = files(month)
    month.tell(*life("C900003", [SORTS[0]], at=month.at))
    month.later()
    after = files(month)
    again = files(month)

    assert {side: len(names) for side, names in before.items() if side in LINED} == dict.fromkeys(LINED, 1)
    assert after["accepted"][:-1] == before["accepted"]
    assert again == after
    with duckdb.connect() as engine:
        added = engine.execute(f"SELECT DISTINCT line FROM {as_they_stand(after['accepted'][-1:])}").fetchall()  # noqa: S608  ours
    assert added == [("C900003|TEA#1",)]

    folder = tmp_path / "extracts" / TENANT / "2010-12" / "1"
    told = CliRunner().invoke(app, [
        "reconcile", "--left", f"{folder}/accepted-*.parquet", "--right", f"{folder}/records-*.parquet",
        "--held", f"{folder}/held-*.parquet", "--day", month.at.date().isoformat(), "--json"])
    shown = json.loads(told.stdout)
    with prove_month(month.house, TENANT, "2010-12", month.at.date(), now=month.at) as (proof, _, _more):
        assert (shown["lines"], shown["proved"], shown["in_timing"], shown["broken"]) == (
            proof.lines, proof.proved, proof.in_timing, proof.broken) == (3, 2, 1, 0)


def test_where_the_history_is_in_doubt_everything_is_judged_anew_from_the_files(month: World, tmp_path: Path) -> None:
    folder = tmp_path / "extracts" / TENANT / "2010-12"
    first, _ = proved(month)
    with History(str(folder / "history.duckdb")) as history:
        history.run("DELETE FROM kept.proved_records")
        history.say("of somebody else")
    doubted, one = proved(month)
    (folder / "history.duckdb").unlink()
    gone, two = proved(month)
    (folder / "history.duckdb").write_bytes(b"no history" * 1000)
    unreadable, three = proved(month)
    again, four = proved(month)

    assert first == doubted == gone == unreadable == again
    assert [each["judged"] for each in (one, two, three, four)] == [2, 2, 2, 0]


def test_a_file_that_was_changed_begins_new_ones_and_the_old_ones_stay(month: World, tmp_path: Path) -> None:
    folder = tmp_path / "extracts" / TENANT / "2010-12"
    before = files(month)
    for changed in (Path(before["records"][0]), Path(before["accepted"][0])):
        changed.write_bytes(changed.read_bytes() + b" ")

    after, (told, effort) = files(month), proved(month)

    assert {Path(name).parent for names in after.values() for name in names} == {folder / "2"}
    assert all(Path(name).is_file() for names in before.values() for name in names)
    assert (told[0]["lines"], effort["judged"]) == (2, 0)


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

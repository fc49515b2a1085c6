"""Do several processes that share a proof say what one says, and is it an error when one of them does not come back?"""

import json
import os
import signal
import tempfile
import time
from pathlib import Path
from threading import Thread

import pytest
from tests.application.test_reconcile import entries, some_world, written
from typer.testing import CliRunner, Result

from backhaul.domain.errors import Misconfigured
from backhaul.entrypoints.cli import app
from backhaul.entrypoints.spreading import divided, spread


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let this be the system's temporary folder."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def reconciled(files: list[str], *more: str) -> Result:
    """Prove extracts from the command line."""
    left, right, held = files
    return CliRunner().invoke(app, ["reconcile", "--left", left, "--right", right, "--held", held, "--day", "2026-10-31", "--json", *more])


@pytest.mark.parametrize(("seed", "ledger", "third"), [(1, True, False), (2, False, True)])
def test_two_and_three_processes_say_what_one_says(tmp_path: Path, temporary: Path, *, seed: int, ledger: bool, third: bool) -> None:
    accepted, records, held, booked = some_world(seed, third=third)
    files = written(tmp_path, accepted, [*records, *(entries(booked) if ledger else ())], held)

    told = {number: reconciled(files, "--workers", str(number), "--report", str(tmp_path / f"{number}.csv")) for number in (1, 2, 3)}

    assert {each.exit_code for each in told.values()} == {1}
    assert json.loads(told[1].stdout)["broken"] > 0
    reports = {number: sorted((tmp_path / f"{number}.csv").read_text(encoding="utf-8").splitlines()) for number in told}
    for number in (2, 3):  # classes have no order among them, nor have rows that are alike in line and document
        assert json.loads(told[number].stdout) == json.loads(told[1].stdout)
        assert reports[number] == reports[1]
    assert not list(temporary.iterdir())


def test_a_bad_value_in_one_part_stops_the_proof_by_name(tmp_path: Path, temporary: Path) -> None:
    accepted, records, held, _ = some_world(1, third=False)
    accepted["R0"] = next(iter(accepted.values())) | {"tax": "8,50"}

    told = reconciled(written(tmp_path, accepted, records, held), "--workers", "3")

    assert told.exception is not None
    assert isinstance(told.exception, Misconfigured)
    assert "8,50" in str(told.exception)
    assert "Mend the extract and run it again" in str(told.exception)
    assert not told.stdout
    assert not list(temporary.iterdir())


def test_a_process_that_is_killed_leaves_nothing_called_clean(tmp_path: Path, temporary: Path) -> None:
    accepted, records, held, _ = some_world(1, third=False)
    left, _, _ = written(tmp_path, accepted, records, held)
    os.mkfifo(right := tmp_path / "right.csv")  # nobody ever writes into it, so that whoever reads it waits
    killer = Thread(target=kill_a_child, daemon=True)
    killer.start()

    with pytest.raises(Misconfigured, match=r"Process \d of 2 died with status -9.*fewer --workers"), spread(left, str(right), 2, "700MB"):
        pytest.fail("the proof went on")

    killer.join()
    assert not list(temporary.iterdir())


def kill_a_child() -> None:
    """Kill one of the processes that this one began to look through extracts, once there are two of them."""
    me = os.getpid()
    while True:
        children = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit() and is_looking(each, me)]
        if len(children) > 1:
            os.kill(children[0], signal.SIGKILL)
            return
        time.sleep(0.05)


def is_looking(process: Path, parent: int) -> bool:
    """Tell whether a process is one of those."""
    try:
        whose = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        return whose == parent and b"spawn_main" in (process / "cmdline").read_bytes()
    except OSError:
        return False


def test_memory_is_shared_equally_and_what_is_no_amount_is_refused() -> None:
    assert (divided("700MB", 2), divided("1.5 GiB", 3), divided("80%", 4)) == ("350.00MB", "0.50GiB", "20.00%")
    with pytest.raises(Misconfigured, match="--memory 'much' is no amount like 700MB"):
        divided("much", 2)


def test_a_month_of_the_database_is_not_spread(tmp_path: Path) -> None:
    for more in (["--period", "2026-10"], ["--history", str(tmp_path / "history.duckdb")]):
        assert CliRunner().invoke(app, ["reconcile", *more, "--workers", "2"]).exit_code == 2

"""Can anybody prove exported data from a terminal?"""

import json
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backhaul.domain.errors import Misconfigured
from backhaul.entrypoints.cli import app
from backhaul.entrypoints.demo import again
from backhaul.entrypoints.straight import plain

LEFT = "line,item,units,stocked,net,accepted_on,due_on\nR1,TEA,2,2,8.50,2026-10-05,2026-10-12\nR2,CUP,1,1,5.00,2026-10-30,2026-11-06\n"
RIGHT = ("side,line,document,status,item,units,net,posted_on\ncredit,R1,CN-1,posted,TEA,2,{net},2026-10-06\n"
         "stock,R1,PS-1,posted,TEA,2,,2026-10-06\n")


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    (tmp_path / "left.csv").write_text(LEFT, encoding="utf-8")
    (tmp_path / "right.csv").write_text(RIGHT.format(net="8.50"), encoding="utf-8")
    return ["reconcile", "--left", str(tmp_path / "left.csv"), "--right", str(tmp_path / "right.csv"), "--day", "2026-10-31"]


def test_what_agrees_is_proved_and_what_is_not_late_is_in_timing(files: list[str]) -> None:
    told = CliRunner().invoke(app, [*files, "--json"])

    answer = json.loads(told.stdout)
    assert told.exit_code == 0
    assert (answer["lines"], answer["proved"], answer["in_timing"], answer["broken"], answer["complete"]) == (2, 1, 1, 0, True)
    assert answer["awaited"] == {"ERP_AWAITED": {"count": 1, "amount": "5.0000"}}


def test_a_broken_line_is_shown_with_its_class_and_owner_and_the_status_says_no(files: list[str], tmp_path: Path) -> None:
    (tmp_path / "right.csv").write_text(RIGHT.format(net="9.50"), encoding="utf-8")

    told = CliRunner().invoke(app, [*files, "--report", str(tmp_path / "broken.csv")], env={"COLUMNS": "200"})

    assert told.exit_code == 1
    assert "2 lines: 0 proved, 1 in timing, 1 broken" in told.stdout
    assert "WRONG_AMOUNT" in told.stdout
    assert "finance" in told.stdout
    assert (tmp_path / "broken.csv").read_text(encoding="utf-8").splitlines()[1].startswith("R1,WRONG_AMOUNT,1.0000,CN-1")


def test_a_tolerance_of_the_tenant_lets_it_go(files: list[str], tmp_path: Path) -> None:
    (tmp_path / "right.csv").write_text(RIGHT.format(net="9.50"), encoding="utf-8")

    assert CliRunner().invoke(app, [*files, "--net", "1.00"]).exit_code == 0


def test_two_companies_are_told_apart_and_no_two_currencies_are_added(files: list[str], tmp_path: Path) -> None:
    left, right = LEFT.replace("line,", "line,entity,currency,", 1), RIGHT.format(net="8.50").replace("side,line,", "side,line,entity,", 1)
    left = left.replace("R1,", "R1,gb01,GBP,").replace("R2,", "R2,ie01,EUR,")
    (tmp_path / "left.csv").write_text(left, encoding="utf-8")
    (tmp_path / "right.csv").write_text(right.replace("R1,", "R1,gb01,"), encoding="utf-8")

    told = CliRunner().invoke(app, files, env={"COLUMNS": "200"})
    answer = json.loads(CliRunner().invoke(app, [*files, "--json"]).stdout)

    assert "ie01: 1 lines: 0 proved, 1 in timing, 0 broken" in told.stdout
    assert {entity: own["awaited"] for entity, own in answer["entities"].items()} == {
        "gb01": {}, "ie01": {"ERP_AWAITED": {"count": 1, "amount": {"EUR": "5.0000"}}}}


@pytest.mark.parametrize(("more", "sentence"), [
    (["--day", "31.10.2026"], "is no day like 2026-10-31"), (["--net", "a"], "is no amount like 0.05"),
    (["--tax", "-1"], "must be nothing or more"),
])
def test_a_wrong_option_is_told_in_a_sentence(files: list[str], more: list[str], sentence: str) -> None:
    told = CliRunner().invoke(app, [*files, *more], env={"COLUMNS": "200"})

    assert told.exit_code == 2
    assert sentence in told.stderr


def by_the_door(*words: str) -> tuple[int, str, str]:
    """Run a command as the terminal does; give its status, its answer, and which big parts it loaded to give it."""
    code = ("import sys; from backhaul.entrypoints import door; sys.argv = ['backhaul', *sys.argv[1:]]\n"
            "try: door.main()\n"
            "finally: print(*{'typer', 'rich', 'sqlalchemy', 'httpx'} & sys.modules.keys(), file=sys.stderr)")
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_plain_extracts_are_proved_without_loading_the_other_commands_and_the_answer_is_the_same(files: list[str], tmp_path: Path) -> None:
    (tmp_path / "right.csv").write_text(RIGHT.format(net="9.50"), encoding="utf-8")

    status, said, loaded = by_the_door(*files, "--json")
    grown, kept, _ = by_the_door(*files, f"--history={tmp_path / 'history.duckdb'}", "--json")
    again, nothing_new, _ = by_the_door("reconcile", "--history", str(tmp_path / "history.duckdb"), "--day", "2026-10-31", "--json")

    assert (status, said) == (1, CliRunner().invoke(app, [*files, "--json"]).stdout)
    assert (grown, kept, again, nothing_new) == (1, said, 1, said)
    assert loaded.split() == []


def test_what_stops_plain_extracts_is_one_sentence_and_a_mistake_is_told_as_by_every_command(files: list[str]) -> None:
    status, said, why = by_the_door(*files[:2], "nowhere.csv", *files[3:])
    wrong, _, sentence = by_the_door(*files, "--net", "a")

    assert (status, said) == (2, "")
    assert "nowhere.csv cannot be read as accepted" in " ".join(why.split())
    assert wrong == 2
    assert "is no amount like 0.05" in sentence


@pytest.mark.parametrize("more", [
    ["--net", "a"], ["--tax", "-1"], ["--cost", "NaN"], ["--day", "31.10.2026"], ["--workers", "2"], ["--left"], ["left", "x"],
    ["--report", "--json"], ["--help"], ["--json=yes"],
])
def test_what_is_not_plain_is_left_to_the_command_line(more: list[str]) -> None:
    assert plain(["reconcile", "--left", "a", "--right", "b", *more]) is None


def test_plain_options_are_read_as_the_command_line_reads_them() -> None:
    told = plain(["reconcile", "--left=a.csv", "--right", "b.csv", "--json", "--net=0.05", "--day", "2026-10-31"])

    assert told is not None
    assert (told["left"], told["right"], told["history"], told["until"]) == ("a.csv", "b.csv", "", date(2026, 10, 31))
    assert (told["limits"], told["as_json"]) == ({"net": Decimal("0.05"), "tax": Decimal(0), "cost": Decimal(0)}, True)
    assert plain(["work"]) is plain([]) is plain(["reconcile", "--left", "a.csv"]) is None


def test_a_file_that_is_not_there_is_named(files: list[str]) -> None:
    told = CliRunner().invoke(app, [*files[:2], "nowhere.csv", *files[3:]])

    assert isinstance(told.exception, Misconfigured)
    assert "nowhere.csv cannot be read as accepted" in str(told.exception)


@pytest.mark.parametrize(("options", "sentence"), [
    ([], "say either --period"), (["--left", "a.csv"], "say either --period"),
    (["--period", "2026-10", "--left", "a.csv", "--right", "b.csv"], "say either --period"),
    (["--period", "2026-1x"], "is no month like 2026-10"),
])
def test_it_is_either_a_month_or_extracts(options: list[str], sentence: str) -> None:
    told = CliRunner().invoke(app, ["reconcile", *options], env={"COLUMNS": "200"})

    assert told.exit_code == 2
    assert sentence in told.stderr


def test_where_nothing_is_set_and_there_is_only_a_demo_that_demo_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    nothing = again.usual({})
    (tmp_path / "var" / "demo").mkdir(parents=True)
    (tmp_path / "var" / "demo" / "backhaul.sqlite").touch()
    demo, named = again.usual({}), again.usual({"BACKHAUL_PROFILE": "mine.toml"})
    (tmp_path / "var" / "backhaul.sqlite").touch()

    assert (nothing, named, again.usual({})) == ({}, {"BACKHAUL_PROFILE": "mine.toml"}, {})
    assert demo == {"BACKHAUL_DATABASE_URL": f"sqlite:///{tmp_path / 'var' / 'demo' / 'backhaul.sqlite'}"}

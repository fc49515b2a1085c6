"""Every command has one JSON object for programs and one clear sentence for whoever typed something wrong."""

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.journeys.conftest import erp, finance_scm
from tests.journeys.stage import EXAMPLES, life, line
from typer.testing import CliRunner, Result

from backhaul.adapters.sql.store import SqlStore
from backhaul.domain.errors import BackhaulError
from backhaul.entrypoints import cli

__all__ = ["erp", "finance_scm"]
PROFILE = EXAMPLES / "profiles" / "online-retail.toml"
LONG_AGO = datetime(2010, 12, 1, 9, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Shell:
    """A terminal with its settings: `told` for what `--json` printed, `run` in this process, `process` in one of its own."""

    folder: Path
    environment: dict[str, str]

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(cli.app, words, env=self.environment)

    def told(self, *words: str, status: int = 0) -> Any:
        result = self.run(*words, "--json")
        assert result.exit_code == status, (result.output, result.exception)
        value = json.loads(result.stdout)
        assert isinstance(value, dict)
        return value

    def process(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([sys.executable, "-m", "backhaul.entrypoints.cli", *words], text=True, capture_output=True, timeout=60,
                              check=False, env={**os.environ, **self.environment})


@pytest.fixture
def shell(erp: str, tmp_path: Path) -> Shell:
    profile = tmp_path / "shop.toml"
    profile.write_text(PROFILE.read_text(encoding="utf-8").replace('close = "period"', 'close = "at-once"'), encoding="utf-8")
    return Shell(folder=tmp_path, environment={
        "BACKHAUL_DATABASE_URL": f"sqlite:///{tmp_path / 'backhaul.sqlite'}", "BACKHAUL_PROFILE": str(profile),
        "BACKHAUL_STATE_DIR": str(tmp_path), "BACKHAUL_ERP_URL": erp, "BACKHAUL_ERP_TOKEN_URL": f"{erp}/demo/oauth2/v2.0/token",
        "BACKHAUL_ERP_SECRET": "secret", "BACKHAUL_ZIGZAG_SECRET": "0" * 32, "COLUMNS": "200"})


@pytest.fixture
def busy_shell(shell: Shell) -> Shell:
    """A shell in which two returns were imported and worked on; of R-2 the price is above the sale's."""
    messages = [*life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])], at=LONG_AGO),
                *life("R-2", [line("CUP", 1, "9.99", received=1, grades=[("A", "RESELL", 1, True)])], at=LONG_AGO)]
    (shell.folder / "returns.json").write_text(json.dumps(messages), encoding="utf-8")
    shell.told("import", str(shell.folder / "returns.json"))
    shell.told("work", "--once")
    return shell


def sentence(result: Result) -> str:
    """Give what stopped a command: what `main` would print of it, or what the command line itself said."""
    assert result.exit_code != 0
    if isinstance(result.exception, BackhaulError):
        return str(result.exception)
    assert result.exit_code == 2, (result.output, result.exception)
    return " ".join(result.stderr.replace("│", " ").split())


# --- one JSON object


def test_a_file_is_taken_in_once(shell: Shell) -> None:
    file = shell.folder / "returns.json"
    file.write_text(json.dumps(life("R-1", [line("TEA", 1, "4.25")], at=LONG_AGO)), encoding="utf-8")

    first, second = shell.told("import", str(file)), shell.told("import", str(file))

    assert (first["rows"], first["seen"], second["rows"], second["seen"]) == (4, False, 0, True)
    assert Path(first["result"]).read_text(encoding="utf-8").count("\n") == 5


def test_what_was_taken_in_can_be_traced_at_once_and_what_cannot_be_read_has_an_owner(shell: Shell) -> None:
    shell.environment["BACKHAUL_ERP_URL"] = "http://127.0.0.1:9"  # to take a file in needs no ERP
    nameless = life("R-9", [line("CUP", 1, "2.95")], at=LONG_AGO)[0]
    nameless["eventType"] = "NobodySaidWhatThisMeans"
    messages = [*life("R-1", [line("TEA", 1, "4.25")], at=LONG_AGO), nameless]
    (shell.folder / "returns.json").write_text(json.dumps(messages), encoding="utf-8")

    shell.told("import", str(shell.folder / "returns.json"))

    assert "Announced" in {fact["kind"] for fact in shell.told("trace", "R-1")["facts"]}
    assert shell.told("trace", "R-9")["facts"][0]["kind"] == "Unreadable"


def test_watched_folders_are_looked_into_once(shell: Shell) -> None:
    (shell.folder / "in").mkdir()
    (shell.folder / "in" / "returns.json").write_text(json.dumps(life("R-1", [line("TEA", 1, "4.25")], at=LONG_AGO)), encoding="utf-8")
    profile = Path(shell.environment["BACKHAUL_PROFILE"])
    folder = f'[[folders]]\nname = "hub"\npath = "{shell.folder / "in"}"\nsettle = "0s"\n\n[tolerances]'
    profile.write_text(profile.read_text(encoding="utf-8").replace("[tolerances]", folder), encoding="utf-8")

    first, second = shell.told("import", "--folders"), shell.told("import", "--folders")

    assert (first["folders"][0]["waiting"], first["folders"][0]["files"]) == (1, [])
    assert [(file["file"], file["outcome"], file["stored"]) for file in second["folders"][0]["files"]] == [("returns.json", "taken", 4)]
    assert "name one file, or say --folders" in sentence(shell.run("import"))
    assert "hub: 0 files, 0 waiting" in shell.run("import", "--folders").stdout


def test_a_folder_another_worker_looks_into_is_left_to_it(shell: Shell) -> None:
    (shell.folder / "in").mkdir()
    profile = Path(shell.environment["BACKHAUL_PROFILE"])
    folder = f'[[folders]]\nname = "hub"\npath = "{shell.folder / "in"}"\n\n[tolerances]'
    profile.write_text(profile.read_text(encoding="utf-8").replace("[tolerances]", folder), encoding="utf-8")
    shell.told("import", "--folders")
    store, now = SqlStore(shell.environment["BACKHAUL_DATABASE_URL"]), datetime.now(UTC)
    with store.begin() as tx:
        tx.take_lease("online-retail", "folder:hub", holder="somebody else", now=now, until=now + timedelta(minutes=5))
    store.close()

    told = shell.told("import", "--folders")["folders"][0]

    assert (told["looked"], told["files"]) == (False, [])
    assert "somebody else acts for it" in told["trouble"]


def test_trouble_with_a_file_is_not_retried_but_says_what_to_do(shell: Shell) -> None:
    (shell.folder / "empty.csv").write_bytes(b"")
    assert shell.run("import", str(shell.folder / "empty.csv")).exit_code
    number = shell.told("exceptions", "list", "--each")["exceptions"][0]["number"]

    result = shell.run("exceptions", "retry", str(number), "--actor", "ada")

    assert "Mend the file, or have it sent anew" in sentence(result)


def test_a_preview_shows_what_stands_in_the_way_and_what_another_file_would_change(busy_shell: Shell) -> None:
    profile = busy_shell.environment["BACKHAUL_PROFILE"]
    told, compared = busy_shell.told("preview", "R-2"), busy_shell.told("preview", "R-2", "--mapping", profile)

    assert "PRICE_ABOVE_SOLD" in {finding["code"] for finding in told["findings"]}
    assert (told["asked"], compared["difference"]) == (True, [])
    assert "letter by letter" in sentence(busy_shell.run("preview", "R-0"))
    busy_shell.environment["BACKHAUL_ERP_URL"] = "http://127.0.0.1:9"
    away = busy_shell.told("preview", "R-2")
    assert (away["asked"], "no ERP answered" in away["not_checked"]) == (False, True)


def test_a_changed_profile_needs_a_version_of_its_own(busy_shell: Shell) -> None:
    profile = Path(busy_shell.environment["BACKHAUL_PROFILE"])
    changed = busy_shell.folder / "changed.toml"
    changed.write_text(profile.read_text(encoding="utf-8").replace("attempts = 8", "attempts = 7"), encoding="utf-8")
    busy_shell.environment["BACKHAUL_PROFILE"] = str(changed)

    assert "was in force with other content" in sentence(busy_shell.run("work", "--once"))


def test_work_reads_posts_and_says_how_much(busy_shell: Shell) -> None:
    told = busy_shell.told("work", "--once")

    assert told["online-retail"]["read"]["deliveries"] == 0
    assert set(told["online-retail"]["post"]) >= {"sent", "windows"}


def test_post_says_what_it_sent(busy_shell: Shell) -> None:
    told = busy_shell.told("post")

    assert told["sent"] == 0


def test_trace_tells_a_life_with_every_attempt(busy_shell: Shell) -> None:
    told = busy_shell.told("trace", "R-1")

    documents = {row["kind"]: row for row in told["documents"]}
    assert told["return"] == "R-1"
    assert {"order", "order-line", "receipt", "credit-note"} <= set(documents)
    assert documents["order"]["attempts"][0]["outcome"] == "posted"
    assert documents["receipt"]["attempts"][0]["request"]
    assert [entry["sequence"] for entry in told["trail"]] == sorted(entry["sequence"] for entry in told["trail"])


def test_open_exceptions_are_listed_by_cause_and_one_by_one(busy_shell: Shell) -> None:
    by_cause, each = busy_shell.told("exceptions", "list"), busy_shell.told("exceptions", "list", "--each")

    assert [(row["kind"], row["count"], row["money"], row["owner"]) for row in by_cause["exceptions"]] \
        == [("PRICE_ABOVE_SOLD", 1, "-9.99", "finance")]
    assert [(row["return"], row["money"]) for row in each["exceptions"]] == [("R-2", "-9.99 GBP")]


def test_a_waiver_by_two_people_is_told_and_kept(busy_shell: Shell) -> None:
    number = busy_shell.told("exceptions", "list", "--each")["exceptions"][0]["number"]

    told = busy_shell.told("exceptions", "waive", str(number), "--actor", "ada", "--approver", "ben", "--reason", "agreed by phone")
    busy_shell.told("work", "--once")

    assert (told["exception"], told["decision"], told["state"]) == (number, "waive", "approved")
    assert busy_shell.told("exceptions", "list")["exceptions"] == []
    assert any(entry["detail"].get("approver") == "ben" for entry in busy_shell.told("trace", "R-2")["trail"])


def test_what_one_person_says_at_the_machine_waits_as_a_proposal_until_somebody_else_says_its_hash(busy_shell: Shell) -> None:
    number = busy_shell.told("exceptions", "list", "--each")["exceptions"][0]["number"]
    words = ("exceptions", "waive", str(number), "--actor", "ada", "--reason", "agreed by phone")

    told = busy_shell.told(*words)
    shown = busy_shell.run(*words).output.replace("\n", " ")
    [waiting] = busy_shell.told("proposals")["proposals"]
    alone = busy_shell.run("approve", str(told["proposal"]), "--shown", told["shown"], "--approver", " ADA")
    still = busy_shell.told("exceptions", "list")["exceptions"]
    done = busy_shell.told("approve", str(told["proposal"]), "--shown", told["shown"], "--approver", "ben")
    busy_shell.told("work", "--once")

    assert (told["state"], told["needed"], waiting["shown"]) == ("open", 1, told["shown"])
    assert f"waits for somebody else: `backhaul approve {told['proposal']} --shown {told['shown']} --approver NAME`" in shown
    assert "somebody other than 'ada'" in sentence(alone)
    assert len(still) == 1
    assert (done["state"], done["result"]) == ("approved", f"exception {number}: waive")
    assert busy_shell.told("exceptions", "list")["exceptions"] == []


def test_two_names_in_one_command_leave_the_same_proposal_and_trail_as_two_people_in_the_console(busy_shell: Shell) -> None:
    number = busy_shell.told("exceptions", "list", "--each")["exceptions"][0]["number"]

    busy_shell.told("exceptions", "waive", str(number), "--actor", "ada", "--approver", "ben", "--reason", "agreed by phone")

    [kept] = busy_shell.told("proposals", "--each")["proposals"]
    assert (kept["kind"], kept["proposer"], kept["approver"], kept["state"]) == ("waive", "ada", "ben", "approved")
    told = [entry["action"] for entry in busy_shell.told("trace", "R-2")["trail"]]
    assert [action for action in told if action.startswith(("proposal", "exception."))][-3:] == [
        "proposal.opened", "exception.waive", "proposal.approved"]


@pytest.mark.parametrize(("limits", "needed"), [("second = 5", 2), ("operator_day = 5", 2), ("second = 100", 1)])
def test_a_limit_asks_for_a_third_person_at_the_machine_as_everywhere(busy_shell: Shell, limits: str, needed: int) -> None:
    profile = Path(busy_shell.environment["BACKHAUL_PROFILE"])
    limited = profile.read_text(encoding="utf-8").replace('version = "2026-01"', 'version = "limited"', 1)
    profile.write_text(limited.replace("[tolerances]", f"[limits]\n{limits}\n\n[tolerances]"), encoding="utf-8")
    number = busy_shell.told("exceptions", "list", "--each")["exceptions"][0]["number"]

    told = busy_shell.told("exceptions", "waive", str(number), "--actor", "ada", "--approver", "ben", "--reason", "agreed by phone")
    waiting = len(busy_shell.told("proposals")["proposals"])
    third = busy_shell.told("approve", str(told["proposal"]), "--shown", told["shown"], "--approver", "cleo") if needed > 1 else told

    assert (told["needed"], told["state"]) == (needed, "approved" if needed == 1 else "open")
    assert waiting == needed - 1
    assert third["state"] == "approved"


def test_a_line_can_be_closed(busy_shell: Shell) -> None:
    number = busy_shell.told("exceptions", "list", "--each")["exceptions"][0]["number"]

    told = busy_shell.told("exceptions", "close", str(number), "--actor", "ada", "--approver", "ben", "--reason", "no proof of purchase")
    busy_shell.told("work", "--once")

    assert (told["exception"], told["decision"], told["state"]) == (number, "close", "approved")
    assert busy_shell.told("trace", "R-2")["state"] == "closed"


def test_a_retry_says_how_many_documents_it_lets_go(shell: Shell) -> None:
    (shell.folder / "returns.json").write_text(json.dumps(
        life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])], at=LONG_AGO)), encoding="utf-8")
    httpx.post(f"{shell.environment['BACKHAUL_ERP_URL']}/control/faults", json={
        "kind": "forbidden", "path": r"\$batch", "body": "POST [^ ]*/ReturnOrderHeadersV2 "}).raise_for_status()
    shell.told("import", str(shell.folder / "returns.json"))
    shell.told("work", "--once")
    refused = shell.told("exceptions", "list", "--each")["exceptions"]

    told = shell.told("exceptions", "retry", str(refused[0]["number"]), "--actor", "ada")
    shell.told("work", "--once")

    assert [row["kind"] for row in refused] == ["ERP_REJECTED"]
    assert told == {"exception": refused[0]["number"], "retried": 1}
    assert shell.told("exceptions", "list")["exceptions"] == []


def test_the_trail_is_verified_and_a_forged_entry_is_named(busy_shell: Shell) -> None:
    before, said = busy_shell.told("verify"), " ".join(busy_shell.run("verify").output.split())
    tamper(busy_shell.folder / "backhaul.sqlite", sequence=3)

    after, shown = busy_shell.told("verify", status=1), busy_shell.run("verify")

    assert (before["holds"], before["broken_at"]) == (True, None)
    assert before["entries"] > 3
    assert "holds. No head of it is kept outside to hold it against. Head" in said
    assert (after["holds"], after["broken_at"]) == (False, 3)
    assert shown.exit_code == 1
    assert "broken at entry 3" in " ".join(shown.output.split())


def tamper(file: Path, sequence: int, *, cover_up: bool = True) -> None:
    """Change an entry as somebody with the file in hands would: the guards taken off first, and put back to cover it up."""
    with sqlite3.connect(file) as book:
        guards = book.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'trail'").fetchall()
        for name, _ in guards:
            book.execute(f"DROP TRIGGER {name}")
        changed = book.execute("UPDATE trail SET actor = 'mallory' WHERE sequence = ?", (sequence,)).rowcount
        assert (changed, bool(guards)) == (1, True)
        for _, sql in guards if cover_up else ():
            book.execute(sql)
    book.close()


def test_no_picture_of_the_memory_of_a_command_is_written_when_it_falls_over() -> None:
    asks = ("import atexit, ctypes, resource, sys; from backhaul.entrypoints import cli; sys.argv = ['backhaul', '--help']; "
            "looks_in = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) if sys.platform == 'linux' else 0; "
            "atexit.register(lambda: print(resource.getrlimit(resource.RLIMIT_CORE), looks_in())); cli.main()")

    ended = subprocess.run([sys.executable, "-c", asks], text=True, capture_output=True, timeout=60, check=True)

    assert ended.stdout.splitlines()[-1] == "(0, 0) 0"


def test_a_database_without_its_guards_is_not_worked_on(busy_shell: Shell) -> None:
    tamper(busy_shell.folder / "backhaul.sqlite", sequence=3, cover_up=False)

    ended = busy_shell.process("verify")

    assert ended.returncode == 2
    assert "trail" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_migrate_and_the_profile_commands_speak_json(shell: Shell) -> None:
    migrated = shell.told("migrate")
    checked = shell.told("profile", "check", str(PROFILE), "--against", str(EXAMPLES / "payloads" / "typed.json"))
    schema = json.loads(shell.run("profile", "schema").stdout)

    assert migrated == {"migrated": True}
    assert (checked["tenant"], checked["version"][:7]) == ("online-retail", "2026-01")
    assert {"where", "says", "becomes"} == set(checked["lines"][0])
    assert "$defs" in schema


@pytest.mark.parametrize(("how", "count", "states"), [(("--found", "IVT-1"), 1, "verified"), (("--absent",), 1, "ready")])
def test_two_people_say_what_became_of_an_effect_nobody_can_be_asked_about(
    shell: Shell, erp: str, how: tuple[str, ...], count: int, states: str,
) -> None:
    profile = Path(shell.environment["BACKHAUL_PROFILE"])
    profile.write_text(profile.read_text(encoding="utf-8").replace('client_id = "backhaul"\n', f"""client_id = "backhaul"
journals_by = "visibility"
visibility_url = "{erp}"
visibility_environment = "env-1"
visibility_source = "backhaul"
visibility_measure = "returned"
visibility_token_url = "{erp}/security/token"
""", 1).replace('unconfirmed = "1h"', 'unconfirmed = "0s"'), encoding="utf-8")
    messages = life("R-1", [line("TEA", 2, "4.25", received=3, grades=[("A", "RESELL", 2, True)])], at=LONG_AGO)
    (shell.folder / "returns.json").write_text(json.dumps(messages), encoding="utf-8")
    httpx.post(f"{erp}/control/faults", json={"kind": "error-before", "status": 503, "path": "transaction/adjustment/bulk"})
    shell.told("import", str(shell.folder / "returns.json"))
    shell.told("work", "--once")
    with (store := SqlStore(shell.environment["BACKHAUL_DATABASE_URL"])).begin() as tx:
        number = str(next(row.id for row in tx.exceptions("online-retail") if row.case.return_ref == "R-1"))
    two = ["exceptions", "settle", number, "--actor", "ada", "--reason", "looked in the app", "--approver"]

    alone = shell.run(*two, "ada", *how)
    neither, both = shell.run(*two, "ben"), shell.run(*two, "ben", "--found", "IVT-1", "--absent")
    told = shell.told(*two, "ben", *how)
    again = shell.run(*two, "ben", *how)
    with store.begin() as tx:
        kept = {row.state.value for row in tx.postings("online-retail", ["R-1"])["R-1"] if row.posting.key.kind == "adjustment"}
    store.close()

    assert "somebody other than 'ada'" in sentence(alone)
    assert "either --found NUMBER or --absent" in sentence(neither)
    assert "either --found NUMBER or --absent" in sentence(both)
    assert told["result"] == f"exception {number}: {count} settled"
    assert kept == {states}
    assert "nothing of it is in doubt" in sentence(again)


def test_the_sale_of_goods_that_nobody_placed_is_looked_for_in_the_erp(shell: Shell) -> None:
    messages = life("R-1", [line("TEA", 2, "4.25", order="599999", received=2, grades=[("A", "RESELL", 2, True)])], at=LONG_AGO)
    (shell.folder / "returns.json").write_text(json.dumps(messages), encoding="utf-8")
    shell.told("import", str(shell.folder / "returns.json"))
    shell.told("work", "--once")
    number = str(shell.told("exceptions", "list", "--each")["exceptions"][0]["number"])

    told = shell.told("exceptions", "candidates", number, "--customer", "10001", "--price", "4.25")
    shown = shell.run("exceptions", "candidates", number, "--order", "500001").output.replace("\n", " ")
    nothing = shell.run("exceptions", "candidates", number, "--order", "500002", "--customer", "10002").output

    days = shell.told("exceptions", "candidates", number, "--from", "2010-11-19", "--to", "2010-11-21")
    wrong = shell.run("exceptions", "candidates", number, "--item", "CUP", "--from", "2010-11-19", "--to", "2010-11-21").output

    assert [each["order"] for each in told["found"]] == [each["order"] for each in days["found"]] == ["500001"]
    assert (days["sought"]["span"], days["more"]) == (["2010-11-19", "2010-11-21"], False)
    assert "the line is TEA: correct that first" in " ".join(wrong.split())
    assert "500001 at 4.25 GBP, 10001: it is the order that was named; 10001 bought it" in shown
    assert "Nothing that was found sold TEA." in nothing
    assert "no number like 12.50" in sentence(shell.run("exceptions", "candidates", number, "--price", "much"))


def test_a_value_is_corrected_by_two_people_who_stand_at_the_machine(busy_shell: Shell) -> None:
    number = str(busy_shell.told("exceptions", "list", "--each")["exceptions"][0]["number"])
    words = ["exceptions", "correct", number, "--what", "unit-price", "--actor", "ada", "--reason", "as sold"]

    alone = busy_shell.run(*words, "--value", "4.25", "--approver", "Ada")
    wrong = busy_shell.run(*words, "--value", "much", "--approver", "ben")
    told = busy_shell.told(*words, "--value", "4.25", "--approver", "ben")
    back = busy_shell.run(*words, "--value", "9.99", "--told", "9.99", "--approver", "ben")

    assert (alone.exit_code, wrong.exit_code, back.exit_code) == (1, 1, 0)
    assert "somebody other than" in alone.output + str(alone.exception)
    assert (told["before"], told["after"], told["decision"]) == ("9.99", "4.25", "correct")
    assert "unit-price is 9.99, was 4.25" in back.output.replace("\n", " ")


@pytest.mark.parametrize("words", [["work", "--once"], ["post"], ["trace", "R-1"], ["verify"], ["exceptions", "list"],
                                   ["exceptions", "list", "--each"], ["migrate"], ["profile", "check", str(PROFILE)]])
def test_without_json_a_command_speaks_to_people(busy_shell: Shell, words: list[str]) -> None:
    result = busy_shell.run(*words)

    assert result.exit_code == 0, result.exception
    assert result.stdout.strip()
    assert not result.stdout.lstrip().startswith("{")


def test_every_command_explains_itself(shell: Shell) -> None:
    commands = ["demo", "serve", "work", "import", "post", "trace", "doctor", "verify", "migrate", "emulate"]
    groups = [("exceptions", name) for name in ("list", "retry", "waive", "close")] + [("profile", name) for name in ("check", "schema")]

    told = {words: shell.run(*words, "--help") for words in (*((name,) for name in commands), *groups)}

    assert all(result.exit_code == 0 and "Usage" in result.stdout for result in told.values())
    assert "--json" in told["demo",].stdout


# --- one clear sentence


@pytest.mark.parametrize(("words", "says"), [
    (["trace", "R-1", "--tenant", "nobody"], "tenant 'nobody' is not configured"),
    (["trace", "r-1"], "no return 'r-1'"),
    (["verify", "--tenant", "nobody"], "online-retail"),
    (["exceptions", "retry", "999", "--actor", "ada"], "no open exception 999"),
    (["exceptions", "retry", "9" * 30, "--actor", "ada"], "no open exception 999"),
    (["exceptions", "waive", "999", "--actor", "ada", "--approver", "ben", "--reason", "x"], "no open exception 999"),
    (["exceptions", "close", "nine", "--actor", "ada", "--approver", "ben", "--reason", "x"], "Invalid value for 'number'"),
    (["import", "/nowhere/returns.json"], "/nowhere/returns.json"),
    (["profile", "check", "/nowhere/profile.toml"], "/nowhere/profile.toml"),
    (["demo", "--erp", "sap"], "no emulator for 'sap'"),
    (["fly"], "fly"),
])
def test_what_is_wrong_is_said_in_one_sentence(busy_shell: Shell, words: list[str], says: str) -> None:
    result = busy_shell.run(*words)

    assert says in sentence(result)
    assert "Traceback" not in result.output


@pytest.mark.parametrize(("approver", "reason", "says"), [("ada", "x", "somebody other than 'ada'"), (" Ada", "x", "somebody other than"),
                                                          ("ben", "  ", "says who makes it and why")])
def test_one_person_or_no_reason_is_not_enough(busy_shell: Shell, approver: str, reason: str, says: str) -> None:
    number = str(busy_shell.told("exceptions", "list", "--each")["exceptions"][0]["number"])

    result = busy_shell.run("exceptions", "waive", number, "--actor", "ada", "--approver", approver, "--reason", reason)

    assert says in sentence(result)
    assert len(busy_shell.told("exceptions", "list")["exceptions"]) == 1


def test_a_file_of_an_unknown_kind_is_refused_by_name(shell: Shell) -> None:
    (shell.folder / "returns.xlsm").write_text("x", encoding="utf-8")

    result = shell.run("import", str(shell.folder / "returns.xlsm"))

    assert "returns.xlsm: it is of no form that is known" in sentence(result)


@pytest.mark.parametrize(("words", "changes", "says"), [
    (["trace", "nothing"], {}, "no return 'nothing'"),
    (["trace", "R-1"], {"BACKHAUL_PROFILE": ""}, "no profile is loaded; set BACKHAUL_PROFILE"),
    (["trace", "R-1"], {"BACKHAUL_PROFILE": "/nowhere.toml"}, "/nowhere.toml"),
    (["verify"], {"BACKHAUL_DATABASE_URL": "mysql://x"}, "mysql"),
    (["verify"], {"BACKHAUL_DATBASE_URL": "x"}, "did you mean BACKHAUL_DATABASE_URL"),
    (["exceptions", "retry", "7", "--actor", "ada"], {}, "no open exception 7"),
    (["work", "--once"], {"BACKHAUL_ERP_SECRET": "wrong"}, "secret"),
])
def test_the_program_ends_with_status_2_and_no_traceback(shell: Shell, words: list[str], changes: dict[str, str], says: str) -> None:
    ended = Shell(shell.folder, {**shell.environment, **changes}).process(*words)

    told = " ".join(ended.stderr.replace("│", " ").split())
    assert ended.returncode == 2, (ended.stdout, ended.stderr)
    assert says in told
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


def test_a_bad_profile_is_refused_with_file_and_line(shell: Shell) -> None:
    bad = shell.folder / "bad.toml"
    text = PROFILE.read_text(encoding="utf-8").replace('location = "SCRAP"', 'location = "SALE"')
    bad.write_text(text, encoding="utf-8")

    ended = shell.process("profile", "check", str(bad))

    told = "".join(ended.stderr.split())
    assert ended.returncode == 2
    assert "notsellable" in told
    assert f"{bad}:" in told
    assert "Traceback" not in ended.stderr


def test_a_secret_is_never_shown(shell: Shell) -> None:
    ended = [shell.process("work", "--once"), shell.process("profile", "check", str(PROFILE))]

    assert [each.returncode for each in ended] == [0, 0]
    assert all(shell.environment["BACKHAUL_ZIGZAG_SECRET"] not in each.stdout + each.stderr for each in ended)


def test_two_persons_accept_a_drifted_contract_from_the_terminal(shell: Shell, erp: str) -> None:
    shell.told("work", "--once")
    httpx.post(f"{erp}/control/metadata", json={"gone": ["ReturnStatusLine.Quarantine"], "changed": {}}).raise_for_status()
    (drifted,) = shell.told("doctor", status=1)["legal_entities"]
    accept = ("doctor", "--accept", "gb01", "--actor", "ann", "--reason", "agreed with the vendor")

    alone = sentence(shell.run(*accept, "--approver", "Ann"))
    (accepted,) = shell.told(*accept, "--approver", "bob")["legal_entities"]
    (afterwards,) = shell.told("doctor")["legal_entities"]

    assert drifted["drift"] == ["enumeration ReturnStatusLine lost its member Quarantine"]
    assert "somebody other than 'ann' has to approve" in alone
    assert accepted["drift"] == afterwards["drift"] == []


@pytest.mark.parametrize(("mode", "unwritable", "lacks"), [
    ("A", [], []), ("B", [], []), ("C", [], []), ("D", [], ["deployment 'D' is not supported here"]),
    ("B", ["ReturnOrderHeadersV2.IsReturnProcessingStopped"], ["IsReturnProcessingStopped cannot be written"]),
])
def test_the_doctor_says_what_each_legal_entitys_erp_can_do_and_what_its_mode_lacks(
    shell: Shell, erp: str, mode: str, unwritable: list[str], lacks: list[str],
) -> None:
    profile = shell.folder / "profile.toml"
    profile.write_text(PROFILE.read_text(encoding="utf-8").replace('deployment = "A"', f'deployment = "{mode}"'), encoding="utf-8")
    httpx.post(f"{erp}/control/seed", json={"settings": {"readOnly": unwritable}, "rows": {}}).raise_for_status()

    asked = Shell(shell.folder, shell.environment | {"BACKHAUL_PROFILE": str(profile)})
    (told,) = asked.told("doctor", status=1 if lacks else 0)["legal_entities"]

    assert (told["legal_entity"], told["deployment"]) == ("gb01", mode)
    assert len(told["missing"]) == len(lacks)
    assert all(part in sentence for part, sentence in zip(lacks, told["missing"], strict=True))
    assert told["documents"].get("receipt") == ({"A": "keyed", "B": "awaited"}.get(mode))
    assert ("lacks" if lacks else "has all it needs") in asked.run("doctor").stdout


def test_what_stops_a_command_is_said_letter_by_letter_brackets_included(shell: Shell) -> None:
    stopped = shell.process("close", "figures", "--period", "2010-12")
    odd = shell.process("exceptions", "by-version", "R-[/]1")

    assert stopped.returncode == odd.returncode == 2
    assert "in [accounts] of the profile" in " ".join(stopped.stderr.split())
    assert "no return 'R-[/]1'" in " ".join(odd.stderr.split())


def test_what_a_command_prints_keeps_its_brackets_too(shell: Shell) -> None:
    profile = shell.folder / "shop [bold].toml"
    profile.write_text(PROFILE.read_text(encoding="utf-8"), encoding="utf-8")

    assert "shop [bold].toml is sound" in " ".join(shell.run("profile", "check", str(profile)).stdout.split())

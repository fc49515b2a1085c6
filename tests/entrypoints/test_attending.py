"""People, approvals and pauses from a terminal: one JSON object for programs, one sentence for whoever typed something wrong."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.stage import EXAMPLES, TENANT, life, line
from typer.testing import CliRunner, Result

from backhaul.adapters.sql.store import SqlStore
from backhaul.application.ports import KeptCase
from backhaul.config import load_profile
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.lifecycle import ReturnState
from backhaul.domain.money import Money
from backhaul.entrypoints import cli
from backhaul.testing import builders

DECIDED = ("--actor", "ann", "--reason", "agreed")
AT = "2010-12-01T09:00:00"


class Shell:
    """A terminal with a profile and a database, and no ERP."""

    def __init__(self, folder: Path) -> None:
        profile = folder / "shop.toml"
        profile.write_text((EXAMPLES / "profiles" / "online-retail.toml").read_text(encoding="utf-8"), encoding="utf-8")
        self.environment = {
            "BACKHAUL_DATABASE_URL": f"sqlite:///{folder / 'backhaul.sqlite'}", "BACKHAUL_PROFILE": str(profile),
            "BACKHAUL_STATE_DIR": str(folder), "BACKHAUL_ERP_URL": "http://127.0.0.1:1",
            "BACKHAUL_ERP_TOKEN_URL": "http://127.0.0.1:1/token", "BACKHAUL_ERP_SECRET": "secret", "BACKHAUL_ZIGZAG_SECRET": "0" * 32,
            "COLUMNS": "200"}

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(cli.app, words, env=self.environment)

    def told(self, *words: str) -> Any:
        result = self.run(*words, "--json")
        assert result.exit_code == 0, (result.output, result.exception)
        return json.loads(result.stdout)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_a_person_gets_a_role_from_two_others_a_token_and_loses_both(shell: Shell) -> None:
    who = ("--issuer", "https://login.example", "--subject", "s-1", "--name", "Ann", "--actor", "root")
    person = shell.told("people", "add", *who)["person"]
    given = shell.run("people", "grant", str(person), "--role", "finance", "--entity", "gb01", "--approver", "bob", *DECIDED)
    alone = shell.run("people", "grant", str(person), "--role", "admin", "--approver", "Ann ", *DECIDED)
    token = shell.told("people", "token", str(person), "--name", "sheet", "--scope", "see")["token"]
    [row] = shell.told("people", "list")["people"]
    plain = shell.run("people", "list").output
    shell.told("people", "revoke", str(row["grants"][0]["grant"]), "--actor", "ann")

    assert given.exit_code == 0
    assert "is finance, by ann and bob" in given.output
    assert "somebody other than 'ann'" in str(alone.exception)
    assert token.startswith("bh_")
    assert [(each["role"], each["entities"]) for each in row["grants"]] == [("finance", ["gb01"])]
    assert "finance (gb01" in plain
    assert "nothing" in shell.run("people", "list").output
    assert token not in Path(shell.environment["BACKHAUL_DATABASE_URL"].removeprefix("sqlite:///")).read_bytes().decode("latin-1")


@pytest.mark.parametrize(("words", "says"), [
    (("people", "grant", "1", "--role", "king", "--approver", "bob", *DECIDED), "there is no role 'king'"),
    (("people", "token", "1", "--name", "x", "--scope", "rule"), "there is no action 'rule'"),
    (("people", "token", "9", "--name", "x", "--scope", "see"), "there is no person 9"),
    (("unpause", "--approver", "bob", *DECIDED), "nothing is paused for the whole tenant"),
])
def test_what_does_not_exist_is_named(shell: Shell, words: tuple[str, ...], says: str) -> None:
    result = shell.run(*words)

    assert result.exit_code == 2
    assert says in result.output


def test_a_proposal_is_shown_with_what_it_would_post_or_why_that_cannot_be_said(shell: Shell) -> None:
    shell.run("migrate")
    with SqlStore(shell.environment["BACKHAUL_DATABASE_URL"]).begin() as tx:
        tx.add_facts(TENANT, [replace(builders.announced(builders.line("TEA"), retailer="QX501"), return_ref="R-1")])
        tx.save_case(KeptCase(tenant=TENANT, ref="R-1", legal_entity="gb01", state=ReturnState.HELD, updated_at=builders.NOON))
        number = tx.open_exception(ExceptionCase.about(
            tenant=TENANT, return_ref="R-1", line_id="TEA#1", money=Money(amount=Decimal(-5), currency="GBP"), now=builders.NOON,
            teams={}, findings=(Finding(code="REJECTED_AFTER_CREDIT", sentence="worn", line_id="TEA#1"),)))
    asked = shell.told("exceptions", "debit", str(number), "--goods", "leave", *DECIDED)

    told = shell.told("proposal", str(asked["proposal"]))
    shown = shell.run("proposal", str(asked["proposal"])).output

    assert (told["shown"], told["foreseen"]["documents"]) == (asked["shown"], [])
    assert told["foreseen"]["not_checked"]
    assert f"--shown {asked['shown']}" in shown
    assert "debit of R-1, open, by ann: agreed" in shown


def test_a_parcel_is_registered_at_the_machine_once_and_named_whatever_is_wrong(shell: Shell) -> None:
    words = ("register-parcel", "--entity", "gb01", "--warehouse", "GB-DC-01", "--actor", "wanda", "--parcel", "1Z99")
    tea = ("--item", "TEA", "--units", "2", "--condition", "A", "--disposition", "RESELL", "--accepted", "yes")
    profile = load_profile(Path(shell.environment["BACKHAUL_PROFILE"]), shell.environment, offline=True)
    retailer = ("--retailer", min(profile.rules.entity("gb01").retailers))

    made = shell.told(*words, *retailer, *tea, *tea[:2], "--units", "1", *tea[4:])
    again = shell.told(*words, *retailer, *tea, *tea[:2], "--units", "1", *tea[4:])
    other = shell.run(*words, *retailer, *tea, "--key", "second")
    half = shell.run(*words, *retailer, *tea, "--item", "CUP")
    wrong = shell.run(*words, *retailer, *tea, "--came-on", "soon")

    assert made == again
    assert ("is registered" in other.output, made["return"] in other.output) == (True, False)
    assert (half.exit_code, "once for each --item" in half.output) == (2, True)
    assert "came_on: a day is written" in str(wrong.exception)


@pytest.fixture
def production(shell: Shell) -> Shell:
    shell.environment |= {"BACKHAUL_MODE": "production", "BACKHAUL_OIDC_ISSUER": "https://login.example/acme", "BACKHAUL_OIDC_CLIENT": "c",
                          "BACKHAUL_OIDC_SECRET": "env:BACKHAUL_SECRET_OIDC", "BACKHAUL_SECRET_OIDC": "s",
                          "BACKHAUL_CONSOLE_URL": "https://returns.example"}
    return shell


def test_in_production_no_command_takes_the_name_of_a_second_person(production: Shell, unknown: int) -> None:
    number, two = str(unknown), ("--approver", "bob", *DECIDED)
    production.told("people", "add", "--issuer", "https://login.example", "--subject", "s-1", "--name", "Ann", "--actor", "root")
    production.told("pause", *DECIDED)
    words = [("exceptions", "waive", number), ("exceptions", "close", number), ("exceptions", "claim", number), ("unpause",),
             ("exceptions", "debit", number, "--goods", "leave"), ("exceptions", "settle", number, "--absent"),
             ("exceptions", "match", number, "--order", "500001", "--price", "4.25"), ("people", "grant", "1", "--role", "admin")]

    refused = {each: production.run(*each, *two) for each in words}

    assert {each: result.exit_code for each, result in refused.items() if result.exit_code != 2} == {}
    assert all("Leave --approver out" in result.output for result in refused.values())
    assert production.told("proposals", "--each") == {"proposals": []}


def test_in_production_the_first_admin_comes_to_be_by_two_commands_and_the_trail_says_it_was_the_first(production: Shell) -> None:
    for name in ("Ann", "Bea"):
        production.told("people", "add", "--issuer", "https://login.example", "--subject", name, "--name", name, "--actor", "root")
    for person in ("1", "2"):
        asked = production.told("people", "grant", person, "--role", "admin", "--actor", "root", "--reason", "begins")
        production.told("approve", str(asked["proposal"]), "--shown", asked["shown"], "--approver", "bob")

    with SqlStore(production.environment["BACKHAUL_DATABASE_URL"]).look() as tx:
        told = [list(tx.trail(TENANT, subject=f"person {number}")) for number in (1, 2)]
    given = [next(entry.detail for entry in each if entry.action == "grant.given") for each in told]
    assert [each.get("first_admin") for each in given] == [True, None]
    assert [each["approver"] for each in given] == ["bob", "bob"]


def test_whoever_the_record_knows_needs_the_right_at_the_machine_too(shell: Shell, unknown: int) -> None:
    for name, role in (("Ann", "finance"), ("Bea", "viewer"), ("Cleo", "approver")):
        added = shell.told("people", "add", "--issuer", "https://login.example", "--subject", name, "--name", name, "--actor", "root")
        shell.told("people", "grant", str(added["person"]), "--role", role, "--approver", "bob", "--actor", "root", "--reason", "begins")
    close = ("exceptions", "close", str(unknown), "--reason", "nobody knows it")

    by_viewer = shell.run(*close, "--actor", "person 2", "--approver", "person 3")
    nobody = shell.run(*close, "--actor", "Person 9", "--approver", "person 3")
    itself = shell.run(*close, "--actor", "Backhaul ", "--approver", "person 3")
    not_hers = shell.run(*close, "--actor", "Person 1", "--approver", "person 2")
    kept = shell.told("proposals", "--each")["proposals"]
    asked = shell.told(*close, "--actor", " Person 1")
    by_two = shell.run("approve", str(asked["proposal"]), "--shown", asked["shown"], "--approver", "person 2")
    said_no = shell.run("refuse", str(asked["proposal"]), "--actor", "person 2", "--reason", "no")
    done = shell.told("approve", str(asked["proposal"]), "--shown", asked["shown"], "--approver", "PERSON 3")

    assert "'propose' is not among your rights" in str(by_viewer.exception)
    assert "there is no person 9" in str(nobody.exception)
    assert "say who you are" in str(itself.exception)
    assert "'approve' is not among your rights" in str(not_hers.exception)
    assert [each for each in kept if each["kind"] == "close"] == []
    assert "'approve' is not among your rights" in str(by_two.exception)
    assert "'approve' is not among your rights" in str(said_no.exception)
    assert done["state"] == "approved"
    [row] = [each for each in shell.told("proposals", "--each")["proposals"] if each["kind"] == "close"]
    assert (row["proposer"], row["approver"]) == ("person 1", "person 3")


def test_what_is_due_is_told_and_a_legal_hold_is_placed_by_one_and_ended_by_two(shell: Shell) -> None:
    profile = Path(shell.environment["BACKHAUL_PROFILE"])
    text = profile.read_text(encoding="utf-8")
    profile.write_text(text + '\n[retention]\ncustomers = "90d"\n', encoding="utf-8")
    too_short = shell.run("privacy", "retention")
    profile.write_text(text + '\n[retention]\ncustomers = "365d"\npacks = "2192d"\n', encoding="utf-8")
    shell.run("migrate")
    for number in (1, 2):
        ref = f"R-{number}"
        with SqlStore(shell.environment["BACKHAUL_DATABASE_URL"]).begin() as tx:
            tx.add_facts(TENANT, [replace(builders.announced(builders.line("TEA"), retailer="QX501"), return_ref=ref)])
            tx.save_case(KeptCase(tenant=TENANT, ref=ref, legal_entity="gb01", state=ReturnState.SETTLED, customer=f"C-{number}",
                                  updated_at=builders.NOON))
    packed = Path(shell.environment["BACKHAUL_STATE_DIR"]) / "packs" / TENANT / "2011-01" / "close-2011-01.xlsx"
    packed.parent.mkdir(parents=True)
    packed.write_bytes(b"a pack")

    before = shell.run("privacy", "retention", "--on", "2099-01-01").output
    held = shell.told("privacy", "hold", "--subject", "C-1", *DECIDED)
    told = shell.told("privacy", "retention", "--on", "2099-01-01")
    shown = shell.run("privacy", "retention", "--on", "2099-01-01").output
    again = shell.run("privacy", "hold", "--subject", "R-2", *DECIDED).output
    ended = shell.run("privacy", "release", "1", "--approver", "bob", *DECIDED).output

    assert "a term of 90 days is shorter than 180: complaints and disputed payments come for half a year" in too_short.output + str(
        too_short.exception)
    assert "customers: kept for 365 days; 2 customers with 2 returns are due" in before
    assert "extracts: kept for ever" in before
    assert "2011-01 close-2011-01.xlsx" in before
    assert "would be removed" in before
    assert held == {"hold": 1, "returns": ["R-1"]}
    assert (told["classes"]["customers"]["would_be_proposed"], told["classes"]["customers"]["under_hold"]) == (["R-2"], ["R-1"])
    assert "under hold: R-1" in shown
    assert "stays while a legal hold stands" in shown
    assert "Legal hold 2 stands on whoever returned R-2" in again
    assert "legal hold 1 is ended, by ann and bob" in ended
    assert shell.run("privacy", "retention", "--on", "soon").exit_code == 2
    assert packed.is_file()


def test_writes_are_paused_by_one_and_leave_again_by_two(shell: Shell) -> None:
    shell.told("pause", "--entity", "gb01", *DECIDED)
    again = shell.run("pause", "--entity", "gb01", *DECIDED).output
    alone = shell.run("unpause", "--entity", "gb01", "--approver", "ann", *DECIDED)

    done = shell.run("unpause", "--entity", "gb01", "--approver", "bob", *DECIDED)

    assert "nothing leaves" in again
    assert alone.exit_code != 0
    assert "writes leave again, by ann and bob" in done.output


@pytest.fixture
def unknown(shell: Shell, tmp_path: Path) -> int:
    """Give an exception about a message that nobody could read."""
    (tmp_path / "returns.jsonl").write_text('{"not": "a return"}\n', encoding="utf-8")
    shell.run("import", str(tmp_path / "returns.jsonl"))
    [row, *_] = shell.told("exceptions", "list", "--each")["exceptions"]
    return int(row["id"] if "id" in row else row["number"])


def test_an_exception_is_commented_and_handed_over(shell: Shell, unknown: int) -> None:
    note = shell.told("exceptions", "comment", str(unknown), "--text", "asked the platform", "--actor", "ann")["note"]

    moved = shell.run("exceptions", "hand-over", str(unknown), "--team", "warehouse", "--note", "yours?", "--actor", "ann")

    assert note
    assert "the work of warehouse" in moved.output


def test_what_cannot_be_decided_together_says_so(shell: Shell) -> None:
    result = shell.run("exceptions", "plan", "SKU_UNKNOWN", "--decision", "waive", "--entity", "gb01", "--currency", "GBP")

    assert "cannot be decided about all" in str(result.exception)


def test_the_values_that_one_correction_could_mend_are_listed_before_one_is_planned(shell: Shell) -> None:
    shell.run("migrate")
    with SqlStore(shell.environment["BACKHAUL_DATABASE_URL"]).begin() as tx:
        for ref in ("R-1", "R-2"):
            tx.add_facts(TENANT, [replace(builders.announced(builders.line("OLD-7")), return_ref=ref)])
            tx.save_case(KeptCase(tenant=TENANT, ref=ref, legal_entity="gb01", state=ReturnState.HELD, updated_at=builders.NOON))
            tx.open_exception(ExceptionCase.about(
                tenant=TENANT, return_ref=ref, line_id="OLD-7#1", money=Money(amount=Decimal(-5), currency="GBP"), now=builders.NOON,
                teams={}, findings=(Finding(code="SKU_UNKNOWN", sentence="nobody knows it", line_id="OLD-7#1"),)))
    cause = ("exceptions", "plan", "SKU_UNKNOWN", "--decision", "correct", "--entity", "gb01", "--currency", "GBP")
    said = (*cause, "--what", "sku", "--told", "OLD-7", "--value", "NEW-7")

    listed, values = shell.run(*cause), shell.told(*cause)["values"]
    none = shell.run(*("SKU_BLOCKED" if word == "SKU_UNKNOWN" else word for word in cause))
    plan = shell.run(*said, "--propose", *DECIDED)

    assert "sku OLD-7: 2 exceptions, -10" in listed.output
    assert [(each["what"], each["told"], each["count"]) for each in values] == [("sku", "OLD-7", 2)]
    assert "No value that can be corrected" in none.output
    assert "sku OLD-7 becomes NEW-7" in plan.output
    assert "2 exceptions" in plan.output
    assert "waits for somebody else" in plan.output


def test_a_plan_is_shown_proposed_listed_and_refused(shell: Shell) -> None:
    words = ("exceptions", "plan", "PRICE_ABOVE_SOLD", "--decision", "waive", "--entity", "gb01", "--currency", "GBP")

    shown, told = shell.run(*words), shell.told(*words)
    proposed = shell.run(*words, "--propose", *DECIDED)

    assert "0 exceptions, 0 GBP; documents that wait: none; 0 more" in shown.output
    assert told["proposal"] is None
    assert "not what was planned" in str(proposed.exception)
    assert shell.told("proposals") == {"proposals": []}


def test_who_waits_is_told_with_a_sentence(shell: Shell, tmp_path: Path) -> None:
    messages = life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])], at=datetime(2010, 12, 1, 9, tzinfo=UTC))
    (tmp_path / "returns.json").write_text(json.dumps(messages), encoding="utf-8")
    shell.run("import", str(tmp_path / "returns.json"))

    told = shell.told("waiting", "R-1")["waiting"]
    plain = shell.run("waiting", "R-1")

    assert plain.exit_code == 0
    assert [row["ref"] for row in told] in ([], ["R-1"])


def test_what_becomes_of_rejected_goods_is_said_and_told(shell: Shell, tmp_path: Path) -> None:
    messages = life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("C", "BACK", 2, False)])], at=datetime(2010, 12, 1, 9, tzinfo=UTC))
    (tmp_path / "returns.json").write_text(json.dumps(messages), encoding="utf-8")
    shell.run("import", str(tmp_path / "returns.json"))
    words = ("outcome", "R-1", "--actor", "ann", "--reason", "worn")

    alone = shell.run(*words, "--becomes", "goodwill")
    said, told = shell.run(*words, "--becomes", "sent-back"), shell.told(*words, "--becomes", "sent-back")

    assert "waits for somebody else" in alone.output
    assert "R-1: 2 of line TEA#1 are sent-back; said by ann." in said.output
    assert told == {"return": "R-1", "line": "TEA#1", "outcome": "sent-back", "units": "2", "decision": None}

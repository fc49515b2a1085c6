# ruff: noqa: F811  fixtures come by import and are asked for by name
"""The head of the record outside of the database: what it shows that the chain cannot, and whether a restored copy is whole."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from tests.conftest import PostgresServer
from tests.entrypoints.test_cli import LONG_AGO, Shell, busy_shell, erp, finance_scm, shell  # noqa: F401  fixtures are found by their names
from tests.journeys.stage import life, line

from backhaul.adapters.sql import SqlStore
from backhaul.application import receive
from backhaul.bootstrap import House, build
from backhaul.config import Settings
from backhaul.domain.delivery import Delivery
from backhaul.domain.errors import Misconfigured
from backhaul.domain.trail import TrailEntry, link
from backhaul.entrypoints import anchoring
from backhaul.testing.builders import NOON

KEY, OTHER = "of-this-test", "of-another"


@pytest.fixture
def anchored(busy_shell: Shell) -> Shell:
    """A shell whose record was anchored once, in a file beside the database, under a key of its own."""
    busy_shell.environment.update({"BACKHAUL_ANCHORS": str(busy_shell.folder / "anchors.jsonl"),
                                   "BACKHAUL_ANCHOR_KEY": "env:BACKHAUL_SECRET_A", "BACKHAUL_SECRET_A": KEY})
    busy_shell.told("anchor")
    return busy_shell


def in_hands(file: Path, change: Callable[[sqlite3.Connection], object]) -> None:
    """Change a database as somebody with the file in hands would: the guards taken off first, and put back to cover it up."""
    with closing(sqlite3.connect(file)) as book, book:
        guards = book.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            book.execute(f"DROP TRIGGER {name}")
        change(book)
        for _, sql in guards:
            book.execute(sql)


def cut_off(book: sqlite3.Connection) -> None:
    book.execute("DELETE FROM trail WHERE tenant <> '' AND sequence > 3")


def write_anew(book: sqlite3.Connection) -> None:
    """Write the whole chain anew as somebody else's, every hash of it fitting."""
    book.row_factory = sqlite3.Row
    previous = "0" * 64
    for row in book.execute("SELECT * FROM trail WHERE tenant <> '' ORDER BY sequence").fetchall():
        entry = link(TrailEntry(tenant=row["tenant"], sequence=row["sequence"], at=row["at"], actor="mallory", subject=row["subject"],
                                action=row["action"], detail=json.loads(row["detail"]), previous=previous))
        book.execute("UPDATE trail SET actor = ?, previous = ?, hash = ? WHERE tenant = ? AND sequence = ?",
                     (entry.actor, entry.previous, entry.hash, entry.tenant, entry.sequence))
        previous = entry.hash


@pytest.mark.parametrize(("change", "says"), [(cut_off, "entries 4 to"), (write_anew, "was written anew")])
def test_what_the_chain_cannot_show_its_anchors_do(anchored: Shell, change: Callable[[sqlite3.Connection], None], says: str) -> None:
    before = anchored.told("verify")
    in_hands(anchored.folder / "backhaul.sqlite", change)

    with_them, shown = anchored.told("verify", status=1), anchored.run("verify")
    for name in ("BACKHAUL_ANCHORS", "BACKHAUL_ANCHOR_KEY"):
        del anchored.environment[name]
    without = anchored.told("verify")

    assert (before["holds"], before["anchors"], before["installation"]["anchors"]) == (True, 1, 1)
    assert (with_them["holds"], with_them["broken_at"]) == (False, None)
    assert says in with_them["refuted"]
    assert says in " ".join(shown.output.split())
    assert without["holds"] is True, "the chain alone sees nothing, and that is why there are anchors"


def test_the_record_is_anchored_every_hour_and_a_place_that_is_away_stops_nothing_else(anchored: Shell) -> None:
    file = anchored.folder / "anchors.jsonl"
    house = build(Settings.from_env(anchored.environment))
    step, (tenant,) = anchoring.steps(house)["anchor"], house.profiles
    first = datetime.fromisoformat(json.loads(file.read_text(encoding="utf-8").splitlines()[0])["at"])

    told = [step(tenant, first + timedelta(minutes=minutes)) for minutes in (30, 61, 90, 200)]
    written = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    file.unlink()
    file.mkdir()
    away = step(tenant, first + timedelta(hours=9))
    file.rmdir()
    again = step(tenant, first + timedelta(hours=9))
    house.close()

    assert [bool(each) for each in told] == [False, True, False, True]
    assert [each["tenant"] for each in written] == [tenant, ""] * 3
    assert "could not be read" in away["anchor_failed"]
    assert again["anchored"][tenant] == written[-2]["sequence"]


def test_a_changed_file_of_anchors_and_a_key_that_is_not_ours_are_told(anchored: Shell) -> None:
    file = anchored.folder / "anchors.jsonl"
    honest = file.read_text(encoding="utf-8")
    anchored.environment["BACKHAUL_SECRET_A"] = f"{OTHER}\n{KEY}"
    rotated = anchored.told("verify")["holds"]
    anchored.environment["BACKHAUL_SECRET_A"] = OTHER
    stranger = anchored.told("verify", status=1)["refuted"]
    file.write_text(honest + "no anchor\n", encoding="utf-8")
    torn = anchored.run("verify")

    assert rotated is True, "a key that was replaced still opens what it sealed"
    assert "sealed with no key of this house" in stranger
    assert "line 3: this is no anchor" in str(torn.exception)
    with pytest.raises(Misconfigured, match="set together"):
        Settings.from_env({"BACKHAUL_ANCHORS": "x"})
    with pytest.raises(Misconfigured, match="missing or empty"):
        Settings.from_env({"BACKHAUL_ANCHORS": "x", "BACKHAUL_ANCHOR_KEY": "env:NOBODY"})
    anchored.environment["BACKHAUL_ANCHORS"] = str(anchored.folder / "no" / "such" / "folder.jsonl")
    assert "could not be written" in str(anchored.run("anchor").exception)
    assert "names no file" in str(anchored_without(anchored).exception)


def anchored_without(shell: Shell) -> "object":
    for name in ("BACKHAUL_ANCHORS", "BACKHAUL_ANCHOR_KEY"):
        del shell.environment[name]
    return shell.run("anchor")


def restored(shell: Shell, name: str = "copy.sqlite") -> Path:
    """Take a backup as SQLite does it, and restore it elsewhere."""
    copy = shell.folder / name
    with closing(sqlite3.connect(shell.folder / "backhaul.sqlite")) as book, closing(sqlite3.connect(copy)) as there:
        book.backup(there)
    return copy


def test_a_restored_copy_is_held_against_the_database_in_use_and_its_anchors(anchored: Shell) -> None:
    copy = restored(anchored)
    whole = anchored.told("drill", f"sqlite:///{copy}", "--actor", "ada")
    anchored.told("anchor")
    later = anchored.told("drill", f"sqlite:///{copy}")

    forged = restored(anchored, "forged.sqlite")
    in_hands(forged, write_anew)
    bytes_gone = restored(anchored, "bytes.sqlite")
    in_hands(bytes_gone, lambda book: book.execute("UPDATE deliveries SET body = X'7B7D' WHERE id = 1"))
    unguarded = restored(anchored, "unguarded.sqlite")
    with closing(sqlite3.connect(unguarded)) as book, book:
        book.execute("DROP TRIGGER facts_stay")
    damaged = anchored.folder / "damaged.sqlite"
    damaged.write_bytes(b"SQLite format 3\x00" + bytes(5000))
    wrong = {name: anchored.told("drill", f"sqlite:///{anchored.folder / name}", status=1)["wrong"]
             for name in ("forged.sqlite", "bytes.sqlite", "unguarded.sqlite", "damaged.sqlite", "nowhere.sqlite")}
    kept = build(Settings.from_env(anchored.environment))
    with kept.store.look() as tx:
        told = [(entry.actor, entry.detail["holds"]) for entry in tx.trail(next(iter(kept.profiles)), subject="restore")]
    kept.close()

    assert (whole["holds"], whole["missing"], whole["messages"] > 0) == (True, 0, True)
    assert (later["holds"], later["missing"]) == (True, 1), "the drill itself stands in the record since"
    assert any("was written anew" in each for each in wrong["forged.sqlite"])
    assert any("another one than in the database in use" in each for each in wrong["forged.sqlite"])
    assert wrong["bytes.sqlite"] == ["message 1 is not what its hash says"]
    assert "facts_stay" in wrong["unguarded.sqlite"][0]
    assert len(wrong["damaged.sqlite"]) == 1
    assert "there is no file" in wrong["nowhere.sqlite"][0]
    assert told == [("ada", True), ("backhaul", True), *[("backhaul", False)] * 5]
    assert "the database in use" in str(anchored.run("drill", anchored.environment["BACKHAUL_DATABASE_URL"]).exception)
    assert not (anchored.folder / "nowhere.sqlite").exists()


def test_a_database_that_was_restored_lets_nothing_leave_until_two_people_say_so(anchored: Shell) -> None:
    backup = restored(anchored, "backup.sqlite")
    (anchored.folder / "later.json").write_text(json.dumps(
        life("R-3", [line("TEA", 1, "4.25", received=1, grades=[("A", "RESELL", 1, True)])], at=LONG_AGO)), encoding="utf-8")
    anchored.told("import", str(anchored.folder / "later.json"))
    calm = anchored.told("work", "--once")["online-retail"]["post"]
    anchored.told("anchor")

    for end in ("", "-wal", "-shm"):
        (anchored.folder / f"backhaul.sqlite{end}").unlink(missing_ok=True)
    backup.rename(anchored.folder / "backhaul.sqlite")
    anchored.told("import", str(anchored.folder / "later.json"))  # the platform tells it again; the database knows of no credit
    stopped, still = (anchored.told(*words) for words in (("post",), ("post",)))
    house = build(Settings.from_env(anchored.environment))
    (tenant,) = house.profiles
    later = anchoring.anchor_when_due(house, tenant, datetime.now(UTC) + timedelta(hours=2))
    with house.store.look() as tx:
        pauses = tx.pauses(tenant)
    house.close()
    (anchored.folder / "anchors.jsonl").rename(anchored.folder / "anchors-until-the-restore.jsonl")
    decided = ("--actor", "ann", "--reason", "each document since was looked up")
    anchored.run("unpause", "--approver", "bob", *decided)
    goes_on = anchored.told("post")

    assert calm["sent"] > 0
    assert "older_than_anchored" not in calm
    assert stopped["sent"] == still["sent"] == 0
    assert "are gone: on" in stopped["older_than_anchored"]
    assert [(row.paused_by, row.legal_entity) for row in pauses] == [("backhaul", "")]
    assert "an older copy of the database" in pauses[0].reason
    assert "are gone: on" in later["older_than_anchored"], "no head of this chain hides those of the one before"
    assert goes_on["sent"] > 0


def test_anchors_that_cannot_be_read_are_said_and_stop_nothing(anchored: Shell) -> None:
    with (anchored.folder / "anchors.jsonl").open("a", encoding="utf-8") as file:
        file.write("no anchor\n")

    told = anchored.told("post")

    assert "this is no anchor" in told["anchors_unread"]
    assert told["sent"] == 0


def test_a_copy_on_postgresql_is_held_against_the_database_in_use_too(postgres_server: PostgresServer) -> None:
    database = postgres_server.create_migrated()
    settings = Settings.from_env({"BACKHAUL_DATABASE_URL": postgres_server.url(database)})
    house = House(settings=settings, store=SqlStore(settings.database_url), profiles={})
    with house.store.begin() as tx:
        receive.keep(tx, [Delivery(tenant="acme", source="main", identity="1", body=b"{}", received_at=NOON)])
        tx.record("acme", subject="R1", action="noted", at=NOON, actor="ada", detail={"told": "a word"})
    house.store.close()  # a database that is copied is in nobody's hands
    copies = {name: postgres_server.create(database) for name in ("whole", "bytes", "unguarded")}
    for name, statements in {"bytes": ("ALTER TABLE deliveries DISABLE TRIGGER ALL", "UPDATE deliveries SET body = '[]'",
                                       "ALTER TABLE deliveries ENABLE TRIGGER ALL"),
                             "unguarded": ("DROP TRIGGER facts_stay ON facts",)}.items():
        with psycopg.connect(postgres_server.url(copies[name]), autocommit=True) as book:
            for statement in statements:
                book.execute(statement)

    told = {name: anchoring.drill(house, "acme", postgres_server.url(copy), actor="ada", now=NOON) for name, copy in copies.items()}
    with house.store.look() as tx:
        kept = [entry.detail["holds"] for entry in tx.trail("acme", subject="restore")]
    house.close()
    for each in (*copies.values(), database):
        postgres_server.drop(each)

    assert (told["whole"]["holds"], told["whole"]["entries"], told["whole"]["missing"], told["whole"]["messages"]) == (True, 1, 0, 1)
    assert told["bytes"]["wrong"] == ["message 1 is not what its hash says"]
    assert "facts_stay" in told["unguarded"]["wrong"][0]
    assert kept == [True, False, False]

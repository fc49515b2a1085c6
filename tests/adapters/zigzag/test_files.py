"""A file is taken in once; every row has a result; a message means the same whichever way it came."""

import csv
import json
import runpy
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.stores import open_store
from tests.written import as_file

from backhaul.adapters.sql.store import SqlStore
from backhaul.adapters.zigzag.emulator.clock import body_bytes
from backhaul.adapters.zigzag.emulator.credit_lines import read_folder
from backhaul.adapters.zigzag.emulator.rule import plan_return
from backhaul.adapters.zigzag.emulator.story import flat_rows, tell as story
from backhaul.adapters.zigzag.files.intake import import_file
from backhaul.adapters.zigzag.files.layout import Trailer
from backhaul.adapters.zigzag.wire import ZigZagWire
from backhaul.application import receive, resolve
from backhaul.config import Profile, load_profile
from backhaul.domain.delivery import Delivery
from backhaul.domain.errors import Misconfigured
from backhaul.domain.posting import Route

EXAMPLES = Path(__file__).parents[3] / "examples"
PROFILE: Profile = load_profile(EXAMPLES / "profiles" / "online-retail.toml", {}, offline=True)
NOW = datetime(2011, 6, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """Give a store on a file of its own."""
    kept = open_store(f"sqlite:///{tmp_path / 'backhaul.sqlite'}")
    yield kept
    kept.close()


@pytest.fixture(scope="module")
def bodies() -> list[dict[str, Any]]:
    """Give the events of some returns, awkward ones among them."""
    return [event.body for note in read_folder(EXAMPLES / "online-retail")[:24] for event in story(note, plan_return(note), "QX501")]


def laid(**more: Any) -> Profile:
    """Give the profile with another layout of files."""
    return replace(PROFILE, files=msgspec.structs.replace(PROFILE.files, **more))


def facts_in(store: SqlStore) -> set[str]:
    """Read everything that waits and give what it said."""
    receive.digest(store, ZigZagWire(PROFILE.wire), PROFILE.rules, now=NOW, limit=100_000)
    with store.begin() as tx:
        refs = tx.touched(PROFILE.tenant, 100_000)
        return {fact.identity for facts in tx.facts(PROFILE.tenant, refs).values() for fact in facts}


def written(folder: Path, bodies: list[dict[str, Any]], kind: str) -> Path:
    """Write events as a file of a kind."""
    path = folder / f"returns.{kind.replace('whole', 'xml')}"
    path.write_bytes(as_file(bodies, kind))
    return path


def results(path: Path) -> list[dict[str, str]]:
    """Read a result file."""
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_a_return_means_the_same_in_every_form(tmp_path: Path, bodies: list[dict[str, Any]]) -> None:
    said = {}
    for kind in ("json", "jsonl", "csv", "xlsx", "xml", "whole"):
        store = SqlStore(f"sqlite:///{tmp_path / kind}.sqlite")
        store.migrate()
        done = import_file(store, laid(row="Returns.Event" if kind == "whole" else "Root.Data", whole=kind == "whole"),
                           written(tmp_path, bodies, kind), now=NOW)
        assert done["rows"] == done["stored"] == (len(bodies) if kind in {"json", "jsonl", "whole"} else len(list(flat_rows(bodies))))
        said[kind] = facts_in(store)
        store.close()

    assert len(said["json"]) > len(bodies)
    assert all(facts == said["json"] for facts in said.values())


def test_a_file_comes_in_once_and_its_messages_are_those_of_the_webhook(store: SqlStore, tmp_path: Path,
    bodies: list[dict[str, Any]]) -> None:
    raw = body_bytes(bodies[0], "typed")
    with store.begin() as tx:
        receive.keep(tx, [Delivery(tenant=PROFILE.tenant, source="zigzag", identity=bodies[0]["eventId"], body=raw, received_at=NOW)])
    path = written(tmp_path, bodies, "jsonl")

    first = import_file(store, PROFILE, path, now=NOW)
    again = import_file(store, PROFILE, path, now=NOW)

    assert (first["duplicate"], first["stored"]) == (1, len(bodies) - 1)
    assert again["seen"]
    rows = results(tmp_path / "returns.jsonl.result.csv")
    assert rows[0] == {"row": "1", "return": bodies[0]["return"]["returnId"], "outcome": "duplicate", "reason": "it came before"}
    assert {row["outcome"] for row in rows[1:]} == {"stored"}


def test_facts_from_csv_repeat_those_of_the_webhook_without_a_conflict(store: SqlStore, tmp_path: Path,
    bodies: list[dict[str, Any]]) -> None:
    import_file(store, PROFILE, written(tmp_path, bodies, "jsonl"), now=NOW)
    before = facts_in(store)

    done = import_file(store, PROFILE, written(tmp_path, bodies, "csv"), now=NOW)

    assert (done["stored"], done["conflict"]) == (len(list(flat_rows(bodies))), 0)
    assert facts_in(store) == before


def test_a_row_that_cannot_be_read_is_kept_and_says_why(store: SqlStore, tmp_path: Path,
    bodies: list[dict[str, Any]]) -> None:
    path = tmp_path / "mixed.jsonl"
    changed = json.loads(json.dumps(bodies[0]))
    changed["return"]["country"] = "Atlantis"
    path.write_bytes(b'{"broken\n\n{"eventId":"e-1"}\n' + body_bytes(bodies[0], "typed") + b"\n" + body_bytes(changed, "typed"))

    done = import_file(store, PROFILE, path, now=NOW, result=tmp_path / "said.csv")

    assert [done[name] for name in ("rows", "stored", "conflict", "unusable")] == [4, 1, 1, 2]
    rows = results(tmp_path / "said.csv")
    assert [row["row"] for row in rows] == ["1", "3", "4", "5"]
    assert "no return reference" in rows[1]["reason"]


def test_a_reference_that_is_a_formula_is_no_formula_in_the_result_file(store: SqlStore, tmp_path: Path,
    bodies: list[dict[str, Any]]) -> None:
    evil = json.loads(json.dumps(bodies[0]))
    evil["return"]["returnId"] = "=cmd()"
    path = tmp_path / "evil.json"
    path.write_bytes(body_bytes(evil, "typed"))

    import_file(store, PROFILE, path, now=NOW)

    assert "'=cmd()" in (tmp_path / "evil.json.result.csv").read_text(encoding="utf-8")


def test_a_file_that_is_refused_is_owned_until_its_content_comes_in(store: SqlStore, tmp_path: Path, bodies: list[dict[str, Any]]) -> None:
    path = written(tmp_path, bodies, "csv")

    with pytest.raises(Misconfigured, match="no rows that begin with 'END'"):
        import_file(store, laid(trailer=Trailer(mark="END", rows=2)), path, now=NOW)
    with store.begin() as tx:
        waiting = [(row.case.kind, row.case.owner, str(path) in row.case.findings[0].sentence) for row in tx.exceptions(PROFILE.tenant)]
        kept = tx.undigested(PROFILE.tenant, 10)
    import_file(store, PROFILE, path, now=NOW)

    assert waiting == [("FILE_TOTALS_DIFFER", "integration", True)]
    assert not kept
    with store.begin() as tx:
        assert not tx.exceptions(PROFILE.tenant)
        assert [entry.action for entry in tx.trail(PROFILE.tenant)] == ["open-exception", "close-exception", "take-file"]


def test_rows_that_make_no_message_are_kept_owned_and_say_why_when_they_are_read_again(store: SqlStore, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"eventId,eventType,occurredAt,returnId,sku,quantity\ne-1,ReturnCreated,2011-05-01T00:00:00Z,R-1,TEA\n")

    done = import_file(store, PROFILE, path, now=NOW)
    facts = facts_in(store)
    with store.begin() as tx:
        exception, = tx.exceptions(PROFILE.tenant)
    resolve.retry(store, PROFILE.tenant, exception.id, route=Route(goods=(), fees=(), nature={}), actor="ada", now=NOW)
    again = facts_in(store)

    assert (done["unusable"], results(tmp_path / "a.csv.result.csv")[0]["return"], facts | again) == (1, "R-1", set())
    with store.begin() as tx:
        still, = tx.exceptions(PROFILE.tenant)
    assert (still.id, still.case.kind) == (exception.id, "UNREADABLE")
    assert "row 2: it has 5 cells and the head has 6" in still.case.findings[0].sentence


def test_the_samples_say_the_same_in_every_form(store: SqlStore, tmp_path: Path) -> None:
    program = runpy.run_path(str(EXAMPLES / "payloads" / "write_xlsx.py"))
    program["main"](str(EXAMPLES / "payloads" / "returns.csv"), str(tmp_path / "returns.xlsx"))
    shutil.copy(EXAMPLES / "payloads" / "returns.xml", tmp_path)
    import_file(store, PROFILE, EXAMPLES / "payloads" / "returns.csv", now=NOW, result=tmp_path / "csv.result.csv")
    first = facts_in(store)

    done = [import_file(store, laid(trailer=Trailer(rows_at="Root.Header.Rows")), tmp_path / name, now=NOW)
            for name in ("returns.xml", "returns.xlsx")]

    assert first
    assert [each["stored"] for each in done] == [4, 4]
    assert facts_in(store) == first


def test_a_file_nobody_can_read_is_refused_with_its_name(store: SqlStore, tmp_path: Path) -> None:
    for name, content, reason in (("a.xml", b"<a/>", "no element at Root.Data"), ("b.csv", b"colour,size\nred,1\n", "no column holds"),
                                  ("c.csv", b"\xff\xfe", "not UTF-8")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(Misconfigured, match=reason):
            import_file(store, PROFILE, tmp_path / name, now=NOW)
    with pytest.raises(Misconfigured, match="source 'other' is not in the profile"):
        import_file(store, PROFILE, tmp_path / "a.xml", now=NOW, source="other")

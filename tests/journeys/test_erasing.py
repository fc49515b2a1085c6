"""Is a customer who asks for it gone from everything we keep, and is everything proved that was proved before?"""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from typer.testing import CliRunner

from backhaul.adapters.sql import tables
from backhaul.application import approvals, casework, privacy
from backhaul.application.effects import EFFECTS
from backhaul.application.proof_ports import EXTRACTS
from backhaul.domain.access import Scope
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.money import Money
from backhaul.domain.pairing import Given, Match, Rule
from backhaul.domain.personal import names_any
from backhaul.domain.proposal import Proposal, ProposalKind
from backhaul.domain.returns import NOTHING, fold
from backhaul.domain.trail import first_break
from backhaul.entrypoints import months
from backhaul.entrypoints.cli import app
from backhaul.entrypoints.demo.team import employ
from backhaul.entrypoints.web.app import create_app
from backhaul.entrypoints.web.serving import serve
from tests.entrypoints.visiting import PASSPHRASE, SIGN_IN, Browser
from tests.journeys.stage import DAILY, EXAMPLES, MORNING, TENANT, World, life, line, open_world

GOOD = ("A", "RESELL", 2, True)
ACCOUNT, REF = "10001", "C910007"
CANARIES = {name: f"Kanari-{name}-Zeisig" for name in (
    "name", "email", "phone", "street", "comment", "instructions", "description", "option", "nested", "said", "file", "promise",
    "reason", "sentence", "waived", "matched", "revoked")}
"""A word of its own in everything a message can carry of a customer, and in everything that is said about one."""


@pytest.fixture(params=["sqlite", "postgresql"])
def world(erp: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """Give a month in which one customer's return and another's are credited, and the first is told of in every way there is."""
    url = f"sqlite:///{tmp_path / 'backhaul.sqlite'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = open_world(erp, url, window=DAILY)
    made.house.settings = replace(made.house.settings, state_dir=tmp_path)
    made.tell(*personal(), *life("C910002", [line("POT", 1, "12.50", order="500002", received=1, grades=[("A", "RESELL", 1, True)])],
                                 at=MORNING, customer="10002"))
    made.pass_evenings(6)
    talked_about(made)
    yield made
    made.house.close()


def personal() -> list[dict[str, Any]]:
    """Write a return's messages as a platform would that tells more than anybody needs."""
    told = life(REF, [line("TEA", 2, "4.25", received=2, grades=[GOOD]), line("CUP", 2, "2.95", received=0, grades=[])], at=MORNING,
                customer=ACCOUNT)
    for message in told:
        message["return"] |= {
            "shopper": {name: CANARIES[name] for name in ("name", "email", "phone", "street")}, "comment": CANARIES["comment"],
            "delivery": [{"instructions": CANARIES["instructions"], "more": {"nested": CANARIES["nested"]}}]}
        message["return"]["lines"] = [
            each | {"description": CANARIES["description"], "option": CANARIES["option"], "remark": CANARIES["comment"]}
            for each in message["return"]["lines"]]
    told[0]["return"]["lines"][1]["reason"] = CANARIES["reason"]
    return told


def talked_about(world: World) -> None:
    """Let people say what they say, and close what stands about the return."""
    store, rules = world.house.store, world.house.profiles[TENANT].rules
    with store.begin() as tx:
        for row in tx.exceptions(TENANT):
            tx.close_exceptions(TENANT, row.case.return_ref, apart_from=(), resolution=CANARIES["said"], at=world.at, actor="ann")
        number = tx.open_exception(ExceptionCase.about(
            tenant=TENANT, return_ref=REF, line_id="CUP#1", money=Money(amount=NOTHING, currency="GBP"), teams={}, now=world.at,
            findings=(Finding(code="CUSTOMER_UNKNOWN", sentence=f"{CANARIES['sentence']}: customer '{ACCOUNT}'.",
                              hint=CANARIES["name"]),)))
    casework.comment(store, TENANT, number, text=f"{CANARIES['said']} is {ACCOUNT}", actor="ann", now=world.at)
    casework.attach(store, TENANT, number, name=f"{CANARIES['name']}.txt", body=CANARIES["file"].encode(), actor="ann", now=world.at)
    casework.promise(store, Scope.whole(TENANT), REF, text=CANARIES["promise"], due_at=world.at + timedelta(days=2), actor="ann",
                     now=world.at)
    asked = approvals.propose(store, EFFECTS, rules, ProposalKind.CLOSE, {"exception": number}, proposer="ann",
                              reason=f"{CANARIES['waived']} {ACCOUNT}", now=world.at)
    approvals.approve(store, EFFECTS, rules, asked.id, shown=asked.sha256, approver="bob", now=world.at)
    with store.begin() as tx:
        number = tx.keep_match(Match(
            tenant=TENANT, legal_entity="gb01", rule=Rule.ONE_TO_ONE, records={"k-1": "CN-HAND"}, currency="GBP", evidence="", actor="ann",
            lines=(Given(return_ref=REF, line_id="TEA#1", units=Decimal(2), net=Decimal("8.50")),), proposal=asked.id, approver="bob",
            reason=CANARIES["matched"], at=world.at))
        tx.revoke_match(TENANT, number, proposal=asked.id, actor="ann", approver="bob", reason=CANARIES["revoked"], at=world.at)
        tx.keep_answer("person 1", "a-key-of-mine", request="r", status=201, body={"customer": ACCOUNT}, at=world.at)
    world.pass_evenings(2)
    with store.begin() as tx:
        left = [row for row in tx.exceptions(TENANT) if row.case.return_ref == REF]
        assert not left, left
        assert tx.cases(TENANT, [REF])[REF].state in privacy.OVER


def asked(world: World, subject: str = ACCOUNT) -> Proposal:
    store, rules = world.house.store, world.house.profiles[TENANT].rules
    refs = privacy.returns_of(store, rules, subject)
    return approvals.propose(store, EFFECTS, rules, ProposalKind.ERASE, privacy.content_of(store, rules, refs), proposer="ann",
                             reason="they asked us to", now=world.at)


def erased(world: World, subject: str = ACCOUNT) -> Proposal:
    proposal = asked(world, subject)
    return approvals.approve(world.house.store, EFFECTS, world.house.profiles[TENANT].rules, proposal.id, shown=proposal.sha256,
                             approver="bob", now=world.at)


def everything(world: World) -> dict[str, str]:
    """Give everything the database holds, table by table, as text."""
    with world.house.store.read() as connection:
        return {name: " ".join(
            bytes(value).decode(errors="replace") if isinstance(value, bytes | memoryview) else str(value)
            for row in connection.execute(select(table)) for value in row) for name, table in tables.metadata.tables.items()}


def where(world: World, *words: str) -> dict[str, list[str]]:
    return {name: found for name, told in everything(world).items() if (found := [word for word in words if word in told])}


def postings(world: World) -> list[tuple[Any, ...]]:
    return sorted((str(row.posting.key), row.state.value, row.posting.net, row.posting.currency, row.document and row.document.number)
                  for row in world.postings())


def figures(world: World) -> tuple[Any, ...]:
    """Prove the month as the command does, and give what is told of it."""
    with months.prove_month(world.house, TENANT, "2010-12", world.at.date(), now=world.at) as (proof, books, _):
        return (proof.lines, proof.proved, proof.in_timing, proof.broken, proof.orphans, proof.by_class, proof.awaited,
                proof.stock_difference, proof.credit_difference, proof.ledger_difference, [each.kind for each in books.found()])


def test_who_is_erased_is_found_nowhere_and_all_that_was_proved_is_proved_still(world: World, tmp_path: Path) -> None:
    before, proved, credited = postings(world), figures(world), world.credits
    assert set(where(world, ACCOUNT, *CANARIES.values())) >= {
        "deliveries", "facts", "cases", "postings", "exceptions", "notes", "promises", "proposals", "words", "answers",
        "matches", "match_ends"}

    done = erased(world)

    assert where(world, ACCOUNT, *CANARIES.values()) == {}
    assert (postings(world), figures(world), world.credits) == (before, proved, credited)
    with world.house.store.look() as tx:
        assert first_break(tx.trail(TENANT)) is None
    assert done.result.endswith(f"are about erased-{done.id} from now on")
    for path in [*tmp_path.rglob("*.parquet"), *tmp_path.rglob("*.duckdb")]:
        assert ACCOUNT.encode() not in path.read_bytes()


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_the_secret_by_which_extracts_tell_customers_apart_goes_and_the_next_proof_begins_new_ones(world: World, tmp_path: Path) -> None:
    def secret() -> str:
        with world.house.store.look() as tx:
            return str(tx.recall(TENANT, f"{EXTRACTS}2010-12").get("secret", ""))

    before, proved = (figures(world), secret()), figures(world)
    erased(world)
    erased_with = secret()

    assert figures(world) == proved == before[0]
    assert len({before[1], erased_with, secret()}) == 3
    assert erased_with == ""
    assert {path.name for path in (tmp_path / "extracts" / TENANT / "2010-12").glob("*") if path.is_dir()} == {"1", "2"}


def test_the_same_delivery_again_is_a_duplicate_and_the_facts_still_fold_into_the_same_documents(world: World) -> None:
    before = postings(world)
    with world.house.store.look() as tx:
        was = fold(REF, tx.facts(TENANT, [REF])[REF])
    done = erased(world)

    world.tell(*personal())
    with world.house.store.begin() as tx:
        tx.touch(TENANT, [REF])
    world.pass_evenings(2)

    with world.house.store.read() as connection:
        states = connection.execute(select(tables.deliveries.c.state, tables.deliveries.c.body).where(
            tables.deliveries.c.identity.startswith(REF)).order_by(tables.deliveries.c.id)).all()
    assert [state for state, _ in states[-4:]] == ["duplicate"] * 4
    assert {bytes(body) for _, body in states[:4]} == {b"erased"}
    assert postings(world) == before
    with world.house.store.look() as tx:
        now = fold(REF, tx.facts(TENANT, [REF])[REF])
        assert [row for row in tx.exceptions(TENANT) if row.case.return_ref == REF] == []
    assert (now.customer, was.customer) == (f"erased-{done.id}", ACCOUNT)
    assert [replace(each, description="", reason="") for each in now.lines] == [
        replace(each, description="", reason="") for each in was.lines]
    assert where(world, *CANARIES.values()) == {}


def test_nobody_is_erased_whose_return_is_open_or_about_whom_something_is_to_decide(world: World) -> None:
    store = world.house.store
    world.tell(life("C910009", [line("TEA", 1, "4.25")], at=MORNING, customer=ACCOUNT)[0])
    world.turn()
    with pytest.raises(NeedsOperator, match="return C910009 is waiting; nobody is erased"):
        asked(world)

    with store.begin() as tx:
        number = tx.open_exception(ExceptionCase.about(
            tenant=TENANT, return_ref="C910002", line_id="POT#1", money=Money(amount=NOTHING, currency="GBP"), now=world.at, teams={},
            findings=(Finding(code="TAX_DIFFERS", sentence="?"),)))
    with pytest.raises(NeedsOperator, match=f"exception {number} of C910002 is open"):
        asked(world, "C910002")
    with pytest.raises(NeedsOperator, match="'WALKIN-GB' stands for all who have none"):
        asked(world, "WALKIN-GB")
    with pytest.raises(NeedsOperator, match="nothing here is about 'nobody'"):
        asked(world, "nobody")


def test_a_message_that_came_since_it_was_proposed_makes_it_be_proposed_anew(world: World) -> None:
    proposal, store, rules = asked(world), world.house.store, world.house.profiles[TENANT].rules
    again = personal()[0] | {"eventId": "another"}
    world.tell(again)

    with pytest.raises(NeedsOperator, match="is not what it was when this was proposed"):
        approvals.approve(store, EFFECTS, rules, proposal.id, shown=proposal.sha256, approver="bob", now=world.at)
    world.turn()
    done = erased(world)

    assert done.content["looked_through"] > proposal.content["looked_through"]
    assert where(world, ACCOUNT, *CANARIES.values()) == {}


def test_the_database_erases_nothing_without_two_people_and_nothing_but_words(world: World) -> None:
    proposal, store, rules = asked(world), world.house.store, world.house.profiles[TENANT].rules

    def refused(*statements: str) -> str:
        """Say something to the database behind the store's back, all of it or nothing, and give what it answers when it refuses."""
        names = {"number": proposal.id, "ref": REF, "open": "C910009"}
        with store.engine.begin() as connection:
            try:
                for each in statements:
                    connection.execute(text(each), {name: value for name, value in names.items() if f":{name}" in each})
            except IntegrityError as refusal:
                connection.rollback()
                return str(refusal)
            pytest.fail(f"nobody refused {statements[-1]}")

    assert "approval of somebody other" in refused(BEGIN)
    assert "append-only" in refused("UPDATE facts SET body = replace(body, '10001', 'x') WHERE return_ref = :ref")
    assert "only erased" in refused("DELETE FROM words")
    assert "bytes of a delivery" in refused("UPDATE deliveries SET body = NULL WHERE body IS NOT NULL")
    for statement in FORBIDDEN:
        assert refused(*APPROVED, statement)
    world.tell(life("C910009", [line("TEA", 1, "4.25")], at=MORNING, customer="10002")[0])
    world.turn()
    assert "only what is settled" in refused(*APPROVED[:2], APPROVED[2].replace(":ref", ":open"))
    with pytest.raises(NeedsOperator, match="somebody other than 'ann'"):
        approvals.approve(store, EFFECTS, rules, proposal.id, shown=proposal.sha256, approver=" Ann", now=world.at)
    assert set(where(world, CANARIES["name"])) >= {"deliveries"}


BEGIN = ("INSERT INTO erasures (tenant, proposal, name, at, proof) SELECT tenant, id, 'erased-9', proposed_at, '' FROM proposals "
         "WHERE id = :number")
APPROVED = (
    "UPDATE proposals SET approver = 'bob', approved_at = proposed_at WHERE id = :number", BEGIN,
    "INSERT INTO erased (erasure, tenant, return_ref) SELECT id, tenant, :ref FROM erasures WHERE proposal = :number")
"""How an erasure begins that two people agreed on."""
FORBIDDEN = (
    "UPDATE facts SET body = replace(body, 'RESELL', 'SCRAP') WHERE return_ref = :ref AND kind = 'Inspected'",
    "UPDATE facts SET identity = 'x' WHERE return_ref = :ref",
    "UPDATE facts SET body = replace(body, '10002', 'x') WHERE return_ref = 'C910002' AND kind = 'Announced'",
    "UPDATE attempts SET outcome = 'lost' WHERE posting IN (SELECT key FROM postings WHERE return_ref = :ref)",
    "UPDATE postings SET net = 1, body = body || ' ' WHERE return_ref = :ref",
    "UPDATE postings SET body = replace(body, '4.25', '9.25') WHERE return_ref = :ref",
    "UPDATE deliveries SET sha256 = 'x'", "UPDATE deliveries SET body = NULL WHERE body IS NOT NULL",
    "UPDATE exceptions SET amount = 9 WHERE return_ref = :ref", "UPDATE notes SET actor = 'eve' WHERE return_ref = :ref",
    "UPDATE promises SET due_at = at WHERE return_ref = :ref", "UPDATE proposals SET amount = 1 WHERE subject = :ref",
    "UPDATE matches SET reason = 'x'", "UPDATE matches SET reason = 'erased', actor = 'eve'", "UPDATE match_ends SET reason = 'x'",
    "UPDATE match_ends SET reason = 'erased', approver = 'eve'", "UPDATE erasures SET name = 'x'",
    "DELETE FROM erased", "DELETE FROM erasures",
)
"""What no erasure changes, also of the return it is about."""


def test_no_page_list_or_answer_names_who_is_erased_and_they_are_told_what_is_left(
        world: World, caplog: pytest.LogCaptureFixture) -> None:
    employ(world.house.store, TENANT, world.at)
    caplog.set_level(logging.DEBUG)
    with serve(create_app(world.house, sign_in=SIGN_IN)) as running:
        oskar, fiona, udo = (Browser(running.base_url) for _ in range(3))
        for browser, name in ((oskar, "Oskar Operator"), (fiona, "Fiona Finance"), (udo, "Udo Auditor")):
            assert browser.enter(name, PASSPHRASE).status_code == 303
        held = oskar.get(f"/administration?subject={ACCOUNT}").text
        told = oskar.get(f"/administration/personal-data?subject={ACCOUNT}").text
        form_token = oskar.fill(oskar.get("/administration"))["form_token"]
        asked_for = oskar.post("/administration/erase", form_token=form_token, subject=ACCOUNT, reason="they asked us to")
        with world.house.store.look() as tx:
            [proposal] = tx.proposals(Scope.whole(TENANT), kinds=[ProposalKind.ERASE])
        approvals.approve(world.house.store, EFFECTS, world.house.profiles[TENANT].rules, proposal.id, shown=proposal.sha256,
                          approver="bob", now=world.at)

        pages = {path: udo.get(path) for path in (
            "/", f"/returns/{REF}", "/returns", "/exceptions", "/approvals", f"/approvals/{proposal.id}", "/trail", "/search?q=" + REF,
            "/messages/1", "/messages/1/bytes", "/exports/returns.csv", "/exports/trail.csv", "/exports/waiting.csv", "/mappings",
            f"/administration/personal-data?subject={REF}", "/exports/coverage.csv", "/flows", "/batches")}

    assert "Propose to erase" in held
    assert "Documents in the ERP" in held
    assert ACCOUNT not in held.replace(f'value="{ACCOUNT}"', "").replace(f"subject={ACCOUNT}", "")
    assert all(word in told for word in CANARIES.values())
    assert asked_for.headers["location"].startswith(f"/approvals/{proposal.id}")
    assert {path: page.status_code for path, page in pages.items() if page.status_code != 200} == {}
    assert {path: found for path, page in pages.items() if (found := [word for word in CANARIES.values() if word in page.text])} == {}
    assert [path for path, page in pages.items() if names_any(page.content, [ACCOUNT])] == []
    assert f"erased-{proposal.id}" in pages[f"/returns/{REF}"].text
    assert f'"proposal":{proposal.id}' in pages[f"/administration/personal-data?subject={REF}"].text
    assert not [record for record in caplog.records if any(word in record.getMessage() for word in CANARIES.values())]


def test_two_people_at_the_machine_erase_with_a_proof_and_nothing_is_left_in_the_file(
        world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = world.house.settings
    for name, value in {"BACKHAUL_DATABASE_URL": settings.database_url, "BACKHAUL_ERP_URL": world.erp, "BACKHAUL_ERP_SECRET": "s",
                        "BACKHAUL_PROFILE": str(EXAMPLES / "profiles" / "online-retail.toml"), "BACKHAUL_ZIGZAG_SECRET": "0" * 32,
                        "BACKHAUL_ERP_TOKEN_URL": f"{world.erp}/demo/oauth2/v2.0/token"}.items():
        monkeypatch.setenv(name, value)

    def say(*words: str) -> Any:
        ended = CliRunner().invoke(app, ["privacy", *words, "--subject", ACCOUNT if words[-1] != REF else REF])
        assert ended.exit_code == 0, (ended.output, ended.exception)
        return ended.stdout

    told = json.loads(say("export"))
    asked_for = json.loads(say("erase", "--actor", "ann", "--reason", "asked", "--json"))
    say("erase", "--actor", "ann", "--approver", "bob", "--reason", "asked", "--proof")
    ended = CliRunner().invoke(app, ["privacy", "erase", "--subject", REF, "--proof", "--json"])

    assert told["returns"] == asked_for["returns"] == [REF]
    assert CANARIES["email"] in json.dumps(told["messages"], ensure_ascii=False)
    [proof] = json.loads(ended.stdout)["erasures"]
    assert proof["proposal"] == asked_for["proposal"]
    assert len(proof["sha256"]) >= 4
    assert proof["counts"]["messages"] == 4
    assert where(world, *CANARIES.values()) == {}
    if settings.database_url.startswith("sqlite"):
        left = b"".join(path.read_bytes() for path in tmp_path.glob("backhaul.sqlite*"))
        assert [word for word in CANARIES.values() if word.encode() in left] == []

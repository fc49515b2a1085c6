"""Does the database keep a match as two people confirmed it, and each record and line in one match only?"""
# ruff: noqa: S608  every statement here is put together from words of this file

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from tests.adapters.sql.test_constraints import Refused

from backhaul.adapters.sql import SqlStore
from backhaul.application.ports import PostingState
from backhaul.domain.entry import Side
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.money import Money
from backhaul.domain.pairing import Given, Match, Rule
from backhaul.domain.proposal import Proposal, ProposalKind


def asked(store: SqlStore, story: Any, reason: str) -> int:
    """Give the number of a proposal that is there to be named."""
    with store.begin() as tx:
        made, _ = tx.add_proposal(Proposal(
            tenant="acme", legal_entity="gb", kind=ProposalKind.PAIR, subject=reason, content={"why": reason}, basis="b",
            money=Money(amount=Decimal(-1), currency="GBP"), reason=reason, proposer="ann", proposed_at=story.noon,
            expires_at=story.noon + timedelta(days=7)))
    return made.id


def match(store: SqlStore, story: Any, *, record: str = "k-1", ref: str = "R1", line: str = "1", **more: Any) -> Match:
    made = Match(
        tenant="acme", legal_entity="gb", rule=Rule.ONE_TO_ONE, records={record: "CN-1"}, currency="GBP", evidence="it looks so",
        lines=(Given(return_ref=ref, line_id=line, units=Decimal(2), net=Decimal("12.50")),),
        proposal=asked(store, story, f"{record} {ref} {line}"), actor="ann", approver="bob", reason="paid out", at=story.noon)
    return replace(made, **more)


def kept(store: SqlStore, told: Match) -> int:
    with store.begin() as tx:
        return tx.keep_match(told)


def revoked(store: SqlStore, story: Any, number: int) -> None:
    proposal = asked(store, story, f"revoke {number}")
    with store.begin() as tx:
        tx.revoke_match("acme", number, proposal=proposal, actor="ann", approver="bob", reason="wrong", at=story.noon)


@pytest.mark.parametrize("again", [{"ref": "R2"}, {"record": "k-2"}])
def test_what_stands_in_one_match_stands_in_no_other_until_it_is_revoked(store: SqlStore, story: Any, again: dict[str, str]) -> None:
    number, other = kept(store, match(store, story)), match(store, story, **again)

    with pytest.raises(NeedsOperator, match="is matched already"):
        kept(store, other)
    revoked(store, story, number)
    kept(store, other)

    with store.begin() as tx:
        assert [each.lines[0].return_ref for each in tx.matches("acme")] == [again.get("ref", "R1")]
        assert [each.revoked_by for each in tx.matches("acme", standing=False)] == ["ann", ""]


def test_a_line_has_one_match_of_its_credit_and_one_of_its_goods(store: SqlStore, story: Any) -> None:
    kept(store, match(store, story))
    goods = kept(store, match(store, story, record="k-2", side=Side.STOCK))
    third = match(store, story, record="k-3", side=Side.STOCK)

    with pytest.raises(NeedsOperator, match="is matched already"):
        kept(store, third)
    with store.begin() as tx:
        assert [each.kind for each in tx.matched_lines("acme", ["R1"])["R1", "1"]] == ["credit", "receipt"]
    revoked(store, story, goods)
    with store.begin() as tx:
        assert [each.kind for each in tx.matched_lines("acme", ["R1"])["R1", "1"]] == ["credit"]


def test_a_return_is_asked_for_its_own_lines_letter_by_letter(store: SqlStore, story: Any) -> None:
    for record, ref in (("k-1", "R1"), ("k-2", "R10"), ("k-3", "r1"), ("k-4", "R1|1")):
        kept(store, match(store, story, record=record, ref=ref))

    with store.begin() as tx:
        assert set(tx.matched_lines("acme", ["R1", "R2"])) == {("R1", "1")}
        assert set(tx.matched_lines("acme", [f"R{number}" for number in range(250)])) == {("R1", "1"), ("R10", "1")}
        assert (tx.matched_lines("acme", []), tx.matched_lines("other", ["R1"])) == ({}, {})


@pytest.mark.parametrize(("change", "says"), [
    ("DELETE FROM matches", "a match stays"), ("UPDATE matches SET reason = 'x'", "as it was confirmed"),
    ("UPDATE matches SET reason = 'erased'", "as it was confirmed"), ("UPDATE matches SET body = '{}'", "as it was confirmed"),
    ("DELETE FROM match_ends", "stays revoked"), ("UPDATE match_ends SET reason = 'x'", "stays revoked"),
    ("DELETE FROM matched", "until its match is revoked"), ("UPDATE matched SET match = 1", "until its match is revoked")])
def test_a_match_stays_as_it_was_confirmed_and_its_end_too(store: SqlStore, story: Any, refused: Refused, change: str, says: str) -> None:
    revoked(store, story, kept(store, match(store, story)))
    kept(store, match(store, story, record="k-2", ref="R2"))

    assert says in refused(change)


@pytest.mark.parametrize("table", ["matches", "match_ends", "matched"])
def test_no_table_of_matches_is_emptied_at_once(store: SqlStore, refused: Refused, table: str) -> None:
    if store.engine.dialect.name == "postgresql":  # SQLite knows no TRUNCATE
        assert "never emptied" in refused(f"TRUNCATE {table} CASCADE")


@pytest.mark.parametrize(("actor", "approver", "reason"), [("ann", " ANN ", "paid"), ("ann", "bob", "")])
def test_nobody_confirms_or_revokes_alone_or_without_a_reason_whoever_writes_it_down(
        store: SqlStore, story: Any, refused: Refused, actor: str, approver: str, reason: str) -> None:
    number, more = kept(store, match(store, story)), asked(store, story, "more")
    said = f"{more}, '{actor}', '{approver}', '{reason}', '2011-03-01T12:00:00+00:00'"

    assert "four_eyes" in refused(
        f"INSERT INTO matches (tenant, legal_entity, body, proposal, actor, approver, reason, at) VALUES ('acme', 'gb', '{{}}', {said})")
    assert "four_eyes" in refused(
        f"INSERT INTO match_ends (match, proposal, actor, approver, reason, at) VALUES ({number}, {said})")


def test_one_proposal_confirms_one_match_and_a_match_ends_once(store: SqlStore, story: Any, refused: Refused) -> None:
    number = kept(store, match(store, story))
    columns = "tenant, legal_entity, body, proposal, actor, approver, reason, at"

    assert "UNIQUE" in refused(f"INSERT INTO matches ({columns}) SELECT {columns} FROM matches").upper()
    assert "UNIQUE" in refused("INSERT INTO matched (tenant, what, match) SELECT tenant, what, match FROM matched").upper()
    revoked(store, story, number)
    assert "UNIQUE" in refused("INSERT INTO match_ends SELECT * FROM match_ends").upper()


def test_what_others_prepared_while_a_match_waited_for_its_turn_is_seen(migrated_postgres_url: str, story: Any) -> None:
    store = SqlStore(migrated_postgres_url)  # on SQLite nobody writes beside another
    story.leased(store)
    told = match(store, story)
    with store.begin() as tx:
        assert tx.postings("acme", ["R1"]) == {}
        story.fixed(store, story.posting())

        tx.keep_match(told)

        assert [row.state for row in tx.postings("acme", ["R1"])["R1"]] == [PostingState.READY]
    store.close()


def test_whoever_confirms_waits_for_whoever_prepares_postings_and_the_other_way_round(migrated_postgres_url: str, story: Any) -> None:
    store = SqlStore(migrated_postgres_url)
    told, more = match(store, story), match(store, story, record="k-2", ref="R2")
    free = "SELECT pg_try_advisory_xact_lock{}(hashtext('matches:acme'))"
    with store.begin() as tx, store.engine.begin() as beside:
        tx.matched_lines("acme", ["R1"])
        assert [beside.execute(text(free.format(how))).scalar() for how in ("", "_shared")] == [False, True]
    with store.begin() as tx, store.engine.begin() as beside:
        tx.keep_match(told)
        assert beside.execute(text(free.format("_shared"))).scalar() is False
    assert kept(store, more)
    store.close()

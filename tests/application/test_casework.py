"""Is what people say kept, does work move with a trail, and do customers get one answer?"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from backhaul.adapters.sql import SqlStore, lists, views
from backhaul.application import casework, receive
from backhaul.application.ports import KeptCase
from backhaul.application.process import process
from backhaul.domain.access import Scope
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.evidence import LARGEST
from backhaul.domain.exception_case import KINDS, ExceptionCase, Finding
from backhaul.domain.lifecycle import ReturnState
from backhaul.domain.money import Money
from backhaul.domain.routing import Escalation, RoutingRule, routed
from backhaul.domain.trail import first_break
from backhaul.testing import builders

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RULES = replace(builders.rules(), tenant="acme")
ENTITY = RULES.entities[0]
EVERYTHING = Scope.whole("acme")
on_sqlite = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def open_trouble(store: SqlStore, ref: str = "R1", code: str = "SKU_UNKNOWN", amount: str = "12.50", at: datetime = NOON) -> int:
    with store.begin() as tx:
        tx.add_facts("acme", [replace(builders.announced(builders.line(), retailer=next(iter(ENTITY.retailers))), return_ref=ref)])
        if not tx.cases("acme", [ref]):
            tx.save_case(KeptCase(tenant="acme", ref=ref, legal_entity=ENTITY.id, state=ReturnState.HELD, updated_at=NOON))
        return tx.open_exception(ExceptionCase.about(
            tenant="acme", return_ref=ref, line_id="MUG#1", money=Money(amount=Decimal(amount), currency="GBP"), teams={}, now=at,
            findings=(Finding(code=code, sentence="Nobody knows MUG.", line_id="MUG#1"),)))


def owner(store: SqlStore, number: int) -> str:
    with store.begin() as tx:
        return next(row.case.owner for row in tx.exceptions("acme") if row.id == number)


def actions(store: SqlStore) -> list[str]:
    with store.begin() as tx:
        return [entry.action for entry in tx.trail("acme") if entry.action.startswith(("exception", "customer"))]


def test_comments_and_evidence_stay_as_they_were_said(store: SqlStore) -> None:
    number = open_trouble(store)

    casework.comment(store, "acme", number, text=" seen ", actor="person 1", now=NOON)
    note = casework.attach(store, "acme", number, name="a.txt", body=b"weight 3 kg", actor="person 1", now=NOON)

    with store.begin() as tx:
        said = tx.notes("acme", [number])
        kept = tx.evidence("acme", note)
        nothing = (tx.evidence("other", note), tx.notes("other", [number]))
    assert [(each.sort, each.text, each.name) for each in said] == [("comment", "seen", ""), ("evidence", "", "a.txt")]
    assert kept is not None
    assert (kept[1], kept[0].type, kept[0].size) == (b"weight 3 kg", "text/plain", 11)
    assert nothing == (None, [])
    for statement in ("UPDATE notes SET text = 'x'", "DELETE FROM notes"):
        with pytest.raises(IntegrityError), store.engine.begin() as connection:
            connection.execute(text(statement))


@pytest.mark.parametrize(("body", "says"), [(b"MZ\x90\x00", "unknown type"), (b"a" * (LARGEST + 1), "at most")])
def test_what_could_run_or_is_too_large_is_not_kept(store: SqlStore, body: bytes, says: str) -> None:
    number = open_trouble(store)

    with pytest.raises(NeedsOperator, match=says):
        casework.attach(store, "acme", number, name="x", body=body, actor="person 1", now=NOON)


@pytest.mark.parametrize("said", ["", "  ", "x" * 4001])
def test_a_comment_says_something_and_not_everything(store: SqlStore, said: str) -> None:
    number = open_trouble(store)

    with pytest.raises(NeedsOperator, match="1 to 4000"):
        casework.comment(store, "acme", number, text=said, actor="person 1", now=NOON)


def test_a_hand_over_moves_the_work_with_a_note_and_no_rule_or_renewal_takes_it_back(store: SqlStore) -> None:
    number = open_trouble(store)

    casework.hand_over(store, RULES, number, team="finance", note="price agreed?", actor="person 1", now=NOON)
    moved = casework.reroute(store, replace(RULES, routing=(RoutingRule(team="masters"),)), NOON)
    open_trouble(store, amount="99.00", at=NOON + timedelta(hours=1))

    assert (owner(store, number), moved) == ("finance", 0)
    assert actions(store) == ["exception.handed-over"]
    with pytest.raises(NeedsOperator, match="the work of 'finance' already"):
        casework.hand_over(store, RULES, number, team="finance", note="again", actor="person 1", now=NOON)
    with pytest.raises(NeedsOperator, match="names the team"):
        casework.hand_over(store, RULES, number, team="warehouse", note=" ", actor="person 1", now=NOON)


def test_a_changed_rule_moves_what_is_open_and_the_trail_says_why(store: SqlStore) -> None:
    cheap, dear = open_trouble(store), open_trouble(store, "R2", amount="500.00")
    with store.begin() as tx:
        lonely = tx.open_exception(ExceptionCase.about(
            tenant="acme", return_ref="delivery:x", line_id="", money=Money(amount=Decimal(0), currency=""), teams={}, now=NOON,
            findings=(Finding(code="UNREADABLE", sentence="No JSON."),)))
    rule = RoutingRule(team="finance-gb", legal_entities=frozenset({ENTITY.id}), above=Decimal(100))

    first = casework.reroute(store, replace(RULES, routing=(rule,), version="2"), NOON)
    again = casework.reroute(store, replace(RULES, routing=(rule,), version="2"), NOON)
    back = casework.reroute(store, RULES, NOON)

    assert (first, again, back) == (1, 0, 1)
    assert (owner(store, cheap), owner(store, dear), owner(store, lonely)) == ("integration",) * 3
    with store.begin() as tx:
        told = [entry.detail for entry in tx.trail("acme") if entry.action == "exception.rerouted"]
    assert [(entry["from"], entry["to"], entry["version"]) for entry in told] == [
        ("integration", "finance-gb", "2"), ("finance-gb", "integration", RULES.version)]


FIFTY = ("SKU_UNKNOWN", "PRICE_ABOVE_SOLD", "SURPLUS", "TAX_DIFFERS", "ERP_REJECTED")
"""Kinds of four teams; ten of each are open."""


def fifty(store: SqlStore) -> list[int]:
    """Open ten exceptions of each of five kinds: in two warehouses, about more and less money; give their numbers."""
    numbers = []
    for place, code in ((place, code) for place in range(10) for code in FIFTY):
        ref = f"{code}-{place}"
        with store.begin() as tx:
            tx.add_facts("acme", [replace(builders.announced(builders.line(), retailer=next(iter(ENTITY.retailers)),
                                                             warehouse=("GB-DC-01", "GB-DC-02")[place % 2],
                                                             at=builders.after(1)), return_ref=ref)])
        numbers.append(open_trouble(store, ref, code, amount=f"{place * 10 + 5}.00"))
    return numbers


@on_sqlite
def test_one_changed_rule_moves_fifty_open_items_each_once_with_its_trail_and_loses_none(store: SqlStore) -> None:
    numbers = fifty(store)
    held, ended = numbers[0], numbers[1]
    casework.hand_over(store, RULES, held, team="warehouse", note="you have the box", actor="person 1", now=NOON)
    with store.begin() as tx:
        tx.close_exceptions("acme", f"{FIFTY[1]}-0", apart_from=(), resolution="gone", at=NOON)
        tx.open_exception(routed(ExceptionCase.about(
            tenant="acme", return_ref="close:2026-03", line_id="gb01 warehouse", money=Money(amount=Decimal(0), currency="GBP"), teams={},
            now=NOON, findings=(Finding(code="SIGNATURE_FELL", sentence="moved"),)), (), {}))
        receive.own(tx, "acme", "file:1", Finding(code="FILE_REFUSED", sentence="empty"), rules=RULES, now=NOON)
    nothing = casework.reroute(store, RULES, NOON)
    with store.begin() as tx:
        before = {row.id: row for row in tx.exceptions("acme")}
    new = replace(RULES, version="2", routing=(
        RoutingRule(team="north", warehouses=frozenset({"GB-DC-02"}), kinds=frozenset({*FIFTY}) - {"SURPLUS"}),
        RoutingRule(team="dear", above=Decimal(50)),
        RoutingRule(team="office", kinds=frozenset({"FILE_REFUSED", *FIFTY}) - {"TAX_DIFFERS"})))

    with ThreadPoolExecutor(3) as workers:
        moved = list(workers.map(lambda _: casework.reroute(store, new, NOON), range(3)))
    with store.begin() as tx:
        after = {row.id: row for row in tx.exceptions("acme")}
        trail = list(tx.trail("acme"))
        receive.own(tx, "acme", "file:2", Finding(code="FILE_REFUSED", sentence="empty"), rules=new, now=NOON)
        at_once = {row.case.return_ref: row.case.owner for row in tx.exceptions("acme", kind="FILE_REFUSED")}
    process(store, new, {ENTITY.id: builders.ROUTE}, NOON)

    told = {entry.detail["exception"]: entry for entry in trail if entry.action == "exception.rerouted"}
    changed = {number: (row.case.owner, after[number].case.owner) for number, row in before.items()
               if row.case.owner != after[number].case.owner}
    assert nothing == 0, "what was opened by the rules that hold is where they want it"
    assert (len(before), after.keys()) == (51, before.keys()), "fifty less the one that closed, a signature and a file; none is lost"
    assert [replace(row.case, owner="") for row in after.values()] == [replace(row.case, owner="") for row in before.values()]
    assert sorted(moved) == [0, 0, len(changed)], "three workers at once move each once"
    assert len([entry for entry in trail if entry.action == "exception.rerouted"]) == len(told) == len(changed)
    assert {number: (entry.detail["from"], entry.detail["to"]) for number, entry in told.items()} == changed
    assert {(entry.detail["version"], entry.actor, entry.subject == before[number].case.return_ref)
            for number, entry in told.items()} == {("2", "backhaul", True)}
    assert first_break(trail) is None
    assert Counter(row.case.owner for row in after.values()) == {"north": 20, "dear": 13, "office": 13, "finance": 3, "warehouse": 2}
    assert (after[held].case.owner, ended in after) == ("warehouse", False), "what somebody handed over stays, what is closed is left alone"
    assert next(row.case.owner for row in after.values() if row.case.kind == "SIGNATURE_FELL") == "warehouse"
    assert at_once == {"file:1": "office", "file:2": "office"}, "what comes now goes there at once"
    assert casework.reroute(store, new, NOON) == 0, "and nothing moves back"


def test_overdue_work_comes_before_another_team_once_and_its_owner_stays_its_owner(store: SqlStore) -> None:
    steps = (Escalation(team="lead", late=timedelta(days=1)), Escalation(team="board", late=timedelta(days=9)),
             Escalation(team="auditors", late=timedelta(0), kinds=frozenset({"DUPLICATE"})))
    rules, due = replace(RULES, escalation=steps), NOON + KINDS["SKU_UNKNOWN"].due
    number, twice = open_trouble(store), open_trouble(store, "R2", code="DUPLICATE")

    told = [casework.escalate(store, rules, due + late) for late in (timedelta(hours=-1), timedelta(days=1), timedelta(days=1, hours=1),
                                                                      timedelta(days=9))]
    with store.begin() as tx:
        kept = {row.id: (row.case.owner, row.escalated) for row in tx.exceptions("acme")}
        trail = [entry.detail for entry in tx.trail("acme") if entry.action == "exception.escalated"]
    nobody = casework.escalate(store, replace(RULES, escalation=()), due + timedelta(days=99))

    assert (told, nobody) == ([1, 2, 0, 2], 0)
    assert kept == {number: ("integration", "board"), twice: ("finance", "board")}
    assert [(entry["exception"], entry["to"]) for entry in trail] == [
        (twice, "auditors"), (twice, "lead"), (number, "lead"), (twice, "board"), (number, "board")]


def test_work_of_another_kind_has_a_clock_of_its_own_and_is_before_nobody(store: SqlStore) -> None:
    number = open_trouble(store)
    casework.escalate(store, RULES, NOON + timedelta(days=30))

    open_trouble(store, code="TAX_DIFFERS", at=NOON + timedelta(days=31))

    with store.begin() as tx:
        assert [(row.id, row.case.kind, row.escalated) for row in tx.exceptions("acme")] == [(number, "TAX_DIFFERS", "")]


def test_who_waits_is_told_in_order_of_time_and_only_of_ones_companies(store: SqlStore) -> None:
    open_trouble(store)
    open_trouble(store, "R2")
    casework.promise(store, EVERYTHING, "R2", text="by Friday", due_at=NOON + timedelta(days=2), actor="person 1", now=NOON)

    told = casework.not_credited(store, RULES, EVERYTHING, ["R1", "R2", "R404"], NOON)
    theirs = casework.not_credited(store, RULES, Scope(tenant="acme", entities=frozenset({"elsewhere"})), ["R1"], NOON)

    assert [(each.ref, each.answer.net, len(each.promises)) for each in told] == [("R1", Decimal(10), 0), ("R2", Decimal(10), 1)]
    assert theirs == []
    assert actions(store) == ["customer.promised"]
    with pytest.raises(NeedsOperator, match="no return 'R1'"):
        casework.promise(store, Scope(tenant="acme", entities=frozenset()), "R1", text="x", due_at=NOON, actor="p", now=NOON)


def test_nobody_is_told_of_a_return_of_which_nothing_waits(store: SqlStore) -> None:
    with store.begin() as tx:
        tx.save_case(KeptCase(tenant="acme", ref="R7", legal_entity=ENTITY.id, state=ReturnState.WAITING, updated_at=NOON))

    assert casework.not_credited(store, RULES, EVERYTHING, ["R7"], NOON) == []


def test_open_work_is_listed_by_due_time_team_kind_and_scope(store: SqlStore) -> None:
    later, sooner = open_trouble(store, code="HISTORY_ALLOWANCE"), open_trouble(store, "R2")

    with store.read() as connection:
        reach = lists.reach(connection, EVERYTHING)

        def numbers(**asked: Any) -> list[int]:
            return [row.kept.id for row in lists.work(connection, reach, **asked)]

        everything, finance, unknown = numbers(), numbers(owner="finance"), numbers(kind="SKU_UNKNOWN")
        one, theirs = (views.open_work(connection, scope, later) for scope in (EVERYTHING, Scope(tenant="acme", entities=frozenset())))
        refs = views.refs_about(connection, EVERYTHING, "SO-1")

    assert everything == [sooner, later]
    assert (finance, unknown, one and one.id, theirs) == ([later], [sooner], later, None)
    assert refs == ("R1", "R2")


def test_an_answer_is_kept_for_its_key_and_caller_and_forgotten_in_the_end(store: SqlStore) -> None:
    with store.begin() as tx:
        first = tx.keep_answer("person 1", "key-1", request="r", status=201, body={"note": 1}, at=NOON)
        again = tx.keep_answer("person 1", "key-1", request="other", status=201, body={}, at=NOON)
        kept, nobody = tx.answer("person 1", "key-1"), tx.answer("person 2", "key-1")

    assert (first, again, nobody) == (True, False, None)
    assert kept is not None
    assert (kept.request, kept.status, kept.body) == ("r", 201, {"note": 1})
    with pytest.raises(IntegrityError, match="given first"), store.engine.begin() as connection:
        connection.execute(text("UPDATE answers SET body = '{}'"))
    with store.begin() as tx:
        assert tx.forget_answers(NOON + timedelta(days=1)) == 1
        assert tx.answer("person 1", "key-1") is None

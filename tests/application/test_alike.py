"""Is one correction said once for all returns in which the same value is wrong, and kept in each as if it had been said of it alone?"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from backhaul.adapters.sql import SqlStore
from backhaul.application import alike, approvals, correct, grouping
from backhaul.application.alike import Otherwise
from backhaul.application.effects import EFFECTS
from backhaul.application.ports import KeptCase
from backhaul.application.process import pictures, process
from backhaul.domain.access import Grant, Person, Role
from backhaul.domain.errors import NeedsOperator, NotAllowed
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.facts import AnnouncedLine, Correctable, Corrected
from backhaul.domain.lifecycle import ReturnState
from backhaul.domain.money import Money
from backhaul.domain.proposal import Proposal
from backhaul.testing import builders
from backhaul.testing.builders import accepted, arrived, line

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RULES = replace(builders.rules(), tenant="acme")
ENTITY = RULES.entities[0].id
MUG = Otherwise(what=Correctable.SKU, told="MUG", value="MUG-1")


def person(role: Role = Role.FINANCE) -> Person:
    return Person(number=1, issuer="i", subject="s", name="n", grants=(Grant(role=role, tenant="acme", entities=None),))


def trouble(store: SqlStore, ref: str, *lines: AnnouncedLine, code: str = "SKU_UNKNOWN", about: str = "MUG#1", entity: str = ENTITY) -> int:
    """Announce a return with these lines, one mug by default, and open an exception about one of them."""
    with store.begin() as tx:
        if not tx.cases("acme", [ref]):
            tx.add_facts("acme", [replace(builders.announced(*(lines or [line("MUG")])), return_ref=ref)])
            tx.save_case(KeptCase(tenant="acme", ref=ref, legal_entity=entity, state=ReturnState.HELD, updated_at=NOON))
        return tx.open_exception(ExceptionCase.about(
            tenant="acme", return_ref=ref, line_id=about, money=Money(amount=Decimal("-10.00"), currency="GBP"), teams={}, now=NOON,
            findings=(Finding(code=code, sentence="nobody knows it", line_id=about),)))


def plan(store: SqlStore, of: Otherwise | None = MUG, kind: str = "SKU_UNKNOWN", decision: str = "correct") -> grouping.Plan:
    return grouping.plan(store, RULES, kind=kind, legal_entity=ENTITY, currency="GBP", decision=decision, of=of)


def ask(store: SqlStore, planned: grouping.Plan | None = None, role: Role = Role.FINANCE) -> Proposal:
    return grouping.ask(store, RULES, person(role), planned or plan(store), reason="the supplier renamed it", now=NOON)


def approve(store: SqlStore, asked: Proposal) -> Proposal:
    return approvals.approve(store, EFFECTS, RULES, asked.id, shown=asked.sha256, approver="person 2", now=NOON)


def corrected(store: SqlStore) -> dict[str, list[tuple[str, str, str]]]:
    """Give the corrections that were kept, by return: line, told and value."""
    with store.begin() as tx:
        told = tx.facts("acme", ["R1", "R2", "R3", "R4"])
    return {ref: kept for ref, facts in sorted(told.items())
            if (kept := [(fact.line_id, fact.told, fact.value) for fact in facts if isinstance(fact, Corrected)])}


@pytest.fixture
def three(store: SqlStore) -> SqlStore:
    """Give a store in which two returns have a mug, one of them twice, and a third has a cup."""
    trouble(store, "R1")
    for about in ("MUG#1", "MUG#2"):
        trouble(store, "R2", line("MUG", 2, "4.25"), line("MUG", 1, "5.00"), about=about)
    trouble(store, "R3", line("CUP"), about="CUP#1")
    return store


def test_a_cause_is_a_kind_and_the_value_that_is_told_wrong(three: SqlStore) -> None:
    trouble(three, "R4", entity="elsewhere")

    found = grouping.wrong_values(three, RULES, kind="SKU_UNKNOWN", legal_entity=ENTITY, currency="GBP")

    assert [(each.what.value, each.told, each.count, each.money) for each in found] == [
        ("sku", "MUG", 3, Decimal("-30.00")), ("sku", "CUP", 1, Decimal("-10.00"))]


def test_the_page_of_one_says_in_how_many_others_the_same_is_wrong(three: SqlStore) -> None:
    with three.begin() as tx:
        told = [alike.others(tx, RULES, row, ENTITY) for row in tx.exceptions("acme")]

    assert [[(each.told, each.count) for each in found] for found in told] == [[("MUG", 3)], [("MUG", 3)], [("MUG", 3)], []]


def test_a_plan_shows_records_money_and_what_the_net_becomes_and_changes_nothing(three: SqlStore) -> None:
    price = Otherwise(what=Correctable.UNIT_PRICE, told="4.25", value="4")
    trouble(three, "R4", line("MUG", 3, "4.25"), code="PRICE_ABOVE_SOLD")

    mugs, prices = plan(three), plan(three, price, "PRICE_ABOVE_SOLD")

    assert (len(mugs.exceptions), mugs.money.amount, mugs.net[0] == mugs.net[1]) == (3, Decimal("-30.00"), True)
    assert (len(prices.exceptions), prices.net) == (1, (Decimal("12.75"), Decimal("12.00")))
    assert corrected(three) == {}


def test_once_approved_each_return_keeps_a_correction_of_its_own_with_before_and_after(three: SqlStore) -> None:
    asked = ask(three)
    before = grouping.run(three, RULES, NOON)
    approve(three, asked)

    grouping.run(three, RULES, NOON, limit=1)
    half = grouping.progress(three, "acme", asked.id)
    grouping.run(three, RULES, NOON)
    told = grouping.progress(three, "acme", asked.id)

    assert (before, half.todo, half.done) == (0, 2, 1)
    assert (told.todo, told.done, told.left) == (0, 3, {})
    assert corrected(three) == {"R1": [("MUG#1", "MUG", "MUG-1")], "R2": [("MUG#1", "MUG", "MUG-1"), ("MUG#2", "MUG", "MUG-1")]}
    with three.begin() as tx:
        entries = [entry for entry in tx.trail("acme") if entry.action == "exception.correct"]
    assert [(entry.subject, entry.detail["before"], entry.detail["after"], entry.detail["approver"]) for entry in entries] == [
        (ref, "MUG", "MUG-1", "person 2") for ref in ("R1", "R2", "R2")]


def test_the_returns_are_judged_by_it_and_what_was_told_stays(three: SqlStore) -> None:
    approve(three, ask(three))
    grouping.run(three, RULES, NOON)

    process(three, RULES, {ENTITY: builders.ROUTE}, NOON)

    with three.begin() as tx:
        known = pictures(tx, RULES, ["R1", "R2", "R3"])
    assert [[each.sku for each in known[ref].case.lines] for ref in ("R1", "R2", "R3")] == [["MUG-1"], ["MUG-1", "MUG-1"], ["CUP"]]


def test_each_value_takes_the_right_it_takes_alone_and_nobody_approves_their_own(three: SqlStore) -> None:
    price = Otherwise(what=Correctable.UNIT_PRICE, told="4.25", value="4")
    trouble(three, "R4", line("MUG", 3, "4.25"), code="PRICE_ABOVE_SOLD")

    with pytest.raises(NotAllowed, match="correct-money"):
        ask(three, plan(three, price, "PRICE_ABOVE_SOLD"), Role.WAREHOUSE)
    asked = ask(three)

    with pytest.raises(NeedsOperator, match="somebody other than 'person 1'"):
        approvals.approve(three, EFFECTS, RULES, asked.id, shown=asked.sha256, approver="Person 1", now=NOON)


def test_what_changed_since_the_plan_is_left_alone_and_named_and_its_neighbours_are_corrected(three: SqlStore) -> None:
    asked = approve(three, ask(three))
    with three.begin() as tx:
        tx.add_facts("acme", [replace(fact, return_ref="R2") for fact in arrived(line("MUG", 2, "4.25"), line("MUG", 1, "5.00"),
                                                                                 grades=[accepted("MUG")])])
        tx.close_exceptions("acme", "R1", apart_from=(), resolution="gone", at=NOON)

    grouping.run(three, RULES, NOON)

    told = grouping.progress(three, "acme", asked.id)
    assert corrected(three) == {}
    assert sorted(told.left.values()) == ["it closed meanwhile", *["it is not what it was in the plan"] * 2]


def test_it_is_stopped_between_two_returns_and_taken_back_as_it_was_made(three: SqlStore) -> None:
    first = approve(three, ask(three))
    grouping.run(three, RULES, NOON, limit=1)
    grouping.cancel(three, "acme", first.id, actor="person 1", now=NOON)
    grouping.run(three, RULES, NOON)
    stopped = corrected(three)

    back = plan(three, replace(MUG, value="MUG"))
    approve(three, ask(three, back))
    grouping.run(three, RULES, NOON)

    assert stopped == {"R1": [("MUG#1", "MUG", "MUG-1")]}
    assert len(back.exceptions) == 1, "only what somebody said otherwise is taken back"
    assert corrected(three) == {"R1": [("MUG#1", "MUG", "MUG-1"), ("MUG#1", "MUG", "MUG")]}


def test_what_somebody_said_otherwise_before_is_left_as_they_said(three: SqlStore) -> None:
    number = trouble(three, "R4")
    content = {"exception": number, "what": "sku", "line": "MUG#1", "told": "MUG", "value": "JUG"}
    correct.correct(three, RULES, content, actor="ann", approver="bob", reason="it is a jug", now=NOON)

    approve(three, ask(three))
    grouping.run(three, RULES, NOON)

    assert corrected(three)["R4"] == [("MUG#1", "MUG", "JUG")]
    assert set(corrected(three)) == {"R1", "R2", "R4"}


def test_nothing_that_was_found_otherwise_is_made_sellable_by_many_at_once(store: SqlStore) -> None:
    told = arrived(line("MUG"), grades=[accepted("MUG", condition="D", disposition="SCRAP")])
    with store.begin() as tx:
        tx.add_facts("acme", [replace(fact, return_ref="R1") for fact in told])
        tx.save_case(KeptCase(tenant="acme", ref="R1", legal_entity=ENTITY, state=ReturnState.HELD, updated_at=NOON))
    trouble(store, "R1", code="UNMAPPED_DISPOSITION")

    with pytest.raises(NeedsOperator, match="do not become 'RESELL'"):
        plan(store, Otherwise(what=Correctable.DISPOSITION, told="SCRAP", value="RESELL"), "UNMAPPED_DISPOSITION")


@pytest.mark.parametrize(("of", "decision", "says"), [
    (None, "correct", "which value is wrong"), (MUG, "close", "no other decision says what it is"),
    (Otherwise(what=Correctable.QUANTITY, told="1", value="2"), "correct", "not what was planned"),
])
def test_a_plan_that_says_too_little_or_is_about_nothing_is_no_proposal(three: SqlStore, of: Otherwise | None, decision: str,
                                                                        says: str) -> None:
    with pytest.raises(NeedsOperator, match=says):
        ask(three, plan(three, of, decision=decision))


@pytest.mark.parametrize(("decision", "read"), [("correct", alike.otherwise), ("waive", alike.same)])
def test_a_word_that_is_no_value_is_told_with_those_there_are(decision: str, read: Callable[[dict[str, str]], object]) -> None:
    with pytest.raises(NeedsOperator, match="there are sku, quantity"):
        read({"decision": decision, "what": "colour"})


def test_a_group_that_corrects_says_of_which_value(three: SqlStore) -> None:
    asked = approve(three, ask(three))

    with three.begin() as tx, pytest.raises(NeedsOperator, match="says of no value what it is"):
        alike.correct_all(tx, RULES, [], replace(asked, content={}), now=NOON)


def test_a_value_of_the_whole_return_is_corrected_once_for_it(store: SqlStore) -> None:
    for ref in ("R1", "R2"):
        for about in ("MUG#1", "MUG#2"):
            trouble(store, ref, line("MUG", 2, "4.25"), line("MUG", 1, "5.00"), code="WAREHOUSE_UNKNOWN", about=about)
    of = Otherwise(what=Correctable.WAREHOUSE, told=builders.WAREHOUSE, value="GB-DC-02")

    asked = approve(store, ask(store, plan(store, of, "WAREHOUSE_UNKNOWN")))
    grouping.run(store, RULES, NOON)

    assert grouping.progress(store, "acme", asked.id).done == 2
    assert corrected(store) == {ref: [("", builders.WAREHOUSE, "GB-DC-02")] for ref in ("R1", "R2")}

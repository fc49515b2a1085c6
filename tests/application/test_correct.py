"""Does a correction stand beside what was told, by two people, for what they saw, and make nothing sellable that was not found so?"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from backhaul.adapters.sql import SqlStore, rows
from backhaul.application import approvals, correct
from backhaul.application.effects import EFFECTS
from backhaul.application.ports import KeptCase
from backhaul.application.process import pictures, process
from backhaul.domain.access import Grant, Person, Role
from backhaul.domain.errors import NeedsOperator, NotAllowed
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.facts import Corrected, Fact
from backhaul.domain.lifecycle import ReturnState
from backhaul.domain.money import Money
from backhaul.domain.proposal import Proposal, ProposalKind, ProposalState
from backhaul.domain.rules import Limits, Rules
from backhaul.testing import builders
from backhaul.testing.builders import accepted, arrived, line

NOON = datetime(2011, 3, 1, 12, tzinfo=UTC)
RULES = replace(builders.rules(), tenant="acme", entities=(builders.entity(id="gb"),))


def person(role: Role = Role.FINANCE, number: int = 1, *entities: str) -> Person:
    grant = Grant(role=role, tenant="acme", entities=frozenset(entities) or None)
    return Person(number=number, issuer="i", subject="s", name="n", grants=(grant,))


def trouble(store: SqlStore, code: str = "SKU_UNKNOWN", *told: Fact, line_id: str = "MUG#1", amount: str = "-20.00") -> int:
    """Announce two mugs, say more, and open an exception."""
    with store.begin() as tx:
        tx.add_facts("acme", [replace(fact, return_ref="R1") for fact in told or (builders.announced(line("MUG", 2)),)])
        tx.save_case(KeptCase(tenant="acme", ref="R1", legal_entity="gb", state=ReturnState.HELD, updated_at=NOON))
        return tx.open_exception(ExceptionCase.about(
            tenant="acme", return_ref="R1", line_id=line_id, money=Money(amount=Decimal(amount), currency="GBP"), teams={}, now=NOON,
            findings=(Finding(code=code, sentence="nobody knows it", line_id=line_id),)))


def ask(store: SqlStore, number: int, what: str, value: str, *, by: Person | None = None, rules: Rules = RULES, **more: Any) -> Proposal:
    return correct.ask(store, rules, by or person(), number, what=what, value=value, reason="the slip says so", now=NOON, **more)


def approve(store: SqlStore, proposal: Proposal, *, by: str = "person 2", at: datetime = NOON) -> Proposal:
    return approvals.approve(store, EFFECTS, RULES, proposal.id, shown=proposal.sha256, approver=by, now=at)


def kept(store: SqlStore) -> list[Fact]:
    with store.begin() as tx:
        return list(tx.facts("acme", ["R1"])["R1"])


def corrections(store: SqlStore) -> list[Corrected]:
    return [fact for fact in kept(store) if isinstance(fact, Corrected)]


def test_two_people_correct_a_value_and_the_message_stays_as_it_came(store: SqlStore) -> None:
    number = trouble(store)
    before = kept(store)

    proposal = ask(store, number, "sku", " MUG-1 ")
    nothing = corrections(store)
    done = approve(store, proposal)

    assert nothing == []
    assert proposal.content == {"exception": number, "what": "sku", "line": "MUG#1", "told": "MUG", "value": "MUG-1"}
    assert (done.state, done.result) == (ProposalState.APPROVED, f"exception {number}: sku is MUG-1")
    assert all(fact in kept(store) for fact in before), "raw facts are untouched"
    [fact] = corrections(store)
    assert (fact.what.value, fact.line_id, fact.told, fact.value, fact.actor, fact.approver, fact.reason) == (
        "sku", "MUG#1", "MUG", "MUG-1", "person 1", "person 2", "the slip says so")
    with store.begin() as tx:
        [entry] = [entry for entry in tx.trail("acme") if entry.action == "exception.correct"]
        picture = pictures(tx, RULES, ["R1"])["R1"]
        assert tx.touched("acme", 9) == ["R1"], "it is judged again"
    assert (entry.actor, entry.detail["approver"], entry.detail["told"], entry.detail["before"], entry.detail["after"]) == (
        "person 1", "person 2", "MUG", "MUG", "MUG-1")
    assert [each.sku for each in picture.case.lines] == ["MUG-1"]


def test_an_exception_whose_cause_is_gone_closes_itself_and_another_stays(store: SqlStore) -> None:
    broken = arrived(line("MUG", 2, None), grades=[accepted("MUG", 2, "SCRAPP", "D")])
    with store.begin() as tx:
        tx.add_facts("acme", [replace(fact, return_ref="R1") for fact in broken])
        tx.touch("acme", ["R1"])
    rules = replace(RULES, mapping=tuple(replace(row, when=replace(row.when, legal_entity="gb")) for row in RULES.mapping))
    process(store, rules, {"gb": builders.ROUTE}, NOON)
    with store.begin() as tx:
        [row] = tx.exceptions("acme")
    before = sorted(finding.code for finding in row.case.findings)

    approve(store, ask(store, row.id, "disposition", "SCRAP", by=person(Role.WAREHOUSE)))
    process(store, rules, {"gb": builders.ROUTE}, NOON)
    with store.begin() as tx:
        [half] = tx.exceptions("acme")
    approve(store, ask(store, row.id, "unit-price", "6.25"))
    process(store, rules, {"gb": builders.ROUTE}, NOON)

    assert before == ["IMPLAUSIBLE_AMOUNT", "UNMAPPED_DISPOSITION"]
    assert [finding.code for finding in half.case.findings] == ["IMPLAUSIBLE_AMOUNT"]
    with store.begin() as tx:
        assert tx.exceptions("acme") == []
        assert {kept.posting.net for kept in tx.postings("acme", ["R1"])["R1"]} == {0, Decimal("-12.5")}


def test_whoever_proposed_does_not_approve_and_the_database_says_so_too(store: SqlStore) -> None:
    number = trouble(store)
    proposal = ask(store, number, "sku", "MUG-1")

    with pytest.raises(NeedsOperator, match="somebody other than 'person 1'"):
        approve(store, proposal, by="Person 1")
    with pytest.raises(NeedsOperator, match="somebody other than 'ann'"):
        correct.correct(store, RULES, proposal.content, actor="ann", approver=" ANN", reason="x", now=NOON)
    for approver in ("", " Ann "):
        with pytest.raises(IntegrityError, match="INV-30"), store.begin() as tx:
            tx.add_facts("acme", [replace(builders.corrected("sku", "MUG", "MUG-1"), approver=approver)])

    assert corrections(store) == []


def test_what_was_told_since_it_was_shown_is_not_approved(store: SqlStore) -> None:
    number = trouble(store)
    proposal = ask(store, number, "sku", "MUG-1")
    with store.begin() as tx:
        tx.add_facts("acme", [replace(builders.announced(line("MUG", 3), at=builders.after(1)), return_ref="R1")])

    with pytest.raises(NeedsOperator, match="not what it was when this was proposed"):
        approve(store, proposal)

    assert corrections(store) == []


def test_whoever_approves_another_decision_does_not_credit_somebody_else_than_was_shown(store: SqlStore) -> None:
    number = trouble(store, "CUSTOMER_UNKNOWN")
    waits = approvals.propose(store, EFFECTS, RULES, ProposalKind.CLOSE, {"exception": number}, proposer="person 1", reason="x", now=NOON)

    approve(store, ask(store, number, "customer", "C2"))

    with pytest.raises(NeedsOperator, match="not what it was when this was proposed"):
        approve(store, waits)


def test_twenty_approvals_at_once_have_one_effect(store: SqlStore) -> None:
    proposal = ask(store, trouble(store), "sku", "MUG-1")

    def one(number: int) -> None:
        with suppress(NeedsOperator):
            approve(store, proposal, by=f"person {number % 4 + 2}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(20)))

    assert len(corrections(store)) == 1


@pytest.mark.parametrize(("what", "code", "role", "allowed"), [
    ("unit-price", "PRICE_ABOVE_SOLD", Role.FINANCE, True), ("unit-price", "PRICE_ABOVE_SOLD", Role.OPERATOR, False),
    ("unit-price", "PRICE_ABOVE_SOLD", Role.WAREHOUSE, False), ("customer", "CUSTOMER_UNKNOWN", Role.OPERATOR, True),
    ("customer", "CUSTOMER_UNKNOWN", Role.WAREHOUSE, False), ("sku", "SKU_UNKNOWN", Role.WAREHOUSE, True),
    ("sku", "SKU_UNKNOWN", Role.APPROVER, False), ("disposition", "UNMAPPED_DISPOSITION", Role.FINANCE, False),
    ("disposition", "UNMAPPED_DISPOSITION", Role.WAREHOUSE, True), ("quantity", "IMPLAUSIBLE_QUANTITY", Role.ADMIN, False),
])
def test_each_value_takes_a_right_of_its_own(store: SqlStore, what: str, code: str, role: Role, allowed: bool) -> None:  # noqa: FBT001  a row of the table
    number = trouble(store, code, *arrived(line("MUG", 2), grades=[accepted("MUG", 2, "SCRAPP", "D")]))
    value = {"unit-price": "5", "quantity": "1"}.get(what, "SCRAP")

    if allowed:
        assert ask(store, number, what, value, by=person(role)).kind.value == "correct"
        return
    with pytest.raises(NotAllowed):
        ask(store, number, what, value, by=person(role))


def test_whoever_acts_for_another_company_corrects_nothing_here(store: SqlStore) -> None:
    number = trouble(store)

    with pytest.raises(NotAllowed):
        ask(store, number, "sku", "MUG-1", by=person(Role.FINANCE, 1, "de"))
    assert ask(store, number, "sku", "MUG-1", by=person(Role.FINANCE, 1, "gb", "de")).legal_entity == "gb"


def test_a_value_that_several_have_is_named_whole(store: SqlStore) -> None:
    number = trouble(store, "UNMAPPED_DISPOSITION", *arrived(
        line("MUG", 2), line("CUP", 1), grades=[accepted("MUG", 1, "SCRAP", "C"), accepted("MUG", 1, "SCRAP", "D")]), line_id="")

    for more in ({}, {"line_id": "CUP#1"}, {"told": "B"}):
        with pytest.raises(NeedsOperator, match=r"say which value is corrected.* there is condition MUG#1 'C', condition MUG#1 'D'"):
            ask(store, number, "condition", "B", by=person(Role.WAREHOUSE), **more)
    with pytest.raises(NeedsOperator, match="say which value"):
        ask(store, number, "sku", "MUG-1")
    assert ask(store, number, "condition", "B", by=person(Role.WAREHOUSE), told="D").content["told"] == "D"
    with pytest.raises(NeedsOperator, match="there is none that can be"):
        ask(store, trouble(store, "DUPLICATE", builders.announced(at=builders.after(5))), "sku", "MUG-1")


def test_a_correction_counts_for_limits_with_what_it_would_credit(store: SqlStore) -> None:
    number = trouble(store, "IMPLAUSIBLE_AMOUNT", builders.announced(line("MUG", 2, None)), amount="0")
    rules = replace(RULES, limits=Limits(second=Decimal(100)))

    proposal = ask(store, number, "unit-price", "50.01", rules=rules)

    assert (proposal.money, proposal.needed) == (Money(amount=Decimal("-100.02"), currency="GBP"), 2)


def test_a_later_correction_is_later_whatever_the_clock_says(store: SqlStore) -> None:
    number = trouble(store)
    approve(store, ask(store, number, "sku", "MUG-1"))

    approve(store, ask(store, number, "sku", "MUG-2"), at=NOON - timedelta(hours=1))

    with store.begin() as tx:
        assert [each.sku for each in pictures(tx, RULES, ["R1"])["R1"].case.lines] == ["MUG-2"]


@pytest.mark.parametrize(("what", "told", "value"), [
    ("condition", "D", "A"), ("disposition", "SCRAP", "RESELL"), ("disposition", "", "RESELL")])
def test_no_correction_makes_sellable_what_was_not_found_so_whatever_code_wrote_it(
        store: SqlStore, what: str, told: str, value: str) -> None:
    condition, disposition = (told, "") if what == "condition" else ("", told)
    number = trouble(store, "UNMAPPED_DISPOSITION", *arrived(line("MUG", 1), grades=[accepted("MUG", 1, disposition, condition)]))
    with store.begin() as tx:
        tx.keep_sellable("acme", RULES.version, RULES.sellability)

    with pytest.raises(NeedsOperator, match="the warehouse has to inspect them again"):
        ask(store, number, what, value, by=person(Role.WAREHOUSE))
    with pytest.raises(IntegrityError, match="INV-06"), store.begin() as tx:
        tx.add_facts("acme", [replace(builders.corrected(what, told, value), return_ref="R1")])
    with store.begin() as tx:
        tx.add_facts("acme", [replace(builders.corrected(what, told, "QUAR"), return_ref="R1"),
                              replace(builders.corrected(what, value, value), return_ref="R1")])
        tx.add_facts("other", [replace(builders.corrected(what, told, value), return_ref="R1")])
    assert len(corrections(store)) == 2


def test_a_correction_that_is_kept_stays_as_it_was_kept(store: SqlStore) -> None:
    approve(store, ask(store, trouble(store), "sku", "MUG-1"))

    for change in ("UPDATE facts SET body = '{}'", "DELETE FROM facts"):
        with pytest.raises(IntegrityError), store.engine.begin() as connection:
            connection.execute(text(change))

    [fact] = corrections(store)
    assert rows.fact("Corrected", rows.fact_body(fact), fact.identity) == fact

"""Is one decision about many planned, approved, done piece by piece, and stopped when somebody says so?"""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from backhaul.adapters.sql import SqlStore
from backhaul.application import approvals, grouping
from backhaul.application.effects import EFFECTS
from backhaul.application.ports import KeptCase
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.facts import Decided
from backhaul.domain.lifecycle import ReturnState
from backhaul.domain.money import Money
from backhaul.domain.proposal import Proposal, ProposalKind
from backhaul.testing import builders

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RULES = replace(builders.rules(), tenant="acme")
ENTITY = RULES.entities[0].id


def open_trouble(store: SqlStore, ref: str, *, amount: str = "10.00", entity: str = ENTITY, code: str = "PRICE_ABOVE_SOLD",
                 currency: str = "GBP") -> int:
    with store.begin() as tx:
        tx.add_facts("acme", [replace(builders.announced(builders.line()), return_ref=ref)])
        if not tx.cases("acme", [ref]):
            tx.save_case(KeptCase(tenant="acme", ref=ref, legal_entity=entity, state=ReturnState.HELD, updated_at=NOON))
        return tx.open_exception(ExceptionCase.about(
            tenant="acme", return_ref=ref, line_id="MUG#1", money=Money(amount=Decimal(amount), currency=currency), teams={}, now=NOON,
            findings=(Finding(code=code, sentence="10.00 is above 6.25.", line_id="MUG#1"),)))


def plan(store: SqlStore, kind: str = "PRICE_ABOVE_SOLD", decision: str = "waive") -> grouping.Plan:
    return grouping.plan(store, RULES, kind=kind, legal_entity=ENTITY, currency="GBP", decision=decision)


def propose(store: SqlStore) -> Proposal:
    return approvals.propose(store, EFFECTS, RULES, ProposalKind.GROUP, plan(store).content, proposer="person 1", reason="price list",
                             now=NOON)


def approved(store: SqlStore) -> int:
    asked = propose(store)
    approvals.approve(store, EFFECTS, RULES, asked.id, shown=asked.sha256, approver="person 2", now=NOON)
    return asked.id


def decided(store: SqlStore, *refs: str) -> list[str]:
    with store.begin() as tx:
        return [fact.return_ref for _, facts in sorted(tx.facts("acme", refs).items()) for fact in facts if isinstance(fact, Decided)]


@pytest.fixture
def three(store: SqlStore) -> SqlStore:
    for ref in ("R1", "R2", "R3"):
        open_trouble(store, ref)
    return store


def test_a_plan_names_what_it_would_touch_and_changes_nothing(three: SqlStore) -> None:
    open_trouble(three, "R4", entity="elsewhere")
    open_trouble(three, "R5", code="SKU_UNKNOWN")
    open_trouble(three, "R6", currency="EUR")

    told = plan(three)

    assert (len(told.exceptions), told.money, told.more) == (3, Money(amount=Decimal(30), currency="GBP"), 0)
    assert decided(three, "R1", "R2", "R3") == []


@pytest.mark.parametrize(("kind", "decision"), [("PRICE_ABOVE_SOLD", "match"), ("SKU_UNKNOWN", "waive"), ("NO_SUCH", "close")])
def test_what_says_something_of_each_is_not_decided_together(three: SqlStore, kind: str, decision: str) -> None:
    with pytest.raises(NeedsOperator, match="cannot be decided about all"):
        plan(three, kind, decision)


def test_everything_of_one_cause_is_decided_once_it_is_approved_in_bounded_pieces(three: SqlStore) -> None:
    asked = propose(three)
    before = grouping.run(three, RULES, NOON)
    approvals.approve(three, EFFECTS, RULES, asked.id, shown=asked.sha256, approver="person 2", now=NOON)

    first = grouping.run(three, RULES, NOON, limit=2)
    half = grouping.progress(three, "acme", asked.id)
    rest, nothing = grouping.run(three, RULES, NOON), grouping.run(three, RULES, NOON)

    assert (before, first, rest, nothing) == (0, 2, 1, 0)
    assert (half.todo, half.done) == (1, 2)
    assert decided(three, "R1", "R2", "R3") == ["R1", "R2", "R3"]
    with three.begin() as tx:
        assert [entry.action for entry in tx.trail("acme") if entry.action.startswith("group")] == ["group.finished"]


def test_a_group_is_stopped_between_two_and_what_was_decided_stays(three: SqlStore) -> None:
    number = approved(three)
    grouping.run(three, RULES, NOON, limit=1)

    told = grouping.cancel(three, "acme", number, actor="person 1", now=NOON)

    assert (told.done, told.todo, told.cancelled) == (1, 2, True)
    assert grouping.run(three, RULES, NOON) == 0
    assert decided(three, "R1", "R2", "R3") == ["R1"]
    with pytest.raises(NeedsOperator, match="no group 99"):
        grouping.cancel(three, "acme", 99, actor="person 1", now=NOON)


def test_what_changed_or_closed_since_the_plan_is_left_alone_and_named(three: SqlStore) -> None:
    number = approved(three)
    changed = open_trouble(three, "R2", amount="900.00")
    with three.begin() as tx:
        tx.close_exceptions("acme", "R3", apart_from=(), resolution="gone", at=NOON)

    grouping.run(three, RULES, NOON)

    told = grouping.progress(three, "acme", number)
    assert decided(three, "R1", "R2", "R3") == ["R1"]
    assert told.left[str(changed)] == "it is not what it was in the plan"
    assert sorted(told.left.values()) == ["it closed meanwhile", "it is not what it was in the plan"]


def test_a_plan_that_is_not_true_any_more_is_not_approved(three: SqlStore) -> None:
    asked = propose(three)
    open_trouble(three, "R2", amount="900.00")

    with pytest.raises(NeedsOperator, match="not what was planned"):
        approvals.approve(three, EFFECTS, RULES, asked.id, shown=asked.sha256, approver="person 2", now=NOON)

    assert grouping.run(three, RULES, NOON) == 0


def test_a_plan_of_nothing_is_not_proposed(store: SqlStore) -> None:
    with pytest.raises(NeedsOperator, match="not what was planned"):
        propose(store)

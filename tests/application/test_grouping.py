"""Is one decision about many planned, approved, done piece by piece, and stopped when somebody says so?"""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from backhaul.adapters.sql import SqlStore
from backhaul.application import alike, approvals, grouping
from backhaul.application.effects import EFFECTS
from backhaul.application.ports import KeptCase, PostingState
from backhaul.domain.access import Action, Grant, Person, Role
from backhaul.domain.errors import NeedsOperator, NotAllowed
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.facts import Decided
from backhaul.domain.lifecycle import ReturnState
from backhaul.domain.money import Money
from backhaul.domain.posting import Posting, PostingKey, PostingKind, ReturnOrder
from backhaul.domain.proposal import Proposal, ProposalKind
from backhaul.testing import builders

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RULES = replace(builders.rules(), tenant="acme")
ENTITY = RULES.entities[0].id
FIONA = Person(number=1, issuer="i", subject="s", name="Fiona", grants=(Grant(role=Role.FINANCE, tenant="acme", entities=None),))


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


def refuse(store: SqlStore, ref: str, *, stands: bool = True) -> None:
    """Let the ERP refuse the order of a return, or hold it as it was wanted."""
    order = Posting(key=PostingKey(tenant="acme", legal_entity=ENTITY, return_ref=ref, subject="order:1", kind=PostingKind.ORDER),
                    document=ReturnOrder(return_ref=ref, customer="C1", currency="GBP", warehouse="W1"), currency="GBP")
    with store.begin() as tx:
        tx.fix(order, mapping_version="m1", window="W1", at=NOON)
        tx.set_state(order.key, PostingState.REJECTED if stands else PostingState.VERIFIED, note="no such warehouse", at=NOON)


def states(store: SqlStore, *refs: str) -> list[str]:
    with store.begin() as tx:
        return [kept.state.value for _, every in sorted(tx.postings("acme", refs).items()) for kept in every]


def test_what_the_erp_refused_for_one_cause_is_tried_again_at_once_after_a_plan_that_a_second_person_approved(store: SqlStore) -> None:
    for ref in ("R1", "R2", "R3"):
        open_trouble(store, ref, code="ERP_REJECTED")
        refuse(store, ref, stands=ref != "R3")
    planned = plan(store, "ERP_REJECTED", "retry")
    asked = grouping.ask(store, RULES, FIONA, planned, reason="the warehouse exists now", now=NOON)
    approvals.approve(store, EFFECTS, RULES, asked.id, shown=asked.sha256, approver="person 2", now=NOON)

    away = grouping.run(store, RULES, NOON)
    first = grouping.run(store, RULES, NOON, limit=1, route_of=lambda _: builders.ROUTE)
    half = states(store, "R1", "R2", "R3")
    grouping.run(store, RULES, NOON, route_of=lambda _: builders.ROUTE)

    assert (len(planned.exceptions), planned.postings) == (2, {"order": 2}), "of the third nothing was refused"
    assert (away, first) == (0, 1), "what needs the ERP's route waits until it can be asked"
    assert half == ["unconfirmed", "rejected", "verified"]
    assert states(store, "R1", "R2", "R3") == ["unconfirmed", "unconfirmed", "verified"]
    assert grouping.progress(store, "acme", asked.id) == grouping.Progress(proposal=asked.id, todo=0, done=2, left={}, cancelled=False)
    with store.begin() as tx:
        assert [entry.actor for entry in tx.trail("acme") if entry.action == "exception.retried"] == ["person 1", "person 1"]


def test_who_may_not_try_one_again_may_not_try_many(store: SqlStore) -> None:
    open_trouble(store, "R1", code="ERP_REJECTED")
    refuse(store, "R1")
    token = replace(FIONA, only=frozenset({Action.PROPOSE}))

    with pytest.raises(NotAllowed, match="retry"):
        grouping.ask(store, RULES, token, plan(store, "ERP_REJECTED", "retry"), reason="it exists now", now=NOON)


def test_a_decision_about_many_is_narrowed_to_those_in_which_one_value_is_told(three: SqlStore) -> None:
    with three.begin() as tx:
        tx.add_facts("acme", [replace(builders.announced(builders.line("CUP", 1, "7.25")), return_ref="R9")])
        tx.save_case(KeptCase(tenant="acme", ref="R9", legal_entity=ENTITY, state=ReturnState.HELD, updated_at=NOON))
        cup = tx.open_exception(ExceptionCase.about(
            tenant="acme", return_ref="R9", line_id="CUP#1", money=Money(amount=Decimal(7), currency="GBP"), teams={}, now=NOON,
            findings=(Finding(code="PRICE_ABOVE_SOLD", sentence="7.25 is above 6.25.", line_id="CUP#1"),)))
    about = {"decision": "waive", "what": "unit-price", "told": "7.25"}

    told = grouping.plan(three, RULES, kind="PRICE_ABOVE_SOLD", legal_entity=ENTITY, currency="GBP", decision="waive",
                         same=alike.same(about))
    asked = grouping.ask(three, RULES, FIONA, told, reason="the price of March", now=NOON)
    approvals.approve(three, EFFECTS, RULES, asked.id, shown=asked.sha256, approver="person 2", now=NOON)
    grouping.run(three, RULES, NOON)

    assert (list(told.exceptions), told.money.amount) == ([str(cup)], Decimal(7))
    assert {name: asked.content[name] for name in about} == about
    assert decided(three, "R1", "R2", "R3", "R9") == ["R9"]
    with pytest.raises(NeedsOperator, match="only a correction says what a value is"):
        alike.same(about | {"value": "6.25"})


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

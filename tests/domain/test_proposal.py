"""May this person approve this, as it was shown to them?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from backhaul.domain.access import APPROVING, READING
from backhaul.domain.money import Money
from backhaul.domain.proposal import PROPOSALS, Proposal, ProposalKind, ProposalState, accounts_in, approvals_needed, objection

NOON = datetime(2011, 3, 1, 12, tzinfo=UTC)
ASKED = Proposal(
    id=3, tenant="acme", legal_entity="gb", kind=ProposalKind.WAIVE, subject="R1", content={"exception": 1}, basis="b" * 64,
    money=Money(amount=Decimal("12.50"), currency="GBP"), reason="agreed", proposer="person 1", proposed_at=NOON,
    expires_at=NOON + timedelta(days=7))


def pounds(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="GBP")


def test_every_kind_has_a_rule_whose_approval_is_a_right_of_its_own() -> None:
    assert set(PROPOSALS) == set(ProposalKind)
    for rule in PROPOSALS.values():
        assert rule.approves in APPROVING
        assert rule.proposes not in APPROVING | READING


def test_somebody_else_may_approve_what_they_were_shown() -> None:
    assert objection(ASKED, "person 2", ASKED.sha256, NOON) == ""


@pytest.mark.parametrize(("changed", "approver", "shown", "at", "says"), [
    ({}, "person 1", ASKED.sha256, NOON, "somebody other than 'person 1'"),
    ({}, " PERSON 1 ", ASKED.sha256, NOON, "somebody other than"),
    ({}, "  ", ASKED.sha256, NOON, "somebody other than"),
    ({}, "person 2", "0" * 64, NOON, "not what was shown"),
    ({"reason": "otherwise"}, "person 2", ASKED.sha256, NOON, "not what was shown"),
    ({}, "person 2", ASKED.sha256, NOON + timedelta(days=7), "is over"),
    ({"state": ProposalState.REFUSED, "ended_by": "person 4", "ended_at": NOON}, "person 2", ASKED.sha256, NOON, "refused by person 4"),
])
def test_nobody_else_and_nothing_else(changed: dict[str, object], approver: str, shown: str, at: datetime, says: str) -> None:
    proposal = replace(ASKED, **changed)  # type: ignore[arg-type]  # fields of the record

    assert says in objection(proposal, approver, shown, at)


@pytest.mark.parametrize("changed", [
    {"content": {"exception": 2}}, {"basis": "c" * 64}, {"money": pounds("12.51")}, {"reason": "otherwise"}, {"subject": "R2"},
    {"kind": ProposalKind.CLOSE}, {"tenant": "other"}, {"legal_entity": "de"}, {"proposer": "person 9"}, {"needed": 2},
])
def test_the_hash_covers_all_that_is_shown(changed: dict[str, object]) -> None:
    assert replace(ASKED, **changed).sha256 != ASKED.sha256  # type: ignore[arg-type]  # fields of the record


def test_the_hash_does_not_depend_on_who_approved_since() -> None:
    assert replace(ASKED, approver="person 2", approved_at=NOON).sha256 == ASKED.sha256


def test_an_approval_that_is_given_again_is_a_repeat() -> None:
    half = replace(ASKED, approver="person 2", second="person 3")

    assert half.yeses == ("person 2", "person 3")
    assert half.is_repeat("Person 2 ", half.sha256)
    assert half.is_repeat("person 3", half.sha256)
    assert not half.is_repeat("person 2", "0" * 64)
    assert not half.is_repeat("person 4", half.sha256)
    assert not ASKED.is_repeat("", ASKED.sha256)


@pytest.mark.parametrize(("amount", "second", "a_day", "today", "needed"), [
    ("100", None, None, "9999", 1),
    ("100", Decimal(100), None, "0", 1),
    ("100.01", Decimal(100), None, "0", 2),
    ("-100.01", Decimal(100), None, "0", 2),
    ("40", None, Decimal(100), "60", 1),
    ("40", None, Decimal(100), "60.01", 2),
])
def test_above_a_limit_and_above_a_days_limit_two_have_to_approve(
        amount: str, second: Decimal | None, a_day: Decimal | None, today: str, needed: int) -> None:
    assert approvals_needed(pounds(amount), second=second, a_day=a_day, today=Decimal(today)) == needed


def test_a_proposal_names_a_customer_where_it_credits_one_and_in_both_values_of_a_correction_of_whose_it_is() -> None:
    assert accounts_in({"customer": "C1", "order": "SO-1", "told": "C9"}) == ("C1",)
    assert accounts_in({"what": "customer", "told": "C1", "value": "C2"}) == ("C1", "C2")
    assert accounts_in({"what": "sku", "told": "TEA", "value": "CUP", "customer": ""}) == ()

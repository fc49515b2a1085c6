"""Does everything that needs a second person get one, once, for what they saw?"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from backhaul.adapters.sql import SqlStore
from backhaul.application import approvals, pausing, people
from backhaul.application.effects import EFFECTS
from backhaul.application.ports import Fence, KeptCase, KeptProfile
from backhaul.domain.access import Role, Scope
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.facts import Decided
from backhaul.domain.lifecycle import ReturnState
from backhaul.domain.money import Money
from backhaul.domain.proposal import Proposal, ProposalKind, ProposalState
from backhaul.domain.rules import Limits, Rules
from backhaul.testing import builders

NOON = datetime(2011, 3, 1, 12, tzinfo=UTC)
GB = builders.entity(id="gb")
RULES = replace(builders.rules(), tenant="acme", entities=(GB,))
EVERYTHING = Scope.whole("acme")


def open_trouble(store: SqlStore, code: str = "PRICE_ABOVE_SOLD", ref: str = "R1", amount: str = "12.50") -> int:
    """Announce one mug and open an exception about it."""
    with store.begin() as tx:
        tx.add_facts("acme", [replace(builders.announced(builders.line()), return_ref=ref)])
        if ref not in tx.cases("acme", [ref]):
            tx.save_case(KeptCase(tenant="acme", ref=ref, legal_entity="gb", state=ReturnState.HELD, updated_at=NOON))
        return tx.open_exception(ExceptionCase.about(
            tenant="acme", return_ref=ref, line_id="MUG#1", money=Money(amount=Decimal(amount), currency="GBP"), teams={}, now=NOON,
            findings=(Finding(code=code, sentence="12.50 is above 6.25.", line_id="MUG#1"),)))


def propose(store: SqlStore, kind: ProposalKind, content: dict[str, Any], *, by: str = "person 1", rules: Rules = RULES,
            at: datetime = NOON) -> Proposal:
    return approvals.propose(store, EFFECTS, rules, kind, content, proposer=by, reason="agreed with the buyer", now=at)


def approve(store: SqlStore, proposal: Proposal, *, by: str = "person 2", shown: str = "", at: datetime = NOON) -> Proposal:
    return approvals.approve(store, EFFECTS, RULES, proposal.id, shown=shown or proposal.sha256, approver=by, now=at)


def decisions(store: SqlStore, ref: str = "R1") -> list[Decided]:
    with store.begin() as tx:
        return [fact for fact in tx.facts("acme", [ref]).get(ref, ()) if isinstance(fact, Decided)]


def trail(store: SqlStore) -> list[str]:
    with store.begin() as tx:
        return [entry.action for entry in tx.trail("acme") if entry.action.startswith(("proposal", "exception."))]


@pytest.fixture
def asked(store: SqlStore) -> Proposal:
    return propose(store, ProposalKind.WAIVE, {"exception": open_trouble(store)})


def test_every_kind_has_an_effect() -> None:
    assert set(EFFECTS) == set(ProposalKind)


def test_nothing_is_done_before_somebody_else_approves(store: SqlStore, asked: Proposal) -> None:
    before = decisions(store)

    done = approve(store, asked)

    assert before == []
    assert (done.state, done.result) == (ProposalState.APPROVED, f"exception {asked.content['exception']}: waive")
    assert [(fact.actor, fact.approver, fact.reason) for fact in decisions(store)] == [("person 1", "person 2", "agreed with the buyer")]
    assert trail(store) == ["proposal.opened", "exception.waive", "proposal.approved"]


def test_the_same_proposal_again_is_the_one_that_is_open(store: SqlStore, asked: Proposal) -> None:
    again = propose(store, ProposalKind.WAIVE, dict(asked.content))

    assert again.id == asked.id
    assert trail(store) == ["proposal.opened"]


@pytest.mark.parametrize("by", ["person 1", " Person 1"])
def test_whoever_proposed_cannot_approve(store: SqlStore, asked: Proposal, by: str) -> None:
    with pytest.raises(NeedsOperator, match="somebody other than 'person 1'"):
        approve(store, asked, by=by)

    assert decisions(store) == []


@pytest.mark.parametrize("columns", ["approver = ' PERSON 1'", "approver = 'person 2', second = 'Person 2'", "approver = ''",
                                     "second = 'person 3'"])
def test_the_database_refuses_one_person_in_two_parts_whatever_code_wrote_it(store: SqlStore, asked: Proposal, columns: str) -> None:
    with pytest.raises(IntegrityError), store.engine.begin() as connection:
        connection.execute(text(f"UPDATE proposals SET {columns}"))  # noqa: S608  words of this file

    with pytest.raises(IntegrityError), store.engine.begin() as connection:
        connection.execute(text("UPDATE proposals SET state = 'approved', ended_at = '2011-03-01T12:00:00+00:00'"))
    with store.begin() as tx:
        assert tx.proposals(EVERYTHING) == [asked]


@pytest.mark.parametrize("change", ["content = '{}'", "proposer = 'person 3'", "sha256 = 'x'", "amount = '1'", "needed = 2"])
def test_the_database_lets_nobody_change_what_was_shown(store: SqlStore, asked: Proposal, change: str) -> None:
    with pytest.raises(IntegrityError, match="stays as it was shown"), store.engine.begin() as connection:
        connection.execute(text(f"UPDATE proposals SET {change}"))  # noqa: S608  words of this file

    with pytest.raises(IntegrityError, match="never deleted"), store.engine.begin() as connection:
        connection.execute(text("DELETE FROM proposals"))
    with store.begin() as tx:
        assert tx.proposals(EVERYTHING) == [asked]


def test_what_was_decided_stays_decided(store: SqlStore, asked: Proposal) -> None:
    approve(store, asked)

    with pytest.raises(IntegrityError, match="stays decided"), store.engine.begin() as connection:
        connection.execute(text("UPDATE proposals SET state = 'open', ended_at = NULL"))


def test_a_stale_page_approves_nothing(store: SqlStore, asked: Proposal) -> None:
    with pytest.raises(NeedsOperator, match="not what was shown"):
        approve(store, asked, shown="0" * 64)

    assert decisions(store) == []


def test_what_changed_since_it_was_proposed_is_not_approved(store: SqlStore, asked: Proposal) -> None:
    open_trouble(store, amount="900.00")

    with pytest.raises(NeedsOperator, match="not what it was when this was proposed"):
        approve(store, asked)

    assert decisions(store) == []
    with store.begin() as tx:
        assert [each.state for each in tx.proposals(EVERYTHING)] == [ProposalState.OPEN]


def test_an_approval_given_twice_has_one_effect_and_one_answer(store: SqlStore, asked: Proposal) -> None:
    first = approve(store, asked)

    again = approve(store, asked)

    assert again == first
    assert len(decisions(store)) == 1
    with pytest.raises(NeedsOperator, match="approved by person 2"):
        approve(store, asked, by="person 3")


def test_fifty_approvals_at_once_have_one_effect(store: SqlStore, asked: Proposal) -> None:
    def click(number: int) -> str:
        with suppress(NeedsOperator):
            return approve(store, asked, by=f"person {2 + number % 5}").approver
        return ""

    with ThreadPoolExecutor(max_workers=10) as pool:
        told = list(pool.map(click, range(50)))

    assert len(decisions(store)) == 1
    assert len(set(told) - {""}) == 1
    assert sorted(trail(store)) == ["exception.waive", "proposal.approved", "proposal.opened"]


def test_what_waited_too_long_is_over(store: SqlStore, asked: Proposal) -> None:
    late = NOON + timedelta(days=8)

    with pytest.raises(NeedsOperator, match="is over"):
        approve(store, asked, at=late)

    with store.begin() as tx:
        assert approvals.expire(tx, "acme", late) == 1
    anew = propose(store, ProposalKind.WAIVE, dict(asked.content), at=late)
    assert anew.id != asked.id
    assert decisions(store) == []


def test_a_proposal_is_refused_by_another_and_withdrawn_by_its_own(store: SqlStore, asked: Proposal) -> None:
    refused = approvals.refuse(store, EFFECTS, "acme", asked.id, actor="person 2", reason="not agreed", now=NOON)

    own = propose(store, ProposalKind.WAIVE, dict(asked.content))
    withdrawn = approvals.refuse(store, EFFECTS, "acme", own.id, actor="person 1", reason="mistaken", now=NOON)

    assert (refused.state, withdrawn.state) == (ProposalState.REFUSED, ProposalState.WITHDRAWN)
    with pytest.raises(NeedsOperator, match="only an open one"):
        approvals.refuse(store, EFFECTS, "acme", asked.id, actor="person 2", reason="again", now=NOON)
    with pytest.raises(NeedsOperator, match="refused by person 2"):
        approve(store, asked)
    with pytest.raises(NeedsOperator, match="no proposal 99"):
        approvals.refuse(store, EFFECTS, "acme", 99, actor="person 2", reason="x", now=NOON)


@pytest.mark.parametrize(("by", "reason"), [("", "agreed"), ("person 1", "  ")])
def test_a_proposal_says_who_and_why(store: SqlStore, by: str, reason: str) -> None:
    number = open_trouble(store)

    with pytest.raises(NeedsOperator, match="who makes it and why"):
        approvals.propose(store, EFFECTS, RULES, ProposalKind.WAIVE, {"exception": number}, proposer=by, reason=reason, now=NOON)


def test_closing_one_break_of_a_month_closes_no_other(store: SqlStore) -> None:
    with store.begin() as tx:
        numbers = [tx.open_exception(ExceptionCase.about(
            tenant="acme", return_ref="proof:2011-02", line_id=f"R{line}|1", now=NOON, teams={},
            money=Money(amount=Decimal(line), currency="GBP"),
            findings=(Finding(code="PROOF_BROKEN", sentence=f"WRONG_AMOUNT: {line}"),))) for line in (1, 2)]

    approve(store, propose(store, ProposalKind.CLOSE, {"exception": numbers[0]}))

    with store.begin() as tx:
        assert [row.id for row in tx.exceptions("acme")] == [numbers[1]]


def test_above_the_second_limit_two_others_have_to_approve(store: SqlStore) -> None:
    strict = replace(RULES, limits=Limits(second=Decimal(10)))
    asked = propose(store, ProposalKind.WAIVE, {"exception": open_trouble(store)}, rules=strict)

    half = approve(store, asked)
    again = approve(store, asked)
    before = decisions(store)
    done = approve(store, asked, by="person 3")

    assert (half.state, again, before) == (ProposalState.OPEN, half, [])
    assert (done.state, done.yeses) == (ProposalState.APPROVED, ("person 2", "person 3"))
    assert len(decisions(store)) == 1


def test_what_one_person_proposes_in_a_day_adds_up(store: SqlStore) -> None:
    strict = replace(RULES, limits=Limits(operator_day=Decimal(20)))
    first = propose(store, ProposalKind.WAIVE, {"exception": open_trouble(store)}, rules=strict)

    second = propose(store, ProposalKind.WAIVE, {"exception": open_trouble(store, ref="R2")}, rules=strict)
    other = propose(store, ProposalKind.WAIVE, {"exception": open_trouble(store, ref="R3")}, rules=strict, by="person 9")
    tomorrow = propose(store, ProposalKind.CLOSE, {"exception": open_trouble(store, ref="R4")}, rules=strict,
                       at=NOON + timedelta(days=1, minutes=1))

    assert [each.needed for each in (first, second, other, tomorrow)] == [1, 2, 1, 1]


def test_only_proposals_of_ones_companies_are_seen(store: SqlStore, asked: Proposal) -> None:
    with store.begin() as tx:
        mine = tx.proposals(Scope(tenant="acme", entities=frozenset({"gb"})), subjects=["R1"], kinds=[ProposalKind.WAIVE])
        theirs = tx.proposals(Scope(tenant="acme", entities=frozenset({"de"})))
        elsewhere = tx.proposals(Scope.whole("other"), open_only=False)

    assert (mine, theirs, elsewhere) == ([asked], [], [])


def test_what_cannot_be_done_is_not_proposed_and_what_fails_is_not_approved(store: SqlStore) -> None:
    number = open_trouble(store, code="UNCONFIRMED_TOO_LONG")
    asked = propose(store, ProposalKind.SETTLE, {"exception": number, "found": "INV-1"})

    with pytest.raises(NeedsOperator, match="nothing of it is in doubt"):
        approvals.approve(store, EFFECTS, RULES, asked.id, shown=asked.sha256, approver="person 2", now=NOON,
                          route_of=lambda _: builders.ROUTE)
    with pytest.raises(NeedsOperator, match="cannot be waived"):
        propose(store, ProposalKind.WAIVE, {"exception": number})
    with pytest.raises(NeedsOperator, match="'debit' is for REJECTED_AFTER_CREDIT alone"):
        propose(store, ProposalKind.DEBIT, {"exception": number, "goods": "leave"})
    with pytest.raises(NeedsOperator, match="no open exception 404"):
        propose(store, ProposalKind.WAIVE, {"exception": 404})

    with store.begin() as tx:
        assert [each.approver for each in tx.proposals(EVERYTHING)] == [""]


# --- the other kinds


def test_a_role_is_proposed_by_one_and_approved_by_another(store: SqlStore) -> None:
    number = people.add(store, issuer="https://login.example", subject="ann", name="Ann", actor="admin", now=NOON)
    content = {"person": number, "role": "finance", "entities": ["gb"]}
    asked = propose(store, ProposalKind.GRANT, content, by="person 90")

    with pytest.raises(NeedsOperator, match="themselves"):
        approve(store, asked, by=f"person {number}")
    done = approve(store, asked, by="person 91")

    ann = people.who(store, "https://login.example", "ann")
    assert done.state is ProposalState.APPROVED
    assert ann is not None
    assert [(grant.role, grant.entities) for grant in ann.grants] == [(Role.FINANCE, frozenset({"gb"}))]


@pytest.mark.parametrize(("content", "says"), [
    ({"person": 99, "role": "finance"}, "no person 99"),
    ({"person": 1, "role": "finance", "entities": []}, "an empty list is for nobody"),
])
def test_a_role_for_nobody_is_not_proposed(store: SqlStore, content: dict[str, Any], says: str) -> None:
    people.add(store, issuer="https://login.example", subject="ann", name="Ann", actor="admin", now=NOON)

    with pytest.raises(NeedsOperator, match=says):
        propose(store, ProposalKind.GRANT, content)


def test_a_version_of_the_profile_holds_by_a_second_person_and_one_whose_text_nobody_kept_by_nobody(store: SqlStore) -> None:
    draft = KeptProfile(tenant="acme", version="2026-03", sha256="a" * 64, text="the whole of it")
    with store.begin() as tx:
        tx.keep_draft(draft, actor="person 1", at=NOON)
    asked, lost = (propose(store, ProposalKind.PROFILE, {"version": name, "sha256": sha * 64, "changes": ["+x"], "moved": []})
                   for name, sha in (("2026-03", "a"), ("2026-04", "b")))

    done = approve(store, asked)
    with pytest.raises(NeedsOperator, match="not what it was"):
        approve(store, lost)
    again = propose(store, ProposalKind.PROFILE, {"version": "2026-04", "sha256": "b" * 64, "changes": ["+y"], "moved": []})
    with pytest.raises(NeedsOperator, match="is not kept here"):
        approve(store, again)

    assert done.result == "version 2026-03 holds"
    with store.begin() as tx:
        assert [(row.version, row.by, row.proposal) for row in tx.reigns("acme")] == [("2026-03", "person 2", asked.id)]
        assert tx.profile("acme", "2026-03") == draft


def test_one_person_pauses_and_two_let_writes_leave_again(store: SqlStore) -> None:
    number = pausing.pause(store, RULES, "gb", actor="person 1", reason="wrong accounts", now=NOON)
    again = pausing.pause(store, RULES, "gb", actor="person 5", reason="also me", now=NOON)
    with store.begin() as tx:
        held = (tx.paused("acme", "gb"), tx.paused("acme", "de"), tx.paused("other", "gb"))
    asked = propose(store, ProposalKind.UNPAUSE, {"pause": number})

    with pytest.raises(NeedsOperator, match="somebody other"):
        approve(store, asked, by="person 1")
    approve(store, asked)

    assert again == number
    assert held == (True, False, False)
    with store.begin() as tx:
        assert not tx.paused("acme", "gb")
        [row] = tx.pauses("acme", every=True)
        told = [entry.action for entry in tx.trail("acme") if entry.action.startswith("pause")]
    assert (row.paused_by, row.ended_by, row.approved_by) == ("person 1", "person 1", "person 2")
    assert told == ["pause.began", "pause.ended"]
    with pytest.raises(NeedsOperator, match="no pause"):
        propose(store, ProposalKind.UNPAUSE, {"pause": number})


def test_a_pause_of_the_tenant_holds_for_every_company_and_is_seen_by_everybody(store: SqlStore) -> None:
    german = Scope(tenant="acme", entities=frozenset({"de"}))
    pausing.pause(store, RULES, "", actor="person 1", reason="close", now=NOON)
    pausing.pause(store, RULES, "gb", actor="person 1", reason="accounts", now=NOON)

    seen = [row.legal_entity for row in pausing.holding(store, german)]

    with store.begin() as tx:
        assert tx.paused("acme", "gb")
        assert tx.paused("acme", "de")
    assert seen == [""]
    assert len(pausing.holding(store, EVERYTHING)) == 2
    with pytest.raises(NeedsOperator, match="say why"):
        pausing.pause(store, RULES, "gb", actor="person 1", reason=" ", now=NOON)


def test_the_database_ends_no_pause_by_one_person(store: SqlStore) -> None:
    number = pausing.pause(store, RULES, "gb", actor="person 1", reason="wrong accounts", now=NOON)

    with pytest.raises(IntegrityError), store.begin() as tx:
        tx.end_pause("acme", number, actor="person 1", approver=" PERSON 1", at=NOON)

    with store.begin() as tx:
        assert tx.paused("acme", "gb")


def test_settling_asks_the_route_before_its_transaction(store: SqlStore) -> None:
    asked = propose(store, ProposalKind.SETTLE, {"exception": open_trouble(store, code="UNCONFIRMED_TOO_LONG"), "found": ""})
    seen: list[str] = []

    def route_of(entity: str) -> Any:
        with store.begin():  # would wait for ever inside another transaction of SQLite
            seen.append(entity)
        return builders.ROUTE

    with pytest.raises(NeedsOperator, match="nothing of it is in doubt"):
        approvals.approve(store, EFFECTS, RULES, asked.id, shown=asked.sha256, approver="person 2", now=NOON, route_of=route_of)
    with pytest.raises(NeedsOperator, match="none can be asked"):
        approve(store, asked)

    assert seen == ["gb"]


def test_a_transaction_that_is_open_takes_no_lease(store: SqlStore) -> None:
    fence = Fence(tenant="acme", legal_entity="gb", token=1, until=NOON)

    with store.begin() as tx, pytest.raises(AssertionError), approvals.Within(tx=tx).begin(fence):
        pass

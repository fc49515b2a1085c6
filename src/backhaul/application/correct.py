"""Two people say what a value of a return is where the messages have it wrong.

The messages stay as they came; what is said stands beside them as a fact. From the next turn on the return is judged by both, and trouble
whose cause is gone closes by itself. Documents that were made already are never made anew: what differs from them is a late change.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from backhaul.application.approvals import Acting, Effect, Subject, Within, propose_in
from backhaul.application.people import require
from backhaul.application.people_ports import PeopleStore, PeopleTx
from backhaul.application.ports import FIXED, KeptException, Store, Tx
from backhaul.application.resolve import find_exception, four_eyes
from backhaul.application.shown import state_of
from backhaul.domain.access import Person
from backhaul.domain.correction import CORRECTIONS, Choice, Weighed, choices, weigh
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.facts import Correctable, Corrected
from backhaul.domain.money import Money
from backhaul.domain.proposal import Proposal, ProposalKind
from backhaul.domain.rules import Rules

LAST: Final = datetime.max.replace(tzinfo=UTC)
"""When a correction that is only weighed would be made: after all others."""
TICK: Final = timedelta(microseconds=1)


def correctable(tx: Tx, tenant: str, row: KeptException) -> tuple[Choice, ...]:
    """Give the values that can be corrected for an exception, as they are told and as they hold."""
    facts = tx.facts(tenant, [row.case.return_ref]).get(row.case.return_ref, ())
    return choices(row.case.return_ref, facts, {finding.code for finding in row.case.findings}, row.case.line_id)


def content_of(tx: Tx, tenant: str, number: int, *, what: str, value: str, line_id: str = "", told: str | None = None) -> dict[str, Any]:  # noqa: PLR0913  each is named
    """Write what a proposal to correct says; line and told value may be left out where only one can be meant."""
    row = find_exception(tx, tenant, number)
    meant = [each for each in correctable(tx, tenant, row) if each.what.value == what and line_id in {"", each.line_id}
             and told in {None, each.told}]
    if len(meant) != 1:
        offered = sorted({f"{each.what.value} {each.line_id} '{each.told}'".replace("  ", " ") for each in correctable(tx, tenant, row)})
        message = (f"exception {number}: say which value is corrected, by its name, its line and what is told of it; "
                   f"there is {', '.join(offered) or 'none that can be'}")
        raise NeedsOperator(message, about="which")
    return {"exception": number, "what": what, "line": meant[0].line_id, "told": meant[0].told, "value": value.strip()}


def ask(store: PeopleStore, rules: Rules, person: Person, number: int, *, what: str, value: str, reason: str, now: datetime,  # noqa: PLR0913  each is named
        line_id: str = "", told: str | None = None) -> Proposal:
    """Propose a correction, if this person has the right to correct that value in the return's legal entity."""
    with store.begin() as tx:
        content = content_of(tx, rules.tenant, number, what=what, value=value, line_id=line_id, told=told)
        require(person, CORRECTIONS[Correctable(what)].right, rules.tenant, _looks(tx, rules, content).legal_entity)
        return propose_in(tx, {ProposalKind.CORRECT: EFFECT}, rules, ProposalKind.CORRECT, content, proposer=person.actor, reason=reason,
                          now=now)


def correct(store: Store, rules: Rules, content: Mapping[str, Any], *, actor: str, approver: str, reason: str, now: datetime) -> Weighed:  # noqa: PLR0913  each is named
    """Keep a correction beside the facts, as two people agreed on it; give what it came to."""
    with store.begin() as tx:
        row = find_exception(tx, rules.tenant, int(content["exception"]))
        four_eyes(row, actor, approver, reason)
        came_to = weighed(tx, rules, row, content)
        ref = row.case.return_ref
        earlier = [fact.at + TICK for fact in tx.facts(rules.tenant, [ref]).get(ref, ()) if isinstance(fact, Corrected)]
        tx.add_facts(rules.tenant, [Corrected(
            return_ref=ref, at=max(now, *earlier) if earlier else now, what=came_to.what, line_id=came_to.line_id, told=came_to.told,
            value=came_to.after, actor=actor, approver=approver, reason=reason)])
        tx.record(rules.tenant, subject=ref, action="exception.correct", at=now, actor=actor, detail={
            "exception": row.id, "approver": approver, "reason": reason, **_said(came_to)})
    return came_to


def weighed(tx: Tx, rules: Rules, row: KeptException, content: Mapping[str, Any]) -> Weighed:
    """Say what a correction of a value of an exception would come to, or stop with the reason why it cannot be made."""
    facts = tx.facts(rules.tenant, [row.case.return_ref]).get(row.case.return_ref, ())
    wanted = Corrected(return_ref=row.case.return_ref, at=LAST, what=Correctable(content["what"]), line_id=str(content["line"]),
                       told=str(content["told"]), value=str(content["value"]), actor="", approver="", reason="")
    return weigh(correctable(tx, rules.tenant, row), facts, wanted, rules.sellability)


def _said(told: Weighed) -> Mapping[str, Any]:
    return asdict(told) | {"what": told.what.value, "net_before": str(told.net_before), "net_after": str(told.net_after)}


def _looks(tx: PeopleTx, rules: Rules, content: Mapping[str, Any]) -> Subject:
    """Give what a correction comes to, with the exception, its lines and how many documents stand already."""
    row = find_exception(tx, rules.tenant, int(content["exception"]))
    ref, came_to = row.case.return_ref, weighed(tx, rules, row, content)
    case = tx.cases(rules.tenant, [ref]).get(ref)
    made = sum(kept.state in FIXED for kept in tx.postings(rules.tenant, [ref]).get(ref, ()))
    worth = max(abs(row.case.money.amount), came_to.net_before, came_to.net_after)
    return Subject(name=ref, legal_entity=case.legal_entity if case else "", money=Money(amount=-worth, currency=row.case.money.currency),
                   state={**_said(came_to), "documents_made": made, **state_of(tx, rules, row)})


def _acts(tx: PeopleTx, acting: Acting) -> str:
    said = acting.proposal
    done = correct(Within(tx=tx), acting.rules, said.content, actor=said.proposer, approver=acting.approver, reason=said.reason,
                   now=acting.now)
    return f"exception {said.content['exception']}: {done.what.value} is {done.after}"


EFFECT: Final = Effect(looks=_looks, acts=_acts)

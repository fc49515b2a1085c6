"""What happens when a second person says yes?

One row for each kind of proposal: what it is about as it stands now, and the verb that does it. The verbs are those of `resolve`, `people`
and the store; this table joins them to proposals, and no other use case knows it.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any, Final

from backhaul.application import (
    batches,
    conclude,
    correct,
    drift,
    grouping,
    legal_hold,
    pairing,
    people,
    privacy,
    rejudge,
    resolve,
    versions,
    write_down,
)
from backhaul.application.approvals import Acting, Effect, Subject, Within
from backhaul.application.pausing import subject_of
from backhaul.application.people_ports import PeopleTx
from backhaul.application.shown import state_of
from backhaul.domain.access import Grant, Role
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.facts import Decision
from backhaul.domain.late_change import WHY
from backhaul.domain.money import Money
from backhaul.domain.proposal import ProposalKind
from backhaul.domain.resolution import Resolution
from backhaul.domain.returns import NOTHING
from backhaul.domain.rules import Rules

FREE: Final = Money(amount=NOTHING, currency="")
ABSENT: Final = "it is surely not there, and is sent once more"
"""What a settlement comes to that names no document."""


def exception_subject(tx: PeopleTx, rules: Rules, content: Mapping[str, Any]) -> Subject:
    """Give an open exception and its lines as an approver sees them."""
    row = resolve.find_exception(tx, rules.tenant, int(content["exception"]))
    case = tx.cases(rules.tenant, [row.case.return_ref]).get(row.case.return_ref)
    return Subject(name=row.case.return_ref, legal_entity=case.legal_entity if case else "", money=row.case.money,
                   state=state_of(tx, rules, row))


def _decided(way: Resolution, tx: PeopleTx, rules: Rules, content: Mapping[str, Any]) -> Subject:
    """Give what a decision is about, with what it comes to in words; one that does not fit, or says too little, is not proposed."""
    row = resolve.find_exception(tx, rules.tenant, int(content["exception"]))
    goods, found = str(content.get("goods", "")), str(content.get("found", ""))
    resolve.refuse_unfit(row, way, goods=goods)
    if way is Resolution.MATCH:
        resolve.matchable(tx, rules.tenant, row)
    about = exception_subject(tx, rules, content)
    means = {Resolution.DEBIT: WHY.get(goods, ""), Resolution.SETTLE: f"it is there, as {found}" if found else ABSENT}.get(way)
    return replace(about, state={**about.state, "means": means}) if means else about


def _decide(decision: Decision, tx: PeopleTx, acting: Acting) -> str:
    said = acting.proposal
    resolve.decide(Within(tx=tx), said.tenant, int(said.content["exception"]), decision, actor=said.proposer, approver=acting.approver,
                   reason=said.reason, goods=str(said.content.get("goods", "")), now=acting.now)
    return f"exception {said.content['exception']}: {decision.value}"


def _settle(tx: PeopleTx, acting: Acting) -> str:
    said = acting.proposal
    if acting.route is None:
        message = f"proposal {said.id} needs the route of {said.legal_entity}"
        raise NeedsOperator(message)
    count = resolve.settle(Within(tx=tx), said.tenant, int(said.content["exception"]), found=str(said.content.get("found", "")),
                           route=acting.route, actor=said.proposer, approver=acting.approver, reason=said.reason, now=acting.now)
    return f"exception {said.content['exception']}: {count} settled"


def _match(tx: PeopleTx, acting: Acting) -> str:
    said = acting.proposal
    resolve.match(Within(tx=tx), said.tenant, int(said.content["exception"]), order=str(said.content["order"]),
                  unit_price=Decimal(str(said.content["unit_price"])), customer=str(said.content.get("customer", "")),
                  actor=said.proposer, approver=acting.approver, reason=said.reason, now=acting.now)
    return f"exception {said.content['exception']}: matched with {said.content['order']}"


def _pause_subject(tx: PeopleTx, rules: Rules, content: Mapping[str, Any]) -> Subject:
    row = next((row for row in tx.pauses(rules.tenant) if row.id == int(content["pause"])), None)
    if row is None:
        message = f"tenant '{rules.tenant}' has no pause {content['pause']} that holds"
        raise NeedsOperator(message)
    return Subject(name=subject_of(row.legal_entity), legal_entity=row.legal_entity, money=FREE, state={"pause": row.id})


def _unpause(tx: PeopleTx, acting: Acting) -> str:
    said = acting.proposal
    tx.end_pause(said.tenant, int(said.content["pause"]), actor=said.proposer, approver=acting.approver, at=acting.now)
    tx.record(said.tenant, subject=said.subject, action="pause.ended", at=acting.now, actor=said.proposer, detail={
        "pause": said.content["pause"], "approver": acting.approver, "reason": said.reason})
    return "writes leave again"


def _grant_of(rules: Rules, content: Mapping[str, Any]) -> Grant:
    entities = content.get("entities")
    if entities is not None:
        for name in entities:
            rules.chosen(name)
        if not entities:
            message = "a grant is for all legal entities (none named) or for those it names; an empty list is for nobody"
            raise NeedsOperator(message)
    return Grant(role=Role(content["role"]), tenant=rules.tenant, entities=None if entities is None else frozenset(entities))


def _grant_subject(tx: PeopleTx, rules: Rules, content: Mapping[str, Any]) -> Subject:
    number, grant = int(content["person"]), _grant_of(rules, content)
    found = next(iter(tx.people([number])), None)
    if found is None:
        message = f"there is no person {number}; add them first"
        raise NeedsOperator(message)
    held = sorted(_worded(each) for each in found.grants if each.tenant == rules.tenant)
    return Subject(name=found.actor, legal_entity="", money=FREE, state={
        "name": found.name, "would_get": _worded(grant), "has_now": "; ".join(held) or "no role"})


def _worded(grant: Grant) -> str:
    """Write a role with where it holds."""
    return f"{grant.role.value} for {'all legal entities' if grant.entities is None else ', '.join(sorted(grant.entities))}"


def _give(tx: PeopleTx, acting: Acting) -> str:
    said = acting.proposal
    grant = _grant_of(acting.rules, said.content)
    people.give(tx, int(said.content["person"]), grant, granted_by=said.proposer, approved_by=acting.approver, now=acting.now)
    return f"{said.subject} is {grant.role.value}"


EFFECTS: Final[Mapping[ProposalKind, Effect]] = {
    ProposalKind.WAIVE: Effect(looks=partial(_decided, Resolution.WAIVE), acts=partial(_decide, Decision.WAIVE)),
    ProposalKind.CLOSE: Effect(looks=partial(_decided, Resolution.CLOSE), acts=partial(_decide, Decision.CLOSE)),
    ProposalKind.CLAIM: Effect(looks=partial(_decided, Resolution.CLAIM), acts=partial(_decide, Decision.CLAIM)),
    ProposalKind.DEBIT: Effect(looks=partial(_decided, Resolution.DEBIT), acts=partial(_decide, Decision.DEBIT)),
    ProposalKind.SETTLE: Effect(looks=partial(_decided, Resolution.SETTLE), acts=_settle, routes=True),
    ProposalKind.MATCH: Effect(looks=partial(_decided, Resolution.MATCH), acts=_match),
    ProposalKind.PAIR: pairing.PAIR,
    ProposalKind.UNPAIR: pairing.UNPAIR,
    ProposalKind.CORRECT: correct.EFFECT,
    ProposalKind.OUTCOME: conclude.EFFECT,
    ProposalKind.GROUP: grouping.EFFECT,
    ProposalKind.VERSION: rejudge.EFFECT,
    ProposalKind.UNPAUSE: Effect(looks=_pause_subject, acts=_unpause),
    ProposalKind.GRANT: Effect(looks=_grant_subject, acts=_give),
    ProposalKind.BATCH: batches.EFFECT,
    ProposalKind.PROFILE: versions.EFFECT,
    ProposalKind.ERASE: privacy.EFFECT,
    ProposalKind.RELEASE: legal_hold.EFFECT,
    ProposalKind.WRITE_DOWN: write_down.EFFECT,
    ProposalKind.CONTRACT: drift.EFFECT,
}
"""What can be approved. A kind that has no row here cannot be proposed."""

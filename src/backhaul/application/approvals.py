"""Who proposed it, who approves it, and what happens then?

One way for everything that needs a second person: propose, show, approve. What an approval does is one row of a table of effects, and it is
done in the transaction that keeps the approval: both are kept, or neither, however many approve at once and however often.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from backhaul.application.people_ports import PeopleStore, PeopleTx
from backhaul.application.ports import Fence
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.money import Money
from backhaul.domain.posting import Route
from backhaul.domain.proposal import PROPOSALS, SYSTEM, Proposal, ProposalKind, ProposalState, approvals_needed, objection
from backhaul.domain.rules import Rules
from backhaul.domain.trail import digest

DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a proposal is about, as it stands now: its name, whose it is, the money in it, and all that an approver looks at."""

    name: str
    legal_entity: str
    money: Money
    state: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One kind of proposal: what it is about now, which stops with a reason if it cannot be done, and what an approval does.

    `acts` gives a sentence about what was done. `routes`: it needs the documents of the ERP, which are fetched before the transaction.
    """

    looks: Callable[[PeopleTx, Rules, Mapping[str, Any]], Subject]
    acts: Callable[[PeopleTx, "Acting"], str]
    refuses: Callable[[PeopleTx, "Ending"], str] | None = None
    """What becomes of it when somebody says no, where that is more than nothing."""
    routes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """An approved proposal about to be done: by whose proposal, whose approval, under which rules."""

    proposal: Proposal
    rules: Rules
    route: Route | None
    approver: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A proposal about to be refused: by whom and why."""

    proposal: Proposal
    actor: str
    reason: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """A store that is one open transaction: what begins in it is kept or lost with it."""

    tx: PeopleTx

    @contextmanager
    def begin(self, fence: Fence | None = None) -> Iterator[PeopleTx]:
        """Give the transaction that is open already."""
        if fence is not None:
            message = "a transaction that is open already takes no lease"
            raise AssertionError(message)
        yield self.tx

    @contextmanager
    def look(self) -> Iterator[PeopleTx]:
        """Give the transaction that is open already, so that what it wrote is seen."""
        yield self.tx


Effects = Mapping[ProposalKind, Effect]
RouteOf = Callable[[str], Route]
"""Gives the route of a legal entity; may ask the ERP, so it is called outside of transactions."""


def no_route(legal_entity: str) -> Route:
    """Stand where no ERP can be asked."""
    message = f"this needs the ERP of '{legal_entity}', and none can be asked from here"
    raise NeedsOperator(message)


def propose(  # noqa: PLR0913  each is named at the call
    store: PeopleStore, effects: Effects, rules: Rules, kind: ProposalKind, content: Mapping[str, Any], *, proposer: str, reason: str,
    now: datetime,
) -> Proposal:
    """Keep what somebody wants done, with the state of what it is about; the same again gives the one that is open."""
    with store.begin() as tx:
        return propose_in(tx, effects, rules, kind, content, proposer=proposer, reason=reason, now=now)


def propose_in(  # noqa: PLR0913  each is named at the call
    tx: PeopleTx, effects: Effects, rules: Rules, kind: ProposalKind, content: Mapping[str, Any], *, proposer: str, reason: str,
    now: datetime,
) -> Proposal:
    """Propose inside a transaction that does more."""
    if not reason.strip() or not proposer.strip():
        message = "a proposal says who makes it and why; the reason is kept in the trail"
        raise NeedsOperator(message, about="reason")
    expire(tx, rules.tenant, now)
    about = effects[kind].looks(tx, rules, content)
    person = proposer != SYSTEM
    today = tx.proposed_by(rules.tenant, proposer, now - DAY, about.money.currency) if about.money.amount and person else Decimal(0)
    proposal = Proposal(
        tenant=rules.tenant, legal_entity=about.legal_entity, kind=kind, subject=about.name, content=content, basis=digest(about.state),
        money=about.money, reason=reason.strip(), proposer=proposer, proposed_at=now, expires_at=now + PROPOSALS[kind].lasts,
        needed=max(PROPOSALS[kind].least, 1 if person else PROPOSALS[kind].unasked, approvals_needed(
            about.money, second=rules.limits.second, a_day=rules.limits.operator_day if person else None, today=today)))
    kept, is_new = tx.add_proposal(proposal)
    if is_new:
        _tell(tx, kept, "proposal.opened", now, proposer, {"reason": proposal.reason, "amount": about.money.amount,
                                                           "currency": about.money.currency, "needed": kept.needed})
    return kept


def approve(  # noqa: PLR0913  each is named at the call
    store: PeopleStore, effects: Effects, rules: Rules, number: int, *, shown: str, approver: str, now: datetime,
    route_of: RouteOf = no_route,
) -> Proposal:
    """Approve a proposal as it was shown, and do it once as many have approved as it needs.

    The same approval again has no effect and the same answer. What changed since it was shown is refused, and nothing is done.
    """
    route = _route(store, effects, rules, number, route_of)
    with store.begin() as tx:
        proposal = found(tx, rules.tenant, number)
        if proposal.is_repeat(approver, shown):
            return proposal
        effect = effects[proposal.kind]
        refusal = objection(proposal, approver, shown, now)
        if not refusal and digest(effect.looks(tx, rules, proposal.content).state) != proposal.basis:
            refusal = (f"proposal {number}: {proposal.subject} is not what it was when this was proposed; "
                       "refuse it, look again, and propose what is right now")
        if refusal:
            raise NeedsOperator(refusal)
        first = not proposal.approver
        said = replace(proposal, approver=approver, approved_at=now) if first else replace(proposal, second=approver, second_at=now)
        if len(said.yeses) >= said.needed:
            tx.save_proposal(said)  # what it does may be guarded by the database, which asks who said yes
            result = effect.acts(tx, Acting(proposal=said, rules=rules, route=route, approver=approver, now=now))
            said = replace(said, state=ProposalState.APPROVED, ended_by=approver, ended_at=now, result=result)
        tx.save_proposal(said)
        _tell(tx, said, "proposal.approved", now, approver, {"proposer": said.proposer, "approvals": len(said.yeses), "needed": said.needed,
                                                             "shown": shown, "result": said.result})
    return said


def refuse(  # noqa: PLR0913  each is named at the call
    store: PeopleStore, effects: Effects, tenant: str, number: int, *, actor: str, reason: str, now: datetime,
) -> Proposal:
    """Say no to what somebody else proposed, or take back one's own; nothing of it is done."""
    with store.begin() as tx:
        proposal = found(tx, tenant, number)
        if proposal.state is not ProposalState.OPEN or not reason.strip():
            message = f"proposal {number} is {proposal.state.value}; only an open one is refused or withdrawn, and with a reason"
            raise NeedsOperator(message, about="" if reason.strip() else "reason")
        own = actor.strip().casefold() == proposal.proposer.strip().casefold()
        ends = effects[proposal.kind].refuses
        became = ends(tx, Ending(proposal=proposal, actor=actor, reason=reason.strip(), now=now)) if ends else ""
        said = replace(proposal, state=ProposalState.WITHDRAWN if own else ProposalState.REFUSED, ended_by=actor, ended_at=now,
                       result="; ".join(filter(None, (reason.strip(), became))))
        tx.save_proposal(said)
        _tell(tx, said, f"proposal.{said.state.value}", now, actor, {"proposer": said.proposer, "reason": said.result})
    return said


def expire(tx: PeopleTx, tenant: str, now: datetime) -> int:
    """End what waited too long; give how many."""
    lapsed = tx.lapsed(tenant, now)
    for proposal in lapsed:
        said = replace(proposal, state=ProposalState.EXPIRED, ended_by="backhaul", ended_at=now, result="nobody decided in time")
        tx.save_proposal(said)
        _tell(tx, said, "proposal.expired", now, "backhaul", {"proposer": said.proposer})
    return len(lapsed)


def found(tx: PeopleTx, tenant: str, number: int) -> Proposal:
    """Give a proposal by its number, or stop with a sentence."""
    proposal = tx.proposal(tenant, number)
    if proposal is None:
        message = f"tenant '{tenant}' has no proposal {number}"
        raise NeedsOperator(message)
    return proposal


def _route(store: PeopleStore, effects: Effects, rules: Rules, number: int, route_of: RouteOf) -> Route | None:
    with store.look() as tx:
        proposal = found(tx, rules.tenant, number)
    return route_of(proposal.legal_entity or rules.entities[0].id) if effects[proposal.kind].routes else None


def _tell(tx: PeopleTx, proposal: Proposal, action: str, now: datetime, actor: str, more: Mapping[str, Any]) -> None:  # noqa: PLR0913, PLR0917  private
    tx.record(proposal.tenant, subject=proposal.subject, action=action, at=now, actor=actor, detail={
        "proposal": proposal.id, "kind": proposal.kind.value, "sha256": proposal.sha256, **more})

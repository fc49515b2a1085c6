"""How is one decision taken about everything of one cause?

First a plan: which exceptions, what money, which documents would go on. Then a proposal that somebody else approves as it was planned. Then
it is done in the turns of the worker, each exception in a transaction of its own, so that it can be seen, and stopped between any two. An
exception that is not what it was in the plan is left alone and named.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from backhaul.application import alike, resolve
from backhaul.application.alike import Otherwise, Same
from backhaul.application.approvals import Acting, Effect, RouteOf, Subject, Within, no_route, propose
from backhaul.application.people import require
from backhaul.application.people_ports import PeopleStore, PeopleTx
from backhaul.application.ports import KeptException, PostingState
from backhaul.application.shown import state_of
from backhaul.domain.access import Action, Person, Scope
from backhaul.domain.correction import CORRECTIONS
from backhaul.domain.errors import BackhaulError, NeedsOperator
from backhaul.domain.exception_case import KINDS
from backhaul.domain.facts import Decision
from backhaul.domain.money import Money
from backhaul.domain.posting import Route
from backhaul.domain.proposal import Proposal, ProposalKind, ProposalState
from backhaul.domain.resolution import Resolution, ways_out
from backhaul.domain.rules import Rules
from backhaul.domain.trail import digest

MOST: Final = 1_000
"""Exceptions of one plan, at most; the rest is another plan."""
NO_NET: Final = (Decimal(0), Decimal(0))
CHUNK: Final = 100
"""Exceptions that one turn decides, at most."""
TOGETHER: Final = frozenset({Resolution.WAIVE, Resolution.CLOSE, Resolution.CLAIM, Resolution.CORRECT, Resolution.RETRY})
"""What can be decided alike about many; a correction of those in which the same value is wrong. The others say something of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one decision would touch: exceptions with the hash of their state, the money they hold, documents that wait behind them.

    A correction says `of` which value what it is; `net` is the announced net of what it is about, before and after. Any other decision may
    be about those alone that have the `same` value. Of what is tried again the documents are those that were refused.
    """

    kind: str
    legal_entity: str
    decision: str
    money: Money
    exceptions: Mapping[str, str]
    postings: Mapping[str, int]
    more: int = 0
    batch: str = ""
    """Only those of this batch, where the kind is about batches."""
    of: Otherwise | None = None
    same: Same | None = None
    net: tuple[Decimal, Decimal] = NO_NET

    @property
    def content(self) -> Mapping[str, Any]:
        """Give what a proposal of it says."""
        return {"kind": self.kind, "legal_entity": self.legal_entity, "decision": self.decision, "currency": self.money.currency,
                "exceptions": dict(self.exceptions), **({"batch": self.batch} if self.batch else {}),
                **(self.of.content if self.of else {}), **(self.same.content if self.same else {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a group has come: numbers of exceptions to do, done, and left alone with the reason."""

    proposal: int
    todo: int
    done: int
    left: Mapping[str, str]
    cancelled: bool


def plan(store: PeopleStore, rules: Rules, *, kind: str, legal_entity: str, currency: str, decision: str,  # noqa: PLR0913  each is named
         batch: str = "", of: Otherwise | None = None, same: Same | None = None) -> Plan:
    """Say what a decision about all open exceptions of a kind in one legal entity and currency would touch; nothing is changed.

    With a `batch`: about those of them that are held because just that batch was sent back. A correction is about those `of` which
    the messages tell the same wrong value; any other decision, where it says so, about those in which they tell the `same`.
    """
    with store.look() as tx:
        return _plan(tx, rules, kind, legal_entity, currency, decision, batch, of, same)


def wrong_values(store: PeopleStore, rules: Rules, *, kind: str, legal_entity: str, currency: str) -> list[alike.Wrong]:
    """Give the values that could be corrected once for many open exceptions of a kind, what is told in most of them first."""
    with store.look() as tx:
        return alike.wrong_values(tx, rules, alike.of_cause(tx, rules, kind, legal_entity, currency))


def ask(store: PeopleStore, rules: Rules, person: Person, planned: Plan, *, reason: str, now: datetime) -> Proposal:  # noqa: PLR0913  each is named
    """Propose a plan, if this person has the right to decide that; a correction takes the right of its value beside it, a retry its own."""
    require(person, Action.PROPOSE, rules.tenant, planned.legal_entity)
    if planned.decision == Resolution.RETRY:
        require(person, Action.RETRY, rules.tenant, planned.legal_entity)
    if planned.of:
        require(person, CORRECTIONS[planned.of.what].right, rules.tenant, planned.legal_entity)
    return propose(store, {ProposalKind.GROUP: EFFECT}, rules, ProposalKind.GROUP, planned.content, proposer=person.actor, reason=reason,
                   now=now)


def _plan(tx: PeopleTx, rules: Rules, kind: str, legal_entity: str, currency: str, decision: str,  # noqa: PLR0913, PLR0917  private
          batch: str, of: Otherwise | None, same: Same | None) -> Plan:
    if kind not in KINDS or decision not in TOGETHER or Resolution(decision) not in ways_out([kind]):
        message = f"'{decision}' cannot be decided about all of '{kind}'; together go {', '.join(sorted(TOGETHER))}, where they fit"
        raise NeedsOperator(message)
    if (Resolution(decision) is Resolution.CORRECT) is not (of is not None):
        message = "a correction says which value is wrong, what the messages tell of it, and what it is; no other decision says what it is"
        raise NeedsOperator(message)
    mine = [row for row in alike.of_cause(tx, rules, kind, legal_entity, currency)
            if Resolution(decision) in ways_out([finding.code for finding in row.case.findings])
            and (not batch or any(finding.code == "BATCH_SENT_BACK" and finding.hint == batch for finding in row.case.findings))]
    if of or same:
        about = set(alike.meant(tx, rules, mine, of)) if of else alike.telling(tx, rules, mine, same) if same else set()
        mine = [row for row in mine if row.id in about]
    if decision == Resolution.RETRY:
        made = tx.postings(rules.tenant, {row.case.return_ref for row in mine})
        mine = [row for row in mine if resolve.can_retry(row, made.get(row.case.return_ref, ()))]
    chosen = mine[:MOST]
    return Plan(kind=kind, legal_entity=legal_entity, decision=decision, more=len(mine) - len(chosen), batch=batch, of=of, same=same,
                net=alike.weighed(tx, rules, chosen, of) if of else NO_NET,
                money=Money(amount=sum((row.case.money.amount for row in chosen), Decimal(0)), currency=currency),
                exceptions={str(row.id): digest(state_of(tx, rules, row)) for row in chosen},
                postings=_documents(tx, rules, decision, chosen))


def _documents(tx: PeopleTx, rules: Rules, decision: str, rows: Sequence[KeptException]) -> Mapping[str, int]:
    """Count by kind the documents that wait behind exceptions, or those that would be tried again."""
    made = tx.postings(rules.tenant, {row.case.return_ref for row in rows})
    if decision == Resolution.RETRY:
        kept = {each.posting.key: each for row in rows for each in resolve.refused_of(row, made.get(row.case.return_ref, ()))}
    else:
        kept = {each.posting.key: each for every in made.values() for each in every if each.state is PostingState.HELD}
    return dict(sorted(Counter(key.kind.value for key in kept).items()))


def _looks(tx: PeopleTx, rules: Rules, content: Mapping[str, Any]) -> Subject:
    now = _plan(tx, rules, content["kind"], content["legal_entity"], content["currency"], content["decision"],
                content.get("batch", ""), alike.otherwise(content), alike.same(content))
    if not content["exceptions"] or any(now.exceptions.get(number) != state for number, state in content["exceptions"].items()):
        message = f"what is open of {content['kind']} is not what was planned; make the plan anew"
        raise NeedsOperator(message)
    worth = max(abs(now.money.amount), *now.net) if now.of else -now.money.amount
    corrects = {**now.of.content, "net_before": str(now.net[0]), "net_after": str(now.net[1])} if now.of else {}
    tried = {"tried_again": dict(now.postings)} if now.decision == Resolution.RETRY else {}
    return Subject(name=f"group {content['kind']}", legal_entity=content["legal_entity"],
                   money=Money(amount=-worth, currency=now.money.currency),
                   state={"exceptions": dict(content["exceptions"]), **corrects, **tried})


def _acts(tx: PeopleTx, acting: Acting) -> str:
    said = acting.proposal
    tx.remember(said.tenant, _name(said.id), {
        "todo": sorted(said.content["exceptions"], key=int), "done": 0, "left": {}, "cancelled": False})
    does = "tried again" if said.content["decision"] == Resolution.RETRY else "decided"
    return f"{len(said.content['exceptions'])} exceptions will be {does}"


EFFECT: Final = Effect(looks=_looks, acts=_acts)


def run(store: PeopleStore, rules: Rules, now: datetime, *, limit: int = CHUNK, route_of: RouteOf = no_route) -> int:
    """Go on with the groups that were approved, each exception in a transaction of its own; give how many were decided or left alone.

    What is tried again needs the route of its legal entity; where the ERP cannot be asked for it, it waits for the next turn.
    """
    with store.begin() as tx:
        groups = tx.proposals(Scope.whole(rules.tenant), open_only=False, kinds=[ProposalKind.GROUP])
        waiting = [group for group in groups
                   if group.state is ProposalState.APPROVED and tx.recall(rules.tenant, _name(group.id))["todo"]]
    went = 0
    for group in waiting:
        try:
            route = route_of(group.legal_entity) if group.content["decision"] == Resolution.RETRY else None
        except BackhaulError:
            continue
        while went < limit and _next(store, rules, group.id, now, route):
            went += 1
    return went


def _next(store: PeopleStore, rules: Rules, number: int, now: datetime, route: Route | None) -> bool:
    """Decide about the next exception of a group; tell whether there was one."""
    with store.begin() as tx:
        proposal, group = _group(tx, rules.tenant, number)
        if not group["todo"] or group["cancelled"]:
            return False
        first = group["todo"][0]
        rows = tx.exceptions(rules.tenant, number=int(first))
        if rows and alike.otherwise(proposal.content):  # what corrects a line changes what its neighbours are seen with
            rows = tx.exceptions(rules.tenant, refs=[rows[0].case.return_ref])
        open_now = {str(row.id): row for row in rows}
        turn = [each for each in group["todo"] if each == first or each in open_now]
        rest = [each for each in group["todo"] if each not in turn]
        wrong = {each: why for each in turn if (why := _changed(tx, rules, open_now.get(each), proposal.content["exceptions"][each]))}
        wrong |= _decide(tx, rules, proposal, [open_now[each] for each in turn if each not in wrong], now, route)
        left, done = {**group["left"], **wrong}, group["done"] + len(turn) - len(wrong)
        tx.remember(rules.tenant, _name(number), {**group, "todo": rest, "done": done, "left": left})
        if not rest:
            tx.record(rules.tenant, subject=proposal.subject, action="group.finished", at=now, actor="backhaul", detail={
                "proposal": number, "done": done, "left": left})
    return True


def _decide(tx: PeopleTx, rules: Rules, proposal: Proposal, rows: Sequence[KeptException], now: datetime,  # noqa: PLR0913, PLR0917  private
            route: Route | None) -> Mapping[str, str]:
    """Do to these what was approved: one exception, or all of one return that a correction is about; say which could not be tried again."""
    if alike.otherwise(proposal.content):
        alike.correct_all(tx, rules, rows, proposal, now=now)
        return {}
    if route is not None:
        return {str(row.id): why for row in rows if (why := _retry(tx, rules, proposal, row, now, route))}
    for row in rows:
        resolve.decide(Within(tx=tx), rules.tenant, row.id, Decision(proposal.content["decision"]), actor=proposal.proposer,
                       approver=proposal.ended_by, reason=proposal.reason, now=now)
    return {}


def _retry(tx: PeopleTx, rules: Rules, proposal: Proposal, row: KeptException, now: datetime, route: Route) -> str:  # noqa: PLR0913, PLR0917
    """Try one again as if somebody had tried it alone; say why it was not, which stands in its exception as well."""
    try:
        resolve.retry(Within(tx=tx), rules.tenant, row.id, route=route, actor=proposal.proposer, now=now)
    except NeedsOperator as why:
        return str(why)
    return ""


def _changed(tx: PeopleTx, rules: Rules, row: KeptException | None, planned: str) -> str:
    if row is None:
        return "it closed meanwhile"
    return "" if digest(state_of(tx, rules, row)) == planned else "it is not what it was in the plan"


def progress(store: PeopleStore, tenant: str, number: int) -> Progress:
    """Say how far a group has come."""
    with store.look() as tx:
        _, group = _group(tx, tenant, number)
    return Progress(proposal=number, todo=len(group["todo"]), done=group["done"], left=group["left"], cancelled=group["cancelled"])


def cancel(store: PeopleStore, tenant: str, number: int, *, actor: str, now: datetime) -> Progress:
    """Stop a group between two exceptions; what was decided stays decided."""
    with store.begin() as tx:
        proposal, group = _group(tx, tenant, number)
        tx.remember(tenant, _name(number), {**group, "cancelled": True})
        tx.record(tenant, subject=proposal.subject, action="group.cancelled", at=now, actor=actor, detail={
            "proposal": number, "done": group["done"], "todo": len(group["todo"])})
    return progress(store, tenant, number)


def _group(tx: PeopleTx, tenant: str, number: int) -> tuple[Proposal, Mapping[str, Any]]:
    """Give a group that was approved; its proposal's row is locked, so that a step and a cancel take turns."""
    proposal, group = tx.proposal(tenant, number), tx.recall(tenant, _name(number))
    if proposal is None or not group:
        message = f"tenant '{tenant}' has no group {number} that was approved"
        raise NeedsOperator(message)
    return proposal, group


def _name(number: int) -> str:
    return f"group:{number}"

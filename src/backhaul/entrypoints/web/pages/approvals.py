"""What waits for a second person, and what exactly would they approve?"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from itertools import chain
from typing import Any, Final

from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from backhaul.application import approvals, grouping, resolve
from backhaul.application.effects import EFFECTS
from backhaul.application.people import require
from backhaul.domain.access import Action, Scope, may
from backhaul.domain.errors import Misconfigured, NeedsOperator
from backhaul.domain.proposal import PROPOSALS, Proposal, ProposalKind, ProposalState, accounts_in, objection, with_accounts
from backhaul.entrypoints import foreseeing
from backhaul.entrypoints.web.console import Console, carried, done, fields
from backhaul.entrypoints.web.door import AnyRequest, Visitor, prove_anew
from backhaul.entrypoints.web.walking import walk

SHOWN: Final = 50
DECISIONS: Final[Mapping[ProposalKind, Sequence[str]]] = {
    ProposalKind.WAIVE: (), ProposalKind.CLOSE: (), ProposalKind.CLAIM: (), ProposalKind.DEBIT: ("goods",), ProposalKind.SETTLE: ("found",),
    ProposalKind.MATCH: ("order", "unit_price", "customer")}
"""Proposed by this form, with what each says beside its reason; what else takes a second person has a form and rights of its own."""
PRICE: Final = re.compile(r"\d{1,12}(\.\d{1,6})?", re.ASCII)


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/approvals", action=Action.SEE, sync_to_thread=True)
    def show_list(request: AnyRequest) -> Response[str]:
        with console.house.store.look() as tx:
            told = tx.proposals(console.scope(request), open_only=False)
        waiting = [each for each in told if each.state.value == "open"]
        ended = [each for each in reversed(told) if each.state.value != "open"][:SHOWN]
        return console.show(request, "approvals.html", waiting=console.proposals(request, waiting), rules=PROPOSALS,
                            ended=console.proposals(request, ended))

    @get("/approvals/{number:int}", action=Action.SEE, sync_to_thread=True)
    def show_one(request: AnyRequest, number: FromPath[int]) -> Response[str]:
        proposal, visitor, now = found(console, request, number), request.state.visitor, console.clock.now()
        state, gone = _state(console, proposal)
        rule = PROPOSALS[proposal.kind]
        allowed = may(visitor.person, rule.approves, proposal.tenant, proposal.legal_entity)
        group = None
        if proposal.kind is ProposalKind.GROUP and proposal.state is ProposalState.APPROVED:
            group = grouping.progress(console.house.store, proposal.tenant, number)
        moved = [{**row, "net": Decimal(row["net"])} for row in proposal.content.get("moved", ())]
        account = console.account(request)
        words = console.words(request, proposal.legal_entity, (*accounts_in(state), *accounts_in(proposal.content)))
        content, state = (with_accounts(each, lambda customer: account(customer, proposal.legal_entity), words)
                          for each in (proposal.content, state))
        match = None
        if proposal.kind is ProposalKind.UNPAIR:
            with console.house.store.look() as tx:
                match = next((each for each in tx.matches(proposal.tenant, standing=False)
                              if str(each.id) == str(proposal.content.get("match"))), None)
        documents = foreseeing.foreseen(foreseeing.outlook(console.house, proposal.tenant), proposal, now=now)
        return console.show(request, "approval.html", documents=foreseeing.as_seen(documents, words), match=match,
                            walk=walk(console, request), words=words, group=group, moved=moved,
                            proposal=console.proposals(request, [proposal])[0],
                            content=content, rule=rule, state=state,
                            gone=gone, allowed=allowed, own=visitor.person.actor == proposal.proposer, fresh=visitor.is_fresh(now),
                            objection=objection(proposal, visitor.person.actor, proposal.sha256, now))

    @post("/approvals/{number:int}/approve", action=Action.SEE, status_code=303)
    async def say_yes(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
        return await asyncio.to_thread(_approve, console, request, number, fields(await request.form(), "shown"))

    @post("/approvals/{number:int}/refuse", action=Action.SEE, status_code=303)
    async def say_no(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
        return await asyncio.to_thread(_refuse, console, request, number, fields(await request.form(), "reason"))

    @post("/exceptions/{number:int}/propose", action=Action.PROPOSE, status_code=303)
    async def propose(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
        told = fields(await request.form(), "kind", "reason", "absent", *chain.from_iterable(DECISIONS.values()))
        return await asyncio.to_thread(_propose, console, request, number, told)

    return [show_list, show_one, say_yes, say_no, propose]


def found(console: Console, request: AnyRequest, number: int) -> Proposal:
    """Give a proposal that this person may see."""
    allowed: Scope = console.scope(request)
    with console.house.store.look() as tx:
        proposal = tx.proposal(allowed.tenant, number)
    if proposal is None or not allowed.covers(proposal.legal_entity):
        detail = "there is no such proposal"
        raise NotFoundException(detail)
    return proposal


def _state(console: Console, proposal: Proposal) -> tuple[Mapping[str, Any], str]:
    """Give what a proposal is about as it stands now, or why it cannot be looked at any longer."""
    try:
        with console.house.store.look() as tx:
            return EFFECTS[proposal.kind].looks(tx, console.house.profiles[proposal.tenant].rules, proposal.content).state, ""
    except NeedsOperator as gone:
        return {}, str(gone)


def _approve(console: Console, request: AnyRequest, number: int, told: Mapping[str, str]) -> Response[Any]:
    proposal, visitor, now = found(console, request, number), _visitor(request), console.clock.now()
    require(visitor.person, PROPOSALS[proposal.kind].approves, proposal.tenant, proposal.legal_entity)
    if not visitor.is_fresh(now):
        return prove_anew(carried(request, f"/approvals/{number}"))
    approvals.approve(console.house.store, EFFECTS, console.house.profiles[proposal.tenant].rules, number, shown=told.get("shown", ""),
                      approver=visitor.person.actor, now=now, route_of=console.route_of(proposal.tenant))
    if proposal.kind is ProposalKind.PROFILE:
        with suppress(Misconfigured):  # the approval stands; the worker says what is missing where the version is to be used
            console.house.refresh(proposal.tenant)
    return done(request, f"/approvals/{number}", "approved")


def _refuse(console: Console, request: AnyRequest, number: int, told: Mapping[str, str]) -> Response[Any]:
    proposal, visitor = found(console, request, number), _visitor(request)
    if visitor.person.actor != proposal.proposer:
        require(visitor.person, PROPOSALS[proposal.kind].approves, proposal.tenant, proposal.legal_entity)
    approvals.refuse(console.house.store, EFFECTS, proposal.tenant, number, actor=visitor.person.actor, reason=told.get("reason", ""),
                     now=console.clock.now())
    return done(request, f"/approvals/{number}", "refused")


def _propose(console: Console, request: AnyRequest, number: int, told: Mapping[str, str]) -> Response[Any]:
    """Propose a decision about an exception; what does not fit is refused by the service with a sentence."""
    tenant, visitor = console.tenant(request), _visitor(request)
    rules = console.house.profiles[tenant].rules
    kind = next((each for each in DECISIONS if each.value == told.get("kind")), None)
    if kind is None:
        message = "say what is to be done with it: waive, close, claim, debit, settle or match"
        raise NeedsOperator(message, about="kind")
    content: dict[str, Any] = {"exception": number} | {name: told[name] for name in DECISIONS[kind] if told.get(name)}
    if kind is ProposalKind.SETTLE:
        _check_settlement(console, tenant, number, told)
    if kind is ProposalKind.MATCH and not (told.get("order") and PRICE.fullmatch(told.get("unit_price", ""))):
        message = "a match names the sales order and the unit price it sold at, as 12.50"
        raise NeedsOperator(message, about="unit_price" if told.get("order") else "order")
    with console.house.store.look() as tx:
        about = EFFECTS[kind].looks(tx, rules, content)
    require(visitor.person, Action.PROPOSE, tenant, about.legal_entity)
    made = approvals.propose(console.house.store, EFFECTS, rules, kind, content, proposer=visitor.person.actor,
                             reason=told.get("reason", ""), now=console.clock.now())
    return done(request, f"/approvals/{made.id}", "proposed")


def _check_settlement(console: Console, tenant: str, number: int, told: Mapping[str, str]) -> None:
    """Stop a settlement that says both that it is there and that it is not, or neither, or that is about nothing that can be settled."""
    if bool(told.get("found")) is bool(told.get("absent")):
        message = "to settle, say either which document was found in the ERP, or that it is surely not there"
        raise NeedsOperator(message, about="found")
    with console.house.store.look() as tx:
        row = resolve.find_exception(tx, tenant, number)
    route = console.route_of(tenant)(resolve.entity_of(console.house.store, console.house.profiles[tenant].rules, row.case.return_ref))
    with console.house.store.look() as tx:
        resolve.doubtful(tx, tenant, row, route)


def _visitor(request: AnyRequest) -> Visitor:
    visitor: Visitor = request.state.visitor
    return visitor

"""What would one decision about everything of one cause touch, and how far has it come?"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from litestar import Response, get, post
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from backhaul.application import approvals, grouping
from backhaul.application.effects import EFFECTS
from backhaul.application.grouping import TOGETHER, Plan
from backhaul.application.people import require
from backhaul.domain.access import Action
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.proposal import ProposalKind
from backhaul.domain.resolution import ways_out
from backhaul.domain.trail import digest
from backhaul.entrypoints.web.console import Console, done, fields, query
from backhaul.entrypoints.web.door import AnyRequest, Visitor
from backhaul.entrypoints.web.pages.approvals import found

NAMES: Final = ("kind", "entity", "currency", "decision", "batch")
"""What says which open exceptions are meant, and what would be decided about them."""


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/causes", action=Action.PROPOSE, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        told = {name: query(request, name) for name in NAMES}
        plan = _plan(console, request, told)
        return console.show(request, "cause.html", plan=plan, asked_for=told, shown=digest(plan.content))

    @post("/causes/propose", action=Action.PROPOSE, status_code=303)
    async def propose(request: AnyRequest) -> Response[Any]:
        return await asyncio.to_thread(_propose, console, request, fields(await request.form(), *NAMES, "reason", "shown"))

    @post("/causes/{number:int}/stop", action=Action.PROPOSE, status_code=303)
    async def stop(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
        fields(await request.form())
        return await asyncio.to_thread(_stop, console, request, number)

    return [show, propose, stop]


def decisions(kind: str) -> list[str]:
    """Give what can be decided alike about everything of a kind."""
    return sorted(way.value for way in TOGETHER & set(ways_out([kind])))


def _plan(console: Console, request: AnyRequest, told: Mapping[str, str]) -> Plan:
    visitor: Visitor = request.state.visitor
    tenant, entity = console.tenant(request), told.get("entity", "")
    require(visitor.person, Action.PROPOSE, tenant, entity)
    return grouping.plan(console.house.store, console.house.profiles[tenant].rules, kind=told.get("kind", ""), legal_entity=entity,
                         currency=told.get("currency", ""), decision=told.get("decision", ""), batch=told.get("batch", ""))


def _propose(console: Console, request: AnyRequest, told: Mapping[str, str]) -> Response[Any]:
    """Propose what was shown; what is open of the cause and was not is another plan."""
    plan, visitor = _plan(console, request, told), request.state.visitor
    if digest(plan.content) != told.get("shown"):
        message = "what is open of this cause changed since the plan was shown; look at it again and propose that"
        raise NeedsOperator(message)
    made = approvals.propose(
        console.house.store, EFFECTS, console.house.profiles[console.tenant(request)].rules, ProposalKind.GROUP, plan.content,
        proposer=visitor.person.actor, reason=told.get("reason", ""), now=console.clock.now())
    return done(request, f"/approvals/{made.id}", "proposed")


def _stop(console: Console, request: AnyRequest, number: int) -> Response[Any]:
    proposal, visitor = found(console, request, number), request.state.visitor
    require(visitor.person, Action.PROPOSE, proposal.tenant, proposal.legal_entity)
    grouping.cancel(console.house.store, proposal.tenant, number, actor=visitor.person.actor, now=console.clock.now())
    return done(request, f"/approvals/{number}", "stopped")

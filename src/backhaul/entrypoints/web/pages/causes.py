"""What would one decision about everything of one cause touch, and how far has it come?"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from litestar import Response, get, post
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from backhaul.application import alike, grouping
from backhaul.application.alike import Wrong
from backhaul.application.grouping import TOGETHER, Plan
from backhaul.application.people import require
from backhaul.domain.access import Action, may
from backhaul.domain.correction import CORRECTIONS, LONGEST
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.facts import Correctable
from backhaul.domain.resolution import Resolution, ways_out
from backhaul.domain.trail import digest
from backhaul.entrypoints.web.console import Console, done, fields, query
from backhaul.entrypoints.web.door import AnyRequest, Visitor
from backhaul.entrypoints.web.pages.approvals import found

NAMES: Final = ("kind", "entity", "currency", "decision", "batch", "what", "told", "value")
"""What says which open exceptions are meant and what would be decided; the value told in them, and what a correction says it is."""


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/causes", action=Action.PROPOSE, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        told = {name: query(request, name) for name in NAMES}
        if told["decision"] == Resolution.CORRECT and not told["value"]:
            return console.show(request, "wrong_values.html", asked_for=told, longest=LONGEST, values=_wrong(console, request, told))
        plan = _plan(console, request, told)
        values = [] if plan.of or plan.same else [each for each in _told(console, request, told) if each.count < len(plan.exceptions)]
        return console.show(request, "cause.html", plan=plan, asked_for=told, shown=digest(plan.content), values=values)

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


def _told(console: Console, request: AnyRequest, told: Mapping[str, str]) -> list[Wrong]:
    """Give the values by which a plan can be narrowed; customers only to who may see them."""
    found = grouping.wrong_values(console.house.store, console.house.profiles[console.tenant(request)].rules, kind=told["kind"],
                                  legal_entity=told["entity"], currency=told["currency"])
    sees = may(request.state.visitor.person, Action.SEE_PERSONAL, console.tenant(request), told["entity"])
    return [each for each in found if sees or each.what is not Correctable.CUSTOMER]


def _wrong(console: Console, request: AnyRequest, told: Mapping[str, str]) -> list[Wrong]:
    """Give the values of a cause that this person may correct, each once."""
    visitor: Visitor = request.state.visitor
    tenant = console.tenant(request)
    require(visitor.person, Action.PROPOSE, tenant, told["entity"])
    found = grouping.wrong_values(console.house.store, console.house.profiles[tenant].rules, kind=told["kind"],
                                  legal_entity=told["entity"], currency=told["currency"])
    return [each for each in found if may(visitor.person, CORRECTIONS[each.what].right, tenant, told["entity"])
            and told["what"] in {"", each.what.value} and (not told["what"] or told["told"] == each.told)]


def _plan(console: Console, request: AnyRequest, told: Mapping[str, str]) -> Plan:
    visitor: Visitor = request.state.visitor
    tenant, entity, of = console.tenant(request), told.get("entity", ""), alike.otherwise(told)
    require(visitor.person, Action.PROPOSE, tenant, entity)
    if of:
        require(visitor.person, CORRECTIONS[of.what].right, tenant, entity)
    return grouping.plan(console.house.store, console.house.profiles[tenant].rules, kind=told.get("kind", ""), legal_entity=entity,
                         currency=told.get("currency", ""), decision=told.get("decision", ""), batch=told.get("batch", ""), of=of,
                         same=alike.same(told))


def _propose(console: Console, request: AnyRequest, told: Mapping[str, str]) -> Response[Any]:
    """Propose what was shown; what is open of the cause and was not is another plan."""
    plan, visitor = _plan(console, request, told), request.state.visitor
    if digest(plan.content) != told.get("shown"):
        message = "what is open of this cause changed since the plan was shown; look at it again and propose that"
        raise NeedsOperator(message)
    made = grouping.ask(console.house.store, console.house.profiles[console.tenant(request)].rules, visitor.person, plan,
                        reason=told.get("reason", ""), now=console.clock.now())
    return done(request, f"/approvals/{made.id}", "proposed")


def _stop(console: Console, request: AnyRequest, number: int) -> Response[Any]:
    proposal, visitor = found(console, request, number), request.state.visitor
    require(visitor.person, Action.PROPOSE, proposal.tenant, proposal.legal_entity)
    grouping.cancel(console.house.store, proposal.tenant, number, actor=visitor.person.actor, now=console.clock.now())
    return done(request, f"/approvals/{number}", "stopped")

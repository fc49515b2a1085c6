"""What would a return come to by the mapping of when its goods were accepted, and what by the present one?"""

import asyncio
from collections.abc import Mapping
from typing import Any

from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler

from backhaul.domain.access import Action
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.trail import digest
from backhaul.entrypoints import rejudging
from backhaul.entrypoints.rejudging import Compared
from backhaul.entrypoints.web.console import Console, done, fields, query
from backhaul.entrypoints.web.door import AnyRequest


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/by-version", action=Action.PROPOSE, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        told, entity, customer = _compared(console, request, query(request, "ref"))
        words = console.words(request, entity, (customer,))
        return console.show(request, "by_version.html", told=told, difference=words(list(told.difference)), legal_entity=entity,
                            sides=[(title, side, words([found["sentence"] for found in side["findings"]]))
                                   for title, side in (("The present mapping", told.present), ("The original mapping", told.original))],
                            shown=digest(told.shown))

    @post("/by-version/propose", action=Action.PROPOSE, status_code=303)
    async def propose(request: AnyRequest) -> Response[Any]:
        return await asyncio.to_thread(_propose, console, request, fields(await request.form(), "ref", "shown", "reason"))

    return [show, propose]


def _compared(console: Console, request: AnyRequest, ref: str) -> tuple[Compared, str, str]:
    """Compare a return about which this person may propose; give its legal entity and customer as well."""
    scope = console.scope(request, Action.PROPOSE)
    with console.house.store.look() as tx:
        kept = tx.cases(scope.tenant, [ref]).get(ref)
    if kept is None or not scope.covers(kept.legal_entity):
        detail = "there is no such return, or none of yours"
        raise NotFoundException(detail)
    told = rejudging.compare(console.house.store, console.house.profiles[scope.tenant].rules,
                             lambda entity: console.erp_of(scope.tenant, entity), ref, now=console.clock.now())
    return told, kept.legal_entity, kept.customer


def _propose(console: Console, request: AnyRequest, told: Mapping[str, str]) -> Response[Any]:
    """Propose what was shown; what would come of it by now and was not shown is looked at again."""
    compared, _, _ = _compared(console, request, told.get("ref", ""))
    if digest(compared.shown) != told.get("shown"):
        message = "what both versions come to changed since it was shown; look at it again and propose that"
        raise NeedsOperator(message)
    tenant = console.tenant(request)
    made = rejudging.propose(console.house.store, console.house.profiles[tenant].rules, compared,
                             proposer=request.state.visitor.person.actor, reason=told.get("reason", ""), now=console.clock.now())
    return done(request, f"/approvals/{made.id}", "proposed")

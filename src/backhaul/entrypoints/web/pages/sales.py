"""Which sale could these goods come from, and why?"""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from backhaul.adapters.sql import views
from backhaul.application import approvals, correct
from backhaul.application.effects import EFFECTS
from backhaul.application.people import require
from backhaul.application.resolve import find_exception
from backhaul.application.seek import Search, as_seen, buyer, days_of, is_unsold, open_search, seek
from backhaul.domain.access import Action, may
from backhaul.domain.candidate import Candidate
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.proposal import ProposalKind
from backhaul.entrypoints.web.console import Console, done, fields, query
from backhaul.entrypoints.web.door import AnyRequest, Visitor
from backhaul.entrypoints.web.walking import MOST


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The sale that was chosen, as the form carries it; whose it is the ERP is asked again, for not everybody who chooses may see it."""

    order: str
    unit_price: str


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/exceptions/{number:int}/sales", action=Action.PROPOSE, sync_to_thread=True)
    def show(request: AnyRequest, number: FromPath[int]) -> Response[str]:
        asked = {name: query(request, name) for name in ("order", "customer", "item", "from", "to")}
        ref, entity, named = _about(console, request, number)
        told = _seek(console, request, number, entity, asked) if any(asked.values()) or named else None
        rows = [(each, msgspec.json.encode(_choice(each)).decode()) for each in told.found] if told else []
        visitor: Visitor = request.state.visitor
        return console.show(request, "sales.html", number=number, carried=query(request, "list", MOST), ref=ref, asked_for=asked, told=told,
                            rows=rows, sees=may(visitor.person, Action.SEE_PERSONAL, console.tenant(request), entity))

    @post("/exceptions/{number:int}/choose", action=Action.PROPOSE, status_code=303)
    async def choose(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
        return await asyncio.to_thread(_choose, console, request, number, fields(await request.form(), "choice", "reason"))

    return [show, choose]


def _about(console: Console, request: AnyRequest, number: int) -> tuple[str, str, str]:
    """Give the return of an open exception that this person may decide about, its legal entity, and its customer if it names one."""
    with console.house.store.read() as connection:
        found = views.open_work(connection, console.scope(request, Action.PROPOSE), number)
    if found is None:
        detail = "there is no such open exception, or none of yours"
        raise NotFoundException(detail)
    ref, tenant = found.case.return_ref, console.tenant(request)
    with console.house.store.look() as tx:
        kept = tx.cases(tenant, [ref]).get(ref)
    rules = console.house.profiles[tenant].rules
    entity = rules.entity((kept.legal_entity if kept else "") or rules.entities[0].id)
    return ref, entity.id, kept.customer if kept and kept.customer != entity.no_customer_account else ""


def _seek(console: Console, request: AnyRequest, number: int, entity: str, asked: Mapping[str, str]) -> Search:
    tenant, visitor = console.tenant(request), request.state.visitor
    rules = console.house.profiles[tenant].rules
    related: tuple[str, ...] = ()
    if asked["customer"]:
        require(visitor.person, Action.SEE_PERSONAL, tenant, entity)
        with console.house.store.read() as connection:
            related = tuple(views.refs_about(connection, console.scope(request), asked["customer"]))
    told = seek(console.house.store, console.erp_of(tenant, entity), rules, rules.entity(entity), number, order=asked["order"],
                customer=asked["customer"], related=related, days=days_of(asked["from"], asked["to"], asked["item"]))
    return as_seen(told, visitor.person, tenant, entity)


def _choice(found: Candidate) -> Choice:
    return Choice(order=found.order, unit_price=format(found.unit_price, "f"))


def _choose(console: Console, request: AnyRequest, number: int, told: Mapping[str, str]) -> Response[Any]:
    """Propose the sale that was chosen: as the match of goods without a return, or as the order of a line that has none or a wrong one."""
    _, entity, named = _about(console, request, number)
    visitor: Visitor = request.state.visitor
    tenant, now, reason = console.tenant(request), console.clock.now(), told.get("reason", "")
    rules, store = console.house.profiles[tenant].rules, console.house.store
    require(visitor.person, Action.PROPOSE, tenant, entity)
    try:
        chosen = msgspec.json.decode(told.get("choice", ""), type=Choice)
    except msgspec.DecodeError as error:
        message = "choose one of the sales that were found"
        raise NeedsOperator(message, about="choice") from error
    with store.look() as tx:
        row = find_exception(tx, tenant, number)
        line = open_search(tx, tenant, row)
    if line is None:
        message = f"exception {number} is about no one line whose sale could be chosen"
        raise NeedsOperator(message)
    if is_unsold(line):
        customer = "" if named else buyer(console.erp_of(tenant, entity), rules.entity(entity), chosen.order)
        content = {"exception": number, "order": chosen.order, "unit_price": chosen.unit_price, "customer": customer}
        made = approvals.propose(store, EFFECTS, rules, ProposalKind.MATCH, content, proposer=visitor.person.actor, reason=reason, now=now)
    else:
        made = correct.ask(store, rules, visitor.person, number, what="order", line_id=line.line_id.split("/")[0], value=chosen.order,
                           reason=reason, now=now)
    return done(request, f"/approvals/{made.id}", "proposed")

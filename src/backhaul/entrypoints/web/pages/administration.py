"""Who may do what, who is signed in, and may writes leave?"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from litestar import Response, get, post
from litestar.handlers import BaseRouteHandler

from backhaul.application import approvals, legal_hold, pausing, people, privacy
from backhaul.application.effects import EFFECTS
from backhaul.application.people import require
from backhaul.application.people_ports import KeptHold, PeopleTx
from backhaul.domain.access import Action, Role
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.proposal import ProposalKind
from backhaul.domain.trail import canonical
from backhaul.entrypoints.web.console import Console, done, fields, query, whole
from backhaul.entrypoints.web.door import AnyRequest


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/administration", action=Action.SEE, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        tenant, everybody = console.tenant(request), console.may(request, Action.SEE_PEOPLE, whole=True)
        with console.house.store.look() as tx:
            paused = [row for row in tx.pauses(tenant) if not row.legal_entity or console.scope(request).covers(row.legal_entity)]
            known = tx.people() if everybody else ()
            grants = tx.grants(tenant) if everybody else ()
            here = {person.number: tx.sessions_of(person.issuer, person.subject) for person in known}
            holds = _holds(console, request, tx) if console.may(request, Action.PROPOSE_ERASURE, whole=True) else ()
        subject = query(request, "subject") if console.may(request, Action.PROPOSE_ERASURE, whole=True) else ""
        return console.show(request, "administration.html", subject=subject, erasing=_erasing(console, tenant, subject), paused=paused,
                            holds=holds, known=known, grants=grants, here_now=here, roles=list(Role),
                            entities=[entity.id for entity in console.house.profiles[tenant].rules.entities])

    @post("/administration/pause", action=Action.PAUSE, status_code=303)
    async def pause(request: AnyRequest) -> Response[Any]:
        return await asyncio.to_thread(_pause, console, request, fields(await request.form(), "legal_entity", "reason"))

    @post("/administration/unpause", action=Action.PAUSE, status_code=303)
    async def unpause(request: AnyRequest) -> Response[Any]:
        told = fields(await request.form(), "pause", "reason")
        return await asyncio.to_thread(_propose, console, request, ProposalKind.UNPAUSE, {"pause": whole(told.get("pause", "")) or 0}, told)

    @post("/administration/grant", action=Action.PROPOSE_GRANT, whole=True, status_code=303)
    async def grant(request: AnyRequest) -> Response[Any]:
        told = fields(await request.form(), "person", "role", "legal_entity", "reason")
        content = {"person": whole(told.get("person", "")) or 0, "role": told.get("role", ""),
                   "entities": [told["legal_entity"]] if told.get("legal_entity") else None}
        if content["role"] not in set(Role):
            message = f"there is no role '{content['role']}'; there are {', '.join(Role)}"
            raise NeedsOperator(message, about="role")
        return await asyncio.to_thread(_propose, console, request, ProposalKind.GRANT, content, told)

    @post("/administration/revoke", action=Action.REVOKE, whole=True, status_code=303)
    async def revoke(request: AnyRequest) -> Response[Any]:
        return await asyncio.to_thread(_revoke, console, request, fields(await request.form(), "grant"))

    @post("/administration/end-session", action=Action.REVOKE, whole=True, status_code=303)
    async def end_session(request: AnyRequest) -> Response[Any]:
        return await asyncio.to_thread(_end_sessions, console, request, fields(await request.form(), "person"))

    return [show, pause, unpause, grant, revoke, end_session, *_about_customers(console)]


def _about_customers(console: Console) -> list[BaseRouteHandler]:
    """Give the routes about what is held of customers."""
    @post("/administration/erase", action=Action.PROPOSE_ERASURE, whole=True, status_code=303)
    async def erase(request: AnyRequest) -> Response[Any]:
        return await asyncio.to_thread(_erase, console, request, fields(await request.form(), "subject", "reason"))

    @post("/administration/hold", action=Action.PROPOSE_ERASURE, whole=True, status_code=303)
    async def hold(request: AnyRequest) -> Response[Any]:
        return await asyncio.to_thread(_hold, console, request, fields(await request.form(), "subject", "reason"))

    @post("/administration/release", action=Action.PROPOSE_ERASURE, whole=True, status_code=303)
    async def release(request: AnyRequest) -> Response[Any]:
        told = fields(await request.form(), "hold", "reason")
        return await asyncio.to_thread(_propose, console, request, ProposalKind.RELEASE, {"hold": whole(told.get("hold", "")) or 0}, told)

    @get("/administration/personal-data", action=Action.EXPORT_PERSONAL, whole=True, sync_to_thread=True)
    def give_personal(request: AnyRequest) -> Response[bytes]:
        rules = console.house.profiles[console.tenant(request)].rules
        told = privacy.export(console.house.store, rules, query(request, "subject"))
        return Response(canonical(told), media_type="application/json",
                        headers={"content-disposition": 'attachment; filename="personal-data.json"'})

    return [erase, hold, release, give_personal]


def _erasing(console: Console, tenant: str, subject: str) -> Mapping[str, Any]:
    """Say what an erasure would come to, in numbers, or what is in its way."""
    told: dict[str, Any] = {"state": None, "stopped": ""}
    if not subject:
        return told
    rules = console.house.profiles[tenant].rules
    try:
        content = privacy.content_of(console.house.store, rules, privacy.returns_of(console.house.store, rules, subject))
        with console.house.store.look() as tx:
            return told | {"state": EFFECTS[ProposalKind.ERASE].looks(tx, rules, content).state}
    except NeedsOperator as stopped:
        return told | {"stopped": str(stopped)}


def _erase(console: Console, request: AnyRequest, told: Mapping[str, str]) -> Response[Any]:
    rules = console.house.profiles[console.tenant(request)].rules
    refs = privacy.returns_of(console.house.store, rules, told.get("subject", ""))
    content = privacy.content_of(console.house.store, rules, refs)
    return _propose(console, request, ProposalKind.ERASE, content, told)


def _holds(console: Console, request: AnyRequest, tx: PeopleTx) -> list[KeptHold]:
    """Give the legal holds that stand, with their reasons as this person may read them."""
    found = tx.holds(console.tenant(request))
    cases = tx.cases(console.tenant(request), {ref for each in found for ref in each.returns})
    return [replace(each, reason=console.words(request, "", {cases[ref].customer for ref in each.returns if ref in cases})(each.reason))
            for each in found]


def _hold(console: Console, request: AnyRequest, told: Mapping[str, str]) -> Response[Any]:
    tenant, person = console.tenant(request), request.state.visitor.person
    rules = console.house.profiles[tenant].rules
    refs = privacy.returns_of(console.house.store, rules, told.get("subject", ""))
    legal_hold.place(console.house.store, rules, refs, actor=person.actor, reason=told.get("reason", ""), now=console.clock.now())
    return done(request, "/administration", "held")


def _pause(console: Console, request: AnyRequest, told: Mapping[str, str]) -> Response[Any]:
    tenant, person = console.tenant(request), request.state.visitor.person
    require(person, Action.PAUSE, tenant, told.get("legal_entity", ""))
    pausing.pause(console.house.store, console.house.profiles[tenant].rules, told.get("legal_entity", ""), actor=person.actor,
                  reason=told.get("reason", ""), now=console.clock.now())
    return done(request, "/administration", "paused")


def _propose(console: Console, request: AnyRequest, kind: ProposalKind, content: Mapping[str, Any],
             told: Mapping[str, str]) -> Response[Any]:
    tenant, person = console.tenant(request), request.state.visitor.person
    made = approvals.propose(console.house.store, EFFECTS, console.house.profiles[tenant].rules, kind, content, proposer=person.actor,
                             reason=told.get("reason", ""), now=console.clock.now())
    return done(request, f"/approvals/{made.id}", "proposed")


def _revoke(console: Console, request: AnyRequest, told: Mapping[str, str]) -> Response[Any]:
    people.revoke(console.house.store, console.tenant(request), whole(told.get("grant", "")) or 0,
                  actor=request.state.visitor.person.actor, now=console.clock.now())
    return done(request, "/administration", "revoked")


def _end_sessions(console: Console, request: AnyRequest, told: Mapping[str, str]) -> Response[Any]:
    """End every session of somebody who has a role in this tenant."""
    people.end_sessions(console.house.store, console.tenant(request), whole(told.get("person", "")) or 0,
                        actor=request.state.visitor.person.actor, now=console.clock.now())
    return done(request, "/administration", "ended")

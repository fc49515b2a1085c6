"""May a month be called closed: what do its lists say, who signed them, and what moved since?

A list is signed as it is shown. The reviewer proves who they are once more before they sign.
"""

import asyncio
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from backhaul.application import close, close_ahead
from backhaul.domain.access import Action
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.signature import ITEMS, Signer, may_sign
from backhaul.entrypoints import valuing
from backhaul.entrypoints.packing import TYPES, archive, archived, made
from backhaul.entrypoints.web.console import Console, done, fields, query
from backhaul.entrypoints.web.door import AnyRequest, Visitor, prove_anew


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/close", action=Action.SEE, whole=True, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        tenant, visitor, now = console.tenant(request), request.state.visitor, console.clock.now()
        rules, period = console.house.profiles[tenant].rules, query(request, "period") or _before(console, tenant)
        if not rules.knows(period):
            detail = "a month is written as 2026-10"
            raise NotFoundException(detail)
        months = [close.status(console.house.store, _close(console, tenant, period, entity.id), now) for entity in rules.having(period)]
        mine = {(month.legal_entity, signer) for month in months for signer in Signer
                if may_sign(visitor.person, signer, tenant, month.legal_entity)}
        with console.house.store.look() as tx:
            packed, kept = bool(tx.proofs(tenant, period, limit=1)), archived(tx, tenant, period)
        coming = close_ahead.ahead(console.house.store, rules, period, now)
        return console.show(request, "close.html", coming=coming, period=period, months=months, mine=mine, packed=packed, kept=kept,
                            figured=valuing.kept(console.house.store, tenant, period) is not None,
                            means={item.name: item.means for item in ITEMS})

    @post("/close/sign", action=Action.SIGN, whole=True, status_code=303)
    async def sign(request: AnyRequest) -> Response[Any]:
        return await asyncio.to_thread(_sign, console, request, fields(await request.form(), "period", "entity", "signer", "shown"))

    @get("/close-pack/{name:str}", action=Action.SEE_TRAIL, whole=True, sync_to_thread=True)
    def download(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
        period, _, kind = name.rpartition(".")
        rules = console.house.profiles[console.tenant(request)].rules
        if kind not in TYPES or not rules.knows(period):
            detail = "a pack is called as its month, and is .xlsx or .pdf"
            raise NotFoundException(detail)
        content = made(console.house.store, rules, period, kind)
        return Response(content, media_type=TYPES[kind], headers={"content-disposition": f'attachment; filename="close-{name}"'})

    @post("/close/archive", action=Action.SIGN, also=Action.SEE_TRAIL, whole=True, status_code=303)
    async def put_away(request: AnyRequest) -> Response[Any]:
        return await asyncio.to_thread(_archive, console, request, fields(await request.form(), "period"))

    return [show, sign, download, put_away]


def _sign(console: Console, request: AnyRequest, told: Mapping[str, str]) -> Response[Any]:
    visitor: Visitor = request.state.visitor
    period, signer, now = told.get("period", ""), told.get("signer", ""), console.clock.now()
    if signer not in set(Signer) or not console.house.profiles[console.tenant(request)].rules.knows(period):
        message = f"say which list of which month is signed; got '{signer[:20]}' of '{period[:20]}'"
        raise NeedsOperator(message)
    if signer == Signer.REVIEWER and not visitor.is_fresh(now):
        return prove_anew("/close")
    close.sign_as(console.house.store, _close(console, console.tenant(request), period, told.get("entity", "")), visitor.person,
                  Signer(signer), shown=told.get("shown", ""), now=now)
    answer = done(request, "/close", "signed")
    answer.headers["location"] += f"&period={period}"
    return answer


def _archive(console: Console, request: AnyRequest, told: Mapping[str, str]) -> Response[Any]:
    """Put a month's pack into the archive, and its hashes into the trail."""
    rules, visitor, period = console.house.profiles[console.tenant(request)].rules, request.state.visitor, told.get("period", "")
    if not rules.knows(period):
        message = f"say the pack of which month is archived; got '{period[:20]}'"
        raise NeedsOperator(message)
    archive(console.house.store, rules, period, state_dir=console.house.state_dir, actor=visitor.person.actor, now=console.clock.now())
    answer = done(request, "/close", "archived")
    answer.headers["location"] += f"&period={period}"
    return answer


def _close(console: Console, tenant: str, period: str, legal_entity: str) -> close.Close:
    profile = console.house.profiles[tenant]
    return close.Close(rules=profile.rules, period=period, legal_entity=legal_entity, sources=[each.name for each in profile.sources])


def _before(console: Console, tenant: str) -> str:
    """Name the period before this one, as the first legal entity's clock and calendar say."""
    first = console.house.profiles[tenant].rules.entities[0]
    return first.calendar.over(console.clock.now().astimezone(ZoneInfo(first.zone)).date())

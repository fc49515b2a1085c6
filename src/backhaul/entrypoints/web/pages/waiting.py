"""Who is not credited, since when and why, and what can they be told?"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any

from litestar import Response, get, post
from litestar.handlers import BaseRouteHandler

from backhaul.adapters.sql import lists, views
from backhaul.application import casework
from backhaul.domain.access import Action
from backhaul.domain.errors import NeedsOperator
from backhaul.entrypoints.web.console import Console, done, fields, mark, marked, query
from backhaul.entrypoints.web.door import AnyRequest, Visitor


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/waiting", action=Action.SEE, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        asked, at, scope = query(request, "who"), marked(request), console.scope(request)
        store, rules, now, after = console.house.store, console.house.profiles[scope.tenant].rules, console.clock.now(), None
        if asked:
            with store.read() as connection:
                refs = views.refs_about(connection, scope, asked)
            found = casework.not_credited(store, rules, scope, refs, now)
        else:
            found, after = casework.waiting(store, rules, scope, now, after=at, limit=lists.PAGE)
        return console.show(request, "waiting.html", found=found, who_is=asked, first=at is None, after=mark(*after) if after else "")

    @post("/waiting/promise", action=Action.PROMISE, status_code=303)
    async def promise(request: AnyRequest) -> Response[Any]:
        return await asyncio.to_thread(_promise, console, request, fields(await request.form(), "ref", "text", "due"))

    return [show, promise]


def _promise(console: Console, request: AnyRequest, told: Mapping[str, str]) -> Response[Any]:
    """Record what a customer was told; the day they were told of ends at midnight UTC."""
    visitor: Visitor = request.state.visitor
    try:
        due = datetime.combine(datetime.strptime(told.get("due", ""), "%Y-%m-%d").date(), time(23, 59, 59), UTC)  # noqa: DTZ007  a day
    except ValueError:
        message = f"a promise says until which day, as 2026-11-30; got '{told.get('due', '')[:20]}'"
        raise NeedsOperator(message) from None
    casework.promise(console.house.store, console.scope(request, Action.PROMISE), told.get("ref", ""), text=told.get("text", ""),
                     due_at=due, actor=visitor.person.actor, now=console.clock.now())
    return done(request, "/waiting", "promised")

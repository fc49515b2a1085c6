"""Who is not credited, since when and why, and what can they be told?"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any, Final

from litestar import Response, get, post
from litestar.handlers import BaseRouteHandler

from backhaul.adapters.sql import lists, views
from backhaul.application import casework
from backhaul.domain.access import Action
from backhaul.domain.errors import NeedsOperator
from backhaul.entrypoints.web.console import Console, done, fields, mark, marked, query, whole
from backhaul.entrypoints.web.door import AnyRequest, Visitor

PAST: Final = "past"
PROMISES: Final = {"made": "Promised", PAST: "Promise past"}
"""To which promises the list can be narrowed; the last one about a return counts."""


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/waiting", action=Action.SEE, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        asked, at, scope = query(request, "who"), marked(request), console.scope(request)
        store, rules, now = console.house.store, console.house.profiles[scope.tenant].rules, console.clock.now()
        only, after = promise_asked(request), None
        if asked:
            found: Sequence[casework.Waiting] = about(console, request, asked)
        elif only:
            found, last = promised(console, request, after=(at[0], whole(at[1]) or 0) if at else None, limit=lists.PAGE)
            after = (last[0], str(last[1])) if last else None
        else:
            found, after = casework.waiting(store, rules, scope, now, after=at, limit=lists.PAGE)
        return console.show(request, "waiting.html", found=found, who_is=asked, only=only, promises=PROMISES, first=at is None,
                            after=mark(*after) if after else "")

    @post("/waiting/promise", action=Action.PROMISE, status_code=303)
    async def promise(request: AnyRequest) -> Response[Any]:
        return await asyncio.to_thread(_promise, console, request, fields(await request.form(), "ref", "text", "due"))

    return [show, promise]


def promise_asked(request: AnyRequest) -> str:
    """Give to which promises the list is narrowed; empty where it is to none."""
    asked = query(request, "promise")
    return asked if asked in PROMISES else ""


def about(console: Console, request: AnyRequest, asked: str) -> list[casework.Waiting]:
    """Give who waits and is called so, or has such a return, order or parcel; narrowed to promises as the request asks."""
    scope, now, only = console.scope(request), console.clock.now(), promise_asked(request)
    store, rules = console.house.store, console.house.profiles[scope.tenant].rules
    with store.read() as connection:
        refs = views.refs_about(connection, scope, asked)
    return [each for each in casework.not_credited(store, rules, scope, refs, now)
            if not only or (each.promises and (only != PAST or each.promises[-1].due_at < now))]


def promised(console: Console, request: AnyRequest, *, after: tuple[datetime, int] | None,
             limit: int) -> tuple[list[casework.Waiting], tuple[datetime, int] | None]:
    """Give the next of who waits and was promised something, by when it was promised for, and behind what those after them begin.

    A return that needs no answer any more is passed over: no page is empty above one that is not.
    """
    scope, reach, now = console.scope(request), console.reach(request), console.clock.now()
    store, rules = console.house.store, console.house.profiles[scope.tenant].rules
    while True:
        with store.read() as connection:
            said = lists.promised(connection, reach, past=now if promise_asked(request) == PAST else None, after=after, limit=limit + 1)
        refs = [ref for _, _, ref in said[:limit]]
        found = sorted(casework.not_credited(store, rules, scope, refs, now), key=lambda each: refs.index(each.ref))
        after = said[limit - 1][:2] if len(said) > limit else None
        if found or after is None:
            return found, after


def _promise(console: Console, request: AnyRequest, told: Mapping[str, str]) -> Response[Any]:
    """Record what a customer was told; the day they were told of ends at midnight UTC."""
    visitor: Visitor = request.state.visitor
    try:
        due = datetime.combine(datetime.strptime(told.get("due", ""), "%Y-%m-%d").date(), time(23, 59, 59), UTC)  # noqa: DTZ007  a day
    except ValueError:
        message = f"a promise says until which day, as 2026-11-30; got '{told.get('due', '')[:20]}'"
        raise NeedsOperator(message, about="due") from None
    casework.promise(console.house.store, console.scope(request, Action.PROMISE), told.get("ref", ""), text=told.get("text", ""),
                     due_at=due, actor=visitor.person.actor, now=console.clock.now())
    return done(request, "/waiting", "promised")

"""Which programs act for me, and what may they do?"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from secrets import token_urlsafe
from typing import Any

from litestar import Response, get, post
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from backhaul.application import people
from backhaul.domain.access import APPROVING, Action, scope
from backhaul.domain.errors import NeedsOperator
from backhaul.entrypoints.web.console import Console, done, fields, whole
from backhaul.entrypoints.web.door import AnyRequest, Visitor, prove_anew

MAY = "may "
"""How the box of an action is named."""


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/tokens", action=Action.OWN_TOKENS, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        return _page(console, request)

    @post("/tokens/make", action=Action.OWN_TOKENS, status_code=200)
    async def issue(request: AnyRequest) -> Response[Any]:
        told = fields(await request.form(), "name", "days", *(MAY + action.value for action in Action))
        return await asyncio.to_thread(_issue, console, request, told)

    @post("/tokens/{number:int}/end", action=Action.OWN_TOKENS, status_code=303)
    async def end(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
        fields(await request.form())
        return await asyncio.to_thread(_end, console, request, number)

    return [show, issue, end]


def _page(console: Console, request: AnyRequest, *, token: str = "") -> Response[str]:
    visitor: Visitor = request.state.visitor
    with console.house.store.look() as tx:
        mine = tx.tokens(visitor.person.number)
    return console.show(request, "tokens.html", address="/tokens", mine=mine, able=_able(console, request), approving=APPROVING,
                        token=token, fresh=visitor.is_fresh(console.clock.now()), longest=people.LONGEST.days,
                        longest_approving=people.LONGEST_APPROVING)


def _able(console: Console, request: AnyRequest) -> list[Action]:
    """Give what a token of whoever asks could do."""
    return [action for action in Action if scope(request.state.visitor.person, action, console.tenant(request))]


def _issue(console: Console, request: AnyRequest, told: Mapping[str, str]) -> Response[Any]:
    """Make a token and show it, for the only time; it is kept as a hash."""
    visitor, now = request.state.visitor, console.clock.now()
    if not visitor.is_fresh(now):
        return prove_anew("/tokens")
    scopes = {Action(name.removeprefix(MAY)) for name in told if name.startswith(MAY)}
    if beyond := scopes - set(_able(console, request)):
        message = f"your roles do not allow {', '.join(sorted(action.value for action in beyond))}, so no token of yours can"
        raise NeedsOperator(message)
    hours = people.LONGEST_APPROVING if APPROVING & scopes else timedelta(days=whole(told.get("days", "")) or 0)
    token = people.issue_token(console.house.store, visitor.person, name=told.get("name", ""), scopes=scopes, lasts=hours,
                               secret=token_urlsafe(32), now=now)
    return _page(console, request, token=token)


def _end(console: Console, request: AnyRequest, number: int) -> Response[Any]:
    person = request.state.visitor.person
    with console.house.store.look() as tx:
        if all(row.id != number for row in tx.tokens(person.number)):
            message = f"there is no token {number} of yours"
            raise NeedsOperator(message)
    people.revoke_token(console.house.store, person.number, number, actor=person.actor, now=console.clock.now())
    return done(request, "/tokens", "token-ended")

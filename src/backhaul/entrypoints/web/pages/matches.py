"""Which credits, receipts and payments could be those of which lines, which are, as people confirmed, and what shall be proposed?

Shown for the legal entities somebody may see, proposed for those they may propose for, and only as it was shown.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler

from backhaul.adapters.sql import proofs
from backhaul.adapters.sql.lists import PAGE
from backhaul.application import approvals
from backhaul.application.effects import EFFECTS
from backhaul.domain.access import Action, scope as scope_of
from backhaul.domain.entry import Side
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.pairing import Rule
from backhaul.domain.proposal import ProposalKind
from backhaul.entrypoints import joining
from backhaul.entrypoints.web.console import Console, done, fields, query, whole
from backhaul.entrypoints.web.door import AnyRequest

RULES: Final[Mapping[tuple[str, str], str]] = {
    (Side.CREDIT.value, Rule.ONE_TO_ONE.value): "One credit is like one line: units and net amount are the same.",
    (Side.CREDIT.value, Rule.ONE_TO_MANY.value): "One credit is exactly what several lines come to.",
    (Side.CREDIT.value, Rule.MANY_TO_ONE.value): "Several credits come to exactly what one line waits for.",
    (Side.STOCK.value, Rule.ONE_TO_ONE.value): "One receipt is like one line: item and units are the same.",
    (Side.STOCK.value, Rule.ONE_TO_MANY.value): "One receipt brought in exactly the units of several lines.",
    (Side.STOCK.value, Rule.MANY_TO_ONE.value): "Several receipts brought in exactly the units one line waits for.",
    (Side.PAYMENT.value, Rule.ONE_TO_ONE.value): "One payment is exactly what one claim is owed.",
}
"""By which rule a record is suggested, in plain words."""


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/proof/match", action=Action.SEE, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        allowed, store = console.scope(request), console.house.store
        first, older = whole(query(request, "after")) or 0, whole(query(request, "older")) or 0
        with store.read() as connection, store.look() as tx:
            months = proofs.latest(connection, allowed.tenant)
            period = query(request, "period") or (months[0].period if months else "")
            told, confirmed = joining.offered(tx, allowed, period), joining.confirmed(tx, connection, allowed)
            shown = told.offers[first:first + PAGE]
            days = joining.accepted_on(tx, console.house.profiles[allowed.tenant].rules, shown)
        if query(request, "period") and period not in {month.period for month in months}:
            detail = "this month was never proved"
            raise NotFoundException(detail)
        able = scope_of(request.state.visitor.person, Action.PROPOSE, allowed.tenant)
        return console.show(
            request, "matches.html", period=period, offers=shown, count=len(told.offers), given_up=told.given_up, days=days, rules=RULES,
            first=not first, after=str(first + PAGE) if told.offers[first + PAGE:] else "",
            confirmed=confirmed[older:older + PAGE], newer=older > 0, older=str(older + PAGE) if confirmed[older + PAGE:] else "",
            able=lambda entity: able is not None and able.covers(entity),
            words=lambda entity, text: console.words(request, entity)(text))

    @post("/proof/match/propose", action=Action.PROPOSE, status_code=303)
    async def propose(request: AnyRequest) -> Response[Any]:
        return await asyncio.to_thread(_propose, console, request, fields(await request.form(), "period", "key", "shown", "reason"))

    @post("/proof/match/revoke", action=Action.PROPOSE, status_code=303)
    async def revoke(request: AnyRequest) -> Response[Any]:
        return await asyncio.to_thread(_revoke, console, request, fields(await request.form(), "match", "reason"))

    return [show, propose, revoke]


def _propose(console: Console, request: AnyRequest, told: Mapping[str, str]) -> Response[Any]:
    """Propose what was shown; what is suggested otherwise by now is looked at again."""
    with console.house.store.look() as tx:
        content = joining.chosen(tx, console.scope(request, Action.PROPOSE), told.get("period", ""), told.get("key", ""),
                                 told.get("shown", ""))
    return _ask(console, request, ProposalKind.PAIR, content, told.get("reason", ""))


def _revoke(console: Console, request: AnyRequest, told: Mapping[str, str]) -> Response[Any]:
    allowed, number = console.scope(request, Action.PROPOSE), whole(told.get("match", ""))
    with console.house.store.look() as tx:
        if not any(each.id == number and allowed.covers(each.legal_entity) for each in tx.matches(allowed.tenant)):
            message = "no match of this number stands any more, or none of yours"
            raise NeedsOperator(message)
    return _ask(console, request, ProposalKind.UNPAIR, {"match": number}, told.get("reason", ""))


def _ask(console: Console, request: AnyRequest, kind: ProposalKind, content: Mapping[str, Any], reason: str) -> Response[Any]:
    made = approvals.propose(console.house.store, EFFECTS, console.house.profiles[console.tenant(request)].rules, kind, content,
                             proposer=request.state.visitor.person.actor, reason=reason, now=console.clock.now())
    return done(request, f"/approvals/{made.id}", "proposed")

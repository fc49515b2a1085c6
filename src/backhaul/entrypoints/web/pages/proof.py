"""Do goods, stock, credit and ledger of a month agree, and where not, which line of which return is it?

Three clicks lead from a balance to what the platform sent: its class, its line on the page of the return, and there the message. A proof
is about all legal entities of a tenant together, so it is shown to who may see all of them.
"""

import asyncio
from typing import Any
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from backhaul.adapters.sql import proofs, statements
from backhaul.adapters.sql.lists import PAGE
from backhaul.application.state import AVAILABILITY
from backhaul.application.summon import MEMORY as WANTED, summon
from backhaul.domain.access import Action
from backhaul.domain.discrepancy import CLASSES, Level
from backhaul.entrypoints.web.console import Console, done, fields, query, whole
from backhaul.entrypoints.web.door import AnyRequest

WAITS = {
    "ERP_AWAITED": "The ERP shows nothing of it yet, and it is not late.",
    "CREDIT_AWAITED": "The units are stock; the credit note is not late yet.",
    "JOB_AWAITED": "A draft waits for the ERP's own job.",
    "REST_AWAITED": "A part of it is there; the rest is not late yet.",
    "DECISION_AWAITED": "An open exception holds it for a person.",
    "NOTE_AWAITED": "The customer is paid; the credit note is not late yet.",
    "PAYOUT_AWAITED": "It is credited; the payment is not late yet.",
    "PAYOUT_PENDING": "The provider works on the payment.",
}
"""What a line in timing waits for."""
WITHIN, EVERY = "WITHIN_TOLERANCE", "NOT_PROVED"
"""Under this name stand the differences that tolerances let go."""


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/proof", action=Action.SEE, whole=True, sync_to_thread=True)
    def show_month(request: AnyRequest) -> Response[str]:
        tenant, period = console.tenant(request), query(request, "period")
        with console.house.store.read() as connection:
            months = proofs.latest(connection, tenant)
            shown = next((month for month in months if month.period == period), months[0] if months and not period else None)
            runs = proofs.runs(connection, tenant, shown.period, limit=10) if shown else []
        with console.house.store.look() as tx:
            asked = tx.recall(tenant, WANTED)
        if period and shown is None:
            detail = "this month was never proved"
            raise NotFoundException(detail)
        return console.show(request, "proof.html", months=months, shown=shown, runs=runs, classes=CLASSES, waits=WAITS,
                            asked=asked, month=_current(console, tenant))

    @get("/proof/{period:str}/{kind:str}", action=Action.SEE, whole=True, sync_to_thread=True)
    def show_class(request: AnyRequest, period: FromPath[str], kind: FromPath[str]) -> Response[str]:
        tenant, first = console.tenant(request), whole(query(request, "after")) or 0
        of_house = kind in CLASSES and CLASSES[kind].level is Level.HOUSE
        with console.house.store.read() as connection:
            found: list[Any] = [*proofs.within(connection, tenant, period, row=query(request, "row"))] if kind == WITHIN else [
                each for each in proofs.strays(connection, tenant, period) if each.standing != "timing"] if kind == EVERY else [
                *(proofs.house if of_house else proofs.strays)(connection, tenant, period, kind=kind)]
        if not found:
            detail = "the last proof of this month found no such line"
            raise NotFoundException(detail)
        rest = found[first + PAGE:]
        page = "proof_within.html" if kind == WITHIN else "proof_house.html" if of_house else "proof_class.html"
        return console.show(request, page, period=period, kind=kind,
                            found=found[first:first + PAGE], count=len(found), first=not first, after=str(first + PAGE) if rest else "",
                            known=CLASSES.get(kind), waits=WAITS.get(kind, "") if kind != EVERY else "What the balances come from.")

    @get("/availability", action=Action.SEE, whole=True, sync_to_thread=True)
    def show_availability(request: AnyRequest) -> Response[str]:
        tenant, first = console.tenant(request), whole(query(request, "after")) or 0
        with console.house.store.read() as connection:
            latest = statements.latest(connection, tenant, AVAILABILITY)
            found = statements.differing(connection, tenant, after=first, limit=PAGE + 1)
            counts = statements.counts(connection, tenant)
        return console.show(request, "availability.html", latest=latest[0] if latest else None, counts=counts, found=found[:PAGE],
                            first=not first, after=str(first + PAGE) if len(found) > PAGE else "")

    @post("/proof/now", action=Action.PROVE, whole=True, status_code=303)
    async def prove_now(request: AnyRequest) -> Response[Any]:
        told = fields(await request.form(), "period")
        return await asyncio.to_thread(_summon, console, request, told.get("period", ""))

    return [show_month, show_class, show_availability, prove_now]


def _current(console: Console, tenant: str) -> str:
    """Name the current period, as the first legal entity's clock and calendar say."""
    first = console.house.profiles[tenant].rules.entities[0]
    return first.calendar.period_of(console.clock.now().astimezone(ZoneInfo(first.zone)).date())


def _summon(console: Console, request: AnyRequest, period: str) -> Response[Any]:
    tenant = console.tenant(request)
    summon(console.house.store, console.house.profiles[tenant].rules, period, actor=request.state.visitor.person.actor,
           now=console.clock.now())
    return done(request, "/proof", "proving")

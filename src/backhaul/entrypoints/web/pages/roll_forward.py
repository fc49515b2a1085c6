"""What is paid or received and not credited, how did it come to that, and does the account say the same?

Shown as the last proof of the month kept it: a look asks every ERP, and a page must not. Three clicks lead from a balance to what the
platform sent: its lines, the page of the return, and there the message. Shown to who may see every legal entity, as the proof is.
"""

from collections.abc import Sequence
from typing import cast
from zoneinfo import ZoneInfo

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler

from backhaul.adapters.sql import proofs
from backhaul.adapters.sql.lists import PAGE
from backhaul.application.claims import Uncredited, claims, uncredited
from backhaul.application.payment_ports import PaymentStore
from backhaul.domain.access import Action
from backhaul.domain.fiscal_calendar import MONTHS
from backhaul.domain.roll_forward import AGES, NAMES, OLDEST, CellLine, Flow, Rolled, RollForward, Whose, lines_under
from backhaul.entrypoints import valuing
from backhaul.entrypoints.rolling import kept
from backhaul.entrypoints.web.console import Console, query, whole
from backhaul.entrypoints.web.door import AnyRequest

TITLES = {Flow.PAID: "Paid, not credited, at gross", Flow.RECEIVED: "Received, not credited, at cost"}


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/roll-forward", action=Action.SEE, whole=True, sync_to_thread=True)
    def show_roll_forward(request: AnyRequest) -> Response[str]:
        period, rolled, months = found(console, request)
        if period and rolled is None and query(request, "period"):
            detail = "no proof of this month rolled anything forward"
            raise NotFoundException(detail)
        parts = [(flow, TITLES[flow], NAMES[flow], [row for row in rolled.rows if row.flow is flow] if rolled else [])
                 for flow in (Flow.PAID, Flow.RECEIVED)]
        figured = valuing.kept(console.house.store, console.tenant(request), period) is not None
        return console.show(request, "roll_forward.html", period=period, rolled=rolled, months=months, parts_of=parts, figured=figured,
                            ages=(*AGES, OLDEST))

    @get("/roll-forward/lines", action=Action.SEE, whole=True, sync_to_thread=True)
    def show_lines(request: AnyRequest) -> Response[str]:
        period, row, cell, told = asked_for(console, request)
        if row is None:
            detail = "the last proof of this month has no such figure"
            raise NotFoundException(detail)
        first = whole(query(request, "after")) or 0
        return console.show(request, "roll_forward_lines.html", period=period, row=row, cell=cell, title=TITLES[row.flow], count=len(told),
                            lines=told[first:first + PAGE], first=not first, after=str(first + PAGE) if told[first + PAGE:] else "")

    @get("/roll-forward/uncredited", action=Action.SEE, whole=True, sync_to_thread=True)
    def show_uncredited(request: AnyRequest) -> Response[str]:
        period, until, told = unanswered(console, request)
        first = whole(query(request, "after")) or 0
        return console.show(request, "uncredited.html", period=period, until=until, count=len(told), lines=told[first:first + PAGE],
                            first=not first, after=str(first + PAGE) if told[first + PAGE:] else "")

    return [show_roll_forward, show_lines, show_uncredited]


def unanswered(console: Console, request: AnyRequest) -> tuple[str, str, list[Uncredited]]:
    """Give the VAT period that is asked for, by its first and its last month, and its payments that no credit note answers."""
    rules = console.house.profiles[console.tenant(request)].rules
    here = console.clock.now().astimezone(ZoneInfo(rules.entities[0].zone)).date()
    period = query(request, "period") or MONTHS.period_of(here)
    until = max(query(request, "until") or period, period)
    if not (MONTHS.has(period) and MONTHS.has(until)):
        detail = "a month is written as 2026-10"
        raise NotFoundException(detail)
    return period, until, [*uncredited(claims(payments_of(console), rules), MONTHS.first(period), MONTHS.last(until))]


def found(console: Console, request: AnyRequest) -> tuple[str, Rolled | None, list[str]]:
    """Give the month that is asked for, or the latest that was rolled, with what its last proof kept, and all months that were proved."""
    tenant, asked = console.tenant(request), query(request, "period")
    with console.house.store.read() as connection:
        months = [month.period for month in proofs.latest(connection, tenant) if month.figures.get("roll_forward")]
    period = asked or (months[0] if months else "")
    return period, kept(console.house.store, tenant, period) if period in months else None, months


def asked_for(console: Console, request: AnyRequest) -> tuple[str, RollForward | None, str, Sequence[CellLine]]:
    """Give the row and the figure a request names, with their month and the lines under it; no row where there is no such figure."""
    period, rolled, _ = found(console, request)
    row, cell = _row(request, rolled), query(request, "cell")
    if rolled is None or row is None or cell not in {*NAMES[row.flow], "opening", "closing", "balance", "beside", *AGES, OLDEST}:
        return period, None, cell, ()
    return period, row, cell, lines_under(rolled, row.flow, row.whose, cell)


def payments_of(console: Console) -> PaymentStore:
    """Give the store as one that knows payments as well as people; the house has only one."""
    return cast("PaymentStore", console.house.store)


def _row(request: AnyRequest, rolled: Rolled | None) -> RollForward | None:
    """Find the row a request names by its flow and whose it is."""
    whose = Whose(entity=query(request, "entity"), brand=query(request, "brand"), warehouse=query(request, "warehouse"),
                  currency=query(request, "currency"))
    return next((row for row in (rolled.rows if rolled else ()) if (row.flow.value, row.whose) == (query(request, "flow"), whose)), None)

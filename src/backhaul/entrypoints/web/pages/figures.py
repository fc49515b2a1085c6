"""What is returned stock worth, and what is owed for returns that nobody credited yet?

Shown as the last proof of the month found it. Under each figure are its lines, from which the page of the return leads to the message as
it came. Shown to who may see every legal entity, as the roll-forward is.
"""

from collections.abc import Sequence

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler

from backhaul.adapters.sql import proofs
from backhaul.adapters.sql.lists import PAGE
from backhaul.domain.access import Action
from backhaul.domain.roll_forward import Whose
from backhaul.domain.valuation import METHOD, Figures, Owing, Returned, liabilities, valued
from backhaul.entrypoints.valuing import kept
from backhaul.entrypoints.web.console import Console, query, whole
from backhaul.entrypoints.web.door import AnyRequest


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/figures", action=Action.SEE, whole=True, sync_to_thread=True)
    def show_figures(request: AnyRequest) -> Response[str]:
        period, figures = found(console, request)
        if figures is None and query(request, "period"):
            detail = "no proof of this month told what returned goods are worth"
            raise NotFoundException(detail)
        return console.show(
            request, "figures.html", period=period, figures=figures, method=METHOD,
            returned=valued(figures.returned, figures.policy) if figures else (),
            owed=liabilities(figures.owing, figures.policy) if figures else ())

    @get("/figures/lines", action=Action.SEE, whole=True, sync_to_thread=True)
    def show_lines(request: AnyRequest) -> Response[str]:
        period, told = asked_for(console, request)
        if not told:
            detail = "the last proof of this month has no such figure"
            raise NotFoundException(detail)
        first = whole(query(request, "after")) or 0
        return console.show(request, "figures_lines.html", period=period, count=len(told), lines=told[first:first + PAGE], first=not first,
                            after=str(first + PAGE) if told[first + PAGE:] else "")

    return [show_figures, show_lines]


def found(console: Console, request: AnyRequest) -> tuple[str, Figures | None]:
    """Give the month that is asked for, or the latest of which figures were kept, with these."""
    tenant, asked = console.tenant(request), query(request, "period")
    if asked:
        return asked, kept(console.house.store, tenant, asked)
    with console.house.store.read() as connection:
        months = [month.period for month in proofs.latest(connection, tenant) if month.figures.get("roll_forward")]
    return (months[0], kept(console.house.store, tenant, months[0])) if months else ("", None)


def asked_for(console: Console, request: AnyRequest) -> tuple[str, Sequence[Returned | Owing]]:
    """Give the lines of the figure a request names by its class and whose it is, with their month; none where there is no such figure."""
    period, figures = found(console, request)
    if figures is None:
        return period, ()
    return period, lines(figures, query(request, "kind"), query(request, "where"), Whose(
        entity=query(request, "entity"), brand=query(request, "brand"), warehouse=query(request, "warehouse"),
        currency=query(request, "currency")))


def lines(figures: Figures, kind: str, where: str, whose: Whose) -> list[Returned | Owing]:
    """Give what one row is made of: of returned stock by its class, of refunds by how far they have come; the oldest first."""
    mine: list[Returned | Owing] = [each for each in figures.returned if each.kind == kind and each.whose == whose] if kind else [
        each for each in figures.owing if each.where == where and each.whose == whose]
    return sorted(mine, key=lambda each: (each.day if isinstance(each, Returned) else each.since, each.return_ref, each.line_id))

"""Which journals may finance want to post for a month, and which of them stand in the ledger already?

Nothing is posted from here: the lines leave as a file in the shape of the ERP they go to. Shown to who may see every legal entity.
"""

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from backhaul.domain.access import Action
from backhaul.entrypoints.journaling import proposed, sheets, written
from backhaul.entrypoints.packing import TYPES
from backhaul.entrypoints.web.console import Console, query
from backhaul.entrypoints.web.door import AnyRequest
from backhaul.entrypoints.web.pages.figures import found

KINDS = {"xlsx": TYPES["xlsx"], "csv": "text/csv; charset=utf-8"}


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/journals", action=Action.SEE, whole=True, sync_to_thread=True)
    def show_journals(request: AnyRequest) -> Response[str]:
        period, figures = found(console, request)
        if figures is None and query(request, "period"):
            detail = "no proof of this month told what journals would be made of"
            raise NotFoundException(detail)
        rules = console.house.profiles[console.tenant(request)].rules
        told = proposed(console.house.store, rules, period) if figures else ()
        return console.show(request, "journals.html", period=period, figures=figures, proposed=told,
                            entities=sorted({each.journal.entity for each in told}))

    @get("/journal-lines/{name:str}", action=Action.SEE, whole=True, sync_to_thread=True)
    def download(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
        entity, _, kind = name.rpartition(".")
        period, figures = found(console, request)
        rules = console.house.profiles[console.tenant(request)].rules
        if kind not in KINDS or figures is None or entity not in {each.id for each in rules.entities}:
            detail = "lines are called as their legal entity, and are .xlsx or .csv, of a month that was proved"
            raise NotFoundException(detail)
        content = written(sheets(rules, proposed(console.house.store, rules, period), entity), kind)
        return Response(content, media_type=KINDS[kind], headers={
            "content-disposition": f'attachment; filename="journal-{period}-{entity}.{kind}"'})

    return [show_journals, download]

"""Who did what, when, and does the chain hold?"""

from dataclasses import replace

from litestar import Response, get
from litestar.handlers import BaseRouteHandler

from backhaul.adapters.sql import lists
from backhaul.domain.access import Action
from backhaul.entrypoints.web.console import Console, days, query, whole
from backhaul.entrypoints.web.door import AnyRequest


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/trail", action=Action.SEE_TRAIL, whole=True, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        tenant, subject, before = console.tenant(request), query(request, "subject"), whole(query(request, "after"))
        narrowed = days(request)
        with console.house.store.read() as connection:
            found = lists.trail(connection, tenant, subject=subject, days=narrowed, before=before, limit=lists.PAGE + 1)
        words = console.words(request, "")
        shown = [replace(entry, detail=words(entry.detail)) for entry in found[:lists.PAGE]]
        return console.show(request, "trail.html", found=shown, subject=subject, days=narrowed, first=before is None,
                            after=shown[-1].sequence if len(found) > lists.PAGE else "")

    return [show]

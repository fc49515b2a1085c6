"""Which return does somebody mean who holds any of its ids?"""

from litestar import Response, get
from litestar.handlers import BaseRouteHandler

from backhaul.adapters.sql import lists
from backhaul.domain.access import Action
from backhaul.entrypoints.web.console import Console, query
from backhaul.entrypoints.web.door import AnyRequest


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/search", action=Action.SEE, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        reach, asked = console.reach(request), query(request, "q")
        with console.house.store.read() as connection:
            found = lists.search(connection, reach, asked) if asked else []
        return console.show(request, "search.html", found=found, asked=asked)

    return [show]

"""Does everything flow, and who looks after it?"""

from litestar import Response, get
from litestar.handlers import BaseRouteHandler

from backhaul.adapters.sql.lists import MANY
from backhaul.domain.access import Action
from backhaul.entrypoints import overseeing
from backhaul.entrypoints.web.console import Console
from backhaul.entrypoints.web.door import AnyRequest


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/flows", action=Action.SEE, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        reach = console.reach(request)
        profile = console.house.profiles[reach.tenant]
        told = overseeing.flows(console.house.store, [source.name for source in profile.sources], reach, console.clock.now())
        return console.show(request, "flows.html", sources=told.sources, waits=told.waits, oldest=told.oldest, aside=told.aside,
                            graded=told.graded,
                            under_way=told.under_way, holders=told.holders, limit=MANY, days=told.days, version=profile.version)

    return [show]

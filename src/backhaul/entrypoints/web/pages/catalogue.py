"""What kinds of trouble are there, whose work is each here, and what ends it?"""

from collections.abc import Mapping

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from backhaul.adapters.sql import lists
from backhaul.domain.access import Action
from backhaul.domain.resolution import WAYS_OUT, WayOut, meanwhile, ways_out
from backhaul.domain.team import Team
from backhaul.entrypoints.overseeing import Trouble, kinds
from backhaul.entrypoints.web.console import Console
from backhaul.entrypoints.web.door import AnyRequest


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/catalogue", action=Action.SEE, sync_to_thread=True)
    def show_list(request: AnyRequest) -> Response[str]:
        return console.show(request, "catalogue.html", pages=list(_pages(console, request).values()))

    @get("/catalogue/{code:str}", action=Action.SEE, sync_to_thread=True)
    def show_one(request: AnyRequest, code: FromPath[str]) -> Response[str]:
        page = _pages(console, request).get(code)
        if page is None:
            detail = "there is no kind of exception of this name"
            raise NotFoundException(detail)
        ways: list[tuple[str, WayOut]] = [(way.value, WAYS_OUT[way]) for way in ways_out([code])]
        return console.show(request, "kind.html", page=page, ways=ways, told={team.value: meanwhile(code, team) for team in Team})

    return [show_list, show_one]


def _pages(console: Console, request: AnyRequest) -> Mapping[str, Trouble]:
    reach = console.reach(request)
    with console.house.store.read() as connection:
        causes = lists.causes(connection, reach, now=console.clock.now())
    return kinds(console.house.profiles[reach.tenant].rules, causes)

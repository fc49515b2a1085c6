"""What kinds of trouble are there, whose work is each here, and what ends it?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from backhaul.adapters.sql import lists
from backhaul.domain.access import Action
from backhaul.domain.exception_case import KINDS, Kind
from backhaul.domain.money import Money
from backhaul.domain.resolution import WAYS_OUT, WayOut, meanwhile, ways_out
from backhaul.domain.rules import Rules
from backhaul.domain.team import Team
from backhaul.entrypoints.web.console import Console
from backhaul.entrypoints.web.door import AnyRequest
from backhaul.entrypoints.web.pages.today import added


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One kind of trouble as this tenant deals with it: `elsewhere` are teams that rows of the profile give some of it to."""

    code: str
    kind: Kind
    owner: str
    elsewhere: Sequence[str]
    open: int
    overdue: int
    held: Sequence[Money]


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


def _pages(console: Console, request: AnyRequest) -> Mapping[str, Page]:
    reach = console.reach(request)
    rules = console.house.profiles[reach.tenant].rules
    with console.house.store.read() as connection:
        causes = lists.causes(connection, reach, now=console.clock.now())
    return {code: _page(code, rules, [cause for cause in causes if cause.kind == code]) for code in KINDS}


def _page(code: str, rules: Rules, causes: Sequence[lists.Cause]) -> Page:
    owner = rules.teams.get(code, KINDS[code].owner.value)
    some = {rule.team for rule in rules.routing if not rule.kinds or code in rule.kinds}
    return Page(code=code, kind=KINDS[code], owner=owner, elsewhere=sorted(some - {owner}), open=sum(cause.count for cause in causes),
                overdue=sum(cause.overdue for cause in causes), held=added(causes))

"""What needs me today, where is money held, and who has gone silent?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from litestar import Response, get
from litestar.handlers import BaseRouteHandler

from backhaul.adapters.sql import lists, pulse
from backhaul.domain.access import Action
from backhaul.domain.exception_case import KINDS
from backhaul.domain.money import Money
from backhaul.domain.team import Team
from backhaul.entrypoints.overseeing import added, heard
from backhaul.entrypoints.web.console import Console, query
from backhaul.entrypoints.web.door import AnyRequest
from backhaul.entrypoints.web.pages.exceptions import walks

TOP: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What waits for one team."""

    team: str
    count: int
    overdue: int
    money: tuple[Money, ...]


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/", action=Action.SEE, sync_to_thread=True)
    def today(request: AnyRequest) -> Response[str]:
        reach, now, team = console.reach(request), console.clock.now(), query(request, "team")
        with console.house.store.read() as connection:
            causes = lists.causes(connection, reach, now=now)
            soonest = lists.work(connection, reach, owner=team, limit=TOP)
            said = pulse.sources(connection, reach.tenant, [source.name for source in console.house.profiles[reach.tenant].sources])
            waiting = pulse.waiting(connection, reach)
            late = lists.escalated(connection, reach)
        mine = [cause for cause in causes if not team or cause.owner == team]
        return console.show(
            request, "today.html", desks=desks(causes), team=team, causes=mine[:TOP], soonest=soonest, kinds=KINDS,
            held=added(mine), overdue=sum(cause.overdue for cause in mine), count=sum(cause.count for cause in mine),
            escalated=late, walks=walks(soonest, owner=team), sources=heard(said, now), waiting=waiting)

    return [today]


def desks(causes: Sequence[lists.Cause]) -> list[Desk]:
    """Give one desk for each team, those of the house first; a team nobody names has nothing to do."""
    names = [team.value for team in Team] + sorted({cause.owner for cause in causes} - {team.value for team in Team})
    found = []
    for name in names:
        theirs = [cause for cause in causes if cause.owner == name]
        found.append(Desk(team=name, count=sum(cause.count for cause in theirs), overdue=sum(cause.overdue for cause in theirs),
                          money=added(theirs)))
    return found

"""Does everything flow, and who looks after it?"""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from litestar import Response, get
from litestar.handlers import BaseRouteHandler

from backhaul.adapters.sql import coverage, pulse
from backhaul.adapters.sql.lists import MANY, Reach
from backhaul.domain.access import Action
from backhaul.entrypoints.web.console import Console
from backhaul.entrypoints.web.door import AnyRequest
from backhaul.entrypoints.web.pages.today import SILENT

DAYS: Final = 14
_past: Final[dict[tuple[str, date], int]] = {}
"""What came in on a day that is over never changes, so that it is counted once in this process."""


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/flows", action=Action.SEE, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        reach, now = console.reach(request), console.clock.now()
        names = [source.name for source in console.house.profiles[reach.tenant].sources]
        with console.house.store.read() as connection:
            said = pulse.sources(connection, reach.tenant, names)
            waits, oldest, aside = pulse.unread(connection, reach.tenant)
            graded = coverage.grades(connection, reach)
            under_way, holders = pulse.waiting(connection, reach), pulse.holders(connection, reach)
        return console.show(request, "flows.html", sources=[(name, at, at is None or now - at > SILENT) for name, at in said], waits=waits,
                            oldest=oldest, aside=aside, graded=graded, under_way=under_way, holders=holders, limit=MANY,
                            days=days(console, reach, now), version=console.house.profiles[reach.tenant].version)

    return [show]


def days(console: Console, reach: Reach, now: datetime) -> list[pulse.Flow]:
    """Give inflow and outflow of the last days, the latest last; counted up to the last day something came in."""
    names = [source.name for source in console.house.profiles[reach.tenant].sources]
    with console.house.store.read() as connection:
        heard = [at for _, at in pulse.sources(connection, reach.tenant, names) if at]
        last = max(heard, default=now).astimezone(UTC).date()
        first = last - timedelta(days=DAYS - 1)
        went = pulse.went(connection, reach, first)
        found = []
        for each in (first + timedelta(days=number) for number in range(DAYS)):
            at = (reach.tenant, each)
            count = _past[at] if at in _past else pulse.came(connection, reach.tenant, names, each)
            if each < now.date() - timedelta(days=1) and each < last:
                _past[at] = count
            found.append(pulse.Flow(day=each, came=count, went=went.get(each, 0)))
    return found

"""What needs me today, where is money held, which month does not prove, and who has gone silent?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from litestar import Response, get
from litestar.handlers import BaseRouteHandler

from backhaul.adapters.sql import lists, proofs, pulse
from backhaul.application.proof_ports import KeptProof
from backhaul.domain.access import Action
from backhaul.domain.exception_case import KINDS
from backhaul.domain.money import Money
from backhaul.domain.team import Team
from backhaul.entrypoints.overseeing import added, heard
from backhaul.entrypoints.web.console import Console, query
from backhaul.entrypoints.web.door import AnyRequest
from backhaul.entrypoints.web.pages.exceptions import walks

TOP: Final = 12
LATEST: Final = 3
"""So many months are shown whatever their proof said, and of the `MONTHS` before today those that did not hold."""
MONTHS: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What waits for one team."""

    team: str
    count: int
    overdue: int
    money: tuple[Money, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """What the last proof of a month said: how many lines, and the money of those that wait or are broken, if none cancels another."""

    period: str
    day: date
    complete: bool
    lines: int
    proved: int
    timing: int
    broken: int
    orphans: int
    holds: bool
    waits: tuple[Money, ...]
    apart: tuple[Money, ...]


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
            whole = console.may(request, Action.SEE, whole=True)
            months = [month_of(each) for each in proofs.latest(connection, reach.tenant, limit=MONTHS)] if whole else []
        mine = [cause for cause in causes if not team or cause.owner == team]
        return console.show(
            request, "today.html", desks=desks(causes), team=team, causes=mine[:TOP], soonest=soonest, kinds=KINDS,
            months=[each for number, each in enumerate(months) if number < LATEST or not each.holds], whole=whole,
            held=added(mine), overdue=sum(cause.overdue for cause in mine), count=sum(cause.count for cause in mine),
            escalated=late, walks=walks(soonest, owner=team), sources=heard(said, now), waiting=waiting)

    return [today]


def month_of(kept: KeptProof) -> Month:
    """Say of a run what its month comes to; money of each currency apart, as its legal entities told it."""
    told = kept.figures
    return Month(period=kept.period, day=kept.day, complete=kept.complete, lines=told.get("lines", 0), proved=told.get("proved", 0),
                 timing=told.get("in_timing", 0), broken=told.get("broken", 0), orphans=told.get("orphans", 0),
                 holds=kept.holds, waits=_money(told, "awaited"), apart=_money(told, "by_class"))


def _money(told: Mapping[str, Any], name: str) -> tuple[Money, ...]:
    found: dict[str, Decimal] = {}
    for own in told.get("entities", {}).values():
        for row in own.get(name, {}).values():
            for currency, amount in row["amount"].items():
                found[currency] = found.get(currency, Decimal(0)) + abs(Decimal(str(amount)))
    return tuple(Money(amount=amount, currency=currency) for currency, amount in sorted(found.items()) if amount)


def desks(causes: Sequence[lists.Cause]) -> list[Desk]:
    """Give one desk for each team, those of the house first; a team nobody names has nothing to do."""
    names = [team.value for team in Team] + sorted({cause.owner for cause in causes} - {team.value for team in Team})
    found = []
    for name in names:
        theirs = [cause for cause in causes if cause.owner == name]
        found.append(Desk(team=name, count=sum(cause.count for cause in theirs), overdue=sum(cause.overdue for cause in theirs),
                          money=added(theirs)))
    return found

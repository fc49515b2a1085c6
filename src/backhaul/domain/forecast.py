"""What will still be open when a period is cut off?

Each team closes what it has at the pace it had lately, the oldest first, whatever its cause. So a forecast is arithmetic over closing
times, and says on how much it rests.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

LATELY: Final = timedelta(days=28)
"""How far back a team's pace is looked at."""
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One exception as a forecast sees it; `closed_at` is None while it is open."""

    legal_entity: str = ""
    team: str
    cause: str
    currency: str
    amount: Decimal
    opened_at: datetime
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a team closes work: so many in so many days."""

    team: str
    closed: int
    days: Decimal

    @property
    def a_day(self) -> Decimal:
        """Give how many it closes in a day."""
        return Decimal(self.closed) / self.days


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is open of one cause, and how much of it will be left at its legal entity's cut-off: the youngest, which come last."""

    legal_entity: str = ""
    team: str
    cause: str
    currency: str
    open: int
    amount: Decimal
    left: int
    left_amount: Decimal


def paces(items: Sequence[Item], now: datetime) -> dict[str, Pace]:
    """Work out every team's pace from what it closed lately, over the days since its first work if those are fewer."""
    found: dict[str, Pace] = {}
    for team in sorted({each.team for each in items}):
        mine = [each for each in items if each.team == team]
        since = max(min(each.opened_at for each in mine), now - LATELY)
        closed = sum(1 for each in mine if each.closed_at is not None and since <= each.closed_at <= now)
        found[team] = Pace(team=team, closed=closed, days=max(_days(now - since), Decimal(1)))
    return found


def outlook(items: Sequence[Item], now: datetime, cut_offs: Mapping[str, datetime]) -> tuple[Outlook, ...]:
    """Say of each cause what will be left at its legal entity's cut-off; a cut-off that is over leaves what is open.

    A team has one queue for all legal entities. What belongs to none of those with a cut-off is wanted at the earliest.
    """
    speed, earliest = paces(items, now), min(cut_offs.values())
    waiting = sorted((each for each in items if each.closed_at is None), key=lambda each: (each.opened_at, each.cause, each.amount))
    done: Counter[str] = Counter()
    found: dict[tuple[str, str, str, str], list[tuple[Item, bool]]] = {}
    for each in waiting:
        left_days = max(_days(cut_offs.get(each.legal_entity, earliest) - now), Decimal(0))
        stays = done[each.team] >= int(speed[each.team].a_day * left_days)
        done[each.team] += 1
        found.setdefault((each.team, each.cause, each.legal_entity, each.currency), []).append((each, stays))
    return tuple(Outlook(
        legal_entity=entity, team=team, cause=cause, currency=currency, open=len(rows),
        amount=sum((each.amount for each, _ in rows), Decimal(0)), left=sum(stays for _, stays in rows),
        left_amount=sum((each.amount for each, stays in rows if stays), Decimal(0)))
        for (team, cause, entity, currency), rows in sorted(found.items()))


def _days(lasting: timedelta) -> Decimal:
    return Decimal(int(lasting.total_seconds())) / Decimal(int(DAY.total_seconds()))

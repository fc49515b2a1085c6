"""In which period will each batch land, and what has to leave sooner to land in this one?

The ERP's jobs stamp their own day (books 5), so a batch lands by the job that finds it, not by when its goods were accepted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum

from backhaul.domain.period import cut_off, due_by, landing, predicted_posting
from backhaul.domain.period_status import Told, opens, why_refused
from backhaul.domain.rules import LegalEntity, Window


class Landing(StrEnum):
    """How what waits stands to a period."""

    IN = "in"
    """It lands in the period, or in one before it."""
    MISSES = "misses"
    """It lands later, and would not if its window closed before the last call."""
    AFTER = "after"
    """It became due after the last call, or the last call is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits for a window, or is on its way with a batch: due or closed since when, how much of it."""

    legal_entity: str
    leg: str
    since: datetime
    batch: str = ""
    net: Decimal = Decimal(0)
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One batch that is, or one day's worth of what will be one: on which day and in which period it lands."""

    legal_entity: str
    leg: str
    batch: str
    lands_on: date
    period: str
    landing: Landing
    count: int
    net: Decimal
    currency: str
    refused: str = ""
    """Why the books would not take it then; empty where they do."""
    instead: str = ""
    """The period in which it would be taken instead, once a person has agreed to another date."""


def last_call(entity: LegalEntity, period: str) -> datetime:
    """Give the moment before which something must leave for a period: its cut-off, at the latest its last day's first job."""
    return cut_off(entity, period)


def lands_on(waiting: Waiting, window: Window, entity: LegalEntity, now: datetime) -> date:
    """Predict the day on which the ERP posts what waits; never a day whose job is over."""
    told = predicted_posting(entity, waiting.since) if waiting.batch else due_by(window, entity, waiting.since)
    return told if told >= now.astimezone(UTC).date() else landing(entity, now)


def schedule(waiting: Iterable[tuple[Waiting, Window]], entity: LegalEntity, period: str, now: datetime,
             told: Sequence[Told] = ()) -> tuple[Slot, ...]:
    """Say where everything that waits lands, as one row for each batch, or for each day, leg and currency.

    `told` is what the books say of their periods: what they would refuse is said with the row.
    """
    call, last = last_call(entity, period), entity.calendar.last(period)
    found: dict[tuple[date, str, str, str, Landing], tuple[int, Decimal]] = {}
    for each, window in waiting:
        day = lands_on(each, window, entity, now)
        landing = Landing.IN if day <= last else Landing.MISSES if not each.batch and max(each.since, now) < call \
            else Landing.AFTER
        key = (day, each.leg, each.batch, each.currency, landing)
        count, net = found.get(key, (0, Decimal(0)))
        found[key] = (count + 1, net + each.net)
    return tuple(_refused(entity, told, Slot(
        legal_entity=entity.id, leg=leg, batch=batch, lands_on=day, period=entity.calendar.period_of(day), landing=landing, count=count,
        net=net, currency=currency))
                 for (day, leg, batch, currency, landing), (count, net) in sorted(found.items()))


def _refused(entity: LegalEntity, told: Sequence[Told], slot: Slot) -> Slot:
    """Say of a row whether the books take it, and if not, where they would."""
    sentence = why_refused(entity, told, slot.period, slot.lands_on)
    return replace(slot, refused=sentence, instead=opens(entity, told, slot.period)) if sentence else slot

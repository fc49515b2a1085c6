"""What will a close find? What will still be open at the cut-off, and where do the batches that wait land?"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from backhaul.application.ports import PostingState, Store
from backhaul.domain.forecast import LATELY, Item, Outlook, Pace, outlook, paces
from backhaul.domain.legs import queues
from backhaul.domain.planner import Slot, Waiting, last_call, schedule
from backhaul.domain.rules import Rules

ON_ITS_WAY: Final = frozenset({PostingState.READY, PostingState.SENDING, PostingState.UNCONFIRMED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """A period as it will be: the cut-off of the first legal entity, what will be left then, each team's pace, and where batches land."""

    period: str
    cut_off: datetime
    outlook: Sequence[Outlook]
    paces: Sequence[Pace]
    slots: Sequence[Slot]


def ahead(store: Store, rules: Rules, period: str, now: datetime) -> Ahead:
    """Look ahead to the end of a period; nothing is written."""
    cut_off = last_call(rules.entities[0], period)
    with store.look() as tx:
        items = [Item(team=row.case.owner, cause=row.case.kind, currency=row.case.money.currency, amount=abs(row.case.money.amount),
                      opened_at=row.case.opened_at, closed_at=row.closed_at) for row in tx.exceptions(
                     rules.tenant, open_only=False, since=now - LATELY)]
        slots: list[Slot] = []
        for entity in rules.entities:
            closed_at = {each.key: each.closed_at for each in tx.windows(rules.tenant, entity.id)}
            waiting = [(Waiting(legal_entity=entity.id, leg=queue.name, since=since), queue.window) for queue in queues(rules)
                       for _, since in tx.planned(rules.tenant, entity.id, kinds=queue.kinds)]
            waiting += [(Waiting(legal_entity=entity.id, leg="", batch=row.window, since=closed_at.get(row.window, now),
                                 net=row.posting.net, currency=row.posting.currency), rules.window)
                        for row in tx.in_state(rules.tenant, entity.id, ON_ITS_WAY) if row.window]
            slots += schedule(waiting, entity, period, now)
    return Ahead(period=period, cut_off=cut_off, outlook=outlook(items, now, cut_off), paces=tuple(paces(items, now).values()), slots=slots)


def told(seen: Ahead) -> dict[str, Any]:
    """Say it in plain values."""
    return {"period": seen.period, "cut_off": seen.cut_off,
            "forecast": [asdict(each) for each in seen.outlook],
            "paces": [{"team": each.team, "closed": each.closed, "days": each.days} for each in seen.paces],
            "plan": [asdict(each) | {"lands_on": each.lands_on.isoformat(), "landing": each.landing.value} for each in seen.slots]}

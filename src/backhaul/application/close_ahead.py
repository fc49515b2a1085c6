"""What will a close find? What will still be open at the cut-off, and where do the batches that wait land?"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from backhaul.application import books
from backhaul.application.ports import PostingState, Store, Tx
from backhaul.domain.forecast import LATELY, Item, Outlook, Pace, outlook, paces
from backhaul.domain.job_schedule import JobFinding, as_they_run, findings
from backhaul.domain.legs import queues
from backhaul.domain.planner import Slot, Waiting, last_call, schedule
from backhaul.domain.rules import Rules

ON_ITS_WAY: Final = frozenset({PostingState.READY, PostingState.SENDING, PostingState.UNCONFIRMED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """A period as it will be: each legal entity's cut-off, what will be left then, each team's pace, and where batches land."""

    period: str
    cut_offs: Mapping[str, datetime]
    outlook: Sequence[Outlook]
    paces: Sequence[Pace]
    slots: Sequence[Slot]
    jobs: Sequence[JobFinding] = ()
    """What is wrong with the ERPs' own jobs, by which all that lands."""


def ahead(store: Store, rules: Rules, period: str, now: datetime) -> Ahead:
    """Look ahead to the end of a period; nothing is written."""
    cut_offs: dict[str, datetime] = {}
    slots: list[Slot] = []
    wrong: list[JobFinding] = []
    with store.look() as tx:
        items = _items(tx, rules.tenant, now)
        for stated in rules.having(period):
            jobs = books.jobs(tx, rules.tenant, stated)
            wrong += findings(stated, jobs)
            entity = as_they_run(stated, jobs)
            cut_offs[entity.id] = last_call(entity, period)
            closed_at = {each.key: each.closed_at for each in tx.windows(rules.tenant, entity.id)}
            waiting = [(Waiting(legal_entity=entity.id, leg=queue.name, since=since), queue.window) for queue in queues(rules)
                       for _, since in tx.planned(rules.tenant, entity.id, kinds=queue.kinds)]
            waiting += [(Waiting(legal_entity=entity.id, leg="", batch=row.window, since=closed_at.get(row.window, now),
                                 net=row.posting.net, currency=row.posting.currency), rules.window)
                        for row in tx.in_state(rules.tenant, entity.id, ON_ITS_WAY) if row.window]
            slots += schedule(waiting, entity, period, now, books.last(tx, rules.tenant, entity))
    return Ahead(period=period, cut_offs=cut_offs, outlook=outlook(items, now, cut_offs), paces=tuple(paces(items, now).values()),
                 slots=slots, jobs=wrong)


def _items(tx: Tx, tenant: str, now: datetime) -> list[Item]:
    """Give what is open or was closed lately, each with the legal entity whose return it is about."""
    rows = tx.exceptions(tenant, open_only=False, since=now - LATELY)
    whose = {ref: case.legal_entity for ref, case in tx.cases(tenant, {row.case.return_ref for row in rows}).items()}
    return [Item(legal_entity=whose.get(row.case.return_ref, ""), team=row.case.owner, cause=row.case.kind,
                 currency=row.case.money.currency, amount=abs(row.case.money.amount), opened_at=row.case.opened_at,
                 closed_at=row.closed_at) for row in rows]


def told(seen: Ahead) -> dict[str, Any]:
    """Say it in plain values."""
    return {"period": seen.period, "cut_off": min(seen.cut_offs.values()), "cut_offs": dict(seen.cut_offs),
            "forecast": [asdict(each) for each in seen.outlook],
            "paces": [{"team": each.team, "closed": each.closed, "days": each.days} for each in seen.paces],
            "plan": [asdict(each) | {"lands_on": each.lands_on.isoformat(), "landing": each.landing.value} for each in seen.slots],
            "jobs": [asdict(each) for each in seen.jobs]}

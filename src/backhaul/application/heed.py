"""When is it worth looking before the poll would?

An ERP may tell that it posted something, or that its masters changed. Of that, only the legal entity and the order are taken, as a hint:
whatever we wait for on that order, or on any where none is named, is looked at now instead of after the next jobs, and returns that wait
for masters are judged anew. What is found there is read from the ERP as ever, so an event that is lost, repeated, late or a lie costs at
most one look and decides nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from backhaul.application.ports import KeptPosting, PostingState, Store, Tx
from backhaul.domain.posting import Nature, PostingKey, Route
from backhaul.domain.rules import Rules

WAITING: Final = frozenset({PostingState.AWAITED, PostingState.PENDING, PostingState.READY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Something was posted for this order of this legal entity, somebody says; without an order, for any. Or its `masters` changed."""

    legal_entity: str
    order: str = ""
    document: str = ""
    """The number it says the document has; written down, and compared with nothing: what is there is read from the ERP."""
    masters: bool = False


Reader: TypeAlias = Callable[[bytes], Iterable[Hint]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heeded:
    """What events came to: how many there were, how many postings are looked at sooner, and whose masters changed."""

    events: int = 0
    sooner: int = 0
    masters: frozenset[str] = frozenset()


def heed(store: Store, rules: Rules, routes: Mapping[str, Route], read: Reader, *, now: datetime, limit: int = 500) -> Heeded:  # noqa: PLR0913  each is named
    """Take up to `limit` events and bring forward what they hint at."""
    with store.begin() as tx:
        events = tx.undigested(rules.tenant, limit, events=True)
        hinted: dict[str, dict[str, set[str]]] = {}
        masters: set[str] = set()
        for event in events:
            for hint in read(event.body):
                if hint.masters:
                    masters.add(hint.legal_entity)
                else:
                    hinted.setdefault(hint.legal_entity, {}).setdefault(hint.order, set()).add(hint.document)
            tx.digested(event, ())
        sooner = sum(_bring_forward(tx, rules, entity, routes[entity], orders, now)
                     for entity, orders in sorted(hinted.items()) if entity in routes)
    return Heeded(events=len(events), sooner=sooner, masters=frozenset(masters & routes.keys()))


def ignore(store: Store, rules: Rules, *, now: datetime, limit: int = 500) -> int:
    """Set aside events that nobody wants any more, because the profile names no sender of them; give how many. Their bytes stay."""
    with store.begin() as tx:
        events = tx.undigested(rules.tenant, limit, events=True)
        for event in events:
            tx.digested(event, ())
        if events:
            tx.record(rules.tenant, subject="events", action="event.ignored", at=now, actor="backhaul", detail={
                "events": len(events), "sources": sorted({event.source for event in events}), "why": "the profile has no [signal] table"})
    return len(events)


def _bring_forward(tx: Tx, rules: Rules, entity: str, route: Route, told: Mapping[str, set[str]], now: datetime) -> int:  # noqa: PLR0913, PLR0917  one call, private
    """Make due what is waited for on these orders, unless it is due anyway; the look this adds does not count against our patience."""
    rows = [row for row in tx.in_state(rules.tenant, entity, WAITING)
            if row.state is not PostingState.READY or route.nature.get(row.posting.key.kind) is Nature.AWAITED]
    family = {row.posting.key: row for kept in tx.postings(rules.tenant, {row.posting.key.return_ref for row in rows}).values()
              for row in kept}
    sooner = 0
    for row in rows:
        begins_later = row.look_at is None if row.state is PostingState.READY else row.look_at is not None and row.look_at > now
        orders = [order for order in told if any(_is(order, each) for each in _beneath(row, family))] if begins_later else []
        if orders:
            looks = row.looks - (row.state is not PostingState.READY)
            tx.set_state(row.posting.key, row.state, look_at=now, looks=looks, note=row.note, at=now)
            documents = sorted({number for order in orders for number in told[order]} - {""})
            tx.record(rules.tenant, subject=row.posting.key.return_ref, action="event.heeded", at=now, actor="backhaul", detail={
                "posting": str(row.posting.key), "orders": sorted(orders), "documents": documents})
            sooner += 1
    return sooner


def _beneath(row: KeptPosting, family: Mapping[PostingKey, KeptPosting]) -> Iterable[KeptPosting]:
    """Give a posting and all it rests on."""
    asked, known = [row.posting.key], set[PostingKey]()
    while asked:
        key = asked.pop()
        if key in family and key not in known:
            known.add(key)
            asked.extend(family[key].posting.needs)
            yield family[key]


def _is(order: str, row: KeptPosting) -> bool:
    """Tell whether the ERP's document behind a posting is this order or stands on it; every one is, where no order was named."""
    return row.document is not None and (not order or order in {row.document.number, *row.document.ids.values()})

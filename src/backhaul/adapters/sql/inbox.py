"""What came in, what does it say, and about which returns was something learned?"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, delete, insert, or_, select, update

from backhaul.adapters.sql import rows, tables
from backhaul.adapters.sql.session import Ref, Seen, Session, chunks, ensure
from backhaul.application.ports import Clock
from backhaul.domain.delivery import BY_HAND, EVENT, Delivery, DeliveryState
from backhaul.domain.facts import Fact, Unreadable, named
from backhaul.domain.personal import GONE

CONFLICT: Final = "EVENT_CONTENT_CONFLICT"
AGAIN: Final = "read again"
"""How the reason begins why a stored delivery waits that was read before; who wants it read again follows."""
READ_ONCE: Final = (DeliveryState.DIGESTED.value, DeliveryState.QUARANTINED.value)
"""States of a delivery somebody tried to read."""
Identity = tuple[str, str, str]
"""Tenant, source and the delivery's own identity."""

_IDENTITIES: Final = select(tables.facts.c.identity).where(
    tables.facts.c.tenant == bindparam("tenant"), tables.facts.c.return_ref == bindparam("return_ref"))
_FACTS: Final = select(tables.facts.c.return_ref, tables.facts.c.kind, tables.facts.c.body, tables.facts.c.identity).where(
    tables.facts.c.tenant == bindparam("tenant"), tables.facts.c.return_ref.in_(bindparam("refs", expanding=True)),
).order_by(tables.facts.c.id)
_JUDGED: Final = update(tables.deliveries).where(tables.deliveries.c.id == bindparam("b_id")).values(
    state=bindparam("b_state"), reason=bindparam("b_reason"))
_SAVED: Final = delete(tables.touched).where(
    tables.touched.c.tenant == bindparam("tenant"), tables.touched.c.return_ref == bindparam("return_ref"))
_SAVED_AS_SEEN: Final = _SAVED.where(tables.touched.c.id == bindparam("seen_id"), tables.touched.c.counter == bindparam("seen_counter"))
_UNREAD: Final = {events: select(tables.deliveries).where(
    tables.deliveries.c.tenant == bindparam("tenant"), tables.deliveries.c.state == DeliveryState.STORED.value,
    tables.deliveries.c.channel == EVENT if events else tables.deliveries.c.channel != EVENT,
).order_by(tables.deliveries.c.id).limit(bindparam("most")) for events in (False, True)}
_TOUCHED: Final = select(tables.touched.c.return_ref).where(tables.touched.c.tenant == bindparam("tenant")).order_by(
    tables.touched.c.id).limit(bindparam("most"))
_TOUCHES: Final = select(tables.touched.c.return_ref, tables.touched.c.id, tables.touched.c.counter).where(
    tables.touched.c.tenant == bindparam("tenant"), tables.touched.c.return_ref.in_(bindparam("refs", expanding=True)))
_RECALL: Final = select(tables.memories.c.body).where(
    tables.memories.c.tenant == bindparam("tenant"), tables.memories.c.name == bindparam("name"))


def _identity(delivery: Delivery) -> Identity:
    return delivery.tenant, delivery.source, delivery.identity


class Inbox(Session):
    """Deliveries, facts, and the list of returns to look at."""

    def __init__(self, connection: Connection, seen: Seen, clock: Clock | None) -> None:
        """Begin with nothing waiting to be written."""
        super().__init__(connection, seen, clock)
        self._known: dict[Ref, set[str]] = {}
        self._facts: list[dict[str, Any]] = []
        self._mentions: set[tuple[str, str, str, str]] = set()
        self._judged: list[dict[str, Any]] = []
        self._touches: dict[Ref, int] = {}
        self._saved: dict[Ref, tuple[int, int] | None] = {}

    # --- deliveries

    def keep(self, deliveries: Sequence[Delivery]) -> Sequence[DeliveryState]:
        """Store deliveries byte for byte; see the port."""
        first: dict[Identity, int] = {}
        for place, delivery in enumerate(deliveries):
            first.setdefault(_identity(delivery), place)
        new = self._keep_first([deliveries[place] for place in first.values()])
        bodies = self._bodies([key for key in first if key not in new])
        states, later = [], []
        for place, delivery in enumerate(deliveries):
            key = _identity(delivery)
            if key in new and first[key] == place:
                states.append(DeliveryState.STORED)
                bodies.setdefault(key, set()).add(delivery.sha256)
                continue
            # The same bytes were kept before, whole: as the first one or as a conflicting one.
            repeat = delivery.sha256 in bodies[key]
            states.append(DeliveryState.DUPLICATE if repeat else DeliveryState.QUARANTINED)
            bodies[key].add(delivery.sha256)
            later.append(_row(delivery, states[-1], reason="" if repeat else CONFLICT, first=False))
        self._many(insert(tables.deliveries), later)
        return states

    def _keep_first(self, candidates: Sequence[Delivery]) -> set[Identity]:
        """Insert what nobody has stored yet, also not another worker a moment ago; give what was new."""
        if not candidates:
            return set()
        statement = self._insert(tables.deliveries).on_conflict_do_nothing().returning(
            tables.deliveries.c.tenant, tables.deliveries.c.source, tables.deliveries.c.identity)
        stored = self._connection.execute(
            statement, [_row(each, DeliveryState.STORED, reason="", first=True) for each in candidates])
        return {(row.tenant, row.source, row.identity) for row in stored}

    def _bodies(self, keys: Iterable[Identity]) -> dict[Identity, set[str]]:
        """Give the hashes of the bodies kept under these identities."""
        known: dict[Identity, set[str]] = {}
        groups: dict[tuple[str, str], list[str]] = {}
        for tenant, source, identity in keys:
            groups.setdefault((tenant, source), []).append(identity)
        for (tenant, source), identities in groups.items():
            for part in chunks(identities):
                for row in self._connection.execute(
                    select(tables.deliveries.c.identity, tables.deliveries.c.sha256).where(
                        tables.deliveries.c.tenant == tenant, tables.deliveries.c.source == source, tables.deliveries.c.identity.in_(part),
                        tables.deliveries.c.body.is_not(None))):
                    known.setdefault((tenant, source, row.identity), set()).add(row.sha256)
        return known

    def refuse(self, tenant: str, source: str, *, sha256: str, size: int, reason: str, at: datetime) -> None:  # noqa: PLR0913
        """Leave a row for a delivery that is not authentic or too large: hash, size and reason, no body."""
        self._connection.execute(insert(tables.deliveries), {
            "tenant": tenant, "source": source, "identity": "", "channel": "webhook", "first": False, "body": None,
            "state": DeliveryState.REFUSED.value, "reason": reason, "received_at": at, "sha256": sha256, "size": size})

    def undigested(self, tenant: str, limit: int, *, events: bool = False) -> Sequence[Delivery]:
        """Give stored deliveries that nobody has read yet, oldest first: an ERP's events, or everything else."""
        self._flush_inbox()
        return [_delivery(row) for row in self._connection.execute(_UNREAD[events], {"tenant": tenant, "most": limit})]

    def digested(self, delivery: Delivery, facts: Sequence[Fact]) -> int:
        """Keep a delivery's facts, mark their returns as touched; give how many facts were new."""
        self._judge(delivery, DeliveryState.DIGESTED, "")
        return self._learn(delivery.tenant, facts, delivery.id)

    def quarantine(self, delivery: Delivery, reason: str) -> None:
        """Set a delivery aside; its bytes stay."""
        self._judge(delivery, DeliveryState.QUARANTINED, reason)

    def reread(self, tenant: str, asked: str, *, identities: Collection[str] = (), sha256s: Collection[str] = ()) -> int:
        """Let deliveries that could not be read, or were read in part, be read once more; give how many."""
        self._flush_inbox()
        table, states = tables.deliveries, (DeliveryState.QUARANTINED.value, DeliveryState.DIGESTED.value)
        found = self._connection.execute(update(table).where(
            table.c.tenant == tenant, table.c.state.in_(states), table.c.body != GONE,
            or_(table.c.identity.in_(list(identities)), table.c.sha256.in_(list(sha256s))),
        ).values(state=DeliveryState.STORED.value, reason=f"{AGAIN} by {asked}"))
        return int(found.rowcount)

    def kept(self, tenant: str, *, since: datetime | None = None, until: datetime | None = None, refs: Collection[str] = (),
             unreadable: bool = False) -> Sequence[Delivery]:
        """Give deliveries that were read, or could not be; see the port. One that came again with another body is never among them."""
        self._flush_inbox()
        table, facts = tables.deliveries, tables.facts
        told = select(facts.c.delivery_id).where(facts.c.tenant == tenant)
        query = select(table).where(table.c.tenant == tenant, table.c.first, table.c.state.in_(READ_ONCE), table.c.channel != EVENT,
                                    table.c.body != GONE)
        if since is not None:
            query = query.where(table.c.received_at >= since)
        if until is not None:
            query = query.where(table.c.received_at < until)
        if refs:
            query = query.where(table.c.id.in_(told.where(facts.c.return_ref.in_(list(refs)))))
        if unreadable:
            query = query.where(or_(table.c.state == DeliveryState.QUARANTINED.value,
                                    table.c.id.in_(told.where(facts.c.kind == Unreadable.__name__))))
        return [_delivery(row) for row in self._connection.execute(query.order_by(table.c.id))]

    def told_by(self, tenant: str, refs: Collection[str], sources: Collection[str]) -> Collection[str]:
        """Give those of these returns of which one of these sources was the first to tell something."""
        self._flush_inbox()
        facts, deliveries, told = tables.facts.c, tables.deliveries.c, set[str]()
        for part in chunks(sorted(set(refs))):
            told |= set(self._connection.execute(
                select(facts.return_ref).distinct().join_from(tables.facts, tables.deliveries, facts.delivery_id == deliveries.id).where(
                    facts.tenant == tenant, facts.return_ref.in_(part), deliveries.source.in_(sorted(sources)))).scalars())
        return told

    def read_again(self, tenant: str, asked: str, ids: Collection[int]) -> int:
        """Let these deliveries be read once more, by number; give how many."""
        self._flush_inbox()
        table, count = tables.deliveries, 0
        for part in chunks(sorted(ids)):
            count += self._connection.execute(update(table).where(
                table.c.tenant == tenant, table.c.id.in_(part), table.c.first, table.c.state.in_(READ_ONCE), table.c.body != GONE,
            ).values(state=DeliveryState.STORED.value, reason=f"{AGAIN} by {asked}")).rowcount
        return count

    def told_in(self, tenant: str, ids: Collection[int]) -> Collection[str]:
        """Give the returns that these deliveries, by number, told us of."""
        self._flush_inbox()
        table, refs = tables.facts.c, set[str]()
        for part in chunks(sorted(ids)):
            refs |= set(self._connection.execute(
                select(table.return_ref).distinct().where(table.tenant == tenant, table.delivery_id.in_(part))).scalars())
        return refs

    def _judge(self, delivery: Delivery, state: DeliveryState, reason: str) -> None:
        ensure(delivery.id > 0, f"delivery '{delivery.identity}' has no id: only what `undigested` gave can be judged")
        self._judged.append({"b_id": delivery.id, "b_state": state.value, "b_reason": reason})

    # --- facts

    def add_facts(self, tenant: str, facts: Sequence[Fact]) -> int:
        """Keep facts that come from us or from a person, and mark their returns as touched."""
        return self._learn(tenant, facts, None)

    def _learn(self, tenant: str, facts: Sequence[Fact], delivery: int | None) -> int:
        new = 0
        for fact in facts:
            ref = (tenant, fact.return_ref)
            identity, known = fact.identity, self._identities(ref)
            if identity in known:
                continue
            known.add(identity)
            new += 1
            self._touches[ref] = self._touches.get(ref, 0) + 1
            self._facts.append({
                "tenant": tenant, "return_ref": fact.return_ref, "kind": fact.kind, "identity": identity, "at": fact.at,
                "delivery_id": delivery, "body": rows.fact_body(fact)})
            self._mentions |= {(tenant, name, sort, fact.return_ref) for sort, name in named(fact)}
        return new

    def _identities(self, ref: Ref) -> set[str]:
        """Give the identities of all facts about a return, those not written yet included."""
        if ref not in self._known:
            found = self._connection.execute(_IDENTITIES, {"tenant": ref[0], "return_ref": ref[1]})
            self._known[ref] = set(found.scalars())
        return self._known[ref]

    def facts(self, tenant: str, refs: Collection[str]) -> Mapping[str, Sequence[Fact]]:
        """Give all facts about these returns, in the order in which they were kept."""
        self._flush_inbox()
        found: dict[str, list[Fact]] = {}
        for part in chunks(sorted(set(refs))):
            self._remember(tenant, part)
            for ref, kind, body, identity in self._connection.execute(_FACTS, {"tenant": tenant, "refs": part}):
                found.setdefault(ref, []).append(rows.fact(kind, body, identity))
        return found

    def heard(self, tenant: str, since: datetime, until: datetime) -> Collection[str]:
        """Give returns to which, by what the platform told us, something happened in this span of time."""
        self._flush_inbox()
        table, deliveries = tables.facts.c, tables.deliveries.c
        typed = select(deliveries.id).where(deliveries.tenant == tenant, deliveries.source == BY_HAND)
        return set(self._connection.execute(select(table.return_ref).distinct().where(
            table.tenant == tenant, table.at >= since, table.at < until, table.delivery_id.is_not(None),
            table.delivery_id.not_in(typed))).scalars())

    def moved(self, tenant: str, since: datetime, until: datetime) -> Collection[str]:
        """Give returns to which something happened in this span of time, whoever told it."""
        self._flush_inbox()
        table = tables.facts.c
        return set(self._connection.execute(select(table.return_ref).distinct().where(
            table.tenant == tenant, table.at >= since, table.at < until)).scalars())

    def _remember(self, tenant: str, refs: Sequence[str]) -> None:
        """Remember which touch of these returns is the last this thread has seen the facts of (before reading them)."""
        self._seen.update(dict.fromkeys(((tenant, ref) for ref in refs), (0, 0)))
        for ref, number, counter in self._connection.execute(_TOUCHES, {"tenant": tenant, "refs": refs}):
            self._seen[tenant, ref] = (number, counter)

    # --- returns to look at

    def touched(self, tenant: str, limit: int) -> Sequence[str]:
        """Give returns about which something was learned since they were last saved, the longest waiting first."""
        self._flush_inbox()
        return self._connection.execute(_TOUCHED, {"tenant": tenant, "most": limit}).scalars().all()

    def touch(self, tenant: str, refs: Collection[str]) -> None:
        """Mark returns to be looked at again."""
        for ref in refs:
            self._touches[tenant, ref] = self._touches.get((tenant, ref), 0) + 1

    def _untouch(self, tenant: str, ref: str) -> None:
        """Take a return off the list, unless something was learned after this thread read its facts."""
        seen = self._seen.pop((tenant, ref), None)
        self._saved[tenant, ref] = seen
        if seen is None:
            self._touches.pop((tenant, ref), None)

    def _flush_inbox(self) -> None:
        """Write what waits: deliveries judged, facts, and the list of returns to look at, each in a fixed order."""
        judged, self._judged = self._judged, []
        self._many(_JUDGED, judged)
        learned, self._facts = self._facts, []
        if learned:
            self._many(self._insert(tables.facts).on_conflict_do_nothing(), learned)
        mentions, self._mentions = sorted(self._mentions), set()
        self._many(self._insert(tables.mentions).on_conflict_do_nothing(), [
            {"tenant": tenant, "name": name, "sort": sort, "return_ref": ref} for tenant, name, sort, ref in mentions])
        saved, self._saved = self._saved, {}
        off = [({"tenant": ref[0], "return_ref": ref[1]}, saved[ref]) for ref in sorted(saved)]
        self._many(_SAVED, [ref for ref, seen in off if seen is None])
        self._many(_SAVED_AS_SEEN, [
            {**ref, "seen_id": seen[0], "seen_counter": seen[1]} for ref, seen in off if seen is not None])
        touches, self._touches = self._touches, {}
        if touches:
            statement = self._insert(tables.touched)
            self._many(
                statement.on_conflict_do_update(
                    index_elements=["tenant", "return_ref"],
                    set_={"counter": tables.touched.c.counter + statement.excluded.counter}),
                [{"tenant": tenant, "return_ref": ref, "counter": count} for (tenant, ref), count in sorted(touches.items())])

    # --- routines

    def recall(self, tenant: str, name: str) -> Mapping[str, Any]:
        """Give what a routine remembered under this name; empty before its first run."""
        body = self._connection.execute(_RECALL, {"tenant": tenant, "name": name}).scalar()
        return dict(json.loads(body)) if body else {}

    def remember(self, tenant: str, name: str, memory: Mapping[str, Any]) -> None:
        """Replace what a routine remembers under this name."""
        statement = self._insert(tables.memories)
        self._connection.execute(
            statement.on_conflict_do_update(index_elements=["tenant", "name"], set_={"body": statement.excluded.body}),
            {"tenant": tenant, "name": name, "body": rows.written(memory)})

    # --- files

    def import_seen(self, tenant: str, sha256: str) -> bool:
        """Tell whether a file with these bytes was imported before."""
        query = select(tables.imports.c.sha256).where(and_(tables.imports.c.tenant == tenant, tables.imports.c.sha256 == sha256))
        return self._connection.execute(query).first() is not None

    def save_import(self, tenant: str, name: str, sha256: str, at: datetime, rows: int) -> None:
        """Remember a file that was imported; the same bytes a second time are refused by the database."""
        self._connection.execute(insert(tables.imports), {"tenant": tenant, "name": name, "sha256": sha256, "at": at, "rows": rows})


def _delivery(row: Any) -> Delivery:  # noqa: ANN401  a row of the table
    return Delivery(id=row.id, tenant=row.tenant, source=row.source, identity=row.identity, body=row.body,
                    received_at=row.received_at, channel=row.channel, again=row.reason if row.reason.startswith(AGAIN) else "")


def _row(delivery: Delivery, state: DeliveryState, *, reason: str, first: bool) -> dict[str, Any]:
    return {
        "tenant": delivery.tenant, "source": delivery.source, "identity": delivery.identity, "channel": delivery.channel,
        "state": state.value, "reason": reason, "first": first, "received_at": delivery.received_at,
        "sha256": delivery.sha256, "size": len(delivery.body),
        "body": None if state is DeliveryState.DUPLICATE else delivery.body}

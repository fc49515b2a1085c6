"""Does everything flow: what came last, what waits, what went out?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from sqlalchemy import Connection, func, select

from backhaul.adapters.sql import tables
from backhaul.adapters.sql.lists import MANY, Reach

WAITING: Final = ("unconfirmed", "rejected", "awaited", "pending", "sending", "ready")
"""States of a document in which something is still to come; the loud ones first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """How many messages came in on a day for the first time, and how many returns went out in batches."""

    day: date
    came: int
    went: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Which process acts for a legal entity, and until when if nothing is heard of it."""

    legal_entity: str
    holder: str
    until: datetime | None


def sources(connection: Connection, tenant: str, names: Sequence[str]) -> list[tuple[str, datetime | None]]:
    """Say when each source last told us something; along an index, one row each."""
    table = tables.deliveries
    found = []
    for name in names:
        at = connection.execute(select(table.c.received_at).where(
            table.c.tenant == tenant, table.c.source == name).order_by(table.c.received_at.desc()).limit(1)).scalar_one_or_none()
        found.append((name, at))
    return found


def waiting(connection: Connection, reach: Reach) -> dict[str, int]:
    """Count the documents that are under way, each state up to `MANY`; nothing is left out because it is zero."""
    table = tables.postings
    found = {}
    for state in WAITING:
        some = select(table.c.key).where(table.c.tenant == reach.tenant, table.c.legal_entity.in_(reach.entities),
                                         table.c.state == state).limit(MANY + 1).subquery()
        found[state] = connection.execute(select(func.count()).select_from(some)).scalar_one()
    return found


def unread(connection: Connection, tenant: str) -> tuple[int, datetime | None, int]:
    """Count messages nobody has read yet, say since when the oldest waits, and count those that cannot be read."""
    table = tables.deliveries
    some = select(table.c.id).where(table.c.tenant == tenant, table.c.state == "stored").limit(MANY + 1).subquery()
    oldest = connection.execute(select(table.c.received_at).where(
        table.c.tenant == tenant, table.c.state == "stored").order_by(table.c.id).limit(1)).scalar_one_or_none()
    aside = select(table.c.id).where(table.c.tenant == tenant, table.c.state == "quarantined").limit(MANY + 1).subquery()
    return (connection.execute(select(func.count()).select_from(some)).scalar_one(), oldest,
            connection.execute(select(func.count()).select_from(aside)).scalar_one())


def came(connection: Connection, tenant: str, names: Sequence[str], day: date) -> int:
    """Count the messages that these sources sent on a day for the first time."""
    table, begin = tables.deliveries, datetime.combine(day, time(), tzinfo=UTC)
    return sum(connection.execute(select(func.count()).where(
        table.c.tenant == tenant, table.c.source == name, table.c.received_at >= begin, table.c.received_at < begin + timedelta(days=1),
        table.c.first)).scalar_one() for name in names)


def went(connection: Connection, reach: Reach, first: date) -> dict[date, int]:
    """Count the returns that went out in batches since a day, by day."""
    table = tables.windows
    found: dict[date, int] = {}
    for row in connection.execute(select(table.c.closed_at, table.c.returns).where(
            table.c.tenant == reach.tenant, table.c.legal_entity.in_(reach.entities),
            table.c.closed_at >= datetime.combine(first, time(), tzinfo=UTC))):
        found[row.closed_at.date()] = found.get(row.closed_at.date(), 0) + row.returns
    return found


def holders(connection: Connection, reach: Reach) -> list[Holder]:
    """Say who acts for each legal entity."""
    table = tables.leases
    return [Holder(legal_entity=row.legal_entity, holder=row.holder, until=row.until) for row in connection.execute(
        select(table).where(table.c.tenant == reach.tenant, table.c.legal_entity.in_(reach.entities)).order_by(table.c.legal_entity))]


def ages(connection: Connection, reach: Reach, now: datetime, edges: Sequence[timedelta]) -> list[tuple[str, list[int]]]:
    """Count open work by team and age: younger than the first edge, then up to each next, then older."""
    work, cases = tables.exceptions, tables.cases
    found: dict[str, list[int]] = {}
    for row in connection.execute(select(work.c.owner, work.c.opened_at).select_from(work.outerjoin(
            cases, (cases.c.tenant == work.c.tenant) & (cases.c.ref == work.c.return_ref))).where(
            work.c.tenant == reach.tenant, work.c.closed_at.is_(None), func.coalesce(cases.c.legal_entity, "").in_(reach.entities))):
        counts = found.setdefault(row.owner, [0] * (len(edges) + 1))
        counts[sum(now - row.opened_at >= edge for edge in edges)] += 1
    return sorted(found.items())


def alive(connection: Connection) -> None:
    """Read a row; whatever is wrong with the database is raised."""
    connection.execute(select(tables.trail_heads.c.tenant).limit(1)).first()

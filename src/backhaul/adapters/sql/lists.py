"""What stands in a list, page by page, however long the list is?

Every query runs along an index and stops after a page: the next page begins after the last row of this one, so the thousandth costs what
the first did. Counts that would need the whole list stop at `MANY`. Whose rows are given is an argument, not a matter of the page.
"""

import heapq
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, case, exists, func, literal_column, or_, select, true

from backhaul.adapters.sql import rows, tables
from backhaul.adapters.sql.session import chunks, opened
from backhaul.adapters.sql.tables import Exact
from backhaul.application.ports import KeptCase, KeptException, KeptPosting, KeptWindow
from backhaul.domain.access import Scope
from backhaul.domain.lifecycle import ReturnState
from backhaul.domain.trail import TrailEntry

PAGE: Final = 50
MANY: Final = 10_000
"""A count that stops here says so."""
Days = tuple[date | None, date | None]
"""The first and the last day of a list; None where it has no such end."""
ALL_DAYS: Final[Days] = (None, None)
STATES: Final = (*(state.value for state in ReturnState), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """A scope spelled out (`reach`): one tenant, and of it these legal entities ("" is what no rule has placed yet)."""

    tenant: str
    entities: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Open work of one kind for one team in one currency."""

    kind: str
    owner: str
    currency: str
    count: int
    money: Decimal
    overdue: int
    oldest_at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What stands beside a place in the list of open work: the nearest on each side, and how many, up to a page and one."""

    previous: tuple[datetime, int] | None
    next: tuple[datetime, int] | None
    before: int
    after: int
    stands: bool
    """Whether what the place was of still stands in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One piece of open work with what a list shows of its return."""

    kept: KeptException
    legal_entity: str
    customer: str
    state: str


def reach(connection: Connection, scope: Scope, *known: str) -> Reach:
    """Spell a scope out, as lists walk along entities: all of a tenant are those that returns were placed in, and those that are known."""
    table = tables.cases
    entities = _each(connection, table.c.legal_entity, table.c.tenant == scope.tenant) if scope.entities is None else scope.entities
    return Reach(tenant=scope.tenant, entities=tuple(sorted({*entities, *(known if scope.entities is None else ())})))


def _each(connection: Connection, column: ColumnElement[str], *asked: ColumnElement[bool]) -> list[str]:
    """Give each value of a column once, "" among them, by one step along the index for each."""
    found = [""]
    while True:
        after: str | None = connection.execute(select(func.min(column)).where(*asked, column > found[-1])).scalar_one()
        if after is None:
            return found
        found.append(after)


# --- returns -----------------------------------------------------------------------------------------------


def returns(connection: Connection, reach: Reach, *, state: str = "", after: tuple[datetime, str] | None = None,
            limit: int = PAGE) -> list[KeptCase]:
    """List returns, the latest changed first."""
    walks = [_in_state(each) for each in ([state] if state else STATES)]
    return _cases(connection, reach, tables.cases.c.updated_at, walks, after=after, limit=limit, down=True)


def waiting(connection: Connection, reach: Reach, *, after: tuple[datetime, str] | None = None, limit: int = PAGE) -> list[KeptCase]:
    """List returns whose customers wait, the longest first."""
    return _cases(connection, reach, tables.cases.c.waits_since, [true()], after=after, limit=limit, down=False)


def promised(connection: Connection, reach: Reach, *, past: datetime | None = None, after: tuple[datetime, int] | None = None,
             limit: int = PAGE) -> list[tuple[datetime, int, str]]:
    """List the last promise about each return whose customer waits, what was promised for the soonest first.

    Each is until when, its number, and the return. With `past`, those of which the day was over then.
    """
    said, later, cases = tables.promises, tables.promises.alias(), tables.cases
    asked = [said.c.tenant == reach.tenant, cases.c.legal_entity.in_(reach.entities), cases.c.waits_since.is_not(None), ~exists().where(
        later.c.tenant == said.c.tenant, later.c.return_ref == said.c.return_ref, later.c.id > said.c.id)]
    asked += [said.c.due_at < past] if past is not None else []
    asked += _behind(said.c.due_at, said.c.id, after) if after is not None else []
    found = connection.execute(select(said.c.due_at, said.c.id, said.c.return_ref).join(
        cases, (cases.c.tenant == said.c.tenant) & (cases.c.ref == said.c.return_ref)).where(*asked).order_by(
        said.c.due_at, said.c.id).limit(limit))
    return [(row.due_at, row.id, row.return_ref) for row in found]


def _cases(connection: Connection, reach: Reach, by: ColumnElement[Any], walks: Sequence[ColumnElement[bool]], *,  # noqa: PLR0913  private
           after: tuple[datetime, str] | None, limit: int, down: bool) -> list[KeptCase]:
    """List returns by a moment. One short walk along the index for each entity and condition, merged."""
    table = tables.cases
    behind = [by.is_not(None)] if after is None else _behind(by, table.c.ref, after, down=down)
    order = [column.desc() if down else column.asc() for column in (by, table.c.ref)]
    found = [map(rows.case, connection.execute(select(table).where(
        table.c.tenant == reach.tenant, table.c.legal_entity == entity, walk, *behind).order_by(*order).limit(limit)).all())
        for entity in reach.entities for walk in walks]
    merged = heapq.merge(*found, key=lambda case: (getattr(case, by.key or ""), case.ref), reverse=down)
    return list(islice(merged, limit))


def _in_state(state: str | None) -> ColumnElement[bool]:
    return tables.cases.c.state.is_(None) if state is None else tables.cases.c.state == state


def _behind(column: ColumnElement[Any], tie: ColumnElement[Any], after: tuple[datetime, Any], *,
            down: bool = False) -> list[ColumnElement[bool]]:
    """Keep to what lies behind a row. The first condition says where in the index to begin: in an OR SQLite finds no beginning."""
    at, last = after
    if down:
        return [column <= at, or_(column < at, tie < last)]
    return [column >= at, or_(column > at, tie > last)]


def counted(connection: Connection, reach: Reach) -> dict[str, int]:
    """Count returns by state, each up to `MANY`."""
    table = tables.cases
    found: dict[str, int] = {}
    for each in STATES:
        some = select(table.c.ref).where(
            table.c.tenant == reach.tenant, table.c.legal_entity.in_(reach.entities), _in_state(each)).limit(MANY + 1).subquery()
        found[each or ""] = connection.execute(select(func.count()).select_from(some)).scalar_one()
    return found


def work_of(connection: Connection, tenant: str, refs: Collection[str]) -> dict[str, int]:
    """Count the open exceptions of each of these returns."""
    table = tables.exceptions
    counted = connection.execute(select(table.c.return_ref, func.count()).group_by(table.c.return_ref).where(
        table.c.tenant == tenant, table.c.return_ref.in_(refs), table.c.closed_at.is_(None)))
    return {row[0]: row[1] for row in counted}


def known(connection: Connection, reach: Reach, ref: str) -> KeptCase | None:
    """Give a return by its exact reference, if this reach may see it."""
    row = connection.execute(select(tables.cases).where(
        tables.cases.c.tenant == reach.tenant, tables.cases.c.ref == ref, tables.cases.c.legal_entity.in_(reach.entities))).first()
    return None if row is None else rows.case(row)


# --- work ----------------------------------------------------------------------------------------------------


def total(connection: Connection, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Add exactly: SQLite keeps decimals as text and is given a sum of its own (`store`)."""
    return func.exact_sum(column, type_=Exact()) if connection.dialect.name == "sqlite" else func.sum(column, type_=Exact())


def _open(reach: Reach, *, owner: str, kind: str, entity: str) -> list[ColumnElement[bool]]:
    work = tables.exceptions
    asked = [work.c.tenant == reach.tenant, work.c.closed_at.is_(None), _placed([entity] if entity else reach.entities)]
    asked += [work.c.kind == kind] if kind else []
    asked += [or_(work.c.owner == owner, work.c.escalated == owner)] if owner else []
    return asked


def _placed(entities: Collection[str]) -> ColumnElement[bool]:
    """Keep to these entities; work about a return that is not kept yet belongs to nobody's entity, which is ""."""
    return func.coalesce(tables.cases.c.legal_entity, "").in_(entities)


def _work(*columns: Any) -> Select[Any]:  # noqa: ANN401  what SQLAlchemy selects
    work, cases = tables.exceptions, tables.cases
    return select(*columns).select_from(work.outerjoin(cases, (cases.c.tenant == work.c.tenant) & (cases.c.ref == work.c.return_ref)))


def causes(connection: Connection, reach: Reach, *, now: datetime, owner: str = "", entity: str = "") -> list[Cause]:
    """Group open work by kind, team and currency, the most money first."""
    work = tables.exceptions
    keys = (work.c.kind, work.c.owner, work.c.currency)
    query = _work(*keys, func.count().label("many"), total(connection, work.c.amount).label("money"),
                  func.sum(_late(now)).label("overdue"), func.min(work.c.opened_at).label("oldest_at"),
                  func.min(work.c.due_at).label("due_at"))
    found = connection.execute(query.where(*_open(reach, owner=owner, kind="", entity=entity)).group_by(*keys))
    return sorted((Cause(kind=row.kind, owner=row.owner, currency=row.currency, count=row.many, money=row.money or Decimal(0),
                         overdue=int(row.overdue or 0), oldest_at=row.oldest_at, due_at=row.due_at) for row in found),
                  key=lambda cause: (-abs(cause.money), -cause.count, cause.kind, cause.owner))


def _late(now: datetime) -> ColumnElement[int]:
    return case((tables.exceptions.c.due_at < now, 1), else_=0)


def escalated(connection: Connection, reach: Reach) -> dict[str, int]:
    """Count the overdue work that has come before each team beside its owner."""
    table = tables.exceptions
    found = connection.execute(_work(table.c.escalated, func.count()).where(
        *_open(reach, owner="", kind="", entity=""), table.c.escalated != "").group_by(table.c.escalated))
    return dict(sorted((row[0], row[1]) for row in found))


def work(  # noqa: PLR0913  each is named at the call
    connection: Connection, reach: Reach, *, owner: str = "", kind: str = "", entity: str = "",
    after: tuple[datetime, int] | None = None, limit: int = PAGE,
) -> list[Work]:
    """List open work, what is due first first; that of a team is what it owns and what has come before it because it is late."""
    table, cases = tables.exceptions, tables.cases
    asked = _open(reach, owner=owner, kind=kind, entity=entity)
    if after is not None:
        asked += _behind(table.c.due_at, table.c.id, after)
    found = connection.execute(_work(table, cases.c.legal_entity, cases.c.customer, cases.c.state).where(*asked).order_by(
        table.c.due_at, table.c.id).limit(limit))
    return [Work(kept=rows.exception(row), legal_entity=row.legal_entity or "", customer=row.customer or "", state=row.state or "")
            for row in found]


def around(  # noqa: PLR0913  each is named at the call
    connection: Connection, reach: Reach, at: tuple[datetime, int], *, owner: str = "", kind: str = "", entity: str = "",
    limit: int = PAGE,
) -> Around:
    """Look from a place in the list of open work (`work`) both ways, a page far and no further: two walks along its index."""
    table = tables.exceptions
    (due_at, number), asked = at, _open(reach, owner=owner, kind=kind, entity=entity)

    def walk(*where: ColumnElement[bool], down: bool = False) -> list[tuple[datetime, int]]:
        order = [column.desc() if down else column.asc() for column in (table.c.due_at, table.c.id)]
        found = connection.execute(_work(table.c.due_at, table.c.id).where(*asked, *where).order_by(*order).limit(limit + 2))
        return [(row.due_at, row.id) for row in found]

    before = walk(*_behind(table.c.due_at, table.c.id, at, down=True), down=True)
    after = walk(table.c.due_at >= due_at, or_(table.c.due_at > due_at, table.c.id >= number))
    stands = after[:1] == [(due_at, number)]
    before, after = ([each for each in side if each[1] != number][:limit + 1] for side in (before, after))
    return Around(previous=before[0] if before else None, next=after[0] if after else None, before=len(before), after=len(after),
                  stands=stands)


def one_work(connection: Connection, reach: Reach, number: int) -> Work | None:
    """Give one piece of work, open or not, if this reach may see it."""
    table, cases = tables.exceptions, tables.cases
    row = connection.execute(_work(table, cases.c.legal_entity, cases.c.customer, cases.c.state).where(
        table.c.tenant == reach.tenant, table.c.id == number, _placed(reach.entities))).first()
    return None if row is None else Work(
        kept=rows.exception(row), legal_entity=row.legal_entity or "", customer=row.customer or "", state=row.state or "")


# --- batches, trail ----------------------------------------------------------------------------------------------


def windows(connection: Connection, reach: Reach, *, days: Days = ALL_DAYS, before: int | None = None,
            limit: int = PAGE) -> list[tuple[int, KeptWindow]]:
    """List the windows that were closed on these days (UTC) with their ids, the latest first."""
    table, (first, last) = tables.windows, days
    asked: list[ColumnElement[bool]] = [table.c.tenant == reach.tenant, table.c.legal_entity.in_(reach.entities)]
    if first is not None:
        asked.append(table.c.closed_at >= datetime.combine(first, time.min, UTC))
    if last is not None and last < date.max:
        asked.append(table.c.closed_at < datetime.combine(last + timedelta(days=1), time.min, UTC))
    if before is not None:
        asked.append(table.c.id < before)
    return [(row.id, rows.window(row)) for row in connection.execute(select(table).where(*asked).order_by(table.c.id.desc()).limit(limit))]


def window(connection: Connection, reach: Reach, key: str) -> KeptWindow | None:
    """Give one window, if this reach may see it."""
    table = tables.windows
    row = connection.execute(select(table).where(
        table.c.tenant == reach.tenant, table.c.key == key, table.c.legal_entity.in_(reach.entities))).first()
    return None if row is None else rows.window(row)


def travelled(connection: Connection, key: str, *, after: str = "", limit: int = PAGE) -> list[KeptPosting]:
    """List what travelled in a window, by key."""
    table = tables.postings
    found = connection.execute(select(table).where(table.c.window_key == key, table.c.key > after).order_by(table.c.key).limit(limit))
    return [rows.kept_posting(row) for row in found]


def trail(connection: Connection, tenant: str, *, subject: str = "", days: Days = ALL_DAYS, before: int | None = None,  # noqa: PLR0913  named
          limit: int = PAGE) -> list[TrailEntry]:
    """List what was done on these days (UTC), the latest first.

    Moments have no index: entries are numbered as they are written, so that a day is found along their numbers. Who writes one may have
    looked at the clock some hours before; the walk begins and ends a day further out, and the moment itself decides.
    """
    table, (first, last) = tables.trail, days
    asked: list[ColumnElement[bool]] = [table.c.tenant == tenant]
    if subject:
        asked.append(table.c.subject == subject)
    if first is not None:
        asked.append(table.c.at >= first.isoformat())
    if last is not None and last < date.max:
        asked.append(table.c.at < (last + timedelta(days=1)).isoformat())
    if first is not None and first > date.min and not subject:
        asked.append(table.c.sequence >= _number_of(connection, tenant, first - timedelta(days=1)))
    if last is not None and date.max - last > timedelta(days=2) and not subject:
        asked.append(table.c.sequence < _number_of(connection, tenant, last + timedelta(days=2)))
    if before is not None:
        asked.append(table.c.sequence < before)
    return opened(connection, connection.execute(select(table).where(*asked).order_by(table.c.sequence.desc()).limit(limit)).all())


def _number_of(connection: Connection, tenant: str, day: date) -> int:
    """Give the number of the first entry of a day or after it, by halving what is left: each step is one look along the primary key."""
    table = tables.trail
    low, high = 1, (connection.execute(select(func.max(table.c.sequence)).where(table.c.tenant == tenant)).scalar_one() or 0) + 1
    while low < high:
        middle = (low + high) // 2
        found = connection.execute(select(table.c.at).where(table.c.tenant == tenant, table.c.sequence >= middle).order_by(
            table.c.sequence).limit(1)).scalar_one()
        low, high = (middle + 1, high) if found < day.isoformat() else (low, middle)
    return low


# --- any id ------------------------------------------------------------------------------------------------------


def search(connection: Connection, reach: Reach, text: str, *, limit: int = PAGE) -> list[tuple[str, KeptCase]]:
    """Find returns by any id somebody may hold, letter by letter, with what it was found as; a return's reference also by its beginning."""
    found: dict[str, str] = {}
    sources = _each(connection, tables.deliveries.c.source, tables.deliveries.c.tenant == reach.tenant)
    for what, query in _ways(reach.tenant, text, connection.dialect.name, sources):
        for row in connection.execute(query.limit(limit)).all():
            found.setdefault(str(row[0]), what)
    if not found:
        return []
    cases = {row.ref: rows.case(row) for row in connection.execute(select(tables.cases).where(
        tables.cases.c.tenant == reach.tenant, tables.cases.c.ref.in_(list(found)[:500]),
        tables.cases.c.legal_entity.in_(reach.entities)))}
    return [(what, cases[ref]) for ref, what in found.items() if ref in cases][:limit]


def _ways(tenant: str, text: str, dialect: str, sources: Sequence[str]) -> Iterator[tuple[str, Select[tuple[str]]]]:
    cases, postings, facts, deliveries, mentions = tables.cases, tables.postings, tables.facts, tables.deliveries, tables.mentions
    last = chr(0x10FFFF)
    yield "return", select(cases.c.ref).where(
        cases.c.tenant == tenant, cases.c.ref >= text, cases.c.ref < text + last).order_by(cases.c.ref)
    yield "customer", select(cases.c.ref).where(cases.c.tenant == tenant, cases.c.customer == text)
    yield "order", select(postings.c.return_ref).where(postings.c.tenant == tenant, postings.c.order_ref == text)
    for what in ("order", "parcel"):
        yield what, select(mentions.c.return_ref).where(mentions.c.tenant == tenant, mentions.c.name == text, mentions.c.sort == what)
    for what, name in (("document", "number"), ("voucher", "voucher")):
        yield what, select(postings.c.return_ref).where(postings.c.tenant == tenant, erp_says(name, dialect) == text)
    yield "message", select(facts.c.return_ref).join(deliveries, deliveries.c.id == facts.c.delivery_id).where(
        deliveries.c.tenant == tenant, deliveries.c.source.in_(sources), deliveries.c.identity == text)


def erp_says(name: str, dialect: str) -> ColumnElement[str]:
    """Give what the ERP calls a document, in the very words of its index (migration 0011)."""
    erp = tables.postings.c.erp
    if dialect == "sqlite":
        return func.json_extract(erp, literal_column(f"'$.{name}'"))
    return func.substring(erp, literal_column(f"""'"{name}":"([^"]*)"'"""))


def raw(connection: Connection, tenant: str, number: int) -> Row[Any] | None:
    """Give a delivery with its bytes."""
    return connection.execute(select(tables.deliveries).where(
        tables.deliveries.c.tenant == tenant, tables.deliveries.c.id == number)).first()


def told_of(connection: Connection, tenant: str, number: int) -> Sequence[str]:
    """Give all returns a delivery told of: who may not see one of them may not see the message."""
    facts = tables.facts
    return connection.execute(select(facts.c.return_ref).distinct().where(
        facts.c.tenant == tenant, facts.c.delivery_id == number).order_by(facts.c.return_ref)).scalars().all()


def all_known(connection: Connection, reach: Reach, refs: Collection[str]) -> bool:
    """Tell whether this reach may see every one of these returns."""
    cases = tables.cases
    return all(connection.execute(select(func.count()).select_from(cases).where(
        cases.c.tenant == reach.tenant, cases.c.legal_entity.in_(reach.entities), cases.c.ref.in_(part))).scalar_one() == len(part)
        for part in chunks(refs))

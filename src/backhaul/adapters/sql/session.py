"""What do all parts of one transaction share?

A connection, the chain of what was done, and writes that wait: a verb says `fix` ten thousand times, the
database hears it as a few statements over many rows, at the latest before the commit.
"""

from collections.abc import Collection, Iterator, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from secrets import token_hex
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable, Row, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from backhaul.adapters.sql import rows, tables
from backhaul.application.ports import Clock
from backhaul.domain.errors import RetryLater
from backhaul.domain.proposal import SYSTEM
from backhaul.domain.trail import GENESIS, TrailEntry, link, words_in

CHUNK = 500
"""Most values in one IN list."""
PAGE = 1000
"""Most entries of the trail in memory at once."""

Ref = tuple[str, str]
"""Tenant and return reference."""
Seen = MutableMapping[Ref, tuple[int, int]]
"""For each return whose facts this thread read: which touch it saw, as id and counter of the row."""

T = TypeVar("T")


def chunks(values: Collection[T]) -> Iterator[list[T]]:
    """Cut a collection into lists that fit an IN list."""
    rest = iter(values)
    while part := list(islice(rest, CHUNK)):
        yield part


def ensure(holds: bool, sentence: str) -> None:  # noqa: FBT001  reads as a sentence at the call
    """Stop with `AssertionError` if something does not hold that no caller may break; not switched off by ``-O``."""
    if not holds:
        raise AssertionError(sentence)


def given(value: T | None, sentence: str) -> T:
    """Give a value that has to be there, or stop with `AssertionError`."""
    if value is None:
        raise AssertionError(sentence)
    return value


class Session:
    """One open transaction on one connection."""

    def __init__(self, connection: Connection, seen: Seen, clock: Clock | None) -> None:
        """Begin with nothing waiting to be written."""
        self._connection, self._seen, self._clock = connection, seen, clock
        self._token = 0
        self._entries: list[tuple[str, str, str, str, str, Mapping[str, Any]]] = []

    def _insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """Begin an insert that can say what happens on a conflict."""
        return postgresql.insert(table) if self._connection.dialect.name == "postgresql" else sqlite.insert(table)

    def _many(self, statement: Executable, params: Sequence[Mapping[str, Any]]) -> None:
        """Run one statement over many rows."""
        if params:
            self._connection.execute(statement, params)

    def _each(self, statement: Executable, params: Sequence[Mapping[str, Any]], otherwise: Exception) -> None:
        """Run one statement that must meet exactly one row per set of parameters."""
        if params and self._connection.execute(statement, params).rowcount != len(params):
            raise otherwise

    def _new(self, table: Table, params: Sequence[Mapping[str, Any]], otherwise: Exception) -> None:
        """Insert rows none of which may be there already: another worker may have been faster."""
        if params:
            statement = self._insert(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
            if self._connection.execute(statement, params).rowcount != len(params):
                raise otherwise

    def _at(self, at: datetime | None) -> datetime:
        """Give the time of an act; where the caller names none, the clock's."""
        if at is not None:
            return at
        return self._clock.now() if self._clock else datetime.now(UTC)

    # --- the trail

    def record(self, tenant: str, *, subject: str, action: str, detail: Mapping[str, Any],  # noqa: PLR0913  the port's signature
               at: datetime, actor: str) -> None:
        """Add an entry to the tenant's chain."""
        ensure(at.tzinfo is not None, f"{action} {subject}: {at.isoformat()} has no time zone")
        self._entries.append((tenant, at.astimezone(UTC).isoformat(), actor, subject, action, detail))

    def trail(self, tenant: str, *, subject: str | None = None) -> Iterator[TrailEntry]:
        """Give the chain, or its entries about one subject (a return reference)."""
        self._flush_trail()
        table, last = tables.trail, 0
        query = select(table).where(table.c.tenant == tenant).order_by(table.c.sequence).limit(PAGE)
        if subject is not None:
            query = query.where(table.c.subject == subject)
        while page := self._connection.execute(query.where(table.c.sequence > last)).all():
            last = page[-1].sequence
            yield from opened(self._connection, page)

    def _flush_trail(self) -> None:
        waiting, self._entries = self._entries, []
        by_tenant: dict[str, list[tuple[str, str, str, str, Mapping[str, Any]]]] = {}
        for tenant, *entry in waiting:
            by_tenant.setdefault(tenant, []).append(tuple(entry))  # type: ignore[arg-type]  # unpacked two lines above
        for tenant in sorted(by_tenant):
            self._extend(tenant, by_tenant[tenant])

    def _extend(self, tenant: str, waiting: Sequence[tuple[str, str, str, str, Mapping[str, Any]]]) -> None:
        """Link entries to a tenant's chain while nobody else can (its head is locked)."""
        heads = tables.trail_heads
        self._connection.execute(
            self._insert(heads).on_conflict_do_nothing(), {"tenant": tenant, "sequence": 0, "hash": GENESIS})
        head = self._connection.execute(select(heads).where(heads.c.tenant == tenant).with_for_update()).one()
        sequence, previous, linked, words = head.sequence, head.hash, list[dict[str, Any]](), list[dict[str, Any]]()
        for at, actor, subject, action, told in waiting:
            sequence, detail = sequence + 1, rows.plain(told)
            seals = {name: token_hex(16) for name in words_in(detail, ours=actor == SYSTEM)}
            entry = link(TrailEntry(tenant=tenant, sequence=sequence, at=at, actor=actor, subject=subject, action=action, detail=detail,
                                    previous=previous, seals=seals))
            previous = entry.hash
            linked.append(rows.entry_row(entry))
            words += rows.word_rows(entry)
        self._many(tables.trail.insert(), linked)
        self._many(tables.words.insert(), words)
        self._connection.execute(update(heads).where(heads.c.tenant == tenant).values(sequence=sequence, hash=previous))


def opened(connection: Connection, found: Sequence[Row[Any]]) -> list[TrailEntry]:
    """Read rows of one tenant's trail, with the words that are kept beside it and not erased."""
    table, words = tables.words.c, dict[int, list[Row[Any]]]()
    for part in chunks([row.sequence for row in found]):
        for row in connection.execute(select(tables.words).where(table.tenant == found[0].tenant, table.sequence.in_(part))):
            words.setdefault(row.sequence, []).append(row)
    return [rows.entry(row, words.get(row.sequence, ())) for row in found]


def overtaken(what: str) -> RetryLater:
    """Say that another worker changed the same rows meanwhile; nothing of this transaction is kept."""
    return RetryLater(f"{what} were changed by another worker meanwhile; nothing was kept, the same step may run again.")

"""What does somebody see who wants to know how things stand?

Read-only rows for pages and the command line, on a connection from `SqlStore.read`. Nothing here decides
anything, and nothing here is kept. Every query takes the scope of whoever asks: what lies outside is not there (INV-22).
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, Table, select

from backhaul.adapters.sql import rows, tables
from backhaul.adapters.sql.session import opened
from backhaul.application.ports import KeptCase, KeptException, KeptPosting
from backhaul.domain.access import Action, Person, Scope, account_seen, may, words_seen
from backhaul.domain.posting import ReturnOrder

PAGE: Final = 50
_ORDER: Final = {"delivery": 0, "fact": 1, "exception": 2, "posting": 3, "attempt": 4, "trail": 5}
"""Which of several events of one moment is told first."""
TOLD_TO_ALL: Final = ("stage", "delivery_id")
"""What of a fact is no word of a customer or about one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a return. `sort` is delivery, fact, posting, attempt, exception or trail."""

    at: datetime
    sort: str
    title: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """Everything known about one return: where it stands, its documents, and what happened, in order of time."""

    case: KeptCase | None
    postings: tuple[KeptPosting, ...]
    events: tuple[Event, ...]


def of_cases(scope: Scope) -> tuple[ColumnElement[bool], ...]:
    """Give the conditions under which a row of `cases` is in a scope."""
    cases = tables.cases
    if scope.entities is None:
        return (cases.c.tenant == scope.tenant,)
    return cases.c.tenant == scope.tenant, cases.c.legal_entity.in_(sorted(scope.entities))


def within(scope: Scope, tenant: ColumnElement[str], ref: ColumnElement[str]) -> tuple[ColumnElement[bool], ...]:
    """Give the conditions under which a row about a return is in a scope; what is about no return is in whole scopes only."""
    if scope.entities is None:
        return (tenant == scope.tenant,)
    return tenant == scope.tenant, ref.in_(select(tables.cases.c.ref).where(*of_cases(scope)))


def open_work(connection: Connection, scope: Scope, number: int) -> KeptException | None:
    """Give the open exception of this number, if it is in the scope."""
    table = tables.exceptions
    row = connection.execute(select(table).where(
        *within(scope, table.c.tenant, table.c.return_ref), table.c.closed_at.is_(None), table.c.id == number)).first()
    return None if row is None else rows.exception(row)


def refs_about(connection: Connection, scope: Scope, term: str, *, limit: int = PAGE) -> tuple[str, ...]:
    """Give returns that are called so, or name this order, customer or parcel; letter by letter, each along an index of its own."""
    cases, postings, mentions = tables.cases, tables.postings, tables.mentions
    if not term:
        return ()

    def through(table: Table, *so_called: ColumnElement[bool]) -> Select[tuple[str]]:
        return select(cases.c.ref).join(table, (table.c.tenant == cases.c.tenant) & (table.c.return_ref == cases.c.ref)).where(
            table.c.tenant == scope.tenant, *so_called).distinct()

    ways = (select(cases.c.ref).where(cases.c.ref == term), select(cases.c.ref).where(cases.c.customer == term),
            through(postings, postings.c.order_ref == term), through(mentions, mentions.c.name == term))
    found = {ref for way in ways for ref in connection.execute(way.where(*of_cases(scope)).order_by(cases.c.ref).limit(limit)).scalars()}
    return tuple(sorted(found)[:limit])


def life(connection: Connection, scope: Scope, ref: str) -> Life:
    """Tell one return's life in order of time: deliveries, facts, postings, attempts, exceptions and the trail.

    Nothing at all of a return outside the scope.
    """
    tenant, table = scope.tenant, tables.postings
    case = connection.execute(select(tables.cases).where(*of_cases(scope), tables.cases.c.ref == ref)).first()
    if case is None and scope.entities is not None:
        return Life(case=None, postings=(), events=())
    stored = [rows.kept_posting(row) for row in connection.execute(
        select(table).where(table.c.tenant == tenant, table.c.return_ref == ref))]
    told = [*_deliveries(connection, tenant, ref), *_facts(connection, tenant, ref), *_postings(stored),
            *_attempts(connection, tenant, ref), *_exceptions(connection, tenant, ref), *_trail(connection, tenant, ref)]
    return Life(
        case=None if case is None else rows.case(case),
        postings=tuple(sorted(stored, key=lambda kept: kept.posting.key)),
        events=tuple(sorted(told, key=lambda event: (event.at, _ORDER[event.sort]))))


def as_seen(told: Life, person: Person, tenant: str) -> Life:
    """Leave out of a life what somebody may not see: the customer's account and what messages said, and the trail."""
    entity = told.case.legal_entity if told.case else ""
    case = told.case and replace(told.case, customer=account_seen(person, tenant, entity, told.case.customer))
    events = told.events if may(person, Action.SEE_TRAIL, tenant, entity) else tuple(each for each in told.events if each.sort != "trail")
    if may(person, Action.SEE_PERSONAL, tenant, entity):
        return replace(told, events=events)
    known = accounts(told)
    events = tuple(replace(each, detail={name: value for name, value in each.detail.items() if name in TOLD_TO_ALL}
                           if each.sort == "fact" else words_seen(person, tenant, entity, each.detail, known)) for each in events)
    postings = tuple(replace(row, note=words_seen(person, tenant, entity, row.note, known)) for row in told.postings)
    return replace(told, case=case, postings=postings, events=events)


def accounts(told: Life) -> frozenset[str]:
    """Give every customer's account a return is known to have had: by its case, its facts and its documents."""
    named = {told.case.customer} if told.case else set()
    named |= {row.posting.document.customer for row in told.postings if isinstance(row.posting.document, ReturnOrder)}
    for each in told.events:
        if each.sort == "fact":
            of = ("customer", "told", "value") if each.detail.get("what") == "customer" else ("customer",)
            named |= {str(each.detail[name]) for name in of if each.detail.get(name)}
    return frozenset(named - {""})


def work_seen(kept: KeptException, person: Person, entity: str, known: Iterable[str]) -> KeptException:
    """Give an exception as somebody reads it: customers' accounts in its sentences are masked like those in columns."""
    tenant = kept.case.tenant
    findings = tuple(replace(each, sentence=words_seen(person, tenant, entity, each.sentence, known),
                             hint=words_seen(person, tenant, entity, each.hint, known)) for each in kept.case.findings)
    return replace(kept, case=replace(kept.case, findings=findings))


def _deliveries(connection: Connection, tenant: str, ref: str) -> Iterator[Event]:
    """Tell of deliveries that brought a fact about the return, and of every repeat of them."""
    table, facts = tables.deliveries, tables.facts
    brought = select(table.c.source, table.c.identity).distinct().join(facts, facts.c.delivery_id == table.c.id).where(
        facts.c.tenant == tenant, facts.c.return_ref == ref).subquery()
    query = select(table).join(
        brought, (table.c.source == brought.c.source) & (table.c.identity == brought.c.identity)).where(table.c.tenant == tenant)
    for row in connection.execute(query.order_by(table.c.id)):
        yield Event(at=row.received_at, sort="delivery", title=f"{row.channel}: {row.state}", detail={
            "id": row.id, "source": row.source, "identity": row.identity, "sha256": row.sha256, "size": row.size, "reason": row.reason})


def _facts(connection: Connection, tenant: str, ref: str) -> Iterator[Event]:
    table = tables.facts
    for row in connection.execute(
        select(table).where(table.c.tenant == tenant, table.c.return_ref == ref).order_by(table.c.id)):
        yield Event(at=row.at, sort="fact", title=row.kind, detail={**json.loads(row.body), "delivery_id": row.delivery_id})


def _postings(stored: Collection[KeptPosting]) -> Iterator[Event]:
    for kept in stored:
        if kept.planned_at is not None:
            yield Event(at=kept.planned_at, sort="posting", title=f"{kept.posting.key.kind.value}: {kept.state.value}", detail={
                "key": str(kept.posting.key), "marker": kept.posting.key.marker, "net": str(kept.posting.net),
                "currency": kept.posting.currency, "window": kept.window, "mapping_version": kept.mapping_version,
                "document": kept.document.number if kept.document else "", "note": kept.note})


def _attempts(connection: Connection, tenant: str, ref: str) -> Iterator[Event]:
    table, postings = tables.attempts, tables.postings
    query = select(table, postings.c.kind).join(postings, postings.c.key == table.c.posting).where(
        postings.c.tenant == tenant, postings.c.return_ref == ref)
    for row in connection.execute(query.order_by(table.c.id)):
        detail = {"key": row.posting, "batch": row.batch, "number": row.number, "request_hash": row.request_hash}
        yield Event(at=row.started_at, sort="attempt", title=f"{row.kind}: attempt {row.number}", detail=detail)
        if row.finished_at is not None:
            yield Event(at=row.finished_at, sort="attempt", title=f"{row.kind}: {row.outcome}", detail={**detail, "detail": row.detail})


def _exceptions(connection: Connection, tenant: str, ref: str) -> Iterator[Event]:
    table = tables.exceptions
    for row in connection.execute(
        select(table).where(table.c.tenant == tenant, table.c.return_ref == ref).order_by(table.c.id)):
        kept = rows.exception(row)
        detail = {"id": kept.id, "line": kept.case.line_id, "owner": kept.case.owner, "money": str(kept.case.money),
                  "due_at": kept.case.due_at.isoformat(), "findings": [finding.sentence for finding in kept.case.findings]}
        yield Event(at=kept.case.opened_at, sort="exception", title=f"{kept.case.kind}: opened", detail=detail)
        if kept.closed_at is not None:
            yield Event(at=kept.closed_at, sort="exception", title=f"{kept.case.kind}: closed", detail={
                **detail, "resolution": kept.resolution, "actor": kept.actor})


def _trail(connection: Connection, tenant: str, ref: str) -> Iterator[Event]:
    table = tables.trail
    found = connection.execute(select(table).where(table.c.tenant == tenant, table.c.subject == ref).order_by(table.c.sequence)).all()
    for entry in opened(connection, found):
        yield Event(at=datetime.fromisoformat(entry.at), sort="trail", title=entry.action, detail={
            **entry.detail, "actor": entry.actor, "sequence": entry.sequence, "hash": entry.hash})

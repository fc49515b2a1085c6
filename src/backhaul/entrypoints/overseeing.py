"""What do those who watch over returns see, whatever they look with?

Flows, kinds of trouble, the lists of profile and ERP side by side, messages as they came: read once here, for pages and API alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, select

from backhaul.adapters.sql import coverage, lists, pulse, tables
from backhaul.adapters.sql.lists import Reach
from backhaul.application.ports import Erp
from backhaul.domain.comparison import Compared, compare, rates_of, service_items
from backhaul.domain.exception_case import KINDS, Kind
from backhaul.domain.money import Money
from backhaul.domain.rules import Rules
from backhaul.domain.validation import Questions
from backhaul.entrypoints.versioning import ReadableStore

SILENT: Final = timedelta(hours=24)
"""A source that told nothing for so long is called silent."""
DAYS: Final = 14
LATEST: Final = 5
SAID: Final = 3
"""So many messages behind an exception, and so many answers of the ERP, are shown with it."""
_past: Final[dict[tuple[str, date], int]] = {}
"""What came in on a day that is over never changes, so that it is counted once in this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """What came last from each source, what waits to be read, what is under way, and who acts.

    `sources`: name, when it last told something, and whether it is silent. `aside`: messages that cannot be read.
    """

    sources: Sequence[tuple[str, datetime | None, bool]]
    waits: int
    oldest: datetime | None
    aside: int
    under_way: Mapping[str, int]
    holders: Sequence[pulse.Holder]
    days: Sequence[pulse.Flow]
    graded: Sequence[coverage.Graded]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """What was compared: the rows, of which returns the items are, and whether the profile tells no rates of tax to compare."""

    rows: Sequence[Compared] = ()
    goods: coverage.Goods = field(default_factory=lambda: coverage.Goods(codes=frozenset(), returns=0))
    untaxed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One kind of trouble as this tenant deals with it: `elsewhere` are teams that rows of the profile give some of it to."""

    code: str
    kind: Kind
    owner: str
    elsewhere: Sequence[str]
    open: int
    overdue: int
    held: Sequence[Money]


def flows(store: ReadableStore, names: Sequence[str], reach: Reach, now: datetime) -> Flows:
    """Say how messages come in and documents go out; `names` are the sources of the tenant."""
    with store.read() as connection:
        said = pulse.sources(connection, reach.tenant, names)
        waits, oldest, aside = pulse.unread(connection, reach.tenant)
        under_way, holders = pulse.waiting(connection, reach), pulse.holders(connection, reach)
        graded = coverage.grades(connection, reach)
    return Flows(sources=heard(said, now), waits=waits, oldest=oldest, aside=aside, under_way=under_way, holders=holders,
                 days=days(store, names, reach, now), graded=graded)


def heard(said: Sequence[tuple[str, datetime | None]], now: datetime) -> list[tuple[str, datetime | None, bool]]:
    """Say of each source when it last told something, and whether it is silent."""
    return [(name, at, at is None or now - at > SILENT) for name, at in said]


def days(store: ReadableStore, names: Sequence[str], reach: Reach, now: datetime) -> list[pulse.Flow]:
    """Give inflow and outflow of the last days, the latest last; counted up to the last day something came in."""
    with store.read() as connection:
        told = [at for _, at in pulse.sources(connection, reach.tenant, names) if at]
        last = max(told, default=now).astimezone(UTC).date()
        first = last - timedelta(days=DAYS - 1)
        went = pulse.went(connection, reach, first)
        found = []
        for each in (first + timedelta(days=number) for number in range(DAYS)):
            at = (reach.tenant, each)
            count = _past[at] if at in _past else pulse.came(connection, reach.tenant, names, each)
            if each < now.date() - timedelta(days=1) and each < last:
                _past[at] = count
            found.append(pulse.Flow(day=each, came=count, went=went.get(each, 0)))
    return found


def compared(store: ReadableStore, erp: Erp, rules: Rules, reach: Reach, entity: str, day: date) -> Lists:  # noqa: PLR0913, PLR0917  whose, and when
    """Ask the ERP of a legal entity for its lists and compare them; raises as the ERP does where it cannot be asked."""
    mine = rules.entity(entity)
    with store.read() as connection:
        seen = {code.when.warehouse for code in coverage.codes(connection, reach, ()) if code.when.legal_entity == entity}
        goods = coverage.goods(connection, reach.tenant, entity, rules)
    rates = rates_of(rules, mine)
    master = erp.master_data(Questions(
        legal_entity=entity, items=service_items(rules) | goods.codes,
        customers=frozenset({mine.no_customer_account, *rates.groups} - {""})))
    return Lists(rows=compare(rules, mine, master, seen - {""}, items=goods.codes, day=day), goods=goods, untaxed=not rates)


def kinds(rules: Rules, causes: Sequence[lists.Cause]) -> Mapping[str, Trouble]:
    """Give every kind of trouble with whose work it is under these rules and what is open of it."""
    return {code: _kind(code, rules, [cause for cause in causes if cause.kind == code]) for code in KINDS}


def _kind(code: str, rules: Rules, causes: Sequence[lists.Cause]) -> Trouble:
    owner = rules.teams.get(code, KINDS[code].owner.value)
    some = {rule.team for rule in rules.routing if not rule.kinds or code in rule.kinds}
    return Trouble(code=code, kind=KINDS[code], owner=owner, elsewhere=sorted(some - {owner}), open=sum(cause.count for cause in causes),
                   overdue=sum(cause.overdue for cause in causes), held=added(causes))


def added(causes: Sequence[lists.Cause]) -> tuple[Money, ...]:
    """Add money by currency; two currencies are never added."""
    sums: dict[str, Decimal] = {}
    for cause in causes:
        sums[cause.currency] = sums.get(cause.currency, Decimal(0)) + cause.money
    return tuple(Money(amount=amount, currency=currency) for currency, amount in sorted(sums.items()) if amount)


def brought(connection: Connection, tenant: str, ref: str) -> Sequence[int]:
    """Give the numbers of the messages that last told of a return, the latest first."""
    facts = tables.facts
    return connection.execute(select(facts.c.delivery_id).distinct().where(
        facts.c.tenant == tenant, facts.c.return_ref == ref, facts.c.delivery_id.is_not(None)).order_by(
        facts.c.delivery_id.desc()).limit(LATEST)).scalars().all()


def said_by_erp(connection: Connection, tenant: str, ref: str) -> Sequence[Mapping[str, Any]]:
    """Give what the ERP last answered about a return beside yes, with the name of each request, the latest first; accounts stand in it."""
    attempts, postings = tables.attempts, tables.postings
    return [dict(row._mapping) for row in connection.execute(  # noqa: SLF001  how SQLAlchemy gives a row's columns
        select(attempts, postings.c.kind).join(postings, postings.c.key == attempts.c.posting).where(
            postings.c.tenant == tenant, postings.c.return_ref == ref, attempts.c.detail != "").order_by(
            attempts.c.id.desc()).limit(SAID))]


def message(connection: Connection, reach: Reach, number: int) -> tuple[Any, Sequence[str]] | None:
    """Give a message and the returns it told of, if every one of them may be seen."""
    row = lists.raw(connection, reach.tenant, number)
    refs = lists.told_of(connection, reach.tenant, number)
    return (row, refs) if row is not None and lists.all_known(connection, reach, refs) else None

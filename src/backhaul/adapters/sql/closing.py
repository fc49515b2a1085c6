"""Who signed which month, and what do its rows come to?"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Text, cast, exists, func, insert, or_, select, update

from backhaul.adapters.sql import rows
from backhaul.adapters.sql.book import Book
from backhaul.adapters.sql.lists import total
from backhaul.adapters.sql.proofs import house, strays
from backhaul.adapters.sql.tables import (
    attempts,
    cases,
    deliveries,
    exceptions,
    postings,
    promises,
    proof_lines,
    signatures,
    windows,
)
from backhaul.application.close_ports import Counted
from backhaul.application.ports import KeptException
from backhaul.application.proof_ports import KeptStray
from backhaul.domain.oversight import Irregular
from backhaul.domain.signature import Signature, Signer

DAY: Final = timedelta(days=1)
CREDITS: Final = ("credit-note", "fee-credit-note")
DOUBT: Final = ("sending", "unconfirmed")
UNFINISHED: Final = ("ready", *DOUBT, "pending", "awaited", "posted")
NOBODYS: Final = ("", "*")
"""Whose what the proof found is where no record says it, or several say something else: everybody's until somebody says whose."""
UNMAPPED: Final = ("UNMAPPED_DISPOSITION", "UNMAPPED_FEE")


class Closing(Book):
    """Signatures are only added, and each falls at most once."""

    def add_signature(self, signature: Signature) -> int:
        """Keep a signature and give its number; one that stands already, or a preparer who reviews, is refused by the database too."""
        number: int = self._connection.execute(insert(signatures).returning(signatures.c.id), {
            "tenant": signature.tenant, "period": signature.period, "legal_entity": signature.legal_entity,
            "signer": signature.signer.value, "numbers": rows.written(dict(signature.numbers)), "sha256": signature.sha256,
            "actor": signature.actor, "at": signature.at, "fallen_at": None, "moved": ""}).scalar_one()
        return number

    def signatures(self, tenant: str, period: str = "", legal_entity: str = "", *, standing: bool = False) -> Sequence[Signature]:
        """Give signatures, oldest first: of a month and a legal entity or of all; only those that stand on demand."""
        table = signatures.c
        query = select(signatures).where(table.tenant == tenant).order_by(table.id)
        query = query.where(table.period == period) if period else query
        query = query.where(table.legal_entity == legal_entity) if legal_entity else query
        query = query.where(table.fallen_at.is_(None)) if standing else query
        return [_signature(row) for row in self._connection.execute(query)]

    def fell(self, number: int, *, moved: Sequence[str], at: datetime) -> bool:
        """Let a signature fall; tell whether it stood until now."""
        told = self._connection.execute(update(signatures).where(
            signatures.c.id == number, signatures.c.fallen_at.is_(None)).values(
                fallen_at=at, moved=json.dumps(list(moved), ensure_ascii=False)))
        return told.rowcount == 1

    def counted(self, tenant: str, legal_entity: str, period: str, *, until: datetime, now: datetime,  # noqa: PLR0913  what is counted
                sources: Sequence[str]) -> Counted:
        """Count what a month's lists say, as of `until`."""
        self._flush_postings()
        self._flush_inbox()
        table = postings.c
        mine = (windows.c.tenant == tenant, windows.c.legal_entity == legal_entity, windows.c.period == period,
                table.window_key == windows.c.key, table.tenant == tenant)
        tried = exists().where(attempts.c.posting == table.key, attempts.c.started_at < now - DAY)
        held = (exceptions.c.tenant == tenant, cases.c.tenant == tenant, cases.c.ref == exceptions.c.return_ref,
                cases.c.legal_entity == legal_entity, exceptions.c.severity != "note", exceptions.c.opened_at < until,
                or_(exceptions.c.closed_at.is_(None), exceptions.c.closed_at >= until))
        waits = (cases.c.tenant == tenant, cases.c.legal_entity == legal_entity, cases.c.waits_since < until)
        broken = (proof_lines.c.tenant == tenant, proof_lines.c.period == period, proof_lines.c.entity.in_((legal_entity, *NOBODYS)),
                  proof_lines.c.standing.in_(("broken", "orphan")))
        came = (deliveries.c.tenant == tenant, deliveries.c.received_at < until)
        credited = self._money(table.net, table.currency, *mine, table.kind.in_(CREDITS), table.state == "verified")
        kept = self._money(exceptions.c.amount, exceptions.c.currency, *held)
        found = self._gross(proof_lines.c.amount, proof_lines.c.currency, *broken)
        return Counted(
            credited=credited[0], credited_net=credited[1], held=kept[0], held_amount=kept[1], broken=found[0], broken_amount=found[1],
            unconfirmed=self._tally(*mine, table.state.in_(DOUBT), tried), unfinished=self._tally(*mine, table.state.in_(UNFINISHED)),
            unsettled=self._tally(*mine, table.state.in_(DOUBT)), unmapped=self._tally(*held, exceptions.c.kind.in_(UNMAPPED)),
            promises_due=self._tally(*waits, promises.c.tenant == tenant, promises.c.return_ref == cases.c.ref, promises.c.due_at < until),
            waiting_late=self._tally(*waits, cases.c.due_at < until), unread=self._tally(*came, deliveries.c.state == "stored"),
            unreadable=self._tally(*came, deliveries.c.state == "quarantined"),
            drift=self._tally(exceptions.c.tenant == tenant, exceptions.c.kind == "CONTRACT_DRIFT", exceptions.c.closed_at.is_(None),
                              exceptions.c.return_ref == f"contract:{legal_entity}"),
            last_heard={name: self._heard(tenant, name, until) for name in sources})

    def strays(self, tenant: str, period: str) -> Sequence[KeptStray]:
        """Give what the latest proof of a month did not prove, in a fixed order."""
        return strays(self._connection, tenant, period)

    def house(self, tenant: str, period: str) -> Sequence[Irregular]:
        """Give what the latest proof of a month found of the house as a whole, in a fixed order."""
        return house(self._connection, tenant, period)

    def open_at(self, tenant: str, until: datetime) -> Sequence[tuple[str, KeptException]]:
        """Give the exceptions that were open at a moment, the oldest first, each with the legal entity of its return, if it is of one."""
        table = exceptions.c
        found = self._connection.execute(select(exceptions, cases.c.legal_entity).select_from(exceptions.outerjoin(
            cases, (cases.c.tenant == table.tenant) & (cases.c.ref == table.return_ref))).where(
            table.tenant == tenant, table.opened_at < until, or_(table.closed_at.is_(None), table.closed_at >= until)).order_by(
            table.opened_at, table.id))
        return [(row.legal_entity or "", rows.exception(row)) for row in found]

    def _tally(self, *conditions: ColumnElement[bool]) -> int:
        told: int = self._connection.execute(select(func.count()).where(*conditions)).scalar_one()
        return told

    def _money(self, amount: ColumnElement[Any], currency: ColumnElement[Any],
               *conditions: ColumnElement[bool]) -> tuple[int, dict[str, Decimal]]:
        """Count rows and add their money up, each currency by itself."""
        query = select(currency, func.count(), total(self._connection, amount)).where(*conditions).group_by(currency).order_by(currency)
        found = self._connection.execute(query).all()
        return sum(row[1] for row in found), {row[0]: row[2] or Decimal(0) for row in found}

    def _gross(self, amount: ColumnElement[Any], currency: ColumnElement[Any],
               *conditions: ColumnElement[bool]) -> tuple[int, dict[str, Decimal]]:
        """Count rows and add their money up, none set off against another: errors that cancel are no smaller for it."""
        count, sums = self._money(amount, currency, *conditions)
        _, below = self._money(amount, currency, *conditions, cast(amount, Text).like("-%"))
        return count, {coin: whole - 2 * below.get(coin, Decimal(0)) for coin, whole in sums.items()}

    def _heard(self, tenant: str, source: str, until: datetime) -> datetime | None:
        table = deliveries.c
        told: datetime | None = self._connection.execute(select(table.received_at).where(
            table.tenant == tenant, table.source == source, table.received_at < until).order_by(
            table.received_at.desc()).limit(1)).scalar_one_or_none()
        return told


def _signature(row: Row[Any]) -> Signature:
    return Signature(id=row.id, tenant=row.tenant, period=row.period, legal_entity=row.legal_entity, signer=Signer(row.signer),
                     numbers=json.loads(row.numbers), actor=row.actor, at=row.at, fallen_at=row.fallen_at,
                     moved=tuple(json.loads(row.moved)) if row.moved else ())

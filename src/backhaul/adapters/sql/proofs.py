"""Which periods were proved, when and by whom, and which lines were not?"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select

from backhaul.adapters.sql import rows
from backhaul.adapters.sql.session import Session
from backhaul.adapters.sql.tables import proof_house, proof_lines, proof_within, proofs
from backhaul.application.proof_ports import KeptProof, KeptStray, KeptWithin
from backhaul.domain.oversight import Irregular


class Proofs(Session):
    """Runs are only added; of a period the lines of its latest run stay."""

    def keep_proof(self, proof: KeptProof, strays: Iterable[KeptStray], house: Iterable[Irregular] = (),
                   within: Iterable[KeptWithin] = ()) -> int:
        """Keep a run, and of its period only its own lines, what tolerances let go, and what it found of the house; give its number."""
        number: int = self._connection.execute(insert(proofs).returning(proofs.c.id), {
            "tenant": proof.tenant, "period": proof.period, "day": proof.day.isoformat(), "at": proof.at, "actor": proof.actor,
            "complete": proof.complete, "figures": rows.written(proof.figures),
            "extracts": rows.written({"extracts": list(proof.extracts)})}).scalar_one()
        for table in (proof_lines, proof_house, proof_within):
            self._connection.execute(delete(table).where(table.c.tenant == proof.tenant, table.c.period == proof.period))
        told = [{"proof": number, "tenant": proof.tenant, "period": proof.period, "line": each.line, "return_ref": each.return_ref,
                 "line_id": each.line_id, "standing": each.standing, "kind": each.kind, "amount": each.amount, "entity": each.entity,
                 "currency": each.currency, "document": each.document, "also": each.also, "other": each.other,
                 "since": each.since.isoformat() if each.since else ""} for each in strays]
        if told:
            self._connection.execute(insert(proof_lines), told)
        beside = [{"proof": number, "tenant": proof.tenant, "period": proof.period, "kind": each.kind, "subject": each.subject,
                   "sentence": each.sentence, "amount": each.amount, "counted": each.count, "entity": each.entity,
                   "currency": each.currency} for each in house]
        if beside:
            self._connection.execute(insert(proof_house), beside)
        let_go = [{"proof": number, "tenant": proof.tenant, "period": proof.period, "line": each.line, "return_ref": each.return_ref,
                   "line_id": each.line_id, "measure": each.measure, "amount": each.amount, "row": each.row, "entity": each.entity,
                   "currency": each.currency, "document": each.document} for each in within]
        if let_go:
            self._connection.execute(insert(proof_within), let_go)
        return number

    def proofs(self, tenant: str, period: str = "", *, limit: int = 100) -> Sequence[KeptProof]:
        """Give runs, of one period or of all, the latest first."""
        return runs(self._connection, tenant, period, limit=limit)


def runs(connection: Connection, tenant: str, period: str = "", *, limit: int = 100) -> list[KeptProof]:
    """Give runs, of one period or of all, the latest first."""
    query = select(proofs).where(proofs.c.tenant == tenant)
    query = query.where(proofs.c.period == period) if period else query
    return [_proof(row) for row in connection.execute(query.order_by(proofs.c.id.desc()).limit(limit))]


def latest(connection: Connection, tenant: str, *, limit: int = 1200) -> list[KeptProof]:
    """Give the latest run of each period, the latest period first."""
    newest = select(func.max(proofs.c.id)).where(proofs.c.tenant == tenant).group_by(proofs.c.period)
    found = connection.execute(select(proofs).where(proofs.c.id.in_(newest)).order_by(proofs.c.period.desc()).limit(limit))
    return [_proof(row) for row in found]


def strays(connection: Connection, tenant: str, period: str, *, kind: str = "", entities: Collection[str] | None = None) -> list[KeptStray]:
    """Give the lines of a period's latest run that are not proved, of one class or of all; only those of these legal entities."""
    table = proof_lines.c
    query = select(proof_lines).where(table.tenant == tenant, table.period == period)
    query = query.where(table.kind == kind) if kind else query
    query = query if entities is None else query.where(table.entity.in_(sorted(entities)))
    return [_stray(row) for row in connection.execute(query.order_by(table.standing, table.kind, table.line, table.document, table.id))]


def within(connection: Connection, tenant: str, period: str, *, row: str = "") -> list[KeptWithin]:
    """Give what tolerances let go in a period's latest run, by one row or by all."""
    table = proof_within.c
    query = select(proof_within).where(table.tenant == tenant, table.period == period)
    query = query.where(table.row == row) if row else query
    return [KeptWithin(line=each.line, return_ref=each.return_ref, line_id=each.line_id, measure=each.measure, amount=each.amount,
                       row=each.row, entity=each.entity, currency=each.currency, document=each.document)
            for each in connection.execute(query.order_by(table.row, table.line, table.id))]


def house(connection: Connection, tenant: str, period: str, *, kind: str = "") -> list[Irregular]:
    """Give what a period's latest run found of the house as a whole, of one class or of all."""
    table = proof_house.c
    query = select(proof_house).where(table.tenant == tenant, table.period == period)
    query = query.where(table.kind == kind) if kind else query
    return [Irregular(kind=row.kind, subject=row.subject, sentence=row.sentence, amount=row.amount, count=row.counted, entity=row.entity,
                      currency=row.currency) for row in connection.execute(query.order_by(table.kind, table.subject, table.id))]


def _proof(row: Row[Any]) -> KeptProof:
    extracts: Mapping[str, Any] = json.loads(row.extracts)
    return KeptProof(id=row.id, tenant=row.tenant, period=row.period, day=date.fromisoformat(row.day), at=row.at, actor=row.actor,
                     complete=row.complete, figures=json.loads(row.figures), extracts=extracts["extracts"])


def _stray(row: Row[Any]) -> KeptStray:
    return KeptStray(line=row.line, return_ref=row.return_ref, line_id=row.line_id, standing=row.standing, kind=row.kind, amount=row.amount,
                     entity=row.entity, currency=row.currency, document=row.document, also=row.also, other=row.other,
                     since=date.fromisoformat(row.since) if row.since else None)

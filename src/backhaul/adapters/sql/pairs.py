"""Which credits and receipts by hand did people confirm to be those of which lines, and what is suggested?"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Row, and_, bindparam, delete, insert, or_, select, text

from backhaul.adapters.sql import rows, tables
from backhaul.adapters.sql.book import Book
from backhaul.domain.entry import Side
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.pairing import Given, Match, Rule

LOCK: Final = "SELECT pg_advisory_xact_lock{how}(hashtext('matches:' || :tenant))"
"""Whoever fixes postings holds it shared, whoever confirms a match alone, so that neither misses the other (PostgreSQL)."""
NAMES: Final[Mapping[Side, str]] = {Side.CREDIT: "line", Side.STOCK: "goods"}
"""How what is matched of a line is named: its credit, and its goods, each once; a return may be paid several times."""
AT_ONCE: Final = 100
"""For how many returns their matches are looked up in one query."""

_ANY: Final = select(tables.matched.c.match).where(tables.matched.c.tenant == bindparam("tenant")).limit(1)


class Pairs(Book):
    """Matches are only added, and revoked by another row; what stands in one of them stands in no other."""

    def matches(self, tenant: str, *, standing: bool = True) -> Sequence[Match]:
        """Give the matches people confirmed, oldest first; those that were revoked only on demand."""
        table, ends = tables.matches, tables.match_ends
        query = select(table, ends.c.at.label("ended_at"), ends.c.actor.label("ended_by"), ends.c.reason.label("ended_why")).join(
            ends, ends.c.match == table.c.id, isouter=True).where(table.c.tenant == tenant).order_by(table.c.id)
        return [_match(row) for row in self._connection.execute(query.where(ends.c.at.is_(None)) if standing else query)]

    def matched_lines(self, tenant: str, refs: Collection[str]) -> Mapping[tuple[str, str], Sequence[Match]]:
        """Give the lines of these returns that something by hand was confirmed for; none is confirmed before the transaction ends."""
        self._lock(tenant, "_shared")
        table, numbers = tables.matched, set[int]()
        asked = sorted(set(refs)) if self._connection.execute(_ANY, {"tenant": tenant}).first() else []
        for start in range(0, len(asked), AT_ONCE):
            numbers |= set(self._connection.execute(select(table.c.match).where(table.c.tenant == tenant, or_(*(
                and_(table.c.what >= f"{name}:{ref}|", table.c.what < f"{name}:{ref}}}")
                for name in NAMES.values() for ref in asked[start:start + AT_ONCE])))).scalars())
        found: dict[tuple[str, str], list[Match]] = {}
        for match in self.matches(tenant) if numbers else ():
            for line in match.lines if match.id in numbers else ():
                if line.return_ref in refs:
                    found.setdefault((line.return_ref, line.line_id), []).append(match)
        return found

    def keep_match(self, match: Match) -> int:
        """Keep a match and give its number; what is matched already is `NeedsOperator`. Postings read afterwards are the newest."""
        self._lock(match.tenant, "")
        self.flush()
        for known in (self._cases, self._rows, self._whole, self._known):
            known.clear()  # read before the lock was had, so that what others fixed meanwhile is not in them
        what = [*(f"record:{key}" for key in match.records),
                *(f"{NAMES[match.side]}:{line.return_ref}|{line.line_id}" for line in match.lines if match.side in NAMES)]
        table = tables.matched
        if self._connection.execute(select(table.c.match).where(table.c.tenant == match.tenant, table.c.what.in_(what))).first():
            message = f"{', '.join(sorted(set(match.records.values())))} or what it should be matched with is matched already"
            raise NeedsOperator(message)
        number: int = self._connection.execute(insert(tables.matches).returning(tables.matches.c.id), {
            "tenant": match.tenant, "legal_entity": match.legal_entity, "proposal": match.proposal, "actor": match.actor,
            "approver": match.approver, "reason": match.reason, "at": match.at, "body": rows.written({
                "side": match.side.value, "rule": match.rule.value, "records": match.records, "currency": match.currency,
                "evidence": match.evidence,
                "lines": [[line.return_ref, line.line_id, str(line.units), str(line.net)] for line in match.lines]})}).scalar_one()
        self._connection.execute(insert(table), [{"tenant": match.tenant, "what": each, "match": number} for each in what])
        self._stir(match.tenant, match)
        return number

    def revoke_match(self, tenant: str, number: int, *, proposal: int, actor: str, approver: str, reason: str, at: datetime) -> None:  # noqa: PLR0913  the row
        """Revoke a match: its records and lines are free again."""
        self._lock(tenant, "")
        self._connection.execute(insert(tables.match_ends), {
            "match": number, "proposal": proposal, "actor": actor, "approver": approver, "reason": reason, "at": at})
        self._connection.execute(delete(tables.matched).where(tables.matched.c.tenant == tenant, tables.matched.c.match == number))
        for match in self.matches(tenant, standing=False):
            if match.id == number:
                self._stir(tenant, match)

    def suggested(self, tenant: str, period: str) -> Sequence[Mapping[str, Any]]:
        """Give the matches the latest proof of a month suggested."""
        table = tables.suggested
        row = self._connection.execute(select(table.c.body).where(table.c.tenant == tenant, table.c.period == period)).first()
        told: dict[str, list[Mapping[str, Any]]] = json.loads(row.body) if row else {"told": []}
        return told["told"]

    def keep_suggested(self, tenant: str, period: str, told: Sequence[Mapping[str, Any]]) -> None:
        """Keep the matches a proof of a month suggests, in place of those before."""
        table = tables.suggested
        self._connection.execute(delete(table).where(table.c.tenant == tenant, table.c.period == period))
        self._connection.execute(insert(table), {"tenant": tenant, "period": period, "body": rows.written({"told": list(told)})})

    def _stir(self, tenant: str, match: Match) -> None:
        """Have its returns folded again: what is expected of a closed line is what was credited of it."""
        self._connection.execute(insert(tables.stirred), [
            {"tenant": tenant, "return_ref": ref} for ref in sorted({line.return_ref for line in match.lines})])

    def _lock(self, tenant: str, how: str) -> None:
        if self._connection.dialect.name == "postgresql" and not self._connection.get_execution_options().get("backhaul_reading"):
            self._connection.execute(text(LOCK.format(how=how)), {"tenant": tenant})


def _match(row: Row[Any]) -> Match:
    told = json.loads(row.body)
    return Match(
        id=row.id, tenant=row.tenant, legal_entity=row.legal_entity, side=Side(told.get("side", Side.CREDIT.value)),
        rule=Rule(told["rule"]), records=told["records"], currency=told["currency"], evidence=told["evidence"], proposal=row.proposal,
        actor=row.actor, approver=row.approver, reason=row.reason, at=row.at,
        revoked_at=row.ended_at, revoked_by=row.ended_by or "", revoked_why=row.ended_why or "",
        lines=tuple(Given(return_ref=ref, line_id=line, units=Decimal(units), net=Decimal(net))
                    for ref, line, units, net in told["lines"]))

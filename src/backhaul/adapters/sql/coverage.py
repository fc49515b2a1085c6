"""Which codes has the warehouse used, how much money goes by each, and is it mapped?

Counted as inspections come in and kept as one memory of the tenant, so that a page over ten million returns reads one row. Facts are only
ever added, so what a return said before is folded from the facts up to the last count, and only the difference is added.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, select

from backhaul.adapters.sql import rows, tables
from backhaul.adapters.sql.lists import Reach
from backhaul.adapters.sql.session import chunks
from backhaul.domain.disposition import Circumstance, MappingRow, choose
from backhaul.domain.returns import fold
from backhaul.domain.rules import Rules

MEMORY: Final = "coverage"
STEP: Final = 5000
"""Facts that are counted at once."""
Key = tuple[str, str, str, str, str, str]
"""Legal entity, warehouse, disposition, condition, reason and currency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A circumstance the warehouse reported: how many units, at which net, when last, and the row it meets if there is one."""

    when: Circumstance
    units: Decimal
    net: Decimal
    currency: str
    last_at: datetime
    row: MappingRow | None


def codes(connection: Connection, reach: Reach, mapping: Sequence[MappingRow]) -> list[Code]:
    """List every circumstance that was seen, what is not mapped first, then the most money first."""
    found = []
    for told in _memory(connection, reach.tenant).get("codes", ()):
        entity, warehouse, disposition, condition, reason, currency = told["key"]
        when = Circumstance(legal_entity=entity, warehouse=warehouse, disposition=disposition, condition=condition, reason=reason)
        if entity in reach.entities and Decimal(told["units"]):
            found.append(Code(when=when, units=Decimal(told["units"]), net=Decimal(told["net"]), currency=currency,
                              last_at=datetime.fromisoformat(told["last_at"]), row=choose(mapping, when)))
    return sorted(found, key=lambda code: (code.row is not None, -abs(code.net), code.when.warehouse, code.when.disposition))


def counted_on(connection: Connection, rules: Rules) -> dict[str, Any] | None:
    """Give what to remember after counting the next facts; None if there are none."""
    memory, facts = _memory(connection, rules.tenant), tables.facts
    last = int(memory.get("cursor", 0))
    news = connection.execute(select(facts.c.id, facts.c.return_ref, facts.c.at).where(
        facts.c.tenant == rules.tenant, facts.c.id > last).order_by(facts.c.id).limit(STEP)).all()
    if not news:
        return None
    cursor = news[-1].id
    sums: dict[Key, list[Any]] = {tuple(told["key"]): [Decimal(told["units"]), Decimal(told["net"]), told["last_at"]]
                                  for told in memory.get("codes", ())}
    seen_at = {row.return_ref: row.at.isoformat() for row in news}
    for refs in chunks(sorted(seen_at)):
        known: dict[str, list[Any]] = {}
        for row in connection.execute(select(facts).where(
                facts.c.tenant == rules.tenant, facts.c.return_ref.in_(refs), facts.c.id <= cursor).order_by(facts.c.id)):
            known.setdefault(row.return_ref, []).append((row.id, rows.fact(row.kind, row.body, row.identity)))
        for ref, told in known.items():
            for sign, upto in ((-1, last), (1, cursor)):
                for key, units, net in _said(ref, [fact for number, fact in told if number <= upto], rules):
                    entry = sums.setdefault(key, [Decimal(0), Decimal(0), seen_at[ref]])
                    entry[0] += sign * units
                    entry[1] += sign * net
                    entry[2] = max(entry[2], seen_at[ref]) if sign > 0 else entry[2]
    return {"cursor": cursor, "codes": [{"key": list(key), "units": str(units), "net": str(net), "last_at": at}
                                        for key, (units, net, at) in sorted(sums.items())]}


def merged(memory: Mapping[str, Any], reasons: frozenset[str], name: str) -> dict[str, Any]:
    """Count these reasons as one of this name: they were words of customers who are erased, and no codes."""
    sums: dict[Key, list[Any]] = {}
    for told in memory.get("codes", ()):
        key = tuple(told["key"])
        key = (*key[:4], name, key[5]) if key[4] in reasons else key
        entry = sums.setdefault(key, [Decimal(0), Decimal(0), told["last_at"]])
        entry[0] += Decimal(told["units"])
        entry[1] += Decimal(told["net"])
        entry[2] = max(entry[2], told["last_at"])
    return {**memory, "codes": [{"key": list(key), "units": str(units), "net": str(net), "last_at": at}
                                for key, (units, net, at) in sorted(sums.items())]}


def _said(ref: str, known: Sequence[Any], rules: Rules) -> Iterator[tuple[Key, Decimal, Decimal]]:
    """Say what the facts of one return report of goods, by circumstance."""
    if not known:
        return
    case = fold(ref, known)
    entity = rules.entity_of(case.retailer)
    for line in case.lines:
        for part in line.parts:
            key = (entity.id if entity else "", part.node or case.warehouse, part.disposition, part.condition, line.reason, case.currency)
            yield key, part.quantity, part.quantity * (line.unit_price or Decimal(0))


def _memory(connection: Connection, tenant: str) -> dict[str, Any]:
    row = connection.execute(select(tables.memories.c.body).where(
        tables.memories.c.tenant == tenant, tables.memories.c.name == MEMORY)).scalar_one_or_none()
    return dict(json.loads(row)) if row else {}

"""Which codes has the warehouse used, which fees came, how much money goes by each, and is it mapped?

Counted as facts come in and kept as one memory of the tenant, so that a page over ten million returns reads one row. Facts are only ever
added, so what a return said before is folded from the facts up to the last count, and only the difference is added. Which lines are fees
the profile says; when it says so of other codes, all is counted anew, for what was added by the old ones could not be taken off again.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, select

from backhaul.adapters.sql import lists, rows, tables
from backhaul.adapters.sql.lists import Reach
from backhaul.adapters.sql.session import chunks
from backhaul.domain.disposition import Circumstance, MappingRow, choose
from backhaul.domain.kits import explode
from backhaul.domain.returns import ReturnCase, fold
from backhaul.domain.rules import FeeRule, Rules

MEMORY: Final = "coverage"
RETURNS: Final = 200
"""So many returns are looked through for codes of goods."""
CODES: Final = 200
"""So many codes of goods an ERP is asked about when somebody looks at the page."""
STEP: Final = 5000
"""Facts that are counted at once."""
Key = tuple[str, str, str, str, str, str]
"""Legal entity, warehouse, disposition, condition, reason and currency."""


FeeKey = tuple[str, str, str, str]
"""Legal entity, code, what it came as, and currency."""
Sums = dict[Any, list[Any]]
"""By its key: how many, how much, and when last."""


class CameAs(StrEnum):
    """How money that is no product was told."""

    CHARGE = "charge"
    """An amount beside the goods, of the return or of a line."""
    LINE = "line"
    """A line of the return whose code is a fee of the profile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """A fee code that came: how often, with which amount, when last, and the rule of the profile if there is one."""

    legal_entity: str
    code: str
    came_as: CameAs
    count: int
    amount: Decimal
    currency: str
    last_at: datetime
    rule: FeeRule | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """Codes of goods that the latest returns of a legal entity named: of how many returns, and how many codes are not among them.

    `older`: there are returns that were not looked at.
    """

    codes: frozenset[str]
    returns: int
    more: int = 0
    older: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A circumstance the warehouse reported: how many units, at which net, when last, and the row it meets if there is one."""

    when: Circumstance
    units: Decimal
    net: Decimal
    currency: str
    last_at: datetime
    row: MappingRow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """How many units of a warehouse came in one grade, and how many per cent of all its units that is."""

    warehouse: str
    condition: str
    units: Decimal
    share: Decimal


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


def grades(connection: Connection, reach: Reach) -> list[Graded]:
    """Give the mix of grades of each warehouse, of all that was counted: by warehouse, the most units first."""
    units: dict[tuple[str, str], Decimal] = {}
    for code in codes(connection, reach, ()):
        at = (code.when.warehouse, code.when.condition)
        units[at] = units.get(at, Decimal(0)) + code.units
    whole: dict[str, Decimal] = {}
    for (warehouse, _), many in units.items():
        whole[warehouse] = whole.get(warehouse, Decimal(0)) + many
    return sorted((Graded(warehouse=warehouse, condition=condition, units=many, share=round(100 * many / whole[warehouse], 1))
                   for (warehouse, condition), many in units.items() if many and whole[warehouse]),
                  key=lambda each: (each.warehouse, -each.units, each.condition))


def fees(connection: Connection, reach: Reach, rules: Mapping[str, FeeRule]) -> list[Fee]:
    """List every fee code that came, what is not mapped first, then the most money first."""
    found = []
    for told in _memory(connection, reach.tenant).get("fees", ()):
        entity, code, came_as, currency = told["key"]
        if entity in reach.entities and int(told["count"]):
            found.append(Fee(legal_entity=entity, code=code, came_as=CameAs(came_as), count=int(told["count"]), currency=currency,
                             amount=Decimal(told["amount"]), last_at=datetime.fromisoformat(told["last_at"]), rule=rules.get(code)))
    return sorted(found, key=lambda fee: (fee.rule is not None, -abs(fee.amount), fee.code, fee.legal_entity))


def goods(connection: Connection, tenant: str, entity: str, rules: Rules) -> Goods:
    """Give the codes of goods in the latest returns of a legal entity, the latest first; fees, and kits that come apart, are none."""
    found = lists.returns(connection, Reach(tenant=tenant, entities=(entity,)), limit=RETURNS + 1)
    refs, facts, told = [case.ref for case in found[:RETURNS]], tables.facts, dict[str, list[Any]]()
    for part in chunks(refs):
        for row in connection.execute(select(facts).where(
                facts.c.tenant == tenant, facts.c.return_ref.in_(part)).order_by(facts.c.id)):
            told.setdefault(row.return_ref, []).append(rows.fact(row.kind, row.body, row.identity))
    codes = dict.fromkeys(line.sku for ref in refs if ref in told for line in explode(fold(ref, told[ref]), rules.kits).lines
                          if line.sku and line.sku not in rules.fees)
    return Goods(codes=frozenset(list(codes)[:CODES]), returns=len(refs), more=max(len(codes) - CODES, 0), older=len(found) > RETURNS)


def is_behind(memory: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    """Tell whether a memory is of less than what was counted now, or of other fees."""
    return bool(memory.get("fee_lines") != told["fee_lines"] or int(memory.get("cursor", 0)) < told["cursor"])


def counted_on(connection: Connection, rules: Rules) -> dict[str, Any] | None:
    """Give what to remember after counting the next facts; None if there are none."""
    memory, facts = _memory(connection, rules.tenant), tables.facts
    if memory.get("fee_lines") != sorted(rules.fees):
        memory = {}
    last = int(memory.get("cursor", 0))
    news = connection.execute(select(facts.c.id, facts.c.return_ref, facts.c.at).where(
        facts.c.tenant == rules.tenant, facts.c.id > last).order_by(facts.c.id).limit(STEP)).all()
    if not news:
        return None
    cursor = news[-1].id
    sums: Sums = {tuple(told["key"]): [Decimal(told["units"]), Decimal(told["net"]), told["last_at"]] for told in memory.get("codes", ())}
    taken: Sums = {tuple(told["key"]): [int(told["count"]), Decimal(told["amount"]), told["last_at"]] for told in memory.get("fees", ())}
    seen_at = {row.return_ref: row.at.isoformat() for row in news}
    for refs in chunks(sorted(seen_at)):
        known: dict[str, list[Any]] = {}
        for row in connection.execute(select(facts).where(
                facts.c.tenant == rules.tenant, facts.c.return_ref.in_(refs), facts.c.id <= cursor).order_by(facts.c.id)):
            known.setdefault(row.return_ref, []).append((row.id, rows.fact(row.kind, row.body, row.identity)))
        for ref, told in known.items():
            for sign, upto in ((-1, last), (1, cursor)):
                if known_then := [fact for number, fact in told if number <= upto]:
                    case = fold(ref, known_then)
                    for key, units, net in _said(case, rules):
                        _add(sums, key, sign * units, sign * net, seen_at[ref])
                    for fee, amount in _charged(case, rules):
                        _add(taken, fee, sign, sign * amount, seen_at[ref])
    return {"cursor": cursor, "fee_lines": sorted(rules.fees),
            "codes": [{"key": list(key), "units": str(units), "net": str(net), "last_at": at}
                      for key, (units, net, at) in sorted(sums.items())],
            "fees": [{"key": list(key), "count": count, "amount": str(amount), "last_at": at}
                     for key, (count, amount, at) in sorted(taken.items())]}


def _add(sums: Sums, key: Key | FeeKey, many: Decimal | int, much: Decimal, at: str) -> None:
    """Add to a sum, or take off; what is taken off was not seen now."""
    entry = sums.setdefault(key, [0, Decimal(0), at])
    entry[0] += many
    entry[1] += much
    entry[2] = max(entry[2], at) if many > 0 else entry[2]


def merged(memory: Mapping[str, Any], reasons: frozenset[str], name: str) -> dict[str, Any]:
    """Count these reasons as one of this name: they were words of customers who are erased, and no codes."""
    sums: Sums = {}
    for told in memory.get("codes", ()):
        key = tuple(told["key"])
        key = (*key[:4], name, key[5]) if key[4] in reasons else key
        entry = sums.setdefault(key, [Decimal(0), Decimal(0), told["last_at"]])
        entry[0] += Decimal(told["units"])
        entry[1] += Decimal(told["net"])
        entry[2] = max(entry[2], told["last_at"])
    return {**memory, "codes": [{"key": list(key), "units": str(units), "net": str(net), "last_at": at}
                                for key, (units, net, at) in sorted(sums.items())]}


def _said(case: ReturnCase, rules: Rules) -> Iterator[tuple[Key, Decimal, Decimal]]:
    """Say what is reported of the goods of one return, by circumstance."""
    entity = rules.entity_of(case.retailer)
    for line in case.lines:
        for part in line.parts:
            key = (entity.id if entity else "", part.node or case.warehouse, part.disposition, part.condition, line.reason, case.currency)
            yield key, part.quantity, part.quantity * (line.unit_price or Decimal(0))


def _charged(case: ReturnCase, rules: Rules) -> Iterator[tuple[FeeKey, Decimal]]:
    """Say which fees one return came with, each with its amount."""
    entity = rules.entity_of(case.retailer)
    name = entity.id if entity else ""
    for charge in case.charges:
        yield (name, charge.code, CameAs.CHARGE.value, case.currency), charge.amount
    for line in case.lines:
        if line.sku in rules.fees:
            yield (name, line.sku, CameAs.LINE.value, case.currency), line.announced * (line.unit_price or Decimal(0))


def _memory(connection: Connection, tenant: str) -> dict[str, Any]:
    row = connection.execute(select(tables.memories.c.body).where(
        tables.memories.c.tenant == tenant, tables.memories.c.name == MEMORY)).scalar_one_or_none()
    return dict(json.loads(row)) if row else {}

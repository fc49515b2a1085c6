"""What of a proof is each legal entity's own?

Who signs for a legal entity signs its numbers and no other's, and money is added within one currency alone. What no record says whose it
is stands under no entity, which is written as an empty name, so that the shares always add up to the proof of all.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

NOTHING: Final = Decimal(0)
Money = dict[str, Decimal]
"""Amounts by currency."""
Ask = Callable[[str], Iterator[tuple[Any, ...]]]
"""Gives the rows that answer a question in SQL."""


@dataclass(slots=True, kw_only=True)
class Counted:
    """What one tolerance let go: how many differences, what they come to, and what they come to when none cancels another."""

    count: int = 0
    amount: Money = field(default_factory=dict)
    gross: Money = field(default_factory=dict)

    def add(self, count: int, amount: Money, gross: Money) -> None:
        """Count more of them."""
        self.count += count
        for sums, more in ((self.amount, amount), (self.gross, gross)):
            for currency, money in more.items():
                sums[currency] = sums.get(currency, NOTHING) + money


@dataclass(slots=True, kw_only=True)
class Share:
    """What a run proved of one legal entity; its differences are credited less accepted, and booked less credited, by currency."""

    lines: int = 0
    in_timing: int = 0
    broken: int = 0
    orphans: int = 0
    by_class: dict[str, tuple[int, Money]] = field(default_factory=dict)
    awaited: dict[str, tuple[int, Money]] = field(default_factory=dict)
    within: int = 0
    """How many lines are proved within a tolerance."""
    let_go: dict[str, Counted] = field(default_factory=dict)
    stock_difference: Decimal = NOTHING
    credit_difference: Money = field(default_factory=dict)
    ledger_difference: Money = field(default_factory=dict)

    @property
    def proved(self) -> int:
        """Give how many lines are neither in timing nor broken."""
        return self.lines - self.in_timing - self.broken


def shares(ask: Ask, known: Collection[str], books: Mapping[str, str], *, before: str = "") -> dict[str, Share]:
    """Divide what the last `prove` found by legal entity.

    `known` are the columns that what was accepted really has, `books` the currency of each legal entity's books. `before` names a table
    of what was proved before and is not read again, in the columns of `added_up`; all rows are then those of `whole_accepted` and
    `whole_records`.
    """
    found: defaultdict[str, Share] = defaultdict(Share)
    entity, currency = (f"coalesce({name}, '')" if name in known else "''" for name in ("entity", "currency"))
    earlier = f"UNION ALL SELECT entity, currency, lines, net, stocked FROM {before} WHERE side = ''" if before else ""
    for whose, coin, lines, net, stocked in ask(f"""
            SELECT {entity}, {currency}, count(*), coalesce(sum(net), 0), coalesce(sum(stocked), 0)
            FROM accepted GROUP BY ALL {earlier}"""):
        found[whose].lines += int(lines)
        found[whose].stock_difference -= stocked
        _add(found[whose].credit_difference, coin, -net)
    told = recorded(ask, known, before)
    in_ledger = booked(ask, told, "whole_" if before else "")
    for whose, coin, credited, received, _ in told:
        found[whose].stock_difference += received
        _add(found[whose].credit_difference, coin or "", credited)
        _add(found[whose].ledger_difference, coin or "", NOTHING if in_ledger is None else -credited)
    for (whose, coin), amount in (in_ledger or {}).items():
        _add(found[whose].ledger_difference, coin, amount)
    _judged(ask, found)
    _let_go(ask, found, books)
    return {whose: share for whose, share in sorted(found.items()) if whose or share != Share()}


Told = list[tuple[str, str | None, Decimal, Decimal, Decimal | None]]
"""Whose, in which currency: credited, received, and booked where the ledger was read."""
SUMS: Final = """coalesce(sum(r.net) FILTER (r.side = 'credit' AND r.status = 'posted'), 0),
    coalesce(sum(r.units) FILTER (r.side = 'stock' AND r.status = 'posted'), 0), sum(r.net) FILTER (r.side = 'ledger')"""


def recorded(ask: Ask, known: Collection[str], before: str = "") -> Told:
    """Add the ERP's records up; one that does not say whose it is, or in which currency, is its line's."""
    names = [name for name in ("entity", "currency") if name in known]
    silent = " OR ".join(f"(r.side {sides} AND r.{name} IS NULL)" for name, sides in (
        ("entity", "IN ('credit', 'stock')"), ("currency", "= 'credit'")) if name in names) or "false"
    whose = ", ".join(f"r.{name}" if name in names else "''" for name in ("entity", "currency"))
    rows = [*ask(f"""
        SELECT {whose}, r.side, {SUMS}, count(*) FILTER (r.line <> '' AND r.status = 'posted' AND ({silent}))
        FROM records r WHERE r.side IN ('credit', 'stock', 'ledger') GROUP BY ALL""")]
    if any(row[-1] for row in rows):
        entity, currency = (f"coalesce(r.{name}, a.{name}, '')" if name in names else "''" for name in ("entity", "currency"))
        rows = [*ask(f"""
            SELECT {entity}, {currency}, r.side, {SUMS}, 0
            FROM records r LEFT JOIN accepted a ON r.line = a.line WHERE r.side IN ('credit', 'stock', 'ledger') GROUP BY ALL""")]
    if before:
        rows += ask(f"SELECT entity, currency, side, credited, received, booked, 0 FROM {before} WHERE side <> ''")
    found: dict[tuple[str, str | None, bool], tuple[Decimal, Decimal, Decimal | None]] = {}
    for whose, coin, side, credited, received, booked, _ in rows:
        key = whose or "", "" if side == "stock" else (coin or "") if side == "credit" else coin or None, side == "ledger"
        was = found.get(key, (NOTHING, NOTHING, None))
        found[key] = (was[0] + credited, was[1] + received, booked if was[2] is None else was[2] + (booked or NOTHING))
    return [(whose, coin, *sums) for (whose, coin, _), sums in found.items()]


def added_up(accepted: str, records: str) -> str:
    """Give the query that adds rows up as `shares` does, by side (none: what was accepted), so that they need not be read again.

    `rows` counts what each sum is of. Every record with a line has its line in `accepted`; only of those that do not say whose they are,
    or in which currency, it is read.
    """
    return f"""
        SELECT '' AS side, coalesce(entity, '') AS entity, coalesce(currency, '') AS currency, count(*) AS rows, count(*) AS lines,
               coalesce(sum(net), 0) AS net, coalesce(sum(stocked), 0) AS stocked, 0 AS credited, 0 AS received, NULL AS booked
        FROM {accepted} GROUP BY ALL
        UNION ALL
        SELECT r.side, coalesce(r.entity, a.entity, ''), coalesce(r.currency, a.currency, ''), count(*), 0, 0, 0, {SUMS}
        FROM {records} r LEFT JOIN (
            SELECT line, entity, currency FROM {accepted}
            SEMI JOIN (SELECT line FROM {records} WHERE line <> '' AND (entity IS NULL OR currency IS NULL)) USING (line)) a
        ON r.line = a.line WHERE r.side IN ('credit', 'stock', 'ledger') GROUP BY ALL"""


def booked(ask: Ask, told: Told, whole: str = "") -> Mapping[tuple[str, str], Decimal] | None:
    """Say what the ledger holds of each legal entity and currency; None where no ledger was read.

    An entry that names no currency has that of its legal entity's credits, where they have one; else that of its voucher's.
    """
    if all(amount is None for *_, amount in told):
        return None
    coins: defaultdict[str, set[str]] = defaultdict(set)
    for whose, coin, credited, _, _ in told:
        coins[whose] |= {coin or ""} if credited else set()
    by_voucher: defaultdict[str, Money] = defaultdict(dict)
    if any(amount and coin is None and len(coins[whose]) > 1 for whose, coin, _, _, amount in told):
        for whose, coin, amount in ask(f"""
                WITH c AS (SELECT coalesce(r.entity, '') AS entity, r.voucher, min(coalesce(r.currency, a.currency, '')) AS currency
                           FROM {whole}records r LEFT JOIN {whole}accepted a ON r.line = a.line
                           WHERE r.side = 'credit' AND r.status = 'posted' AND r.voucher <> '' GROUP BY ALL)
                SELECT coalesce(g.entity, ''), coalesce(c.currency, ''), coalesce(sum(g.net), 0)
                FROM {whole}records g LEFT JOIN c ON coalesce(g.entity, '') = c.entity AND g.voucher = c.voucher
                WHERE g.side = 'ledger' AND g.currency IS NULL GROUP BY ALL"""):
            by_voucher[whose][coin] = amount
    found: dict[tuple[str, str], Decimal] = {}
    for whose, coin, _, _, amount in told:
        several = coin is None and len(coins[whose]) > 1
        own = coin if coin is not None else next(iter(coins[whose]), "")
        for each, part in (by_voucher[whose] if several else {own: amount or NOTHING}).items():
            found[whose, each] = found.get((whose, each), NOTHING) + part
    return found


def _judged(ask: Ask, found: defaultdict[str, Share]) -> None:
    """Count what is in timing or broken, and take off the differences what is only in timing."""
    for whose, coin, why, lines, net, units in ask("""
            SELECT own_entity, own_currency, why, count(*), sum(net - credited), sum(units_awaited) FROM verdicts
            WHERE standing = 'timing' GROUP BY ALL ORDER BY ALL"""):
        found[whose].in_timing += lines
        found[whose].stock_difference += units
        _add(found[whose].credit_difference, coin, net)
        _count(found[whose].awaited, why, coin, lines, net)
    for whose, lines in ask("SELECT own_entity, count(*) FROM verdicts WHERE standing = 'broken' AND accepted GROUP BY ALL"):
        found[whose].broken += lines
    for whose, coin, kind, lines, amount, orphans in ask("""
            SELECT entity, currency, kind, count(*), sum(amount),
                   count(*) FILTER (orphan OR kind IN ('MISSING_AT_SOURCE', 'UNKNOWN_AT_SOURCE'))
            FROM found GROUP BY ALL ORDER BY ALL"""):
        found[whose].orphans += orphans
        _count(found[whose].by_class, kind, coin, lines, amount)


def _let_go(ask: Ask, found: defaultdict[str, Share], books: Mapping[str, str]) -> None:
    """Count what tolerances let go; a cost is in the currency of the books."""
    for whose, lines in ask("""SELECT own_entity, count(*) FROM verdicts WHERE standing = 'proved' AND len(let_go) > 0 GROUP BY ALL"""):
        found[whose].within += lines
    for whose, coin, measure, row, count, amount, gross in ask("""
            SELECT own_entity, own_currency, each.measure, each.row, count(*), sum(each.amount), sum(abs(each.amount))
            FROM (SELECT own_entity, own_currency, unnest(let_go) AS each FROM verdicts) GROUP BY ALL ORDER BY ALL"""):
        currency = books.get(whose, coin) if measure == "cost" else coin
        found[whose].let_go.setdefault(row, Counted()).add(count, {currency: amount}, {currency: gross})


def together(parts: Iterable[Mapping[str, Counted]]) -> dict[str, Counted]:
    """Put what tolerances let go together over legal entities."""
    found: defaultdict[str, Counted] = defaultdict(Counted)
    for part in parts:
        for row, each in part.items():
            found[row].add(each.count, each.amount, each.gross)
    return dict(sorted(found.items()))


def _add(sums: Money, currency: str, amount: Decimal) -> None:
    """Add an amount to those of its currency; nothing of a currency that is not there is left out."""
    if amount or currency in sums:
        sums[currency] = sums.get(currency, NOTHING) + amount


def _count(rows: dict[str, tuple[int, Money]], name: str, currency: str, count: int, amount: Decimal) -> None:
    before, sums = rows.get(name, (0, {}))
    _add(sums, currency, amount)
    rows[name] = (before + count, sums)


def added(parts: Iterable[Mapping[str, tuple[int, Money]]]) -> dict[str, tuple[int, Decimal]]:
    """Add classes up over legal entities; their amounts stand together for one thing only, that the shares add up to the whole."""
    found: dict[str, tuple[int, Decimal]] = {}
    for part in parts:
        for name, (count, sums) in part.items():
            before, amount = found.get(name, (0, NOTHING))
            found[name] = (before + count, amount + sum(sums.values(), NOTHING))
    return dict(sorted(found.items()))

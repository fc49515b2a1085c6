"""What is a pack of a month made of, and is what was read for it still what it was?"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

import duckdb

from backhaul.application.claims import Uncredited
from backhaul.application.close_ports import CloseStore, CloseTx
from backhaul.application.extracts import SIDES, files_of, table_of
from backhaul.application.ledger import Ledger, Proposed
from backhaul.application.people_ports import KeptReign
from backhaul.application.ports import KeptException, KeptWindow
from backhaul.application.proof_ports import KeptProof, KeptStray
from backhaul.application.reconcile import ACCEPTED
from backhaul.application.shares import booked, recorded
from backhaul.application.state import AVAILABILITY
from backhaul.domain.access import Scope
from backhaul.domain.availability import Compared
from backhaul.domain.entry import Side
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.oversight import Irregular
from backhaul.domain.pairing import Given, Match
from backhaul.domain.proposal import Proposal
from backhaul.domain.returns import NOTHING
from backhaul.domain.roll_forward import Rolled
from backhaul.domain.rules import Rules
from backhaul.domain.signature import Signature, begins, ends
from backhaul.domain.valuation import Figures

SAMPLE: Final = 25
"""Lines either side of a month's end."""

@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """A cell that is worked out from others, and what it comes to."""

    expression: str
    value: Decimal | int | str


Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One section as it is handed over."""

    name: str
    headings: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """What the sides of a proof come to for one legal entity in one currency.

    `timing` and `awaited`: the net and the units of what was accepted that are only in timing; `booked` is None where no ledger was read.
    """

    entity: str
    currency: str
    lines: int = 0
    net: Decimal = NOTHING
    credited: Decimal = NOTHING
    timing: Decimal = NOTHING
    stocked: Decimal = NOTHING
    received: Decimal = NOTHING
    awaited: Decimal = NOTHING
    booked: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthEnd:
    """What the latest proof kept of a month's end beside its lines; but for payments nothing where the profile names no accounts."""

    rolled: Rolled | None = None
    figures: Figures | None = None
    ledger: Ledger | None = None
    journals: Sequence[Proposed] = ()
    uncredited: Sequence[Uncredited] | None = None
    """Payments of the calendar month that no credit note answers whole at its end; None where that was not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the sections are made of: a month's latest proof, what its extracts hold, and what was decided and signed."""

    rules: Rules
    period: str
    proof: KeptProof
    after: KeptProof | None = None
    """The latest proof of the following month, of which the cut-off sample has its other half."""
    sides: Sequence[Sides]
    sample: Sequence[Row]
    strays: Sequence[KeptStray]
    open: Sequence[tuple[str, KeptException]]
    windows: Sequence[KeptWindow]
    proposals: Sequence[Proposal]
    reigns: Sequence[KeptReign]
    signatures: Sequence[Signature]
    house: Sequence[Irregular] = ()
    available: Sequence[Compared] = ()
    """Where the shop's latest file of availability differs, if it came in the month."""
    matches: Sequence[Match] = ()
    """Credits and receipts by hand that stood as those of a line accepted in the month when the proof was made."""
    end: MonthEnd = MonthEnd()

    def last_day(self, entity: str) -> date:
        """Give the period's last day in a legal entity's calendar; of one that is no more, the last in any."""
        found = [each.calendar.last(self.period) for each in self.rules.having(self.period) if each.id == entity]
        return found[0] if found else self.rules.span(self.period).last


def gather(store: CloseStore, rules: Rules, period: str, whole: Callable[[str, str], None], end: MonthEnd | None = None) -> Material:
    """Collect what a month's pack is made of; a month that was never proved has none.

    `whole` stops where a file is not the one with this hash; the extracts of the following month's proof are asked for as well. `end` is
    what the same proof kept of the month's end.
    """
    mine = rules.having(period)
    following = next(filter(None, (entity.calendar.following(period) for entity in mine)), "")
    since, over = min(begins(entity, period) for entity in mine), min(ends(entity, period) for entity in mine)
    with store.look() as tx:
        proof = next(iter(tx.proofs(rules.tenant, period, limit=1)), None)
        if proof is None:
            message = f"{period} was never proved; run `backhaul reconcile --period {period}` first"
            raise NeedsOperator(message)
        after = next(iter(tx.proofs(rules.tenant, following, limit=1)), None) if following else None
        strays = tx.strays(rules.tenant, period)
        windows = [row for entity in mine for row in tx.windows(rules.tenant, entity.id) if row.period == period]
        proposals = [row for row in tx.proposals(Scope.whole(rules.tenant), open_only=False)
                     if any(at and since <= at < over for at in (row.proposed_at, row.ended_at))]
        reigns = [row for row in reversed(tx.reigns(rules.tenant, most=1000)) if since <= row.since < over]
        signatures = tx.signatures(rules.tenant, period)
        house = tx.house(rules.tenant, period)
        open_ = _open(tx, rules, period, {f"{each.line or f'{each.document} {each.kind}'}": each.entity for each in strays}
                      | {f"{each.kind} {each.subject}": each.entity for each in house})
        stated = tx.statements(rules.tenant, AVAILABILITY, limit=1)
        matches = [each for each in tx.matches(rules.tenant, standing=False)
                   if each.at <= proof.at and (each.revoked_at is None or each.revoked_at > proof.at)]
        available = tx.differing(rules.tenant) if stated and since <= stated[0].at < over else ()
    for run in (proof, after):
        for file in (file for extract in run.extracts for file in files_of(extract)) if run else ():
            whole(str(file["file"]), str(file["sha256"]))
    return Material(rules=rules, period=period, proof=proof, after=after, sides=_sides(proof, strays), sample=_sample(proof, after),
                    strays=strays, open=open_, windows=windows, proposals=proposals, reigns=reigns, signatures=signatures,
                    house=house, available=available, end=end or MonthEnd(), matches=_of_the_month(proof, matches))


def _open(tx: CloseTx, rules: Rules, period: str, found: Mapping[str, str]) -> Sequence[tuple[str, KeptException]]:
    """Give the work that was open when the month was over, as each legal entity's calendar says, with whose it is where that is known.

    `found` says it of what this month's proof found; of other work that is about no return, the return or the entity it names says it.
    What nobody can say it of was open when the last of them was over.
    """
    over = {entity.id: ends(entity, period) for entity in rules.having(period)}
    last = max(over.values())
    rows = [row for moment in sorted({*over.values()}) for row in tx.open_at(rules.tenant, moment)]
    named = {row.id: _named(row.case.line_id) for entity, row in rows if not entity}
    cases = tx.cases(rules.tenant, {ref for refs in named.values() for ref in refs})
    kept: dict[int, tuple[str, KeptException]] = {}
    for entity, row in rows:
        case = row.case
        told = entity or (found.get(case.line_id, "") if case.return_ref == f"proof:{period}" else "")
        told = told or next((cases[ref].legal_entity for ref in named.get(row.id, ()) if ref in cases), "")
        told = told or next((word for word in re.split("[ :]", f"{case.return_ref} {case.line_id}") if word in over), "")
        until = over.get(told, None if told else last)
        if until and case.opened_at < until and (row.closed_at is None or row.closed_at >= until):
            kept[row.id] = (told, row)
    return sorted(kept.values(), key=lambda each: (each[0], each[1].case.opened_at, each[1].id))


def _named(subject: str) -> Sequence[str]:
    """Give which returns a subject may name: as the first or second word of a line's name, or before a currency."""
    return (subject.partition("|")[0], subject.partition(" ")[2].partition("|")[0], subject.rpartition(" ")[0])


# --- what the extracts hold


def _sides_of(proof: KeptProof) -> Mapping[str, str]:
    """Give each side of a proof as a table in SQL."""
    return {str(each["side"]): table_of(each) for each in proof.extracts if each["side"] in SIDES}


SUMS: Final = """
    SELECT entity, currency, coalesce(sum(lines), 0)::BIGINT AS lines, coalesce(sum(net), 0) AS net, coalesce(sum(credited), 0) AS credited,
           coalesce(sum(stocked), 0) AS stocked, coalesce(sum(received), 0) AS received, coalesce(sum(awaited), 0) AS awaited
    FROM (SELECT coalesce(entity, '') AS entity, coalesce(currency, '') AS currency, count(*) AS lines, sum(net) AS net,
                 sum(stocked) AS stocked FROM accepted GROUP BY ALL
          UNION ALL BY NAME
          SELECT coalesce(r.entity, a.entity, '') AS entity, coalesce(r.currency, a.currency, '') AS currency,
                 sum(r.net) FILTER (side = 'credit') AS credited, sum(r.units) FILTER (side = 'stock') AS received
          FROM records r LEFT JOIN accepted a USING (line) WHERE side IN ('credit', 'stock') AND status = 'posted' GROUP BY ALL
          UNION ALL BY NAME
          SELECT coalesce(entity, '') AS entity, coalesce(currency, '') AS currency,
                 sum(coalesce(stocked, 0) - coalesce(came.units, 0)) AS awaited
          FROM accepted LEFT JOIN (
              SELECT line, sum(units) AS units FROM records WHERE side = 'stock' AND status = 'posted' GROUP BY line) came USING (line)
          WHERE list_contains(?, line) GROUP BY ALL)
    GROUP BY ALL"""
"""What the sides come to, where the lines are named that are in timing."""


def _sides(proof: KeptProof, strays: Sequence[KeptStray]) -> Sequence[Sides]:
    """Add the sides up by legal entity and currency, from the extracts of the proof; what is in timing are lines, and no claim."""
    timing = [each for each in strays if each.standing == "timing" and each.line]
    read = _sides_of(proof)
    with duckdb.connect(config={"threads": 1}) as engine:
        for name in ("accepted", "records"):
            engine.execute(f"CREATE VIEW {name} AS SELECT * FROM {read[name]}")
        asked = engine.execute(SUMS, [[each.line for each in timing]])
        names = [column[0] for column in asked.description or ()]
        found = {row[:2]: Sides(**dict(zip(names, row, strict=True))) for row in asked.fetchall()}

        def ask(question: str) -> Iterator[Row]:
            return iter(engine.execute(question).fetchall())

        ledger = booked(ask, recorded(ask, frozenset(ACCEPTED)))
    for each in timing:
        mine = _at(found, each.entity, each.currency)
        found[mine.entity, mine.currency] = replace(mine, timing=mine.timing + each.amount)
    for (entity, currency), amount in (ledger or {}).items():
        if amount:
            found[entity, currency] = replace(_at(found, entity, currency), booked=amount)
    if ledger is not None:
        found = {key: replace(mine, booked=mine.booked or NOTHING) for key, mine in found.items()}
    return [found[key] for key in sorted(found)]


def _at(found: Mapping[tuple[str, str], Sides], entity: str, currency: str) -> Sides:
    return found.get((entity, currency), Sides(entity=entity, currency=currency))


def _of_the_month(proof: KeptProof, matches: Sequence[Match]) -> Sequence[Match]:
    """Give the matches of which a line was accepted in the month; of a payment, a line of its return."""
    if not matches:
        return ()
    names = [[_told_as(match, line) for match in matches for line in match.lines]]
    with duckdb.connect(config={"threads": 1}) as engine:
        found = {line for row in engine.execute(
            f"SELECT DISTINCT line, split_part(line, '|', 1) FROM {_sides_of(proof)['accepted']} "
            "WHERE list_contains($1, line) OR list_contains($1, split_part(line, '|', 1))", names).fetchall() for line in row}
    return [match for match in matches if any(_told_as(match, line) in found for line in match.lines)]


def _told_as(match: Match, line: Given) -> str:
    """Name a line as extracts do, and the return a payment is of."""
    return line.return_ref if match.side is Side.PAYMENT else f"{line.return_ref}|{line.line_id}"


def _sample(proof: KeptProof, after: KeptProof | None) -> Sequence[Row]:
    """Take the last lines accepted before each legal entity's month was over and the first after, with the days of the ERP's records."""
    found: list[Row] = []
    with duckdb.connect(config={"threads": 1}) as engine:
        for run, order in ((proof, "DESC"), (after, "ASC")):
            if run is not None:
                read = _sides_of(run)
                found += engine.execute(f"""
                    WITH posted AS (SELECT line, max(posted_on) FILTER (side = 'stock') AS received_on,
                                           max(posted_on) FILTER (side = 'credit') AS credited_on
                                    FROM {read['records']} WHERE status = 'posted' AND line <> '' GROUP BY line)
                    SELECT entity, line, net, currency, accepted_on, received_on, credited_on
                    FROM {read['accepted']} LEFT JOIN posted USING (line) WHERE accepted_on IS NOT NULL AND units > 0
                    QUALIFY row_number() OVER (PARTITION BY entity ORDER BY accepted_on {order}, line) <= {SAMPLE}
                    ORDER BY entity, accepted_on, line""").fetchall()
    return found

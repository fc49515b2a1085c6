"""What does finance hand to an auditor when a month is closed?

A pack is a table of sections, each of which makes headed rows from what was kept; whoever has another section adds a row to `SECTIONS`. A
total, a difference or a tie is a formula over the cells it is made of, and carries the value it comes to: the workbook works it out
again, paper shows it, and both say the same. Everything is as of the month's latest proof and signatures, so that the same record makes
the same pack.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import duckdb

from backhaul.application.close_ports import CloseStore
from backhaul.application.people_ports import KeptReign
from backhaul.application.ports import KeptException, KeptWindow
from backhaul.application.proof_ports import KeptProof, KeptStray
from backhaul.application.reconcile import quoted
from backhaul.domain.access import Scope
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.proposal import Proposal
from backhaul.domain.returns import NOTHING
from backhaul.domain.rules import Rules
from backhaul.domain.signature import Signature, begins, ends

SAMPLE: Final = 25
"""Lines either side of a month's end."""
AGES: Final = (7, 30, 60)
"""Days after which an open item is in the next column of the ageing."""
COLUMNS: Final = "ABCDEFGHIJKLMNOP"


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
class Material:
    """What the sections are made of: a month's latest proof, what its extracts hold, and what was decided and signed."""

    rules: Rules
    period: str
    proof: KeptProof
    sides: Sequence[Row]
    """By legal entity and currency: lines and net accepted, net credited, units to stock, units in stock."""
    timing: Mapping[tuple[str, str], Decimal]
    sample: Sequence[Row]
    strays: Sequence[KeptStray]
    open: Sequence[tuple[str, KeptException]]
    windows: Sequence[KeptWindow]
    proposals: Sequence[Proposal]
    reigns: Sequence[KeptReign]
    signatures: Sequence[Signature]

    def last_day(self, entity: str) -> date:
        """Give the period's last day in a legal entity's calendar; of one that is no more, the last in any."""
        found = [each.calendar.last(self.period) for each in self.rules.having(self.period) if each.id == entity]
        return found[0] if found else self.rules.span(self.period).last


def gather(store: CloseStore, rules: Rules, period: str, whole: Callable[[str, str], None]) -> Material:
    """Collect what a month's pack is made of; a month that was never proved has none.

    `whole` stops where a file is not the one with this hash; the extracts of the following month's proof are asked for as well.
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
        open_ = [(entity.id, row) for entity in mine for row in tx.open_at(rules.tenant, entity.id, ends(entity, period))]
        windows = [row for entity in mine for row in tx.windows(rules.tenant, entity.id) if row.period == period]
        proposals = [row for row in tx.proposals(Scope.whole(rules.tenant), open_only=False)
                     if any(at and since <= at < over for at in (row.proposed_at, row.ended_at))]
        reigns = [row for row in reversed(tx.reigns(rules.tenant, most=1000)) if since <= row.since < over]
        signatures = tx.signatures(rules.tenant, period)
    for run in (proof, after):
        for extract in run.extracts if run else ():
            whole(str(extract["file"]), str(extract["sha256"]))
    timing: dict[tuple[str, str], Decimal] = {}
    for each in strays:
        if each.standing == "timing":
            timing[each.entity, each.currency] = timing.get((each.entity, each.currency), NOTHING) + each.amount
    return Material(rules=rules, period=period, proof=proof, sides=_sides(proof), timing=timing, sample=_sample(proof, after),
                    strays=strays, open=open_, windows=windows, proposals=proposals, reigns=reigns, signatures=signatures)


def pack(material: Material) -> tuple[Sheet, ...]:
    """Make every section."""
    return tuple(Sheet(name=name, headings=section.headings, rows=tuple(section.rows(material))) for name, section in SECTIONS.items())


# --- what the extracts hold


def _files(proof: KeptProof) -> Mapping[str, str]:
    return {str(each["side"]): quoted(str(each["file"])) for each in proof.extracts}


def _sides(proof: KeptProof) -> Sequence[Row]:
    """Add both sides up by legal entity and currency, from the extracts of the proof."""
    files = _files(proof)
    with duckdb.connect(config={"threads": 1}) as engine:
        return engine.execute(f"""
            WITH mine AS (SELECT entity, currency, count(*) AS lines, sum(net) AS net, sum(stocked) AS stocked
                          FROM read_parquet({files['accepted']}) GROUP BY ALL),
                 named AS (SELECT DISTINCT line, currency FROM read_parquet({files['accepted']})),
                 theirs AS (SELECT r.entity, coalesce(r.currency, n.currency) AS currency,
                                   sum(r.net) FILTER (side = 'credit' AND status = 'posted') AS credited,
                                   sum(r.units) FILTER (side = 'stock' AND status = 'posted') AS received
                            FROM read_parquet({files['records']}) r LEFT JOIN named n USING (line)
                            WHERE side IN ('credit', 'stock') GROUP BY ALL)
            SELECT coalesce(entity, ''), coalesce(currency, ''), coalesce(lines, 0), coalesce(net, 0), coalesce(credited, 0),
                   coalesce(stocked, 0), coalesce(received, 0)
            FROM mine FULL JOIN theirs USING (entity, currency) ORDER BY 1, 2""").fetchall()  # noqa: S608  quoted names of our files


def _sample(proof: KeptProof, after: KeptProof | None) -> Sequence[Row]:
    """Take the last lines accepted before each legal entity's month was over and the first after, with the days of the ERP's records."""
    found: list[Row] = []
    with duckdb.connect(config={"threads": 1}) as engine:
        for run, order in ((proof, "DESC"), (after, "ASC")):
            if run is not None:
                files = _files(run)
                found += engine.execute(f"""
                    WITH posted AS (SELECT line, max(posted_on) FILTER (side = 'stock') AS received_on,
                                           max(posted_on) FILTER (side = 'credit') AS credited_on
                                    FROM read_parquet({files['records']}) WHERE status = 'posted' AND line <> '' GROUP BY line)
                    SELECT entity, line, net, currency, accepted_on, received_on, credited_on
                    FROM read_parquet({files['accepted']}) LEFT JOIN posted USING (line) WHERE accepted_on IS NOT NULL AND units > 0
                    QUALIFY row_number() OVER (PARTITION BY entity ORDER BY accepted_on {order}, line) <= {SAMPLE}
                    ORDER BY entity, accepted_on, line""").fetchall()  # noqa: S608  quoted names of our files
    return found


# --- formulas


def _sum(column: int, values: Sequence[Decimal | int], *, first: int = 2) -> Formula:
    letter = COLUMNS[column]
    return Formula(expression=f"SUM({letter}{first}:{letter}{first + len(values) - 1})", value=sum(values))


def _totalled(rows: Sequence[Row], *columns: int) -> Iterator[Row]:
    """Give rows and, below them, the sums of these columns."""
    yield from rows
    if rows:
        values = {column: [row[column].value if isinstance(row[column], Formula) else row[column] for row in rows] for column in columns}
        yield ("Total", *(_sum(column, values[column]) if column in values else None for column in range(1, len(rows[0]))))


# --- sections


def _tie_out(material: Material) -> Iterator[Row]:
    """Set credited and stock against accepted, less what is only in timing, and tie each difference to the proof's own.

    Two currencies are never added. A spreadsheet counts in binary fractions, so what is compared is rounded to an extract's four places.
    """
    own = material.proof.figures.get("entities", {})
    for number, (entity, currency, lines, net, credited, stocked, received) in enumerate(material.sides, start=2):
        timing = material.timing.get((entity, currency), NOTHING)
        difference = credited - net + timing
        told = Decimal(str(own[entity]["credit_difference"].get(currency, 0))) if entity in own else None
        yield (entity, currency, lines, net, credited, timing,
               Formula(expression=f"ROUND(E{number}-D{number}+F{number},4)", value=difference), stocked, received,
               Formula(expression=f"ROUND(I{number}-H{number},4)", value=received - stocked), told,
               Formula(expression=f'IF(K{number}="","not kept",IF(ROUND(G{number}-K{number},4)=0,"ties","differs"))',
                       value="not kept" if told is None else "ties" if difference == told else "differs"))


def _classes(material: Material) -> Iterator[Row]:
    found: dict[tuple[str, str, str, str], list[Decimal]] = {}
    for each in material.strays:
        found.setdefault((each.entity, each.currency, each.standing, each.kind), []).append(each.amount)
    return _totalled([(*key, len(amounts), sum(amounts, NOTHING)) for key, amounts in sorted(found.items())], 4)


def _unproved(material: Material) -> Iterator[Row]:
    for each in material.strays:
        yield (each.entity, each.standing, each.kind, each.return_ref, each.line_id, each.document, each.amount, each.currency, each.since)


def _open_items(material: Material) -> Iterator[Row]:
    for number, (entity, row) in enumerate(material.open, start=2):
        opened = row.case.opened_at.astimezone(ZoneInfo(material.rules.entity(entity).zone)).date()
        last = material.last_day(entity)
        yield (entity, row.case.kind, row.case.owner, row.case.return_ref, row.case.line_id, row.case.money.amount, row.case.money.currency,
               opened, last, Formula(expression=f"I{number}-H{number}", value=(last - opened).days),
               "; ".join(each.sentence for each in row.case.findings))


def _ageing(material: Material) -> Iterator[Row]:
    """Group the open items by cause and age, over the rows of their sheet."""
    items = [*_open_items(material)]
    if not items:
        return
    part = {name: f"'Open items'!{name}$2:{name}${len(items) + 1}" for name in "ABFGJ"}
    rows: list[Row] = []
    for number, (entity, kind, currency) in enumerate(sorted({(row[0], row[1], row[6]) for row in items}), start=2):
        mine = [row for row in items if (row[0], row[1], row[6]) == (entity, kind, currency)]
        same = f"{part['A']},A{number},{part['B']},B{number},{part['G']},C{number}"
        ages = []
        for least, most in zip((-1, *AGES), (*AGES, 100_000), strict=True):
            within = [row[5] for row in mine if least < row[9].value <= most]
            ages.append(Formula(expression=f'SUMIFS({part["F"]},{same},{part["J"]},">{least}",{part["J"]},"<={most}")',
                                value=sum(within, NOTHING)))
        rows.append((entity, kind, currency, Formula(expression=f"COUNTIFS({same})", value=len(mine)), *ages,
                     Formula(expression=f"SUM(E{number}:H{number})", value=sum((each.value for each in ages), NOTHING))))
    yield from _totalled(rows, 3)


def _control(material: Material) -> Iterator[Row]:
    rows = [(row.key, row.legal_entity, row.closed_at, row.returns, int(row.ledger.get("count", 0)), _words(row.controls),
             _words(row.ledger), "not read back" if not row.ledger else "agrees" if row.ledger.get("agrees") else "differs")
            for row in sorted(material.windows, key=lambda each: each.key)]
    return _totalled(rows, 3, 4)


def _cut_off(material: Material) -> Iterator[Row]:
    """Say of each sampled line on which side of the month's end its acceptance and each of its records lie."""
    for number, (entity, line, net, currency, accepted, received, credited) in enumerate(material.sample, start=2):
        last = material.last_day(entity)
        sides = [day is None or (day <= last) == (accepted <= last) for day in (received, credited)]
        told = [f'IF({column}{number}="",TRUE,({column}{number}<=H{number})=(E{number}<=H{number}))' for column in "FG"]
        yield (entity, line, net, currency, accepted, received, credited, last,
               Formula(expression=f'IF(AND({told[0]},{told[1]}),"same side","other side")',
                       value="same side" if all(sides) else "other side"))


def _not_credited(material: Material) -> Iterator[Row]:
    """List what was accepted and is not credited: in timing with what it waits for, broken with its class."""
    rows = [(each.entity, each.currency, each.return_ref, each.line_id, each.since, each.kind, abs(each.amount))
            for each in material.strays if each.return_ref and (each.standing == "timing" or each.kind in NOT_THERE)]
    return _totalled(rows, 6)


NOT_THERE: Final = frozenset({"MISSING_IN_ERP", "STOCK_WITHOUT_CREDIT", "STUCK_UNCONFIRMED", "DRAFT_NEVER_POSTED", "DELETED_DRAFT",
                              "REVERSED_IN_ERP", "POSTED_WITHOUT_LINES", "FEE_MISSING"})
"""Classes that say that a line has no credit."""


def _approvals(material: Material) -> Iterator[Row]:
    for row in material.proposals:
        yield (row.id, row.legal_entity, row.kind.value, row.subject, row.money.amount, row.money.currency, row.proposer, row.proposed_at,
               ", ".join(row.yeses), row.state.value, row.ended_at, row.reason)


def _versions(material: Material) -> Iterator[Row]:
    for row in material.reigns:
        yield row.version, row.since, row.by, row.proposal, row.sha256


def _signatures(material: Material) -> Iterator[Row]:
    for row in material.signatures:
        yield (row.legal_entity, row.signer.value, row.actor, row.at, row.sha256, _words(row.numbers), row.fallen_at, "; ".join(row.moved))


def _extracts(material: Material) -> Iterator[Row]:
    for each in material.proof.extracts:
        yield (material.proof.id, material.proof.day, material.proof.at, material.rules.version, "yes" if material.proof.complete else "no",
               each["side"], each["rows"], each["sha256"])


def _words(values: Mapping[str, Any]) -> str:
    return "; ".join(f"{name} {value}" for name, value in sorted(values.items()) if value not in (None, "", [], {}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section: its headings, and the function that makes its rows."""

    headings: tuple[str, ...]
    rows: Callable[[Material], Iterator[Row]]


SECTIONS: Final[Mapping[str, Section]] = {
    "Tie-out": Section(rows=_tie_out, headings=(
        "Legal entity", "Currency", "Lines", "Accepted", "Credited", "In timing", "Difference", "Units to stock", "Units in stock",
        "Units more in stock", "Difference by the proof", "Tie")),
    "Not proved, by class": Section(rows=_classes, headings=("Legal entity", "Currency", "Standing", "Class", "Lines", "Amount")),
    "Not proved": Section(rows=_unproved, headings=(
        "Legal entity", "Standing", "Class", "Return", "Line", "Document", "Amount", "Currency", "Since")),
    "Open items": Section(rows=_open_items, headings=(
        "Legal entity", "Cause", "Team", "Return", "Line", "Amount", "Currency", "Opened", "Month's end", "Days", "Reason")),
    "Ageing": Section(rows=_ageing, headings=(
        "Legal entity", "Cause", "Currency", "Items", "To 7 days", "To 30", "To 60", "Older", "Amount")),
    "Control sheets": Section(rows=_control, headings=(
        "Batch", "Legal entity", "Closed", "Returns", "Documents", "Control totals", "Ledger", "Says")),
    "Not credited": Section(rows=_not_credited, headings=("Legal entity", "Currency", "Return", "Line", "Since", "Why", "Net")),
    "Cut-off sample": Section(rows=_cut_off, headings=(
        "Legal entity", "Line", "Net", "Currency", "Accepted, at the warehouse", "In stock", "Credited", "Month's end", "Says")),
    "Approvals": Section(rows=_approvals, headings=(
        "Proposal", "Legal entity", "Kind", "About", "Amount", "Currency", "Proposed by", "Proposed", "Approved by", "State", "Ended",
        "Reason")),
    "Mapping changes": Section(rows=_versions, headings=("Version", "Since", "By", "Proposal", "SHA-256")),
    "Signatures": Section(rows=_signatures, headings=(
        "Legal entity", "List", "Signed by", "Signed", "SHA-256", "Numbers", "Fell", "What moved")),
    "Extracts": Section(rows=_extracts, headings=("Proof", "As of", "Run", "Rules", "Complete", "Side", "Rows", "SHA-256")),
}
"""Every section of a pack, in its order. A formula that looks at another sheet names it as it is named here."""

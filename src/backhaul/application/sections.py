"""Which sections has a pack of a month, and how is each made of its material?

A total, a difference or a tie is a formula over the cells it is made of, and carries the value it comes to: the workbook works it out
again, paper shows it, and both say the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from backhaul.application.material import Formula, Material, Row
from backhaul.application.proof_ports import KeptProof
from backhaul.domain.returns import NOTHING

AGES: Final = (7, 30, 60)
"""Days after which an open item is in the next column of the ageing."""
NOBODYS: Final = "none known"
"""What stands where no legal entity or currency is known: a formula that looks for an empty cell finds none."""
COLUMNS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


# --- formulas


def _sum(column: int, values: Sequence[Decimal | int], *, first: int = 2) -> Formula:
    letter = COLUMNS[column]
    return Formula(expression=f"SUM({letter}{first}:{letter}{first + len(values) - 1})", value=sum(values))


def totalled(rows: Sequence[Row], *columns: int) -> Iterator[Row]:
    """Give rows and, below them, the sums of these columns."""
    yield from rows
    if rows:
        values = {column: [row[column].value if isinstance(row[column], Formula) else row[column] for row in rows] for column in columns}
        yield ("Total", *(_sum(column, values[column]) if column in values else None for column in range(1, len(rows[0]))))


# --- sections


def _tie_out(material: Material) -> Iterator[Row]:
    """Set credited, stock and ledger each against what it answers, less what is only in timing, and tie the differences to the proof's own.

    Two currencies are never added; units are, so that those of a legal entity are tied over all its rows. A spreadsheet counts in binary
    fractions, so what is compared is rounded to an extract's four places.
    """
    own = material.proof.figures.get("entities", {})
    last = 1 + len(material.sides)
    for number, each in enumerate(material.sides, start=2):
        figures = own.get(each.entity)
        credit, ledger = (Decimal(str(figures[name].get(each.currency, 0))) if figures else None
                          for name in ("credit_difference", "ledger_difference"))
        stock = Decimal(str(figures["stock_difference"])) if figures else None
        apart, units = each.credited - each.net + each.timing, each.received - each.stocked + each.awaited
        all_units = sum((one.received - one.stocked + one.awaited for one in material.sides if one.entity == each.entity), NOTHING)
        lacks = None if each.booked is None else each.booked - each.credited
        yield (each.entity, each.currency, each.lines,
               each.net, each.credited, each.timing, _apart(f"E{number}-D{number}+F{number}", apart), credit,
               _tie(f"G{number}", f"H{number}", apart, credit),
               each.stocked, each.received, each.awaited, _apart(f"K{number}-J{number}+L{number}", units), stock,
               _tie(f"SUMPRODUCT((A$2:A${last}=A{number})*M$2:M${last})", f"N{number}", all_units, stock),
               "not read" if each.booked is None else each.booked,
               "not read" if lacks is None else _apart(f"P{number}-E{number}", lacks), ledger,
               "not read" if lacks is None else _tie(f"Q{number}", f"R{number}", lacks, ledger))


def _apart(expression: str, value: Decimal) -> Formula:
    return Formula(expression=f"ROUND({expression},4)", value=value)


def _tie(mine: str, told: str, value: Decimal, kept: Decimal | None) -> Formula:
    """Say whether a difference is the one that the proof kept, where it kept one of each legal entity."""
    return Formula(expression=f'IF({told}="","not kept",IF(ROUND({mine}-{told},4)=0,"ties","differs"))',
                   value="not kept" if kept is None else "ties" if value == kept else "differs")


def _classes(material: Material) -> Iterator[Row]:
    found: dict[tuple[str, str, str, str], list[Decimal]] = {}
    for each in material.strays:
        found.setdefault((each.entity, each.currency, each.standing, each.kind), []).append(each.amount)
    return totalled([(*key, len(amounts), sum(amounts, NOTHING)) for key, amounts in sorted(found.items())], 4)


def _unproved(material: Material) -> Iterator[Row]:
    for each in material.strays:
        yield (each.entity, each.standing, each.kind, each.return_ref, each.line_id, each.document, each.amount, each.currency, each.since)


def _open_items(material: Material) -> Iterator[Row]:
    """List all open work by how much money it is about, whichever way that would go: what cancels in a sum is no less open."""
    for number, (entity, row) in enumerate(material.open, start=2):
        zone = next((each.zone for each in material.rules.entities if each.id == entity), material.rules.entities[0].zone)
        opened = row.case.opened_at.astimezone(ZoneInfo(zone)).date()
        last = material.last_day(entity)
        yield (entity or NOBODYS, row.case.kind, row.case.owner, row.case.return_ref, row.case.line_id, abs(row.case.money.amount),
               row.case.money.currency or NOBODYS, opened, last, Formula(expression=f"I{number}-H{number}", value=(last - opened).days),
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
    yield from totalled(rows, 3)


def _control(material: Material) -> Iterator[Row]:
    rows = [(row.key, row.legal_entity, row.closed_at, row.returns, int(row.ledger.get("count", 0)), _words(row.controls),
             _words(row.ledger), "not read back" if not row.ledger else "agrees" if row.ledger.get("agrees") else "differs")
            for row in sorted(material.windows, key=lambda each: each.key)]
    return totalled(rows, 3, 4)


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
    """List what was accepted and is not credited: in timing with what it waits for, broken with its class. Claims are not lines."""
    rows = [(each.entity, each.currency, each.return_ref, each.line_id, each.since, each.kind, abs(each.amount))
            for each in material.strays if each.line and (each.standing == "timing" or each.kind in NOT_THERE)]
    return totalled(rows, 6)


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


def _by_hand(material: Material) -> Iterator[Row]:
    """List the lines that a credit or a receipt by hand was confirmed for; a match fell if the proof says so."""
    fell = [str(said) for said in material.proof.figures.get("reasons", ())]
    for match in material.matches:
        says = next((said for said in fell if said.startswith(f"match {match.id} of ")), "in the books as confirmed")
        for line in match.lines:
            yield (match.id, match.kind, match.legal_entity, line.return_ref, line.line_id,
                   ", ".join(sorted(set(match.records.values()))), line.units, line.net, match.currency, match.actor, match.approver,
                   match.at, match.reason, says)


def _parameters(material: Material) -> Iterator[Row]:
    """Say of each proof what was asked of whom, and within what its figures might differ."""
    for proof in _proofs(material):
        of, asked = (proof.id, proof.period), proof.figures.get("asked")
        yield *of, "", "proved as of the end of", proof.day
        yield *of, "", "the platform's side", proof.figures.get("relied_on", "")
        yield *of, "", "read by the rules of version", asked["rules"] if asked else "not kept"
        for entity, each in sorted(asked["entities"].items()) if asked else ():
            yield from ((*of, entity, what, each[name]) for what, name in (("ERP", "erp"), ("company", "company")))
            yield from ((*of, entity, what, date.fromisoformat(each[name]))
                        for what, name in (("books read from", "first"), ("books read until", "last")))
        for row in asked["tolerances"] if asked else ():
            yield *of, "", f"tolerance, {row['row']}", Decimal(str(row["limit"])), row["owner"], row["reason"]
    ledger = material.end.ledger
    for entity, accounts in sorted(ledger.accounts.items()) if ledger else ():
        yield material.proof.id, material.proof.period, entity, "accounts read", ", ".join(sorted({*accounts.values()}))


def _extracts(material: Material) -> Iterator[Row]:
    for proof in _proofs(material):
        asked = proof.figures.get("asked")
        run = (proof.id, proof.day, proof.at, asked["rules"] if asked else "not kept", "yes" if proof.complete else "no")
        for each in proof.extracts:
            yield (*run, each["side"], each["rows"], each["sha256"], proof.period)
            for number, file in enumerate(each.get("files", ()), start=1):
                yield (*run, f"{each['side']}, file {number}", file["rows"], file["sha256"], proof.period)


def _proofs(material: Material) -> Iterator[KeptProof]:
    """Give the proofs whose extracts a pack is made of: the month's, and the following month's of which the cut-off sample is."""
    yield material.proof
    if material.after is not None:
        yield material.after


def _words(values: Mapping[str, Any]) -> str:
    return "; ".join(f"{name} {value}" for name, value in sorted(values.items()) if value not in (None, "", [], {}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section: its headings, and the function that makes its rows."""

    headings: tuple[str, ...]
    rows: Callable[[Material], Iterator[Row]]


SECTIONS: Final[Mapping[str, Section]] = {
    "Tie-out": Section(rows=_tie_out, headings=(
        "Legal entity", "Currency", "Lines", "Accepted", "Credited", "In timing", "Difference", "By the proof", "Tie", "Units to stock",
        "Units in stock", "Units in timing", "Units more in stock", "By the proof, of the legal entity", "Tie of units", "In the ledger",
        "Ledger less credited", "By the proof", "Tie of the ledger")),
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
    "Credited or received by hand": Section(rows=_by_hand, headings=(
        "Match", "Kind", "Legal entity", "Return", "Line", "Documents", "Units", "Net", "Currency", "Proposed by", "Approved by",
        "Confirmed", "Reason", "Says")),
    "Signatures": Section(rows=_signatures, headings=(
        "Legal entity", "List", "Signed by", "Signed", "SHA-256", "Numbers", "Fell", "What moved")),
    "Extract parameters": Section(rows=_parameters, headings=(
        "Proof", "Month", "Legal entity", "Parameter", "Value", "Owner", "Reason")),
    "Extracts": Section(rows=_extracts, headings=("Proof", "As of", "Run", "Rules", "Complete", "Side", "Rows", "SHA-256", "Month")),
}
"""Every section of a pack, in its order. A formula that looks at another sheet names it as it is named here."""

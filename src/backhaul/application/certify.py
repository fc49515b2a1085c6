"""What stays of a proof: the run, the work its breaks make for people, and an entry in the trail?

A break is an exception under `proof:PERIOD` and the name of its line, of the kind and team of its class; it closes by itself when a later
run that could read everything no longer finds it. A run that could not read everything closes nothing. What two people closed with a reason
stays closed as long as it is the same break; it is no less broken in the proof.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from backhaul.application.ports import Fence, Tx
from backhaul.application.proof_ports import KeptProof, KeptStray, KeptWithin, ProofStore
from backhaul.application.reconcile import Books, Proof, quoted
from backhaul.application.shares import Share
from backhaul.application.stated import figures
from backhaul.domain.discrepancy import CLASSES
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.money import Money
from backhaul.domain.oversight import Irregular
from backhaul.domain.proposal import SYSTEM
from backhaul.domain.returns import NOTHING
from backhaul.domain.rules import Rules
from backhaul.domain.tolerance import Measure


def across(books: Books, period: str) -> Sequence[Mapping[str, Any]]:
    """Add up what was accepted in a period and credited in another, which is right in itself and moves money from month to month."""
    names = ("entity", "currency", "credited_in", "lines", "net")
    return [dict(zip(names, row, strict=True)) for row in books.rows(f"""
        SELECT coalesce(a.entity, ''), coalesce(r.currency, a.currency, ''), r.period, count(DISTINCT r.line), sum(r.net)
        FROM {books.whole('records')} r JOIN {books.whole('accepted')} a ON r.line = a.line
        WHERE r.side = 'credit' AND r.status = 'posted' AND r.period <> {quoted(period)} AND a.units <> 0 GROUP BY ALL ORDER BY ALL""")]


def late(told: Iterable[Mapping[str, Any]], period: str) -> Sequence[Mapping[str, Any]]:
    """Add up what was changed after its credit in another period, of lines of this one and in this one: both months say so (books 8)."""
    by: dict[tuple[str, str, str, str, str], tuple[set[str], Decimal, Decimal]] = {}
    for row in told:
        if period in {row["of"], row["posted_in"]}:
            at = (row["entity"], row["currency"], row["what"], row["of"], row["posted_in"])
            lines, units, net = by.get(at, (set[str](), Decimal(0), Decimal(0)))
            by[at] = ({*lines, row["line"]}, units + (row["units"] or Decimal(0)), net + (row["net"] or Decimal(0)))
    names = ("entity", "currency", "what", "of", "posted_in", "lines", "units", "net")
    return [dict(zip(names, (*at, len(lines), units, net), strict=True)) for at, (lines, units, net) in sorted(by.items())]


def certify(store: ProofStore, rules: Rules, proof: Proof, books: Books, period: str, day: date, *,  # noqa: PLR0913, PLR0917  all of a run
            extracts: Sequence[Mapping[str, Any]], actor: str, now: datetime, beside: Sequence[KeptStray] = (),
            fence: Fence | None = None) -> int:
    """Keep a run, open its breaks as exceptions and close those that are gone; give the number of the run.

    A run as of an earlier day than the last one is kept, and changes nobody's work. What stands `beside` the lines is kept with it.
    Whoever holds a `fence` that was overtaken keeps nothing, which is `RetryLater`.
    """
    proof.entities = {entity.id: Share() for entity in rules.entities} | proof.entities
    strays, within = [*_strays(books)], [*_within(books, rules.tolerance.books)]
    told, name = figures(proof), f"proof:{period}"
    broken: dict[str, list[KeptStray]] = {}
    for each in strays:
        if each.standing != "timing":
            broken.setdefault(_subject(each), []).append(each)
    with store.begin(fence) as tx:
        before = tx.proofs(rules.tenant, period, limit=1)
        number = tx.keep_proof(KeptProof(tenant=rules.tenant, period=period, day=day, at=now, actor=actor, complete=proof.complete,
                                         figures=told, extracts=extracts), [*strays, *beside], proof.house, within)
        tx.record(rules.tenant, subject=name, action="proof.run", at=now, actor=actor, detail={
            "proof": number, "day": day.isoformat(), "extracts": {each["side"]: each["sha256"] for each in extracts}, **told})
        if before and day < before[0].day:
            return number
        kept = accepted(tx, rules.tenant, name)
        for subject, mine in broken.items():
            raise_break(tx, kept, _exception(rules, name, subject, mine, now))
        irregular = {f"{each.kind} {each.subject}": each for each in proof.house}
        for subject, found in irregular.items():
            raise_break(tx, kept, _of_house(rules, name, subject, found, now))
        if proof.complete:
            tx.close_exceptions(rules.tenant, name, apart_from={*broken, *irregular}, at=now,
                                resolution=f"proof {number} no longer finds it")
    return number


def _strays(books: Books) -> Iterator[KeptStray]:
    """Give what was not proved: broken lines, lines in timing, and records without a line."""
    for line, kind, amount, document, also, other, orphan, entity, currency, since in books.rows("""
            SELECT f.line, f.kind, f.amount, coalesce(f.document, ''), array_to_string(f.also, ' '), f.other, f.orphan, f.entity,
                   f.currency, v.since
            FROM found f LEFT JOIN verdicts v ON v.line = f.line AND f.line <> '' ORDER BY f.line, f.document"""):
        ref, _, line_id = line.partition("|")
        yield KeptStray(line=line, return_ref=ref, line_id=line_id, standing="orphan" if orphan else "broken", kind=kind, amount=amount,
                        entity=entity, currency=currency, document=document, also=also, other=other, since=since)
    for line, why, amount, document, entity, currency, since in books.rows("""
            SELECT line, why, net - credited, document, own_entity, own_currency, since FROM verdicts
            WHERE standing = 'timing' ORDER BY line"""):
        ref, _, line_id = line.partition("|")
        yield KeptStray(line=line, return_ref=ref, line_id=line_id, standing="timing", kind=why, amount=amount, entity=entity,
                        currency=currency, document=document, since=since)


def _within(books: Books, currencies: Mapping[str, str]) -> Iterator[KeptWithin]:
    """Give what tolerances let go, line by line; a cost is in the currency of the books."""
    for line, measure, amount, row, entity, currency, document in books.rows("""
            SELECT line, each.measure, each.amount, each.row, own_entity, own_currency, document
            FROM (SELECT *, unnest(let_go) AS each FROM verdicts) ORDER BY line, each.measure"""):
        ref, _, line_id = line.partition("|")
        yield KeptWithin(line=line, return_ref=ref, line_id=line_id, measure=measure, amount=amount, row=row, entity=entity,
                         currency=currencies.get(entity, currency) if measure == Measure.COST else currency, document=document)


def accepted(tx: Tx, tenant: str, name: str) -> Mapping[str, Sequence[Finding]]:
    """Say which breaks people closed, and as what they stood then: one that is still the same is not put before them again."""
    closed = [row for row in tx.exceptions(tenant, open_only=False, refs=[name]) if row.closed_at and row.actor not in {"", SYSTEM}]
    return {row.case.line_id: tuple(row.case.findings) for row in sorted(closed, key=lambda row: (row.closed_at, row.id))}


def raise_break(tx: Tx, kept: Mapping[str, Sequence[Finding]], case: ExceptionCase) -> None:
    """Put a break before its team, unless people accepted the very same."""
    if kept.get(case.line_id) != case.findings:
        tx.open_exception(case)


def _subject(stray: KeptStray) -> str:
    """Name what an exception is about: the line, or the record where it belongs to none."""
    return stray.line or f"{stray.document} {stray.kind}"


def _exception(rules: Rules, name: str, subject: str, mine: Sequence[KeptStray], now: datetime) -> ExceptionCase:
    first = mine[0]
    amount = sum((each.amount for each in mine), NOTHING).quantize(Decimal("0.01"))
    what = f"line {first.line_id} of return {first.return_ref}" if first.return_ref else "a record that carries no mark of ours"
    beside = f"; also {first.also}" if first.also else ""
    other = f"; with {first.other}" if first.other else ""
    sentence = f"{CLASSES[first.kind].means} It is {what}, document {first.document or 'none'}, {amount} {first.currency}{beside}{other}."
    return rules.work(name, Finding(code=f"PROOF_{first.kind}", sentence=sentence), part=subject,
                      money=Money(amount=amount, currency=first.currency), now=now)


def _of_house(rules: Rules, name: str, subject: str, each: Irregular, now: datetime) -> ExceptionCase:
    return rules.work(name, Finding(code=f"PROOF_{each.kind}", sentence=f"{CLASSES[each.kind].means} {each.sentence}"), part=subject,
                      money=Money(amount=each.amount.quantize(Decimal("0.01")), currency=each.currency), now=now)

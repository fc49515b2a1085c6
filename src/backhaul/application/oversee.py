"""Is anything wrong with the house as a whole, beside what is wrong with its lines?

Looked for at the end of a proof, from what its testimonies hold, what the store keeps, and what the masters of each ERP say of the lines
that wait. An ERP that cannot be asked is a reason of the proof already, and then nothing is said of its items.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from backhaul.application.attest import Testimony
from backhaul.application.parts import parts
from backhaul.application.ports import FIXED, Erp, KeptPosting, Store
from backhaul.domain import oversight
from backhaul.domain.disposition import Circumstance, MappingRow
from backhaul.domain.errors import BackhaulError
from backhaul.domain.facts import Fact
from backhaul.domain.kits import explode
from backhaul.domain.oversight import NOTHING, Irregular, Total, Voucher, Waits
from backhaul.domain.return_line import ReturnLine
from backhaul.domain.returns import ReturnCase, fold
from backhaul.domain.rules import Rules
from backhaul.domain.trail import first_break
from backhaul.domain.validation import ItemState, Questions

"""So many returns or items are read together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a proof is told beside its testimonies: the platform's totals, whether its counter counts messages, and earlier mappings.

    `mapping_of` gives the rows that held under a version; None where it cannot be read any more.
    """

    totals: Sequence[Total] = ()
    counted: bool = False
    mapping_of: Callable[[str], Sequence[MappingRow] | None] = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncredited:
    """A line of the proof nothing of which is credited."""

    line: str
    entity: str
    currency: str
    net: Decimal


def oversee(  # noqa: PLR0913, PLR0917  all that is looked at
    store: Store, erps: Mapping[str, Erp | BackhaulError], rules: Rules, told: Testimony, uncredited: Iterable[Uncredited], period: str,
    beside: Beside,
) -> list[Irregular]:
    """Give everything that is irregular, class by class."""
    ours, laid = _vouchers(told)
    ledger = ((entity, entry) for entity, entries in told.shown.items() for entry in entries
              if entry.posted_on is None or rules.entity(entity).calendar.period_of(entry.posted_on) == period)
    found = [*oversight.unbalanced(ledger, ours, laid, {entity.id: entity.currency for entity in rules.entities})]
    waiting = [*_waiting(store, rules, [*uncredited])]
    found += oversight.blocked(waiting, _stopped(erps, waiting, told))
    before = {version: rows for version in {line.fixed_under for line in waiting} - {"", rules.version}
              if (rows := beside.mapping_of(version)) is not None}
    found += oversight.remapped(waiting, rules.mapping, before)
    if beside.counted:
        refs = sorted({row["line"].partition("|")[0] for row in told.accepted})
        found += [each for part in parts(refs) for each in oversight.gaps(_facts(store, rules, part))]
    found += oversight.miscounted((total for total in beside.totals if _whole(rules, total.day, period)), _counted(told))
    return found + _ourselves(store, rules)


def _vouchers(told: Testimony) -> tuple[Collection[Voucher], Collection[Voucher]]:
    """Give the vouchers of what belongs to returns, and those of them that a line is held against."""
    ours, laid = set[Voucher](), set[Voucher]()
    for row in told.records:
        if not row["voucher"] or row["side"] == "ledger":
            continue
        voucher = (row["entity"], row["voucher"])
        ours.add(voucher)
        if row["line"] and (row["side"] == "credit" or (row["side"] == "stock" and not row.get("moved"))):
            laid.add(voucher)
    return ours, laid


# --- lines that wait


def _waiting(store: Store, rules: Rules, lines: Sequence[Uncredited]) -> Iterator[Waits]:
    """Say of lines that wait what their item is, under which version they were fixed, and how their units were found."""
    by_ref: dict[str, list[Uncredited]] = {}
    for line in lines:
        by_ref.setdefault(line.line.partition("|")[0], []).append(line)
    for part in parts(sorted(by_ref)):
        with store.look() as tx:
            facts, kept = tx.facts(rules.tenant, part), tx.postings(rules.tenant, part)
        for ref in part:
            case = explode(fold(ref, facts.get(ref, ())), rules.kits)
            known = {line.line_id: line for line in case.lines}
            for line in by_ref[ref]:
                line_id = line.line.partition("|")[2]
                if line_id in known:
                    yield _waits(case, known[line_id], line, kept.get(ref, ()))


def _waits(case: ReturnCase, line: ReturnLine, told: Uncredited, kept: Sequence[KeptPosting]) -> Waits:
    versions = [row.mapping_version for row in kept if row.posting.line_id == line.line_id and row.state in FIXED]
    return Waits(
        line=told.line, entity=told.entity, currency=told.currency, net=told.net, sku=line.sku,
        fixed_under=max({*versions} - {case.mapped.profile if case.mapped else ""}, default=""), circumstances=tuple(
            Circumstance(legal_entity=told.entity, warehouse=part.node or case.warehouse, disposition=part.disposition,
                         condition=part.condition, reason=line.reason) for part in line.parts if part.accepted))


def _stopped(erps: Mapping[str, Erp | BackhaulError], waiting: Sequence[Waits], told: Testimony) -> set[tuple[str, str]]:
    """Ask each ERP which items of the lines that wait are blocked; one that does not answer is a reason."""
    found = set[tuple[str, str]]()
    for entity in sorted({line.entity for line in waiting} - told.away):
        erp = erps.get(entity)
        if erp is None or isinstance(erp, BackhaulError):
            continue
        try:
            for part in parts(sorted({line.sku for line in waiting if line.entity == entity})):
                master = erp.master_data(Questions(legal_entity=entity, items=frozenset(part)))
                found |= {(entity, sku) for sku in part if (item := master.items.get(sku)) and item.state is not ItemState.ACTIVE}
        except BackhaulError as away:
            told.reasons.append(f"{entity}: whether items of lines that wait are blocked was not read: {away}")
    return found


# --- counters, and our own records


def _facts(store: Store, rules: Rules, refs: Sequence[str]) -> Mapping[str, Sequence[Fact]]:
    with store.look() as tx:
        return tx.facts(rules.tenant, refs)


def _whole(rules: Rules, day: date, period: str) -> bool:
    """Tell whether a day lies in the period by every calendar; of another one the proof knows only some legal entities' part."""
    return all(entity.calendar.period_of(day) == period for entity in rules.entities)


def _counted(told: Testimony) -> Mapping[date, Total]:
    """Add up what was received and accepted, goods by the day of their acceptance."""
    days: dict[date, tuple[set[str], Decimal, Decimal]] = {}
    for row in told.accepted:
        if row["accepted_on"] is not None and not row["fee"]:
            refs, units, net = days.get(row["accepted_on"], (set(), NOTHING, NOTHING))
            days[row["accepted_on"]] = (refs | {row["line"].partition("|")[0]}, units + row["units"], net + row["net"])
    return {day: Total(day=day, returns=len(refs), units=units, net=net) for day, (refs, units, net) in days.items()}


def _ourselves(store: Store, rules: Rules) -> list[Irregular]:
    """Check the trail's chain, and that everything that is open has a team."""
    with store.look() as tx:
        broken = first_break(tx.trail(rules.tenant))
        unowned = [row for row in tx.exceptions(rules.tenant) if not row.case.owner.strip()]
    found = [Irregular(kind="UNOWNED_EXCEPTION", subject=f"exception {row.id}", amount=row.case.money.amount,
                       currency=row.case.money.currency,
                       sentence=f"Exception {row.id} about return {row.case.return_ref} is open and has no team.") for row in unowned]
    if broken is not None:
        found.append(Irregular(kind="AUDIT_GAP", subject=f"entry {broken.sequence}", sentence=(
            f"The trail's chain is broken at entry {broken.sequence}, {broken.action} on {broken.subject} at {broken.at}.")))
    return found

"""What came back in a period, what is it worth, and what is owed at its end for returns that nobody credited yet?

What came back is what the ERP's books show with a mark of ours; what is owed is folded from what the platform had told by the end of the
period. How far units are in the ERP is what the roll-forward found open there, so that both say the same of the same goods. Of returns
nothing was prepared for yet, cost of issue and rate are asked of the ERP by the order they name.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from backhaul.application.parts import parts
from backhaul.application.ports import Erp, KeptCase, KeptPosting, PostingState, Store
from backhaul.domain.disposition import Outcome, choose
from backhaul.domain.entry import Entry, Side
from backhaul.domain.errors import BackhaulError
from backhaul.domain.facts import Corrected, Fact, LinesMinted
from backhaul.domain.kits import explode
from backhaul.domain.lifecycle import ReturnState
from backhaul.domain.mapped import rows_for
from backhaul.domain.money import rounded
from backhaul.domain.original import trace, unit_cost
from backhaul.domain.placement import circumstance, is_over
from backhaul.domain.posting import CreditNote, LotShare, OrderLine, PostingKey, PostingKind, Receipt, Transfer, intake
from backhaul.domain.proof import Status
from backhaul.domain.return_line import NOTHING, Part, ReturnLine
from backhaul.domain.returns import ReturnCase, fold
from backhaul.domain.roll_forward import Flow, Rolled, Whose
from backhaul.domain.rules import LegalEntity, Rules
from backhaul.domain.tax import TaxTable, tax_of
from backhaul.domain.validation import MasterData, Questions, with_components
from backhaul.domain.valuation import NO_GOODS, UNGRADED, Figures, Owing, Regraded, Returned, Where, tied

WHENEVER: Final = (LinesMinted, Corrected)
"""Facts that say what always was so, whenever they were learned."""
Erps = Mapping[str, Erp | BackhaulError]


def value(store: Store, erps: Erps, rules: Rules, shown: Mapping[str, Sequence[Entry]], rolled: Rolled) -> Figures:
    """Give the figures for the days of a roll-forward, from what each legal entity's books have `shown` of them; nothing is written."""
    reasons: list[str] = []
    mine = [entity for entity in rules.entities if not rolled.days or entity.id in rolled.days]
    returned = tuple(each for entity in mine for each in _returned(store, rules, entity, shown.get(entity.id, ()), rolled))
    regraded = tuple(each for entity in mine for each in _regraded(store, rules, entity, rolled, returned))
    owing = tuple(_owing(store, erps, rules, rolled, reasons))
    return Figures(first=rolled.first, day=rolled.day, policy=rules.valuation, returned=returned, regraded=regraded, owing=owing,
                   ties=tied(owing, rolled), reasons=tuple(dict.fromkeys(reasons)))


# --- what came back


def _returned(store: Store, rules: Rules, entity: LegalEntity, entries: Sequence[Entry], rolled: Rolled) -> Iterator[Returned]:
    """Give what receipts of the period brought in, each with the class its units have by the end of it."""
    days = rolled.within(entity.id)
    mine = [each for each in entries if each.side is Side.STOCK and each.status is Status.POSTED and each.mark and not each.journal
            and each.units and each.units > 0 and each.posted_on and days.first <= each.posted_on <= days.last]
    with store.look() as tx:
        keys = tx.marked(rules.tenant, {each.mark for each in mine})
    refs = sorted({key.return_ref for key in keys.values()})
    for some in parts(refs):
        part = frozenset(some)
        with store.look() as tx:
            kept = tx.postings(rules.tenant, part)
        left = dict[tuple[str, str, int], Decimal]()
        for each in mine:
            key = keys.get(each.mark)
            if key is not None and key.return_ref in part:
                yield from _classed(each, key, kept.get(key.return_ref, ()), left, rules, entity, days.last)


def _classed(  # noqa: PLR0913, PLR0917  what it is of
    entry: Entry, key: PostingKey, kept: Sequence[KeptPosting], left: dict[tuple[str, str, int], Decimal], rules: Rules,
    entity: LegalEntity, day: date,
) -> Iterator[Returned]:
    """Part what one receipt brought in by the class of its units; `left` counts units of each part of a line that no entry stands for."""
    line = next((document for row in sorted(kept, key=lambda row: row.posting.key.part != key.part)
                 if isinstance(document := row.posting.document, OrderLine) and row.posting.key.subject == key.subject), None)
    units, cost = entry.units or NOTHING, original(line)
    for receipt, number, there in _receipts(entry, key, kept, left):
        warehouse = entry.place.warehouse if entry.place else receipt.place.warehouse
        for kind, count in _kinds(receipt, f"{key.subject}|{number}", there, kept, rules, day):
            yield Returned(
                whose=Whose(entity=entity.id, warehouse=warehouse, currency=entity.currency), kind=kind, units=count,
                day=entry.posted_on or day, return_ref=key.return_ref, line_id=receipt.line_id, document=entry.document,
                booked=None if entry.cost is None else entry.cost * count / units,
                original=None if cost is None else rounded(cost * count, entity.currency))


def _receipts(entry: Entry, key: PostingKey, kept: Sequence[KeptPosting], left: dict[tuple[str, str, int], Decimal],
              ) -> Iterator[tuple[Receipt, int, Decimal]]:
    """Find what was wanted of the units of an entry: at the place where they lie first, then under the mark itself."""
    parts = {row.posting.key.part: found for row in kept
             if row.posting.key.subject == key.subject and (found := intake(row.posting.document))}
    open_ = entry.units or NOTHING
    for number in sorted(parts, key=lambda number: (not _at(entry, parts[number]), number != key.part, number)):
        name = (key.return_ref, key.subject, number)
        count = min(open_, left.setdefault(name, parts[number].quantity))
        left[name], open_ = left[name] - count, open_ - count
        if count:
            yield parts[number], number, count


def _at(entry: Entry, receipt: Receipt) -> bool:
    """Tell whether units lie where a receipt wanted them."""
    here, wanted = entry.place, receipt.place
    return here is not None and (here.warehouse.upper(), here.location.upper()) == (wanted.warehouse.upper(), wanted.location.upper())


def original(line: OrderLine | None) -> Decimal | None:
    """Give what a unit cost when it was issued; an item at standard cost has none of its own, and then the issue's own is taken."""
    return None if line is None else line.unit_cost if line.unit_cost is not None else unit_cost(line.lots)


def _kinds(receipt: Receipt, name: str, units: Decimal, kept: Sequence[KeptPosting], rules: Rules,  # noqa: PLR0913, PLR0917  what it is of
           day: date) -> Iterator[tuple[str, Decimal]]:
    """Follow the units of a receipt through the transfers that gave them another grade."""
    lots = {name: (rules.valuation.kind(receipt.disposition, receipt.outcome), units)}
    for row in sorted(kept, key=lambda row: row.posting.key.part):
        moved = row.posting.document
        if not isinstance(moved, Transfer) or not moved.disposition or row.state is not PostingState.VERIFIED or row.document is None \
                or (row.document.posted_on or day) > day:
            continue
        source = next((lot for need in row.posting.needs for lot in (str(need), f"{need.subject}|{need.part}") if lot in lots), None)
        if source is not None:
            outcome = Outcome.RESTOCKED if rules.sellability.sells(moved.target) else Outcome.NON_SELLABLE
            (kind, there), gone = lots[source], min(lots[source][1], moved.quantity)
            lots[source] = (kind, there - gone)
            lots[str(row.posting.key)] = (rules.valuation.kind(moved.disposition, outcome), gone)
    yield from ((kind, count) for kind, count in lots.values() if count)


# --- what got another grade afterwards


def _regraded(store: Store, rules: Rules, entity: LegalEntity, rolled: Rolled, returned: Sequence[Returned]) -> Iterator[Regraded]:
    """Give what was moved to the place of another grade in the period and had come before it; what came in it is of its new class there."""
    days, here = rolled.within(entity.id), {(each.return_ref, each.line_id) for each in returned}
    with store.look() as tx:
        moved = tx.in_state(rules.tenant, entity.id, {PostingState.VERIFIED}, kinds={PostingKind.TRANSFER})
    refs = sorted({row.posting.key.return_ref for row in moved
                   if row.document and row.document.posted_on and days.first <= row.document.posted_on <= days.last})
    for some in parts(refs):
        with store.look() as tx:
            kept = tx.postings(rules.tenant, frozenset(some))
        yield from (each for ref in sorted(kept) for each in regraded_of(kept[ref], rules, entity)
                    if days.first <= each.day <= days.last and (each.return_ref, each.line_id) not in here)


def regraded_of(kept: Sequence[KeptPosting], rules: Rules, entity: LegalEntity) -> Iterator[Regraded]:
    """Give what of one return its ERP moved to the place of another grade, each time with the classes of before and since."""
    rows = {row.posting.key: row for row in kept}
    posted = [row.document.posted_on for row in kept if row.document and row.document.posted_on
              and isinstance(row.posting.document, Receipt | CreditNote)]
    for row in sorted(kept, key=lambda row: row.posting.key.part):
        moved, told = row.posting.document, row.document
        if not isinstance(moved, Transfer) or not moved.disposition or row.state is not PostingState.VERIFIED or told is None \
                or told.posted_on is None:
            continue
        before = next((kind for need in row.posting.needs if need in rows and (kind := _class(rows[need], rules))), "")
        after, line = _class(row, rules), next((document for each in kept if isinstance(document := each.posting.document, OrderLine)
                                                and document.line_id == moved.line_id), None)
        if before and before != after:
            cost = original(line)
            yield Regraded(
                whose=Whose(entity=entity.id, warehouse=moved.target.warehouse, currency=entity.currency), before=before, after=after,
                units=moved.quantity, day=told.posted_on, cost=None if cost is None else rounded(cost * moved.quantity, entity.currency),
                return_ref=row.posting.key.return_ref, line_id=moved.line_id, sku=moved.sku, mark=row.posting.key.marker,
                received=max((day for day in posted if day <= told.posted_on), default=None))


def _class(row: KeptPosting, rules: Rules) -> str:
    """Name the class units have by a receipt or by the transfer that gave them another grade."""
    document = row.posting.document
    if isinstance(document, Transfer):
        outcome = Outcome.RESTOCKED if rules.sellability.sells(document.target) else Outcome.NON_SELLABLE
        return rules.valuation.kind(document.disposition, outcome)
    brought = intake(document)
    return rules.valuation.kind(brought.disposition, brought.outcome) if brought and brought.outcome else ""


# --- what is owed


@dataclass(slots=True, kw_only=True)
class _Open:
    """One line that is not credited whole: how many units, how many of these are here, and what was prepared of it."""

    case: ReturnCase
    line: ReturnLine
    entity: LegalEntity
    units: Decimal
    here: Decimal
    credited: Decimal
    in_erp: Decimal
    prepared: OrderLine | None
    since: date
    kinds: list[tuple[str, Decimal]] = field(default_factory=list)

    @property
    def whose(self) -> Whose:
        """Say whose they are, as the roll-forward does."""
        return Whose(entity=self.entity.id, brand=self.case.retailer, warehouse=self.case.warehouse,
                     currency=self.case.currency or self.entity.currency)


def _owing(store: Store, erps: Erps, rules: Rules, rolled: Rolled, reasons: list[str]) -> Iterator[Owing]:
    in_erp = _in_erp(rolled)
    with store.look() as tx:
        refs = sorted(case.ref for case in tx.cases(rules.tenant).values() if not _was_over(case, rules, rolled))
    for part in parts(refs):
        with store.look() as tx:
            facts, kept = tx.facts(rules.tenant, part), tx.postings(rules.tenant, part)
        found = [each for ref in part for each in _open(ref, facts.get(ref, ()), kept.get(ref, ()), rules, rolled, in_erp)]
        for entity in rules.entities:
            mine = [each for each in found if each.entity.id == entity.id]
            master = _asked(erps.get(entity.id), entity, [each for each in mine if each.prepared is None], reasons)
            taxes = master.taxes or rules.taxes.get(entity.id, TaxTable())
            for each in mine:
                cost, rate = _terms(each, master, taxes, rules)
                yield from _parted(each, cost, rate)


def _was_over(case: KeptCase, rules: Rules, rolled: Rolled) -> bool:
    """Tell whether a return was settled or closed by the end of its legal entity's days and nothing was learned of it since."""
    entity = next((each for each in rules.entities if each.id == case.legal_entity), None)
    return (entity is not None and case.state in {ReturnState.SETTLED, ReturnState.CLOSED} and case.updated_at is not None
            and case.updated_at < entity.end_of(rolled.within(entity.id).last))


def _in_erp(rolled: Rolled) -> Mapping[tuple[str, str], Decimal]:
    """Count the units of each line that the ERP has and did not credit; one whose units it does not count stands as all that are here."""
    amounts, units = dict[tuple[str, str], Decimal](), dict[tuple[str, str], Decimal]()
    for move in rolled.movements:
        if move.flow is Flow.RECEIVED and move.day <= rolled.within(move.whose.entity).last and move.line_id:
            at = (move.return_ref, move.line_id)
            amounts[at] = amounts.get(at, NOTHING) + move.amount
            units[at] = units.get(at, NOTHING) + move.units
    return {at: units[at] or Decimal("Infinity") for at, amount in amounts.items() if amount or units[at]}


def _open(ref: str, facts: Sequence[Fact], kept: Sequence[KeptPosting], rules: Rules, rolled: Rolled,  # noqa: PLR0913, PLR0917  what is known
          in_erp: Mapping[tuple[str, str], Decimal]) -> Iterator[_Open]:
    """Give the lines of a return that were not credited whole at the end of its legal entity's days, by what was known then."""
    now = explode(fold(ref, facts), rules.kits)
    entity = rules.entity_of(now.retailer)
    if entity is None or (rules.go_live and now.announced_at and now.announced_at < rules.go_live):
        return
    if rolled.days and entity.id not in rolled.days:
        return
    day = rolled.within(entity.id).last
    over = entity.end_of(day)
    known = [fact for fact in facts if fact.at < over or isinstance(fact, WHENEVER)]
    if all(isinstance(fact, WHENEVER) for fact in known):
        return
    case = now if len(known) == len(facts) else explode(fold(ref, known), rules.kits)
    since = min((fact.at for fact in known), default=over).astimezone(ZoneInfo(entity.zone)).date()
    for line in case.lines:
        if line.sku in rules.fees or line.blind or line.closed or case.called_off:
            continue
        credited = sum((row.posting.document.quantity for row in kept if isinstance(row.posting.document, CreditNote)
                        and row.posting.line_id == line.line_id and row.state is PostingState.VERIFIED and row.document
                        and (row.document.posted_on or day) <= day), NOTHING)
        without = sum((part.quantity for part in line.parts if part.accepted and not _credits(case, line, part, rules, entity)), NOTHING)
        wanted = max(line.announced - line.rejected, line.accepted) - without
        came = min(max(max(line.received or NOTHING, line.graded) - line.rejected, line.accepted) - without, wanted)
        if is_over(case, line, rules, over):
            wanted = came
        if wanted > credited:
            prepared = next((document for row in kept if isinstance(document := row.posting.document, OrderLine)
                             and document.line_id == line.line_id and (document.lots or document.unit_cost)), None)
            yield _Open(case=case, line=line, entity=entity, units=wanted - credited, here=max(came - credited, NOTHING), credited=credited,
                        in_erp=in_erp.get((ref, line.line_id), NOTHING), prepared=prepared, since=since,
                        kinds=[*_graded(case, line, rules, entity)])


def _credits(case: ReturnCase, line: ReturnLine, part: Part, rules: Rules, entity: LegalEntity) -> bool:
    """Tell whether accepted units are credited: what nobody mapped yet will be."""
    row = choose(rows_for(case, rules), circumstance(case, line, part, entity))
    return row is None or row.credit


def _graded(case: ReturnCase, line: ReturnLine, rules: Rules, entity: LegalEntity) -> Iterator[tuple[str, Decimal]]:
    """Give the classes of the accepted units of a line, in the order in which they are credited."""
    for part in line.parts:
        if part.accepted and _credits(case, line, part, rules, entity):
            row = choose(rows_for(case, rules), circumstance(case, line, part, entity))
            gone = part.claimed or part.granted
            yield NO_GOODS if gone else rules.valuation.kind(part.disposition, row.outcome) if row else UNGRADED, part.quantity


def _asked(erp: Erp | BackhaulError | None, entity: LegalEntity, mine: Sequence[_Open], reasons: list[str]) -> MasterData:
    """Ask the ERP about the sales of lines nothing was prepared of; one that cannot be asked is a reason."""
    if not mine:
        return MasterData()
    orders = frozenset(each.line.order for each in mine if each.line.order)
    try:
        if erp is None or isinstance(erp, BackhaulError):
            raise erp or BackhaulError("nothing is connected")
        return erp.master_data(Questions(legal_entity=entity.id, orders=orders, items=frozenset(each.line.sku for each in mine),
                                         customers=frozenset(each.case.customer for each in mine if each.case.customer)))
    except BackhaulError as away:
        reasons.append(f"{entity.id}: what announced goods cost when they were issued was not read: {away}")
        return MasterData()


def _terms(each: _Open, master: MasterData, taxes: TaxTable, rules: Rules) -> tuple[Decimal | None, Decimal | None]:
    """Give what a unit cost when it was issued, and the rate of its sale; None each where nobody knows."""
    if each.prepared is not None:
        return original(each.prepared), each.prepared.tax_rate
    sale = master.sales.get(each.line.order or "")
    sold = with_components(sale, rules).of(each.line.sku) if sale else ()
    if sale is None or not sold:
        return None, None
    shares: Sequence[LotShare] = trace(sold, each.units, each.line.unit_price or NOTHING, {}, rules.origin).shares
    line = next((line for line in sold if line.lot and line.lot in {share.lot for share in shares}), sold[0])
    customer, item = master.customers.get(each.case.customer or ""), master.items.get(each.line.sku)
    groups = (line.tax_group or (customer.tax_group if customer else ""), line.tax_item_group or (item.tax_group if item else ""))
    return unit_cost(shares), taxes.rate(*groups, sale.sold_on) if sale.sold_on and taxes else None


def _parted(each: _Open, cost: Decimal | None, rate: Decimal | None) -> Iterator[Owing]:
    """Part the open units of a line by how far they have come and by their class."""
    left = {Where.IN_STOCK: min(each.here, each.in_erp), Where.RECEIVED: max(each.here - each.in_erp, NOTHING),
            Where.EXPECTED: each.units - each.here}
    gone, currency = each.credited, each.whose.currency
    kinds: list[tuple[str, Decimal, bool]] = []
    for kind, units in each.kinds:
        credited = min(gone, units)
        gone -= credited
        kinds += [(kind, units - credited, True)] if units > credited else []
    kinds.append((UNGRADED, each.units, False))
    for where, count_of in left.items():
        rest = count_of
        while rest > 0:
            kind, there, accepted = kinds[0]
            count = min(rest, there)
            rest -= count
            kinds = [(kind, there - count, accepted), *kinds[1:]] if there > count else kinds[1:]
            net = rounded(count * (each.line.unit_price or NOTHING), currency)
            yield Owing(whose=each.whose, where=where, kind=kind, units=count, net=net, books=each.entity.currency, since=each.since,
                        return_ref=each.case.ref, line_id=each.line.line_id, tax=None if rate is None else tax_of(net, rate, currency),
                        cost=NOTHING if kind == NO_GOODS else None if cost is None else rounded(cost * count, each.entity.currency),
                        accepted=accepted)

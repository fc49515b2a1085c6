"""What should the ERP show of what the platform says was accepted?

The left side of the proof, worked out from facts and the approved mapping alone, and by other code than `plan`, so that one mistake
cannot say both. Of what we fixed ourselves only the words are taken that nobody else knows: what the ERP calls an item, at which tax.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from backhaul.domain import charges
from backhaul.domain.disposition import MappingRow, Outcome, choose
from backhaul.domain.facts import RANK, Decided, Fact, Inspected, Matched, Stage
from backhaul.domain.kits import Kit, explode
from backhaul.domain.mapped import rows_for
from backhaul.domain.money import rounded
from backhaul.domain.period import due_by, landing
from backhaul.domain.personal import is_erased
from backhaul.domain.placement import circumstance
from backhaul.domain.proof import Accepted, Words
from backhaul.domain.return_line import NOTHING, Part, ReturnLine
from backhaul.domain.returns import ReturnCase, fold
from backhaul.domain.rules import LegalEntity, Rules, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What was fixed of one line when its credit was prepared: units, tax where a rate is known, and what the ERP calls its item."""

    units: Decimal = NOTHING
    tax: Decimal | None = None
    item: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What should follow from one line of one return, and when it was accepted; `at` is None where nothing was."""

    line_id: str
    at: datetime | None
    accepted: Accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A case beside the decisions it is judged by."""

    case: ReturnCase
    rules: Rules
    entity: LegalEntity
    fixed: Mapping[str, Fixed]
    freed: Mapping[str, datetime]
    ats: Mapping[str, datetime]


def expect(  # noqa: PLR0913  the whole picture of one return
    case: ReturnCase, facts: Iterable[Fact], rules: Rules, entity: LegalEntity, *, fixed: Mapping[str, Fixed],
    freed: Mapping[str, datetime],
) -> Iterator[Expected]:
    """Give one expectation for each line the platform names, and for each charge that is booked on a service item of its own.

    `freed` says until when a line was held for a person ("" is the whole return): it is late only after that.
    """
    if rules.go_live and case.announced_at and case.announced_at < rules.go_live:
        return
    seen = _Seen(case=case, rules=rules, entity=entity, fixed=fixed, freed=freed, ats=accepted_at(case, tuple(facts), rules.kits))
    fees_at = _fees_at(case, rules)
    rows: dict[str, list[MappingRow]] = {}
    for line in case.lines:
        if line.sku in rules.fees:
            yield _fee(seen, line, fees_at)
            continue
        targets = [] if line.blind or case.called_off else [(part, _row(seen, line, part)) for part in line.parts if part.accepted]
        rows[line.line_id] = [row for _, row in targets if row is not None and row.credit]
        yield _goods(seen, line, targets)
    if fees_at is None:
        return
    for due in charges.due(case, rules, rows, {line_id for line_id, mine in rows.items() if mine}):
        yield Expected(line_id=due.id, at=fees_at, accepted=_accepted(
            seen, due.id, fees_at, units=Decimal(1 if due.net > 0 else -1), net=due.net, fee=True, words=_words(seen, due.item)))


# --- when was it accepted?


def accepted_at(case: ReturnCase, facts: Iterable[Fact], kits: Mapping[str, Kit]) -> Mapping[str, datetime]:
    """Say of each line with accepted units when the first of them were: by the inspection that said so, else by whoever decided it."""
    known = tuple(facts)
    times = sorted({fact.at for fact in known if isinstance(fact, Inspected)})
    found: dict[str, datetime] = {}
    for at in times[:-1]:
        until = explode(fold(case.ref, (fact for fact in known if not isinstance(fact, Inspected) or fact.at <= at)), kits)
        found |= {line.line_id: at for line in until.lines if line.accepted and line.line_id not in found}
    found |= {line.line_id: times[-1] for line in case.lines if times and line.accepted and line.line_id not in found}
    for fact in sorted((fact for fact in known if isinstance(fact, Decided | Matched)), key=lambda fact: fact.at):
        line = next((line for line in case.lines if line.line_id == fact.line_id), None)
        if line is not None and line.accepted and (line.matched or line.line_id not in found):
            found[line.line_id] = max(fact.at, found.get(line.line_id, fact.at))
    return found


def _fees_at(case: ReturnCase, rules: Rules) -> datetime | None:
    """Say when what is no goods became due; None where it is not, or never will be because all goods were refused."""
    goods = [line for line in case.lines if line.sku not in rules.fees and line.announced > 0 and not line.blind]
    refused = bool(goods) and all(line.rejected >= line.announced for line in goods)
    return None if refused or case.called_off else _reached(case, rules.triggers.fees)


def _reached(case: ReturnCase, stage: Stage) -> datetime | None:
    """Say when a stage or a later one was first reached."""
    return min((at for reached, at in case.reached.items() if reached is not Stage.CANCELLED and RANK[reached] >= RANK[stage]),
               default=None)


# --- what should follow?


def _row(seen: _Seen, line: ReturnLine, part: Part) -> MappingRow | None:
    return choose(rows_for(seen.case, seen.rules), circumstance(seen.case, line, part, seen.entity))


def _goods(seen: _Seen, line: ReturnLine, targets: list[tuple[Part, MappingRow | None]]) -> Expected:
    """Expect credit for accepted units, and stock for those of them that are goods; what has no target yet is credited nevertheless."""
    units = net = stocked = sellable = scrapped = NOTHING
    places, accounts = set(), set()
    for part, row in targets:
        if row is not None and not row.credit:
            continue
        units += part.quantity
        accounts.add(row.expected_account if row else "")
        net += rounded(part.quantity * (line.unit_price or NOTHING), seen.case.currency)
        if row is None or row.outcome is Outcome.WITHOUT_GOODS:
            continue
        stocked += part.quantity
        scrapped += part.quantity if row.outcome is Outcome.SCRAPPED else NOTHING
        when, sellability = circumstance(seen.case, line, part, seen.entity), seen.rules.sellability
        on_sale = sellability.allows(when) and sellability.sells(row.place)
        sellable += part.quantity if on_sale else NOTHING
        places.add((row.place.warehouse, row.place.location))
    if line.closed and (left := seen.fixed.get(line.line_id, Fixed()).units) < units:
        net, units, stocked = rounded(left * (line.unit_price or NOTHING), seen.case.currency), left, min(stocked, left)
    history = seen.rules.history
    sale = None if history and history.covers(line.order, line.ordered_on) else line.order
    warehouse, location = next(iter(places)) if len(places) == 1 else (None, None)
    at = seen.ats.get(line.line_id)
    return Expected(line_id=line.line_id, at=at if units else None, accepted=_accepted(
        seen, line.line_id, at, units=units, net=net, announced=line.announced, stocked=stocked, sellable=sellable, scrapped=scrapped,
        account=next(iter(accounts)) if len(accounts) == 1 else "",
        words=_words(seen, seen.fixed.get(line.line_id, Fixed()).item or line.sku, sale=sale, warehouse=warehouse, location=location)))


def _fee(seen: _Seen, line: ReturnLine, at: datetime | None) -> Expected:
    """Expect credit on a service item once it is due; what is no customer return counts as well until people close it."""
    units = NOTHING if line.closed or at is None else max(line.announced, NOTHING)
    net = rounded(units * (line.unit_price or NOTHING), seen.case.currency)
    rule = seen.rules.fees[line.sku]
    return Expected(line_id=line.line_id, at=at if units else None, accepted=_accepted(
        seen, line.line_id, at, units=units, net=net, announced=line.announced, fee=True,
        words=_words(seen, rule.service_item or line.sku)))


def _words(seen: _Seen, item: str, *, sale: str | None = None, warehouse: str | None = None, location: str | None = None) -> Words:
    customer = seen.case.customer or seen.entity.no_customer_account
    known = None if is_erased(customer) else customer or None  # who is erased is nobody to compare with
    return Words(entity=seen.entity.id, item=item, customer=known, sale=sale,
                 currency=seen.case.currency or None, warehouse=warehouse, location=location)


def _accepted(  # noqa: PLR0913  what `Accepted` says
    seen: _Seen, line_id: str, at: datetime | None, *, units: Decimal, net: Decimal, words: Words, announced: Decimal | None = None,
    stocked: Decimal = NOTHING, sellable: Decimal = NOTHING, scrapped: Decimal = NOTHING, fee: bool = False,
    account: str = "",
) -> Accepted:
    """Add when it should be posted: from acceptance, or from when a person let it go on, until the ERP's last job for its window."""
    fixed, zone = seen.fixed.get(line_id, Fixed()), ZoneInfo(seen.entity.zone)
    period: str | None = None
    due: date | None = None
    if at is not None:
        since = max([at, *(seen.freed[name] for name in (line_id, "") if name in seen.freed)])
        if seen.case.has_reached(seen.rules.triggers.fees if fee else seen.rules.triggers.goods):
            due = max(due_by(window, seen.entity, since) for window in _windows(seen.rules)) + _days(seen.rules.deadlines.erp_job)
        earliest = seen.entity.calendar.on(landing(seen.entity, since))
        period = earliest.name if earliest is not None and due is not None and due in earliest else None
    return Accepted(
        words=words, units=units, net=net, fee=fee, announced=announced, stocked=stocked, sellable=sellable, scrapped=scrapped,
        tax=fixed.tax if fixed.units == units else None, accepted_on=at.astimezone(zone).date() if at else None, due_on=due, period=period,
        account=account or None)


def _windows(rules: Rules) -> tuple[Window, ...]:
    return (rules.window, *rules.windows.values())


def _days(span: timedelta) -> timedelta:
    """Give whole days: the ERP stamps days."""
    return timedelta(days=-(-span // timedelta(days=1)))

"""Where is every unit, and what is it worth?

Each unit of each line is in exactly one place (books 2). The sum over the places at net
selling price is the signed total of the input; if it is not, something was lost or counted twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from backhaul.domain.charges import debited_line
from backhaul.domain.disposition import Circumstance, Outcome, choose
from backhaul.domain.facts import RANK, Stage
from backhaul.domain.mapped import rows_for
from backhaul.domain.posting import CreditNote, ErpDocument, Posting
from backhaul.domain.return_line import Part
from backhaul.domain.returns import NOTHING, ReturnCase, ReturnLine
from backhaul.domain.rules import LegalEntity, Rules


class Where(StrEnum):
    """The eight exclusive places of the money identity."""

    CREDITED_RESTOCKED = "credited_restocked"
    CREDITED_NON_SELLABLE = "credited_non_sellable"
    CREDITED_SCRAPPED = "credited_scrapped"
    CREDITED_WITHOUT_GOODS = "credited_without_goods"
    SERVICE_ITEM = "service_item"
    REJECTED = "rejected"
    WAITING = "waiting"
    HELD = "held"


CREDITED: Final[Mapping[Outcome, Where]] = {
    Outcome.RESTOCKED: Where.CREDITED_RESTOCKED,
    Outcome.NON_SELLABLE: Where.CREDITED_NON_SELLABLE,
    Outcome.SCRAPPED: Where.CREDITED_SCRAPPED,
    Outcome.WITHOUT_GOODS: Where.CREDITED_WITHOUT_GOODS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Units of one line in one place; `net` carries the credit's sign (negative)."""

    line_id: str
    where: Where
    quantity: Decimal
    net: Decimal


def place(  # noqa: PLR0913  the whole picture of one return
    case: ReturnCase, rules: Rules, entity: LegalEntity | None, *,
    posted: Sequence[tuple[Posting, ErpDocument]], held: frozenset[str], now: datetime,
) -> Iterator[Placement]:
    """Say where every announced unit of a case is.

    `posted` are credit notes read back from the ERP, whose own net amounts are used; `held` the lines
    with an open exception ("" holds all lines).
    """
    for line in case.lines:
        if line.blind:  # nobody announced it, so it is worth nothing to a customer before it is matched
            done = line.closed or "BLIND" in line.waived
            yield Placement(line_id=line.line_id, where=Where.REJECTED if done else Where.WAITING, quantity=line.stray, net=-line.net)
            continue
        credited = [(posting.document, posting.net if document.net is None else document.net) for posting, document in posted
                    if isinstance(posting.document, CreditNote) and posting.line_id == line.line_id]
        for note, net in credited:
            where = CREDITED[note.outcome] if note.outcome else Where.SERVICE_ITEM
            yield Placement(line_id=line.line_id, where=where, quantity=note.quantity, net=net)
        back = [(-posting.document.quantity, posting.net if document.net is None else document.net) for posting, document in posted
                if isinstance(posting.document, CreditNote) and debited_line(posting) == line.line_id]
        for units, net in back:  # a debit takes units out of where its credit had put them; they are the customer's again
            outcome = next((note.outcome for note, _ in credited if note.outcome and note.quantity >= units), None)
            yield Placement(line_id=line.line_id, where=CREDITED[outcome] if outcome else Where.SERVICE_ITEM, quantity=-units, net=net)
        price = line.unit_price or NOTHING
        for where, quantity in _rest(case, line, rules, entity, now=now, held="" in held or line.line_id in held,
                                     credited=sum((note.quantity for note, _ in credited), NOTHING)
                                     - sum((units for units, _ in back), NOTHING)):
            yield Placement(line_id=line.line_id, where=where, quantity=quantity, net=-quantity * price)


def _rest(  # noqa: PLR0913
    case: ReturnCase, line: ReturnLine, rules: Rules, entity: LegalEntity | None, *,
    credited: Decimal, held: bool, now: datetime,
) -> Iterator[tuple[Where, Decimal]]:
    """Place what is not credited: refused, held, accepted and under way, ungraded, closed, or still to come."""
    left = line.announced - credited
    if left < 0:
        # More is credited than is announced now: that stands out until somebody has looked.
        yield Where.HELD, left
        return
    uncredited = _no_credit(case, line, rules, entity)
    astray = min(line.astray, left) if held else NOTHING
    refused = min(line.rejected - astray + uncredited, left - astray)
    accepted = min(max(line.accepted - uncredited - credited, NOTHING), left - refused - astray)
    missing = left - refused - astray - accepted
    counted = NOTHING if line.sku in rules.fees or line.received is None else line.received
    ungraded = min(max(counted - line.graded, NOTHING), missing)
    places = {Where.REJECTED: refused, Where.HELD: astray, Where.WAITING: NOTHING}
    places[Where.HELD if held else Where.REJECTED if line.closed else Where.WAITING] += accepted + ungraded
    over = line.closed or is_over(case, line, rules, now)
    places[Where.HELD if held else Where.REJECTED if over else Where.WAITING] += missing - ungraded
    yield from ((where, quantity) for where, quantity in places.items() if quantity)


def _no_credit(case: ReturnCase, line: ReturnLine, rules: Rules, entity: LegalEntity | None) -> Decimal:
    """Count accepted units whose mapping row says that they are not credited."""
    if entity is None:
        return NOTHING
    total = NOTHING
    for part in line.parts:
        row = choose(rows_for(case, rules), circumstance(case, line, part, entity)) if part.accepted else None
        total += part.quantity if row is not None and not row.credit else NOTHING
    return total


def circumstance(case: ReturnCase, line: ReturnLine, part: Part, entity: LegalEntity) -> Circumstance:
    """Give the exact key under which the mapping decides about a part."""
    return Circumstance(legal_entity=entity.id, warehouse=part.node or case.warehouse, disposition=part.disposition,
                        condition=part.condition, reason=line.reason)


def unmapped(case: ReturnCase, rules: Rules, entity: LegalEntity) -> tuple[Circumstance, ...]:
    """Give, each once, the circumstances of accepted goods that no row of the mapping is for."""
    met = (circumstance(case, line, part, entity) for line in case.lines if line.sku not in rules.fees and not line.closed
           for part in line.parts if part.accepted)
    return tuple(dict.fromkeys(when for when in met if choose(rows_for(case, rules), when) is None))


def is_over(case: ReturnCase, line: ReturnLine, rules: Rules, now: datetime) -> bool:
    """Tell whether nothing more will come for what is open on this line, so that it is closed without credit.

    Cancelled before anything arrived; a fee whose goods were all refused; or missing after the deadline, the
    fee of goods that never came as well.
    """
    if case.called_off:
        return True
    if line.sku in rules.fees and case.has_reached(rules.triggers.fees):
        goods = [other for other in case.lines if other.sku not in rules.fees and other.announced > 0 and not other.blind]
        return bool(goods) and all(other.rejected >= other.announced for other in goods)
    due = due_at(case, rules)
    return due is not None and now >= due


def due_at(case: ReturnCase, rules: Rules) -> datetime | None:
    """Say until when what is open on a waiting return should have come; nothing waits without a date (INV-01)."""
    if case.announced_at is None:
        return None
    expected = case.announced_at + rules.deadlines.arrival
    if Stage.RECEIVED in case.reached:
        return max(expected, case.reached[Stage.RECEIVED] + rules.deadlines.inspection)
    return expected


AT_A_HUB: Final = frozenset({Outcome.RESTOCKED, Outcome.NON_SELLABLE})
"""What becomes stock at a hub and is to go on from there."""


def arrived_since(case: ReturnCase) -> datetime | None:
    """Give since when something that arrived on its way waits to be counted: the return, or the first of its parcels that does."""
    counted = [stage for stage in Stage if RANK[Stage.ARRIVED] < RANK[stage] < RANK[Stage.CANCELLED]]
    waiting = [stages[Stage.ARRIVED] for stages in (case.parcels.values() or (case.reached,))
               if Stage.ARRIVED in stages and not any(stage in stages for stage in counted)]
    return None if case.lost else min(waiting, default=None)


def at_hub(case: ReturnCase, line: ReturnLine, rules: Rules, entity: LegalEntity | None) -> Decimal:
    """Count the units of a line that became stock at a hub and have not come to their destination."""
    total = NOTHING
    for part in line.parts:
        when = Circumstance(legal_entity=entity.id if entity else "", warehouse=part.node, disposition=part.disposition,
                            condition=part.condition, reason=line.reason)
        row = choose(rows_for(case, rules), when) if part.node and part.accepted else None
        total += part.quantity if row is not None and row.outcome in AT_A_HUB else NOTHING
    return total


def onward_due(case: ReturnCase, rules: Rules, entity: LegalEntity | None) -> datetime | None:
    """Say until when what is on its way on should have come: from a dock or hub that only reports it, or from stock at a hub."""
    since = [arrived_since(case)]
    if any(at_hub(case, line, rules, entity) and not line.closed and "HUB_STOCK_OVERDUE" not in line.waived for line in case.lines):
        since.append(case.inspected_at)
    due = min((each for each in since if each), default=None)
    return None if due is None or rules.deadlines.onward <= timedelta() else due + rules.deadlines.onward


def next_due(case: ReturnCase, rules: Rules, entity: LegalEntity | None, now: datetime) -> datetime | None:
    """Say when a return has to be looked at again although nothing was heard of it."""
    whole, onward = due_at(case, rules), onward_due(case, rules, entity)
    return onward if onward and onward > now and not (whole and now < whole < onward) else whole

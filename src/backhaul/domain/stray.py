"""What becomes of units that no return document stands for?

Surplus and blind goods come into stock by a journal, at a place that is not on sale and without credit, and somebody is told. When people
have matched them with their sale, the journal is reversed first; only then are they received like any others, so that a unit is
stock once at every moment (books 1).
"""

from decimal import Decimal

from backhaul.domain.draft import Draft
from backhaul.domain.facts import Stage
from backhaul.domain.posting import Adjustment, Issue, OrderLine, Posting, PostingKey, PostingKind
from backhaul.domain.return_line import NOTHING, ReturnLine
from backhaul.domain.rules import Surplus


def take_in(draft: Draft, line: ReturnLine, *, due: bool) -> None:
    """Tell a person of units that have no return document, and want them in stock where the rules have a place for them.

    `due`: they are counted for good. They are never credited; the announced units of the line go on.
    """
    made = draft.fixed.get(draft.key(PostingKind.ORDER_LINE, f"line:{line.line_id}"))
    if line.sku in draft.rules.fees:
        draft.find("IMPLAUSIBLE_QUANTITY", line, f"{line.sku}: {line.received} arrived, {line.announced} were announced.")
        return
    if made and isinstance(made.document, OrderLine) and made.document.quantity > line.announced:
        draft.find("CHANGED_AFTER_POSTING", line, f"{line.sku}: the ERP expects {made.document.quantity}, now {line.announced} are "
                                                  f"announced and {line.received} arrived.")
        return
    rule = draft.rules.surplus.get((draft.entity.id, draft.case.warehouse))
    rule = rule if PostingKind.ADJUSTMENT in draft.route.goods else None
    where = f"they go to {rule.place.warehouse}/{rule.place.location}" if rule else "nobody decided where such units go"
    if line.blind:
        beside = f" in the place of line {line.instead_of}" if line.instead_of else ""
        draft.find("BLIND", line, f"{line.stray} x {line.sku} came{beside} and no return announced them; no credit, {where}.")
    else:
        draft.find("SURPLUS", line, f"{line.surplus} x {line.sku} more than the {line.announced} announced; no credit, {where}.")
    if rule and draft.rules.sellability.sells(rule.place):
        draft.find("DAMAGED_TO_SELLABLE", line,
                   f"{line.sku}: units without a return would go on sale at {rule.place.warehouse}/{rule.place.location}.")
    elif rule and due:
        _adjust(draft, line, rule)


def _adjust(draft: Draft, line: ReturnLine, rule: Surplus) -> None:
    """Want a journal for the stray units that no earlier one covers."""
    left = line.stray - taken_in(draft, line)
    if left > 0:
        part = 1 + max((posting.key.part for posting in draft.of(line, PostingKind.ADJUSTMENT)), default=0)
        draft.want(Posting(
            key=draft.key(PostingKind.ADJUSTMENT, f"surplus:{line.line_id}", part),
            currency=draft.case.currency, accepted_at=draft.case.inspected_at or draft.case.reached.get(Stage.RECEIVED),
            document=Adjustment(line_id=line.line_id, sku=line.sku, quantity=left, place=rule.place, journal=rule.journal,
                                journal_type=rule.journal_type, expected_account=rule.expected_account)))


def taken_in(draft: Draft, line: ReturnLine) -> Decimal:
    """Count the units of a line that are stock by journal, less those whose journal was reversed."""
    came = [posting.document for posting in draft.of(line, PostingKind.ADJUSTMENT)]
    return sum((each.quantity for each in came if isinstance(each, Adjustment)), NOTHING) - sum(
        (each.document.quantity for each in draft.fixed.values()
         if _reverses(each, line.line_id) and isinstance(each.document, Issue)), NOTHING)


def _reverses(posting: Posting, line_id: str) -> bool:
    return posting.key.kind is PostingKind.ISSUE and posting.key.subject == f"surplus:{line_id}"


def reverse(draft: Draft, line: ReturnLine) -> None:
    """Want the journals reversed of units that people matched with their sale; where the route cannot, a person does it first.

    The surplus of a line is reversed for the line it is by now, so that what holds that one holds the reversal.
    """
    owner = next((other for other in draft.case.lines if other.line_id == line.surplus_of), line)
    over = taken_in(draft, owner) - owner.stray
    if over <= 0 or (owner is line and line.given >= over):
        return
    if not line.matched or PostingKind.ISSUE not in draft.route.goods:
        draft.find("CHANGED_AFTER_POSTING", line, f"{over + owner.stray} x {line.sku} were taken into stock as surplus, now it is "
                                                  f"{owner.stray}: reverse the journal first.")
        return
    made = [posting for posting in draft.fixed.values() if _reverses(posting, owner.line_id)]
    part = max((posting.key.part for posting in made), default=0)
    journals = draft.of(owner, PostingKind.ADJUSTMENT)
    for adjustment, came in [(posting, posting.document) for posting in journals if isinstance(posting.document, Adjustment)]:
        gone = sum((posting.document.quantity for posting in made
                    if isinstance(posting.document, Issue) and adjustment.key in posting.needs), NOTHING)
        units = min(came.quantity - gone, over)
        if units > 0:
            part, over = part + 1, over - units
            draft.want(Posting(
                key=draft.key(PostingKind.ISSUE, f"surplus:{owner.line_id}", part), needs=(adjustment.key,), currency=draft.case.currency,
                document=Issue(line_id=line.line_id, sku=line.sku, quantity=units, place=came.place, journal=came.journal,
                               journal_type=came.journal_type, expected_account=came.expected_account, unit_cost=came.unit_cost,
                               why=f"matched with order {line.order}")))


def reversals(draft: Draft, line: ReturnLine) -> tuple[PostingKey, ...]:
    """Give the reversals for a line, made or wanted, that must be posted before its units are received."""
    return tuple(posting.key for posting in (*draft.fixed.values(), *draft.postings)
                 if _reverses(posting, line.surplus_of or line.line_id) and posting.line_id == line.line_id)

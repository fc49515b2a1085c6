"""What was said differently after goods were posted, and what is made beside the posted documents?

Posted documents are never edited (books 8). Units whose grade changes move by a transfer to the place of the new one, their value goes to
finance as a note, and the customer's credit stands. What is rejected after its credit is debited once two people approved it, and leaves
stock by an issue; until then the line waits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol, TypeAlias

from backhaul.domain.charges import charge_id
from backhaul.domain.disposition import MappingRow, Outcome, Place, choose, fit
from backhaul.domain.draft import Draft
from backhaul.domain.exception_case import Finding
from backhaul.domain.posting import CreditNote, Issue, OrderLine, Posting, PostingKey, PostingKind, Transfer, intake
from backhaul.domain.return_line import NOTHING, Part, ReturnLine

Like: TypeAlias = tuple[str, str, str]
"""Hub where units are, if not at their destination; condition and disposition."""
GONE: Final = frozenset({Outcome.SCRAPPED, Outcome.WITHOUT_GOODS, Outcome.SENT_BACK})
"""What such a receipt brought in is no stock any more, or never was: it cannot be moved."""
WHY: Final = {"leave": "the goods go back to the customer", "write-off": "written off by approval"}
"""What becomes of goods whose credit is debited."""


@dataclass(slots=True, kw_only=True)
class Lot:
    """Units of a line that lie together in one grade: by which posting, credited as which part, and how they were posted at first."""

    key: PostingKey
    part: int
    place: Place
    like: Like
    first: Like
    units: Decimal
    moves: bool


class Serve(Protocol):
    """Wants a line of a service item on the return's fee order."""

    def __call__(self, subject: str, wanted: OrderLine, about: PostingKey) -> None:
        """Want it, with the credit it is about."""
        ...


def follow(draft: Draft, line: ReturnLine, serve: Serve) -> None:
    """Compare what was posted of a line with what is accepted now, and want or ask for what is to be made beside it."""
    lots = lots_of(draft, line)
    debited = [_leave(draft, line, lots, posting) for posting in _debits(draft, line)]
    over = sum((lot.units for lot in lots), NOTHING) - line.accepted
    if over > 0 and line.debit_to is not None:
        over -= _debit(draft, line, lots, over - max(line.debit_to - line.accepted, NOTHING), serve)
    if over > 0:
        told = ", ".join(f"{units} as {said(lot.like)}" for lot, units in _excess(line, lots))
        draft.find("REJECTED_AFTER_CREDIT", line, f"{line.sku}: {told} were credited; {line.accepted} are accepted now.")
    elif debited and over < 0:
        draft.find("GRADE_CHANGED_AFTER_POSTING", line, f"{-over} x {line.sku} are accepted again after their credit was debited.")
    else:
        _regrade(draft, line, lots)
    _tell(draft, line, lots)


def lots_of(draft: Draft, line: ReturnLine) -> list[Lot]:
    """Give what was brought into stock of a line and where transfers took it since; what was sent back is not among it."""
    subject = f"line:{line.line_id}"
    everything = sorted((*draft.fixed.values(), *draft.postings), key=lambda posting: posting.key.part)
    lots: dict[int, Lot] = {}
    for posting in everything:
        brought = intake(posting.document)
        if posting.key.subject == subject and brought and brought.outcome is not Outcome.SENT_BACK:
            part, like = posting.key.part, (brought.node, brought.condition, brought.disposition)
            lots[part] = Lot(key=draft.key(draft.route.receives, subject, part), part=part, place=brought.place, like=like, first=like,
                             units=brought.quantity, moves=brought.outcome not in GONE)
    found = list(lots.values())
    for posting in everything:
        moved = posting.document
        if isinstance(moved, Transfer) and moved.line_id == line.line_id and moved.disposition:
            source = next((lot for lot in found if lot.key in posting.needs), None)
            if source is not None:
                source.units -= moved.quantity
                now = (moved.node, moved.condition, moved.disposition)
                found.append(Lot(key=posting.key, part=source.part, place=moved.target, like=now, first=source.first,
                                 units=moved.quantity, moves=True))
    return found


def like_of(part: Part) -> Like:
    """Say what makes units alike: where they are and how they were found."""
    return part.node, part.condition, part.disposition


def said(like: Like) -> str:
    """Write it for a person."""
    return "/".join(filter(None, like))


def covered(draft: Draft, line: ReturnLine, part: Part) -> Decimal:
    """Count the units of a part's grade that are posted already, at first or by a transfer since."""
    return sum((lot.units for lot in lots_of(draft, line) if lot.like == like_of(part)), NOTHING)


def _excess(line: ReturnLine, lots: Sequence[Lot]) -> Iterator[tuple[Lot, Decimal]]:
    """Give the lots of which the warehouse no longer tells so many units in their grade."""
    now = {like_of(part): part.quantity for part in line.parts if part.accepted}
    for lot in lots:
        stay = min(lot.units, now.get(lot.like, NOTHING))
        now[lot.like] = now.get(lot.like, NOTHING) - stay
        if lot.units > stay:
            yield lot, lot.units - stay


# --- another grade --------------------------------------------------------------------------------------------


def _regrade(draft: Draft, line: ReturnLine, lots: list[Lot]) -> None:
    """Want a transfer for units that are of another grade than posted; what cannot be moved waits for a person."""
    short = {like_of(part): part for part in line.parts if part.accepted}
    left = {like: part.quantity - sum((lot.units for lot in lots if lot.like == like), NOTHING) for like, part in short.items()}
    number = max((posting.key.part for posting in draft.of(line, PostingKind.TRANSFER)), default=0)
    for lot, more in list(_excess(line, lots)):
        stays = lot.units - more
        for like, part in short.items():
            moved = min(lot.units - stays, left[like])
            if moved <= 0:
                continue
            left[like] -= moved
            row = choose(draft.mapping, draft.circumstance(line, part))
            if not lot.moves and row is not None and row.outcome in GONE:
                # No stock then and none now: what was scrapped at a hub never comes on, whoever repeats its grade.
                lots.append(Lot(key=lot.key, part=lot.part, place=lot.place, like=like, first=lot.first, units=moved, moves=False))
            elif not _movable(draft, lot, row, part) or row is None:
                draft.find("GRADE_CHANGED_AFTER_POSTING", line, f"{moved} x {line.sku} were posted as {said(lot.like)}, now they are "
                                                                f"{said(like)}, and nothing can move them there.")
            elif row.place != lot.place:
                number += 1
                key = draft.want(Posting(
                    key=draft.key(PostingKind.TRANSFER, f"grade:{line.line_id}", number), needs=(lot.key,), currency=draft.case.currency,
                    accepted_at=draft.case.inspected_at,
                    document=Transfer(line_id=line.line_id, sku=line.sku, quantity=moved, source=lot.place, target=row.place,
                                      condition=part.condition, disposition=part.disposition, node=part.node)))
                lots.append(Lot(key=key, part=lot.part, place=row.place, like=like, first=lot.first, units=moved, moves=True))
            else:
                lots.append(Lot(key=lot.key, part=lot.part, place=lot.place, like=like, first=lot.first, units=moved, moves=lot.moves))
            lot.units -= moved


def _movable(draft: Draft, lot: Lot, row: MappingRow | None, part: Part) -> bool:
    return (row is not None and lot.moves and PostingKind.TRANSFER in draft.route.goods and fit(row, draft.rules.sellability, part.told)
            and row.outcome in {Outcome.RESTOCKED, Outcome.NON_SELLABLE, Outcome.SCRAPPED})


def _tell(draft: Draft, line: ReturnLine, lots: Sequence[Lot]) -> None:
    """Tell finance of units whose grade changed after posting, with their value at original cost: moving is no write-down (books 7)."""
    cost = next((posting.document.unit_cost for posting in draft.of(line, PostingKind.ORDER_LINE)
                 if isinstance(posting.document, OrderLine) and posting.document.unit_cost is not None), None)
    changed: dict[tuple[tuple[str, str], tuple[str, str]], Decimal] = {}
    for lot in lots:
        first, now = lot.first[1:], lot.like[1:]
        if now != first and lot.units > 0:  # another place alone is no other grade
            changed[first, now] = changed.get((first, now), NOTHING) + lot.units
    for (first, now), units in sorted(changed.items()):
        worth = None if cost is None else units * cost
        value = "unknown" if worth is None else f"{worth:.2f} {draft.entity.currency}"
        draft.findings.append(Finding(
            code="REGRADED", line_id=line.line_id, worth=worth,
            sentence=f"{units} x {line.sku} were posted as {'/'.join(first)} and are {'/'.join(now)} now; original cost {value}."))


# --- no longer accepted -----------------------------------------------------------------------------------------


def _debits(draft: Draft, line: ReturnLine) -> list[Posting]:
    """Give the fixed debits of a line, oldest first."""
    mine = [posting for posting in draft.fixed.values() if posting.key.kind is PostingKind.FEE_LINE
            and posting.line_id.startswith("charge:debit-") and posting.line_id.endswith(f":{line.line_id}")]
    return sorted(mine, key=_number)


def _number(debit: Posting) -> int:
    return int(debit.line_id.split(":", 2)[1].removeprefix("debit-"))


def _debit(draft: Draft, line: ReturnLine, lots: list[Lot], units: Decimal, serve: Serve) -> Decimal:
    """Want a debit for units that two people approved it for, against the credit note of each, and give how many."""
    if not draft.rules.debit_item:
        draft.find("SERVICE_ITEM_UNKNOWN", line, "A debit was approved, and the profile names no service item for debits.")
        return NOTHING
    number = max(map(_number, _debits(draft, line)), default=0)
    done = NOTHING
    for lot, more in list(_excess(line, lots)):
        taken = min(more, units - done)
        credit = draft.fixed.get(draft.key(PostingKind.CREDIT_NOTE, f"line:{line.line_id}", lot.part))
        if taken <= 0 or credit is None or not isinstance(credit.document, CreditNote):
            continue
        number, done = number + 1, done + taken
        name = charge_id(f"debit-{number}", line.line_id)
        serve(name, OrderLine(line_id=name, sku=draft.rules.debit_item, quantity=-taken, unit_price=credit.document.unit_price,
                              warehouse=draft.warehouse, description="Debit for credit note"), credit.key)
        _issue(draft, line, lot, number, taken)
        lot.units -= taken
    return done


def _leave(draft: Draft, line: ReturnLine, lots: list[Lot], debit: Posting) -> Posting:
    """Take what was debited out of the lots, the ones whose grade is told no more first, and want that it leaves stock."""
    left = abs(debit.document.quantity) if isinstance(debit.document, OrderLine) else NOTHING
    mine = [lot for lot in lots if draft.key(PostingKind.CREDIT_NOTE, f"line:{line.line_id}", lot.part) in debit.needs]
    gone = {id(lot) for lot, _ in _excess(line, lots)}
    for lot in sorted(mine, key=lambda lot: id(lot) not in gone):
        units = min(left, lot.units)
        if units > 0:
            _issue(draft, line, lot, _number(debit), units)
            lot.units, left = lot.units - units, left - units
    return debit


def _issue(draft: Draft, line: ReturnLine, lot: Lot, number: int, units: Decimal) -> None:
    """Want units to leave stock by an issue once their debit is invoiced; what is no stock needs none."""
    if lot.moves and PostingKind.ISSUE in draft.route.goods:
        debit = draft.key(PostingKind.FEE_CREDIT_NOTE, charge_id(f"debit-{number}", line.line_id))
        draft.want(Posting(
            key=draft.key(PostingKind.ISSUE, f"debit:{line.line_id}", number), needs=(lot.key, debit), currency=draft.case.currency,
            document=Issue(line_id=line.line_id, sku=line.sku, quantity=units, place=lot.place, why=WHY[line.debit_goods])))

"""What came, and how was it found?

Messages about the whole return and about single parcels of it become one count and one list of parts per line. A cumulative message
says the total of what it is about: of the return, or of its parcel, whose earlier total it replaces; what several parcels hold adds up.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final, TypeAlias

from backhaul.domain.exception_case import Finding
from backhaul.domain.facts import Counting, Grade, Inspected, Instead, LineRef, Matched, Received
from backhaul.domain.return_line import LOST_UNITS, NOTHING, Part, ReturnLine

How: TypeAlias = tuple[bool, str, str, str, str]
"""Accepted or not, condition, disposition, SKU found, what it is instead: what makes units of a line alike."""
WRONG: Final[Mapping[Instead, tuple[str, str]]] = {
    Instead.OTHER_LINE: ("WRONG_ITEM_OTHER_LINE", "another item of this return"),
    Instead.OTHER_PRODUCT: ("WRONG_ITEM_OTHER_PRODUCT", "another product"),
    Instead.FOREIGN: ("WRONG_ITEM_FOREIGN", "goods that are not ours"),
    Instead.EMPTY: ("WRONG_ITEM_EMPTY", "nothing"),
}
"""Whose work it is that something else lay there, and in which words."""


def shares(
    lines: Sequence[ReturnLine], ref: LineRef, quantity: Decimal, taken: dict[str, Decimal],
) -> list[tuple[str, Decimal]]:
    """Say which lines a message's units belong to.

    The platform's id decides, else all that the message repeats of the announcement. Where that leaves
    several lines of one SKU, units fill them in the order of their ids, cheapest first, each up to what
    was announced; what is left over stands on the last.
    """
    if ref.line_id is not None:
        fits = [line for line in lines if line.line_id == ref.line_id]
    else:
        fits = [
            line for line in lines
            if line.sku == ref.sku
            and ref.quantity in (None, line.announced)
            and ref.unit_price in (None, line.unit_price)
            and ref.order in (None, line.order)
        ]
        told = ref.quantity is not None or ref.unit_price is not None or ref.order is not None
        if not fits and told:
            fits = [line for line in lines if line.sku == ref.sku]
        elif told and len(fits) > ref.nth:
            fits = [fits[ref.nth]]
    found: list[tuple[str, Decimal]] = []
    left = quantity
    for line in fits:
        room = max(line.announced - taken.get(line.line_id, NOTHING), NOTHING)
        share = left if line is fits[-1] else min(left, room)
        if share or line is fits[-1]:
            found.append((line.line_id, share))
            taken[line.line_id] = taken.get(line.line_id, NOTHING) + share
            left -= share
    return found


def receive(lines: list[ReturnLine], messages: Sequence[Received], findings: list[Finding]) -> list[ReturnLine]:
    """Count what arrived: each line's newest total, of the return or of each parcel, and the increments after it.

    A hub and the destination count the same units, so the larger count is how many there are.
    """
    nodes = [_count(lines, [message for message in messages if message.node == node], findings)
             for node in dict.fromkeys(message.node for message in messages)]
    return [replace(line, received=max((counted[line.line_id] for counted in nodes if line.line_id in counted), default=None))
            for line in lines]


def _count(lines: Sequence[ReturnLine], messages: Sequence[Received], findings: list[Finding]) -> dict[str, Decimal]:
    counted: dict[str, Decimal] = {}
    within: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for message in messages:
        parcel, adds = within[message.parcel], message.counting is Counting.INCREMENT
        taken = counted.copy() if adds else _elsewhere(counted, parcel) if message.parcel else {}
        told: dict[str, Decimal] = {}
        for count in message.counts:
            found = shares(lines, count.line, count.quantity, taken)
            if not found:
                findings.append(Finding(code="UNKNOWN_LINE", sentence=f"{count.quantity} x {count.line.sku} arrived unannounced."))
            for line_id, share in found:
                told[line_id] = told.get(line_id, NOTHING) + share
        for line_id, quantity in told.items():
            before = NOTHING if adds else parcel.get(line_id, NOTHING)
            whole = not (adds or message.parcel)
            counted[line_id] = quantity if whole else counted.get(line_id, NOTHING) - before + quantity
            parcel[line_id] = quantity if not adds else parcel.get(line_id, NOTHING) + quantity
    return counted


def grade(lines: list[ReturnLine], messages: Sequence[Inspected], counts: Sequence[Received], findings: list[Finding]) -> list[ReturnLine]:
    """Sum up what the warehouse accepted and refused, per line, condition and disposition, as `receive` sums up counts.

    What a hub graded is there until the destination grades or counts so many units; those it only counts keep their grade.
    """
    hubs = list(dict.fromkeys(message.node for message in messages if message.node))
    here = _grades(lines, [message for message in messages if not message.node], findings)
    there = [(hub, _grades(lines, [message for message in messages if message.node == hub], findings)) for hub in hubs]
    arrived = _count(lines, [message for message in counts if not message.node], []) if hubs else {}
    found = []
    for line in lines:
        graded = {("", how): quantity for how, quantity in here.get(line.line_id, {}).items()}
        before = {(hub, how): quantity for hub, each in there for how, quantity in each.get(line.line_id, {}).items()}
        if before:
            _travel(graded, before, arrived.get(line.line_id, NOTHING))
        told = line.line_id in here or any(line.line_id in each for _, each in there)
        found.append(replace(line, parts=tuple(
            Part(accepted=accepted, condition=condition, disposition=disposition, quantity=quantity, found=sku,
                 instead=Instead(instead) if instead else None, node=node)
            for (node, (accepted, condition, disposition, sku, instead)), quantity in sorted(graded.items(), key=lambda each: each[0][::-1])
            if quantity)) if told else line)
    return found


def _travel(graded: dict[tuple[str, How], Decimal], before: dict[tuple[str, How], Decimal], arrived: Decimal) -> None:
    """Put what hubs graded beside what the destination did: less the units that came on, alike ones first."""
    came = {how: quantity for (_, how), quantity in graded.items()}
    for exact in (True, False):
        for hub, how in sorted(before):
            for other, units in came.items():
                gone = min(before[hub, how], units) if (other == how) is exact else NOTHING
                before[hub, how] -= gone
                came[other] = units - gone
    on_its_own = max(arrived - sum(graded.values(), NOTHING), NOTHING)
    for (hub, how), quantity in sorted(before.items()):
        gone = min(quantity, on_its_own)
        on_its_own -= gone
        graded["", how] = graded.get(("", how), NOTHING) + gone
        graded[hub, how] = quantity - gone


def _grades(lines: Sequence[ReturnLine], messages: Sequence[Inspected], findings: list[Finding]) -> dict[str, dict[How, Decimal]]:
    graded: dict[str, dict[How, Decimal]] = {}
    within: dict[str, dict[str, dict[How, Decimal]]] = defaultdict(dict)
    for message in messages:
        parcel, adds = within[message.parcel], message.counting is Counting.INCREMENT
        units, here = ({line_id: sum(parts.values(), NOTHING) for line_id, parts in known.items()} for known in (graded, parcel))
        taken = units if adds else _elsewhere(units, here) if message.parcel else {}
        told: dict[str, dict[How, Decimal]] = {}
        for each in sorted(message.grades, key=_best_first):
            found = shares(lines, each.line, each.quantity, taken)
            if not found:
                findings.append(Finding(code="UNKNOWN_LINE", sentence=f"{each.quantity} x {each.line.sku} inspected unannounced."))
            for line_id, share in found:
                _add(told.setdefault(line_id, {}), _how(each, lines), share)
        for line_id, parts in told.items():
            before = {} if adds else parcel.get(line_id, {})
            total = graded.get(line_id, {}) if adds or message.parcel else {}
            graded[line_id] = _sum(total, parts, before if message.parcel else {})
            parcel[line_id] = _sum(parcel.get(line_id, {}), parts) if adds else parts
    return graded


def _how(each: Grade, lines: Sequence[ReturnLine]) -> How:
    """Say how units were found; something else in their place is never accepted as them."""
    found = "" if each.found == each.line.sku else each.found
    announced = any(line.sku == found and line.announced > 0 for line in lines)
    instead = each.instead or (None if not found else Instead.OTHER_LINE if announced else Instead.OTHER_PRODUCT)
    return (each.accepted and instead is None, each.condition, each.disposition, found, instead.value if instead else "")


def found_lines(lines: Sequence[ReturnLine]) -> Iterator[ReturnLine]:
    """Give products of ours that lay in the place of announced ones lines of their own: nobody announced them, so they are blind."""
    for line in lines:
        for sku in sorted({part.found for part in line.parts if part.found and part.instead is not Instead.FOREIGN}):
            parts = tuple(replace(part, accepted=True, found="", instead=None) for part in line.parts if part.found == sku)
            units = sum((part.quantity for part in parts), NOTHING)
            yield ReturnLine(line_id=f"{line.line_id}>{sku}", sku=sku, announced=units, received=units, parts=parts, unit_price=None,
                             reason=line.reason, blind=True, instead_of=line.line_id)


def wrong_items(line: ReturnLine) -> Iterator[Finding]:
    """Tell of units in whose place something else lay; each kind of it is somebody else's work."""
    for instead, (code, words) in WRONG.items():
        parts = [part for part in line.parts if part.instead is instead]
        if parts:
            units = sum((part.quantity for part in parts), NOTHING)
            what = ", ".join(sorted({part.found for part in parts} - {""}))
            yield Finding(code=code, line_id=line.line_id,
                          sentence=f"In the place of {units} x {line.sku} there was {words}{f': {what}' if what else ''}. "
                                   f"{line.sku} is not credited for it.")


def lost(line: ReturnLine, units: Decimal) -> ReturnLine:
    """Have units credited that two people say were lost; those that came all the same are not among them, an empty box is."""
    claimed = min(units, line.missing)
    left, parts = claimed - max(line.announced - max(line.received or NOTHING, line.graded), NOTHING), list[Part]()
    for part in line.parts:
        empty = min(part.quantity, max(left, NOTHING)) if part.instead is Instead.EMPTY else NOTHING
        left -= empty
        parts += [replace(part, quantity=part.quantity - empty)] if part.quantity > empty else []
    if claimed > 0:
        parts.append(Part(condition=LOST_UNITS[0], disposition=LOST_UNITS[1], quantity=claimed, accepted=True, claimed=True))
    return replace(line, parts=tuple(parts))


def grant(line: ReturnLine, units: Decimal, disposition: str) -> ReturnLine:
    """Have rejected units credited that two people say are; what lay in their place is none of them, and no unit becomes stock by it."""
    left, parts = units, list[Part]()
    for part in line.parts:
        taken = NOTHING if part.accepted or part.instead else min(part.quantity, left)
        left -= taken
        parts += [replace(part, quantity=part.quantity - taken)] if part.quantity > taken else []
    if left < units:
        parts.append(Part(condition=LOST_UNITS[0], disposition=disposition, quantity=units - left, accepted=True, granted=True))
    return replace(line, parts=tuple(parts))


def _elsewhere(everywhere: dict[str, Decimal], here: dict[str, Decimal]) -> dict[str, Decimal]:
    """Give what other parcels hold of each line, when this one is counted anew."""
    return {line_id: quantity - here.get(line_id, NOTHING) for line_id, quantity in everywhere.items()}


def _add(parts: dict[How, Decimal], how: How, quantity: Decimal) -> None:
    parts[how] = parts.get(how, NOTHING) + quantity


def _sum(some: dict[How, Decimal], more: dict[How, Decimal], less: dict[How, Decimal] | None = None) -> dict[How, Decimal]:
    total = dict(some)
    for how, quantity in more.items():
        _add(total, how, quantity)
    for how, quantity in (less or {}).items():
        _add(total, how, -quantity)
    return total


def _best_first(each: Grade) -> tuple[bool, str, str]:
    return (not each.accepted, each.condition, each.disposition)


def surplus_id(line: ReturnLine) -> str:
    """Name the line that surplus units of a line are once people matched them with a sale."""
    return f"{line.line_id}+surplus"


def matched_surplus(graded: Sequence[ReturnLine], matches: Mapping[str, Matched]) -> Iterator[ReturnLine]:
    """Give the surplus units that people matched with a sale, out of lines as they were graded, lines of their own: blind before that.

    As many are here as were counted beyond the announced ones; how they were found is known where all were found alike.
    """
    for line in graded:
        if found := matches.get(surplus_id(line)):
            units = min(found.units, line.surplus)
            known = min(max(line.graded - line.announced, NOTHING), units) if without_surplus(line) is not line else NOTHING
            parts = (replace(line.parts[0], quantity=known),) if known else ()
            yield ReturnLine(line_id=surplus_id(line), sku=line.sku, announced=found.units, received=units, parts=parts, unit_price=None,
                             description=line.description, reason=line.reason, blind=True, surplus_of=line.line_id)


def less_matched(line: ReturnLine, matches: Mapping[str, Matched]) -> ReturnLine:
    """Leave out of a line the surplus units that are a line of their own by now."""
    line, found, surplus = without_surplus(line), matches.get(surplus_id(line)), line.surplus
    if found is None:
        return line
    given = min(found.units, surplus)
    return replace(line, received=(line.received or NOTHING) - given if given else line.received, given=given)


def without_surplus(line: ReturnLine) -> ReturnLine:
    """Keep the announced units of a line whose surplus was graded as well, where all were accepted alike: any of them will do.

    Where they were found in different ways, or refused, nobody can tell which are the announced ones; that is implausible.
    """
    graded = line.accepted + line.rejected
    alike = len(line.parts) == 1 and line.parts[0].accepted
    if not alike or not line.surplus or not line.announced < graded <= (line.received or NOTHING):
        return line
    return replace(line, parts=(replace(line.parts[0], quantity=line.announced),))

"""Does the platform, asked itself, say what a message said that anybody could have written?

A sender that signs proves what was said; one that shows a password proves only that it knows one. Of what
such a sender tells, nothing moves money before the platform's own interface has told the same. `essence` is
what of a return moves money, whatever the words around it; `Confirmed` remembers the essence the platform told.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from backhaul.domain.facts import Confirmed, Fact
from backhaul.domain.returns import ReturnCase, ReturnLine, fold
from backhaul.domain.trail import digest


def heard(ref: str, facts: Iterable[Fact]) -> ReturnCase:
    """Fold only what came in, without what we or people said beside it."""
    return fold(ref, (fact for fact in facts if fact.delivery))


def essence(case: ReturnCase) -> Mapping[str, Any]:
    """Give what of a return moves money or goods, in an order that does not depend on the words' own."""
    return {
        "customer": case.customer, "currency": case.currency, "warehouse": case.warehouse, "retailer": case.retailer,
        "stage": case.stage.value if case.stage else "", "lost": case.lost,
        "charges": sorted([charge.code, _exact(charge.amount), charge.prepaid] for charge in case.charges),
        "lines": sorted((_line(line) for line in case.lines), key=str)}


def _line(line: ReturnLine) -> Mapping[str, Any]:
    parts = ([part.condition, part.disposition, _exact(part.quantity), part.accepted, part.found] for part in line.parts)
    return {"sku": line.sku, "announced": _exact(line.announced), "unit_price": _exact(line.unit_price), "order": line.order or "",
            "reason": line.reason, "received": _exact(line.received), "parts": sorted(parts)}


def _exact(value: Decimal | None) -> str:
    """Write a number so that equal ones are written alike."""
    return "" if value is None else format(value.normalize(), "f")


def is_confirmed(ref: str, facts: Sequence[Fact]) -> bool:
    """Tell whether the platform itself told what we have heard of this return, all of it."""
    told = {fact.essence for fact in facts if isinstance(fact, Confirmed)}
    return bool(told) and digest(essence(heard(ref, facts))) in told


def differences(heard_case: ReturnCase, told_case: ReturnCase) -> str:
    """Say in one sentence where a message and the platform disagree."""
    ours, theirs = essence(heard_case), essence(told_case)
    names = [name for name in ours if ours[name] != theirs[name]]
    return "; ".join(f"{name}: messages say {_short(ours[name])}, the platform says {_short(theirs[name])}" for name in names)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 200 else text[:197] + "..."  # noqa: PLR2004  what a sentence can hold

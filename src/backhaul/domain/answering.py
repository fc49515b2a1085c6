"""What can a customer be told who waits for a credit?

One plain reason, one date and one sentence that can be read out, from what holds the return back now. Whoever is credited in full is not
here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from backhaul.domain.exception_case import KINDS, ExceptionCase
from backhaul.domain.facts import Stage
from backhaul.domain.placement import Placement, Where

OPEN: Final = frozenset({Where.WAITING, Where.HELD})
"""Places of money that somebody still waits for."""
REASONS: Final[Mapping[Stage, tuple[str, str]]] = {
    Stage.REGISTERED: ("The goods have not been sent yet.", "We have not received your parcel yet."),
    Stage.LABELLED: ("The goods have not been sent yet.", "We have not received your parcel yet."),
    Stage.SCANNED: ("The goods are on their way.", "Your parcel is on its way to us."),
    Stage.ARRIVED: ("The goods came and are not counted yet.", "Your parcel is here and will be looked at."),
    Stage.RECEIVED: ("The goods were counted and are not graded yet.", "Your goods are here and will be looked at."),
    Stage.INSPECTED: ("The goods were graded; the credit leaves with the next batch.", "Your goods were looked at; your credit is made."),
    Stage.COMPLETED: ("The goods were graded; the credit leaves with the next batch.", "Your goods were looked at; your credit is made."),
    Stage.CANCELLED: ("The return was cancelled.", "This return was cancelled, so nothing is credited for it."),
}
"""By how far the goods have come: for us, and for the customer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Why a return is not credited, or not in full: `net` is what waits (positive), `next_at` when somebody looks at it."""

    reason: str
    sentence: str
    net: Decimal
    since: datetime | None
    next_at: datetime | None
    owner: str = ""


def answer(ref: str, stage: Stage | None, placements: Collection[Placement], open_cases: Sequence[ExceptionCase], *,  # noqa: PLR0913  what is known
           since: datetime | None, due_at: datetime | None) -> Answer | None:
    """Say why it waits; None if nobody waits for anything of it."""
    net = -sum((each.net for each in placements if each.where in OPEN), Decimal(0))
    holding = [case for case in open_cases if case.holds]
    if not net and not holding:
        return None
    if holding:
        first = min(holding, key=lambda case: case.due_at)
        return Answer(reason=f"{KINDS[first.kind].means} {first.owner.capitalize()} decides.", net=net, owner=first.owner,
                      since=first.opened_at, next_at=first.due_at,
                      sentence=(f"Your return {ref} is with us; one thing has to be settled first. "
                                f"We look at it by {first.due_at:%d %B %Y} and will tell you."))
    ours, theirs = REASONS[stage or Stage.REGISTERED]
    until = f" You hear from us by {due_at:%d %B %Y}." if due_at else ""
    return Answer(reason=ours, sentence=f"{theirs}{until}", net=net, since=since, next_at=due_at)

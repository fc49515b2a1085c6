"""What can a customer be told who waits for a credit?

One plain reason, one date and one sentence that can be read out, from what holds the return back now. A date that is over is not named as
one to come: what is overdue, and who is asked, is said instead. Whoever is credited in full is not here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from backhaul.domain.exception_case import KINDS, ExceptionCase
from backhaul.domain.facts import Stage
from backhaul.domain.placement import Placement, Where
from backhaul.domain.team import Team

OPEN: Final = frozenset({Where.WAITING, Where.HELD})
"""Places of money that somebody still waits for."""
REASONS: Final[Mapping[Stage, tuple[str, str, Team]]] = {
    Stage.REGISTERED: ("The goods have not been sent yet.", "We have not received your parcel yet.", Team.CUSTOMER_SERVICE),
    Stage.LABELLED: ("The goods have not been sent yet.", "We have not received your parcel yet.", Team.CUSTOMER_SERVICE),
    Stage.SCANNED: ("The goods are on their way.", "Your parcel is on its way to us.", Team.CUSTOMER_SERVICE),
    Stage.ARRIVED: ("The goods came and are not counted yet.", "Your parcel is here and will be looked at.", Team.WAREHOUSE),
    Stage.RECEIVED: ("The goods were counted and are not graded yet.", "Your goods are here and will be looked at.", Team.WAREHOUSE),
    Stage.INSPECTED: ("The goods were graded; the credit leaves with the next batch.", "Your goods were looked at; your credit is made.",
                      Team.FINANCE),
    Stage.COMPLETED: ("The goods were graded; the credit leaves with the next batch.", "Your goods were looked at; your credit is made.",
                      Team.FINANCE),
    Stage.CANCELLED: ("The return was cancelled.", "This return was cancelled, so nothing is credited for it.", Team.CUSTOMER_SERVICE),
}
"""By how far the goods have come: for us, for the customer, and who is asked once it takes longer than it should."""
LIES: Final[Mapping[Stage, str]] = {
    Stage.REGISTERED: "is known to us and its parcel has not come yet",
    Stage.LABELLED: "is known to us and its parcel has not come yet",
    Stage.SCANNED: "is on its way to us",
    Stage.CANCELLED: "was cancelled",
}
"""Where a return is, for its customer, while something holds it; one whose goods have come is with us."""


NOT_ACCEPTED: Final = "Not all of it was accepted; nothing else of it waits."
"""Why somebody is not credited of whom nothing else waits."""


class Step(StrEnum):
    """What a credit that is wanted waits for, where it is more than the next batch."""

    PAUSED = "paused"
    UNAPPROVED = "unapproved"
    """Its batch waits for somebody's approval."""
    UNDER_WAY = "under-way"
    """It was sent, or is about to be, and is not read back yet."""
    AWAITED = "awaited"
    """Everything of ours is in the ERP; the rest is done there, by a batch of its own, a release or a person."""


STEPS: Final[Mapping[Step, tuple[str, str, Team]]] = {
    Step.PAUSED: ("The credit is ready; nothing is posted while posting is paused.",
                  "Your goods were looked at; your credit is made as soon as our books go on.", Team.FINANCE),
    Step.UNAPPROVED: ("The credit is in a batch that waits for approval.",
                      "Your goods were looked at; your credit is checked once more and then made.", Team.FINANCE),
    Step.UNDER_WAY: ("The credit is on its way to the ERP and not confirmed yet.", "Your credit is being made.", Team.FINANCE),
    Step.AWAITED: ("The ERP has the documents; what is left is done there, by its own batch, a release or a person.",
                   "Your credit is in our books and waits for its last step there.", Team.FINANCE),
}
"""By what the credit waits for, as `REASONS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Why a return is not credited, or not in full: `net` is what waits (positive), `next_at` when somebody looks at it.

    `overdue`: the day of `next_at` is over, so that no date can be named; `owner` is then asked.
    """

    reason: str
    sentence: str
    net: Decimal
    since: datetime | None
    next_at: datetime | None
    owner: str = ""
    overdue: bool = False


def answer(  # noqa: PLR0913  what is known
    ref: str, stage: Stage | None, placements: Collection[Placement], open_cases: Sequence[ExceptionCase], *,
    since: datetime | None, due_at: datetime | None, now: datetime, step: Step | None = None, proposed: bool = False,
    outcomes: Sequence[str] = (),
) -> Answer | None:
    """Say why it waits; None if nobody waits for anything of it. A date that is over by `now` is said to be over, never promised.

    `step`: what its credit waits for; `proposed`: a decision about what holds it waits for a second person; `outcomes`: what can be told of
    what was not accepted. That is told first, and it is all there is to tell where nothing else waits.
    """
    told = _waits(ref, stage, waits_for(placements), [case for case in open_cases if case.holds], since, due_at, now, step, proposed)
    if not outcomes:
        return told
    said = " ".join(outcomes)
    return replace(told, sentence=f"{said} {told.sentence}") if told else Answer(
        reason=NOT_ACCEPTED, sentence=said, net=Decimal(0), since=since, next_at=None)


def _waits(  # noqa: PLR0913, PLR0917  what is known
    ref: str, stage: Stage | None, net: Decimal, holding: Sequence[ExceptionCase], since: datetime | None, due_at: datetime | None,
    now: datetime, step: Step | None, proposed: bool,  # noqa: FBT001  private
) -> Answer | None:
    """Say why money waits, or who is asked about what holds it."""
    if not net and not holding:
        return None
    if holding:
        first = min(holding, key=lambda case: case.due_at)
        late = _is_over(first.due_at, now)
        next_ = "A decision was proposed and waits for approval" if proposed else f"{_words(first.owner).capitalize()} decides"
        ours = f"{KINDS[first.kind].means} {next_}{_since(first.due_at) if late else ''}."
        until = (f"It should have been settled by {_day(first.due_at)} and is overdue; {_asked(first.owner)}" if late
                 else f"We look at it by {_day(first.due_at)} and will tell you.")
        lies = LIES.get(stage or Stage.REGISTERED, "is with us")
        return Answer(reason=ours, sentence=f"Your return {ref} {lies}; one thing has to be settled first. {until}", net=net,
                      since=since, next_at=first.due_at, owner=first.owner, overdue=late)
    ours, theirs, team = STEPS[step] if step else REASONS[stage or Stage.REGISTERED]
    if due_at and _is_over(due_at, now):
        return Answer(reason=f"{ours.removesuffix('.')}{_since(due_at)}; ask {_words(team)}.", net=net, since=since, next_at=due_at,
                      owner=team, overdue=True,
                      sentence=f"{theirs} It should have been done by {_day(due_at)} and is overdue; {_asked(team)}")
    until = f" You hear from us by {_day(due_at)}." if due_at else ""
    return Answer(reason=ours, sentence=f"{theirs}{until}", net=net, since=since, next_at=due_at)


def waits_for(placements: Collection[Placement]) -> Decimal:
    """Give the money that somebody still waits for (positive)."""
    return -sum((each.net for each in placements if each.where in OPEN), Decimal(0))


def _is_over(due_at: datetime, now: datetime) -> bool:
    """Tell whether a day that would be named is over; a promise for today can still be kept."""
    return due_at.date() < now.date()


def _day(at: datetime) -> str:
    return f"{at:%d %B %Y}"


def _since(due_at: datetime) -> str:
    return f", overdue since {_day(due_at)}"


def _words(team: str) -> str:
    return team.replace("-", " ")


def _asked(team: str) -> str:
    return f"we ask our {_words(team)} team and will tell you."

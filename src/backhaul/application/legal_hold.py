"""Who may not be erased, because a court, an authority or a dispute may ask for what is held about them?

One person places a hold, and it stands at once; two end it. It names returns, never an account, and is on whoever returned them: on every
return of theirs, those that come later too. While any hold stands no file of a proof goes by its term either.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from backhaul.application.approvals import Acting, Effect, Subject
from backhaul.application.people_ports import KeptHold, PeopleStore, PeopleTx
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.money import Money
from backhaul.domain.personal import is_erased
from backhaul.domain.returns import NOTHING
from backhaul.domain.rules import Rules


def place(store: PeopleStore, rules: Rules, refs: Sequence[str], *, actor: str, reason: str, now: datetime) -> int:  # noqa: PLR0913  each is named
    """Let nobody be erased who returned these, from now on; give the number of the hold."""
    if not reason.strip() or not actor.strip():
        message = "a legal hold says who places it and why; the reason is shown with every return of theirs"
        raise NeedsOperator(message, about="reason")
    with store.begin() as tx:
        if all(tx.erasures(rules.tenant, ref) for ref in refs):
            message = f"whoever returned {refs[0]} is erased already; nothing is left to hold"
            raise NeedsOperator(message)
        number = tx.place_hold(rules.tenant, refs, reason=reason.strip(), actor=actor, at=now)
        tx.record(rules.tenant, subject=refs[0], action="hold.placed", at=now, actor=actor, detail={
            "hold": number, "returns": list(refs), "reason": reason.strip()})
    return number


def standing(store: PeopleStore, rules: Rules) -> Sequence[KeptHold]:
    """Give the holds that stand, oldest first."""
    with store.look() as tx:
        return tx.holds(rules.tenant)


def on(tx: PeopleTx, rules: Rules, ref: str, house: Collection[str]) -> Sequence[KeptHold]:
    """Give the holds whoever returned this is under; accounts of the `house` are nobody's."""
    found = tx.holds(rules.tenant)
    cases = tx.cases(rules.tenant, {ref, *(each for hold in found for each in hold.returns)}) if found else {}
    whose = cases[ref].customer if ref in cases else ""
    nobody = not whose or whose in house or is_erased(whose)
    mine = {ref} if nobody else {name for name, case in cases.items() if case.customer == whose}
    return [hold for hold in found if not mine.isdisjoint(hold.returns)]


def refuse_held(tx: PeopleTx, rules: Rules, refs: Collection[str]) -> None:
    """Stop if one of these returns, all of whoever made them, is named by a hold that stands."""
    for hold in tx.holds(rules.tenant):
        if named := sorted(set(refs) & set(hold.returns)):
            message = (f"whoever returned {named[0]} is under legal hold {hold.id} since {hold.placed_at:%d %B %Y} by {hold.placed_by}; "
                       "nobody is erased before two people ended it")
            raise NeedsOperator(message)


def _looks(tx: PeopleTx, rules: Rules, content: Mapping[str, Any]) -> Subject:
    hold = next((each for each in tx.holds(rules.tenant) if each.id == int(content["hold"])), None)
    if hold is None:
        message = f"tenant '{rules.tenant}' has no legal hold {content['hold']} that stands"
        raise NeedsOperator(message)
    return Subject(name=hold.returns[0], legal_entity="", money=Money(amount=NOTHING, currency=""), state={
        "hold": hold.id, "returns": list(hold.returns), "since": hold.placed_at.isoformat(), "by": hold.placed_by})


def _acts(tx: PeopleTx, acting: Acting) -> str:
    said, number = acting.proposal, int(acting.proposal.content["hold"])
    tx.end_hold(said.tenant, number, actor=said.proposer, approver=acting.approver, at=acting.now)
    tx.record(said.tenant, subject=said.subject, action="hold.ended", at=acting.now, actor=said.proposer, detail={
        "hold": number, "approver": acting.approver, "reason": said.reason})
    return f"legal hold {number} is ended"


EFFECT: Final = Effect(looks=_looks, acts=_acts)

"""Whose term is over, and who is asked whether they may be erased?

Nothing ends by itself: what is held about customers is proposed once a day, the oldest first, by Backhaul, so that two people say yes.
What became untrue of such a proposal is taken back, and made anew as it is now. A report says the same and changes nothing.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from backhaul.application import privacy
from backhaul.application.approvals import Effects, Within, expire, propose_in, refuse
from backhaul.application.people_ports import KeptHold, PeopleStore, PeopleTx
from backhaul.domain.access import Scope
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.proposal import SYSTEM, Proposal, ProposalKind, ProposalState
from backhaul.domain.retention import MOST, REST, Ageing, Due, Kept, Terms, ageing, batch
from backhaul.domain.rules import Rules
from backhaul.domain.trail import digest

log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Whose term is over on a day, who of them would be named by the next proposal, and the holds that stand."""

    day: date
    found: Ageing
    next: Sequence[Due]
    holds: Sequence[KeptHold]


def today(rules: Rules, now: datetime) -> date:
    """Give the day it is for a tenant: that of its first legal entity."""
    return now.astimezone(ZoneInfo(rules.entities[0].zone)).date()


def report(store: PeopleStore, rules: Rules, terms: Terms, day: date) -> Report:
    """Say what a day's turn would propose, as the record is now; nothing is changed."""
    with store.look() as tx:
        found = _found(tx, rules, terms, day)
        return Report(day=day, found=found, next=_free(tx, rules, found.due), holds=tx.holds(rules.tenant))


def _found(tx: PeopleTx, rules: Rules, terms: Terms, day: date) -> Ageing:
    """Say whose term is over, and what keeps whom from being proposed."""
    if Kept.CUSTOMERS not in terms.by_class:
        return Ageing()
    holds = tx.holds(rules.tenant, every=True)
    held = {ref for hold in holds if hold.ended_at is None for ref in hold.returns}
    return ageing(tx.aged(rules.tenant, privacy.house_of(rules)), terms, day, held=held, asked=_asked(tx, rules, day, holds))


def _asked(tx: PeopleTx, rules: Rules, day: date, holds: Sequence[KeptHold]) -> set[str]:
    """Name the returns that are proposed now, by whomever, or that people said no to.

    What they refused rests for a time; where a hold was placed on somebody since, the others are asked about again at once.
    """
    named: set[str] = set()
    for each in tx.proposals(Scope.whole(rules.tenant), kinds={ProposalKind.ERASE}, open_only=False):
        refs = {str(ref) for ref in each.content["returns"]}
        if each.state is ProposalState.OPEN:
            named |= refs
        elif each.state is ProposalState.REFUSED and each.proposer == SYSTEM and each.ended_at is not None:
            held = any(hold.placed_at >= each.ended_at and not refs.isdisjoint(hold.returns) for hold in holds)
            if not held and day < each.ended_at.date() + REST:
                named |= refs
    return named


def _free(tx: PeopleTx, rules: Rules, due: Sequence[Due]) -> Sequence[Due]:
    """Give whom the next proposal can name.

    Left out is about whom something is to decide, and whose account a return was told to be that is not due itself.
    """
    known, free, rest = {ref: each for each in due for ref in each.refs}, list[Due](), list(due)
    while rest and sum(len(each.refs) for each in free) < MOST:
        part = batch(rest)
        rest = rest[len(part):]
        refs = sorted(ref for each in part for ref in each.refs)
        busy = {row.case.return_ref for row in tx.exceptions(rules.tenant, refs=refs)}
        busy |= {each.subject for each in tx.proposals(Scope.whole(rules.tenant), subjects=refs)}
        cases = tx.cases(rules.tenant, refs)
        theirs = tx.returns_of(rules.tenant, {case.customer for case in cases.values()} - privacy.house_of(rules) - {""})
        for each in part:
            told = {ref for one in each.refs for ref in theirs.get(cases[one].customer, ())} | set(each.refs)
            if busy.isdisjoint(each.refs) and told <= known.keys():
                whole = {ref for one in told for ref in known[one].refs}
                free.append(Due(refs=tuple(sorted(whole)), last=max(known[one].last for one in told)))
    return batch(free)


def offer(store: PeopleStore, effects: Effects, rules: Rules, terms: Terms, now: datetime) -> Proposal | None:
    """Propose whose term is over, as many as one proposal names, unless one of ours waits; take one back that is not true any more.

    Who is in the way of all others, by something that only a look at every message shows, is found by halves and left out.
    """
    _take_back(store, effects, rules, terms, now)
    day = today(rules, now)
    with store.look() as tx:
        if _ours(tx, rules):
            return None
        parts = [_free(tx, rules, _found(tx, rules, terms, day).due)]
    while parts:
        part = parts.pop()
        refs = sorted({ref for each in part for ref in each.refs})
        if not refs:
            continue
        content = privacy.content_of(store, rules, refs)
        try:
            with store.begin() as tx:
                return propose_in(tx, effects, rules, ProposalKind.ERASE, content, proposer=SYSTEM, now=now, reason=(
                    f"the term of {terms.by_class[Kept.CUSTOMERS].days} days is over for {len(part)} customers, of whom the last was heard "
                    f"from {part[0].last:%d %B %Y} to {part[-1].last:%d %B %Y}"))
        except NeedsOperator as stands:
            log.info("not_proposed", extra={"tenant": rules.tenant, "returns": len(refs), "why": str(stands)})
            half = len(part) // 2
            parts += [part[half:], part[:half]] if half else []
    return None


def _ours(tx: PeopleTx, rules: Rules) -> Sequence[Proposal]:
    """Give what waits that Backhaul proposed to erase."""
    return [each for each in tx.proposals(Scope.whole(rules.tenant), kinds={ProposalKind.ERASE}) if each.proposer == SYSTEM]


def _take_back(store: PeopleStore, effects: Effects, rules: Rules, terms: Terms, now: datetime) -> None:
    """Take back what we proposed and nobody could approve any more, or what has no term any more."""
    with store.begin() as tx:
        expire(tx, rules.tenant, now)
        for each in _ours(tx, rules):
            why = "" if Kept.CUSTOMERS in terms.by_class else "there is no term any more"
            try:
                if not why and digest(effects[each.kind].looks(tx, rules, each.content).state) != each.basis:
                    why = "it is not what it was"
            except NeedsOperator as stands:
                why = str(stands)
            if why:
                refuse(Within(tx=tx), effects, rules.tenant, each.id, actor=SYSTEM, reason=why, now=now)

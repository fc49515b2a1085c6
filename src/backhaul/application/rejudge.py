"""Two people say that one return goes by the mapping of when its goods were accepted, or by the present one again.

The choice is a fact beside the others, with the rows of that version as it was kept. From then on the return is planned, sent, proved and
replayed by them; entities, limits, windows and what may be sold stay those of now. What was sent is never judged anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from backhaul.application.approvals import Acting, Effect, Effects, Subject, propose as propose_
from backhaul.application.people_ports import KeptReign, PeopleStore, PeopleTx
from backhaul.application.ports import FIXED, Tx
from backhaul.application.shown import lines_of
from backhaul.domain import mapped
from backhaul.domain.disposition import MappingRow
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.expectation import accepted_at
from backhaul.domain.facts import Fact, Mapped
from backhaul.domain.kits import explode
from backhaul.domain.money import Money
from backhaul.domain.proposal import Proposal, ProposalKind
from backhaul.domain.returns import ReturnCase, fold
from backhaul.domain.rules import Rules

EVER: Final = 10_000
"""More versions than any tenant ever worked by."""
TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """The version a return could go by instead of the one it goes by: without a name it is the one that holds."""

    version: str
    sha256: str
    rows: tuple[MappingRow, ...]


def original(tx: PeopleTx, rules: Rules, ref: str) -> KeptReign:
    """Give the version that held when the first goods of a return were accepted; the first there was, if they were accepted before it.

    One that is not known any more, or holds now as well, is no choice.
    """
    case, facts = _known(tx, rules, ref)
    at = min(accepted_at(case, facts, rules.kits).values(), default=case.announced_at)
    reigns = tx.reigns(rules.tenant, most=EVER)
    then = next((each for each in reigns if at is not None and each.since <= at), reigns[-1] if reigns else None)
    if then is None or tx.profile(rules.tenant, then.version) is None:
        message = f"{ref}: the version of the profile that held when its goods were accepted is not known any more"
        raise NeedsOperator(message)
    if name_of(then) == rules.version:
        message = f"{ref}: its goods were accepted under version {then.version}, which holds now as well; there is nothing to choose"
        raise NeedsOperator(message)
    return then


def name_of(reign: KeptReign) -> str:
    """Name a version as every effect that follows from it does."""
    return f"{reign.version}+{reign.sha256[:8]}"


def goes_by(tx: Tx, rules: Rules, ref: str) -> Mapped | None:
    """Give the choice of an earlier version that stands for a return."""
    return _known(tx, rules, ref)[0].mapped


def supposed(ref: str, choice: Earlier, at: datetime) -> Mapped:
    """Give a choice as a fact that nobody decided, to see what would come of it."""
    return Mapped(return_ref=ref, at=at, profile=choice.version, rows=choice.rows, actor="nobody", approver="nobody else", reason="")


def propose(  # noqa: PLR0913, PLR0917  each is named at the call
    store: PeopleStore, effects: Effects, rules: Rules, ref: str, choice: Earlier, difference: Sequence[Mapping[str, Any]], *,
    proposer: str, reason: str, now: datetime,
) -> Proposal:
    """Propose that a return goes by another version, with the difference as it was shown."""
    if not difference:
        message = f"{ref}: both versions come to the same; there is nothing to choose"
        raise NeedsOperator(message)
    return propose_(store, effects, rules, ProposalKind.VERSION, content_of(ref, choice, difference), proposer=proposer, reason=reason,
                    now=now)


def content_of(ref: str, choice: Earlier, difference: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Write what a proposal of it says."""
    return {"return": ref, "version": choice.version, "sha256": choice.sha256, "difference": list(difference),
            "rows": mapped.written(choice.rows)}


def _known(tx: Tx, rules: Rules, ref: str) -> tuple[ReturnCase, Sequence[Fact]]:
    facts = tuple(tx.facts(rules.tenant, [ref]).get(ref, ()))
    if not facts:
        message = f"tenant '{rules.tenant}' has no return '{ref}'"
        raise NeedsOperator(message)
    return explode(fold(ref, facts), rules.kits), facts


def _looks(tx: PeopleTx, rules: Rules, content: Mapping[str, Any]) -> Subject:
    """Give a return as it stands, by which version it goes now, and the one that is proposed; stop where that is no choice."""
    ref, version = str(content["return"]), str(content["version"])
    case, _ = _known(tx, rules, ref)
    if version == (case.mapped.profile if case.mapped else ""):
        message = f"{ref} goes by {f'version {version}' if version else 'the version that holds'} already"
        raise NeedsOperator(message)
    if version and (then := original(tx, rules, ref)) and (name_of(then), then.sha256) != (version, content["sha256"]):
        message = f"{ref}: its goods were accepted under version {name_of(then)}, not {version}"
        raise NeedsOperator(message)
    kept = [row for row in tx.postings(rules.tenant, [ref]).get(ref, ()) if row.state in FIXED]
    rows = mapped.read(content["rows"]) if version else rules.mapping
    made = [(row.posting, row.mapping_version) for row in kept]
    gone = [*mapped.sent_otherwise(case, made, rows=rows, by=version or rules.version, now=mapped.rows_for(case, rules))]
    if gone:
        message = (f"{ref}: goods found {gone[0].condition}/{gone[0].disposition} were sent by another version already; what was sent is "
                   "never judged anew, and the rest goes with it")
        raise NeedsOperator(message)
    entity = rules.entity_of(case.retailer)
    return Subject(name=ref, legal_entity=entity.id if entity else "", money=Money(amount=-case.net, currency=case.currency),
                   state={"holds": rules.version, "goes_by": mapped.version_for(case, rules), "would_go_by": version or rules.version,
                          "customer": case.customer or "", "documents_made": len(kept), "lines": lines_of(case)})


def _acts(tx: PeopleTx, acting: Acting) -> str:
    said, rules = acting.proposal, acting.rules
    ref, version = str(said.content["return"]), str(said.content["version"])
    before = [fact.at + TICK for fact in _known(tx, rules, ref)[1] if isinstance(fact, Mapped)]
    tx.add_facts(rules.tenant, [Mapped(
        return_ref=ref, at=max([acting.now, *before]), profile=version, rows=mapped.read(said.content["rows"]) if version else (),
        actor=said.proposer, approver=acting.approver, reason=said.reason)])
    tx.record(rules.tenant, subject=ref, action="return.mapped", at=acting.now, actor=said.proposer, detail={
        "version": version or rules.version, "approver": acting.approver, "reason": said.reason})
    return f"{ref} goes by version {version or rules.version}"


EFFECT: Final = Effect(looks=_looks, acts=_acts)

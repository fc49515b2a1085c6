"""What does somebody want done that needs a second person, and may this person approve it?

A proposal is shown as one hash over everything that can be seen of it, the state of what it is about included. An approval names the hash
it saw; if anything differs since, it is refused and the page has to be read again (INV-30).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from backhaul.domain.access import Action
from backhaul.domain.money import Money
from backhaul.domain.trail import digest

SENTENCES: Final = ("findings",)
"""What of a proposal, or of what it is about, is told in sentences."""
SYSTEM: Final = "backhaul"
"""Who proposes what no person does."""


class ProposalKind(StrEnum):
    """What can be proposed."""

    WAIVE = "waive"
    CLOSE = "close"
    CLAIM = "claim"
    DEBIT = "debit"
    SETTLE = "settle"
    MATCH = "match"
    PAIR = "pair"
    """A credit or a receipt by hand is that of a line, or a payment that of a return."""
    UNPAIR = "unpair"
    CORRECT = "correct"
    OUTCOME = "outcome"
    """What becomes of goods that are not accepted, where it moves money."""
    GROUP = "group"
    """One decision about all exceptions of one cause."""
    BATCH = "batch"
    """What a window closed may leave; Backhaul proposes it."""
    VERSION = "version"
    """By which version's mapping one return goes."""
    PROFILE = "profile"
    UNPAUSE = "unpause"
    GRANT = "grant"
    ERASE = "erase"
    """A customer who asked for it, or whose term is over; Backhaul proposes the latter."""
    RELEASE = "release"
    WRITE_DOWN = "write-down"
    """What goods lose that were graded anew after they were posted; Backhaul proposes it."""
    CONTRACT = "contract"
    """What an environment shows now is what the adapter may rely on."""


class ProposalState(StrEnum):
    """How far a proposal has come; all but `open` are its end."""

    OPEN = "open"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalRule:
    """What a kind means in plain words, the right to propose it, the right to approve it, and how long it waits."""

    means: str
    proposes: Action | None = Action.PROPOSE
    """None: no person does."""
    approves: Action = Action.APPROVE
    lasts: timedelta = timedelta(days=7)
    least: int = 1
    """How many people approve it at least: two of what nobody proposed and that gives something up."""
    unasked: int = 1
    """How many approve it at least where Backhaul proposed it by itself."""


PROPOSALS: Final[Mapping[ProposalKind, ProposalRule]] = {
    ProposalKind.WAIVE: ProposalRule(means="Let a line go on although a finding stands."),
    ProposalKind.CLOSE: ProposalRule(means="Close it with a reason: a line without credit, a break of the proof as it is."),
    ProposalKind.CLAIM: ProposalRule(means="Credit what was lost on its way, without goods."),
    ProposalKind.DEBIT: ProposalRule(means="Take back the credit of goods that were rejected after it."),
    ProposalKind.SETTLE: ProposalRule(means="Say what became of an effect that the ERP cannot be asked about."),
    ProposalKind.MATCH: ProposalRule(means="Say which sale goods without a return come from."),
    ProposalKind.PAIR: ProposalRule(means="Confirm that a credit, receipt or payment is that of a line, which is not made again."),
    ProposalKind.UNPAIR: ProposalRule(means="Revoke a confirmed match."),
    ProposalKind.CORRECT: ProposalRule(means="Say what a value of a return is where the messages have it wrong."),
    ProposalKind.OUTCOME: ProposalRule(means="Say what becomes of goods that are not accepted, where it moves money."),
    ProposalKind.GROUP: ProposalRule(means="Decide alike about all open exceptions of one cause."),
    ProposalKind.BATCH: ProposalRule(means="Let what was batched leave, as its control totals say; refused, its lines are held.",
                                     proposes=None, lasts=timedelta(days=30)),
    ProposalKind.PROFILE: ProposalRule(means="Let a new version of the profile, with mapping, limits and tolerances, come into force.",
                                       proposes=Action.PROPOSE_MAPPING, lasts=timedelta(days=30)),
    ProposalKind.VERSION: ProposalRule(
        means="Let one return go by the mapping of when its goods were accepted, or by the present one again."),
    ProposalKind.UNPAUSE: ProposalRule(means="Let writes leave again.", proposes=Action.PAUSE, lasts=timedelta(days=1)),
    ProposalKind.GRANT: ProposalRule(means="Give a person a role.", proposes=Action.PROPOSE_GRANT, approves=Action.APPROVE_GRANT),
    ProposalKind.ERASE: ProposalRule(means="Make what is held about a customer unreadable; what books need stays.",
                                     proposes=Action.PROPOSE_ERASURE, lasts=timedelta(days=14), unasked=2),
    ProposalKind.RELEASE: ProposalRule(means="End a legal hold, so that what is held about a customer may be erased again.",
                                       proposes=Action.PROPOSE_ERASURE, lasts=timedelta(days=14)),
    ProposalKind.WRITE_DOWN: ProposalRule(means="Agree to what goods lose that were graded anew after they were posted.",
                                          proposes=None, lasts=timedelta(days=30), least=2),
    ProposalKind.CONTRACT: ProposalRule(means="Take what an ERP's environment shows now as its contract, so that its line opens.",
                                        proposes=Action.PROPOSE_MAPPING),
}
"""Every kind with its rule; a kind that is not here cannot be proposed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What somebody wants done, as the store has it. `basis` is the hash of the state of what it is about when it was proposed."""

    id: int = 0
    tenant: str
    legal_entity: str
    kind: ProposalKind
    subject: str
    content: Mapping[str, Any]
    basis: str
    money: Money
    reason: str
    proposer: str
    proposed_at: datetime
    expires_at: datetime
    needed: int = 1
    approver: str = ""
    approved_at: datetime | None = None
    second: str = ""
    second_at: datetime | None = None
    state: ProposalState = ProposalState.OPEN
    ended_by: str = ""
    ended_at: datetime | None = None
    result: str = ""

    @property
    def sha256(self) -> str:
        """Give the hash of all that an approver is shown."""
        return digest({"tenant": self.tenant, "legal_entity": self.legal_entity, "kind": self.kind, "subject": self.subject,
                       "content": self.content, "basis": self.basis, "money": self.money, "reason": self.reason,
                       "proposer": self.proposer, "needed": self.needed})

    @property
    def yeses(self) -> tuple[str, ...]:
        """Give who approved it so far."""
        return tuple(name for name in (self.approver, self.second) if name)

    def is_repeat(self, approver: str, shown: str) -> bool:
        """Tell whether this approval was given before; then it has no effect and the same answer."""
        return shown == self.sha256 and _name(approver) in map(_name, self.yeses)


def accounts_in(told: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the customers' accounts that the content of a proposal, or the state it was shown with, holds in fields of their own."""
    return tuple(str(told[name]) for name in _naming(told) if told.get(name))


def _naming(told: Mapping[str, Any]) -> tuple[str, ...]:
    return ("customer", *(("told", "value", "before", "after") if told.get("what") == "customer" else ()))


def with_accounts(told: Mapping[str, Any], seen: Callable[[str], str],
                  said: Callable[[Any], Any] = lambda words: words) -> dict[str, Any]:
    """Give what is shown of a proposal to whoever reads: every customer's account in it as `seen` shows it, sentences as `said` does."""
    named = _naming(told)
    return {name: seen(str(value)) if name in named and value else said(value) if name in SENTENCES else value
            for name, value in told.items()}


def objection(proposal: Proposal, approver: str, shown: str, now: datetime) -> str:
    """Say why this person may not approve this proposal as it was shown to them; empty if they may."""
    if proposal.state is not ProposalState.OPEN:
        return f"proposal {proposal.id} is {proposal.state.value} by {proposal.ended_by} since {proposal.ended_at:%d %B %Y %H:%M} UTC"
    if now >= proposal.expires_at:
        return f"proposal {proposal.id} waited until {proposal.expires_at:%d %B %Y %H:%M} UTC and is over; propose it again"
    if not _name(approver) or _name(approver) == _name(proposal.proposer):
        return f"proposal {proposal.id}: somebody other than '{proposal.proposer}', who proposed it, has to approve"
    if shown != proposal.sha256:
        return f"proposal {proposal.id} is not what was shown to you; read it again and approve what it says now"
    return ""


def approvals_needed(money: Money, *, second: Decimal | None, a_day: Decimal | None, today: Decimal) -> int:
    """Say how many people must approve: two above a limit, and two when one person's proposals of a day come to more than theirs."""
    worth = abs(money.amount)
    return 2 if (second is not None and worth > second) or (a_day is not None and worth + today > a_day) else 1


def _name(person: str) -> str:
    return person.strip().casefold()

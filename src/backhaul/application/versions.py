"""Which version of a tenant's decisions holds, and how does another come to?

The first version holds because it is the first. In production every other one is proposed, shown with what it changes, approved by somebody
else, and holds from then on; what stands in a file is a proposal like any other. Elsewhere a file holds as it stands, until the first
version came into force by approval: from then on none comes into force without, and the database sees to that.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from difflib import unified_diff
from typing import Any, Final, Protocol

from backhaul.application.approvals import Acting, Effect, Effects, Subject, propose as propose_
from backhaul.application.people_ports import KeptReign, PeopleStore, PeopleTx
from backhaul.application.ports import KeptProfile
from backhaul.domain.disposition import Circumstance, MappingRow, choose
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.money import Money
from backhaul.domain.proposal import Proposal, ProposalKind
from backhaul.domain.rules import Rules

LINES: Final = 2_000
"""So many changed lines of a profile are shown; more is no change a person reads."""
FIRST, FILE = "first", "file"
"""How a version can come into force without a proposal."""


class Seen(Protocol):
    """A circumstance that goods were reported in: how many units at which net."""

    @property
    def when(self) -> Circumstance:
        """Give the circumstance."""
        ...

    @property
    def units(self) -> Decimal:
        """Give how many units were reported in it."""
        ...

    @property
    def net(self) -> Decimal:
        """Give at which net they were announced."""
        ...

    @property
    def currency(self) -> str:
        """Give the currency of the net."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Goods of the past that would go elsewhere under another version: in which circumstance, from where to where, at which net."""

    when: Circumstance
    before: str
    after: str
    units: Decimal
    net: Decimal
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What another version would change: the lines of the text, and where goods like those that were seen would go."""

    changes: tuple[str, ...]
    moved: tuple[Moved, ...]


def difference(before: str, after: str, was: Sequence[MappingRow], would_be: Sequence[MappingRow], seen: Iterable[Seen]) -> Difference:
    """Compare two versions: their text, and their mappings by every circumstance that was seen, the most money first."""
    lines = [line.rstrip("\n") for line in unified_diff(before.splitlines(), after.splitlines(), "in force", "proposed", lineterm="", n=1)]
    moved = [Moved(when=each.when, before=_goes(old), after=_goes(new), units=each.units, net=each.net, currency=each.currency)
             for each in seen if (old := choose(was, each.when)) != (new := choose(would_be, each.when))]
    return Difference(changes=tuple(lines[:LINES]), moved=tuple(sorted(moved, key=lambda each: -abs(each.net))))


def _goes(row: MappingRow | None) -> str:
    """Say in a few words what a row does with goods."""
    if row is None:
        return "held"
    place = " ".join(filter(None, (row.place.warehouse, row.place.location, row.place.status)))
    told = (row.outcome.value.replace("_", " "), place, row.erp_disposition and f"as {row.erp_disposition}",
            "" if row.credit else "without credit", row.charge and f"less {row.charge}", row.journal and f"by journal {row.journal}",
            row.expected_account and f"on account {row.expected_account}")
    return ", ".join(filter(None, told))


def begin(tx: PeopleTx, mine: KeptProfile, *, by_approval: bool, now: datetime) -> KeptReign:
    """Say which version holds as a process starts with `mine`: mine, or with `by_approval` the one that was approved.

    One that does not hold is kept as a draft, so that it can be proposed as it stands.
    """
    holds = tx.reign(mine.tenant)
    if holds is not None and holds.sha256 == mine.sha256:
        return holds
    if holds is not None and (by_approval or holds.proposal is not None):
        tx.keep_draft(mine, actor=FILE, at=now)
        return holds
    return _into_force(tx, mine, by=FILE if holds else FIRST, proposal=None, now=now)


def propose(store: PeopleStore, effects: Effects, rules: Rules, draft: KeptProfile, told: Difference, *, proposer: str,  # noqa: PLR0913  each is named
            reason: str, now: datetime) -> Proposal:
    """Propose that a version comes into force, with what it changes as it was shown; its text is kept."""
    if not told.changes:
        message = f"version '{draft.version}' is what holds already; there is nothing to approve"
        raise NeedsOperator(message)
    with store.begin() as tx:
        kept = tx.profile(draft.tenant, draft.version)
        if kept is not None and kept.sha256 != draft.sha256:
            message = f"a version '{draft.version}' with other content was in force already; give this one a name of its own"
            raise NeedsOperator(message, about="version")
        tx.keep_draft(draft, actor=proposer, at=now)
    return propose_(store, effects, rules, ProposalKind.PROFILE, content(draft, told), proposer=proposer, reason=reason, now=now)


def content(draft: KeptProfile, told: Difference) -> dict[str, Any]:
    """Give what an approver is shown of a version: its name, the hash of its bytes, the lines it changes and the goods it moves."""
    moved = [{**asdict(each.when), "before": each.before, "after": each.after, "units": str(each.units), "net": str(each.net),
              "currency": each.currency} for each in told.moved]
    return {"version": draft.version, "sha256": draft.sha256, "changes": list(told.changes), "moved": moved}


def _looks(tx: PeopleTx, rules: Rules, told: Any) -> Subject:  # noqa: ANN401  what an effect is given
    holds = tx.reign(rules.tenant)
    return Subject(name=f"profile {told['version']}", legal_entity="", money=Money(amount=Decimal(0), currency=""),
                   state={"in_force": holds.version if holds else rules.version, "since": holds.since if holds else None})


def _acts(tx: PeopleTx, acting: Acting) -> str:
    told = acting.proposal.content
    draft = tx.draft(acting.proposal.tenant, str(told["sha256"]))
    if draft is None:
        message = f"the text of version '{told['version']}' is not kept here; propose it again with its text"
        raise NeedsOperator(message)
    _into_force(tx, draft, by=acting.approver, proposal=acting.proposal.id, now=acting.now)
    return f"version {draft.version} holds"


def _into_force(tx: PeopleTx, mine: KeptProfile, *, by: str, proposal: int | None, now: datetime) -> KeptReign:
    kept = tx.keep_profile(mine, at=now)
    if kept.sha256 != mine.sha256:
        message = (f"version '{mine.version}' of tenant '{mine.tenant}' was in force with other content (SHA-256 {kept.sha256}; "
                   f"this one has {mine.sha256}); give the changed profile a version of its own")
        raise NeedsOperator(message)
    reign = KeptReign(version=mine.version, sha256=mine.sha256, since=now, by=by, proposal=proposal)
    tx.crown(mine.tenant, reign)
    return reign


EFFECT: Final = Effect(looks=_looks, acts=_acts)

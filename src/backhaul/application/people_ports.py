"""What does the store keep about people, what they propose and what they say?

Protocols beside those of `ports`: the same transaction, with the tables of the console.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from backhaul.application.ports import Fence, KeptCase, KeptException, KeptProfile, Tx
from backhaul.domain.access import Grant, Person, Scope
from backhaul.domain.pairing import Match
from backhaul.domain.personal import Erasure
from backhaul.domain.proposal import Proposal, ProposalKind
from backhaul.domain.retention import Aged


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptGrant:
    """A grant as the store has it: to whom, by which two people, and until when."""

    id: int
    person: int
    grant: Grant
    granted_by: str
    approved_by: str
    at: datetime
    revoked_at: datetime | None = None
    revoked_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptToken:
    """A personal access token: never itself, only its SHA-256."""

    id: int
    person: int
    name: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPause:
    """A time in which no write leaves: of a legal entity, or of all of a tenant (empty)."""

    id: int
    tenant: str
    legal_entity: str
    reason: str
    paused_by: str
    paused_at: datetime
    ended_by: str = ""
    approved_by: str = ""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptNote:
    """What somebody said about an exception: a comment, a hand-over, or a file (evidence) of which only what it is stands here."""

    id: int = 0
    tenant: str
    exception: int
    return_ref: str
    sort: str
    text: str
    actor: str
    at: datetime
    name: str = ""
    type: str = ""
    sha256: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPromise:
    """What a customer was told, and until when."""

    id: int = 0
    tenant: str
    return_ref: str
    text: str
    actor: str
    at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReign:
    """A version of the profile that came into force: since when, by whom or what, and by which proposal, if by one."""

    version: str
    sha256: str
    since: datetime
    by: str
    proposal: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """What the API answered to a key: the hash of the request it was for, status and body."""

    request: str
    status: int
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is held about a customer's returns: how much of each kind, of which returns and messages nobody could read (`about`).

    `messages` by number, looked for up to the `last` there was; `others` are returns of which the same messages tell as well.
    """

    counts: Mapping[str, int]
    about: tuple[str, ...]
    messages: tuple[int, ...]
    others: tuple[str, ...]
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptErasure:
    """An erasure that was done: by which proposal, the name that stands there now, and what is gone (counts, and hashes of bytes)."""

    proposal: int
    name: str
    at: datetime
    proof: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptHold:
    """A legal hold: on whoever returned these, why and by whom; and the two people who ended it, if they did."""

    id: int
    tenant: str
    returns: tuple[str, ...]
    reason: str
    placed_by: str
    placed_at: datetime
    ended_by: str = ""
    approved_by: str = ""
    ended_at: datetime | None = None


class PeopleTx(Tx, Protocol):
    """One transaction that also knows people."""

    # customers who are erased
    def returns_of(self, tenant: str, accounts: Collection[str]) -> Mapping[str, Collection[str]]:
        """Give by account, where there are any, the returns that are its own, or were told or corrected to be."""
        ...

    def aged(self, tenant: str, house: Collection[str]) -> Iterator[Aged]:
        """Give every return that is not erased, with the day (UTC) of its latest fact; accounts of the house are nobody's."""
        ...

    def place_hold(self, tenant: str, refs: Collection[str], *, reason: str, actor: str, at: datetime) -> int:
        """Keep a legal hold on whoever returned these; give its number."""
        ...

    def holds(self, tenant: str, *, every: bool = False) -> Sequence[KeptHold]:
        """Give the legal holds of a tenant that stand, oldest first, or all there ever were."""
        ...

    def end_hold(self, tenant: str, number: int, *, actor: str, approver: str, at: datetime) -> bool:
        """End a hold; tell whether it stood until now. The database refuses one person alone."""
        ...

    def held_about(self, tenant: str, refs: Collection[str], words: Collection[str], *, known: Collection[int] = (),
                   beyond: int = 0) -> Held:
        """Count what is held about these returns, and name the messages that tell of them or name one of these words.

        Bytes are read of all messages, or of those `beyond` a number; up to there those `known` name them.
        """
        ...

    def erase(self, erasure: Erasure, held: Held) -> Mapping[str, Any]:
        """Make what is held about these returns unreadable; the database refuses it without an approved proposal."""
        ...

    def erasures(self, tenant: str, ref: str = "") -> Sequence[KeptErasure]:
        """Give what was erased, the latest first; of one return if one is named."""
        ...

    def about(self, tenant: str, held: Held, refs: Collection[str]) -> Mapping[str, Any]:
        """Give everything that is held about these returns, for whom it is about."""
        ...

    # people and what they may do
    def person(self, *, issuer: str, subject: str) -> Person | None:
        """Give who signed in, with the grants that hold now; None if nobody added them."""
        ...

    def people(self, numbers: Collection[int] | None = None) -> Sequence[Person]:
        """Give these people, or all, with the grants that hold now."""
        ...

    def add_person(self, *, issuer: str, subject: str, name: str, at: datetime) -> int:
        """Add somebody who may do nothing yet, or give the number they have."""
        ...

    def add_grant(self, number: int, grant: Grant, *, granted_by: str, approved_by: str, at: datetime) -> int:
        """Keep a grant; the database refuses one that names one person twice."""
        ...

    def grants(self, tenant: str, *, every: bool = False) -> Sequence[KeptGrant]:
        """Give the grants of a tenant that hold, or all there ever were."""
        ...

    def revoke_grant(self, tenant: str, number: int, *, actor: str, at: datetime) -> bool:
        """End a grant; tell whether it held until now."""
        ...

    # tokens
    def add_token(self, person: int, *, name: str, sha256: str, scopes: Collection[str], at: datetime, expires_at: datetime) -> int:  # noqa: PLR0913  the row
        """Keep the hash of a token."""
        ...

    def token(self, sha256: str, *, at: datetime) -> KeptToken | None:
        """Give the token of this hash if it holds."""
        ...

    def use_token(self, number: int, *, at: datetime) -> None:
        """Remember that a token was used."""
        ...

    def tokens(self, person: int) -> Sequence[KeptToken]:
        """Give somebody's tokens, the newest first."""
        ...

    def revoke_token(self, person: int, number: int, *, at: datetime) -> bool:
        """End a token; tell whether it held until now."""
        ...

    # proposals
    def add_proposal(self, proposal: Proposal) -> tuple[Proposal, bool]:
        """Keep a proposal and say that it is new; the same one that is open already is given instead."""
        ...

    def proposal(self, tenant: str, number: int) -> Proposal | None:
        """Give a proposal; in a transaction that may write nobody else decides about it before that ends."""
        ...

    def save_proposal(self, proposal: Proposal) -> None:
        """Remember who approved, and how it ended; the database refuses what one person alone would have decided."""
        ...

    def proposals(self, scope: Scope, *, open_only: bool = True, subjects: Collection[str] | None = None,
                  kinds: Collection[ProposalKind] | None = None) -> Sequence[Proposal]:
        """Give proposals of a scope, oldest first."""
        ...

    def proposed_by(self, tenant: str, proposer: str, since: datetime, currency: str) -> Decimal:
        """Sum what one person proposed since a moment in a currency, whatever came of it, but what they took back."""
        ...

    def lapsed(self, tenant: str, now: datetime) -> Sequence[Proposal]:
        """Give open proposals that waited too long."""
        ...

    # matches
    def keep_match(self, match: Match) -> int:
        """Keep a match and give its number; what is matched already is `NeedsOperator`. Postings read afterwards are the newest."""
        ...

    def revoke_match(self, tenant: str, number: int, *, proposal: int, actor: str, approver: str, reason: str, at: datetime) -> None:  # noqa: PLR0913  the row
        """Revoke a match: its records and lines are free again."""
        ...

    def suggested(self, tenant: str, period: str) -> Sequence[Mapping[str, Any]]:
        """Give the matches the latest proof of a month suggested."""
        ...

    def keep_suggested(self, tenant: str, period: str, told: Sequence[Mapping[str, Any]]) -> None:
        """Keep the matches a proof of a month suggests, in place of those before."""
        ...

    # pauses
    def pause(self, tenant: str, legal_entity: str, *, reason: str, actor: str, at: datetime) -> int:
        """Let no write leave from here on; give the number of the pause, also if it held already."""
        ...

    def pauses(self, tenant: str, *, every: bool = False) -> Sequence[KeptPause]:
        """Give the pauses of a tenant that hold, or all there ever were."""
        ...

    def end_pause(self, tenant: str, number: int, *, actor: str, approver: str, at: datetime) -> bool:
        """Let writes leave again; tell whether they rested until now. The database refuses one person alone."""
        ...

    # what people say
    def add_note(self, note: KeptNote, body: bytes | None = None) -> int:
        """Keep what somebody said, or a file they attached; give its number."""
        ...

    def notes(self, tenant: str, numbers: Collection[int]) -> Sequence[KeptNote]:
        """Give the notes of these exceptions, oldest first, without the bytes of files."""
        ...

    def evidence(self, tenant: str, number: int) -> tuple[KeptNote, bytes] | None:
        """Give a file that was attached."""
        ...

    def own_exception(self, tenant: str, number: int, owner: str) -> bool:
        """Let another team own an open exception; tell whether that is news."""
        ...

    def late_exceptions(self, tenant: str, due: datetime) -> Sequence[KeptException]:
        """Give open exceptions that were due by then."""
        ...

    def escalate_exception(self, tenant: str, number: int, team: str) -> bool:
        """Bring an open exception before a team beside its owner; tell whether that is news."""
        ...

    def add_promise(self, promise: KeptPromise) -> int:
        """Keep what a customer was told."""
        ...

    def promises(self, tenant: str, refs: Collection[str]) -> Sequence[KeptPromise]:
        """Give the promises about these returns, oldest first."""
        ...

    def waiting(self, scope: Scope, *, after: tuple[datetime, str] | None, limit: int) -> Sequence[KeptCase]:
        """Give returns whose customers wait, the longest first, then by reference; those behind a moment and reference."""
        ...

    # versions of the profile
    def keep_draft(self, profile: KeptProfile, *, actor: str, at: datetime) -> None:
        """Keep a profile that somebody would have come into force; once is enough."""
        ...

    def draft(self, tenant: str, sha256: str) -> KeptProfile | None:
        """Give a draft by the hash of its bytes."""
        ...

    def reign(self, tenant: str) -> KeptReign | None:
        """Give the version that holds; None before the first start."""
        ...

    def reigns(self, tenant: str, *, most: int = 50) -> Sequence[KeptReign]:
        """Give the versions that held, the present one first."""
        ...

    def crown(self, tenant: str, reign: KeptReign) -> None:
        """Let a version hold from now on; the database refuses one that needs an approval and has none."""
        ...

    # what the API answered
    def answer(self, actor: str, key: str) -> KeptAnswer | None:
        """Give what was answered to this key of this caller."""
        ...

    def keep_answer(self, actor: str, key: str, *, request: str, status: int, body: Mapping[str, Any], at: datetime) -> bool:  # noqa: PLR0913  the row
        """Keep the first answer to a key; tell whether it was the first."""
        ...

    def forget_answers(self, before: datetime) -> int:
        """Forget answers that are older than anybody would ask again; give how many."""
        ...


class PeopleStore(Protocol):
    """The durable memory, people included."""

    def begin(self, fence: Fence | None = None) -> AbstractContextManager[PeopleTx]:
        """Open a transaction; leaving the block by an exception rolls it back."""
        ...

    def look(self) -> AbstractContextManager[PeopleTx]:
        """Open a transaction that only reads: it sees one moment and takes no turn among those that write."""
        ...

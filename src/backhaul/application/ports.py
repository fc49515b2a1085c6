"""What does Backhaul need from the world outside?

Protocols only. Adapters implement them, `bootstrap` joins them, tests put real programs behind them.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from backhaul.domain.contract import Contract
from backhaul.domain.delivery import Delivery, DeliveryState
from backhaul.domain.disposition import Sellability
from backhaul.domain.entry import Shown
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.facts import Fact
from backhaul.domain.lifecycle import ReturnState
from backhaul.domain.open_side import OpenSides
from backhaul.domain.pairing import Match
from backhaul.domain.posting import (
    ErpDocument,
    JournalLine,
    Posting,
    PostingBatch,
    PostingKey,
    PostingKind,
    PostingOutcome,
    Route,
)
from backhaul.domain.pushing import Row, Stock
from backhaul.domain.trail import TrailEntry
from backhaul.domain.validation import Claims, MasterData, Questions

# --- the ERP -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What an ERP deployment can do, probed at start and daily. `missing` names every unmet need; a mode with one is refused.

    `contract` is what the environment shows of what the adapter uses; None where an ERP shows nothing of the kind. `untold` names what is
    lacking to tell stock on hand to the platform, which stops no posting.
    """

    erp: str
    deployment: str
    route: Route
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    contract: Contract | None = None
    untold: tuple[str, ...] = ()


class Erp(Protocol):
    """One legal entity's ERP, told what to hold and asked what it holds.

    Raises `RetryLater` when nothing was sent and the same call may succeed later, `Misconfigured` or `NeedsOperator` when it will not
    before a person has mended something. Everything that may have had an effect comes back as an outcome, never as an exception; what
    breaks all the same counts as sent, and is looked for.
    """

    @property
    def route(self) -> Route:
        """Say which documents this deployment needs, without a call."""
        ...

    def capabilities(self) -> Capabilities:
        """Probe the environment: what it can do and what the chosen deployment lacks."""
        ...

    def master_data(self, questions: Questions) -> MasterData:
        """Answer questions about items, customers, original sales and places."""
        ...

    def post(self, batch: PostingBatch) -> Sequence[PostingOutcome]:
        """Make at most one effectful request; give one outcome per posting, in order."""
        ...

    def find(
        self, postings: Collection[Posting], basis: Mapping[PostingKey, ErpDocument],
        batches: Mapping[PostingKey, str], allocations: Mapping[str, Sequence[JournalLine]] | None = None,
    ) -> Mapping[PostingKey, ErpDocument]:
        """Look for documents by their marks, all pages, explicit company; absent keys were not found.

        `basis` holds what is known of the postings they need, `batches` the batch key each was last sent
        under, `allocations` what each batch of journal lines promised. A document with `copies` above one
        lists its removable `spares`.
        """
        ...

    def documents(self, first: date, last: date) -> Iterator[ErpDocument]:
        """Read every credit document the ledger holds between two posting dates, ours or not, from the ledger side."""
        ...

    def entries(self, first: date, last: date) -> Shown:
        """Read what the books show of returns between two posting dates: stock, credit notes, losses and ledger, ours or not.

        Drafts of ours that are not posted yet are among it, whatever their date; a side that cannot be read is named, never left out.
        """
        ...

    def open_sides(self, accounts: Collection[str], first: date, last: date, *, payments: bool) -> OpenSides:
        """Read these accounts, what came in and is not credited, and with `payments` what customers were paid, between two days."""
        ...

    def stock(self, skus: Collection[str], warehouses: Collection[str]) -> Stock:
        """Count what is on sale of these SKUs in these warehouses of the ERP, and say which are stopped.

        `Misconfigured` where what is on sale cannot be told from what is not: nothing that may be damaged is ever counted.
        """
        ...


# --- the platform ------------------------------------------------------------------------------------


class Unusable(ValueError):  # noqa: N818  a value we return to a person, raised once and caught once
    """A delivery is authentic and kept, but cannot be read; `reason` says why in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One return as the platform tells it when asked: its reference (empty if unreadable) and the bytes."""

    ref: str
    body: bytes


class PlatformApi(Protocol):
    """The platform's own interface, asked and told by look-ups and paths the profile names.

    Raises `RetryLater` when the same may succeed later, `NeedsOperator` and `Misconfigured` when it will not.
    """

    def look_up(self, name: str, values: Mapping[str, str | datetime]) -> Iterator[Found]:
        """Ask a look-up; what was given before it raised is good, and is not all."""
        ...

    def put(self, path: str, body: Mapping[str, Any]) -> bytes:
        """Replace what the platform has by absolute values; give its answer."""
        ...

    def put_stock(self, retailer: str, rows: Sequence[Row]) -> None:
        """Tell absolute quantities; a time-out says nothing."""
        ...

    def put_returnable(self, retailer: str, rows: Sequence[Row], *, message_key: str, country_field: str) -> None:
        """Tell what may be returned; that it is accepted does not say that each row was taken."""
        ...

    def listed(self, lookup: str, retailer: str, *, country_field: str, returnable_field: str) -> Mapping[str, Mapping[str, bool]]:
        """Give, by SKU and country, what a look-up lists as returnable or not; without a field for that, what is listed is not."""
        ...


class Platform(Protocol):
    """The returns platform's words, read by the tenant's profile."""

    def facts(self, delivery: Delivery) -> Sequence[Fact]:
        """Say what a delivery tells us; raise `Unusable` with the reason if it cannot be read."""
        ...


# --- the store ---------------------------------------------------------------------------------------


class PostingState(StrEnum):
    """How far one posting has come."""

    PLANNED = "planned"
    """Wanted; computed anew whenever something is learned."""
    HELD = "held"
    """Wanted, and a finding stands in the way."""
    READY = "ready"
    """Judged; content, mapping version and window are fixed."""
    SENDING = "sending"
    """The attempt is committed; the request may be on its way."""
    UNCONFIRMED = "unconfirmed"
    """Nobody knows; only looking settles it."""
    PENDING = "pending"
    """The ERP works on it."""
    AWAITED = "awaited"
    """The ERP's own job is to make it."""
    POSTED = "posted"
    """The ERP said so."""
    VERIFIED = "verified"
    """Read back: exactly one, and equal to what was wanted."""
    REJECTED = "rejected"
    """The ERP refused it; a team owns that."""
    WITHDRAWN = "withdrawn"
    """No longer wanted and never sent."""


RETRIED = "retried by"
"""How the note of a posting begins that a person wants to be tried once more, whatever the limit of attempts."""
FIXED = frozenset(PostingState) - {PostingState.PLANNED, PostingState.HELD, PostingState.WITHDRAWN}
"""States in which a posting's content never changes again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPosting:
    """A posting as the store has it."""

    posting: Posting
    state: PostingState
    mapping_version: str = ""
    window: str = ""
    batch: str = ""
    document: ErpDocument | None = None
    attempts: int = 0
    looks: int = 0
    look_at: datetime | None = None
    planned_at: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCase:
    """What the store remembers of a case besides its facts."""

    tenant: str
    ref: str
    legal_entity: str = ""
    state: ReturnState | None = None
    stage: str = ""
    customer: str = ""
    currency: str = ""
    net: Decimal = Decimal(0)
    due_at: datetime | None = None
    updated_at: datetime | None = None
    waits_since: datetime | None = None
    """Since when its customer waits for money, or for a decision; None while they wait for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptException:
    """An exception case as the store has it; `id` is given when it is opened."""

    id: int
    case: ExceptionCase
    escalated: str = ""
    """The team it has come before as well, because it is late."""
    closed_at: datetime | None = None
    resolution: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAttempt:
    """One request for one posting: committed before the first byte, completed with what came of it."""

    posting: str
    batch: str
    number: int
    request_hash: str
    mapping_version: str
    started_at: datetime
    finished_at: datetime | None = None
    outcome: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptWindow:
    """One closed window: what travelled together, its control totals, and what the ledger said. `leg` is empty for the rest."""

    key: str
    tenant: str
    legal_entity: str
    period: str
    number: int
    closed_at: datetime
    leg: str = ""
    returns: int = 0
    controls: Mapping[str, Any] = field(default_factory=dict)
    ledger: Mapping[str, Any] = field(default_factory=dict)
    needs_approval: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptProfile:
    """A profile that was in force, whole: what it calls itself, the SHA-256 of its bytes, and its text."""

    tenant: str
    version: str
    sha256: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """Proof of a lease: a transaction under it commits only while no higher token was given out, and renews it `until` then."""

    tenant: str
    legal_entity: str
    token: int
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLease:
    """Who acts for a legal entity, and until when if nothing is heard of them. With a `fence` it is whoever asked."""

    holder: str
    until: datetime
    fence: Fence | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSession:
    """Somebody at a browser. Only the hash of what the browser holds is kept; `proven_at` is when they last proved who they are."""

    hash: str
    issuer: str
    subject: str
    name: str
    began_at: datetime
    seen_at: datetime
    proven_at: datetime


class Tx(Protocol):
    """One transaction. Everything in it is kept together or not at all; nothing in it calls the network."""

    # deliveries and facts
    def keep(self, deliveries: Sequence[Delivery]) -> Sequence[DeliveryState]:
        """Store deliveries byte for byte; a repeat of (tenant, source, identity) leaves a row without body.

        A repeat with another body is kept whole, as QUARANTINED with reason ``EVENT_CONTENT_CONFLICT``.
        """
        ...

    def refuse(  # noqa: PLR0913
        self, tenant: str, source: str, *, sha256: str, size: int, reason: str, at: datetime,
    ) -> None:
        """Leave a row for a delivery that is not authentic or too large: hash, size and reason, no body."""
        ...

    def undigested(self, tenant: str, limit: int, *, events: bool = False) -> Sequence[Delivery]:
        """Give stored deliveries that nobody has read yet, oldest first: an ERP's events, or everything else."""
        ...

    def digested(self, delivery: Delivery, facts: Sequence[Fact]) -> int:
        """Keep a delivery's facts (repeats by identity are dropped), mark their returns as touched; give how many were new."""
        ...

    def quarantine(self, delivery: Delivery, reason: str) -> None:
        """Set a delivery aside; its bytes stay."""
        ...

    def reread(self, tenant: str, asked: str, *, identities: Collection[str] = (), sha256s: Collection[str] = ()) -> int:
        """Let deliveries that could not be read, by identity, or were read in part, by hash, be read once more; give how many.

        `asked` says who wants that, and why.
        """
        ...

    def kept(
        self, tenant: str, *, since: datetime | None = None, until: datetime | None = None, refs: Collection[str] = (),
        unreadable: bool = False,
    ) -> Sequence[Delivery]:
        """Give deliveries that were read, or could not be: received in this time, about these returns, or only those not read whole."""
        ...

    def told_by(self, tenant: str, refs: Collection[str], sources: Collection[str]) -> Collection[str]:
        """Give those of these returns of which one of these sources was the first to tell something."""
        ...

    def read_again(self, tenant: str, asked: str, ids: Collection[int]) -> int:
        """Let these deliveries be read once more, by number; give how many. `asked` says who wants that, and why."""
        ...

    def told_in(self, tenant: str, ids: Collection[int]) -> Collection[str]:
        """Give the returns that these deliveries, by number, told us of."""
        ...

    def add_facts(self, tenant: str, facts: Sequence[Fact]) -> int:
        """Keep facts that come from us or from a person, and mark their returns as touched."""
        ...

    def facts(self, tenant: str, refs: Collection[str]) -> Mapping[str, Sequence[Fact]]:
        """Give all facts about these returns."""
        ...

    def moved(self, tenant: str, since: datetime, until: datetime) -> Collection[str]:
        """Give returns to which something happened from `since` on and before `until`, whoever told it: the platform or a person."""
        ...

    def heard(self, tenant: str, since: datetime, until: datetime) -> Collection[str]:
        """Give returns to which, by what the platform told us, something happened from `since` on and before `until`."""
        ...

    # what our own routines remember of their last run
    def recall(self, tenant: str, name: str) -> Mapping[str, Any]:
        """Give what a routine remembered under this name; empty before its first run."""
        ...

    def remember(self, tenant: str, name: str, memory: Mapping[str, Any]) -> None:
        """Replace what a routine remembers under this name; plain values only. The trail says what it did."""
        ...

    # cases
    def touched(self, tenant: str, limit: int) -> Sequence[str]:
        """Give returns about which something was learned since they were last saved, in stable order."""
        ...

    def touch(self, tenant: str, refs: Collection[str]) -> None:
        """Mark returns to be looked at again."""
        ...

    def cases(self, tenant: str, refs: Collection[str] | None = None) -> Mapping[str, KeptCase]:
        """Give what is remembered of these returns, or of all."""
        ...

    def overdue(self, tenant: str, now: datetime) -> Sequence[str]:
        """Give returns that wait, or travel, and whose due date has passed."""
        ...

    def save_case(self, case: KeptCase, *, actor: str = "backhaul") -> None:
        """Remember a case and that it is no longer touched; a move of state is written to the trail."""
        ...

    # postings
    def postings(self, tenant: str, refs: Collection[str]) -> Mapping[str, Sequence[KeptPosting]]:
        """Give all postings of these returns (WITHDRAWN ones left out)."""
        ...

    def plan(self, tenant: str, ref: str, postings: Sequence[Posting], *, held_lines: Collection[str], now: datetime) -> None:
        """Replace the return's PLANNED and HELD postings with these; HELD where the line is held ("" = all).

        A posting that was planned before keeps its `planned_at`. Fixed postings are untouched; a key that
        is already fixed is refused.
        """
        ...

    def planned(self, tenant: str, legal_entity: str, *, kinds: Collection[PostingKind] | None = None) -> Sequence[tuple[str, datetime]]:
        """Give returns with PLANNED postings (of these kinds) and since when (the oldest), oldest first, then by reference."""
        ...

    def fix(self, posting: Posting, *, mapping_version: str, window: str, at: datetime, actor: str = "backhaul") -> None:
        """Make a planned posting READY: its content, fingerprint, mapping version and window stay from now on."""
        ...

    def in_state(self, tenant: str, legal_entity: str, states: Collection[PostingState], *,
                 kinds: Collection[PostingKind] | None = None, look_until: datetime | None = None,
                 ) -> Sequence[KeptPosting]:
        """Give postings in these states, ordered by key; with `look_until`, only those due to be looked at."""
        ...

    def kinds_in_state(self, tenant: str, legal_entity: str, state: PostingState) -> frozenset[PostingKind]:
        """Give the kinds of which there are postings in a state, without reading them."""
        ...

    def marked(self, tenant: str, marks: Collection[str]) -> Mapping[str, PostingKey]:
        """Give the keys of postings by their marks; a mark that stands for none of this tenant's is absent."""
        ...

    def documents(self, keys: Collection[PostingKey]) -> Mapping[PostingKey, KeptPosting]:
        """Give postings by key, for what they need."""
        ...

    def start(self, batch: PostingBatch, *, at: datetime) -> None:
        """Commit the batch and one attempt per posting, and set them SENDING (INV-10).

        Refused with `AssertionError` if a posting is not READY, has another fingerprint than when it was
        fixed, or has an attempt whose outcome is open (INV-09); or if the batch's allocation is not the one of
        its postings, or breaks one that was committed under its key before.
        """
        ...

    def matches(self, tenant: str, *, standing: bool = True) -> Sequence[Match]:
        """Give the matches people confirmed, oldest first; those that were revoked only on demand."""
        ...

    def matched_lines(self, tenant: str, refs: Collection[str]) -> Mapping[tuple[str, str], Sequence[Match]]:
        """Give the lines of these returns that a credit or a receipt by hand was confirmed for, with all that were.

        None is confirmed before the transaction ends.
        """
        ...

    def allocations(self, tenant: str, batches: Collection[str]) -> Mapping[str, Sequence[JournalLine]]:
        """Give the journal lines committed under these batch keys; a key without any is absent."""
        ...

    def finish(self, posting: Posting, batch: str, *, outcome: str, detail: str, at: datetime) -> None:
        """Complete the open attempt of a posting with what came of it."""
        ...

    def set_state(  # noqa: PLR0913
        self, key: PostingKey, state: PostingState, *, document: ErpDocument | None = None,
        look_at: datetime | None = None, looks: int | None = None, note: str = "", at: datetime,
        actor: str = "backhaul", batch: str | None = None,
    ) -> None:
        """Move a posting, with a trail entry; `document` and `batch` replace what was kept, if given."""
        ...

    def attempts(self, keys: Collection[PostingKey]) -> Sequence[KeptAttempt]:
        """Give the attempts for these postings, oldest first."""
        ...

    def claims(self, tenant: str, legal_entity: str, *, customers: Collection[str],  # noqa: PLR0913
               orders: Collection[str], history: Collection[str], apart_from: Collection[str]) -> Claims:
        """Sum what fixed ORDER_LINE postings already take of the lines of orders, by lot, and of the history allowance.

        Whatever SKU they came under: one line of a sale can have several names.

        `apart_from` are the returns being judged: their own fixed lines do not count against themselves
        twice, but count as taken (they are included); only their planned ones are left out.
        """
        ...

    def let_go(self, tenant: str, legal_entity: str, *, since: datetime, window: str) -> Mapping[tuple[str, str], Decimal]:
        """Sum the net value of fixed order lines by customer and currency: of windows closed after `since`, and of one that closes now.

        Lines the ERP refused let nothing go.
        """
        ...

    # exceptions
    def open_exception(self, case: ExceptionCase) -> int:
        """Open work for a team, or renew the open one about the same return and line; give its id."""
        ...

    def close_exceptions(  # noqa: PLR0913
        self, tenant: str, ref: str, *, apart_from: Collection[str], resolution: str, at: datetime, actor: str = "backhaul",
    ) -> int:
        """Close the open exceptions of a return except those about these lines; give how many."""
        ...

    def exceptions(self, tenant: str, *, open_only: bool = True, refs: Collection[str] | None = None,  # noqa: PLR0913  ways to choose
                   since: datetime | None = None, kind: str = "", number: int | None = None) -> Sequence[KeptException]:
        """Give exception cases, oldest first; of closed ones those that were closed `since` then, or all. One kind or number on demand."""
        ...

    # windows
    def close_window(self, window: KeptWindow) -> None:
        """Remember a window and its control totals."""
        ...

    def save_ledger(self, key: str, ledger: Mapping[str, Any]) -> None:
        """Remember what the ledger said of a window."""
        ...

    def windows(self, tenant: str, legal_entity: str) -> Sequence[KeptWindow]:
        """Give the windows of an entity, oldest first."""
        ...

    def unapproved(self, tenant: str, legal_entity: str) -> frozenset[str]:
        """Give the windows nothing of which may leave, because they need an approval and have none."""
        ...

    def in_window(self, tenant: str, key: str) -> Sequence[KeptPosting]:
        """Give what was fixed in a window, by key."""
        ...

    # profiles
    def keep_profile(self, profile: KeptProfile, *, at: datetime) -> KeptProfile:
        """Keep a profile that is in force from now on; give what is kept under its version, which an earlier one may hold."""
        ...

    def profile(self, tenant: str, version: str) -> KeptProfile | None:
        """Give the profile that was in force under this version."""
        ...

    def keep_sellable(self, tenant: str, version: str, told: Sellability) -> None:
        """Keep what is on sale under a mapping version, for the store's own check of what is fixed; what was kept first stands (INV-06)."""
        ...

    # leases
    def take_lease(self, tenant: str, legal_entity: str, *, holder: str, now: datetime, until: datetime) -> KeptLease:
        """Take the lease of a legal entity if it is free or was over by `now`, under the next token; otherwise say who holds it."""
        ...

    def release_lease(self, fence: Fence) -> None:
        """Give the lease back, if it is still this one."""
        ...

    # where writes rest
    def paused(self, tenant: str, legal_entity: str) -> bool:
        """Tell whether no write may leave: of the whole tenant, or of this legal entity (INV-32)."""
        ...

    # files taken in
    def import_seen(self, tenant: str, sha256: str) -> bool:
        """Tell whether a file with these bytes was imported before."""
        ...

    def save_import(self, tenant: str, name: str, sha256: str, at: datetime, rows: int) -> None:
        """Remember a file that was imported, by the SHA-256 of its bytes."""
        ...

    # trail
    def record(  # noqa: PLR0913
        self, tenant: str, *, subject: str, action: str, detail: Mapping[str, Any], at: datetime, actor: str,
    ) -> None:
        """Add an entry to the tenant's chain."""
        ...

    def trail(self, tenant: str, *, subject: str | None = None) -> Iterator[TrailEntry]:
        """Give the chain, or its entries about one subject (a return reference)."""
        ...

    # people at browsers
    def use_sign_in(self, hash_: str, *, at: datetime) -> bool:
        """Remember that a browser came back from its sign-in; False if this very one came back before."""
        ...

    def open_session(self, session: KeptSession) -> None:
        """Let somebody in."""
        ...

    def session(self, hash_: str) -> KeptSession | None:
        """Give a session that has not ended."""
        ...

    def sessions_of(self, issuer: str, subject: str) -> Sequence[KeptSession]:
        """Give the sessions of a person that have not ended, the latest first."""
        ...

    def see_session(self, hash_: str, *, at: datetime) -> None:
        """Remember when a session was last used."""
        ...

    def end_session(self, hash_: str, *, at: datetime, reason: str) -> bool:
        """End a session for ever; False if it had ended."""
        ...


class Store(Protocol):
    """The one durable memory. `begin` opens a transaction that commits when its block ends well."""

    def begin(self, fence: Fence | None = None) -> AbstractContextManager[Tx]:
        """Open a transaction; leaving the block by an exception rolls it back.

        Under a `fence` nobody can take the lease before it ends; one that was taken already is `RetryLater` (INV-11).
        """
        ...

    def look(self) -> AbstractContextManager[Tx]:
        """Open a transaction that only reads; it waits for no writer and no writer for it."""
        ...


class Clock(Protocol):
    """What time it is, so that a test or a demo can say so."""

    def now(self) -> datetime:
        """Give the current time in UTC."""
        ...


__all__ = [
    "FIXED", "RETRIED", "Capabilities", "Clock", "Erp", "Fence", "Finding", "Found", "KeptAttempt", "KeptCase", "KeptException",
    "KeptLease", "KeptPosting", "KeptProfile", "KeptSession", "KeptWindow", "Platform", "PlatformApi", "PostingState", "Store", "Tx",
    "Unusable",
]

"""Who acts for a legal entity now, and what can somebody still do who was asleep meanwhile?

A worker takes a lease before it acts and gives it back. Every lease has a higher token than the one before, and whoever writes
under it proves in the same transaction that no higher one was given out. So the order of two workers is that of their tokens, never
of two clocks: a worker that was frozen past its lease, and finds that somebody else took over, records nothing. How long a lease lasts
says only how soon somebody else may try; its holder measures that by a clock nobody can set, and calls nobody once it is over.

A request that had left before its sender froze is called back by no lease. That is what the attempt protocol is for.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final

from backhaul.application.ports import Capabilities, Erp, Fence, Store, Tx
from backhaul.domain.entry import Shown
from backhaul.domain.errors import RetryLater
from backhaul.domain.open_side import OpenSides
from backhaul.domain.posting import ErpDocument, JournalLine, Posting, PostingBatch, PostingKey, PostingOutcome, Route
from backhaul.domain.pushing import Stock
from backhaul.domain.validation import MasterData, Questions

LASTING: Final = timedelta(minutes=5)
"""How long a lease holds after its last renewal; longer than one request to an ERP may take."""

RENEWED: Final = 0.05
"""After which part of its time a lease is renewed: a turn with nothing to do then writes nothing."""


class HeldElsewhere(RetryLater):
    """Another worker holds the lease; nothing was done here."""


@dataclass(slots=True, kw_only=True)
class Lease:
    """A lease in its holder's hands: taken at `now`, when `elapsed` gave `since` seconds of a clock that only goes forward."""

    fence: Fence
    now: datetime
    lasting: timedelta
    elapsed: Callable[[], float]
    since: float
    renewed: float = field(init=False)

    def __post_init__(self) -> None:
        """Begin as just taken."""
        self.renewed = self.since

    def check(self) -> None:
        """Stop with `RetryLater` if it may be over."""
        still = self.elapsed() - self.renewed
        if still >= self.lasting.total_seconds():
            message = (f"{self.fence.legal_entity}: this worker stood still for {still:.0f} s and its lease is over; nothing was sent, "
                       "the next turn looks first.")
            raise RetryLater(message)

    @contextmanager
    def renewing(self, store: Store) -> Iterator[Tx]:
        """Open a transaction under the lease; its commit renews it once a part of its time is gone."""
        at = self.elapsed()
        if at - self.renewed < self.lasting.total_seconds() * RENEWED:
            with store.begin(self.fence) as tx:
                yield tx
            return
        renewed = replace(self.fence, until=self.now + timedelta(seconds=at - self.since) + self.lasting)
        with store.begin(renewed) as tx:
            yield tx
        self.fence, self.renewed = renewed, at


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedStore:
    """The store in a turn under a lease: every transaction is fenced."""

    store: Store
    lease: Lease

    def begin(self, fence: Fence | None = None) -> AbstractContextManager[Tx]:
        """Open a transaction that commits only while the lease is ours."""
        return self.store.begin(fence) if fence else self.lease.renewing(self.store)

    def look(self) -> AbstractContextManager[Tx]:
        """Open a transaction that only reads, whoever holds the lease."""
        return self.store.look()


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewing:
    """A lease in the hands of who only reads for long: it goes on as long as nobody took it over, however long one step took."""

    store: Store
    lease: Lease

    def check(self) -> None:
        """Renew it once a part of its time is gone; stop with `RetryLater` where somebody else took over."""
        with self.lease.renewing(self.store):
            pass


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedErp:
    """The ERP in a turn under a lease: it is called only while the lease is surely ours."""

    erp: Erp
    lease: Lease | Renewing

    @property
    def route(self) -> Route:
        """Say which documents this deployment needs."""
        return self.erp.route

    def capabilities(self) -> Capabilities:
        """Probe the environment."""
        self.lease.check()
        return self.erp.capabilities()

    def master_data(self, questions: Questions) -> MasterData:
        """Answer questions."""
        self.lease.check()
        return self.erp.master_data(questions)

    def post(self, batch: PostingBatch) -> Sequence[PostingOutcome]:
        """Send a batch, or nothing."""
        self.lease.check()
        return self.erp.post(batch)

    def find(self, postings: Collection[Posting], basis: Mapping[PostingKey, ErpDocument], batches: Mapping[PostingKey, str],
             allocations: Mapping[str, Sequence[JournalLine]] | None = None) -> Mapping[PostingKey, ErpDocument]:
        """Look for documents."""
        self.lease.check()
        return self.erp.find(postings, basis, batches, allocations)

    def documents(self, first: date, last: date) -> Iterator[ErpDocument]:
        """Read the ledger side."""
        self.lease.check()
        return self.erp.documents(first, last)

    def entries(self, first: date, last: date) -> Shown:
        """Read what the books show of returns."""
        self.lease.check()
        return self.erp.entries(first, last)

    def open_sides(self, accounts: Collection[str], first: date, last: date, *, payments: bool) -> OpenSides:
        """Read what is paid or received and not credited."""
        self.lease.check()
        return self.erp.open_sides(accounts, first, last, payments=payments)

    def stock(self, skus: Collection[str], warehouses: Collection[str]) -> Stock:
        """Count what is on sale."""
        self.lease.check()
        return self.erp.stock(skus, warehouses)


@contextmanager
def held(store: Store, tenant: str, legal_entity: str, *, holder: str, now: datetime,  # noqa: PLR0913  each is named at the call
         lasting: timedelta, elapsed: Callable[[], float]) -> Iterator[Lease]:
    """Hold the lease of a legal entity for one turn, or raise `HeldElsewhere`.

    A turn that ends, well, by an error or because somebody stopped it, gives it back; that of a process that died is over when its time is.
    """
    since = elapsed()
    with store.begin() as tx:
        kept = tx.take_lease(tenant, legal_entity, holder=holder, now=now, until=now + lasting)
    if kept.fence is None:
        message = f"{legal_entity}: {kept.holder} acts for it, at the latest until {kept.until:%Y-%m-%d %H:%M:%S %Z}."
        raise HeldElsewhere(message)
    lease = Lease(fence=kept.fence, now=now, lasting=lasting, elapsed=elapsed, since=since)
    try:
        yield lease
    except (Exception, SystemExit, KeyboardInterrupt):
        _give_back(store, lease)
        raise
    _give_back(store, lease)


def _give_back(store: Store, lease: Lease) -> None:
    with store.begin() as tx:
        tx.release_lease(lease.fence)

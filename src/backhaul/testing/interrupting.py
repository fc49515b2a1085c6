"""What if the process dies right here?

A fuse counts the points at which a process can die: before and after every call of the ERP port and
every commit of the store. It blows at one of them. `Interrupted` is no `Exception`, so nothing that
catches errors can swallow it: like a kill, it ends everything on the way.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date

from backhaul.application.ports import Capabilities, Erp, Fence, Store, Tx
from backhaul.domain.entry import Shown
from backhaul.domain.open_side import OpenSides
from backhaul.domain.posting import ErpDocument, JournalLine, Posting, PostingBatch, PostingKey, PostingOutcome, Route
from backhaul.domain.pushing import Stock
from backhaul.domain.validation import MasterData, Questions


class Interrupted(BaseException):
    """The process was killed at this point."""


@dataclass(slots=True)
class Fuse:
    """Blows at the `at`-th point it passes; 0 never does. `passed` counts them and `where` names the one it blew at."""

    at: int = 0
    passed: int = 0
    where: str = ""

    def pass_(self, where: str) -> None:
        """Pass a point, or be interrupted there."""
        self.passed += 1
        if self.passed == self.at:
            self.where = where
            raise Interrupted(where)


@dataclass(slots=True)
class InterruptingErp:
    """An ERP port that may lose its process before a call or after it."""

    erp: Erp
    fuse: Fuse

    @property
    def route(self) -> Route:
        """Say which documents this deployment needs."""
        return self.erp.route

    def capabilities(self) -> Capabilities:
        """Probe; reads of the environment at start are no point of interest."""
        return self.erp.capabilities()

    def master_data(self, questions: Questions) -> MasterData:
        """Ask about master data."""
        self.fuse.pass_("before master_data")
        told = self.erp.master_data(questions)
        self.fuse.pass_("after master_data")
        return told

    def post(self, batch: PostingBatch) -> Sequence[PostingOutcome]:
        """Send a batch."""
        self.fuse.pass_(f"before post {batch.kind.value}")
        outcomes = self.erp.post(batch)
        self.fuse.pass_(f"after post {batch.kind.value}")
        return outcomes

    def find(self, postings: Collection[Posting], basis: Mapping[PostingKey, ErpDocument],
             batches: Mapping[PostingKey, str],
             allocations: Mapping[str, Sequence[JournalLine]] | None = None) -> Mapping[PostingKey, ErpDocument]:
        """Look for documents."""
        self.fuse.pass_("before find")
        found = self.erp.find(postings, basis, batches, allocations)
        self.fuse.pass_("after find")
        return found

    def documents(self, first: date, last: date) -> Iterator[ErpDocument]:
        """Read the ledger side."""
        self.fuse.pass_("before documents")
        yield from self.erp.documents(first, last)
        self.fuse.pass_("after documents")

    def entries(self, first: date, last: date) -> Shown:
        """Read what the books show of returns."""
        self.fuse.pass_("before entries")
        shown = self.erp.entries(first, last)
        self.fuse.pass_("after entries")
        return shown

    def open_sides(self, accounts: Collection[str], first: date, last: date, *, payments: bool) -> OpenSides:
        """Read what is paid or received and not credited."""
        self.fuse.pass_("before open sides")
        told = self.erp.open_sides(accounts, first, last, payments=payments)
        self.fuse.pass_("after open sides")
        return told

    def stock(self, skus: Collection[str], warehouses: Collection[str]) -> Stock:
        """Count what is on sale."""
        self.fuse.pass_("before stock")
        told = self.erp.stock(skus, warehouses)
        self.fuse.pass_("after stock")
        return told


@dataclass(slots=True)
class InterruptingStore:
    """A store that may lose its process before a commit or after it."""

    store: Store
    fuse: Fuse

    @contextmanager
    def begin(self, fence: Fence | None = None) -> Iterator[Tx]:
        """Open a transaction; interrupted before its commit it leaves nothing, after it everything."""
        with self.store.begin(fence) as tx:
            yield tx
            self.fuse.pass_("before commit")
        self.fuse.pass_("after commit")

    def look(self) -> AbstractContextManager[Tx]:
        """Open a transaction that only reads; a process that dies in one leaves nothing behind."""
        return self.store.look()

    def close(self) -> None:
        """Let go of the database behind it, if it is one."""
        getattr(self.store, "close", lambda: None)()

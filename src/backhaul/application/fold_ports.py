"""What does the store keep of what was worked out of returns?

Protocols beside those of `ports`: nothing rests on it but the effort of working it out again.
"""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from backhaul.application.ports import Fence, Tx


class FoldTx(Tx, Protocol):
    """One transaction that also knows what was worked out."""

    def folds(self, tenant: str, sort: str, refs: Collection[str]) -> Mapping[str, tuple[str, str]]:
        """Give the version and body of what was worked out of these returns, unless something of one changed since."""
        ...

    def let_go_folds(self, tenant: str) -> int:
        """Let go of what was worked out of returns of which something changed; give the turn in which what is kept is still right."""
        ...

    def keep_folds(self, tenant: str, sort: str, version: str, bodies: Mapping[str, str], *, turn: int) -> bool:
        """Keep what was worked out in a turn; False, and nothing is kept, where another has begun and let go of more."""
        ...


class FoldStore(Protocol):
    """The durable memory, folds included."""

    def begin(self, fence: Fence | None = None) -> AbstractContextManager[FoldTx]:
        """Open a transaction; leaving the block by an exception rolls it back."""
        ...

    def look(self) -> AbstractContextManager[FoldTx]:
        """Open a transaction that only reads."""
        ...

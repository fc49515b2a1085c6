"""What does the store know of a month's close?

Protocols beside those of `ports`: signatures are only added, and one falls once; the numbers of a month are counted where the rows lie.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from backhaul.application.people_ports import PeopleTx
from backhaul.application.ports import Fence, KeptException
from backhaul.application.proof_ports import KeptStray, ProofTx
from backhaul.domain.oversight import Irregular
from backhaul.domain.signature import Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What the rows of a month and a legal entity come to, as of a moment; money by currency."""

    credited: int
    credited_net: Mapping[str, Decimal]
    held: int
    held_amount: Mapping[str, Decimal]
    broken: int
    broken_amount: Mapping[str, Decimal]
    unconfirmed: int
    unfinished: int
    """Documents of the month that did not come to an end, whatever they wait for."""
    unsettled: int
    """Of these, the ones nobody knows the fate of, however young."""
    unmapped: int
    promises_due: int
    waiting_late: int
    unread: int
    unreadable: int
    drift: int
    last_heard: Mapping[str, datetime | None]
    """When each source last told us something until then."""


class CloseTx(ProofTx, PeopleTx, Protocol):
    """One transaction that also knows signatures."""

    def counted(self, tenant: str, legal_entity: str, period: str, *, until: datetime, now: datetime,  # noqa: PLR0913  what is counted
                sources: Sequence[str]) -> Counted:
        """Count what a month's lists say, as of `until`."""
        ...

    def strays(self, tenant: str, period: str) -> Sequence[KeptStray]:
        """Give what the latest proof of a month did not prove, in a fixed order."""
        ...

    def house(self, tenant: str, period: str) -> Sequence[Irregular]:
        """Give what the latest proof of a month found of the house as a whole, in a fixed order."""
        ...

    def open_at(self, tenant: str, until: datetime) -> Sequence[tuple[str, KeptException]]:
        """Give the exceptions that were open at a moment, the oldest first, each with the legal entity of its return.

        What is about no return, as a proof or an account, stands under no entity, which is an empty name.
        """
        ...

    def add_signature(self, signature: Signature) -> int:
        """Keep a signature and give its number; one that stands already, or a preparer who reviews, is refused by the database too."""
        ...

    def signatures(self, tenant: str, period: str = "", legal_entity: str = "", *, standing: bool = False) -> Sequence[Signature]:
        """Give signatures, oldest first: of a month and a legal entity or of all; only those that stand on demand."""
        ...

    def fell(self, number: int, *, moved: Sequence[str], at: datetime) -> bool:
        """Let a signature fall; tell whether it stood until now."""
        ...


class CloseStore(Protocol):
    """The durable memory, signatures included."""

    def begin(self, fence: Fence | None = None) -> AbstractContextManager[CloseTx]:
        """Open a transaction; leaving the block by an exception rolls it back."""
        ...

    def look(self) -> AbstractContextManager[CloseTx]:
        """Open a transaction that only reads."""
        ...

"""What does the store keep of payments to customers?

Protocols beside those of `ports`: files and answers stay byte for byte, and what was told of a payment is only added to.
"""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from backhaul.application.fold_ports import FoldTx
from backhaul.application.ports import Fence
from backhaul.application.proof_ports import ProofTx
from backhaul.domain.payments import Payment


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSheet:
    """What a provider told, as it came: a file, or one page of an answer."""

    tenant: str
    provider: str
    name: str
    sha256: str
    body: bytes
    at: datetime


class PaymentTx(ProofTx, FoldTx, Protocol):
    """One transaction that also knows payments."""

    def keep_sheet(self, sheet: KeptSheet) -> bool:
        """Keep what came, once for each content; False if these bytes are known."""
        ...

    def keep_payments(self, tenant: str, payments: Sequence[Payment], *, sheet: str, at: datetime) -> None:
        """Add what was told of payments; what is told already under the same status stays as it was first told."""
        ...

    def payments(self, tenant: str, names: Collection[str] | None = None) -> Sequence[Payment]:
        """Give all that was told of these payments, or of all, oldest first: a payment stands there once for each status it had."""
        ...

    def mentioned(self, tenant: str, orders: Collection[str]) -> Sequence[tuple[str, str]]:
        """Give order and return for every return that names one of these orders."""
        ...


class PaymentStore(Protocol):
    """The durable memory, payments included."""

    def begin(self, fence: Fence | None = None) -> AbstractContextManager[PaymentTx]:
        """Open a transaction; leaving the block by an exception rolls it back."""
        ...

    def look(self) -> AbstractContextManager[PaymentTx]:
        """Open a transaction that only reads."""
        ...

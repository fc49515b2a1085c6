"""What came in, byte for byte, before anybody judged it?"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

EVENT: Final = "event"
"""Channel of what an ERP told us happened: a hint when to look, never a fact."""
BY_HAND: Final = "hand:parcel"
"""Source of what somebody said of a parcel in hand; no subscription can be called so, and the platform knows nothing of it."""


class DeliveryState(StrEnum):
    """What became of a delivery. Every one leaves a row; nothing is dropped in silence (INV-19)."""

    STORED = "stored"
    """Kept, not read yet."""
    DIGESTED = "digested"
    """Read; its facts are kept beside it."""
    DUPLICATE = "duplicate"
    """Came before; the row has no body."""
    QUARANTINED = "quarantined"
    """Authentic, kept, and unusable; somebody owns it."""
    REFUSED = "refused"
    """Not authentic or too large; only hash, size and reason are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One HTTP request or one file row from the platform.

    `identity` tells repeats apart from news: the event id the profile names, else the body's SHA-256. `channel` is ``webhook``,
    ``file:<name>#<row>``, ``by-hand`` or ``event``. `again` says of one that was read before who has it read once more.
    """

    tenant: str
    source: str
    identity: str
    body: bytes
    received_at: datetime
    channel: str = "webhook"
    id: int = 0
    again: str = ""

    @property
    def sha256(self) -> str:
        """Give the hash of the raw body."""
        return hashlib.sha256(self.body).hexdigest()

"""What is known about one line of a return?

Quantities are units so far. How the line came to say so is told in `goods` (what was counted and graded) and `returns`.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

NOTHING: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Units of one line that were found alike and are treated alike."""

    condition: str
    disposition: str
    quantity: Decimal
    accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnLine:
    """One line of a return. `unit_price` is net; `order` the original sale's number and `ordered_on` its day."""

    line_id: str
    sku: str
    announced: Decimal
    unit_price: Decimal | None
    order: str | None = None
    ordered_on: date | None = None
    description: str = ""
    reason: str = ""
    received: Decimal | None = None
    parts: tuple[Part, ...] = ()
    waived: frozenset[str] = frozenset()
    closed: bool = False

    @property
    def accepted(self) -> Decimal:
        """Count the units the warehouse accepted."""
        return sum((part.quantity for part in self.parts if part.accepted), NOTHING)

    @property
    def rejected(self) -> Decimal:
        """Count the units the warehouse refused; they stay the customer's and are never valued stock."""
        return sum((part.quantity for part in self.parts if not part.accepted), NOTHING)

    @property
    def surplus(self) -> Decimal:
        """Count the units that came beyond those announced; a line that is announced no more has none."""
        return NOTHING if self.received is None or self.announced <= 0 else max(self.received - self.announced, NOTHING)

    @property
    def net(self) -> Decimal:
        """Give the announced net value, positive."""
        return self.announced * (self.unit_price or NOTHING)

"""What is known about one line of a return?

Quantities are units so far. How the line came to say so is told in `goods` (what was counted and graded) and `returns`.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from backhaul.domain.facts import Correctable, Instead

NOTHING: Final = Decimal(0)
LOST_UNITS: Final = ("NONE", "LOST")
"""Condition and disposition under which units are mapped that two people decided to credit although they were lost."""
BY_DECISION: Final = frozenset({LOST_UNITS[1], "GOODWILL", "CLAIMED"})
"""Dispositions of units that are credited by decision alone: lost ones, and rejected ones out of goodwill or at the carrier's cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Units of one line that were found alike and are treated alike.

    `instead` says that something else lay there, `found` its SKU where it has one; such units are never accepted. `claimed` units
    were lost, and are accepted by decision alone; `granted` ones were rejected, and are credited by decision, without goods. `node` is
    the hub where they are, if not at the return's destination. `told` are the grades (condition, disposition) in which an inspection
    found units of it that people corrected.
    """

    condition: str
    disposition: str
    quantity: Decimal
    accepted: bool
    found: str = ""
    instead: Instead | None = None
    claimed: bool = False
    granted: bool = False
    node: str = ""
    told: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnLine:
    """One line of a return. `unit_price` is net; `order` the original sale's number and `ordered_on` its day.

    `blind` goods came without anybody announcing them: alone, or in the place of the line `instead_of`. They are credited only once
    people have `matched` them with a sale. Of its surplus, `given` units were matched with an order and are a line of their own, which
    is `surplus_of` this one. A credit is taken back down to `debit_to` accepted units, as two people approved. `corrected` names the
    values that people ever said something else of than the messages.
    """

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
    blind: bool = False
    matched: bool = False
    instead_of: str = ""
    surplus_of: str = ""
    given: Decimal = NOTHING
    debit_to: Decimal | None = None
    debit_goods: str = ""
    corrected: frozenset[Correctable] = frozenset()

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
    def stray(self) -> Decimal:
        """Count the units here that no return document stands for."""
        return max(self.received or NOTHING, self.graded) if self.blind else self.surplus

    @property
    def astray(self) -> Decimal:
        """Count the announced units in whose place something else lay."""
        return sum((part.quantity for part in self.parts if part.instead), NOTHING)

    @property
    def grades(self) -> str:
        """Write how its units were found, for comparing what somebody saw with what is."""
        return ", ".join(f"{part.quantity.normalize():f} {part.condition}/{part.disposition}{'' if part.accepted else ' rejected'}"
                         f"{' at ' if part.node else ''}{part.node}"
                         for part in self.parts)

    @property
    def graded(self) -> Decimal:
        """Count the units the warehouse said something about."""
        return sum((part.quantity for part in self.parts if not part.claimed), NOTHING)

    @property
    def missing(self) -> Decimal:
        """Count the announced units that are not here and not claimed yet; an empty box is not here."""
        empty = sum((part.quantity for part in self.parts if part.instead is Instead.EMPTY), NOTHING)
        claimed = sum((part.quantity for part in self.parts if part.claimed), NOTHING)
        return max(self.announced - max(self.received or NOTHING, self.graded) + empty - claimed, NOTHING)

    @property
    def net(self) -> Decimal:
        """Give the announced net value, positive."""
        return self.announced * (self.unit_price or NOTHING)

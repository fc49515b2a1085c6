"""By how much may a figure differ without being a discrepancy, who says so, and why?

A tolerance is a row with an owner and a reason. It lets a difference go and never changes it: what was let go is counted under its row, so
that nothing drifts away in it, and no balancing line is written.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

NOTHING: Final = Decimal(0)
FINANCE: Final = "finance"
"""Whose a tolerance is where nobody else is named."""


class Measure(StrEnum):
    """What of a line may differ."""

    NET = "net"
    TAX = "tax"
    COST = "cost"
    ROUNDING = "rounding"
    """Nothing is let go by it: a net difference within it is called rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToleranceRow:
    """One row: so much of one figure, in one currency, of all or one legal entity, of all or one account, since a day.

    An empty currency is any. A cost is in the currency of the legal entity's books, everything else in that of the line.
    """

    measure: Measure
    amount: Decimal
    currency: str = ""
    entity: str = ""
    account: str = ""
    owner: str = FINANCE
    reason: str = ""
    since: date | None = None

    @property
    def name(self) -> str:
        """Name the row by what no other row has in common with it."""
        told = (self.measure.value, self.currency, self.entity, self.account, self.since.isoformat() if self.since else "")
        return " ".join(filter(None, told))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """What may differ: by rows, and where no row fits by these amounts. `books` gives the currency of each legal entity's books."""

    net: Decimal = NOTHING
    tax: Decimal = NOTHING
    cost: Decimal = NOTHING
    rounding: Decimal = Decimal("0.01")
    rows: tuple[ToleranceRow, ...] = ()
    books: Mapping[str, str] = field(default_factory=dict)

    def ranked(self, measure: Measure) -> tuple[ToleranceRow, ...]:
        """Give the rows of one figure in the order in which they are tried: the most particular first, of these the latest."""
        mine = sorted((row for row in self.rows if row.measure is measure), reverse=True, key=lambda row: (
            bool(row.account), bool(row.entity), bool(row.currency), row.since or date.min))
        usual = ToleranceRow(measure=measure, amount=getattr(self, measure.value), reason="what holds where no row does")
        return (*mine, usual)

    def every(self) -> Iterable[ToleranceRow]:
        """Give every row of every figure."""
        for measure in Measure:
            yield from self.ranked(measure)

    def choose(self, measure: Measure, *, entity: str, currency: str, account: str, on: date) -> ToleranceRow:
        """Give the row that says by how much a figure of a line may differ, which was accepted on this day."""
        coin = self.books.get(entity, currency) if measure is Measure.COST else currency
        return next(row for row in self.ranked(measure) if row.currency in {"", coin} and row.entity in {"", entity}
                    and row.account in {"", account} and (row.since is None or row.since <= on))


@dataclass(frozen=True, slots=True, kw_only=True)
class LetGo:
    """A difference that a row let go: of which figure, how much, by the name of which row."""

    measure: Measure
    amount: Decimal
    row: str


def ambiguous(rows: Iterable[ToleranceRow]) -> Iterable[str]:
    """Name the rows that stand more than once: which of them holds nobody can say."""
    seen = set[str]()
    for row in rows:
        if row.name in seen:
            yield row.name
        seen.add(row.name)

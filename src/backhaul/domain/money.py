"""How is money held, added and rounded?"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

DECIMALS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV"), 0),
    **dict.fromkeys(("XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
"""Minor units of currencies that do not have two (ISO 4217)."""


def minor_unit(currency: str) -> Decimal:
    """Give the smallest amount of a currency, for example 0.01 for GBP."""
    return Decimal(1).scaleb(-DECIMALS.get(currency, 2))


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Round to the currency's minor unit, halves away from zero, as both ERPs round an amount."""
    return amount.quantize(minor_unit(currency), rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An exact amount in one currency; currencies never mix (INV-08)."""

    amount: Decimal
    currency: str

    def __add__(self, other: "Money") -> "Money":
        """Add two amounts of one currency; another currency is a `ValueError`."""
        if other.currency != self.currency:
            message = f"cannot add {other.currency} to {self.currency}"
            raise ValueError(message)
        return Money(amount=self.amount + other.amount, currency=self.currency)

    def __neg__(self) -> "Money":
        """Give the same amount the other way."""
        return Money(amount=-self.amount, currency=self.currency)

    def rounded(self) -> "Money":
        """Give the amount rounded to the currency's minor unit."""
        return Money(amount=rounded(self.amount, self.currency), currency=self.currency)

    def __str__(self) -> str:
        """Write it the way a controller reads it: ``-12.50 GBP``."""
        return f"{self.rounded().amount + 0:,} {self.currency}"  # plus nothing: minus nothing is nothing


def in_words(sums: Mapping[str, Decimal]) -> str:
    """Write sums by currency: one alone as a number, several with their currencies."""
    if len(sums) < 2:  # noqa: PLR2004  one currency, or nothing
        return format(next(iter(sums.values()), Decimal(0)), "f")
    return ", ".join(f"{format(amount, 'f')} {currency}" for currency, amount in sorted(sums.items()))

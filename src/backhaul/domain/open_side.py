"""What do an ERP's books show of what is paid or received and not credited yet: accounts, open payments, open receipts?

Read whole from a day on, whoever booked it, so that nothing of ours decides what is there. Debits are positive.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from backhaul.domain.proof import NOTHING

WORDS: Final = re.compile(r"[^\s,;()]+")


def words(text: str) -> Iterator[str]:
    """Give the words of a text that somebody booked with, in capitals: references of payments and marks stand among them."""
    return (word.upper() for word in WORDS.findall(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """One entry of the general ledger: `amount` in the currency of the books, `in_currency` in that of the transaction where it says so."""

    account: str
    voucher: str
    day: date
    amount: Decimal
    text: str = ""
    currency: str = ""
    in_currency: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outstanding:
    """One payment on a customer's account: what of it is `left` as the ERP says now, and since when nothing is."""

    customer: str
    document: str
    day: date
    currency: str
    amount: Decimal
    left: Decimal
    text: str = ""
    closed_on: date | None = None

    def open_on(self, day: date) -> Decimal:
        """Give what was open of it at the end of a day; what was settled in parts before it was closed nobody says."""
        if self.day > day:
            return NOTHING
        return self.amount if self.closed_on and self.closed_on > day else NOTHING if self.closed_on else self.left


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """Units of a return that came into stock at an expected cost, and when their credit took that back."""

    document: str
    item: str
    units: Decimal
    cost: Decimal
    day: date
    mark: str = ""
    credited_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSides:
    """What a look gave, and in one sentence each what could not be read; `payments_unread` where that is what customers were paid."""

    booked: tuple[Booked, ...] = ()
    outstanding: tuple[Outstanding, ...] = ()
    came: tuple[Came, ...] = ()
    unread: tuple[str, ...] = ()
    payments_unread: bool = False

"""Which payments to customers have no credit note yet, and which credit notes settle which payment?

The payment process pays; Backhaul books no payment. A refund before the goods are accepted is open until the credit note is there, is
written off with approval, or waits with its age (books 3). Amounts are gross, in the payment's currency.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from backhaul.domain.posting import ErpDocument, Posting
from backhaul.domain.returns import NOTHING, ReturnCase
from backhaul.domain.rules import Booking


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """One credit note, or an approved write-off where `document` is empty, proposed against a payment."""

    document: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """One payment to a customer and what answers it. `booking` says where its open side stands in the ERP."""

    reference: str
    since: datetime
    currency: str
    paid: Decimal
    booking: Booking
    settlements: tuple[Settlement, ...] = ()

    @property
    def open(self) -> Decimal:
        """Give what is paid and neither credited nor written off."""
        return self.paid - sum((each.amount for each in self.settlements), NOTHING)


def payouts(case: ReturnCase, credited: Sequence[tuple[Posting, ErpDocument]], booking: Booking) -> tuple[Payout, ...]:
    """Set credit notes against payments, oldest first; what two people closed without credit is written off.

    A fee that was deducted makes its payment smaller, so what a fee order took is set against the credit it was taken from.
    """
    left, is_given_up = dict(notes_of(credited)), given_up(case, credited)
    found = []
    for refund in sorted(case.refunds, key=lambda refund: (refund.at, refund.reference)):
        rest, settlements = refund.money.amount, list[Settlement]()
        for number, gross in left.items() if refund.money.currency == case.currency else ():
            if share := min(rest, gross):
                settlements.append(Settlement(document=number, amount=share))
                left[number], rest = gross - share, rest - share
        if rest > 0 and is_given_up:
            settlements.append(Settlement(document="", amount=rest))
        found.append(Payout(reference=refund.reference, since=refund.at, currency=refund.money.currency, paid=refund.money.amount,
                            booking=booking, settlements=tuple(settlements)))
    return tuple(found)


def notes_of(credited: Sequence[tuple[Posting, ErpDocument]]) -> Mapping[str, Decimal]:
    """Give what each credit note gives at gross, less what fee orders took of it."""
    notes: dict[str, Decimal] = {}
    for _, document in credited:
        gross = document.gross if document.gross is not None else (document.net or NOTHING) + (document.tax or NOTHING)
        notes[document.number] = notes.get(document.number, NOTHING) - gross
    taken = -sum((gross for gross in notes.values() if gross < 0), NOTHING)
    left = {number: gross for number, gross in sorted(notes.items()) if gross > 0}
    for number, gross in left.items():
        left[number], taken = max(gross - taken, NOTHING), max(taken - gross, NOTHING)
    return left


def given_up(case: ReturnCase, credited: Sequence[tuple[Posting, ErpDocument]]) -> bool:
    """Tell whether nothing more will be credited of a return because people closed what was missing of it."""
    return any(line.closed for line in case.lines) and all(_is_over(case, line.line_id, credited) for line in case.lines)


def _is_over(case: ReturnCase, line_id: str, credited: Sequence[tuple[Posting, ErpDocument]]) -> bool:
    """Tell whether nothing more will be credited of a line, and that because people closed what was missing."""
    line = next(line for line in case.lines if line.line_id == line_id)
    units = sum((getattr(posting.document, "quantity", NOTHING) for posting, _ in credited if posting.line_id == line_id), NOTHING)
    return line.closed or units >= line.announced

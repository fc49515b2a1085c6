"""Was every customer paid what was credited, once, and was every payment credited?

The fifth side of the proof (books 3). A payment answers a return or several, never a line, so returns that are paid together are one
`Claim`. `compare` is the reference: the engine that does the same on more than fits in memory is compared with it claim by claim.
Amounts are gross, in the currency of the claim; the money of a discrepancy is what was paid less what was credited.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from backhaul.domain.proof import NOTHING, Discrepancy, Standing, Verdict
from backhaul.domain.trail import digest


class PaymentStatus(StrEnum):
    """What has become of a payment, by whoever makes it."""

    PENDING = "pending"
    FAILED = "failed"
    PAID = "paid"
    REVERSED = "reversed"
    """It was paid and came back: the customer does not have it."""


RANK: Final[Mapping[PaymentStatus, int]] = {status: rank for rank, status in enumerate(PaymentStatus)}
"""A payment goes on in this order and never back; what says less than is known is old."""
AS_TOLD: Final = "platform"
"""The provider of payments that only the platform announced, where no provider's own records are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One payment as its provider tells it: `provider` and `reference` together name it.

    `amount` is what the customer got; `fee` was kept back from what is credited, `bonus` added to it, and `exchange` is by how much it is
    more (or below zero less) because currencies were exchanged. It names what it pays by return, by original order or by credit note.
    """

    provider: str
    reference: str
    status: PaymentStatus
    amount: Decimal
    currency: str
    day: date
    fee: Decimal = NOTHING
    bonus: Decimal = NOTHING
    exchange: Decimal = NOTHING
    returns: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name it among those of all providers."""
        return f"{self.provider}:{self.reference}"

    @property
    def worth(self) -> Decimal:
        """Give the credit it answers."""
        return self.amount + self.fee - self.bonus - self.exchange

    @property
    def key(self) -> str:
        """Give the hash of all that it says, but what has become of it and what it names."""
        return digest([self.name, self.currency, self.day.isoformat(), *(
            format(each.normalize() + NOTHING, "f") for each in (self.amount, self.fee, self.bonus, self.exchange))])[:24]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """One credit note as far as it is about a claim: what is owed by it, and after which day that is late."""

    document: str
    gross: Decimal
    day: date
    pay_by: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What the ERP settled a credit note with; `right` where that is its payment, or the invoice it credits."""

    document: str
    other: str
    amount: Decimal
    right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one customer should get for returns that are paid together, and what they got.

    `credit_by`: after which day a payment without credit is late. `more`: something of it may still be credited. `written_off`: what two
    people gave up of what was paid; `exchanged`: what of the credit other goods answer, which the platform sends.
    """

    key: str
    entity: str
    currency: str
    credits: tuple[Credit, ...] = ()
    payments: tuple[Payment, ...] = ()
    settled: tuple[Settled, ...] = ()
    written_off: Decimal = NOTHING
    exchanged: Decimal = NOTHING
    credit_by: date | None = None
    more: bool = False

    @property
    def credited(self) -> Decimal:
        """Give what all credit notes credit."""
        return sum((credit.gross for credit in self.credits), NOTHING)

    @property
    def paid(self) -> Decimal:
        """Give the credit that all payments answer, which the customer has."""
        return sum((payment.worth for payment in self.payments if payment.status is PaymentStatus.PAID), NOTHING)

    @property
    def apart(self) -> Decimal:
        """Give what is paid beyond what is credited or given up; below zero, what is owed."""
        return self.paid + self.exchanged - self.credited - self.written_off

    @property
    def began(self) -> date | None:
        """Give the day of the first thing that is known of it."""
        return min((*(credit.day for credit in self.credits), *(payment.day for payment in self.payments)), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Within how many days a payment without a credit note must be answered by one in a country, and who says so."""

    days: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutRules:
    """What the tenant decided about payments: `providers` are those whose records come in; without one the platform's word stands in.

    `credit_within` is the clock of a country that has none of its own in `clocks`; 0 is as long as goods may take to arrive and be graded.
    """

    providers: tuple[str, ...] = ()
    pay_within: int = 14
    credit_within: int = 0
    clocks: Mapping[str, Clock] = field(default_factory=dict)

    def clock(self, country: str) -> Clock:
        """Give the clock of a country."""
        return self.clocks.get(country, Clock(days=self.credit_within, source=""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """After how many days what is missing is late, where the claim itself does not say by when."""

    pay: int = 14
    credit: int = 14


# --- is it paid, once, and as much as is credited?


def compare(claim: Claim, day: date, tolerance: Decimal, waits: Waits) -> Verdict:
    """Say whether a claim is matched, waits, or is broken, as of the end of a day."""
    kind, why = _standing(claim, day, tolerance, waits)
    told = [Discrepancy(kind=kind, amount=_amount(claim, kind))] if kind else []
    told += [Discrepancy(kind="SETTLED_TO_WRONG_INVOICE", amount=wrong)] if (wrong := _wrongly_settled(claim)) else []
    if told:
        return Verdict(key=claim.key, standing=Standing.BROKEN, discrepancies=tuple(told))
    if why:
        return Verdict(key=claim.key, standing=Standing.TIMING, why=why, since=claim.began)
    return Verdict(key=claim.key, standing=Standing.PROVED)


def _standing(claim: Claim, day: date, tolerance: Decimal, waits: Waits) -> tuple[str, str]:
    """Give the class of what is wrong, or what is waited for; nothing of both where all is answered."""
    if claim.apart > tolerance:
        return _overpaid(claim, day, tolerance, waits)
    if claim.apart < -tolerance:
        return _underpaid(claim, day, waits)
    if claim.credited or claim.paid:
        return "", ""
    if _any(claim, PaymentStatus.PENDING):
        return "", "PAYOUT_PENDING"
    return ("PAYOUT_FAILED" if _any(claim, PaymentStatus.FAILED) else ""), ""


def _overpaid(claim: Claim, day: date, tolerance: Decimal, waits: Waits) -> tuple[str, str]:
    paid = [payment for payment in claim.payments if payment.status is PaymentStatus.PAID]
    due = [claim.credit_by or payment.day + timedelta(days=waits.credit) for payment in paid]
    nothing_yet = not claim.credited and not claim.written_off
    if (claim.more or nothing_yet) and due and day <= min(due):
        return "", "NOTE_AWAITED"
    if nothing_yet:
        return "PAYOUT_WITHOUT_CREDIT", ""
    twice = len(paid) > 1 and any(abs(payment.worth - claim.apart) <= tolerance for payment in paid)
    return ("PAID_TWICE" if twice else "PAYOUT_DIFFERS"), ""


def _underpaid(claim: Claim, day: date, waits: Waits) -> tuple[str, str]:
    pay_by = max((credit.pay_by or credit.day + timedelta(days=waits.pay) for credit in claim.credits), default=day)
    pending, late = _any(claim, PaymentStatus.PENDING), day > pay_by
    if _any(claim, PaymentStatus.FAILED) and not pending:
        return "PAYOUT_FAILED", ""
    if not late:
        return "", "PAYOUT_PENDING" if pending else "PAYOUT_AWAITED"
    return ("PAYOUT_DIFFERS" if claim.paid else "CREDIT_WITHOUT_PAYOUT"), ""


def _any(claim: Claim, status: PaymentStatus) -> bool:
    return any(payment.status is status for payment in claim.payments)


def _amount(claim: Claim, kind: str) -> Decimal:
    """Give the money it is about: what is apart, or, of a failed payment that nothing answers, what should have been paid."""
    if kind == "PAYOUT_FAILED" and not claim.credited and not claim.paid:
        return -max(payment.amount for payment in claim.payments if payment.status is PaymentStatus.FAILED)
    return claim.apart


def _wrongly_settled(claim: Claim) -> Decimal:
    return sum((each.amount for each in claim.settled if not each.right), NOTHING)


# --- which credit answers which payment?


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """So much of a payment is answered by a credit note, or given up where `document` is empty; `day` is when both were there."""

    payment: Payment
    document: str
    amount: Decimal
    day: date


def answers(claim: Claim, given_up_on: date | None = None) -> Iterator[Answer]:
    """Set credit notes against payments that stand, oldest first; what was given up answers the rest (books 3)."""
    left = {credit.document: credit.gross for credit in claim.credits}
    for payment in sorted((each for each in claim.payments if each.status is PaymentStatus.PAID), key=lambda each: (each.day, each.name)):
        rest = payment.amount - payment.exchange
        for credit in sorted(claim.credits, key=lambda each: (each.day, each.document)):
            if (share := min(rest, left[credit.document])) > 0:
                left[credit.document] -= share
                rest -= share
                yield Answer(payment=payment, document=credit.document, amount=share, day=max(payment.day, credit.day))
        if rest > 0 and given_up_on:
            yield Answer(payment=payment, document="", amount=rest, day=max(payment.day, given_up_on))


# --- what belongs together?


def together(payments: Iterable[tuple[str, frozenset[str]]]) -> Mapping[str, str]:
    """Name for each return the claim it is part of: the first of all returns that are tied to it by payments for several."""
    chief: dict[str, str] = {}

    def top(ref: str) -> str:
        while chief.get(ref, ref) != ref:
            ref = chief[ref]
        return ref

    for _, refs in payments:
        heads = sorted({top(ref) for ref in refs})
        for ref in (*refs, *heads):
            chief.setdefault(ref, ref)
        chief |= dict.fromkeys(heads, heads[0]) if heads else {}
    return {ref: top(ref) for ref in chief}


def newest(versions: Iterable[Payment]) -> Iterator[Payment]:
    """Give each payment as it stands now: of what was told of it, what says most."""
    found: dict[str, Payment] = {}
    for payment in versions:
        before = found.get(payment.name)
        if before is None or RANK[payment.status] > RANK[before.status]:
            found[payment.name] = payment
    yield from found.values()

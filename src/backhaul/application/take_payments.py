"""What becomes of the payments a provider tells: kept once, or set aside for somebody?

The bytes are kept first. What was told of a payment stays; told again it changes nothing, and told otherwise it is set aside for finance.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from backhaul.application.payment_ports import KeptSheet, PaymentStore, PaymentTx
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.money import Money
from backhaul.domain.payments import RANK, Payment
from backhaul.domain.returns import NOTHING
from backhaul.domain.rules import Rules

OTHERWISE: Final = "PAYMENT_CONFLICT"
UNREADABLE: Final = "PAYMENT_UNREADABLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of what a provider told: where it stands, and its payment, or why it is none."""

    at: str
    payment: Payment | None = None
    flaw: str = ""


@dataclass(slots=True, kw_only=True)
class _Sorted:
    new: list[Payment]
    known: int
    aside: dict[str, tuple[Finding, Payment | None]]


def take(store: PaymentStore, rules: Rules, sheet: KeptSheet, rows: Iterable[Row], *, now: datetime) -> Mapping[str, Any]:
    """Keep a sheet and its payments; give how many were new, known and set aside. The same bytes again change nothing."""
    with store.begin() as tx:
        if not tx.keep_sheet(sheet):
            return {"seen": True, "rows": 0, "new": 0, "known": 0, "aside": 0}
    told = list(rows)
    with store.begin() as tx:
        found = _sorted(tx, rules, told)
        tx.keep_payments(rules.tenant, found.new, sheet=sheet.sha256, at=now)
        for at, (finding, payment) in found.aside.items():
            tx.open_exception(_exception(rules, sheet, at, finding, payment, now))
        counts = {"rows": len(told), "new": len(found.new), "known": found.known, "aside": len(found.aside)}
        tx.record(rules.tenant, subject=f"payments:{sheet.provider}", action="payments.take", at=now, actor="backhaul",
                  detail={"name": sheet.name, "sha256": sheet.sha256, **counts})
    return {"seen": False, **counts}


def _sorted(tx: PaymentTx, rules: Rules, told: Sequence[Row]) -> _Sorted:
    """Tell what is new from what is known, older than what is known, or contradicts it."""
    versions: dict[str, list[Payment]] = {}
    for payment in tx.payments(rules.tenant, {row.payment.name for row in told if row.payment}):
        versions.setdefault(payment.name, []).append(payment)
    found = _Sorted(new=[], known=0, aside={})
    for row in told:
        if row.payment is None:
            found.aside[row.at] = Finding(code=UNREADABLE, sentence=f"{row.at}: {row.flaw}."), None
            continue
        before = versions.setdefault(row.payment.name, [])
        same = next((each for each in before if each.status is row.payment.status), None)
        if same == row.payment or (same is None and any(RANK[each.status] > RANK[row.payment.status] for each in before)):
            found.known += 1
        elif same is not None:
            sentence = (f"{row.at}: payment {row.payment.reference} of {row.payment.provider} was told as {_said(same)}, "
                        f"and is told now as {_said(row.payment)}.")
            found.aside[row.at] = Finding(code=OTHERWISE, sentence=sentence), row.payment
        else:
            before.append(row.payment)
            found.new.append(row.payment)
    return found


def _said(payment: Payment) -> str:
    pays = ", ".join((*payment.returns, *payment.orders, *payment.notes))
    return (f"{payment.status.value} {payment.amount} {payment.currency} on {payment.day} (fee {payment.fee}, bonus {payment.bonus}, "
            f"exchange {payment.exchange}) for {pays}")


def _exception(rules: Rules, sheet: KeptSheet, at: str, finding: Finding, payment: Payment | None,  # noqa: PLR0913, PLR0917  what it says
               now: datetime) -> ExceptionCase:
    money = Money(amount=payment.amount if payment else NOTHING, currency=payment.currency if payment else rules.entities[0].currency)
    named = replace(finding, sentence=f"{sheet.name}, {finding.sentence}")
    return rules.work(f"payments:{sheet.sha256[:16]}", named, part=at, money=money, now=now)

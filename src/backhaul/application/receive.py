"""Step 1. Keep what the platform sent, then read what it says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from backhaul.application.ports import FIXED, Platform, Store, Tx, Unusable
from backhaul.domain.delivery import Delivery, DeliveryState
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.money import Money
from backhaul.domain.reading import Reading, read_again
from backhaul.domain.returns import NOTHING
from backhaul.domain.rules import Rules


def keep(tx: Tx, deliveries: Sequence[Delivery]) -> Sequence[DeliveryState]:
    """Store deliveries byte for byte. Only after this transaction has committed may anybody be told 200 (INV-02)."""
    states = tx.keep(deliveries)
    for delivery, state in zip(deliveries, states, strict=True):
        if state is DeliveryState.QUARANTINED:
            own(tx, delivery.tenant, f"delivery:{delivery.identity}", rules=None, now=delivery.received_at, finding=Finding(
                code="EVENT_CONTENT_CONFLICT",
                sentence=f"Delivery '{delivery.identity}' came again with another body; the first one holds."))
    return states


@dataclass(frozen=True, slots=True, kw_only=True)
class Digested:
    """What one round of reading came to."""

    deliveries: int = 0
    facts: int = 0
    unusable: int = 0


def digest(store: Store, platform: Platform, rules: Rules, *, now: datetime, limit: int = 500) -> Digested:
    """Read up to `limit` stored deliveries; what cannot be read is set aside with an owner, its bytes kept.

    One that is read again under a mended profile closes what stood about it; what it said before and says no more counts no more.
    """
    with store.begin() as tx:
        waiting = tx.undigested(rules.tenant, limit)
        facts = unusable = 0
        again: dict[int, Reading] = {}
        for delivery in waiting:
            try:
                said = platform.facts(delivery)
            except Unusable as reason:
                unusable += 1
                tx.quarantine(delivery, str(reason))
                own(tx, rules.tenant, f"delivery:{delivery.identity}", Finding(code="UNREADABLE", sentence=f"{delivery.channel}: {reason}"),
                    rules=rules, now=delivery.received_at)
            else:
                if delivery.again:
                    again[delivery.id] = Reading(message=delivery.sha256, asked=delivery.again, said=said)
                    tx.close_exceptions(rules.tenant, f"delivery:{delivery.identity}", apart_from=(), resolution="read again", at=now)
                facts += tx.digested(delivery, said)
        if again:
            _supersede(tx, rules, again, now)
    return Digested(deliveries=len(waiting), facts=facts, unusable=unusable)


def _supersede(tx: Tx, rules: Rules, again: Mapping[int, Reading], now: datetime) -> None:
    """Keep beside what messages say now what of their earlier readings counts no more."""
    refs = {*tx.told_in(rules.tenant, again), *(fact.return_ref for reading in again.values() for fact in reading.said)}
    made = {ref for ref, rows in tx.postings(rules.tenant, refs).items() if any(row.state in FIXED for row in rows)}
    tx.add_facts(rules.tenant, read_again(list(again.values()), tx.facts(rules.tenant, refs), made, at=now, profile=rules.version))


def own(tx: Tx, tenant: str, about: str, finding: Finding, *, rules: Rules | None, now: datetime) -> None:  # noqa: PLR0913  each is named
    """Give an owner to what is about no return yet (a delivery, a file, a folder), under a reference of its own.

    Where no rules are at hand it is the team of the kind, until the next rules are.
    """
    money = Money(amount=NOTHING, currency="")
    tx.open_exception(rules.work(about, finding, money=money, now=now) if rules else ExceptionCase.about(
        tenant=tenant, return_ref=about, line_id="", findings=(finding,), money=money, now=now, teams={}))

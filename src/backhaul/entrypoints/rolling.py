"""How is a month rolled forward, what of it is kept, and whose work is a difference?

A look asks every ERP, so that pages show what the last proof of the month kept; the command looks anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from backhaul.application.claims import Owed
from backhaul.application.ports import Erp, Store
from backhaul.application.roll_forward import roll_forward
from backhaul.bootstrap import House
from backhaul.domain.errors import BackhaulError
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.money import Money
from backhaul.domain.proof import NOTHING
from backhaul.domain.roll_forward import Flow, Movement, Rolled, RollForward, Tie
from backhaul.domain.rules import Rules

UNDER: Final = "roll-forward"
"""Under this reference are the exceptions about accounts, and under it with the month is remembered what the last proof rolled."""
SAYS: Final[Mapping[Flow, str]] = {Flow.PAID: "paid and not credited", Flow.RECEIVED: "received and not credited"}


def roll_month(house: House, tenant: str, period: str, day: date, erps: Mapping[str, Erp | BackhaulError], *, today: date,  # noqa: PLR0913
               owed: Sequence[Owed] | None = None) -> Rolled:
    """Roll a period forward to the end of a day in it, for each legal entity by its own calendar; `owed` are the claims, if at hand."""
    rules = house.profiles[tenant].rules
    spans = {entity.id: entity.calendar.span(period) for entity in rules.having(period)}
    days = {entity: replace(span, last=min(day, span.last)) for entity, span in spans.items()}
    return roll_forward(house.store, erps, rules, days, today=today, owed=owed)


def figures(row: RollForward) -> Mapping[str, Any]:
    """Say one row in plain values."""
    return {"flow": row.flow.value, "entity": row.whose.entity, "brand": row.whose.brand, "warehouse": row.whose.warehouse,
            "currency": row.whose.currency, "first": row.first.isoformat(), "day": row.day.isoformat(), "opening": row.opening,
            "movements": dict(row.movements), "closing": row.closing, "account": row.account, "balance": row.balance,
            "difference": row.difference, "ageing": dict(row.ageing), "credited_not_paid": row.beside, "price": row.price, "tax": row.tax}


# --- what is kept


def keep(store: Store, tenant: str, period: str, rolled: Rolled) -> None:
    """Remember what a month's last proof rolled, as far as its figures need it: what was over before the month is left out."""
    with store.begin() as tx:
        tx.remember(tenant, f"{UNDER}:{period}", msgspec.to_builtins(_needed(rolled)))


def kept(store: Store, tenant: str, period: str) -> Rolled | None:
    """Give what the last proof of a month rolled; None where it rolled nothing."""
    with store.look() as tx:
        told = tx.recall(tenant, f"{UNDER}:{period}")
    return msgspec.convert(told, Rolled, strict=False) if told else None


def _needed(rolled: Rolled) -> Rolled:
    """Leave out items that were over before the month, and entries of accounts before it that cancel."""
    sums: dict[tuple[Any, ...], Decimal] = {}
    for move in rolled.movements:
        key = (move.flow, move.whose, move.item)
        sums[key] = sums.get(key, NOTHING) + (move.amount if move.day < rolled.within(move.whose.entity).first else NOTHING)
    later = {(move.flow, move.whose, move.item) for move in rolled.movements if move.day >= rolled.within(move.whose.entity).first}
    movements: list[Movement] = [move for move in rolled.movements
                                 if (key := (move.flow, move.whose, move.item)) in later or sums[key]]
    before: dict[tuple[Any, ...], Tie] = {}
    ties: list[Tie] = []
    for tie in rolled.ties:
        if tie.day >= rolled.within(tie.whose.entity).first:
            ties.append(tie)
            continue
        same = (tie.flow, tie.whose, tie.account, tie.return_ref)
        known = before.get(same)
        before[same] = tie if known is None else replace(known, open=known.open + tie.open, document="before", text="")
    return replace(rolled, movements=tuple(movements), ties=(*(tie for tie in before.values() if tie.open), *ties))


# --- whose work it is


def own(store: Store, rules: Rules, rolled: Rolled, *, now: datetime) -> None:
    """Open an exception for each account that differs and close those that agree; where something could not be read, none is closed."""
    differing = {f"{flow.value} {entity} {currency}": (flow, entity, currency, amount)
                 for (flow, entity, currency), amount in rolled.differing.items()}
    with store.begin() as tx:
        for subject, told in differing.items():
            tx.open_exception(_exception(rules, rolled, subject, told, now))
        if not rolled.reasons:
            tx.close_exceptions(rules.tenant, UNDER, apart_from=differing, resolution="the account agrees", at=now)


def _exception(rules: Rules, rolled: Rolled, subject: str, told: tuple[Flow, str, str, Decimal], now: datetime) -> ExceptionCase:
    flow, entity, currency, amount = told
    mine = [row for row in rolled.rows if (row.flow, row.whose.entity, row.whose.currency) == (flow, entity, currency)]
    closing, balance = (sum((value or NOTHING for value in values), NOTHING)
                        for values in ((row.closing for row in mine), (row.balance for row in mine)))
    sentence = (f"{entity}, {mine[0].day}: {closing} {currency} is {SAYS[flow]}, and {mine[0].account} says {balance}; "
                f"the difference is {amount}.")
    return rules.work(UNDER, Finding(code="ROLL_FORWARD_DIFFERS", sentence=sentence), part=subject,
                      money=Money(amount=amount, currency=currency), now=now)

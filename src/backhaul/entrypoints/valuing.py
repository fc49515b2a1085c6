"""How are the figures of returned stock and of refunds kept with a proof, and said in plain values?

A look asks every ERP, so that pages, exports and the pack show what the last proof of the month kept.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

import msgspec

from backhaul.application.ports import Store
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.roll_forward import Whose
from backhaul.domain.valuation import METHOD, Figures, Liability, Tied, Valued, liabilities, valued

UNDER: Final = "figures"
"""Under this name and the month it is remembered what the last proof found."""


def keep(store: Store, tenant: str, period: str, figures: Figures) -> None:
    """Remember what a month's last proof found."""
    with store.begin() as tx:
        tx.remember(tenant, f"{UNDER}:{period}", msgspec.to_builtins(figures))


def kept(store: Store, tenant: str, period: str) -> Figures | None:
    """Give what the last proof of a month found; None where it found nothing out."""
    with store.look() as tx:
        told = tx.recall(tenant, f"{UNDER}:{period}")
    return msgspec.convert(told, Figures, strict=False) if told else None


def asked(store: Store, tenant: str, period: str) -> Figures:
    """Give what the last proof of a month found, or say how that comes about."""
    found = kept(store, tenant, period)
    if found is None:
        message = (f"no proof of {period} told what returned goods are worth: name the accounts of each legal entity in [accounts] of the "
                   f"profile, then run `backhaul reconcile --period {period}`")
        raise NeedsOperator(message)
    return found


def told(figures: Figures, *, lines: bool = False) -> Mapping[str, Any]:
    """Say figures in plain values, with their method, and with `lines` what they are made of."""
    return {
        "first": figures.first.isoformat(), "day": figures.day.isoformat(), "policy": asdict(figures.policy), "method": dict(METHOD),
        "remarks": list(figures.remarks), "returned": [worth(row) for row in valued(figures.returned, figures.policy)],
        "refunds": [owed(row) for row in liabilities(figures.owing, figures.policy)], "ties": [tie(row) for row in figures.ties],
        **({"lines": [*lines_of(figures)]} if lines else {})}


def worth(row: Valued) -> dict[str, Any]:
    """Say what units of one class are worth."""
    return {**_whose(row.whose), "class": row.kind, "units": row.units, "booked": row.booked, "original": row.original,
            "difference": row.compared, "unbooked": row.unbooked, "untraced": row.untraced, "part": row.part,
            "written_down": row.written_down, "value": row.value}


def owed(row: Liability) -> dict[str, Any]:
    """Say what is owed for units that have come equally far."""
    return {**_whose(row.whose), "where": row.where.value, "units": row.units, "net": row.net, "tax": row.tax, "gross": row.gross,
            "untaxed": row.untaxed, "books": row.books, "cost": row.cost, "uncosted": row.uncosted, "recovery": row.recovery,
            "decrease": row.decrease, "undecided": row.undecided, "asset": row.asset}


def tie(row: Tied) -> dict[str, Any]:
    """Say what the roll-forward says beside it."""
    return {**_whose(row.whose), "in_stock": row.in_stock, "in_stock_tax": row.in_stock_tax, "memo": row.memo, "memo_tax": row.memo_tax,
            "difference": row.difference, "gross": row.gross, "paid": row.paid, "to_pay": row.to_pay}


def _whose(whose: Whose) -> dict[str, Any]:
    return {"entity": whose.entity, "brand": whose.brand, "warehouse": whose.warehouse, "currency": whose.currency}


def lines_of(figures: Figures) -> Iterator[dict[str, Any]]:
    """Say what figures are made of, line by line: what came back, then what is owed."""
    for back in figures.returned:
        yield {"about": "returned", **_plain(asdict(back)), "since": back.day.isoformat()}
    for open_ in figures.owing:
        yield {"about": "refund", **_plain(asdict(open_)), "where": open_.where.value, "since": open_.since.isoformat()}


def _plain(told_: dict[str, Any]) -> dict[str, Any]:
    whose = told_.pop("whose")
    told_.pop("day", None)
    return {**whose, "class": told_.pop("kind"), **told_}

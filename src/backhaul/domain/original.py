"""Which line of the original sale do returned units come from, and what of it is left to credit?

The platform names goods by SKU, so one SKU on two order lines at two prices is ambiguous (facts/zigzag 5.4). The lines of the
sale are ranked by the tenant's rule, the choice is written down with the order line that is posted, and from then on it never
changes. What is credited of one line of a sale is capped in units and in value over all returns (INV-03).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from backhaul.domain.posting import LotShare, OrderLine
from backhaul.domain.returns import NOTHING
from backhaul.domain.rules import OriginRule, Prefer
from backhaul.domain.validation import Origin, SaleLine, Taken

Lots = Mapping[str, Taken]
"""What is taken of each line of one sale already, by lot."""

MICRO: Final = Decimal("0.000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lot:
    """One line of the sale with what is left of it."""

    line: SaleLine
    name: str
    at: int
    units: Decimal
    net: Decimal


_RANKS: Final[Mapping[Prefer, Callable[[_Lot, Decimal, Decimal], Decimal | bool | int]]] = {
    Prefer.EXACT_PRICE: lambda lot, _, price: lot.line.unit_price != price,
    Prefer.EXACT_QUANTITY: lambda lot, quantity, _: lot.line.quantity != quantity,
    Prefer.WHOLE: lambda lot, quantity, _: lot.units < quantity,
    Prefer.HIGHEST_PRICE: lambda lot, *_: -lot.line.unit_price,
    Prefer.LOWEST_PRICE: lambda lot, *_: lot.line.unit_price,
    Prefer.OLDEST: lambda lot, *_: lot.at,
}


def names(sold: Sequence[SaleLine]) -> tuple[str, ...]:
    """Name the lines of a sale: by the ERP's lot, or by their place among those of the SKU where it has none."""
    return tuple(line.lot or f"{line.sku}#{at}" for at, line in enumerate(sold, 1))


def trace(sold: Sequence[SaleLine], quantity: Decimal, price: Decimal, taken: Lots, rule: OriginRule) -> Origin:
    """Choose the lines of the sale that units at a net price come from, best first, each up to what is left of it.

    A line sold for less than the price comes after all others, whatever the rule. Units that no line has left stand on the best.
    """
    lots = _left(sold, taken)
    lots.sort(key=lambda lot: (price > lot.line.unit_price, *(_RANKS[prefer](lot, quantity, price) for prefer in rule.prefer), lot.at))
    left, chosen = quantity, dict[str, Decimal]()
    for lot in lots:
        if (share := min(left, max(lot.units, NOTHING))) > 0:
            chosen[lot.name] = share
            left -= share
    if left > 0 and lots:
        best = next(iter(chosen), lots[0].name)
        chosen[best] = chosen.get(best, NOTHING) + left
    return _weighed(lots, chosen, price)


def again(sold: Sequence[SaleLine], fixed: Sequence[OrderLine], taken: Lots) -> Origin:
    """Give the choice that was written down for a line, with what of it is no longer covered; `taken` counts others only."""
    lots, chosen = _left(sold, taken), dict[str, Decimal]()
    for each in fixed:
        for share in each.lots or (LotShare(lot=each.original_lot or lots[0].name, quantity=each.quantity),):
            chosen[share.lot] = chosen.get(share.lot, NOTHING) + share.quantity
    return _weighed(lots, chosen, fixed[0].unit_price)


def cut(shares: Sequence[LotShare], quantity: Decimal) -> tuple[tuple[LotShare, ...], tuple[LotShare, ...]]:
    """Give the first so many units of a choice, and the rest: one line of a return may need several order lines."""
    mine, rest, left = list[LotShare](), list[LotShare](), quantity
    for share in shares:
        took = min(share.quantity, left)
        left -= took
        mine += [replace(share, quantity=took)] if took else []
        rest += [replace(share, quantity=share.quantity - took)] if took < share.quantity else []
    return tuple(mine), tuple(rest)


def unit_cost(shares: Sequence[LotShare]) -> Decimal | None:
    """Give what a unit cost when it was issued; None where that is not known of every share (books 7)."""
    costs = {share.unit_cost for share in shares}
    if len(costs) < 2:  # noqa: PLR2004  all alike, or none
        return next(iter(costs), None)
    known = [(share.quantity, share.unit_cost) for share in shares if share.unit_cost is not None]
    units = sum((quantity for quantity, _ in known), NOTHING)
    whole = sum((quantity * cost for quantity, cost in known), NOTHING)
    return (whole / units).quantize(MICRO) if len(known) == len(shares) and units else None


def _left(sold: Sequence[SaleLine], taken: Lots) -> list[_Lot]:
    """Say what is left of each line; what is gone of one beyond its units (ours and by hand, say) is gone of the others."""
    lots = []
    for at, (name, line) in enumerate(zip(names(sold), sold, strict=True)):
        mine = taken.get(name, Taken())
        lots.append(_Lot(line=line, name=name, at=at, units=line.quantity - line.returned - mine.units,
                         net=line.quantity * line.unit_price - line.returned_net - mine.net))
    debt = -sum((lot.units for lot in lots if lot.units < 0), NOTHING)
    for at in reversed(range(len(lots))):
        if debt and lots[at].units > 0:
            cut = min(debt, lots[at].units)
            lots[at] = replace(lots[at], units=lots[at].units - cut)
            debt -= cut
    return lots


def _weighed(lots: Sequence[_Lot], chosen: Mapping[str, Decimal], price: Decimal) -> Origin:
    """Compare what is to be taken of each line with what is left of it, in units and in value."""
    by_name = {lot.name: lot for lot in lots}
    missing = beyond = NOTHING
    sold_at = {by_name[name].line.unit_price for name in chosen if name in by_name}
    for name, units in chosen.items():
        lot = by_name.get(name)
        missing += units if lot is None else max(units - max(lot.units, NOTHING), NOTHING)
        beyond += units * price if lot is None else max(units * price - max(lot.net, NOTHING), NOTHING)
    return Origin(
        shares=tuple(_share(by_name[name].line, name, units) if name in by_name else LotShare(lot=name, quantity=units)
                     for name, units in chosen.items()),
        missing=missing, beyond=beyond, dearer=tuple(sorted(each for each in sold_at if each < price)))


def _share(line: SaleLine, name: str, units: Decimal) -> LotShare:
    return LotShare(lot=name, quantity=units, unit_cost=line.unit_cost, final=line.cost_is_final,
                    sold=line.quantity, sold_at=line.unit_price)

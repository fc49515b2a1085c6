"""What is in a kit, and what of its price is each component's?

A kit comes back whole, as one item, or exploded into its components, as the tenant decides for each. An exploded kit is nowhere an item
of its own: not on the return order, not in stock, not in the credit. The price of one kit is divided by fixed shares; what rounding
leaves over goes to one named component, of which a kit holds one, so that the parts are the whole to the cent.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from backhaul.domain.money import rounded
from backhaul.domain.returns import ReturnCase, ReturnLine


class KitMode(StrEnum):
    """How a kit comes back."""

    WHOLE = "whole"
    EXPLODED = "exploded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """So many units of an item in one kit, and their share of its price, between 0 and 1."""

    sku: str
    quantity: Decimal
    share: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What one kit holds; `remainder` names the component that takes what rounding leaves over."""

    sku: str
    mode: KitMode
    components: tuple[Component, ...]
    remainder: str = ""


Kits = Mapping[str, Kit]


def flaws(kit: Kit) -> Iterator[str]:
    """Say what keeps a kit from being divided to the cent."""
    skus = [component.sku for component in kit.components]
    if len(set(skus)) < max(len(skus), 1) or kit.sku in skus:
        yield "components are one entry for each SKU, at least one, and never the kit itself"
    if any(component.quantity <= 0 or component.quantity % 1 or component.share < 0 for component in kit.components):
        yield "a component has a whole number of units and no negative share"
    if kit.mode is KitMode.EXPLODED:
        if sum(component.share for component in kit.components) != 1:
            yield "the shares of the components are 1 together"
        if [component.quantity for component in kit.components if component.sku == kit.remainder] != [1]:
            yield "remainder names a component of which the kit holds one unit"


def prices(kit: Kit, price: Decimal, currency: str) -> dict[str, Decimal]:
    """Give the price of one unit of each component; the parts of one kit add up to its price exactly."""
    units = {each.sku: rounded(price * each.share / each.quantity, currency) for each in kit.components if each.sku != kit.remainder}
    rest = price - sum(units[each.sku] * each.quantity for each in kit.components if each.sku != kit.remainder)
    return units | {kit.remainder: rest}


def explode(case: ReturnCase, kits: Kits) -> ReturnCase:
    """Put the components in place of every kit that is to be exploded; what was decided or found about the kit holds for each."""
    if not any(_exploded(line.sku, kits) for line in case.lines):
        return case
    parts = {line.line_id: _lines(line, kits[line.sku], case.currency) if _exploded(line.sku, kits) else (line,) for line in case.lines}
    findings = tuple(replace(finding, line_id=part.line_id) for finding in case.findings
                     for part in parts.get(finding.line_id, (None,)) if part is not None)
    return replace(
        case, lines=tuple(part for line in case.lines for part in parts[line.line_id]),
        findings=(*findings, *(finding for finding in case.findings if finding.line_id not in parts)),
        charges=tuple(replace(charge, line_id=parts[charge.line_id][0].line_id) if charge.line_id in parts else charge
                      for charge in case.charges))


def _exploded(sku: str, kits: Kits) -> bool:
    return sku in kits and kits[sku].mode is KitMode.EXPLODED


def _lines(line: ReturnLine, kit: Kit, currency: str) -> Sequence[ReturnLine]:
    """Give a line for each component, counted and graded as the kit was."""
    each = {} if line.unit_price is None else prices(kit, line.unit_price, currency)
    return tuple(replace(
        line, line_id=f"{line.line_id}/{component.sku}", sku=component.sku, announced=line.announced * component.quantity,
        unit_price=each.get(component.sku), description=f"{component.sku}, of {kit.sku}",
        received=None if line.received is None else line.received * component.quantity,
        parts=tuple(replace(part, quantity=part.quantity * component.quantity) for part in line.parts))
        for component in kit.components)


def whole_only(sku: str, kits: Kits) -> tuple[str, ...]:
    """Name the kits that hold this item and come back whole only."""
    return tuple(sorted(kit.sku for kit in kits.values() if kit.mode is KitMode.WHOLE
                        and any(component.sku == sku for component in kit.components)))

"""What do people's corrections make of what the messages tell?

A correction stands beside the messages and never in their place: every message is read by the names and values it uses itself, and only
what comes of that is corrected. So whatever comes later, in whatever order, finds the line it speaks of.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from backhaul.domain.facts import Correctable, Corrected
from backhaul.domain.return_line import Part, ReturnLine

OF_LINE: Final[Mapping[Correctable, str]] = {
    Correctable.SKU: "sku", Correctable.QUANTITY: "announced", Correctable.UNIT_PRICE: "unit_price", Correctable.ORDER: "order"}
"""Values of a line that can be corrected, by the name they have there."""
NUMBERS: Final = frozenset({Correctable.QUANTITY, Correctable.UNIT_PRICE})
OF_SALE: Final = frozenset({Correctable.QUANTITY, Correctable.UNIT_PRICE, Correctable.ORDER})
"""What goods without a return have from the sale they are matched with, and from nothing else."""


def written(value: Decimal | str | None) -> str:
    """Write a value as a correction names it; equal numbers are written alike."""
    if not isinstance(value, Decimal):
        return value or ""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


class Beside:
    """The corrections of one return; `holding` names those, so far, that were met by what they correct."""

    def __init__(self, corrections: Sequence[Corrected]) -> None:
        """Take all there are, oldest first."""
        self._latest = {(each.line_id, each.what, each.told): each for each in corrections}
        self._skus = [each for each in corrections if each.what is Correctable.SKU]
        self._ever = {(each.line_id, each.what) for each in corrections}
        self.holding: set[str] = set()

    def says(self, what: Correctable, told: Decimal | str | None, line_id: str = "") -> str | None:
        """Give what people say a told value is; None where they let it stand."""
        found = self._latest.get((line_id, what, written(told)))
        if found is None or found.value == found.told:
            return None
        self.holding.add(found.identity)
        return found.value

    def once(self, line_id: str) -> frozenset[str]:
        """Give the SKUs that people ever said a line has: a message that names one of them may be about it."""
        return frozenset(each.value for each in self._skus if each.line_id == line_id)

    def otherwise(self, lines: Iterable[ReturnLine]) -> dict[str, str]:
        """Say which line a SKU names that no line has as told: the one line that has it by a correction, or had it before one."""
        lines = tuple(lines)
        ids, present = {line.line_id for line in lines}, {line.sku for line in lines}
        named: dict[str, set[str]] = {}
        for each in self._skus:
            for sku in {each.told, each.value} - present:
                named.setdefault(sku, set()).update({each.line_id} & ids)
        return {sku: next(iter(found)) for sku, found in named.items() if len(found) == 1}

    def line(self, line: ReturnLine, *, unsold: bool) -> ReturnLine:
        """Give a line with what people say of it and of how its units were found; of what is `unsold` nothing that a sale would say."""
        if not self._latest:  # as of nearly every return
            return line
        changed: dict[str, Any] = {}
        for what, name in OF_LINE.items():
            if unsold and what in OF_SALE:
                continue
            value = self.says(what, getattr(line, name), line.line_id)
            if value is not None:
                changed[name] = Decimal(value) if what in NUMBERS else value
        parts = [self._part(part, line.line_id) for part in line.parts]
        if any(part.told for part in parts):
            changed["parts"] = _together(parts)
        ever = frozenset(what for what in Correctable if (line.line_id, what) in self._ever)
        return replace(line, **changed, corrected=ever) if ever else line

    def _part(self, part: Part, line_id: str) -> Part:
        condition = self.says(Correctable.CONDITION, part.condition, line_id)
        disposition = self.says(Correctable.DISPOSITION, part.disposition, line_id)
        if condition is None and disposition is None:
            return part
        return replace(part, condition=part.condition if condition is None else condition,
                       disposition=part.disposition if disposition is None else disposition,
                       told=frozenset({(part.condition, part.disposition)}))


def _together(parts: Collection[Part]) -> tuple[Part, ...]:
    """Put units together that are alike by now; what an inspection told of any of them is remembered of all."""
    alike: dict[tuple[Any, ...], Part] = {}
    for part in parts:
        how = (part.accepted, part.condition, part.disposition, part.found, part.instead.value if part.instead else "", part.node)
        other = alike.get(how)
        alike[how] = part if other is None else replace(other, quantity=other.quantity + part.quantity, told=other.told | part.told)
    return tuple(alike[how] for how in sorted(alike))

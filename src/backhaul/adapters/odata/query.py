"""How is a question written in an OData address?

Literals, keys and or-joined filters as Dynamics 365 wants them (facts/finance-scm 4): `in` is not supported, so many values
become several addresses of bounded length.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

NAMESPACE: Final = "Microsoft.Dynamics.DataEntities"
LONGEST_URL: Final = 1900
MOST_KEYS: Final = 40


def quoted(text: str) -> str:
    """Write a string literal; a quote inside is doubled."""
    return "'" + text.replace("'", "''") + "'"


def enum(name: str, symbol: str) -> str:
    """Write an enumeration value as filters want it (facts/finance-scm 4)."""
    return f"{NAMESPACE}.{name}'{symbol}'"


def noon(day: date) -> str:
    """Write a date-only value at noon UTC, so that no time zone moves it to another day (facts/finance-scm 4)."""
    return f"{day.isoformat()}T12:00:00Z"


def day_of(text: Any) -> date | None:  # noqa: ANN401  JSON
    """Read a date-only value; the empty date 1900-01-01 is None."""
    try:
        day = datetime.fromisoformat(text).date()
    except (TypeError, ValueError):
        return None
    return day if day.year > 1900 else None  # noqa: PLR2004


def number(value: Any) -> Decimal:  # noqa: ANN401  JSON
    """Read a number exactly; what is none counts as zero."""
    return Decimal(value) if isinstance(value, int | Decimal) else Decimal(0)


def keyed(entity_set: str, **keys: str | Decimal) -> str:
    """Write the address of one record; every part of the key stands in it, across companies."""
    parts = (f"{name}={quote(quoted(key), safe='') if isinstance(key, str) else format(key, 'f')}" for name, key in keys.items())
    return f"{entity_set}({','.join(parts)})?cross-company=true"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What to read: a set, the columns, a fixed condition, and one column that must equal one of many values, texts or numbers.

    With `top` only so many records of each address, in this `order`; then no count is asked for, which would be of all there are.
    """

    entity_set: str
    select: tuple[str, ...] = ()
    where: str = ""
    column: str = ""
    values: tuple[str, ...] = ()
    expand: str = ""
    numeric: bool = False
    order: str = ""
    top: int = 0

    def addresses(self, root: str) -> Iterator[str]:
        """Give as many addresses as keep each below the longest URL; none when there is nothing to ask for."""
        if not self.column:
            yield self._address(root, ())
            return
        chunk: list[str] = []
        for value in sorted(set(self.values)):
            longer = self._address(root, (*chunk, value))
            if chunk and (len(chunk) >= MOST_KEYS or len(longer) > LONGEST_URL):
                yield self._address(root, chunk)
                chunk = []
            chunk.append(value)
        if chunk:
            yield self._address(root, chunk)

    def _address(self, root: str, values: Sequence[str]) -> str:
        any_of = " or ".join(f"{self.column} eq {value if self.numeric else quoted(value)}" for value in values)
        condition = " and ".join(part for part in (self.where, f"({any_of})" if any_of else "") if part)
        options = {**self.limited, "$filter": condition, "$select": ",".join(self.select), "$expand": self.expand}
        told = "".join(f"&{name}={quote(text, safe='$,()')}" for name, text in options.items() if text)
        return f"{root}/data/{self.entity_set}?cross-company=true{told}"

    @property
    def limited(self) -> dict[str, str]:
        """Give the options by which only the first are read, or all and counted."""
        return {"$orderby": self.order, "$top": str(self.top)} if self.top else {"$count": "true"}

"""How is a value written, so that a controller reads it at a glance?"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from backhaul.domain.money import minor_unit, rounded

NOTHING: Final = "\N{EN DASH}"
"""What stands where there is nothing to say."""
LONG: Final = 400
NAMES: Final[Mapping[str, str]] = {"sku": "SKU", "erp": "ERP", "zigzag": "ZigZag"}
"""Words that are written in one way only."""
TONES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("settled", "verified", "posted", "closed", "ok", "digested", "approved", "accepted"), "good"),
    **dict.fromkeys(("planned", "posting", "ready", "sending", "pending", "awaited", "proposed", "stored", "running"), "busy"),
    **dict.fromkeys(("held", "hold", "unconfirmed", "overdue soon", "quarantined", "quiet", "note"), "warn"),
    **dict.fromkeys(("rejected", "stop", "failing", "overdue", "refused", "silent", "unmapped", "paused"), "bad"),
}
"""How loud a word is; any other is calm."""


def money(amount: Decimal | None, currency: str = "") -> str:
    """Write an amount the way a controller reads it: grouped, rounded to its minor unit, with its currency."""
    if amount is None:
        return NOTHING
    return f"{rounded(amount, currency):,.{-int(minor_unit(currency).as_tuple().exponent)}f} {currency}".strip()


def number(quantity: Decimal | int | None) -> str:
    """Write a quantity without zeros that say nothing."""
    if quantity is None:
        return NOTHING
    return f"{quantity:,}" if isinstance(quantity, int) else format(quantity.normalize(), "f")


def when(at: datetime | None) -> str:
    """Write a moment in UTC."""
    return NOTHING if at is None else f"{at.astimezone(UTC):%d %b %Y %H:%M} UTC"


def stamp(at: datetime) -> str:
    """Write a moment in UTC, short, where all moments are."""
    return f"{at.astimezone(UTC):%d %b %Y %H:%M:%S}"


def day(at: datetime | date | None) -> str:
    """Write a day."""
    if at is None:
        return NOTHING
    return f"{at.astimezone(UTC) if isinstance(at, datetime) else at:%d %b %Y}"


def age(lasted: timedelta | None) -> str:
    """Write how long something has lasted, in the largest unit that says enough."""
    if lasted is None:
        return NOTHING
    minutes = int(lasted.total_seconds() // 60)
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes >= size:
            return f"{minutes // size} {unit}"
    return f"{max(minutes, 0)} min"


def said(detail: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Write an event's details as names and texts; empty ones are left out, long ones are cut."""
    return [(words(name), text(value)[:LONG]) for name, value in detail.items() if value not in (None, "", [], {})]


def words(name: object) -> str:
    """Write a code as words."""
    return str(name).replace("_", " ").replace("-", " ")


def plain(code: object) -> str:
    """Write a code as a sentence begins: with one capital."""
    said_as = words(code)
    said_as = said_as.lower() if said_as.isupper() else said_as
    said_as = " ".join(NAMES.get(word, word) for word in said_as.split(" "))
    return said_as[:1].upper() + said_as[1:]


def tone(word: object) -> str:
    """Say how loud a word is."""
    return TONES.get(str(word), "")


def many(count: int, limit: int) -> str:
    """Write a count that stops at a limit."""
    return f"{limit:,}+" if count > limit else f"{count:,}"


def text(value: object) -> str:
    """Write a value that may hold others as words, as deep as it goes."""
    if isinstance(value, Mapping):
        return ", ".join(f"{words(name)} {text(item)}" for name, item in value.items() if item not in (None, "", [], {}))
    if isinstance(value, (list, tuple)):
        return "; ".join(map(text, value))
    return str(value)


FILTERS: Final = {"money": money, "number": number, "when": when, "stamp": stamp, "day": day, "age": age, "said": said, "words": words,
                  "plain": plain, "tone": tone, "many": many, "text": text, "decimal": Decimal}

"""What do the small words of a profile mean: a duration, a reference, a place that is wrong?"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final, TypeAlias

from backhaul.domain.errors import Misconfigured
from backhaul.secret import Secret

Flaw: TypeAlias = tuple[str, str]
"""Where in the profile (a path like ``mapping[3].reason``), and what is wrong."""

DURATION: Final = re.compile(r"([0-9]+)\s*(s|m|h|d)", re.ASCII)
UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta:
    """Read a duration; nothing that is none gets here."""
    found = DURATION.fullmatch(text)
    return timedelta(**{UNITS[found[2]]: int(found[1])}) if found else timedelta()


def duration_flaw(place: str, text: str) -> Iterator[Flaw]:
    """Refuse what is no duration."""
    if not DURATION.fullmatch(text):
        yield place, f"'{text}' is no duration like 300s, 15m, 24h or 60d"


def secret_flaw(place: str, reference: str, environ: Mapping[str, str] | None) -> Iterator[Flaw]:
    """Check a reference; with an environment also that it leads to a secret."""
    try:
        secret = Secret(reference, environ or {})
        if environ is not None:
            secret.check()
    except Misconfigured as error:
        yield place, str(error)

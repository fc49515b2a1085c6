"""How can somebody who trusts nobody see that the record was not altered?

Each entry's hash covers its content and the hash before it, so an edit, a deletion, an insertion or
a swap breaks the chain at that place. A chain cannot show that its end was cut off or that all of it
was written anew: for that the head is anchored outside (reliability O10).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, Final

GENESIS: Final = "0" * 64
"""What the first entry of a tenant's chain points back to."""


def canonical(value: object) -> bytes:
    """Write a value as the one byte string that stands for it: sorted keys, no spaces, exact decimals, records as `said` gives them."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain).encode()


def _plain(value: object) -> Any:  # noqa: ANN401  json's own contract
    if is_dataclass(value) and not isinstance(value, type):
        return said(value)
    if isinstance(value, Decimal):
        return _exact(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (frozenset, set)):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    message = f"no canonical form for {type(value).__name__}"
    raise TypeError(message)


def said(record: Any) -> dict[str, Any]:  # noqa: ANN401  any dataclass
    """Give what a record says beyond its defaults.

    So a field that a later version adds with a default changes no hash that was kept before: a fact stays the fact it was, and a
    posting that was fixed before an upgrade is sent after it.
    """
    return {name: value for name, usual in _defaults(record.__class__) if (value := getattr(record, name)) != usual}


@cache
def _defaults(kind: Any) -> tuple[tuple[str, Any], ...]:  # noqa: ANN401  any dataclass
    return tuple((each.name, each.default if each.default_factory is MISSING else each.default_factory()) for each in fields(kind))


def _exact(value: Decimal) -> str:
    """Write a number without an end of zeros or a signed zero; `normalize` would round what is longer than 28 digits."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if value == 0 else text


def digest(value: object) -> str:
    """Give the SHA-256 of a value's canonical form, as 64 hex digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailEntry:
    """One state change or decision: who did what to which thing, and what it was before and after."""

    tenant: str
    sequence: int
    at: str
    actor: str
    subject: str
    action: str
    detail: Mapping[str, Any]
    previous: str
    hash: str = ""
    seals: Mapping[str, str] = field(default_factory=dict)
    """Salt of each word of the detail that is kept beside the chain: the hash covers its seal, so that the word can be erased."""


LINKED: Final = tuple(each.name for each in fields(TrailEntry) if each.name not in {"detail", "hash", "seals"})
"""What a hash covers beside the detail."""


def link(entry: TrailEntry) -> TrailEntry:
    """Give the entry with its hash, which covers everything in it, words by their seals, and the hash before it."""
    content = {name: getattr(entry, name) for name in LINKED}
    return replace(entry, hash=digest(content | {"detail": sealed(entry)}))


def sealed(entry: TrailEntry) -> dict[str, Any]:
    """Give an entry's detail as the chain has it: what is kept beside it is its seal there."""
    return {name: f"sealed:{digest({'salt': entry.seals[name], 'words': value})}" if name in entry.seals else value
            for name, value in entry.detail.items()}


WORDS: Final = frozenset({"note", "left", "told", "value", "before", "after", "reason", "result", "resolution", "evidence"})
"""What of a detail somebody, or an ERP, said in their own words. It is kept beside the chain, which has its seal."""
SYSTEMS_OWN: Final = frozenset({"reason", "result", "resolution"})
"""Of those, what our own processes say in words of ours."""


def words_in(detail: Mapping[str, Any], *, ours: bool) -> tuple[str, ...]:
    """Name the words of a detail that are kept beside the chain; those of our own processes are not."""
    return tuple(name for name in sorted(WORDS - SYSTEMS_OWN if ours else WORDS)
                 if isinstance(detail.get(name), str | dict | list) and detail[name])


def first_break(entries: Iterable[TrailEntry]) -> TrailEntry | None:
    """Find the first entry of one tenant's chain that does not fit; none means the chain holds."""
    previous = GENESIS
    for sequence, entry in enumerate(entries, start=1):
        if entry.previous != previous or entry.sequence != sequence or link(entry).hash != entry.hash:
            return entry
        previous = entry.hash
    return None

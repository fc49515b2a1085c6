"""What is remembered of a watched folder between two looks?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from backhaul.application.ports import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a file in a folder looked: unchanged since when, there since when, and the hash of its content once it was read."""

    size: int
    modified: int
    since: datetime
    first: datetime
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFolder:
    """A watched folder: when it was looked at, since when that fails, and what lay there."""

    tenant: str
    name: str
    looked_at: datetime | None = None
    failing_since: datetime | None = None
    files: Mapping[str, Look] = field(default_factory=dict)


def recall(tx: Tx, tenant: str, name: str) -> KeptFolder:
    """Give what is remembered of a folder; nothing of one that was never looked at."""
    memory = tx.recall(tenant, f"folder:{name}")
    return msgspec.convert(memory, KeptFolder) if memory else KeptFolder(tenant=tenant, name=name)


def remember(tx: Tx, kept: KeptFolder) -> None:
    """Remember a folder as it is now; names no text can hold are left out, they are never taken."""
    memory = {**msgspec.to_builtins(kept), "files": {name: msgspec.to_builtins(look) for name, look in kept.files.items()
                                                     if name.isprintable()}}
    tx.remember(kept.tenant, f"folder:{kept.name}", memory)

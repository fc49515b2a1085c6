"""How does a month's pack leave: in one workbook and on paper, archived, and with its hashes in the trail?"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Final

from backhaul.application import pack as packs
from backhaul.application.close_ports import CloseStore
from backhaul.application.ports import Tx
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.rules import Rules
from backhaul.domain.trail import TrailEntry
from backhaul.entrypoints.journaling import month_end
from backhaul.entrypoints.spreadsheet import paper, workbook

TYPES: Final[Mapping[str, str]] = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "pdf": "application/pdf"}
"""Every kind of file a pack is, with its media type."""
PACKED: Final = "close.packed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A pack that was made: of which proof, and its bytes by kind."""

    proof: int
    content: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A pack as it lies in the archive: its bytes, its files and their hashes, by kind."""

    content: Mapping[str, bytes]
    files: Mapping[str, Path]
    sha256: Mapping[str, str]


def made(store: CloseStore, rules: Rules, period: str, kind: str) -> bytes:
    """Make a month's pack as one kind of file, from extracts that are as they were when it was proved."""
    return _made(packs.gather(store, rules, period, _whole, month_end(store, rules, period)), kind)


def _made(material: packs.Material, kind: str) -> bytes:
    sheets = packs.pack(material)
    return workbook(sheets) if kind == "xlsx" else paper(f"Close of {material.period}, {material.rules.tenant}", sheets, material.proof.at)


def archive(  # noqa: PLR0913  each is named at the call
    store: CloseStore, rules: Rules, period: str, *, state_dir: Path, actor: str, now: datetime,
) -> Packed:
    """Make a month's pack and archive it under the hash of its workbook; both hashes go into the trail.

    A pack that is in the archive already is left as it is, and the trail says once who made it first.
    """
    return put_away(store, rules, period, prepared(store, rules, period), state_dir=state_dir, actor=actor, now=now)


def prepared(store: CloseStore, rules: Rules, period: str) -> Prepared:
    """Make a month's pack as every kind of file, without writing anything; it takes long enough not to be done while others wait."""
    material = packs.gather(store, rules, period, _whole, month_end(store, rules, period))
    return Prepared(proof=material.proof.id, content={kind: _made(material, kind) for kind in TYPES})


def put_away(  # noqa: PLR0913  each is named at the call
    store: CloseStore, rules: Rules, period: str, pack: Prepared, *, state_dir: Path, actor: str, now: datetime,
) -> Packed:
    """Archive a pack that was made."""
    content = pack.content
    sha256 = {kind: hashlib.sha256(each).hexdigest() for kind, each in content.items()}
    folder = state_dir / "packs" / rules.tenant / period
    folder.mkdir(parents=True, exist_ok=True)
    files = {kind: folder / f"close-{period}-{sha256['xlsx'][:16]}.{kind}" for kind in content}
    for kind, path in files.items():
        _put(path, content[kind])
    subject = f"close:{period}"
    with store.begin() as tx:
        known = [entry.detail.get("sha256") for entry in tx.trail(rules.tenant, subject=subject) if entry.action == PACKED]
        if sha256 not in known:
            tx.record(rules.tenant, subject=subject, action=PACKED, at=now, actor=actor, detail={
                "proof": pack.proof, "sha256": sha256})
    return Packed(content=content, files=files, sha256=sha256)


def archived(tx: Tx, tenant: str, period: str) -> TrailEntry | None:
    """Give the latest word of the trail that a month's pack was archived."""
    return next((entry for entry in reversed(list(tx.trail(tenant, subject=f"close:{period}"))) if entry.action == PACKED), None)


def _put(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, unless it is there as it should be."""
    if path.is_file() and path.read_bytes() == content:
        return
    begun = path.with_name(f"new-{token_hex(8)}-{path.name}")
    begun.write_bytes(content)
    begun.replace(path)


def _whole(path: str, sha256: str) -> None:
    """Refuse an extract that is gone or was changed since the proof."""
    file = Path(path)
    if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
        message = f"the extract {path} is not what was proved any more; prove the month again, then make its pack"
        raise NeedsOperator(message)

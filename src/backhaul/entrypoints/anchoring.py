"""How does the head of the record get out of the database, and what do the heads that lie outside say about it?

One line for each chain and hour is added to a file (`BACKHAUL_ANCHORS`), which the house only ever adds to. A copy of the database is
held against the same file, and against the database that is in use. A database that goes less far than its heads lets nothing leave.
"""

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from backhaul.adapters.sql import lists, tables
from backhaul.adapters.sql.store import SqlStore
from backhaul.application import pausing
from backhaul.application.people import INSTALLATION
from backhaul.bootstrap import House
from backhaul.domain.anchor import Anchor, is_sealed, refute, seal
from backhaul.domain.errors import Misconfigured, NeedsOperator
from backhaul.domain.personal import GONE
from backhaul.domain.trail import GENESIS, first_break
from backhaul.secret import Secret

EVERY: Final = timedelta(hours=1)
MEMORY: Final = "anchored"
"""Under this name it is remembered when a tenant's chains were anchored."""
TESTED: Final = "restore.tested"
"""What the trail says once a copy was held against the database in use."""
LOOKED_AT: Final = 10_000
"""So many of a copy's latest messages are compared with the hashes they were kept under."""

log: Final = logging.getLogger(__name__)


def steps(house: House) -> Mapping[str, Any]:
    """Give the durable step: anchor a tenant's chain, and that of the installation, every hour."""
    return {"anchor": lambda tenant, now: anchor_when_due(house, tenant, now)}


def anchor_when_due(house: House, tenant: str, now: datetime) -> Mapping[str, Any]:
    """Anchor once an hour, if a file is set; one that cannot be written is said, and tried again with the next turn."""
    if house.settings.anchors is None:
        return {}
    with house.store.look() as tx:
        last = tx.recall(tenant, MEMORY).get("at", "")
    if last > (now - EVERY).isoformat():
        return {}
    try:
        if stopped := stop_if_older(house, tenant, now):
            return stopped  # heads of another chain behind these would make it the right one
        made = anchor(house, tenant, now)
    except NeedsOperator as trouble:
        log.error("anchor_failed", extra={"tenant": tenant, "why": str(trouble)})  # noqa: TRY400  the sentence is all there is
        return {"anchor_failed": str(trouble)}
    return {"anchored": {each.tenant: each.sequence for each in made}}


def compare_first(house: House, tenant: str, now: datetime) -> Mapping[str, Any]:
    """Hold the database against its last anchors before a process sends anything; where they cannot be read, that is said each time."""
    if tenant in house.anchored:
        return {}
    try:
        stopped = stop_if_older(house, tenant, now)
    except NeedsOperator as trouble:
        log.error("anchors_unread", extra={"tenant": tenant, "why": str(trouble)})  # noqa: TRY400  the sentence is all there is
        return {"anchors_unread": str(trouble)}
    house.anchored.add(tenant)
    return stopped


def stop_if_older(house: House, tenant: str, now: datetime) -> Mapping[str, Any]:
    """Pause a tenant whose database is not what was anchored last: it does not know what was posted since (INV-29)."""
    why = _older(house, tenant)
    if not why:
        return {}
    log.error("older_than_anchored", extra={"tenant": tenant, "why": why})
    pausing.pause(house.store, house.profiles[tenant].rules, "", actor="backhaul", now=now, reason=(
        f"This is an older copy of the database, or another one: {why}. What was posted since is not known here, and sending it again "
        f"could credit twice. Follow 'Restore in earnest' of the manual before writes are let go"))
    return {"older_than_anchored": why}


def _older(house: House, tenant: str) -> str:
    """Say what the last sealed anchor of either chain shows about the database; empty if it fits, or there is none."""
    known, keys = _outside(house)
    for chain in (tenant, INSTALLATION):
        last = next((each for each in reversed(known.get(chain, ())) if is_sealed(each, keys)), None)
        if last is None:
            continue
        with house.store.read() as connection:
            there = {each.sequence: each.hash for each in lists.trail(connection, chain, before=last.sequence + 1, limit=1)}
        if refuted := refute([last], {0: GENESIS} | there, keys):
            return refuted
    return ""


def anchor(house: House, tenant: str, now: datetime) -> Sequence[Anchor]:
    """Write the heads of a tenant's chain and of the installation's where they are kept, and only then remember it."""
    path, key = _where(house)
    with house.store.read() as connection:
        heads = {chain: lists.trail(connection, chain, limit=1) for chain in (tenant, INSTALLATION)}
    made = [seal(Anchor(tenant=chain, sequence=last[0].sequence if last else 0, hash=last[0].hash if last else GENESIS,
                        at=now.isoformat()), keys_of(key)[0]) for chain, last in heads.items()]
    text = "".join(json.dumps(asdict(each), sort_keys=True) + "\n" for each in made)
    try:
        with path.open("ab") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as trouble:
        message = f"the head of the record could not be written to {path}: {trouble.strerror}; what was anchored before stays"
        raise NeedsOperator(message) from trouble
    with house.store.begin() as tx:
        tx.remember(tenant, MEMORY, {"at": now.isoformat()})
    return made


def _where(house: House) -> tuple[Path, Secret]:
    path, key = house.settings.anchors, house.settings.anchor_key
    if path is None or key is None:
        message = "environment: BACKHAUL_ANCHORS names no file, so the head of the record cannot be kept outside of the database"
        raise Misconfigured(message)
    return path, key


def keys_of(key: Secret) -> Sequence[str]:
    """Give the keys of the house: the first one seals, those behind it sealed before."""
    if not (told := key.reveal().split()):
        message = f"environment: BACKHAUL_ANCHOR_KEY leads to {key.reference}, which is missing or empty"
        raise Misconfigured(message)
    return told


def anchors(house: House) -> Mapping[str, Sequence[Anchor]]:
    """Read what was anchored, by chain; `NeedsOperator` where the file, or a line of it, cannot be read."""
    path = house.settings.anchors
    found: dict[str, list[Anchor]] = {}
    if path is None or not path.exists():
        return found
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as trouble:
        message = f"the heads of the record could not be read from {path}: {trouble.strerror}"
        raise NeedsOperator(message) from trouble
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            told = Anchor(**json.loads(line))
        except (ValueError, TypeError) as broken:
            message = f"{path}, line {number}: this is no anchor; the file was changed, or its disk is"
            raise NeedsOperator(message) from broken
        found.setdefault(told.tenant, []).append(told)
    return found


def _outside(house: House) -> tuple[Mapping[str, Sequence[Anchor]], Sequence[str]]:
    """Give what was anchored, by chain, and the keys it may be sealed with."""
    return anchors(house), keys_of(house.settings.anchor_key) if house.settings.anchor_key else ()


def examined(store: SqlStore, chain: str, known: Sequence[Anchor], keys: Sequence[str], *, copied: bool = False) -> dict[str, Any]:
    """Check a chain, by itself and by its anchors; ``holds`` if both say so."""
    with store.look() as tx:
        entries = list(tx.trail(chain))
    broken = first_break(entries)
    refuted = refute(known, {0: GENESIS} | {each.sequence: each.hash for each in entries}, keys, copied=copied)
    return {"entries": len(entries), "head": entries[-1].hash if entries else GENESIS, "at": entries[-1].at if entries else "",
            "holds": broken is None and not refuted, "broken_at": broken.sequence if broken else None, "anchors": len(known),
            "refuted": refuted, "broken": broken}


def chains(house: House, tenant: str) -> dict[str, dict[str, Any]]:
    """Check a tenant's chain and that of the installation."""
    known, keys = _outside(house)
    return {chain: examined(house.store, chain, known.get(chain, ()), keys) for chain in (tenant, INSTALLATION)}


def drill(house: House, tenant: str, copy_url: str, *, actor: str, now: datetime) -> Mapping[str, Any]:
    """Hold a restored copy against the database in use, and keep in the trail what that came to; nothing of the copy is changed.

    Gives ``holds``, ``wrong`` in sentences, ``entries`` of its chain, how many are ``missing`` from it and its ``end``, and how many
    ``messages`` were compared with their hashes.
    """
    known, keys = _outside(house)
    if copy_url == house.settings.database_url:
        message = "this is the database in use; restore a backup elsewhere, and name that"
        raise NeedsOperator(message)
    copy, wrong = SqlStore(copy_url), list[str]()
    try:
        wrong += copy.flaws()
        told = {} if wrong else {chain: examined(copy, chain, known.get(chain, ()), keys, copied=True) for chain in (tenant, INSTALLATION)}
        for chain, each in told.items():
            name = f"the chain of {chain or 'the installation'}"
            wrong += [f"{name} is broken at entry {each['broken_at']}"] if each["broken"] else []
            wrong += [f"{name}: {each['refuted']}"] if each["refuted"] else []
            wrong += [f"{name} is another one than in the database in use"] if not _continues(house.store, chain, each) else []
        count, changed = (0, []) if wrong else _messages(copy, tenant)
        wrong += [f"message {number} is not what its hash says" for number in changed]
    finally:
        copy.close()
    mine = told.get(tenant, {"entries": 0, "at": ""})
    with house.store.read() as connection:
        here = next((each.sequence for each in lists.trail(connection, tenant, limit=1)), 0)
    with house.store.begin() as tx:
        tx.record(tenant, subject="restore", action=TESTED, at=now, actor=actor, detail={
            "holds": not wrong, "wrong": wrong[:10], "entries": mine["entries"], "end": mine["at"], "messages": count})
    return {"holds": not wrong, "wrong": wrong, "entries": mine["entries"], "end": mine["at"], "missing": here - mine["entries"],
            "messages": count}


def _continues(store: SqlStore, chain: str, told: Mapping[str, Any]) -> bool:
    """Tell whether the database in use has, where a copy's chain ends, the very entry the copy ends with."""
    if not told["entries"]:
        return True
    with store.read() as connection:
        here = lists.trail(connection, chain, before=told["entries"] + 1, limit=1)
    return bool(here) and here[0].hash == told["head"]


def _messages(copy: SqlStore, tenant: str) -> tuple[int, list[int]]:
    """Compare the latest messages of a copy with their hashes; give how many, and which differ. What was erased has its hash still."""
    table = tables.deliveries
    with copy.read() as connection:
        rows = connection.execute(select(table.c.id, table.c.sha256, table.c.body).where(
            table.c.tenant == tenant, table.c.body.is_not(None)).order_by(table.c.id.desc()).limit(LOOKED_AT)).all()
    bodies = [(row.id, row.sha256, bytes(row.body)) for row in rows]
    return len(rows), [number for number, sha256, body in bodies if body != GONE and hashlib.sha256(body).hexdigest() != sha256]

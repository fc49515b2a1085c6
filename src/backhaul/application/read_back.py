"""Read back from the platform what a sender told that cannot sign, before anything of it moves money (reliability W4).

A return that such a source told of waits until the platform, asked by the profile's look-up, told the same. What it
tells is kept as a delivery like any other. Two walls, by separate code: `process` holds the return, and nothing of
it is sent while it is unconfirmed (`post`).
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from backhaul.application.ports import Platform, PlatformApi, Store, Tx, Unusable
from backhaul.domain.confirmation import differences, essence, heard, is_confirmed
from backhaul.domain.delivery import Delivery
from backhaul.domain.errors import BackhaulError
from backhaul.domain.exception_case import Finding
from backhaul.domain.facts import Confirmed, Fact
from backhaul.domain.returns import fold
from backhaul.domain.rules import Rules
from backhaul.domain.trail import digest

SOURCE: Final = "look-up:"
MOST: Final = 500
"""So many returns are read back in one turn; the rest waits for the next."""
AGAIN: Final = timedelta(minutes=10)
"""When a return that did not agree is asked for again."""
MEMORY: Final = "read-back"
CODES: Final = frozenset({"NOT_READ_BACK", "READ_BACK_DIFFERS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """What one round of reading back came to."""

    asked: int = 0
    confirmed: int = 0
    differs: int = 0
    unknown: int = 0
    sentence: str = ""


def unconfirmed(tx: Tx, rules: Rules, refs: Collection[str], facts: Mapping[str, Sequence[Fact]] | None = None) -> frozenset[str]:
    """Give those of these returns that a sender told of that cannot sign, and that the platform has not told the same of."""
    if not rules.read_back or not refs:
        return frozenset()
    told = tx.told_by(rules.tenant, refs, rules.read_back)
    known = facts if facts is not None else tx.facts(rules.tenant, told)
    return frozenset(ref for ref in told if not is_confirmed(ref, known.get(ref, ())))


def finding(tx: Tx, rules: Rules, ref: str) -> Finding:
    """Say why an unconfirmed return waits: nobody could ask yet, or the platform says something else."""
    said = tx.recall(rules.tenant, MEMORY).get(ref, {}).get("says", "")
    if said:
        return Finding(code="READ_BACK_DIFFERS", sentence=said)
    return Finding(code="NOT_READ_BACK", sentence="Its sender cannot sign, and the platform itself has not told the same yet.")


def ask(store: Store, platform: Platform, api: PlatformApi, rules: Rules, lookup: str, now: datetime) -> Mapping[str, Sequence[Fact]]:  # noqa: PLR0913, PLR0917
    """Ask the platform for each unconfirmed return something was learned of, keep what it tells, and give what that says.

    A platform that is away ends the round; what was asked until then counts.
    """
    with store.begin() as tx:
        memory = tx.recall(rules.tenant, MEMORY)
        waiting = {row.case.return_ref for row in tx.exceptions(rules.tenant) for each in row.case.findings if each.code in CODES}
        refs = {*tx.touched(rules.tenant, 10 * MOST), *waiting}
        due = [ref for ref in sorted(unconfirmed(tx, rules, refs)) if memory.get(ref, {}).get("again", "") <= now.isoformat()]
    told: dict[str, Sequence[Fact]] = {}
    for ref in due[:MOST]:
        try:
            found = list(api.look_up(lookup, {"return": ref}))
        except BackhaulError:
            break
        parcels = [Delivery(tenant=rules.tenant, source=SOURCE + lookup, identity=hashlib.sha256(item.body).hexdigest(), body=item.body,
                            received_at=now, channel="read-back") for item in found]
        with store.begin() as tx:
            tx.keep(parcels)
        told[ref] = [fact for parcel in parcels for fact in _facts(platform, parcel) if fact.return_ref == ref]
    return told


def _facts(platform: Platform, parcel: Delivery) -> Sequence[Fact]:
    try:
        return platform.facts(parcel)
    except Unusable:
        return ()


def settle(store: Store, rules: Rules, told: Mapping[str, Sequence[Fact]], now: datetime) -> ReadBack:
    """Confirm the returns of which the platform told what we heard; remember of the others what is different."""
    confirmed = differs = unknown = 0
    with store.begin() as tx:
        memory = dict(tx.recall(rules.tenant, MEMORY))
        known = tx.facts(rules.tenant, told)
        for ref, said in told.items():
            ours, theirs = heard(ref, known.get(ref, ())), fold(ref, said)
            if said and essence(ours) == essence(theirs):
                same = digest(essence(theirs))
                tx.add_facts(rules.tenant, [Confirmed(return_ref=ref, at=now, essence=same)])
                tx.record(rules.tenant, subject=ref, action="read-back", at=now, actor="backhaul", detail={"essence": same})
                memory.pop(ref, None)
                confirmed += 1
                continue
            says = differences(ours, theirs) if said else "The platform does not know this return when asked for it."
            memory[ref] = {"again": (now + AGAIN).isoformat(), "says": says}
            tx.touch(rules.tenant, [ref])
            differs, unknown = differs + bool(said), unknown + (not said)
        tx.remember(rules.tenant, MEMORY, memory)
    return ReadBack(asked=len(told), confirmed=confirmed, differs=differs, unknown=unknown)

"""Does the ERP still tell us of changes?

Some ERPs tell whoever subscribed, for a few days at a time. Here subscriptions are begun, renewed before they end and looked for now and
then, because a sender may drop one without a word. Without them everything is found all the same, a little later; so a subscription that
cannot be had is written down and tried again, and stops nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, runtime_checkable

from backhaul.application.ports import Store, Tx
from backhaul.domain.errors import BackhaulError
from backhaul.domain.rules import LegalEntity, Rules

MEMORY: Final = "listening"
LOOKED_FOR: Final = timedelta(hours=6)
"""How often a subscription is looked for and renewed, which is well before any ends."""
AGAIN: Final = timedelta(minutes=30)
"""When one that could not be had is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """A subscription of a legal entity: what the ERP calls its company, and until when it tells us."""

    company: str
    until: datetime


@runtime_checkable
class Telling(Protocol):
    """An ERP that tells of changes when it is asked to."""

    def listen(self, address: str, secret: str) -> Listening:
        """Have `address` told of changes, each message with `secret` in it; what exists is renewed. Raises as `Erp` does."""
        ...


def due(tx: Tx, tenant: str, entity: LegalEntity, address: str, now: datetime) -> bool:
    """Tell whether it is time to look after a legal entity's subscription; another address is news at once."""
    kept = tx.recall(tenant, MEMORY).get(entity.id, {})
    return kept.get("address") != address or str(kept.get("again", "")) <= now.isoformat()


def keep(store: Store, erp: Telling, rules: Rules, entity: LegalEntity, now: datetime, *, address: str, secret: str) -> str:  # noqa: PLR0913  each is named
    """Begin or renew what a legal entity's ERP tells us; give why it does not, empty if it does. The trail says when that changes."""
    told: dict[str, Any]
    try:
        heard = erp.listen(address, secret)
    except BackhaulError as trouble:
        told = {"address": address, "again": (now + AGAIN).isoformat(), "trouble": str(trouble)}
    else:
        told = {"address": address, "again": min(now + LOOKED_FOR, now + (heard.until - now) / 2).isoformat(),
                "company": heard.company, "until": heard.until.isoformat()}
    with store.begin() as tx:
        memory = dict(tx.recall(rules.tenant, MEMORY))
        before = memory.get(entity.id, {})
        # Who was subscribed may still be told, so its company stays known.
        memory[entity.id] = told if "company" in told else {**told, "company": before.get("company", "")}
        tx.remember(rules.tenant, MEMORY, memory)
        if ("trouble" in told, told["address"]) != ("trouble" in before, before.get("address")):
            detail: dict[str, Any] = {name: told[name] for name in ("address", "trouble") if name in told}
            tx.record(rules.tenant, subject=f"listening:{entity.id}", at=now, actor="backhaul", detail=detail,
                      action="listening.failed" if "trouble" in told else "listening.begun")
    return str(told.get("trouble", ""))


def companies(tx: Tx, tenant: str) -> Mapping[str, str]:
    """Give the legal entities that are told of, by what the ERP calls their companies."""
    return {str(kept["company"]): entity for entity, kept in tx.recall(tenant, MEMORY).items() if kept.get("company")}


def note(tx: Tx, tenant: str, entity: LegalEntity) -> str:
    """Say in a sentence how it stands with what a legal entity's ERP tells us; empty where nobody asked it to."""
    kept = tx.recall(tenant, MEMORY).get(entity.id)
    if not kept:
        return ""
    if trouble := kept.get("trouble"):
        return f"tells {kept['address']} nothing: {trouble} Everything is found all the same, a little later."
    return f"tells {kept['address']} of changes until {datetime.fromisoformat(kept['until']):%Y-%m-%d %H:%M %Z}"

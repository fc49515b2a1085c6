"""Who wants a month proved now, and how far has that come?

A person asks, a worker does it at its next turn; until it is done nobody else can ask, and what it does meanwhile is told. A worker that
died in the middle begins again, for a proof changes nothing it reads.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from backhaul.application.ports import Store, Tx
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.rules import Rules

MEMORY: Final = "proof-wanted"
WAITS: Final = "waits for the next turn"


def summon(store: Store, rules: Rules, period: str, *, actor: str, now: datetime) -> None:
    """Want a month proved; refused while another proof is wanted, and for a month that has not begun."""
    if not rules.knows(period) or rules.span(period).first > now.date():
        message = f"'{period}' is no period like 2026-10 that has begun"
        raise NeedsOperator(message)
    with store.begin() as tx:
        if asked := wanted(tx, rules.tenant):
            message = f"the proof of {asked['period']} that {asked['by']} wanted is not done: it {asked['step']}; only one runs at a time"
            raise NeedsOperator(message)
        tx.remember(rules.tenant, MEMORY, {"period": period, "by": actor, "at": now.isoformat(), "step": WAITS})
        tx.record(rules.tenant, subject=f"proof:{period}", action="proof.wanted", at=now, actor=actor, detail={})


def wanted(tx: Tx, tenant: str) -> Mapping[str, Any]:
    """Give the proof that is wanted and not done: period, by whom, since when, and what it does; empty if none is."""
    told = tx.recall(tenant, MEMORY)
    return told if told.get("step") else {}


def tell(store: Store, tenant: str, step: str) -> None:
    """Say what the wanted proof does now; nothing where none is wanted."""
    with store.begin() as tx:
        if asked := wanted(tx, tenant):
            tx.remember(tenant, MEMORY, {**asked, "step": step})


def conclude(store: Store, tenant: str, *, outcome: str) -> None:
    """Let somebody ask again, and say what became of the last."""
    with store.begin() as tx:
        tx.remember(tenant, MEMORY, {**tx.recall(tenant, MEMORY), "step": "", "outcome": outcome})

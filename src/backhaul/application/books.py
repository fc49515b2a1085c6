"""What did an ERP's books last say of their periods?

They are asked whenever a batch is planned, and at preflight; what they said stays, so that a plan can be shown without a call.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from backhaul.application.ports import Tx
from backhaul.domain.period_status import Told, plain, read
from backhaul.domain.rules import LegalEntity

UNDER: Final = "periods"


def keep(tx: Tx, tenant: str, entity: LegalEntity, told: Sequence[Told], now: datetime) -> None:
    """Remember what a legal entity's books say now; what they said before is written over only where it differs."""
    rows = plain(told)
    if tx.recall(tenant, f"{UNDER}:{entity.id}").get("periods", []) != rows:
        tx.remember(tenant, f"{UNDER}:{entity.id}", {"periods": rows, "since": now.isoformat()})


def last(tx: Tx, tenant: str, entity: LegalEntity) -> Sequence[Told]:
    """Give what a legal entity's books last said; nothing where they were never asked, or tell nothing."""
    return read(tx.recall(tenant, f"{UNDER}:{entity.id}").get("periods", ()))

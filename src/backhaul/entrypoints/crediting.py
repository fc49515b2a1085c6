"""Which payments of a month has no credit note answered, as the last proof of the month found it?

The pack shows what the proof kept, so that the same record makes the same pack; page, export and command look anew. A VAT period is of
calendar months, whatever calendar the books have.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from backhaul.application.claims import Owed, Uncredited, uncredited
from backhaul.application.ports import Store
from backhaul.domain.fiscal_calendar import MONTHS

UNDER: Final = "uncredited"
"""Under this name and the month it is remembered what the last proof found."""


def keep(store: Store, tenant: str, period: str, owed: Sequence[Owed]) -> None:
    """Remember which payments of a month are not answered at its end, by the claims of its last proof."""
    rows = [*uncredited(owed, MONTHS.first(period), MONTHS.last(period))]
    with store.begin() as tx:
        tx.remember(tenant, f"{UNDER}:{period}", {"rows": msgspec.to_builtins(rows)})


def kept(store: Store, tenant: str, period: str) -> Sequence[Uncredited] | None:
    """Give what the last proof of a month found; None where it was of a release that did not keep it."""
    with store.look() as tx:
        told = tx.recall(tenant, f"{UNDER}:{period}")
    return msgspec.convert(told["rows"], list[Uncredited], strict=False) if told else None

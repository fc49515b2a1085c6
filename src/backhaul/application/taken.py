"""Which refused lines can never go out again, because other returns took their units meanwhile?

What the ERP refused takes nothing of its sale, so another return may have taken it since. The database would refuse to let such a line
go again (INV-03); a person is told before, with the returns that took it.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from backhaul.application.ports import FIXED, KeptPosting, PostingState, Tx
from backhaul.domain.exception_case import Finding
from backhaul.domain.facts import Decided, Decision
from backhaul.domain.posting import LotShare, OrderLine, PostingKind
from backhaul.domain.validation import Taken

TAKING: Final = FIXED - {PostingState.REJECTED}
ABOVE: Final = frozenset({"QUANTITY_ABOVE_SOLD", "PRICE_ABOVE_SOLD", "VALUE_ABOVE_SOLD"})
"""What two people may waive, so that more of a sale is credited than it sold."""


def taken(tx: Tx, rows: Iterable[KeptPosting]) -> Iterator[Finding]:
    """Find refused lines of one return whose units of the sale are not there any more."""
    for row in rows:
        line, key = row.posting.document, row.posting.key
        if row.state is not PostingState.REJECTED or key.kind is not PostingKind.ORDER_LINE or not isinstance(line, OrderLine):
            continue
        sold = tx.claims(key.tenant, key.legal_entity, orders=[line.order], customers=(), history=(), apart_from=()).lots
        gone = [share for share in line.lots if _beyond(share, line, sold.get((line.order, share.lot), Taken()))]
        if gone and not _waived(tx, row):
            lots = {share.lot for share in gone}
            others = sorted({other.posting.key.return_ref for other in tx.in_state(
                key.tenant, key.legal_entity, TAKING, kinds={PostingKind.ORDER_LINE})
                if isinstance(other.posting.document, OrderLine) and other.posting.document.order == line.order
                and lots & {share.lot for share in other.posting.document.lots}})
            yield Finding(code="UNITS_TAKEN", line_id=line.line_id, sentence=(
                f"The units of this sale are taken by RETURN {', '.join(others)}; {line.quantity} x {line.sku} of order {line.order} can"
                "not be credited again."))


def _beyond(share: LotShare, line: OrderLine, others: Taken) -> bool:
    """Tell whether a line of a sale has not that many units, or not that much money, beside what others take."""
    if share.sold is None or share.sold_at is None:
        return False
    return share.quantity + others.units > share.sold or share.quantity * line.unit_price + others.net > share.sold * share.sold_at


def _waived(tx: Tx, row: KeptPosting) -> bool:
    ref = row.posting.key.return_ref
    return any(isinstance(fact, Decided) and fact.decision is Decision.WAIVE and fact.line_id == row.posting.line_id and fact.code in ABOVE
               for fact in tx.facts(row.posting.key.tenant, [ref]).get(ref, ()))

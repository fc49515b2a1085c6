"""When do our record and the ERP's record say the same thing?"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from backhaul.domain.posting import CreditNote, ErpDocument, Posting
from backhaul.domain.rules import Tolerances


class BreakKind(StrEnum):
    """How the two records of one document differ (reliability appendix B)."""

    DUPLICATE = "duplicate"
    WRONG_QUANTITY = "wrong quantity"
    WRONG_AMOUNT = "wrong amount"
    WRONG_CURRENCY = "wrong currency"


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One difference, in words for whoever reads it."""

    kind: BreakKind
    sentence: str


def classify(posting: Posting, document: ErpDocument, tolerances: Tolerances) -> Iterator[Break]:
    """Give every way in which the ERP's document differs from what was wanted; none means they agree."""
    quantity = getattr(posting.document, "quantity", None)
    if document.copies > 1:
        yield Break(kind=BreakKind.DUPLICATE, sentence=f"The ERP holds {document.copies} documents with mark {posting.key.marker}.")
    if None not in (quantity, document.quantity) and abs(document.quantity) != quantity:  # type: ignore[arg-type]  # both checked
        yield Break(kind=BreakKind.WRONG_QUANTITY,
                    sentence=f"Wanted {quantity} x {posting.line_id}, the ERP has {document.quantity} in {document.number}.")
    if isinstance(posting.document, CreditNote) and document.net is not None and abs(document.net - posting.net) > tolerances.amount:
        yield Break(kind=BreakKind.WRONG_AMOUNT,
                    sentence=f"Wanted {posting.net} {posting.currency} net, the ERP has {document.net} in {document.number}.")
    if document.currency and posting.currency and document.currency != posting.currency:
        yield Break(kind=BreakKind.WRONG_CURRENCY,
                    sentence=f"Wanted {posting.currency}, the ERP has {document.currency} in {document.number}.")

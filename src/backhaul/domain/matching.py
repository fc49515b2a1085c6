"""When do our record and the ERP's record say the same thing?"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from backhaul.domain.disposition import Place
from backhaul.domain.posting import Adjustment, CreditNote, ErpDocument, Issue, Posting, Receipt, Transfer, intake
from backhaul.domain.rules import Tolerances


class BreakKind(StrEnum):
    """How the two records of one document differ (reliability appendix B)."""

    DUPLICATE = "duplicate"
    WRONG_QUANTITY = "wrong quantity"
    WRONG_AMOUNT = "wrong amount"
    WRONG_CURRENCY = "wrong currency"
    WRONG_CHARGE = "wrong charge"
    WRONG_PLACE = "wrong place"
    WRONG_DISPOSITION = "wrong disposition"


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
    if None not in (quantity, document.quantity) and abs(document.quantity) != abs(quantity):  # type: ignore[arg-type]  # both checked
        yield Break(kind=BreakKind.WRONG_QUANTITY,
                    sentence=f"Wanted {quantity} x {posting.line_id}, the ERP has {document.quantity} in {document.number}.")
    if isinstance(posting.document, Issue) and document.quantity is not None and document.quantity > 0:
        yield Break(kind=BreakKind.WRONG_QUANTITY, sentence=f"{posting.document.sku} should leave stock, {document.number} brings it in.")
    where = _place(posting)
    if where and document.place and _differ(where, document.place):
        yield Break(kind=BreakKind.WRONG_PLACE, sentence=f"Wanted {posting.line_id} at {where.warehouse}/{where.location}, the ERP has it "
                                                         f"at {document.place.warehouse}/{document.place.location} in {document.number}.")
    if accepted := intake(posting.document):
        yield from _arrival(accepted, document)
    if isinstance(posting.document, CreditNote) and document.net is not None and abs(document.net - posting.net) > tolerances.amount:
        yield Break(kind=BreakKind.WRONG_AMOUNT,
                    sentence=f"Wanted {posting.net} {posting.currency} net, the ERP has {document.net} in {document.number}.")
    if isinstance(posting.document, CreditNote) and document.charge is not None \
            and abs(document.charge - posting.document.charge) > tolerances.amount:
        yield Break(kind=BreakKind.WRONG_CHARGE, sentence=f"The ERP should charge {posting.document.charge} {posting.currency} by itself, "
                                                          f"it charged {document.charge} in {document.number}.")
    if document.currency and posting.currency and document.currency != posting.currency:
        yield Break(kind=BreakKind.WRONG_CURRENCY,
                    sentence=f"Wanted {posting.currency}, the ERP has {document.currency} in {document.number}.")


def _place(posting: Posting) -> Place | None:
    """Give where a journal should have its units: where they come in or leave, and where a transfer takes them to."""
    document = posting.document
    if isinstance(document, Transfer):
        return document.target
    return document.place if isinstance(document, Adjustment | Issue) else None


def _differ(wanted: Place, told: Place) -> bool:
    """Tell whether two places cannot be one; an ERP that keeps no status for a line says nothing about it."""
    return (wanted.warehouse, wanted.location) != (told.warehouse, told.location) or bool(told.status and told.status != wanted.status)


def _arrival(wanted: Receipt, document: ErpDocument) -> Iterator[Break]:
    """Compare what was registered with what was accepted: the disposition, and the place as far as both say one."""
    if document.disposition and document.disposition != wanted.erp_disposition:
        yield Break(kind=BreakKind.WRONG_DISPOSITION,
                    sentence=f"{wanted.sku} was accepted as {wanted.erp_disposition} and registered as {document.disposition} in "
                             f"{document.number}.")
    for name in ("warehouse", "location", "status"):
        here, there = getattr(wanted.place, name), getattr(document.place, name) if document.place else ""
        if here and there and here != there:
            yield Break(kind=BreakKind.WRONG_PLACE,
                        sentence=f"{wanted.sku} belongs to {name} {here}, it was registered in {there} by {document.number}.")

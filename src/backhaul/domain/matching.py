"""When do our record and the ERP's record say the same thing?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from backhaul.domain.disposition import Place
from backhaul.domain.exception_case import Finding
from backhaul.domain.money import rounded
from backhaul.domain.posting import (
    Adjustment,
    CreditNote,
    ErpDocument,
    Goods,
    Issue,
    OrderLine,
    Posting,
    PostingKind,
    Receipt,
    Transfer,
    intake,
    named,
)
from backhaul.domain.rules import Tolerances
from backhaul.domain.tax import tax_of

BEFORE_ARRIVAL: Final = frozenset({PostingKind.ORDER_LINE, PostingKind.FEE_LINE})
"""Drafts whose price, amount, tax and place are compared while nothing is received or credited yet."""


class BreakKind(StrEnum):
    """How the two records of one document differ (reliability appendix B)."""

    DUPLICATE = "duplicate"
    WRONG_ITEM = "wrong item"
    WRONG_QUANTITY = "wrong quantity"
    WRONG_AMOUNT = "wrong amount"
    WRONG_CURRENCY = "wrong currency"
    WRONG_CHARGE = "wrong charge"
    WRONG_PLACE = "wrong place"
    WRONG_DISPOSITION = "wrong disposition"
    WRONG_TOTAL = "wrong total"
    WRONG_TAX = "wrong tax"


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One difference, in words for whoever reads it."""

    kind: BreakKind
    sentence: str


def classify(posting: Posting, document: ErpDocument, tolerances: Tolerances) -> Iterator[Break]:
    """Give every way in which the ERP's document differs from what was wanted; none means they agree."""
    if document.copies > 1:
        yield Break(kind=BreakKind.DUPLICATE, sentence=f"The ERP holds {document.copies} documents with mark {posting.key.marker}.")
    yield from _units(posting, document)
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
    if isinstance(posting.document, OrderLine) and posting.key.kind in BEFORE_ARRIVAL:
        yield from _draft(posting, posting.document, document, tolerances)
    if document.currency and posting.currency and document.currency != posting.currency:
        yield Break(kind=BreakKind.WRONG_CURRENCY,
                    sentence=f"Wanted {posting.currency}, the ERP has {document.currency} in {document.number}.")


def _units(posting: Posting, document: ErpDocument) -> Iterator[Break]:
    """Compare what the units are, how many, and that what should leave stock leaves it."""
    quantity = getattr(posting.document, "quantity", None)
    if isinstance(posting.document, Goods) and document.item and document.item != named(posting.document):
        yield Break(kind=BreakKind.WRONG_ITEM,
                    sentence=f"Wanted {named(posting.document)} for {posting.line_id}, the ERP has {document.item} in {document.number}.")
    if None not in (quantity, document.quantity) and abs(document.quantity) != abs(quantity):  # type: ignore[arg-type]  # both checked
        yield Break(kind=BreakKind.WRONG_QUANTITY,
                    sentence=f"Wanted {quantity} x {posting.line_id}, the ERP has {document.quantity} in {document.number}.")
    if isinstance(posting.document, Issue) and document.quantity is not None and document.quantity > 0:
        yield Break(kind=BreakKind.WRONG_QUANTITY, sentence=f"{posting.document.sku} should leave stock, {document.number} brings it in.")


def _draft(posting: Posting, line: OrderLine, document: ErpDocument, tolerances: Tolerances) -> Iterator[Break]:
    """Compare what the ERP made of a draft: defaulting may overwrite price or place, totals and tax are its own (facts/finance-scm 4)."""
    net = -rounded(line.quantity * line.unit_price, posting.currency or "GBP")
    if document.net is not None and abs(document.net - net) > tolerances.amount:
        yield Break(kind=BreakKind.WRONG_AMOUNT, sentence=f"Wanted {net} {posting.currency} net for {line.quantity} x {line.sku} at "
                                                          f"{line.unit_price}, the ERP computed {document.net} in {document.number}.")
    if line.tax_rate is not None and document.tax is not None:
        tax = tax_of(net, line.tax_rate, posting.currency or "GBP")
        if abs(document.tax - tax) > tolerances.tax:
            yield Break(kind=BreakKind.WRONG_TAX, sentence=f"Wanted {tax} {posting.currency} tax at {line.tax_rate} % for {line.sku}, the "
                                                           f"ERP computed {document.tax} in {document.number}.")
    if document.place and line.warehouse and not line.intake and document.place.warehouse != line.warehouse:
        yield Break(kind=BreakKind.WRONG_PLACE, sentence=f"Wanted {line.sku} at {line.warehouse}, the ERP's line expects it at "
                                                         f"{document.place.warehouse}.")
    if document.unexplained is not None and abs(document.unexplained) > tolerances.amount:
        yield Break(kind=BreakKind.WRONG_TOTAL, sentence=f"The order's total holds {document.unexplained} beyond its lines and their tax, "
                                                         "a charge or discount nobody asked for.")


def remarks(posted: Iterable[tuple[Posting, ErpDocument]], tolerances: Tolerances, books: str = "GBP") -> Iterator[Finding]:
    """Say what finance should know of documents that stand: another account than the mapping expects, another cost than the original's.

    Posted documents stay; this is work beside them (books 7). `posted` are all documents of one return. Cost is in the
    currency of the books, whatever the sale was in.
    """
    pairs = list(posted)
    original = {posting.line_id: posting.document for posting, _ in pairs
                if isinstance(posting.document, OrderLine) and posting.key.kind is PostingKind.ORDER_LINE}
    for posting, document in pairs:
        wanted = posting.document
        expected = wanted.expected_account if isinstance(wanted, CreditNote | Adjustment | Issue) else ""
        if expected and document.accounts and not any(_is_account(expected, told) for told in document.accounts):
            yield Finding(code="ACCOUNT_DIFFERS", line_id=posting.line_id,
                          sentence=f"{posting.key.kind.value} {document.number}, voucher {document.voucher}: account {expected} was "
                                   f"expected, the ledger has {', '.join(document.accounts)}.")
        line = original.get(posting.line_id)
        if isinstance(wanted, CreditNote) and line and (open_ := [share.lot for share in line.lots if not share.final]):
            yield Finding(code="COST_NOT_FINAL", line_id=posting.line_id,
                          sentence=f"{wanted.sku}: the cost of the original issue ({', '.join(open_)}) was not final when it was taken for "
                                   f"{posting.key.kind.value} {document.number}.")
        if isinstance(wanted, CreditNote) and line and line.unit_cost is not None and document.cost is not None:
            cost = rounded(wanted.quantity * line.unit_cost, books)
            if abs(abs(document.cost) - cost) > tolerances.cost:
                yield Finding(code="COST_DIFFERS", line_id=posting.line_id,
                              sentence=f"{wanted.quantity} x {wanted.sku} went out at a cost of {cost} and came back at "
                                       f"{abs(document.cost)} in {document.number}.")


def _is_account(expected: str, told: str) -> bool:
    """Tell whether a ledger account is the one expected, alone or with dimensions behind it."""
    return told == expected or (told.startswith(expected) and not told[len(expected)].isalnum())


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

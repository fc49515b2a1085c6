"""What do our documents look like in the words of Business Central, and theirs in ours?

Names exactly as in the contract of API v2.0 (facts/business-central 3); nothing here calls anybody. A credit memo's quantities and amounts
are positive in the ERP and negative for us; on an invoice, which charges the customer, it is the other way round. A `Place` is a location
code and a bin; `NO_BIN` stands where a location has none.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from backhaul.adapters.business_central.central import API, PUBLISHED, Write
from backhaul.adapters.odata import Row, day_of, number
from backhaul.domain.disposition import Place, Sellability
from backhaul.domain.errors import Misconfigured
from backhaul.domain.posting import (
    ErpDocument,
    ErpItem,
    OrderLine,
    Posting,
    PostingKey,
    PostingKind,
    Receipt,
    ReturnOrder,
    Spare,
    named,
)
from backhaul.domain.rules import LegalEntity

MEMOS: Final = "salesCreditMemos"
INVOICES: Final = "salesInvoices"
LINES_OF: Final[Mapping[str, str]] = {MEMOS: "salesCreditMemoLines", INVOICES: "salesInvoiceLines"}
"""The lines of each kind of document: their set, and the navigation that leads to them."""
NO_BIN: Final = "-"
VARIANT: Final = "variant"
"""What an `ErpItem` calls the one dimension there is."""
ACCOUNT: Final = "account:"
"""How a mapping row says that goods are credited on a G/L account, because none of them come into stock."""
HEAD_LINE: Final = 10_000
MARK_LENGTH: Final = 20
DESCRIPTION: Final = 100
DRAFTS: Final = frozenset({"Draft", "In Review", "In_x0020_Review"})
ENDED: Final = frozenset({"Paid", "Canceled", "Corrective"})
"""States only a posted document has; `Open` is a released draft as well (facts/business-central 3.3)."""

SELECT: Final[Mapping[str, tuple[str, ...]]] = {
    MEMOS: ("id", "number", "externalDocumentNumber", "postingDate", "customerNumber", "currencyCode", "pricesIncludeTax",
            "totalAmountExcludingTax", "totalTaxAmount", "totalAmountIncludingTax", "status", "lastModifiedDateTime", "invoiceNumber"),
    INVOICES: ("id", "number", "externalDocumentNumber", "invoiceDate", "postingDate", "customerNumber", "currencyCode", "orderNumber",
               "customerPurchaseOrderReference", "pricesIncludeTax", "remainingAmount", "totalAmountExcludingTax", "totalTaxAmount",
               "totalAmountIncludingTax", "status", "lastModifiedDateTime"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of one legal entity, read once."""

    company: str
    company_id: str
    sku: str
    variant_separator: str
    variants_needed: bool
    order_field: str
    apply_to_invoice: bool
    receivable_accounts: frozenset[str]
    tax_accounts: frozenset[str]
    bins: frozenset[Place]
    operations: int
    per_minute: int
    master_ttl: float
    item_journal: str
    reclass_journal: str

    @classmethod
    def of(cls, entity: LegalEntity) -> "Settings":
        """Read the options; one that cannot be used is `Misconfigured`. The company is named by the entity's id unless told."""
        told = entity.options
        try:
            return cls(
                company=told.get("company", entity.id), company_id=told.get("company_id", ""),
                sku=entity.choice("sku", "item", "variant", "gtin"), variant_separator=told.get("variant_separator", "/"),
                variants_needed=entity.choice("variants", "needed", "optional") == "needed",
                order_field=entity.choice("order_field", "externalDocumentNumber", "orderNumber", "number",
                                    "customerPurchaseOrderReference"),
                apply_to_invoice=entity.choice("apply_to_invoice", "while-open", "never") == "while-open",
                receivable_accounts=entity.words("receivable_accounts"), tax_accounts=entity.words("tax_accounts"),
                bins=frozenset(map(_bin, entity.words("bins"))),
                operations=_limit(told, "batch_operations", 100), per_minute=_limit(told, "requests_per_minute", 900),
                master_ttl=float(told.get("master_ttl_seconds", "86400")),
                item_journal=told.get("item_journal", "ITEM"), reclass_journal=told.get("reclass_journal", "RECLASS"))
        except ValueError as wrong:
            message = f"Legal entity {entity.id}: an option cannot be used: {wrong}."
            raise Misconfigured(message) from None


def _bin(text: str) -> Place:
    location, slash, code = text.partition("/")
    if not (location and slash and code):
        message = f"option bins: '{text}' is no location and bin like MAIN/A-01"
        raise ValueError(message)
    return Place(warehouse=location, location=code)


def _limit(told: Mapping[str, str], name: str, usual: int) -> int:
    limit = int(told.get(name, usual))
    if limit < 1:
        message = f"option {name} = '{limit}'; it must be at least 1"
        raise ValueError(message)
    return limit


# --- ours to theirs ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """The original invoice of a return, as far as a memo refers to it."""

    id: str
    number: str
    date: str
    customer: str
    currency: str
    remaining: Decimal
    rate: Decimal

    def covers(self, head: ReturnOrder) -> bool:
        """Tell whether the invoice is still open by as much as a memo may come to (books 7)."""
        gross = head.net * (1 + self.rate / 100)
        return (self.customer, self.currency) == (head.customer, head.currency) and 0 < gross <= self.remaining


def kind_of(head: ReturnOrder) -> str:
    """Say which kind of document a head is: a memo must stay a credit, what charges the customer is an invoice (books 7)."""
    return INVOICES if head.net < 0 else MEMOS


def head(posting: Posting, *, reason_id: str = "", invoice: Invoice | None = None, applied: bool = False,
         on: date | None = None) -> Write:
    """Write a draft with our mark in its external document number and on the comment line that comes with it.

    The comment names the return and the original invoice with its date (books 6); `applied` sets what the memo is applied to as well.
    `on` is the day it should be posted on; left to the ERP, it would be the day of the draft.
    """
    document = posting.document
    if not isinstance(document, ReturnOrder):
        message = f"{posting.key} carries a {type(document).__name__}, not the head of a document"
        raise TypeError(message)
    entity = kind_of(document)
    refers = f"Return {document.return_ref}" + (f", invoice {invoice.number} of {invoice.date}" if invoice else "")
    comment = {"sequence": HEAD_LINE, "lineType": "Comment", "description": refers[:DESCRIPTION], "description2": posting.key.marker}
    body: Row = {
        "externalDocumentNumber": posting.key.marker, "customerNumber": document.customer, "currencyCode": document.currency,
        "postingDate": on.isoformat() if on else "",
        "customerReturnReasonId": reason_id if entity == MEMOS else "", "invoiceId": invoice.id if invoice and applied else "",
        LINES_OF[entity]: [comment],
    }
    return Write(method="POST", address=entity, body=given(body))


def line(posting: Posting, ids: Mapping[str, str], *, location_id: str = "", variant_id: str = "", about: str = "") -> Write:
    """Write a line on the draft these `ids` name; its number is made of our key, so that the second of it is refused.

    Item, variant and location stand before quantity and price, which their validation would overwrite (facts/business-central 10).
    `about` is the number of the credit memo a debit takes back.
    """
    wanted = posting.document
    if not isinstance(wanted, OrderLine):
        message = f"{posting.key} carries a {type(wanted).__name__}, not a line"
        raise TypeError(message)
    account = account_of(wanted)
    sign = 1 if ids["entity"] == MEMOS else -1
    body: Row = {
        "documentId": ids["id"], "sequence": sequence(posting.key), "lineType": "Account" if account else "Item",
        "lineObjectNumber": account or named(wanted).number, "itemVariantId": variant_id, "locationId": "" if account else location_id,
        "description": f"{wanted.description or wanted.sku} {about}".strip()[:DESCRIPTION], "description2": posting.key.marker,
        "quantity": sign * wanted.quantity, "unitPrice": price(wanted, gross=ids.get("pricesIncludeTax") == "True"),
    }
    return Write(method="POST", address=LINES_OF[ids["entity"]], body=given(body))


def price(wanted: OrderLine, *, gross: bool) -> Decimal:
    """Give the price as the document wants it; with tax in it where the customer's prices have it, which needs a rate (`KeyError`)."""
    if not gross:
        return wanted.unit_price
    if wanted.tax_rate is None:
        message = f"the tax rate of {wanted.sku}, whose price on this document includes tax,"
        raise KeyError(message)
    return (wanted.unit_price * (1 + wanted.tax_rate / 100)).quantize(Decimal("0.00001")).normalize() + 0


def account_of(wanted: OrderLine) -> str:
    """Give the G/L account that goods are credited on which never come into stock; empty for all others."""
    told = wanted.intake.erp_disposition if wanted.intake else ""
    return told.removeprefix(ACCOUNT) if told.startswith(ACCOUNT) else ""


def sequence(key: PostingKey) -> int:
    """Give the number of a line: nine digits of its key, behind the comment that stands first."""
    return 100_000_000 + int.from_bytes(hashlib.sha256(str(key).encode()).digest()[:8], "big") % 900_000_000


def removal(spare: Spare, etag: str) -> Write:
    """Delete one draft as it was just read: with another ETag it is no longer that draft, and a posted one must never be deleted."""
    entity = entity_of(spare)
    return Write(method="DELETE", address=f"{entity}({spare.ids['id']})", etag=etag, service=API if entity in LINES_OF else PUBLISHED)


def entity_of(spare: Spare) -> str:
    """Name the set of a spare, which is named by its set or by the kind of posting it is a spare of."""
    return spare.ids.get("entity", MEMOS) if spare.entity in set(PostingKind) else spare.entity


def given(body: Row) -> Row:
    """Leave out what was not told."""
    return {name: value for name, value in body.items() if not (isinstance(value, str) and not value)}


# --- theirs to ours ----------------------------------------------------------------------------------


def plain(text: object) -> str:
    """Read the name of an enumeration member, whose blanks and signs travel encoded (facts/business-central 5)."""
    told = str(text or "")
    for code, sign in (("_x0020_", " "), ("_x002D_", "-"), ("_x002E_", "."), ("_x002F_", "/")):
        told = told.replace(code, sign)
    return told.strip()


def is_posted(row: Row, draft: str) -> bool | None:
    """Tell whether a document is posted; None where `Open` could be either, because posting left its number as it was."""
    status = plain(row.get("status"))
    if status in DRAFTS:
        return False
    return True if status in ENDED or (draft and row.get("number") != draft) else None


def ids_of(row: Row, entity: str) -> dict[str, str]:
    """Keep what later steps need, as text."""
    told = {name: str(row[name]) for name in ("id", "number", "externalDocumentNumber", "status", "pricesIncludeTax")
            if row.get(name) not in {"", None}}
    return {**told, "entity": entity, **({"etag": str(row["@odata.etag"])} if row.get("@odata.etag") else {})}


def head_document(row: Row, entity: str) -> ErpDocument:
    """Read the head of a memo or invoice; a credit is negative."""
    sign = -1 if entity == MEMOS else 1
    net, tax, gross = (None if row.get(name) is None else sign * number(row[name])
                       for name in ("totalAmountExcludingTax", "totalTaxAmount", "totalAmountIncludingTax"))
    return ErpDocument(number=str(row.get("number") or ""), ids=ids_of(row, entity), currency=str(row.get("currencyCode") or ""),
                       posted_on=day_of(row.get("postingDate")), net=net, tax=tax, gross=gross)


def line_document(row: Row, head: Mapping[str, str], place: Place | None, item: ErpItem | None) -> ErpDocument:
    """Read one line of the document these ids name; a credit is negative. Amounts are what BC computed, discounts included."""
    sign = -1 if head["entity"] == MEMOS else 1
    net, tax = (sign * number(row.get(name)) for name in ("netAmount", "netTaxAmount"))
    return ErpDocument(
        number=f"{head.get('number', '')}:{row.get('sequence')}", quantity=sign * number(row.get("quantity")), net=net, tax=tax,
        gross=net + tax, place=place, item=item, ids={"id": head["id"], "entity": head["entity"], "sequence": str(row.get("sequence")),
                                     "mark": str(row.get("description2") or "")})


def credit_document(head: ErpDocument, line: ErpDocument, cost: Decimal | None, accounts: Sequence[str]) -> ErpDocument:
    """Read one line of a posted document; voucher and number are the document's own."""
    return ErpDocument(
        number=head.number, voucher=head.number, posted_on=head.posted_on, currency=head.currency, quantity=line.quantity, net=line.net,
        tax=line.tax, gross=line.gross, cost=cost, accounts=tuple(accounts), item=line.item,
        ids={**{name: head.ids[name] for name in ("id", "entity", "number", "externalDocumentNumber") if name in head.ids},
             "sequence": line.ids["sequence"], "mark": line.ids["mark"]})


# --- the third look at damaged goods -----------------------------------------------------------------


def unsellable_on_sale(goods: Receipt, sellability: Sellability) -> str:
    """Say what is wrong when goods that may not be sold would go where stock is sold; empty when nothing is (INV-06).

    Code of its own on purpose: it reads neither the mapping nor `Sellability.sells`. Codes of Business Central know no case, and a bin
    nobody names may be any, so it errs to the safe side.
    """
    if goods.condition in sellability.conditions and goods.disposition in sellability.dispositions:
        return ""
    location, bin_code = (text.strip().upper() for text in (goods.place.warehouse, goods.place.location))
    for shelf in sellability.places:
        shelf_bin = shelf.location.strip().upper()
        if location == shelf.warehouse.strip().upper() and (NO_BIN in {bin_code, shelf_bin} or not bin_code or bin_code == shelf_bin):
            return (f"{goods.quantity} x {goods.sku}: condition '{goods.condition}', disposition '{goods.disposition}' is not sellable, "
                    f"yet {goods.place.warehouse}/{goods.place.location} is on sale. Nothing was sent.")
    return ""

"""How are return orders written where nothing of ours is installed? (facts/business-central 4)

The published services `salesDocuments` and `salesDocumentLines` take a return order with a key of the caller's, and lines with return
reason and the entry of the original issue. Nothing of them posts: a job queue entry of the ERP does, with report 6655, and takes every
return order it finds. So a line is written with nothing to receive; there is nothing to post on it until it was read back and compared.
These services end with version 30: a bridge, never the base.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from backhaul.adapters.business_central import wire
from backhaul.adapters.business_central.central import PUBLISHED, Ask, Central, Write
from backhaul.adapters.business_central.wire import NO_BIN, VARIANT, Invoice
from backhaul.adapters.odata import Answer, Row, day_of, number, quoted
from backhaul.domain.disposition import Outcome, Place
from backhaul.domain.posting import ErpDocument, ErpItem, OrderLine, Posting, PostingKey, ReturnOrder, Spare, named

ORDERS: Final = "salesDocuments"
LINES: Final = "salesDocumentLines"
JOBS: Final = "jobQueueEntries"
VALUES: Final = "ValueEntries"
RETURN_ORDER: Final = "Return Order"
REPORT: Final = 6655
"""*Batch Post Sales Return Orders*: it receives and invoices as its own request page says."""
SELECT: Final[Mapping[str, tuple[str, ...]]] = {
    ORDERS: ("id", "documentType", "number", "externalDocumentNumber", "yourReference", "sellToCustomerNumber", "currencyCode",
             "pricesIncludingVat", "amount", "amountIncludingVAT", "status", "postingDate"),
    LINES: ("documentType", "documentNumber", "lineNumber", "type", "number", "variantCode", "locationCode", "binCode", "description2",
            "quantity", "unitPrice", "vatPercent", "amount", "amountIncludingVat", "returnQtyToReceive", "returnQtyReceived",
            "applFromItemEntry", "returnReasonCode"),
    VALUES: ("Entry_No", "Item_No", "Document_No", "Invoiced_Quantity", "Cost_Amount_Actual"),
    JOBS: ("id", "objectTypeToRun", "objectIdToRun", "status"),
}


def identity(key: PostingKey) -> str:
    """Give the id of a return order: made of our key, so that the second of it meets the first."""
    return str(uuid5(NAMESPACE_URL, f"backhaul:{key}"))


def head(posting: Posting, books: str, invoice: Invoice | None, *, on: date | None = None) -> Write:
    """Write the head of a return order; our mark stands in two fields that can be searched, the invoice with its date in a third."""
    document = posting.document
    if not isinstance(document, ReturnOrder):
        message = f"{posting.key} carries a {type(document).__name__}, not the head of a document"
        raise TypeError(message)
    refers = f"Return {document.return_ref}" + (f", invoice {invoice.number} of {invoice.date}" if invoice else "")
    return Write(method="POST", address=ORDERS, service=PUBLISHED, body=wire.given({
        "id": identity(posting.key), "documentType": RETURN_ORDER, "sellToCustomerNumber": document.customer,
        "externalDocumentNumber": posting.key.marker, "yourReference": posting.key.marker,
        # The local currency is blank on a page (facts/business-central 5).
        "currencyCode": "" if document.currency == books else document.currency,
        "postingDate": on.isoformat() if on else "",
        "reasonCode": document.reason, "postingDescription": refers[:wire.DESCRIPTION]}))


def line(posting: Posting, ids: Mapping[str, str], *, entry: int | None) -> Write:
    """Write a line with nothing to receive yet. Reason, location, cost link: as their validation wants it (facts/business-central 10).

    What is scrapped comes back worth nothing by its reason, so it must not name the entry it went out by.
    """
    wanted = posting.document
    if not isinstance(wanted, OrderLine):
        message = f"{posting.key} carries a {type(wanted).__name__}, not a line"
        raise TypeError(message)
    goes, account, item = wanted.intake, wire.account_of(wanted), named(wanted)
    linked = entry if goes and goes.outcome is not Outcome.SCRAPPED and not account else None
    body: Row = {
        "documentType": RETURN_ORDER, "documentNumber": ids["number"], "lineNumber": wire.sequence(posting.key),
        "type": "G/L Account" if account else "Item", "number": account or item.number,
        "variantCode": "" if account else dict(item.dimensions).get(VARIANT, ""),
        "description": (wanted.description or wanted.sku)[:wire.DESCRIPTION], "description2": posting.key.marker,
        "quantity": wanted.quantity,
        "unitPrice": wire.price(wanted, gross=ids.get("pricesIncludeTax") == "True"),
        "returnReasonCode": goes.erp_disposition if goes and not account else "",
        "locationCode": goes.place.warehouse if goes and not account else "",
        "binCode": goes.place.location if goes and not account and goes.place.location != NO_BIN else "", "returnQtyToReceive": 0,
    }
    return Write(method="POST", address=LINES, service=PUBLISHED,
                 body=wire.given(body) | ({} if linked is None else {"applFromItemEntry": linked}))


def release(row: Row) -> Write:
    """Let a line be received as a whole, as it was just read; twice is once."""
    address = (f"{LINES}(documentType={quoted(RETURN_ORDER)},documentNumber={quoted(str(row['documentNumber']))},"
               f"lineNumber={row['lineNumber']})")
    return Write(method="PATCH", address=address, service=PUBLISHED, etag=str(row.get("@odata.etag") or ""),
                 body={"returnQtyToReceive": number(row.get("quantity"))})


def altered(rows: Iterable[Row], compared: Mapping[str, ErpDocument]) -> str:
    """Say what of an order is no longer as it was read back and compared; `compared` gives its lines by mark. Empty if nothing is."""
    now = sorted((str(row.get("description2")), int(row["lineNumber"]), row) for row in rows)
    if [mark for mark, _, _ in now] != sorted(compared):
        return "it does not hold exactly our lines"
    for mark, _, row in now:
        line, was = line_document(row, ""), compared[mark]
        if (line.item, line.quantity, line.net, line.place) != (was.item, was.quantity, was.net, was.place):
            return (f"line {row.get('lineNumber')} was {was.quantity} for {was.net} when it was compared, "
                    f"and is {line.quantity} of {row.get('number')} for {line.net}, into {row.get('locationCode') or 'no location'}")
    return ""


@dataclass(slots=True, kw_only=True)
class Bridge:
    """The return orders of one company."""

    central: Central
    job: str = ""

    # looking

    def rows(self, marks: Collection[str], ids: Collection[str]) -> tuple[dict[str, Row], dict[str, list[Row]]]:
        """Read return orders by mark and by id, and their lines by order number."""
        of_kind = f"documentType eq {quoted(RETURN_ORDER)}"
        found = self.central.read([
            Ask(entity_set=ORDERS, select=SELECT[ORDERS], where=of_kind, column="externalDocumentNumber", values=tuple(marks)),
            Ask(entity_set=ORDERS, select=SELECT[ORDERS], where=of_kind, column="id", values=tuple(ids), numeric=True)], service=PUBLISHED)
        orders = {str(row["id"]): row for rows in found for row in rows}
        (lines,) = self.central.read([Ask(entity_set=LINES, select=SELECT[LINES], where=of_kind, column="documentNumber",
                                          values=tuple({str(row["number"]) for row in orders.values()}))], service=PUBLISHED)
        by: dict[str, list[Row]] = {}
        for row in lines:
            by.setdefault(str(row.get("documentNumber")), []).append(row)
        return orders, by

    def head_of(self, mark: str, orders: Mapping[str, Row], lines: Mapping[str, Sequence[Row]]) -> ErpDocument | None:
        """Find a head by its mark; drafts beyond the first are spares."""
        rows = sorted((row for row in orders.values() if row.get("externalDocumentNumber") == mark),
                      key=lambda row: (-len(lines.get(str(row["number"]), ())), str(row["number"])))
        if not rows:
            return None
        spares = tuple(Spare(entity=ORDERS, ids={"id": str(row["id"])}) for row in rows[1:])
        return replace(head_document(rows[0]), copies=len(rows), spares=spares)

    def line_of(self, mark: str, order: Row, lines: Iterable[Row]) -> ErpDocument | None:
        """Find a line by its mark; what the order's amount holds beyond our lines is told with each of them."""
        known = list(lines)
        mine = [row for row in known if row.get("description2") == mark]
        if not mine:
            return None
        ours = sum((number(row.get("amount")) for row in known if str(row.get("description2") or "").startswith("ZZ")), Decimal(0))
        return replace(line_document(mine[0], str(order["id"])), copies=len(mine), unexplained=number(order.get("amount")) - ours)

    def values(self, documents: Collection[str]) -> dict[str, list[Row]]:
        """Read the value entries of posted memos, where that query is published."""
        (rows,) = self.central.read([Ask(entity_set=VALUES, select=SELECT[VALUES], column="Document_No", values=tuple(documents))],
                                    optional=frozenset({VALUES}), service=PUBLISHED)
        by: dict[str, list[Row]] = {}
        for row in rows:
            by.setdefault(str(row.get("Document_No")), []).append(row)
        return by

    # letting go

    def let_go(self, rows: Sequence[Row]) -> list[Answer]:
        """Let all lines of one order be received, in one transaction: nothing in it commits (facts/business-central 5).

        `rows` are its lines as they were just read; who changes one of them meanwhile is refused by its version.
        """
        return self.central.write([release(row) for row in rows], atomic=True)

    def start_job(self) -> Answer:
        """Have the ERP's job post what may be posted; one that runs already, or that is away, finds it in its own time."""
        if not self.job:
            (rows,) = self.central.read([Ask(entity_set=JOBS, select=SELECT[JOBS])])
            self.job = next((str(row["id"]) for row in rows if row.get("objectIdToRun") == REPORT), "")
        if not self.job:
            return Answer(sent=False, note="No job posts return orders.")
        return self.central.act(f"{JOBS}({self.job})/Microsoft.NAV.restart")


def head_document(row: Row) -> ErpDocument:
    """Read the head of a return order; a credit is negative."""
    net = -number(row.get("amount"))
    gross = -number(row.get("amountIncludingVAT"))
    ids = {name: str(row[name]) for name in ("id", "number", "externalDocumentNumber", "status") if row.get(name) not in {"", None}}
    etag = {"etag": str(row["@odata.etag"])} if row.get("@odata.etag") else {}
    return ErpDocument(number=str(row.get("number") or ""), net=net, gross=gross, tax=gross - net, posted_on=day_of(row.get("postingDate")),
                       ids={**ids, **etag, "entity": ORDERS, "pricesIncludeTax": str(bool(row.get("pricesIncludingVat")))})


def line_document(row: Row, order: str) -> ErpDocument:
    """Read a line of a return order; a credit is negative."""
    item, variant = str(row.get("number") or ""), str(row.get("variantCode") or "")
    net, gross = -number(row.get("amount")), -number(row.get("amountIncludingVat"))
    location = str(row.get("locationCode") or "")
    return ErpDocument(
        number=f"{row.get('documentNumber')}:{row.get('lineNumber')}", quantity=-number(row.get("quantity")), net=net, gross=gross,
        tax=gross - net,
        item=ErpItem(number=item, dimensions=((VARIANT, variant),) if variant else ()) if row.get("type") == "Item" else None,
        place=Place(warehouse=location, location=str(row.get("binCode") or NO_BIN)) if location else None,
        ids={"id": order, "entity": ORDERS, "number": str(row.get("documentNumber")), "sequence": str(row.get("lineNumber")),
             "mark": str(row.get("description2") or "")})

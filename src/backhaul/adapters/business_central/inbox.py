"""How are return orders made where our extension is installed? (facts/business-central 4)

Its inbox has a key of ours for every return and every line, so that what is sent twice meets itself. `process` makes a return order of a
request, with the entry each line went out by; `postReceiveAndInvoice` receives and invoices it, and asked for it again it answers with what
it made then. The names are those of `extensions/business-central`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

from backhaul.adapters.business_central import wire
from backhaul.adapters.business_central.central import EXTENSION, Ask, Central, Write
from backhaul.adapters.business_central.wire import NO_BIN, VARIANT, Invoice, plain
from backhaul.adapters.odata import Answer, Row, number
from backhaul.domain.disposition import Outcome, Place
from backhaul.domain.money import rounded
from backhaul.domain.posting import ErpDocument, ErpItem, OrderLine, Posting, ReturnOrder, named

REQUESTS: Final = "returnRequests"
LINES: Final = "returnRequestLines"
RETURNABLE: Final = "returnableLines"
ABLE: Final = "capabilities"
REASONS: Final = "returnReasons"
SENDER: Final = "BACKHAUL"
NEW, DONE = "New", "Invoiced"
SELECT: Final[Mapping[str, tuple[str, ...]]] = {
    REQUESTS: ("id", "sourceSystem", "externalId", "customerNumber", "externalDocumentNumber", "currencyCode", "status", "lastError",
               "returnOrderNumber", "returnReceiptNumber", "creditMemoId", "creditMemoNumber", "totalAmountExcludingTax", "totalTaxAmount",
               "totalAmountIncludingTax"),
    RETURNABLE: ("itemLedgerEntryNumber", "documentNumber", "lineNumber", "itemNumber", "variantCode", "shippedQuantityNotReturned"),
    ABLE: ("id", "extensionVersion", "exactCostReversingMandatory", "locationMandatory", "returnOrderNumbers", "returnReceiptNumbers",
           "creditMemoNumbers", "canPostSales", "canPostItems"),
    REASONS: ("id", "code", "inventoryValueZero"),
}

LINE: Final = ("externalLineId", "lineType", "number", "variantCode", "description", "quantity", "unitPrice", "returnReasonCode",
               "locationCode", "binCode", "originalDocumentNumber", "applFromItemEntry", "taxPercent", "lineDiscountAmount")
"""What is written to a line of a request, and read of it."""


def head(posting: Posting, books: str, invoice: Invoice | None, *, applied: bool, on: date | None = None) -> Write:
    """Write a request: our mark is its key, and stands in the external document number of all that comes of it."""
    document = posting.document
    if not isinstance(document, ReturnOrder):
        message = f"{posting.key} carries a {type(document).__name__}, not the head of a document"
        raise TypeError(message)
    return Write(method="POST", address=REQUESTS, service=EXTENSION, body=wire.given({
        "sourceSystem": SENDER, "externalId": posting.key.marker, "customerNumber": document.customer,
        "externalDocumentNumber": posting.key.marker, "yourReference": document.return_ref[:35],
        "currencyCode": "" if document.currency == books else document.currency, "reasonCode": document.reason,
        "postingDate": on.isoformat() if on else "",
        "appliesToInvoiceNumber": invoice.number if invoice and applied else ""}))


def line(posting: Posting, ids: Mapping[str, str], *, entry: int | None) -> Write:
    """Write a line of a request, keyed by our mark. What is scrapped names no entry it went out by, for it comes back worth nothing."""
    wanted = posting.document
    if not isinstance(wanted, OrderLine):
        message = f"{posting.key} carries a {type(wanted).__name__}, not a line"
        raise TypeError(message)
    goes, account, item = wanted.intake, wire.account_of(wanted), named(wanted)
    linked = bool(goes) and goes is not None and goes.outcome is not Outcome.SCRAPPED and not account
    body: Row = {
        "externalLineId": posting.key.marker, "lineType": "Account" if account else "Item", "number": account or item.number,
        "variantCode": "" if account else dict(item.dimensions).get(VARIANT, ""),
        "description": (wanted.description or wanted.sku)[:wire.DESCRIPTION], "quantity": wanted.quantity, "unitPrice": wanted.unit_price,
        "returnReasonCode": goes.erp_disposition if goes and not account else "",
        "locationCode": goes.place.warehouse if goes and not account else "",
        "binCode": goes.place.location if goes and not account and goes.place.location != NO_BIN else "",
        "originalDocumentNumber": wanted.order if linked and entry is None else "",
    }
    return Write(method="POST", address=f"{REQUESTS}({ids['id']})/{LINES}", service=EXTENSION,
                 body=wire.given(body) | ({"applFromItemEntry": entry} if linked and entry is not None else {}))


@dataclass(slots=True, kw_only=True)
class Inbox:
    """The return requests of one company."""

    central: Central

    def rows(self, marks: Collection[str], ids: Collection[str]) -> dict[str, Row]:
        """Read requests by mark and by id, with their lines."""
        ours = f"sourceSystem eq '{SENDER}'"
        found = self.central.read([
            Ask(entity_set=REQUESTS, select=SELECT[REQUESTS], where=ours, column="externalId", values=tuple(marks), expand=LINES),
            Ask(entity_set=REQUESTS, select=SELECT[REQUESTS], column="id", values=tuple(ids), numeric=True, expand=LINES)],
            service=EXTENSION)
        return {str(row["id"]): row for rows in found for row in rows}

    def entries(self, lots: Iterable[str]) -> dict[str, int]:
        """Find the item ledger entry each line of a sale went out by; the extension joins them."""
        documents = {lot.partition(":")[0] for lot in lots}
        (rows,) = self.central.read([Ask(entity_set=RETURNABLE, select=SELECT[RETURNABLE], column="documentNumber",
                                         values=tuple(documents))], service=EXTENSION)
        found: dict[str, list[int]] = {}
        for row in rows:
            found.setdefault(f"{row.get('documentNumber')}:{row.get('lineNumber')}", []).append(int(row["itemLedgerEntryNumber"]))
        return {lot: each[0] for lot, each in found.items() if len(each) == 1}

    def process(self, ids: Collection[str]) -> list[Answer]:
        """Have return orders made of requests; what has one already keeps it."""
        return self.central.write([Write(method="POST", address=f"{REQUESTS}({each})/Microsoft.NAV.process", service=EXTENSION, body={})
                                   for each in ids]) if ids else []


def head_document(row: Row) -> ErpDocument:
    """Read a request; a credit is negative, and before there is a return order there are no amounts."""
    made = plain(row.get("status")) not in {NEW, "Failed"}
    amounts = [-number(row.get(name)) if made else None
               for name in ("totalAmountExcludingTax", "totalTaxAmount", "totalAmountIncludingTax")]
    ids = {name: str(row[name]) for name in ("id", "externalId", "externalDocumentNumber", "status", "returnOrderNumber",
                                             "creditMemoNumber") if row.get(name) not in {"", None}}
    return ErpDocument(number=str(row.get("creditMemoNumber") or row.get("returnOrderNumber") or row.get("externalId")),
                       net=amounts[0], tax=amounts[1], gross=amounts[2],
                       ids={**ids, "entity": REQUESTS, "number": str(row.get("externalId"))})


def line_document(mark: str, row: Row, currency: str) -> ErpDocument | None:
    """Find a line of a request by its mark; a credit is negative. Its tax is told once there is a return order."""
    lines = [line for line in row.get(LINES) or () if line.get("externalLineId") == mark]
    if not lines:
        return None
    told, made = lines[0], plain(row.get("status")) not in {NEW, "Failed"}
    net = -_net(told, currency)
    item, variant = str(told.get("number") or ""), str(told.get("variantCode") or "")
    location = str(told.get("locationCode") or "")
    everything = sum((_net(line, currency) for line in row.get(LINES) or ()), Decimal(0))
    return ErpDocument(
        number=f"{row.get('externalId')}:{mark}", quantity=-number(told.get("quantity")), net=net, copies=len(lines),
        tax=rounded(net * number(told.get("taxPercent")) / 100, currency) if made else None,
        item=ErpItem(number=item, dimensions=((VARIANT, variant),) if variant else ()) if plain(told.get("lineType")) == "Item" else None,
        place=Place(warehouse=location, location=str(told.get("binCode") or NO_BIN)) if location else None,
        unexplained=number(row.get("totalAmountExcludingTax")) - everything if made else None,
        ids={"id": str(row["id"]), "entity": REQUESTS, "mark": mark, "object": item,
             "externalDocumentNumber": str(row.get("externalDocumentNumber") or "")})


def _net(line: Row, currency: str) -> Decimal:
    return rounded(number(line.get("quantity")) * number(line.get("unitPrice")) - number(line.get("lineDiscountAmount")), currency)


def credited_line(wanted: ErpDocument, request: Row, memo: Row) -> Row | None:
    """Find a line of a request in the posted memo; its mark is not there, so item or account, units and price say which.

    Lines that agree in all of them are alike, and each of the request has one of the memo: the first the first, the second the second.
    What somebody changed before it was posted agrees in less, and is found all the same, so that it can be told from what was wanted.
    """
    marked: list[Row] = list(request.get(LINES) or ())
    credited: list[Row] = sorted(memo.get(wire.LINES_OF[wire.MEMOS]) or (), key=lambda line: int(line.get("sequence") or 0))
    for likeness in (3, 2, 1):
        for mine in list(marked):
            told = _told(mine, "number")[:likeness]
            line = next((each for each in credited if _told(each, "lineObjectNumber")[:likeness] == told), None)
            if line is not None:
                marked.remove(mine)
                credited.remove(line)
                if mine.get("externalLineId") == wanted.ids["mark"]:
                    return line
    return None


def _told(line: Row, name: str) -> tuple[str, Decimal, Decimal]:
    """Give what a line is of, its units and its price: what tells lines apart, in the order in which it counts."""
    return str(line.get(name) or ""), number(line.get("quantity")), number(line.get("unitPrice"))


def renamed(document: ErpDocument, mark: str) -> ErpDocument:
    """Give a line of the memo the mark it had in the inbox."""
    return replace(document, ids={**document.ids, "mark": mark})

"""What does the environment tell others when it has posted a sales invoice?

A business event is sent on commit to an HTTPS endpoint (facts/finance-scm 2.3), here after the invoice job, once per invoice or credit
note and as often as `copies` says. Whoever does not answer has lost it: nothing is sent again. Off unless `businessEvents.url` is set.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from backhaul.adapters.finance_scm.emulator.model import World

INVOICES = "SalesInvoiceHeadersV2"
SECONDS = 5.0


def telling(world: World, post: Callable[[World], int]) -> int:
    """Run an invoice job, then send the event of everything it posted."""
    told: Mapping[str, Any] = {"url": "", "headers": {}, "copies": 1} | world.settings.get("businessEvents", {})
    before = {row["_id"] for row in world.tables.rows(INVOICES)} if told["url"] else set()
    failures = post(world)
    if told["url"]:
        for row in list(world.tables.rows(INVOICES)):
            if row["_id"] not in before:
                _send(world, told, row["dataAreaId"], row["InvoiceNumber"], json.dumps(event(row), default=str).encode())
    return failures


def event(row: Mapping[str, Any]) -> dict[str, Any]:
    """Write the documented fields; this environment's books are kept in the invoice's currency."""
    return {
        "InvoiceAccount": row["InvoiceCustomerAccountNumber"], "InvoiceId": row["InvoiceNumber"], "SalesOrderId": row["SalesOrderNumber"],
        "InvoiceDate": row["InvoiceDate"], "InvoiceDueDate": row["InvoiceDate"],
        "InvoiceAmountInAccountingCurrency": row["TotalInvoiceAmount"], "InvoiceTaxAmount": row["TotalTaxAmount"],
        "LegalEntity": row["dataAreaId"]}


def _send(world: World, told: Mapping[str, Any], company: str, number: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json", **told["headers"]}
    for _ in range(told["copies"]):
        try:
            with urlopen(Request(told["url"], body, headers), timeout=SECONDS) as answer:  # noqa: S310  the address a test configured
                world.log("business-events", company, number, "sent", str(answer.status))
        except (URLError, OSError) as lost:
            world.log("business-events", company, number, "lost", str(lost))

"""What does posting a general journal of API v2.0 do?

Lines to G/L accounts and customers, each with a balancing account of its own or the journal's, or balanced within its document number. A
journal is posted as a whole and is empty then.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from backhaul.adapters.business_central.emulator import ledger, refusals as no
from backhaul.adapters.business_central.emulator.ledger import PAYMENT, Document
from backhaul.adapters.business_central.emulator.model import NEVER, NOWHERE, ZERO, World
from backhaul.adapters.business_central.emulator.sales_post import check_date

if TYPE_CHECKING:
    from decimal import Decimal

    from backhaul.adapters.odata_server import Row

LEDGER, CUSTOMER = "G_x002F_L_x0020_Account", "Customer"


def new_line(world: World, company: str, values: Row, parent: Row | None) -> Row:
    """Write a line of a journal."""
    journal = parent or world.tables.find("journals", str(values.get("journalId", "")))
    if journal is None:
        raise no.no_related("Gen. Journal Batch", f"SystemId='{values.get('journalId', '')}'")
    lines = world.tables.where("journalLines", "journalId", journal["id"])
    number = int(values.get("lineNumber", 0)) or max((line["lineNumber"] for line in lines), default=0) + 10_000
    if any(line["lineNumber"] == number for line in lines):
        raise no.duplicate("Gen. Journal Line", f"Journal Batch Name='{journal.get('code', '')}',Line No.='{number}'")
    line: Row = {"company": company, "accountType": LEDGER, "accountNumber": "", "documentNumber": "", "externalDocumentNumber": "",
                 "amount": ZERO, "description": "", "balancingAccountNumber": journal.get("balancingAccountNumber", ""), **values,
                 "journalId": journal["id"], "lineNumber": number}
    if line.get("postingDate", NEVER) == NEVER:
        line["postingDate"] = world.today()
    if (identity := values.get("accountId", NOWHERE)) != NOWHERE:
        table = "customers" if line["accountType"] == CUSTOMER else "accounts"
        line["accountNumber"] = (world.tables.find(table, identity) or {}).get("number", "")
    return world.put("journalLines", line)


def post(world: World, company: str, journal: Row) -> None:
    """Post a journal: all of its lines or none."""
    lines = sorted(world.tables.where("journalLines", "journalId", journal["id"]), key=lambda line: int(line["lineNumber"]))
    if not lines:
        raise no.dialog("There is nothing to post.")
    entries: dict[tuple[str, str], list[tuple[str, Decimal]]] = defaultdict(list)
    for line in lines:
        check_date(world, company, line["postingDate"])
        if not line["documentNumber"]:
            raise no.missing_value("Document No.", f"Gen. Journal Line: Line No.={line['lineNumber']}")
        entries[line["documentNumber"], line["postingDate"]] += _sides(world, line)
        world.tables.remove("journalLines", line["id"])
    for (number, date), sides in entries.items():
        if left := sum((amount for _, amount in sides), ZERO):
            raise no.dialog(f"Document No. {number} is out of balance by {left}. Please check that Posting Date, Document Type, "
                            "Document No. and Amount are correct for each line.")
        ledger.book(world, Document(company=company, number=number, date=date, text=f"Journal {number}"), sides)


def _sides(world: World, line: Row) -> list[tuple[str, Decimal]]:
    sides = [(_account(world, line), line["amount"])]
    if line["balancingAccountNumber"]:
        sides.append((line["balancingAccountNumber"], -line["amount"]))
    return sides


def _account(world: World, line: Row) -> str:
    company, number = line["company"], line["accountNumber"]
    if line["accountType"] == CUSTOMER:
        if world.one("customers", company, "number", number) is None:
            raise no.no_related("Customer", f"No.='{number}'")
        document = Document(company=company, number=line["documentNumber"], date=line["postingDate"], text=line["description"],
                            kind=PAYMENT, external=line["externalDocumentNumber"])
        ledger.customer_entry(world, document, number, line["amount"], line["amount"])
        return "customer"
    row = world.one("accounts", company, "number", number)
    if row is None:
        raise no.no_related("G/L Account", f"No.='{number}'")
    if row.get("blocked"):
        raise no.must_be("Blocked", "No", f"G/L Account: No.={number}", "Yes")
    return str(number)

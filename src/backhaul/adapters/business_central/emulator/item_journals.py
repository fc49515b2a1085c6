"""What does posting an item journal do to stock and value?

Positive and negative adjustments, and reclassifications that issue at one place what they receive at another. A batch is posted as a whole;
its lines are gone then, and every document number of it has one transaction in the general ledger. Cost is the item card's: there are no
layers.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

from backhaul.adapters.business_central.emulator import ledger, refusals as no
from backhaul.adapters.business_central.emulator.ledger import Document
from backhaul.adapters.business_central.emulator.model import NEVER, ZERO, World
from backhaul.adapters.business_central.emulator.sales_post import STOCKED, check_date

if TYPE_CHECKING:
    from backhaul.adapters.odata_server import Row

POSITIVE, NEGATIVE, TRANSFER = "Positive_x0020_Adjmt_x002E_", "Negative_x0020_Adjmt_x002E_", "Transfer"
SIGNS = {POSITIVE: 1, NEGATIVE: -1, TRANSFER: -1}


def new_batch(world: World, company: str, values: Row, _: Row | None) -> Row:
    """Create a batch of a template there is."""
    template = values.get("journalTemplateName", "")
    if template not in world.settings["itemJournalTemplates"]:
        raise no.not_in_table("Journal Template Name", template, "Item Journal Template")
    if any(row.get("journalTemplateName", "") == values.get("journalTemplateName", "")
           for row in world.of("itemJournalBatches", company) if row.get("name") == values.get("name")):
        raise no.duplicate("Item Journal Batch", f"Name='{values.get('name')}'")
    return world.put("itemJournalBatches", {"company": company, **values})


def new_line(world: World, company: str, values: Row, parent: Row | None) -> Row:
    """Write a line of a batch."""
    batch = parent or world.tables.find("itemJournalBatches", str(values.get("batchId", "")))
    if batch is None:
        raise no.no_related("Item Journal Batch", f"SystemId='{values.get('batchId', '')}'")
    lines = world.tables.where("itemJournalLines", "batchId", batch["id"])
    number = int(values.get("lineNumber", 0)) or max((line["lineNumber"] for line in lines), default=0) + 10_000
    if any(line["lineNumber"] == number for line in lines):
        raise no.duplicate("Item Journal Line", f"Journal Batch Name='{batch.get('name', '')}',Line No.='{number}'")
    _not_yet_posted(world, company, values.get("documentNumber", ""))
    item = world.one("items", company, "number", values.get("itemNumber", ""))
    if item is None:
        raise no.not_in_table("Item No.", values.get("itemNumber", ""), "Item")
    if item.get("blocked"):
        raise no.must_be("Blocked", "No", f"Item: No.={item['number']}", "Yes")
    kind = values.get("entryType", POSITIVE)
    if kind not in SIGNS:
        raise no.bad_enum(kind, ",".join(SIGNS))
    date = values.get("postingDate", NEVER)
    return world.put("itemJournalLines", {
        "company": company, "documentNumber": "", "externalDocumentNumber": "", "variantCode": "", "locationCode": "", "binCode": "",
        "newLocationCode": "", "newBinCode": "", "quantity": ZERO, "description": item.get("displayName", ""),
        "unitCost": Decimal(item.get("unitCost", ZERO)), **values, "entryType": kind, "batchId": batch["id"], "lineNumber": number,
        "postingDate": world.today() if date == NEVER else date})


def delete_line(world: World, _: str, row: Row) -> None:
    """Delete a line."""
    world.tables.remove("itemJournalLines", row["id"])


def post(world: World, company: str, batch: Row) -> None:
    """Post a batch: all of its lines or none."""
    lines = sorted(world.tables.where("itemJournalLines", "batchId", batch["id"]), key=lambda line: int(line["lineNumber"]))
    if not lines:
        raise no.dialog("There is nothing to post.")
    if "items" in world.settings["noPermission"]:
        raise no.dialog("Sorry, the current permissions prevented the action. (TableData 32 Item Ledger Entry Insert: Base Application)")
    for line in lines:
        _not_yet_posted(world, company, line["documentNumber"])
    costs: dict[tuple[str, str], list[tuple[str, Decimal]]] = defaultdict(list)
    for line in lines:
        _check(world, line)
        document = Document(company=company, number=line["documentNumber"], date=line["postingDate"], text=line["description"],
                            external=line["externalDocumentNumber"])
        costs[document.number, document.date] += _move(world, document, line)
        world.tables.remove("itemJournalLines", line["id"])
    for (number, date), entries in costs.items():
        ledger.book(world, Document(company=company, number=number, date=date, text=f"Item journal {number}"), entries)


def _not_yet_posted(world: World, company: str, number: str) -> None:
    """Refuse a document number the item ledger has, as the extension does: what is asked for twice is done once."""
    if number and any(row["documentNumber"] == number for row in world.of("itemLedger", company)):
        raise no.dialog(f"The document {number} has been posted already.")


def _check(world: World, line: Row) -> None:
    check_date(world, line["company"], line["postingDate"])
    record = f"Item Journal Line: Line No.={line['lineNumber']}"
    if not line["documentNumber"]:
        raise no.missing_value("Document No.", record)
    if not line["quantity"]:
        raise no.missing_value("Quantity", record)
    for name, caption in (("locationCode", "Location Code"), *((("newLocationCode", "New Location Code"),)
                                                              if line["entryType"] == TRANSFER else ())):
        if world.settings["locationMandatory"] and not line[name]:
            raise no.missing_value(caption, record)
        if line[name] and world.one("locations", line["company"], "code", line[name]) is None:
            raise no.not_in_table(caption, line[name], "Location")


def _move(world: World, document: Document, line: Row) -> list[tuple[str, Decimal]]:
    sign = SIGNS[line["entryType"]]
    costs = _entry(world, document, line, sign * line["quantity"], (line["locationCode"], line["binCode"]))
    if line["entryType"] == TRANSFER:
        costs += _entry(world, document, line, line["quantity"], (line["newLocationCode"], line["newBinCode"]))
    return costs


def _entry(world: World, document: Document, line: Row, quantity: Decimal, place: tuple[str, str]) -> list[tuple[str, Decimal]]:
    item = world.one("items", line["company"], "number", line["itemNumber"]) or {}
    entry = ledger.item_entry(world, document, {
        "itemNumber": line["itemNumber"], "variantCode": line["variantCode"], "location": place[0], "bin": place[1],
        "entryType": line["entryType"], "documentType": "_x0020_", "documentLine": line["lineNumber"], "description": line["description"],
        "quantity": quantity, "stocked": item.get("type", "Inventory") in STOCKED, "unit": item.get("baseUnitOfMeasureCode", "")})
    value = ledger.value_entry(world, document, entry, {"costAmountActual": world.round(quantity * line["unitCost"]),
                                                        "invoicedQuantity": quantity})
    return ledger.post_cost(world, value, "adjustment")

"""What does posting an inventory journal do to stock, value and ledger?

The sibling of the arrival posting class (facts/finance-scm 2.2): every open adjustment, movement and transfer journal with a configured
name, each in a transaction of its own. An adjustment's account comes from posting set-up, a movement's from its line; a transfer issues at
one place what it receives at another, at the same cost, so that quantity and value are net zero (books 1).
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from backhaul.adapters.finance_scm.emulator.documents import place_of
from backhaul.adapters.finance_scm.emulator.ledger import ZERO, Document, Place, PostingFailed, book, item_of, move, on_hand, unit_cost
from backhaul.adapters.odata_server import Refused, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from backhaul.adapters.finance_scm.emulator.model import World

ADJUSTMENTS = "InventoryAdjustmentJournalHeaders"
MOVEMENTS = "InventoryMovementJournalHeaders"
TRANSFERS = "InventoryTransferJournalHeaders"
LINES: Mapping[str, str] = {
    ADJUSTMENTS: "InventoryAdjustmentJournalEntriesV2",
    MOVEMENTS: "InventoryMovementJournalEntriesV4",
    TRANSFERS: "InventoryTransferJournalEntries",
}
PLACE = ("InventorySiteId", "InventoryWarehouseId", "WarehouseLocationId")
SOURCE = ("SourceInventorySiteId", "SourceWarehouseId", "SourceWarehouseLocationId")
DESTINATION = ("DestinationInventorySiteId", "DestinationWarehouseId", "DestinationWarehouseLocationId")


def each(world: World, job: str, documents: Iterable[tuple[str, str]], post: Callable[[World, str, str], str]) -> int:
    """Post every document in a transaction of its own, log how it went and give the number that failed."""
    failures = 0
    for company, number in documents:
        try:
            with world.tables.transaction():
                message = post(world, company, number)
            world.log(job, company, number, "posted", message)
        except (PostingFailed, Refused) as failed:
            failures += 1
            world.log(job, company, number, "failed", str(failed))
    return failures


def refuse_twin(world: World, entity_set: str, column: str, header: Mapping[str, str]) -> None:
    """Refuse a journal while another one, posted or open, carries the same description."""
    text = header.get(column, "")
    twins = (
        [r["JournalNumber"] for r in world.tables.where(entity_set, column, text) if r["dataAreaId"] == header["dataAreaId"]]
        if text
        else []
    )
    if others := [twin for twin in twins if twin != header["JournalNumber"]]:
        message = f"Journal {header['JournalNumber']} is left open: journal {', '.join(others)} carries the same description '{text}'."
        raise PostingFailed(message)


def post_inventory(world: World) -> int:
    """Post open inventory journals with a configured journal name, of every type."""
    names = world.settings["inventoryJournalNames"]
    failures = 0
    for heads in LINES:
        found = [r for r in world.tables.where(heads, "IsPosted", "No") if r["JournalNameId"] in names]
        failures += each(world, "inventory", [(r["dataAreaId"], r["JournalNumber"]) for r in found], partial(post_journal, heads))
    return failures


def post_journal(heads: str, world: World, company: str, number: str) -> str:
    """Post one open inventory journal; gives what to write into the log."""
    header = world.one(heads, company, number) or {}
    refuse_twin(world, heads, "Description", header)
    lines = [r for r in world.tables.where(LINES[heads], "JournalNumber", number) if r["dataAreaId"] == company]
    if not lines:
        message = f"Journal {number} has no lines."
        raise PostingFailed(message)
    vouchers: dict[str, str] = {}
    for line in sorted(lines, key=lambda r: Decimal(r["LineNumber"])):
        date = line["TransactionDate"]
        # one voucher per date (VoucherNumberSelectionRule DateChange), one per item and date otherwise
        group = date if header.get("VoucherNumberSelectionRule", "DateChange") == "DateChange" else f"{date}|{line['ItemNumber']}"
        vouchers.setdefault(group, "") or vouchers.update({group: world.number("IJV-")})
        _line(world, heads, header, line, vouchers[group])
    world.keep(heads, header, IsPosted="Yes", PostedDateTime=world.stamp(), PostedUserId="batch")
    return f"{len(lines)} lines"


def _line(world: World, heads: str, header: Row, line: Row, voucher: str) -> None:
    company, quantity = line["dataAreaId"], line["InventoryQuantity"]
    item = item_of(world, company, line["ItemNumber"])
    currency = str(world.settings.get("currencies", {}).get(company, "GBP"))
    document = Document(
        company=company,
        voucher=voucher,
        number=line["JournalNumber"],
        date=line["TransactionDate"],
        currency=currency,
        text=header.get("Description", ""),
    )
    if heads == TRANSFERS:
        cost = -world.round(quantity * unit_cost(item), currency)
        source, target = (place_of(line, SOURCE, "SourceInventoryStatusId"), place_of(line, DESTINATION, "DestinationInventoryStatusId"))
        lot = _move(world, document, line, -quantity, source, cost, "InventTransfer")
        _move(world, document, line, quantity, target, -cost, "InventTransfer")
        book(world, document, [("inventory", cost, "InventIssue"), ("inventory", -cost, "InventReceipt")])
        world.keep(LINES[heads], line, _cost=cost, _voucher=voucher, _lot=lot)
        return
    role, kind = ("adjustment", "InventLossProfit") if heads == ADJUSTMENTS else (_offset(header, line), "InventTransaction")
    place = place_of(line, PLACE, "InventoryStatusId")
    cost = world.round(quantity * (line.get("UnitCost") or unit_cost(item)), currency)
    lot = _move(world, document, line, quantity, place, cost, kind)
    book(world, document, [("inventory", cost, "InventLoss"), (role, -cost, "InventLossOffset")])
    world.keep(LINES[heads], line, CostAmount=cost, _voucher=voucher, _lot=lot)


def _offset(header: Row, line: Row) -> str:
    """Give the account a movement line names; without one it cannot be posted."""
    account = str(line.get("OffsetMainAccountIdDisplayValue") or "").partition("-")[0]
    if not account:
        message = f"Journal {header['JournalNumber']}, line {line['LineNumber']}: Offset account must be specified."
        raise PostingFailed(message)
    return account


def _move(world: World, document: Document, line: Row, quantity: Decimal, place: Place, cost: Decimal, kind: str) -> str:  # noqa: PLR0913, PLR0917 - a movement has that many sides
    company, item = document.company, line["ItemNumber"]
    available = on_hand(world, company, item).get((company, item, place), ZERO)
    if available + quantity < 0:
        message = f"{-quantity} cannot be picked because only {available} is available from the inventory of item {item}."
        raise PostingFailed(message)
    status = {"StatusReceipt": "Purchased"} if quantity > 0 else {"StatusIssue": "Sold"}
    lot = world.number("LOT-", width=8)
    row = {"InventTransId": lot, "ReferenceId": document.number, "ReferenceCategory": kind}
    dates = {"DatePhysical": document.date, "DateFinancial": document.date}
    status |= {"Voucher": document.voucher, "VoucherPhysical": document.voucher}
    move(world, company, item, quantity, place, **row, **dates, **status, CostAmountPosted=cost, CurrencyCode=document.currency)
    return lot

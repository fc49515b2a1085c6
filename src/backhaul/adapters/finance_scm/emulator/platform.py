"""Which rows does OData see, and which may it change?

`Platform` puts the rules of `documents` between the OData service and the rows of a world, and computes the sets nobody keeps:
on-hand stock, the views over inventory journals, the batch jobs that wait.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

from backhaul.adapters.finance_scm.emulator.documents import NEW, PLACES, check, no, price_return_line, price_sales_line, total_return
from backhaul.adapters.finance_scm.emulator.ledger import PRODUCT, ZERO, on_hand
from backhaul.adapters.finance_scm.emulator.model import TITLES, World, stamp
from backhaul.adapters.odata_server import EMPTY_DATE, Hint, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from decimal import Decimal

LINES_OF: Mapping[str, tuple[str, str]] = {
    "ReturnOrderHeadersV2": ("ReturnOrderLinesV2", "ReturnOrderNumber"),
    "SalesOrderHeadersV2": ("SalesOrderLines", "SalesOrderNumber"),
    "ItemArrivalJournalHeadersV2": ("ItemArrivalJournalLinesV2", "JournalNumber"),
    "InventoryAdjustmentJournalHeaders": ("InventoryAdjustmentJournalEntriesV2", "JournalNumber"),
    "InventoryMovementJournalHeaders": ("InventoryMovementJournalEntriesV4", "JournalNumber"),
    "InventoryTransferJournalHeaders": ("InventoryTransferJournalEntries", "JournalNumber"),
}
HEADER_OF: Mapping[str, tuple[str, str]] = {lines: (header, column) for header, (lines, column) in LINES_OF.items()}


class Platform:
    """The rows of a world as OData may see and change them."""

    def __init__(self, world: World) -> None:
        """Serve this world."""
        self.world = world

    @property
    def default_company(self) -> str:
        """The default company of the mapped user."""
        return str(self.world.settings["defaultCompany"])

    @property
    def page_size(self) -> int:
        """The largest page."""
        return int(self.world.settings["pageSize"])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        with self.world.tables.transaction():
            yield

    def rows(self, entity_set: str, hint: Hint | None) -> list[Row]:
        """Give at least all rows that fit the hint."""
        if entity_set in COMPUTED:
            return COMPUTED[entity_set](self.world)
        return list(self.world.tables.rows(entity_set, hint))

    def find(self, entity_set: str, key: tuple[str, ...]) -> Row | None:
        """Give one row."""
        if entity_set in COMPUTED:
            told = self.world.catalogue.sets[entity_set]
            return next((row for row in COMPUTED[entity_set](self.world) if told.key_of(row) == key), None)
        return self.world.tables.find(entity_set, key)

    def insert(self, entity_set: str, values: Row) -> Row:
        """Create a row by the rules."""
        world = self.world
        if entity_set not in NEW:
            return self._plain(entity_set, values)
        row = dict(values)
        check(world, entity_set, row, values)
        row = NEW[entity_set](world, row)
        created = self._plain(entity_set, row)
        if entity_set == "ReturnOrderLinesV2":
            total_return(world, row["dataAreaId"], row["ReturnOrderNumber"])
        return created

    def _plain(self, entity_set: str, row: Row) -> Row:
        told = self.world.catalogue.sets[entity_set]
        if self.world.tables.find(entity_set, told.key_of(row)) is not None:
            raise no(self.world, entity_set, f"Cannot create a record in {entity_set}. The record already exists.")
        return self.world.keep(entity_set, row)

    def update(self, entity_set: str, row: Row, changes: Row) -> Row:
        """Change a row by the rules."""
        world = self.world
        changed = row | changes
        if entity_set in PLACES and PLACES[entity_set][1] in changes and PLACES[entity_set][0] not in changes:
            changed[PLACES[entity_set][0]] = ""
        self._changeable(entity_set, row)
        check(world, entity_set, changed, {c: v for c, v in changes.items() if v != row.get(c)})
        if entity_set == "ReturnOrderLinesV2":
            changed = price_return_line(world, changed)
        elif entity_set == "SalesOrderLines":
            changed = price_sales_line(world, changed)
        kept = world.keep(entity_set, changed)
        if entity_set == "ReturnOrderLinesV2":
            total_return(world, row["dataAreaId"], row["ReturnOrderNumber"])
        return kept

    def _changeable(self, entity_set: str, row: Row) -> None:
        world = self.world
        if entity_set == "ReturnOrderLinesV2" and row["ReturnStatus"] != "Awaiting":
            raise no(world, entity_set, f"The line has return status {row['ReturnStatus']} and cannot be changed.")
        if entity_set == "ReturnOrderHeadersV2" and row["ReturnStatus"] in {"Closed", "Canceled"}:
            raise no(world, entity_set, f"Return order {row['ReturnOrderNumber']} is {row['ReturnStatus'].lower()} and cannot be changed.")
        if "Invoiced" in {row.get("SalesOrderStatus"), row.get("SalesOrderLineStatus")}:
            raise no(world, entity_set, "The order has been invoiced and cannot be changed.")
        header_set, column = HEADER_OF.get(entity_set, (entity_set, "JournalNumber"))
        header = world.one(header_set, row["dataAreaId"], row.get(column, "")) if "JournalNumber" in row else None
        if header and header.get("IsPosted") == "Yes":
            raise no(world, entity_set, f"Journal {row['JournalNumber']} has been posted and cannot be changed.")

    def delete(self, entity_set: str, row: Row) -> None:
        """Remove a row by the rules."""
        self._changeable(entity_set, row)
        if entity_set in LINES_OF:
            lines, column = LINES_OF[entity_set]
            if any(r["dataAreaId"] == row["dataAreaId"] for r in self.world.tables.where(lines, column, row[column])):
                noun = "Journal" if column == "JournalNumber" else "Order"
                raise no(self.world, entity_set, f"{noun} {row[column]} cannot be deleted while lines exist.", "validateDelete")
        self.world.drop(entity_set, row)
        if entity_set == "ReturnOrderLinesV2":
            total_return(self.world, row["dataAreaId"], row["ReturnOrderNumber"])


def on_hand_by_status_rows(world: World) -> list[Row]:
    """Compute on-hand stock per variant, warehouse and inventory status."""
    sums: dict[tuple[str, str, str, str, str, tuple[str, ...]], Decimal] = {}
    for (company, item, place), quantity in on_hand(world).items():
        at = (company, item, place.site, place.warehouse, place.status, place.product)
        sums[at] = sums.get(at, ZERO) + quantity
    return [
        {
            "dataAreaId": company,
            "ItemNumber": item,
            "InventorySiteId": site,
            "InventoryWarehouseId": warehouse,
            "InventoryStatusId": status,
            "OnHandQuantity": quantity,
            "AvailableOnHandQuantity": quantity,
            "TotalAvailableQuantity": quantity,
            **dict(zip(PRODUCT, product, strict=True)),
        }
        for (company, item, site, warehouse, status, product), quantity in sorted(sums.items())
    ]


def on_hand_rows(world: World) -> list[Row]:
    """Compute on-hand stock per variant and warehouse from the inventory transactions."""
    sums: dict[tuple[str, str, str, str, tuple[str, ...]], Decimal] = {}
    for (company, item, place), quantity in on_hand(world).items():
        at = (company, item, place.site, place.warehouse, place.product)
        sums[at] = sums.get(at, ZERO) + quantity
    return [
        {
            "dataAreaId": company,
            "ItemNumber": item,
            "InventorySiteId": site,
            "InventoryWarehouseId": warehouse,
            "OnHandQuantity": quantity,
            "AvailableOnHandQuantity": quantity,
            "TotalAvailableQuantity": quantity,
            **dict(zip(PRODUCT, product, strict=True)),
        }
        for (company, item, site, warehouse, product), quantity in sorted(sums.items())
    ]


# set of heads, set of lines, InventJournalType
STOCK_JOURNALS = (
    ("InventoryAdjustmentJournalHeaders", "InventoryAdjustmentJournalEntriesV2", "LossProfit"),
    ("InventoryMovementJournalHeaders", "InventoryMovementJournalEntriesV4", "Movement"),
    ("InventoryTransferJournalHeaders", "InventoryTransferJournalEntries", "Transfer"),
)


def journal_heads(world: World) -> list[Row]:
    """Show the inventory journals as the BI set of any inventory journal does."""
    return [
        {
            "dataAreaId": head["dataAreaId"],
            "JournalId": head["JournalNumber"],
            "JournalNameId": head["JournalNameId"],
            "Description": head.get("Description", ""),
            "Posted": head["IsPosted"],
            "PostedDateTime": head.get("PostedDateTime", EMPTY_DATE),
            "PostedUserId": head.get("PostedUserId", ""),
            "JournalType": kind,
            "SourceKey": head["_id"],
            "_id": head["_id"],
        }
        for heads, _, kind in STOCK_JOURNALS
        for head in world.tables.rows(heads)
    ]


def journal_lines(world: World) -> list[Row]:
    """Show the lines of all inventory journals, with voucher and cost once posted; a transfer shows its issue side, negative."""
    return [
        {
            "dataAreaId": line["dataAreaId"],
            "JournalId": line["JournalNumber"],
            "LineNum": line["LineNumber"],
            "ItemId": line["ItemNumber"],
            "Qty": -line["InventoryQuantity"] if kind == "Transfer" else line["InventoryQuantity"],
            "CostAmount": line.get("CostAmount", line.get("_cost", ZERO)),
            "CostPrice": line.get("UnitCost", ZERO),
            "TransDate": line["TransactionDate"],
            "JournalType": kind,
            "Voucher": line.get("_voucher", ""),
            "InventTransId": line.get("_lot", ""),
            "InventSiteId": line.get("InventorySiteId", line.get("SourceInventorySiteId", "")),
            "InventLocationId": line.get("InventoryWarehouseId", line.get("SourceWarehouseId", "")),
            "WMSLocationId": line.get("WarehouseLocationId", line.get("SourceWarehouseLocationId", "")),
            "SourceKey": line["_id"],
            "_id": line["_id"],
        }
        for _, lines, kind in STOCK_JOURNALS
        for line in world.tables.rows(lines)
    ]


def journal_names(kind: str, world: World) -> list[Row]:
    """Show the names of one type of inventory journal in every company, with what they default."""
    companies = [row["LegalEntityId"] for row in world.tables.rows("LegalEntities")] or [world.settings["defaultCompany"]]
    return [
        {
            "dataAreaId": company,
            "JournalNameId": name,
            "WillPostingDeleteLinesByDefault": "No",
            "DefaultPostingSummationLevel": "Summary",
            "DefaultInventoryReservationMethod": "None",
            "DefaultVoucherNumberAllocationRule": "Post",
            "DefaultVoucherNumberSelectionRule": "DateChange",
            "_id": at,
        }
        | {column: value for column, value in told.items() if column != "type"}
        for at, (company, (name, told)) in enumerate(product(companies, sorted(world.settings["journalNames"].items())), 1)
        if told["type"] == kind
    ]


def batch_jobs(world: World) -> list[Row]:
    """Show the runs that ended and, per recurring job, the one that waits for its time, or stands as somebody left it."""
    waiting: list[Row] = []
    for at, job in world.due(world.now, world.now + timedelta(days=1)):
        key = -1 - list(TITLES).index(job)
        if all(row["BatchJobRecId"] != key for row in waiting):
            row = {"BatchJobRecId": key, "JobDescription": TITLES[job], "Status": world.settings["jobStates"].get(job, "Waiting")}
            waiting.append(row | {"OrigStartDateTime": stamp(at), "StartDateTime": stamp(at), "Recurrence": "RGFpbHk="})
    return [*world.tables.rows("BatchJobs"), *waiting]


COMPUTED: Mapping[str, Callable[[World], list[Row]]] = {
    "BatchJobs": batch_jobs,
    "WarehousesOnHandV2": on_hand_rows,
    "WarehouseInventoryStatusesOnHandV2": on_hand_by_status_rows,
    "InventoryJournalTableBiEntities": journal_heads,
    "InventoryJournalTransBiEntities": journal_lines,
    "InventoryAdjustmentJournalNames": partial(journal_names, "Adjustment"),
    "InventoryMovementJournalNames": partial(journal_names, "Movement"),
    "InventoryTransferJournalNames": partial(journal_names, "Transfer"),
}

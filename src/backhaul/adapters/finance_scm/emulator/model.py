"""What does the emulated Finance & SCM environment remember, and how does it remember it?

Rows live in memory, found by key and by the columns people filter on; every finished request writes what it changed to one SQLite file.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from backhaul.adapters.odata_server import Catalogue, EntitySet, Hint, Navigation, Row, decode, encode, zero

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

Key = tuple[str, ...]
Record = dict[tuple[str, Key], Row | None]

# Books and masters nobody may write through OData (facts/finance-scm 1.6); masters stay readable, the seed fills them.
READ_ONLY = frozenset({
    "SalesInvoiceHeadersV2", "SalesInvoiceV2Lines", "InventTransBiEntities", "GeneralJournalAccountEntries", "CustTransBiEntities",
    "InventoryJournalTableBiEntities", "InventoryJournalTransBiEntities", "WarehousesOnHandV2", "BatchJobs", "ReturnReasonCodeBiEntities",
    "WarehouseInventoryStatusesOnHandV2",
    "FiscalPeriods", "LedgerFiscalPeriodsV2", "FreeTextInvoiceHeaders",
    "InventoryAdjustmentJournalNames", "InventoryMovementJournalNames", "InventoryTransferJournalNames",
})  # fmt: skip

INDEXED: Mapping[str, tuple[str, ...]] = {
    "ReturnOrderHeadersV2": (
        "ReturnOrderNumber",
        "CustomersOrderReference",
        "RMANumber",
        "CustomerRequisitionNumber",
        "CustomerAccountNumber",
    ),
    "ReturnOrderLinesV2": (
        "ReturnOrderNumber",
        "ReturnInventoryLotId",
        "ExternalItemNumber",
        "ReturnStatus",
        "ReturningInventoryLotId",
        "RMANumber",
    ),
    "SalesOrderHeadersV2": (
        "SalesOrderNumber",
        "CustomersOrderReference",
        "CustomerRequisitionNumber",
        "SalesOrderPoolId",
        "SalesOrderStatus",
    ),
    "SalesOrderLines": ("SalesOrderNumber", "InventoryLotId", "ExternalItemNumber", "ItemNumber"),
    "ItemArrivalJournalHeadersV2": ("JournalNumber", "JournalDescription", "IsPosted"),
    "ItemArrivalJournalLinesV2": ("JournalNumber", "ReferenceInventoryLotId", "TransactionReferenceNumber"),
    "InventoryAdjustmentJournalHeaders": ("JournalNumber", "Description", "IsPosted"),
    "InventoryAdjustmentJournalEntriesV2": ("JournalNumber",),
    "InventoryMovementJournalHeaders": ("JournalNumber", "Description", "IsPosted"),
    "InventoryMovementJournalEntriesV4": ("JournalNumber",),
    "InventoryTransferJournalHeaders": ("JournalNumber", "Description", "IsPosted"),
    "InventoryTransferJournalEntries": ("JournalNumber",),
    "SalesInvoiceHeadersV2": ("SalesOrderNumber", "InvoiceNumber", "LedgerVoucher", "CustomersOrderReference"),
    "SalesInvoiceV2Lines": ("InvoiceNumber", "LedgerVoucher"),
    "InventTransBiEntities": ("ItemId", "InventTransId", "ReferenceId", "Voucher", "VoucherPhysical"),
    "GeneralJournalAccountEntries": ("Voucher", "DocumentNumber", "AccountDisplayValue"),
    "CustTransBiEntities": ("Voucher", "Invoice", "AccountNum"),
    "TaxGroupDatas": ("TaxGroupId",),
    "TaxItemGroups": ("TaxItemGroupCode",),
    "TaxCodeValues": ("TaxCodeId",),
    "ReleasedProductsV2": ("ItemNumber",),
    "ProductDefaultOrderSettings": ("ItemNumber",),
    "ReleasedProductVariantsV2": ("ItemNumber", "ProductVariantNumber"),
    "ProductBarcodesV3": ("ItemNumber", "Barcode"),
    "WarehouseLocations": ("WarehouseId", "WarehouseLocationId"),
    "_Payouts": ("reference",),
}

# Columns that hold a day and nothing else; F&SCM gives them back at noon UTC (facts/finance-scm 4).
DAYS = frozenset({
    "ReturnDeadline", "TransactionDate", "InvoiceDate", "ExpectedReturnArrivalDate", "ActualReturnArrivalDate", "ReturnClosedDate",
    "TransDate", "AccountingDate", "DocumentDate", "DatePhysical", "DateFinancial", "DateStatus", "DueDate", "Closed", "FromDate", "ToDate",
    "StartDate", "EndDate", "CorrectedInvoiceDate", "RequestedShippingDate", "RequestedReceiptDate", "ConfirmedShippingDate",
})  # fmt: skip

DEFAULTS: Mapping[str, Any] = {
    "clientId": "backhaul",
    "clientSecret": "secret",
    "clientCertificate": "",
    "tokenSeconds": 3600,
    "tokenTime": "real",
    "defaultCompany": "usmf",
    "pageSize": 10_000,
    "arrivalJournalNames": ["ZZ-ARR"],
    "journalNames": {"ZZ-INV": {"type": "Adjustment"}, "ZZ-MOV": {"type": "Movement"}, "ZZ-TRF": {"type": "Transfer"}},
    "inventoryJournalNames": ["ZZ-INV", "ZZ-MOV", "ZZ-TRF"],
    "invoicePools": ["INV"],
    "businessEvents": {"url": "", "headers": {}, "copies": 1},
    "editable": [],
    "readOnly": [],
    "drift": {},
    "currencyDecimals": {"JPY": 0, "KWD": 3},
    "visibilityEnvironment": "env-1",
    "schedule": {"arrivals": ["01:00"], "inventory": ["01:15"], "visibility": ["01:20"], "packing-slip": ["01:30"], "invoice": ["02:00"]},
    "jobStates": {},
    "accounts": {
        "bank": "110100",
        "customer": "130100",
        "inventory": "140100",
        "inventory-physical": "140110",
        "physical-offset": "510110",
        "vat": "202100",
        "refund-clearing": "202900",
        "opening": "300900",
        "revenue": "401100",
        "sales-returns": "401200",
        "charges": "402100",
        "cogs": "510100",
        "scrap": "520100",
        "adjustment": "520200",
        "payout-loss": "604900",
    },
}


def catalogue() -> Catalogue:
    """Read the table of entity sets that comes with the emulator."""
    told = json.loads(files(__package__).joinpath("entities.json").read_text("utf-8"))
    enums = told["enums"]
    bare = Catalogue(sets={}, enums=enums)
    sets = {
        name: EntitySet(
            name=name,
            entity=s["entity"],
            type=s["type"],
            keys=tuple(s["keys"]),
            properties=s["props"],
            defaults={column: zero(bare, kind) for column, kind in s["props"].items()},
            navigations={
                n: Navigation(target=v["target"], on=tuple((a, b) for a, b in v["on"]), single=v.get("single", False))
                for n, v in s["nav"].items()
            },
            read_only=name in READ_ONLY,
        )
        for name, s in told["sets"].items()
    }
    return Catalogue(sets=sets, enums=enums)


def stamp(moment: datetime) -> str:
    """Write an instant as rows keep it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def noon(text: str) -> str:
    """Give the day of an instant the way date-only columns come back."""
    return text if text.startswith("1900-01-01") else text[:10] + "T12:00:00Z"


TITLES: Mapping[str, str] = {
    "arrivals": "Backhaul: post item arrival journals",
    "inventory": "Backhaul: post inventory journals",
    "visibility": "Inventory Visibility posting job",
    "packing-slip": "Sales packing slip, returned orders",
    "invoice": "Sales invoice, returned orders",
}


class Tables:
    """All rows of one environment: by key, by index, with undo and with memory of the last write."""

    def __init__(self, told: Catalogue) -> None:
        """Begin empty."""
        self._told = told
        self._rows: dict[str, dict[Key, Row]] = {}
        self._index: dict[tuple[str, str], dict[Any, dict[Key, None]]] = {}
        self._undo: list[tuple[str, Key, Row | None]] = []
        self._depth = 0
        self.last_id = 5_637_144_575  # RecIds of a real tenant begin here
        self.dirty: set[tuple[str, Key]] = set()
        self.before_last_write: Record = {}
        self.overlay: Record | None = None

    def find(self, entity_set: str, key: Key) -> Row | None:
        """Give one row."""
        if self.overlay is not None and (entity_set, key) in self.overlay:
            return self.overlay[entity_set, key]
        return self._rows.get(entity_set, {}).get(key)

    def rows(self, entity_set: str, hint: Hint | None = None) -> Iterable[Row]:
        """Give at least the rows that fit the hint, oldest first."""
        everything = self._rows.get(entity_set, {})
        if self.overlay is not None:
            lagging = everything | {key: row for (name, key), row in self.overlay.items() if name == entity_set}
            return sorted((row for row in lagging.values() if row is not None), key=lambda row: int(row["_id"]))
        if hint is None or hint[0] not in INDEXED.get(entity_set, ()):
            return list(everything.values())
        index = self._index.get((entity_set, hint[0]), {})
        found = [everything[key] for value in hint[1] for key in index.get(value, ())]
        return sorted(found, key=lambda row: int(row["_id"]))

    def where(self, entity_set: str, column: str, *values: object) -> Iterable[Row]:
        """Give the rows whose column holds one of the values."""
        return self.rows(entity_set, (column, frozenset(values)))

    def put(self, entity_set: str, key: Key, row: Row) -> Row:
        """Create or replace a row."""
        table = self._rows.setdefault(entity_set, {})
        old = table.get(key)
        if old is None:
            self.last_id += 1
            row["_id"], row["_v"] = self.last_id, 1
        else:
            row["_id"], row["_v"] = old["_id"], old["_v"] + 1
        self._undo.append((entity_set, key, old))
        self._set(entity_set, key, row)
        return row

    def remove(self, entity_set: str, key: Key) -> None:
        """Take a row away."""
        self._undo.append((entity_set, key, self._rows[entity_set][key]))
        self._set(entity_set, key, None)

    def _set(self, entity_set: str, key: Key, row: Row | None) -> None:
        table = self._rows.setdefault(entity_set, {})
        old = table.get(key)
        for column in INDEXED.get(entity_set, ()):
            index = self._index.setdefault((entity_set, column), {})
            before = None if old is None else old.get(column, "")
            after = None if row is None else row.get(column, "")
            if old is not None and (row is None or before != after):
                index[before].pop(key, None)
            if row is not None:
                index.setdefault(after, {})[key] = None
        if row is None:
            table.pop(key, None)
        else:
            table[key] = row
        self.dirty.add((entity_set, key))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; a transaction inside another is a savepoint."""
        mark = len(self._undo)
        self._depth += 1
        try:
            yield
        except BaseException:
            while len(self._undo) > mark:
                entity_set, key, old = self._undo.pop()
                self._set(entity_set, key, old)
            raise
        finally:
            self._depth -= 1
            if not self._depth and self._undo:
                self.before_last_write = {(name, key): old for name, key, old in reversed(self._undo)}
                self._undo.clear()

    def load(self, entity_set: str, key: Key, row: Row) -> None:
        """Take in a row from the file, with the decimals its columns promise."""
        told = self._told.sets.get(entity_set)
        for column, value in row.items():
            private = column[0] == "_" and column not in {"_id", "_v"}
            decimal = private or (told.properties.get(column) == "Decimal" if told else True)
            if decimal and isinstance(value, int) and not isinstance(value, bool):
                row[column] = Decimal(value)
        if told is None:
            row["_id"], row["_v"] = int(row["_id"]), int(row["_v"])
        self._set(entity_set, key, row)

    def known(self) -> Iterable[tuple[str, Mapping[Key, Row]]]:
        """Give every table, by name."""
        return sorted(self._rows.items())


class World:
    """One environment: rows, settings, clock, number sequences, and the file that keeps them."""

    def __init__(self, state: Path | None = None) -> None:
        """Begin empty, or where the file left off."""
        self.catalogue = catalogue()
        self._file = sqlite3.connect(state or ":memory:", check_same_thread=False, isolation_level=None)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=NORMAL")
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS rows (entity_set TEXT, key TEXT, row BLOB, PRIMARY KEY (entity_set, key)) WITHOUT ROWID"
        )
        self._file.execute("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB)")
        self._begin()
        self._load()

    def _begin(self) -> None:
        self.tables = Tables(self.catalogue)
        self.settings: dict[str, Any] = json.loads(json.dumps(DEFAULTS))
        self.sequences: dict[str, int] = {}
        self.clock: str | None = None
        self.calls: dict[str, Any] = {"by": {}, "excluded": {"token": 0, "metadata": 0, "control": 0}, "log": []}

    # ------------------------------------------------------------ memory

    def _load(self) -> None:
        meta = {name: decode(value) for name, value in self._file.execute("SELECT name, value FROM meta")}
        if not meta:
            return
        # a file of an earlier version lacks settings that came later
        self.settings = {**self.settings, **meta["settings"]}
        self.sequences, self.clock = meta["sequences"], meta["clock"]
        self.calls = meta["calls"]
        stored = [
            (name, tuple(json.loads(key)), decode(row)) for name, key, row in self._file.execute("SELECT entity_set, key, row FROM rows")
        ]
        for name, key, row in sorted(stored, key=lambda s: int(s[2]["_id"])):
            self.tables.load(name, key, row)
        self.tables.last_id = meta["last_id"]
        self.tables.dirty.clear()

    def save(self) -> None:
        """Write what changed since the last time."""
        changed = [(name, json.dumps(key), row) for name, key in self.tables.dirty for row in [self.tables.find(name, key)]]
        meta = {
            "settings": self.settings,
            "sequences": self.sequences,
            "clock": self.clock,
            "last_id": self.tables.last_id,
            "calls": self.calls,
        }
        self._file.execute("BEGIN")
        self._file.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", [(n, k, encode(r)) for n, k, r in changed if r is not None])
        self._file.executemany("DELETE FROM rows WHERE entity_set = ? AND key = ?", [(n, k) for n, k, r in changed if r is None])
        self._file.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", [(name, encode(value)) for name, value in meta.items()])
        self._file.execute("COMMIT")
        self.tables.dirty.clear()

    def reset(self) -> None:
        """Forget everything."""
        self._begin()
        self._file.executescript("DELETE FROM rows; DELETE FROM meta;")
        self.save()

    def close(self) -> None:
        """Write the rest and let go of the file."""
        self.save()
        self._file.close()

    # ------------------------------------------------------------ time and numbers

    @property
    def now(self) -> datetime:
        """The virtual instant, or the real one while nobody has set the clock."""
        return datetime.now(UTC) if self.clock is None else datetime.fromisoformat(self.clock)

    def stamp(self) -> str:
        """Give the virtual instant as text."""
        return stamp(self.now)

    def today(self) -> str:
        """Give the virtual day as date-only columns keep it."""
        return noon(self.stamp())

    def number(self, sequence: str, *, width: int = 6) -> str:
        """Draw from a number sequence; a rolled-back transaction leaves a gap, as in a non-continuous sequence."""
        self.sequences[sequence] = self.sequences.get(sequence, 0) + 1
        return f"{sequence}{self.sequences[sequence]:0{width}d}"

    def due(self, since: datetime, until: datetime) -> list[tuple[datetime, str]]:
        """List the job runs between two instants, in order."""
        runs = []
        for day in range((until.date() - since.date()).days + 1):
            date = since.date() + timedelta(days=day)
            for rank, (job, times) in enumerate(self.settings["schedule"].items()):
                for text in times:
                    at = datetime.fromisoformat(f"{date}T{text}:00+00:00")
                    if since < at <= until:
                        runs.append((at, rank, job))
        return [(at, job) for at, _, job in sorted(runs)]

    # ------------------------------------------------------------ rows and money

    def one(self, entity_set: str, *key: object) -> Row | None:
        """Give a row of a public set by its key."""
        return self.tables.find(entity_set, tuple(str(part) for part in key))

    def keep(self, entity_set: str, row: Row, **changes: Any) -> Row:
        """Create a row, or replace it by a changed copy."""
        told = self.catalogue.sets[entity_set]
        changed = {**row, **changes}
        for column in DAYS & changed.keys():
            changed[column] = noon(changed[column])
        return self.tables.put(entity_set, told.key_of(changed), changed)

    def drop(self, entity_set: str, row: Row) -> None:
        """Take a row of a public set away."""
        self.tables.remove(entity_set, self.catalogue.sets[entity_set].key_of(row))

    def round(self, amount: Decimal, currency: str) -> Decimal:
        """Round half up to the decimals of the currency."""
        places = int(self.settings["currencyDecimals"].get(currency, 2))
        return amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)

    def log(self, job: str, company: str, document: str, outcome: str, message: str = "") -> None:
        """Remember what a job did with one document."""
        entry = {"at": self.stamp(), "job": job, "legalEntity": company, "document": document, "outcome": outcome, "message": message}
        self.tables.put("_JobLog", (self.number("LOG", width=8),), entry)

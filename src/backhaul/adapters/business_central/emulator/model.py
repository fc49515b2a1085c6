"""What does the emulated Business Central remember, and how does it remember it?

Records live in memory by table and SystemId, found by the columns people filter on; every finished request writes what it changed to one
SQLite file. AL commits inside a request: what was committed stays when the rest is undone (facts/business-central 1).
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from backhaul.adapters.business_central.emulator.refusals import no_numbers_left
from backhaul.adapters.odata_server import Row, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

Record = dict[tuple[str, str], Row | None]

ZERO = Decimal(0)
NOWHERE = "00000000-0000-0000-0000-000000000000"
NEVER = "0001-01-01"
IDS = uuid.UUID("5f6d9a52-0c59-4d2e-9b0a-3d4c9d1f77aa")

INDEXED: Mapping[str, tuple[str, ...]] = {
    "companies": ("name",),
    "items": ("number",), "itemVariants": ("itemNumber",), "customers": ("number",), "locations": ("code",), "accounts": ("number",),
    "sales": ("number", "externalDocumentNumber", "orderNumber", "yourReference", "type", "posted", "draftNumber", "returnOrderNumber"),
    "salesLines": ("documentId",),
    "itemLedger": ("itemNumber", "documentNumber", "entryNumber"),
    "valueLedger": ("itemLedgerEntryNumber", "documentNumber"),
    "customerLedger": ("documentNumber", "customerNumber", "externalDocumentNumber", "entryNumber"),
    "generalLedger": ("documentNumber", "accountNumber", "transaction"),
    "vatLedger": ("documentNumber",),
    "payouts": ("reference",),
    "returnRequests": ("externalId",), "returnRequestLines": ("requestId",),
    "itemJournalLines": ("batchId",), "journalLines": ("journalId",), "notices": ("subscription",),
}  # fmt: skip

INTEGERS = frozenset({"_n", "_v", "sequence", "entryNumber", "transaction", "applFromItemEntry", "itemLedgerEntryNumber", "lineNumber",
                      "numberOfAttemptsToRun", "objectIdToRun", "createdPostings"})

DEFAULTS: Mapping[str, Any] = {
    "clientId": "backhaul",
    "clientSecret": "secret",
    "clientCertificate": "",
    "tokenSeconds": 3600,
    "tokenTime": "real",
    "tenant": "",
    "environment": "",
    "version": "28.0.0.0",
    "bridge": True,
    "unpublished": [],
    "gone": [],
    "extension": False,
    "language": "en-US",
    "pageSize": 20_000,
    "rate": {"requests": 0, "seconds": 300},
    "retryAfter": None,
    "missing": {"status": 404, "code": "BadRequest_NotFound"},
    "noPermission": [],
    "forbidden": [],
    "localCurrency": "GBP",
    "currencyDecimals": {"JPY": 0, "KWD": 3},
    "exchangeRates": {},
    "externalDocumentMandatory": False,
    "exactCostReversingMandatory": False,
    "returnReceiptOnCreditMemo": False,
    "locationMandatory": True,
    "variantMandatory": False,
    "automaticCostPosting": True,
    "expectedCostPosting": False,
    "approval": False,
    "inventoryClosedUntil": "",
    "salesPaid": True,
    "batchPost": {"receive": True, "invoice": True},
    "itemJournalTemplates": ["ITEM", "RECLASS"],
    "schedule": {},
    "lastNumbers": {},
    "notifyAfter": 30,
    "subscriptionDays": 3,
    "largestNotice": 1000,
    "accounts": {
        "bank": "2920",
        "customer": "2310",
        "inventory": "2110",
        "inventory-interim": "2111",
        "vat": "5610",
        "refund-clearing": "5990",
        "opening": "3900",
        "sales": "6110",
        "sales-returns": "6120",
        "cogs": "7190",
        "cogs-interim": "7191",
        "adjustment": "7170",
        "payout-loss": "8640",
    },
}

SERIES: Mapping[str, str] = {
    "creditMemo": "S-CR", "postedCreditMemo": "S-CR+", "returnOrder": "S-RETORD", "returnReceipt": "S-RCPT", "invoice": "S-INV",
    "postedInvoice": "S-INV+", "shipment": "S-SHPT", "payment": "PAY", "opening": "OPEN", "settlement": "SET", "writeOff": "WO"}
PREFIXES: Mapping[str, str] = {
    "S-CR": "S-CR", "S-CR+": "PS-CR", "S-RETORD": "S-RETORD", "S-RCPT": "S-RCPT", "S-INV": "S-INV", "S-INV+": "PS-INV", "S-SHPT": "S-SHPT"}


def stamp(moment: datetime) -> str:
    """Write an instant as records keep it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Tables:
    """All records of one environment: by SystemId, by index, with undo and with memory of the last write."""

    def __init__(self) -> None:
        """Begin empty."""
        self._rows: dict[str, dict[str, Row]] = {}
        self._index: dict[tuple[str, str], dict[Any, dict[str, None]]] = {}
        self._undo: list[tuple[str, str, Row | None]] = []
        self._committed = 0
        self._depth = 0
        self.last = 0
        self.stamp = ""
        self.dirty: set[tuple[str, str]] = set()
        self.changes: list[tuple[str, str, Row | None, Row | None]] = []
        self.before_last_write: Record = {}
        self.overlay: Record | None = None

    def find(self, table: str, identity: str) -> Row | None:
        """Give one record."""
        if self.overlay is not None and (table, identity) in self.overlay:
            return self.overlay[table, identity]
        return self._rows.get(table, {}).get(identity)

    def rows(self, table: str) -> list[Row]:
        """Give all records of a table, oldest first."""
        everything = self._rows.get(table, {})
        if self.overlay is not None:
            lagging = everything | {key: row for (name, key), row in self.overlay.items() if name == table}
            return sorted((row for row in lagging.values() if row is not None), key=lambda row: int(row["_n"]))
        return list(everything.values())

    def where(self, table: str, column: str, *values: object) -> list[Row]:
        """Give the records whose column holds one of the values, oldest first."""
        if self.overlay is not None or column not in INDEXED.get(table, ()):
            return [row for row in self.rows(table) if row.get(column, "") in values]
        everything, index = self._rows.get(table, {}), self._index.get((table, column), {})
        found = [everything[key] for value in values for key in index.get(value, ())]
        return sorted(found, key=lambda row: int(row["_n"]))

    def put(self, table: str, row: Row) -> Row:
        """Create or replace a record; without an id it gets one."""
        self.last += 1
        identity = row.setdefault("id", str(uuid.uuid5(IDS, f"{table}/{self.last}")))
        old = self._rows.get(table, {}).get(identity)
        row["_n"], row["_v"] = (self.last, 1) if old is None else (old["_n"], old["_v"] + 1)
        row["lastModifiedDateTime"] = self.stamp
        self._undo.append((table, identity, old))
        self._set(table, identity, row)
        return row

    def remove(self, table: str, identity: str) -> None:
        """Take a record away."""
        self._undo.append((table, identity, self._rows[table][identity]))
        self._set(table, identity, None)

    def _set(self, table: str, identity: str, row: Row | None) -> None:
        rows = self._rows.setdefault(table, {})
        old = rows.get(identity)
        for column in INDEXED.get(table, ()):
            index = self._index.setdefault((table, column), {})
            before = None if old is None else old.get(column, "")
            after = None if row is None else row.get(column, "")
            if old is not None and (row is None or before != after):
                index[before].pop(identity, None)
            if row is not None:
                index.setdefault(after, {})[identity] = None
        if row is None:
            rows.pop(identity, None)
        else:
            rows[identity] = row
        self.dirty.add((table, identity))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Undo what is not committed when the block fails; a block inside another is a savepoint."""
        mark = len(self._undo)
        self._depth += 1
        try:
            yield
        except BaseException:
            while len(self._undo) > max(mark, self._committed):
                table, identity, old = self._undo.pop()
                self._set(table, identity, old)
            raise
        finally:
            self._depth -= 1
            if not self._depth:
                self._close()

    def _close(self) -> None:
        if self._undo:
            before = {(name, key): old for name, key, old in reversed(self._undo)}
            self.changes += [(name, key, old, self._rows.get(name, {}).get(key)) for (name, key), old in before.items()]
            self.before_last_write = before
        self._undo.clear()
        self._committed = 0

    def commit(self) -> None:
        """Let what was written so far stay, whatever comes."""
        self._committed = len(self._undo)

    def load(self, table: str, row: Row) -> None:
        """Take in a record from the file; whole numbers that are amounts become decimals again."""
        for column, value in row.items():
            if isinstance(value, int) and not isinstance(value, bool) and column not in INTEGERS:
                row[column] = Decimal(value)
        self._set(table, row["id"], row)


class World:
    """One environment: records, settings, clock, number series, and the file that keeps them."""

    def __init__(self, state: Path | None = None) -> None:
        """Begin empty, or where the file left off."""
        self._file = sqlite3.connect(state or ":memory:", check_same_thread=False, isolation_level=None)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=NORMAL")
        self._file.execute("CREATE TABLE IF NOT EXISTS rows (name TEXT, id TEXT, row BLOB, PRIMARY KEY (name, id)) WITHOUT ROWID")
        self._file.execute("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB)")
        self._begin()
        self._load()

    def _begin(self) -> None:
        self.tables = Tables()
        self.settings: dict[str, Any] = json.loads(json.dumps(DEFAULTS))
        self.sequences: dict[str, int] = {}
        self.clock: str | None = None
        self.forget_calls()

    def forget_calls(self) -> None:
        """Begin counting calls again."""
        self.calls: dict[str, Any] = {"by": {}, "excluded": {"token": 0, "metadata": 0, "control": 0}, "log": []}

    # ------------------------------------------------------------ memory

    def _load(self) -> None:
        meta = {name: decode(value) for name, value in self._file.execute("SELECT name, value FROM meta")}
        if not meta:
            return
        self.settings, self.sequences, self.clock, self.calls = (meta[name] for name in ("settings", "sequences", "clock", "calls"))
        stored = [(name, decode(row)) for name, row in self._file.execute("SELECT name, row FROM rows")]
        for name, row in sorted(stored, key=lambda pair: int(pair[1]["_n"])):
            self.tables.load(name, row)
        self.tables.last = meta["last"]
        self.tables.dirty.clear()

    def save(self) -> None:
        """Write what changed since the last time."""
        changed = [(name, key, self.tables.find(name, key)) for name, key in self.tables.dirty]
        meta = {"settings": self.settings, "sequences": self.sequences, "clock": self.clock, "calls": self.calls, "last": self.tables.last}
        self._file.execute("BEGIN")
        self._file.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", [(n, k, encode(r)) for n, k, r in changed if r is not None])
        self._file.executemany("DELETE FROM rows WHERE name = ? AND id = ?", [(n, k) for n, k, r in changed if r is None])
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
        """Give the virtual day."""
        return self.stamp()[:10]

    @property
    def major(self) -> int:
        """The version's first number."""
        return int(str(self.settings["version"]).partition(".")[0])

    def number(self, kind: str) -> str:
        """Draw from a number series; what is undone leaves a gap."""
        series = SERIES[kind]
        last = self.settings["lastNumbers"].get(series)
        if last is not None and self.sequences.get(series, 0) >= int(last):
            raise no_numbers_left(series, self.today())
        self.sequences[series] = self.sequences.get(series, 0) + 1
        return f"{PREFIXES.get(series, series)}{self.sequences[series]:06d}"

    def entry(self, ledger: str) -> int:
        """Draw an entry number of a ledger."""
        self.sequences[ledger] = self.sequences.get(ledger, 0) + 1
        return self.sequences[ledger]

    def due(self, since: datetime, until: datetime) -> list[tuple[datetime, str]]:
        """List the scheduled job runs between two instants, in order."""
        runs = []
        for day in range((until.date() - since.date()).days + 1):
            date = since.date() + timedelta(days=day)
            for job, times in self.settings["schedule"].items():
                for text in times:
                    at = datetime.fromisoformat(f"{date}T{text}:00+00:00")
                    if since < at <= until:
                        runs.append((at, job))
        return sorted(runs)

    # ------------------------------------------------------------ records and money

    def put(self, table: str, row: Row, **changes: Any) -> Row:
        """Create a record, or replace it by a changed copy."""
        self.tables.stamp = self.stamp()
        return self.tables.put(table, {**row, **changes})

    def of(self, table: str, company: str, column: str = "", *values: object) -> Iterable[Row]:
        """Give a company's records, all of a table or those whose column holds one of the values."""
        found = self.tables.where(table, column, *values) if column else self.tables.rows(table)
        return [row for row in found if row.get("company") == company]

    def one(self, table: str, company: str, column: str, value: object) -> Row | None:
        """Give the first of a company's records whose column holds the value."""
        return next(iter(self.of(table, company, column, value)), None)

    def lines(self, document: Mapping[str, Any]) -> list[Row]:
        """Give the lines of a sales document in order."""
        return sorted(self.tables.where("salesLines", "documentId", document["id"]), key=lambda row: int(row["sequence"]))

    def round(self, amount: Decimal | int, currency: str = "") -> Decimal:
        """Round half up to the decimals of the currency; an empty one is the local currency."""
        places = int(self.settings["currencyDecimals"].get(currency or self.settings["localCurrency"], 2))
        return Decimal(amount).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)

    def log(self, job: str, document: str, outcome: str, message: str = "") -> None:
        """Remember what a job did with one document."""
        self.put("jobLog", {"at": self.stamp(), "job": job, "document": document, "outcome": outcome, "message": message})

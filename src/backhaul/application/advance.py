"""What has changed since the last proof, and what does that change of it?

A history keeps the rows of every line in two parts: proved, which no clock can change any more, and open, which is judged at every run.
What arrives replaces the rows of the lines it names; only those, the open ones, and proved lines that share a voucher or look like a record
without a mark are judged. The figures are those of a full run over everything, which a test compares.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from inspect import getsource
from sys import modules
from typing import Final

import duckdb

from backhaul.application.reconcile import ACCEPTED, HELD, RECORDS, Books, Paths, Proof, prove, quoted
from backhaul.application.shares import added_up
from backhaul.domain.errors import Misconfigured
from backhaul.domain.proof import paired
from backhaul.domain.tolerance import Tolerance
from backhaul.domain.trail import digest

KEPT: Final = {"accepted": ACCEPTED, "records": RECORDS, "held": HELD}
ALWAYS: Final[Mapping[str, tuple[str, ...]]] = {
    "accepted": ("line", "entity", "currency", "customer", "item", "units", "net", "stocked"),
    "records": ("side", "status", "line", "document", "voucher", "entity", "currency", "customer", "item", "units", "net"),
    "held": ("line", "state")}
"""The columns every history has; the others it has once something that came tells them."""
SUMS: Final = ("lines", "net", "stocked", "credited", "received", "booked")
"""What is told of the proved part, so that nobody reads it for a total."""
AMOUNTS: Final = ("rows", *SUMS)
BY_SHARE: Final = "side VARCHAR, entity VARCHAR, currency VARCHAR, " + ", ".join(f"{name} DECIMAL(38,4)" for name in AMOUNTS)
"""What the proved part adds up to, of each legal entity, currency and side."""
LINE, VOUCHER = "k UBIGINT", "entity VARCHAR, voucher VARCHAR"
ENTRY: Final = "(coalesce(entity, ''), voucher)"
MARKED: Final = "coalesce(line, '') <> ''"
FEW: Final = 200_000
"""So many rows of a side are copied to be judged; more are read where they lie."""
GROUP, BLOCK = 30_720, 65_536
"""The file is written in groups of so many rows and blocks of so many bytes. What is appended has the last group of every column written
anew, which with the engine's own 122,880 rows was most of what a run wrote; the smaller blocks keep the file as small as before."""

REPLACED: Final = dict.fromkeys(KEPT, "coalesce(k IN (FROM touched), false)") | {"records": f"""CASE
    WHEN k IS NOT NULL THEN k IN (FROM touched) WHEN side = 'ledger' THEN coalesce({ENTRY} IN (FROM replaced), false)
    ELSE coalesce(document, '') IN (FROM documents) END"""}
"""Which open rows what arrived takes the place of."""
SETTLED: Final = dict.fromkeys(KEPT, "(k IS NOT NULL AND k NOT IN (FROM unproved))") | {"records": f"""CASE
    WHEN side = 'ledger' THEN k IS NULL AND {ENTRY} NOT IN (FROM credited) AND {ENTRY} IN (FROM answered)
    ELSE k IS NOT NULL AND k NOT IN (FROM unproved) END"""}
"""Which judged rows are laid aside: those of proved lines, and the ledger's entries of their credits, which no open line is about."""
OUT: Final = dict.fromkeys(KEPT, "k IN (FROM known)") | {
    "records": f"CASE WHEN side = 'ledger' THEN {ENTRY} IN (FROM looked_up) ELSE k IN (FROM known) END"}
"""Which proved rows are replaced or judged again."""

CREDITED: Final = """SELECT DISTINCT coalesce(entity, ''), voucher FROM judged_records
    WHERE side = 'credit' AND voucher <> '' AND (k IS NULL OR k IN (FROM unproved))"""
ANSWERED: Final = "SELECT DISTINCT coalesce(entity, ''), voucher FROM judged_records WHERE side = 'credit' AND voucher <> ''"
VOUCHERS: Final = """SELECT coalesce(entity, ''), voucher FROM judged_records WHERE voucher <> '' AND side IN ('credit', 'ledger')
    UNION SELECT coalesce(entity, ''), voucher FROM out_records WHERE voucher <> '' AND side = 'credit'
    UNION SELECT entity, voucher FROM replaced EXCEPT SELECT entity, voucher FROM looked_up"""
"""Vouchers that are named now, or were by what is replaced, and were not looked up yet."""
TOUCHED: Final = "SELECT p.k FROM kept.proved_accepted p SEMI JOIN touched t ON p.k = t.k"
ALIKE: Final = """SELECT p.k FROM kept.proved_accepted p SEMI JOIN (
    SELECT item, customer, units, net FROM judged_records WHERE k IS NULL AND side = 'credit') r
    ON p.customer = r.customer AND p.net = r.net AND coalesce(p.item = r.item, r.item IS NULL)
       AND coalesce(p.units = nullif(r.units, 0), coalesce(r.units, 0) = 0)"""
TOGETHER: Final = """SELECT p.k FROM kept.proved_records p SEMI JOIN vouchers v
    ON coalesce(p.entity, '') = v.entity AND p.voucher = v.voucher AND p.side = 'credit'"""
"""Proved lines of which something arrived, that look like a record without a mark, and that share a voucher."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What came since the last run, as files: of each line they name all its rows as they are now; `gone` are lines of which none is left.

    A record without a mark replaces those of its document, an entry of the ledger those of its voucher; `gone_documents` and
    `gone_vouchers` are such of which none is left.
    """

    accepted: Paths = ""
    records: Paths = ""
    held: Paths = ""
    gone: Sequence[str] = ()
    gone_documents: Sequence[str] = ()
    gone_vouchers: Sequence[str] = ()


class Unreadable(Misconfigured):
    """A file is no history, or not one that this engine reads."""


class History(Books):
    """The books of a period as they grew, in one file of the engine; one process at a time may have it open."""

    def __init__(self, path: str, *, memory: str = "700MB", threads: int = 2, few: int = FEW) -> None:
        """Open a history, or begin one. `memory` is what the engine may hold before it spills to disk, `few` how many rows are copied."""
        self._begin(memory, threads)
        self.few, self.threads = few, threads
        self.judged = 0
        """How many lines the last run judged."""
        self.told = {name: frozenset(columns) for name, columns in ALWAYS.items()}
        try:
            self.engine.execute(f"SET default_block_size = {BLOCK}")
            self.engine.execute("SET wal_autocheckpoint = '1KB'")  # into the file at once, instead of into a log and from there once more
            self.engine.execute(f"ATTACH {quoted(path)} AS kept (ROW_GROUP_SIZE {GROUP})")
        except duckdb.Error as shut:
            self.engine.close()
            message = f"{path} cannot be opened as a history: {str(shut).splitlines()[0]}"
            if "lock" in message:
                message = f"{message} Only one run at a time may have it open."
                raise Misconfigured(message) from shut
            raise Unreadable(message) from shut
        self._complete()
        self.forget()

    def _complete(self) -> None:
        """Make what a history has and this file lacks, because it is new or of before."""
        there: dict[str, set[str]] = {}
        for table, column in self.rows("SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'kept'"):
            there.setdefault(table, set()).add(column)
        with self._at_once():
            for name, columns in KEPT.items():
                self.told[name] = frozenset(columns.keys() & there.get(f"open_{name}", self.told[name]))
                for part in (f"open_{name}", f"proved_{name}"):
                    if part not in there:
                        self.run(f"CREATE TABLE kept.{part} ({LINE}, {', '.join(f'{each} {columns[each]}' for each in ALWAYS[name])})")
            if "added" not in there:
                self.run(f"CREATE TABLE kept.added ({BY_SHARE})")
                self.run(f"INSERT INTO kept.added {added_up('kept.proved_accepted', 'kept.proved_records')}")
            if "sums" not in there:
                self.run("CREATE TABLE kept.sums (tolerance VARCHAR)")
                self.run("INSERT INTO kept.sums VALUES ('')")
            if "mark" not in there:
                self.run("CREATE TABLE kept.mark (said VARCHAR)")
            if there.get("sums", set()) > {"tolerance"}:  # of before: totals, and lines not judged again whose voucher another line left
                self.run("""CREATE OR REPLACE TABLE kept.sums AS SELECT CASE WHEN EXISTS (FROM kept.open_records WHERE side = 'ledger')
                            THEN 'anew' ELSE tolerance END AS tolerance FROM kept.sums""")

    def _tell(self, name: str, told: Iterable[str]) -> None:
        """Have columns that were not told before; of the rows that are there nobody knows what they would say."""
        for column in sorted(set(told) - self.told[name]):
            for part in ("open", "proved"):
                self.run(f"ALTER TABLE kept.{part}_{name} ADD COLUMN {column} {KEPT[name][column]}")
        self.told[name] |= set(told)

    def _columns(self, name: str) -> str:
        """List all columns of a side, told or not."""
        return ", ".join(column if column in self.told[name] else f"NULL::{kind} AS {column}" for column, kind in KEPT[name].items())

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        """Write to the file all that is written in a block, or nothing."""
        self.run("BEGIN")
        try:
            yield
        except BaseException:
            self.run("ROLLBACK")
            raise
        self.run("COMMIT")

    def forget(self) -> None:
        """Show what the file holds: the open part, and both parts as the whole. What was taken and not settled is forgotten."""
        for name in KEPT:
            self.run(f"""
                CREATE OR REPLACE VIEW {name} AS SELECT {self._columns(name)} FROM kept.open_{name};
                CREATE OR REPLACE VIEW whole_{name} AS SELECT k, {self._columns(name)}
                    FROM (FROM kept.open_{name} UNION ALL BY NAME FROM kept.proved_{name})""")
        self.run("CREATE OR REPLACE TABLE added AS FROM kept.added")

    @property
    def mark(self) -> str:
        """Say what its owner said last of what it holds; nothing where it was not said, or not since the last change."""
        return str((self.one("SELECT said FROM kept.mark") or ("",))[0])

    def say(self, mark: str) -> None:
        """Keep what its owner says of what it holds now."""
        with self._at_once():
            self.run("DELETE FROM kept.mark")
            self.run(f"INSERT INTO kept.mark VALUES ({quoted(mark)})")

    def empty(self) -> None:
        """Be a history of nothing."""
        with self._at_once():
            for table in ("added", "mark", *(f"{part}_{name}" for name in KEPT for part in ("open", "proved"))):
                self.run(f"DELETE FROM kept.{table}")
            self.run("UPDATE kept.sums SET tolerance = ''")
        self.forget()

    def whole(self, name: str) -> str:
        """Name all rows of a side, those too that were proved before and are not judged again."""
        return f"whole_{name}"

    # --- what came

    def take(self, arrived: Arrived) -> None:
        """Show what came in the place of what was known of the same lines, documents and vouchers; the file stays as it is."""
        for name, columns in KEPT.items():
            self._tell(name, self._open(name, columns, getattr(arrived, name), prefix="new_"))
        self.forget()
        few = {name: self.one(f"SELECT (SELECT count(*) FROM new_{name}) + (SELECT count(*) FROM kept.open_{name})")[0] <= self.few
               for name in KEPT}
        self.near = all(few.values())
        self.run(f"SET threads = {1 if self.near else self.threads}")  # to share little work costs more than it saves
        for name in KEPT:
            self._read(name, few=few[name])
        self._name_what_changes(arrived)
        for name in KEPT:
            self._show_judged(name, few=few[name])
        self._bring(TOUCHED, again=False)
        self._gather()
        if self.one("SELECT EXISTS (FROM out_accepted) OR EXISTS (FROM out_records)")[0]:
            self._add("-", "out_accepted", "out_records")

    def _name_what_changes(self, arrived: Arrived) -> None:
        """Name the lines, the documents without a mark and the vouchers whose rows are replaced."""
        self._names("touched", LINE, f"""
            SELECT k FROM came_accepted WHERE k IS NOT NULL UNION SELECT k FROM came_records WHERE k IS NOT NULL
            UNION SELECT k FROM came_held WHERE k IS NOT NULL UNION SELECT hash(line) FROM ({_listed(arrived.gone, 'line')})""")
        self._names("documents", "document VARCHAR", f"""
            SELECT coalesce(document, '') FROM came_records WHERE side <> 'ledger' AND k IS NULL
            UNION SELECT document FROM ({_listed(arrived.gone_documents, 'document')})""")
        gone = _listed(arrived.gone_vouchers, "voucher")
        before = "".join(f""" UNION SELECT coalesce(entity, ''), voucher FROM kept.{part}_records
            WHERE side = 'ledger' AND voucher IN ({gone})""" for part in ("open", "proved") if arrived.gone_vouchers)
        self._names("replaced", VOUCHER, f"""
            SELECT coalesce(entity, ''), voucher FROM came_records WHERE side = 'ledger' AND coalesce(voucher, '') <> '' {before}""")
        self.run(f"CREATE OR REPLACE TABLE known ({LINE}); CREATE OR REPLACE TABLE looked_up ({VOUCHER})")

    def _read(self, name: str, *, few: bool) -> None:
        """Show what came of one side with the hash of its lines; where it and the open part are few, its files are read this once."""
        self.run(f"DROP TABLE IF EXISTS few_{name}")
        came = f"SELECT CASE WHEN {MARKED} THEN hash(line) END AS k, true AS fresh, {', '.join(sorted(self.told[name]))} FROM new_{name}"
        if few:
            self.run(f"CREATE TABLE few_{name} AS {came}")
            came = f"FROM few_{name} WHERE fresh"
        self.run(f"CREATE OR REPLACE VIEW came_{name} AS {came}")

    def _show_judged(self, name: str, *, few: bool) -> None:
        """Show of one side what is judged: what came, what is open and not replaced, and what is brought back of the proved part."""
        still = f"SELECT false AS fresh, * FROM kept.open_{name} WHERE NOT ({REPLACED[name]})"
        judged = f"FROM came_{name} UNION ALL BY NAME {still}"
        if few:
            self.run(f"INSERT INTO few_{name} BY NAME {still}")
            judged = f"FROM few_{name}"
        self.run(f"""
            CREATE OR REPLACE TABLE out_{name} AS SELECT true AS again, * FROM kept.proved_{name} LIMIT 0;
            CREATE OR REPLACE VIEW judged_{name} AS
                {judged} UNION ALL BY NAME SELECT true AS fresh, * EXCLUDE (again) FROM out_{name} WHERE again;
            CREATE OR REPLACE VIEW {name} AS SELECT {self._columns(name)} FROM judged_{name};
            CREATE OR REPLACE VIEW whole_{name} AS SELECT k, {self._columns(name)} FROM (
                FROM judged_{name} UNION ALL BY NAME FROM kept.proved_{name} WHERE NOT ({OUT[name]}))""")

    def _gather(self) -> None:
        """Bring proved lines back without which the others cannot be judged: those of the same vouchers, and those that look alike."""
        booked, strays = self.one("""SELECT count(*) FILTER (side = 'ledger'), count(*) FILTER (side = 'credit' AND k IS NULL)
                                     FROM judged_records""")
        if strays:
            self._bring(ALIKE, again=True)
        while booked:
            self._names("vouchers", VOUCHER, VOUCHERS)
            if not self.one("SELECT count(*) FROM vouchers")[0]:
                return
            self.run("INSERT INTO looked_up FROM vouchers")
            self._bring(TOGETHER, again=True)
            self.run(f"""INSERT INTO out_records BY NAME SELECT {ENTRY} NOT IN (FROM replaced) AS again, * FROM kept.proved_records
                         WHERE side = 'ledger' AND {ENTRY} IN (FROM vouchers)""")

    def _bring(self, lines: str, *, again: bool) -> None:
        """Bring the proved lines back that a query names; most often there are none. They are judged again unless they are replaced."""
        self._names("coming", LINE, f"SELECT DISTINCT k FROM ({lines}) WHERE k NOT IN (FROM known)")
        if self.one("SELECT count(*) FROM coming")[0]:
            for name in KEPT:
                self.run(f"INSERT INTO out_{name} BY NAME SELECT {again} AS again, * FROM kept.proved_{name} WHERE k IN (FROM coming)")
            self.run("INSERT INTO known FROM coming")

    # --- what stays

    def settle(self, tolerance: Tolerance) -> None:
        """Keep what was judged, all of it or nothing: what is proved without any tolerance is laid aside, all else is open."""
        self._names("unproved", LINE, "SELECT hash(line) FROM verdicts WHERE standing <> 'proved' OR len(let_go) > 0")
        self._names("credited", VOUCHER, CREDITED)
        self._names("answered", VOUCHER, ANSWERED)
        for name in KEPT:
            self.run(f"CREATE OR REPLACE VIEW settled_{name} AS SELECT * EXCLUDE (fresh) FROM judged_{name} WHERE {SETTLED[name]}")
        self._add("+", "settled_accepted", "settled_records")
        with self._at_once():
            for name in KEPT:
                if self.one(f"SELECT count(*) FROM out_{name}")[0]:
                    self.run(f"DELETE FROM kept.proved_{name} WHERE {OUT[name]}")
                self.run(f"INSERT INTO kept.proved_{name} BY NAME SELECT * FROM settled_{name}")
                self.run(f"DELETE FROM kept.open_{name} WHERE {REPLACED[name]} OR {SETTLED[name]}")
                self.run(f"""INSERT INTO kept.open_{name} BY NAME SELECT * EXCLUDE (fresh) FROM judged_{name}
                             WHERE fresh AND NOT coalesce({SETTLED[name]}, false)""")
            self.run("""
                INSERT INTO kept.open_records (side, status, line, voucher, net, units) SELECT 'ledger', 'posted', '', '', 0, 0
                WHERE EXISTS (SELECT 1 FROM came_records WHERE side = 'ledger')
                AND NOT EXISTS (SELECT 1 FROM kept.open_records WHERE side = 'ledger' AND coalesce(voucher, '') = '')""")
            self.run("DELETE FROM kept.mark")
            self.run("DELETE FROM kept.added")
            self.run("INSERT INTO kept.added BY NAME SELECT * FROM added")
            self.run(f"UPDATE kept.sums SET tolerance = {quoted(_said(tolerance))} WHERE tolerance <> {quoted(_said(tolerance))}")
        self.forget()

    def reopen(self) -> None:
        """Judge everything anew: what may differ is not what it was."""
        with self._at_once():
            for name in KEPT:
                self.run(f"INSERT INTO kept.open_{name} BY NAME SELECT * FROM kept.proved_{name}")
                self.run(f"DELETE FROM kept.proved_{name}")
            self.run("DELETE FROM kept.added")
        self.forget()

    def sums(self) -> dict[str, Decimal]:
        """Give what the proved part adds up to, without what is judged again."""
        each = ", ".join(f"coalesce(sum({name}), 0)::DECIMAL(38,4)" for name in SUMS)
        return dict(zip(SUMS, self.one(f"SELECT {each} FROM added"), strict=True))

    @property
    def first_ledger(self) -> bool:
        """Tell whether a ledger came for the first time: what was proved was held against none."""
        return bool(self.one("""SELECT EXISTS (FROM came_records WHERE side = 'ledger') AND NOT EXISTS (
            FROM kept.open_records WHERE side = 'ledger' AND coalesce(voucher, '') = '') AND EXISTS (FROM kept.proved_accepted)""")[0])

    @property
    def judged_by(self) -> str:
        """Say within which tolerance the proved part was proved."""
        return str(self.one("SELECT tolerance FROM kept.sums")[0])

    def _names(self, table: str, columns: str, query: str) -> None:
        self.run(f"CREATE OR REPLACE TABLE {table} ({columns}); INSERT INTO {table} {query}")

    def _add(self, sign: str, accepted: str, records: str) -> None:
        """Add rows to what the proved part adds up to, or take them off."""
        each = ", ".join(f"sum({name}) AS {name}" for name in AMOUNTS)
        more = ", ".join(f"{sign}{name} AS {name}" for name in AMOUNTS)
        self.run(f"""CREATE OR REPLACE TABLE added AS SELECT side, entity, currency, {each} FROM (
            FROM added UNION ALL BY NAME SELECT side, entity, currency, {more} FROM ({added_up(accepted, records)}))
            GROUP BY ALL HAVING sum(rows) <> 0""")


def advance(history: History, arrived: Arrived, day: date, tolerance: Tolerance) -> Proof:
    """Prove as of the end of a day what a history holds and what came since; `history.found()` tells what is broken, of all of it."""
    if history.judged_by not in {"", _said(tolerance)}:
        history.reopen()
    try:
        history.take(arrived)
        if history.first_ledger:
            history.reopen()
            history.take(arrived)
        proof = prove(history, day, tolerance, before="added")
        history.judged = history.one("SELECT count(*) FROM accepted")[0]
        history.settle(tolerance)
    except BaseException:
        history.forget()
        raise
    return proof


def judged_by() -> str:
    """Name what a proved line was judged by: the text of the proof, and the engine, whose hashes a history holds."""
    return digest([duckdb.__version__, *(getsource(modules[part.__module__]) for part in (prove, advance, paired, Tolerance))])


def _listed(names: Iterable[str], column: str) -> str:
    rows = ", ".join(f"({quoted(name)})" for name in names)
    return f"SELECT {column} FROM (VALUES {rows}) AS t({column})" if rows else f"SELECT NULL::VARCHAR AS {column} WHERE false"


def _said(tolerance: Tolerance) -> str:
    return "; ".join(f"{row.name} {row.amount}" for row in tolerance.every())

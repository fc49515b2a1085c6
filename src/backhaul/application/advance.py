"""What has changed since the last proof, and what does that change of it?

A history keeps the rows of every line in two parts: proved, which no clock can change any more, and open, which is judged at every run.
What arrives replaces the rows of the lines it names; only those, the open ones, and proved lines that share a voucher or look like a record
without a mark are judged. The figures are those of a full run over everything, which a test compares.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from inspect import getsource
from sys import modules
from typing import Final

import duckdb

from backhaul.application.reconcile import ACCEPTED, HELD, RECORDS, Books, Paths, Proof, prove, quoted
from backhaul.application.shares import added_up, shares
from backhaul.domain.errors import Misconfigured
from backhaul.domain.proof import paired
from backhaul.domain.tolerance import Tolerance
from backhaul.domain.trail import digest

KEPT: Final = {"accepted": ACCEPTED, "records": RECORDS, "held": HELD}
SUMS: Final = ("lines", "net", "stocked", "credited", "received", "booked")
"""What is added up of the proved part, so that nobody reads it for a total."""
MARKED: Final = "coalesce({0}line, '') <> ''"
_NAMED: Final = "SELECT DISTINCT coalesce(entity, '') AS entity, voucher FROM kept.open_records WHERE voucher <> '' AND side IN"
CREDITED, VOUCHERS = f"{_NAMED} ('credit')", f"{_NAMED} ('credit', 'ledger')"
"""Vouchers that credit notes of the open part name, and those that its entries of the ledger name as well."""

ALIKE: Final = """SELECT p.k FROM kept.proved_accepted p SEMI JOIN (
    SELECT item, customer, units, net FROM kept.open_records WHERE k IS NULL AND side = 'credit') r
    ON p.customer = r.customer AND p.net = r.net AND coalesce(p.item = r.item, r.item IS NULL)
       AND coalesce(p.units = nullif(r.units, 0), coalesce(r.units, 0) = 0)"""
TOGETHER: Final = f"""SELECT p.k FROM kept.proved_records p SEMI JOIN ({VOUCHERS}) v
    ON coalesce(p.entity, '') = v.entity AND p.voucher = v.voucher AND p.side = 'credit'"""
"""Proved lines that look like a record without a mark, and those that share a voucher with an open one."""
ADDED: Final = {
    "accepted": ("count(*) AS lines, coalesce(sum(net), 0) AS net, coalesce(sum(stocked), 0) AS stocked", SUMS[:3]),
    "records": ("""coalesce(sum(net) FILTER (side = 'credit' AND status = 'posted'), 0) AS credited,
        coalesce(sum(units) FILTER (side = 'stock' AND status = 'posted'), 0) AS received,
        coalesce(sum(net) FILTER (side = 'ledger'), 0) AS booked""", SUMS[3:])}
AMOUNTS: Final = ("rows", "lines", "net", "stocked", "credited", "received", "booked")
BY_SHARE: Final = "side VARCHAR, entity VARCHAR, currency VARCHAR, " + ", ".join(f"{name} DECIMAL(38,4)" for name in AMOUNTS)
"""What the proved part adds up to, of each legal entity, currency and side."""
VOUCHER: Final = "entity VARCHAR, voucher VARCHAR"


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

    def __init__(self, path: str, *, memory: str = "700MB", threads: int = 2) -> None:
        """Open a history, or begin one. `memory` is what the engine may hold before it spills to disk."""
        self._begin(memory, threads)
        self.judged = 0
        """How many lines the last run judged."""
        try:
            self.engine.execute(f"ATTACH {quoted(path)} AS kept")
        except duckdb.Error as shut:
            self.engine.close()
            message = f"{path} cannot be opened as a history: {str(shut).splitlines()[0]}"
            if "lock" in message:
                message = f"{message} Only one run at a time may have it open."
                raise Misconfigured(message) from shut
            raise Unreadable(message) from shut
        for name, columns in KEPT.items():
            for part in ("open", "proved"):
                told = ", ".join(f"{column} {kind}" for column, kind in columns.items())
                self.run(f"CREATE TABLE IF NOT EXISTS kept.{part}_{name} (k UBIGINT, {told})")
                for column, kind in columns.items():  # a history of before has fewer
                    self.run(f"ALTER TABLE kept.{part}_{name} ADD COLUMN IF NOT EXISTS {column} {kind}")
            self.run(f"CREATE VIEW {name} AS SELECT * EXCLUDE (k) FROM kept.open_{name}")
            self.run(f"CREATE VIEW whole_{name} AS FROM kept.open_{name} UNION ALL FROM kept.proved_{name}")
        self.run(f"CREATE TABLE IF NOT EXISTS kept.sums ({', '.join(f'{name} DECIMAL(38,4)' for name in SUMS)}, tolerance VARCHAR)")
        self.run("INSERT INTO kept.sums SELECT 0, 0, 0, 0, 0, 0, '' WHERE NOT EXISTS (SELECT 1 FROM kept.sums)")
        self.told = {name: frozenset(columns) for name, columns in KEPT.items()}
        if not self.one("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'kept' AND table_name = 'added'")[0]:
            self.run("BEGIN")  # a history of before did not have them
            self.run(f"CREATE TABLE kept.added ({BY_SHARE})")
            self.run(f"INSERT INTO kept.added {added_up('kept.proved_accepted', 'kept.proved_records')}")
            self.run("COMMIT")

        self.run("CREATE TABLE IF NOT EXISTS kept.mark (said VARCHAR)")

    @property
    def mark(self) -> str:
        """Say what its owner said last of what it holds; nothing where it was not said, or not since the last change."""
        return str((self.one("SELECT said FROM kept.mark") or ("",))[0])

    def say(self, mark: str) -> None:
        """Keep what its owner says of what it holds now."""
        self.run("BEGIN")
        self.run("DELETE FROM kept.mark")
        self.run(f"INSERT INTO kept.mark VALUES ({quoted(mark)})")
        self.run("COMMIT")

    def whole(self, name: str) -> str:
        """Name all rows of a side, those too that were proved before and are not judged again."""
        return f"whole_{name}"

    # --- what came

    def forget(self) -> None:
        """Be a history of nothing."""
        self.run("BEGIN")
        for table in (f"{part}_{name}" for name in KEPT for part in ("open", "proved")):
            self.run(f"DELETE FROM kept.{table}")
        self.run("DELETE FROM kept.added")
        self.run("DELETE FROM kept.mark")
        self.run(f"UPDATE kept.sums SET {', '.join(f'{name} = 0' for name in SUMS)}, tolerance = ''")
        self.run("COMMIT")

    def take(self, arrived: Arrived) -> None:
        """Put what came in the place of what was known of the same lines, documents and vouchers; all of it, or nothing."""
        self._name_what_changes(arrived)
        self.run("BEGIN")
        try:
            self.run("DELETE FROM kept.mark")
            self._replace()
            self._gather()
        except BaseException:
            self.run("ROLLBACK")
            raise
        self.run("COMMIT")

    def _name_what_changes(self, arrived: Arrived) -> None:
        """Name the lines, the documents without a mark and the vouchers whose rows are replaced."""
        for name, columns in KEPT.items():
            self._open(name, columns, getattr(arrived, name), prefix="new_")
        self._names("touched", "k UBIGINT", f"""
            SELECT hash(line) FROM new_accepted UNION SELECT hash(line) FROM new_records WHERE {MARKED.format('')}
            UNION SELECT hash(line) FROM new_held UNION SELECT hash(line) FROM ({_listed(arrived.gone, 'line')})""")
        self._names("documents", "document VARCHAR", f"""
            SELECT coalesce(document, '') FROM new_records WHERE side <> 'ledger' AND NOT {MARKED.format('')}
            UNION SELECT document FROM ({_listed(arrived.gone_documents, 'document')})""")
        self._names("vouchers", VOUCHER, f"""
            SELECT coalesce(entity, ''), voucher FROM new_records WHERE side = 'ledger' AND coalesce(voucher, '') <> ''
            UNION SELECT coalesce(entity, ''), voucher FROM kept.open_records WHERE side = 'ledger'
                  AND voucher IN (SELECT voucher FROM ({_listed(arrived.gone_vouchers, 'voucher')}))
            UNION SELECT coalesce(entity, ''), voucher FROM kept.proved_records WHERE side = 'ledger'
                  AND voucher IN (SELECT voucher FROM ({_listed(arrived.gone_vouchers, 'voucher')}))""")

    def _replace(self) -> None:
        self._open_again("SELECT p.k FROM kept.proved_accepted p SEMI JOIN touched t ON p.k = t.k")
        for name in KEPT:
            self.run(f"DELETE FROM kept.open_{name} WHERE k IN (FROM touched)")
        self.run("""DELETE FROM kept.open_records WHERE k IS NULL AND CASE WHEN side = 'ledger'
            THEN (coalesce(entity, ''), voucher) IN (FROM vouchers) ELSE coalesce(document, '') IN (FROM documents) END""")
        for name in KEPT:
            key = f"CASE WHEN {MARKED.format('')} THEN hash(line) END"
            self.run(f"INSERT INTO kept.open_{name} SELECT {key}, * FROM new_{name}")
        self.run("""
            INSERT INTO kept.open_records (side, status, line, voucher, net, units) SELECT 'ledger', 'posted', '', '', 0, 0
            WHERE EXISTS (SELECT 1 FROM new_records WHERE side = 'ledger')
            AND NOT EXISTS (SELECT 1 FROM kept.open_records WHERE side = 'ledger' AND coalesce(voucher, '') = '')""")

    def _gather(self) -> None:
        """Open proved lines without which the open ones cannot be judged: of the same voucher, or looking like a record without a mark."""
        booked = self.one("SELECT count(*) FROM kept.open_records WHERE side = 'ledger'")[0] > 0
        strays = self.one("SELECT count(*) FROM kept.open_records WHERE k IS NULL AND side = 'credit'")[0] > 0
        while booked or strays:
            self._names("vouchers", VOUCHER, VOUCHERS if booked else "SELECT '', '' WHERE false")
            before = self.one("SELECT count(*) FROM kept.open_records")
            opened = self._open_again(ALIKE + (f" UNION {TOGETHER}" if booked else ""))
            if not opened and self.one("SELECT count(*) FROM kept.open_records") == before:
                return

    def _open_again(self, lines: str) -> int:
        """Open the proved lines a query names, with the ledger's entries of `vouchers`; give how many lines. Most often there are none."""
        self._names("known", "k UBIGINT", lines)
        known = int(self.one("SELECT count(*) FROM known")[0])
        booked = self.one("SELECT count(*) FROM vouchers")[0] > 0
        if known or booked:
            self._move("proved", "open", "k IN (FROM known)" if known else "false",
                       "(coalesce(entity, ''), voucher) IN (FROM vouchers)" if booked else "false")
        return known

    # --- what stays

    def settle(self, tolerance: Tolerance) -> None:
        """Lay the lines aside that are proved without any tolerance, with the ledger's entries no open line is about."""
        self._names("unproved", "k UBIGINT", "SELECT hash(line) FROM verdicts WHERE standing <> 'proved' OR len(let_go) > 0")
        self.run("BEGIN")
        self._move("open", "proved", "k IS NOT NULL AND k NOT IN (FROM unproved)", "false")
        self._names("vouchers", VOUCHER, CREDITED)
        self._move("open", "proved", "false", "voucher <> '' AND (coalesce(entity, ''), voucher) NOT IN (FROM vouchers)")
        self.run(f"UPDATE kept.sums SET tolerance = {quoted(_said(tolerance))}")
        self.run("COMMIT")

    def reopen(self) -> None:
        """Judge everything anew: what may differ is not what it was."""
        self.run("BEGIN")
        self._move("proved", "open", "true", "true")
        self.run("COMMIT")

    def sums(self) -> dict[str, Decimal]:
        """Give what the proved part adds up to."""
        return dict(zip(SUMS, self.one(f"SELECT {', '.join(SUMS)} FROM kept.sums"), strict=True))

    @property
    def judged_by(self) -> str:
        """Say within which tolerance the proved part was proved."""
        return str(self.one("SELECT tolerance FROM kept.sums")[0])

    def _names(self, table: str, columns: str, query: str) -> None:
        self.run(f"CREATE OR REPLACE TEMP TABLE {table} ({columns})")
        self.run(f"INSERT INTO {table} {query}")

    def _move(self, source: str, target: str, lines: str, ledger: str) -> None:
        """Bring lines, and entries of the ledger, from one part to the other, and what they add up to with them."""
        sign = "+" if target == "proved" else "-"
        for name in KEPT:
            chosen = f"({lines})" if name != "records" else f"CASE WHEN side = 'ledger' THEN k IS NULL AND ({ledger}) ELSE ({lines}) END"
            self.run(f"CREATE OR REPLACE TEMP TABLE moving_{name} AS SELECT * FROM kept.{source}_{name} WHERE {chosen}")
            if not self.one(f"SELECT count(*) FROM moving_{name}")[0]:
                continue
            self.run(f"INSERT INTO kept.{target}_{name} SELECT * FROM moving_{name}")
            self.run(f"DELETE FROM kept.{source}_{name} WHERE {chosen}")
            if name in ADDED:
                told, columns = ADDED[name]
                added = ", ".join(f"{column} = sums.{column} {sign} m.{column}" for column in columns)
                self.run(f"UPDATE kept.sums SET {added} FROM (SELECT {told} FROM moving_{name}) m")
        each = ", ".join(f"sum({name})" for name in AMOUNTS)
        more = ", ".join(f"{sign}{name}" for name in AMOUNTS)
        self.run(f"""CREATE OR REPLACE TEMP TABLE added AS SELECT side, entity, currency, {each} FROM (
            FROM kept.added UNION ALL SELECT side, entity, currency, {more} FROM ({added_up("moving_accepted", "moving_records")}))
            GROUP BY ALL HAVING sum(rows) <> 0""")
        self.run("DELETE FROM kept.added")
        self.run("INSERT INTO kept.added FROM added")


def advance(history: History, arrived: Arrived, day: date, tolerance: Tolerance) -> Proof:
    """Prove as of the end of a day what a history holds and what came since; `history.found()` tells what is broken, of all of it."""
    if history.judged_by not in {"", _said(tolerance)}:
        history.reopen()
    history.take(arrived)
    proof = prove(history, day, tolerance)
    history.judged = proof.lines
    booked = history.one("SELECT count(*) FROM records WHERE side = 'ledger'")[0] > 0
    sums = history.sums()
    proof.lines, proof.proved = proof.lines + int(sums["lines"]), proof.proved + int(sums["lines"])
    proof.credit_difference += sums["credited"] - sums["net"]
    proof.stock_difference += sums["received"] - sums["stocked"]
    proof.ledger_difference += sums["booked"] - sums["credited"] if booked else Decimal(0)
    proof.entities = shares(history.rows, history.told["accepted"], tolerance.books, before="kept.added")
    history.settle(tolerance)
    return proof


def judged_by() -> str:
    """Name what a proved line was judged by: the text of the proof, and the engine, whose hashes a history holds."""
    return digest([duckdb.__version__, *(getsource(modules[part.__module__]) for part in (prove, advance, paired, Tolerance))])


def _listed(names: Iterable[str], column: str) -> str:
    rows = ", ".join(f"({quoted(name)})" for name in names)
    return f"SELECT {column} FROM (VALUES {rows}) AS t({column})" if rows else f"SELECT NULL::VARCHAR AS {column} WHERE false"


def _said(tolerance: Tolerance) -> str:
    return "; ".join(f"{row.name} {row.amount}" for row in tolerance.every())

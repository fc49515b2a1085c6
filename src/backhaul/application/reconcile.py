"""Do goods, stock, credit notes and ledger tell the same story, for more lines than fit in memory?

`prove` says of every accepted line what `domain.proof.classify` would say of it, in two passes over columns. The first keeps one number for
each line, to which both sides add hashes of what they say, and lets go of every line whose number says that its records are there once, are
equal and are in time; the second reads the rest in full and names what is wrong. A line that only looks wrong in the first pass is cleared
in the second, so a hash never condemns; that it wrongly clears takes hashes of 62 bits to add up by chance.

Extracts are Parquet or CSV. A column that is not there is not known, and what is not known on either side is not compared. Where Parquet
files have the columns `part`, `key` and `gone`, those of the highest part of each key count, unless they are gone.
"""

import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Final, Self
from weakref import finalize

import duckdb

from backhaul.application.shares import Counted, Share, added, shares, together
from backhaul.domain.errors import Misconfigured
from backhaul.domain.proof import (
    CANCELS,
    NAMED,
    NOTHING,
    Broken,
    Discrepancy,
    Held,
    Standing,
    Status,
    Verdict,
    Words,
    paired,
    stray,
)
from backhaul.domain.tolerance import Measure, Tolerance, ToleranceRow

if TYPE_CHECKING:
    from backhaul.domain.oversight import Irregular

WORDS: Final = tuple(field.name for field in fields(Words))
AMOUNT: Final = "DECIMAL(18,4)"

ACCEPTED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("line", "period", *WORDS), "VARCHAR"), "fee": "BOOLEAN",
    **dict.fromkeys(("announced", "units", "stocked", "sellable", "scrapped", "net", "tax", "cost"), AMOUNT),
    **dict.fromkeys(("accepted_on", "expected_on", "due_on"), "DATE"), "account": "VARCHAR"}
"""What the platform accepted: one row per line, unique by `line`."""
RECORDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("side", "line", "document", "voucher", "status", "period", *WORDS), "VARCHAR"),
    **dict.fromkeys(("units", "sellable", "net", "tax", "cost", "against"), AMOUNT), "posted_on": "DATE"}
"""What the ERP shows. `side`: stock, credit, loss or ledger; `status`: posted, draft, reversed or empty; no `line` without a mark.

`against`, of the ledger: what a voucher takes off the customer less tax, which is its `net` as long as it balances."""
HELD: Final[Mapping[str, str]] = {"line": "VARCHAR", "state": "VARCHAR", "read_back": AMOUNT}
"""What we believe ourselves of a line: `state` is draft, unconfirmed, posted, or waiting for a decision."""
NEEDED: Final = {"accepted": ("line", "units", "net"), "records": ("side", "line", "units"), "held": ("line", "state"),
                 "payouts": ("pays", "amount")}
SIDES: Final = ("credit", "stock", "loss", "ledger")
STATUSES: Final = tuple(each.value for each in Status)
STATES: Final = tuple(each.value for each in Held)
ABSENT: Final = {"records": {"status": "'posted'"}, "payouts": {"status": "'paid'"}}
"""What stands for a column of a side that is not there: an extract of posted documents or of payments made has no word for it."""
CHAINED: Final = frozenset({"part", "key", "gone"})
"""The columns by which files of one side replace what earlier ones say."""
Paths = str | Sequence[str]
"""Files of one side: a path, a pattern of paths, or several paths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One discrepancy: where, which class, about how much; `also` are other classes of the same line, `other` the line that cancels it."""

    line: str
    kind: str
    amount: Decimal
    document: str = ""
    also: tuple[str, ...] = ()
    other: str = ""


@dataclass(slots=True, kw_only=True)
class Proof:
    """What one run proved. `difference` is credited less accepted, `lacking` credited less booked, over everything that was read."""

    lines: int = 0
    proved: int = 0
    in_timing: int = 0
    broken: int = 0
    orphans: int = 0
    by_class: dict[str, tuple[int, Decimal]] = field(default_factory=dict)
    awaited: dict[str, tuple[int, Decimal]] = field(default_factory=dict)
    stock_difference: Decimal = Decimal(0)
    credit_difference: Decimal = Decimal(0)
    ledger_difference: Decimal = Decimal(0)
    within: int = 0
    """How many of the proved lines are proved within a tolerance."""
    let_go: Mapping[str, Counted] = field(default_factory=dict)
    """What each tolerance let go, by the name of its row."""
    tolerances: Sequence[ToleranceRow] = ()
    entities: dict[str, Share] = field(default_factory=dict)
    """What of all this is each legal entity's own, money by currency."""
    reasons: tuple[str, ...] = ()
    about: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Which of the reasons are about one legal entity alone."""
    asked: Mapping[str, Any] = field(default_factory=dict)
    """By which rules the sides were read, and what was asked of whom; empty for extracts from outside."""
    relied_on: str = ""
    """In one sentence: whether the platform was asked itself, or what it sent was relied on."""
    house: "tuple[Irregular, ...]" = ()
    """What is wrong with the house as a whole, of whoever looked at it."""
    payouts: Mapping[str, Any] = field(default_factory=dict)
    """What `payments.prove_payments` found of customers' claims; empty where nothing is told of payments."""
    roll_forward: Sequence[Mapping[str, Any]] = ()
    across: Sequence[Mapping[str, Any]] = ()
    """By legal entity and currency, lines of a month that are credited in another period than they were accepted in, and their net."""
    late: Sequence[Mapping[str, Any]] = ()
    """By legal entity and currency, lines whose credit was taken back, or goods graded anew, in another period than their credit."""
    by_hand: Mapping[str, tuple[int, Decimal]] = field(default_factory=dict)
    """By legal entity whose accounts were read: how much was posted on them by hand, and what it comes to."""

    @property
    def complete(self) -> bool:
        """Tell whether everything was read; a run that was not complete is never clean."""
        return not self.reasons

    def reasons_of(self, entity: str) -> tuple[str, ...]:
        """Give why not everything of a legal entity was read: what is said of it, or of none in particular."""
        others = {reason for name, reasons in self.about.items() if name != entity for reason in reasons}
        return tuple(reason for reason in self.reasons if reason not in others)


class Books:
    """The sides of one run, opened from files; what `prove` found is read from here until it is closed.

    Raises `Misconfigured`, which names the file and the column, when a file cannot be read as what it should be.
    """

    near = False
    """Whether all rows lie in memory already."""

    def __init__(self, accepted: Paths, records: Paths, held: Paths = "", *, memory: str = "700MB", threads: int = 2) -> None:
        """Open CSV or Parquet files. `memory` is what the engine may hold before it spills to disk."""
        self._begin(memory, threads)
        self.told = {name: self._open(name, columns, path) for name, columns, path in (
            ("accepted", ACCEPTED, accepted), ("records", RECORDS, records), ("held", HELD, held))}

    def __enter__(self) -> Self:
        """Stay open for one block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Forget everything but what was saved."""
        self.engine.close()
        self._forget()

    def _begin(self, memory: str, threads: int) -> None:
        """Start the engine. What it spills lies in a folder of its own, which goes with it, and never where somebody works."""
        spilled = mkdtemp(prefix="backhaul-")
        self._forget = finalize(self, shutil.rmtree, spilled, ignore_errors=True)
        told: dict[str, Any] = {"memory_limit": memory, "threads": threads, "preserve_insertion_order": False, "temp_directory": spilled}
        try:
            self.engine = duckdb.connect(config=told)
        except duckdb.Error as wrong:
            message = f"The engine cannot begin with '{memory}' of memory: {_first_line(wrong)}. Say an amount like 700MB."
            raise Misconfigured(message) from wrong

    def _open(self, name: str, columns: Mapping[str, str], paths: Paths, prefix: str = "") -> frozenset[str]:
        """Show files under their name, behind a prefix where one is told, whole in its columns; give the columns they really have."""
        view, path = prefix + name, paths if isinstance(paths, str) else ", ".join(paths)
        if not path:
            nothing = ", ".join(f"NULL::{kind} AS {column}" for column, kind in columns.items())
            self.engine.execute(f"CREATE OR REPLACE VIEW {view} AS SELECT {nothing} WHERE false")
            return frozenset()
        scan = f"read_parquet({_listed(paths)}, union_by_name = true)" if path.endswith(".parquet") \
            else f"read_csv({_listed(paths)}, header = true, all_varchar = true, union_by_name = true)"
        try:
            there = frozenset(row[0] for row in self.engine.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall())
        except duckdb.Error as unreadable:
            message = f"{path} cannot be read as {name}: {_first_line(unreadable)}. Give a CSV with a header, or a Parquet file."
            raise Misconfigured(message) from unreadable
        if twice := [column for column in columns if {column, f"{column}_1"} <= there]:
            message = f"{path} has the column {', '.join(twice)} more than once, and nobody can tell which of them holds"
            raise Misconfigured(message)
        if lacking := [column for column in NEEDED[name] if column not in there]:
            message = f"{path} has no column {', '.join(lacking)}; {name} needs {', '.join(NEEDED[name])} and may have {', '.join(columns)}"
            raise Misconfigured(message)
        parquet, absent = path.endswith(".parquet"), ABSENT.get(name, {})
        shown = ", ".join(f"CAST({_bare(column, kind, parquet=parquet) if column in there else absent.get(column, 'NULL')} AS {kind}) "
                          f"AS {column}" for column, kind in columns.items())
        rows = as_they_stand(paths) if there >= CHAINED else scan
        self.engine.execute(f"CREATE OR REPLACE VIEW {view} AS SELECT {shown} FROM {rows}")
        return there & columns.keys()

    def add(self, name: str, columns: Mapping[str, str], paths: Paths) -> None:
        """Show one more side under its name, whole in its columns."""
        self.told[name] = self._open(name, columns, paths)

    def whole(self, name: str) -> str:
        """Name all rows of a side, those too that were proved before and are not judged again."""
        return name

    def run(self, statement: str) -> None:
        """Let the engine do one thing."""
        try:
            self.engine.execute(statement)
        except duckdb.ConversionException as wrong:
            message = f"A value is not what its column holds: {_first_line(wrong)}. Mend the extract and run it again."
            raise Misconfigured(message) from wrong

    def one(self, question: str) -> tuple[Any, ...]:
        """Give the one row that answers a question."""
        self.run(question)
        return self.engine.fetchone() or ()

    def rows(self, question: str) -> Iterator[tuple[Any, ...]]:
        """Give the rows that answer a question, some at a time."""
        answer = self.engine.cursor()
        answer.execute(question)
        while some := answer.fetchmany(1000):
            yield from some

    def both(self, *names: str, of: str = "accepted") -> list[str]:
        """Give those of these columns that both sides have."""
        return [name for name in names if name in self.told[of] and name in self.told["records"]]

    def found(self, limit: int | None = None) -> Iterator[Found]:
        """Give what the last `prove` found, by line, or the first of it; records without a line come first."""
        first = "" if limit is None else f" LIMIT {limit}"
        for line, kind, amount, document, also, other in self.rows(
                f"SELECT line, kind, amount, document, also, other FROM found ORDER BY line, document{first}"):
            yield Found(line=line, kind=kind, amount=amount, document=document, also=tuple(also), other=other)

    def save(self, path: str) -> None:
        """Let the engine write what was found as CSV or Parquet, by the path's ending; raise `Misconfigured` where that cannot be."""
        if not path.endswith((".csv", ".parquet")):
            message = f"a report is written as .csv or .parquet, and '{path}' is neither"
            raise Misconfigured(message)
        form = "PARQUET" if path.endswith(".parquet") else "CSV, HEADER"
        also = "also" if path.endswith(".parquet") else "array_to_string(also, ' ') AS also"
        try:
            self.run(f"COPY (SELECT line, kind, amount, document, {also}, other FROM found ORDER BY line, document) "
                     f"TO {quoted(path)} (FORMAT {form})")
        except duckdb.IOException as shut:
            message = f"the report cannot be written to {path}: {_first_line(shut)}"
            raise Misconfigured(message) from shut


def quoted(text: str) -> str:
    """Write text as SQL does."""
    return "'" + text.replace("'", "''") + "'"


def _bare(column: str, kind: str, *, parquet: bool) -> str:
    """Give a column as it is cast; of a text that says a moment and not a day nobody knows whose day it is, so that it cannot be cast."""
    if parquet or kind != "DATE":
        return column if parquet else f"nullif({column}, '')"
    told = f"regexp_replace({column}, '[ T]00:00:00$', '')"
    return f"CASE WHEN length({told}) > 10 THEN {told} || ' is no day' ELSE nullif({told}, '') END"


def _listed(paths: Paths) -> str:
    return quoted(paths) if isinstance(paths, str) else f"[{', '.join(map(quoted, paths))}]"


def as_they_stand(paths: Paths) -> str:
    """Give, as a table in SQL, what the files of one side say together: of each key the rows of the last file that names it."""
    return (f"(SELECT * EXCLUDE (part, key, gone) FROM read_parquet({_listed(paths)}, union_by_name = true) "
            f"QUALIFY part = max(part) OVER (PARTITION BY key) AND NOT gone)")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")


# --- the first pass: which lines are not plainly proved?


def prove(books: Books, day: date, tolerance: Tolerance, looked: str = "", before: str = "") -> Proof:
    """Prove every line as of the end of a day; `books.found()` tells what is broken.

    `looked` names Parquet files with the lines that `unlike` gave of every part, where others looked through the parts before. `before`
    names a table of what was proved before, as `shares` has it.
    """
    ledger = _has_ledger(books)
    _lacking(books, ledger=ledger)
    _candidates(books, f"SELECT k FROM read_parquet({quoted(looked)})" if looked else unlike(books))
    _verdicts(books, day, tolerance)
    _find(books, ledger=ledger)
    proof = _summary(books, tolerance.books, before, ledger=ledger)
    proof.tolerances = tuple(tolerance.every())
    return proof


def _has_ledger(books: Books) -> bool:
    """Tell whether a ledger was read; a record whose side or status has another name would be silently none, and is refused."""
    ledger = False
    for side, status in books.rows("SELECT DISTINCT coalesce(side, ''), coalesce(status, '') FROM records"):
        wrong = (("side", side, SIDES) if side not in SIDES else
                 ("status", status, STATUSES) if side != "ledger" and status not in STATUSES else None)
        if wrong:
            message = f"a record has the {wrong[0]} '{wrong[1]}', which is none of {', '.join(wrong[2])}; mend the extract and run it again"
            raise Misconfigured(message)
        ledger = ledger or side == "ledger"
    return ledger


NEVER: Final = 1_152_921_504_606_846_883
"""What a row adds that cannot be plainly right; nothing takes it off again."""
UNTOLD: Final = "(coalesce(line, '') = '' OR units IS NULL OR (units <> 0 AND net IS NULL))"
"""Which rows of what was accepted do not say what each has to say."""
FROM, UNTIL = "DATE '0001-01-01'", "DATE '5000-01-01'"
BITS: Final = 21
"""So many hold each day between these two."""


def _candidates(books: Books, apart: str) -> None:
    """Keep the hash of every line that is not there once, equal and in time on both sides."""
    books.run("CREATE OR REPLACE TABLE candidates (k UBIGINT)")
    books.run(f"INSERT INTO candidates {apart}")
    books.run("""INSERT INTO candidates SELECT hash(line) FROM records WHERE side = 'loss' AND line <> ''
                 UNION SELECT hash(line) FROM lacking""")
    if books.both("period") and "posted_on" in books.told["records"]:
        books.run("""INSERT INTO candidates SELECT hash(r.line) FROM records r JOIN accepted a ON r.line = a.line
                     WHERE r.side = 'stock' AND r.period <> a.period AND r.posted_on > coalesce(a.due_on, a.accepted_on)""")
    if books.told["held"]:
        books.run("""
            INSERT INTO candidates
            SELECT hash(h.line) FROM held h LEFT JOIN (
                SELECT line, sum(net) AS net FROM records WHERE side = 'credit' AND status = 'posted' GROUP BY 1) c ON h.line = c.line
            WHERE h.state IS DISTINCT FROM 'posted' OR h.read_back IS DISTINCT FROM c.net
            UNION SELECT hash(h.line) FROM held h ANTI JOIN accepted a ON h.line = a.line""")


def unlike(books: Books, part: str = "true") -> str:
    """Give the query for the lines whose sum does not say that they are accepted once, credited once, and received once where stocked.

    What was accepted adds one, a hash of what should be credited and one of what should be stock; a record takes its own hash off, so
    that one is left of a line that is plainly right. Two equal credits do not cancel, as they would with an exclusive or; a credit and
    a receipt do not either, because each side's hash begins with its name. `part` says in SQL which lines, by their hash `k`; it stands
    at each side, because the engine would hash the other columns of every row before it lets go of those of other parts.
    """
    credit = [*books.both(*(name for _, name, credited, _ in NAMED if credited)), "net", *books.both("tax", "period")]
    stock = books.both(*(name for _, name, _, stocked in NAMED if stocked), "sellable", "cost")
    accepted, records = books.told["accepted"], books.told["records"]
    dated = "posted_on" in records and bool({"accepted_on", "due_on", "expected_on"} & accepted)
    credited, received = _hashed("credit", ["units", *credit]), _hashed("stock", ["units", *stock])
    first, last = "greatest(accepted_on, expected_on)", f"coalesce(least(due_on, expected_on), {UNTIL})"
    days = f"{_day(first)} | ({_day(last)} << {BITS})" if dated else "NULL::UBIGINT"
    posted_day = f"{_day('posted_on')} << {2 * BITS}" if dated else "NULL::UBIGINT"
    right = f"status = 'posted'{f' AND posted_on > {FROM} AND posted_on < {UNTIL}' if dated else ''}"
    low = (1 << BITS) - 1
    on_time = f"""OR NOT coalesce((bit_or(days) & {low}) <= (bit_or(days) >> {2 * BITS})
        AND (bit_or(days) >> {2 * BITS}) <= ((bit_or(days) >> {BITS}) & {low}), true)""" if dated else ""
    return f"""
        SELECT k FROM (
            SELECT hash(line) AS k, CASE WHEN {UNTOLD} THEN {NEVER} WHEN units = 0 THEN 1 ELSE 1 + {credited}
                   + CASE WHEN coalesce(stocked, 0) = 0 THEN 0 ELSE {_hashed('stock', ['stocked', *stock])} END END AS adds,
                   CASE WHEN units <> 0 THEN {days} END AS days FROM accepted WHERE {part}
            UNION ALL
            SELECT hash(line) AS k, CASE WHEN {right} THEN -{credited} ELSE {NEVER} END, {posted_day}
            FROM records WHERE side = 'credit' AND line <> '' AND {part}
            UNION ALL
            SELECT hash(line) AS k, CASE WHEN status = 'posted' THEN -{received} ELSE {NEVER} END, NULL
            FROM records WHERE side = 'stock' AND line <> '' AND {part})
        GROUP BY k HAVING sum(adds) <> 1 {on_time}"""


def _hashed(side: str, columns: Sequence[str]) -> str:
    """Give the hash of columns of a side as a number two of which still fit into a BIGINT."""
    return f"(hash({quoted(side)}, {', '.join(columns)}) >> 2)::BIGINT"


def _day(column: str) -> str:
    """Give a day as a number between those of the first and the last; what is not known is the first."""
    return f"(least(greatest({column}, {FROM}), {UNTIL}) - {FROM})::UBIGINT"


def _lacking(books: Books, *, ledger: bool) -> None:
    """Set each voucher's credit against the ledger's entries for it, and lay what is lacking at the line it is about.

    A credit that names no voucher has no entry in the ledger.
    That is the one line whose amount is just what is lacking; else every line of a voucher that the ledger does not have at all; else
    the one that is credited by just as much more than was accepted; else the first line of the voucher.
    """
    if not ledger:
        books.run("CREATE OR REPLACE TABLE lacking (line VARCHAR, lacks DECIMAL(18,4))")
        return
    books.run("""
        CREATE OR REPLACE TABLE lacking AS
        WITH v AS (
            SELECT coalesce(entity, '') AS entity, voucher, coalesce(sum(net), 0) AS net FROM records
            WHERE side = 'credit' AND status = 'posted' AND voucher <> '' GROUP BY ALL),
        g AS (
            SELECT coalesce(entity, '') AS entity, voucher, coalesce(sum(net), 0) AS net, sum(against) AS against
            FROM records WHERE side = 'ledger' GROUP BY ALL),
        apart AS (
            SELECT v.entity, v.voucher, g.voucher IS NULL AS gone,
                   CASE WHEN v.net <> coalesce(g.net, 0) THEN v.net - coalesce(g.net, 0) ELSE v.net - g.against END AS lacks
            FROM v LEFT JOIN g USING (entity, voucher) WHERE v.net <> coalesce(g.net, 0) OR v.net <> g.against),
        credited AS (
            SELECT r.line, apart.*, coalesce(sum(r.net), 0) AS net
            FROM records r JOIN apart ON coalesce(r.entity, '') = apart.entity AND r.voucher = apart.voucher
            WHERE r.side = 'credit' AND r.status = 'posted' AND r.line <> '' GROUP BY ALL),
        lines AS (
            SELECT c.*, coalesce(min(c.line) FILTER (c.net = lacks) OVER w, min(c.line) FILTER (c.net - a.net = lacks) OVER w) AS exact,
                   min(c.line) OVER w AS first
            FROM credited c LEFT JOIN (SELECT line, net FROM accepted WHERE line IN (SELECT line FROM credited)) a ON c.line = a.line
            WINDOW w AS (PARTITION BY c.entity, voucher))
        SELECT line, sum(CASE WHEN gone THEN net ELSE lacks END)::DECIMAL(18,4) AS lacks FROM lines
        WHERE (gone AND net <> 0) OR (NOT gone AND line = coalesce(exact, first)) GROUP BY line
        UNION ALL BY NAME
        SELECT line, sum(net)::DECIMAL(18,4) AS lacks FROM records
        WHERE side = 'credit' AND status = 'posted' AND coalesce(voucher, '') = '' AND line <> '' GROUP BY line HAVING sum(net) <> 0""")
    books.run("CREATE OR REPLACE TABLE lacking AS SELECT line, sum(lacks)::DECIMAL(18,4) AS lacks FROM lacking GROUP BY line")


# --- the second pass: what is wrong with them?

FEW: Final = 5_000
"""So many candidates are named one by one."""
GROUPED: Final = f"""
    SELECT side, line, count(*) FILTER (status = 'posted') AS posted, count(*) FILTER (status = 'draft') AS drafts,
           count(*) FILTER (status = 'reversed') AS reversed, count(*) FILTER (status = 'empty') AS empty, min(document) AS document,
           coalesce(sum(units) FILTER (status = 'posted'), 0) AS units,
           {', '.join(f"sum({name}) FILTER (status = 'posted') AS {name}" for name in ('sellable', 'net', 'tax', 'cost'))},
           min(posted_on) FILTER (status = 'posted') AS first_on, max(posted_on) FILTER (status = 'posted') AS last_on,
           {', '.join(f"CASE WHEN min({name}) FILTER (status = 'posted') <> max({name}) FILTER (status = 'posted') THEN '*' "
                      f"ELSE min({name}) FILTER (status = 'posted') END AS {name}" for name in (*WORDS, 'period'))}
    FROM records WHERE side IN ('credit', 'stock', 'loss') AND line <> '' AND {{chosen}} GROUP BY side, line"""

Row = tuple[str, str, str]
"""What holds, which class that is, and about how much; all three in SQL, over the columns of `wide`."""
OVER: Final = "coalesce(c_net, 0) - a_net"
EXISTENCE: Final[Sequence[Row]] = (
    ("a_units IS NULL AND h_state IS NOT NULL", "'UNKNOWN_AT_SOURCE'", "coalesce(c_net, s_cost, 0)"),
    ("a_units IS NULL", "'MISSING_AT_SOURCE'", "coalesce(c_net, s_cost, 0)"),
    ("a_units = 0 AND c_posted > 0 AND NOT (c_posted > 1 AND c_units = 0 AND coalesce(c_net, 0) = 0)", "'REJECTED_BUT_CREDITED'",
     "coalesce(c_net, 0)"),
    ("a_units = 0 AND s_posted > 0 AND NOT (s_posted > 1 AND s_units = 0)", "'REJECTED_BUT_RECEIVED'", "coalesce(s_cost, 0)"),
    ("a_units = 0 AND l_posted > 0 AND l_units > 0", "'SCRAPPED_TWICE'", "coalesce(l_cost, 0)"),
    ("a_units = 0", "NULL", "NULL"),
    ("c_posted > 0 AND c_units <> 0 AND sign(c_units) = -sign(a_units)", "'SIGN_ERROR'", OVER),
    ("c_posted > 1 AND abs(c_units) > abs(a_units)", "'DUPLICATE_CREDIT'", OVER),
    ("c_posted > 0 AND a_units < a_announced AND a_announced = c_units", "'PARTLY_ACCEPTED_FULLY_CREDITED'", OVER),
    ("s_posted > 0 AND s_units < 0", "'SIGN_ERROR'", "coalesce(s_cost, 0) - coalesce(a_cost, 0)"),
    ("s_posted > 1 AND s_units > a_stocked", "'RECEIVED_TWICE'", "coalesce(s_cost, 0) - coalesce(a_cost, 0)"),
    ("l_posted > 0 AND l_units > a_scrapped", "'SCRAPPED_TWICE'", "coalesce(l_cost, 0)"),
    ("c_posted > 0 AND a_stocked > 0 AND s_posted = 0", "'CREDIT_WITHOUT_STOCK'", "coalesce(c_net, 0)"),
    ("c_posted > 0", "NULL", "NULL"),
    ("c_empty > 0", "'POSTED_WITHOUT_LINES'", "-a_net"),
    ("c_reversed > 0", "'REVERSED_IN_ERP'", "-a_net"),
    ("h_state = 'draft' AND c_drafts = 0", "'DELETED_DRAFT'", "-a_net"),
    ("late AND h_state = 'unconfirmed'", "'STUCK_UNCONFIRMED'", "-a_net"),
    ("late AND c_drafts > 0", "'DRAFT_NEVER_POSTED'", "-a_net"),
    ("late AND s_posted > 0", "'STOCK_WITHOUT_CREDIT'", "-a_net"),
    ("late AND a_fee", "'FEE_MISSING'", "-a_net"),
    ("late", "'MISSING_IN_ERP'", "-a_net"),
)
"""The first that holds decides, as in `proof._existence`."""


def _fits(tolerance: Tolerance, row: ToleranceRow, day: date) -> str:
    """Say in SQL of which lines a row of tolerances speaks."""
    coin = "coalesce(a_currency, '')"
    if row.measure is Measure.COST and tolerance.books:
        books = " ".join(f"WHEN {quoted(entity)} THEN {quoted(currency)}" for entity, currency in sorted(tolerance.books.items()))
        coin = f"CASE coalesce(a_entity, '') {books} ELSE {coin} END"
    told = [f"{column} = {quoted(word)}" for column, word in (
        (coin, row.currency), ("a_entity", row.entity), ("a_account", row.account)) if word]
    if row.since:
        told.append(f"coalesce(a_accepted_on, DATE '{day.isoformat()}') >= DATE '{row.since.isoformat()}'")
    return " AND ".join(f"coalesce({each}, false)" for each in told) or "true"


def _allowed(tolerance: Tolerance, day: date) -> Iterator[str]:
    """Give, for each figure, by how much a line's may differ and the name of the row that says so."""
    for measure in Measure:
        rows = [(_fits(tolerance, row, day), row) for row in tolerance.ranked(measure)]
        yield f"CASE {' '.join(f'WHEN {fits} THEN {row.amount}::{AMOUNT}' for fits, row in rows)} END AS t_{measure.value}"
        yield f"CASE {' '.join(f'WHEN {fits} THEN {quoted(row.name)}' for fits, row in rows)} END AS r_{measure.value}"


ONE_COIN: Final = "c_posted > 0 AND NOT coalesce(c_currency <> a_currency, false)"
SAME: Final = f"c_units = a_units AND {ONE_COIN}"
EDITED: Final = "(h_read IS NOT NULL AND c_net IS DISTINCT FROM h_read)"
COMPARED: Final = (
    ("net", f"{SAME} AND NOT {EDITED} AND abs({OVER}) <= t_net", OVER),
    ("tax", f"{SAME} AND NOT {EDITED} AND abs({OVER}) <= t_net AND abs(c_tax - a_tax) <= t_tax", "c_tax - a_tax"),
    ("cost", "s_posted > 0 AND s_units = a_stocked AND abs(s_cost - a_cost) <= t_cost", "s_cost - a_cost"))
"""Which figure, when it is within its tolerance, and by how much it differs."""
LET_GO: Final = "list_filter([" + ", ".join(
    f"CASE WHEN {holds} AND {amount} <> 0 THEN {{'measure': '{name}', 'amount': ({amount})::{AMOUNT}, 'row': r_{name}}} END"
    for name, holds, amount in COMPARED) + "], lambda each: each.measure IS NOT NULL)"


DAMAGED: Final[Row] = (
    "s_posted > 0 AND s_units <= a_stocked AND s_sellable > a_sellable", "'DAMAGED_ON_SALE'", "coalesce(s_cost, 0)")
"""What stands beside everything else, as in `proof._damaged`."""


def _contents(compared: Collection[str]) -> Iterator[Row]:
    """Give the checks of `proof._contents`, in its order; of words only those that both sides can tell."""
    for kind, name, credited, stocked in (row for row in NAMED if row[1] in compared):
        apart = {side: f"({side}_posted > 0 AND {side}_{name} <> a_{name})"
                 for side, holds in (("c", credited), ("s", stocked)) if holds}
        shown = f"CASE WHEN a_fee THEN 'FEE_WRONG_ITEM' ELSE '{kind}' END" if kind == "WRONG_ITEM" else f"'{kind}'"
        amount = f"CASE WHEN coalesce({apart['c']}, false) THEN coalesce(c_net, 0) ELSE coalesce(s_cost, 0) END" if "c" in apart \
            else "coalesce(s_cost, 0)"
        yield " OR ".join(f"coalesce({each}, false)" for each in apart.values()), shown, amount
    credit_apart = "(c_posted > 0 AND (abs(c_units) > abs(a_units) OR (late AND abs(c_units) < abs(a_units))))"
    stock_apart = "(s_posted > 0 AND (s_units > a_stocked OR (late AND s_units < a_stocked)))"
    yield credit_apart, "'WRONG_QUANTITY'", OVER
    yield f"NOT {credit_apart} AND {stock_apart}", "'WRONG_QUANTITY'", "coalesce(s_cost, 0) - coalesce(a_cost, 0)"
    yield DAMAGED
    yield "s_posted > 0 AND s_units = a_stocked AND s_sellable < a_sellable", "'SELLABLE_KEPT_BACK'", "coalesce(s_cost, 0)"
    net_apart = f"(abs({OVER}) > t_net)"
    yield f"{ONE_COIN} AND NOT late AND abs(c_units) < abs(a_units) AND sign(a_units) * ({OVER}) > t_net", "'WRONG_AMOUNT'", OVER
    yield f"{SAME} AND {EDITED}", "'EDITED_AFTER_POSTING'", "coalesce(c_net, 0) - h_read"
    yield (f"{SAME} AND NOT {EDITED} AND {net_apart}",
           f"CASE WHEN abs({OVER}) <= t_rounding THEN 'ROUNDING_DRIFT' ELSE 'WRONG_AMOUNT' END", OVER)
    yield f"{SAME} AND NOT {EDITED} AND NOT {net_apart} AND abs(c_tax - a_tax) > t_tax", "'WRONG_TAX_AMOUNT'", "c_tax - a_tax"
    yield "s_posted > 0 AND s_units = a_stocked AND abs(s_cost - a_cost) > t_cost", "'VALUATION_DRIFT'", "s_cost - a_cost"
    days = {"CREDIT_BEFORE_ACCEPTANCE": "c_first_on < a_accepted_on", "WRONG_PERIOD": "c_period <> a_period",
            "LATE": "c_last_on > a_due_on", "WRONG_DATE": "c_last_on <> a_expected_on"}
    first = " ".join(f"WHEN {wrong} THEN '{kind}'" for kind, wrong in days.items())
    wrong_day = " OR ".join(f"coalesce({wrong}, false)" for wrong in days.values())
    after = "s_posted > 0 AND s_period <> a_period AND s_first_on > coalesce(a_due_on, a_accepted_on)"
    yield ("c_posted > 0 AND c_first_on IS NOT NULL", f"CASE {first} WHEN {after} THEN 'WRONG_PERIOD' END",
           f"CASE WHEN {wrong_day} THEN coalesce(c_net, 0) ELSE coalesce(s_cost, 0) END")
    yield "lacks <> 0", "CASE WHEN lacks = c_net THEN 'LEDGER_MISSING' ELSE 'LEDGER_DIFFERS' END", "lacks"


AWAITED: Final = """CASE WHEN h_state = 'waiting' AND (c_posted = 0 OR abs(c_units) < abs(a_units)) THEN 'DECISION_AWAITED'
    WHEN c_posted > 0 THEN CASE WHEN abs(c_units) < abs(a_units) OR s_units < a_stocked THEN 'REST_AWAITED' ELSE '' END
    WHEN c_drafts > 0 THEN 'JOB_AWAITED' WHEN s_posted > 0 THEN 'CREDIT_AWAITED' ELSE 'ERP_AWAITED' END"""


def _chosen(books: Books) -> str:
    """Say in SQL which rows are of the candidates; few are named one by one, so that whoever reads files drops every other row at once."""
    if books.near:
        return "hash(line) IN (FROM candidates)"
    few = [str(k) for k, in books.rows(f"SELECT DISTINCT k FROM candidates WHERE k IS NOT NULL LIMIT {FEW + 1}")]
    return "hash(line) IN (SELECT k FROM candidates)" if len(few) > FEW else f"hash(line) IN ({', '.join(few)})" if few else "false"


def _refuse(books: Books, chosen: str) -> None:
    """Raise `Misconfigured` for a row that does not say what each has to say: nobody could tell whether its line is proved."""
    if untold := books.one(f"SELECT line, units, net FROM a_side WHERE {UNTOLD} ORDER BY line LIMIT 1"):
        line, units, net = ("" if each is None else each for each in untold)
        message = (f"a row of what was accepted says line '{line}', units '{units}', net '{net}'; each has to say its line and its units, "
                   f"and its net amount where any were accepted")
        raise Misconfigured(message)
    if believed := books.one(f"""
            SELECT line, count(*), min(coalesce(state, '')) FROM held WHERE {chosen} GROUP BY line
            HAVING count(*) > 1 OR min(coalesce(state, '')) NOT IN ({', '.join(map(quoted, STATES))}) ORDER BY line LIMIT 1"""):
        line, count, state = believed
        message = (f"of line '{line}' {count} rows are believed here, one with the state '{state}'; each line may stand there once, as one "
                   f"of {', '.join(STATES)}")
        raise Misconfigured(message)


def _verdicts(books: Books, day: date, tolerance: Tolerance) -> None:
    """Read the candidates in full and say of each what it is."""
    chosen = _chosen(books)
    books.run(f"CREATE OR REPLACE TABLE a_side AS SELECT * FROM accepted WHERE {chosen}")
    twice = books.one("SELECT line, count(*) FROM a_side GROUP BY line HAVING count(*) > 1 ORDER BY line LIMIT 1")
    if twice:
        message = f"line '{twice[0]}' stands {twice[1]} times in what was accepted; each line may stand there once"
        raise Misconfigured(message)
    _refuse(books, chosen)
    sides = {"c": "credit", "s": "stock", "l": "loss"}
    books.run(f"CREATE OR REPLACE TABLE grouped AS {GROUPED.format(chosen=chosen)}")
    for short, side in sides.items():
        books.run(f"CREATE OR REPLACE VIEW {short}_side AS SELECT * FROM grouped WHERE side = '{side}'")
    counted = ("posted", "drafts", "reversed", "empty", "units")
    told = ("document", "sellable", "net", "tax", "cost", "first_on", "last_on", "period", *WORDS)
    columns = [f"coalesce({short}.{name}, 0) AS {short}_{name}" for short in sides for name in counted]
    columns += [f"{short}.{name} AS {short}_{name}" for short in sides for name in told]
    columns += [f"{value} AS a_{name}" for name in ACCEPTED if name != "line"
                for value in [f"coalesce(a.{name}, 0)" if name in {"stocked", "scrapped"}
                              else f"coalesce(a.{name}, false)" if name == "fee" else f"a.{name}"]]
    books.run(f"""
        CREATE OR REPLACE TABLE wide AS
        WITH h AS (SELECT * FROM held WHERE {chosen}),
        keys AS (SELECT line FROM a_side UNION SELECT line FROM c_side UNION SELECT line FROM s_side UNION SELECT line FROM l_side
                 UNION SELECT line FROM h)
        SELECT keys.line, {', '.join(columns)}, h.state AS h_state, h.read_back AS h_read, lacking.lacks,
               coalesce(a.due_on < DATE '{day.isoformat()}', false) AND h.state IS DISTINCT FROM 'waiting' AS late
        FROM keys LEFT JOIN a_side a USING (line) LEFT JOIN c_side c USING (line) LEFT JOIN s_side s USING (line)
        LEFT JOIN l_side l USING (line) LEFT JOIN h USING (line) LEFT JOIN lacking USING (line)""")
    existence = " ".join(f"WHEN {holds} THEN {_pair(kind, amount)}" for holds, kind, amount in EXISTENCE)
    contents, damaged = (", ".join(f"CASE WHEN {holds} THEN {_pair(kind, amount)} END" for holds, kind, amount in rows)
                         for rows in (_contents(books.both(*WORDS)), [DAMAGED]))
    books.run(f"""
        CREATE OR REPLACE TABLE verdicts AS
        WITH allowed AS (SELECT *, {', '.join(_allowed(tolerance, day))} FROM wide),
        judged AS (SELECT *, CASE {existence} END AS existence FROM allowed),
        told AS (SELECT *, list_filter(CASE WHEN existence.kind IS NOT NULL THEN [existence, {damaged}]
                           WHEN coalesce(a_units, 0) = 0 THEN [] ELSE [{contents}] END, lambda each: each.kind IS NOT NULL) AS wrong
                 FROM judged)
        SELECT line, wrong, CASE WHEN existence.kind IS NOT NULL OR coalesce(a_units, 0) = 0 THEN [] ELSE {LET_GO} END AS let_go,
               CASE WHEN len(wrong) > 0 THEN 'broken' WHEN coalesce(a_units, 0) = 0 THEN 'proved'
                                 WHEN {AWAITED} <> '' THEN 'timing' ELSE 'proved' END AS standing,
               {AWAITED} AS why, a_accepted_on AS since, coalesce(c_document, s_document, l_document, '') AS document,
               coalesce(a_entity, c_entity, s_entity, '') AS entity, coalesce(a_currency, c_currency, '') AS currency,
               CASE WHEN a_units IS NULL THEN coalesce(c_entity, s_entity, l_entity, '') ELSE coalesce(a_entity, '') END AS own_entity,
               CASE WHEN a_units IS NULL THEN coalesce(c_currency, '') ELSE coalesce(a_currency, '') END AS own_currency,
               coalesce(a_net, 0) AS net, coalesce(c_net, 0) AS credited, coalesce(a_item, '') AS item,
               CASE WHEN {STOCK_ITEM} THEN s_item ELSE coalesce(c_item, s_item, '') END AS told_item,
               CASE WHEN {STOCK_ITEM} THEN s_document ELSE coalesce(c_document, s_document, l_document, '') END AS told_document,
               coalesce(a_stocked, 0) - s_units AS units_awaited, a_units IS NOT NULL AS accepted
        FROM told""")


STOCK_ITEM: Final = "coalesce(s_posted > 0 AND s_item <> a_item AND NOT coalesce(c_posted > 0 AND c_item <> a_item, false), false)"
"""Whether it is what was received, and not what was credited, that is another item."""


def _pair(kind: str, amount: str) -> str:
    return f"{{'kind': {kind}, 'amount': ({amount})::{AMOUNT}}}"


# --- pairs, records without a line, and the sum of it


def _find(books: Books, *, ledger: bool) -> None:
    """Put together what was found: broken lines, those that cancel each other by the other's name, and records without a line."""
    pairs = [row for kind, line, other in paired(_cancelling(books)) for row in ((kind, line, other), (kind, other, line))]
    books.run("CREATE OR REPLACE TABLE pairs (kind VARCHAR, line VARCHAR, other VARCHAR)")
    if pairs:
        books.engine.executemany("INSERT INTO pairs VALUES (?, ?, ?)", pairs)
    books.run("""
        CREATE OR REPLACE TABLE found AS
        SELECT v.line, coalesce(p.kind, v.wrong[1].kind) AS kind, v.wrong[1].amount AS amount, v.document,
               list_transform(v.wrong[2:], lambda each: each.kind) AS also, coalesce(p.other, '') AS other, false AS orphan,
               v.own_entity AS entity, v.own_currency AS currency
        FROM verdicts v LEFT JOIN pairs p USING (line) WHERE v.standing = 'broken'""")
    strays = books.rows("""
        SELECT r.side, coalesce(r.document, ''), coalesce(r.net, r.cost, 0)::DECIMAL(18,4), a.line, v.standing IS DISTINCT FROM 'timing'
               AND coalesce(v.wrong[1].kind, '') NOT IN ('MISSING_IN_ERP', 'STOCK_WITHOUT_CREDIT', 'FEE_MISSING') AS credited,
               r.status = 'empty', coalesce(r.entity, ''), coalesce(r.currency, ''), r.number
        FROM (SELECT *, row_number() OVER (ORDER BY side, document, item, units, net) AS number FROM records
              WHERE side IN ('credit', 'stock') AND status IN ('posted', 'empty') AND coalesce(line, '') = '') r
        LEFT JOIN accepted a ON r.side = 'credit' AND r.status = 'posted' AND r.customer = a.customer AND r.net = a.net
             AND coalesce(r.item = a.item, true) AND coalesce(nullif(r.units, 0) = a.units, true) AND coalesce(r.sale = a.sale, true)
        LEFT JOIN verdicts v ON v.line = a.line ORDER BY r.number""")
    alike: dict[int, tuple[tuple[str, ...], Decimal, bool, list[tuple[str, bool]]]] = {}
    for _, document, amount, line, credited, empty, *whose, number in strays:
        alike.setdefault(number, ((document, *whose), amount, empty, []))[3].extend([(line, credited)] if line else [])
    rows = [(kind, amount, document, other, *whose)
            for (document, *whose), amount, empty, lines in alike.values() for kind, other in [stray(lines, empty=empty)]]
    if rows:
        books.engine.executemany("INSERT INTO found VALUES ('', ?, ?, ?, [], ?, true, ?, ?)", rows)
    if ledger:
        books.run("""
            INSERT INTO found
            SELECT '', 'EXTRA_IN_ERP', sum(g.net)::DECIMAL(18,4), coalesce(g.voucher, ''), [], '', true, coalesce(g.entity, ''),
                   coalesce(min(g.currency), '')
            FROM records g ANTI JOIN (SELECT entity, voucher FROM records WHERE side = 'credit' AND voucher <> '') c
                 ON coalesce(g.entity, '') = coalesce(c.entity, '') AND g.voucher = c.voucher
            WHERE g.side = 'ledger' GROUP BY g.entity, g.voucher HAVING sum(g.net) <> 0""")


def _cancelling(books: Books) -> Iterator[Broken]:
    """Give the broken lines that another could cancel."""
    for line, kind, amount, *told in books.rows(f"""
            SELECT line, wrong[1].kind, wrong[1].amount, entity, currency, told_document, net, credited, item, told_item FROM verdicts
            WHERE wrong[1].kind IN ({', '.join(quoted(kind) for kind in sorted(CANCELS))})"""):
        verdict = Verdict(key=line, standing=Standing.BROKEN, discrepancies=(Discrepancy(kind=kind, amount=amount),))
        names = ("entity", "currency", "document", "net", "credited", "item", "told_item")
        yield Broken(verdict=verdict, **dict(zip(names, told, strict=True)))


def _summary(books: Books, currencies: Mapping[str, str], before: str, *, ledger: bool) -> Proof:
    """Add up what is each legal entity's own: the lines, and the totals of each side against what was accepted, less what is in timing."""
    own = shares(books.rows, books.told["accepted"], currencies, before=before)
    parts = own.values()
    return Proof(
        entities=own, lines=sum(each.lines for each in parts), in_timing=sum(each.in_timing for each in parts),
        broken=sum(each.broken for each in parts), proved=sum(each.proved for each in parts), orphans=sum(each.orphans for each in parts),
        within=sum(each.within for each in parts), let_go=together(each.let_go for each in parts),
        by_class=added(each.by_class for each in parts), awaited=added(each.awaited for each in parts),
        stock_difference=sum((each.stock_difference for each in parts), NOTHING),
        credit_difference=sum((sum(each.credit_difference.values(), NOTHING) for each in parts), NOTHING),
        ledger_difference=sum((sum(each.ledger_difference.values(), NOTHING) for each in parts), NOTHING) if ledger else NOTHING)

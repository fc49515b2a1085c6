"""How fast is the proof of extracts, beside a scan of the same columns and beside what somebody would write instead?

Lines, their stock movements and their credit notes are made as Parquet, with discrepancies of four sorts at places that are known. Each
contender is a process of its own, so that its peak of memory is its own; every one has to say how many of the discrepancies it found.
Where it begins others, its peak is the most that it and they held at one time.
The floor reads and hashes the same columns with DuckDB and compares nothing. Peers that are not installed are named as such.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Thread
from typing import Any, Final

import duckdb

MEMORY: Final = "700MB"
SEEDED: Final = (("WRONG_AMOUNT", 100_003), ("NO_CREDIT", 100_019), ("DUPLICATE_CREDIT", 100_043), ("WRONG_QUANTITY", 100_049))
"""Every so manieth line is wrong in this way."""
ARRIVING: Final = 30_000
"""So many lines come after all of the others are proved."""
PEERS: Final = 1_000_000
"""So many lines the peers are given; some of them hold everything in memory."""
OURS: Final = ("scan and hash (floor)", "backhaul reconcile", "backhaul, two workers")
"""What runs over all lines; the first is the floor."""
GOES_ON: Final = ("backhaul, its start", "backhaul onward")
"""What is measured for the run that goes on alone."""
LINE: Final = """'R' || (n // 3) || '|' || (n % 3) AS line"""
SAYS: Final = """'GBP' AS currency, 'SKU-' || (n % 20000) AS item, 1 + n % 4 AS units, (1 + n % 9000) / 100.0 * (1 + n % 4) AS net"""


def make(folder: Path, lines: int) -> Mapping[str, int]:
    """Write the extracts; give how many lines there are and how many of them are wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    amount, missing, twice, fewer = (each for _, each in SEEDED)
    rows = f"range({lines}) AS t(n)"
    posted = f"{LINE}, 'posted' AS status, DATE '2026-01-06' AS posted_on, 'gb01' AS entity"
    accepted = (f"SELECT {LINE}, 'gb01' AS entity, {SAYS}, 1 + n % 4 AS announced, 1 + n % 4 AS stocked, "
                f"DATE '2026-01-05' AS accepted_on, DATE '2026-01-31' AS due_on FROM {rows}")
    stock = f"SELECT 'stock' AS side, 'IV' || n AS document, {posted}, {SAYS} FROM {rows}"
    credited = (f"SELECT 'credit' AS side, 'CN' || n AS document, {posted}, 'GBP' AS currency, 'SKU-' || (n % 20000) AS item, "
                f"1 + n % 4 + CASE WHEN n % {fewer} = 17 THEN 1 ELSE 0 END AS units, "
                f"(1 + n % 9000) / 100.0 * (1 + n % 4) + CASE WHEN n % {amount} = 7 THEN 0.1 ELSE 0 END AS net FROM {rows}")
    credit = f"{credited} WHERE n % {missing} <> 11 UNION ALL {credited} WHERE n % {twice} = 13"
    with duckdb.connect(config={"threads": 2}) as engine:
        for name, chosen in (("accepted", accepted), ("stock", stock), ("credit", credit)):
            engine.execute(f"COPY ({chosen}) TO '{folder / name}.parquet' (FORMAT parquet)")
        told = engine.execute(f"SELECT count(*) FROM {rows} WHERE n % {amount} = 7 OR n % {missing} = 11 OR n % {twice} = 13 "
                              f"OR n % {fewer} = 17").fetchone()
    return {"lines": lines, "seeded": int(told[0]) if told else 0}


COMMAND: Final = """
import contextlib, io, json, sys
from backhaul.entrypoints.door import main
sys.argv, said = ["backhaul", "reconcile", "--json", "--memory", MEMORY, *{}], io.StringIO()
with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
    main()
found = json.loads(said.getvalue())["broken"]
"""
"""The command itself, as the terminal begins it."""

CONTENDERS: Final[Mapping[str, str]] = {
    "scan and hash (floor)": """
import duckdb
with duckdb.connect(config={"threads": 2, "memory_limit": MEMORY}) as engine:
    for name in ("accepted", "stock", "credit"):
        columns = [row[0] for row in engine.execute(f"DESCRIBE SELECT * FROM '{FOLDER}/{name}.parquet'").fetchall()]
        engine.execute(f"SELECT bit_xor(hash({', '.join(columns)})) FROM '{FOLDER}/{name}.parquet'").fetchone()
found = 0
""",
    "backhaul reconcile": COMMAND.format("""["--left", f"{FOLDER}/accepted.parquet", "--right", f"{FOLDER}/[sc]*[kt].parquet"]"""),
    "backhaul, two workers": COMMAND.format(
        """["--left", f"{FOLDER}/accepted.parquet", "--right", f"{FOLDER}/[sc]*[kt].parquet", "--workers", "2"]"""),
    "backhaul, its start": """
from backhaul.application.advance import Books, advance
from backhaul.application.stated import figures
from backhaul.entrypoints import door
with Books("", ""):
    pass
found = 0
""",
    "backhaul onward": COMMAND.format(
        """["--history", f"{FOLDER}/history.duckdb", "--left", f"{CAME}/accepted.parquet", "--right", f"{CAME}/[sc]*[kt].parquet"]"""),
    "DuckDB, one join": """
import duckdb
with duckdb.connect(config={"threads": 2, "memory_limit": MEMORY}) as engine:
    found = engine.execute(f\"\"\"
        SELECT count(DISTINCT line) FROM '{FOLDER}/accepted.parquet' a FULL JOIN (
            SELECT line, count(*) n, sum(units) units, sum(net) net FROM '{FOLDER}/credit.parquet' GROUP BY 1) c USING (line)
        FULL JOIN (SELECT line, count(*) n, sum(units) units FROM '{FOLDER}/stock.parquet' GROUP BY 1) s USING (line)
        WHERE c.n IS DISTINCT FROM 1 OR s.n IS DISTINCT FROM 1 OR a.units <> c.units OR a.net <> c.net OR a.units <> s.units
        \"\"\").fetchone()[0]
""",
    "Polars": """
import polars as pl
accepted, stock, credit = (pl.scan_parquet(f"{FOLDER}/{name}.parquet") for name in ("accepted", "stock", "credit"))
sums = credit.group_by("line").agg(pl.len().alias("n"), pl.col("units").sum().alias("cu"), pl.col("net").sum().alias("cn"))
moved = stock.group_by("line").agg(pl.len().alias("m"), pl.col("units").sum().alias("su"))
both = accepted.join(sums, on="line", how="left").join(moved, on="line", how="left")
wrong = (pl.col("n").fill_null(0) != 1) | (pl.col("m").fill_null(0) != 1) | (pl.col("units") != pl.col("cu")) | (
    (pl.col("net").cast(pl.Float64) - pl.col("cn").cast(pl.Float64)).abs() > 0.005) | (pl.col("units") != pl.col("su"))
found = both.filter(wrong).select(pl.len()).collect(engine="streaming").item()
""",
    "pandas": """
import pandas as pd
accepted, stock, credit = (pd.read_parquet(f"{FOLDER}/{name}.parquet", columns=["line", "units", "net"])
                           for name in ("accepted", "stock", "credit"))
sums = credit.groupby("line").agg(n=("units", "size"), cu=("units", "sum"), cn=("net", "sum"))
moved = stock.groupby("line").agg(m=("units", "size"), su=("units", "sum"))
both = accepted.set_index("line").join(sums).join(moved)
found = int(((both.n != 1) | (both.m != 1) | (both.units != both.cu) | ((both.net.astype(float) - both.cn.astype(float)).abs() > 0.005)
             | (both.units != both.su)).sum())
""",
    "datacompy": """
import datacompy, pandas as pd
accepted, credit = (pd.read_parquet(f"{FOLDER}/{name}.parquet", columns=["line", "units", "net"]) for name in ("accepted", "credit"))
told = datacompy.PandasCompare(accepted, credit, join_columns="line", abs_tol=0.005)
found = len(told.df1_unq_rows) + len(told.df2_unq_rows) + len(told.all_mismatch())
""",
    "SQLite, one join": """
import duckdb, sqlite3
with sqlite3.connect(f"{FOLDER}/peer.sqlite") as peer, duckdb.connect() as engine:
    peer.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
    for name in ("accepted", "stock", "credit"):
        peer.execute(f"CREATE TABLE {name} (line TEXT, units REAL, net REAL)")
        rows = engine.execute(f"SELECT line, units::DOUBLE, net::DOUBLE FROM '{FOLDER}/{name}.parquet'")
        while part := rows.fetchmany(100_000):
            peer.executemany(f"INSERT INTO {name} VALUES (?, ?, ?)", part)
    found = peer.execute(\"\"\"
        SELECT count(*) FROM accepted a
        LEFT JOIN (SELECT line, count(*) n, sum(units) units, sum(net) net FROM credit GROUP BY 1) c USING (line)
        LEFT JOIN (SELECT line, count(*) m, sum(units) units FROM stock GROUP BY 1) s USING (line)
        WHERE c.n IS NOT 1 OR s.m IS NOT 1 OR a.units <> c.units OR abs(a.net - c.net) > 0.005 OR a.units <> s.units\"\"\").fetchone()[0]
""",
}


class Watch(Thread):
    """Look on at a process and those it began, and keep the most memory, in MiB, that they held at one time."""

    def __init__(self, pid: int) -> None:
        """Look on at this process."""
        super().__init__(daemon=True)
        self.pid, self.most = pid, 0.0

    def run(self) -> None:
        """Look about twenty times a second until the process has ended."""
        while held := self.held(self.pid):
            self.most = max(self.most, held)
            time.sleep(0.05)

    def held(self, pid: int) -> float:
        """Give what a process and those it began hold now; nothing where it has ended, or where the system does not tell."""
        try:
            own = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
        except OSError:
            return 0.0
        return own + sum(self.held(int(child)) for child in children)


def run(name: str, folder: Path, python: str, came: Path | None = None) -> dict[str, Any]:
    """Let one contender run in a process of its own; give seconds (`cpu` of the processors), peak of memory in MiB and what it found.

    Where it did not run, give why.
    """
    (folder / "peer.sqlite").unlink(missing_ok=True)
    code = f"MEMORY, FOLDER, CAME = {MEMORY!r}, {str(folder)!r}, {str(came)!r}\n{CONTENDERS[name]}\nprint('FOUND', found)"
    began = time.perf_counter()
    child = subprocess.Popen([python, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watch = Watch(child.pid)
    watch.start()
    out, err = child.stdout.read() if child.stdout else "", child.stderr.read() if child.stderr else ""
    _, status, used = os.wait4(child.pid, 0)
    took = time.perf_counter() - began
    watch.join()
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        missing = "ModuleNotFoundError" in err
        return {"name": name, "why": "is not installed" if missing else (err.strip().splitlines() or ["died"])[-1][:200]}
    return {"name": name, "seconds": took, "cpu": used.ru_utime + used.ru_stime, "memory": max(used.ru_maxrss / 1024, watch.most),
            "found": int(out.rpartition("FOUND")[2])}


def onward(folder: Path, lines: int, new: int) -> dict[str, Any]:
    """Measure a run that goes on from `lines` proved before with `new` ones, each in a process of its own.

    Beside it stand one over all of them that keeps nothing, and the one that began the history, which is what `--anew` costs.
    """
    old, came, whole = folder / f"onward-{lines}", folder / f"came-{new}", folder / f"whole-{lines + new}"
    make(old, lines)
    make(whole, lines + new)
    came.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as engine:  # the last lines of the whole are what came since
        for name in ("accepted", "stock", "credit"):
            rows = f"SELECT w.* FROM '{whole}/{name}.parquet' w ANTI JOIN '{old}/accepted.parquet' o ON w.line = o.line"
            engine.execute(f"COPY ({rows}) TO '{came}/{name}.parquet' (FORMAT parquet)")
    (folder / "history.duckdb").unlink(missing_ok=True)
    first = run("backhaul onward", folder, sys.executable, came=old)
    size = (folder / "history.duckdb").stat().st_size / 2**20
    full = run("backhaul reconcile", whole, sys.executable)
    start = run("backhaul, its start", folder, sys.executable)
    told = run("backhaul onward", folder, sys.executable, came=came)
    print(f"\n{new:,} new lines after {lines:,}: {told['found']} found, {told['memory']:.0f} MiB; all of them anew: {full['found']} found; "
          f"the first run: {first['seconds']:.0f} s, {first['memory']:.0f} MiB, a file of {size:.0f} MiB")
    for unit, sort in (("s", "seconds"), ("s of the processors", "cpu")):  # on a machine that has other work, only the latter says much
        print(f"  {told[sort]:.2f} {unit}, {start[sort]:.2f} of them its start; all of them anew {full[sort]:.2f}: "
              f"{100 * told[sort] / full[sort]:.1f} %; beginning a history with them {first[sort]:.1f}: "
              f"{100 * told[sort] / first[sort]:.1f} %")
    return told | {"lines": lines, "new": new, "full": full["seconds"], "full_cpu": full["cpu"], "start": start["seconds"]}


def measure(folder: Path, lines: int, *, peers: int, python: str = sys.executable, history: bool = True) -> list[dict[str, Any]]:
    """Measure floor and proof over all lines, and everything over the first `peers`; print a table and give its rows.

    With `history` also a run that goes on from one over all lines, which takes minutes to begin with ten million of them.
    """
    rows = []
    for size in dict.fromkeys((min(peers, lines), lines)):
        at = folder / f"{size}"
        made = make(at, size)
        names = [name for name in CONTENDERS if name not in GOES_ON and (size <= peers or name in OURS)]
        floor = 0.0
        print(f"\n{size:,} lines, as many stock movements and credit notes, {made['seeded']} lines wrong")
        for name in names:
            told = run(name, at, sys.executable if "backhaul" in name or "floor" in name else python)
            rows.append(told | {"lines": size})
            if "why" in told:
                print(f"  {name:24} {told['why']}")
                continue
            floor = floor or told["seconds"]
            found = "" if told["found"] == made["seeded"] else "  <- not what was seeded"
            right = "" if "floor" in name else f"{told['found']:>7} found{found}"
            print(f"  {name:24} {told['seconds']:8.2f} s {told['seconds'] / floor:6.2f} x floor {told['memory']:8.0f} MiB {right}")
    print()
    for name in OURS:
        by_size = {row["lines"]: 1_000_000 * row["seconds"] / row["lines"] for row in rows if row["name"] == name and "seconds" in row}
        if by_size.keys() >= {peers, lines} and lines > peers:
            print(f"  {name:24} {by_size[peers]:8.2f} s per million of {peers:,} lines, {by_size[lines]:.2f} s of {lines:,}: "
                  f"{by_size[lines] / by_size[peers]:.2f} x")
    return [*rows, onward(folder, lines, ARRIVING)] if history else rows


if __name__ == "__main__":
    measure(Path(sys.argv[1]), int(sys.argv[2]), peers=PEERS, python=sys.argv[3], history=sys.argv[4:] != ["--no-history"])

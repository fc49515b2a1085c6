"""How does a test come by a store at the newest version without waiting for forty migrations and for the disk?"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy import event

from backhaul.adapters.sql import SqlStore

MIGRATED: Final[list[bytes]] = []
"""A SQLite file at the newest version: migrated once in each process, and copied for every test."""


def open_store(url: str) -> SqlStore:
    """Open a store at the newest version.

    SQLite does not wait for the disk here: what a store of one process does is no less true, and that what is acknowledged is on the disk
    has tests of its own. The copy of a migrated file is no other than a migrated file.
    """
    store, path = SqlStore(url), Path(url.removeprefix("sqlite:///"))
    if not url.startswith("sqlite"):
        store.migrate()
        return store
    event.listen(store.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
    if not MIGRATED:
        with TemporaryDirectory() as folder:
            first = SqlStore(f"sqlite:///{folder}/migrated.sqlite")
            first.migrate()
            first.close()
            MIGRATED.append((Path(folder) / "migrated.sqlite").read_bytes())
    if not path.exists():
        path.write_bytes(MIGRATED[0])
    return store

"""What has the emulator told so far, and what is still to come?

One SQLite file holds all events of all loaded returns, what became of each delivery, the virtual
clock and the settings, so a restarted emulator goes on where it stopped. An attempt that was under
way when the process died is made again: delivery is at least once, as the real one's.

Times are texts such as `2010-12-01T09:41:00Z`, which sort as the times do.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import RLock
from typing import Any, Final

from backhaul.adapters.zigzag.emulator.story import Event, Json

TABLES: Final = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS return (return_id TEXT PRIMARY KEY, goods TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS event (
    event_id TEXT PRIMARY KEY, return_id TEXT NOT NULL, sequence INTEGER NOT NULL, at TEXT NOT NULL,
    body TEXT NOT NULL, fate TEXT, attempts INTEGER NOT NULL DEFAULT 0, failed_first TEXT, status TEXT
);
CREATE INDEX IF NOT EXISTS event_by_time ON event (fate, at);
CREATE INDEX IF NOT EXISTS event_by_return ON event (return_id, sequence);
"""


class Fate(StrEnum):
    """What became of an event that fell due."""

    DELIVERED = "delivered"
    FAILED = "failed"
    """An answer on the list, or none: it is sent again at the next sweep."""
    LOST = "lost"
    """An answer that is not on the list, or a failure older than seven days: never sent again."""
    UNSENT = "unsent"
    """Nobody had subscribed when it fell due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One stored event with its delivery so far. `body` is the typed shape as JSON text."""

    event_id: str
    at: str
    body: str
    failed_first: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one attempt went. `status` is the HTTP status as text, or `none` when nothing came back."""

    told: Told
    status: str
    fate: Fate
    at: str


class Tape:
    """The emulator's memory. Every method is one transaction; threads may share it."""

    def __init__(self, file: Path | None) -> None:
        """Open the file, or keep everything in memory when there is none."""
        self._lock = RLock()
        self._sql = sqlite3.connect(file or ":memory:", check_same_thread=False)
        self._sql.row_factory = sqlite3.Row
        if file:
            self._sql.execute("PRAGMA journal_mode=WAL")
            self._sql.execute("PRAGMA synchronous=NORMAL")
        self._sql.executescript(TABLES)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._sql.close()

    def setting(self, name: str) -> Any:
        """Read a setting, or None."""
        with self._lock:
            row = self._sql.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return json.loads(row["value"]) if row else None

    def keep(self, **settings: object) -> None:
        """Write settings."""
        with self._lock, self._sql:
            self._keep(settings)

    def _keep(self, settings: Mapping[str, object]) -> None:
        rows = [(name, json.dumps(value)) for name, value in settings.items()]
        self._sql.executemany("INSERT OR REPLACE INTO setting VALUES (?, ?)", rows)

    def forget_returns(self) -> None:
        """Forget all returns, their events and the clock."""
        with self._lock, self._sql:
            self._sql.execute("DELETE FROM event")
            self._sql.execute("DELETE FROM return")
            self._sql.execute("DELETE FROM setting WHERE name = 'now'")

    def add(self, return_id: str, goods: Sequence[bool], events: Iterable[Event]) -> int:
        """Add a return and its events; one that is already known is left as it is. Answer how many events."""
        with self._lock, self._sql:
            known = self._sql.execute(
                "INSERT OR IGNORE INTO return VALUES (?, ?)", (return_id, json.dumps(list(goods)))
            )
            if not known.rowcount:
                return 0
            rows = [
                (event.event_id, return_id, event.sequence, event.at, json.dumps(event.body, ensure_ascii=False))
                for event in events
            ]
            columns = "(event_id, return_id, sequence, at, body)"
            self._sql.executemany(f"INSERT INTO event {columns} VALUES (?, ?, ?, ?, ?)", rows)  # noqa: S608
            return len(rows)

    def write(self, bodies: Iterable[Json]) -> int:
        """Add events as they are told, also to a return that is known; an event id that was told before stays as it was."""
        rows = [
            (body["eventId"], body["return"]["returnId"], body["sequence"], body["occurredAt"], json.dumps(body, ensure_ascii=False))
            for body in bodies
        ]
        columns = "(event_id, return_id, sequence, at, body)"
        with self._lock, self._sql:
            self._sql.executemany(
                "INSERT OR IGNORE INTO return VALUES (?, '[]')", [(return_id,) for _, return_id, *_ in rows]
            )
            added = self._sql.executemany(f"INSERT OR IGNORE INTO event {columns} VALUES (?, ?, ?, ?, ?)", rows)  # noqa: S608
            return added.rowcount

    def span(self) -> tuple[str | None, str | None]:
        """Give the time of the first and of the last event."""
        with self._lock:
            row = self._sql.execute("SELECT min(at) AS first, max(at) AS last FROM event").fetchone()
        return row["first"], row["last"]

    def due(self, until: str) -> list[Told]:
        """List the events that fell due and were never tried, oldest first."""
        return self._told("fate IS NULL AND at <= ? ORDER BY at, return_id, sequence", until)

    def failures(self) -> list[Told]:
        """List the events to be sent again, oldest first."""
        return self._told("fate = 'failed' ORDER BY at, return_id, sequence")

    def _told(self, where: str, *values: str) -> list[Told]:
        asked = f"SELECT event_id, at, body, failed_first FROM event WHERE {where}"  # noqa: S608 -- our own text
        with self._lock:
            return [Told(**row) for row in map(dict, self._sql.execute(asked, values))]

    def settle(self, outcomes: Sequence[Outcome], now: str) -> None:
        """Write down how attempts went, and how far the clock has come."""
        rows = [
            (o.fate, 1 if o.status else 0, o.told.failed_first or o.at, o.status, o.told.event_id) for o in outcomes
        ]
        change = "fate = ?, attempts = attempts + ?, failed_first = ?, status = ?"
        with self._lock, self._sql:
            self._sql.executemany(f"UPDATE event SET {change} WHERE event_id = ?", rows)  # noqa: S608
            self._keep({"now": now})

    def story_of(self, return_id: str) -> list[Json]:
        """Give all events of one return, past and future, each with its delivery so far."""
        asked = "SELECT body, at, fate, attempts, status FROM event WHERE return_id = ? ORDER BY sequence"
        with self._lock:
            rows = self._sql.execute(asked, (return_id,)).fetchall()
        return [
            {"event": json.loads(row["body"]), **{k: row[k] for k in ("fate", "attempts", "status")}} for row in rows
        ]

    def bodies(self, until: str, since: str = "", fate: str | None = None) -> list[Json]:
        """Give the events that happened in a span of time (`since` exclusive), oldest first."""
        where, values = "at <= ? AND at > ?", [until, since]
        if fate:
            where, values = where + " AND fate = ?", [*values, fate]
        told = self._told(where + " ORDER BY at, return_id, sequence", *values)
        return [json.loads(event.body) for event in told]

    def youngest(self, until: str) -> list[tuple[Json, list[bool]]]:
        """Give each return's youngest event until then, and which of its lines are goods."""
        asked = """
            SELECT event.body, return.goods, max(event.sequence)
            FROM event JOIN return USING (return_id)
            WHERE event.at <= ? GROUP BY return_id ORDER BY return_id
        """
        with self._lock:
            rows = self._sql.execute(asked, (until,)).fetchall()
        return [(json.loads(row["body"]), json.loads(row["goods"])) for row in rows]

    def fates(self) -> dict[str, int]:
        """Count the events by what became of them; those still to come are `pending`."""
        asked = "SELECT coalesce(fate, 'pending') AS fate, count(*) AS events FROM event GROUP BY 1 ORDER BY 1"
        with self._lock:
            return {row["fate"]: row["events"] for row in self._sql.execute(asked)}

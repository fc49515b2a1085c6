"""Which of the records that are kept did somebody change meanwhile?

Delta links are gone since version 24: a set is asked for what was modified since the newest record it has shown, with an overlap, because
what was committed late carries an earlier time (facts/business-central 5). A record that reads as it did is no news. What a set does not
show this way, above all a record that was deleted, is learned when what is kept grows old.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from backhaul.adapters.business_central.central import Ask
from backhaul.adapters.odata import Row

MODIFIED: Final = "lastModifiedDateTime"
OVERLAP: Final = timedelta(minutes=5)
MANY: Final = 1_000
"""So many records in the overlap are not read again and again, as after every item got a new price at once."""


@dataclass(slots=True)
class Changed:
    """What one entity set last showed of its records."""

    entity_set: str
    names: tuple[str, ...]
    """The columns by which a record is kept."""
    shown: dict[str, str] = field(default_factory=dict)
    """The version of each record that is kept, by its `number`."""
    newest: datetime | None = None
    crowded: datetime | None = None
    """The newest time of a question whose answer held too many; what had that time is not asked for again."""

    def ask(self) -> list[Ask]:
        """Ask for what was modified since the newest record, less the overlap; nothing as long as no record was shown."""
        if self.newest is None:
            return []
        begin = self.newest - OVERLAP
        since = f"gt {_text(self.crowded)}" if self.crowded is not None and self.crowded >= begin else f"ge {_text(begin)}"
        return [Ask(entity_set=self.entity_set, select=("id", *self.names, MODIFIED), where=f"{MODIFIED} {since}")]

    def keep(self, rows: Iterable[Row]) -> None:
        """Note which version of these records is kept."""
        for row in rows:
            self.shown[str(row["number"])] = _version(row)
            self._see(row)

    def news(self, rows: Iterable[Row]) -> set[str]:
        """Give the numbers and other names of the records among these that are not as they were kept, and forget them."""
        told = list(rows)
        other = [row for row in told if self.shown.get(str(row["number"])) != _version(row)]
        for row in other:
            self.shown.pop(str(row["number"]), None)
        for row in told:
            self._see(row)
        if len(told) > MANY:
            self.crowded = self.newest
        return {str(row[name]) for row in other for name in self.names if row.get(name)}

    def _see(self, row: Row) -> None:
        at = _time(row)
        self.newest = max(self.newest, at) if self.newest and at else self.newest or at


def _time(row: Row) -> datetime | None:
    """Read when a record was modified; what is no time moves nothing, and its record is news by its version."""
    try:
        return datetime.fromisoformat(str(row.get(MODIFIED))).astimezone(UTC)
    except ValueError:
        return None


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _version(row: Row) -> str:
    return str(row.get("@odata.etag") or row.get(MODIFIED) or "")

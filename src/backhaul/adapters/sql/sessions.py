"""Who is at a browser?

A session is looked up by the hash of what the browser holds; whoever reads the database cannot use one. A session that
ended stays, as what it was, and the database itself does not let it begin again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select, update

from backhaul.adapters.sql.session import Session
from backhaul.adapters.sql.tables import sessions, sign_ins
from backhaul.application.ports import KeptSession

FORGOTTEN: Final = timedelta(hours=1)
"""A sign-in that was used is remembered for so long; one that began earlier is refused by its own time."""


class Sessions(Session):
    """Browsers that came back from the identity provider, and people who are signed in."""

    def use_sign_in(self, hash_: str, *, at: datetime) -> bool:
        """Remember that a browser came back from its sign-in; False if this very one came back before."""
        self._connection.execute(delete(sign_ins).where(sign_ins.c.at < at - FORGOTTEN))
        used = self._insert(sign_ins).on_conflict_do_nothing().returning(sign_ins.c.hash)
        told = self._connection.execute(used, {"hash": hash_, "at": at})
        return told.first() is not None

    def open_session(self, session: KeptSession) -> None:
        """Let somebody in."""
        self._connection.execute(insert(sessions), {
            "hash": session.hash, "issuer": session.issuer, "subject": session.subject, "name": session.name,
            "began_at": session.began_at, "seen_at": session.seen_at, "proven_at": session.proven_at, "ended_at": None, "reason": ""})

    def session(self, hash_: str) -> KeptSession | None:
        """Give a session that has not ended."""
        return look_up(self._connection, hash_)

    def sessions_of(self, issuer: str, subject: str) -> Sequence[KeptSession]:
        """Give the sessions of a person that have not ended, the latest first."""
        found = self._connection.execute(select(sessions).where(
            sessions.c.issuer == issuer, sessions.c.subject == subject, sessions.c.ended_at.is_(None)).order_by(sessions.c.began_at.desc()))
        return [_session(row) for row in found]

    def see_session(self, hash_: str, *, at: datetime) -> None:
        """Remember when a session was last used."""
        self._connection.execute(update(sessions).where(sessions.c.hash == hash_, sessions.c.ended_at.is_(None)).values(seen_at=at))

    def end_session(self, hash_: str, *, at: datetime, reason: str) -> bool:
        """End a session for ever; False if it had ended."""
        told = self._connection.execute(
            update(sessions).where(sessions.c.hash == hash_, sessions.c.ended_at.is_(None)).values(ended_at=at, reason=reason))
        return told.rowcount == 1


def look_up(connection: Connection, hash_: str) -> KeptSession | None:
    """Give a session that has not ended, on any connection."""
    row = connection.execute(select(sessions).where(sessions.c.hash == hash_, sessions.c.ended_at.is_(None))).first()
    return None if row is None else _session(row)


def _session(row: Row[Any]) -> KeptSession:
    return KeptSession(hash=row.hash, issuer=row.issuer, subject=row.subject, name=row.name,
                       began_at=row.began_at, seen_at=row.seen_at, proven_at=row.proven_at)

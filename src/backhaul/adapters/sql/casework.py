"""What did people say about an exception, what was a customer promised, and what did a key answer?"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from backhaul.adapters.sql import lists, rows
from backhaul.adapters.sql.session import Session, chunks
from backhaul.adapters.sql.tables import answers, exceptions, notes, promises
from backhaul.application.people_ports import KeptAnswer, KeptNote, KeptPromise
from backhaul.application.ports import KeptCase, KeptException
from backhaul.domain.access import Scope

SAYS = [column for column in notes.c if column.name != "body"]


class Casework(Session):
    """Notes and promises are only added; whose work an exception is can be moved."""

    def add_note(self, note: KeptNote, body: bytes | None = None) -> int:
        """Keep what somebody said, or a file they attached; give its number."""
        number: int = self._connection.execute(insert(notes).returning(notes.c.id), {
            "tenant": note.tenant, "exception": note.exception, "return_ref": note.return_ref, "sort": note.sort, "text": note.text,
            "actor": note.actor, "at": note.at, "name": note.name, "type": note.type, "sha256": note.sha256, "size": note.size,
            "body": body}).scalar_one()
        return number

    def notes(self, tenant: str, numbers: Collection[int]) -> Sequence[KeptNote]:
        """Give the notes of these exceptions, oldest first, without the bytes of files."""
        found = [row for part in chunks(sorted(set(numbers))) for row in self._connection.execute(
            select(*SAYS).where(notes.c.tenant == tenant, notes.c.exception.in_(part)))]
        return sorted(map(_note, found), key=lambda note: note.id)

    def evidence(self, tenant: str, number: int) -> tuple[KeptNote, bytes] | None:
        """Give a file that was attached."""
        row = self._connection.execute(select(notes).where(
            notes.c.tenant == tenant, notes.c.id == number, notes.c.sort == "evidence")).first()
        return None if row is None else (_note(row), row.body)

    def own_exception(self, tenant: str, number: int, owner: str) -> bool:
        """Let another team own an open exception; tell whether that is news."""
        told = self._connection.execute(update(exceptions).values(owner=owner).where(
            exceptions.c.tenant == tenant, exceptions.c.id == number, exceptions.c.closed_at.is_(None), exceptions.c.owner != owner))
        return told.rowcount == 1

    def late_exceptions(self, tenant: str, due: datetime) -> Sequence[KeptException]:
        """Give open exceptions that were due by then."""
        return [rows.exception(row) for row in self._connection.execute(select(exceptions).where(
            exceptions.c.tenant == tenant, exceptions.c.closed_at.is_(None), exceptions.c.due_at <= due).order_by(
            exceptions.c.due_at, exceptions.c.id))]

    def escalate_exception(self, tenant: str, number: int, team: str) -> bool:
        """Bring an open exception before a team beside its owner; tell whether that is news."""
        told = self._connection.execute(update(exceptions).values(escalated=team).where(
            exceptions.c.tenant == tenant, exceptions.c.id == number, exceptions.c.closed_at.is_(None), exceptions.c.escalated != team))
        return told.rowcount == 1

    def add_promise(self, promise: KeptPromise) -> int:
        """Keep what a customer was told."""
        number: int = self._connection.execute(insert(promises).returning(promises.c.id), {
            "tenant": promise.tenant, "return_ref": promise.return_ref, "text": promise.text, "actor": promise.actor, "at": promise.at,
            "due_at": promise.due_at}).scalar_one()
        return number

    def promises(self, tenant: str, refs: Collection[str]) -> Sequence[KeptPromise]:
        """Give the promises about these returns, oldest first."""
        found = [row for part in chunks(sorted(set(refs))) for row in self._connection.execute(
            select(promises).where(promises.c.tenant == tenant, promises.c.return_ref.in_(part)))]
        return [KeptPromise(id=row.id, tenant=row.tenant, return_ref=row.return_ref, text=row.text, actor=row.actor, at=row.at,
                            due_at=row.due_at) for row in sorted(found, key=lambda row: row.id)]

    def waiting(self, scope: Scope, *, after: tuple[datetime, str] | None, limit: int) -> Sequence[KeptCase]:
        """Give returns whose customers wait, the longest first, then by reference; those behind a moment and reference."""
        return lists.waiting(self._connection, lists.reach(self._connection, scope), after=after, limit=limit)

    # --- answers of the API

    def answer(self, actor: str, key: str) -> KeptAnswer | None:
        """Give what was answered to this key of this caller."""
        row = self._connection.execute(select(answers).where(answers.c.actor == actor, answers.c.key == key)).first()
        return None if row is None else KeptAnswer(request=row.request, status=row.status, body=json.loads(row.body))

    def keep_answer(self, actor: str, key: str, *, request: str, status: int, body: Mapping[str, Any], at: datetime) -> bool:  # noqa: PLR0913  the port's signature
        """Keep the first answer to a key; tell whether it was the first."""
        told = self._connection.execute(self._insert(answers).on_conflict_do_nothing().returning(answers.c.key), {
            "actor": actor, "key": key, "request": request, "status": status, "body": rows.written(body), "at": at})
        return told.first() is not None

    def forget_answers(self, before: datetime) -> int:
        """Forget answers that are older than anybody would ask again; give how many."""
        return self._connection.execute(delete(answers).where(answers.c.at < before)).rowcount


def _note(row: Row[Any]) -> KeptNote:
    return KeptNote(id=row.id, tenant=row.tenant, exception=row.exception, return_ref=row.return_ref, sort=row.sort, text=row.text,
                    actor=row.actor, at=row.at, name=row.name, type=row.type, sha256=row.sha256, size=row.size)

"""Which work waits for people, and which windows were closed?"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, exists, insert, or_, select, update

from backhaul.adapters.sql import rows, tables
from backhaul.adapters.sql.book import Book
from backhaul.adapters.sql.session import chunks, ensure
from backhaul.application.ports import KeptException, KeptPosting, KeptWindow
from backhaul.domain.exception_case import ExceptionCase
from backhaul.domain.proposal import ProposalKind, ProposalState

LASTING = ("opened_at", "due_at", "owner")
"""What an open case keeps when it is renewed about the same kind of trouble."""

_OURS: Final = (tables.windows.c.tenant == bindparam("tenant"), tables.windows.c.legal_entity == bindparam("legal_entity"))
_WINDOWS: Final = select(tables.windows).where(*_OURS).order_by(tables.windows.c.id)
_UNAPPROVED: Final = select(tables.windows.c.key).where(
    *_OURS, tables.windows.c.approval == rows.NEEDED,
    ~exists().where(tables.proposals.c.tenant == bindparam("tenant"), tables.proposals.c.kind == ProposalKind.BATCH.value,
                    tables.proposals.c.subject == tables.windows.c.key, tables.proposals.c.state == ProposalState.APPROVED.value))
_ABOUT: Final = tables.exceptions.c
_OPEN_ABOUT: Final = select(_ABOUT.id, _ABOUT.line_id, _ABOUT.kind).order_by(_ABOUT.id).with_for_update().where(
    _ABOUT.tenant == bindparam("tenant"), _ABOUT.return_ref == bindparam("return_ref"), _ABOUT.closed_at.is_(None))


class Desk(Book):
    """Exceptions and windows; few and each of them looked at, so they are written at once."""

    def open_exception(self, case: ExceptionCase) -> int:
        """Open work for a team, or renew the open one about the same return and line; give its id (INV-18)."""
        table, says = tables.exceptions, rows.exception_row(case)
        old = self._connection.execute(select(table).with_for_update().where(
            table.c.tenant == case.tenant, table.c.return_ref == case.return_ref, table.c.line_id == case.line_id,
            table.c.closed_at.is_(None))).first()
        if old is None:
            number: int = self._connection.execute(
                insert(table).returning(table.c.id), {**says, "closed_at": None, "resolution": "", "actor": ""}).scalar_one()
            self._tell(case, number, "open-exception", {"from": "", "to": "open"})
            return number
        if old.kind == case.kind:
            says = {name: value for name, value in says.items() if name not in LASTING}
        else:
            says["escalated"] = ""
        changed = {name: value for name, value in says.items() if getattr(old, name) != value}
        if changed:
            self._connection.execute(update(table).where(table.c.id == old.id).values(changed))
            self._tell(case, old.id, "renew-exception", {"changed": sorted(changed)})
        return int(old.id)

    def _tell(self, case: ExceptionCase, number: int, action: str, more: Mapping[str, Any]) -> None:
        self.record(case.tenant, subject=case.return_ref, action=action, at=case.opened_at, actor="backhaul", detail={
            "id": number, "line": case.line_id, "kind": case.kind, "owner": case.owner, "amount": case.money.amount,
            "currency": case.money.currency, **more})

    def close_exceptions(  # noqa: PLR0913  the port's signature
        self, tenant: str, ref: str, *, apart_from: Collection[str], resolution: str, at: datetime, actor: str = "backhaul",
    ) -> int:
        """Close the open exceptions of a return except those about these lines; give how many."""
        table = tables.exceptions
        found = self._connection.execute(_OPEN_ABOUT, {"tenant": tenant, "return_ref": ref}).all()
        closing = [row for row in found if row.line_id not in apart_from]
        if closing:
            ensure(bool(resolution and actor), f"closing an exception of {ref} needs a resolution and an actor")
            self._connection.execute(
                update(table).where(table.c.id.in_([row.id for row in closing])).values(
                    closed_at=at, resolution=resolution, actor=actor))
        for row in closing:
            self.record(tenant, subject=ref, action="close-exception", at=at, actor=actor, detail={
                "id": row.id, "line": row.line_id, "kind": row.kind, "from": "open", "to": "closed", "resolution": resolution})
        return len(closing)

    def exceptions(self, tenant: str, *, open_only: bool = True, refs: Collection[str] | None = None,  # noqa: PLR0913  ways to choose
                   since: datetime | None = None, kind: str = "", number: int | None = None) -> Sequence[KeptException]:
        """Give exception cases, oldest first; of closed ones those that were closed `since` then, or all. One kind or number on demand."""
        table = tables.exceptions
        query = select(table).where(table.c.tenant == tenant, *([table.c.kind == kind] if kind else []),
                                    *([table.c.id == number] if number is not None else []))
        if open_only:
            query = query.where(table.c.closed_at.is_(None))
        elif since is not None:
            query = query.where(or_(table.c.closed_at.is_(None), table.c.closed_at >= since))
        queries = [query] if refs is None else [query.where(table.c.return_ref.in_(part)) for part in chunks(sorted(set(refs)))]
        found = [rows.exception(row) for each in queries for row in self._connection.execute(each)]
        return sorted(found, key=lambda kept: (kept.case.opened_at, kept.id))

    def close_window(self, window: KeptWindow) -> None:
        """Remember a window and its control totals; a key that was closed before is refused by the database."""
        self._connection.execute(insert(tables.windows), rows.window_row(window))
        self.record(window.tenant, subject=window.key, action="close-window", at=window.closed_at, actor="backhaul", detail={
            "legal_entity": window.legal_entity, "leg": window.leg, "period": window.period, "number": window.number,
            "returns": window.returns, "controls": window.controls})

    def save_ledger(self, key: str, ledger: Mapping[str, Any]) -> None:
        """Remember what the ledger said of a window."""
        told = self._connection.execute(update(tables.windows).where(tables.windows.c.key == key).values(ledger=rows.written(ledger)))
        ensure(told.rowcount == 1, f"no window {key}")

    def windows(self, tenant: str, legal_entity: str) -> Sequence[KeptWindow]:
        """Give the windows of an entity, oldest first."""
        return [rows.window(row) for row in self._connection.execute(_WINDOWS, {"tenant": tenant, "legal_entity": legal_entity})]

    def unapproved(self, tenant: str, legal_entity: str) -> frozenset[str]:
        """Give the windows nothing of which may leave, because they need an approval and have none."""
        return frozenset(self._connection.execute(_UNAPPROVED, {"tenant": tenant, "legal_entity": legal_entity}).scalars())

    def in_window(self, tenant: str, key: str) -> Sequence[KeptPosting]:
        """Give what was fixed in a window, by key."""
        self._flush_postings()
        asked = select(tables.postings).where(tables.postings.c.tenant == tenant, tables.postings.c.window_key == key)
        return sorted((row.kept for row in self._read(asked, {})), key=lambda row: row.posting.key)

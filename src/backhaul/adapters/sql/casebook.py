"""How far have we come with each return?"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select, update

from backhaul.adapters.sql import rows
from backhaul.adapters.sql.inbox import Inbox
from backhaul.adapters.sql.session import Ref, Seen, chunks, ensure, overtaken
from backhaul.adapters.sql.tables import cases
from backhaul.application.ports import Clock, KeptCase
from backhaul.domain.lifecycle import ReturnState, may_move

UNDER_WAY: Final = (ReturnState.WAITING, ReturnState.PLANNED, ReturnState.POSTING)

_UPDATE: Final = update(cases).where(
    cases.c.tenant == bindparam("b_tenant"), cases.c.ref == bindparam("b_ref"), cases.c.revision == bindparam("b_revision"),
).values({column.name: bindparam(column.name) for column in cases.c if column.name not in {"tenant", "ref"}})
_CASE: Final = select(cases).where(cases.c.tenant == bindparam("tenant"), cases.c.ref == bindparam("ref"))
_OVERDUE: Final = select(cases.c.ref).where(
    cases.c.tenant == bindparam("tenant"), cases.c.state.in_([state.value for state in UNDER_WAY]), cases.c.due_at <= bindparam("now"),
).order_by(cases.c.due_at, cases.c.ref)


class Casebook(Inbox):
    """What is remembered of cases besides their facts."""

    def __init__(self, connection: Connection, seen: Seen, clock: Clock | None) -> None:
        """Begin with nothing waiting to be written."""
        super().__init__(connection, seen, clock)
        self._cases: dict[Ref, tuple[KeptCase | None, int]] = {}
        self._moved: set[Ref] = set()

    def cases(self, tenant: str, refs: Collection[str] | None = None) -> Mapping[str, KeptCase]:
        """Give what is remembered of these returns, or of all."""
        self._flush_cases()
        query = select(cases).where(cases.c.tenant == tenant).order_by(cases.c.ref)
        queries = [query] if refs is None else [query.where(cases.c.ref.in_(part)) for part in chunks(sorted(set(refs)))]
        found: dict[str, KeptCase] = {}
        for each in queries:
            for row in self._connection.execute(each):
                found[row.ref] = rows.case(row)
                self._cases[tenant, row.ref] = (found[row.ref], row.revision)
        return found

    def overdue(self, tenant: str, now: datetime) -> Sequence[str]:
        """Give returns that wait, or travel, and whose due date has passed, the oldest first."""
        self._flush_cases()
        return self._connection.execute(_OVERDUE, {"tenant": tenant, "now": now}).scalars().all()

    def save_case(self, case: KeptCase, *, actor: str = "backhaul") -> None:
        """Remember a case and that it is no longer touched; a move of state is written to the trail (INV-14, INV-17).

        It stays touched if something was learned after this thread read its facts.
        """
        ref = (case.tenant, case.ref)
        old, revision = self._case(ref)
        before = old.state if old else None
        if case.state is not before:
            ensure(case.state is not None and may_move(before, case.state),
                   f"return {case.ref} may not move from {before} to {case.state}")
            self.record(case.tenant, subject=case.ref, action="case", at=self._at(case.updated_at), actor=actor,
                        detail={"from": before.value if before else "", "to": case.state.value if case.state else ""})
        self._cases[ref] = (case, revision)
        self._moved.add(ref)
        self._untouch(case.tenant, case.ref)

    def _case(self, ref: Ref) -> tuple[KeptCase | None, int]:
        """Give a case as this transaction knows it, with its revision; 0 if it is not stored."""
        if ref not in self._cases:
            row = self._connection.execute(_CASE, {"tenant": ref[0], "ref": ref[1]}).first()
            self._cases[ref] = (None, 0) if row is None else (rows.case(row), row.revision)
        return self._cases[ref]

    def _customers(self, refs: Collection[Ref]) -> Mapping[Ref, str]:
        """Give the customer of each case that is stored."""
        asked: dict[str, list[str]] = {}
        for tenant, ref in refs:
            if (tenant, ref) not in self._cases:
                asked.setdefault(tenant, []).append(ref)
        for tenant, names in asked.items():
            self.cases(tenant, names)
        known = {ref: self._cases[ref][0] for ref in refs if ref in self._cases}
        return {ref: case.customer for ref, case in known.items() if case}

    def _flush_cases(self) -> None:
        new, changed = [], []
        for ref in sorted(self._moved):
            case, revision = self._cases[ref]
            if case is None:
                continue
            row: dict[str, Any] = rows.case_row(case, revision + 1)
            if revision:
                changed.append({"b_tenant": row.pop("tenant"), "b_ref": row.pop("ref"), "b_revision": revision, **row})
            else:
                new.append(row)
            self._cases[ref] = (case, revision + 1)
        self._moved.clear()
        self._new(cases, new, overtaken("cases"))
        self._each(_UPDATE, changed, overtaken("cases"))

"""Whose turn is it to act for a legal entity?"""

from datetime import datetime

from sqlalchemy import ColumnElement, select, update

from backhaul.adapters.sql.session import Session
from backhaul.adapters.sql.tables import leases
from backhaul.application.ports import Fence, KeptLease
from backhaul.domain.errors import RetryLater


class Turns(Session):
    """Leases. Their tokens only grow; that of this transaction is checked and locked at its first word."""

    def take_lease(self, tenant: str, legal_entity: str, *, holder: str, now: datetime, until: datetime) -> KeptLease:
        """Take the lease if it is free or over, under the next token; otherwise say who holds it."""
        mine = (leases.c.tenant == tenant, leases.c.legal_entity == legal_entity)
        self._connection.execute(self._insert(leases).on_conflict_do_nothing(), {
            "tenant": tenant, "legal_entity": legal_entity, "token": 0, "holder": "", "until": None})
        row = self._connection.execute(select(leases).where(*mine).with_for_update()).one()
        if row.until is not None and row.until > now:
            return KeptLease(holder=row.holder, until=row.until)
        token = row.token + 1
        self._connection.execute(update(leases).where(*mine).values(token=token, holder=holder, until=until))
        return KeptLease(holder=holder, until=until,
                         fence=Fence(tenant=tenant, legal_entity=legal_entity, token=token, until=until))

    def release_lease(self, fence: Fence) -> None:
        """Give the lease back, if it is still this one."""
        self._connection.execute(update(leases).where(*_of(fence)).values(until=None))

    def hold(self, fence: Fence) -> None:
        """Let nobody take the lease before this transaction ends, renew it if it is to last longer; or stop with `RetryLater` (INV-11)."""
        row = self._connection.execute(select(leases.c.until).where(*_of(fence)).with_for_update()).one_or_none()
        if row is None:
            message = (f"{fence.legal_entity}: another worker took over after token {fence.token} ran out; nothing was kept, "
                       "and what was open is looked for by whoever acts now.")
            raise RetryLater(message)
        if row.until != fence.until:
            self._connection.execute(update(leases).where(*_of(fence)).values(until=fence.until))
        self._token = fence.token


def _of(fence: Fence) -> tuple[ColumnElement[bool], ...]:
    return leases.c.tenant == fence.tenant, leases.c.legal_entity == fence.legal_entity, leases.c.token == fence.token

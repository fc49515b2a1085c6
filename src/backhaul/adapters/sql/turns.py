"""Whose turn is it to act for a legal entity?"""

from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, select, update

from backhaul.adapters.sql.session import Session
from backhaul.adapters.sql.tables import leases
from backhaul.application.ports import Fence, KeptLease
from backhaul.domain.errors import RetryLater

_MINE: Final = (leases.c.tenant == bindparam("b_tenant"), leases.c.legal_entity == bindparam("b_legal_entity"))
_THIS: Final = (*_MINE, leases.c.token == bindparam("b_token"))
_WHOSE: Final = select(leases).where(*_MINE).with_for_update()
_TAKE: Final = update(leases).where(*_MINE).values(token=bindparam("token"), holder=bindparam("holder"), until=bindparam("until"))
_STILL: Final = select(leases.c.until).where(*_THIS).with_for_update()
_UNTIL: Final = update(leases).where(*_THIS).values(until=bindparam("until"))
"""Built once: every transaction under a lease begins with one of them."""


class Turns(Session):
    """Leases. Their tokens only grow; that of this transaction is checked and locked at its first word."""

    def take_lease(self, tenant: str, legal_entity: str, *, holder: str, now: datetime, until: datetime) -> KeptLease:
        """Take the lease if it is free or over, under the next token; otherwise say who holds it."""
        mine = {"b_tenant": tenant, "b_legal_entity": legal_entity}
        self._connection.execute(self._insert(leases).on_conflict_do_nothing(), {
            "tenant": tenant, "legal_entity": legal_entity, "token": 0, "holder": "", "until": None})
        row = self._connection.execute(_WHOSE, mine).one()
        if row.until is not None and row.until > now:
            return KeptLease(holder=row.holder, until=row.until)
        token = row.token + 1
        self._connection.execute(_TAKE, {**mine, "token": token, "holder": holder, "until": until})
        return KeptLease(holder=holder, until=until,
                         fence=Fence(tenant=tenant, legal_entity=legal_entity, token=token, until=until))

    def release_lease(self, fence: Fence) -> None:
        """Give the lease back, if it is still this one."""
        self._connection.execute(_UNTIL, {**_of(fence), "until": None})

    def hold(self, fence: Fence) -> None:
        """Let nobody take the lease before this transaction ends, renew it if it is to last longer; or stop with `RetryLater` (INV-11)."""
        row = self._connection.execute(_STILL, _of(fence)).one_or_none()
        if row is None:
            message = (f"{fence.legal_entity}: another worker took over after token {fence.token} ran out; nothing was kept, "
                       "and what was open is looked for by whoever acts now.")
            raise RetryLater(message)
        if row.until != fence.until:
            self._connection.execute(_UNTIL, {**_of(fence), "until": fence.until})
        self._token = fence.token


def _of(fence: Fence) -> dict[str, str | int]:
    return {"b_tenant": fence.tenant, "b_legal_entity": fence.legal_entity, "b_token": fence.token}

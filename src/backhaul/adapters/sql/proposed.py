"""What was proposed, who approved it, and where do writes rest?"""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, select, update

from backhaul.adapters.sql import rows
from backhaul.adapters.sql.session import Session, ensure
from backhaul.adapters.sql.tables import leases, pauses, proposals
from backhaul.application.people_ports import KeptPause
from backhaul.domain.access import Scope
from backhaul.domain.money import Money
from backhaul.domain.proposal import Proposal, ProposalKind, ProposalState

OPEN = ProposalState.OPEN.value


class Proposed(Session):
    """Proposals and pauses. The database refuses what one person alone would have decided."""

    def add_proposal(self, proposal: Proposal) -> tuple[Proposal, bool]:
        """Keep a proposal and say that it is new; the same one that is open already is given instead."""
        says = _row(proposal)
        told = self._connection.execute(self._insert(proposals).on_conflict_do_nothing().returning(proposals.c.id), says).first()
        row = self._connection.execute(select(proposals).where(
            *(proposals.c[name] == says[name] for name in ("tenant", "kind", "subject", "sha256")), proposals.c.state == OPEN)).one()
        return _proposal(row), told is not None

    def proposal(self, tenant: str, number: int) -> Proposal | None:
        """Give a proposal; a transaction that may write lets nobody else decide about it before it ends."""
        query = select(proposals).where(proposals.c.tenant == tenant, proposals.c.id == number)
        if not self._connection.get_execution_options().get("backhaul_reading"):
            query = query.with_for_update()
        row = self._connection.execute(query).first()
        return None if row is None else _proposal(row)

    def save_proposal(self, proposal: Proposal) -> None:
        """Remember who approved, and how it ended."""
        says = {name: value for name, value in _row(proposal).items()
                if name in {"approver", "approved_at", "second", "second_at", "state", "ended_by", "ended_at", "result"}}
        told = self._connection.execute(update(proposals).values(says).where(
            proposals.c.tenant == proposal.tenant, proposals.c.id == proposal.id, proposals.c.state == OPEN))
        ensure(told.rowcount == 1, f"proposal {proposal.id} is not open")

    def proposals(self, scope: Scope, *, open_only: bool = True, subjects: Collection[str] | None = None,
                  kinds: Collection[ProposalKind] | None = None) -> Sequence[Proposal]:
        """Give proposals, oldest first."""
        query = select(proposals).where(proposals.c.tenant == scope.tenant).order_by(proposals.c.id)
        if scope.entities is not None:
            query = query.where(proposals.c.legal_entity.in_(sorted(scope.entities)))
        if open_only:
            query = query.where(proposals.c.state == OPEN)
        if subjects is not None:
            query = query.where(proposals.c.subject.in_(sorted(set(subjects))))
        if kinds is not None:
            query = query.where(proposals.c.kind.in_(sorted(kind.value for kind in kinds)))
        return [_proposal(row) for row in self._connection.execute(query)]

    def proposed_by(self, tenant: str, proposer: str, since: datetime, currency: str) -> Decimal:
        """Sum what one person proposed since a moment in a currency, whatever came of it, but what they took back."""
        found = self._connection.execute(select(proposals.c.amount).where(
            proposals.c.tenant == tenant, proposals.c.proposer == proposer, proposals.c.proposed_at >= since,
            proposals.c.currency == currency, proposals.c.state != ProposalState.WITHDRAWN.value)).scalars()
        return sum((abs(amount) for amount in found), Decimal(0))

    def lapsed(self, tenant: str, now: datetime) -> Sequence[Proposal]:
        """Give open proposals that waited too long."""
        return [_proposal(row) for row in self._connection.execute(select(proposals).order_by(proposals.c.id).with_for_update().where(
            proposals.c.tenant == tenant, proposals.c.state == OPEN, proposals.c.expires_at <= now))]

    # --- pauses

    def pause(self, tenant: str, legal_entity: str, *, reason: str, actor: str, at: datetime) -> int:
        """Let no write leave from here on; give the number of the pause, also if it held already.

        Turns that are under way hold their lease's row, so this waits for what they are about to commit, and they see it afterwards.
        """
        turns = select(leases.c.token).where(leases.c.tenant == tenant).with_for_update()
        self._connection.execute(turns if not legal_entity else turns.where(leases.c.legal_entity == legal_entity)).all()
        self._connection.execute(self._insert(pauses).on_conflict_do_nothing(), {
            "tenant": tenant, "legal_entity": legal_entity, "reason": reason, "paused_by": actor, "paused_at": at, "ended_by": "",
            "approved_by": "", "ended_at": None})
        number: int = self._connection.execute(select(pauses.c.id).where(
            pauses.c.tenant == tenant, pauses.c.legal_entity == legal_entity, pauses.c.ended_at.is_(None))).scalar_one()
        return number

    def pauses(self, tenant: str, *, every: bool = False) -> Sequence[KeptPause]:
        """Give the pauses of a tenant that hold, or all there ever were."""
        query = select(pauses).where(pauses.c.tenant == tenant).order_by(pauses.c.id)
        return [_pause(row) for row in self._connection.execute(query if every else query.where(pauses.c.ended_at.is_(None)))]

    def paused(self, tenant: str, legal_entity: str) -> bool:
        """Tell whether writes rest here: of the whole tenant, or of this legal entity."""
        return self._connection.execute(select(pauses.c.id).limit(1).where(
            pauses.c.tenant == tenant, pauses.c.legal_entity.in_(("", legal_entity)), pauses.c.ended_at.is_(None))).first() is not None

    def end_pause(self, tenant: str, number: int, *, actor: str, approver: str, at: datetime) -> bool:
        """Let writes leave again; tell whether they rested until now."""
        told = self._connection.execute(update(pauses).values(ended_by=actor, approved_by=approver, ended_at=at).where(
            pauses.c.tenant == tenant, pauses.c.id == number, pauses.c.ended_at.is_(None)))
        return told.rowcount == 1


def _row(proposal: Proposal) -> dict[str, Any]:
    return {
        "tenant": proposal.tenant, "legal_entity": proposal.legal_entity, "kind": proposal.kind.value, "subject": proposal.subject,
        "content": rows.written(proposal.content), "basis": proposal.basis, "sha256": proposal.sha256, "amount": proposal.money.amount,
        "currency": proposal.money.currency, "reason": proposal.reason, "proposer": proposal.proposer,
        "proposed_at": proposal.proposed_at, "expires_at": proposal.expires_at, "needed": proposal.needed,
        "approver": proposal.approver or None, "approved_at": proposal.approved_at, "second": proposal.second or None,
        "second_at": proposal.second_at, "state": proposal.state.value, "ended_by": proposal.ended_by, "ended_at": proposal.ended_at,
        "result": proposal.result}


def _proposal(row: Row[Any]) -> Proposal:
    return Proposal(
        id=row.id, tenant=row.tenant, legal_entity=row.legal_entity, kind=ProposalKind(row.kind), subject=row.subject,
        content=json.loads(row.content), basis=row.basis, money=Money(amount=row.amount, currency=row.currency), reason=row.reason,
        proposer=row.proposer, proposed_at=row.proposed_at, expires_at=row.expires_at, needed=row.needed, approver=row.approver or "",
        approved_at=row.approved_at, second=row.second or "", second_at=row.second_at, state=ProposalState(row.state),
        ended_by=row.ended_by, ended_at=row.ended_at, result=row.result)


def _pause(row: Row[Any]) -> KeptPause:
    return KeptPause(id=row.id, tenant=row.tenant, legal_entity=row.legal_entity, reason=row.reason, paused_by=row.paused_by,
                     paused_at=row.paused_at, ended_by=row.ended_by, approved_by=row.approved_by, ended_at=row.ended_at)

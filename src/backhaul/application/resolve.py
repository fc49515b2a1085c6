"""A person has decided.

Facts stay what they are; a decision is a fact beside them. Money moves only with a second person
(INV-30), and a retry never sends before somebody has looked (reliability appendix A).
"""

from datetime import datetime

from backhaul.application.ports import RETRIED, KeptException, KeptPosting, PostingState, Store, Tx
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.exception_case import KINDS
from backhaul.domain.facts import Decided, Decision, Reread, Unreadable
from backhaul.domain.posting import Nature, Route
from backhaul.domain.returns import fold


def find_exception(tx: Tx, tenant: str, number: int) -> KeptException:
    """Give an open exception by its number; say which ones there are if it is not open."""
    rows = tx.exceptions(tenant)
    for row in rows:
        if row.id == number:
            return row
    message = f"no open exception {number} for tenant '{tenant}'; `backhaul exceptions list` shows the {len(rows)} open ones"
    raise NeedsOperator(message)


def retry(  # noqa: PLR0913  each is named at the call
    store: Store, tenant: str, number: int, *, route: Route, actor: str, now: datetime,
) -> int:
    """Let refused postings of an exception's line be looked for and then sent again; give how many.

    What carries the mark is looked for first and adopted if it is there; only what is not goes out again.
    What could not be read is read again by the profile of now.
    """
    with store.begin() as tx:
        row = find_exception(tx, tenant, number)
        if row.case.kind == "UNREADABLE":
            return _reread(tx, tenant, row, actor, now)
        refused = [kept for kept in tx.postings(tenant, [row.case.return_ref]).get(row.case.return_ref, ())
                   if kept.state is PostingState.REJECTED and kept.posting.line_id in (row.case.line_id, "")]
        for kept in refused:
            awaited = route.nature.get(kept.posting.key.kind) is Nature.AWAITED
            fresh = route.nature.get(kept.posting.key.kind) is Nature.KEYED and _surely_not_there(tx, kept)
            state = PostingState.AWAITED if awaited else PostingState.READY if fresh else PostingState.UNCONFIRMED
            tx.set_state(kept.posting.key, state, look_at=now, looks=0, note=f"{RETRIED} {actor}", at=now, actor=actor,
                         batch="" if fresh else None)
        tx.touch(tenant, [row.case.return_ref])
        tx.record(tenant, subject=row.case.return_ref, action="exception.retried", at=now, actor=actor,
                  detail={"exception": number, "postings": [str(kept.posting.key) for kept in refused]})
    return len(refused)


def _reread(tx: Tx, tenant: str, row: KeptException, actor: str, now: datetime) -> int:
    """Have the deliveries read again that an exception is about; their bytes were kept for this."""
    ref = row.case.return_ref
    if ref.startswith("delivery:"):
        count = tx.reread(tenant, identities=[ref.removeprefix("delivery:")])
    else:
        unclear = [fact for fact in tx.facts(tenant, [ref]).get(ref, ()) if isinstance(fact, Unreadable)]
        count = tx.reread(tenant, sha256s=sorted({fact.delivery for fact in unclear}))
        tx.add_facts(tenant, [Reread(return_ref=ref, at=now, instead_of=tuple(sorted(fact.identity for fact in unclear)))])
    tx.record(tenant, subject=ref, action="delivery.reread", at=now, actor=actor, detail={"exception": row.id, "deliveries": count})
    return count


def _surely_not_there(tx: Tx, kept: KeptPosting) -> bool:
    """Tell whether a keyed effect may go out in a new batch: then its old key protects nothing, so no attempt under it may be in doubt."""
    refusals = {"rejected", "not sent"}
    return kept.document is None and all(
        attempt.outcome in refusals for attempt in tx.attempts([kept.posting.key]) if attempt.batch == kept.batch)


def decide(  # noqa: PLR0913  each is named at the call
    store: Store, tenant: str, number: int, decision: Decision, *, actor: str, approver: str, reason: str, now: datetime,
) -> None:
    """Waive an exception's findings or close its line, with a reason and a second person's approval."""
    with store.begin() as tx:
        row = find_exception(tx, tenant, number)
        if not reason.strip():
            message = f"exception {number}: say why; the reason is kept in the trail"
            raise NeedsOperator(message)
        if not approver.strip() or approver.strip().casefold() == actor.strip().casefold():
            message = f"exception {number} holds {row.case.money}: somebody other than '{actor}' has to approve"
            raise NeedsOperator(message)
        fixed = [finding.code for finding in row.case.findings if not KINDS[finding.code].waivable]
        if decision is Decision.WAIVE and fixed:
            message = f"exception {number}: {', '.join(sorted(set(fixed)))} cannot be waived; mend the cause or close the line"
            raise NeedsOperator(message)
        codes = sorted({finding.code for finding in row.case.findings}) if decision is Decision.WAIVE else [""]
        case = fold(row.case.return_ref, tx.facts(tenant, [row.case.return_ref]).get(row.case.return_ref, ()))
        lines = [line for line in case.lines if row.case.line_id in ("", line.line_id)]
        tx.add_facts(tenant, [
            Decided(return_ref=row.case.return_ref, at=now, decision=decision, line_id=line.line_id, code=code, about=line.net,
                    units=line.surplus, actor=actor, approver=approver, reason=reason)
            for line in lines for code in codes])
        if not lines:  # a delivery nobody could read has no lines; the decision ends the matter at once
            tx.close_exceptions(tenant, row.case.return_ref, apart_from=(), resolution=reason, at=now, actor=actor)
        tx.record(tenant, subject=row.case.return_ref, action=f"exception.{decision.value}", at=now, actor=actor,
                  detail={"exception": number, "approver": approver, "reason": reason, "findings": codes})

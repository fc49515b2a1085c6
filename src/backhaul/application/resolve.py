"""A person has decided.

Facts stay what they are; a decision is a fact beside them. Money moves only with a second person
(INV-30), and a retry never sends before somebody has looked (reliability appendix A).

`decide`, `match` and `settle` are what is done once two people agreed; they ask for both names and prove neither. Only the effects of
approved proposals call them: whatever people reach, by page, API or command, goes through `approvals`.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from backhaul.application.people_ports import PeopleStore
from backhaul.application.ports import RETRIED, KeptException, KeptPosting, PostingState, Store, Tx
from backhaul.application.taken import taken
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.exception_case import KINDS
from backhaul.domain.facts import Decided, Decision, Matched, Unreadable
from backhaul.domain.goods import surplus_id
from backhaul.domain.late_change import WHY
from backhaul.domain.posting import ErpDocument, Nature, Route
from backhaul.domain.resolution import CLAIMED, WAYS_OUT, Resolution
from backhaul.domain.returns import NOTHING, ReturnLine, fold
from backhaul.domain.rules import Rules

LARGEST: Final = 2**63 - 1
"""No number a database gives is larger."""


def find_exception(tx: Tx, tenant: str, number: int) -> KeptException:
    """Give an open exception by its number; say which ones there are if it is not open."""
    for row in tx.exceptions(tenant, number=number) if abs(number) <= LARGEST else ():
        return row
    message = (f"no open exception {number} for tenant '{tenant}'; `backhaul exceptions list` shows the {len(tx.exceptions(tenant))} "
               "open ones")
    raise NeedsOperator(message)


def entity_of(store: PeopleStore, rules: Rules, ref: str) -> str:
    """Give the legal entity whose ERP holds the documents of a return; the first one where the return belongs to none yet."""
    with store.look() as tx:
        case = tx.cases(rules.tenant, [ref]).get(ref)
    return (case.legal_entity if case else "") or rules.entities[0].id


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
        if not tx.facts(tenant, [row.case.return_ref]):
            message = f"exception {number} is about no return, so there is nothing to send again. {KINDS[row.case.kind].now}"
            raise NeedsOperator(message)
        refused = refused_of(row, tx.postings(tenant, [row.case.return_ref]).get(row.case.return_ref, ()))
        gone = tuple(taken(tx, refused))
        if gone:
            others = (each for each in row.case.findings if each not in gone)
            tx.open_exception(replace(row.case, kind=gone[0].code, owner=KINDS[gone[0].code].owner.value, findings=(*gone, *others)))
            tx.touch(tenant, [row.case.return_ref])
        for kept in () if gone else refused:
            awaited = route.nature.get(kept.posting.key.kind) is Nature.AWAITED
            fresh = route.nature.get(kept.posting.key.kind) in {Nature.KEYED, Nature.ONCE} and _surely_not_there(tx, kept)
            state = PostingState.AWAITED if awaited else PostingState.READY if fresh else PostingState.UNCONFIRMED
            tx.set_state(kept.posting.key, state, look_at=now, looks=0, note=f"{RETRIED} {actor}", at=now, actor=actor,
                         batch="" if fresh else None)
        tx.touch(tenant, [row.case.return_ref])
        tx.record(tenant, subject=row.case.return_ref, action="exception.retried", at=now, actor=actor,
                  detail={"exception": number, "postings": [] if gone else [str(kept.posting.key) for kept in refused]})
    if gone:
        message = f"exception {number}: {gone[0].sentence}"
        raise NeedsOperator(message)
    return len(refused)


def refused_of(row: KeptException, postings: Iterable[KeptPosting]) -> list[KeptPosting]:
    """Give those of a return's documents that were refused and that an exception is about: its line's, and those of all lines."""
    return [kept for kept in postings if kept.state is PostingState.REJECTED and kept.posting.line_id in (row.case.line_id, "")]


def can_retry(row: KeptException, postings: Iterable[KeptPosting]) -> bool:
    """Tell whether trying an exception again comes to anything: something was refused, or could not be read."""
    return row.case.kind == "UNREADABLE" or bool(refused_of(row, postings))


def settle(  # noqa: PLR0913  each is named at the call
    store: Store, tenant: str, number: int, *, found: str, route: Route, actor: str, approver: str, reason: str, now: datetime,
) -> int:
    """Let two people say what became of effects that the ERP cannot be asked about; give how many.

    `found` is the number of the document somebody saw; empty: it is surely not there, and is sent once more. Only what may never be sent
    again unseen is settled like this (nature `once`); anything else is looked for by its mark.
    """
    with store.begin() as tx:
        row = find_exception(tx, tenant, number)
        four_eyes(row, actor, approver, reason)
        doubted = doubtful(tx, tenant, row, route)
        for kept in doubted:
            document = ErpDocument(number=found, ids={"found_by": actor}) if found else None
            tx.set_state(kept.posting.key, PostingState.VERIFIED if found else PostingState.READY, document=document, looks=0, at=now,
                         look_at=None if found else now, note=f"found by {actor}" if found else f"{RETRIED} {actor}", actor=actor,
                         batch=None if found else "")
        tx.touch(tenant, [row.case.return_ref])
        tx.record(tenant, subject=row.case.return_ref, action="exception.settled", at=now, actor=actor, detail={
            "exception": number, "approver": approver, "reason": reason, "found": found,
            "postings": [str(kept.posting.key) for kept in doubted]})
    return len(doubted)


def doubtful(tx: Tx, tenant: str, row: KeptException, route: Route) -> list[KeptPosting]:
    """Give what a settlement of an exception is about; stop where there is nothing, also when it is only proposed."""
    found = in_doubt(tx, tenant, row, route)
    if not found:
        message = f"exception {row.id}: nothing of it is in doubt for good; what carries a mark is looked for and found"
        raise NeedsOperator(message)
    return found


def in_doubt(tx: Tx, tenant: str, row: KeptException, route: Route) -> list[KeptPosting]:
    """Give what two people may settle of an exception: effects nobody knows the end of, that the ERP cannot be asked about by a mark."""
    return [kept for kept in tx.postings(tenant, [row.case.return_ref]).get(row.case.return_ref, ())
            if kept.state in {PostingState.UNCONFIRMED, PostingState.PENDING} and kept.posting.line_id in (row.case.line_id, "")
            and route.nature.get(kept.posting.key.kind) is Nature.ONCE]


def _reread(tx: Tx, tenant: str, row: KeptException, actor: str, now: datetime) -> int:
    """Have the deliveries read again that an exception is about; their bytes were kept for this."""
    ref, asked = row.case.return_ref, f"{actor}, exception {row.id}"
    if ref.startswith("delivery:"):
        count = tx.reread(tenant, asked, identities=[ref.removeprefix("delivery:")])
    else:
        unclear = [fact for fact in tx.facts(tenant, [ref]).get(ref, ()) if isinstance(fact, Unreadable)]
        count = tx.reread(tenant, asked, sha256s=sorted({fact.delivery for fact in unclear}))
    tx.record(tenant, subject=ref, action="delivery.reread", at=now, actor=actor, detail={"exception": row.id, "deliveries": count})
    return count


def _surely_not_there(tx: Tx, kept: KeptPosting) -> bool:
    """Tell whether an effect may go out in a new batch: then its old key protects nothing, so no attempt under it may be in doubt."""
    refusals = {"rejected", "not sent"}
    return kept.document is None and all(
        attempt.outcome in refusals for attempt in tx.attempts([kept.posting.key]) if attempt.batch == kept.batch)


def decide(  # noqa: PLR0913  each is named at the call
    store: Store, tenant: str, number: int, decision: Decision, *, actor: str, approver: str, reason: str, now: datetime, goods: str = "",
) -> None:
    """Waive an exception's findings, close its line, claim what was lost or debit what was rejected after its credit.

    Each with a reason and a second person's approval. `goods` says what becomes of debited goods: ``leave`` or ``write-off``.
    """
    with store.begin() as tx:
        row = find_exception(tx, tenant, number)
        four_eyes(row, actor, approver, reason)
        refuse_unfit(row, decision, goods=goods)
        codes = sorted({finding.code for finding in row.case.findings}) if decision is Decision.WAIVE else [""]
        lines = _lines(tx, tenant, row)
        tx.add_facts(tenant, [
            Decided(return_ref=row.case.return_ref, at=now, decision=decision, line_id=line.line_id, code=code, about=line.net,
                    units=_seen(decision, line), grades=line.grades, goods=goods, actor=actor, approver=approver, reason=reason)
            for line in lines for code in codes])
        if not lines:  # a message nobody could read or a month that was proved has no lines; the decision ends this matter, and no other
            others = {other.case.line_id for other in tx.exceptions(tenant, refs=[row.case.return_ref]) if other.id != row.id}
            tx.close_exceptions(tenant, row.case.return_ref, apart_from=others, resolution=reason, at=now, actor=actor)
        tx.record(tenant, subject=row.case.return_ref, action=f"exception.{decision.value}", at=now, actor=actor,
                  detail={"exception": number, "approver": approver, "reason": reason, "findings": codes})


def refuse_unfit(row: KeptException, way: str, *, goods: str = "") -> None:
    """Stop where a way out does not fit what was found, or says too little; when it is proposed, and again when it is done.

    What can be settled does not go by what was found, but by what is in doubt: `doubtful` says.
    """
    told = {finding.code for finding in row.case.findings}
    fixed = sorted(code for code in told if not KINDS[code].waivable)
    message = ""
    if way == Resolution.WAIVE and fixed:
        message = f"exception {row.id}: {', '.join(fixed)} cannot be waived; mend the cause or close the line"
    elif way == Resolution.CLAIM and not told & CLAIMED:
        message = f"exception {row.id} is about nothing that was lost; only {', '.join(sorted(CLAIMED))} can be claimed"
    elif way == Resolution.DEBIT and not told & WAYS_OUT[Resolution.DEBIT].fits:
        message = (f"exception {row.id} is about {', '.join(sorted(told))}; '{way}' is for "
                   f"{', '.join(sorted(WAYS_OUT[Resolution.DEBIT].fits))} alone")
    elif way == Resolution.DEBIT and goods not in WHY:
        message = f"exception {row.id}: a debit says what becomes of the goods; goods are one of {', '.join(WHY)}, not '{goods}'"
    if message:
        raise NeedsOperator(message, about="goods" if way == Resolution.DEBIT else "kind")


def _seen(decision: Decision, line: ReturnLine) -> Decimal:
    """Give the units a decision is about, as they stand before the people who take it."""
    units = {Decision.CLAIM: line.missing, Decision.DEBIT: line.accepted}
    return units.get(decision, line.stray + line.astray)


def match(  # noqa: PLR0913  each is named at the call
    store: Store, tenant: str, number: int, *, order: str, unit_price: Decimal, customer: str = "", actor: str, approver: str,
    reason: str, now: datetime,
) -> None:
    """Match goods nobody announced, or more of them than announced, with their sale.

    Two people say so, and the ERP's own record is asked before money moves.
    """
    with store.begin() as tx:
        row = find_exception(tx, tenant, number)
        four_eyes(row, actor, approver, reason)
        lines = matchable(tx, tenant, row)
        if not order.strip() or unit_price < 0:
            message = f"exception {number}: a match names the order of the goods and their price, not '{order}' at {unit_price}"
            raise NeedsOperator(message, about="unit_price" if order.strip() else "order")
        tx.add_facts(tenant, [
            Matched(return_ref=row.case.return_ref, at=now, line_id=name, order=order, unit_price=unit_price, units=units,
                    customer=customer, actor=actor, approver=approver, reason=reason)
            for name, units in map(unmatched, lines)])
        tx.record(tenant, subject=row.case.return_ref, action="exception.match", at=now, actor=actor,
                  detail={"exception": number, "approver": approver, "reason": reason, "order": order, "price": str(unit_price)})


def matchable(tx: Tx, tenant: str, row: KeptException) -> list[ReturnLine]:
    """Give the lines of an exception that are, or have, goods without a return; stop where there are none to match."""
    lines = [line for line in _lines(tx, tenant, row) if line.blind or line.matched or line.surplus or line.given]
    if not lines:
        message = f"exception {row.id} is about no goods that came without a return; none more than announced; nothing to match"
        raise NeedsOperator(message)
    return lines


def unmatched(line: ReturnLine) -> tuple[str, Decimal]:
    """Say which units of a line a match is about, under which name: what nobody announced, be it all of it or its surplus."""
    if line.blind or line.matched:
        return line.line_id, max(line.received or NOTHING, line.graded)
    return surplus_id(line), line.surplus + line.given


def four_eyes(row: KeptException, actor: str, approver: str, reason: str) -> None:
    """Refuse a decision without a reason or without a second person (INV-30)."""
    if not reason.strip():
        message = f"exception {row.id}: say why; the reason is kept in the trail"
        raise NeedsOperator(message, about="reason")
    if not approver.strip() or approver.strip().casefold() == actor.strip().casefold():
        message = f"exception {row.id} holds {row.case.money}: somebody other than '{actor}' has to approve"
        raise NeedsOperator(message)


def _lines(tx: Tx, tenant: str, row: KeptException) -> list[ReturnLine]:
    """Give the lines an exception is about: its own, or all of the return's."""
    case = fold(row.case.return_ref, tx.facts(tenant, [row.case.return_ref]).get(row.case.return_ref, ()))
    about = row.case.line_id  # what is decided about a component of a kit is decided about its line
    return [line for line in case.lines if about in ("", line.line_id) or about.startswith(f"{line.line_id}/")]

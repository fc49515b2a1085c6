"""What do people say about an exception, whose work is it, and what was a customer promised?

Comments, evidence, hand-overs and promises are kept beside what they are about and are never changed. Work moves to another team by
hand, or because a rule of the profile changed; both stand in the trail.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from backhaul.application.people_ports import KeptNote, KeptPromise, PeopleStore, PeopleTx
from backhaul.application.ports import KeptCase, KeptException, KeptPosting, PostingState
from backhaul.application.process import BUSY, pictures
from backhaul.application.resolve import find_exception
from backhaul.domain.access import Scope
from backhaul.domain.answering import Answer, Step, answer
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.evidence import BEGINNINGS, LARGEST, TEXT, sniff
from backhaul.domain.outcome import told as told_of
from backhaul.domain.posting import CreditNote, PostingKey, PostingKind
from backhaul.domain.proposal import ProposalKind
from backhaul.domain.routing import Whereabouts, escalated_to, owner_of
from backhaul.domain.rules import Rules

LONGEST: Final = 4_000
"""Characters of a comment, at most."""
ORDER: Final = tuple(PostingKind)
"""Kinds of document in the order in which they are made."""
THEIRS: Final = frozenset({PostingState.PENDING, PostingState.AWAITED})
"""States in which the next step is the ERP's own."""


def comment(store: PeopleStore, tenant: str, number: int, *, text: str, actor: str, now: datetime) -> int:  # noqa: PLR0913  each is named
    """Say something about an open exception; give the number of the note."""
    if not 0 < len(text.strip()) <= LONGEST:
        message = f"a comment has 1 to {LONGEST} characters, this one {len(text.strip())}"
        raise NeedsOperator(message, about="text")
    with store.begin() as tx:
        return _note(tx, tenant, find_exception(tx, tenant, number), "comment", text.strip(), actor, now)


def attach(store: PeopleStore, tenant: str, number: int, *, name: str, body: bytes, actor: str, now: datetime) -> int:  # noqa: PLR0913  each is named
    """Keep a file as evidence, byte for byte, under the type its bytes show; give the number of the note."""
    kind = sniff(body)
    if not kind or len(body) > LARGEST:
        message = (f"'{name}' is not kept: {len(body)} bytes, {kind or 'of an unknown type'}; evidence is a file of at most {LARGEST} "
                   f"bytes, one of {', '.join(sorted({*BEGINNINGS.values(), TEXT}))}")
        raise NeedsOperator(message, about="file")
    with store.begin() as tx:
        row = find_exception(tx, tenant, number)
        sha256 = hashlib.sha256(body).hexdigest()
        told = "".join(sign if sign.isprintable() and sign not in '/\\":;' else "_" for sign in name)[:120] or "evidence"
        note = tx.add_note(KeptNote(tenant=tenant, exception=number, return_ref=row.case.return_ref, sort="evidence", text="", actor=actor,
                                    at=now, name=told, type=kind, sha256=sha256, size=len(body)), body)
        tx.record(tenant, subject=row.case.return_ref, action="exception.evidence", at=now, actor=actor, detail={
            "exception": number, "note": note, "sha256": sha256, "size": len(body), "type": kind})
    return note


def evidence(store: PeopleStore, scope: Scope, number: int) -> tuple[KeptNote, bytes] | None:
    """Give a file that was attached, if the return it is about is in scope."""
    with store.look() as tx:
        kept = tx.evidence(scope.tenant, number)
        case = tx.cases(scope.tenant, [kept[0].return_ref]).get(kept[0].return_ref) if kept else None
    return kept if kept and scope.covers(case.legal_entity if case else "") else None


def hand_over(store: PeopleStore, rules: Rules, number: int, *, team: str, note: str, actor: str, now: datetime) -> int:  # noqa: PLR0913  each is named
    """Give an open exception to another team with a note; it stays theirs whatever the rules say."""
    if not note.strip() or not team.strip():
        message = "a hand-over names the team and says what they should know"
        raise NeedsOperator(message, about="note" if team.strip() else "team")
    with store.begin() as tx:
        row = find_exception(tx, rules.tenant, number)
        if not tx.own_exception(rules.tenant, number, team.strip()):
            message = f"exception {number} is the work of '{row.case.owner}' already"
            raise NeedsOperator(message, about="team")
        kept = _note(tx, rules.tenant, row, "hand-over", f"to {team.strip()}: {note.strip()}", actor, now)
        tx.record(rules.tenant, subject=row.case.return_ref, action="exception.handed-over", at=now, actor=actor, detail={
            "exception": number, "from": row.case.owner, "to": team.strip(), "note": kept})
    return kept


def reroute(store: PeopleStore, rules: Rules, now: datetime) -> int:
    """Let open exceptions go to who owns them by the rules of now; give how many moved. What somebody handed over by hand stays there."""
    with store.begin() as tx:
        rows = tx.exceptions(rules.tenant)
        by_hand = {note.exception for note in tx.notes(rules.tenant, [row.id for row in rows]) if note.sort == "hand-over"}
        known = pictures(tx, rules, {row.case.return_ref for row in rows}) if rules.routing else {}
        moved = 0
        for row in rows:
            picture = known.get(row.case.return_ref)
            owner = owner_of(row.case, picture.whereabouts if picture else Whereabouts(), rules.routing, rules.teams)
            if row.id not in by_hand and tx.own_exception(rules.tenant, row.id, owner):
                moved += 1
                tx.record(rules.tenant, subject=row.case.return_ref, action="exception.rerouted", at=now, actor="backhaul", detail={
                    "exception": row.id, "from": row.case.owner, "to": owner, "version": rules.version})
    return moved


def escalate(store: PeopleStore, rules: Rules, now: datetime) -> int:
    """Bring overdue work before who is to know of it, as the profile says; give how much of it is new there. Its owner stays its owner."""
    first = min((step.late for step in rules.escalation), default=None)
    if first is None:
        return 0
    with store.begin() as tx:
        told = 0
        for row in tx.late_exceptions(rules.tenant, now - first):
            team = escalated_to(row.case, rules.escalation, now)
            if team and tx.escalate_exception(rules.tenant, row.id, team):
                told += 1
                tx.record(rules.tenant, subject=row.case.return_ref, action="exception.escalated", at=now, actor="backhaul", detail={
                    "exception": row.id, "owner": row.case.owner, "to": team, "due_at": row.case.due_at.isoformat()})
    return told


def _note(tx: PeopleTx, tenant: str, row: KeptException, sort: str, text: str, actor: str, now: datetime) -> int:  # noqa: PLR0913, PLR0917  private
    return tx.add_note(KeptNote(tenant=tenant, exception=row.id, return_ref=row.case.return_ref, sort=sort, text=text, actor=actor, at=now))


# --- customers who wait -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A return that is not credited, or not in full, with what its customer was told so far and may hold in their hands."""

    ref: str
    legal_entity: str
    customer: str
    currency: str
    orders: Sequence[str]
    parcels: Sequence[str]
    answer: Answer
    promises: Sequence[KeptPromise]


def not_credited(store: PeopleStore, rules: Rules, scope: Scope, refs: Sequence[str], now: datetime) -> list[Waiting]:
    """Say why these returns are not credited, and what can be told; what is credited in full, or out of scope, is left out."""
    with store.look() as tx:
        cases = [case for case in tx.cases(scope.tenant, refs).values() if scope.covers(case.legal_entity)]
        found = _told(tx, rules, cases, now)
    return sorted(found, key=lambda each: (each.answer.since or now, each.ref))


def waiting(store: PeopleStore, rules: Rules, scope: Scope, now: datetime, *, after: tuple[datetime, str] | None = None,  # noqa: PLR0913  each is named
            limit: int) -> tuple[list[Waiting], tuple[datetime, str] | None]:
    """Give the next of who waits, the longest first, and behind whom those after them begin; None if there are none.

    A return that needs no answer any more and was not looked at since is passed over: no page is empty above one that is not.
    """
    found: list[Waiting] = []
    with store.look() as tx:
        while len(found) <= limit and (cases := tx.waiting(scope, after=after, limit=limit + 1)):
            found += _told(tx, rules, cases, now)
            after = _mark(cases[-1].waits_since, cases[-1].ref)
    last = found[limit - 1] if len(found) > limit else None
    return found[:limit], _mark(last.answer.since, last.ref) if last else None


def _mark(since: datetime | None, ref: str) -> tuple[datetime, str]:
    if since is None:
        message = f"return {ref} stands in the list of who waits and says no since"
        raise AssertionError(message)
    return since, ref


def _told(tx: PeopleTx, rules: Rules, cases: Sequence[KeptCase], now: datetime) -> list[Waiting]:
    """Answer for each of these returns of which somebody waits for something, in their order."""
    refs = [case.ref for case in cases]
    known, said = pictures(tx, rules, refs), tx.promises(rules.tenant, refs)
    whole = Scope.whole(rules.tenant)
    beside = tx.proposals(whole, kinds=[ProposalKind.GROUP, ProposalKind.BATCH])
    batches = {each.subject for each in beside if each.kind is ProposalKind.BATCH}
    proposed = {number for each in (*tx.proposals(whole, subjects=refs), *beside)
                for number in (each.content.get("exception"), *map(int, each.content.get("exceptions", ())))}
    paused = {row.legal_entity for row in tx.pauses(rules.tenant)}
    found = []
    for case in cases:
        picture = known[case.ref]
        told = answer(
            case.ref, picture.case.stage, picture.placements(rules, now), [row.case for row in picture.open], now=now, due_at=case.due_at,
            since=case.waits_since or picture.began_at, step=_step(picture.kept, batches, paused=bool(paused & {"", case.legal_entity})),
            proposed=any(row.id in proposed for row in picture.open if row.case.holds),
            outcomes=tuple(told_of(picture.case, rules, picture.entity)))
        if told is not None:
            found.append(Waiting(
                ref=case.ref, legal_entity=case.legal_entity, customer=case.customer, currency=case.currency, answer=told,
                parcels=sorted(picture.case.parcels), orders=sorted({line.order for line in picture.case.lines if line.order}),
                promises=tuple(each for each in said if each.return_ref == case.ref)))
    return found


def _step(kept: Sequence[KeptPosting], unapproved: Collection[str], *, paused: bool) -> Step | None:
    """Say what the credit that is wanted waits for: the first document on the way to it that is not made yet, or the batch it is in."""
    by_key = {row.posting.key: row for row in kept}
    wanted = [row for row in kept if isinstance(row.posting.document, CreditNote) and row.state in BUSY | {PostingState.PLANNED}]
    behind: dict[PostingKey, KeptPosting] = {}
    while wanted:
        row = wanted.pop()
        behind[row.posting.key] = row
        wanted += [by_key[key] for key in row.posting.needs if key in by_key and key not in behind]
    if paused and any(row.state in {PostingState.PLANNED, PostingState.READY} for row in behind.values()):
        return Step.PAUSED
    if any(row.state is PostingState.READY and row.window in unapproved for row in behind.values()):
        return Step.UNAPPROVED
    on_the_way = sorted((row for row in behind.values() if row.state is not PostingState.VERIFIED), key=_how_far)
    first = on_the_way[0].state if on_the_way else None
    return Step.AWAITED if first in THEIRS else Step.UNDER_WAY if first in BUSY else None


def _how_far(row: KeptPosting) -> tuple[bool, int]:
    """Put what is not made before what the ERP says it made, and each in the order in which documents are made."""
    return row.state is PostingState.POSTED, ORDER.index(row.posting.key.kind)


def promise(store: PeopleStore, scope: Scope, ref: str, *, text: str, due_at: datetime, actor: str, now: datetime) -> int:  # noqa: PLR0913  each is named
    """Record what a customer was told; give its number."""
    with store.begin() as tx:
        case = tx.cases(scope.tenant, [ref]).get(ref)
        if case is None or not scope.covers(case.legal_entity):
            message = f"tenant '{scope.tenant}' has no return '{ref}'"
            raise NeedsOperator(message)
        if not 0 < len(text.strip()) <= LONGEST or due_at <= now:
            message = f"a promise says what was told (1 to {LONGEST} characters) and until when, after now; got until {due_at.isoformat()}"
            raise NeedsOperator(message, about="text" if due_at > now else "due")
        number = tx.add_promise(KeptPromise(tenant=scope.tenant, return_ref=ref, text=text.strip(), actor=actor, at=now, due_at=due_at))
        tx.record(scope.tenant, subject=ref, action="customer.promised", at=now, actor=actor, detail={
            "promise": number, "due_at": due_at.isoformat()})
    return number

"""What can a program do by itself, and what can it propose and approve?"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import msgspec
from litestar import Response, post
from litestar.exceptions import ClientException, ValidationException
from litestar.params import FromPath, JSONBody

from backhaul.application import (
    alike,
    approvals,
    casework,
    close,
    conclude,
    correct,
    grouping,
    hand_in,
    legal_hold,
    pausing,
    people,
    privacy,
    resolve,
)
from backhaul.application.approvals import Within
from backhaul.application.effects import EFFECTS
from backhaul.application.seek import buyer
from backhaul.application.summon import WAITS, summon
from backhaul.domain.access import MASKED, Action
from backhaul.domain.errors import NeedsOperator, NotAllowed
from backhaul.domain.parcel import NotAParcel
from backhaul.domain.proposal import PROPOSALS, ProposalKind
from backhaul.domain.signature import Signer
from backhaul.domain.trail import digest
from backhaul.entrypoints import handing, joining, rejudging, versioning
from backhaul.entrypoints.api.frame import Asked, Key, Mine, Once, Told, absent
from backhaul.entrypoints.api.shapes import (
    Approve,
    ByVersion,
    Comment,
    Correct,
    Decide,
    Erase,
    Evidence,
    GrantRole,
    Group,
    HandOver,
    Hold,
    Pack,
    Pair,
    Parcel,
    Pause,
    Promise,
    Prove,
    Said,
    SayOutcome,
    Sign,
    Version,
    offered,
)
from backhaul.entrypoints.packing import prepared, put_away

# --- by oneself ---------------------------------------------------------------------------------------------


@post("/{tenant:str}/exceptions/{number:int}/comments", action=Action.COMMENT, sync_to_thread=True)
def comment(asked: Mine, number: FromPath[int], data: JSONBody[Comment], key: Key) -> Response[Told]:
    """Say something about an exception."""
    asked.exception(number)
    return asked.once(key, data, lambda store: {"note": casework.comment(
        store, asked.tenant, number, text=data.text, actor=asked.person.actor, now=asked.now)})


@post("/{tenant:str}/exceptions/{number:int}/hand-over", action=Action.COMMENT, sync_to_thread=True)
def hand_over(asked: Mine, number: FromPath[int], data: JSONBody[HandOver], key: Key) -> Response[Told]:
    """Give an exception to another team."""
    asked.exception(number)
    return asked.once(key, data, lambda store: {"note": casework.hand_over(
        store, asked.rules, number, team=data.team, note=data.note, actor=asked.person.actor, now=asked.now)})


@post("/{tenant:str}/exceptions/{number:int}/evidence", action=Action.COMMENT, sync_to_thread=True)
def attach(asked: Mine, number: FromPath[int], data: JSONBody[Evidence], key: Key) -> Response[Told]:
    """Attach a file to an exception."""
    asked.exception(number)
    try:
        body = base64.b64decode(data.content, validate=True)
    except binascii.Error as error:
        raise ClientException(detail="'content' is not base64") from error
    return asked.once(key, data, lambda store: {"note": casework.attach(
        store, asked.tenant, number, name=data.name, body=body, actor=asked.person.actor, now=asked.now)})


@post("/{tenant:str}/exceptions/{number:int}/retry", action=Action.RETRY, sync_to_thread=True)
def retry(asked: Mine, number: FromPath[int], key: Key) -> Response[Told]:
    """Have refused documents of an exception looked for, and sent again only if they are not there."""
    route = asked.route(asked.exception(number).case.return_ref)
    return asked.once(key, None, lambda store: {"retried": resolve.retry(
        store, asked.tenant, number, route=route, actor=asked.person.actor, now=asked.now)})


@post("/{tenant:str}/parcels", action=Action.REGISTER_PARCEL, sync_to_thread=True)
def register(asked: Mine, data: JSONBody[Parcel], key: Key) -> Response[Told]:
    """Register a parcel for which no return is known; what cannot be is told by field."""
    asked.covers(data.legal_entity)
    told = msgspec.to_builtins(data)
    told["items"] = [{**item, "accepted": "yes" if item["accepted"] else "no"} for item in told["items"]]
    try:
        parcel, known = handing.judged(asked.store, asked.rules, asked.scope, data.legal_entity, told, actor=asked.person.actor,
                                       now=asked.now)
        return asked.once(key, data, lambda store: {"return": hand_in.register(
            store, asked.rules, parcel, key, now=asked.now, known=known, another=data.another)})
    except NotAParcel as refused:
        raise ValidationException(detail=str(refused), extra=[
            {"key": name, "message": sentence} for name, sentence in refused.fields.items()]) from None


@post("/{tenant:str}/promises", action=Action.PROMISE, sync_to_thread=True)
def promise(asked: Mine, data: JSONBody[Promise], key: Key) -> Response[Told]:
    """Record what a customer was told."""
    return asked.once(key, data, lambda store: {"promise": casework.promise(
        store, asked.scope, data.return_ref, text=data.text, due_at=data.due_at, actor=asked.person.actor, now=asked.now)})


@post("/{tenant:str}/pauses", action=Action.PAUSE, sync_to_thread=True)
def pause(asked: Mine, data: JSONBody[Pause], key: Key) -> Response[Told]:
    """Let no write leave, at once."""
    asked.covers(data.legal_entity)
    return asked.once(key, data, lambda store: {"pause": pausing.pause(
        store, asked.rules, data.legal_entity, actor=asked.person.actor, reason=data.reason, now=asked.now)})


@post("/{tenant:str}/holds", action=Action.PROPOSE_ERASURE, sync_to_thread=True)
def hold(asked: Mine, data: JSONBody[Hold], key: Key) -> Response[Told]:
    """Place a legal hold on a customer, by their account or one of their returns: nobody erases them while it stands."""
    asked.whole()
    refs = privacy.returns_of(asked.store, asked.rules, data.subject)
    return asked.once(key, data, lambda store: {"hold": legal_hold.place(
        store, asked.rules, refs, actor=asked.person.actor, reason=data.reason, now=asked.now), "returns": list(refs)})


@post("/{tenant:str}/proofs", action=Action.PROVE, sync_to_thread=True)
def prove(asked: Mine, data: JSONBody[Prove], key: Key) -> Response[Told]:
    """Have a month proved at the next turn; refused while another proof is wanted."""
    asked.whole()

    def want(store: Within) -> Told:
        summon(store, asked.rules, data.period, actor=asked.person.actor, now=asked.now)
        return {"period": data.period, "step": WAITS}

    return asked.once(key, data, want)


@post("/{tenant:str}/grants/{number:int}/revoke", action=Action.REVOKE, sync_to_thread=True)
def revoke(asked: Mine, number: FromPath[int], key: Key) -> Response[Told]:
    """Take a grant away, at once."""
    asked.whole()

    def act(store: Within) -> Told:
        people.revoke(store, asked.tenant, number, actor=asked.person.actor, now=asked.now)
        return {"revoked": number}

    return asked.once(key, None, act)


@post("/{tenant:str}/people/{number:int}/end-sessions", action=Action.REVOKE, sync_to_thread=True)
def end_sessions(asked: Mine, number: FromPath[int], key: Key) -> Response[Told]:
    """Sign somebody who has a role in this tenant out of the console everywhere, at once; `ended` says of how many sessions."""
    asked.whole()
    return asked.once(key, None, lambda store: {"person": number, "ended": people.end_sessions(
        store, asked.tenant, number, actor=asked.person.actor, now=asked.now)})


@post("/{tenant:str}/tokens/{number:int}/revoke", action=Action.OWN_TOKENS, sync_to_thread=True)
def end_token(asked: Mine, number: FromPath[int], key: Key) -> Response[Told]:
    """End a token of mine, at once."""
    def act(store: Within) -> Told:
        people.revoke_token(store, asked.person.number, number, actor=asked.person.actor, now=asked.now)
        return {"revoked": number}

    return asked.once(key, None, act)


@post("/{tenant:str}/close/signatures", action=Action.SIGN, sync_to_thread=True)
def sign(asked: Mine, data: JSONBody[Sign], key: Key) -> Response[Told]:
    """Sign a list of a month's close as it was shown; which lists, the caller's role says."""
    asked.whole()
    month = asked.close(data.period, data.legal_entity)

    def act(store: Once) -> Told:
        done = close.sign_as(store, month, asked.person, Signer(data.signer), shown=data.shown, now=asked.now)
        return {"signature": done.id, "sha256": done.sha256}

    return asked.once(key, data, act)


@post("/{tenant:str}/close/pack", action=Action.SIGN, sync_to_thread=True)
def archive_pack(asked: Mine, data: JSONBody[Pack], key: Key) -> Response[Told]:
    """Archive the pack of a month, with its hashes in the trail; what is in the archive already stays as it is."""
    asked.whole()
    month = asked.close(data.period, asked.rules.entities[0].id)
    pack = prepared(asked.store, month.rules, month.period)

    def act(store: Once) -> Told:
        kept = put_away(store, month.rules, month.period, pack, state_dir=asked.house.state_dir, actor=asked.person.actor, now=asked.now)
        return {"period": month.period, "sha256": dict(kept.sha256)}

    return asked.once(key, data, act)


# --- proposing ----------------------------------------------------------------------------------------------


def _propose(asked: Asked, key: str, data: Said, kind: ProposalKind, content: Mapping[str, Any]) -> Response[Told]:
    return asked.once(key, data, lambda store: offered(asked, approvals.propose(
        store, EFFECTS, asked.rules, kind, content, proposer=asked.person.actor, reason=data.reason, now=asked.now)))


def _buyer(asked: Asked, ref: str, order: str) -> str:
    """Give who bought by an order, for a caller who was shown no customers; nobody where the return names its own."""
    entity = asked.rules.entity(resolve.entity_of(asked.store, asked.rules, ref))
    with asked.store.look() as tx:
        kept = tx.cases(asked.tenant, [ref]).get(ref)
    if kept and kept.customer not in {"", entity.no_customer_account}:
        return ""
    return buyer(asked.house.desk(asked.tenant, entity.id).erp, entity, order)


@post("/{tenant:str}/exceptions/{number:int}/decisions", action=Action.PROPOSE, sync_to_thread=True)
def decide(asked: Mine, number: FromPath[int], data: JSONBody[Decide], key: Key) -> Response[Told]:
    """Propose a decision about an exception; somebody else approves it."""
    row = asked.exception(number)
    content: Told = {"exception": number}
    if data.decision == "match":
        if data.unit_price is None or not data.order:
            raise ClientException(detail="a match names 'order' and 'unit_price'")
        content |= {"order": data.order, "unit_price": format(data.unit_price, "f"),
                    "customer": _buyer(asked, row.case.return_ref, data.order) if data.customer == MASKED else data.customer}
    content |= {"goods": data.goods} if data.decision == "debit" else {}
    if data.decision == "settle":
        if bool(data.found.strip()) is data.absent:
            raise ClientException(detail="a settlement says either which document was 'found' in the ERP, or that it is 'absent': true, "
                                         "so that it is sent once more")
        route = asked.route(row.case.return_ref)
        with asked.store.look() as tx:
            resolve.doubtful(tx, asked.tenant, row, route)
        content |= {"found": data.found.strip()}
    return _propose(asked, key, data, ProposalKind(data.decision), content)


@post("/{tenant:str}/exceptions/{number:int}/corrections", action=Action.PROPOSE, sync_to_thread=True)
def say_otherwise(asked: Mine, number: FromPath[int], data: JSONBody[Correct], key: Key) -> Response[Told]:
    """Propose what a value is that the messages have wrong; somebody else approves it. Each value takes a right of its own."""
    asked.exception(number)
    return asked.once(key, data, lambda store: offered(asked, correct.ask(
        store, asked.rules, asked.person, number, what=data.what, line_id=data.line, told=data.told, value=data.value, reason=data.reason,
        now=asked.now)))


@post("/{tenant:str}/outcomes", action=Action.PROPOSE, sync_to_thread=True)
def say_outcome(asked: Mine, data: JSONBody[SayOutcome], key: Key) -> Response[Told]:
    """Say what becomes of goods that are not accepted; where money moves it is proposed, and somebody else approves it."""
    asked.seen(data.return_ref)

    def act(store: Within) -> Told:
        made = conclude.ask(store, asked.rules, asked.person, data.return_ref, outcome=data.outcome, line_id=data.line,
                            standing=data.standing, evidence=data.evidence, reason=data.reason, now=asked.now)
        return {"return": data.return_ref, "outcome": data.outcome, "proposal": offered(asked, made) if made else None}

    return asked.once(key, data, act)


@post("/{tenant:str}/versions", action=Action.PROPOSE, sync_to_thread=True)
def go_by(asked: Mine, data: JSONBody[ByVersion], key: Key) -> Response[Told]:
    """Propose that a return goes by the version it does not go by, as `/return/versions` showed it; somebody else approves it."""
    compared, _ = asked.by_version(data.return_ref)
    if digest(compared.shown) != data.shown:
        message = "what both versions come to changed since it was shown; look at it again and propose that"
        raise NeedsOperator(message)
    return asked.once(key, data, lambda store: offered(asked, rejudging.propose(
        store, asked.rules, compared, proposer=asked.person.actor, reason=data.reason, now=asked.now)))


@post("/{tenant:str}/matches", action=Action.PROPOSE, sync_to_thread=True)
def pair(asked: Mine, data: JSONBody[Pair], key: Key) -> Response[Told]:
    """Propose that what a month's proof suggests belongs together, as `/matches` showed it; somebody else approves it."""
    def act(store: Once) -> Told:
        with store.look() as tx:
            content = joining.chosen(tx, asked.scope, data.period, data.key, data.shown)
        return offered(asked, approvals.propose(store, EFFECTS, asked.rules, ProposalKind.PAIR, content, proposer=asked.person.actor,
                                         reason=data.reason, now=asked.now))

    return asked.once(key, data, act)


@post("/{tenant:str}/matches/{number:int}/revoke", action=Action.PROPOSE, sync_to_thread=True)
def unpair(asked: Mine, number: FromPath[int], data: JSONBody[Said], key: Key) -> Response[Told]:
    """Propose that a match is revoked, so that its lines are planned again; somebody else approves it."""
    with asked.store.look() as tx:
        seen = any(each.id == number and asked.scope.covers(each.legal_entity) for each in tx.matches(asked.tenant, standing=False))
    if not seen:
        what = f"match {number}"
        raise absent(what)
    return _propose(asked, key, data, ProposalKind.UNPAIR, {"match": number})


@post("/{tenant:str}/groups", action=Action.PROPOSE, sync_to_thread=True)
def group(asked: Mine, data: JSONBody[Group], key: Key) -> Response[Told]:
    """Propose one decision about all open exceptions of a cause, as they are planned now."""
    asked.covers(data.legal_entity)
    told = {"decision": data.decision, "what": data.what, "told": data.told, "value": data.value}
    planned = grouping.plan(asked.store, asked.rules, kind=data.kind, legal_entity=data.legal_entity, currency=data.currency,
                            decision=data.decision, batch=data.batch, of=alike.otherwise(told), same=alike.same(told))
    return asked.once(key, data, lambda store: offered(asked, grouping.ask(
        store, asked.rules, asked.person, planned, reason=data.reason, now=asked.now)))


@post("/{tenant:str}/groups/{number:int}/cancel", action=Action.PROPOSE, sync_to_thread=True)
def cancel(asked: Mine, number: FromPath[int], key: Key) -> Response[Told]:
    """Stop a group between two exceptions; what was decided stays decided."""
    asked.proposal(number)
    return asked.once(key, None, lambda store: asdict(grouping.cancel(
        store, asked.tenant, number, actor=asked.person.actor, now=asked.now)))


@post("/{tenant:str}/profiles", action=Action.PROPOSE_MAPPING, sync_to_thread=True)
def profile(asked: Mine, data: JSONBody[Version], key: Key) -> Response[Told]:
    """Propose that a version of the profile comes into force, with what it changes."""
    asked.whole()
    holds, draft = asked.house.profiles[asked.tenant], asked.drafted(data.text)
    told = versioning.difference(asked.store, holds, draft)
    return asked.once(key, data, lambda store: offered(asked, versioning.propose(
        store, holds, draft, told, proposer=asked.person.actor, reason=data.reason, now=asked.now)))


@post("/{tenant:str}/grants", action=Action.PROPOSE_GRANT, sync_to_thread=True)
def grant(asked: Mine, data: JSONBody[GrantRole], key: Key) -> Response[Told]:
    """Propose a role for a person."""
    asked.whole()
    return _propose(asked, key, data, ProposalKind.GRANT, {
        "person": data.person, "role": data.role, "entities": None if data.entities is None else sorted(data.entities)})


@post("/{tenant:str}/erasures", action=Action.PROPOSE_ERASURE, sync_to_thread=True)
def erase(asked: Mine, data: JSONBody[Erase], key: Key) -> Response[Told]:
    """Propose that a customer is erased, by their account or one of their returns; somebody else approves it."""
    asked.whole()
    refs = privacy.returns_of(asked.store, asked.rules, data.subject)
    return _propose(asked, key, data, ProposalKind.ERASE, privacy.content_of(asked.store, asked.rules, refs))


@post("/{tenant:str}/holds/{number:int}/end", action=Action.PROPOSE_ERASURE, sync_to_thread=True)
def release(asked: Mine, number: FromPath[int], data: JSONBody[Said], key: Key) -> Response[Told]:
    """Propose that a legal hold ends; somebody else approves it."""
    asked.whole()
    if number not in {each.id for each in legal_hold.standing(asked.store, asked.rules)}:
        what = f"legal hold {number}"
        raise absent(what)
    return _propose(asked, key, data, ProposalKind.RELEASE, {"hold": number})


@post("/{tenant:str}/pauses/{number:int}/end", action=Action.PAUSE, sync_to_thread=True)
def unpause(asked: Mine, number: FromPath[int], data: JSONBody[Said], key: Key) -> Response[Told]:
    """Propose that writes leave again."""
    holding = {row.id for row in pausing.holding(asked.store, asked.scope) if asked.scope.covers(row.legal_entity)}
    if number not in holding:
        what = f"pause {number}"
        raise absent(what)
    return _propose(asked, key, data, ProposalKind.UNPAUSE, {"pause": number})


# --- approving ----------------------------------------------------------------------------------------------


def _approve(asked: Asked, number: int, data: Approve, key: str) -> Response[Told]:
    """Approve a proposal of a kind that this right approves; the ERP's route is asked for before the transaction."""
    proposal = asked.proposal(number)
    if PROPOSALS[proposal.kind].approves is not asked.action:
        what = f"a proposal {number} of this kind"
        raise absent(what)
    route = asked.route(proposal.subject) if EFFECTS[proposal.kind].routes else None
    return asked.once(key, data, lambda store: offered(asked, approvals.approve(
        store, EFFECTS, asked.rules, number, shown=data.shown, approver=asked.person.actor, now=asked.now,
        route_of=(lambda _: route) if route else approvals.no_route)))


@post("/{tenant:str}/proposals/{number:int}/approve", action=Action.APPROVE, sync_to_thread=True)
def approve(asked: Mine, number: FromPath[int], data: JSONBody[Approve], key: Key) -> Response[Told]:
    """Approve what somebody else proposed, as it was shown."""
    return _approve(asked, number, data, key)


@post("/{tenant:str}/grants/{number:int}/approve", action=Action.APPROVE_GRANT, sync_to_thread=True)
def approve_grant(asked: Mine, number: FromPath[int], data: JSONBody[Approve], key: Key) -> Response[Told]:
    """Approve a role that another admin proposed, by the proposal's number."""
    return _approve(asked, number, data, key)


@post("/{tenant:str}/proposals/{number:int}/refuse", action=Action.APPROVE, sync_to_thread=True)
def refuse(asked: Mine, number: FromPath[int], data: JSONBody[Said], key: Key) -> Response[Told]:
    """Say no to what somebody else proposed."""
    asked.proposal(number)
    return _end(asked, number, data, key)


@post("/{tenant:str}/proposals/{number:int}/withdraw", action=Action.SEE, sync_to_thread=True)
def withdraw(asked: Mine, number: FromPath[int], data: JSONBody[Said], key: Key) -> Response[Told]:
    """Take back what I proposed."""
    if asked.proposal(number).proposer != asked.person.actor:
        message = "only who proposed it can withdraw it; an approver can refuse it"
        raise NotAllowed(message)
    return _end(asked, number, data, key)


def _end(asked: Asked, number: int, data: Said, key: str) -> Response[Told]:
    return asked.once(key, data, lambda store: offered(asked, approvals.refuse(
        store, EFFECTS, asked.tenant, number, actor=asked.person.actor, reason=data.reason, now=asked.now)))


ROUTES: Final = (
    comment, hand_over, attach, retry, register, promise, sign, archive_pack, pause, hold, prove, revoke, end_sessions, end_token, decide,
    say_otherwise, say_outcome, go_by, pair, unpair, group, cancel, profile, grant, erase, release, unpause, approve, approve_grant, refuse,
    withdraw)

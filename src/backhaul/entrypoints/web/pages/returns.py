"""What became of a return, from the portal's request to the ledger's voucher?"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

import msgspec
from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath
from sqlalchemy import select

from backhaul.adapters.sql import lists, rows, tables, views
from backhaul.application import conclude, legal_hold, privacy
from backhaul.application.ports import KeptPosting, PostingState
from backhaul.domain.access import Action
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.outcome import OUTCOMES
from backhaul.domain.posting import PostingKind
from backhaul.domain.returns import ReturnCase, fold
from backhaul.entrypoints import overseeing, rejudging
from backhaul.entrypoints.web.console import Console, done, fields, mark, marked, query, rest, whole
from backhaul.entrypoints.web.door import AnyRequest, Visitor
from backhaul.entrypoints.web.wording import NOTHING, plain, words

STEPS: Final = tuple(PostingKind)
"""Kinds of document in the order in which they are made."""
SHOWN_BYTES: Final = 256 * 1024
"""Of a longer message the page shows the beginning; all of it can be downloaded."""
CREDITS: Final = frozenset({PostingKind.CREDIT_NOTE})
UNKNOWN: Final = "nobody ever heard of this return; references are compared letter by letter"
LOUD: Final[Mapping[str, str]] = {"delivery": "", "fact": "", "posting": "busy", "attempt": "busy", "exception": "warn", "trail": ""}

FACTS: Final[Mapping[str, str]] = {
    "Announced": "The platform announced it", "Progressed": "The goods moved on", "Received": "The warehouse counted it",
    "Inspected": "The warehouse inspected it", "Lost": "The parcel is lost", "Refunded": "The platform paid the customer",
    "Charged": "The platform named charges", "Exchanged": "It is an exchange", "LinesMinted": "Its lines were given numbers of ours",
    "Decided": "Somebody decided", "Matched": "Somebody found the sale",
    "Concluded": "Somebody said what becomes of goods that are not accepted",
    "SentBack": "Somebody sent its batch back", "HandedIn": "Somebody registered the parcel by hand",
    "Corrected": "Somebody corrected a value",
    "Mapped": "Two people said by which version's mapping it goes",
    "Unreadable": "A message could not be read",
    "Reread": "A message was read again", "Confirmed": "The platform confirmed it when asked",
}
"""What each kind of fact says, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one of the four sides says of a return: its name, how it stands, and its figures."""

    title: str
    tone: str
    word: str
    figures: tuple[tuple[str, str | tuple[Decimal, str]], ...]


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/returns", action=Action.SEE, sync_to_thread=True)
    def show_list(request: AnyRequest) -> Response[str]:
        reach, state = console.reach(request), query(request, "state")
        wanted = state if state in lists.STATES else ""
        at = marked(request)
        with console.house.store.read() as connection:
            found = lists.returns(connection, reach, state=wanted, after=at, limit=lists.PAGE + 1)
            counts = lists.counted(connection, reach)
        shown = found[:lists.PAGE]
        last = shown[-1] if len(found) > lists.PAGE else None
        return console.show(request, "returns.html", found=shown, counts=counts, state=wanted, limit=lists.MANY, first=at is None,
                            after=mark(last.updated_at, last.ref) if last and last.updated_at else "")

    @get("/returns/{rest:path}", action=Action.SEE, sync_to_thread=True)
    def show_one(request: AnyRequest) -> Response[str]:
        ref = rest(request, "/returns/")
        told = one(console, request, ref)
        if told is None:
            raise NotFoundException(UNKNOWN)
        return console.show(request, "return.html", **told)

    @post("/returns-outcome", action=Action.PROPOSE, status_code=303)
    async def say_outcome(request: AnyRequest) -> Response[Any]:
        return await asyncio.to_thread(_conclude, console, request, fields(await request.form(), "ref", "which", "reason", "evidence"))

    @get("/messages/{number:int}", action=Action.SEE_PERSONAL, sync_to_thread=True)
    def show_message(request: AnyRequest, number: FromPath[int]) -> Response[str]:
        row, refs = _message(console, request, number)
        text = bytes(row.body or b"")[:SHOWN_BYTES].decode(errors="replace")
        return console.show(request, "message.html", row=row, refs=refs, text=_pretty(text), cut=row.size > SHOWN_BYTES)

    @get("/messages/{number:int}/bytes", action=Action.SEE_PERSONAL, sync_to_thread=True)
    def give_message(request: AnyRequest, number: FromPath[int]) -> Response[bytes]:
        row, _ = _message(console, request, number)
        return Response(bytes(row.body or b""), media_type="application/octet-stream",
                        headers={"content-disposition": f'attachment; filename="message-{number}.bin"'})

    return [show_list, show_one, say_outcome, show_message, give_message]


def one(console: Console, request: AnyRequest, ref: str) -> dict[str, Any] | None:
    """Give everything about one return; None if nobody ever heard of it, or not this person."""
    reach, facts = console.reach(request), tables.facts
    with console.house.store.read() as connection:
        visitor: Visitor = request.state.visitor
        whole_life = views.life(connection, console.scope(request), ref)
        life, entity = views.as_seen(whole_life, visitor.person, reach.tenant), whole_life.case.legal_entity if whole_life.case else ""
        accounts = views.accounts(whole_life)
        if life.case is None and not life.events:
            return None
        known = [rows.fact(row.kind, row.body, row.identity) for row in connection.execute(
            select(facts).where(facts.c.tenant == reach.tenant, facts.c.return_ref == ref))]
        work = [views.work_seen(rows.exception(row), visitor.person, entity, accounts) for row in connection.execute(
            select(tables.exceptions).where(
                tables.exceptions.c.tenant == reach.tenant, tables.exceptions.c.return_ref == ref,
                tables.exceptions.c.closed_at.is_(None)).order_by(tables.exceptions.c.id))]
    case, words = fold(ref, known), console.words(request, entity, accounts)
    findings = [(words(each.sentence), words(each.hint)) for each in case.findings]
    told = {(each.line_id, each.what.value): each.told for each in case.corrections if each.identity in case.holding}
    postings = sorted(life.postings, key=lambda row: (row.posting.line_id, STEPS.index(row.posting.key.kind)))
    rules = console.house.profiles[reach.tenant].rules
    with console.house.store.look() as tx:
        holds = legal_hold.on(tx, rules, ref, privacy.house_of(rules))
    return {"ref": ref, "kept": life.case, "case": case, "holds": holds, "postings": postings, "sides": sides(case, postings),
            "work": work, "told": told, "words": words, "findings": findings, "sayable": _sayable(console, reach.tenant, ref),
            "version": rejudging.choice_of(console.house.store, rules, ref), "outcomes": OUTCOMES,
            "events": life.events, "loud": LOUD, "headline": headline, "wanted": {PostingState.PLANNED, PostingState.HELD}}


def _conclude(console: Console, request: AnyRequest, told: Mapping[str, str]) -> Response[Any]:
    """Say what becomes of goods that are not accepted, or propose it where money moves."""
    ref, visitor, scope = told.get("ref", ""), request.state.visitor, console.scope(request, Action.PROPOSE)
    with console.house.store.look() as tx:
        kept = tx.cases(scope.tenant, [ref]).get(ref)
    if kept is None or not scope.covers(kept.legal_entity):
        raise NotFoundException(UNKNOWN)
    try:
        line_id, standing, outcome = msgspec.json.decode(told.get("which", ""), type=tuple[str, str, str])
    except msgspec.DecodeError as error:
        message = "say what becomes of which goods; choose one of those that are offered"
        raise NeedsOperator(message, about="which") from error
    made = conclude.ask(console.house.store, console.house.profiles[scope.tenant].rules, visitor.person, ref, outcome=outcome,
                        line_id=line_id, standing=standing, evidence=told.get("evidence", ""), reason=told.get("reason", ""),
                        now=console.clock.now())
    return done(request, f"/approvals/{made.id}", "proposed") if made else done(request, f"/returns/{quote(ref, safe='')}", "concluded")


def _sayable(console: Console, tenant: str, ref: str) -> list[tuple[str, str]]:
    """Give what can be said of the return's goods: how the form names each, and in words what it is and whether somebody approves it."""
    with console.house.store.look() as tx:
        found = conclude.choices(tx, tenant, ref)
    return [(msgspec.json.encode((each.line_id, each.standing.value, name)).decode(),
             " ".join([f"{each.units.normalize():f} x {each.sku} ({each.standing.value}): {OUTCOMES[name].means}",
                       *([] if name in each.alone else ["Somebody else approves it."])]))
            for each in found for name in each.outcomes]


def sides(case: ReturnCase, postings: Sequence[KeptPosting]) -> list[Side]:
    """Say what platform, warehouse, credit and ledger each say of a return."""
    announced = sum((line.announced for line in case.lines), Decimal(0))
    accepted, rejected = (sum((getattr(line, name) for line in case.lines), Decimal(0)) for name in ("accepted", "rejected"))
    came = [line.received for line in case.lines if line.received is not None]
    credits_ = [row for row in postings if row.posting.key.kind in CREDITS and row.state is not PostingState.WITHDRAWN]
    proven = [row for row in credits_ if row.state is PostingState.VERIFIED]
    sent = sum((row.posting.net for row in credits_), Decimal(0))
    booked = sum((row.posting.net if row.document is None or row.document.net is None else row.document.net for row in proven), Decimal(0))
    vouchers = sorted({row.document.voucher for row in postings if row.document and row.document.voucher})
    done = bool(credits_) and len(proven) == len(credits_)
    return [
        Side(title="Platform", tone="good" if case.lines else "", word="announced" if case.lines else "not announced",
             figures=(("Units", _units(announced)), ("Net", (case.net, case.currency)))),
        Side(title="Warehouse", tone="good" if came and accepted + rejected >= announced else "busy" if came else "",
             word="inspected" if accepted + rejected else "arrived" if came else "not arrived",
             figures=(("Arrived", _units(sum(came, Decimal(0))) if came else NOTHING), ("Accepted", _units(accepted)),
                      ("Rejected", _units(rejected)))),
        Side(title="Credit", tone="good" if done else "busy" if credits_ else "",
             word="credited" if done else "under way" if credits_ else "nothing to credit yet",
             figures=(("Wanted", (sent, case.currency)), ("Documents", f"{len(credits_)}"))),
        Side(title="Ledger", tone="good" if done and booked == sent else "bad" if done else "",
             word="agrees" if done and booked == sent else "differs" if done else "not posted",
             figures=(("Booked", (booked, case.currency)), ("Vouchers", f"{len(vouchers)}"))),
    ]


def headline(event: views.Event) -> str:
    """Say in one line what an event was; its details stand below it."""
    told, kind = event.detail, event.title
    if event.sort == "delivery":
        return f"Message came in: {words(kind)}"
    if event.sort == "fact" and kind == "Corrected":
        where = f" of line {told['line_id']}" if told.get("line_id") else ""
        return f"{FACTS[kind]}: {words(told['what'])}{where}, told as {told['told'] or 'nothing'}, is {told['value'] or 'nothing'}"
    if event.sort == "fact":
        says = ("stage", "outcome", "decision", "reference", "sentence")
        more = next((words(told[name]) for name in says if told.get(name)), "")
        return FACTS.get(kind, plain(kind)) + (f": {more}" if more else "")
    if event.sort == "trail":
        about = words(told.get("kind") or told.get("posting") or "")
        moved = f"{told['from'] or 'nothing'} to {told['to']}" if "from" in told and "to" in told else ""
        return ": ".join(part for part in (plain(kind), f"{about} {moved}".strip()) if part)
    return plain(kind)


def _units(quantity: Decimal) -> str:
    return format(quantity.normalize(), "f")


def _message(console: Console, request: AnyRequest, number: int) -> tuple[Any, Sequence[str]]:
    """Give a message, if every return it told of may be seen."""
    reach = console.reach(request)
    with console.house.store.read() as connection:
        found = overseeing.message(connection, reach, number)
    if found is None:
        detail = "there is no such message"
        raise NotFoundException(detail)
    return found


def _pretty(text: str) -> str:
    """Lay JSON out; anything else is shown as it came."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


__all__ = ["one", "routes", "whole"]

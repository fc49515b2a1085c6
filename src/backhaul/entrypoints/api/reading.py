"""What can a program see?"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Final, TypeVar

from litestar import Response, get
from litestar.exceptions import ClientException
from litestar.params import FromPath, FromQuery

from backhaul.adapters.sql import lists, proofs as kept_proofs, statements, views
from backhaul.application import (
    alike,
    casework,
    close as closing,
    close_ahead,
    conclude,
    grouping,
    legal_hold,
    pausing,
    people,
    privacy,
    resolve,
)
from backhaul.application.seek import as_seen, days_of, seek
from backhaul.application.state import AVAILABILITY
from backhaul.domain.access import Action
from backhaul.domain.facts import Correctable
from backhaul.domain.roll_forward import Flow, Whose, lines_under
from backhaul.domain.trail import digest
from backhaul.entrypoints import foreseeing, joining, journaling, overseeing, retaining, rolling, valuing
from backhaul.entrypoints.api.frame import Asked, Mine, Told, absent, plain
from backhaul.entrypoints.api.shapes import match, offered, shown, suggestion
from backhaul.entrypoints.packing import TYPES, made

T = TypeVar("T")
MOST: Final = 200
"""Rows of one answer, at most."""
WRONG_PLACE: Final = ClientException(detail="'after' is what 'next' of the page before said, whole")


@get("/{tenant:str}/me", action=Action.SEE, sync_to_thread=True)
def me(asked: Mine) -> Told:
    """Say who I am here and what I may do, for which legal entities (null: all)."""
    allowed = {action: people.scope(asked.person, action, asked.tenant) for action in Action}
    return {"person": asked.person.number, "name": asked.person.name,
            "grants": [plain(grant) for grant in asked.person.grants if grant.tenant == asked.tenant],
            "actions": {action.value: plain(scope.entities) for action, scope in allowed.items() if scope}}


@get("/{tenant:str}/returns", action=Action.SEE, sync_to_thread=True)
def returns(asked: Mine, search: FromQuery[str] = "", legal_entity: FromQuery[str] = "", after: FromQuery[str] = "",
            limit: FromQuery[int] = 50) -> Told:
    """List returns, the latest changed first; with `search` those that any id somebody holds leads to, letter by letter.

    `next` says behind what the rest begins, as `after`; empty if there is no more.
    """
    most, behind = _most(limit), _behind(after)
    with asked.store.read() as connection:
        reach = lists.reach(connection, asked.scope)
        if legal_entity:
            reach = lists.Reach(tenant=reach.tenant, entities=tuple({legal_entity} & {*reach.entities}))
        found = [case for _, case in lists.search(connection, reach, search, limit=most)] if search \
            else lists.returns(connection, reach, after=behind, limit=most + 1)
        shown = found[:most]
        counts = lists.work_of(connection, asked.tenant, [case.ref for case in shown])
    last = shown[-1] if len(found) > most else None
    return {"returns": [{**plain(case), "customer": asked.account(case.customer, case.legal_entity),
                         "open_exceptions": counts.get(case.ref, 0)} for case in shown],
            "next": _next(last.updated_at, last.ref) if last else ""}


@get("/{tenant:str}/return", action=Action.SEE, sync_to_thread=True)
def one_return(asked: Mine, ref: FromQuery[str]) -> Told:
    """Tell one return's life; its reference is a parameter because it may hold a slash."""
    with asked.store.read() as connection:
        told = views.as_seen(views.life(connection, asked.scope, ref), asked.person, asked.tenant)
    if told.case is None and not told.events:
        what = f"return '{ref}'"
        raise absent(what)
    with asked.store.look() as tx:
        can_say = conclude.choices(tx, asked.tenant, ref)
    return {"return": ref, "case": plain(told.case),
            "postings": [{"key": str(row.posting.key), "state": row.state.value, "net": plain(row.posting.net),
                          "currency": row.posting.currency, "document": row.document.number if row.document else "",
                          "window": row.window, "mapping_version": row.mapping_version, "note": row.note} for row in told.postings],
            "events": [plain(event) for event in told.events], "outcomes": [plain(each) for each in can_say]}


@get("/{tenant:str}/return/versions", action=Action.PROPOSE, sync_to_thread=True)
def by_version(asked: Mine, ref: FromQuery[str]) -> Told:
    """Compare a return by the present mapping with the one its goods were accepted under, the difference first; nothing is kept."""
    compared, case = asked.by_version(ref)
    return plain(asked.words({**compared.told, "shown": digest(compared.shown)}, case.legal_entity, case.customer))  # type: ignore[no-any-return]  # it is an object


@get("/{tenant:str}/exceptions", action=Action.SEE, sync_to_thread=True)
def exceptions(asked: Mine, owner: FromQuery[str] = "", kind: FromQuery[str] = "", after: FromQuery[str] = "",
               limit: FromQuery[int] = 50) -> Told:
    """List open exceptions, the earliest due first.

    `next` says behind what the rest begins, as `after`; empty if there is no more.
    """
    most, behind = _most(limit), _behind(after)
    if behind and not behind[1].isdecimal():
        raise WRONG_PLACE
    with asked.store.read() as connection:
        found = lists.work(connection, lists.reach(connection, asked.scope), owner=owner, kind=kind, limit=most + 1,
                           after=(behind[0], int(behind[1])) if behind else None)
    rows = [views.work_seen(each.kept, asked.person, each.legal_entity, (each.customer,)) for each in found[:most]]
    return {"exceptions": [plain(shown(row)) for row in rows],
            "next": _next(rows[-1].case.due_at, str(rows[-1].id)) if len(found) > most else ""}


@get("/{tenant:str}/exceptions/{number:int}", action=Action.SEE, sync_to_thread=True)
def one_exception(asked: Mine, number: FromPath[int]) -> Told:
    """Show one open exception with what was said about it, what is proposed, what the ERP said, and the messages behind it by number."""
    row = asked.exception(number)
    with asked.store.read() as connection:
        said = overseeing.said_by_erp(connection, asked.tenant, row.case.return_ref)
        brought = overseeing.brought(connection, asked.tenant, row.case.return_ref) if asked.may(Action.SEE_PERSONAL) else ()
    with asked.store.look() as tx:
        notes, proposed = tx.notes(asked.tenant, [number]), tx.proposals(asked.scope, subjects=[row.case.return_ref])
        case = tx.cases(asked.tenant, [row.case.return_ref]).get(row.case.return_ref)
    entity, accounts = (case.legal_entity, (case.customer,)) if case else ("", ())
    row = views.work_seen(row, asked.person, entity, accounts)
    return {**plain(shown(row)), "messages": list(brought), "said_by_erp": [
        {"document": each["kind"], "attempt": each["number"], "batch": each["batch"],
         "at": plain(each["finished_at"] or each["started_at"]),
         "words": asked.words(each["detail"], entity, *accounts)} for each in said],
        "notes": [{**plain(note), "text": asked.words(note.text, entity, *accounts)} for note in notes],
        "proposals": [offered(asked, each, *accounts) for each in proposed]}


@get("/{tenant:str}/exceptions/{number:int}/candidates", action=Action.PROPOSE, sync_to_thread=True)
def candidates(asked: Mine, number: FromPath[int], order: FromQuery[str] = "", customer: FromQuery[str] = "", item: FromQuery[str] = "",  # noqa: PLR0913, PLR0917  each is a parameter
               sold_from: FromQuery[str] = "", sold_to: FromQuery[str] = "") -> Told:
    """Look for the sale of goods whose sale nobody knows, by order, customer, or days it was sold on: what speaks for and against each.

    Customers are masked for who may not see them, who names none either; a match with the masked customer is with whoever bought.
    `more` of the answer: the item was sold more often on these days than is looked at.
    """
    ref = asked.exception(number).case.return_ref
    entity = asked.rules.entity(resolve.entity_of(asked.store, asked.rules, ref))
    if customer:
        people.require(asked.person, Action.SEE_PERSONAL, asked.tenant, entity.id)
    with asked.store.read() as connection:
        related = views.refs_about(connection, asked.scope, customer) if customer else ()
    told = seek(asked.store, asked.house.desk(asked.tenant, entity.id).erp, asked.rules, entity, number, order=order, customer=customer,
                related=related, days=days_of(sold_from, sold_to, item))
    return plain(as_seen(told, asked.person, asked.tenant, entity.id))  # type: ignore[no-any-return]  # a record becomes an object


@get("/{tenant:str}/plan", action=Action.SEE, sync_to_thread=True)
def plan(asked: Mine, kind: FromQuery[str], legal_entity: FromQuery[str], currency: FromQuery[str], decision: FromQuery[str],  # noqa: PLR0913, PLR0917  each is a parameter
         batch: FromQuery[str] = "", what: FromQuery[str] = "", told: FromQuery[str] = "", value: FromQuery[str] = "") -> Told:
    """Say what one decision about all open exceptions of a cause would touch; nothing is changed."""
    asked.covers(legal_entity)
    about = {"decision": decision, "what": what, "told": told, "value": value}
    return plain(grouping.plan(asked.store, asked.rules, kind=kind, legal_entity=legal_entity, currency=currency,  # type: ignore[no-any-return]  # a record becomes an object
                               decision=decision, batch=batch, of=alike.otherwise(about), same=alike.same(about)))


@get("/{tenant:str}/wrong-values", action=Action.SEE, sync_to_thread=True)
def wrong_values(asked: Mine, kind: FromQuery[str], legal_entity: FromQuery[str], currency: FromQuery[str]) -> Told:
    """List the values that one correction could say of many open exceptions of a kind, what is told in most of them first."""
    asked.covers(legal_entity)
    found = grouping.wrong_values(asked.store, asked.rules, kind=kind, legal_entity=legal_entity, currency=currency)
    return {"values": [{**plain(each), "told": asked.account(each.told, legal_entity) if each.what is Correctable.CUSTOMER else each.told}
                       for each in found]}


@get("/{tenant:str}/groups/{number:int}", action=Action.SEE, sync_to_thread=True)
def group(asked: Mine, number: FromPath[int]) -> Told:
    """Say how far a group that was approved has come."""
    asked.proposal(number)
    return plain(grouping.progress(asked.store, asked.tenant, number))  # type: ignore[no-any-return]  # a record becomes an object


@get("/{tenant:str}/evidence/{number:int}", action=Action.SEE, sync_to_thread=True)
def evidence(asked: Mine, number: FromPath[int]) -> Response[bytes]:
    """Download a file that was attached; it is never shown in a page."""
    kept = casework.evidence(asked.store, asked.scope, number)
    if kept is None:
        what = f"evidence {number}"
        raise absent(what)
    name = kept[0].name.encode("ascii", "replace").decode().replace("?", "_")
    return Response(kept[1], media_type="application/octet-stream", headers={
        "Content-Disposition": f'attachment; filename="{name}"', "X-Content-Sha256": kept[0].sha256})


@get("/{tenant:str}/waiting", action=Action.SEE, sync_to_thread=True)
def waiting(asked: Mine, search: FromQuery[str] = "", after: FromQuery[str] = "", limit: FromQuery[int] = 50) -> Told:
    """Say why returns are not credited: found by reference, order, customer or parcel, or all, who has waited longest first.

    `next` says behind what the rest begins, as `after`; empty if there is no more.
    """
    mark = None
    if search:
        with asked.store.read() as connection:
            refs = views.refs_about(connection, asked.scope, search)
        told = casework.not_credited(asked.store, asked.rules, asked.scope, refs, asked.now)
    else:
        told, mark = casework.waiting(asked.store, asked.rules, asked.scope, asked.now, after=_behind(after), limit=_most(limit))
    return {"waiting": [{**plain(each), "customer": asked.account(each.customer, each.legal_entity)} for each in told],
            "next": _next(*mark) if mark else ""}


@get("/{tenant:str}/proposals", action=Action.SEE, sync_to_thread=True)
def proposals(asked: Mine, which: FromQuery[str] = "open") -> Told:
    """List proposals that wait for somebody; with another `which` than ``open``, the latest of all."""
    with asked.store.look() as tx:
        rows = tx.proposals(asked.scope, open_only=which == "open")[-MOST:]
        cases = tx.cases(asked.tenant, {row.subject for row in rows})
    return {"proposals": [offered(asked, row, *([cases[row.subject].customer] if row.subject in cases else [])) for row in rows]}


@get("/{tenant:str}/proposals/{number:int}/documents", action=Action.SEE, sync_to_thread=True)
def documents(asked: Mine, number: FromPath[int]) -> Told:
    """Show the documents an open proposal would make if it were approved now, line by line; the ERP is asked. Null where it makes none."""
    found = asked.proposal(number)
    told = foreseeing.foreseen(foreseeing.outlook(asked.house, asked.tenant), found, now=asked.now)
    seen = foreseeing.as_seen(told, lambda words: asked.words(words, found.legal_entity))
    return {"proposal": number, "shown": found.sha256, "foreseen": seen and plain({**seen, "documents": [
        {**each, "customer": asked.account(each["customer"], found.legal_entity)} for each in seen["documents"]]})}


@get("/{tenant:str}/pauses", action=Action.SEE, sync_to_thread=True)
def pauses(asked: Mine) -> Told:
    """Say where writes rest."""
    return {"pauses": plain(pausing.holding(asked.store, asked.scope))}


@get("/{tenant:str}/proofs", action=Action.SEE, sync_to_thread=True)
def proofs(asked: Mine, period: FromQuery[str] = "", limit: FromQuery[int] = 50) -> Told:
    """List the runs that proved a month, the latest first; without `period` the latest of each month."""
    asked.whole()
    with asked.store.read() as connection:
        runs = kept_proofs.runs(connection, asked.tenant, period, limit=_most(limit)) if period \
            else kept_proofs.latest(connection, asked.tenant)[:_most(limit)]
    return {"proofs": [plain({**asdict(run), "day": run.day.isoformat()}) for run in runs]}


@get("/{tenant:str}/roll-forward", action=Action.SEE, sync_to_thread=True)
def roll_forward(asked: Mine, period: FromQuery[str]) -> Told:
    """Give what the last proof of a month rolled forward: paid, and received, and not credited, beside what the accounts say."""
    asked.whole()
    rolled = rolling.kept(asked.store, asked.tenant, period)
    return {"rows": plain([rolling.figures(row) for row in rolled.rows]) if rolled else [],
            "reasons": list(rolled.reasons) if rolled else []}


@get("/{tenant:str}/roll-forward-lines", action=Action.SEE, sync_to_thread=True)
def roll_forward_lines(asked: Mine, period: FromQuery[str], flow: FromQuery[str], cell: FromQuery[str],  # noqa: PLR0913, PLR0917  which figure
                       entity: FromQuery[str], currency: FromQuery[str], brand: FromQuery[str] = "", warehouse: FromQuery[str] = "",
                       limit: FromQuery[int] = 50, offset: FromQuery[int] = 0) -> Told:
    """List the lines under one figure of a month's roll-forward: an opening, a movement, a closing, a balance, or an age."""
    asked.whole()
    rolled = rolling.kept(asked.store, asked.tenant, period)
    whose = Whose(entity=entity, brand=brand, warehouse=warehouse, currency=currency)
    found = lines_under(rolled, Flow(flow), whose, cell) if rolled and flow in {Flow.PAID, Flow.RECEIVED} else ()
    part = _page(found, limit, offset)
    return {"total": len(found), "lines": [plain({**asdict(line), "day": line.day.isoformat()}) for line in part]}


@get("/{tenant:str}/proof-lines", action=Action.SEE, sync_to_thread=True)
def proof_lines(asked: Mine, period: FromQuery[str], kind: FromQuery[str] = "", limit: FromQuery[int] = 50,
                offset: FromQuery[int] = 0) -> Told:
    """List what the last run of a month did not prove, of one class or of all."""
    asked.whole()
    with asked.store.read() as connection:
        found = kept_proofs.strays(connection, asked.tenant, period, kind=kind)
    shown = _page(found, limit, offset)
    return {"total": len(found), "lines": [
        plain({**asdict(line), "since": line.since.isoformat() if line.since else None}) for line in shown]}


@get("/{tenant:str}/matches", action=Action.SEE, sync_to_thread=True)
def matches(asked: Mine, period: FromQuery[str], limit: FromQuery[int] = 50, offset: FromQuery[int] = 0) -> Told:
    """List which credits, receipts and payments a month's last proof suggests to which lines, and all matches people confirmed.

    `side` is credit, stock (receipts) or payment; the latest match is first.
    `limit` and `offset` go through both lists; `total` says how long each is.
    """
    with asked.store.read() as connection, asked.store.look() as tx:
        told, confirmed = joining.offered(tx, asked.scope, period), joining.confirmed(tx, connection, asked.scope)
    return {"total": {"suggested": len(told.offers), "matches": len(confirmed)},
            "suggested": [suggestion(asked, each) for each in _page(told.offers, limit, offset)], "not_looked_for": list(told.given_up),
            "matches": [match(asked, each) for each in _page(confirmed, limit, offset)]}


@get("/{tenant:str}/proof-within", action=Action.SEE, sync_to_thread=True)
def proof_within(asked: Mine, period: FromQuery[str], row: FromQuery[str] = "", limit: FromQuery[int] = 50,
                 offset: FromQuery[int] = 0) -> Told:
    """List the differences that tolerances let go in the last run of a month, by one row or by all."""
    asked.whole()
    with asked.store.read() as connection:
        found = kept_proofs.within(connection, asked.tenant, period, row=row)
    return {"total": len(found), "lines": plain(_page(found, limit, offset))}


@get("/{tenant:str}/proof-house", action=Action.SEE, sync_to_thread=True)
def proof_house(asked: Mine, period: FromQuery[str], kind: FromQuery[str] = "") -> Told:
    """List what the last run of a month found of the house as a whole, of one class or of all."""
    asked.whole()
    with asked.store.read() as connection:
        return {"found": [plain(each) for each in kept_proofs.house(connection, asked.tenant, period, kind=kind)]}


@get("/{tenant:str}/availability", action=Action.SEE, sync_to_thread=True)
def availability(asked: Mine, standing: FromQuery[str] = "", limit: FromQuery[int] = 50, offset: FromQuery[int] = 0) -> Told:
    """List what the shop's latest file of availability offers otherwise than the ERP had it on sale."""
    asked.whole()
    with asked.store.read() as connection:
        latest = statements.latest(connection, asked.tenant, AVAILABILITY)
        rows = statements.differing(connection, asked.tenant, standing=standing, after=max(offset, 0), limit=_most(limit))
        counts = statements.counts(connection, asked.tenant)
    return {"statement": {"name": latest[0].name, "sha256": latest[0].sha256, "rows": latest[0].rows, "at": plain(latest[0].at)}
            if latest else None, "counts": counts, "rows": [{**plain(row), "apart": plain(row.apart)} for row in rows]}


@get("/{tenant:str}/close", action=Action.SEE, sync_to_thread=True)
def close(asked: Mine, period: FromQuery[str]) -> Told:
    """Say how the close of a month stands, legal entity by legal entity: lists with their numbers, signatures, what moved, and steps."""
    asked.whole()
    found = [closing.status(asked.store, asked.close(period, entity.id), asked.now) for entity in asked.rules.entities]
    return {"closes": [{**plain(month), "lists": [{**plain(each), "holds": each.holds} for each in month.lists]} for month in found]}


@get("/{tenant:str}/personal-data", action=Action.EXPORT_PERSONAL, sync_to_thread=True)
def personal_data(asked: Mine, subject: FromQuery[str]) -> Told:
    """Give everything that is held about a customer, by their account or one of their returns."""
    asked.whole()
    return plain(privacy.export(asked.store, asked.rules, subject))  # type: ignore[no-any-return]  # a record becomes an object


@get("/{tenant:str}/erasures", action=Action.SEE, sync_to_thread=True)
def erasures(asked: Mine) -> Told:
    """List what was erased, the latest first: by which proposal, how much of what, and the hashes of bytes that are gone."""
    asked.whole()
    with asked.store.look() as tx:
        return {"erasures": plain(tx.erasures(asked.tenant))}


@get("/{tenant:str}/holds", action=Action.SEE, sync_to_thread=True)
def holds(asked: Mine) -> Told:
    """List the legal holds that stand, the oldest first: on whoever returned what, why, by whom and since when."""
    asked.whole()
    return {"holds": _held(asked, [retaining.hold_told(each) for each in legal_hold.standing(asked.store, asked.rules)])}


@get("/{tenant:str}/retention", action=Action.SEE, sync_to_thread=True)
def retention(asked: Mine, on: FromQuery[str] = "") -> Told:
    """Say for each class what is due by its term on a day (today), what would be proposed or removed, and what is under hold."""
    asked.whole()
    try:
        day = date.fromisoformat(on) if on else None
    except ValueError:
        raise ClientException(detail="'on' is a day like 2026-10-31") from None
    told = retaining.report(asked.store, asked.house.profiles[asked.tenant], asked.house.state_dir, day)
    return {**told, "holds": _held(asked, told["holds"])}


@get("/{tenant:str}/close/ahead", action=Action.SEE, sync_to_thread=True)
def ahead(asked: Mine, period: FromQuery[str]) -> Told:
    """Look ahead to the end of a month: what will still be open at each team's pace, and in which period what waits will land."""
    asked.whole()
    month = asked.close(period, asked.rules.entities[0].id)
    return plain(close_ahead.told(close_ahead.ahead(asked.store, month.rules, month.period, asked.now)))  # type: ignore[no-any-return]  # an object


@get("/{tenant:str}/close/figures", action=Action.SEE, sync_to_thread=True)
def close_figures(asked: Mine, period: FromQuery[str]) -> Told:
    """Give what came back in a month and what it is worth, what is owed for returns without credit, and how that is worked out."""
    asked.whole()
    found = valuing.kept(asked.store, asked.tenant, period)
    return plain(valuing.told(found)) if found else {}


@get("/{tenant:str}/close/figure-lines", action=Action.SEE, sync_to_thread=True)
def close_figure_lines(asked: Mine, period: FromQuery[str], limit: FromQuery[int] = 50, offset: FromQuery[int] = 0) -> Told:
    """List what a month's figures are made of, line by line: what came back, then what is owed."""
    asked.whole()
    kept = valuing.kept(asked.store, asked.tenant, period)
    found = [*valuing.lines_of(kept)] if kept else []
    return {"total": len(found), "lines": plain(_page(found, limit, offset))}


@get("/{tenant:str}/close/journals", action=Action.SEE, sync_to_thread=True)
def close_journals(asked: Mine, period: FromQuery[str]) -> Told:
    """List the journals proposed to finance for a month, and how each stands in the ledger; none is posted by us."""
    asked.whole()
    return {"journals": plain([journaling.told(each) for each in journaling.proposed(asked.store, asked.rules, period)])}


@get("/{tenant:str}/close/pack", action=Action.SEE_TRAIL, sync_to_thread=True)
def close_pack(asked: Mine, period: FromQuery[str], kind: FromQuery[str] = "xlsx") -> Response[bytes]:
    """Download the pack of a month: `kind` is xlsx or pdf. The same record gives the same bytes, and nothing is written."""
    asked.whole()
    if kind not in TYPES:
        raise ClientException(detail=f"'kind' is {' or '.join(TYPES)}")
    month = asked.close(period, asked.rules.entities[0].id)
    return Response(made(asked.store, month.rules, month.period, kind), media_type=TYPES[kind], headers={
        "Content-Disposition": f'attachment; filename="close-{month.period}.{kind}"'})


@get("/{tenant:str}/trail", action=Action.SEE_TRAIL, sync_to_thread=True)
def trail(asked: Mine, subject: FromQuery[str]) -> Told:
    """Give the trail of one subject; one of a return only to who may see that return."""
    with asked.store.look() as tx:
        case = tx.cases(asked.tenant, [subject]).get(subject)
        if not asked.scope.covers(case.legal_entity if case else ""):
            what = f"'{subject}'"
            raise absent(what)
        entity, customer = (case.legal_entity, case.customer) if case else ("", "")
        return {"trail": [{**plain(entry), "detail": plain(asked.words(entry.detail, entity, customer))}
                          for entry in tx.trail(asked.tenant, subject=subject)]}


@get("/{tenant:str}/people", action=Action.SEE_PEOPLE, sync_to_thread=True)
def everybody(asked: Mine) -> Told:
    """List who may do something in this tenant, by their grants."""
    asked.whole()
    with asked.store.look() as tx:
        kept = tx.grants(asked.tenant)
        known = {person.number: person.name for person in tx.people({row.person for row in kept})}
    return {"grants": [{**plain(row), "name": known[row.person]} for row in kept]}


@get("/{tenant:str}/tokens", action=Action.OWN_TOKENS, sync_to_thread=True)
def tokens(asked: Mine) -> Told:
    """List my tokens; what they are is never shown again."""
    with asked.store.look() as tx:
        return {"tokens": plain(tx.tokens(asked.person.number))}


ROUTES: Final = (
    me, returns, one_return, by_version, exceptions, one_exception, candidates, plan, wrong_values, group, evidence, waiting,
    proposals, documents,
    pauses, proofs, proof_lines, matches, proof_within, proof_house, availability, roll_forward, roll_forward_lines,
    close, ahead, close_figures, close_figure_lines, close_journals, close_pack, personal_data, erasures, holds,
    retention, trail, everybody, tokens)


def _held(asked: Asked, told: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Give holds with their reasons as the caller may read them."""
    with asked.store.look() as tx:
        cases = tx.cases(asked.tenant, {ref for each in told for ref in each["returns"]})
    return [{**each, "reason": asked.words(each["reason"], "", *(cases[ref].customer for ref in each["returns"] if ref in cases))}
            for each in told]


def _page(found: Sequence[T], limit: int, offset: int) -> Sequence[T]:
    """Give the part of what was found that is asked for."""
    return found[max(offset, 0):max(offset, 0) + _most(limit)]


def _most(limit: int) -> int:
    return min(max(limit, 1), MOST)


def _next(at: datetime | None, ref: str) -> str:
    """Write behind which row the next page begins; a plus sign would not come through an address."""
    return f"{at.isoformat().replace('+00:00', 'Z')}|{ref}" if at else ""


def _behind(after: str) -> tuple[datetime, str] | None:
    """Read behind which row a page begins."""
    at, _, ref = after.partition("|")
    try:
        moment = datetime.fromisoformat(at) if after else None
    except ValueError:
        moment = None
    if after and (moment is None or moment.tzinfo is None or not ref):
        raise WRONG_PLACE
    return (moment, ref) if moment else None

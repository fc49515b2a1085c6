"""What has to be decided, by whom, until when, and how much money waits for it?"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from backhaul.adapters.sql import lists, views
from backhaul.application import alike, casework, correct, resolve
from backhaul.application.people_ports import KeptNote
from backhaul.application.ports import KeptException
from backhaul.application.seek import is_unsold, open_search
from backhaul.domain.access import Action
from backhaul.domain.correction import CORRECTIONS, LONGEST, Choice
from backhaul.domain.disposition import Circumstance
from backhaul.domain.errors import BackhaulError, NeedsOperator
from backhaul.domain.evidence import LARGEST
from backhaul.domain.exception_case import KINDS
from backhaul.domain.facts import HandedIn
from backhaul.domain.late_change import WHY
from backhaul.domain.placement import unmapped
from backhaul.domain.proposal import PROPOSALS, ProposalKind
from backhaul.domain.resolution import SPEAKS_FOR, meanwhile, ways_out
from backhaul.domain.returns import fold
from backhaul.domain.team import Team
from backhaul.entrypoints import foreseeing, overseeing, rejudging
from backhaul.entrypoints.web.console import Console, done, fields, mark, marked, query, whole
from backhaul.entrypoints.web.door import AnyRequest, Visitor
from backhaul.entrypoints.web.pages import drafts
from backhaul.entrypoints.web.pages.causes import decisions
from backhaul.entrypoints.web.refusing import UNTYPED
from backhaul.entrypoints.web.walking import packed, walk
from backhaul.entrypoints.web.wording import plain

FRAME: Final = 64 * 1024
"""What a form may hold beside a file."""
CHOICES: Final = (ProposalKind.WAIVE, ProposalKind.CLOSE, ProposalKind.CLAIM, ProposalKind.DEBIT, ProposalKind.SETTLE, ProposalKind.MATCH)
"""What is decided by the form of an exception, in the order in which it is offered; which of them fit is the domain's to say."""


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/exceptions", action=Action.SEE, sync_to_thread=True)
    def show_list(request: AnyRequest) -> Response[str]:
        reach, now, at = console.reach(request), console.clock.now(), marked(request)
        owner, kind, entity = (query(request, name) for name in ("owner", "kind", "entity"))
        entity = entity if entity in reach.entities else ""
        number = whole(at[1]) if at else None
        after = (at[0], number) if at and number is not None else None
        with console.house.store.read() as connection:
            causes = lists.causes(connection, reach, now=now, owner=owner, entity=entity)
            found = lists.work(connection, reach, owner=owner, kind=kind, entity=entity, after=after, limit=lists.PAGE + 1)
            late = lists.escalated(connection, reach)
        shown = [console.work(request, each) for each in found[:lists.PAGE]]
        last = shown[-1].kept if len(found) > lists.PAGE else None
        return console.show(
            request, "exceptions.html", causes=causes, found=shown, owner=owner, kind=kind, entity=entity, first=after is None,
            together=decisions(kind) if kind in KINDS and found and console.may(request, Action.PROPOSE) else [],
            currencies=sorted({cause.currency for cause in causes if cause.kind == kind}),
            entities=[name for name in reach.entities if name], kinds=KINDS, batches=_batches(shown) if kind == "BATCH_SENT_BACK" else [],
            teams=[*(team.value for team in Team), *sorted({owner, *late} - {*Team, ""})],
            walks=walks(shown, owner=owner, kind=kind, entity=entity),
            after=mark(last.case.due_at, last.id) if last else "")

    @get("/exceptions/{number:int}", action=Action.SEE, sync_to_thread=True)
    def show_one(request: AnyRequest, number: FromPath[int]) -> Response[str]:
        told = one(console, request, number)
        if told is None:
            detail = "there is no such exception"
            raise NotFoundException(detail)
        return console.show(request, "exception.html", walk=walk(console, request, told["row"].kept), **told)

    @get("/evidence/{number:int}", action=Action.SEE, sync_to_thread=True)
    def give_evidence(request: AnyRequest, number: FromPath[int]) -> Response[bytes]:
        note, body = _evidence(console, request, number)
        name = note.name.encode("ascii", "replace").decode().replace("?", "_")
        return Response(body, media_type="application/octet-stream", headers={"content-disposition": f'attachment; filename="{name}"'})

    @post("/exceptions/{number:int}/comment", action=Action.COMMENT, status_code=303)
    async def comment(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
        return await asyncio.to_thread(_comment, console, request, number, fields(await request.form(), "text"))

    @post("/exceptions/{number:int}/hand-over", action=Action.COMMENT, status_code=303)
    async def hand_over(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
        return await asyncio.to_thread(_hand_over, console, request, number, fields(await request.form(), "team", "note"))

    @post("/exceptions/{number:int}/retry", action=Action.RETRY, status_code=303)
    async def retry(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
        fields(await request.form())
        return await asyncio.to_thread(_retry, console, request, number)

    @post("/exceptions/{number:int}/correct", action=Action.PROPOSE, status_code=303)
    async def say_otherwise(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
        return await asyncio.to_thread(_correct, console, request, number, fields(await request.form(), "which", "value", "reason"))

    @post("/exceptions/{number:int}/evidence", action=Action.COMMENT, status_code=303, request_max_body_size=LARGEST + FRAME)
    async def attach(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
        file = _file(await request.form())
        return await asyncio.to_thread(_attach, console, request, number, file.filename, await file.read())

    return [show_list, show_one, give_evidence, comment, hand_over, retry, say_otherwise, attach]


def walks(shown: Sequence[lists.Work], **narrowed: str) -> Mapping[int, str]:
    """Give what the link to each exception of a list says about that list and its place in it."""
    return {row.kept.id: packed(narrowed, row.kept.case.due_at, row.kept.id) for row in shown}


def _open(console: Console, request: AnyRequest, number: int, action: Action) -> KeptException:
    """Give an open exception about which this person may do that; another one is not there."""
    with console.house.store.read() as connection:
        found = views.open_work(connection, console.scope(request, action), number)
    if found is None:
        detail = "there is no such open exception, or none of yours"
        raise NotFoundException(detail)
    return found


def _evidence(console: Console, request: AnyRequest, number: int) -> tuple[KeptNote, bytes]:
    """Give a file that was attached, if the return it is about may be seen; it is downloaded and never shown in a page."""
    kept = casework.evidence(console.house.store, console.scope(request), number)
    if kept is None:
        detail = "there is no such file"
        raise NotFoundException(detail)
    return kept


def _comment(console: Console, request: AnyRequest, number: int, told: Mapping[str, str]) -> Response[Any]:
    _open(console, request, number, Action.COMMENT)
    casework.comment(console.house.store, console.tenant(request), number, text=told.get("text", ""), actor=_actor(request),
                     now=console.clock.now())
    return done(request, f"/exceptions/{number}", "noted")


def _file(form: Mapping[str, Any]) -> UploadFile:
    """Give the one file of a form; whatever else it holds stops it."""
    file = form.get("file")
    if set(form) - {"file", *UNTYPED} or not isinstance(file, UploadFile) or not file.filename:
        message = "choose one file that is to be kept with the exception"
        raise NeedsOperator(message, about="file")
    return file


def _attach(console: Console, request: AnyRequest, number: int, name: str, body: bytes) -> Response[Any]:
    _open(console, request, number, Action.COMMENT)
    casework.attach(console.house.store, console.tenant(request), number, name=name, body=body, actor=_actor(request),
                    now=console.clock.now())
    return done(request, f"/exceptions/{number}", "attached")


def _hand_over(console: Console, request: AnyRequest, number: int, told: Mapping[str, str]) -> Response[Any]:
    _open(console, request, number, Action.COMMENT)
    if told.get("team") not in {team.value for team in Team}:
        message = f"an exception is handed over to one of {', '.join(team.value for team in Team)}; got '{told.get('team', '')}'"
        raise NeedsOperator(message, about="team")
    casework.hand_over(console.house.store, console.house.profiles[console.tenant(request)].rules, number, team=told["team"],
                       note=told.get("note", ""), actor=_actor(request), now=console.clock.now())
    return done(request, f"/exceptions/{number}", "handed-over")


def _retry(console: Console, request: AnyRequest, number: int) -> Response[Any]:
    """Look for what was refused, and send it again only if it is not there."""
    row, tenant = _open(console, request, number, Action.RETRY), console.tenant(request)
    entity = resolve.entity_of(console.house.store, console.house.profiles[tenant].rules, row.case.return_ref)
    resolve.retry(console.house.store, tenant, number, route=console.route_of(tenant)(entity), actor=_actor(request),
                  now=console.clock.now())
    return done(request, f"/exceptions/{number}", "retried")


def _correct(console: Console, request: AnyRequest, number: int, told: Mapping[str, str]) -> Response[Any]:
    """Propose what a value is that the messages have wrong; who may say that, and whether it can be, is the service's to say."""
    _open(console, request, number, Action.PROPOSE)
    visitor: Visitor = request.state.visitor
    try:
        what, line_id, was = msgspec.json.decode(told.get("which", ""), type=tuple[str, str, str])
    except msgspec.DecodeError as error:
        message = "say which value is corrected; choose one of those that are offered"
        raise NeedsOperator(message, about="which") from error
    made = correct.ask(console.house.store, console.house.profiles[console.tenant(request)].rules, visitor.person, number, what=what,
                       line_id=line_id, told=was, value=told.get("value", ""), reason=told.get("reason", ""), now=console.clock.now())
    return done(request, f"/approvals/{made.id}", "proposed")


def _offered(console: Console, request: AnyRequest, choices: Sequence[Choice]) -> list[tuple[str, str]]:
    """Give the values this person may correct: how the form names each, and what is told of it."""
    found = []
    for each in choices:
        if console.may(request, CORRECTIONS[each.what].right):
            where = f" of line {each.line_id}" if each.line_id else ""
            now = "" if each.now == each.told else f", corrected to {each.now}"
            name = msgspec.json.encode((each.what.value, each.line_id, each.told)).decode()
            found.append((name, f"{plain(each.what.value)}{where}: {each.told or 'nothing told'}{now}"))
    return found


def _batches(shown: Sequence[lists.Work]) -> list[str]:
    """Give the batches that were sent back of which lines are on this page."""
    return sorted({finding.hint for row in shown for finding in row.kept.case.findings if finding.code == "BATCH_SENT_BACK"})


def _unmapped(console: Console, tenant: str, found: lists.Work) -> Sequence[Circumstance]:
    """Give what nobody mapped of a return that is held for it."""
    rules, ref = console.house.profiles[tenant].rules, found.kept.case.return_ref
    entity = next((each for each in rules.entities if each.id == found.legal_entity), None)
    if entity is None or found.kept.closed_at or found.kept.case.kind != "UNMAPPED_DISPOSITION":
        return ()
    with console.house.store.look() as tx:
        return unmapped(fold(ref, tx.facts(tenant, [ref]).get(ref, ())), rules, entity)


def _is_doubtful(console: Console, request: AnyRequest, found: lists.Work) -> bool:
    """Tell whether two people could settle an open exception; where no ERP can be asked how it keeps things, nobody can."""
    if found.kept.closed_at or not console.may(request, Action.PROPOSE):
        return False
    tenant = console.tenant(request)
    try:
        route = console.route_of(tenant)(found.legal_entity or console.house.profiles[tenant].rules.entities[0].id)
    except BackhaulError:
        return False
    with console.house.store.look() as tx:
        return bool(resolve.in_doubt(tx, tenant, found.kept, route))


def _other_version(console: Console, tenant: str, found: lists.Work) -> str:
    """Name the version by whose mapping the return of an open exception could go instead."""
    if found.kept.closed_at:
        return ""
    return rejudging.choice_of(console.house.store, console.house.profiles[tenant].rules, found.kept.case.return_ref)


def _meanwhile(request: AnyRequest, tenant: str, kind: str) -> Mapping[str, str]:
    """Say what an exception of this kind does meanwhile to the work of each team whoever asks is in."""
    visitor: Visitor = request.state.visitor
    teams = {SPEAKS_FOR[grant.role] for grant in visitor.person.grants if grant.tenant == tenant and grant.role in SPEAKS_FOR}
    return {team.value: meanwhile(kind, team) for team in sorted(teams)}


def _actor(request: AnyRequest) -> str:
    visitor: Visitor = request.state.visitor
    return visitor.person.actor


def one(console: Console, request: AnyRequest, number: int) -> dict[str, Any] | None:
    """Give everything about one exception; None if there is none that this person may see."""
    reach = console.reach(request)
    with console.house.store.read() as connection:
        found = lists.one_work(connection, reach, number)
        if found is None:
            return None
        found = console.work(request, found)
        case = found.kept.case
        brought = overseeing.brought(connection, reach.tenant, case.return_ref)
        said = overseeing.said_by_erp(connection, reach.tenant, case.return_ref)
    words = console.words(request, found.legal_entity, (found.customer,))
    said_by_erp = [{**each, "detail": words(each["detail"])} for each in said]
    with console.house.store.look() as tx:
        waiting = [each for each in tx.proposals(console.scope(request), subjects=[case.return_ref])
                   if each.content.get("exception") == number]
        notes = [replace(note, text=words(note.text)) for note in tx.notes(reach.tenant, [number])]
        choices = () if found.kept.closed_at else correct.correctable(tx, reach.tenant, found.kept)
        wrong = [] if found.kept.closed_at else alike.others(
            tx, console.house.profiles[reach.tenant].rules, found.kept, found.legal_entity)
        line = None if found.kept.closed_at else open_search(tx, reach.tenant, found.kept)
        handed = next((fact for fact in tx.facts(reach.tenant, [case.return_ref]).get(case.return_ref, ()) if isinstance(fact, HandedIn)),
                      None)
        refused = resolve.can_retry(found.kept, tx.postings(reach.tenant, [case.return_ref]).get(case.return_ref, ()))
    kind = KINDS.get(case.kind)
    ways = {way.value for way in ways_out([finding.code for finding in case.findings])}
    ways |= {ProposalKind.MATCH.value} if line is not None and is_unsold(line) else set()
    ways -= set() if ProposalKind.SETTLE.value not in ways or _is_doubtful(console, request, found) else {ProposalKind.SETTLE.value}
    fitting = [each for each in CHOICES if each.value in ways]
    documents = foreseeing.drafted(foreseeing.outlook(console.house, reach.tenant), found.kept, now=console.clock.now())
    return {"documents": foreseeing.as_seen(documents, words), "row": found, "case": case, "kind": kind,
            "proposals": console.proposals(request, waiting), "matches": ProposalKind.MATCH in fitting,
            "debits": WHY if ProposalKind.DEBIT in fitting else {}, "settles": ProposalKind.SETTLE in fitting,
            "choices": [(each.value, PROPOSALS[each].means) for each in fitting], "messages": brought, "said_by_erp": said_by_erp,
            "handed": handed, "handed_note": words(handed.note) if handed else "",
            "notes": notes, "refused": refused, "together": decisions(case.kind), "version": _other_version(console, reach.tenant, found),
            "alike": [each for each in wrong if console.may(request, CORRECTIONS[each.what].right)],
            "many": any(each.count > alike.LOOKED_AT for each in wrong),
            "corrections": _offered(console, request, choices), "longest": LONGEST,
            "seekable": line is not None, "unmapped": _unmapped(console, reach.tenant, found),
            "drafts": [] if found.kept.closed_at else drafts.ways(tuple(case.findings)),
            "meanwhile": _meanwhile(request, reach.tenant, case.kind) if kind else {},
            "teams": [team.value for team in Team if team.value != case.owner]}

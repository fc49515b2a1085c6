"""What has to be decided, by whom, until when, and how much money waits for it?"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath
from sqlalchemy import select

from backhaul.adapters.sql import lists, tables
from backhaul.domain.access import Action
from backhaul.domain.exception_case import KINDS, Kind, Team
from backhaul.domain.proposal import PROPOSALS, ProposalKind
from backhaul.entrypoints.web.console import Console, mark, marked, query
from backhaul.entrypoints.web.door import AnyRequest

CHOICES: Final = (ProposalKind.WAIVE, ProposalKind.CLOSE, ProposalKind.CLAIM, ProposalKind.DEBIT, ProposalKind.MATCH)
FITS: Final[Mapping[ProposalKind, Callable[[str, Kind | None], bool]]] = {
    ProposalKind.WAIVE: lambda _code, kind: bool(kind and kind.waivable),
    ProposalKind.CLAIM: lambda code, _kind: code == "PAID_NOT_ARRIVED",
    ProposalKind.DEBIT: lambda code, _kind: code == "REJECTED_AFTER_CREDIT",
    ProposalKind.MATCH: lambda code, _kind: code.startswith(("ORDER_", "BLIND", "MATCH_")),
}
"""For which trouble a decision is offered; whether it can be done is the service's to say."""


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/exceptions", action=Action.SEE, sync_to_thread=True)
    def show_list(request: AnyRequest) -> Response[str]:
        reach, now, at = console.reach(request), console.clock.now(), marked(request)
        owner, kind, entity = (query(request, name) for name in ("owner", "kind", "entity"))
        entity = entity if entity in reach.entities else ""
        after = (at[0], int(at[1])) if at and at[1].isdecimal() else None
        with console.house.store.read() as connection:
            causes = lists.causes(connection, reach, now=now, owner=owner, entity=entity)
            found = lists.work(connection, reach, owner=owner, kind=kind, entity=entity, after=after, limit=lists.PAGE + 1)
        shown = found[:lists.PAGE]
        last = shown[-1].kept if len(found) > lists.PAGE else None
        return console.show(
            request, "exceptions.html", causes=causes, found=shown, owner=owner, kind=kind, entity=entity, first=after is None,
            entities=[name for name in reach.entities if name], teams=[team.value for team in Team], kinds=KINDS,
            after=mark(last.case.due_at, last.id) if last else "")

    @get("/exceptions/{number:int}", action=Action.SEE, sync_to_thread=True)
    def show_one(request: AnyRequest, number: FromPath[int]) -> Response[str]:
        told = one(console, request, number)
        if told is None:
            detail = "there is no such exception"
            raise NotFoundException(detail)
        return console.show(request, "exception.html", **told)

    return [show_list, show_one]


def one(console: Console, request: AnyRequest, number: int) -> dict[str, Any] | None:
    """Give everything about one exception; None if there is none that this person may see."""
    reach = console.reach(request)
    with console.house.store.read() as connection:
        found = lists.one_work(connection, reach, number)
        if found is None:
            return None
        case = found.kept.case
        facts, attempts, postings = tables.facts, tables.attempts, tables.postings
        brought = connection.execute(select(facts.c.delivery_id).distinct().where(
            facts.c.tenant == reach.tenant, facts.c.return_ref == case.return_ref, facts.c.delivery_id.is_not(None)).order_by(
            facts.c.delivery_id.desc()).limit(5)).scalars().all()
        said = connection.execute(select(attempts, postings.c.kind).join(postings, postings.c.key == attempts.c.posting).where(
            postings.c.tenant == reach.tenant, postings.c.return_ref == case.return_ref, attempts.c.detail != "").order_by(
            attempts.c.id.desc()).limit(3)).all()
    with console.house.store.begin() as tx:
        waiting = [each for each in tx.proposals(console.scope(request), subjects=[case.return_ref])
                   if each.content.get("exception") == number]
    kind = KINDS.get(case.kind)
    fitting = [each for each in CHOICES if each not in FITS or FITS[each](case.kind, kind)]
    return {"row": found, "case": case, "kind": kind, "proposals": waiting, "matches": ProposalKind.MATCH in fitting,
            "choices": [(each.value, PROPOSALS[each].means) for each in fitting], "messages": brought, "said_by_erp": said}

"""What travelled together, do its totals agree with the ledger, and in which period does it land?"""

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler

from backhaul.adapters.sql import lists
from backhaul.domain.access import Action
from backhaul.domain.proposal import ProposalKind
from backhaul.entrypoints.web.console import Console, days, query, rest, whole
from backhaul.entrypoints.web.door import AnyRequest


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/batches", action=Action.SEE, sync_to_thread=True)
    def show_list(request: AnyRequest) -> Response[str]:
        reach, before, narrowed = console.reach(request), whole(query(request, "after")), days(request)
        with console.house.store.read() as connection:
            found = lists.windows(connection, reach, days=narrowed, before=before, limit=lists.PAGE + 1)
        shown = found[:lists.PAGE]
        with console.house.store.look() as tx:
            waiting = {key for entity in reach.entities for key in tx.unapproved(reach.tenant, entity)}
        return console.show(request, "batches.html", found=[each for _, each in shown], waiting=waiting, days=narrowed,
                            first=before is None, after=shown[-1][0] if len(found) > lists.PAGE else "")

    @get("/batches/{rest:path}", action=Action.SEE, sync_to_thread=True)
    def show_one(request: AnyRequest) -> Response[str]:
        reach, after = console.reach(request), query(request, "after")
        key = rest(request, "/batches/")
        with console.house.store.read() as connection:
            window = lists.window(connection, reach, key)
            found = lists.travelled(connection, key, after=after, limit=lists.PAGE + 1) if window else []
        if window is None:
            detail = "there is no such batch"
            raise NotFoundException(detail)
        shown = found[:lists.PAGE]
        with console.house.store.look() as tx:
            proposals = tx.proposals(console.scope(request), open_only=False, subjects={key}, kinds={ProposalKind.BATCH})
        return console.show(request, "batch.html", window=window, proposals=console.proposals(request, proposals), found=shown,
                            first=not after, after=str(shown[-1].posting.key) if len(found) > lists.PAGE else "")

    return [show_list, show_one]

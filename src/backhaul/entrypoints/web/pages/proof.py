"""Do goods, stock, credit and ledger of a month agree, and where not, which line of which return is it?

Three clicks lead from a balance to what the platform sent: its class, its line on the page of the return, and there the message. A proof
is about all legal entities of a tenant together, so it is shown to who may see all of them.
"""

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from backhaul.adapters.sql import proofs
from backhaul.adapters.sql.lists import PAGE
from backhaul.domain.access import Action
from backhaul.domain.discrepancy import CLASSES
from backhaul.entrypoints.web.console import Console, query, whole
from backhaul.entrypoints.web.door import AnyRequest

WAITS = {
    "ERP_AWAITED": "The ERP shows nothing of it yet, and it is not late.",
    "CREDIT_AWAITED": "The units are stock; the credit note is not late yet.",
    "JOB_AWAITED": "A draft waits for the ERP's own job.",
    "REST_AWAITED": "A part of it is there; the rest is not late yet.",
    "DECISION_AWAITED": "An open exception holds it for a person.",
    "NOTE_AWAITED": "The customer is paid; the credit note is not late yet.",
    "PAYOUT_AWAITED": "It is credited; the payment is not late yet.",
    "PAYOUT_PENDING": "The provider works on the payment.",
}
"""What a line in timing waits for."""


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/proof", action=Action.SEE, whole=True, sync_to_thread=True)
    def show_month(request: AnyRequest) -> Response[str]:
        tenant, period = console.tenant(request), query(request, "period")
        with console.house.store.read() as connection:
            months = proofs.latest(connection, tenant)
            shown = next((month for month in months if month.period == period), months[0] if months and not period else None)
            runs = proofs.runs(connection, tenant, shown.period, limit=10) if shown else []
        if period and shown is None:
            detail = "this month was never proved"
            raise NotFoundException(detail)
        return console.show(request, "proof.html", months=months, shown=shown, runs=runs, classes=CLASSES, waits=WAITS)

    @get("/proof/{period:str}/{kind:str}", action=Action.SEE, whole=True, sync_to_thread=True)
    def show_class(request: AnyRequest, period: FromPath[str], kind: FromPath[str]) -> Response[str]:
        tenant, first = console.tenant(request), whole(query(request, "after")) or 0
        with console.house.store.read() as connection:
            found = proofs.strays(connection, tenant, period, kind=kind)
        if not found:
            detail = "the last proof of this month found no such line"
            raise NotFoundException(detail)
        rest = found[first + PAGE:]
        return console.show(request, "proof_class.html", period=period, kind=kind, found=found[first:first + PAGE], count=len(found),
                            first=not first, after=str(first + PAGE) if rest else "", known=CLASSES.get(kind), waits=WAITS.get(kind, ""))

    return [show_month, show_class]

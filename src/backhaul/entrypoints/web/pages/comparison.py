"""Do the profile's lists and the ERP's name the same things?

Asked of the ERP when somebody looks, by the questions its returns are judged by; nothing is kept and nothing is changed.
"""


from litestar import Response, get
from litestar.handlers import BaseRouteHandler

from backhaul.domain.access import Action
from backhaul.domain.comparison import NEEDS_SOMEBODY, Standing
from backhaul.domain.errors import BackhaulError
from backhaul.entrypoints import overseeing
from backhaul.entrypoints.web.console import Console, query
from backhaul.entrypoints.web.door import AnyRequest


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/comparison", action=Action.SEE, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        entity = asked_for(console, request)
        trouble, found = "", overseeing.Lists()
        try:
            found = compared(console, request, entity) if entity else found
        except BackhaulError as away:
            trouble = str(away)
        told = found.rows
        return console.show(request, "comparison.html", entities=_mine(console, request), entity=entity, trouble=trouble,
                            goods=found.goods, untaxed=found.untaxed,
                            wrong=[each for each in told if each.standing in NEEDS_SOMEBODY],
                            unnamed=[each for each in told if each.standing is Standing.UNNAMED],
                            both=[each for each in told if each.standing is Standing.BOTH])

    return [show]


def _mine(console: Console, request: AnyRequest) -> list[str]:
    """Give the legal entities of the profile that this person may see."""
    scope = console.scope(request)
    return [each.id for each in console.house.profiles[scope.tenant].rules.entities if scope.covers(each.id)]


def asked_for(console: Console, request: AnyRequest) -> str:
    """Give the legal entity that is asked for, or the first this person may see; empty for none."""
    mine, asked = _mine(console, request), query(request, "entity")
    return asked if asked in mine else next(iter(mine), "")


def compared(console: Console, request: AnyRequest, entity: str) -> overseeing.Lists:
    """Ask the ERP of a legal entity for its lists and compare them; raises as the ERP does where it cannot be asked."""
    reach = console.reach(request)
    return overseeing.compared(console.house.store, console.erp_of(reach.tenant, entity), console.house.profiles[reach.tenant].rules, reach,
                               entity, console.clock.now().date())

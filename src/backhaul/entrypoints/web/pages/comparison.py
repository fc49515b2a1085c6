"""Do the profile's lists and the ERP's name the same things?

Asked of the ERP when somebody looks, by the questions its returns are judged by; nothing is kept and nothing is changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from litestar import Response, get
from litestar.handlers import BaseRouteHandler

from backhaul.adapters.sql import coverage
from backhaul.domain.access import Action
from backhaul.domain.comparison import NEEDS_SOMEBODY, Compared, Standing, compare, rates_of, service_items
from backhaul.domain.errors import BackhaulError
from backhaul.domain.validation import Questions
from backhaul.entrypoints.web.console import Console, query
from backhaul.entrypoints.web.door import AnyRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was compared: the rows, of which returns the items are, and whether the profile tells no rates of tax to compare."""

    rows: Sequence[Compared] = ()
    goods: coverage.Goods = field(default_factory=lambda: coverage.Goods(codes=frozenset(), returns=0))
    untaxed: bool = False


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/comparison", action=Action.SEE, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        entity = asked_for(console, request)
        trouble, found = "", Found()
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


def compared(console: Console, request: AnyRequest, entity: str) -> Found:
    """Ask the ERP of a legal entity for its lists and compare them; raises as the ERP does where it cannot be asked."""
    tenant, reach = console.tenant(request), console.reach(request)
    rules = console.house.profiles[tenant].rules
    mine = rules.entity(entity)
    with console.house.store.read() as connection:
        seen = {code.when.warehouse for code in coverage.codes(connection, reach, ()) if code.when.legal_entity == entity}
        goods = coverage.goods(connection, tenant, entity, rules)
    rates = rates_of(rules, mine)
    master = console.erp_of(tenant, entity).master_data(Questions(
        legal_entity=entity, items=service_items(rules) | goods.codes,
        customers=frozenset({mine.no_customer_account, *rates.groups} - {""})))
    return Found(rows=compare(rules, mine, master, seen - {""}, items=goods.codes, day=console.clock.now().date()), goods=goods,
                 untaxed=not rates)

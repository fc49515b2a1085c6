"""What did the shop or the platform state by file, kept as it came, and does it agree with what the ERP has?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from backhaul.application.ports import Erp, Tx
from backhaul.application.proof_ports import KeptStatement, ProofStore
from backhaul.domain.availability import Compared, Offered, Standing, compare
from backhaul.domain.errors import BackhaulError
from backhaul.domain.pushing import Stock
from backhaul.domain.rules import Rules

AVAILABILITY: Final = "availability"
TOTALS: Final = "totals"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementPlan:
    """The profile's choice: how statements are laid out, and what they are compared with.

    `counted` says that the platform's counter counts the messages of each return from 1. `places` gives for each code of the shop the
    legal entity and the warehouse of its ERP; `push` for each retailer the platform's codes and warehouses, of which it was told.
    """

    counted: bool = False
    totals: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    push: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    tolerance: Decimal = Decimal(0)


def state(store: ProofStore, erps: Mapping[str, Erp | BackhaulError], rules: Rules, plan: StatementPlan, kept: KeptStatement,  # noqa: PLR0913, PLR0917  all of it
          offered: Sequence[Offered] = ()) -> list[Compared]:
    """Keep a statement; one of availability is compared at once, because both sides move, and what differs is kept with it.

    Raises what stands in the way of asking an ERP, before anything is kept.
    """
    compared: list[Compared] = []
    if kept.sort == AVAILABILITY:
        with store.begin() as tx:
            told = _told(tx, rules, plan)
        stocks = _stocks(erps, plan, {each.sku for each in offered} | {sku for _, _, sku in told})
        compared = [*compare(offered, plan.places, stocks, told, plan.tolerance)]
    with store.begin() as tx:
        number = tx.keep_statement(kept, [each for each in compared if each.standing is not Standing.SAME])
        tx.record(kept.tenant, subject=f"statement:{kept.sha256[:16]}", action="statement", at=kept.at, actor=kept.actor, detail={
            "statement": number, "sort": kept.sort, "name": kept.name, "sha256": kept.sha256, "rows": kept.rows,
            "differ": sum(each.standing is Standing.DIFFERS for each in compared)})
    return compared


def _stocks(erps: Mapping[str, Erp | BackhaulError], plan: StatementPlan, skus: set[str]) -> dict[str, Stock]:
    found: dict[str, Stock] = {}
    for entity in sorted({entity for entity, _ in plan.places.values()}):
        erp = erps[entity]
        if isinstance(erp, BackhaulError):
            raise erp
        found[entity] = erp.stock(skus, frozenset(warehouse for owner, warehouse in plan.places.values() if owner == entity))
    return found


def _told(tx: Tx, rules: Rules, plan: StatementPlan) -> dict[tuple[str, str, str], int]:
    """Say what the platform confirmed to hold, by entity, warehouse and SKU."""
    found: dict[tuple[str, str, str], int] = {}
    for retailer, warehouses in plan.push.items():
        entity = rules.entity_of(retailer)
        for sku, told in (tx.recall(rules.tenant, f"push:{retailer}").get("stock") or {}).items() if entity else ():
            found |= {(entity.id, warehouses[code], sku): units for code, units in told.items() if entity and code in warehouses
                      and units is not None}
    return found

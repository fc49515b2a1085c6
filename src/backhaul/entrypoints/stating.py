"""What do shop and platform state by file: the shop's availability, the platform's totals of its days?"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from backhaul.adapters.zigzag.files import statement
from backhaul.adapters.zigzag.files.intake import too_large
from backhaul.application.ports import Erp
from backhaul.application.proof_ports import KeptStatement
from backhaul.application.state import AVAILABILITY, TOTALS, state
from backhaul.bootstrap import House
from backhaul.domain.availability import Compared, Standing, differing
from backhaul.domain.errors import BackhaulError
from backhaul.domain.oversight import Irregular, Total


def take(house: House, tenant: str, sort: str, name: str, content: bytes, *, actor: str, now: datetime) -> Mapping[str, Any]:  # noqa: PLR0913  each is named
    """Take a statement in, refused whole if a row of it cannot be read; give what it came to."""
    profile = house.profiles[tenant]
    plan, layout = profile.statements, profile.files
    if len(content) > layout.max_bytes:
        raise too_large(name, len(content), layout.max_bytes)
    offered = statement.offered(name, content, plan.columns, layout) if sort == AVAILABILITY else ()
    rows = len(offered) if sort == AVAILABILITY else len(statement.totals(name, content, plan.totals, layout))
    kept = KeptStatement(tenant=tenant, sort=sort, name=name, sha256=hashlib.sha256(content).hexdigest(), body=content, rows=rows,
                         actor=actor, at=now)
    compared = state(house.store, erps_of(house, tenant), profile.rules, plan, kept, offered)
    return {"statement": sort, "name": name, "sha256": kept.sha256, "rows": rows, **(standings(compared) if sort == AVAILABILITY else {})}


def standings(compared: Sequence[Compared]) -> Mapping[str, int]:
    """Count rows by how they stand."""
    return {standing.value.replace("-", "_"): sum(each.standing is standing for each in compared) for standing in Standing}


def totals(house: House, tenant: str) -> Sequence[Total]:
    """Give the platform's totals of all days it ever stated; of one day what it stated last."""
    profile, found = house.profiles[tenant], dict[date, Total]()
    with house.store.look() as tx:
        kept = tx.statements(tenant, TOTALS)
    for each in reversed(kept):
        found |= {total.day: total for total in statement.totals(each.name, each.body, profile.statements.totals, profile.files)}
    return [found[day] for day in sorted(found)]


def differing_in(house: House, tenant: str, period: str) -> list[Irregular]:
    """Give what the latest statement of availability showed to differ, if it was made in this period."""
    whole = house.profiles[tenant].rules.span(period)
    with house.store.look() as tx:
        kept = tx.statements(tenant, AVAILABILITY, limit=1)
        return [*differing(tx.differing(tenant))] if kept and kept[0].at.date() in whole else []


def erps_of(house: House, tenant: str) -> Mapping[str, Erp | BackhaulError]:
    """Give each legal entity's ERP, or what stands in the way of asking it."""
    found: dict[str, Erp | BackhaulError] = {}
    for entity in house.profiles[tenant].rules.entities:
        try:
            found[entity.id] = house.desk(tenant, entity.id).erp
        except BackhaulError as away:
            found[entity.id] = away
    return found


def told_of(row: Compared) -> Mapping[str, Any]:
    """Say in plain values how the shop's offer of a SKU at one place stands to what is on hand."""
    return {"sku": row.sku, "at": row.at, "legal_entity": row.entity, "warehouse": row.warehouse, "shop": row.shop, "erp": row.erp,
            "told": row.told, "apart": row.apart, "standing": row.standing.value}

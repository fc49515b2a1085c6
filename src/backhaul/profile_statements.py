"""What does this tenant's profile say of statements by file, and can they be compared without a guess?"""

from collections.abc import Collection, Iterator

from backhaul.application.state import StatementPlan
from backhaul.domain.disposition import Place, Sellability
from backhaul.domain.pushing import unreadable
from backhaul.profile_tables import ProfileFile
from backhaul.profile_values import Flaw


def statement_flaws(file: ProfileFile, sellability: Sellability, targets: Collection[Place]) -> Iterator[Flaw]:
    """Say everything that is wrong with how statements are laid out and compared."""
    for here, told, needed, known in (
            ("statements.totals", file.statements.totals, ("day",), ("day", "returns", "units", "net")),
            ("availability.columns", file.availability.columns, ("sku", "warehouse", "units"), ("sku", "warehouse", "units"))):
        yield from ((f"{here}.{name}", f"there is no such value; there are {', '.join(known)}") for name in told if name not in known)
        yield from ((here, f"it names no column for {name}") for name in needed if name not in told)
    if file.statements.counted and not file.payload.fields.sequence:
        yield "statements.counted", "a counter needs payload.fields.sequence: where messages tell their number"
    if not file.availability.tolerance.is_finite() or file.availability.tolerance < 0:
        yield "availability.tolerance", f"units that may differ are nothing or more, not {file.availability.tolerance}"
    entities, seen = {table.id for table in file.legal_entities}, set[str]()
    for entity, warehouses in file.availability.warehouses.items():
        if entity not in entities:
            yield f"availability.warehouses.{entity}", f"there is no legal entity '{entity}'"
        for code, warehouse in warehouses.items():
            here = f"availability.warehouses.{entity}.{code}"
            if code in seen:
                yield here, f"the shop's '{code}' is one place, and another legal entity has it already"
            seen.add(code)
            yield from ((here, sentence) for sentence in unreadable(sellability, warehouse, targets))


def statements_of(file: ProfileFile) -> StatementPlan:
    """Build what a sound profile says."""
    told = file.availability
    return StatementPlan(
        counted=file.statements.counted, totals=dict(file.statements.totals), columns=dict(told.columns), tolerance=told.tolerance,
        places={code: (entity, warehouse) for entity, warehouses in told.warehouses.items() for code, warehouse in warehouses.items()},
        push={retailer: dict(warehouses) for retailer, warehouses in (file.push.retailers if file.push else {}).items()})

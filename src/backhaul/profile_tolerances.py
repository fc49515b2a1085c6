"""By how much may figures differ, as a profile says it: rows with an owner and a reason, or three amounts for everything?"""

from collections.abc import Iterator

from backhaul.domain.rules import Tolerances
from backhaul.domain.tolerance import NOTHING, ToleranceRow, ambiguous
from backhaul.profile_tables import ProfileFile, TolerancesTable
from backhaul.profile_values import Flaw


def tolerances_of(file: ProfileFile) -> Tolerances:
    """Give what may differ; where there are rows, nothing may without one."""
    told = file.tolerances
    if isinstance(told, TolerancesTable):
        return Tolerances(amount=told.amount, tax=told.tax, cost=told.cost)
    return Tolerances(amount=NOTHING, tax=NOTHING, cost=NOTHING, rows=tuple(ToleranceRow(
        measure=row.of, amount=row.amount, currency=row.currency, entity=row.legal_entity, account=row.account, owner=row.owner,
        reason=row.reason, since=row.since) for row in told))


def tolerance_flaws(file: ProfileFile) -> Iterator[Flaw]:
    """Hold each tolerance to an owner and a reason, and to a legal entity of ours; of two for the same nobody knows which holds."""
    if isinstance(file.tolerances, TolerancesTable):
        return
    known = {table.id for table in file.legal_entities}
    for number, row in enumerate(file.tolerances):
        here = f"tolerances[{number}]"
        yield from ((f"{here}.{name}", "a tolerance needs a currency, an owner and a reason") for name in ("currency", "owner", "reason")
                    if not getattr(row, name).strip())
        if not row.amount.is_finite() or row.amount < 0:
            yield f"{here}.amount", "an amount is not negative"
        if row.legal_entity and row.legal_entity not in known:
            yield f"{here}.legal_entity", f"there is no legal entity '{row.legal_entity}'"
    yield from (("tolerances", f"'{name}' stands twice; which of them holds nobody can say")
                for name in ambiguous(tolerances_of(file).rows))

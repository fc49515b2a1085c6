"""What did accountants decide about the worth of returned goods, which accounts did they name, and can that be?"""

from collections.abc import Collection, Iterator

from backhaul.domain.general_journal import Role
from backhaul.domain.rules import TiedTo
from backhaul.domain.valuation import Policy
from backhaul.profile_tables import AccountsTable, ValuationTable
from backhaul.profile_values import Flaw


def policy_of(table: ValuationTable | None) -> Policy:
    """Give what `[valuation]` says; without it nothing was decided."""
    if table is None:
        return Policy()
    return Policy(source=table.source, classes=dict(table.classes), write_down=dict(table.write_down), recovery=dict(table.recovery))


def tied_to(table: AccountsTable) -> TiedTo:
    """Give the accounts of a legal entity; where several take in receipts, none of them is the one a journal goes to."""
    only = table.received[0] if len(table.received) == 1 else ""
    named = {role.value: only if role is Role.RECEIVED else getattr(table, role.value) for role in Role}
    return TiedTo(clearing=table.clearing, received=table.received, since=table.since,
                  named={role: account for role, account in named.items() if account})


def valuation_flaws(table: ValuationTable | None, known: Collection[str]) -> Iterator[Flaw]:
    """Hold it to who decided, to parts of a cost, and to companies of ours (`known`)."""
    if table is None:
        return
    if not table.source.strip():
        yield "valuation.source", "say who decided how returned goods are valued, and where that stands"
    for kind, part in table.write_down.items():
        if not 0 <= part <= 1:
            yield f"valuation.write_down.{kind}", "a class loses a part of its cost, from 0 to 1"
    for entity, cost in table.recovery.items():
        if entity not in known:
            yield f"valuation.recovery.{entity}", f"there is no legal entity '{entity}'"
        elif cost < 0:
            yield f"valuation.recovery.{entity}", "to get a unit back costs nothing or more"

"""Which documents does each deployment mode of Finance & SCM make, and who takes them further? (facts/finance-scm 2.4)

The modes differ in this table and in nothing else: the plan follows the `Route`, and the adapter writes a kind of document to sales orders
or to return orders as its mode says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from backhaul.domain.errors import Misconfigured
from backhaul.domain.posting import Nature, PostingKind as K, Route
from backhaul.domain.rules import LegalEntity

STOCK: Final = (K.ADJUSTMENT, K.TRANSFER, K.ISSUE)
FEES: Final = (K.FEE_ORDER, K.FEE_LINE, K.FEE_RELEASE, K.FEE_CREDIT_NOTE)
NATURE: Final[Mapping[K, Nature]] = {
    K.ORDER: Nature.DRAFT, K.ORDER_LINE: Nature.DRAFT, K.FEE_ORDER: Nature.DRAFT, K.FEE_LINE: Nature.DRAFT,
    # Journal number and line number are ours: the same line twice is one line or an error.
    K.ADJUSTMENT: Nature.KEYED, K.TRANSFER: Nature.KEYED, K.ISSUE: Nature.KEYED,
    K.FEE_RELEASE: Nature.KEYED,  # a PATCH to one value is the same twice
    K.CREDIT_NOTE: Nature.AWAITED, K.FEE_CREDIT_NOTE: Nature.AWAITED, K.SPARE: Nature.KEYED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """One deployment mode. `sales` are the kinds kept on sales orders that wait in a pool; the others of their sort are return orders."""

    letter: str
    route: Route
    sales: frozenset[K]

    @property
    def receives_by_hand(self) -> bool:
        """Tell whether people or their devices post arrivals."""
        return self.route.nature.get(K.RECEIPT) is Nature.AWAITED

    @property
    def receives_by_journal(self) -> bool:
        """Tell whether arrivals are journals of ours."""
        return self.route.nature.get(K.RECEIPT) is Nature.KEYED

    @property
    def adjusts_once(self) -> bool:
        """Tell whether adjustments go where they cannot be asked for again."""
        return self.route.nature.get(K.ADJUSTMENT) is Nature.ONCE


MODES: Final[Mapping[str, Mode]] = {
    "A": Mode(letter="A", sales=frozenset(FEES), route=Route(
        goods=(K.ORDER, K.ORDER_LINE, K.RECEIPT, *STOCK, K.CREDIT_NOTE), fees=FEES,
        # The arrival posting class refuses a second journal with the same JournalDescription.
        nature={**NATURE, K.RECEIPT: Nature.KEYED},
        # The invoice job takes a released sales order with all its lines; a return order line does nothing until it arrives.
        whole=frozenset({K.FEE_LINE}))),
    "B": Mode(letter="B", sales=frozenset(FEES), route=Route(
        goods=(K.ORDER, K.ORDER_LINE, K.RECEIPT, K.STOP, *STOCK, K.CREDIT_NOTE), fees=FEES,
        nature={**NATURE, K.RECEIPT: Nature.AWAITED, K.STOP: Nature.KEYED},  # a PATCH to one value, too
        whole=frozenset({K.FEE_LINE}))),
    "C": Mode(letter="C", sales=frozenset({*FEES, K.ORDER, K.ORDER_LINE, K.RELEASE, K.CREDIT_NOTE}), route=Route(
        goods=(K.ORDER, K.ORDER_LINE, K.RELEASE, *STOCK, K.CREDIT_NOTE), fees=FEES, nature={**NATURE, K.RELEASE: Nature.KEYED},
        whole=frozenset({K.ORDER_LINE, K.FEE_LINE}), receives=K.CREDIT_NOTE, writes_off=K.ISSUE)),
}


def mode_of(entity: LegalEntity) -> Mode:
    """Give the mode a legal entity says it is deployed in; there is no default."""
    mode = MODES.get(entity.deployment.upper())
    if mode is None:
        message = (f"Legal entity {entity.id}: deployment '{entity.deployment}' is not supported here; allowed are {', '.join(MODES)} "
                   "(facts/finance-scm 2.4).")
        raise Misconfigured(message)
    if entity.options.get("journals_by") == "visibility":
        # Inventory Visibility can be asked for no event: what is in doubt is looked for and waited for, and never sent again by us.
        return replace(mode, route=replace(mode.route, nature={**mode.route.nature, K.ADJUSTMENT: Nature.ONCE, K.ISSUE: Nature.ONCE}))
    return mode

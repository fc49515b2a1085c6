"""Which postings wait for each other?

A return's postings go in *legs*: the drafts of its return order, what the warehouse's word sets off, and its fees. A tenant may
give a leg a window of its own; the legs without one wait together, in the window for the rest. Every window of a leg has its own
number, control totals and sheet.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from backhaul.domain.posting import Posting, PostingKey, PostingKind
from backhaul.domain.rules import Leg, Rules, Window

LEGS: Final[Mapping[Leg, frozenset[PostingKind]]] = {
    Leg.ORDER: frozenset({PostingKind.ORDER, PostingKind.ORDER_LINE}),
    Leg.GOODS: frozenset({PostingKind.RECEIPT, PostingKind.STOP, PostingKind.RELEASE, PostingKind.ADJUSTMENT, PostingKind.TRANSFER,
                          PostingKind.ISSUE, PostingKind.CREDIT_NOTE}),
    Leg.FEES: frozenset({PostingKind.FEE_ORDER, PostingKind.FEE_LINE, PostingKind.FEE_RELEASE, PostingKind.FEE_CREDIT_NOTE}),
}
"""A credit note the ERP makes stands in the leg of what it is made from: both are fixed together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Kinds that wait for each other, and for what. `name` is the leg's, or nothing for the rest."""

    name: str
    kinds: frozenset[PostingKind]
    window: Window


def queues(rules: Rules) -> Sequence[Queue]:
    """Give the queues of a tenant in the order in which they close: drafts first, the rest last."""
    own = [Queue(name=leg.value, kinds=LEGS[leg], window=rules.windows[leg]) for leg in Leg if leg in rules.windows]
    rest = frozenset(PostingKind).difference(*(queue.kinds for queue in own))
    return (*own, Queue(name="", kinds=rest, window=rules.window))


def with_needs(postings: Sequence[Posting], kinds: Collection[PostingKind]) -> Sequence[Posting]:
    """Give the postings of these kinds and those they need, in their order: nothing is fixed without what it rests on."""
    by_key = {posting.key: posting for posting in postings}
    going: set[PostingKey] = set()
    asked = [key for key in by_key if key.kind in kinds]
    while asked:
        key = asked.pop()
        if key in by_key and key not in going:
            going.add(key)
            asked.extend(by_key[key].needs)
    return tuple(posting for posting in postings if posting.key in going)

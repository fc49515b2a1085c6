"""How far have we come with a return, and which step may follow which?"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class ReturnState(StrEnum):
    """How far *we* have come; how far the goods have come is a `Stage`."""

    WAITING = "waiting"
    """Something has to happen first (goods, inspection, the ERP's own job); there is a due date."""
    PLANNED = "planned"
    """Postings are wanted and wait for their window."""
    POSTING = "posting"
    """Something was sent, or is about to be."""
    HELD = "held"
    """A team has to decide about at least one line; the other lines are done or wait."""
    SETTLED = "settled"
    """Every unit has its place and every document is read back."""
    CLOSED = "closed"
    """Nothing is to be credited: rejected, cancelled or never arrived."""


_S = ReturnState
MOVES: Final[Mapping[ReturnState, frozenset[ReturnState]]] = {
    _S.WAITING: frozenset({_S.PLANNED, _S.POSTING, _S.HELD, _S.SETTLED, _S.CLOSED}),
    _S.PLANNED: frozenset({_S.POSTING, _S.HELD, _S.WAITING, _S.SETTLED, _S.CLOSED}),
    # Closed from here: the warehouse refused everything while the return order was on its way.
    _S.POSTING: frozenset({_S.PLANNED, _S.WAITING, _S.HELD, _S.SETTLED, _S.CLOSED}),
    _S.HELD: frozenset({_S.PLANNED, _S.WAITING, _S.POSTING, _S.SETTLED, _S.CLOSED}),
    # A settled or closed return is left only because something new is known: a late event or a decision.
    _S.SETTLED: frozenset({_S.HELD, _S.PLANNED, _S.WAITING}),
    _S.CLOSED: frozenset({_S.HELD, _S.PLANNED, _S.WAITING}),
}
"""Every move there is (INV-14). A state may always stay what it is."""


def may_move(old: ReturnState | None, new: ReturnState) -> bool:
    """Tell whether the table allows this move; a new return may start anywhere."""
    return old is None or old is new or new in MOVES[old]

"""Which ways out fit a kind of trouble, and what does it mean to whom?

The ways out are rows: for which findings each fits, and whether a second person is needed. What a kind means to a team follows
from what it touches; what it is and what to do now stand in `KINDS`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from backhaul.domain.access import Role
from backhaul.domain.correction import CORRECTIONS
from backhaul.domain.exception_case import KINDS
from backhaul.domain.team import Team
from backhaul.domain.touched import MEANWHILE

CLAIMED: Final = frozenset({"PARCEL_LOST", "PAID_NOT_ARRIVED", "WRONG_ITEM_EMPTY"})
"""What can be credited without goods by decision, because the carrier answers for it."""
REFUSED: Final = frozenset({"ERP_REJECTED", "ERP_DIFFERS", "TOTALS_DIFFER", "ARRIVAL_DIFFERS", "DAMAGED_ON_SALE", "DUPLICATE"})
"""What the ERP said no to, or holds otherwise."""
STRANGE: Final = frozenset({"BLIND", "SURPLUS", "WRONG_ITEM_OTHER_LINE", "WRONG_ITEM_OTHER_PRODUCT", "MATCH_DIFFERS"})
"""Goods whose sale somebody has to find."""
DOUBTFUL: Final = frozenset({"UNCONFIRMED_TOO_LONG", "OVERDUE_IN_ERP"})
UNMAPPED: Final = frozenset({"UNMAPPED_DISPOSITION", "UNMAPPED_FEE", "DAMAGED_TO_SELLABLE", "DISPOSITION_CODE_UNKNOWN", "REPLACEMENT_ORDER",
                             "SERVICE_ITEM_UNKNOWN", "UNKNOWN_LEGAL_ENTITY"})
"""What another version of the profile can end."""


class Resolution(StrEnum):
    """A way out."""

    WAIVE = "waive"
    MATCH = "match"
    CLAIM = "claim"
    DEBIT = "debit"
    SETTLE = "settle"
    RETRY = "retry"
    MAP = "map"
    CORRECT = "correct"
    CLOSE = "close"


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOut:
    """What a resolution does in plain words, the findings it fits (one is enough; `every`: all must), and if it needs a second person."""

    does: str
    fits: frozenset[str]
    every: bool = False
    four_eyes: bool = True


WAYS_OUT: Final[Mapping[Resolution, WayOut]] = {
    Resolution.WAIVE: WayOut(does="Accept what was found, with a reason; the line goes on.",
                             fits=frozenset(code for code, kind in KINDS.items() if kind.waivable), every=True),
    Resolution.MATCH: WayOut(does="Say which sale the goods come from.", fits=STRANGE),
    Resolution.CLAIM: WayOut(does="Credit it without goods; the carrier is asked for it.", fits=CLAIMED),
    Resolution.DEBIT: WayOut(does="Take the credit back; the goods go back to the customer or are written off.",
                             fits=frozenset({"REJECTED_AFTER_CREDIT"})),
    Resolution.SETTLE: WayOut(does="Say what became of it, where the ERP cannot be asked.", fits=DOUBTFUL),
    Resolution.RETRY: WayOut(does="Look for it in the ERP, and send it again only if it is not there; read a message again.",
                             fits=REFUSED | {"UNREADABLE"}, four_eyes=False),
    Resolution.MAP: WayOut(does="Propose a version of the profile in which it is mapped.", fits=UNMAPPED),
    Resolution.CORRECT: WayOut(does="Say what a value of the return is, beside what the messages tell; they stay as they came.",
                               fits=frozenset().union(*(rule.fits for rule in CORRECTIONS.values()))),
    Resolution.CLOSE: WayOut(does="Close it with a reason: a line without credit, a break of the proof as it is.", fits=frozenset(KINDS)),
}
"""Every way out, in the order in which they are offered."""

SPEAKS_FOR: Final[Mapping[Role, Team]] = {
    Role.OPERATOR: Team.CUSTOMER_SERVICE, Role.WAREHOUSE: Team.WAREHOUSE, Role.FINANCE: Team.FINANCE, Role.APPROVER: Team.FINANCE,
    Role.ADMIN: Team.INTEGRATION}
"""As whom somebody with a role reads an exception; who only looks reads what its owner does."""


def ways_out(codes: Collection[str]) -> tuple[Resolution, ...]:
    """Say which resolutions fit an exception with these findings, in the order in which they are offered."""
    told = set(codes)
    return tuple(name for name, way in WAYS_OUT.items() if (told <= way.fits if way.every else bool(told & way.fits)))


def plainly(code: str, team: Team) -> str:
    """Say what a kind of trouble means to a team: what it is, what that does to their work, and what the owner does now."""
    kind = KINDS[code]
    now = kind.now if kind.owner is team else f"{kind.owner.value.capitalize()} decides: {kind.now}"
    return f"{kind.means} {meanwhile(code, team)} {now}"


def meanwhile(code: str, team: Team) -> str:
    """Say what a kind of trouble does to a team's work as long as it is open."""
    return MEANWHILE[KINDS[code].touches][team]


def manual(code: str) -> str:
    """Give the page of the manual about a kind of trouble."""
    return f"reference/exceptions.md#{code.lower()}"

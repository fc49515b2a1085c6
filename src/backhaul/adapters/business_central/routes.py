"""Which documents does each deployment mode of Business Central make, and who takes them further? (facts/business-central 4 and 12)

The modes differ in this table and in the surface their drafts are written to; nothing else of them is seen outside this package.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from backhaul.domain.errors import Misconfigured
from backhaul.domain.posting import Nature, PostingKind as K, Route
from backhaul.domain.rules import LegalEntity

HEADS: Final = frozenset({K.ORDER, K.FEE_ORDER})
LINES: Final = frozenset({K.ORDER_LINE, K.FEE_LINE})
RELEASES: Final = frozenset({K.RELEASE, K.FEE_RELEASE})
CREDITS: Final = frozenset({K.CREDIT_NOTE, K.FEE_CREDIT_NOTE})
FEES: Final = (K.FEE_ORDER, K.FEE_LINE, K.FEE_RELEASE, K.FEE_CREDIT_NOTE)
NATURE: Final[Mapping[K, Nature]] = {
    # A memo has no key of ours, so a repeat is a second draft; a line has its number, and the second of it is refused.
    **dict.fromkeys((*HEADS, *LINES), Nature.DRAFT),
    # Posting goes to one document by its id, and what is posted already refuses it ("can be applied to a draft credit memo only").
    **dict.fromkeys(RELEASES, Nature.KEYED),
    # Posting makes them; they are read back by the same id.
    **dict.fromkeys(CREDITS, Nature.AWAITED),
    # Within a journal a line has its number, and the extension refuses a document number the item ledger has: a repeat is refused.
    **dict.fromkeys((K.ADJUSTMENT, K.TRANSFER, K.ISSUE), Nature.KEYED),
    K.SPARE: Nature.KEYED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """One deployment mode.

    `bridged` are the kinds kept on return orders of the published services, which a job of the ERP posts; `inboxed` those that go through
    the inbox of our extension.
    `loses` is what it cannot do, in words for whoever chose it.
    """

    letter: str
    route: Route
    bridged: frozenset[K] = frozenset()
    inboxed: frozenset[K] = frozenset()
    loses: tuple[str, ...] = ()


WITHOUT_JOURNALS: Final = "Inventory journals are lost: surplus units, regrades and write-offs are work for people in Business Central."
STOCK: Final = (K.ADJUSTMENT, K.TRANSFER, K.ISSUE)
RETURNS: Final = (K.ORDER, K.ORDER_LINE, K.RELEASE, K.CREDIT_NOTE)
MODES: Final[Mapping[str, Mode]] = {
    "A": Mode(letter="A", route=Route(
        goods=(*RETURNS[:-1], *STOCK, RETURNS[-1]), fees=FEES, nature=NATURE,
        # One step of the extension receives and invoices; its return reasons say which goods come back worth nothing.
        receives=K.CREDIT_NOTE, writes_off=K.CREDIT_NOTE), inboxed=frozenset(RETURNS)),
    "B": Mode(letter="B", route=Route(
        goods=RETURNS, fees=FEES, nature=NATURE,
        # The job receives and invoices; goods that are worth nothing come back worth nothing by their return reason.
        receives=K.CREDIT_NOTE, writes_off=K.CREDIT_NOTE), bridged=frozenset(RETURNS), loses=(
        "The services this mode writes to end with version 30.",
        "When a return order is posted, a job queue entry of the ERP decides (report 6655, receive and invoice).", WITHOUT_JOURNALS)),
    "C": Mode(letter="C", route=Route(
        goods=RETURNS, fees=FEES, nature=NATURE,
        # Posting a memo receives and credits at once. No journal of items can be written: what is lost is never received, or stays
        # where it lies until somebody writes it off.
        receives=K.CREDIT_NOTE, writes_off=K.CREDIT_NOTE), loses=(
        "Exact cost reversal is lost: a line of API v2.0 names no entry of the original issue; goods come back at the item's own cost.",
        "Return reasons of lines are lost: API v2.0 keeps one reason code on the head.",
        WITHOUT_JOURNALS)),
}


def mode_of(entity: LegalEntity) -> Mode:
    """Give the mode a legal entity says it is deployed in; there is no default."""
    mode = MODES.get(entity.deployment.upper())
    if mode is None:
        message = (f"Legal entity {entity.id}: deployment '{entity.deployment}' is not supported here; allowed are {', '.join(MODES)} "
                   "(facts/business-central 4).")
        raise Misconfigured(message)
    return mode

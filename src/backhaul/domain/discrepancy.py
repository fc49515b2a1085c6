"""By what name is it called when the sides of a return do not tell the same story, and whose work is it?

The catalogue is a table (reliability appendix B and the end of books): a class that is not in it cannot be reported. It says what a class
means, which team owns it, what it touches, and what of the house finds it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from backhaul.domain.team import Team
from backhaul.domain.touched import Touched


class Level(StrEnum):
    """What a class is about, and so who finds it."""

    LINE = "line"
    """One line of a return: accepted, stock, credit, ledger (`proof.classify`)."""
    RECORD = "record"
    """A record of the ERP that belongs to no line by a mark (`proof.stray`)."""
    PAIR = "pair"
    """Two lines whose errors cancel in every total (`proof.paired`)."""
    PAYOUT = "payout"
    """What was paid to a customer, against what was credited (`payments.compare`)."""
    HOUSE = "house"
    """Counters, journals, stock and our own records as a whole (`oversight`, `availability`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Class:
    """One class of discrepancy."""

    means: str
    owner: Team
    touches: Touched
    level: Level


def _class(means: str, owner: Team, touches: Touched, level: Level = Level.LINE) -> Class:
    return Class(means=means, owner=owner, touches=touches, level=level)


_F, _W, _C, _I = Team.FINANCE, Team.WAREHOUSE, Team.CUSTOMER_SERVICE, Team.INTEGRATION
_T = Touched
_R, _P, _M, _H = Level.RECORD, Level.PAIR, Level.PAYOUT, Level.HOUSE

CLASSES: Final[Mapping[str, Class]] = {
    # is it there, once?
    "MISSING_AT_SOURCE": _class("The ERP has a record with our mark and the platform knows no such line.", _I, _T.DOUBT),
    "UNKNOWN_AT_SOURCE": _class("We were told of a line by message and the platform, asked itself, does not know it.", _I, _T.MESSAGE),
    "REJECTED_BUT_CREDITED": _class("Nothing was accepted and a credit note was posted.", _F, _T.CREDIT),
    "REJECTED_BUT_RECEIVED": _class("Nothing was accepted and units became stock.", _W, _T.STOCK),
    "POSTED_WITHOUT_LINES": _class("The document is posted and has no lines.", _F, _T.DOUBT),
    "REVERSED_IN_ERP": _class("The credit note was reversed and nothing stands in its place.", _F, _T.DOUBT),
    "SIGN_ERROR": _class("The units carry the other sign: the customer was charged instead of credited, or goods left.", _F, _T.DOUBT),
    "DUPLICATE_CREDIT": _class("Several credit notes together credit more than was accepted.", _F, _T.CREDIT),
    "PARTLY_ACCEPTED_FULLY_CREDITED": _class("Fewer units were accepted than announced, and all announced were credited.", _F, _T.CREDIT),
    "RECEIVED_TWICE": _class("Several stock documents together bring in more than was accepted.", _W, _T.STOCK),
    "SCRAPPED_TWICE": _class("More units were written off than were scrapped.", _W, _T.STOCK),
    "CREDIT_WITHOUT_STOCK": _class("A credit note is posted for goods that never became stock.", _F, _T.CREDIT),
    "STUCK_UNCONFIRMED": _class("Nobody knows whether a posting had its effect, for longer than allowed.", _I, _T.DOUBT),
    "DRAFT_NEVER_POSTED": _class("A draft waits in the ERP for longer than its job should take.", _F, _T.STEP),
    "DELETED_DRAFT": _class("We wrote a draft and it is no longer in the ERP.", _F, _T.STEP),
    "STOCK_WITHOUT_CREDIT": _class("Units are stock and the customer was not credited in time.", _F, _T.STEP),
    "FEE_MISSING": _class("A fee or carriage line was not posted in time.", _F, _T.STEP),
    "MISSING_IN_ERP": _class("Units were accepted and the ERP shows neither stock nor credit in time.", _I, _T.LINE),
    # does it say the same?
    "WRONG_ENTITY": _class("It was posted in another legal entity.", _F, _T.DOUBT),
    "WRONG_CUSTOMER": _class("Another customer was credited.", _F, _T.DOUBT),
    "WRONG_SALES_ORDER": _class("It refers to another original sale.", _F, _T.CREDIT),
    "WRONG_ITEM": _class("Another item was received or credited.", _W, _T.DOUBT),
    "FEE_WRONG_ITEM": _class("A fee was posted on another service item.", _F, _T.CREDIT),
    "WRONG_UNIT": _class("It was posted in another unit of measure.", _W, _T.DOUBT),
    "WRONG_CURRENCY": _class("It was credited in another currency.", _F, _T.CREDIT),
    "WRONG_QUANTITY": _class("Other units were received or credited than were accepted.", _W, _T.DOUBT),
    "DAMAGED_ON_SALE": _class("Units that may not be sold lie where stock is sold.", _W, _T.STOCK),
    "SELLABLE_KEPT_BACK": _class("Units that may be sold lie where stock is not sold.", _W, _T.STOCK),
    "WRONG_WAREHOUSE": _class("The units are stock in another warehouse.", _W, _T.STOCK),
    "WRONG_LOCATION": _class("The units are stock at another location of the warehouse.", _W, _T.STOCK),
    "EDITED_AFTER_POSTING": _class("The document says something else now than when it was read back.", _F, _T.DOUBT),
    "ROUNDING_DRIFT": _class("The amount differs by no more than rounding can explain.", _F, _T.CREDIT),
    "WRONG_AMOUNT": _class("The amount credited differs.", _F, _T.CREDIT),
    "WRONG_TAX_CODE": _class("It was credited under another tax code.", _F, _T.CREDIT),
    "WRONG_TAX_AMOUNT": _class("The tax differs.", _F, _T.CREDIT),
    "VALUATION_DRIFT": _class("The units came back at another cost than they went out at.", _F, _T.STOCK),
    "CREDIT_BEFORE_ACCEPTANCE": _class("The credit note is dated before the goods were accepted.", _F, _T.CREDIT),
    "WRONG_PERIOD": _class("It was posted in another period than expected.", _F, _T.CREDIT),
    "LATE": _class("It was posted later than allowed.", _F, _T.CREDIT),
    "WRONG_DATE": _class("It was posted on another day than the ERP's job should have stamped.", _F, _T.CREDIT),
    "LEDGER_MISSING": _class("The credit note is there and the general ledger has no entry for it.", _F, _T.CREDIT),
    "LEDGER_DIFFERS": _class("The general ledger holds another amount than the credit note.", _F, _T.CREDIT),
    # records without a line
    "DUPLICATE_BY_HAND": _class("Somebody credited by hand what our credit note credits as well.", _F, _T.CREDIT, _R),
    "SUGGESTED_MATCH": _class("A record without our mark looks like the one a line waits for; a person confirms it.", _F, _T.DOUBT, _R),
    "EXTRA_IN_ERP": _class("The ERP has a return, credit, receipt or ledger entry that belongs to no line we know.", _F, _T.DOUBT, _R),
    # errors that cancel
    "SWAPPED_AMOUNTS": _class("Two lines carry each other's amount; their total is right.", _F, _T.CREDIT, _P),
    "SWAPPED_ITEMS": _class("Two lines carry each other's item; their total is right.", _W, _T.DOUBT, _P),
    "OFFSETTING": _class("Two errors of equal size and other sign cancel in the totals of the period.", _F, _T.CREDIT, _P),
    # payouts
    "CREDIT_WITHOUT_PAYOUT": _class("A credit note is posted and the customer was not paid in time.", _C, _T.OWED, _M),
    "PAYOUT_WITHOUT_CREDIT": _class("The customer was paid and no credit note answers it in time.", _F, _T.PAYOUT, _M),
    "PAID_TWICE": _class("The customer was paid more than once for one credit.", _F, _T.PAYOUT, _M),
    "PAYOUT_DIFFERS": _class("Another amount was paid than was credited, after fees and bonus.", _F, _T.PAYOUT, _M),
    "PAYOUT_FAILED": _class("The payment to the customer failed.", _C, _T.OWED, _M),
    "SETTLED_TO_WRONG_INVOICE": _class("A credit note is settled with another document than its payment or its sale.", _F, _T.BOOKS, _M),
    # the house as a whole
    "UNBALANCED_JOURNAL": _class("The entries of a voucher do not add up to nothing.", _F, _T.BOOKS, _H),
    "COST_NOT_FINAL": _class("Units came back whose original issue has no final cost yet, so their cost was not compared.",
                             _F, _T.STOCK, _H),
    "AVAILABILITY_DIFFERS": _class("The shop sells other quantities than the ERP has on sale.", _W, _T.SHOP, _H),
    "ITEM_BLOCKED_SINCE": _class("A line waits whose item was blocked after it was accepted.", _W, _T.LINE, _H),
    "MAPPING_CHANGED_SINCE": _class("A line waits under a mapping that another version has replaced with another target.", _F, _T.LINE, _H),
    "EVENT_GAP": _class("The platform's own counter says that a message never came.", _I, _T.INTAKE, _H),
    "COUNTER_MISMATCH": _class("The platform's control total differs from what was received.", _I, _T.INTAKE, _H),
    "AUDIT_GAP": _class("The trail's chain of hashes is broken.", _I, _T.HOUSE, _H),
    "UNOWNED_EXCEPTION": _class("An open exception has no team.", _I, _T.HOUSE, _H),
}

"""What can be wrong with a return, whose work is it, and what now?

A `Finding` is one thing wrong with one line; it is a value, not a Python exception. An `ExceptionCase`
is the work it makes for a team. The catalogue is a table: a kind of trouble that is not in it cannot
be raised.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from backhaul.domain.discrepancy import CLASSES
from backhaul.domain.money import Money
from backhaul.domain.remedy import REMEDIES
from backhaul.domain.team import Team
from backhaul.domain.touched import Touched


class Severity(StrEnum):
    """How loud: `stop` freezes the line at once, `hold` holds it, `note` lets it go on."""

    STOP = "stop"
    HOLD = "hold"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of trouble: what it means in plain words, who owns it, what it touches as long as it is open, how soon, and what to do now.

    `counted`: a waiver holds for the units that were seen, and ends when there are more; `graded`: it ends when their grades change.
    """

    means: str
    owner: Team
    touches: Touched
    due: timedelta
    now: str
    severity: Severity = Severity.HOLD
    waivable: bool = False
    counted: bool = False
    graded: bool = False


def _kind(means: str, owner: Team, touches: Touched, days: int, now: str, **more: object) -> Kind:
    return Kind(means=means, owner=owner, touches=touches, due=timedelta(days=days), now=now, **more)  # type: ignore[arg-type]  # rows below are checked by a test


_F, _W, _C, _I = Team.FINANCE, Team.WAREHOUSE, Team.CUSTOMER_SERVICE, Team.INTEGRATION
_T = Touched

KINDS: Final[Mapping[str, Kind]] = {
    # what the platform sent
    "UNREADABLE": _kind("A message could not be read as the profile says.", _I, _T.MESSAGE, 1,
                        "Correct the profile, then retry: the kept message is read again."),
    "EVENT_CONTENT_CONFLICT": _kind("Two messages of equal age say different things.", _I, _T.MESSAGE, 1,
                                    "Ask the platform which one holds; the newer one then decides."),
    "UNKNOWN_LINE": _kind("A message names a line that was never announced.", _W, _T.UNITS, 2,
                          "Find the parcel, tell which return it belongs to."),
    "AMBIGUOUS_LINE": _kind("A message gives several lines one id.", _I, _T.LINE, 1,
                            "Ask the platform which line is which; nothing of the return is posted until it says so."),
    "IMPLAUSIBLE_QUANTITY": _kind("A quantity is zero, negative, fractional or above what came before it.", _W, _T.LINE, 1,
                                  "Count again and send a correction."),
    "SURPLUS": _kind("More units of a line were counted than announced.", _W, _T.UNITS, 5,
                     "Find out whose they are; match, send back or keep them, then waive this.", severity=Severity.NOTE, waivable=True,
                     counted=True),
    "BLIND": _kind("Goods came that no return announced.", _C, _T.UNITS, 3,
                   "Find the sale and match it; or keep them as stock, then waive this.", severity=Severity.NOTE, waivable=True,
                   counted=True),
    "WRONG_ITEM_OTHER_LINE": _kind("Another item of the return lay in the place of the announced one.", _C, _T.LINE, 2,
                                   "Match what came with its line of the sale, then waive this: the announced item did not come.",
                                   waivable=True, counted=True),
    "WRONG_ITEM_OTHER_PRODUCT": _kind("Another product of ours lay in the place of the announced one.", _C, _T.LINE, 2,
                                      "Find the sale of what came and match it, or keep it as stock; then waive this.",
                                      waivable=True, counted=True),
    "WRONG_ITEM_FOREIGN": _kind("Goods that are not ours lay in the place of the announced ones.", _W, _T.LINE, 2,
                                "Send them back to the customer; they never become stock. Then waive this.",
                                waivable=True, counted=True),
    "WRONG_ITEM_EMPTY": _kind("The parcel held nothing in the place of the announced goods.", _C, _T.LINE, 2,
                              "Ask customer and carrier: claim it from the carrier, or waive this to refuse the credit.",
                              waivable=True, counted=True),
    "PARCEL_LOST": _kind("The carrier lost what was on its way.", _C, _T.LINE, 5,
                         "Claim it from the carrier and decide 'claim' to credit it without goods, or close the line."),
    "IMPLAUSIBLE_AMOUNT": _kind("An amount is missing, negative or not in the return's currency.", _F, _T.LINE, 1,
                                "Compare with the original sale and correct at the source."),
    "UNKNOWN_LEGAL_ENTITY": _kind("The retailer code belongs to no legal entity of this tenant.", _I, _T.LINE, 1,
                                  "Add the retailer code to the profile."),
    "BEFORE_GO_LIVE": _kind("It was announced before the cut-off date; nothing of it is posted here.", _F, _T.LINE, 30,
                            "Credit it in the old way and close it here, or move the cut-off date."),
    # files and folders
    "FILE_REFUSED": _kind("A file of returns could not be taken in at all.", _I, _T.INTAKE, 1,
                          "Mend the file, or have it sent anew; the sentence names the file and what is wrong with it."),
    "FILE_TOTALS_DIFFER": _kind("A file holds other rows than it says itself.", _I, _T.INTAKE, 1,
                                "Ask the sender for the whole file; nothing of this one was taken in."),
    "FILE_STAYS": _kind("A file lies in a watched folder and does not go its way.", _I, _T.INTAKE, 1,
                        "Look at it: it is not whole, no plain file, or the folder does not let it be moved."),
    "FOLDER_AWAY": _kind("A watched folder cannot be looked at, so files may lie there unseen.", _I, _T.INTAKE, 1,
                         "Mend what the sentence names; whatever lies there is taken when the folder is reached again."),
    # asking the platform
    "NOT_READ_BACK": _kind("Its sender cannot sign, and the platform itself has not told the same yet.", _I, _T.MESSAGE, 1,
                           "It is asked at every turn; if this stays, mend the access to the platform. Nothing is posted until then."),
    "READ_BACK_DIFFERS": _kind("A message of a sender that cannot sign says something else than the platform itself.", _I, _T.MESSAGE, 1,
                               "Find out who sent it and change the secret; nothing is posted until the platform tells the same."),
    "SWEEP_INCOMPLETE": _kind("For hours no sweep of the platform could be read to its end.", _I, _T.INTAKE, 1,
                              "Read the sentence: mend access or look-up; the next whole sweep catches up from where the last one ended."),
    "SWEEP_GAP": _kind("After a long outage the sweep does not look back to where it ended.", _I, _T.INTAKE, 1,
                       "Run `backhaul sweep --since` from the time named, or take in a file of that time, then close this."),
    "PLATFORM_OMITS": _kind("We heard of a return and the platform does not name it when asked what changed.", _I, _T.MESSAGE, 2,
                            "Ask the platform whether it exists; until it names it, treat its messages with doubt."),
    "PUSH_FAILED": _kind("The platform could not be told what is on sale or may not be returned.", _I, _T.SHOP, 1,
                         "Read the sentence: mend access or profile; the next push tells the present state whole."),
    "PUSH_OMITTED": _kind("The platform took what it was told of products and does not list it so.", _I, _T.SHOP, 2,
                          "Find out what it holds against each product that is named: an unknown SKU, country or message. It is told again "
                          "with every push, and this closes once it is listed so."),
    # mapping
    "UNMAPPED_DISPOSITION": _kind("No approved mapping row fits this disposition, condition and warehouse.", _W, _T.LINE, 2,
                                  "Agree the target with finance and add the row; nothing goes to a default."),
    "UNMAPPED_FEE": _kind("This is no product and no service item is mapped for it.", _F, _T.LINE, 2,
                          "Map it to an active service item, or say that it is no customer return."),
    "NOT_A_CUSTOMER_RETURN": _kind("A charge of a marketplace or bank came in as a return.", _F, _T.BOOKS, 5,
                                   "Book it in the ledger and close it here.", severity=Severity.HOLD),
    "DAMAGED_TO_SELLABLE": _kind("The target would put goods that are not sellable back on sale.", _W, _T.LINE, 1,
                                 "Correct the mapping row or the list of sellable places.", severity=Severity.STOP),
    # item master
    "SKU_UNKNOWN": _kind("The item master does not know this SKU.", _I, _T.LINE, 2,
                         "Release the item, or correct the SKU at the source; case and spaces count."),
    "SKU_AMBIGUOUS": _kind("One code names several items.", _I, _T.LINE, 2,
                           "Take the code from all items but one, or have the platform send a code of its own for each."),
    "VARIANT_UNKNOWN": _kind("The ERP keeps this item by variant, and the SKU names no released one.", _I, _T.LINE, 2,
                             "Release the variant, or have the platform send the variant's own code."),
    "SKU_BLOCKED": _kind("The item is stopped for sales processing.", _W, _T.LINE, 2,
                         "Lift the stop for returns or name a substitute, with approval."),
    "SKU_DISCONTINUED": _kind("The item's lifecycle state does not allow returns.", _W, _T.LINE, 3,
                              "Follow the process for delisted items: reopen, substitute or write off."),
    "UNIT_UNKNOWN": _kind("The item has no sales unit, or the code counts in another.", _I, _T.LINE, 2,
                          "Complete the item in the ERP, or give each unit a code of its own."),
    # places
    "WAREHOUSE_UNKNOWN": _kind("The ERP has no warehouse or location of exactly this code.", _W, _T.LINE, 1,
                               "Make the codes equal, letter by letter."),
    "DISPOSITION_CODE_UNKNOWN": _kind("The ERP has no disposition code or return reason of this name.", _W, _T.LINE, 1,
                                      "Create it in the ERP or correct the mapping row."),
    "REPLACEMENT_ORDER": _kind("The ERP's disposition code would make a second replacement order.", _W, _T.LINE, 1,
                               "Map a code whose action credits only; the platform owns the exchange.", severity=Severity.STOP),
    # original sale
    "ORDER_UNKNOWN": _kind("The original sales order is not in the ERP.", _C, _T.LINE, 3,
                           "Find the order, or let the history policy decide."),
    "ORDER_MISSING": _kind("The line names no original sales order.", _C, _T.LINE, 3,
                           "Find the order with the customer, or let the history policy decide."),
    "MATCH_DIFFERS": _kind("The sale that was matched is another customer's.", _C, _T.LINE, 2,
                           "Match again: with the right order, or with the customer who bought."),
    "ORDER_LINE_UNKNOWN": _kind("The original order has no line of this item.", _C, _T.LINE, 3,
                                "Find the order that sold it."),
    "QUANTITY_ABOVE_SOLD": _kind("More would be credited than was sold and not yet returned.", _F, _T.LINE, 3,
                                 "Compare earlier credits; approve or close.", waivable=True),
    "PRICE_ABOVE_SOLD": _kind("The credit price is above the price of the sale.", _F, _T.LINE, 3,
                              "Approve the higher price or correct it at the source.", waivable=True),
    "KIT_NOT_WHOLE": _kind("A part of a kit came back that is taken back whole only.", _C, _T.LINE, 3,
                           "Wait for the rest, or agree with finance to explode the kit."),
    "VALUE_ABOVE_SOLD": _kind("More money would be credited of an order line than was paid for it.", _F, _T.LINE, 3,
                              "Compare earlier credits of the order; approve or close.", waivable=True),
    "POSSIBLY_SAME_GOODS": _kind("Another return takes the same item of the same sale, and one of them was not announced.", _W, _T.LINE, 2,
                                 "Find out whether both are the same goods: close this line if they are, waive this if they are not.",
                                 waivable=True),
    "SPANS_SALE_LINES": _kind("No one line of the original order covers the units, and the profile does not divide them.", _F, _T.LINE, 3,
                              "Say that they may be divided, or have the platform send two lines.", waivable=True),
    "CREDIT_ABOVE_LIMIT": _kind("More money would be credited than goes out without a person, of one line, order, customer or day.",
                                _F, _T.LINE, 1,
                                "Look at the return; approve the credit by waiving this, or close the line.", waivable=True),
    "HISTORY_ALLOWANCE": _kind("Goods sold before the data starts go beyond the policy's allowance.", _F, _T.LINE, 5,
                               "Approve the credit or ask for proof of purchase.", waivable=True),
    "NO_CUSTOMER": _kind("The return names no customer and no account is configured for that.", _C, _T.LINE, 2,
                         "Find the customer, or configure an account."),
    "CUSTOMER_UNKNOWN": _kind("The ERP does not know the customer.", _C, _T.LINE, 2, "Create or correct the account."),
    "CUSTOMER_ON_HOLD": _kind("The customer is on hold in the ERP.", _F, _T.LINE, 2, "Lift the hold or refuse the credit."),
    "CURRENCY_DIFFERS": _kind("The return is in another currency than the sale.", _F, _T.LINE, 2,
                              "Correct the currency at the source."),
    "TAX_DIFFERS": _kind("Tax group or rate is not that of the original sale.", _F, _T.LINE, 3,
                         "Tax review: say which rate holds.", waivable=True),
    "PERIOD_CLOSED": _kind("The period the document would fall in is closed.", _F, _T.STEP, 1,
                           "Open it, or wait for the next period and agree to that."),
    "PERIOD_MISSED": _kind("The period the document belongs to was closed before it could be posted.", _F, _T.STEP, 1,
                           "Open it, or agree to the next period.", waivable=True),
    "SERVICE_ITEM_UNKNOWN": _kind("The mapped service item is not an active service item in the ERP.", _F, _T.LINE, 2,
                                  "Create it as a service item or correct the fee map."),
    # posting and proof
    "CONTRACT_DRIFT": _kind("The ERP no longer shows a set, field or enumeration as its recorded contract has it.", _I, _T.ACCESS, 1,
                            "Mend what the sentence names in the environment, or let two persons accept it: `backhaul doctor --accept`.",
                            severity=Severity.STOP),
    "PROOF_BROKEN": _kind("The sides of a line do not tell the same story, or the ERP has a record that belongs to no line.",
                          _F, _T.DOUBT, 2,
                          "Compare the sides on the page of the proof, mend the wrong one, and prove the period again."),
    "PAYMENT_UNREADABLE": _kind("A row of what a payment provider told says no payment.", _I, _T.BOOKS, 1,
                                "Mend the row, or what the profile says of payouts; then take in the mended file."),
    "PAYMENT_CONFLICT": _kind("A payment is told otherwise than it was told before.", _F, _T.BOOKS, 1,
                              "Ask the provider which one holds; what was told first stands meanwhile."),
    "ROLL_FORWARD_DIFFERS": _kind("What is paid or received and not credited differs from the account it should equal.", _F, _T.BOOKS, 1,
                                  "Open the roll-forward and compare its lines with the account's entries; book what is missing."),
    "BATCH_SENT_BACK": _kind("Somebody sent back the batch in which documents of it were, and they are wanted unchanged.", _F, _T.STEP, 2,
                             "Read the reason and mend the cause: other documents go with the next batch. Or waive this and say what was "
                             "done; all of one batch can be decided about at once.", waivable=True),
    "SIGNATURE_FELL": _kind("A number moved under a signature of a month's close, and the signature holds no longer.", _F, _T.BOOKS, 1,
                            "Read what moved, find out why, and sign the list again as it stands now.", severity=Severity.NOTE),
    "CREDITED_BY_HAND": _kind("People confirmed that a credit made by hand is the credit of this line; it is not credited again.",
                              _F, _T.CREDIT, 5,
                              "Nothing, where goods and credit are booked as they should be: close the line. Otherwise revoke the match; "
                              "a line that was closed stays closed."),
    "RECEIVED_BY_HAND": _kind("People confirmed that goods received by hand are this line's; they are not received again, nor credited "
                              "by us.", _F, _T.STEP, 5,
                              "Have the customer credited by the document that received the goods, and match that credit; where it is, "
                              "close the line. Otherwise have the receipt taken back and revoke the match."),
    "UNITS_TAKEN": _kind("A document was refused, and another return took its units of the sale meanwhile.", _F, _T.STEP, 2,
                         "Compare the two returns: close this line, or have the credit of the other one taken back."),
    "NOT_SENT": _kind("Access or set-up is wrong, so that the ERP could not be told or asked; nothing was sent.", _I, _T.ACCESS, 1,
                      "Mend what the sentence names; what waits goes out by itself within the hour, and this closes."),
    "ERP_REJECTED": _kind("The ERP refused the document.", _I, _T.STEP, 1, "Read its message, mend the cause, then retry."),
    "ERP_DIFFERS": _kind("What the ERP recorded is not what we asked for.", _F, _T.DOUBT, 1,
                         "Compare the two; nothing more is posted for this line until somebody decided."),
    "ARRIVAL_DIFFERS": _kind("People registered another arrival in the ERP than the warehouse accepted.", _W, _T.DOUBT, 1,
                             "Compare the two and correct the wrong one; lift the stop on the order in the ERP, then retry."),
    "DAMAGED_ON_SALE": _kind("Goods that may not be sold were registered where stock is sold.", _W, _T.DOUBT, 1,
                             "Take them off sale now; correct the arrival, lift the stop in the ERP, then retry.",
                             severity=Severity.STOP),
    "TOTALS_DIFFER": _kind("The ERP computed another amount, tax, total or place for a draft; nothing was received or credited.",
                           _F, _T.STEP, 1,
                           "Correct price, tax or charge in the ERP, then retry; or correct the return at the source."),
    "ACCOUNT_DIFFERS": _kind("A voucher does not touch the account the mapping expects.", _F, _T.CREDIT, 3,
                             "Correct the ERP's posting set-up or the mapping row; rebook if needed, then waive this.",
                             severity=Severity.NOTE, waivable=True),
    "COST_NOT_FINAL": _kind("Units came back at the cost of an issue that was not financially posted yet.", _F, _T.STOCK, 5,
                            "Compare once the sale is invoiced; revalue the units or waive this.", severity=Severity.NOTE, waivable=True),
    "COST_DIFFERS": _kind("Returned units came back at another cost than they went out at.", _F, _T.STOCK, 5,
                          "Value the units: correct the cost in the ERP, or accept the difference and waive this.",
                          severity=Severity.NOTE, waivable=True),
    "DUPLICATE": _kind("The ERP holds more than one posted document with our mark.", _F, _T.DOUBT, 1,
                       "Frozen. Reverse the spare one in the ERP, with approval.", severity=Severity.STOP),
    "OVERDUE_IN_ERP": _kind("The ERP's own job should have made this document by now.", _I, _T.STEP, 1,
                            "Look at the job and the arrival journal."),
    "UNCONFIRMED_TOO_LONG": _kind("We do not know whether the ERP recorded it, and looking did not tell.", _I, _T.DOUBT, 1,
                                  "Look for the mark in the ERP by hand; never send it again unseen."),
    "GRADE_CHANGED_AFTER_POSTING": _kind("The warehouse changed its mind after goods were posted.", _F, _T.STOCK, 2,
                                         "Posted documents stay; correct beside them."),
    "REGRADED": _kind("Units are of another grade than they were posted with; they move to its place, and the credit stands.",
                      _F, _T.STOCK, 5,
                      "Decide about a write-down of their value, then waive this.", severity=Severity.NOTE, waivable=True, graded=True),
    "CHANGED_AFTER_POSTING": _kind("The return names another item, price, quantity or company than the documents made for it.",
                                   _F, _T.DOUBT, 2,
                                   "Posted documents stay; find out which is right and correct beside them."),
    "REJECTED_AFTER_CREDIT": _kind("The warehouse rejected goods that were already credited.", _F, _T.CREDIT, 1,
                                   "Approve a debit and say what becomes of the goods, or close the line and let the credit stand."),
    "NOT_RECEIVED": _kind("Goods arrived on their way, at a hub or a dock, and nobody counted them at their destination in time.",
                          _W, _T.LINE, 2,
                          "Ask the hub or carrier where they are; when they are counted this closes. What is lost is claimed or closed."),
    "HUB_STOCK_OVERDUE": _kind("Units became stock at a hub and did not come to their destination in time.", _W, _T.STOCK, 5,
                               "Ask the hub for them. Their credit stands; write them off by journal, or waive this if they stay there.",
                               severity=Severity.NOTE, waivable=True, graded=True),
    "NOT_INSPECTED": _kind("Goods came in and were not graded in time.", _W, _T.LINE, 2,
                           "Grade them, or say where they are."),
    "PAID_NOT_ARRIVED": _kind("The customer was paid and the goods did not come within the deadline.", _C, _T.PAYOUT, 5,
                              "Claim from the carrier or write off, with approval."),
    # one for each class of what the proof of a month finds
    **{f"PROOF_{code}": _kind(each.means, each.owner, each.touches, 2, REMEDIES[code]) for code, each in CLASSES.items()},
}
"""Every kind of trouble Backhaul knows, by code. The docs have a heading for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing wrong with one line of one return (`line_id` empty: with all of it).

    `sentence` names the value it met. `hint` shows a near miss to a person; nothing is ever decided by it. `worth` is what a note is about,
    at cost, in the company's currency: it holds no money.
    """

    code: str
    sentence: str
    line_id: str = ""
    hint: str = ""
    worth: Decimal | None = None

    def __post_init__(self) -> None:
        """Refuse a code that is not in the catalogue: nobody would own it (INV-18)."""
        if self.code not in KINDS:
            message = f"no exception kind {self.code!r} in the catalogue"
            raise KeyError(message)

    @property
    def blocks(self) -> bool:
        """Tell whether the line has to wait for a person."""
        return KINDS[self.code].severity is not Severity.NOTE


_LOUDNESS: Final = tuple(Severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionCase:
    """Work for a team: the findings about one line, the money they hold, and a clock."""

    tenant: str
    return_ref: str
    line_id: str
    kind: str
    owner: str
    severity: Severity
    money: Money
    opened_at: datetime
    due_at: datetime
    findings: Sequence[Finding] = field(default_factory=tuple)

    @property
    def holds(self) -> bool:
        """Tell whether its line waits for it; a note is work for somebody while the line goes on."""
        return self.severity is not Severity.NOTE

    @classmethod
    def about(  # noqa: PLR0913  each is named at the call
        cls, *, tenant: str, return_ref: str, line_id: str, findings: Sequence[Finding], money: Money,
        now: datetime, teams: Mapping[str, str],
    ) -> "ExceptionCase":
        """Open the case for a line: its first finding, a loud one before others, gives kind, owner and clock; the rest are listed."""
        first = min(findings, key=lambda finding: _LOUDNESS.index(KINDS[finding.code].severity))
        kind = KINDS[first.code]
        return cls(
            tenant=tenant, return_ref=return_ref, line_id=line_id, kind=first.code,
            owner=teams.get(first.code, kind.owner.value), severity=kind.severity, money=money,
            opened_at=now, due_at=now + kind.due, findings=tuple(findings),
        )

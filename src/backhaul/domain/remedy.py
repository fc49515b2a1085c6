"""What is to be done when the sides of a return do not tell the same story?

One sentence for each class of `discrepancy`, for the team that owns it. Nothing here is done by Backhaul: a break is mended where it is
wrong, or two people accept it with a reason, and it stays a break in the proof.
"""

from collections.abc import Mapping
from typing import Final

REMEDIES: Final[Mapping[str, str]] = {
    # is it there, once?
    "MISSING_AT_SOURCE": "Ask the platform for the return the mark names; if there is none, reverse the document, with approval.",
    "UNKNOWN_AT_SOURCE": "Ask the platform whether it exists and who sent the message; until then treat its documents with doubt.",
    "REJECTED_BUT_CREDITED": "Compare with the inspection; take the credit back by a debit, with approval, or correct the inspection.",
    "REJECTED_BUT_RECEIVED": "The goods are the customer's: take them out of stock by journal, or have the inspection corrected.",
    "POSTED_WITHOUT_LINES": "Find out who posted it without lines; reverse it in the ERP and let the lines be posted.",
    "REVERSED_IN_ERP": "Ask who reversed it and why; credit the customer again if it was a mistake, or close the line with that reason.",
    "SIGN_ERROR": "Reverse the document at once: the customer was charged. Then let the credit be posted.",
    "DUPLICATE_CREDIT": "Reverse the spare credit note in the ERP, with approval; keep the one that was there first.",
    "PARTLY_ACCEPTED_FULLY_CREDITED": "Take back what was credited above the accepted units by a debit, with approval.",
    "RECEIVED_TWICE": "Count the units; take the second receipt out of stock by journal.",
    "SCRAPPED_TWICE": "Count the units; bring back what was written off twice by journal.",
    "CREDIT_WITHOUT_STOCK": "Find the goods: register their arrival and match it, or say why there are none and write them off with "
                            "approval.",
    "STUCK_UNCONFIRMED": "Look for the mark in the ERP by hand and settle the exception of the line; never send it again unseen.",
    "DRAFT_NEVER_POSTED": "Look at the ERP's job and at the draft's own errors; post it there.",
    "DELETED_DRAFT": "Ask who deleted it; retry the line, which looks first and then makes it anew.",
    "STOCK_WITHOUT_CREDIT": "Credit the customer: see what holds the line, or whether the ERP's invoicing job ran.",
    "FEE_MISSING": "Post the fee on its service item, or close its line with a reason.",
    "MISSING_IN_ERP": "See what holds the line; if nothing does, retry it, which looks first.",
    # does it say the same?
    "WRONG_ENTITY": "Reverse it there and post it in the right company; correct the retailer's company in the profile.",
    "WRONG_CUSTOMER": "Reverse the credit note and credit the right customer; settle what was paid already.",
    "WRONG_SALES_ORDER": "Refer it to the right sale: correct the order of the line, or the application of the credit note in the ERP.",
    "WRONG_ITEM": "Count what lies there and reclassify it by journal; credit stays only if the price is right.",
    "FEE_WRONG_ITEM": "Rebook the fee on its service item; correct the fee map.",
    "WRONG_UNIT": "Compare units and quantity with the sale; correct the item's unit conversion, and the stock by journal.",
    "WRONG_CURRENCY": "Reverse it and credit in the currency of the sale.",
    "WRONG_QUANTITY": "Count the units; correct the stock by journal and the credit by a debit or a further credit, with approval.",
    "DAMAGED_ON_SALE": "Take the units off sale now; move them to the place of their grade.",
    "SELLABLE_KEPT_BACK": "Look at the units and move them on sale, or have the inspection corrected.",
    "WRONG_WAREHOUSE": "Find the units; transfer them in the ERP to where they lie.",
    "WRONG_LOCATION": "Find the units; move them in the ERP to where they lie.",
    "EDITED_AFTER_POSTING": "Ask who changed it and why; reverse the change, or accept it with a reason.",
    "ROUNDING_DRIFT": "Compare the rounding of line and total; if it keeps coming, correct the rounding rule of the profile.",
    "WRONG_AMOUNT": "Compare price, discount and charges with the sale; correct by a debit or a further credit, with approval.",
    "WRONG_TAX_CODE": "Have tax review it; reverse and credit under the tax of the original sale.",
    "WRONG_TAX_AMOUNT": "Have tax review rate and date; reverse and credit with the tax of the original sale.",
    "VALUATION_DRIFT": "Compare with the cost of the original issue; revalue the units, or accept the difference with a reason.",
    "CREDIT_BEFORE_ACCEPTANCE": "Find out who credited before the inspection, and why; if the goods never came, take the credit back.",
    "WRONG_PERIOD": "Propose an accrual for the period it belongs to; look at the cut-off and the ERP's job times.",
    "LATE": "See what held it; nothing is left to be posted.",
    "WRONG_DATE": "Look at the ERP's job: when it ran and which date it stamps; correct the job times of the profile.",
    "LEDGER_MISSING": "See whether the document's ledger update waits in a batch; post it.",
    "LEDGER_DIFFERS": "Compare the voucher with the credit note; rebook the difference in the ERP, with its reason.",
    # records without a line
    "DUPLICATE_BY_HAND": "Ask who credited it by hand; reverse one of the two, with approval.",
    "SUGGESTED_MATCH": "Compare the two; confirm that they belong together, or say that they do not.",
    "EXTRA_IN_ERP": "Find out who posted it and for which return; match it, or reverse it.",
    # errors that cancel
    "SWAPPED_AMOUNTS": "Correct both credits by a debit and a further credit, with approval; the totals do not change.",
    "SWAPPED_ITEMS": "Count both items and reclassify them by journal; the totals do not change.",
    "OFFSETTING": "Mend each of the two by itself; that they cancel does not make either right.",
    # payouts
    "CREDIT_WITHOUT_PAYOUT": "Have the shop or provider pay the customer, or say how they were paid.",
    "PAYOUT_WITHOUT_CREDIT": "See what holds the return; claim from the carrier or write off what never comes, with approval.",
    "PAID_TWICE": "Ask the provider; get one payment back, or settle it with what is still owed.",
    "PAYOUT_DIFFERS": "Compare fees, bonus and exchange difference; correct the payment, or the credit with approval.",
    "PAYOUT_FAILED": "Ask the customer for another way to be paid and have the payment repeated.",
    "SETTLED_TO_WRONG_INVOICE": "Undo the settlement in the ERP and settle credit note and payment with each other.",
    # the house as a whole
    "UNBALANCED_JOURNAL": "Look at the voucher in the ERP: which entry is missing; rebook it there.",
    "COST_NOT_FINAL": "Wait until the original issue is invoiced, or close its cost in the ERP; then prove the month again.",
    "AVAILABILITY_DIFFERS": "Compare shop and ERP for the item and warehouse; correct the wrong one by count.",
    "ITEM_BLOCKED_SINCE": "Lift the stop for returns, name a substitute with approval, or write the units off.",
    "MAPPING_CHANGED_SINCE": "Say under which mapping the line goes on; retry it with the one that fits.",
    "EVENT_GAP": "Sweep the platform for the time of the gap, or take in a file of it.",
    "COUNTER_MISMATCH": "Ask the platform for its total by return; sweep what is missing.",
    "AUDIT_GAP": "Compare with the head kept outside and with a backup; find out who had access to the database.",
    "UNOWNED_EXCEPTION": "Name the team in the profile, or hand the exception over.",
}
"""Every class of `discrepancy.CLASSES`, with what its owner does now."""

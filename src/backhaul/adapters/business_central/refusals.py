"""What does an error of Business Central say, and is it really one?

The envelope is ``{"error": {"code", "message"}}``, and every message ends with a correlation id, which is cut off so that equal errors look
equal (facts/business-central 8). Texts are translated by the ERP; `Accept-Language` pins them, or no row here would ever match.
"""

import re
from collections.abc import Mapping
from typing import Final

from backhaul.adapters.odata import Answer

CORRELATION: Final = re.compile(r"\s*CorrelationId:\s*[0-9A-Fa-f-]+\.?\s*$")
POSTED: Final = ("can be applied to a draft", "has been posted and can no longer")
"""What posting says to a document that is posted already: a sign of success, once it is read again."""
TAKEN: Final = ("You cannot insert a line because a line already exists", "already exists. Identification fields and values")
"""What a write says whose key is there already."""
DONE: Final = ("has been posted already",)
"""What our extension says to a line of an item journal, or to its posting, when the ledger has its document number."""
NEXT: Final[Mapping[str, str]] = {
    "is not within your range of allowed posting dates": "Open the period in General Ledger Setup, or agree to the next one.",
    "is already closed. You must re-open the period": "Open the inventory period.",
    "Blocked must be equal to": "Unblock the item for this return.",
    "check box is selected on": "Unblock the item or variant for this return.",
    "when Customer": "Unblock the customer for credit memos.",
    "approval process is complete": "Approve the credit memo, or leave our documents out of the workflow.",
    "Posting Setup": "Complete the posting setup of these two groups.",
    "Appl.-from Item Entry must have a value": "Exact Cost Reversing Mandatory is on: only modes A and B can name the entry.",
    "Location Code must have a value": "Give the mapping row a location.",
    "Variant Code must have a value": "Send SKUs that name a variant.",
    "You must assign a serial number": "Items with serial numbers need mode A.",
    "You must assign a lot number": "Items with lot numbers need mode A.",
    "Warehouse handling is required": "Goods at this location are received by a warehouse document.",
    "Warehouse Receive is required": "Goods at this location are received by a warehouse document.",
    "have already been returned": "Look for a return somebody made by hand.",
    "cannot assign new numbers from the number series": "Extend the number series.",
    "attempted to issue a client callback": "A setting makes Business Central ask a question nobody can answer.",
}
"""What a person does about the usual business refusals (facts/business-central 8), by a piece of the text."""


def code_of(answer: Answer) -> str:
    """Give the code of an error, empty when it has none."""
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    return str(error.get("code") or "") if isinstance(error, dict) else ""


def text_of(answer: Answer) -> str:
    """Give the message of an error without its correlation id, empty when there is none."""
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    return CORRELATION.sub("", str(error.get("message") or "")) if isinstance(error, dict) else ""


def sentence_of(answer: Answer) -> str:
    """Say what an answer says, and what to do about it where that is known."""
    text = text_of(answer)
    if not text:
        return answer.sentence
    cure = next((what for sign, what in NEXT.items() if sign in text), "")
    code = f" ({code_of(answer)})" if code_of(answer) else ""
    return f"{text.rstrip('.')}{code}. {cure}".strip()


def says(answer: Answer, signs: tuple[str, ...]) -> bool:
    """Tell whether an error carries one of these texts."""
    return any(sign in text_of(answer) for sign in signs)

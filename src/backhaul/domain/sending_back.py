"""Is what is wanted now the same as what somebody sent back?

Documents are the same by what they say of the return and of its targets. What only the judge adds when it fixes them (cost, lots, tax, the
ERP's name of an item) tells nothing new of it: whoever sent a batch back for such a reason says when it is mended.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from backhaul.domain.charges import debited_line, is_charge
from backhaul.domain.exception_case import Finding
from backhaul.domain.posting import Posting
from backhaul.domain.returns import ReturnCase
from backhaul.domain.trail import digest, said

COMPLETED: Final = frozenset({"item", "unit_cost", "lots", "original_lot", "tax_rate", "tax"})
"""What the judge adds to a document."""


def essence(posting: Posting) -> str:
    """Give the hash of what a document says before it is completed, whatever its generation."""
    says = {name: value for name, value in said(posting.document).items() if name not in COMPLETED}
    return digest({"kind": posting.key.kind, "subject": posting.key.subject, "document": says})[:32]


def line_of(posting: Posting) -> str:
    """Give the line of the return a document is held with; nothing for what is of the whole return."""
    if not is_charge(posting):
        return posting.line_id
    return debited_line(posting) or posting.line_id.split(":", 2)[2]


def lines_of(postings: Iterable[Posting]) -> dict[str, tuple[str, ...]]:
    """Give by line which documents of it these are; heads go where their lines go."""
    found: dict[str, set[str]] = {}
    for posting in postings:
        if posting.line_id:
            found.setdefault(line_of(posting), set()).add(essence(posting))
    return {line_id: tuple(sorted(documents)) for line_id, documents in sorted(found.items())}


def unchanged(case: ReturnCase, wanted: Sequence[Posting]) -> Iterator[Finding]:
    """Find lines of which documents are wanted just as they were sent back; another document is another matter."""
    now = lines_of(wanted) if case.sent_back else {}
    for sent in case.sent_back:
        if set(sent.documents) <= set(now.get(sent.line_id, ())):
            yield Finding(code="BATCH_SENT_BACK", line_id=sent.line_id, hint=sent.batch, sentence=(
                f"{sent.actor} sent back batch {sent.batch} on {sent.at:%d %B %Y}: {sent.reason.removesuffix('.')}."))

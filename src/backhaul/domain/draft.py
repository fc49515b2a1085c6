"""What is written down while the documents of one return are derived?

The case in hand, what is fixed already, and what is wanted so far. `plan` decides about what was announced, `stray` about units that no
return document stands for, `late_change` about what was said differently after documents were made.
"""

from collections.abc import Iterable

from backhaul.domain.disposition import Circumstance
from backhaul.domain.exception_case import Finding
from backhaul.domain.mapped import rows_for
from backhaul.domain.placement import circumstance
from backhaul.domain.posting import Posting, PostingKey, PostingKind, Route
from backhaul.domain.return_line import Part, ReturnLine
from backhaul.domain.returns import ReturnCase
from backhaul.domain.rules import LegalEntity, Rules


class Draft:
    """One run of `derive_postings`."""

    def __init__(self, case: ReturnCase, rules: Rules, entity: LegalEntity, route: Route, fixed: Iterable[Posting]) -> None:
        """Begin with nothing wanted."""
        self.case, self.rules, self.entity, self.route = case, rules, entity, route
        self.fixed = {posting.key: posting for posting in fixed}
        self.postings: list[Posting] = []
        self.findings: list[Finding] = []
        self.customer = case.customer or entity.no_customer_account
        self.mapping = rows_for(case, rules)
        self.warehouse = entity.warehouses.get(case.warehouse, "")

    def key(self, kind: PostingKind, subject: str, part: int = 1) -> PostingKey:
        """Name a document of this return."""
        return PostingKey(tenant=self.rules.tenant, legal_entity=self.entity.id, return_ref=self.case.ref,
                          subject=subject, kind=kind, part=part)

    def want(self, posting: Posting) -> PostingKey:
        """Want a document, once; what is fixed is wanted no more."""
        if posting.key not in self.fixed and all(posting.key != other.key for other in self.postings):
            self.postings.append(posting)
        return posting.key

    def made(self, kind: PostingKind, line: ReturnLine) -> bool:
        """Tell whether the line has a document of this kind; what was goods once never becomes a fee beside it."""
        return self.key(kind, f"line:{line.line_id}") in self.fixed

    def find(self, code: str, line: ReturnLine, sentence: str, hint: str = "") -> None:
        """Write a finding about a line."""
        self.findings.append(Finding(code=code, line_id=line.line_id, sentence=sentence, hint=hint))

    def of(self, line: ReturnLine, kind: PostingKind) -> list[Posting]:
        """Give the fixed postings of one kind about a line, oldest first."""
        return sorted((posting for posting in self.fixed.values() if posting.key.kind is kind and posting.line_id == line.line_id),
                      key=lambda posting: posting.key.part)

    def circumstance(self, line: ReturnLine, part: Part) -> Circumstance:
        """Give the exact key under which the mapping decides about a part."""
        return circumstance(self.case, line, part, self.entity)

"""Which VAT belongs to a credit, and did the ERP compute that?

Group and rate are those of the original sale at its date (books 6). The ERP says which codes a tax group and an item group share and
what each code was worth when; where it does not, the profile does. Nothing here decides a rate: what nobody told is unknown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from backhaul.domain.exception_case import Finding
from backhaul.domain.money import rounded
from backhaul.domain.posting import CreditNote, ErpDocument, Posting
from backhaul.domain.returns import NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxSpan:
    """What a tax code was worth, in per cent, between two days; both ends count, an open end is None."""

    percent: Decimal
    first: date | None = None
    last: date | None = None

    def holds(self, day: date) -> bool:
        """Tell whether it holds on a day."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxTable:
    """The codes of each tax group and of each item group, and what each code was worth when."""

    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    items: Mapping[str, frozenset[str]] = field(default_factory=dict)
    values: Mapping[str, tuple[TaxSpan, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Tell whether anything is known of rates at all."""
        return bool(self.values)

    def rate(self, group: str, item_group: str, day: date) -> Decimal | None:
        """Give the rate where the two groups meet, in per cent; None where a code they share has no value on that day.

        Groups that share no code are not taxed.
        """
        total = NOTHING
        for code in self.groups.get(group, frozenset()) & self.items.get(item_group, frozenset()):
            worth = [span.percent for span in self.values.get(code, ()) if span.holds(day)]
            if not worth:
                return None
            total += sum(worth, NOTHING)
        return total


def tax_of(net: Decimal, rate: Decimal, currency: str) -> Decimal:
    """Compute the tax on one line, rounded as the ERP rounds: per line, halves away from zero."""
    return rounded(net * rate / 100, currency)


def posted_differences(credited: Iterable[tuple[Posting, ErpDocument]], tolerance: Decimal) -> Iterable[Finding]:
    """Find credit notes whose tax in the ERP is not that of the sale; they are posted, so a person reviews them."""
    for posting, document in credited:
        note = posting.document
        if not isinstance(note, CreditNote) or note.tax is None or document.tax is None:
            continue
        if abs(document.tax + note.tax) > tolerance:
            yield Finding(code="TAX_DIFFERS", line_id=posting.line_id, sentence=(
                f"{document.number} credits {-document.tax} {posting.currency} of tax on {note.net}; at {note.tax_rate} %, the rate of the "
                f"sale, it is {note.tax}."))

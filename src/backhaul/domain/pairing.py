"""Which credits without a mark of ours could belong to which lines, and what of that did people confirm?

Nothing is matched by looks alone: a suggestion says by which rule and by what evidence, and two people decide. Amounts agree to the last
digit, so that no match ever hides a difference. A confirmed match is about records as they were then: one that changed is not in it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import combinations
from typing import Any, Final, TypeVar

from backhaul.domain.money import rounded
from backhaul.domain.trail import digest

NOTHING: Final = Decimal(0)
Part = TypeVar("Part", "Loose", "Waiting")
MOST: Final = 14
"""Among how many candidates sums are looked for; more are said to be too many."""
PARTS: Final = 5
"""Of how many parts a sum may consist."""
SAID: Final = ("entity", "side", "document", "voucher", "item", "customer", "sale", "currency", "posted_on")
COUNTED: Final = ("units", "net", "tax")
"""What of a record makes it the one that was confirmed: words, and figures."""


class Rule(StrEnum):
    """By which rule a match is suggested."""

    ONE_TO_ONE = "one to one"
    ONE_TO_MANY = "one to many"
    MANY_TO_ONE = "many to one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loose:
    """A posted credit in the ERP that carries no mark; `key` is the hash of what it says, numbered among those that say the same."""

    key: str
    entity: str
    document: str
    voucher: str = ""
    item: str | None = None
    customer: str | None = None
    sale: str | None = None
    currency: str | None = None
    units: Decimal | None = None
    net: Decimal
    posted_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A line with accepted units of which the books show no credit."""

    return_ref: str
    line_id: str
    entity: str
    item: str | None = None
    customer: str | None = None
    sale: str | None = None
    currency: str | None = None
    units: Decimal
    net: Decimal

    @property
    def name(self) -> str:
        """Name it as extracts do."""
        return f"{self.return_ref}|{self.line_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Records and lines that could belong together. One that is ambiguous shares a record or a line with another."""

    rule: Rule
    records: tuple[Loose, ...]
    lines: tuple[Waiting, ...]
    ambiguous: bool = False

    @property
    def key(self) -> str:
        """Name it by what it joins."""
        return digest([[each.key for each in self.records], [each.name for each in self.lines]])[:12]

    @property
    def net(self) -> Decimal:
        """Give the net amount it is about."""
        return sum((each.net for each in self.lines), NOTHING)

    @property
    def evidence(self) -> str:
        """Say in plain words what speaks for it."""
        record, line = self.records[0], self.lines[0]
        same = [f"{word} {value}" for word, value, other in (("order", line.sale, record.sale), ("item", line.item, record.item))
                if value and value == other]
        about = f"legal entity {line.entity}, the same customer{''.join(f', {each}' for each in same)}"
        if self.rule is Rule.ONE_TO_ONE:
            return f"{record.document} credits {line.units} for {line.net} {line.currency}, as {line.name} waits for: {about}."
        if self.rule is Rule.ONE_TO_MANY:
            return f"{record.document} credits {record.net} {line.currency}, what {len(self.lines)} lines come to: {about}."
        documents = ", ".join(sorted({each.document for each in self.records}))
        return f"{len(self.records)} credits ({documents}) come to {line.net} {line.currency}, as {line.name} waits for: {about}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggested:
    """What was found, and in one sentence each where too many candidates were left to look for sums among them."""

    found: tuple[Suggestion, ...] = ()
    given_up: tuple[str, ...] = ()


def suggest(records: Iterable[Loose], waiting: Iterable[Waiting]) -> Suggested:
    """Suggest matches: a record like a line; where there is none, a record that is a sum of lines, or a line that is one of records."""
    loose, lines = sorted(records, key=lambda each: each.key), sorted(waiting, key=lambda each: each.name)
    found = [Suggestion(rule=Rule.ONE_TO_ONE, records=(record,), lines=(line,))
             for record in loose for line in lines if _fit(record, line) and (record.units, record.net) == (line.units, line.net)]
    alike = {record.key for each in found for record in each.records}
    met = {line.name for each in found for line in each.lines}
    loose, lines = [each for each in loose if each.key not in alike], [each for each in lines if each.name not in met]
    given_up: list[str] = []
    for record in loose:
        able = [line for line in lines if _fit(record, line) and line.net < record.net]
        if len(able) > MOST:
            given_up.append(f"{record.document}: {len(able)} lines could be part of {record.net}, too many to look for sums among them")
            continue
        found += [Suggestion(rule=Rule.ONE_TO_MANY, records=(record,), lines=parts) for parts in _sums(able, record.net)
                  if record.units in {None, _units(parts)}]
    for line in lines:
        parts_ = [record for record in loose if _fit(record, line) and record.units is not None and record.net < line.net]
        if len(parts_) > MOST:
            given_up.append(f"{line.name}: {len(parts_)} credits could be part of {line.net}, too many to look for sums among them")
            continue
        found += [Suggestion(rule=Rule.MANY_TO_ONE, records=parts, lines=(line,)) for parts in _sums(parts_, line.net)
                  if _units(parts) == line.units]
    count = Counter(name for each in found for name in _names(each))
    return Suggested(found=tuple(replace(each, ambiguous=any(count[name] > 1 for name in _names(each))) for each in found),
                     given_up=tuple(given_up))


def _names(each: Suggestion) -> tuple[str, ...]:
    return (*(record.key for record in each.records), *(line.name for line in each.lines))


def _fit(record: Loose, line: Waiting) -> bool:
    """Tell whether a record and a line can be about the same: legal entity, currency, customer; item and order if both are told."""
    return (record.entity, record.currency, record.customer) == (line.entity, line.currency, line.customer) and None not in {
        record.currency, record.customer} and all(None in pair or pair[0] == pair[1] for pair in (
            (record.item, line.item), (record.sale, line.sale)))


def _sums(parts: Sequence[Part], net: Decimal) -> Iterator[tuple[Part, ...]]:
    """Give every choice of two to `PARTS` of these that comes to exactly this amount."""
    for size in range(2, min(PARTS, len(parts)) + 1):
        for chosen in combinations(parts, size):
            if sum((each.net for each in chosen), NOTHING) == net:
                yield chosen


def _units(parts: Iterable[Loose | Waiting]) -> Decimal:
    return sum((each.units or NOTHING for each in parts), NOTHING)


# --- what was confirmed


@dataclass(frozen=True, slots=True, kw_only=True)
class Credited:
    """What a confirmed match gives to a line: so many units for so much, by these documents."""

    return_ref: str
    line_id: str
    units: Decimal
    net: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What two people confirmed: these records of the ERP, by their keys, are the credit of these lines."""

    id: int = 0
    tenant: str
    legal_entity: str
    rule: Rule
    records: Mapping[str, str]
    """Of each record its key and its document's number."""
    lines: tuple[Credited, ...]
    currency: str
    evidence: str
    proposal: int
    actor: str
    approver: str
    reason: str
    at: datetime
    revoked_at: datetime | None = None
    revoked_by: str = ""
    revoked_why: str = ""

    @property
    def said(self) -> str:
        """Say by what its lines are credited and who said so."""
        return f"credited by {', '.join(sorted(set(self.records.values())))}, confirmed by {self.actor} and {self.approver}"


def fingerprint(row: Mapping[str, Any]) -> str:
    """Give the hash of all that a record says of itself; an amount is the same however many noughts follow it."""
    told: dict[str, Any] = {name: str(row[name] or "") for name in SAID}
    told |= {name: "" if row[name] is None else format(Decimal(row[name]).normalize() + NOTHING, "f") for name in COUNTED}
    return digest(told)[:24]


@dataclass(slots=True)
class Confirmed:
    """Gives records to the lines they were confirmed to belong to, and knows which of them never came; the others are loose."""

    matches: Sequence[Match]
    seen: Counter[str] = field(default_factory=Counter)
    met: set[str] = field(default_factory=set)
    loose: list[Loose] = field(default_factory=list)

    @property
    def refs(self) -> set[str]:
        """Give the returns they are about."""
        return {line.return_ref for match in self.matches for line in match.lines}

    def of(self, row: Mapping[str, Any]) -> list[tuple[tuple[str, str], dict[str, Any]]]:
        """Give the lines of a record with what each has of it; the shares add up to the record."""
        print_ = fingerprint(row)
        self.seen[print_] += 1
        key = f"{print_}-{self.seen[print_]}"
        match = next((each for each in self.matches if key in each.records), None)
        if match is None:
            if row["net"] and row["status"] == "posted":
                self.loose.append(Loose(key=key, **{name: row[name] for name in (
                    "entity", "document", "voucher", "item", "customer", "sale", "currency", "units", "net", "posted_on")}))
            return []
        self.met.add(key)
        return list(_split(row, match))

    def fallen(self, match: Match) -> list[str]:
        """Give the documents of a match that are not in the books as they were confirmed."""
        return sorted(document for key, document in match.records.items() if key not in self.met)


def _split(row: Mapping[str, Any], match: Match) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    first, *rest = match.lines
    tax, left = row["tax"], row["tax"]
    for line in rest:
        share = None if tax is None else rounded(tax * line.net / row["net"], match.currency)
        left = None if left is None or share is None else left - share
        yield (line.return_ref, line.line_id), {**row, "line": f"{line.return_ref}|{line.line_id}", "units": line.units, "net": line.net,
                                                "tax": share}
    mine = {"units": first.units, "net": first.net, "tax": left} if rest else {}
    yield (first.return_ref, first.line_id), {**row, "line": f"{first.return_ref}|{first.line_id}", **mine}

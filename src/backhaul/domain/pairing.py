"""Which credits and receipts without a mark of ours, and payments without a return, belong to which lines, and what did people confirm?

Nothing is matched by looks alone: a suggestion says by which rule and by what evidence, and two people decide. Of credits amounts agree to
the last digit, of receipts units, so that no match ever hides a difference: goods that were received at another place, or on sale where
they may not be sold, stay that line's break. A payment is the whole of what one claim is owed, and names nobody. A confirmed match is about
records as they were then: one that changed is not in it.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import combinations
from typing import Any, Final, TypeVar

from backhaul.domain.entry import Side
from backhaul.domain.money import rounded
from backhaul.domain.trail import digest

NOTHING: Final = Decimal(0)
Part = TypeVar("Part", "Loose", "Waiting")
FINE: Final = Decimal("0.0001")
"""To what a share of a cost is rounded, as extracts keep it; what is left is the first line's."""
MOST: Final = 14
"""Among how many candidates sums are looked for, and of how many a receipt is suggested to; more are said to be too many."""
PARTS: Final = 5
"""Of how many parts a sum may consist."""
MADE: Final[Mapping[Side, str]] = {Side.CREDIT: "credited", Side.STOCK: "received", Side.PAYMENT: "paid"}
"""What a line of a match is by its records."""
SAID: Final = ("entity", "side", "document", "voucher", "item", "customer", "sale", "currency", "posted_on")
COUNTED: Final = ("units", "net", "tax")
"""What of a record makes it the one that was confirmed: words, and figures."""
PLACED: Final = ("warehouse", "location")
"""What does so of a receipt as well; its cost does not, which an ERP may change later."""
SIDES: Final[Mapping[Side, str]] = {Side.CREDIT: "credit", Side.STOCK: "receipt", Side.PAYMENT: "payment"}
"""Which records are matched, and what one of them is called."""


class Rule(StrEnum):
    """By which rule a match is suggested."""

    ONE_TO_ONE = "one to one"
    ONE_TO_MANY = "one to many"
    MANY_TO_ONE = "many to one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loose:
    """A posted credit or receipt in the ERP that carries no mark, or a payment; `key` is the hash of what it says.

    Records that say the same are numbered. Of a payment `net` is the credit it answers, at gross, and `voucher` its provider. Of a receipt
    `net` is nothing, and `sellable` of its `units` came in on sale.
    """

    key: str
    side: Side = Side.CREDIT
    entity: str
    document: str
    voucher: str = ""
    item: str | None = None
    customer: str | None = None
    sale: str | None = None
    currency: str | None = None
    units: Decimal | None = None
    net: Decimal = NOTHING
    posted_on: date | None = None
    warehouse: str | None = None
    location: str | None = None
    sellable: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A line with accepted units of which the books show no credit, or, by its `side`, one with goods of which they show no receipt.

    Or a claim: then it has the first of its returns, no line, and `net` is what is owed at gross. Else `units` are those to be credited, or
    those that should be stock; `sellable` of these may be sold. `net` is what was accepted.
    """

    return_ref: str
    line_id: str
    side: Side = Side.CREDIT
    entity: str
    item: str | None = None
    customer: str | None = None
    sale: str | None = None
    currency: str | None = None
    units: Decimal
    net: Decimal
    warehouse: str | None = None
    location: str | None = None
    sellable: Decimal | None = None

    @property
    def name(self) -> str:
        """Name it as extracts do."""
        return f"{self.return_ref}|{self.line_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Records and lines that could belong together. One that is ambiguous shares a record or a line with another of its side."""

    rule: Rule
    records: tuple[Loose, ...]
    lines: tuple[Waiting, ...]
    ambiguous: bool = False

    @property
    def side(self) -> Side:
        """Say whether it is about credits or receipts."""
        return self.lines[0].side

    @property
    def key(self) -> str:
        """Name it by what it joins."""
        return digest([[each.key for each in self.records], [each.name for each in self.lines]])[:12]

    @property
    def net(self) -> Decimal:
        """Give the net amount it is about: what the lines were accepted for."""
        return sum((each.net for each in self.lines), NOTHING)

    @property
    def stays(self) -> tuple[str, ...]:
        """Name the breaks that stay with the lines though it is confirmed: where goods lie elsewhere, or otherwise, than they should."""
        if self.side is not Side.STOCK:
            return ()
        units, on_sale = _units(self.records), sum((each.sellable or NOTHING for each in self.records), NOTHING)
        told = [(on_sale * line.units / units, line.sellable) for line in self.lines if line.sellable is not None]
        apart = {name: any(None not in {here, there} and here != there for record in self.records for line in self.lines
                           for here, there in [(getattr(record, name), getattr(line, name))]) for name in PLACED}
        rows = ((any(came > may for came, may in told), "DAMAGED_ON_SALE"), (any(came < may for came, may in told), "SELLABLE_KEPT_BACK"),
                (apart["warehouse"], "WRONG_WAREHOUSE"), (apart["location"], "WRONG_LOCATION"))
        return tuple(kind for holds, kind in rows if holds)

    @property
    def evidence(self) -> str:
        """Say in plain words what speaks for it, and what it leaves as it is."""
        record, line = self.records[0], self.lines[0]
        same = [f"{word} {value}" for word, value, other in (("order", line.sale, record.sale), ("item", line.item, record.item))
                if value and value == other]
        known = ["the same customer"] if line.customer and line.customer == record.customer else []
        about = ", ".join([f"legal entity {line.entity}", *known, *same])
        documents = ", ".join(sorted({each.document for each in self.records}))
        if self.side is Side.STOCK:
            return self._received(documents, about)
        if self.side is Side.PAYMENT:
            return (f"{record.document} of {record.voucher} pays {record.net} {record.currency} and names no return we know; "
                    f"{line.return_ref} is owed just that, in legal entity {line.entity}. Only currency and amount speak for it.")
        if self.rule is Rule.ONE_TO_ONE:
            return f"{record.document} credits {line.units} for {line.net} {line.currency}, as {line.name} waits for: {about}."
        if self.rule is Rule.ONE_TO_MANY:
            return f"{record.document} credits {record.net} {line.currency}, what {len(self.lines)} lines come to: {about}."
        return f"{len(self.records)} credits ({documents}) come to {line.net} {line.currency}, as {line.name} waits for: {about}."

    def _received(self, documents: str, about: str) -> str:
        line, units = self.lines[0], _units(self.lines)
        at = ", ".join(dict.fromkeys("/".join(filter(None, (each.warehouse, each.location))) for each in self.records))
        sale = "on sale" if all(each.sellable for each in self.records) else "not on sale" if not any(
            each.sellable for each in self.records) else "in part on sale"
        came = f"{documents} brought in {units} at {at}, {sale}" if len(self.records) == 1 \
            else f"{len(self.records)} receipts ({documents}) brought in {units} at {at}, {sale}"
        waits = f"what {len(self.lines)} lines come to" if self.rule is Rule.ONE_TO_MANY else f"as {line.name} waits for"
        stays = f" The goods do not lie as they should, which stays a break: {', '.join(self.stays)}." if self.stays else ""
        return f"{came}, {waits}: {about}.{stays}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggested:
    """What was found, and in one sentence each where too many candidates were left to look for sums, or to suggest any, among them."""

    found: tuple[Suggestion, ...] = ()
    given_up: tuple[str, ...] = ()

    def __add__(self, other: "Suggested") -> "Suggested":
        """Put what was found of other sides beside it."""
        return Suggested(found=(*self.found, *other.found), given_up=(*self.given_up, *other.given_up))


def suggest(records: Iterable[Loose], waiting: Iterable[Waiting]) -> Suggested:
    """Suggest matches: a record like a line; where there is none, a record that is a sum of lines, or a line that is one of records."""
    lines: dict[Hashable, list[Waiting]] = {}
    for line in sorted(waiting, key=lambda each: each.name):
        lines.setdefault(_shelf(line), []).append(line)
    loose: dict[Hashable, list[Loose]] = {}
    for record in sorted(records, key=lambda each: each.key):
        loose.setdefault(_shelf(record), []).append(record)
    given_up: list[str] = []
    found = [each for shelf in loose if shelf in lines for each in _marked(_suggest(loose[shelf], lines[shelf], given_up))]
    return Suggested(found=tuple(sorted(found, key=lambda each: list(SIDES).index(each.side))), given_up=tuple(given_up))


def _shelf(part: Loose | Waiting) -> Hashable:
    """Say by what only records and lines that agree can be about the same, so that no other ones are compared."""
    if part.side is Side.PAYMENT:
        return part.side, part.currency, part.net
    return (part.side, part.entity, part.item) if part.side is Side.STOCK else (part.side, part.entity, part.currency, part.customer)


def _marked(found: Sequence[Suggestion]) -> Iterator[Suggestion]:
    """Mark those that share a record or a line with another as ambiguous."""
    count = Counter(name for each in found for name in _names(each))
    return (replace(each, ambiguous=any(count[name] > 1 for name in _names(each))) for each in found)


def _suggest(loose: Sequence[Loose], lines: Sequence[Waiting], given_up: list[str]) -> list[Suggestion]:
    """Suggest the matches among those of one side that agree in what all of them need."""
    alike = {record.key: able for record in loose if (able := [line for line in lines if _equal(record, line)])}
    found = [Suggestion(rule=Rule.ONE_TO_ONE, records=(record,), lines=(line,))
             for record in loose for line in _chosen(record, alike.get(record.key, ()), given_up)]
    if loose[0].side is Side.PAYMENT:
        return found  # nothing but an amount speaks for it, which is too little for a sum
    met = {line.name for able in alike.values() for line in able}
    loose, lines = [each for each in loose if each.key not in alike], [each for each in lines if each.name not in met]
    for record in loose:
        able = [line for line in lines if _fit(record, line) and _figure(line) < _figure(record)]
        if len(able) > MOST:
            given_up.append(f"{record.document}: {len(able)} lines could be part of {_figure(record)}, too many to look for sums "
                            "among them")
            continue
        found += _few(record.document, [
            Suggestion(rule=Rule.ONE_TO_MANY, records=(record,), lines=parts) for parts in _sums(able, _figure(record))
            if record.units in {None, _units(parts)}], given_up)
    for line in lines:
        parts_ = [record for record in loose if _fit(record, line) and record.units is not None and _figure(record) < _figure(line)]
        if len(parts_) > MOST:
            given_up.append(f"{line.name}: {len(parts_)} {SIDES[line.side]}s could be part of {_figure(line)}, too many to look for sums "
                            "among them")
            continue
        found += _few(line.name, [
            Suggestion(rule=Rule.MANY_TO_ONE, records=parts, lines=(line,)) for parts in _sums(parts_, _figure(line))
            if _units(parts) == line.units], given_up)
    return found


def _chosen(record: Loose, able: Sequence[Waiting], given_up: list[str]) -> Sequence[Waiting]:
    """Give the lines a record is like; a receipt or a payment that is like too many of them is suggested to none."""
    if record.side is not Side.CREDIT and len(able) > MOST:
        what = f"lines wait for {record.units} of {record.item}" if record.side is Side.STOCK else f"claims are owed {record.net}"
        given_up.append(f"{record.document}: {len(able)} {what}, too many to choose among")
        return ()
    return able


def _few(name: str, found: Sequence[Suggestion], given_up: list[str]) -> Sequence[Suggestion]:
    """Let go of sums that would say nothing, because units come to the same in too many ways."""
    if found and found[0].side is Side.STOCK and len(found) > MOST:
        given_up.append(f"{name}: {len(found)} sums come to {_units(found[0].lines)}, too many to say which one it is")
        return ()
    return found


def _names(each: Suggestion) -> tuple[str, ...]:
    return (*(record.key for record in each.records), *(line.name for line in each.lines))


def _figure(part: Loose | Waiting) -> Decimal:
    """Give what has to agree: the amount of a credit or a payment, the units of a receipt."""
    return part.units or NOTHING if part.side is Side.STOCK else part.net


def _equal(record: Loose, line: Waiting) -> bool:
    return _fit(record, line) and (record.side is Side.PAYMENT or record.units == line.units) and _figure(record) == _figure(line)


def _fit(record: Loose, line: Waiting) -> bool:
    """Tell whether a record and a line of one shelf can be about the same: item, order and customer agree if both are told.

    Of a credit currency and customer have to be told, of a receipt the item. A payment tells none of it but its currency.
    """
    needed = {record.item} if record.side is Side.STOCK else {record.currency} if record.side is Side.PAYMENT \
        else {record.currency, record.customer}
    return None not in needed and all(None in pair or pair[0] == pair[1] for pair in (
        (record.item, line.item), (record.sale, line.sale), (record.customer, line.customer)))


def _sums(parts: Sequence[Part], figure: Decimal) -> Iterator[tuple[Part, ...]]:
    """Give every choice of two to `PARTS` of these that comes to exactly this figure."""
    for size in range(2, min(PARTS, len(parts)) + 1):
        for chosen in combinations(parts, size):
            if sum((_figure(each) for each in chosen), NOTHING) == figure:
                yield chosen


def _units(parts: Iterable[Loose | Waiting]) -> Decimal:
    return sum((each.units or NOTHING for each in parts), NOTHING)


# --- what was confirmed


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a confirmed match gives to a line: so many units credited or received, that were accepted for so much."""

    return_ref: str
    line_id: str
    units: Decimal
    net: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What two people confirmed: these records, by their keys, are the credit, the receipt or the payment of these lines."""

    id: int = 0
    tenant: str
    legal_entity: str
    side: Side = Side.CREDIT
    rule: Rule
    records: Mapping[str, str]
    """Of each record its key and its document's number."""
    lines: tuple[Given, ...]
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
    def kind(self) -> str:
        """Say whether it is about a credit, a receipt or a payment."""
        return SIDES[self.side]

    @property
    def said(self) -> str:
        """Say by what its lines are credited, received or paid, and who said so."""
        return f"{MADE[self.side]} by {', '.join(sorted(set(self.records.values())))}, confirmed by {self.actor} and {self.approver}"


def fingerprint(row: Mapping[str, Any]) -> str:
    """Give the hash of all that a record says of itself; an amount is the same however many noughts follow it."""
    told: dict[str, Any] = {name: str(row[name] or "") for name in (*SAID, *(PLACED if row["side"] == Side.STOCK.value else ()))}
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
            if loose := _loose(key, row):
                self.loose.append(loose)
            return []
        self.met.add(key)
        return list(_split(row, match))

    def fallen(self, match: Match) -> list[str]:
        """Give the documents of a match that are not in the books as they were confirmed."""
        return sorted(document for key, document in match.records.items() if key not in self.met)


def _loose(key: str, row: Mapping[str, Any]) -> Loose | None:
    """Give a record that somebody could confirm: a posted credit with an amount, or goods that came in at a place that is told."""
    told = {name: row[name] for name in (
        "entity", "document", "voucher", "item", "customer", "sale", "currency", "units", "posted_on")}
    if row["status"] != "posted":
        return None
    if row["side"] == Side.CREDIT.value:
        return Loose(key=key, **told, net=row["net"]) if row["net"] else None
    placed = row["item"] and row["warehouse"] and row["sellable"] is not None and row["units"] > 0
    return Loose(key=key, side=Side.STOCK, **told, **{name: row[name] for name in (*PLACED, "sellable")}) if placed else None


def _split(row: Mapping[str, Any], match: Match) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Give each line its share of a record: of a credit's tax by net amount, of goods on sale and of a cost by units."""
    first, *rest = match.lines
    credit = match.side is Side.CREDIT
    names = ("tax",) if credit else ("sellable", "cost")
    left = {name: row[name] for name in names if row[name] is not None}
    told = dict(left)
    for line in rest:
        mine = {name: rounded(whole * line.net / row["net"], match.currency) if credit
                else (whole * line.units / row["units"]).quantize(FINE) for name, whole in told.items()}
        left = {name: left[name] - share for name, share in mine.items()}
        yield (line.return_ref, line.line_id), {**row, "line": f"{line.return_ref}|{line.line_id}", **_counted(line, match), **mine}
    whole_or_rest = {**_counted(first, match), **left} if rest else {}
    yield (first.return_ref, first.line_id), {**row, "line": f"{first.return_ref}|{first.line_id}", **whole_or_rest}


def _counted(line: Given, match: Match) -> Mapping[str, Decimal]:
    return {"units": line.units} | ({"net": line.net} if match.side is Side.CREDIT else {})

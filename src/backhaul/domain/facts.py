"""What can be known about a return?

A fact is one thing known about one return, in our words, with the time it happened at its source.
Facts are only ever added. `fold` in `returns` turns the *set* of them into a case; the order in which
they arrived and how often do not matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeVar

from backhaul.domain.disposition import MappingRow
from backhaul.domain.money import Money
from backhaul.domain.trail import digest, said


class Stage(StrEnum):
    """How far the goods have come. `RANK` orders them; a late event never moves a case back."""

    REGISTERED = "registered"
    LABELLED = "labelled"
    SCANNED = "scanned"
    ARRIVED = "arrived"
    RECEIVED = "received"
    INSPECTED = "inspected"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


RANK: Final[Mapping[Stage, int]] = {stage: rank for rank, stage in enumerate(Stage)}


class Counting(StrEnum):
    """Whether a message carries totals so far or only what is new."""

    CUMULATIVE = "cumulative"
    INCREMENT = "increment"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRef:
    """How a message names a line: by the platform's id, or by what was announced of it.

    `nth` tells equal lines of one message apart: 0 is the first of them, 1 the second.
    """

    sku: str
    line_id: str | None = None
    quantity: Decimal | None = None
    unit_price: Decimal | None = None
    order: str | None = None
    nth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedLine:
    """One line as the customer announced it. `unit_price` is net, in the return's currency; `ordered_on` the day of the original sale."""

    ref: LineRef
    quantity: Decimal
    unit_price: Decimal | None = None
    order: str | None = None
    description: str = ""
    reason: str = ""
    option: str = ""
    ordered_on: date | None = None


class _Known:
    """Room for what a fact's identity was found to be: it is asked for at every fold, and a fact never changes."""

    __slots__ = ("_identity",)
    _identity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact(_Known):
    """What every fact has: the return it is about, when it happened (UTC), and where we have it from.

    `version` is the source's own counter where it has one; it beats `at` when two facts of a kind
    disagree. `delivery` says which stored delivery brought it and `event` the event's id; neither is
    part of what the fact says, except that increments are told apart by their event.
    """

    return_ref: str
    at: datetime
    version: int | None = None
    delivery: str = ""
    event: str = ""

    @property
    def kind(self) -> str:
        """Name the fact the way it is stored."""
        return type(self).__name__

    @property
    def identity(self) -> str:
        """Give what makes two deliveries the same fact (the second of three levels of idempotency)."""
        if not hasattr(self, "_identity"):
            says = {name: value for name, value in said(self).items() if name not in {"delivery", "event"}}
            if says.get("counting") is Counting.INCREMENT:
                says["event"] = self.event
            object.__setattr__(self, "_identity", digest({"kind": self.kind, **says}))
        return self._identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced(Fact):
    """The customer asked to return these lines. Amounts are net, in `currency`.

    `blind`: nobody asked; the warehouse reports goods that came without a return.
    """

    customer: str | None
    country: str = ""
    currency: str
    warehouse: str
    retailer: str = ""
    lines: tuple[AnnouncedLine, ...]
    blind: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed(Fact):
    """The return reached a stage, or one of its parcels did."""

    stage: Stage
    parcel: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """So many units of a line were counted on arrival."""

    line: LineRef
    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Received(Fact):
    """The warehouse counted what is in one parcel of the return, or in all of it where no parcel is named.

    `node` is the hub where it did, if that was not at the return's destination: the same units are counted there once more.
    """

    counts: tuple[Count, ...]
    counting: Counting = Counting.CUMULATIVE
    parcel: str = ""
    node: str = ""


class Instead(StrEnum):
    """What lay in the parcel in the place of the announced item."""

    OTHER_LINE = "other-line"
    """Another item that the same return announces."""
    OTHER_PRODUCT = "other-product"
    """Another product of ours."""
    FOREIGN = "foreign"
    """Goods that are not ours."""
    EMPTY = "empty"
    """Nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """So many units of a line were found in this condition, are to go this way, and are accepted or not.

    `found` is the SKU of what lay there where that is not the line's own, `instead` what kind of thing it was, if that was told.
    """

    line: LineRef
    quantity: Decimal
    condition: str
    disposition: str
    accepted: bool
    found: str = ""
    instead: Instead | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected(Fact):
    """The warehouse said what it accepts, in which condition, and what must happen to it; of one parcel where one is named.

    `node` is the hub where it said so, if that was not at the return's destination.
    """

    grades: tuple[Grade, ...]
    counting: Counting = Counting.CUMULATIVE
    parcel: str = ""
    node: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost(Fact):
    """The carrier lost the return, or one parcel of it: what has not come will not come."""

    parcel: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunded(Fact):
    """The shop or its provider paid the customer. A payout, never a reason to credit (INV-04)."""

    reference: str
    money: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """Money beside the goods by the platform's code: a fee, carriage, a bonus, a part paid by points. What it does the profile says.

    `amount` positive, in the return's currency; `prepaid` when the message says that it was paid before; `line` for one of a line.
    """

    code: str
    amount: Decimal
    prepaid: bool = False
    line: LineRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged(Fact):
    """All charges of the return as they are now; none of them is added to those of an earlier message."""

    charges: tuple[Charge, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged(Fact):
    """The platform sends other goods in return and owns that order. `difference`: paid on top, or below zero given back."""

    reference: str
    difference: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MintedLine:
    """A line id that we gave, and the announced line it stands for."""

    line_id: str
    sku: str
    quantity: Decimal
    unit_price: Decimal | None
    order: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinesMinted(Fact):
    """The ids of a return's lines, fixed when we first saw them, so that no later message can shift them."""

    lines: tuple[MintedLine, ...]


class Decision(StrEnum):
    """What a person can decide about a line."""

    WAIVE = "waive"
    """Go on although this finding stands; needs a second person."""
    CLOSE = "close"
    """No credit for what is open; the units are closed."""
    CLAIM = "claim"
    """Credit what was lost on its way, without goods; the carrier is asked for it. Needs a second person."""
    DEBIT = "debit"
    """Take back the credit of units that were rejected after it. Needs a second person."""
    CREDIT = "credit"
    """Credit units that were rejected, without goods: out of goodwill, or because the carrier answers for them. Needs a second person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided(Fact):
    """A person decided about one line (`line_id`) and, for a waiver, one finding (`code`).

    `about` is the line's net value they saw and `units` the units it is about: those that are not the announced ones, or the lost ones.
    A waiver ends when the line says something else, or when more such units come; one about `grades`, when those change. A debit is
    approved down to `units` accepted ones, and `goods` says what becomes of the others: they leave again, or are written off. Of a credit
    it says under which disposition `units` rejected ones are credited.
    """

    decision: Decision
    line_id: str
    code: str = ""
    about: Decimal | None = None
    units: Decimal | None = None
    grades: str = ""
    goods: str = ""
    actor: str
    approver: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched(Fact):
    """Two people found out whose goods without a return these are, or the surplus of a line: sold by this order at this net price.

    From then on the `units` of them are a line like any other. `customer` is the account to credit where the return names none.
    """

    line_id: str
    order: str
    unit_price: Decimal
    units: Decimal
    customer: str = ""
    actor: str
    approver: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded(Fact):
    """Somebody said what becomes of so many units of a line that are not accepted (`outcome`), and why, as the customer is told.

    `decision` is the one that was taken with it where money moves, by two people: where there is none there is no
    approver. `evidence` says where it can be seen.
    """

    line_id: str
    outcome: str
    units: Decimal
    decision: Decision | None = None
    evidence: str = ""
    actor: str
    approver: str | None = None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SentBack(Fact):
    """Somebody sent a batch back in which documents of this line were (`line_id` empty: of the return as a whole).

    `documents` say what was in it (`sending_back.essence`): while just those are wanted, the line waits for two people.
    """

    line_id: str
    batch: str
    documents: tuple[str, ...]
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped(Fact):
    """Two people said that a return's goods go by the mapping of an earlier version, whose `rows` for its legal entity these are.

    Of several the newest decides; where `profile` names no version they go by the one that holds again.
    """

    profile: str = ""
    rows: tuple[MappingRow, ...] = ()
    actor: str
    approver: str
    reason: str


class Correctable(StrEnum):
    """What people can say otherwise than the messages: a value of a line, of how its units were found, or of the whole return."""

    SKU = "sku"
    QUANTITY = "quantity"
    UNIT_PRICE = "unit-price"
    ORDER = "order"
    CONDITION = "condition"
    DISPOSITION = "disposition"
    CUSTOMER = "customer"
    WAREHOUSE = "warehouse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected(Fact):
    """Two people said what a value is where the messages tell another; the messages stay as they came, and both are read.

    It holds as long as the messages tell `told`: one that tells something else is newer. Of several about one told value the newest holds,
    and to correct to what is told takes them back. Numbers are written as `beside.written` does; `line_id` empty: of the whole return.
    """

    what: Correctable
    line_id: str = ""
    told: str
    value: str
    actor: str
    approver: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedIn(Fact):
    """Somebody with a parcel in hand, for which no return is known, said what came; other facts of the same delivery say what that was.

    `label` is what can be read on it, `evidence` where it can be seen.
    """

    label: str = ""
    note: str = ""
    evidence: str = ""
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable(Fact):
    """A part of a message did not say what the profile expects; the bytes are kept and a person looks."""

    code: str
    sentence: str
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reread(Fact):
    """A kept message was read again by the profile of then: what it said before and does not say now counts no more (`reading`).

    `message` is the hash of its body; `says` what it says of this return now and `instead_of` all else it ever said of it, by identity.
    Of several about one message the highest `version` holds. `profile` is the version it was read by; `asked` who had it read again.
    """

    instead_of: tuple[str, ...]
    message: str = ""
    says: tuple[str, ...] = ()
    profile: str = ""
    asked: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed(Fact):
    """The platform itself, asked, told what we had heard of the return; `essence` is the hash of what of it moves money."""

    essence: str


FACTS: Final[Mapping[str, type[Fact]]] = {
    kind.__name__: kind
    for kind in (Announced, Progressed, Received, Inspected, Lost, Refunded, Charged, Exchanged, LinesMinted, Decided, Concluded, Matched,
                 SentBack, Mapped, Corrected, HandedIn, Unreadable, Reread, Confirmed)
}
"""Every kind of fact by the name under which it is stored."""

FactKind = TypeVar("FactKind", bound=Fact)


def kept_as(fact: FactKind, identity: str) -> FactKind:
    """Give a fact known by the identity it was kept under: what is erased of it later does not make another fact of it."""
    object.__setattr__(fact, "_identity", identity)
    return fact


LONGEST_NAME: Final = 128
"""Characters of an order or parcel by which somebody can ask; what is longer nobody types."""


def named(fact: Fact) -> frozenset[tuple[str, str]]:
    """Give the orders and parcels a fact names, each with which of both it is: by these somebody asks who does not know the return."""
    told: set[tuple[str, str | None]] = set()
    match fact:
        case Announced():
            told = {("order", order) for line in fact.lines for order in (line.order, line.ref.order)}
        case Progressed() | Received() | Inspected() | Lost():
            told = {("parcel", fact.parcel)}
        case Matched():
            told = {("order", fact.order)}
        case _:
            pass
    return frozenset((sort, name) for sort, name in told if name and len(name) <= LONGEST_NAME and name.isprintable())

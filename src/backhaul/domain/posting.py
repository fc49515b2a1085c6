"""Which documents should the ERP hold for this return, and what has already been asked of it?

`derive_postings` is the second of the two pure functions Backhaul is made of. It takes the case, the
approved mapping version and what has already been prepared, and gives what is still wanted. Run twice,
it gives the same; run after posting, it gives nothing.
"""

import base64
import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import zip_longest
from typing import Final

from backhaul.domain.disposition import Circumstance, MappingRow, Outcome, Place, choose, fit, near_misses
from backhaul.domain.exception_case import Finding
from backhaul.domain.facts import RANK, Stage
from backhaul.domain.money import rounded
from backhaul.domain.returns import NOTHING, Part, ReturnCase, ReturnLine
from backhaul.domain.rules import LegalEntity, Rules, Surplus
from backhaul.domain.trail import digest


class PostingKind(StrEnum):
    """One ERP effect we want. Which of them an ERP needs is its `Route`."""

    ORDER = "order"
    ORDER_LINE = "order-line"
    RECEIPT = "receipt"
    ADJUSTMENT = "adjustment"
    CREDIT_NOTE = "credit-note"
    FEE_ORDER = "fee-order"
    FEE_LINE = "fee-line"
    FEE_RELEASE = "fee-release"
    FEE_CREDIT_NOTE = "fee-credit-note"
    SPARE = "spare"


class Nature(StrEnum):
    """What may be done when nobody knows whether a request had its effect (reliability 0.3)."""

    DRAFT = "draft"
    """Harmless until something posts it: look, then send again; spares are removed before it counts."""
    KEYED = "keyed"
    """The ERP side refuses a second one with our key: look, then send again."""
    ONCE = "once"
    """Look and wait; never sent again without a person."""
    AWAITED = "awaited"
    """Made by the ERP's own job: never sent, only found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The documents one ERP deployment needs, in order, and the nature of each.

    `whole` are draft lines that take effect with all of their document: one that lands late would be
    credited too. When such a line is in doubt its head is removed first, so that it has nowhere to land.
    """

    goods: tuple[PostingKind, ...]
    fees: tuple[PostingKind, ...]
    nature: Mapping[PostingKind, Nature]
    whole: frozenset[PostingKind] = frozenset()

    @property
    def steps(self) -> tuple[PostingKind, ...]:
        """Give all kinds in the order in which they can be sent."""
        return (*self.goods, *(kind for kind in self.fees if kind not in self.goods))

    @property
    def waves(self) -> tuple[frozenset[PostingKind], ...]:
        """Give the kinds that are sent, in order; drafts of goods and fees that stand alike travel in one request."""
        drafts = zip_longest(*([kind for kind in kinds if self.nature[kind] is Nature.DRAFT]
                               for kinds in (self.goods, self.fees)))
        alike = [frozenset(kind for kind in wave if kind) for wave in drafts]
        effects = [frozenset({kind}) for kind in self.steps if self.nature[kind] in (Nature.KEYED, Nature.ONCE)]
        return (*alike, *effects, frozenset({PostingKind.SPARE}))


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class PostingKey:
    """Identity of an effect. No time and no randomness in it, so it can always be computed again.

    `subject` is the line or the original order it is about; `part` counts units accepted later on;
    `generation` grows only through an approved correction.
    """

    tenant: str
    legal_entity: str
    return_ref: str
    subject: str
    kind: PostingKind
    part: int = 1
    generation: int = 0

    def __str__(self) -> str:
        """Write it as one string; the parts are quoted so that no two keys can look alike."""
        parts = (self.tenant, self.legal_entity, self.return_ref, self.subject, self.kind.value,
                 str(self.part), str(self.generation))
        return "|".join(part.replace("%", "%25").replace("|", "%7C") for part in parts)

    @classmethod
    def parse(cls, text: str) -> "PostingKey":
        """Read a key back from its string."""
        parts = [part.replace("%7C", "|").replace("%25", "%") for part in text.split("|")]
        return cls(tenant=parts[0], legal_entity=parts[1], return_ref=parts[2], subject=parts[3],
                   kind=PostingKind(parts[4]), part=int(parts[5]), generation=int(parts[6]))

    @property
    def marker(self) -> str:
        """Give the short form the ERP can be searched by: 20 characters, upper case and digits."""
        return mark(str(self))


def mark(text: str) -> str:
    """Shorten any key to 20 characters that fit every searchable field (90 bits of SHA-256)."""
    return "ZZ" + base64.b32encode(hashlib.sha256(text.encode()).digest()).decode()[:18]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnOrder:
    """Head of the ERP's return order, or of the negative sales order for fees. One per original order."""

    return_ref: str
    customer: str
    currency: str
    warehouse: str
    order: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """A line expected back. `quantity` positive; `unit_price` net of discount; `unit_cost` of the original issue."""

    line_id: str
    sku: str
    quantity: Decimal
    unit_price: Decimal
    warehouse: str
    description: str = ""
    order: str = ""
    unit_cost: Decimal | None = None
    original_lot: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Units that came in and were accepted, and where they go; the one stock document of each unit."""

    line_id: str
    sku: str
    quantity: Decimal
    condition: str
    disposition: str
    erp_disposition: str
    place: Place
    outcome: Outcome
    reason: str = ""
    journal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """Units that have no return document: they come into stock by a journal, at a place that is not on sale, without credit.

    `unit_cost` None leaves the value to the ERP's own cost of the item; `journal` names a journal other than the adapter's own.
    """

    line_id: str
    sku: str
    quantity: Decimal
    place: Place
    journal: str = ""
    expected_account: str = ""
    unit_cost: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNote:
    """What the customer is credited for units of one line. `net` positive, in the return's currency."""

    line_id: str
    sku: str
    quantity: Decimal
    unit_price: Decimal
    net: Decimal
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Lets the ERP's invoice job see a verified draft. `lines` are the markers it must hold, exactly."""

    return_ref: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spare:
    """A draft with our mark that is to be removed. `ids` name it in the ERP's words.

    `entity` is the adapter's own word for the kind of record, or the `PostingKind` it came from.
    """

    entity: str
    ids: Mapping[str, str]


Document = ReturnOrder | OrderLine | Receipt | Adjustment | CreditNote | Release | Spare
DOCUMENTS: Final[Mapping[PostingKind, type]] = {
    PostingKind.ORDER: ReturnOrder, PostingKind.ORDER_LINE: OrderLine, PostingKind.RECEIPT: Receipt,
    PostingKind.ADJUSTMENT: Adjustment, PostingKind.CREDIT_NOTE: CreditNote, PostingKind.FEE_ORDER: ReturnOrder,
    PostingKind.FEE_LINE: OrderLine, PostingKind.FEE_RELEASE: Release, PostingKind.FEE_CREDIT_NOTE: CreditNote,
    PostingKind.SPARE: Spare,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One ERP effect we want, with its key. `needs` must be posted first; `net` is the money at stake, negative for a credit."""

    key: PostingKey
    document: Document
    needs: tuple[PostingKey, ...] = ()
    net: Decimal = NOTHING
    currency: str = ""
    accepted_at: datetime | None = None

    @property
    def line_id(self) -> str:
        """Give the line it is about, or nothing for the head of a document."""
        return getattr(self.document, "line_id", "")

    @property
    def fingerprint(self) -> str:
        """Give the hash of its content: the same key with another fingerprint is never sent."""
        return digest({"key": str(self.key), "document": self.document})


@dataclass(frozen=True, slots=True, kw_only=True)
class ErpDocument:
    """What the ERP says it recorded, read back. Amounts carry the ERP's sign: a credit is negative.

    `number` is the document's own, `ids` whatever the adapter needs to find it again, `copies` how
    many the ERP holds with this mark. `open`: it is there, and the ERP's own job has still to post it.
    """

    number: str
    open: bool = False
    ids: Mapping[str, str] = field(default_factory=dict)
    quantity: Decimal | None = None
    net: Decimal | None = None
    tax: Decimal | None = None
    gross: Decimal | None = None
    cost: Decimal | None = None
    currency: str = ""
    voucher: str = ""
    posted_on: date | None = None
    copies: int = 1
    spares: tuple[Spare, ...] = ()
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """It is recorded; this is what the ERP says of it."""

    document: ErpDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """It is provably not recorded. `transient`: the same request may succeed later, not before `after_seconds`."""

    sentence: str
    transient: bool = False
    after_seconds: float | None = None
    counts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Unconfirmed:
    """Nobody knows. It is a state of its own, settled by looking, never by sending again on a time-out."""

    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """The ERP works on it; ask again by this reference."""

    reference: str


PostingOutcome = Posted | Rejected | Unconfirmed | Pending


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What of a journal line is one posting's. `cost` is None where the ERP says what the units are worth."""

    key: str
    quantity: Decimal
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalLine:
    """One line of an inventory journal: all units of an item that a batch brings to one place, and whose they are."""

    number: int
    sku: str
    place: Place
    shares: tuple[Share, ...]

    @property
    def quantity(self) -> Decimal:
        """Count its units."""
        return sum((share.quantity for share in self.shares), NOTHING)

    @property
    def cost(self) -> Decimal | None:
        """Add up what its units are worth, where that is known of each."""
        known = [share.cost for share in self.shares if share.cost is not None]
        return sum(known, NOTHING) if len(known) == len(self.shares) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingBatch:
    """Postings of one kind that travel together for one legal entity and period.

    `key` is the batch's own identity, short enough for a journal's description. `basis` holds what the
    ERP recorded for the postings these ones need. `allocation` says which lines of a journal stand for which
    postings, where they are aggregated (`allocate`). Never a promise that all succeed or fail together.
    """

    key: str
    tenant: str
    legal_entity: str
    kind: PostingKind
    period: str
    postings: tuple[Posting, ...]
    basis: Mapping[PostingKey, ErpDocument] = field(default_factory=dict)
    reference: str = ""
    allocation: tuple[JournalLine, ...] = ()

    @property
    def controls(self) -> Mapping[str, str]:
        """Give the batch's control totals: count, units and net, as exact decimals in text."""
        units = sum((getattr(posting.document, "quantity", NOTHING) for posting in self.postings), NOTHING)
        net = sum((posting.net for posting in self.postings), NOTHING)
        return {"count": str(len(self.postings)), "units": format(units, "f"), "net": format(net, "f")}

    @property
    def fingerprint(self) -> str:
        """Give the hash of all it carries, stored with the attempt before anything is sent (INV-10)."""
        return digest([posting.fingerprint for posting in self.postings])


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a case wants: postings still to be made, and findings that stand in the way of some lines."""

    postings: tuple[Posting, ...] = ()
    findings: tuple[Finding, ...] = ()


def derive_postings(  # noqa: PLR0913  the whole picture of one return
    case: ReturnCase, rules: Rules, entity: LegalEntity, route: Route, fixed: Sequence[Posting] = (), *,
    apart_from: Collection[str] = (),
) -> Plan:
    """Say which ERP documents the case wants beyond those already fixed (prepared, sent or posted).

    Nothing is wanted for the lines in `apart_from` ("" is all of them), but they are still part of the return:
    carriage is not credited because the goods that were refused are left out of sight.
    """
    drafting = _Drafting(case, rules, entity, route, fixed)
    if drafting.moved_house():
        return Plan(findings=tuple(drafting.findings))
    for line in case.lines:
        if line.closed or not {"", line.line_id}.isdisjoint(apart_from):
            continue
        drafting.compare_with_fixed(line)
        if line.announced <= 0 or case.called_off:
            continue
        if line.sku in rules.fees and not drafting.made(PostingKind.ORDER_LINE, line):
            drafting.fee(line)
        elif line.sku not in rules.fees and not drafting.made(PostingKind.FEE_LINE, line):
            drafting.goods(line)
        if line.surplus:
            drafting.surplus(line)
    drafting.release()
    return Plan(postings=tuple(drafting.postings), findings=tuple(drafting.findings))


def _units(receipts: Iterable[Receipt]) -> Decimal:
    return sum((receipt.quantity for receipt in receipts), NOTHING)


class _Drafting:
    """One run of `derive_postings`: the case in hand, and what has been written down so far."""

    def __init__(self, case: ReturnCase, rules: Rules, entity: LegalEntity, route: Route,
                 fixed: Iterable[Posting]) -> None:
        self.case, self.rules, self.entity, self.route = case, rules, entity, route
        self.fixed = {posting.key: posting for posting in fixed}
        self.postings: list[Posting] = []
        self.findings: list[Finding] = []
        self.customer = case.customer or entity.no_customer_account
        self.warehouse = entity.warehouses.get(case.warehouse, "")

    def key(self, kind: PostingKind, subject: str, part: int = 1) -> PostingKey:
        return PostingKey(tenant=self.rules.tenant, legal_entity=self.entity.id, return_ref=self.case.ref,
                          subject=subject, kind=kind, part=part)

    def want(self, posting: Posting) -> PostingKey:
        if posting.key not in self.fixed and all(posting.key != other.key for other in self.postings):
            self.postings.append(posting)
        return posting.key

    def made(self, kind: PostingKind, line: ReturnLine) -> bool:
        """Tell whether the line has a document of this kind; what was goods once never becomes a fee beside it."""
        return self.key(kind, f"line:{line.line_id}") in self.fixed

    def original(self, line: ReturnLine) -> str:
        """Give the original order the ERP knows; goods sold before its data starts have none."""
        history = self.rules.history
        return "" if line.order is None or (history and line.order in history.orders) else line.order

    def moved_house(self) -> bool:
        """Notice documents in another legal entity: to want them here as well would credit twice."""
        others = sorted({key.legal_entity for key in self.fixed} - {self.entity.id})
        if others:
            self.findings.append(Finding(
                code="CHANGED_AFTER_POSTING", sentence=f"Documents were made in {', '.join(others)}; now retailer code "
                                                       f"'{self.case.retailer}' names {self.entity.id}."))
        return bool(others)

    def goods(self, line: ReturnLine) -> None:
        """Want a return order once the goods are here, and receipt and credit for accepted units.

        What the customer keeps is accepted without arriving; then the whole order is due, because the ERP
        closes a return order when all its lines are credited and takes no further line.
        """
        due = self.case.has_reached(self.rules.triggers.order)
        if not (due or any(other.accepted for other in self.case.lines if self.original(other) == self.original(line))):
            return
        expected = self.key(PostingKind.ORDER_LINE, f"line:{line.line_id}")
        if expected not in self.fixed:
            self._order(line, expected)
        inspected = self._inspected(line)
        for part, row in self._targets(line):
            if inspected or row.outcome is Outcome.WITHOUT_GOODS:
                self._accept(line, expected, part, row)

    def _inspected(self, line: ReturnLine) -> bool:
        """Tell whether goods are due; an acceptance is an inspection, whatever stage was told, a later trigger waits for its own."""
        trigger = self.rules.triggers.goods
        return (bool(line.parts) and RANK[trigger] <= RANK[Stage.INSPECTED]) or self.case.has_reached(trigger)

    def surplus(self, line: ReturnLine) -> None:
        """Tell a person of units nobody announced, and want them in stock where the rules have a place for them.

        They are counted when goods are due, so that a recount comes first, and never credited. The announced units go on.
        """
        made = self.fixed.get(self.key(PostingKind.ORDER_LINE, f"line:{line.line_id}"))
        if line.sku in self.rules.fees:
            self.findings.append(Finding(code="IMPLAUSIBLE_QUANTITY", line_id=line.line_id,
                                         sentence=f"{line.sku}: {line.received} arrived, {line.announced} were announced."))
            return
        if made and isinstance(made.document, OrderLine) and made.document.quantity > line.announced:
            self.findings.append(Finding(
                code="CHANGED_AFTER_POSTING", line_id=line.line_id,
                sentence=f"{line.sku}: the ERP expects {made.document.quantity}, now {line.announced} are announced and "
                         f"{line.received} arrived."))
            return
        rule = self.rules.surplus.get((self.entity.id, self.case.warehouse))
        rule = rule if PostingKind.ADJUSTMENT in self.route.goods else None
        where = f"they go to {rule.place.warehouse}/{rule.place.location}" if rule else "nobody decided where such units go"
        self.findings.append(Finding(
            code="SURPLUS", line_id=line.line_id,
            sentence=f"{line.surplus} x {line.sku} more than the {line.announced} announced; no credit, {where}."))
        if rule and self.rules.sellability.sells(rule.place):
            self.findings.append(Finding(
                code="DAMAGED_TO_SELLABLE", line_id=line.line_id,
                sentence=f"{line.sku}: surplus units would go on sale at {rule.place.warehouse}/{rule.place.location}."))
        elif rule and self._inspected(line):
            self._adjust(line, rule)

    def _adjust(self, line: ReturnLine, rule: Surplus) -> None:
        """Want a journal for the surplus units that no earlier one covers."""
        mine = self._adjusted(line)
        left = line.surplus - sum(mine.values(), NOTHING)
        if left > 0:
            self.want(Posting(
                key=self.key(PostingKind.ADJUSTMENT, f"surplus:{line.line_id}", 1 + max(mine, default=0)),
                currency=self.case.currency, accepted_at=self.case.inspected_at or self.case.reached.get(Stage.RECEIVED),
                document=Adjustment(line_id=line.line_id, sku=line.sku, quantity=left, place=rule.place, journal=rule.journal,
                                    expected_account=rule.expected_account)))

    def _adjusted(self, line: ReturnLine) -> dict[int, Decimal]:
        """Give the units of each journal that was made for the line, by part."""
        return {posting.key.part: posting.document.quantity for posting in self.fixed.values()
                if isinstance(posting.document, Adjustment) and posting.line_id == line.line_id}

    def _order(self, line: ReturnLine, key: PostingKey) -> None:
        """Want a line on the return order of its original sale; a line that comes later gets a new one, the first may be closed."""
        order = self.original(line)
        subject = f"order:{order}"
        part = 1 + max((key.part for key in self.fixed if key.kind is PostingKind.ORDER and key.subject == subject), default=0)
        head = self.want(Posting(
            key=self.key(PostingKind.ORDER, subject, part), currency=self.case.currency,
            document=ReturnOrder(return_ref=self.case.ref, customer=self.customer, currency=self.case.currency,
                                 warehouse=self.warehouse, order=order, reason=self.entity.return_reason)))
        self.want(Posting(
            key=key, needs=(head,), currency=self.case.currency,
            document=OrderLine(line_id=line.line_id, sku=line.sku, quantity=line.announced, unit_price=line.unit_price or NOTHING,
                               warehouse=self.warehouse, description=line.description, order=order)))

    def _targets(self, line: ReturnLine) -> list[tuple[Part, MappingRow]]:
        """Choose a target for each accepted part; what has none is held with its value shown."""
        targets = []
        for part in line.parts:
            if not part.accepted:
                continue
            when = Circumstance(legal_entity=self.entity.id, warehouse=self.case.warehouse,
                                disposition=part.disposition, condition=part.condition, reason=line.reason)
            row = choose(self.rules.mapping, when)
            if row is None:
                near = ", ".join(near_misses(self.rules.mapping, when))
                self.findings.append(Finding(
                    code="UNMAPPED_DISPOSITION", line_id=line.line_id,
                    sentence=f"{part.quantity} x {line.sku}: nobody mapped disposition '{part.disposition}', condition "
                             f"'{part.condition}', reason '{line.reason}' at '{self.case.warehouse}'.",
                    hint=f"looks like {near}" if near and near != part.disposition else ""))
            elif not fit(row, self.rules.sellability):
                self.findings.append(Finding(
                    code="DAMAGED_TO_SELLABLE", line_id=line.line_id,
                    sentence=f"{line.sku}: '{part.disposition}' would go on sale at {row.place.warehouse}/{row.place.location}."))
            elif row.credit:
                targets.append((part, row))
        return targets

    def _accept(self, line: ReturnLine, expected: PostingKey, part: Part, row: MappingRow) -> None:
        """Want receipt and credit for the units of a part that no earlier posting covers."""
        subject = f"line:{line.line_id}"
        mine = {posting.key.part: posting.document for posting in (*self.fixed.values(), *self.postings)
                if posting.key.subject == subject and isinstance(posting.document, Receipt)}
        alike = [receipt for receipt in mine.values() if (receipt.condition, receipt.disposition) == (part.condition, part.disposition)]
        # Never more over the whole line than is accepted, also when units changed their grade after posting.
        left = min(part.quantity - _units(alike), line.accepted - _units(mine.values()))
        if left <= 0:
            return
        number = 1 + max(mine, default=0)
        price = line.unit_price or NOTHING
        receipt = self.want(Posting(
            key=self.key(PostingKind.RECEIPT, subject, number), needs=(expected,), currency=self.case.currency,
            accepted_at=self.case.inspected_at,
            document=Receipt(line_id=line.line_id, sku=line.sku, quantity=left, condition=part.condition,
                             disposition=part.disposition, erp_disposition=row.erp_disposition, place=row.place,
                             outcome=row.outcome, reason=line.reason, journal=row.journal)))
        net = rounded(left * price, self.case.currency)
        self.want(Posting(
            key=self.key(PostingKind.CREDIT_NOTE, subject, number), needs=(receipt,), currency=self.case.currency,
            net=-net, accepted_at=self.case.inspected_at,
            document=CreditNote(line_id=line.line_id, sku=line.sku, quantity=left, unit_price=price, net=net,
                                outcome=row.outcome)))

    def compare_with_fixed(self, line: ReturnLine) -> None:
        """Notice what was said differently after documents were made: the line itself, or what was accepted of it."""
        covered: dict[tuple[str, str], Decimal] = {}
        for key, posting in self.fixed.items():
            document = posting.document
            if isinstance(document, OrderLine) and document.line_id == line.line_id and line.announced > 0:
                self._compare_line(line, key, document)
            elif isinstance(document, Receipt) and document.line_id == line.line_id:
                like = (document.condition, document.disposition)
                covered[like] = covered.get(like, NOTHING) + document.quantity
        adjusted = sum(self._adjusted(line).values(), NOTHING)
        if adjusted > line.surplus:
            self.findings.append(Finding(
                code="CHANGED_AFTER_POSTING", line_id=line.line_id,
                sentence=f"{adjusted} x {line.sku} were taken into stock as surplus, now it is {line.surplus}: reverse the journal first."))
        for (condition, disposition), quantity in covered.items():
            now = sum((part.quantity for part in line.parts if part.accepted
                       and (part.condition, part.disposition) == (condition, disposition)), NOTHING)
            if now < quantity:
                refused = line.accepted < sum(covered.values(), NOTHING)
                self.findings.append(Finding(
                    code="REJECTED_AFTER_CREDIT" if refused else "GRADE_CHANGED_AFTER_POSTING", line_id=line.line_id,
                    sentence=f"{line.sku}: {quantity} were posted as {condition}/{disposition}, now it is {now}."))

    def _compare_line(self, line: ReturnLine, key: PostingKey, made: OrderLine) -> None:
        """Notice another item, price or more units than the ERP's line has; fewer may still come as they are accepted."""
        fee = key.kind is PostingKind.FEE_LINE
        same_item = (line.sku in self.rules.fees) is fee and (fee or line.sku == made.sku)
        same_quantity = line.announced == made.quantity if fee else line.announced <= made.quantity
        if not (same_item and same_quantity and (line.unit_price or NOTHING) == made.unit_price):
            self.findings.append(Finding(
                code="CHANGED_AFTER_POSTING", line_id=line.line_id,
                sentence=f"The ERP's line is {made.quantity} x {made.sku} at {made.unit_price}, now the return says "
                         f"{line.announced} x {line.sku} at {line.unit_price}."))

    def fee(self, line: ReturnLine) -> None:
        """Want a credit through a service item for a line that is no product."""
        rule = self.rules.fees[line.sku]
        if not rule.customer_return:
            self.findings.append(Finding(code="NOT_A_CUSTOMER_RETURN", line_id=line.line_id,
                                         sentence=f"'{line.sku}' is no customer return: {line.description or line.sku}."))
            return
        if not self.case.has_reached(self.rules.triggers.fees) or self._all_goods_refused():
            return
        line_key = self.key(PostingKind.FEE_LINE, f"line:{line.line_id}")
        if line_key in self.fixed:
            self.want(self._fee_credit(line, self.fixed[line_key].needs[0].part))
            return
        part = 1 + sum(key.kind is PostingKind.FEE_RELEASE for key in self.fixed)
        head = self.want(Posting(
            key=self.key(PostingKind.FEE_ORDER, "fees", part), currency=self.case.currency,
            document=ReturnOrder(return_ref=self.case.ref, customer=self.customer, currency=self.case.currency,
                                 warehouse=self.warehouse)))
        self.want(Posting(
            key=line_key, needs=(head,), currency=self.case.currency,
            document=OrderLine(line_id=line.line_id, sku=rule.service_item, quantity=line.announced,
                               unit_price=line.unit_price or NOTHING, warehouse=self.warehouse,
                               description=line.description)))
        self.want(self._fee_credit(line, part))

    def _fee_credit(self, line: ReturnLine, part: int) -> Posting:
        net = rounded(line.net, self.case.currency)
        return Posting(
            key=self.key(PostingKind.FEE_CREDIT_NOTE, f"line:{line.line_id}"), net=-net, currency=self.case.currency,
            needs=(self.key(PostingKind.FEE_RELEASE, "fees", part),
                   self.key(PostingKind.FEE_LINE, f"line:{line.line_id}")),
            document=CreditNote(line_id=line.line_id, sku=self.rules.fees[line.sku].service_item,
                                quantity=line.announced, unit_price=line.unit_price or NOTHING, net=net))

    def _all_goods_refused(self) -> bool:
        goods = [line for line in self.case.lines if line.sku not in self.rules.fees and line.announced > 0]
        return bool(goods) and all(line.rejected >= line.announced for line in goods)

    def release(self) -> None:
        """Want the release of each fee order that has lines and none yet."""
        for head in [posting for posting in (*self.fixed.values(), *self.postings)
                     if posting.key.kind is PostingKind.FEE_ORDER]:
            key = self.key(PostingKind.FEE_RELEASE, "fees", head.key.part)
            lines = tuple(sorted(posting.key for posting in (*self.fixed.values(), *self.postings)
                                 if posting.key.kind is PostingKind.FEE_LINE and head.key in posting.needs))
            if lines:
                self.want(Posting(key=key, needs=(head.key, *lines), currency=self.case.currency,
                                  document=Release(return_ref=self.case.ref,
                                                   lines=tuple(line.marker for line in lines))))

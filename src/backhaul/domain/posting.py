"""What is one effect in the ERP, by which key is it known, and what can come of asking for it?"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from itertools import zip_longest
from typing import Final

from backhaul.domain.disposition import JournalType, Outcome, Place
from backhaul.domain.money import in_words
from backhaul.domain.returns import NOTHING
from backhaul.domain.trail import digest


class PostingKind(StrEnum):
    """One ERP effect we want. Which of them an ERP needs is its `Route`."""

    ORDER = "order"
    ORDER_LINE = "order-line"
    RECEIPT = "receipt"
    ADJUSTMENT = "adjustment"
    TRANSFER = "transfer"
    ISSUE = "issue"
    CREDIT_NOTE = "credit-note"
    FEE_ORDER = "fee-order"
    FEE_LINE = "fee-line"
    FEE_RELEASE = "fee-release"
    FEE_CREDIT_NOTE = "fee-credit-note"
    RELEASE = "release"
    STOP = "stop"
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
    `receives` is the posting that takes a unit into stock, `writes_off` the one that books its loss; each once per unit (books 1).
    """

    goods: tuple[PostingKind, ...]
    fees: tuple[PostingKind, ...]
    nature: Mapping[PostingKind, Nature]
    whole: frozenset[PostingKind] = frozenset()
    receives: PostingKind = PostingKind.RECEIPT
    writes_off: PostingKind = PostingKind.RECEIPT

    @property
    def holds_back(self) -> bool:
        """Tell whether a receipt that we send stands between an order line and its credit.

        Where none does, the ERP takes a line on to the credit by itself: it may not be written before its units are accepted (INV-04).
        """
        return self.nature.get(PostingKind.RECEIPT, Nature.AWAITED) is not Nature.AWAITED

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
        text = "|".join(parts)
        if "%" in text or text.count("|") >= len(parts):
            return "|".join(part.replace("%", "%25").replace("|", "%7C") for part in parts)
        return text

    @staticmethod
    def parse(text: str) -> "PostingKey":
        """Read a key back from its string."""
        return _parsed(text)

    @property
    def marker(self) -> str:
        """Give the short form the ERP can be searched by: 20 characters, upper case and digits."""
        return mark(str(self))


@lru_cache(maxsize=10_000)
def _parsed(text: str) -> PostingKey:
    """Read a key; the same few are read again and again, as what others need."""
    parts = [part.replace("%7C", "|").replace("%25", "%") for part in text.split("|")]
    return PostingKey(tenant=parts[0], legal_entity=parts[1], return_ref=parts[2], subject=parts[3],
                      kind=PostingKind(parts[4]), part=int(parts[5]), generation=int(parts[6]))


MARK: Final = re.compile("ZZ[A-Z2-7]{18}")
"""How every mark of ours looks."""


def is_mark(text: str) -> bool:
    """Tell whether a text that an ERP holds is a mark of ours."""
    return MARK.fullmatch(text) is not None


def mark(text: str) -> str:
    """Shorten any key to 20 characters that fit every searchable field (90 bits of SHA-256)."""
    return "ZZ" + base64.b32encode(hashlib.sha256(text.encode()).digest()).decode()[:18]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnOrder:
    """Head of the ERP's return order, or of the negative sales order for fees. One per original order.

    `net` is what its lines come to: positive for a credit, negative where they take more from the customer than they give, for an ERP
    whose credits and charges are two kinds of document.
    """

    return_ref: str
    customer: str
    currency: str
    warehouse: str
    order: str = ""
    reason: str = ""
    net: Decimal = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ErpItem:
    """What the ERP calls a SKU that has another name there: an item, and the dimensions of its variant in the adapter's own words."""

    number: str
    dimensions: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """Say it as people do: the item, then what its dimensions hold."""
        return "/".join((self.number, *(value for _, value in self.dimensions)))


@dataclass(frozen=True, slots=True, kw_only=True)
class LotShare:
    """So many units of an order line come from this line of the original sale, and what each cost when it was issued.

    `sold` units at `sold_at` net were on that line; the store holds all claims on it to that by itself (INV-03).
    """

    lot: str
    quantity: Decimal
    unit_cost: Decimal | None = None
    final: bool = True
    """Whether that cost is financially posted; until then the ERP may still change it (books 7)."""
    sold: Decimal | None = None
    sold_at: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Units that came in and were accepted, and where they go; the one stock document of each unit. `node`: the hub that took them in."""

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
    item: ErpItem | None = None
    node: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """A line expected back. `quantity` positive; `unit_price` net of discount; `unit_cost` of the original issue.

    `lots` are the lines of the original sale its units come from, `original_lot` the only one where there is one.
    `intake` says where its units go, on a line the ERP receives without a receipt of ours. `tax_rate` is that of the sale in per cent;
    None where nobody knows it, so that the draft's tax is compared with nothing.
    """

    line_id: str
    sku: str
    quantity: Decimal
    unit_price: Decimal
    warehouse: str
    description: str = ""
    order: str = ""
    unit_cost: Decimal | None = None
    original_lot: str = ""
    lots: tuple[LotShare, ...] = ()
    intake: Receipt | None = None
    tax_rate: Decimal | None = None
    item: ErpItem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """Units that have no return document: they come into stock by a journal, at a place that is not on sale, without credit.

    `unit_cost` None leaves the value to the ERP's own cost of the item; `journal` names a journal other than the adapter's own.
    `expected_account` is sent where the journal is a movement, and compared with the ledger everywhere (books 7).
    """

    line_id: str
    sku: str
    quantity: Decimal
    place: Place
    journal: str = ""
    journal_type: JournalType = JournalType.ADJUSTMENT
    expected_account: str = ""
    unit_cost: Decimal | None = None
    item: ErpItem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Units that are stock already and go to another place: net zero, no credit, no second receipt (books 1)."""

    line_id: str
    sku: str
    quantity: Decimal
    source: Place
    target: Place
    condition: str = ""
    disposition: str = ""
    journal: str = ""
    item: ErpItem | None = None
    node: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """Units that leave stock without a sale: a loss, or the reversal of an adjustment whose units were matched (books 1).

    `quantity` positive, from `place`; `unit_cost` None leaves the value to the ERP. `why` is for whoever reads the journal.
    """

    line_id: str
    sku: str
    quantity: Decimal
    place: Place
    journal: str = ""
    journal_type: JournalType = JournalType.ADJUSTMENT
    expected_account: str = ""
    unit_cost: Decimal | None = None
    why: str = ""
    item: ErpItem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNote:
    """What the customer is credited for units of one line. `net` positive, in the return's currency.

    `tax` is what the ERP should compute on it at `tax_rate` per cent; None where no rate is known. `charge` is what the ERP itself should
    deduct from it. What is taken from the refund has negative `quantity` and `net`.
    """

    line_id: str
    sku: str
    quantity: Decimal
    unit_price: Decimal
    net: Decimal
    outcome: Outcome | None = None
    expected_account: str = ""
    tax_rate: Decimal | None = None
    tax: Decimal | None = None
    charge: Decimal = NOTHING
    item: ErpItem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Lets the ERP's invoice job see a verified draft. `lines` are the markers it must hold, exactly."""

    return_ref: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Keeps the ERP's jobs from taking an order any further: what happened to it by hand is not what was accepted."""

    return_ref: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spare:
    """A draft with our mark that is to be removed. `ids` name it in the ERP's words.

    `entity` is the adapter's own word for the kind of record, or the `PostingKind` it came from.
    """

    entity: str
    ids: Mapping[str, str]


Document = ReturnOrder | OrderLine | Receipt | Adjustment | Transfer | Issue | CreditNote | Release | Stop | Spare
def per_currency(amounts: Iterable[tuple[Decimal, str]]) -> dict[str, Decimal]:
    """Add amounts up, each currency by itself, because they never mix (INV-08)."""
    sums: dict[str, Decimal] = {}
    for amount, currency in amounts:
        sums[currency] = sums.get(currency, NOTHING) + amount
    return sums


DOCUMENTS: Final[Mapping[PostingKind, type]] = {
    PostingKind.ORDER: ReturnOrder, PostingKind.ORDER_LINE: OrderLine, PostingKind.RECEIPT: Receipt,
    PostingKind.ADJUSTMENT: Adjustment, PostingKind.TRANSFER: Transfer, PostingKind.ISSUE: Issue,
    PostingKind.CREDIT_NOTE: CreditNote, PostingKind.FEE_ORDER: ReturnOrder,
    PostingKind.FEE_LINE: OrderLine, PostingKind.FEE_RELEASE: Release, PostingKind.FEE_CREDIT_NOTE: CreditNote,
    PostingKind.RELEASE: Release, PostingKind.STOP: Stop, PostingKind.SPARE: Spare,
}


def intake(document: Document) -> Receipt | None:
    """Give what a document brings into stock of what was accepted: itself, or what its line says of it; None when it brings nothing."""
    return document if isinstance(document, Receipt) else document.intake if isinstance(document, OrderLine) else None


JOURNALS: Final = (Adjustment, Transfer, Issue)
"""Documents that travel as lines of an inventory journal."""
Goods = OrderLine | Receipt | Adjustment | Transfer | Issue | CreditNote


def named(units: "Goods | JournalLine") -> ErpItem:
    """Give what the ERP calls these units: as it was fixed, else by the SKU itself."""
    return units.item or ErpItem(number=units.sku)


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
    `item` is what its units are, `place` and `disposition` what became of them, as far as the record says so; `accounts` are those its
    vouchers touched in the ledger, none where nobody asked. `unexplained` is what a draft's total holds beyond its lines and their tax.
    """

    number: str
    open: bool = False
    ids: Mapping[str, str] = field(default_factory=dict)
    quantity: Decimal | None = None
    net: Decimal | None = None
    tax: Decimal | None = None
    gross: Decimal | None = None
    cost: Decimal | None = None
    charge: Decimal | None = None
    currency: str = ""
    voucher: str = ""
    posted_on: date | None = None
    copies: int = 1
    spares: tuple[Spare, ...] = ()
    key: str = ""
    place: Place | None = None
    disposition: str = ""
    accounts: tuple[str, ...] = ()
    unexplained: Decimal | None = None
    item: ErpItem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """It is recorded; this is what the ERP says of it."""

    document: ErpDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """It is provably not recorded. `transient`: the same request may succeed later, not before `after_seconds`.

    `request` is what the request is called, by which the ERP's vendor finds it again.
    """

    sentence: str
    transient: bool = False
    after_seconds: float | None = None
    counts: bool = True
    request: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unconfirmed:
    """Nobody knows. It is a state of its own, settled by looking, never by sending again on a time-out."""

    sentence: str
    request: str = field(default="", compare=False)


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
    """One line of an inventory journal: all units of an item that a batch moves alike, and whose they are.

    `place` is where they come in or leave, and where a transfer takes them from; `target` is where a transfer takes them to.
    `account` is the offset account of a movement's line.
    """

    number: int
    sku: str
    place: Place
    shares: tuple[Share, ...]
    target: Place | None = None
    account: str = ""
    item: ErpItem | None = None

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
    `posting_on` is the day it should be posted on, for an ERP that takes one (books 5).
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
    posting_on: date | None = None

    @property
    def controls(self) -> Mapping[str, str]:
        """Give the batch's control totals: count, units and net, as exact decimals in text."""
        units = sum((getattr(posting.document, "quantity", NOTHING) for posting in self.postings), NOTHING)
        net = in_words(per_currency((posting.net, posting.currency) for posting in self.postings))
        return {"count": str(len(self.postings)), "units": format(units, "f"), "net": net}

    @property
    def fingerprint(self) -> str:
        """Give the hash of all it carries, stored with the attempt before anything is sent (INV-10)."""
        return digest([posting.fingerprint for posting in self.postings])

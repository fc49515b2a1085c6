"""Would the ERP accept this, and should it?

Everything that can be known before sending is asked here, from the ERP's own master data. Each check is
a small generator over one line; a new check is one more function and one more name in `CHECKS`. Content
faults found here are never retried by themselves: a team owns them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from backhaul.domain import charges, kits
from backhaul.domain.disposition import Place
from backhaul.domain.exception_case import Finding
from backhaul.domain.job_schedule import Job
from backhaul.domain.period_status import Told, why_refused
from backhaul.domain.posting import Adjustment, ErpItem, Issue, LotShare, OrderLine, Posting, PostingKind, Receipt, Transfer, intake
from backhaul.domain.returns import NOTHING, ReturnCase, ReturnLine
from backhaul.domain.rules import LegalEntity, Rules
from backhaul.domain.tax import TaxTable


class ItemState(StrEnum):
    """What the item master says of an item; each of the last two is its own finding."""

    ACTIVE = "active"
    BLOCKED = "blocked"
    DISCONTINUED = "discontinued"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What a SKU names in the ERP. `highest_price` is the highest known net sales price.

    `erp` is what the ERP calls it where that is not the SKU; `needs_variant` says that the ERP keeps its stock by variant and the SKU names
    none that is released; `also` are other items the same code names; `counts` is what one of the code counts, where that was told.
    """

    number: str
    erp: ErpItem | None = None
    needs_variant: bool = False
    also: tuple[str, ...] = ()
    counts: str = ""
    state: ItemState = ItemState.ACTIVE
    service: bool = False
    unit: str = ""
    tax_group: str = ""
    highest_price: Decimal | None = None
    standard_cost: bool = False
    """Whether the ERP values it at a standard, whatever cost a return names (facts/finance-scm 8)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer account of the ERP."""

    account: str
    on_hold: bool = False
    tax_group: str = ""
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleLine:
    """One line of an original order. `returned` units, worth `returned_net`, are on return documents that are not ours.

    `also` are other SKUs that name what it sold.
    """

    sku: str
    quantity: Decimal
    unit_price: Decimal
    lot: str = ""
    unit_cost: Decimal | None = None
    cost_is_final: bool = True
    returned: Decimal = NOTHING
    returned_net: Decimal = NOTHING
    tax_group: str = ""
    tax_item_group: str = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """An original sales order as the ERP has it."""

    number: str
    customer: str
    currency: str
    lines: tuple[SaleLine, ...]
    sold_on: date | None = None

    def of(self, sku: str) -> tuple[SaleLine, ...]:
        """Give the lines that sold this SKU, by exact match."""
        return tuple(line for line in self.lines if sku in {line.sku, *line.also})


def with_components(sale: Sale, rules: Rules) -> Sale:
    """Give a sale with the components of its exploded kits as lines of their own: each sold with the kit, at its part of the price."""
    parts = [
        SaleLine(sku=component.sku, quantity=line.quantity * component.quantity, unit_price=each[component.sku],
                 lot=f"{line.lot or line.sku}/{component.sku}", returned=line.returned * component.quantity,
                 returned_net=line.returned * component.quantity * each[component.sku], tax_group=line.tax_group,
                 tax_item_group=line.tax_item_group)
        for line in sale.lines if (kit := rules.kits.get(line.sku)) and kit.mode is kits.KitMode.EXPLODED
        for each in (kits.prices(kit, line.unit_price, sale.currency),) for component in kit.components]
    return replace(sale, lines=(*sale.lines, *parts)) if parts else sale


NEWEST: Final = 50
"""Sales of the buyers that are asked about, at most."""
OF_ITEM: Final = 100
"""Lines of sales of an item in a span of days that are looked at, at most, the newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """An item that was sold, by the code our messages give it, and the days between which it may have been, both included."""

    item: str
    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What to ask the ERP about a set of cases. Of `buyers`, the newest sales are told beside the orders, however they are called.

    So are the newest of an item in a span of days, as `sold` says; its item is one of `items`.
    """

    legal_entity: str
    items: frozenset[str] = frozenset()
    customers: frozenset[str] = frozenset()
    orders: frozenset[str] = frozenset()
    buyers: frozenset[str] = frozenset()
    sold: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterData:
    """The ERP's answers. What is not in a mapping, the ERP does not have. `places` are exact codes.

    `left_out`: an item was sold more often in its span of days than is looked at; the oldest of its sales are not among these.
    """

    items: Mapping[str, Item] = field(default_factory=dict)
    customers: Mapping[str, Customer] = field(default_factory=dict)
    sales: Mapping[str, Sale] = field(default_factory=dict)
    warehouses: frozenset[str] = frozenset()
    places: frozenset[Place] = frozenset()
    disposition_codes: frozenset[str] = frozenset()
    replacing: frozenset[str] = frozenset()
    """Disposition codes by which the ERP makes a replacement order of its own."""
    reason_codes: frozenset[str] = frozenset()
    periods: Sequence[Told] = ()
    """What the books say of their days; of days nobody says anything of, the profile's calendar alone decides."""
    jobs: Sequence[Job] = ()
    """What the ERP's own jobs are, those the profile names; empty where it names none or the ERP has none."""
    taxes: TaxTable = field(default_factory=TaxTable)
    tax_groups: frozenset[str] = frozenset()
    """Codes by which customers and sales are taxed; empty where the ERP does not tell them, as the next."""
    tax_item_groups: frozenset[str] = frozenset()
    left_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What is taken of one line of a sale: units, and their net value as credited."""

    units: Decimal = NOTHING
    net: Decimal = NOTHING

    def __add__(self, other: "Taken") -> "Taken":
        """Take more."""
        return Taken(units=self.units + other.units, net=self.net + other.net)

    def __sub__(self, other: "Taken") -> "Taken":
        """Leave out what is one's own."""
        return Taken(units=self.units - other.units, net=self.net - other.net)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What earlier returns of ours already take of a sale or an allowance: by (order, lot), and net by customer.

    `today` is what went out within a day, net by customer and currency. `takers` are the returns that take units, by (order, SKU).
    """

    lots: Mapping[tuple[str, str], Taken] = field(default_factory=dict)
    history: Mapping[str, Decimal] = field(default_factory=dict)
    today: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)
    takers: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the units of a return line come from. `missing` units no line of the sale has left.

    `dearer` are the prices of lines that were sold for less than is to be credited, `beyond` the value above what is left.
    """

    shares: tuple[LotShare, ...] = ()
    missing: Decimal = NOTHING
    dearer: tuple[Decimal, ...] = ()
    beyond: Decimal = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """One line in front of the judge, with everything the checks look at. `made` is what its first document said the SKU is in the ERP.

    `alike` are other returns that take the same item of the same sale, where the goods of either were found without a return.
    """

    case: ReturnCase
    line: ReturnLine
    postings: Sequence[Posting]
    rules: Rules
    entity: LegalEntity
    master: MasterData
    claims: Claims
    period: str
    origin: Origin | None = None
    made: ErpItem | None = None
    posted_on: date | None = None
    missed: frozenset[str] = frozenset()
    alike: frozenset[str] = frozenset()

    @property
    def is_fee(self) -> bool:
        """Tell whether the line is no product."""
        return self.line.sku in self.rules.fees

    @property
    def is_blind(self) -> bool:
        """Tell whether nobody announced the goods: they can become stock, and there is nothing to credit."""
        return self.line.blind

    @property
    def is_history(self) -> bool:
        """Tell whether the goods were sold before the ERP's data starts, as the order's reference or day says."""
        history = self.rules.history
        return history is not None and history.covers(self.line.order, self.line.ordered_on)

    @property
    def customer(self) -> str:
        """Give the account to credit: the return's own, or the one configured for none."""
        return self.case.customer or self.entity.no_customer_account

    @property
    def taxes(self) -> TaxTable:
        """Give the rates: the ERP's own, else those of the profile."""
        return self.master.taxes or self.rules.taxes.get(self.entity.id, TaxTable())

    @property
    def rate(self) -> Decimal | None:
        """Give the rate the credit should carry: that of the sale at its date, of a fee its service item's on the day of posting."""
        groups, day = self._taxed()
        return self.taxes.rate(*groups, day) if day and self.taxes else None

    @property
    def rate_in_erp(self) -> Decimal | None:
        """Give the rate the ERP will compute: by the groups it has now, on the day of posting."""
        if not (self.posted_on and self.taxes):
            return None
        return self.taxes.rate(*self._groups_now(), self.posted_on)

    def _groups_now(self) -> tuple[str, str]:
        sku = self.rules.fees[self.line.sku].service_item if self.is_fee else self.line.sku
        customer, item = self.master.customers.get(self.customer), self.master.items.get(sku)
        return (customer.tax_group if customer else "", item.tax_group if item else "")

    def _taxed(self) -> tuple[tuple[str, str], date | None]:
        """Say under which groups and when it was taxed; where the sale does not say, nobody knows when."""
        if self.is_fee:
            return self._groups_now(), self.posted_on
        sale = self.master.sales.get(self.line.order or "")
        lots = {share.lot for share in self.origin.shares} if self.origin else set()
        sold = sale.of(self.line.sku) if sale else ()
        if sale is None or not sold:
            return ("", ""), None
        line = next((line for line in sold if line.lot in lots), sold[0])
        now = self._groups_now()
        return (line.tax_group or now[0], line.tax_item_group or now[1]), sale.sold_on

    def finding(self, code: str, sentence: str, hint: str = "") -> Finding:
        """Write a finding about this line."""
        return Finding(code=code, sentence=sentence, line_id=self.line.line_id, hint=hint)


Check = Callable[[Matter], Iterator[Finding]]


def sku_names_one_item(m: Matter) -> Iterator[Finding]:
    """Look the SKU up, letter by letter: it must name one item, or one released variant of it, and the same as when the line began."""
    if m.is_fee:
        return
    item = m.master.items.get(m.line.sku)
    if item is None:
        near = sorted(code for code in m.master.items if code.strip().casefold() == m.line.sku.strip().casefold())
        yield m.finding("SKU_UNKNOWN", f"SKU '{m.line.sku}' is not in the item master of {m.entity.id}.",
                        hint=f"looks like {', '.join(near)}" if near else "")
    elif item.also:
        yield m.finding("SKU_AMBIGUOUS", f"SKU '{m.line.sku}' names {' and '.join(item.also)} in {m.entity.id}.")
    elif m.made not in {None, now := item.erp or ErpItem(number=item.number)}:
        yield m.finding("SKU_AMBIGUOUS", f"SKU '{m.line.sku}' was {m.made} when the first document of the line was made, and is {now} now.")
    elif item.needs_variant:
        yield m.finding("VARIANT_UNKNOWN", f"SKU '{m.line.sku}' names an item with variants and none of them in {m.entity.id}."
                        if item.erp is None or not item.erp.dimensions else
                        f"SKU '{m.line.sku}' is {item.erp}, and {m.entity.id} has released no such variant.")


def item_is_active(m: Matter) -> Iterator[Finding]:
    """Ask whether the item may come back; blocked and discontinued are two findings; a service is no goods, and a unit must be one.

    While nobody knows which item a code stands for, its state says nothing.
    """
    item = m.master.items.get(m.line.sku)
    if m.is_fee or item is None or item.also or item.needs_variant:
        return
    if item.state is ItemState.BLOCKED:
        yield m.finding("SKU_BLOCKED", f"SKU '{m.line.sku}' is stopped for sales in {m.entity.id}.")
    elif item.state is ItemState.DISCONTINUED:
        yield m.finding("SKU_DISCONTINUED", f"SKU '{m.line.sku}' is discontinued in {m.entity.id}.")
    elif item.service:
        yield m.finding("UNMAPPED_FEE", f"'{m.line.sku}' is a service item in {m.entity.id}, and no fee of the profile.")
    elif not item.unit:
        yield m.finding("UNIT_UNKNOWN", f"SKU '{m.line.sku}' has no sales unit.")
    elif item.counts not in {"", item.unit}:
        yield m.finding("UNIT_UNKNOWN", f"SKU '{m.line.sku}' counts {item.counts}, the item is sold by {item.unit}.")


def service_item_is_active(m: Matter) -> Iterator[Finding]:
    """Make sure a fee has an active service item before a credit note can fail on it."""
    if not m.is_fee:
        return
    name = m.rules.fees[m.line.sku].service_item
    item = m.master.items.get(name)
    if item is None or not item.service or item.state is not ItemState.ACTIVE:
        yield m.finding("SERVICE_ITEM_UNKNOWN", f"'{m.line.sku}' is mapped to '{name}', which is no active service item.")


def charges_have_items(postings: Iterable[Posting], master: MasterData) -> Iterator[Finding]:
    """Make sure that every charge besides the goods has an active service item; what it belongs to waits with it."""
    for posting in postings:
        if charges.is_charge(posting) and posting.key.kind is PostingKind.FEE_LINE and isinstance(posting.document, OrderLine):
            _, code, line_id = posting.line_id.split(":", 2)
            item = master.items.get(posting.document.sku)
            if item is None or not item.service or item.state is not ItemState.ACTIVE:
                yield Finding(code="SERVICE_ITEM_UNKNOWN", line_id=line_id,
                              sentence=f"'{code}' is mapped to '{posting.document.sku}', which is no active service item.")


def places_exist(m: Matter) -> Iterator[Finding]:
    """Compare warehouse and location codes exactly; a near miss is shown and never used."""
    wanted = dict.fromkeys(receipt for posting in m.postings if (receipt := intake(posting.document)))
    warehouse = m.entity.warehouses.get(m.case.warehouse)
    if not warehouse or warehouse not in m.master.warehouses:
        known = [*m.entity.warehouses, *m.master.warehouses]
        near = sorted({code for code in known if code.strip().casefold() == m.case.warehouse.strip().casefold()})
        yield m.finding("WAREHOUSE_UNKNOWN", f"Warehouse '{m.case.warehouse}' has no exact match in {m.entity.id}.",
                        hint=f"looks like {', '.join(near)}" if near else "")
    for document in (posting.document for posting in m.postings):
        for place in (document.source, document.target) if isinstance(document, Transfer) \
                else (document.place,) if isinstance(document, Adjustment | Issue) else ():
            if Place(warehouse=place.warehouse, location=place.location) not in m.master.places:
                yield m.finding("WAREHOUSE_UNKNOWN", f"{place.warehouse}/{place.location}, to which a journal moves units or from "
                                                     f"which it takes them, is no location in {m.entity.id}.")
    for receipt in wanted:
        place = receipt.place
        # Goods the customer keeps go to no location.
        exists = (Place(warehouse=place.warehouse, location=place.location) in m.master.places if place.location
                  else place.warehouse in {"", *m.master.warehouses})
        if not exists:
            yield m.finding("WAREHOUSE_UNKNOWN", f"{place.warehouse}/{place.location} is no location in {m.entity.id}.")


def codes_exist(m: Matter) -> Iterator[Finding]:
    """Look disposition codes and the return reason up in the ERP; none may make a replacement order of its own."""
    for receipt in (posting.document for posting in m.postings if isinstance(posting.document, Receipt)):
        if receipt.erp_disposition not in m.master.disposition_codes:
            yield m.finding("DISPOSITION_CODE_UNKNOWN", f"The ERP has no disposition code '{receipt.erp_disposition}'.")
        elif receipt.erp_disposition in m.master.replacing:
            yield m.finding("REPLACEMENT_ORDER", f"Disposition code '{receipt.erp_disposition}' makes a replacement order for "
                                                 f"{receipt.sku}; what goes out in exchange is the platform's.")
    if m.entity.return_reason and m.entity.return_reason not in m.master.reason_codes:
        yield m.finding("DISPOSITION_CODE_UNKNOWN", f"The ERP has no return reason '{m.entity.return_reason}'.")


def customer_can_be_credited(m: Matter) -> Iterator[Finding]:
    """Find the account; without a customer the configured one serves, up to its limit per line."""
    if m.is_blind:
        return
    if not m.case.customer:
        if not m.entity.no_customer_account:
            yield m.finding("NO_CUSTOMER", f"Return {m.case.ref} names no customer.")
            return
        if m.line.net > m.entity.no_customer_limit:
            yield m.finding("NO_CUSTOMER", f"{m.line.net} {m.case.currency} without a customer is above the limit of "
                                           f"{m.entity.no_customer_limit} for account {m.entity.no_customer_account}.")
    customer = m.master.customers.get(m.customer)
    if customer is None:
        yield m.finding("CUSTOMER_UNKNOWN", f"The ERP does not know customer '{m.customer}'.")
    elif customer.on_hold:
        yield m.finding("CUSTOMER_ON_HOLD", f"Customer '{m.customer}' is on hold.")


def original_sale_covers_it(m: Matter) -> Iterator[Finding]:
    """Find the original order line, with quantity and value still returnable (INV-03)."""
    if m.is_fee or m.is_blind or m.is_history or (not m.case.customer and m.line.order is None):
        return
    if not m.line.order:
        yield m.finding("ORDER_MISSING", f"{m.line.sku} names no original order.")
        return
    sale = m.master.sales.get(m.line.order)
    if sale is None:
        yield m.finding("ORDER_UNKNOWN", f"Order '{m.line.order}' is not in {m.entity.id}.")
        return
    sold = sale.of(m.line.sku)
    if not sold and (whole := [kit for kit in kits.whole_only(m.line.sku, m.rules.kits) if sale.of(kit)]):
        yield m.finding("KIT_NOT_WHOLE", f"{m.line.sku} is part of {', '.join(whole)} of order {sale.number}, which comes back whole only.")
        return
    if not sold:
        yield m.finding("ORDER_LINE_UNKNOWN", f"Order {sale.number} sold no '{m.line.sku}'.")
        return
    if m.line.matched and sale.customer != m.customer:
        yield m.finding("MATCH_DIFFERS", f"Order {sale.number} was sold to {sale.customer}, the return credits {m.customer}.")
    if sale.currency != m.case.currency:
        yield m.finding("CURRENCY_DIFFERS", f"Order {sale.number} was in {sale.currency}, the return is in {m.case.currency}.")
    yield from _origin_covers_it(m, sale, sold, m.origin or Origin())


def _origin_covers_it(m: Matter, sale: Sale, sold: Sequence[SaleLine], origin: Origin) -> Iterator[Finding]:
    """Compare the lines of the sale that were chosen with what is to be credited: units, price and value (INV-03)."""
    if origin.missing:
        yield m.finding("QUANTITY_ABOVE_SOLD", f"{m.line.announced} x {m.line.sku} of order {sale.number}, "
                                               f"{m.line.announced - origin.missing} of "
                                               f"{sum((line.quantity for line in sold), NOTHING)} still returnable.")
    if origin.dearer:
        yield m.finding("PRICE_ABOVE_SOLD", f"{m.line.sku} is to be credited at {m.line.unit_price}, order {sale.number} "
                                            f"sold it at {' and '.join(map(str, origin.dearer))}.")
    if origin.beyond and not (origin.missing or origin.dearer):
        yield m.finding("VALUE_ABOVE_SOLD", f"{m.line.announced} x {m.line.sku} at {m.line.unit_price} is {origin.beyond} more than is "
                                            f"left of what order {sale.number} was paid for it.")
    if len(origin.shares) > 1 and not m.rules.origin.divide:
        told = " and ".join(f"{share.quantity} of {share.lot}" for share in origin.shares)
        yield m.finding("SPANS_SALE_LINES", f"No one line of order {sale.number} covers {m.line.announced} x {m.line.sku}: {told}.")


def goods_are_credited_once(m: Matter) -> Iterator[Finding]:
    """Keep goods that came unannounced and a return that announced the same from being credited both before people told them apart."""
    if m.alike and any(posting.key.kind is PostingKind.ORDER_LINE for posting in m.postings):
        which = "These goods came without a return, and" if m.line.matched else "Of goods that came without a return,"
        yield m.finding("POSSIBLY_SAME_GOODS", f"{which} {', '.join(sorted(m.alike))} takes {m.line.sku} of order {m.line.order} as well.")


def credit_is_within_limits(m: Matter) -> Iterator[Finding]:
    """Let no more money go out than the tenant lets go without a person: of one line, order, customer or day, added up (INV-30)."""
    wanted = [posting.document for posting in m.postings if posting.key.kind is PostingKind.ORDER_LINE]
    worth = sum((each.quantity * each.unit_price for each in wanted if isinstance(each, OrderLine)), NOTHING)
    for limit, earlier, of in _limits(m) if worth else ():
        if worth + earlier > limit:
            told = f"{worth} on top of {earlier} {m.case.currency} {of}" if of else f"{worth} {m.case.currency} for {m.line.sku}"
            yield m.finding("CREDIT_ABOVE_LIMIT", f"{told}; up to {limit} goes out without a person.")
            return


def _limits(m: Matter) -> Iterator[tuple[Decimal, Decimal, str]]:
    """Give every limit with what went out already that counts for it. Who has no account of their own is limited by the day alone."""
    limits, claims = m.rules.limits, m.claims
    if limits.credit is not None:
        yield limits.credit, NOTHING, ""
    if limits.order is not None and m.line.order:
        yield limits.order, sum((taken.net for (order, _), taken in claims.lots.items() if order == m.line.order), NOTHING), (
            f"of order {m.line.order}")
    if limits.customer_day is not None and m.case.customer:
        yield limits.customer_day, claims.today.get((m.case.customer, m.case.currency), NOTHING), f"to {m.case.customer} within a day"
    if limits.day is not None:
        yield limits.day, sum((net for (_, currency), net in claims.today.items() if currency == m.case.currency), NOTHING), (
            f"in {m.entity.id} within a day")


def history_policy_covers_it(m: Matter) -> Iterator[Finding]:
    """Let the approved policy decide about goods sold before the data starts: price cap and allowance."""
    policy = m.rules.history
    if policy is None or m.is_fee or m.is_blind or not (m.is_history or (not m.case.customer and m.line.order is None)):
        return
    item = m.master.items.get(m.line.sku)
    if item and item.highest_price is not None and (m.line.unit_price or NOTHING) > item.highest_price:
        yield m.finding("PRICE_ABOVE_SOLD", f"{m.line.sku} is to be credited at {m.line.unit_price}, its highest price "
                                            f"is {item.highest_price}.")
    used = m.claims.history.get(m.customer, NOTHING)
    if m.is_history and used + m.line.net > policy.allowance:
        yield m.finding("HISTORY_ALLOWANCE", f"{m.line.net} on top of {used} goes beyond the allowance of "
                                             f"{policy.allowance} for customer {m.customer} (policy {policy.version}).")


def tax_is_that_of_the_sale(m: Matter) -> Iterator[Finding]:
    """Compare the tax groups the credit would get with those of the sale; a difference is a tax review."""
    sale = m.master.sales.get(m.line.order or "")
    customer, item = m.master.customers.get(m.customer), m.master.items.get(m.line.sku)
    if m.is_fee or sale is None or customer is None or item is None or not sale.of(m.line.sku):
        return
    now = (customer.tax_group, item.tax_group)
    taxed = sorted({(line.tax_group, line.tax_item_group) for line in sale.of(m.line.sku)})
    if any(was and was != is_ for then in taxed for was, is_ in zip(then, now, strict=True)):
        yield m.finding("TAX_DIFFERS", f"{m.line.sku} would be credited under {'/'.join(now)}, order {sale.number} "
                                       f"was taxed under {' and '.join(map('/'.join, taxed))}.")
    elif m.rate_in_erp != m.rate and sale.sold_on:
        was = "at a rate nobody told" if m.rate is None else f"at {m.rate} %"
        yield m.finding("TAX_DIFFERS", f"{m.line.sku} was sold on {sale.sold_on} {was}; the ERP would credit it "
                                       f"at {'a rate nobody told' if m.rate_in_erp is None else f'{m.rate_in_erp} %'}.")


def currency_is_the_entitys(m: Matter) -> Iterator[Finding]:
    """Refuse a currency nobody agreed on; what is limited in the entity's own currency is not given in another."""
    if m.case.currency == m.entity.currency or m.is_blind:
        return
    if m.case.currency not in m.entity.currencies:
        also = f", and sells in {', '.join(sorted(m.entity.currencies))}" if m.entity.currencies else ""
        yield m.finding("CURRENCY_DIFFERS", f"The return is in '{m.case.currency}', {m.entity.id} posts in {m.entity.currency}{also}.")
    elif not m.is_fee and (m.is_history or not m.case.customer):
        yield m.finding("CURRENCY_DIFFERS", f"The return is in '{m.case.currency}'; the allowance and the limit that would cover it are in "
                                            f"{m.entity.currency}.")


def period_is_open(m: Matter) -> Iterator[Finding]:
    """Never post into a closed period and never shift it in silence (INV-15)."""
    if sentence := why_refused(m.entity, m.master.periods, m.period, m.posted_on):
        yield m.finding("PERIOD_CLOSED", sentence, hint=m.period)


def missed_period_is_agreed(m: Matter) -> Iterator[Finding]:
    """Keep what missed its period held while that is closed, until a person agrees to the next one (INV-15)."""
    for period in sorted(m.missed - {m.period, ""}):
        if why_refused(m.entity, m.master.periods, period):
            yield m.finding("PERIOD_MISSED", hint=period,
                            sentence=f"It belongs to period {period}, which is closed; it would be posted in {m.period}.")


CHECKS: Final[tuple[Check, ...]] = (
    sku_names_one_item,
    item_is_active,
    service_item_is_active,
    places_exist,
    codes_exist,
    customer_can_be_credited,
    original_sale_covers_it,
    goods_are_credited_once,
    credit_is_within_limits,
    history_policy_covers_it,
    tax_is_that_of_the_sale,
    currency_is_the_entitys,
    period_is_open,
    missed_period_is_agreed,
)

CODES: Final = frozenset({
    "SKU_UNKNOWN", "SKU_AMBIGUOUS", "VARIANT_UNKNOWN", "SKU_BLOCKED", "SKU_DISCONTINUED", "UNMAPPED_FEE", "UNIT_UNKNOWN",
    "SERVICE_ITEM_UNKNOWN", "WAREHOUSE_UNKNOWN", "DISPOSITION_CODE_UNKNOWN", "REPLACEMENT_ORDER", "NO_CUSTOMER", "CUSTOMER_UNKNOWN",
    "CUSTOMER_ON_HOLD", "ORDER_MISSING",
    "ORDER_UNKNOWN", "MATCH_DIFFERS", "ORDER_LINE_UNKNOWN", "QUANTITY_ABOVE_SOLD", "PRICE_ABOVE_SOLD", "CREDIT_ABOVE_LIMIT",
    "HISTORY_ALLOWANCE",
    "KIT_NOT_WHOLE", "VALUE_ABOVE_SOLD", "SPANS_SALE_LINES", "TAX_DIFFERS", "CURRENCY_DIFFERS", "PERIOD_CLOSED", "PERIOD_MISSED",
    "POSSIBLY_SAME_GOODS",
})
"""Everything a check can find; what is found here is found again, or not, each time the line is judged."""


def validate(matter: Matter, checks: Sequence[Check] = CHECKS) -> tuple[Finding, ...]:
    """Give everything that stands in this line's way, less what a person has waived."""
    found = (finding for check in checks for finding in check(matter))
    return tuple(finding for finding in found if finding.code not in matter.line.waived)


def questions(entity: LegalEntity, rules: Rules, cases: Iterable[ReturnCase]) -> Questions:
    """Say what to ask the ERP before these cases can be judged."""
    cases = tuple(cases)
    lines = [line for case in cases for line in case.lines]
    items = {rules.fees[line.sku].service_item if line.sku in rules.fees else line.sku for line in lines}
    history = rules.history
    items |= {name for case in cases for name in charges.services(case, rules)}
    return Questions(
        legal_entity=entity.id,
        items=frozenset(items - {""}),
        customers=frozenset(case.customer or entity.no_customer_account for case in cases) - {""},
        orders=frozenset(line.order for line in lines if line.order and not (history and history.covers(line.order, line.ordered_on))),
    )

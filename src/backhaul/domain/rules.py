"""What has this tenant decided?

The approved, versioned decisions a case is judged by. They come from the profile; the domain never
reads a file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from backhaul.domain.disposition import JournalType, MappingRow, Place, Sellability
from backhaul.domain.errors import Misconfigured, NeedsOperator
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.facts import Stage
from backhaul.domain.fiscal_calendar import MONTHS, Calendar, Period
from backhaul.domain.kits import Kit
from backhaul.domain.money import Money
from backhaul.domain.payments import PayoutRules
from backhaul.domain.routing import ESCALATION, Escalation, RoutingRule, routed
from backhaul.domain.tax import TaxTable
from backhaul.domain.tolerance import Measure, Tolerance, ToleranceRow
from backhaul.domain.valuation import Policy


class Effect(StrEnum):
    """What a fee does to the money the customer gets."""

    REFUND = "refund"
    """It is credited: carriage given back, a discount, a bonus."""
    DEDUCT = "deduct"
    """It is taken from the refund: a return fee, restocking, the label, the part that was paid by points."""
    PREPAID = "prepaid"
    """It was paid before the return was sent; it is never deducted again."""


class By(StrEnum):
    """Who books a fee."""

    SERVICE_ITEM = "service-item"
    ERP = "erp"
    """The ERP's automatic charge of its disposition code: nothing is sent, and what it charged is compared."""


class Per(StrEnum):
    """How often a fee of a mapping row is due."""

    RETURN = "return"
    LINE = "line"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeRule:
    """What money that is no product means: a service item with account and tax group of its own, or no customer return at all.

    `amount` is the fee a mapping row's `charge` deducts, `tax_included` the per cent of tax in amounts the platform tells.
    """

    service_item: str = ""
    customer_return: bool = True
    effect: Effect = Effect.REFUND
    by: By = By.SERVICE_ITEM
    amount: Decimal | None = None
    per: Per = Per.RETURN
    tax_included: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPolicy:
    """How goods sold before the ERP's data starts are credited, and who approved that.

    An order reference in `orders` marks them, and so does an order of a day before `before`. The price may be at most the item's
    highest known price; each customer has an allowance of net money over all such credits.
    """

    version: str
    approved_by: str
    orders: frozenset[str]
    allowance: Decimal
    before: date | None = None

    def covers(self, order: str | None, ordered_on: date | None) -> bool:
        """Tell whether an order is one of the time before the data starts."""
        return order in self.orders or bool(order and self.before and ordered_on and ordered_on < self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggers:
    """The stage that makes each document due. Credit never comes before acceptance (INV-04)."""

    order: Stage = Stage.RECEIVED
    goods: Stage = Stage.INSPECTED
    fees: Stage = Stage.COMPLETED


@dataclass(frozen=True, slots=True, kw_only=True)
class Surplus:
    """Where units that nobody announced are taken into stock until somebody knows whose they are; never a place on sale."""

    place: Place
    journal: str = ""
    journal_type: JournalType = JournalType.ADJUSTMENT
    expected_account: str = ""


class Prefer(StrEnum):
    """What makes one line of the original sale a better match for a return line than another of the same SKU."""

    EXACT_PRICE = "exact-price"
    EXACT_QUANTITY = "exact-quantity"
    WHOLE = "whole"
    """It has all the units left."""
    HIGHEST_PRICE = "highest-price"
    LOWEST_PRICE = "lowest-price"
    OLDEST = "oldest"


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginRule:
    """How a return line finds its lines of the original sale. Without `divide`, one that no single line covers is held."""

    prefer: tuple[Prefer, ...] = (Prefer.EXACT_PRICE, Prefer.EXACT_QUANTITY, Prefer.WHOLE, Prefer.HIGHEST_PRICE, Prefer.OLDEST)
    divide: bool = True


class Booking(StrEnum):
    """Where the payment process books a refund that comes before the credit note (books 3)."""

    CLEARING = "clearing"
    CUSTOMER = "customer"


class Close(StrEnum):
    """When a window closes besides being full."""

    AT_ONCE = "at-once"
    """Real time: every return travels alone."""
    EVERY = "every"
    """After an interval since the window's oldest return."""
    DAILY = "daily"
    """At a time of day in the legal entity's zone."""
    PERIOD = "period"
    """Once a period, early enough for the ERP's own jobs to post inside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How postings wait for each other: real time or batches. A window never crosses a period."""

    close: Close = Close.EVERY
    every: timedelta = timedelta(minutes=15)
    at: time = time(18, 0)
    cap: int = 300
    lead: timedelta = timedelta(days=1)
    approve: bool = False
    """Whether somebody has to approve each batch before anything of it leaves."""


class Leg(StrEnum):
    """A part of a return's postings that may have a window of its own; which kinds are in it says `domain.legs`."""

    ORDER = "order"
    GOODS = "goods"
    FEES = "fees"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """How far the ERP's figures may be from ours, in currency units, before a person looks.

    By `rows`, which have an owner and a reason; a profile that has none of them says three amounts for everything.
    """

    amount: Decimal = Decimal("0.01")
    cost: Decimal = Decimal("0.05")
    tax: Decimal = Decimal("0.01")
    rows: tuple[ToleranceRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Above which money a person has to look, in the currency of what is decided; None: there is no such limit.

    `credit`: of one line, then its credit waits for a second person; `order`: of all lines of one original order, this one included;
    `customer_day` and `day`: of all lines that go out within a day to one account, or in one legal entity, this one included.
    `second`: of one proposal, then two approve; `operator_day`: of all that one person proposed in a day, this one included.
    """

    credit: Decimal | None = None
    order: Decimal | None = None
    customer_day: Decimal | None = None
    day: Decimal | None = None
    second: Decimal | None = None
    operator_day: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long we wait before somebody is asked or a rest is closed. `onward` of nothing: nobody is asked after goods on their way on."""

    arrival: timedelta = timedelta(days=60)
    onward: timedelta = timedelta(days=30)
    inspection: timedelta = timedelta(days=7)
    erp_job: timedelta = timedelta(days=2)
    unconfirmed: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class TiedTo:
    """The accounts of one legal entity that the roll-forwards are tied to, none of them used before the day `since`.

    `named` are those that proposed journals go to, by what they are for.
    """

    clearing: str = ""
    received: tuple[str, ...] = ()
    since: date | None = None
    named: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalEntity:
    """One company in one ERP: its zone, currency, the warehouses by the platform's codes, its accounts.

    `erp` names the entry point of the adapter; `deployment` and `options` are for the adapter alone.
    """

    id: str
    erp: str
    deployment: str
    currency: str
    zone: str = "UTC"
    retailers: frozenset[str] = frozenset()
    warehouses: Mapping[str, str] = field(default_factory=dict)
    return_reason: str = ""
    no_customer_account: str = ""
    no_customer_limit: Decimal = Decimal(0)
    job_times: tuple[time, ...] = ()
    calendar: Calendar = MONTHS
    cut_off: time | None = None
    """At what time of a period's last day nothing leaves for it any more; without one as long as the ERP still posts it inside."""
    cut_offs: Mapping[str, datetime] = field(default_factory=dict)
    """Other moments for single periods, by the entity's own clock."""
    closed_periods: frozenset[str] = frozenset()
    refund_booking: Booking = Booking.CLEARING
    currencies: Mapping[str, str] = field(default_factory=dict)
    """Other currencies it sells in, each with the source of the rate its ERP uses."""
    options: Mapping[str, str] = field(default_factory=dict)

    def begin_of(self, day: date) -> datetime:
        """Give the first moment of a day there (UTC)."""
        return datetime.combine(day, time(), tzinfo=ZoneInfo(self.zone)).astimezone(UTC)

    def end_of(self, day: date) -> datetime:
        """Give the moment at which a day is over there (UTC)."""
        return self.begin_of(day + timedelta(days=1))

    def choice(self, name: str, *allowed: str) -> str:
        """Read an option that is one of few words, the first by default; `ValueError` names it, what it says and what it may say."""
        said = self.options.get(name, allowed[0])
        if said not in allowed:
            message = f"option {name} = '{said}'; allowed is {', '.join(allowed)}"
            raise ValueError(message)
        return said

    def words(self, name: str, usual: str = "") -> frozenset[str]:
        """Read an option that is several words with commas between them."""
        return frozenset(word.strip() for word in self.options.get(name, usual).split(",")) - {""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Everything decided for one tenant under one version. `version` is part of every prepared effect.

    What was announced before `go_live` is credited by whoever did so until then.
    """

    tenant: str
    version: str
    entities: Sequence[LegalEntity]
    mapping: Sequence[MappingRow]
    sellability: Sellability
    fees: Mapping[str, FeeRule]
    history: HistoryPolicy | None = None
    surplus: Mapping[tuple[str, str], Surplus] = field(default_factory=dict)
    """By legal entity and the platform's warehouse code; without an entry nothing is posted for surplus units."""
    debit_item: str = ""
    """The service item on which a credit is taken back that turned out wrong; without one nothing is."""
    kits: Mapping[str, Kit] = field(default_factory=dict)
    origin: OriginRule = OriginRule()
    taxes: Mapping[str, TaxTable] = field(default_factory=dict)
    """Rates by legal entity, for an ERP that does not tell its own."""
    triggers: Triggers = Triggers()
    window: Window = Window()
    windows: Mapping[Leg, Window] = field(default_factory=dict)
    """Legs that wait for themselves; the others wait together in `window`."""
    tolerances: Tolerances = Tolerances()
    limits: Limits = Limits()
    deadlines: Deadlines = Deadlines()
    teams: Mapping[str, str] = field(default_factory=dict)
    routing: Sequence[RoutingRule] = ()
    """Whose work an exception is, before `teams`; the first row that fits decides."""
    escalation: Sequence[Escalation] = ESCALATION
    """Before whom overdue work comes as well."""
    attempts: int = 8
    read_back: frozenset[str] = frozenset()
    """Sources that cannot sign: what they tell moves no money before the platform itself told the same."""
    go_live: datetime | None = None
    offered: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By legal entity, the ERP's warehouses whose stock on sale is told to the platform."""
    payouts: PayoutRules = field(default_factory=PayoutRules)
    accounts: Mapping[str, TiedTo] = field(default_factory=dict)
    valuation: Policy = field(default_factory=Policy)

    def entity_of(self, retailer: str) -> LegalEntity | None:
        """Find the legal entity a retailer code belongs to, by exact match."""
        return next((entity for entity in self.entities if retailer in entity.retailers), None)

    def knows(self, period: str) -> bool:
        """Tell whether any legal entity's calendar has a period of this name."""
        return any(entity.calendar.has(period) for entity in self.entities)

    def having(self, period: str) -> tuple[LegalEntity, ...]:
        """Give the legal entities whose calendar has a period of this name, or stop with those the first one has."""
        if not self.knows(period):
            self.entities[0].calendar.span(period)
        return tuple(entity for entity in self.entities if entity.calendar.has(period))

    def span(self, period: str) -> Period:
        """Give all days that the period of this name has in any legal entity's calendar; its calendars need not agree on them."""
        found = [entity.calendar.span(period) for entity in self.having(period)]
        return Period(name=period, first=min(each.first for each in found), last=max(each.last for each in found))

    def journals(self, entity: str) -> frozenset[tuple[JournalType, str]]:
        """Give the journals that decisions of a legal entity name, by type; an empty name is the adapter's own."""
        rows = {(row.journal_type, row.journal) for row in self.mapping if row.when.legal_entity == entity}
        return frozenset(rows | {(rule.journal_type, rule.journal) for (owner, _), rule in self.surplus.items() if owner == entity})

    @property
    def tolerance(self) -> Tolerance:
        """Give what may differ in a proof. Without rows not a cent of net is let go, but what finance calls rounding is called that."""
        usual, books = self.tolerances, {entity.id: entity.currency for entity in self.entities}
        if usual.rows:
            return Tolerance(rounding=Decimal(0), rows=usual.rows, books=books)
        return Tolerance(tax=usual.tax, cost=usual.cost, rounding=usual.amount, books=books)

    def tolerances_of(self, entity: str, currency: str, on: date) -> Tolerances:
        """Give what may differ where a document is compared with what was wanted, of one legal entity, currency and day."""
        if not self.tolerances.rows:
            return self.tolerances
        told = {measure: self.tolerance.choose(measure, entity=entity, currency=currency, account="", on=on).amount for measure in Measure}
        return Tolerances(amount=max(told[Measure.NET], told[Measure.ROUNDING]), tax=told[Measure.TAX], cost=told[Measure.COST])

    def entity(self, id: str) -> LegalEntity:  # noqa: A002  the ERP's own word
        """Give a legal entity of this tenant by its id; another id is `Misconfigured`."""
        for entity in self.entities:
            if entity.id == id:
                return entity
        message = f"tenant '{self.tenant}' has no legal entity '{id}'; there are {', '.join(each.id for each in self.entities)}"
        raise Misconfigured(message)

    def chosen(self, id: str) -> LegalEntity:  # noqa: A002  the ERP's own word
        """Give the legal entity that somebody names; another id is theirs to mend, as `NeedsOperator` says."""
        try:
            return self.entity(id)
        except Misconfigured as unknown:
            raise NeedsOperator(str(unknown), about="legal_entity") from None

    def work(self, about: str, finding: Finding, *, money: Money, now: datetime, part: str = "") -> ExceptionCase:
        """Make an exception of what is wrong with no one return, under a reference of its own and a part of it, owned as `routing` says."""
        return routed(ExceptionCase.about(tenant=self.tenant, return_ref=about, line_id=part, findings=(finding,), money=money, now=now,
                                          teams=self.teams), self.routing, self.teams)

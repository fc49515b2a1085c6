"""What can stand in a profile?

One struct per table of the TOML file. A key nobody knows is refused; what the values must be to each
other is said in `backhaul.profile`. The JSON Schema of a profile is made from these.
"""

from datetime import date, datetime, time
from decimal import Decimal
from typing import TypeAlias

import msgspec

from backhaul.adapters.payments.provider import Api
from backhaul.adapters.payments.sheet import Columns
from backhaul.adapters.zigzag.files.layout import Layout
from backhaul.adapters.zigzag.files.watched import FolderTable
from backhaul.adapters.zigzag.payload import Paths, Payload
from backhaul.adapters.zigzag.webhook import Kind
from backhaul.domain.disposition import JournalType, Outcome
from backhaul.domain.facts import Stage
from backhaul.domain.kits import KitMode
from backhaul.domain.rules import Booking, By, Close, Effect, OriginRule, Per, Prefer
from backhaul.domain.tolerance import Measure

Values: TypeAlias = str | tuple[str, ...]
"""One exact value, or a list of them. There are no wildcards."""


class SenderTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who sends, and how that is proven. Two secrets are valid at once."""

    auth: Kind
    secret: str
    previous_secret: str = ""
    tolerance: str = "300s"
    header: str = "x-backhaul-signature"
    timestamp_header: str = "x-backhaul-timestamp"
    prefix: str = "sha256="
    template: str = "{timestamp}.{body}"
    encoding: str = "hex"
    username: str = ""


class SignalTable(SenderTable, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[signal.NAME]`: an ERP's events, reached at ``/hooks/dynamics/NAME``; `subscribe` is that address as the ERP reaches it."""

    subscribe: str = ""


class SourceTable(SenderTable, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[source.NAME]`: one subscription, reached at ``/hooks/zigzag/NAME``, proven as a signal is."""

    header: str = "x-zigzag-signature"
    timestamp_header: str = "x-zigzag-timestamp"
    event_id: Paths | None = None
    read_back: bool | None = None
    tests_only: bool = False


class LookupTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[platform.lookups.NAME]`: one question the platform answers; ZigZag's are not public, so each is spelled out.

    In `path`, ``{order}``, ``{return}``, ``{retailer}``, ``{since}`` and ``{page}`` stand for what is asked. Without `payload` its
    items are read by `[payload]`; with it, by `[payloads.NAME]`.
    """

    path: str
    items: str = ""
    return_ref: str = msgspec.field(name="return")
    payload: str = ""
    paging: str = "none"
    first: str = "1"
    next: str = ""
    total: str = ""
    since_format: str = "%Y-%m-%dT%H:%M:%SZ"


class PlatformTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[platform]`: where the platform's own interface is, and as whom we ask it. User and password are references."""

    base_url: str
    username: str
    password: str
    token_path: str = "/token"  # noqa: S105  a path
    token_form: bool = False
    username_field: str = "username"
    password_field: str = "password"  # noqa: S105  a name
    token_field: str = "token"  # noqa: S105  a name
    renew_after: str = "25m"
    timeout: str = "30s"
    read_back: str = ""
    lookups: dict[str, LookupTable] = {}


class SweepTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[sweep]`: which look-up lists what changed, which tells one return, how often, and how far back at most."""

    changed: str
    one: str = ""
    named_only: bool = False
    every: str = "30m"
    overlap: str = "2h"
    at_most: str = "30d"
    alarm: str = "6h"


class PushTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[push]`: what the platform is told of stock, of which SKUs, and for each retailer which of its warehouses is which of the ERP's."""

    retailers: dict[str, dict[str, str]]
    stock: bool = True
    non_returnable: bool = False
    skus: tuple[str, ...] = ()
    seen: str = "90d"
    countries: tuple[str, ...] = ()
    message_key: str = ""
    country_field: str = "countryIso2Code"
    listed: str = ""
    returnable_field: str = "isReturnable"
    every: str = "1h"
    alarm: str = "6h"


class PeriodTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One period of a calendar that lists them one by one."""

    name: str
    first: date
    last: date


class CalendarTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`calendar` of a legal entity: years of weeks from `begins` on, or its periods one by one."""

    weeks: str = ""
    begins: date | None = None
    years: int = 0
    year: int = 0
    long_years: tuple[int, ...] = ()
    rule: str = ""
    periods: tuple[PeriodTable, ...] = ()


class EntityTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[legal_entities]]`: one company in one ERP.

    Options may be references, ``env:NAME`` or ``file:PATH``; secrets must be. The adapter gets both together, the secrets as
    texts that do not show.
    """

    id: str
    erp: str
    deployment: str
    currency: str
    retailers: tuple[str, ...]
    warehouses: dict[str, str]
    zone: str = "UTC"
    return_reason: str = ""
    no_customer_account: str = ""
    no_customer_limit: Decimal = Decimal(0)
    job_times: tuple[time, ...] = ()
    calendar: CalendarTable | None = None
    cut_off: time | None = None
    cut_offs: dict[str, datetime] = {}
    closed_periods: tuple[str, ...] = ()
    refund_booking: Booking = Booking.CLEARING
    currencies: dict[str, str] = {}
    options: dict[str, str] = {}
    secrets: dict[str, str] = {}


class MappingTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[mapping]]`: where goods in these circumstances go. A list stands for one exact row per value.

    Goods stay in the ERP's warehouse for the platform's code unless `to_warehouse` names another.
    """

    legal_entity: Values
    warehouse: Values
    disposition: Values
    condition: Values
    reason: Values
    outcome: Outcome
    erp_disposition: str
    location: str = ""
    to_warehouse: str = ""
    status: str = ""
    credit: bool = True
    journal: str = ""
    journal_type: JournalType = JournalType.ARRIVAL
    expected_account: str = ""
    charge: str = ""


class PlaceTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One place whose stock is on sale."""

    warehouse: str
    location: str
    status: str = ""


class SellableTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[sellable]`: what is on sale, and what may go there; said apart from the mapping (INV-06)."""

    places: tuple[PlaceTable, ...]
    dispositions: tuple[str, ...]
    conditions: tuple[str, ...]


class FeeTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Money that is no product: the service item it is credited with or deducted by, or no customer return at all."""

    service_item: str = ""
    customer_return: bool = True
    effect: Effect = Effect.REFUND
    by: By = By.SERVICE_ITEM
    amount: Decimal | None = None
    per: Per = Per.RETURN
    tax_included: Decimal = Decimal(0)


class HistoryTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[history]`: the approved policy for goods sold before the ERP's data starts."""

    version: str
    approved_by: str
    allowance: Decimal
    orders: tuple[str, ...] = ()
    before: date | None = None


class ComponentTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One item in a kit: how many of it, and its share of the kit's price."""

    sku: str
    share: Decimal
    quantity: Decimal = Decimal(1)


class KitTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[kits.SKU]`: what is in a kit, and whether it comes back whole or exploded."""

    mode: KitMode
    components: tuple[ComponentTable, ...]
    remainder: str = ""


class TaxRateTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[tax_rates]]`: what a tax group and an item group come to, where the ERP does not tell its rates; `source` says who does."""

    legal_entity: Values
    tax_group: Values
    item_group: Values
    percent: Decimal
    source: str
    first: date | None = None
    last: date | None = None


class OriginalsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[originals]`: which line of the original sale a return line comes from, where several sold the SKU."""

    prefer: tuple[Prefer, ...] = OriginRule().prefer
    divide: bool = True


class SurplusTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[surplus.ENTITY.WAREHOUSE]`: where units that nobody announced are taken into stock; never a place on sale."""

    location: str
    status: str = ""
    journal: str = ""
    journal_type: JournalType = JournalType.ADJUSTMENT
    expected_account: str = ""


class WindowTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[window]`, `[windows.LEG]`: how postings wait for each other."""

    close: Close = Close.EVERY
    every: str = "15m"
    at: time = time(18, 0)
    cap: int = 300
    lead: str = "1d"
    approve: bool = False


class WindowsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[windows.LEG]`: legs that wait for themselves, each with the keys of `[window]`."""

    order: WindowTable | None = None
    goods: WindowTable | None = None
    fees: WindowTable | None = None


class RoutingTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[routing]]`: whose work an exception is; whatever is named must fit, and the first row that fits decides."""

    team: str
    kinds: Values = ()
    retailers: Values = ()
    legal_entities: Values = ()
    warehouses: Values = ()
    above: Decimal | None = None


class EscalationTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[escalation]]`: before which team overdue exceptions come as well, and how long after they were due."""

    team: str
    late: str = "1d"
    kinds: Values = ()


class LimitsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[limits]`: above which money a credit waits for a person, and one approval is not enough."""

    credit: Decimal | None = None
    order: Decimal | None = None
    customer_day: Decimal | None = None
    day: Decimal | None = None
    second: Decimal | None = None
    operator_day: Decimal | None = None


class ClockTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[payouts.clocks.COUNTRY]`: within how many days a payment must be answered by a credit note there; `source` says who says so."""

    days: int
    source: str


class PayoutsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[payouts]`: who tells what was paid and how it is read, and when what is missing is late."""

    pay_within: int = 14
    credit_within: int = 0
    clocks: dict[str, ClockTable] = {}
    file: Columns | None = None
    api: Api | None = None


class AccountsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[accounts.ENTITY]`: the accounts the roll-forwards are tied to, and since which day these were empty.

    `clearing` is the refund clearing account, `received` are those of packing slips or interim accounts; without them open transactions
    are what they are tied to. The others are where proposed journals go.
    """

    clearing: str = ""
    received: tuple[str, ...] = ()
    since: date | None = None
    returns: str = ""
    tax: str = ""
    liability: str = ""
    recoverable: str = ""
    cost: str = ""
    customers: str = ""
    write_down: str = ""
    allowance: str = ""
    differences: str = ""


class ValuationTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[valuation]`: what accountants decided about the worth of returned goods; `source` says where they decided it.

    `classes` names the class of a disposition, `write_down` the part of its cost that a class loses, `recovery` what it costs a legal
    entity to get one unit back.
    """

    source: str
    classes: dict[str, str] = {}
    write_down: dict[str, Decimal] = {}
    recovery: dict[str, Decimal] = {}


class TolerancesTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[tolerances]`, in currency units."""

    amount: Decimal = Decimal("0.01")
    tax: Decimal = Decimal("0.01")
    cost: Decimal = Decimal("0.05")


class ToleranceTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[tolerances]]`: by how much one figure may differ, who says so, and why."""

    of: Measure
    amount: Decimal
    currency: str
    owner: str
    reason: str
    since: date
    legal_entity: str = ""
    account: str = ""


class DeadlinesTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[deadlines]`: how long we wait for what should come."""

    arrival: str = "60d"
    onward: str = "30d"
    inspection: str = "7d"
    erp_job: str = "2d"
    unconfirmed: str = "24h"


class TriggersTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[triggers]`: the stage that makes each document due."""

    order: Stage = Stage.RECEIVED
    goods: Stage = Stage.INSPECTED
    fees: Stage = Stage.COMPLETED


class StatementsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[statements]`: what the platform tells beside its messages: whether its counter counts them, and the columns of its totals."""

    counted: bool = False
    totals: dict[str, str] = msgspec.field(default_factory=lambda: {name: name for name in ("day", "returns", "units", "net")})


class AvailabilityTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[availability]`: the columns of the shop's file, which of its places is which warehouse of which company, and what may differ."""

    columns: dict[str, str] = msgspec.field(default_factory=lambda: {name: name for name in ("sku", "warehouse", "units")})
    warehouses: dict[str, dict[str, str]] = {}
    tolerance: Decimal = Decimal(0)


class RetentionTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[retention]`: for how long each class of what is kept, is; a class without a term is kept for ever."""

    customers: str = ""
    extracts: str = ""
    packs: str = ""


class ProfileFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    version: str
    tenant: str
    source: dict[str, SourceTable]
    signal: dict[str, SignalTable] = {}
    payload: Payload
    payloads: dict[str, Payload] = {}
    platform: PlatformTable | None = None
    sweep: SweepTable | None = None
    push: PushTable | None = None
    statements: StatementsTable = StatementsTable()
    availability: AvailabilityTable = AvailabilityTable()
    legal_entities: tuple[EntityTable, ...]
    sellable: SellableTable
    mapping: tuple[MappingTable, ...]
    fees: dict[str, str | FeeTable] = {}
    history: HistoryTable | None = None
    surplus: dict[str, dict[str, SurplusTable]] = {}
    debit_item: str = ""
    originals: OriginalsTable = OriginalsTable()
    tax_rates: tuple[TaxRateTable, ...] = ()
    kits: dict[str, KitTable] = {}
    triggers: TriggersTable = TriggersTable()
    window: WindowTable = WindowTable()
    windows: WindowsTable = WindowsTable()
    tolerances: TolerancesTable | tuple[ToleranceTable, ...] = TolerancesTable()
    limits: LimitsTable = LimitsTable()
    deadlines: DeadlinesTable = DeadlinesTable()
    teams: dict[str, str] = {}
    routing: tuple[RoutingTable, ...] = ()
    escalation: tuple[EscalationTable, ...] | None = None
    files: Layout = Layout()
    folders: tuple[FolderTable, ...] = ()
    payouts: PayoutsTable | None = None
    accounts: dict[str, AccountsTable] = {}
    valuation: ValuationTable | None = None
    retention: RetentionTable = RetentionTable()
    attempts: int = 8
    go_live: datetime | None = None

"""What has this tenant decided, and is that a profile we can work by?

A profile is one TOML file: where things stand in the platform's messages, what its words mean, which
company of which ERP they go to, where goods go, and when. It is read whole or refused whole, with file,
line and reason for everything that is wrong. Its version is what it calls itself plus a hash of its
content, so that two different files never share one.
"""

import hashlib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from backhaul.adapters.payments.provider import Api, flaws as api_flaws
from backhaul.adapters.payments.sheet import Columns, flaws as columns_flaws
from backhaul.adapters.zigzag import payload as messages
from backhaul.adapters.zigzag.files import layout as layouts
from backhaul.adapters.zigzag.files.layout import Layout
from backhaul.adapters.zigzag.files.shelf import Folder
from backhaul.adapters.zigzag.payload import Payload, aliases
from backhaul.adapters.zigzag.webhook import Kind, Proof, Source
from backhaul.adapters.zigzag.wire import Line, ZigZagWire
from backhaul.application.ports import Unusable
from backhaul.application.push import PushPlan
from backhaul.application.state import StatementPlan
from backhaul.domain.delivery import Delivery
from backhaul.domain.disposition import Circumstance, JournalType, MappingRow, Place, Sellability, choose, flaws
from backhaul.domain.errors import Misconfigured
from backhaul.domain.exception_case import KINDS
from backhaul.domain.facts import RANK, Stage
from backhaul.domain.fiscal_calendar import MONTHS, Calendar, Period, Weeks, flaws as calendar_flaws
from backhaul.domain.kits import Component, Kit, flaws as kit_flaws
from backhaul.domain.payments import Clock, PayoutRules
from backhaul.domain.placement import circumstance
from backhaul.domain.retention import Kept, Terms, too_short
from backhaul.domain.returns import fold
from backhaul.domain.routing import ESCALATION, Escalation, RoutingRule
from backhaul.domain.rules import (
    By,
    Deadlines,
    Effect,
    FeeRule,
    HistoryPolicy,
    Leg,
    LegalEntity,
    Limits,
    OriginRule,
    Rules,
    Surplus,
    Triggers,
    Window,
)
from backhaul.domain.tax import TaxSpan, TaxTable
from backhaul.profile_folders import folder_flaws, folders_of
from backhaul.profile_platform import Reach, platform_flaws, reach_of, read_back_of
from backhaul.profile_push import offered, push_flaws, push_of
from backhaul.profile_statements import statement_flaws, statements_of
from backhaul.profile_tables import (
    CalendarTable,
    EntityTable,
    FeeTable,
    KitTable,
    PayoutsTable,
    ProfileFile,
    SenderTable,
    SignalTable,
    TaxRateTable,
    Values,
    WindowTable,
)
from backhaul.profile_tolerances import tolerance_flaws, tolerances_of
from backhaul.profile_valuation import policy_of, tied_to, valuation_flaws
from backhaul.profile_values import Flaw, duration as _duration, duration_flaw as _duration_flaw, secret_flaw as _secret_flaw
from backhaul.secret import Hidden, Secret
from backhaul.toml_lines import TomlLines

NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
REACHED: Final = re.compile(r"https://[^@/]+/|http://(127\.0\.0\.1|localhost)(:\d+)?/", re.ASCII)
"""An address at which an ERP may reach us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentApi:
    """Where a payment provider is asked, and the key to it."""

    api: Api
    key: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One tenant's decisions, ready to work by: `rules` for the domain, `sources` and `wire` for the platform."""

    path: Path
    name: str
    text: str
    rules: Rules
    sources: tuple[Source, ...]
    wire: Payload
    files: Layout
    reach: Reach | None = None
    folders: tuple[Folder, ...] = ()
    push: PushPlan | None = None
    statements: StatementPlan = field(default_factory=StatementPlan)
    signals: tuple[Source, ...] = ()
    payments: Columns | None = None
    payment_api: PaymentApi | None = None
    terms: Terms = field(default_factory=Terms)
    """No part of the rules: a term that changes makes no return be judged anew."""

    @property
    def tenant(self) -> str:
        """Name the tenant."""
        return self.rules.tenant

    @property
    def version(self) -> str:
        """Give the version, which no two different files share: the `name` it gives itself, and the beginning of its hash."""
        return self.rules.version

    @property
    def sha256(self) -> str:
        """Give the hash of the whole file."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def profile_schema() -> dict[str, Any]:
    """Give the JSON Schema of a profile, for editors and for the reference."""
    return msgspec.json.schema(ProfileFile)


class Started(Protocol):
    """Something that knows the environment a process was started in."""

    @property
    def environ(self) -> Mapping[str, str]:
        """Give the environment."""
        ...


def load_profile(path: Path, secrets: Mapping[str, str] | Started | None = None, *, offline: bool = False) -> Profile:
    """Read a profile or refuse it whole, with `Misconfigured` naming file, line and reason of each flaw.

    `secrets` is where ``env:`` references are looked up: a mapping, the settings, or by default the
    environment. `offline` leaves them unresolved, for checking a profile on a machine that has none.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror}"
        raise Misconfigured(message) from error
    environ: Mapping[str, str] = os.environ
    if secrets is not None:
        environ = secrets if isinstance(secrets, Mapping) else secrets.environ
    return read_profile(content, path, None if offline else environ)


def read_profile(content: bytes, path: Path, environ: Mapping[str, str] | None) -> Profile:
    """Read the bytes of a profile that stands at `path`, or stood there once; without an environment its references stay unresolved."""
    try:
        text = content.decode()
        told = tomllib.loads(text, parse_float=Decimal)
    except UnicodeDecodeError as error:
        message = f"{path}:{content[:error.start].count(10) + 1}: not UTF-8"
        raise Misconfigured(message) from error
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        message = f"{path}:{place[1] if place else text.count(chr(10)) + 1}: no valid TOML: {error}"
        raise Misconfigured(message) from error
    lines = TomlLines.of(text)
    try:
        file = msgspec.convert(told, ProfileFile)
    except msgspec.ValidationError as error:
        message = lines.explain(path, str(error))
        raise Misconfigured(message) from error
    flawed = list(_flaws(file, environ))
    if flawed:
        message = "\n".join(f"{path}:{lines.find(place)}: {sentence}" for place, sentence in flawed)
        raise Misconfigured(message)
    version = f"{file.version}+{hashlib.sha256(content).hexdigest()[:8]}"
    known: Mapping[str, str] = os.environ if environ is None else environ
    return Profile(path=path, name=file.version, text=text, rules=_rules(file, version, environ), sources=tuple(_sources(file, known)),
                   signals=tuple(_signals(file, known)), wire=file.payload, files=file.files, reach=reach_of(file, known),
                   folders=tuple(folders_of(file.folders, known)), push=push_of(file), statements=statements_of(file),
                   payments=file.payouts.file if file.payouts else None,
                   payment_api=PaymentApi(api=file.payouts.api, key=Secret(file.payouts.api.key, known))
                   if file.payouts and file.payouts.api else None, terms=_terms(file))


# --- what can be wrong ---------------------------------------------------------------------------------


def _flaws(file: ProfileFile, environ: Mapping[str, str] | None) -> Iterator[Flaw]:
    """Say everything that is wrong with a profile whose form is right."""
    yield from _source_flaws(file, environ)
    yield from platform_flaws(file, environ)
    yield from ((f"payload.fields.{name}" if name in file.payload.fields.__struct_fields__ else f"payload.{name}", sentence)
                for name, sentence in messages.flaws(file.payload))
    if not _zone(file.payload.zone):
        yield "payload.zone", f"there is no time zone '{file.payload.zone}'"
    entity_flaws = list(_entity_flaws(file, environ))
    yield from entity_flaws
    row_flaws = list(_row_flaws(file))
    yield from row_flaws
    if not entity_flaws and not row_flaws:
        yield from _mapping_flaws(file)
        surplus = [Place(warehouse=entity.warehouses.get(name, ""), location=table.location, status=table.status)
                   for entity in file.legal_entities for name, table in file.surplus.get(entity.id, {}).items()]
        targets = [*(row.place for _, row in _rows(file)), *surplus]
        yield from push_flaws(file, _sellability(file), targets)
        yield from statement_flaws(file, _sellability(file), targets)
    yield from _surplus_flaws(file)
    yield from _tax_flaws(file)
    yield from ((f"kits.{sku}", sentence) for sku, table in file.kits.items() for sentence in kit_flaws(_kit(sku, table)))
    yield from _limit_flaws(file)
    yield from _detail_flaws(file)
    yield from folder_flaws(file.folders, tuple(file.source), environ)
    yield from _time_flaws(file)
    yield from tolerance_flaws(file)
    yield from _payout_flaws(file, environ)
    yield from _retention_flaws(file)


def _retention_flaws(file: ProfileFile) -> Iterator[Flaw]:
    """Hold terms to durations, and to what complaints and books need at the least."""
    for kept in Kept:
        if told := getattr(file.retention, kept.value):
            here = f"retention.{kept.value}"
            if flawed := list(_duration_flaw(here, told)):
                yield from flawed
            elif sentence := too_short(kept, _duration(told)):
                yield here, sentence


def _terms(file: ProfileFile) -> Terms:
    return Terms(by_class={kept: _duration(told) for kept in Kept if (told := getattr(file.retention, kept.value))})


def _payout_flaws(file: ProfileFile, environ: Mapping[str, str] | None) -> Iterator[Flaw]:
    """Hold payments to columns that exist, days that pass, clocks with a source, and accounts of companies of ours."""
    known = {table.id for table in file.legal_entities}
    yield from ((f"accounts.{entity}", f"there is no legal entity '{entity}'") for entity in file.accounts if entity not in known)
    yield from valuation_flaws(file.valuation, known)
    table = file.payouts
    if table is None:
        return
    if table.pay_within < 1 or table.credit_within < 0:
        yield "payouts.pay_within" if table.pay_within < 1 else "payouts.credit_within", "days are counted from one"
    for country, clock in table.clocks.items():
        if clock.days < 1 or not clock.source.strip():
            yield f"payouts.clocks.{country}", "a clock needs at least one day, and its source: who says so, and where"
    if table.file:
        yield from ((f"payouts.file.{name}", sentence) for name, sentence in columns_flaws(table.file))
    if table.api:
        yield from ((f"payouts.api.{name}", sentence) for name, sentence in (*columns_flaws(table.api), *api_flaws(table.api)))
        yield from _secret_flaw("payouts.api.key", table.api.key, environ)
        for name in ("every", "overlap", "at_most", "timeout"):
            yield from _duration_flaw(f"payouts.api.{name}", getattr(table.api, name))


def _source_flaws(file: ProfileFile, environ: Mapping[str, str] | None) -> Iterator[Flaw]:
    senders: list[tuple[str, str, SenderTable]] = [("source", *each) for each in file.source.items()]
    senders += [("signal", *each) for each in file.signal.items()]
    for kind, name, table in senders:
        here = f"{kind}.{name}"
        if not NAME.fullmatch(name):
            yield here, f"'{name}' is part of an address: small letters, digits and hyphens only"
        for key in ("secret", "previous_secret"):
            if reference := getattr(table, key):
                yield from _secret_flaw(f"{here}.{key}", reference, environ if key == "secret" else None)
        if not table.secret:
            yield f"{here}.secret", f"a {kind} needs a secret: env:NAME or file:PATH"
        if table.template.count("{body}") != 1:
            yield f"{here}.template", "the template must hold {body} once"
        if table.encoding not in {"hex", "base64"}:
            yield f"{here}.encoding", f"the encoding is hex or base64, not '{table.encoding}'"
        if table.auth is Kind.BASIC and not table.username:
            yield f"{here}.auth", "basic needs a username"
        yield from _duration_flaw(f"{here}.tolerance", table.tolerance)
        yield from _subscription_flaws(file, here, name, table)


def _subscription_flaws(file: ProfileFile, here: str, name: str, table: SenderTable) -> Iterator[Flaw]:
    """Find a subscription nobody can make: Business Central proves itself by what it was told, and only to a signal."""
    mine = table.auth is Kind.CLIENT_STATE
    if not isinstance(table, SignalTable):
        if mine:
            yield f"{here}.auth", "client-state is how Business Central proves itself; the platform cannot"
        return
    if not table.subscribe:
        return
    if not mine:
        yield f"{here}.subscribe", 'only a signal with auth = "client-state" can be subscribed to'
    elif not table.subscribe.startswith(("env:", "file:")) and (
            not REACHED.match(table.subscribe) or not table.subscribe.endswith(f"/hooks/dynamics/{name}")):
        yield f"{here}.subscribe", f"the ERP must reach us by HTTPS at an address that ends in /hooks/dynamics/{name}"
    if not any(entity.erp == "business-central" for entity in file.legal_entities):
        yield f"{here}.subscribe", "no legal entity of this profile is on Business Central"


def _entity_flaws(file: ProfileFile, environ: Mapping[str, str] | None) -> Iterator[Flaw]:
    ids: set[str] = set()
    owners: dict[str, str] = {}
    for number, table in enumerate(file.legal_entities):
        here = f"legal_entities[{number}]"
        if table.id in ids:
            yield f"{here}.id", f"legal entity '{table.id}' stands here twice"
        ids.add(table.id)
        for retailer in table.retailers:
            if owners.setdefault(retailer, table.id) != table.id:
                yield f"{here}.retailers", f"retailer '{retailer}' belongs to '{owners[retailer]}' already"
        if not _zone(table.zone):
            yield f"{here}.zone", f"there is no time zone '{table.zone}'"
        if not re.fullmatch(r"[A-Z]{3}", table.currency, re.ASCII):
            yield f"{here}.currency", f"'{table.currency}' is no currency code of three capital letters"
        yield from ((f"{here}.currencies.{code}", f"'{code}' needs three capital letters, not the books' own, and its rate's source")
                    for code, source in table.currencies.items()
                    if not re.fullmatch(r"[A-Z]{3}", code, re.ASCII) or code == table.currency or not source.strip())
        yield from _calendar_flaws(f"{here}.calendar", table.calendar)
        calendar = MONTHS if [*_calendar_flaws(here, table.calendar)] else _calendar(table.calendar)
        yield from ((f"{here}.closed_periods", f"'{period}' is no period {'of its calendar' if calendar.listed else 'like 2026-01'}")
                    for period in table.closed_periods if not calendar.has(period))
        yield from _cut_off_flaws(f"{here}.cut_offs", table.cut_offs, calendar)
        references = {name: ("options", value) for name, value in table.options.items() if value.startswith(("env:", "file:"))}
        references |= {name: ("secrets", value) for name, value in table.secrets.items()}
        for name, (kind, value) in references.items():
            yield from _secret_flaw(f"{here}.{kind}.{name}", value, environ)


def _calendar_flaws(here: str, table: CalendarTable | None) -> Iterator[Flaw]:
    """Find a calendar by which a day lies in no period, or in two, and years of weeks that are only half stated."""
    if table is None:
        return
    if bool(table.weeks) is bool(table.periods):
        yield here, "a calendar is either weeks, from a day on, or its periods one by one"
    elif table.periods:
        strange = [name for name in ("begins", "years", "year", "long_years", "rule") if getattr(table, name)]
        yield from ((f"{here}.{name}", "belongs to a calendar of weeks; periods listed one by one have their own days") for name in strange)
        yield from ((f"{here}.periods", flaw) for flaw in calendar_flaws(_periods(table)))
    elif table.begins is None:
        yield f"{here}.begins", "years of weeks need the first day of the first year"
    else:
        yield from ((here, flaw) for flaw in _weeks(table, table.begins).flaws())


def _cut_off_flaws(here: str, told: Mapping[str, datetime], calendar: Calendar) -> Iterator[Flaw]:
    """Find a cut-off of no period, or one outside it, after which nothing would leave that belongs to another."""
    for period, at in told.items():
        if not calendar.has(period):
            yield f"{here}.{period}", f"'{period}' is no period of its calendar"
        elif at.tzinfo is not None:
            yield f"{here}.{period}", "a cut-off is by the legal entity's own clock, so that it has no offset"
        elif at.date() not in calendar.span(period):
            yield f"{here}.{period}", f"{period} is {calendar.first(period)} to {calendar.last(period)}, and {at} is not in it"


def _periods(table: CalendarTable) -> tuple[Period, ...]:
    return tuple(Period(name=each.name, first=each.first, last=each.last) for each in table.periods)


def _weeks(table: CalendarTable, begins: date) -> Weeks:
    return Weeks(pattern=table.weeks, begins=begins, years=table.years, year=table.year or begins.year, long=frozenset(table.long_years),
                 rule=table.rule)


def _calendar(table: CalendarTable | None) -> Calendar:
    if table is None:
        return MONTHS
    return Calendar(listed=_weeks(table, table.begins).periods if table.begins else _periods(table))


def _row_flaws(file: ProfileFile) -> Iterator[Flaw]:
    entities = {table.id: table for table in file.legal_entities}
    for number, table in enumerate(file.mapping):
        here = f"mapping[{number}]"
        for name in ("legal_entity", "warehouse", "disposition", "condition", "reason"):
            yield from _value_flaws(f"{here}.{name}", aliases(getattr(table, name)))
        for entity in aliases(table.legal_entity):
            if entity not in entities:
                yield f"{here}.legal_entity", f"there is no legal entity '{entity}'"
                continue
            yield from ((f"{here}.warehouse", f"'{entity}' has no warehouse '{warehouse}'")
                        for warehouse in aliases(table.warehouse) if warehouse not in entities[entity].warehouses)
        if table.charge and table.charge not in file.fees:
            yield f"{here}.charge", f"'{table.charge}' is not in [fees]"
        elif table.charge:
            fee = file.fees[table.charge]
            if isinstance(fee, str) or fee.effect is Effect.REFUND or (fee.effect is Effect.DEDUCT and fee.amount is None):
                yield f"{here}.charge", f"'{table.charge}' has no amount to deduct: it needs effect = \"deduct\" and an amount"


def _value_flaws(place: str, values: Sequence[str]) -> Iterator[Flaw]:
    if not values:
        yield place, "an empty list, so the row stands for nothing"
    for value in values:
        if "*" in value or "?" in value:
            yield place, f"'{value}' holds a wildcard; stock and ledger targets need exact values"


def _mapping_flaws(file: ProfileFile) -> Iterator[Flaw]:
    rows = list(_rows(file))
    where: dict[str, int] = {}
    for number, row in rows:
        when = row.when
        key = f"{when.legal_entity}/{when.warehouse}/{when.disposition}/{when.condition}/{when.reason or '(no reason)'}: "
        where[key] = number
    for sentence in flaws([row for _, row in rows], _sellability(file)):
        number = next((number for key, number in where.items() if sentence.startswith(key)), 0)
        yield f"mapping[{number}]", sentence
    known = {code for table in file.legal_entities for code in table.warehouses.values()}
    known |= {table.to_warehouse for table in file.mapping}
    known |= {code for warehouses in (file.push.retailers if file.push else {}).values() for code in warehouses.values()}
    for place in file.sellable.places:
        if place.warehouse not in known:
            yield "sellable.places", f"no warehouse of this tenant is '{place.warehouse}', so nothing there could be told apart"


def _surplus_flaws(file: ProfileFile) -> Iterator[Flaw]:
    """Hold places for surplus to what mapping rows are held to: exact, and never on sale, because nobody has graded these units."""
    entities, sellability = {table.id: table for table in file.legal_entities}, _sellability(file)
    for entity, tables in file.surplus.items():
        if entity not in entities:
            yield f"surplus.{entity}.{next(iter(tables), '')}", f"there is no legal entity '{entity}'"
            continue
        for warehouse, table in tables.items():
            here = f"surplus.{entity}.{warehouse}"
            if warehouse not in entities[entity].warehouses:
                yield here, f"'{entity}' has no warehouse '{warehouse}'"
                continue
            place = Place(warehouse=entities[entity].warehouses[warehouse], location=table.location, status=table.status)
            for name in ("location", "status"):
                yield from _value_flaws(f"{here}.{name}", (getattr(table, name),))
            if table.journal_type not in {JournalType.ADJUSTMENT, JournalType.MOVEMENT}:
                yield f"{here}.journal_type", f"surplus comes in by an adjustment or a movement, not by {table.journal_type.value}"
            if table.journal_type is JournalType.MOVEMENT and not table.expected_account:
                yield f"{here}.expected_account", "a movement journal's lines carry an account"
            if not table.location.strip():
                yield f"{here}.location", "surplus needs a location"
            elif sellability.sells(place):
                yield here, f"units nobody announced are not sellable, yet {place.warehouse}/{place.location} is on sale"


def _tax_flaws(file: ProfileFile) -> Iterator[Flaw]:
    """Hold rates to be told once for each day: two at once would be added up."""
    entities, told = {table.id for table in file.legal_entities}, dict[tuple[str, str, str], list[TaxRateTable]]()
    for number, table in enumerate(file.tax_rates):
        here = f"tax_rates[{number}]"
        for name in ("legal_entity", "tax_group", "item_group"):
            yield from _value_flaws(f"{here}.{name}", aliases(getattr(table, name)))
        yield from ((f"{here}.legal_entity", f"there is no legal entity '{entity}'")
                    for entity in aliases(table.legal_entity) if entity not in entities)
        if not table.source.strip():
            yield f"{here}.source", "a rate needs its source: who says so, and where"
        if table.percent < 0 or (table.first and table.last and table.first > table.last):
            yield here, "a rate is not negative and begins before it ends"
        for key in product(aliases(table.legal_entity), aliases(table.tax_group), aliases(table.item_group)):
            others = told.setdefault(key, [])
            if any((other.last is None or table.first is None or table.first <= other.last)
                   and (table.last is None or other.first is None or other.first <= table.last) for other in others):
                yield here, f"{'/'.join(key)} has two rates on one day"
            others.append(table)


def _limit_flaws(file: ProfileFile) -> Iterator[Flaw]:
    """Hold limits to amounts that can be reached, and to each other: what a whole day may be is no less than one customer's part of it."""
    told = {name: limit for name in file.limits.__struct_fields__ if (limit := getattr(file.limits, name)) is not None}
    yield from ((f"limits.{name}", f"a limit is an amount, not {limit}") for name, limit in told.items()
                if not limit.is_finite() or limit < 0)
    if "day" in told and "customer_day" in told and told["customer_day"] > told["day"]:
        yield "limits.customer_day", f"one customer's day is limited to {told['customer_day']}, and all of a day to {told['day']} already"


def _detail_flaws(file: ProfileFile) -> Iterator[Flaw]:
    if file.history and file.history.before and not file.payload.fields.ordered_on:
        yield "history.before", "a day needs payload.fields.ordered_on: where messages tell when the goods were sold"
    for sku, fee in file.fees.items():
        if isinstance(fee, FeeTable):
            yield from ((f"fees.{sku}", sentence) for sentence in _fee_flaws(fee))
    yield from _routing_flaws(file)
    for code, team in file.teams.items():
        if code not in KINDS:
            yield f"teams.{code}", f"there is no kind of exception '{code}'"
        if not team.strip():
            yield f"teams.{code}", "the team has no name"
    yield from ((f"files.{name}", sentence) for name, sentence in layouts.flaws(file.files))


def _fee_flaws(fee: FeeTable) -> Iterator[str]:
    """Say what a fee lacks; one that is prepaid, or that the ERP charges by itself, needs no service item."""
    booked = fee.customer_return and fee.effect is not Effect.PREPAID and fee.by is By.SERVICE_ITEM
    if booked is not bool(fee.service_item):
        yield "a fee has a service_item, or says customer_return = false, and not both; what is prepaid or charged by the ERP has none"
    if fee.by is By.ERP and (fee.effect is not Effect.DEDUCT or fee.amount is None):
        yield "what the ERP charges by itself is a deduction of an amount that is expected"
    if fee.amount is not None and fee.amount <= 0:
        yield "an amount is positive; effect says which way it goes"
    if fee.tax_included < 0:
        yield "a rate is not negative"


def _time_flaws(file: ProfileFile) -> Iterator[Flaw]:
    if RANK[file.triggers.goods] < RANK[Stage.INSPECTED] or file.triggers.goods is Stage.CANCELLED:
        yield "triggers.goods", f"goods are credited after acceptance only: inspected or completed, not {file.triggers.goods.value}"
    for here, window in (("window", file.window), *((f"windows.{leg.value}", table) for leg, table in _windows(file))):
        for key in ("every", "lead"):
            yield from _duration_flaw(f"{here}.{key}", getattr(window, key))
        if window.cap < 1:
            yield f"{here}.cap", "a window holds at least one return"
    for key in file.deadlines.__struct_fields__:
        yield from _duration_flaw(f"deadlines.{key}", getattr(file.deadlines, key))
    if file.attempts < 1:
        yield "attempts", "at least one attempt is needed"
    if file.go_live is not None and file.go_live.tzinfo is None:
        yield "go_live", "the moment needs an offset, like 2026-01-01T00:00:00Z"


def _zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


# --- what it comes to ----------------------------------------------------------------------------------


def _sources(file: ProfileFile, environ: Mapping[str, str]) -> Iterator[Source]:
    for name, table in file.source.items():
        paths = file.payload.fields.event_id if table.event_id is None else table.event_id
        yield Source(name=name, tenant=file.tenant, event_id=aliases(paths), tests_only=table.tests_only, proof=_proof(table, environ))


def _signals(file: ProfileFile, environ: Mapping[str, str]) -> Iterator[Source]:
    """Give who may tell what an ERP did; a repeat is known by its bytes, for nothing in them is trusted."""
    for name, table in file.signal.items():
        yield Source(name=name, tenant=file.tenant, proof=_proof(table, environ), address=_option(table.subscribe, environ))


def _proof(table: SenderTable, environ: Mapping[str, str]) -> Proof:
    references = [reference for reference in (table.secret, table.previous_secret) if reference]
    return Proof(
        kind=table.auth, secrets=tuple(Secret(reference, environ) for reference in references),
        header=table.header, timestamp_header=table.timestamp_header, prefix=table.prefix, template=table.template,
        encoding=table.encoding, username=table.username, tolerance=int(_duration(table.tolerance).total_seconds()))


def _rows(file: ProfileFile) -> Iterator[tuple[int, MappingRow]]:
    """Expand every mapping table into exact rows, each with the number of its table."""
    entities = {table.id: table for table in file.legal_entities}
    for number, table in enumerate(file.mapping):
        keys = (table.legal_entity, table.warehouse, table.disposition, table.condition, table.reason)
        for entity, warehouse, disposition, condition, reason in product(*map(aliases, keys)):
            yield number, MappingRow(
                when=Circumstance(legal_entity=entity, warehouse=warehouse, disposition=disposition, condition=condition,
                                  reason=reason),
                outcome=table.outcome, erp_disposition=table.erp_disposition, credit=table.credit, journal=table.journal,
                journal_type=table.journal_type,
                expected_account=table.expected_account, charge=table.charge,
                place=Place(warehouse=table.to_warehouse or entities[entity].warehouses[warehouse],
                            location=table.location, status=table.status))


def _sellability(file: ProfileFile) -> Sellability:
    return Sellability(
        places=frozenset(Place(warehouse=place.warehouse, location=place.location, status=place.status)
                         for place in file.sellable.places),
        dispositions=frozenset(file.sellable.dispositions), conditions=frozenset(file.sellable.conditions))


def _entity(table: EntityTable, environ: Mapping[str, str] | None) -> LegalEntity:
    return LegalEntity(
        id=table.id, erp=table.erp, deployment=table.deployment, currency=table.currency, zone=table.zone,
        retailers=frozenset(table.retailers), warehouses=dict(table.warehouses), return_reason=table.return_reason,
        no_customer_account=table.no_customer_account, no_customer_limit=table.no_customer_limit,
        job_times=table.job_times, calendar=_calendar(table.calendar), cut_off=table.cut_off,
        cut_offs=dict(table.cut_offs), closed_periods=frozenset(table.closed_periods),
        currencies=dict(table.currencies), refund_booking=table.refund_booking,
        options={**{name: _option(value, environ) for name, value in table.options.items()},
                 **{name: Hidden(_option(reference, environ)) for name, reference in table.secrets.items()}})


def _option(value: str, environ: Mapping[str, str] | None) -> str:
    return Secret(value, environ).reveal() if environ is not None and value.startswith(("env:", "file:")) else value


def _windows(file: ProfileFile) -> Iterator[tuple[Leg, WindowTable]]:
    """Give the legs that have a window of their own."""
    for leg in Leg:
        table: WindowTable | None = getattr(file.windows, leg.value)
        if table is not None:
            yield leg, table


def _window(table: WindowTable) -> Window:
    return Window(close=table.close, every=_duration(table.every), at=table.at, cap=table.cap, lead=_duration(table.lead),
                  approve=table.approve)


def _rules(file: ProfileFile, version: str, environ: Mapping[str, str] | None) -> Rules:
    waits = {name: _duration(getattr(file.deadlines, name)) for name in file.deadlines.__struct_fields__}
    history = file.history
    return Rules(
        tenant=file.tenant, version=version, entities=tuple(_entity(table, environ) for table in file.legal_entities),
        mapping=tuple(row for _, row in _rows(file)), sellability=_sellability(file),
        fees={sku: FeeRule(service_item=fee) if isinstance(fee, str) else
              FeeRule(service_item=fee.service_item, customer_return=fee.customer_return, effect=fee.effect, by=fee.by, amount=fee.amount,
                      per=fee.per, tax_included=fee.tax_included) for sku, fee in file.fees.items()},
        history=None if history is None else HistoryPolicy(version=history.version, approved_by=history.approved_by,
                                          orders=frozenset(history.orders), allowance=history.allowance, before=history.before),
        surplus={
            (entity.id, warehouse): Surplus(
                place=Place(warehouse=entity.warehouses[warehouse], location=table.location, status=table.status),
                journal=table.journal, journal_type=table.journal_type, expected_account=table.expected_account)
            for entity in file.legal_entities for warehouse, table in file.surplus.get(entity.id, {}).items()},
        kits={sku: _kit(sku, table) for sku, table in file.kits.items()},
        taxes={table.id: taxes for table in file.legal_entities if (taxes := _taxes(file, table.id))},
        origin=OriginRule(prefer=file.originals.prefer, divide=file.originals.divide),
        debit_item=file.debit_item, triggers=Triggers(order=file.triggers.order, goods=file.triggers.goods, fees=file.triggers.fees),
        window=_window(file.window), windows={leg: _window(table) for leg, table in _windows(file)},
        limits=Limits(**{name: getattr(file.limits, name) for name in file.limits.__struct_fields__}),
        tolerances=tolerances_of(file),
        routing=tuple(RoutingRule(team=row.team, kinds=_names(row.kinds), retailers=_names(row.retailers), above=row.above,
                                  legal_entities=_names(row.legal_entities), warehouses=_names(row.warehouses)) for row in file.routing),
        escalation=ESCALATION if file.escalation is None else tuple(
            Escalation(team=row.team, late=_duration(row.late), kinds=_names(row.kinds)) for row in file.escalation),
        deadlines=Deadlines(**waits), teams=dict(file.teams), attempts=file.attempts, read_back=read_back_of(file), go_live=file.go_live,
        offered=offered(file), payouts=_payouts(file.payouts), accounts={
            entity: tied_to(table) for entity, table in file.accounts.items()},
        valuation=policy_of(file.valuation))


def _payouts(table: PayoutsTable | None) -> PayoutRules:
    if table is None:
        return PayoutRules()
    providers = dict.fromkeys(told.provider for told in (table.file, table.api) if told)
    return PayoutRules(providers=tuple(providers), pay_within=table.pay_within,
                       credit_within=table.credit_within,
                       clocks={country: Clock(days=clock.days, source=clock.source) for country, clock in table.clocks.items()})


def _kit(sku: str, table: KitTable) -> Kit:
    return Kit(sku=sku, mode=table.mode, remainder=table.remainder, components=tuple(
        Component(sku=each.sku, quantity=each.quantity, share=each.share) for each in table.components))


def _taxes(file: ProfileFile, entity: str) -> TaxTable:
    """Put the rates of one company together: each pair of groups shares one code of its own."""
    groups: dict[str, set[str]] = {}
    items: dict[str, set[str]] = {}
    values: dict[str, list[TaxSpan]] = {}
    for table in file.tax_rates:
        for group, item in product(aliases(table.tax_group), aliases(table.item_group)) if entity in aliases(table.legal_entity) else ():
            code = f"{group}|{item}"
            groups.setdefault(group, set()).add(code)
            items.setdefault(item, set()).add(code)
            values.setdefault(code, []).append(TaxSpan(percent=table.percent, first=table.first, last=table.last))
    return TaxTable(groups={name: frozenset(codes) for name, codes in groups.items()},
                    items={name: frozenset(codes) for name, codes in items.items()},
                    values={name: tuple(spans) for name, spans in values.items()})


# --- what it would do ------------------------------------------------------------------------------------


def placements(profile: Profile, body: bytes) -> Iterator[Line]:
    """Say of every accepted unit in a sample where this profile would send it, or that nobody decided."""
    sample = Delivery(tenant=profile.tenant, source="sample", identity="sample", body=body, received_at=datetime.now(UTC))
    try:
        facts = ZigZagWire(profile.wire).facts(sample)
    except Unusable:
        return
    refs = dict.fromkeys(fact.return_ref for fact in facts)
    for case in (fold(ref, (fact for fact in facts if fact.return_ref == ref)) for ref in refs):
        entity = profile.rules.entity_of(case.retailer)
        if entity is None:
            yield Line(where=case.ref, says=case.retailer, becomes="held: this retailer code belongs to no legal entity")
            continue
        for line in case.lines:
            if line.sku in profile.rules.fees:
                item = profile.rules.fees[line.sku].service_item
                yield Line(where=f"{case.ref} {line.line_id}", says=line.sku, becomes=f"a fee: {item}" if item else
                           "held: no customer return, somebody books it in the ledger")
            for part in (part for part in line.parts if part.accepted):
                when = circumstance(case, line, part, entity)
                row = choose(profile.rules.mapping, when)
                says = f"{part.disposition}/{part.condition}/{line.reason or '(no reason)'} at {when.warehouse}"
                yield Line(where=f"{case.ref} {line.line_id}", says=says, becomes="held: nobody mapped this" if row is None else
                           f"{row.outcome.value}: {row.erp_disposition} {row.place.warehouse}/{row.place.location}")


def _names(values: Values) -> frozenset[str]:
    """Give one value or several as a set."""
    return frozenset((values,) if isinstance(values, str) else values)


def _routing_flaws(file: ProfileFile) -> Iterator[Flaw]:
    for number, row in enumerate(file.routing):
        if not row.team.strip():
            yield f"routing[{number}]", "the team has no name"
        for code in sorted(_names(row.kinds) - KINDS.keys()):
            yield f"routing[{number}].kinds", f"there is no kind of exception '{code}'"
        for name in sorted(_names(row.legal_entities) - {entity.id for entity in file.legal_entities}):
            yield f"routing[{number}].legal_entities", f"there is no legal entity '{name}'"
    for number, step in enumerate(file.escalation or ()):
        if not step.team.strip():
            yield f"escalation[{number}]", "the team has no name"
        yield from _duration_flaw(f"escalation[{number}].late", step.late)
        for code in sorted(_names(step.kinds) - KINDS.keys()):
            yield f"escalation[{number}].kinds", f"there is no kind of exception '{code}'"

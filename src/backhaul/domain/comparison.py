"""Do the profile's lists and the ERP's name the same things?

Compared letter by letter, in both directions, before a return has to find out: what the profile names and the ERP does not have, and what
the ERP has and nobody named. A code that looks alike is shown beside it, as a hint and never as a choice. Items are compared in one
direction: what returns name and the ERP cannot take back; nobody reads which of its items never came back.
"""

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from backhaul.domain.rules import LegalEntity, Rules
from backhaul.domain.tax import TaxTable
from backhaul.domain.validation import Customer, Item, ItemState, MasterData

MOST: Final = 200
"""So many codes of one list that nobody named are shown; an ERP may have thousands of places."""


class Listed(StrEnum):
    """What kind of code is compared."""

    WAREHOUSE = "warehouse"
    PLACE = "place"
    DISPOSITION = "disposition code"
    REASON = "return reason"
    SERVICE_ITEM = "service item"
    CUSTOMER = "customer account"
    ITEM = "item"
    TAX_GROUP = "tax group"
    TAX_ITEM_GROUP = "item tax group"
    TAX_RATE = "tax rate"
    PLATFORM_WAREHOUSE = "platform's warehouse"


class Standing(StrEnum):
    """How a code stands; `missing`, `stopped` and `differs` hold returns or credit them at another tax, `unnamed` may."""

    BOTH = "both"
    MISSING = "missing"
    STOPPED = "stopped"
    DIFFERS = "differs"
    UNNAMED = "unnamed"


URGENCY: Final = (Standing.MISSING, Standing.STOPPED, Standing.DIFFERS, Standing.UNNAMED, Standing.BOTH)
NEEDS_SOMEBODY: Final = frozenset({Standing.MISSING, Standing.STOPPED, Standing.DIFFERS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One code, where it stands, and codes of the other side that a person may take for it."""

    listed: Listed
    code: str
    standing: Standing
    alike: tuple[str, ...] = ()
    says: str = ""


def service_items(rules: Rules) -> frozenset[str]:
    """Give the service items a profile names."""
    return frozenset({fee.service_item for fee in rules.fees.values()} | {rules.debit_item}) - {""}


def rates_of(rules: Rules, entity: LegalEntity) -> TaxTable:
    """Give the rates of tax a profile tells for a legal entity; empty where it tells none, and then no tax is compared."""
    return rules.taxes.get(entity.id, TaxTable())


def compare(  # noqa: PLR0913  each is named at the call
    rules: Rules, entity: LegalEntity, master: MasterData, seen: Collection[str], *, items: Collection[str] = (), day: date = date.max,
) -> tuple[Compared, ...]:
    """Compare what a legal entity's profile and returns name with what its ERP lists.

    `seen` are warehouse codes the platform used, `items` codes of goods that returns named, and rates of tax are those of `day`. A list
    the ERP does not tell is not compared. What needs somebody comes first.
    """
    rates = rates_of(rules, entity)
    rows = [row for row in rules.mapping if row.when.legal_entity == entity.id]
    surplus = [each for (owner, _), each in rules.surplus.items() if owner == entity.id]
    places = {row.place for row in rows} | {each.place for each in surplus}
    named_warehouses = {*entity.warehouses.values(), *(place.warehouse for place in places)} - {""}
    told = [
        *_lists(Listed.WAREHOUSE, named_warehouses, master.warehouses),
        *_lists(Listed.PLACE, {_place(place.warehouse, place.location) for place in places if place.location},
                {_place(place.warehouse, place.location) for place in master.places if place.warehouse in named_warehouses}),
        *_lists(Listed.DISPOSITION, {row.erp_disposition for row in rows if ":" not in row.erp_disposition} - {""},
                master.disposition_codes),
        *_lists(Listed.REASON, {entity.return_reason} - {""}, master.reason_codes),
        *_records(Listed.SERVICE_ITEM, service_items(rules), master.items),
        *_records(Listed.CUSTOMER, {entity.no_customer_account} - {""}, master.customers),
        *_records(Listed.ITEM, items, master.items),
        *(_taxes(rates, master, day) if rates else ()),
        *_lists(Listed.PLATFORM_WAREHOUSE, seen, frozenset(entity.warehouses)),
    ]
    return tuple(sorted(told, key=lambda each: (URGENCY.index(each.standing), each.listed, each.code)))


def _lists(listed: Listed, named: Collection[str], there: Collection[str]) -> Iterator[Compared]:
    """Compare two lists of codes; one that is not told is not compared."""
    if not there:
        return
    by_look: dict[str, list[str]] = {}
    for code in sorted(there):
        by_look.setdefault(_look(code), []).append(code)
    for code in sorted(named):
        alike = tuple(each for each in by_look.get(_look(code), ()) if each != code)
        yield Compared(listed=listed, code=code, standing=Standing.BOTH if code in there else Standing.MISSING, alike=alike)
    for code in sorted(set(there) - set(named))[:MOST]:
        yield Compared(listed=listed, code=code, standing=Standing.UNNAMED)


def _records(listed: Listed, named: Iterable[str], there: Mapping[str, Item] | Mapping[str, Customer]) -> Iterator[Compared]:
    """Compare codes with records that were asked for, and say what is wrong with one."""
    looks = {_look(code): code for code in there}
    for code in sorted(named):
        record = there.get(code)
        alike = () if record is not None or _look(code) not in looks else (looks[_look(code)],)
        wrong = "" if record is None else _unfit(record) if listed is Listed.ITEM and isinstance(record, Item) else _wrong(record)
        standing = Standing.MISSING if record is None else Standing.STOPPED if wrong else Standing.BOTH
        yield Compared(listed=listed, code=code, standing=standing, alike=alike, says=wrong)


def _wrong(record: Item | Customer) -> str:
    """Say why a record cannot be used; empty if it can."""
    if isinstance(record, Customer):
        return "on hold" if record.on_hold else ""
    if record.state is not ItemState.ACTIVE:
        return record.state.value
    return "" if record.service else "no service item"


def _unfit(item: Item) -> str:
    """Say why units of an item cannot come back; empty if they can."""
    if item.also:
        return f"names several items: {', '.join(item.also)}"
    if item.needs_variant:
        return "no released variant"
    if item.state is not ItemState.ACTIVE:
        return item.state.value
    if item.service:
        return "a service item, and no fee"
    return "" if item.unit else "no sales unit"


def _taxes(rates: TaxTable, master: MasterData, day: date) -> Iterator[Compared]:
    """Compare the groups that rates are told for, and the rates; where a customer has no group, its account stands for one."""
    accounts = rates.groups.keys() & master.customers.keys() if master.tax_groups else frozenset()
    yield from _lists(Listed.TAX_GROUP, rates.groups, master.tax_groups | accounts)
    yield from _lists(Listed.TAX_ITEM_GROUP, rates.items, master.tax_item_groups)
    yield from _rates(rates, master.taxes, day)


def _rates(named: TaxTable, there: TaxTable, day: date) -> Iterator[Compared]:
    """Compare the rates of a day, pair by pair, where the ERP tells rates of its own: those are the ones that hold."""
    pairs = sorted((group, item) for group, codes in named.groups.items() for item, others in named.items.items() if codes & others)
    for group, item in pairs if there else ():
        mine, theirs = named.rate(group, item, day), there.rate(group, item, day)
        if mine is not None and theirs is not None and group in there.groups and item in there.items:
            differs = mine != theirs
            yield Compared(listed=Listed.TAX_RATE, code=f"{group} / {item}", standing=Standing.DIFFERS if differs else Standing.BOTH,
                           says=f"{_percent(mine)} in the profile, {_percent(theirs)} in the ERP" if differs else _percent(mine))


def _percent(rate: Decimal) -> str:
    return f"{rate.normalize():f} %"


def _place(warehouse: str, location: str) -> str:
    return f"{warehouse} / {location}"


def _look(code: str) -> str:
    """Give what a person reads: without case, blanks, signs and leading zeros."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", code).casefold() if letter.isalnum())
    return plain.lstrip("0") or plain

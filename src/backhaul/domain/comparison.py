"""Do the profile's lists and the ERP's name the same things?

Compared letter by letter, in both directions, before a return has to find out: what the profile names and the ERP does not have, and what
the ERP has and nobody named. A code that looks alike is shown beside it, as a hint and never as a choice.
"""

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from backhaul.domain.rules import LegalEntity, Rules
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
    PLATFORM_WAREHOUSE = "platform's warehouse"


class Standing(StrEnum):
    """How a code stands; `missing` and `stopped` hold returns, `unnamed` may."""

    BOTH = "both"
    MISSING = "missing"
    STOPPED = "stopped"
    UNNAMED = "unnamed"


URGENCY: Final = (Standing.MISSING, Standing.STOPPED, Standing.UNNAMED, Standing.BOTH)


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


def compare(rules: Rules, entity: LegalEntity, master: MasterData, seen: Collection[str]) -> tuple[Compared, ...]:
    """Compare what a legal entity's profile names with what its ERP lists; `seen` are warehouse codes the platform used.

    A list the ERP does not tell is not compared. What needs somebody comes first.
    """
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
        wrong = _wrong(record) if record is not None else ""
        standing = Standing.MISSING if record is None else Standing.STOPPED if wrong else Standing.BOTH
        yield Compared(listed=listed, code=code, standing=standing, alike=alike, says=wrong)


def _wrong(record: Item | Customer) -> str:
    """Say why a record cannot be used; empty if it can."""
    if isinstance(record, Customer):
        return "on hold" if record.on_hold else ""
    if record.state is not ItemState.ACTIVE:
        return record.state.value
    return "" if record.service else "no service item"


def _place(warehouse: str, location: str) -> str:
    return f"{warehouse} / {location}"


def _look(code: str) -> str:
    """Give what a person reads: without case, blanks, signs and leading zeros."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", code).casefold() if letter.isalnum())
    return plain.lstrip("0") or plain

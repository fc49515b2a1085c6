"""What does this tenant's profile let us tell the platform, and can it be told without a guess?"""

import re
from collections.abc import Collection, Iterator
from typing import Final

from backhaul.application.push import PushPlan
from backhaul.domain.disposition import Place, Sellability
from backhaul.domain.pushing import unreadable
from backhaul.profile_tables import ProfileFile, PushTable
from backhaul.profile_values import Flaw, duration, duration_flaw

MESSAGE_KEY: Final = 50
"""No message key is longer (facts/zigzag 3.3)."""


def push_flaws(file: ProfileFile, sellability: Sellability, targets: Collection[Place]) -> Iterator[Flaw]:
    """Say everything that is wrong with what is told; stock that may be damaged is never offered."""
    table = file.push
    if table is None:
        return
    if file.platform is None:
        yield "push.retailers", "a push needs [platform]: where to tell it"
    if not table.retailers:
        yield "push.retailers", "no retailer is named"
    if not (table.stock or table.non_returnable):
        yield "push.stock", "neither stock nor non_returnable is wanted"
    if table.non_returnable and not 0 < len(table.message_key) <= MESSAGE_KEY:
        yield "push.message_key", f"non_returnable needs the portal's message, at most {MESSAGE_KEY} letters"
    if table.listed and not table.non_returnable:
        yield "push.listed", "what is listed is compared with non_returnable, which is not wanted"
    elif table.listed and table.listed not in (file.platform.lookups if file.platform else ()):
        yield "push.listed", f"there is no [platform.lookups.{table.listed}]"
    yield from (("push.countries", f"'{country}' is no country of two capital letters") for country in table.countries
                if not re.fullmatch(r"[A-Z]{2}", country, re.ASCII))
    for key in ("every", "alarm", "seen"):
        yield from duration_flaw(f"push.{key}", getattr(table, key))
    yield from _retailer_flaws(file, table, sellability, targets)


def _retailer_flaws(file: ProfileFile, table: PushTable, sellability: Sellability, targets: Collection[Place]) -> Iterator[Flaw]:
    """Hold each retailer to a legal entity, and its warehouses to what can be told of them."""
    known = {retailer for entity in file.legal_entities for retailer in entity.retailers}
    for retailer, warehouses in table.retailers.items():
        here = f"push.retailers.{retailer}"
        if retailer not in known:
            yield here, f"retailer '{retailer}' belongs to no legal entity"
        if table.stock and not warehouses:
            yield here, "stock needs the warehouses: the platform's code = the ERP's"
        for code, warehouse in warehouses.items() if table.stock else ():
            yield from ((f"{here}.{code}", sentence) for sentence in unreadable(sellability, warehouse, targets))


def push_of(file: ProfileFile) -> PushPlan | None:
    """Build what a sound profile says; None where nothing is told."""
    table = file.push
    return None if table is None else PushPlan(
        retailers={retailer: dict(warehouses) for retailer, warehouses in table.retailers.items()}, stock=table.stock,
        non_returnable=table.non_returnable, skus=table.skus, seen=duration(table.seen), countries=table.countries,
        message_key=table.message_key, country_field=table.country_field, listed=table.listed,
        returnable_field=table.returnable_field, every=duration(table.every), alarm=duration(table.alarm))


def offered(file: ProfileFile) -> dict[str, frozenset[str]]:
    """Give the warehouses of each legal entity whose stock is told."""
    told = file.push.retailers if file.push and file.push.stock else {}
    return {entity.id: frozenset(warehouse for retailer in entity.retailers for warehouse in told.get(retailer, {}).values())
            for entity in file.legal_entities}

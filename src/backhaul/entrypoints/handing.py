"""How does what somebody says of a parcel in hand come to the record, from wherever they say it?"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from backhaul.adapters.sql import views
from backhaul.domain.access import Scope
from backhaul.domain.parcel import NotAParcel, Parcel, choices_of, judge
from backhaul.domain.rules import Rules
from backhaul.entrypoints.versioning import ReadableStore


def judged(store: ReadableStore, rules: Rules, scope: Scope, entity: str, told: Mapping[str, Any], *,  # noqa: PLR0913  each is named
           actor: str, now: datetime) -> tuple[Parcel, Collection[str]]:
    """Make a parcel of what was said of it, and give the returns of the scope that name its number already.

    Raises `NotAParcel` with the fields that cannot be.
    """
    known = [each.id for each in rules.entities]
    if entity not in known:
        raise NotAParcel({"legal_entity": f"one of {', '.join(known)}, not '{entity[:60]}'"})
    where = rules.entity(entity)
    parcel = judge(told, choices_of(rules, where), actor=actor, today=now.astimezone(ZoneInfo(where.zone)).date())
    with store.read() as connection:
        return parcel, views.refs_about(connection, scope, parcel.parcel)

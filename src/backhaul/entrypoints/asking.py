"""When is a payment provider asked for what it paid, and what if it does not answer?

From where the last whole answer ended, and a while before that. Each page is kept before it is read, so that a look that breaks off loses
nothing; it is asked again after the interval. A proof says when the last whole answer is older than a day.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from backhaul.adapters.payments.provider import pages
from backhaul.application.payment_ports import KeptSheet
from backhaul.application.take_payments import take
from backhaul.bootstrap import House
from backhaul.domain.errors import BackhaulError, Misconfigured
from backhaul.profile_values import duration

MEMORY: Final = "payments"
"""Under this name it is remembered until when a provider was asked, and when it was last tried."""
STALE: Final = timedelta(hours=26)


def steps(house: House) -> Mapping[str, Any]:
    """Give the durable step that asks the provider the profile names."""
    return {"payments": lambda tenant, now: ask_when_due(house, tenant, now)}


def ask_when_due(house: House, tenant: str, now: datetime) -> Mapping[str, Any]:
    """Ask once an interval; what stands in the way is remembered and told, and stops nothing else."""
    told = house.profiles[tenant].payment_api
    if told is None:
        return {}
    memory = _memory(house, tenant)
    if (tried := memory.get("tried_at")) and now < datetime.fromisoformat(tried) + duration(told.api.every):
        return {}
    try:
        return ask(house, tenant, now)
    except BackhaulError as away:
        with house.store.begin() as tx:
            tx.remember(tenant, MEMORY, {**memory, "tried_at": now.isoformat(), "trouble": str(away)})
        return {"trouble": str(away)}


def ask(house: House, tenant: str, now: datetime) -> Mapping[str, Any]:
    """Ask for all that changed since the last whole answer and keep it; give the counts."""
    profile, memory = house.profiles[tenant], _memory(house, tenant)
    told = profile.payment_api
    if told is None:
        message = "the profile has no [payouts.api], so nobody said where payments are asked for"
        raise Misconfigured(message)
    oldest = now - duration(told.api.at_most)
    last = memory.get("until")
    since = max(datetime.fromisoformat(last) - duration(told.api.overlap), oldest) if last else oldest
    counts: Counter[str] = Counter()
    for page in pages(told.api, told.key, since, now, timeout=duration(told.api.timeout).total_seconds()):
        sheet = KeptSheet(tenant=tenant, provider=told.api.provider, name=page.name, sha256=hashlib.sha256(page.body).hexdigest(),
                          body=page.body, at=now)
        done = take(house.store, profile.rules, sheet, page.rows, now=now)
        counts.update({"pages": 1, **{name: int(count) for name, count in done.items() if name != "seen"}})
    with house.store.begin() as tx:
        tx.remember(tenant, MEMORY, {"until": now.isoformat(), "tried_at": now.isoformat()})
    return {"since": since.isoformat(), **counts}


def unasked(house: House, tenant: str, now: datetime) -> list[str]:
    """Say why what was paid may not be known whole, where a provider has to be asked for it."""
    told = house.profiles[tenant].payment_api
    if told is None:
        return []
    memory = _memory(house, tenant)
    if (last := memory.get("until")) and now - datetime.fromisoformat(last) <= STALE:
        return []
    trouble = f": {memory['trouble']}" if memory.get("trouble") else ""
    return [f"what {told.api.provider} paid was told whole {f'last on {last[:16]}' if last else 'never'}{trouble}"]


def _memory(house: House, tenant: str) -> Mapping[str, Any]:
    with house.store.look() as tx:
        return tx.recall(tenant, MEMORY)

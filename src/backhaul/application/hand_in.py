"""Somebody holds a parcel for which no return is known: keep what they say of it as a message is kept, and read it like one.

What was typed is a delivery of a source of its own, byte for byte, so that nothing of it is lost and reading it again gives the same
facts. From there on it is what a platform's event about goods nobody announced is: the same exception with the same owner, the same
search for the sale, the same match by two people.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Final

from backhaul.application.ports import Store, Unusable
from backhaul.domain.delivery import BY_HAND, Delivery, DeliveryState
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.facts import Fact
from backhaul.domain.parcel import Item, NotAParcel, Parcel, facts_of, ref_of
from backhaul.domain.rules import Rules
from backhaul.domain.trail import canonical, digest

CHANNEL: Final = "by-hand"


class ByHand:
    """Reads what was typed of parcels; a `Platform`. It asks no profile, so another version of it changes nothing of what was said."""

    def facts(self, delivery: Delivery) -> Sequence[Fact]:
        """Say what a delivery tells us; raise `Unusable` if it is none of ours."""
        try:
            told = json.loads(delivery.body)
            items = tuple(Item(**item) for item in told["items"])
            parcel = Parcel(**{**told, "items": items, "came_on": date.fromisoformat(told["came_on"])})
        except (ValueError, TypeError, KeyError) as error:
            message = f"no parcel that was registered by hand: {error}"
            raise Unusable(message) from error
        return facts_of(parcel, ref_of(delivery.tenant, delivery.identity), at=delivery.received_at, delivery=delivery.sha256,
                        event=delivery.identity)


def identity_of(actor: str, key: str) -> str:
    """Give what tells a repeat of a registration from another one: who made it and the key they gave it."""
    return digest({"actor": actor, "key": key})


def key_of(parcel: Parcel) -> str:
    """Give a registration without a key the one that the same words have again, so that a command typed twice registers one parcel."""
    return digest(_body(parcel).decode())


def _body(parcel: Parcel) -> bytes:
    return canonical(asdict(parcel))


def register(store: Store, rules: Rules, parcel: Parcel, key: str, *, now: datetime, known: Collection[str] = (),  # noqa: PLR0913
             another: bool = False) -> str:
    """Keep what was said of a parcel, once under its key, and give the reference of the return it becomes at the next turn.

    `known` are returns that name the carrier's number already: it is registered only if it is `another` one all the same. Raises
    `NotAParcel` if it is not said to be, `NeedsOperator` where the key came before and said something else; nothing is kept then.
    """
    delivery = Delivery(tenant=rules.tenant, source=BY_HAND, identity=identity_of(parcel.actor, key), body=_body(parcel), received_at=now,
                        channel=CHANNEL)
    ref = ref_of(rules.tenant, delivery.identity)
    others = sorted(set(known) - {ref})
    if others and not another:
        raise NotAParcel({"parcel": f"'{parcel.parcel}' belongs to return {', '.join(others)}; say that it is another one if it is"})
    with store.begin() as tx:
        state, = tx.keep([delivery])
        if state is DeliveryState.QUARANTINED:
            message = f"parcel {ref} was registered under this key before, otherwise than now; take a new form for another parcel"
            raise NeedsOperator(message)
        if state is DeliveryState.STORED:
            tx.record(rules.tenant, subject=ref, action="parcel.registered", at=now, actor=parcel.actor, detail=_told(parcel, delivery))
    return ref


def _told(parcel: Parcel, delivery: Delivery) -> dict[str, Any]:
    """Give what the trail says of it: goods, not words, which may be a customer's."""
    return {"delivery": delivery.sha256, "retailer": parcel.retailer, "warehouse": parcel.warehouse, "came_on": parcel.came_on.isoformat(),
            "items": [f"{item.units} x {item.sku} {item.condition}/{item.disposition}{'' if item.accepted else ' rejected'}"
                      for item in parcel.items]}

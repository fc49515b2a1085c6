"""Whom does the environment tell that a record changed, and when does it stop?

A subscription begins and is renewed with a handshake, ends after three days, and gets one message per receiver some time after the first
change (facts/business-central 7). A message is a hint: it names records and says nothing of them. Whoever refuses one is not told again.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from backhaul.adapters.business_central.emulator import refusals as no
from backhaul.adapters.business_central.emulator.model import World, stamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backhaul.adapters.odata_server import Row

SECONDS = 5.0
RETRIED = frozenset({408, 429})
RETRIES = timedelta(hours=36)
# set that can be subscribed to: its table, and which of its records are meant
WATCHED = {
    "accounts": ("accounts", ""), "currencies": ("currencies", ""), "customers": ("customers", ""), "items": ("items", ""),
    "generalLedgerEntries": ("generalLedger", ""), "journals": ("journals", ""), "paymentMethods": ("paymentMethods", ""),
    "paymentTerms": ("paymentTerms", ""), "salesCreditMemos": ("sales", "Credit Memo"), "salesInvoices": ("sales", "Invoice"),
    "unitsOfMeasure": ("unitsOfMeasure", "")}


def insert(world: World, _: str, values: Row, __: Row | None) -> Row:
    """Begin a subscription, if whoever is to be told says so."""
    resource = str(values.get("resource", ""))
    match = re.search(r"companies\(([0-9a-f-]{36})\)/(\w+)$", resource)
    if match is None or match[2] not in WATCHED:
        raise no.refusal("BadRequest", f"The resource '{resource}' cannot be subscribed to.")
    _shake_hands(str(values.get("notificationUrl", "")))
    row = world.put("subscriptions", {"clientState": "", **values, "companyId": match[1], "set": match[2],
                                      "expirationDateTime": _expiry(world)})
    return world.put("subscriptions", row, subscriptionId=row["id"].replace("-", ""))


def update(world: World, _: str, row: Row, values: Row) -> Row:
    """Renew a subscription, with another handshake."""
    changed = {**row, **values}
    _shake_hands(changed["notificationUrl"])
    return world.put("subscriptions", changed, expirationDateTime=_expiry(world))


def delete(world: World, _: str, row: Row) -> None:
    """End a subscription and forget what it was to be told."""
    for notice in world.tables.where("notices", "subscription", row["id"]):
        world.tables.remove("notices", notice["id"])
    world.tables.remove("subscriptions", row["id"])


def _expiry(world: World) -> str:
    return stamp(world.now + timedelta(days=int(world.settings["subscriptionDays"])))


def _shake_hands(url: str) -> None:
    """Ask whether the address wants to be told; it answers with the token it was given."""
    token = "5b0d4fb1-validation"  # noqa: S105 - it is to be given back, not to be kept
    try:
        separator = "&" if "?" in url else "?"
        with urlopen(Request(f"{url}{separator}validationToken={quote(token)}", b""), timeout=SECONDS) as answer:  # noqa: S310 - the address a test configured
            told = answer.read().decode("utf-8", "replace")
    except (URLError, OSError, ValueError) as lost:
        raise no.refusal("BadRequest", f"The notification URL '{url}' did not answer the handshake: {lost}") from lost
    if told.strip() != token:
        raise no.refusal("BadRequest", f"The notification URL '{url}' did not give back the validation token.")


# ---------------------------------------------------------------- what is to be told


def collect(world: World) -> None:
    """Turn what was written since the last time into notices."""
    changes, world.tables.changes = world.tables.changes, []
    watching = [row for row in world.tables.rows("subscriptions") if row.get("subscriptionId")] if changes else []
    for subscription in watching:
        table, kind = WATCHED[subscription["set"]]
        for name, identity, old, new in changes:
            row = new or old or {}
            if name == table and row.get("company") == subscription["companyId"] and kind in {"", row.get("type")}:
                change = "created" if old is None else "deleted" if new is None else "updated"
                world.put("notices", {"subscription": subscription["id"], "record": identity, "change": change, "at": world.stamp()})


def deliver(world: World, *, now: bool = False) -> int:
    """Send what is due; gives how many messages were taken."""
    taken = 0
    for subscription in list(world.tables.rows("subscriptions")):
        notices = list(world.tables.where("notices", "subscription", subscription["id"]))
        if world.stamp() >= subscription["expirationDateTime"]:
            delete(world, "", subscription)
            continue
        if not notices or not (now or _old(world, notices[0]) >= timedelta(seconds=int(world.settings["notifyAfter"]))):
            continue
        status = _send(subscription["notificationUrl"], {"value": list(_messages(world, subscription, notices))})
        world.log("notifications", subscription["subscriptionId"], "sent" if 200 <= status < 300 else "refused", str(status))
        if 200 <= status < 300 or _old(world, notices[0]) > RETRIES:
            taken += 1
            for notice in notices:
                world.tables.remove("notices", notice["id"])
        elif status not in RETRIED and 0 < status < 500:
            delete(world, "", subscription)
    return taken


def _old(world: World, notice: Row) -> timedelta:
    return world.now - datetime.fromisoformat(notice["at"])


def _messages(world: World, subscription: Row, notices: Iterable[Row]) -> Iterable[dict[str, Any]]:
    """Tell each record once with its last change, or of too many only where to look."""
    last = {notice["record"]: notice for notice in notices}
    common = {"subscriptionId": subscription["subscriptionId"], "clientState": subscription["clientState"],
              "expirationDateTime": subscription["expirationDateTime"]}
    if len(last) > int(world.settings["largestNotice"]):
        since = min(notice["at"] for notice in last.values())
        yield {**common, "resource": f"{subscription['resource']}?$filter=lastModifiedDateTime ge {since}", "changeType": "collection",
               "lastModifiedDateTime": since}
        return
    for identity, notice in last.items():
        yield {**common, "resource": f"{subscription['resource'].lstrip('/')}({identity})", "changeType": notice["change"],
               "lastModifiedDateTime": notice["at"]}


def _send(url: str, message: object) -> int:
    """Send one message; 0 where nobody answered."""
    request = Request(url, json.dumps(message).encode(), {"Content-Type": "application/json"})  # noqa: S310 - the address a test configured
    try:
        with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - the same
            return int(answer.status)
    except HTTPError as refused:
        return refused.code
    except (URLError, OSError):
        return 0

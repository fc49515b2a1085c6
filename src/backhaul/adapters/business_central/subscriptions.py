"""How does a company come to tell us that a memo, an item or a customer changed?

A company tells whoever subscribed to one of its sets, at an address that answered a handshake, for three days; then the subscription is
renewed with another handshake (facts/business-central 7). Any refusal deletes it without a word, so it is looked for rather than believed.
What comes is a hint when to look (`business_events`): the poll by `lastModifiedDateTime` finds everything without it, a little later.
"""

import re
from datetime import UTC, datetime
from typing import Final

import msgspec

from backhaul.adapters.business_central.central import API, Central
from backhaul.adapters.business_central.masters import CUSTOMERS, ITEMS
from backhaul.adapters.business_central.wire import MEMOS
from backhaul.adapters.odata import Answer, Row
from backhaul.application.listening import Listening
from backhaul.domain.errors import RetryLater

SET: Final = "subscriptions"
WATCHED: Final = (MEMOS, ITEMS, CUSTOMERS)
"""Sets that can be subscribed to and that we wait for; ledgers, locations and variants are not offered."""
RESOURCE: Final = re.compile(r"companies\(([0-9A-Fa-f-]{36})\)/(\w+)")

_encode = msgspec.json.Encoder().encode


def listen(central: Central, address: str, secret: str) -> Listening:
    """Have the company tell `address` of changes, with `secret` as client state; give until when it will.

    What is there is renewed, what is missing is begun. Raises `RetryLater` with what the ERP says where one cannot be had.
    """
    root = f"{central.root}/{API}/{SET}"
    page = central.get(root)
    there = {_about(row): row for row in (central.pages(page) if page else ()) if row.get("notificationUrl") == address}
    company = central.path.removeprefix("companies(").removesuffix(")").lower()
    ends = [_kept(central, root, there.get((company, name)), {
        "notificationUrl": address, "resource": f"/{API}/{central.path}/{name}", "clientState": secret}) for name in WATCHED]
    return Listening(company=company, until=min(ends))


def _about(row: Row) -> tuple[str, str]:
    """Say which company and set a subscription is about."""
    found = RESOURCE.search(str(row.get("resource") or ""))
    return (found[1].lower(), found[2]) if found else ("", "")


def _kept(central: Central, root: str, row: Row | None, wanted: Row) -> datetime:
    """Begin one subscription or renew it; give when it ends."""
    if row is None:
        answer, _, _ = central.send("POST", root, content=_encode(wanted), headers={"Content-Type": "application/json"})
    else:
        answer, _, _ = central.send("PATCH", f"{root}('{row['subscriptionId']}')", content=_encode(wanted), headers={
            "Content-Type": "application/json", "If-Match": str(row.get("@odata.etag") or "*")})
    return _end_of(answer, str(wanted["resource"]))


def _end_of(answer: Answer, resource: str) -> datetime:
    told = answer.body if isinstance(answer.body, dict) else {}
    try:
        return datetime.fromisoformat(str(told["expirationDateTime"])).astimezone(UTC)
    except (KeyError, ValueError):
        message = f"No subscription to {resource}: {answer.sentence}"
        raise RetryLater(message) from None

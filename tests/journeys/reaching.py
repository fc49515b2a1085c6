"""How a world of the journeys reaches an emulated platform: the tables a profile needs for it."""

from pathlib import Path
from typing import Any

from backhaul.profile import Profile, load_profile
from tests.journeys.stage import EXAMPLES, TENANT, WIRE, World

TABLES = """
[platform]
base_url = "env:BACKHAUL_ZIGZAG_URL"
username = "shop"
password = "env:BACKHAUL_ZIGZAG_PASSWORD"

[platform.lookups.changed]
path = "/Return/api/v1/returns?changedSince={since}&page={page}&pageSize=2"
paging = "number"
items = "returns"
total = "total"
return = "returnId"
payload = "standing"

[platform.lookups.one]
path = "/Return/api/v1/returns/{return}"
return = "returnId"
payload = "standing"

[sweep]
changed = "changed"
one = "one"
every = "30m"
overlap = "2h"
at_most = "20d"

[payloads.standing]
zone = "Europe/London"

[payloads.standing.fields]
return = "returnId"
occurred_at = "updatedAt"
sequence = "sequence"
status = "status"
test = "test"
retailer = "retailerCode"
customer = "customer"
country = "country"
currency = "currency"
warehouse = "warehouseDC"
sku = "lines[].sku"
quantity = "lines[].quantity"
description = "lines[].description"
unit_price = "lines[].unitPrice"
order = "lines[].orderNumber"
reason = "lines[].reason"
option = "lines[].option"
received = "lines[].quantityReceived"
grade_quantity = "lines[].grades[].quantity"
condition = "lines[].grades[].condition"
disposition = "lines[].grades[].disposition"
outcome = "lines[].grades[].outcome"
refund_amount = "refund.amount"
refund_currency = "refund.currency"
refund_reference = "refund.reference"
refund_at = "refund.paidAt"

[payloads.standing.statuses]
REGISTERED = "registered"
LABEL_ISSUED = "labelled"
IN_TRANSIT = "scanned"
RECEIVED = "received"
INSPECTED = "inspected"
COMPLETED = "completed"
CANCELLED = "cancelled"

[payloads.standing.outcomes]
ACCEPTED = true
REJECTED = false

[payloads.standing.dispositions]
keep = true
[payloads.standing.conditions]
keep = true
[payloads.standing.reasons]
keep = true
"""


def reaching(folder: Path, erp: str, platform: str, *, tables: str = TABLES, change: tuple[str, str] = ("", ""),
             example: str = "online-retail") -> Profile:
    """Write the example profile with these tables behind it, and load it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "profile.toml"
    text = (EXAMPLES / "profiles" / f"{example}.toml").read_text(encoding="utf-8")
    assert change[0] in text
    file.write_text(text.replace(*change) + tables if change[0] else text + tables, encoding="utf-8")
    return load_profile(file, {
        "BACKHAUL_ERP_URL": erp, "BACKHAUL_ERP_TOKEN_URL": f"{erp}/demo/oauth2/v2.0/token", "BACKHAUL_ERP_SECRET": "secret",
        "BACKHAUL_ZIGZAG_SECRET": "0" * 32, "BACKHAUL_ZIGZAG_URL": platform, "BACKHAUL_ZIGZAG_PASSWORD": "secret"})


def adopt(world: World, profile: Profile) -> None:
    """Let a world work by this profile from here on."""
    world.house.profiles = {TENANT: profile}
    world.house._platforms.clear()
    for api in world.house._apis.values():
        api.close()
    world.house._apis.clear()


def ask(platform: str, path: str, body: Any = None) -> Any:
    """Call the emulated platform's control endpoint."""
    answer = WIRE.get(f"{platform}/control/{path}") if body is None else WIRE.post(f"{platform}/control/{path}", json=body)
    assert answer.status_code < 300, answer.text
    return answer.json()

"""What does Inventory Visibility do with adjustments it is handed, and what becomes of them in Supply Chain Management?

A service beside the environment (facts/finance-scm 2.5): a token of its own in two steps, a bulk call that keeps details, and a job that
sums those of equal dimensions into adjustment journals and posts them. Nobody can ask it for an event. That an id protects against a second
one is documented for on-hand changes only, so here it does not. The shape of its answer is not documented either: one part per event, as
its reservations answer.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from backhaul.adapters.finance_scm.emulator.ledger import PostingFailed
from backhaul.adapters.finance_scm.emulator.platform import Platform
from backhaul.adapters.finance_scm.emulator.stock import post_journal
from backhaul.adapters.odata_server import Answer, Refused, answer_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backhaul.adapters.finance_scm.emulator.model import World
    from backhaul.adapters.odata_server import Row

AUDIENCE = "0cdb527f-a8d1-4bf8-9436-b352c68682b2"
SCOPE = "https://inventoryservice.operations365.dynamics.com/.default"
RECORDS = 512
NEEDED: Mapping[str, type | tuple[type, ...]] = {
    "id": str, "organizationId": str, "productId": str, "quantityDataSource": str, "physicalMeasure": str, "dimensions": dict,
    "quantity": (int, Decimal),
}
OPTIONAL: Mapping[str, type | tuple[type, ...]] = {
    "externalReferenceCategory": str, "externalReferenceId": str, "fnoJournalNameId": str, "costPrice": (int, Decimal), "transDate": str,
}
COLUMNS: Mapping[str, str] = {
    "siteid": "InventorySiteId", "locationid": "InventoryWarehouseId", "wmslocationid": "WarehouseLocationId",
    "statusid": "InventoryStatusId", "licenseplateid": "LicensePlateNumber", "batchid": "ItemBatchNumber", "serialid": "ItemSerialNumber",
    "colorid": "ProductColorId", "sizeid": "ProductSizeId", "styleid": "ProductStyleId", "configid": "ProductConfigurationId",
    "versionid": "ProductVersionId",
}
HEADS, LINES = "InventoryAdjustmentJournalHeaders", "InventoryAdjustmentJournalEntriesV2"


def token_refused(world: World, told: Mapping[str, Any], audience: str) -> Answer | None:
    """Say why the security service gives no token for this exchange; None when it does. `audience` is that of the assertion."""
    wanted = {"grant_type": "client_credentials", "client_assertion_type": "aad_app", "scope": SCOPE, "context_type": "finops-env"}
    if wrong := sorted(name for name, value in wanted.items() if told.get(name) != value):
        return answer_json(400, {"error": "invalid_request", "error_description": f"wrong or missing: {', '.join(wrong)}"})
    if audience != AUDIENCE:
        return answer_json(401, {"error": "invalid_client", "error_description": "The assertion is for another audience."})
    if told.get("context") != world.settings.get("visibilityEnvironment", "env-1"):
        return answer_json(403, {"error": "unauthorized_client", "error_description": "The add-in is not installed in that environment."})
    return None


def keep(world: World, told: object, refused: frozenset[int]) -> Answer:
    """Keep the events of a bulk call; `refused` are the places of those that a fault lets fail."""
    if not isinstance(told, list) or not told:
        return answer_json(400, {"message": "The body must be an array of adjustments."})
    if len(told) > RECORDS:
        return answer_json(400, {"message": f"At most {RECORDS} records in one request."})
    if flaws := [f"[{at}] {flaw}" for at, event in enumerate(told) for flaw in _flaws(event)]:
        return answer_json(400, {"message": "; ".join(flaws)})
    parts = []
    for at, event in enumerate(told, 1):
        if at in refused:
            part = {"processingStatus": "failed", "message": f"Dimensions of {event['productId']} are not configured.", "statusCode": 400}
        else:
            key = world.number("IVT-", width=8)
            world.tables.put("_Adjustments", (key,), {"key": key, "status": "Created", "event": event})
            part = {"processingStatus": "success", "message": "", "statusCode": 200}
        parts.append({"id": event["id"], **part})
    return answer_json(200, parts)


def _flaws(event: object) -> list[str]:
    if not isinstance(event, dict):
        return ["is no object"]
    flaws = [f"{name} is missing or of another type" for name, kind in NEEDED.items() if not isinstance(event.get(name), kind)]
    flaws += [f"{name} is of another type" for name, kind in OPTIONAL.items() if name in event and not isinstance(event[name], kind)]
    flaws += [f"{name} is not part of an adjustment" for name in event.keys() - NEEDED.keys() - OPTIONAL.keys()]
    dimensions = {str(name).lower(): value for name, value in (event.get("dimensions") or {}).items()}
    return flaws + [f"dimension {name} is missing" for name in ("siteid", "locationid") if not dimensions.get(name)]


def synchronise(world: World) -> int:
    """Sum up what came in since, one journal per company and name, and post it; what nets to nothing is not sent on."""
    groups: dict[tuple[str, str], dict[tuple[Any, ...], list[Row]]] = {}
    for row in list(world.tables.rows("_Adjustments")):
        if row["status"] == "Created":
            event = row["event"]
            name = event.get("fnoJournalNameId") or world.settings["inventoryJournalNames"][0]
            dimensions = tuple(sorted((str(each).lower(), str(value)) for each, value in event["dimensions"].items()))
            lines = groups.setdefault((event["organizationId"], name), {})
            lines.setdefault((event["productId"], dimensions, event.get("transDate", "")), []).append(row)
    return sum(_journal(world, company, name, lines) for (company, name), lines in groups.items())


def _journal(world: World, company: str, name: str, lines: Mapping[tuple[Any, ...], list[Row]]) -> int:
    """Make and post one journal in a transaction of its own; a line that cannot be made sinks it, and its details say so."""
    rows = [row for each in lines.values() for row in each]
    sums = {spot: sum((Decimal(row["event"]["quantity"]) for row in each), Decimal(0)) for spot, each in lines.items()}
    going = {spot: units for spot, units in sums.items() if units}
    try:
        with world.tables.transaction():
            number = _made(world, company, name, going, lines) if going else ""
            message = post_journal(HEADS, world, company, number) if going else "nothing is left of it"
    except (PostingFailed, Refused) as failed:
        _mark(world, rows, "FnOTransCreateError")
        world.log("visibility", company, name, "failed", str(failed))
        return 1
    _mark(world, rows, "FnOTransPosted" if going else "DoNotSync")
    world.log("visibility", company, number, "posted" if going else "skipped", message)
    return 0


def _made(world: World, company: str, name: str, going: Mapping[tuple[Any, ...], Decimal],
          lines: Mapping[tuple[Any, ...], list[Row]]) -> str:
    number = str(Platform(world).insert(HEADS, {"dataAreaId": company, "JournalNameId": name})["JournalNumber"])
    for (item, dimensions, day), units in going.items():
        prices = [Decimal(row["event"]["costPrice"]) for row in lines[item, dimensions, day] if "costPrice" in row["event"]]
        priced = {"UnitCost": sum(prices, Decimal(0)) / len(prices)} if prices else {}
        dated = {"TransactionDate": f"{day[:10]}T12:00:00Z"} if day else {}
        Platform(world).insert(LINES, {
            "dataAreaId": company, "JournalNumber": number, "JournalNameId": name, "ItemNumber": item, "InventoryQuantity": units,
            **{COLUMNS[each]: value for each, value in dimensions if each in COLUMNS}, **priced, **dated})
    return number


def _mark(world: World, rows: list[Row], status: str) -> None:
    for row in rows:
        world.tables.put("_Adjustments", (row["key"],), {**row, "status": status})

"""What runs in the background, and when?

Job queue entries that people set up: the report that posts return orders (facts/business-central 4), the posting of inventory cost to the
general ledger, and the notifications that fall due. All run on the virtual clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backhaul.adapters.business_central.emulator import ledger, refusals as no, sales_post
from backhaul.adapters.business_central.emulator.ledger import Document
from backhaul.adapters.business_central.emulator.model import World, stamp
from backhaul.adapters.odata_server import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

BATCH_POST = 6655


def post_return_orders(world: World) -> None:
    """Post every return order as the report's set-up says; one that fails is left as it is."""
    told = world.settings["batchPost"]
    for order in [row for row in world.tables.where("sales", "type", "Return Order") if not row["posted"]]:
        try:
            with world.tables.transaction():
                posted = sales_post.post(world, order, receive=bool(told["receive"]), invoice=bool(told["invoice"]))
            world.log("batch-post", order["number"], "posted", str(posted["number"]))
        except Refused as refused:
            world.log("batch-post", order["number"], "failed", no.told(refused))


def post_inventory_cost(world: World) -> None:
    """Post to the general ledger what value entries hold and it does not know yet."""
    for value in list(world.tables.rows("valueLedger")):
        left = value["costAmountActual"] - value["costPostedToGl"]
        if left and not value["expected"]:
            document = Document(company=value["company"], number=value["documentNumber"], date=value["postingDate"], text="Inventory cost")
            offset = "opening" if value["documentType"] == "_x0020_" else "cogs"
            with world.tables.transaction():
                ledger.book(world, document, [("inventory", left), (offset, -left)])
                world.put("valueLedger", value, costPostedToGl=value["costPostedToGl"] + left)
            world.log("post-inventory-cost", value["documentNumber"], "posted")


JOBS: Mapping[str, Callable[[World], None]] = {"batch-post": post_return_orders, "post-inventory-cost": post_inventory_cost}


def run(world: World, job: str) -> None:
    """Run one job now."""
    if job not in JOBS:
        message = f"There is no job '{job}'; there are: {', '.join(JOBS)}."
        raise ValueError(message)
    JOBS[job](world)


def run_pending(world: World, *, everything: bool) -> None:
    """Run what was restarted through the API; what is stuck waits for the clock."""
    for row in [each for each in world.tables.rows("jobQueueEntries") if each.get("pending")]:
        if everything or not row.get("stuck"):
            world.put("jobQueueEntries", row, status="On Hold", pending=False, stuck=False)
            if int(row.get("objectIdToRun", 0)) == BATCH_POST:
                post_return_orders(world)


def advance(world: World, until: datetime) -> list[dict[str, str]]:
    """Let scheduled jobs run up to an instant, the clock standing where each is due."""
    ran = []
    for at, job in world.due(world.now, until):
        world.clock = stamp(at)
        run(world, job)
        ran.append({"at": stamp(at), "job": job})
    world.clock = stamp(until)
    return ran

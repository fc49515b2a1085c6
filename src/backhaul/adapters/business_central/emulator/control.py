"""How does a test or a demo steer the emulated environment?

The endpoints below `/control/`: no sign-in, never counted as calls. Each takes and gives JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from backhaul.adapters.business_central.emulator import documents, jobs, ledger, sold, subscriptions
from backhaul.adapters.business_central.emulator.faults import KINDS, METHODS
from backhaul.adapters.business_central.emulator.model import DEFAULTS, NEVER, World, stamp
from backhaul.adapters.loopback import Faults
from backhaul.adapters.odata_server import Row, instant

Told = Mapping[str, Any]
# table: columns that tell its records apart, so that a second seed changes the first
NATURAL: Mapping[str, tuple[str, ...]] = {
    "items": ("number",), "itemVariants": ("itemNumber", "code"), "customers": ("number",), "locations": ("code",), "accounts": ("number",),
    "taxGroups": ("code",), "currencies": ("code",), "customerReturnReasons": ("code",), "returnReasons": ("code",),
    "vatPostingSetups": ("vatBusPostingGroup", "vatProdPostingGroup"), "generalLedgerSetup": (),
    "generalPostingSetups": ("genBusPostingGroup", "genProdPostingGroup"), "accountingPeriods": ("startingDate",),
    "unitsOfMeasure": ("code",), "itemJournalBatches": ("name",), "journals": ("code",), "jobQueueEntries": ("objectIdToRun",)}
CODES = frozenset({"number", "code", "itemNumber", "taxGroupCode", "vatBusPostingGroup", "vatProdPostingGroup", "genBusPostingGroup",
                   "genProdPostingGroup", "defaultLocationCode"})
DECIMALS = frozenset({"unitCost", "unitPrice", "vatPercent", "exchangeRateAmount", "relationalExchangeRateAmount"})


class Control:
    """The steering wheel of one environment."""

    def __init__(self, world: World) -> None:
        """Steer this world."""
        self.world = world
        self.faults = Faults(KINDS, METHODS)
        self.late: list[tuple[int, Callable[[], object]]] = []
        self.actions: Mapping[tuple[str, str], Callable[[Told], object]] = {
            ("POST", "reset"): self.reset,
            ("POST", "seed"): self.seed,
            ("POST", "sales"): self.sell,
            ("POST", "payouts"): self.pay_out,
            ("POST", "settlements"): self.settle,
            ("GET", "clock"): lambda _: {"now": self.world.stamp()},
            ("POST", "clock"): self.advance,
            ("POST", "jobs/run"): self.run,
            ("POST", "notifications"): lambda _: {"taken": subscriptions.deliver(self.world, now=True)},
            ("POST", "periods"): self.set_period,
            ("GET", "calls"): self.count,
            ("POST", "calls/reset"): self.forget_calls,
            ("GET", "ledgers"): lambda _: ledger.statement(self.world),
            ("GET", "balance"): lambda _: {"balanced": all(ledger.checks(self.world).values()), "checks": ledger.checks(self.world)},
            ("GET", "joblog"): lambda _: {"log": [_public(row) for row in self.world.tables.rows("jobLog")]},
            ("POST", "faults"): self.arm,
            ("GET", "faults"): lambda _: {"armed": [{**f.told, "skip": f.skip, "times": f.times} for f in self.faults.armed]},
            ("DELETE", "faults"): self.disarm,
        }

    def reset(self, _: Told) -> object:
        """Forget everything."""
        self.world.reset()
        self.faults.armed.clear()
        self.late.clear()
        return {"reset": True}

    def seed(self, told: Told) -> object:
        """Set settings and load records straight into tables."""
        world = self.world
        for name, value in told.get("settings", {}).items():
            if name == "now":
                world.clock = instant(str(value))
            elif isinstance(value, dict) and isinstance(DEFAULTS.get(name), dict):
                world.settings[name] = world.settings[name] | value
            else:
                world.settings[name] = value
        rows = dict(told.get("rows", {}))
        with world.tables.transaction():
            for company in rows.pop("companies", []):
                self._company(company)
            loaded = {name: len([self._load(name, row) for row in given]) for name, given in rows.items()}
        return {"loaded": loaded, "companies": {row["name"]: row["id"] for row in world.tables.rows("companies")}}

    def _company(self, told: Told) -> str:
        world, name = self.world, str(told["name"])
        known = next((row for row in world.tables.rows("companies") if row["name"].lower() == name.lower()), None)
        row = world.put("companies", {"displayName": name, **(known or {}), **told})
        if known is None:
            world.put("generalLedgerSetup", {"company": row["id"], "allowPostingFrom": NEVER, "allowPostingTo": NEVER,
                                             "localCurrencyCode": world.settings["localCurrency"]})
        return str(row["id"])

    def _load(self, table: str, told: Told) -> Row:
        world, given = self.world, dict(told)
        company = str(given.pop("company", ""))
        companies = world.tables.rows("companies")
        if company or not companies:
            identity = next((row["id"] for row in companies if company.lower() in {row["name"].lower(), row["id"]}), None)
            identity = identity or self._company({"name": company or "CRONUS"})
        else:
            identity = companies[0]["id"]
        row: Row = {"company": identity}
        for column, value in given.items():
            name = column.removeprefix("_")
            row[name] = (Decimal(str(value)) if name in DECIMALS else value.strip().upper() if name in CODES else value)
        if table not in NATURAL:
            return world.put(table, row)
        known = next((r for r in world.of(table, identity) if all(r.get(c) == row.get(c) for c in NATURAL[table])), {})
        return world.put(table, {**known, **row})

    def sell(self, told: Told) -> object:
        """Create posted sales."""
        with self.world.tables.transaction():
            return {"orders": sold.load(self.world, told["orders"])}

    def pay_out(self, told: Told | list[Told]) -> object:
        """Let the payment process book payouts."""
        payouts = told if isinstance(told, list) else told["payouts"]
        with self.world.tables.transaction():
            booked = [ledger.pay_out(self.world, payout) for payout in payouts]
        return {"payouts": [_public(row) for row in booked]}

    def settle(self, told: Told) -> object:
        """Let a clerk settle a payout with a credit memo, or write it off."""
        with self.world.tables.transaction():
            return ledger.settle_as_told(self.world, told)

    def advance(self, told: Told) -> object:
        """Move the clock on, never back; late commits land first, then scheduled jobs run in their order."""
        until = datetime.fromisoformat(instant(str(told["now"])))
        if self.world.clock is not None and until < self.world.now:
            message = f"The clock stands at {self.world.stamp()} and does not go back to {stamp(until)}."
            raise ValueError(message)
        self.land(everything=True)
        ran = jobs.advance(self.world, until)
        subscriptions.collect(self.world)
        subscriptions.deliver(self.world)
        return {"now": self.world.stamp(), "ran": ran}

    def land(self, *, everything: bool = False) -> None:
        """Let late commits land whose time has come."""
        waiting = [(left - 1, commit) for left, commit in self.late]
        self.late = [] if everything else [(left, commit) for left, commit in waiting if left > 0]
        for left, commit in waiting:
            if everything or left <= 0:
                commit()
        jobs.run_pending(self.world, everything=everything)

    def run(self, told: Told) -> object:
        """Run one job now."""
        before = self.world.tables.rows("jobLog")
        jobs.run(self.world, str(told["job"]))
        return {"job": told["job"], "log": [_public(row) for row in self.world.tables.rows("jobLog")[len(before) :]]}

    def set_period(self, told: Told) -> object:
        """Say from and to which day may be posted, in one company or in all."""
        for row in list(self.world.tables.rows("generalLedgerSetup")):
            if not told.get("legalEntity") or row["company"] == ledger.company_id(self.world, str(told["legalEntity"])):
                self.world.put("generalLedgerSetup", row, allowPostingFrom=told.get("from", NEVER), allowPostingTo=told.get("to", NEVER))
        return {"periods": [_public(row) for row in self.world.tables.rows("generalLedgerSetup")]}

    def count(self, _: Told) -> object:
        """Tell how many calls were made."""
        calls = self.world.calls
        return {"counted": sum(calls["by"].values()), "by": calls["by"], "excluded": calls["excluded"], "log": calls["log"]}

    def forget_calls(self, _: Told) -> object:
        """Begin counting again."""
        self.world.forget_calls()
        return {"counted": 0}

    def edit_drafts(self, changes: Told) -> None:
        """Let somebody else change every item line of every draft, so that whoever read one before holds an old version of it."""
        told = {name: Decimal(str(value)) if name in {*DECIMALS, "quantity"} else value for name, value in changes.items()}
        with self.world.tables.transaction():
            for header in [row for row in self.world.tables.rows("sales") if not row["posted"]]:
                for line in self.world.lines(header):
                    if line["type"] == "Item":
                        documents.change_line(self.world, header, line, dict(told))

    def arm(self, told: Told | list[Told]) -> object:
        """Arm one misbehaviour, or a list of them."""
        given = told if isinstance(told, list) else [told]
        for one in given:
            self.faults.arm(one)
        return {"armed": len(self.faults.armed)}

    def disarm(self, _: Told) -> object:
        """Disarm everything; late commits still land."""
        self.faults.armed.clear()
        return {"armed": 0}


def _public(row: Mapping[str, Any]) -> dict[str, Any]:
    return {column: value for column, value in row.items() if column[0] != "_"}

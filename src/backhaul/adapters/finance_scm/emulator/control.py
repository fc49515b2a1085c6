"""How does a test or a demo steer the emulated environment?

The endpoints below `/control/`: no sign-in, never counted as calls. Each takes and gives JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from backhaul.adapters.finance_scm.emulator import jobs, ledger, sales
from backhaul.adapters.finance_scm.emulator.faults import KINDS, METHODS
from backhaul.adapters.finance_scm.emulator.model import DEFAULTS, World, noon, stamp
from backhaul.adapters.finance_scm.emulator.packages import DataManagement
from backhaul.adapters.loopback import Faults
from backhaul.adapters.odata_server import coerce, instant, no_such_property

Told = Mapping[str, Any]
PERIOD_STATES: Mapping[str, str] = {"open": "Open", "closed": "Closed", "on hold": "OnHold"}


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
            ("POST", "reversals"): self.take_back,
            ("GET", "clock"): lambda _: {"now": self.world.stamp()},
            ("POST", "clock"): self.advance,
            ("POST", "jobs/run"): self.run,
            ("POST", "arrivals"): self.arrive,
            ("POST", "periods"): self.set_periods,
            ("POST", "metadata"): self.drift,
            ("GET", "calls"): self.count,
            ("POST", "calls/reset"): self.forget_calls,
            ("GET", "ledgers"): lambda _: ledger.statement(self.world),
            ("GET", "joblog"): lambda _: {"log": [_public(row) for row in self.world.tables.rows("_JobLog")]},
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
        """Set settings and load rows straight into sets."""
        world = self.world
        for name, value in told.get("settings", {}).items():
            if name == "now":
                world.clock = instant(str(value))
            elif isinstance(value, dict) and isinstance(DEFAULTS.get(name), dict):
                world.settings[name] = world.settings[name] | value
            else:
                world.settings[name] = value
        loaded = {}
        with world.tables.transaction():
            for name, rows in told.get("rows", {}).items():
                entity_set = world.catalogue.sets[name]
                for given in rows:
                    row: dict[str, Any] = {}
                    for column, value in given.items():
                        if column[0] == "_":
                            row[column] = Decimal(str(value)) if column == "_unitCost" else value
                        elif column in entity_set.properties:
                            row[column] = coerce(world.catalogue, entity_set.properties[column], column, value)
                        else:
                            raise no_such_property(column, entity_set)
                    if entity_set.by_company:
                        row.setdefault("dataAreaId", world.settings["defaultCompany"])
                    world.keep(name, row)
                loaded[name] = len(rows)
        return {"loaded": loaded}

    def sell(self, told: Told) -> object:
        """Create invoiced sales orders."""
        with self.world.tables.transaction():
            return {"orders": sales.load(self.world, told["orders"])}

    def pay_out(self, told: Told | list[Told]) -> object:
        """Let the payment process book payouts."""
        payouts = told if isinstance(told, list) else told["payouts"]
        with self.world.tables.transaction():
            booked = [ledger.pay_out(self.world, payout) for payout in payouts]
        return {"payouts": [_public(row) for row in booked]}

    def settle(self, told: Told) -> object:
        """Let a clerk settle a payout with a credit note, or write it off."""
        with self.world.tables.transaction():
            return ledger.settle_as_told(self.world, told)

    def take_back(self, told: Told) -> object:
        """Let a clerk take a credit note back, or a part of it."""
        with self.world.tables.transaction():
            return _public(ledger.take_back(self.world, told))

    def advance(self, told: Told) -> object:
        """Move the clock on, never back; late commits land and hanging imports end first."""
        until = datetime.fromisoformat(instant(str(told["now"])))
        if self.world.clock is not None and until < self.world.now:
            message = f"The clock stands at {self.world.stamp()} and does not go back to {stamp(until)}."
            raise ValueError(message)
        self.land(everything=True)
        DataManagement(self.world).finish_all()
        ran = jobs.advance(self.world, until)
        return {"now": self.world.stamp(), "ran": ran}

    def land(self, *, everything: bool = False) -> None:
        """Let late commits land whose time has come."""
        waiting = [(left - 1, commit) for left, commit in self.late]
        self.late = [] if everything else [(left, commit) for left, commit in waiting if left > 0]
        for left, commit in waiting:
            if everything or left <= 0:
                commit()

    def run(self, told: Told) -> object:
        """Run one job now."""
        job = told["job"]
        if job not in jobs.JOBS:
            message = f"There is no job '{job}'; there are: {', '.join(jobs.JOBS)}."
            raise ValueError(message)
        before = self.world.sequences.get("LOG", 0)
        jobs.run(self.world, job)
        log = [_public(row) for row in self.world.tables.rows("_JobLog")]
        return {"job": job, "log": log[len(log) - (self.world.sequences.get("LOG", 0) - before) :]}

    def arrive(self, told: Told) -> object:
        """Let a clerk or a device register awaited return lines (mode B)."""
        with self.world.tables.transaction():
            return {"registered": [_public(line) for line in jobs.arrive(self.world, told)]}

    def set_periods(self, told: Told | list[Told]) -> object:
        """Open, hold or close fiscal periods: by month, or from a day to a day; `modules` says who may post in each of them."""
        given: list[Told] = told if isinstance(told, list) else told.get("periods", [told])
        for period in given:
            begins, ends = _month(str(period["month"])) if "month" in period else (str(period["from"]), str(period["to"]))
            everyone = [r["LegalEntityId"] for r in self.world.tables.rows("LegalEntities")] or [self.world.settings["defaultCompany"]]
            for company in [period["legalEntity"]] if period.get("legalEntity") else everyone:
                self._set_period(str(company), noon(instant(begins)), noon(instant(ends)), period)
        return {"periods": [_public(r) for r in self.world.tables.rows("LedgerFiscalPeriodsV2")]}

    def _set_period(self, company: str, begins: str, ends: str, told: Told) -> None:
        """Change every period of a company's calendar that lies between two days; where none is just these days, there is one more."""
        changes = {"PeriodStatus": PERIOD_STATES[str(told["status"]).lower()],
                   **{f"{module}AccessLevel": level for module, level in told.get("modules", {}).items()}}
        exact = False
        for row in list(self.world.tables.rows("LedgerFiscalPeriodsV2")):
            period = self.world.one("FiscalPeriods", row["Calendar"], row["YearName"], row["PeriodName"]) or {}
            if row["LegalEntityId"] == company and begins <= period["StartDate"] and period["EndDate"] <= ends:
                self.world.keep("LedgerFiscalPeriodsV2", row, **changes)
                exact = exact or (period["StartDate"], period["EndDate"]) == (begins, ends)
        if not exact:
            calendar, year = f"Fiscal {company}", str(told.get("year", begins[:4]))
            name = str(told.get("name", f"{begins[:10]}..{ends[:10]}"))
            self.world.keep("FiscalPeriods", {"Calendar": calendar, "FiscalYear": year, "PeriodName": name, "StartDate": begins,
                                              "EndDate": ends, "Type": str(told.get("type", "Operating"))})
            self.world.keep("LedgerFiscalPeriodsV2", {
                "LedgerName": company, "Calendar": calendar, "YearName": year, "PeriodName": name, "LegalEntityId": company,
                **{f"{module}AccessLevel": "All" for module in ("Ledger", "Sales", "Cust", "Invent")}, **changes})

    def drift(self, told: Told) -> object:
        """Let the metadata tell something else: what is `gone` by name, what is `changed` by name and property; nothing told repairs it."""
        self.world.settings["drift"] = {"gone": list(told.get("gone", ())), "changed": dict(told.get("changed", {}))}
        return {"drift": self.world.settings["drift"]}

    def count(self, _: Told) -> object:
        """Tell how many calls were made."""
        calls = self.world.calls
        return {"counted": sum(calls["by"].values()), "by": calls["by"], "excluded": calls["excluded"], "log": calls["log"]}

    def forget_calls(self, _: Told) -> object:
        """Begin counting again."""
        self.world.calls = {"by": {}, "excluded": {"token": 0, "metadata": 0, "control": 0}, "log": []}
        return {"counted": 0}

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


def _month(text: str) -> tuple[str, str]:
    first = datetime.fromisoformat(f"{text}-01").replace(tzinfo=UTC)
    following = datetime(first.year + first.month // 12, first.month % 12 + 1, 1, tzinfo=UTC)
    last = datetime.fromtimestamp(following.timestamp() - 1, UTC)
    return stamp(first), stamp(last)

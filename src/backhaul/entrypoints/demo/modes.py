"""What does each deployment mode of Finance & SCM make of the same returns, and with how many calls?

The example's returns are told all at once, as a backlog; then evenings pass. In mode B people register by day whatever the ERP expects,
as the lines say. What is compared is read from the ERP's ledgers.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from backhaul.application.process import BUSY
from backhaul.domain.posting import CreditNote
from backhaul.domain.rules import Close, Window
from backhaul.entrypoints import worker
from backhaul.entrypoints.demo.run import EVENING, LAST, TENANT, set_stage

EVENINGS: Final = 7
"""Enough for every job and for what comes after it: orders, receipts, credits, losses."""


def same_returns(state: Path, mode: str, limit: int, kind: str = "finance-scm") -> Mapping[str, Any]:
    """Carry the first so many returns of the example through a deployment mode; give what the ERP's ledgers say, and the calls."""
    with set_stage(state, limit=limit, mode=mode, kind=kind) as stage:
        profile = stage.house.profiles[TENANT]
        stage.house.profiles = {TENANT: replace(profile, rules=replace(profile.rules, window=Window(close=Close.EVERY), windows={}))}
        stage.house.adopt(replace(stage.house.desk(TENANT, "gb01"), rules=stage.house.profiles[TENANT].rules))
        now = datetime.combine(LAST, EVENING, tzinfo=UTC)
        stage.control(stage.platform, "clock", {"now": now.isoformat()})
        for _ in range(EVENINGS):
            stage.control(stage.erp, "clock", {"now": now.isoformat()})
            worker.turn(stage.house, TENANT, now)
            worker.turn(stage.house, TENANT, now + timedelta(minutes=20))
            if (kind, mode) == ("finance-scm", "B"):
                stage.control(stage.erp, "arrivals", {})
            now += timedelta(days=1)
        return _told(stage, mode)


def _told(stage: Any, mode: str) -> Mapping[str, Any]:  # noqa: ANN401  a stage of the demo
    ledgers, calls = stage.control(stage.erp, "ledgers"), stage.control(stage.erp, "calls")
    with stage.house.store.begin() as tx:
        refs = sorted(tx.cases(TENANT))
        rows = [row for kept in tx.postings(TENANT, refs).values() for row in kept]
        cases = [row.case for row in tx.exceptions(TENANT)]
    kinds = [case.kind for case in cases]
    return {
        "mode": mode, "returns": len(refs), "calls": calls["counted"], "calls_per_return": round(calls["counted"] / len(refs), 3),
        "balanced": ledgers["balanced"], "units_received": Decimal(str(ledgers["unitsReceived"])),
        "credits": sorted((line["item"], Decimal(str(line["quantity"])), Decimal(str(line["net"])))
                          for note in ledgers["creditNotes"] for line in note["lines"]),
        "stock": {place: Decimal(str(units)) for place, units in ledgers["stock"].items() if Decimal(str(units))},
        "allowance": sorted(f"{case.return_ref} {case.line_id}" for case in cases
                            if any(finding.code == "HISTORY_ALLOWANCE" for finding in case.findings)),
        "credit_notes": len(ledgers["creditNotes"]),
        "under_way": sum(isinstance(row.posting.document, CreditNote) and row.state in BUSY for row in rows),
        "exceptions": {kind: kinds.count(kind) for kind in sorted(set(kinds))}}


def apart(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the lines that one mode holds for its customer's allowance and the other does not: the only way in which they may differ.

    Goods without a sale count against the allowance as announced where the order comes first, as accepted where it comes last.
    """
    return tuple(sorted(set(one["allowance"]) ^ set(other["allowance"])))


def beside(told: Mapping[str, Any], lines: Collection[str]) -> tuple[list[Any], Mapping[str, Decimal]]:
    """Give credits and stock without the items of these lines."""
    items = {line.split(" ", 1)[1].partition("#")[0] for line in lines}
    return ([credit for credit in told["credits"] if credit[0] not in items],
            {place: units for place, units in told["stock"].items() if place.partition("|")[0] not in items})

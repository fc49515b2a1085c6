"""Where does each kind of goods go, since when, and which codes has nobody mapped?

A code is mapped by a version of the profile with one more row: drafted here, shown with the lines it changes and the goods of the past it
would have moved, proposed, and in force once somebody else approved it.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from litestar import Response, get, post
from litestar.handlers import BaseRouteHandler

from backhaul.adapters.sql import coverage
from backhaul.application.versions import Difference
from backhaul.domain.access import Action
from backhaul.domain.disposition import MappingRow, Outcome
from backhaul.domain.errors import Misconfigured, NeedsOperator
from backhaul.domain.rules import Rules
from backhaul.domain.trail import digest
from backhaul.entrypoints import versioning
from backhaul.entrypoints.versioning import Drafted
from backhaul.entrypoints.web.console import Console, done, fields, query
from backhaul.entrypoints.web.door import AnyRequest

CIRCUMSTANCE: Final = ("legal_entity", "warehouse", "disposition", "condition", "reason")
TARGET: Final = ("outcome", "to_warehouse", "location", "status", "erp_disposition", "credit", "every_reason", "version")
NUMBERED: Final = re.compile(r"(.*)\.(\d{1,6})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A version as it is drafted: what it would change, or what is wrong with it, and the hash by which it is proposed as it was shown."""

    draft: Drafted | None = None
    told: Difference | None = None
    wrong: str = ""

    @property
    def shown(self) -> str:
        """Give the hash of what is shown."""
        return digest({"sha256": self.draft.sha256, "told": self.told}) if self.draft else ""


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/mappings", action=Action.SEE, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        reach = console.reach(request)
        profile = console.house.profiles[reach.tenant]
        with console.house.store.look() as tx:
            held = tx.reigns(reach.tenant)
        with console.house.store.read() as connection:
            seen = coverage.codes(connection, reach, profile.rules.mapping)
            charged = coverage.fees(connection, reach, profile.rules.fees)
        return console.show(request, "mappings.html", rules=profile.rules, version=profile.version, held=held, seen=seen, charged=charged,
                            rows=grouped([row for row in profile.rules.mapping if row.when.legal_entity in reach.entities]),
                            drafts=console.may(request, Action.PROPOSE_MAPPING, whole=True), sells=profile.rules.sellability.sells)

    @get("/mappings/draft", action=Action.PROPOSE_MAPPING, whole=True, sync_to_thread=True)
    def draft(request: AnyRequest) -> Response[str]:
        told = {name: query(request, name) for name in (*CIRCUMSTANCE, *TARGET)}
        profile = console.house.profiles[console.tenant(request)]
        plan = _plan(console, console.tenant(request), told) if told["outcome"] else Plan()
        return console.show(request, "mapping_draft.html", told=told, plan=plan, choices=choices(profile.rules, told["legal_entity"]),
                            suggested=next_name(profile.name), version=profile.version)

    @post("/mappings/propose", action=Action.PROPOSE_MAPPING, whole=True, status_code=303)
    async def propose(request: AnyRequest) -> Response[Any]:
        told = fields(await request.form(), *CIRCUMSTANCE, *TARGET, "reason_why", "shown")
        return await asyncio.to_thread(_propose, console, request, told)

    return [show, draft, propose]


def grouped(rows: Sequence[MappingRow]) -> list[tuple[MappingRow, list[str]]]:
    """Put together the rows that differ in their reason alone, with the reasons they are for."""
    found: dict[MappingRow, list[str]] = {}
    for row in rows:
        found.setdefault(replace(row, when=replace(row.when, reason="")), []).append(row.when.reason)
    return list(found.items())


def choices(rules: Rules, entity: str) -> Mapping[str, Sequence[str]]:
    """Give what a new row of a legal entity may say, as its other rows do: nobody has to know the ERP's codes by heart."""
    rows = [row for row in rules.mapping if row.when.legal_entity == entity]
    sells = next((sorted(set(each.warehouses.values())) for each in rules.entities if each.id == entity), [])
    return {
        "outcome": [each.value for each in Outcome], "to_warehouse": sorted({*sells, *(row.place.warehouse for row in rows)} - {""}),
        "location": sorted({row.place.location for row in rows} - {""}), "status": sorted({row.place.status for row in rows} - {""}),
        "erp_disposition": sorted({row.erp_disposition for row in rows} - {""}), "reason": sorted({row.when.reason for row in rows} - {""})}


def next_name(name: str) -> str:
    """Suggest what the next version calls itself: 2026-01 becomes 2026-01.1, and that 2026-01.2."""
    numbered = NUMBERED.fullmatch(name)
    return f"{numbered[1]}.{int(numbered[2]) + 1}" if numbered else f"{name}.1"


def _plan(console: Console, tenant: str, told: Mapping[str, str]) -> Plan:
    """Draft a version with one more row and compare it with the one that holds."""
    holds = console.house.profiles[tenant]
    reasons = {told.get("reason", ""), *(choices(holds.rules, told.get("legal_entity", ""))["reason"] if told.get("every_reason") else ())}
    row: dict[str, Any] = {name: told.get(name, "") for name in CIRCUMSTANCE} | {
        "reason": sorted(reasons), "outcome": told.get("outcome", ""), "erp_disposition": told.get("erp_disposition", "")}
    row |= {name: told[name] for name in ("to_warehouse", "location", "status") if told.get(name)}
    row |= {"credit": False} if told.get("credit") == "no" else {}
    try:
        draft = console.house.mapped(tenant, row, version=told.get("version", ""), remark="mapped in the console")
    except Misconfigured as wrong:
        return Plan(wrong=str(wrong))
    return Plan(draft=draft, told=versioning.difference(console.house.store, holds, draft))


def _propose(console: Console, request: AnyRequest, told: Mapping[str, str]) -> Response[Any]:
    """Propose what was shown; if anything differs since, it has to be looked at again."""
    tenant = console.tenant(request)
    return propose_shown(console, request, _plan(console, tenant, told), shown=told.get("shown", ""), reason=told.get("reason_why", ""))


def propose_shown(console: Console, request: AnyRequest, plan: Plan, *, shown: str, reason: str) -> Response[Any]:
    """Propose a drafted version if it is the one that was shown; else it has to be looked at again."""
    if plan.draft is None or plan.told is None:
        raise NeedsOperator(plan.wrong)
    if plan.shown != shown:
        message = "what this version would change is not what was shown to you; look at it again and propose that"
        raise NeedsOperator(message)
    made = versioning.propose(console.house.store, console.house.profiles[console.tenant(request)], plan.draft, plan.told,
                              proposer=request.state.visitor.person.actor, reason=reason, now=console.clock.now())
    return done(request, f"/approvals/{made.id}", "proposed")

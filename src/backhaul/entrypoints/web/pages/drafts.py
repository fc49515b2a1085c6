"""Which place of the profile ends an exception, and what would other words there change?

What is mapped, or not, stands in the profile. An exception leads to the place that says it, with what was found filled in; what is written
there is a draft, shown with the lines it changes, proposed, and in force once somebody else approved it, as any other version is.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.handlers import BaseRouteHandler

from backhaul.domain.access import Action
from backhaul.domain.errors import Misconfigured, NeedsOperator
from backhaul.domain.exception_case import Finding
from backhaul.entrypoints import versioning
from backhaul.entrypoints.web.console import Console, fields, query, whole
from backhaul.entrypoints.web.door import AnyRequest
from backhaul.entrypoints.web.pages.mappings import Plan, next_name, propose_shown
from backhaul.toml_rows import Passage, passages, rewritten, with_entry, with_key

FOUND: Final = re.compile(r"'([^']+)'")
"""What a finding names first is what was found."""
PLACES: Final[Mapping[str, str]] = {
    "UNMAPPED_FEE": "fees", "SERVICE_ITEM_UNKNOWN": "fees", "UNKNOWN_LEGAL_ENTITY": "legal_entities", "DAMAGED_TO_SELLABLE": "mapping",
    "DISPOSITION_CODE_UNKNOWN": "mapping", "REPLACEMENT_ORDER": "mapping"}
"""Which table of the profile can end which kind of trouble, beside a disposition nobody mapped, which is one more row."""
ELSEWHERE: Final[Mapping[tuple[str, str], str]] = {
    ("SERVICE_ITEM_UNKNOWN", "debit"): "", ("DAMAGED_TO_SELLABLE", "units without a return"): "surplus",
    ("DISPOSITION_CODE_UNKNOWN", "return reason"): "legal_entities"}
"""Which other one it is where the sentence says that."""
LONGEST: Final = 64 * 1024
"""Characters of what is written in one place, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Where a finding leads: the table of the profile and what was found, if it says that."""

    table: str
    found: str


def ways(findings: tuple[Finding, ...]) -> list[Way]:
    """Give the places of the profile that can end what was found, each once."""
    told: dict[tuple[str, str], None] = {}
    for each in findings:
        if each.code in PLACES:
            named = FOUND.search(each.sentence)
            table = next((name for (code, words), name in ELSEWHERE.items() if code == each.code and words in each.sentence),
                         PLACES[each.code])
            told[table, named[1] if named else ""] = None
    return [Way(table=table, found=found) for table, found in told]


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/profile/draft", action=Action.PROPOSE_MAPPING, whole=True, sync_to_thread=True)
    def draft(request: AnyRequest) -> Response[str]:
        profile = console.house.profiles[console.tenant(request)]
        table, found = query(request, "table"), query(request, "found")
        places = _places(profile.text, table)
        at = whole(query(request, "at"))
        number = at if at is not None and at < len(places) else _best(places, found)
        told = {"table": table, "at": str(number), "found": found, "was": profile.sha256, "version": next_name(profile.name),
                "text": filled(table, places[number].text, found)}
        return console.show(request, "profile_draft.html", told=told, plan=Plan(), places=places, version=profile.version)

    @post("/profile/compare", action=Action.PROPOSE_MAPPING, whole=True, status_code=200)
    async def show(request: AnyRequest) -> Response[str]:
        told = fields(await request.form(), "table", "at", "found", "was", "version", "text", most=LONGEST)
        return await asyncio.to_thread(_show, console, request, told)

    @post("/profile/propose", action=Action.PROPOSE_MAPPING, whole=True, status_code=303)
    async def propose(request: AnyRequest) -> Response[Any]:
        told = fields(await request.form(), "table", "at", "found", "was", "version", "text", "reason", "shown", most=LONGEST)
        return await asyncio.to_thread(_propose, console, request, told)

    return [draft, show, propose]


def filled(table: str, passage: str, found: str) -> str:
    """Give the words of a place with what was found in them; its meaning is still to be said."""
    if table == "fees" and found:
        return with_key(passage, found)
    if table == "legal_entities" and found:
        return with_entry(passage, "retailers", found)
    return passage if table else with_key(passage, "debit_item")


def _places(text: str, table: str) -> list[Passage]:
    """Give where the profile says a table; one that it does not say begins at its end."""
    if table not in {*PLACES.values(), *ELSEWHERE.values()}:
        message = f"'{table}' is no table that is drafted here; propose the whole file with `backhaul profile propose`"
        raise NeedsOperator(message)
    end = len(text.splitlines())
    head = f"[{table}]" if table == "fees" else f"[[{table}]]"
    return [*passages(text, table)] or [Passage(first=end, end=end, text=head)]


def _best(places: list[Passage], found: str) -> int:
    """Give the place that names what was found, else the last: others are a link away."""
    return next((number for number, each in enumerate(places) if found and f'"{found}"' in each.text), len(places) - 1)


def _plan(console: Console, tenant: str, told: Mapping[str, str]) -> Plan:
    """Draft a version with what was written and compare it with the one that holds."""
    holds, at = console.house.profiles[tenant], whole(told.get("at", ""))
    places = _places(holds.text, told.get("table", ""))
    if told.get("was") != holds.sha256 or at is None or at >= len(places):
        message = "another version holds since this place was shown; open it again and write it there"
        raise NeedsOperator(message)
    try:
        draft = console.house.drafted(tenant, rewritten(holds.text, places[at], told.get("text", ""), version=told.get("version", "")))
    except Misconfigured as wrong:
        return Plan(wrong=str(wrong))
    return Plan(draft=draft, told=versioning.difference(console.house.store, holds, draft))


def _show(console: Console, request: AnyRequest, told: Mapping[str, str]) -> Response[str]:
    tenant = console.tenant(request)
    profile, plan = console.house.profiles[tenant], _plan(console, tenant, told)
    back = {name: text for name, text in {"tenant": tenant, **told}.items() if name in {"tenant", "table", "at", "found"}}
    return console.show(request, "profile_draft.html", told={"found": "", "version": "", "text": "", **told}, plan=plan,
                        address=f"/profile/draft?{urlencode(back)}", places=_places(profile.text, told["table"]), version=profile.version)


def _propose(console: Console, request: AnyRequest, told: Mapping[str, str]) -> Response[Any]:
    """Propose what was shown; if anything differs since, it has to be looked at again."""
    plan = _plan(console, console.tenant(request), told)
    return propose_shown(console, request, plan, shown=told.get("shown", ""), reason=told.get("reason", ""))

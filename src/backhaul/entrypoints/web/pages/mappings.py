"""Where does each kind of goods go, since when, and which codes has nobody mapped?"""

from collections.abc import Sequence
from dataclasses import replace

from litestar import Response, get
from litestar.handlers import BaseRouteHandler
from sqlalchemy import select

from backhaul.adapters.sql import coverage, tables
from backhaul.domain.access import Action
from backhaul.domain.disposition import MappingRow
from backhaul.entrypoints.web.console import Console
from backhaul.entrypoints.web.door import AnyRequest


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/mappings", action=Action.SEE, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        reach = console.reach(request)
        profile, kept = console.house.profiles[reach.tenant], tables.profiles
        with console.house.store.read() as connection:
            versions = connection.execute(select(kept.c.version, kept.c.sha256, kept.c.at).where(
                kept.c.tenant == reach.tenant).order_by(kept.c.at.desc()).limit(50)).all()
            seen = coverage.codes(connection, reach, profile.rules.mapping)
        return console.show(request, "mappings.html", rules=profile.rules, version=profile.version, versions=versions, seen=seen,
                            rows=grouped([row for row in profile.rules.mapping if row.when.legal_entity in reach.entities]),
                            sells=profile.rules.sellability.sells)

    return [show]


def grouped(rows: Sequence[MappingRow]) -> list[tuple[MappingRow, list[str]]]:
    """Put together the rows that differ in their reason alone, with the reasons they are for."""
    found: dict[MappingRow, list[str]] = {}
    for row in rows:
        found.setdefault(replace(row, when=replace(row.when, reason="")), []).append(row.when.reason)
    return list(found.items())
